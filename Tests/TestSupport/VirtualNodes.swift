import Foundation

/// Nodes with a real network between them, on one machine: `launch/virtual-nodes`.
public enum VirtualNodes {
  /// Whether this machine permits them: it takes root and network namespaces.
  public static let areAvailable: Bool = {
    guard geteuid() == 0 else { return false }
    let tried = try? runProcess("unshare", ["--net", "--uts", "ip", "link"], timeout: 10)
    return tried?.status == 0
  }()

  /// What a skipped test says.
  public static let need = "needs root and network namespaces, for virtual nodes"

  /// Runs a built program on new virtual nodes and removes them.
  ///
  /// - Parameters:
  ///   - slots: ranks on each node.
  ///   - program: the product's name.
  ///   - arguments: its arguments.
  ///   - options: more options of the script, for example `--rate 1gbit`.
  ///   - environment: variables for all ranks.
  ///   - timeout: seconds the job may take.
  /// - Returns: how it ended, with the output of all ranks.
  /// - Throws: ``ProcessFailure`` if the program was not built, or nothing ended the job.
  public static func run(
    slots: [Int], _ program: String, _ arguments: [String], options: [String] = [],
    environment: [String: String] = [:], timeout: Double = 100
  ) throws -> ProcessResult {
    let script = Checkout.folder + "/launch/virtual-nodes"
    let layout = ["--slots", slots.map(String.init).joined(separator: ",")]
    return try Mpirun.alone {
      try runProcess(
        script,
        ["with", "\(slots.count)"] + options + layout + ["--", Products.program(program)]
          + arguments,
        environment: Mpirun.environment.merging(environment) { $1 }, timeout: timeout)
    }
  }
}
