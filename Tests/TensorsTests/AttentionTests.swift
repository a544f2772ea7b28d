import Foundation
import Tensors
import TestSupport
import Testing

@Suite("Attention")
struct AttentionTests {
  nonisolated(unsafe) static let benches: [AttentionBench] = [
    AttentionBench(heads: 1, size: 1, causal: false, queries: [1], keys: [1]),
    AttentionBench(heads: 2, size: 3, causal: false, queries: [4, 0, 7, 1], keys: [4, 0, 7, 1]),
    AttentionBench(heads: 2, size: 3, causal: true, queries: [4, 0, 7, 1], keys: [4, 0, 7, 1]),
    AttentionBench(heads: 3, size: 8, causal: false, queries: [5, 3, 0, 2], keys: [20, 0, 4, 33]),
    AttentionBench(heads: 2, size: 16, causal: true, queries: [64, 65, 150], keys: [64, 65, 150]),
    AttentionBench(heads: 1, size: 5, causal: false, queries: [130, 2], keys: [67, 200]),
    // More keys than queries, and fewer: step i sees steps 0 ... i.
    AttentionBench(heads: 2, size: 4, causal: true, queries: [3, 90, 0], keys: [9, 20, 5]),
    AttentionBench(heads: 2, size: 4, causal: false, queries: [9, 70], keys: [9, 70], rate: 0.3),
    AttentionBench(heads: 2, size: 4, causal: true, queries: [70, 9], keys: [70, 9], rate: 0.5),
  ]

  /// The largest difference over the largest value.
  private func difference(_ found: [Float], _ expected: [Float]) -> Float {
    guard found.count == expected.count else { return .infinity }
    let most = expected.reduce(1e-6) { max($0, abs($1)) }
    return zip(found, expected).reduce(0) { worst, pair in
      let distance = abs(pair.0 - pair.1) / most
      return distance.isNaN ? .infinity : max(worst, distance)
    }
  }

  private func compare(
    _ found: AttentionBench.Results, _ expected: AttentionBench.Results, bound: Float,
    _ note: Comment
  ) {
    #expect(difference(found.output, expected.output) <= bound, note)
    #expect(difference(found.queries, expected.queries) <= bound, note)
    #expect(difference(found.keys, expected.keys) <= bound, note)
    #expect(difference(found.values, expected.values) <= bound, note)
  }

  @Test("Outputs and gradients equal the reference in every build", arguments: benches.indices)
  func reference(index: Int) throws {
    let bench = Self.benches[index]
    let expected = bench.reference()
    try onEachBuild { build in
      compare(bench.run(), expected, bound: 4e-6, "\(build), case \(index)")
    }
  }

  @Test("In bfloat16 they are within its rounding, and the same bits in every form of a build")
  func rounded() throws {
    let bench = AttentionBench(
      heads: 2, size: 16, causal: true, queries: [64, 65, 150], keys: [64, 65, 150],
      precision: .bfloat16)
    // Scores reach 40 here, of which 2⁻⁸ moves a probability by a sixth.
    let expected = bench.reference()
    for build in Kernels.supportedBuilds {
      let found = try Kernels.with(build: build) { bench.run() }
      compare(found, expected, bound: 0.15, "\(build)")
      #expect(difference(found.output, expected.output) > 1e-4, "\(build) rounds nothing")
      let other = try Kernels.with(build: build, dots: false) { bench.run() }
      #expect(found.output == other.output && found.queries == other.queries, "\(build)")
      #expect(found.keys == other.keys && found.values == other.values, "\(build)")
    }
  }

  @Test("Neither large scores nor neighbours disturb a sample")
  func stable() {
    let bench = AttentionBench(heads: 1, size: 4, causal: false, queries: [6], keys: [6])
    for index in 0..<bench.queries.count { bench.queries.base[index] *= 1e4 }
    compare(bench.run(), bench.reference(), bound: 1e-3, "scores of thousands")
    let output = bench.run().output
    #expect(output.allSatisfy { $0.isFinite })
  }

  @Test("A NaN in one sample stays there")
  func notANumber() {
    let bench = AttentionBench(heads: 1, size: 2, causal: false, queries: [2, 2], keys: [2, 2])
    bench.keys.base[0] = .nan
    let output = bench.run().output
    #expect(output[..<4].allSatisfy { $0.isNaN })
    #expect(output[4...].allSatisfy { $0.isFinite })
  }

  @Test(
    "Outputs and gradients equal PyTorch's scaled_dot_product_attention",
    .enabled(if: Python.has("torch", "numpy"), "torch is missing"))
  func torch() throws {
    let folder = try TemporaryFolder()
    let benches = Self.benches.filter { $0.rate == 0 }
    let lengths = { (list: [Int]) in list.map(String.init).joined(separator: ",") }
    var arguments: [String] = []
    for (index, bench) in benches.enumerated() {
      let all = [bench.queries, bench.keys, bench.values, bench.dy].flatMap(\.array)
      let file = folder.file("\(index)")
      try all.withUnsafeBytes { Data($0) }.write(to: URL(filePath: file))
      arguments += [
        file, "\(bench.g.heads)", "\(bench.g.size)", bench.g.isCausal ? "1" : "",
        lengths(bench.queryLengths), lengths(bench.keyLengths),
      ]
    }
    _ = try Python.run(Self.script, arguments)
    for (index, bench) in benches.enumerated() {
      let data = try Data(contentsOf: URL(filePath: folder.file("\(index).out")))
      let found = data.withUnsafeBytes { Array($0.bindMemory(to: Float.self)) }
      let (q, k) = (bench.queries.count, bench.keys.count)
      try #require(found.count == 2 * q + 2 * k)
      let expected = AttentionBench.Results(
        output: Array(found[..<q]), queries: Array(found[q..<2 * q]),
        keys: Array(found[2 * q..<2 * q + k]), values: Array(found[(2 * q + k)...]))
      compare(bench.run(), expected, bound: 1e-4, "case \(index)")
    }
  }

  private static let script = """
    import sys, numpy as np, torch
    cut = lambda x, lengths, heads, size: [
      y.reshape(-1, heads, size).transpose(0, 1) for y in torch.split(x, lengths)]

    def run(path, heads, size, causal, A, B):
      data = torch.from_numpy(np.fromfile(path, np.float32).reshape(-1, heads * size))
      q, k, v, dy = torch.split(data, [sum(A), sum(B), sum(B), sum(A)])
      q, k, v = [x.clone().requires_grad_() for x in (q, k, v)]
      out = []
      for a, b, c in zip(*[cut(x, l, heads, size) for x, l in ((q, A), (k, B), (v, B))]):
        if a.shape[1] and b.shape[1]:
          y = torch.nn.functional.scaled_dot_product_attention(
            a[None], b[None], c[None], is_causal=causal)[0]
        else:
          y = 0 * a + 0 * b.sum() + 0 * c.sum()
        out.append(y.transpose(0, 1).reshape(-1, heads * size))
      out = torch.cat(out)
      (out * dy).sum().backward()
      np.concatenate([x.detach().numpy().ravel() for x in (out, q.grad, k.grad, v.grad)]).tofile(
        path + ".out")

    for i in range(1, len(sys.argv), 6):
      path, heads, size, causal, A, B = sys.argv[i:i + 6]
      A, B = [[int(x) for x in y.split(",")] for y in (A, B)]
      run(path, int(heads), int(size), bool(causal), A, B)
    """
}
