import Tensors

/// How the samples of a training pass are mixed in pairs: drawn once, read by encoders and losses.
///
/// A pass outside of training mixes nothing.
final class Mixing {
  private let alpha: Double
  /// λ of each sample.
  private let shares: Region
  private let partners: Region
  private let path = pathHash("mixup")

  /// A mixture with Beta(α, α), whose draws lie in these regions: a float and an Int64 for each sample.
  init(alpha: Double, shares: Region, partners: Region) {
    self.alpha = alpha
    self.shares = shares
    self.partners = partners
  }

  /// Draws shares and partners of a training pass.
  func draw(_ pass: Pass) {
    Kernels.drawMixture(
      samples: pass.samples, alpha: alpha,
      random: PassRandom(
        seed: pass.seed, path: path, step: pass.step, sampleNumbers: pass.sampleNumbers),
      shares: pass.floats(shares),
      partners: (pass.memory + partners.offset).assumingMemoryBound(to: Int64.self))
  }

  /// λ of a sample.
  func share(_ pass: Pass, of sample: Int) -> Float { pass.floats(shares)[sample] }

  /// The sample that another one is mixed with.
  func partner(_ pass: Pass, of sample: Int) -> Int {
    Int(pass.integers(.region(partners))[sample])
  }

  /// Mixes the numbers of all samples of a training pass; copies them otherwise.
  func mix(
    _ pass: Pass, count: Int, from x: UnsafePointer<Float>, to y: UnsafeMutablePointer<Float>
  ) {
    guard pass.training else {
      Kernels.copy(count: pass.samples * count, source: x, destination: y)
      return
    }
    Kernels.mix(
      samples: pass.samples, count: count, shares: pass.floats(shares),
      partners: pass.integers(.region(partners)), x: x, y: y)
  }
}

/// The numbers of one modality, mixed before anything else is done with them.
struct MixingStage {
  /// What is drawn.
  let mixing: Mixing
  /// The field.
  let input: Value
  /// Its mixture.
  let output: Value

  /// Mixes one microbatch.
  func forward(_ pass: Pass) {
    mixing.mix(
      pass, count: output.unitCount, from: pass.floats(input.place), to: pass.floats(output.place))
  }
}
