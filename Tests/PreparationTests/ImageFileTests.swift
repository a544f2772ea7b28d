import Configuration
import Foundation
import Preparation
import Testing

/// What pixels become.
struct ImageFileTests {
  /// The pixels of one file, stored as it is or by an image field.
  private func pixels(
    _ file: [UInt8], _ field: ImageField = .init(normalize: false), shape: [Int]
  ) throws -> [UInt8] {
    let bench = try Workbench()
    try bench.write("f/a.png", file)
    let summary = try bench.prepare(
      recipe(
        [("f", files(.images, .folder("f")))], train: [("x", "f")], fields: [("x", .image(field))]))
    #expect(summary.fields[0].sampleShape == shape)
    return try bench.bytes("train/x")
  }

  @Test func depthsAndColours() throws {
    #expect(
      try pixels(png(3, 2, kind: 0, rows: [[0, 1, 2], [253, 254, 255]]), shape: [2, 3, 1])
        == [0, 1, 2, 253, 254, 255])
    #expect(
      try pixels(png(4, 1, kind: 0, depth: 2, rows: [[0b0001_1011]]), shape: [1, 4, 1])
        == [0, 85, 170, 255])
    let deep: [UInt16] = [0, 128, 129, 385, 386, 32896, 65406, 65407, 65535]
    #expect(
      try pixels(
        png(9, 1, kind: 0, depth: 16, rows: [raw(deep.map(\.bigEndian))]), shape: [1, 9, 1])
        == deep.map { UInt8((Double($0) / 257).rounded()) })
    #expect(
      try pixels(png(2, 1, kind: 2, rows: [[1, 2, 3, 4, 5, 6]]), shape: [1, 2, 3]) == [
        1, 2, 3, 4, 5, 6,
      ])
    let palette: [(String, [UInt8])] = [("PLTE", [9, 8, 7, 100, 200, 50]), ("tRNS", [255, 128])]
    #expect(
      try pixels(png(2, 1, kind: 3, rows: [[1, 0]], chunks: palette), shape: [1, 2, 3])
        == [50, 100, 25, 9, 8, 7])
  }

  @Test func transparencyLiesOnBlack() throws {
    let rows: [UInt8] = [200, 100, 255, 255, 200, 100, 255, 0, 200, 100, 255, 51]
    #expect(
      try pixels(png(3, 1, kind: 6, rows: [rows]), shape: [1, 3, 3])
        == [200, 100, 255, 0, 0, 0, 40, 20, 51])
    #expect(try pixels(png(1, 1, kind: 4, rows: [[200, 51]]), shape: [1, 1, 1]) == [40])
  }

  @Test func gammaIsNotApplied() throws {
    let linear: [(String, [UInt8])] = [("gAMA", [0, 1, 0x86, 0xA0])]
    #expect(
      try pixels(png(2, 1, kind: 0, rows: [[10, 128]], chunks: linear), shape: [1, 2, 1]) == [
        10, 128,
      ])
    #expect(
      try pixels(
        png(1, 1, kind: 0, depth: 16, rows: [raw([UInt16(10_000).bigEndian])], chunks: linear),
        shape: [1, 1, 1]) == [39])
  }

  @Test func greyAndColourAreTurnedIntoEachOther() throws {
    let colour = png(2, 1, kind: 2, rows: [[255, 0, 0, 10, 20, 30]])
    #expect(
      try pixels(colour, .init(shape: [1, 2, 1], normalize: false), shape: [1, 2, 1]) == [76, 18])
    #expect(
      try pixels(grey(1, 1, 5), .init(shape: [1, 1, 3], normalize: false), shape: [1, 1, 3]) == [
        5, 5, 5,
      ])
    // One colour picture among grey ones makes all of them colour.
    let bench = try Workbench()
    try bench.write("f/a.png", grey(2, 1, 9))
    try bench.write("f/b.png", colour)
    try bench.prepare(
      recipe(
        [("f", files(.images, .folder("f")))], train: [("x", "f")], fields: [("x", .image(.init()))]
      ))
    #expect(try bench.bytes("train/x") == [9, 9, 9, 9, 9, 9, 255, 0, 0, 10, 20, 30])
  }

  @Test func cropsTheMiddleAndResizes() throws {
    let ramp = png(6, 2, kind: 0, rows: [[0, 10, 20, 30, 40, 50], [0, 10, 20, 30, 40, 50]])
    // The window of the stored aspect is 2 x 2.
    #expect(
      try pixels(ramp, .init(resize: [1, 1], crop: .center, normalize: false), shape: [1, 1, 1])
        == [25])
    #expect(
      try pixels(ramp, .init(resize: [2, 2], crop: .center, normalize: false), shape: [2, 2, 1])
        == [20, 30, 20, 30])
    #expect(
      try pixels(ramp, .init(shape: [1, 3, 1], crop: .center, normalize: false), shape: [1, 3, 1])
        == [10, 20, 30])
    #expect(
      try pixels(ramp, .init(resize: [1, 2], normalize: false), shape: [1, 2, 1]) == [10, 40])
  }

  @Test func sizesMustAgreeOrBeMade() throws {
    let bench = try Workbench()
    try bench.write("f/a.png", grey(2, 2, 1))
    try bench.write("f/b.png", grey(3, 2, 1))
    func message(_ field: ImageField, _ code: PreparationError.Code = .badData) throws -> String {
      try bench.failure(
        recipe(
          [("f", files(.images, .folder("f")))], train: [("x", "f")], fields: [("x", .image(field))]
        ),
        code: code)
    }
    #expect(
      try message(.init())
        == "source 'f': b.png: expected 2 x 2 pixels for field 'x', found 2 x 3; set 'resize:"
        + " [height, width]' of the field")
    #expect(
      try message(.init(shape: [3, 2, 1], crop: .center)).contains(
        "a.png: expected 3 x 2 pixels or more"))
    #expect(
      try message(.init(shape: [3, 2, 1], resize: [4, 4]), .badRecipe).contains("is what is stored")
    )
    #expect(
      try message(.init(shape: [3, 2, 2], resize: [3, 2]), .badRecipe).contains("1 or 3 channels"))
  }
}
