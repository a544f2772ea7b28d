import Buffers
import Datasets
import Models

/// The recurrent states that are carried along streams of samples, of the microbatches that a rank computes.
///
/// With B streams side by side, sample b of a step goes on where sample b of the step before ended. Its state, a row
/// of the model's `carriedWidth` floats, belongs to that place of the batch and to no rank: the rows of all places,
/// in their order, are one array `[B, width]`, of which each rank holds those that it computes.
final class StreamStates {
  /// The name of the array in a checkpoint.
  static let arrayName = "carried"

  /// The scalars of the whole array, over all ranks.
  let count: Int
  private let width: Int
  private let values: HostBuffer<Float>
  private var slots: [Slot] = []
  /// Where a microbatch's number in its step is found in `slots`.
  private var places: [Int: Int] = [:]

  /// The samples of one microbatch of a step.
  private struct Slot {
    /// Its first sample's row in the array.
    let row: Int
    let samples: Int
    /// Where its two halves begin: what its next pass begins with, and room for what that ends with.
    let start: Int
    /// The half to begin with: 0 or 1.
    var turn = 0
  }

  /// States of zeros; nil where the model carries nothing.
  ///
  /// - Parameters:
  ///   - model: says how wide a row is.
  ///   - plan: how streams fall into microbatches; every step is full.
  ///   - numbers: the microbatches of a step that this rank computes.
  init?(_ model: Model, _ plan: BatchPlan, microbatches numbers: [Int]) {
    guard model.carriedWidth > 0 else { return nil }
    width = model.carriedWidth
    count = plan.global * width
    var floats = 0
    for number in numbers {
      let positions = plan.positions(step: 0, microbatch: number)
      places[number] = slots.count
      slots.append(Slot(row: positions.lowerBound, samples: positions.count, start: floats))
      floats += 2 * positions.count * width
    }
    values = HostBuffer(count: floats)
  }

  /// Bytes that the states of `samples` places take.
  static func bytes(_ model: Model, samples: Int) -> Int {
    2 * samples * model.carriedWidth * MemoryLayout<Float>.stride
  }

  /// Begins all streams anew.
  func clear() { values.all.update(repeating: 0) }

  /// What a microbatch begins with, and room for what it ends with; taken over by ``advance(_:)``.
  func state(ofMicrobatch number: Int) -> CarriedState {
    let slot = slots[place(number)]
    let size = slot.samples * width
    let start = values.base + slot.start
    return CarriedState(before: start + slot.turn * size, after: start + (1 - slot.turn) * size)
  }

  /// Lets a microbatch's next pass begin with what the last one ended with.
  func advance(_ number: Int) { slots[place(number)].turn ^= 1 }

  /// The same for all microbatches of this rank.
  func advance() {
    for place in slots.indices { slots[place].turn ^= 1 }
  }

  /// This rank's rows, by their place in the whole array.
  var parts: [(range: Range<Int>, base: UnsafeMutablePointer<Float>)] {
    slots.map { slot in
      let size = slot.samples * width
      let range = slot.row * width..<slot.row * width + size
      return (range, values.base + slot.start + slot.turn * size)
    }
  }

  private func place(_ number: Int) -> Int {
    guard let place = places[number] else {
      preconditionFailure("microbatch \(number) belongs to another rank")
    }
    return place
  }
}
