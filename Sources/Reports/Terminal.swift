import Glibc

/// What stands at the other end of a descriptor.
public enum Terminal {
  /// The style of progress that suits a descriptor.
  ///
  /// - Parameters:
  ///   - descriptor: where progress will be written, usually 2.
  ///   - everySeconds: the rate of plain lines where it is no terminal.
  /// - Returns: a redrawn line at a terminal that can, plain lines elsewhere.
  public static func style(of descriptor: Int32, everySeconds: Double = 10) -> ProgressDisplay.Style
  {
    guard isatty(descriptor) == 1, variable("TERM") != "dumb", variable("TERM") != nil else {
      return .lines(everySeconds: everySeconds)
    }
    return .redrawn(unicode: isUnicode)
  }

  /// The width of the terminal in columns; 80 where it is unknown.
  public static func columns(of descriptor: Int32) -> Int {
    var size = winsize()
    guard ioctl(descriptor, UInt(TIOCGWINSZ), &size) == 0, size.ws_col > 0 else { return 80 }
    return Int(size.ws_col)
  }

  /// Whether the locale writes UTF-8: the first of LC_ALL, LC_CTYPE and LANG that is set decides.
  private static var isUnicode: Bool {
    let locale = ["LC_ALL", "LC_CTYPE", "LANG"].compactMap(variable).first { !$0.isEmpty } ?? ""
    let name = locale.lowercased()
    return name.hasSuffix("utf-8") || name.hasSuffix("utf8")
  }

  private static func variable(_ name: String) -> String? {
    getenv(name).map { String(cString: $0) }
  }
}
