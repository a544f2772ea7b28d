import ArgumentParser
import Foundation
import Reports
import Training

/// `aimass report`.
struct Report: ParsableCommand {
  static let configuration = CommandConfiguration(
    abstract: "Draw a run's report again, or compare runs by their evaluations.",
    discussion: """
      With several runs a table of their measured metrics is printed and written into the first \
      run's report.
      """)

  @Argument(help: "Run folders.", completion: .directory)
  var runs: [String]

  func run() throws {
    guard let first = runs.first else { throw ValidationError("Name at least one run folder.") }
    let comparison = runs.count > 1 ? try RunComparison.table(runs) : nil
    let folder = RunFolder(first)
    try RunReport(folder).write(comparison: comparison)
    if let comparison { print(comparison.text(indent: 2)) }
    print("report: \(folder.report)")
  }
}
