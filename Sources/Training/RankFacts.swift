import BLAS
import Buffers
import Foundation
import MPI
import Tensors

/// What must be equal on all ranks before they begin, as one rank has it.
struct RankFacts: Codable, Equatable {
  /// The host, for messages.
  var host: String
  /// SHA-256 of the program's file.
  var program: String
  /// The MPI library, as it names itself.
  var library: String
  /// The host's wall clock when the facts were made, in seconds since 1970.
  var time: Double
  /// What the command line asked for beside the configuration.
  var options: String
  /// Everything that decides the run's numbers, one key a line.
  var configuration: String
  /// The digest of the data.
  var dataset: String
  /// The builds of our kernels that this processor can run and is allowed to, best first.
  var kernels: [String]
  /// The processor type that OpenBLAS chose.
  var coreType: String

  /// Looks at this rank.
  ///
  /// - Throws: ``TrainingError`` if the program's own file cannot be read.
  init(_ options: TrainingOptions, _ setUp: TrainingSetUp, host: String) throws {
    try self.init(
      options: "output \(options.output), fresh \(options.fresh), dry run \(options.dryRun)",
      configuration: setUp.configuration.resolvedYAML + TrainingSetUp.lines(setUp.distillation),
      dataset: setUp.dataset.digest, host: host)
  }

  /// This rank's facts from what it was told and found.
  ///
  /// - Throws: ``TrainingError`` if the program's own file cannot be read.
  init(options: String, configuration: String, dataset: String, host: String) throws {
    self.host = host
    program = try Self.programDigest()
    (self.options, self.configuration, self.dataset) = (options, configuration, dataset)
    library = MPIEnvironment.libraryVersion
    let allowed = Kernels.supportedBuilds
    kernels = Array(allowed.drop { $0 != Kernels.name })
    coreType = BLAS.coreType
    time = Date().timeIntervalSince1970
  }

  private static func programDigest() throws -> String {
    do {
      let file = try Data(
        contentsOf: URL(fileURLWithPath: "/proc/self/exe"), options: .mappedIfSafe)
      var hash = SHA256()
      file.withUnsafeBytes { hash.update($0) }
      return hash.hexadecimal()
    } catch {
      throw TrainingError(.failure, "the program's own file cannot be read: \(error)")
    }
  }

  /// What two ranks must have in common, by name, with how to make them equal.
  private var named: [(name: String, value: String, remedy: String)] {
    [
      ("program", program, "start the same file on all hosts"),
      ("MPI library", library, "load the same MPI on all hosts"),
      ("options", options, "give all ranks the same options"),
      ("configuration", configuration, "give all ranks the same configuration and options"),
      ("data", dataset, "give all ranks the same data files"),
    ]
  }

  /// What is wrong with a set of ranks.
  ///
  /// - Parameter all: every rank's facts, in rank order.
  /// - Returns: one sentence per rank that differs from most, none if nothing is wrong.
  static func disagreements(_ all: [RankFacts]) -> [String] {
    guard let first = all.first else { return [] }
    var problems: [String] = []
    for (index, fact) in first.named.enumerated() {
      let values = all.map { $0.named[index].value }
      let usual = mostCommon(values)
      for (rank, value) in values.enumerated() where value != usual {
        problems.append(
          "rank \(rank) on \(all[rank].host) differs from most ranks in its \(fact.name): "
            + "\(difference(value, usual)); \(fact.remedy)")
      }
    }
    return problems
  }

  /// The value of most ranks, of the lowest rank where none is in the majority.
  private static func mostCommon(_ values: [String]) -> String {
    var counts: [String: Int] = [:]
    for value in values { counts[value, default: 0] += 1 }
    let most = counts.values.max() ?? 0
    return values.first { counts[$0] == most } ?? ""
  }

  /// The first line in which two values differ.
  private static func difference(_ found: String, _ expected: String) -> String {
    let ours = found.split(separator: "\n", omittingEmptySubsequences: false)
    let theirs = expected.split(separator: "\n", omittingEmptySubsequences: false)
    for index in 0..<max(ours.count, theirs.count) {
      let (left, right) = (ours.dropFirst(index).first, theirs.dropFirst(index).first)
      guard left != right else { continue }
      func shown(_ line: Substring?) -> String {
        line.map { "'\($0.trimmingCharacters(in: .whitespaces))'" } ?? "nothing"
      }
      return "found \(shown(left)), expected \(shown(right))"
    }
    return "found the same text"
  }

  /// What to tell of the clocks of the hosts; nil where they agree.
  ///
  /// Nothing depends on them but what people read in logs and heartbeats: durations are taken from clocks that
  /// only go forward, and checkpoints are in the order of their steps.
  static func clockNote(_ all: [RankFacts]) -> String? {
    guard let first = all.min(by: { $0.time < $1.time }),
      let last = all.max(by: { $0.time < $1.time }), last.time - first.time > clockSeconds
    else { return nil }
    return "the clocks of \(first.host) and \(last.host) differ by "
      + "\(Int((last.time - first.time).rounded())) s; times in logs and heartbeats will not match"
  }

  /// What starts at different moments may differ by.
  private static let clockSeconds = 10.0

  /// The best build of our kernels and the processor type for OpenBLAS that every rank can run.
  static func common(_ all: [RankFacts]) -> (kernels: String?, coreType: String) {
    let first = all.first?.kernels ?? []
    let kernels = first.first { name in all.allSatisfy { $0.kernels.contains(name) } }
    let haveAVX2 = all.allSatisfy { !$0.kernels.allSatisfy { $0 == "baseline" } }
    return (kernels, BLAS.commonCoreType(of: all.map(\.coreType), haveAVX2: haveAVX2))
  }
}

extension RankFacts {
  /// Compares all ranks, and makes them use what every processor has.
  ///
  /// Collective, before anything is shared whose size depends on the facts.
  ///
  /// - Parameter world: all ranks.
  /// - Returns: every rank's facts, in rank order, and a sentence where ranks had to change.
  /// - Throws: ``TrainingError`` with status `ranksDisagree`, naming the ranks that differ.
  func agree(_ world: Communicator) throws -> (all: [RankFacts], note: String?) {
    let mine = Array(try JSONEncoder().encode(self))
    let all = try world.allGatherBytes(mine).map {
      try JSONDecoder().decode(RankFacts.self, from: Data($0))
    }
    let problems = Self.disagreements(all)
    let common = Self.common(all)
    try world.agree {
      guard problems.isEmpty else {
        throw TrainingError(.ranksDisagree, problems.joined(separator: "\n"))
      }
      guard let build = common.kernels else {
        throw TrainingError(
          .ranksDisagree, "the ranks' processors have no build of the kernels in common")
      }
      try Kernels.select(build)
      guard BLAS.select(coreType: common.coreType) else {
        throw TrainingError(
          .ranksDisagree,
          "OpenBLAS uses kernels for \(BLAS.coreType) on \(host), and all ranks need those for "
            + "\(common.coreType); start with -x OPENBLAS_CORETYPE=\(common.coreType)")
      }
    }
    let clocks = Self.clockNote(all)
    guard Set(all.map(\.coreType)).count > 1 || Set(all.map(\.kernels.first)).count > 1 else {
      return (all, clocks)
    }
    let processors =
      "processors differ: all ranks use kernels \(Kernels.name) and OpenBLAS for \(BLAS.coreType), "
      + "which every node has"
    return (all, [processors, clocks].compactMap { $0 }.joined(separator: "; "))
  }
}
