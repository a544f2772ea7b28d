import Configuration
import Foundation
import Preparation
import TestSupport
import Testing

/// Files that NumPy and h5py wrote are read, and h5py reads what is written.
@Suite(
  .enabled(
    if: Python.has("numpy", "h5py"), "python3 with numpy and h5py is not installed"))
struct OracleTests {
  @Test func readsWhatOthersWrite() throws {
    let bench = try Workbench()
    _ = try Python.run(
      """
      import os, sys, numpy as np, h5py
      os.chdir(sys.argv[1])
      a = np.arange(60, dtype='>i2').reshape(5, 3, 4) - 7
      np.save('fortran.npy', np.asfortranarray(a))
      np.save('c.npy', a.astype('<f8') / 8)
      with open('v2.npy', 'wb') as f:
          np.lib.format.write_array(f, a.astype('u4') + 7, version=(2, 0))
      with open('v3.npy', 'wb') as f:
          np.lib.format.write_array(f, a > 3, version=(3, 0))
      with h5py.File('a.h5', 'w') as f:
          f.create_dataset('g/x', data=a.astype('>f8'), chunks=(2, 3, 4), compression='gzip')
          f.create_dataset('y', data=np.array([2, 0, 1, 2, 0], dtype='>i4'))
      """, [bench.folder])
    let numbers = (0..<60).map { Float($0 - 7) }
    let value = RecipeField.Modality.value(shape: nil, normalize: false)
    let files: [(RecipeSource.Kind, (Float) -> Float)] = [
      (.npy(paths: ["fortran.npy"]), { $0 }), (.npy(paths: ["c.npy"]), { $0 / 8 }),
      (.npy(paths: ["v3.npy"]), { $0 > 3 ? 1 : 0 }),
      (.hdf5(paths: ["a.h5"], dataset: "g/x"), { $0 }),
    ]
    for (kind, transform) in files {
      try bench.prepare(
        recipe(
          [("x", kind), ("y", .hdf5(paths: ["a.h5"], dataset: "y"))],
          train: [("x", "x"), ("label", "y")],
          fields: [("x", value), ("label", .label(.init()))]))
      #expect(try bench.floats("train/x") == numbers.map(transform))
      #expect(try bench.labels("train/label") == [2, 0, 1, 2, 0])
    }
  }

  @Test func writesWhatOthersRead() throws {
    let bench = try Workbench()
    try bench.write("a.csv", "x,c,y\n1,u,no\n2,v,yes\n3,u,no\n")
    try bench.prepare(
      recipe(
        [("a", .csv(paths: ["a.csv"], options: .init()))],
        train: [("table", "a"), ("label", "a.y")],
        fields: [
          ("table", .table(.init(numeric: ["x"], categorical: ["c"]))), ("label", .label(.init())),
        ]))
    _ = try Python.run(
      """
      import os, sys, h5py, numpy as np
      os.chdir(sys.argv[1])
      f = h5py.File('out.h5', 'r')
      t, l = f['train/table'], f['train/label']
      assert t.shape == (3, 3) and t.dtype == np.float32
      assert np.allclose(t[:], [[-1.5 ** .5, 1, 0], [0, 0, 1], [1.5 ** .5, 1, 0]])
      assert [c.decode() for c in t.attrs['columns']] == ['x', 'c=u', 'c=v']
      assert l.dtype == np.int64 and l[:].tolist() == [0, 1, 0]
      assert [c.decode() for c in l.attrs['classes']] == ['no', 'yes']
      assert f.attrs['synthetic'] == 0 and len(f.attrs['sourceDigests'][0]) == 64
      """, [bench.folder])
  }
}
