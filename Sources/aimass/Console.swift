import Foundation
import Glibc
import MPI
import Metrics
import Reports
import Training

/// What rank 0 shows of a run: a progress line at a terminal, plain lines in a pipe.
final class Console: TrainingObserver {
  private let isRoot: Bool
  private var display: ProgressDisplay
  private var stepsPerEpoch = 1

  init(_ world: Communicator) {
    isRoot = world.rank == 0
    let terminal = TerminalFacts.current
    display = ProgressDisplay(
      total: 0, isTerminal: terminal.isTerminal, width: terminal.width,
      sink: { text in
        fputs(text, stdout)
        fflush(stdout)
      })
  }

  func started(_ facts: RunFacts) {
    stepsPerEpoch = facts.stepsPerEpoch
    let hosts = facts.hosts.count == 1 ? "1 node" : "\(facts.hosts.count) nodes"
    display.note(
      "\(facts.name): \(HumanUnits.count(facts.parameters)) parameters, "
        + "\(HumanUnits.count(facts.trainingSamples)) training samples, \(facts.ranks) ranks on "
        + hosts)
    display.note(
      "batch \(facts.globalBatch) = \(facts.microbatchesPerStep) microbatches of "
        + "\(facts.microbatch); \(facts.totalSteps) steps, \(facts.stepsPerEpoch) per epoch; "
        + "kernels \(facts.kernels), OpenBLAS \(facts.coreType)")
    if facts.resumedFrom > 0 { display.note("resuming after step \(facts.resumedFrom)") }
    display.begin(total: facts.totalSteps, at: facts.resumedFrom)
  }

  func stepped(_ record: StepRecord, samplesPerSecond: Double) {
    display.step(
      record.step + 1, epoch: record.epoch, loss: record.loss, learningRate: record.learningRate,
      samplesPerSecond: samplesPerSecond)
  }

  func evaluated(_ result: EvaluationResult, step: Int, epoch: Int, isBest: Bool) {
    let values = result.named.compactMap { metric in
      metric.value.map { "\(metric.name) \(Self.short($0))" }
    }
    let mark = isBest ? "  (best so far)" : ""
    display.note("step \(step): validation \(values.joined(separator: ", "))\(mark)")
  }

  func noted(_ sentence: String) { display.note(sentence) }

  /// Prints how the run ended.
  func finish(_ outcome: RunOutcome, output: String) {
    guard isRoot else { return }
    display.end()
    switch outcome {
    case .finished(let summary):
      display.note(
        "done: \(summary.steps) steps in \(HumanUnits.seconds(summary.wallSeconds)), "
          + "\(HumanUnits.count(Int(summary.samplesPerSecond))) samples/s")
      display.note("parameters \(summary.parametersDigest)")
      display.note("report: \(output)/report.html")
    case .alreadyComplete:
      display.note("\(output): the run is complete; --fresh starts it again")
    case .interrupted(let step):
      display.note("saved after step \(step); run the same command again to go on")
    case .dryRun(let record):
      display.note(
        "dry run: all checks passed; one step gave loss \(Self.short(record.loss)); "
          + "nothing was kept")
    }
  }

  /// Four significant digits.
  static func short(_ value: Double) -> String { String(format: "%.4g", value) }
}

/// Whether a person watches, as seen by the process that owns the terminal.
///
/// `mpirun` stands between the ranks and the terminal, so the launcher hands the facts down.
struct TerminalFacts {
  let isTerminal: Bool
  let width: Int

  static let variable = "AIMASS_TERMINAL_WIDTH"

  static var current: TerminalFacts {
    if let text = getenv(variable).map({ String(cString: $0) }), let width = Int(text) {
      return TerminalFacts(isTerminal: width > 0, width: max(width, 20))
    }
    var size = winsize()
    guard isatty(1) == 1, ioctl(1, UInt(TIOCGWINSZ), &size) == 0 else {
      return TerminalFacts(isTerminal: false, width: 80)
    }
    return TerminalFacts(isTerminal: true, width: size.ws_col > 0 ? Int(size.ws_col) : 80)
  }

  /// Tells ranks started from here.
  static func handDown() {
    let facts = current
    setenv(variable, facts.isTerminal ? "\(facts.width)" : "0", 1)
  }
}
