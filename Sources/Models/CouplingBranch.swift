import Tensors

/// The two towers of a coupling: from encoders' outputs to vectors, and back.
final class CouplingBranch {
  let towers: [Tower]
  private let reversed: [Tower]
  private let logScale: Int?

  /// A projection and the vectors that come out of it.
  final class Tower {
    let chain: Chain
    /// What the projection reads.
    let encoder: Encoder
    let width: Int
    /// The samples that have the modality; nil where all have.
    let axis: Int?
    private let units: Extent
    private let vectors: Region
    /// One over the length of each projected vector; nil where vectors stay as long as they are.
    private let inverseNorms: Region?
    private var gradient = Place.slab(0)
    private var inputGradient: Place?

    /// A tower on `encoder`.
    ///
    /// - Parameters:
    ///   - encoder: the modality's.
    ///   - chain: the projection.
    ///   - output: its output, one vector for each sample that has the modality.
    ///   - vectors: room for the vectors.
    ///   - inverseNorms: room for one number each, where vectors are divided by their length.
    init(
      on encoder: Encoder, chain: Chain, output: Value, vectors: Region, inverseNorms: Region?
    ) {
      self.chain = chain
      self.encoder = encoder
      self.vectors = vectors
      self.inverseNorms = inverseNorms
      width = output.unitCount
      axis = output.axis
      units = output.units
    }

    /// Projects, and divides every vector by its length where that is wanted.
    func forward(_ group: Group) {
      chain.forward(group)
      for pass in group.passes {
        let (x, y) = (pass.floats(chain.output.place), pass.floats(vectors))
        guard let inverse = inverseNorms.map({ pass.floats($0) }) else {
          y.update(from: x, count: pass.count(units) * width)
          continue
        }
        for row in 0..<pass.count(units) {
          let start = row * width
          var square = 0.0
          for column in start..<start + width { square += Double(x[column]) * Double(x[column]) }
          // As in PyTorch: a vector of zeros stays one.
          inverse[row] = Float(1 / max(square.squareRoot(), 1e-12))
          for column in start..<start + width { y[column] = x[column] * inverse[row] }
        }
      }
    }

    /// The vector of a sample; nil where it lacks the modality.
    func vector(_ sample: Int, _ offsets: UnsafePointer<Int>?, _ base: UnsafePointer<Float>)
      -> UnsafePointer<Float>?
    {
      guard let offsets else { return base + sample * width }
      guard offsets[sample + 1] > offsets[sample] else { return nil }
      return base + offsets[sample] * width
    }

    /// The vector of a sample in a pass.
    func vector(_ sample: Int, _ pass: Pass) -> UnsafePointer<Float>? {
      vector(sample, axis.map(pass.offsets), UnsafePointer(pass.floats(vectors)))
    }

    /// The vector of a sample in the last pass of a lane.
    func vector(_ sample: Int, in lane: Lane) -> UnsafePointer<Float>? {
      vector(
        sample, axis.map(lane.offsets.offsets), UnsafePointer(lane.arena.floats(vectors)))
    }

    /// Plans the way back to the encoder's output.
    func planBackward(_ slabs: inout SlabPlan) {
      let gradient = slabs.acquire(chain.output.count)
      self.gradient = gradient.place
      guard let result = chain.planBackward(gradient, &slabs) else { return }
      inputGradient = result.place
      encoder.output.plan(result, &slabs)
    }

    /// Turns the gradients of the vectors back; of samples that are in no pair they are zero.
    func backward(_ group: Group, _ pairs: UnsafePointer<Float>, isPair: (Pass, Int) -> Bool) {
      for pass in group.passes {
        let target = pass.floats(gradient)
        let y = pass.floats(vectors)
        let inverse = inverseNorms.map { pass.floats($0) }
        var pair = 0
        for sample in 0..<pass.samples {
          guard let vector = vector(sample, pass) else { continue }
          let row = (vector - UnsafePointer(y)) / width
          let dx = target + row * width
          guard isPair(pass, sample) else {
            dx.update(repeating: 0, count: width)
            continue
          }
          if let inverse {
            spread(pairs + pair * width, vector, inverse[row], into: dx)
          } else {
            dx.update(from: pairs + pair * width, count: width)
          }
          pair += 1
        }
      }
      chain.backward(group)
      encoder.output.add(inputGradient, group)
    }

    /// dx = (dy − y (y · dy)) / |x|.
    private func spread(
      _ dy: UnsafePointer<Float>, _ y: UnsafePointer<Float>, _ inverse: Float,
      into dx: UnsafeMutablePointer<Float>
    ) {
      var along = 0.0
      for column in 0..<width { along += Double(dy[column]) * Double(y[column]) }
      let share = Float(along)
      for column in 0..<width { dx[column] = (dy[column] - y[column] * share) * inverse }
    }
  }

  /// A branch of two towers; `logScale` is the slot of the learned scale.
  init(towers: [Tower], logScale: Int?) {
    self.towers = towers
    self.logScale = logScale
    reversed = towers.reversed()
  }

  /// Runs both towers.
  func forward(_ group: Group) {
    for tower in towers { tower.forward(group) }
  }

  /// Plans the way back.
  func planBackward(_ slabs: inout SlabPlan) {
    for tower in reversed { tower.planBackward(&slabs) }
  }

  /// Runs the towers' backward passes.
  func backward(_ group: Group, _ gradient: CouplingGradient) {
    // First of all: the slot lies before those of the towers, whose ways back announce what is done.
    if let logScale {
      for pass in group.passes { pass.gradient(logScale).pointee = gradient.logScale }
    }
    let (first, second) = (towers[0], towers[1])
    func isPair(_ pass: Pass, _ sample: Int) -> Bool {
      first.vector(sample, pass) != nil && second.vector(sample, pass) != nil
    }
    second.backward(group, gradient.second, isPair: isPair)
    first.backward(group, gradient.first, isPair: isPair)
  }
}
