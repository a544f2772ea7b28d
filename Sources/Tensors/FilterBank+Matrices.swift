import Glibc

extension FilterBank.Settings {
  /// From the values of a frame to real parts and imaginary parts: `[L, 2 · K]`.
  ///
  /// Column k of F = cos and sin of 2πik / N, times the window; pre-emphasis before it and mean removal
  /// before that act on the rows.
  var spectrumMatrix: [Double] {
    let (length, half) = (frame, spectrumBins)
    let columns = 2 * half
    var matrix = [Double](repeating: 0, count: length * columns)
    for i in 0..<length {
      let raised = 0.5 - 0.5 * cos(2 * Double.pi * Double(i) / Double(length - 1))
      let window = scale * pow(raised, 0.85)
      for k in 0..<half {
        let angle = Double.pi * Double(i * k % columns) / Double(half)
        matrix[i * columns + k] = window * cos(angle)
        matrix[i * columns + half + k] = window * sin(angle)
      }
    }
    for column in 0..<columns {
      // Value i reaches rows i and i + 1 of the pre-emphasised frame; the first also itself.
      matrix[column] *= 1 - 0.97
      for i in 0..<length - 1 {
        matrix[i * columns + column] -= 0.97 * matrix[(i + 1) * columns + column]
      }
      var mean = 0.0
      for i in 0..<length { mean += matrix[i * columns + column] / Double(length) }
      for i in 0..<length { matrix[i * columns + column] -= mean }
    }
    return matrix
  }

  /// The triangles, `[K, bins]`.
  var filterMatrix: [Double] {
    let (first, last) = (mel(low), mel(high))
    let width = (last - first) / Double(bins + 1)
    var matrix = [Double](repeating: 0, count: spectrumBins * bins)
    for k in 0..<spectrumBins {
      let place = mel(Double(k) * rate / Double(2 * spectrumBins))
      for bin in 0..<bins {
        let left = first + Double(bin) * width
        guard place > left, place < left + 2 * width else { continue }
        let rises = place <= left + width
        matrix[k * bins + bin] = (rises ? place - left : left + 2 * width - place) / width
      }
    }
    return matrix
  }

  /// DCT-II and lifter, `[bins, coefficients]`; empty without cepstra.
  var cepstrumMatrix: [Double] {
    guard let coefficients else { return [] }
    var matrix = [Double](repeating: 0, count: bins * coefficients)
    for k in 0..<coefficients {
      let norm = (Double(k == 0 ? 1 : 2) / Double(bins)).squareRoot()
      let lift = lifter == 0 ? 1 : 1 + lifter / 2 * sin(Double.pi * Double(k) / lifter)
      for j in 0..<bins {
        let angle = Double.pi * Double(k) * (Double(j) + 0.5) / Double(bins)
        matrix[j * coefficients + k] = norm * lift * cos(angle)
      }
    }
    return matrix
  }

  private func mel(_ frequency: Double) -> Double { 1127 * log(1 + frequency / 700) }
}
