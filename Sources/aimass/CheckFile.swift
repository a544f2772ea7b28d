import ArgumentParser
import Datasets
import Foundation
import Training

/// `aimass check-file`: what `--untrusted` starts for every file, in a process that can be spared.
struct CheckFile: ParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: UntrustedFiles.command,
    abstract: "Read HDF5 files from end to end under narrow limits.",
    discussion: """
      One line for each file: `sound` with its digest and path, or what is wrong with it. Ends with 0 if all \
      are sound, else with the status of the last that is not.
      """,
    shouldDisplay: false)

  @Argument(help: "The files.", completion: .file())
  var paths: [String]

  func run() throws {
    // A chatty limit would only tell the file what it has to get around.
    signal(SIGXFSZ, SIG_IGN)
    let largest = paths.map(Self.byteCount).max() ?? 0
    try ProcessLimits(fileBytes: largest).applyToThisProcess()
    var worst = ExitStatus.done
    for path in paths {
      do {
        let found = try FileExamination(path)
        StandardOutput.write("sound \(found.digest) \(path)\n")
      } catch {
        StandardOutput.write("\(error)\n")
        worst = Failure.status(of: error) ?? .failure
      }
    }
    guard worst == .done else { throw ExitCode(worst.rawValue) }
  }

  private static func byteCount(_ path: String) -> Int {
    var status = stat()
    return stat(path, &status) == 0 ? Int(status.st_size) : 0
  }
}
