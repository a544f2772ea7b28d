import CKernels
import Glibc
import Synchronization

/// Writable floats in C order.
public typealias Floats = UnsafeMutablePointer<Float>
/// Readable floats in C order.
public typealias ConstantFloats = UnsafePointer<Float>

/// The vector loops every model is made of, in one of several builds.
///
/// A build is a set of processor instructions. It decides the last bits of results, so all ranks of a
/// run use the same one and it is part of the run's record. The best build this processor supports is
/// the default; `AIMASS_KERNELS` or ``select(_:)`` choose another. Nothing here allocates. Results are
/// overwritten, never added to, unless the name says so, and depend on values and extents alone.
public enum Kernels {
  /// The names of all builds, best first.
  public static var builds: [String] { tables.map { String(cString: $0.pointee.name) } }

  /// The names of the builds that this processor can run, best first.
  public static var supportedBuilds: [String] {
    tables.filter { $0.pointee.supported() }.map { String(cString: $0.pointee.name) }
  }

  /// The build in use, for the run's record.
  public static var name: String { String(cString: table.pointee.name) }

  /// Uses another build from now on.
  ///
  /// - Parameter name: one of ``builds``.
  /// - Throws: ``KernelError`` if there is no such build or this processor cannot run it.
  public static func select(_ name: String) throws(KernelError) {
    guard let index = builds.firstIndex(of: name) else {
      throw KernelError(
        message: "AIMASS_KERNELS: there is no build '\(name)'; use one of "
          + builds.joined(separator: ", "))
    }
    guard tables[index].pointee.supported() else {
      throw KernelError(
        message: "AIMASS_KERNELS: this processor cannot run '\(name)'; use one of "
          + supportedBuilds.joined(separator: ", "))
    }
    selected.store(index, ordering: .relaxed)
  }

  /// Uses the build that `AIMASS_KERNELS` names, if it is set.
  ///
  /// - Throws: ``KernelError`` if there is no such build or this processor cannot run it.
  public static func selectFromEnvironment() throws(KernelError) {
    guard let name = getenv("AIMASS_KERNELS") else { return }
    try select(String(cString: name))
  }

  /// Runs `body` with another build on the calling thread alone, so that tests can compare builds.
  ///
  /// - Parameters:
  ///   - build: one of ``supportedBuilds``.
  ///   - dots: false to leave out the processor's dot products of bfloat16.
  ///   - body: must not suspend; threads it starts use the process's build.
  /// - Throws: what `body` throws, or ``KernelError`` if this processor cannot run `build`.
  /// - Returns: what `body` returns.
  package static func with<Result>(
    build: String, dots: Bool = true, _ body: () throws -> Result
  ) throws -> Result {
    guard let index = builds.firstIndex(of: build), tables[index].pointee.supported() else {
      throw KernelError(
        message: "this processor cannot run the build '\(build)'; use one of "
          + supportedBuilds.joined(separator: ", "))
    }
    let outer = CKernels_threadTable()
    defer { CKernels_setThreadTable(outer) }
    var table = tables[index].pointee
    if !dots { table.dots = nil }
    return try withUnsafePointer(to: table) {
      CKernels_setThreadTable($0)
      return try body()
    }
  }

  static var table: UnsafePointer<CKernels_Table> {
    CKernels_threadTable() ?? tables[selected.load(ordering: .relaxed)]
  }

  private static let selected = Atomic<Int>(
    tables.firstIndex { $0.pointee.supported() } ?? 0)

  private nonisolated(unsafe) static let tables: [UnsafePointer<CKernels_Table>] = {
    var count: Int64 = 0
    guard let builds = CKernels_builds(&count) else { return [] }
    return (0..<Int(count)).compactMap { builds[$0] }
  }()
}

/// A build of the kernels that cannot be used.
public struct KernelError: Error, Sendable, Equatable, CustomStringConvertible {
  /// What was asked for and what to use instead.
  public let message: String
  /// The message.
  public var description: String { message }
}

/// Makes denormal results and operands zero on the calling thread.
///
/// Denormals cost a hundred cycles each and carry nothing that training needs. Every thread that
/// computes calls this once, since the flags (FTZ and DAZ of MXCSR) belong to a thread.
public func flushDenormals() { CKernels_flushDenormals() }
