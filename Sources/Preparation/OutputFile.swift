import Datasets
import Glibc
import HDF5

/// The place where a sample file is to stand, looked at before any work is done.
enum OutputFile {
  /// What is there.
  enum State {
    /// Nothing, or a sample file of another recipe or other sources.
    case toWrite
    /// A sample file of the same identity, with its digest.
    case current(digest: String)
  }

  /// Looks at the output's place.
  ///
  /// - Parameters:
  ///   - path: the output.
  ///   - identity: the recipe's and sources' digest.
  ///   - sources: the paths of the source files, none of which may be the output.
  /// - Returns: what is there.
  /// - Throws: ``PreparationError`` with `.cannotWrite` for a folder that cannot be written to, or
  ///   a file that is no sample file, which is never replaced.
  static func state(_ path: String, identity: String, sources: [String]) throws -> State {
    guard !path.isEmpty, !path.hasSuffix("/") else {
      throw PreparationError(.cannotWrite, "expected the name of a file to write, found '\(path)'")
    }
    let folder = path.lastIndex(of: "/").map { $0 == path.startIndex ? "/" : String(path[..<$0]) }
    guard access(folder ?? ".", W_OK | X_OK) == 0 else {
      throw PreparationError(
        .cannotWrite,
        "\(path): nothing can be written to the folder \(folder ?? "."): "
          + String(cString: strerror(errno)))
    }
    var status = stat()
    guard stat(path, &status) == 0 else { return .toWrite }
    guard status.st_mode & S_IFMT == S_IFREG else {
      throw PreparationError(
        .cannotWrite, "\(path): is a folder, a pipe or a device; name another output")
    }
    for source in sources {
      var other = stat()
      if stat(source, &other) == 0, other.st_dev == status.st_dev, other.st_ino == status.st_ino {
        throw PreparationError(
          .cannotWrite, "\(path): this is a source of the recipe; name another output")
      }
    }
    let root = try sampleFile(path)
    guard (try? root.attribute("identity"))?.asText == identity,
      let digest = (try? root.attribute("digest"))?.asText
    else { return .toWrite }
    return .current(digest: digest)
  }

  /// The root of an existing sample file; anything else is not ours to replace.
  private static func sampleFile(_ path: String) throws -> HDF5Group {
    var reason = "it is an HDF5 file of another kind"
    do throws(HDF5Error) {
      let root = try HDF5File(reading: path).root
      if try root.attribute("format")?.asText == SampleFileFormat.name { return root }
    } catch { reason = error.message }
    throw PreparationError(
      .cannotWrite,
      "\(path): exists and is no readable sample file (\(reason)), so it is left untouched;"
        + " name another output or remove it")
  }
}
