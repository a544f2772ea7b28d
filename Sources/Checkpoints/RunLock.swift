import Foundation
import Glibc

/// The right to write one run folder, held by one job at a time.
///
/// An exclusive `flock` on the file `LOCK`, which the kernel releases when its holder dies. The
/// file carries a fencing token that each new holder raises by one: before a commit, `verify`
/// finds out whether someone took the folder meanwhile, for example after the file was deleted on
/// a shared disk.
public final class RunLock {
  /// Counts the holders of this folder; larger than that of every earlier one.
  public let token: Int
  private let path: String
  private let descriptor: Int32
  private let content: String

  /// Takes the lock of a run folder.
  ///
  /// - Parameter folder: the run folder; created where it does not exist.
  /// - Throws: `CheckpointError`: `locked` naming host and process of the holder, or
  ///   `cannotCreate`.
  public init(folder: String) throws {
    try Folders.create(folder)
    path = "\(folder)/LOCK"
    let descriptor = open(path, O_RDWR | O_CREAT | O_CLOEXEC | O_NOFOLLOW | O_NONBLOCK, 0o644)
    guard descriptor >= 0 else { throw CheckpointError.system(errno, "open", path) }
    let before = Self.content(of: descriptor)
    guard flock(descriptor, LOCK_EX | LOCK_NB) == 0 else {
      let number = errno
      _ = close(descriptor)
      guard number == EWOULDBLOCK else { throw CheckpointError.system(number, "lock", path) }
      // `TOKEN host HOST process NUMBER nonce …`: host and process are for people.
      let holder = before.split(separator: " ").dropFirst().prefix(4).joined(separator: " ")
      throw CheckpointError(
        .locked,
        "\(folder) is in use by another job (\(holder.isEmpty ? "unknown" : holder)); wait for it,"
          + " stop it, or choose another --output")
    }
    let last = before.split(separator: " ").first.flatMap { Int($0) } ?? 0
    token = last < 0 || last == Int.max ? 1 : last + 1
    let nonce = UInt64.random(in: .min ... .max)
    content =
      "\(token) host \(Self.host) process \(getpid()) nonce \(String(nonce, radix: 16))\n"
    self.descriptor = descriptor
    do {
      try Self.replace(descriptor, with: content, path: path)
    } catch {
      _ = close(descriptor)
      throw error
    }
  }

  deinit { _ = close(descriptor) }

  /// Makes sure that the folder is still ours.
  ///
  /// - Throws: `CheckpointError` `locked` if the lock file was deleted or taken by another holder.
  public func verify() throws {
    let other = open(path, O_RDONLY | O_CLOEXEC | O_NOFOLLOW | O_NONBLOCK)
    let found = other >= 0 ? Self.content(of: other) : ""
    if other >= 0 { _ = close(other) }
    guard found == content else {
      throw CheckpointError(
        .locked,
        "\(path) no longer names this process but '\(found.split(separator: " ").dropFirst().prefix(4).joined(separator: " "))'; another job took the run"
      )
    }
  }

  /// What the lock file says, at most one line of 1024 bytes.
  private static func content(of descriptor: Int32) -> String {
    var bytes = [UInt8](repeating: 0, count: 1024)
    let count = pread(descriptor, &bytes, bytes.count, 0)
    return String(decoding: bytes.prefix(max(0, count)), as: UTF8.self)
  }

  /// This machine's name.
  private static var host: String {
    var name = [CChar](repeating: 0, count: 256)
    guard gethostname(&name, name.count - 1) == 0 else { return "unknown" }
    return String(decoding: name.prefix { $0 != 0 }.map { UInt8(bitPattern: $0) }, as: UTF8.self)
  }

  /// Writes the holder's line and syncs it.
  private static func replace(_ descriptor: Int32, with text: String, path: String) throws {
    let bytes = Array(text.utf8)
    guard ftruncate(descriptor, 0) == 0,
      pwrite(descriptor, bytes, bytes.count, 0) == bytes.count, fsync(descriptor) == 0
    else { throw CheckpointError.system(errno, "write", path) }
  }
}
