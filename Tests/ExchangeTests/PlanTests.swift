import Exchange
import Parameters
import Testing

/// Layouts of ranks on nodes that the plans must serve.
private let sizes = [
  [1], [2], [4], [1, 1], [2, 2], [3, 1], [1, 3], [1, 1, 1], [2, 3, 1], [4, 4],
]

private func layout(_ count: Int) -> ParameterLayout {
  var layout = ParameterLayout()
  _ = layout.reserve("w", [count], initializer: .constant(0))
  return layout
}

/// Every seat of a topology.
private func seats(_ topology: Topology) -> [Topology.Seat] {
  (0..<topology.size).map { topology.seat(ofRank: $0) }
}

@Suite struct TopologyTests {
  @Test func placesGoNodeByNodeHoweverRanksAreNumbered() {
    let topology = Topology(nodeOfRank: [7, 3, 7, 3, 9])
    #expect(topology.nodes == [[0, 2], [1, 3], [4]])
    #expect(topology.rankAtPlace == [0, 2, 1, 3, 4])
    #expect(topology.seat(ofRank: 3) == .init(node: 1, localRank: 1, place: 3))
    #expect((0..<3).map(topology.places(ofNode:)) == [0..<2, 2..<4, 4..<5])
  }
}

@Suite struct BucketPlanTests {
  @Test(arguments: sizes) func everyBlockHasOneOwnerAndOneReducerPerNode(sizes: [Int]) {
    let topology = Topology(sizes: sizes)
    for count in [1, 4096 * 2, 4096 * 13 + 5] {
      for bucketBytes in [1, 3 * 16384, 1 << 30] {
        let plan = BucketPlan(
          layout: layout(count), topology: topology, bucketBytes: bucketBytes)
        #expect(plan.buckets.flatMap(Array.init).sorted() == Array(0..<plan.layout.blockCount))
        for bucket in plan.buckets.indices {
          let all = Array(plan.buckets[bucket])
          #expect(seats(topology).flatMap { Array(plan.owned(by: $0, in: bucket)) } == all)
          for node in topology.nodes.indices {
            let local = seats(topology).filter { $0.node == node }
            let reduced = topology.nodes.indices.flatMap { owner in
              local.flatMap { Array(plan.reduced(by: $0, forNode: owner, in: bucket)) }
            }
            #expect(reduced == all)
            for seat in local {
              #expect(
                plan.reduced(by: seat, forNode: node, in: bucket)
                  == plan.owned(by: seat, in: bucket))
            }
          }
        }
      }
    }
  }

  @Test func theLastLayersComeFirst() {
    let plan = BucketPlan(
      layout: layout(4096 * 10), topology: Topology(sizes: [2]), bucketBytes: 3 * 16384)
    #expect(plan.buckets == [7..<10, 5..<7, 2..<5, 0..<2])
    #expect(
      plan.owned(by: .init(node: 0, localRank: 1, place: 1)).runs == [1..<2, 3..<5, 6..<7, 8..<10])
  }
}

@Suite struct DealTests {
  @Test(arguments: sizes) func everyMicrobatchIsComputedOnce(sizes: [Int]) {
    let topology = Topology(sizes: sizes)
    for group in [1, 2, 4] {
      for count in 1...20 {
        let deal = Deal(microbatches: count, topology: topology, group: group)
        #expect(seats(topology).flatMap { Array(deal.share(of: $0)) }.sorted() == Array(0..<count))
        #expect(deal.runs.flatMap(Array.init) == Array(0..<count))
        for run in deal.runs.dropLast() where run.upperBound < count {
          #expect(run.upperBound % group == 0, "a group is on two nodes")
        }
        guard group == 1 else { continue }
        let shares = seats(topology).map { Array(deal.share(of: $0)).count }
        let (most, least) = (shares.max() ?? 0, shares.min() ?? 0)
        #expect(most - least <= 1 + (sizes.count > 1 ? 1 : 0), "\(shares) of \(count)")
      }
    }
  }

  @Test func neighboursTakeTurns() {
    let deal = Deal(microbatches: 8, topology: Topology(sizes: [2, 2]))
    #expect(deal.runs == [0..<4, 4..<8])
    #expect(Array(deal.share(of: .init(node: 1, localRank: 1, place: 3))) == [5, 7])
    #expect(deal.waves(onNode: 1) == 2)
    #expect(Deal(microbatches: 1, topology: Topology(sizes: [1, 1])).waves(onNode: 0) == 1)
  }
}

@Suite struct BlockSetTests {
  @Test func joinsNeighboursAndPacksInOrder() {
    let slots = layout(4096 * 5 + 7)
    let set = BlockSet([5..<6, 0..<1, 1..<2, 3..<3], of: slots)
    #expect(set.runs == [0..<2, 5..<6])
    #expect(set.scalarCount == 2 * 4096 + 7)
    #expect([0, 1, 5].map(set.offset(ofBlock:)) == [0, 4096, 8192])
    #expect((0..<6).filter(set.contains) == [0, 1, 5])
    #expect(!set.contains(-1) && !set.contains(6))
    #expect(set.stretches.map(\.range) == [0..<8192, 20480..<20487])
  }
}
