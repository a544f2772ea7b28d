import Configuration
import Foundation
import HDF5
import Preparation
import Testing

/// Splits, ranks, provenance, and what is left behind.
@Suite struct PreparationTests {
  /// Numbered samples, so that a value tells which one it is.
  private func numbered(_ bench: Workbench, _ count: Int) throws {
    try bench.write("x.npy", npy("<f4", "(\(count),)", raw((0..<count).map(Float.init))))
  }

  private func splits(_ more: [RecipeSplit]) -> RecipeConfiguration {
    recipe(
      [("x", .npy(paths: ["x.npy"]))], train: [("x", "x")], more: more,
      fields: [("x", .value(shape: nil, normalize: true))])
  }

  @Test func takesFractionsOutOfTheOrigin() throws {
    let bench = try Workbench()
    try numbered(bench, 1000)
    let one = RecipeSplit(
      name: "validation", origin: .fraction(from: "train", fraction: 0.2, seed: 1))
    let two = RecipeSplit(name: "test", origin: .fraction(from: "train", fraction: 0.25, seed: 1))
    let summary = try bench.prepare(splits([one, two]))
    let parts = try ["train", "validation", "test"].map { try bench.floats("\($0)/x") }
    #expect(parts.joined().sorted() == (0..<1000).map(Float.init))
    #expect(parts.allSatisfy { $0 == $0.sorted() })
    #expect(abs(parts[1].count - 200) < 52 && abs(parts[2].count - 200) < 52)
    // Statistics are those of what is left for training.
    let mean = parts[0].reduce(0.0) { $0 + Double($1) } / Double(parts[0].count)
    #expect(abs((summary.fields[0].mean.first ?? 0) - mean) < 1e-9)
    #expect(summary.fields[0].mean == (try bench.dataset("test/x").attribute("mean")?.asNumbers))
    // More samples do not move those that were there before.
    try numbered(bench, 1500)
    try bench.prepare(splits([one]))
    #expect(try bench.floats("validation/x").filter { $0 < 1000 } == parts[1])
    // Another seed takes others.
    let other = RecipeSplit(
      name: "validation", origin: .fraction(from: "train", fraction: 0.2, seed: 2))
    try numbered(bench, 1000)
    try bench.prepare(splits([other]))
    #expect(try bench.floats("validation/x") != parts[1])
  }

  @Test func dealsFolds() throws {
    let bench = try Workbench()
    try numbered(bench, 500)
    let folds = try (0..<5).map { fold in
      try bench.prepare(
        splits([
          RecipeSplit(
            name: "validation", origin: .fold(from: "train", folds: 5, fold: fold, seed: 3))
        ]))
      let held = try bench.floats("validation/x")
      #expect(try (bench.floats("train/x") + held).sorted() == (0..<500).map(Float.init))
      return held
    }
    #expect(folds.joined().sorted() == (0..<500).map(Float.init))
    #expect(folds.allSatisfy { abs($0.count - 100) < 40 })
  }

  @Test func limitsSplits() throws {
    let bench = try Workbench()
    try numbered(bench, 100)
    var recipe = splits([
      RecipeSplit(
        name: "validation", origin: .fraction(from: "train", fraction: 0.5, seed: 1), limit: 3)
    ])
    recipe.splits[0].limit = 5
    try bench.prepare(recipe)
    #expect(try bench.dataset("train/x").shape == [5])
    #expect(try bench.dataset("validation/x").shape == [3])
  }

  @Test func writesTheSameBytesOnAnyNumberOfRanks() throws {
    let bench = try Workbench()
    let glyphs = try small(shipped("glyphs"))
    try bench.prepare(glyphs)
    let once = try bench.read("out.h5")
    try FileManager.default.removeItem(atPath: bench.output)
    // A file that held a time would differ now.
    Thread.sleep(forTimeInterval: 1.1)
    for ranks in 1...3 {
      let summaries = try onRanks(ranks) { rank, exchange in
        var part = Preparation(glyphs, root: bench.folder, rank: rank, ranks: ranks)
        part.slabBytes = 1500
        return try part.run(output: bench.output, exchange: exchange)
      }
      #expect(summaries.allSatisfy { $0.outcome == .written })
      #expect(summaries.allSatisfy { $0.labels == summaries[0].labels })
      #expect(try bench.read("out.h5") == once)
      try FileManager.default.removeItem(atPath: bench.output)
    }
  }

  /// So few samples that a test is quick, so many that each rank has several slabs.
  private func small(_ recipe: RecipeConfiguration) -> RecipeConfiguration {
    var recipe = recipe
    for index in recipe.sources.indices {
      recipe.sources[index].kind = .glyphs(samples: 50 + index, seed: 4, first: 100 * index)
    }
    return recipe
  }

  @Test func leavesACurrentFileAlone() throws {
    let bench = try Workbench()
    try numbered(bench, 10)
    let written = try bench.prepare(splits([]))
    #expect(written.outcome == .written && written.digest.count == 64)
    let before = try bench.read("out.h5")
    let again = try bench.prepare(splits([]))
    #expect(again.outcome == .unchanged && again.digest == written.digest)
    try numbered(bench, 11)
    #expect(try bench.prepare(splits([])).outcome == .written)
    #expect(try bench.read("out.h5") != before)
    #expect(try bench.names() == ["out.h5", "x.npy"])
  }

  @Test func replacesNothingWhenItFails() throws {
    let bench = try Workbench()
    try numbered(bench, 10)
    try bench.prepare(splits([]))
    let before = try bench.read("out.h5")
    try bench.write("x.npy", npy("<f4", "(2,)", raw([Float(1), .infinity])))
    #expect(try bench.failure(splits([])).contains("x.npy, row 1"))
    #expect(try bench.read("out.h5") == before)
  }

  @Test func replacesOnlySampleFiles() throws {
    let bench = try Workbench()
    try numbered(bench, 10)
    try bench.write("out.h5", "a letter")
    #expect(
      try bench.failure(splits([]), code: .cannotWrite).contains(
        "exists and is no readable sample file"))
    #expect(try bench.read("out.h5") == Array("a letter".utf8))
    let error = #expect(throws: PreparationError.self) {
      try Preparation(splits([]), root: bench.folder).run(output: bench.folder + "/no/out.h5")
    }
    #expect(error?.code == .cannotWrite)
  }

  @Test func tellsWhereDataCameFrom() throws {
    let bench = try Workbench()
    try bench.write("x.npy", npy("<f4", "(3,)", raw([Float(1), 2, 3])))
    let summary = try bench.prepare(splits([]))
    let root = try HDF5File(reading: bench.output).root
    #expect(try root.attribute("sourceNames")?.asTexts == ["x.npy"])
    #expect(try root.attribute("sourceDigests")?.asTexts == summary.sources.map(\.digest))
    #expect(try root.attribute("synthetic")?.asInteger == 0)
    #expect(try root.attribute("name")?.asText == "trial")
    #expect(!summary.isSynthetic)
  }

  @Test func marksSyntheticFiles() throws {
    let bench = try Workbench()
    let summary = try bench.prepare(small(shipped("glyphs")))
    let root = try HDF5File(reading: bench.output).root
    #expect(try root.attribute("synthetic")?.asInteger == 1)
    #expect(try root.attribute("provenance")?.asText?.hasPrefix("synthetic") == true)
    #expect(summary.isSynthetic)
  }

  @Test func refusesRecipesThatContradictThemselves() throws {
    let bench = try Workbench()
    try numbered(bench, 10)
    var broken = splits([
      RecipeSplit(name: "test", origin: .fraction(from: "nowhere", fraction: 2, seed: 1))
    ])
    broken.sources.append(RecipeSource(name: "idle", kind: .npy(paths: ["x.npy"])))
    broken.fields.append(RecipeField(name: "seed", modality: .value(shape: nil, normalize: false)))
    let message = try bench.failure(broken, code: .badRecipe)
    for part in ["'nowhere'", "between 0 and 1", "'idle' is not used", "'seed': this name"] {
      #expect(message.contains(part), "\(message)")
    }
    try bench.write("y.npy", npy("<f4", "(9,)", raw((0..<9).map(Float.init))))
    let uneven = recipe(
      [("x", .npy(paths: ["x.npy"])), ("y", .npy(paths: ["y.npy"]))],
      train: [("x", "x"), ("y", "y")],
      fields: [
        ("x", .value(shape: nil, normalize: false)), ("y", .value(shape: nil, normalize: false)),
      ])
    #expect(try bench.failure(uneven).contains("found x 10, y 9"))
    let empty = splits([
      RecipeSplit(name: "test", origin: .fraction(from: "train", fraction: 1e-9, seed: 1))
    ])
    #expect(try bench.failure(empty, code: .badRecipe).contains("'test' has no samples"))
  }
}
