import Reports

/// What pruning to one sparsity came to.
public struct PruneTry: Sendable, Equatable {
  /// The sparsity that was asked for; nil for a run as it is.
  public var target: Double?
  /// Zeros over prunable weights.
  public var sparsity: Double
  /// Prunable weights that are zero.
  public var zeros: Int
  /// The metric without further training; nil where it was not measured or is undefined.
  public var metric: Double?
  /// The metric after fine-tuning; nil where there was none.
  public var tuned: Double?
  /// Bytes of the exported file, all tensors in one form, and each in its smallest.
  public var bytes: Bytes
  /// What inference takes.
  public var time: InferenceTime

  /// Sizes of an exported file, header included.
  public struct Bytes: Sendable, Equatable {
    /// With all zeros.
    public var dense = 0
    /// With a bit for each weight.
    public var bitmask = 0
    /// With columns of what is not zero.
    public var csr = 0
    /// Each tensor in whichever form takes least.
    public var smallest = 0
  }

  /// What stands in `pruning.json`.
  var json: JSONValue {
    .object([
      .init("sparsity", .number(sparsity)), .init("zeros", .integer(zeros)),
      .init("metric", metric.map { .number($0) } ?? .null),
      .init("fineTuned", tuned.map { .number($0) } ?? .null),
      .init(
        "bytes",
        .object([
          .init("dense", .integer(bytes.dense)), .init("bitmask", .integer(bytes.bitmask)),
          .init("csr", .integer(bytes.csr)), .init("smallest", .integer(bytes.smallest)),
        ])),
      .init("denseSeconds", .number(time.dense)),
      .init("sparseSeconds", time.sparse.map { .number($0) } ?? .null),
    ])
  }
}

/// What pruning a run came to.
public struct PruneOutcome: Sendable {
  /// One pruned tensor.
  public struct Tensor: Sendable, Equatable {
    /// Its name.
    public var name: String
    /// Its weights.
    public var weights: Int
    /// Those that are zero.
    public var zeros: Int
  }

  /// The run that was pruned, with the step of its checkpoint.
  public var source: String
  /// The step of the checkpoint that was pruned.
  public var step: Int
  /// The tensors of the result, in canonical order.
  public var tensors: [Tensor]
  /// The metric of the table; nil without a validation split.
  public var metric: String?
  /// Samples of the batch whose inference was timed.
  public var batch: Int
  /// The run as it was.
  public var before: PruneTry
  /// What was tried, in order.
  public var tries: [PruneTry]
  /// Which of them the new run is.
  public var chosen: Int

  /// What `pruning.json` of the new run folder says.
  public var json: JSONValue {
    .object([
      .init("source", .text(source)), .init("step", .integer(step)),
      .init("metric", metric.map { .text($0) } ?? .null), .init("batch", .integer(batch)),
      .init(
        "tensors",
        .array(
          tensors.map {
            .object([
              .init("name", .text($0.name)), .init("weights", .integer($0.weights)),
              .init("zeros", .integer($0.zeros)),
            ])
          })),
      .init("before", before.json), .init("tries", .array(tries.map(\.json))),
      .init("chosen", .integer(chosen)),
    ])
  }

  /// The picture of the new run folder: the tensors, and what sparsity costs and saves.
  public var picture: String {
    let shown = ([before] + tries).sorted { $0.sparsity < $1.sparsity }
    func line(
      _ name: String, _ colour: Int, _ value: (PruneTry) -> Double?
    ) -> PruningPicture.Line {
      .init(
        name: name, colour: colour,
        points: shown.compactMap { each in value(each).map { (each.sparsity, $0) } })
    }
    var panels: [PruningPicture.Panel] = []
    if let metric {
      panels.append(
        .init(
          title: "\(metric), validation",
          lines: [line("pruned", 1, \.metric), line("fine-tuned", 5, \.tuned)],
          format: HumanUnits.short))
    }
    panels += [
      .init(
        title: "bytes of the exported file",
        lines: [
          line("dense", 8) { Double($0.bytes.dense) },
          line("bitmask", 2) { Double($0.bytes.bitmask) },
          line("csr", 3) { Double($0.bytes.csr) },
          line("smallest", 5) { Double($0.bytes.smallest) },
        ], format: { HumanUnits.bytes(Int($0)) }),
      .init(
        title: "inference of \(HumanUnits.counted(batch, "sample"))",
        lines: [
          line("dense", 8) { $0.time.dense }, line("without zeros", 5) { $0.time.sparse },
        ], format: HumanUnits.seconds),
    ]
    return PruningPicture(
      title: "\(source), pruned to \(HumanUnits.percent(tries[chosen].sparsity, digits: 1)) zeros",
      bars: tensors.map { .init($0.name, Double($0.zeros) / Double($0.weights)) }, panels: panels
    ).svg()
  }
}
