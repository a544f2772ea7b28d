import Foundation
import Glibc
import HDF5

/// Tries on one node what a run asks of a file system, in a folder of its own that it takes away.
public struct StorageProbe {
  /// The folder for what is tried, inside the one that was asked about.
  public let place: String

  /// Makes the folder; nil where that fails, with `errno` set.
  ///
  /// - Parameters:
  ///   - folder: the folder to try.
  ///   - name: unlike that of any other rank.
  public init?(in folder: String, name: String) {
    place = "\(folder)/.aimass-doctor-\(name)"
    guard mkdir(place, 0o755) == 0 else { return nil }
  }

  /// Takes away all that was made.
  public func remove() {
    for name in (try? FileManager.default.contentsOfDirectory(atPath: place)) ?? [] {
      unlink("\(place)/\(name)")
    }
    rmdir(place)
  }

  /// Everything that one node can find out alone.
  public func findings() -> [StorageFinding] {
    [
      space(), exclusiveCreation(), renaming(), fileSync(), folderSync(), lock(), descriptionLock(),
      hdf5Locking(), mapping(),
    ]
  }

  /// Room for bytes and for files.
  func space() -> StorageFinding {
    var status = statvfs()
    guard statvfs(place, &status) == 0 else { return .failed("space", "statvfs", errno) }
    let bytes = Double(status.f_bavail) * Double(status.f_frsize)
    // File systems that make inodes as they are needed say 0 of 0.
    let inodes = status.f_files == 0 ? Double.infinity : Double(status.f_favail)
    let text = "\(Int(bytes / 1_048_576)) MiB free"
    let numbers = ["freeBytes": bytes].merging(
      inodes.isFinite ? ["freeInodes": inodes] : [:]
    ) { $1 }
    if inodes < 64 { return StorageFinding("space", .broken, "no room for more files", numbers) }
    guard bytes >= 67_108_864 else { return StorageFinding("space", .broken, text, numbers) }
    return StorageFinding("space", bytes < 4e9 ? .slow : .sound, text, numbers)
  }

  /// Of two who create a file, one is told that it exists.
  func exclusiveCreation() -> StorageFinding {
    let path = "\(place)/exclusive"
    let first = Self.create(path)
    guard first >= 0 else { return .failed("exclusiveCreation", "creating a file", errno) }
    close(first)
    let second = Self.create(path)
    guard second < 0, errno == EEXIST else {
      close(second)
      return StorageFinding(
        "exclusiveCreation", .broken, "a file that exists was created again (O_EXCL)")
    }
    return StorageFinding("exclusiveCreation", .sound, "a file is created once")
  }

  /// Who reads while a file is replaced by rename sees the old one or the new one, whole.
  func renaming(rounds: Int = 400) -> StorageFinding {
    let path = "\(place)/renamed"
    guard Self.replace(path, with: 0) else { return .failed("renaming", "renaming a file", errno) }
    let reader = RenameReader(path)
    let thread = Thread { reader.run() }
    thread.start()
    defer { reader.stop() }
    for round in 1...rounds where !Self.replace(path, with: UInt8(truncatingIfNeeded: round)) {
      return .failed("renaming", "renaming a file", errno)
    }
    reader.stop()
    return reader.finding(rounds: rounds)
  }

  /// How long it takes until bytes are on the disk.
  func fileSync(count: Int = 24) -> StorageFinding {
    let path = "\(place)/synced"
    let file = Self.create(path)
    guard file >= 0 else { return .failed("fileSync", "creating a file", errno) }
    defer { close(file) }
    let bytes = [UInt8](repeating: 7, count: 65_536)
    var seconds: [Double] = []
    for _ in 0..<count {
      guard write(file, bytes, bytes.count) == bytes.count else {
        return .failed("fileSync", "writing", errno)
      }
      let start = ContinuousClock.now
      guard fsync(file) == 0 else { return .failed("fileSync", "fsync", errno) }
      seconds.append((ContinuousClock.now - start) / .seconds(1))
    }
    seconds.sort()
    let (median, most) = (seconds[count / 2], seconds[min(count - 1, count * 99 / 100)])
    let numbers = ["medianSeconds": median, "p99Seconds": most, "count": Double(count)]
    let text =
      "fsync of 64 KiB: median \(Self.milliseconds(median)), p99 \(Self.milliseconds(most))"
    return StorageFinding("fileSync", median > 0.1 || most > 1 ? .slow : .sound, text, numbers)
  }

  /// A new name can be brought to the disk.
  func folderSync() -> StorageFinding {
    let folder = open(place, O_RDONLY | O_DIRECTORY | O_CLOEXEC)
    guard folder >= 0 else { return .failed("folderSync", "opening the folder", errno) }
    defer { close(folder) }
    guard fsync(folder) == 0 else { return .failed("folderSync", "fsync of the folder", errno) }
    return StorageFinding("folderSync", .sound, "names are brought to the disk")
  }

  /// A locked file cannot be locked again (`flock`), until its holder closes it.
  func lock() -> StorageFinding {
    exclusion("lock", "flock") { flock($0, LOCK_EX | LOCK_NB) }
  }

  /// The same of locks of open file descriptions.
  func descriptionLock() -> StorageFinding {
    exclusion("descriptionLock", "F_OFD_SETLK", Self.lockDescription)
  }

  private func exclusion(
    _ property: String, _ call: String, _ take: (Int32) -> Int32
  ) -> StorageFinding {
    let path = "\(place)/locked"
    let first = open(path, O_RDWR | O_CREAT | O_CLOEXEC, 0o644)
    let second = open(path, O_RDWR | O_CLOEXEC)
    guard first >= 0, second >= 0 else { return .failed(property, "opening a file", errno) }
    defer { close(second) }
    guard take(first) == 0 else {
      defer { close(first) }
      return .failed(property, call, errno)
    }
    let isHeldTwice = take(second) == 0
    close(first)
    if isHeldTwice { return StorageFinding(property, .broken, "two hold one lock (\(call))") }
    guard take(second) == 0 else {
      return StorageFinding(property, .broken, "a lock outlives its holder (\(call))")
    }
    return StorageFinding(property, .sound, "one holder at a time (\(call))")
  }

  /// HDF5 can write, lock and read a file.
  func hdf5Locking() -> StorageFinding {
    let path = "\(place)/file.h5"
    do {
      let file = try HDF5File(creating: path)
      try file.root.setAttribute("name", to: .text("doctor"))
      try file.close()
      let value = try HDF5File(reading: path).root.attribute("name")
      guard value == .text("doctor") else {
        return StorageFinding("hdf5Locking", .broken, "a file reads otherwise than it was written")
      }
    } catch { return StorageFinding("hdf5Locking", .broken, "\(error)") }
    return StorageFinding("hdf5Locking", .sound, "HDF5 writes, locks and reads")
  }

  /// A file can be mapped, and shows what is written to it.
  func mapping() -> StorageFinding {
    let path = "\(place)/mapped"
    let file = Self.create(path)
    guard file >= 0 else { return .failed("mapping", "creating a file", errno) }
    defer { close(file) }
    let bytes = (0..<8192).map { UInt8(truncatingIfNeeded: $0 * 7) }
    guard write(file, bytes, bytes.count) == bytes.count else {
      return .failed("mapping", "writing", errno)
    }
    guard let base = mmap(nil, bytes.count, PROT_READ, MAP_SHARED, file, 0), base != MAP_FAILED
    else { return .failed("mapping", "mmap", errno) }
    defer { munmap(base, bytes.count) }
    let seen = UnsafeRawBufferPointer(start: base, count: bytes.count)
    let isEqual = seen.elementsEqual(bytes)
    _ = pwrite(file, [UInt8(1)], 1, 4096)
    guard isEqual, seen[4096] == 1 else {
      return StorageFinding("mapping", .broken, "a mapped file shows other bytes than its own")
    }
    return StorageFinding("mapping", .sound, "files can be mapped")
  }

  static func milliseconds(_ seconds: Double) -> String {
    "\((seconds * 10_000).rounded() / 10) ms"
  }
}
