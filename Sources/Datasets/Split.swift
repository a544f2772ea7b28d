import HDF5
import Synchronization
import Tensors

/// The samples of one role: how many there are, what they hold, and the way to them.
///
/// Reading is safe from several threads; each microbatch is filled by one.
public final class Split: Sendable {
  /// What the samples are for.
  public let role: SplitRole
  /// S.
  public let count: Int
  /// What a microbatch of these samples holds, in this order.
  public let fields: [MicrobatchField]
  /// How many streams lie side by side: sample n + streams goes on where sample n ends; nil where samples have
  /// nothing to do with each other.
  public let streams: Int?

  let contents: [SplitField]
  /// The row behind each sample, or nil where they are the same.
  let selection: [Int]?
  /// Bytes that are brought ahead in orders without windows.
  let aheadBytes: Int
  /// Processes that keep decoded blocks together.
  let sharingReaders = Atomic<Int>(1)

  init(
    role: SplitRole, fields: [SplitField], rows: Int, selection: [Int]?, streams: Int?,
    aheadBytes: Int
  ) {
    (self.role, self.aheadBytes) = (role, aheadBytes)
    self.streams = streams
    self.contents = fields
    self.fields = fields.map(\.field)
    self.selection = selection
    count = selection?.count ?? rows
  }

  /// Bytes of all samples as they are stored, before compression.
  public var byteCount: Int {
    let all = contents.reduce(0) { $0 + $1.byteCount }
    let rows = contents.first?.segments.last?.end ?? count
    return rows == 0 ? 0 : Int(Double(all) * Double(count) / Double(rows))
  }

  /// Consecutive samples that a windowed order keeps together: 16 chunks of the largest field as a
  /// sample file of ours would cut it, whatever this file's chunks are.
  ///
  /// A run touches at most 17 chunks then, which bounds read amplification by 1.07.
  public var runLength: Int {
    let largest = contents.map(\.byteCount).max() ?? 0
    let rows = contents.first?.segments.last?.end ?? count
    let chunk = SampleFileFormat.rowsPerChunk(rows: rows, rowBytes: largest / max(1, rows))
    return max(1, min(count, 16 * chunk))
  }

  /// The names of a label's classes, in order, where the file has them.
  public func classNames(_ field: String) -> [String]? {
    contents.first { $0.field.name == field }?.classNames
  }

  /// Reads the samples `microbatch.sampleNumbers[0 ..< count]` into its fields.
  ///
  /// Values are converted and normalised, labels and ids copied as Int64; of fields without room for
  /// numbers only the extents are filled in.
  ///
  /// - Parameter microbatch: holds fields of this split, in any order; `count` and sample numbers are
  ///   set by the caller, each in `0 ..< count` of the split.
  /// - Throws: ``DatasetError``: `.label`, `.nonFinite` or `.mismatch` naming file, dataset and
  ///   sample; `.damaged` for a checksum; `.ioFailure`.
  public func fill(_ microbatch: Microbatch) throws(DatasetError) {
    precondition(microbatch.count <= microbatch.capacity, "more samples than the microbatch holds")
    for index in 0..<microbatch.count {
      let sample = Int(microbatch.sampleNumbers[index])
      precondition(sample >= 0 && sample < count, "sample \(sample) of \(count)")
    }
    for index in microbatch.fields.indices {
      let content = try content(microbatch.fields[index], at: index)
      if content.field.isPacked { fillExtents(content, microbatch, index) }
      guard microbatch.holdsNumbers[index] else { continue }
      for segment in content.segments { try segment.source.requireWhole() }
      switch content.field.element {
      case .float: try fillValues(content, microbatch, index)
      case .integer: try fillLabels(content, microbatch, index)
      }
    }
  }

  /// Reads every label and id once, so that one outside its classes is told before training starts.
  ///
  /// - Throws: ``DatasetError`` `.label` naming file, dataset and sample.
  public func checkLabels() throws(DatasetError) {
    for content in contents where content.field.element == .integer {
      let scalars = content.field.scalarsPerSample
      let labels = UnsafeMutablePointer<Int64>.allocate(capacity: scalars)
      defer { labels.deallocate() }
      for sample in 0..<count {
        let (segment, index) = place(sample, content)
        try segment.labels(index, content.converter, into: labels, sample: sample)
      }
    }
  }

  /// This split's field that a microbatch's field is.
  private func content(
    _ field: MicrobatchField, at index: Int
  ) throws(DatasetError) -> SplitField {
    if index < contents.count, contents[index].field.name == field.name { return contents[index] }
    guard let content = contents.first(where: { $0.field.name == field.name }) else {
      throw DatasetError(.mismatch, "the \(role.rawValue) split has no field '\(field.name)'")
    }
    return content
  }

  /// The file that holds a sample of the split, and the sample's number there.
  private func place(_ sample: Int, _ content: SplitField) -> (FieldSegment, Int) {
    let row = selection?[sample] ?? sample
    let segment = content.segment(of: row)
    return (segment, row - segment.start)
  }

  private func fillExtents(_ content: SplitField, _ microbatch: Microbatch, _ index: Int) {
    let offsets = microbatch.offsets(index)
    offsets[0] = 0
    for member in 0..<microbatch.count {
      let (segment, sample) = place(Int(microbatch.sampleNumbers[member]), content)
      let units = segment.extents.rows(of: sample).count
      precondition(units <= content.field.unitsPerSample, "a sample longer than the longest")
      offsets[member + 1] = offsets[member] + units
      if content.field.isOptional {
        microbatch.presence(index)[member] = segment.extents.isPresent(sample) ? 1 : 0
      }
    }
  }

  /// Where a sample's numbers go.
  private func start(_ content: SplitField, _ microbatch: Microbatch, _ index: Int, _ member: Int)
    -> Int
  {
    let unit = content.field.isPacked ? microbatch.offsets(index)[member] : member
    return unit * content.field.scalarsPerUnit
  }

  /// Hands the samples' rows to `body` where each is one row of one file.
  ///
  /// - Returns: false where samples differ in length or lie in several files.
  private func withRows(
    _ content: SplitField, _ microbatch: Microbatch,
    _ body: (FieldSegment, UnsafeBufferPointer<Int64>) throws(DatasetError) -> Void
  ) throws(DatasetError) -> Bool {
    guard content.segments.count == 1, !content.field.isPacked else { return false }
    let numbers = UnsafeBufferPointer(start: microbatch.sampleNumbers, count: microbatch.count)
    guard let selection else {
      try body(content.segments[0], numbers)
      return true
    }
    try numbers.map { Int64(selection[Int($0)]) }.withUnsafeBufferPointer {
      (rows) throws(DatasetError) in try body(content.segments[0], rows)
    }
    return true
  }

  private func fillValues(
    _ content: SplitField, _ microbatch: Microbatch, _ index: Int
  ) throws(DatasetError) {
    let output = microbatch.floats(index)
    let isDone = try withRows(content, microbatch) { (segment, rows) throws(DatasetError) in
      try segment.values(each: rows, content.converter, into: output, microbatch.sampleNumbers)
    }
    if isDone { return }
    for member in 0..<microbatch.count {
      let number = Int(microbatch.sampleNumbers[member])
      let (segment, sample) = place(number, content)
      try segment.values(
        sample, content.converter, into: output + start(content, microbatch, index, member),
        sample: number)
    }
  }

  private func fillLabels(
    _ content: SplitField, _ microbatch: Microbatch, _ index: Int
  ) throws(DatasetError) {
    let output = microbatch.integers(index)
    let isDone = try withRows(content, microbatch) { (segment, rows) throws(DatasetError) in
      try segment.labels(each: rows, content.converter, into: output, microbatch.sampleNumbers)
    }
    if isDone { return }
    for member in 0..<microbatch.count {
      let number = Int(microbatch.sampleNumbers[member])
      let (segment, sample) = place(number, content)
      try segment.labels(
        sample, content.converter, into: output + start(content, microbatch, index, member),
        sample: number)
    }
  }
}
