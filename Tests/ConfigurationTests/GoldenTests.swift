import Configuration
import Foundation
import Testing

/// Each `Golden/NAME.yaml` has its messages in `NAME.txt`.
///
/// A first line `# --set KEY=VALUE` is applied as an override; files named `recipe-…` are recipes.
/// `AIMASS_RECORD=1 swift test …` writes the texts anew; read the difference before committing it.
@Suite("Messages are golden")
struct GoldenTests {
  private func message(_ file: URL) throws -> String {
    let yaml = try String(contentsOf: file, encoding: .utf8)
    let overrides = yaml.split(separator: "\n").filter { $0.hasPrefix("# --set ") }
      .map { String($0.dropFirst("# --set ".count)) }
    let name = file.lastPathComponent
    do {
      if name.hasPrefix("recipe-") {
        _ = try RecipeConfiguration.decode(yaml: yaml, name: name, overrides: overrides)
      } else {
        _ = try ConfiguredRun.decode(yaml: yaml, name: name, overrides: overrides)
      }
      return "valid\n"
    } catch {
      return "\(error)\n"
    }
  }

  @Test("Every bad configuration gives its recorded messages")
  func messages() throws {
    let files = try Samples.files(in: Samples.golden, ending: "yaml")
    #expect(files.count >= 12)
    for file in files {
      let recorded = file.deletingPathExtension().appendingPathExtension("txt")
      let text = try message(file)
      if ProcessInfo.processInfo.environment["AIMASS_RECORD"] != nil {
        try text.write(to: recorded, atomically: true, encoding: .utf8)
      }
      let expected = try String(contentsOf: recorded, encoding: .utf8)
      #expect(text == expected, "\(file.lastPathComponent)")
      #expect(text != "valid\n", "\(file.lastPathComponent)")
    }
  }
}
