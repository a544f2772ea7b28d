import Configuration
import Foundation
import Models
import Tensors
import TestSupport
import Testing

/// Tables as sequences: a step for each number and each category, one transformer over both.
@Suite struct TableTokenTests {
  private static let transformer = LayerConfiguration.transformer(
    TransformerConfiguration(layers: 2, heads: 2, hidden: 7))

  /// Numbers and categories as one sequence behind a class token.
  private static func network(_ head: [LayerConfiguration]) -> ModelConfiguration {
    ModelConfiguration(
      modalities: [
        ModalityConfiguration(name: "n", field: "n", encoder: [.featureTokens(size: 6)]),
        ModalityConfiguration(
          name: "c", field: "c",
          encoder: [.embedding(size: 6), .positional(.learned(length: 3))]),
      ], fusion: .sequence,
      heads: [HeadConfiguration(name: "y", layers: head, loss: plainCrossEntropy, target: "y")])
  }

  private static let fields = [
    values("n", [4]), labels("c", [3], classes: 9), labels("y", classes: 3),
  ]

  @Test(
    "Loss and gradients of a transformer over a table are PyTorch's",
    .enabled(if: Python.has("torch", "numpy"), "torch is missing"))
  func torch() throws {
    let head: [LayerConfiguration] = [
      .classToken, Self.transformer, .pool(.first), .layerNorm(epsilon: 1e-5), relu, linear(3),
    ]
    let bench = try Bench(Self.network(head), Self.fields, capacity: 7)
    FiniteDifference.disturb(bench.store)
    bench.train()
    var numbers = Array(UnsafeBufferPointer(start: bench.microbatch.floats(0), count: 28))
    numbers += (0..<21).map { Float(bench.microbatch.integers(1)[$0]) }
    numbers += (0..<7).map { Float(bench.microbatch.integers(2)[$0]) }
    numbers += bench.store.all
    let slots = bench.model.layout.slots
    try withTemporaryFolder { folder in
      let path = folder.file("data")
      try numbers.withUnsafeBytes { Data($0) }.write(to: URL(filePath: path))
      let shapes = slots.map { $0.shape.map(String.init).joined(separator: ",") }
      let theirs = try Python.run(Self.script, [path] + shapes).split(
        whereSeparator: \.isWhitespace
      )
      .compactMap { Double($0) }
      try #require(theirs.count == 1 + bench.model.layout.count)
      #expect(Golden.isClose([bench.objective], [theirs[0]]))
      for slot in slots {
        let own = bench.gradientValues[slot.range].map(Double.init)
        let range = slot.offset + 1..<slot.offset + slot.count + 1
        #expect(Golden.isClose(own, Array(theirs[range])), "gradient of \(slot.name)")
      }
    }
  }

  private static let script = """
    import sys, numpy as np, torch
    import torch.nn.functional as F
    torch.set_default_dtype(torch.float64)
    data = torch.from_numpy(np.fromfile(sys.argv[1], np.float32).astype('f8'))
    n, c, y = data[:28].reshape(7, 4), data[28:49].reshape(7, 3).long(), data[49:56].long()
    place, leaves = 56, []
    for text in sys.argv[2:]:
      shape = [int(k) for k in text.split(',')]
      count = int(np.prod(shape))
      leaves.append(data[place:place + count].reshape(shape).clone().requires_grad_())
      place += count
    p = iter(leaves)
    w, b, table, bias = next(p), next(p), next(p), next(p)
    x = torch.cat([n[:, :, None] * w + b, table[c] + bias], 1)
    x = torch.cat([next(p).expand(7, 1, 6), x], 1)
    for _ in range(2):
      a = [next(p) for _ in range(12)]
      h = F.layer_norm(x, (6,), a[0], a[1])
      q, k, v = (F.linear(h, a[2], a[3]).reshape(7, 8, 3, 2, 3).permute(2, 0, 3, 1, 4))
      m = torch.softmax(q @ k.transpose(2, 3) / 3 ** .5, 3) @ v
      x = x + F.linear(m.transpose(1, 2).reshape(7, 8, 6), a[4], a[5])
      h = F.layer_norm(x, (6,), a[6], a[7])
      x = x + F.linear(F.gelu(F.linear(h, a[8], a[9])), a[10], a[11])
    z = F.linear(torch.relu(F.layer_norm(x[:, 0], (6,), next(p), next(p))), next(p), next(p))
    loss = F.cross_entropy(z, y)
    loss.backward()
    assert next(p, None) is None
    print(loss.item(), *[repr(float(v)) for t in leaves for v in t.grad.reshape(-1)])
    """

  @Test("Tokens begin as in the paper and do not decay") func initialValues() throws {
    let model = try Model(
      Self.network([.classToken, .pool(.first), linear(3)]), fields: Self.fields, capacity: 1,
      seed: 3)
    let tokens = model.layout.slots.filter {
      ["modalities.n.0.weight", "modalities.n.0.bias", "heads.y.0.weight"].contains($0.name)
    }
    #expect(tokens.map(\.shape) == [[4, 6], [4, 6], [6]])
    for slot in tokens {
      #expect(slot.initializer == .uniform(bound: Float(1 / 6.0.squareRoot())), "\(slot.name)")
      #expect(!slot.decaysByDefault, "\(slot.name)")
    }
  }

  @Test("Sequences of one length can be flattened after they were joined") func joinedLength()
    throws
  {
    let bench = try Bench(
      Self.network([.classToken, .flatten, linear(3)]), Self.fields, capacity: 5)
    let slot = try #require(bench.model.layout.slots.first { $0.name == "heads.y.2.weight" })
    #expect(slot.shape == [3, 8 * 6])
  }

  @Test("What does not fit is named") func errors() throws {
    func message(_ configuration: ModelConfiguration, _ fields: [MicrobatchField]) -> String {
      do {
        _ = try Model(configuration, fields: fields, capacity: 2, seed: 1)
        return "valid"
      } catch { return "\(error)" }
    }
    var widths = Self.network([.pool(.first), linear(3)])
    #expect(message(widths, Self.fields) == "valid")
    widths.modalities[1].encoder[0] = .embedding(size: 5)
    #expect(
      message(widths, Self.fields).hasPrefix("modalities.c: sequence expected 6 channels"))
    var substitutes = Self.network([.pool(.first), linear(3)])
    substitutes.missing.substitute = .learned
    #expect(message(substitutes, Self.fields).contains("sequence leaves missing modalities out"))
    var image = Self.fields
    image[0] = values("n", [4, 2])
    #expect(
      message(Self.network([.pool(.first), linear(3)]), image)
        .hasPrefix(
          "modalities.n.0: featureTokens expected the numbers [F] of a table, found [4, 2]"))
  }
}
