import Synchronization

/// Memory for what is on its way through a decoder, kept for the next who comes.
final class DecoderRooms: Sendable {
  private let free = Mutex<[DecoderRoom]>([])

  func take() -> DecoderRoom { free.withLock { $0.popLast() } ?? DecoderRoom() }

  func give(_ room: DecoderRoom) { free.withLock { $0.append(room) } }
}

/// Places of growing size, each at the border of a page.
final class DecoderRoom: @unchecked Sendable {
  private var parts: [UnsafeMutableRawBufferPointer] = []

  deinit { for part in parts { part.deallocate() } }

  /// At least `count` bytes; each number is a place of its own.
  func bytes(_ number: Int, _ count: Int) -> UnsafeMutablePointer<UInt8> {
    while parts.count <= number { parts.append(.allocate(byteCount: 4096, alignment: 4096)) }
    if parts[number].count < count {
      parts[number].deallocate()
      parts[number] = .allocate(byteCount: count, alignment: 4096)
    }
    guard let base = parts[number].assumingMemoryBound(to: UInt8.self).baseAddress else {
      preconditionFailure("a place without bytes")
    }
    return base
  }
}
