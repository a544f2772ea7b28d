import Configuration
import Foundation
import HDF5
import Preparation
import TestSupport
import Testing

/// Fields of which only the leading principal components are kept.
@Suite struct ComponentTests {
  /// Bytes in which few directions matter: three waves of changing strength, and a little of everything.
  private func pictures(_ count: Int, seed: Int) -> [UInt8] {
    (0..<count).flatMap { sample in
      (0..<42).map { pixel in
        let wave = { (step: Int, size: Double) in
          size * sin(Double((sample + seed) * step)) * cos(Double(pixel * step) / 3)
        }
        let rest = Double((sample * 31 + pixel * 17 + seed) % 13) - 6
        return UInt8(128 + wave(1, 50) + wave(2, 30) + wave(3, 20) + rest)
      }
    }
  }

  /// What `numpy.linalg.eigh` keeps of the same samples, and how far the prepared ones are from it.
  private static let oracle = """
    import sys, numpy as np, h5py
    folder, choice, number = sys.argv[1], sys.argv[2], float(sys.argv[3])
    train = np.load(folder + '/train.npy').reshape(-1, 42).astype('f8')
    test = np.load(folder + '/test.npy').reshape(-1, 42).astype('f8')
    mean = train.mean(0)
    values, vectors = np.linalg.eigh(np.cov(train.T, bias=True))
    values, vectors = values[::-1], vectors[:, ::-1]
    held = np.cumsum(values) / values.sum()
    count = int(number) if choice == 'count' else int(np.searchsorted(held, number)) + 1
    basis = vectors[:, :count]
    file = h5py.File(folder + '/out.h5')
    worst, far = 0, 0
    for split, raw in [('train', train), ('test', test)]:
        wanted = mean + (raw - mean) @ basis @ basis.T
        entry = file[split + '/x']
        found = entry[:].reshape(-1, 42).astype('f8')
        if entry.dtype == np.uint8:
            far += int((np.rint(wanted).clip(0, 255) != found).sum())
        worst = max(worst, np.abs(wanted.clip(0, 255) - found).max())
        assert entry.attrs['components'] == count, (entry.attrs['components'], count)
        assert abs(entry.attrs['componentShare'] - held[count - 1]) < 1e-9
        if 'mean' in entry.attrs:
            inside = file['train/x'][:].astype('f8')
            assert np.allclose(entry.attrs['mean'], inside.mean(), atol=1e-6)
            assert np.allclose(entry.attrs['std'], inside.std(), atol=1e-6)
    print(count, far, worst)
    """

  private func prepare(
    _ bench: Workbench, _ modality: RecipeField.Modality, _ choice: String, _ number: Double
  ) throws -> [Double] {
    try bench.prepare(
      recipe(
        [("a", .npy(paths: ["train.npy"])), ("b", .npy(paths: ["test.npy"]))], train: [("x", "a")],
        test: [("x", "b")], fields: [("x", modality)]))
    return try Python.run(Self.oracle, [bench.folder, choice, "\(number)"])
      .split(separator: " ").compactMap { Double($0.trimmingCharacters(in: .newlines)) }
  }

  @Test(
    .enabled(if: Python.hasH5py, "python3 with h5py and numpy is not installed"),
    arguments: [0.5, 0.9, 0.999])
  func picturesAsNumPyReconstructsThem(share: Double) throws {
    let bench = try Workbench()
    try bench.write("train.npy", npy("|u1", "(300, 6, 7)", pictures(300, seed: 1)))
    try bench.write("test.npy", npy("|u1", "(50, 6, 7)", pictures(50, seed: 1000)))
    let result = try prepare(bench, .image(.init(components: .energy(share))), "energy", share)
    // Bytes: at most half a level away, and the same level but for ties.
    #expect(result.count == 3 && result[1] == 0 && result[2] <= 0.5 + 1e-9, "\(result)")
    if share == 0.5 { #expect(result[0] < 4) }
  }

  @Test(.enabled(if: Python.hasH5py, "python3 with h5py and numpy is not installed"))
  func valuesAsNumPyReconstructsThem() throws {
    let bench = try Workbench()
    func floats(_ count: Int, seed: Int) -> [UInt8] {
      raw(pictures(count, seed: seed).map { Float($0) / 7 + 100 })
    }
    try bench.write("train.npy", npy("<f4", "(300, 42)", floats(300, seed: 1)))
    try bench.write("test.npy", npy("<f4", "(50, 42)", floats(50, seed: 1000)))
    let result = try prepare(
      bench, .value(shape: nil, normalize: true, components: .count(5)), "count", 5)
    #expect(result.count == 3 && result[0] == 5 && result[2] < 2e-5, "\(result)")
  }

  @Test func keepsTheMeanOfWhatNeverChanges() throws {
    let bench = try Workbench()
    try bench.write("a.npy", npy("|u1", "(5, 2, 2)", [UInt8](repeating: 9, count: 20)))
    let summary = try bench.prepare(
      recipe(
        [("a", .npy(paths: ["a.npy"]))], train: [("x", "a")],
        fields: [("x", .image(.init(components: .energy(0.25))))]))
    #expect(try bench.bytes("train/x") == [UInt8](repeating: 9, count: 20))
    #expect(summary.notes == ["x: 0 principal components of 4 hold 100.0 % of the variance"])
    try bench.write("b.npy", npy("|u1", "(1, 80, 80)", [UInt8](repeating: 9, count: 6400)))
    try FileManager.default.removeItem(atPath: bench.output)
    #expect(
      try bench.failure(
        recipe(
          [("b", .npy(paths: ["b.npy"]))], train: [("x", "b")],
          fields: [("x", .image(.init(components: .count(1))))]), code: .badRecipe
      ).contains("at most 4096 numbers"))
  }

  @Test func givesTheSameBytesOnAnyNumberOfRanks() throws {
    let bench = try Workbench()
    try bench.write("a.npy", npy("|u1", "(200, 6, 7)", pictures(200, seed: 3)))
    let numbers = pictures(200, seed: 4).map { Float($0) * 1.1 + 1000 }
    try bench.write("b.npy", npy("<f4", "(200, 42)", raw(numbers)))
    let trial = recipe(
      [("a", .npy(paths: ["a.npy"])), ("b", .npy(paths: ["b.npy"]))],
      train: [("x", "a"), ("y", "b")],
      fields: [
        ("x", .image(.init(components: .energy(0.8)))),
        ("y", .value(shape: nil, normalize: true, components: .count(3))),
      ])
    var first: [UInt8]?
    for ranks in 1...4 {
      _ = try onRanks(ranks) { rank, exchange in
        var part = Preparation(trial, root: bench.folder, rank: rank, ranks: ranks)
        part.slabBytes = 900
        return try part.run(output: bench.output, exchange: exchange)
      }
      let bytes = try bench.read("out.h5")
      #expect(bytes == first ?? bytes, "\(ranks) ranks")
      first = first ?? bytes
      try FileManager.default.removeItem(atPath: bench.output)
    }
  }
}
