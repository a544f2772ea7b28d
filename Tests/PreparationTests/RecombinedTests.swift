import Configuration
import Foundation
import HDF5
import Preparation
import TestSupport
import Testing

/// Fields of prepared files, and sequences of foreign ones, as sources of another file.
@Suite struct RecombinedTests {
  private func source(_ dataset: String, _ files: [String] = ["one.h5"]) -> RecipeSource.Kind {
    .hdf5(paths: files, dataset: dataset)
  }

  /// A prepared file with sounds and texts of unequal length, of which some samples lack one.
  private func first(_ bench: Workbench) throws {
    for sound in 0..<6 {
      let samples = (0..<20 + 7 * sound).map { Int16($0 * 31 + sound * 100) }
      try bench.write("s/\("ab".dropFirst(sound % 2).prefix(1))/\(sound).wav", wav(raw(samples)))
    }
    try bench.write("t.csv", "key,text\na/0.wav,big dog\nb/1.wav,dog\na/4.wav,the big big cat\n")
    var recipe = recipe(
      [("f", files(.sounds, .folder("s"))), ("t", .csv(paths: ["t.csv"], options: .init()))],
      train: [("x", "f"), ("label", "f"), ("note", "t.text")],
      fields: [
        ("x", .sound(.init(scale: .int16))), ("label", .label(.init())),
        ("note", .text(.init(tokens: .words(.init())))),
      ])
    recipe.splits[0].joins = [
      RecipeJoin(
        source: "t", on: .init(field: "on", reference: "f.path"),
        to: .init(field: "to", reference: "t.key"))
    ]
    recipe.missing = [RecipeAbsence(field: "x", fraction: 0.4, seed: 2)]
    _ = try Preparation(recipe, root: bench.folder).run(output: "\(bench.folder)/one.h5")
  }

  private static let compare = """
    import sys, numpy as np, h5py
    one, two = h5py.File(sys.argv[1] + '/one.h5'), h5py.File(sys.argv[1] + '/out.h5')
    rows = [int(x) for x in sys.argv[2].split()]
    def samples(file, field):
        entry = file['train/' + field]
        if isinstance(entry, h5py.Dataset): return list(entry[:])
        v, present = entry['values'][:], entry['present'][:]
        if 'offsets' not in entry: return [v[i] if p else None for i, p in enumerate(present)]
        o = entry['offsets'][:]
        return [v[o[i]:o[i + 1]].tolist() if p else None for i, p in enumerate(present)]
    for field in ['x', 'label', 'note']:
        a, b = samples(one, field), samples(two, field)
        assert [a[i] for i in rows] == b, (field, a, b)
        for name in ['rate', 'modality', 'unknown']:
            known = one['train/' + field].attrs
            if name in known: assert known[name] == two['train/' + field].attrs[name], name
        if field != 'x':
            c, d = one['train/' + field].attrs['classes'], two['train/' + field].attrs['classes']
            assert np.array_equal(c, d), (c, d)
    assert one['vocabularies/note/bytes'][:].tobytes() == two['vocabularies/note/bytes'][:].tobytes()
    print('equal', sum(x is None for x in samples(two, 'x')), sum(x is None for x in samples(two, 'note')))
    """

  private let fields: [(String, RecipeField.Modality)] = [
    ("x", .sound(.init(scale: .int16))), ("label", .label(.init())), ("note", .ids),
  ]

  private let parts = [("x", "x"), ("label", "label"), ("note", "note")]

  @Test(.enabled(if: Python.hasH5py, "python3 with h5py and numpy is not installed"))
  func fieldsOfAPreparedFileComeOutAsTheyWere() throws {
    let bench = try Workbench()
    try first(bench)
    let sources = ["x", "label", "note"].map { ($0, source("train/\($0)")) }
    try bench.prepare(recipe(sources, train: parts, fields: fields))
    let said = try Python.run(Self.compare, [bench.folder, "0 1 2 3 4 5"])
    #expect(said.hasPrefix("equal ") && !said.contains("equal 0"))
    // The same file twice is twice the samples.
    let doubled = ["x", "label", "note"].map {
      ($0, source("train/\($0)", ["one.h5", "one.h5"]))
    }
    try bench.prepare(recipe(doubled, train: parts, fields: fields))
    _ = try Python.run(Self.compare, [bench.folder, "0 1 2 3 4 5 0 1 2 3 4 5"])
  }

  @Test(.enabled(if: Python.hasH5py, "python3 with h5py and numpy is not installed"))
  func joinsFindRowsOfPreparedFields() throws {
    let bench = try Workbench()
    try first(bench)
    try bench.write("order.csv", "row\n4\n0\n3\n4\n")
    try bench.write("rows.csv", "row\n0\n1\n2\n3\n4\n5\n")
    var recipe = recipe(
      [
        ("order", .csv(paths: ["order.csv"], options: .init())),
        ("rows", .csv(paths: ["rows.csv"], options: .init())),
      ] + ["x", "label", "note"].map { ($0, source("train/\($0)")) }, train: parts, fields: fields)
    recipe.splits[0].joins = ["x", "label", "note"].map {
      RecipeJoin(
        source: $0, on: .init(field: "on", reference: "order.row"),
        to: .init(field: "to", reference: "rows.row"))
    }
    try bench.prepare(recipe)
    _ = try Python.run(Self.compare, [bench.folder, "4 0 3 4"])
  }

  /// Sequences of unequal length in h5py's own form.
  private static let foreign = """
    import sys, numpy as np, h5py
    with h5py.File(sys.argv[1] + '/one.h5', 'w') as f:
        g = np.random.default_rng(1)
        n = [3, 0, 5, 1]
        f['floats'] = np.zeros(0)
        for name, kind in [('x', 'f4'), ('ids', 'u2'), ('half', 'f2'), ('names', None)]:
            t = h5py.string_dtype() if kind is None else h5py.special_dtype(vlen=np.dtype(kind))
            d = f.create_dataset(name, (4,), dtype=t)
            for i in range(4):
                d[i] = 'a' if kind is None else (g.uniform(0, 99, n[i])).astype(kind)
        f.create_dataset('tables/values', data=np.arange(18, dtype='i4').reshape(9, 2))
        f.create_dataset('tables/offsets', data=np.array([0, 3, 3, 8, 9]))
        f.create_dataset('bad/values', data=np.arange(9, dtype='f4'))
        f.create_dataset('bad/offsets', data=np.array([0, 3, 2, 8, 9]))
        f.create_dataset('odd/values', data=np.arange(9, dtype='f4'))
        f.create_dataset('odd/present', data=np.array([0, 1, 2]))
    """

  private static let read = """
    import sys, numpy as np, h5py
    f, t = h5py.File(sys.argv[1] + '/one.h5'), h5py.File(sys.argv[1] + '/out.h5')['train']
    def rows(e): return [e['values'][:][a:b] for a, b in zip(e['offsets'][:], e['offsets'][1:])]
    for name, kind in [('x', 'f4'), ('ids', 'i8'), ('half', 'f4')]:
        found = rows(t[name])
        assert len(found) == 4 and t[name + '/values'].dtype == kind
        for a, b in zip(f[name], found): assert np.array_equal(a.astype(kind), b), (name, a, b)
    v = f['tables/values'][:]
    for a, b in zip([v[0:3], v[3:3], v[3:8], v[8:9]], rows(t['tables'])): assert np.array_equal(a, b)
    every = np.concatenate(list(f['x'])).astype('f8')
    assert np.allclose(t['x'].attrs['mean'], every.mean()) and np.allclose(t['x'].attrs['std'], every.std())
    """

  @Test(.enabled(if: Python.hasH5py, "python3 with h5py and numpy is not installed"))
  func readsSequencesOfForeignFiles() throws {
    let bench = try Workbench()
    _ = try Python.run(Self.foreign, [bench.folder])
    let value = RecipeField.Modality.value(shape: nil, normalize: true)
    let trial = recipe(
      ["x", "ids", "half", "tables"].map { ($0, source($0)) },
      train: ["x", "ids", "half", "tables"].map { ($0, $0) },
      fields: [("x", value), ("ids", .ids), ("half", value), ("tables", value)])
    for ranks in 1...2 {
      _ = try onRanks(ranks) { rank, exchange in
        var part = Preparation(trial, root: bench.folder, rank: rank, ranks: ranks)
        part.slabBytes = 16
        return try part.run(output: bench.output, exchange: exchange)
      }
      _ = try Python.run(Self.read, [bench.folder])
      try FileManager.default.removeItem(atPath: bench.output)
    }
    func failure(_ dataset: String, _ modality: RecipeField.Modality, _ code: PreparationError.Code)
      throws -> String
    {
      try bench.failure(
        recipe([("a", source(dataset))], train: [("a", "a")], fields: [("a", modality)]), code: code
      )
    }
    #expect(try failure("bad", value, .badData).contains("grow from 0 to 9"))
    #expect(try failure("odd", value, .badData).contains("expected 9 numbers 0 or 1"))
    #expect(try failure("names", value, .badData).contains("numbers are needed"))
    #expect(try failure("x", .image(.init()), .badRecipe).contains("unequal length"))
    #expect(
      try failure("x", .value(shape: nil, normalize: false, components: .count(1)), .badRecipe)
        .contains("unequal lengths"))
    #expect(try failure("x", .sound(.init()), .badRecipe).contains("how many samples a second"))
  }
}
