import Exchange
import Parameters
import Tensors
import Testing

/// A layout with dense slots, tables of several widths and a statistic.
private let layout: ParameterLayout = {
  var layout = ParameterLayout()
  _ = layout.reserve("bias", [7], initializer: .constant(0))
  _ = layout.reserve("table", [60, 5], initializer: .constant(0), table: .dense)
  _ = layout.reserve("weight", [31, 11], initializer: .constant(0))
  _ = layout.reserve(
    "mean", [13], role: .statistic(momentum: 0.1, rowsPerSample: 1), initializer: .constant(0))
  _ = layout.reserve("narrow", [99, 1], initializer: .constant(0), table: .dense)
  _ = layout.reserve("wide", [3, 200], initializer: .constant(0), table: .dense)
  _ = layout.reserve("large", [4099], initializer: .constant(0))
  return layout
}()

private let topK = WireFormat.topK(.init(density: 0.01, momentum: 0, warmupSteps: 0))

/// Values for a whole layout of which tables, and everything else if asked, are mostly +0.
private func draws(zeros share: Double, everywhere: Bool = false) -> [Float] {
  var values = (0..<layout.count).map { _ in Float(bitPattern: .random(in: .min ... .max)) }
  for slot in layout.slots where slot.isTable || everywhere {
    let width = slot.isTable ? slot.shape[1] : 1
    for start in stride(from: slot.offset, to: slot.range.upperBound, by: width)
    where Double.random(in: 0..<1) < share {
      for place in start..<start + width { values[place] = 0 }
    }
  }
  return values
}

private func bits(_ values: some Sequence<Float>) -> [UInt32] { values.map(\.bitPattern) }

/// Sends a stretch and reads it into `target`; words beyond the message are checked to be untouched.
private func pass(
  _ code: WireCode, _ values: ArraySlice<Float>, since old: [Float]?, into target: [Float]
) -> (values: [Float], words: Int) {
  var words = [UInt32](repeating: 0xDEAD_BEEF, count: code.capacity + 4)
  let written = code.encode(Array(values), since: old, into: &words)
  #expect(written <= code.capacity)
  #expect(words[written...].suffix(4).allSatisfy { $0 == 0xDEAD_BEEF })
  var found = target
  code.decode(&words, into: &found)
  return (found, written)
}

@Suite("Messages between nodes")
struct WireTests {
  static let stretches: [Range<Int>] = [
    0..<layout.count, 0..<3, 5..<9, 8..<307, 10..<11, 100..<400, 650..<680, 700..<1400,
    1395..<1400, 2000..<layout.count,
  ]

  @Test("What travels as it lies has no code")
  func plain() {
    let mask = ParameterMask(count: layout.count) { _ in true }
    for mask in [nil, mask] {
      #expect(WireCode(310..<640, of: layout, .float32, .sums, mask: mask) == nil)
      #expect(WireCode(310..<640, of: layout, .bfloat16, .weights, mask: mask) == nil)
    }
    #expect(WireCode(310..<640, of: layout, .bfloat16, .sums, mask: nil) != nil)
    #expect(WireCode(300..<640, of: layout, .float32, .sums, mask: nil) != nil)
  }

  @Test("Sums keep all bits, or are rounded", arguments: stretches, [0, 0.5, 0.9, 1])
  func sums(stretch: Range<Int>, zeros: Double) throws {
    for format in [WireFormat.float32, .bfloat16, topK] {
      guard let code = WireCode(stretch, of: layout, format, .sums, mask: nil) else { continue }
      let values = draws(zeros: zeros, everywhere: format == topK)
      let junk = [Float](repeating: .nan, count: stretch.count)
      let (found, words) = pass(code, values[stretch], since: nil, into: junk)
      let expected = stretch.map { place -> Float in
        let slot = layout.slots.first { $0.range.contains(place) }
        guard format == .bfloat16, slot?.role == .trainable else { return values[place] }
        return Float(bitPattern: UInt32(Reference.bfloat16(values[place])) << 16)
      }
      #expect(bits(found) == bits(expected), "\(format)")
      #expect(words <= stretch.count + 2 * code.segments.count)
      if zeros == 1, format == topK { #expect(words < stretch.count / 4 + 350) }
    }
  }

  @Test("Rows of −0, NaN, denormals and single bits travel; only +0 stays")
  func oddRows() throws {
    let stretch = 7..<307
    let code = try #require(WireCode(stretch, of: layout, .float32, .sums, mask: nil))
    for odd in [0x8000_0000, 0x7FC0_0000, 0xFF80_0001, 1, 0x3F80_0000] as [UInt32] {
      var values = [Float](repeating: 0, count: layout.count)
      #expect(pass(code, values[stretch], since: nil, into: values).words == 2)
      values[100] = Float(bitPattern: odd)
      let junk = [Float](repeating: 3, count: stretch.count)
      let (found, words) = pass(code, values[stretch], since: nil, into: junk)
      #expect(words == 2 + 1 + 5)
      #expect(bits(found) == bits(values[stretch]))
    }
  }

  @Test("Rows cut at both ends travel by what there is of them")
  func cutRows() throws {
    let stretch = 9..<21  // rows 0 to 2 of the table, of which the first and the last are cut
    let code = try #require(WireCode(stretch, of: layout, .float32, .sums, mask: nil))
    for row in 0..<3 {
      var values = [Float](repeating: 0, count: layout.count)
      for place in 7 + 5 * row..<12 + 5 * row { values[place] = Float(place) }
      let junk = [Float](repeating: 3, count: stretch.count)
      let (found, words) = pass(code, values[stretch], since: nil, into: junk)
      #expect(words == 2 + 1 + [3, 5, 4][row])
      #expect(found == Array(values[stretch]))
    }
  }

  @Test("New weights arrive though only what changed travels", arguments: stretches, [0, 0.1, 1])
  func weights(stretch: Range<Int>, changed: Double) throws {
    for format in [WireFormat.float32, topK] {
      guard let code = WireCode(stretch, of: layout, format, .weights, mask: nil) else { continue }
      let old = draws(zeros: 0)
      let change = draws(zeros: 1 - changed, everywhere: true)
      let new = zip(old, change).map {
        Float(bitPattern: $0.bitPattern ^ ($1.bitPattern == 0 ? 0 : 1))
      }
      let before = Array(old[stretch])
      let (found, words) = pass(code, new[stretch], since: before, into: before)
      #expect(bits(found) == bits(new[stretch]), "\(format)")
      if changed == 0, format == topK, stretch.lowerBound == 2000 {
        #expect(words == 2)
      }
    }
  }

  @Test(
    "Live entries arrive, the others never change a weight", arguments: stretches,
    [0, 0.2, 0.5, 0.9])
  func live(stretch: Range<Int>, share: Double) throws {
    let isLive = (0..<layout.count).map { _ in Double.random(in: 0..<1) < share }
    let mask = ParameterMask(count: layout.count) { isLive[$0] }
    for direction in [WireSegment.Direction.sums, .weights] {
      for format in [WireFormat.float32, .bfloat16] {
        guard let code = WireCode(stretch, of: layout, format, direction, mask: mask) else {
          continue
        }
        let before = draws(zeros: 0)
        var values = draws(zeros: 0.5)
        if direction == .weights {
          for place in values.indices where !isLive[place] { values[place] = before[place] }
        }
        let old = Array(before[stretch])
        let (found, words) = pass(
          code, values[stretch], since: direction == .weights ? old : nil, into: old)
        #expect(words <= code.capacity)
        for (place, value) in zip(stretch, found) where isLive[place] || direction == .weights {
          let slot = layout.slots.first { $0.range.contains(place) }
          let halves = format == .bfloat16 && direction == .sums && slot?.role == .trainable
          let expected =
            halves
            ? UInt32(Reference.bfloat16(values[place])) << 16 : values[place].bitPattern
          #expect(value.bitPattern == expected, "\(format) \(direction) at \(place)")
        }
      }
    }
  }

  @Test("The entries taken are those that sorting takes", arguments: [1, 2, 100, 4096])
  func selection(length: Int) {
    for kind in 0..<4 {
      let values = (0..<length).map { place -> Float in
        switch kind {
        case 0: Float(bitPattern: .random(in: .min ... .max))
        case 1: Float(Int.random(in: -3...3))  // mostly ties
        case 2: place % 7 == 0 ? Float.random(in: -1...1) : (place % 2 == 0 ? 0 : -0.0)
        default: Float.random(in: -1e-30...1e30)
        }
      }
      for count in Set([1, (length + 1) / 2, length]) {
        let order = (0..<length).sorted {
          (values[$0].magnitude.bitPattern, $1) > (values[$1].magnitude.bitPattern, $0)
        }
        var expected = Set(order.prefix(count))
        for place in 0..<length where !values[place].isFinite { expected.insert(place) }
        var found: Set<Int> = []
        let selection = WireSelection(values, length, largest: count)
        selection.forEach(values, length) { if $1 { found.insert($0) } }
        #expect(found == expected, "\(count) of \(length), kind \(kind)")
      }
    }
  }

  @Test("The density falls from a quarter and then stays")
  func warmUp() {
    let settings = WireFormat.TopK(density: 0.01, momentum: 0.9, warmupSteps: 2)
    #expect(settings.density(atStep: 0) == 0.25)
    #expect(abs(settings.density(atStep: 1) - 0.05) < 1e-15)
    #expect(settings.density(atStep: 2) == 0.01 && settings.density(atStep: 900) == 0.01)
    let none = WireFormat.TopK(density: 0.5, momentum: 0, warmupSteps: 9)
    #expect(none.density(atStep: 0) == 0.5)
  }
}
