import Foundation
import TestSupport
import Testing

/// A target imports only lower floors, never its own.
struct FloorTests {
  /// The floors of the house, from the ground up.
  static let floors: [[String]] = [
    [
      "COpenMPI", "CHDF5", "COpenBLAS", "CCrypto", "CZlib", "CPNG", "CTurboJPEG", "CSndfile",
      "CArchive", "CLinux", "CKernels", "Buffers", "FaultPoints",
    ],
    ["MPI", "HDF5", "BLAS", "Configuration", "Reports"],
    ["Tensors"],
    ["Parameters"],
    [
      "Datasets", "Models", "Exchange", "Optimizers", "Pruning", "Checkpoints", "Metrics",
      "CountedModels",
    ],
    ["Preparation"],
    ["Training", "Benchmarks"],
    ["aimass"],
  ]

  /// Third-party packages and the rooms whose walls they stay behind.
  static let walls = [
    "Yams": ["Configuration"], "ArgumentParser": ["aimass"],
    "Logging": ["Training", "Benchmarks", "aimass"],
  ]

  /// What every room may import: the platform.
  static let platform: Set<String> = ["Foundation", "Glibc", "Synchronization", "Dispatch"]

  static func floor(of target: String) -> Int? {
    floors.firstIndex { $0.contains(target) }
  }

  /// What is wrong with the imports of `text`, a file of `target`; nothing if all is well.
  static func offences(_ text: String, in target: String) -> [String] {
    guard let own = floor(of: target) else { return ["\(target) has no floor: give it one"] }
    return Imports.of(text).compactMap { line in
      if line.attributes.contains("@_spi(Exchange)"), target != "Exchange" {
        return "only Exchange may declare gradients global (@_spi(Exchange))"
      }
      if line.attributes.contains("@testable") { return "@testable does not build optimised" }
      if platform.contains(line.module) { return nil }
      if let rooms = walls[line.module] {
        return rooms.contains(target)
          ? nil : "\(line.module) stays in \(rooms.joined(separator: ", "))"
      }
      // Headers without logic lie beside the one room of the ground floor that needs them.
      if target == "Buffers", ["CCrypto", "CLinux"].contains(line.module) { return nil }
      guard let other = floor(of: line.module) else { return "\(line.module) is unknown" }
      return other < own
        ? nil : "\(line.module) is on floor \(other), and \(target) on floor \(own)"
    }
  }

  @Test func everyTargetImportsOnlyLowerFloors() {
    let files = SourceFile.all(below: "Sources", ["swift"])
    #expect(files.count > 20)
    for file in files {
      let found = Self.offences(file.text, in: file.target)
      #expect(found.isEmpty, "\(file.path): \(found.joined(separator: "; "))")
    }
  }

  @Test func everyFolderOfSourcesHasAFloor() throws {
    let folders = try FileManager.default.contentsOfDirectory(
      atPath: Checkout.folder + "/Sources")
    for folder in folders { #expect(Self.floor(of: folder) != nil, "\(folder) has no floor") }
  }

  @Test(arguments: [
    ("import Tensors", "Models", 0), ("import Models", "Models", 1),
    ("import Training", "Models", 1), ("public import Optimizers", "Models", 1),
    ("import Yams", "Reports", 1), ("import Yams", "Configuration", 0),
    ("import ArgumentParser", "Training", 1), ("import struct Exchange.Tree", "Optimizers", 1),
    ("@_spi(Exchange) import Parameters", "Optimizers", 1),
    ("@_spi(Exchange) import Parameters", "Exchange", 0), ("import XCTest", "MPI", 1),
    ("// import Training\nlet text = \"import Training\"", "MPI", 0),
    ("import Foundation", "Attic", 1),
  ])
  func offendersAreFound(text: String, target: String, count: Int) {
    #expect(Self.offences(text, in: target).count == count)
  }
}
