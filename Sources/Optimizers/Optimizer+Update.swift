import Configuration
import Glibc
import Parameters
import Tensors

/// The constants of Adam's family at one step, as the kernels take them.
struct Moments {
  let beta1: Float
  let beta2: Float
  let epsilon: Float
  /// `1 − β₁ᵗ`.
  let correction1: Float
  /// `1 − β₂ᵗ`.
  let correction2: Float

  /// Those of a rule at step t, counted from 1; without any, what no rule looks at.
  init(_ rule: OptimizerConfiguration.Rule, step: Int) {
    var (first, second, least) = (0.0, 0.0, 0.0)
    switch rule {
    case .adam(let beta1, let beta2, let epsilon), .adamW(let beta1, let beta2, let epsilon),
      .lamb(let beta1, let beta2, let epsilon):
      (first, second, least) = (beta1, beta2, epsilon)
    case .sgd, .lars: break
    }
    (beta1, beta2, epsilon) = (Float(first), Float(second), Float(least))
    correction1 = Self.correction(beta1, step)
    correction2 = Self.correction(beta2, step)
  }

  /// `1 − βᵗ` for the Float32 β that the loop decays by; 0.999 and Float(0.999) differ enough to
  /// leave an error of 6e-6 in every early step.
  private static func correction(_ beta: Float, _ step: Int) -> Float {
    Float(1 - pow(Double(beta), Double(step)))
  }
}

/// Where the state of a piece lies; a rule looks only at what it has.
struct PieceState {
  let first, second: UnsafeMutablePointer<Float>
}

extension Optimizer {
  /// Moves an owned block: weights, state, running statistics and the moving average.
  ///
  /// Statistic slots follow `running ← (1 − m) running + m · sum / (samples · rowsPerSample)`;
  /// frozen slots are untouched.
  ///
  /// - Parameters:
  ///   - block: the reduced gradient, or what `prepare` made of it.
  ///   - parameters: all weights, in canonical order.
  ///   - gradientScale: the clip factor, 1 without clipping.
  ///   - learningRateFactor: the schedule's factor of this step.
  ///   - samples: samples of this step over all ranks.
  ///   - sums: receives what `measureGradient` writes, from the same sweep; nil: not
  ///     wanted. Not for rules that need norms of tensors.
  public func update(
    _ block: GlobalGradients.Block, parameters: UnsafeMutablePointer<Float>, gradientScale: Float,
    learningRateFactor: Double, samples: Int, measuring sums: UnsafeMutablePointer<Double>? = nil
  ) {
    precondition(blocks.contains(block.index), "block \(block.index) is not owned: \(blocks.runs)")
    precondition(samples > 0, "a step has at least one sample")
    precondition(sums == nil || !needsTensorNorms, "norms of tensors are measured before")
    if stepsTaken == 0 { startAverage(block, parameters: parameters) }
    let range = pieces.range(ofBlock: block.index)
    for index in range {
      let piece = pieces[index]
      guard !piece.isSharded else { continue }
      let weight = parameters + piece.start
      let sum = sums.map { $0 + (index - range.lowerBound) }
      if piece.action != .move || piece.table != nil { sum?.pointee = measure(piece, block) }
      switch piece.action {
      case .move:
        let values = block.values - block.range.lowerBound
        forEachMoved(piece) { part in
          let squares = move(
            part, parameters + part.start, by: values + part.start, gradientScale,
            learningRate: piece.learningRate * learningRateFactor)
          if piece.table == nil { sum?.pointee = squares }
        }
        if !averagesAreMovedLater { moveAverage(piece, weight: weight) }
      case .follow:
        follow(
          piece, running: weight, sums: block.values + (piece.start - block.range.lowerBound),
          samples: samples)
      case .leave:
        break
      }
    }
  }

  /// Visits what a step moves of a piece: all of it, of a lazy table the runs of rows it touches.
  @inline(__always)
  func forEachMoved(_ piece: Piece, _ body: (_ part: Piece) -> Void) {
    guard let table = piece.table else { return body(piece) }
    touched.forEachRun(in: piece.rows(of: table)) { body(piece.part($0, of: table)) }
  }

  /// `Σ g²` of what a step moves of a piece; of a lazy table one sum a row, in their order, so that it
  /// does not depend on what else is touched.
  @inline(__always)
  func squaredNorm(_ piece: Piece, _ gradient: (_ place: Int) -> UnsafePointer<Float>) -> Double {
    guard let table = piece.table else {
      return Kernels.squaredNorm(piece.count, gradient(piece.start))
    }
    var sum = 0.0
    touched.forEachRun(in: piece.rows(of: table)) { run in
      for row in run {
        let part = piece.part(row..<row + 1, of: table)
        sum += Kernels.squaredNorm(part.count, gradient(part.start))
      }
    }
    return sum
  }

  /// Applies the update rule to one piece, or to rows of one; returns Σ g² of what it moved, where the rule needs no norms
  /// of tensors.
  private func move(
    _ piece: Piece, _ weight: UnsafeMutablePointer<Float>, by values: UnsafeMutablePointer<Float>,
    _ gradientScale: Float, learningRate: Double
  ) -> Double {
    let state = state(piece)
    switch rule {
    case .sgd, .adam, .adamW:
      return Kernels.move(
        by: step(piece, gradientScale: gradientScale, learningRate: learningRate),
        count: piece.count, weight: weight, gradient: values, first: state.first,
        second: state.second)
    case .lamb:
      Kernels.scaledUpdate(
        count: piece.count, weight: weight, direction: values,
        factor: Float(learningRate) * ratios[piece.slot])
    case .lars(let momentum, _, _):
      Kernels.larsUpdate(
        count: piece.count, weight: weight, gradient: values,
        momentumBuffer: state.first, gradientScale: gradientScale,
        learningRate: Float(learningRate) * ratios[piece.slot], momentum: Float(momentum),
        weightDecay: Float(piece.weightDecay))
    }
    return 0
  }

  /// The rule as it moves a piece in this step, where it needs no norms of tensors.
  func step(_ piece: Piece, gradientScale: Float, learningRate: Double) -> UpdateStep {
    var isDecoupled = false
    switch rule {
    case .sgd(let momentum, let nesterov):
      return .sgd(
        gradientScale: gradientScale, learningRate: Float(learningRate),
        momentum: Float(momentum), nesterov: nesterov, weightDecay: Float(piece.weightDecay),
        firstStep: stepsTaken == 0)
    case .adamW: isDecoupled = true
    case .adam: break
    case .lamb, .lars: preconditionFailure("a rule that scales by norms of tensors")
    }
    return .adam(
      gradientScale: gradientScale, learningRate: Float(learningRate), beta1: moments.beta1,
      beta2: moments.beta2, epsilon: moments.epsilon, correction1: moments.correction1,
      correction2: moments.correction2, weightDecay: Float(piece.weightDecay),
      decoupled: isDecoupled)
  }

  /// Moves LAMB's moments of one piece and leaves its direction in `values`.
  func direction(
    _ piece: Piece, weight: UnsafeMutablePointer<Float>, values: UnsafeMutablePointer<Float>,
    gradientScale: Float
  ) {
    Kernels.lambDirection(
      count: piece.count, weight: weight, gradient: values, m: first.base + offset(piece),
      v: second.base + offset(piece), gradientScale: gradientScale, beta1: moments.beta1,
      beta2: moments.beta2, epsilon: moments.epsilon, correction1: moments.correction1,
      correction2: moments.correction2, weightDecay: Float(piece.weightDecay), direction: values)
  }

  /// Moves a running statistic towards the step's mean, in Float64 and rounded once.
  private func follow(
    _ piece: Piece, running: UnsafeMutablePointer<Float>, sums: UnsafeMutablePointer<Float>,
    samples: Int
  ) {
    let rows = Double(samples) * Double(piece.rowsPerSample)
    for index in 0..<piece.count {
      let mean = Double(sums[index]) / rows
      let kept = (1 - piece.momentum) * Double(running[index])
      running[index] = Float(kept + piece.momentum * mean)
    }
    guard averageDecay != nil else { return }
    (average.base + offset(piece)).update(from: running, count: piece.count)
  }

  /// The average starts at the weights before the first update.
  private func startAverage(
    _ block: GlobalGradients.Block, parameters: UnsafeMutablePointer<Float>
  ) {
    guard averageDecay != nil else { return }
    let place = average.base + blocks.offset(ofBlock: block.index)
    place.update(from: parameters + block.range.lowerBound, count: block.range.count)
  }

  /// `θ̄ ← d θ̄ + (1 − d) θ` with `d = min(decay, (1 + t) / (10 + t))`, t counted from 0.
  private func moveAverage(_ piece: Piece, weight: UnsafePointer<Float>) {
    guard let averageDecay else { return }
    let time = Double(stepsTaken)
    Kernels.emaUpdate(
      count: piece.count, average: average.base + offset(piece), weight: weight,
      decay: Float(min(averageDecay, (1 + time) / (10 + time))))
  }

  /// Moves the averages of all owned weights, where ``averagesAreMovedLater``; before ``finishStep()``.
  ///
  /// - Parameter parameters: all weights, in canonical order.
  public func moveAverages(parameters: UnsafePointer<Float>) {
    guard averageDecay != nil, averagesAreMovedLater else { return }
    for run in blocks.runs {
      for index in pieces.range(ofBlocks: run) {
        let piece = pieces[index]
        guard piece.action == .move, !piece.isSharded else { continue }
        moveAverage(piece, weight: parameters + piece.start)
      }
    }
  }

  /// The configured learning rate of a slot, or its group's; nil where it is frozen or a statistic.
  ///
  /// - Parameter slot: the slot's number.
  /// - Returns: the rate before the schedule.
  public func learningRate(ofSlot slot: Int) -> Double? {
    let piece = (0..<pieces.count).first { pieces[$0].slot == slot }.map { pieces[$0] }
    return piece?.action == .move ? piece?.learningRate : nil
  }

  /// Where the state of a piece of an owned block lies.
  private func state(_ piece: Piece) -> PieceState {
    let place = offset(piece)
    return PieceState(first: first.base + place, second: second.base + place)
  }

  /// A piece's place in the state arrays.
  private func offset(_ piece: Piece) -> Int {
    let (block, rest) = piece.start.quotientAndRemainder(dividingBy: ParameterLayout.blockSize)
    return blocks.offset(ofBlock: block) + rest
  }
}
