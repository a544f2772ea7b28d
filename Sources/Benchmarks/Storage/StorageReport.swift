import Reports

/// What one node found.
public struct StorageFindings: Sendable, Equatable, Codable {
  /// The node.
  public var host: String
  /// By property, in the order they were tried.
  public var findings: [StorageFinding]

  /// The findings of a node.
  public init(host: String, findings: [StorageFinding]) {
    (self.host, self.findings) = (host, findings)
  }
}

/// What all nodes found of a folder.
public struct StorageReport: Sendable {
  private let folder: String
  private let nodes: [StorageFindings]

  /// A report of the findings of all nodes.
  public init(folder: String, nodes: [StorageFindings]) {
    (self.folder, self.nodes) = (folder, nodes)
  }

  /// Whether nothing is broken on any node.
  public var isHealthy: Bool {
    nodes.allSatisfy { $0.findings.allSatisfy { $0.verdict != .broken } }
  }

  /// A table for people, and what it means.
  public var text: String {
    var table = TextTable([
      .init("property"), .init("verdict"), .init("node"), .init("what was seen"),
    ])
    for node in nodes {
      for finding in node.findings {
        table.add([finding.property, finding.verdict.rawValue, node.host, finding.detail])
      }
    }
    let broken = nodes.flatMap { node in
      node.findings.filter { $0.verdict == .broken }.map { "\($0.property) on \(node.host)" }
    }
    let verdict =
      broken.isEmpty
      ? "runs can trust \(folder)"
      : "runs cannot trust \(folder): \(broken.joined(separator: ", ")); choose another --output"
    return "storage \(folder)\n" + table.text(indent: 2) + verdict + "\n"
  }

  /// The report for programs.
  ///
  /// - Parameter version: of the program.
  /// - Returns: one object.
  public func json(version: String) -> JSONValue {
    .object([
      .init("aimass", .text(version)), .init("folder", .text(folder)),
      .init("healthy", .boolean(isHealthy)),
      .init(
        "nodes",
        .array(
          nodes.map { node in
            .object([
              .init("host", .text(node.host)),
              .init("findings", .array(node.findings.map(Self.json))),
            ])
          })),
    ])
  }

  private static func json(_ finding: StorageFinding) -> JSONValue {
    .object(
      [
        .init("property", .text(finding.property)),
        .init("verdict", .text(finding.verdict.rawValue)),
        .init("detail", .text(finding.detail)),
      ]
        + finding.numbers.sorted { $0.key < $1.key }.map { .init($0.key, .number($0.value)) })
  }
}
