import Buffers

/// Scores of all pairs of users and items as a product: `score(u, i) = offset + x_u · y_i`.
///
/// Biases are coordinates: `(p, b, 1) · (q, 1, c) = p · q + b + c`. One more vector on each side, behind the
/// others, stands for whoever is unknown: with `(0, 0, 1)` only the known side's bias counts.
public final class FactorPair: @unchecked Sendable {
  /// `[U + 1, D]`, the last for unknown users.
  public let users: UnsafeMutablePointer<Float>
  /// `[I + 1, D]`, the last for unknown items.
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
    memory = HostBuffer(count: (users + items + 2) * width)
    (userCount, itemCount, self.width, self.offset) = (users, items, width, offset)
    self.users = memory.base
    self.items = memory.base + (users + 1) * width
  }

  /// The vector of a user, or of an unknown one for a number outside `0 ..< U`.
  public func user(_ number: Int) -> UnsafeMutablePointer<Float> {
    users + ((0..<userCount).contains(number) ? number : userCount) * width
  }

  /// The vector of an item, or of an unknown one for a number outside `0 ..< I`.
  public func item(_ number: Int) -> UnsafeMutablePointer<Float> {
    items + ((0..<itemCount).contains(number) ? number : itemCount) * width
  }

  /// The score of one pair, summed in Float64.
  public func score(_ user: Int, _ item: Int) -> Float {
    let (x, y) = (self.user(user), self.item(item))
    var sum = Double(offset)
    for index in 0..<width { sum += Double(x[index]) * Double(y[index]) }
    return Float(sum)
  }
}
