// Packs matrices in panels for products, included once per build.

/// A panel of a stored transpose: `valid` rows of `inner` floats become columns.
static void packTransposed(int64_t inner, int64_t valid, const float *block, int64_t columnStride,
                           float *packed) {
  int64_t done = 0;
#if PRODUCT_LANES > 4
  for (; done + 16 <= valid; done += 16) {
    const float *rows = block + done * columnStride;
    int64_t i = 0;
    for (; i + 16 <= inner; i += 16) {
      v16 square[16];
      for (int l = 0; l < 16; l++) square[l] = load16(rows + l * columnStride + i);
      transpose16(square);
      for (int l = 0; l < 16; l++) store16(packed + (i + l) * PANEL + done, square[l]);
    }
    for (; i < inner; i++)
      for (int64_t l = 0; l < 16; l++) packed[i * PANEL + done + l] = rows[l * columnStride + i];
  }
#endif
  for (int64_t i = 0; i < inner; i++) {
    for (int64_t l = done; l < valid; l++) packed[i * PANEL + l] = block[l * columnStride + i];
    for (int64_t l = valid; l < PANEL; l++) packed[i * PANEL + l] = 0;
  }
}

/// Whole panels of a matrix whose rows lie together, eight at a time: processors look ahead along rows.
static void packWhole(int64_t inner, int64_t columns, const float *matrix, int64_t innerStride,
                      float *packed) {
  enum { TOGETHER = 8 * PANEL };
  for (int64_t first = 0; first < columns; first += TOGETHER) {
    int64_t last = least(columns, first + TOGETHER);
    for (int64_t i = 0; i < inner; i++)
      for (int64_t column = first; column < last; column += PANEL)
        __builtin_memcpy(packed + column * inner + i * PANEL, matrix + i * innerStride + column,
                         PANEL * sizeof(float));
  }
}

/// [panel][inner][PANEL]; element (i, j) of the matrix lies at i · innerStride + j · columnStride, of
/// which one is 1.
static void packMatrix(int64_t inner, int64_t columns, const float *matrix, int64_t innerStride,
                       int64_t columnStride, float *packed) {
  if (columnStride != 1) {
    for (int64_t first = 0; first < columns; first += PANEL)
      packTransposed(inner, least(columns - first, PANEL), matrix + first * columnStride, columnStride,
                     packed + first * inner);
    return;
  }
  int64_t whole = columns / PANEL * PANEL, valid = columns - whole;
  packWhole(inner, whole, matrix, innerStride, packed);
  for (int64_t i = 0; valid && i < inner; i++) {
    float *row = packed + (whole * inner + i * PANEL);
    __builtin_memcpy(row, matrix + i * innerStride + whole, (size_t)valid * sizeof(float));
    __builtin_memset(row + valid, 0, (size_t)(PANEL - valid) * sizeof(float));
  }
}

/// y = x · M for a matrix that was packed once.
static void packedProduct(int64_t rows, int64_t inner, int64_t columns, const float *x,
                          int64_t xStride, const float *packed, float *y, int64_t yStride) {
  Stretch s = {.xRow = xStride, .xStep = 1, .startRow = yStride, .yRow = yStride, .factor = 1};
  int64_t k = 0;
  do {
    s.inner = least(inner - k, STRETCH);
    for (int64_t row = 0; row < rows; row += BLOCK_ROWS) {
      float *target = y + row * yStride;
      multiplyBlock(&s, least(rows - row, BLOCK_ROWS), columns, x + row * xStride + k, false,
                    packed + k * PANEL, inner * PANEL, k ? target : 0, target);
    }
    k += STRETCH;
  } while (k < inner);
}

/// One block of columns and stretch of the inner index, of all rows.
static void productBlock(const CKernels_Product *p, int64_t column, int64_t columns, int64_t k, float *tiles,
                         const float *packed) {
  bool tiled = p->xStep != 1;
  Stretch s = {.inner = least(p->inner - k, STRETCH), .xRow = tiled ? 1 : p->xRow, .xStep = 1,
               .startRow = p->yRow, .yRow = p->yRow, .factor = p->factor};
  for (int64_t row = 0; row < p->rows; row += BLOCK_ROWS) {
    int64_t rows = least(p->rows - row, BLOCK_ROWS);
    const float *x = p->x + row * p->xRow + k * p->xStep;
    float *y = p->y + row * p->yRow + column;
    const float *start = k || p->adds ? y : 0;
    if (!start && p->bias) {
      start = p->bias + column;
      s.startRow = 0;
    }
    if (tiled) packTiles(s.inner, rows, x, p->xStep, tiles);
    multiplyBlock(&s, rows, columns, tiled ? tiles : x, tiled, packed, s.inner * PANEL, start, y);
  }
}

#include "product_turned.h"

/// A product of matrices that nobody packed; see `CKernels_Product`.
static void product(const CKernels_Product *p) {
  // What the largest product needs, so that longer sequences later in a run ask for no more.
  float *packed = CKernels_threadRoom(STRETCH * (BLOCK_COLUMNS + BLOCK_ROWS) + 16);
  if (isTurned(p)) return productTurned(p, packed);
  float *tiles = packed + STRETCH * BLOCK_COLUMNS;
  // Of a short inner index more columns take as much room, and x is packed for all of them at once.
  int64_t depth = larger(least(p->inner, STRETCH), 16);
  int64_t most = STRETCH * BLOCK_COLUMNS / depth / PANEL * PANEL;
  for (int64_t column = 0; column < p->columns; column += most) {
    int64_t columns = least(p->columns - column, most), k = 0;
    do {
      packMatrix(least(p->inner - k, STRETCH), columns,
                 p->matrix + k * p->matrixStep + column * p->matrixColumn, p->matrixStep,
                 p->matrixColumn, packed);
      productBlock(p, column, columns, k, tiles, packed);
      k += STRETCH;
    } while (k < p->inner);
  }
}
