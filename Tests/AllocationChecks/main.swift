import AllocationCounter
import BLAS
import Configuration
import Glibc
import MPI
import Tensors
import Training

// Counts the heap allocations of training steps on the compute thread of every rank:
// `mpirun -np 2 allocation-checks THREADS CONFIG.yaml [key=value]...`; several threads share even little work. Ends with 1 where a step allocates.

let words = Array(CommandLine.arguments.dropFirst())
guard words.count >= 2, let threads = Int(words[0]) else { exit(64) }
let path = words[1]
guard
  case .network(var settings) = try ConfiguredRun.load(
    path: path, overrides: Array(words.dropFirst(2)))
else { exit(64) }
BLAS.start()

/// Steps before the count begins, among them one of every size and all that a process does once.
let first = 20
/// Steps that are counted.
let counted = 40
settings.train.length = .steps(first + counted)
let options = TrainingOptions(
  configuration: settings,
  configurationFolder: path.split(separator: "/", omittingEmptySubsequences: false).dropLast()
    .joined(separator: "/"),
  output: "", version: "")
let isClean = try withWorld(
  threads: Trainer.threadLevel(for: settings, threads: threads),
  { world in
    let trainer = try Trainer(world, options, observer: nil)
    var step = 0
    var found = 0
    try Kernels.with(threads: threads, cores: threads, leastWork: 1) {
      _ = try trainer.measureSpeed(warmUp: first, steps: counted) {
        step += 1
        if step == first { AllocationCounter_start() }
        if step == first + counted { found = AllocationCounter_stop() }
      }
    }
    print("rank \(world.rank): \(found) allocations in \(counted) steps")
    fflush(nil)
    return found == 0
  },
  onFailure: { error, rank in
    print("allocation-checks: rank \(rank): \(error)")
    return 70
  })
exit(isClean ? 0 : 1)
