import Checkpoints
import Foundation
import Glibc

/// A temporary folder that disappears with its owner.
final class Scratch {
  let path: String

  init() throws {
    path = NSTemporaryDirectory() + "aimass-\(getpid())-\(UInt64.random(in: .min ... .max))"
    try FileManager.default.createDirectory(atPath: path, withIntermediateDirectories: true)
  }

  deinit { try? FileManager.default.removeItem(atPath: path) }

  /// The path of `name` in here.
  func file(_ name: String) -> String { "\(path)/\(name)" }

  /// The names in a folder.
  static func names(_ folder: String) -> [String] {
    ((try? FileManager.default.contentsOfDirectory(atPath: folder)) ?? []).sorted()
  }
}

/// The bytes of a file.
func bytes(_ path: String) throws -> Data { try Data(contentsOf: URL(fileURLWithPath: path)) }

/// Replaces a file by other bytes.
func write(_ data: Data, _ path: String) throws { try data.write(to: URL(fileURLWithPath: path)) }

/// A safetensors file from its header and data.
func safetensors(_ header: String, _ data: Int, length: UInt64? = nil) -> Data {
  var file = Data()
  withUnsafeBytes(of: (length ?? UInt64(header.utf8.count)).littleEndian) {
    file.append(contentsOf: $0)
  }
  file.append(contentsOf: header.utf8)
  file.append(Data(repeating: 0, count: data))
  return file
}

/// Runs a Python program that needs `module`.
///
/// - Returns: its output, or nil where Python or the module is missing.
func python(_ module: String, _ program: String, _ arguments: [String]) throws -> String? {
  func run(_ arguments: [String]) throws -> (Int32, String) {
    let process = Process()
    process.executableURL = URL(fileURLWithPath: "/usr/bin/env")
    process.arguments = ["python3"] + arguments
    let output = Pipe()
    process.standardOutput = output
    process.standardError = output
    try process.run()
    let data = output.fileHandleForReading.readDataToEndOfFile()
    process.waitUntilExit()
    return (process.terminationStatus, String(decoding: data, as: UTF8.self))
  }
  guard try run(["-c", "import \(module)"]).0 == 0 else { return nil }
  let (status, text) = try run(["-c", program] + arguments)
  guard status == 0 else { throw CheckpointError(.inputOutput, "python failed: \(text)") }
  return text
}

/// Whether Python can import what the interoperability tests need.
let hasPythonSafetensors = (try? python("safetensors.numpy, numpy", "", [])) != nil
