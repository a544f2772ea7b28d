import Checkpoints
import Configuration
import Foundation
import Glibc
import Parameters
import Testing

@Suite struct InitialValuesTests {
  /// A slot of every layout; values count up from 1 in our order.
  private func store() -> ParameterStore {
    var layout = ParameterLayout()
    _ = layout.reserve(
      "net.conv.weight", [2, 3, 2, 4], initializer: .constant(0),
      foreign: .convolution(flat: false))
    _ = layout.reserve(
      "net.flat.weight", [1, 3, 2, 2], initializer: .constant(0),
      foreign: .convolution(flat: true))
    _ = layout.reserve(
      "net.norm.runningMean", [2], role: .statistic(momentum: 0.1, rowsPerSample: 1),
      initializer: .constant(0))
    _ = layout.reserve(
      "net.norm.runningVariance", [2], role: .statistic(momentum: 0.1, rowsPerSample: 1),
      initializer: .constant(0))
    _ = layout.reserve(
      "head.weight", [2, 12], initializer: .constant(0),
      foreign: .flattenedImage(height: 2, width: 3, channels: 2))
    _ = layout.reserve("head.bias", [2], initializer: .constant(0))
    let store = ParameterStore(layout)
    for index in 0..<layout.count { store.base[index] = Float(index + 1) }
    return store
  }

  private func load(
    _ path: String, into store: ParameterStore, include: [String] = [], exclude: [String] = [],
    rename: [String: String] = [:]
  ) throws -> InitialValues.Report {
    try InitialValues.load(
      into: store, from: path,
      InitializeConfiguration(from: path, include: include, exclude: exclude, rename: rename))
  }

  @Test(arguments: [false, true]) func aWrittenModelLoadsBack(foreignLayout: Bool) throws {
    let scratch = try Scratch()
    let path = scratch.file("model.safetensors")
    let written = store()
    try ModelFile.write(store(), to: path, foreignLayout: !foreignLayout)
    try ModelFile.write(written, to: path, foreignLayout: foreignLayout, metadata: ["a": "b"])
    #expect(Scratch.names(scratch.path) == ["model.safetensors"])
    let file = try SafetensorsFile(path)
    #expect(file.header.metadata == ["format": foreignLayout ? "pt" : "aimass", "a": "b"])
    #expect((file["net.norm.running_var"] != nil) == foreignLayout)
    #expect(file["net.conv.weight"]?.shape == (foreignLayout ? [4, 2, 2, 3] : [2, 3, 2, 4]))
    #expect(file["net.flat.weight"]?.shape == (foreignLayout ? [2, 2, 3] : [1, 3, 2, 2]))
    let read = ParameterStore(written.layout)
    let report = try load(path, into: read)
    #expect(report.filled == written.layout.slots.map(\.name) && report.unused == [])
    #expect(read.digest == written.digest)
  }

  @Test func whatIsNoFileIsNotReplaced() throws {
    let scratch = try Scratch()
    let path = scratch.file("pipe")
    #expect(mkfifo(path, 0o600) == 0)
    let error = #expect(throws: CheckpointError.self) {
      try ModelFile.write(store(), to: path, foreignLayout: false)
    }
    #expect(error?.code == .cannotCreate)
    var status = stat()
    #expect(lstat(path, &status) == 0 && status.st_mode & S_IFMT == S_IFIFO)
    #expect(Scratch.names(scratch.path) == ["pipe"])
  }

  @Test func whatIsNoModelIsNotReplaced() throws {
    let scratch = try Scratch()
    let path = scratch.file("notes")
    for bytes in [Data("name: a configuration".utf8), Data([1, 2])] {
      try write(bytes, path)
      let error = #expect(throws: CheckpointError.self) {
        try ModelFile.write(store(), to: path, foreignLayout: false)
      }
      #expect(error?.code == .cannotCreate)
      #expect(try Data(contentsOf: URL(fileURLWithPath: path)) == bytes)
    }
  }

  @Test func layoutsAreThoseOfPyTorch() throws {
    let scratch = try Scratch()
    let path = scratch.file("model.safetensors")
    let store = store()
    try ModelFile.write(store, to: path, foreignLayout: true)
    let file = try SafetensorsFile(path)
    func values(_ name: String) throws -> [Float] {
      let entry = try #require(file[name])
      var found = [Float](repeating: 0, count: entry.count)
      try file.readFloats(entry, 0..<entry.count, into: &found)
      return found
    }
    let convolution = try values("net.conv.weight")
    // Element [o, c, i, j] there is [i, j, c, o] here, counted from 1.
    for (o, c, i, j) in [(0, 0, 0, 0), (3, 1, 1, 2), (1, 0, 1, 0), (2, 1, 0, 1)] {
      let ours = ((i * 3 + j) * 2 + c) * 4 + o + 1
      #expect(convolution[((o * 2 + c) * 2 + i) * 3 + j] == Float(ours))
    }
    let start = try #require(store.layout["head.weight"]).offset
    let linear = try values("head.weight")
    // Column (c, h, w) there is (h, w, c) here.
    for (o, h, w, c) in [(0, 0, 0, 1), (1, 1, 2, 1), (0, 1, 0, 0), (1, 0, 2, 0)] {
      #expect(
        linear[o * 12 + (c * 2 + h) * 3 + w] == Float(start + o * 12 + (h * 3 + w) * 2 + c + 1))
    }
  }

  @Test func chosenSlotsAloneAreFilled() throws {
    let scratch = try Scratch()
    let path = scratch.file("m")
    try ModelFile.write(store(), to: path, foreignLayout: true)
    let read = ParameterStore(store().layout)
    let report = try load(path, into: read, include: ["net.*"], exclude: ["*.runningMean"])
    #expect(
      report.filled == ["net.conv.weight", "net.flat.weight", "net.norm.runningVariance"])
    #expect(report.unused == ["net.norm.running_mean", "head.weight", "head.bias"])
    #expect(read[try #require(read.layout["head.bias"])].allSatisfy { $0 == 0 })
    #expect(read[try #require(read.layout["net.norm.runningVariance"])].map { $0 } == [63, 64])
  }

  /// Files of PyTorch call the parts of a recurrent layer by their own names.
  @Test func recurrentLayersAreFoundByTheirForeignNames() throws {
    let scratch = try Scratch()
    let path = scratch.file("m")
    let names = [
      "weight_ih_l0", "weight_hh_l0", "bias_ih_l0", "bias_hh_l0", "weight_ih_l0_reverse",
      "weight_hh_l12_reverse", "hiddenBias", "inputWeight1x",
    ]
    var theirs = ParameterLayout()
    for name in names { _ = theirs.reserve("rnn.\(name)", [1], initializer: .constant(0)) }
    let file = ParameterStore(theirs)
    for index in names.indices { file.base[index] = Float(index + 1) }
    try ModelFile.write(file, to: path, foreignLayout: true)
    var ours = ParameterLayout()
    for name in [
      "inputWeight0", "hiddenWeight0", "inputBias0", "hiddenBias0", "inputWeight0Reversed",
      "hiddenWeight12Reversed", "hiddenBias", "inputWeight1x",
    ] { _ = ours.reserve("modalities.x.0.\(name)", [1], initializer: .constant(0)) }
    let read = ParameterStore(ours)
    let report = try load(path, into: read, rename: ["modalities.x.0.": "rnn."])
    #expect(report.unused.isEmpty)
    #expect((0..<names.count).map { read.base[$0] } == (1...names.count).map { Float($0) })
    // And they are written by these names.
    let again = scratch.file("n")
    try ModelFile.write(read, to: again, foreignLayout: true)
    let copy = ParameterStore(theirs)
    _ = try load(again, into: copy, rename: ["rnn.": "modalities.x.0."])
    #expect((0..<names.count).map { copy.base[$0] } == (1...names.count).map { Float($0) })
  }

  @Test func renamesTakeTheLongestPrefix() throws {
    let scratch = try Scratch()
    let path = scratch.file("m")
    var theirs = ParameterLayout()
    for name in ["backbone.0.weight", "backbone.special", "fc.bias"] {
      _ = theirs.reserve(name, [1], initializer: .constant(0))
    }
    let file = ParameterStore(theirs)
    for index in 0..<3 { file.base[index] = Float(index + 1) }
    try ModelFile.write(file, to: path, foreignLayout: true)
    var ours = ParameterLayout()
    for name in ["modalities.image.0.weight", "modalities.image.9.weight", "heads.y.bias"] {
      _ = ours.reserve(name, [1], initializer: .constant(0))
    }
    let read = ParameterStore(ours)
    _ = try load(
      path, into: read,
      rename: [
        "modalities.image.": "backbone.", "heads.y.bias": "fc.bias",
        "modalities.image.9.weight": "backbone.special",
      ])
    #expect(Array(read.all) == [1, 2, 3])
  }

  @Test func allFaultsAreListedAndNothingIsChanged() throws {
    let scratch = try Scratch()
    let path = scratch.file("m")
    let data = safetensors(
      #"{"net.conv.weight":{"dtype":"F32","shape":[4,2,3,2],"data_offsets":[8,200]},"#
        + #""head.bias":{"dtype":"I32","shape":[2],"data_offsets":[0,8]}}"#, 200)
    try write(data, path)
    let store = store()
    let before = store.digest
    let error = #expect(throws: CheckpointError.self) {
      try self.load(path, into: store, exclude: ["net.flat.*"], rename: ["head.": "head."])
    }
    let message = error?.message ?? ""
    for part in [
      "net.conv.weight has shape [4, 2, 3, 2], expected [4, 2, 2, 3]",
      "net.norm.runningMean is missing", "head.weight is missing", "head.bias is I32",
    ] {
      #expect(message.contains(part), "\(message)")
    }
    #expect(store.digest == before)
  }

  @Test func patternsAndRenamesWithoutMatchAreNamed() throws {
    let scratch = try Scratch()
    let path = scratch.file("m")
    try ModelFile.write(store(), to: path, foreignLayout: false)
    for (include, exclude, rename) in [
      (["wrong*"], [], [:]), ([], ["wrong*"], [:]), ([], [], ["wrong.": ""]),
      ([], [], ["head": "x"]),
    ] as [([String], [String], [String: String])] {
      let error = #expect(throws: CheckpointError.self) {
        try self.load(
          path, into: self.store(), include: include, exclude: exclude, rename: rename)
      }
      #expect(error?.code == .badConfiguration)
      let name = include.first ?? exclude.first ?? rename.keys.first ?? ""
      #expect(error?.message.contains("'\(name)'") == true)
    }
  }

  @Test func valuesThatAreNotFiniteAreRefused() throws {
    let scratch = try Scratch()
    let path = scratch.file("m")
    let store = store()
    store.base[store.layout.count - 1] = .nan
    try ModelFile.write(store, to: path, foreignLayout: false)
    let error = #expect(throws: CheckpointError.self) { try self.load(path, into: self.store()) }
    #expect(error?.message.contains("'head.bias' holds a NaN") == true)
  }
}
