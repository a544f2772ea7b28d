import Foundation
import TestSupport
import Testing

/// The batch script in a real Slurm, whose nodes are virtual.
@Suite(.serialized)
struct SlurmTests {
  /// Waits: `met RUN`, until a step is logged; `ended JOB`, until a job has left the queue.
  ///
  /// Slurm lets a job that went back wait, for two minutes as it comes. It is let go before, but not
  /// before the daemons of its last start, whose steps have the same names, are gone, nor in the same
  /// second, in which its credentials were revoked.
  private static let functions = """
    script=$0
    met() {
      for turn in $(seq 900); do
        grep -qs '"step": 50,' $1/metrics.jsonl && return
        sleep 0.1
      done
      echo "$1 never began"
      exit 1
    }
    ended() {
      for turn in $(seq 600); do
        [ -n "$(squeue -h -j $1 2>/dev/null)" ] || break
        [ "$(squeue -h -j $1 -o %T)" != PENDING ] || ps -eo args | grep -q "^slurmstepd: .$1[.]" ||
          { scontrol update JobId=$1 StartTime=now+2 && sleep 3; }
        sleep 0.2
      done
      tail -n 25 ${SLURM_CONF%/etc-1/*}/slurm*.log >&2
      scontrol show job $1 | grep -oE '(JobState|Restarts|ExitCode)=[^ ]*' | xargs echo "$2:"
    }
    """

  /// Runs a shell script on the first of two nodes, in a folder with data and configuration.
  private func slurm(
    _ body: String, then check: (ProcessResult, TemporaryFolder) throws -> Void
  ) throws {
    try withTemporaryFolder { folder in
      try Digits.lay(in: folder)
      let words = ["2", "bash", "-c", Self.functions + "\n" + body, Launch.path("slurm.sbatch")]
      let result = try runProcess(
        Launch.path("virtual-slurm"), words, timeout: 240, currentDirectory: folder.path)
      #expect(result.status == 0, "\(result)")
      #expect(result.leftovers.isEmpty, "\(result.leftovers)")
      try check(result, folder)
    }
  }

  private func text(_ path: String) -> String {
    (try? String(contentsOfFile: path, encoding: .utf8)) ?? ""
  }

  @Test(.enabled(if: Rights.slurm, Rights.slurmHint))
  func aPreemptedJobComesBackAndEndsWithTheSameBits() throws {
    let body = """
      sbatch --wait --parsable --ntasks 2 -o straight.log $script digits.yaml --output straight
      job=$(sbatch --parsable --nodes 2 --ntasks 3 -o preempted.log $script digits.yaml --output preempted)
      met preempted
      sbatch --wait --parsable --partition urgent --nodes 2 --exclusive -o urgent.log --wrap hostname
      ended $job preempted
      """
    try slurm(body) { result, folder in
      let log = text(folder.file("preempted.log"))
      #expect(!result.lines(with: "preempted: JobState=COMPLETED").isEmpty, "\(result)\n\(log)")
      #expect(!result.lines(with: "Restarts=1").isEmpty, "\(result)\n\(log)")
      let straight = try #require(Digits.digest(folder.file("straight")), "\(result)")
      #expect(Digits.digest(folder.file("preempted")) == straight, "\(log)")
      for line in [
        "3 tasks on 2 nodes by srun", "saved after step", "the job goes back into the queue",
        "start 1: 3 tasks", "resuming after step",
      ] { #expect(log.contains(line), "\(line) in \(log)") }
      #expect(text(folder.file("straight.log")).contains("2 tasks on 1 nodes by srun"))
    }
  }

  @Test(.enabled(if: Rights.slurm, Rights.slurmHint))
  func mpirunDoesWhereSrunCannotAndACancelledJobStaysSo() throws {
    let body = """
      export AIMASS_START=mpirun
      job=$(sbatch --parsable --nodes 2 --ntasks 3 -o warned.log $script digits.yaml --output warned)
      met warned
      scancel --batch --signal USR1 $job
      ended $job warned
      unset AIMASS_START
      job=$(sbatch --parsable --nodes 2 --ntasks 2 -o cancelled.log $script digits.yaml --output cancelled)
      met cancelled
      scancel $job
      ended $job cancelled
      job=$(sbatch --parsable --ntasks 2 -o wrong.log $script digits.yaml --set train.speed=9)
      ended $job wrong
      """
    try slurm(body) { result, folder in
      let warned = text(folder.file("warned.log"))
      #expect(
        !result.lines(with: "warned: JobState=COMPLETED Restarts=1").isEmpty, "\(result)\n\(warned)"
      )
      #expect(warned.contains("start 1: 3 tasks on 2 nodes by mpirun"), "\(warned)")
      #expect(Digits.digest(folder.file("warned")) != nil, "\(warned)")
      #expect(!result.lines(with: "cancelled: JobState=CANCELLED Restarts=0").isEmpty, "\(result)")
      let wrong = text(folder.file("wrong.log"))
      #expect(!result.lines(with: "wrong: JobState=FAILED Restarts=0 ExitCode=78:0").isEmpty)
      #expect(wrong.contains("train.speed"), "\(result)\n\(wrong)")
    }
  }

  @Test func aWishThatComesDuringTheTrialIsNotForgotten() throws {
    let trial = "echo '1 rank on 1 node'; kill -USR1 $(ps -o pgid= -p $$); trap '' USR1; sleep 0.3"
    let result = try Launch.run(
      "slurm.sbatch", ["run.yaml"],
      [
        "srun": "case $1 in --mpi=list) echo pmix;; *) \(trial);; esac", "squeue": "echo RUNNING",
        "scontrol": "echo SCONTROL $*; exit 1",
      ],
      environment: [
        "AIMASS_HOME": Checkout.folder, "SLURM_JOB_ID": "7", "SLURM_NTASKS": "1",
        "SLURM_JOB_NUM_NODES": "1",
      ])
    #expect(result.status == 75, "\(result)")
    #expect(result.lines(with: "SCONTROL requeue 7").count == 1, "\(result)")
    #expect(result.lines(with: "tasks on").isEmpty, "nothing was started: \(result)")
  }

  @Test func saysHowToGetSlurm() throws {
    // The script adds the folders of system programs itself; `sbatch` is in neither of them.
    let tools = ["bash", "dirname", "basename", "awk", "id", "env"]
    try withTemporaryFolder { folder in
      for tool in tools {
        _ = try runProcess("sh", ["-c", "ln -s $(command -v \(tool)) \(folder.file(tool))"])
      }
      let result = try runProcess(
        "env", ["-i", "PATH=" + folder.path, "bash", Launch.path("virtual-slurm"), "1", "true"])
      #expect(result.status == 69, "\(result)")
      #expect(result.errors.contains("launch/setup --with-slurm"), "\(result)")
    }
  }
}
