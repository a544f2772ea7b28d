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

/// What the counters of one layer have in common.
typedef struct {
  uint32_t key[2], path, step, threshold;
  float keep;
} Dropping;

/// The key's second word folds in the seed's high half.
INLINE Dropping dropping(float rate, uint64_t seed, uint32_t purpose, uint32_t path, uint32_t step) {
  double bound = (double)rate * 4294967296.0;
  Dropping d = {.key = {(uint32_t)seed, (uint32_t)(seed >> 32) ^ (purpose * 0x9E3779B9u)},
                .path = path, .step = step,
                .threshold = bound >= 4294967295.0 ? 4294967295u : (uint32_t)bound,
                .keep = 1.0f / (1.0f - rate)};
  return d;
}

/// The factors of 64 elements: 0, or 1 / (1 - rate). `first` is the counter of the first four.
INLINE void keepFactors(const Dropping *d, uint32_t first, int64_t sample, float kept[64]) {
  uint32_t words[4][16];
  philox16(first, (uint32_t)sample, d->path, d->step, d->key[0], d->key[1], words);
  for (int l = 0; l < 16; l++)
    for (int w = 0; w < 4; w++) kept[4 * l + w] = words[w][l] >= d->threshold ? d->keep : 0;
}

/// Drops elements of one row whose first counter is `first`.
INLINE void dropRow(const Dropping *d, uint32_t first, int64_t sample, int64_t width, const float *x,
                    float *y) {
  for (int64_t i = 0; i < width; i += 64) {
    float kept[64];
    keepFactors(d, first + (uint32_t)(i / 4), sample, kept);
    int64_t valid = width - i < 64 ? width - i : 64;
    // Selected, not multiplied: a dropped infinity is zero.
    for (int64_t j = 0; j < valid; j++) y[i + j] = kept[j] > 0 ? x[i + j] * kept[j] : 0;
  }
}

/// Element i of sample s lives if word i mod 4 of Philox(counter (i / 4, s, path, step),
/// key (seed, purpose)) is at or above rate · 2³².
static void dropout(int64_t samples, int64_t width, float rate, uint64_t seed, uint32_t purpose,
                    uint32_t path, uint32_t step, const int64_t *sampleNumbers, const float *input,
                    float *output) {
  Dropping d = dropping(rate, seed, purpose, path, step);
  for (int64_t n = 0; n < samples; n++)
    dropRow(&d, 0, sampleNumbers[n], width, input + n * width, output + n * width);
}

/// Rows of one sample; row r begins at counter `first` + r · `counters`.
static void dropoutRows(int64_t rows, int64_t width, float rate, uint64_t seed, uint32_t purpose,
                        uint32_t path, uint32_t step, int64_t sampleNumber, uint32_t first,
                        uint32_t counters, const float *input, float *output) {
  Dropping d = dropping(rate, seed, purpose, path, step);
  for (int64_t r = 0; r < rows; r++)
    dropRow(&d, first + (uint32_t)r * counters, sampleNumber, width, input + r * width,
            output + r * width);
}

/// Whole rows of packed sequences: step t of a sample is element t of the counters above.
static void dropoutSteps(int64_t samples, const long *offsets, int64_t channels, float rate,
                         uint64_t seed, uint32_t purpose, uint32_t path, uint32_t step,
                         const int64_t *sampleNumbers, const float *input, float *output) {
  Dropping d = dropping(rate, seed, purpose, path, step);
  for (int64_t n = 0; n < samples; n++)
    for (int64_t t = 0, steps = offsets[n + 1] - offsets[n]; t < steps; t += 64) {
      float kept[64];
      keepFactors(&d, (uint32_t)(t / 4), sampleNumbers[n], kept);
      for (int64_t j = 0; j < 64 && t + j < steps; j++) {
        const float *x = input + (offsets[n] + t + j) * channels;
        float *y = output + (offsets[n] + t + j) * channels;
        for (int64_t c = 0; c < channels; c++) y[c] = kept[j] > 0 ? x[c] * kept[j] : 0;
      }
    }
}
