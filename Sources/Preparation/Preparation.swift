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
    let team = RankTeam(rank: rank, ranks: ranks, exchange: exchange)
    let sources = try digestSources(team)
    let identity = RecipeIdentity.digest(recipe, sources)
    let standing = try standingDigest(output, identity, exchange)
    guard standing.isEmpty else {
      return summary(.unchanged, output, standing, sources, nil, [])
    }
    let fields = try PreparedFields(recipe, root: root, team: team, progress: progress)
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
        let steps = plan.rows.map { maker.steps(origin: plan.origin, row: $0) }.max() ?? 1
        let slab = max(1, slabBytes / max(1, maker.description.sampleBytes * steps))
        var done = 0
        while done < plan.rows.count {
          let start = min(plan.rows.count, done + rank * slab)
          let end = min(plan.rows.count, start + slab)
          let bytes = try make(maker, plan, start..<end)
          for part in try exchange.gatherBytes(bytes) ?? [] { try append(part, split, field) }
          done = min(plan.rows.count, done + ranks * slab)
          progress(
            .writing(
              split: plan.name, field: maker.description.name, samples: done, of: plan.rows.count))
        }
      }
    }
  }

  private func make(
    _ maker: any FieldMaker, _ plan: PlannedSplit, _ range: Range<Int>
  ) throws -> [UInt8] {
    let sizes = plan.rows[range].map {
      maker.steps(origin: plan.origin, row: $0) * maker.description.sampleBytes
    }
    var bytes = [UInt8](repeating: 0, count: sizes.reduce(0, +))
    try bytes.withUnsafeMutableBytes { buffer in
      guard var place = buffer.baseAddress else { return }
      for (row, size) in zip(plan.rows[range], sizes) {
        try maker.make(origin: plan.origin, row: row, into: place)
        place += size
      }
    }
    return bytes
  }

  private func digestSources(_ team: RankTeam) throws -> [PreparationSummary.Source] {
    try recipe.sources.flatMap { source in
      var sources = try source.kind.paths.map {
        PreparationSummary.Source(path: $0, digest: try RawFile.digest($0, root: root))
      }
      if case .files(let files) = source.kind, let place = files.looseFiles {
        let listing = try MediaListing(source.name, files, root: root)
        sources.append(.init(path: place, digest: try listing.digest(team)))
      }
      return sources
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
