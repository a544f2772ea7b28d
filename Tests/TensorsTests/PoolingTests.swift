import Tensors
import Testing

@Suite("Pooling")
struct PoolingTests {
  /// One random geometry with an image.
  struct Case {
    let g: PoolGeometry
    let samples, positions, channels: Int
    let x, dy: GuardedFloats

    init(seed: Int) {
      var draws = Draws(seed: UInt64(seed) + 1000)
      let size = [draws.integer(1...4), draws.integer(1...4)]
      let extents = size.map { $0 + draws.integer(0...6) }
      channels = draws.element([1, 3, 16, 20, 32, 33])
      samples = draws.integer(1...2)
      // Windows side by side, one time in two, with cells behind the last that lie in none.
      let isDisjoint = draws.integer(0...1) == 1
      g = PoolGeometry(
        height: extents[0], width: extents[1], channels: channels, size: size,
        stride: isDisjoint ? size : [draws.integer(1...3), draws.integer(1...3)],
        padding: isDisjoint ? [0, 0] : size.map { draws.integer(0...$0 / 2) })
      positions = extents[0] * extents[1]
      x = GuardedFloats(random: samples * positions * channels, seed: UInt64(seed))
      // Few distinct values, so that maxima tie.
      for index in 0..<x.count { x.base[index] = (x.base[index] * 4).rounded() }
      dy = GuardedFloats(
        random: samples * g.outHeight * g.outWidth * channels, seed: UInt64(seed) + 500)
      dy.base[0] = -0.0
    }
  }

  @Test("Maxima, their places and gradients equal the reference in every build", arguments: 1...80)
  func maxima(seed: Int) throws {
    let c = Case(seed: seed)
    let windows = Reference.windows(c.g)
    try onEachBuild { build in
      let y = GuardedFloats(c.dy.count)
      let dx = GuardedFloats(c.x.count)
      let winners = UnsafeMutablePointer<Int32>.allocate(capacity: c.dy.count)
      defer { winners.deallocate() }
      Kernels.maxPoolForward(c.g, samples: c.samples, x: c.x.pointer, y: y.base, winners: winners)
      Kernels.maxPoolBackward(
        c.g, samples: c.samples, dy: c.dy.pointer, winners: winners, dx: dx.base)
      var gradient = [Float](repeating: 0, count: c.x.count)
      for n in 0..<c.samples {
        for (w, cells) in windows.enumerated() {
          for channel in 0..<c.channels {
            let values = cells.map { c.x.base[(n * c.positions + $0) * c.channels + channel] }
            let place = (n * windows.count + w) * c.channels + channel
            let best = values.max() ?? 0
            let winner = cells[values.firstIndex(of: best) ?? 0]
            #expect(y.base[place] == best && Int(winners[place]) == winner, "\(build) \(c.g)")
            gradient[(n * c.positions + winner) * c.channels + channel] += c.dy.base[place]
          }
        }
      }
      #expect(dx.array.map(\.bitPattern) == gradient.map(\.bitPattern), "\(build) \(c.g)")
    }
  }

  @Test("Means and their gradients equal the reference in every build", arguments: 1...40)
  func means(seed: Int) throws {
    let c = Case(seed: seed)
    let windows = Reference.windows(c.g)
    try onEachBuild { build in
      let y = GuardedFloats(c.dy.count)
      let dx = GuardedFloats(c.x.count)
      Kernels.averagePoolForward(c.g, samples: c.samples, x: c.x.pointer, y: y.base)
      Kernels.averagePoolBackward(c.g, samples: c.samples, dy: c.dy.pointer, dx: dx.base)
      var gradient = [Double](repeating: 0, count: c.x.count)
      for n in 0..<c.samples {
        for (w, cells) in windows.enumerated() {
          for channel in 0..<c.channels {
            let places = cells.map { (n * c.positions + $0) * c.channels + channel }
            let mean = places.reduce(0.0) { $0 + Double(c.x.base[$1]) } / Double(cells.count)
            let place = (n * windows.count + w) * c.channels + channel
            #expect(abs(Double(y.base[place]) - mean) <= 2e-6, "\(build) \(c.g)")
            for cell in places { gradient[cell] += Double(c.dy.base[place]) / Double(cells.count) }
          }
        }
      }
      #expect(
        zip(dx.array, gradient).allSatisfy { abs(Double($0) - $1) <= 2e-6 }, "\(build) \(c.g)")
    }
  }

  @Test("The first NaN of a window wins, in every build")
  func notANumber() throws {
    let g = PoolGeometry(
      height: 1, width: 4, channels: 1, size: [1, 4], stride: [1, 1], padding: [0, 0])
    try onEachBuild { build in
      var y: [Float] = [0]
      var winners: [Int32] = [-1]
      Kernels.maxPoolForward(g, samples: 1, x: [1, .nan, 5, .nan], y: &y, winners: &winners)
      #expect(y[0].isNaN && winners == [1], "\(build)")
    }
  }

  @Test(
    "Global means and their gradients equal the definition in every build",
    arguments: [1, 3, 16, 21])
  func global(channels: Int) throws {
    let x = GuardedFloats(random: 2 * 49 * channels, seed: 21)
    let dy = GuardedFloats(random: 2 * channels, seed: 22)
    try onEachBuild { build in
      let y = GuardedFloats(2 * channels)
      let dx = GuardedFloats(x.count)
      Kernels.globalAverageForward(
        samples: 2, positions: 49, channels: channels, x: x.pointer, y: y.base)
      Kernels.globalAverageBackward(
        samples: 2, positions: 49, channels: channels, dy: dy.pointer, dx: dx.base)
      for n in 0..<2 {
        for c in 0..<channels {
          let places = (0..<49).map { (n * 49 + $0) * channels + c }
          let mean = places.reduce(0.0) { $0 + Double(x.base[$1]) } / 49
          #expect(abs(Double(y.base[n * channels + c]) - mean) <= 1e-6, "\(build)")
          let share = Double(dy.base[n * channels + c]) / 49
          #expect(places.allSatisfy { abs(Double(dx.base[$0]) - share) <= 1e-8 }, "\(build)")
        }
      }
    }
  }
}
