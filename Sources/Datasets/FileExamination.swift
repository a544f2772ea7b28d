import Buffers
import HDF5

/// What reading a file from end to end has shown.
///
/// The structure is walked (``HDF5File/inventory()``), every attribute and every number is read, so every checksum is
/// compared, and what a sample file says of itself is worked out again: its digests, and the places of its chunks.
/// Meant for a process of its own that can be spared.
public struct FileExamination: Sendable, Equatable {
  /// The datasets.
  public let datasets: Int
  /// Bytes of their numbers, unpacked.
  public let bytes: Int
  /// Whether it is a sample file of ours; of others the digest says nothing but which numbers were read.
  public let isSampleFile: Bool
  /// The root digest by the rules of ``SampleFileFormat``, worked out from what was read.
  public let digest: String

  /// The memory that one block of rows may take, at least; more only where the file itself is larger.
  static let blockBytes = 64 << 20

  /// Reads a file from end to end.
  ///
  /// - Parameter path: the file.
  /// - Throws: ``DatasetError``: `.damaged` for what is refused, damaged, or not what a sample file says of itself;
  ///   `.newerVersion`, `.ioFailure`.
  public init(_ path: String) throws(DatasetError) {
    let file = try border { () throws(HDF5Error) in try HDF5File(reading: path) }
    let inventory = try border { () throws(HDF5Error) in try file.inventory() }
    let stated = try SampleFileFormat.digest(of: file.root, path)
    var hash = SHA256()
    hash.update("\(SampleFileFormat.name) \(SampleFileFormat.version)\n")
    var bytes = 0
    let inOrder = inventory.datasets.sorted { SampleFileFormat.precedes($0.path, $1.path) }
    for dataset in inOrder {
      let (kind, digest) = try Self.numbers(of: dataset, fileBytes: file.byteCount)
      let extents = dataset.shape.map(String.init).joined(separator: "x")
      hash.update("\(dataset.path) \(kind.rawValue) \(extents) \(digest)\n")
      bytes += dataset.rowCount * dataset.scalarsPerRow * kind.byteCount
      if stated != nil { try Self.compare(dataset, digest) }
    }
    try Self.addAttributes(of: inventory, to: &hash)
    datasets = inventory.datasets.count
    self.bytes = bytes
    digest = hash.hexadecimal()
    isSampleFile = stated != nil
    guard stated == nil || stated == digest else {
      throw DatasetError(
        .damaged,
        "\(path): says that its digest is \(stated ?? ""), but what it holds has \(digest); "
          + "it was changed after it was made, get or prepare it again")
    }
  }

  /// The SHA-256 of all numbers, little-endian in C order, and the kind in which they were read.
  private static func numbers(
    of dataset: HDF5Dataset, fileBytes: Int
  ) throws(DatasetError) -> (NumberKind, String) {
    guard let kind = NumberKind(dataset.element) else {
      throw DatasetError(
        .mismatch, "\(dataset.location): holds \(dataset.element), which no type here can hold")
    }
    var hash = SHA256()
    let rowBytes = dataset.scalarsPerRow * kind.byteCount
    guard dataset.rowCount > 0, rowBytes > 0 else { return (kind, hash.hexadecimal()) }
    var rowsPerBlock = max(1, (1 << 20) / rowBytes)
    if case .chunked(let chunk, _) = dataset.layout { rowsPerBlock = max(1, chunk[0]) }
    rowsPerBlock = min(rowsPerBlock, dataset.rowCount)
    // A row, or a chunk's rows, from little in the file: what is read must fit into memory.
    guard rowsPerBlock * rowBytes <= max(blockBytes, fileBytes) else {
      throw DatasetError(
        .damaged,
        "\(dataset.location): \(rowsPerBlock) rows that must be read at once take "
          + "\(rowsPerBlock * rowBytes) bytes, more than the file itself; repack it with smaller chunks"
      )
    }
    let block = HostBuffer<UInt8>(count: rowsPerBlock * rowBytes)
    for start in stride(from: 0, to: dataset.rowCount, by: rowsPerBlock) {
      let rows = start..<min(start + rowsPerBlock, dataset.rowCount)
      try border { () throws(HDF5Error) in try kind.read(dataset, rows, into: block.base) }
      hash.update(UnsafeRawBufferPointer(start: block.base, count: rows.count * rowBytes))
    }
    return (kind, hash.hexadecimal())
  }

  /// Compares what a dataset of a sample file says of itself with what it holds.
  private static func compare(_ dataset: HDF5Dataset, _ digest: String) throws(DatasetError) {
    let (stated, table) = try border { () throws(HDF5Error) in
      (try dataset.attribute("digest")?.asText, try dataset.attribute("chunkOffsets"))
    }
    guard stated == digest else {
      throw DatasetError(
        .damaged,
        "\(dataset.location): says that its digest is \(stated ?? "nothing"), but its numbers have "
          + "\(digest); get or prepare the file again")
    }
    guard case .chunked(let chunk, [.fletcher32]) = dataset.layout,
      case .integers(let places) = table
    else { return }
    // Of a file that was repacked the table says nothing, and nobody reads by it.
    let count = (dataset.rowCount + chunk[0] - 1) / chunk[0]
    guard places.count == count, count <= 2 * SampleFileFormat.mostChunks else { return }
    let found = try border { () throws(HDF5Error) in
      try (0..<count).map { (index) throws(HDF5Error) -> Int64? in
        try dataset.chunk(at: [index * chunk[0]] + dataset.rowShape.map { _ in 0 }).offset.flatMap {
          Int64(exactly: $0)
        }
      }
    }
    guard found[0] == places[0], found[count - 1] == places[count - 1] else { return }
    guard let wrong = (0..<count).first(where: { found[$0] != places[$0] }) else { return }
    throw DatasetError(
      .damaged,
      "\(dataset.location): chunkOffsets says that chunk \(wrong) lies at byte \(places[wrong]), but it lies at "
        + "\(found[wrong].map(String.init) ?? "no byte"); get or prepare the file again")
  }

  /// Adds the attributes of all objects, each with its value.
  private static func addAttributes(
    of inventory: HDF5Inventory, to hash: inout SHA256
  ) throws(DatasetError) {
    var owners: [(path: String, object: any HDF5Attributed)] = inventory.groups.map {
      ($0.path, $0)
    }
    owners += inventory.datasets.map { ($0.path, $0) }
    owners.sort { SampleFileFormat.precedes($0.path, $1.path) }
    for owner in owners {
      let names = try border { () throws(HDF5Error) in try owner.object.attributeNames() }
      for name in names.sorted(by: SampleFileFormat.precedes) {
        let value = try border { () throws(HDF5Error) in try owner.object.attribute(name) }
        guard let value, name != "digest", name != "chunkOffsets" else { continue }
        hash.update("\(owner.path)@\(name) \(SampleFileFormat.canonical(value))\n")
      }
    }
  }
}
