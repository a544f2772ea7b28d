import CHDF5

/// The HDF5 library itself.
public enum HDF5Library {
  /// The version of the library that was loaded, for example `1.10.8` (`H5get_libversion`).
  public static var version: String {
    var (major, minor, release) = (UInt32(0), UInt32(0), UInt32(0))
    guard H5get_libversion(&major, &minor, &release) >= 0 else { return "unknown" }
    return "\(major).\(minor).\(release)"
  }
}
