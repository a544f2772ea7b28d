import Glibc

/// Changes the rate of a sound by a band-limited polyphase filter.
///
/// The filter is a windowed sinc: its cutoff lies at 0.95 of the lower of the two Nyquist frequencies,
/// the window is Kaiser's with β = 10.06 over 64 zero crossings on either side. It passes up to 0.90 of
/// the lower Nyquist frequency and is down by 100 dB from that frequency on (J. F. Kaiser, "Nonrecursive
/// digital filter design using the I0-sinh window function", 1974). Sample m of the output lies at the
/// time of sample m · from / to of the input; before and after the sound there are zeros. This is SciPy's
/// `signal.resample_poly` with that window. All is computed in float64 and in one order.
struct Resampler {
  /// Zero crossings of the sinc on either side.
  static let crossings = 64
  /// Kaiser's β, for 100 dB: 0.1102 (100 - 8.7).
  static let beta = 10.06126
  /// The cutoff as a share of the lower Nyquist frequency.
  static let cutoff = 0.95
  /// The greatest step of a ratio in lowest terms: the filter has 128 numbers for each.
  static let mostSteps = 50_000

  private let up: Int
  private let down: Int
  /// Inputs on either side that can count.
  private let reach: Int
  /// For each phase `0 ..< up` the weights of inputs `-reach ... reach`.
  private let table: [Double]

  /// Plans the filter, or nil where the rates have too small a common divisor.
  ///
  /// - Parameters:
  ///   - from: samples a second of the input.
  ///   - to: samples a second of the output.
  init?(from: Int, to: Int) {
    precondition(from > 0 && to > 0, "rates are above zero")
    let divisor = Resampler.divisor(from, to)
    up = to / divisor
    down = from / divisor
    let steps = max(up, down)
    guard steps <= Resampler.mostSteps else { return nil }
    let half = steps == 1 ? 0 : Resampler.crossings * steps
    let filter = Resampler.filter(half: half, cutoff: Resampler.cutoff / Double(steps))
    reach = half / up + 1
    var table: [Double] = []
    table.reserveCapacity(up * (2 * reach + 1))
    for phase in 0..<up {
      for offset in -reach...reach {
        let place = half + phase - offset * up
        table.append(filter.indices.contains(place) ? filter[place] * Double(up) : 0)
      }
    }
    self.table = table
  }

  /// Samples that come of `count` samples: ceil(count · to / from).
  func count(_ count: Int) -> Int { (count * up + down - 1) / down }

  /// Resamples a sound.
  ///
  /// - Parameter input: amplitudes.
  /// - Returns: ``count(_:)`` amplitudes.
  func apply(_ input: [Double]) -> [Double] {
    if up == down { return input }
    let width = 2 * reach + 1
    return input.withUnsafeBufferPointer { input in
      table.withUnsafeBufferPointer { table in
        (0..<count(input.count)).map { index in
          let (center, phase) = (index * down).quotientAndRemainder(dividingBy: up)
          let first = max(0, center - reach)
          let last = min(input.count - 1, center + reach)
          let weights = phase * width + reach - center
          var sum = 0.0
          var place = first
          while place <= last {
            sum += input[place] * table[weights + place]
            place += 1
          }
          return sum
        }
      }
    }
  }

  /// A low pass of 2 · half + 1 numbers whose sum is 1; `cutoff` is a share of the Nyquist frequency.
  private static func filter(half: Int, cutoff: Double) -> [Double] {
    let floor = bessel(beta)
    var filter = (-half...half).map { index -> Double in
      let angle = cutoff * Double(index) * Double.pi
      let share = half == 0 ? 0 : Double(index) / Double(half)
      let window = bessel(beta * max(0, 1 - share * share).squareRoot()) / floor
      return (index == 0 ? 1 : sin(angle) / angle) * window
    }
    let sum = filter.reduce(0, +)
    for index in filter.indices { filter[index] /= sum }
    return filter
  }

  /// The modified Bessel function of the first kind of order zero, by its power series.
  private static func bessel(_ x: Double) -> Double {
    var term = 1.0
    var sum = 1.0
    var index = 1.0
    while term > sum * 1e-17 {
      term *= x / (2 * index) * (x / (2 * index))
      sum += term
      index += 1
    }
    return sum
  }

  private static func divisor(_ first: Int, _ second: Int) -> Int {
    second == 0 ? first : divisor(second, first % second)
  }
}
