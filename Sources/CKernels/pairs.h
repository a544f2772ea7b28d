// Pairs of numbers rounded to bfloat16, which products sum two terms at a time; included once per build, and
// once more where the processor has dot products of such pairs, with PAIRS(name) and PAIRS_DOTS defined.
//
// A pair is 32 bits, its first number the lower half. A dot product adds the second numbers' product to
// a float32 sum, rounds, adds the first numbers' and rounds: so AVX512_BF16 does it (VDPBF16PS), and so do two fused
// multiplications with additions, bit for bit, on a thread that flushes denormals. Where a build has none, a
// product of two bfloat16 is exact in float32 as long as it is a normal number, and the bits are the same.

#ifdef PAIRS_DOTS

INLINE v16 PAIRS(dot16)(v16 sum, u16 a, u16 b) {
  return (v16)_mm512_dpbf16_ps((__m512)sum, (__m512bh)a, (__m512bh)b);
}
INLINE v8 PAIRS(dot8)(v8 sum, u8 a, u8 b) {
  return (v8)_mm256_dpbf16_ps((__m256)sum, (__m256bh)a, (__m256bh)b);
}
INLINE Lanes PAIRS(dotLanes)(Lanes sum, PairLanes a, PairLanes b) { return PAIRS(dot16)(sum, a, b); }

/// Thirty-two numbers as they lie become sixteen pairs.
INLINE u16 PAIRS(pairNeighbours)(v16 low, v16 high) {
  return (u16)_mm512_cvtne2ps_pbh((__m512)high, (__m512)low);
}

/// Sixteen numbers and those they are paired with.
INLINE u16 PAIRS(pairWith)(v16 first, v16 second) {
  u16 a = (u16)_mm512_cvtepu16_epi32((__m256i)_mm512_cvtneps_pbh((__m512)first));
  u16 b = (u16)_mm512_cvtepu16_epi32((__m256i)_mm512_cvtneps_pbh((__m512)second));
  return a | b << 16;
}

#else

#define PAIRS_DOT(name, V, U)                                   \
  INLINE V PAIRS(name)(V sum, U a, U b) {                       \
    sum += (V)(a & 0xffff0000u) * (V)(b & 0xffff0000u);         \
    sum += (V)(a << 16) * (V)(b << 16);                         \
    return sum;                                                 \
  }
PAIRS_DOT(dot16, v16, u16)
PAIRS_DOT(dot8, v8, u8)
PAIRS_DOT(dotLanes, Lanes, PairLanes)
#undef PAIRS_DOT

/// The nearest bfloat16 in the upper halves, ties to even; denormals become zero and NaN quiet.
INLINE u16 PAIRS(round16)(v16 values) {
  u16 bits = (u16)values, exponent = bits & 0x7f800000u;
  u16 isNaN = (u16)((bits & 0x7fffffffu) > 0x7f800000u), isZero = (u16)(exponent == 0);
  // The carry could turn NaN into infinity or zero.
  u16 carry = (0x7fffu + ((bits >> 16) & 1u)) & ~isNaN;
  u16 rounded = ((bits + carry) | (isNaN & 0x400000u)) & 0xffff0000u;
  return rounded & (~isZero | 0x80000000u);
}

/// Thirty-two numbers as they lie become sixteen pairs.
INLINE u16 PAIRS(pairNeighbours)(v16 low, v16 high) {
  u16 a = PAIRS(round16)(low), b = PAIRS(round16)(high);
  u16 first = __builtin_shufflevector(a, b, 0, 2, 4, 6, 8, 10, 12, 14, 16, 18, 20, 22, 24, 26, 28, 30);
  u16 second = __builtin_shufflevector(a, b, 1, 3, 5, 7, 9, 11, 13, 15, 17, 19, 21, 23, 25, 27, 29, 31);
  return first >> 16 | second;
}

/// Sixteen numbers and those they are paired with.
INLINE u16 PAIRS(pairWith)(v16 first, v16 second) {
  return PAIRS(round16)(first) >> 16 | PAIRS(round16)(second);
}

#endif

/// The pairs of `count` neighbours; an odd last one is paired with zero.
INLINE void PAIRS(pairLine)(int64_t count, const float *x, uint32_t *pairs) {
  int64_t i = 0;
  for (; i + 32 <= count; i += 32)
    *(u16 *)(pairs + i / 2) = PAIRS(pairNeighbours)(load16(x + i), load16(x + i + 16));
  if (i == count) return;
  float rest[32] = {0};
  uint32_t last[16];
  __builtin_memcpy(rest, x + i, (size_t)(count - i) * sizeof(float));
  *(u16 *)last = PAIRS(pairNeighbours)(load16(rest), load16(rest + 16));
  __builtin_memcpy(pairs + i / 2, last, (size_t)((count - i + 1) / 2) * sizeof(uint32_t));
}

/// The pairs of `count` numbers with those of a second line, or with zeros.
INLINE void PAIRS(pairLines)(int64_t count, const float *x, const float *second, uint32_t *pairs) {
  int64_t i = 0;
  for (; i + 16 <= count; i += 16)
    *(u16 *)(pairs + i) = PAIRS(pairWith)(load16(x + i), second ? load16(second + i) : (v16){0});
  if (i == count) return;
  float a[16] = {0}, b[16] = {0};
  uint32_t last[16];
  __builtin_memcpy(a, x + i, (size_t)(count - i) * sizeof(float));
  if (second) __builtin_memcpy(b, second + i, (size_t)(count - i) * sizeof(float));
  *(u16 *)last = PAIRS(pairWith)(load16(a), load16(b));
  __builtin_memcpy(pairs + i, last, (size_t)(count - i) * sizeof(uint32_t));
}
