import Configuration
import Foundation

/// Paths and texts that the tests of this room share.
enum Samples {
  /// The top of the repository.
  static let root = URL(filePath: #filePath).deletingLastPathComponent()
    .deletingLastPathComponent().deletingLastPathComponent()

  /// The folder of recorded messages.
  static let golden = URL(filePath: #filePath).deletingLastPathComponent()
    .appending(path: "Golden")

  /// A small valid configuration; `extra` is appended.
  static func small(_ extra: String = "") -> String {
    """
    name: small
    data: {file: small.h5}
    batch: {global: 8}
    modalities:
      table: {field: table, encoder: [{linear: 4}, relu]}
    heads:
      out: {layers: [{linear: {out: 3}}], loss: crossEntropy, target: label}
    optimizer: {adam: {learningRate: 1.0e-3}}
    train: {epochs: 2}
    \(extra)
    """
  }

  /// Every key and block that this version has.
  static let full = """
    name: everything
    seed: 18446744073709551615
    data:
      files: ["a b.h5", "parts/*.h5"]
      splits: {train: all, test: held-out}
      fields:
        image: {dataset: "/{split}/raw", kind: value, mean: [0.1, 0.2], std: 2}
        word: {dataset: /ids, kind: ids}
        label: {dataset: /class, kind: label, classes: 10}
        price: /price
        sound: /sound
      shuffle: full
      sampling: {balanced: {field: label, power: 0.5, samplesPerEpoch: 1000}}
      split: {fold: 1, folds: 5, seed: 9}
      prefetch: 2
    batch: {global: 64, micro: 8}
    modalities:
      image:
        field: image
        encoder:
          - conv: {out: 8, kernel: [3, 5], stride: 2, padding: [1, 2], dilation: 1, groups: 2}
          - batchNorm: {momentum: 0.2, epsilon: 1.0e-3, sync: 4}
          - leakyRelu
          - maxPool: {size: 3, stride: 2, padding: 1}
          - averagePool: 2
          - residual:
              layers: [{conv: {out: 8, kernel: 3, padding: 1, bias: false}}, batchNorm, gelu]
              shortcut: [{conv: {out: 8, kernel: 1}}]
          - concat: [[tanh], [sigmoid, {dropout: 0.25}]]
          - globalAveragePool
          - layerNorm: {epsilon: 1.0e-6}
      word:
        field: word
        encoder:
          - embedding: {vocabulary: 100, size: 6}
          - conv1d: {out: 4, kernel: 3, stride: 2, padding: 1}
          - leakyRelu: 0.2
          - flatten
          - linear: {out: 5, bias: false}
          - lstm: 7
          - lstm: {hidden: 6, layers: 2, bidirectional: true, dropout: 0.1}
          - lstm: {hidden: 4, carry: true}
          - gru: {hidden: 5, layers: 3, variant: original, bidirectional: false}
      picture:
        field: image
        encoder:
          - flip
          - randomCrop: 4
          - cutout: {size: 8}
          - toSequence: {by: row}
          - positional: sinusoidal
          - attention: {heads: 4, causal: true, dropout: 0.1, bias: false}
          - pool: attention
      sound:
        field: sound
        encoder:
          - noise: {snr: [5, 20]}
          - mfcc: {rate: 16000, bins: 26, frameMilliseconds: 20, shiftMilliseconds: 5, low: 60,
              high: 7600, scale: 1, coefficients: 12, lifter: 0}
          - deltas: {order: 1}
          - cmvn
          - specAugment: {frequencyMasks: 1, frequencyWidth: 5, timeMasks: 3, timeWidth: 10,
              timeFraction: 0.1}
          - positional: {kind: learned, length: 300}
          - transformer: {layers: 2, heads: 3, hidden: 64, causal: true, dropout: 0.2,
              activation: relu}
          - pool: {kind: last}
      speech: {field: sound, encoder: [{fbank: {rate: 8000}}, {tokenDropout: 0.1}, {pool: max}]}
      line:
        field: sound
        encoder:
          - g711: mu
          - g711: {law: A, direction: encode, scale: 1}
          - linearPrediction: {rate: 8000, output: decoded}
          - linearPrediction: {rate: 16000, order: 16, frameMilliseconds: 20, shiftMilliseconds: 5,
              scale: 1, output: reflections}
          - pool: mean
    fusion: {lowRank: {rank: 3, out: 12}}
    missing: {drop: {image: 0.25}, substitute: learned}
    heads:
      digit:
        from: word
        layers: [{linear: 10}]
        loss: {crossEntropy: {labelSmoothing: 0.1, classWeights: [1, 2, 0.5]}}
        target: label
        weight: 0.5
        weights: price
      price: {layers: [{linear: 1}], loss: {huber: {delta: 2}}, target: price}
      cheap: {layers: [{linear: 1}], loss: binaryCrossEntropy, target: label}
      text: {layers: [{linear: 4}], loss: {ctc: {blank: 3}}, target: word, weight: 0.1}
      read: {layers: [{linear: 4}], loss: ctc, target: word}
      square: {layers: [{linear: 1}], loss: meanSquaredError, target: price}
    initialize:
      from: start.safetensors
      include: ["modalities.*"]
      exclude: ["*.bias"]
      rename: {"modalities.image.": "encoder.", heads.digit.0.weight: "fc.weight"}
    optimizer:
      lars:
        learningRate: 0.5
        weightDecay: 1e-4
        weightDecayOn: ["*.weight"]
        momentum: 0.8
        trust: 0.002
        epsilon: 0
        groups:
          - {match: "heads.*", learningRate: 0.1, weightDecay: 0}
          - {match: "modalities.word.*", freeze: true}
    schedule: {oneCycle: {initial: 0.1, final: 0.01, peakAt: 0.4, warmupSteps: 3}}
    pruning:
      schedule: {iterative: {final: 0.9, fraction: 0.25, begin: 40, every: 30, rewind: {weights: {to: 4}}}}
      scope: {groups: {patterns: ["modalities.*", "*"]}}
      criterion: movement
      include: ["*.weight"]
      exclude: ["modalities.picture.*"]
      embeddings: true
      lastLayers: true
      keepAtLeast: 0.05
    train:
      steps: 100
      clipNorm: 1
      ema: 0.99
      nonFinite: {rerun: {then: {skip: {consecutive: 4, perThousand: 30}}}}
      lastBatch: drop
      precision: bfloat16
      recompute: {layers: {count: 2}}
    checkpoint: {everySteps: 10, keep: 5}
    evaluate:
      everySteps: 20
      metrics: [accuracy, rmse, confusion]
      subsets: [[image], [word]]
      earlyStop: {metric: digit.accuracy, patience: 3, minimumChange: 0.001}
      best: square.rmse
    exchange: {bucketMiB: 16, copies: rank, progress: layers}
    distributed: {watchdogSeconds: 30, checkEvery: 7}
    """

  /// The files of a folder with an extension, in order.
  static func files(in folder: URL, ending: String) throws -> [URL] {
    try FileManager.default.contentsOfDirectory(at: folder, includingPropertiesForKeys: nil)
      .filter { $0.pathExtension == ending }
      .sorted { $0.lastPathComponent < $1.lastPathComponent }
  }

  /// The message of a configuration that does not decode; nil where it does.
  static func message(_ yaml: String, _ overrides: [String] = []) -> String? {
    do {
      _ = try RunConfiguration.decode(yaml: yaml, name: "run.yaml", overrides: overrides)
      return nil
    } catch {
      return "\(error)"
    }
  }
}
