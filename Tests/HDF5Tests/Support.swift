import Foundation
import Testing

/// A folder that is removed with its content when the test ends.
final class TemporaryFolder {
  let path: String

  init() throws {
    let template = NSTemporaryDirectory() + "aimass-hdf5-XXXXXX"
    var bytes = Array(template.utf8CString)
    guard mkdtemp(&bytes) != nil else { throw CocoaError(.fileWriteUnknown) }
    path = String(decoding: bytes.dropLast().map(UInt8.init(bitPattern:)), as: UTF8.self)
  }

  deinit { try? FileManager.default.removeItem(atPath: path) }

  /// The path of `name` in the folder.
  func file(_ name: String) -> String { "\(path)/\(name)" }
}

/// h5py in a Python of this machine, the other implementation that files are compared with.
enum Python {
  /// Runs a script with `sys.argv[1]` set.
  ///
  /// - Returns: standard output and standard error, and the exit code.
  static func run(_ script: String, _ argument: String) throws -> (text: String, code: Int32) {
    let process = Process()
    process.executableURL = URL(fileURLWithPath: "/usr/bin/env")
    process.arguments = ["python3", "-c", script, argument]
    let pipe = Pipe()
    process.standardOutput = pipe
    process.standardError = pipe
    try process.run()
    let data = pipe.fileHandleForReading.readDataToEndOfFile()
    process.waitUntilExit()
    return (String(decoding: data, as: UTF8.self), process.terminationStatus)
  }

  /// True where h5py and numpy can be imported.
  static let hasH5py = (try? run("import h5py, numpy", ""))?.code == 0

  /// What a skipped test says.
  static let reason: Comment = "python3 with h5py is not installed"
}
