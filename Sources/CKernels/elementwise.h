// Element-wise loops and reductions, included once per build.

static void addBias(int64_t rows, int64_t width, const float *bias, float *values) {
  for (int64_t r = 0; r < rows; r++)
    for (int64_t i = 0; i < width; i++) values[r * width + i] += bias[i];
}

/// Column sums over rows, 64 rows at a time so that long sums keep their accuracy.
static void sumRows(int64_t rows, int64_t width, const float *values, float *sums) {
  for (int64_t column = 0; column < width; column += 16) {
    int64_t valid = columnsLeft(width, column);
    v16 total = {0};
    for (int64_t first = 0; first < rows; first += 64) {
      int64_t last = first + 64 < rows ? first + 64 : rows;
      v16 part = {0};
      for (int64_t r = first; r < last; r++)
        part += loadColumns(values + r * width + column, valid);
      total += part;
    }
    storeColumns(sums + column, total, valid);
  }
}

// Outputs may lie where an input lies, element on element. Without a word the compiler must fear any other
// overlap, and where it finds one goes on element by element.
#define IN_PLACE _Pragma("clang loop vectorize(assume_safety)")
#define EACH(i) IN_PLACE for (int64_t i = 0; i < count; i++)

static void activate(CKernels_Function f, float slope, int64_t count, const float *x, float *y) {
  switch (f) {
    case CKernels_relu:
      // NaN passes: x > 0 is false for it, and x + 0 keeps it.
      EACH(i) y[i] = x[i] <= 0 ? 0 : x[i];
      return;
    case CKernels_leakyRelu:
      EACH(i) y[i] = x[i] > 0 ? x[i] : slope * x[i];
      return;
    case CKernels_gelu:
      EACH(i) y[i] = x[i] * normalBelow(x[i], gaussian(x[i]));
      return;
    case CKernels_tanh:
      EACH(i) y[i] = fastTanh(x[i]);
      return;
    case CKernels_sigmoid:
      EACH(i) y[i] = fastSigmoid(x[i]);
      return;
  }
}

static void activateGradient(CKernels_Function f, float slope, int64_t count, const float *x,
                             const float *y, const float *dy, float *dx) {
  switch (f) {
    case CKernels_relu:
      // Loaded whatever the sign, or half of the branches are mispredicted.
      EACH(i) {
        float g = dy[i];
        dx[i] = y[i] > 0 ? g : 0;
      }
      return;
    case CKernels_leakyRelu:
      EACH(i) {
        float g = dy[i];
        dx[i] = x[i] > 0 ? g : slope * g;
      }
      return;
    case CKernels_gelu:
      EACH(i) {
        float e = gaussian(x[i]);
        dx[i] = dy[i] * (normalBelow(x[i], e) + x[i] * (0.39894228040143268f * e));
      }
      return;
    case CKernels_tanh:
      EACH(i) dx[i] = dy[i] * (1.0f - y[i] * y[i]);
      return;
    case CKernels_sigmoid:
      EACH(i) dx[i] = dy[i] * y[i] * (1.0f - y[i]);
      return;
  }
}

static void add(int64_t count, const float *a, const float *b, float *sum) {
  EACH(i) sum[i] = a[i] + b[i];
}
static void addInto(int64_t count, const float *source, float *destination) {
  EACH(i) destination[i] += source[i];
}
static void scale(int64_t count, float factor, float *values) {
  EACH(i) values[i] *= factor;
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
static double squaredNorm(int64_t count, const float *values) {
  Wide parts = {{0}, {0}};
  for (int64_t i = 0; i < count; i += 16) {
    Wide v = widen16(loadColumns(values + i, columnsLeft(count, i)));
    parts.low += v.low * v.low;
    parts.high += v.high * v.high;
  }
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

static void embeddingForward(int64_t rows, int64_t size, const int64_t *ids, const float *table,
                             float *output) {
  for (int64_t r = 0; r < rows; r++)
    __builtin_memcpy(output + r * size, table + ids[r] * size, (size_t)size * sizeof(float));
}
static void embeddingBackward(int64_t rows, int64_t size, int64_t vocabulary, const int64_t *ids,
                              const float *dy, float *dTable) {
  __builtin_memset(dTable, 0, (size_t)(vocabulary * size) * sizeof(float));
  for (int64_t r = 0; r < rows; r++)
    for (int64_t i = 0; i < size; i++) dTable[ids[r] * size + i] += dy[r * size + i];
}
