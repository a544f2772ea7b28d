import Foundation
import TestSupport
import Testing

/// Nodes on one machine: that they are several, and that nothing of them stays.
@Suite(.serialized)
struct VirtualNodeTests {
  /// Runs the script as it is.
  private func nodes(
    _ arguments: [String], environment: [String: String] = [:]
  ) throws -> ProcessResult {
    try runProcess(
      Launch.path("virtual-nodes"), arguments, environment: environment, timeout: 60)
  }

  /// What a network of this name leaves in the system: namespaces, and its folder.
  private func remains(of name: String) throws -> [String] {
    let spaces = try runProcess("ip", ["netns", "list"]).lines(with: name)
    let folder = "/run/aimass-nodes/" + name
    return spaces + (FileManager.default.fileExists(atPath: folder) ? [folder] : [])
  }

  /// A name no other network has.
  private let name = "t\(getpid())-\(Int.random(in: 0..<1_000_000))"

  /// Makes nodes, runs `body` and removes them again.
  private func withNodes(
    _ count: Int, _ options: [String] = [], _ body: () throws -> Void
  ) throws {
    let up = try nodes(["up", "\(count)", "--prefix", name] + options)
    #expect(up.status == 0 && up.output == name + "\n", "\(up)")
    defer { #expect((try? nodes(["down", "--prefix", name]).status) == 0) }
    try body()
  }

  @Test(.enabled(if: Rights.network, Rights.networkHint))
  func nothingStays() throws {
    let links = try runProcess("ip", ["-o", "link"]).output.split(separator: "\n").count
    try withNodes(3) {
      #expect(try remains(of: name).count == 5, "three nodes, a switch and a folder")
      let again = try nodes(["up", "1", "--prefix", name])
      #expect(again.status == 64, "\(again)")
      #expect(try remains(of: name).count == 5)
      #expect(try runProcess("ip", ["-o", "link"]).output.split(separator: "\n").count == links)
      // Something that ignores every polite request.
      let idle = "setsid sh -c 'trap \"\" TERM HUP; sleep 5151.5' >/dev/null 2>&1 & echo started"
      let left = try runProcess(
        "env",
        ["-u", "AIMASS_TEST_PROCESS", Launch.path("virtual-nodes"), "exec", "2"]
          + ["--prefix", name, "sh", "-c", idle])
      #expect(left.output == "started\n", "\(left)")
    }
    #expect(try remains(of: name).isEmpty)
    #expect(try runProcess("sh", ["-c", "ps -eo args | grep -c '[s]leep 5151.5'"]).output == "0\n")
  }

  @Test(.enabled(if: Rights.network, Rights.networkHint))
  func mpiSeesSeparateNodes() throws {
    try withTemporaryFolder { folder in
      let source = try folder.write(Self.splitting, to: "split.c")
      let program = folder.file("split")
      let compiled = try runProcess("mpicc", [source, "-o", program])
      #expect(compiled.status == 0, "\(compiled)")
      let result = try nodes(
        ["with", "2", "--prefix", name, "--slots", "3,1", program],
        environment: ["AIMASS_MARK": "handed on", "SECRET": "kept"])
      #expect(result.status == 0, "\(result)")
      #expect(
        result.output.split(separator: "\n").sorted() == [
          "0 of 4 on \(name)-1, 0 of 3, handed on (null)",
          "1 of 4 on \(name)-1, 1 of 3, handed on (null)",
          "2 of 4 on \(name)-1, 2 of 3, handed on (null)",
          "3 of 4 on \(name)-2, 0 of 1, handed on (null)",
        ], "\(result)")
      #expect(try remains(of: name).isEmpty)
    }
  }

  /// Prints rank and size, host, rank and size among those that can share memory, and two variables.
  private static let splitting = """
    #include <mpi.h>
    #include <stdio.h>
    #include <stdlib.h>
    int main(int count, char **words) {
      int rank, size, near, neighbours, length;
      char host[MPI_MAX_PROCESSOR_NAME];
      MPI_Comm node;
      MPI_Init(&count, &words);
      MPI_Comm_rank(MPI_COMM_WORLD, &rank);
      MPI_Comm_size(MPI_COMM_WORLD, &size);
      MPI_Get_processor_name(host, &length);
      MPI_Comm_split_type(MPI_COMM_WORLD, MPI_COMM_TYPE_SHARED, 0, MPI_INFO_NULL, &node);
      MPI_Comm_rank(node, &near);
      MPI_Comm_size(node, &neighbours);
      const char *secret = rank == 3 ? getenv("SECRET") : NULL;
      printf("%d of %d on %s, %d of %d, %s %s\\n", rank, size, host, near, neighbours,
             getenv("AIMASS_MARK"), secret ? secret : "(null)");
      MPI_Finalize();
    }

    """

  @Test(.enabled(if: Rights.network, Rights.networkHint))
  func linksAreShapedBothWays() throws {
    try withNodes(2, ["--rate", "200mbit"]) {
      for space in ["\(name)-1", "\(name)-2", "\(name)-switch"] {
        let shaped = try runProcess("tc", ["-n", space, "qdisc", "show"]).lines(with: "tbf")
        #expect(shaped.count == (space.hasSuffix("switch") ? 2 : 1), "\(space): \(shaped)")
        for line in shaped { #expect(line.contains("rate 200Mbit"), "\(line)") }
      }
    }
  }

  @Test(.enabled(if: Rights.network, Rights.networkHint))
  func unequalNodesGiveTheBitsOfOneRank() throws {
    try withTemporaryFolder { folder in
      try Digits.lay(in: folder)
      let train = [
        "train", folder.file("digits.yaml"), "--set", "train.steps=20", "--output",
      ]
      let program = ["--program", try Products.program("aimass")]
      let alone = try runProcess(
        Launch.path("mpirun"), program + ["--ranks", "1"] + train + [folder.file("one")])
      #expect(alone.status == 0, "\(alone)")
      try withNodes(2) {
        let hosts = ["--hosts", "10.77.0.1:3,10.77.0.2:1", "--interfaces", "10.77.0.0/24"]
        let agent = ["--mca", "plm_rsh_agent", "/run/aimass-nodes/\(name)/agent"]
        let several = try nodes(
          ["exec", "1", "--prefix", name, Launch.path("mpirun")] + program + hosts + agent
            + train + [folder.file("four")])
        #expect(several.lines(with: "4 ranks on 2 nodes").count == 1, "\(several)")
      }
      let digest = try #require(Digits.digest(folder.file("one")))
      #expect(Digits.digest(folder.file("four")) == digest)
    }
  }

  @Test(
    .enabled(if: Rights.network, Rights.networkHint),
    arguments: [("layouts", 0), ("hosts", 3), ("hosts", 4)])
  func aSupervisedRunGoesOnWhereItCan(tier: String, number: Int) throws {
    try withTemporaryFolder { folder in
      let result = try runProcess(
        "\(Checkout.folder)/Tests/Soak/\(tier)", ["--seed", "1", "--only", "\(number)"],
        environment: [
          "AIMASS": try Products.program("aimass"), "AIMASS_ROOT": Checkout.folder,
          "AIMASS_SCRATCH": folder.path,
        ], timeout: 120)
      #expect(result.status == 0 && result.output.contains("\"failed\": 0"), "\(result)")
      #expect(result.leftovers.isEmpty, "\(result.leftovers)")
    }
  }

  @Test(.enabled(if: Rights.network, Rights.networkHint))
  func aCutCableEndsTheJobAndHealsAgain() throws {
    try withNodes(2) {
      // A port where nobody listens: refused at once where there is a way, silence where none is.
      let connect = [
        "exec", "1", "--prefix", name, "timeout", "1", "bash", "-c", ": </dev/tcp/10.77.0.2/9",
      ]
      #expect(try nodes(connect).status == 1)
      let script = """
        "$0" run --prefix \(name) sleep 5252.5 & job=$!
        for turn in $(seq 100); do
          [[ $(ps -o args= -p "$(ip netns pids \(name)-2 | paste -sd, -)") == *"sleep 5252.5"* ]] && break
          sleep 0.1
        done
        "$0" cut 2 --prefix \(name)
        wait $job
        """
      let patience = "OMPI_MCA_oob_tcp_keepalive_"
      let job = try runProcess(
        "bash", ["-c", script, Launch.path("virtual-nodes")],
        environment: [patience + "time": "1", patience + "intvl": "1", patience + "probes": "2"],
        timeout: 40)
      #expect(job.status != 0 && !job.lines(with: "lost communication").isEmpty, "\(job)")
      #expect(!job.lines(with: "10.77.0.2").isEmpty, "names the node: \(job)")
      #expect(try nodes(connect).status == 124)
      #expect(try nodes(["heal", "2", "--prefix", name]).status == 0)
      // A neighbour asked for before its link was up is asked for again a second later.
      #expect(try (0..<10).contains { _ in try nodes(connect).status == 1 })
    }
  }

  @Test(
    .enabled(if: Rights.network, Rights.networkHint), arguments: ["TERM", "KILL"])
  func nothingStaysOfWhatIsKilled(signal: String) throws {
    let script = """
      "$0" with 2 --prefix \(name) sleep 5353.5 & job=$!
      for turn in $(seq 100); do
        [ "$(ps -eo args | grep -c '^sleep 5353.5')" = 2 ] && break
        sleep 0.1
      done
      ps -eo args | grep '^sleep 5353.5'
      kill -\(signal) $job
      wait $job
      """
    let result = try runProcess("bash", ["-c", script, Launch.path("virtual-nodes")], timeout: 40)
    #expect(result.status == (signal == "TERM" ? 143 : 137), "\(result)")
    #expect(result.lines(with: "sleep 5353.5").count >= 2, "the ranks ran before: \(result)")
    #expect(result.leftovers.isEmpty, "\(result.leftovers)")
    #expect(try remains(of: name).isEmpty)
    #expect(try runProcess("sh", ["-c", "ps -eo args | grep -c '[s]leep 5353.5'"]).output == "0\n")
  }

  @Test(.enabled(if: Rights.network, Rights.networkHint))
  func theCodeAndTheSignalToSaveGoThrough() throws {
    let script = """
      "$0" with 2 sh -c 'trap "exit 75" USR1; echo ready; for i in 1 2 3 4 5 6 7 8 9; do sleep 1; done' >log &
      job=$!
      until [ "$(grep -c ready log)" = 2 ]; do sleep 0.1; done
      kill -USR1 $job
      wait $job
      """
    try withTemporaryFolder { folder in
      let result = try runProcess(
        "bash", ["-c", script, Launch.path("virtual-nodes")], timeout: 30,
        currentDirectory: folder.path)
      #expect(result.status == 75, "\(result)")
      #expect(result.leftovers.isEmpty)
    }
  }

  @Test(arguments: [
    ["up", "0"], ["up", "two"], ["up", "65"], ["up"], ["with", "2"], ["exec"], ["fly"], [],
    ["up", "2", "--rate", "fast"], ["up", "2", "--prefix", "A b"], ["down", "now"],
  ])
  func refusesAWrongCall(arguments: [String]) throws {
    #expect(try nodes(arguments).status == 64)
  }

  @Test func saysThatRootIsNeeded() throws {
    let result = try Launch.run("virtual-nodes", ["up", "2"], ["id": "echo 1000"])
    #expect(result.status == 69 && result.errors.contains("root is needed"), "\(result)")
  }
}
