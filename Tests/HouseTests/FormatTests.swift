import Foundation
import TestSupport
import Testing

/// The layout of sources, and of scripts.
struct FormatTests {
  /// swift-format, as it comes with the compiler.
  static let formatter: String? = {
    let path = ProcessInfo.processInfo.environment["PATH"] ?? ""
    let folders =
      path.split(separator: ":").map(String.init)
      + ["/opt/swift/usr/bin", "/usr/local/swift/usr/bin"]
    return folders.map { $0 + "/swift-format" }.first {
      FileManager.default.isExecutableFile(atPath: $0)
    }
  }()

  @Test(.enabled(if: formatter != nil, "swift-format is not on PATH"))
  func sourcesAreLaidOutByTheRules() throws {
    let result = try runProcess(
      try #require(Self.formatter),
      ["lint", "--strict", "--recursive", "--parallel", "Sources", "Tests", "Package.swift"],
      timeout: 300, currentDirectory: Checkout.folder)
    #expect(result.status == 0 && result.output.isEmpty && result.errors.isEmpty, "\(result)")
  }

  @Test(.enabled(if: formatter != nil, "swift-format is not on PATH"))
  func undocumentedCodeIsFound() throws {
    try withTemporaryFolder { folder in
      let file = try folder.write("public let undocumented = 1\n", to: "A.swift")
      let rules = Checkout.folder + "/.swift-format"
      let result = try runProcess(
        try #require(Self.formatter), ["lint", "--strict", "--configuration", rules, file])
      #expect(result.status != 0, "\(result)")
    }
  }

  @Test func scriptsParseAndStopAtErrors() throws {
    let files = SourceFile.all(below: "launch") + SourceFile.all(below: ".ci")
    // Peers that are measured bring programs of their own language.
    let scripts = files.filter { !$0.path.hasSuffix(".py") }
    #expect(scripts.count >= 5)
    for script in scripts {
      let path = Checkout.folder + "/" + script.path
      let result = try runProcess("bash", ["-n", path])
      #expect(result.status == 0, "\(result)")
      #expect(script.text.hasPrefix("#!/usr/bin/env bash\n"), "\(script.path)")
      #expect(script.text.contains("\nset -euo pipefail\n"), "\(script.path)")
      let sourced = script.path == "launch/common.sh"
      let executable = FileManager.default.isExecutableFile(atPath: path)
      #expect(sourced || executable, "\(script.path) cannot be started")
    }
  }
}
