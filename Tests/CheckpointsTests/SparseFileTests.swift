import Buffers
import Checkpoints
import Configuration
import Foundation
import Parameters
import Testing

private let hasNumPy = (try? python("numpy", "", [])) != nil

@Suite struct SparseFileTests {
  /// Two matrices with zeros, an empty row, a negative zero, and a vector.
  private let layout: ParameterLayout = {
    var layout = ParameterLayout()
    _ = layout.reserve("a.weight", [5, 19], initializer: .constant(0))
    _ = layout.reserve("a.bias", [5], initializer: .constant(0))
    _ = layout.reserve("b.weight", [2, 3, 4, 8], initializer: .constant(0))
    return layout
  }()

  private func values() -> ParameterStore {
    let store = ParameterStore(layout)
    for place in 0..<layout.count where place % 7 == 3 { store.base[place] = Float(place) + 0.5 }
    // A third of the last tensor is not zero, and of the first a seventh.
    for place in 100..<layout.count where place % 3 == 0 { store.base[place] = -Float(place) }
    store.base[20] = -0.0
    for place in 38..<57 { store.base[place] = 0 }
    return store
  }

  /// A checkpoint of those values, exported.
  private func export(_ form: TensorForm?, _ scratch: Scratch) throws -> (String, ExportReport) {
    let folder = CheckpointFolder(scratch.file("checkpoints"))
    let pending = try folder.begin(step: 1)
    let store = values()
    let shard = try folder.writeShard(
      in: pending, index: 0, of: 1,
      arrays: [ShardArray(name: "parameters", range: 0..<layout.count, base: store.base)])
    var state = TrainingState()
    state.step = 1
    var manifest = CheckpointManifest(
      state: state, parameterCount: layout.count, shards: [shard])
    manifest.tensors = layout.slots.map(TensorPlace.init)
    try folder.commit(pending, manifest: manifest)
    let path = scratch.file("out.safetensors")
    return (path, try folder.open(step: 1).export(nil, to: path, form: form))
  }

  private func load(_ path: String) throws -> (ParameterStore, InitialValues.Report) {
    let store = ParameterStore(layout)
    let report = try InitialValues.load(
      into: store, from: path,
      InitializeConfiguration(from: path, include: [], exclude: [], rename: [:]))
    return (store, report)
  }

  @Test(arguments: [.dense, .bitmask, .csr, nil] as [TensorForm?])
  func whatIsWrittenComesBackToTheBit(form: TensorForm?) throws {
    let scratch = try Scratch()
    let (path, report) = try export(form, scratch)
    let (store, filled) = try load(path)
    #expect(store.digest == values().digest)
    #expect(filled.filled == layout.slots.map(\.name) && filled.unused == [])
    #expect(report.denseBytes == 4 * layout.count)
    #expect(
      report.tensors
        == (form.map { $0 == .dense ? [.dense: 3] : [.dense: 1, $0: 2] } ?? [
          .dense: 1, .bitmask: 1, .csr: 1,
        ]))
  }

  @Test func bytesAreThoseOfTheFile() throws {
    var sizes: [Int] = []
    for form in [.dense, .bitmask, .csr, nil] as [TensorForm?] {
      let scratch = try Scratch()
      let (path, report) = try export(form, scratch)
      let entries = try SafetensorsFile(path).header.entries
      #expect(report.tensorBytes == entries.reduce(0) { $0 + $1.bytes.count })
      #expect(try bytes(path).count == report.fileBytes)
      sizes.append(report.tensorBytes)
    }
    #expect(sizes[3] < sizes[0] && sizes[3] <= min(sizes[1], sizes[2]), "\(sizes)")
  }

  /// A part, the byte in it that is changed, what it becomes, and a word of the message.
  @Test(arguments: [
    ("a.weight.shape", 0, 6, "has shape [6, 19]"), ("a.weight.shape", 15, 255, "has shape"),
    ("a.weight.bitmask", 0, 255, "as many bits"), ("a.weight.bitmask", 2, 8, "no bit behind"),
    ("a.weight.indices", 0, 19, "rising columns below 19 in row 0"),
    ("a.weight.indices", 2, 3, "rising columns below 19 in row 0"),
    ("a.weight.indptr", 0, 1, "places from 0"), ("a.weight.indptr", 4, 200, "that never fall"),
    ("a.weight.indptr", 20, 1, "places from 0"),
  ])
  func partsThatDoNotFitAreNamed(part: String, place: Int, value: UInt8, word: String) throws {
    let scratch = try Scratch()
    let (path, _) = try export(part.hasSuffix("bitmask") ? .bitmask : .csr, scratch)
    let entry = try #require(try SafetensorsFile(path)[part])
    var content = try bytes(path)
    let header = content.withUnsafeBytes { Int($0.loadUnaligned(as: UInt64.self)) }
    content[8 + header + entry.bytes.lowerBound + place] = value
    try write(content, path)
    let error = #expect(throws: CheckpointError.self) { try load(path) }
    #expect(error?.code == .damaged && error?.message.contains(word) == true, "\(error as Any)")
  }

  /// NumPy and SciPy read both forms by what their names say.
  @Test(
    .enabled(if: hasNumPy, "the Python package numpy is not installed"),
    arguments: [TensorForm.bitmask, .csr])
  func othersReadIt(form: TensorForm) throws {
    let scratch = try Scratch()
    let (path, _) = try export(form, scratch)
    let script = """
      import json, struct, sys
      import numpy as np
      data = open(sys.argv[1], 'rb').read()
      size = struct.unpack('<Q', data[:8])[0]
      header = json.loads(data[8:8 + size])
      types = {'F32': '<f4', 'U8': 'u1', 'U16': '<u2', 'I32': '<i4', 'I64': '<i8'}
      tensors = {k: np.frombuffer(data[8 + size:][v['data_offsets'][0]:v['data_offsets'][1]],
                                  types[v['dtype']]).reshape(v['shape'])
                 for k, v in header.items() if k != '__metadata__'}
      for name in ('a.weight', 'b.weight'):
          shape = tensors[name + '.shape']
          rows, columns = int(np.prod(shape[:-1])), int(shape[-1])
          dense = np.zeros((rows, columns), '<f4')
          if sys.argv[2] == 'bitmask':
              mask = np.unpackbits(tensors[name + '.bitmask'], axis=1, bitorder='little')
              dense[mask[:, :columns].astype(bool)] = tensors[name + '.compressed']
              assert (np.concatenate([[0], mask.sum(1).cumsum()[:-1]]) == tensors[name + '.row_offsets']).all()
          else:
              starts = tensors[name + '.indptr']
              for row in range(rows):
                  part = slice(starts[row], starts[row + 1])
                  dense[row, tensors[name + '.indices'][part]] = tensors[name + '.data'][part]
          print(name, ' '.join(str(x) for x in dense.ravel()))
      """
    let result = try python("numpy", script, [path, form.rawValue])
    let store = values()
    let expected = layout.slots.filter { $0.shape.count > 1 }.map { slot in
      ([slot.name] + slot.range.map { "\(store.base[$0])" }).joined(separator: " ")
    }
    #expect(result?.split(separator: "\n").map(String.init) == expected)
  }
}
