import Parameters
import Tensors

/// The additions that a wave, or the end of a step, makes in every block: the same for all blocks, so
/// worked out once per V and then run block by block, while a block is in the cache.
struct FoldProgram: Equatable {
  /// A place where a block's values lie.
  enum Operand: Equatable {
    /// The gradient that a local rank computed in this wave.
    case gradient(Int)
    /// A partial sum of this node, kept by its reducer.
    case sum(Int)
    /// A partial sum that came from another node.
    case incoming(Int)
  }

  /// `destination = left + right`, or a copy of `left`.
  struct Operation: Equatable {
    let destination: Operand
    let left: Operand
    let right: Operand?
  }

  /// What to do, in order.
  var operations: [Operation] = []

  /// Runs the program over a stretch, one block's worth at a time, blocks on all threads of the rank.
  ///
  /// - Parameters:
  ///   - count: scalars of the stretch.
  ///   - place: the first scalar of an operand's values.
  func run(count: Int, _ place: (Operand) -> UnsafeMutablePointer<Float>) {
    guard !operations.isEmpty else { return }
    Kernels.split(count, by: ParameterLayout.blockSize, work: 3 * operations.count * count) {
      var start = $0.lowerBound
      while start < $0.upperBound {
        let length = min(ParameterLayout.blockSize, $0.upperBound - start)
        run(start, length, place)
        start += length
      }
    }
  }

  /// Runs the program over some scalars, which fit a cache.
  private func run(
    _ start: Int, _ length: Int, _ place: (Operand) -> UnsafeMutablePointer<Float>
  ) {
    for operation in operations {
      let (left, target) = (place(operation.left) + start, place(operation.destination) + start)
      if let right = operation.right {
        Kernels.add(count: length, a: left, b: place(right) + start, output: target)
      } else {
        Kernels.copy(count: length, source: left, destination: target)
      }
    }
  }
}

/// Works out fold programs.
///
/// Values are pushed in microbatch order, and while the last two are siblings in the tree they are
/// added. What is left after the last push are the largest nodes of the tree.
struct FoldPlanner {
  /// V.
  let count: Int
  /// What is there, left to right.
  private(set) var entries: [(node: Range<Int>, operand: FoldProgram.Operand)] = []
  /// Partial sums kept at the same time, at most.
  private(set) var sumCount: Int
  private var free: [Int] = []
  /// Whether a gradient may be overwritten by a sum: nobody else reads this rank's part of it, but its
  /// memory is used again in a later wave.
  var overwritesGradients = false

  /// Nothing pushed yet, of V; `sums` partial sums are in use by others.
  init(count: Int, sums: Int = 0) {
    self.count = count
    sumCount = sums
  }

  /// Pushes the values of a node of the tree.
  mutating func push(
    _ node: Range<Int>, _ operand: FoldProgram.Operand, into program: inout FoldProgram
  ) {
    entries.append((node, operand))
    while entries.count >= 2 {
      let (left, right) = (entries[entries.count - 2], entries[entries.count - 1])
      guard SummationTree.areSiblings(left.node, right.node, of: count) else { return }
      let target = target(of: left.operand, right.operand)
      program.operations.append(
        .init(destination: target, left: left.operand, right: right.operand))
      if case .sum(let index) = right.operand, right.operand != target { free.append(index) }
      entries.removeLast(2)
      entries.append((left.node.lowerBound..<right.node.upperBound, target))
    }
  }

  /// Where a sum goes: over one of its terms, unless both are gradients and more waves follow.
  private mutating func target(
    of left: FoldProgram.Operand, _ right: FoldProgram.Operand
  ) -> FoldProgram.Operand {
    if overwritesGradients || !isGradient(left) { return left }
    return isGradient(right) ? .sum(takeSum()) : right
  }

  /// Copies gradients that are still waiting for a sibling, since their memory is used again.
  mutating func settle(into program: inout FoldProgram) {
    for index in entries.indices where isGradient(entries[index].operand) {
      let target = FoldProgram.Operand.sum(takeSum())
      program.operations.append(
        .init(destination: target, left: entries[index].operand, right: nil))
      entries[index].operand = target
    }
  }

  /// Adds what is left, from left to right, where the parts of the tree need not stay apart.
  mutating func merge(into program: inout FoldProgram) {
    while entries.count >= 2 {
      let (left, right) = (entries[0], entries[1])
      program.operations.append(
        .init(destination: left.operand, left: left.operand, right: right.operand))
      if case .sum(let index) = right.operand { free.append(index) }
      entries[0].node = left.node.lowerBound..<right.node.upperBound
      entries.remove(at: 1)
    }
  }

  private func isGradient(_ operand: FoldProgram.Operand) -> Bool {
    if case .gradient = operand { return true }
    return false
  }

  private mutating func takeSum() -> Int {
    if let index = free.popLast() { return index }
    sumCount += 1
    return sumCount - 1
  }
}
