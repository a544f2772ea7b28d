import Glibc

/// A tensor that can fill a slot.
struct InitialTensor {
  /// Its name there.
  let name: String
  /// Its extents.
  let shape: [Int]
  /// How its floats are stored.
  let type: SafetensorsEntry.ScalarType
  /// What of the source it is made of.
  let partNames: [String]
  /// Reads all scalars into room for as many.
  let read: (UnsafeMutablePointer<Float>) throws -> Void
}

/// Where initial values come from: a safetensors file, or a checkpoint.
struct InitialSource {
  /// Its path.
  let path: String
  /// Whether names and layouts are ours.
  let isOurs: Bool
  /// The names of everything there.
  let names: [String]
  /// Finds a tensor by its name there; nil where there is none.
  let find: (String) throws -> InitialTensor?

  /// Opens what lies at a path: a checkpoint where it is a folder, else a file.
  ///
  /// - Throws: `CheckpointError` for what is missing, damaged or neither.
  init(_ path: String) throws {
    var status = stat()
    let isFolder = stat(path, &status) == 0 && status.st_mode & S_IFMT == S_IFDIR
    self = isFolder ? try Self(checkpoint: path) : try Self(file: path)
  }

  private init(file path: String) throws {
    let file = try SafetensorsFile(path)
    self.path = path
    isOurs = file.header.metadata["format"] == "aimass"
    names = file.header.entries.map(\.name)
    find = { name in
      try StoredTensor(name, in: file).map { tensor in
        InitialTensor(
          name: tensor.name, shape: tensor.shape, type: tensor.type, partNames: tensor.partNames,
          read: tensor.read(into:))
      }
    }
  }

  /// The weights that `evaluate` takes: of the moving average where one is kept.
  private init(checkpoint path: String) throws {
    let parts = path.split(separator: "/", omittingEmptySubsequences: true)
    guard let step = CheckpointFolder.step(ofName: parts.last.map(String.init) ?? "") else {
      throw CheckpointError(
        .damaged,
        "\(path) is a folder, but not named step-NUMBER as a checkpoint is; name a safetensors file, or a "
          + "folder in RUN/checkpoints")
    }
    let parent = path + (path.hasSuffix("/") ? ".." : "/..")
    let checkpoint = try CheckpointFolder(parent).open(step: step)
    let array = checkpoint.weightsName
    guard let tensors = checkpoint.manifest.tensors else {
      throw CheckpointError(
        .missing,
        "\(path) does not tell its tensors; a run that goes on from it writes one that does")
    }
    self.path = path
    isOurs = true
    names = tensors.map(\.name)
    find = { name in
      guard let tensor = tensors.first(where: { $0.name == name }), let range = tensor.range else {
        return nil
      }
      return InitialTensor(
        name: name, shape: tensor.shape, type: .float32, partNames: [name],
        read: { try checkpoint.read(array, range, into: $0) })
    }
  }
}
