import Datasets
import Foundation

/// What the input of a rank delivered, with nobody computing.
public struct InputPass: Sendable, Equatable {
  /// Samples of this rank.
  public var samples = 0
  /// Steps they make up.
  public var steps = 0
  /// Seconds from the start to the last microbatch.
  public var seconds = 0.0
  /// Processor seconds of the input's threads.
  public var processorSeconds = 0.0
  /// What was read and decoded.
  public var statistics = ReadStatistics()
  /// Bytes that the kernel brought from the disk for this process.
  public var diskBytes = 0

  /// Nothing delivered.
  public init() {}

  /// The pass as numbers, for its way to rank 0.
  var words: [Double] {
    [
      Double(samples), Double(steps), seconds, processorSeconds, Double(statistics.blocks),
      Double(statistics.decodedBlocks), Double(statistics.fileBytes),
      Double(statistics.sampleBytes), Double(statistics.numberBytes), Double(diskBytes),
    ]
  }

  /// The pass that some ``words`` tell.
  init(words: ArraySlice<Double>) {
    let words = Array(words)
    (samples, steps, seconds) = (Int(words[0]), Int(words[1]), words[2])
    processorSeconds = words[3]
    statistics.blocks = Int(words[4])
    statistics.decodedBlocks = Int(words[5])
    statistics.fileBytes = Int(words[6])
    statistics.sampleBytes = Int(words[7])
    statistics.numberBytes = Int(words[8])
    diskBytes = Int(words[9])
  }
}

extension Trainer {
  /// Steps of an epoch of this run.
  public var stepsPerEpoch: Int { plan.stepsPerEpoch }

  /// Steps of the whole run.
  public var stepCount: Int { totalSteps }

  /// Samples of one step over all ranks.
  public var samplesPerStep: Int { plan.global }

  /// Samples of one pass.
  public var samplesPerPass: Int { plan.micro }

  /// Numbers that this rank saves in a checkpoint.
  public var savedScalars: Int { ownedArrays().reduce(0) { $0 + $1.range.count } }

  /// Threads of this rank that read ahead: its share of the node's cores.
  var inputReaders: Int {
    max(1, min(4, ProcessInfo.processInfo.activeProcessorCount / exchange.node.local.size))
  }

  /// Reads the first steps of the run as training would, and computes nothing.
  ///
  /// Collective; ranks begin together and do not wait for one another then.
  ///
  /// - Parameters:
  ///   - steps: how many, at most those of the run.
  ///   - seconds: after which a rank ends early.
  /// - Returns: by rank what each delivered, on rank 0; nil elsewhere.
  /// - Throws: what reading throws, or `MPIError`.
  public func measureInput(steps: Int, seconds: Double) throws -> [InputPass]? {
    let before = training.readStatistics
    let diskBefore = Self.diskBytes()
    try world.barrier()
    let start = StepClock.now()
    let loader = makeLoader(from: 0)
    var pass = InputPass()
    while pass.seconds < seconds, let microbatch = try loader.next() {
      // The next step's has come, and is more than was asked for.
      guard microbatch.step < min(steps, totalSteps) else { break }
      pass.samples += microbatch.count
      pass.steps = microbatch.step + 1
      loader.recycle(microbatch)
      pass.seconds = Double(StepClock.now() - start) * 1e-9
    }
    loader.stop()
    pass.processorSeconds = loader.processorSeconds
    pass.statistics = training.readStatistics.since(before)
    pass.diskBytes = Self.diskBytes() - diskBefore
    let words = pass.words
    guard let all = try world.gather(words, root: 0) else { return nil }
    return stride(from: 0, to: all.count, by: words.count).map {
      InputPass(words: all[$0..<$0 + words.count])
    }
  }

  private static func diskBytes() -> Int {
    Int(KernelFile.value(of: "read_bytes", in: "/proc/self/io") ?? 0)
  }

  /// Lets the ranks of a node keep decoded samples together.
  ///
  /// Collective, on nodes with nothing to share too.
  func shareInput() throws {
    let (node, local) = (exchange.node, exchange.node.local)
    for (split, order) in [(training, sampler), (validation, nil)] as [(Split?, Sampler?)] {
      guard let split else { continue }
      let bytes = local.size > 1 ? split.sharedByteCount(order, readers: local.size) : 0
      guard try world.allReduce(Int64(bytes), by: .maximum) > 0 else { continue }
      let memory = try node.share(byteCount: max(1, bytes), name: "aimass-input", claiming: [])
      guard bytes > 0 else { continue }
      split.share(order, readers: local.size, reader: local.rank, at: memory.base, keeper: memory)
      try local.barrier()
    }
  }
}
