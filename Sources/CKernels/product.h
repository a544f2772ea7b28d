// Products of a few rows with a matrix that was packed once, included once per build.
//
// A recurrent layer multiplies by the same matrix at every step; a general product would pack it each
// time. The tiles are those of a convolution of one tap, so an element's bits depend on its own row and
// the matrix alone, never on how many rows there are.

/// [block of 16 columns][inner][16], zeros behind the last column; element (i, j) of the matrix lies at
/// i · innerStride + j · columnStride.
static void packMatrix(int64_t inner, int64_t columns, const float *matrix, int64_t innerStride,
                       int64_t columnStride, float *packed) {
  for (int64_t first = 0; first < columns; first += 16) {
    int64_t valid = columnsLeft(columns, first);
    const float *block = matrix + first * columnStride;
    for (int64_t i = 0; i < inner; i++, packed += 16) {
      for (int64_t l = 0; l < valid; l++) packed[l] = block[i * innerStride + l * columnStride];
      for (int64_t l = valid; l < 16; l++) packed[l] = 0;
    }
  }
}

static void packedProduct(int64_t rows, int64_t inner, int64_t columns, const float *x,
                          int64_t xStride, const float *packed, float *y, int64_t yStride) {
  Tile tile = {.blocks = 1, .rowTaps = 1, .columnTaps = 1, .channels = inner};
  for (int64_t first = 0; first < columns; first += 16) {
    tile.valid = columnsLeft(columns, first);
    tile.weights = packed + first * inner;
    computeLine(&tile, x, xStride, y + first, yStride, rows);
  }
}
