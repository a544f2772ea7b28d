/// Where the time of one step went on one rank, in nanoseconds.
public struct StepTimes: Sendable, Equatable {
  /// When the step began, on this rank's monotonic clock.
  public var start: Int
  /// When it was over.
  public var finish: Int
  /// Waiting for its own input thread.
  public var input: Int
  /// Forward and backward passes.
  public var compute: Int
  /// Reducing, sending and publishing, waiting for others included.
  public var exchange: Int
  /// Norms and the update of owned parameters.
  public var update: Int

  /// Times from their parts.
  public init(start: Int, finish: Int, input: Int, compute: Int, exchange: Int, update: Int) {
    self.start = start
    self.finish = finish
    self.input = input
    self.compute = compute
    self.exchange = exchange
    self.update = update
  }

  /// When its gradients would have been done, had it waited for nobody.
  var ready: Int { start + input + compute }

  /// Numbers that stand for one step in a message.
  static let width = 6

  /// Appends the times as numbers, ``width`` of them, starts moved by `offset`.
  func append(to numbers: inout [Int64], offset: Int) {
    numbers.append(Int64(start + offset))
    numbers.append(Int64(finish + offset))
    numbers.append(Int64(input))
    numbers.append(Int64(compute))
    numbers.append(Int64(exchange))
    numbers.append(Int64(update))
  }

  /// The times from their numbers.
  init(numbers: ArraySlice<Int64>) {
    let all = numbers.map { Int($0) }
    self.init(
      start: all[0], finish: all[1], input: all[2], compute: all[3], exchange: all[4],
      update: all[5])
  }
}
