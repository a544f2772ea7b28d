import Tensors

extension Model {
  /// The first integer of `microbatch` that a loss or an embedding has no row for, or weight below 0, or
  /// nil.
  ///
  /// Cheap beside a pass. Must be nil before ``train(_:_:normalizers:step:into:)`` and
  /// ``evaluate(_:_:)``, which trap otherwise.
  ///
  /// - Parameter microbatch: samples of the fields this model was compiled for.
  /// - Returns: who reads it, where it was found and what it is.
  public func labelOutOfRange(_ microbatch: Microbatch) -> OutOfRangeLabel? {
    for check in checks {
      let integers = microbatch.integers(check.fieldIndex)
      let field = fields[check.fieldIndex]
      let count = microbatch.units(check.fieldIndex) * field.scalarsPerUnit
      for index in 0..<count where integers[index] < 0 || integers[index] >= check.limit {
        return OutOfRangeLabel(
          consumer: check.consumer, field: field.name,
          sampleNumber: sampleNumber(
            of: index / field.scalarsPerUnit, check.fieldIndex, microbatch),
          label: integers[index], limit: check.limit)
      }
    }
    return wrongWeight(microbatch) ?? (lengthChecks.isEmpty ? nil : wrongLength(microbatch))
  }

  /// The first weight that is below 0 or not finite.
  private func wrongWeight(_ microbatch: Microbatch) -> OutOfRangeLabel? {
    for check in weightChecks {
      let weights = microbatch.floats(check.fieldIndex)
      let field = fields[check.fieldIndex]
      let count = microbatch.units(check.fieldIndex) * field.scalarsPerUnit
      for index in 0..<count where !(weights[index] >= 0) || !weights[index].isFinite {
        return OutOfRangeLabel(
          consumer: check.consumer, field: field.name,
          sampleNumber: sampleNumber(
            of: index / field.scalarsPerUnit, check.fieldIndex, microbatch),
          label: 0, limit: 0, weight: weights[index])
      }
    }
    return nil
  }

  /// The first target that has not as many steps as its sequence.
  private func wrongLength(_ microbatch: Microbatch) -> OutOfRangeLabel? {
    let offsets = measure(microbatch)
    for check in lengthChecks {
      let target = microbatch.offsets(check.fieldIndex)
      let steps = offsets.offsets(check.axis)
      let present = axes.presence(check.axis).map(offsets.offsets)
      for sample in 0..<microbatch.count {
        // Who lacks the modality has no steps to compare.
        if let present, present[sample + 1] == present[sample] { continue }
        let found = target[sample + 1] - target[sample]
        let expected = steps[sample + 1] - steps[sample]
        guard found != expected else { continue }
        return OutOfRangeLabel(
          consumer: check.consumer, field: fields[check.fieldIndex].name,
          sampleNumber: microbatch.sampleNumbers[sample], label: Int64(found), limit: expected,
          isLength: true)
      }
    }
    return nil
  }

  /// The number of the sample that a unit of a field belongs to.
  private func sampleNumber(
    of unit: Int, _ fieldIndex: Int, _ microbatch: Microbatch
  ) -> Int64 {
    guard fields[fieldIndex].isPacked else { return microbatch.sampleNumbers[unit] }
    let offsets = microbatch.offsets(fieldIndex)
    let sample = (0..<microbatch.count).first { offsets[$0 + 1] > unit } ?? 0
    return microbatch.sampleNumbers[sample]
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
      if !Kernels.isFinite(probeCount(probe, microbatch, lane), lane.arena.floats(region)) {
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
      microbatch.units(index) * field.scalarsPerUnit, microbatch.floats(index))
  }

  private func probeCount(
    _ probe: Compiler.Probe, _ microbatch: Microbatch, _ lane: Lane
  ) -> Int {
    let axis = probe.scalars.axis < 0 ? nil : probe.scalars.axis
    return lane.offsets.units(axis, samples: microbatch.count) * probe.scalars.perUnit
  }
}
