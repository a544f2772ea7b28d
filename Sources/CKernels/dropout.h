// Dropout, included once per build.

#define LANE(op) for (int l = 0; l < 16; l++) op

/// The words of 16 counters that differ in their first word alone, lane by lane: words[w][l].
INLINE void philox16(uint32_t first, uint32_t c1, uint32_t c2, uint32_t c3, uint32_t k0,
                     uint32_t k1, uint32_t words[4][16]) {
  uint32_t a[16], b[16], c[16], d[16];
  LANE(a[l] = first + (uint32_t)l);
  LANE(b[l] = c1);
  LANE(c[l] = c2);
  LANE(d[l] = c3);
  for (int round = 0; round < 10; round++) {
    LANE({
      uint64_t p = (uint64_t)0xD2511F53u * a[l];
      uint64_t q = (uint64_t)0xCD9E8D57u * c[l];
      a[l] = (uint32_t)(q >> 32) ^ b[l] ^ k0;
      c[l] = (uint32_t)(p >> 32) ^ d[l] ^ k1;
      b[l] = (uint32_t)q;
      d[l] = (uint32_t)p;
    });
    k0 += 0x9E3779B9u;
    k1 += 0xBB67AE85u;
  }
  LANE(words[0][l] = a[l]);
  LANE(words[1][l] = b[l]);
  LANE(words[2][l] = c[l]);
  LANE(words[3][l] = d[l]);
}

/// Element i of sample s lives if word i mod 4 of Philox(counter (i / 4, s, path, step),
/// key (seed, purpose)) is at or above rate · 2³². The key's second word folds in the seed's high half.
static void dropout(int64_t samples, int64_t width, float rate, uint64_t seed, uint32_t purpose,
                    uint32_t path, uint32_t step, const int64_t *sampleNumbers, const float *input,
                    float *output) {
  uint32_t key[2] = {(uint32_t)seed, (uint32_t)(seed >> 32) ^ (purpose * 0x9E3779B9u)};
  double bound = (double)rate * 4294967296.0;
  uint32_t threshold = bound >= 4294967295.0 ? 4294967295u : (uint32_t)bound;
  float keep = 1.0f / (1.0f - rate);
  for (int64_t n = 0; n < samples; n++) {
    const float *x = input + n * width;
    float *y = output + n * width;
    for (int64_t i = 0; i < width; i += 64) {
      uint32_t words[4][16];
      philox16((uint32_t)(i / 4), (uint32_t)sampleNumbers[n], path, step, key[0], key[1], words);
      float kept[64];
      for (int l = 0; l < 16; l++)
        for (int w = 0; w < 4; w++) kept[4 * l + w] = words[w][l] >= threshold ? keep : 0;
      int64_t valid = width - i < 64 ? width - i : 64;
      // Selected, not multiplied: a dropped infinity is zero.
      for (int64_t j = 0; j < valid; j++) y[i + j] = kept[j] > 0 ? x[i + j] * kept[j] : 0;
    }
  }
}
