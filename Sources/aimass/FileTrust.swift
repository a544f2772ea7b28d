import ArgumentParser
import Configuration
import Datasets
import MPI
import Training

/// Whether the HDF5 files of a command come from strangers.
struct FileTrust: ParsableArguments {
  @Flag(help: "Have every HDF5 file examined by a process under narrow limits before it is opened.")
  var untrusted = false

  /// Guards all openings from now on, where asked.
  func begin() {
    if untrusted { UntrustedFiles.guardAll() }
  }

  /// Guards all openings, and examines a run's data once on every node; collective.
  func begin(
    _ world: Communicator, _ data: DataConfiguration, relativeTo folder: String
  ) throws {
    guard untrusted else { return }
    begin()
    let paths = try world.agree { try Dataset.paths(of: data, relativeTo: folder) }
    try UntrustedFiles.examine(paths, on: world)
  }
}
