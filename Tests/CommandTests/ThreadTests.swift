import Foundation
import TestSupport
import Testing

extension JobTests {
  /// The first promise, inside ranks too: the same bits on any number of threads.
  @Suite(.serialized) struct ThreadTests {
    /// Layers of every kind that threads share, wide enough to be shared.
    private static let network = """
      name: threads
      seed: 7
      data:
        file: glyphs.h5
        fields:
          image: /{split}/image
          word: {dataset: "/{split}/label", kind: ids}
          label: /{split}/label
      batch: {global: 60, micro: 20}
      modalities:
        image:
          field: image
          encoder:
            - conv: {out: 20, kernel: 3, padding: 1}
            - batchNorm
            - relu
            - maxPool: {size: 2}
            - conv: {out: 32, kernel: 3, stride: 2, padding: 1}
            - batchNorm
            - gelu
            - toSequence: pixel
            - gru: {hidden: 48, bidirectional: true}
            - transformer: {layers: 1, heads: 3, hidden: 96, dropout: 0.1}
            - pool: mean
        word: {field: word, encoder: [{embedding: {vocabulary: 3000, size: 64}}]}
      heads:
        digit:
          layers: [{linear: {out: 300}}, relu, {dropout: {rate: 0.3}}, {linear: {out: 10}}]
          loss: crossEntropy
          target: label
      optimizer: {adamW: {learningRate: 2.0e-3, weightDecay: 0.01}}
      train: {steps: 7, clipNorm: 1, ema: 0.9}
      evaluate: {everyEpochs: 1, metrics: [accuracy, logLoss]}

      """

    @Test func ranksAndThreadsGiveTheSameBits() throws {
      let configuration = try Shelf.glyphs.get().replacingOccurrences(of: "glyphs", with: "threads")
      try Self.network.write(toFile: configuration, atomically: true, encoding: .utf8)
      try withTemporaryFolder { folder in
        var digests: Set<String> = []
        var evaluations: Set<String> = []
        for (ranks, threads) in [(1, 1), (1, 2), (1, 3), (2, 1), (2, 3), (3, 2)] {
          let run = Run(path: folder.file("\(ranks)x\(threads)"))
          let words = ["--threads", "\(threads)"]
          let trained = try Aimass.train(configuration, ranks: ranks, output: run.path, words)
          #expect(trained.status == 0 && trained.leftovers.isEmpty, "\(trained)")
          let each = threads == 1 ? "1 thread each" : "\(threads) threads each"
          #expect(trained.output.contains(each), "\(trained)")
          let judged = try Aimass.run(["evaluate", run.path, "--json"] + words)
          #expect(judged.status == 0, "\(judged)")
          digests.insert(run.digest)
          evaluations.insert(judged.output)
        }
        #expect(digests.count == 1 && digests.first?.count == 64)
        #expect(evaluations.count == 1)
      }
    }

    @Test func aRankAloneTakesAllCoresAndOneUnderALauncherTakesOne() throws {
      try withTemporaryFolder { folder in
        let run = Run(path: folder.file("alone"))
        let trained = try Aimass.train(
          Shelf.glyphs.get(), output: run.path, set: ["train.steps=1", "train.epochs=null"])
        #expect(trained.status == 0, "\(trained)")
        let cores = ProcessInfo.processInfo.activeProcessorCount
        let each = cores == 1 ? "1 thread each" : "\(cores) threads each"
        #expect(trained.output.contains(each), "\(trained)")
        let launched = try Aimass.run(
          ranks: 2,
          ["train", Shelf.glyphs.get(), "--dry-run", "--output", folder.file("launched")])
        #expect(launched.status == 0, "\(launched)")
        #expect(launched.output.contains("1 thread each"), "\(launched)")
      }
    }

    @Test(arguments: ["0", "-1", "2000", "some"]) func impossibleThreadsAreRefused(count: String)
      throws
    {
      let result = try Aimass.run(["train", Shelf.glyphs.get(), "--threads=\(count)"])
      #expect(result.status == 64, "\(result)")
      #expect(result.errors.contains("--threads"), "\(result)")
    }

    @Test func moreThreadsThanCoresAreToldAndWork() throws {
      try withTemporaryFolder { folder in
        let count = ProcessInfo.processInfo.activeProcessorCount + 1
        let result = try Aimass.train(
          Shelf.glyphs.get(), output: folder.file("run"), ["--threads", "\(count)", "--dry-run"])
        #expect(result.status == 0, "\(result)")
        #expect(result.output.contains("warning: \(count) threads of 1 rank share"), "\(result)")
      }
    }

    @Test func threadsThatCannotStartAreNamed() throws {
      // 900 stacks of 8 MiB do not fit.
      let command = "ulimit -s 8192; ulimit -v 4000000; exec \"$@\""
      let result = try runProcess(
        "/bin/bash",
        [
          "-c", command, "bash", Aimass.program, "benchmark", "model", Shelf.glyphs.get(),
          "--threads", "900", "--steps", "1",
        ], environment: Aimass.variables([:]), timeout: Aimass.patience)
      #expect(result.status == 78, "\(result)")
      #expect(result.errors.contains("cannot start 900 threads"), "\(result)")
    }
  }
}
