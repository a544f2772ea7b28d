import Datasets
import Foundation
import HDF5
import TestSupport
import Testing

/// Sample files: written whole, read back, opened by others, damage told.
struct SampleFileTests {
  @Test func fillsEqualWhatWasWritten() throws {
    let folder = try TemporaryFolder()
    for deflate in [nil, 4] {
      try writeSample(folder.file("a.h5"), deflate: deflate)
      let data = try Dataset(configuration(["a.h5"]), relativeTo: folder.path)
      let split = try #require(try data.split(.train))
      #expect(split.count == 500)
      #expect(split.fields.map(\.name) == ["image", "label", "table"])
      #expect(split.fields[0].sampleShape == [4, 4, 3] && split.fields[1].classes == 3)
      #expect(split.classNames("label") == ["null", "eins", "zwei"])
      #expect(try data.split(.test)?.count == 50)
      #expect(try data.split(.validation) == nil)
      let samples = (0..<64).map { ($0 * 193 + 5) % 500 }
      let batch = try filled(split, samples)
      for (place, sample) in samples.enumerated() {
        for index in 0..<48 {
          let channel = index % 3
          let mean: [Float] = [100, 110, 120]
          let std: [Float] = [50, 60, 70]
          let expected = (Float(pixel(sample * 48 + index)) - mean[channel]) / std[channel]
          #expect(abs(batch.floats(0)[place * 48 + index] - expected) < 1e-5)
        }
        #expect(batch.integers(1)[place] == Int64(sample % 3))
        for index in 0..<5 {
          #expect(batch.floats(2)[place * 5 + index] == Float(sample * 5 + index) * 0.25)
        }
      }
      try split.checkLabels()
    }
  }

  @Test func removesWhatAKilledProcessLeft() throws {
    let folder = try TemporaryFolder()
    let host = ProcessInfo.processInfo.hostName
    let gone = try runProcess("sh", ["-c", "echo $$"]).output.dropLast()
    let names = [
      ".a.h5.tmp-\(host)-\(gone)", ".b.h5.tmp-\(host)-\(gone)", ".a.h5.tmp-\(host)-\(getppid())",
      ".a.h5.tmp-elsewhere-\(gone)",
    ]
    for name in names { try folder.write("half", to: name) }
    try writeSample(folder.file("a.h5"))
    #expect(
      try FileManager.default.contentsOfDirectory(atPath: folder.path).sorted()
        == (names.dropFirst() + ["a.h5"]).sorted())
  }

  @Test func digestIgnoresCompressionAndSlabs() throws {
    let folder = try TemporaryFolder()
    let plain = try writeSample(folder.file("a.h5"))
    let packed = try writeSample(folder.file("b.h5"), deflate: 6, slab: 7)
    let other = try writeSample(folder.file("c.h5"), train: 499)
    #expect(plain == packed && plain != other && plain.count == 64)
    let data = try Dataset(configuration([folder.file("b.h5")]), relativeTo: "")
    #expect(data.digest == plain)
  }

  @Test func equalContentGivesEqualBytes() throws {
    let folder = try TemporaryFolder()
    try writeSample(folder.file("a.h5"))
    Thread.sleep(forTimeInterval: 1.1)
    try writeSample(folder.file("b.h5"), slab: 33)
    let first = try Data(contentsOf: URL(fileURLWithPath: folder.file("a.h5")))
    #expect(try first == Data(contentsOf: URL(fileURLWithPath: folder.file("b.h5"))))
  }

  @Test func leavesNothingWhenGivenUp() throws {
    let folder = try TemporaryFolder()
    do {
      let writer = try SampleFileWriter(path: folder.file("a.h5"))
      let label = SampleField(
        name: "label", element: .int64, sampleShape: [], axes: "S", modality: "label", classCount: 2
      )
      try writer.addField(label, split: "train", samples: 3)
      try writer.append([0, 1] as [Int64], to: "label", split: "train")
      #expect(throws: DatasetError.self) {
        try writer.append([2] as [Int64], to: "label", split: "train")
      }
      #expect(throws: DatasetError.self) {
        try writer.append([1, 0] as [Float], to: "label", split: "train")
      }
      let error = #expect(throws: DatasetError.self) { try writer.finish() }
      #expect(error?.description.contains("2 of 3") == true)
    }
    #expect(try FileManager.default.contentsOfDirectory(atPath: folder.path).isEmpty)
    let missing = #expect(throws: DatasetError.self) {
      try SampleFileWriter(path: folder.file("none/a.h5"))
    }
    #expect(missing?.code == .cannotCreate)
  }

  @Test func refusesWhatIsNotFinite() throws {
    let folder = try TemporaryFolder()
    let writer = try SampleFileWriter(path: folder.file("a.h5"))
    let table = SampleField(
      name: "x", element: .float32, sampleShape: [2], axes: "SF", modality: "table")
    try writer.addField(table, split: "train", samples: 3)
    let error = #expect(throws: DatasetError.self) {
      try writer.append([1, .nan] as [Float], to: "x", split: "train")
    }
    #expect(error?.code == .nonFinite)
    #expect(throws: DatasetError.self) {
      try writer.setNormalization(of: "x", mean: [0, 0], std: [1, 0])
    }
  }

  @Test func flippedBitsInChunksAreTold() throws {
    let folder = try TemporaryFolder()
    try writeSample(folder.file("a.h5"))
    let whole = try Data(contentsOf: URL(fileURLWithPath: folder.file("a.h5")))
    let reference = try values(folder.file("a.h5"))
    var told = 0
    for trial in 0..<120 {
      var bytes = whole
      bytes[(trial * 104_729 + 13) % whole.count] ^= UInt8(1 << (trial % 8))
      try bytes.write(to: URL(fileURLWithPath: folder.file("b.h5")))
      do {
        #expect(try values(folder.file("b.h5")) == reference, "trial \(trial)")
      } catch {
        told += 1
        #expect((error as? DatasetError).map { [.damaged, .mismatch].contains($0.code) } == true)
      }
    }
    #expect(told > 40, "\(told) of 120 were told")
  }

  private func values(_ path: String) throws -> [Float] {
    let data = try Dataset(configuration([path]), relativeTo: "")
    let split = try #require(try data.split(.train))
    let batch = try filled(split, Array(0..<split.count))
    return batch.floats(0) + batch.floats(2) + batch.integers(1).map { Float($0) }
  }

  @Test func everyTruncationIsTold() throws {
    let folder = try TemporaryFolder()
    try writeSample(folder.file("a.h5"))
    let whole = try Data(contentsOf: URL(fileURLWithPath: folder.file("a.h5")))
    for length in stride(from: 0, to: whole.count, by: whole.count / 23) {
      try whole.prefix(length).write(to: URL(fileURLWithPath: folder.file("b.h5")))
      #expect(throws: DatasetError.self) { try values(folder.file("b.h5")) }
    }
  }

  @Test func laterTruncationIsTold() throws {
    let folder = try TemporaryFolder()
    try writeSample(folder.file("a.h5"))
    let data = try Dataset(configuration([folder.file("a.h5")]), relativeTo: "")
    let split = try #require(try data.split(.train))
    _ = try filled(split, [0])
    #expect(truncate(folder.file("a.h5"), 9000) == 0)
    let error = #expect(throws: DatasetError.self) { try filled(split, [499]) }
    #expect(error?.code == .ioFailure)
  }

  @Test func raggedFieldsAreWritten() throws {
    let folder = try TemporaryFolder()
    let writer = try SampleFileWriter(path: folder.file("a.h5"))
    let sound = SampleField(
      name: "sound", element: .float32, sampleShape: [2], axes: "ST", modality: "sound")
    try writer.addRaggedField(sound, split: "train", lengths: [2, 0, 3])
    try writer.append((0..<10).map(Float.init), to: "sound", split: "train")
    _ = try writer.finish()
    let root = try HDF5File(reading: folder.file("a.h5")).root
    #expect(try root.dataset("train/sound/values").shape == [5, 2])
    #expect(try root.dataset("train/sound/offsets").readAll(as: Int64.self) == [0, 2, 2, 5])
    #expect(try root.group("train/sound").attribute("modality")?.asText == "sound")
  }

  @Test(.enabled(if: Python.hasH5py, "python3 with h5py is not installed"))
  func h5pyReadsWhatIsDocumented() throws {
    let folder = try TemporaryFolder()
    try writeSample(folder.file("a.h5"))
    let script = """
      import sys, h5py, hashlib, numpy as np
      with h5py.File(sys.argv[1]) as f:
        i = f['train/image']
        assert i.shape == (500, 4, 4, 3) and i.dtype == np.uint8 and i.fletcher32
        n = np.arange(500 * 48)
        assert np.array_equal(i[:].ravel(), ((n * 7 + n // 251) % 256).astype('u1'))
        assert i.attrs['axes'] == b'SHWC' and i.attrs['modality'] == b'image'
        assert list(i.attrs['mean']) == [100, 110, 120] and list(i.attrs['std']) == [50, 60, 70]
        l = f['train/label']
        assert l.dtype == np.int64 and np.array_equal(l[:], np.arange(500) % 3)
        assert list(l.attrs['classes']) == [b'null', b'eins', b'zwei']
        assert f['test/table'].shape == (50, 5) and f['test/table'].dtype == np.float32
        assert f.attrs['format'] == b'aimass sample file' and f.attrs['formatVersion'] == 1
        assert f.attrs['name'] == b'small' and len(f.attrs['digest']) == 64
        assert i.attrs['digest'].decode() == hashlib.sha256(i[:].tobytes()).hexdigest()
        # The root digest, as documented.
        sets, lines = [], []
        def visit(name, o):
          if isinstance(o, h5py.Dataset): sets.append(o.name)
        f.visititems(visit)
        text = 'aimass sample file 1\\n'
        for s in sorted(sets):
          d = f[s]
          text += f"{s} {d.dtype} {'x'.join(map(str, d.shape))} {d.attrs['digest'].decode()}\\n"
        def value(v):
          if isinstance(v, bytes): return f'text {len(v)}:{v.decode()}'
          v = np.asarray(v)
          if v.dtype.kind == 'S': return 'text ' + ' '.join(f'{len(x)}:{x.decode()}' for x in v)
          if v.dtype.kind == 'i': return 'integer ' + ' '.join(map(str, v.ravel()))
          return 'number ' + ' '.join(f'{x:x}' for x in v.astype('f8').view('u8').ravel())
        for p in sorted(['/'] + sets):
          for a in sorted(f[p].attrs):
            if a not in ('digest', 'chunkOffsets'): text += f'{p}@{a} {value(f[p].attrs[a])}\\n'
        assert hashlib.sha256(text.encode()).hexdigest() == f.attrs['digest'].decode(), text
      """
    let result = try Python.attempt(script, folder.file("a.h5"))
    #expect(result.code == 0, "\(result.text)")
  }
}
