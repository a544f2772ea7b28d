import Buffers
import Tensors

/// A microbatch to be prepared: which samples, and what it is called.
public struct BatchRequest: Sendable, Equatable {
  /// The microbatch's place in the step, or in the split when evaluating.
  public var index: Int
  /// The optimizer step, 0 when evaluating.
  public var step: Int
  /// The epoch whose order is used.
  public var epoch: Int
  /// Positions in that order, at most the loader's capacity.
  public var positions: Range<Int>

  /// A request from its parts.
  public init(index: Int, step: Int, epoch: Int, positions: Range<Int>) {
    self.index = index
    self.step = step
    self.epoch = epoch
    self.positions = positions
  }
}

/// Prepares microbatches ahead on a thread of its own.
///
/// ``start(order:_:)`` describes what is wanted; ``next()`` hands microbatches out in that order, and
/// ``recycle(_:)`` takes them back. Memory is allocated once. The thread ends with the last request,
/// with an error, or at ``stop()``; it never calls MPI. One thread consumes. Others read ahead of it from
/// the files and decode: the next window of a windowed order, else the next few microbatches.
public final class BatchLoader {
  private let shared: LoaderState
  private let capacity: Int
  private var thread: BackgroundJob<Double>?

  /// Seconds that ``next()`` had to wait since the loader was made.
  public private(set) var waitSeconds = 0.0
  /// Processor seconds of the threads of series that ended.
  public private(set) var processorSeconds = 0.0

  /// A loader with room for `depth` prepared microbatches and one in use.
  ///
  /// - Parameters:
  ///   - split: where samples come from.
  ///   - capacity: N.
  ///   - depth: microbatches prepared ahead, at least 1; of small ones more are.
  ///   - readers: threads that bring from the files what later microbatches need.
  public init(_ split: Split, capacity: Int, depth: Int, readers: Int = 1) {
    precondition(depth > 0, "a loader prepares at least one microbatch ahead")
    self.capacity = capacity
    let bytes = split.fields.reduce(0) { $0 + capacity * $1.scalarsPerSample * 8 }
    let depth = max(depth, min(Self.mostSmall, Self.smallBytes / max(1, bytes)))
    let batches = (0...depth).map { _ in Microbatch(capacity: capacity, fields: split.fields) }
    shared = LoaderState(split, batches, readers: readers)
  }

  /// Small microbatches are prepared further ahead, so many that their bytes do not count: a step over them
  /// is shorter than what the system may let a thread wait for a core.
  private static var smallBytes: Int { 1 << 20 }
  private static var mostSmall: Int { 64 }

  deinit { stop() }

  /// Begins to prepare; an unfinished earlier series is given up.
  ///
  /// - Parameters:
  ///   - order: the order of samples; nil is that of the split.
  ///   - request: the k-th microbatch of the series, nil after the last; called once for each k from
  ///     0, on the loader's thread, as early as reading ahead wants to know.
  public func start(order: Sampler?, _ request: @escaping @Sendable (Int) -> BatchRequest?) {
    stop()
    shared.begin(order, request)
    thread = BackgroundJob("aimass-input") { [shared] in shared.run() }
  }

  /// The next microbatch, waiting until it is ready; nil after the last.
  ///
  /// - Returns: a microbatch to be given back by ``recycle(_:)``.
  /// - Throws: ``DatasetError`` where its samples could not be read; the series is over then.
  public func next() throws(DatasetError) -> Microbatch? {
    var waited = 0.0
    defer { waitSeconds += waited }
    return try shared.next(&waited)
  }

  /// Gives a microbatch back to be filled again.
  public func recycle(_ microbatch: Microbatch) {
    shared.recycle(microbatch)
  }

  /// Ends the thread and waits for it; microbatches that were ready are given up.
  public func stop() {
    guard thread != nil else { return }
    shared.cancel()
    // Its end waits for those who read ahead, too.
    processorSeconds += (try? thread?.wait()) ?? 0
    processorSeconds += thread?.processorSeconds ?? 0
    thread = nil
  }
}
