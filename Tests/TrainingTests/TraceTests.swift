import Foundation
import TestSupport
import Testing
import Training

/// `trace.json` against the public description of the trace event format.
struct TraceTests {
  /// What the description asks of a file, and what a viewer needs: every event has name, phase, time and
  /// place; complete events have a duration, are in order and nest within a thread.
  static func problems(_ data: Data) -> [String] {
    guard let file = (try? JSONSerialization.jsonObject(with: data)) as? [String: Any],
      let events = file["traceEvents"] as? [[String: Any]]
    else { return ["no JSON object with traceEvents"] }
    var problems: [String] = []
    var last: [String: Double] = [:]
    var open: [String: [Double]] = [:]
    for event in events {
      guard let name = event["name"] as? String, let kind = event["ph"] as? String,
        let time = event["ts"] as? Double, let process = event["pid"] as? Int,
        let thread = event["tid"] as? Int
      else {
        problems.append("incomplete: \(event)")
        continue
      }
      if !["M", "X", "i"].contains(kind) { problems.append("\(name): kind \(kind)") }
      if kind == "M" { continue }
      let key = "\(process)/\(thread)"
      if time < last[key] ?? 0 { problems.append("\(name) at \(time) is out of order") }
      last[key] = time
      guard kind == "X" else { continue }
      guard let duration = event["dur"] as? Double, duration >= 0 else {
        problems.append("\(name) has no duration")
        continue
      }
      // A thousandth of a microsecond is the unit; a tenth of it is rounding.
      let end = time + duration
      open[key, default: []].removeAll { $0 <= time + 1e-4 }
      if let outer = open[key]?.last, end > outer + 1e-4 {
        problems.append("\(name) at \(time) outlasts what it lies in")
      }
      open[key, default: []].append(end)
    }
    return problems
  }

  static func text(_ file: TraceFile) -> String {
    var text = ""
    file.write { text += $0 }
    return text
  }

  /// The events of a clock that goes through two steps.
  static func recorded(capacity: Int = 1000) -> TraceRing {
    let clock = StepClock()
    let ring = TraceRing(capacity: capacity)
    clock.record(into: ring)
    for step in 1...3 {
      clock.begin(step: step)
      for microbatch in 0..<2 {
        clock.enter(.input, microbatch: microbatch)
        clock.enter(.forward)
        for layer in 0..<3 { clock.forward(layer: layer) }
        for layer in (0..<3).reversed() {
          clock.backward(layer: layer)
          clock.gradientsFinal(from: 100 * layer)
        }
      }
      clock.began(.reduce, bucket: 0)
      clock.enter(.update)
      clock.began(.publish, bucket: 1)
      _ = clock.finishStep()
    }
    return ring
  }

  static func file(_ ring: TraceRing) -> TraceFile {
    TraceFile(
      (0..<2).map {
        TraceFile.Track(
          rank: $0, node: 0, host: "n\"0", dropped: ring.dropped, events: ring.kept)
      }, layers: ["image.0 (conv)", "image.1 (relu)", "out (linear)"])
  }

  @Test func whatAClockRecordsIsAValidTrace() throws {
    let text = Self.text(Self.file(Self.recorded()))
    #expect(Self.problems(Data(text.utf8)) == [])
    for name in [
      "step 2", "backward image.0 (conv)", "gradients final", "reduce", "publish", "rank 1",
    ] {
      #expect(text.contains("\"\(name)\""), "\(name)")
    }
    try withTemporaryFolder { folder in
      let path = try folder.write(text, to: "trace.json")
      let count = try Python.run(
        "import json, sys\nprint(len(json.load(open(sys.argv[1]))['traceEvents']))", [path])
      #expect(Int(count.trimmingCharacters(in: .whitespacesAndNewlines)) ?? 0 > 100)
    }
  }

  @Test func theOldestEventsMakeRoom() {
    let ring = Self.recorded(capacity: 20)
    #expect(ring.kept.count == 20)
    #expect(ring.dropped == Self.recorded().kept.count - 20)
    let text = Self.text(Self.file(ring))
    #expect(text.contains("\"dropped\":\(2 * ring.dropped)"))
    #expect(Self.problems(Data(text.utf8)) == [])
  }

  @Test func theCheckFindsWhatIsWrong() {
    func problems(_ events: String) -> Int {
      Self.problems(Data("{\"traceEvents\":[\(events)]}".utf8)).count
    }
    let whole = "{\"name\":\"a\",\"ph\":\"X\",\"ts\":5,\"dur\":10,\"pid\":0,\"tid\":0}"
    #expect(problems(whole) == 0)
    #expect(problems("{\"name\":\"a\",\"ph\":\"X\",\"dur\":10,\"pid\":0,\"tid\":0}") == 1)
    #expect(problems(whole + "," + whole.replacingOccurrences(of: "5", with: "7")) == 1)
    #expect(problems(whole + "," + whole.replacingOccurrences(of: "5", with: "4")) == 1)
    #expect(Self.problems(Data("[".utf8)).count == 1)
  }

  @Test(arguments: [(0, "0"), (1, "0.001"), (1000, "1"), (1_234_056, "1234.056"), (-1, "-0.001")])
  func timesAreExact(nanoseconds: Int, text: String) {
    #expect(TraceFile.microseconds(nanoseconds) == text)
  }

  @Test func theLastTwoStepsMakeAPicture() throws {
    let picture = try #require(Self.file(Self.recorded()).picture(title: "lenet"))
    #expect(picture.title == "lenet: steps 2 and 3")
    #expect(picture.rows.count == 2)
    #expect(picture.rows[0].spans.allSatisfy { $0.start >= 0 && $0.end >= $0.start })
    #expect(picture.svg().contains("<title>backward: "))
  }
}
