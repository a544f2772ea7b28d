import Configuration
import Models
import Parameters
import Tensors

/// A model with parameters, one microbatch and gradients: what one test works on.
final class Bench {
  let model: Model
  let store: ParameterStore
  let microbatch: Microbatch
  var gradients: LocalGradients
  var normalizers: [Double]

  /// Compiles `configuration`, initialises it and fills `count` samples with random numbers.
  init(
    _ configuration: ModelConfiguration, _ fields: [MicrobatchField], capacity: Int,
    count: Int? = nil, seed: UInt64 = 11,
    precision: Precision = .float32, reading: [String] = [], purpose: Model.Purpose = .training,
    sharesMemory: Bool = true, hints: [HintRequest] = [],
    recompute: TrainConfiguration.Recomputation = .none
  ) throws {
    try Kernels.selectFromEnvironment()  // AIMASS_KERNELS=v3 swift test … tries another build
    model = try Model(
      configuration, fields: fields, capacity: capacity, seed: seed, precision: precision,
      reading: reading, purpose: purpose, sharesMemory: sharesMemory, hints: hints,
      recompute: recompute)
    store = ParameterStore(model.layout)
    model.initialize(store)
    microbatch = Microbatch(capacity: capacity, fields: fields)
    gradients = LocalGradients(model.layout)
    normalizers = []
    microbatch.count = count ?? capacity
    Self.fill(microbatch)
    normalizers = model.heads.indices.map {
      model.normalizerContribution(head: $0, microbatch, step: 4)
    }
  }

  /// Random values of deviation 1, and labels that only depend on sample number and position.
  static func fill(_ microbatch: Microbatch) {
    for sample in 0..<microbatch.capacity {
      microbatch.sampleNumbers[sample] = Int64(sample * 3 + 5)
    }
    for (index, field) in microbatch.fields.enumerated() {
      let random = CounterRandom(
        seed: 3, purpose: .synthesis, stream: pathHash(field.name))
      if field.isPacked { extend(microbatch, index, random) }
      let count = microbatch.capacity * field.scalarsPerSample
      switch field.element {
      case .float:
        for place in 0..<count { microbatch.floats(index)[place] = random.normal(at: place) }
      case .integer:
        let classes = UInt32(field.classes ?? 2)
        for place in 0..<count {
          microbatch.integers(index)[place] = Int64(random.bits(at: place) % classes)
        }
      }
    }
  }

  /// Draws how many units each sample of a packed field has.
  private static func extend(_ microbatch: Microbatch, _ index: Int, _ random: CounterRandom) {
    let field = microbatch.fields[index]
    let lengths = CounterRandom(seed: 5, purpose: .synthesis)
    let offsets = microbatch.offsets(index)
    offsets[0] = 0
    for sample in 0..<microbatch.capacity {
      var units = 1
      if let longest = field.longest {
        // One of them is empty.
        units = sample == 2 ? 0 : Int(lengths.bits(at: sample)) % (longest + 1)
      }
      if field.isOptional {
        let present = random.bits(at: 1_000_000 + sample) % 3 != 0
        microbatch.presence(index)[sample] = present ? 1 : 0
        if !present { units = 0 }
      }
      offsets[sample + 1] = offsets[sample] + units
    }
  }

  /// One training pass; returns what the gradients are the gradient of.
  @discardableResult
  func train(
    step: Int = 4, carried: CarriedState? = nil, observer: (any PassObserver)? = nil
  ) -> Double {
    model.train(
      microbatch, UnsafePointer(store.base), normalizers: normalizers, step: step,
      carried: carried, into: &gradients, observer: observer)
    return objective
  }

  /// One evaluation pass.
  func evaluate(carried: CarriedState? = nil) {
    model.evaluate(microbatch, UnsafePointer(store.base), carried: carried)
  }

  /// Σ over heads of weight / normaliser · loss.
  var objective: Double {
    model.heads.indices.reduce(0) {
      $0 + model.heads[$1].weight / normalizers[$1] * model.losses[$1]
    }
  }

  /// A copy of all gradients.
  var gradientValues: [Float] { Array(gradients.values.all) }

  /// A copy of a head's outputs.
  func output(_ head: Int = 0) -> [Float] {
    Array(
      UnsafeBufferPointer(
        start: model.output(ofHead: head),
        count: model.rows(ofHead: head, samples: microbatch.count) * model.heads[head].outputs))
  }
}

/// A field of values.
func values(_ name: String, _ shape: [Int]) -> MicrobatchField {
  MicrobatchField(name: name, sampleShape: shape, element: .float)
}

/// A field of labels or ids.
func labels(_ name: String, _ shape: [Int] = [], classes: Int?) -> MicrobatchField {
  MicrobatchField(name: name, sampleShape: shape, element: .integer, classes: classes)
}

/// Cross-entropy without extras.
let plainCrossEntropy = LossConfiguration.crossEntropy(labelSmoothing: 0, classWeights: nil)

/// One modality `x`, one head `y` whose last layer is a linear one.
func network(
  _ encoder: [LayerConfiguration], outputs: Int = 3, loss: LossConfiguration = plainCrossEntropy,
  target: String = "y"
) -> ModelConfiguration {
  ModelConfiguration(
    modalities: [ModalityConfiguration(name: "x", field: "x", encoder: encoder)],
    heads: [
      HeadConfiguration(
        name: "y", layers: [.flatten, .linear(out: outputs, bias: true)], loss: loss,
        target: target)
    ])
}

/// A convolution with a square kernel.
func conv(
  _ out: Int, _ kernel: Int, stride: Int = 1, padding: Int = 0, dilation: Int = 1,
  groups: Int = 1, bias: Bool = true
) -> LayerConfiguration {
  .conv(
    ConvolutionConfiguration(
      out: out, kernel: [kernel, kernel], stride: [stride, stride], padding: [padding, padding],
      dilation: [dilation, dilation], groups: groups, bias: bias))
}

/// A one-dimensional convolution.
func conv1d(
  _ out: Int, _ kernel: Int, stride: Int = 1, padding: Int = 0, dilation: Int = 1,
  bias: Bool = true
) -> LayerConfiguration {
  .conv1d(
    ConvolutionConfiguration(
      out: out, kernel: [1, kernel], stride: [1, stride], padding: [0, padding],
      dilation: [1, dilation], bias: bias))
}

/// A square window.
func window(_ size: Int, stride: Int? = nil, padding: Int = 0) -> PoolConfiguration {
  PoolConfiguration(
    size: [size, size], stride: stride.map { [$0, $0] }, padding: [padding, padding])
}

/// A batch norm with PyTorch's constants.
let norm = LayerConfiguration.batchNorm(momentum: 0.1, epsilon: 1e-5)
/// A relu.
let relu = LayerConfiguration.activation(.relu)

/// A linear layer with bias.
func linear(_ out: Int) -> LayerConfiguration { .linear(out: out, bias: true) }
