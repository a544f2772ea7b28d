import CHDF5
import Glibc

/// An open HDF5 file.
///
/// The library is built thread-safe and takes one lock for every call, so a file and what is in it may
/// be used from several threads, one after the other. Not covered: appending to existing files,
/// parallel HDF5, references, compound types, variable-length datasets.
public final class HDF5File: Sendable {
  /// The path as the caller gave it.
  public let path: String
  /// The file's length in bytes when it was opened; 0 for a file being written.
  public let byteCount: Int
  /// The root group.
  public let root: HDF5Group
  private let handle: Handle
  private let place: Place

  /// Opens an existing file for reading.
  ///
  /// - Parameter path: the file.
  /// - Throws: ``HDF5Error``: `.notFound`, `.notHDF5`, `.newerVersion`, `.damaged` for a file cut
  ///   short, `.ioFailure`.
  public init(reading path: String) throws(HDF5Error) {
    let place = Place(file: path, object: "/")
    byteCount = try HDF5File.examine(path, place)
    try HDF5Gate.pass(path)
    // A filter or driver that is not built in would be loaded as a plug-in, which is code.
    try check("H5PLset_loading_state", place) { H5PLset_loading_state(0) }
    let id = try check("H5Fopen", place) { H5Fopen(path, CHDF5_read_only(), defaults) }
    handle = Handle(owning: id, H5Fclose)
    self.path = path
    self.place = place
    root = try HDF5Group(file: handle, opening: "/", place)
  }

  /// Creates a file that must not exist, in the format of HDF5 1.10, whose metadata is checksummed.
  ///
  /// - Parameter path: the new file.
  /// - Throws: ``HDF5Error``: `.exists`, `.ioFailure`.
  public init(creating path: String) throws(HDF5Error) {
    let place = Place(file: path, object: "/")
    guard access(path, F_OK) != 0 else {
      throw place.error(.exists, "the file exists already and is left untouched")
    }
    let access = try makePropertyList(CHDF5_file_access(), place)
    try check("H5Pset_libver_bounds", place) {
      H5Pset_libver_bounds(access.id, H5F_LIBVER_V110, H5F_LIBVER_V110)
    }
    // Closing the file closes whatever is still open in it, so that the bytes are complete.
    try check("H5Pset_fclose_degree", place) {
      H5Pset_fclose_degree(access.id, H5F_CLOSE_STRONG)
    }
    let creation = try makePropertyList(CHDF5_file_create(), place)
    // The root group, too, keeps no times.
    try check("H5Pset_obj_track_times", place) { H5Pset_obj_track_times(creation.id, false) }
    let id = try check("H5Fcreate", place) {
      H5Fcreate(path, CHDF5_exclusive(), creation.id, access.id)
    }
    handle = Handle(owning: id, H5Fclose)
    self.path = path
    self.place = place
    byteCount = 0
    root = try HDF5Group(file: handle, opening: "/", place)
  }

  /// Hands everything written so far to the operating system.
  ///
  /// The corresponding C function is `H5Fflush`.
  public func flush() throws(HDF5Error) {
    try check("H5Fflush", place) { H5Fflush(handle.id, H5F_SCOPE_GLOBAL) }
  }

  /// Closes the file now, so that a full disk is heard; a file let go closes silently.
  ///
  /// The corresponding C function is `H5Fclose`. Groups and datasets of a file that was being written
  /// cannot be used afterwards.
  public func close() throws(HDF5Error) {
    try handle.close("H5Fclose", place)
  }

  /// Looks at a file without the library, whose own words would not help a person.
  ///
  /// - Returns: the length in bytes.
  private static func examine(_ path: String, _ place: Place) throws(HDF5Error) -> Int {
    // A pipe must not hold up the one who opens it.
    let descriptor = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK)
    guard descriptor >= 0 else {
      let code = errno
      if code == ENOENT || code == ENOTDIR {
        throw place.error(.notFound, "there is no such file")
      }
      throw place.error(.ioFailure, "the file cannot be opened: \(String(cString: strerror(code)))")
    }
    defer { _ = Glibc.close(descriptor) }
    var status = stat()
    guard fstat(descriptor, &status) == 0, status.st_mode & S_IFMT == S_IFREG else {
      throw place.error(.notHDF5, "an HDF5 file was expected, but this is a folder or a device")
    }
    let length = Int(status.st_size)
    guard length > 0 else { throw place.error(.notHDF5, "the file is empty (0 bytes)") }
    // The signature stands at 0, 512, 1024, 2048, ...: a user block may come first.
    var offset = 0
    while offset + 8 <= length {
      var bytes = [UInt8](repeating: 0, count: 8)
      if pread(descriptor, &bytes, 8, offset) == 8,
        bytes == [0x89, 0x48, 0x44, 0x46, 0x0D, 0x0A, 0x1A, 0x0A]
      {
        return length
      }
      offset = offset == 0 ? 512 : offset * 2
    }
    throw place.error(
      .notHDF5, "this is not an HDF5 file (\(length) bytes without the HDF5 signature)")
  }
}
