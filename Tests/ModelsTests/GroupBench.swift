import Configuration
import Foundation
import Models
import Parameters
import Tensors

/// A group of microbatches with gradients and losses of their own, and a model for them.
final class GroupBench: @unchecked Sendable {
  let configuration: ModelConfiguration
  let fields: [MicrobatchField]
  let model: Model
  let store: ParameterStore
  let members: [Member]
  var normalizers: [Double] = []

  /// A member of the group and what a pass made of it.
  final class Member {
    let microbatch: Microbatch
    var gradients: LocalGradients
    var losses: [Double] = []
    var outputs: [[Float]] = []

    init(_ microbatch: Microbatch, _ layout: ParameterLayout) {
      self.microbatch = microbatch
      gradients = LocalGradients(layout)
    }

    /// Keeps what is in the lane of `model`.
    func keep(_ model: Model, lane: Int) {
      losses = model.heads.indices.map { model.losses(ofLane: lane)[$0] }
      outputs = model.heads.indices.map { head in
        Array(
          UnsafeBufferPointer(
            start: model.output(ofHead: head, inLane: lane),
            count: microbatch.count * model.heads[head].outputs))
      }
    }
  }

  /// Compiles `configuration` and deals the samples that a ``Bench`` would have to the members.
  init(
    _ configuration: ModelConfiguration, _ fields: [MicrobatchField], sizes: [Int],
    seed: UInt64 = 11, recompute: TrainConfiguration.Recomputation = .none
  ) throws {
    try Kernels.selectFromEnvironment()
    (self.configuration, self.fields) = (configuration, fields)
    model = try Model(
      configuration, fields: fields, capacity: sizes.max() ?? 1, seed: seed, lanes: sizes.count,
      recompute: recompute)
    store = ParameterStore(model.layout)
    model.initialize(store)
    let whole = Microbatch(capacity: sizes.reduce(0, +), fields: fields)
    whole.count = whole.capacity
    Bench.fill(whole)
    let layout = model.layout
    let capacity = model.capacity
    var first = 0
    members = sizes.enumerated().map { index, size in
      defer { first += size }
      let microbatch = Microbatch(capacity: capacity, fields: fields)
      microbatch.count = size
      // The third group of a step, of which no member may make a difference.
      microbatch.index = 2 * 8 + index
      return Member(microbatch, layout)
    }
    deal(whole)
  }

  /// Copies the samples of `whole` to the members, in order.
  func deal(_ whole: Microbatch) {
    var first = 0
    for member in members {
      let part = member.microbatch
      for sample in 0..<part.count {
        part.sampleNumbers[sample] = whole.sampleNumbers[first + sample]
      }
      for (index, field) in fields.enumerated() {
        let (start, count) = (first * field.scalarsPerSample, part.count * field.scalarsPerSample)
        switch field.element {
        case .float:
          part.floats(index).update(from: whole.floats(index) + start, count: count)
        case .integer:
          part.integers(index).update(from: whole.integers(index) + start, count: count)
        }
      }
      first += part.count
    }
    normalizers = model.heads.indices.map { head in
      members.reduce(0) { $0 + model.normalizerContribution(head: head, $1.microbatch) }
    }
  }

  /// One training pass of all members on one rank; returns what Σ of the gradients belongs to.
  @discardableResult
  func train(
    step: Int = 4, meeting: (any StatisticMeeting)? = nil, observer: (any PassObserver)? = nil
  ) -> Double {
    for member in members { model.seat(member.microbatch, into: &member.gradients) }
    model.train(
      groupOf: members.count, UnsafePointer(store.base), normalizers: normalizers, step: step,
      meeting: meeting, observer: observer)
    for (lane, member) in members.enumerated() { member.keep(model, lane: lane) }
    return objective
  }

  /// One training pass with member j on rank `owners[j]`, a thread with a model of its own.
  func train(owners: [Int], step: Int = 4) throws {
    let table = MeetingTable(members: members.count)
    var threads: [Thread] = []
    let ended = DispatchSemaphore(value: 0)
    for rank in 0...(owners.max() ?? 0) {
      let own = owners.indices.filter { owners[$0] == rank }
      let model = try Model(
        configuration, fields: fields, capacity: self.model.capacity, seed: 11, lanes: own.count)
      let task = UncheckedTask { [self] in
        for index in own { model.seat(members[index].microbatch, into: &members[index].gradients) }
        model.train(
          groupOf: members.count, UnsafePointer(store.base), normalizers: normalizers, step: step,
          meeting: Seats(table, own))
        for (lane, index) in own.enumerated() { members[index].keep(model, lane: lane) }
        ended.signal()
      }
      threads.append(Thread { task.run() })
    }
    for thread in threads { thread.start() }
    for _ in threads { ended.wait() }
  }

  /// Σ over heads of weight / normaliser · loss of all members.
  var objective: Double {
    model.heads.indices.reduce(0) { sum, head in
      let loss = members.reduce(0) { $0 + $1.losses[head] }
      return sum + model.heads[head].weight / normalizers[head] * loss
    }
  }

  /// Σ of the members' gradients, and of n times their statistics.
  var gradientSum: [Double] {
    (0..<model.layout.count).map { place in
      members.reduce(0) { $0 + Double($1.gradients.values[place]) }
    }
  }

  /// The bits of all gradients and losses.
  var bits: [UInt64] {
    members.flatMap { member in
      member.gradients.values.all.map { UInt64($0.bitPattern) } + member.losses.map(\.bitPattern)
    }
  }
}

/// Work for another thread; whoever starts it waits for its end.
private struct UncheckedTask: @unchecked Sendable {
  let run: () -> Void
}

/// Where threads that stand in for ranks leave and find their rows.
final class MeetingTable: @unchecked Sendable {
  private let condition = NSCondition()
  private let members: Int
  private var rows: [Int: [Int: [Double]]] = [:]

  init(members: Int) { self.members = members }

  /// Leaves the rows of `own` and fills in all others.
  func meet(point: Int, width: Int, rows target: UnsafeMutablePointer<Double>, own: [Int]) {
    condition.lock()
    defer { condition.unlock() }
    for member in own {
      let row = UnsafeBufferPointer(start: target + member * width, count: width)
      rows[point, default: [:]][member] = Array(row)
    }
    condition.broadcast()
    while (rows[point]?.count ?? 0) < members { condition.wait() }
    for member in 0..<members {
      for (column, number) in (rows[point]?[member] ?? []).enumerated() {
        target[member * width + column] = number
      }
    }
  }
}

/// One rank's view of a ``MeetingTable``.
final class Seats: StatisticMeeting {
  private let table: MeetingTable
  private let own: [Int]

  init(_ table: MeetingTable, _ own: [Int]) {
    self.table = table
    self.own = own
  }

  func meet(point: Int, width: Int, rows: UnsafeMutablePointer<Double>) {
    table.meet(point: point, width: width, rows: rows, own: own)
  }
}

extension ModelConfiguration {
  /// The same network with every batch norm synchronised over `group` microbatches.
  func synchronized(_ group: Int) -> ModelConfiguration {
    var copy = self
    copy.modalities = modalities.map { modality in
      var modality = modality
      modality.encoder = modality.encoder.map { $0.synchronized(group) }
      return modality
    }
    copy.heads = heads.map { head in
      var head = head
      head.layers = head.layers.map { $0.synchronized(group) }
      return head
    }
    return copy
  }
}

extension LayerConfiguration {
  fileprivate func synchronized(_ group: Int) -> LayerConfiguration {
    switch self {
    case .batchNorm(let momentum, let epsilon, _):
      return .batchNorm(momentum: momentum, epsilon: epsilon, sync: group)
    case .residual(let layers, let shortcut):
      return .residual(
        layers: layers.map { $0.synchronized(group) },
        shortcut: shortcut.map { $0.synchronized(group) })
    case .concat(let branches):
      return .concat(branches: branches.map { $0.map { $0.synchronized(group) } })
    default: return self
    }
  }
}
