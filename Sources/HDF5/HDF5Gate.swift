import Synchronization

/// What every file must pass before this process opens it for reading.
///
/// One place for all who open files, so that no way to a stranger's file is forgotten.
public enum HDF5Gate {
  /// Looks at the file of a path, and throws if it must not be opened.
  public typealias Guard = @Sendable (String) throws(HDF5Error) -> Void

  private static let installed = Mutex<Guard?>(nil)

  /// Puts a guard at the gate, for all files that are opened from now on.
  ///
  /// - Parameter guardian: called before each ``HDF5File/init(reading:)`` with its path, on the thread that opens.
  public static func install(_ guardian: @escaping Guard) {
    installed.withLock { $0 = guardian }
  }

  /// Asks the guard, if there is one.
  static func pass(_ path: String) throws(HDF5Error) {
    let guardian = installed.withLock { $0 }
    try guardian?(path)
  }
}
