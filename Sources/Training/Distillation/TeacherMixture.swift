import Configuration
import Tensors

/// Adds up what several teachers say about a head, one after the other.
struct TeacherMixture {
  private let pair: DistillationSetUp.Pair
  private let settings: DistillationConfiguration
  private let teachers: Int
  /// Σ over the teachers so far, in Float64 and in their order.
  private var sums: [Double] = []

  /// A mixture of so many teachers for a head.
  init(_ pair: DistillationSetUp.Pair, _ settings: DistillationConfiguration, teachers: Int) {
    self.pair = pair
    self.settings = settings
    self.teachers = teachers
  }

  /// Takes the outputs of the next teacher, `[S, width]`.
  mutating func add(_ outputs: [Float]) {
    let said = settings.combine == .probabilities ? probabilities(outputs) : outputs
    guard !sums.isEmpty else { return sums = said.map(Double.init) }
    for index in sums.indices { sums[index] += Double(said[index]) }
  }

  /// What all teachers say together: probabilities at T, or values.
  var targets: [Float] {
    let means = sums.map { Float($0 / Double(teachers)) }
    return settings.combine == .probabilities ? means : probabilities(means)
  }

  /// The probabilities at T that logits come to; values stay as they are.
  private func probabilities(_ logits: [Float]) -> [Float] {
    let temperature = Float(settings.temperature)
    switch pair.loss {
    case .crossEntropy:
      let soft = logits.map { $0 / temperature }
      var result = [Float](repeating: 0, count: logits.count)
      let classes = pair.width / pair.rows
      result.withUnsafeMutableBufferPointer { buffer in
        guard let base = buffer.baseAddress else { return }
        Kernels.softmax(
          samples: logits.count / classes, classes: classes, logits: soft, probabilities: base)
      }
      return result
    case .binaryCrossEntropy:
      let soft = logits.map { $0 / temperature }
      var result = [Float](repeating: 0, count: logits.count)
      result.withUnsafeMutableBufferPointer { buffer in
        guard let base = buffer.baseAddress else { return }
        Kernels.activate(.sigmoid, count: buffer.count, input: soft, output: base)
      }
      return result
    case .meanSquaredError, .huber, .ctc, .bpr: return logits
    }
  }
}
