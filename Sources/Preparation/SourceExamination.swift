import Buffers
import Configuration

/// One source of a recipe, read by itself: what a preparation would read, without making a sample file of it.
public struct SourceExamination: Sendable, Equatable {
  /// The samples that it has.
  public let rows: Int
  /// SHA-256 of what the rows hold: numbers as they are copied into samples, or the cells of a table.
  public let digest: String

  /// Reads a source, and every row of it where it holds numbers or a table.
  ///
  /// - Parameters:
  ///   - source: what and where; one that is made of another source is a programmer's mistake and traps.
  ///   - root: the folder that its paths start from.
  /// - Throws: ``PreparationError`` for a file that is missing, damaged, or not of its kind.
  public init(_ source: RecipeSource, root: String) throws {
    precondition(source.kind.base == nil, "'\(source.name)' is made of another source")
    let crew = Crew(exchange: SoloExchange(), rank: 0, ranks: 1)
    let loaded = try LoadedSource.load(source, root: root, crew: crew) { _ in nil }
    var hash = SHA256()
    switch loaded {
    case .array(let array): rows = Self.add(array, to: &hash)
    case .records(let records):
      rows = Self.add(records.images, to: &hash)
      _ = Self.add(records.labels, to: &hash)
    case .table(let table): rows = Self.add(table, to: &hash)
    case .lines(let lines): rows = Self.add(lines.table, to: &hash)
    case .corpus(let corpus):
      rows = Self.add(CorpusRows(corpus: corpus, isTarget: false), to: &hash)
    case .glyphs(let glyphs): rows = glyphs.samples
    case .noise(let noise): rows = noise.rows
    case .files(let media, _): rows = media.files.count
    case .concatenation: preconditionFailure("'\(source.name)' is made of another source")
    }
    digest = hash.hexadecimal()
  }

  private static func add(_ array: some RawRows, to hash: inout SHA256) -> Int {
    hash.update("\(array.rowShape) \(array.rowBytes) \(array.element)\n")
    for row in 0..<array.rows where array.isPresent(row) {
      let count = array.rowBytes * array.steps(row)
      hash.update("\(array.place(row))\n")
      guard count > 0 else { continue }
      let buffer = HostBuffer<UInt8>(count: count)
      array.copy(row, into: buffer.base)
      hash.update(UnsafeRawBufferPointer(buffer.all))
    }
    return array.rows
  }

  private static func add(_ table: TextTable, to hash: inout SHA256) -> Int {
    hash.update("\(table.columns)\n")
    for row in 0..<table.rows {
      for column in table.columns.indices { hash.update("\(table.text(row, column) ?? "")\n") }
    }
    return table.rows
  }
}
