import Buffers
import Glibc
import MPI

/// The ranks that share memory with this one, and the nodes there are.
///
/// Made once, by all ranks together. Where neighbours cannot see each other's memory, as ranks in
/// containers of their own, each of them counts as a node: everything works, by messages.
public final class Node {
  /// All ranks.
  public let world: Communicator
  /// The ranks of this node, by local rank.
  public let local: Communicator
  /// The first rank of every node, by node; nil on all others.
  public let leaders: Communicator?
  /// Which ranks share a node.
  public let topology: Topology
  /// Where this rank sits.
  public let seat: Topology.Seat
  /// Where and why ranks of one machine do not share memory, or nil where all do; equal on all ranks.
  public let sharingProblem: String?

  /// Finds out which ranks can share memory.
  ///
  /// Collective.
  ///
  /// - Parameters:
  ///   - world: all ranks.
  ///   - machine: the ranks of this rank's machine as far as they should share; nil for all of them. A
  ///     communicator of this rank alone keeps its memory private.
  /// - Throws: `MPIError` if MPI refuses.
  public init(_ world: Communicator, machine: Communicator? = nil) throws {
    self.world = world
    let machine = try machine ?? world.splitByNode()
    let problem = machine.size > 1 ? try Self.probe(machine) : nil
    sharingProblem = try Self.summary(of: problem, world)
    let lowest = try machine.broadcast(Int64(world.rank), root: 0)
    let mine = problem == nil ? lowest : Int64(world.rank)
    local = try world.split(color: Int32(mine), key: Int32(world.rank))
    topology = Topology(nodeOfRank: try world.allGather(mine).map(Int.init))
    seat = topology.seat(ofRank: world.rank)
    let heads = try world.split(color: seat.localRank == 0 ? 0 : 1, key: Int32(seat.place))
    leaders = seat.localRank == 0 ? heads : nil
  }

  /// Memory that all ranks of this node see, zeroed.
  ///
  /// Collective. Each rank takes the pages of its own part, so that they lie near its core.
  ///
  /// - Parameters:
  ///   - byteCount: equal on all ranks of the node.
  ///   - name: for people who look at `/proc/PID/maps`.
  ///   - parts: the bytes that this rank will write most; what nobody claims takes no memory until it is
  ///     written.
  /// - Returns: the memory.
  /// - Throws: `AgreedFailure` on all ranks if one has no memory left, or `MPIError`.
  public func share(byteCount: Int, name: String, claiming parts: [Range<Int>])
    throws -> SharedMemory
  {
    let memory = try Self.share(byteCount: byteCount, name: name, among: local, agreeing: world)
    try world.agree { try memory.claim(parts) }
    memory.closeDescriptor()
    return memory
  }

  /// The same, of one part.
  public func share(byteCount: Int, name: String, claiming part: Range<Int>) throws -> SharedMemory
  {
    try share(byteCount: byteCount, name: name, claiming: [part])
  }

  /// One sentence on all machines whose ranks cannot share memory.
  private static func summary(of problem: String?, _ world: Communicator) throws -> String? {
    let all = try world.allGatherBytes(Array((problem ?? "").utf8))
    guard let first = all.firstIndex(where: { !$0.isEmpty }) else { return nil }
    let count = all.filter { !$0.isEmpty }.count
    return
      "\(count) of \(world.size) ranks keep weights of their own and exchange by messages, as rank "
      + "\(first): \(String(decoding: all[first], as: UTF8.self))"
  }

  /// Makes memory on the first rank of a machine and opens it on the others; descriptors stay open.
  ///
  /// - Parameters:
  ///   - byteCount: equal on all ranks of the machine.
  ///   - name: for people.
  ///   - group: the ranks of the machine.
  ///   - all: the ranks that fail together.
  /// - Returns: the memory.
  /// - Throws: `AgreedFailure` on all of them, or `MPIError`.
  private static func share(
    byteCount: Int, name: String, among group: Communicator, agreeing all: Communicator
  ) throws -> SharedMemory {
    // Ranks of all machines agree as often, however many share a machine.
    let made = try all.agree {
      group.size == 1
        // Where all that is mapped counts as taken, there may be no room for what will never be written.
        ? try (try? SharedMemory(ofOneProcess: byteCount))
          ?? SharedMemory(byteCount: byteCount, name: name)
        : group.rank == 0 ? try SharedMemory(byteCount: byteCount, name: name) : nil
    }
    var address = [Int64(getpid()), Int64(made?.descriptor ?? -1)]
    try group.broadcast(&address, root: 0)
    return try all.agree {
      try made
        ?? SharedMemory(
          opening: Int32(address[1]), of: Int32(address[0]), byteCount: byteCount)
    }
  }

  /// Why the ranks of a machine cannot share memory, or nil when a page written by each was seen by all.
  private static func probe(_ machine: Communicator) throws -> String? {
    let page = Int(sysconf(Int32(_SC_PAGESIZE)))
    do {
      let memory = try share(
        byteCount: page * machine.size, name: "aimass-probe", among: machine,
        agreeing: machine)
      let words = memory.base.assumingMemoryBound(to: Int64.self)
      let stride = page / MemoryLayout<Int64>.stride
      words[machine.rank * stride] = Int64(machine.rank + 1)
      try machine.barrier()
      // What another container has behind the same number would not hold our marks.
      let seen = (0..<machine.size).allSatisfy { words[$0 * stride] == Int64($0 + 1) }
      let all = try machine.allReduce(Int32(seen ? 1 : 0), by: .minimum)
      return all == 1 ? nil : "ranks of one host name do not see each other's memory"
    } catch let failure as AgreedFailure {
      return failure.error.map { "\($0)" } ?? "a neighbour cannot open this rank's memory"
    }
  }
}
