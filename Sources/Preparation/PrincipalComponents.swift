import BLAS
import Configuration

/// The leading principal components of the samples of a training split.
///
/// With the covariance C = (1/n) Σ (x - μ)(x - μ)ᵀ of n samples of D numbers, its eigenvectors v of the
/// largest eigenvalues are the directions of most variance; x̂ = μ + Σ v vᵀ (x - μ) is what they hold of x
/// (Pearson 1901).
struct PrincipalComponents: Equatable {
  /// μ, D numbers.
  let mean: [Double]
  /// One row of D numbers, of length 1, for each component, that of most variance first.
  let vectors: [Double]
  /// The share of the variance that the components hold; 1 where nothing varies.
  let share: Double

  /// The most numbers of a sample: the covariance and the solver's work space take 24 · D² bytes.
  static let mostNumbers = 4096

  /// The number of components.
  var count: Int { vectors.count / max(1, mean.count) }

  /// Finds the components of the training samples; the ranks share the sums, and rank 0 solves.
  ///
  /// The sums are taken over the same parts of the samples on any number of ranks and added in the order
  /// of the parts. Those of bytes are whole numbers below 2^53, so they are exact besides.
  ///
  /// - Parameters:
  ///   - choice: how many are kept.
  ///   - size: D.
  ///   - rows: the training samples, at least one.
  ///   - crew: the ranks.
  ///   - read: writes one sample's D numbers.
  /// - Returns: the same components on every rank; nil where the eigenvalues were not found.
  /// - Throws: what `read` or the exchange throws.
  static func find(
    _ choice: ComponentChoice, size: Int, rows: [Int], _ crew: Crew,
    _ read: (Int, UnsafeMutablePointer<Double>) throws -> Void
  ) throws -> PrincipalComponents? {
    let moments = try SampleMoments.gather(size: size, rows: rows, crew, read)
    let solved = moments.flatMap { $0.components(choice, samples: rows.count) }
    // What rank 0 found: share, mean and vectors; nothing where it found nothing.
    let numbers = solved.map { [$0.share] + $0.mean + $0.vectors } ?? []
    let common = [Double](bytes: try crew.exchange.broadcastBytes(numbers.bytes))
    guard common.count > size else { return nil }
    return PrincipalComponents(
      mean: Array(common[1...size]), vectors: Array(common[(size + 1)...]), share: common[0])
  }

  /// Replaces a sample by what the components hold of it.
  ///
  /// - Parameter sample: D numbers.
  func project(_ sample: UnsafeMutablePointer<Double>) {
    let size = mean.count
    vectors.withUnsafeBufferPointer { vectors in
      withUnsafeTemporaryAllocation(of: Double.self, capacity: size) { centered in
        for place in 0..<size {
          centered[place] = sample[place] - mean[place]
          sample[place] = mean[place]
        }
        for start in stride(from: 0, to: vectors.count, by: max(1, size)) {
          var score = 0.0
          for place in 0..<size { score += vectors[start + place] * centered[place] }
          for place in 0..<size { sample[place] += score * vectors[start + place] }
        }
      }
    }
  }
}

/// Sums and products of samples, less a fixed one so that no digits are lost to a large mean.
private struct SampleMoments {
  /// What every sample is lessened by: the first training sample.
  let origin: [Double]
  /// Σ (x - origin), D numbers.
  var sums: [Double]
  /// Σ (x - origin)(x - origin)ᵀ, `[D, D]`, of which the lower triangle counts.
  var products: [Double]

  /// Parts that the samples are dealt to, whatever the ranks.
  private static let parts = 16
  /// Samples of one matrix product.
  private static let blockRows = 64

  private init(origin: [Double]) {
    self.origin = origin
    sums = Array(repeating: 0, count: origin.count)
    products = Array(repeating: 0, count: origin.count * origin.count)
  }

  /// The moments of all samples on rank 0, nil elsewhere.
  static func gather(
    size: Int, rows: [Int], _ crew: Crew,
    _ read: (Int, UnsafeMutablePointer<Double>) throws -> Void
  ) throws -> SampleMoments? {
    var origin = [Double](repeating: 0, count: size)
    try origin.withUnsafeMutableBufferPointer { buffer in
      if let base = buffer.baseAddress { try read(rows[0], base) }
    }
    var total = SampleMoments(origin: origin)
    for first in stride(from: 0, to: parts, by: crew.ranks) {
      let part = first + crew.rank
      var own: [UInt8] = []
      if part < parts {
        var moments = SampleMoments(origin: origin)
        let range = part * rows.count / parts..<(part + 1) * rows.count / parts
        try moments.add(rows[range], read)
        own = moments.packed
      }
      for packed in try crew.exchange.gatherBytes(own) ?? [] where !packed.isEmpty {
        total.add(packed: [Double](bytes: packed))
      }
    }
    return crew.rank == 0 ? total : nil
  }

  private mutating func add(
    _ rows: ArraySlice<Int>, _ read: (Int, UnsafeMutablePointer<Double>) throws -> Void
  ) throws {
    let size = origin.count
    var block = [Double](repeating: 0, count: SampleMoments.blockRows * size)
    for start in stride(from: rows.startIndex, to: rows.endIndex, by: SampleMoments.blockRows) {
      let end = min(start + SampleMoments.blockRows, rows.endIndex)
      try block.withUnsafeMutableBufferPointer { block in
        guard let base = block.baseAddress else { return }
        for (place, row) in rows[start..<end].enumerated() {
          let sample = base + place * size
          try read(row, sample)
          for index in 0..<size {
            sample[index] -= origin[index]
            sums[index] += sample[index]
          }
        }
        products.withUnsafeMutableBufferPointer { products in
          guard let target = products.baseAddress else { return }
          BLAS.addGram(size: size, inner: end - start, base, into: target)
        }
      }
    }
  }

  /// The sums and the lower triangle.
  private var packed: [UInt8] {
    let size = origin.count
    var numbers = sums
    numbers.reserveCapacity(size + size * (size + 1) / 2)
    for row in 0..<size { numbers += products[row * size...row * size + row] }
    return numbers.bytes
  }

  private mutating func add(packed numbers: [Double]) {
    let size = origin.count
    for index in 0..<size { sums[index] += numbers[index] }
    var next = size
    for row in 0..<size {
      for column in 0...row {
        products[row * size + column] += numbers[next]
        next += 1
      }
    }
  }

  /// Solves for the components; nil where the solver fails.
  func components(_ choice: ComponentChoice, samples: Int) -> PrincipalComponents? {
    let size = origin.count
    let count = Double(samples)
    var matrix = products
    var variance = 0.0
    for row in 0..<size {
      for column in 0...row {
        let product = products[row * size + column] - sums[row] * sums[column] / count
        matrix[row * size + column] = product / count
      }
      variance += matrix[row * size + row]
    }
    var values = [Double](repeating: 0, count: size)
    let isSolved = matrix.withUnsafeMutableBufferPointer { matrix in
      values.withUnsafeMutableBufferPointer { values in
        guard let base = matrix.baseAddress, let target = values.baseAddress else { return true }
        return BLAS.eigenvectors(size: size, base, values: target)
      }
    }
    guard isSolved else { return nil }
    var (kept, held) = (0, 0.0)
    while kept < size, values[size - 1 - kept] > 0, choice.wants(after: kept, held, of: variance) {
      held += values[size - 1 - kept]
      kept += 1
    }
    return PrincipalComponents(
      mean: zip(origin, sums).map { $0 + $1 / count },
      vectors: (0..<kept).flatMap { matrix[(size - 1 - $0) * size..<(size - $0) * size] },
      share: variance > 0 ? min(1, held / variance) : 1)
  }
}

extension ComponentChoice {
  /// Whether another component is kept after `kept` ones that hold `held` of the variance.
  fileprivate func wants(after kept: Int, _ held: Double, of variance: Double) -> Bool {
    switch self {
    case .energy(let share): held < share * variance
    case .count(let count): kept < count
    }
  }
}

extension [Double] {
  /// The numbers end to end.
  var bytes: [UInt8] { withUnsafeBytes { Array<UInt8>($0) } }

  /// The numbers that ``bytes`` made.
  init(bytes: [UInt8]) {
    self = bytes.withUnsafeBytes { raw in
      (0..<raw.count / 8).map { raw.loadUnaligned(fromByteOffset: $0 * 8, as: Double.self) }
    }
  }
}
