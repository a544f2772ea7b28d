// The gates of recurrent cells for one step of the samples that still run, included once per build.
//
// Sample j's row of this step is starts[j] + step · direction of the packed arrays: `gates` [rows, G · H]
// holds W x and becomes the activated gates; on the way back these become the gradients before the
// activations. What belongs to running samples alone lies densely: `products` [n, G · H] is U h,
// `state` and `carry` [n, H] are h and what flows back to it.
//
// Arrays do not overlap, which the compiler could not find out by itself within one row of gates.

#define UNITS(i) \
  _Pragma("clang loop vectorize(assume_safety)") for (int64_t i = 0; i < H; i++)
#define ROW(j) (s->starts[j] + s->step * s->direction)

static void lstmForward(const CKernels_Recurrent *s, const float *biasInput, const float *biasHidden,
                        const float *products, const float *initialCell, float *gates, float *cells,
                        float *state, float *output) {
  int64_t H = s->hidden;
  for (int64_t j = s->first; j < s->end; j++) {
    int64_t row = ROW(j);
    float *g = gates + row * 4 * H, *cell = cells + row * H;
    float *h = state + j * H, *y = output + row * s->outputStride;
    const float *p = products + j * 4 * H, *a = biasInput, *b = biasHidden;
    const float *before = s->step ? cells + (row - s->direction) * H : initialCell + j * H;
    UNITS(i) {
      float in = fastSigmoid(g[i] + p[i] + a[i] + b[i]);
      float forget = fastSigmoid(g[H + i] + p[H + i] + a[H + i] + b[H + i]);
      float new = fastTanh(g[2 * H + i] + p[2 * H + i] + a[2 * H + i] + b[2 * H + i]);
      float out = fastSigmoid(g[3 * H + i] + p[3 * H + i] + a[3 * H + i] + b[3 * H + i]);
      float c = forget * before[i] + in * new;
      g[i] = in;
      g[H + i] = forget;
      g[2 * H + i] = new;
      g[3 * H + i] = out;
      cell[i] = c;
      h[i] = y[i] = out * fastTanh(c);
    }
  }
}

/// `carry` holds U's share of the gradient of h, `carryCell` that of c, which is replaced.
static void lstmBackward(const CKernels_Recurrent *s, const float *initialCell, const float *cells,
                         const float *outputGradient, const float *carry, float *carryCell,
                         float *gates, float *products) {
  int64_t H = s->hidden;
  for (int64_t j = s->first; j < s->end; j++) {
    int64_t row = ROW(j);
    float *g = gates + row * 4 * H, *p = products + j * 4 * H;
    float *dcell = carryCell + j * H;
    const float *cell = cells + row * H, *through = carry + j * H;
    const float *dy = outputGradient + row * s->outputStride;
    const float *before = s->step ? cells + (row - s->direction) * H : initialCell + j * H;
    UNITS(i) {
      float in = g[i], forget = g[H + i], new = g[2 * H + i], out = g[3 * H + i];
      float dh = dy[i] + through[i], t = fastTanh(cell[i]);
      float dc = dcell[i] + dh * out * (1.0f - t * t);
      dcell[i] = dc * forget;
      p[i] = g[i] = dc * new * in * (1.0f - in);
      p[H + i] = g[H + i] = dc * before[i] * forget * (1.0f - forget);
      p[2 * H + i] = g[2 * H + i] = dc * in * (1.0f - new * new);
      p[3 * H + i] = g[3 * H + i] = dh * t * out * (1.0f - out);
    }
  }
}

/// Reset after the product: n = tanh(W x + b + r (U h + c)); `inner` [rows, H] keeps U h + c.
static void gruForward(const CKernels_Recurrent *s, const float *biasInput, const float *biasHidden,
                       const float *products, float *gates, float *inner, float *state,
                       float *output) {
  int64_t H = s->hidden;
  for (int64_t j = s->first; j < s->end; j++) {
    int64_t row = ROW(j);
    float *g = gates + row * 3 * H, *q = inner + row * H;
    float *h = state + j * H, *y = output + row * s->outputStride;
    const float *p = products + j * 3 * H, *a = biasInput, *b = biasHidden;
    UNITS(i) {
      float reset = fastSigmoid(g[i] + p[i] + a[i] + b[i]);
      float update = fastSigmoid(g[H + i] + p[H + i] + a[H + i] + b[H + i]);
      float hidden = p[2 * H + i] + b[2 * H + i];
      float new = fastTanh(g[2 * H + i] + a[2 * H + i] + reset * hidden);
      g[i] = reset;
      g[H + i] = update;
      g[2 * H + i] = new;
      q[i] = hidden;
      h[i] = y[i] = (1.0f - update) * new + update * h[i];
    }
  }
}

/// `inner` becomes the gradient of U h + c; `through` is U's share of the gradient of h, and `carry`
/// the share that passed the update gate, which is replaced.
static void gruBackward(const CKernels_Recurrent *s, const float *before,
                        const float *outputGradient, const float *through, float *carry,
                        float *gates, float *inner, float *products) {
  int64_t H = s->hidden;
  for (int64_t j = s->first; j < s->end; j++) {
    int64_t row = ROW(j);
    float *g = gates + row * 3 * H, *q = inner + row * H;
    float *p = products + j * 3 * H, *dh = carry + j * H;
    const float *dy = outputGradient + row * s->outputStride;
    const float *u = through + j * H, *h = before + row * H;
    UNITS(i) {
      float reset = g[i], update = g[H + i], new = g[2 * H + i];
      float d = dy[i] + u[i] + dh[i];
      float dn = d * (1.0f - update) * (1.0f - new * new);
      dh[i] = d * update;
      p[i] = g[i] = dn * q[i] * reset * (1.0f - reset);
      p[H + i] = g[H + i] = d * (h[i] - new) * update * (1.0f - update);
      g[2 * H + i] = dn;
      p[2 * H + i] = q[i] = dn * reset;
    }
  }
}

/// Reset before the product, first half: the gates r and z, and r h in `inner` and, densely, `reset`.
static void gruGates(const CKernels_Recurrent *s, const float *biasInput, const float *biasHidden,
                     const float *products, const float *state, float *gates, float *inner,
                     float *reset) {
  int64_t H = s->hidden;
  for (int64_t j = s->first; j < s->end; j++) {
    int64_t row = ROW(j);
    float *g = gates + row * 3 * H, *q = inner + row * H;
    float *dense = reset + j * H;
    const float *p = products + j * 3 * H, *a = biasInput, *b = biasHidden;
    const float *h = state + j * H;
    UNITS(i) {
      g[i] = fastSigmoid(g[i] + p[i] + a[i] + b[i]);
      g[H + i] = fastSigmoid(g[H + i] + p[H + i] + a[H + i] + b[H + i]);
      dense[i] = q[i] = g[i] * h[i];
    }
  }
}

/// Second half: n = tanh(W x + b + U (r h) + c) and the new state.
static void gruState(const CKernels_Recurrent *s, const float *biasInput, const float *biasHidden,
                     const float *products, float *gates, float *state, float *output) {
  int64_t H = s->hidden;
  for (int64_t j = s->first; j < s->end; j++) {
    int64_t row = ROW(j);
    float *g = gates + row * 3 * H, *h = state + j * H;
    float *y = output + row * s->outputStride;
    const float *p = products + j * 3 * H, *a = biasInput, *b = biasHidden;
    UNITS(i) {
      float update = g[H + i];
      float new = fastTanh(g[2 * H + i] + p[2 * H + i] + a[2 * H + i] + b[2 * H + i]);
      g[2 * H + i] = new;
      h[i] = y[i] = (1.0f - update) * new + update * h[i];
    }
  }
}

/// The way back through the second half; arguments as in `gruBackward`.
static void gruStateGradient(const CKernels_Recurrent *s, const float *before,
                             const float *outputGradient, const float *through, float *carry,
                             float *gates, float *products) {
  int64_t H = s->hidden;
  for (int64_t j = s->first; j < s->end; j++) {
    int64_t row = ROW(j);
    float *g = gates + row * 3 * H, *p = products + j * 3 * H;
    float *dh = carry + j * H;
    const float *dy = outputGradient + row * s->outputStride;
    const float *u = through + j * H, *h = before + row * H;
    UNITS(i) {
      float update = g[H + i], new = g[2 * H + i];
      float d = dy[i] + u[i] + dh[i];
      dh[i] = d * update;
      p[H + i] = g[H + i] = d * (h[i] - new) * update * (1.0f - update);
      p[2 * H + i] = g[2 * H + i] = d * (1.0f - update) * (1.0f - new * new);
    }
  }
}

/// The way back through the first half; `reset` is the gradient of r h.
static void gruGateGradient(const CKernels_Recurrent *s, const float *before, const float *reset,
                            float *carry, float *gates, float *products) {
  int64_t H = s->hidden;
  for (int64_t j = s->first; j < s->end; j++) {
    int64_t row = ROW(j);
    float *g = gates + row * 3 * H, *p = products + j * 3 * H;
    float *dh = carry + j * H;
    const float *q = reset + j * H, *h = before + row * H;
    UNITS(i) {
      float r = g[i];
      dh[i] += q[i] * r;
      p[i] = g[i] = q[i] * h[i] * r * (1.0f - r);
    }
  }
}

#undef ROW
#undef UNITS
