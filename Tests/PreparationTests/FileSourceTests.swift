import Configuration
import Foundation
import HDF5
import Preparation
import Testing

/// Which files become samples, in which order, and what their names say.
struct FileSourceTests {
  private let image = RecipeField.Modality.image(.init(normalize: false))
  private let label = RecipeField.Modality.label(.init())

  private func fields() -> [(String, RecipeField.Modality)] {
    [("image", image), ("label", label)]
  }

  private func classes(_ bench: Workbench) throws -> [String]? {
    try bench.dataset("train/label").attribute("classes")?.asTexts
  }

  @Test func foldersAreClasses() throws {
    let bench = try Workbench()
    try bench.write("photos/b/x.png", grey(2, 2, 1))
    try bench.write("photos/a/deep/z.PNG", grey(2, 2, 2))
    try bench.write("photos/a/B.png", grey(2, 2, 3))
    try bench.write("photos/a/a.png", grey(2, 2, 4))
    try bench.write("photos/a/.hidden.png", [1])
    try bench.write("photos/a/readme.txt", "no picture")
    try bench.write("photos/stray.png", grey(2, 2, 5))
    try FileManager.default.createDirectory(
      atPath: bench.folder + "/photos/empty", withIntermediateDirectories: true)
    let summary = try bench.prepare(
      recipe(
        [("photos", files(.images, .folder("photos")))],
        train: [("image", "photos"), ("label", "photos")], fields: fields()))
    // By bytes: capitals before small letters.
    let pixels = try bench.bytes("train/image")
    #expect(stride(from: 0, to: 16, by: 4).map { pixels[$0] } == [3, 4, 2, 1])
    #expect(try bench.labels("train/label") == [0, 0, 0, 1])
    #expect(try classes(bench) == ["a", "b", "empty"])
    #expect(summary.labels.map(\.counts) == [[3, 1, 0]])
    #expect(summary.notes.contains { $0.contains("class folder photos/empty holds no file") })
    #expect(summary.notes.contains { $0.contains("files in photos of another kind or name: 2") })
    #expect(summary.badFiles.isEmpty)
  }

  @Test func listsNameFilesAndLabels() throws {
    let bench = try Workbench()
    for (index, name) in ["p", "q", "r"].enumerated() {
      try bench.write("lists/pictures/\(name).png", grey(1, 1, UInt8(index)))
    }
    try bench.write(
      "lists/all.csv", "file,kind,part\npictures/r.png,cat,1\npictures/p.png,dog,2\n,cat,1\n")
    let list = FileCollection.Place.list("lists/all.csv", path: "file", label: "kind")
    let summary = try bench.prepare(
      recipe(
        [("all", files(.images, list))],
        train: [("image", "all"), ("label", "all"), ("part", "all.part")],
        fields: fields() + [("part", .value(shape: nil, normalize: false))]))
    #expect(try bench.bytes("train/image") == [2, 0])
    #expect(try classes(bench) == ["cat", "dog"])
    #expect(try bench.floats("train/part") == [1, 2])
    let bad = try #require(summary.badFiles.first)
    #expect(
      [bad.source, bad.path, bad.reason] == ["all", "lists/all.csv, line 4", "no path is given"])
    #expect(summary.sources.map(\.path) == ["lists/all.csv", "files of lists/all.csv"])
  }

  @Test func partsOfNamesDecideSplits() throws {
    let bench = try Workbench()
    var members: [(String, [UInt8])] = []
    for index in [10, 2, 0, 7] {
      for label in ["no", "yes"] {
        members.append(("./top/\(label)_a_b-\(index).png", grey(1, 1, UInt8(index))))
      }
    }
    try bench.write("a.tar", tar(members + [("top/other.png", []), ("else/x_a_b-1.png", [])]))
    try bench.gzip("a.tar")
    let source = files(
      .images, .archive("a.tar.gz"), within: "top", pattern: "{label}_{who}-{index}.png")
    let split: (ClosedRange<Int>) -> [RecipeCondition] = {
      [RecipeCondition(source: "a", part: "index", accepted: .range($0))]
    }
    var recipe = recipe(
      [("a", source)], train: [("image", "a"), ("label", "a")],
      test: [("image", "a"), ("label", "a")], conditions: split(2...10), fields: fields())
    recipe.splits[1].conditions = split(0...1)
    let summary = try bench.prepare(recipe)
    // Paths by bytes: 10 before 2; the part before it takes as little as makes the whole fit.
    #expect(try bench.bytes("train/image") == [10, 2, 7, 10, 2, 7])
    #expect(try bench.labels("train/label") == [0, 0, 0, 1, 1, 1])
    #expect(try bench.bytes("test/image") == [0, 0])
    #expect(summary.notes == ["source 'a': files in a.tar.gz of another kind or name: 1"])
    recipe.splits[0].conditions[0].part = "speaker"
    #expect(
      try bench.failure(recipe, code: .badRecipe).contains(
        "its columns are label, who, index, path"))
    recipe.splits[0].conditions[0] = .init(
      source: "a", part: "label", accepted: .texts(["perhaps"]))
    #expect(try bench.failure(recipe, code: .badRecipe).contains("no sample meets 'where'"))
  }

  @Test func conditionsSelectRowsOfTables() throws {
    let bench = try Workbench()
    try bench.write("t.csv", "x,y,set\n1,a,p\n2,b,q\n3,a,r\n4,bad,s\n")
    try bench.write("n.npy", npy("<i8", "(4,)", raw([5, 6, 7, 8] as [Int64])))
    let recipe = recipe(
      [("t", .csv(paths: ["t.csv"], options: .init())), ("n", .npy(paths: ["n.npy"]))],
      train: [("x", "t.x"), ("y", "t.y"), ("n", "n")],
      conditions: [.init(source: "t", part: "set", accepted: .texts(["q", "r"]))],
      fields: [
        ("x", .value(shape: nil, normalize: false)), ("y", .label(.init(classes: ["a", "b"]))),
        ("n", .value(shape: nil, normalize: false)),
      ])
    try bench.prepare(recipe)
    #expect(try bench.floats("train/x") == [2, 3])
    #expect(try bench.labels("train/y") == [1, 0])
    #expect(try bench.floats("train/n") == [6, 7])
    var wrong = recipe
    wrong.splits[0].conditions[0].accepted = .texts(["s"])
    #expect(try bench.failure(wrong).contains("t.csv, line 5: label 'bad'"))
  }

  @Test func membersOfOneNameAndPathsThatClimb() throws {
    let bench = try Workbench()
    try bench.write(
      "a.tar",
      tar([
        ("x/1.png", grey(1, 1, 1)), ("../../x/2.png", grey(1, 1, 2)), ("/x/3.png", grey(1, 1, 3)),
        ("x/1.png", grey(1, 1, 9)), ("x/../y/4.png", grey(1, 1, 4)),
      ]))
    let summary = try bench.prepare(
      recipe(
        [("a", files(.images, .archive("a.tar")))], train: [("image", "a")],
        fields: [("image", image)]))
    #expect(try bench.bytes("train/image") == [9])
    #expect(summary.badFiles.map(\.path) == ["../../x/2.png", "/x/3.png", "x/../y/4.png"])
    #expect(summary.badFiles.allSatisfy { $0.reason == "its name leads out of the archive" })
    #expect(try bench.names() == ["a.tar", "out.h5"])
  }

  @Test func aChangedFileMakesTheSampleFileAnew() throws {
    let bench = try Workbench()
    try bench.write("p/1.png", grey(1, 1, 1))
    let recipe = recipe(
      [("p", files(.images, .folder("p")))], train: [("image", "p")], fields: [("image", image)])
    let first = try bench.prepare(recipe)
    #expect(try bench.prepare(recipe).outcome == .unchanged)
    try bench.write("p/1.png", grey(1, 1, 2))
    let second = try bench.prepare(recipe)
    #expect(second.outcome == .written && second.sources != first.sources)
    #expect(try bench.bytes("train/image") == [2])
  }

  @Test(arguments: [2, 3, 5])
  func theFileDoesNotDependOnTheRanks(ranks: Int) throws {
    let bench = try Workbench()
    for index in 0..<11 {
      try bench.write(
        "s/\(index % 3)/\(index).wav",
        index == 4 ? [] : wav(raw((0..<Int16(index * 7 + 1)).map { $0 * 100 })))
      try bench.write("p/\(index).png", grey(index + 3, 5, UInt8(index * 20)))
    }
    let recipe = recipe(
      [("s", files(.sounds, .folder("s"))), ("p", files(.images, .folder("p")))],
      train: [("sound", "s"), ("label", "s"), ("image", "p")],
      more: [
        RecipeSplit(name: "validation", origin: .fraction(from: "train", fraction: 0.3, seed: 1))
      ],
      fields: [
        ("sound", .sound(.init(rate: 11025))), ("label", label),
        ("image", .image(.init(resize: [4, 4], crop: .center))),
      ])
    let alone = try bench.prepare(recipe)
    #expect(
      alone.badFiles.map(\.path) == ["1/4.wav"] && alone.splits.map(\.samples).reduce(0, +) == 10)
    let folder = bench.folder
    let results = try onRanks(ranks) { rank, exchange in
      var preparation = Preparation(recipe, root: folder, rank: rank, ranks: ranks)
      preparation.slabBytes = 100
      return try preparation.run(output: folder + "/many.h5", exchange: exchange)
    }
    #expect(results.map(\.badFiles) == Array(repeating: alone.badFiles, count: ranks))
    #expect(try bench.read("many.h5") == bench.read("out.h5"))
  }
}
