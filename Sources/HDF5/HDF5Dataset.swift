import CHDF5

/// An array of numbers in a file: its description, and the way to its rows.
///
/// The first extent counts rows; a row is everything behind one index of it.
public final class HDF5Dataset: Sendable {
  /// The extents, slowest first; `[]` for a single number.
  public let shape: [Int]
  /// How one number is stored.
  public let element: HDF5Element
  /// Where the numbers lie.
  public let layout: HDF5Layout
  /// Bytes that the numbers take in the file, after filters.
  public let storedByteCount: Int

  let file: Handle
  let handle: Handle
  let place: Place

  /// The most extents that are read.
  static let maximumRank = 8
  /// The largest chunk, in decoded bytes, that is read.
  static let maximumChunkBytes = 1 << 30

  /// Takes a dataset that was opened, or created just now and therefore empty.
  init(
    file: Handle, handle: Handle, _ place: Place, isNew: Bool = false
  ) throws(HDF5Error) {
    self.file = file
    self.handle = handle
    self.place = place
    let type = Handle(
      owning: try check("H5Dget_type", place) { H5Dget_type(handle.id) }, H5Tclose)
    element = HDF5Element(type.id)
    let space = Handle(
      owning: try check("H5Dget_space", place) { H5Dget_space(handle.id) }, H5Sclose)
    guard let shape = try extents(of: space.id, place) else {
      throw place.error(.shapeMismatch, "the dataset is empty (a null dataspace)")
    }
    self.shape = shape
    let properties = Handle(
      owning: try check("H5Dget_create_plist", place) { H5Dget_create_plist(handle.id) }, H5Pclose)
    layout = try HDF5Layout(properties.id, dataset: handle.id, place)
    storedByteCount = Int(clamping: H5Dget_storage_size(handle.id))
    if !isNew { try examineExtents() }
  }

  /// The dataset's path in the file.
  public var path: String { place.object }

  /// `FILE:DATASET`, for messages.
  public var location: String { place.text }

  /// The number of rows: the first extent, 1 for a single number.
  public var rowCount: Int { shape.first ?? 1 }

  /// The extents of a row.
  public var rowShape: [Int] { Array(shape.dropFirst()) }

  /// Numbers per row.
  public var scalarsPerRow: Int { shape.dropFirst().reduce(1, *) }

  /// Bytes of all numbers, unfiltered.
  public var byteCount: Int { shape.reduce(element.byteCount, *) }

  /// Refuses extents whose numbers cannot be in this file.
  private func examineExtents() throws(HDF5Error) {
    guard shape.count <= Self.maximumRank else {
      throw place.error(.refused, "\(shape.count) extents; at most \(Self.maximumRank) are read")
    }
    let bytes = try product(shape)
    // Deflate shrinks at most 1032 times (zlib's documentation); unwritten chunks take no room at all.
    let reach = storedByteCount.multipliedReportingOverflow(by: 1100)
    if bytes > 1 << 30, !reach.overflow, bytes > reach.partialValue {
      throw place.error(
        .refused,
        "extents \(shape) claim \(bytes) bytes, but \(storedByteCount) bytes are stored")
    }
    if case .chunked(let chunk, _) = layout, try product(chunk) > Self.maximumChunkBytes {
      throw place.error(
        .refused, "chunks of \(chunk) take more than 1 GiB each; repack with smaller chunks")
    }
  }

  /// The bytes of an array of these extents.
  private func product(_ shape: [Int]) throws(HDF5Error) -> Int {
    var bytes = max(1, element.byteCount)
    for extent in shape where extent > 0 {
      let next = bytes.multipliedReportingOverflow(by: extent)
      guard !next.overflow, next.partialValue < 1 << 56 else {
        throw place.error(.refused, "extents \(shape) are beyond any memory")
      }
      bytes = next.partialValue
    }
    return bytes
  }
}
