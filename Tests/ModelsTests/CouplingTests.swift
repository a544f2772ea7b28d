import Configuration
import Foundation
import Models
import Parameters
import Tensors
import Testing

/// Contrast against a plain reference in Float64, and its way through a model by finite differences.
@Suite struct CouplingTests {
  /// Vectors, identities and corrections of `count` pairs.
  struct Draw {
    let count, width: Int
    let vectors: [[Float]]
    let identities: [Int64]
    let corrections: [Float]

    init(count: Int, width: Int) {
      (self.count, self.width) = (count, width)
      vectors = (0..<2).map { side in
        let random = CounterRandom(seed: 3, purpose: .synthesis, stream: UInt32(side))
        var values: [Float] = []
        for row in 0..<count {
          let row = (0..<width).map { random.normal(at: row * width + $0) }
          let norm = row.reduce(0) { $0 + $1 * $1 }.squareRoot()
          values += row.map { $0 / norm }
        }
        return values
      }
      let random = CounterRandom(seed: 4, purpose: .synthesis, stream: 0)
      identities = (0..<count).map { Int64(random.bits(at: $0) % UInt32(max(1, count / 2))) }
      corrections = identities.map { -Float($0 % 7) / 2 }
    }

    func batch(rows: Int, masks: Bool) -> ContrastiveBatch {
      let batch = ContrastiveBatch(capacity: count, width: width, rows: rows, masks: masks)
      for pair in 0..<count {
        vectors[0].withUnsafeBufferPointer { first in
          vectors[1].withUnsafeBufferPointer { second in
            guard let first = first.baseAddress, let second = second.baseAddress else { return }
            batch.append(
              first: first + pair * width, second: second + pair * width,
              identity: identities[pair], correction: corrections[pair])
          }
        }
      }
      return batch
    }

    /// Sum of losses, slope, and the gradients of both sides, in Float64 and without tiles.
    func reference(scale: Double, masks: Bool) -> (
      loss: Double, slope: Double, gradients: [[Double]]
    ) {
      var scores = [[Double]](repeating: [], count: count)
      for row in 0..<count {
        scores[row] = (0..<count).map { column in
          if masks, row != column, identities[row] == identities[column] { return -.infinity }
          return scale
            * (0..<width).reduce(0) {
              $0 + Double(vectors[0][row * width + $1]) * Double(vectors[1][column * width + $1])
            }
        }
      }
      var derivative = [[Double]](
        repeating: [Double](repeating: 0, count: count), count: count)
      var loss = 0.0
      for pair in 0..<count {
        let row = (0..<count).map { scores[pair][$0] - Double(corrections[$0]) }
        let column = (0..<count).map { scores[$0][pair] }
        for (values, isRow) in [(row, true), (column, false)] {
          let sum = values.reduce(0) { $0 + exp($1) }
          loss += 0.5 * (log(sum) - values[pair])
          for other in 0..<count {
            let share = 0.5 * (exp(values[other]) / sum - (other == pair ? 1 : 0))
            derivative[isRow ? pair : other][isRow ? other : pair] += share
          }
        }
      }
      var slope = 0.0
      var gradients = [[Double]](
        repeating: [Double](repeating: 0, count: count * width), count: 2)
      for row in 0..<count {
        for column in 0..<count where scores[row][column].isFinite {
          slope += derivative[row][column] * scores[row][column]
          for place in 0..<width {
            let weight = scale * derivative[row][column]
            gradients[0][row * width + place] += weight * Double(vectors[1][column * width + place])
            gradients[1][column * width + place] += weight * Double(vectors[0][row * width + place])
          }
        }
      }
      return (loss, slope, gradients)
    }
  }

  /// Sums and gradients of all pairs, in runs of at most `rows`.
  private func contrast(
    _ batch: ContrastiveBatch, rows: Int, scale: Double
  ) -> (sums: ContrastiveBatch.Sums, gradients: [[Float]]) {
    let runs = stride(from: 0, to: batch.count, by: rows).map {
      $0..<min(batch.count, $0 + rows)
    }
    var sums = batch.measure(0..<0, scale: scale)
    for run in runs {
      let part = batch.measure(run, scale: scale, hits: true)
      sums.loss += part.loss
      sums.slope += part.slope
      for place in 0..<4 { sums.hits[place] += part.hits[place] }
    }
    var first = [Float](repeating: .nan, count: batch.count * batch.width)
    var second = first
    for run in runs {
      let start = run.lowerBound * batch.width
      first.withUnsafeMutableBufferPointer { first in
        second.withUnsafeMutableBufferPointer { second in
          guard let first = first.baseAddress, let second = second.baseAddress else { return }
          batch.gradient(
            run, scale: scale, factor: 1, first: first + start,
            second: second + start)
        }
      }
    }
    return (sums, [first, second])
  }

  @Test(arguments: [(1, 4), (37, 8), (600, 5)], [false, true])
  func tilesGiveWhatThePlainSumGives(_ size: (count: Int, width: Int), masks: Bool) {
    let draw = Draw(count: size.count, width: size.width)
    for scale in [1.0, 30.0] {
      let expected = draw.reference(scale: scale, masks: masks)
      let batch = draw.batch(rows: 16, masks: masks)
      let found = contrast(batch, rows: 16, scale: scale)
      let bound = 1e-5 * Double(size.count)
      #expect(abs(found.sums.loss - expected.loss) < bound, "\(found.sums) \(expected.loss)")
      #expect(abs(found.sums.slope - expected.slope) < scale * bound)
      for side in 0..<2 {
        let largest =
          zip(found.gradients[side], expected.gradients[side])
          .map { abs(Double($0) - $1) }.max() ?? .infinity
        #expect(largest < 1e-5 * scale, "side \(side): \(largest)")
      }
    }
  }

  @Test func twinsAreNoNegativesAndTiesCountAsBetter() {
    // Two pairs of the same vectors: as negatives they cost ln 2 each, as twins nothing.
    let rows: [Float] = [1, 0]
    func batch(_ identities: [Int64], masks: Bool) -> ContrastiveBatch.Sums {
      let batch = ContrastiveBatch(capacity: 2, width: 2, rows: 2, masks: masks)
      for identity in identities {
        batch.append(first: rows, second: rows, identity: identity, correction: 0)
      }
      return batch.measure(0..<2, scale: 5, hits: true)
    }
    let strangers = batch([1, 2], masks: true)
    #expect(abs(strangers.loss - 2 * log(2.0)) < 1e-6 && strangers.hits == [0, 2, 0, 2])
    let twins = batch([1, 1], masks: true)
    #expect(abs(twins.loss) < 1e-6 && twins.hits == [2, 2, 2, 2])
    #expect(batch([1, 1], masks: false) == strangers)
  }

  /// Two towers, one on a modality that samples may lack, and a head on both.
  static let configuration = ModelConfiguration(
    modalities: [
      ModalityConfiguration(
        name: "a", field: "a", encoder: [linear(6), .activation(.tanh)]),
      ModalityConfiguration(name: "b", field: "b", encoder: [linear(5), .activation(.tanh)]),
    ],
    heads: [
      HeadConfiguration(
        name: "y", layers: [linear(3)], loss: plainCrossEntropy, target: "y", weight: 0.5)
    ],
    coupling: CouplingConfiguration(
      first: .init(modality: "a", projection: [linear(4)]),
      second: .init(modality: "b", projection: [linear(7), .activation(.tanh), linear(4)]),
      objective: .infoNCE(
        .init(
          temperature: .learned(initial: 0.5, maximumScale: 100), maskSame: "y", popularity: "y")),
      weight: 0.7))

  static let fields = [
    values("a", [4]),
    MicrobatchField(name: "b", sampleShape: [3], element: .float, isOptional: true),
    labels("y", classes: 3),
  ]

  /// One step over a batch of one microbatch; the whole objective.
  private func train(_ bench: Bench) -> Double {
    guard let coupling = bench.model.coupling else { return .nan }
    if coupling.objective == .alignment { return align(bench, coupling) }
    let (model, parameters) = (bench.model, UnsafePointer(bench.store.base))
    let batch = ContrastiveBatch(
      capacity: model.capacity, width: coupling.width, rows: model.capacity, masks: true)
    model.embed(bench.microbatch, parameters, step: 4)
    for sample in 0..<bench.microbatch.count {
      guard let pair = model.pair(ofSample: sample) else { continue }
      let label = bench.microbatch.integers(2)[sample]
      batch.append(
        first: pair.first, second: pair.second, identity: label, correction: Float(label) / 3)
    }
    let (all, scale) = (0..<batch.count, coupling.scale(parameters))
    let sums = batch.measure(all, scale: scale)
    var first = [Float](repeating: 0, count: batch.count * coupling.width)
    var second = first
    let factor = coupling.weight / Double(batch.count)
    first.withUnsafeMutableBufferPointer { first in
      second.withUnsafeMutableBufferPointer { second in
        guard let first = first.baseAddress, let second = second.baseAddress else { return }
        batch.gradient(
          all, scale: scale, factor: factor, first: first,
          second: second)
        model.train(
          bench.microbatch, parameters, normalizers: bench.normalizers, step: 4,
          coupled: CouplingGradient(
            first: first, second: second,
            logScale: Float(factor * sums.slope)), into: &bench.gradients)
      }
    }
    return bench.objective + factor * sums.loss
  }

  /// Who reads the encoders beside the coupling.
  enum Readers: CaseIterable {
    case nobody, fusion
    /// A head on the fusion and one on each encoder, with modalities left out of training.
    case all
  }

  /// A model with both towers and other readers.
  private static func configuration(
    _ readers: Readers, _ objective: CouplingConfiguration.Objective? = nil
  ) -> ModelConfiguration {
    var configuration = Self.configuration
    if let objective { configuration.coupling?.objective = objective }
    switch readers {
    case .nobody: configuration.heads = []
    case .fusion: break
    case .all:
      configuration.heads += ["a", "b"].map {
        HeadConfiguration(
          name: $0, source: $0, layers: [linear(3)], loss: plainCrossEntropy, target: "y")
      }
      configuration.missing = MissingConfiguration(
        drop: [.init(modality: "a", rate: 0.3), .init(modality: "b", rate: 0.3)])
    }
    return configuration
  }

  @Test func bothPassesLeaveOutTheSame() throws {
    let bench = try Bench(Self.configuration(.all), Self.fields, capacity: 12)
    func pairs() -> [[Float]?] {
      (0..<12).map { sample in
        bench.model.pair(ofSample: sample).map {
          Array(UnsafeBufferPointer(start: $0.first, count: 4))
            + Array(UnsafeBufferPointer(start: $0.second, count: 4))
        }
      }
    }
    bench.model.embed(bench.microbatch, bench.store.base, step: 4)
    let first = pairs()
    let present = (0..<12).count { bench.microbatch.presence(1)[$0] == 1 }
    #expect(first.contains { $0 != nil } && first.count { $0 != nil } < present)
    _ = train(bench)
    #expect(pairs() == first)
    bench.model.embed(bench.microbatch, bench.store.base, step: 5)
    #expect(pairs().map { $0 == nil } != first.map { $0 == nil }, "steps differ in what they drop")
  }

  @Test(arguments: Readers.allCases, [nil, CouplingConfiguration.Objective.coral])
  func gradientsAreThoseOfTheObjective(
    readers: Readers, objective: CouplingConfiguration.Objective?
  ) throws {
    let configuration = Self.configuration(readers, objective)
    if objective == .coral {
      let model = try Model(configuration, fields: Self.fields, capacity: 2, seed: 1)
      #expect(!model.layout.slots.contains { $0.name == "coupling.logScale" })
    }
    let bench = try Bench(configuration, Self.fields, capacity: 12)
    FiniteDifference.disturb(bench.store)
    for place in 0..<12 {
      #expect(bench.microbatch.presence(1)[place] <= 1)
    }
    let pairs = (0..<12).count { bench.microbatch.presence(1)[$0] == 1 }
    #expect(pairs > 5 && pairs < 12, "some samples must lack a modality: \(pairs) of 12")
    _ = train(bench)
    FiniteDifference.check(
      bench.model.layout, bench.store.base, analytic: bench.gradientValues.map(Double.init)
    ) { train(bench) }
  }

  @Test func theScaleStopsAtItsLargestAndTurnsBack() throws {
    var configuration = Self.configuration
    configuration.coupling?.objective = .infoNCE(
      .init(temperature: .learned(initial: 0.5, maximumScale: 3)))
    let bench = try Bench(configuration, Self.fields, capacity: 3)
    let coupling = try #require(bench.model.coupling)
    let slot = try #require(bench.model.layout.slots.first { $0.name == "coupling.logScale" })
    #expect(slot.offset == coupling.logScale && !slot.decaysByDefault)
    #expect(abs(coupling.scale(bench.store.base) - 2) < 1e-6)
    #expect(coupling.scaleMoves(bench.store.base, slope: -1))
    bench.store.base[slot.offset] = 1.2
    #expect(coupling.scale(bench.store.base) == 3)
    #expect(!coupling.scaleMoves(bench.store.base, slope: -1))
    #expect(coupling.scaleMoves(bench.store.base, slope: 1))
  }

  @Test func whatDoesNotFitIsNamed() throws {
    func message(_ change: (inout ModelConfiguration) -> Void) -> String {
      var configuration = Self.configuration
      change(&configuration)
      do {
        _ = try Model(configuration, fields: Self.fields, capacity: 2, seed: 1)
        return "valid"
      } catch { return "\(error)" }
    }
    let widths = message { $0.coupling?.first.projection = [] }
    func contrasting(_ contrast: CouplingConfiguration.Contrast) -> String {
      message { $0.coupling?.objective = .infoNCE(contrast) }
    }
    let values = contrasting(.init(temperature: .fixed(1), maskSame: "a"))
    let missing = contrasting(.init(temperature: .fixed(1), popularity: "z"))
    let synchronised = message {
      $0.modalities[0].encoder.insert(.batchNorm(momentum: 0.1, epsilon: 1e-5, sync: 2), at: 1)
    }
    let behind = message {
      $0.heads[0].layers.insert(.batchNorm(momentum: 0.1, epsilon: 1e-5, sync: 2), at: 0)
    }
    let unread = message {
      $0.heads = []
      $0.modalities.append(ModalityConfiguration(name: "c", field: "a", encoder: []))
    }
    let none = message { _ in }
    #expect(none == "valid")
    #expect(
      widths.hasPrefix("coupling: expected vectors of one width, found 6 of a and 4 of b"))
    #expect(values.hasPrefix("coupling: expected one id for each sample in 'a', found values"))
    #expect(missing.hasPrefix("coupling: expected a field 'z'"))
    #expect(
      synchronised.hasPrefix("coupling: expected no batchNorm with sync beside a coupling"))
    #expect(
      behind.hasPrefix("coupling: expected no batchNorm with sync beside a coupling"))
    #expect(unread.hasPrefix("modalities.c: expected a head or a coupling that reads it"))
  }
}
