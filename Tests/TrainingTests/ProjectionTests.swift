import Foundation
import TestSupport
import Testing
import Training

/// What constraints make of weights, against NumPy.
@Suite struct ProjectionTests {
  /// 6 outputs of 4 weights, with ties, both zeros and a row that is small.
  static let weights: [Float] = [
    1.5, -2, 0.25, 0, -0.25, 3, -1, 1, 0.1, -0.1, 0.05, -0.05, 2, 2, -2, -2, 0, 0, 0, 0, -0.5, 0.5,
    4, -4,
  ]

  static let script = """
    import json, sys, numpy as np
    w = np.array(json.loads(sys.argv[1]), dtype='f4').astype('f8')
    rows = w.reshape(6, 4) if sys.argv[2] == '1' else w.reshape(4, 6).T
    norms = np.sqrt((rows ** 2).sum(1, keepdims=True))
    safe = np.where(norms > 0, norms, 1)
    def back(r): return (r if sys.argv[2] == '1' else r.T).ravel()
    order = np.lexsort((np.arange(24), -abs(w)))
    kept = w.copy(); kept[order[7:]] = 0
    out = {
      'box': np.clip(w, -0.75, 0.75),
      'l1': np.sign(w) * np.maximum(abs(w) - np.float64(np.float32(0.3)), 0),
      'maxNorm': back(rows * np.minimum(1, 2.5 / safe)),
      'group': back(rows * np.maximum(0, 1 - 0.25 * 2 / safe)),
      'topK': kept,
      'quantiles': np.array([np.sort(abs(w))[int(np.ceil(q * 24)) - 1] for q in (0.01, 0.5, 0.9, 1)]),
      'norm': norms.max(keepdims=True).ravel(),
    }
    print(json.dumps({k: v.tolist() for k, v in out.items()}))
    """

  @Test(.enabled(if: Python.has("numpy"), "NumPy is missing"), arguments: [true, false])
  func theyAreThoseOfNumPy(isContiguous: Bool) throws {
    let groups = WeightGroups(count: 6, size: 4, isContiguous: isContiguous)
    let text = try Python.run(Self.script, ["\(Self.weights)", isContiguous ? "1" : "0"])
    let expected = try JSONDecoder().decode([String: [Double]].self, from: Data(text.utf8))
    func expect(_ name: String, _ change: (UnsafeMutableBufferPointer<Float>) -> Void) throws {
      var weights = Self.weights
      weights.withUnsafeMutableBufferPointer { change($0) }
      for (found, wanted) in zip(weights, try #require(expected[name])) {
        #expect(abs(Double(found) - wanted) <= 3e-7, "\(name): \(weights)")
        if found == 0 { #expect(found.sign == .plus, "\(name)") }
      }
    }
    try expect("box") { Projection.box($0, 0.75) }
    try expect("l1") { Projection.shrink($0, by: 0.3) }
    try expect("topK") { Projection.keepLargest($0, 7) }
    for some in [[0..<6], [0..<1, 1..<5, 5..<6]] {
      try expect("maxNorm") { weights in
        guard let base = weights.baseAddress else { return }
        for part in some { Projection.limitNorms(base, groups, part, to: 2.5) }
      }
      try expect("group") { weights in
        guard let base = weights.baseAddress else { return }
        for part in some { Projection.shrinkGroups(base, groups, part, by: 0.25) }
      }
    }
    Self.weights.withUnsafeBufferPointer { weights in
      let found = [0.01, 0.5, 0.9, 1].map { Double(Projection.quantile(weights, $0)) }
      #expect(found == expected["quantiles"])
      let norm = Projection.largestNorm(weights, groups)
      #expect(abs(norm - (expected["norm"]?.first ?? 0)) < 1e-12)
    }
  }

  @Test func whatIsNotFiniteStaysSo() {
    var weights: [Float] = [.nan, 1, -2, .infinity]
    weights.withUnsafeMutableBufferPointer { Projection.shrink($0, by: 0.5) }
    #expect(weights[0].isNaN && weights[1] == 0.5 && weights[2] == -1.5 && weights[3] == .infinity)
    weights.withUnsafeMutableBufferPointer { Projection.box($0, 1) }
    #expect(weights[0].isNaN && weights[2] == -1)
  }
}
