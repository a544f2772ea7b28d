import Configuration
import Foundation
import Testing

/// A small generator with a fixed start, so that a failure can be repeated.
struct Xorshift: RandomNumberGenerator {
  var state: UInt64
  mutating func next() -> UInt64 {
    state ^= state << 13
    state ^= state >> 7
    state ^= state << 17
    return state
  }
}

@Suite("Bad input never crashes")
struct HostileTests {
  /// Decodes; either a configuration or a `ConfigurationError` with at least one problem.
  private func isHandled(_ text: String, recipe: Bool = false) -> Bool {
    do {
      guard recipe else {
        let run = try RunConfiguration.decode(yaml: text, name: "x")
        // What decodes must survive writing and reading.
        return try RunConfiguration.decode(yaml: run.resolvedYAML, name: "y") == run
      }
      _ = try RecipeConfiguration.decode(yaml: text, name: "x")
      return true
    } catch let error as ConfigurationError {
      return !error.problems.isEmpty && !error.description.isEmpty
    } catch {
      return false
    }
  }

  @Test("Random changes of characters and lines")
  func mutations() {
    var random = Xorshift(state: 0x9E37_79B9_7F4A_7C15)
    let pieces: [Character] = Array("{}[]:,#&*!|>'\"%@`-?~<= \n\t0159eE._+ax\u{0}\u{e9}\u{2028}")
    for (source, isRecipe) in [(Samples.full, false), (RecipeTests.full, true)] {
      for _ in 0..<400 {
        var text = Array(source)
        for _ in 0..<Int.random(in: 1...4, using: &random) {
          let index = Int.random(in: 0..<text.count, using: &random)
          let piece = pieces[Int.random(in: 0..<pieces.count, using: &random)]
          switch Int.random(in: 0..<4, using: &random) {
          case 0: text[index] = piece
          case 1: text.insert(piece, at: index)
          case 2: text.remove(at: index)
          default:
            let end = min(text.count, index + Int.random(in: 1...40, using: &random))
            text.insert(contentsOf: text[index..<end], at: index)
          }
        }
        #expect(isHandled(String(text), recipe: isRecipe), "\(String(text))")
      }
    }
  }

  @Test("Every value replaced by every kind of value")
  func replacements() {
    let paths = [
      "name", "seed", "data", "data.files", "data.splits", "data.fields", "data.fields.image",
      "data.fields.image.mean", "data.split", "data.split.folds", "batch", "batch.global",
      "modalities", "modalities.word", "modalities.word.encoder", "modalities.word.encoder.0",
      "modalities.word.encoder.0.embedding", "modalities.image.encoder.5.residual",
      "modalities.image.encoder.5.residual.layers", "modalities.image.encoder.6.concat", "fusion",
      "heads", "heads.digit", "heads.digit.loss", "heads.digit.loss.crossEntropy", "initialize",
      "initialize.rename", "optimizer", "optimizer.lars", "optimizer.lars.groups", "schedule",
      "schedule.oneCycle", "train", "train.steps", "checkpoint", "evaluate", "evaluate.metrics",
      "evaluate.earlyStop", "evaluate.best", "exchange", "exchange.wire",
    ]
    let values = [
      "", "null", "-1", "0", "1e400", ".nan", ".inf", "99999999999999999999", "text", "\"\"", "[]",
      "{}", "[1]", "[[]]", "{a: 1}", "true", "0x10", "010", "1_000", "2026-01-01", "!!binary aGk=",
      "&a b", "'\\0'", "\"\\0\"", "<<",
    ]
    for path in paths {
      for value in values {
        do {
          let run = try RunConfiguration.decode(
            yaml: Samples.full, name: "x", overrides: ["\(path)=\(value)"])
          #expect(try RunConfiguration.decode(yaml: run.resolvedYAML, name: "y") == run)
        } catch {
          #expect(error is ConfigurationError, "\(path)=\(value): \(error)")
        }
      }
    }
  }

  @Test("Depth, explosions and oddities are refused")
  func hostile() {
    var laughs = "a0: &a0 [x, x, x, x, x, x, x, x, x]\n"
    for level in 1...12 {
      let alias = Array(repeating: "*a\(level - 1)", count: 9).joined(separator: ", ")
      laughs += "a\(level): &a\(level) [\(alias)]\n"
    }
    let texts = [
      "", "\n", "---", "...", "%YAML 9.9\n---\na: b", "\u{FEFF}name: x", "[", "{", "}", "- a\n- b",
      "*unknown", "a: *a", "a: &a *a", "? [a, b]\n: c", "? {a: b}\n: c\n? {a: b}\n: d",
      "name: a\n---\nname: b", String(repeating: "[", count: 50_000),
      String(repeating: "- ", count: 50_000), String(repeating: "{a: ", count: 50_000),
      String(repeating: "a:\n ", count: 5000), laughs, "name: \"\\ud800\"", "name: \"\\x00\"",
      "a: 1\na: 2\na: 3\n\"a\": 4\n'a': 5", "*a : 1", "&a a: 1\n*a : 2",
      (0..<200).map { "k\($0 % 10): 1\n" }.joined(),
    ]
    for text in texts {
      #expect(Samples.message(text) != nil, "\(text.prefix(60))")
      #expect(isHandled(text) && isHandled(text, recipe: true), "\(text.prefix(60))")
    }
  }
}
