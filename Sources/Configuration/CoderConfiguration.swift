/// The coder of telephone lines: `g711{law,direction,scale}`.
public struct G711Configuration: Sendable, Equatable {
  /// How steps grow.
  public var law: Law
  /// What is done; default `both`.
  public var direction: Direction
  /// Factor from amplitudes to those of 16-bit integers; default 32768, for a full scale of 1.
  public var scale: Double

  /// The two laws of ITU-T G.711.
  public enum Law: String, Sendable, Equatable, CaseIterable {
    /// μ-law.
    case mu
    /// A-law.
    case a = "A"
  }

  /// What is done.
  public enum Direction: String, Sendable, Equatable, CaseIterable {
    /// Amplitudes to codes and back.
    case both
    /// Amplitudes to codes, 0 to 255.
    case encode
    /// Codes to amplitudes.
    case decode
  }

  /// A coder from its parts.
  public init(law: Law, direction: Direction = .both, scale: Double = 32_768) {
    (self.law, self.direction, self.scale) = (law, direction, scale)
  }
}

/// Each value out of those before it: `linearPrediction{…}`.
public struct LinearPredictionConfiguration: Sendable, Equatable {
  /// Values per second.
  public var rate: Int
  /// Coefficients; default 12.
  public var order: Int
  /// Length of a frame; default 25.
  public var frameMilliseconds: Double
  /// From one frame to the next; default 10.
  public var shiftMilliseconds: Double
  /// Factor from the values to those of 16-bit integers; default 32768, for a full scale of 1.
  public var scale: Double
  /// What becomes of the sound; default `coefficients`.
  public var output: Output

  /// What becomes of the sound.
  public enum Output: Sendable, Equatable {
    /// `coefficients`: a frame's prediction coefficients and the logarithm of its gain.
    case coefficients
    /// `reflections`: its reflection coefficients and the same.
    case reflections
    /// `residual`: the errors of prediction, a sound as long.
    case residual
    /// `decoded`: the sound after errors were coded by `bits` bits each.
    case decoded(bits: Int)

    /// The word of the configuration.
    public var word: String {
      switch self {
      case .coefficients: "coefficients"
      case .reflections: "reflections"
      case .residual: "residual"
      case .decoded: "decoded"
      }
    }
  }

  /// A prediction from its parts.
  public init(
    rate: Int, order: Int = 12, frameMilliseconds: Double = 25, shiftMilliseconds: Double = 10,
    scale: Double = 32_768, output: Output = .coefficients
  ) {
    self.rate = rate
    self.order = order
    self.frameMilliseconds = frameMilliseconds
    self.shiftMilliseconds = shiftMilliseconds
    self.scale = scale
    self.output = output
  }
}

extension G711Configuration {
  /// Reads the options of `g711`.
  init(reading map: MapReader) {
    self.init(
      law: map.required("law")?.choice("law", of: Law.self) ?? .mu,
      direction: map.optional("direction")?.choice("direction", of: Direction.self) ?? .both,
      scale: map.optional("scale")?.number(.positive) ?? 32_768)
  }

  /// All options.
  var canonical: [(String, CanonicalWriter.Value)] {
    [
      ("law", .text(law.rawValue)), ("direction", .text(direction.rawValue)),
      ("scale", .number(scale)),
    ]
  }
}

extension LinearPredictionConfiguration {
  private enum Word: String, CaseIterable {
    case coefficients, reflections, residual, decoded
  }

  /// Reads the options of `linearPrediction`.
  init(reading map: MapReader) {
    let word = map.optional("output")?.choice("output", of: Word.self) ?? .coefficients
    let bits = map.optional("bits")?.integer(1...16)
    if map.has("bits"), word != .decoded { map.fail("bits", "goes with output: decoded") }
    let output: Output =
      switch word {
      case .coefficients: .coefficients
      case .reflections: .reflections
      case .residual: .residual
      case .decoded: .decoded(bits: bits ?? 4)
      }
    self.init(
      rate: map.required("rate")?.integer(1...10_000_000) ?? 8000,
      order: map.optional("order")?.integer(1...64) ?? 12,
      frameMilliseconds: map.optional("frameMilliseconds")?.number(.positive) ?? 25,
      shiftMilliseconds: map.optional("shiftMilliseconds")?.number(.positive) ?? 10,
      scale: map.optional("scale")?.number(.positive) ?? 32_768, output: output)
  }

  /// All options.
  var canonical: [(String, CanonicalWriter.Value)] {
    var entries: [(String, CanonicalWriter.Value)] = [
      ("rate", .number(rate)), ("order", .number(order)),
      ("frameMilliseconds", .number(frameMilliseconds)),
      ("shiftMilliseconds", .number(shiftMilliseconds)), ("scale", .number(scale)),
      ("output", .text(output.word)),
    ]
    if case .decoded(let bits) = output { entries.append(("bits", .number(bits))) }
    return entries
  }
}
