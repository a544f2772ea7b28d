// One register tile of a convolution's weight gradient; included for every width of a block, with
// LANES, TILE_NAME, TILE_VECTOR, TILE_LOAD, TILE_LOAD_PART and TILE_STORE defined.

INLINE void TILE_NAME(accumulateTile)(int R, int L, const Pixels *p, const float *x, float *dw) {
  TILE_VECTOR sum[R * L];
  for (int t = 0; t < R * L; t++) sum[t] = (TILE_VECTOR){0};
  for (int64_t n = 0; n < p->samples; n++) {
    for (int64_t r = 0; r < p->rows; r++) {
      const float *xp = x + n * p->xSample + r * p->xRow;
      const float *dy = p->dy + n * p->dySample + r * p->dyRow;
      for (int64_t q = 0; q < p->columns; q++) {
        // A whole vector is faster; lanes past `valid` are ignored. It must not pass the end.
        TILE_VECTOR g = __builtin_expect(dy + LANES <= p->end, 1)
                            ? TILE_LOAD(dy) : TILE_LOAD_PART(dy, p->valid);
#pragma clang loop unroll(full)
        for (int a = 0; a < R; a++)
#pragma clang loop unroll(full)
          for (int l = 0; l < L; l++) sum[a * L + l] += g * xp[a * p->xTapRow + l];
        xp += p->xColumn;
        dy += p->dyColumn;
      }
    }
  }
#pragma clang loop unroll(full)
  for (int a = 0; a < R; a++)
#pragma clang loop unroll(full)
    for (int l = 0; l < L; l++) {
      float *out = dw + a * p->dwTapRow + l * p->pitch;
      TILE_STORE(out, TILE_LOAD_PART(out, p->valid) + sum[a * L + l], p->valid);
    }
}

#define TILE(R, L)                                                                             \
  static __attribute__((noinline)) void TILE_NAME(weightTile##R##x##L)(                        \
      const Pixels *p, const float *x, float *dw) {                                            \
    TILE_NAME(accumulateTile)(R, L, p, x, dw);                                                 \
  }
EACH_WEIGHT_TILE(TILE)
#undef TILE

#define TILE(R, L) [R][L] = TILE_NAME(weightTile##R##x##L),
static const WeightTileFunction TILE_NAME(weightTiles)[MOST_TAP_ROWS + 1][MOST_PIXELS + 1] = {
    EACH_WEIGHT_TILE(TILE)};
#undef TILE

#undef LANES
#undef TILE_NAME
#undef TILE_VECTOR
#undef TILE_LOAD
#undef TILE_LOAD_PART
#undef TILE_STORE
