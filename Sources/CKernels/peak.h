// What multipliers do at best, included once per build.

/// Chains of products and sums: enough to hide the latency of one, few enough for the registers.
#define CHAINS 12

/// `rounds` times 12 chains of 16 products and sums that read no memory; the result keeps them alive.
static float multiplyAdds(int64_t rounds, float factor) {
  v16 f = (v16){0} + factor, total = {0};
#ifdef BUILD_MASKS
  enum { STEP = CHAINS };
#else
  enum { STEP = CHAINS / 2 };  // a vector of 16 takes two registers or more
#endif
  for (int part = 0; part < CHAINS; part += STEP) {
    v16 sum[STEP];
#pragma clang loop unroll(full)
    for (int t = 0; t < STEP; t++) sum[t] = (v16){0} + (float)(part + t);
    for (int64_t r = 0; r < rounds; r++)
#pragma clang loop unroll(full)
      for (int t = 0; t < STEP; t++) sum[t] = sum[t] * f + f;
#pragma clang loop unroll(full)
    for (int t = 0; t < STEP; t++) total += sum[t];
  }
  float result = 0;
  for (int l = 0; l < 16; l++) result += total[l];
  return result;
}
