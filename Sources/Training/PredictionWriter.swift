import Configuration
import Foundation
import Glibc
import HDF5
import Models

/// Writes predictions in sample order to CSV or HDF5, whole or not at all.
///
/// CSV has one row per sample: `sample`, then per head the predicted class and the probability of each
/// class, or the values. HDF5 has `/HEAD/output` float32 `[S, Y]` (probabilities or values) and, for
/// classification, `/HEAD/class` int64 `[S]`.
public final class PredictionWriter {
  private let path: String
  private let temporary: String
  private let model: Model
  private let classes: [String: [String]]
  private var csv: UnsafeMutablePointer<FILE>?
  private var file: HDF5File?
  private var outputs: [HDF5Dataset] = []
  private var labels: [HDF5Dataset?] = []

  /// Begins a file next to its final place.
  ///
  /// - Parameters:
  ///   - path: ends in `.csv`, or in `.h5` or `.hdf5`.
  ///   - samples: S.
  ///   - model: the heads.
  ///   - classes: class names by head, where the data has them.
  /// - Throws: ``TrainingError``: `usage` for another ending or a head that predicts sequences, `cannotCreate`; or `HDF5Error`.
  public init(
    path: String, samples: Int, model: Model, classes: [String: [String]]
  ) throws {
    if let head = model.heads.first(where: {
      $0.rowsPerSample != 1 || $0.loss.isTranscription
    }) {
      throw TrainingError(
        .usage,
        "predict writes one row a sample, but head '\(head.name)' predicts every step of a sequence"
      )
    }
    guard !model.heads.isEmpty else {
      throw TrainingError(.usage, "the run has no heads, so there is nothing to predict")
    }
    self.path = path
    self.model = model
    self.classes = classes
    temporary = "\(path).\(getpid()).tmp"
    let isTable = path.hasSuffix(".csv")
    guard isTable || path.hasSuffix(".h5") || path.hasSuffix(".hdf5") else {
      throw TrainingError(.usage, "\(path): the name must end in .csv, .h5 or .hdf5")
    }
    guard let stream = fopen(temporary, "wx") else {
      let reason = String(cString: strerror(errno))
      throw TrainingError(.cannotCreate, "\(path) cannot be created: \(reason)")
    }
    if isTable {
      csv = stream
      write(header)
    } else {
      // Only to find out, in plain words, whether there can be such a file.
      fclose(stream)
      unlink(temporary)
      try createFile(samples: samples)
    }
  }

  private func createFile(samples: Int) throws {
    let file = try HDF5File(creating: temporary)
    for head in model.heads {
      let group = try file.root.createGroup(head.name)
      outputs.append(
        try group.createDataset("output", of: Float.self, shape: [samples, head.outputs]))
      labels.append(
        head.isClassification
          ? try group.createDataset("class", of: Int64.self, shape: [samples]) : nil)
      if let names = classes[head.name] {
        try group.setAttribute("classes", to: .texts(names))
      }
    }
    self.file = file
  }

  /// Appends consecutive samples.
  ///
  /// - Parameters:
  ///   - first: the first sample's number.
  ///   - values: per head `[n, Y]`.
  /// - Throws: `HDF5Error`, or ``TrainingError`` with status `inputOutput`.
  public func append(first: Int, _ values: [[Float]]) throws {
    guard let head = model.heads.first, let count = values.first.map({ $0.count / head.outputs })
    else { return }
    if csv != nil {
      for index in 0..<count { write(row(first + index, index, values)) }
      return
    }
    for (index, head) in model.heads.enumerated() {
      try values[index].withUnsafeBufferPointer { buffer in
        guard let base = buffer.baseAddress else { return }
        try outputs[index].writeRows(first..<first + count, from: base)
      }
      guard let labels = labels[index] else { continue }
      let predicted = (0..<count).map { Int64(head.predictedClass(values[index], $0)) }
      try predicted.withUnsafeBufferPointer { buffer in
        guard let base = buffer.baseAddress else { return }
        try labels.writeRows(first..<first + count, from: base)
      }
    }
  }

  /// Gives the complete file its name.
  ///
  /// - Throws: `HDF5Error`, or ``TrainingError`` with status `inputOutput`.
  public func finish() throws {
    try file?.close()
    file = nil
    if let stream = csv {
      csv = nil
      let failed = ferror(stream) != 0 || fflush(stream) != 0 || fsync(fileno(stream)) != 0
      if fclose(stream) != 0 || failed {
        throw TrainingError(.inputOutput, "\(path): writing failed; is the disk full?")
      }
    }
    guard rename(temporary, path) == 0 else {
      throw TrainingError(
        .inputOutput, "\(path) cannot be named: \(String(cString: strerror(errno)))")
    }
  }

  deinit {
    if let csv { fclose(csv) }
    unlink(temporary)
  }

  private var header: String {
    var columns = ["sample"]
    for head in model.heads {
      if head.isClassification { columns.append("\(head.name)") }
      for output in 0..<head.outputs {
        let names = classes[head.name] ?? []
        let name = output < names.count && head.outputs > 1 ? names[output] : "\(output)"
        columns.append("\(head.name)[\(name)]")
      }
    }
    return columns.map(Self.quoted).joined(separator: ",")
  }

  private func row(_ sample: Int, _ index: Int, _ values: [[Float]]) -> String {
    var cells = ["\(sample)"]
    for (number, head) in model.heads.enumerated() {
      if head.isClassification {
        let predicted = head.predictedClass(values[number], index)
        let names = classes[head.name] ?? []
        cells.append(predicted < names.count ? Self.quoted(names[predicted]) : "\(predicted)")
      }
      for output in 0..<head.outputs {
        cells.append("\(values[number][index * head.outputs + output])")
      }
    }
    return cells.joined(separator: ",")
  }

  private func write(_ line: String) {
    guard let csv else { return }
    fputs(line + "\n", csv)
  }

  private static func quoted(_ text: String) -> String {
    guard text.contains(where: { ",\"\n".contains($0) }) else { return text }
    return "\"" + text.replacingOccurrences(of: "\"", with: "\"\"") + "\""
  }
}

extension Head {
  /// Whether the head tells classes apart.
  var isClassification: Bool { classes != nil }

  /// The class of one sample: the most probable, or 1 above one half with a single output.
  func predictedClass(_ values: [Float], _ index: Int) -> Int {
    guard outputs > 1 else { return values[index] > 0.5 ? 1 : 0 }
    var best = 0
    for output in 1..<outputs
    where values[index * outputs + output] > values[index * outputs + best] {
      best = output
    }
    return best
  }
}
