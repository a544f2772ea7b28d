import Glibc
import Tensors

/// What must hold before the libraries look at the environment.
enum ProcessEnvironment {
  /// Starts the program again with `OPENBLAS_NUM_THREADS=1` where that is not set.
  ///
  /// OpenBLAS starts its threads when it is loaded, before `main`; ranks that each start one per core
  /// would fight over the cores. The process keeps its number, so `mpirun` does not notice.
  static func prepare() {
    flushDenormals()
    guard getenv("OPENBLAS_NUM_THREADS") == nil else { return }
    setenv("OPENBLAS_NUM_THREADS", "1", 1)
    execv("/proc/self/exe", CommandLine.unsafeArgv)
  }
}
