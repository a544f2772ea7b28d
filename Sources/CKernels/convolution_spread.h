// Input gradients by a product and a spreading sum, for channels that fill blocks of 16 badly; included once per build.
//
// Each pixel of the output's gradient times all weights gives what it contributes to the pixels under its kernel: a
// product whose columns are (kernel row, kernel column, channel), which fill vectors however few channels there are.
// The contributions of a kernel row lie side by side, as do the pixels that they are added to. Output pixels are
// taken in blocks that fit the second cache. An element is the sum over blocks of rows, in each over columns of pixels, of
// those of the kernel rows in ascending order; so the geometry alone decides its bits.

#define SPREAD_ROOM (1 << 16)  // floats: a quarter of a second cache of 1 MiB

INLINE int64_t spreadColumns(const CKernels_Convolution *g) { return g->kernelHeight * g->kernelWidth * g->channels; }

/// Floats between the contributions of two pixels: whole cache lines, an odd number of them.
INLINE int64_t spreadPitch(const CKernels_Convolution *g) { return ((spreadColumns(g) + 15) / 16 | 1) * 16; }

/// Whether that is faster than tiles, by a model of the hundredths of cycles of an output pixel that was fitted to thirty
/// shapes. It knows what all parts of a convolution have in common, so no width: sequences differ in it.
///
/// Sums are over `inner` outputs, or over pairs of them, which a product packs first. A rest of channels takes 16
/// lanes of a tile, or has a thin block, which reaches 70 % and adds up its lanes at the end. Pixels at the border see
/// some taps only, in short tiles of their own.
static bool isSpread(const CKernels_Convolution *g, int64_t inner, bool pairs) {
  int64_t rest = g->channels % 16, taps = g->kernelHeight * g->kernelWidth, around = g->kernelHeight - 1;
  // One column of a block must fit its room, and the rows of a picture one collection of runs.
  int64_t column = spreadPitch(g) * least(g->outHeight, 2 * g->kernelHeight);
  if (column > SPREAD_ROOM || 2 * g->kernelHeight + 5 * g->strideHeight > MOST_RUNS) return false;
  if (g->groups != 1 || g->dilationWidth != 1 || rest == 0 || taps == 1) return false;
  bool thin = !pairs && isThin(rest, inner);
  int64_t lanes = (g->channels - rest) * 100 + (thin ? rest * 143 : 1600);
  int64_t tiles = taps * inner * lanes / 32 + (thin ? 1200 : 0);
  tiles += tiles * around * around / (6 * g->outHeight);
  int64_t vectors = (spreadColumns(g) + 15) / 16, line = g->kernelWidth * g->channels * 130 / 16 + 325;
  int64_t spread = 50 * (vectors * (inner + 4) + (pairs ? inner : 0)) + g->kernelHeight * line;
  return spread * 106 < tiles * 100;
}

/// Pixels of the input gradient under one column of a block, and what is added to them.
typedef struct {
  const Run *runs;
  int64_t count;
  int64_t pitch, row;  // floats between output rows of a block, and between rows of the gradient
  int64_t kernelRow;   // between contributions of kernel rows
} Spreading;

#ifdef BUILD_MASKS
#define MOST_SPREAD 8
#define SPREADS(T) T(1) T(2) T(3) T(4) T(5) T(6) T(7) T(8)
INLINE v16 loadEnd(const float *p, int64_t count) { return loadColumns(p, count); }
INLINE void storeEnd(float *p, v16 v, int64_t count) { storeColumns(p, v, count); }
#else
#define MOST_SPREAD 4
#define SPREADS(T) T(1) T(2) T(3) T(4)
/// Up to 16 floats, in pieces that instructions move at once.
INLINE void copyEnd(float *to, const float *from, int64_t count) {
  int64_t done = 0;
#define PIECE(n)                                                         \
  if (count & n) {                                                       \
    __builtin_memcpy(to + done, from + done, n * sizeof(float));         \
    done += n;                                                           \
  }
  PIECE(16) PIECE(8) PIECE(4) PIECE(2) PIECE(1)
#undef PIECE
}
INLINE v16 loadEnd(const float *p, int64_t count) {
  float end[16] = {0};
  copyEnd(end, p, count);
  return load16(end);
}
INLINE void storeEnd(float *p, v16 v, int64_t count) {
  float end[16];
  store16(end, v);
  copyEnd(p, end, count);
}
#endif

/// V vectors of every row under a column, of which the last has `valid` floats.
INLINE void spreadVectors(int V, int64_t valid, const Spreading *s, const float *contributions, float *dx) {
  for (int64_t r = 0; r < s->count; r++) {
    const Run *run = s->runs + r;
    if (run->tapCount == 0) continue;
    const float *from = contributions + run->source * s->pitch + run->tap * s->kernelRow;
    const int64_t step = run->sourceTapStep * s->pitch + run->tapStep * s->kernelRow;
    const int64_t next = run->sourceTargetStep * s->pitch, nextRow = run->targetStep * s->row;
    float *to = dx + run->target * s->row;
    for (int64_t k = run->count; k > 0; k--, from += next, to += nextRow) {
      v16 sum[V];
#pragma clang loop unroll(full)
      for (int v = 0; v < V; v++) sum[v] = v + 1 < V ? load16(to + 16 * v) : loadEnd(to + 16 * v, valid);
      const float *line = from;
#pragma clang loop unroll(disable)
      for (int64_t t = run->tapCount; t > 0; t--, line += step)
#pragma clang loop unroll(full)
        for (int v = 0; v < V; v++) sum[v] += load16(line + 16 * v);
#pragma clang loop unroll(full)
      for (int v = 0; v + 1 < V; v++) store16(to + 16 * v, sum[v]);
      storeEnd(to + 16 * (V - 1), sum[V - 1], valid);
    }
  }
}

typedef void (*SpreadFunction)(int64_t valid, const Spreading *, const float *contributions, float *dx);
#define SPREAD(V)                                                                    \
  static __attribute__((noinline)) void spread##V(                                   \
      int64_t valid, const Spreading *s, const float *contributions, float *dx) {    \
    if (valid == 16) spreadVectors(V, 16, s, contributions, dx);                     \
    else spreadVectors(V, valid, s, contributions, dx);                              \
  }
SPREADS(SPREAD)
#undef SPREAD
#define SPREAD(V) spread##V,
static const SpreadFunction spreadFunctions[] = {0, SPREADS(SPREAD)};
#undef SPREAD

/// Output pixels: rows and columns from `row` and `column` on.
typedef struct {
  int64_t row, rows, column, columns;
} Block;

/// Adds the contributions of a block to the rows of `runs` of its image.
static void spreadBlock(const CKernels_Convolution *g, const Block *b, const Run *runs, int64_t count,
                        const float *contributions, float *dx) {
  int64_t pitch = spreadPitch(g), C = g->channels;
  Spreading s = {.runs = runs, .count = count, .pitch = b->columns * pitch, .row = g->width * C,
                 .kernelRow = g->kernelWidth * C};
  // Column by column: a line overlaps that of the next column, and a core waits for what it has just written.
  for (int64_t i = 0; i < b->columns; i++) {
    int64_t column = (b->column + i) * g->strideWidth - g->paddingWidth;
    int64_t first = larger(-column, 0), end = least(g->kernelWidth, g->width - column);
    const float *from = contributions + i * pitch + first * C;
    float *to = dx + (column + first) * C;
    for (int64_t left = (end - first) * C, now; left > 0; left -= now, from += now, to += now) {
      now = least(left, 16 * MOST_SPREAD);
      spreadFunctions[(now + 15) / 16]((now - 1) % 16 + 1, &s, from, to);
    }
  }
}

/// y = x · M for a matrix that was packed once; `room` holds what is packed of x.
typedef void (*PackedProduct)(int64_t rows, int64_t inner, int64_t columns, const float *x, int64_t xStride,
                              const float *packed, float *y, int64_t yStride, float *room);

static void packedProductIn(int64_t rows, int64_t inner, int64_t columns, const float *x, int64_t xStride,
                            const float *packed, float *y, int64_t yStride, float *room) {
  (void)room;
  packedProduct(rows, inner, columns, x, xStride, packed, y, yStride);
}

/// What the pixels of a block contribute.
static void contribute(const CKernels_Convolution *g, const Block *b, PackedProduct product, const float *dy,
                       const float *packed, float *contributions, float *room) {
  int64_t O = g->outChannels, pitch = spreadPitch(g);
  dy += (b->row * g->outWidth + b->column) * O;
  bool whole = b->columns == g->outWidth;
  int64_t lines = whole ? 1 : b->rows, pixels = whole ? b->rows * b->columns : b->columns;
  for (int64_t i = 0; i < lines; i++)
    product(pixels, O, spreadColumns(g), dy + i * g->outWidth * O, O, packed, contributions + i * pixels * pitch,
            pitch, room);
}

/// The first and the end of the output pixels along an axis that reach its targets.
INLINE void reachingPixels(int64_t targets, int64_t outputs, int64_t kernel, int64_t stride, int64_t padding,
                           int64_t dilation, int64_t *first, int64_t *end) {
  *first = larger(0, ceilDivide(padding - (kernel - 1) * dilation, stride));
  *end = larger(*first, least(outputs, floorDivide(targets - 1 + padding, stride) + 1));
}

/// One block of all images.
static void spreadImages(const CKernels_Convolution *g, const Block *b, PackedProduct product, int64_t samples,
                         const float *dy, const float *packed, float *dx, float *contributions, float *room) {
  Axis rows = {b->rows, g->height, g->kernelHeight, g->strideHeight, g->paddingHeight - b->row * g->strideHeight,
               g->dilationHeight, true};
  Run runs[MOST_RUNS];
  int64_t phase = 0, next = 0, count;
  while ((count = collectRuns(&rows, &phase, &next, runs)) > 0)
    for (int64_t n = 0; n < samples; n++) {
      contribute(g, b, product, dy + n * g->outHeight * g->outWidth * g->outChannels, packed, contributions, room);
      spreadBlock(g, b, runs, count, contributions, dx + n * g->height * g->width * g->channels);
    }
}

/// Images, whole or, where a part of one is asked for, those of its output pixels that reach it. Blocks begin at
/// multiples of their rows, whichever part is computed. `packing` floats are room for the product.
static void spreadGradient(const CKernels_Convolution *g, PackedProduct product, int64_t packing, int64_t samples,
                           const float *outputGradient, const float *packed, float *inputGradient) {
  // At least twice as many rows as the kernel has, so that most pixels are visited by one block.
  int64_t pitch = spreadPitch(g), rows = least(g->outHeight, 2 * g->kernelHeight);
  int64_t columns = least(g->outWidth, larger(1, SPREAD_ROOM / (pitch * rows)));
  if (columns == g->outWidth) rows = least(g->outHeight, larger(rows, SPREAD_ROOM / (pitch * columns)));
  int64_t top, bottom, left, right;
  reachingPixels(g->height, g->outHeight, g->kernelHeight, g->strideHeight, g->paddingHeight, g->dilationHeight, &top,
                 &bottom);
  reachingPixels(g->width, g->outWidth, g->kernelWidth, g->strideWidth, g->paddingWidth, 1, &left, &right);
  // All of it, so that longer sequences later in a run ask for no more.
  int64_t most = SPREAD_ROOM + 16;  // vectors end behind the last one
  float *contributions = CKernels_threadRoom(most + packing), *room = contributions + most;
  __builtin_memset(inputGradient, 0, (size_t)(samples * g->height * g->width * g->channels) * sizeof(float));
  for (int64_t row = top / rows * rows; row < bottom; row += rows)
    for (int64_t column = left; column < right; column += columns) {
      Block b = {.row = larger(row, top), .column = column};
      b.rows = least(row + rows, bottom) - b.row;
      b.columns = least(column + columns, right) - b.column;
      spreadImages(g, &b, product, samples, outputGradient, packed, inputGradient, contributions, room);
    }
}

static bool spreadsGradient(const CKernels_Convolution *g) { return isSpread(g, g->outChannels, false); }

static void packConvolutionTransposed(const CKernels_Convolution *g, const float *weights, float *packed) {
  int64_t O = g->outChannels;
  if (spreadsGradient(g)) packMatrix(O, spreadColumns(g), weights, 1, O, packed);
  else packDirectTransposed(g, weights, packed);
}
static void convolutionInputGradient(const CKernels_Convolution *g, int64_t samples, const float *outputGradient,
                                     const float *packed, float *inputGradient) {
  if (spreadsGradient(g))
    spreadGradient(g, packedProductIn, 0, samples, outputGradient, packed, inputGradient);
  else directInputGradient(g, samples, outputGradient, packed, inputGradient);
}
