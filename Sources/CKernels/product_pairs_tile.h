// One register tile of a product of pairs; included for one and for two vectors of columns, with VECTORS
// and TILE_NAME defined. See product_tile.h.

INLINE void TILE_NAME(multiplyPairs)(int T, const Stretch *s, const uint32_t *x, const uint32_t *panel,
                                     int64_t valid, const float *start, float *y) {
  Lanes sum[T][VECTORS];
#pragma clang loop unroll(full)
  for (int t = 0; t < T; t++) {
#pragma clang loop unroll(full)
    for (int v = 0; v < VECTORS; v++) sum[t][v] = (Lanes){0};
  }
#pragma clang loop unroll(full)
  for (int t = 0; t < T; t++) {
#pragma clang loop unroll(full)
    for (int v = 0; v < VECTORS; v++) __builtin_prefetch(y + t * s->yRow + v * LANES, 1);
  }
  int64_t row = s->xRow, step = s->xStep;
#pragma clang loop unroll(disable)
  for (int64_t i = s->inner; i > 0; i--, x += step, panel += PANEL) {
    PairLanes w[VECTORS];
#pragma clang loop unroll(full)
    for (int v = 0; v < VECTORS; v++) w[v] = *(const PairLanes *)(panel + v * LANES);
#pragma clang loop unroll(full)
    for (int t = 0; t < T; t++) {
      PairLanes spread = (PairLanes)(PairSpread)x[t * row];
      __asm__("" : PRODUCT_REGISTER(spread));  // else each product loads it again
#pragma clang loop unroll(full)
      for (int v = 0; v < VECTORS; v++) sum[t][v] = PAIRS(dotLanes)(sum[t][v], w[v], spread);
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

#define TILE(T)                                                                                     \
  static __attribute__((noinline)) void TILE_NAME(pairs##T)(                                        \
      const Stretch *s, const uint32_t *x, const uint32_t *panel, int64_t valid, const float *start, \
      float *y) {                                                                                   \
    TILE_NAME(multiplyPairs)(T, s, x, panel, valid, start, y);                                      \
  }
TILE(1) TILE(2) TILE(3) TILE(4) TILE(5) TILE(6)
#if PRODUCT_ROWS > 6
TILE(7) TILE(8) TILE(9) TILE(10) TILE(11) TILE(12) TILE(13) TILE(14)
#endif
#undef TILE

static const PairTile TILE_NAME(pairTiles)[] = {
    0, TILE_NAME(pairs1), TILE_NAME(pairs2), TILE_NAME(pairs3), TILE_NAME(pairs4),
    TILE_NAME(pairs5), TILE_NAME(pairs6),
#if PRODUCT_ROWS > 6
    TILE_NAME(pairs7), TILE_NAME(pairs8), TILE_NAME(pairs9), TILE_NAME(pairs10),
    TILE_NAME(pairs11), TILE_NAME(pairs12), TILE_NAME(pairs13), TILE_NAME(pairs14),
#endif
};

#undef VECTORS
#undef TILE_NAME
