import Foundation
import TestSupport
import Testing

extension JobTests {
  /// Wrong data ends in one sentence that names file and sample, and touches nothing.
  @Suite(.serialized) struct BadDataTests {
    @Test func aLabelOutOfRangeNamesTheSample() throws {
      try withTemporaryFolder { folder in
        // A user's own description of the file: five classes, where the labels go to nine.
        let fields =
          "data.fields={image: /train/image, table: /train/table, "
          + "label: {dataset: /train/label, kind: label, classes: 5}}"
        let settings = [
          fields, "heads.digit.layers.3={linear: {out: 5}}", "evaluate.metrics=[accuracy]",
        ]
        let alone = try Aimass.train(Shelf.glyphs.get(), output: folder.file("run"), set: settings)
        expectRefusal(alone, 65, ["/train/label: sample ", "outside 0..<5"])
        // On several ranks each may meet a wrong label of its own at the same moment.
        let both = try Aimass.train(
          Shelf.glyphs.get(), ranks: 2, output: folder.file("run"), set: settings)
        #expect(both.status == 65, "\(both)")
        let lines = both.errors.split(separator: "\n")
        #expect(!lines.isEmpty && lines.allSatisfy { $0.hasPrefix("aimass: rank ") }, "\(both)")
        #expect(Run(path: folder.file("run")).checkpoints.isEmpty)
      }
    }

    @Test(arguments: ["half", "text", "empty", "folder"])
    func aFileThatIsNoWholeHDF5IsRefused(kind: String) throws {
      try withTemporaryFolder { folder in
        let path = folder.file("data.h5")
        switch kind {
        case "half":
          let whole = try #require(FileManager.default.contents(atPath: Shelf.file("glyphs.h5")))
          try whole.prefix(whole.count / 2).write(to: URL(fileURLWithPath: path))
        case "text": try folder.write("sample,label\n0,1\n", to: "data.h5")
        case "empty": try folder.write("", to: "data.h5")
        default:
          try FileManager.default.createDirectory(
            atPath: path, withIntermediateDirectories: false)
        }
        let before = snapshot(folder.path)
        _ = try Shelf.glyphs.get()
        let result = try Aimass.train(
          Shelf.glyphs.get(), ranks: 2, output: folder.file("run"), set: ["data.file=\(path)"])
        expectRefusal(result, 65, [path])
        #expect(snapshot(folder.path) == before)
      }
    }

    @Test(.enabled(if: Python.has("h5py", "numpy"), "h5py is missing"))
    func aNaNInTheDataNamesTheSample() throws {
      try withTemporaryFolder { folder in
        let path = folder.file("own.h5")
        _ = try Python.run(
          """
          import h5py, numpy, sys
          with h5py.File(sys.argv[1], "w") as f:
              x = numpy.ones((40, 6), "f4")
              x[23, 4] = numpy.nan
              f["x"] = x
              f["y"] = numpy.zeros(40, "f4")
          """, [path])
        let configuration = try folder.write(
          """
          name: own
          data: {file: own.h5, fields: {x: /x, y: /y}}
          batch: {global: 40, micro: 10}
          modalities: {numbers: {field: x, encoder: [{linear: 4}]}}
          heads: {value: {layers: [{linear: 1}], loss: meanSquaredError, target: y}}
          optimizer: {adam: {learningRate: 0.1}}
          train: {epochs: 2}

          """, to: "own.yaml")
        let result = try Aimass.train(configuration, ranks: 2, output: folder.file("run"))
        expectRefusal(result, 65, ["sample 23", "x"])
        #expect(Run(path: folder.file("run")).checkpoints.isEmpty)
      }
    }

    @Test(.enabled(if: Python.has("h5py", "numpy"), "h5py is missing"))
    func offsetsOfNothingAreRefused() throws {
      try withTemporaryFolder { folder in
        _ = try Python.run(
          """
          import h5py, numpy, sys
          with h5py.File(sys.argv[1], "w") as f:
              f["x/values"] = numpy.zeros((0, 3), "f4")
              f["x/offsets"] = numpy.zeros(0, "i8")
          """, [folder.file("own.h5")])
        let configuration = try folder.write(
          """
          name: own
          data: {file: own.h5, fields: {x: x}, split: {validation: 0.2}}
          batch: {global: 4}
          modalities: {x: {field: x, encoder: [{pool: mean}]}}
          heads: {y: {layers: [{linear: 3}], loss: meanSquaredError, target: x}}
          optimizer: {adam: {learningRate: 0.1}}
          train: {epochs: 2}

          """, to: "own.yaml")
        let result = try Aimass.train(configuration, output: folder.file("run"))
        expectRefusal(result, 65, ["x/offsets", "is empty"])
      }
    }

    /// A recipe over one CSV table, and what is wrong with the table.
    static let tableRecipe = """
      name: table
      sources: {rows: {csv: rows.csv, header: true}}
      splits: {train: {x: rows, label: rows.label}}
      fields:
        x: {modality: table, numeric: [a, b]}
        label: {modality: label, classes: [no, yes]}

      """

    @Test(arguments: [
      ("a,b,label\n1,2,no\n3,4,maybe\n", ["maybe", "rows.csv"]),
      ("a,b,label\n1,2,no\n3,yes\n", ["rows.csv"]),
      ("a,b,label\n1,2,no\n3,four,yes\n", ["four", "rows.csv"]),
    ])
    func aWrongTableIsRefused(text: String, words: [String]) throws {
      try withTemporaryFolder { folder in
        let recipe = try folder.write(Self.tableRecipe, to: "r.yaml")
        try folder.write(text, to: "rows.csv")
        let before = snapshot(folder.path)
        let result = try Aimass.run(["prepare", recipe, "-o", folder.file("out.h5")])
        expectRefusal(result, 65, words)
        #expect(snapshot(folder.path) == before)
      }
    }

    @Test func aRecipeWithoutItsSourceIsRefused() throws {
      try withTemporaryFolder { folder in
        let recipe = try folder.write(Self.tableRecipe, to: "r.yaml")
        let before = snapshot(folder.path)
        let result = try Aimass.run(["prepare", recipe, "-o", folder.file("out.h5")])
        expectRefusal(result, 66, ["rows.csv"])
        #expect(snapshot(folder.path) == before)
      }
    }

    @Test func aShortSourceIsRefused() throws {
      try withTemporaryFolder { folder in
        let recipe = try folder.write(
          """
          name: short
          sources: {images: {idx: images.idx}, labels: {idx: labels.idx}}
          splits: {train: {image: images, label: labels}}
          fields:
            image: {modality: image, shape: [2, 2, 1]}
            label: {modality: label, classes: ["0", "1"]}

          """, to: "r.yaml")
        // The header promises three pictures of 2 by 2 bytes; ten bytes follow.
        let images: [UInt8] = [0, 0, 8, 3, 0, 0, 0, 3, 0, 0, 0, 2, 0, 0, 0, 2] + [UInt8](0..<10)
        let labels: [UInt8] = [0, 0, 8, 1, 0, 0, 0, 3, 0, 1, 0]
        try Data(images).write(to: URL(fileURLWithPath: folder.file("images.idx")))
        try Data(labels).write(to: URL(fileURLWithPath: folder.file("labels.idx")))
        let before = snapshot(folder.path)
        let result = try Aimass.run(["prepare", recipe, "-o", folder.file("out.h5")])
        expectRefusal(result, 65, ["images.idx"])
        #expect(snapshot(folder.path) == before)
      }
    }

    /// Files of equal shapes whose classes or columns are others than the run's.
    @Test(arguments: [
      ("classes: [no, yes]", "classes: [yes, no]", "label", "names or another order"),
      ("numeric: [a, b]", "numeric: [b, a]", "x", "column 0 is 'b' and not 'a'"),
    ])
    func otherDataMustMeanTheSame(
      change: (old: String, new: String, field: String, words: String)
    ) throws {
      try withTemporaryFolder { folder in
        let rows = (0..<40).map { "\($0),\($0 * $0),\($0 % 2 == 0 ? "no" : "yes")\n" }.joined()
        try folder.write("a,b,label\n" + rows, to: "rows.csv")
        for (name, text) in [
          ("own", Self.tableRecipe),
          ("other", Self.tableRecipe.replacingOccurrences(of: change.old, with: change.new)),
        ] {
          let recipe = try folder.write(text, to: "\(name).yaml")
          let made = try Aimass.run(["prepare", recipe, "-o", folder.file("\(name).h5")])
          #expect(made.status == 0, "\(made)")
        }
        let configuration = try folder.write(
          """
          name: run
          data: {file: own.h5}
          batch: {global: 8, micro: 4}
          modalities: {x: {field: x, encoder: []}}
          heads: {y: {layers: [{linear: 2}], loss: crossEntropy, target: label}}
          optimizer: {adam: {learningRate: 0.1}}
          train: {epochs: 1}

          """, to: "run.yaml")
        let run = folder.file("run")
        #expect(try Aimass.train(configuration, output: run).status == 0)
        let evaluate = ["evaluate", run, "--split", "train", "--data"]
        #expect(try Aimass.run(evaluate + [folder.file("own.h5")]).status == 0)
        expectRefusal(
          try Aimass.run(evaluate + [folder.file("other.h5")]), 65,
          ["other.h5", "field '\(change.field)'", change.words])
      }
    }

    @Test func preparingLeavesOtherFilesAlone() throws {
      try withTemporaryFolder { folder in
        let recipe = try folder.write(Shelf.glyphsRecipe, to: "r.yaml")
        try folder.write("mine", to: "out.h5")
        let before = snapshot(folder.path)
        let result = try Aimass.run(["prepare", recipe, "-o", folder.file("out.h5")])
        expectRefusal(result, 73, ["out.h5"])
        #expect(snapshot(folder.path) == before)
        let nowhere = try Aimass.run(["prepare", recipe, "-o", "/proc/aimass/out.h5"])
        expectRefusal(nowhere, 73, ["/proc/aimass/out.h5"])
        let wrong = try Aimass.run(
          ["prepare", recipe, "-o", folder.file("x.h5"), "--set", "fields.image.shapes=[1]"])
        expectRefusal(wrong, 78, ["shapes", "did you mean `shape`"])
        #expect(snapshot(folder.path) == before)
      }
    }
  }
}
