import Glibc
import Tensors
import Training

/// What must hold before the libraries look at the environment.
enum ProcessEnvironment {
  /// Starts the program again with `OPENBLAS_NUM_THREADS=1` where that is not set.
  ///
  /// OpenBLAS starts its threads when it is loaded, before `main`; ranks that each start one per core
  /// would fight over the cores. The process keeps its number, so `mpirun` does not notice.
  static func prepare() {
    openStandardStreams()
    flushDenormals()
    hearSignals()
    Leash.tieRank()
    // Open MPI's usual protocol for long messages over TCP lets two hosts that send to each other take
    // turns: half the speed of a link that could carry both ways at once.
    setenv("OMPI_MCA_btl_tcp_flags", "send,inplace", 0)
    guard getenv("OPENBLAS_NUM_THREADS") == nil else { return }
    setenv("OPENBLAS_NUM_THREADS", "1", 1)
    execv("/proc/self/exe", CommandLine.unsafeArgv)
  }

  /// Opens those of the three standard streams that a parent has closed: else the first file that is written would
  /// become one of them, and messages would go into it.
  private static func openStandardStreams() {
    for stream: Int32 in 0...2 where fcntl(stream, F_GETFD) < 0 { _ = open("/dev/null", O_RDWR) }
  }

  /// Lets through the signals that ask a run to save, which a parent may have blocked.
  ///
  /// A blocked signal stays blocked in children, so a job started from a thread that blocks them, as
  /// many supervisors' threads do, could never be asked to save.
  private static func hearSignals() {
    var set = sigset_t()
    sigemptyset(&set)
    for number in [SIGUSR1, SIGUSR2, SIGTERM, SIGINT, SIGHUP] { sigaddset(&set, number) }
    sigprocmask(SIG_UNBLOCK, &set, nil)
    // A file that may not grow is then an error of the call that writes, which names it.
    signal(SIGXFSZ, SIG_IGN)
  }
}
