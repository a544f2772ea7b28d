import Buffers
import Foundation
import Tensors

/// What one core does with single-precision numbers.
public struct CoreSpeed: Sendable, Equatable {
  /// Floating-point operations per second of a product of two 512x512 matrices, the best of many.
  public var gemm: Double
  /// The same for a microbatch of 32 samples through a layer of 512x512: what training asks for.
  public var layer: Double

  /// A speed from its parts.
  public init(gemm: Double, layer: Double) {
    self.gemm = gemm
    self.layer = layer
  }
}

/// What memory does for one rank, or for all ranks of a node together.
public struct MemorySpeed: Sendable, Equatable {
  /// Bytes per second that are read and written.
  public var bytesPerSecond: Double

  /// A speed from its number.
  public init(bytesPerSecond: Double) { self.bytesPerSecond = bytesPerSecond }
}

/// Measurements of one rank's core and memory; ranks call them at the same time, or take turns.
public enum CoreBenchmark {
  /// Measures matrix products on the calling thread.
  ///
  /// - Parameter seconds: about how long each of the two shapes takes.
  /// - Returns: the best rates, since what slows a product down is not the core's own.
  /// - Cost: 4 MiB.
  public static func coreSpeed(seconds: Double) -> CoreSpeed {
    CoreSpeed(
      gemm: productRate(rows: 512, seconds: seconds), layer: productRate(rows: 32, seconds: seconds)
    )
  }

  private static func productRate(rows: Int, seconds: Double) -> Double {
    let size = 512
    let a = HostBuffer<Float>(count: rows * size)
    let b = HostBuffer<Float>(count: size * size)
    let c = HostBuffer<Float>(count: rows * size)
    // Numbers of one size: sums neither overflow nor meet the slow small numbers.
    for index in 0..<a.count { a.base[index] = Float(index % 7) - 3 }
    for index in 0..<b.count { b.base[index] = Float(index % 5) - 2 }
    let work = 2.0 * Double(rows * size * size)
    var best = Double.infinity
    let end = steadySeconds() + seconds
    var now = steadySeconds()
    repeat {
      Kernels.product(
        rows: rows, columns: size, inner: size, a.base, size, b.base, size, c.base, size)
      let next = steadySeconds()
      best = min(best, next - now)
      now = next
    } while now < end
    return work / best
  }

  /// Measures `a = b + s c` over arrays that no cache holds.
  ///
  /// - Parameters:
  ///   - bytes: of all three arrays together.
  ///   - seconds: about how long it takes.
  /// - Returns: the bytes of all three arrays per second, the mean over whole passes. What the
  ///   processor reads before it overwrites a line is not counted, as in the STREAM benchmark.
  public static func memorySpeed(bytes: Int, seconds: Double) -> MemorySpeed {
    typealias Line = SIMD16<Float>
    let count = max(1, bytes / 3 / MemoryLayout<Line>.stride)
    let all = HostBuffer<Line>(count: 3 * count)
    let (to, left, right) = (all.base, all.base + count, all.base + 2 * count)
    let pass = { (factor: Float) in
      for index in 0..<count { to[index] = left[index] + right[index] * factor }
    }
    pass(0.5)
    let start = steadySeconds()
    var passes = 0
    repeat {
      pass(Float(passes & 1))
      passes += 1
    } while steadySeconds() < start + seconds
    let end = steadySeconds()
    precondition(all[0] == Line(repeating: 0), "a sum of zeros is zero")
    let moved = 3 * count * MemoryLayout<Line>.stride * passes
    return MemorySpeed(bytesPerSecond: Double(moved) / (end - start))
  }

  /// The bytes that a rank should move so that no cache holds them.
  ///
  /// - Parameter ranks: the ranks of the node that measure at once.
  /// - Returns: four times its share of the node's last-level caches, 24 to 256 MiB.
  public static func bytesBeyondCaches(ranks: Int) -> Int {
    min(max(4 * lastLevelCacheBytes / max(1, ranks), 24 << 20), 256 << 20)
  }

  /// The bytes of all last-level caches of this machine; 32 MiB where the kernel does not tell.
  static var lastLevelCacheBytes: Int {
    var caches: [String: Int] = [:]
    let folder = "/sys/devices/system/cpu"
    for cpu in 0..<sysconf(Int32(_SC_NPROCESSORS_CONF)) {
      let cache = "\(folder)/cpu\(cpu)/cache/index3"
      guard let size = try? String(contentsOfFile: cache + "/size", encoding: .utf8),
        let shared = try? String(contentsOfFile: cache + "/shared_cpu_list", encoding: .utf8),
        let kibibytes = Int(size.prefix { $0.isNumber })
      else { continue }
      caches[shared] = kibibytes << 10
    }
    return caches.isEmpty ? 32 << 20 : caches.values.reduce(0, +)
  }
}
