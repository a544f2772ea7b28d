import TestSupport
import Testing

extension JobTests {
  /// What the program says about itself.
  @Suite(.serialized) struct HelpTests {
    static let subcommands = [
      "doctor", "prepare", "inspect", "train", "launch", "plan", "evaluate", "ensemble", "predict",
      "recommend", "prune", "shrink", "quantize", "checkpoint", "report", "benchmark",
    ]

    @Test func theProgramHelps() throws {
      let result = try Aimass.run(["--help"])
      #expect(result.status == 0 && result.errors.isEmpty, "\(result)")
      try Golden.expect(result.output, "help.txt")
      for name in Self.subcommands { #expect(result.output.contains("\n  \(name) "), "\(name)") }
      let bare = try Aimass.run([])
      #expect(bare.output == result.output, "\(bare)")
    }

    @Test(arguments: subcommands)
    func everySubcommandHelps(name: String) throws {
      let result = try Aimass.run([name, "--help"])
      #expect(result.status == 0 && result.errors.isEmpty, "\(result)")
      try Golden.expect(result.output, "help-\(name).txt")
    }

    @Test func theVersionIsOneLine() throws {
      let result = try Aimass.run(["--version"])
      #expect(result.status == 0 && result.errors.isEmpty, "\(result)")
      try Golden.expect(result.output, "version.txt")
    }
  }
}
