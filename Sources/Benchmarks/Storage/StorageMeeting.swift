import Foundation
import Glibc
import MPI

/// Tries between nodes what one node cannot try alone: the first rank of every node takes part.
public struct StorageMeeting {
  private let leaders: Communicator
  private let place: String

  /// A meeting in a folder that the first leader has made and the others must see.
  ///
  /// - Parameters:
  ///   - leaders: the first rank of every node, at least two.
  ///   - place: the folder of the first leader's ``StorageProbe``, equal on all.
  public init(_ leaders: Communicator, in place: String) {
    self.leaders = leaders
    self.place = place
  }

  /// Everything that takes two nodes; collective over the leaders.
  ///
  /// - Returns: what this leader saw.
  /// - Throws: `MPIError` if MPI refuses.
  public func findings() throws -> [StorageFinding] {
    let visibility = try visibility()
    // Of a folder that is not shared nothing else can be said.
    let isShared = try leaders.allReduce(Int32(visibility.verdict == .broken ? 0 : 1), by: .minimum)
    guard isShared == 1 else { return [visibility] }
    return [
      visibility, try exclusiveCreation(), try renaming(),
      try lock("lockAcrossNodes", "flock") { flock($0, LOCK_EX | LOCK_NB) },
      try lock("descriptionLockAcrossNodes", "F_OFD_SETLK", StorageProbe.lockDescription),
    ]
  }

  private var isFirst: Bool { leaders.rank == 0 }

  /// How long a file of another node takes to be seen, with all of its bytes.
  private func visibility() throws -> StorageFinding {
    var most = 0.0
    var isSeen = true
    for round in 0..<5 {
      let path = "\(place)/visible-\(round)"
      let text = "round \(round) of \(place)\n"
      // Looking before it is there makes a client remember that it is not.
      _ = access(path, F_OK)
      try leaders.barrier()
      if isFirst { try? text.write(toFile: path, atomically: false, encoding: .utf8) }
      try leaders.barrier()
      let start = ContinuousClock.now
      while (try? String(contentsOfFile: path, encoding: .utf8)) != text {
        isSeen = ContinuousClock.now - start < .seconds(5)
        guard isSeen else { break }
        usleep(1000)
      }
      most = max(most, (ContinuousClock.now - start) / .seconds(1))
      isSeen = try leaders.allReduce(Int32(isSeen ? 1 : 0), by: .minimum) == 1
      guard isSeen else { break }
    }
    let numbers = ["delaySeconds": most]
    guard isSeen else {
      return StorageFinding(
        "visibility", .broken,
        "a node does not see within 5 s what another writes: no shared folder",
        numbers)
    }
    return StorageFinding(
      "visibility", most > 1 ? .slow : .sound,
      "seen on this node after \(StorageProbe.milliseconds(most))", numbers)
  }

  /// Of all nodes that create a file one succeeds.
  private func exclusiveCreation() throws -> StorageFinding {
    var wrong = 0
    for round in 0..<20 {
      try leaders.barrier()
      let file = StorageProbe.create("\(place)/race-\(round)")
      if file >= 0 { close(file) }
      let winners = try leaders.allReduce(Int32(file >= 0 ? 1 : 0), by: .sum)
      if winners != 1 { wrong += 1 }
    }
    return wrong == 0
      ? StorageFinding("exclusiveCreationAcrossNodes", .sound, "one node creates a file")
      : StorageFinding(
        "exclusiveCreationAcrossNodes", .broken,
        "in \(wrong) of 20 races not exactly one node created the file (O_EXCL)")
  }

  /// What other nodes see while the first replaces a file.
  private func renaming() throws -> StorageFinding {
    let path = "\(place)/renamed-elsewhere"
    let reader = RenameReader(path)
    if isFirst { _ = StorageProbe.replace(path, with: 0) }
    try leaders.barrier()
    for _ in 0..<500 where access(path, F_OK) != 0 { usleep(10_000) }
    try leaders.barrier()
    for round in 1...20 {
      for step in 0..<10 {
        if isFirst {
          _ = StorageProbe.replace(path, with: UInt8(truncatingIfNeeded: round * 10 + step))
        } else {
          reader.look()
        }
      }
      try leaders.barrier()
    }
    let seen = reader.finding(rounds: 200)
    return StorageFinding("renamingAcrossNodes", seen.verdict, seen.detail, seen.numbers)
  }

  /// What the first node holds no other gets, and what it lets go another gets.
  private func lock(
    _ property: String, _ call: String, _ take: (Int32) -> Int32
  ) throws -> StorageFinding {
    let path = "\(place)/\(property)"
    var file = isFirst ? open(path, O_RDWR | O_CREAT | O_CLOEXEC, 0o644) : -1
    let isHeld = isFirst && file >= 0 && take(file) == 0
    let isTaken = try leaders.allReduce(Int32(isHeld ? 1 : 0), by: .maximum) == 1
    for _ in 0..<500 where access(path, F_OK) != 0 { usleep(10_000) }
    if !isFirst { file = open(path, O_RDWR | O_CLOEXEC) }
    let isStolen = !isFirst && file >= 0 && take(file) == 0
    let thieves = try leaders.allReduce(Int32(isStolen ? 1 : 0), by: .sum)
    if isFirst || isStolen { close(file) }
    try leaders.barrier()
    // After the first has let go, the last must get it.
    let isLast = leaders.rank == leaders.size - 1
    let isPassed = isLast && !isStolen && file >= 0 && take(file) == 0
    let passed = try leaders.allReduce(Int32(isPassed || thieves > 0 ? 1 : 0), by: .maximum) == 1
    if !isFirst, !isStolen, file >= 0 { close(file) }
    try leaders.barrier()
    guard isTaken else { return StorageFinding(property, .broken, "no lock is given (\(call))") }
    guard thieves == 0 else {
      return StorageFinding(property, .broken, "two nodes hold one lock (\(call))")
    }
    return passed
      ? StorageFinding(property, .sound, "one node holds a lock (\(call))")
      : StorageFinding(property, .broken, "a lock outlives its holder on another node (\(call))")
  }
}
