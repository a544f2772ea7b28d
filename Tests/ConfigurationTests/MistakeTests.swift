import Configuration
import Foundation
import Testing

/// The mistakes that people make in a configuration, all made in turn: each is told, with what was meant.
@Suite("Mistakes are told with what was meant")
struct MistakeTests {
  /// A key or a block's name in ``Samples/full``, with where it stands.
  private struct Word {
    let text: String
    let range: Range<String.Index>
  }

  /// Every word that the vocabulary knows and that a colon or a list makes a key or a block.
  private static let words: [Word] = {
    let known = Set(
      Vocabulary.run.flatMap { section in
        section.keys + [section.name.split(separator: " ").last.map(String.init) ?? ""]
      })
    // Names that the sample itself gives to fields, modalities and heads are no words of the vocabulary.
    let own: Set = [
      "image", "word", "label", "price", "sound", "text", "line", "read", "square", "digit",
      "cheap",
    ]
    return Samples.full.matches(of: #/\b[A-Za-z][A-Za-z0-9]*(?=:( |\n))/#).compactMap { match in
      let text = String(match.output.0)
      // A parameter's name in `rename` ends in words of its own.
      let isPart = Samples.full[..<match.range.lowerBound].hasSuffix(".")
      guard known.contains(text), !own.contains(text), !isPart else { return nil }
      return Word(text: text, range: match.range)
    }
  }()

  /// All words at one letter's distance of a kind, one of them by chance.
  private func misspelt(_ word: String, _ kind: Int, _ random: inout Xorshift) -> String {
    var letters = Array(word)
    let place = Int.random(in: 0..<letters.count, using: &random)
    let letter = Array("abcdefghijklmnopqrstuvwxyz").randomElement(using: &random) ?? "x"
    switch kind {
    case 0 where letters.count > 2: letters.remove(at: place)
    case 1: letters.insert(letter, at: place)
    case 2 where place + 1 < letters.count: letters.swapAt(place, place + 1)
    default: letters[place] = letter
    }
    return String(letters)
  }

  @Test("Every key and block, misspelt by one letter in four ways")
  func misspellings() {
    var random = Xorshift(state: 20)
    var (made, right) = (0, 0)
    var missed: [String] = []
    for word in Self.words {
      for kind in 0..<4 {
        let wrong = misspelt(word.text, kind, &random)
        guard wrong.lowercased() != word.text.lowercased() else { continue }
        let message = Samples.message(Samples.full.replacingCharacters(in: word.range, with: wrong))
        made += 1
        guard let message else {
          missed.append("\(wrong) for \(word.text) is accepted")
          continue
        }
        #expect(message.contains("`\(wrong)`"), "\(wrong): \(message)")
        if message.contains("`\(wrong)`, did you mean `\(word.text)`?") {
          right += 1
        } else {
          missed.append("\(wrong) for \(word.text)")
        }
      }
    }
    #expect(made >= 150, "only \(made) mistakes were made")
    #expect(Double(right) >= 0.95 * Double(made), "\(right) of \(made); \(missed)")
    #expect(!missed.contains { $0.hasSuffix("is accepted") }, "\(missed)")
  }

  @Test("Every number, replaced by a word, a list, and numbers that are out of range")
  func values() {
    var made = 0
    for match in Samples.full.matches(of: #/([A-Za-z]+): (-?[0-9][0-9.e-]*)(?=[,}\n])/#) {
      let key = String(match.output.1)
      for wrong in ["many", "[1, 2]", "{a: 1}", "1e999", ".nan", "''"] {
        let range = match.output.2.startIndex..<match.output.2.endIndex
        let message = Samples.message(Samples.full.replacingCharacters(in: range, with: wrong))
        made += 1
        // A name may be in the place of some: a fusion's rank, a mean, a class weight may be a list.
        if message == nil, wrong == "[1, 2]" || key == "mean" || key == "std" { continue }
        #expect(message?.contains(key) == true, "\(key): \(wrong): \(message ?? "accepted")")
      }
    }
    #expect(made >= 150, "only \(made) mistakes were made")
  }

  @Test("All mistakes of a file are told at once")
  func together() {
    let text = Samples.full
      .replacing("clipNorm:", with: "clipNrom:").replacing("keep: 5", with: "keep: 0")
      .replacing("watchdogSeconds: 30", with: "watchdogSeconds: soon")
      .replacing("patience: 3", with: "patience: 3, patience: 4")
      .replacing("target: price}", with: "target: prize}")
      .replacing("exchange: {", with: "unheard: 1\nexchange: {")
    let message = Samples.message(text) ?? "accepted"
    for part in [
      "clipNorm", "checkpoint.keep", "watchdogSeconds", "patience",
      "`prize`, did you mean `price`?",
      "`unheard`",
    ] {
      #expect(message.contains(part), "\(part): \(message)")
    }
  }

  @Test("Empty, marked, and doubled")
  func files() {
    for empty in ["", "\n", "---\n", "# nothing\n"] {
      #expect(Samples.message(empty)?.isEmpty == false)
    }
    #expect(Samples.message("\u{FEFF}" + Samples.small()) == nil)
    #expect(Samples.message("\u{FEFF}\u{FEFF}" + Samples.small()) != nil)
    let doubled = Samples.message(Samples.small("train: {epochs: 3}")) ?? "accepted"
    #expect(doubled.contains("train"), "\(doubled)")
  }
}
