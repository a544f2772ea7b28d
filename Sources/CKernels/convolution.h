// Direct convolutions over NHWC, included once per build.
//
// Outputs are tiled: a run of pixels whose taps are the same, times up to four blocks of 16 channels,
// accumulates in registers; weights are packed [group][block of 16][KH][KW][C][16]. A last block of 8 or
// fewer channels uses half vectors. Each output is summed over (kernel row, kernel column, channel) in this
// order whatever the tile, so tiling never touches bits; outputs of a thin last block have an order of their own.

#include "convolution_lines.h"

/// What a tile of pixels needs beside its pointers.
typedef struct Tile {
  const struct TileFunctions *functions;
  int64_t rowTaps, rowSource, rowWeight;
  int64_t columnTaps, columnSource, columnWeight;
  int64_t channels;
  int64_t blocks, blockWeight;  // whole blocks, or one
  int64_t valid;                // outputs of a block
  bool thin, relu;              // whether its lanes are channels; whether it ends with a relu
  int64_t nextSource, nextWeight;  // from the last column of a row of taps to the next row
  const float *weights;
  float bias[64];
} Tile;

/// A place in the taps of a tile.
typedef struct {
  const float *x, *weights;
  int64_t column, columns, columnSource, columnWeight, nextSource, nextWeight;
} Taps;

INLINE Taps tapsFrom(const Tile *t, const float *x) {
  return (Taps){x, t->weights, t->columnTaps, t->columnTaps, t->columnSource, t->columnWeight, t->nextSource,
                t->nextWeight};
}
/// Goes on along a row of taps and then to the next row, by one loop over both: a core has the addresses early,
/// and what waits for them at the end of a short run would not be hidden.
INLINE void nextTaps(Taps *t) {
  t->column--;
  t->x += t->column ? t->columnSource : t->nextSource;
  t->weights += t->column ? t->columnWeight : t->nextWeight;
  t->column = t->column ? t->column : t->columns;
}

/// Lines of pixels that see the same taps, and the floats between pixels and between lines.
typedef struct {
  int64_t lines, xLine, yLine;
  int64_t pixels, xStep, yStep;
} Lattice;

/// Zeros instead of what is not above zero; NaN passes, as in `activate`.
#define RECTIFIED(v) ((__typeof__(v))(~((v) <= 0) & (__typeof__((v) <= 0))(v)))

typedef void (*TileFunction)(const Tile *, const Lattice *, const float *x, float *y);

// Tiles of B blocks times T pixels. With 32 vector registers a pixel is loaded once for up to four blocks:
// a load for each product would keep the multipliers waiting.
#ifdef BUILD_MASKS
#define MOST_BLOCKS 4
#define MOST_LINE 24
#define ONE_BLOCK(T)                                                                              \
  T(1, 1) T(1, 2) T(1, 3) T(1, 4) T(1, 5) T(1, 6) T(1, 7) T(1, 8) T(1, 9) T(1, 10) T(1, 11)       \
  T(1, 12) T(1, 13) T(1, 14) T(1, 15) T(1, 16) T(1, 17) T(1, 18) T(1, 19) T(1, 20) T(1, 21)       \
  T(1, 22) T(1, 23) T(1, 24)
#define MORE_BLOCKS(T)                                                                            \
  T(2, 1) T(2, 2) T(2, 3) T(2, 4) T(2, 5) T(2, 6) T(2, 7) T(2, 8) T(2, 9) T(2, 10) T(2, 11)       \
  T(2, 12) T(2, 13) T(2, 14) T(3, 1) T(3, 2) T(3, 3) T(3, 4) T(3, 5) T(3, 6) T(3, 7) T(3, 8)      \
  T(4, 1) T(4, 2) T(4, 3) T(4, 4) T(4, 5) T(4, 6)
static const int64_t mostPixels[MOST_BLOCKS + 1] = {0, MOST_LINE, 14, 8, 6};
#else
#define MOST_BLOCKS 1
#define MOST_LINE MOST_PIXELS
#define ONE_BLOCK(T) T(1, 1) T(1, 2) T(1, 3) T(1, 4) T(1, 5) T(1, 6)
#define MORE_BLOCKS(T)
static const int64_t mostPixels[MOST_BLOCKS + 1] = {0, MOST_LINE};
#endif

#define NARROW 8

/// The tiles of numbers, or of pairs of them: by blocks of 16 and pixels, of one block of at most 8, and of two
/// lines of pixels or null; and whether thin blocks have their own.
typedef struct TileFunctions {
  const TileFunction (*whole)[MOST_LINE + 1], (*half)[MOST_LINE + 1], *lines;
  bool thin;
} TileFunctions;

#define LANES 16
#define TILE_NAME(name) name##_16
#define TILE_VECTOR v16
#define TILE_ELEMENT float
#define TILE_ELEMENTS v16
#define TILE_ADD_PRODUCT(sum, a, b) ((sum) + (a) * (b))
#define TILE_LOAD load16
#define TILE_STORE storePart
#define TILES(T) ONE_BLOCK(T) MORE_BLOCKS(T)
#include "convolution_tile.h"

#define LANES 8
#define TILE_NAME(name) name##_8
#define TILE_VECTOR v8
#define TILE_ELEMENT float
#define TILE_ELEMENTS v8
#define TILE_ADD_PRODUCT(sum, a, b) ((sum) + (a) * (b))
#define TILE_LOAD load8
#define TILE_STORE storePart8
#define TILES(T) ONE_BLOCK(T)
#include "convolution_tile.h"

#ifdef BUILD_MASKS
#include "convolution_pair.h"
#include "convolution_thin.h"
static const TileFunctions tileFunctions = {tileFunctions_16, tileFunctions_8, pairFunctions, true};
#else
static const TileFunctions tileFunctions = {tileFunctions_16, tileFunctions_8, 0, false};
INLINE bool isThin(int64_t outputs, int64_t sources) { return outputs * sources < 0; }
#endif

/// All pixels of a lattice in nearly equal tiles of at most `most` pixels along its lines: the longer ones in
/// one call, then the others.
static void computeTiles(const TileFunction *functions, int64_t most, const Tile *tile, Lattice l,
                         const float *x, float *y) {
  int64_t pixels = l.pixels;
  int64_t tiles = (pixels + most - 1) / most, size = pixels / tiles, longer = pixels % tiles;
  if (longer) {
    l.pixels = longer * (size + 1);
    functions[size + 1](tile, &l, x, y);
    x += l.pixels * l.xStep;
    y += l.pixels * l.yStep;
  }
  l.pixels = pixels - longer * (size + 1);
  functions[size](tile, &l, x, y);
}

/// All pixels of a lattice.
static void computeLattice(const Tile *tile, Lattice l, const float *x, float *y) {
#ifdef BUILD_MASKS
  if (tile->thin) {
    computeTiles(thinFunctions[tile->valid], mostThinPixels[tile->valid], tile, l, x, y);
    return;
  }
  bool upwards = l.xLine == -tile->rowSource;
  if (tile->functions->lines && tile->blocks == 1 && tile->valid > 8 && tile->rowTaps > 1 && l.lines > 1 && l.pixels >= LEAST_PAIR &&
      (upwards || l.xLine == tile->rowSource)) {
    Lattice pairs = l;
    pairs.lines = l.lines / 2 * 2;
    if (upwards) {
      pairs.xLine = -l.xLine;
      pairs.yLine = -l.yLine;
      computeTiles(tile->functions->lines, MOST_PAIR, tile, pairs, x + (pairs.lines - 1) * l.xLine,
                   y + (pairs.lines - 1) * l.yLine);
    } else computeTiles(tile->functions->lines, MOST_PAIR, tile, pairs, x, y);
    x += pairs.lines * l.xLine;
    y += pairs.lines * l.yLine;
    l.lines -= pairs.lines;
  }
#endif
  const TileFunction *functions =
      tile->valid <= 8 ? tile->functions->half[1] : tile->functions->whole[tile->blocks];
  computeTiles(functions, mostPixels[tile->blocks], tile, l, x, y);
}

/// How many whole blocks of `outputs` to compute at once, from `first` on: one if it is not whole.
INLINE int64_t blocksAtOnce(int64_t outputs, int64_t first) {
  int64_t whole = (outputs - first) / 16;
  return whole < 1 ? 1 : whole < MOST_BLOCKS ? whole : MOST_BLOCKS;
}

/// One group and some blocks of target channels of all images.
typedef struct {
  const float *source, *weights;
  float *target;
  int64_t sourceChannels, sourcePitch, sourceImage;  // floats of a pixel, a row, an image
  int64_t targetChannels, targetPitch, targetImage;
  int64_t samples, groupSources, kernelWidth;
} Images;

/// Points the tile at the taps of one pair of runs.
static void aim(Tile *tile, const Images *m, const Run *row, const Run *column) {
  int64_t block = m->groupSources * (tile->thin ? 1 : 16);
  tile->channels = m->groupSources;
  tile->rowTaps = row->tapCount;
  tile->columnTaps = column->tapCount;
  tile->rowSource = row->sourceTapStep * m->sourcePitch;
  tile->columnSource = column->sourceTapStep * m->sourceChannels;
  tile->rowWeight = row->tapStep * m->kernelWidth * block;
  tile->columnWeight = column->tapStep * block;
  tile->weights = m->weights + (row->tap * m->kernelWidth + column->tap) * block;
  if (tile->columnSource == tile->channels && column->tapStep == 1) {
    // Neighbouring taps are neighbours in memory: one long run of channels.
    tile->channels *= tile->columnTaps;
    tile->columnTaps = 1;
  }
  tile->nextSource = tile->rowSource - (tile->columnTaps - 1) * tile->columnSource;
  tile->nextWeight = tile->rowWeight - (tile->columnTaps - 1) * tile->columnWeight;
}

/// Whether the pixels of a pair of runs are too few to keep the multipliers busy, so that tiles go across
/// samples instead.
INLINE bool isNarrow(const Tile *tile, const Images *m, const Run *row, const Run *column) {
  int64_t pixels = row->count * column->count;
  return pixels * tile->blocks < NARROW && m->samples > pixels;
}

/// The pixels of a pair of runs: of `samples` images from `first` on, tiled along rows, columns or,
/// where that is longest, across samples.
static void computePair(Tile *tile, const Images *m, const Run *row, const Run *column,
                        int64_t first, int64_t samples) {
  aim(tile, m, row, column);
  bool empty = row->tapCount == 0 || column->tapCount == 0;
  const float *x = m->source + first * m->sourceImage;
  if (!empty) x += row->source * m->sourcePitch + column->source * m->sourceChannels;
  float *y = m->target + first * m->targetImage + row->target * m->targetPitch +
             column->target * m->targetChannels;
  int64_t xRow = row->sourceTargetStep * m->sourcePitch, yRow = row->targetStep * m->targetPitch;
  int64_t xColumn = column->sourceTargetStep * m->sourceChannels;
  int64_t yColumn = column->targetStep * m->targetChannels;
  Lattice l = {row->count, xRow, yRow, column->count, xColumn, yColumn};
  if (samples > 1) {
    Lattice across = {column->count, xColumn, yColumn, samples, m->sourceImage, m->targetImage};
    for (int64_t i = 0; i < row->count; i++)
      computeLattice(tile, across, x + i * xRow, y + i * yRow);
  } else {
    if (column->count < mostPixels[tile->blocks] / 2 && column->count < row->count)
      l = (Lattice){column->count, xColumn, yColumn, row->count, xRow, yRow};
    computeLattice(tile, l, x, y);
  }
}

/// All images over given runs of rows and columns.
static void computeRuns(Tile *tile, const Images *m, const Run *rows, int64_t rowCount,
                        const Run *columns, int64_t columnCount) {
  for (int64_t n = 0; n < m->samples; n++)
    for (int64_t r = 0; r < rowCount; r++)
      for (int64_t q = 0; q < columnCount; q++)
        if (!isNarrow(tile, m, rows + r, columns + q))
          computePair(tile, m, rows + r, columns + q, n, 1);
  for (int64_t r = 0; r < rowCount; r++)
    for (int64_t q = 0; q < columnCount; q++)
      if (isNarrow(tile, m, rows + r, columns + q))
        computePair(tile, m, rows + r, columns + q, 0, m->samples);
}

/// Drives forward and input gradient: the same loops over other axes.
static void convolve(const TileFunctions *functions, const Axis *rowAxis, const Axis *columnAxis,
                     int64_t samples, int64_t groups,
                     const float *source, int64_t sourceChannels, float *target,
                     int64_t targetChannels, const float *packed, const float *bias, bool relu,
                     int64_t kernelHeight, int64_t kernelWidth) {
  int64_t groupSources = sourceChannels / groups, groupTargets = targetChannels / groups;
  int64_t blocks = (groupTargets + 15) / 16;
  int64_t blockFloats = kernelHeight * kernelWidth * groupSources * 16;
  Images m = {
      .sourceChannels = sourceChannels, .sourcePitch = columnAxis->sources * sourceChannels,
      .targetChannels = targetChannels, .targetPitch = columnAxis->targets * targetChannels,
      .samples = samples, .groupSources = groupSources, .kernelWidth = kernelWidth};
  m.sourceImage = rowAxis->sources * m.sourcePitch;
  m.targetImage = rowAxis->targets * m.targetPitch;
  Run rows[MOST_RUNS], columns[MOST_RUNS];
  int64_t rowPhase = 0, rowTarget = 0, rowCount;
  while ((rowCount = collectRuns(rowAxis, &rowPhase, &rowTarget, rows)) > 0) {
    int64_t phase = 0, next = 0, columnCount;
    while ((columnCount = collectRuns(columnAxis, &phase, &next, columns)) > 0) {
      for (int64_t g = 0; g < groups; g++) {
        for (int64_t first = 0, count; first < groupTargets; first += 16 * count) {
          count = blocksAtOnce(groupTargets, first);
          int64_t valid = columnsLeft(groupTargets, first);
          m.source = source + g * groupSources;
          m.target = target + g * groupTargets + first;
          m.weights = packed + (g * blocks + first / 16) * blockFloats;
          bool thin = functions->thin && isThin(valid, groupSources);
          Tile tile = {.functions = functions, .blocks = count, .blockWeight = thin ? blockFloats / 16 : blockFloats,
                       .valid = valid, .thin = thin, .relu = relu};
          if (bias)
            __builtin_memcpy(tile.bias, bias + g * groupTargets + first,
                             (size_t)(valid + 16 * (count - 1)) * sizeof(float));
          computeRuns(&tile, &m, rows, rowCount, columns, columnCount);
        }
      }
    }
  }
}

INLINE Axis rowsOf(const CKernels_Convolution *g, bool inverse) {
  return (Axis){inverse ? g->outHeight : g->height, inverse ? g->height : g->outHeight, g->kernelHeight,
                g->strideHeight, g->paddingHeight, g->dilationHeight, inverse};
}
INLINE Axis columnsOf(const CKernels_Convolution *g, bool inverse) {
  return (Axis){inverse ? g->outWidth : g->width, inverse ? g->width : g->outWidth, g->kernelWidth,
                g->strideWidth, g->paddingWidth, g->dilationWidth, inverse};
}

static void convolutionForward(const CKernels_Convolution *g, int64_t samples, const float *input,
                               const float *packed, const float *bias, bool relu, float *output) {
  Axis rows = rowsOf(g, false), columns = columnsOf(g, false);
  convolve(&tileFunctions, &rows, &columns, samples, g->groups, input, g->channels, output, g->outChannels, packed,
           bias, relu, g->kernelHeight, g->kernelWidth);
}

static void directInputGradient(const CKernels_Convolution *g, int64_t samples,
                                     const float *outputGradient, const float *packed,
                                     float *inputGradient) {
  Axis rows = rowsOf(g, true), columns = columnsOf(g, true);
  convolve(&tileFunctions, &rows, &columns, samples, g->groups, outputGradient, g->outChannels, inputGradient,
           g->channels, packed, 0, false, g->kernelHeight, g->kernelWidth);
}
