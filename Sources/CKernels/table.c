#include "include/CKernels.h"

#include <immintrin.h>

#include "philox.h"

const CKernels_Table *CKernels_v4(void);
const CKernels_Table *CKernels_v3(void);
const CKernels_Table *CKernels_baseline(void);

const CKernels_Table *const *CKernels_builds(int64_t *count) {
  static const CKernels_Table *builds[3];
  builds[0] = CKernels_v4();
  builds[1] = CKernels_v3();
  builds[2] = CKernels_baseline();
  *count = 3;
  return builds;
}

static _Thread_local const CKernels_Table *threadTable;
const CKernels_Table *CKernels_threadTable(void) { return threadTable; }
void CKernels_setThreadTable(const CKernels_Table *table) { threadTable = table; }

void CKernels_philox(const uint32_t counter[4], const uint32_t key[2], uint32_t output[4]) {
  philox(counter, key, output);
}

uint32_t CKernels_fletcher32(const uint8_t *bytes, size_t count) {
  // Sums of big-endian 16-bit words modulo 65535, folded after at most 360 words so that the 32-bit
  // sums cannot overflow; an odd last byte counts as the high half of a word.
  uint32_t a = 0, b = 0;
  size_t words = count / 2;
  while (words) {
    size_t run = words > 360 ? 360 : words;
    words -= run;
    while (run--) {
      a += ((uint32_t)bytes[0] << 8) | bytes[1];
      b += a;
      bytes += 2;
    }
    a = (a & 0xffff) + (a >> 16);
    b = (b & 0xffff) + (b >> 16);
  }
  if (count % 2) {
    a += (uint32_t)*bytes << 8;
    b += a;
    a = (a & 0xffff) + (a >> 16);
    b = (b & 0xffff) + (b >> 16);
  }
  a = (a & 0xffff) + (a >> 16);
  b = (b & 0xffff) + (b >> 16);
  return (b << 16) | a;
}

void CKernels_unshuffle(const uint8_t *restrict bytes, size_t count, size_t width,
                        uint8_t *restrict output) {
  size_t numbers = count / width;
  switch (width) {
  case 2:
    for (size_t i = 0; i < numbers; i++)
      for (size_t k = 0; k < 2; k++) output[2 * i + k] = bytes[k * numbers + i];
    break;
  case 4:
    for (size_t i = 0; i < numbers; i++)
      for (size_t k = 0; k < 4; k++) output[4 * i + k] = bytes[k * numbers + i];
    break;
  case 8:
    for (size_t i = 0; i < numbers; i++)
      for (size_t k = 0; k < 8; k++) output[8 * i + k] = bytes[k * numbers + i];
    break;
  default:
    for (size_t i = 0; i < numbers; i++)
      for (size_t k = 0; k < width; k++) output[width * i + k] = bytes[k * numbers + i];
  }
  // What is no whole number lies at the end as it was.
  for (size_t i = numbers * width; i < count; i++) output[i] = bytes[i];
}

void CKernels_flushDenormals(void) { _mm_setcsr(_mm_getcsr() | 0x8040); }
