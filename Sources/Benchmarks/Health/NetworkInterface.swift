import Foundation
import Glibc

/// A network interface of a node, as Open MPI would see it.
public struct NetworkInterface: Sendable, Equatable, Codable {
  /// Its name, for example `eth0`.
  public var name: String
  /// Its IPv4 addresses.
  public var addresses: [String]
  /// Whether it is switched on, which is all that Open MPI asks.
  public var isUp: Bool
  /// Whether something answers at the other end of the cable.
  public var hasCarrier: Bool
  /// Whether it leads only back to this node.
  public var isLoopback: Bool

  /// An interface from its parts.
  public init(
    name: String, addresses: [String], isUp: Bool = true, hasCarrier: Bool = true,
    isLoopback: Bool = false
  ) {
    self.name = name
    self.addresses = addresses
    self.isUp = isUp
    self.hasCarrier = hasCarrier
    self.isLoopback = isLoopback
  }

  /// The interfaces of this node (`getifaddrs`).
  public static func all() -> [NetworkInterface] {
    var first: UnsafeMutablePointer<ifaddrs>?
    guard getifaddrs(&first) == 0 else { return [] }
    defer { freeifaddrs(first) }
    var found: [NetworkInterface] = []
    var next = first
    while let entry = next?.pointee {
      next = entry.ifa_next
      let name = String(cString: entry.ifa_name)
      let flags = Int32(truncatingIfNeeded: entry.ifa_flags)
      if !found.contains(where: { $0.name == name }) {
        found.append(
          NetworkInterface(
            name: name, addresses: [], isUp: flags & Int32(IFF_UP) != 0,
            hasCarrier: flags & Int32(IFF_RUNNING) != 0,
            isLoopback: flags & Int32(IFF_LOOPBACK) != 0))
      }
      guard let text = address(entry.ifa_addr),
        let index = found.firstIndex(where: { $0.name == name })
      else { continue }
      found[index].addresses.append(text)
    }
    return found
  }

  private static func address(_ address: UnsafeMutablePointer<sockaddr>?) -> String? {
    guard let address, Int32(address.pointee.sa_family) == AF_INET else { return nil }
    var host = [CChar](repeating: 0, count: 64)
    let length = socklen_t(MemoryLayout<sockaddr_in>.size)
    guard getnameinfo(address, length, &host, 64, nil, 0, NI_NUMERICHOST) == 0 else { return nil }
    return String(decoding: host.prefix { $0 != 0 }.map { UInt8(bitPattern: $0) }, as: UTF8.self)
  }

  /// Names of interfaces that virtual machines and containers make for themselves on a node.
  private static let inner = ["docker", "virbr", "br-", "lxcbr", "lxdbr", "podman", "cni", "veth"]

  /// Whether Open MPI would use it though it leads to no other node.
  var leadsNowhere: Bool {
    guard isUp, !isLoopback, !addresses.isEmpty else { return false }
    return !hasCarrier || Self.inner.contains { name.hasPrefix($0) }
  }
}

/// What is wrong with the interfaces of several nodes together.
public struct InterfaceVerdict: Sendable, Equatable {
  /// Interfaces that are up and lead to no other node, by name.
  public let useless: [String]
  /// Addresses that more than one node carries, with the interface; messages to them come back.
  public let repeated: [String]

  /// Judges the interfaces of nodes, one list per node.
  ///
  /// One node alone uses none, so nothing is wrong there.
  public init(_ nodes: [[NetworkInterface]]) {
    guard nodes.count > 1 else {
      (useless, repeated) = ([], [])
      return
    }
    var carriers: [String: Int] = [:]
    var names: Set<String> = []
    var repeatedNames: [String: String] = [:]
    for interfaces in nodes {
      names.formUnion(interfaces.filter(\.leadsNowhere).map(\.name))
      let used = interfaces.filter { $0.isUp && !$0.isLoopback }
      for address in Set(used.flatMap(\.addresses)) { carriers[address, default: 0] += 1 }
      for interface in used {
        for address in interface.addresses { repeatedNames[address] = interface.name }
      }
    }
    let twice = carriers.filter { $0.value > 1 }.keys.sorted()
    names.formUnion(twice.compactMap { repeatedNames[$0] })
    useless = names.sorted()
    repeated = twice.map { "\($0) (\(repeatedNames[$0] ?? "?"))" }
  }

  /// The options of `mpirun` that leave them out, or nil where there is nothing to leave out.
  ///
  /// The list replaces Open MPI's own, which is the loopback, so that is named again.
  public var options: String? {
    guard !useless.isEmpty else { return nil }
    let list = (["lo"] + useless).joined(separator: ",")
    return "--mca btl_tcp_if_exclude \(list) --mca oob_tcp_if_exclude \(list)"
  }
}
