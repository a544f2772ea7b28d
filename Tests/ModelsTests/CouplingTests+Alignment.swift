import Models
import Testing

/// The distance of covariances.
extension CouplingTests {
  /// One step over a batch of one microbatch whose covariances are drawn together; the whole objective.
  func align(_ bench: Bench, _ coupling: Coupling) -> Double {
    let (model, parameters) = (bench.model, UnsafePointer(bench.store.base))
    let batch = CovarianceAlignment(capacity: model.capacity, width: coupling.width)
    model.embed(bench.microbatch, parameters, step: 4)
    for sample in 0..<bench.microbatch.count {
      guard let pair = model.pair(ofSample: sample) else { continue }
      batch.append(first: pair.first, second: pair.second)
    }
    let loss = batch.measure()
    var first = [Float](repeating: 0, count: batch.count * coupling.width)
    var second = first
    first.withUnsafeMutableBufferPointer { first in
      second.withUnsafeMutableBufferPointer { second in
        guard let first = first.baseAddress, let second = second.baseAddress else { return }
        batch.gradient(
          0..<batch.count, factor: coupling.weight, first: first, second: second)
        model.train(
          bench.microbatch, parameters, normalizers: bench.normalizers, step: 4,
          coupled: CouplingGradient(first: first, second: second, logScale: 0),
          into: &bench.gradients)
      }
    }
    return bench.objective + coupling.weight * loss
  }

  @Test func theAlignmentIsTheDistanceOfCovariances() {
    let (count, width) = (37, 5)
    let draw = Draw(count: count, width: width)
    let batch = CovarianceAlignment(capacity: count, width: width)
    for pair in 0..<count {
      draw.vectors[0].withUnsafeBufferPointer { first in
        draw.vectors[1].withUnsafeBufferPointer { second in
          guard let first = first.baseAddress, let second = second.baseAddress else { return }
          batch.append(first: first + pair * width, second: second + pair * width)
        }
      }
    }
    func covariance(_ side: Int, _ a: Int, _ b: Int) -> Double {
      func value(_ pair: Int, _ place: Int) -> Double {
        Double(draw.vectors[side][pair * width + place])
      }
      func mean(_ place: Int) -> Double {
        (0..<count).reduce(0) { $0 + value($1, place) } / Double(count)
      }
      let sum = (0..<count).reduce(0) {
        $0 + (value($1, a) - mean(a)) * (value($1, b) - mean(b))
      }
      return sum / Double(count - 1)
    }
    var expected = 0.0
    for a in 0..<width {
      for b in 0..<width {
        let difference = covariance(0, a, b) - covariance(1, a, b)
        expected += difference * difference / Double(4 * width * width)
      }
    }
    #expect(expected > 1e-5 && abs(batch.measure() - expected) < 1e-12)
    batch.removeAll()
    #expect(batch.measure() == 0, "no pairs have no covariance")
  }
}
