import Foundation
import Tensors
import Testing

@Suite("Reading labels from rows")
struct CTCDecoderTests {
  private func logits(_ classes: [Int], of count: Int) -> [Float] {
    classes.flatMap { best in (0..<count).map { $0 == best ? 3 : 0 } }
  }

  @Test("The best path merges repeats and drops blanks")
  func greedy() {
    let decoder = CTCDecoder(classes: 4, blank: 2)
    func read(_ path: [Int]) -> [Int64] {
      var labels = [Int64](repeating: -1, count: path.count + 1)
      let count = decoder.greedy(
        steps: path.count, logits: logits(path, of: 4), into: &labels)
      return Array(labels[..<count])
    }
    #expect(read([]) == [])
    #expect(read([2, 2]) == [])
    #expect(read([0, 0, 2, 0, 1, 1, 3, 2]) == [0, 0, 1, 3])
  }

  /// All label sequences of up to `steps` labels.
  private func sequences(_ steps: Int, _ labels: [Int]) -> [[Int]] {
    (0..<steps).reduce(into: [[]]) { all, length in
      all += all.filter { $0.count == length }.flatMap { prefix in labels.map { prefix + [$0] } }
    }
  }

  @Test(
    "A beam wide enough finds the best labels of all, with exact probabilities", arguments: 1...6)
  func exact(seed: UInt64) {
    let (steps, classes) = (4, 3)
    let logits = GuardedFloats(random: steps * classes, seed: seed).array.map { 2 * $0 }
    let decoder = CTCDecoder(classes: classes, blank: 1)
    func language(_ prefix: [Int], _ next: Int) -> Double {
      next == 0 ? -0.3 * Double(prefix.count) : -0.5
    }
    func score(_ labels: [Int]) -> Double {
      let p = -Reference.ctc(
        steps: steps, classes: classes, logits: logits.map(Double.init), labels: labels, blank: 1)
      return labels.indices.reduce(p) {
        $0 + 0.7 + language(Array(labels[..<$1]), labels[$1])
      }
    }
    let all = sequences(steps, [0, 2]).map { ($0, score($0)) }.sorted { $0.1 > $1.1 }
    let found = decoder.beam(
      steps: steps, logits: logits, width: 1_000, lengthBonus: 0.7, language: language)
    #expect(found.count == all.filter { $0.1 > -.infinity }.count)
    for (found, wanted) in zip(found, all) {
      #expect(found.labels == wanted.0)
      #expect(abs(found.score - wanted.1) <= 1e-9)
    }
    let total = found.reduce(0) { $0 + exp($1.logProbability) }
    #expect(abs(total - 1) <= 1e-9)
  }

  @Test("A beam adds up paths where the best path does not")
  func sums() {
    // Two rows in which blank is the likeliest class and yet one label the likeliest reading.
    let logits: [Float] = [0.6, 0.4, 0.6, 0.4].map { logf($0) }
    let decoder = CTCDecoder(classes: 2)
    var labels: [Int64] = [-1, -1]
    #expect(decoder.greedy(steps: 2, logits: logits, into: &labels) == 0)
    let best = decoder.beam(steps: 2, logits: logits, width: 8)[0]
    #expect(best.labels == [1])
    #expect(abs(best.logProbability - log(0.64)) <= 1e-6)
  }

  @Test("A narrow beam returns no more than its width, and no rows mean no labels")
  func narrow() {
    let logits = GuardedFloats(random: 30 * 9, seed: 3).array
    let decoder = CTCDecoder(classes: 9)
    #expect(decoder.beam(steps: 30, logits: logits, width: 5).count == 5)
    let nothing = decoder.beam(steps: 0, logits: logits, width: 5)
    #expect(nothing.map(\.labels) == [[]])
    #expect(nothing.map(\.logProbability) == [0])
  }
}
