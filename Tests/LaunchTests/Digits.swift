import Foundation
import TestSupport

/// A small run for the tests of whole jobs.
enum Digits {
  private struct Failure: Error {
    let result: ProcessResult
  }

  /// A run of seconds, so that it is met before its end.
  static let configuration = """
    name: digits
    seed: 3
    data: {file: glyphs.h5}
    batch: {global: 128, micro: 16}
    modalities:
      table:
        field: table
        encoder: [{linear: {out: 512}}, batchNorm, relu, {linear: {out: 512}}, relu]
    heads:
      digit: {layers: [{linear: {out: 10}}], loss: crossEntropy, target: label}
    optimizer: {adam: {learningRate: 1.0e-3}}
    train: {steps: 600}
    checkpoint: {everySteps: 600}
    evaluate: {everyEpochs: 1000, metrics: [accuracy]}

    """

  private static let recipe = """
    name: glyphs
    sources:
      draws: {synthetic: glyphs, samples: 1280, seed: 1}
      others: {synthetic: glyphs, samples: 100, seed: 1, first: 1280}
    splits:
      train: {table: draws.table, label: draws.label}
      validation: {table: others.table, label: others.label}
    fields:
      table: {modality: table, numeric: [length, mass, ratio, tilt, count, age]}
      label: {modality: label, classes: ["0", "1", "2", "3", "4", "5", "6", "7", "8", "9"]}

    """

  /// Writes `digits.yaml` and its sample file.
  ///
  /// - Parameter folder: where.
  /// - Throws: `Failure` if the samples cannot be prepared, or what the file system says.
  static func lay(in folder: TemporaryFolder) throws {
    let recipe = try folder.write(Self.recipe, to: "recipe.yaml")
    let prepared = try runProcess(
      try Products.program("aimass"), ["prepare", recipe, "-o", folder.file("glyphs.h5")])
    guard prepared.status == 0 else { throw Failure(result: prepared) }
    try folder.write(Self.configuration, to: "digits.yaml")
  }

  /// The digest of a run that is complete.
  ///
  /// - Parameter folder: the run folder.
  /// - Returns: as its summary says, or nil where there is none.
  static func digest(_ folder: String) -> String? {
    let data = FileManager.default.contents(atPath: folder + "/summary.json") ?? Data()
    let object = (try? JSONSerialization.jsonObject(with: data)) as? [String: Any]
    return object?["parametersDigest"] as? String
  }
}
