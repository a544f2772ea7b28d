import Configuration
import Glibc

/// Where the right answers stand in each user's list: whole numbers, so that ranks may count apart.
public struct RankingTally: Sendable {
  /// Per user: the user's number, right answers in all, how many of them are in the list, their places
  /// from 0.
  private var words: [Int64] = []

  /// A tally of nothing.
  public init() {}

  /// Counts one user's list.
  ///
  /// - Parameters:
  ///   - user: the user's number; each is counted once.
  ///   - list: items from the best down.
  ///   - relevant: the right answers, ascending, at least one.
  public mutating func add(user: Int, list: [TopItems.Entry], relevant: [Int]) {
    precondition(!relevant.isEmpty, "user \(user) has no right answer")
    let answers = Set(relevant)
    let places = list.indices.filter { answers.contains(list[$0].item) }
    words += [Int64(user), Int64(answers.count), Int64(places.count)] + places.map { Int64($0) }
  }

  /// This rank's counts, to be joined with those of others in any order.
  public var encoded: [Int64] { words }

  /// The values over all users, in the order of the users' numbers.
  ///
  /// - Parameters:
  ///   - parts: what all ranks counted, for lists at least as long as the longest cut.
  ///   - metrics: what to measure.
  /// - Returns: the number of users, and one value per metric; nil without users.
  public static func combine(
    _ parts: [[Int64]], _ metrics: [RankingMetricName]
  ) -> (users: Int, values: [MetricValue]) {
    var records: [Record] = []
    for part in parts {
      var place = 0
      while place < part.count {
        let hits = Int(part[place + 2])
        records.append(
          Record(
            user: part[place], relevant: Int(part[place + 1]),
            places: part[place + 3..<place + 3 + hits].map { Int($0) }))
        place += 3 + hits
      }
    }
    records.sort { $0.user < $1.user }
    let values = metrics.map { metric in
      let sum = records.reduce(0) { $0 + $1.value(metric) }
      return MetricValue(
        name: metric.description, value: records.isEmpty ? nil : sum / Double(records.count))
    }
    return (records.count, values)
  }

  private struct Record {
    let user: Int64
    let relevant: Int
    let places: [Int]

    func value(_ metric: RankingMetricName) -> Double {
      let hits = places.filter { $0 < metric.cut }
      switch metric.measure {
      case .hit: return hits.isEmpty ? 0 : 1
      case .recall: return Double(hits.count) / Double(relevant)
      case .precision: return Double(hits.count) / Double(metric.cut)
      case .mrr: return hits.first.map { 1 / Double($0 + 1) } ?? 0
      case .ndcg:
        let perfect = (0..<min(metric.cut, relevant)).reduce(0) { $0 + Self.gain($1) }
        return hits.reduce(0) { $0 + Self.gain($1) } / perfect
      }
    }

    private static func gain(_ place: Int) -> Double { 1 / log2(Double(place + 2)) }
  }
}

/// What was measured of ranked lists, beside lists of what most users have.
public struct RankingResult: Sendable, Equatable, Codable {
  /// Users with a right answer.
  public let users: Int
  /// The metrics in the order asked.
  public let metrics: [MetricValue]
  /// The same of lists that show everybody the items most users have.
  public let popularity: [MetricValue]

  /// A result from its parts.
  public init(users: Int, metrics: [MetricValue], popularity: [MetricValue]) {
    (self.users, self.metrics, self.popularity) = (users, metrics, popularity)
  }

  /// The metrics, those of popularity as `popularity.NAME`.
  public var named: [MetricValue] {
    metrics + popularity.map { MetricValue(name: "popularity.\($0.name)", value: $0.value) }
  }
}
