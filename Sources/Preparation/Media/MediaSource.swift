import CZlib
import Configuration

/// A collection of files that have been looked through: those that decode, and why the others do not.
///
/// Each file is looked at by one rank and made into a sample by one rank, perhaps another, on another node. A
/// checksum of its bytes travels with the verdict, so that both must have read the same.
struct MediaSource {
  /// The source's name.
  let name: String
  /// What the files hold.
  let content: FileCollection.Content
  /// One file per sample.
  private(set) var files: [MediaFile]
  /// What each file holds.
  private(set) var verdicts: [MediaVerdict]
  /// The checksum of each file's bytes when it was looked at.
  private var checksums: [UInt32]

  /// Decodes every file once; the ranks share the work.
  ///
  /// - Parameters:
  ///   - name: the source's name.
  ///   - collection: the recipe's words.
  ///   - listing: the files.
  ///   - crew: the ranks.
  /// - Throws: ``PreparationError`` with `.badData` where no file decodes, or one does not and the
  ///   recipe says `badFiles: fail`.
  init(
    _ name: String, _ collection: FileCollection, _ listing: MediaListing, _ crew: Crew
  ) throws {
    self.name = name
    content = collection.content
    files = listing.files
    let files = listing.files
    let looks = try crew.divide(files.count) { index in
      let bytes: [UInt8]
      do throws(BadFile) { bytes = try files[index].bytes() } catch {
        return raw(0) + MediaVerdict.bad(error.reason).encoded
      }
      return raw(checksum(bytes)) + MediaVerdict(bytes, collection.content).encoded
    }
    checksums = looks.map { look in look.withUnsafeBytes { $0.loadUnaligned(as: UInt32.self) } }
    verdicts = looks.map { MediaVerdict(encoded: $0.dropFirst(4)) }
    guard let first = bad.first else { return }
    if collection.badFiles == .fail || bad.count == files.count {
      throw PreparationError(
        .badData,
        "source '\(name)': \(first.path): \(first.reason)"
          + (collection.badFiles == .fail
            ? "; mend or remove the file, or set 'badFiles: skip'"
            : "; none of the \(files.count) files can be used"))
    }
  }

  /// The files that are left out.
  var bad: [PreparationSummary.BadFile] {
    zip(files, verdicts).compactMap { file, verdict in
      guard case .bad(let reason) = verdict else { return nil }
      return .init(source: name, path: file.path, reason: reason)
    }
  }

  /// Whether a row can be used.
  func isGood(_ row: Int) -> Bool {
    if case .bad = verdicts[row] { false } else { true }
  }

  /// The same source with row n taken from row `rows[n]`; -1 makes a row without a file.
  func mapped(_ rows: [Int]) -> MediaSource {
    var copy = self
    copy.files = rows.map {
      $0 < 0 ? MediaFile(path: "none", content: .refused("there is no file")) : files[$0]
    }
    copy.verdicts = rows.map { $0 < 0 ? .none : verdicts[$0] }
    copy.checksums = rows.map { $0 < 0 ? 0 : checksums[$0] }
    return copy
  }

  /// File and source, for messages.
  func place(_ row: Int) -> String { "source '\(name)': \(files[row].path)" }

  /// Unpacks what was found good before.
  ///
  /// - Parameters:
  ///   - row: the file.
  ///   - decode: the decoder.
  /// - Returns: what the file holds.
  /// - Throws: ``PreparationError`` where the file has changed since.
  func decoded<Content>(
    _ row: Int, _ decode: ([UInt8]) throws(BadFile) -> Content
  ) throws -> Content {
    do throws(BadFile) {
      let bytes = try files[row].bytes()
      guard checksum(bytes) == checksums[row] else {
        throw BadFile("it holds other bytes than before")
      }
      return try decode(bytes)
    } catch {
      throw PreparationError(
        .badData,
        "\(place(row)): \(error.reason); it has changed while it was being read, or is another on another node"
      )
    }
  }
}

/// CRC-32 of bytes.
private func checksum(_ bytes: [UInt8]) -> UInt32 {
  bytes.withUnsafeBufferPointer { UInt32(crc32_z(0, $0.baseAddress, $0.count)) }
}

/// The bytes of a checksum, in this machine's order, as all ranks have it.
private func raw(_ checksum: UInt32) -> [UInt8] { withUnsafeBytes(of: checksum) { Array($0) } }

/// What a look at a file found.
enum MediaVerdict: Equatable {
  /// A picture.
  case image(height: Int, width: Int, channels: Int)
  /// A sound.
  case sound(samples: Int, rate: Int)
  /// Neither.
  case bad(String)
  /// No file, because a join found none.
  case none

  /// Decodes a file and keeps only what it measures.
  init(_ bytes: [UInt8], _ content: FileCollection.Content) {
    do throws(BadFile) {
      switch content {
      case .images:
        let image = try DecodedImage(bytes)
        self = .image(height: image.height, width: image.width, channels: image.channels)
      case .sounds:
        let sound = try DecodedSound(bytes)
        self = .sound(samples: sound.samples.count, rate: sound.rate)
      }
    } catch { self = .bad(error.reason) }
  }

  /// The form in which ranks tell one another.
  var encoded: [UInt8] {
    switch self {
    case .image(let height, let width, let channels):
      Array("i \(height) \(width) \(channels)".utf8)
    case .sound(let samples, let rate): Array("s \(samples) \(rate)".utf8)
    case .bad(let reason): Array("b \(reason)".utf8)
    case .none: Array("n".utf8)
    }
  }

  /// What another rank told.
  init(encoded: ArraySlice<UInt8>) {
    let text = String(decoding: encoded, as: UTF8.self)
    let numbers = text.dropFirst(2).split(separator: " ").compactMap { Int($0) }
    switch text.first {
    case "i": self = .image(height: numbers[0], width: numbers[1], channels: numbers[2])
    case "s": self = .sound(samples: numbers[0], rate: numbers[1])
    case "n": self = .none
    default: self = .bad(String(text.dropFirst(2)))
    }
  }
}
