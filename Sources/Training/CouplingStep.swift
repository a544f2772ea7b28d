import Buffers
import Datasets
import Exchange
import Glibc
import Models
import Tensors

/// The first pass of a step whose model has a coupling: all ranks come to know all pairs of the batch.
///
/// Vectors go to the ranks by one ``SharedTable``, in microbatch order. For a contrast every rank then computes
/// the log sums of its own microbatches' rows and columns, and a second table brings them to all; covariances
/// are computed by every rank from all vectors. Now every rank computes the gradient of its own pairs, what
/// they are to others included. All of it depends on the batch and on microbatches, so the bits do not depend
/// on ranks.
final class CouplingStep {
  /// The vectors: d Float64 that hold 2 d floats, then presence, identity and correction of a sample.
  let rows: SharedTable
  /// Two log sums for each sample, then loss and slope of a microbatch; nil without a contrast.
  let sums: SharedTable?

  private let coupling: Coupling
  private let capacity: Int
  private let batch: Batch
  private let popularity: Popularity?
  private let first, second: HostBuffer<Float>
  /// Where the pairs of each microbatch begin.
  private let starts: HostBuffer<Int>
  private var scale = 1.0
  private var slope = 0.0
  private var microbatches = 0
  private var rowParts: [Int: SharedTable.Parts] = [:]
  private var sumParts: [Int: SharedTable.Parts] = [:]

  /// All pairs of the step, by what is made of them.
  private enum Batch {
    case contrast(ContrastiveBatch)
    case alignment(CovarianceAlignment)

    var count: Int {
      switch self {
      case .contrast(let batch): batch.count
      case .alignment(let batch): batch.count
      }
    }
  }

  /// The loss of the batch before its weight, for a contrast the mean over pairs; 0 without a pair.
  private(set) var loss = 0.0

  /// Collective on the node; nil where the model has no coupling.
  init?(_ exchange: Exchange, _ setUp: TrainingSetUp) throws {
    guard let coupling = setUp.model.coupling else { return nil }
    self.coupling = coupling
    capacity = setUp.plan.micro
    let most = setUp.plan.microbatchCount(ofStep: 0)
    let (pairs, width) = (setUp.plan.global, coupling.width)
    switch coupling.objective {
    case .contrast:
      batch = .contrast(
        ContrastiveBatch(
          capacity: pairs, width: width, rows: capacity, masks: coupling.maskIndex != nil))
    case .alignment:
      batch = .alignment(CovarianceAlignment(capacity: pairs, width: width))
    }
    popularity = try coupling.popularityIndex.map { try Popularity(of: $0, in: setUp.training) }
    first = HostBuffer(count: capacity * coupling.width)
    second = HostBuffer(count: capacity * coupling.width)
    starts = HostBuffer(count: most + 1)
    rows = try SharedTable(
      exchange.node, count: most * capacity * (coupling.width + 3), name: "aimass-pairs")
    guard coupling.objective == .contrast else {
      sums = nil
      return
    }
    sums = try SharedTable(
      exchange.node, count: most * (2 * capacity + 2), name: "aimass-contrast")
  }

  private var rowWidth: Int { coupling.width + 3 }
  private var sumWidth: Int { 2 * capacity + 2 }

  /// Writes what the model's last pass found for a microbatch into the table of vectors.
  func write(_ microbatch: Microbatch, _ model: Model) {
    let width = coupling.width
    for sample in 0..<microbatch.count {
      let row = rows.values + (microbatch.index * capacity + sample) * rowWidth
      guard let pair = model.pair(ofSample: sample) else {
        row[width] = 0
        continue
      }
      // Two floats take the place of one Float64; nothing computes with it.
      let floats = UnsafeMutableRawPointer(row).assumingMemoryBound(to: Float.self)
      floats.update(from: pair.first, count: width)
      (floats + width).update(from: pair.second, count: width)
      row[width] = 1
      row[width + 1] = Double(
        bitPattern: coupling.maskIndex.map { UInt64(bitPattern: microbatch.integers($0)[sample]) }
          ?? 0)
      row[width + 2] =
        popularity.map {
          Double($0.correction(microbatch.integers($0.field)[sample]))
        } ?? 0
    }
  }

  /// Takes the pairs of the joined table, `samples(k)` samples of microbatch k.
  func gather(_ microbatches: Int, scale: Double, samples: (Int) -> Int) {
    self.microbatches = microbatches
    self.scale = scale
    switch batch {
    case .contrast(let batch): batch.removeAll()
    case .alignment(let batch): batch.removeAll()
    }
    for index in 0..<microbatches {
      starts[index] = batch.count
      for sample in 0..<samples(index) { append(index * capacity + sample) }
    }
    starts[microbatches] = batch.count
  }

  private func append(_ place: Int) {
    let width = coupling.width
    let row = rows.values + place * rowWidth
    guard row[width] == 1 else { return }
    let floats = UnsafeRawPointer(row).assumingMemoryBound(to: Float.self)
    switch batch {
    case .contrast(let batch):
      batch.append(
        first: floats, second: floats + width,
        identity: Int64(bitPattern: row[width + 1].bitPattern), correction: Float(row[width + 2]))
    case .alignment(let batch): batch.append(first: floats, second: floats + width)
    }
  }

  /// The pairs of a microbatch.
  private func pairs(_ microbatch: Int) -> Range<Int> {
    starts[microbatch]..<starts[microbatch + 1]
  }

  /// Computes the sums of a microbatch of this rank and writes them into their table.
  func measure(_ microbatch: Int, into sums: SharedTable) {
    guard case .contrast(let batch) = batch else { return }
    let own = pairs(microbatch)
    let found = batch.measure(own, scale: scale)
    let target = sums.values + microbatch * sumWidth
    for (place, pair) in own.enumerated() {
      let logSums = batch.logSums(pair)
      target[2 * place] = Double(logSums.row)
      target[2 * place + 1] = Double(logSums.column)
    }
    target[sumWidth - 2] = found.loss
    target[sumWidth - 1] = found.slope
  }

  /// Takes the sums of the joined table, or compares covariances.
  func finish() {
    switch batch {
    case .contrast(let batch): if let sums { finish(batch, sums) }
    case .alignment(let batch): loss = batch.measure()
    }
  }

  private func finish(_ batch: ContrastiveBatch, _ sums: SharedTable) {
    var loss = 0.0
    slope = 0
    for index in 0..<microbatches {
      let source = sums.values + index * sumWidth
      for (place, pair) in pairs(index).enumerated() {
        batch.setLogSums(
          pair, row: Float(source[2 * place]), column: Float(source[2 * place + 1]))
      }
      loss += source[sumWidth - 2]
      slope += source[sumWidth - 1]
    }
    self.loss = batch.count > 0 ? loss / Double(batch.count) : 0
  }

  /// The gradient of a microbatch's pairs; valid until the next call.
  func gradient(_ microbatch: Int, _ parameters: UnsafePointer<Float>) -> CouplingGradient {
    guard case .contrast(let batch) = batch, let sums else {
      return alignment(pairs(microbatch))
    }
    let factor = coupling.weight / Double(max(1, batch.count))
    batch.gradient(
      pairs(microbatch), scale: scale, factor: factor, first: first.base, second: second.base)
    let moves = coupling.scaleMoves(parameters, slope: slope)
    let own = sums.values[microbatch * sumWidth + sumWidth - 1]
    return CouplingGradient(
      first: first.base, second: second.base, logScale: moves ? Float(factor * own) : 0)
  }

  private func alignment(_ own: Range<Int>) -> CouplingGradient {
    if case .alignment(let batch) = batch {
      batch.gradient(own, factor: coupling.weight, first: first.base, second: second.base)
    }
    return CouplingGradient(first: first.base, second: second.base, logScale: 0)
  }

  /// Which node writes which vectors in the step of `deal`.
  func rowParts(of deal: Deal) -> SharedTable.Parts {
    Self.parts(of: deal, capacity * rowWidth, in: &rowParts)
  }

  /// Which node writes which sums in the step of `deal`.
  func sumParts(of deal: Deal) -> SharedTable.Parts {
    Self.parts(of: deal, sumWidth, in: &sumParts)
  }

  private static func parts(
    of deal: Deal, _ width: Int, in known: inout [Int: SharedTable.Parts]
  ) -> SharedTable.Parts {
    if let made = known[deal.microbatches] { return made }
    let made = SharedTable.Parts(
      deal.runs.map { [$0.lowerBound * width..<$0.upperBound * width] })
    known[deal.microbatches] = made
    return made
  }
}

/// How often each id occurs in a split.
struct Popularity {
  /// The field of ids.
  let field: Int
  private var counts: [Int64: Float] = [:]
  private let samples: Int

  /// Counts the ids of a field with one id a sample.
  ///
  /// - Throws: `DatasetError` if reading fails.
  init(of field: Int, in split: Split) throws {
    self.field = field
    samples = split.count
    let block = Microbatch(
      capacity: min(split.count, 4096), fields: split.fields, numbersOf: [field])
    for first in stride(from: 0, to: split.count, by: block.capacity) {
      block.count = min(block.capacity, split.count - first)
      for index in 0..<block.count { block.sampleNumbers[index] = Int64(first + index) }
      try split.fill(block)
      let ids = block.integers(field)
      for index in 0..<block.count { counts[ids[index], default: 0] += 1 }
    }
  }

  /// ln q of an id, q its share of the samples.
  func correction(_ id: Int64) -> Float {
    Float(log(Double(counts[id] ?? 1) / Double(samples)))
  }
}
