import Buffers
import Parameters

extension Checkpoint {
  /// The digest of the parameters, as `summary.json` has it, read off the shards.
  ///
  /// - Returns: what `ParameterLayout.digest(of:)` gives for the values that were saved; nil where the
  ///   checkpoint does not tell its tensors, as those of early programs.
  /// - Throws: `CheckpointError` where a shard cannot be read.
  /// - Cost: one pass over the parameters, in pieces of 4 MiB.
  public func parametersDigest() throws -> String? {
    guard let tensors = manifest.tensors else { return manifest.parametersDigest }
    let piece = HostBuffer<Float>(count: min(1 << 20, max(1, manifest.parameterCount)))
    return try ParameterLayout.digest(tensors.map { ($0.name, $0.shape) }) { index, take in
      guard let range = tensors[index].range else { return }
      var start = range.lowerBound
      while start < range.upperBound {
        let end = min(start + piece.count, range.upperBound)
        try read("parameters", start..<end, into: piece.base)
        take(UnsafeBufferPointer(start: piece.base, count: end - start))
        start = end
      }
    }
  }
}
