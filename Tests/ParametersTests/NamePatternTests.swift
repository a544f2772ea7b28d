import Parameters
import Testing

@Suite struct NamePatternTests {
  @Test(arguments: [
    ("*", "anything.at.all", true), ("*", "", true), ("", "", true), ("", "a", false),
    ("heads.digit.0.weight", "heads.digit.0.weight", true),
    ("heads.digit.0.weight", "heads.digit.0.weights", false),
    ("*.weight", "heads.digit.0.weight", true), ("*.weight", "weight", false),
    ("modalities.image.*", "modalities.image.3.bias", true),
    ("modalities.image.*", "modalities.images.3.bias", false),
    ("*.0.*", "a.0.b", true), ("*.0.*", "a.10.b", false), ("a*b*c", "abxbxc", true),
    ("a*b*c", "abxbx", false), ("**", "x", true), ("a.b", "axb", false), ("*ab", "aab", true),
  ])
  func matchesTheWholeName(pattern: String, name: String, expected: Bool) {
    #expect(NamePattern(pattern).matches(name) == expected)
  }

  @Test func longPatternsOfStarsEndSoon() {
    let pattern = NamePattern(String(repeating: "*a", count: 200) + "b")
    #expect(!pattern.matches(String(repeating: "a", count: 2000)))
  }

  @Test func selectsSlotsInCanonicalOrder() {
    var layout = ParameterLayout()
    for name in ["b.weight", "b.bias", "a.weight"] {
      _ = layout.reserve(name, [2], initializer: .constant(0))
    }
    #expect(
      layout.slots(matching: NamePattern("*.weight")).map(\.name) == ["b.weight", "a.weight"])
  }
}
