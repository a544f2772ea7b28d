import Checkpoints
import Foundation
import Reports

/// What a rank's part of a stage of saving came to, for all ranks.
struct SavingReport: Codable, Sendable {
  /// The shard it wrote, if the stage is that.
  var record: ShardRecord?
  /// Something to tell though the stage succeeded.
  var note: String?
  /// Why it failed.
  var code: CheckpointError.Code?
  /// The sentence about it.
  var message: String?

  /// Nothing to tell.
  init() {}

  /// What `body` returns, or its error as a report.
  static func of(_ body: () throws -> SavingReport) -> SavingReport {
    do {
      return try body()
    } catch {
      var report = SavingReport()
      let known = error as? CheckpointError
      let isFull = (error as? ReportError)?.isFull == true
      report.code = known?.code ?? (isFull ? .noSpace : .inputOutput)
      report.message = known?.message ?? "\(error)"
      return report
    }
  }

  /// The report as JSON.
  func encoded() -> [UInt8] { Array((try? JSONEncoder().encode(self)) ?? Data()) }

  /// A report that another rank sent.
  init(decoding bytes: [UInt8]) {
    let sent = try? JSONDecoder().decode(SavingReport.self, from: Data(bytes))
    self = sent ?? .of { throw CheckpointError(.inputOutput, "its report cannot be read") }
  }
}

/// Why a checkpoint was given up, equal on all ranks.
struct SavingFailure: Sendable {
  /// The step of the checkpoint that does not exist.
  let step: Int
  /// The kind of failure: that of the first rank that is not just out of space.
  let code: CheckpointError.Code
  /// All failed ranks with their reasons.
  let message: String

  /// The failure of those reports that tell one, in rank order; nil if none does.
  init?(_ reports: [SavingReport], step: Int) {
    let failed = reports.enumerated().compactMap { rank, report in
      report.code.map { (rank: rank, code: $0, message: report.message ?? "") }
    }
    guard let first = failed.first else { return nil }
    self.step = step
    code = failed.first { $0.code != .noSpace }?.code ?? first.code
    let reasons = failed.map { "rank \($0.rank): \($0.message)" }.joined(separator: "; ")
    message = "the checkpoint of step \(step) was not written: \(reasons)"
  }

  /// Whether training can go on and try again: nothing is wrong but that the disk is full.
  var isPassing: Bool { code == .noSpace }

  /// The failure as an error.
  var error: CheckpointError { CheckpointError(code, message) }
}
