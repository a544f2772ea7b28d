import Foundation
import Glibc
import HDF5
import Models

/// Writes predictions in sample order to CSV or HDF5, whole or not at all.
///
/// A head predicts once a sample, or at every step of a sequence. CSV has one row per sample, or per step
/// where a head predicts steps: `sample`, then `step`, then per head the predicted class and the probability
/// of each class, or the values; cells are empty where a sample lacks the modality that a head reads. HDF5 has `/HEAD/output` float32 `[S, Y]` and, for classification,
/// `/HEAD/class` int64 `[S]`; of a head that predicts steps `/HEAD/values` float32 `[rows, Y]`,
/// `/HEAD/offsets` int64 `[S + 1]` and `/HEAD/class` int64 `[rows]`. NaN and -1 say that there is no
/// prediction.
public final class PredictionWriter {
  private let path: String
  private let temporary: String
  private let samples: Int
  private let columns: [PredictionColumns]
  private var csv: UnsafeMutablePointer<FILE>?
  private var file: HDF5File?
  private var outputs: [HDF5Dataset] = []
  private var labels: [HDF5Dataset?] = []

  /// Begins a file next to its final place.
  ///
  /// - Parameters:
  ///   - path: ends in `.csv`, or in `.h5` or `.hdf5`.
  ///   - samples: S.
  ///   - heads: what is predicted.
  ///   - offsets: per head, where each sample's predictions begin, `[S + 1]`; nil where there is one a
  ///     sample.
  ///   - classes: class names by head, where the data has them.
  /// - Throws: ``TrainingError``: `usage` for another ending, `cannotCreate`; or `HDF5Error`.
  public init(
    path: String, samples: Int, heads: [Head], offsets: [[Int]?], classes: [String: [String]]
  ) throws {
    if let head = heads.first(where: \.loss.isTranscription) {
      throw TrainingError(
        .usage,
        "predict writes numbers for samples or steps, but head '\(head.name)' transcribes its sequence"
      )
    }
    guard !heads.isEmpty else {
      throw TrainingError(.usage, "the run has no heads, so there is nothing to predict")
    }
    self.path = path
    self.samples = samples
    columns = zip(heads, offsets).map {
      PredictionColumns(head: $0, offsets: $1, classes: classes[$0.name] ?? [])
    }
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
      write(["sample"] + (hasSteps ? ["step"] : []) + columns.flatMap(\.titles))
    } else {
      // Only to find out, in plain words, whether there can be such a file.
      fclose(stream)
      unlink(temporary)
      try createFile()
    }
  }

  private var hasSteps: Bool { columns.contains { $0.offsets != nil } }

  private func createFile() throws {
    let file = try HDF5File(creating: temporary)
    for column in columns {
      let (head, rows) = (column.head, column.rows(of: 0..<samples).count)
      let group = try file.root.createGroup(head.name)
      outputs.append(
        try group.createDataset(
          column.offsets == nil ? "output" : "values", of: Float.self,
          shape: [rows, head.outputs]))
      labels.append(
        head.isClassification
          ? try group.createDataset("class", of: Int64.self, shape: [rows]) : nil)
      if let offsets = column.offsets {
        let dataset = try group.createDataset(
          "offsets", of: Int64.self, shape: [offsets.count])
        try write(offsets.map(Int64.init), at: 0, to: dataset)
      }
      if !column.classes.isEmpty {
        try group.setAttribute("classes", to: .texts(column.classes))
      }
    }
    self.file = file
  }

  /// Appends consecutive samples.
  ///
  /// - Parameters:
  ///   - range: the samples.
  ///   - values: per head `[rows, Y]`.
  /// - Throws: `HDF5Error`, or ``TrainingError`` with status `inputOutput`.
  public func append(_ range: Range<Int>, _ values: [[Float]]) throws {
    for (column, values) in zip(columns, values) {
      let count = column.rows(of: range).count * column.head.outputs
      precondition(values.count == count, "\(values.count) predictions of \(count)")
    }
    if csv != nil {
      for sample in range { writeRows(of: sample, in: range, values) }
      return
    }
    for (index, column) in columns.enumerated() {
      let rows = column.rows(of: range)
      try write(values[index], at: rows.lowerBound, to: outputs[index])
      guard let labels = labels[index] else { continue }
      let predicted = rows.map { row in
        let row = row - rows.lowerBound
        return column.head.lacks(values[index], row)
          ? -1 : Int64(column.head.predictedClass(values[index], row))
      }
      try write(predicted, at: rows.lowerBound, to: labels)
    }
  }

  private func write<Scalar: HDF5Scalar>(
    _ values: [Scalar], at first: Int, to dataset: HDF5Dataset
  ) throws {
    let count = values.count / max(1, dataset.scalarsPerRow)
    try values.withUnsafeBufferPointer { buffer in
      guard count > 0, let base = buffer.baseAddress else { return }
      try dataset.writeRows(first..<first + count, from: base)
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

  /// One row, or one for each step of the longest prediction; cells of a head without that step are empty.
  private func writeRows(of sample: Int, in range: Range<Int>, _ values: [[Float]]) {
    let own = columns.map { $0.rows(of: sample..<sample + 1) }
    let starts = columns.map { $0.rows(of: range).lowerBound }
    for step in 0..<(own.map(\.count).max() ?? 0) {
      var cells = ["\(sample)"] + (hasSteps ? ["\(step)"] : [])
      for (index, column) in columns.enumerated() {
        let row = own[index].lowerBound - starts[index] + step
        cells += step < own[index].count ? column.cells(values[index], row) : column.emptyCells
      }
      write(cells)
    }
  }

  private func write(_ cells: [String]) {
    guard let csv else { return }
    fputs(cells.map(Self.quoted).joined(separator: ",") + "\n", csv)
  }

  private static func quoted(_ text: String) -> String {
    guard text.contains(where: { ",\"\n".contains($0) }) else { return text }
    return "\"" + text.replacingOccurrences(of: "\"", with: "\"\"") + "\""
  }
}
