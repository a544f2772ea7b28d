import Reports
import Testing

/// Tables of plain text.
@Suite struct TableTests {
  @Test func columnsAlign() {
    var table = TextTable([.init("layer"), .init("shape"), .init("parameters", .right)])
    table.add(["conv", "[24, 24, 20]", "520"])
    table.add(["été\nrelu"])
    table.addRule()
    table.add(["total", "", "431,080"])
    #expect(
      table.text() == """
        layer     shape         parameters
        ----------------------------------
        conv      [24, 24, 20]         520
        été relu
        ----------------------------------
        total                      431,080

        """)
    #expect(table.text(indent: 2, heading: false).hasPrefix("  conv      [24, 24, 20]      520\n"))
  }

  @Test func wideCharactersTakeTwoColumns() {
    var table = TextTable([.init("a"), .init("b")])
    table.add(["数字", "x"])
    table.add(["abcd", "x"])
    #expect(table.text(heading: false) == "数字  x\nabcd  x\n")
  }

  @Test func theBestOfAColumnHasAStar() {
    var table = ComparisonTable(
      title: "Modalities",
      columns: [
        .init("accuracy", higherIsBetter: true, format: { HumanUnits.percent($0) }),
        .init("loss", higherIsBetter: false), .init("epochs"),
      ])
    table.add("fusion", [0.9874, 0.04, 10])
    table.add("image", [0.8012, .nan, 10])
    #expect(
      table.text() == """
        Modalities
        run     accuracy      loss    epochs
        --------------------------------------
        fusion   98.74 % *  0.0400     10.00
        image    80.12 %         –     10.00

        """)
  }
}
