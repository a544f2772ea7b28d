import Foundation
import Glibc

extension Trainer {
  /// Begins to record events, if asked to.
  func startTrace() {
    if options.trace { clock.record(into: TraceRing()) }
  }

  /// Gathers the events of all ranks and writes `trace.json` and `trace.svg`.
  ///
  /// Collective; nothing happens without a trace.
  ///
  /// - Throws: ``TrainingError`` on all ranks if rank 0 cannot write.
  func writeTrace() throws {
    guard let ring = clock.trace, let node = watch?.nodeNumber, let timing else { return }
    let events = ring.kept.map { event in
      var event = event
      event.start += timing.offset
      event.end += timing.offset
      return event
    }
    let bytes = events.withUnsafeBytes { Array($0) }
    let facts = try world.gather([Int64(node), Int64(ring.dropped)], root: 0)
    let names = try world.gatherBytes(Array(world.hostName.utf8), root: 0)
    let all = try world.gatherBytes(bytes, root: 0)
    try world.agree {
      guard let all, let facts, let names else { return }
      let tracks = all.indices.map { rank in
        TraceFile.Track(
          rank: rank, node: Int(facts[2 * rank]),
          host: String(decoding: names[rank], as: UTF8.self),
          dropped: Int(facts[2 * rank + 1]), events: Self.events(all[rank]))
      }
      try write(TraceFile(tracks, layers: model.layers.map { "\($0.path) (\($0.kind))" }))
    }
  }

  private static func events(_ bytes: [UInt8]) -> [TraceEvent] {
    bytes.withUnsafeBytes { raw in
      (0..<raw.count / MemoryLayout<TraceEvent>.stride).map {
        raw.loadUnaligned(
          fromByteOffset: $0 * MemoryLayout<TraceEvent>.stride, as: TraceEvent.self)
      }
    }
  }

  private func write(_ file: TraceFile) throws {
    do {
      let hidden = folder.trace + ".new"
      guard FileManager.default.createFile(atPath: hidden, contents: nil),
        let handle = FileHandle(forWritingAtPath: hidden)
      else { throw POSIXError(.EACCES) }
      var text = ""
      try file.write { piece in
        text += piece
        guard text.utf8.count > 1 << 20 else { return }
        try handle.write(contentsOf: Data(text.utf8))
        text = ""
      }
      try handle.write(contentsOf: Data(text.utf8))
      try handle.close()
      guard rename(hidden, folder.trace) == 0 else { throw POSIXError(.EACCES) }
      if let picture = file.picture(title: configuration.name) {
        try folder.write(picture.svg(), to: folder.tracePicture)
      }
    } catch {
      throw TrainingError(.inputOutput, "\(folder.trace) cannot be written: \(error)")
    }
  }
}
