import Tensors

/// What this rank saw in its microbatches of a step, before they were added to those of other ranks.
struct StepEvidence {
  /// Samples that a message names.
  static let shownSamples = 8

  /// Where a microbatch was not finite.
  struct Finding: Codable, Equatable {
    /// Its place in the step.
    let microbatch: Int
    /// A layer, an input, or the gradient of a parameter.
    let place: String
    /// The first samples for which it was so, by their number in the split.
    let samples: [Int64]
    /// How many there were.
    let sampleCount: Int

    init(_ microbatch: Int, _ place: String, samples: [Int64]) {
      self.microbatch = microbatch
      self.place = place
      self.samples = Array(samples.prefix(StepEvidence.shownSamples))
      sampleCount = samples.count
    }

    /// Microbatch and samples, for a message.
    var text: String {
      let named = samples.map(String.init).joined(separator: ", ")
      let rest = sampleCount - samples.count
      return "microbatch \(microbatch + 1), \(sampleCount == 1 ? "sample" : "samples") \(named)"
        + (rest > 0 ? " and \(rest) more" : "")
    }
  }

  /// The first microbatch that was not finite.
  private(set) var finding: Finding?
  /// Checksums of gradient and losses by microbatch, where a step may be computed twice.
  private(set) var sums: [Int: UInt64] = [:]

  /// Takes what was found in the pass of a microbatch; the first of the step is kept.
  ///
  /// What the forward pass shows is told after the gradients, but came before them and takes their place.
  ///
  /// - Parameters:
  ///   - place: what to name.
  ///   - samples: for which it was so; nil for all, where none by itself is to blame.
  ///   - microbatch: whose pass it was.
  mutating func note(_ place: String, _ samples: [Int64]? = nil, in microbatch: Microbatch) {
    guard finding == nil || (samples != nil && finding?.microbatch == microbatch.index) else {
      return
    }
    let all = (0..<microbatch.count).map { microbatch.sampleNumbers[$0] }
    finding = Finding(microbatch.index, place, samples: samples ?? all)
  }

  /// Takes the checksum of a microbatch.
  mutating func add(_ sum: UInt64, ofMicrobatch index: Int) { sums[index] = sum }
}
