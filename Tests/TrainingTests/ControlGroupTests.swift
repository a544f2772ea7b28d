import TestSupport
import Testing
import Training

/// Masks and control groups as the kernel tells them, from folders that stand for `/proc` and `/sys`.
struct ControlGroupTests {
  private static let version2 = "40 31 0:38 / /sys/fs/cgroup rw - cgroup2 cgroup2 rw\n"
  private static let version1 =
    "30 31 0:30 / /sys/fs/cgroup/cpu,cpuacct rw,relatime shared:9 - cgroup cgroup rw,cpu,cpuacct\n"
    + "31 31 0:31 / /sys/fs/cgroup/cpuset rw - cgroup cgroup rw,cpuset\n"
    + "32 31 0:32 / /sys/fs/cgroup/memory rw - cgroup cgroup rw,memory\n"

  private func group(_ files: [String: String]) throws -> ControlGroup {
    try withTemporaryFolder { folder in
      for (path, text) in files { try folder.write(text, to: path) }
      return ControlGroup.ofThisProcess(root: folder.path)
    }
  }

  @Test func theLeastLimitOfAllLevelsCounts() throws {
    let found = try group([
      "proc/self/cgroup": "0::/slurm/job_7/step_0\n", "proc/self/mountinfo": Self.version2,
      "sys/fs/cgroup/slurm/job_7/step_0/cpu.max": "max 100000\n",
      "sys/fs/cgroup/slurm/job_7/step_0/cpuset.cpus.effective": "4-5\n",
      "sys/fs/cgroup/slurm/job_7/cpu.max": "250000 100000\n",
      "sys/fs/cgroup/slurm/job_7/cpuset.cpus.effective": "0-7\n",
      "sys/fs/cgroup/slurm/cpu.max": "800000 100000\n",
      "sys/fs/cgroup/slurm/memory.max": "1048576\n",
    ])
    #expect(
      found == ControlGroup(cores: 2.5, cpus: CPUSet(list: "4-5"), memoryBytes: 1_048_576))
  }

  @Test func versionOneIsReadToo() throws {
    let found = try group([
      "proc/self/cgroup": "4:memory:/box\n3:cpuset:/\n1:cpu,cpuacct:/box/inner\n",
      "proc/self/mountinfo": Self.version1,
      "sys/fs/cgroup/cpu,cpuacct/box/inner/cpu.cfs_quota_us": "-1\n",
      "sys/fs/cgroup/cpu,cpuacct/box/inner/cpu.cfs_period_us": "100000\n",
      "sys/fs/cgroup/cpu,cpuacct/box/cpu.cfs_quota_us": "150000\n",
      "sys/fs/cgroup/cpu,cpuacct/box/cpu.cfs_period_us": "100000\n",
      "sys/fs/cgroup/cpuset/cpuset.effective_cpus": "0-1\n",
      "sys/fs/cgroup/memory/box/memory.limit_in_bytes": "2097152\n",
      "sys/fs/cgroup/memory/memory.limit_in_bytes": "9223372036854771712\n",
    ])
    #expect(
      found == ControlGroup(cores: 1.5, cpus: CPUSet(list: "0-1"), memoryBytes: 2_097_152))
  }

  @Test func memoryIsWhatTheJobMayUse() throws {
    try withTemporaryFolder { folder in
      let machine = TrainingSetUp.memoryBytes(root: folder.path)
      #expect(machine >= 1 << 28)
      try folder.write("4:memory:/box\n", to: "proc/self/cgroup")
      try folder.write(Self.version1, to: "proc/self/mountinfo")
      let limit = "sys/fs/cgroup/memory/box/memory.limit_in_bytes"
      try folder.write("268435456\n", to: limit)
      #expect(TrainingSetUp.memoryBytes(root: folder.path) == 268_435_456)
      try folder.write("9223372036854771712\n", to: limit)
      #expect(TrainingSetUp.memoryBytes(root: folder.path) == machine)
    }
  }

  @Test func aContainerSeesItsOwnRoot() throws {
    // The path is the host's, and the mount shows the container's group as its root.
    let found = try group([
      "proc/self/cgroup": "0::/docker/abc\n", "proc/self/mountinfo": Self.version2,
      "sys/fs/cgroup/cpu.max": "200000 100000\n",
    ])
    #expect(found == ControlGroup(cores: 2))
  }

  @Test(arguments: [
    [:], ["proc/self/cgroup": "0::/\n"], ["proc/self/cgroup": "\n:::\n0::/../../x\n"],
    [
      "proc/self/cgroup": "0::/\n", "proc/self/mountinfo": version2 + "garbage\n - \n",
      "sys/fs/cgroup/cpu.max": "max 100000\n", "sys/fs/cgroup/memory.max": "max\n",
      "sys/fs/cgroup/cpuset.cpus.effective": "\n",
    ],
    [
      "proc/self/cgroup": "0::/\n", "proc/self/mountinfo": version2,
      "sys/fs/cgroup/cpu.max": "7\n", "sys/fs/cgroup/cpuset.cpus.effective": "5-3,x\n",
      "sys/fs/cgroup/memory.max": "-4\n",
    ],
  ])
  func whatCannotBeReadIsNoLimit(files: [String: String]) throws {
    #expect(try group(files) == ControlGroup())
  }

  @Test(arguments: [
    ("0", [0]), ("0-3", [0, 1, 2, 3]), ("8,0-1", [0, 1, 8]), ("", []), (" 2-2\n", [2]),
  ])
  func listsAreRead(text: String, numbers: [Int]) throws {
    #expect(try #require(CPUSet(list: text)).numbers == numbers)
  }

  @Test(arguments: ["x", "1-", "-1", "3-1", "1-2-3", "0-99999999999", "1.5"])
  func damagedListsAreRefused(text: String) {
    #expect(CPUSet(list: text) == nil)
  }

  @Test func listsAreWrittenAsTheKernelDoes() {
    #expect(CPUSet([3, 1, 0, 2, 8, 10, 11]).description == "0-3,8,10-11")
    #expect(CPUSet([Int]()).description == "none")
  }

  @Test func theMaskIsThatOfTheProcessAndOfProcessorsThatRun() throws {
    try withTemporaryFolder { folder in
      try folder.write("Name:\tx\nCpus_allowed_list:\t0-7\n", to: "proc/self/status")
      #expect(CPUSet.affinity(root: folder.path) == CPUSet(0..<8))
      try folder.write("0-3\n", to: "sys/devices/system/cpu/online")
      #expect(CPUSet.affinity(root: folder.path) == CPUSet(0..<4))
      #expect(CPUSet.affinity(ofProcess: "1", root: folder.path) == nil)
    }
  }
}
