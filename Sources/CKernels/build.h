// One build of all kernels: include with BUILD_NAME, BUILD_SUPPORTED, MOST_PIXELS (without masks) and the shape of a tile of
// a product (PRODUCT_ROWS, PRODUCT_LANES, and how the compiler names its registers) defined, inside a
// `#pragma clang attribute push` that sets the processor.

#include "room.h"
#include "vector.h"
#include "elementwise.h"
#include "normalization.h"
#include "pooling.h"
#include "losses.h"
#include "dropout.h"
#include "attention.h"
#include "speech.h"
#include "input.h"
#include "updates.h"
#include "rows.h"
#include "wire.h"
#include "select.h"
#include "convolution_axis.h"
#include "convolution.h"
#include "convolution_pack.h"
#include "convolution_weights.h"
#include "product.h"
#include "product_pack.h"
#include "convolution_spread.h"
#include "peak.h"
#define PAIRS(name) name##Pairs
#define PAIRS_TABLE bfloat16Products
#define PAIRS_SUPPORTED BUILD_SUPPORTED
#include "bfloat16.h"
#undef PAIRS
#undef PAIRS_TABLE
#undef PAIRS_SUPPORTED
#ifdef BUILD_DOTS
static const CKernels_Products dotProducts;
#endif
#include "sparse.h"
#include "recurrent.h"
#include "ctc.h"

static bool supported(void) { return BUILD_SUPPORTED; }

static const CKernels_Products float32Products = {
    .supported = supported,
    .packConvolution = packConvolution, .packConvolutionTransposed = packConvolutionTransposed,
    .convolutionForward = convolutionForward, .spreadsGradient = spreadsGradient,
    .convolutionInputGradient = convolutionInputGradient,
    .convolutionWeightGradient = convolutionWeightGradient,
    .packMatrix = packMatrix, .packedProduct = packedProduct, .product = product,
    .multiplyAdds = multiplyAdds,
};

static const CKernels_Table table = {
    .name = BUILD_NAME, .supported = supported,
    .addBias = addBias, .sumRows = sumRows, .activate = activate,
    .activateGradient = activateGradient, .add = add, .addRelu = addRelu, .addInto = addInto,
    .addThroughRelu = addThroughRelu, .scale = scale,
    .sum = sum, .squaredNorm = squaredNorm, .isFinite = isFinite,
    .batchNormApply = batchNormApply,
    .batchNormMoments = batchNormMoments,
    .batchNormGradientSums = batchNormGradientSums,
    .batchNormInputGradient = batchNormInputGradient, .layerNormForward = layerNormForward,
    .layerNormWeightGradient = layerNormWeightGradient,
    .layerNormInputGradient = layerNormInputGradient, .maxPoolForward = maxPoolForward,
    .maxPoolBackward = maxPoolBackward, .averagePoolForward = averagePoolForward,
    .averagePoolBackward = averagePoolBackward, .globalAverageForward = globalAverageForward,
    .globalAverageBackward = globalAverageBackward, .dropout = dropout,
    .softmaxCrossEntropy = softmaxCrossEntropy, .softmax = softmax,
    .softClasses = softClasses, .softAnswers = softAnswers,
    .binaryCrossEntropy = binaryCrossEntropy, .meanSquaredError = meanSquaredError, .huber = huber,
    .candidateSums = candidateSums, .candidateProbabilities = candidateProbabilities,
    .embeddingForward = embeddingForward, .embeddingBackward = embeddingBackward,
    .spreadRows = spreadRows, .collectRows = collectRows, .rowNorms = rowNorms,
    .sgdRows = sgdRows, .adamRows = adamRows,
    .rowDots = rowDots, .rowDotsGradient = rowDotsGradient,
    .copyColumns = copyColumns, .addColumns = addColumns, .sgdUpdate = sgdUpdate,
    .adamUpdate = adamUpdate, .lambDirection = lambDirection, .larsUpdate = larsUpdate,
    .subtractScaled = subtractScaled, .averageUpdate = averageUpdate, .convertUInt8 = convertUInt8, .convertFloat = convertFloat, .permute = permute,
    .sparseTile = sparseTile,
    .sparseProduct = sparseProduct, .lstmForward = lstmForward,
    .lstmBackward = lstmBackward, .gruForward = gruForward, .gruBackward = gruBackward,
    .gruGates = gruGates, .gruState = gruState, .gruStateGradient = gruStateGradient,
    .gruGateGradient = gruGateGradient, .ctc = ctc,
    .dropoutRows = dropoutRows, .dropoutSteps = dropoutSteps, .softmaxRows = softmaxRows,
    .softmaxRowsGradient = softmaxRowsGradient, .attentionPoolForward = attentionPoolForward,
    .attentionPoolBackward = attentionPoolBackward, .powerSpectrum = powerSpectrum,
    .logarithms = logarithms, .deltas = deltas, .addNoise = addNoise,
    .roundToBFloat16 = roundToBFloat16, .widenBFloat16 = widenBFloat16,
    .keepMagnitudes = keepMagnitudes, 
    .float32 = &float32Products, .bfloat16 = &bfloat16Products,
#ifdef BUILD_DOTS
    .dots = &dotProducts,
#endif
};
