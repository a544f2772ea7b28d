// Products and convolutions of numbers rounded to bfloat16, included once per build and once more where the
// processor has dot products of them; defines the table `BFLOAT16_TABLE`.

#include "pairs.h"
#include "product_pairs.h"
#include "convolution_pairs.h"

static const CKernels_BFloat16 BFLOAT16_TABLE = {
    .packConvolution = PAIRS(packConvolution),
    .packConvolutionTransposed = PAIRS(packConvolutionTransposed),
    .convolutionForward = PAIRS(convolutionForward),
    .convolutionInputGradient = PAIRS(convolutionInputGradient),
    .convolutionWeightGradient = PAIRS(convolutionWeightGradient),
    .packMatrix = PAIRS(packMatrix), .packedProduct = PAIRS(packedProduct), .product = PAIRS(product),
};
