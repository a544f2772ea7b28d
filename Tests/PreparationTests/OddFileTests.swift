import Configuration
import Foundation
import Preparation
import TestSupport
import Testing

/// Names that are no text, links, files without their ends, and files that other ranks do not have.
struct OddFileTests {
  private func pictures(_ place: FileCollection.Place) -> RecipeConfiguration {
    recipe(
      [("f", files(.images, place))], train: [("image", "f"), ("label", "f")],
      fields: [("image", .image(.init())), ("label", .label(.init()))])
  }

  @Test(.enabled(if: Python.has("numpy"), "python3 is not installed"))
  func membersWithLinksAndNamesThatAreNoText() throws {
    let bench = try Workbench()
    try bench.write("p.png", grey(2, 2, 9))
    _ = try Python.run(
      """
      import os, sys, tarfile
      os.chdir(sys.argv[1])
      with tarfile.open('t.tar', 'w', format=tarfile.GNU_FORMAT, encoding='latin1') as t:
          for name in ['./a/1.png', 'é/2.png', 'è/2.png']: t.add('p.png', name)
          for name, kind, target in [('b/1.png', tarfile.LNKTYPE, './a/1.png'), ('b/2.png', tarfile.LNKTYPE, 'x.txt'),
                                     ('b/3.png', tarfile.SYMTYPE, '1.png')]:
              info = tarfile.TarInfo(name)
              info.type, info.linkname = kind, target
              t.addfile(info)
      """, [bench.folder])
    let summary = try bench.prepare(pictures(.archive("t.tar")))
    #expect(summary.labels.map(\.counts) == [[1, 1]])
    #expect(try bench.bytes("train/image") == [UInt8](repeating: 9, count: 8))
    #expect(
      summary.badFiles.map { [$0.path, $0.reason] } == [
        ["\\xe8/2.png", "its name is not UTF-8"], ["\\xe9/2.png", "its name is not UTF-8"],
        ["b/2.png", "it is a link to x.txt, which is not among the files that are read"],
        ["b/3.png", "it is a link; pack the file itself"],
      ])
  }

  @Test(.enabled(if: Python.has("numpy"), "python3 is not installed"))
  func archivesWithoutTheirEnds() throws {
    let bench = try Workbench()
    let whole = tar((0..<3).map { ("x/\($0).png", grey(2, 2, UInt8($0))) })
    // Cut between two members, where nothing is wrong with what is left.
    try bench.write("cut.tar", Array(whole.prefix(2048)))
    try bench.write("p.png", grey(2, 2, 9))
    _ = try Python.run(
      """
      import os, sys, zipfile
      os.chdir(sys.argv[1])
      with zipfile.ZipFile('z.zip', 'w') as z:
          for n in range(3): z.write('p.png', f'x/{n}.png')
      """, [bench.folder])
    try bench.write("cut.zip", Array(bench.read("z.zip").dropLast(30)))
    try bench.prepare(pictures(.archive("z.zip")))
    try FileManager.default.removeItem(atPath: bench.output)
    for name in ["cut.tar", "cut.zip"] {
      let message = try bench.failure(pictures(.archive(name)))
      #expect(message.hasPrefix("\(name): the archive is cut off after"), "\(message)")
    }
  }

  @Test func foldersWithNamesThatAreNoText() throws {
    let bench = try Workbench()
    try bench.write("f/a/1.png", grey(2, 2, 9))
    let name: [CChar] =
      Array((bench.folder + "/f/a/").utf8CString.dropLast()) + [-2, 46, 112, 110, 103, 0]
    let handle = fopen(name, "w")
    #expect(handle != nil)
    if let handle { fclose(handle) }
    let summary = try bench.prepare(pictures(.folder("f")))
    #expect(
      summary.badFiles.map { [$0.path, $0.reason] } == [["a/\\xfe.png", "its name is not UTF-8"]])
    try FileManager.default.removeItem(atPath: bench.output)
    #expect(mkdir(Array((bench.folder + "/f/").utf8CString.dropLast()) + [-2, 0], 0o700) == 0)
    let message = try bench.failure(pictures(.folder("f")))
    #expect(message.hasSuffix("/f/\\xfe: its name is not UTF-8; rename it"), "\(message)")
  }

  @Test func aLongWAVFileThatIsCutOff() throws {
    let data = raw((0..<100).map { Int16($0) })
    // RF64: the lengths of file, data and samples stand in a chunk of their own.
    let sizes = raw([UInt64(300), UInt64(data.count), UInt64(100)]) + raw([UInt32(0)])
    var file = Array("RF64".utf8) + raw([UInt32.max]) + Array("WAVEds64".utf8) + raw([UInt32(28)])
    file += sizes + wav(data, promised: .max).dropFirst(12)
    let bench = try Workbench()
    try bench.write("f/whole.wav", file)
    try bench.write("f/cut.wav", file.dropLast(50))
    let summary = try bench.prepare(
      recipe(
        [("f", files(.sounds, .folder("f")))], train: [("x", "f")], fields: [("x", .sound(.init()))]
      ))
    #expect(
      summary.badFiles.map(\.reason) == ["it is cut off: its header says 200 bytes, found 150"])
    #expect(try bench.dataset("train/x/values").shape == [100])
  }

  /// Numbers and sounds are paired by digit; one of the two sounds of each digit is damaged.
  @Test func pairsAreDrawnAmongFilesThatCanBeUsed() throws {
    let bench = try Workbench()
    try bench.write("a.csv", "x,digit\n" + (0..<20).map { "\($0),\($0 % 2)\n" }.joined())
    for digit in 0..<2 {
      try bench.write("f/\(digit)/good.wav", wav(raw([Int16(digit), 7])))
      try bench.write("f/\(digit)/bad.wav", "no sound")
    }
    var trial = recipe(
      [("a", .csv(paths: ["a.csv"], options: .init())), ("f", files(.sounds, .folder("f")))],
      train: [("x", "a.x"), ("sound", "f"), ("clip", "f")],
      fields: [
        ("x", .value(shape: nil, normalize: false)), ("sound", .sound(.init(scale: .int16))),
        ("clip", .row),
      ])
    trial.splits[0].joins = [
      RecipeJoin(
        source: "f", on: .init(field: "on", reference: "a.digit"),
        to: .init(field: "to", reference: "f.label"), seed: 1)
    ]
    let summary = try bench.prepare(trial)
    #expect(summary.splits.map(\.samples) == [20])
    // In the order of their paths the good files are numbers 1 and 3.
    #expect(try bench.labels("train/clip") == (0..<20).map { $0 % 2 == 0 ? 1 : 3 })
    let sounds: [Int16] = try bench.dataset("train/sound/values").readAll()
    #expect(sounds == (0..<20).flatMap { [Int16($0 % 2), 7] })
  }

  @Test func emptyFoldersOfClassesCount() throws {
    let bench = try Workbench()
    try bench.write("f/a/1.png", grey(2, 2, 9))
    #expect(try bench.prepare(pictures(.folder("f"))).outcome == .written)
    #expect(try bench.prepare(pictures(.folder("f"))).outcome == .unchanged)
    #expect(mkdir(bench.folder + "/f/b", 0o700) == 0)
    let summary = try bench.prepare(pictures(.folder("f")))
    #expect(summary.outcome == .written && summary.labels.map(\.counts) == [[1, 0]])
  }

  /// Prepares on three ranks, of which the last has a folder of its own.
  private func failure(_ bench: Workbench, _ recipe: RecipeConfiguration) -> String {
    let error = #expect(throws: PreparationError.self) {
      try onRanks(3) { rank, exchange in
        try Preparation(
          recipe, root: bench.folder + (rank < 2 ? "/here" : "/there"), rank: rank, ranks: 3
        ).run(output: bench.output, exchange: exchange)
      }
    }
    return error?.message ?? ""
  }

  @Test func tablesThatDifferBetweenRanks() throws {
    let bench = try Workbench()
    try bench.write("here/a.csv", "x\n1\n2\n")
    try bench.write("there/a.csv", "x\n1\n3\n")
    let message = failure(
      bench,
      recipe(
        [("a", .csv(paths: ["a.csv"], options: .init()))], train: [("x", "a.x")],
        fields: [("x", .value(shape: nil, normalize: false))]))
    #expect(message.hasPrefix("a.csv: rank 2 reads another file than rank 0"), "\(message)")
  }

  @Test func foldersThatDifferBetweenRanks() throws {
    let bench = try Workbench()
    for place in ["here", "there"] {
      for index in 0..<5 { try bench.write("\(place)/f/a/\(index).png", grey(2, 2, 9)) }
    }
    try bench.write("there/f/a/9.png", grey(2, 2, 9))
    let message = failure(bench, pictures(.folder("f")))
    #expect(message.hasPrefix("f: rank 2 reads another file than rank 0"), "\(message)")
  }

  @Test func filesMustHoldWhatTheyHeld() throws {
    let bench = try Workbench()
    try bench.write("f/a/0.png", grey(2, 2, 9))
    var part = Preparation(pictures(.folder("f")), root: bench.folder)
    part.slabBytes = 1
    let path = bench.folder + "/f/a/0.png"
    let error = #expect(throws: PreparationError.self) {
      try part.run(output: bench.output) { step in
        if case .measuring = step {
          try? Data(grey(2, 2, 8)).write(to: URL(fileURLWithPath: path))
        }
      }
    }
    #expect(error?.message.contains("a/0.png: it holds other bytes than before") == true)
  }
}
