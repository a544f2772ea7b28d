import Glibc

/// Makes a system call until no signal interrupts it.
///
/// Not for `close`: a descriptor whose `close` was interrupted is gone on Linux.
///
/// - Parameter call: returns -1 and sets `errno` where it fails.
/// - Returns: what the call returned; `errno` is then never EINTR.
func uninterrupted<Result: SignedInteger>(_ call: () -> Result) -> Result {
  while true {
    let result = call()
    if result != -1 || errno != EINTR { return result }
  }
}
