// Pooling over NHWC images, included once per build. Windows are cut at the border; padding cells are
// neither maxima nor counted in a mean.

/// The part of one window that lies inside the input.
typedef struct {
  int64_t top, bottom, left, right;
} Window;

INLINE Window windowOf(const CKernels_Pool *g, int64_t row, int64_t column) {
  Window w;
  int64_t top = row * g->strideHeight - g->paddingHeight;
  int64_t left = column * g->strideWidth - g->paddingWidth;
  w.bottom = top + g->sizeHeight < g->height ? top + g->sizeHeight : g->height;
  w.right = left + g->sizeWidth < g->width ? left + g->sizeWidth : g->width;
  w.top = top > 0 ? top : 0;
  w.left = left > 0 ? left : 0;
  return w;
}

/// Up to 16 channels of a window of `rows` times `columns` whose first cell is number `first` of its image.
/// NaN wins over numbers and is not replaced by later ones.
INLINE void largest(const CKernels_Pool *g, int64_t first, int64_t rows, int64_t columns, int64_t valid,
                    const float *image, float *y, int32_t *winners) {
  int64_t C = g->channels;
  v16 best = loadColumns(image + first * C, valid);
  i16 winner = (i16){0} + (int32_t)first;
  for (int64_t i = 0; i < rows; i++)
    for (int64_t j = i ? 0 : 1; j < columns; j++) {
      int64_t position = first + i * g->width + j;
      v16 v = loadColumns(image + position * C, valid);
      i16 wins = (v > best) | ((v != v) & (best == best));
      best = (v16)(((i16)v & wins) | ((i16)best & ~wins));
      winner = (((i16){0} + (int32_t)position) & wins) | (winner & ~wins);
    }
  storeColumns(y, best, valid);
  storeColumns((float *)(void *)winners, (v16)winner, valid);
}

/// All channels of one window.
INLINE void largestOfWindow(const CKernels_Pool *g, const Window *w, const float *image, float *y,
                            int32_t *winners) {
  int64_t C = g->channels, first = w->top * g->width + w->left;
  int64_t rows = w->bottom - w->top, columns = w->right - w->left;
  if (rows == 2 && columns == 2 && C % 16 == 0) {
    // The usual window, without inner loops.
    for (int64_t c = 0; c < C; c += 16) largest(g, first, 2, 2, 16, image + c, y + c, winners + c);
  } else {
    for (int64_t c = 0; c < C; c += 16)
      largest(g, first, rows, columns, columnsLeft(C, c), image + c, y + c, winners + c);
  }
}

/// The winner is the position of the maximum in its image (row · width + column); the first of equals.
static void maxPoolForward(const CKernels_Pool *g, int64_t samples, const float *x, float *y,
                           int32_t *winners) {
  int64_t C = g->channels;
  for (int64_t n = 0; n < samples; n++) {
    const float *image = x + n * g->height * g->width * C;
    for (int64_t row = 0; row < g->outHeight; row++)
      for (int64_t column = 0; column < g->outWidth; column++) {
        Window w = windowOf(g, row, column);
        largestOfWindow(g, &w, image, y, winners);
        y += C;
        winners += C;
      }
  }
}

/// Whether every cell lies in one window at most, and no window is cut.
INLINE bool isDisjoint(const CKernels_Pool *g) {
  return g->paddingHeight == 0 && g->paddingWidth == 0 && g->strideHeight == g->sizeHeight &&
         g->strideWidth == g->sizeWidth;
}

/// One row of windows of one image: every cell is written once, and nothing is read of `dx`.
INLINE void spreadRow(const CKernels_Pool *g, int64_t row, const float *dy, const int32_t *winners,
                      float *image) {
  int64_t C = g->channels, top = row * g->sizeHeight, rest = g->width - g->outWidth * g->sizeWidth;
  for (int64_t column = 0; column < g->outWidth; column++, dy += C, winners += C) {
    int64_t first = top * g->width + column * g->sizeWidth;
    for (int64_t c = 0; c < C; c += 16) {
      int64_t valid = columnsLeft(C, c);
      // Added to 0 as elsewhere: -0 becomes +0.
      v16 gradient = loadColumns(dy + c, valid) + 0.0f;
      i16 winner = (i16)loadColumns((const float *)(const void *)(winners + c), valid);
      for (int64_t i = 0; i < g->sizeHeight; i++)
        for (int64_t j = 0; j < g->sizeWidth; j++) {
          int64_t position = first + i * g->width + j;
          i16 wins = winner == (i16){0} + (int32_t)position;
          storeColumns(image + position * C + c, (v16)((i16)gradient & wins), valid);
        }
    }
  }
  for (int64_t i = 0; i < g->sizeHeight && rest > 0; i++)
    __builtin_memset(image + ((top + i + 1) * g->width - rest) * C, 0, (size_t)(rest * C) * sizeof(float));
}

static void maxPoolBackward(const CKernels_Pool *g, int64_t samples, const float *dy,
                            const int32_t *winners, float *dx) {
  int64_t C = g->channels, pixels = g->height * g->width, windows = g->outHeight * g->outWidth;
  bool disjoint = isDisjoint(g);
  int64_t covered = disjoint ? g->outHeight * g->sizeHeight * g->width : 0;
  for (int64_t n = 0; n < samples; n++) {
    float *image = dx + n * pixels * C;
    __builtin_memset(image + covered * C, 0, (size_t)((pixels - covered) * C) * sizeof(float));
    for (int64_t row = 0; disjoint && row < g->outHeight; row++)
      spreadRow(g, row, dy + row * g->outWidth * C, winners + row * g->outWidth * C, image);
    for (int64_t i = 0; !disjoint && i < windows; i++)
      for (int64_t c = 0; c < C; c++) image[winners[i * C + c] * C + c] += dy[i * C + c];
    dy += windows * C;
    winners += windows * C;
  }
}

static void averagePoolForward(const CKernels_Pool *g, int64_t samples, const float *x, float *y) {
  int64_t C = g->channels;
  for (int64_t n = 0; n < samples; n++) {
    const float *image = x + n * g->height * g->width * C;
    for (int64_t row = 0; row < g->outHeight; row++)
      for (int64_t column = 0; column < g->outWidth; column++) {
        Window w = windowOf(g, row, column);
        float factor = 1.0f / (float)((w.bottom - w.top) * (w.right - w.left));
        for (int64_t c = 0; c < C; c++) y[c] = 0;
        for (int64_t i = w.top; i < w.bottom; i++)
          for (int64_t j = w.left; j < w.right; j++)
            for (int64_t c = 0; c < C; c++) y[c] += image[(i * g->width + j) * C + c];
        for (int64_t c = 0; c < C; c++) y[c] *= factor;
        y += C;
      }
  }
}

static void averagePoolBackward(const CKernels_Pool *g, int64_t samples, const float *dy, float *dx) {
  int64_t C = g->channels, pixels = g->height * g->width;
  __builtin_memset(dx, 0, (size_t)(samples * pixels * C) * sizeof(float));
  for (int64_t n = 0; n < samples; n++) {
    float *image = dx + n * pixels * C;
    for (int64_t row = 0; row < g->outHeight; row++)
      for (int64_t column = 0; column < g->outWidth; column++) {
        Window w = windowOf(g, row, column);
        float factor = 1.0f / (float)((w.bottom - w.top) * (w.right - w.left));
        for (int64_t i = w.top; i < w.bottom; i++)
          for (int64_t j = w.left; j < w.right; j++)
            for (int64_t c = 0; c < C; c++) image[(i * g->width + j) * C + c] += dy[c] * factor;
        dy += C;
      }
  }
}

static void globalAverageForward(int64_t samples, int64_t positions, int64_t channels,
                                 const float *x, float *y) {
  for (int64_t n = 0; n < samples; n++) {
    sumRows(positions, channels, x + n * positions * channels, y + n * channels);
    scale(channels, 1.0f / (float)positions, y + n * channels);
  }
}
static void globalAverageBackward(int64_t samples, int64_t positions, int64_t channels,
                                  const float *dy, float *dx) {
  float factor = 1.0f / (float)positions;
  for (int64_t n = 0; n < samples; n++)
    for (int64_t p = 0; p < positions; p++)
      for (int64_t c = 0; c < channels; c++)
        dx[(n * positions + p) * channels + c] = dy[n * channels + c] * factor;
}
