// Conversion of input data, included once per build.

/// Numbers in which the channels repeat a whole number of times, so that loops over them vectorise.
#define PATTERN 768

typedef struct {
  float factor[PATTERN], offset[PATTERN];
  int64_t length;
} Pattern;

/// Repeats the channels' constants; false if there are too many channels.
static bool repeat(Pattern *p, int64_t channels, int64_t count, const float *factor,
                   const float *offset) {
  if (channels * 16 > PATTERN) return false;
  int64_t times = count / channels < 16 ? count / channels : 16;
  p->length = channels * times;
  for (int64_t i = 0; i < p->length; i++) p->factor[i] = factor[i % channels];
  for (int64_t i = 0; i < p->length; i++) p->offset[i] = offset[i % channels];
  return p->length > 0;
}

/// A number of a mapped file, whose datasets may begin anywhere.
typedef float FileFloat __attribute__((aligned(1)));

// The same loops for every type of source.
#define CONVERT(name, type)                                                                    \
  INLINE void name##Run(int64_t length, const type *x, const float *f, const float *o,         \
                        float *y) {                                                            \
    for (int64_t i = 0; i < length; i++) y[i] = (float)x[i] * f[i] + o[i];                     \
  }                                                                                            \
  static void name(int64_t count, int64_t channels, const type *source, const float *factor,   \
                   const float *offset, float *output) {                                       \
    if (channels == 1) {                                                                       \
      float f = factor[0], o = offset[0];                                                      \
      for (int64_t i = 0; i < count; i++) output[i] = (float)source[i] * f + o;                \
      return;                                                                                  \
    }                                                                                          \
    Pattern p;                                                                                 \
    int64_t done = 0;                                                                          \
    if (repeat(&p, channels, count, factor, offset))                                           \
      for (; done + p.length <= count; done += p.length)                                       \
        name##Run(p.length, source + done, p.factor, p.offset, output + done);                 \
    for (; done + channels <= count; done += channels)                                         \
      name##Run(channels, source + done, factor, offset, output + done);                       \
  }

CONVERT(convertUInt8, uint8_t)
CONVERT(convertFloat, FileFloat)

typedef uint64_t w8 __attribute__((vector_size(64), aligned(8)));

/// Permutes `4 * 8` values of a power of two: the rounds of several vectors fill each other's waits.
INLINE void encrypt(const CKernels_Permutation *p, const uint64_t *from, uint64_t *to) {
  uint64_t lowMask = p->lowMask, highMask = p->highMask;
  w8 low[4], high[4];
  for (int j = 0; j < 4; j++) {
    w8 v = *(const w8 *)(from + 8 * j);
    low[j] = v & lowMask;
    high[j] = v >> p->lowBits;
  }
#define SCATTER(half, key)                        \
  w8 z = (half ^ (key)) + 0x9E3779B97F4A7C15u;    \
  z = (z ^ (z >> 30)) * 0xBF58476D1CE4E5B9u;      \
  z = (z ^ (z >> 27)) * 0x94D049BB133111EBu;      \
  z = (z ^ (z >> 31)) >> 7;
  for (int round = 0; round < 12; round += 2) {
    for (int j = 0; j < 4; j++) {
      SCATTER(low[j], p->keys[round])
      high[j] ^= z & highMask;
    }
    for (int j = 0; j < 4; j++) {
      SCATTER(high[j], p->keys[round + 1])
      low[j] ^= z & lowMask;
    }
  }
#undef SCATTER
  for (int j = 0; j < 4; j++) *(w8 *)(to + 8 * j) = high[j] << p->lowBits | low[j];
}

/// The values at consecutive positions; those outside are sent through again, packed together, until none is.
static void permute(const CKernels_Permutation *p, uint64_t position, int64_t count, int64_t *values) {
  enum { CHUNK = 256 };
  uint64_t from[CHUNK], to[CHUNK];
  int32_t places[CHUNK];
  for (int64_t start = 0; start < count; start += CHUNK) {
    int64_t left = count - start < CHUNK ? count - start : CHUNK;
    for (int64_t i = 0; i < CHUNK; i++) from[i] = position + (uint64_t)(start + i);
    for (int64_t i = 0; i < left; i++) places[i] = (int32_t)i;
    while (left > 0) {
      for (int64_t i = 0; i < left; i += 32) encrypt(p, from + i, to + i);
      int64_t outside = 0;
      for (int64_t i = 0; i < left; i++) {
        values[start + places[i]] = (int64_t)to[i];
        // Kept without a branch, which would be mispredicted.
        from[outside] = to[i];
        places[outside] = places[i];
        outside += to[i] >= p->count;
      }
      left = outside;
    }
  }
}
