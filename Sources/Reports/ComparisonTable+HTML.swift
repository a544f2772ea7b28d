extension ComparisonTable {
  /// The table for a report; the best of each column is bold.
  func html() -> String {
    guard !rows.isEmpty else { return "" }
    let heads = columns.map { "<th scope=\"col\">\(HTMLText.escaped($0.title))</th>" }.joined()
    var body = ""
    for (row, entry) in rows.enumerated() {
      body += "<tr><th scope=\"row\">\(HTMLText.escaped(entry.name))</th>"
      for column in columns.indices {
        let text = HTMLText.escaped(cell(row, column))
        body += isBest(row, column) ? "<td class=\"best\">\(text)</td>" : "<td>\(text)</td>"
      }
      body += "</tr>\n"
    }
    return """
      <h3>\(HTMLText.escaped(title))</h3>
      <div class="wide"><table class="plain">
      <thead><tr><th scope="col">\(HTMLText.escaped(rowTitle))</th>\(heads)</tr></thead>
      <tbody>
      \(body)</tbody>
      </table></div>

      """
  }
}
