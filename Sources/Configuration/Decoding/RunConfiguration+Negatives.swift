// Rules between drawn negatives and the losses that compare with them.

extension RunConfiguration {
  /// Negatives are drawn exactly where every head compares with them, and a sample and its negative are in one
  /// microbatch.
  func checkNegatives(_ map: MapReader) {
    let problems = map.value.problems
    // A loss of an unknown name has a stand-in, which says nothing about negatives.
    guard !model.heads.contains(where: { problems.has(at: "heads.\($0.name).loss") }) else {
      return
    }
    let comparing = model.heads.count { $0.loss.comparesNegatives }
    guard data.sampling?.drawsNegatives == true else {
      guard comparing > 0 else { return }
      return fail(
        map, ["heads"], "the loss bpr needs data.sampling: {negatives: {user: …, item: …}}")
    }
    if comparing < model.heads.count || comparing == 0 || model.coupling != nil {
      fail(
        map, ["data", "sampling"],
        "negatives are no samples of their own; expected the loss bpr of every head and no coupling"
      )
    }
    if batch.global % 2 != 0 {
      fail(
        map, ["batch", "global"],
        "expected an even number, a negative for each sample, found \(batch.global)")
    }
    if let micro = batch.micro, micro % 2 != 0 {
      fail(
        map, ["batch", "micro"],
        "expected an even number, a negative for each sample, found \(micro)")
    }
    checkMeasured(map)
  }

  /// Nothing but lists is measured of such a run, so nothing can be decided by a measurement.
  private func checkMeasured(_ map: MapReader) {
    var keys: [[String]] = []
    if evaluate.earlyStop != nil { keys.append(["evaluate", "earlyStop"]) }
    if evaluate.best != nil { keys.append(["evaluate", "best"]) }
    if case .plateau = schedule.form { keys.append(["schedule"]) }
    for key in keys {
      fail(
        map, key,
        "nothing is measured while a run of the loss bpr trains; leave it out and use "
          + "`aimass evaluate RUN --metric recall@10`")
    }
  }

  private func fail(_ map: MapReader, _ path: [String], _ text: String) {
    map.value.descend(path)?.fail(text)
  }
}
