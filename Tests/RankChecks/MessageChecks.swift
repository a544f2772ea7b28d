import Buffers
import MPI

/// A ring of messages, blocking and in flight, owned and borrowed.
func checkMessages(_ world: Communicator, _ arguments: [String]) throws {
  let next = (world.rank + 1) % world.size
  let before = (world.rank + world.size - 1) % world.size
  for count in sizes {
    try checkOwned(count, world, next, before)
    let mine: [Int32] = pattern(count, rank: world.rank)
    var theirs = [Int32](repeating: -1, count: count)
    try theirs.withUnsafeMutableBufferPointer { room in
      let coming = try world.startReceive(into: room, from: before, tag: 2)
      try mine.withUnsafeBufferPointer { try world.send($0, to: next, tag: 2) }
      try coming.wait()
    }
    try expectSame(theirs, pattern(count, rank: before), "\(count) borrowed scalars")
  }
}

private func checkOwned(_ count: Int, _ world: Communicator, _ next: Int, _ before: Int) throws {
  let mine = HostBuffer<Double>(count: count)
  for (index, value) in (pattern(count, rank: world.rank) as [Double]).enumerated() {
    mine[index] = value
  }
  var coming = try world.startReceive(into: HostBuffer<Double>(count: count), from: before, tag: 1)
  let going = try world.startSend(mine, to: next, tag: 1)
  while try !coming.test() {}
  let theirs = try coming.wait()
  let back = try going.wait()
  try expectSame(Array(theirs.all), pattern(count, rank: before), "\(count) owned scalars")
  try expectSame(Array(back.all), pattern(count, rank: world.rank), "the buffer that was sent")
}

/// Many messages at once, the same set used again and again.
func checkRequestSets(_ world: Communicator, _ arguments: [String]) throws {
  let set = RequestSet(world)
  let count = 1000
  let mine: [Float] = pattern(count, rank: world.rank)
  for round in 0..<6 {
    var all = [Float](repeating: -1, count: count * world.size)
    try all.withUnsafeMutableBufferPointer { room in
      try mine.withUnsafeBufferPointer { sent in
        for rank in 0..<world.size {
          let run = UnsafeMutableBufferPointer(rebasing: room[rank * count..<(rank + 1) * count])
          try set.startReceive(run, from: rank, tag: round)
        }
        for rank in 0..<world.size {
          set.add(try world.startSend(borrowing: sent, to: rank, tag: round))
        }
        try expectEqual(set.count, 2 * world.size, "messages in flight")
        try finish(set, round)
      }
    }
    let expected: [Float] = (0..<world.size).flatMap { pattern(count, rank: $0) }
    try expectSame(all, expected, "round \(round)")
    try expectEqual(set.count, 0, "messages left after round \(round)")
  }
}

/// Ends all messages, in one of three ways.
private func finish(_ set: RequestSet, _ round: Int) throws {
  switch round % 3 {
  case 0: try set.waitAll()
  case 1: while try !set.testAll() {}
  default:
    var seen: Set<Int> = []
    let started = set.count
    while let index = try set.waitAny() { seen.insert(index) }
    try expectEqual(seen, Set(0..<started), "the messages that ended")
  }
}

/// Drops a message in flight, which must end the process.
func dropMessage(_ world: Communicator, _ arguments: [String]) throws {
  switch arguments.first {
  case "owned": _ = try world.startReceive(into: HostBuffer<Float>(count: 4), from: 0, tag: 9)
  case "borrowed":
    let room = UnsafeMutableBufferPointer<Float>.allocate(capacity: 4)
    _ = try world.startReceive(into: room, from: 0, tag: 9)
  default:
    let room = UnsafeMutableBufferPointer<Float>.allocate(capacity: 4)
    try RequestSet(world).startReceive(room, from: 0, tag: 9)
  }
}
