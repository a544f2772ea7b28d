import Foundation
import TestSupport
import Testing

/// What `launch/package` puts together; the program is the one that was built for the tests.
struct PackageTests {
  /// Makes a package with a stand-in for the compiler and runs `body` with its folder.
  private func withPackage(
    _ options: [String], _ body: (String, ProcessResult) throws -> Void
  ) throws {
    try withTemporaryFolder { folder in
      let package = folder.file("my package")
      let swift = "[[ $* == *--show-bin-path* ]] && echo '\(Products.folder)' || echo BUILD $* >&2"
      let result = try Launch.run("package", [package] + options, ["swift": swift])
      #expect(result.status == 0, "\(result)")
      try body(package, result)
    }
  }

  /// The environment of a machine that has no Swift.
  private func bare(_ command: [String], in folder: String) throws -> ProcessResult {
    try runProcess(
      "env",
      ["-i", "PATH=/usr/bin:/bin", "OMPI_ALLOW_RUN_AS_ROOT=1"]
        + ["OMPI_ALLOW_RUN_AS_ROOT_CONFIRM=1"] + command, currentDirectory: folder)
  }

  @Test func startsElsewhereWithoutSwift() throws {
    try withPackage([]) { package, result in
      let build = result.lines(with: "BUILD").first ?? ""
      #expect(build.contains("-Xswiftc -static-stdlib"), "\(result)")
      #expect(build.contains("/.build/package"), "apart from the usual build: \(result)")
      try withTemporaryFolder { folder in
        try Digits.lay(in: folder)
        let started = try bare(
          [package + "/launch/mpirun", "--ranks", "2", "train", "digits.yaml", "--dry-run"],
          in: folder.path)
        #expect(started.lines(with: "2 ranks on 1 node").count == 1, "\(started)")
        #expect(started.lines(with: "dry run: all checks passed").count == 1, "\(started)")
      }
      for name in [
        "README", "aimass.def", "configs/quickstart.yaml", "docs/clusters.md",
        "launch/slurm.sbatch", "launch/pbs",
      ] { #expect(FileManager.default.fileExists(atPath: package + "/" + name), "\(name)") }
      #expect(!FileManager.default.fileExists(atPath: package + "/lib"))
    }
  }

  @Test func bundlesLibrariesButNeverMPI() throws {
    try withPackage(["--with-libraries"]) { package, _ in
      let names = try FileManager.default.contentsOfDirectory(atPath: package + "/lib")
      for start in ["libopenblas", "libhdf5", "libcrypto", "libgfortran"] {
        #expect(names.contains { $0.hasPrefix(start) }, "\(start) in \(names)")
      }
      for start in ["libmpi", "libopen-", "libpmix", "libc.so", "libstdc++"] {
        #expect(!names.contains { $0.hasPrefix(start) }, "\(start) in \(names)")
      }
      // What is bundled needs nothing but what is bundled and what every system has.
      let needed = try runProcess(
        "bash",
        ["-c", "readelf -d *.so* | sed -n 's/.*(NEEDED).*\\[\\(.*\\)\\]/\\1/p' | sort -u"],
        currentDirectory: package + "/lib")
      let system = [
        "libc.", "libm.", "libdl.", "libgcc_s.", "libstdc++.", "ld-linux", "libresolv.",
      ]
      for name in needed.output.split(separator: "\n").map(String.init)
      where !system.contains(where: name.hasPrefix) {
        #expect(names.contains(name), "\(name) is needed and not bundled")
      }
    }
  }

  @Test func leavesWhatExistsAlone() throws {
    let result = try Launch.run("package", ["."], ["swift": "exit 0"])
    #expect(result.status == 73, "\(result)")
    #expect(try Launch.run("package", []).status == 64)
    #expect(try Launch.run("package", ["a", "b"]).status == 64)
    #expect(try Launch.run("package", ["--fast", "b"]).status == 64)
  }

  @Test func tellsABuildThatFailed() throws {
    let result = try Launch.run("package", ["new"], ["swift": "exit 1"])
    #expect(result.status == 70 && result.errors.contains("the build failed"), "\(result)")
  }
}
