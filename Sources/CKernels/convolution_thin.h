// Up to four outputs that are left beside whole blocks of 16, included once per build.
//
// Outputs would fill a quarter of a vector at most, so the lanes are sixteen channels of a pixel instead. A sum
// is then sixteen partial sums and their tree: another order than elsewhere, which the geometry alone decides.
// Weights are packed [output][KH][KW][C].

#define MOST_THIN 4

/// Whether `outputs` of a last block are thin: with fewer sources their lanes would be as empty.
INLINE bool isThin(int64_t outputs, int64_t sources) { return outputs <= MOST_THIN && sources >= 16; }

/// A vector of each pixel times a vector of each output's weights.
INLINE void addThin(int R, int P, int64_t lanes, const float *x, int64_t xStep, const float *weights,
                    int64_t outputStep, v16 *sum) {
  v16 w[MOST_THIN];
#pragma clang loop unroll(full)
  for (int r = 0; r < R; r++) w[r] = loadColumns(weights + r * outputStep, lanes);
#pragma clang loop unroll(full)
  for (int p = 0; p < P; p++) {
    v16 pixel = loadColumns(x + p * xStep, lanes);
#pragma clang loop unroll(full)
    for (int r = 0; r < R; r++) sum[p * R + r] += w[r] * pixel;
  }
}

/// R outputs of P pixels.
INLINE void computeThinTile(int R, int P, const Tile *tile, const Lattice *l, const float *x, float *y) {
  v16 sum[16];
  for (int i = 0; i < 16; i++) sum[i] = (v16){0};
  Taps taps = tapsFrom(tile, x);
  const int64_t channels = tile->channels, xStep = l->xStep, outputStep = tile->blockWeight;
  for (int64_t runs = tile->rowTaps * tile->columnTaps; runs > 0; runs--) {
    const float *xp = taps.x, *wp = taps.weights;
    nextTaps(&taps);
    int64_t c = channels;
    for (; c >= 16; c -= 16, xp += 16, wp += 16) addThin(R, P, 16, xp, xStep, wp, outputStep, sum);
    if (c) addThin(R, P, c, xp, xStep, wp, outputStep, sum);
  }
  transpose16(sum);
  for (int half = 8; half > 0; half /= 2)
    for (int i = 0; i < half; i++) sum[i] += sum[i + half];
#pragma clang loop unroll(full)
  for (int p = 0; p < P; p++)
#pragma clang loop unroll(full)
    for (int r = 0; r < R; r++) {
      float value = sum[0][p * R + r] + tile->bias[r];
      y[p * l->yStep + r] = tile->relu && value <= 0 ? 0 : value;
    }
}

#define TILE(R, P)                                                                             \
  static __attribute__((noinline)) void thinTile##R##x##P(const Tile *tile, const Lattice *l,  \
                                                          const float *x, float *y) {          \
    int64_t left = l->lines;                                                                   \
    for (int64_t i = l->pixels / P * left; i > 0; i--) {                                       \
      computeThinTile(R, P, tile, l, x, y);                                                    \
      left--;                                                                                  \
      x += left ? l->xLine : P * l->xStep - (l->lines - 1) * l->xLine;                         \
      y += left ? l->yLine : P * l->yStep - (l->lines - 1) * l->yLine;                         \
      left = left ? left : l->lines;                                                           \
    }                                                                                          \
  }
#define THIN_TILES(T)                                                                          \
  T(1, 1) T(1, 2) T(1, 3) T(1, 4) T(1, 5) T(1, 6) T(1, 7) T(1, 8) T(2, 1) T(2, 2) T(2, 3)      \
  T(2, 4) T(2, 5) T(2, 6) T(2, 7) T(2, 8) T(3, 1) T(3, 2) T(3, 3) T(3, 4) T(3, 5) T(4, 1)      \
  T(4, 2) T(4, 3) T(4, 4)
THIN_TILES(TILE)
#undef TILE
static const int64_t mostThinPixels[MOST_THIN + 1] = {0, 8, 8, 5, 4};
#define TILE(R, P) [R][P] = thinTile##R##x##P,
static const TileFunction thinFunctions[MOST_THIN + 1][8 + 1] = {THIN_TILES(TILE)};
#undef TILE
