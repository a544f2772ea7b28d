import Foundation
import Tensors
import TestSupport
import Testing

/// Soft terms of losses against PyTorch's `kl_div`.
@Suite struct SoftLossTests {
  /// `[3, 5]` logits of a student and of a teacher, with one class that the teacher rules out.
  static let student: [Float] = [1.5, -0.25, 0.75, -2, 3, 0.5, 0.1, 0.2, -0.3, 4, -40, 2, 9, 0, 1]
  static let teacher: [Float] = [3, 1, 0, -2, 1, 0.5, 0.6, 0.7, 0.8, 0.9, 12, 2, -300, 0, 1]

  static let script = """
    import json, sys, torch, torch.nn.functional as F
    z, t = [torch.tensor(json.loads(a), dtype=torch.float64).view(3, 5) for a in sys.argv[1:3]]
    T = float(sys.argv[3])
    z.requires_grad_()
    if sys.argv[4] == 'classes':
        p = F.softmax(t / T, 1)
        loss = F.kl_div(F.log_softmax(z / T, 1), p, reduction='sum')
    else:
        p = torch.sigmoid(t / T)
        a, b = F.logsigmoid(z / T), F.logsigmoid(-z / T)
        loss = (F.kl_div(a, p, reduction='none') + F.kl_div(b, 1 - p, reduction='none')).mean(1).sum()
    loss.backward()
    print(json.dumps([[loss.item()], p.flatten().tolist(), z.grad.flatten().tolist()]))
    """

  @Test(
    .enabled(if: Python.has("torch"), "torch is missing"),
    arguments: ["classes", "answers"], [1, 2.5, 20] as [Float])
  func itIsTheDivergenceOfPyTorch(kind: String, temperature: Float) throws {
    let arguments = [Self.student, Self.teacher].map { "\($0)" } + ["\(temperature)", kind]
    let expected = try JSONDecoder().decode(
      [[Double]].self, from: Data(try Python.run(Self.script, arguments).utf8))
    let targets = expected[1].map(Float.init)
    try onEachBuild { build in
      var gradient = [Float](repeating: 2, count: 15)
      var scratch = [Float](repeating: .nan, count: 5)
      let sum =
        kind == "classes"
        ? Kernels.softClasses(
          rows: 3, classes: 5, logits: Self.student, targets: targets, temperature: temperature,
          scale: 0.5, scratch: &scratch, gradient: &gradient)
        : Kernels.softAnswers(
          count: 15, outputsPerRow: 5, logits: Self.student, targets: targets,
          temperature: temperature, scale: 0.5, gradient: &gradient)
      #expect(abs(sum - expected[0][0]) <= 2e-6 * max(1, expected[0][0]), "\(build): \(sum)")
      for (found, wanted) in zip(gradient, expected[2]) {
        // What was there is added to; PyTorch's is with respect to z, ours to z / T.
        #expect(abs(Double(found) - 2 - 0.5 * Double(temperature) * wanted) <= 1e-6, "\(build)")
      }
    }
  }

  @Test func aStudentThatAgreesMissesNothing() throws {
    try onEachBuild { build in
      let targets: [Float] = [0.25, 0.25, 0.25, 0.25, 0, 0, 1, 0]
      let logits: [Float] = [3, 3, 3, 3, -200, -200, 90, -200]
      var gradient = [Float](repeating: 0, count: 8)
      var scratch = [Float](repeating: 0, count: 4)
      let sum = Kernels.softClasses(
        rows: 2, classes: 4, logits: logits, targets: targets, temperature: 2, scale: 1,
        scratch: &scratch, gradient: &gradient)
      #expect(abs(sum) < 1e-12 && gradient.allSatisfy { abs($0) < 1e-7 }, "\(build): \(sum)")
    }
  }
}
