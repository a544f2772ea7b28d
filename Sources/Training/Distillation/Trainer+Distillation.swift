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
    self.distillation?.releaseTeachers()
  }

  /// What all teachers together say about a head.
  private func softTargets(
    _ pair: DistillationSetUp.Pair, _ setUp: DistillationSetUp
  ) throws -> SoftTargets {
    let settings = setUp.configuration
    var mixture = TeacherMixture(pair, settings, teachers: setUp.teachers.count)
    for teacher in setUp.teachers { mixture.add(try outputs(of: teacher, pair)) }
    let count = setUp.samples * pair.width
    let node = exchange.node
    let memory = try node.share(
      byteCount: count * MemoryLayout<Float>.stride, name: "aimass-teacher",
      claiming: 0..<(node.seat.localRank == 0 ? count * MemoryLayout<Float>.stride : 0))
    let values = memory.base.assumingMemoryBound(to: Float.self)
    if world.rank == 0 { values.update(from: mixture.targets, count: count) }
    // The first node's first rank is rank 0.
    if let leaders = node.leaders {
      try leaders.broadcast(UnsafeMutableBufferPointer(start: values, count: count), root: 0)
    }
    try node.local.barrier()
    return SoftTargets(
      temperature: settings.temperature, alpha: settings.alpha, values: values, keeping: memory)
  }

  /// A teacher's outputs for all samples, kept or computed: on rank 0, nothing elsewhere.
  private func outputs(of teacher: Teacher, _ pair: DistillationSetUp.Pair) throws -> [Float] {
    let samples = training.count
    let key = teacher.key(head: pair.teacher)
    let cache = teacherCache
    var found: [Float]?
    var reason = ""
    if world.rank == 0, let cache {
      let wanted = distillation?.keys ?? []
      switch cache.read(key, samples: samples, width: pair.width, among: wanted) {
      case .found(let values): found = values
      case .absent(let others):
        reason = others == 0 ? "" : "; what \(cache.folder) holds is of other teachers or data"
      case .unusable(let problem): reason = "; \(problem)"
      }
    }
    let title = "teacher \(teacher.name) (step \(teacher.trained.step)), head '\(pair.teacher)'"
    let isFound = try world.broadcast(Int64(found == nil ? 0 : 1), root: 0) == 1
    if isFound {
      observer?.noted("\(title): outputs for \(samples) samples read from \(cache?.folder ?? "")")
      return found ?? []
    }
    observer?.noted("\(title): computing outputs for \(samples) samples\(reason)")
    guard let head = teacher.trained.model.heads.firstIndex(where: { $0.name == pair.teacher })
    else { preconditionFailure("a head that was found before") }
    let values = try teacher.outputs(ofHead: head, world, clock)
    if world.rank == 0, let cache, !options.dryRun {
      do {
        try cache.write(values, key, width: pair.width, teacher: teacher.name)
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
