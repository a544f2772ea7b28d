// Batch and layer normalisation, included once per build.

INLINE void storeWide(double *p, Wide v, int64_t count) {
  for (int64_t i = 0; i < count; i++) p[i] = i < 8 ? v.low[i] : v.high[i - 8];
}

/// Mean and squared distances from it of up to 16 channels, in one pass of Float64 sums around the first
/// row.
///
/// With d the distance of the first row from the mean, the cancellation costs (d / deviation)² units
/// in the last place of Float64; the first row being one of the n, that is at most n.
INLINE void moments(int64_t rows, int64_t channels, int64_t valid, const float *x, Wide *mean,
                    Wide *squares) {
  double count = (double)rows;
  Wide shift = widen16(loadColumns(x, valid));
  Wide s = {{0}, {0}}, q = {{0}, {0}};
  for (int64_t r = 0; r < rows; r++) {
    Wide v = widen16(loadColumns(x + r * channels, valid));
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

/// Mean and squared distances from it per channel, to be combined with those of other rows.
static void batchNormMoments(int64_t rows, int64_t channels, const float *x, double *mean,
                             double *squares) {
  for (int64_t column = 0; column < channels; column += 16) {
    int64_t valid = columnsLeft(channels, column);
    Wide m, q;
    moments(rows, channels, valid, x + column, &m, &q);
    storeWide(mean + column, m, valid);
    storeWide(squares + column, q, valid);
  }
}

/// `weight / √(variance + ε)` of up to 16 channels.
INLINE v16 factors(int64_t valid, const float *weight, const float *variance, float epsilon) {
  float factor[16] = {0};
  for (int64_t i = 0; i < valid; i++) factor[i] = weight[i] / __builtin_sqrtf(variance[i] + epsilon);
  return load16(factor);
}

/// One expression for forward and backward, so that both round alike and agree about what is above zero.
INLINE v16 normalised(v16 x, v16 mean, v16 factor, v16 bias) { return (x - mean) * factor + bias; }

/// Adds `added` where it is not null, then takes the relu where that is asked for.
static void batchNormApply(int64_t rows, int64_t channels, const float *x, const float *mean,
                           const float *variance, float epsilon, const float *weight,
                           const float *bias, const float *added, bool relu, float *y) {
  for (int64_t column = 0; column < channels; column += 16) {
    int64_t valid = columnsLeft(channels, column);
    v16 f = factors(valid, weight + column, variance + column, epsilon), zero = {0};
    v16 m = loadColumns(mean + column, valid), s = loadColumns(bias + column, valid);
    for (int64_t r = 0; r < rows; r++) {
      int64_t place = r * channels + column;
      v16 v = normalised(loadColumns(x + place, valid), m, f, s);
      if (added) v += loadColumns(added + place, valid);
      if (relu) v = (v16)((i16)v & ~(v <= zero));  // NaN is not <= 0 and passes
      storeColumns(y + place, v, valid);
    }
  }
}

/// A relu behind the normalisation of up to 16 channels: what it lets through is known from x alone.
typedef struct {
  bool on;
  v16 mean, factor, bias;
} Rectifier;

/// `bias` is null where there is no relu.
INLINE Rectifier rectifier(int64_t valid, const float *mean, const float *variance, float epsilon,
                           const float *weight, const float *bias) {
  Rectifier relu = {.on = bias != 0};
  if (!bias) return relu;
  relu.mean = loadColumns(mean, valid);
  relu.factor = factors(valid, weight, variance, epsilon);
  relu.bias = loadColumns(bias, valid);
  return relu;
}

INLINE v16 letThrough(Rectifier relu, v16 gradient, v16 x) {
  v16 zero = {0};
  if (!relu.on) return gradient;
  return (v16)((i16)gradient & (normalised(x, relu.mean, relu.factor, relu.bias) > zero));
}

/// Σ dy and Σ dy · (x − mean) per channel; `bias` where a relu lies behind, else null.
static void batchNormGradientSums(int64_t rows, int64_t channels, const float *x, const float *mean,
                                  const float *variance, float epsilon, const float *weight,
                                  const float *bias, const float *dy, double *sums,
                                  double *products) {
  for (int64_t column = 0; column < channels; column += 16) {
    int64_t valid = columnsLeft(channels, column);
    Rectifier relu = rectifier(valid, mean + column, variance + column, epsilon, weight + column,
                               bias ? bias + column : 0);
    Wide s = {{0}, {0}}, q = {{0}, {0}}, m = widen16(loadColumns(mean + column, valid));
    for (int64_t r = 0; r < rows; r++) {
      v16 input = loadColumns(x + r * channels + column, valid);
      Wide g = widen16(letThrough(relu, loadColumns(dy + r * channels + column, valid), input));
      Wide v = widen16(input);
      s.low += g.low;
      s.high += g.high;
      q.low += g.low * (v.low - m.low);
      q.high += g.high * (v.high - m.high);
    }
    storeWide(sums + column, s, valid);
    storeWide(products + column, q, valid);
  }
}

/// `dx = γ/σ · (dy − mean(dy) − x̂ · mean(dy · x̂))` of up to 16 channels; the means are `count`-ths of
/// the sums.
INLINE void inputGradient(int64_t rows, double count, int64_t channels, int64_t valid, const float *x,
                          const float *mean, const float *variance, float epsilon,
                          const float *weight, const float *bias, const double *sums,
                          const double *products, const float *dy, float *dx) {
  Rectifier relu = rectifier(valid, mean, variance, epsilon, weight, bias);
  float factor[16] = {0}, centre[16] = {0}, slope[16] = {0};
  for (int64_t i = 0; i < valid; i++) {
    double inverse = 1.0 / __builtin_sqrt((double)variance[i] + (double)epsilon);
    centre[i] = (float)(sums[i] / count);
    slope[i] = (float)(products[i] * inverse * inverse / count);
    factor[i] = weight[i] * (float)inverse;
  }
  v16 m = loadColumns(mean, valid), f = load16(factor), a = load16(centre), b = load16(slope);
  for (int64_t r = 0; r < rows; r++) {
    int64_t place = r * channels;
    v16 v = loadColumns(x + place, valid), g = letThrough(relu, loadColumns(dy + place, valid), v);
    storeColumns(dx + place, f * (g - a - (v - m) * b), valid);
  }
}

/// Of some rows; the sums are over `count` rows of which these are a part.
static void batchNormInputGradient(int64_t rows, double count, int64_t channels, const float *x,
                                   const float *mean, const float *variance, float epsilon,
                                   const float *weight, const float *bias, const double *sums,
                                   const double *products, const float *dy, float *dx) {
  for (int64_t column = 0; column < channels; column += 16)
    inputGradient(rows, count, channels, columnsLeft(channels, column), x + column, mean + column,
                  variance + column, epsilon, weight + column, bias ? bias + column : 0,
                  sums + column, products + column, dy + column, dx + column);
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

/// With `dWeight` it adds up that and `dBias` on its way, to the same bits.
static void layerNormInputGradient(int64_t rows, int64_t width, const float *x, const float *mean,
                                   const float *inverseDeviation, const float *weight,
                                   const float *dy, float *dx, float *dWeight, float *dBias) {
  if (dWeight) {
    __builtin_memset(dWeight, 0, (size_t)width * sizeof(float));
    __builtin_memset(dBias, 0, (size_t)width * sizeof(float));
  }
  for (int64_t r = 0; r < rows; r++) {
    const float *row = x + r * width, *g = dy + r * width;
    float centre = mean[r], inverse = inverseDeviation[r];
    Wide s = {{0}, {0}}, q = {{0}, {0}};
    for (int64_t i = 0; i < width; i += 16) {
      int64_t valid = columnsLeft(width, i);
      v16 gradient = loadColumns(g + i, valid), w = loadColumns(weight + i, valid);
      v16 hat = (loadColumns(row + i, valid) - centre) * inverse;
      if (dWeight) {
        storeColumns(dWeight + i, loadColumns(dWeight + i, valid) + gradient * hat, valid);
        storeColumns(dBias + i, loadColumns(dBias + i, valid) + gradient, valid);
      }
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
