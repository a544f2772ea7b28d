/// A pattern of parameter names, in which `*` stands for any run of characters, dots included.
public struct NamePattern: Sendable, Equatable, CustomStringConvertible {
  /// The pattern as written.
  public let text: String
  private let bytes: [UInt8]

  /// A pattern from its text; every character but `*` stands for itself.
  public init(_ text: String) {
    self.text = text
    bytes = Array(text.utf8)
  }

  /// The pattern as written.
  public var description: String { text }

  /// Whether the whole of `name` fits the pattern.
  ///
  /// Cost: at most name length times pattern length, because only the last `*` is ever widened.
  public func matches(_ name: String) -> Bool {
    let name = Array(name.utf8)
    let star = UInt8(ascii: "*")
    var position = 0
    var index = 0
    var widened: (pattern: Int, name: Int)?
    while index < name.count {
      if position < bytes.count, bytes[position] == star {
        widened = (position, index)
        position += 1
      } else if position < bytes.count, bytes[position] == name[index] {
        position += 1
        index += 1
      } else if let last = widened {
        widened = (last.pattern, last.name + 1)
        position = last.pattern + 1
        index = last.name + 1
      } else {
        return false
      }
    }
    return bytes[position...].allSatisfy { $0 == star }
  }
}

extension ParameterLayout {
  /// The slots whose names fit `pattern`, in canonical order.
  public func slots(matching pattern: NamePattern) -> [ParameterSlot] {
    slots.filter { pattern.matches($0.name) }
  }
}
