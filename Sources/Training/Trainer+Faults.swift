import FaultPoints
import Parameters
import Tensors

// What a debug build does to numbers where `AIMASS_FAULT` asks for it: `KIND@PLACE`, as in
// `nan@heads.digit.0.weight`. Kinds are `nan`, `inf`, `huge` (1e38), `denormal` and `flip`, one bit; a place is a
// tensor, an array of the optimizer, a field, or the number of a head. In a release build nothing of it is left.

#if DEBUG
  extension Trainer {
    /// Spoils weights or optimizer state that this rank owns, or, of a node's copy, a weight that it does not.
    func spoil(at point: FaultPoint) {
      guard let (kind, place) = Self.parts(point.argument) else { return }
      if place.hasPrefix("copy of ") {
        guard let slot = model.layout[String(place.dropFirst(8))],
          let index = slot.range.first(where: { !exchange.owned.contains($0 / 4096) })
        else { fatalError("nothing of '\(place)' belongs to others") }
        return Self.spoil(store.base + index, kind)
      }
      if place == "mask", let bits = pruner?.mask?.bits {
        UnsafeMutablePointer(mutating: bits.baseAddress)?.pointee ^= 2
        return
      }
      for array in memoryCheck.stretches {
        let slot = model.layout[place]
        guard array.name == place || array.name == "weights" && slot != nil else { continue }
        let shared = slot?.range.clamped(to: array.range) ?? array.range
        guard !shared.isEmpty else { continue }
        return Self.spoil(array.base + (shared.lowerBound - array.range.lowerBound), kind)
      }
    }

    /// Spoils the gradient of a tensor as soon as it is final.
    func spoil(_ gradient: UnsafePointer<Float>, _ argument: String, _ range: Range<Int>) {
      guard let (kind, place) = Self.parts(argument), let slot = model.layout[place],
        range.contains(slot.offset)
      else { return }
      Self.spoil(UnsafeMutablePointer(mutating: gradient) + slot.offset, kind)
    }

    /// Spoils the loss of a head.
    func spoil(_ losses: UnsafeMutablePointer<Double>) {
      guard let (kind, place) = Self.parts(FaultPoint.lossReady.argument), let head = Int(place)
      else { return }
      var value = Float(losses[head])
      Self.spoil(&value, kind)
      losses[head] = Double(value)
    }

    /// Spoils the last sample's value of a field.
    func spoil(_ microbatch: Microbatch) {
      guard let (kind, place) = Self.parts(FaultPoint.inputReady.argument),
        let index = microbatch.fields.firstIndex(where: { $0.name == place })
      else { return }
      let count = microbatch.units(index) * microbatch.fields[index].scalarsPerUnit
      Self.spoil(microbatch.floats(index) + count - 1, kind)
    }

    private static func parts(_ argument: String?) -> (kind: String, place: String)? {
      guard let words = argument?.split(separator: "@", maxSplits: 1), words.count == 2 else {
        return nil
      }
      return (String(words[0]), String(words[1]))
    }

    private static func spoil(_ value: UnsafeMutablePointer<Float>, _ kind: String) {
      switch kind {
      case "nan": value.pointee = .nan
      case "inf": value.pointee = -.infinity
      case "huge": value.pointee = 1e38
      case "denormal": value.pointee = .leastNonzeroMagnitude
      case "flip": value.pointee = Float(bitPattern: value.pointee.bitPattern ^ 0x800)
      default: fatalError("AIMASS_FAULT: '\(kind)' is no way to spoil a number")
      }
    }
  }
#else
  extension Trainer {
    @inline(__always) func spoil(at point: FaultPoint) {}
    @inline(__always)
    func spoil(_ gradient: UnsafePointer<Float>, _ argument: String, _ range: Range<Int>) {}
    @inline(__always) func spoil(_ losses: UnsafeMutablePointer<Double>) {}
    @inline(__always) func spoil(_ microbatch: Microbatch) {}
  }
#endif
