import Exchange
import Testing

/// The tree exactly as the design states it, by recursion.
private func allNodes(_ run: Range<Int>) -> [Range<Int>] {
  guard run.count > 1 else { return run.isEmpty ? [] : [run] }
  var half = 1
  while half * 2 < run.count { half *= 2 }
  let middle = run.lowerBound + half
  return [run] + allNodes(run.lowerBound..<middle) + allNodes(middle..<run.upperBound)
}

@Suite struct SummationTreeTests {
  @Test func coveringNodesAreTheLargestOfTheTree() {
    for count in 1...33 {
      let tree = Set(allNodes(0..<count))
      for low in 0..<count {
        for high in low + 1...count {
          let nodes = SummationTree.nodes(covering: low..<high, of: count)
          #expect(nodes.flatMap(Array.init) == Array(low..<high))
          for node in nodes { #expect(tree.contains(node), "\(node) of \(count)") }
          for (left, right) in zip(nodes, nodes.dropFirst()) {
            let joined = left.lowerBound..<right.upperBound
            #expect(!tree.contains(joined), "\(left) and \(right) of \(count) could be joined")
          }
        }
      }
    }
  }

  @Test func siblingsAreTheChildrenOfANode() {
    for count in 1...33 {
      let tree = allNodes(0..<count)
      let nodes = Set(tree)
      for left in tree {
        for right in tree where right.lowerBound == left.upperBound {
          let parent = left.lowerBound..<right.upperBound
          var half = 1
          while half * 2 < parent.count { half *= 2 }
          let expected = nodes.contains(parent) && left.count == half
          #expect(
            SummationTree.areSiblings(left, right, of: count) == expected,
            "\(left) \(right) of \(count)")
        }
      }
    }
  }
}
