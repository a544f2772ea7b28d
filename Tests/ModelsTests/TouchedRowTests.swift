import Configuration
import Models
import Parameters
import Tensors
import Testing

/// Which rows of its tables a model says that a step touches.
@Suite struct TouchedRowTests {
  private static let table = LayerConfiguration.embedding(vocabulary: 40, size: 3, rows: .lazy)

  /// Ids alone, several a sample; sequences of ids; and both, which training loses now and then.
  private static let cases: [(configuration: ModelConfiguration, fields: [MicrobatchField])] = {
    let ids = labels("x", [3], classes: 40)
    let words = MicrobatchField(
      name: "words", sampleShape: [], element: .integer, classes: 40, longest: 6,
      isOptional: true)
    let two = ModelConfiguration(
      modalities: [
        ModalityConfiguration(
          name: "a", field: "words", encoder: [table, .pool(.mean), linear(4)]),
        ModalityConfiguration(
          name: "b", field: "x",
          encoder: [.concat(branches: [[table, .flatten], [table, .flatten]]), linear(4)]),
      ],
      missing: MissingConfiguration(
        drop: [.init(modality: "a", rate: 0.4), .init(modality: "b", rate: 0.4)]),
      heads: [
        HeadConfiguration(name: "y", layers: [linear(3)], loss: plainCrossEntropy, target: "y")
      ])
    return [
      (network([table]), [ids, labels("y", classes: 3)]),
      (two, [words, ids, labels("y", classes: 3)]),
    ]
  }()

  /// The gradient of a row is zero exactly where no sample reads it: the backward pass knows them too.
  @Test(arguments: 0..<2) func theyAreThoseWithAGradient(number: Int) throws {
    let (configuration, fields) = Self.cases[number]
    let bench = try Bench(configuration, fields, capacity: 9)
    bench.train(step: 4)
    let layout = bench.model.layout
    let touched = TouchedRows(layout)
    #expect(touched.tables.count == (number == 0 ? 1 : 3))
    bench.model.markTouchedRows(bench.microbatch, step: 4, in: touched)
    var count = 0
    for table in touched.tables {
      for row in 0..<table.rowCount {
        let values = bench.gradients.values.base + table.offset + row * table.width
        let hasGradient = (0..<table.width).contains { values[$0] != 0 }
        var isTouched = false
        touched.forEachRun(in: table.firstNumber + row..<table.firstNumber + row + 1) { _ in
          isTouched = true
        }
        #expect(isTouched == hasGradient, "row \(row) of slot \(table.slot)")
        count += isTouched ? 1 : 0
      }
    }
    #expect(count > 10 && count < 40 * touched.tables.count)
    if number == 1 {
      let other = TouchedRows(layout)
      bench.model.markTouchedRows(bench.microbatch, step: 5, in: other)
      #expect(Self.rows(other) != Self.rows(touched), "what is lost depends on the step")
    }
  }

  private static func rows(_ touched: TouchedRows) -> [Range<Int>] {
    var runs: [Range<Int>] = []
    touched.forEachRun(in: 0..<120) { runs.append($0) }
    return runs
  }

  @Test func idsWithoutARowAreLeftToTheCheck() throws {
    let bench = try Bench(
      network([Self.table]), [labels("x", [3], classes: 40), labels("y", classes: 3)], capacity: 2)
    for place in 0..<6 {
      bench.microbatch.integers(0)[place] = place == 3 ? 7 : Int64(40 - 50 * (place % 2))
    }
    let touched = TouchedRows(bench.model.layout)
    bench.model.markTouchedRows(bench.microbatch, step: 0, in: touched)
    var runs: [Range<Int>] = []
    touched.forEachRun(in: 0..<40) { runs.append($0) }
    #expect(runs == [7..<8])
    #expect(bench.model.labelOutOfRange(bench.microbatch) != nil)
  }
}
