import Buffers
import Parameters

extension Checkpoint {
  /// The digest of the parameters, read from the shards.
  ///
  /// - Parameter layout: names and shapes of the parameters, as the writer had them.
  /// - Returns: what `ParameterLayout.digest(of:)` gives for the values that were saved.
  /// - Throws: `CheckpointError` where a shard cannot be read.
  /// - Cost: one pass over the parameters, in pieces of 4 MiB.
  public func parametersDigest(_ layout: ParameterLayout) throws -> String {
    let piece = HostBuffer<Float>(count: min(1 << 20, max(1, layout.count)))
    return try layout.digest { slot, take in
      var start = slot.range.lowerBound
      while start < slot.range.upperBound {
        let end = min(start + piece.count, slot.range.upperBound)
        try read("parameters", start..<end, into: piece.base)
        take(UnsafeBufferPointer(start: piece.base, count: end - start))
        start = end
      }
    }
  }
}
