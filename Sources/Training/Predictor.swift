import Datasets
import Exchange
import MPI
import Models
import Tensors

/// Runs a trained model over a split on all ranks and hands the outputs to rank 0 in sample order.
///
/// Ranks work on consecutive microbatches side by side; each round's outputs are gathered before the
/// next begins, so memory is bounded by one microbatch per rank.
public struct Predictor {
  private let world: Communicator
  private let trained: TrainedModel
  private let split: Split
  private let form: Form
  private let search: CTCDecoder.Search
  private let layer: Int?
  private let clock: StepClock?

  /// What outputs are handed on as.
  public enum Form: Sendable {
    /// Probabilities for classification and binary heads, values for regression.
    case predictions
    /// What the head's last layer gives.
    case logits
  }

  /// What a head predicts for consecutive samples.
  public enum Output: Sendable {
    /// `[rows, Y]`: a row for each sample, NaN where it lacks the modality that the head reads, or a row
    /// for each step of the samples' sequences, packed.
    case values([Float])
    /// For each sample the ids that a head with the loss `ctc` read.
    case transcriptions([[Int64]])
  }

  /// A predictor on all ranks of `world`.
  ///
  /// - Parameters:
  ///   - world: all ranks.
  ///   - trained: the model.
  ///   - split: what to predict; nil: the split that the model was loaded for.
  ///   - form: what outputs are handed on as.
  ///   - layer: a place among the model's read layers, whose outputs are handed on instead of those of all heads.
  ///   - clock: shows how it gets on, if somebody watches.
  public init(
    _ world: Communicator, _ trained: TrainedModel, split: Split? = nil,
    as form: Form = .predictions, layer: Int? = nil, clock: StepClock? = nil
  ) {
    self.layer = layer
    self.clock = clock
    self.world = world
    self.trained = trained
    self.split = split ?? trained.split
    self.form = form
    search = trained.transcriber.search
  }

  /// Predicts every sample of the split.
  ///
  /// - Parameter sink: called on rank 0, in sample order, with consecutive samples and their outputs, per
  ///   head.
  /// - Throws: what reading, MPI or `sink` throw.
  public func run(_ sink: (_ samples: Range<Int>, _ outputs: [Output]) throws -> Void) throws {
    let model = trained.model
    let plan = try EvaluationPlan(split, model)
    let numbers = Array(stride(from: world.rank, to: plan.microbatches, by: world.size))
    let states = plan.states(model, numbers)
    let rows = try trained.rows(world)
    let loader = BatchLoader(
      split, capacity: model.capacity, depth: trained.configuration.data.prefetch)
    loader.start(order: nil) { plan.request($0, of: numbers) }
    defer { loader.stop() }
    for step in 0..<plan.steps {
      for first in stride(from: 0, to: plan.microbatches, by: world.size) {
        var outputs = [[UInt8]](repeating: [], count: transcribes.count)
        let microbatch = first + world.rank < plan.microbatches ? try loader.next() : nil
        try rows?.fetch(microbatch.map { [$0] } ?? [], step: nil)
        if let microbatch {
          clock?.progress(microbatch.index)
          outputs = try compute(microbatch, plan, states).map(\.bytes)
          loader.recycle(microbatch)
        }
        let round = first..<min(first + world.size, plan.microbatches)
        var gathered: [Output] = []
        for (isTranscription, bytes) in zip(transcribes, outputs) {
          let parts = try world.gatherBytes(bytes, root: 0) ?? []
          gathered.append(Output(parts, isTranscription: isTranscription))
        }
        try world.agree {
          if world.rank == 0 { try sink(plan.samples(step: step, round), gathered) }
        }
      }
    }
  }

  /// For each output whether it is a list of ids: one for each head, or one for a layer.
  private var transcribes: [Bool] {
    layer == nil ? trained.model.heads.map(\.loss.isTranscription) : [false]
  }

  /// The outputs of one microbatch, per head.
  private func compute(
    _ microbatch: Microbatch, _ plan: EvaluationPlan, _ states: StreamStates?
  ) throws -> [Output] {
    let model = trained.model
    if let wrong = model.labelOutOfRange(microbatch) {
      throw TrainingError(.badData, "\(wrong); correct the data")
    }
    plan.evaluate(microbatch, model, trained.store.base, states)
    if let layer {
      return [.values(Array(model.output(ofReadLayer: layer, samples: microbatch.count)))]
    }
    return model.heads.indices.map { index in
      let head = model.heads[index]
      if head.loss.isTranscription {
        return .transcriptions(model.transcriptions(ofHead: index, microbatch, by: search))
      }
      return .values(values(ofHead: index, microbatch.count))
    }
  }

  /// The outputs of one microbatch for a head, `[rows, Y]`.
  private func values(ofHead index: Int, _ samples: Int) -> [Float] {
    let model = trained.model
    let head = model.heads[index]
    let logits = model.output(ofHead: index)
    let rows = model.rows(ofHead: index, samples: samples)
    var values = Array(UnsafeBufferPointer(start: logits, count: rows * head.outputs))
    if form == .predictions {
      values.withUnsafeMutableBufferPointer { buffer in
        guard let base = buffer.baseAddress else { return }
        switch head.loss {
        case .crossEntropy:
          Kernels.softmax(
            samples: rows, classes: head.outputs, logits: logits, probabilities: base)
        case .binaryCrossEntropy:
          Kernels.activate(.sigmoid, count: buffer.count, input: logits, output: base)
        case .meanSquaredError, .huber, .ctc, .bpr: break
        }
      }
    }
    let lacks = head.mayLack && !head.isSequence
    return lacks ? spread(values, ofHead: index, samples: samples) : values
  }

  /// A row for each sample, NaN for those without a prediction.
  private func spread(_ values: [Float], ofHead index: Int, samples: Int) -> [Float] {
    let width = trained.model.heads[index].outputs
    return (0..<samples).flatMap { sample -> [Float] in
      guard let row = trained.model.row(ofHead: index, sample: sample) else {
        return [Float](repeating: .nan, count: width)
      }
      return Array(values[row * width..<(row + 1) * width])
    }
  }
}

extension Predictor.Output {
  /// The form in which ranks hand it on: numbers, or each list of ids after its length.
  fileprivate var bytes: [UInt8] {
    switch self {
    case .values(let values): values.withUnsafeBytes(Array.init)
    case .transcriptions(let lists):
      lists.flatMap { [Int64($0.count)] + $0 }.withUnsafeBytes(Array.init)
    }
  }

  /// What all ranks handed on, in the order of the samples.
  fileprivate init(_ parts: [[UInt8]], isTranscription: Bool) {
    guard isTranscription else {
      self = .values(parts.flatMap { $0.withUnsafeBytes { Array($0.bindMemory(to: Float.self)) } })
      return
    }
    let words = parts.flatMap { $0.withUnsafeBytes { Array($0.bindMemory(to: Int64.self)) } }
    var lists: [[Int64]] = []
    var place = 0
    while place < words.count {
      let end = place + 1 + Int(words[place])
      lists.append(Array(words[place + 1..<end]))
      place = end
    }
    self = .transcriptions(lists)
  }
}
