import Configuration
import Datasets
import Foundation
import Tensors
import TestSupport
import Testing

/// The input thread delivers in order, tells errors, and leaves nothing behind.
@Suite(.serialized) struct BatchLoaderTests {
  private func split(_ folder: TemporaryFolder, deflate: Int? = nil) throws -> Split {
    try writeSample(folder.file("a.h5"), deflate: deflate)
    let data = try Dataset(configuration(["a.h5"]), relativeTo: folder.path)
    return try #require(try data.split(.train))
  }

  private func threads() -> Int {
    (try? FileManager.default.contentsOfDirectory(atPath: "/proc/self/task").count) ?? 0
  }

  @Test func deliversInOrder() throws {
    let folder = try TemporaryFolder()
    let split = try split(folder)
    let sampler = Sampler(count: split.count, seed: 2, shuffle: .full)
    let plan = BatchPlan(samples: split.count, global: 64, micro: 16, lastBatch: .keep)
    let loader = BatchLoader(split, capacity: 16, depth: 3)
    for epoch in 0..<2 {
      let wanted = (0..<plan.stepsPerEpoch).flatMap { step in
        (0..<plan.microbatchCount(ofStep: step)).map { index in
          BatchRequest(
            index: index, step: step, epoch: epoch,
            positions: plan.positions(step: step, microbatch: index))
        }
      }
      loader.start(order: sampler) { $0 < wanted.count ? wanted[$0] : nil }
      var delivered = 0
      while let batch = try loader.next() {
        let request = wanted[delivered]
        #expect(batch.index == request.index && batch.step == request.step)
        #expect(batch.count == request.positions.count)
        for (place, position) in request.positions.enumerated() {
          let sample = sampler.sample(at: position, epoch: epoch)
          #expect(batch.sampleNumbers[place] == Int64(sample))
          #expect(batch.integers(1)[place] == Int64(sample % 3))
          #expect(batch.floats(2)[place * 5] == Float(sample * 5) * 0.25)
        }
        delivered += 1
        loader.recycle(batch)
      }
      #expect(delivered == wanted.count && delivered == 32)
    }
  }

  @Test func stopsAtAnyTime() throws {
    let folder = try TemporaryFolder()
    let split = try split(folder)
    let before = threads()
    for taken in 0..<4 {
      let loader = BatchLoader(split, capacity: 8, depth: 2)
      loader.start(order: nil) { _ in BatchRequest(index: 0, step: 0, epoch: 0, positions: 0..<8) }
      for _ in 0..<taken {
        if let batch = try loader.next() { loader.recycle(batch) }
      }
      if taken == 3 { loader.start(order: nil) { _ in nil } } else { loader.stop() }
    }
    // The runner's own threads come and go; four leaked ones would show.
    #expect(threads() <= before + 3)
  }

  @Test func givesThreadsBack() throws {
    let folder = try TemporaryFolder()
    let split = try split(folder)
    let before = threads()
    for _ in 0..<50 {
      let loader = BatchLoader(split, capacity: 8, depth: 2)
      loader.start(order: nil) { _ in BatchRequest(index: 0, step: 0, epoch: 0, positions: 0..<8) }
      _ = try loader.next()
    }
    #expect(threads() < before + 25)
  }

  @Test func tellsErrorsWhereTheyHappen() throws {
    let folder = try TemporaryFolder()
    let split = try split(folder)
    #expect(truncate(folder.file("a.h5"), 20_000) == 0)
    let loader = BatchLoader(split, capacity: 8, depth: 2)
    loader.start(order: nil) { k in
      k < 3 ? BatchRequest(index: k, step: 0, epoch: 0, positions: k * 8..<k * 8 + 8) : nil
    }
    let error = #expect(throws: DatasetError.self) {
      while let batch = try loader.next() { loader.recycle(batch) }
    }
    #expect(error?.code == .ioFailure)
    loader.stop()
  }

  @Test func windowedReadingDecodesChunksAboutOnce() throws {
    let folder = try TemporaryFolder()
    // 12,000 samples of 3 KiB: 36 chunks of 1 MiB, compressed.
    let count = 12_000
    let writer = try SampleFileWriter(path: folder.file("w.h5"), deflate: 1)
    try writer.addField(
      SampleField(
        name: "image", element: .uint8, sampleShape: [3072], axes: "SF", modality: "table"),
      split: "train", samples: count)
    for start in stride(from: 0, to: count, by: 1000) {
      let slab = (0..<1000 * 3072).map { UInt8(truncatingIfNeeded: start / 1000 + $0 / 3072) }
      try writer.append(slab, to: "image", split: "train")
    }
    _ = try writer.finish()
    let data = try Dataset(
      configuration(["w.h5"]), relativeTo: folder.path, cacheBytes: 20 << 20)
    let split = try #require(try data.split(.train))
    // Runs of 4 chunks keep the test small; the default of 16 only lowers the amplification.
    let runLength = split.runLength / 4
    let sampler = Sampler(
      count: count, seed: 3, shuffle: .window, runLength: runLength, window: 4)
    let batch = Microbatch(capacity: 100, fields: split.fields)
    batch.count = 100
    for start in stride(from: 0, to: count, by: 100) {
      for index in 0..<100 {
        batch.sampleNumbers[index] = Int64(sampler.sample(at: start + index, epoch: 0))
      }
      try split.fill(batch)
      for index in 0..<100 {
        let sample = Int(batch.sampleNumbers[index])
        let expected = UInt8(truncatingIfNeeded: sample / 1000 + sample % 1000)
        #expect(batch.floats(0)[index * 3072] == Float(expected))
      }
    }
    let reading = split.readStatistics
    #expect(reading.blocks == 36)
    #expect(Double(reading.decodedBlocks) <= 1.1 * Double(reading.blocks), "\(reading)")
  }
}
