import Configuration
import Foundation
import HDF5
import Preparation
import TestSupport
import Testing

/// Reads a recipe that ships with the program.
func shipped(_ name: String) throws -> RecipeConfiguration {
  let folder = URL(fileURLWithPath: #filePath).deletingLastPathComponent()
    .deletingLastPathComponent().deletingLastPathComponent().path
  return try RecipeConfiguration.load(path: "\(folder)/configs/data/\(name).yaml")
}

/// Real files against what is known of them (figures: the data folder's README, taken from them).
@Suite(
  .enabled(if: DataFolder.path != nil, Comment(rawValue: DataFolder.hint)), .serialized)
struct ShippedRecipeTests {
  /// Prepares a shipped recipe, without its validation split where whole figures are to be met.
  private func prepare(
    _ name: String, in bench: Workbench, whole: Bool = true
  ) throws -> PreparationSummary {
    var recipe = try shipped(name)
    if whole { recipe.splits.removeAll { $0.name == "validation" } }
    return try Preparation(recipe, root: DataFolder.path ?? "").run(output: bench.output)
  }

  @Test func meetsTheFiguresOfMNIST() throws {
    let bench = try Workbench()
    let summary = try prepare("mnist", in: bench)
    #expect(
      summary.labels.map(\.counts) == [
        [5923, 6742, 5958, 6131, 5842, 5421, 5918, 6265, 5851, 5949],
        [980, 1135, 1032, 1010, 982, 892, 958, 1028, 974, 1009],
      ])
    #expect(try bench.labels("train/label").prefix(10) == [5, 0, 4, 1, 9, 2, 1, 3, 1, 4])
    #expect(try bench.labels("test/label").prefix(10) == [7, 2, 1, 0, 4, 1, 4, 9, 5, 9])
    let image = try #require(summary.fields.first { $0.name == "image" })
    #expect(abs(image.mean[0] / 255 - 0.13066) < 5e-6)
    #expect(abs(image.std[0] / 255 - 0.30811) < 5e-6)
    #expect(
      try bench.dataset("test/image").attribute("mean")?.asNumbers == image.mean)
    #expect(abs(try nearestClassMean(bench) - 0.8203) < 1e-9)
  }

  @Test func meetsTheFiguresOfCIFAR() throws {
    let bench = try Workbench()
    let summary = try prepare("cifar10", in: bench)
    #expect(
      summary.labels.map(\.counts)
        == [Array(repeating: 1000, count: 10), Array(repeating: 200, count: 10)])
    #expect(try bench.labels("train/label").prefix(10) == [6, 9, 0, 3, 7, 3, 6, 5, 9, 1])
    #expect(try bench.labels("test/label").prefix(10) == [0, 9, 7, 2, 9, 7, 1, 2, 2, 1])
    let image = try #require(summary.fields.first { $0.name == "image" })
    for (found, known) in zip(
      image.mean + image.std, [0.4889, 0.4804, 0.4464, 0.2474, 0.2432, 0.2610])
    {
      #expect(abs(found / 255 - known) < 6e-5)
    }
    #expect(abs(try nearestClassMean(bench) - 0.2625) < 1e-9)
    let resized = try prepare("cifar10-56", in: bench)
    #expect(resized.fields.first?.sampleShape == [56, 56, 3])
  }

  @Test func meetsTheFiguresOfAdult() throws {
    let bench = try Workbench()
    let summary = try prepare("adult", in: bench)
    #expect(summary.splits.map(\.samples) == [32_561, 16_281])
    #expect(summary.labels.map(\.counts) == [[24_720, 7_841], [12_435, 3_846]])
    let columns = try bench.dataset("train/table").attribute("columns")?.asTexts ?? []
    // Six numbers and 9 + 16 + 7 + 15 + 6 + 5 + 2 + 42 categories, "?" among them.
    #expect(columns.count == 6 + 102)
    let table = try bench.floats("train/table")
    for (name, count) in [
      ("workclass.missing", 1836), ("occupation.missing", 1843), ("native-country.missing", 583),
    ] {
      let column = try #require(columns.firstIndex(of: name))
      let ones = stride(from: column, to: table.count, by: columns.count).filter { table[$0] == 1 }
      #expect(ones.count == count)
    }
    // Nothing in the test file is unknown to the training file.
    #expect(!summary.notes.contains { $0.contains("does not have") })
    // The first row: age 39, with mean 38.582 and deviation 13.640.
    #expect(abs(table[0] - Float((39 - 38.582) / 13.640)) < 1e-4)
  }

  @Test func meetsTheFiguresOfSpokenDigits() throws {
    let bench = try Workbench()
    let summary = try prepare("fsdd", in: bench)
    #expect(
      summary.labels.map(\.counts)
        == [Array(repeating: 270, count: 10), Array(repeating: 30, count: 10)])
    var lengths: [Int] = []
    for split in ["train", "test"] {
      let ends = try bench.labels("\(split)/sound/offsets").map(Int.init)
      lengths += zip(ends.dropFirst(), ends).map { $0 - $1 }
    }
    lengths.sort()
    #expect(lengths.count == 3000 && lengths.first == 1148 && lengths.last == 18_262)
    #expect(lengths[1499] + lengths[1500] == 6717)
    #expect((Double(lengths.reduce(0, +)) / 3000 * 10).rounded() == 34_995)
    #expect(summary.badFiles.isEmpty && summary.notes.isEmpty)
  }

  @Test func pairsWrittenWithSpokenDigitsOfTheSameSplit() throws {
    let bench = try Workbench()
    var recipe = try shipped("av-digits")
    recipe.fields += [
      RecipeField(name: "take", modality: .value(shape: nil, normalize: false)),
      RecipeField(name: "spoken", modality: .label(.init())),
    ]
    for index in recipe.splits.indices {
      guard case .sources(let sources) = recipe.splits[index].origin else { continue }
      recipe.splits[index].origin = .sources(
        sources + [
          .init(field: "take", reference: "clips.index"),
          .init(field: "spoken", reference: "clips.label"),
        ])
      recipe.splits[index].limit = 400
    }
    let summary = try Preparation(recipe, root: DataFolder.path ?? "").run(output: bench.output)
    #expect(summary.splits.map(\.samples) == [400, 400, 400])
    for (split, takes) in [("train", 5...44), ("validation", 45...49), ("test", 0...4)] {
      #expect(try bench.labels("\(split)/label") == bench.labels("\(split)/spoken"))
      let found = try bench.floats("\(split)/take").map { Int($0) }
      #expect(found.allSatisfy(takes.contains) && Set(found).count == takes.count)
    }
    #expect(try bench.labels("test/label").prefix(10) == [7, 2, 1, 0, 4, 1, 4, 9, 5, 9])
    let image = try bench.dataset("train/image")
    let share = try image.attribute("componentShare")?.asNumbers?.first ?? 0
    // With one component less it would be below a quarter, and one of them holds at most a tenth.
    #expect(share >= 0.25 && share < 0.35)
  }

  /// Everything in the files, computed once more by a script that shares nothing with the program.
  @Test(
    .enabled(if: Python.has("h5py", "numpy", "scipy"), "python3 with h5py and scipy is missing"),
    arguments: [
      "mnist", "cifar10", "adult", "adult-categories", "sst2", "shakespeare", "movielens",
    ])
  func areThoseOfNumPy(name: String) throws {
    let bench = try Workbench()
    _ = try prepare(name, in: bench, whole: false)
    let script = URL(fileURLWithPath: #filePath).deletingLastPathComponent()
      .deletingLastPathComponent().appending(path: "Oracles/shipped.py")
    let said = try Python.run(
      String(contentsOf: script, encoding: .utf8), [name, bench.output, DataFolder.path ?? ""])
    #expect(said.hasPrefix("equal: "))
  }

  @Test(arguments: ["mnist", "cifar10", "adult"])
  func takesATenthForValidation(name: String) throws {
    let bench = try Workbench()
    let summary = try prepare(name, in: bench, whole: false)
    let sizes = Dictionary(uniqueKeysWithValues: summary.splits.map { ($0.name, $0.samples) })
    let train = try #require(sizes["train"])
    let validation = try #require(sizes["validation"])
    let total = ["mnist": 60_000, "cifar10": 10_000, "adult": 32_561][name] ?? 0
    #expect(train + validation == total)
    let deviation = (Double(total) * 0.09).squareRoot()
    #expect(abs(Double(validation) - Double(total) / 10) < 4 * deviation)
  }

  /// The test accuracy of the nearest mean of a class, by pixels.
  private func nearestClassMean(_ bench: Workbench) throws -> Double {
    let size = try bench.dataset("train/image").rowShape.reduce(1, *)
    let train = try bench.bytes("train/image")
    let labels = try bench.labels("train/label")
    let means = (0..<10).map { label in
      var sums = [Double](repeating: 0, count: size)
      var count = 0.0
      for sample in labels.indices where labels[sample] == label {
        for pixel in 0..<size { sums[pixel] += Double(train[sample * size + pixel]) }
        count += 1
      }
      return sums.map { $0 / count }
    }
    let test = try bench.bytes("test/image")
    let truth = try bench.labels("test/label")
    let right = truth.indices.filter { sample in
      let distances = means.map { distance($0, test, sample * size) }
      return distances.firstIndex(of: distances.min() ?? 0) == Int(truth[sample])
    }
    return Double(right.count) / Double(truth.count)
  }

  /// The squared distance of a mean from the pixels that begin at `start`.
  private func distance(_ mean: [Double], _ pixels: [UInt8], _ start: Int) -> Double {
    mean.withUnsafeBufferPointer { mean in
      pixels.withUnsafeBufferPointer { pixels in
        var sum = 0.0
        for place in mean.indices {
          let difference = Double(pixels[start + place]) - mean[place]
          sum += difference * difference
        }
        return sum
      }
    }
  }
}
