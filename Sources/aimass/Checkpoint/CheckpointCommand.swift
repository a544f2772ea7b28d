import ArgumentParser
import Checkpoints
import Foundation
import Reports
import Training

/// `aimass checkpoint`.
struct CheckpointCommand: ParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "checkpoint",
    abstract: "List, verify, compare, export, and keep the checkpoints of a run.",
    discussion: """
      A checkpoint is named by its folder, or by its run: RUN@STEP, RUN@best or RUN@last. Nothing \
      but pin and unpin changes a run.
      """,
    subcommands: [
      CheckpointList.self, CheckpointVerify.self, CheckpointDiff.self, CheckpointExport.self,
      CheckpointPin.self, CheckpointUnpin.self,
    ])
}

/// `aimass checkpoint diff`.
struct CheckpointDiff: ParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "diff", abstract: "Tell in what two checkpoints differ.",
    discussion: "Ends with 0 where nothing differs and with 1 where something does.")

  @Argument(help: "A checkpoint.", completion: .directory)
  var first: CheckpointAddress

  @Argument(help: "Another one.", completion: .directory)
  var second: CheckpointAddress

  func run() throws {
    let difference = try CheckpointDifference(first.open(), second.open())
    for key in difference.keys { print(key) }
    for array in difference.arrays {
      if let problem = array.problem {
        print("\(array.name): \(problem)")
        continue
      }
      let values = array.values.map { "\($0)" }.joined(separator: ", ")
      print(
        "\(array.name): \(array.count) of \(array.length) scalars differ, by at most \(array.largest); "
          + "first \(array.first ?? ""): \(values)")
    }
    if !difference.isEmpty { throw ExitCode(1) }
  }
}

/// How an exported matrix lies, as typed.
enum ExportForm: String, ExpressibleByArgument, CaseIterable {
  case dense, bitmask, csr, smallest, int8

  /// The form, nil for the smallest.
  var form: TensorForm? { TensorForm(rawValue: rawValue) }
}

/// `aimass checkpoint export`.
struct CheckpointExport: ParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "export", abstract: "Write a checkpoint's weights to one safetensors file.")

  @Argument(help: "A checkpoint, or a run for its newest.", completion: .directory)
  var checkpoint: CheckpointAddress

  @Option(
    name: .shortAndLong, help: ArgumentHelp("The file to write.", valueName: "file"),
    completion: .file(extensions: ["safetensors"]))
  var output: String

  @Option(
    help: ArgumentHelp(
      "Another array, for example adam.m; default ema where one is kept, else parameters.",
      valueName: "name"))
  var array: String?

  @Option(
    help: ArgumentHelp(
      "How matrices lie there: dense, bitmask, csr, or smallest for each; int8 rounds them.",
      valueName: "form"))
  var form = ExportForm.dense

  func run() throws {
    let chosen = try checkpoint.open()
    let written = try chosen.export(array, to: output, form: form.form)
    print("\(output): \(written.array) of the checkpoint after step \(chosen.manifest.step)")
    guard written.tensors.keys.contains(where: { $0 != .dense }) else { return }
    let forms = TensorForm.allCases.compactMap { form in
      written.tensors[form].map { "\($0) \(form.rawValue)" }
    }
    print(
      "tensors: \(forms.joined(separator: ", ")); \(HumanUnits.bytes(written.fileBytes)), "
        + "\(HumanUnits.bytes(written.denseBytes)) with all zeros")
  }
}

/// `aimass checkpoint pin`.
struct CheckpointPin: ParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "pin", abstract: "Keep a checkpoint whatever the run's rules say.")

  @Argument(help: "A checkpoint, or a run for its newest.", completion: .directory)
  var checkpoint: CheckpointAddress

  func run() throws {
    let chosen = try checkpoint.open()
    try checkpoint.folder().pin(step: chosen.manifest.step)
    print("the checkpoint after step \(chosen.manifest.step) stays")
  }
}

/// `aimass checkpoint unpin`.
struct CheckpointUnpin: ParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "unpin", abstract: "Let the run's rules delete a checkpoint again.")

  @Argument(help: "The checkpoint.", completion: .directory)
  var checkpoint: CheckpointAddress

  func run() throws {
    guard let step = try checkpoint.step() else {
      throw ValidationError("Say which: RUN@STEP, or the checkpoint's folder.")
    }
    try checkpoint.folder().pin(step: step, false)
    print("the checkpoint after step \(step) may go")
  }
}
