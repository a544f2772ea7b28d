import TestSupport
import Testing

/// The command lines of `launch/mpirun` and `launch/pbs`.
struct MpirunTests {
  /// What `--dry-run` prints, without the variables handed on and the program's path.
  private func line(_ arguments: [String], hosts: String = "") throws -> String {
    let result = try Launch.run(
      "mpirun", ["--program", "/built/aimass", "--dry-run"] + arguments,
      ["nproc": "echo ${OMP_NUM_THREADS:-4}"], files: ["hosts": hosts])
    #expect(result.status == 0, "\(result)")
    let words = result.output.split(separator: "\n").last?.split(separator: " ") ?? []
    var kept: [Substring] = []
    var index = 0
    while index < words.count {
      if words[index] == "-x" {
        index += 2
        continue
      }
      kept.append(words[index])
      index += 1
    }
    return kept.joined(separator: " ")
  }

  static let away = "lo,docker0,virbr0,podman0,lxcbr0,cni0"
  static let apart = "--mca btl_tcp_if_exclude \(away) --mca oob_tcp_if_exclude \(away)"
  static let bound = "--bind-to core:if-supported,overload-allowed"

  @Test func takesAHostFile() throws {
    let file = "# the first rack\nnode1 slots=16 max_slots=20 # fast\n\n  node2 slots=8\nnode3\n"
    #expect(
      try line(["--hosts", "hosts", "train", "run.yaml", "--fresh"], hosts: file)
        == "mpirun --host node1:16,node2:8,node3:1 -np 25 --map-by slot \(Self.apart) \(Self.bound) "
        + "/built/aimass train run.yaml --fresh")
  }

  @Test func bindsRanksToTheCoresOfTheirThreads() throws {
    let words = ["--cores", "2", "train", "run.yaml", "--threads", "2"]
    #expect(
      try line(words)
        == "mpirun -np 2 --map-by slot:PE=2 \(Self.bound) /built/aimass train run.yaml --threads 2")
    let away = try line(["--hosts", "node1:4", "--cores", "8", "train", "run.yaml"])
    #expect(away.contains("--host node1:4 -np 4 --map-by slot:PE=8 "))
    let domains = try line(["--hosts", "node1:4", "--bind", "numa", "--cores", "8", "doctor"])
    #expect(domains.contains("-np 4 --map-by slot ") && domains.contains("--bind-to numa:"))
  }

  @Test func countsTheLinesOfANodeFile() throws {
    let file = "node2\nnode2\nnode1\nnode2\nnode1\n"
    #expect(
      try line(["--hosts", "hosts", "--", "doctor"], hosts: file)
        == "mpirun --host node2:3,node1:2 -np 5 --map-by slot \(Self.apart) \(Self.bound) "
        + "/built/aimass doctor")
  }

  @Test func takesAListAndWhatIsSaidOfIt() throws {
    let line = try line([
      "--hosts", "node1:4,10.0.0.7", "--ranks-per-node", "3", "--ranks", "5", "--interfaces",
      "10.0.0.0/24", "--bind", "none", "--mca", "plm_rsh_agent", "a b", "evaluate", "runs/x y",
    ])
    #expect(
      line == "mpirun --host node1:3,10.0.0.7:3 -np 5 --map-by slot "
        + "--mca btl_tcp_if_include 10.0.0.0/24 --mca oob_tcp_if_include 10.0.0.0/24 "
        + "--bind-to none --mca plm_rsh_agent 'a b' /built/aimass evaluate 'runs/x y'")
  }

  @Test func excludesMoreWhenAsked() throws {
    let line = try line(["--hosts", "node1:2", "--exclude", "ib1,eth9", "doctor"])
    #expect(line.contains("--mca btl_tcp_if_exclude \(Self.away),ib1,eth9 "))
    #expect(line.contains("--mca oob_tcp_if_exclude \(Self.away),ib1,eth9 "))
  }

  @Test func bindsOnOneMachineWhereThereAreCores() throws {
    #expect(try line(["doctor"]) == "mpirun -np 4 \(Self.bound) /built/aimass doctor")
    #expect(
      try line(["--ranks", "5", "doctor"])
        == "mpirun -np 5 --oversubscribe --bind-to none /built/aimass doctor")
  }

  @Test func handsVariablesOn() throws {
    let result = try Launch.run(
      "mpirun", ["--program", "x", "--hosts", "a", "--dry-run", "doctor"],
      environment: ["AIMASS_KERNELS": "v3", "OPENBLAS_CORETYPE": "Haswell", "SECRET": "1"])
    for name in ["AIMASS_KERNELS", "OPENBLAS_CORETYPE", "OPENBLAS_NUM_THREADS", "PATH"] {
      #expect(result.output.contains("-x \(name) "), "\(result)")
    }
    #expect(!result.output.contains("SECRET"), "\(result)")
  }

  @Test(arguments: [
    ["doctor"].dropLast(), ["--ranks", "0", "doctor"], ["--hosts", "a:0", "doctor"],
    ["--hosts", "a;b", "doctor"], ["--hosts", ",", "doctor"], ["--bind", "heart", "doctor"],
    ["--interfaces", "eth0", "doctor"], ["--frobnicate"], ["--ranks"],
    ["--hosts", "a", "--interfaces", "b", "--exclude", "c", "doctor"],
  ])
  func refusesAWrongCall(arguments: ArraySlice<String>) throws {
    let result = try Launch.run("mpirun", Array(arguments))
    #expect(result.status == 64, "\(result)")
    #expect(!result.errors.isEmpty)
  }

  @Test func saysWhichHostFileIsMissing() throws {
    let result = try Launch.run("mpirun", ["--hosts", "no/such", "doctor"])
    #expect(result.status == 66 && result.errors.contains("no/such"), "\(result)")
  }

  @Test func buildsBeforeItStarts() throws {
    let programs = ["swift": "echo BUILD $* >&2; exit 1", "mpirun": "echo RUN $*"]
    let result = try Launch.run("mpirun", ["--ranks", "1", "doctor"], programs)
    #expect(result.status == 70, "\(result)")
    #expect(result.lines(with: "BUILD build -c release --product aimass").count == 1, "\(result)")
    #expect(result.lines(with: "RUN").isEmpty)
  }

  // MARK: PBS

  /// Runs the script of a PBS job on the hosts `a`, `b` and `a` with a stand-in for `mpirun`.
  private func pbs(
    mpirun: String, programs: [String: String] = [:], environment: [String: String] = [:]
  ) throws -> ProcessResult {
    let variables = [
      "PBS_O_WORKDIR": ".", "PBS_NODEFILE": "hosts", "PBS_JOBID": "7.server",
      "AIMASS_HOME": Checkout.folder, "CONFIG": "run.yaml", "OPTIONS": "--output out --fresh",
      "AIMASS_RESTARTS": "0",
    ]
    return try Launch.run(
      "pbs", [], ["mpirun": mpirun, "qstat": "exit 1"].merging(programs) { $1 },
      files: ["hosts": "a\nb\na\n", "run.yaml": Digits.configuration],
      environment: variables.merging(environment) { $1 })
  }

  @Test func pbsStartsOnItsHosts() throws {
    let result = try pbs(mpirun: "echo RUN $*; exit 65", environment: ["AGENT": "pbs_tmrsh"])
    #expect(result.status == 65, "\(result)")
    let line = result.lines(with: "RUN").first ?? ""
    #expect(line.contains(" --host a:2,b:1 -np 3 --map-by slot "), "\(result)")
    #expect(line.contains(" --mca plm_rsh_agent pbs_tmrsh "), "\(result)")
    #expect(line.contains("/aimass launch run.yaml --hosts "), "\(result)")
    #expect(line.contains(" --output out --fresh"), "\(result)")
    #expect(result.leftovers.isEmpty)
  }

  @Test func pbsSavesBeforeItsTimeIsUpAndGoesBack() throws {
    let result = try pbs(
      mpirun: "trap 'echo SAVED; exit 75' USR1; for i in {1..100}; do sleep 0.1; done",
      programs: [
        "qstat": "[ \"$*\" = '-f 7.server' ] && echo '    Resource_List.walltime = 00:01:01'",
        "qrerun": "echo RERUN $*; exit 1",
      ], environment: ["AIMASS_WARNING_SECONDS": "60"])
    #expect(result.lines(with: "SAVED").count == 1, "\(result)")
    #expect(result.lines(with: "RERUN 7.server").count == 1, "\(result)")
    #expect(result.status == 75, "as a user who may not put a job back: \(result)")
    #expect(result.leftovers.isEmpty)
  }

  @Test func pbsGoesBackWhereTheWishEndsARunThatCannotHearItYet() throws {
    try withTemporaryFolder { home in
      let program = try home.write("#!/bin/bash\nkill -USR1 $PPID; sleep 9\n", to: "aimass.txt")
      _ = try runProcess("install", ["-D", "-m", "755", program, home.file("bin/aimass")])
      let common = [Launch.path("common.sh"), home.file("launch/common.sh")]
      _ = try runProcess("install", ["-D"] + common)
      let result = try pbs(
        mpirun: "", programs: ["qrerun": "echo RERUN $*; exit 1"],
        environment: ["AIMASS_HOME": home.path])
      #expect(result.status == 75, "\(result)")
      #expect(result.lines(with: "RERUN 7.server").count == 1, "\(result)")
    }
  }

  @Test func pbsNeedsAConfiguration() throws {
    #expect(try pbs(mpirun: "", environment: ["CONFIG": ""]).status == 64)
    #expect(try pbs(mpirun: "", environment: ["CONFIG": "none.yaml"]).status == 66)
  }
}
