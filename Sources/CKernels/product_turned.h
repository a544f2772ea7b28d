// Products of few rows with a large stored transpose, computed as Mᵀ · xᵀ; included once per build.
//
// The matrix of a linear layer is larger than its microbatch, and turning it over into panels takes longer than all other
// packing. Turned, it is read where it lies and xᵀ is packed in its place. Each element is the same sum in the same order, so
// it has the same bits.

/// Whether a product is computed turned: where that packs less, and panels of xᵀ are nearly full.
static bool isTurned(const CKernels_Product *p) {
#if PRODUCT_LANES < 8
  return false;  // which does not turn squares in registers
#else
  int64_t full = (p->rows + PANEL - 1) / PANEL * PANEL;
  return p->matrixStep == 1 && p->matrixColumn != 1 && p->rows <= BLOCK_ROWS &&
         full * 16 <= p->rows * 17 && p->rows * (p->inner + 3 * p->columns) < p->columns * p->inner;
#endif
}

/// The transpose of a matrix of rows `stride` apart.
static void turn(int64_t rows, int64_t columns, const float *values, int64_t stride, float *turned,
                 int64_t turnedStride) {
  for (int64_t i = 0; i < rows; i += 16) {
    int64_t lines = least(rows - i, 16);
    for (int64_t j = 0; j < columns; j += 16) {
      int64_t valid = least(columns - j, 16);
      v16 square[16] = {0};
      for (int64_t l = 0; l < lines; l++)
        square[l] = loadColumns(values + (i + l) * stride + j, valid);
      transpose16(square);
      for (int64_t l = 0; l < valid; l++)
        storeColumns(turned + (j + l) * turnedStride + i, square[l], lines);
    }
  }
}

/// What the sums of a block of columns begin with, turned.
static void startTurned(const CKernels_Product *p, int64_t column, int64_t columns, float *sums) {
  if (p->adds) return turn(p->rows, columns, p->y + column, p->yRow, sums, p->rows);
  for (int64_t j = 0; j < columns; j++)
    for (int64_t i = 0; i < p->rows; i++) sums[j * p->rows + i] = p->bias[column + j];
}

/// y = start + factor · x · M by (Mᵀ · xᵀ)ᵀ; `room` takes a panel of xᵀ and the turned result of a block of columns.
static void productTurned(const CKernels_Product *p, float *room) {
  float *packed = room, *sums = room + STRETCH * BLOCK_ROWS;
  Stretch s = {.xRow = p->matrixColumn, .xStep = 1, .startRow = p->rows, .yRow = p->rows,
               .factor = p->factor};
  for (int64_t column = 0; column < p->columns; column += BLOCK_COLUMNS) {
    int64_t columns = least(p->columns - column, BLOCK_COLUMNS), k = 0;
    bool starts = p->adds || p->bias;
    if (starts) startTurned(p, column, columns, sums);
    do {
      s.inner = least(p->inner - k, STRETCH);
      packMatrix(s.inner, p->rows, p->x + k * p->xStep, p->xStep, p->xRow, packed);
      for (int64_t first = 0; first < columns; first += BLOCK_ROWS) {
        float *y = sums + first * p->rows;
        multiplyBlock(&s, least(columns - first, BLOCK_ROWS), p->rows,
                      p->matrix + (column + first) * p->matrixColumn + k, false, packed,
                      s.inner * PANEL, starts || k ? y : 0, y);
      }
      k += STRETCH;
    } while (k < p->inner);
    turn(columns, p->rows, sums, p->rows, p->y + column, p->yRow);
  }
}
