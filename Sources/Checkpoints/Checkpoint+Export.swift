import Buffers

extension Checkpoint {
  /// Writes an array's tensors to one safetensors file, under their own names and shapes.
  ///
  /// - Parameters:
  ///   - array: one that follows the canonical order, for example `parameters` or `ema`; nil takes the
  ///     moving average where one is kept, as `evaluate` does.
  ///   - path: the file, which is replaced if it exists; it appears whole or not at all.
  /// - Returns: what was written.
  /// - Throws: `CheckpointError`: `missing` for an array that is not held or has no tensors.
  /// - Cost: memory for P scalars.
  @discardableResult
  public func export(_ array: String?, to path: String) throws -> String {
    let array = array ?? (manifest.state.hasAverage ? "ema" : "parameters")
    guard let tensors = manifest.tensors, manifest.lengths?[array] == nil else {
      throw CheckpointError(
        .missing,
        "\(self.path) does not tell the tensors of '\(array)'; a run that goes on from it writes one that does"
      )
    }
    let values = HostBuffer<Float>(count: manifest.parameterCount)
    try read(array, 0..<manifest.parameterCount, into: values.base)
    let written = tensors.map {
      SafetensorsTensor(name: $0.name, shape: $0.shape, floats: values.base + $0.start)
    }
    try ModelFile.replace(path) { temporary in
      _ = try SafetensorsWriter.write(
        written, metadata: ["format": "aimass", "array": array, "step": "\(manifest.step)"],
        to: temporary)
    }
    withExtendedLifetime(values) {}
    return array
  }
}
