import Buffers

/// Scores of all pairs of users and items as a product: `score(u, i) = offset + x_u · y_i`.
///
/// Biases are coordinates: `(p, b, 1) · (q, 1, c) = p · q + b + c`.
public final class FactorPair: @unchecked Sendable {
  /// `[U, D]`.
  public let users: UnsafeMutablePointer<Float>
  /// `[I, D]`.
  public let items: UnsafeMutablePointer<Float>
  /// U.
  public let userCount: Int
  /// I.
  public let itemCount: Int
  /// D.
  public let width: Int
  /// What is added to each product.
  public let offset: Float

  private let memory: HostBuffer<Float>

  /// Zeroed vectors, to be filled before they are used; afterwards they are only read.
  ///
  /// - Parameters:
  ///   - users: U.
  ///   - items: I.
  ///   - width: D, at least 1.
  ///   - offset: what is added to each product.
  public init(users: Int, items: Int, width: Int, offset: Float) {
    memory = HostBuffer(count: (users + items) * width)
    (userCount, itemCount, self.width, self.offset) = (users, items, width, offset)
    self.users = memory.base
    self.items = memory.base + users * width
  }

  /// The score of one pair, summed in Float64.
  ///
  /// - Parameters:
  ///   - user: a user; one outside `0 ..< U` is unknown and has a vector of zeros.
  ///   - item: an item, likewise.
  /// - Returns: the score.
  public func score(_ user: Int, _ item: Int) -> Float {
    guard (0..<userCount).contains(user), (0..<itemCount).contains(item) else { return offset }
    let (x, y) = (users + user * width, items + item * width)
    var sum = Double(offset)
    for index in 0..<width { sum += Double(x[index]) * Double(y[index]) }
    return Float(sum)
  }
}
