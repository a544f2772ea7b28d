#ifndef CKERNELS_ROOM_H
#define CKERNELS_ROOM_H

#include <stdint.h>

/// Scratch of the calling thread, at least `count` floats from a cache line on; valid until its next call.
///
/// It grows to the most that was asked for and is freed when the thread ends, so that a step allocates nothing. Ends the process where there is no memory: a product cannot fail.
float *CKernels_threadRoom(int64_t count);

#endif
