// Direct convolutions of numbers rounded to bfloat16, included once per build and once more for dot products of pairs.
//
// The loops and tiles are those of convolution.h and convolution_weights.h over pairs in place of numbers. Forward and
// input gradient sum over channels, so neighbouring channels of a pixel are a pair, an odd last one with zero; the
// weight gradient sums over samples, so the same pixels of two samples are. A few images are rounded at a time, so that
// their pairs are still in the second cache when they are read, which touches no bit.

#define LANES 16
#define TILE_NAME(name) PAIRS(name##_16)
#define TILE_VECTOR v16
#define TILE_ELEMENT uint32_t
#define TILE_ELEMENTS u16
#define TILE_ADD_PRODUCT(sum, a, b) PAIRS(dot16)(sum, a, (u16)(PairSpread16)(b))
#define TILE_LOAD load16
#define TILE_STORE storePart
#define TILES(T) ONE_BLOCK(T) MORE_BLOCKS(T)
#include "convolution_tile.h"

#define LANES 16
#define TILE_NAME(name) PAIRS(name##_16)
#define TILE_VECTOR v16
#define TILE_ELEMENT uint32_t
#define TILE_ELEMENTS u16
#define TILE_ADD_PRODUCT(sum, a, b) PAIRS(dot16)(sum, a, (u16)(PairSpread16)(b))
#define TILE_IS_PADDED true  // pairs lie in a room with space behind them
#define TILE_LOAD_PART loadPart
#define TILE_LOAD load16
#define TILE_STORE storePart
#define TILES(T) ONE_WEIGHT_BLOCK(T) MORE_WEIGHT_BLOCKS(T)
#include "convolution_weights_tile.h"

#define LANES 8
#define TILE_NAME(name) PAIRS(name##_8)
#define TILE_VECTOR v8
#define TILE_ELEMENT uint32_t
#define TILE_ELEMENTS u8
#define TILE_ADD_PRODUCT(sum, a, b) PAIRS(dot8)(sum, a, (u8)(PairSpread8)(b))
#define TILE_LOAD load8
#define TILE_STORE storePart8
#define TILES(T) ONE_BLOCK(T)
#include "convolution_tile.h"

#define LANES 8
#define TILE_NAME(name) PAIRS(name##_8)
#define TILE_VECTOR v8
#define TILE_ELEMENT uint32_t
#define TILE_ELEMENTS u8
#define TILE_ADD_PRODUCT(sum, a, b) PAIRS(dot8)(sum, a, (u8)(PairSpread8)(b))
#define TILE_IS_PADDED true  // pairs lie in a room with space behind them
#define TILE_LOAD_PART loadPart8
#define TILE_LOAD load8
#define TILE_STORE storePart8
#define TILES(T) ONE_WEIGHT_BLOCK(T)
#include "convolution_weights_tile.h"

static const TileFunctions PAIRS(tileFunctions) = {PAIRS(tileFunctions_16), PAIRS(tileFunctions_8), 0, false};
static const WeightTileFunctions PAIRS(weightTiles) = {PAIRS(weightTiles_16), PAIRS(weightTiles_8), false};

/// [group][block of 16][KH][KW][pair of channels][16].
static void PAIRS(packConvolution)(const CKernels_Convolution *g, const float *weights, float *packed) {
  int64_t C = g->channels / g->groups, O = g->outChannels, G = O / g->groups;
  int64_t blocks = (G + 15) / 16, taps = g->kernelHeight * g->kernelWidth;
  u16 *out = (u16 *)(void *)packed;
  for (int64_t group = 0; group < g->groups; group++)
    for (int64_t b = 0; b < blocks; b++)
      for (int64_t tap = 0; tap < taps; tap++)
        for (int64_t c = 0; c < C; c += 2) {
          int64_t valid = columnsLeft(G, 16 * b);
          const float *row = weights + (tap * C + c) * O + group * G + 16 * b;
          v16 second = c + 1 < C ? loadPart(row + O, valid) : (v16){0};
          *out++ = PAIRS(pairWith)(loadPart(row, valid), second);
        }
}

/// [group][block of 16 channels][KH][KW][pair of outputs][16].
static void PAIRS(packDirectTransposed)(const CKernels_Convolution *g, const float *weights, float *packed) {
  int64_t C = g->channels / g->groups, O = g->outChannels, G = O / g->groups;
  int64_t blocks = (C + 15) / 16, taps = g->kernelHeight * g->kernelWidth, pairs = (G + 1) / 2;
  uint32_t *out = (uint32_t *)(void *)packed;
  for (int64_t group = 0; group < g->groups; group++)
    for (int64_t b = 0; b < blocks; b++)
      for (int64_t tap = 0; tap < taps; tap++, out += pairs * 16)
        for (int64_t i = 0; i < 16; i++) {
          const float *row = weights + (tap * C + 16 * b + i) * O + group * G;
          for (int64_t o = 0; o < G; o += 32) {
            uint32_t line[16] = {0};
            if (16 * b + i < C) PAIRS(pairLine)(least(G - o, 32), row + o, line);
            for (int64_t l = 0; l < least(pairs - o / 2, 16); l++) out[(o / 2 + l) * 16 + i] = line[l];
          }
        }
}

static bool PAIRS(spreadsGradient)(const CKernels_Convolution *g) {
  return isSpread(g, (g->outChannels + 1) / 2, true);
}

static void PAIRS(packConvolutionTransposed)(const CKernels_Convolution *g, const float *weights, float *packed) {
  int64_t O = g->outChannels;
  if (PAIRS(spreadsGradient)(g)) PAIRS(packMatrix)(O, spreadColumns(g), weights, 1, O, packed);
  else PAIRS(packDirectTransposed)(g, weights, packed);
}

/// The channels of `pixels` in pairs; an odd last channel of a group is paired with zero.
static void PAIRS(pairChannels)(int64_t pixels, int64_t groups, int64_t channels, const float *x, uint32_t *pairs) {
  if (channels % 2 == 0) {
    PAIRS(pairLine)(pixels * groups * channels, x, pairs);
    return;
  }
  enum { AT_ONCE = 1024 };
  uint32_t line[AT_ONCE / 2];
  int64_t count = pixels * groups, most = AT_ONCE / channels;
  for (int64_t first = 0; first < count; first += most) {
    int64_t now = least(count - first, most);
    PAIRS(pairLine)(now * channels, x + first * channels, line);
    const uint16_t *numbers = (const uint16_t *)(const void *)line;
    for (int64_t i = 0; i < now; i++, numbers += channels) {
      for (int64_t c = 0; c + 1 < channels; c += 2) *pairs++ = numbers[c] | (uint32_t)numbers[c + 1] << 16;
      *pairs++ = numbers[channels - 1];
    }
  }
}

/// Forward or input gradient, some images at a time.
static void PAIRS(convolve)(const Axis *rowAxis, const Axis *columnAxis, int64_t samples, int64_t groups,
                            const float *source, int64_t sourceChannels, float *target, int64_t targetChannels,
                            const float *packed, const float *bias, bool relu, int64_t kernelHeight,
                            int64_t kernelWidth) {
  int64_t pixels = rowAxis->sources * columnAxis->sources, channels = sourceChannels / groups;
  int64_t pairs = groups * ((channels + 1) / 2), image = rowAxis->targets * columnAxis->targets * targetChannels;
  int64_t together = imagesTogether(pixels * pairs, samples);
  float *room = CKernels_threadRoom(together * pixels * pairs);
  for (int64_t n = 0; n < samples; n += together) {
    int64_t count = least(samples - n, together);
    PAIRS(pairChannels)(count * pixels, groups, channels, source + n * pixels * sourceChannels,
                        (uint32_t *)(void *)room);
    convolve(&PAIRS(tileFunctions), rowAxis, columnAxis, count, groups, room, pairs, target + n * image,
             targetChannels, packed, bias, relu, kernelHeight, kernelWidth);
  }
}

static void PAIRS(convolutionForward)(const CKernels_Convolution *g, int64_t samples, const float *input,
                                      const float *packed, const float *bias, bool relu, float *output) {
  Axis rows = rowsOf(g, false), columns = columnsOf(g, false);
  PAIRS(convolve)(&rows, &columns, samples, g->groups, input, g->channels, output, g->outChannels, packed, bias, relu,
                  g->kernelHeight, g->kernelWidth);
}

static void PAIRS(convolutionInputGradient)(const CKernels_Convolution *g, int64_t samples,
                                            const float *outputGradient, const float *packed,
                                            float *inputGradient) {
  if (PAIRS(spreadsGradient)(g))
    return spreadGradient(g, PAIRS(packedProductIn), PACKED_ROWS, samples, outputGradient, packed, inputGradient);
  Axis rows = rowsOf(g, true), columns = columnsOf(g, true);
  PAIRS(convolve)(&rows, &columns, samples, g->groups, outputGradient, g->outChannels, inputGradient, g->channels,
                  packed, 0, false, g->kernelHeight, g->kernelWidth);
}

/// Images of two samples each, pixel by pixel; an odd last sample is paired with zeros.
static void PAIRS(pairImages)(int64_t samples, int64_t size, const float *x, uint32_t *pairs) {
  for (int64_t n = 0; n < samples; n += 2)
    PAIRS(pairLines)(size, x + n * size, n + 1 < samples ? x + (n + 1) * size : 0, pairs + n / 2 * size);
}

/// One sequence has no second sample: the steps of its first half are paired with those of its second.
static void PAIRS(sequenceWeightGradient)(const CKernels_Convolution *g, const CKernels_Weights *part,
                                          const float *input, const float *outputGradient,
                                          float *weightGradient) {
  int64_t C = g->channels, O = g->outChannels, steps = (g->outWidth + 1) / 2;
  CKernels_Convolution half = *g;
  half.outWidth = steps;
  half.paddingWidth = 0;
  half.width = (steps - 1) * g->strideWidth + (g->kernelWidth - 1) * g->dilationWidth + 1;
  float *x = CKernels_threadRoom(half.width * C + steps * O + 16 + C), *dy = x + half.width * C;
  float *zeros = dy + steps * O + 16;
  __builtin_memset(zeros, 0, (size_t)C * sizeof(float));
  for (int64_t i = 0; i < half.width; i++) {
    int64_t first = i - g->paddingWidth, second = first + steps * g->strideWidth;
    const float *a = first >= 0 && first < g->width ? input + first * C : zeros;
    const float *b = second >= 0 && second < g->width ? input + second * C : zeros;
    PAIRS(pairLines)(C, a, b, (uint32_t *)(void *)(x + i * C));
  }
  int64_t paired = g->outWidth - steps;
  PAIRS(pairLines)(paired * O, outputGradient, outputGradient + steps * O, (uint32_t *)(void *)dy);
  if (paired < steps)
    PAIRS(pairLines)(O, outputGradient + paired * O, 0, (uint32_t *)(void *)(dy + paired * O));
  clearWeights(g, part, weightGradient);
  accumulateWeights(&PAIRS(weightTiles), &half, part, 1, x, dy, weightGradient);
}

/// The gradient of several images, paired by samples, some at a time.
static void PAIRS(imageWeightGradient)(const CKernels_Convolution *g, const CKernels_Weights *part,
                                       int64_t samples, const float *input, const float *outputGradient,
                                       float *weightGradient) {
  int64_t from = g->height * g->width * g->channels, to = g->outHeight * g->outWidth * g->outChannels;
  int64_t together = 2 * imagesTogether(from + to, (samples + 1) / 2);
  float *x = CKernels_threadRoom(together / 2 * (from + to) + 16), *dy = x + together / 2 * from;
  clearWeights(g, part, weightGradient);
  for (int64_t n = 0; n < samples; n += together) {
    int64_t count = least(samples - n, together);
    PAIRS(pairImages)(count, from, input + n * from, (uint32_t *)(void *)x);
    PAIRS(pairImages)(count, to, outputGradient + n * to, (uint32_t *)(void *)dy);
    accumulateWeights(&PAIRS(weightTiles), g, part, (count + 1) / 2, x, dy, weightGradient);
  }
}

static void PAIRS(convolutionWeightGradient)(const CKernels_Convolution *g, const CKernels_Weights *part,
                                             int64_t samples, const float *input,
                                             const float *outputGradient, float *weightGradient) {
  bool alone = samples == 1 && g->height == 1 && g->outHeight == 1 && g->kernelHeight == 1;
  if (alone) PAIRS(sequenceWeightGradient)(g, part, input, outputGradient, weightGradient);
  else PAIRS(imageWeightGradient)(g, part, samples, input, outputGradient, weightGradient);
}
