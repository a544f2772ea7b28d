import Reports
import Testing

/// Numbers as people read them.
@Suite struct HumanUnitsTests {
  @Test(arguments: [
    (0, "0 B"), (1, "1 B"), (1023, "1023 B"), (1024, "1.00 KiB"), (1536, "1.50 KiB"),
    (1_048_575, "1.00 MiB"), (25_000_000, "23.8 MiB"), (-2048, "-2.00 KiB"),
    (Int.max, "8192 PiB"),
  ])
  func bytes(_ value: Int, _ text: String) { #expect(HumanUnits.bytes(value) == text) }

  @Test(arguments: [
    (0, "0 s"), (0.000_85, "850 µs"), (0.0125, "12.5 ms"), (0.9999, "1.00 s"), (4.2, "4.20 s"),
    (59.96, "1 min 00 s"), (200, "3 min 20 s"), (7500, "2 h 05 min"), (273_600, "3 d 04 h"),
    (-1.5, "-1.50 s"), (.nan, "–"), (.infinity, "–"),
  ])
  func seconds(_ value: Double, _ text: String) { #expect(HumanUnits.seconds(value) == text) }

  @Test(arguments: [(7, "0:07"), (750, "12:30"), (7500, "2:05:00"), (-1, "–:––"), (.nan, "–:––")])
  func clock(_ value: Double, _ text: String) { #expect(HumanUnits.clock(value) == text) }

  @Test(arguments: [
    (0, "0"), (999, "999"), (1000, "1,000"), (-1_234_567, "-1,234,567"),
    (Int.min, "-9,223,372,036,854,775,808"),
  ])
  func count(_ value: Int, _ text: String) { #expect(HumanUnits.count(value) == text) }

  @Test(arguments: [
    (0, "0"), (0.1234567, "0.1235"), (9.99951, "10.00"), (12.345, "12.35"), (123.45, "123.5"),
    (1234.5, "1235"), (0.001, "0.0010"), (0.000_01, "1.0e-5"), (0.000_999_6, "1.0e-3"),
    (25_000_000, "2.5e7"), (-0.5, "-0.5000"), (.nan, "–"),
  ])
  func short(_ value: Double, _ text: String) { #expect(HumanUnits.short(value) == text) }

  @Test func restOfTheUnits() {
    #expect(HumanUnits.metric(950) == "950")
    #expect(HumanUnits.metric(4_586_000) == "4.59 M")
    #expect(HumanUnits.rate(12_345.4) == "12,345")
    #expect(HumanUnits.rate(7.25) == "7.25")
    #expect(HumanUnits.percent(0.98765) == "98.77 %")
    #expect(HumanUnits.percent(.nan) == "–")
    #expect(HumanUnits.fixed(-0.04, digits: 1) == "0.0")
    #expect(HumanUnits.fixed(1e300, digits: 2) == "1e+300")
  }
}
