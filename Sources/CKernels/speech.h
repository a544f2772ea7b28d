// Front-ends of sound, included once per build.

/// |X|² from rows of `bins` real and `bins` imaginary parts.
static void powerSpectrum(int64_t rows, int64_t bins, const float *spectrum, float *power) {
  for (int64_t r = 0; r < rows; r++) {
    const float *re = spectrum + 2 * r * bins, *im = re + bins;
    for (int64_t k = 0; k < bins; k++) power[r * bins + k] = re[k] * re[k] + im[k] * im[k];
  }
}

/// ln(max(x, least)) in place; `least` is positive and normal. NaN passes.
static void logarithms(int64_t count, float least, float *x) {
  for (int64_t i = 0; i < count; i++) x[i] = fastLog(x[i] < least ? least : x[i]);
}

/// Slopes over five steps: d_t = Σ_θ θ (c_{t+θ} − c_{t−θ}) / 10 with θ of 1 and 2, the first and the
/// last step repeated beyond the ends.
static void deltas(int64_t samples, const long *offsets, int64_t channels, const float *x,
                   int64_t xStride, float *y, int64_t yStride) {
  for (int64_t n = 0; n < samples; n++) {
    int64_t first = offsets[n], last = offsets[n + 1] - 1;
    for (int64_t t = first; t <= last; t++) {
      const float *a = x + (t + 1 < last ? t + 1 : last) * xStride;
      const float *b = x + (t - 1 > first ? t - 1 : first) * xStride;
      const float *c = x + (t + 2 < last ? t + 2 : last) * xStride;
      const float *d = x + (t - 2 > first ? t - 2 : first) * xStride;
      for (int64_t i = 0; i < channels; i++)
        y[t * yStride + i] = (a[i] - b[i] + 2.0f * (c[i] - d[i])) * 0.1f;
    }
  }
}

/// Two independent normal numbers from two words (Box and Muller 1958): sqrt(−2 ln u) · (cos, sin)(2πv).
///
/// u has 24 bits and is never 0 or 1, so that no number is beyond 5.9. The angle is reduced to an
/// eighth of a turn around a multiple of a quarter; polynomials of Cephes.
INLINE void normalPair(uint32_t first, uint32_t second, float *a, float *b) {
  float u = ((float)(int32_t)(first >> 8) + 0.5f) * 0x1p-24f;
  float turn = (float)(int32_t)(second >> 8) * 0x1p-22f;  // quarters of a turn, 0 ..< 4
  float quarter = __builtin_rintf(turn);
  float f = (turn - quarter) * 1.57079632679489662f, z = f * f;
  float s = f + f * z * (-1.6666654611e-1f + z * (8.3321608736e-3f - z * 1.9515295891e-4f));
  float c = 1.0f - 0.5f * z +
            z * z * (4.166664568298827e-2f + z * (-1.388731625493765e-3f + z * 2.443315711809948e-5f));
  int32_t q = (int32_t)quarter;
  float cosine = q & 1 ? s : c, sine = q & 1 ? c : s;
  cosine = (q + 1) & 2 ? -cosine : cosine;
  sine = q & 2 ? -sine : sine;
  float radius = __builtin_sqrtf(-2.0f * fastLog(u));
  *a = radius * cosine;
  *b = radius * sine;
}

/// y = x + deviation · normal numbers: of a block of 64 elements, element 4 l + w takes word w's number
/// of counter first + l, pairs of words making pairs of numbers.
static void addNoise(int64_t count, float deviation, uint64_t seed, uint32_t purpose, uint32_t path,
                     uint32_t step, int64_t sampleNumber, uint32_t first, const float *x, float *y) {
  uint32_t key[2] = {(uint32_t)seed, (uint32_t)(seed >> 32) ^ (purpose * 0x9E3779B9u)};
  for (int64_t i = 0; i < count; i += 64) {
    uint32_t words[4][16];
    philox16(first + (uint32_t)(i / 4), (uint32_t)sampleNumber, path, step, key[0], key[1], words);
    float noise[4][16];
    LANE(normalPair(words[0][l], words[1][l], &noise[0][l], &noise[1][l]));
    LANE(normalPair(words[2][l], words[3][l], &noise[2][l], &noise[3][l]));
    int64_t valid = count - i < 64 ? count - i : 64;
    for (int64_t j = 0; j < valid; j++)
      y[i + j] = x[i + j] + deviation * noise[j % 4][j / 4];
  }
}
