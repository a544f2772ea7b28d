import TestSupport
import Testing

/// Trains and evaluates on several numbers of ranks and compares digests, metrics and curves.
///
/// - Parameters:
///   - configuration: the path of a configuration with a test split.
///   - ranks: how many ranks to take, one after the other.
///   - set: overrides of the configuration.
///   - steps: the steps that must be logged, each once.
///   - evaluating: further words for `aimass evaluate`.
/// - Returns: what every evaluation printed.
/// - Throws: what starting a program throws.
@discardableResult
func expectSameBits(
  _ configuration: String, ranks: [Int], set: [String] = [], steps: Int? = nil,
  evaluating: [String] = []
) throws -> String {
  try withTemporaryFolder { folder in
    var first: (run: Run, evaluation: String)?
    for count in ranks {
      let run = Run(path: folder.file("on-\(count)"))
      let trained = try Aimass.train(configuration, ranks: count, output: run.path, set: set)
      #expect(trained.status == 0 && trained.leftovers.isEmpty, "\(trained)")
      let judged = try Aimass.run(ranks: count, ["evaluate", run.path, "--json"] + evaluating)
      #expect(judged.status == 0 && judged.leftovers.isEmpty, "\(judged)")
      #expect(run.summary?["ranks"] as? Int == count)
      if let steps { #expect(run.steps == Array(1...steps)) }
      guard let first else {
        #expect(run.digest.count == 64)
        #expect(judged.output.hasPrefix("{\"split\": \"test\""), "\(judged)")
        first = (run, judged.output)
        continue
      }
      #expect(run.digest == first.run.digest, "\(count) ranks")
      #expect(judged.output == first.evaluation, "\(count) ranks")
      #expect(run.history == first.run.history, "\(count) ranks")
    }
    return first?.evaluation ?? ""
  }
}
