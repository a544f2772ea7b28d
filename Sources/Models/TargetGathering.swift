import Tensors

/// The targets of the samples that have predictions, without those between them.
struct TargetGathering {
  /// Where they are put, one after the other.
  let region: Region
  /// The axis of the samples that have predictions.
  let present: Int
  /// The axis of the target's own steps; nil for one unit a sample.
  let steps: Int?
  /// Scalars of one unit of the target.
  let scalarsPerUnit: Int
  /// 4 for floats, 8 for integers.
  let bytesPerScalar: Int

  /// Visits the scalars of each sample that has predictions.
  func forEach(
    _ samples: Int, _ offsets: (Int) -> UnsafePointer<Int>, _ visit: (Range<Int>) -> Void
  ) {
    let present = offsets(present)
    let units = steps.map(offsets)
    for sample in 0..<samples where present[sample + 1] > present[sample] {
      let start = units.map { $0[sample] } ?? sample
      let end = units.map { $0[sample + 1] } ?? sample + 1
      visit(start * scalarsPerUnit..<end * scalarsPerUnit)
    }
  }

  /// Copies the targets of a pass.
  func gather(_ pass: Pass, from field: UnsafeMutableRawPointer) {
    var target = pass.memory + region.offset
    forEach(pass.samples, pass.offsets) { scalars in
      let bytes = scalars.count * bytesPerScalar
      target.copyMemory(from: field + scalars.lowerBound * bytesPerScalar, byteCount: bytes)
      target += bytes
    }
  }
}
