import Glibc

/// Sees heap allocations of up to 1,000 bytes on the calling thread, even those that are freed again.
///
/// glibc keeps freed chunks of each size on a stack per thread. One chunk of each size is marked and
/// freed, so that it lies on top: the first allocation of that size gets it and writes over the
/// mark. Swift's objects, arrays and closure contexts all write where the marks are.
enum AllocationProbe {
  /// The sizes, in bytes, of which `body` allocated something, twice out of two.
  ///
  /// A stack that is full already sends the marked chunk elsewhere, where other threads may find it;
  /// what `body` does itself it does every time.
  static func sizesTouched(_ body: () -> Void) -> [Int] {
    body()  // what is made once, such as the metadata of a generic type, is not of interest
    let first = sizesTouchedOnce(body)
    return first.isEmpty ? [] : sizesTouchedOnce(body).filter(first.contains)
  }

  private static func sizesTouchedOnce(_ body: () -> Void) -> [Int] {
    // Larger chunks may be sorted by size, by any thread, and then hold links where the marks are.
    let sizes = Array(stride(from: 40, through: 1_000, by: 16))
    var chunks: [UnsafeMutablePointer<UInt64>] = []
    chunks.reserveCapacity(sizes.count)
    for size in sizes {
      guard let chunk = malloc(size) else { return sizes }
      chunks.append(chunk.assumingMemoryBound(to: UInt64.self))
    }
    for (chunk, size) in zip(chunks, sizes) {
      // The first two words belong to glibc once the chunk is free.
      for word in 2..<(size / 8) { chunk[word] = mark }
      free(chunk)
    }
    body()
    // Read before anything else is allocated.
    var touched: [Int] = []
    var flags = (UInt64(0), UInt64(0))
    for index in 0..<sizes.count where chunks[index][2] != mark || chunks[index][3] != mark {
      if index < 64 { flags.0 |= 1 << index } else { flags.1 |= 1 << (index - 64) }
    }
    for index in 0..<sizes.count
    where (index < 64 ? flags.0 >> index : flags.1 >> (index - 64)) & 1 == 1 {
      touched.append(sizes[index])
    }
    return touched
  }

  private static let mark: UInt64 = 0xA11C_A7ED_A11C_A7ED
}
