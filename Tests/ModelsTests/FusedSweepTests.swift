import Configuration
import Models
import Testing

/// Norm, sum and relu in one sweep, and the way back, have the bits of sweeps of their own.
///
/// Reading a layer's output keeps the relu behind it in a sweep of its own.
@Suite struct FusedSweepTests {
  /// Residual blocks of every kind: identity and projection, with and without a norm at the end, one after
  /// the other and one inside the other.
  private static let encoder: [LayerConfiguration] = [
    conv(17, 3, padding: 1, bias: false), norm, relu,
    .residual(
      layers: [conv(17, 3, padding: 1), norm, relu, conv(17, 3, padding: 1), norm], shortcut: []),
    relu,
    .residual(layers: [conv(17, 3, padding: 1), norm], shortcut: []), relu,
    .residual(
      layers: [conv(18, 3, stride: 2, padding: 1), norm, relu],
      shortcut: [conv(18, 1, stride: 2), norm]),
    relu,
    .residual(layers: [conv(18, 3, padding: 1)], shortcut: [conv(18, 1)]), relu,
    .residual(
      layers: [.residual(layers: [conv(18, 1), norm], shortcut: []), relu, conv(18, 1), norm],
      shortcut: [relu]), relu,
    .residual(layers: [.flatten], shortcut: [.flatten]), relu,
  ]

  /// The layers whose relu would otherwise be taken along.
  private static let read =
    [1, 3, 5, 7, 9, 11, 13].map { "modalities.x.\($0)" } + [
      "modalities.x.3.layers.1", "modalities.x.7.layers.1", "modalities.x.11.layers.0",
    ]

  private func bench(_ reading: [String]) throws -> Bench {
    try Bench(
      network(Self.encoder), [values("x", [6, 6, 3]), labels("y", classes: 3)], capacity: 3,
      reading: reading)
  }

  @Test func trainingHasTheSameBits() throws {
    let fused = try bench([])
    let apart = try bench(Self.read)
    #expect(fused.train() == apart.train())
    #expect(fused.gradientValues == apart.gradientValues)
    #expect(fused.gradientValues.contains { $0 != 0 })
    #expect(fused.output() == apart.output())
    // The gradient of the stem passes everything.
    #expect(fused.gradientValues.prefix(17).allSatisfy { $0 != 0 })
  }

  @Test func evaluationHasTheSameBits() throws {
    let fused = try bench([])
    let apart = try bench(Self.read)
    fused.evaluate()
    apart.evaluate()
    #expect(fused.output() == apart.output())
  }

  /// Whatever is read in between, alone.
  @Test(arguments: read) func oneReaderChangesNoBits(path: String) throws {
    let plain = try bench([])
    let read = try bench([path])
    plain.train()
    read.train()
    #expect(plain.gradientValues == read.gradientValues)
  }

  /// NaN is not hidden by a relu in the same sweep.
  @Test func nanPasses() throws {
    let fused = try bench([])
    fused.microbatch.floats(0)[5] = .nan
    #expect(fused.train().isNaN)
  }
}
