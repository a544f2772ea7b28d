import ArgumentParser
import Checkpoints
import Datasets
import Foundation
import HDF5
import Reports
import Training

/// `aimass inspect`.
struct Inspect: ParsableCommand {
  static let configuration = CommandConfiguration(
    abstract: "Show what an HDF5 file, a run folder, a checkpoint or a safetensors file holds.")

  @Argument(help: "A file or folder.", completion: .file())
  var path: String

  @OptionGroup var trust: FileTrust

  func run() throws {
    trust.begin()
    var isFolder: ObjCBool = false
    guard FileManager.default.fileExists(atPath: path, isDirectory: &isFolder) else {
      throw TrainingError(.missingInput, "\(path) does not exist")
    }
    if isFolder.boolValue {
      if FileManager.default.fileExists(atPath: path + "/manifest.json") {
        try showCheckpoint()
      } else {
        try showRun()
      }
    } else if path.hasSuffix(".safetensors") {
      try showTensors()
    } else {
      try showFile()
    }
  }

  private func showRun() throws {
    let folder = RunFolder(path)
    guard FileManager.default.fileExists(atPath: folder.configuration) else {
      throw TrainingError(.badData, "\(path) is neither a run folder nor a checkpoint")
    }
    let steps = try CheckpointFolder(folder.checkpoints).list()
    print("run \(path)")
    print("checkpoints at steps \(steps.map(String.init).joined(separator: ", "))")
    guard FileManager.default.fileExists(atPath: folder.summary) else {
      print("the run is not finished")
      return
    }
    let summary = try RunSummary.load(folder.summary)
    var table = TextTable([.init("what"), .init("value", .right)])
    table.add(["steps", HumanUnits.count(summary.steps)])
    table.add(["ranks", "\(summary.ranks)"])
    table.add(["wall clock", HumanUnits.seconds(summary.wallSeconds)])
    table.add(["samples per second", HumanUnits.rate(summary.samplesPerSecond)])
    for (name, value) in summary.metrics.sorted(by: { $0.key < $1.key }) {
      table.add(["validation \(name)", HumanUnits.short(value)])
    }
    table.add(["parameters digest", summary.parametersDigest])
    print(table.text(indent: 2, heading: false), terminator: "")
  }

  private func showCheckpoint() throws {
    let url = URL(fileURLWithPath: path).standardizedFileURL
    guard let step = Int(url.lastPathComponent.drop { !$0.isNumber }) else {
      throw TrainingError(.badData, "\(path) is not named step-NUMBER")
    }
    let checkpoint = try CheckpointFolder(url.deletingLastPathComponent().path).open(step: step)
    let manifest = checkpoint.manifest
    print("checkpoint after step \(manifest.step), every file verified")
    var table = TextTable([.init("file"), .init("bytes", .right), .init("arrays")])
    for shard in manifest.shards {
      table.add([
        shard.file, HumanUnits.bytes(shard.bytes),
        shard.arrays.map { "\($0.name) \($0.start)..<\($0.start + $0.count)" }
          .joined(separator: ", "),
      ])
    }
    print(table.text(indent: 2), terminator: "")
    if let digest = try checkpoint.parametersDigest() { print("parameters digest \(digest)") }
  }

  private func showTensors() throws {
    let file = try SafetensorsFile(path)
    var table = TextTable([.init("tensor"), .init("type"), .init("shape")])
    for entry in file.header.entries {
      table.add([entry.name.visible, entry.type.rawValue, Self.shape(entry.shape)])
    }
    print(table.text(), terminator: "")
  }

  private func showFile() throws {
    let file = try HDF5File(reading: path)
    print("\(path): \(HumanUnits.bytes(file.byteCount))")
    try showAttributes(file.root, indent: "  ")
    try showGroup(file.root, indent: "  ")
    try showVocabularies(file.root)
  }

  /// The size and the first words of each field's vocabulary.
  private func showVocabularies(_ root: HDF5Group) throws {
    let group = SampleVocabulary.group
    guard try root.member(group) == .group else { return }
    for field in try root.group(group).names() {
      let vocabulary = try SampleVocabulary(of: field, in: root)
      let first = (0..<min(12, vocabulary.words.count)).map { vocabulary.text($0).debugDescription }
      print(
        "vocabulary of \(field): \(HumanUnits.count(vocabulary.words.count)) ids: "
          + first.joined(separator: " ") + (vocabulary.words.count > 12 ? " …" : ""))
    }
  }

  private func showGroup(_ group: HDF5Group, indent: String) throws {
    for name in try group.names() {
      switch try group.member(name) {
      case .group:
        print("\(indent)\(name.visible)/")
        let inner = try group.group(name)
        try showAttributes(inner, indent: indent + "  ")
        try showGroup(inner, indent: indent + "  ")
      case .dataset:
        let dataset = try group.dataset(name)
        print("\(indent)\(name.visible)  \(dataset.element)  [\(Self.shape(dataset.shape))]")
        try showAttributes(dataset, indent: indent + "  ")
      default: print("\(indent)\(name.visible)  (not a group or dataset)")
      }
    }
  }

  private func showAttributes(_ owner: some HDF5Attributed, indent: String) throws {
    for name in try owner.attributeNames() {
      guard let value = try owner.attribute(name) else { continue }
      let text =
        value.asTexts.map { $0.joined(separator: ", ") }
        ?? value.asNumbers.map { $0.map(Self.number).joined(separator: ", ") } ?? ""
      let short = text.count > 100 ? text.prefix(97) + "..." : text
      print("\(indent)@\(name.visible) = \(short.visible)")
    }
  }

  /// Whole numbers with all their digits, others short.
  private static func number(_ value: Double) -> String {
    value.rounded() == value && abs(value) < 1e15 ? "\(Int(value))" : HumanUnits.short(value)
  }

  private static func shape(_ extents: [Int]) -> String {
    extents.map(String.init).joined(separator: ", ")
  }
}
