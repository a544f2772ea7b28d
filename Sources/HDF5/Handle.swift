import CHDF5
import Synchronization

/// An identifier of the library that is closed when its last holder lets go.
final class Handle: Sendable {
  /// The identifier.
  let id: hid_t
  private let closer: @convention(c) (hid_t) -> herr_t
  private let isClosed = Atomic<Bool>(false)

  /// Takes ownership of `id`, to be ended by `closer`.
  init(owning id: hid_t, _ closer: @escaping @convention(c) (hid_t) -> herr_t) {
    self.id = id
    self.closer = closer
  }

  deinit {
    if !isClosed.load(ordering: .acquiring) { _ = closer(id) }
  }

  /// Closes now, so that a failure is heard; later calls do nothing.
  func close(_ function: StaticString, _ place: Place) throws(HDF5Error) {
    guard !isClosed.exchange(true, ordering: .acquiringAndReleasing) else { return }
    try check(function, place) { closer(id) }
  }
}

/// A new property list of the given class.
func makePropertyList(_ kind: hid_t, _ place: Place) throws(HDF5Error) -> Handle {
  Handle(owning: try check("H5Pcreate", place) { H5Pcreate(kind) }, H5Pclose)
}

/// A dataspace of `shape`, a scalar one where it is empty; `maximum` nil means fixed extents.
func makeSpace(_ shape: [Int], _ place: Place) throws(HDF5Error) -> Handle {
  guard !shape.isEmpty else {
    return Handle(owning: try check("H5Screate", place) { H5Screate(H5S_SCALAR) }, H5Sclose)
  }
  let extents = shape.map { hsize_t($0) }
  let id = try check("H5Screate_simple", place) {
    H5Screate_simple(CInt(extents.count), extents, nil)
  }
  return Handle(owning: id, H5Sclose)
}

/// The extents of a dataspace; `[]` for a scalar, nil for a null space.
func extents(of space: hid_t, _ place: Place) throws(HDF5Error) -> [Int]? {
  let rank = Int(
    try check("H5Sget_simple_extent_ndims", place) { H5Sget_simple_extent_ndims(space) })
  if H5Sget_simple_extent_type(space) == H5S_NULL { return nil }
  guard rank > 0 else { return [] }
  var current = [hsize_t](repeating: 0, count: rank)
  try check("H5Sget_simple_extent_dims", place) {
    H5Sget_simple_extent_dims(space, &current, nil)
  }
  var shape: [Int] = []
  for extent in current {
    guard let extent = Int(exactly: extent) else {
      throw place.error(.refused, "an extent of \(extent) is beyond any memory")
    }
    shape.append(extent)
  }
  return shape
}
