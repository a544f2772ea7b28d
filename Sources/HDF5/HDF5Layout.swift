import CHDF5

/// A step of the pipeline that a chunk passes on its way to the file.
public enum HDF5Filter: Sendable, Equatable {
  /// zlib, levels 0 to 9.
  case deflate(level: Int)
  /// Bytes of equal significance brought together.
  case shuffle
  /// A checksum of 4 bytes at the end of the chunk.
  case fletcher32
}

/// Where the numbers of a dataset lie in the file.
public enum HDF5Layout: Sendable, Equatable {
  /// One run of bytes at an offset of the file; nil where nothing was written yet.
  case contiguous(offset: Int?)
  /// Pieces of equal shape, each through the filters in this order.
  case chunked(shape: [Int], filters: [HDF5Filter])
  /// Inside the object's header.
  case compact
}

/// The place of one chunk in the file.
public struct HDF5Chunk: Sendable, Equatable {
  /// The offset of its first byte, or nil where it was never written.
  public let offset: Int?
  /// Bytes in the file, after all filters.
  public let byteCount: Int
  /// Bit i is set where filter i was left out for this chunk.
  public let filterMask: UInt32
}

extension HDF5Layout {
  /// The layout in a creation property list, refusing what a stranger's file must not ask for.
  init(_ properties: hid_t, dataset: hid_t, _ place: Place) throws(HDF5Error) {
    let kind = H5Pget_layout(properties)
    switch kind {
    case H5D_CONTIGUOUS:
      guard H5Pget_external_count(properties) <= 0 else {
        throw place.error(
          .refused, "the numbers lie in another file (external storage); copy them into this one")
      }
      let offset = H5Dget_offset(dataset)
      self = .contiguous(offset: offset == undefined ? nil : Int(exactly: offset))
    case H5D_COMPACT: self = .compact
    case H5D_CHUNKED:
      self = .chunked(
        shape: try HDF5Layout.chunkShape(properties, place),
        filters: try HDF5Layout.filters(properties, place))
    case H5D_VIRTUAL:
      throw place.error(
        .refused, "a virtual dataset takes its numbers from other files; name those instead")
    default:
      throw place.error(.refused, "the layout \(kind.rawValue) is not known")
    }
  }

  private static func chunkShape(_ properties: hid_t, _ place: Place) throws(HDF5Error) -> [Int] {
    var extents = [hsize_t](repeating: 0, count: Int(H5S_MAX_RANK))
    let rank = try check("H5Pget_chunk", place) {
      H5Pget_chunk(properties, CInt(extents.count), &extents)
    }
    return extents.prefix(Int(rank)).map { Int(clamping: $0) }
  }

  private static func filters(
    _ properties: hid_t, _ place: Place
  ) throws(HDF5Error) -> [HDF5Filter] {
    let count = try check("H5Pget_nfilters", place) { H5Pget_nfilters(properties) }
    var filters: [HDF5Filter] = []
    for index in 0..<UInt32(count) {
      var flags: UInt32 = 0
      var valueCount = 1
      var value: UInt32 = 0
      var name = [CChar](repeating: 0, count: 64)
      var state: UInt32 = 0
      let filter = try check("H5Pget_filter", place) {
        H5Pget_filter2(
          properties, index, &flags, &valueCount, &value, name.count - 1, &name, &state)
      }
      switch filter {
      case H5Z_FILTER_DEFLATE: filters.append(.deflate(level: Int(value)))
      case H5Z_FILTER_SHUFFLE: filters.append(.shuffle)
      case H5Z_FILTER_FLETCHER32: filters.append(.fletcher32)
      default:
        let text = String(
          decoding: name.prefix { $0 != 0 }.map(UInt8.init(bitPattern:)), as: UTF8.self)
        throw place.error(
          .refused,
          "the filter \(filter) '\(text)' would need a plug-in; repack the file with gzip "
            + "(h5repack -f GZIP=1)")
      }
    }
    return filters
  }
}
