import Configuration
import Tensors

/// Which clips make each sample, and how much silence lies between: functions of the seed and the
/// sample's number alone, so that nothing is kept of them.
///
/// Of the random words of sample n, word 0 says how many clips there are, word 2k + 1 which clip is the
/// k-th, from 0, and word 2k + 2 the silence behind it. The first is drawn among all clips, so a group
/// comes in proportion to its clips, and the others among those of the first one's group. A word w
/// chooses number ⌊w · n / 2³²⌋ out of n.
struct ClipSequences {
  /// The name that keys the draws beside the seed.
  private let stream: UInt32
  private let source: ConcatenatedSource
  /// The rows of the other source that the clips are.
  private let rows: [Int]
  /// The clips of each group.
  private let groups: [[Int]]
  /// The group of each clip.
  private let group: [Int]
  /// The sample of each row; -1 where there is none.
  private let samples: [Int]

  /// Draws out of clips.
  ///
  /// - Parameters:
  ///   - source: the recipe's options.
  ///   - name: the source's name.
  ///   - rows: for each clip its row in the other source; at least one.
  ///   - keys: for each clip what must agree within a sample.
  init(_ source: ConcatenatedSource, name: String, rows: [Int], keys: [[String]]) {
    self.source = source
    self.rows = rows
    stream = pathHash("concatenated \(name)")
    var numbers: [[String]: Int] = [:]
    var groups: [[Int]] = []
    group = keys.enumerated().map { clip, key in
      let number = numbers[key] ?? groups.count
      if number == groups.count {
        numbers[key] = number
        groups.append([])
      }
      groups[number].append(clip)
      return number
    }
    self.groups = groups
    samples = Array(0..<source.samples)
  }

  private init(_ other: ClipSequences, samples: [Int]) {
    (stream, source, rows) = (other.stream, other.source, other.rows)
    (groups, group, self.samples) = (other.groups, other.group, samples)
  }

  /// The number of samples.
  var count: Int { samples.count }

  /// The same with row n taken from row `map[n]`; -1 makes a row without clips.
  func mapped(_ map: [Int]) -> ClipSequences {
    ClipSequences(self, samples: map.map { $0 < 0 ? -1 : samples[$0] })
  }

  /// The number of groups.
  var groupCount: Int { groups.count }

  /// The clips of a row in order; none where there is no sample.
  func clips(_ row: Int) -> [Int] {
    guard let random = random(row) else { return [] }
    let first = choose(random.bits(at: 1), of: rows.count)
    let others = groups[group[first]]
    return [first]
      + (1..<clipCount(random)).map {
        others[choose(random.bits(at: 2 * $0 + 1), of: others.count)]
      }
  }

  /// For each clip of a row its row in the other source.
  func sourceRows(_ row: Int) -> [Int] { clips(row).map { rows[$0] } }

  /// Amplitudes of silence before a clip of a row; none before the first.
  ///
  /// - Parameters:
  ///   - row: the row.
  ///   - clip: the place of the clip among those of the row.
  ///   - rate: amplitudes a second.
  /// - Returns: a whole number between the bounds, which are rounded to whole numbers first.
  func silence(_ row: Int, before clip: Int, rate: Int) -> Int {
    guard clip > 0, let random = random(row) else { return 0 }
    func amplitudes(_ milliseconds: Double) -> Int {
      Int((milliseconds * Double(rate) / 1000).rounded())
    }
    let least = amplitudes(source.silenceMilliseconds.lowerBound)
    let most = amplitudes(source.silenceMilliseconds.upperBound)
    return least + choose(random.bits(at: 2 * clip), of: most - least + 1)
  }

  private func clipCount(_ random: CounterRandom) -> Int {
    source.clips.lowerBound + choose(random.bits(at: 0), of: source.clips.count)
  }

  private func random(_ row: Int) -> CounterRandom? {
    guard samples[row] >= 0 else { return nil }
    return CounterRandom(
      seed: source.seed, purpose: .synthesis, stream: stream,
      substream: UInt32(truncatingIfNeeded: samples[row]))
  }

  private func choose(_ word: UInt32, of count: Int) -> Int {
    Int((UInt64(word) * UInt64(count)) >> 32)
  }
}

extension FieldInput {
  /// For each origin the clips of its samples; nil where a sample is one row.
  ///
  /// - Returns: one entry per origin, all nil or none.
  /// - Throws: ``PreparationError`` where only some are concatenated.
  func sequences() throws -> [ClipSequences?] {
    let found = parts.map { part in
      if case .sequence(_, let sequences) = part { sequences } else { nil as ClipSequences? }
    }
    guard found.allSatisfy({ ($0 == nil) == (found[0] == nil) }) else {
      throw bad("it is made of concatenated clips in some splits and not in others")
    }
    return found
  }

  /// What a maker says that knows no sequences.
  var badSequence: PreparationError {
    bad(
      "a part of concatenated clips becomes 'modality: label', 'text' or 'row', their sound"
        + " 'modality: sound'")
  }
}

extension SourcePart {
  /// What a sequence is made of, or the part itself.
  var clip: SourcePart {
    if case .sequence(let part, _) = self { part } else { self }
  }
}
