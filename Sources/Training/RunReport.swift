import Configuration
import Datasets
import Foundation
import Models
import Reports

/// Draws the report of a run from what its folder holds.
public struct RunReport {
  private let folder: RunFolder

  /// The report of the run in `folder`.
  public init(_ folder: RunFolder) { self.folder = folder }

  /// Writes `report.html`.
  ///
  /// - Parameters:
  ///   - model: layers and class names; nil compiles the run's model to find them.
  ///   - comparison: other runs beside this one.
  /// - Throws: ``TrainingError`` if the folder is no run or the file cannot be written.
  public func write(model: ModelFacts? = nil, comparison: ComparisonTable? = nil) throws {
    let facts = model ?? ModelFacts(ofRun: folder.path)
    var content = try content(layers: facts.layers, classes: facts.classes)
    content.isSynthetic = facts.isSynthetic
    content.provenance = facts.provenance
    if let comparison { content.comparisons = [comparison] }
    let text = HTMLReport(content).html()
    do {
      try folder.write(text, to: folder.report)
    } catch {
      throw TrainingError(.inputOutput, "\(folder.report) cannot be written: \(error)")
    }
  }

  /// Writes `report.html` at the end of a run.
  ///
  /// Where it cannot be written, the run is no less complete: the report can be made later from what is there.
  ///
  /// - Parameters:
  ///   - model: layers and class names.
  ///   - observer: told that there is none.
  func writeAtEnd(model: ModelFacts, telling observer: (any TrainingObserver)?) {
    do {
      try write(model: model)
    } catch {
      observer?.noted("\(error); `aimass report \(folder.path)` makes it later")
    }
  }

  /// Everything the report shows.
  ///
  /// - Parameters:
  ///   - layers: the compiled model's layers.
  ///   - classes: class names by head.
  /// - Returns: the content.
  /// - Throws: ``TrainingError`` if the folder holds no configuration.
  public func content(
    layers: [LayerSummary], classes: [String: [String]]
  ) throws -> ReportContent {
    guard let yaml = try? String(contentsOfFile: folder.configuration, encoding: .utf8) else {
      throw TrainingError(
        .missingInput, "\(folder.path) holds no run: \(folder.configuration) is missing")
    }
    let configuration = try ConfiguredRun.decode(yaml: yaml, name: folder.configuration)
    var content = ReportContent(title: configuration.name)
    content.configuration = yaml
    addLog(to: &content)
    addEvaluations(to: &content, classes: classes)
    if FileManager.default.fileExists(atPath: folder.summary) {
      add(try RunSummary.load(folder.summary), to: &content)
    } else {
      content.warnings.append("This run is not finished.")
    }
    content.layers = layers.map {
      LayerRow(
        name: $0.path, kind: $0.kind, shape: $0.outputShape, parameters: $0.parameterCount,
        operations: 2 * $0.multiplyAddsPerSample)
    }
    return content
  }

  private func addLog(to content: inout ReportContent) {
    guard let log = try? String(contentsOfFile: folder.metrics, encoding: .utf8) else { return }
    for line in log.split(separator: "\n") {
      guard let entry = try? JSONText.parse(String(line)), let step = entry["step"]?.double else {
        continue
      }
      if entry["pruning"] != nil { continue }
      if entry["split"] == nil {
        content.training.append(
          TrainingPoint(
            step: Int(step), loss: entry["loss"]?.double ?? .nan,
            learningRate: entry["learningRate"]?.double ?? .nan,
            samplesPerSecond: entry["samplesPerSecond"]?.double ?? .nan))
      } else if case .object(let members) = entry {
        let names = members.filter { !["step", "epoch", "split", "subsets"].contains($0.name) }
        content.evaluations.append(
          EvaluationPoint(
            step: Int(step),
            values: names.compactMap { member in
              member.value.double.map { (member.name, $0) }
            }))
      }
    }
  }

  /// The verdict and confusion matrices of the evaluated splits, the test split first.
  private func addEvaluations(to content: inout ReportContent, classes: [String: [String]]) {
    for split in ["test", "validation"] {
      guard let text = try? String(contentsOfFile: folder.evaluation(of: split), encoding: .utf8),
        let entry = try? JSONText.parse(text)
      else { continue }
      var heads: [(String, JSONValue)] = []
      if case .object(let members)? = entry["heads"] {
        heads = members.map { ($0.name, $0.value) }
      } else {
        heads = [(classes.keys.first ?? "", entry)]
      }
      for (name, values) in heads {
        addMetrics(values, of: name, split: split, isOnly: heads.count == 1, to: &content)
        guard let counts = Self.matrix(values["confusion"]) else { continue }
        content.confusions.append(
          ConfusionContent(
            title: heads.count == 1 ? split : "\(name), \(split)", classes: classes[name] ?? [],
            counts: counts))
      }
    }
  }

  private func addMetrics(
    _ values: JSONValue, of head: String, split: String, isOnly: Bool,
    to content: inout ReportContent
  ) {
    guard case .object(let members) = values else { return }
    for member in members
    where !["split", "samples", "confusion", "heads", "subsets"].contains(member.name) {
      guard let value = member.value.double else { continue }
      let label = isOnly ? member.name : "\(head) \(member.name)"
      content.verdict.append(
        ReportFigure(label, HumanUnits.short(value), note: "\(split) split"))
    }
  }

  private static func matrix(_ value: JSONValue?) -> [[Int]]? {
    guard case .array(let rows)? = value else { return nil }
    return rows.map { row in
      guard case .array(let cells) = row else { return [] }
      return cells.map { Int($0.double ?? 0) }
    }
  }

  private func add(_ summary: RunSummary, to content: inout ReportContent) {
    content.subtitle =
      "\(HumanUnits.count(summary.steps)) steps in \(HumanUnits.seconds(summary.wallSeconds)) on "
      + HumanUnits.counted(summary.ranks, "rank")
    content.verdict.append(
      ReportFigure("throughput", HumanUnits.rate(summary.samplesPerSecond), note: "samples/s"))
    content.times = Phase.allCases.compactMap { phase in
      summary.phases[phase.name].map { TimeShare(phase.name, seconds: $0) }
    }
    if let timing = summary.timing {
      content.rankTimes = ReportTable(
        headings: TimingReport.headings, rows: timing.rows, notes: timing.findings)
    }
    if let pruning = summary.pruning {
      content.pruning = ReportTable(
        headings: ["tensor", "weights", "zeros", "sparsity"],
        rows: pruning.tensors.map {
          [
            $0.name, HumanUnits.count($0.weights), HumanUnits.count($0.zeros),
            HumanUnits.short(Double($0.zeros) / Double($0.weights)),
          ]
        },
        notes: [
          "\(HumanUnits.count(pruning.zeros)) of \(HumanUnits.count(pruning.weights)) prunable weights are 0 "
            + "(\(HumanUnits.short(pruning.sparsity))), chosen last after step \(pruning.step)."
        ])
    }
    if summary.stoppedEarly { content.warnings.append("Early stopping ended this run.") }
    if summary.skippedSteps > 0 {
      content.warnings.append("\(summary.skippedSteps) steps were skipped: NaN or infinity.")
    }
    content.environment = [
      ReportFact("ranks", "\(summary.ranks)"),
      ReportFact("hosts", summary.hosts.joined(separator: ", ")),
      ReportFact("kernels", summary.kernels), ReportFact("OpenBLAS core type", summary.coreType),
      ReportFact("aimass", summary.version),
      ReportFact("parameters digest", summary.parametersDigest),
    ]
  }
}

/// What a report shows of model and data beside the run folder's own files.
public struct ModelFacts: Sendable {
  /// The compiled layers.
  public var layers: [LayerSummary] = []
  /// Class names by head, where the data has them.
  public var classes: [String: [String]] = [:]
  /// Whether the samples are drawn rather than measured.
  public var isSynthetic = false
  /// Where the data came from.
  public var provenance: [ReportFact] = []

  /// The facts of a compiled model and its data.
  init(_ model: Model, _ dataset: Dataset, _ split: Split) {
    layers = model.layers
    for head in model.heads { classes[head.name] = split.classNames(head.target) }
    addProvenance(dataset, split)
  }

  /// The facts of a counted run, which has no layers.
  init(_ dataset: Dataset, _ split: Split) { addProvenance(dataset, split) }

  private mutating func addProvenance(_ dataset: Dataset, _ split: Split) {
    isSynthetic = dataset.isSynthetic
    provenance = [
      ReportFact("files", dataset.name),
      ReportFact("data digest", dataset.digest),
      ReportFact("samples", "\(split.count) in the \(split.role.rawValue) split"),
    ]
  }

  /// Nothing known.
  private init() {}

  /// The facts of a run, as far as its data can still be opened.
  init(ofRun path: String) {
    self.init()
    for role in [SplitRole.train, .validation, .test] {
      let request = TrainedModel.Request(run: path, split: role, choice: .last)
      switch try? LoadedRun(request) {
      case .network(let run)?: self = ModelFacts(run.model, run.dataset, run.split)
      case .counted(let run)?:
        self = ModelFacts(run.setUp.dataset, run.split)
      case nil: continue
      }
      return
    }
  }
}
