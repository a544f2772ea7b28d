extension HTMLReport {
  /// The parts of the run's time as a bar and a table.
  func timeShares() -> String {
    let times = content.times.filter { $0.seconds.isFinite && $0.seconds > 0 }
    let total = times.reduce(0) { $0 + $1.seconds }
    guard total > 0 else { return "" }
    var bar = ""
    var rows = ""
    for (index, time) in times.enumerated() {
      let share = time.seconds / total
      let colour = time.name == "other" ? "bx" : "b\(index % 8)"
      let name = HTMLText.escaped(time.name)
      let percent = HumanUnits.percent(share, digits: 1)
      bar +=
        "<i class=\"\(colour)\" style=\"flex-grow:\(HumanUnits.fixed(share * 1000, digits: 1))\" "
        + "title=\"\(name): \(percent)\"></i>"
      rows +=
        "<tr><th scope=\"row\"><i class=\"\(colour)\"></i>\(name)</th>"
        + "<td>\(HumanUnits.seconds(time.seconds))</td><td>\(percent)</td></tr>\n"
    }
    return """
      <div class="bar" role="img" aria-label="Shares of the time; the table below has the numbers">\(bar)</div>
      <table class="plain">
      <thead><tr><th scope="col">part</th><th scope="col">time</th><th scope="col">share</th></tr></thead>
      <tbody>
      \(rows)</tbody>
      <tfoot><tr><th scope="row">total</th><td>\(HumanUnits.seconds(total))</td><td></td></tr></tfoot>
      </table>

      """
  }

  /// The time by rank as a table, and what follows from it.
  func rankTimes() -> String {
    guard let table = content.rankTimes, !table.rows.isEmpty else { return "" }
    return "<h3>By rank</h3>\n" + Self.html(table)
  }

  /// What was pruned, tensor by tensor.
  func pruning() -> String { content.pruning.map(Self.html) ?? "" }

  /// A table whose first column names the rows, with its sentences.
  private static func html(_ table: ReportTable) -> String {
    let headings = table.headings.map { "<th scope=\"col\">\(HTMLText.escaped($0))</th>" }
    let rows = table.rows.map { row in
      let cells = row.enumerated().map { index, cell in
        let text = HTMLText.escaped(cell)
        return index == 0 ? "<th scope=\"row\">\(text)</th>" : "<td>\(text)</td>"
      }
      return "<tr>\(cells.joined())</tr>\n"
    }
    let notes = table.notes.map { "<p class=\"note\">\(HTMLText.escaped($0))</p>\n" }
    return """
      <div class="wide"><table class="plain">
      <thead><tr>\(headings.joined())</tr></thead>
      <tbody>
      \(rows.joined())</tbody>
      </table></div>
      \(notes.joined())
      """
  }

  /// The layers with shapes, parameters and operations.
  func model() -> String {
    guard !content.layers.isEmpty else { return "" }
    var rows = ""
    for layer in content.layers {
      let shape = layer.shape.map(String.init).joined(separator: " × ")
      rows +=
        "<tr><th scope=\"row\">\(HTMLText.escaped(layer.name))</th>"
        + "<td class=\"text\">\(HTMLText.escaped(layer.kind))</td><td>\(shape)</td>"
        + "<td>\(HumanUnits.count(layer.parameters))</td>"
        + "<td>\(operations(layer.operations))</td></tr>\n"
    }
    let parameters = content.layers.reduce(0) { $0 + $1.parameters }
    let operations = content.layers.reduce(0) { $0 + $1.operations }
    return """
      <div class="wide"><table class="plain">
      <thead><tr><th scope="col">layer</th><th scope="col" class="text">kind</th><th scope="col">output</th><th scope="col">parameters</th><th scope="col">FLOP per sample</th></tr></thead>
      <tbody>
      \(rows)</tbody>
      <tfoot><tr><th scope="row">total</th><td></td><td></td><td>\(HumanUnits.count(parameters))</td><td>\(self.operations(operations))</td></tr></tfoot>
      </table></div>
      <p class="note">FLOP: floating-point operations of the forward pass; the backward pass takes about twice as many.</p>

      """
  }

  private func operations(_ count: Int) -> String {
    count == 0 ? "–" : HumanUnits.metric(Double(count))
  }
}
