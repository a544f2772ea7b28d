import Configuration
import Datasets
import Foundation
import Metrics
import Models
import Tensors

extension TrainedModel {
  /// The scores of all pairs of a network whose only head is the product of a side of users and one of items,
  /// or that couples two encoders of ids and has no head.
  ///
  /// Both tables of vectors come from passes of the model: over all ids where a side is an encoder of ids,
  /// over one training sample of each user and item where further modalities bring features. Who has no
  /// training sample is unknown then: its terms drop out.
  ///
  /// - Parameter run: the run folder, for what its users have seen.
  /// - Returns: the scores, with the items of each user in the run's own training split.
  /// - Throws: ``TrainingError`` with status `badConfiguration` for any other network, or what reading throws.
  func pairScores(ofRun run: String) throws -> PairScores {
    guard let biases = configuration.model.pairBiases, let sides = pairSides,
      let ownUsers = table(sides.user), let ownItems = table(sides.item)
    else {
      throw TrainingError(
        .badConfiguration,
        "\(configuration.name) scores no pairs of users and items; expected a run with "
          + "`factorization`, or two modalities with one id each, in that order, and one head with the "
          + "layers [dot] or nothing but a coupling of the two; with [dot] modalities with features may "
          + "follow either"
      )
    }
    guard model.layout.shardedTables.isEmpty else {
      throw TrainingError(
        .badConfiguration,
        "lists of items need all vectors on every rank, and \(configuration.name) has an embedding with "
          + "shard: true; train it with shard: false")
    }
    let fields = [sides.user, sides.item].map { configuration.model.modalities[$0].field }
    let own = try Self.ownData(ofRun: run, fields: split.fields.map(\.name))
    guard let training = try own.split(.train) else {
      throw TrainingError(.missingInput, "\(own.name) has no training split any more")
    }
    let reader = try InteractionReader(training, user: fields[0], item: fields[1], value: nil)
    // The data that is evaluated may know fewer ids than the run was trained with.
    let users = min(ownUsers, reader.userVocabulary ?? ownUsers)
    let items = min(ownItems, reader.itemVocabulary ?? ownItems)
    let seen = try Self.seen(reader, users: users, items: items, in: own)
    var rows = (users: Array(0..<users), items: Array(0..<items))
    let hasFeatures = configuration.model.modalities.count > 2
    if hasFeatures { rows = try reader.firstSamples(users: users, items: items) }
    return PairScores(
      pair: try pair(rows.users, rows.items, biases: biases, from: hasFeatures ? training : nil),
      seen: seen, userNames: PairScores.names(fields[0], in: own),
      itemNames: PairScores.names(fields[1], in: own))
  }

  /// The modalities with the ids of users and of items: the first ones of ids among those whose numbers are
  /// the first half of what the head reads, and among the others.
  var pairSides: (user: Int, item: Int)? {
    let modalities = configuration.model.modalities
    guard !model.heads.isEmpty else { return (0, 1) }
    let widths = model.modalityWidths
    let boundary = widths.indices.first {
      2 * widths[...$0].reduce(0, +) == widths.reduce(0, +)
    }
    guard let boundary, let user = (0...boundary).first(where: { table($0) != nil }),
      let item = modalities.indices.dropFirst(boundary + 1).first(where: { table($0) != nil })
    else { return nil }
    return (user, item)
  }

  /// The items of each user among a run's own training samples.
  private static func seen(
    _ reader: InteractionReader, users: Int, items: Int, in own: Dataset
  ) throws -> ItemLists {
    var beyond: InteractionReader.Interaction?
    let seen = try ItemLists(users: users) { visit in
      try reader.forEach { pair in
        if (0..<users).contains(pair.user), (0..<items).contains(pair.item) {
          visit(pair.user, pair.item)
        } else {
          beyond = pair
        }
      }
    }
    guard let beyond else { return seen }
    throw TrainingError(
      .badData,
      "\(own.name) is not what the run was trained with: user \(beyond.user) and item \(beyond.item) "
        + "are not among its \(users) users and \(items) items")
  }

  /// The rows of the embedding of a modality with one id per sample.
  private func table(_ modality: Int) -> Int? {
    let configured = configuration.model.modalities[modality]
    guard let field = split.fields.first(where: { $0.name == configured.field }),
      field.element == .integer, field.scalarsPerSample == 1, !field.isPacked
    else { return nil }
    return model.layout["modalities.\(configured.name).0.weight"]?.shape[0]
  }

  /// The run's own data, whatever else is evaluated.
  private static func ownData(ofRun run: String, fields: [String]) throws -> Dataset {
    let folder = RunFolder(run)
    let origin = (try? String(contentsOfFile: folder.origin, encoding: .utf8)) ?? run
    let own = try RunConfiguration.load(path: folder.configuration)
    return try Dataset(ofJob: own.data, relativeTo: origin, fields: fields)
  }

  /// The vectors of all users and items, of whom `users` and `items` have the number of a sample each, below 0
  /// where there is none, or the id where `samples` is nil, since there is nothing but ids.
  private func pair(
    _ users: [Int], _ items: [Int], biases: Bool, from samples: Split?
  ) throws -> FactorPair {
    let isCoupled = model.heads.isEmpty
    let half = (isCoupled ? model.coupling?.width : model.fusedWidth.map { $0 / 2 }) ?? 1
    let factors = biases ? half - 1 : half
    let offset = biases ? store.layout.slots.last.map { store.base[$0.offset] } ?? 0 : 0
    let pair = FactorPair(
      users: users.count, items: items.count, width: biases ? half + 1 : half, offset: offset)
    try forEachVector(users, from: samples) { id, user, _ in
      Self.copy(user, factors, biases, into: pair.user(id), bias: factors)
    }
    try forEachVector(items, from: samples) { id, _, item in
      Self.copy(item, factors, biases, into: pair.item(id), bias: factors + 1)
    }
    guard biases else { return pair }
    // Of who is unknown only the other side's bias counts.
    for id in users.indices where users[id] < 0 { pair.user(id)[factors + 1] = 1 }
    for id in items.indices where items[id] < 0 { pair.item(id)[factors] = 1 }
    pair.user(users.count)[factors + 1] = 1
    pair.item(items.count)[factors] = 1
    return pair
  }

  /// Runs the model over one sample for each id and visits both sides' vectors.
  private func forEachVector(
    _ rows: [Int], from samples: Split?,
    _ visit: (_ id: Int, _ user: UnsafePointer<Float>, _ item: UnsafePointer<Float>) -> Void
  ) throws {
    let microbatch = Microbatch(capacity: model.capacity, fields: split.fields)
    let known = rows.indices.filter { rows[$0] >= 0 }
    for first in stride(from: 0, to: known.count, by: model.capacity) {
      microbatch.count = min(model.capacity, known.count - first)
      for index in 0..<microbatch.count {
        microbatch.sampleNumbers[index] = Int64(rows[known[first + index]])
      }
      if let samples {
        try samples.fill(microbatch)
      } else {
        setIds(in: microbatch)
      }
      model.evaluate(microbatch, store.base)
      for index in 0..<microbatch.count {
        guard let (user, item) = vectors(ofSample: index) else { continue }
        visit(known[first + index], user, item)
      }
    }
  }

  /// Makes every id of a microbatch its sample's number, or the last one that there is.
  private func setIds(in microbatch: Microbatch) {
    for modality in configuration.model.modalities.indices {
      guard let ids = table(modality),
        let field = microbatch.fieldIndex(configuration.model.modalities[modality].field)
      else { continue }
      for index in 0..<microbatch.count {
        microbatch.integers(field)[index] =
          min(microbatch.sampleNumbers[index], Int64(ids - 1))
      }
    }
  }

  /// The vectors of both sides of a sample of the last pass: those of the coupling, or the halves of what
  /// the head reads.
  private func vectors(
    ofSample sample: Int
  ) -> (user: UnsafePointer<Float>, item: UnsafePointer<Float>)? {
    if model.heads.isEmpty { return model.pair(ofSample: sample).map { ($0.first, $0.second) } }
    guard let fused = model.fusedOutput, let width = model.fusedWidth else { return nil }
    let row = fused + sample * width
    return (row, row + width / 2)
  }

  /// One side's vector: factors, then its bias at one of two places and a 1 at the other.
  private static func copy(
    _ source: UnsafePointer<Float>, _ factors: Int, _ biases: Bool,
    into target: UnsafeMutablePointer<Float>, bias place: Int
  ) {
    target.update(from: source, count: factors)
    guard biases else { return }
    target[factors] = 1
    target[factors + 1] = 1
    target[place] = source[factors]
  }
}

extension ModelConfiguration {
  /// Whether the pairs that a network scores have biases; nil where it does not score pairs.
  var pairBiases: Bool? {
    if let coupling, heads.isEmpty {
      let sides = [coupling.first.modality, coupling.second.modality]
      return modalities.map(\.name) == sides ? false : nil
    }
    guard modalities.count >= 2, fusion == .concat, missing.substitute == .zero, heads.count == 1,
      heads[0].source == nil, heads[0].layers.count == 1,
      case .dot(let biases, _) = heads[0].layers[0]
    else { return nil }
    return biases
  }
}
