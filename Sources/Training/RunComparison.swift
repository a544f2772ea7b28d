import Foundation
import Metrics
import Reports

/// Several runs side by side, by what was measured of each.
public enum RunComparison {
  /// A table of runs: the metrics of the test split where it was evaluated, else of the validation
  /// split.
  ///
  /// - Parameter runs: run folders.
  /// - Returns: one row per run.
  /// - Throws: ``TrainingError`` for a run that was never evaluated.
  public static func table(_ runs: [String]) throws -> ComparisonTable {
    let measured = try runs.map { try (name: lastComponent($0), values: metrics(of: $0)) }
    var names: [String] = []
    for run in measured {
      for value in run.values where !names.contains(value.name) { names.append(value.name) }
    }
    var table = ComparisonTable(
      title: "Runs side by side",
      columns: names.map {
        .init(
          $0, higherIsBetter: EvaluationResult.higherIsBetter($0), format: { HumanUnits.short($0) })
      })
    for run in measured {
      table.add(
        run.name, names.map { name in run.values.first { $0.name == name }?.value })
    }
    return table
  }

  private static func metrics(of run: String) throws -> [(name: String, value: Double)] {
    let folder = RunFolder(run)
    for split in ["test", "validation"] {
      guard let text = try? String(contentsOfFile: folder.evaluation(of: split), encoding: .utf8),
        case .object(let members)? = try? JSONText.parse(text)
      else { continue }
      return members.compactMap { member in
        guard member.name != "samples", let value = member.value.double else { return nil }
        return (member.name, value)
      }
    }
    throw TrainingError(
      .missingInput, "\(run) was never evaluated; run aimass evaluate \(run) first")
  }

  private static func lastComponent(_ path: String) -> String {
    URL(fileURLWithPath: path).lastPathComponent
  }
}
