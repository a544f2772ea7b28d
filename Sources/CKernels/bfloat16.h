// Products and convolutions of numbers rounded to bfloat16, included once per build and once more where the
// processor has dot products of them; defines the table PAIRS_TABLE,
// whose user has seen that PAIRS_SUPPORTED.

#include "pairs.h"
#include "product_pairs.h"
#include "convolution_pairs.h"
#include "peak_pairs.h"

static bool PAIRS(supported)(void) { return PAIRS_SUPPORTED; }

static const CKernels_Products PAIRS_TABLE = {
    .supported = PAIRS(supported),
    .packConvolution = PAIRS(packConvolution),
    .packConvolutionTransposed = PAIRS(packConvolutionTransposed),
    .convolutionForward = PAIRS(convolutionForward), .spreadsGradient = PAIRS(spreadsGradient),
    .convolutionInputGradient = PAIRS(convolutionInputGradient),
    .convolutionWeightGradient = PAIRS(convolutionWeightGradient),
    .packMatrix = PAIRS(packMatrix), .packedProduct = PAIRS(packedProduct), .product = PAIRS(product),
    .multiplyAdds = PAIRS(multiplyAdds),
};
