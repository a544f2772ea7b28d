import Foundation

/// A folder that is gone, with all it holds, when its owner is.
public final class TemporaryFolder: Sendable {
  /// Its absolute path.
  public let path: String

  /// Makes an empty folder.
  ///
  /// - Throws: what the file system says.
  public init() throws {
    path = NSTemporaryDirectory().trimmingSuffix("/") + "/aimass-test-" + UUID().uuidString
    try FileManager.default.createDirectory(atPath: path, withIntermediateDirectories: true)
  }

  deinit {
    // A test may have taken its own rights away, to see a failure.
    _ = try? runProcess("chmod", ["-R", "u+rwX", path])
    try? FileManager.default.removeItem(atPath: path)
  }

  /// The path of something in it.
  ///
  /// - Parameter name: relative to the folder.
  /// - Returns: the absolute path.
  public func file(_ name: String) -> String { path + "/" + name }

  /// Writes a text file.
  ///
  /// - Parameters:
  ///   - text: its content.
  ///   - name: relative to the folder; folders on the way are made.
  /// - Returns: the absolute path.
  /// - Throws: what the file system says.
  @discardableResult
  public func write(_ text: String, to name: String) throws -> String {
    let path = file(name)
    try FileManager.default.createDirectory(
      atPath: (path as NSString).deletingLastPathComponent, withIntermediateDirectories: true)
    try text.write(toFile: path, atomically: false, encoding: .utf8)
    return path
  }
}

extension String {
  /// Without `end`, where it ends so.
  fileprivate func trimmingSuffix(_ end: String) -> String {
    hasSuffix(end) && count > 1 ? String(dropLast(end.count)) : self
  }
}

/// Runs `body` with a folder that is removed afterwards.
///
/// - Parameter body: receives the folder.
/// - Returns: what `body` returns.
/// - Throws: what `body` throws, or the file system says.
public func withTemporaryFolder<Value>(_ body: (TemporaryFolder) throws -> Value) throws -> Value {
  let folder = try TemporaryFolder()
  return try withExtendedLifetime(folder) { try body(folder) }
}
