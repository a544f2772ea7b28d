import Glibc
import Tensors
import Testing

/// Floats that end where an inaccessible page begins: reading one too many ends the test process.
final class GuardedFloats {
  let base: UnsafeMutablePointer<Float>
  let count: Int
  private let memory: UnsafeMutableRawPointer
  private let byteCount: Int

  /// `count` floats, all `value`; `slack` more floats may be touched behind them.
  init(_ count: Int, value: Float = .nan, slack: Int = 0) {
    self.count = count
    let page = Int(getpagesize())
    let used = ((count + slack) * 4 + page - 1) / page * page
    byteCount = used + page
    let flags = MAP_PRIVATE | MAP_ANONYMOUS
    guard let memory = mmap(nil, byteCount, PROT_READ | PROT_WRITE, flags, -1, 0),
      memory != MAP_FAILED, mprotect(memory + used, page, PROT_NONE) == 0
    else { fatalError("no memory for a test") }
    self.memory = memory
    base = (memory + used - (count + slack) * 4).bindMemory(to: Float.self, capacity: count)
    for index in 0..<count { base[index] = value }
  }

  /// Numbers in -1 ..< 1, the same for the same seed.
  convenience init(random count: Int, seed: UInt64, slack: Int = 0) {
    self.init(count, slack: slack)
    let random = CounterRandom(seed: seed, purpose: .synthesis)
    for index in 0..<count { base[index] = 2 * random.uniform(at: index) - 1 }
  }

  deinit { munmap(memory, byteCount) }

  var pointer: UnsafePointer<Float> { UnsafePointer(base) }
  var array: [Float] { Array(UnsafeBufferPointer(start: base, count: count)) }
}

/// Draws small integers from a seed.
struct Draws {
  private let random: CounterRandom
  private var next = 0

  init(seed: UInt64) { random = CounterRandom(seed: seed, purpose: .augmentation) }

  mutating func integer(_ range: ClosedRange<Int>) -> Int {
    next += 1
    return range.lowerBound + Int(random.bits(at: next)) % range.count
  }

  mutating func element(_ values: [Int]) -> Int { values[integer(0...values.count - 1)] }
}

/// Runs `body` once per build of the kernels that this processor has, and in bfloat16 once more where dot products
/// of the processor stand for a build's own.
func onEachBuild(_ precision: Precision, _ body: (String) throws -> Void) throws {
  for build in Kernels.supportedBuilds {
    try Kernels.with(build: build) { try body(build) }
    guard precision == .bfloat16 else { continue }
    try Kernels.with(build: build, dots: false) {
      #expect(!Kernels.hasDots)
      try body("\(build) without dot products")
    }
  }
}

/// The number that a product computes with.
func rounded(_ value: Float, _ precision: Precision) -> Float {
  precision == .float32
    ? value : Float(bitPattern: UInt32(Reference.bfloat16(value)) << 16)
}

/// Runs `body` once per build of the kernels that this processor has.
func onEachBuild(_ body: (String) throws -> Void) throws {
  for build in Kernels.supportedBuilds { try Kernels.with(build: build) { try body(build) } }
}

/// Runs `body` on a thread of its own, whose processor state dies with it.
func isolated(_ body: @escaping () -> Double) -> Double {
  final class Box {
    let body: () -> Double
    var result = Double.nan
    init(_ body: @escaping () -> Double) { self.body = body }
  }
  let box = Box(body)
  var thread = pthread_t()
  let argument = Unmanaged.passUnretained(box).toOpaque()
  let status = pthread_create(
    &thread, nil,
    { argument in
      guard let argument else { return nil }
      let box = Unmanaged<Box>.fromOpaque(argument).takeUnretainedValue()
      box.result = box.body()
      return nil
    }, argument)
  guard status == 0 else { return .nan }
  pthread_join(thread, nil)
  return box.result
}
