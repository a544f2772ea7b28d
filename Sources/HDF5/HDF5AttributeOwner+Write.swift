import CHDF5

extension HDF5AttributeOwner {
  /// Writes numbers in their own type.
  func write<Scalar: HDF5Scalar>(
    _ name: String, _ values: [Scalar], shape: [Int]
  ) throws(HDF5Error) {
    let attribute = try create(name, Scalar.nativeType, shape)
    guard !values.isEmpty else { return }
    try check("H5Awrite", place) { H5Awrite(attribute.id, Scalar.nativeType, values) }
  }

  /// Writes texts with the length of the longest.
  func write(_ name: String, texts: [String], shape: [Int]) throws(HDF5Error) {
    let length = max(1, texts.map(\.utf8.count).max() ?? 1)
    let type = Handle(
      owning: try check("H5Tcopy", place) { H5Tcopy(CHDF5_c_s1()) }, H5Tclose)
    try check("H5Tset_size", place) { H5Tset_size(type.id, length) }
    try check("H5Tset_strpad", place) { H5Tset_strpad(type.id, H5T_STR_NULLPAD) }
    try check("H5Tset_cset", place) { H5Tset_cset(type.id, H5T_CSET_UTF8) }
    let attribute = try create(name, type.id, shape)
    guard !texts.isEmpty else { return }
    var bytes: [UInt8] = []
    bytes.reserveCapacity(texts.count * length)
    for text in texts {
      bytes.append(contentsOf: text.utf8)
      bytes.append(contentsOf: repeatElement(0, count: length - text.utf8.count))
    }
    try check("H5Awrite", place) { H5Awrite(attribute.id, type.id, bytes) }
  }

  private func create(_ name: String, _ type: hid_t, _ shape: [Int]) throws(HDF5Error) -> Handle {
    let space = try makeSpace(shape, place)
    let id = try check("H5Acreate", place) {
      H5Acreate2(handle.id, name, type, space.id, defaults, defaults)
    }
    return Handle(owning: id, H5Aclose)
  }
}
