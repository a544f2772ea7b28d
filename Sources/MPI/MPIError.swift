import COpenMPI

/// A failed MPI call.
public struct MPIError: Error, Sendable, Equatable, CustomStringConvertible {
  /// What went wrong.
  public enum Code: Sendable, Equatable {
    /// The library refused; the class of its error.
    case library(errorClass: Int32)
    /// More elements than a C `int` counts.
    case countOverflow
    /// The library offers no thread level that this program needs.
    case threadingUnsupported
  }

  /// What went wrong.
  public let code: Code
  /// The C function.
  public let call: String
  /// What was found and what to do.
  public let message: String

  /// `CALL: MESSAGE`.
  public var description: String { "\(call): \(message)" }
}

/// Throws unless `status` is `MPI_SUCCESS`; every MPI call of this module goes through here.
func check(_ status: CInt, _ call: StaticString) throws(MPIError) {
  guard status != MPI_SUCCESS else { return }
  var errorClass: CInt = 0
  MPI_Error_class(status, &errorClass)
  let text = libraryText(capacity: Int(MPI_MAX_ERROR_STRING)) { MPI_Error_string(status, $0, $1) }
  throw MPIError(code: .library(errorClass: errorClass), call: "\(call)", message: text)
}

/// The text that a C function writes into a buffer of `capacity` characters.
func libraryText(
  capacity: Int, _ fill: (UnsafeMutablePointer<CChar>, UnsafeMutablePointer<CInt>) -> CInt
) -> String {
  var length: CInt = 0
  var text = [CChar](repeating: 0, count: capacity + 1)
  text.withUnsafeMutableBufferPointer { buffer in
    guard let start = buffer.baseAddress else { return }
    _ = fill(start, &length)
  }
  return String(decoding: text.prefix(Int(length)).map(UInt8.init(bitPattern:)), as: UTF8.self)
}

/// `count` as a C `int`, the type of every MPI 3.1 count; `limit` is lower in a test only.
func checkedCount(
  _ count: Int, limit: Int = Int(CInt.max), _ call: StaticString
) throws(MPIError) -> CInt {
  guard count <= limit, let short = CInt(exactly: count) else {
    throw MPIError(
      code: .countOverflow, call: "\(call)",
      message: "\(count) elements exceed \(limit), the most one message can hold; send parts")
  }
  return short
}
