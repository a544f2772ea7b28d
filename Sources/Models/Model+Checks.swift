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
  /// was overwritten by the next is seen as the next one left it, and one whose memory later layers got is
  /// left out.
  ///
  /// - Parameters:
  ///   - microbatch: the samples of the last pass.
  ///   - index: the lane they were in.
  /// - Returns: what to name in an error message.
  public func firstNonFinite(
    _ microbatch: Microbatch, inLane index: Int = 0
  ) -> NonFinitePlace? {
    let lane = lanes[index]
    let targets = Set(heads.compactMap(\.targetIndex))
    for (index, field) in fields.enumerated()
    where field.element == .float && !targets.contains(index) {
      let samples = nonFiniteSamples(of: index, microbatch)
      if !samples.isEmpty { return NonFinitePlace(name: "input \(field.name)", samples: samples) }
    }
    for probe in probes {
      guard case .region(let region) = probe.columns.place else { continue }
      let samples = nonFiniteSamples(of: probe, lane.arena.floats(region), microbatch, lane)
      if !samples.isEmpty { return NonFinitePlace(name: probe.path, samples: samples) }
    }
    for (index, head) in heads.enumerated() {
      if let target = head.targetIndex, fields[target].element == .float {
        let samples = nonFiniteSamples(of: target, microbatch)
        if !samples.isEmpty {
          return NonFinitePlace(name: "target \(head.target)", samples: samples)
        }
      }
      if !lane.losses[index].isFinite {
        return NonFinitePlace(
          name: "loss of \(head.name)", samples: Self.numbers(microbatch, 0..<microbatch.count))
      }
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

  /// The samples of a field of floats that hold a NaN or an infinity.
  private func nonFiniteSamples(of index: Int, _ microbatch: Microbatch) -> [Int64] {
    let (values, width) = (microbatch.floats(index), fields[index].scalarsPerUnit)
    guard !Kernels.isFinite(microbatch.units(index) * width, values) else { return [] }
    let offsets = fields[index].isPacked ? UnsafePointer(microbatch.offsets(index)) : nil
    return Self.samples(microbatch) { sample in
      let units = offsets.map { $0[sample]..<$0[sample + 1] } ?? sample..<sample + 1
      return Kernels.isFinite(units.count * width, values + units.lowerBound * width)
    }
  }

  /// The samples for which a layer's output holds a NaN or an infinity.
  private func nonFiniteSamples(
    of probe: Compiler.Probe, _ values: UnsafePointer<Float>, _ microbatch: Microbatch,
    _ lane: Lane
  ) -> [Int64] {
    let axis = probe.scalars.axis < 0 ? nil : probe.scalars.axis
    let (width, stride) = (probe.scalars.perUnit, probe.columns.stride)
    let first = values + probe.columns.column
    func isFinite(_ units: Range<Int>) -> Bool {
      guard stride != width else {
        return Kernels.isFinite(units.count * width, first + units.lowerBound * width)
      }
      return units.allSatisfy { Kernels.isFinite(width, first + $0 * stride) }
    }
    guard !isFinite(0..<lane.offsets.units(axis, samples: microbatch.count)) else { return [] }
    let offsets = axis.map(lane.offsets.offsets)
    return Self.samples(microbatch) { sample in
      isFinite(offsets.map { $0[sample]..<$0[sample + 1] } ?? sample..<sample + 1)
    }
  }

  /// The numbers of the samples that are not finite; of all where none by itself is to blame.
  private static func samples(
    _ microbatch: Microbatch, isFinite: (_ sample: Int) -> Bool
  ) -> [Int64] {
    let found = (0..<microbatch.count).filter { !isFinite($0) }
    return found.isEmpty
      ? numbers(microbatch, 0..<microbatch.count) : found.map { microbatch.sampleNumbers[$0] }
  }

  private static func numbers(_ microbatch: Microbatch, _ samples: Range<Int>) -> [Int64] {
    samples.map { microbatch.sampleNumbers[$0] }
  }
}

/// Where in a pass the first NaN or infinity appeared.
public struct NonFinitePlace: Sendable, Equatable {
  /// A layer's path, or what else to name in an error message.
  public let name: String
  /// The samples for which it is so, by their number in the split; not empty.
  public let samples: [Int64]
}
