import Configuration
import Glibc

/// A numeric column and what the training split says about it.
struct NumericColumn {
  let name: String
  let index: Int
  let isLog: Bool
  /// Whether a quantile replaces values.
  var isQuantile = false
  /// The quantiles of the training split.
  var quantile: NormalQuantile?
  /// What a missing value becomes.
  var substitute = 0.0
  /// The mean of the present values, after the logarithm.
  var mean = 0.0
  /// What values are divided by; 1 where the table is not standardised.
  var scale = 1.0
  /// Training samples without a value.
  var missing = 0
  /// Whether a 0/1 column tells which values were missing.
  var hasIndicator = false
  /// Whether every present value is the same, so that the column says nothing.
  var isConstant = false

  /// The value after the logarithm, if any.
  ///
  /// - Parameters:
  ///   - number: as in the source.
  ///   - place: for messages.
  /// - Returns: the number, or log(1 + number).
  /// - Throws: ``PreparationError`` with `.badData` at or below -1.
  func transformed(_ number: Double, _ place: @autoclosure () -> String) throws -> Double {
    guard isLog else { return number }
    guard number > -1 else {
      throw PreparationError(
        .badData, "\(place()): log(1 + x) needs x > -1, found \(number); take it out of 'log'")
    }
    return log1p(number)
  }
}

extension NumericColumn {
  /// What is stored for a value, after the logarithm if any; nil being a missing one.
  func stored(_ number: Double?, standardize: Bool) -> Float {
    guard let number else { return Float(substitute) }
    if let quantile { return Float(quantile(number)) }
    return Float(standardize ? (number - mean) / scale : number)
  }
}

/// A categorical column and the vocabulary of the training split.
struct CategoricalColumn {
  let name: String
  let index: Int
  /// What stands between categories, where a value holds several.
  var separator: String?
  /// Categories that the training split has too rarely.
  var rare = 0
  /// The place of each category, in the order of their bytes.
  var vocabulary: [String: Int] = [:]
  /// The categories in order.
  var categories: [String] = []
  /// Training samples without a value.
  var missing = 0
  /// Whether a missing value is a category of its own.
  var hasMissing = false

  /// 0/1 columns in the output.
  var width: Int { categories.count + (hasMissing ? 1 : 0) }
}

extension NumericColumn {
  /// Takes statistics of columns over the training split.
  ///
  /// - Parameters:
  ///   - columns: the columns, whose means and scales are set.
  ///   - table: the training split's table.
  ///   - rows: the training samples.
  ///   - field: the recipe's options.
  /// - Throws: ``PreparationError`` with `.badData`.
  static func measure(
    _ columns: inout [NumericColumn], _ table: TableInput, _ rows: [Int], _ field: TableField
  ) throws {
    let indices = columns.map(\.index)
    var statistics = [TwoPassStatistic](repeating: TwoPassStatistic(), count: columns.count)
    var low = [Double](repeating: .infinity, count: columns.count)
    var high = [Double](repeating: -.infinity, count: columns.count)
    var values = [[Double]](repeating: [], count: columns.count)
    for pass in 0..<2 {
      for row in rows {
        let numbers = try table.numbers(row, indices, nanIsMissing: field.nanIsMissing)
        for (place, number) in numbers.enumerated() {
          guard let number else {
            if pass == 0 { columns[place].missing += 1 }
            continue
          }
          let value = try columns[place].transformed(number, table.place(row, indices[place]))
          low[place] = min(low[place], value)
          high[place] = max(high[place], value)
          if pass == 0, columns[place].isQuantile { values[place].append(value) }
          if pass == 0 { statistics[place].add(value) } else { statistics[place].deviate(value) }
        }
      }
    }
    for place in columns.indices {
      columns[place].mean = statistics[place].mean
      columns[place].isConstant = !(low[place] < high[place])
      columns[place].scale =
        field.standardize && statistics[place].std > 0 ? statistics[place].std : 1
      columns[place].hasIndicator =
        columns[place].missing > 0 && (field.missing ?? .indicator) == .indicator
      if columns[place].isQuantile {
        columns[place].quantile = NormalQuantile(values[place])
      } else if !field.standardize {
        columns[place].substitute = columns[place].mean
      }
    }
  }
}

extension CategoricalColumn {
  /// Collects the categories of the training split.
  mutating func measure(_ table: TableInput, _ rows: [Int], _ field: TableField) {
    var found: [String: Int] = [:]
    for row in rows {
      guard let text = table.category(row, index) else {
        missing += 1
        continue
      }
      for item in items(text) { found[item, default: 0] += 1 }
    }
    let frequent = found.filter { $0.value >= field.minimumCount }.keys
    rare = found.count - frequent.count
    categories = frequent.sorted { $0.utf8.lexicographicallyPrecedes($1.utf8) }
    vocabulary = Dictionary(uniqueKeysWithValues: categories.enumerated().map { ($1, $0) })
    hasMissing = missing > 0 && field.missingCategory == .category
  }
}

extension CategoricalColumn {
  /// The categories of a value.
  func items(_ text: String) -> [String] {
    guard let separator else { return [text] }
    return text.isEmpty ? [] : text.split(separator: separator).map(String.init)
  }

  /// Which 0/1 columns are 1; nil being a missing value.
  func hot(_ text: String?) -> [Int] {
    guard let text else { return hasMissing ? [width - 1] : [] }
    return items(text).compactMap { vocabulary[$0] }
  }
}

extension TableField {
  /// Whether NaN means "no value": only where the recipe says what to do then.
  var nanIsMissing: Bool { missing == .indicator || missing == .mean }
}
