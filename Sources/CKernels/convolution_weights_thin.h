// Weight gradients of up to four outputs that are left beside whole blocks of 16, included once per build.
//
// The lanes are neighbouring weight rows (kernel column, channel), of which a pixel has whole vectors. Sums go
// to [output][KH][KW][C] and from there to the gradient; their order is that of all other weight gradients.

typedef void (*ThinWeightFunction)(const Pixels *, const float *x, int64_t last, float *sums);

#define MOST_THIN_VECTORS 7

/// R outputs times V vectors of weight rows, of the last of them `last` lanes.
INLINE void accumulateThin(int R, int V, const Pixels *p, const float *x, int64_t last, float *sums) {
  v16 sum[MOST_THIN][MOST_THIN_VECTORS];
  for (int r = 0; r < R; r++)
    for (int v = 0; v < V; v++) sum[r][v] = (v16){0};
  const int64_t columns = p->columns, xColumn = p->xColumn, dyColumn = p->dyColumn;
  PixelLine line = firstLine(p, x);
  for (int64_t lines = p->samples * p->rows; lines > 0; lines--) {
    const float *xp = line.x, *dy = line.dy;
    nextLine(&line);
    for (int64_t q = columns; q > 0; q--, xp += xColumn, dy += dyColumn) {
#pragma clang loop unroll(full)
      for (int v = 0; v < V; v++) {
        v16 pixels = v < V - 1 ? load16(xp + 16 * v) : loadPart(xp + 16 * v, last);
#pragma clang loop unroll(full)
        for (int r = 0; r < R; r++) sum[r][v] += pixels * dy[r];
      }
    }
  }
#pragma clang loop unroll(full)
  for (int r = 0; r < R; r++)
#pragma clang loop unroll(full)
    for (int v = 0; v < V; v++) {
      float *out = sums + r * p->thinPitch + 16 * v;
      int64_t lanes = v < V - 1 ? 16 : last;
      storeColumns(out, loadColumns(out, lanes) + sum[r][v], lanes);
    }
}

#define TILE(R, V)                                                                               \
  static __attribute__((noinline)) void thinWeights##R##x##V(const Pixels *p, const float *x,    \
                                                             int64_t last, float *sums) {        \
    accumulateThin(R, V, p, x, last, sums);                                                      \
  }
#define THIN_WEIGHT_TILES(T)                                                                     \
  T(1, 1) T(1, 2) T(1, 3) T(1, 4) T(1, 5) T(1, 6) T(1, 7) T(2, 1) T(2, 2) T(2, 3) T(2, 4)        \
  T(2, 5) T(2, 6) T(2, 7) T(3, 1) T(3, 2) T(3, 3) T(3, 4) T(3, 5) T(3, 6) T(3, 7) T(4, 1)        \
  T(4, 2) T(4, 3) T(4, 4) T(4, 5) T(4, 6)
THIN_WEIGHT_TILES(TILE)
#undef TILE
static const int64_t mostThinVectors[MOST_THIN + 1] = {0, 7, 7, 7, 6};
#define TILE(R, V) [R][V] = thinWeights##R##x##V,
static const ThinWeightFunction thinWeightFunctions[MOST_THIN + 1][MOST_THIN_VECTORS + 1] = {
    THIN_WEIGHT_TILES(TILE)};
#undef TILE

/// `tapRows` kernel rows of `length` weight rows each, in nearly equal tiles.
static void accumulateThinRows(const Pixels *p, const float *x, int64_t tapRows, int64_t length,
                               float *sums) {
  int64_t vectors = (length + 15) / 16, most = mostThinVectors[p->valid];
  int64_t tiles = (vectors + most - 1) / most;
  for (int64_t row = 0; row < tapRows; row++)
    for (int64_t i = 0; i < tiles; i++) {
      int64_t first = i * vectors / tiles, next = (i + 1) * vectors / tiles;
      int64_t last = columnsLeft(length, 16 * (next - 1));
      thinWeightFunctions[p->valid][next - first](p, x + row * p->xTapRow + 16 * first, last,
                                                  sums + row * p->dwTapRow + 16 * first);
    }
}
