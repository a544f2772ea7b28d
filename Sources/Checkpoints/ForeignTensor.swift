import Parameters

/// A slot as PyTorch names, shapes and orders it.
struct ForeignTensor {
  /// The slot.
  let slot: ParameterSlot

  /// The shape in PyTorch's files.
  var shape: [Int] {
    switch slot.foreign {
    case .same, .flattenedImage: slot.shape
    case .convolution(let flat):
      flat
        ? [slot.shape[3], slot.shape[2], slot.shape[1]]
        : [slot.shape[3], slot.shape[2], slot.shape[0], slot.shape[1]]
    }
  }

  /// The ways a file may spell `name`: as it is, or with PyTorch's words for running statistics.
  static func spellings(of name: String) -> [String] {
    let theirs = foreignName(name)
    return theirs == name ? [name] : [name, theirs]
  }

  /// `name` with PyTorch's word for a running statistic or a part of a recurrent layer.
  static func foreignName(_ name: String) -> String {
    for (ours, theirs) in [
      ("runningMean", "running_mean"), ("runningVariance", "running_var"),
    ] where name == ours || name.hasSuffix("." + ours) {
      return name.dropLast(ours.count) + theirs
    }
    return recurrentName(name) ?? name
  }

  /// `…inputWeight1Reversed` as `…weight_ih_l1_reverse`; nil for other names.
  private static func recurrentName(_ name: String) -> String? {
    let last = name.split(separator: ".", omittingEmptySubsequences: false).last ?? ""
    for (ours, theirs) in [
      ("inputWeight", "weight_ih_l"), ("hiddenWeight", "weight_hh_l"), ("inputBias", "bias_ih_l"),
      ("hiddenBias", "bias_hh_l"),
    ] where last.hasPrefix(ours) {
      let rest = last.dropFirst(ours.count)
      let isReversed = rest.hasSuffix("Reversed")
      let level = isReversed ? rest.dropLast("Reversed".count) : rest
      guard !level.isEmpty, level.allSatisfy(\.isWholeNumber) else { return nil }
      return name.dropLast(last.count) + theirs + level + (isReversed ? "_reverse" : "")
    }
    return nil
  }

  /// Calls `body` with each scalar's place in our order and in theirs.
  private func forEachPlace(_ body: (_ ours: Int, _ theirs: Int) -> Void) {
    switch slot.foreign {
    case .same:
      for index in 0..<slot.count { body(index, index) }
    case .convolution:
      // Ours [K, K, C, O], theirs [O, C, K, K]: kernel positions are one axis of K · K in both.
      let positions = slot.shape[0] * slot.shape[1]
      let channels = slot.shape[2]
      let outputs = slot.shape[3]
      for position in 0..<positions {
        for channel in 0..<channels {
          for output in 0..<outputs {
            body(
              (position * channels + channel) * outputs + output,
              (output * channels + channel) * positions + position)
          }
        }
      }
    case .flattenedImage(let height, let width, let channels):
      let positions = height * width
      for output in 0..<slot.shape[0] {
        let row = output * positions * channels
        for position in 0..<positions {
          for channel in 0..<channels {
            body(row + position * channels + channel, row + channel * positions + position)
          }
        }
      }
    }
  }

  /// Reorders a tensor of PyTorch's into ours.
  func fill(_ ours: UnsafeMutablePointer<Float>, from theirs: UnsafePointer<Float>) {
    forEachPlace { ours[$0] = theirs[$1] }
  }

  /// Reorders a tensor of ours into PyTorch's.
  func export(_ ours: UnsafePointer<Float>, to theirs: UnsafeMutablePointer<Float>) {
    forEachPlace { theirs[$1] = ours[$0] }
  }
}
