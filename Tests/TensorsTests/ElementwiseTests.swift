import Tensors
import Testing

@Suite("Element-wise loops")
struct ElementwiseTests {
  static let counts = [0, 1, 3, 7, 8, 15, 16, 17, 63, 100, 1001]

  @Test("Sums and norms are exact to Float64 rounding in every build", arguments: counts)
  func sums(count: Int) throws {
    let x = GuardedFloats(random: count, seed: 1)
    let values = x.array.map(Double.init)
    try onEachBuild { build in
      let sum = Kernels.sum(count, x.pointer)
      let bound = Double(2 * count) * 0x1p-53 * Double(count)
      #expect(abs(sum - values.reduce(0, +)) <= bound, "\(build)")
      let norm = Kernels.squaredNorm(count, x.pointer)
      #expect(abs(norm - values.reduce(0) { $0 + $1 * $1 }) <= bound, "\(build)")
    }
  }

  @Test("Additions and scaling are the IEEE operations in every build", arguments: counts)
  func additions(count: Int) throws {
    let a = GuardedFloats(random: count, seed: 2)
    let b = GuardedFloats(random: count, seed: 3)
    try onEachBuild { build in
      let c = GuardedFloats(count)
      Kernels.add(count: count, a: a.pointer, b: b.pointer, output: c.base)
      #expect(c.array == zip(a.array, b.array).map { $0 + $1 }, "\(build)")
      Kernels.addInto(count: count, source: a.pointer, destination: c.base)
      #expect(c.array == zip(a.array, b.array).map { ($0 + $1) + $0 }, "\(build)")
      Kernels.addRelu(count: count, a: a.pointer, b: b.pointer, output: c.base)
      #expect(c.array == zip(a.array, b.array).map { max(0, $0 + $1) }, "\(build)")
      Kernels.addThroughRelu(
        count: count, source: b.pointer, output: a.pointer, destination: c.base)
      let sums = zip(a.array, b.array).map { $0 > 0 ? max(0, $0 + $1) + $1 : 0 }
      #expect(c.array == sums, "\(build)")
      Kernels.copy(count: count, source: b.pointer, destination: c.base)
      Kernels.scale(count: count, factor: 0.3, values: c.base)
      #expect(c.array == b.array.map { $0 * 0.3 }, "\(build)")
      Kernels.fill(count: count, value: 2, output: c.base)
      #expect(c.array == [Float](repeating: 2, count: count), "\(build)")
    }
  }

  @Test("One bad number anywhere is found in every build", arguments: counts.filter { $0 > 0 })
  func finite(count: Int) throws {
    try onEachBuild { build in
      let x = GuardedFloats(count, value: .greatestFiniteMagnitude)
      #expect(Kernels.isFinite(count, x.pointer), "\(build)")
      for place in [0, count / 2, count - 1] {
        for bad in [Float.nan, .infinity, -.infinity] {
          x.base[place] = bad
          #expect(!Kernels.isFinite(count, x.pointer), "\(build) \(bad) at \(place)")
          x.base[place] = -1
        }
      }
    }
  }

  @Test("Blocks are copied and added between matrices in every build")
  func columns() throws {
    let source = GuardedFloats(random: 5 * 7, seed: 4)
    try onEachBuild { build in
      let target = GuardedFloats(4 * 9 + 2 + 3, value: 1)
      Kernels.copyColumns(
        rows: 5, width: 3, source: source.pointer + 2, sourceStride: 7,
        destination: target.base + 2, destinationStride: 9)
      Kernels.addColumns(
        rows: 5, width: 3, source: source.pointer, sourceStride: 7, destination: target.base + 2,
        destinationStride: 9)
      for index in 0..<target.count {
        let (row, column) = ((index - 2) / 9, (index - 2) % 9)
        let inside = index >= 2 && column < 3
        let wanted = inside ? source.base[row * 7 + column + 2] + source.base[row * 7 + column] : 1
        #expect(target.base[index] == wanted, "\(build) \(index)")
      }
    }
  }

  @Test("Input is scaled per channel in every build", arguments: [1, 3, 4])
  func conversion(channels: Int) throws {
    let count = 60 * channels
    let bytes = (0..<count).map { UInt8($0 * 41 % 256) }
    let floats = bytes.map { Float($0) / 3 }
    let scale = (0..<channels).map { 1 / Float(50 + $0) }
    let offset = (0..<channels).map { Float($0) - 1.5 }
    try onEachBuild { build in
      let y = GuardedFloats(count)
      Kernels.convertUInt8(
        count: count, source: bytes, channels: channels, scale: scale, offset: offset,
        output: y.base)
      let z = GuardedFloats(count)
      Kernels.convertFloat(
        count: count, source: floats, channels: channels, scale: scale, offset: offset,
        output: z.base)
      for i in 0..<count {
        let c = i % channels
        let first = Double(bytes[i]) * Double(scale[c]) + Double(offset[c])
        let second = Double(floats[i]) * Double(scale[c]) + Double(offset[c])
        #expect(abs(Double(y.base[i]) - first) <= 1e-6, "\(build)")
        #expect(abs(Double(z.base[i]) - second) <= 1e-6, "\(build)")
      }
    }
  }
}
