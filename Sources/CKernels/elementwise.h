// Element-wise loops and reductions, included once per build.

/// A loop over elements whose arrays are the same or apart: the compiler's own test for overlap takes a
/// result in place of an argument for an overlap, and would run such loops one element at a time.
#define EACH(i, count) \
  _Pragma("clang loop vectorize(assume_safety)") for (int64_t i = 0; i < (count); i++)

static void addBias(int64_t rows, int64_t width, const float *bias, float *values) {
  for (int64_t r = 0; r < rows; r++)
    for (int64_t i = 0; i < width; i++) values[r * width + i] += bias[i];
}

enum { SUM_ROWS = 64, SUM_COLUMNS = 1024 };

/// Column sums of up to `SUM_ROWS` rows of B blocks of 16 columns, for each of K stretches of rows: sums that are in
/// registers wait for themselves, so several go on at once.
INLINE void sumStretches(int B, int K, int64_t rows, int64_t width, int64_t valid, const float *values, float *sums) {
  v16 part[B * K];
  for (int i = 0; i < B * K; i++) part[i] = (v16){0};
  for (int64_t r = 0; r < rows; r++, values += width)
#pragma clang loop unroll(full)
    for (int k = 0; k < K; k++)
#pragma clang loop unroll(full)
      for (int b = 0; b < B; b++) part[k * B + b] += loadColumns(values + k * SUM_ROWS * width + 16 * b, valid);
  for (int k = 0; k < K; k++)
    for (int b = 0; b < B; b++)
      storeColumns(sums + 16 * b, loadColumns(sums + 16 * b, valid) + part[k * B + b], valid);
}

/// Column sums of B blocks, which are added to `sums`.
INLINE void sumBlocks(int B, int K, int64_t rows, int64_t width, int64_t valid, const float *values, float *sums) {
  int64_t together = K * SUM_ROWS;
  for (; rows >= together; rows -= together, values += together * width)
    sumStretches(B, K, SUM_ROWS, width, valid, values, sums);
  for (; rows > 0; rows -= SUM_ROWS, values += SUM_ROWS * width)
    sumStretches(B, 1, least(rows, SUM_ROWS), width, valid, values, sums);
}

/// Column sums over rows, `SUM_ROWS` at a time so that long sums keep their accuracy; rows are read as they lie.
static void sumRows(int64_t rows, int64_t width, const float *values, float *sums) {
  float part[SUM_COLUMNS];
  __builtin_memset(sums, 0, (size_t)width * sizeof(float));
  if (width == 32) return sumBlocks(2, 2, rows, width, 16, values, sums);
  if (width == 64) return sumBlocks(4, 1, rows, width, 16, values, sums);
  if (width <= 64 && (HAS_MASKS || width % 16 == 0)) {
    for (int64_t column = 0; column < width; column += 16)
      sumBlocks(1, 4, rows, width, columnsLeft(width, column), values + column, sums + column);
    return;
  }
  for (int64_t column = 0; column < width; column += SUM_COLUMNS) {
    int64_t count = least(width - column, SUM_COLUMNS);
    size_t bytes = (size_t)count * sizeof(float);
    float *total = sums + column;
    for (int64_t first = 0; first < rows; first += SUM_ROWS) {
      int64_t last = least(first + SUM_ROWS, rows);
      __builtin_memset(part, 0, bytes);
      for (int64_t r = first; r < last; r++) {
        const float *row = values + r * width + column;
        EACH(i, count) part[i] += row[i];
      }
      EACH(i, count) total[i] += part[i];
    }
  }
}

static void activate(CKernels_Function f, float slope, int64_t count, const float *x, float *y) {
  switch (f) {
    case CKernels_relu:
      // NaN passes: x > 0 is false for it, and x + 0 keeps it.
      EACH(i, count) y[i] = x[i] <= 0 ? 0 : x[i];
      return;
    case CKernels_leakyRelu:
      EACH(i, count) y[i] = x[i] > 0 ? x[i] : slope * x[i];
      return;
    case CKernels_gelu:
      EACH(i, count) y[i] = x[i] * normalBelow(x[i], gaussian(x[i]));
      return;
    case CKernels_tanh:
      EACH(i, count) y[i] = fastTanh(x[i]);
      return;
    case CKernels_sigmoid:
      EACH(i, count) y[i] = fastSigmoid(x[i]);
      return;
  }
}

static void activateGradient(CKernels_Function f, float slope, int64_t count, const float *x,
                             const float *y, const float *dy, float *dx) {
  switch (f) {
    case CKernels_relu:
      // Loaded whatever the sign, or half of the branches are mispredicted.
      EACH(i, count) {
        float g = dy[i];
        dx[i] = y[i] > 0 ? g : 0;
      }
      return;
    case CKernels_leakyRelu:
      EACH(i, count) {
        float g = dy[i];
        dx[i] = x[i] > 0 ? g : slope * g;
      }
      return;
    case CKernels_gelu:
      EACH(i, count) {
        float e = gaussian(x[i]);
        dx[i] = dy[i] * (normalBelow(x[i], e) + x[i] * (0.39894228040143268f * e));
      }
      return;
    case CKernels_tanh:
      EACH(i, count) dx[i] = dy[i] * (1.0f - y[i] * y[i]);
      return;
    case CKernels_sigmoid:
      EACH(i, count) dx[i] = dy[i] * y[i] * (1.0f - y[i]);
      return;
  }
}

static void add(int64_t count, const float *a, const float *b, float *sum) {
  EACH(i, count) sum[i] = a[i] + b[i];
}
/// NaN passes, as through `activate`.
static void addRelu(int64_t count, const float *a, const float *b, float *sum) {
  EACH(i, count) {
    float v = a[i] + b[i];
    sum[i] = v <= 0 ? 0 : v;
  }
}
static void addInto(int64_t count, const float *source, float *destination) {
  EACH(i, count) destination[i] += source[i];
}
/// A sum of gradients, back through the relu that gave `output`.
static void addThroughRelu(int64_t count, const float *source, const float *output,
                           float *destination) {
  EACH(i, count) {
    float v = destination[i] + source[i];
    destination[i] = output[i] > 0 ? v : 0;
  }
}
static void scale(int64_t count, float factor, float *values) {
  EACH(i, count) values[i] *= factor;
}

INLINE v16 largerOf(v16 a, v16 b) {
  i16 wins = b > a;
  return (v16)(((i16)b & wins) | ((i16)a & ~wins));
}

/// The largest of `count` numbers, at least one; NaN may be passed over.
INLINE float largestOf(int64_t count, const float *x) {
  float lanes[16], most = x[0];
  int64_t i = 0;
  if (count >= 16) {
    v16 top = load16(x);
    for (i = 16; i + 16 <= count; i += 16) top = largerOf(top, load16(x + i));
    store16(lanes, top);
    for (int half = 8; half > 0; half /= 2)
      for (int l = 0; l < half; l++) lanes[l] = lanes[l + half] > lanes[l] ? lanes[l + half] : lanes[l];
    most = lanes[0];
  }
  for (; i < count; i++) most = x[i] > most ? x[i] : most;
  return most;
}

static double sum(int64_t count, const float *values) {
  Wide parts = {{0}, {0}};
  for (int64_t i = 0; i < count; i += 16) {
    Wide v = widen16(loadColumns(values + i, columnsLeft(count, i)));
    parts.low += v.low;
    parts.high += v.high;
  }
  return totalWide(parts);
}
INLINE void addSquares(Wide *sum, v16 values) {
  Wide v = widen16(values);
  sum->low += v.low * v.low;
  sum->high += v.high * v.high;
}
static double squaredNorm(int64_t count, const float *values) {
  Wide parts = {{0}, {0}};
  for (int64_t i = 0; i < count; i += 16)
    addSquares(&parts, loadColumns(values + i, columnsLeft(count, i)));
  return totalWide(parts);
}
static bool isFinite(int64_t count, const float *values) {
  // The exponent of NaN and infinity is all ones.
  const uint32_t *bits = (const uint32_t *)(const void *)values;
  uint32_t bad = 0;
  for (int64_t i = 0; i < count; i++) bad |= (bits[i] & 0x7f800000u) == 0x7f800000u;
  return bad == 0;
}

static void copyColumns(int64_t rows, int64_t width, const float *source, int64_t sourceStride,
                        float *destination, int64_t destinationStride) {
  for (int64_t r = 0; r < rows; r++)
    __builtin_memcpy(destination + r * destinationStride, source + r * sourceStride,
                     (size_t)width * sizeof(float));
}
static void addColumns(int64_t rows, int64_t width, const float *source, int64_t sourceStride,
                       float *destination, int64_t destinationStride) {
  for (int64_t r = 0; r < rows; r++)
    for (int64_t i = 0; i < width; i++)
      destination[r * destinationStride + i] += source[r * sourceStride + i];
}
