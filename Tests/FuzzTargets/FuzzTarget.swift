import Foundation

/// One reader of ours, as a function of any bytes that must neither crash, hang nor take memory without bound.
public struct FuzzTarget: Sendable {
  /// What `launch/fuzz` calls it; also the folder of its corpus.
  public let name: String
  /// Gives the bytes to the reader; whether the reader accepted them.
  public let run: @Sendable ([UInt8]) -> Bool

  init(_ name: String, _ body: @escaping @Sendable ([UInt8]) throws -> Void) {
    self.name = name
    run = { bytes in
      do {
        try body(bytes)
        return true
      } catch { return false }
    }
  }

  /// All targets.
  public static let all: [FuzzTarget] =
    documents + checkpoints + sources + runFiles + [sampleFile]
}

/// A folder in memory for what a reader takes from files, one for each process.
enum FuzzFolder {
  /// Its path.
  static let path: String = {
    let base = FileManager.default.isWritableFile(atPath: "/dev/shm") ? "/dev/shm" : "/tmp"
    let path = "\(base)/aimass-fuzz-\(getpid())"
    try? FileManager.default.createDirectory(atPath: path, withIntermediateDirectories: true)
    atexit { try? FileManager.default.removeItem(atPath: FuzzFolder.path) }
    return path
  }()

  /// Replaces a file of the folder.
  static func write(_ bytes: some Collection<UInt8>, to name: String) throws {
    let descriptor = open("\(path)/\(name)", O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0o600)
    guard descriptor >= 0 else { throw POSIXError(.EIO) }
    defer { close(descriptor) }
    let bytes = Array(bytes)
    guard Glibc.write(descriptor, bytes, bytes.count) == bytes.count else { throw POSIXError(.EIO) }
  }
}
