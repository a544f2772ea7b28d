import COpenMPI
import Glibc

/// A group of ranks and the collectives between them.
///
/// A communicator is deliberately not `Sendable`: MPI is initialised at the *funneled* level, where
/// only one thread may call it, and the compiler keeps every call on the thread that holds this
/// object. A failed call throws; it does not end the process.
///
/// Not covered: one-sided communication, topologies, MPI files, inter-communicators.
public final class Communicator {
  let handle: MPI_Comm?
  /// This process's number in the group, in `0 ..< size`.
  public let rank: Int
  /// R: the number of processes in the group; 1 outside `mpirun`.
  public let size: Int
  /// The most scalars that travel in one message; a test lowers it to see long buffers split.
  package var countLimit = Int(CInt.max)
  let family: CommunicatorFamily
  /// Which threads may call MPI.
  public var threadLevel: ThreadLevel { family.level }

  /// Wraps a handle and makes its errors return instead of abort.
  init(handle: MPI_Comm?, family: CommunicatorFamily) throws(MPIError) {
    self.handle = handle
    self.family = family
    try check(MPI_Comm_set_errhandler(handle, COpenMPI_errors_return()), "MPI_Comm_set_errhandler")
    var rank: CInt = 0
    var size: CInt = 0
    try check(MPI_Comm_rank(handle, &rank), "MPI_Comm_rank")
    try check(MPI_Comm_size(handle, &size), "MPI_Comm_size")
    self.rank = Int(rank)
    self.size = Int(size)
  }

  /// The name of the node this rank runs on.
  ///
  /// - MPI standard: 3.1, section 8.1.2 (`MPI_Get_processor_name`).
  public var hostName: String {
    libraryText(capacity: Int(MPI_MAX_PROCESSOR_NAME)) { MPI_Get_processor_name($0, $1) }
  }

  /// Waits until every rank has called it.
  ///
  /// - Throws: ``MPIError`` if the library fails.
  /// - MPI standard: 3.1, section 5.3.
  public func barrier() throws(MPIError) {
    try together(MPI_Barrier(handle), "MPI_Barrier")
  }

  /// Told whenever this rank is in a call that ends only once others have come; held weakly, and shared by all
  /// communicators of a world.
  public var observer: (any CollectiveObserver)? {
    get { family.observer }
    set { family.observer = newValue }
  }

  /// Makes a call that ends only once others have come, and checks it.
  func together(_ status: @autoclosure () -> CInt, _ call: StaticString) throws(MPIError) {
    try check(waiting(status), call)
  }

  /// Runs `body` while the observer knows that this rank waits for others.
  func waiting<Result>(_ body: () -> Result) -> Result {
    let observer = family.observer
    observer?.joined()
    defer { observer?.left() }
    return body()
  }

  /// Where the messages begin that `0 ..< count` travels in.
  func pieces(_ count: Int) -> StrideTo<Int> { stride(from: 0, to: count, by: countLimit) }

  /// The length of the message that begins at `start`, as MPI counts.
  func pieceLength(_ start: Int, of count: Int) -> CInt { CInt(min(countLimit, count - start)) }

  /// The number of another rank as MPI takes it.
  ///
  /// - Parameters:
  ///   - number: a rank of this group.
  ///   - call: the C function it is for.
  /// - Returns: the same number.
  /// - Throws: ``MPIError`` of class `MPI_ERR_RANK` outside the group.
  func peer(_ number: Int, _ call: StaticString) throws(MPIError) -> CInt {
    guard number >= 0, number < size else {
      throw MPIError(
        code: .library(errorClass: CInt(MPI_ERR_RANK)), call: "\(call)",
        message: "rank \(number) is not in the group, expected 0..<\(size)")
    }
    return CInt(number)
  }

  /// The number of a kind of message as MPI takes it.
  ///
  /// - Parameter tag: not negative.
  /// - Returns: the same number.
  static func kind(_ tag: Int) -> CInt {
    precondition(tag >= 0 && tag <= Int(CInt.max), "a tag is in 0...\(CInt.max), found \(tag)")
    return CInt(tag)
  }
}

/// Learns when a rank waits for others inside MPI, for example to tell a rank that computes from one that spins.
public protocol CollectiveObserver: AnyObject {
  /// The rank enters a blocking call that other ranks take part in.
  func joined()
  /// The call is over.
  func left()
}

/// What holds before, and apart from, any communicator.
public enum MPIEnvironment {
  /// Seconds since some moment in the past, for differences on this rank; inside the world only.
  ///
  /// - MPI standard: 3.1, section 8.6 (`MPI_Wtime`).
  public static var wallTime: Double { MPI_Wtime() }

  /// What the MPI library calls itself, up to its first comma.
  ///
  /// - MPI standard: 3.1, section 8.1.1 (`MPI_Get_library_version`).
  public static var libraryVersion: String {
    var text = [CChar](repeating: 0, count: Int(MPI_MAX_LIBRARY_VERSION_STRING))
    var length: CInt = 0
    MPI_Get_library_version(&text, &length)
    let bytes = text.prefix(Int(length)).map { UInt8(bitPattern: $0) }
    return String(decoding: bytes.prefix { $0 != UInt8(ascii: ",") }, as: UTF8.self)
  }

  /// How many ranks the launcher started in all and on this node, where it says so.
  ///
  /// Known before MPI starts; Open MPI's `mpirun` tells it in the environment.
  public static var launchedRanks: (all: Int, local: Int)? {
    func number(_ name: String) -> Int? { getenv(name).flatMap { Int(String(cString: $0)) } }
    guard let all = number("OMPI_COMM_WORLD_SIZE"), let local = number("OMPI_COMM_WORLD_LOCAL_SIZE")
    else { return nil }
    return (all, local)
  }

  /// Whether `mpirun` or `srun` started this process as one of several ranks.
  ///
  /// Only `OMPI_COMM_WORLD_RANK` and `PMIX_RANK` count: other variables of a batch job are also seen by
  /// processes that are no ranks. Read once, before MPI starts: Open MPI sets them itself, for this
  /// process and its children, when a world of one begins without a launcher.
  public static let isUnderLauncher =
    getenv("OMPI_COMM_WORLD_RANK") != nil || getenv("PMIX_RANK") != nil
}
