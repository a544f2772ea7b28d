import Configuration
import Foundation
import Testing

@Suite("The configuration reference")
struct DocumentTests {
  private func document() throws -> String {
    try String(
      contentsOf: Samples.root.appending(path: "docs/configuration.md"), encoding: .utf8)
  }

  /// The lines of the document from the heading of a section to the next heading.
  private func section(_ name: String, of lines: [Substring]) -> [Substring]? {
    guard let start = lines.firstIndex(where: { $0.drop { $0 == "#" } == " \(name)" }) else {
      return nil
    }
    let rest = lines[(start + 1)...]
    return Array(rest.prefix { !$0.hasPrefix("#") })
  }

  @Test("Every key that is accepted stands in a table of its section")
  func keys() throws {
    let lines = try document().split(separator: "\n", omittingEmptySubsequences: false)
    let places = [
      "layer": "Layers", "loss": "Losses", "optimizer": "Optimizers", "schedule": "Schedules",
      "fusion": "Fusion", "coupling": "Coupling", "source": "Sources", "split": "Splits",
      "modality": "Fields",
      "recipe": "recipe", "wire": "exchange", "counted": "Counted runs",
      "factorization": "factorization", "tokens": "Tokens",
      "sampling": "sampling", "policy": "Steps that are not finite", "scope": "pruning",
      "rewind": "pruning", "pattern": "pruning",
    ]
    for keys in Vocabulary.run + Vocabulary.counted + Vocabulary.recipe {
      let words = keys.name.split(separator: " ").map(String.init)
      var name = words[0]
      if words.count == 2 { name = places[name] ?? name }
      let text = try #require(section(name, of: lines), "no section \(name)").filter {
        $0.hasPrefix("|") || words.count == 2
      }.joined(separator: "\n")
      if words.count == 2, !["recipe", "split", "counted"].contains(words[0]) {
        #expect(text.contains("| `\(words[1])` |"), "\(keys.name)")
      }
      for key in keys.keys {
        #expect(text.contains("`\(key)`"), "\(keys.name): \(key)")
      }
    }
  }

  @Test("Metrics are listed")
  func names() throws {
    let text = try document()
    for metric in MetricName.allCases { #expect(text.contains("`\(metric.rawValue)`")) }
  }

  @Test("The whole configuration of the document decodes")
  func example() throws {
    let text = try document()
    let start = try #require(text.range(of: "```yaml\n")).upperBound
    let end = try #require(text.range(of: "\n```", range: start..<text.endIndex)).lowerBound
    let run = try RunConfiguration.decode(yaml: String(text[start..<end]), name: "document")
    #expect(run.name == "mnist-lenet" && run.model.modalities[0].encoder.count == 7)
  }
}
