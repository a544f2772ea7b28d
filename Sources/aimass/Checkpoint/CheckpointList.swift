import ArgumentParser
import Checkpoints
import Foundation
import Reports
import Training

/// `aimass checkpoint list`.
struct CheckpointList: ParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "list", abstract: "List a run's checkpoints, newest first; nothing is verified.")

  @Argument(help: ArgumentHelp("The run folder.", valueName: "run"), completion: .directory)
  var address: CheckpointAddress

  @Flag(help: "Print one JSON object.")
  var json = false

  func run() throws {
    let folder = try address.folder()
    let entries = try Self.entries(folder)
    if json {
      print(JSONText.pretty(["checkpoints": .array(entries.map(\.json))]), terminator: "")
      return
    }
    guard !entries.isEmpty else {
      print("there is no checkpoint yet")
      return
    }
    var table = TextTable([
      .init("step", .right), .init("epoch", .right), .init("size", .right),
      .init("ranks", .right), .init("metrics"), .init(""),
    ])
    for entry in entries { table.add(entry.cells) }
    print(table.text(), terminator: "")
  }

  private static func entries(_ folder: CheckpointFolder) throws -> [Entry] {
    let pinned = try folder.pinned()
    let steps = try folder.list()
    let newest = steps.lazy.compactMap { try? folder.open(step: $0, verifying: false) }.first
    return steps.map { step in
      let found = Result { try folder.open(step: step, verifying: false).manifest }
      return Entry(
        step: step, manifest: found, isPinned: pinned.contains(step),
        isBest: newest?.manifest.state.bestStep == step)
    }
  }

  /// One line.
  private struct Entry {
    let step: Int
    let manifest: Result<CheckpointManifest, any Error>
    let isPinned: Bool
    let isBest: Bool

    private var marks: [String] { (isBest ? ["best"] : []) + (isPinned ? ["pinned"] : []) }

    var cells: [String] {
      switch manifest {
      case .failure(let error): return ["\(step)", "", "", "", "", "damaged: \(error)"]
      case .success(let found):
        let metrics = found.metrics.sorted { $0.key < $1.key }.map {
          "\($0.key) \(HumanUnits.short($0.value))"
        }
        return [
          "\(step)", "\(found.state.epoch)",
          HumanUnits.bytes(found.shards.reduce(0) { $0 + $1.bytes }),
          "\(found.worldSize)", metrics.joined(separator: ", "), marks.joined(separator: ", "),
        ]
      }
    }

    var json: JSONValue {
      var members: [JSONValue.Member] = [
        .init("step", .integer(step)), .init("best", .boolean(isBest)),
        .init("pinned", .boolean(isPinned)),
      ]
      switch manifest {
      case .failure(let error): members.append(.init("damaged", .text("\(error)")))
      case .success(let found):
        members += [
          .init("epoch", .integer(found.state.epoch)),
          .init("bytes", .integer(found.shards.reduce(0) { $0 + $1.bytes })),
          .init("ranks", .integer(found.worldSize)),
          .init(
            "metrics",
            .object(
              found.metrics.sorted { $0.key < $1.key }.map { .init($0.key, .number($0.value)) })),
        ]
      }
      return .object(members)
    }
  }
}

/// `aimass checkpoint verify`.
struct CheckpointVerify: ParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "verify", abstract: "Check every file of a run's checkpoints, or of one.",
    discussion: """
      Reads all files and compares sizes and SHA-256. Ends with 0 where all are whole, 65 where one \
      is damaged, 66 where there is none, 69 where one is of a newer version.
      """)

  @Argument(help: "The run folder for all, or one checkpoint.", completion: .directory)
  var checkpoint: CheckpointAddress

  func run() throws {
    let folder = try checkpoint.folder()
    let steps = try checkpoint.step().map { [$0] } ?? folder.list()
    guard !steps.isEmpty else {
      throw TrainingError(.missingInput, "\(checkpoint.path) has no checkpoint yet")
    }
    var worst: (any Error)?
    for step in steps {
      do {
        let found = try folder.open(step: step)
        let bytes = found.manifest.shards.reduce(0) { $0 + $1.bytes }
        print(
          "step \(step): whole, \(HumanUnits.bytes(bytes)) in \(found.manifest.shards.count) shards"
        )
      } catch {
        print("step \(step): \(error)")
        if worst == nil { worst = error }
      }
    }
    if let worst { throw ExitCode((Failure.status(of: worst) ?? .failure).rawValue) }
  }
}
