import Buffers
import Tensors

/// The memory of one microbatch on its way through a model.
final class Lane {
  let arena: Arena
  /// Where offset 0 of the arena lies.
  let memory: UnsafeMutableRawPointer
  let scratch: UnsafeMutablePointer<Float>
  let slabs: HostBuffer<UnsafeMutablePointer<Float>>
  let fieldBases: HostBuffer<UnsafeMutableRawPointer>
  /// Per head: the sum of the last microbatch's losses; then per head that of its soft term; then one per hint.
  let losses: HostBuffer<Double>
  /// Where each sample's units begin.
  let offsets: AxisOffsets
  /// Who sits in the lane in the next pass of a group.
  var microbatch: Microbatch?
  /// Where its gradients go.
  var gradients: UnsafeMutablePointer<Float>?
  /// Where its states come from and go to.
  var carried: CarriedState?

  /// Where everything of a lane lies.
  struct Plan {
    let arena: ArenaPlan
    let start, scratch: Region
    let slabs: [Region]
    let fields, losses: Int
    let axes: AxisPlan
    let capacity: Int
  }

  /// Allocates a lane.
  init(_ plan: Plan) {
    arena = Arena(plan.arena)
    memory = UnsafeMutableRawPointer(arena.pointer(plan.start, as: UInt8.self)) - plan.start.offset
    scratch = arena.floats(plan.scratch)
    slabs = HostBuffer(count: plan.slabs.count)
    for (index, region) in plan.slabs.enumerated() { slabs[index] = arena.floats(region) }
    fieldBases = HostBuffer(count: plan.fields)
    losses = HostBuffer(count: plan.losses)
    offsets = AxisOffsets(plan.axes, capacity: plan.capacity)
  }

  /// Points the fields at those of `microbatch` and computes its axes.
  func load(_ microbatch: Microbatch, _ selection: Presence.Selection) {
    offsets.compute(microbatch, selection)
    for (index, field) in microbatch.fields.enumerated() {
      fieldBases[index] =
        field.element == .float
        ? UnsafeMutableRawPointer(microbatch.floats(index))
        : UnsafeMutableRawPointer(microbatch.integers(index))
    }
  }
}
