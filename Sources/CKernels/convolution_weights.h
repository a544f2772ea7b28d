// Weight gradient of a direct convolution, included once per build.
//
// A tile holds R kernel rows times L neighbouring weight rows (kernel column, channel) times one or two
// blocks of 16 outputs in registers while the pixels of some samples stream by. With dilation 1 and one group the kernel
// columns and channels of a patch are contiguous in the input, so small channel counts still fill the
// tile. The order of each sum depends on the extents and the number of samples alone.

/// Pixels whose taps are the same, of several samples.
typedef struct {
  const struct WeightTileFunctions *functions;
  const float *dy, *end;
  int64_t samples, rows, columns;
  int64_t xSample, dySample, xRow, dyRow, xColumn, dyColumn;
  int64_t xTapRow, dwTapRow;  // between kernel rows
  int64_t pitch;              // between weight rows
  int64_t blocks, valid;      // whole blocks, or one; outputs of a block
  bool thin;                  // whether its lanes are weight rows
  int64_t thinPitch;          // between outputs then
} Pixels;

/// One row of pixels of one sample.
typedef struct {
  const float *x, *dy;
  int64_t left, rows, xRow, dyRow, xNext, dyNext;
} PixelLine;

INLINE PixelLine firstLine(const Pixels *p, const float *x) {
  int64_t down = p->rows - 1;
  return (PixelLine){x,       p->dy,    p->rows,                    p->rows,
                     p->xRow, p->dyRow, p->xSample - down * p->xRow, p->dySample - down * p->dyRow};
}
/// Goes on down a sample and then to the next, by one loop over both; as `nextTaps` does.
INLINE void nextLine(PixelLine *l) {
  l->left--;
  l->x += l->left ? l->xRow : l->xNext;
  l->dy += l->left ? l->dyRow : l->dyNext;
  l->left = l->left ? l->left : l->rows;
}

typedef void (*WeightTileFunction)(const Pixels *, const float *x, float *dw);

// Tiles with more than one kernel row serve short runs of weight rows. `mostLength` has the longest
// for each number of blocks and of kernel rows.
#define MOST_TAP_ROWS 5
#ifdef BUILD_MASKS
#define MOST_WEIGHT_BLOCKS 2
#define MOST_LENGTH 24
#define ONE_WEIGHT_BLOCK(T) \
  T(1, 1, 1) T(1, 1, 2) T(1, 1, 3) T(1, 1, 4) T(1, 1, 5) T(1, 1, 6) T(1, 1, 7) T(1, 1, 8)        \
  T(1, 1, 9) T(1, 1, 10) T(1, 1, 11) T(1, 1, 12) T(1, 1, 13) T(1, 1, 14) T(1, 1, 15)             \
  T(1, 1, 16) T(1, 1, 17) T(1, 1, 18) T(1, 1, 19) T(1, 1, 20) T(1, 1, 21) T(1, 1, 22)            \
  T(1, 1, 23) T(1, 1, 24) T(1, 2, 1) T(1, 2, 2) T(1, 2, 3) T(1, 2, 4) T(1, 2, 5) T(1, 2, 6)      \
  T(1, 2, 7) T(1, 2, 8) T(1, 2, 9) T(1, 2, 10) T(1, 2, 11) T(1, 2, 12) T(1, 3, 1) T(1, 3, 2)     \
  T(1, 3, 3) T(1, 3, 4) T(1, 3, 5) T(1, 3, 6) T(1, 3, 7) T(1, 3, 8) T(1, 3, 9) T(1, 4, 1)        \
  T(1, 4, 2) T(1, 4, 3) T(1, 4, 4) T(1, 4, 5) T(1, 4, 6) T(1, 5, 1) T(1, 5, 2) T(1, 5, 3)        \
  T(1, 5, 4) T(1, 5, 5)
#define MORE_WEIGHT_BLOCKS(T) \
  T(2, 1, 1) T(2, 1, 2) T(2, 1, 3) T(2, 1, 4) T(2, 1, 5) T(2, 1, 6) T(2, 1, 7) T(2, 1, 8)        \
  T(2, 1, 9) T(2, 1, 10) T(2, 1, 11) T(2, 1, 12) T(2, 2, 1) T(2, 2, 2) T(2, 2, 3) T(2, 2, 4)     \
  T(2, 2, 5) T(2, 2, 6) T(2, 3, 1) T(2, 3, 2) T(2, 3, 3) T(2, 3, 4) T(2, 4, 1) T(2, 4, 2)        \
  T(2, 4, 3)
static const int64_t mostLength[MOST_WEIGHT_BLOCKS + 1][MOST_TAP_ROWS + 1] = {
    {0}, {0, 24, 12, 9, 6, 5}, {0, 12, 6, 4, 3}};
#else
#define MOST_WEIGHT_BLOCKS 1
#define MOST_LENGTH 6
#define ONE_WEIGHT_BLOCK(T) \
  T(1, 1, 1) T(1, 1, 2) T(1, 1, 3) T(1, 1, 4) T(1, 1, 5) T(1, 1, 6) T(1, 2, 1) T(1, 2, 2)        \
  T(1, 2, 3) T(1, 3, 1) T(1, 3, 2) T(1, 4, 1) T(1, 5, 1)
#define MORE_WEIGHT_BLOCKS(T)
static const int64_t mostLength[MOST_WEIGHT_BLOCKS + 1][MOST_TAP_ROWS + 1] = {{0}, {0, 6, 3, 2, 1, 1}};
#endif

/// The tiles of numbers, or of pairs of them: by blocks of 16, kernel rows and weight rows; and whether thin blocks
/// have their own.
typedef struct WeightTileFunctions {
  const WeightTileFunction (*whole)[MOST_TAP_ROWS + 1][MOST_LENGTH + 1], (*half)[MOST_TAP_ROWS + 1][MOST_LENGTH + 1];
  bool thin;
} WeightTileFunctions;

#define LANES 16
#define TILE_NAME(name) name##_16
#define TILE_VECTOR v16
#define TILE_ELEMENT float
#define TILE_ELEMENTS v16
#define TILE_ADD_PRODUCT(sum, a, b) ((sum) + (a) * (b))
#define TILE_IS_PADDED false
#define TILE_LOAD load16
#define TILE_LOAD_PART loadPart
#define TILE_STORE storePart
#define TILES(T) ONE_WEIGHT_BLOCK(T) MORE_WEIGHT_BLOCKS(T)
#include "convolution_weights_tile.h"

#define LANES 8
#define TILE_NAME(name) name##_8
#define TILE_VECTOR v8
#define TILE_ELEMENT float
#define TILE_ELEMENTS v8
#define TILE_ADD_PRODUCT(sum, a, b) ((sum) + (a) * (b))
#define TILE_IS_PADDED false
#define TILE_LOAD load8
#define TILE_LOAD_PART loadPart8
#define TILE_STORE storePart8
#define TILES(T) ONE_WEIGHT_BLOCK(T)
#include "convolution_weights_tile.h"

#ifdef BUILD_MASKS
#include "convolution_weights_thin.h"
static const WeightTileFunctions weightTiles = {weightTiles_16, weightTiles_8, true};
#else
static const WeightTileFunctions weightTiles = {weightTiles_16, weightTiles_8, false};
#endif

/// `tapRows` kernel rows of `length` weight rows each, in nearly equal tiles.
static void accumulateRows(const Pixels *p, const float *x, int64_t tapRows, int64_t length,
                           float *dw) {
#ifdef BUILD_MASKS
  if (p->thin) {
    accumulateThinRows(p, x, tapRows, length, dw);
    return;
  }
#endif
  const int64_t *longest = mostLength[p->blocks];
  int64_t tiles = (length + longest[1] - 1) / longest[1];
  int64_t most = 1;
  while (most < MOST_TAP_ROWS && longest[most + 1] >= length) most++;
  int64_t stacks = (tapRows + most - 1) / most;
  for (int64_t s = 0; s < stacks; s++) {
    int64_t row = s * tapRows / stacks, R = (s + 1) * tapRows / stacks - row;
    for (int64_t i = 0; i < tiles; i++) {
      int64_t first = i * length / tiles, L = (i + 1) * length / tiles - first;
      WeightTileFunction tile =
          p->valid <= 8 ? p->functions->half[1][R][L] : p->functions->whole[p->blocks][R][L];
      tile(p, x + row * p->xTapRow + first, dw + row * p->dwTapRow + first * p->pitch);
    }
  }
}

/// Pixels that a tile sums in registers before it adds to memory, at least where there are enough:
/// enough to hide that addition, few enough for the cache and for the accuracy of the sum.
#define PIXELS_IN_REGISTERS 64

/// One group and one block of outputs over one pair of runs, all samples; of the weights those of `part`.
static void accumulateRun(const CKernels_Convolution *g, const CKernels_Weights *part, int64_t samples,
                          Pixels *p, const Run *row, const Run *column, const float *x,
                          const float *dy, float *dw) {
  int64_t tap = larger(row->tap, part->row), tapEnd = least(row->tap + row->tapCount, part->rowEnd);
  if (tap >= tapEnd || column->tapCount == 0) return;
  int64_t C = g->channels / g->groups, O = g->outChannels;
  int64_t xPitch = g->width * g->channels, dyPitch = g->outWidth * O;
  p->rows = row->count;
  p->columns = column->count;
  p->xSample = g->height * xPitch;
  p->dySample = g->outHeight * dyPitch;
  p->xRow = row->sourceTargetStep * xPitch;
  p->dyRow = row->targetStep * dyPitch;
  p->xColumn = column->sourceTargetStep * g->channels;
  p->dyColumn = column->targetStep * O;
  p->xTapRow = row->sourceTapStep * xPitch;
  p->dwTapRow = g->kernelWidth * C * p->pitch;
  if (p->xRow == p->columns * p->xColumn && p->dyRow == p->columns * p->dyColumn) {
    p->columns *= p->rows;
    p->rows = 1;
  }
  x += row->source * xPitch + column->source * g->channels + (tap - row->tap) * p->xTapRow;
  dy += row->target * dyPitch + column->target * O;
  dw += tap * p->dwTapRow;
  // With dilation 1 and one group the taps of all columns are one run of weight rows.
  bool contiguous = g->groups == 1 && g->dilationWidth == 1;
  int64_t length = contiguous ? column->tapCount * C : C, runs = contiguous ? 1 : column->tapCount;
  int64_t pixels = row->count * column->count;
  int64_t together = (PIXELS_IN_REGISTERS + pixels - 1) / pixels;
  for (int64_t n = 0; n < samples; n += together) {
    p->samples = least(samples - n, together);
    p->dy = dy + n * p->dySample;
    for (int64_t i = 0; i < runs; i++) {
      int64_t begin = (column->tap + i) * C;
      int64_t first = larger(begin, part->column), end = least(begin + length, part->columnEnd);
      if (first < end)
        accumulateRows(p, x + n * p->xSample + i * column->sourceTapStep * g->channels + first - begin,
                       tapEnd - tap, end - first, dw + first * p->pitch);
    }
  }
}

static void clearWeights(const CKernels_Convolution *g, const CKernels_Weights *part, float *dw) {
  int64_t C = g->channels / g->groups, O = g->outChannels, G = O / g->groups;
  for (int64_t row = part->row; row < part->rowEnd; row++)
    for (int64_t column = part->column; column < part->columnEnd; column++)
      for (int64_t group = part->group; group < part->groupEnd; group++)
        __builtin_memset(dw + (row * g->kernelWidth * C + column) * O + group * G + part->output, 0,
                         (size_t)(part->outputEnd - part->output) * sizeof(float));
}

/// Adds what was summed as [output][weight row].
static void addThinSums(const CKernels_Convolution *g, const CKernels_Weights *part, const Pixels *p,
                        const float *sums, float *dw) {
  int64_t columns = g->kernelWidth * (g->channels / g->groups);
  for (int64_t row = part->row; row < part->rowEnd; row++)
    for (int64_t w = row * columns + part->column; w < row * columns + part->columnEnd; w++)
      for (int64_t o = 0; o < p->valid; o++) dw[w * g->outChannels + o] += sums[o * p->thinPitch + w];
}

/// Adds the gradient of some samples to that of the weights, of which each has one order, whichever others are
/// computed with it.
static void accumulateWeights(const WeightTileFunctions *functions, const CKernels_Convolution *g,
                              const CKernels_Weights *part, int64_t samples, const float *input,
                              const float *outputGradient, float *weightGradient) {
  int64_t C = g->channels / g->groups, O = g->outChannels, G = O / g->groups;
  int64_t weights = g->kernelHeight * g->kernelWidth * C;
  const float *end = outputGradient + samples * g->outHeight * g->outWidth * O;
  Axis rowAxis = rowsOf(g, false), columnAxis = columnsOf(g, false);
  Run rows[MOST_RUNS], columns[MOST_RUNS];
  int64_t rowPhase = 0, rowTarget = 0, rowCount;
  while ((rowCount = collectRuns(&rowAxis, &rowPhase, &rowTarget, rows)) > 0) {
    int64_t phase = 0, next = 0, columnCount;
    while ((columnCount = collectRuns(&columnAxis, &phase, &next, columns)) > 0) {
      for (int64_t group = part->group; group < part->groupEnd; group++)
        for (int64_t block = part->output, count; block < part->outputEnd; block += 16 * count) {
          count = least(blocksAtOnce(part->outputEnd, block), MOST_WEIGHT_BLOCKS);
          int64_t first = group * G + block, valid = columnsLeft(part->outputEnd, block);
          bool thin = functions->thin && isThin(valid, C);
          Pixels p = {.functions = functions, .end = end, .blocks = count, .valid = valid, .pitch = thin ? 1 : O,
                      .thin = thin, .thinPitch = weights};
          float *sums = thin ? CKernels_threadRoom(valid * weights) : weightGradient + first;
          if (thin) __builtin_memset(sums, 0, (size_t)(valid * weights) * sizeof(float));
          for (int64_t r = 0; r < rowCount; r++)
            for (int64_t q = 0; q < columnCount; q++)
              accumulateRun(g, part, samples, &p, rows + r, columns + q, input + group * C,
                            outputGradient + first, sums);
          if (thin) addThinSums(g, part, &p, sums, weightGradient + first);
        }
    }
  }
}

static void convolutionWeightGradient(const CKernels_Convolution *g, const CKernels_Weights *part,
                                      int64_t samples, const float *input,
                                      const float *outputGradient, float *weightGradient) {
  clearWeights(g, part, weightGradient);
  accumulateWeights(&weightTiles, g, part, samples, input, outputGradient, weightGradient);
}
