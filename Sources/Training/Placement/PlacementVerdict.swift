import Reports

/// What starts the ranks, which decides the words of the remedy.
public enum RankLauncher: String, Sendable {
  /// `mpirun`.
  case mpirun
  /// `srun`, without `mpirun` between.
  case srun
  /// Nothing: one process alone.
  case none
}

/// Something wrong with where ranks were put, and the exact remedy.
public struct PlacementWarning: Sendable, Equatable, CustomStringConvertible {
  /// What is wrong.
  public enum Kind: String, Sendable {
    /// Ranks are bound to fewer processors than they are, while others are free.
    case sharedCores
    /// Ranks compute on more threads than there are processors.
    case crowded
    /// There are more ranks than processors, and a waiting rank keeps its processor busy.
    case spinning
    /// The control group grants less processor time than the ranks take.
    case throttled
    /// The matrix library starts threads that fight with other ranks.
    case threads
  }

  /// What is wrong.
  public let kind: Kind
  /// What was found, with ranks and processors.
  public let sentence: String
  /// The option or variable that mends it.
  public let remedy: String

  /// The finding and its remedy as one sentence.
  public var description: String { "\(sentence); \(remedy)" }
}

/// Judges where the ranks of one machine were put; a pure function of masks, limits and ranks.
public struct PlacementVerdict: Sendable, Equatable {
  /// Ranks of this machine.
  public let ranks: Int
  /// The threads that each computes on, the most of any.
  public let threads: Int
  /// The processors that they may run on, all together.
  public let mask: CPUSet
  /// Whether each rank is bound to fewer processors than all may use together.
  public let isBound: Bool
  /// The control group's limit in cores; nil without one.
  public let quota: Double?
  /// What is wrong, the gravest first.
  public let warnings: [PlacementWarning]

  /// Judges the ranks of one machine.
  ///
  /// - Parameters:
  ///   - placements: one per rank, at least one.
  ///   - launcher: what started them.
  public init(_ placements: [RankPlacement], launcher: RankLauncher) {
    precondition(!placements.isEmpty, "a verdict needs a rank")
    ranks = placements.count
    threads = placements.map(\.computing).max() ?? 1
    mask = placements.reduce(CPUSet([])) { $0.union($1.mask) }
    let union = mask
    isBound = placements.contains { $0.mask != union }
    quota = placements.compactMap(\.quota).min()
    var found: [PlacementWarning] = []
    let sharing = Self.sharedCores(placements, launcher)
    found += sharing.map { [$0] } ?? []
    // Ranks that are bound together want a better binding first; then nobody needs to yield.
    if sharing == nil {
      found += Self.crowded(placements, threads)
      found += Self.spinning(placements, launcher)
    }
    found += Self.throttled(placements, quota)
    found += Self.threads(placements, launcher)
    warnings = found
  }

  /// Ranks bound together, or to fewer processors than they have threads, while the machine has room for them.
  private static func sharedCores(
    _ placements: [RankPlacement], _ launcher: RankLauncher
  ) -> PlacementWarning? {
    let (matching, crowded) = matched(placements)
    let allowed = placements.reduce(CPUSet([])) { $0.union($1.allowed) }
    let free = allowed.subtracting(matching.busy)
    guard !crowded.isEmpty, free.count > 0 else { return nil }
    let isEvery = crowded.count == placements.count
    let who = isEvery ? "every rank" : numbered(crowded.map { placements[$0].rank })
    let bound = placements.count == 1 || isEvery || crowded.count == 1 ? "is bound" : "are bound"
    let threads = crowded.map { placements[$0].computing }.max() ?? 1
    return PlacementWarning(
      kind: .sharedCores,
      sentence: "\(who) \(bound) to \(cores(matching.shared))"
        + (threads > 1 ? " and computes on \(threads) threads" : "")
        + " while \(cores(free)) \(free.count == 1 ? "is" : "are") free",
      remedy: remedy(launcher, threads: threads))
  }

  private static func remedy(_ launcher: RankLauncher, threads: Int) -> String {
    switch (launcher, threads > 1) {
    case (.srun, false):
      "start them with srun --cpu-bind=none, or as many --cpus-per-task as needed"
    case (.srun, true): "start them with srun --cpus-per-task=\(threads), or --cpu-bind=none"
    case (_, false): "start them with mpirun --bind-to none, or name enough slots for each node"
    case (_, true): "start them with mpirun --map-by slot:PE=\(threads), or --bind-to none"
    }
  }

  /// All threads matched with processors, and the ranks, by index, whose threads share too few.
  private static func matched(
    _ placements: [RankPlacement]
  ) -> (matching: CoreMatching, crowded: [Int]) {
    let owners = placements.indices.flatMap { repeatElement($0, count: placements[$0].computing) }
    let matching = CoreMatching(owners.map { placements[$0].mask })
    return (matching, Set(matching.crowded.map { owners[$0] }).sorted())
  }

  /// More threads than processors.
  private static func crowded(
    _ placements: [RankPlacement], _ threads: Int
  ) -> [PlacementWarning] {
    let (matching, crowded) = matched(placements)
    guard threads > 1, !crowded.isEmpty else { return [] }
    let count = crowded.reduce(0) { $0 + placements[$1].computing }
    return [
      PlacementWarning(
        kind: .crowded,
        sentence: "\(count) threads of \(HumanUnits.counted(crowded.count, "rank")) share "
          + "\(cores(matching.shared)) and wait for each other",
        remedy: "ask for fewer by --threads, or start fewer ranks")
    ]
  }

  /// More ranks than processors, none of which gives its processor away.
  private static func spinning(
    _ placements: [RankPlacement], _ launcher: RankLauncher
  ) -> [PlacementWarning] {
    let matching = CoreMatching(placements.map(\.mask))
    guard !matching.crowded.isEmpty, !placements.allSatisfy(\.yields) else { return [] }
    let count = HumanUnits.counted(matching.crowded.count, "rank")
    return [
      PlacementWarning(
        kind: .spinning,
        sentence:
          "\(count) on \(cores(matching.shared)) wait by spinning and take it from those that work",
        remedy: launcher == .srun
          ? "set OMPI_MCA_mpi_yield_when_idle=1 before srun, or start fewer ranks"
          : "add --mca mpi_yield_when_idle 1, or start fewer ranks")
    ]
  }

  private static func throttled(
    _ placements: [RankPlacement], _ quota: Double?
  ) -> [PlacementWarning] {
    let busy = matched(placements).matching.busy.count
    guard let quota, quota + 0.01 < Double(busy) else { return [] }
    let most = max(1, Int(quota))
    return [
      PlacementWarning(
        kind: .throttled,
        sentence: "the control group grants \(HumanUnits.fixed(quota, digits: 1)) cores and "
          + "\(HumanUnits.counted(placements.count, "rank")) would use \(busy), so the kernel stops them at times",
        remedy:
          "start \(HumanUnits.counted(most, "rank")) (-n \(most)), or raise the group's cpu limit")
    ]
  }

  private static func threads(
    _ placements: [RankPlacement], _ launcher: RankLauncher
  ) -> [PlacementWarning] {
    let many = placements.filter { ($0.threads ?? 1) > 1 }
    guard let first = many.first, let threads = first.threads else { return [] }
    let remedy =
      launcher == .mpirun
      ? "add -x OPENBLAS_NUM_THREADS=1, or unset the variable" : "set OPENBLAS_NUM_THREADS=1"
    return [
      PlacementWarning(
        kind: .threads,
        sentence: "OPENBLAS_NUM_THREADS is \(threads) for "
          + (many.count == placements.count ? "every rank" : numbered(many.map(\.rank)))
          + ", and a rank is a core: its threads fight with other ranks",
        remedy: remedy)
    ]
  }

  /// `rank 3`, `ranks 0, 1`, at most four of them.
  private static func numbered(_ ranks: [Int]) -> String {
    let shown = ranks.prefix(4).map(String.init).joined(separator: ", ")
    let more = ranks.count > 4 ? " and \(ranks.count - 4) more" : ""
    return (ranks.count == 1 ? "rank " : "ranks ") + shown + more
  }

  private static func cores(_ set: CPUSet) -> String {
    (set.count == 1 ? "core " : "cores ") + set.description
  }
}
