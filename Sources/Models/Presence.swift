import Buffers
import Tensors

/// A modality as far as it may be missing.
struct Presence {
  /// The field that says which samples have it; nil where all have.
  let field: Int?
  /// How often training leaves it out.
  let rate: Float
  /// Tells its random numbers apart.
  let path: UInt32

  /// Which modalities take part in a pass.
  struct Selection {
    /// The run's seed.
    let seed: UInt64
    /// The optimizer step; nil outside of training, where nothing is dropped.
    let step: Int?
    /// False for modalities that are treated as missing everywhere; empty for none.
    let taken: [Bool]
  }
}

/// Which modalities each sample has in a pass: those it has in the data, less those left out.
///
/// Training leaves modality m out of a sample where a number in `0 ..< 1` is below its rate
/// (ModDrop, Neverova and others 2016). The number is a function of (seed, modality, step, sample number),
/// so every rank knows the draws of the whole global batch. A sample never loses all it has: of those
/// drawn, the one whose number came nearest to its rate stays.
final class PresenceTable {
  private let modalities: [Presence]
  private let capacity: Int
  private let flags: HostBuffer<UInt8>

  /// Room for the flags of `capacity` samples.
  init(_ modalities: [Presence], capacity: Int) {
    self.modalities = modalities
    self.capacity = capacity
    flags = HostBuffer(count: modalities.count * capacity)
  }

  /// 1 for each sample that has the modality in the pass, else 0.
  func flags(_ modality: Int) -> UnsafePointer<UInt8> {
    UnsafePointer(flags.base + modality * capacity)
  }

  /// Decides for all samples of a microbatch.
  func compute(_ microbatch: Microbatch, _ selection: Presence.Selection) {
    for index in modalities.indices { mark(index, microbatch, selection) }
    guard let step = selection.step, modalities.contains(where: { $0.rate > 0 }) else { return }
    for sample in 0..<microbatch.count { drop(sample, microbatch, selection.seed, step) }
  }

  private func mark(_ index: Int, _ microbatch: Microbatch, _ selection: Presence.Selection) {
    let row = flags.base + index * capacity
    guard selection.taken.isEmpty || selection.taken[index] else {
      return row.update(repeating: 0, count: microbatch.count)
    }
    if let field = modalities[index].field {
      row.update(from: microbatch.presence(field), count: microbatch.count)
    } else {
      row.update(repeating: 1, count: microbatch.count)
    }
  }

  private func drop(_ sample: Int, _ microbatch: Microbatch, _ seed: UInt64, _ step: Int) {
    let number = Int(microbatch.sampleNumbers[sample])
    var left = 0
    var nearest = -1
    var distance = Float.infinity
    for (index, modality) in modalities.enumerated() {
      let flag = flags.base + index * capacity + sample
      guard flag.pointee != 0 else { continue }
      let random = CounterRandom(
        seed: seed, purpose: .modalityDropout, stream: modality.path,
        substream: UInt32(truncatingIfNeeded: step))
      let short = modality.rate - random.uniform(at: number)
      guard short > 0 else {
        left += 1
        continue
      }
      flag.pointee = 0
      if short < distance { (nearest, distance) = (index, short) }
    }
    if left == 0, nearest >= 0 { flags.base[nearest * capacity + sample] = 1 }
  }
}

/// Copies the units of the samples that have a modality in a pass; nothing behind it sees the others.
struct PresenceGate {
  /// The field.
  let input: Value
  /// What the encoder reads.
  let output: Value

  /// Copies the kept units.
  func forward(_ pass: Pass) {
    let size = input.unitCount * (input.element == .float ? 4 : 8)
    let source = pass.bytes(input.place)
    let target = pass.bytes(output.place)
    guard let axis = output.axis else { preconditionFailure("a gate without an axis") }
    let kept = pass.offsets(axis)
    let all = input.axis.map(pass.offsets)
    for sample in 0..<pass.samples where kept[sample + 1] > kept[sample] {
      let start = all.map { $0[sample] } ?? sample
      (target + kept[sample] * size).copyMemory(
        from: source + start * size, byteCount: (kept[sample + 1] - kept[sample]) * size)
    }
  }
}

extension Pass {
  /// The bytes at `place`.
  func bytes(_ place: Place) -> UnsafeMutableRawPointer {
    switch place {
    case .region(let region): memory + region.offset
    case .field(let index): fields[index]
    case .slab(let index): UnsafeMutableRawPointer(slabs[index])
    }
  }
}
