import Configuration
import MPI
import Models

extension Trainer {
  /// Lets the student's heads learn from teachers, whose outputs are computed now or were kept; collective.
  ///
  /// What they say lies once on every node. Bits depend on the teachers and the data alone, not on ranks.
  ///
  /// - Throws: ``TrainingError`` for outputs that are not finite, `AgreedFailure` where memory is short, or what reading
  ///   throws.
  func learnFromTeachers() throws {
    guard let distillation else { return }
    clock.enter(.evaluation)
    defer { clock.enter(.other) }
    var targets = [SoftTargets?](repeating: nil, count: model.heads.count)
    for pair in distillation.heads {
      targets[pair.student] = try softTargets(pair, distillation)
    }
    model.learn(from: targets)
    model.learn(
      hints: try distillation.hints.map { hint in
        let teacher = distillation.teachers[hint.teacher]
        let wanted = Wanted(
          name: "layer '\(hint.source)'", key: teacher.key("layer \(hint.source)"),
          width: hint.width)
        let values = try outputs(of: teacher, wanted) { .layer(hint.place) }
        let (base, owner) = try shared(values, count: distillation.samples * hint.width)
        return HintTargets(values: base, keeping: owner)
      })
    self.distillation?.releaseTeachers()
  }

  /// What all teachers together say about a head.
  private func softTargets(
    _ pair: DistillationSetUp.Pair, _ setUp: DistillationSetUp
  ) throws -> SoftTargets {
    let settings = setUp.configuration
    var mixture = TeacherMixture(pair, settings, teachers: setUp.teachers.count)
    for teacher in setUp.teachers {
      let wanted = Wanted(
        name: "head '\(pair.teacher)'", key: teacher.key("head \(pair.teacher)"),
        width: pair.width)
      mixture.add(
        try outputs(of: teacher, wanted) {
          guard
            let head = teacher.trained.model.heads.firstIndex(where: { $0.name == pair.teacher })
          else { preconditionFailure("a head that was found before") }
          return .head(head)
        })
    }
    let (values, memory) = try shared(mixture.targets, count: setUp.samples * pair.width)
    return SoftTargets(
      temperature: settings.temperature, alpha: settings.alpha, values: values, keeping: memory)
  }

  /// Numbers of rank 0, once on every node; collective.
  private func shared(
    _ numbers: [Float], count: Int
  ) throws -> (values: UnsafePointer<Float>, owner: AnyObject) {
    let node = exchange.node
    let memory = try node.share(
      byteCount: count * MemoryLayout<Float>.stride, name: "aimass-teacher",
      claiming: 0..<(node.seat.localRank == 0 ? count * MemoryLayout<Float>.stride : 0))
    let values = memory.base.assumingMemoryBound(to: Float.self)
    if world.rank == 0 { values.update(from: numbers, count: count) }
    // The first node's first rank is rank 0.
    if let leaders = node.leaders {
      try leaders.broadcast(UnsafeMutableBufferPointer(start: values, count: count), root: 0)
    }
    try node.local.barrier()
    return (UnsafePointer(values), memory)
  }

  /// Outputs that are wanted of a teacher.
  private struct Wanted {
    /// What they are of, for a person.
    let name: String
    /// What decides them.
    let key: String
    /// Numbers of a sample.
    let width: Int
  }

  /// A teacher's outputs for all samples, kept or computed: on rank 0, nothing elsewhere.
  private func outputs(
    of teacher: Teacher, _ wanted: Wanted, asking question: () -> Teacher.Question
  ) throws -> [Float] {
    let samples = training.count
    let cache = teacherCache
    var found: [Float]?
    var reason = ""
    if world.rank == 0, let cache {
      let all = distillation?.keys ?? []
      switch cache.read(wanted.key, samples: samples, width: wanted.width, among: all) {
      case .found(let values): found = values
      case .absent(let others):
        reason = others == 0 ? "" : "; what \(cache.folder) holds is of other teachers or data"
      case .unusable(let problem): reason = "; \(problem)"
      }
    }
    let title = "teacher \(teacher.name) (step \(teacher.trained.step)), \(wanted.name)"
    let isFound = try world.broadcast(Int64(found == nil ? 0 : 1), root: 0) == 1
    if isFound {
      observer?.noted("\(title): outputs for \(samples) samples read from \(cache?.folder ?? "")")
      return found ?? []
    }
    observer?.noted("\(title): computing outputs for \(samples) samples\(reason)")
    let values = try teacher.outputs(of: question(), world, clock)
    if world.rank == 0, let cache, !options.dryRun {
      do {
        try cache.write(values, wanted.key, width: wanted.width, teacher: teacher.name)
      } catch {
        observer?.noted("outputs of teachers cannot be kept, and will be computed again: \(error)")
      }
    }
    return values
  }

  /// Where outputs of teachers are kept; nil for a dry run, which keeps nothing, where no folder is named.
  private var teacherCache: TeacherCache? {
    if let named = configuration.distillation?.cache {
      return TeacherCache(folder: options.resolve(named))
    }
    return options.dryRun ? nil : TeacherCache(folder: folder.teachers)
  }

  /// What a summary says of teachers; nil where there are none.
  var distillationSummary: RunSummary.Distillation? {
    guard let distillation else { return nil }
    let settings = distillation.configuration
    return RunSummary.Distillation(
      temperature: settings.temperature, alpha: settings.alpha,
      teachers: zip(settings.teachers, distillation.digests).map {
        RunSummary.Distillation.Teacher(run: $0, digest: $1)
      })
  }
}
