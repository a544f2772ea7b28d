import Buffers
import MPI

/// What a rank knows about itself; the expected number of ranks is the first argument.
func checkWorld(_ world: Communicator, _ arguments: [String]) throws {
  try expectEqual("\(world.size)", arguments.first ?? "", "ranks")
  try expectEqual(MPIEnvironment.isUnderLauncher, arguments.last == "launched", "a launcher")
  try expectEqual(world.hostName.isEmpty, false, "a host without a name")
  let start = MPIEnvironment.wallTime
  try expectEqual(MPIEnvironment.wallTime >= start, true, "time went backwards")
  let ranks = try world.allGather(Int32(world.rank))
  try expectSame(ranks, (0..<Int32(world.size)).map { $0 }, "ranks in order")
}

/// Parts of the world, and twins of it.
func checkGroups(_ world: Communicator, _ arguments: [String]) throws {
  let node = try world.splitByNode()
  try expectEqual(node.size, world.size, "ranks on this one machine")
  try expectEqual(node.rank, world.rank, "the order on a node")
  let half = try world.split(color: Int32(world.rank % 2), key: Int32(-world.rank))
  let members = (0..<world.size).filter { $0 % 2 == world.rank % 2 }.reversed().map(Int32.init)
  try expectSame(try half.allGather(Int32(world.rank)), members, "a group, last rank first")
  let sum = try half.allReduce(Int64(1), by: .sum)
  try expectEqual(sum, Int64(members.count), "a sum over the group")
  // A message in the twin is not taken for one in the original.
  let twin = try world.duplicate()
  var (first, second) = ([Int32(-1)], [Int32(-1)])
  let (sentFirst, sentSecond) = ([Int32(1)], [Int32(2)])
  let requests = RequestSet(world)
  try sentSecond.withUnsafeBufferPointer { second in
    try sentFirst.withUnsafeBufferPointer { first in
      requests.add(try twin.startSend(borrowing: second, to: world.rank, tag: 0))
      requests.add(try world.startSend(borrowing: first, to: world.rank, tag: 0))
    }
  }
  try first.withUnsafeMutableBufferPointer { try world.receive(into: $0, from: world.rank, tag: 0) }
  try second.withUnsafeMutableBufferPointer { try twin.receive(into: $0, from: world.rank, tag: 0) }
  try requests.waitAll()
  try expectEqual(first + second, [1, 2], "messages of a group and its twin")
}

/// What MPI refuses is thrown, on the rank that asked, and the job goes on.
func checkRefusals(_ world: Communicator, _ arguments: [String]) throws {
  try expectError(.library(errorClass: 6), "a root outside the group") {
    try world.broadcast(Int32(0), root: world.size)
  }
  try expectError(.library(errorClass: 6), "a receiver outside the group") {
    try world.startSend(HostBuffer<Float>(count: 1), to: -1, tag: 0).wait()
  }
  let twin = try world.duplicate()
  twin.countLimit = 10
  try expectError(.countOverflow, "runs too long together") {
    _ = try twin.allGatherVariable([UInt8](repeating: 0, count: 11))
  }
  try expectError(.countOverflow, "a message too long") {
    try twin.startSend(HostBuffer<Float>(count: 11), to: 0, tag: 0).wait()
  }
  // Too little room: the receiver learns it, the sender does not.
  let going = try world.startSend(HostBuffer<Float>(count: 8), to: world.rank, tag: 3)
  try expectError(.library(errorClass: 15), "too little room") {
    _ = try world.startReceive(into: HostBuffer<Float>(count: 4), from: world.rank, tag: 3).wait()
  }
  _ = try going.wait()
}

private func expectError<Value: ~Copyable>(
  _ code: MPIError.Code, _ what: String, _ body: () throws -> Value
) throws {
  do {
    _ = try body()
  } catch let error as MPIError {
    return try expectEqual(error.code, code, what)
  }
  throw CheckFailure("\(what): nothing was thrown")
}
