// Packs the weights of a direct convolution in blocks of 16 outputs, included once per build.

/// One group: the weight of a tap, source and target lies at their numbers times their steps.
static void packBlocks(int64_t taps, int64_t sources, int64_t targets, const float *weights, int64_t tapStep,
                       int64_t sourceStep, int64_t targetStep, float *packed) {
  for (int64_t first = 0; first < targets; first += 16, weights += 16 * targetStep) {
    int64_t valid = columnsLeft(targets, first);
    if (isThin(valid, sources)) {
      for (int64_t t = 0; t < valid; t++)
        for (int64_t tap = 0; tap < taps; tap++)
          for (int64_t s = 0; s < sources; s++)
            packed[(t * taps + tap) * sources + s] =
                weights[tap * tapStep + s * sourceStep + t * targetStep];
      return;
    }
    for (int64_t tap = 0; tap < taps; tap++)
      for (int64_t s = 0; s < sources; s++, packed += 16) {
        const float *w = weights + tap * tapStep + s * sourceStep;
        if (targetStep == 1) {
          store16(packed, loadPart(w, valid));
          continue;
        }
        for (int64_t t = 0; t < 16; t++) packed[t] = t < valid ? w[t * targetStep] : 0;
      }
  }
}

static void packConvolution(const CKernels_Convolution *g, const float *weights, float *packed) {
  int64_t C = g->channels / g->groups, O = g->outChannels, G = O / g->groups;
  int64_t taps = g->kernelHeight * g->kernelWidth, groupFloats = (G + 15) / 16 * taps * C * 16;
  for (int64_t group = 0; group < g->groups; group++)
    packBlocks(taps, C, G, weights + group * G, C * O, O, 1, packed + group * groupFloats);
}

static void packDirectTransposed(const CKernels_Convolution *g, const float *weights,
                                      float *packed) {
  int64_t C = g->channels / g->groups, O = g->outChannels, G = O / g->groups;
  int64_t taps = g->kernelHeight * g->kernelWidth, groupFloats = (C + 15) / 16 * taps * G * 16;
  for (int64_t group = 0; group < g->groups; group++)
    packBlocks(taps, G, C, weights + group * G, C * O, 1, O, packed + group * groupFloats);
}
