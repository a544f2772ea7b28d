import Foundation
import Glibc
import MPI
import Metrics
import Reports
import Training

/// What rank 0 shows of a run: a progress line at a terminal, plain lines in a pipe.
final class Console: TrainingObserver {
  private let isRoot: Bool
  private let display: ProgressDisplay
  private let placement: PlacementReport?
  private var facts: RunFacts?

  init(_ world: Communicator, placement: PlacementReport? = nil) {
    self.placement = placement
    isRoot = world.rank == 0
    display = ProgressDisplay(
      style: TerminalFacts.style, columns: { TerminalFacts.columns },
      write: { StandardOutput.write($0) })
  }

  func started(_ facts: RunFacts) {
    self.facts = facts
    let hosts = HumanUnits.counted(facts.hosts.count, "node")
    display.note(
      "\(facts.name): \(HumanUnits.count(facts.parameters)) parameters, "
        + "\(HumanUnits.count(facts.trainingSamples)) training samples, \(HumanUnits.counted(facts.ranks, "rank")) on "
        + hosts)
    display.note(
      "batch \(facts.globalBatch) = \(facts.microbatchesPerStep) microbatches of "
        + "\(facts.microbatch); \(facts.totalSteps) steps, \(facts.stepsPerEpoch) per epoch; "
        + "kernels \(facts.kernels), OpenBLAS \(facts.coreType)")
    if let placement {
      display.note(placement.line)
      for warning in placement.warnings { display.note("warning: \(warning)") }
    }
    if facts.resumedFrom > 0 { display.note("resuming after step \(facts.resumedFrom)") }
  }

  func stepped(_ record: StepRecord, samplesPerSecond: Double) {
    guard let facts else { return }
    let (epochs, rest) = facts.totalSteps.quotientAndRemainder(dividingBy: facts.stepsPerEpoch)
    display.update(
      ProgressState(
        step: record.step + 1, steps: facts.totalSteps, epoch: record.epoch + 1,
        epochs: epochs + (rest > 0 ? 1 : 0), loss: record.loss,
        learningRate: record.learningRate, samplesPerSecond: samplesPerSecond), at: Self.now)
  }

  func evaluated(_ result: EvaluationResult, step: Int, epoch: Int, isBest: Bool) {
    let values = result.named.compactMap { metric in
      metric.value.map { "\(metric.name) \(HumanUnits.short($0))" }
    }
    let mark = isBest ? "  (best so far)" : ""
    display.note("step \(step): validation \(values.joined(separator: ", "))\(mark)")
  }

  func noted(_ sentence: String) { display.note(sentence) }

  /// Prints how the run ended.
  func finish(_ outcome: RunOutcome, output: String) {
    guard isRoot else { return }
    display.finish(at: Self.now)
    switch outcome {
    case .finished(let summary):
      display.note(
        "done: \(summary.steps) steps in \(HumanUnits.seconds(summary.wallSeconds)), "
          + "\(HumanUnits.count(Int(summary.samplesPerSecond))) samples/s")
      summary.timing?.text.split(separator: "\n").forEach { display.note(String($0)) }
      if let sentence = NoiseScale.sentence(summary.noiseScale, global: facts?.globalBatch ?? 0) {
        display.note(sentence)
      }
      display.note("parameters \(summary.parametersDigest)")
      display.note("report: \(output)/report.html")
    case .alreadyComplete:
      display.note("\(output): the run is complete; --fresh starts it again")
    case .interrupted(let step):
      display.note("saved after step \(step); run the same command again to go on")
    case .dryRun(let record):
      display.note(
        "dry run: all checks passed; one step gave loss \(HumanUnits.short(record.loss)); "
          + "nothing was kept")
    }
  }

  /// Prints what came of a network that was shrunk.
  func finish(_ report: ShrinkReport, output: String?) {
    guard isRoot else { return }
    display.finish(at: Self.now)
    report.text.split(separator: "\n").forEach { display.note(String($0)) }
    display.note(output.map { "run folder: \($0)" } ?? "nothing was written; give -o FOLDER")
  }

  /// A steady clock in seconds.
  private static var now: Double { MPIEnvironment.wallTime }
}

/// Whether a person watches, as seen by the process that owns the terminal.
///
/// `mpirun` stands between the ranks and the terminal, so the launcher hands the facts down.
enum TerminalFacts {
  private static let variable = "AIMASS_TERMINAL"

  /// How progress is shown.
  static var style: ProgressDisplay.Style {
    switch Variables[variable] {
    // Under a user's own mpirun ranks see a pseudo-terminal whoever reads the output.
    case nil:
      MPIEnvironment.isUnderLauncher ? .lines(everySeconds: 10) : Terminal.style(of: 1)
    case "lines": .lines(everySeconds: 10)
    case let text?: .redrawn(unicode: text.hasSuffix("unicode"))
    }
  }

  /// The width of the terminal.
  static var columns: Int {
    guard let text = Variables[variable] else { return Terminal.columns(of: 1) }
    return Int(text.prefix { $0.isNumber }) ?? 80
  }

  /// Tells ranks that are started from here.
  static func handDown() {
    switch Terminal.style(of: 1) {
    case .redrawn(let unicode):
      setenv(variable, "\(Terminal.columns(of: 1))\(unicode ? " unicode" : " ascii")", 1)
    case .lines, .silent: setenv(variable, "lines", 1)
    }
  }
}
