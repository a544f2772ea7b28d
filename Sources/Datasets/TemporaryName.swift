import Glibc

/// The name under which a file grows: `.NAME.tmp-HOST-PROCESS`, so that what a killed process leaves is known.
struct TemporaryName {
  /// The name, without a folder.
  let text: String

  /// The name for a file that this process writes.
  init(of name: String) { text = Self.prefix(name) + "\(getpid())" }

  /// Removes what processes of this machine that are gone have left beside a file of this name.
  ///
  /// Files of other machines are left alone: nobody here knows whether their processes live.
  static func removeAbandoned(of name: String, in folder: String) {
    guard let entries = opendir(folder) else { return }
    defer { closedir(entries) }
    let prefix = prefix(name)
    while let entry = readdir(entries) {
      let found = withUnsafePointer(to: &entry.pointee.d_name) {
        $0.withMemoryRebound(to: CChar.self, capacity: 256) { String(cString: $0) }
      }
      guard found.hasPrefix(prefix), let process = pid_t(found.dropFirst(prefix.count)),
        kill(process, 0) != 0, errno == ESRCH
      else { continue }
      unlink("\(folder)/\(found)")
    }
  }

  private static func prefix(_ name: String) -> String {
    var host = [CChar](repeating: 0, count: 256)
    gethostname(&host, host.count - 1)
    let text = host.withUnsafeBufferPointer { $0.baseAddress.map { String(cString: $0) } ?? "" }
    return ".\(name).tmp-\(text)-"
  }
}
