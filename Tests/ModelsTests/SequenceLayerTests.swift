import Configuration
import Foundation
import Models
import Parameters
import Tensors
import TestSupport
import Testing

/// Layers over the steps of sequences inside a model.
@Suite struct SequenceLayerTests {
  private static let ragged = MicrobatchField(
    name: "x", sampleShape: [4], element: .float, longest: 9)
  private static let fields = [ragged, labels("y", classes: 3)]

  private static func transformer(
    _ layers: Int, causal: Bool, _ activation: TransformerConfiguration.Activation = .gelu
  ) -> LayerConfiguration {
    .transformer(
      TransformerConfiguration(
        layers: layers, heads: 2, hidden: 7, causal: causal, activation: activation))
  }

  @Test(
    "A transformer's outputs and gradients are PyTorch's",
    .enabled(if: Python.has("torch", "numpy"), "torch is missing"))
  func torch() throws {
    let folder = try TemporaryFolder()
    var arguments: [String] = []
    var benches: [Bench] = []
    for (index, causal) in [false, true].enumerated() {
      let encoder = [Self.transformer(2, causal: causal, causal ? .relu : .gelu), .pool(.mean)]
      let bench = try Bench(network(encoder), Self.fields, capacity: 6)
      FiniteDifference.disturb(bench.store)
      bench.train()
      let offsets = bench.microbatch.offsets(0)
      let lengths = (0..<6).map { offsets[$0 + 1] - offsets[$0] }
      #expect(lengths.contains(0), "an empty sample is wanted, these are \(lengths)")
      let values = UnsafeBufferPointer(start: bench.microbatch.floats(0), count: offsets[6] * 4)
      let numbers = Array(values) + bench.model.layout.slots.flatMap { Array(bench.store[$0]) }
      let path = folder.file("\(index)")
      try numbers.withUnsafeBytes { Data($0) }.write(to: URL(filePath: path))
      let slots = bench.model.layout.slots.map {
        $0.name + ":" + $0.shape.map(String.init).joined(separator: ",")
      }
      let labels = (0..<6).map { "\(bench.microbatch.integers(1)[$0])" }
      arguments += [
        path, causal ? "1" : "", lengths.map(String.init).joined(separator: ","),
        labels.joined(separator: ","), slots.joined(separator: " "),
      ]
      benches.append(bench)
    }
    _ = try Python.run(Self.script, arguments)
    for (index, bench) in benches.enumerated() {
      let data = try Data(contentsOf: URL(filePath: folder.file("\(index).out")))
      let raw = data.withUnsafeBytes { Array($0.bindMemory(to: Float.self)) }
      let found = raw.map { Double($0) }
      #expect(Golden.isClose([bench.objective], [found[0]]))
      var place = 1
      for slot in bench.model.layout.slots {
        let own = bench.gradientValues[slot.range].map(Double.init)
        #expect(
          Golden.isClose(own, Array(found[place..<place + slot.count])), "gradient of \(slot.name)")
        place += slot.count
      }
      #expect(place == found.count)
    }
  }

  private static let script = """
    import sys, numpy as np, torch
    names = {"0.layers.0.weight": "norm1.weight", "0.layers.0.bias": "norm1.bias",
      "0.layers.1.queryKeyValue.weight": "self_attn.in_proj_weight",
      "0.layers.1.queryKeyValue.bias": "self_attn.in_proj_bias",
      "0.layers.1.output.weight": "self_attn.out_proj.weight",
      "0.layers.1.output.bias": "self_attn.out_proj.bias",
      "1.layers.0.weight": "norm2.weight", "1.layers.0.bias": "norm2.bias",
      "1.layers.1.weight": "linear1.weight", "1.layers.1.bias": "linear1.bias",
      "1.layers.3.weight": "linear2.weight", "1.layers.3.bias": "linear2.bias"}

    def run(path, causal, lengths, labels, slots):
      data = torch.from_numpy(np.fromfile(path, np.float32))
      rows = sum(lengths)
      x, rest = data[:rows * 4].reshape(rows, 4), data[rows * 4:]
      blocks = [torch.nn.TransformerEncoderLayer(4, 2, 7, 0, "relu" if causal else "gelu",
        batch_first=True, norm_first=True) for _ in range(2)]
      head = torch.nn.Linear(4, 3)
      known = []
      for name, shape in slots:
        count = int(np.prod(shape))
        value, rest = rest[:count].reshape(shape), rest[count:]
        if name.startswith("modalities.x.0."):
          index, tail = name[len("modalities.x.0."):].split(".", 1)
          p = blocks[int(index) // 2].get_parameter(names[str(int(index) % 2) + "." + tail])
        else:
          p = head.get_parameter(name.split(".")[-1])
        assert p.shape == value.shape, (name, p.shape)
        p.data.copy_(value)
        known.append(p)
      pooled = []
      for steps in torch.split(x, lengths):
        if len(steps) == 0:
          pooled.append(torch.zeros(4))
          continue
        mask = torch.nn.Transformer.generate_square_subsequent_mask(len(steps)) if causal else None
        y = steps[None]
        for block in blocks:
          y = block(y, src_mask=mask)
        pooled.append(y[0].mean(0))
      loss = torch.nn.functional.cross_entropy(head(torch.stack(pooled)), torch.tensor(labels))
      loss.backward()
      np.concatenate([[loss.item()]] + [p.grad.numpy().ravel() for p in known]).astype(
        np.float32).tofile(path + ".out")

    for i in range(1, len(sys.argv), 5):
      path, causal, lengths, labels, slots = sys.argv[i:i + 5]
      run(path, bool(causal), [int(n) for n in lengths.split(",")],
        [int(n) for n in labels.split(",")],
        [(s.split(":")[0], [int(n) for n in s.split(":")[1].split(",")]) for s in slots.split()])
    """

  @Test("A transformer begins as GPT-2 does")
  func initialValues() throws {
    let field = MicrobatchField(name: "x", sampleShape: [64], element: .float, longest: 3)
    let blocks = TransformerConfiguration(layers: 8, heads: 4)
    let model = try Model(
      network([.transformer(blocks), .pool(.mean)]), fields: [field, labels("y", classes: 3)],
      capacity: 1, seed: 3)
    let store = ParameterStore(model.layout)
    model.initialize(store)
    var counted = 0
    for slot in model.layout.slots where slot.name.hasPrefix("modalities.x.0.") {
      let values = Array(store[slot]).map(Double.init)
      let deviation = (values.reduce(0) { $0 + $1 * $1 } / Double(values.count)).squareRoot()
      let isNorm = slot.name.contains(".layers.0.")
      if slot.name.hasSuffix("bias") {
        #expect(values.allSatisfy { $0 == 0 }, "\(slot.name)")
      } else if !isNorm {
        let endsBranch = slot.name.contains(".layers.3.") || slot.name.contains(".output.")
        let wanted = endsBranch ? 0.02 / 4 : 0.02
        #expect(abs(deviation / wanted - 1) < 0.05, "\(slot.name): \(deviation)")
        counted += 1
      }
    }
    #expect(counted == 8 * 4)
    let sizes = model.layout.slots.filter { $0.name.contains(".1.layers.1.weight") }
    #expect(sizes.first?.shape == [256, 64], "the hidden layer is four times as wide")
  }

  /// Heads that predict each step, so that a step's output can be looked at.
  private static func stepwise(_ encoder: [LayerConfiguration]) -> ModelConfiguration {
    ModelConfiguration(
      modalities: [ModalityConfiguration(name: "x", field: "x", encoder: encoder)],
      heads: [
        HeadConfiguration(
          name: "z", layers: [.linear(out: 2, bias: true)], loss: .meanSquaredError, target: "z")
      ])
  }

  private static let steps = MicrobatchField(
    name: "z", sampleShape: [2], element: .float, longest: 9)

  @Test("A causal transformer's steps do not see later ones, others do", arguments: [true, false])
  func causal(isCausal: Bool) throws {
    let configuration = Self.stepwise([
      .positional(.sinusoidal), Self.transformer(2, causal: isCausal),
    ])
    let bench = try Bench(configuration, [Self.ragged, Self.steps], capacity: 6)
    let offsets = bench.microbatch.offsets(0)
    let sample = (0..<6).first { offsets[$0 + 1] - offsets[$0] >= 3 } ?? 0
    try #require(offsets[sample + 1] - offsets[sample] >= 3)
    bench.evaluate()
    let before = bench.output()
    let last = offsets[sample + 1] - 1
    bench.microbatch.floats(0)[last * 4] += 1
    bench.evaluate()
    let after = bench.output()
    let changed = (0..<offsets[6]).filter { before[2 * $0] != after[2 * $0] }
    #expect(changed == (isCausal ? [last] : Array(offsets[sample]...last)))
  }

  @Test("Samples alone give what they give together")
  func neighbours() throws {
    let encoder: [LayerConfiguration] = [
      .positional(.learned(length: 9)), Self.transformer(1, causal: false), .pool(.attention),
    ]
    let together = try Bench(network(encoder), Self.fields, capacity: 6)
    FiniteDifference.disturb(together.store)
    together.evaluate()
    let outputs = together.output()
    let offsets = together.microbatch.offsets(0)
    for sample in 0..<6 {
      let alone = try Bench(network(encoder), Self.fields, capacity: 6, count: 1)
      FiniteDifference.disturb(alone.store)
      let count = offsets[sample + 1] - offsets[sample]
      alone.microbatch.floats(0).update(
        from: together.microbatch.floats(0) + offsets[sample] * 4, count: count * 4)
      alone.microbatch.offsets(0)[1] = count
      alone.evaluate()
      let own = outputs[sample * 3..<sample * 3 + 3]
      #expect(zip(alone.output(), own).allSatisfy { abs($0 - $1) < 1e-6 }, "sample \(sample)")
    }
  }

  @Test("Passes allocate nothing")
  func allocations() throws {
    for subject in FiniteDifferenceTests.Case.sequences + FiniteDifferenceTests.Case.frontEnds {
      let bench = try Bench(subject.configuration, subject.fields, capacity: 5)
      let parameters = UnsafePointer(bench.store.base)
      let (model, microbatch) = (bench.model, bench.microbatch)
      var gradients = LocalGradients(model.layout)
      bench.normalizers.withUnsafeBufferPointer { buffer in
        guard let divisors = buffer.baseAddress else { return }
        let touched = AllocationProbe.sizesTouched {
          for step in 0..<3 {
            model.train(
              microbatch, parameters, normalizers: divisors, step: step, into: &gradients)
            model.evaluate(microbatch, parameters)
          }
        }
        #expect(touched == [], "\(subject.name)")
      }
    }
  }
}
