import Configuration
import Datasets
import Foundation
import HDF5
import TestSupport
import Testing

/// Users' own files, in many layouts, read as they are.
@Suite(.enabled(if: Python.hasH5py, "python3 with h5py is not installed"))
struct UserFileTests {
  private static let script = """
    import sys, h5py, numpy as np
    with h5py.File(sys.argv[1], 'w') as f:
      n = 200
      x = (np.arange(n * 6).reshape(n, 2, 3) * 37 % 1001 - 500).astype('f4') / 8
      y = np.arange(n) * 7 % 5
      f['plain'] = x
      f.create_dataset('chunked', data=x, chunks=(33, 2, 2))
      f.create_dataset('gzip', data=x, chunks=(16, 2, 3), compression=5, shuffle=True)
      f['big'] = x.astype('>f4')
      f['double'] = x.astype('f8')
      f.create_dataset('bigDouble', data=x.astype('>f8'), chunks=(50, 1, 3), fletcher32=True)
      f['half'] = x.astype('f2')
      f['short'] = (x * 8).astype('i2')
      f['wide'] = (x * 8).astype('i8')
      f['labels32'] = y.astype('i4')
      f['labels8'] = y.astype('u1')
      f['labelsBig'] = y.astype('>u8')
      f['flags'] = y % 2 == 1
      f['target'] = y.astype('f4') / 3
      p = (np.arange(n * 4 * 4) % 256).astype('u1').reshape(n, 4, 4)
      f['pictures'] = p
      bad = x.copy(); bad[77, 1, 2] = np.nan; f['nan'] = bad
      wrong = y.astype('i4'); wrong[150] = 9; f['wrong'] = wrong
      huge = np.full((n,), 16777217, 'i8'); f['huge'] = huge
      f['few'] = y[:-1]
      f['a/image'] = x[:120]; f['b/image'] = x[120:]
      f['a/label'] = y[:120]; f['b/label'] = y[120:]
      f['a'].attrs['streams'] = 8; f['b'].attrs['streams'] = 'many'
    """

  private func make() throws -> TemporaryFolder {
    let folder = try TemporaryFolder()
    let result = try Python.attempt(Self.script, folder.file("u.h5"))
    #expect(result.code == 0, "\(result.text)")
    return folder
  }

  private func open(_ folder: TemporaryFolder, _ fields: [FieldConfiguration]) throws -> Split {
    let data = try Dataset(configuration(["u.h5"], fields: fields), relativeTo: folder.path)
    return try #require(try data.split(.train))
  }

  private func expected(_ sample: Int, _ index: Int) -> Float {
    Float((sample * 6 + index) * 37 % 1001 - 500) / 8
  }

  @Test func streamsAreThoseOfTheSplitsGroup() throws {
    let folder = try make()
    let fields = [FieldConfiguration(name: "x", dataset: "/{split}/image")]
    let data = try Dataset(
      DataConfiguration(files: ["u.h5"], splits: ["train": "a", "test": "b"], fields: fields),
      relativeTo: folder.path)
    #expect(try data.split(.train)?.streams == 8)
    #expect(try #require(try data.split(.test)).streams == nil)
    #expect(try open(folder, [FieldConfiguration(name: "x", dataset: "/plain")]).streams == nil)
  }

  @Test func everyLayoutAndTypeGivesTheSameValues() throws {
    let folder = try make()
    let samples = (0..<200).map { $0 * 77 % 200 }
    for name in ["plain", "chunked", "gzip", "big", "double", "bigDouble", "half"] {
      let split = try open(folder, [field("x", "/\(name)"), field("y", "labels32")])
      #expect(split.fields[1].classes == 5 && split.fields[1].element == .integer)
      let batch = try filled(split, samples)
      for (place, sample) in samples.enumerated() {
        for index in 0..<6 {
          let value = expected(sample, index)
          #expect(
            batch.floats(0)[place * 6 + index] == (name == "half" ? Float(Float16(value)) : value))
        }
        #expect(batch.integers(1)[place] == Int64(sample * 7 % 5))
      }
    }
  }

  @Test func integersBecomeValuesAndLabels() throws {
    let folder = try make()
    for name in ["short", "wide"] {
      let split = try open(folder, [field("x", name, mean: [1, 2, 3], std: [2])])
      let batch = try filled(split, [9])
      for index in 0..<6 {
        let value = (expected(9, index) * 8 - Float(index % 3 + 1)) / 2
        #expect(abs(batch.floats(0)[index] - value) < 1e-4)
      }
    }
    for name in ["labels8", "labelsBig"] {
      let batch = try filled(try open(folder, [field("y", name)]), [0, 1, 2])
      #expect((0..<3).map { batch.integers(0)[$0] } == [0, 2, 4])
    }
    let flags = try open(folder, [field("y", "flags")])
    #expect(flags.fields[0].classes == 2)
    let target = try open(folder, [field("y", "target")])
    #expect(target.fields[0].element == .float && target.fields[0].sampleShape == [])
    let regression = try open(folder, [field("y", "labels32", kind: .value)])
    #expect(try filled(regression, [2]).floats(0)[0] == 4)
  }

  @Test func picturesComeBetweenZeroAndOne() throws {
    let folder = try make()
    let batch = try filled(try open(folder, [field("p", "pictures")]), [0, 15])
    #expect(abs(batch.floats(0)[15] - 15 / 255) < 1e-6)
    #expect(abs(batch.floats(0)[31] - 1) < 1e-6)
    let raw = try open(folder, [field("p", "pictures", std: [1])])
    #expect(try filled(raw, [15]).floats(0)[15] == 255)
  }

  @Test func badNumbersNameFileFieldAndSample() throws {
    let folder = try make()
    let nan = try open(folder, [field("x", "nan")])
    _ = try filled(nan, [76, 78])
    let first = #expect(throws: DatasetError.self) { try filled(nan, [76, 77]) }
    #expect(first?.code == .nonFinite)
    #expect(first?.description.contains("u.h5:/nan: sample 77: number 5") == true, "\(first)")
    let wrong = try open(folder, [field("y", "wrong", classes: 5)])
    let second = #expect(throws: DatasetError.self) { try wrong.checkLabels() }
    #expect(second?.code == .label)
    #expect(second?.description.contains("sample 150: label 9 is outside 0..<5") == true)
    let huge = try open(folder, [field("x", "huge", kind: .value)])
    #expect(throws: DatasetError.self) { try filled(huge, [0]) }
    let few = #expect(throws: DatasetError.self) {
      try open(folder, [field("x", "plain"), field("y", "few")])
    }
    #expect(few?.description.contains("199 samples") == true, "\(few)")
    let name = #expect(throws: DatasetError.self) { try open(folder, [field("x", "plian")]) }
    #expect(name?.description.contains("did you mean 'plain'?") == true, "\(name)")
    #expect(throws: DatasetError.self) { try open(folder, [field("y", "target", kind: .label)]) }
    #expect(throws: DatasetError.self) { try open(folder, [field("x", "plain", std: [1, 2])]) }
  }

  @Test func splitsByGroupHashAndFold() throws {
    let folder = try make()
    var byGroup = configuration(
      ["u.h5"], fields: [field("x", "/{split}/image"), field("y", "/{split}/label")])
    byGroup.splits = ["train": "a", "test": "b"]
    let data = try Dataset(byGroup, relativeTo: folder.path)
    #expect(try data.split(.train)?.count == 120)
    #expect(try data.split(.validation) == nil)
    let test = try #require(try data.split(.test))
    #expect(try filled(test, [3]).floats(0)[1] == expected(123, 1))

    var seen = Set<Float>()
    for fold in 0..<4 {
      let split = SplitConfiguration(validation: 0, test: 0, fold: fold, folds: 4, seed: 3)
      let folded = try Dataset(
        configuration(["u.h5"], fields: [field("x", "target"), field("y", "wide")], split: split),
        relativeTo: folder.path)
      let train = try #require(try folded.split(.train))
      let validation = try #require(try folded.split(.validation))
      #expect(train.count + validation.count == 200 && validation.count > 25)
      let batch = try filled(validation, Array(0..<validation.count))
      for index in 0..<validation.count { seen.insert(batch.floats(1)[index * 6]) }
    }
    let all = try open(folder, [field("y", "wide")])
    let batch = try filled(all, Array(0..<200))
    #expect(seen == Set((0..<200).map { batch.floats(0)[$0 * 6] }))
    let shares = SplitConfiguration(validation: 0.2, test: 0.3, fold: nil, folds: nil, seed: 1)
    let shared = try Dataset(
      configuration(["u.h5"], fields: [field("x", "plain")], split: shares),
      relativeTo: folder.path)
    let counts = try SplitRole.allCases.map { try shared.split($0)?.count ?? 0 }
    #expect(counts.reduce(0, +) == 200 && counts[1] > 20 && counts[2] > 35 && counts[0] > 70)
  }

  @Test func filesFollowOneAnother() throws {
    let folder = try make()
    let manager = FileManager.default
    for name in ["part-2.h5", "part-1.h5"] {
      try manager.copyItem(atPath: folder.file("u.h5"), toPath: folder.file(name))
    }
    let fields = [field("x", "gzip"), field("y", "labels8")]
    let data = try Dataset(
      configuration(["u.h5", "part-*.h5"], fields: fields), relativeTo: folder.path)
    #expect(data.paths.map { $0.split(separator: "/").last } == ["u.h5", "part-1.h5", "part-2.h5"])
    let split = try #require(try data.split(.train))
    #expect(split.count == 600)
    let batch = try filled(split, [17, 217, 599])
    #expect(batch.floats(0)[0] == batch.floats(0)[6])
    #expect(batch.floats(0)[12] == expected(199, 0))
    let missing = #expect(throws: DatasetError.self) {
      try Dataset(configuration(["other-*.h5"], fields: fields), relativeTo: folder.path)
    }
    #expect(missing?.code == .missing)
  }

  @Test func digestIgnoresNamesAndLayout() throws {
    let folder = try make()
    let first = try Dataset(
      configuration(["u.h5"], fields: [field("x", "plain")]), relativeTo: folder.path)
    try FileManager.default.moveItem(atPath: folder.file("u.h5"), toPath: folder.file("v.h5"))
    let second = try Dataset(
      configuration(["v.h5"], fields: [field("x", "plain")]), relativeTo: folder.path)
    let third = try Dataset(
      configuration(["v.h5"], fields: [field("x", "nan")]), relativeTo: folder.path)
    #expect(first.digest == second.digest && first.digest != third.digest)
  }
}
