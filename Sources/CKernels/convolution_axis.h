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

INLINE int64_t ceilDivide(int64_t a, int64_t b) {
  return a >= 0 ? (a + b - 1) / b : -(-a / b);
}
INLINE int64_t floorDivide(int64_t a, int64_t b) {
  return a >= 0 ? a / b : -((-a + b - 1) / b);
}
INLINE int64_t commonDivisor(int64_t a, int64_t b) {
  while (b) {
    int64_t rest = a % b;
    a = b;
    b = rest;
  }
  return a;
}

/// The taps of one output pixel: a run of kernel elements over the input.
static Run forwardTaps(const Axis *a, int64_t target) {
  Run run = {.target = target, .count = 1, .targetStep = 1};
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

/// The taps of one input pixel: every so many kernel elements, going down over the outputs.
static Run inverseTaps(const Axis *a, int64_t target) {
  Run run = {.target = target, .count = 1, .targetStep = a->stride, .sourceTargetStep = 1,
             .tapStep = 1};
  int64_t place = target + a->padding, first = -1;
  for (int64_t k = 0; first < 0 && k < a->kernel && k < a->stride; k++)
    if ((place - k * a->dilation) % a->stride == 0) first = k;
  if (first < 0) return run;
  run.tapStep = a->stride / commonDivisor(a->stride, a->dilation);
  run.sourceTapStep = -run.tapStep * a->dilation / a->stride;
  int64_t low = first, high = -1;
  for (int64_t k = first; k < a->kernel && place - k * a->dilation >= 0; k += run.tapStep) {
    if ((place - k * a->dilation) / a->stride >= a->sources) low = k + run.tapStep;
    else high = k;
  }
  run.tap = low;
  run.tapCount = high >= low ? (high - low) / run.tapStep + 1 : 0;
  run.source = (place - low * a->dilation) / a->stride;
  return run;
}

static Run tapsOf(const Axis *a, int64_t target) {
  return a->inverse ? inverseTaps(a, target) : forwardTaps(a, target);
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
