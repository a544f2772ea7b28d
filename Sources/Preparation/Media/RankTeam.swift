/// The ranks of a preparation, for work that is divided among them.
struct RankTeam {
  /// This process's number.
  let rank: Int
  /// The number of processes.
  let ranks: Int
  /// How they talk.
  let exchange: any PreparationExchange

  /// Makes `count` things, each on one rank, and brings them all to every rank.
  ///
  /// - Parameters:
  ///   - count: how many.
  ///   - make: makes one of them; it must not depend on the rank.
  /// - Returns: all of them, in order.
  /// - Throws: what `make` or the exchange throws.
  func share(_ count: Int, _ make: (Int) throws -> [UInt8]) throws -> [[UInt8]] {
    var mine: [UInt8] = []
    for index in stride(from: rank, to: count, by: ranks) {
      let bytes = try make(index)
      withUnsafeBytes(of: Int64(bytes.count).littleEndian) { mine.append(contentsOf: $0) }
      mine += bytes
    }
    let gathered = try exchange.gatherBytes(mine) ?? []
    let all = try exchange.broadcastBytes(Array(gathered.joined()))
    var things = [[UInt8]](repeating: [], count: count)
    var place = 0
    for rank in 0..<ranks {
      for index in stride(from: rank, to: count, by: ranks) {
        let length = all.withUnsafeBytes {
          Int(Int64(littleEndian: $0.loadUnaligned(fromByteOffset: place, as: Int64.self)))
        }
        things[index] = Array(all[place + 8..<place + 8 + length])
        place += 8 + length
      }
    }
    return things
  }
}
