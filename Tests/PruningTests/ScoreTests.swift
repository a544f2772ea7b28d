import Pruning
import Testing

struct ScoreTests {
  @Test func layerAdaptiveScoresAreThoseOfTheDefinition() {
    let weights: [Float] = [0.5, -2, 0, 1, -0.25, 2, -0.0]
    var scores = [Float](repeating: .nan, count: weights.count)
    LayerAdaptiveScores.write(weights, count: weights.count, into: &scores)
    // From the largest down: 2, -2, 1, 0.5, -0.25, of which the last of equals comes first.
    let squares: [Double] = [4, 4, 1, 0.25, 0.0625]
    var (sum, expected) = (0.0, [Float]())
    for square in squares {
      sum += square
      expected.append(Float(square / sum))
    }
    #expect([5, 1, 3, 0, 4].map { scores[$0] } == expected)
    #expect(scores[2] == 0 && scores[6] == 0 && scores[5] == 1)
  }

  @Test func nothingButZerosIsWorthNothing() {
    var scores: [Float] = [1, 1]
    LayerAdaptiveScores.write([0, -0.0], count: 2, into: &scores)
    #expect(scores == [0, 0])
  }

  @Test func signedScoresKeepTheirOrder() {
    let rising: [Float] = [
      -.greatestFiniteMagnitude, -1e20, -2, -1, -1e-20, -.leastNormalMagnitude, 0,
      .leastNormalMagnitude, 1e-20, 1, 2, 1e20, .greatestFiniteMagnitude,
    ]
    let keys = rising.map { SignedScores.ordered($0).bitPattern }
    #expect(keys.first ?? 0 > 0, "only the dead are 0")
    #expect(zip(keys, keys.dropFirst()).allSatisfy { $0 < $1 }, "\(keys)")
    #expect(keys.allSatisfy { $0 < Float.infinity.bitPattern })
    #expect(SignedScores.ordered(-0.0).bitPattern == SignedScores.ordered(0).bitPattern)
    #expect(SignedScores.ordered(.nan).isNaN && SignedScores.ordered(-.infinity).isNaN)
  }
}
