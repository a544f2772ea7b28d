extension ConvolutionConfiguration {
  /// Reads a convolution over height and width; sizes are numbers or [height, width].
  init(reading map: MapReader) {
    self.init(reading: map) { value, least in value.pair(from: least) }
  }

  /// Reads a convolution over one direction; sizes are numbers, stored as the second of a pair.
  init(reading1d map: MapReader) {
    self.init(reading: map) { value, least in value.size(from: least).map { [1, $0] } }
    if padding[0] == 1 { padding[0] = 0 }
  }

  private init(reading map: MapReader, pair: (ValueReader, Int) -> [Int]?) {
    self.init(
      out: map.required("out")?.size(from: 1) ?? 1,
      kernel: map.required("kernel").flatMap { pair($0, 1) } ?? [1, 1],
      stride: map.optional("stride").flatMap { pair($0, 1) } ?? [1, 1],
      padding: map.optional("padding").flatMap { pair($0, 0) } ?? [0, 0],
      dilation: map.optional("dilation").flatMap { pair($0, 1) } ?? [1, 1],
      groups: map.optional("groups")?.size(from: 1) ?? 1,
      bias: map.optional("bias")?.flag() ?? true)
    if !out.isMultiple(of: groups) {
      map.fail("groups", "expected a divisor of out \(out), found \(groups)")
    }
  }
}

extension PoolConfiguration {
  /// Reads a pooling window; sizes are numbers or [height, width].
  init(reading map: MapReader) {
    self.init(
      size: map.required("size")?.pair(from: 1) ?? [1, 1],
      stride: map.optional("stride")?.pair(from: 1),
      padding: map.optional("padding")?.pair(from: 0) ?? [0, 0])
    for (cells, around) in zip(size, padding) where 2 * around > cells {
      map.fail("padding", "expected at most half of size \(cells), found \(around)")
      break
    }
  }
}

extension LossConfiguration {
  /// Reads a loss: a name, or a name with its options.
  init?(reading value: ValueReader) {
    guard
      let block = Block(
        value, sort: "loss", known: Vocabulary.losses)
    else { return nil }
    switch block.name {
    case "crossEntropy":
      let map = block.options(Vocabulary.crossEntropy)
      let weights = map.optional("classWeights")?.numberList(.nonNegative)
      if let weights, !weights.isEmpty, !weights.contains(where: { $0 > 0 }) {
        map.fail("classWeights", "expected a weight above 0, found only zeros")
      }
      self = .crossEntropy(
        labelSmoothing: map.optional("labelSmoothing")?.number(.share) ?? 0, classWeights: weights)
    case "huber":
      let map = block.options(Vocabulary.huber, shorthand: "delta")
      self = .huber(delta: map.optional("delta")?.number(.positive) ?? 1)
    case "ctc":
      let map = block.options(Vocabulary.ctc, shorthand: "blank")
      self = .ctc(blank: map.optional("blank")?.size(from: 0) ?? 0)
    case "bpr":
      _ = block.options(Vocabulary.bpr)
      self = .bpr
    case "meanSquaredError":
      _ = block.options(Vocabulary.meanSquaredError)
      self = .meanSquaredError
    default:
      _ = block.options(Vocabulary.binaryCrossEntropy)
      self = .binaryCrossEntropy
    }
  }
}
