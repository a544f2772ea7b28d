// Optimizer updates, one pass each, included once per build. Formulas as in PyTorch's torch.optim.
//
// The plain rules return Σ g² of the gradient before anything is done to it, with the bits of `squaredNorm`: the
// sweep waits for memory, so the sum costs nothing.

static double sgdUpdate(int64_t count, float *weight, const float *gradient, float *momentum,
                        CKernels_SGD s) {
  Wide squares = {{0}, {0}};
  for (int64_t i = 0; i < count; i += 16) {
    int64_t left = columnsLeft(count, i);
    v16 w = loadColumns(weight + i, left), g = loadColumns(gradient + i, left);
    addSquares(&squares, g);
    g = g * s.gradientScale + s.weightDecay * w;
    if (momentum) {
      v16 v = s.firstStep ? g : s.momentum * loadColumns(momentum + i, left) + g;
      storeColumns(momentum + i, v, left);
      g = s.nesterov ? g + s.momentum * v : v;
    }
    storeColumns(weight + i, w - s.learningRate * g, left);
  }
  return totalWide(squares);
}

static double adamUpdate(int64_t count, float *weight, const float *gradient, float *m, float *v,
                         CKernels_Adam a) {
  float rate = a.learningRate / a.correction1;
  float root = 1.0f / __builtin_sqrtf(a.correction2);
  float shrink = a.decoupled ? 1.0f - a.learningRate * a.weightDecay : 1.0f;
  float decay = a.decoupled ? 0.0f : a.weightDecay;
  Wide squares = {{0}, {0}};
  for (int64_t i = 0; i < count; i += 16) {
    int64_t left = columnsLeft(count, i);
    v16 w = loadColumns(weight + i, left), g = loadColumns(gradient + i, left);
    addSquares(&squares, g);
    g = g * a.gradientScale + decay * w;
    v16 first = a.beta1 * loadColumns(m + i, left) + (1.0f - a.beta1) * g;
    v16 second = a.beta2 * loadColumns(v + i, left) + (1.0f - a.beta2) * g * g;
    storeColumns(m + i, first, left);
    storeColumns(v + i, second, left);
    v16 step = rate * first / (__builtin_elementwise_sqrt(second) * root + a.epsilon);
    storeColumns(weight + i, w * shrink - step, left);
  }
  return totalWide(squares);
}

static void lambDirection(int64_t count, const float *weight, const float *gradient, float *m,
                          float *v, CKernels_Adam a, float *direction) {
  float inverse1 = 1.0f / a.correction1, root = 1.0f / __builtin_sqrtf(a.correction2);
  EACH(i, count) {
    float g = gradient[i] * a.gradientScale;
    float first = a.beta1 * m[i] + (1.0f - a.beta1) * g;
    float second = a.beta2 * v[i] + (1.0f - a.beta2) * g * g;
    m[i] = first;
    v[i] = second;
    direction[i] = first * inverse1 / (__builtin_sqrtf(second) * root + a.epsilon) +
                   a.weightDecay * weight[i];
  }
}

/// `v ← μ v + η (g + λ w); w ← w − v`, η with the tensor's trust ratio in it.
static void larsUpdate(int64_t count, float *weight, const float *gradient, float *momentum,
                       CKernels_SGD s) {
  EACH(i, count) {
    float g = gradient[i] * s.gradientScale + s.weightDecay * weight[i];
    momentum[i] = s.momentum * momentum[i] + s.learningRate * g;
    weight[i] -= momentum[i];
  }
}

static void subtractScaled(int64_t count, float *weight, const float *direction, float factor) {
  EACH(i, count) weight[i] -= factor * direction[i];
}

static void averageUpdate(int64_t count, float *average, const float *weight, float decay) {
  EACH(i, count) average[i] = decay * average[i] + (1.0f - decay) * weight[i];
}
