// Register tiles of a direct convolution; included for every width of a block, with LANES, TILE_NAME,
// TILE_VECTOR, TILE_LOAD, TILE_STORE and TILES defined, and for numbers and for pairs of them, with TILE_ELEMENT, its vector
// TILE_ELEMENTS and TILE_ADD_PRODUCT, which spreads one over a vector.

/// T pixels times B blocks of outputs. Two registers stay for a pixel and the weights of a block.
INLINE void TILE_NAME(computeTile)(int B, int T, const Tile *tile, const float *x, int64_t xStep,
                                   float *y, int64_t yStep) {
  TILE_VECTOR sum[B * T];
  for (int b = 0; b < B; b++)
    for (int t = 0; t < T; t++) sum[b * T + t] = TILE_LOAD(tile->bias + 16 * b);
  Steps steps = stepsOf(xStep);
  Taps taps = tapsFrom(tile, x);
  const int64_t channels = tile->channels, blockStep = tile->blockWeight;
  for (int64_t runs = tile->rowTaps * tile->columnTaps; runs > 0; runs--) {
    const float *wp = taps.weights;
    Lines lines = linesFrom(taps.x, &steps, T);
    nextTaps(&taps);
    for (int64_t c = channels; c > 0; c--, wp += 16) {
      hideLines(&lines, &steps, T);
      TILE_ELEMENTS w[MOST_BLOCKS];
#pragma clang loop unroll(full)
      for (int b = 0; b < B; b++) w[b] = *(const TILE_ELEMENTS *)(const void *)(wp + b * blockStep);
#pragma clang loop unroll(full)
      for (int t = 0; t < T; t++) {
        TILE_ELEMENT pixel = *(const TILE_ELEMENT *)(const void *)pixelOf(&lines, &steps, t);
#pragma clang loop unroll(full)
        for (int b = 0; b < B; b++) sum[b * T + t] = TILE_ADD_PRODUCT(sum[b * T + t], w[b], pixel);
      }
      advanceLines(&lines, T);
    }
  }
  if (tile->relu)
    for (int i = 0; i < B * T; i++) sum[i] = RECTIFIED(sum[i]);
  if (B > 1 || tile->valid == LANES) {
#pragma clang loop unroll(full)
    for (int t = 0; t < T; t++, y += yStep)
#pragma clang loop unroll(full)
      for (int b = 0; b < B; b++) *(TILE_VECTOR *)(y + 16 * b) = sum[b * T + t];
  } else {
#pragma clang loop unroll(full)
    for (int t = 0; t < T; t++, y += yStep) TILE_STORE(y, sum[t], tile->valid);
  }
}

/// All tiles of a lattice whose lines have a multiple of T pixels: between two calls a core would lose more
/// time than a short tile takes.
#define TILE(B, T)                                                                             \
  static __attribute__((noinline)) void TILE_NAME(tile##B##x##T)(                              \
      const Tile *tile, const Lattice *l, const float *x, float *y) {                          \
    int64_t left = l->lines;                                                                   \
    for (int64_t i = l->pixels / T * left; i > 0; i--) {                                       \
      TILE_NAME(computeTile)(B, T, tile, x, l->xStep, y, l->yStep);                            \
      left--;                                                                                  \
      x += left ? l->xLine : T * l->xStep - (l->lines - 1) * l->xLine;                         \
      y += left ? l->yLine : T * l->yStep - (l->lines - 1) * l->yLine;                         \
      left = left ? left : l->lines;                                                           \
    }                                                                                          \
  }
TILES(TILE)
#undef TILE

#define TILE(B, T) [B][T] = TILE_NAME(tile##B##x##T),
static const TileFunction TILE_NAME(tileFunctions)[MOST_BLOCKS + 1][MOST_LINE + 1] = {TILES(TILE)};
#undef TILE

#undef LANES
#undef TILE_NAME
#undef TILE_VECTOR
#undef TILE_ELEMENT
#undef TILE_ELEMENTS
#undef TILE_ADD_PRODUCT
#undef TILE_LOAD
#undef TILE_STORE
#undef TILES
