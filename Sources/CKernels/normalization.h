// Batch and layer normalisation, included once per build.

INLINE void storeWide(double *p, Wide v, int64_t count) {
  for (int64_t i = 0; i < count; i++) p[i] = i < 8 ? v.low[i] : v.high[i - 8];
}

/// Mean and squared distances from it of up to 16 channels, in one pass of Float64 sums around the first
/// row.
///
/// With d the distance of the first row from the mean, the cancellation costs (d / deviation)² units
/// in the last place of Float64; the first row being one of the n, that is at most n.
INLINE void moments(int64_t rows, int64_t pitch, int64_t valid, const float *x, Wide *mean,
                    Wide *squares) {
  double count = (double)rows;
  Wide shift = widen16(loadColumns(x, valid));
  Wide s = {{0}, {0}}, q = {{0}, {0}};
  for (int64_t r = 0; r < rows; r++) {
    Wide v = widen16(loadColumns(x + r * pitch, valid));
    v.low -= shift.low;
    v.high -= shift.high;
    s.low += v.low;
    s.high += v.high;
    q.low += v.low * v.low;
    q.high += v.high * v.high;
  }
  mean->low = shift.low + s.low / count;
  mean->high = shift.high + s.high / count;
  squares->low = q.low - s.low * s.low / count;
  squares->high = q.high - s.high * s.high / count;
}

/// Mean and biased variance per channel; rows lie `pitch` floats apart.
static void batchNormStatistics(int64_t rows, int64_t pitch, int64_t channels, const float *x,
                                float *mean, float *variance) {
  double count = (double)rows;
  for (int64_t column = 0; column < channels; column += 16) {
    int64_t valid = columnsLeft(channels, column);
    Wide m, q;
    moments(rows, pitch, valid, x + column, &m, &q);
    Wide v = {q.low / count, q.high / count};
    v16 least = {0}, biased = narrow16(v);
    biased = (v16)((i16)biased & ~(biased < least));  // rounding may leave less than nothing
    storeColumns(mean + column, narrow16(m), valid);
    storeColumns(variance + column, biased, valid);
  }
}

/// Mean and squared distances from it per channel, to be combined with those of other microbatches.
static void batchNormMoments(int64_t rows, int64_t pitch, int64_t channels, const float *x,
                             double *mean, double *squares) {
  for (int64_t column = 0; column < channels; column += 16) {
    int64_t valid = columnsLeft(channels, column);
    Wide m, q;
    moments(rows, pitch, valid, x + column, &m, &q);
    storeWide(mean + column, m, valid);
    storeWide(squares + column, q, valid);
  }
}

static void batchNormApply(int64_t rows, int64_t channels, const float *x, const float *mean,
                           const float *variance, float epsilon, const float *weight,
                           const float *bias, bool relu, float *y) {
  for (int64_t column = 0; column < channels; column += 16) {
    int64_t valid = columnsLeft(channels, column);
    float factor[16] = {0};
    for (int64_t i = 0; i < valid; i++)
      factor[i] = weight[column + i] / __builtin_sqrtf(variance[column + i] + epsilon);
    v16 m = loadColumns(mean + column, valid), f = load16(factor), zero = {0};
    v16 s = loadColumns(bias + column, valid);
    for (int64_t r = 0; r < rows; r++) {
      v16 v = (loadColumns(x + r * channels + column, valid) - m) * f + s;
      if (relu) v = (v16)((i16)v & ~(v <= zero));  // NaN is not <= 0 and passes
      storeColumns(y + r * channels + column, v, valid);
    }
  }
}

/// Σ dy and Σ dy · (x − mean) of up to 16 channels, and from them the gradients of weight and bias.
INLINE void gradientSums(int64_t rows, int64_t pitch, int64_t valid, const float *x,
                         const float *mean, const float *variance, float epsilon, const float *dy,
                         double *sums, double *products, float *dWeight, float *dBias) {
  Wide s = {{0}, {0}}, q = {{0}, {0}}, m = widen16(loadColumns(mean, valid));
  for (int64_t r = 0; r < rows; r++) {
    Wide g = widen16(loadColumns(dy + r * pitch, valid));
    Wide v = widen16(loadColumns(x + r * pitch, valid));
    s.low += g.low;
    s.high += g.high;
    q.low += g.low * (v.low - m.low);
    q.high += g.high * (v.high - m.high);
  }
  storeWide(sums, s, valid);
  storeWide(products, q, valid);
  for (int64_t i = 0; i < valid; i++) {
    double inverse = 1.0 / __builtin_sqrt((double)variance[i] + (double)epsilon);
    dBias[i] = (float)sums[i];
    dWeight[i] = (float)(products[i] * inverse);
  }
}

/// `dx = γ/σ · (dy − mean(dy) − x̂ · mean(dy · x̂))` of up to 16 channels; the means are `count`-ths of
/// the sums.
INLINE void inputGradient(int64_t rows, double count, int64_t pitch, int64_t valid, const float *x,
                          const float *mean, const float *variance, float epsilon,
                          const float *weight, const double *sums, const double *products,
                          const float *dy, float *dx) {
  float factor[16] = {0}, centre[16] = {0}, slope[16] = {0};
  for (int64_t i = 0; i < valid; i++) {
    double inverse = 1.0 / __builtin_sqrt((double)variance[i] + (double)epsilon);
    centre[i] = (float)(sums[i] / count);
    slope[i] = (float)(products[i] * inverse * inverse / count);
    factor[i] = weight[i] * (float)inverse;
  }
  v16 m = loadColumns(mean, valid), f = load16(factor), a = load16(centre), b = load16(slope);
  for (int64_t r = 0; r < rows; r++) {
    int64_t place = r * pitch;
    v16 g = loadColumns(dy + place, valid), v = loadColumns(x + place, valid);
    storeColumns(dx + place, f * (g - a - (v - m) * b), valid);
  }
}

/// Training mode, with the statistics of these rows alone.
static void batchNormBackward(int64_t rows, int64_t pitch, int64_t channels, const float *x,
                              const float *mean, const float *variance, float epsilon,
                              const float *weight, const float *dy, float *dx, float *dWeight,
                              float *dBias) {
  for (int64_t column = 0; column < channels; column += 16) {
    int64_t valid = columnsLeft(channels, column);
    double sums[16], products[16];
    gradientSums(rows, pitch, valid, x + column, mean + column, variance + column, epsilon,
                 dy + column, sums, products, dWeight + column, dBias + column);
    inputGradient(rows, (double)rows, pitch, valid, x + column, mean + column, variance + column,
                  epsilon, weight + column, sums, products, dy + column, dx + column);
  }
}

/// The first half of `batchNormBackward`, to be combined with other microbatches.
static void batchNormGradientSums(int64_t rows, int64_t pitch, int64_t channels, const float *x,
                                  const float *mean, const float *variance, float epsilon,
                                  const float *dy, double *sums, double *products, float *dWeight,
                                  float *dBias) {
  for (int64_t column = 0; column < channels; column += 16)
    gradientSums(rows, pitch, columnsLeft(channels, column), x + column, mean + column,
                 variance + column, epsilon, dy + column, sums + column, products + column,
                 dWeight + column, dBias + column);
}

/// The second half, with sums over `count` rows of which these are a part.
static void batchNormInputGradient(int64_t rows, double count, int64_t channels, const float *x,
                                   const float *mean, const float *variance, float epsilon,
                                   const float *weight, const double *sums, const double *products,
                                   const float *dy, float *dx) {
  for (int64_t column = 0; column < channels; column += 16)
    inputGradient(rows, count, channels, columnsLeft(channels, column), x + column, mean + column,
                  variance + column, epsilon, weight + column, sums + column, products + column,
                  dy + column, dx + column);
}

static void layerNormForward(int64_t rows, int64_t width, const float *x, float epsilon,
                             const float *weight, const float *bias, float *y, float *mean,
                             float *inverseDeviation) {
  for (int64_t r = 0; r < rows; r++) {
    const float *row = x + r * width;
    double m = sum(width, row) / (double)width;
    Wide q = {{0}, {0}};
    double rest = 0;
    int64_t i = 0;
    for (; i + 16 <= width; i += 16) {
      Wide v = widen16(load16(row + i));
      q.low += (v.low - m) * (v.low - m);
      q.high += (v.high - m) * (v.high - m);
    }
    for (; i < width; i++) rest += ((double)row[i] - m) * ((double)row[i] - m);
    double variance = (totalWide(q) + rest) / (double)width;
    float centre = (float)m, inverse = (float)(1.0 / __builtin_sqrt(variance + (double)epsilon));
    mean[r] = centre;
    inverseDeviation[r] = inverse;
    for (i = 0; i < width; i++)
      y[r * width + i] = (row[i] - centre) * inverse * weight[i] + bias[i];
  }
}

/// `dWeight = Σ dy · x̂` and `dBias = Σ dy`, in the rows' order; rows lie `pitch` floats apart.
static void layerNormWeightGradient(int64_t rows, int64_t pitch, int64_t width, const float *x,
                                    const float *mean, const float *inverseDeviation,
                                    const float *dy, float *dWeight, float *dBias) {
  for (int64_t i = 0; i < width; i += 16) {
    int64_t valid = columnsLeft(width, i);
    v16 weight = {0}, bias = {0};
    for (int64_t r = 0; r < rows; r++) {
      v16 gradient = loadColumns(dy + r * pitch + i, valid);
      v16 hat = (loadColumns(x + r * pitch + i, valid) - mean[r]) * inverseDeviation[r];
      weight += gradient * hat;
      bias += gradient;
    }
    storeColumns(dWeight + i, weight, valid);
    storeColumns(dBias + i, bias, valid);
  }
}

static void layerNormInputGradient(int64_t rows, int64_t width, const float *x, const float *mean,
                                   const float *inverseDeviation, const float *weight,
                                   const float *dy, float *dx) {
  for (int64_t r = 0; r < rows; r++) {
    const float *row = x + r * width, *g = dy + r * width;
    float centre = mean[r], inverse = inverseDeviation[r];
    Wide s = {{0}, {0}}, q = {{0}, {0}};
    for (int64_t i = 0; i < width; i += 16) {
      int64_t valid = columnsLeft(width, i);
      v16 gradient = loadColumns(g + i, valid), w = loadColumns(weight + i, valid);
      v16 hat = (loadColumns(row + i, valid) - centre) * inverse;
      Wide first = widen16(gradient * w), second = widen16(gradient * w * hat);
      s.low += first.low;
      s.high += first.high;
      q.low += second.low;
      q.high += second.high;
    }
    float meanGradient = (float)(totalWide(s) / (double)width);
    float meanProduct = (float)(totalWide(q) / (double)width);
    for (int64_t i = 0; i < width; i++) {
      float hat = (row[i] - centre) * inverse;
      dx[r * width + i] = inverse * (g[i] * weight[i] - meanGradient - hat * meanProduct);
    }
  }
}
