import Glibc

/// The last lines of a job's output, as a person would have read them.
final class LastLines {
  private(set) var lines: [String] = []
  /// All bytes that came.
  private(set) var byteCount = 0
  private var open: [Int32: [UInt8]] = [:]
  private static let most = 50
  private static let longest = 500

  /// Takes bytes that came on one of the two streams.
  func take(_ bytes: some Collection<UInt8>, of stream: Int32) {
    var line = open[stream] ?? []
    byteCount += bytes.count
    for byte in bytes {
      // A redrawn progress line keeps what was drawn last.
      if byte == 0x0A || byte == 0x0D {
        keep(line)
        line.removeAll(keepingCapacity: true)
      } else if line.count < Self.longest {
        line.append(byte)
      }
    }
    open[stream] = line
  }

  /// Ends the lines that have no end yet.
  func finish() {
    for stream in open.keys.sorted() { keep(open[stream] ?? []) }
    open = [:]
  }

  private func keep(_ line: [UInt8]) {
    let text = Self.plain(String(decoding: line, as: UTF8.self))
    guard !text.isEmpty else { return }
    lines.append(text)
    if lines.count > Self.most { lines.removeFirst() }
  }

  /// A line without colours, moves of the cursor and other control characters.
  private static func plain(_ line: String) -> String {
    line.replacing(#/\u{1B}\[[0-9;?]*[A-Za-z]/#, with: "")
      .filter { $0 == "\t" || !($0.unicodeScalars.first.map { $0.value < 32 } ?? false) }
  }
}

/// Passes one stream of a job on to the supervisor's own, as it comes.
///
/// It never waits: what the reader at the other end does not take stays here, up to a limit, and then in
/// the pipe, where it holds the job up as it would have without a supervisor. A reader that is gone holds
/// nothing up.
final class OutputRelay {
  /// The job's end; -1 once it is closed.
  private(set) var source: Int32
  /// The supervisor's own stream, 1 or 2; -1 once its reader is gone.
  private(set) var sink: Int32
  private let stream: Int32
  private let last: LastLines
  private var pending: [UInt8] = []
  private static let most = 1 << 18
  /// A pipe that can be written to takes this much without waiting.
  private static let portion = 4096

  /// A relay between two open descriptors.
  ///
  /// - Parameters:
  ///   - source: the job's end.
  ///   - stream: the supervisor's own, 1 or 2.
  ///   - last: keeps the last lines.
  ///   - isSilent: whether it keeps them only.
  init(from source: Int32, to stream: Int32, keeping last: LastLines, isSilent: Bool = false) {
    (self.source, self.stream, self.last) = (source, stream, last)
    sink = isSilent ? -1 : stream
    _ = fcntl(source, F_SETFL, O_NONBLOCK)
  }

  /// What to wait for.
  var waits: [pollfd] {
    var all: [pollfd] = []
    if source >= 0, pending.count < Self.most {
      all.append(pollfd(fd: source, events: Int16(POLLIN), revents: 0))
    }
    if sink >= 0, !pending.isEmpty {
      all.append(pollfd(fd: sink, events: Int16(POLLOUT), revents: 0))
    }
    return all
  }

  /// Reads what has come.
  func read() {
    var room = [UInt8](repeating: 0, count: 1 << 16)
    while source >= 0, pending.count < Self.most {
      let count = Glibc.read(source, &room, room.count)
      if count < 0 && errno == EINTR { continue }
      if count == 0 || (count < 0 && errno != EAGAIN) { closeSource() }
      guard count > 0 else { return }
      last.take(room[..<count], of: stream)
      if sink >= 0 { pending += room[..<count] }
    }
  }

  /// Writes what can be written without waiting.
  func write() {
    while sink >= 0, !pending.isEmpty {
      var ready = pollfd(fd: sink, events: Int16(POLLOUT), revents: 0)
      guard poll(&ready, 1, 0) == 1 else { return }
      let count = Glibc.write(sink, pending, min(pending.count, Self.portion))
      if count < 0 && errno == EINTR { continue }
      if count < 0 && errno == EAGAIN { return }
      guard count > 0 else {
        // Nobody reads any more, or the terminal is gone.
        sink = -1
        pending = []
        return
      }
      pending.removeFirst(count)
    }
  }

  /// Takes and passes on what is left; processes that keep the pipe open are not waited for.
  func finish() {
    repeat {
      read()
      while sink >= 0, !pending.isEmpty {
        var ready = pollfd(fd: sink, events: Int16(POLLOUT), revents: 0)
        if poll(&ready, 1, 10_000) <= 0 { sink = -1 }
        write()
      }
    } while source >= 0 && hasMore
    closeSource()
  }

  private var hasMore: Bool {
    var ready = pollfd(fd: source, events: Int16(POLLIN), revents: 0)
    return poll(&ready, 1, 0) == 1 && Int32(ready.revents) & POLLIN != 0
  }

  private func closeSource() {
    if source >= 0 { close(source) }
    source = -1
  }
}
