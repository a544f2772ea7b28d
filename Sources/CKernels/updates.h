// Optimizer updates, one pass each, included once per build. Formulas as in PyTorch's torch.optim.

static void sgdUpdate(int64_t count, float *weight, const float *gradient, float *momentum,
                      CKernels_SGD s) {
  EACH(i, count) {
    float g = gradient[i] * s.gradientScale + s.weightDecay * weight[i];
    if (momentum) {
      float v = s.firstStep ? g : s.momentum * momentum[i] + g;
      momentum[i] = v;
      g = s.nesterov ? g + s.momentum * v : v;
    }
    weight[i] -= s.learningRate * g;
  }
}

static void adamUpdate(int64_t count, float *weight, const float *gradient, float *m, float *v,
                       CKernels_Adam a) {
  float rate = a.learningRate / a.correction1;
  float root = 1.0f / __builtin_sqrtf(a.correction2);
  float shrink = a.decoupled ? 1.0f - a.learningRate * a.weightDecay : 1.0f;
  float decay = a.decoupled ? 0.0f : a.weightDecay;
  EACH(i, count) {
    float g = gradient[i] * a.gradientScale + decay * weight[i];
    float first = a.beta1 * m[i] + (1.0f - a.beta1) * g;
    float second = a.beta2 * v[i] + (1.0f - a.beta2) * g * g;
    m[i] = first;
    v[i] = second;
    weight[i] = weight[i] * shrink - rate * first / (__builtin_sqrtf(second) * root + a.epsilon);
  }
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
