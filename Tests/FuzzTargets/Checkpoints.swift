import Buffers
import Checkpoints
import Configuration
import Foundation
import Parameters

extension FuzzTarget {
  /// Weights and checkpoints.
  static let checkpoints = [
    FuzzTarget("safetensors") { bytes in
      try FuzzFolder.write(bytes, to: "weights.safetensors")
      let file = try SafetensorsFile("\(FuzzFolder.path)/weights.safetensors")
      for entry in file.header.entries where entry.bytes.count <= 1 << 20 {
        precondition(file[entry.name] == entry, "\(entry.name) is not found again")
        var buffer = [UInt8](repeating: 0, count: entry.bytes.count)
        try buffer.withUnsafeMutableBytes { try file.readBytes(entry, into: $0) }
        guard [.float32, .float16, .bfloat16, .float64].contains(entry.type) else { continue }
        var floats = [Float](repeating: 0, count: entry.count)
        try floats.withUnsafeMutableBufferPointer { floats in
          guard let base = floats.baseAddress else { return }
          try file.readFloats(entry, 0..<entry.count, into: base)
        }
      }
    },
    FuzzTarget("weights") { bytes in
      try FuzzFolder.write(bytes, to: "weights.safetensors")
      var layout = ParameterLayout()
      _ = layout.reserve("w", [3, 9], initializer: .constant(0))
      let path = "\(FuzzFolder.path)/weights.safetensors"
      _ = try InitialValues.load(
        into: ParameterStore(layout), from: path,
        InitializeConfiguration(from: path, include: [], exclude: [], rename: [:]))
    },
    FuzzTarget("manifest") { bytes in
      try checkpoint(
        manifest: bytes, commit: bytes.withUnsafeBytes { SHA256.hexadecimal(of: $0) } + "\n")
    },
    FuzzTarget("commit") { bytes in
      try checkpoint(manifest: Array("{}".utf8), commit: String(decoding: bytes, as: UTF8.self))
    },
    FuzzTarget("lock") { bytes in
      try FuzzFolder.write(bytes, to: "LOCK")
      let lock = try RunLock(folder: FuzzFolder.path)
      precondition(lock.token > 0, "a token of \(lock.token)")
      try lock.verify()
    },
  ]

  /// Opens a checkpoint of step 7 that has these files and no shards.
  private static func checkpoint(manifest: [UInt8], commit: String) throws {
    let folder = "\(FuzzFolder.path)/checkpoints/step-00000007"
    try FileManager.default.createDirectory(atPath: folder, withIntermediateDirectories: true)
    try FuzzFolder.write(manifest, to: "checkpoints/step-00000007/manifest.json")
    try FuzzFolder.write(commit.utf8, to: "checkpoints/step-00000007/COMMIT")
    let checkpoints = CheckpointFolder("\(FuzzFolder.path)/checkpoints")
    let found = try checkpoints.open(step: 7, verifying: false)
    for name in found.manifest.arrayNames { _ = found.manifest.length(of: name) }
    _ = try checkpoints.open(step: 7)
  }
}
