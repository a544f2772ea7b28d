import Datasets
import Tensors

/// Reads a split as interactions: a user, an item and a value per sample.
struct InteractionReader {
  /// The samples.
  let split: Split
  private let user: Int
  private let item: Int
  private let value: Int?

  /// Samples read at a time; also those that are measured together.
  static let blockSamples = 4096

  /// One sample.
  struct Interaction {
    /// The user's number.
    let user: Int
    /// The item's number.
    let item: Int
    /// The value; 1 where the data has none.
    let value: Float
  }

  /// A reader of the fields with these names.
  ///
  /// - Throws: ``TrainingError`` with status `badData` where a field is missing or is no single number.
  init(_ split: Split, user: String, item: String, value: String?) throws {
    self.split = split
    self.user = try Self.index(user, of: split, isInteger: true)
    self.item = try Self.index(item, of: split, isInteger: true)
    self.value = try value.map { try Self.index($0, of: split, isInteger: false) }
  }

  private static func index(_ name: String, of split: Split, isInteger: Bool) throws -> Int {
    guard let index = split.fields.firstIndex(where: { $0.name == name }) else {
      throw TrainingError(.badData, "the \(split.role.rawValue) split has no field '\(name)'")
    }
    let field = split.fields[index]
    guard field.scalarsPerSample == 1, !isInteger || field.element == .integer else {
      throw TrainingError(
        .badData,
        "field '\(name)': expected \(isInteger ? "one id" : "one number") per sample, found "
          + "\(field.element == .integer ? "ids" : "values") of shape \(field.sampleShape)")
    }
    guard !field.isPacked else {
      throw TrainingError(
        .badData,
        "field '\(name)': expected a number for every sample, found a field that samples may lack or "
          + "differ in; leave out the interactions without it")
    }
    return index
  }

  /// The number of different users, where the data says.
  var userVocabulary: Int? { split.fields[user].classes }
  /// The number of different items, where the data says.
  var itemVocabulary: Int? { split.fields[item].classes }

  /// Visits all samples in order.
  ///
  /// - Throws: what reading throws.
  func forEach(_ body: (Interaction) -> Void) throws {
    let microbatch = Microbatch(capacity: Self.blockSamples, fields: split.fields)
    for block in 0..<blocks {
      try read(block: block, into: microbatch)
      for index in 0..<microbatch.count { body(self[index, microbatch]) }
    }
  }

  /// The number of the first sample of each user and of each item; -1 for those without any.
  ///
  /// - Throws: what reading throws.
  func firstSamples(users: Int, items: Int) throws -> (users: [Int], items: [Int]) {
    var first = (
      users: [Int](repeating: -1, count: users), items: [Int](repeating: -1, count: items)
    )
    var number = 0
    try forEach { interaction in
      if first.users[interaction.user] < 0 { first.users[interaction.user] = number }
      if first.items[interaction.item] < 0 { first.items[interaction.item] = number }
      number += 1
    }
    return first
  }

  /// Runs of consecutive samples that are read at a time.
  var blocks: Int { (split.count + Self.blockSamples - 1) / Self.blockSamples }

  /// Reads the samples of a block.
  func read(block: Int, into microbatch: Microbatch) throws {
    let first = block * Self.blockSamples
    microbatch.count = min(Self.blockSamples, split.count - first)
    for index in 0..<microbatch.count { microbatch.sampleNumbers[index] = Int64(first + index) }
    try split.fill(microbatch)
  }

  /// A sample of a block that was read.
  subscript(index: Int, microbatch: Microbatch) -> Interaction {
    var number: Float = 1
    if let value {
      number =
        microbatch.fields[value].element == .float
        ? microbatch.floats(value)[index] : Float(microbatch.integers(value)[index])
    }
    return Interaction(
      user: Int(microbatch.integers(user)[index]), item: Int(microbatch.integers(item)[index]),
      value: number)
  }
}
