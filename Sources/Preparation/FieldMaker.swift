import Datasets
import HDF5

/// What a field looks like in the sample file.
struct FieldDescription: Equatable {
  /// The field's name.
  let name: String
  /// The word of the recipe.
  let modality: String
  /// How numbers are stored.
  let element: SampleField.Element
  /// The extents of one sample; of one step where samples differ in length.
  let sampleShape: [Int]
  /// Names of classes of a label.
  var classes: [String]?
  /// The number of classes or ids, where they have no names.
  var classCount: Int?
  /// The texts of ids.
  var words: [ByteString]?
  /// Whether samples differ in length; `sampleShape` is that of one step then.
  var isRagged = false
  /// Whether some samples lack the field.
  var isOptional = false
  /// Further attributes in the file.
  var attributes: [String: HDF5Attribute] = [:]
  /// Names of columns of a table.
  var columns: [String]?
  /// Means over the training split, for the reader to apply.
  var mean: [Double]?
  /// Standard deviations over the training split, for the reader to apply.
  var std: [Double]?

  /// Bytes of one sample, or of one step where samples differ in length.
  var sampleBytes: Int { sampleShape.reduce(element.byteCount, *) }
}

/// Makes one field's samples out of the sources.
protocol FieldMaker {
  /// What is made.
  var description: FieldDescription { get }
  /// What a person should know.
  var notes: [String] { get }
  /// Whether the source has nothing for a sample.
  func isAbsent(origin: Int, row: Int) -> Bool
  /// The steps of a sample where samples differ in length; else 1.
  func steps(origin: Int, row: Int) -> Int
  /// Writes one sample, `sampleBytes` for each of its steps.
  ///
  /// - Parameters:
  ///   - origin: the number of the split that has the sources.
  ///   - row: the sample's number there.
  ///   - target: where the sample goes.
  /// - Throws: ``PreparationError`` with `.badData`, naming file and row.
  func make(origin: Int, row: Int, into target: UnsafeMutableRawPointer) throws
}

extension FieldMaker {
  var notes: [String] { [] }
  func isAbsent(origin: Int, row: Int) -> Bool { false }
  func steps(origin: Int, row: Int) -> Int { 1 }
}

/// The sources of one field, one entry per split of the recipe that has sources of its own.
struct FieldInput {
  /// The field's name.
  let name: String
  /// The names of the splits that have sources, one for each origin.
  let splits: [String]
  /// What each origin's samples are made from.
  let parts: [SourcePart]
  /// The training samples that have the field: origin and rows, ascending.
  let training: (origin: Int, rows: [Int])
  /// Columns of the same sources that other fields are made from.
  var others: Set<String> = []
  /// Samples that lack the field, one entry per origin; nil where all have it.
  var absent: [[Bool]?] = []
  /// Where a join found the rows of each origin; nil where row n is sample n.
  var rowMaps: [[Int]?] = []
  /// The ranks.
  let crew: Crew

  /// Whether a sample lacks the field.
  func isAbsent(_ origin: Int, _ row: Int) -> Bool { absent[origin]?[row] ?? false }

  /// Whether samples differ in length, for each origin whose source is numbers.
  var isRagged: [Bool] {
    parts.compactMap { if case .rows(let rows) = $0 { rows.isRagged } else { nil } }
  }

  /// Whether samples differ in length.
  ///
  /// - Throws: ``PreparationError`` with `.badRecipe` where they do in some splits only.
  func agreedSteps() throws -> Bool {
    let found = isRagged
    guard Set(found).count < 2 else {
      throw bad("samples differ in length in some splits, and have one length in others")
    }
    return found.first ?? false
  }

  /// An error about the recipe that names this field.
  func bad(_ text: String) -> PreparationError {
    PreparationError(.badRecipe, "field '\(name)': \(text)")
  }
}

/// The mean and standard deviation of numbers given twice in the same order.
struct TwoPassStatistic {
  private(set) var count = 0
  private var sum = 0.0
  private var squares = 0.0

  /// The mean of what was added.
  var mean: Double { count == 0 ? 0 : sum / Double(count) }
  /// The population's standard deviation.
  var std: Double { count == 0 ? 0 : (squares / Double(count)).squareRoot() }

  /// First pass.
  mutating func add(_ number: Double) {
    count += 1
    sum += number
  }

  /// Second pass.
  mutating func deviate(_ number: Double) {
    let difference = number - mean
    squares += difference * difference
  }
}
