import Reports
import Testing

/// Progress is shown as recorded here.
@Suite struct ProgressTests {
  /// What a display wrote.
  private final class Sink {
    var text = ""
  }

  private func state(_ step: Int) -> ProgressState {
    ProgressState(
      step: step, steps: 200, epoch: step / 20 + 1, epochs: 10, loss: 1 / Double(step + 1),
      learningRate: 1e-4, samplesPerSecond: 12_345)
  }

  private func shown(
    _ style: ProgressDisplay.Style, columns: Int = 100, _ body: (ProgressDisplay) -> Void
  ) -> String {
    let sink = Sink()
    body(ProgressDisplay(style: style, columns: { columns }, write: { sink.text += $0 }))
    return sink.text
  }

  @Test func aPipeGetsALineEachSoManySeconds() {
    let text = shown(.lines(everySeconds: 10)) { display in
      for step in 1...50 { display.update(state(step), at: Double(step) / 2) }
      display.note("validation  accuracy 0.9")
      display.finish(at: 25)
    }
    #expect(
      text == """
        step 1/200  epoch 1/10  loss 0.5000  learning rate 1.0e-4  12,345 samples/s
        step 21/200  epoch 2/10  loss 0.0455  learning rate 1.0e-4  12,345 samples/s  1:30 left
        step 41/200  epoch 3/10  loss 0.0238  learning rate 1.0e-4  12,345 samples/s  1:20 left
        validation  accuracy 0.9
        step 50/200  epoch 3/10  loss 0.0196  learning rate 1.0e-4  12,345 samples/s  1:15 left

        """)
  }

  @Test func aTerminalLineIsRedrawnAndEnded() {
    let text = shown(.redrawn(unicode: false)) { display in
      display.update(state(10), at: 0)
      display.update(state(11), at: 0.05)
      display.update(state(30), at: 2)
      display.note("saved")
      display.finish(at: 3)
    }
    let first =
      "epoch 1/10  [#................................]  "
      + "10/200  loss 0.0909  rate 1.0e-4  12,345 samples/s"
    let second =
      "epoch 2/10  [###...................]  "
      + "30/200  loss 0.0323  rate 1.0e-4  12,345 samples/s  0:17 left"
    #expect(
      text == "\r\(first)\u{1B}[K\r\(second)\u{1B}[K\r\u{1B}[Ksaved\n\(second)\u{1B}[K\n")
  }

  @Test func noWidthIsExceeded() {
    for columns in 0...140 {
      for unicode in [true, false] {
        let text = shown(.redrawn(unicode: unicode), columns: columns) { display in
          display.update(state(1), at: 0)
          display.update(state(150), at: 60)
        }
        for line in text.split(separator: "\r") {
          #expect(line.replacing("\u{1B}[K", with: "").count <= max(0, columns - 1))
        }
      }
    }
  }

  @Test func narrowTerminalsKeepWhatMattersMost() {
    func line(_ columns: Int) -> String {
      let text = shown(.redrawn(unicode: true), columns: columns) { display in
        display.update(state(0), at: 0)
        display.update(state(100), at: 50)
      }
      return String(text.split(separator: "\r").last?.dropLast(3) ?? "")
    }
    #expect(
      line(120)
        == "epoch 6/10  ▕███████████████████                   ▏  100/200  loss 0.0099  rate 1.0e-4"
        + "  12,345 samples/s  0:50 left")
    #expect(line(60) == "epoch 6/10  ▕██████      ▏  100/200  loss 0.0099  0:50 left")
    #expect(line(50) == "▕███████       ▏  100/200  loss 0.0099  0:50 left")
    #expect(line(24) == "100/200  loss 0.0099")
    #expect(line(12) == "100/200")
    #expect(line(4) == "100")
  }

  @Test func silenceStillShowsNotes() {
    let text = shown(.silent) { display in
      display.update(state(1), at: 0)
      display.note("done")
      display.finish(at: 1)
    }
    #expect(text == "done\n")
  }

  @Test func whatIsUnknownIsLeftOut() {
    let text = shown(.lines(everySeconds: 1)) { display in
      display.update(ProgressState(step: 200, steps: 200), at: 0)
      display.finish(at: 0)
    }
    #expect(text == "step 200/200\n")
  }
}
