// One register tile of a matrix product; included for one and for two vectors of columns, with VECTORS, TILE_NAME
// and TILE_TYPE defined, and for numbers and for pairs of them, with ELEMENT, its vector ELEMENT_LANES, ELEMENT_SPREAD that
// spreads one over a vector, and ADD_PRODUCT.

/// The first T rows and `valid` columns of a panel: y = start + factor · x · panel over one stretch of
/// the inner index. Each factor of x is spread over a register once and meets every vector of columns,
/// so that loads do not hold up the multipliers.
INLINE void TILE_NAME(multiplyTile)(int T, const Stretch *s, const ELEMENT *x, const ELEMENT *panel,
                                    int64_t valid, const float *start, float *y) {
  Lanes sum[T][VECTORS];
#pragma clang loop unroll(full)
  for (int t = 0; t < T; t++) {
#pragma clang loop unroll(full)
    for (int v = 0; v < VECTORS; v++) sum[t][v] = (Lanes){0};
  }
  // Lines of y are often pages apart; asked for now, they are here when the sums are.
#pragma clang loop unroll(full)
  for (int t = 0; t < T; t++) {
#pragma clang loop unroll(full)
    for (int v = 0; v < VECTORS; v++) __builtin_prefetch(y + t * s->yRow + v * LANES, 1);
  }
  int64_t row = s->xRow, step = s->xStep;
#pragma clang loop unroll(disable)
  for (int64_t i = s->inner; i > 0; i--, x += step, panel += PANEL) {
    ELEMENT_LANES w[VECTORS];
#pragma clang loop unroll(full)
    for (int v = 0; v < VECTORS; v++) w[v] = *(const ELEMENT_LANES *)(panel + v * LANES);
#pragma clang loop unroll(full)
    for (int t = 0; t < T; t++) {
      ELEMENT_LANES spread = (ELEMENT_LANES)(ELEMENT_SPREAD)x[t * row];
      __asm__("" : PRODUCT_REGISTER(spread));  // else each product loads it again
#pragma clang loop unroll(full)
      for (int v = 0; v < VECTORS; v++) sum[t][v] = ADD_PRODUCT(sum[t][v], w[v], spread);
    }
  }
  float factor = s->factor;
  int64_t startRow = s->startRow, yRow = s->yRow;
#pragma clang loop unroll(full)
  for (int v = 0; v < VECTORS; v++) {
    int64_t count = valid - v * LANES < LANES ? valid - v * LANES : LANES;
    if (start) {
#pragma clang loop unroll(full)
      for (int t = 0; t < T; t++)
        storeLanes(y + t * yRow + v * LANES,
                   loadLanes(start + t * startRow + v * LANES, count) + factor * sum[t][v], count);
    } else {
#pragma clang loop unroll(full)
      for (int t = 0; t < T; t++)
        storeLanes(y + t * yRow + v * LANES, factor * sum[t][v], count);
    }
  }
}

#define TILE(T)                                                                                  \
  static __attribute__((noinline)) void TILE_NAME(product##T)(                                   \
      const Stretch *s, const ELEMENT *x, const ELEMENT *panel, int64_t valid, const float *start,   \
      float *y) {                                                                                \
    TILE_NAME(multiplyTile)(T, s, x, panel, valid, start, y);                                    \
  }
TILE(1) TILE(2) TILE(3) TILE(4) TILE(5) TILE(6)
#if PRODUCT_ROWS > 6
TILE(7) TILE(8) TILE(9) TILE(10) TILE(11) TILE(12) TILE(13) TILE(14)
#endif
#undef TILE

static const TILE_TYPE TILE_NAME(productTiles)[] = {
    0, TILE_NAME(product1), TILE_NAME(product2), TILE_NAME(product3), TILE_NAME(product4),
    TILE_NAME(product5), TILE_NAME(product6),
#if PRODUCT_ROWS > 6
    TILE_NAME(product7), TILE_NAME(product8), TILE_NAME(product9), TILE_NAME(product10),
    TILE_NAME(product11), TILE_NAME(product12), TILE_NAME(product13), TILE_NAME(product14),
#endif
};

#undef VECTORS
#undef TILE_NAME
