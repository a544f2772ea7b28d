// Connectionist temporal classification of one sequence, included once per build.

INLINE double logAdd(double a, double b) {
  double most = a > b ? a : b, least = a > b ? b : a;
  // Nothing added to nothing is nothing; a NaN is in `most` or makes the sum NaN.
  if (least == -__builtin_inf()) return most;
  return most + __builtin_log1p(__builtin_exp(least - most));
}

/// The label of place s in "blank, y1, blank, y2, …, blank".
INLINE int64_t extendedLabel(const int64_t *labels, int64_t blank, int64_t s) {
  return s % 2 ? labels[s / 2] : blank;
}

/// Whether a path may jump over the blank between places s - 2 and s.
INLINE bool mayJump(const int64_t *labels, int64_t s) {
  return s % 2 == 1 && s >= 3 && labels[s / 2] != labels[s / 2 - 1];
}

/// log of the sum over all ways to place s at step t, its own output not counted.
INLINE double reach(const double *before, const int64_t *labels, int64_t s) {
  double sum = before[s];
  if (s >= 1) sum = logAdd(sum, before[s - 1]);
  return mayJump(labels, s) ? logAdd(sum, before[s - 2]) : sum;
}

/// −log p(labels) of a sequence of at least one step that is long enough for its labels, and `factor`
/// times its gradient. `scratch` holds (steps + 2) (2 labels + 1) + steps Float64.
static double ctc(int64_t steps, int64_t classes, int64_t count, const int64_t *labels, int64_t blank,
                  const float *logits, float factor, float *gradient, double *scratch) {
  int64_t places = 2 * count + 1;
  double nothing = -__builtin_inf();
  double *normalizers = scratch, *alpha = scratch + steps;
  double *after = alpha + steps * places, *beta = after + places;
  for (int64_t t = 0; t < steps; t++) {
    const float *u = logits + t * classes;
    double *now = alpha + t * places;
    normalizers[t] = softmaxRow(classes, u, gradient + t * classes);
    for (int64_t s = 0; s < places; s++) {
      double way = t ? reach(now - places, labels, s) : s < 2 ? 0 : nothing;
      now[s] = way + (double)u[extendedLabel(labels, blank, s)] - normalizers[t];
    }
  }
  const double *last = alpha + (steps - 1) * places;
  double total = count ? logAdd(last[places - 1], last[places - 2]) : last[0];

  for (int64_t t = steps - 1; t >= 0; t--) {
    const float *u = logits + t * classes;
    float *g = gradient + t * classes;
    double blanks = 0;
    for (int64_t s = places - 1; s >= 0; s--) {
      // after[s] = beta of step t + 1 with that step's output; beta leaves step t's output out.
      double way = t == steps - 1 ? (s >= places - 2 ? 0 : nothing) : after[s];
      if (t < steps - 1) {
        if (s + 1 < places) way = logAdd(way, after[s + 1]);
        if (s + 2 < places && mayJump(labels, s + 2)) way = logAdd(way, after[s + 2]);
      }
      double share = __builtin_exp(alpha[t * places + s] + way - total);
      if (s % 2) g[labels[s / 2]] -= (float)share;
      else blanks += share;
      beta[s] = way + (double)u[extendedLabel(labels, blank, s)] - normalizers[t];
    }
    g[blank] -= (float)blanks;
    for (int64_t k = 0; k < classes; k++) g[k] *= factor;
    double *swap = after;
    after = beta;
    beta = swap;
  }
  return -total;
}
