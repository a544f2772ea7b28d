import Metrics
import Testing

@Suite("Edit distance")
struct EditDistanceTests {
  @Test(
    "Known distances",
    arguments: [
      ("kitten", "sitting", 3), ("", "", 0), ("", "abc", 3), ("abc", "", 3), ("flaw", "lawn", 2),
      ("intention", "execution", 5), ("abc", "abc", 0),
    ])
  func known(first: String, second: String, edits: Int) {
    #expect(EditDistance.between(first, second) == edits)
    #expect(EditDistance.between(second, first) == edits)
  }

  /// The definition, by trying everything.
  private func slow(_ a: ArraySlice<Int>, _ b: ArraySlice<Int>) -> Int {
    guard let x = a.first, let y = b.first else { return a.count + b.count }
    if x == y { return slow(a.dropFirst(), b.dropFirst()) }
    return 1
      + min(
        slow(a.dropFirst(), b), slow(a, b.dropFirst()), slow(a.dropFirst(), b.dropFirst()))
  }

  @Test("Every pair of short sequences of two symbols")
  func all() {
    let sequences = (0..<5).flatMap { count in
      (0..<(1 << count)).map { bits in (0..<count).map { bits >> $0 & 1 } }
    }
    for a in sequences {
      for b in sequences { #expect(EditDistance.between(a, b) == slow(a[...], b[...])) }
    }
  }

  @Test("Edits and lengths add up, and the rate is their quotient")
  func rate() {
    var distance = EditDistance()
    #expect(distance.rate == 0)
    distance.add([1, 2, 3], truth: [1, 3])
    distance.add([], truth: [7, 7])
    distance.add("the cat".split(separator: " "), truth: "a cat sat".split(separator: " "))
    #expect(distance.edits == 5)
    #expect(distance.length == 7)
    #expect(distance.rate == 5.0 / 7)
    var empty = EditDistance()
    empty.add([1], truth: [])
    #expect(empty.rate == .infinity)
  }

  @Test("The error rate of a split is that of all its sequences together")
  func ofASplit() throws {
    let samples = Samples.transcripts(40, seed: 3)
    let result = try samples.measure(size: 7)
    var distance = EditDistance()
    for text in samples.texts { distance.add(text.found, truth: text.truth) }
    #expect(result.value(of: "tokenErrorRate") == distance.rate)
    #expect(
      result.heads[0].metrics.map(\.name)
        == ["tokenErrorRate", "characterErrorRate", "wordErrorRate"])
  }
}
