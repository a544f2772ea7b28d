import Foundation
import Metrics
import Testing

/// Metrics equal scikit-learn's on the inputs of `Golden/make.py`.
@Suite struct ScikitLearnTests {
  private struct Golden: Decodable {
    var version: String
    var cases: [String: Case]
  }

  private struct Case: Decodable {
    var values: [String: Double]
    var confusion: [[Int]]?
  }

  private static let folder = URL(fileURLWithPath: #filePath).deletingLastPathComponent()
    .appendingPathComponent("Golden")

  private static let cases: [(name: String, samples: Samples)] = [
    ("five classes", .classes(203, 5, seed: 1, used: 5)),
    ("two classes", .classes(101, 2, seed: 2, used: 2)),
    ("twelve classes", .classes(331, 12, seed: 3, used: 12)),
    ("five classes ranked", .classes(203, 5, seed: 9, used: 5, stock: 31)),
    ("eleven classes ranked", .classes(400, 11, seed: 10, used: 11, stock: 60)),
    ("classes without samples", .classes(97, 6, seed: 4, used: 3)),
    ("binary", .yesOrNo(157, 1, seed: 5)),
    ("three labels", .yesOrNo(119, 3, seed: 6)),
    ("one value", .numbers(211, 1, seed: 7, offset: 0)),
    ("three values far from zero", .numbers(83, 3, seed: 8, offset: 100_000)),
  ]

  @Test func recordedValuesAreReproduced() throws {
    let file = ScikitLearnTests.folder.appendingPathComponent("scikit-learn.json")
    try compare(with: Data(contentsOf: file))
  }

  @Test(.enabled(if: ScikitLearnTests.isImportable, "scikit-learn is not installed for python3"))
  func installedScikitLearnAgrees() throws {
    let script = ScikitLearnTests.folder.appendingPathComponent("make.py").path
    try compare(with: ScikitLearnTests.python([script]).output)
  }

  private func compare(with data: Data) throws {
    let golden = try JSONDecoder().decode(Golden.self, from: data)
    #expect(golden.cases.count == ScikitLearnTests.cases.count)
    for (name, samples) in ScikitLearnTests.cases {
      let expected = try #require(golden.cases[name])
      let result = try samples.measure()
      for (metric, value) in expected.values {
        let found = try #require(result.value(of: metric), "\(name): \(metric) is undefined")
        #expect(
          abs(found - value) <= 1e-12 * max(1, abs(value)),
          "\(name): \(metric) is \(found), scikit-learn \(golden.version) gives \(value)")
      }
      #expect(result.heads[0].confusion == expected.confusion, "\(name)")
      #expect(result.samples == samples.count)
    }
  }

  private static let isImportable =
    (try? python(["-c", "import sklearn.metrics"]).status) == 0

  private static func python(_ arguments: [String]) throws -> (status: Int32, output: Data) {
    let process = Process()
    process.executableURL = URL(fileURLWithPath: "/usr/bin/env")
    process.arguments = ["python3"] + arguments
    let pipe = Pipe()
    process.standardOutput = pipe
    process.standardError = FileHandle.nullDevice
    try process.run()
    let output = pipe.fileHandleForReading.readDataToEndOfFile()
    process.waitUntilExit()
    return (process.terminationStatus, output)
  }
}
