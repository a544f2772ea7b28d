import Configuration
import Preparation
import Testing

/// Images: shape, size, statistics.
@Suite struct ImageTests {
  /// Two pictures of 3 x 4 pixels and 2 channels.
  private let pixels = (0..<48).map { UInt8($0 * 37 % 256) }

  private func images(_ field: ImageField) -> RecipeConfiguration {
    recipe(
      [("a", .npy(paths: ["a.npy"]))], train: [("image", "a")],
      fields: [("image", .image(field))])
  }

  /// Recorded from PyTorch 2.13: `F.interpolate(mode="bilinear", align_corners=False)`, rounded.
  @Test(arguments: [
    (
      [5, 7],
      [
        0, 37, 26, 63, 69, 106, 111, 148, 153, 172, 196, 68, 222, 3, 16, 53, 42, 79, 85, 122, 127,
        164, 162, 188, 146, 84, 136, 19, 40, 77, 66, 103, 109, 146, 151, 188, 175, 212, 71, 108, 6,
        43, 64, 101, 90, 127, 133, 170, 175, 135, 199, 93, 95, 77, 30, 67, 80, 117, 106, 143, 149,
        186, 191, 100, 215, 14, 111, 57, 46, 83, 120, 157, 146, 183, 189, 226, 103, 140, 17, 54, 60,
        97, 86, 123, 136, 173, 162, 163, 205, 147, 119, 105, 33, 70, 76, 113, 102, 139, 160, 197,
        186, 132, 229, 28, 143, 52, 57, 94, 100, 137, 126, 163, 184, 221, 156, 156, 110, 52, 90, 76,
        81, 118, 124, 161, 150, 187, 200, 237, 135, 172, 31, 68, 55, 92, 97, 134, 140, 177, 166,
        203,
      ]
    ),
    (
      [2, 3],
      [
        22, 59, 121, 158, 166, 43, 82, 119, 181, 122, 66, 71, 142, 169, 113, 118, 84, 121, 170, 197,
        77, 82, 144, 181,
      ]
    ),
    (
      [6, 2],
      [
        37, 74, 185, 94, 47, 84, 163, 104, 67, 104, 119, 124, 87, 124, 107, 112, 107, 144, 127, 68,
        117, 154, 137, 46, 157, 194, 49, 86, 167, 172, 59, 96, 187, 128, 79, 116, 175, 116, 99, 136,
        131, 136, 119, 156, 109, 146, 129, 166,
      ]
    ),
  ])
  func resizesAsPyTorch(size: [Int], expected: [UInt8]) throws {
    let bench = try Workbench()
    try bench.write("a.npy", npy("|u1", "(2, 3, 4, 2)", pixels))
    try bench.prepare(images(.init(resize: size)))
    #expect(try bench.dataset("train/image").shape == [2] + size + [2])
    #expect(try bench.bytes("train/image") == expected)
  }

  @Test func storesStatisticsInStoredUnits() throws {
    let bench = try Workbench()
    try bench.write("a.npy", npy("|u1", "(2, 1, 2, 2)", [0, 7, 255, 7, 10, 7, 235, 7]))
    let summary = try bench.prepare(images(.init()))
    let field = summary.fields[0]
    #expect(field.mean == [125, 7])
    let squares: [Double] = [125 * 125, 130 * 130, 115 * 115, 110 * 110]
    #expect(abs(field.std[0] - (squares.reduce(0, +) / 4).squareRoot()) < 1e-9)
    // A channel that never changes is divided by 1, not by 0.
    #expect(field.std[1] == 1)
    try bench.prepare(images(.init(normalize: false)))
    #expect(try bench.dataset("train/image").attribute("mean") == nil)
  }

  @Test func takesFlatPixelsByShape() throws {
    let bench = try Workbench()
    try bench.write("a.npy", npy("|u1", "(2, 24)", pixels))
    try bench.prepare(images(.init(shape: [3, 4, 2])))
    #expect(try bench.dataset("train/image").shape == [2, 3, 4, 2])
    #expect(try bench.bytes("train/image") == pixels)
  }

  @Test func refusesShapesAndTypesThatDoNotFit() throws {
    let bench = try Workbench()
    try bench.write("a.npy", npy("|u1", "(2, 24)", pixels))
    #expect(
      try bench.failure(images(.init(shape: [3, 4, 3])), code: .badRecipe)
        .contains("expected samples of shape [3, 4, 3], found [24]"))
    #expect(
      try bench.failure(images(.init()), code: .badRecipe)
        .contains("expected 'shape: [height, width, channels]', found [24] in the source"))
    try bench.write("a.npy", npy("<f4", "(1, 2, 2)", raw([Float(0), 0, 0, 0])))
    #expect(
      try bench.failure(images(.init()), code: .badRecipe).contains("must be uint8"))
  }
}
