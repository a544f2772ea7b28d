import Metrics
import Models

/// What a table of predictions holds of one head.
struct PredictionColumns {
  let head: Head
  /// Where each sample's predictions begin, `[S + 1]`; nil where there is one a sample.
  let offsets: [Int]?
  /// Names of classes; empty where they are told by their numbers.
  let classes: [String]
  /// What the ids of a head that transcribes spell; nil where they are told by their numbers.
  var texts: TokenTexts?

  /// The rows of consecutive samples among those of all samples.
  func rows(of samples: Range<Int>) -> Range<Int> {
    guard let offsets else { return samples }
    return offsets[samples.lowerBound]..<offsets[samples.upperBound]
  }

  /// The heading of each column.
  var titles: [String] {
    if head.loss.isTranscription { return [head.name] }
    let outputs = (0..<head.outputs).map { output in
      let name = output < classes.count && head.outputs > 1 ? classes[output] : "\(output)"
      return "\(head.name)[\(name)]"
    }
    return (head.isClassification ? [head.name] : []) + outputs
  }

  /// The cells of a row of `values`, `[rows, Y]`.
  func cells(_ values: [Float], _ row: Int) -> [String] {
    guard !head.lacks(values, row) else { return emptyCells }
    var cells: [String] = []
    if head.isClassification {
      let predicted = head.predictedClass(values, row)
      cells.append(predicted < classes.count ? classes[predicted] : "\(predicted)")
    }
    return cells + (0..<head.outputs).map { "\(values[row * head.outputs + $0])" }
  }

  /// The cell of a transcription.
  func cell(_ ids: [Int64]) -> String {
    texts?.text(ids) ?? ids.map(String.init).joined(separator: " ")
  }

  /// As many cells without content.
  var emptyCells: [String] {
    [String](repeating: "", count: titles.count)
  }
}

extension Head {
  /// Whether the head tells classes apart.
  var isClassification: Bool { classes != nil }

  /// Whether a row stands for a sample without a prediction.
  func lacks(_ values: [Float], _ row: Int) -> Bool {
    mayLack && values[row * outputs..<(row + 1) * outputs].allSatisfy(\.isNaN)
  }

  /// The class of one row: the most probable, or 1 above one half with a single output.
  func predictedClass(_ values: [Float], _ row: Int) -> Int {
    guard outputs > 1 else { return values[row] > 0.5 ? 1 : 0 }
    var best = 0
    for output in 1..<outputs
    where values[row * outputs + output] > values[row * outputs + best] {
      best = output
    }
    return best
  }
}
