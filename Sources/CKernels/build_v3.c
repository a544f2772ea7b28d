// Kernels for processors with AVX2 and FMA.

#include "include/CKernels.h"
#include "philox.h"


#define BUILD_NAME "v3"
#define BUILD_SUPPORTED (__builtin_cpu_supports("avx2") && __builtin_cpu_supports("fma"))
#define MOST_PIXELS 6
#define PRODUCT_ROWS 6
#define PRODUCT_LANES 8
#define PRODUCT_REGISTER(vector) "+x"(vector)

#pragma clang attribute push(__attribute__((target("arch=x86-64-v3"))), apply_to = function)
#include "build.h"
#pragma clang attribute pop

const CKernels_Table *CKernels_v3(void) { return &table; }
