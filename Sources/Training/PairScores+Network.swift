import Configuration
import Datasets
import Foundation
import Metrics
import Models
import Tensors

extension TrainedModel {
  /// The scores of all pairs of a network whose only head is the product of two encoders of ids, or that
  /// couples two encoders of ids and has no head.
  ///
  /// Both tables of vectors come from passes of the model over all ids.
  ///
  /// - Parameter run: the run folder, for what its users have seen.
  /// - Returns: the scores, with the items of each user in the run's own training split.
  /// - Throws: ``TrainingError`` with status `badConfiguration` for any other network, or what reading throws.
  func pairScores(ofRun run: String) throws -> PairScores {
    guard let biases = configuration.model.pairBiases,
      let ownUsers = table(0), let ownItems = table(1)
    else {
      throw TrainingError(
        .badConfiguration,
        "\(configuration.name) scores no pairs of users and items; expected a run with "
          + "`factorization`, or two modalities with one id each, in that order, and one head with the "
          + "layers [dot] or nothing but a coupling of the two"
      )
    }
    let names = configuration.model.modalities.map(\.field)
    let own = try Self.ownData(ofRun: run, fields: names)
    guard let training = try own.split(.train) else {
      throw TrainingError(.missingInput, "\(own.name) has no training split any more")
    }
    let reader = try InteractionReader(training, user: names[0], item: names[1], value: nil)
    // The data that is evaluated may know fewer ids than the run was trained with.
    let users = min(ownUsers, reader.userVocabulary ?? ownUsers)
    let items = min(ownItems, reader.itemVocabulary ?? ownItems)
    let seen = try Self.seen(reader, users: users, items: items, in: own)
    let offset = biases ? store.layout.slots.last.map { store.base[$0.offset] } ?? 0 : 0
    return PairScores(
      pair: pair(users, items, biases: biases, offset: offset), seen: seen,
      userNames: PairScores.names(names[0], in: own),
      itemNames: PairScores.names(names[1], in: own))
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
    return try Dataset(own.data, relativeTo: origin, fields: fields)
  }

  /// Runs the encoders over all ids and keeps their vectors; an unknown id has zeros.
  private func pair(_ users: Int, _ items: Int, biases: Bool, offset: Float) -> FactorPair {
    let microbatch = Microbatch(capacity: model.capacity, fields: split.fields)
    let names = configuration.model.modalities.map(\.field)
    let places = names.map { microbatch.fieldIndex($0) ?? 0 }
    var result: FactorPair?
    for first in stride(from: 0, to: max(users, items), by: model.capacity) {
      microbatch.count = min(model.capacity, max(users, items) - first)
      for index in 0..<microbatch.count {
        microbatch.sampleNumbers[index] = Int64(first + index)
        microbatch.integers(places[0])[index] = Int64(min(first + index, users - 1))
        microbatch.integers(places[1])[index] = Int64(min(first + index, items - 1))
      }
      model.evaluate(microbatch, store.base)
      guard let half = vectors(ofSample: 0)?.width else { continue }
      let factors = biases ? half - 1 : half
      let pair =
        result
        ?? FactorPair(
          users: users, items: items, width: biases ? half + 1 : half, offset: offset)
      result = pair
      for index in 0..<microbatch.count {
        guard let (user, item, _) = vectors(ofSample: index) else { continue }
        if first + index < users {
          Self.copy(user, factors, biases, into: pair.user(first + index), bias: factors)
        }
        if first + index < items {
          Self.copy(item, factors, biases, into: pair.item(first + index), bias: factors + 1)
        }
      }
      if biases {
        pair.user(users)[factors + 1] = 1
        pair.item(items)[factors] = 1
      }
    }
    return result ?? FactorPair(users: users, items: items, width: 1, offset: offset)
  }

  /// The vectors of both sides of a sample of the last pass: those of the coupling, or the halves of what
  /// the head reads.
  private func vectors(
    ofSample sample: Int
  ) -> (user: UnsafePointer<Float>, item: UnsafePointer<Float>, width: Int)? {
    if model.heads.isEmpty, let coupling = model.coupling {
      return model.pair(ofSample: sample).map { ($0.first, $0.second, coupling.width) }
    }
    guard let fused = model.fusedOutput, let width = model.fusedWidth else { return nil }
    let row = fused + sample * width
    return (row, row + width / 2, width / 2)
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
  /// Whether the pairs of a network's two modalities have biases; nil where it does not score pairs.
  var pairBiases: Bool? {
    if let coupling, heads.isEmpty {
      let sides = [coupling.first.modality, coupling.second.modality]
      return modalities.map(\.name) == sides ? false : nil
    }
    guard modalities.count == 2, heads.count == 1, heads[0].layers.count == 1,
      case .dot(let biases, _) = heads[0].layers[0]
    else { return nil }
    return biases
  }
}
