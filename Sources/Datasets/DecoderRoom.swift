import Synchronization

/// Memory for what is on its way through a decoder, kept for the next who comes: as much as threads use at once, however many
/// files there are.
final class DecoderRooms: Sendable {
  /// For whole pages of a file.
  static let reading = DecoderRooms()
  /// For what decoders make of them, which hold one while they read.
  static let decoding = DecoderRooms()

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
