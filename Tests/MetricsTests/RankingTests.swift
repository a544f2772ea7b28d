import Configuration
import Foundation
import Metrics
import TestSupport
import Testing

/// Lists of the best items, and what is measured of them.
@Suite struct RankingTests {
  private static let users = 150
  private static let items = 4500

  /// Small whole numbers, so that scores are exact and many are equal.
  private static func pair(_ draws: inout Draws) -> FactorPair {
    let pair = FactorPair(users: users, items: items, width: 3, offset: 0.5)
    for user in 0...users {
      for index in 0..<3 { pair.user(user)[index] = Float(draws.below(9)) - 4 }
    }
    for item in 0...items {
      for index in 0..<3 { pair.item(item)[index] = Float(draws.below(9)) - 4 }
    }
    return pair
  }

  private static func seen(_ draws: inout Draws) -> [(Int, Int)] {
    (0..<3000).map { _ in (draws.below(UInt64(users)), draws.below(UInt64(items))) }
  }

  private static func lists(
    _ top: TopItems, _ users: [Int], length: Int
  ) -> [(user: Int, list: [TopItems.Entry])] {
    var found: [(Int, [TopItems.Entry])] = []
    for block in 0..<TopItems.blocks(users.count) {
      top.forEach(block: block, of: users, length: length) { found.append(($0, $1)) }
    }
    return found
  }

  @Test func listsHoldTheBestUnseenCandidates() {
    var draws = Draws(1)
    let pair = Self.pair(&draws)
    let pairs = Self.seen(&draws)
    let seen = ItemLists(users: Self.users) { visit in pairs.forEach { visit($0.0, $0.1) } }
    let isCandidate = (0..<Self.items).map { _ in draws.below(5) > 0 }
    let top = TopItems(pair, seen: seen, isCandidate: isCandidate)
    let users = Array(0...Self.users)
    let found = Self.lists(top, users, length: 37)
    #expect(found.map(\.user) == users)
    for (user, list) in found {
      let hidden = Set(pairs.filter { $0.0 == user }.map(\.1))
      let all = (0..<Self.items).filter { isCandidate[$0] && !hidden.contains($0) }
      var best = all.map { TopItems.Entry(item: $0, score: pair.score(user, $0)) }
      best.sort { (a: TopItems.Entry, b: TopItems.Entry) -> Bool in
        a.score == b.score ? a.item < b.item : a.score > b.score
      }
      best.removeLast(best.count - 37)
      #expect(list.map(\.item) == best.map(\.item), "user \(user)")
      #expect(list.map(\.score) == best.map(\.score), "user \(user)")
    }
  }

  @Test func fewCandidatesGiveShortLists() {
    var draws = Draws(2)
    let pair = Self.pair(&draws)
    pair.item(7)[0] = .nan
    let seen = ItemLists(users: 2) { $0(1, 8) }
    let isCandidate = (0..<Self.items).map { (7...9).contains($0) }
    let top = TopItems(pair, seen: seen, isCandidate: isCandidate)
    let found = Self.lists(top, [0, 1], length: 10)
    #expect(Set(found[0].list.map(\.item)) == [8, 9])
    #expect(found[1].list.map(\.item) == [9])
  }

  @Test func pairsAreSortedAndCountOnce() {
    let pairs = [(2, 5), (0, 9), (2, 5), (2, 1), (0, 9), (2, 7)]
    let lists = ItemLists(users: 3) { visit in pairs.forEach { visit($0.0, $0.1) } }
    #expect((0..<4).map { Array(lists[$0]) } == [[9], [], [1, 5, 7], []])
    #expect(lists.contains(2, 5) && !lists.contains(2, 6) && !lists.contains(1, 9))
    #expect(!lists.contains(7, 5) && lists.popularity(items: 10)[5] == 1)
  }

  @Test(.enabled(if: Python.has("sklearn"), "scikit-learn is missing"))
  func metricsAreThoseOfTheField() throws {
    var draws = Draws(3)
    let names = ["hit", "recall", "precision", "ndcg", "mrr"].flatMap {
      ["\($0)@1", "\($0)@5", "\($0)@20"]
    }
    let metrics = names.compactMap { RankingMetricName($0) }
    #expect(metrics.map(\.description) == names)
    var lists: [[Int]] = []
    var answers: [[Int]] = []
    var tallies = [RankingTally(), RankingTally(), RankingTally()]
    for user in 0..<40 {
      var list: [Int] = []
      while list.count < 20 {
        let item = draws.below(30)
        if !list.contains(item) { list.append(item) }
      }
      let relevant = (0..<30).filter { _ in draws.below(4) == 0 } + [29]
      tallies[draws.below(3)].add(
        user: user, list: list.map { TopItems.Entry(item: $0, score: 0) }, relevant: relevant)
      lists.append(list)
      answers.append(Array(Set(relevant)).sorted())
    }
    let result = RankingTally.combine(tallies.map(\.encoded).reversed(), metrics)
    #expect(result.users == 40)
    let expected = try Self.oracle(lists, answers)
    for value in result.values {
      let wanted = try #require(expected[value.name])
      #expect(abs((value.value ?? -1) - wanted) < 1e-12, "\(value.name)")
    }
    let whole = RankingTally.combine([tallies.flatMap(\.encoded)], metrics)
    #expect(whole.values == result.values)
  }

  /// The values by scikit-learn where it has them, else by their definitions.
  private static func oracle(_ lists: [[Int]], _ answers: [[Int]]) throws -> [String: Double] {
    let script = """
      import json, sys
      import numpy as np
      from sklearn.metrics import ndcg_score
      lists, answers = json.loads(sys.argv[1]), json.loads(sys.argv[2])
      out = {}
      for k in (1, 5, 20):
        rows = {'hit': [], 'recall': [], 'precision': [], 'mrr': [], 'ndcg': []}
        for l, a in zip(lists, answers):
          truth, score = np.zeros((1, 30)), np.full((1, 30), -1.0)
          truth[0, a] = 1
          for place, item in enumerate(l): score[0, item] = 100 - place
          rows['ndcg'].append(ndcg_score(truth, score, k=k))
          inside = [i in a for i in l[:k]]
          rows['hit'].append(any(inside))
          rows['recall'].append(sum(inside) / len(a))
          rows['precision'].append(sum(inside) / k)
          rows['mrr'].append(1 / (1 + inside.index(True)) if any(inside) else 0)
        for name, values in rows.items(): out[f'{name}@{k}'] = float(np.mean(values))
      print(json.dumps(out))
      """
    let words = try [lists, answers].map {
      String(decoding: try JSONEncoder().encode($0), as: UTF8.self)
    }
    let text = try Python.run(script, words)
    return try JSONDecoder().decode([String: Double].self, from: Data(text.utf8))
  }

  @Test(arguments: [
    "recall", "recall@", "recall@0", "recall@1001", "recall@+5", "recall@05", "top@5", "recall@5@5",
    "@5", "Recall@5",
  ])
  func otherNamesAreRefused(text: String) { #expect(RankingMetricName(text) == nil) }
}
