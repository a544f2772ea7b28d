import Foundation
import Parameters

/// What a checkpoint says about itself: the content of `manifest.json`.
public struct CheckpointManifest: Sendable, Equatable, Codable {
  /// The version of the format that this program writes; newer ones are refused.
  public static let currentVersion = 3

  /// The version of the format: 2 and 1 had ``parametersDigest``, 1 knew no ``lengths``.
  public private(set) var version = currentVersion
  /// Counters and what evaluations have shown.
  public var state: TrainingState
  /// Samples of the current epoch already used: where the sampler goes on.
  public var position: Int
  /// A digest of the configuration keys that decide the run's numbers.
  public var configurationIdentity: String
  /// The resolved configuration, in YAML.
  public var configuration: String
  /// The digest of the data.
  public var datasetDigest: String
  /// Ranks that wrote it; any number may read it.
  public var worldSize: Int
  /// The SHA-256 of the program's file; nil in checkpoints that do not know it.
  public var program: String?
  /// The vector kernels in use, for example `v4`.
  public var kernels: String
  /// OpenBLAS's core type, for example `SkylakeX`.
  public var coreType: String
  /// Validation metrics known at this step.
  public var metrics: [String: Double]
  /// P: the length of every array that ``lengths`` does not name.
  public var parameterCount: Int
  /// The arrays that do not follow the canonical order of parameters, with their lengths; nil where all do.
  public var lengths: [String: Int]?
  /// The tensors of the canonical order; nil in checkpoints that do not tell them.
  public var tensors: [TensorPlace]?
  /// The digest of the parameters that earlier versions noted; ``Checkpoint/parametersDigest()`` reads it off the shards.
  public private(set) var parametersDigest: String?
  /// Every file of data.
  public var shards: [ShardRecord]

  /// A manifest from its parts, in the current version.
  ///
  /// - Parameters:
  ///   - state: counters and what evaluations have shown.
  ///   - parameterCount: P.
  ///   - shards: what every rank's `writeShard` returned.
  public init(
    state: TrainingState, parameterCount: Int, shards: [ShardRecord]
  ) {
    self.state = state
    self.parameterCount = parameterCount
    self.shards = shards
    position = 0
    configurationIdentity = ""
    configuration = ""
    datasetDigest = ""
    worldSize = 1
    kernels = ""
    coreType = ""
    metrics = [:]
  }

  /// The optimizer step after which it was taken.
  public var step: Int { state.step }

  /// The names of the arrays it holds, sorted.
  public var arrayNames: [String] {
    Set(shards.flatMap { $0.arrays.map(\.name) }).sorted()
  }

  /// The tensors of the network itself, without what only training reads.
  public var networkTensors: [TensorPlace]? {
    tensors?.filter { !$0.name.hasPrefix(ParameterSlot.hintPrefix) }
  }

  /// Scalars of the network itself, which come first in the canonical order.
  public var networkParameterCount: Int {
    networkTensors.map { $0.last?.range?.upperBound ?? 0 } ?? parameterCount
  }

  /// The scalars of the array `name`.
  public func length(of name: String) -> Int { lengths?[name] ?? parameterCount }

  /// The canonical JSON form: sorted keys, numbers that read back exactly.
  func encoded() throws -> Data {
    let encoder = JSONEncoder()
    encoder.outputFormatting = [.sortedKeys, .prettyPrinted, .withoutEscapingSlashes]
    encoder.nonConformingFloatEncodingStrategy = .convertToString(
      positiveInfinity: "inf", negativeInfinity: "-inf", nan: "nan")
    return try encoder.encode(self)
  }

  /// Reads a manifest; its version is looked at before anything else.
  ///
  /// - Parameters:
  ///   - bytes: the content of `manifest.json`.
  ///   - path: named in errors.
  /// - Returns: the manifest, its shards checked to tile every array.
  /// - Throws: `CheckpointError`: `newerVersion`, or `damaged`.
  static func decode(_ bytes: [UInt8], path: String) throws -> CheckpointManifest {
    struct Version: Decodable { let version: Int }
    let decoder = JSONDecoder()
    decoder.nonConformingFloatDecodingStrategy = .convertFromString(
      positiveInfinity: "inf", negativeInfinity: "-inf", nan: "nan")
    let data = Data(bytes)
    let manifest: CheckpointManifest
    do {
      let version = try decoder.decode(Version.self, from: data).version
      guard version >= 1 else {
        throw CheckpointError(.damaged, "\(path) has format version \(version), expected 1 or more")
      }
      guard version <= currentVersion else {
        throw CheckpointError(
          .newerVersion,
          "\(path) has format version \(version), this program reads up to \(currentVersion);"
            + " use the aimass that wrote it or a newer one")
      }
      manifest = try decoder.decode(CheckpointManifest.self, from: data)
    } catch let error as CheckpointError {
      throw error
    } catch {
      throw CheckpointError(.damaged, "\(path) is not a checkpoint's manifest: \(error)")
    }
    do {
      try manifest.checkCounts()
      try manifest.checkShards()
    } catch let error as CheckpointError {
      throw CheckpointError(error.code, "\(path): \(error.message)")
    }
    return manifest
  }
}

extension CheckpointManifest {
  /// Checks that no counter has a value that no run reaches.
  private func checkCounts() throws {
    let counts = [
      ("step", state.step), ("epoch", state.epoch), ("stepsTaken", state.stepsTaken),
      ("skippedSteps", state.skippedSteps), ("badEvaluations", state.badEvaluations),
      ("plateau.badEvaluations", state.plateau.badEvaluations), ("logBytes", state.logBytes),
      ("position", position), ("worldSize", worldSize), ("noise.count", state.noise?.count ?? 0),
    ]
    for (name, count) in counts where count < 0 {
      throw CheckpointError(.damaged, "\(name) is \(count), expected 0 or more")
    }
    guard state.seconds >= 0 else {
      throw CheckpointError(.damaged, "seconds is \(state.seconds), expected 0 or more")
    }
  }

  /// Checks that file names are ours and that the pieces of every array tile `0 ..< P`.
  func checkShards() throws {
    guard parameterCount >= 0, !shards.isEmpty else {
      throw CheckpointError(.damaged, "it has no shards")
    }
    if let tensors { try TensorPlace.check(tensors, count: parameterCount) }
    for (index, shard) in shards.enumerated() {
      let expected = ShardRecord.fileName(index: index, count: shards.count)
      guard shard.file == expected, shard.bytes >= 0 else {
        throw CheckpointError(.damaged, "expected the shard \(expected), found \(shard.file)")
      }
    }
    for name in arrayNames {
      let length = length(of: name)
      let pieces = shards.flatMap { $0.arrays.filter { $0.name == name } }
      var end = 0
      for piece in pieces.sorted(by: { ($0.start, $0.count) < ($1.start, $1.count) }) {
        guard piece.start == end, piece.count >= 0, piece.count <= length - end else {
          throw CheckpointError(
            .damaged,
            "the pieces of '\(name)' do not tile 0..<\(length): one begins at"
              + " \(piece.start) with \(piece.count) scalars, expected the start \(end)")
        }
        end += piece.count
      }
      guard end == length else {
        throw CheckpointError(
          .damaged, "the pieces of '\(name)' end at \(end), expected \(length)")
      }
    }
  }
}
