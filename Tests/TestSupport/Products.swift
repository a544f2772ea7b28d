import Foundation

/// What `swift build` made beside the tests that are running.
public enum Products {
  /// The folder of built programs, found from the running test program itself.
  public static let folder: String = {
    let program =
      (try? FileManager.default.destinationOfSymbolicLink(atPath: "/proc/self/exe"))
      ?? CommandLine.arguments[0]
    return (program as NSString).deletingLastPathComponent
  }()

  /// The path of a built program.
  ///
  /// - Parameter name: the product's name.
  /// - Returns: where it is.
  /// - Throws: ``ProcessFailure`` if it was not built.
  public static func program(_ name: String) throws -> String {
    let path = folder + "/" + name
    guard FileManager.default.isExecutableFile(atPath: path) else {
      throw ProcessFailure(
        description: "\(name) is not in \(folder); build with --build-tests before testing")
    }
    return path
  }
}

extension Products {
  /// The path of `aimass` built with fault points: `swift build --product aimass`, as `launch/test` does.
  ///
  /// - Returns: where it is.
  /// - Throws: ``ProcessFailure`` if it was not built.
  public static var faultProgram: String {
    get throws {
      let path = (folder as NSString).deletingLastPathComponent + "/debug/aimass"
      guard FileManager.default.isExecutableFile(atPath: path) else {
        throw ProcessFailure(
          description: "\(path) is missing; build it with: swift build --product aimass")
      }
      return path
    }
  }
}

/// The checkout the tests were compiled from.
public enum Checkout {
  /// Its folder, two levels above this file's.
  public static let folder: String = {
    var path = #filePath as NSString
    for _ in 0..<3 { path = path.deletingLastPathComponent as NSString }
    return path as String
  }()
}
