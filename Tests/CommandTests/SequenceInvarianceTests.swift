import Foundation
import TestSupport
import Testing

extension LearningTests {
  /// The same bits on any number of ranks where samples have lengths of their own, and where they are pairs.
  ///
  /// Lengths from 0 to 17 make the work of the microbatches unequal, so that ranks arrive at different times.
  @Suite(.serialized) struct SequenceInvarianceTests {
    /// Sentences of two moods, some of them empty, as a prepared file beside which configurations lie.
    private static let sentences: Result<String, any Error> = Result {
      var state: UInt32 = 9
      func draw(_ count: Int) -> Int {
        state = state &* 1_664_525 &+ 1_013_904_223
        return Int(state >> 16) % count
      }
      func lines(_ count: Int) -> String {
        (0..<count).map { _ in
          let mood = draw(2)
          let words = (0..<draw(18)).map { _ in "w\(draw(4) == 0 ? 30 + mood : draw(30))" }
          return "\(mood) \(words.joined(separator: " "))\n"
        }.joined()
      }
      let recipe = """
        name: sentences
        sources:
          trainLines: {text: train.txt, labels: true}
          testLines: {text: test.txt, labels: true}
        splits:
          train: {text: trainLines.text, label: trainLines.label}
          test: {text: testLines.text, label: testLines.label}
        fields:
          text: {modality: text, tokens: {words: {split: blanks, minimumCount: 2}}}
          label: {modality: label, classes: ["0", "1"]}

        """
      for (name, text) in [
        ("train.txt", lines(333)), ("test.txt", lines(101)), ("sentences.recipe.yaml", recipe),
      ] {
        try text.write(toFile: Shelf.file(name), atomically: true, encoding: .utf8)
      }
      let folder = try URL(fileURLWithPath: Shelf.file("x")).deletingLastPathComponent().path
      let result = try Aimass.run([
        "prepare", Shelf.file("sentences.recipe.yaml"), "-o", Shelf.file("sentences.h5"), "--root",
        folder,
      ])
      #expect(result.status == 0, "\(result)")
      return folder
    }

    /// A configuration over the sentences with these layers between the words and the head.
    static func network(_ name: String, _ layers: String) throws -> String {
      let path = try sentences.get() + "/\(name).yaml"
      try """
      name: \(name)
      seed: 7
      data: {file: sentences.h5}
      batch: {global: 40, micro: 5}
      modalities: {text: {field: text, encoder: [{embedding: {size: 12}}, {tokenDropout: 0.1}, \(layers)]}}
      heads: {mood: {layers: [{dropout: 0.2}, {linear: 2}], loss: crossEntropy, target: label}}
      optimizer: {adamW: {learningRate: 3.0e-3, weightDecay: 0.01}}
      train: {epochs: 2, clipNorm: 1}
      evaluate: {everyEpochs: 1, metrics: [accuracy, rocAUC, logLoss]}

      """.write(toFile: path, atomically: true, encoding: .utf8)
      return path
    }

    @Test(arguments: [
      ("gru", "{gru: {hidden: 10, layers: 2, bidirectional: true, dropout: 0.1}}, {pool: max}"),
      ("lstm", "{lstm: {hidden: 10}}, {pool: attention}"),
      (
        "transformer",
        "{positional: sinusoidal}, {transformer: {layers: 2, heads: 3, hidden: 24, dropout: 0.1}}, {pool: mean}"
      ),
    ])
    func networksOverSequences(name: String, layers: String) throws {
      try expectSameBits(
        Self.network(name, layers), ranks: [1, 2, 3, 4, 6, 8], steps: 2 * Shelf.stepsPerEpoch)
    }

    @Test(.enabled(if: Python.has("h5py", "numpy"), "h5py is missing"))
    func factorizationByGradients() throws {
      try expectSameBits(
        PairTests.configuration.get(), ranks: [1, 2, 3, 4, 6, 8],
        set: ["batch={global: 400, micro: 50}", "train.epochs=3", "evaluate.metrics=[rmse, mae]"])
    }
  }
}
