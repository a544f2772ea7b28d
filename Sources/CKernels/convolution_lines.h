// The addresses of pixels that lie a constant step apart, included once per build.
//
// A tile reads one float of each of its pixels per channel. The compiler would keep an address for each, run
// out of registers and compute them again in every round; made to forget what it knows of a few steps
// and starts, it reaches each pixel with one addition inside the load instruction itself.

/// Bytes between pixels, times 1, 3, 5 and 7; an address may multiply one of them by 2, 4 or 8.
typedef struct {
  int64_t one, three, five, seven;
} Steps;

#define LINE_PIXELS 9
/// Where pixels 0, 9 and 18 lie.
typedef struct {
  const char *start[3];
} Lines;

#define FORGET(value) __asm__("" : "+r"(value))

INLINE Steps stepsOf(int64_t floats) {
  int64_t one = floats * (int64_t)sizeof(float);
  return (Steps){one, 3 * one, 5 * one, 7 * one};
}
INLINE Lines linesFrom(const float *x, const Steps *s, int T) {
  Lines lines;
  const char *start = (const char *)x;
  // Not beyond the last pixel: such an address need not exist.
  for (int i = 0; i < 3; i++) lines.start[i] = i * LINE_PIXELS < T ? start + i * LINE_PIXELS * s->one : start;
  return lines;
}
/// To be called in every round; only what T pixels need.
INLINE void hideLines(Lines *lines, Steps *s, int T) {
  FORGET(lines->start[0]);
  if (T > LINE_PIXELS) FORGET(lines->start[1]);
  if (T > 2 * LINE_PIXELS) FORGET(lines->start[2]);
  if (T > 1) FORGET(s->one);
  if (T > 3) FORGET(s->three);
  if (T > 5) FORGET(s->five);
  if (T > 7) FORGET(s->seven);
}
INLINE void advanceLines(Lines *lines, int T) {
  for (int i = 0; i < 3; i++)
    if (i * LINE_PIXELS < T) lines->start[i] += sizeof(float);
}
INLINE const float *pixelOf(const Lines *lines, const Steps *s, int t) {
  const char *p = lines->start[t / LINE_PIXELS];
  switch (t % LINE_PIXELS) {
    case 1: p += s->one; break;
    case 2: p += 2 * s->one; break;
    case 3: p += s->three; break;
    case 4: p += 4 * s->one; break;
    case 5: p += s->five; break;
    case 6: p += 2 * s->three; break;
    case 7: p += s->seven; break;
    case 8: p += 8 * s->one; break;
    default: break;
  }
  return (const float *)(const void *)p;
}
