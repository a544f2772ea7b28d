import Checkpoints
import Configuration
import Datasets
import Glibc
import MPI
import Metrics

/// Scores of all pairs of a run, with what lists need beside them.
public struct PairScores {
  /// The scores.
  public let pair: FactorPair
  /// The items of each user in the training split.
  public let seen: ItemLists
  /// The users' names by number, where the data has them.
  public let userNames: [String]?
  /// The items' names by number, where the data has them.
  public let itemNames: [String]?

  /// The vocabulary of a field, where the data is one sample file that has one.
  static func names(_ field: String, in dataset: Dataset) -> [String]? {
    guard dataset.paths.count == 1, let vocabulary = dataset.vocabulary(of: field) else {
      return nil
    }
    return vocabulary.words.indices.map { vocabulary.text($0) }
  }
}

/// Writes the best items of every user that the user has not seen, on all ranks.
///
/// Fixed blocks of users are dealt to ranks round by round, so the file has the same bytes on any number
/// of ranks and memory is bounded by one block per rank.
public struct Recommender {
  private let world: Communicator
  private let scores: PairScores
  private let lists: TopItems
  /// The users of the training split, ascending.
  public let users: [Int]

  /// A recommender on all ranks of `world`.
  ///
  /// Only items that somebody has in the training split are shown, and only to users who have one there: of the
  /// others nothing is known.
  public init(_ world: Communicator, _ scores: PairScores) {
    self.world = world
    self.scores = scores
    users = (0..<scores.pair.userCount).filter { !scores.seen[$0].isEmpty }
    let counts = scores.seen.popularity(items: scores.pair.itemCount)
    lists = TopItems(scores.pair, seen: scores.seen, isCandidate: counts.map { $0 > 0 })
  }

  /// Writes a CSV file with the columns `user`, `place` (from 1), `item`, `score`, whole or not at all.
  ///
  /// Users come in the order of their numbers. Names stand where the data has them, else numbers.
  ///
  /// - Parameters:
  ///   - path: the file, which is replaced if it exists.
  ///   - length: items of a list.
  /// - Returns: the lines written, on rank 0.
  /// - Throws: ``TrainingError`` or `CheckpointError` if the file cannot be written, or `MPIError`.
  public func write(to path: String, length: Int) throws -> Int {
    let temporary = "\(path).tmp-\(getpid())"
    var file: OutputFile?
    try world.agree {
      guard world.rank == 0 else { return }
      unlink(temporary)
      file = try OutputFile(creating: temporary)
      try file?.write("user,place,item,score\n")
    }
    defer { if world.rank == 0 { unlink(temporary) } }
    let blocks = TopItems.blocks(users.count)
    var lines = 0
    for round in 0..<(blocks + world.size - 1) / world.size {
      let block = round * world.size + world.rank
      var text = ""
      if block < blocks {
        lists.forEach(block: block, of: users, length: length) { text += rows($0, $1) }
      }
      let parts = try world.gatherBytes(Array(text.utf8), root: 0) ?? []
      try world.agree {
        for part in parts {
          try part.withUnsafeBytes { try file?.write($0) }
          lines += part.count { $0 == UInt8(ascii: "\n") }
        }
      }
    }
    try world.agree {
      guard let done = file.take() else { return }
      _ = try done.finish()
      guard rename(temporary, path) == 0 else {
        throw TrainingError(
          .cannotCreate, "\(path) cannot be named: \(String(cString: strerror(errno)))")
      }
    }
    return lines
  }

  /// The lines of one user.
  private func rows(_ user: Int, _ list: [TopItems.Entry]) -> String {
    let name = Self.name(user, scores.userNames)
    return list.enumerated().map { place, entry in
      "\(name),\(place + 1),\(Self.name(entry.item, scores.itemNames)),\(entry.score)\n"
    }.joined()
  }

  private static func name(_ number: Int, _ names: [String]?) -> String {
    guard let names, number < names.count else { return "\(number)" }
    let text = names[number]
    guard text.contains(where: { ",\"\n\r".contains($0) }) else { return text }
    return "\""
      + text.split(separator: "\"", omittingEmptySubsequences: false)
      .joined(separator: "\"\"") + "\""
  }
}

extension LoadedRun {
  /// The scores of all pairs of users and items.
  ///
  /// - Throws: ``TrainingError`` with status `badConfiguration` for a run that scores no pairs.
  public func pairScores() throws -> PairScores {
    switch self {
    case .network(let run):
      return try run.pairScores(ofRun: run.run)
    case .counted(let run):
      let settings = run.configuration.factorization
      return PairScores(
        pair: FactorPair(run.store), seen: run.seen,
        userNames: PairScores.names(settings.user, in: run.setUp.dataset),
        itemNames: PairScores.names(settings.item, in: run.setUp.dataset))
    }
  }
}
