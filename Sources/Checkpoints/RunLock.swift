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
  public convenience init(folder: String) throws { try self.init(folder: folder) {} }

  /// Takes the lock; `opened` is told when its file is open, for tests of what may happen then.
  package init(folder: String, opened: () throws -> Void) throws {
    let path = "\(folder)/LOCK"
    let descriptor = try Self.takenFile(folder: folder, path: path, opened)
    do {
      let before = try Self.content(of: descriptor, path: path)
      let last = before.split(separator: " ").first.flatMap { Int($0) } ?? 0
      let token = last < 0 || last == Int.max ? 1 : last + 1
      let nonce = String(UInt64.random(in: .min ... .max), radix: 16)
      let content = "\(token) host \(Self.host) process \(getpid()) nonce \(nonce)\n"
      try Self.replace(descriptor, with: content, path: path)
      try Folders.sync(folder)
      // Only now, since an object that is complete closes the descriptor by itself.
      (self.path, self.descriptor, self.token, self.content) = (path, descriptor, token, content)
    } catch {
      _ = close(descriptor)
      throw error
    }
  }

  deinit { _ = close(descriptor) }

  /// Makes sure that the folder is still ours.
  ///
  /// - Throws: `CheckpointError`: `locked` if the lock file was deleted or taken by another holder,
  ///   `inputOutput` if that cannot be found out.
  public func verify() throws {
    let other = uninterrupted { open(path, O_RDONLY | O_CLOEXEC | O_NOFOLLOW | O_NONBLOCK) }
    defer { if other >= 0 { _ = close(other) } }
    guard other >= 0 || errno == ENOENT || errno == ELOOP else {
      throw CheckpointError.system(errno, "open", path)
    }
    let found = other >= 0 ? try Self.content(of: other, path: path) : ""
    guard found == content else {
      throw CheckpointError(
        .locked,
        "\(path) no longer names this process but '\(found.split(separator: " ").dropFirst().prefix(4).joined(separator: " "))'; another job took the run"
      )
    }
  }

  /// The open and locked file, which is still the one that the folder has.
  ///
  /// Between the two another job may have renamed the folder aside, and made a new one.
  private static func takenFile(
    folder: String, path: String, _ opened: () throws -> Void
  ) throws -> Int32 {
    while true {
      try Folders.create(folder)
      let descriptor = uninterrupted {
        open(path, O_RDWR | O_CREAT | O_CLOEXEC | O_NOFOLLOW | O_NONBLOCK, 0o644)
      }
      guard descriptor >= 0 else { throw CheckpointError.system(errno, "open", path) }
      do {
        try opened()
        try take(descriptor, folder: folder, path: path)
        if try isSame(descriptor, path) { return descriptor }
      } catch {
        _ = close(descriptor)
        throw error
      }
      _ = close(descriptor)
    }
  }

  /// Whether a path leads to an open file.
  private static func isSame(_ descriptor: Int32, _ path: String) throws -> Bool {
    var (mine, found) = (stat(), stat())
    guard uninterrupted({ fstat(descriptor, &mine) }) == 0 else {
      throw CheckpointError.system(errno, "look at", path)
    }
    guard uninterrupted({ lstat(path, &found) }) == 0 else {
      if errno == ENOENT { return false }
      throw CheckpointError.system(errno, "look at", path)
    }
    return (mine.st_dev, mine.st_ino) == (found.st_dev, found.st_ino)
  }

  /// Locks the open file, or says who holds it.
  private static func take(_ descriptor: Int32, folder: String, path: String) throws {
    if uninterrupted({ flock(descriptor, LOCK_EX | LOCK_NB) }) == 0 { return }
    guard errno == EWOULDBLOCK else {
      let error = CheckpointError.system(errno, "lock", path)
      throw CheckpointError(
        error.code,
        "\(error.message); one run folder has one writer, which needs a file system with flock: mount it"
          + " with locks, or choose another --output")
    }
    var holder = try Self.holder(of: descriptor, path: path)
    // Who has made the file a moment ago is about to write who that is.
    for _ in 0..<100 where holder.isEmpty {
      usleep(10_000)
      holder = try Self.holder(of: descriptor, path: path)
    }
    throw CheckpointError(
      .locked,
      "\(folder) is in use by another job (\(holder.isEmpty ? "unknown" : holder)); wait for it,"
        + " stop it, or choose another --output")
  }

  /// Host and process of `TOKEN host HOST process NUMBER nonce …`, which are for people; empty where there is no such line.
  private static func holder(of descriptor: Int32, path: String) throws -> String {
    try content(of: descriptor, path: path).split(separator: " ").dropFirst().prefix(4)
      .joined(separator: " ")
  }

  /// The first line of the lock file with its end, of its first 1024 bytes.
  private static func content(of descriptor: Int32, path: String) throws -> String {
    var bytes = [UInt8](repeating: 0, count: 1024)
    let count = uninterrupted { pread(descriptor, &bytes, bytes.count, 0) }
    guard count >= 0 else { throw CheckpointError.system(errno, "read", path) }
    let end = bytes[..<count].firstIndex(of: UInt8(ascii: "\n")).map { $0 + 1 } ?? count
    return String(decoding: bytes[..<end], as: UTF8.self)
  }

  /// This machine's name.
  private static var host: String {
    var name = [CChar](repeating: 0, count: 256)
    guard gethostname(&name, name.count - 1) == 0 else { return "unknown" }
    return String(decoding: name.prefix { $0 != 0 }.map { UInt8(bitPattern: $0) }, as: UTF8.self)
  }

  /// Writes the holder's line and syncs it.
  ///
  /// Over the old one, which is cut off after it: at no moment does the file lack a token.
  private static func replace(_ descriptor: Int32, with text: String, path: String) throws {
    let bytes = Array(text.utf8)
    var done = 0
    while done < bytes.count {
      let written = bytes.withUnsafeBytes { buffer in
        uninterrupted {
          pwrite(descriptor, buffer.baseAddress.map { $0 + done }, buffer.count - done, off_t(done))
        }
      }
      guard written > 0 else { throw CheckpointError.system(errno, "write", path) }
      done += written
    }
    guard uninterrupted({ ftruncate(descriptor, off_t(bytes.count)) }) == 0 else {
      throw CheckpointError.system(errno, "shorten", path)
    }
    guard uninterrupted({ fsync(descriptor) }) == 0 else {
      throw CheckpointError.system(errno, "sync", path)
    }
  }
}
