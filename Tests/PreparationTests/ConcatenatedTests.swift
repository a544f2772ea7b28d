import Configuration
import Foundation
import HDF5
import Preparation
import TestSupport
import Testing

/// Sounds made of several clips.
struct ConcatenatedTests {
  /// Clip k of speaker s holds 2 + k amplitudes 100 s + k + 1, so each tells what it is.
  private func bench() throws -> Workbench {
    let bench = try Workbench()
    for (number, speaker) in ["ann", "bob"].enumerated() {
      for clip in 0..<4 {
        let level = Int16(100 * (number + 1) + clip)
        try bench.write(
          "s/\(clip)_\(speaker).wav",
          wav(raw([Int16](repeating: level, count: 2 + clip)), rate: 1000))
      }
    }
    return bench
  }

  private static let clips = files(.sounds, .folder("s"), pattern: "{label}_{speaker}.wav")

  private func strings(
    _ change: (inout ConcatenatedSource) -> Void = { _ in }, more: [RecipeSplit] = [],
    modality: RecipeField.Modality = .label(.init()), part: String = "strings"
  ) -> RecipeConfiguration {
    var source = ConcatenatedSource(
      source: "clips", same: ["speaker"], clips: 2...4, silenceMilliseconds: 1...3, samples: 40,
      seed: 9)
    change(&source)
    return recipe(
      [("clips", Self.clips), ("strings", .concatenated(source))],
      train: [("sound", "strings"), ("digits", part), ("row", "strings")], more: more,
      fields: [
        ("sound", .sound(.init(scale: .int16))), ("digits", modality), ("row", .row),
      ])
  }

  /// The numbers of each sample of a field of unequal lengths.
  private func samples<Scalar: HDF5Scalar & Numeric>(
    _ bench: Workbench, _ field: String, of type: Scalar.Type = Scalar.self
  ) throws -> [[Scalar]] {
    let values: [Scalar] = try bench.dataset("train/\(field)/values").readAll()
    let ends = try bench.labels("train/\(field)/offsets").map(Int.init)
    return zip(ends, ends.dropFirst()).map { Array(values[$0..<$1]) }
  }

  @Test func soundsLabelsAndRowsBelongTogether() throws {
    let bench = try bench()
    try bench.prepare(strings())
    let sounds = try samples(bench, "sound", of: Int16.self)
    let digits = try samples(bench, "digits", of: Int64.self)
    let rows = try samples(bench, "row", of: Int64.self)
    #expect(sounds.count == 40 && Set(digits.map(\.count)) == [2, 3, 4])
    var silences: Set<Int> = []
    for (sound, (digits, rows)) in zip(sounds, zip(digits, rows)) {
      // Runs of equal amplitudes: clip, silence, clip, …
      var runs: [(level: Int16, count: Int)] = []
      for level in sound {
        if runs.last?.level == level {
          runs[runs.count - 1].count += 1
        } else {
          runs.append((level, 1))
        }
      }
      let clips = runs.filter { $0.level != 0 }
      #expect(clips.map { Int64($0.level % 100) } == digits)
      #expect(clips.allSatisfy { $0.count == 2 + Int($0.level % 100) })
      #expect(Set(clips.map { $0.level / 100 }).count == 1)
      // Files are in the order of their names: 0_ann, 0_bob, 1_ann, …
      #expect(rows == clips.map { 2 * Int64($0.level % 100) + Int64($0.level / 100) - 1 })
      silences.formUnion(runs.filter { $0.level == 0 }.map(\.count))
    }
    #expect(silences == [1, 2, 3])
    #expect(Set(digits.flatMap { $0 }) == [0, 1, 2, 3])
  }

  @Test func equalClipsMayTouch() throws {
    let bench = try bench()
    try bench.prepare(strings { ($0.silenceMilliseconds, $0.same) = (0...0, []) })
    let sounds = try samples(bench, "sound", of: Int16.self)
    #expect(!sounds.contains { $0.contains(0) })
    // Without `same` speakers mix.
    #expect(sounds.contains { Set($0.map { $0 / 100 }).count == 2 })
  }

  @Test func partsThatAgreeBelongToTheSampleAndTextsAreJoined() throws {
    let bench = try bench()
    try bench.prepare(strings(part: "strings.speaker"))
    let speakers = try bench.labels("train/digits")
    let sounds = try samples(bench, "sound", of: Int16.self)
    #expect(speakers == sounds.map { Int64($0[0] / 100 - 1) })
    try bench.prepare(
      strings(
        modality: .text(.init(tokens: .words(.init(split: .blanks)))), part: "strings.label"))
    let words = try samples(bench, "digits", of: Int64.self)
    let rows = try samples(bench, "row", of: Int64.self)
    #expect(words.map(\.count) == rows.map(\.count))
    let labels = try bench.dataset("vocabularies/digits/bytes").readAll(as: UInt8.self)
    #expect(String(decoding: labels.prefix(5), as: UTF8.self) == "<unk>" && labels.count == 9)
  }

  @Test func oneLengthAndConditions() throws {
    let bench = try bench()
    var recipe = strings {
      $0.conditions = [
        .init(source: "clips", part: "label", accepted: .range(2...3))
      ]
    }
    recipe.fields[0].modality = .sound(.init(length: .frames(7), scale: .int16))
    try bench.prepare(recipe)
    #expect(try bench.dataset("train/sound").shape == [40, 7])
    #expect(Set(try samples(bench, "digits", of: Int64.self).flatMap { $0 }) == [0, 1])
    #expect(
      try bench.dataset("train/digits/values").shape[0] > 80)
  }

  @Test func theDrawDependsOnSeedAndName() throws {
    let bench = try bench()
    try bench.prepare(strings())
    let first = try bench.labels("train/row/values")
    try bench.prepare(strings { $0.samples = 20 })
    let fewer = try bench.labels("train/row/values")
    #expect(first.starts(with: fewer))
    try bench.prepare(strings { $0.seed = 10 })
    #expect(try bench.labels("train/row/values") != first)
  }

  @Test("The file is the same on 1 to 3 ranks, badly read clips or not")
  func ranks() throws {
    let bench = try bench()
    try bench.write("s/4_ann.wav", "no sound")
    let recipe = strings(more: [
      .init(name: "test", origin: .fraction(from: "train", fraction: 0.3, seed: 1))
    ])
    var digests: Set<String> = []
    for ranks in 1...3 {
      let summaries = try onRanks(ranks) { rank, exchange in
        var part = Preparation(recipe, root: bench.folder, rank: rank, ranks: ranks)
        part.slabBytes = 50
        return try part.run(output: bench.folder + "/\(ranks).h5", exchange: exchange)
      }
      digests.insert(summaries[0].digest)
      #expect(summaries[0].badFiles.count == 1)
      #expect(
        summaries[0].notes.contains(
          "strings: 40 samples of 8 clips of 'clips' in 2 groups"))
      let clips = summaries[0].labels.reduce(0) { $0 + $1.counts.reduce(0, +) }
      let samples = summaries[0].splits.reduce(0) { $0 + $1.samples }
      #expect(samples == 40 && clips > 80 && clips < 160)
    }
    #expect(digests.count == 1)
  }

  @Test func whatDoesNotFitIsSaid() throws {
    let bench = try bench()
    func message(_ recipe: RecipeConfiguration) throws -> String {
      try bench.failure(recipe, code: .badRecipe)
    }
    #expect(
      try message(
        strings {
          $0.conditions = [.init(source: "clips", part: "label", accepted: .texts(["9"]))]
        }) == "source 'strings': no clip of 'clips' meets 'where'")
    #expect(try message(strings { $0.same = ["take"] }).contains("there is no column 'take'"))
    #expect(
      try message(strings(modality: .table(.init()), part: "strings.label")).contains(
        "becomes 'modality: label'"))
    #expect(
      try message(strings(part: "strings.take")).contains(
        "the source 'strings' has no part 'take'; its parts are label, speaker, path"))
    #expect(
      try message(
        strings(more: [
          .init(
            name: "test",
            origin: .sources([
              .init(field: "sound", source: "clips"), .init(field: "digits", source: "clips"),
              .init(field: "row", source: "clips", part: "label"),
            ]))
        ])
      ).contains("concatenated clips in some splits and not in others"))
    #expect(try message(strings { $0.source = "others" }).contains("there is no source 'others'"))
  }

  @Test(
    .enabled(
      if: Python.has("h5py", "numpy", "soundfile") && DataFolder.has("fsdd"),
      "python3 with h5py and soundfile, or the data, is missing"))
  func stringsOfDigitsAreThoseOfAnotherProgram() throws {
    let bench = try Workbench()
    var recipe = try shipped("fsdd-strings")
    for index in recipe.sources.indices {
      if case .concatenated(var source) = recipe.sources[index].kind {
        source.samples = min(source.samples, 300)
        recipe.sources[index].kind = .concatenated(source)
      }
    }
    _ = try Preparation(recipe, root: DataFolder.path ?? "").run(output: bench.output)
    let archive = try #require(DataFolder.file("fsdd/fsdd-recordings.tar.gz"))
    let script = URL(fileURLWithPath: #filePath).deletingLastPathComponent()
      .deletingLastPathComponent().appending(path: "Oracles/prepared.py")
    let said = try Python.run(
      String(contentsOf: script, encoding: .utf8),
      [
        "strings", bench.output, archive, "train=trainStrings:1:10-49",
        "validation=validationStrings:1:5-9", "test=testStrings:1:0-4",
      ])
    #expect(said.hasPrefix("equal: train"))
  }
}
