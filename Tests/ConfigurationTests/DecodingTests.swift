import Configuration
import Foundation
import Testing

@Suite("Run configurations are read")
struct DecodingTests {
  @Test("Defaults are the documented ones")
  func defaults() throws {
    let run = try RunConfiguration.decode(yaml: Samples.small(), name: "small")
    #expect(run.seed == 0)
    #expect(run.data.files == ["small.h5"])
    #expect(
      run.data.splits == ["train": "train", "validation": "validation", "test": "test"])
    #expect(run.data.prefetch == 4 && run.data.shuffle == nil && run.data.split == nil)
    #expect(run.batch.micro == nil && run.resolved(ranks: 3).batch.micro == 2)
    #expect(run.model.fusion == .concat && run.model.heads[0].weight == 1)
    #expect(run.model.modalities[0].encoder == [.linear(out: 4, bias: true), .activation(.relu)])
    #expect(run.model.heads[0].loss == .crossEntropy(labelSmoothing: 0, classWeights: nil))
    #expect(run.optimizer.rule == .adam(beta1: 0.9, beta2: 0.999, epsilon: 1e-8))
    #expect(run.optimizer.weightDecay == 0 && run.optimizer.weightDecayOn == nil)
    #expect(run.schedule.form == .constant && run.schedule.warmupSteps == 0)
    #expect(run.train.length == .epochs(2) && run.train.clipNorm == nil && run.train.ema == nil)
    #expect(run.train.nonFinite == .abort && run.train.lastBatch == .keep)
    #expect(run.checkpoint.everySteps == nil && run.checkpoint.keep == 2)
    #expect(run.evaluate.everyEpochs == 1 && run.evaluate.metrics.isEmpty)
    #expect(run.exchange.bucketMiB == nil && run.exchange.copies == .node)
    #expect(run.exchange.wire == .float32)
    #expect(run.distributed.checkEvery == 100)
    #expect(run.distributed.watchdogSeconds == 120)
  }

  @Test(
    "Each wire form has its constants",
    arguments: [
      ("float32", ExchangeConfiguration.Wire.float32), ("bfloat16", .bfloat16),
      ("topK", .topK(density: 0.01, momentum: 0.9, warmupSteps: 400)),
      ("{topK: 0.5}", .topK(density: 0.5, momentum: 0.9, warmupSteps: 400)),
      (
        "{topK: {momentum: 0, warmupSteps: 0}}", .topK(density: 0.01, momentum: 0, warmupSteps: 0)
      ),
    ])
  func wires(text: String, wire: ExchangeConfiguration.Wire) throws {
    let yaml = Samples.small("exchange: {wire: \(text)}")
    let sgd = yaml.replacingOccurrences(of: "adam:", with: "sgd:")
    #expect(try RunConfiguration.decode(yaml: sgd, name: "w").exchange.wire == wire)
  }

  @Test(
    "Each sampling has its defaults",
    arguments: [
      ("{balanced: label}", SamplingConfiguration(rule: .balanced(power: 1), field: "label")),
      (
        "{balanced: {field: a, power: 0}}",
        SamplingConfiguration(rule: .balanced(power: 0), field: "a")
      ),
      ("{weighted: w}", SamplingConfiguration(rule: .weighted, field: "w")),
      (
        "{weighted: {field: w, samplesPerEpoch: 7}}",
        SamplingConfiguration(rule: .weighted, field: "w", samplesPerEpoch: 7)
      ),
    ])
  func samplings(text: String, sampling: SamplingConfiguration) throws {
    let run = try RunConfiguration.decode(
      yaml: Samples.small(), name: "s", overrides: ["data.sampling=\(text)"])
    #expect(run.data.sampling == sampling)
    #expect(run.model.heads[0].weights == nil)
  }

  @Test(
    "Each optimizer has its constants",
    arguments: [
      ("sgd", OptimizerConfiguration.Rule.sgd(momentum: 0, nesterov: false), 0.0),
      ("adamW", .adamW(beta1: 0.9, beta2: 0.999, epsilon: 1e-8), 0.01),
      ("lamb", .lamb(beta1: 0.9, beta2: 0.999, epsilon: 1e-6), 0),
      ("lars", .lars(momentum: 0.9, trust: 0.001, epsilon: 1e-8), 0),
    ])
  func optimizers(name: String, rule: OptimizerConfiguration.Rule, decay: Double) throws {
    let yaml = Samples.small().replacingOccurrences(of: "adam:", with: "\(name):")
    let run = try RunConfiguration.decode(yaml: yaml, name: name)
    #expect(run.optimizer.rule == rule)
    #expect(run.optimizer.weightDecay == decay)
  }

  @Test(
    "Each schedule has its constants",
    arguments: [
      ("constant", ScheduleConfiguration.Form.constant),
      ("{step: {milestones: [3, 9]}}", .step(milestones: [3, 9], gamma: 0.1)),
      ("cosine", .cosine(final: 0)), ("polynomial", .polynomial(final: 0, power: 1)),
      ("oneCycle", .oneCycle(initial: 0.04, final: 4e-6, peakAt: 0.3)),
      ("plateau", .plateau(metric: "loss", factor: 0.1, patience: 10, minimum: 0)),
    ])
  func schedules(text: String, form: ScheduleConfiguration.Form) throws {
    let run = try RunConfiguration.decode(yaml: Samples.small("schedule: \(text)"), name: "s")
    #expect(run.schedule.form == form)
  }

  @Test("Short and long forms mean the same")
  func forms() throws {
    func layers(_ text: String) throws -> [LayerConfiguration] {
      let run = try RunConfiguration.decode(
        yaml: Samples.small(), name: "f", overrides: ["modalities.table.encoder=\(text)"])
      return run.model.modalities[0].encoder
    }
    let short = try layers("[{linear: 10}, {maxPool: 2}, {dropout: 0.5}, batchNorm, leakyRelu]")
    let long = try layers(
      "[{linear: {out: 10}}, {maxPool: {size: [2, 2]}}, {dropout: {rate: 0.5}}, {batchNorm: {}}, "
        + "{leakyRelu: {slope: 0.01}}]")
    #expect(short == long)
    #expect(short[1] == .maxPool(PoolConfiguration(size: [2, 2])))
    #expect(short[3] == .batchNorm(momentum: 0.1, epsilon: 1e-5))
    let group = try layers("[{batchNorm: {sync: 1}}, {batchNorm: {sync: 8}}]")
    #expect(group[0] == short[3])
    #expect(group[1] == .batchNorm(momentum: 0.1, epsilon: 1e-5, sync: 8))
    let wave = try layers("[{conv1d: {out: 4, kernel: 9, stride: 2, padding: 3, dilation: 5}}]")
    #expect(
      wave == [
        .conv1d(
          ConvolutionConfiguration(
            out: 4, kernel: [1, 9], stride: [1, 2], padding: [0, 3], dilation: [1, 5]))
      ])
    #expect(
      try layers("[{conv1d: {out: 4, kernel: 1, padding: 1}}]")
        == layers("[{conv1d: {out: 4, kernel: 1, padding: 1, stride: 1}}]"))
  }

  @Test("Every shipped configuration decodes and says what it is")
  func shipped() throws {
    let files = try Samples.files(in: Samples.root.appending(path: "configs"), ending: "yaml")
    #expect(files.count >= 10)
    for file in files {
      let run = try ConfiguredRun.load(path: file.path(percentEncoded: false))
      #expect(run.name == file.deletingPathExtension().lastPathComponent)
      let text = try String(contentsOf: file, encoding: .utf8)
      #expect(text.hasPrefix("#"))
      var words = ["aimass train configs/\(run.name).yaml", "# Steps:", "# Expect:"]
      if case .network(let network) = run {
        let micro = try #require(network.batch.micro)
        #expect(network.batch.global >= 6 * micro, "6 or more ranks for \(run.name)")
        words.append("# Batch:")
      }
      for word in words { #expect(text.contains(word), "\(run.name) lacks \(word)") }
    }
  }

  @Test("Policies for steps that are not finite, short and long")
  func policies() throws {
    func policy(_ text: String) throws -> NonFinitePolicy {
      let override = "train.nonFinite=\(text)"
      return try RunConfiguration.decode(
        yaml: Samples.small(), name: "a", overrides: [override]
      ).train.nonFinite
    }
    let limits = NonFinitePolicy.SkipLimits(consecutive: 1, perThousand: 20)
    #expect(try policy("abort") == .abort)
    #expect(try policy("skip") == .skip(NonFinitePolicy.SkipLimits()))
    #expect(try policy("{skip: {consecutive: 1}}") == .skip(limits))
    #expect(try policy("rollback") == .rollback(times: 3))
    #expect(try policy("{rollback: 5}") == .rollback(times: 5))
    #expect(try policy("rerun") == .rerun(then: .abort))
    #expect(try policy("{rerun: {then: {rollback: 1}}}") == .rerun(then: .rollback(times: 1)))
    #expect(try policy("{rerun: rollback}") == .rerun(then: .rollback(times: 3)))
    for wrong in [
      "{rerun: {then: rerun}}", "{skip: {perThousand: 1001}}", "{rollback: 0}", "often",
    ] {
      #expect(throws: ConfigurationError.self) { try policy(wrong) }
    }
    let message = Samples.message(
      Samples.small(), ["train.nonFinite=rerun", "exchange.wire={topK: {momentum: 0}}"])
    #expect(message?.contains("rerun cannot be used with exchange.wire topK") == true)
  }

  @Test("A missing, a binary and a huge file are told by name")
  func files() throws {
    let folder = FileManager.default.temporaryDirectory.appending(path: UUID().uuidString)
    try FileManager.default.createDirectory(at: folder, withIntermediateDirectories: true)
    defer { try? FileManager.default.removeItem(at: folder) }
    func code(_ name: String, _ bytes: Data?) throws -> ConfigurationError.Code? {
      let file = folder.appending(path: name)
      try bytes?.write(to: file)
      do {
        _ = try RunConfiguration.load(path: file.path(percentEncoded: false))
        return nil
      } catch let error as ConfigurationError {
        #expect("\(error)".contains(name))
        return error.code
      }
    }
    #expect(try code("none.yaml", nil) == .missing)
    #expect(try code("binary.yaml", Data([0x89, 0x48, 0x44, 0x46, 0xff, 0xfe])) == .unreadable)
    #expect(try code("huge.yaml", Data(count: 5 << 20)) == .unreadable)
    #expect(try code("empty.yaml", Data()) == .invalid)
    #expect(try code("good.yaml", Data(Samples.small().utf8)) == nil)
    #expect(throws: ConfigurationError.self) {
      try RunConfiguration.load(path: folder.path(percentEncoded: false))
    }
  }
}
