import Foundation
import TestSupport
import Testing

/// One text file of the checkout.
struct SourceFile: Sendable, CustomTestStringConvertible {
  /// Relative to the checkout.
  let path: String
  let text: String

  var lines: [Substring] { text.split(separator: "\n", omittingEmptySubsequences: false) }

  /// The folder below `Sources` or `Tests`: the target.
  var target: String {
    let parts = path.split(separator: "/")
    return parts.count > 2 ? String(parts[1]) : ""
  }

  var testDescription: String { path }

  /// All files below `folder` whose names end in one of `extensions`; all text files where none is
  /// given.
  static func all(below folder: String, _ extensions: [String] = []) -> [SourceFile] {
    let root = Checkout.folder + "/" + folder
    let names = FileManager.default.enumerator(atPath: root)?.compactMap { $0 as? String } ?? []
    return names.sorted().compactMap { name in
      let path = folder + "/" + name
      guard extensions.isEmpty || extensions.contains((name as NSString).pathExtension) else {
        return nil
      }
      return read(path)
    }
  }

  /// One file, if it is there and is text.
  static func read(_ path: String) -> SourceFile? {
    guard let bytes = FileManager.default.contents(atPath: Checkout.folder + "/" + path),
      let text = String(data: bytes, encoding: .utf8)
    else { return nil }
    return SourceFile(path: path, text: text)
  }

  /// What git tracks, or everything but what is built where there is no git.
  static func tracked() throws -> [SourceFile] {
    let list = try? runProcess("git", ["-C", Checkout.folder, "ls-files", "-z"])
    if let list, list.status == 0, !list.output.isEmpty {
      return list.output.split(separator: "\0").compactMap { read(String($0)) }
    }
    let folders = ["Sources", "Tests", "launch", "configs", "docs", ".ci"]
    let top = ["Package.swift", "README.md", ".gitignore", ".swift-format"]
    return folders.flatMap { all(below: $0) } + top.compactMap(read)
  }
}
