// Register tiles of a direct convolution; included for every width of a block, with LANES, TILE_NAME,
// TILE_VECTOR, TILE_LOAD and TILE_STORE defined.

/// T pixels times B blocks of outputs. Two registers stay for a pixel and the weights of a block.
INLINE void TILE_NAME(computeTile)(int B, int T, const Tile *tile, const float *x, int64_t xStep,
                                   float *y, int64_t yStep) {
  TILE_VECTOR sum[B * T];
  for (int b = 0; b < B; b++)
    for (int t = 0; t < T; t++) sum[b * T + t] = TILE_LOAD(tile->bias + 16 * b);
  Steps steps = stepsOf(xStep);
  const int64_t channels = tile->channels, blockStep = tile->blockWeight;
  const int64_t rowTaps = tile->rowTaps, columnTaps = tile->columnTaps;
  const int64_t rowSource = tile->rowSource, columnSource = tile->columnSource;
  const int64_t rowWeight = tile->rowWeight, columnWeight = tile->columnWeight;
  const float *rowWeights = tile->weights;
  for (int64_t r = rowTaps; r > 0; r--, x += rowSource, rowWeights += rowWeight) {
    const float *xp = x, *weights = rowWeights;
    for (int64_t q = columnTaps; q > 0; q--, xp += columnSource, weights += columnWeight) {
      const float *wp = weights;
      Lines lines = linesFrom(xp, &steps, T);
      for (int64_t c = channels; c > 0; c--, wp += 16) {
        hideLines(&lines, &steps, T);
        TILE_VECTOR w[B];
#pragma clang loop unroll(full)
        for (int b = 0; b < B; b++) w[b] = TILE_LOAD(wp + b * blockStep);
#pragma clang loop unroll(full)
        for (int t = 0; t < T; t++) {
          float pixel = *pixelOf(&lines, &steps, t);
#pragma clang loop unroll(full)
          for (int b = 0; b < B; b++) sum[b * T + t] += w[b] * pixel;
        }
        advanceLines(&lines, T);
      }
    }
  }
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

#define TILE(B, T)                                                                             \
  static __attribute__((noinline)) void TILE_NAME(tile##B##x##T)(                              \
      const Tile *tile, const Lattice *l, const float *x, float *y) {                          \
    for (int64_t i = 0; i < l->lines; i++, x += l->xLine, y += l->yLine)                       \
      TILE_NAME(computeTile)(B, T, tile, x, l->xStep, y, l->yStep);                            \
  }
TILES(TILE)
#undef TILE

#define TILE(B, T) [B][T] = TILE_NAME(tile##B##x##T),
static const TileFunction TILE_NAME(tileFunctions)[MOST_BLOCKS + 1][MOST_LINE + 1] = {TILES(TILE)};
#undef TILE

#undef LANES
#undef TILE_NAME
#undef TILE_VECTOR
#undef TILE_LOAD
#undef TILE_STORE
#undef TILES
