import Buffers
import Checkpoints
import Configuration
import Datasets
import Glibc
import Tensors

// Reads files as training does, one after the other, for harnesses that damage them. Standard input has a line for
// each: the path, and for somebody else's data file NAME=DATASET, all separated by tabs. The answer is a line:
// `read DIGEST` with a digest of all that was delivered, or `refused SENTENCE`. A file that kills this process has no
// answer.

/// A digest of all samples of all splits as a model would get them, with what is said of the fields.
func digest(_ path: String, _ fields: [FieldConfiguration]) throws -> String {
  let configuration = DataConfiguration(files: [path], fields: fields)
  let data = try Dataset(configuration, relativeTo: "", cacheBytes: 1 << 20)
  var hash = SHA256()
  for role in SplitRole.allCases {
    guard let split = try data.split(role) else { continue }
    hash.update("\(role.rawValue) \(split.count) \(split.fields) \(split.streams ?? 0)\n")
    for field in split.fields {
      hash.update("\(split.classNames(field.name) ?? []) \(data.idTexts(field.name) ?? [])\n")
    }
    try add(split, to: &hash)
  }
  return hash.hexadecimal()
}

/// Adds the numbers, lengths and presence of all samples.
func add(_ split: Split, to hash: inout SHA256) throws {
  let most = min(split.count, 64)
  let microbatch = Microbatch(capacity: most, fields: split.fields)
  for start in stride(from: 0, to: split.count, by: most) {
    microbatch.count = min(most, split.count - start)
    for place in 0..<microbatch.count { microbatch.sampleNumbers[place] = Int64(start + place) }
    try split.fill(microbatch)
    for (index, field) in split.fields.enumerated() {
      let count = microbatch.units(index) * field.scalarsPerUnit
      if field.element == .float {
        hash.update(UnsafeRawBufferPointer(start: microbatch.floats(index), count: 4 * count))
      } else {
        hash.update(UnsafeRawBufferPointer(start: microbatch.integers(index), count: 8 * count))
      }
      guard field.isPacked else { continue }
      hash.update(
        UnsafeRawBufferPointer(start: microbatch.offsets(index), count: 8 * (microbatch.count + 1)))
      guard field.isOptional else { continue }
      hash.update(
        UnsafeRawBufferPointer(start: microbatch.presence(index), count: microbatch.count))
    }
  }
}

/// A digest of the names, types, shapes and bytes of a file of weights, in the order of names.
func digest(weights path: String) throws -> String {
  let file = try SafetensorsFile(path)
  var hash = SHA256()
  let entries = file.header.entries.sorted { $0.name.utf8.lexicographicallyPrecedes($1.name.utf8) }
  for entry in entries {
    hash.update("\(entry.name)\n\(entry.type.rawValue)\n\(entry.shape)\n")
    var bytes = [UInt8](repeating: 0, count: entry.bytes.count)
    try bytes.withUnsafeMutableBytes { try file.readBytes(entry, into: $0) }
    bytes.withUnsafeBytes { hash.update($0) }
  }
  return hash.hexadecimal()
}

/// Writes a line at once, whatever a file has put into it.
func answer(_ line: String) {
  let text = line.unicodeScalars.map { $0.value < 32 ? " " : String($0) }.joined() + "\n"
  var bytes = Array(text.utf8)[...]
  while !bytes.isEmpty {
    let count = bytes.withUnsafeBytes { write(1, $0.baseAddress, $0.count) }
    guard count > 0 else { exit(70) }
    bytes = bytes.dropFirst(count)
  }
}

while let line = readLine() {
  let words = line.split(separator: "\t").map(String.init)
  guard let path = words.first else { continue }
  let fields = words.dropFirst().map { word in
    let parts = word.split(separator: "=", maxSplits: 1).map(String.init)
    return FieldConfiguration(name: parts[0], dataset: parts[parts.count - 1])
  }
  let isWeights = path.hasSuffix(".safetensors")
  do {
    answer("read \(try isWeights ? digest(weights: path) : digest(path, fields))")
  } catch {
    answer("refused \(error)")
  }
}
