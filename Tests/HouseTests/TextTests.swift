import Foundation
import TestSupport
import Testing

/// What no tracked file contains, and where links lead.
struct TextTests {
  // Put together here, so that this file does not contain them.
  static let unfinished = ["TO" + "DO", "FIX" + "ME"]
  static let workplaces = ["/wo" + "rk/", "/ro" + "ot/"]

  /// Lines with a word that promises work instead of doing it.
  static func promises(_ file: SourceFile) -> [String] {
    places(file) { line in unfinished.contains { line.contains($0) } }
  }

  /// Lines with a path that exists on one machine only.
  static func machinePaths(_ file: SourceFile) -> [String] {
    places(file) { line in
      workplaces.contains { path in
        line.ranges(of: path).contains { range in
          // A path of a URL or a relative one goes on to the left.
          let before = line[..<range.lowerBound].last
          return before.map { !$0.isLetter && !$0.isNumber && !"._-/$}".contains($0) } ?? true
        }
      }
    }
  }

  private static func places(_ file: SourceFile, _ found: (Substring) -> Bool) -> [String] {
    file.lines.enumerated().filter { found($0.element) }.map { "\(file.path):\($0.offset + 1)" }
  }

  /// Links of a Markdown file that lead to no file.
  static func deadLinks(_ file: SourceFile) -> [String] {
    let folder = (file.path as NSString).deletingLastPathComponent
    return file.text.matches(of: #/\]\(([^)\s]+)\)/#).map { String($0.output.1) }.filter { link in
      guard !link.contains("://"), !link.hasPrefix("#"), !link.hasPrefix("mailto:") else {
        return false
      }
      let path = link.split(separator: "#").first.map(String.init) ?? link
      let whole = Checkout.folder + "/" + folder + "/" + path
      return !FileManager.default.fileExists(atPath: whole)
    }
  }

  @Test func nothingIsLeftForLater() throws {
    let files = try SourceFile.tracked()
    #expect(files.count > 50)
    let found = files.flatMap(Self.promises)
    #expect(found.isEmpty, "\(found.joined(separator: "\n"))")
  }

  @Test func noPathOfOneMachine() throws {
    let found = try SourceFile.tracked().flatMap(Self.machinePaths)
    #expect(found.isEmpty, "\(found.joined(separator: "\n"))")
  }

  @Test func everyLinkLeadsSomewhere() throws {
    for file in try SourceFile.tracked() where file.path.hasSuffix(".md") {
      let dead = Self.deadLinks(file)
      #expect(dead.isEmpty, "\(file.path): \(dead.joined(separator: " "))")
    }
  }

  @Test func offendersAreFound() {
    let text =
      "fine\n// \(Self.unfinished[0]): later\n\(Self.workplaces[0])data\nhttp://x\(Self.workplaces[1])"
    let file = SourceFile(
      path: "docs/x.md", text: text + "\n[a](none.md) [b](../Package.swift#top)")
    #expect(Self.promises(file) == ["docs/x.md:2"])
    #expect(Self.machinePaths(file) == ["docs/x.md:3"])
    #expect(Self.deadLinks(file) == ["none.md"])
  }
}
