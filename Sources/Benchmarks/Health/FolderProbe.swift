import Foundation
import Glibc

/// Tries what a run and HDF5 will ask of a file system, and takes away what it made.
public enum FolderProbe {
  /// What goes wrong when a checkpoint is written as training writes it.
  ///
  /// A file is written, brought to the disk (`fsync`), renamed, and its folder brought to the disk.
  ///
  /// - Parameters:
  ///   - folder: the folder, which exists.
  ///   - name: of the file, unlike that of any other rank.
  /// - Returns: sentences; none where all is well.
  public static func write(in folder: String, name: String) -> [String] {
    let (before, after) = ("\(folder)/.\(name).tmp", "\(folder)/.\(name)")
    defer {
      unlink(before)
      unlink(after)
    }
    func failed(_ call: String) -> [String] {
      ["\(folder): \(call) failed (\(String(cString: strerror(errno)))); checkpoints need it"]
    }
    let file = open(before, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0o644)
    guard file >= 0 else { return failed("creating a file") }
    defer { close(file) }
    guard Glibc.write(file, name, name.utf8.count) == name.utf8.count else {
      return failed("writing")
    }
    guard fsync(file) == 0 else { return failed("fsync") }
    // The run folder has one writer, by this lock.
    guard flock(file, LOCK_EX | LOCK_NB) == 0 else { return failed("locking (flock)") }
    guard rename(before, after) == 0 else { return failed("renaming") }
    let place = open(folder, O_RDONLY | O_DIRECTORY | O_CLOEXEC)
    guard place >= 0 else { return failed("opening the folder") }
    defer { close(place) }
    return fsync(place) == 0 ? [] : failed("fsync of the folder")
  }

  /// The folder of `path` that exists already: where a run folder would be made.
  public static func existing(_ path: String) -> String {
    var path = path.hasPrefix("/") ? path : FileManager.default.currentDirectoryPath + "/" + path
    var isFolder: ObjCBool = false
    while !(FileManager.default.fileExists(atPath: path, isDirectory: &isFolder)
      && isFolder.boolValue),
      path != "/"
    {
      path = (path as NSString).deletingLastPathComponent
    }
    return path
  }

  /// Leaves a mark that other nodes look for.
  ///
  /// - Parameters:
  ///   - folder: the folder.
  ///   - text: what to write.
  /// - Returns: the path of the mark, to be removed by who left it; nil where it cannot be made.
  public static func leaveMark(in folder: String, _ text: String) -> String? {
    let path = "\(folder)/.aimass-doctor-\(getpid())"
    return (try? text.write(toFile: path, atomically: false, encoding: .utf8)) == nil ? nil : path
  }

  /// Whether a mark left elsewhere is seen here within two seconds, for file systems that are slow
  /// to tell.
  public static func sees(_ mark: String, _ text: String) -> Bool {
    for _ in 0..<20 {
      if (try? String(contentsOfFile: mark, encoding: .utf8)) == text { return true }
      usleep(100_000)
    }
    return false
  }

  /// Why HDF5 could not lock a file that it reads, or nil where it can or was told not to.
  ///
  /// HDF5 takes a shared `flock` when it opens a file and refuses the file where that fails.
  ///
  /// - Parameter path: an existing file.
  /// - Returns: a sentence with what to do.
  public static func lockProblem(_ path: String) -> String? {
    let choice = ProcessInfo.processInfo.environment["HDF5_USE_FILE_LOCKING"]?.uppercased()
    if choice == "FALSE" || choice == "BEST_EFFORT" { return nil }
    let file = open(path, O_RDONLY | O_CLOEXEC)
    // That it cannot be opened is told elsewhere.
    guard file >= 0 else { return nil }
    defer { close(file) }
    guard flock(file, LOCK_SH | LOCK_NB) != 0 else { return nil }
    return lockProblem(path, failedWith: errno)
  }

  /// The sentence for a lock that failed with an error number of the system.
  public static func lockProblem(_ path: String, failedWith number: Int32) -> String {
    guard number != EWOULDBLOCK else {
      return "\(path) is locked: another program is writing it; wait for that"
    }
    return "\(path): HDF5 cannot lock files on this file system "
      + "(\(String(cString: strerror(number)))); "
      + "set HDF5_USE_FILE_LOCKING=FALSE (mpirun -x HDF5_USE_FILE_LOCKING=FALSE)"
  }
}
