import Glibc

/// Text to the standard streams, at once and unbuffered by us.
enum StandardOutput {
  /// Writes all of `text` to a descriptor, 1 or 2; what cannot be written is nobody's to hear.
  static func write(_ text: String, to descriptor: Int32 = 1) {
    var text = text
    text.withUTF8 { bytes in
      var rest = UnsafeRawBufferPointer(bytes)
      while !rest.isEmpty {
        let count = Glibc.write(descriptor, rest.baseAddress, rest.count)
        if count < 0 && errno == EINTR { continue }
        guard count > 0 else { return }
        rest = UnsafeRawBufferPointer(rebasing: rest[count...])
      }
    }
  }
}

extension String {
  /// The text with control characters spelled out: what a file is called, or says, must not steer a terminal.
  ///
  /// Line ends stay.
  var visible: String {
    guard unicodeScalars.contains(where: Self.steers) else { return self }
    return unicodeScalars.map { Self.steers($0) ? $0.escaped(asASCII: true) : String($0) }.joined()
  }

  private static func steers(_ scalar: Unicode.Scalar) -> Bool {
    // Marks that turn the direction of writing are no control characters, but make text look like another.
    scalar != "\n"
      && (scalar.properties.generalCategory == .control
        || scalar.properties.generalCategory == .format)
  }
}
