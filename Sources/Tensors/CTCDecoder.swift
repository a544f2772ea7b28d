import Glibc

/// Reads labels from the rows of a connectionist temporal classification.
public struct CTCDecoder: Sendable, Equatable {
  /// Y, the blank among them.
  public let classes: Int
  /// The class that stands for no label.
  public let blank: Int

  /// A decoder of rows of `classes` logits.
  public init(classes: Int, blank: Int = 0) {
    precondition((0..<classes).contains(blank), "a blank \(blank) of \(classes) classes")
    (self.classes, self.blank) = (classes, blank)
  }

  /// How labels are looked for.
  public enum Search: Sendable, Equatable {
    /// Those of the single most probable path.
    case greedy
    /// Those of the largest sum of paths that a search of prefixes finds.
    case beam(width: Int, lengthBonus: Double)
  }

  /// The labels that a search finds.
  ///
  /// - Parameters:
  ///   - search: how.
  ///   - steps: T.
  ///   - logits: `[T, Y]`.
  /// - Returns: at most T class numbers. Allocates.
  public func labels(by search: Search, steps: Int, logits: ConstantFloats) -> [Int64] {
    switch search {
    case .greedy:
      [Int64](unsafeUninitializedCapacity: max(1, steps)) { labels, count in
        guard let base = labels.baseAddress else { return }
        count = greedy(steps: steps, logits: logits, into: base)
      }
    case .beam(let width, let lengthBonus):
      beam(steps: steps, logits: logits, width: width, lengthBonus: lengthBonus).first?
        .labels.map(Int64.init) ?? []
    }
  }

  /// The labels of the single most probable path.
  ///
  /// The best class of each row, with repeats merged and blanks dropped. Of equal classes the first one
  /// counts.
  ///
  /// - Parameters:
  ///   - steps: T.
  ///   - logits: `[T, Y]`.
  ///   - labels: receives at most T class numbers.
  /// - Returns: how many.
  public func greedy(
    steps: Int, logits: ConstantFloats, into labels: UnsafeMutablePointer<Int64>
  ) -> Int {
    var count = 0
    var before = blank
    for step in 0..<steps {
      let row = logits + step * classes
      var best = 0
      for label in 1..<classes where row[label] > row[best] { best = label }
      if best != blank, best != before {
        labels[count] = Int64(best)
        count += 1
      }
      before = best
    }
    return count
  }

  /// What a beam search found.
  public struct Hypothesis: Sendable, Equatable {
    /// Class numbers, without blanks.
    public let labels: [Int]
    /// log p(labels) over all paths that the beam kept.
    public let logProbability: Double
    /// What hypotheses are ordered by: `logProbability + lengthBonus · count + language`.
    public let score: Double
  }

  /// The best labels over sums of paths, by a search of prefixes.
  ///
  /// Hannun, Maas, Jurafsky and Ng 2014, "First-pass large vocabulary continuous speech recognition". A beam as wide as there are prefixes gives exact probabilities.
  ///
  /// - Parameters:
  ///   - steps: T.
  ///   - logits: `[T, Y]`.
  ///   - width: prefixes kept after each row, at least 1.
  ///   - lengthBonus: added to the score for every label.
  ///   - language: added to the score when a label follows a prefix, for example a weight times the log
  ///     probability of a language model; nil for none.
  /// - Returns: at most `width` hypotheses, best first; of equal scores the one found first.
  ///
  /// Cost: `T · width · Y` sums of logarithms. Allocates.
  public func beam(
    steps: Int, logits: ConstantFloats, width: Int, lengthBonus: Double = 0,
    language: ((_ prefix: [Int], _ next: Int) -> Double)? = nil
  ) -> [Hypothesis] {
    precondition(width >= 1, "a beam of width \(width)")
    var search = CTCPrefixSearch(lengthBonus: lengthBonus, language: language)
    var row = [Double](repeating: 0, count: classes)
    for step in 0..<steps {
      logProbabilities(logits + step * classes, &row)
      search.advance(row, blank: blank, width: width)
    }
    return search.hypotheses
  }

  private func logProbabilities(_ logits: ConstantFloats, _ row: inout [Double]) {
    let most = Double((0..<classes).reduce(-Float.infinity) { max($0, logits[$1]) })
    let sum = (0..<classes).reduce(0) { $0 + exp(Double(logits[$1]) - most) }
    for label in 0..<classes { row[label] = Double(logits[label]) - most - log(sum) }
  }
}
