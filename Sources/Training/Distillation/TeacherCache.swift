import Datasets
import Foundation
import HDF5

/// Outputs of teachers in a folder, one HDF5 file for each teacher, head and data, named by its key.
///
/// A key is the digest of everything that decides the numbers, so a file is never of another teacher or of other data.
struct TeacherCache {
  /// The folder; made when the first file is written.
  let folder: String

  /// What a look into the cache comes to.
  enum Finding {
    /// The outputs of all samples, a row each.
    case found([Float])
    /// Nothing of this key; other outputs may be there.
    case absent(others: Int)
    /// A file that cannot be used, and why.
    case unusable(String)
  }

  /// The file of a key.
  func path(_ key: String) -> String { "\(folder)/\(key).h5" }

  /// Looks for the outputs of a key.
  ///
  /// - Parameters:
  ///   - key: the key.
  ///   - samples: S.
  ///   - width: numbers of a sample.
  ///   - wanted: the keys of the run, whose files are not told as others'.
  /// - Returns: what was found.
  func read(_ key: String, samples: Int, width: Int, among wanted: [String]) -> Finding {
    guard FileManager.default.fileExists(atPath: path(key)) else {
      let names = (try? FileManager.default.contentsOfDirectory(atPath: folder)) ?? []
      let others = names.filter { $0.hasSuffix(".h5") && !$0.hasPrefix(".") }
      return .absent(others: others.count { !wanted.contains(String($0.dropLast(3))) })
    }
    do {
      let root = try HDF5File(reading: path(key)).root
      guard try root.attribute("identity")?.asText == key else {
        return .unusable("\(path(key)) is not what its name says")
      }
      let dataset = try root.dataset("train/\(Self.field)")
      guard dataset.shape == [samples, width] else {
        return .unusable("\(path(key)) holds \(dataset.shape), expected \([samples, width])")
      }
      let values = try dataset.readAll(as: Float.self)
      guard values.allSatisfy(\.isFinite) else {
        return .unusable("\(path(key)) holds numbers that are not finite")
      }
      return .found(values)
    } catch {
      return .unusable("\(error)")
    }
  }

  /// Keeps the outputs of a key; the file appears whole or not at all.
  ///
  /// - Parameters:
  ///   - values: `[S, width]`.
  ///   - key: the key.
  ///   - width: numbers of a sample.
  ///   - teacher: the run, for a person who looks into the file.
  /// - Throws: `DatasetError`, or what making the folder throws.
  func write(_ values: [Float], _ key: String, width: Int, teacher: String) throws {
    try FileManager.default.createDirectory(atPath: folder, withIntermediateDirectories: true)
    let writer = try SampleFileWriter(path: path(key))
    try writer.addField(
      SampleField(
        name: Self.field, element: .float32, sampleShape: [width], axes: "SF", modality: "table"),
      split: "train", samples: values.count / width)
    writer.setAttribute("identity", to: .text(key))
    writer.setAttribute("teacher", to: .text(teacher))
    try writer.append(values, to: Self.field, split: "train")
    _ = try writer.finish()
  }

  private static let field = "outputs"
}
