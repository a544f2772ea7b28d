import HDF5

/// The datasets that make up one field in one split of one file.
///
/// A field is a dataset, or a group: `values`, with `offsets` where samples differ in length and with
/// `present` where some lack the field.
struct FieldDatasets {
  /// The numbers: a row per sample, or per step where there are offsets.
  let values: HDF5Dataset
  /// Where each sample's steps begin, `[S + 1]`.
  let offsets: HDF5Dataset?
  /// Whether each sample has the field, `[S]`.
  let present: HDF5Dataset?
  /// What the field's attributes hang on.
  let attributed: any HDF5Attributed

  /// Opens what `path` leads to.
  init(_ root: HDF5Group, _ path: String) throws(HDF5Error) {
    guard try root.member(path) == .group else {
      values = try root.dataset(path)
      (offsets, present) = (nil, nil)
      attributed = values
      return
    }
    let group = try root.group(path)
    values = try group.dataset("values")
    offsets = try group.member("offsets") == nil ? nil : try group.dataset("offsets")
    if let offsets, offsets.rowCount == 0 {
      throw HDF5Error(
        .shapeMismatch, at: offsets.location,
        "is empty; expected where each sample begins and where the last one ends, 0 alone for no sample"
      )
    }
    present = try group.member("present") == nil ? nil : try group.dataset("present")
    attributed = group
  }

  /// S.
  var sampleCount: Int { offsets.map { $0.rowCount - 1 } ?? values.rowCount }
  /// Bytes of the stored numbers.
  var byteCount: Int { values.byteCount }
  /// The datasets, for digests.
  var all: [HDF5Dataset] { [values] + [offsets, present].compactMap { $0 } }
}
