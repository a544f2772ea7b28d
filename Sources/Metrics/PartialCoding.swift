/// Writes a rank's counts as 64-bit little-endian words.
struct PartialWriter {
  /// The bytes so far, beginning with the form's mark.
  private(set) var bytes: [UInt8] = []

  /// "aimetri1" as a word: form 1 of a partial.
  static let mark: UInt64 = 0x3169_7274_656d_6961

  init() { append(PartialWriter.mark) }

  mutating func append(_ word: UInt64) {
    withUnsafeBytes(of: word.littleEndian) { bytes.append(contentsOf: $0) }
  }

  mutating func append(_ number: Int) { append(UInt64(bitPattern: Int64(number))) }

  mutating func append(_ number: Double) { append(number.bitPattern) }

  mutating func append(_ numbers: [Int]) {
    append(numbers.count)
    for number in numbers { append(number) }
  }

  mutating func append(_ numbers: [Double]) {
    append(numbers.count)
    for number in numbers { append(number) }
  }
}

/// Reads what ``PartialWriter`` wrote; bytes of anything else are refused, not trusted.
struct PartialReader {
  private let bytes: [UInt8]
  private var position = 0

  init(_ bytes: [UInt8]) throws(MetricError) {
    self.bytes = bytes
    guard try word() == PartialWriter.mark else {
      throw PartialReader.refusal("it does not begin with the mark of a partial")
    }
  }

  static func refusal(_ reason: String) -> MetricError {
    MetricError(
      code: .partial,
      message: "a rank's partial metrics cannot be merged: \(reason); "
        + "all ranks must run the same program and configuration")
  }

  mutating func word() throws(MetricError) -> UInt64 {
    guard bytes.count - position >= 8 else {
      throw PartialReader.refusal("it ends after \(bytes.count) bytes")
    }
    var word: UInt64 = 0
    for byte in 0..<8 { word |= UInt64(bytes[position + byte]) << UInt64(8 * byte) }
    position += 8
    return word
  }

  mutating func integer() throws(MetricError) -> Int { Int(Int64(bitPattern: try word())) }

  mutating func count() throws(MetricError) -> Int {
    let count = try integer()
    guard count >= 0, count <= (bytes.count - position) / 8 else {
      throw PartialReader.refusal("a list of \(count) numbers does not fit its bytes")
    }
    return count
  }

  mutating func integers() throws(MetricError) -> [Int] {
    var list: [Int] = []
    for _ in 0..<(try count()) { list.append(try integer()) }
    return list
  }

  mutating func numbers() throws(MetricError) -> [Double] {
    var list: [Double] = []
    for _ in 0..<(try count()) { list.append(Double(bitPattern: try word())) }
    return list
  }

  func expectEnd() throws(MetricError) {
    guard position == bytes.count else {
      throw PartialReader.refusal("\(bytes.count - position) bytes are left over")
    }
  }
}

extension HeadTally {
  func write(to writer: inout PartialWriter) {
    writer.append(needs.rawValue)
    writer.append(
      [correct, amongFive, nonFinite, strayLabels, strayLabel] + transcription.counts)
    for list in [hits, predicted, actual, matrix, truths] { writer.append(list) }
    writer.append(scores)
    writer.append(parts.count)
    for part in parts {
      writer.append(part.index)
      writer.append(part.count)
      writer.append(part.sums)
    }
  }

  /// Reads a tally of the same head and needs as `pattern`.
  init(head pattern: HeadTally, from reader: inout PartialReader) throws(MetricError) {
    self.init(head: pattern.head, needs: pattern.needs)
    guard try reader.word() == needs.rawValue else {
      throw PartialReader.refusal("it holds other metrics of head \(head.name)")
    }
    let numbers = try reader.integers()
    let lists = try (0..<5).map { _ throws(MetricError) in try reader.integers() }
    guard numbers.count == 5 + TranscriptionErrors.countOfCounts, lists[0].count == hits.count,
      lists[1].count == hits.count,
      lists[2].count == hits.count, lists[3].count == matrix.count
    else { throw PartialReader.refusal("it holds another number of classes of \(head.name)") }
    (correct, amongFive, nonFinite) = (numbers[0], numbers[1], numbers[2])
    (strayLabels, strayLabel) = (numbers[3], numbers[4])
    transcription = TranscriptionErrors(counts: Array(numbers[5...]))
    (hits, predicted, actual, matrix) = (lists[0], lists[1], lists[2], lists[3])
    truths = lists[4]
    scores = try reader.numbers()
    guard scores.count == truths.count || scores.count == truths.count * head.scoreColumns else {
      throw PartialReader.refusal("scores and truths of \(head.name) differ in number")
    }
    let width = partWidth
    for _ in 0..<(try reader.count()) {
      let part = Part(
        index: try reader.integer(), count: try reader.integer(), sums: try reader.numbers())
      guard part.sums.count == width, part.count >= 0 else {
        throw PartialReader.refusal("a microbatch of \(head.name) holds other sums")
      }
      parts.append(part)
    }
  }

  /// The sums of a part of this head.
  private var partWidth: Int {
    guard case .regression(let outputs) = head.kind else { return HeadTally.momentsStart }
    return HeadTally.momentsStart + outputs * Moments.width
  }
}
