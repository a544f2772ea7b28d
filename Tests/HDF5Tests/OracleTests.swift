import HDF5
import TestSupport
import Testing

/// Files that h5py writes are read right, and the other way round.
@Suite(.enabled(if: Python.hasH5py, "python3 with h5py is not installed"))
struct OracleTests {
  private static let script = """
    import sys, h5py, numpy as np
    with h5py.File(sys.argv[1], 'w') as f:
      x = (np.arange(60, dtype='f4').reshape(10, 2, 3) - 7) / 3
      f['plain'] = x
      f.create_dataset('chunked', data=x, chunks=(4, 2, 2))
      f.create_dataset('gzip', data=x, chunks=(4, 2, 3), compression=6)
      f.create_dataset('all', data=x, chunks=(3, 2, 3), compression=4, shuffle=True, fletcher32=True)
      f.create_dataset('big', data=x.astype('>f4'))
      f.create_dataset('double', data=x.astype('f8'))
      f.create_dataset('half', data=x.astype('f2'))
      f['bytes'] = np.arange(60, dtype='u1').reshape(10, 2, 3)
      f['labels'] = np.arange(10, dtype='i4') - 3
      f['bigLabels'] = (np.arange(10) - 3).astype('>i2')
      f['flags'] = np.arange(10) % 2 == 1
      f['deep/er/one'] = np.int64(42)
      f['soft'] = h5py.SoftLink('/deep/er')
      f['plain'].attrs['name'] = 'Zähler'
      f['plain'].attrs['names'] = ['a', 'bcd', '']
      f['plain'].attrs['fixed'] = np.array([b'xy', b'z'], dtype='S4')
      f['plain'].attrs['mean'] = np.array([0.5, 1.5])
      f['plain'].attrs['count'] = 7
    """

  @Test func readsEveryLayoutAndType() throws {
    let folder = try TemporaryFolder()
    let result = try Python.attempt(Self.script, folder.file("a.h5"))
    #expect(result.code == 0, "\(result.text)")
    let root = try HDF5File(reading: folder.file("a.h5")).root
    let expected = (0..<60).map { (Float($0) - 7) / 3 }
    for name in ["plain", "chunked", "gzip", "all", "big"] {
      #expect(try root.dataset(name).readAll(as: Float.self) == expected, "\(name)")
    }
    let double = try root.dataset("double")
    #expect(throws: HDF5Error.self) { try double.readAll(as: Float.self) }
    #expect(try double.readAll(as: Float.self, allowRounding: true) == expected)
    #expect(try root.dataset("half").readAll(as: Float.self) == expected.map { Float(Float16($0)) })
    #expect(try root.dataset("bytes").readAll(as: Float.self) == (0..<60).map(Float.init))
    let labels = (0..<10).map { Int64($0) - 3 }
    #expect(try root.dataset("labels").readAll(as: Int64.self) == labels)
    #expect(try root.dataset("bigLabels").readAll(as: Int64.self) == labels)
    #expect(try root.dataset("flags").readAll(as: Int64.self) == (0..<10).map { Int64($0 % 2) })
    #expect(throws: HDF5Error.self) { try root.dataset("labels").readAll(as: UInt64.self) }
    #expect(throws: HDF5Error.self) { try root.dataset("labels").readAll(as: Int16.self) }
    #expect(try root.dataset("soft/one").readAll(as: Int64.self) == [42])
  }

  @Test func describesLayouts() throws {
    let folder = try TemporaryFolder()
    _ = try Python.attempt(Self.script, folder.file("a.h5"))
    let root = try HDF5File(reading: folder.file("a.h5")).root
    let all = try root.dataset("all")
    #expect(
      all.layout
        == .chunked(shape: [3, 2, 3], filters: [.shuffle, .deflate(level: 4), .fletcher32]))
    #expect(all.shape == [10, 2, 3])
    #expect(try root.dataset("big").element.isBigEndian)
    guard case .contiguous(.some(let offset)) = try root.dataset("plain").layout else {
      Issue.record("plain is contiguous")
      return
    }
    #expect(offset > 0)
    var rows = [Float](repeating: 0, count: 12)
    try root.dataset("all").readRows(2..<4, into: &rows)
    #expect(rows == (12..<24).map { (Float($0) - 7) / 3 })
    let first = try root.dataset("chunked").chunk(at: [4, 0, 2])
    #expect(first.byteCount == 4 * 2 * 2 * 4 && first.offset != nil)
  }

  @Test func readsAttributesOfBothStringKinds() throws {
    let folder = try TemporaryFolder()
    _ = try Python.attempt(Self.script, folder.file("a.h5"))
    let plain = try HDF5File(reading: folder.file("a.h5")).root.dataset("plain")
    #expect(try plain.attribute("name") == .text("Zähler"))
    #expect(try plain.attribute("names") == .texts(["a", "bcd", ""]))
    #expect(try plain.attribute("fixed") == .texts(["xy", "z"]))
    #expect(try plain.attribute("mean") == .numbers([0.5, 1.5]))
    #expect(try plain.attribute("count")?.asInteger == 7)
    #expect(try plain.attribute("none") == nil)
    #expect(try plain.attributeNames() == ["count", "fixed", "mean", "name", "names"])
  }

  @Test func refusesWhatLeadsOutOfTheFile() throws {
    let folder = try TemporaryFolder()
    let script = """
      import sys, os, h5py, numpy as np
      path = sys.argv[1]
      with h5py.File(path, 'w') as f:
        f['x'] = np.arange(8.)
        f['out'] = h5py.ExternalLink('/etc/other.h5', '/x')
        f['indirect'] = h5py.SoftLink('/out')
        f['loop'] = h5py.SoftLink('/loop')
        f['dangling'] = h5py.SoftLink('/nowhere')
        f.create_dataset('raw', shape=(16,), dtype='u1', external=[('/etc/passwd', 0, 16)])
        layout = h5py.VirtualLayout(shape=(8,), dtype='f8')
        layout[:] = h5py.VirtualSource(path, 'x', shape=(8,))
        f.create_virtual_dataset('virtual', layout)
        f.create_dataset('lzf', data=np.zeros(100), compression='lzf', chunks=(10,))
        f.create_dataset('bomb', shape=(1 << 40,), dtype='f8', chunks=(1024,))
        f['table'] = np.zeros(3, dtype=[('a', 'i4'), ('b', 'f4')])
      """
    let result = try Python.attempt(script, folder.file("b.h5"))
    #expect(result.code == 0, "\(result.text)")
    let root = try HDF5File(reading: folder.file("b.h5")).root
    for (name, word) in [
      ("out", "external link"), ("indirect", "external link"), ("loop", "more than 16"),
      ("raw", "external storage"), ("virtual", "virtual dataset"), ("lzf", "plug-in"),
      ("bomb", "stored"),
    ] {
      let error = #expect(throws: HDF5Error.self, "\(name)") { try root.dataset(name) }
      #expect(error?.code == .refused && error?.message.contains(word) == true, "\(name): \(error)")
    }
    #expect(throws: HDF5Error.self) { try root.dataset("dangling") }
    let table = try root.dataset("table")
    #expect(throws: HDF5Error.self) { try table.readAll(as: Float.self) }
  }

  @Test func namesTheFormatThatIsTooNew() throws {
    let folder = try TemporaryFolder()
    let script = """
      import sys, h5py, numpy as np
      with h5py.File(sys.argv[1], 'w', libver='latest') as f:
        f.create_dataset('x', data=np.arange(8.), chunks=(4,), compression=1)
      print(h5py.version.hdf5_version_tuple[0])
      """
    let result = try Python.attempt(script, folder.file("c.h5"))
    guard result.text.hasPrefix("2") else { return }
    let error = #expect(throws: HDF5Error.self) {
      try HDF5File(reading: folder.file("c.h5")).root.dataset("x")
    }
    #expect(error?.code == .newerVersion, "\(error)")
    #expect(error?.message.contains("v110") == true)
  }

  @Test func writesWhatH5pyReads() throws {
    let folder = try TemporaryFolder()
    let file = try HDF5File(creating: folder.file("d.h5"))
    let group = try file.root.createGroup("train")
    let values: [Float] = (0..<50).map { Float($0) * 0.5 }
    let data = try group.createDataset(
      "x", of: Float.self, shape: [10, 5],
      storage: HDF5Storage(rowsPerChunk: 4, filters: [.shuffle, .deflate(level: 3), .fletcher32]))
    try data.writeRows(0..<4, from: values)
    try values.withUnsafeBufferPointer { buffer in
      guard let base = buffer.baseAddress else { return }
      try data.writeRows(4..<10, from: base + 20)
    }
    try data.setAttribute("classes", to: .texts(["null", "eins", "zwölf"]))
    try data.setAttribute("mean", to: .numbers([1.5, 2.5]))
    try data.setAttribute("axes", to: .text("SF"))
    try data.setAttribute("count", to: .integer(-4))
    try file.close()
    let script = """
      import sys, h5py, numpy as np
      with h5py.File(sys.argv[1]) as f:
        d = f['train/x']
        assert d.shape == (10, 5) and d.dtype == np.float32 and d.chunks == (4, 5), d
        assert d.fletcher32 and d.compression == 'gzip' and d.shuffle
        assert np.array_equal(d[:].ravel(), np.arange(50, dtype='f4') / 2)
        assert [c.decode() for c in d.attrs['classes']] == ['null', 'eins', 'zwölf']
        assert list(d.attrs['mean']) == [1.5, 2.5] and d.attrs['axes'] == b'SF'
        assert d.attrs['count'] == -4
      """
    let result = try Python.attempt(script, folder.file("d.h5"))
    #expect(result.code == 0, "\(result.text)")
  }
}
