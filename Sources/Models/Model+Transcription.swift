import Configuration
import Tensors

extension Model {
  /// Whether a sample of the last pass has what a head reads, be it a sequence without a step.
  ///
  /// - Parameters:
  ///   - sample: the sample's place in the microbatch.
  ///   - index: the head's index.
  /// - Returns: false where the sample lacks the modality, or does not take part with it.
  public func reads(sample: Int, ofHead index: Int) -> Bool {
    guard let axis = axes.presence(branches[index].output.axis) else { return true }
    let offsets = lanes[0].offsets.offsets(axis)
    return offsets[sample + 1] > offsets[sample]
  }

  /// Reads what a head with the loss `ctc` made of each sequence of the last pass.
  ///
  /// - Parameters:
  ///   - index: the head's index.
  ///   - microbatch: the samples of that pass.
  ///   - search: how ids are looked for.
  ///   - lane: the lane they were in.
  /// - Returns: one list of ids per sample. Allocates.
  public func transcriptions(
    ofHead index: Int, _ microbatch: Microbatch, by search: CTCDecoder.Search = .greedy,
    inLane lane: Int = 0
  ) -> [[Int64]] {
    guard case .ctc(let blank) = heads[index].loss, let axis = branches[index].output.axis else {
      preconditionFailure("head \(heads[index].name) does not transcribe")
    }
    let decoder = CTCDecoder(classes: heads[index].outputs, blank: blank)
    let offsets = lanes[lane].offsets.offsets(axis)
    let logits = output(ofHead: index, inLane: lane)
    return (0..<microbatch.count).map { sample in
      decoder.labels(
        by: search, steps: offsets[sample + 1] - offsets[sample],
        logits: logits + offsets[sample] * decoder.classes
      ).map { $0 > Int64(blank) ? $0 - 1 : $0 }
    }
  }
}
