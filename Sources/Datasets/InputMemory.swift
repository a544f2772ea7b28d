/// What of a node's memory the input may take.
///
/// A limit below the machine's memory, as of a control group, counts as the memory: pages of the files are charged
/// to it as well, so what the blocks take is missing there.
struct InputMemory: Sendable, Equatable {
  /// The memory of the node that this job may use.
  let nodeBytes: Int
  /// Bytes of all files of the dataset.
  let fileBytes: Int
  /// Decoded bytes that a process keeps of what does not fit whole.
  let cacheBytes: Int

  /// The memory of a job.
  ///
  /// - Parameters:
  ///   - nodeBytes: what the job may use of the node.
  ///   - fileBytes: the files together.
  ///   - cacheBytes: decoded bytes that a process keeps; nil is an eighth of the memory, at most 512 MiB.
  init(nodeBytes: Int, fileBytes: Int, cacheBytes: Int?) {
    (self.nodeBytes, self.fileBytes) = (nodeBytes, fileBytes)
    self.cacheBytes = cacheBytes ?? min(nodeBytes / 8, 512 << 20)
  }

  /// Whether the files cannot be counted on to stay in the page cache.
  var isTight: Bool { fileBytes > nodeBytes / 2 }

  /// Whether the files cannot stay in the page cache, so that it is a detour.
  var isExceeded: Bool { fileBytes > nodeBytes }

  /// The most that the processes of a node keep of a dataset's blocks that may be needed again.
  ///
  /// - Parameters:
  ///   - readers: the processes.
  ///   - share: the dataset's part of its split's bytes.
  /// - Returns: bytes.
  func keptBytes(readers: Int, share: Double) -> Int {
    // A dataset of so few bytes is kept whole: labels beside pictures.
    min(max(Int(Double(cacheBytes * readers) * share), 16 << 20), nodeBytes / 8)
  }

  /// The most that two windows of a windowed order take.
  var windowBytes: Int { nodeBytes / 2 }

  /// The most that the rooms of a split take before plain rows stay where they are mapped.
  ///
  /// - Parameters:
  ///   - reading: the order.
  ///   - readers: the processes that share the rooms; one that shares nothing does not know how many others there are.
  /// - Returns: bytes.
  func roomBytes(_ reading: BlockSource.Reading, readers: Int) -> Int {
    // Half for windows, and what is kept.
    if case .windows = reading { return max(windowBytes + nodeBytes / 8, Self.leastRoomBytes) }
    return max(readers > 1 ? nodeBytes / 8 : nodeBytes / 64, Self.leastRoomBytes)
  }

  /// So little may be taken of any memory.
  private static let leastRoomBytes = 64 << 20

  /// Bytes that a process brings ahead in orders without windows: enough to keep a fast disk busy.
  var aheadBytes: Int { min(64 << 20, nodeBytes / 16) }
}
