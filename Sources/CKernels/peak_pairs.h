// What a core multiplies and adds at most in pairs of bfloat16, included once per build and once more for dot products.

/// Chains of dot products that wait for nobody; see `multiplyAdds`.
static double PAIRS(multiplyAdds)(int64_t rounds, float *result) {
  enum { CHAINS = 12 };
  // Pairs of 0.5 and 0.
  PairLanes factor = (PairLanes)(PairSpread)0x3f00u, term = (PairLanes)(PairSpread)0x3f003f00u;
  Lanes sum[CHAINS];
#pragma clang loop unroll(full)
  for (int c = 0; c < CHAINS; c++) sum[c] = (Lanes)(Spread)*result;
#pragma clang loop unroll(disable)
  for (int64_t r = 0; r < rounds; r++) {
    // Else the compiler knows what is multiplied, where it is no instruction's secret.
    __asm__("" : PRODUCT_REGISTER(factor), PRODUCT_REGISTER(term));
#pragma clang loop unroll(full)
    for (int c = 0; c < CHAINS; c++) sum[c] = PAIRS(dotLanes)(sum[c], factor, term);
  }
#pragma clang loop unroll(full)
  for (int c = 1; c < CHAINS; c++) sum[0] += sum[c];
  *result = sum[0][0];
  return 4.0 * LANES * CHAINS * (double)rounds;
}
