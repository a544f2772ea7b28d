import Configuration
import Models
import Tensors
import Testing

/// A convolution applies the relu behind it itself, unless somebody reads what lies between.
@Suite struct ReluTests {
  private static let fields = [values("x", [7, 6, 2]), labels("y", classes: 3)]
  private static let encoders: [[LayerConfiguration]] = [
    [conv(5, 3, padding: 1), relu, .maxPool(window(2))],
    [conv(20, 3, stride: 2, bias: false), relu],
    [conv(3, 1), relu, conv(4, 3, padding: 1), relu],
    [
      conv(4, 3, padding: 1), relu,
      .residual(layers: [conv(4, 3, padding: 1), relu], shortcut: []),
    ],
  ]

  private static func bench(_ encoder: Int, apart: Bool) throws -> Bench {
    try Bench(
      network(encoders[encoder]), fields, capacity: 4, count: 3,
      reading: apart ? ["modalities.x.0"] : [])
  }

  @Test(arguments: encoders.indices)
  func togetherGivesTheBitsOfApart(_ encoder: Int) throws {
    let together = try Self.bench(encoder, apart: false)
    let apart = try Self.bench(encoder, apart: true)
    #expect(together.train() == apart.train())
    let isSame = together.gradientValues == apart.gradientValues
    #expect(isSame)
    together.evaluate()
    apart.evaluate()
    #expect(together.output() == apart.output())
  }

  @Test func whoWatchesSeesTheOutputBeforeTheRelu() throws {
    let together = try Self.bench(0, apart: false)
    let apart = try Self.bench(0, apart: true)
    together.evaluate()
    let unwatched = together.output()
    var seen: [Float] = []
    together.model.watchOutputs { layer, values, count in
      if layer == 0 { seen = Array(UnsafeBufferPointer(start: values, count: count)) }
    }
    together.evaluate()
    together.model.watchOutputs(nil)
    apart.evaluate()
    #expect(seen == Array(apart.model.output(ofReadLayer: 0, samples: 3)))
    #expect(seen.contains { $0 < 0 })
    #expect(together.output() == unwatched)
  }
}
