import Benchmarks
import Foundation
import Glibc
import MPI
import Reports
import Training

/// `aimass doctor --storage`.
struct StorageVisit {
  let folder: String
  let json: Bool

  func run() throws {
    try Ranks.run { world in
      let allocation = try Allocation(world)
      let found = try self.findings(allocation)
      let bytes = try Array(JSONEncoder().encode(found))
      let all = try world.gatherBytes(bytes, root: 0)
      let isHealthy = try world.agree { () -> Bool in
        guard let all else { return true }
        let nodes = try all.map { try JSONDecoder().decode(StorageFindings.self, from: Data($0)) }
        let report = StorageReport(folder: folder, nodes: nodes.filter { !$0.findings.isEmpty })
        StandardOutput.write(
          json ? JSONText.pretty(report.json(version: Aimass.version)) : report.text)
        return report.isHealthy
      }
      let verdict = try world.broadcast(Int32(isHealthy ? 1 : 0), root: 0)
      return verdict == 1 ? .done : .failure
    }
  }

  /// What the first rank of each node finds, nothing on the others; collective.
  private func findings(_ allocation: Allocation) throws -> StorageFindings {
    var found = StorageFindings(host: allocation.world.hostName, findings: [])
    let name = "\(found.host)-\(getpid())"
    let probe = allocation.leaders == nil ? nil : StorageProbe(in: folder, name: name)
    let reason = String(cString: strerror(errno))
    defer { probe?.remove() }
    // Ranks that are no leaders agree too: all throw, or none.
    try allocation.world.agree {
      guard allocation.leaders == nil || probe != nil else {
        throw TrainingError(
          .cannotCreate, "\(found.host): nothing can be made in \(folder) (\(reason))")
      }
    }
    guard let leaders = allocation.leaders, let probe else { return found }
    found.findings = probe.findings()
    guard leaders.size > 1 else { return found }
    let place = try leaders.broadcastBytes(Array(probe.place.utf8), root: 0)
    found.findings += try StorageMeeting(leaders, in: String(decoding: place, as: UTF8.self))
      .findings()
    try leaders.barrier()
    return found
  }
}
