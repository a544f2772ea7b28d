import Tensors
import Testing

@Suite struct ArenaTests {
  /// Whatever is reserved and released in whatever order: what is in use at the same time lies apart.
  @Test(arguments: 0..<20) func regionsInUseLieApart(seed: Int) {
    let random = CounterRandom(seed: UInt64(seed), purpose: .synthesis)
    var plan = ArenaPlan()
    var live: [Region] = []
    var most = 0
    for place in 0..<300 {
      if random.bits(at: 2 * place) % 5 < 2, !live.isEmpty {
        plan.release(live.remove(at: Int(random.bits(at: 2 * place + 1)) % live.count))
      } else {
        let region = plan.reserve(1 + Int(random.bits(at: 2 * place + 1)) % 100)
        #expect(region.offset % 64 == 0 && region.offset + region.byteCount <= plan.byteCount)
        for other in live {
          #expect(
            region.offset + region.byteCount <= other.offset
              || other.offset + other.byteCount <= region.offset)
        }
        live.append(region)
      }
      #expect(plan.byteCount >= most)
      most = plan.byteCount
      let used = live.reduce(0) { $0 + ($1.byteCount + 63) & ~63 }
      #expect(used + plan.released.reduce(0) { $0 + $1.count } == plan.byteCount)
    }
    for region in live { plan.release(region) }
    #expect(plan.released == [0..<plan.byteCount] && plan.regions.isEmpty)
    #expect(plan.reserve(most / 4).offset == 0 && plan.byteCount == most)
  }

  @Test func aPlanThatDoesNotShareGivesNothingTwice() {
    var plan = ArenaPlan(shares: false)
    let first = plan.reserve(10)
    plan.release(first)
    #expect(plan.reserve(10).offset == 64 && plan.released.isEmpty)
  }

  @Test func whatIsReservedApartLiesWhereNothingLay() {
    var plan = ArenaPlan()
    let first = plan.reserve(100)
    plan.release(first)
    #expect(plan.reserveApart(10).offset == 448)
    #expect(plan.reserve(10).offset == 0)
  }

  /// Segments lie where segments do, and neither what outlives them nor anything else lies there.
  @Test func segmentsShareMemoryAmongThemselves() {
    var plan = ArenaPlan()
    let before = plan.reserve(16)
    plan.release(plan.reserve(32))
    var outputs: [Region] = [before]
    var insides: [[Region]] = []
    for _ in 0..<3 {
      plan.beginSegment(keeping: [2])
      let first = plan.reserve(32)
      let second = plan.reserve(64)
      plan.release(first)
      outputs.append(plan.reserve(32))
      let statistics = plan.reserve(16, kept: true)
      let third = plan.reserve(16)
      #expect(plan.endSegment() == [first, second, outputs[outputs.count - 1], statistics, third])
      outputs.append(statistics)
      insides.append([first, second, third])
    }
    #expect(insides[1] == insides[0] && insides[2] == insides[0])
    // What is reserved later does not lie there either.
    outputs.append(plan.reserve(8))
    for (place, region) in outputs.enumerated() {
      for other in outputs[..<place] + insides[0] {
        #expect(
          region.offset + region.byteCount <= other.offset
            || other.offset + other.byteCount <= region.offset)
      }
    }
    // The last segment is there until somebody writes its memory again.
    for hole in plan.released {
      #expect(insides[0][1...].allSatisfy { !hole.contains($0.offset) })
    }
  }
}
