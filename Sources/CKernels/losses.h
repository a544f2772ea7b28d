// Losses with their gradients, included once per build. Sums are Float64 in sample order.

/// Writes probabilities of one row and returns log Σ exp(logit).
INLINE double softmaxRow(int64_t classes, const float *logits, float *probabilities) {
  float most = largestOf(classes, logits);
  EACH(k, classes) probabilities[k] = fastExp(logits[k] - most);
  double total = sum(classes, probabilities);
  float inverse = (float)(1.0 / total);
  for (int64_t k = 0; k < classes; k++) probabilities[k] *= inverse;
  return __builtin_log(total) + (double)most;
}

static void softmax(int64_t samples, int64_t classes, const float *logits, float *probabilities) {
  for (int64_t n = 0; n < samples; n++)
    softmaxRow(classes, logits + n * classes, probabilities + n * classes);
}

/// q = (1 − ε) 1_y + ε / Y; per class weights w multiply each term as in PyTorch:
/// loss = −Σ_k q_k w_k log p_k.
static double softmaxCrossEntropy(int64_t samples, int64_t classes, const float *logits,
                                  const int64_t *labels, float labelSmoothing,
                                  const float *classWeights, float factor, float *gradient) {
  double loss = 0;
  double smooth = (double)labelSmoothing / (double)classes, sure = 1.0 - (double)labelSmoothing;
  for (int64_t n = 0; n < samples; n++) {
    const float *z = logits + n * classes;
    float *g = gradient + n * classes;
    double log = softmaxRow(classes, z, g);
    int64_t y = labels[n];
    double weight = classWeights ? (double)classWeights[y] : 1.0;
    loss += sure * weight * (log - (double)z[y]);
    double mass = sure * weight;
    if (labelSmoothing > 0)
      for (int64_t k = 0; k < classes; k++) {
        double w = classWeights ? (double)classWeights[k] : 1.0;
        loss += smooth * w * (log - (double)z[k]);
        mass += smooth * w;
      }
    double p = g[y], q = sure * weight;
    if (labelSmoothing > 0) q += smooth * (classWeights ? (double)classWeights[y] : 1.0);
    for (int64_t k = 0; k < classes; k++) {
      double others = labelSmoothing > 0 ? smooth * (classWeights ? (double)classWeights[k] : 1.0) : 0;
      g[k] = factor * (float)(mass * (double)g[k] - others);
    }
    g[y] = factor * (float)(mass * p - q);
  }
  return loss;
}

/// What a row's softened classes q = softmax(z / T) miss of the teacher's p: the sum of KL(p || q) over the rows.
/// factor (q - p) is added to the gradient; scratch holds one row.
static double softClasses(int64_t rows, int64_t classes, const float *logits, const float *targets,
                          float inverseTemperature, float factor, float *scratch, float *gradient) {
  double loss = 0;
  for (int64_t n = 0; n < rows; n++) {
    const float *z = logits + n * classes, *p = targets + n * classes;
    float *g = gradient + n * classes;
    for (int64_t k = 0; k < classes; k++) scratch[k] = inverseTemperature * z[k];
    double log = softmaxRow(classes, scratch, scratch);
    for (int64_t k = 0; k < classes; k++) {
      // 0 log 0 is 0.
      if (p[k] > 0)
        loss += (double)p[k] * (__builtin_log((double)p[k]) + log - (double)(inverseTemperature * z[k]));
      g[k] += factor * (scratch[k] - p[k]);
    }
  }
  return loss;
}

static double entropy(double p) {
  return (p > 0 ? -p * __builtin_log(p) : 0) + (p < 1 ? -(1 - p) * __builtin_log(1 - p) : 0);
}

/// The same of yes-or-no outputs, the mean over those of a row; q = sigmoid(z / T).
static double softAnswers(int64_t count, int64_t outputs, const float *logits, const float *targets,
                          float inverseTemperature, float factor, float *gradient) {
  double loss = 0;
  float share = factor / (float)outputs;
  for (int64_t i = 0; i < count; i++) {
    float soft = inverseTemperature * logits[i];
    double z = (double)soft, p = (double)targets[i];
    loss += (z > 0 ? z : 0) - z * p + __builtin_log1p(__builtin_exp(-__builtin_fabs(z))) - entropy(p);
    gradient[i] += share * (fastSigmoid(soft) - targets[i]);
  }
  return loss / (double)outputs;
}

static double binaryCrossEntropy(int64_t count, int64_t outputs, const float *logits,
                                 const float *targets, float factor, float *gradient) {
  double loss = 0;
  float share = factor / (float)outputs;
  for (int64_t i = 0; i < count; i++) {
    double z = (double)logits[i];
    loss += (z > 0 ? z : 0) - z * (double)targets[i] + __builtin_log1p(__builtin_exp(-__builtin_fabs(z)));
    gradient[i] = share * (fastSigmoid(logits[i]) - targets[i]);
  }
  return loss / (double)outputs;
}

static double meanSquaredError(int64_t count, int64_t outputs, const float *values,
                               const float *targets, float factor, float *gradient) {
  double loss = 0;
  float share = 2.0f * factor / (float)outputs;
  for (int64_t i = 0; i < count; i++) {
    double e = (double)values[i] - (double)targets[i];
    loss += e * e;
    gradient[i] = share * (float)e;
  }
  return loss / (double)outputs;
}

static double huber(int64_t count, int64_t outputs, float delta, const float *values,
                    const float *targets, float factor, float *gradient) {
  double loss = 0, d = (double)delta;
  float share = factor / (float)outputs;
  for (int64_t i = 0; i < count; i++) {
    double e = (double)values[i] - (double)targets[i], a = __builtin_fabs(e);
    loss += a <= d ? 0.5 * e * e : d * (a - 0.5 * d);
    gradient[i] = share * (float)(a <= d ? e : (e > 0 ? d : -d));
  }
  return loss / (double)outputs;
}

/// What a softmax over candidates needs of a row of scores z with corrections c, block by block:
/// `state` is the maximum so far of z − c, Σ exp(z − c − maximum) and Σ z exp(z − c − maximum).
/// A score of minus infinity is no candidate. The scores are overwritten.
static void candidateSums(int64_t columns, const float *corrections, float *scores,
                          float *scratch, double *state) {
  float most = -__builtin_inff();
  for (int64_t k = 0; k < columns; k++) {
    float v = scores[k] - corrections[k];
    most = v > most ? v : most;
  }
  if ((double)most > state[0]) {
    double factor = __builtin_exp(state[0] - (double)most);
    state[1] *= factor;
    state[2] *= factor;
    state[0] = (double)most;
  }
  float maximum = (float)state[0];
  if (maximum == -__builtin_inff()) return;
  for (int64_t k = 0; k < columns; k++)
    scratch[k] = fastExp(scores[k] - corrections[k] - maximum);
  state[1] += sum(columns, scratch);
  // Zero times minus infinity is not zero.
  for (int64_t k = 0; k < columns; k++)
    scratch[k] = scores[k] == -__builtin_inff() ? 0.0f : scores[k] * scratch[k];
  state[2] += sum(columns, scratch);
}

/// Scores z of a row become exp(z − c_k − own log sum) + exp(z − own c − log sum_k).
static void candidateProbabilities(int64_t columns, const float *corrections, float logSum,
                                   float correction, const float *logSums, float *scores) {
  for (int64_t k = 0; k < columns; k++) {
    float z = scores[k];
    scores[k] = fastExp(z - corrections[k] - logSum) + fastExp(z - correction - logSums[k]);
  }
}
