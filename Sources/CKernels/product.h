// Matrix products y = start + factor · x · M, included once per build.
//
// M is packed in panels of two vectors of columns, [panel][inner][PANEL] with zeros behind the last
// column; x is read where it lies, or from a packed copy where it is transposed. Tiles of rows times a
// panel accumulate in registers (Goto and van de Geijn, Anatomy of High-Performance Matrix
// Multiplication, 2008).
//
// The inner index is cut into stretches of STRETCH. An element is the sum of its stretches in order, each
// summed from its first term to its last; so its bits depend on its row of x, its column of M and the
// inner extent alone: not on how many rows or columns there are, or on who packed what.

typedef float Lanes __attribute__((vector_size(4 * PRODUCT_LANES), aligned(4)));
typedef float Spread __attribute__((ext_vector_type(PRODUCT_LANES)));
typedef uint32_t PairLanes __attribute__((vector_size(4 * PRODUCT_LANES), aligned(4)));
typedef uint32_t PairSpread __attribute__((ext_vector_type(PRODUCT_LANES)));

enum {
  LANES = PRODUCT_LANES,
  PANEL = 2 * PRODUCT_LANES,
  STRETCH = 256,       // a panel's stretch is at most 32 KiB and stays in the first cache
  BLOCK_ROWS = 224,    // of x, at most 224 KiB: a quarter of a second cache of 1 MiB
  BLOCK_COLUMNS = 512, // of M, at most 512 KiB: half of it
  PAIR_STRETCH = 256,  // in pairs, of as many bytes
  PAIR_ROW = PAIR_STRETCH + 16,  // rows of x that far apart do not fall on the same lines of the first cache
  PACKED_ROWS = BLOCK_ROWS * PAIR_ROW,
  PAIR_ROOM = 1 << 16,  // pairs of images that are packed at a time: a quarter of a second cache of 1 MiB
};

/// What the tiles of one stretch share; strides in floats, or in pairs of bfloat16.
typedef struct {
  int64_t inner, xRow, xStep, startRow, yRow;
  float factor;
} Stretch;

typedef void (*ProductTile)(const Stretch *, const float *x, const float *panel, int64_t valid,
                            const float *start, float *y);
typedef void (*PairTile)(const Stretch *, const uint32_t *x, const uint32_t *panel, int64_t valid,
                         const float *start, float *y);

#if PRODUCT_LANES == 16
INLINE Lanes loadLanes(const float *p, int64_t count) { return loadPart(p, count); }
INLINE void storeLanes(float *p, Lanes v, int64_t count) { storePart(p, v, count); }
#else
// Apart, because picking single lanes would keep a whole tile in memory.
static __attribute__((noinline)) Lanes loadSome(const float *p, int64_t count) {
  Lanes v = {0};
  for (int64_t i = 0; i < count; i++) v[i] = p[i];
  return v;
}
static __attribute__((noinline)) void storeSome(float *p, Lanes v, int64_t count) {
  for (int64_t i = 0; i < count; i++) p[i] = v[i];
}
INLINE Lanes loadLanes(const float *p, int64_t count) {
  return count == LANES ? *(const Lanes *)p : loadSome(p, count);
}
INLINE void storeLanes(float *p, Lanes v, int64_t count) {
  if (count == LANES) *(Lanes *)p = v;
  else storeSome(p, v, count);
}
#endif

#define ELEMENT float
#define ELEMENT_LANES Lanes
#define ELEMENT_SPREAD Spread
#define ADD_PRODUCT(sum, a, b) ((sum) + (a) * (b))
#define TILE_TYPE ProductTile

#define VECTORS 1
#define TILE_NAME(name) name##_1
#include "product_tile.h"

#define VECTORS 2
#define TILE_NAME(name) name##_2
#include "product_tile.h"

#undef ELEMENT
#undef ELEMENT_LANES
#undef ELEMENT_SPREAD
#undef ADD_PRODUCT
#undef TILE_TYPE

/// How many of `images` of `size` pairs each are packed at a time.
INLINE int64_t imagesTogether(int64_t size, int64_t images) {
  int64_t most = PAIR_ROOM / size;
  return least(images, most < 1 ? 1 : most);
}

/// Nearly equal tiles of rows: the first `longer` have one row more than the others.
typedef struct {
  int64_t tiles, rows, longer;
} Tiling;

INLINE Tiling tilingOf(int64_t rows) {
  int64_t tiles = (rows + PRODUCT_ROWS - 1) / PRODUCT_ROWS;
  return (Tiling){tiles, rows / tiles, rows % tiles};
}
INLINE int64_t tileRows(const Tiling *t, int64_t tile) { return t->rows + (tile < t->longer); }

/// One stretch of a block of rows, all columns. With `tiled`, x was packed by `packTiles`.
static void multiplyBlock(const Stretch *s, int64_t rows, int64_t columns, const float *x, bool tiled,
                          const float *packed, int64_t panelStride, const float *start, float *y) {
  Stretch stretch = *s;
  Tiling tiling = tilingOf(rows);
  for (int64_t column = 0; column < columns; column += PANEL, packed += panelStride) {
    int64_t valid = least(columns - column, PANEL);
    const ProductTile *functions = valid <= LANES ? productTiles_1 : productTiles_2;
    for (int64_t i = 0, first = 0, count; i < tiling.tiles; i++, first += count) {
      count = tileRows(&tiling, i);
      if (tiled) stretch.xStep = count;
      functions[count](&stretch, x + first * (tiled ? s->inner : s->xRow), packed, valid,
                       start ? start + first * s->startRow + column : 0,
                       y + first * s->yRow + column);
    }
  }
}

/// Tiles of rows of a stored transpose, [tile][inner][rows of the tile]: line by line of x, as it lies.
static void packTiles(int64_t inner, int64_t rows, const float *x, int64_t xStep, float *tiles) {
#define CASE(T) \
  case T:       \
    __builtin_memcpy(tiles + first * inner + k * T, x + k * xStep + first, T * sizeof(float));  \
    break;
  Tiling tiling = tilingOf(rows);
  for (int64_t k = 0; k < inner; k++) {
    // Lines of x are pages apart, where processors do not look ahead by themselves.
    for (int64_t i = 0; k + 8 < inner && i < rows; i += 16) __builtin_prefetch(x + (k + 8) * xStep + i);
    for (int64_t i = 0, first = 0, count; i < tiling.tiles; i++, first += count) {
      switch (count = tileRows(&tiling, i)) {
        CASE(1) CASE(2) CASE(3) CASE(4) CASE(5) CASE(6) CASE(7) CASE(8) CASE(9) CASE(10)
        CASE(11) CASE(12) CASE(13) CASE(14)
      }
    }
  }
#undef CASE
}
