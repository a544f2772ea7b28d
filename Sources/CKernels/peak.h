// What a core multiplies and adds at most, included once per build.

/// Chains of multiplications with additions that wait for nobody, `rounds` each; returns the operations.
/// Two multipliers that take four or five cycles have room for ten.
static double multiplyAdds(int64_t rounds, float *result) {
  enum { CHAINS = 12 };
  Lanes sum[CHAINS], factor = (Lanes)(Spread)0.5f, term = (Lanes)(Spread)*result;
#pragma clang loop unroll(full)
  for (int c = 0; c < CHAINS; c++) sum[c] = term;
#pragma clang loop unroll(disable)
  for (int64_t r = 0; r < rounds; r++) {
#pragma clang loop unroll(full)
    for (int c = 0; c < CHAINS; c++) sum[c] = sum[c] * factor + term;
  }
#pragma clang loop unroll(full)
  for (int c = 1; c < CHAINS; c++) sum[0] += sum[c];
  *result = sum[0][0];
  return 2.0 * LANES * CHAINS * (double)rounds;
}
