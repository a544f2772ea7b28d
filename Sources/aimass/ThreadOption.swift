import ArgumentParser
import MPI
import Tensors
import Training

/// How many threads a rank computes on, as typed.
enum ThreadChoice: ExpressibleByArgument, Equatable {
  /// An even share of the cores that the rank may use.
  case auto
  /// So many.
  case count(Int)

  /// More are a mistake on any machine.
  static let most = 1024

  init?(argument: String) {
    if argument == "auto" {
      self = .auto
      return
    }
    guard let count = Int(argument) else { return nil }
    self = .count(count)
  }

  /// The number, where it is known before MPI starts.
  var count: Int? {
    if case .count(let count) = self { return count }
    return nil
  }
}

/// The threads of each rank; the bits do not depend on them.
struct ThreadOption: ParsableArguments {
  @Option(
    help: ArgumentHelp(
      "Threads that a rank computes on, or auto for its share of the cores.", valueName: "count"))
  var threads: ThreadChoice?

  func validate() throws {
    guard let count = threads?.count, !(1...ThreadChoice.most).contains(count) else { return }
    throw ValidationError("--threads is auto or 1 to \(ThreadChoice.most), not \(count).")
  }

  /// What was asked for; else a rank that a launcher started is one thread, since its user has counted ranks, and
  /// a process alone has all cores.
  var choice: ThreadChoice { threads ?? (MPIEnvironment.isUnderLauncher ? .count(1) : .auto) }
}

extension ThreadChoice {
  /// Runs a rank's work on its threads; collective.
  func run<Result>(_ world: Communicator, _ body: () throws -> Result) throws -> Result {
    guard count != 1 else { return try body() }
    let share = try Placement.threadShare(world)
    return try Kernels.with(threads: count ?? share, cores: share, body)
  }
}
