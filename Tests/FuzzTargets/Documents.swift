import Configuration
import Reports

extension FuzzTarget {
  /// What people write.
  static let documents = [
    FuzzTarget("configuration") { bytes in
      _ = try ConfiguredRun.decode(yaml: String(decoding: bytes, as: UTF8.self), name: "fuzz")
    },
    FuzzTarget("override") { bytes in
      _ = try ConfiguredRun.decode(
        yaml: "name: x\n", name: "fuzz", overrides: [String(decoding: bytes, as: UTF8.self)])
    },
    FuzzTarget("recipe") { bytes in
      _ = try RecipeConfiguration.decode(yaml: String(decoding: bytes, as: UTF8.self), name: "fuzz")
    },
    FuzzTarget("json") { bytes in
      let value = try JSONText.parse(String(decoding: bytes, as: UTF8.self))
      let again = try JSONText.parse(JSONText.pretty(value))
      precondition(again == value, "what was written reads otherwise")
    },
  ]
}
