/// What one rank sees of its node, for the rank that judges all of them.
public struct RankFacts: Sendable, Equatable, Codable {
  /// The rank.
  public var rank = 0
  /// Its node, as Open MPI groups ranks.
  public var node = 0
  /// The name that the node has for this rank.
  public var host = ""
  /// The kernel's boot id: equal exactly for ranks of one machine.
  public var machine = ""
  /// Versions that must be equal on all ranks, by name: `aimass`, `MPI`, `OpenBLAS`, `HDF5`.
  public var versions: [String: String] = [:]
  /// What decides the bits of a run and must be equal too: `kernels`, `OpenBLAS core type`.
  public var numerics: [String: String] = [:]
  /// Kernel builds that the processor can run.
  public var supportedKernels: [String] = []
  /// The processors that the rank may run on, as the kernel lists them.
  public var cores = ""
  /// How many processors these are.
  public var coreCount = 0
  /// Threads that the rank was told to use.
  public var threads = 1
  /// The control group's limit in cores; nil without one.
  public var quota: Double?
  /// Bytes of memory of the node.
  public var memoryBytes = 0
  /// Bytes that can still be had, under the control group's limit too.
  public var availableBytes = 0
  /// Why ranks of the node cannot share memory; nil where they can.
  public var sharingProblem: String?
  /// The network interfaces of the node.
  public var interfaces: [NetworkInterface] = []
  /// Whether a person already chose interfaces for Open MPI.
  public var hasChosenInterfaces = false
  /// What was found of a configuration's data; nil where none was asked for.
  public var dataset: DatasetFacts?
  /// What is wrong with the run folder; empty where all is well or nothing was asked for.
  public var folderProblems: [String] = []

  /// Facts to fill in.
  public init() {}
}

/// What one rank finds of the data of a configuration.
public struct DatasetFacts: Sendable, Equatable, Codable {
  /// The digest of the data, or nil where it cannot be opened.
  public var digest: String?
  /// Why it cannot be opened or locked; nil where all is well.
  public var problem: String?

  /// Facts from their parts.
  public init(digest: String?, problem: String?) {
    self.digest = digest
    self.problem = problem
  }
}
