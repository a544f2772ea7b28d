/// The Python on this machine, as a second opinion.
///
/// A test that needs a module says so: `@Test(.enabled(if: Python.has("h5py"), "h5py is missing"))`.
public enum Python {
  private static let known = [
    "numpy", "scipy", "h5py", "sklearn", "safetensors", "torch", "PIL", "soundfile",
    "zipfile",
  ]

  private static let present: Set<String> = {
    let script =
      "import importlib.util as u\nfor m in \(known.map { "'\($0)'" }.joined(separator: ",")),:\n"
      + "  if u.find_spec(m): print(m)"
    let result = try? runProcess("python3", ["-c", script], timeout: 60)
    return Set((result?.output ?? "").split(separator: "\n").map(String.init))
  }()

  /// Whether all of these modules can be imported; one of numpy, scipy, h5py, sklearn, safetensors,
  /// torch, PIL, soundfile and zipfile each.
  ///
  /// - Parameter modules: their names.
  /// - Returns: false also where there is no Python.
  public static func has(_ modules: String...) -> Bool {
    for module in modules { precondition(known.contains(module), "\(module) is not looked for") }
    return modules.allSatisfy(present.contains)
  }

  /// Runs a script and returns what it printed.
  ///
  /// - Parameters:
  ///   - script: the program's text.
  ///   - arguments: `sys.argv[1:]`.
  ///   - timeout: seconds it may take.
  /// - Returns: its standard output.
  /// - Throws: ``ProcessFailure`` with its traceback if it fails.
  public static func run(
    _ script: String, _ arguments: [String] = [], timeout: Double = 120
  ) throws -> String {
    let result = try runProcess(
      "python3", ["-c", script] + arguments,
      environment: ["OMP_NUM_THREADS": "1", "OPENBLAS_NUM_THREADS": "1"], timeout: timeout)
    guard result.status == 0 else { throw ProcessFailure(description: result.description) }
    return result.output
  }

  /// Runs a script that may fail, such as a comparison.
  ///
  /// - Parameters:
  ///   - script: the program's text.
  ///   - argument: `sys.argv[1]`.
  /// - Returns: what it printed on both streams, and its exit code.
  /// - Throws: ``ProcessFailure`` if it cannot be started.
  public static func attempt(
    _ script: String, _ argument: String
  ) throws -> (text: String, code: Int32) {
    let result = try runProcess("python3", ["-c", script, argument], timeout: 120)
    return (result.output + result.errors, result.status)
  }

  /// Whether h5py, the other implementation that HDF5 files are compared with, can be imported.
  public static var hasH5py: Bool { has("h5py", "numpy") }
}
