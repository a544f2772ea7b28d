import Buffers
import Checkpoints
import Foundation
import Glibc
import MPI

/// What the parts of a checkpoint take; seconds are the least of several rounds, each of the slowest rank.
public struct CheckpointSpeed: Sendable {
  /// R.
  public var ranks = 1
  /// Bytes of all ranks together.
  public var bytes = 0
  /// Bytes per second that all ranks' memories read and write at once.
  public var memoryRate = 0.0
  /// Training stands still for the copy.
  public var copySeconds = Double.infinity
  /// SHA-256 of the copy, in memory.
  public var hashSeconds = Double.infinity
  /// Writing and hashing every rank's file, without the sync.
  public var writeSeconds = Double.infinity
  /// Bringing it to the disk.
  public var syncSeconds = Double.infinity
  /// Manifest, `COMMIT`, rename and the folder's syncs.
  public var commitSeconds = Double.infinity
  /// Rank 0 reads the checkpoint back from the disk and compares it with its SHA-256.
  public var verifySeconds = Double.infinity
  /// The same bytes written to plain files of the folder, and synced; rank by rank at once.
  public var rawWriteSeconds = Double.infinity
  /// Their sync.
  public var rawSyncSeconds = Double.infinity
  /// One rank reads them back past the page cache.
  public var rawReadSeconds = Double.infinity

  /// Nothing measured.
  public init() {}
}

/// Measures the parts of a checkpoint beside what memory and disk do with the same bytes.
public final class CheckpointBenchmark {
  private let world: Communicator
  private let folder: String
  private let scalars: [Int]
  private let source: HostBuffer<Float>
  private let staging = ShardStaging()

  /// A benchmark in a folder of its own, which ``remove()`` takes away.
  ///
  /// Collective.
  ///
  /// - Parameters:
  ///   - world: all ranks.
  ///   - place: an existing folder that all ranks see.
  ///   - scalars: what this rank saves.
  /// - Throws: `MPIError`, or `CheckpointError` where nothing can be written.
  public init(_ world: Communicator, in place: String, scalars: Int) throws {
    self.world = world
    let leader = try world.broadcast(Int64(getpid()), root: 0)
    folder = "\(place)/.aimass-benchmark-\(leader)"
    self.scalars = try world.allGather(Int64(scalars)).map(Int.init)
    source = HostBuffer(count: max(1, scalars))
    for index in 0..<scalars { source.base[index] = Float(index & 0xFFFF) * 0.5 }
    let path = folder
    try world.agree {
      guard world.rank == 0 else { return }
      guard access(place, W_OK | X_OK) == 0 else {
        let reason = String(cString: strerror(errno))
        throw CheckpointError(
          .cannotCreate, "\(place): nothing can be written there (\(reason)); name a folder")
      }
      try CheckpointFolder(path).prepare()
    }
  }

  /// Takes away what was written; rank 0 does.
  public func remove() {
    if world.rank == 0 { try? FileManager.default.removeItem(atPath: folder) }
  }

  /// Measures; collective.
  ///
  /// - Parameter rounds: how often each part is timed; they take turns.
  /// - Returns: the least times, equal on all ranks.
  /// - Throws: what writing throws, on all ranks, or `MPIError`.
  public func run(rounds: Int) throws -> CheckpointSpeed {
    var speed = CheckpointSpeed()
    speed.ranks = world.size
    speed.bytes = scalars.reduce(0, +) * MemoryLayout<Float>.stride
    let local = try Allocation(world).local.size
    staging.reserve(scalars[world.rank])
    for round in 1...rounds {
      // The best of several, as the copy beside it is.
      let memory = CoreBenchmark.memorySpeed(
        bytes: CoreBenchmark.bytesBeyondCaches(ranks: local), seconds: 0.1)
      speed.memoryRate = max(
        speed.memoryRate, try world.allReduce(memory.bytesPerSecond, by: .sum))
      try measure(step: round, into: &speed)
    }
    return speed
  }

  private func measure(step: Int, into speed: inout CheckpointSpeed) throws {
    let checkpoints = CheckpointFolder(folder)
    var staged: [ShardArray] = []
    let own = scalars[..<world.rank].reduce(0, +)
    let array = ShardArray(
      name: "parameters", range: own..<own + scalars[world.rank], base: source.base)
    try slowest(&speed.copySeconds) { staged = staging.copy([array]) }
    let bytes = UnsafeRawBufferPointer(
      start: staged[0].base, count: scalars[world.rank] * MemoryLayout<Float>.stride)
    try slowest(&speed.hashSeconds) { _ = SHA256.hexadecimal(of: bytes) }
    try writeAlone(bytes, step, into: &speed)
    try writeRaw(bytes, step, into: &speed)
    let pending = checkpoints.pending(step: step)
    try world.agree { if world.rank == 0 { _ = try checkpoints.begin(step: step) } }
    let record = try world.agree {
      try checkpoints.writeShard(in: pending, index: world.rank, of: world.size, arrays: staged)
    }
    let records = try world.allGatherBytes(Array(JSONEncoder().encode(record))).map {
      try JSONDecoder().decode(ShardRecord.self, from: Data($0))
    }
    try slowest(&speed.commitSeconds) {
      guard world.rank == 0 else { return }
      var state = TrainingState()
      state.step = step
      try checkpoints.commit(
        pending,
        manifest: CheckpointManifest(
          state: state, parameterCount: scalars.reduce(0, +), shards: records))
    }
    try readBack(step, records, into: &speed)
  }

  /// A rank's file as a shard is written, its sync told apart.
  private func writeAlone(
    _ bytes: UnsafeRawBufferPointer, _ step: Int, into speed: inout CheckpointSpeed
  ) throws {
    let path = "\(folder)/alone-\(step)-\(world.rank)"
    defer { unlink(path) }
    var sync = 0.0
    try slowest(&speed.writeSeconds, less: { sync }) {
      var file = try OutputFile(creating: path)
      try file.write(bytes)
      let written = steadySeconds()
      _ = try file.finish()
      sync = steadySeconds() - written
    }
    speed.syncSeconds = min(speed.syncSeconds, try world.allReduce(sync, by: .maximum))
  }

  private func writeRaw(
    _ bytes: UnsafeRawBufferPointer, _ step: Int, into speed: inout CheckpointSpeed
  ) throws {
    let path = "\(folder)/raw-\(step)-\(world.rank)"
    defer { unlink(path) }
    try world.barrier()
    let raw = FileBenchmark.write(path, bytes)
    let times = try [raw?.write ?? .infinity, raw?.sync ?? .infinity].map {
      try world.allReduce($0, by: .maximum)
    }
    speed.rawWriteSeconds = min(speed.rawWriteSeconds, times[0])
    speed.rawSyncSeconds = min(speed.rawSyncSeconds, times[1])
  }

  /// Rank 0 verifies what all have written, from the disk, and reads it plainly.
  private func readBack(
    _ step: Int, _ records: [ShardRecord], into speed: inout CheckpointSpeed
  ) throws {
    let checkpoints = CheckpointFolder(folder)
    let files = try world.agree { try checkpoints.open(step: step, verifying: false) }.path
    let paths = records.map { "\(files)/\($0.file)" }
    if world.rank == 0 { paths.forEach(FileBenchmark.dropPages) }
    try slowest(&speed.verifySeconds) {
      if world.rank == 0 { _ = try checkpoints.open(step: step) }
    }
    try slowest(&speed.rawReadSeconds) {
      guard world.rank == 0 else { return }
      for path in paths { _ = FileBenchmark.wholeRate(path) }
    }
    try world.agree {
      if world.rank == 0 { try FileManager.default.removeItem(atPath: files) }
    }
  }

  /// Times work of all ranks: the slowest counts, and of several rounds the least.
  private func slowest(
    _ least: inout Double, less: () -> Double = { 0 }, _ body: () throws -> Void
  ) throws {
    try world.barrier()
    let start = steadySeconds()
    try world.agree { try body() }
    // What others still do is theirs.
    let seconds = steadySeconds() - start - less()
    least = min(least, try world.allReduce(seconds, by: .maximum))
  }
}
