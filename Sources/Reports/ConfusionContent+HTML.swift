extension ConfusionContent {
  /// The largest number of classes whose counts are written out.
  private static let largestTable = 20
  /// The largest number of classes that are drawn at all.
  private static let largestPicture = 128

  /// The matrix shaded by rows, and the pairs most often confused.
  func html() -> String {
    let total = counts.reduce(0) { $0 + $1.reduce(0, +) }
    guard total > 0 else { return "" }
    let picture =
      counts.count <= ConfusionContent.largestTable
      ? table() : counts.count <= ConfusionContent.largestPicture ? grid() : ""
    return """
      <h3>\(HTMLText.escaped(title))</h3>
      <div class="confusion">
      \(picture)\(pairs(total))</div>

      """
  }

  /// The share of the true class `row` that was predicted as `column`.
  private func share(_ row: Int, _ column: Int) -> Double {
    let sum = counts[row].reduce(0, +)
    return sum == 0 ? 0 : Double(counts[row][column]) / Double(sum)
  }

  /// How dark a cell is: errors by the square root of their share, or rare ones would not show.
  private func shade(_ row: Int, _ column: Int) -> String {
    let share = self.share(row, column)
    return HumanUnits.fixed(row == column ? share : share.squareRoot(), digits: 3)
  }

  private func table() -> String {
    let heads = classes.map {
      "<th scope=\"col\"><span>\(HTMLText.escaped($0))</span></th>"
    }.joined()
    var rows = ""
    for row in counts.indices {
      rows += "<tr><th scope=\"row\">\(HTMLText.escaped(classes[row]))</th>"
      for column in counts[row].indices { rows += cell(row, column) }
      rows += "<td class=\"recall\">\(HumanUnits.percent(share(row, row), digits: 1))</td></tr>\n"
    }
    return """
      <div class="wide"><table class="heat">
      <caption>rows: truth, columns: prediction; blue by recall, orange by the square root of the share of the row</caption>
      <thead><tr><td></td>\(heads)<th scope="col">recall</th></tr></thead>
      <tbody>
      \(rows)</tbody>
      </table></div>

      """
  }

  private func cell(_ row: Int, _ column: Int) -> String {
    let count = counts[row][column]
    let kind = row == column ? "hit" : "miss"
    let shade = self.shade(row, column)
    let dark = (row == column ? share(row, column) : share(row, column).squareRoot()) > 0.55
    let title =
      "\(HumanUnits.percent(share(row, column))) of \(classes[row]) predicted as \(classes[column])"
    let text = count == 0 && row != column ? "<span class=\"zero\">·</span>" : "\(count)"
    return "<td class=\"\(kind)\(dark ? " dark" : "")\" style=\"--v:\(shade)\" "
      + "title=\"\(HTMLText.escaped(title))\">\(text)</td>"
  }

  /// The matrix as squares without numbers.
  private func grid() -> String {
    let size = counts.count
    var cells = ""
    for row in counts.indices {
      for column in counts[row].indices where counts[row][column] > 0 {
        let kind = row == column ? "hit" : "miss"
        cells +=
          "<rect class=\"\(kind)\" x=\"\(column)\" y=\"\(row)\" width=\"1\" height=\"1\" "
          + "fill-opacity=\"\(shade(row, column))\"><title>"
          + HTMLText.escaped(
            "\(classes[row]) as \(classes[column]): \(counts[row][column])") + "</title></rect>"
      }
    }
    return """
      <figure class="grid-heat"><figcaption>rows: truth, columns: prediction; blue by recall, orange by the square root of the share of the row</figcaption>
      <svg viewBox="0 0 \(size) \(size)" role="img" aria-label="Confusion matrix of \(size) classes">\(cells)</svg></figure>

      """
  }

  /// The pairs most often confused, at most ten, in a fixed order.
  private func pairs(_ total: Int) -> String {
    var pairs: [(row: Int, column: Int)] = []
    for row in counts.indices {
      for column in counts[row].indices where row != column && counts[row][column] > 0 {
        pairs.append((row, column))
      }
    }
    pairs.sort {
      let (left, right) = (counts[$0.row][$0.column], counts[$1.row][$1.column])
      return left != right ? left > right : ($0.row, $0.column) < ($1.row, $1.column)
    }
    guard !pairs.isEmpty else { return "<p class=\"note\">No sample was confused.</p>\n" }
    let rows = pairs.prefix(10).map { pair in
      "<tr><th scope=\"row\">\(HTMLText.escaped(classes[pair.row]))</th>"
        + "<td class=\"text\">\(HTMLText.escaped(classes[pair.column]))</td>"
        + "<td>\(HumanUnits.count(counts[pair.row][pair.column]))</td>"
        + "<td>\(HumanUnits.percent(share(pair.row, pair.column), digits: 1))</td></tr>\n"
    }
    return """
      <table class="plain pairs">
      <caption>most often confused</caption>
      <thead><tr><th scope="col">truth</th><th scope="col" class="text">taken for</th><th scope="col">samples</th><th scope="col">of the class</th></tr></thead>
      <tbody>
      \(rows.joined())</tbody>
      </table>

      """
  }
}
