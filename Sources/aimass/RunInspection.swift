import Benchmarks
import Configuration
import Datasets
import Foundation
import Glibc
import MPI
import Training

/// Whether all ranks see the data of a run, and can write where it will write.
struct RunInspection {
  let config: String
  let output: String?

  /// Looks, and tries the run folder.
  ///
  /// Collective: every rank of the job calls it. Nothing is left behind.
  ///
  /// - Parameters:
  ///   - allocation: the ranks.
  ///   - facts: receives what this rank found.
  /// - Throws: `MPIError` if MPI refuses.
  func inspect(_ allocation: Allocation, into facts: inout RankFacts) throws {
    var name: String?
    do {
      let settings = try ConfiguredRun.load(path: config)
      name = settings.name
      facts.dataset = try dataset(settings)
    } catch {
      facts.dataset = DatasetFacts(digest: nil, problem: "\(error)")
    }
    facts.folderProblems = try folderProblems(allocation, output ?? "runs/\(name ?? "")")
  }

  private func dataset(_ settings: ConfiguredRun) throws -> DatasetFacts {
    let fields: [String]
    switch settings {
    case .network(let run): fields = TrainingSetUp.fieldNames(run.model)
    case .counted(let run): fields = run.factorization.fields
    }
    let dataset = try Dataset(settings.data, relativeTo: folder(of: config), fields: fields)
    let problem = dataset.paths.lazy.compactMap(FolderProbe.lockProblem).first
    return DatasetFacts(digest: dataset.digest, problem: problem)
  }

  /// One rank of each node writes; all nodes must see what rank 0 wrote.
  private func folderProblems(_ allocation: Allocation, _ path: String) throws -> [String] {
    guard let leaders = allocation.leaders else { return [] }
    let folder = FolderProbe.existing(path)
    let isRoot = leaders.rank == 0
    var problems = FolderProbe.write(in: folder, name: "aimass-doctor-\(leaders.rank)-\(getpid())")
    let text = "\(allocation.world.hostName) \(getpid())\n"
    let mark = isRoot ? FolderProbe.leaveMark(in: folder, text) : nil
    defer { if let mark { unlink(mark) } }
    let told = [(mark ?? "") as NSString].map(\.lastPathComponent) + [text]
    let bytes = try leaders.broadcastBytes(Array(told.joined(separator: "\0").utf8), root: 0)
    let heard = String(decoding: bytes, as: UTF8.self).split(
      separator: "\0", omittingEmptySubsequences: false
    ).map(String.init)
    if !isRoot, heard.count == 2, !heard[0].isEmpty,
      !FolderProbe.sees("\(folder)/\(heard[0])", heard[1])
    {
      let host = heard[1].split(separator: " ").first ?? "the first node"
      problems.append(
        "\(folder) is not the folder of that name on \(host): checkpoints need a shared one; choose "
          + "another --output")
    }
    try leaders.barrier()
    return problems
  }
}
