import Foundation
import FuzzTargets
import TestSupport
import Testing

/// Every input that the fuzzer starts from, or that once broke something, given to its reader again.
@Suite(.serialized) struct ReplayTests {
  private static let folder = Checkout.folder + "/Tests/Fuzz"

  /// The files of a target below Corpus or Regressions.
  private static func inputs(_ kind: String, _ target: String) -> [String] {
    let folder = "\(folder)/\(kind)/\(target)"
    let names = try? FileManager.default.contentsOfDirectory(atPath: folder)
    return (names ?? []).sorted().map { "\(folder)/\($0)" }
  }

  @Test(arguments: FuzzTarget.all.map(\.name))
  func readersSurviveWhatIsKept(name: String) throws {
    let target = try #require(FuzzTarget.all.first { $0.name == name })
    let kept = ["Corpus", "Regressions"].flatMap { Self.inputs($0, name) }
    #expect(!kept.isEmpty, "Tests/Fuzz/Corpus/\(name) has no input")
    for path in kept {
      let bytes = try #require(FileManager.default.contents(atPath: path))
      let whole = target.run(Array(bytes))
      // Not only what was kept: what is near it, too.
      for end in stride(from: 0, to: bytes.count, by: max(1, bytes.count / 16)) {
        _ = target.run(Array(bytes.prefix(end)))
      }
      // A corpus that its reader refuses from the first byte on tests nothing.
      if path.contains("/Corpus/"), path.hasSuffix("-sound") { #expect(whole, "\(path)") }
    }
  }

  @Test func noFolderBelongsToNoTarget() throws {
    let known = Set(FuzzTarget.all.map(\.name))
    for kind in ["Corpus", "Regressions", "Dictionaries"] {
      let names = try? FileManager.default.contentsOfDirectory(atPath: "\(Self.folder)/\(kind)")
      for name in names ?? [] { #expect(known.contains(name), "Tests/Fuzz/\(kind)/\(name)") }
    }
  }
}
