import CKernels
import Glibc

/// Packed sequences: sample n owns rows `offsets[n] ..< offsets[n + 1]` of C channels.
extension Kernels {
  /// The mean over each sequence, `[n, C]`; zero for an empty one.
  public static func meanOverSteps(
    samples: Int, offsets: UnsafePointer<Int>, channels: Int, x: ConstantFloats, y: Floats
  ) {
    for sample in 0..<samples {
      let steps = offsets[sample + 1] - offsets[sample]
      let output = y + sample * channels
      guard steps > 0 else {
        output.update(repeating: 0, count: channels)
        continue
      }
      table.pointee.globalAverageForward(
        1, Int64(steps), Int64(channels), x + offsets[sample] * channels, output)
    }
  }

  /// Spreads `[n, C]` evenly over the steps of each sequence.
  public static func meanOverStepsBackward(
    samples: Int, offsets: UnsafePointer<Int>, channels: Int, dy: ConstantFloats, dx: Floats
  ) {
    for sample in 0..<samples where offsets[sample + 1] > offsets[sample] {
      table.pointee.globalAverageBackward(
        1, Int64(offsets[sample + 1] - offsets[sample]), Int64(channels), dy + sample * channels,
        dx + offsets[sample] * channels)
    }
  }

  /// The maximum of each channel over each sequence, `[n, C]`, and its step, the first of equals.
  ///
  /// NaN wins. An empty sequence gives zeros and no winner.
  public static func maxOverSteps(
    samples: Int, offsets: UnsafePointer<Int>, channels: Int, x: ConstantFloats, y: Floats,
    winners: UnsafeMutablePointer<Int32>
  ) {
    for sample in 0..<samples {
      let output = y + sample * channels
      guard var g = window(offsets, sample, channels) else {
        output.update(repeating: 0, count: channels)
        continue
      }
      table.pointee.maxPoolForward(
        &g, 1, x + offsets[sample] * channels, output, winners + sample * channels)
    }
  }

  /// Hands the gradient of each maximum to its step.
  public static func maxOverStepsBackward(
    samples: Int, offsets: UnsafePointer<Int>, channels: Int, dy: ConstantFloats,
    winners: UnsafePointer<Int32>, dx: Floats
  ) {
    for sample in 0..<samples {
      guard var g = window(offsets, sample, channels) else { continue }
      table.pointee.maxPoolBackward(
        &g, 1, dy + sample * channels, winners + sample * channels, dx + offsets[sample] * channels)
    }
  }

  /// The last step of each sequence, `[n, C]`; zero for an empty one.
  public static func lastStep(
    samples: Int, offsets: UnsafePointer<Int>, channels: Int, x: ConstantFloats, y: Floats
  ) {
    oneStep(samples: samples, offsets: offsets, channels: channels, x: x, y: y) {
      offsets[$0 + 1] - 1
    }
  }

  /// The first step of each sequence, `[n, C]`; zero for an empty one.
  public static func firstStep(
    samples: Int, offsets: UnsafePointer<Int>, channels: Int, x: ConstantFloats, y: Floats
  ) {
    oneStep(samples: samples, offsets: offsets, channels: channels, x: x, y: y) { offsets[$0] }
  }

  /// The last step gets the gradient, all others zero.
  public static func lastStepBackward(
    samples: Int, offsets: UnsafePointer<Int>, channels: Int, dy: ConstantFloats, dx: Floats
  ) {
    oneStepBackward(samples: samples, offsets: offsets, channels: channels, dy: dy, dx: dx) {
      offsets[$0 + 1] - 1
    }
  }

  /// The first step gets the gradient, all others zero.
  public static func firstStepBackward(
    samples: Int, offsets: UnsafePointer<Int>, channels: Int, dy: ConstantFloats, dx: Floats
  ) {
    oneStepBackward(samples: samples, offsets: offsets, channels: channels, dy: dy, dx: dx) {
      offsets[$0]
    }
  }

  /// The row `place(sample)` of each sequence that is not empty.
  @inline(__always)
  private static func oneStep(
    samples: Int, offsets: UnsafePointer<Int>, channels: Int, x: ConstantFloats, y: Floats,
    place: (Int) -> Int
  ) {
    for sample in 0..<samples {
      let output = y + sample * channels
      if offsets[sample + 1] > offsets[sample] {
        output.update(from: x + place(sample) * channels, count: channels)
      } else {
        output.update(repeating: 0, count: channels)
      }
    }
  }

  @inline(__always)
  private static func oneStepBackward(
    samples: Int, offsets: UnsafePointer<Int>, channels: Int, dy: ConstantFloats, dx: Floats,
    place: (Int) -> Int
  ) {
    dx.update(repeating: 0, count: offsets[samples] * channels)
    for sample in 0..<samples where offsets[sample + 1] > offsets[sample] {
      (dx + place(sample) * channels).update(from: dy + sample * channels, count: channels)
    }
  }

  /// `y = Σ_t p_t x_t` with `p = softmax_t(query · x_t)` over each sequence; zero for an empty one.
  ///
  /// The dot form of attention with one learned query (Luong et al. 2015, "dot"; a linear layer and a
  /// tanh before it give the additive form). Keeps p, one float a row.
  public static func attentionPoolForward(
    samples: Int, offsets: UnsafePointer<Int>, channels: Int, x: ConstantFloats,
    query: ConstantFloats, probabilities: Floats, y: Floats
  ) {
    split(samples, work: 2 * offsets[samples] * channels) { range in
      table.pointee.attentionPoolForward(
        Int64(range.count), offsets + range.lowerBound, Int64(channels), x, query, probabilities,
        y + range.lowerBound * channels)
    }
  }

  /// The gradients of ``attentionPoolForward(samples:offsets:channels:x:query:probabilities:y:)``.
  ///
  /// - Parameters:
  ///   - samples: n.
  ///   - offsets: n + 1 first rows.
  ///   - channels: C.
  ///   - x: `[rows, C]`.
  ///   - query: `[C]`.
  ///   - probabilities: kept by the forward pass.
  ///   - dy: `[n, C]`.
  ///   - scratch: room for one float a row.
  ///   - dx: `[rows, C]`.
  ///   - dQuery: `[C]`, summed over all rows.
  public static func attentionPoolBackward(
    samples: Int, offsets: UnsafePointer<Int>, channels: Int, x: ConstantFloats,
    query: ConstantFloats, probabilities: ConstantFloats, dy: ConstantFloats, scratch: Floats,
    dx: Floats, dQuery: Floats
  ) {
    table.pointee.attentionPoolBackward(
      Int64(samples), offsets, Int64(channels), x, query, probabilities, dy, scratch, dx, dQuery)
  }

  /// `y = x + positions[t]` at step t of each sequence; no sequence is longer than the table.
  public static func addPositions(
    samples: Int, offsets: UnsafePointer<Int>, channels: Int, x: ConstantFloats,
    positions: ConstantFloats, y: Floats
  ) {
    split(samples, work: 3 * offsets[samples] * channels) { range in
      for sample in range {
        let first = offsets[sample] * channels
        table.pointee.add(
          Int64(offsets[sample + 1] * channels - first), x + first, positions, y + first)
      }
    }
  }

  /// `dPositions[t] = Σ dy` over the steps t of all sequences, in their order; `[length, C]`.
  public static func addPositionsBackward(
    samples: Int, offsets: UnsafePointer<Int>, channels: Int, length: Int, dy: ConstantFloats,
    dPositions: Floats
  ) {
    dPositions.update(repeating: 0, count: length * channels)
    for sample in 0..<samples {
      let first = offsets[sample] * channels
      table.pointee.addInto(
        Int64(offsets[sample + 1] * channels - first), dy + first, dPositions)
    }
  }

  /// Sinusoidal positions, `[length, C]` (Vaswani and others 2017, section 3.5).
  ///
  /// `sin(t / 10000^(2i / C))` in channel 2i and the cosine of it in channel 2i + 1.
  public static func sinusoidalPositions(length: Int, channels: Int, output: Floats) {
    for t in 0..<length {
      for c in 0..<channels {
        let rate = Glibc.pow(10_000, -Double(c / 2 * 2) / Double(channels))
        let angle = Double(t) * rate
        output[t * channels + c] = Float(c % 2 == 0 ? Glibc.sin(angle) : Glibc.cos(angle))
      }
    }
  }

  /// Drops whole steps at `rate` and divides the others by `1 - rate`; in place is allowed.
  ///
  /// Step t of a sample is element t of ``dropout(samples:width:rate:seed:path:step:sampleNumbers:input:output:)``.
  /// The gradient is the same operation on gradients.
  public static func dropSteps(
    samples: Int, offsets: UnsafePointer<Int>, channels: Int, rate: Float, random: PassRandom,
    input: ConstantFloats, output: Floats
  ) {
    split(samples, work: 3 * offsets[samples] * channels) { range in
      table.pointee.dropoutSteps(
        Int64(range.count), offsets + range.lowerBound, Int64(channels), rate, random.seed,
        RandomPurpose.dropout.rawValue, random.path, UInt32(truncatingIfNeeded: random.step),
        random.sampleNumbers + range.lowerBound, input, output)
    }
  }

  /// A window over a whole sequence, nil for an empty one.
  private static func window(
    _ offsets: UnsafePointer<Int>, _ sample: Int, _ channels: Int
  ) -> CKernels_Pool? {
    let steps = offsets[sample + 1] - offsets[sample]
    guard steps > 0 else { return nil }
    return PoolGeometry(
      height: 1, width: steps, channels: channels, size: [1, steps], stride: [1, 1],
      padding: [0, 0]
    ).native
  }
}
