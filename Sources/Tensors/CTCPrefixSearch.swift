import Glibc

/// The state of a search over prefixes: a tree of labels, and the prefixes that are still in the race.
struct CTCPrefixSearch {
  let lengthBonus: Double
  let language: (([Int], Int) -> Double)?

  /// A prefix: its last label behind a shorter prefix, which comes before it in the list.
  private struct Node {
    let parent: Int
    let label: Int
    /// Bonus and language score of all its labels.
    let reward: Double
    var children: [Int: Int] = [:]
  }

  /// log p of the paths so far that spell a prefix, by whether they end in a blank.
  private struct Entry {
    let node: Int
    var blank = -Double.infinity
    var label = -Double.infinity
    var total: Double { logSum(blank, label) }
  }

  private var nodes = [Node(parent: -1, label: -1, reward: 0)]
  private var entries = [Entry(node: 0, blank: 0)]
  /// Where a node's entry lies in the list being made.
  private var places: [Int: Int] = [:]

  init(lengthBonus: Double, language: (([Int], Int) -> Double)?) {
    (self.lengthBonus, self.language) = (lengthBonus, language)
  }

  /// Extends all prefixes by one row of log probabilities, and keeps the best `width`.
  mutating func advance(_ row: [Double], blank: Int, width: Int) {
    var next: [Entry] = []
    places.removeAll(keepingCapacity: true)
    for entry in entries {
      let total = entry.total
      let last = nodes[entry.node].label
      let same = place(entry.node, &next)
      next[same].blank = logSum(next[same].blank, total + row[blank])
      if last >= 0 { next[same].label = logSum(next[same].label, entry.label + row[last]) }
      for label in row.indices where label != blank {
        // A repeat is a new label only after a blank.
        let paths = label == last ? entry.blank : total
        guard paths + row[label] > -.infinity else { continue }
        let longer = place(child(of: entry.node, label), &next)
        next[longer].label = logSum(next[longer].label, paths + row[label])
      }
    }
    entries = best(next, width)
  }

  /// What is left, best first.
  var hypotheses: [CTCDecoder.Hypothesis] {
    best(entries, entries.count).map {
      CTCDecoder.Hypothesis(labels: labels($0.node), logProbability: $0.total, score: score($0))
    }
  }

  private func score(_ entry: Entry) -> Double { entry.total + nodes[entry.node].reward }

  /// Of equal scores the prefix that came first.
  private func best(_ entries: [Entry], _ width: Int) -> [Entry] {
    let scored = entries.map { (entry: $0, score: score($0)) }
    let sorted = scored.sorted {
      $0.score != $1.score ? $0.score > $1.score : $0.entry.node < $1.entry.node
    }
    return sorted.prefix(width).map(\.entry)
  }

  private mutating func place(_ node: Int, _ list: inout [Entry]) -> Int {
    if let place = places[node] { return place }
    places[node] = list.count
    list.append(Entry(node: node))
    return list.count - 1
  }

  private mutating func child(of node: Int, _ label: Int) -> Int {
    if let child = nodes[node].children[label] { return child }
    let gain = lengthBonus + (language?(labels(node), label) ?? 0)
    nodes.append(Node(parent: node, label: label, reward: nodes[node].reward + gain))
    nodes[node].children[label] = nodes.count - 1
    return nodes.count - 1
  }

  private func labels(_ node: Int) -> [Int] {
    var labels: [Int] = []
    var current = node
    while current > 0 {
      labels.append(nodes[current].label)
      current = nodes[current].parent
    }
    return labels.reversed()
  }
}

/// log(exp a + exp b).
private func logSum(_ a: Double, _ b: Double) -> Double {
  let most = max(a, b)
  return most == -.infinity ? most : most + log1p(exp(min(a, b) - most))
}
