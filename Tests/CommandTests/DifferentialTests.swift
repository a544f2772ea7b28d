import Foundation
import TestSupport
import Testing

extension JobTests {
  /// Our reader of weights beside the reference implementation.
  @Suite(.serialized, .enabled(if: Python.has("safetensors"), "safetensors is missing"))
  struct DifferentialTests {
    @Test func bothReadersAgreeOnDamagedWeights() throws {
      try withTemporaryFolder { folder in
        let script = Checkout.folder + "/Tests/Soak/safetensors-differential"
        let result = try runProcess(
          "python3", [script, "--seed", "3", "--count", "500"],
          environment: [
            "AIMASS": Aimass.program, "AIMASS_ROOT": Checkout.folder, "AIMASS_SCRATCH": folder.path,
          ],
          timeout: 100)
        #expect(result.status == 0 && result.output.contains("\"failed\": 0"), "\(result)")
        #expect(!result.output.contains("\"note\": \"0 accepted"), "\(result)")
      }
    }
  }
}
