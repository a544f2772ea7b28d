import Glibc

extension Reference {
  /// The steps of Kaldi's recipe one by one, for one utterance: `[frames][width]`.
  package static func features(_ values: [Double], _ s: FilterBank.Settings) -> [[Double]] {
    guard values.count >= s.frame else { return [] }
    return (0...(values.count - s.frame) / s.shift).map { t in
      let start = t * s.shift
      return feature(values[start..<start + s.frame].map { $0 * s.scale }, s)
    }
  }

  private static func feature(_ frame: [Double], _ s: FilterBank.Settings) -> [Double] {
    let mean = frame.reduce(0, +) / Double(frame.count)
    let centred = frame.map { $0 - mean }
    let windowed = centred.indices.map { i in
      let emphasised = centred[i] - 0.97 * centred[max(i - 1, 0)]
      let angle = 2 * Double.pi * Double(i) / Double(frame.count - 1)
      return emphasised * pow(0.5 - 0.5 * cos(angle), 0.85)
    }
    var length = 1
    while length < frame.count { length *= 2 }
    let mel = { (f: Double) in 1127 * log(1 + f / 700) }
    let step = (mel(s.high) - mel(s.low)) / Double(s.bins + 1)
    var energies = [Double](repeating: 0, count: s.bins)
    for k in 0..<length / 2 {
      var (re, im) = (0.0, 0.0)
      for (i, x) in windowed.enumerated() {
        let angle = 2 * Double.pi * Double(k) * Double(i) / Double(length)
        re += x * cos(angle)
        im -= x * sin(angle)
      }
      let place = mel(Double(k) * s.rate / Double(length))
      for b in 0..<s.bins {
        let centre = mel(s.low) + Double(b + 1) * step
        energies[b] += max(0, 1 - abs(place - centre) / step) * (re * re + im * im)
      }
    }
    let logarithms = energies.map { log(max($0, 0x1p-23)) }
    guard let coefficients = s.coefficients else { return logarithms }
    return (0..<coefficients).map { k in
      let lift = s.lifter == 0 ? 1 : 1 + s.lifter / 2 * sin(Double.pi * Double(k) / s.lifter)
      let norm = (Double(k == 0 ? 1 : 2) / Double(s.bins)).squareRoot()
      return lift * norm
        * logarithms.enumerated().reduce(0) {
          $0 + $1.element * cos(Double.pi * Double(k) * (Double($1.offset) + 0.5) / Double(s.bins))
        }
    }
  }
}
