import Foundation
import TestSupport
import Testing
import Training

/// Whose a folder is, by what lies in it.
struct RunFolderTests {
  @Test func anEmptyOrAbsentFolderIsFree() throws {
    try withTemporaryFolder { folder in
      #expect(try RunFolder(folder.file("absent")).state(for: "a\n") == .absent)
      #expect(try RunFolder(folder.path).state(for: "a\n") == .absent)
      // What a job leaves that was refused after it had taken the lock.
      try folder.write("1 host x", to: "LOCK")
      #expect(try RunFolder(folder.path).state(for: "a\n") == .absent)
      // And one that died while it wrote what the folder is.
      try folder.write("name: ", to: ".tmp-identity.txt")
      #expect(try RunFolder(folder.path).state(for: "a\n") == .absent)
      try RunFolder(folder.path).create(yaml: "b\n", identityText: "a\n", origin: "/")
      #expect(try RunFolder(folder.path).state(for: "a\n") == .unfinished)
      let names = try FileManager.default.contentsOfDirectory(atPath: folder.path)
      #expect(!names.contains { $0.hasPrefix(".") })
    }
  }

  @Test func anotherIdentityIsToldByItsLines() throws {
    try withTemporaryFolder { folder in
      let run = RunFolder(folder.file("run"))
      try run.create(yaml: "name: x\n", identityText: "seed: 1\nname: x\n", origin: "/data")
      #expect(try run.state(for: "seed: 1\nname: x\n") == .unfinished)
      #expect(
        try run.state(for: "seed: 2\nname: x\n") == .foreign(differences: ["seed: 2"]))
      #expect(
        try run.state(for: "name: x\n") == .foreign(differences: ["without `seed: 1`"]))
      try folder.write("{}", to: "run/summary.json")
      #expect(try run.state(for: "seed: 1\nname: x\n") == .complete)
    }
  }

  @Test func filesAndOtherFoldersAreOccupied() throws {
    try withTemporaryFolder { folder in
      let file = try folder.write("mine", to: "file")
      #expect(try RunFolder(file).state(for: "a\n") == .occupied)
      #expect(try RunFolder(folder.path).state(for: "a\n") == .occupied)
    }
  }

  @Test func everyFolderSetAsideGetsANameOfItsOwn() throws {
    try withTemporaryFolder { folder in
      for number in 1...3 {
        let run = RunFolder(folder.file("run"))
        try run.create(yaml: "", identityText: "\(number)", origin: "")
        #expect(try run.setAside() == folder.file("run.old-\(number)"))
      }
      let last = try String(contentsOfFile: folder.file("run.old-3/identity.txt"), encoding: .utf8)
      #expect(last == "3")
    }
  }

  @Test func aFolderThatCannotBeMadeSaysWhy() throws {
    try withTemporaryFolder { folder in
      try folder.write("mine", to: "file")
      let failure = #expect(throws: TrainingError.self) {
        try RunFolder(folder.file("file/run")).create(yaml: "", identityText: "", origin: "")
      }
      #expect(failure?.status == .cannotCreate)
      #expect(failure?.message.contains("Not a directory") == true, "\(failure?.message ?? "")")
    }
  }

  @Test func aSummaryThatIsNoneIsBadData() throws {
    try withTemporaryFolder { folder in
      let path = try folder.write("{\"steps\": 1}", to: "summary.json")
      let failure = #expect(throws: TrainingError.self) { try RunSummary.load(path) }
      #expect(failure?.status == .badData)
    }
  }

  /// The numbers are a promise to scripts and schedulers.
  @Test func exitCodesAreTheDocumentedOnes() {
    let codes = ExitStatus.allCases.map(\.rawValue)
    #expect(codes == [0, 64, 65, 66, 69, 70, 73, 74, 75, 76, 77, 78, 79, 80])
  }
}
