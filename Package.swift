// swift-tools-version: 6.2
import PackageDescription

// Warnings are errors in our own targets; dependencies keep their own settings.
let strict: [SwiftSetting] = [.treatAllWarnings(as: .error)]

/// One room of the house: a Swift target and the lower floors it may import.
func room(_ name: String, _ lower: [Target.Dependency] = []) -> Target {
  .target(name: name, dependencies: lower, swiftSettings: strict)
}

/// A test target; golden files lie beside its sources in `Golden/` and are found by `#filePath`.
func tests(_ name: String, _ rooms: [Target.Dependency]) -> Target {
  .testTarget(name: name, dependencies: rooms, exclude: golden(name), swiftSettings: strict)
}

/// The folder of recorded values of a test target, which is no source.
func golden(_ name: String) -> [String] {
  ["CommandTests", "ConfigurationTests", "ModelsTests", "MetricsTests"].contains(name)
    ? ["Golden"] : []
}

let package = Package(
  name: "aimass",
  products: [
    .executable(name: "aimass", targets: ["aimass"]),
    // Preloaded by tests into the programs whose file operations are to fail.
    .library(name: "aimass-faults", type: .dynamic, targets: ["FaultLibrary"]),
  ],
  dependencies: [
    // Command line; imported by `aimass` only.
    .package(url: "https://github.com/apple/swift-argument-parser", from: "1.5.0"),
    // YAML; imported by `Configuration` only.
    .package(url: "https://github.com/jpsim/Yams", from: "6.0.0"),
  ],
  targets: [
    // Floor 0: module maps with macro accessors, vector kernels, memory.
    .systemLibrary(
      name: "COpenMPI", pkgConfig: "ompi-c", providers: [.apt(["libopenmpi-dev"])]),
    .systemLibrary(
      name: "CHDF5", pkgConfig: "hdf5-serial", providers: [.apt(["libhdf5-dev"])]),
    .systemLibrary(
      name: "COpenBLAS", pkgConfig: "openblas", providers: [.apt(["libopenblas-dev"])]),
    .systemLibrary(name: "CCrypto", pkgConfig: "libcrypto", providers: [.apt(["libssl-dev"])]),
    .systemLibrary(name: "CLinux"),
    .systemLibrary(name: "CZlib", pkgConfig: "zlib", providers: [.apt(["zlib1g-dev"])]),
    // Pictures, sounds and archives; used by `Preparation` only.
    .systemLibrary(name: "CPNG", pkgConfig: "libpng", providers: [.apt(["libpng-dev"])]),
    .systemLibrary(
      name: "CTurboJPEG", pkgConfig: "libturbojpeg", providers: [.apt(["libturbojpeg0-dev"])]),
    .systemLibrary(name: "CSndfile", pkgConfig: "sndfile", providers: [.apt(["libsndfile1-dev"])]),
    .systemLibrary(
      name: "CArchive", pkgConfig: "libarchive", providers: [.apt(["libarchive-dev"])]),
    .target(
      name: "CKernels",
      cSettings: [
        // Vectors wider than a build's registers are passed between inlined functions only (psabi).
        // -O3 unrolls the register tiles; errno and traps of libm calls would forbid vectors.
        .unsafeFlags([
          "-O3", "-fno-math-errno", "-fno-trapping-math", "-Wall", "-Werror", "-Wno-psabi",
        ])
      ]),
    room("Buffers", ["CCrypto", "CLinux"]),
    // Places where tests make things go wrong; empty in a release build.
    room("FaultPoints"),

    // Floor 1: thin, typed borders, and what a person writes and reads.
    room("MPI", ["COpenMPI", "Buffers"]),
    room("HDF5", ["CHDF5", "Buffers"]),
    room("BLAS", ["COpenBLAS"]),
    room("Configuration", [.product(name: "Yams", package: "Yams")]),
    room("Reports"),

    // Floor 2
    room("Tensors", ["Buffers", "CKernels"]),
    // Floor 3
    room("Parameters", ["Buffers", "Tensors"]),

    // Floor 4: none knows another.
    room(
      "Datasets", ["Buffers", "CLinux", "CZlib", "HDF5", "Configuration", "Tensors", "CKernels"]),
    room("Models", ["Buffers", "Configuration", "Tensors", "Parameters"]),
    room("Exchange", ["Buffers", "MPI", "Tensors", "Parameters"]),
    room("Optimizers", ["Buffers", "Configuration", "Tensors", "Parameters"]),
    room("Pruning", ["Buffers", "MPI", "Configuration", "Tensors", "Parameters"]),
    room("Checkpoints", ["Buffers", "CLinux", "FaultPoints", "Configuration", "Parameters"]),
    room("Metrics", ["Buffers", "BLAS", "Configuration"]),
    room(
      "CountedModels", ["Buffers", "MPI", "BLAS", "Configuration", "Tensors", "Parameters"]),

    // Floor 5
    room(
      "Preparation",
      [
        "Buffers", "CZlib", "CPNG", "CTurboJPEG", "CSndfile", "CArchive", "HDF5", "BLAS",
        "Configuration", "Tensors", "Datasets",
      ]),
    // Floor 6
    room(
      "Training",
      [
        "Buffers", "FaultPoints", "MPI", "HDF5", "BLAS", "Configuration", "Reports", "Tensors",
        "Parameters", "Datasets", "Models", "Exchange", "Optimizers", "Checkpoints", "Metrics",
        "CountedModels", "Preparation", "Pruning", "CLinux",
      ]),
    room(
      "Benchmarks",
      [
        "Buffers", "CLinux", "MPI", "HDF5", "BLAS", "Configuration", "Reports", "Tensors",
        "Parameters", "Exchange", "Pruning", "Checkpoints",
      ]),
    // Floor 7
    .executableTarget(
      name: "aimass",
      dependencies: [
        "Buffers", "MPI", "HDF5", "BLAS", "Configuration", "Reports", "Tensors", "Parameters",
        "Datasets", "Models", "Exchange", "Pruning", "Checkpoints", "Metrics", "CountedModels",
        "Preparation", "Training", "Benchmarks", "FaultPoints",
        .product(name: "ArgumentParser", package: "swift-argument-parser"),
      ],
      swiftSettings: strict),

    // Tests: one optimised build serves all of them.
    .executableTarget(
      name: "rank-checks",
      dependencies: [
        "Buffers", "MPI", "Configuration", "Tensors", "Parameters", "Exchange", "Pruning",
      ],
      path: "Tests/RankChecks", swiftSettings: strict),
    .executableTarget(
      name: "store-checks", dependencies: ["Buffers", "Checkpoints"],
      path: "Tests/StoreChecks", swiftSettings: strict),
    .target(
      name: "FaultLibrary", path: "Tests/FaultLibrary",
      cSettings: [.unsafeFlags(["-Wall", "-Werror"])]),
    // Replaces malloc in the program that links it, so it is linked by one program alone.
    .target(
      name: "AllocationCounter", path: "Tests/AllocationCounter",
      cSettings: [.unsafeFlags(["-Wall", "-Werror"])]),
    .executableTarget(
      name: "allocation-checks",
      dependencies: ["AllocationCounter", "BLAS", "Configuration", "MPI", "Tensors", "Training"],
      path: "Tests/AllocationChecks", swiftSettings: strict),
    .executableTarget(
      name: "file-checks",
      dependencies: ["Buffers", "Checkpoints", "Configuration", "Datasets", "Tensors"],
      path: "Tests/FileChecks", swiftSettings: strict),
    .target(
      name: "FuzzTargets",
      dependencies: [
        "Buffers", "HDF5", "Configuration", "Reports", "Datasets", "Tensors", "Checkpoints",
        "Parameters", "Preparation", "Training",
      ],
      path: "Tests/FuzzTargets", swiftSettings: strict),
    .target(name: "TestSupport", path: "Tests/TestSupport", swiftSettings: strict),
    tests("BuffersTests", ["Buffers", "TestSupport"]),
    tests("BLASTests", ["BLAS", "TestSupport"]),
    tests("HDF5Tests", ["HDF5", "Buffers", "TestSupport"]),
    tests("ConfigurationTests", ["Configuration", "TestSupport"]),
    tests("ReportsTests", ["Reports", "TestSupport"]),
    tests("TensorsTests", ["Tensors", "Buffers", "BLAS", "CKernels", "TestSupport"]),
    tests("ParametersTests", ["Parameters", "Buffers", "TestSupport"]),
    tests(
      "DatasetsTests", ["Datasets", "HDF5", "Configuration", "Tensors", "Buffers", "TestSupport"]),
    tests(
      "ModelsTests",
      ["Models", "Parameters", "Configuration", "Tensors", "Buffers", "TestSupport"]),
    tests("ExchangeTests", ["Exchange", "Parameters", "Tensors", "Buffers", "TestSupport"]),
    tests(
      "OptimizersTests",
      [
        "Optimizers", "Exchange", "Parameters", "Configuration", "Tensors", "Buffers",
        "TestSupport",
      ]),
    tests(
      "PruningTests",
      ["Pruning", "Parameters", "Configuration", "TestSupport"]),
    tests(
      "CheckpointsTests",
      ["Checkpoints", "Parameters", "Configuration", "Buffers", "CLinux", "TestSupport"]),
    tests("MetricsTests", ["Metrics", "Configuration", "Buffers", "BLAS", "TestSupport"]),
    tests(
      "PreparationTests",
      ["Preparation", "Datasets", "HDF5", "Configuration", "Tensors", "Buffers", "TestSupport"]),
    tests(
      "TrainingTests", ["Training", "Exchange", "Reports", "Configuration", "TestSupport"]),
    tests("BenchmarksTests", ["Benchmarks", "Reports", "TestSupport"]),
    tests("FuzzTests", ["FuzzTargets", "TestSupport"]),
    tests("RankTests", ["TestSupport"]),
    tests("CommandTests", ["TestSupport"]),
    tests("HouseTests", ["TestSupport"]),
    tests("LaunchTests", ["TestSupport"]),
  ]
)

// The fuzzer is built by `launch/fuzz` alone: everything below it is instrumented.
if Context.environment["AIMASS_FUZZ"] != nil {
  package.targets.append(
    .executableTarget(
      name: "fuzz", dependencies: ["FuzzTargets"], path: "Tests/Fuzz",
      exclude: ["Corpus", "Regressions"],
      swiftSettings: strict, linkerSettings: [.unsafeFlags(["-Xlinker", "--as-needed"])]))
}
