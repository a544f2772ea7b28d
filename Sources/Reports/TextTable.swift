/// A table of plain text with aligned columns.
public struct TextTable: Sendable {
  /// On which side of its column a cell stands.
  public enum Alignment: Sendable {
    /// Texts.
    case left
    /// Numbers.
    case right
  }

  /// A column's heading and side.
  public struct Column: Sendable {
    /// The heading; may be empty.
    public let title: String
    /// The side on which cells and heading stand.
    public let alignment: Alignment

    /// A column; texts stand left unless said otherwise.
    public init(_ title: String, _ alignment: Alignment = .left) {
      self.title = title
      self.alignment = alignment
    }
  }

  /// The columns, left to right.
  public let columns: [Column]
  private var rows: [[String]] = []
  private var rules: Set<Int> = []

  /// A table without rows.
  public init(_ columns: [Column]) { self.columns = columns }

  /// Adds a row; missing cells are empty, line breaks become spaces.
  ///
  /// - Parameter cells: at most as many as there are columns.
  public mutating func add(_ cells: [String]) {
    precondition(cells.count <= columns.count, "a row has more cells than the table columns")
    let filled = cells + Array(repeating: "", count: columns.count - cells.count)
    rows.append(filled.map { String($0.map { $0.isNewline ? " " : $0 }) })
  }

  /// Draws a rule under the last row, for a line of totals.
  public mutating func addRule() { rules.insert(rows.count) }

  /// The table with two spaces between columns and no space at the end of a line.
  ///
  /// - Parameters:
  ///   - indent: spaces before each line.
  ///   - heading: whether headings and a rule stand above the rows.
  /// - Returns: the lines, each ending in a line break.
  public func text(indent: Int = 0, heading: Bool = true) -> String {
    let titles = columns.map(\.title)
    let shown = heading ? rows + [titles] : rows
    let widths = columns.indices.map { column in
      shown.map { TextTable.width($0[column]) }.max() ?? 0
    }
    let total = widths.reduce(0, +) + 2 * max(0, widths.count - 1)
    let margin = String(repeating: " ", count: indent)
    let rule = margin + String(repeating: "-", count: total) + "\n"
    var text = heading ? line(titles, widths, margin) + rule : ""
    for (index, row) in rows.enumerated() {
      text += line(row, widths, margin)
      if rules.contains(index + 1), index + 1 < rows.count { text += rule }
    }
    return text
  }

  private func line(_ cells: [String], _ widths: [Int], _ margin: String) -> String {
    var line = margin
    for (index, cell) in cells.enumerated() {
      let padding = String(repeating: " ", count: widths[index] - TextTable.width(cell))
      line += columns[index].alignment == .left ? cell + padding : padding + cell
      if index + 1 < cells.count { line += "  " }
    }
    while line.last == " " { line.removeLast() }
    return line + "\n"
  }

  /// The columns that a text takes at a terminal: East Asian wide characters and most pictures
  /// take two.
  static func width(_ text: String) -> Int {
    text.reduce(0) { sum, character in
      let value = character.unicodeScalars.first?.value ?? 0
      let isWide =
        (0x1100...0x115F).contains(value) || (0x2E80...0xA4CF).contains(value)
        || (0xAC00...0xD7A3).contains(value) || (0xF900...0xFAFF).contains(value)
        || (0xFE30...0xFE6F).contains(value) || (0xFF00...0xFF60).contains(value)
        || (0x1F300...0x1FAFF).contains(value)
      return sum + (isWide ? 2 : 1)
    }
  }
}
