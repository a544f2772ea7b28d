// Register tiles of two neighbouring lines of pixels and one block of outputs, included once per build.
//
// Where a line lies one kernel row below the other, both read the same pixels, but for the first row and the
// last. Each is then loaded once for both: with a load for each product, every line that moves between the
// caches would keep the multipliers waiting.

/// Some rows of taps of which the first line, the second or both see pixels.
INLINE void addPair(int T, bool upper, bool lower, int64_t rows, const Tile *tile, Taps *taps, const Steps *s,
                    v16 *sum) {
  Steps steps = *s;
  const int64_t channels = tile->channels, rowWeight = tile->rowWeight;
  for (int64_t runs = rows * tile->columnTaps; runs > 0; runs--) {
    const float *wp = taps->weights;
    Lines lines = linesFrom(taps->x, &steps, T);
    nextTaps(taps);
    for (int64_t c = channels; c > 0; c--, wp += 16) {
      hideLines(&lines, &steps, T);
      v16 w0, w1;
      if (upper) w0 = load16(wp);
      if (lower) w1 = load16(wp - rowWeight);
#pragma clang loop unroll(full)
      for (int t = 0; t < T; t++) {
        v16 pixel = (v16)_mm512_set1_ps(*pixelOf(&lines, &steps, t));
        if (upper && lower) __asm__("" : "+v"(pixel));  // else each product loads it again
        if (upper) sum[t] += w0 * pixel;
        if (lower) sum[T + t] += w1 * pixel;
      }
      advanceLines(&lines, T);
    }
  }
}

INLINE void computePairTile(int T, const Tile *tile, const Lattice *l, const float *x, float *y) {
  v16 sum[2 * T];
  for (int t = 0; t < 2 * T; t++) sum[t] = load16(tile->bias);
  Steps steps = stepsOf(l->xStep);
  Taps taps = tapsFrom(tile, x);
  addPair(T, true, false, 1, tile, &taps, &steps, sum);
  addPair(T, true, true, tile->rowTaps - 1, tile, &taps, &steps, sum);
  addPair(T, false, true, 1, tile, &taps, &steps, sum);
  if (tile->relu)
    for (int t = 0; t < 2 * T; t++) sum[t] = RECTIFIED(sum[t]);
  const int64_t yStep = l->yStep, yLine = l->yLine, valid = tile->valid;
#pragma clang loop unroll(full)
  for (int t = 0; t < T; t++) {
    storePart(y + t * yStep, sum[t], valid);
    storePart(y + yLine + t * yStep, sum[T + t], valid);
  }
}

#define TILE(T)                                                                                \
  static __attribute__((noinline)) void pairTile##T(const Tile *tile, const Lattice *l,        \
                                                    const float *x, float *y) {                \
    const int64_t tiles = l->pixels / T;                                                       \
    int64_t left = tiles;                                                                      \
    for (int64_t i = l->lines / 2 * tiles; i > 0; i--) {                                       \
      computePairTile(T, tile, l, x, y);                                                       \
      left--;                                                                                  \
      x += left ? T * l->xStep : 2 * l->xLine - (tiles - 1) * T * l->xStep;                    \
      y += left ? T * l->yStep : 2 * l->yLine - (tiles - 1) * T * l->yStep;                    \
      left = left ? left : tiles;                                                              \
    }                                                                                          \
  }
#define PAIR_TILES(T) T(4) T(5) T(6) T(7) T(8) T(9) T(10) T(11) T(12) T(13) T(14)
PAIR_TILES(TILE)
#undef TILE
#define TILE(T) [T] = pairTile##T,
// A line of fewer pixels would leave the multipliers waiting for their own sums; more do not fit the registers.
#define LEAST_PAIR 4
#define MOST_PAIR 14
static const TileFunction pairFunctions[MOST_PAIR + 1] = {PAIR_TILES(TILE)};
#undef TILE
