import CLinux
import Foundation
import Glibc
import Synchronization

extension StorageProbe {
  /// The bytes of a file that is renamed: more than a page, so that half of one would show.
  static let renamedBytes = 16_384

  /// Creates a file that must not exist.
  static func create(_ path: String) -> Int32 {
    open(path, O_RDWR | O_CREAT | O_EXCL | O_CLOEXEC, 0o644)
  }

  /// Takes a lock of the open file description.
  static func lockDescription(_ file: Int32) -> Int32 { CLinux_lock_description(file) }

  /// Puts a file of equal bytes into the place of another, by rename.
  static func replace(_ path: String, with byte: UInt8) -> Bool {
    let next = "\(path).next"
    let file = open(next, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0o644)
    guard file >= 0 else { return false }
    let bytes = [UInt8](repeating: byte, count: renamedBytes)
    let isWritten = write(file, bytes, bytes.count) == bytes.count
    return close(file) == 0 && isWritten && rename(next, path) == 0
  }
}

/// Reads a file again and again while somebody replaces it.
final class RenameReader: Sendable {
  private struct Seen {
    var reads = 0
    var missing = 0
    var torn = 0
    var isStopped = false
    var isDone = false
  }

  private let path: String
  private let seen = Mutex(Seen())

  init(_ path: String) { self.path = path }

  /// Reads until ``stop()``.
  func run() {
    while !seen.withLock({ $0.isStopped }) { look() }
    seen.withLock { $0.isDone = true }
  }

  /// Reads once.
  func look() {
    var bytes = [UInt8](repeating: 0, count: StorageProbe.renamedBytes + 1)
    let file = open(path, O_RDONLY | O_CLOEXEC)
    let count = file < 0 ? -1 : read(file, &bytes, bytes.count)
    if file >= 0 { close(file) }
    let isWhole =
      count == StorageProbe.renamedBytes && bytes.prefix(count).allSatisfy { $0 == bytes[0] }
    seen.withLock { seen in
      seen.reads += 1
      if count < 0 { seen.missing += 1 } else if !isWhole { seen.torn += 1 }
    }
  }

  /// Ends reading and waits for it.
  func stop() {
    seen.withLock { $0.isStopped = true }
    for _ in 0..<1000 where !seen.withLock({ $0.isDone }) { usleep(1000) }
  }

  /// What was seen.
  func finding(rounds: Int) -> StorageFinding {
    let seen = seen.withLock { ($0.reads, $0.missing, $0.torn) }
    let numbers = ["reads": Double(seen.0), "missing": Double(seen.1), "torn": Double(seen.2)]
    guard seen.1 == 0, seen.2 == 0 else {
      return StorageFinding(
        "renaming", .broken,
        "of \(seen.0) reads during \(rounds) renames \(seen.1) found no file and \(seen.2) half of one",
        numbers)
    }
    return StorageFinding("renaming", .sound, "a file is replaced whole", numbers)
  }
}
