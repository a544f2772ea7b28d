// Weight gradient of a direct convolution, included once per build.
//
// A tile holds T rows of the weight matrix (kernel column, channel) times 16 outputs in registers
// while the pixels of one sample stream by; samples are added in order. With dilation 1 and one group
// the kernel columns and channels of a patch are contiguous in the input, so small channel counts
// still fill the tile.

/// Pixels of one sample whose taps are the same.
typedef struct {
  const float *x, *dy, *end;
  int64_t rows, columns;
  int64_t xRow, dyRow, xColumn, dyColumn;
  int64_t valid;
} Pixels;

INLINE void accumulateTile(int T, const Pixels *p, float *dw, int64_t pitch) {
  v16 sum[T];
  for (int t = 0; t < T; t++) sum[t] = (v16){0};
  for (int64_t r = 0; r < p->rows; r++) {
    const float *x = p->x + r * p->xRow, *dy = p->dy + r * p->dyRow;
    for (int64_t q = 0; q < p->columns; q++) {
      // The last pixels of a buffer may not be read past its end; lanes past `valid` are ignored.
      v16 g = __builtin_expect(dy + 16 <= p->end, 1) ? load16(dy) : loadPart(dy, p->valid);
#pragma clang loop unroll(full)
      for (int t = 0; t < T; t++) sum[t] += g * x[t];
      x += p->xColumn;
      dy += p->dyColumn;
    }
  }
  for (int t = 0; t < T; t++) {
    float *out = dw + t * pitch;
    if (p->valid == 16) store16(out, load16(out) + sum[t]);
    else storePart(out, loadPart(out, p->valid) + sum[t], p->valid);
  }
}

#define WEIGHT_TILE(T)                                                                        \
  static __attribute__((noinline)) void weightTile##T(const Pixels *p, float *dw,            \
                                                      int64_t pitch) {                       \
    accumulateTile(T, p, dw, pitch);                                                         \
  }
WEIGHT_TILE(1) WEIGHT_TILE(2) WEIGHT_TILE(3) WEIGHT_TILE(4) WEIGHT_TILE(5) WEIGHT_TILE(6)
#if MOST_PIXELS > 6
WEIGHT_TILE(7) WEIGHT_TILE(8) WEIGHT_TILE(9) WEIGHT_TILE(10) WEIGHT_TILE(11) WEIGHT_TILE(12)
WEIGHT_TILE(13) WEIGHT_TILE(14)
#endif

typedef void (*WeightTileFunction)(const Pixels *, float *, int64_t);
static const WeightTileFunction weightTileFunctions[] = {
    0,           weightTile1, weightTile2,  weightTile3,  weightTile4,  weightTile5,  weightTile6,
#if MOST_PIXELS > 6
    weightTile7, weightTile8, weightTile9,  weightTile10, weightTile11, weightTile12, weightTile13,
    weightTile14
#endif
};

/// `length` rows of the weight matrix from one run of pixels.
static void accumulateRows(Pixels *p, const float *x, int64_t length, float *dw, int64_t pitch) {
  int64_t tiles = (length + MOST_PIXELS - 1) / MOST_PIXELS;
  for (int64_t i = 0; i < tiles; i++) {
    int64_t first = i * length / tiles, last = (i + 1) * length / tiles;
    p->x = x + first;
    weightTileFunctions[last - first](p, dw + first * pitch, pitch);
  }
}

/// One sample, one group, one block of 16 outputs over one pair of runs.
static void accumulateRun(const CKernels_Convolution *g, Pixels *p, const Run *row,
                          const Run *column, const float *x, const float *dy, float *dw) {
  int64_t C = g->channels / g->groups, O = g->outChannels;
  int64_t xPitch = g->width * g->channels, dyPitch = g->outWidth * O;
  p->rows = row->count;
  p->columns = column->count;
  p->xRow = row->sourceTargetStep * xPitch;
  p->dyRow = row->targetStep * dyPitch;
  p->xColumn = column->sourceTargetStep * g->channels;
  p->dyColumn = column->targetStep * O;
  p->dy = dy + row->target * dyPitch + column->target * O;
  bool contiguous = g->groups == 1 && g->dilationWidth == 1;
  for (int64_t kh = 0; kh < row->tapCount; kh++) {
    int64_t tapRow = row->tap + kh;
    const float *xr = x + (row->source + kh * row->sourceTapStep) * xPitch +
                      column->source * g->channels;
    float *out = dw + (tapRow * g->kernelWidth + column->tap) * C * O;
    if (contiguous) {
      accumulateRows(p, xr, column->tapCount * C, out, O);
      continue;
    }
    for (int64_t kw = 0; kw < column->tapCount; kw++)
      accumulateRows(p, xr + kw * column->sourceTapStep * g->channels, C, out + kw * C * O, O);
  }
}

static void convolutionWeightGradient(const CKernels_Convolution *g, int64_t samples,
                                      const float *input, const float *outputGradient,
                                      float *weightGradient, float *biasGradient) {
  int64_t C = g->channels / g->groups, O = g->outChannels, G = O / g->groups;
  int64_t blocks = (G + 15) / 16;
  __builtin_memset(weightGradient, 0,
                   (size_t)(g->kernelHeight * g->kernelWidth * C * O) * sizeof(float));
  Axis rowAxis = {g->height, g->outHeight, g->kernelHeight, g->strideHeight, g->paddingHeight,
                  g->dilationHeight, false};
  Axis columnAxis = {g->width, g->outWidth, g->kernelWidth, g->strideWidth, g->paddingWidth,
                     g->dilationWidth, false};
  const float *end = outputGradient + samples * g->outHeight * g->outWidth * O;
  Run rows[MOST_RUNS], columns[MOST_RUNS];
  int64_t rowPhase = 0, rowTarget = 0, rowCount;
  while ((rowCount = collectRuns(&rowAxis, &rowPhase, &rowTarget, rows)) > 0) {
    int64_t phase = 0, next = 0, columnCount;
    while ((columnCount = collectRuns(&columnAxis, &phase, &next, columns)) > 0) {
      for (int64_t n = 0; n < samples; n++)
        for (int64_t group = 0; group < g->groups; group++)
          for (int64_t b = 0; b < blocks; b++) {
            int64_t first = group * G + 16 * b;
            Pixels p = {.end = end, .valid = G - 16 * b < 16 ? G - 16 * b : 16};
            const float *x = input + n * g->height * g->width * g->channels + group * C;
            const float *dy = outputGradient + n * g->outHeight * g->outWidth * O + first;
            for (int64_t r = 0; r < rowCount; r++)
              for (int64_t q = 0; q < columnCount; q++)
                accumulateRun(g, &p, rows + r, columns + q, x, dy, weightGradient + first);
          }
    }
  }
  if (biasGradient) sumRows(samples * g->outHeight * g->outWidth, O, outputGradient, biasGradient);
}
