import Glibc

extension LinearPrediction {
  /// The errors of prediction, e_n = x_n − Σ_k a_k x_{n−k}: a sound as long as the given one.
  ///
  /// Value n belongs to frame ⌊n / H⌋, or to the last one; before the first value there is silence. A sound too
  /// short for a frame is its own error.
  ///
  /// - Parameters:
  ///   - samples: n.
  ///   - offsets: n + 1 first values.
  ///   - values: all values.
  ///   - output: the errors; not `values`.
  ///   - scratch: ``scratchCount`` Float64.
  public func residual(
    samples: Int, offsets: UnsafePointer<Int>, values: ConstantFloats, output: Floats,
    scratch: UnsafeMutablePointer<Double>
  ) {
    forEachStretch(samples, offsets, values, scratch) { start, stretch, solution in
      for place in stretch {
        let predicted = predict(solution, values + start, place - start)
        output[place] = Float(Double(values[place]) - predicted)
      }
    }
  }

  /// A sound out of errors and the coefficients of its frames, which ``residual(samples:offsets:values:output:scratch:)``
  /// undoes up to rounding.
  ///
  /// - Parameters:
  ///   - count: values of the one sound.
  ///   - frames: rows of coefficients; 0 gives the errors back.
  ///   - coefficients: `[frames, width]` with a_1 … a_p first, `width` numbers a row.
  ///   - width: at least p.
  ///   - residual: the errors.
  ///   - output: the sound; not `residual`.
  public func synthesize(
    count: Int, frames: Int, coefficients: ConstantFloats, width: Int, residual: ConstantFloats,
    output: Floats
  ) {
    for place in 0..<count {
      var sum = Double(residual[place])
      if frames > 0 {
        let row = coefficients + min(place / settings.shift, frames - 1) * width
        for lag in 1...settings.order where lag <= place {
          sum += Double(row[lag - 1]) * Double(output[place - lag])
        }
      }
      output[place] = Float(sum)
    }
  }

  /// What a coder of so many bits an error leaves of sounds.
  ///
  /// The error between each value and its prediction *from what was decoded before* is rounded to one of
  /// 2^bits levels around zero, Δ/2, 3Δ/2, …, which reach 4 times the root mean square of the frame's error: so the
  /// decoded sound differs by at most Δ/2 wherever the error is within their reach.
  ///
  /// - Parameters:
  ///   - samples: n.
  ///   - offsets: n + 1 first values.
  ///   - bits: 1 to 16.
  ///   - values: all values.
  ///   - output: the decoded sounds; not `values`.
  ///   - scratch: ``scratchCount`` Float64.
  public func code(
    samples: Int, offsets: UnsafePointer<Int>, bits: Int, values: ConstantFloats, output: Floats,
    scratch: UnsafeMutablePointer<Double>
  ) {
    precondition((1...16).contains(bits), "\(bits) bits an error")
    let half = Double(1 << (bits - 1))
    forEachStretch(samples, offsets, values, scratch) { start, stretch, solution in
      let step = solution.map { LinearPrediction.reach * deviation($0) / half } ?? 0
      for place in stretch {
        // A sound without frames is passed on as it is.
        guard solution != nil else {
          output[place] = values[place]
          continue
        }
        let predicted = predict(solution, ConstantFloats(output + start), place - start)
        let level = step > 0 ? (Double(values[place]) - predicted) / step : 0
        let rounded = min(max(level.rounded(.down), -half), half - 1) + 0.5
        output[place] = Float(predicted + (step > 0 ? rounded * step : 0))
      }
    }
  }

  /// How many times the error's root mean square the levels reach.
  private static var reach: Double { 4 }

  /// The root mean square of the error of a frame, in values as they are given.
  func deviation(_ solution: Solution) -> Double {
    (solution.energy / windowEnergy).squareRoot() / settings.scale
  }

  /// Σ_k a_k x_{n−k} over what there is; 0 without a frame.
  private func predict(_ solution: Solution?, _ values: ConstantFloats, _ place: Int) -> Double {
    guard let solution else { return 0 }
    var sum = 0.0
    for lag in 1...settings.order where lag <= place {
      sum += solution.coefficients[lag - 1] * Double(values[place - lag])
    }
    return sum
  }

  /// Calls `body` with the first value of the sound, the values that belong to a frame, and what was found of
  /// the frame; nil for a sound without one.
  private func forEachStretch(
    _ samples: Int, _ offsets: UnsafePointer<Int>, _ values: ConstantFloats,
    _ scratch: UnsafeMutablePointer<Double>, _ body: (Int, Range<Int>, Solution?) -> Void
  ) {
    for sample in 0..<samples {
      let (start, end) = (offsets[sample], offsets[sample + 1])
      let frames = frames(of: end - start)
      guard frames > 0 else {
        body(start, start..<end, nil)
        continue
      }
      for frame in 0..<frames {
        let first = start + frame * settings.shift
        body(
          start, first..<(frame == frames - 1 ? end : first + settings.shift),
          solve(values + first, scratch))
      }
    }
  }
}
