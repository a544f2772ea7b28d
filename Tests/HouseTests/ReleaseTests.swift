import Foundation
import TestSupport
import Testing

/// What is shipped has no switch that breaks it.
@Suite struct ReleaseTests {
  @Test func onlyTheDebugProgramHasFaults() throws {
    let mark = Data("AIMASS_FAULT".utf8)
    let shipped = try #require(
      FileManager.default.contents(atPath: try Products.program("aimass")))
    #expect(shipped.range(of: mark) == nil)
    let debug = try #require(FileManager.default.contents(atPath: try Products.faultProgram))
    #expect(debug.range(of: mark) != nil)
  }
}
