// What attention does between its matrix products, included once per build.

/// Softmax of each row in place; row r sees its first min(width, visible + r · growth) numbers, at
/// least one, and the others become zero. The largest is subtracted first, so nothing overflows.
///
/// Each step of a row waits for the one before, so a few rows take it one after the other.
static void softmaxRows(int64_t rows, int64_t width, int64_t visible, int64_t growth,
                        float *values) {
  enum { TOGETHER = 8 };
  float most[TOGETHER], factor[TOGETHER];
  int64_t seen[TOGETHER];
  for (int64_t first = 0; first < rows; first += TOGETHER, values += TOGETHER * width) {
    int64_t count = least(rows - first, TOGETHER);
    for (int64_t r = 0; r < count; r++) {
      seen[r] = least(visible + (first + r) * growth, width);
      most[r] = largestOf(seen[r], values + r * width);
    }
    for (int64_t r = 0; r < count; r++) {
      float *row = values + r * width, largest = most[r];
      for (int64_t i = 0, end = seen[r]; i < end; i++) row[i] = fastExp(row[i] - largest);
    }
    for (int64_t r = 0; r < count; r++) factor[r] = (float)(1.0 / sum(seen[r], values + r * width));
    for (int64_t r = 0; r < count; r++) {
      float *row = values + r * width;
      scale(seen[r], factor[r], row);
      __builtin_memset(row + seen[r], 0, (size_t)(width - seen[r]) * sizeof(float));
    }
  }
}

/// The gradient of scaled scores, in place of that of the probabilities:
/// dS = factor · (D ∘ dD − P · Σ D ∘ dD) per row, with D the probabilities after dropout (or P).
static void softmaxRowsGradient(int64_t rows, int64_t width, float factor, const float *p,
                                const float *dropped, float *gradient) {
  for (int64_t r = 0; r < rows; r++) {
    const float *probability = p + r * width, *d = dropped + r * width;
    float *g = gradient + r * width;
    v16 part = {0};
    for (int64_t i = 0; i < width; i += 16) {
      int64_t valid = columnsLeft(width, i);
      part += loadColumns(d + i, valid) * loadColumns(g + i, valid);
    }
    float total = (float)totalWide(widen16(part));
    for (int64_t i = 0; i < width; i++) g[i] = factor * (d[i] * g[i] - probability[i] * total);
  }
}

/// Σ a · b, in Float64 between vectors of 16.
INLINE float dot(int64_t count, const float *a, const float *b) {
  Wide parts = {{0}, {0}};
  for (int64_t i = 0; i < count; i += 16) {
    int64_t valid = columnsLeft(count, i);
    Wide v = widen16(loadColumns(a + i, valid) * loadColumns(b + i, valid));
    parts.low += v.low;
    parts.high += v.high;
  }
  return (float)totalWide(parts);
}

/// y = Σ_t p_t x_t with p = softmax_t(query · x_t), sequence by sequence; zero for no steps.
static void attentionPoolForward(int64_t samples, const long *offsets, int64_t channels,
                                 const float *x, const float *query, float *p, float *y) {
  for (int64_t n = 0; n < samples; n++) {
    int64_t first = offsets[n], steps = offsets[n + 1] - first;
    float *out = y + n * channels;
    __builtin_memset(out, 0, (size_t)channels * sizeof(float));
    if (steps == 0) continue;
    for (int64_t t = first; t < first + steps; t++) p[t] = dot(channels, query, x + t * channels);
    softmaxRows(1, steps, steps, 0, p + first);
    for (int64_t t = first; t < first + steps; t++)
      for (int64_t c = 0; c < channels; c++) out[c] += p[t] * x[t * channels + c];
  }
}

/// With g_t = dy · x_t and s_t = p_t (g_t − Σ p g): dx_t = p_t dy + s_t query, dQuery = Σ s_t x_t over
/// all rows, 64 at a time. `s` is room for one float a row.
static void attentionPoolBackward(int64_t samples, const long *offsets, int64_t channels,
                                  const float *x, const float *query, const float *p,
                                  const float *dy, float *s, float *dx, float *dQuery) {
  for (int64_t n = 0; n < samples; n++) {
    const float *g = dy + n * channels;
    double mean = 0;
    for (int64_t t = offsets[n]; t < offsets[n + 1]; t++) {
      s[t] = dot(channels, g, x + t * channels);
      mean += (double)p[t] * (double)s[t];
    }
    for (int64_t t = offsets[n]; t < offsets[n + 1]; t++) {
      s[t] = p[t] * (s[t] - (float)mean);
      for (int64_t c = 0; c < channels; c++) dx[t * channels + c] = p[t] * g[c] + s[t] * query[c];
    }
  }
  int64_t rows = offsets[samples];
  for (int64_t column = 0; column < channels; column += 16) {
    int64_t valid = columnsLeft(channels, column);
    v16 total = {0};
    for (int64_t first = 0; first < rows; first += 64) {
      v16 part = {0};
      for (int64_t r = first; r < rows && r < first + 64; r++)
        part += s[r] * loadColumns(x + r * channels + column, valid);
      total += part;
    }
    storeColumns(dQuery + column, total, valid);
  }
}
