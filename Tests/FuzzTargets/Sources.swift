import Configuration
import Preparation

extension FuzzTarget {
  /// Raw files of every kind that this program decodes by itself.
  static let sources: [FuzzTarget] = [
    source("idx", .idx(paths: ["raw"])),
    source("npy", .npy(paths: ["raw"])),
    source("npz", .npz(paths: ["raw"], array: "x")),
    source("csv", .csv(paths: ["raw"], options: .init(comment: "#", missing: ["?"]))),
    source(
      "csv-columns",
      .csv(
        paths: ["raw"],
        options: .init(
          separator: ";", header: false, columns: ["a", "b"], trim: false,
          extract: [.init(name: "c", from: "a", pattern: "([a-z]+)-?")]))),
    source("cifar", .cifar(paths: ["raw"], height: 2, width: 3, labelBytes: 2)),
    source("text", .text(paths: ["raw"], badLines: .skip, labels: true)),
    source("corpus", .corpus(CorpusSource(paths: ["raw"], share: [0.1, 0.9], length: 4))),
  ]

  private static func source(_ name: String, _ kind: RecipeSource.Kind) -> FuzzTarget {
    FuzzTarget(name) { bytes in
      try FuzzFolder.write(bytes, to: "raw")
      _ = try SourceExamination(
        RecipeSource(name: "raw", kind: kind), root: FuzzFolder.path)
    }
  }
}
