import Foundation
import TestSupport

/// Sample files and configurations that many tests use, made once and removed when the tests end.
///
/// The sizes are odd on purpose: 333 training samples in batches of 40 end with a step of 13, which is
/// three microbatches, the last one of 3 samples, so that most ranks have nothing to compute there.
enum Shelf {
  /// Samples of the training split of ``glyphs``.
  static let trainingSamples = 333
  /// Steps of one epoch with the last, smaller batch.
  static let stepsPerEpoch = 9
  /// Samples of the test split of ``glyphs``.
  static let testSamples = 101

  /// A configuration over synthetic pictures and tables, beside its sample file.
  static let glyphs: Result<String, any Error> = Result {
    try make("glyphs", recipe: glyphsRecipe, root: folder.get().path, glyphsConfiguration)
  }

  /// The same shape of run over real digits; only where the raw files are.
  static let mnist: Result<String, any Error> = Result {
    try make("mnist", recipe: mnistRecipe, root: DataFolder.path ?? "", mnistConfiguration)
  }

  /// ``glyphs`` with batch norm over groups of microbatches; the last step has three, so the last group
  /// of four is short.
  static func synchronised(_ group: Int) -> Result<String, any Error> {
    Result {
      _ = try glyphs.get()
      return try folder.get().write(
        glyphsConfiguration.replacingOccurrences(
          of: "batchNorm", with: "{batchNorm: {sync: \(group)}}"), to: "sync-\(group).yaml")
    }
  }

  /// ``glyphs`` with picture and table drawn together over the global batch.
  static let coupled: Result<String, any Error> = Result {
    _ = try glyphs.get()
    let coupling = """
      coupling:
        infoNCE:
          between: [image, table]
          projections: {image: [{linear: {out: 6}}], table: [{dropout: {rate: 0.2}}, {linear: {out: 6}}]}
          weight: 0.5
          maskSame: label
      heads:
      """
    return try folder.get().write(
      glyphsConfiguration.replacingOccurrences(of: "heads:", with: coupling),
      to: "coupled-glyphs.yaml")
  }

  /// Dense layers of several buckets of 1 MiB and an embedding, over the same data as ``glyphs``.
  static let wide: Result<String, any Error> = Result {
    _ = try glyphs.get()
    return try folder.get().write(wideConfiguration, to: "wide.yaml")
  }

  /// A residual network over real pictures; only where the raw files are.
  static let residual: Result<String, any Error> = Result {
    try make("residual", recipe: picturesRecipe, root: DataFolder.path ?? "", residualConfiguration)
  }

  /// The path of something on the shelf.
  static func file(_ name: String) throws -> String { try folder.get().file(name) }

  private static let folder: Result<TemporaryFolder, any Error> = Result {
    // A stored constant lives to the end of the process, which ends without releasing it.
    atexit { Shelf.remove() }
    return try TemporaryFolder()
  }

  private static func remove() {
    guard let folder = try? folder.get() else { return }
    try? FileManager.default.removeItem(atPath: folder.path)
  }

  private struct Failure: Error {
    let result: ProcessResult
  }

  private static func make(
    _ name: String, recipe: String, root: String, _ configuration: String
  ) throws -> String {
    let folder = try folder.get()
    let recipe = try folder.write(recipe, to: "\(name)-recipe.yaml")
    let result = try Aimass.run(
      ["prepare", recipe, "-o", folder.file("\(name).h5"), "--root", root])
    guard result.status == 0 else { throw Failure(result: result) }
    return try folder.write(configuration, to: "\(name).yaml")
  }

  static let glyphsRecipe = """
    name: glyphs
    sources:
      trainDraws: {synthetic: glyphs, samples: 333, seed: 1}
      validationDraws: {synthetic: glyphs, samples: 57, seed: 1, first: 333}
      testDraws: {synthetic: glyphs, samples: 101, seed: 1, first: 390}
    splits:
      train: {image: trainDraws.image, table: trainDraws.table, label: trainDraws.label}
      validation:
        image: validationDraws.image
        table: validationDraws.table
        label: validationDraws.label
      test: {image: testDraws.image, table: testDraws.table, label: testDraws.label}
    fields:
      image: {modality: image, shape: [20, 20, 1], normalize: true}
      table: {modality: table, numeric: [length, mass, ratio, tilt, count, age]}
      label: {modality: label, classes: ["0", "1", "2", "3", "4", "5", "6", "7", "8", "9"]}

    """

  private static let mnistRecipe = """
    name: mnist-small
    sources:
      trainImages: {idx: mnist/train-images-idx3-ubyte.gz}
      trainLabels: {idx: mnist/train-labels-idx1-ubyte.gz}
      testImages: {idx: mnist/t10k-images-idx3-ubyte.gz}
      testLabels: {idx: mnist/t10k-labels-idx1-ubyte.gz}
    splits:
      train: {image: trainImages, label: trainLabels, limit: 333}
      validation: {from: train, fraction: 0.1, seed: 1}
      test: {image: testImages, label: testLabels, limit: 101}
    fields:
      image: {modality: image, shape: [28, 28, 1], normalize: true}
      label: {modality: label, classes: ["0", "1", "2", "3", "4", "5", "6", "7", "8", "9"]}

    """

  /// Four blocks of parameters, so that on 8 ranks some own none.
  static let glyphsConfiguration = """
    name: glyphs
    seed: 7
    data: {file: glyphs.h5}
    batch: {global: 40, micro: 5}
    modalities:
      image:
        field: image
        encoder:
          - conv: {out: 4, kernel: 3, stride: 2}
          - batchNorm
          - relu
          - maxPool: {size: 2}
          - flatten
      table: {field: table, encoder: [{linear: {out: 8}}, batchNorm, relu]}
    heads:
      digit:
        layers: [{linear: {out: 160}}, relu, {dropout: {rate: 0.3}}, {linear: {out: 10}}]
        loss: crossEntropy
        target: label
    optimizer: {adam: {learningRate: 2.0e-3}}
    train: {epochs: 2}
    evaluate: {everyEpochs: 1, metrics: [accuracy, f1Macro, rocAUC, logLoss, confusion]}

    """

  private static let mnistConfiguration = """
    name: mnist
    seed: 7
    data: {file: mnist.h5}
    batch: {global: 40, micro: 5}
    modalities:
      image:
        field: image
        encoder:
          - conv: {out: 6, kernel: 5, stride: 2}
          - batchNorm
          - relu
          - maxPool: {size: 2}
          - flatten
    heads:
      digit:
        layers: [{linear: {out: 64}}, relu, {dropout: {rate: 0.3}}, {linear: {out: 10}}]
        loss: crossEntropy
        target: label
    optimizer: {adam: {learningRate: 2.0e-3}}
    train: {epochs: 2}
    evaluate: {everyEpochs: 1, metrics: [accuracy, f1Macro, rocAUC, logLoss, confusion]}

    """

  private static let wideConfiguration = """
    name: wide
    seed: 7
    data:
      file: glyphs.h5
      fields:
        image: /{split}/image
        word: {dataset: "/{split}/label", kind: ids}
        label: /{split}/label
    batch: {global: 80, micro: 10}
    modalities:
      image: {field: image, encoder: [flatten, {linear: {out: 700}}, relu, {linear: {out: 600}}, relu]}
      word: {field: word, encoder: [{embedding: {vocabulary: 5000, size: 24}}]}
    heads:
      digit: {layers: [{linear: {out: 10}}], loss: crossEntropy, target: label}
    optimizer: {adamW: {learningRate: 2.0e-3, weightDecay: 0.01}}
    train: {epochs: 1}

    """

  private static let picturesRecipe = """
    name: pictures
    sources:
      trainRecords: {cifar: cifar10-subset/cifar10-train-10000.bin.gz}
      testRecords: {cifar: cifar10-subset/cifar10-test-2000.bin.gz}
    splits:
      train: {image: trainRecords.image, label: trainRecords.label, limit: 100}
      test: {image: testRecords.image, label: testRecords.label, limit: 30}
    fields:
      image: {modality: image, shape: [32, 32, 3], normalize: true}
      label:
        modality: label
        classes: [airplane, automobile, bird, cat, deer, dog, frog, horse, ship, truck]

    """

  /// ResNet-20 as `configs/cifar-resnet20.yaml` has it, in small microbatches.
  private static var residualConfiguration: String {
    get throws {
      let path = Checkout.folder + "/configs/cifar-resnet20.yaml"
      return try String(contentsOfFile: path, encoding: .utf8)
        .replacingOccurrences(of: "cifar10.h5", with: "residual.h5")
        .replacingOccurrences(of: "{global: 128, micro: 16}", with: "{global: 32, micro: 4}")
        .replacingOccurrences(of: "{epochs: 20, lastBatch: drop}", with: "{epochs: 1}")
        .replacingOccurrences(of: "{cosine: {warmupSteps: 140}}", with: "constant")
        .replacingOccurrences(of: "\nevaluate: ", with: "\n# ")
    }
  }
}
