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
CONVERT(convertFloat, float)
