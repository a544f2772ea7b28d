import Configuration
import Datasets
import Metrics
import Models
import Tensors

/// How heads that transcribe sequences are read, and what their ids spell.
public struct Transcriber: Sendable {
  /// How ids are looked for.
  public var search: CTCDecoder.Search
  /// What the ids of each target spell, by field.
  public var texts: [String: TokenTexts]

  /// A transcriber from its parts; by default greedy, of ids without texts.
  public init(_ search: CTCDecoder.Search = .greedy, texts: [String: TokenTexts] = [:]) {
    (self.search, self.texts) = (search, texts)
  }

  /// The transcriber of a run.
  ///
  /// - Parameters:
  ///   - configuration: heads and decoder.
  ///   - dataset: where the texts of ids are found; nil: they have none.
  public init(_ configuration: RunConfiguration, _ dataset: Dataset?) {
    switch configuration.evaluate.decoder {
    case .greedy: search = .greedy
    case .beam(let width, let lengthBonus):
      search = .beam(width: width, lengthBonus: lengthBonus)
    }
    texts = [:]
    for head in configuration.model.heads where head.loss.isTranscription {
      texts[head.target] = dataset?.idTexts(head.target).map(TokenTexts.init)
    }
  }
}
