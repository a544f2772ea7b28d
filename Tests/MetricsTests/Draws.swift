import Configuration
import Metrics

/// The generator of `Golden/make.py`: Knuth's MMIX, upper bits.
struct Draws {
  private var state: UInt64

  init(_ seed: UInt64) { state = seed }

  mutating func below(_ bound: UInt64) -> Int {
    state = state &* 6_364_136_223_846_793_005 &+ 1_442_695_040_888_963_407
    return Int((state >> 33) % bound)
  }
}

/// The samples of one head, as the accumulator takes them.
struct Samples {
  var head: MetricHead
  var count: Int
  /// `[S, Y]`.
  var outputs: [Float]
  /// `[S]`, for classes.
  var labels: [Int64] = []
  /// `[S, Y]`, for labels and regression.
  var values: [Float] = []
  /// What was found and the truth, `[S]` of each, for transcriptions.
  var texts: [(found: [Int], truth: [Int])] = []

  /// As `classification` in `make.py`.
  static func classes(
    _ count: Int, _ classes: Int, seed: UInt64, used: Int, stock: Int = 0
  ) -> Samples {
    var draws = Draws(seed)
    let rows = (0..<stock).map { _ in
      (0..<classes).map { _ in Float(draws.below(1 << 20)) / Float(1 << 18) }
    }
    var samples = Samples(
      head: MetricHead(
        name: "kind", kind: .classification(classes: classes), lossName: "crossEntropy"),
      count: count, outputs: [])
    for _ in 0..<count {
      let label = draws.below(UInt64(used))
      samples.labels.append(Int64(label))
      if stock > 0 {
        let row = draws.below(UInt64(stock)) / classes * classes + label
        samples.outputs += rows[row % stock]
        continue
      }
      for index in 0..<classes {
        let base = Float(draws.below(9)) / 4
        samples.outputs.append(index == label && draws.below(2) == 1 ? base + 1 : base)
      }
    }
    return samples
  }

  /// As `binary` and `labels` in `make.py`; one label per sample is the binary head.
  static func yesOrNo(_ count: Int, _ labels: Int, seed: UInt64) -> Samples {
    var draws = Draws(seed)
    let kind: MetricHead.Kind = labels == 1 ? .binary : .multiLabel(outputs: labels)
    var samples = Samples(
      head: MetricHead(name: "answer", kind: kind, lossName: "binaryCrossEntropy"),
      count: count, outputs: [])
    for _ in 0..<count * labels {
      let truth = draws.below(2)
      if labels == 1 { samples.labels.append(Int64(truth)) }
      samples.values.append(Float(truth))
      samples.outputs.append(Float(draws.below(13) - 6) / 4 + (truth == 1 ? 0.5 : 0))
    }
    return samples
  }

  /// As `regression` in `make.py`.
  static func numbers(_ count: Int, _ outputs: Int, seed: UInt64, offset: Float) -> Samples {
    var draws = Draws(seed)
    var samples = Samples(
      head: MetricHead(
        name: "value", kind: .regression(outputs: outputs), lossName: "meanSquaredError"),
      count: count, outputs: [])
    for _ in 0..<count * outputs {
      let truth = offset + Float(draws.below(64)) / 8
      samples.values.append(truth)
      samples.outputs.append(truth + Float(draws.below(17) - 8) / 8)
    }
    return samples
  }

  /// Sequences of up to 6 of 3 ids, some of them empty.
  static func transcripts(_ count: Int, seed: UInt64) -> Samples {
    var draws = Draws(seed)
    var samples = Samples(
      head: MetricHead(
        name: "text", kind: .transcription(outputs: 4), lossName: "ctc", spells: true),
      count: count, outputs: [0])
    func text() -> [Int] { (0..<draws.below(7)).map { _ in draws.below(3) } }
    samples.texts = (0..<count).map { _ in (text(), text()) }
    return samples
  }

  /// Adds the microbatch `[index N, (index + 1) N)` to an accumulator, with a made-up loss.
  func add(microbatch index: Int, of size: Int, to accumulator: MetricAccumulator, head: Int = 0) {
    let start = index * size
    let end = min(count, start + size)
    let width = self.head.outputs
    let loss = (start..<end).reduce(0.0) { $0 + 1 / Double($1 + 3) }
    if case .transcription = self.head.kind {
      var errors = TranscriptionErrors()
      for text in texts[start..<end] {
        errors.add(
          text.found.map(Int64.init), truth: text.truth.map(Int64.init),
          texts: TokenTexts(["one", "six", "seven"].map { Array($0.utf8) }))
      }
      return accumulator.add(
        head: head, microbatch: index, count: end - start, errors: errors, loss: loss,
        weight: Double(end - start))
    }
    outputs.withUnsafeBufferPointer { outputs in
      labels.withUnsafeBufferPointer { labels in
        values.withUnsafeBufferPointer { values in
          guard let first = outputs.baseAddress else { return }
          accumulator.add(
            head: head, microbatch: index, count: end - start, outputs: first + start * width,
            labels: labels.isEmpty ? nil : labels.baseAddress.map { $0 + start },
            values: values.isEmpty ? nil : values.baseAddress.map { $0 + start * width },
            loss: loss, weight: Double(end - start))
        }
      }
    }
  }

  /// All metrics that fit the head, of all samples in microbatches of `size`.
  func measure(_ metrics: [MetricName]? = nil, size: Int = 16) throws -> EvaluationResult {
    let asked = metrics ?? fitting
    let accumulator = try MetricAccumulator(heads: [head], metrics: asked)
    for index in 0..<(count + size - 1) / size {
      add(microbatch: index, of: size, to: accumulator)
    }
    return try MetricAccumulator.merge(
      [accumulator.encode()], heads: [head], metrics: asked, predictions: [count])
  }

  /// Every metric that fits.
  var fitting: [MetricName] {
    MetricName.allCases.filter {
      (try? MetricAccumulator(heads: [head], metrics: [$0])) != nil
    }
  }
}
