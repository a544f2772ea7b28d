// Direct convolutions over NHWC, included once per build.
//
// Outputs are tiled: a run of pixels whose taps are the same, times 16 channels, accumulates in
// registers; weights are packed [group][block of 16][KH][KW][C][16]. Each output is summed over
// (kernel row, kernel column, channel) in this order whatever the tile, so tiling never touches bits.

/// Target pixels along one axis that see the same kernel elements.
typedef struct {
  int64_t target, count, targetStep;       // target pixels target, target + targetStep, …
  int64_t tap, tapCount, tapStep;          // kernel elements
  int64_t source, sourceTargetStep, sourceTapStep;
} Run;

/// Geometry of one axis: source = (target · stride − padding + tap · dilation), or its inverse.
typedef struct {
  int64_t sources, targets, kernel, stride, padding, dilation;
  bool inverse;  // the input gradient: target is an input pixel, source an output pixel
} Axis;

INLINE int64_t ceilDivide(int64_t a, int64_t b) { return a >= 0 ? (a + b - 1) / b : -(-a / b); }
INLINE int64_t floorDivide(int64_t a, int64_t b) { return a >= 0 ? a / b : -((-a + b - 1) / b); }

/// The taps of one target pixel.
static Run tapsOf(const Axis *a, int64_t target) {
  Run run = {.target = target, .count = 1, .targetStep = 1};
  if (!a->inverse) {
    int64_t base = target * a->stride - a->padding;
    int64_t low = ceilDivide(-base, a->dilation);
    int64_t high = floorDivide(a->sources - 1 - base, a->dilation);
    if (low < 0) low = 0;
    if (high > a->kernel - 1) high = a->kernel - 1;
    run.tap = low;
    run.tapCount = high >= low ? high - low + 1 : 0;
    run.tapStep = 1;
    run.source = base + low * a->dilation;
    run.sourceTargetStep = a->stride;
    run.sourceTapStep = a->dilation;
    return run;
  }
  run.targetStep = a->stride;
  run.sourceTargetStep = 1;
  run.tapStep = 1;
  int64_t first = -1;
  for (int64_t k = 0; k < a->kernel && k < a->stride; k++) {
    if ((target + a->padding - k * a->dilation) % a->stride == 0) {
      first = k;
      break;
    }
  }
  if (first < 0) return run;
  // k repeats with the period stride / gcd(stride, dilation).
  int64_t x = a->stride, y = a->dilation;
  while (y) {
    int64_t t = x % y;
    x = y;
    y = t;
  }
  run.tapStep = a->stride / x;
  run.sourceTapStep = -run.tapStep * a->dilation / a->stride;
  int64_t low = first, high = -1;
  for (int64_t k = first; k < a->kernel; k += run.tapStep) {
    int64_t source = (target + a->padding - k * a->dilation) / a->stride;
    if (target + a->padding - k * a->dilation < 0) break;
    if (source >= a->sources) {
      low = k + run.tapStep;
      continue;
    }
    high = k;
  }
  run.tap = low;
  run.tapCount = high >= low ? (high - low) / run.tapStep + 1 : 0;
  run.source = (target + a->padding - low * a->dilation) / a->stride;
  return run;
}

#define MOST_RUNS 96

/// Collects runs from (`*phase`, `*target`) on; returns how many. Zero means the axis is done.
static int64_t collectRuns(const Axis *a, int64_t *phase, int64_t *target, Run *runs) {
  int64_t phases = a->inverse ? a->stride : 1;
  int64_t count = 0;
  while (*phase < phases && count < MOST_RUNS) {
    if (*target >= a->targets) {
      *phase += 1;
      *target = *phase;
      continue;
    }
    Run run = tapsOf(a, *target);
    int64_t next = *target + run.targetStep;
    while (next < a->targets) {
      Run other = tapsOf(a, next);
      if (other.tap != run.tap || other.tapCount != run.tapCount) break;
      run.count++;
      next += run.targetStep;
    }
    *target = next;
    runs[count++] = run;
  }
  return count;
}

/// What a tile of pixels needs beside its pointers.
typedef struct {
  int64_t rowTaps, rowSource, rowWeight;
  int64_t columnTaps, columnSource, columnWeight;
  int64_t channels, valid;
  const float *weights;
  v16 bias;
} Tile;

INLINE void computeTile(int T, const Tile *tile, const float *x, int64_t xStep, float *y,
                        int64_t yStep) {
  v16 sum[T];
  for (int t = 0; t < T; t++) sum[t] = tile->bias;
  for (int64_t r = 0; r < tile->rowTaps; r++) {
    for (int64_t q = 0; q < tile->columnTaps; q++) {
      const float *xp = x + r * tile->rowSource + q * tile->columnSource;
      const float *wp = tile->weights + r * tile->rowWeight + q * tile->columnWeight;
      for (int64_t c = 0; c < tile->channels; c++) {
        v16 w = load16(wp + 16 * c);
#pragma clang loop unroll(full)
        for (int t = 0; t < T; t++) sum[t] += w * xp[t * xStep + c];
      }
    }
  }
  if (tile->valid == 16) {
#pragma clang loop unroll(full)
    for (int t = 0; t < T; t++) store16(y + t * yStep, sum[t]);
  } else {
    for (int t = 0; t < T; t++) storePart(y + t * yStep, sum[t], tile->valid);
  }
}

#define TILE(T)                                                                             \
  static __attribute__((noinline)) void tile##T(const Tile *tile, const float *x,           \
                                                int64_t xStep, float *y, int64_t yStep) {   \
    computeTile(T, tile, x, xStep, y, yStep);                                               \
  }
TILE(1) TILE(2) TILE(3) TILE(4) TILE(5) TILE(6)
#if MOST_PIXELS > 6
TILE(7) TILE(8) TILE(9) TILE(10) TILE(11) TILE(12) TILE(13) TILE(14)
#endif

typedef void (*TileFunction)(const Tile *, const float *, int64_t, float *, int64_t);
static const TileFunction tileFunctions[] = {
    0,     tile1, tile2, tile3,  tile4,  tile5,  tile6,
#if MOST_PIXELS > 6
    tile7, tile8, tile9, tile10, tile11, tile12, tile13, tile14
#endif
};

/// `count` pixels in a line, in nearly equal tiles.
static void computeLine(const Tile *tile, const float *x, int64_t xStep, float *y, int64_t yStep,
                        int64_t count) {
  int64_t tiles = (count + MOST_PIXELS - 1) / MOST_PIXELS;
  for (int64_t i = 0; i < tiles; i++) {
    int64_t first = i * count / tiles, last = (i + 1) * count / tiles;
    tileFunctions[last - first](tile, x + first * xStep, xStep, y + first * yStep, yStep);
  }
}

/// One image and one block of 16 target channels over given runs of rows and columns.
static void computeRuns(Tile *tile, const Run *rows, int64_t rowCount, const Run *columns,
                        int64_t columnCount, const float *source, int64_t sourceWidth,
                        int64_t sourceChannels, float *target, int64_t targetWidth,
                        int64_t targetChannels, const float *weights, int64_t kernelWidth) {
  int64_t block = tile->channels * 16;
  int64_t sourcePitch = sourceWidth * sourceChannels, targetPitch = targetWidth * targetChannels;
  for (int64_t r = 0; r < rowCount; r++) {
    const Run *row = rows + r;
    for (int64_t q = 0; q < columnCount; q++) {
      const Run *column = columns + q;
      tile->rowTaps = row->tapCount;
      tile->columnTaps = column->tapCount;
      tile->rowSource = row->sourceTapStep * sourcePitch;
      tile->columnSource = column->sourceTapStep * sourceChannels;
      tile->rowWeight = row->tapStep * kernelWidth * block;
      tile->columnWeight = column->tapStep * block;
      tile->weights = weights + (row->tap * kernelWidth + column->tap) * block;
      const float *x = source + row->source * sourcePitch + column->source * sourceChannels;
      float *y = target + row->target * targetPitch + column->target * targetChannels;
      int64_t xRow = row->sourceTargetStep * sourcePitch, yRow = row->targetStep * targetPitch;
      int64_t xColumn = column->sourceTargetStep * sourceChannels;
      int64_t yColumn = column->targetStep * targetChannels;
      if (row->tapCount == 0 || column->tapCount == 0) x = source;
      if (column->count >= MOST_PIXELS / 2 || column->count >= row->count) {
        for (int64_t i = 0; i < row->count; i++)
          computeLine(tile, x + i * xRow, xColumn, y + i * yRow, yColumn, column->count);
      } else {
        for (int64_t i = 0; i < column->count; i++)
          computeLine(tile, x + i * xColumn, xRow, y + i * yColumn, yRow, row->count);
      }
    }
  }
}

/// Drives forward and input gradient: the same loops over other axes.
static void convolve(const Axis *rowAxis, const Axis *columnAxis, int64_t samples, int64_t groups,
                     const float *source, int64_t sourceChannels, float *target,
                     int64_t targetChannels, const float *packed, const float *bias,
                     int64_t kernelHeight, int64_t kernelWidth) {
  int64_t groupSources = sourceChannels / groups, groupTargets = targetChannels / groups;
  int64_t blocks = (groupTargets + 15) / 16;
  int64_t blockFloats = kernelHeight * kernelWidth * groupSources * 16;
  Run rows[MOST_RUNS], columns[MOST_RUNS];
  int64_t rowPhase = 0, rowTarget = 0, rowCount;
  while ((rowCount = collectRuns(rowAxis, &rowPhase, &rowTarget, rows)) > 0) {
    int64_t phase = 0, next = 0, columnCount;
    while ((columnCount = collectRuns(columnAxis, &phase, &next, columns)) > 0) {
      for (int64_t n = 0; n < samples; n++) {
        const float *x = source + n * rowAxis->sources * columnAxis->sources * sourceChannels;
        float *y = target + n * rowAxis->targets * columnAxis->targets * targetChannels;
        for (int64_t g = 0; g < groups; g++) {
          for (int64_t b = 0; b < blocks; b++) {
            int64_t first = g * groupTargets + 16 * b;
            int64_t valid = groupTargets - 16 * b < 16 ? groupTargets - 16 * b : 16;
            Tile tile = {.channels = groupSources, .valid = valid};
            if (bias) tile.bias = loadPart(bias + first, valid);
            else tile.bias = (v16){0};
            computeRuns(&tile, rows, rowCount, columns, columnCount, x + g * groupSources,
                        columnAxis->sources, sourceChannels, y + first, columnAxis->targets,
                        targetChannels, packed + (g * blocks + b) * blockFloats, kernelWidth);
          }
        }
      }
    }
  }
}

static void packConvolution(const CKernels_Convolution *g, const float *weights, float *packed) {
  int64_t C = g->channels / g->groups, O = g->outChannels, G = O / g->groups;
  int64_t blocks = (G + 15) / 16, taps = g->kernelHeight * g->kernelWidth;
  for (int64_t group = 0; group < g->groups; group++)
    for (int64_t b = 0; b < blocks; b++)
      for (int64_t tap = 0; tap < taps; tap++)
        for (int64_t c = 0; c < C; c++) {
          int64_t valid = G - 16 * b < 16 ? G - 16 * b : 16;
          v16 w = loadPart(weights + (tap * C + c) * O + group * G + 16 * b, valid);
          store16(packed + (((group * blocks + b) * taps + tap) * C + c) * 16, w);
        }
}

static void packConvolutionTransposed(const CKernels_Convolution *g, const float *weights,
                                      float *packed) {
  int64_t C = g->channels / g->groups, O = g->outChannels, G = O / g->groups;
  int64_t blocks = (C + 15) / 16, taps = g->kernelHeight * g->kernelWidth;
  for (int64_t group = 0; group < g->groups; group++)
    for (int64_t b = 0; b < blocks; b++)
      for (int64_t tap = 0; tap < taps; tap++)
        for (int64_t o = 0; o < G; o++) {
          float *out = packed + (((group * blocks + b) * taps + tap) * G + o) * 16;
          for (int64_t i = 0; i < 16; i++) {
            int64_t c = 16 * b + i;
            out[i] = c < C ? weights[(tap * C + c) * O + group * G + o] : 0;
          }
        }
}

static void convolutionForward(const CKernels_Convolution *g, int64_t samples, const float *input,
                               const float *packed, const float *bias, float *output) {
  Axis rows = {g->height, g->outHeight, g->kernelHeight, g->strideHeight, g->paddingHeight,
               g->dilationHeight, false};
  Axis columns = {g->width, g->outWidth, g->kernelWidth, g->strideWidth, g->paddingWidth,
                  g->dilationWidth, false};
  convolve(&rows, &columns, samples, g->groups, input, g->channels, output, g->outChannels, packed,
           bias, g->kernelHeight, g->kernelWidth);
}

static void convolutionInputGradient(const CKernels_Convolution *g, int64_t samples,
                                     const float *outputGradient, const float *packed,
                                     float *inputGradient) {
  Axis rows = {g->outHeight, g->height, g->kernelHeight, g->strideHeight, g->paddingHeight,
               g->dilationHeight, true};
  Axis columns = {g->outWidth, g->width, g->kernelWidth, g->strideWidth, g->paddingWidth,
                  g->dilationWidth, true};
  convolve(&rows, &columns, samples, g->groups, outputGradient, g->outChannels, inputGradient,
           g->channels, packed, 0, g->kernelHeight, g->kernelWidth);
}
