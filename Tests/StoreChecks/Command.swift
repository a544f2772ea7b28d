import Checkpoints
import Foundation

/// One line of the input: a name, then `key=value` words.
struct Command {
  let name: String
  private let values: [String: String]

  init(_ line: String) {
    let words = line.split(separator: " ")
    name = words.first.map(String.init) ?? ""
    var values: [String: String] = [:]
    for word in words.dropFirst() {
      let parts = word.split(separator: "=", maxSplits: 1)
      values[String(parts[0])] = parts.count > 1 ? String(parts[1]) : ""
    }
    self.values = values
  }

  /// The text of a word, which must be there.
  func text(_ key: String) throws -> String {
    guard let value = values[key] else { throw Misuse(text: "\(name) needs \(key)=") }
    return value
  }

  /// The number of a word.
  func number(_ key: String, default standard: Int? = nil) throws -> Int {
    guard let value = values[key] else {
      guard let standard else { throw Misuse(text: "\(name) needs \(key)=") }
      return standard
    }
    guard let number = Int(value) else { throw Misuse(text: "\(key) is no number: \(value)") }
    return number
  }

  /// The folder that the command is about.
  var folder: CheckpointFolder {
    get throws { CheckpointFolder(try text("root")) }
  }
}

/// A command line that this program does not know.
struct Misuse: Error, CustomStringConvertible {
  let text: String
  var description: String { text }
}
