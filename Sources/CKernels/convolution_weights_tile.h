// Register tiles of a convolution's weight gradient; included for every width of a block, with LANES,
// TILE_NAME, TILE_VECTOR, TILE_LOAD, TILE_LOAD_PART, TILE_STORE and TILES defined, and for numbers and for pairs of them as
// convolution_tile.h, with TILE_IS_PADDED where a whole vector may be read behind the last gradient.

INLINE void TILE_NAME(accumulateTile)(int B, int R, int L, const Pixels *p, const float *x, float *dw) {
  TILE_VECTOR sum[B * R * L];
  for (int t = 0; t < B * R * L; t++) sum[t] = (TILE_VECTOR){0};
  // Held in registers: the compiler would read them again for every pixel.
  const int64_t columns = p->columns, xColumn = p->xColumn, dyColumn = p->dyColumn;
  const int64_t xTapRow = p->xTapRow;
  const float *last = p->end - LANES;
  PixelLine line = firstLine(p, x);
  for (int64_t lines = p->samples * p->rows; lines > 0; lines--) {
    const float *xp = line.x, *dy = line.dy;
    nextLine(&line);
    for (int64_t q = columns; q > 0; q--, xp += xColumn, dy += dyColumn) {
      TILE_ELEMENTS g[MOST_WEIGHT_BLOCKS];
      // A whole vector is faster; lanes past `valid` are ignored. It must not pass the end.
      if (B > 1 || TILE_IS_PADDED) {
#pragma clang loop unroll(full)
        for (int b = 0; b < B; b++) g[b] = *(const TILE_ELEMENTS *)(const void *)(dy + 16 * b);
      } else {
        g[0] = __builtin_expect(dy <= last, 1) ? *(const TILE_ELEMENTS *)(const void *)dy
                                               : (TILE_ELEMENTS)TILE_LOAD_PART(dy, p->valid);
      }
#pragma clang loop unroll(full)
      for (int a = 0; a < R; a++)
#pragma clang loop unroll(full)
        for (int l = 0; l < L; l++) {
          TILE_ELEMENT pixel = *(const TILE_ELEMENT *)(const void *)(xp + a * xTapRow + l);
#pragma clang loop unroll(full)
          for (int b = 0; b < B; b++) {
            TILE_VECTOR *s = sum + (b * R + a) * L + l;
            *s = TILE_ADD_PRODUCT(*s, g[b], pixel);
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

#define TILE(B, R, L)                                                                          \
  static __attribute__((noinline)) void TILE_NAME(weightTile##B##x##R##x##L)(                  \
      const Pixels *p, const float *x, float *dw) {                                            \
    TILE_NAME(accumulateTile)(B, R, L, p, x, dw);                                              \
  }
TILES(TILE)
#undef TILE

#define TILE(B, R, L) [B][R][L] = TILE_NAME(weightTile##B##x##R##x##L),
static const WeightTileFunction
    TILE_NAME(weightTiles)[MOST_WEIGHT_BLOCKS + 1][MOST_TAP_ROWS + 1][MOST_LENGTH + 1] = {TILES(TILE)};
#undef TILE

#undef LANES
#undef TILE_NAME
#undef TILE_VECTOR
#undef TILE_ELEMENT
#undef TILE_ELEMENTS
#undef TILE_ADD_PRODUCT
#undef TILE_IS_PADDED
#undef TILE_LOAD
#undef TILE_LOAD_PART
#undef TILE_STORE
#undef TILES
