import Checkpoints
import Foundation
import Glibc
import Synchronization
import Testing

/// Nothing of a checkpoint is read from elsewhere, whatever links are put into its place.
@Suite struct LinkTests {
  private static let names = [
    "COMMIT", "manifest.json", "shard-00000-of-00002.safetensors",
    "shard-00001-of-00002.safetensors",
  ]

  /// A folder of checkpoints with step 20, and another one elsewhere whose step 20 holds other numbers.
  private func make() throws -> (inside: Recorder, outside: Recorder) {
    let (inside, outside) = (Recorder(try Scratch()), Recorder(try Scratch()))
    try inside.save(20)
    try outside.save(20)
    return (inside, outside)
  }

  @Test(arguments: names) func aLinkedFileIsRefused(name: String) throws {
    let (inside, outside) = try make()
    let path = "\(inside.path(20))/\(name)"
    #expect(unlink(path) == 0 && symlink("\(outside.path(20))/\(name)", path) == 0)
    let error = #expect(throws: CheckpointError.self) { try inside.folder.open(step: 20) }
    #expect(error?.code == .damaged && error?.message.contains(name) == true, "\(error)")
    #expect(error?.message.contains("symbolic link") == true, "\(error)")
  }

  @Test func aLinkedCheckpointIsNone() throws {
    let (inside, outside) = try make()
    let path = inside.path(20)
    #expect(rename(path, path + ".kept") == 0 && symlink(outside.path(20), path) == 0)
    #expect(throws: CheckpointError.self) { try inside.folder.open(step: 20) }
    #expect(try inside.folder.list().isEmpty)
    // The user's own way to the folder may lead over a link.
    let way = try Scratch()
    #expect(symlink(outside.folder.path, way.file("link")) == 0)
    let linked = Recorder(CheckpointFolder(way.file("link")), keeping: outside)
    #expect(throws: Never.self) { try linked.folder.open(step: 20) }
    try linked.folder.prepare()
    try linked.save(30)
    #expect(try outside.folder.list() == [30, 20])
  }

  /// Puts a link into the place of a folder and takes it away, for ever, as an attacker would who waits for the moment
  /// between look and open.
  private final class Exchanger: Sendable {
    private let isStopped = Atomic<Bool>(false)
    private let isDone = Atomic<Bool>(false)

    func run(_ folder: String, _ link: String) {
      while !isStopped.load(ordering: .relaxed) {
        rename(folder, folder + ".kept")
        rename(link, folder)
        rename(folder, link)
        rename(folder + ".kept", folder)
      }
      isDone.store(true, ordering: .releasing)
    }

    func stop() {
      isStopped.store(true, ordering: .relaxed)
      while !isDone.load(ordering: .acquiring) { usleep(1000) }
    }
  }

  @Test func noExchangeAtTheWrongMomentLeadsOutside() throws {
    let (inside, outside) = (Recorder(try Scratch()), Recorder(try Scratch()))
    try inside.save(20, ranks: 2)
    try outside.save(20, ranks: 3)
    let link = inside.folder.path + "/link"
    #expect(symlink(outside.path(20), link) == 0)
    let exchanger = Exchanger()
    let path = inside.path(20)
    Thread { exchanger.run(path, link) }.start()
    defer { exchanger.stop() }
    var (read, refused) = (0, 0)
    while read + refused < 1000 || (read == 0 || refused == 0) && read + refused < 100_000 {
      do {
        let found = try inside.folder.open(step: 20)
        #expect(found.manifest.worldSize == 2)
        read += 1
      } catch is CheckpointError { refused += 1 }
    }
    #expect(read > 0 && refused > 0, "\(read) read, \(refused) refused")
  }
}
