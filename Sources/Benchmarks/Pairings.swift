/// Who measures with whom, and when.
public enum Pairings {
  /// Rounds of pairs in which each of `count` partners meets others, nobody twice in a round.
  ///
  /// Up to eight partners all pairs are met, as in a tournament in which one stays and the others go
  /// round; beyond that only neighbours of a ring, so that the time does not grow with their number.
  ///
  /// - Parameter count: partners.
  /// - Returns: the rounds, each a list of pairs, the lower partner first.
  public static func rounds(of count: Int) -> [[(Int, Int)]] {
    guard count > 1 else { return [] }
    return count <= 8 ? tournament(count) : ring(count)
  }

  private static func tournament(_ count: Int) -> [[(Int, Int)]] {
    let circle = count + count % 2 - 1
    return (0..<circle).map { round in
      (0...circle / 2).compactMap { place in
        let first = (round + place) % circle
        let second = place == 0 ? circle : (round + circle - place) % circle
        // With an odd count the one who stays is nobody, and its partner rests.
        return max(first, second) < count ? (min(first, second), max(first, second)) : nil
      }
    }
  }

  private static func ring(_ count: Int) -> [[(Int, Int)]] {
    let pairs = (0..<count).map { $0 + 1 < count ? ($0, $0 + 1) : (0, $0) }
    let paired = count - count % 2
    let rounds = [0, 1].map { start in
      stride(from: start, to: paired, by: 2).map { pairs[$0] }
    }
    return count % 2 == 0 ? rounds : rounds + [[pairs[count - 1]]]
  }
}
