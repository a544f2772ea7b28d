import FuzzTargets
import Glibc

/// The fuzzer's own entry; this program has a `main` of its own, so that one binary holds all targets.
@_silgen_name("LLVMFuzzerRunDriver")
func runDriver(
  _ count: UnsafeMutablePointer<CInt>,
  _ arguments: UnsafeMutablePointer<UnsafeMutablePointer<UnsafeMutablePointer<CChar>?>?>,
  _ test: @convention(c) (UnsafePointer<UInt8>?, Int) -> CInt
) -> CInt

/// The target of this process.
nonisolated(unsafe) var target: FuzzTarget?

@main
struct Driver {
  /// `fuzz TARGET [options of libFuzzer and folders]`; alone it lists the targets.
  static func main() {
    let name = CommandLine.argc > 1 ? CommandLine.arguments[1] : ""
    guard let found = FuzzTarget.all.first(where: { $0.name == name }) else {
      for target in FuzzTarget.all { print(target.name) }
      exit(name.isEmpty ? 0 : 64)
    }
    target = found
    // The fuzzer sees the program's name and what follows the target's.
    var line: [UnsafeMutablePointer<CChar>?] = [strdup(CommandLine.arguments[0])]
    line += CommandLine.arguments.dropFirst(2).map { strdup($0) } + [nil]
    var count = CInt(line.count - 1)
    let status = line.withUnsafeMutableBufferPointer { buffer -> CInt in
      var arguments = buffer.baseAddress
      return withUnsafeMutablePointer(to: &arguments) { pointer in
        runDriver(&count, pointer) { bytes, size in
          let input = UnsafeBufferPointer(start: bytes, count: size)
          _ = target?.run(Array(input))
          return 0
        }
      }
    }
    exit(status)
  }
}
