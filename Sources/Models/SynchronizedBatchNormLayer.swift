import Tensors

/// A batch norm whose statistics are those of a whole group of microbatches.
///
/// Each member gives the moments of its own rows, in Float64; all of them are combined in member
/// order, so the bits depend on the group alone and not on who computes which member. A group of one
/// member gives the bits of a plain ``BatchNormLayer``.
final class SynchronizedBatchNormLayer: Layer {
  private let plain: BatchNormLayer
  /// How many synchronised layers come before this one.
  private let ordinal: Int
  /// One Float64: the rows of the group in the last forward pass.
  private let count: Region

  var input: Value { plain.input }
  var output: Value { plain.output }
  /// The statistics are kept.
  var tape: Tape { .none }

  /// A batch norm like `plain`, with a group's statistics when training.
  init(_ plain: BatchNormLayer, ordinal: Int, count: Region) {
    self.plain = plain
    self.ordinal = ordinal
    self.count = count
  }

  /// The longest row of a layer of so many channels: a count, means, squares.
  static func width(channels: Int) -> Int { 1 + 2 * channels }

  func forward(_ group: Group) {
    let first = group.passes[0]
    guard first.training else {
      for pass in group.passes { plain.forward(pass) }
      return
    }
    let width = Self.width(channels: plain.channels)
    for pass in group.passes {
      let row = group.rows + pass.member * width
      let rows = pass.count(plain.rows)
      row[0] = Double(rows)
      guard rows > 0 else {
        row.update(repeating: 0, count: width)
        continue
      }
      Kernels.batchNormMoments(
        rows: rows, channels: plain.channels, x: pass.floats(input.place), mean: row + 1,
        squares: row + 1 + plain.channels)
    }
    group.meet(point: ordinal, width: width)
    combineMoments(group, into: first)
    // The statistics lie in the arena of the first lane only.
    for pass in group.passes {
      plain.apply(pass, mean: first.floats(plain.mean), variance: first.floats(plain.variance))
    }
  }

  func forwardAgain(_ group: Group, needsOutput: Bool) {
    guard needsOutput, let first = group.passes.first else { return }
    for pass in group.passes {
      plain.apply(pass, mean: first.floats(plain.mean), variance: first.floats(plain.variance))
    }
  }

  /// Adds up moments in member order (Chan, Golub and LeVeque 1979).
  private func combineMoments(_ group: Group, into first: Pass) {
    let channels = plain.channels
    let width = Self.width(channels: channels)
    let mean = first.floats(plain.mean)
    let variance = first.floats(plain.variance)
    var total = 0.0
    for member in 0..<group.members { total += group.rows[member * width] }
    first.doubles(count)[0] = total
    guard total > 0 else { return }
    for channel in 0..<channels {
      var row = UnsafePointer(group.rows)
      var (n, centre, squares) = (row[0], row[1 + channel], row[1 + channels + channel])
      for _ in 1..<group.members {
        row += width
        let distance = row[1 + channel] - centre
        let sum = n + row[0]
        guard sum > 0 else { continue }
        centre += distance * (row[0] / sum)
        squares += row[1 + channels + channel] + distance * distance * (n * row[0] / sum)
        n = sum
      }
      mean[channel] = Float(centre)
      let biased = Float(squares / total)
      variance[channel] = biased < 0 ? 0 : biased  // rounding may leave less than nothing
    }
  }

  func planBackward(_ gradient: Gradient, _ slabs: inout SlabPlan) -> Gradient? {
    plain.planBackward(gradient, &slabs)
  }

  func backward(_ group: Group) {
    let first = group.passes[0]
    let mean = UnsafePointer(first.floats(plain.mean))
    let variance = UnsafePointer(first.floats(plain.variance))
    let total = Int(first.doubles(count)[0])
    let width = 2 * plain.channels
    for pass in group.passes {
      let row = group.rows + pass.member * width
      plain.sumGradients(
        pass, mean: mean, variance: variance, sums: row, products: row + plain.channels)
      if total > 0 {
        plain.writeStatistics(pass, mean: mean, variance: variance, ofGroup: total)
      } else {
        plain.writeStatistics(pass)
      }
    }
    group.meet(point: 2 * group.synchronizedLayers - 1 - ordinal, width: width)
    // In member order, into the first member's row.
    for member in 1..<group.members {
      for place in 0..<width { group.rows[place] += group.rows[member * width + place] }
    }
    for pass in group.passes {
      plain.spreadGradients(
        pass, mean: mean, variance: variance, ofGroup: total, sums: group.rows,
        products: group.rows + plain.channels)
    }
  }
}
