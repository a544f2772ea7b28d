import Configuration

extension FilePattern {
  /// Reads a path.
  ///
  /// - Parameter path: the whole path.
  /// - Returns: the texts of the named parts in order, or nil where the path does not fit.
  func match(_ path: String) -> [String]? {
    let bytes = Array(path.utf8)
    var failed: Set<Int> = []
    var texts: [String] = []

    /// Whether the pieces from `piece` on fit the bytes from `place` on; texts come last first.
    func fits(_ piece: Int, _ place: Int) -> Bool {
      guard piece < pieces.count else { return place == bytes.count }
      let key = piece * (bytes.count + 1) + place
      guard !failed.contains(key) else { return false }
      switch pieces[piece] {
      case .literal(let text):
        if bytes[place...].starts(with: text), fits(piece + 1, place + text.count) { return true }
      case .part(let name):
        var end = place
        while end < bytes.count, bytes[end] != 0x2F {
          end += 1
          guard fits(piece + 1, end) else { continue }
          if name != nil { texts.append(String(decoding: bytes[place..<end], as: UTF8.self)) }
          return true
        }
      }
      failed.insert(key)
      return false
    }

    return fits(0, 0) ? texts.reversed() : nil
  }
}
