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
#include "wire.h"
#include "select.h"
#include "convolution_axis.h"
#include "convolution.h"
#include "convolution_weights.h"
#include "product.h"
#include "product_pack.h"
#include "peak.h"
#include "sparse.h"
#include "recurrent.h"
#include "ctc.h"

static bool supported(void) { return BUILD_SUPPORTED; }

static const CKernels_Table table = {
    .name = BUILD_NAME, .supported = supported,
    .packConvolution = packConvolution, .packConvolutionTransposed = packConvolutionTransposed,
    .convolutionForward = convolutionForward,
    .convolutionInputGradient = convolutionInputGradient,
    .convolutionWeightGradient = convolutionWeightGradient,
    .addBias = addBias, .sumRows = sumRows, .activate = activate,
    .activateGradient = activateGradient, .add = add, .addInto = addInto, .scale = scale,
    .sum = sum, .squaredNorm = squaredNorm, .isFinite = isFinite,
    .batchNormStatistics = batchNormStatistics, .batchNormApply = batchNormApply,
    .batchNormBackward = batchNormBackward, .batchNormMoments = batchNormMoments,
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
    .rowDots = rowDots, .rowDotsGradient = rowDotsGradient,
    .copyColumns = copyColumns, .addColumns = addColumns, .sgdUpdate = sgdUpdate,
    .adamUpdate = adamUpdate, .lambDirection = lambDirection, .larsUpdate = larsUpdate,
    .subtractScaled = subtractScaled, .averageUpdate = averageUpdate, .convertUInt8 = convertUInt8, .convertFloat = convertFloat,
    .packMatrix = packMatrix, .packedProduct = packedProduct, .product = product, .multiplyAdds = multiplyAdds, .sparseTile = sparseTile,
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
};
