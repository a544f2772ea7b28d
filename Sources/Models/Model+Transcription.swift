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

  /// Reads what a head with the loss `ctc` made of each sequence of the last pass: the ids of the most
  /// probable path.
  ///
  /// - Parameters:
  ///   - index: the head's index.
  ///   - microbatch: the samples of that pass.
  ///   - lane: the lane they were in.
  /// - Returns: one list of ids per sample. Allocates.
  public func transcriptions(
    ofHead index: Int, _ microbatch: Microbatch, inLane lane: Int = 0
  ) -> [[Int64]] {
    guard case .ctc(let blank) = heads[index].loss, let axis = branches[index].output.axis else {
      preconditionFailure("head \(heads[index].name) does not transcribe")
    }
    let decoder = CTCDecoder(classes: heads[index].outputs, blank: blank)
    let offsets = lanes[lane].offsets.offsets(axis)
    let logits = output(ofHead: index, inLane: lane)
    return (0..<microbatch.count).map { sample in
      let steps = offsets[sample + 1] - offsets[sample]
      return [Int64](unsafeUninitializedCapacity: max(1, steps)) { ids, count in
        guard let base = ids.baseAddress else { return }
        count = decoder.greedy(
          steps: steps, logits: logits + offsets[sample] * decoder.classes, into: base)
        for place in 0..<count where base[place] > Int64(blank) { base[place] -= 1 }
      }
    }
  }
}
