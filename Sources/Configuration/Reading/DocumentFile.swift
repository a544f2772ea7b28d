import Glibc

/// Reads the text of a configuration file.
enum DocumentFile {
  /// Configurations are small; a larger file is a mistake, as a data file given by accident.
  static let byteLimit = 4 << 20

  /// The file's text.
  static func text(path: String) throws -> String {
    let descriptor = open(path, O_RDONLY | O_CLOEXEC)
    guard descriptor >= 0 else { throw failure(path, errno) }
    defer { close(descriptor) }
    var bytes: [UInt8] = []
    var block = [UInt8](repeating: 0, count: 1 << 16)
    while true {
      let count = read(descriptor, &block, block.count)
      if count == 0 { break }
      if count < 0 {
        if errno == EINTR { continue }
        throw failure(path, errno)
      }
      bytes += block[..<count]
      guard bytes.count <= byteLimit else {
        throw error(.unreadable, path, "larger than \(byteLimit) bytes; expected a YAML file")
      }
    }
    guard let text = String(validating: bytes, as: UTF8.self) else {
      throw error(.unreadable, path, "not UTF-8 text; expected a YAML file")
    }
    return text
  }

  private static func failure(_ path: String, _ number: Int32) -> ConfigurationError {
    if number == ENOENT || number == ENOTDIR {
      return error(.missing, path, "no such file; expected a YAML file")
    }
    return error(.unreadable, path, "cannot be read: \(String(cString: strerror(number)))")
  }

  private static func error(
    _ code: ConfigurationError.Code, _ path: String, _ message: String
  ) -> ConfigurationError {
    ConfigurationError(
      code: code, name: path,
      problems: [.init(path: "", line: nil, override: nil, message: message)])
  }
}
