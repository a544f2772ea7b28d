import Glibc
import MPI

/// Throws on the rank given while the others wait in a collective that it never joins.
func throwOnOneRank(_ world: Communicator, _ arguments: [String]) throws {
  let culprit = arguments.first.flatMap { Int($0) } ?? 0
  if world.rank == culprit { throw CheckFailure("thrown on purpose", status: 66) }
  try world.barrier()
}

/// Fails in agreement: on all ranks, on the ranks given, or on none.
func agreeOnFailure(_ world: Communicator, _ arguments: [String]) throws {
  let failing = arguments.compactMap { Int($0) }
  let all = arguments.first == "all"
  let value = try world.agree {
    if all || failing.contains(world.rank) {
      throw CheckFailure("cannot agree on rank \(world.rank)", status: 66)
    }
    return world.rank + 1
  }
  try expectEqual(value, world.rank + 1, "what each rank keeps")
}

/// Never ends on one rank, for tests of the watchdog.
func hang(_ world: Communicator, _ arguments: [String]) throws {
  if world.rank == world.size - 1 { while true { sleep(1) } }
  try world.barrier()
}
