// Kernels for processors with any x86-64.

#include "include/CKernels.h"
#include "philox.h"

#define BUILD_NAME "baseline"
#define BUILD_SUPPORTED (true)
#define MOST_PIXELS 6

#include "build.h"

const CKernels_Table *CKernels_baseline(void) { return &table; }
