// Which pixels of a convolution see which kernel elements, included once per build.

/// Target pixels along one axis that see the same kernel elements.
typedef struct {
  int64_t target, count, targetStep;       // target pixels target, target + targetStep, …
  int64_t tap, tapCount, tapStep;          // kernel elements
  int64_t source, sourceTargetStep, sourceTapStep;
} Run;

/// Geometry of one axis: source = (target · stride − padding + tap · dilation), or its inverse.
typedef struct {
  int64_t sources, targets, kernel, stride, padding, dilation;
  bool inverse;  // the input gradient: target is an input pixel, source an output pixel
} Axis;

INLINE int64_t ceilDivide(int64_t a, int64_t b) { return a >= 0 ? (a + b - 1) / b : -(-a / b); }
INLINE int64_t floorDivide(int64_t a, int64_t b) { return a >= 0 ? a / b : -((-a + b - 1) / b); }

/// The taps of one target pixel.
static Run tapsOf(const Axis *a, int64_t target) {
  Run run = {.target = target, .count = 1, .targetStep = 1};
  if (!a->inverse) {
    int64_t base = target * a->stride - a->padding;
    int64_t low = ceilDivide(-base, a->dilation);
    int64_t high = floorDivide(a->sources - 1 - base, a->dilation);
    if (low < 0) low = 0;
    if (high > a->kernel - 1) high = a->kernel - 1;
    run.tap = low;
    run.tapCount = high >= low ? high - low + 1 : 0;
    run.tapStep = 1;
    run.source = base + low * a->dilation;
    run.sourceTargetStep = a->stride;
    run.sourceTapStep = a->dilation;
    return run;
  }
  run.targetStep = a->stride;
  run.sourceTargetStep = 1;
  run.tapStep = 1;
  int64_t first = -1;
  for (int64_t k = 0; k < a->kernel && k < a->stride; k++) {
    if ((target + a->padding - k * a->dilation) % a->stride == 0) {
      first = k;
      break;
    }
  }
  if (first < 0) return run;
  // k repeats with the period stride / gcd(stride, dilation).
  int64_t x = a->stride, y = a->dilation;
  while (y) {
    int64_t t = x % y;
    x = y;
    y = t;
  }
  run.tapStep = a->stride / x;
  run.sourceTapStep = -run.tapStep * a->dilation / a->stride;
  int64_t low = first, high = -1;
  for (int64_t k = first; k < a->kernel; k += run.tapStep) {
    int64_t source = (target + a->padding - k * a->dilation) / a->stride;
    if (target + a->padding - k * a->dilation < 0) break;
    if (source >= a->sources) {
      low = k + run.tapStep;
      continue;
    }
    high = k;
  }
  run.tap = low;
  run.tapCount = high >= low ? (high - low) / run.tapStep + 1 : 0;
  run.source = (target + a->padding - low * a->dilation) / a->stride;
  return run;
}

#define MOST_RUNS 96

/// Collects runs from (`*phase`, `*target`) on; returns how many. Zero means the axis is done.
static int64_t collectRuns(const Axis *a, int64_t *phase, int64_t *target, Run *runs) {
  int64_t phases = a->inverse ? a->stride : 1;
  int64_t count = 0;
  while (*phase < phases && count < MOST_RUNS) {
    if (*target >= a->targets) {
      *phase += 1;
      *target = *phase;
      continue;
    }
    Run run = tapsOf(a, *target);
    int64_t next = *target + run.targetStep;
    while (next < a->targets) {
      Run other = tapsOf(a, next);
      if (other.tap != run.tap || other.tapCount != run.tapCount) break;
      run.count++;
      next += run.targetStep;
    }
    *target = next;
    runs[count++] = run;
  }
  return count;
}
