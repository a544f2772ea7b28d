/// Everything that a report shows; parts that are empty are left out.
public struct ReportContent: Sendable {
  /// The run's name.
  public var title: String
  /// One line under the name, for example what was trained on what.
  public var subtitle = ""
  /// Whether the data were made by a program; shown as a banner.
  public var isSynthetic = false
  /// Sentences that a reader must not miss, such as an early end.
  public var warnings: [String] = []
  /// The numbers of the verdict, the most important first.
  public var verdict: [ReportFigure] = []
  /// The logged steps, in order.
  public var training: [TrainingPoint] = []
  /// The evaluations, in order.
  public var evaluations: [EvaluationPoint] = []
  /// One confusion matrix per head that has one.
  public var confusions: [ConfusionContent] = []
  /// Where the time went, in the order to show.
  public var times: [TimeShare] = []
  /// The time by rank, and who kept the others waiting.
  public var rankTimes: ReportTable?
  /// What was pruned, tensor by tensor.
  public var pruning: ReportTable?
  /// The layers of the model, in order.
  public var layers: [LayerRow] = []
  /// Runs side by side.
  public var comparisons: [ComparisonTable] = []
  /// Where the data came from.
  public var provenance: [ReportFact] = []
  /// Ranks, hosts, kernels, versions.
  public var environment: [ReportFact] = []
  /// The resolved configuration as text.
  public var configuration = ""
  /// The last line, for example program and date.
  public var footer = ""

  /// A report without content.
  ///
  /// - Parameter title: the run's name.
  public init(title: String) { self.title = title }
}

/// One number of the verdict.
public struct ReportFigure: Sendable {
  /// What it is.
  public let label: String
  /// The number as text, with its unit.
  public let value: String
  /// What puts it in relation; may be empty.
  public let note: String

  /// A number from its parts.
  public init(_ label: String, _ value: String, note: String = "") {
    self.label = label
    self.value = value
    self.note = note
  }
}

/// A name and its value.
public struct ReportFact: Sendable {
  /// What it is.
  public let name: String
  /// Its value as text.
  public let value: String

  /// A fact from its parts.
  public init(_ name: String, _ value: String) {
    self.name = name
    self.value = value
  }
}

/// One logged step; what is NaN is left out of its curve.
public struct TrainingPoint: Sendable {
  /// Optimizer steps done.
  public let step: Int
  /// The training loss.
  public let loss: Double
  /// The learning rate.
  public let learningRate: Double
  /// Throughput over all ranks.
  public let samplesPerSecond: Double

  /// A logged step from its numbers.
  public init(step: Int, loss: Double, learningRate: Double, samplesPerSecond: Double) {
    self.step = step
    self.loss = loss
    self.learningRate = learningRate
    self.samplesPerSecond = samplesPerSecond
  }
}

/// One evaluation of the validation split.
public struct EvaluationPoint: Sendable {
  /// Optimizer steps done before it.
  public let step: Int
  /// The metrics by name, `loss` among them.
  public let values: [(name: String, value: Double)]

  /// An evaluation from its numbers.
  public init(step: Int, values: [(name: String, value: Double)]) {
    self.step = step
    self.values = values
  }
}

/// A confusion matrix with the names of its classes.
public struct ConfusionContent: Sendable {
  /// The heading, for example the head and the split.
  public let title: String
  /// The names of the Y classes; numbers stand in for names that are missing.
  public let classes: [String]
  /// Samples by truth (row) and prediction (column), `[Y][Y]`.
  public let counts: [[Int]]

  /// A matrix from its parts.
  public init(title: String, classes: [String], counts: [[Int]]) {
    self.title = title
    self.classes = counts.indices.map { $0 < classes.count ? classes[$0] : "\($0)" }
    self.counts = counts
  }
}

/// The time that one part of the work took.
public struct TimeShare: Sendable {
  /// The part: input, forward, backward, exchange, update, evaluation, checkpoint, other.
  public let name: String
  /// The time on the run's clock.
  public let seconds: Double

  /// A share from its parts.
  public init(_ name: String, seconds: Double) {
    self.name = name
    self.seconds = seconds
  }
}

/// A table of texts with sentences under it.
public struct ReportTable: Sendable {
  /// The headings; the first column names the row.
  public let headings: [String]
  /// The rows, as many cells as headings.
  public let rows: [[String]]
  /// Sentences under the table.
  public let notes: [String]

  /// A table from its parts.
  public init(headings: [String], rows: [[String]], notes: [String]) {
    self.headings = headings
    self.rows = rows
    self.notes = notes
  }
}

/// One layer of the model.
public struct LayerRow: Sendable {
  /// Its name, also the prefix of its parameters.
  public let name: String
  /// What it is, for example `conv 5x5`.
  public let kind: String
  /// The shape of its output for one sample.
  public let shape: [Int]
  /// Its trainable parameters.
  public let parameters: Int
  /// Floating-point operations of the forward pass for one sample.
  public let operations: Int

  /// A layer from its parts.
  public init(name: String, kind: String, shape: [Int], parameters: Int, operations: Int) {
    self.name = name
    self.kind = kind
    self.shape = shape
    self.parameters = parameters
    self.operations = operations
  }
}
