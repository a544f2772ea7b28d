import Buffers
import Configuration
import Datasets
import Foundation
import Synchronization
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
      put('flat', x, 'f4')
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
      "bytes", "checked", "doubles", "flat", "foreign", "holes", "noise", "onlyChecked",
      "onlyShuffled", "packed", "plain", "resizable", "shorts", "shuffled",
    ]
    let expected = try Dataset(
      configuration(["u.h5"], fields: [field("x", "all", kind: .value)]), relativeTo: folder.path)
    let all = try filled(try #require(try expected.split(.train)), Array(names.indices)).floats(0)
    for (place, name) in names.enumerated() {
      // In the last case the file exceeds the memory: plain rows are read in blocks, past the page cache.
      for (cacheBytes, memoryBytes) in [(0, nil), (1 << 20, nil), (0, 1 << 16)] {
        let data = try Dataset(
          configuration(["u.h5"], fields: [field("x", name, kind: .value, std: [1])]),
          relativeTo: folder.path, memoryBytes: memoryBytes, cacheBytes: cacheBytes)
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

  /// Addresses count from behind a user block in some versions of the library, in others from the file's start.
  @Test(.enabled(if: Python.hasH5py, "python3 with h5py is not installed"))
  func aUserBlockMovesNothing() throws {
    let folder = try TemporaryFolder()
    let script = """
      import sys, h5py, numpy as np
      x = np.arange(200 * 30).reshape(200, 30) * 37 % 1001
      with h5py.File(sys.argv[1], 'w', userblock_size=4096) as f:
        f.create_dataset('flat', data=x.astype('i2'))
        f.create_dataset('shuffled', data=x.astype('i2'), chunks=(50, 30), shuffle=True)
      """
    let result = try Python.attempt(script, folder.file("u.h5"))
    #expect(result.code == 0, "\(result.text)")
    for name in ["flat", "shuffled"] {
      for memoryBytes in [nil, 1 << 12] {
        let data = try Dataset(
          configuration(["u.h5"], fields: [field("x", name, kind: .value, std: [1])]),
          relativeTo: folder.path, memoryBytes: memoryBytes)
        let loader = BatchLoader(try #require(try data.split(.train)), capacity: 200, depth: 1)
        loader.start(order: nil) {
          $0 > 0 ? nil : BatchRequest(index: 0, step: 0, epoch: 0, positions: 0..<200)
        }
        let batch = try #require(try loader.next())
        let found = (0..<6000).map { batch.floats(0)[$0] }
        #expect(found == (0..<6000).map { Float($0 * 37 % 1001) }, "\(name)")
      }
    }
  }

  /// A file of 9,973 samples of 3 KiB, 30 blocks, the last of them short, and labels.
  private func write(_ path: String, deflate: Int? = 1) throws {
    let count = 9_973
    let writer = try SampleFileWriter(path: path, deflate: deflate)
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

  /// Of compressed blocks, and of plain ones in a file that exceeds the memory.
  @Test(arguments: 1...3, [1, nil]) func ranksReadEachBlockOnce(ranks: Int, deflate: Int?) throws {
    let folder = try TemporaryFolder()
    try write(folder.file("w.h5"), deflate: deflate)
    let splits = try (0..<ranks).map { _ in
      let data = try Dataset(
        configuration(["w.h5"]), relativeTo: folder.path,
        memoryBytes: deflate == nil ? 30_000_000 : nil, cacheBytes: 0)
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

  /// The orders that need room, each in its own way.
  private func orders(of split: Split) -> [Sampler?] {
    let run = split.runLength / 8
    return orders(split.count).dropLast() + [
      Sampler(count: split.count, seed: 4, shuffle: .window, runLength: run, window: 2)
    ]
  }

  @Test func blocksTakeWhatTheJobMayUse() throws {
    let folder = try TemporaryFolder()
    try write(folder.file("w.h5"))
    func bytes(_ memoryBytes: Int) throws -> [Int] {
      let data = try Dataset(
        configuration(["w.h5"]), relativeTo: folder.path, memoryBytes: memoryBytes)
      let split = try #require(try data.split(.train))
      return orders(of: split).flatMap { order in
        (1...2).map { split.sharedByteCount(order, readers: $0) }
      }
    }
    let limit = 48 << 20
    let all = 9_973 * 3072
    let limited = try bytes(limit)
    #expect(limited.allSatisfy { $0 <= limit / 2 + 1 << 20 }, "\(limited)")
    // In order, two ranks keep twice of what is brought ahead; windows have room for two of them.
    #expect(limited[1] > limited[0] && limited[4] > 18 << 20, "\(limited)")
    #expect(limited[2] < limit / 8 + 1 << 20, "\(limited)")
    let roomy = try bytes(1 << 30)
    #expect(roomy.allSatisfy { $0 > all && $0 < all + 2 << 20 }, "\(roomy)")
  }

  @Test func plainRowsTakeRoomOnlyWhereMemoryIsTight() throws {
    let folder = try TemporaryFolder()
    try write(folder.file("w.h5"), deflate: nil)
    func bytes(_ memoryBytes: Int?) throws -> [Int] {
      let data = try Dataset(
        configuration(["w.h5"]), relativeTo: folder.path, memoryBytes: memoryBytes)
      let split = try #require(try data.split(.train))
      return orders(of: split).map { split.sharedByteCount($0, readers: 1) }
    }
    #expect(try bytes(nil) == [0, 0, 0])
    let tight = try bytes(48 << 20)
    // Any row at any time: a block for each would be read mostly for nobody.
    #expect(tight[0] > 8 << 20 && tight[1] == 0 && tight[2] > 18 << 20, "\(tight)")
    // No window has room: all but the labels are read from the mapping after all.
    #expect(try bytes(16 << 20)[2] < 1 << 20)
  }

  /// How many microbatches a loader wanted to know.
  private final class Asked: Sendable {
    let count = Atomic<Int>(0)
  }

  @Test func readingAheadKeepsWithinTheMemory() throws {
    let folder = try TemporaryFolder()
    try write(folder.file("w.h5"))
    for (memoryBytes, most) in [(nil, 430), (8 << 20, 30)] as [(Int?, Int)] {
      let data = try Dataset(
        configuration(["w.h5"]), relativeTo: folder.path, memoryBytes: memoryBytes)
      let split = try #require(try data.split(.train))
      let wanted = requests(split.count, micro: 10)
      let asked = Asked()
      let loader = BatchLoader(split, capacity: 10, depth: 1)
      loader.start(order: nil) { number in
        asked.count.add(1, ordering: .relaxed)
        return number < wanted.count ? wanted[number] : nil
      }
      _ = try #require(try loader.next())
      loader.stop()
      let count = asked.count.load(ordering: .relaxed)
      #expect(memoryBytes == nil ? count > 400 && count < most : count < most, "\(count)")
    }
  }
}
