import Tensors
import Testing

@Suite("Orthogonal matrices")
struct OrthogonalTests {
  @Test("Every block has orthonormal rows and columns", arguments: [1, 2, 7, 8, 33, 120])
  func orthonormal(size: Int) {
    let blocks = 3
    let values = GuardedFloats(blocks * size * size)
    let random = CounterRandom(seed: 4, purpose: .initialization, stream: 9)
    random.fillOrthogonal(blocks: blocks, size: size, values.base)
    for block in 0..<blocks {
      let base = values.base + block * size * size
      for a in 0..<size {
        for b in 0...a {
          var (rows, columns) = (0.0, 0.0)
          for k in 0..<size {
            rows += Double(base[a * size + k]) * Double(base[b * size + k])
            columns += Double(base[k * size + a]) * Double(base[k * size + b])
          }
          let wanted = a == b ? 1.0 : 0.0
          #expect(abs(rows - wanted) <= 3e-7 && abs(columns - wanted) <= 3e-7)
        }
      }
    }
  }

  @Test("Blocks differ and follow the seed")
  func repeatable() {
    func draw(_ seed: UInt64) -> [Float] {
      var values = [Float](repeating: 0, count: 2 * 25)
      CounterRandom(seed: seed, purpose: .initialization).fillOrthogonal(
        blocks: 2, size: 5, &values)
      return values
    }
    let values = draw(1)
    #expect(values[0..<25] != values[25...])
    #expect(values == draw(1))
    #expect(values != draw(2))
    // The first row is the first normal numbers, made one long.
    let random = CounterRandom(seed: 1, purpose: .initialization)
    let normal = (0..<5).map { Double(random.normal(at: $0)) }
    let length = normal.reduce(0) { $0 + $1 * $1 }.squareRoot()
    for (found, wanted) in zip(values, normal) {
      #expect(abs(Double(found) - wanted / length) <= 1e-7)
    }
  }
}
