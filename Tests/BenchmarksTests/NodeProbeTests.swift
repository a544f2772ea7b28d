import Benchmarks
import Foundation
import TestSupport
import Testing

/// Interfaces, memory and folders of a node.
struct NodeProbeTests {
  static func interface(
    _ name: String, _ address: String, up: Bool = true, carrier: Bool = true
  ) -> NetworkInterface {
    NetworkInterface(name: name, addresses: [address], isUp: up, hasCarrier: carrier)
  }

  @Test func interfacesThatLeadNowhereAreNamedWithTheOption() {
    let node = [
      NetworkInterface(name: "lo", addresses: ["127.0.0.1"], isLoopback: true),
      Self.interface("eth0", "10.0.0.1"), Self.interface("docker0", "172.17.0.1"),
      Self.interface("virbr0", "192.168.122.1", up: false),
      Self.interface("ib0", "10.1.0.1", carrier: false),
      NetworkInterface(name: "br-12", addresses: []),
    ]
    let other = [Self.interface("eth0", "10.0.0.2")]
    let verdict = InterfaceVerdict([node, other])
    #expect(verdict.useless == ["docker0", "ib0"] && verdict.repeated.isEmpty)
    #expect(
      verdict.options
        == "--mca btl_tcp_if_exclude lo,docker0,ib0 --mca oob_tcp_if_exclude lo,docker0,ib0")
    #expect(InterfaceVerdict([node]).options == nil, "one node alone uses none")
    #expect(
      InterfaceVerdict([other, other.map { _ in Self.interface("eth0", "10.0.0.3") }]).options
        == nil)
  }

  @Test func anAddressOfSeveralNodesIsNamed() {
    let nodes = (1...3).map {
      [Self.interface("eth0", "10.0.0.\($0)"), Self.interface("usb0", "169.254.3.1")]
    }
    let verdict = InterfaceVerdict(nodes)
    #expect(verdict.repeated == ["169.254.3.1 (usb0)"] && verdict.useless == ["usb0"])
  }

  @Test func theLoopbackIsThere() {
    #expect(NetworkInterface.all().contains { $0.isLoopback && $0.name == "lo" })
  }

  @Test func memoryIsThatOfTheNodeOrOfTheGroup() throws {
    try withTemporaryFolder { folder in
      try folder.write("MemTotal: 2048 kB\nMemAvailable:   1024 kB\n", to: "proc/meminfo")
      let node = MemoryFacts(limit: nil, root: folder.path)
      #expect(node.totalBytes == 2 << 20 && node.availableBytes == 1 << 20)
      let group = MemoryFacts(limit: 512 << 10, root: folder.path)
      #expect(group.totalBytes == 512 << 10 && group.availableBytes == 512 << 10)
      #expect(MemoryFacts(limit: nil, root: "/nowhere").totalBytes == 0)
    }
  }

  @Test func aFolderIsTriedAndLeftAsItWas() throws {
    try withTemporaryFolder { folder in
      #expect(FolderProbe.write(in: folder.path, name: "probe") == [])
      #expect(FolderProbe.existing(folder.file("a/b/c")) == folder.path)
      try folder.write("", to: "file")
      #expect(FolderProbe.existing(folder.file("file")) == folder.path)
      try FileManager.default.removeItem(atPath: folder.file("file"))
      let found = FolderProbe.write(in: folder.file("absent"), name: "probe")
      #expect(found.count == 1 && found[0].contains("creating a file failed"))
      #expect(try FileManager.default.contentsOfDirectory(atPath: folder.path) == [])
      // No such file system refuses a root; the kernel's own does.
      #expect(FolderProbe.write(in: "/proc", name: "probe").count == 1)
    }
  }

  @Test func aMarkIsSeenByItsContent() throws {
    try withTemporaryFolder { folder in
      let mark = try #require(FolderProbe.leaveMark(in: folder.path, "ours"))
      #expect(FolderProbe.sees(mark, "ours"))
      #expect(!FolderProbe.sees(mark, "another's"))
      #expect(FolderProbe.leaveMark(in: folder.file("absent"), "x") == nil)
    }
  }

  @Test func aLockThatFailsNamesTheVariable() throws {
    let advice = FolderProbe.lockProblem("a.h5", failedWith: ENOLCK)
    #expect(advice.contains("HDF5_USE_FILE_LOCKING=FALSE") && advice.hasPrefix("a.h5"))
    #expect(FolderProbe.lockProblem("a.h5", failedWith: EWOULDBLOCK).contains("is writing it"))
  }
}
