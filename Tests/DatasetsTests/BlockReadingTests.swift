import Buffers
import Configuration
import Datasets
import Foundation
import Tensors
import TestSupport
import Testing

/// Decoding beside the library gives what the library gives, and each block is decoded once.
@Suite(.serialized) struct BlockReadingTests {
  /// Datasets of 200 samples in chunks of odd shapes through all filters, some of them never written.
  private static let script = """
    import sys, h5py, numpy as np
    n = 200
    x = (np.arange(n * 30).reshape(n, 5, 6) * 37 % 1001 - 500)
    rng = np.random.default_rng(3)
    noise = rng.integers(0, 2**31, (n, 5, 6))
    with h5py.File(sys.argv[1], 'w') as f:
      def put(name, data, type, **rest): f.create_dataset(name, data=data.astype(type), **rest)
      put('plain', x, 'f4', chunks=(33, 2, 4))
      put('packed', x, 'f4', chunks=(33, 2, 4), compression=6)
      put('shuffled', x, 'f4', chunks=(7, 5, 1), compression=1, shuffle=True)
      put('checked', x, 'f4', chunks=(16, 5, 6), compression=9, shuffle=True, fletcher32=True)
      put('onlyChecked', x, 'f4', chunks=(1, 3, 6), fletcher32=True)
      put('onlyShuffled', x, 'f4', chunks=(64, 5, 6), shuffle=True)
      put('doubles', x, 'f8', chunks=(50, 1, 3), compression=4, shuffle=True, fletcher32=True)
      put('shorts', x, 'i2', chunks=(199, 4, 5), compression=2, shuffle=True)
      put('bytes', x % 251, 'u1', chunks=(3, 5, 6), compression=5)
      put('foreign', x, '>f4', chunks=(20, 5, 6), compression=3)
      put('noise', noise // 256, 'f4', chunks=(40, 5, 6), compression=1)
      put('resizable', x, 'f4', chunks=(300, 8, 6), maxshape=(None, None, 6), compression=1)
      d = f.create_dataset('holes', (n, 5, 6), 'f4', chunks=(16, 5, 6), compression=1, fillvalue=3)
      d[:100] = x[:100]
      f.create_dataset('all', data=np.stack([f[k][:].astype('f8') for k in sorted(f)]))
    """

  private func orders(_ count: Int) -> [Sampler?] {
    [
      nil, Sampler(count: count, seed: 4, shuffle: .full),
      Sampler(count: count, seed: 4, shuffle: .window, runLength: 32, window: 2),
    ]
  }

  private func requests(_ count: Int, micro: Int) -> [BatchRequest] {
    stride(from: 0, to: count, by: micro).enumerated().map {
      BatchRequest(index: $0, step: 0, epoch: 1, positions: $1..<min(count, $1 + micro))
    }
  }

  @Test(.enabled(if: Python.hasH5py, "python3 with h5py is not installed"))
  func oddChunksReadAsTheLibraryReadsThem() throws {
    let folder = try TemporaryFolder()
    let result = try Python.attempt(Self.script, folder.file("u.h5"))
    #expect(result.code == 0, "\(result.text)")
    let names = [
      "bytes", "checked", "doubles", "foreign", "holes", "noise", "onlyChecked", "onlyShuffled",
      "packed", "plain", "resizable", "shorts", "shuffled",
    ]
    let expected = try Dataset(
      configuration(["u.h5"], fields: [field("x", "all", kind: .value)]), relativeTo: folder.path)
    let all = try filled(try #require(try expected.split(.train)), Array(names.indices)).floats(0)
    for (place, name) in names.enumerated() {
      for cacheBytes in [0, 1 << 20] {
        let data = try Dataset(
          configuration(["u.h5"], fields: [field("x", name, kind: .value, std: [1])]),
          relativeTo: folder.path, cacheBytes: cacheBytes)
        let split = try #require(try data.split(.train))
        for order in orders(200) {
          let loader = BatchLoader(split, capacity: 9, depth: 2, readers: 2)
          let wanted = requests(200, micro: 9)
          loader.start(order: order) { $0 < wanted.count ? wanted[$0] : nil }
          var seen = 0
          while let batch = try loader.next() {
            for index in 0..<batch.count {
              let position = wanted[batch.index].positions.lowerBound + index
              let sample = order?.sample(at: position, epoch: 1) ?? position
              let rows = (0..<30).map { batch.floats(0)[index * 30 + $0] }
              #expect(
                rows == Array(all[(place * 200 + sample) * 30..<(place * 200 + sample + 1) * 30]))
            }
            seen += batch.count
            loader.recycle(batch)
          }
          #expect(seen == 200, "\(name)")
        }
      }
    }
  }

  /// A compressed file of 9,973 samples of 3 KiB, 30 blocks, the last of them short, and labels.
  private func write(_ path: String) throws {
    let count = 9_973
    let writer = try SampleFileWriter(path: path, deflate: 1)
    try writer.addField(
      SampleField(
        name: "image", element: .uint8, sampleShape: [3072], axes: "SF", modality: "table"),
      split: "train", samples: count)
    try writer.addField(
      SampleField(
        name: "label", element: .int64, sampleShape: [], axes: "S", modality: "label",
        classCount: 7), split: "train", samples: count)
    for start in stride(from: 0, to: count, by: 997) {
      let rows = start..<min(start + 997, count)
      try writer.append(
        rows.flatMap { row in (0..<3072).map { UInt8(truncatingIfNeeded: row &* 31 &+ $0 / 3) } },
        to: "image", split: "train")
      try writer.append(rows.map { Int64($0 % 7) }, to: "label", split: "train")
    }
    _ = try writer.finish()
  }

  /// Whether a batch has the samples that stand from `position` on in an order.
  private func expectSamples(_ batch: Microbatch, from position: Int, in order: Sampler) {
    for index in 0..<batch.count {
      let sample = order.sample(at: position + index, epoch: 1)
      #expect(batch.integers(1)[index] == Int64(sample % 7))
      #expect(
        batch.floats(0)[index * 3072 + 3] == Float(UInt8(truncatingIfNeeded: sample &* 31 &+ 1)))
    }
  }

  @Test(arguments: 1...3) func ranksDecodeEachBlockOnce(ranks: Int) throws {
    let folder = try TemporaryFolder()
    try write(folder.file("w.h5"))
    let splits = try (0..<ranks).map { _ in
      let data = try Dataset(configuration(["w.h5"]), relativeTo: folder.path, cacheBytes: 0)
      return try #require(try data.split(.train))
    }
    // Windows of two runs of two blocks each; one run is cut by the short last block.
    let order = Sampler(
      count: 9_973, seed: 3, shuffle: .window, runLength: splits[0].runLength / 8, window: 2)
    let bytes = splits[0].sharedByteCount(order, readers: ranks)
    let memory = try SharedMemory(byteCount: bytes, name: "blocks")
    for (rank, split) in splits.enumerated() where ranks > 1 {
      split.share(order, readers: ranks, reader: rank, at: memory.base, keeper: memory)
    }
    let wanted = requests(9_973, micro: 50)
    let loaders = splits.map { BatchLoader($0, capacity: 50, depth: 2) }
    for (rank, loader) in loaders.enumerated() {
      loader.start(order: order) {
        let index = $0 * ranks + rank
        return index < wanted.count ? wanted[index] : nil
      }
    }
    for number in wanted.indices {
      let loader = loaders[number % ranks]
      let batch = try #require(try loader.next())
      #expect(batch.index == number)
      expectSamples(batch, from: wanted[number].positions.lowerBound, in: order)
      loader.recycle(batch)
    }
    loaders.forEach { $0.stop() }
    let total = splits.reduce(into: ReadStatistics()) { sum, split in
      sum.decodedBlocks += split.readStatistics.decodedBlocks
      sum.fileBytes += split.readStatistics.fileBytes
      sum.sampleBytes += split.readStatistics.sampleBytes
    }
    #expect(splits[0].readStatistics.blocks == 31)
    #expect(total.decodedBlocks == 31, "\(total)")
    #expect(abs(total.amplification - 1) < 0.001, "\(total)")
  }
}
