import Buffers
import Glibc
import MPI

/// A long message arrives while both ranks are busy elsewhere, if a thread looks after it.
func checkProgress(_ world: Communicator, _ arguments: [String]) throws {
  let count = 4 << 20
  let thread = try ProgressThread(world)
  let messages = RequestSet(world)
  let buffer = HostBuffer<Float>(count: count)
  for place in 0..<count { buffer[place] = world.rank == 0 ? Float(place % 97) : 0 }
  try world.barrier()
  if world.rank == 0 {
    try messages.startSend(UnsafeBufferPointer(buffer.all), to: 1, tag: 1)
  } else if world.rank == 1 {
    try messages.startReceive(buffer.all, from: 0, tag: 1)
  }
  thread.isActive = true
  // Computing, as far as MPI can see. The last scalar comes last over TCP.
  var rounds = 0
  while world.rank == 1, buffer[count - 1] != Float((count - 1) % 97), rounds < 2_000 {
    usleep(1_000)
    rounds += 1
  }
  if world.rank == 0 { usleep(500_000) }
  thread.isActive = false
  let last = buffer[count - 1]
  try messages.waitAll()
  if world.rank == 1 {
    try expectEqual(
      last, Float((count - 1) % 97), "the last scalar, with nobody asking but the thread")
  }
  try expectEqual(thread.looks > 0, true, "whether the thread asked")
}
