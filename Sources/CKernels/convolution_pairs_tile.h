// Register tiles of convolutions of pairs; included for every width of a block, with the names and types of its
// vectors defined. See convolution_tile.h and convolution_weights_tile.h.

INLINE void TILE_NAME(computeTile)(int B, int T, const Tile *tile, const float *x, int64_t xStep,
                                   float *y, int64_t yStep) {
  TILE_VECTOR sum[B * T];
  for (int b = 0; b < B; b++)
    for (int t = 0; t < T; t++) sum[b * T + t] = TILE_LOAD(tile->bias + 16 * b);
  Steps steps = stepsOf(xStep);
  Taps taps = tapsFrom(tile, x);
  const int64_t pairs = tile->channels, blockStep = tile->blockWeight;
  for (int64_t runs = tile->rowTaps * tile->columnTaps; runs > 0; runs--) {
    const float *wp = taps.weights;
    Lines lines = linesFrom(taps.x, &steps, T);
    nextTaps(&taps);
    for (int64_t c = pairs; c > 0; c--, wp += 16) {
      hideLines(&lines, &steps, T);
      TILE_PAIRS w[MOST_BLOCKS];
#pragma clang loop unroll(full)
      for (int b = 0; b < B; b++) w[b] = *(const TILE_PAIRS *)(const void *)(wp + b * blockStep);
#pragma clang loop unroll(full)
      for (int t = 0; t < T; t++) {
        uint32_t pixel = *(const uint32_t *)(const void *)pixelOf(&lines, &steps, t);
#pragma clang loop unroll(full)
        for (int b = 0; b < B; b++)
          sum[b * T + t] = TILE_DOT(sum[b * T + t], w[b], (TILE_PAIRS)(TILE_SPREAD)pixel);
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

/// Pairs lie in a room with space behind them, so a vector of them is always read whole.
INLINE void TILE_NAME(accumulateTile)(int B, int R, int L, const Pixels *p, const float *x, float *dw) {
  TILE_VECTOR sum[B * R * L];
  for (int t = 0; t < B * R * L; t++) sum[t] = (TILE_VECTOR){0};
  const int64_t columns = p->columns, xColumn = p->xColumn, dyColumn = p->dyColumn;
  const int64_t xTapRow = p->xTapRow;
  PixelLine line = firstLine(p, x);
  for (int64_t lines = p->samples * p->rows; lines > 0; lines--) {
    const float *xp = line.x, *dy = line.dy;
    nextLine(&line);
    for (int64_t q = columns; q > 0; q--, xp += xColumn, dy += dyColumn) {
      TILE_PAIRS g[MOST_WEIGHT_BLOCKS];
#pragma clang loop unroll(full)
      for (int b = 0; b < B; b++) g[b] = *(const TILE_PAIRS *)(const void *)(dy + 16 * b);
#pragma clang loop unroll(full)
      for (int a = 0; a < R; a++)
#pragma clang loop unroll(full)
        for (int l = 0; l < L; l++) {
          uint32_t pixel = *(const uint32_t *)(const void *)(xp + a * xTapRow + l);
#pragma clang loop unroll(full)
          for (int b = 0; b < B; b++) {
            TILE_VECTOR *s = sum + (b * R + a) * L + l;
            *s = TILE_DOT(*s, g[b], (TILE_PAIRS)(TILE_SPREAD)pixel);
          }
        }
    }
  }
#pragma clang loop unroll(full)
  for (int b = 0; b < B; b++)
#pragma clang loop unroll(full)
    for (int a = 0; a < R; a++)
#pragma clang loop unroll(full)
      for (int l = 0; l < L; l++) {
        float *out = dw + a * p->dwTapRow + l * p->pitch + 16 * b;
        TILE_VECTOR part = sum[(b * R + a) * L + l];
        if (B > 1 || p->valid == LANES) *(TILE_VECTOR *)out = TILE_LOAD(out) + part;
        else TILE_STORE(out, TILE_LOAD_PART(out, p->valid) + part, p->valid);
      }
}

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

#define TILE(B, R, L)                                                                          \
  static __attribute__((noinline)) void TILE_NAME(weightTile##B##x##R##x##L)(                  \
      const Pixels *p, const float *x, float *dw) {                                            \
    TILE_NAME(accumulateTile)(B, R, L, p, x, dw);                                              \
  }
WEIGHT_TILES(TILE)
#undef TILE

#define TILE(B, R, L) [B][R][L] = TILE_NAME(weightTile##B##x##R##x##L),
static const WeightTileFunction
    TILE_NAME(weightTiles)[MOST_WEIGHT_BLOCKS + 1][MOST_TAP_ROWS + 1][MOST_LENGTH + 1] = {WEIGHT_TILES(TILE)};
#undef TILE

#undef LANES
#undef TILE_NAME
#undef TILE_VECTOR
#undef TILE_PAIRS
#undef TILE_SPREAD
#undef TILE_DOT
#undef TILE_LOAD
#undef TILE_LOAD_PART
#undef TILE_STORE
#undef TILES
#undef WEIGHT_TILES
