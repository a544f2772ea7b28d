import Configuration
import Models
import Parameters
import Tensors
import Testing

/// What an observer hears of a training pass, and whether it is true.
@Suite struct PassObserverTests {
  typealias Case = FiniteDifferenceTests.Case

  @Test(arguments: Case.layers + Case.composites)
  func gradientsAreFinalWhenToldSo(_ subject: Case) throws {
    let bench = try Bench(subject.configuration, subject.fields, capacity: 4)
    let recorder = Recorder()
    // By address: the pass has the gradients themselves while it runs.
    let values = bench.gradients.values.all
    recorder.onFinal = { offset in recorder.copies.append(Array(values)[offset...]) }
    values.update(repeating: .nan)
    bench.train(observer: recorder)
    let final = bench.gradientValues
    for copy in recorder.copies {
      let isSame = copy.elementsEqual(final[copy.startIndex...]) { $0.bitPattern == $1.bitPattern }
      #expect(isSame, "gradients from \(copy.startIndex)")
    }
    let offsets = recorder.copies.map(\.startIndex)
    #expect(offsets == firstSlots(bench.model).reversed())
    bench.train()
    let isUnchanged = bench.gradientValues.elementsEqual(final)
    #expect(isUnchanged, "an observer changes nothing")
  }

  @Test(arguments: Case.layers + Case.composites)
  func noParameterIsReadAfter(_ subject: Case) throws {
    let bench = try Bench(subject.configuration, subject.fields, capacity: 4)
    bench.train()
    let expected = bench.gradientValues
    let parameters = Array(bench.store.all)
    let recorder = Recorder()
    recorder.onFinal = { offset in bench.store.all[offset...].update(repeating: .nan) }
    bench.train(observer: recorder)
    let isSame = bench.gradientValues.elementsEqual(expected)
    #expect(isSame)
    #expect(bench.store.all.allSatisfy { $0.isNaN } && parameters.allSatisfy { !$0.isNaN })
  }

  /// Nothing happens between the end of a layer's backward pass and the word that it is final.
  @Test(arguments: Case.layers + Case.composites)
  func isToldAtOnce(_ subject: Case) throws {
    let bench = try Bench(subject.configuration, subject.fields, capacity: 4)
    let recorder = Recorder()
    bench.train(observer: recorder)
    let layers = bench.model.layers
    let events = recorder.events
    for (place, event) in events.enumerated() {
      guard case .final(let offset) = event, offset > 0 else { continue }
      guard case .backward(let index) = events[place - 1] else {
        Issue.record("\(event) after \(events[place - 1])")
        continue
      }
      let slot = try #require(bench.model.layout.slots.first { $0.offset == offset })
      #expect(slot.name.hasPrefix("\(layers[index].path)."))
    }
    #expect(events.last == .final(0))
    #expect(events.filter { $0 == .final(0) }.count == 1)
  }

  @Test func namesTheLayersOnTheWay() throws {
    let encoder: [LayerConfiguration] = [
      linear(4), .flatten,
      .residual(layers: [linear(4), relu], shortcut: [linear(4)]),
      .concat(branches: [[linear(2)], [linear(3)]]),
    ]
    let bench = try Bench(
      network(encoder), [values("x", [5]), labels("y", classes: 3)], capacity: 2)
    let recorder = Recorder()
    bench.train(observer: recorder)
    let prefix = "modalities.x."
    func path(_ index: Int) -> String {
      let path = bench.model.layers[index].path
      return path.hasPrefix(prefix) ? String(path.dropFirst(prefix.count)) : path
    }
    let forward = recorder.events.compactMap { event in
      if case .forward(let index) = event { path(index) } else { nil }
    }
    let backward = recorder.events.compactMap { event in
      if case .backward(let index) = event { path(index) } else { nil }
    }
    #expect(
      forward == [
        "0", "2", "2.layers.0", "2.layers.1", "2.shortcut.0", "2", "3", "3.branches.0.0", "3",
        "3.branches.1.0", "3", "heads.y.1",
      ])
    #expect(
      backward == [
        "heads.y.1", "heads.y.1", "3", "3.branches.1.0", "3", "3.branches.0.0", "3", "2",
        "2.shortcut.0", "2.layers.1", "2.layers.0", "2", "0",
      ])
  }

  @Test func headsAndEncodersGoBackInReverse() throws {
    let subject = try #require(
      Case.composites.first { $0.name == "fusion of three inputs with two heads" })
    let bench = try Bench(subject.configuration, subject.fields, capacity: 2)
    let recorder = Recorder()
    bench.train(observer: recorder)
    let backward = recorder.events.compactMap { event in
      if case .backward(let index) = event { bench.model.layers[index].path } else { nil }
    }
    #expect(
      backward == [
        "heads.b.1", "heads.b.1", "heads.b.0", "heads.a.1", "heads.a.1", "heads.a.0", "fusion",
        "modalities.text.1", "modalities.text.0", "modalities.image.0",
      ])
  }

  @Test func observedPassesAllocateNothing() throws {
    for subject in Case.composites + FusionTests.differenceCases {
      let bench = try Bench(subject.configuration, subject.fields, capacity: 4)
      let (model, microbatch) = (bench.model, bench.microbatch)
      let parameters = UnsafePointer(bench.store.base)
      var gradients = LocalGradients(model.layout)
      let counter = Counter()
      bench.normalizers.withUnsafeBufferPointer { buffer in
        guard let divisors = buffer.baseAddress else { return }
        let touched = AllocationProbe.sizesTouched {
          model.train(
            microbatch, parameters, normalizers: divisors, step: 3, into: &gradients,
            observer: counter)
        }
        #expect(touched == [], "\(subject.name)")
      }
      #expect(counter.calls > 4)
    }
  }

  /// The places where a layer's own slots begin, in canonical order.
  private func firstSlots(_ model: Model) -> [Int] {
    var offsets: [Int] = []
    var known = ""
    for slot in model.layout.slots {
      let owner = String(slot.name[..<(slot.name.lastIndex(of: ".") ?? slot.name.endIndex)])
      if owner != known { offsets.append(slot.offset) }
      known = owner
    }
    return offsets
  }
}

/// Keeps what it hears.
final class Recorder: PassObserver {
  enum Event: Equatable {
    case forward(Int)
    case backward(Int)
    case final(Int)
  }

  var events: [Event] = []
  var copies: [ArraySlice<Float>] = []
  var onFinal: (Int) -> Void = { _ in }

  func forward(layer index: Int) { events.append(.forward(index)) }
  func backward(layer index: Int) { events.append(.backward(index)) }
  func gradientsFinal(from offset: Int) {
    events.append(.final(offset))
    onFinal(offset)
  }
}

/// Counts what it hears.
private final class Counter: PassObserver {
  var calls = 0

  func forward(layer index: Int) { calls += 1 }
  func backward(layer index: Int) { calls += 1 }
  func gradientsFinal(from offset: Int) { calls += 1 }
}
