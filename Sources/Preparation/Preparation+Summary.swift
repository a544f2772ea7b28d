import Configuration

extension Preparation {
  /// Puts together what a caller shows.
  func summary(
    _ outcome: PreparationSummary.Outcome, _ output: String, _ digest: String,
    _ sources: [PreparationSummary.Source], _ fields: PreparedFields?,
    _ descriptions: [FieldDescription]
  ) -> PreparationSummary {
    PreparationSummary(
      outcome: outcome, output: output, digest: digest,
      splits: fields?.splits.map { .init(name: $0.name, samples: $0.rows.count) } ?? [],
      fields: descriptions.map {
        .init(
          name: $0.name, modality: $0.modality, element: $0.element.rawValue,
          sampleShape: $0.sampleShape, isRagged: $0.isRagged, mean: $0.mean ?? [], std: $0.std ?? []
        )
      },
      labels: fields.map(labelCounts) ?? [], sources: sources, badFiles: fields?.badFiles ?? [],
      notes: fields?.notes ?? [],
      isSynthetic: recipe.isSynthetic)
  }

  private func labelCounts(_ fields: PreparedFields) -> [PreparationSummary.LabelCounts] {
    fields.makers.compactMap { $0 as? LabelMaker }.flatMap { maker in
      fields.splits.map { split in
        let classes = maker.description.classes ?? []
        var counts = [Int](repeating: 0, count: classes.count)
        for row in split.rows {
          for number in maker.classes(origin: split.origin, row: row) { counts[Int(number)] += 1 }
        }
        return .init(
          field: maker.description.name, split: split.name, classes: classes, counts: counts)
      }
    }
  }
}

extension RecipeConfiguration {
  /// Whether any source is drawn rather than read.
  var isSynthetic: Bool {
    sources.contains {
      switch $0.kind {
      case .glyphs, .noise: true
      default: false
      }
    }
  }
}
