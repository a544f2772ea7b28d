// Rows of tables, included once per build: looked up, added up and moved, wherever in memory they lie.

/// Each row would be waited for by itself: it is asked for so many rows before it is needed.
enum { AHEAD = 16 };

// The last columns of a row are done by a whole vector too, some of whose columns are done twice: storing a part of a
// vector takes longer. Rows of fewer than sixteen columns are one part.

/// The column after a vector of them; -1 behind the last.
INLINE int64_t nextColumns(int64_t size, int64_t i) {
  if (i + 32 <= size) return i + 16;
  return i + 16 < size ? size - 16 : -1;
}

INLINE void copyRow(int64_t size, const float *source, float *target) {
  int64_t valid = columnsLeft(size, 0);
  for (int64_t i = 0; i >= 0; i = nextColumns(size, i))
    storeColumns(target + i, loadColumns(source + i, valid), valid);
}

static void embeddingForward(int64_t rows, int64_t size, const int64_t *ids, const float *table,
                             float *output, int64_t stride) {
  for (int64_t r = 0; r < rows; r++) {
    if (r + AHEAD < rows) CKernels_prefetch(table + ids[r + AHEAD] * size, size * 4);
    copyRow(size, table + ids[r] * size, output + r * stride);
  }
}
static void embeddingBackward(int64_t rows, int64_t size, int64_t vocabulary, const int64_t *ids,
                              const float *dy, int64_t stride, float *dTable) {
  __builtin_memset(dTable, 0, (size_t)(vocabulary * size) * sizeof(float));
  for (int64_t r = 0; r < rows; r++) {
    if (r + AHEAD < rows) CKernels_prefetch(dTable + ids[r + AHEAD] * size, size * 4);
    float *sum = dTable + ids[r] * size;
    const float *part = dy + r * stride;
    EACH(i, size) sum[i] += part[i];
  }
}

/// Copies row `rows[r]` of a table to the places `starts[r] ..< starts[r + 1]` of a list.
static void spreadRows(int64_t count, int64_t size, const int64_t *rows, const float *table,
                       const int32_t *starts, const int32_t *places, float *output, int64_t stride) {
  for (int64_t r = 0; r < count; r++) {
    if (r + AHEAD < count) {
      CKernels_prefetch(table + rows[r + AHEAD] * size, size * 4);
      CKernels_prefetch(output + places[starts[r + AHEAD]] * stride, size * 4);
    }
    const float *row = table + rows[r] * size;
    for (int32_t k = starts[r]; k < starts[r + 1]; k++) copyRow(size, row, output + places[k] * stride);
  }
}

/// The reverse: adds up what lies at each row's places, from +0 and in their order; tells whether all sums are finite.
static bool collectRows(int64_t count, int64_t size, const int32_t *starts, const int32_t *places,
                        const float *values, int64_t stride, float *sums) {
  int64_t valid = columnsLeft(size, 0);
  // The largest magnitude, by its bits: those of NaN and infinity are the largest.
  u16 most = {0};
  for (int64_t r = 0; r < count; r++) {
    int32_t first = starts[r], last = starts[r + 1];
    if (first + AHEAD < starts[count])
      CKernels_prefetch(values + places[first + AHEAD] * stride, size * 4);
    for (int64_t i = 0; i >= 0; i = nextColumns(size, i)) {
      v16 sum = loadColumns(values + places[first] * stride + i, valid) + 0.0f;
      for (int32_t k = first + 1; k < last; k++) sum += loadColumns(values + places[k] * stride + i, valid);
      storeColumns(sums + r * size + i, sum, valid);
      most = __builtin_elementwise_max(most, (u16)sum & 0x7fffffffu);
    }
  }
  bool finite = true;
  for (int l = 0; l < 16; l++) finite &= most[l] < 0x7f800000u;
  return finite;
}

static void rowNorms(int64_t count, int64_t size, const float *values, double *norms) {
  for (int64_t r = 0; r < count; r++) norms[r] = squaredNorm(size, values + r * size);
}

/// Moves row `rows[r]` by row r of a gradient, whose Σ g² goes to `norms`, if asked.
static void sgdRows(int64_t count, int64_t size, const int64_t *rows, float *weight,
                    const float *gradient, float *momentum, CKernels_SGD s, double *norms) {
  for (int64_t r = 0; r < count; r++) {
    if (r + AHEAD < count) {
      int64_t next = rows[r + AHEAD] * size;
      CKernels_prefetch(weight + next, size * 4);
      if (momentum) CKernels_prefetch(momentum + next, size * 4);
    }
    int64_t place = rows[r] * size;
    double norm = sgdUpdate(size, weight + place, gradient + r * size,
                            momentum ? momentum + place : 0, s);
    if (norms) norms[r] = norm;
  }
}
static void adamRows(int64_t count, int64_t size, const int64_t *rows, float *weight,
                     const float *gradient, float *m, float *v, CKernels_Adam a, double *norms) {
  for (int64_t r = 0; r < count; r++) {
    if (r + AHEAD < count) {
      int64_t next = rows[r + AHEAD] * size;
      CKernels_prefetch(weight + next, size * 4);
      CKernels_prefetch(m + next, size * 4);
      CKernels_prefetch(v + next, size * 4);
    }
    int64_t place = rows[r] * size;
    double norm = adamUpdate(size, weight + place, gradient + r * size, m + place, v + place, a);
    if (norms) norms[r] = norm;
  }
}

/// y[r] = Σ x[r, i] x[r, half + i] over the first `factors` of each half, sixteen sums, then their total; with `bias`
/// that, and the number behind the factors of each half, are added.
static void rowDots(int64_t rows, int64_t half, int64_t factors, const float *x, const float *bias,
                    float *y) {
  for (int64_t r = 0; r < rows; r++) {
    const float *a = x + 2 * r * half, *b = a + half;
    v16 part = {0};
    for (int64_t i = 0; i < factors; i += 16) {
      int64_t valid = columnsLeft(factors, i);
      part += loadColumns(a + i, valid) * loadColumns(b + i, valid);
    }
    float dot = (float)totalWide(widen16(part));
    y[r] = bias ? dot + (*bias + (a[factors] + b[factors])) : dot;
  }
}
static void rowDotsGradient(int64_t rows, int64_t half, int64_t factors, const float *x,
                            const float *dy, bool biases, float *dx) {
  for (int64_t r = 0; r < rows; r++) {
    const float *a = x + 2 * r * half, *b = a + half;
    float *da = dx + 2 * r * half, *db = da + half, d = dy[r];
    EACH(i, factors) {
      da[i] = d * b[i];
      db[i] = d * a[i];
    }
    if (biases) da[factors] = db[factors] = d;
  }
}
