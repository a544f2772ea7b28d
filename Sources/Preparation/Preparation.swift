import Configuration
import Datasets

/// Turns raw files into one sample file.
///
/// The ranks of a preparation read all sources, make the samples in contiguous slabs, and rank 0
/// writes them in order; the bytes of the file do not depend on the number of ranks. Under one
/// process pass rank 0 of 1 and a ``SoloExchange``. Nothing stands under the output's name unless
/// everything succeeded; an existing sample file stays until then.
///
/// A rank that throws leaves the others waiting in the exchange: the caller must end them.
public struct Preparation {
  let recipe: RecipeConfiguration
  private let root: String
  private let rank: Int
  private let ranks: Int
  /// Bytes that a rank makes between two gatherings; tests make them few.
  package var slabBytes = 8 << 20

  /// A preparation to be run.
  ///
  /// - Parameters:
  ///   - recipe: what to make of what.
  ///   - root: the folder that paths of the recipe are relative to.
  ///   - rank: this process's number, `0 ..< ranks`.
  ///   - ranks: the number of processes that run the same preparation.
  public init(_ recipe: RecipeConfiguration, root: String, rank: Int = 0, ranks: Int = 1) {
    precondition(ranks > 0 && (0..<ranks).contains(rank), "rank \(rank) of \(ranks)")
    self.recipe = recipe
    self.root = root
    self.rank = rank
    self.ranks = ranks
  }

  /// Makes the sample file, unless the one that stands there has the same recipe and sources.
  ///
  /// - Parameters:
  ///   - output: the sample file.
  ///   - exchange: how the ranks talk.
  ///   - progress: hears what is being done.
  /// - Returns: what was done.
  /// - Throws: ``PreparationError``, `DatasetError` of the writer, or what the exchange throws.
  public func run(
    output: String, exchange: any PreparationExchange = SoloExchange(),
    progress: (PreparationProgress) -> Void = { _ in }
  ) throws -> PreparationSummary {
    try RecipeCheck.run(recipe)
    let crew = Crew(exchange: exchange, rank: rank, ranks: ranks)
    let sources = try digestSources(crew)
    let identity = RecipeIdentity.digest(recipe, sources)
    let standing = try standingDigest(output, identity, exchange)
    guard standing.isEmpty else {
      return summary(.unchanged, output, standing, sources, nil, [])
    }
    let fields = try PreparedFields(recipe, root: root, crew: crew, progress: progress)
    var descriptions = fields.makers.map(\.description)
    var digest = ""
    if rank == 0 {
      let writer = try SampleFileWriter(path: output)
      let sink = try SampleSink(writer, fields)
      try makeAll(fields, exchange, progress) { try sink.append($0, split: $1, field: $2) }
      descriptions = try sink.describe(recipe, identity, sources)
      digest = try writer.finish()
    } else {
      try makeAll(fields, exchange, progress) { _, _, _ in }
    }
    // No rank reports success before the file has its name.
    _ = try exchange.broadcastBytes([1])
    return summary(.written, output, digest, sources, fields, descriptions)
  }

  /// Makes all samples in slabs, and hands them on in the order of the samples.
  private func makeAll(
    _ fields: PreparedFields, _ exchange: any PreparationExchange,
    _ progress: (PreparationProgress) -> Void,
    _ append: (_ bytes: [UInt8], _ split: Int, _ field: Int) throws -> Void
  ) throws {
    for (split, plan) in fields.splits.enumerated() {
      for (field, maker) in fields.makers.enumerated() {
        let slabs = slabs(fields, field, plan)
        for first in stride(from: 0, to: slabs.count, by: ranks) {
          let own = first + rank < slabs.count ? slabs[first + rank] : 0..<0
          let bytes = try make(fields, field, plan, own)
          for part in try exchange.gatherBytes(bytes) ?? [] { try append(part, split, field) }
          progress(
            .writing(
              split: plan.name, field: maker.description.name,
              samples: slabs[min(slabs.count, first + ranks) - 1].upperBound, of: plan.rows.count))
        }
      }
    }
  }

  /// Contiguous samples of at most `slabBytes`, or one; the same on every rank.
  private func slabs(
    _ fields: PreparedFields, _ field: Int, _ plan: PlannedSplit
  ) -> [Range<Int>] {
    var slabs: [Range<Int>] = []
    var (start, size) = (0, 0)
    for (place, row) in plan.rows.enumerated() {
      let bytes = fields.bytes(field, plan.origin, row)
      if place > start, size + bytes > slabBytes {
        slabs.append(start..<place)
        (start, size) = (place, 0)
      }
      size += bytes
    }
    slabs.append(start..<plan.rows.count)
    return slabs
  }

  private func make(
    _ fields: PreparedFields, _ field: Int, _ plan: PlannedSplit, _ range: Range<Int>
  ) throws -> [UInt8] {
    let rows = plan.rows[range]
    let total = rows.reduce(0) { $0 + fields.bytes(field, plan.origin, $1) }
    var bytes = [UInt8](repeating: 0, count: total)
    try bytes.withUnsafeMutableBytes { buffer in
      guard var place = buffer.baseAddress else { return }
      for row in rows {
        if fields.isPresent(field, plan.origin, row) {
          try fields.makers[field].make(origin: plan.origin, row: row, into: place)
        }
        place += fields.bytes(field, plan.origin, row)
      }
    }
    return bytes
  }

  /// The digests of all sources, the same on all ranks.
  ///
  /// Every rank reads whole tables and archives itself, so each compares all of them. Of loose files each reads a
  /// share: names are compared here, contents when they are decoded (``MediaSource``).
  private func digestSources(_ crew: Crew) throws -> [PreparationSummary.Source] {
    var listings: [String: MediaListing] = [:]
    var sources: [PreparationSummary.Source] = []
    for source in recipe.sources {
      for path in source.kind.paths {
        sources.append(.init(path: path, digest: try RawFile.digest(path, root: root)))
      }
      if case .files(let files) = source.kind, let place = files.looseFiles {
        let listing = try MediaListing(source.name, files, root: root)
        listings[place] = listing
        sources.append(.init(path: place, digest: listing.namesDigest))
      }
    }
    try crew.requireSame(sources)
    return try sources.map { source in
      guard let listing = listings[source.path] else { return source }
      return .init(path: source.path, digest: try listing.digest(crew))
    }
  }

  /// The digest of the standing file if it is current, else empty; decided by rank 0.
  private func standingDigest(
    _ output: String, _ identity: String, _ exchange: any PreparationExchange
  ) throws -> String {
    var answer: [UInt8] = []
    if rank == 0 {
      let paths = recipe.sources.flatMap(\.kind.paths).map { RawFile.path($0, root: root) }
      let state = try OutputFile.state(output, identity: identity, sources: paths)
      if case .current(let digest) = state { answer = Array(digest.utf8) }
    }
    return String(decoding: try exchange.broadcastBytes(answer), as: UTF8.self)
  }
}
