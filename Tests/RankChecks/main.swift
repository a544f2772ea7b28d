import Glibc
import MPI

// Runs one check by name on all ranks: `mpirun -np 3 rank-checks collectives`. The name is printed
// before the check starts, so a hang has a name. The verdict is the exit code.

/// A check by name; what follows the name on the command line is for the check.
typealias Check = (_ world: Communicator, _ arguments: [String]) throws -> Void

/// Every check there is.
let checks: [String: Check] = [
  "world": checkWorld,
  "collectives": checkCollectives,
  "gathers": checkGathers,
  "parts": checkParts,
  "messages": checkMessages,
  "requests": checkRequestSets,
  "groups": checkGroups,
  "refusals": checkRefusals,
  "exchange": checkExchange,
  "schedules": checkSchedules,
  "progress": checkProgress,
  "corruption": checkCorruption,
  "wire": checkWire,
  "residuals": checkResiduals,
  "patterns": checkPatterns,
  "pruning": checkPruning,
  "shards": checkShards,
  "drop": dropMessage,
  "throw": throwOnOneRank,
  "agree": agreeOnFailure,
  "hang": hang,
]

/// Writes one line to standard error, whole even where several ranks write.
func complain(_ line: String) {
  let bytes = Array((line + "\n").utf8)
  _ = write(2, bytes, bytes.count)
}

let words = Array(CommandLine.arguments.dropFirst())
guard let name = words.first, let check = checks[name] else {
  let known = checks.keys.sorted().joined(separator: " ")
  complain("rank-checks: expected the name of a check, one of: \(known)")
  exit(64)
}
do {
  try withWorld(
    threads: name == "progress" ? .multiple : .funneled,
    { world in
      if world.rank == 0 {
        print("check \(name)")
        fflush(nil)
      }
      try check(world, Array(words.dropFirst()))
      try world.barrier()
      if world.rank == 0 { print("passed \(name) on \(world.size)") }
    },
    onFailure: { error, rank in
      complain("rank-checks: rank \(rank): \(error)")
      return (error as? CheckFailure)?.status ?? 70
    })
} catch {
  complain("rank-checks: \(error)")
  exit(70)
}
