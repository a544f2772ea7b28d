import Reports
import Testing

struct PruningPictureTests {
  private let picture = PruningPicture(
    title: "a <run>", bars: [.init("heads.x.0.weight", 0.25), .init("heads.x.2.weight", 0)],
    panels: [
      .init(
        title: "accuracy",
        lines: [
          .init(name: "pruned", colour: 1, points: [(0, 0.9), (0.5, .nan), (0.8, 0.6)]),
          .init(name: "fine-tuned", colour: 5, points: []),
        ], format: { HumanUnits.short($0) }),
      .init(title: "nothing", lines: [], format: { HumanUnits.short($0) }),
    ])

  @Test func barsAreAsLongAsSharesAndEmptyLinesAreLeftOut() {
    let text = picture.svg()
    #expect(text.contains("a &lt;run&gt;") && !text.contains("a <run>"))
    // A quarter of the whole bar.
    #expect(text.contains("width=\"586.0\"") && text.contains("width=\"146.5\""))
    #expect(!text.contains("fine-tuned") && !text.contains("nothing"))
    // A gap where nothing was measured.
    #expect(text.split(separator: "<circle").count == 3)
    #expect(!text.contains("nan") && text == picture.svg())
  }
}
