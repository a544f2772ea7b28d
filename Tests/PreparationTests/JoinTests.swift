import Configuration
import Datasets
import Foundation
import HDF5
import Preparation
import TestSupport
import Testing

/// Joins, missing modalities, ids of categories and the splits of logs.
@Suite struct JoinTests {
  private func csv(_ path: String, missing: [String] = []) -> RecipeSource.Kind {
    .csv(paths: [path], options: .init(missing: missing))
  }

  private func joined(
    _ join: RecipeJoin, fields: [(String, RecipeField.Modality)], train: [(String, String)]
  ) -> RecipeConfiguration {
    var recipe = recipe([("a", csv("a.csv")), ("b", csv("b.csv"))], train: train, fields: fields)
    recipe.splits[0].joins = [join]
    return recipe
  }

  private func join(
    seed: UInt64? = nil, unmatched: RecipeJoin.Unmatched = .keep
  ) -> RecipeJoin {
    RecipeJoin(
      source: "b", on: .init(field: "on", reference: "a.key"),
      to: .init(field: "to", reference: "b.key"), seed: seed, unmatched: unmatched)
  }

  private let size: [(String, RecipeField.Modality)] = [
    ("x", .value(shape: nil, normalize: true)), ("size", .value(shape: nil, normalize: true)),
    ("row", .row),
  ]
  private let train = [("x", "a.x"), ("size", "b.size"), ("row", "b")]

  @Test func findsRowsByTheirKeys() throws {
    let bench = try Workbench()
    try bench.write("a.csv", "key,x\nu,1\nw,2\nv,3\nu,4\n")
    try bench.write("b.csv", "key,size\nv,30\nu,10\n")
    let summary = try bench.prepare(joined(join(), fields: size, train: train))
    #expect(try bench.floats("train/size/values") == [10, 0, 30, 10])
    #expect(try bench.bytes("train/size/present") == [1, 0, 1, 1])
    #expect(try bench.labels("train/row/values") == [1, 0, 0, 1])
    #expect(summary.notes.contains("size: missing in train 1 of 4"))
    // Statistics are those of the samples that have the field.
    #expect(abs((summary.fields[1].mean.first ?? 0) - 50.0 / 3) < 1e-12)
    try bench.prepare(joined(join(unmatched: .drop), fields: size, train: train))
    #expect(try bench.floats("train/size") == [10, 30, 10])
    #expect(try bench.floats("train/x") == [1, 3, 4])
    try FileManager.default.removeItem(atPath: bench.output)
    #expect(
      try bench.failure(joined(join(unmatched: .fail), fields: size, train: train))
        .contains("sample 1: 'b' has no row with the key 'w'"))
    let labels: [(String, RecipeField.Modality)] = [("label", .label(.init()))]
    #expect(
      try bench.failure(joined(join(), fields: labels, train: [("label", "b.size")]))
        .contains("sample 1: it has no label 'label'"))
  }

  @Test func drawsAmongRowsOfOneKey() throws {
    let bench = try Workbench()
    try bench.write("a.csv", "key,x\n" + String(repeating: "u,1\nv,2\n", count: 200))
    try bench.write("b.csv", "key,size\nu,0\nv,1\nu,2\nv,3\nu,4\n")
    #expect(
      try bench.failure(joined(join(), fields: size, train: train))
        .contains("3 rows with the key 'u' (rows 0 and 2, from 0)"))
    try bench.prepare(joined(join(seed: 1), fields: size, train: train))
    let rows = try bench.labels("train/row")
    #expect(rows.enumerated().allSatisfy { $1 % 2 == Int64($0 % 2) })
    for row in 0..<5 {
      let count = rows.count { $0 == Int64(row) }
      #expect(count > 40, "row \(row) was drawn \(count) times of 200")
    }
    #expect(try bench.floats("train/size") == rows.map(Float.init))
    let first = rows
    try bench.prepare(joined(join(seed: 2), fields: size, train: train))
    #expect(try bench.labels("train/row") != first)
  }

  @Test func drawsOnlyAmongRowsThatMeetTheConditionsOfAJoin() throws {
    let bench = try Workbench()
    try bench.write("a.csv", "key,x\n" + String(repeating: "u,1\nv,2\n", count: 50))
    try bench.write("b.csv", "key,size,take\nu,0,1\nv,1,2\nu,2,3\nv,3,9\nu,4,2\nw,5,3\n")
    var join = join(seed: 1)
    join.conditions = [RecipeCondition(source: "b", part: "take", accepted: .range(2...3))]
    var trial = joined(join, fields: size, train: train)
    try bench.prepare(trial)
    let rows = try bench.labels("train/row")
    #expect(rows.count == 100 && Set(rows) == [1, 2, 4])
    #expect(rows.enumerated().allSatisfy { $1 % 2 == Int64($0 % 2) })
    // Rows are passed over before others are counted.
    trial.splits[0].skip = 30
    trial.splits[0].limit = 20
    try bench.prepare(trial)
    #expect(try bench.labels("train/row") == Array(rows[30..<50]))
    trial.splits[0].joins[0].conditions[0].accepted = .texts(["9"])
    try bench.prepare(trial)
    #expect(try bench.bytes("train/size/present") == (0..<20).map { UInt8($0 % 2) })
  }

  @Test func takesFieldsAwayForAnExperiment() throws {
    let bench = try Workbench()
    try bench.write("i.idx", idx([1000, 2, 2], (0..<4000).map { UInt8($0 / 4 % 251) }))
    var trial = recipe(
      [("i", .idx(paths: ["i.idx"]))], train: [("image", "i")],
      fields: [("image", .image(.init()))])
    trial.missing = [RecipeAbsence(field: "image", fraction: 0.3, seed: 1)]
    let summary = try bench.prepare(trial)
    let present = try bench.bytes("train/image/present")
    #expect(abs(present.count { $0 == 0 } - 300) < 60)
    let values = try bench.bytes("train/image/values")
    let there = (0..<1000).filter { present[$0] == 1 }
    for sample in 0..<1000 {
      #expect(values[4 * sample] == (present[sample] == 1 ? UInt8(sample % 251) : 0))
    }
    let mean = there.reduce(0.0) { $0 + Double($1 % 251) } / Double(there.count)
    #expect(abs(summary.fields[0].mean[0] - mean) < 1e-9)
  }

  @Test func givesCategoriesIdsOfOneVocabulary() throws {
    let bench = try Workbench()
    try bench.write("a.csv", "c,n\nx,10\ny,9\nx,?\nrare,9\n")
    try bench.write("b.csv", "c,n\nnew,9\n?,10\n")
    try bench.prepare(
      recipe(
        [("a", csv("a.csv", missing: ["?"])), ("b", csv("b.csv", missing: ["?"]))],
        train: [("cats", "a"), ("n", "a.n")], test: [("cats", "b"), ("n", "b.n")],
        fields: [
          ("cats", .categories(.init(columns: ["c", "n"], minimumCount: 1))),
          ("n", .categories(.init(minimumCount: 2))),
        ]))
    let vocabulary = try SampleVocabulary(of: "cats", in: HDF5File(reading: bench.output).root)
    #expect(
      vocabulary.words.indices.map(vocabulary.text) == [
        "c=<unk>", "c=rare", "c=x", "c=y", "n=<unk>", "n.missing", "n=9", "n=10",
      ])
    #expect(try bench.labels("train/cats") == [2, 7, 3, 6, 2, 5, 1, 6])
    #expect(try bench.labels("test/cats") == [0, 6, 0, 7])
    #expect(try bench.labels("train/n") == [0, 1, 0, 1])
    let field = try bench.dataset("train/cats")
    #expect(try field.attribute("sizes")?.asNumbers == [4, 4])
    #expect(try field.attribute("unknown")?.asNumbers == [0, 4])
  }

  @Test func splitsALogByTimeByUserAndByNumber() throws {
    let bench = try Workbench()
    try bench.write("a.csv", "u,t\na,5\nb,1\na,3\nb,9\na,7\nc,7\n")
    func rows(_ origin: RecipeSplit.Origin) throws -> (train: [Float], test: [Float]) {
      try bench.prepare(
        recipe(
          [("a", csv("a.csv"))], train: [("t", "a.t")], more: [.init(name: "test", origin: origin)],
          fields: [("t", .value(shape: nil, normalize: false))]))
      return (try bench.floats("train/t"), try bench.floats("test/t"))
    }
    let by = RecipeSplit.FieldSource(field: "by", reference: "a.t")
    let of = RecipeSplit.FieldSource(field: "of", reference: "a.u")
    #expect(try rows(.modulo(from: "train", modulo: 3, remainder: 2)) == ([5, 1, 9, 7], [3, 7]))
    // Of the two at time 7 the later row is the later one.
    #expect(try rows(.latest(from: "train", share: 0.34, by: by)) == ([5, 1, 3, 7], [9, 7]))
    #expect(try rows(.last(from: "train", count: 1, of: of, by: by)) == ([5, 1, 3], [9, 7, 7]))
  }

  @Test(.enabled(if: Python.has("sklearn", "h5py"), "python3 with scikit-learn is not installed"))
  func givesTheQuantilesOfScikitLearn() throws {
    let bench = try Workbench()
    // The smallest and the largest number occur once: where they are tied, scikit-learn goes to the end.
    let numbers = [-3, 1000] + (0..<398).map { ($0 * 7919 % 211) * ($0 % 3 == 0 ? 1 : 3) }
    try bench.write("a.csv", "x\n" + numbers.map { "\($0)\n" }.joined())
    try bench.write("b.csv", "x\n-5\n0\n3.25\n100.5\n629\n1e6\n")
    try bench.prepare(
      recipe(
        [("a", csv("a.csv")), ("b", csv("b.csv"))], train: [("t", "a")], test: [("t", "b")],
        fields: [("t", .table(.init(numeric: ["x"], quantile: ["x"])))]))
    _ = try Python.run(
      """
      import sys, h5py, numpy as np
      from sklearn.preprocessing import QuantileTransformer
      read = lambda n: np.loadtxt(sys.argv[1] + n, skiprows=1)[:, None]
      t = QuantileTransformer(n_quantiles=400, output_distribution='normal', subsample=None).fit(read('/a.csv'))
      t.quantiles_ = np.sort(read('/a.csv'), axis=0)  # its own are off by 1e-13, which parts ties
      f = h5py.File(sys.argv[1] + '/out.h5', 'r')
      for split, name in [('train', '/a.csv'), ('test', '/b.csv')]:
          d = np.abs(t.transform(read(name)) - f[split + '/t'][:]).max()
          assert d < 1e-5, (split, d)
      """, [bench.folder])
  }

  @Test func turnsListsIntoColumns() throws {
    let bench = try Workbench()
    try bench.write("a.csv", "g,title\na|b,One (1999)\nb,Two\n,Three (2001)\nc|a,Four (1980) \n")
    let extract = RecipeSource.CSVOptions.Extract(
      name: "year", from: "title", pattern: #"\((\d{4})\)\s*$"#)
    let summary = try bench.prepare(
      recipe(
        [("a", .csv(paths: ["a.csv"], options: .init(missing: [""], extract: [extract])))],
        train: [("t", "a")],
        fields: [
          (
            "t",
            .table(
              .init(
                numeric: ["year"], standardize: false, missing: .mean, missingCategory: .zeros,
                minimumCount: 2, lists: [.init(column: "g", separator: "|")]))
          )
        ]))
    #expect(try bench.dataset("train/t").attribute("columns")?.asTexts == ["year", "g=a", "g=b"])
    let mean = Float(5980.0 / 3)
    #expect(
      try bench.floats("train/t") == [1999, 1, 1, mean, 0, 1, 2001, 0, 0, 1980, 1, 0])
    #expect(summary.notes.contains("t: 1 categories of g are too rare for a column"))
  }

  @Test(.enabled(if: Python.has("numpy"), "python3 with numpy is not installed"))
  func readsArchivesOfArrays() throws {
    let bench = try Workbench()
    _ = try Python.run(
      """
      import sys, numpy as np
      a = np.arange(2000, dtype='f4').reshape(1000, 2)
      np.savez(sys.argv[1] + '/s.npz', x=a, y=a[::-1])
      np.savez_compressed(sys.argv[1] + '/d.npz', x=a, y=a[::-1])
      """, [bench.folder])
    let rows: [Int] = (0..<1000).reversed()
    let expected: [Float] = rows.flatMap { row -> [Float] in [Float(2 * row), Float(2 * row + 1)] }
    func trial(_ name: String, _ array: String) -> RecipeConfiguration {
      recipe(
        [("a", .npz(paths: [name], array: array))], train: [("x", "a")],
        fields: [("x", .value(shape: nil, normalize: false))])
    }
    for name in ["s.npz", "d.npz"] {
      try bench.prepare(trial(name, "y"))
      #expect(try bench.floats("train/x") == expected)
      var bytes = try bench.read(name)
      bytes[200] ^= 1
      try bench.write("bad.npz", bytes)
      try FileManager.default.removeItem(atPath: bench.output)
      #expect(try bench.failure(trial("bad.npz", "x")).contains("does not fit its checksum"))
      try bench.write("bad.npz", Array(bytes.prefix(300)))
      #expect(try bench.failure(trial("bad.npz", "x")).contains("not a whole ZIP archive"))
    }
    #expect(try bench.failure(trial("s.npz", "z")).contains("its arrays are x, y"))
  }
}
