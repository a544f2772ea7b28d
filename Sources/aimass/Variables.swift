import Glibc

/// The process's environment variables.
enum Variables {
  /// The value of a variable, or nil where it is unset or empty.
  static subscript(name: String) -> String? {
    guard let value = getenv(name).map({ String(cString: $0) }), !value.isEmpty else { return nil }
    return value
  }
}
