import Tensors

extension Model {
  /// The first integer of `microbatch` that a loss or an embedding has no row for, or nil.
  ///
  /// Cheap beside a pass. Must be nil before ``train(_:_:normalizers:step:into:)`` and
  /// ``evaluate(_:_:)``, which trap otherwise.
  ///
  /// - Parameter microbatch: samples of the fields this model was compiled for.
  /// - Returns: who reads it, where it was found and what it is.
  public func labelOutOfRange(_ microbatch: Microbatch) -> OutOfRangeLabel? {
    for check in checks {
      let integers = microbatch.integers(check.fieldIndex)
      for index in 0..<microbatch.count * check.countPerSample
      where integers[index] < 0 || integers[index] >= check.limit {
        return OutOfRangeLabel(
          consumer: check.consumer, field: fields[check.fieldIndex].name,
          sampleNumber: microbatch.sampleNumbers[index / check.countPerSample],
          label: integers[index], limit: check.limit)
      }
    }
    return nil
  }

  /// After a pass: where the first NaN or infinity appeared, or nil.
  ///
  /// Looks at the inputs (`input NAME`), then at every layer's output in forward order (its path),
  /// then at the heads' targets (`target NAME`) and losses (`loss of NAME`). A layer whose output
  /// was overwritten by the next is seen as the next one left it.
  ///
  /// - Parameters:
  ///   - microbatch: the samples of the last pass.
  ///   - index: the lane they were in.
  /// - Returns: what to name in an error message.
  public func firstNonFinite(_ microbatch: Microbatch, inLane index: Int = 0) -> String? {
    let lane = lanes[index]
    let targets = Set(heads.compactMap(\.targetIndex))
    for (index, field) in fields.enumerated()
    where field.element == .float && !targets.contains(index) {
      if !isFinite(field, at: index, microbatch) { return "input \(field.name)" }
    }
    for probe in probes {
      guard case .region(let region) = probe.place else { continue }
      if !Kernels.isFinite(microbatch.count * probe.countPerSample, lane.arena.floats(region)) {
        return probe.path
      }
    }
    for (index, head) in heads.enumerated() {
      if let target = head.targetIndex, fields[target].element == .float,
        !isFinite(fields[target], at: target, microbatch)
      {
        return "target \(head.target)"
      }
      if !lane.losses[index].isFinite { return "loss of \(head.name)" }
    }
    return nil
  }

  /// The name of the first slot whose scalars hold a NaN or an infinity, or nil.
  ///
  /// - Parameter values: P scalars in canonical order: parameters or gradients.
  /// - Returns: the slot's name, for example `modalities.image.0.weight`.
  public func firstNonFiniteSlot(_ values: UnsafePointer<Float>) -> String? {
    layout.slots.first { !Kernels.isFinite($0.count, values + $0.offset) }?.name
  }

  private func isFinite(_ field: MicrobatchField, at index: Int, _ microbatch: Microbatch) -> Bool {
    Kernels.isFinite(
      microbatch.count * field.scalarsPerSample, microbatch.floats(index))
  }
}
