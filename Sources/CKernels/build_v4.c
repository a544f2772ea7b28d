// Kernels for processors with AVX-512.

#include "include/CKernels.h"

#include <immintrin.h>

#include "philox.h"

#define BUILD_NAME "v4"
#define BUILD_SUPPORTED                                                          \
  (__builtin_cpu_supports("avx512f") && __builtin_cpu_supports("avx512bw") &&    \
   __builtin_cpu_supports("avx512dq") && __builtin_cpu_supports("avx512vl") &&   \
   __builtin_cpu_supports("avx512cd"))
#define PRODUCT_ROWS 14
#define PRODUCT_LANES 16
#define PRODUCT_REGISTER(vector) "+v"(vector)
#define BUILD_MASKS
#define BUILD_DOTS

#pragma clang attribute push(__attribute__((target("arch=x86-64-v4,tune=znver4"))), apply_to = function)
#include "build.h"
#pragma clang attribute pop

// The same bits by dot products, for processors that have them.
#define PAIRS(name) name##Dots
#define PAIRS_DOTS
#define PAIRS_TABLE dotProducts
#define PAIRS_SUPPORTED __builtin_cpu_supports("avx512bf16")
#pragma clang attribute push(__attribute__((target("arch=x86-64-v4,avx512bf16,tune=znver4"))), apply_to = function)
#include "bfloat16.h"
#pragma clang attribute pop

const CKernels_Table *CKernels_v4(void) { return &table; }
