import Tensors

/// What connectionist temporal classification compares a sequence of outputs with.
///
/// The outputs have a class more than there are ids: number `blank` stands for none of them, and ids
/// from there on mean the class behind it.
struct TranscriptionTarget {
  /// The axis of the outputs.
  let outputs: Int
  /// The axis of the samples that have the sequence at all; nil where all have.
  let present: Int?
  /// The axis of the ids.
  let ids: Int
  /// The class that stands for none of the ids.
  let blank: Int
  /// Where ids become classes.
  let classes: Region
  /// Float64 of scratch.
  let scratch: Region

  /// The loss of all samples, and `scale` times its gradient.
  func sum(
    _ pass: Pass, field: Int, outputs classCount: Int, logits: UnsafePointer<Float>, scale: Float,
    gradient: UnsafeMutablePointer<Float>
  ) -> Kernels.CTCResult {
    let source = pass.integers(.field(field))
    let offsets = pass.offsets(ids)
    let labels = (pass.memory + classes.offset).assumingMemoryBound(to: Int64.self)
    for index in 0..<offsets[pass.samples] {
      labels[index] = source[index] + (source[index] >= Int64(blank) ? 1 : 0)
    }
    var result = Kernels.ctc(
      samples: pass.samples, classes: classCount, offsets: pass.offsets(outputs), logits: logits,
      targetOffsets: offsets, targets: labels, blank: blank, scale: scale, gradient: gradient,
      scratch: pass.doubles(scratch))
    guard let there = present.map(pass.offsets) else { return result }
    // Who lacks the sequence has no step, but nothing to spell either.
    for sample in 0..<pass.samples
    where there[sample + 1] == there[sample] && offsets[sample + 1] > offsets[sample] {
      result.infeasible -= 1
    }
    return result
  }
}
