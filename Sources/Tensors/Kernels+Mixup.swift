import Glibc

extension SampleDraws {
  /// The logarithm of a number of the gamma distribution with this shape and scale 1.
  ///
  /// Marsaglia and Tsang 2000 for the shape + 1, then their step back: in logarithms, because numbers of
  /// small shapes lie below the smallest Float64.
  fileprivate mutating func logGamma(shape: Double) -> Double {
    let d = shape + 2.0 / 3
    let c = 1 / (9 * d).squareRoot()
    while true {
      let x = normal()
      let v = 1 + c * x
      guard v > 0 else { continue }
      let cube = v * v * v
      if log(open()) < 0.5 * x * x + d * (1 - cube + log(cube)) {
        return log(d * cube) + log(open()) / shape
      }
    }
  }

  /// A number above 0 and below 1.
  private mutating func open() -> Double { Double(uniform()) + 0x1p-25 }

  private mutating func normal() -> Double {
    let radius = (-2 * log(open())).squareRoot()
    return radius * cos(2 * Double.pi * Double(uniform()))
  }
}

/// Samples that are mixed with others of their microbatch (mixup; Zhang, Cisse, Dauphin and Lopez-Paz 2018).
extension Kernels {
  /// Draws for each sample its share λ of the mixture from Beta(α, α), and its partner.
  ///
  /// The partner of sample s of n is sample (s + r) mod n, with one r in `1 ..< n` for the microbatch, keyed
  /// by its first sample; λ is keyed by the sample. A sample alone is its own partner.
  ///
  /// - Parameters:
  ///   - samples: n, at least 1.
  ///   - alpha: α, above 0.
  ///   - random: the key.
  ///   - shares: n numbers in 0 ... 1, written.
  ///   - partners: n sample indices, written.
  public static func drawMixture(
    samples: Int, alpha: Double, random: PassRandom, shares: Floats,
    partners: UnsafeMutablePointer<Int64>
  ) {
    var shift = 0
    for sample in 0..<samples {
      var draws = random.draws(ofSample: sample)
      let word = draws.integer(below: max(1, samples - 1))
      if sample == 0 { shift = 1 + word }
      let (own, other) = (draws.logGamma(shape: alpha), draws.logGamma(shape: alpha))
      shares[sample] = Float(1 / (1 + exp(other - own)))
      partners[sample] = Int64((sample + shift) % samples)
    }
  }

  /// `y = λ x + (1 - λ) x'`, where x' is the partner's x.
  ///
  /// - Parameters:
  ///   - samples: n.
  ///   - count: numbers of a sample.
  ///   - shares: λ of each sample.
  ///   - partners: the partner of each sample.
  ///   - x: `[n, count]`.
  ///   - y: `[n, count]`, elsewhere.
  public static func mix(
    samples: Int, count: Int, shares: ConstantFloats, partners: UnsafePointer<Int64>,
    x: ConstantFloats, y: Floats
  ) {
    for sample in 0..<samples {
      let share = shares[sample]
      let (own, other) = (x + sample * count, x + Int(partners[sample]) * count)
      let target = y + sample * count
      for index in 0..<count { target[index] = share * own[index] + (1 - share) * other[index] }
    }
  }
}
