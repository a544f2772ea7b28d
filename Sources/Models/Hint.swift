import Tensors

/// A layer whose output is compared with that of another network while training.
public struct HintRequest: Sendable, Equatable {
  /// The path of our layer, for example `modalities.image.3`.
  public let layer: String
  /// The other network's channels: numbers of a row that the regressor makes.
  public let channels: Int
  /// The factor of this hint in the sum that training minimises, above 0.
  public let weight: Double

  /// A request from its parts.
  ///
  /// - Parameters:
  ///   - layer: the path of our layer.
  ///   - channels: the other network's channels, at least 1.
  ///   - weight: the factor of this hint's loss, above 0.
  public init(layer: String, channels: Int, weight: Double) {
    precondition(channels >= 1 && weight > 0, "\(channels) channels, weight \(weight)")
    self.layer = layer
    self.channels = channels
    self.weight = weight
  }
}

/// A layer whose output stays where it is until the pass is over, so that it can be read.
public struct ReadLayer: Sendable, Equatable {
  /// The path of the layer.
  public let path: String
  /// Rows of a sample, one for each place or step; nil where samples have different numbers of them.
  public let rowsPerSample: Int?
  /// C: numbers of a row.
  public let channels: Int
}

/// Where layers are read: the output of a layer, and the sum of what hints give as its gradient.
///
/// It stands behind the layer in its chain, and computes nothing on the way there.
final class ReadPoint: MicrobatchLayer {
  let path: String
  let input: Value
  let output: Value
  /// Takes the gradients of hints.
  let port: Port
  private let scalars: Extent
  private var passing = Place.slab(0)

  /// A place to read the output of the layer at `path`.
  init(path: String, _ value: Value) {
    self.path = path
    (input, output) = (value, value)
    port = Port(value)
    scalars = value.scalars
  }

  func forward(_ pass: Pass) {}

  func planBackward(_ gradient: Gradient, _ slabs: inout SlabPlan) -> Gradient? {
    guard let sum = port.gradient else { return gradient }
    passing = gradient.place
    slabs.release(gradient)
    return sum
  }

  func backward(_ pass: Pass) {
    guard let sum = port.gradient else { return }
    Kernels.addInto(
      count: pass.count(scalars), source: pass.floats(passing), destination: pass.floats(sum.place))
  }
}

/// What a hint says: for every sample of the training split the numbers that a layer of another network gives.
///
/// The memory may be shared by several processes; it is written before the first pass and never again, which is
/// what makes the unchecked `Sendable` true.
public struct HintTargets: @unchecked Sendable {
  /// u: `[S, rows · channels]` by the samples' numbers in their split.
  let values: UnsafePointer<Float>
  private let owner: AnyObject

  /// Targets from their parts.
  ///
  /// - Parameters:
  ///   - values: rows of the other network's layer, by sample number.
  ///   - owner: what keeps `values` alive.
  public init(values: UnsafePointer<Float>, keeping owner: AnyObject) {
    self.values = values
    self.owner = owner
  }
}

/// A regressor R from a layer's output v to what another network has there, u, and its loss `½ ‖R v − u‖²`.
///
/// Romero et al., "FitNets: hints for thin deep nets", 2015. R is one linear map for all places or steps, without bias,
/// and no part of the network: nothing but this loss reads it.
final class HintBranch {
  let request: HintRequest
  /// Where the layer is read.
  let point: ReadPoint
  /// The regressor's place among the model's layers.
  let index: Int
  /// The regressor's place in the canonical order.
  let weight: Int
  /// u; nil until it is known.
  var targets: HintTargets?
  private let inputs: Int
  private let rows: Extent
  private let errors: Region
  private let precision: Precision
  private var inputGradient = Place.slab(0)

  /// A hint whose regressor begins at `weight` and whose errors lie in `errors`, `[rows, channels]`.
  init(
    _ request: HintRequest, _ point: ReadPoint, index: Int, weight: Int, errors: Region,
    precision: Precision
  ) {
    self.request = request
    self.precision = precision
    self.point = point
    self.index = index
    self.weight = weight
    self.errors = errors
    inputs = point.input.channels
    rows = point.input.rows
  }

  /// Rows of a sample.
  var rowsPerSample: Int { rows.perUnit }

  /// Where its share in the gradient of the layer's output lies.
  var gradient: Place { inputGradient }

  /// Plans the way back to the layer.
  func planBackward(_ slabs: inout SlabPlan) {
    let gradient = slabs.acquire(point.input.count)
    inputGradient = gradient.place
    point.port.plan(gradient, &slabs)
  }

  /// The loss of a pass, summed over its rows, and the gradients of `weight / normalizer` times it.
  ///
  /// - Parameters:
  ///   - pass: the microbatch.
  ///   - normalizer: rows of the whole global batch.
  /// - Returns: `½ Σ ‖R v − u‖²` in Float64, in the order of rows, not scaled.
  func train(_ pass: Pass, normalizer: Double) -> Double {
    guard let targets else { preconditionFailure("a hint of \(request.layer) that is not known") }
    let (count, outputs) = (pass.count(rows), request.channels)
    let (v, r) = (pass.floats(point.input.place), pass.floats(errors))
    let regressor = pass.parameters + weight
    Kernels.linearForward(
      precision: precision, samples: count, inputs: inputs, outputs: outputs, x: v,
      weight: regressor, bias: nil, y: r)
    let scale = Float(request.weight / normalizer)
    let width = rows.perUnit * outputs
    var total = 0.0
    for sample in 0..<pass.samples {
      let u = targets.values + Int(pass.sampleNumbers[sample]) * width
      let own = r + sample * width
      for index in 0..<width {
        let error = own[index] - u[index]
        total += Double(error) * Double(error)
        own[index] = scale * error
      }
    }
    Kernels.linearWeightGradient(
      precision: precision, samples: count, inputs: inputs, outputs: outputs, x: v, dy: r,
      weightGradient: pass.gradient(weight), biasGradient: nil)
    Kernels.linearInputGradient(
      precision: precision, samples: count, inputs: inputs, outputs: outputs, dy: r,
      weight: regressor,
      dx: pass.floats(inputGradient))
    return total / 2
  }
}
