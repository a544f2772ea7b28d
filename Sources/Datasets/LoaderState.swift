import Foundation
import Tensors

/// What the consumer and the input thread share, under one lock.
final class LoaderState: @unchecked Sendable {
  private let split: Split
  private let readers: Int
  private let condition = NSCondition()
  private var free: [Microbatch]
  private var ready: [Microbatch] = []
  private var failure: DatasetError?
  private var isCancelled = false
  /// Whether the input thread sleeps because everything was ready.
  private var isResting = false
  private let count: Int
  private var isFinished = true
  private var order: Sampler?
  private var request: (@Sendable (Int) -> BatchRequest?)?

  init(_ split: Split, _ batches: [Microbatch], readers: Int) {
    (self.split, self.readers) = (split, readers)
    free = batches
    count = batches.count
    // Arrays that never grow never allocate.
    ready.reserveCapacity(batches.count)
  }

  /// Prepares a new series; no thread is running.
  func begin(_ order: Sampler?, _ request: @escaping @Sendable (Int) -> BatchRequest?) {
    condition.lock()
    defer { condition.unlock() }
    free.append(contentsOf: ready)
    ready.removeAll(keepingCapacity: true)
    failure = nil
    isCancelled = false
    isResting = false
    isFinished = false
    self.order = order
    self.request = request
  }

  /// The body of the input thread.
  ///
  /// - Returns: processor seconds of the threads that read ahead.
  func run() -> Double {
    let ahead = ReadAhead(threads: readers)
    let schedule = InputSchedule(split, order, ahead) { [request] in request?($0) }
    split.makeRoom(for: order)
    split.begin()
    while let wanted = schedule.next(), let microbatch = take() {
      do throws(DatasetError) {
        try fill(microbatch, wanted)
        finish(microbatch, nil)
      } catch {
        finish(microbatch, error)
        break
      }
    }
    split.reach(.max)
    condition.lock()
    isFinished = true
    request = nil
    condition.broadcast()
    condition.unlock()
    return ahead.stop()
  }

  /// Ends the series early.
  func cancel() {
    condition.lock()
    isCancelled = true
    condition.broadcast()
    condition.unlock()
  }

  /// The next ready microbatch; `waited` becomes the seconds until it was.
  func next(_ waited: inout Double) throws(DatasetError) -> Microbatch? {
    condition.lock()
    defer { condition.unlock() }
    if ready.isEmpty, !isFinished {
      let start = clock()
      rouse(atLeast: 1)
      while ready.isEmpty, !isFinished { condition.wait() }
      waited = clock() - start
    }
    if !ready.isEmpty { return ready.removeFirst() }
    if let failure { throw failure }
    return nil
  }

  /// Takes a microbatch back.
  func recycle(_ microbatch: Microbatch) {
    condition.lock()
    free.append(microbatch)
    // Waking a thread costs more than filling a small microbatch: it is woken for several.
    rouse(atLeast: ready.isEmpty ? 1 : max(1, count / 2))
    condition.unlock()
  }

  /// Wakes the input thread if it rests and has so many microbatches to fill.
  private func rouse(atLeast least: Int) {
    guard isResting, free.count >= least else { return }
    isResting = false
    condition.broadcast()
  }

  private func clock() -> Double {
    var time = timespec()
    clock_gettime(CLOCK_MONOTONIC, &time)
    return Double(time.tv_sec) + Double(time.tv_nsec) * 1e-9
  }

  /// A microbatch to fill, waiting for one; nil when cancelled.
  private func take() -> Microbatch? {
    condition.lock()
    defer { condition.unlock() }
    if free.isEmpty { isResting = true }
    while isResting, !isCancelled { condition.wait() }
    return isCancelled ? nil : free.removeLast()
  }

  private func finish(_ microbatch: Microbatch, _ error: DatasetError?) {
    condition.lock()
    if let error {
      failure = error
      free.append(microbatch)
    } else {
      ready.append(microbatch)
    }
    condition.broadcast()
    condition.unlock()
  }

  private func fill(_ microbatch: Microbatch, _ wanted: BatchRequest) throws(DatasetError) {
    precondition(wanted.positions.count <= microbatch.capacity, "\(wanted) exceeds the capacity")
    microbatch.count = wanted.positions.count
    microbatch.index = wanted.index
    microbatch.step = wanted.step
    if let order {
      order.samples(at: wanted.positions, epoch: wanted.epoch, into: microbatch.sampleNumbers)
    } else {
      for (index, position) in wanted.positions.enumerated() {
        microbatch.sampleNumbers[index] = Int64(position)
      }
    }
    try split.fill(microbatch)
    order?.completeNegatives(in: microbatch)
  }
}
