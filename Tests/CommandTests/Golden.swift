import Foundation
import TestSupport
import Testing

/// Recorded texts in `Tests/CommandTests/Golden`.
///
/// After a change that is meant, `AIMASS_RECORD=1 swift test -c release --filter CommandTests` writes
/// them anew; look at the difference before you commit it.
enum Golden {
  private static let folder = Checkout.folder + "/Tests/CommandTests/Golden/"

  /// Compares a text with the recorded one, or records it where `AIMASS_RECORD` is 1.
  static func expect(
    _ text: String, _ name: String, _ place: SourceLocation = #_sourceLocation
  ) throws {
    if ProcessInfo.processInfo.environment["AIMASS_RECORD"] == "1" {
      try text.write(toFile: folder + name, atomically: true, encoding: .utf8)
      return
    }
    let recorded = try String(contentsOfFile: folder + name, encoding: .utf8)
    #expect(text == recorded, "differs from Golden/\(name)", sourceLocation: place)
  }
}
