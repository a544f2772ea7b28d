import Tensors

/// Where each modality's columns lie in a row of a join.
struct FusionColumns {
  /// Columns of a row.
  let width: Int
  /// The modalities, in order.
  let parts: [Part]

  /// One modality.
  struct Part {
    /// Its first column, and how many there are.
    let column, width: Int
    /// The samples that have it; nil where all have.
    let axis: Int?

    /// Whether a sample of a pass has the modality.
    @inline(__always)
    func isPresent(_ sample: Int, _ pass: Pass) -> Bool {
      guard let axis else { return true }
      let offsets = pass.offsets(axis)
      return offsets[sample + 1] > offsets[sample]
    }
  }

  /// Lists who of the modalities a sample has; all where it has none.
  ///
  /// - Returns: how many there are.
  func present(_ sample: Int, _ pass: Pass, into list: UnsafeMutablePointer<Int32>) -> Int {
    var count = 0
    for (index, part) in parts.enumerated() where part.isPresent(sample, pass) {
      list[count] = Int32(index)
      count += 1
    }
    guard count == 0 else { return count }
    for index in parts.indices { list[index] = Int32(index) }
    return parts.count
  }

  /// The widest modality.
  var widest: Int { parts.map(\.width).max() ?? 0 }

  /// Copies a modality's columns to rows of their own.
  func copy(_ part: Part, samples: Int, from rows: UnsafePointer<Float>, to: Floats) {
    Kernels.copyColumns(
      rows: samples, width: part.width, source: rows + part.column, sourceStride: width,
      destination: to, destinationStride: part.width)
  }

  /// Adds rows of a modality to its columns.
  func add(_ part: Part, samples: Int, from source: UnsafePointer<Float>, to rows: Floats) {
    for sample in 0..<samples {
      Kernels.addInto(
        count: part.width, source: source + sample * part.width,
        destination: rows + sample * width + part.column)
    }
  }
}

/// Floats to write.
typealias Floats = UnsafeMutablePointer<Float>
