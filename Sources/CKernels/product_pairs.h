// Matrix products of numbers rounded to bfloat16, summed in float32; included once per build, and once more for
// dot products of pairs. See product.h, whose blocks and panels these are, with pairs along the inner index in place of numbers.
//
// Both matrices are rounded and packed: M in panels [panel][pair][PANEL], x as rows of pairs or, where it is a stored
// transpose, as tiles [tile][pair][rows of the tile]. An element is the sum of its stretches in order, each summed from its
// first pair to its last, of a pair the second term first. An odd inner extent is completed by zeros.

#define ELEMENT uint32_t
#define ELEMENT_LANES PairLanes
#define ELEMENT_SPREAD PairSpread
#define ADD_PRODUCT PAIRS(dotLanes)
#define TILE_TYPE PairTile

#define VECTORS 1
#define TILE_NAME(name) PAIRS(name##_1)
#include "product_tile.h"

#define VECTORS 2
#define TILE_NAME(name) PAIRS(name##_2)
#include "product_tile.h"

#undef ELEMENT
#undef ELEMENT_LANES
#undef ELEMENT_SPREAD
#undef ADD_PRODUCT
#undef TILE_TYPE

/// One stretch of a block of rows, all columns; extents and strides in pairs.
static void PAIRS(multiplyBlock)(const Stretch *s, int64_t rows, int64_t columns, const uint32_t *x, bool tiled,
                                 const uint32_t *packed, int64_t panelStride, const float *start,
                                 float *y) {
  Stretch stretch = *s;
  Tiling tiling = tilingOf(rows);
  for (int64_t column = 0; column < columns; column += PANEL, packed += panelStride) {
    int64_t valid = least(columns - column, PANEL);
    const PairTile *functions = valid <= LANES ? PAIRS(productTiles_1) : PAIRS(productTiles_2);
    for (int64_t i = 0, first = 0, count; i < tiling.tiles; i++, first += count) {
      count = tileRows(&tiling, i);
      if (tiled) stretch.xStep = count;
      functions[count](&stretch, x + first * (tiled ? s->inner : s->xRow), packed, valid,
                       start ? start + first * s->startRow + column : 0,
                       y + first * s->yRow + column);
    }
  }
}

/// Rows of `inner` numbers as they lie.
static void PAIRS(packRows)(int64_t inner, int64_t rows, const float *x, int64_t xRow, uint32_t *pairs) {
  for (int64_t r = 0; r < rows; r++) PAIRS(pairLine)(inner, x + r * xRow, pairs + r * PAIR_ROW);
}

/// Tiles of rows of a stored transpose: two lines of x at a time, as they lie.
static void PAIRS(packTiles)(int64_t inner, int64_t rows, const float *x, int64_t xStep, uint32_t *tiles) {
#define CASE(T) \
  case T:       \
    __builtin_memcpy(tiles + first * pairs + k * T, line + first, T * sizeof(uint32_t)); \
    break;
  Tiling tiling = tilingOf(rows);
  int64_t pairs = (inner + 1) / 2;
  uint32_t line[BLOCK_ROWS];
  for (int64_t k = 0; k < pairs; k++) {
    // Lines of x are pages apart, where processors do not look ahead by themselves.
    for (int64_t i = 0; 2 * k + 9 < inner && i < rows; i += 16) {
      __builtin_prefetch(x + (2 * k + 8) * xStep + i);
      __builtin_prefetch(x + (2 * k + 9) * xStep + i);
    }
    const float *first16 = x + 2 * k * xStep;
    PAIRS(pairLines)(rows, first16, 2 * k + 1 < inner ? first16 + xStep : 0, line);
    for (int64_t i = 0, first = 0, count; i < tiling.tiles; i++, first += count) {
      switch (count = tileRows(&tiling, i)) {
        CASE(1) CASE(2) CASE(3) CASE(4) CASE(5) CASE(6) CASE(7) CASE(8) CASE(9) CASE(10)
        CASE(11) CASE(12) CASE(13) CASE(14)
      }
    }
  }
#undef CASE
}

/// A panel of a stored transpose: `valid` rows of `inner` numbers become columns of pairs.
static void PAIRS(packTransposed)(int64_t inner, int64_t valid, const float *block, int64_t columnStride,
                                  uint32_t *packed) {
  for (int64_t i = 0; i < inner; i += 32) {
    int64_t pairs = least((inner - i + 1) / 2, 16);
    for (int64_t first = 0; first < PANEL; first += 16) {
      int64_t columns = least(valid - first, 16);
      v16 square[16];
      for (int64_t l = 0; l < 16; l++) {
        uint32_t line[16] = {0};
        if (l < columns && inner - i >= 32) {
          const float *row = block + (first + l) * columnStride + i;
          // Sixteen lines at once are more than processors look ahead in.
          __builtin_prefetch(row + 128);
          __builtin_prefetch(row + 144);
          *(u16 *)line = PAIRS(pairNeighbours)(load16(row), load16(row + 16));
        } else if (l < columns) {
          PAIRS(pairLine)(inner - i, block + (first + l) * columnStride + i, line);
        }
        square[l] = (v16) * (u16 *)line;
      }
      transpose16(square);
      for (int64_t l = 0; l < pairs; l++)
        __builtin_memcpy(packed + (i / 2 + l) * PANEL + first, square + l, sizeof(uint32_t) * (size_t)least(PANEL, 16));
    }
  }
}

/// [panel][pair][PANEL]; arguments as of `packMatrix`.
static void PAIRS(packMatrix)(int64_t inner, int64_t columns, const float *matrix, int64_t innerStride,
                              int64_t columnStride, float *packed) {
  int64_t pairs = (inner + 1) / 2;
  uint32_t *panel = (uint32_t *)(void *)packed;
  for (int64_t first = 0; first < columns; first += PANEL, panel += pairs * PANEL) {
    int64_t valid = least(columns - first, PANEL);
    const float *block = matrix + first * columnStride;
    if (columnStride != 1) {
      PAIRS(packTransposed)(inner, valid, block, columnStride, panel);
      continue;
    }
    for (int64_t k = 0; k < pairs; k++) {
      const float *row = block + 2 * k * innerStride;
      PAIRS(pairLines)(valid, row, 2 * k + 1 < inner ? row + innerStride : 0, panel + k * PANEL);
      __builtin_memset(panel + k * PANEL + valid, 0, (size_t)(PANEL - valid) * sizeof(uint32_t));
    }
  }
}

/// y = x · M for a matrix that was packed once; `room` takes PACKED_ROWS pairs.
static void PAIRS(packedProductIn)(int64_t rows, int64_t inner, int64_t columns, const float *x,
                                   int64_t xStride, const float *packed, float *y, int64_t yStride, float *room) {
  Stretch s = {.xRow = PAIR_ROW, .xStep = 1, .startRow = yStride, .yRow = yStride, .factor = 1};
  int64_t k = 0, pairs = (inner + 1) / 2;
  const uint32_t *panels = (const uint32_t *)(const void *)packed;
  uint32_t *rowsOfX = (uint32_t *)(void *)room;
  do {
    s.inner = least(pairs - k, PAIR_STRETCH);
    for (int64_t row = 0; row < rows; row += BLOCK_ROWS) {
      int64_t count = least(rows - row, BLOCK_ROWS);
      float *target = y + row * yStride;
      PAIRS(packRows)(least(inner - 2 * k, 2 * PAIR_STRETCH), count, x + row * xStride + 2 * k, xStride, rowsOfX);
      PAIRS(multiplyBlock)(&s, count, columns, rowsOfX, false, panels + k * PANEL, pairs * PANEL,
                           k ? target : 0, target);
    }
    k += PAIR_STRETCH;
  } while (k < pairs);
}

static void PAIRS(packedProduct)(int64_t rows, int64_t inner, int64_t columns, const float *x,
                                 int64_t xStride, const float *packed, float *y, int64_t yStride) {
  PAIRS(packedProductIn)(rows, inner, columns, x, xStride, packed, y, yStride, CKernels_threadRoom(PACKED_ROWS));
}

/// One block of columns and stretch of the inner index, of all rows.
static void PAIRS(productBlock)(const CKernels_Product *p, int64_t column, int64_t k, uint32_t *rowsOfX,
                                const uint32_t *packed) {
  int64_t columns = least(p->columns - column, BLOCK_COLUMNS);
  int64_t inner = least(p->inner - k, 2 * PAIR_STRETCH);
  bool tiled = p->xStep != 1;
  Stretch s = {.inner = (inner + 1) / 2, .xRow = tiled ? 1 : PAIR_ROW, .xStep = 1,
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
    if (tiled) PAIRS(packTiles)(inner, rows, x, p->xStep, rowsOfX);
    else PAIRS(packRows)(inner, rows, x, p->xRow, rowsOfX);
    PAIRS(multiplyBlock)(&s, rows, columns, rowsOfX, tiled, packed, s.inner * PANEL, start, y);
  }
}

/// A product of matrices that nobody packed; see `CKernels_Product`.
static void PAIRS(product)(const CKernels_Product *p) {
  int64_t depth = least((p->inner + 1) / 2, PAIR_STRETCH), columns = least(p->columns, BLOCK_COLUMNS);
  int64_t most = (columns + PANEL - 1) / PANEL * PANEL * depth;
  float *room = CKernels_threadRoom(most + PAIR_ROW * least(p->rows, BLOCK_ROWS));
  uint32_t *panels = (uint32_t *)(void *)room;
  for (int64_t column = 0; column < p->columns; column += BLOCK_COLUMNS) {
    int64_t k = 0;
    do {
      PAIRS(packMatrix)(least(p->inner - k, 2 * PAIR_STRETCH), least(p->columns - column, BLOCK_COLUMNS),
                        p->matrix + k * p->matrixStep + column * p->matrixColumn, p->matrixStep,
                        p->matrixColumn, room);
      PAIRS(productBlock)(p, column, k, panels + most, panels);
      k += 2 * PAIR_STRETCH;
    } while (k < p->inner);
  }
}
