// One register tile of a direct convolution; included for every width of a block, with LANES,
// TILE_NAME, TILE_VECTOR, TILE_LOAD and TILE_STORE defined.

INLINE void TILE_NAME(computeTile)(int T, const Tile *tile, const float *x, int64_t xStep, float *y,
                                   int64_t yStep) {
  TILE_VECTOR sum[T];
  for (int t = 0; t < T; t++) sum[t] = TILE_LOAD(tile->bias);
  for (int64_t r = 0; r < tile->rowTaps; r++) {
    for (int64_t q = 0; q < tile->columnTaps; q++) {
      const float *xp = x + r * tile->rowSource + q * tile->columnSource;
      const float *wp = tile->weights + r * tile->rowWeight + q * tile->columnWeight;
      for (int64_t c = 0; c < tile->channels; c++) {
        TILE_VECTOR w = TILE_LOAD(wp + 16 * c);
#pragma clang loop unroll(full)
        for (int t = 0; t < T; t++) sum[t] += w * xp[t * xStep + c];
      }
    }
  }
  if (tile->valid == LANES) {
#pragma clang loop unroll(full)
    for (int t = 0; t < T; t++) *(TILE_VECTOR *)(y + t * yStep) = sum[t];
  } else {
#pragma clang loop unroll(full)
    for (int t = 0; t < T; t++) TILE_STORE(y + t * yStep, sum[t], tile->valid);
  }
}

#define TILE(T)                                                                                \
  static __attribute__((noinline)) void TILE_NAME(tile##T)(                                    \
      const Tile *tile, const float *x, int64_t xStep, float *y, int64_t yStep) {              \
    TILE_NAME(computeTile)(T, tile, x, xStep, y, yStep);                                       \
  }
TILE(1) TILE(2) TILE(3) TILE(4) TILE(5) TILE(6)
#if MOST_PIXELS > 6
TILE(7) TILE(8) TILE(9) TILE(10) TILE(11) TILE(12) TILE(13) TILE(14)
#endif
#undef TILE

static const TileFunction TILE_NAME(tileFunctions)[] = {
    0, TILE_NAME(tile1), TILE_NAME(tile2), TILE_NAME(tile3), TILE_NAME(tile4), TILE_NAME(tile5),
    TILE_NAME(tile6),
#if MOST_PIXELS > 6
    TILE_NAME(tile7), TILE_NAME(tile8), TILE_NAME(tile9), TILE_NAME(tile10), TILE_NAME(tile11),
    TILE_NAME(tile12), TILE_NAME(tile13), TILE_NAME(tile14),
#endif
};

#undef LANES
#undef TILE_NAME
#undef TILE_VECTOR
#undef TILE_LOAD
#undef TILE_STORE
