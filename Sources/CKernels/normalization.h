// Batch and layer normalisation, included once per build.

/// Mean and biased variance per channel, in two passes over the rows.
static void batchNormStatistics(int64_t rows, int64_t channels, const float *x, float *mean,
                                float *variance) {
  for (int64_t column = 0; column < channels; column += 8) {
    int64_t valid = channels - column < 8 ? channels - column : 8;
    double sums[8] = {0}, squares[8] = {0}, centre[8];
    if (valid == 8) {
      d8 s = {0}, q = {0};
      for (int64_t r = 0; r < rows; r++) s += widen(x + r * channels + column);
      d8 m = s / (double)rows;
      for (int64_t r = 0; r < rows; r++) {
        d8 v = widen(x + r * channels + column) - m;
        q += v * v;
      }
      __builtin_memcpy(centre, &m, sizeof m);
      __builtin_memcpy(squares, &q, sizeof q);
    } else {
      for (int64_t r = 0; r < rows; r++)
        for (int64_t i = 0; i < valid; i++) sums[i] += (double)x[r * channels + column + i];
      for (int64_t i = 0; i < valid; i++) centre[i] = sums[i] / (double)rows;
      for (int64_t r = 0; r < rows; r++)
        for (int64_t i = 0; i < valid; i++) {
          double v = (double)x[r * channels + column + i] - centre[i];
          squares[i] += v * v;
        }
    }
    for (int64_t i = 0; i < valid; i++) {
      mean[column + i] = (float)centre[i];
      variance[column + i] = (float)(squares[i] / (double)rows);
    }
  }
}

static void batchNormApply(int64_t rows, int64_t channels, const float *x, const float *mean,
                           const float *variance, float epsilon, const float *weight,
                           const float *bias, bool relu, float *y) {
  for (int64_t column = 0; column < channels; column += 16) {
    int64_t valid = channels - column < 16 ? channels - column : 16;
    float factor[16], shift[16];
    for (int64_t i = 0; i < valid; i++) {
      float inverse = 1.0f / __builtin_sqrtf(variance[column + i] + epsilon);
      factor[i] = inverse * weight[column + i];
      shift[i] = bias[column + i];
    }
    if (valid == 16) {
      v16 m = load16(mean + column), f = load16(factor), s = load16(shift), zero = {0};
      for (int64_t r = 0; r < rows; r++) {
        v16 v = (load16(x + r * channels + column) - m) * f + s;
        if (relu) v = (v16)((i16)v & ~(v <= zero));  // NaN is not <= 0 and passes
        store16(y + r * channels + column, v);
      }
      continue;
    }
    for (int64_t r = 0; r < rows; r++)
      for (int64_t i = 0; i < valid; i++) {
        float v = (x[r * channels + column + i] - mean[column + i]) * factor[i] + shift[i];
        y[r * channels + column + i] = relu && v <= 0 ? 0 : v;
      }
  }
}

/// Training mode: `dx = γ/σ · (dy − mean(dy) − x̂ · mean(dy · x̂))`.
static void batchNormBackward(int64_t rows, int64_t channels, const float *x, const float *mean,
                              const float *variance, float epsilon, const float *weight,
                              const float *dy, float *dx, float *dWeight, float *dBias,
                              float *scratch) {
  float *a = scratch, *b = scratch + channels;
  for (int64_t column = 0; column < channels; column += 8) {
    int64_t valid = channels - column < 8 ? channels - column : 8;
    double sums[8] = {0}, products[8] = {0};
    if (valid == 8) {
      d8 s = {0}, q = {0}, m = widen(mean + column);
      for (int64_t r = 0; r < rows; r++) {
        d8 g = widen(dy + r * channels + column);
        s += g;
        q += g * (widen(x + r * channels + column) - m);
      }
      __builtin_memcpy(sums, &s, sizeof s);
      __builtin_memcpy(products, &q, sizeof q);
    } else {
      for (int64_t r = 0; r < rows; r++)
        for (int64_t i = 0; i < valid; i++) {
          double g = (double)dy[r * channels + column + i];
          sums[i] += g;
          products[i] += g * ((double)x[r * channels + column + i] - (double)mean[column + i]);
        }
    }
    for (int64_t i = 0; i < valid; i++) {
      double inverse = 1.0 / __builtin_sqrt((double)variance[column + i] + (double)epsilon);
      dBias[column + i] = (float)sums[i];
      dWeight[column + i] = (float)(products[i] * inverse);
      a[column + i] = (float)(sums[i] / (double)rows);
      b[column + i] = (float)(products[i] * inverse * inverse / (double)rows);
    }
  }
  for (int64_t r = 0; r < rows; r++)
    for (int64_t c = 0; c < channels; c++) {
      float factor = weight[c] / __builtin_sqrtf(variance[c] + epsilon);
      float centred = x[r * channels + c] - mean[c];
      dx[r * channels + c] = factor * (dy[r * channels + c] - a[c] - centred * b[c]);
    }
}

static void layerNormForward(int64_t rows, int64_t width, const float *x, float epsilon,
                             const float *weight, const float *bias, float *y, float *mean,
                             float *inverseDeviation) {
  for (int64_t r = 0; r < rows; r++) {
    const float *row = x + r * width;
    double m = sum(width, row) / (double)width, q = 0;
    for (int64_t i = 0; i < width; i++) q += ((double)row[i] - m) * ((double)row[i] - m);
    float centre = (float)m, inverse = (float)(1.0 / __builtin_sqrt(q / (double)width + (double)epsilon));
    mean[r] = centre;
    inverseDeviation[r] = inverse;
    for (int64_t i = 0; i < width; i++)
      y[r * width + i] = (row[i] - centre) * inverse * weight[i] + bias[i];
  }
}

static void layerNormBackward(int64_t rows, int64_t width, const float *x, const float *mean,
                              const float *inverseDeviation, const float *weight, const float *dy,
                              float *dx, float *dWeight, float *dBias) {
  for (int64_t i = 0; i < width; i++) dWeight[i] = dBias[i] = 0;
  for (int64_t r = 0; r < rows; r++) {
    const float *row = x + r * width, *g = dy + r * width;
    float centre = mean[r], inverse = inverseDeviation[r];
    double s = 0, q = 0;
    for (int64_t i = 0; i < width; i++) {
      float hat = (row[i] - centre) * inverse;
      dWeight[i] += g[i] * hat;
      dBias[i] += g[i];
      s += (double)(g[i] * weight[i]);
      q += (double)(g[i] * weight[i] * hat);
    }
    float meanGradient = (float)(s / (double)width), meanProduct = (float)(q / (double)width);
    for (int64_t i = 0; i < width; i++) {
      float hat = (row[i] - centre) * inverse;
      dx[r * width + i] = inverse * (g[i] * weight[i] - meanGradient - hat * meanProduct);
    }
  }
}
