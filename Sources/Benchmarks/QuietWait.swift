import Buffers
import Glibc
import MPI

extension Communicator {
  /// Waits until every rank has called it, asleep.
  ///
  /// MPI's own barrier spins, and on a shared machine takes the cores away from what is measured.
  ///
  /// - Throws: `MPIError` if MPI refuses.
  /// - Cost: 2 (R - 1) messages of a byte, all through rank 0.
  func quietBarrier() throws {
    guard size > 1 else { return }
    let peers = rank == 0 ? Array(1..<size) : [0]
    let mark = HostBuffer<UInt8>(count: 1)
    if rank != 0 { try send(UnsafeBufferPointer(mark.all), to: 0, tag: Self.quietTag) }
    for peer in peers {
      var request = try startReceive(into: mark.all, from: peer, tag: Self.quietTag)
      try Self.sleep { try request.test() }
      try request.wait()
    }
    guard rank == 0 else { return }
    for peer in peers { try send(UnsafeBufferPointer(mark.all), to: peer, tag: Self.quietTag) }
  }

  private static func sleep(until isOver: () throws -> Bool) throws {
    var rest = timespec(tv_sec: 0, tv_nsec: 200_000)
    while try !isOver() { nanosleep(&rest, nil) }
  }

  private static var quietTag: Int { 9_001 }
}

/// Seconds since some moment in the past, on this machine.
func steadySeconds() -> Double {
  var time = timespec()
  clock_gettime(CLOCK_MONOTONIC, &time)
  return Double(time.tv_sec) + Double(time.tv_nsec) * 1e-9
}

/// Seconds that the calling thread has computed; other programs' shares are not in them.
func threadSeconds() -> Double {
  var time = timespec()
  clock_gettime(CLOCK_THREAD_CPUTIME_ID, &time)
  return Double(time.tv_sec) + Double(time.tv_nsec) * 1e-9
}

/// The middle value, the lower one of two; nil of none.
func median(_ values: [Double]) -> Double? {
  values.isEmpty ? nil : values.sorted()[(values.count - 1) / 2]
}
