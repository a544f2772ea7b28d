import Buffers

/// What an export wrote.
public struct ExportReport: Sendable, Equatable {
  /// The array.
  public var array: String
  /// How many tensors lie there in each form.
  public var tensors: [TensorForm: Int] = [:]
  /// Bytes of all tensors with their zeros.
  public var denseBytes = 0
  /// Bytes of all tensors as written, header not counted.
  public var tensorBytes = 0
  /// The file's size.
  public var fileBytes = 0
}

extension Checkpoint {
  /// Writes an array's tensors to one safetensors file, under their own names and shapes; not those of regressors
  /// for hints, which are no part of the network.
  ///
  /// - Parameters:
  ///   - array: one that follows the canonical order, for example `parameters` or `ema`; nil takes the
  ///     moving average where one is kept, as `evaluate` does.
  ///   - path: the file, which is replaced if it exists; it appears whole or not at all.
  ///   - form: how tensors of two extents and more lie there; nil takes the one with the fewest bytes for
  ///     each.
  /// - Returns: what was written.
  /// - Throws: `CheckpointError`: `missing` for an array that is not held or has no tensors.
  /// - Cost: memory for P scalars.
  @discardableResult
  public func export(
    _ array: String?, to path: String, form: TensorForm? = .dense
  ) throws -> ExportReport {
    let array = array ?? weightsName
    guard let tensors = manifest.networkTensors, manifest.lengths?[array] == nil else {
      throw CheckpointError(
        .missing,
        "\(self.path) does not tell the tensors of '\(array)'; a run that goes on from it writes one that does"
      )
    }
    let count = manifest.networkParameterCount
    let values = HostBuffer<Float>(count: count)
    try read(array, 0..<count, into: values.base)
    return try withExtendedLifetime(values) {
      try TensorExport(array, step: manifest.step, tensors, values.base, form: form)
        .write(to: path)
    }
  }
}
