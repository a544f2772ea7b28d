import Buffers
import Glibc

/// Linear prediction of sound: x̂_n = Σ_k a_k x_{n−k}, with coefficients for each frame.
///
/// Of a frame under Hamming's window (0.54 − 0.46 cos(2πi / (L − 1))) the autocorrelation r_k = Σ x_i x_{i+k}
/// gives the coefficients that minimise the error (Levinson 1947, Durbin 1960), and the energy G² of that
/// error. All sums are Float64. The reflection coefficients are below 1, so the synthesis filter is stable.
public struct LinearPrediction: Sendable {
  /// What defines a prediction.
  public struct Settings: Sendable, Equatable {
    /// L: values of a frame, at least 2.
    public var frame: Int
    /// H: values from one frame to the next.
    public var shift: Int
    /// p: coefficients.
    public var order: Int
    /// Factor of the values before the energy is taken.
    public var scale: Double

    /// Settings from their parts.
    public init(frame: Int, shift: Int, order: Int, scale: Double = 32_768) {
      (self.frame, self.shift, self.order, self.scale) = (frame, shift, order, scale)
    }

    /// Numbers per frame.
    public var width: Int { order + 1 }
  }

  /// What is told of each frame beside the gain.
  public enum Form: Sendable, Equatable {
    /// a_1 … a_p.
    case coefficients
    /// The reflection coefficients k_1 … k_p, with a_i = k_i at order i.
    case reflections
  }

  /// What defines it.
  public let settings: Settings
  private let window: [Double]
  /// Σ w_i².
  let windowEnergy: Double

  /// Works out the window.
  public init(_ settings: Settings) {
    precondition(
      settings.frame >= 2 && settings.shift >= 1 && settings.order >= 1
        && settings.order < settings.frame, "a linear prediction of \(settings)")
    self.settings = settings
    window = (0..<settings.frame).map {
      0.54 - 0.46 * cos(2 * Double.pi * Double($0) / Double(settings.frame - 1))
    }
    windowEnergy = window.reduce(0) { $0 + $1 * $1 }
  }

  /// Frames of `count` values: none where not even one fits, 1 + ⌊(count − L) / H⌋ else.
  public func frames(of count: Int) -> Int {
    count < settings.frame ? 0 : 1 + (count - settings.frame) / settings.shift
  }

  /// Float64 of scratch that every call needs.
  public var scratchCount: Int { settings.frame + 4 * (settings.order + 1) }

  /// Coefficients or reflections, and ln G, of every frame of every sample.
  ///
  /// G² is at least 2⁻²³. Silence has coefficients of 0.
  ///
  /// - Parameters:
  ///   - samples: n.
  ///   - valueOffsets: n + 1 first values.
  ///   - frameOffsets: n + 1 first frames, made of ``frames(of:)``.
  ///   - form: what is told.
  ///   - values: all values.
  ///   - output: `[frames, p + 1]`.
  ///   - scratch: ``scratchCount`` Float64.
  ///
  /// Cost: `2 · L · (p + 1)` floating-point operations a frame.
  public func analyze(
    samples: Int, valueOffsets: UnsafePointer<Int>, frameOffsets: UnsafePointer<Int>, form: Form,
    values: ConstantFloats, output: Floats, scratch: UnsafeMutablePointer<Double>
  ) {
    for sample in 0..<samples {
      for frame in frameOffsets[sample]..<frameOffsets[sample + 1] {
        let start = valueOffsets[sample] + (frame - frameOffsets[sample]) * settings.shift
        let found = solve(values + start, scratch)
        let row = output + frame * settings.width
        let told = form == .coefficients ? found.coefficients : found.reflections
        for place in 0..<settings.order { row[place] = Float(told[place]) }
        row[settings.order] = Float(0.5 * log(max(found.energy, 0x1p-23)))
      }
    }
  }

  /// What is found of a frame; pointers into scratch.
  struct Solution {
    let coefficients: UnsafeMutablePointer<Double>
    let reflections: UnsafeMutablePointer<Double>
    /// G².
    let energy: Double
  }

  /// The prediction of the frame that begins at `values`.
  func solve(_ values: ConstantFloats, _ scratch: UnsafeMutablePointer<Double>) -> Solution {
    let order = settings.order
    let correlation = scratch + settings.frame
    let coefficients = correlation + order + 1
    let reflections = coefficients + order + 1
    for index in 0..<settings.frame {
      scratch[index] = settings.scale * Double(values[index]) * window[index]
    }
    for lag in 0...order {
      var sum = 0.0
      for index in 0..<settings.frame - lag { sum += scratch[index] * scratch[index + lag] }
      correlation[lag] = sum
    }
    let energy = LinearPrediction.levinsonDurbin(
      order: order, correlation: correlation, coefficients: coefficients,
      reflections: reflections, scratch: reflections + order + 1)
    return Solution(coefficients: coefficients, reflections: reflections, energy: energy)
  }

  /// Solves Σ_j r_|i−j| a_j = r_i for i of 1 to p.
  ///
  /// Where a shorter prediction leaves no error, the remaining coefficients are 0.
  ///
  /// - Parameters:
  ///   - order: p.
  ///   - correlation: r_0 … r_p.
  ///   - coefficients: receives a_1 … a_p.
  ///   - reflections: receives k_1 … k_p.
  ///   - scratch: room for p Float64.
  /// - Returns: the energy of the error, r_0 Π (1 − k²).
  ///
  /// Cost: `2 p²` floating-point operations.
  public static func levinsonDurbin(
    order: Int, correlation: UnsafePointer<Double>, coefficients: UnsafeMutablePointer<Double>,
    reflections: UnsafeMutablePointer<Double>, scratch: UnsafeMutablePointer<Double>
  ) -> Double {
    coefficients.update(repeating: 0, count: order)
    reflections.update(repeating: 0, count: order)
    var energy = correlation[0]
    for step in 0..<order {
      // Rounding of r_0 alone is more than that.
      guard energy > correlation[0] * 0x1p-50, energy > 0 else { break }
      var sum = correlation[step + 1]
      for place in 0..<step { sum -= coefficients[place] * correlation[step - place] }
      let reflection = sum / energy
      scratch.update(from: coefficients, count: step)
      for place in 0..<step {
        coefficients[place] -= reflection * scratch[step - 1 - place]
      }
      coefficients[step] = reflection
      reflections[step] = reflection
      energy *= 1 - reflection * reflection
    }
    return max(energy, 0)
  }
}
