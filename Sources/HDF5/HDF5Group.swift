import CHDF5

/// A folder of an HDF5 file.
public final class HDF5Group: Sendable {
  /// Held so that the file outlives what is in it.
  let file: Handle
  let handle: Handle
  let place: Place

  /// The group's path in the file.
  public var path: String { place.object }

  init(file: Handle, opening name: String, _ place: Place) throws(HDF5Error) {
    self.file = file
    self.place = place
    handle = Handle(
      owning: try check("H5Gopen", place) { H5Gopen2(file.id, name, defaults) }, H5Gclose)
  }

  private init(file: Handle, handle: Handle, place: Place) {
    self.file = file
    self.handle = handle
    self.place = place
  }

  /// What a name of a group leads to.
  public enum Member: Sendable, Equatable {
    /// A group.
    case group
    /// A dataset.
    case dataset
    /// A named type.
    case other
  }

  /// The names in this group, in alphabetical order of their bytes.
  ///
  /// The corresponding C function is `H5Lget_name_by_idx`.
  public func names() throws(HDF5Error) -> [String] {
    var status = H5G_info_t()
    try check("H5Gget_info", place) { H5Gget_info(handle.id, &status) }
    guard status.nlinks <= 65_536 else {
      throw place.error(.refused, "a group of \(status.nlinks) names; at most 65536 are read")
    }
    var names: [String] = []
    for index in 0..<status.nlinks {
      let length = try check("H5Lget_name_by_idx", place) {
        H5Lget_name_by_idx(
          handle.id, ".", H5_INDEX_NAME, H5_ITER_INC, index, nil, 0, defaults)
      }
      var text = [CChar](repeating: 0, count: length + 1)
      try check("H5Lget_name_by_idx", place) {
        H5Lget_name_by_idx(
          handle.id, ".", H5_INDEX_NAME, H5_ITER_INC, index, &text, text.count, defaults)
      }
      names.append(
        String(decoding: text.prefix(length).map(UInt8.init(bitPattern:)), as: UTF8.self))
    }
    return names
  }

  /// What the path `name` leads to, or nil where there is nothing.
  ///
  /// - Parameter name: a path below this group, or from the root where it starts with `/`.
  /// - Returns: the kind of object.
  /// - Throws: ``HDF5Error`` `.refused` if the path leaves the file.
  public func member(_ name: String) throws(HDF5Error) -> Member? {
    guard try exists(name) else { return nil }
    let id = try check("H5Oopen", place.child(name)) {
      H5Oopen(handle.id, clean(name), defaults)
    }
    let object = Handle(owning: id, H5Oclose)
    switch H5Iget_type(object.id) {
    case H5I_GROUP: return .group
    case H5I_DATASET: return .dataset
    default: return .other
    }
  }

  /// Opens the group at `name`.
  public func group(_ name: String) throws(HDF5Error) -> HDF5Group {
    let place = self.place.child(name)
    try require(name, .group, "group")
    let id = try check("H5Gopen", place) { H5Gopen2(handle.id, clean(name), defaults) }
    return HDF5Group(file: file, handle: Handle(owning: id, H5Gclose), place: place)
  }

  /// Opens the dataset at `name`.
  ///
  /// - Parameter name: a path below this group, or from the root where it starts with `/`.
  /// - Returns: the dataset, whose layout, filters and extents were found harmless.
  /// - Throws: ``HDF5Error``: `.notFound` with the nearest name, `.refused`.
  public func dataset(_ name: String) throws(HDF5Error) -> HDF5Dataset {
    let place = self.place.child(name)
    try require(name, .dataset, "dataset")
    let id = try check("H5Dopen", place) { H5Dopen2(handle.id, clean(name), defaults) }
    return try HDF5Dataset(file: file, handle: Handle(owning: id, H5Dclose), place)
  }

  /// Creates a group called `name` in this one.
  public func createGroup(_ name: String) throws(HDF5Error) -> HDF5Group {
    let place = self.place.child(name)
    let properties = try makePropertyList(CHDF5_group_create(), place)
    // Without times equal content gives equal bytes.
    try check("H5Pset_obj_track_times", place) { H5Pset_obj_track_times(properties.id, false) }
    let id = try check("H5Gcreate", place) {
      H5Gcreate2(handle.id, name, defaults, properties.id, defaults)
    }
    return HDF5Group(file: file, handle: Handle(owning: id, H5Gclose), place: place)
  }

  /// Throws unless `name` leads to a member of the wanted kind.
  private func require(
    _ name: String, _ kind: Member, _ word: String
  ) throws(HDF5Error) {
    guard let found = try member(name) else {
      throw place.child(name).error(.notFound, "there is no \(word) of this name\(try hint(name))")
    }
    guard found == kind else {
      throw place.child(name).error(.typeMismatch, "a \(word) was expected, found a \(found)")
    }
  }
}
