import ArgumentParser
import Configuration
import Foundation
import MPI
import Training

/// `aimass launch`.
struct Launch: ParsableCommand {
  static let configuration = CommandConfiguration(
    abstract: "Train on many hosts under a supervisor, which starts a job that failed again.",
    discussion: """
      Starts the ranks by mpirun and watches the job from outside. A job that failed goes on from its \
      last checkpoint, without the hosts that no longer answer, as long as it makes progress. \
      Takes all options of train.
      """)

  @OptionGroup var train: Train

  @Option(
    help: ArgumentHelp(
      "A host file (NAME slots=N), or NAME:N,NAME:N; default this machine.", valueName: "file|list")
  )
  var hosts: String?

  @Option(
    help: ArgumentHelp("Go on as long as so many hosts are left.", valueName: "count"))
  var minHosts = 1

  @Option(
    help: ArgumentHelp("The networks to use, by name or address.", valueName: "list"))
  var interfaces: String?

  @Option(
    help: ArgumentHelp("Networks not to use, on top of those of containers.", valueName: "list"))
  var exclude: String?

  @Option(
    help: ArgumentHelp(
      "What a rank is bound to: core, hwthread, l3cache, numa, socket or none.", valueName: "what"))
  var bind = "core"

  @Option(
    help: ArgumentHelp("What starts a command on a host; default ssh.", valueName: "program"),
    completion: .file())
  var agent: String?

  @Option(help: ArgumentHelp("A setting for mpirun; may be repeated.", valueName: "key=value"))
  var mca: [String] = []

  @Option(
    help: ArgumentHelp(
      "A command that starts the ranks instead of mpirun, such as \"srun --mpi=pmix\".",
      valueName: "command"))
  var starter: String?

  func validate() throws {
    guard minHosts >= 1 else {
      throw ValidationError("--min-hosts must be at least 1, not \(minHosts).")
    }
    let bindings = ["core", "hwthread", "l3cache", "numa", "socket", "none"]
    guard bindings.contains(bind) else {
      throw ValidationError("--bind is one of \(bindings.joined(separator: ", ")), not \(bind).")
    }
    if hosts == nil, interfaces != nil || exclude != nil || agent != nil {
      throw ValidationError("One machine needs no network; name --hosts.")
    }
    if interfaces != nil, exclude != nil {
      throw ValidationError("--interfaces and --exclude exclude each other.")
    }
    if let wrong = mca.first(where: { !$0.contains("=") || $0.hasPrefix("=") }) {
      throw ValidationError("--mca takes KEY=VALUE, not \(wrong).")
    }
    if starter != nil, hosts != nil {
      throw ValidationError("--starter chooses the hosts itself; it excludes --hosts.")
    }
  }

  func run() throws {
    // The ranks are started with this very command.
    guard !MPIEnvironment.isUnderLauncher else { return try train.run() }
    let place = JobPlace(
      hosts: try hosts.map { try HostList($0) }, interfaces: interfaces, exclude: exclude,
      bind: bind, threads: train.computing.threads?.count ?? 1, agent: agent, settings: mca,
      starter: starter?.split(separator: " ").map(String.init) ?? [])
    let name: String
    let most: Int?
    let seconds: Int
    switch try ConfiguredRun.load(path: train.config, overrides: train.set) {
    case .counted(let counted):
      (name, most, seconds) = (counted.name, nil, counted.watchdogSeconds)
    case .network(let network):
      (name, most) = (network.name, Train.mostRanks(network))
      seconds = network.distributed.watchdogSeconds
    }
    try train.supervise(name: name, watchdogSeconds: seconds) { options in
      options.ranks =
        train.ranks ?? (hosts == nil ? Placement.ofThisProcess.ranks(most: most) : nil)
      options.mostRanks = most
      options.place = place
      options.restarts = train.restarts ?? 3
      options.minimumHosts = minHosts
    }
  }
}
