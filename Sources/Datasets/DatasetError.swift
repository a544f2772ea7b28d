import HDF5

/// What went wrong with data, in one sentence that names the file and the field.
public struct DatasetError: Error, Sendable, CustomStringConvertible {
  /// The kinds of failure; the number of the exit code stands behind each.
  public enum Code: Sendable, Equatable {
    /// A file that the configuration names is not there (66).
    case missing
    /// The file is not HDF5, is cut short, fails a checksum, or asks for what is refused (65).
    case damaged
    /// Fields, types or extents are not what the configuration says (65).
    case mismatch
    /// A label is outside its classes (65).
    case label
    /// A NaN or an infinity among the values (65).
    case nonFinite
    /// The file is of a newer format than this program reads (69).
    case newerVersion
    /// A file cannot be made, or exists already (73).
    case cannotCreate
    /// Reading or writing failed: permissions, a full disk, a file cut short under us (74).
    case ioFailure
    /// The configuration asks for something that cannot be (78).
    case configuration
  }

  /// The kind of failure.
  public let code: Code
  /// What was expected, what was found, what to do; begins with the place.
  public let description: String

  /// An error from its parts.
  public init(_ code: Code, _ description: String) {
    self.code = code
    self.description = description
  }

  /// The border's error in this room's terms.
  public init(_ error: HDF5Error) {
    switch error.code {
    case .exists: code = .cannotCreate
    case .notHDF5, .damaged, .refused, .library: code = .damaged
    case .notFound, .typeMismatch, .shapeMismatch: code = .mismatch
    case .newerVersion: code = .newerVersion
    case .ioFailure: code = .ioFailure
    }
    description = error.description
  }
}

/// Runs `body`, giving the border's errors this room's form.
func border<Result>(_ body: () throws(HDF5Error) -> Result) throws(DatasetError) -> Result {
  do throws(HDF5Error) { return try body() } catch { throw DatasetError(error) }
}
