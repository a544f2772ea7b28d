import Foundation
import Glibc
import HDF5
import Metrics
import Models

/// Writes predictions in sample order to CSV or HDF5, whole or not at all.
///
/// A head predicts once a sample, or at every step of a sequence. CSV has one row per sample, or per step
/// where a head predicts steps: `sample`, then `step`, then per head the predicted class and the probability
/// of each class, or the values, or what a head that transcribes has read; cells are empty where a sample
/// lacks the modality that a head reads. HDF5 has `/HEAD/output` float32 `[S, Y]` and, for classification,
/// `/HEAD/class` int64 `[S]`; of a head that predicts steps `/HEAD/values` float32 `[rows, Y]`,
/// `/HEAD/offsets` int64 `[S + 1]` and `/HEAD/class` int64 `[rows]`; of one that transcribes `/HEAD/ids`
/// int64 `[ids]` and `/HEAD/offsets`. NaN and -1 say that there is no prediction.
public final class PredictionWriter {
  private let path: String
  private let temporary: String
  private let samples: Int
  private let columns: [PredictionColumns]
  private var csv: UnsafeMutablePointer<FILE>?
  private var file: HDF5File?
  private var outputs: [HDF5Dataset?] = []
  private var labels: [HDF5Dataset?] = []
  /// The ids that each head has read so far, and where each sample's begin: how many there will be is not
  /// known before the end.
  private var ids: [(values: [Int64], offsets: [Int64])]

  /// Begins a file next to its final place.
  ///
  /// - Parameters:
  ///   - path: ends in `.csv`, or in `.h5` or `.hdf5`.
  ///   - samples: S.
  ///   - heads: what is predicted.
  ///   - offsets: per head, where each sample's predictions begin, `[S + 1]`; nil where there is one a
  ///     sample.
  ///   - classes: class names by head, where the data has them.
  ///   - texts: what ids spell, by target, where the data tells.
  /// - Throws: ``TrainingError``: `usage` for another ending, `cannotCreate`; or `HDF5Error`.
  public init(
    path: String, samples: Int, heads: [Head], offsets: [[Int]?], classes: [String: [String]],
    texts: [String: TokenTexts] = [:]
  ) throws {
    guard !heads.isEmpty else {
      throw TrainingError(.usage, "the run has no heads, so there is nothing to predict")
    }
    self.path = path
    self.samples = samples
    columns = zip(heads, offsets).map {
      PredictionColumns(
        head: $0, offsets: $1, classes: classes[$0.name] ?? [], texts: texts[$0.target])
    }
    ids = heads.map { _ in ([], [0]) }
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
        head.loss.isTranscription
          ? nil
          : try group.createDataset(
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
  ///   - predictions: those of each head.
  /// - Throws: `HDF5Error`, or ``TrainingError`` with status `inputOutput`.
  public func append(_ range: Range<Int>, _ predictions: [Predictor.Output]) throws {
    for (column, output) in zip(columns, predictions) {
      let rows = column.rows(of: range).count
      switch output {
      case .values(let values):
        let count = rows * column.head.outputs
        precondition(values.count == count, "\(values.count) predictions of \(count)")
      case .transcriptions(let lists):
        precondition(lists.count == rows, "\(lists.count) transcriptions of \(rows)")
      }
    }
    if csv != nil {
      for sample in range { writeRows(of: sample, in: range, predictions) }
      return
    }
    for (index, output) in predictions.enumerated() {
      switch output {
      case .values(let values): try append(range, values, ofHead: index)
      case .transcriptions(let lists):
        for list in lists {
          ids[index].values += list
          ids[index].offsets.append(Int64(ids[index].values.count))
        }
      }
    }
  }

  private func append(_ range: Range<Int>, _ values: [Float], ofHead index: Int) throws {
    guard let output = outputs[index] else { return }
    let column = columns[index]
    let rows = column.rows(of: range)
    try write(values, at: rows.lowerBound, to: output)
    guard let labels = labels[index] else { return }
    let predicted = rows.map { row in
      let row = row - rows.lowerBound
      return column.head.lacks(values, row) ? -1 : Int64(column.head.predictedClass(values, row))
    }
    try write(predicted, at: rows.lowerBound, to: labels)
  }

  /// Writes what was read, now that its length is known.
  private func writeTranscriptions() throws {
    guard let file else { return }
    for (column, ids) in zip(columns, ids) where column.head.loss.isTranscription {
      let group = try file.root.group(column.head.name)
      for (name, numbers) in [("ids", ids.values), ("offsets", ids.offsets)] {
        let dataset = try group.createDataset(name, of: Int64.self, shape: [numbers.count])
        try write(numbers, at: 0, to: dataset)
      }
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
    try writeTranscriptions()
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
  private func writeRows(
    of sample: Int, in range: Range<Int>, _ predictions: [Predictor.Output]
  ) {
    let own = columns.map { $0.rows(of: sample..<sample + 1) }
    let starts = columns.map { $0.rows(of: range).lowerBound }
    for step in 0..<(own.map(\.count).max() ?? 0) {
      var cells = ["\(sample)"] + (hasSteps ? ["\(step)"] : [])
      for (index, column) in columns.enumerated() {
        let row = own[index].lowerBound - starts[index] + step
        switch predictions[index] {
        case _ where step >= own[index].count: cells += column.emptyCells
        case .values(let values): cells += column.cells(values, row)
        case .transcriptions(let lists): cells.append(column.cell(lists[row]))
        }
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
