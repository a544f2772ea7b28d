import Foundation
import Models
import Parameters
import Tensors
import Testing

/// Forward and backward against recorded values of PyTorch.
///
/// The bound, for each number: 1e-4 of itself or of its array's root mean square, whichever is
/// larger, plus 1e-6 for gradients that are zero but for rounding.
@Suite struct GoldenTests {
  @Test(arguments: GoldenNetwork.all.map(\.name), [1, 3])
  func agreesWithPyTorch(_ name: String, spare: Int) throws {
    let network = try #require(GoldenNetwork.all.first { $0.name == name })
    let golden = try Golden.read(name)
    let bench = try Bench(
      network.configuration, network.fields, capacity: golden.samples + spare - 1,
      count: golden.samples)
    try golden.load(into: bench)

    bench.evaluate()
    try compare(bench, golden.evaluation, name)
    bench.gradients.values.all.update(repeating: .nan)
    bench.train()
    try compare(bench, golden.training, name)
    #expect(Golden.isClose(bench.normalizers, golden.normalizers), "normalizers of \(name)")
    let gradients = try #require(golden.training.gradients)
    for slot in bench.model.layout.slots {
      let expected = try #require(gradients[slot.name])
      let found = bench.gradientValues[slot.range].map(Double.init)
      #expect(Golden.isClose(found, expected), "gradient of \(slot.name)")
    }
  }

  private func compare(_ bench: Bench, _ expected: Golden.Pass, _ name: String) throws {
    for (index, head) in bench.model.heads.enumerated() {
      let outputs = try #require(expected.outputs[head.name])
      #expect(
        Golden.isClose(bench.output(index).map(Double.init), outputs),
        "outputs of \(name) \(head.name)")
      #expect(
        Golden.isClose([bench.model.losses[index]], [expected.losses[index]]),
        "loss of \(name) \(head.name)")
    }
  }

}

/// One recorded file.
struct Golden: Decodable {
  let samples: Int
  let fields: [String: [Double]]
  let parameters: [String: Slot]
  let normalizers: [Double]
  let training, evaluation: Pass

  struct Slot: Decodable {
    let shape: [Int]
    let values: [Double]
  }

  struct Pass: Decodable {
    let outputs: [String: [Double]]
    let losses: [Double]
    let gradients: [String: [Double]]?
  }

  /// The file of `name` in `Golden/`.
  static func read(_ name: String) throws -> Golden {
    let file = URL(filePath: #filePath).deletingLastPathComponent()
      .appending(path: "Golden/\(name).json")
    return try JSONDecoder().decode(Golden.self, from: Data(contentsOf: file))
  }

  /// Gives a bench the recorded parameters and samples.
  func load(into bench: Bench) throws {
    #expect(parameters.count == bench.model.layout.slots.count)
    for slot in bench.model.layout.slots {
      let recorded = try #require(parameters[slot.name], "\(slot.name) is not recorded")
      #expect(recorded.shape == slot.shape, "shape of \(slot.name)")
      for (index, value) in recorded.values.enumerated() {
        bench.store[slot][index] = Float(value)
      }
    }
    for (index, field) in bench.microbatch.fields.enumerated() {
      let recorded = try #require(fields[field.name])
      #expect(recorded.count == samples * field.scalarsPerSample)
      for (place, value) in recorded.enumerated() {
        switch field.element {
        case .float: bench.microbatch.floats(index)[place] = Float(value)
        case .integer: bench.microbatch.integers(index)[place] = Int64(value)
        }
      }
    }
    bench.normalizers = bench.model.heads.indices.map {
      bench.model.normalizerContribution(head: $0, bench.microbatch)
    }
  }

  /// Whether each number is as recorded, up to `bound` of itself or of its array's root mean square.
  static func isClose(_ found: [Double], _ expected: [Double], bound: Double = 1e-4) -> Bool {
    guard found.count == expected.count, !found.isEmpty else { return false }
    let square = expected.reduce(0) { $0 + $1 * $1 } / Double(expected.count)
    return zip(found, expected).allSatisfy { found, expected in
      abs(found - expected) <= bound * max(abs(expected), square.squareRoot()) + 1e-6
    }
  }
}
