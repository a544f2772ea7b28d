/// What one rank has counted of one head: integers, and Float64 sums per microbatch.
///
/// Nothing here depends on which rank counted it. Integers may be added in any order; the Float64
/// sums stay apart by microbatch until all are together, and are then added in index order; scores
/// enter only through their sorted order. So the result has the same bits on any number of ranks.
struct HeadTally {
  /// The sums of one microbatch.
  struct Part {
    /// The number of the microbatch in the split.
    var index: Int
    /// Its samples.
    var count: Int
    /// Loss, normaliser, log loss, then for each output of a regression ``Moments``' four numbers.
    var sums: [Double]
  }

  /// The head that is measured.
  let head: MetricHead
  /// What is gathered.
  let needs: MetricNeeds
  /// Samples whose predicted class, or whose every label, is right.
  var correct = 0
  /// Samples whose class is among the five largest outputs.
  var amongFive = 0
  /// Samples with a NaN or an infinity among their outputs.
  var nonFinite = 0
  /// Labels outside the head's classes.
  var strayLabels = 0
  /// The smallest of them.
  var strayLabel = Int.max
  /// Per class or label, `[Y]`: predicted and true.
  var hits: [Int]
  /// Per class or label, `[Y]`: predicted.
  var predicted: [Int]
  /// Per class or label, `[Y]`: true.
  var actual: [Int]
  /// Samples by truth (row) and prediction (column), `[Y, Y]`; empty unless asked.
  var matrix: [Int]
  /// How far transcriptions are from their truths.
  var transcription = TranscriptionErrors()
  /// The microbatches counted so far, in the order they came.
  var parts: [Part] = []
  /// The scores of all samples, `[S, columns]`; empty unless asked.
  var scores: [Double] = []
  /// The truth of each score: a class number per sample, or 0 and 1 per score.
  var truths: [Int] = []

  /// A tally of nothing.
  init(head: MetricHead, needs: MetricNeeds) {
    self.head = head
    self.needs = needs
    let categories = needs.contains(.counts) ? head.categories : 0
    hits = [Int](repeating: 0, count: categories)
    predicted = hits
    actual = hits
    let square = needs.contains(.matrix) ? head.categories * head.categories : 0
    matrix = [Int](repeating: 0, count: square)
  }

  /// The samples counted so far.
  var samples: Int { parts.reduce(0) { $0 + $1.count } }

  /// Takes over what another rank counted of the same head.
  mutating func merge(_ other: HeadTally) {
    correct += other.correct
    amongFive += other.amongFive
    nonFinite += other.nonFinite
    strayLabels += other.strayLabels
    strayLabel = min(strayLabel, other.strayLabel)
    transcription.merge(other.transcription)
    add(other.hits, to: &hits)
    add(other.predicted, to: &predicted)
    add(other.actual, to: &actual)
    add(other.matrix, to: &matrix)
    parts += other.parts
    scores += other.scores
    truths += other.truths
  }

  private func add(_ counts: [Int], to sum: inout [Int]) {
    for index in sum.indices { sum[index] += counts[index] }
  }
}
