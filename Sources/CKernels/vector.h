// Included once per build; defines the vector types of that build.

typedef float v16 __attribute__((vector_size(64), aligned(4)));
typedef int32_t i16 __attribute__((vector_size(64), aligned(4)));
typedef double d8 __attribute__((vector_size(64), aligned(8)));
typedef float v8 __attribute__((vector_size(32), aligned(4)));
typedef uint32_t u16 __attribute__((vector_size(64), aligned(4)));
typedef uint32_t u8 __attribute__((vector_size(32), aligned(4)));
typedef uint32_t PairSpread16 __attribute__((ext_vector_type(16)));
typedef uint32_t PairSpread8 __attribute__((ext_vector_type(8)));

#define INLINE static inline __attribute__((always_inline))

INLINE int64_t least(int64_t a, int64_t b) { return a < b ? a : b; }
INLINE int64_t larger(int64_t a, int64_t b) { return a > b ? a : b; }

INLINE v16 load16(const float *p) { return *(const v16 *)p; }
INLINE void store16(float *p, v16 v) { *(v16 *)p = v; }

INLINE v8 load8(const float *p) { return *(const v8 *)p; }

// The first `count` floats, zeros behind them; nothing beyond them is touched.
#ifdef BUILD_MASKS
#define HAS_MASKS true
INLINE v16 loadPart(const float *p, int64_t count) {
  return (v16)_mm512_maskz_loadu_ps((__mmask16)((1u << count) - 1), p);
}
INLINE void storePart(float *p, v16 v, int64_t count) {
  _mm512_mask_storeu_ps(p, (__mmask16)((1u << count) - 1), (__m512)v);
}
INLINE v8 loadPart8(const float *p, int64_t count) {
  return (v8)_mm256_maskz_loadu_ps((__mmask8)((1u << count) - 1), p);
}
INLINE void storePart8(float *p, v8 v, int64_t count) {
  _mm256_mask_storeu_ps(p, (__mmask8)((1u << count) - 1), (__m256)v);
}
#else
#define HAS_MASKS false
INLINE v16 loadPart(const float *p, int64_t count) {
  v16 v = {0};
  for (int64_t i = 0; i < count; i++) v[i] = p[i];
  return v;
}
INLINE void storePart(float *p, v16 v, int64_t count) {
  for (int64_t i = 0; i < count; i++) p[i] = v[i];
}
INLINE v8 loadPart8(const float *p, int64_t count) {
  v8 v = {0};
  for (int64_t i = 0; i < count; i++) v[i] = p[i];
  return v;
}
INLINE void storePart8(float *p, v8 v, int64_t count) {
  for (int64_t i = 0; i < count; i++) p[i] = v[i];
}
#endif

/// Sums of lanes in Float64: the low and the high half of a vector of 16.
typedef struct {
  d8 low, high;
} Wide;

INLINE Wide widen16(v16 v) {
  Wide w;
  w.low = __builtin_convertvector(__builtin_shufflevector(v, v, 0, 1, 2, 3, 4, 5, 6, 7), d8);
  w.high = __builtin_convertvector(__builtin_shufflevector(v, v, 8, 9, 10, 11, 12, 13, 14, 15), d8);
  return w;
}
INLINE double total8(d8 v) {
  // A fixed tree, whatever the processor.
  double s[8];
  __builtin_memcpy(s, &v, sizeof s);
  return ((s[0] + s[4]) + (s[2] + s[6])) + ((s[1] + s[5]) + (s[3] + s[7]));
}
INLINE double totalWide(Wide w) { return total8(w.low + w.high); }
INLINE v16 narrow16(Wide w) {
  v8 low = __builtin_convertvector(w.low, v8), high = __builtin_convertvector(w.high, v8);
  return __builtin_shufflevector(low, high, 0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15);
}
/// The vector, or its first `count` lanes and zeros: for the last columns of a matrix.
INLINE v16 loadColumns(const float *p, int64_t count) {
  return count == 16 ? load16(p) : loadPart(p, count);
}
INLINE void storeColumns(float *p, v16 v, int64_t count) {
  if (count == 16) store16(p, v);
  else storePart(p, v, count);
}
INLINE int64_t columnsLeft(int64_t width, int64_t column) {
  return width - column < 16 ? width - column : 16;
}

/// Even lanes of the result are the first half of `a`, odd ones the first half of `b`; `high` takes the others.
INLINE v16 interleaveLow(v16 a, v16 b) {
  return __builtin_shufflevector(a, b, 0, 16, 1, 17, 2, 18, 3, 19, 4, 20, 5, 21, 6, 22, 7, 23);
}
INLINE v16 interleaveHigh(v16 a, v16 b) {
  return __builtin_shufflevector(a, b, 8, 24, 9, 25, 10, 26, 11, 27, 12, 28, 13, 29, 14, 30, 15, 31);
}

/// Sixteen rows of sixteen become columns: four rounds of a perfect shuffle of the rows.
INLINE void transpose16(v16 rows[16]) {
  v16 next[16];
  for (int round = 0; round < 4; round++) {
    for (int i = 0; i < 8; i++) {
      next[2 * i] = interleaveLow(rows[i], rows[i + 8]);
      next[2 * i + 1] = interleaveHigh(rows[i], rows[i + 8]);
    }
    for (int i = 0; i < 16; i++) rows[i] = next[i];
  }
}

/// exp(x) within 1.1 ulp (Cephes' reduction and polynomial), branch-free so that loops vectorise.
///
/// Below -87.3 it is zero; above 88 it stays at exp(88).
INLINE float fastExp(float x) {
  x = x > 88.0f ? 88.0f : x;
  float clamped = x >= -87.3f ? x : -87.3f;  // NaN too: no integer holds it
  float n = __builtin_rintf(clamped * 1.44269504088896341f);
  float r = clamped - n * 0.693359375f;
  r = r - n * -2.12194440e-4f;
  float p = 1.9875691500e-4f;
  p = p * r + 1.3981999507e-3f;
  p = p * r + 8.3334519073e-3f;
  p = p * r + 4.1665795894e-2f;
  p = p * r + 1.6666665459e-1f;
  p = p * r + 5.0000001201e-1f;
  float y = p * r * r + r + 1.0f;
  union { int32_t i; float f; } power = {.i = ((int32_t)n + 127) << 23};
  float result = y * power.f;
  result = x < -87.3f ? 0.0f : result;
  return x != x ? x : result;
}

/// ln(x) of positive normal numbers within 1.5 ulp (Cephes), branch-free; infinity and NaN pass.
INLINE float fastLog(float x) {
  union { float f; int32_t i; } bits = {.f = x};
  int32_t exponent = (bits.i >> 23) - 126;
  bits.i = (bits.i & 0x007fffff) | 0x3f000000;  // 0.5 ..< 1
  int32_t low = bits.f < 0.70710678118654752f;
  float e = (float)(exponent - low);
  float m = (low ? bits.f + bits.f : bits.f) - 1.0f, z = m * m;
  float p = 7.0376836292e-2f;
  p = p * m - 1.1514610310e-1f;
  p = p * m + 1.1676998740e-1f;
  p = p * m - 1.2420140846e-1f;
  p = p * m + 1.4249322787e-1f;
  p = p * m - 1.6668057665e-1f;
  p = p * m + 2.0000714765e-1f;
  p = p * m - 2.4999993993e-1f;
  p = p * m + 3.3333331174e-1f;
  float y = m * z * p - 2.12194440e-4f * e - 0.5f * z;
  float result = m + y + 0.693359375f * e;
  return x < __builtin_inff() ? result : x;
}

/// tanh(x) within 1.5 ulp: a polynomial near zero, exp elsewhere.
INLINE float fastTanh(float x) {
  float a = __builtin_fabsf(x);
  float z = x * x;
  float p = -5.70498872745e-3f;
  p = p * z + 2.06390887954e-2f;
  p = p * z - 5.37397155531e-2f;
  p = p * z + 1.33314422036e-1f;
  p = p * z - 3.33332819422e-1f;
  float small = p * z * x + x;
  float large = 1.0f - 2.0f / (fastExp(2.0f * a) + 1.0f);
  large = x < 0 ? -large : large;
  return a < 0.625f ? small : large;
}

/// 1 / (1 + exp(-x)) within 3 ulp.
INLINE float fastSigmoid(float x) {
  float e = fastExp(-__builtin_fabsf(x));
  float p = 1.0f / (1.0f + e);
  return x >= 0 ? p : e * p;
}

/// The normal distribution's tail above |x|, given e = exp(-x² / 2).
///
/// e · t · P(t) with t = 1 / (1 + 0.35 |x|); P is a minimax fit of relative error 3.2e-8 (Lawson's
/// weighted least squares against scipy's erfcx on |x| <= 14, beyond which e is zero).
INLINE float normalTail(float x, float e) {
  float t = 1.0f / (1.0f + 0.35f * __builtin_fabsf(x));
  float p = -0.029146138578653336f;
  p = p * t + 0.143972709774971f;
  p = p * t - 0.25571632385253906f;
  p = p * t + 0.15917649865150452f;
  p = p * t - 0.023111417889595032f;
  p = p * t + 0.10550866276025772f;
  p = p * t + 0.11983270198106766f;
  p = p * t + 0.13986189663410187f;
  p = p * t + 0.13962140679359436f;
  return e * t * p;
}

/// The normal distribution's Φ(x), given e = exp(-x² / 2); small values keep their relative accuracy.
INLINE float normalBelow(float x, float e) {
  float tail = normalTail(x, e);
  return x < 0 ? tail : 1.0f - tail;
}

INLINE float gaussian(float x) { return fastExp(-0.5f * x * x); }
