import Foundation

/// The raw public data that end-to-end tests read, named by `AIMASS_DATA`.
///
/// A test that needs it says so: `@Test(.enabled(if: DataFolder.has("mnist"), DataFolder.hint))`.
public enum DataFolder {
  /// The folder, or nil where the variable is unset or names none.
  public static let path: String? = {
    guard let path = ProcessInfo.processInfo.environment["AIMASS_DATA"] else { return nil }
    return FileManager.default.fileExists(atPath: path) ? path : nil
  }()

  /// What to do where data is missing.
  public static let hint = "set AIMASS_DATA to the folder of raw datasets"

  /// The path of something in the folder, if both are there.
  ///
  /// - Parameter name: relative to the folder.
  /// - Returns: the absolute path, or nil.
  public static func file(_ name: String) -> String? {
    guard let path, FileManager.default.fileExists(atPath: path + "/" + name) else { return nil }
    return path + "/" + name
  }

  /// Whether something is in the folder.
  ///
  /// - Parameter name: relative to the folder.
  /// - Returns: whether it is there.
  public static func has(_ name: String) -> Bool { file(name) != nil }
}
