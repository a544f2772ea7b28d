/// Every key a run configuration may hold, by section, and every block it may name.
///
/// The decoder reads only keys that are declared here, and the documentation must name each.
public enum Vocabulary {
  /// All sections of a run configuration, in the order of the documentation.
  public static let run: [KeySection] =
    [
      top, data, splits, field, split, batch, modality, mixup, missing, head, train, checkpoint,
      evaluate,
      earlyStop, initialize, exchange, distributed, group, pruning,
      regrow, constraint, constraintQuantile, distillation, hint,
    ] + pruningScopes + pruningPatterns + pruningSchedules + rewinds + samplings + policies
    + recomputations + wires
    + layers + losses
    + optimizers + schedules + fusions
    + couplings
    + [temperature] + decoders

  static let top = KeySection(
    "top",
    [
      "name", "seed", "data", "batch", "modalities", "mixup", "fusion", "missing", "coupling",
      "heads", "initialize", "optimizer", "schedule", "pruning", "constraint", "distillation",
      "train",
      "checkpoint", "evaluate", "exchange", "distributed",
    ], refused: ["precision": "`precision` is a key of train: write train.precision"])
  static let data = KeySection(
    "data", ["file", "files", "splits", "fields", "split", "shuffle", "sampling", "prefetch"])
  static let splits = KeySection("splits", ["train", "validation", "test"])
  static let field = KeySection("field", ["dataset", "kind", "mean", "std", "classes"])
  static let split = KeySection("split", ["validation", "test", "fold", "folds", "seed"])
  static let batch = KeySection("batch", ["global", "micro"])
  static let modality = KeySection("modality", ["field", "encoder"])
  static let mixup = KeySection("mixup", ["alpha"])
  static let head = KeySection("head", ["from", "layers", "loss", "target", "weight", "weights"])
  static let train = KeySection(
    "train",
    [
      "epochs", "steps", "clipNorm", "ema", "nonFinite", "lastBatch", "precision", "recompute",
    ])
  static let checkpoint = KeySection(
    "checkpoint", ["everySteps", "everySeconds", "overhead", "keep", "keepEvery"])
  static let evaluate = KeySection(
    "evaluate", ["everyEpochs", "everySteps", "metrics", "subsets", "earlyStop", "best", "decoder"])
  static let earlyStop = KeySection("earlyStop", ["metric", "patience", "minimumChange"])
  static let initialize = KeySection("initialize", ["from", "include", "exclude", "rename"])
  static let exchange = KeySection(
    "exchange", ["bucketMiB", "copies", "progress", "wire"])
  static let distributed = KeySection(
    "distributed", ["watchdogSeconds", "checkEvery"])
  static let constraint = KeySection(
    "constraint", ["match", "box", "quantile", "samples", "maxNorm", "l1", "group", "topK"])
  static let constraintQuantile = KeySection("quantile", ["of", "at"])
  static let constraintSamples = KeySection("samples", ["of", "at", "count"])
  static let distillation = KeySection(
    "distillation", ["teachers", "combine", "temperature", "alpha", "heads", "hints", "cache"])
  static let hint = KeySection("hint", ["layer", "weight", "teacher"])
  static let group = KeySection("group", ["match", "learningRate", "weightDecay", "freeze"])

  static let decoders = [greedy, beam]
  static let greedy = KeySection("decoder greedy", [])
  static let beam = KeySection("decoder beam", ["width", "lengthBonus"])

  // MARK: Sampling

  static let samplings = [balanced, weighted, negatives]
  static let balanced = KeySection("sampling balanced", ["field", "power", "samplesPerEpoch"])
  static let weighted = KeySection("sampling weighted", ["field", "samplesPerEpoch"])
  static let negatives = KeySection("sampling negatives", ["user", "item", "keep"])

  // MARK: Policies

  static let policies = [abort, skip, rollback, rerun]
  static let abort = KeySection("policy abort", [])
  static let skip = KeySection("policy skip", ["consecutive", "perThousand"])
  static let rollback = KeySection("policy rollback", ["times"])
  static let rerun = KeySection("policy rerun", ["then"])

  // MARK: What is computed again

  static let recomputations = [recomputedNothing, recomputedBlocks, recomputedLayers]
  static let recomputedNothing = KeySection("recompute none", [])
  static let recomputedBlocks = KeySection("recompute blocks", ["count"])
  static let recomputedLayers = KeySection("recompute layers", ["count"])

  // MARK: Wire forms

  static let wires = [float32, bfloat16, topK]
  static let float32 = KeySection("wire float32", [])
  static let bfloat16 = KeySection("wire bfloat16", [])
  static let topK = KeySection("wire topK", ["density", "momentum", "warmupSteps"])

  // MARK: Layers

  static let layers: [KeySection] =
    [
      linear, dot, conv, conv1d, batchNorm, layerNorm, relu, leakyRelu, gelu, tanh, sigmoid,
      dropout,
      maxPool, averagePool, globalAveragePool, flatten, residual, concat, embedding, gru,
      lstm,
    ] + stepwise + frontEnds
  static let linear = KeySection("layer linear", ["out", "bias"])
  static let dot = KeySection("layer dot", ["biases", "offset"])
  static let conv = KeySection(
    "layer conv", ["out", "kernel", "stride", "padding", "dilation", "groups", "bias"])
  static let conv1d = KeySection("layer conv1d", conv.keys)
  static let batchNorm = KeySection("layer batchNorm", ["momentum", "epsilon", "sync"])
  static let layerNorm = KeySection("layer layerNorm", ["epsilon"])
  static let relu = KeySection("layer relu", [])
  static let leakyRelu = KeySection("layer leakyRelu", ["slope"])
  static let gelu = KeySection("layer gelu", [])
  static let tanh = KeySection("layer tanh", [])
  static let sigmoid = KeySection("layer sigmoid", [])
  static let dropout = KeySection("layer dropout", ["rate"])
  static let maxPool = KeySection("layer maxPool", ["size", "stride", "padding"])
  static let averagePool = KeySection("layer averagePool", ["size", "stride", "padding"])
  static let globalAveragePool = KeySection("layer globalAveragePool", [])
  static let flatten = KeySection("layer flatten", [])
  static let residual = KeySection("layer residual", ["layers", "shortcut"])
  static let concat = KeySection("layer concat", ["branches"])
  static let embedding = KeySection(
    "layer embedding", ["vocabulary", "size", "deviation", "rows", "shard"])

  static let gru = KeySection(
    "layer gru", ["hidden", "layers", "bidirectional", "variant", "dropout", "carry"])
  static let lstm = KeySection(
    "layer lstm", ["hidden", "layers", "bidirectional", "dropout", "carry"])

  // MARK: Fusion, losses, optimizers, schedules

  static let couplings = [infoNCE, coral]
  static let infoNCE = KeySection(
    "coupling infoNCE",
    ["between", "projections", "temperature", "weight", "maskSame", "popularity"])
  static let coral = KeySection("coupling coral", ["between", "projections", "weight"])
  static let temperature = KeySection("temperature", ["initial", "maximumScale"])

  static let losses = [crossEntropy, binaryCrossEntropy, meanSquaredError, huber, ctc, bpr]
  static let crossEntropy = KeySection(
    "loss crossEntropy", ["labelSmoothing", "classWeights"])
  static let binaryCrossEntropy = KeySection("loss binaryCrossEntropy", [])
  static let meanSquaredError = KeySection("loss meanSquaredError", [])
  static let huber = KeySection("loss huber", ["delta"])

  static let ctc = KeySection("loss ctc", ["blank"])
  static let bpr = KeySection("loss bpr", [])

  static let optimizers = [sgd, adam, adamW, lamb, lars]
  private static let rates = ["learningRate", "weightDecay", "weightDecayOn", "groups"]
  static let sgd = KeySection("optimizer sgd", rates + ["momentum", "nesterov"])
  static let adam = KeySection("optimizer adam", rates + ["beta1", "beta2", "epsilon"])
  static let adamW = KeySection("optimizer adamW", adam.keys)
  static let lamb = KeySection("optimizer lamb", adam.keys)
  static let lars = KeySection("optimizer lars", rates + ["momentum", "trust", "epsilon"])

  static let schedules = [constant, step, cosine, polynomial, oneCycle, plateau]
  static let constant = KeySection("schedule constant", ["warmupSteps"])
  static let step = KeySection("schedule step", ["milestones", "gamma", "warmupSteps"])
  static let cosine = KeySection("schedule cosine", ["final", "warmupSteps"])
  static let polynomial = KeySection("schedule polynomial", ["final", "power", "warmupSteps"])
  static let oneCycle = KeySection(
    "schedule oneCycle", ["initial", "final", "peakAt", "warmupSteps"])
  static let plateau = KeySection(
    "schedule plateau", ["metric", "factor", "patience", "minimum", "warmupSteps"])
}
