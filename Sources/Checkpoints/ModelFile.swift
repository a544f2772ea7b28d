import Buffers
import Glibc
import Parameters

/// Writes a model's values to one safetensors file.
public enum ModelFile {
  /// Writes all slots; the file appears whole or not at all.
  ///
  /// - Parameters:
  ///   - store: the model's values.
  ///   - path: the file, which is replaced if it exists.
  ///   - foreignLayout: true for PyTorch's layouts and names of running statistics, false for ours.
  ///   - metadata: more free text by key; `format` is ours to set.
  /// - Throws: `CheckpointError` naming the path.
  public static func write(
    _ store: ParameterStore, to path: String, foreignLayout: Bool,
    metadata: [String: String] = [:]
  ) throws {
    var metadata = metadata
    metadata["format"] = foreignLayout ? "pt" : "aimass"
    let converted = HostBuffer<Float>(count: foreignLayout ? store.layout.count : 0)
    let tensors = store.layout.slots.map { slot in
      guard foreignLayout else {
        return SafetensorsTensor(
          name: slot.name, shape: slot.shape, floats: store.base + slot.offset)
      }
      let foreign = ForeignTensor(slot: slot)
      foreign.export(store.base + slot.offset, to: converted.base + slot.offset)
      return SafetensorsTensor(
        name: ForeignTensor.foreignName(slot.name), shape: foreign.shape,
        floats: converted.base + slot.offset)
    }
    try replace(path) { temporary in
      _ = try SafetensorsWriter.write(tensors, metadata: metadata, to: temporary)
    }
    // The tensors point into these, which must outlive the writing.
    withExtendedLifetime(converted) {}
    withExtendedLifetime(store) {}
  }

  /// Writes a temporary file beside `path`, then gives it the name.
  static func replace(_ path: String, write: (String) throws -> Void) throws {
    var status = stat()
    if lstat(path, &status) == 0, status.st_mode & S_IFMT != S_IFREG {
      throw CheckpointError(
        .cannotCreate, "\(path) is no regular file, and would be replaced; choose another name")
    }
    try refuseOthers(path)
    let temporary = "\(path).tmp-\(getpid())"
    _ = unlink(temporary)
    do {
      try write(temporary)
      try Folders.rename(temporary, to: path)
    } catch {
      _ = unlink(temporary)
      throw error
    }
    try Folders.sync(Folders.parent(of: path))
  }

  /// Refuses to put a model where a checkpoint or anything else lies.
  private static func refuseOthers(_ path: String) throws {
    let manifest = Folders.parent(of: path) + "/" + CheckpointFolder.manifestName
    if access(manifest, F_OK) == 0 {
      throw CheckpointError(
        .cannotCreate,
        "\(path) would lie in a checkpoint, which is never changed; choose another folder")
    }
    guard access(path, F_OK) == 0, !isModel(path) else { return }
    throw CheckpointError(
      .cannotCreate,
      "\(path) exists and is no safetensors file, and would be replaced; choose another name")
  }

  /// Whether a file is empty or begins as a safetensors file does: the length of a header, and its brace.
  private static func isModel(_ path: String) -> Bool {
    guard let file = fopen(path, "r") else { return false }
    defer { fclose(file) }
    var start = [UInt8](repeating: 0, count: 9)
    let count = fread(&start, 1, 9, file)
    return count == 0 || count == 9 && start[7] == 0 && start[8] == UInt8(ascii: "{")
  }
}
