import Buffers
import Exchange
import Glibc
import MPI
import Models

/// Tells what this rank is doing: sums the time of every phase, writes the node's status board, and
/// records events while a trace is kept.
///
/// Used on the compute thread only. Nothing is allocated after ``init()``.
///
/// - Cost: a change of phase is one clock reading, about 30 ns, and two stores; a layer is two stores,
///   and a clock reading only while a trace is recorded.
public final class StepClock {
  private let totals = HostBuffer<Int>(count: Phase.allCases.count)
  /// Sums at the beginning of the step.
  private let marks = HostBuffer<Int>(count: Phase.allCases.count)
  private let ownWords = HostBuffer<UInt64>(count: StatusSlot.stride / MemoryLayout<UInt64>.stride)
  private var slot: StatusSlot
  private var position = RankPosition()
  private var events: UInt64 = 0
  private var since: Int
  private var layerSince = 0
  private var waitSince = 0
  private var waitPeer: WaitPeer?
  /// Nanoseconds waited inside the exchange, by the rank waited for.
  private var waits = [Int](repeating: 0, count: 1)
  private var stepSince = 0
  /// The events kept, if a trace was asked for.
  private(set) var trace: TraceRing?

  /// A clock in phase `other`; until ``join(_:)`` nobody sees what it writes.
  public init() {
    slot = StatusSlot(at: UnsafeMutableRawPointer(ownWords.base))
    since = Self.now()
  }

  /// Monotonic time in nanoseconds; the same clock on all ranks of a node.
  public static func now() -> Int {
    var time = timespec()
    clock_gettime(CLOCK_MONOTONIC, &time)
    return time.tv_sec * 1_000_000_000 + time.tv_nsec
  }

  /// Writes to a slot of the node's board from now on.
  ///
  /// - Parameters:
  ///   - slot: this rank's.
  ///   - ranks: R.
  package func join(_ slot: StatusSlot, ranks: Int = 1) {
    self.slot = slot
    waits = [Int](repeating: 0, count: ranks)
    slot.open()
    show()
  }

  /// Records events from now on.
  package func record(into ring: TraceRing) { trace = ring }

  /// Books the time since the last change on the phase that ends, and begins `next`.
  ///
  /// - Parameters:
  ///   - next: what the rank does from here.
  ///   - microbatch: the microbatch it is about, from 0; nil keeps the last one.
  public func enter(_ next: Phase, microbatch: Int? = nil) {
    let time = Self.now()
    endPhase(at: time)
    position.phase = next
    position.layer = nil
    position.bucket = nil
    if let microbatch { position.microbatch = microbatch }
    since = time
    show()
  }

  private func endPhase(at time: Int) {
    totals[Int(position.phase.rawValue)] += time - since
    guard let trace else { return }
    endLayer(at: time)
    trace.add(.phase, position, from: since, to: time)
  }

  private func endLayer(at time: Int) {
    guard position.layer != nil else { return }
    trace?.add(.layer, position, from: layerSince, to: time)
  }

  private func beginLayer(_ layer: Int, _ phase: Phase) {
    if position.phase != phase {
      enter(phase)
      layerSince = since
    } else if trace != nil {
      let time = Self.now()
      endLayer(at: time)
      layerSince = time
    }
    position.layer = layer
    show()
  }

  @inline(__always)
  private func show() {
    events &+= 1
    slot.move(to: position.word, events: events)
  }

  // MARK: Steps

  /// Begins a step.
  ///
  /// - Parameter step: the step's number from 1.
  package func begin(step: Int) {
    // What came before ends here, so that nothing straddles the border.
    enter(.other)
    stepSince = since
    position.step = step
    position.microbatch = nil
    marks.base.update(from: totals.base, count: totals.count)
    slot.begin(step: step)
    show()
  }

  /// Ends a step.
  ///
  /// - Returns: where its time went on this rank.
  package func finishStep() -> StepTimes {
    enter(.other)
    slot.finishStep(nanoseconds: since - stepSince, phases: totals.base)
    trace?.add(.step, position, from: stepSince, to: since)
    func spent(_ phase: Phase) -> Int {
      totals[Int(phase.rawValue)] - marks[Int(phase.rawValue)]
    }
    return StepTimes(
      start: stepSince, finish: since, input: spent(.input),
      compute: spent(.forward) + spent(.backward),
      exchange: spent(.reduce) + spent(.wire) + spent(.publish), update: spent(.update))
  }

  /// Shows that a long phase gets on; `microbatch` is the piece it is at.
  func progress(_ microbatch: Int) {
    position.microbatch = microbatch
    show()
  }

  // MARK: Sums

  /// Seconds this rank waited for each rank by name inside the exchange, as far as that tells.
  package var waitSeconds: [Double] { waits.map { Double($0) * 1e-9 } }

  /// Seconds booked on `phase` so far.
  public func seconds(in phase: Phase) -> Double { Double(totals[Int(phase.rawValue)]) * 1e-9 }

  /// Seconds of every phase by name, in declaration order.
  public var table: [(phase: String, seconds: Double)] {
    Phase.allCases.map { ($0.name, seconds(in: $0)) }
  }
}

/// What a pass of the model tells, layer by layer.
extension StepClock: PassObserver {
  /// The forward pass begins a layer, by its place among the model's layers.
  public func forward(layer: Int) { beginLayer(layer, .forward) }

  /// The backward pass begins a layer.
  public func backward(layer: Int) { beginLayer(layer, .backward) }

  /// The gradients from this place in the canonical order to the end are final.
  public func gradientsFinal(from offset: Int) {
    trace?.mark(.ready, position, value: offset, at: Self.now())
  }
}

extension StepClock: ExchangeObserver {
  /// The exchange works on a bucket.
  public func began(_ stage: ExchangeStage, bucket: Int) {
    let phase: Phase =
      switch stage {
      case .reduce: .reduce
      case .wire: .wire
      case .publish: .publish
      }
    if position.phase != phase { enter(phase) }
    position.bucket = bucket
    show()
  }

  /// The exchange waits.
  public func waits(for peer: WaitPeer) {
    waitPeer = peer
    waitSince = Self.now()
    slot.wait(peer.word)
  }

  /// The exchange has what it waited for.
  public func wentOn() {
    if case .rank(let rank) = waitPeer, waits.indices.contains(rank) {
      waits[rank] += Self.now() - waitSince
    }
    waitPeer = nil
    slot.wait(0)
    show()
  }
}

/// A rank inside a collective waits, whatever it was doing before: one that spins there uses its core like one that
/// computes.
extension StepClock: CollectiveObserver {
  /// The rank waits for the others, if it does not show already for whom.
  public func joined() {
    if waitPeer == nil { slot.wait(WaitPeer.everyone.word) }
  }

  /// The rank goes on with what it did.
  public func left() { slot.wait(waitPeer?.word ?? 0) }
}
