// Packs matrices in panels for products, included once per build.

/// A panel of a stored transpose: `valid` rows of `inner` floats become columns.
static void packTransposed(int64_t inner, int64_t valid, const float *block, int64_t columnStride,
                           float *packed) {
  int64_t done = 0;
#if PRODUCT_LANES > 4
  for (; done + 16 <= valid; done += 16) {
    const float *rows = block + done * columnStride;
    int64_t i = 0;
    for (; i + 16 <= inner; i += 16) {
      v16 square[16];
      for (int l = 0; l < 16; l++) square[l] = load16(rows + l * columnStride + i);
      transpose16(square);
      for (int l = 0; l < 16; l++) store16(packed + (i + l) * PANEL + done, square[l]);
    }
    for (; i < inner; i++)
      for (int64_t l = 0; l < 16; l++) packed[i * PANEL + done + l] = rows[l * columnStride + i];
  }
#endif
  for (int64_t i = 0; i < inner; i++) {
    for (int64_t l = done; l < valid; l++) packed[i * PANEL + l] = block[l * columnStride + i];
    for (int64_t l = valid; l < PANEL; l++) packed[i * PANEL + l] = 0;
  }
}

/// [panel][inner][PANEL]; element (i, j) of the matrix lies at i · innerStride + j · columnStride, of
/// which one is 1.
static void packMatrix(int64_t inner, int64_t columns, const float *matrix, int64_t innerStride,
                       int64_t columnStride, float *packed) {
  for (int64_t first = 0; first < columns; first += PANEL, packed += inner * PANEL) {
    int64_t valid = least(columns - first, PANEL);
    const float *block = matrix + first * columnStride;
    if (columnStride != 1) {
      packTransposed(inner, valid, block, columnStride, packed);
      continue;
    }
    if (valid == PANEL) {
      for (int64_t i = 0; i < inner; i++)
        __builtin_memcpy(packed + i * PANEL, block + i * innerStride, PANEL * sizeof(float));
      continue;
    }
    for (int64_t i = 0; i < inner; i++) {
      float *row = packed + i * PANEL;
      __builtin_memcpy(row, block + i * innerStride, (size_t)valid * sizeof(float));
      __builtin_memset(row + valid, 0, (size_t)(PANEL - valid) * sizeof(float));
    }
  }
}

/// y = x · M for a matrix that was packed once.
static void packedProduct(int64_t rows, int64_t inner, int64_t columns, const float *x,
                          int64_t xStride, const float *packed, float *y, int64_t yStride) {
  Stretch s = {.xRow = xStride, .xStep = 1, .startRow = yStride, .yRow = yStride, .factor = 1};
  int64_t k = 0;
  do {
    s.inner = least(inner - k, STRETCH);
    for (int64_t row = 0; row < rows; row += BLOCK_ROWS) {
      float *target = y + row * yStride;
      multiplyBlock(&s, least(rows - row, BLOCK_ROWS), columns, x + row * xStride + k, false,
                    packed + k * PANEL, inner * PANEL, k ? target : 0, target);
    }
    k += STRETCH;
  } while (k < inner);
}

/// One block of columns and stretch of the inner index, of all rows.
static void productBlock(const CKernels_Product *p, int64_t column, int64_t k, float *tiles,
                         const float *packed) {
  int64_t columns = least(p->columns - column, BLOCK_COLUMNS);
  bool tiled = p->xStep != 1;
  Stretch s = {.inner = least(p->inner - k, STRETCH), .xRow = tiled ? 1 : p->xRow, .xStep = 1,
               .startRow = p->yRow, .yRow = p->yRow, .factor = p->factor};
  for (int64_t row = 0; row < p->rows; row += BLOCK_ROWS) {
    int64_t rows = least(p->rows - row, BLOCK_ROWS);
    const float *x = p->x + row * p->xRow + k * p->xStep;
    float *y = p->y + row * p->yRow + column;
    const float *start = k || p->adds ? y : 0;
    if (!start && p->bias) {
      start = p->bias + column;
      s.startRow = 0;
    }
    if (tiled) packTiles(s.inner, rows, x, p->xStep, tiles);
    multiplyBlock(&s, rows, columns, tiled ? tiles : x, tiled, packed, s.inner * PANEL, start, y);
  }
}

/// A product of matrices that nobody packed; see `CKernels_Product`.
static void product(const CKernels_Product *p) {
  int64_t depth = least(p->inner, STRETCH), columns = least(p->columns, BLOCK_COLUMNS);
  int64_t most = (columns + PANEL - 1) / PANEL * PANEL * depth;
  // What the largest product needs, so that longer sequences later in a run ask for no more.
  float *room = CKernels_threadRoom(STRETCH * (BLOCK_COLUMNS + BLOCK_ROWS) + 16);
  for (int64_t column = 0; column < p->columns; column += BLOCK_COLUMNS) {
    int64_t k = 0;
    do {
      packMatrix(least(p->inner - k, STRETCH), least(p->columns - column, BLOCK_COLUMNS),
                 p->matrix + k * p->matrixStep + column * p->matrixColumn, p->matrixStep,
                 p->matrixColumn, room);
      productBlock(p, column, k, room + most, room);
      k += STRETCH;
    } while (k < p->inner);
  }
}
