import CHDF5

/// What a file of a stranger may hold at most.
///
/// Nothing here depends on the machine, so a file is refused everywhere or nowhere.
public enum HDF5Bounds {
  /// The deepest group, the root being 0.
  public static let depth = 32
  /// Groups and datasets in all.
  public static let objects = 100_000
  /// Attributes of one object.
  public static let attributes = 1024
}

/// Everything that can be reached in a file, in the order of paths.
public struct HDF5Inventory: Sendable {
  /// Groups with what they are called, the root first.
  public internal(set) var groups: [HDF5Group] = []
  /// Datasets, each once.
  public internal(set) var datasets: [HDF5Dataset] = []
}

extension HDF5File {
  /// Walks the whole file and refuses what a file of plain arrays has no need of.
  ///
  /// Refused are links of any kind but hard ones, a group with two parents (so every walk ends), named types,
  /// elements that are neither whole nor floating numbers, more attributes, objects or depth than
  /// ``HDF5Bounds`` says, and what opening a dataset refuses anyway: external storage, virtual datasets, filters that
  /// are not built in, extents that cannot be.
  ///
  /// - Returns: all groups and datasets.
  /// - Throws: ``HDF5Error`` naming the first object that is refused.
  public func inventory() throws(HDF5Error) -> HDF5Inventory {
    var walk = InventoryWalk()
    try walk.visit(root, depth: 0)
    return walk.found
  }
}

/// A walk under way.
private struct InventoryWalk {
  var found = HDF5Inventory()
  private var seen: Set<haddr_t> = []

  mutating func visit(_ group: HDF5Group, depth: Int) throws(HDF5Error) {
    let place = group.place
    guard depth <= HDF5Bounds.depth else {
      throw place.error(.refused, "groups lie deeper than \(HDF5Bounds.depth)")
    }
    guard try enter(group.handle, place) else {
      throw place.error(.refused, "the group has two parents, so a walk through it may never end")
    }
    found.groups.append(group)
    for name in try group.names() {
      try requireHardLink(group, name)
      switch try group.member(name) {
      case .group: try visit(group.group(name), depth: depth + 1)
      case .dataset: try add(group.dataset(name))
      case .other, nil:
        throw place.child(name).error(
          .refused, "neither a group nor a dataset; a stranger's file may hold nothing else")
      }
    }
  }

  private mutating func add(_ dataset: HDF5Dataset) throws(HDF5Error) {
    switch dataset.element.kind {
    case .integer, .float: break
    case .text, .other:
      throw dataset.place.error(
        .refused,
        "holds \(dataset.element); only whole and floating numbers are taken from a stranger's file: "
          + "copy the datasets you need into a file of their own")
    }
    if try enter(dataset.handle, dataset.place) { found.datasets.append(dataset) }
  }

  private func requireHardLink(_ group: HDF5Group, _ name: String) throws(HDF5Error) {
    // A name of the file's own making may look like a path, which would lead elsewhere.
    guard !name.isEmpty, name != ".", !name.contains("/") else {
      throw group.place.error(.refused, "'\(name)' is no name")
    }
    var link = H5L_info_t()
    try check("H5Lget_info", group.place.child(name)) {
      H5Lget_info(group.handle.id, name, &link, defaults)
    }
    switch link.type {
    case H5L_TYPE_HARD: return
    case H5L_TYPE_SOFT:
      throw group.place.child(name).error(
        .refused, "a soft link; a stranger's file may hold plain groups and datasets only")
    case H5L_TYPE_EXTERNAL:
      throw group.place.child(name).error(.refused, "an external link leads out of this file")
    default:
      throw group.place.child(name).error(.refused, "a link of an unknown kind")
    }
  }

  /// Notes an object by its address; false where it was met before.
  private mutating func enter(_ object: Handle, _ place: Place) throws(HDF5Error) -> Bool {
    var status = H5O_info_t()
    try check("H5Oget_info", place) {
      H5Oget_info2(object.id, &status, H5O_INFO_BASIC | H5O_INFO_NUM_ATTRS)
    }
    guard status.num_attrs <= HDF5Bounds.attributes else {
      throw place.error(
        .refused, "\(status.num_attrs) attributes; at most \(HDF5Bounds.attributes) are read")
    }
    guard seen.count < HDF5Bounds.objects else {
      throw place.error(.refused, "more than \(HDF5Bounds.objects) groups and datasets")
    }
    return seen.insert(status.addr).inserted
  }
}
