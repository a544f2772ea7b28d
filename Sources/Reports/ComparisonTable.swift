/// Several runs side by side, the best value of each column marked.
public struct ComparisonTable: Sendable {
  /// A measured quantity.
  public struct Column: Sendable {
    /// What is measured.
    public let title: String
    /// Which end is better; nil marks none.
    public let higherIsBetter: Bool?
    /// How a value is written.
    public let format: @Sendable (Double) -> String

    /// A column.
    ///
    /// - Parameters:
    ///   - title: what is measured.
    ///   - higherIsBetter: which end is better; nil marks none.
    ///   - format: how a value is written.
    public init(
      _ title: String, higherIsBetter: Bool? = nil,
      format: @escaping @Sendable (Double) -> String = { HumanUnits.short($0) }
    ) {
      self.title = title
      self.higherIsBetter = higherIsBetter
      self.format = format
    }
  }

  /// The heading.
  public let title: String
  /// What the rows are, the heading of their names.
  public let rowTitle: String
  /// The quantities.
  public let columns: [Column]
  /// The runs in the order added.
  public private(set) var rows: [(name: String, values: [Double?])] = []

  /// A table without runs.
  ///
  /// - Parameters:
  ///   - title: the heading.
  ///   - rowTitle: the heading of the names.
  ///   - columns: the quantities.
  public init(title: String, rowTitle: String = "run", columns: [Column]) {
    self.title = title
    self.rowTitle = rowTitle
    self.columns = columns
  }

  /// Adds a run.
  ///
  /// - Parameters:
  ///   - name: the run.
  ///   - values: one per column; nil or what is not finite is shown as missing.
  public mutating func add(_ name: String, _ values: [Double?]) {
    precondition(values.count == columns.count, "a run needs one value per column")
    rows.append((name, values.map { $0.flatMap { $0.isFinite ? $0 : nil } }))
  }

  /// The table for a terminal; the best of each column has a star.
  ///
  /// - Parameter indent: spaces before each line.
  /// - Returns: the title and the lines, each ending in a line break.
  public func text(indent: Int = 0) -> String {
    var table = TextTable(
      [TextTable.Column(rowTitle)] + columns.map { TextTable.Column($0.title + "  ", .right) })
    for (index, row) in rows.enumerated() {
      table.add(
        [row.name] + columns.indices.map { cell(index, $0) + (isBest(index, $0) ? " *" : "  ") })
    }
    return String(repeating: " ", count: indent) + title + "\n" + table.text(indent: indent)
  }

  /// The value of a cell as text.
  func cell(_ row: Int, _ column: Int) -> String {
    rows[row].values[column].map { columns[column].format($0) } ?? "–"
  }

  /// Whether a value is the best of at least two different ones.
  func isBest(_ row: Int, _ column: Int) -> Bool {
    let values = rows.compactMap { $0.values[column] }
    guard let higher = columns[column].higherIsBetter, let value = rows[row].values[column],
      let most = values.max(), let least = values.min(), most > least
    else { return false }
    return value == (higher ? most : least)
  }
}
