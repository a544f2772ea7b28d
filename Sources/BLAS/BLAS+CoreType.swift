import COpenBLAS
import Glibc

extension BLAS {
  /// Uses the kernels of another processor type from now on; no product may be under way.
  ///
  /// A build of OpenBLAS for many processors looks at `OPENBLAS_CORETYPE` when it chooses, and can be
  /// made to choose again. Products then have the bits that a start with that variable gives.
  ///
  /// - Parameter wanted: a type that this processor can run, for example `Haswell`.
  /// - Returns: whether ``coreType`` is now what was asked for; a build for one processor cannot change.
  ///
  /// The corresponding C functions are `gotoblas_dynamic_quit` and `gotoblas_dynamic_init`.
  public static func select(coreType wanted: String) -> Bool {
    if coreType == wanted { return true }
    typealias Function = @convention(c) () -> Void
    guard let quit = dlsym(nil, "gotoblas_dynamic_quit"),
      let start = dlsym(nil, "gotoblas_dynamic_init")
    else { return false }
    setenv("OPENBLAS_CORETYPE", wanted, 1)
    unsafeBitCast(quit, to: Function.self)()
    unsafeBitCast(start, to: Function.self)()
    return coreType == wanted
  }

  /// The best processor type whose kernels all of several processors can run.
  ///
  /// - Parameters:
  ///   - coreTypes: what OpenBLAS chose on each of them.
  ///   - haveAVX2: whether all of them have AVX2 and FMA.
  /// - Returns: the type they have in common; where they differ `Haswell` with AVX2, else `Prescott`,
  ///   which every 64-bit processor can run.
  public static func commonCoreType(of coreTypes: [String], haveAVX2: Bool) -> String {
    if let first = coreTypes.first, coreTypes.allSatisfy({ $0 == first }) { return first }
    return haveAVX2 ? "Haswell" : "Prescott"
  }
}
