import Synchronization

/// What reading samples took from the files, counted since a split was opened.
public struct ReadStatistics: Sendable, Equatable {
  /// Blocks of the datasets that are decoded before they are read: compressed and foreign ones.
  public var blocks = 0
  /// How often a block was decoded.
  public var decodedBlocks = 0
  /// Bytes taken from the files for that, and those of rows read straight from them.
  public var fileBytes = 0
  /// Bytes that the samples handed out take in the files: their share of what is stored.
  public var sampleBytes = 0
  /// Bytes of the numbers handed out, as the datasets' types have them.
  public var numberBytes = 0

  /// Nothing read yet.
  public init() {}

  /// How many bytes were read for each byte that the samples have in the files; 1 where nothing was read.
  public var amplification: Double {
    sampleBytes == 0 ? 1 : Double(fileBytes) / Double(sampleBytes)
  }

  /// What was read since an earlier state.
  ///
  /// - Parameter before: of the same split.
  /// - Returns: the differences; ``blocks`` as it is.
  public func since(_ before: ReadStatistics) -> ReadStatistics {
    var rest = self
    rest.decodedBlocks -= before.decodedBlocks
    rest.fileBytes -= before.fileBytes
    rest.sampleBytes -= before.sampleBytes
    rest.numberBytes -= before.numberBytes
    return rest
  }
}

/// Counts what one dataset's rows took; several threads may count at once.
final class ReadCounter: Sendable {
  private let decoded = Atomic<Int>(0)
  private let bytes = Atomic<Int>(0)
  private let rows = Atomic<Int>(0)
  private let storedBytesPerRow: Double

  /// A counter of a dataset whose rows take so many bytes in the file.
  init(storedBytesPerRow: Double) { self.storedBytesPerRow = storedBytesPerRow }

  /// A block was decoded from bytes of the file.
  func decoded(fileBytes: Int) {
    decoded.add(1, ordering: .relaxed)
    bytes.add(fileBytes, ordering: .relaxed)
  }

  /// Rows were handed out; `fileBytes` of the file were read for them where no block was decoded.
  func handedOut(rows count: Int, fileBytes: Int = 0) {
    rows.add(count, ordering: .relaxed)
    if fileBytes > 0 { bytes.add(fileBytes, ordering: .relaxed) }
  }

  /// Adds what was counted.
  func add(to statistics: inout ReadStatistics, rowBytes: Int) {
    let rows = rows.load(ordering: .relaxed)
    statistics.decodedBlocks += decoded.load(ordering: .relaxed)
    statistics.fileBytes += bytes.load(ordering: .relaxed)
    statistics.sampleBytes += Int((Double(rows) * storedBytesPerRow).rounded())
    statistics.numberBytes += rows * rowBytes
  }
}
