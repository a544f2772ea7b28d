/// The ranks of a preparation: who shares what, and how results become common.
///
/// Every call is made by all ranks, in one order.
struct Crew {
  /// How the ranks talk.
  let exchange: any PreparationExchange
  /// This rank.
  let rank: Int
  /// The number of ranks.
  let ranks: Int

  /// This rank's contiguous part of `count` things.
  func share(_ count: Int) -> Range<Int> { rank * count / ranks..<(rank + 1) * count / ranks }

  /// Gives every rank the bytes of all ranks, in rank order.
  ///
  /// - Throws: what the transport throws.
  func allGather(_ bytes: [UInt8]) throws -> [[UInt8]] {
    var packed = ByteWriter()
    for part in try exchange.gatherBytes(bytes) ?? [] { packed.append(part) }
    var reader = ByteReader(try exchange.broadcastBytes(packed.bytes))
    return (0..<ranks).map { _ in reader.bytes() }
  }

  /// Adds up numbers over the ranks.
  ///
  /// - Throws: what the transport throws.
  func sums(_ numbers: [Int]) throws -> [Int] {
    var own = ByteWriter()
    for number in numbers { own.append(number) }
    var totals = [Int](repeating: 0, count: numbers.count)
    for part in try allGather(own.bytes) {
      var reader = ByteReader(part)
      for index in totals.indices { totals[index] += reader.number() }
    }
    return totals
  }

  /// Checks that all ranks found the same sources.
  ///
  /// - Parameter sources: names and digests, in one order on all ranks.
  /// - Throws: on every rank ``PreparationError`` with `.ranksDisagree`, naming the first rank and source that
  ///   differ from rank 0's; or what the transport throws.
  func requireSame(_ sources: [PreparationSummary.Source]) throws {
    let all = try allGather(Array(sources.map { "\($0.digest) \($0.path)\0" }.joined().utf8))
      .map { String(decoding: $0, as: UTF8.self).split(separator: "\0") }
    for (other, found) in all.enumerated() where found != all[0] {
      let place = zip(found, all[0]).enumerated().first { $1.0 != $1.1 }?.offset
      let name = place.map { sources[$0].path } ?? "the list of sources"
      throw PreparationError(
        .ranksDisagree,
        "\(name): rank \(other) reads another file than rank 0; give all nodes the same files, for example"
          + " in a shared folder")
    }
  }

  /// Brings all ranks' bytes to rank 0, which makes something of them for everybody.
  ///
  /// - Parameters:
  ///   - bytes: this rank's.
  ///   - make: called on rank 0 with the bytes of all ranks, in rank order.
  /// - Returns: on every rank what `make` returned.
  /// - Throws: what the transport throws.
  func reduce(_ bytes: [UInt8], _ make: ([[UInt8]]) -> [UInt8]) throws -> [UInt8] {
    let all = try exchange.gatherBytes(bytes)
    return try exchange.broadcastBytes(all.map(make) ?? [])
  }
}

/// Puts numbers and runs of bytes end to end.
struct ByteWriter {
  /// What was written.
  private(set) var bytes: [UInt8] = []

  /// Appends a number, 8 bytes.
  mutating func append(_ number: Int) {
    withUnsafeBytes(of: Int64(number).littleEndian) { bytes.append(contentsOf: $0) }
  }

  /// Appends a run of bytes after its length.
  mutating func append(_ run: some Collection<UInt8>) {
    append(run.count)
    bytes.append(contentsOf: run)
  }
}

/// Reads what a ``ByteWriter`` wrote, in the same order.
struct ByteReader {
  private let all: [UInt8]
  private var position = 0

  /// A reader at the beginning.
  init(_ bytes: [UInt8]) { all = bytes }

  /// Whether everything was read.
  var isAtEnd: Bool { position >= all.count }

  /// The next number.
  mutating func number() -> Int {
    defer { position += 8 }
    return all.withUnsafeBytes {
      Int(Int64(littleEndian: $0.loadUnaligned(fromByteOffset: position, as: Int64.self)))
    }
  }

  /// The next run of bytes.
  mutating func bytes() -> [UInt8] {
    let count = number()
    defer { position += count }
    return Array(all[position..<position + count])
  }
}
