import Foundation
import TestSupport
import Testing

/// `launch/setup` and `launch/test`, with stand-ins for the programs they call.
struct ScriptTests {
  private static let version = "Swift version 6.3.1 (swift-6.3.1-RELEASE)"
  private static let packages = [
    "openmpi-bin", "libopenmpi-dev", "libopenblas-dev", "libhdf5-dev", "zlib1g-dev", "libssl-dev",
    "libpng-dev", "libturbojpeg0-dev", "libsndfile1-dev", "libarchive-dev",
    "pkg-config",
  ]

  private func dpkg(without missing: [String] = []) -> String {
    Self.packages.map { name in
      missing.contains(name)
        ? "echo 'deinstall ok config-files \(name) '" : "echo 'install ok installed \(name) '"
    }.joined(separator: "\n")
  }

  // MARK: setup

  @Test func setupChangesNothingWhereAllIsThere() throws {
    let result = try Launch.run(
      "setup", [],
      [
        "dpkg-query": dpkg(), "apt-get": "echo APT $*", "sudo": "echo SUDO $*",
        "swift": "echo '\(Self.version)'",
      ])
    #expect(result.status == 0, "\(result)")
    #expect(result.lines(with: "APT").isEmpty && result.lines(with: "SUDO").isEmpty, "\(result)")
  }

  @Test func setupInstallsWhatIsMissingAndNothingElse() throws {
    let result = try Launch.run(
      "setup", [],
      [
        "dpkg-query": dpkg(without: ["libhdf5-dev", "zlib1g-dev"]), "apt-get": "echo APT $*",
        "apt-cache": "echo '  Candidate: 1.0'", "id": "echo 0", "swift": "echo '\(Self.version)'",
      ])
    #expect(result.status == 0, "\(result)")
    let calls = result.lines(with: "APT")
    #expect(calls.count == 1, "lists are fresh, so only one call: \(result)")
    #expect(
      calls.first?.hasSuffix("install -y --no-install-recommends libhdf5-dev zlib1g-dev") == true)
    #expect(result.lines(with: "setup: installed libhdf5-dev zlib1g-dev").count == 1, "\(result)")
  }

  @Test func setupRefreshesEmptyLists() throws {
    let result = try Launch.run(
      "setup", [],
      [
        "dpkg-query": dpkg(without: ["openmpi-bin"]), "apt-get": "echo APT $*",
        "apt-cache": "echo '  Candidate: (none)'", "id": "echo 0",
        "swift": "echo '\(Self.version)'",
      ])
    let calls = result.lines(with: "APT")
    #expect(calls.count == 2 && calls.first == "APT update", "\(result)")
  }

  @Test func setupAsksForRightsOnlyToInstall() throws {
    let result = try Launch.run(
      "setup", [],
      [
        "dpkg-query": dpkg(without: ["openmpi-bin"]), "sudo": "echo SUDO $*", "id": "echo 1000",
        "apt-cache": "echo '  Candidate: 1.0'", "swift": "echo '\(Self.version)'",
      ])
    #expect(result.status == 0 && result.lines(with: "SUDO").count == 1, "\(result)")
  }

  @Test func setupInstallsSlurmOnlyWhenAsked() throws {
    let result = try Launch.run(
      "setup", ["--with-slurm"],
      [
        "dpkg-query": dpkg(), "apt-get": "echo APT $*", "apt-cache": "echo '  Candidate: 1.0'",
        "id": "echo 0", "swift": "echo '\(Self.version)'",
      ])
    #expect(result.status == 0, "\(result)")
    #expect(result.lines(with: "setup: installed slurm-wlm munge").count == 1, "\(result)")
  }

  @Test func setupSaysWhatAnOldSwiftNeeds() throws {
    let result = try Launch.run(
      "setup", [], ["dpkg-query": dpkg(), "swift": "echo 'Swift version 5.10.1'"])
    #expect(result.status == 69, "\(result)")
    #expect(!result.lines(with: "found Swift 5.10.1").isEmpty, "\(result)")
    #expect(!result.lines(with: "expected 6.2 or newer").isEmpty, "\(result)")
  }

  // MARK: test

  /// A stand-in for `swift` whose tests print `log`, write `report` and end with `status`.
  private func swift(_ log: String, report: String?, status: Int) -> String {
    let write = report.map { "cat >\"${file%.xml}-swift-testing.xml\" <<'EOF'\n\($0)\nEOF" } ?? ""
    return """
      case $1 in --version) echo '\(Self.version)'; exit;; build) exit;; esac
      while [ $# -gt 0 ]; do [ "$1" = --xunit-output ] && file=$2; shift; done
      cat <<'EOF'
      \(log)
      EOF
      \(write)
      exit \(status)
      """
  }

  private func counts(_ log: String, report: String?, status: Int) throws -> (String, Int32) {
    let result = try Launch.run(
      "test", [], ["dpkg-query": dpkg(), "swift": swift(log, report: report, status: status)])
    let last = result.output.split(separator: "\n").last.map(String.init) ?? ""
    #expect(result.output.contains(log), "the output of the tests is shown: \(result)")
    return (last, result.status)
  }

  private static let passing = "<testcase classname=\"A.B\" name=\"a()\" time=\"0.1\" />"
  private static let failing =
    "<testcase classname=\"A.B\" name=\"b()\" time=\"0.1\">\n  <failure message=\"x &lt; y\" />\n"
    + "  <failure message=\"again\" />\n</testcase>"
  private static let skipping =
    "<testcase classname=\"A.B\" name=\"c()\" time=\"0\">\n  <skipped>later</skipped>\n</testcase>"

  private func report(_ cases: [String]) -> String {
    "<?xml version=\"1.0\"?>\n<testsuites>\n<testsuite name=\"TestResults\" tests=\"9\">\n"
      + cases.joined(separator: "\n") + "\n</testsuite>\n</testsuites>"
  }

  @Test func testCountsByFunction() throws {
    let all = report([Self.passing, Self.failing, Self.skipping, Self.passing])
    let (last, status) = try counts("running", report: all, status: 1)
    #expect(last == "2 passed, 1 failed, 1 skipped" && status == 1)
    let good = try counts("running", report: report([Self.passing, Self.skipping]), status: 0)
    #expect(good == ("1 passed, 0 failed, 1 skipped", 0))
  }

  @Test func testFailsWhereNothingRan() throws {
    let nothing = try counts("running", report: report([]), status: 0)
    #expect(nothing == ("0 passed, 0 failed, 0 skipped", 1))
    let skipped = try counts("running", report: report([Self.skipping]), status: 0)
    #expect(skipped == ("0 passed, 0 failed, 1 skipped", 1))
  }

  @Test(arguments: [nil, "<?xml version=\"1.0\"?>\n<testsuites>"])
  func testCountsACrashFromTheLog(beginning: String?) throws {
    let log = """
      ◇ Test a() started.
      ✔ Test a() passed after 0.001 seconds.
      ➜ Test c() skipped: "later"
      ✘ Test d() recorded an issue at A.swift:7:62: Expectation failed: 1 == 2
      ✘ Test d() failed after 0.001 seconds with 1 issue.
      ✔ Suite B passed after 0.001 seconds.
      ◇ Test b() started.
      error: Exited with unexpected signal code 5
      """
    let (last, status) = try counts(log, report: beginning, status: 1)
    #expect(last == "1 passed, 2 failed, 1 skipped" && status == 1)
  }

  @Test func testTellsABuildThatFailed() throws {
    let body = "case $1 in --version) echo '\(Self.version)';; *) echo broken >&2; exit 1;; esac"
    let result = try Launch.run("test", [], ["dpkg-query": dpkg(), "swift": body])
    #expect(result.status == 1 && result.output.hasSuffix("0 passed, 0 failed, 0 skipped\n"))
    #expect(result.errors.contains("the build failed"), "\(result)")
  }

  @Test func testEndsWhatTheTestsLeftBehind() throws {
    let body = swift("running", report: report([Self.passing]), status: 0)
      .replacing("exit 0", with: "setsid sleep 4444.5 >/dev/null 2>&1 &\nexit 0")
    let result = try Launch.run("test", [], ["dpkg-query": dpkg(), "swift": body])
    #expect(result.output.hasSuffix("1 passed, 0 failed, 0 skipped\n"), "\(result)")
    #expect(result.leftovers.isEmpty)
  }
}
