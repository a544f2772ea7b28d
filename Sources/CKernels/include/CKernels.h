#ifndef CKERNELS_H
#define CKERNELS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

// Vector loops over float32 in C order. Every kernel is compiled for several processors; a table holds
// the builds, so that all ranks can be told to use the same one: the build decides the bits.

/// A two-dimensional convolution over NHWC images.
typedef struct {
  int64_t height, width, channels;           // input
  int64_t outHeight, outWidth, outChannels;  // output
  int64_t kernelHeight, kernelWidth;
  int64_t strideHeight, strideWidth;
  int64_t paddingHeight, paddingWidth;
  int64_t dilationHeight, dilationWidth;
  int64_t groups;
} CKernels_Convolution;

/// Some of a convolution's weights: ranges of groups, of outputs within a group from a multiple of 16 on, of
/// kernel rows, and of (kernel column, channel).
typedef struct {
  int64_t group, groupEnd, output, outputEnd, row, rowEnd, column, columnEnd;
} CKernels_Weights;

/// A pooling window over NHWC images.
typedef struct {
  int64_t height, width, channels;
  int64_t outHeight, outWidth;
  int64_t sizeHeight, sizeWidth;
  int64_t strideHeight, strideWidth;
  int64_t paddingHeight, paddingWidth;
} CKernels_Pool;

/// Element-wise functions.
typedef enum {
  CKernels_relu = 0,
  CKernels_leakyRelu = 1,
  CKernels_gelu = 2,
  CKernels_tanh = 3,
  CKernels_sigmoid = 4,
} CKernels_Function;

/// Samples that a product with a sparse matrix takes at a time.
#define SPARSE_TILE 64

/// Constants of an Adam update.
typedef struct {
  float gradientScale, learningRate, beta1, beta2, epsilon;
  float correction1, correction2;  // 1 - beta^t
  float weightDecay;
  bool decoupled;
} CKernels_Adam;

/// A Feistel network over the values below a power of two, of which those below `count` permute among themselves.
typedef struct {
  uint64_t count, keys[12];
  uint64_t lowBits, lowMask, highMask;
} CKernels_Permutation;

/// Constants of a momentum update.
typedef struct {
  float gradientScale, learningRate, momentum, weightDecay;
  bool nesterov, firstStep;
} CKernels_SGD;

/// One step of a recurrent cell over some of the samples that still run.
typedef struct {
  int64_t first, end;  // of the samples
  int64_t hidden;
  const ptrdiff_t *starts;  // each sample's first row in the order of processing
  int64_t step;             // from 0
  int64_t direction;        // 1 forwards, -1 backwards
  int64_t outputStride;     // floats between rows of the output and of its gradient
} CKernels_Recurrent;

/// y = start + factor · x · M; element (i, j) of x and of M lies at i · (row or step) + j · (step or column).
///
/// One of `xRow` and `xStep` is 1, and one of `matrixStep` and `matrixColumn`. `start` is y itself if
/// `adds`, else the bias in every row, else zero.
typedef struct {
  int64_t rows, columns, inner;
  const float *x;
  int64_t xRow, xStep;
  const float *matrix;
  int64_t matrixStep, matrixColumn;
  const float *bias;  // one per column, or null
  float factor;
  bool adds;
  float *y;
  int64_t yRow;
} CKernels_Product;

/// Columns of a packed matrix come in multiples of this, at most.
#define PRODUCT_PANEL 32

/// Products and convolutions of operands in one precision. What is packed takes no more than float32 does, and is read
/// by the same table only.
typedef struct {
  bool (*supported)(void);
  void (*packConvolution)(const CKernels_Convolution *, const float *weights, float *packed);
  void (*packConvolutionTransposed)(const CKernels_Convolution *, const float *weights, float *packed);
  void (*convolutionForward)(const CKernels_Convolution *, int64_t samples, const float *input,
                             const float *packed, const float *bias, bool relu, float *output);
  bool (*spreadsGradient)(const CKernels_Convolution *);  // whether the input gradient is a product that is spread
  void (*convolutionInputGradient)(const CKernels_Convolution *, int64_t samples,
                                   const float *outputGradient, const float *packedTransposed,
                                   float *inputGradient);
  void (*convolutionWeightGradient)(const CKernels_Convolution *, const CKernels_Weights *,
                                    int64_t samples, const float *input,
                                    const float *outputGradient, float *weightGradient);
  void (*packMatrix)(int64_t inner, int64_t columns, const float *matrix, int64_t innerStride,
                     int64_t columnStride, float *packed);
  void (*packedProduct)(int64_t rows, int64_t inner, int64_t columns, const float *x,
                        int64_t xStride, const float *packed, float *y, int64_t yStride);
  void (*product)(const CKernels_Product *);
  double (*multiplyAdds)(int64_t rounds, float *result);
} CKernels_Products;

/// One build of every kernel.
typedef struct {
  const char *name;
  bool (*supported)(void);

  void (*addBias)(int64_t rows, int64_t width, const float *bias, float *values);
  void (*sumRows)(int64_t rows, int64_t width, const float *values, float *sums);
  void (*activate)(CKernels_Function, float slope, int64_t count, const float *x, float *y);
  void (*activateGradient)(CKernels_Function, float slope, int64_t count, const float *x,
                           const float *y, const float *dy, float *dx);
  void (*add)(int64_t count, const float *a, const float *b, float *sum);
  void (*addRelu)(int64_t count, const float *a, const float *b, float *sum);
  void (*addInto)(int64_t count, const float *source, float *destination);
  void (*addThroughRelu)(int64_t count, const float *source, const float *output, float *destination);
  void (*scale)(int64_t count, float factor, float *values);
  double (*sum)(int64_t count, const float *values);
  double (*squaredNorm)(int64_t count, const float *values);
  bool (*isFinite)(int64_t count, const float *values);

  void (*batchNormApply)(int64_t rows, int64_t channels, const float *x, const float *mean,
                         const float *variance, float epsilon, const float *weight, const float *bias,
                         const float *added, bool relu, float *y);
  void (*batchNormMoments)(int64_t rows, int64_t channels, const float *x, double *mean,
                           double *squares);
  // `bias` is null where no relu lies behind the norm.
  void (*batchNormGradientSums)(int64_t rows, int64_t channels, const float *x, const float *mean,
                                const float *variance, float epsilon, const float *weight,
                                const float *bias, const float *dy, double *sums,
                                double *products);
  void (*batchNormInputGradient)(int64_t rows, double count, int64_t channels, const float *x,
                                 const float *mean, const float *variance, float epsilon,
                                 const float *weight, const float *bias, const double *sums,
                                 const double *products, const float *dy, float *dx);
  void (*layerNormForward)(int64_t rows, int64_t width, const float *x, float epsilon,
                           const float *weight, const float *bias, float *y, float *mean,
                           float *inverseDeviation);
  void (*layerNormWeightGradient)(int64_t rows, int64_t pitch, int64_t width, const float *x,
                                  const float *mean, const float *inverseDeviation,
                                  const float *dy, float *dWeight, float *dBias);
  void (*layerNormInputGradient)(int64_t rows, int64_t width, const float *x, const float *mean,
                                 const float *inverseDeviation, const float *weight,
                                 const float *dy, float *dx, float *dWeight, float *dBias);

  void (*maxPoolForward)(const CKernels_Pool *, int64_t samples, const float *x, float *y,
                         int32_t *winners);
  void (*maxPoolBackward)(const CKernels_Pool *, int64_t samples, const float *dy,
                          const int32_t *winners, float *dx);
  void (*averagePoolForward)(const CKernels_Pool *, int64_t samples, const float *x, float *y);
  void (*averagePoolBackward)(const CKernels_Pool *, int64_t samples, const float *dy, float *dx);
  void (*globalAverageForward)(int64_t samples, int64_t positions, int64_t channels, const float *x,
                               float *y);
  void (*globalAverageBackward)(int64_t samples, int64_t positions, int64_t channels, const float *dy,
                                float *dx);
  void (*dropout)(int64_t samples, int64_t width, float rate, uint64_t seed, uint32_t purpose,
                  uint32_t path, uint32_t step, const int64_t *sampleNumbers, const float *input,
                  float *output);

  // Packed sequences: sample n owns rows offsets[n] ..< offsets[n + 1].
  void (*dropoutRows)(int64_t rows, int64_t width, float rate, uint64_t seed, uint32_t purpose,
                      uint32_t path, uint32_t step, int64_t sampleNumber, uint32_t first,
                      uint32_t counters, const float *input, float *output);
  void (*dropoutSteps)(int64_t samples, const long *offsets, int64_t channels, float rate,
                       uint64_t seed, uint32_t purpose, uint32_t path, uint32_t step,
                       const int64_t *sampleNumbers, const float *input, float *output);
  void (*softmaxRows)(int64_t rows, int64_t width, int64_t visible, int64_t growth, float *values);
  void (*softmaxRowsGradient)(int64_t rows, int64_t width, float factor, const float *probabilities,
                              const float *dropped, float *gradient);
  void (*attentionPoolForward)(int64_t samples, const long *offsets, int64_t channels, const float *x,
                               const float *query, float *probabilities, float *y);
  void (*attentionPoolBackward)(int64_t samples, const long *offsets, int64_t channels, const float *x,
                                const float *query, const float *probabilities, const float *dy,
                                float *scratch, float *dx, float *dQuery);
  void (*powerSpectrum)(int64_t rows, int64_t bins, const float *spectrum, float *power);
  void (*logarithms)(int64_t count, float least, float *values);
  void (*deltas)(int64_t samples, const long *offsets, int64_t channels, const float *x,
                 int64_t xStride, float *y, int64_t yStride);
  void (*addNoise)(int64_t count, float deviation, uint64_t seed, uint32_t purpose, uint32_t path,
                   uint32_t step, int64_t sampleNumber, uint32_t first, const float *x, float *y);

  double (*softmaxCrossEntropy)(int64_t samples, int64_t classes, const float *logits,
                                const int64_t *labels, float labelSmoothing, const float *classWeights,
                                float scale, float *gradient);
  void (*softmax)(int64_t samples, int64_t classes, const float *logits, float *probabilities);
  double (*softClasses)(int64_t rows, int64_t classes, const float *logits, const float *targets,
                        float inverseTemperature, float factor, float *scratch, float *gradient);
  double (*softAnswers)(int64_t count, int64_t outputs, const float *logits, const float *targets,
                        float inverseTemperature, float factor, float *gradient);
  double (*binaryCrossEntropy)(int64_t count, int64_t outputs, const float *logits,
                               const float *targets, float scale, float *gradient);
  double (*meanSquaredError)(int64_t count, int64_t outputs, const float *values,
                             const float *targets, float scale, float *gradient);
  double (*huber)(int64_t count, int64_t outputs, float delta, const float *values,
                  const float *targets, float scale, float *gradient);
  void (*candidateSums)(int64_t columns, const float *corrections, float *scores, float *scratch,
                        double *state);
  void (*candidateProbabilities)(int64_t columns, const float *corrections, float logSum,
                                 float correction, const float *logSums, float *scores);

  void (*embeddingForward)(int64_t rows, int64_t size, const int64_t *ids, const float *table,
                           float *output, int64_t stride);
  void (*embeddingBackward)(int64_t rows, int64_t size, int64_t vocabulary, const int64_t *ids,
                            const float *dy, int64_t stride, float *dTable);
  // Distinct rows of a list of ids: row r stands at places[starts[r]] ..< places[starts[r + 1]].
  void (*spreadRows)(int64_t count, int64_t size, const int64_t *rows, const float *table,
                     const int32_t *starts, const int32_t *places, float *output, int64_t stride);
  bool (*collectRows)(int64_t count, int64_t size, const int32_t *starts, const int32_t *places,
                      const float *values, int64_t stride, float *sums);
  void (*rowNorms)(int64_t count, int64_t size, const float *values, double *norms);
  void (*sgdRows)(int64_t count, int64_t size, const int64_t *rows, float *weight,
                  const float *gradient, float *momentum, CKernels_SGD, double *norms);
  void (*adamRows)(int64_t count, int64_t size, const int64_t *rows, float *weight,
                   const float *gradient, float *m, float *v, CKernels_Adam, double *norms);
  void (*rowDots)(int64_t rows, int64_t half, int64_t factors, const float *x, const float *bias,
                  float *y);
  void (*rowDotsGradient)(int64_t rows, int64_t half, int64_t factors, const float *x,
                          const float *dy, bool biases, float *dx);
  void (*copyColumns)(int64_t rows, int64_t width, const float *source, int64_t sourceStride,
                      float *destination, int64_t destinationStride);
  void (*addColumns)(int64_t rows, int64_t width, const float *source, int64_t sourceStride,
                     float *destination, int64_t destinationStride);

  void (*sparseTile)(int64_t samples, int64_t width, const float *x, float *tile);
  void (*sparseProduct)(int64_t samples, int64_t rows, const int64_t *starts,
                        const uint16_t *places, const float *values, const float *tile,
                        const float *bias, float *y);
  void (*lstmForward)(const CKernels_Recurrent *, const float *biasInput, const float *biasHidden,
                      const float *products, const float *initialCell, float *gates, float *cells,
                      float *state, float *output);
  void (*lstmBackward)(const CKernels_Recurrent *, const float *initialCell, const float *cells,
                       const float *outputGradient, const float *carry, float *carryCell,
                       float *gates, float *products);
  void (*gruForward)(const CKernels_Recurrent *, const float *biasInput, const float *biasHidden,
                     const float *products, float *gates, float *inner, float *state, float *output);
  void (*gruBackward)(const CKernels_Recurrent *, const float *before, const float *outputGradient,
                      const float *through, float *carry, float *gates, float *inner,
                      float *products);
  void (*gruGates)(const CKernels_Recurrent *, const float *biasInput, const float *biasHidden,
                   const float *products, const float *state, float *gates, float *inner,
                   float *reset);
  void (*gruState)(const CKernels_Recurrent *, const float *biasInput, const float *biasHidden,
                   const float *products, float *gates, float *state, float *output);
  void (*gruStateGradient)(const CKernels_Recurrent *, const float *before,
                           const float *outputGradient, const float *through, float *carry,
                           float *gates, float *products);
  void (*gruGateGradient)(const CKernels_Recurrent *, const float *before, const float *reset,
                          float *carry, float *gates, float *products);

  double (*ctc)(int64_t steps, int64_t classes, int64_t count, const int64_t *labels, int64_t blank,
                const float *logits, float factor, float *gradient, double *scratch);

  double (*sgdUpdate)(int64_t count, float *weight, const float *gradient, float *momentum,
                      CKernels_SGD);
  double (*adamUpdate)(int64_t count, float *weight, const float *gradient, float *m, float *v,
                       CKernels_Adam);
  void (*lambDirection)(int64_t count, const float *weight, const float *gradient, float *m, float *v,
                        CKernels_Adam, float *direction);
  void (*larsUpdate)(int64_t count, float *weight, const float *gradient, float *momentum,
                     CKernels_SGD);
  void (*subtractScaled)(int64_t count, float *weight, const float *direction, float factor);
  void (*averageUpdate)(int64_t count, float *average, const float *weight, float decay);

  void (*convertUInt8)(int64_t count, int64_t channels, const uint8_t *source, const float *scale,
                       const float *offset, float *output);
  void (*convertFloat)(int64_t count, int64_t channels, const float *source, const float *scale,
                       const float *offset, float *output);

  void (*permute)(const CKernels_Permutation *, uint64_t position, int64_t count, int64_t *values);

  void (*roundToBFloat16)(int64_t count, const float *source, uint16_t *output);
  void (*widenBFloat16)(int64_t count, const uint16_t *source, float *output);
  int64_t (*keepMagnitudes)(int64_t count, const float *values, uint32_t first, uint32_t last,
                            uint32_t *kept, int64_t room, int64_t *below);
  const CKernels_Products *float32;
  const CKernels_Products *bfloat16;
  const CKernels_Products *dots;  // the bits of `bfloat16` by dot products of the processor, or null
} CKernels_Table;

/// The builds, best first; `count` receives how many there are.
const CKernels_Table *const *CKernels_builds(int64_t *count);

/// The build that the calling thread alone uses, or null; set by tests that compare builds.
const CKernels_Table *CKernels_threadTable(void);
void CKernels_setThreadTable(const CKernels_Table *table);

/// Scratch of the calling thread, at least `count` floats from a cache line on; valid until its next call.
///
/// It grows to the most that was asked for and is freed when the thread ends. Ends the process where there is
/// no memory. No kernel uses it.
float *CKernels_threadScratch(int64_t count);

/// Threads that compute together: the leader, which calls kernels, and those it started.
typedef struct CKernels_Team CKernels_Team;

/// Starts a team of `threads` threads, the leader counted; its members flush denormals and hear no signals.
///
/// `leastWork` is what a thread should get at least, for whoever cuts the work.
/// With `spins` a member that has nothing to do stays awake for a tenth of a millisecond, which is for
/// threads that each have a core. Returns 0, or the error number where a thread cannot start.
int CKernels_startTeam(int64_t threads, int64_t leastWork, bool spins, CKernels_Team **team);
int64_t CKernels_teamThreads(const CKernels_Team *team);
int64_t CKernels_teamLeastWork(const CKernels_Team *team);
/// Ends and joins the members.
void CKernels_endTeam(CKernels_Team *team);

/// The team that the calling thread leads, or null; null too while it computes a part of a team's work.
CKernels_Team *CKernels_threadTeam(void);
void CKernels_setThreadTeam(CKernels_Team *team);

/// HDF5's Fletcher-32 over `bytes` (`H5_checksum_fletcher32`).
uint32_t CKernels_fletcher32(const uint8_t *bytes, size_t count);

/// Undoes HDF5's filter `shuffle`: byte k of number i lies at `k · numbers + i`. Neither memory overlaps.
void CKernels_unshuffle(const uint8_t *bytes, size_t count, size_t width, uint8_t *output);

/// Four 32-bit random words of Philox4x32-10 (Salmon et al. 2011).
void CKernels_philox(const uint32_t counter[4], const uint32_t key[2], uint32_t output[4]);

/// Makes denormal results and operands zero on the calling thread (FTZ and DAZ of MXCSR).
void CKernels_flushDenormals(void);

/// Asks for the cache lines of bytes that will soon be read.
static inline void CKernels_prefetch(const void *bytes, int64_t count) {
  const char *first = (const char *)bytes;
  for (int64_t i = 0; i < count; i += 64) __builtin_prefetch(first + i);
  if (count > 0) __builtin_prefetch(first + count - 1);
}

#endif
