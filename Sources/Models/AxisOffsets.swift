import Buffers
import Tensors

/// Where each sample's units begin, for every axis of a model.
final class AxisOffsets {
  /// Samples there is room for.
  let capacity: Int
  private let axes: [Axis]
  private let memory: HostBuffer<Int>
  private let presence: PresenceTable

  /// Room for the offsets of `capacity` samples.
  init(_ plan: AxisPlan, capacity: Int) {
    self.capacity = capacity
    axes = plan.axes
    memory = HostBuffer(count: plan.axes.count * (capacity + 1))
    presence = PresenceTable(plan.modalities, capacity: capacity)
  }

  /// The first number of axis 0; axis a begins at `a * (capacity + 1)`.
  var base: UnsafePointer<Int> { UnsafePointer(memory.base) }

  /// Where each sample's units begin on an axis.
  func offsets(_ axis: Int) -> UnsafePointer<Int> { base + axis * (capacity + 1) }

  /// The units of all samples together; `samples` without an axis.
  func units(_ axis: Int?, samples: Int) -> Int {
    guard let axis else { return samples }
    return memory.base[axis * (capacity + 1) + samples]
  }

  /// Computes all axes from the extents of a microbatch and what takes part in the pass.
  func compute(_ microbatch: Microbatch, _ selection: Presence.Selection) {
    precondition(microbatch.count <= capacity, "offsets for \(capacity) samples")
    presence.compute(microbatch, selection)
    for index in axes.indices { compute(index, microbatch) }
  }

  private func compute(_ index: Int, _ microbatch: Microbatch) {
    let samples = microbatch.count
    let offsets = memory.base + index * (capacity + 1)
    offsets[0] = 0
    switch axes[index].rule {
    case .steps(let field):
      offsets.update(from: microbatch.offsets(field), count: samples + 1)
    case .presence(let field):
      let flags = microbatch.presence(field)
      for sample in 0..<samples { offsets[sample + 1] = offsets[sample] + Int(flags[sample]) }
    case .repeated(let parent, let count):
      for sample in 0..<samples {
        offsets[sample + 1] = offsets[sample] + count * length(parent, sample)
      }
    case .window(let parent, let window):
      for sample in 0..<samples {
        offsets[sample + 1] = offsets[sample] + window.outputs(length(parent, sample))
      }
    case .taken(let modality):
      let flags = presence.flags(modality)
      for sample in 0..<samples { offsets[sample + 1] = offsets[sample] + Int(flags[sample]) }
    case .extended(let parent, let count, let base):
      for sample in 0..<samples {
        let own = length(parent, sample) + count * length(base, sample)
        offsets[sample + 1] = offsets[sample] + own
      }
    case .joined(let parts):
      for sample in 0..<samples {
        var own = 0
        for part in parts { own += length(part, sample) }
        offsets[sample + 1] = offsets[sample] + own
      }
    case .masked(let parent, let mask):
      for sample in 0..<samples {
        offsets[sample + 1] = offsets[sample] + length(mask, sample) * length(parent, sample)
      }
    }
  }

  private func length(_ axis: Int?, _ sample: Int) -> Int {
    guard let axis else { return 1 }
    let offsets = memory.base + axis * (capacity + 1)
    return offsets[sample + 1] - offsets[sample]
  }
}
