/// Text on its way into HTML.
///
/// Everything that a report did not write itself (names, paths, class names, configurations) goes
/// through ``escaped(_:)``, in text as in attributes, which always stand in double quotes.
public enum HTMLText {
  /// The text with the characters that HTML gives a meaning to replaced.
  ///
  /// - Parameter text: any text.
  /// - Returns: text that no browser reads as markup; control characters become `�`.
  public static func escaped(_ text: String) -> String {
    var escaped = ""
    for scalar in text.unicodeScalars {
      switch scalar {
      case "&": escaped += "&amp;"
      case "<": escaped += "&lt;"
      case ">": escaped += "&gt;"
      case "\"": escaped += "&quot;"
      case "'": escaped += "&#39;"
      case "\n", "\t": escaped.unicodeScalars.append(scalar)
      case let other where other.value < 0x20 || (0x7F...0x9F).contains(other.value):
        escaped += "\u{FFFD}"
      default: escaped.unicodeScalars.append(scalar)
      }
    }
    return escaped
  }
}
