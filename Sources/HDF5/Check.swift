import CHDF5
import Foundation

/// The file and the object inside it that a call is about.
struct Place: Sendable {
  /// The file's path as the caller gave it.
  let file: String
  /// The object's path in the file, `/` for the file itself.
  let object: String

  /// `FILE` or `FILE:OBJECT`.
  var text: String { object == "/" ? file : "\(file):\(object)" }

  /// The place of `name` below this one.
  func child(_ name: String) -> Place {
    if name.hasPrefix("/") { return Place(file: file, object: name) }
    return Place(file: file, object: object == "/" ? "/\(name)" : "\(object)/\(name)")
  }

  /// An error at this place.
  func error(_ code: HDF5Error.Code, _ message: String) -> HDF5Error {
    HDF5Error(code, at: text, message)
  }
}

/// `H5P_DEFAULT`: the default property list.
let defaults: hid_t = 0

/// `HADDR_UNDEF`, `HSIZE_UNDEF`: no address, no bound.
let undefined = UInt64.max

/// Starts the library without its clean-up at exit, once.
///
/// Every object here is closed by its owner, so there is nothing to clean up; what a process that ends in the
/// middle of a write leaves is a temporary file anyway. With error stacks of threads that are gone the
/// clean-up does not come to an end ("infinite loop closing library").
private let started: Void = {
  _ = H5dont_atexit()
}()

/// Calls the library and returns its status, or throws if that is negative.
///
/// Every HDF5 call that can fail goes through here. The library prints its error stack by itself, per
/// thread; that is switched off before each call, and the stack becomes the error's message instead.
@discardableResult
func check<Status: SignedInteger>(
  _ function: StaticString, _ place: Place, _ call: () -> Status
) throws(HDF5Error) -> Status {
  started
  H5Eset_auto2(0, nil, nil)
  let status = call()
  guard status < 0 else { return status }
  throw ErrorStack.capture().error(function, place)
}

/// The lines of the library's error stack, outermost call first.
private struct ErrorStack {
  var lines: [String] = []

  /// Reads the stack that the last call of this thread left.
  static func capture() -> ErrorStack {
    var stack = ErrorStack()
    withUnsafeMutablePointer(to: &stack) { pointer in
      _ = H5Ewalk2(
        0, H5E_WALK_DOWNWARD,
        { _, entry, context in
          if let text = entry?.pointee.desc, let context {
            context.assumingMemoryBound(to: ErrorStack.self).pointee.lines
              .append(String(cString: text))
          }
          return 0
        }, pointer)
    }
    return stack
  }

  /// True if a line contains one of `words`.
  private func mentions(_ words: String...) -> Bool {
    lines.contains { line in words.contains { line.contains($0) } }
  }

  /// What the operating system said, out of a line of the library that names its arguments too.
  private static func reason(_ line: String) -> String? {
    guard let start = line.range(of: "error message = '")?.upperBound,
      let end = line[start...].firstIndex(of: "'")
    else { return nil }
    let action = line.contains("write") ? "cannot be written" : "cannot be read"
    let advice = line.contains("errno = 28") ? "; free some space" : ""
    return "the file \(action): \(line[start..<end])\(advice)"
  }

  /// The sentence for a person: the known causes in plain words, others in the library's.
  func error(_ function: StaticString, _ place: Place) -> HDF5Error {
    let inner = lines.last ?? "no reason given"
    if mentions("bad version number for layout message", "bad version number for", "superblock") {
      if mentions("version number") {
        return place.error(
          .newerVersion,
          "the file is written in a format newer than HDF5 1.10 reads (\(inner)); write it with "
            + "h5py's default, or libver=('v110', 'v110'), instead of libver='latest'")
      }
    }
    if mentions("unable to lock file") {
      return place.error(
        .ioFailure,
        "the file cannot be locked (\(inner)); a writer may have it open, or the file system does "
          + "not support locks: then set HDF5_USE_FILE_LOCKING=FALSE")
    }
    if mentions("checksum", "data error detected by Fletcher32", "truncated file", "eof =") {
      return place.error(.damaged, "the file is damaged (\(inner)); make it again or restore it")
    }
    if mentions("already open for write", "may be already open", "consistency flags") {
      return place.error(
        .damaged, "the file was not closed by its writer (\(inner)); make it again")
    }
    if let failure = lines.last(where: { $0.contains("errno = ") }) {
      return place.error(.ioFailure, Self.reason(failure) ?? "\(function) failed: \(failure)")
    }
    let outer = lines.first.map { $0 == inner ? "" : "\($0): " } ?? ""
    return place.error(.library, "\(function) failed: \(outer)\(inner)")
  }
}
