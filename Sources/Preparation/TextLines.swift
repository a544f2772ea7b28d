import Configuration

/// Reads texts of one document a line.
enum TextLines {
  /// What was read.
  struct Result {
    /// A column `text`, with labels before it a column `label`; one row a line.
    var table: TextTable
    /// What a person should know: lines that were left out.
    var notes: [String]
  }

  /// Reads files one after the other as one.
  ///
  /// - Parameters:
  ///   - files: each opened at its beginning. Lines end with LF or CRLF; a byte order mark is skipped.
  ///   - badLines: what becomes of a line that is not UTF-8.
  ///   - labels: whether a line begins with a label and one blank.
  /// - Returns: a row for each line, empty ones too.
  /// - Throws: ``PreparationError`` with `.badData`, naming file, line and byte.
  static func read(_ files: [RawFile], badLines: BadLines, labels: Bool) throws -> Result {
    var table = TextTable(columns: labels ? ["label", "text"] : ["text"], missing: [])
    var skipped: [String] = []
    for file in files {
      table.beginFile(file.name)
      let bytes = try file.readAll()
      for (number, line) in lines(bytes, keepsEnds: false).enumerated() {
        if let fault = UnicodeText.firstFault(line) {
          let place = "\(file.name), line \(number + 1), byte \(fault + 1)"
          guard badLines == .skip else { throw notUnicode(place) }
          skipped.append(place)
          continue
        }
        guard labels else {
          table.append(row: [Array(line)], line: number + 1)
          continue
        }
        guard let blank = line.firstIndex(of: 0x20), blank > line.startIndex else {
          throw PreparationError(
            .badData,
            "\(file.name), line \(number + 1): expected a label, one blank and a text, found '"
              + String(decoding: line.prefix(40), as: UTF8.self) + "'")
        }
        table.append(row: [Array(line[..<blank]), Array(line[(blank + 1)...])], line: number + 1)
      }
    }
    guard table.rows > 0 else {
      throw PreparationError(
        .badData, "\(files.map(\.name).joined(separator: ", ")): expected lines of text, found none"
      )
    }
    return Result(table: table, notes: note(skipped))
  }

  /// What is said of lines that were left out.
  static func note(_ places: [String]) -> [String] {
    guard !places.isEmpty else { return [] }
    let listed = places.prefix(3).joined(separator: "; ") + (places.count > 3 ? "; …" : "")
    return ["\(places.count) lines are not UTF-8 and were left out: \(listed)"]
  }

  /// The error of a text that is not UTF-8.
  static func notUnicode(_ place: String) -> PreparationError {
    PreparationError(
      .badData,
      "\(place): not UTF-8; convert the file (iconv -t UTF-8), mend the line, or set"
        + " 'badLines: skip' of a text source")
  }

  /// The lines of a text, with their ends or without.
  static func lines(_ bytes: [UInt8], keepsEnds: Bool) -> [ArraySlice<UInt8>] {
    var result: [ArraySlice<UInt8>] = []
    var start = bytes.starts(with: [0xef, 0xbb, 0xbf]) ? 3 : 0
    while start < bytes.count {
      let end = bytes[start...].firstIndex(of: 0x0a) ?? bytes.count
      let next = min(bytes.count, end + 1)
      if keepsEnds {
        result.append(bytes[start..<next])
      } else {
        let isPair = end > start && end < bytes.count && bytes[end - 1] == 0x0d
        result.append(bytes[start..<(isPair ? end - 1 : end)])
      }
      start = next
    }
    return result
  }
}
