/// What went wrong with an HDF5 file, in one sentence that names the file and the object.
public struct HDF5Error: Error, Sendable, CustomStringConvertible {
  /// The kinds of failure a caller may branch on.
  public enum Code: Sendable, Equatable {
    /// The file, group, dataset or attribute does not exist.
    case notFound
    /// Something of that name exists already.
    case exists
    /// The file has no HDF5 signature.
    case notHDF5
    /// The file uses a format newer than the installed library reads.
    case newerVersion
    /// The stored bytes contradict themselves: cut short, a bad checksum, a broken structure.
    case damaged
    /// The stored type cannot become the wanted one without loss.
    case typeMismatch
    /// The stored extents are not the wanted ones.
    case shapeMismatch
    /// The file asks for something that is not done for files of strangers.
    case refused
    /// The operating system failed: permissions, a full disk, a read error.
    case ioFailure
    /// The library failed in another way.
    case library
  }

  /// The kind of failure.
  public let code: Code
  /// `FILE` or `FILE:OBJECT`.
  public let location: String
  /// What was expected, what was found, what to do.
  public let message: String

  /// An error from its parts.
  public init(_ code: Code, at location: String, _ message: String) {
    self.code = code
    self.location = location
    self.message = message
  }

  /// The location and the message.
  public var description: String { "\(location): \(message)" }
}
