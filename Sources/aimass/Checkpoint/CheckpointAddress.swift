import ArgumentParser
import Checkpoints
import Foundation
import Training

/// One checkpoint as a person names it: its folder, or a run with `@STEP`, `@best` or `@last`.
struct CheckpointAddress: ExpressibleByArgument {
  /// The run folder, or the checkpoint's own.
  let path: String
  /// Which of the run; nil where none is named.
  let choice: CheckpointChoice?

  init?(argument: String) {
    guard let mark = argument.lastIndex(of: "@"),
      let choice = CheckpointChoice(argument: String(argument[argument.index(after: mark)...]))
    else {
      path = argument
      choice = nil
      return
    }
    path = String(argument[..<mark])
    self.choice = choice
  }

  /// Whether it is a checkpoint's own folder.
  var isCheckpoint: Bool { FileManager.default.fileExists(atPath: path + "/manifest.json") }

  /// The folder of checkpoints.
  func folder() throws -> CheckpointFolder {
    if isCheckpoint {
      return CheckpointFolder(
        URL(fileURLWithPath: path).standardizedFileURL.deletingLastPathComponent().path)
    }
    let run = RunFolder(path)
    guard FileManager.default.fileExists(atPath: run.checkpoints) else {
      throw TrainingError(
        .missingInput, "\(path) is neither a checkpoint nor a run with checkpoints")
    }
    return CheckpointFolder(run.checkpoints)
  }

  /// The step that is named, or nil where a run is named without one.
  func step() throws -> Int? {
    if isCheckpoint {
      let name = URL(fileURLWithPath: path).standardizedFileURL.lastPathComponent
      guard let step = CheckpointFolder.step(ofName: name) else {
        throw TrainingError(.badData, "\(path) is not named step-NUMBER as a checkpoint is")
      }
      return step
    }
    switch choice?.choice {
    case nil, .automatic: return nil
    case .step(let step): return step
    case .last: return try newest().manifest.step
    case .best:
      guard let best = try newest().manifest.state.bestStep else {
        throw TrainingError(.missingInput, "\(path) tracks no best checkpoint; use @last")
      }
      return best
    }
  }

  /// The checkpoint, every file of it verified; the newest where none is named.
  func open() throws -> Checkpoint {
    guard let step = try step() else { return try newest() }
    return try folder().open(step: step)
  }

  private func newest() throws -> Checkpoint {
    guard let newest = try folder().loadNewestValid(quarantines: false) else {
      throw TrainingError(.missingInput, "\(path) has no checkpoint yet")
    }
    return newest
  }
}
