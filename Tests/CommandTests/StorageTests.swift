import Foundation
import TestSupport
import Testing

extension JobTests {
  /// `doctor --storage`: sound folders pass, and each lie of a file system is told by its name.
  @Suite(.serialized) struct StorageTests {
    /// Property to verdict, of the node that says most.
    private func verdicts(_ result: ProcessResult) throws -> [String: String] {
      let value = try JSONSerialization.jsonObject(with: Data(result.output.utf8))
      let report = try #require(value as? [String: Any], "\(result)")
      #expect(report["healthy"] as? Bool == (result.status == 0), "\(result)")
      var verdicts: [String: String] = [:]
      for node in try #require(report["nodes"] as? [[String: Any]]) {
        for finding in try #require(node["findings"] as? [[String: Any]]) {
          let property = try #require(finding["property"] as? String)
          let verdict = try #require(finding["verdict"] as? String)
          if verdicts[property] != "broken" { verdicts[property] = verdict }
        }
      }
      return verdicts
    }

    @Test func aLocalFolderIsSoundAndLeftEmpty() throws {
      try withTemporaryFolder { folder in
        let result = try Aimass.run(ranks: 2, ["doctor", "--storage", folder.path, "--json"])
        let found = try verdicts(result)
        #expect(result.status == 0 && found.count == 9, "\(result)")
        #expect(!found.values.contains("broken"), "\(result)")
        #expect(try FileManager.default.contentsOfDirectory(atPath: folder.path).isEmpty)
        let shown = try Aimass.run(["doctor", "--storage", folder.path])
        #expect(shown.output.contains("runs can trust \(folder.path)"), "\(shown)")
        let missing = try Aimass.run(["doctor", "--storage", folder.file("none")])
        #expect(missing.status == 73 && missing.errors.contains("No such file"), "\(missing)")
      }
    }

    @Test(.enabled(if: VirtualNodes.areAvailable, "\(VirtualNodes.need)"))
    func nodesMeetInASharedFolder() throws {
      try withTemporaryFolder { folder in
        let result = try VirtualNodes.run(
          slots: [2, 1], "aimass", ["doctor", "--storage", folder.path, "--json"],
          environment: Aimass.variables([:]))
        let found = try verdicts(result)
        #expect(result.status == 0 && found.count == 14, "\(result)")
        for property in ["visibility", "lockAcrossNodes", "renamingAcrossNodes"] {
          #expect(found[property] == "sound" || found[property] == "slow", "\(property): \(result)")
        }
        #expect(try FileManager.default.contentsOfDirectory(atPath: folder.path).isEmpty)
      }
    }

    /// A file system that lies about what LIE names.
    private static let liar = """
      #define _GNU_SOURCE
      #include <dlfcn.h>
      #include <errno.h>
      #include <fcntl.h>
      #include <stdarg.h>
      #include <stdio.h>
      #include <stdlib.h>
      #include <string.h>
      #include <sys/file.h>
      #include <sys/stat.h>
      #include <unistd.h>
      static int lies(const char *what) { const char *lie = getenv("LIE"); return lie && !strcmp(lie, what); }
      int flock(int file, int how) {
        if (lies("lock")) return 0;
        return ((int (*)(int, int))dlsym(RTLD_NEXT, "flock"))(file, how);
      }
      int fsync(int file) {
        struct stat about;
        if (lies("folderSync") && fstat(file, &about) == 0 && S_ISDIR(about.st_mode)) { errno = EIO; return -1; }
        if (lies("fileSync")) usleep(110000);
        return ((int (*)(int))dlsym(RTLD_NEXT, "fsync"))(file);
      }
      int rename(const char *old, const char *new) {
        if (lies("renaming") && strstr(new, "doctor")) { unlink(new); usleep(500); }
        return ((int (*)(const char *, const char *))dlsym(RTLD_NEXT, "rename"))(old, new);
      }
      int fcntl64(int file, int command, ...) {
        va_list list;
        va_start(list, command);
        void *argument = va_arg(list, void *);
        va_end(list);
        if (lies("descriptionLock") && command == 37) return 0;
        return ((int (*)(int, int, ...))dlsym(RTLD_NEXT, "fcntl64"))(file, command, argument);
      }
      int fcntl(int file, int command, ...) {
        va_list list;
        va_start(list, command);
        void *argument = va_arg(list, void *);
        va_end(list);
        if (lies("descriptionLock") && command == 37) return 0;
        return ((int (*)(int, int, ...))dlsym(RTLD_NEXT, "fcntl"))(file, command, argument);
      }
      """

    private static let compiler = (try? runProcess("cc", ["--version"], timeout: 20)).map { _ in
      "cc"
    }

    @Test(.enabled(if: compiler != nil, "there is no C compiler"))
    func everyLieIsTold() throws {
      try withTemporaryFolder { folder in
        let source = try folder.write(Self.liar, to: "liar.c")
        let library = folder.file("liar.so")
        let built = try runProcess("cc", ["-shared", "-fPIC", "-o", library, source, "-ldl"])
        #expect(built.status == 0, "\(built)")
        let place = folder.file("place")
        try FileManager.default.createDirectory(atPath: place, withIntermediateDirectories: false)
        for (lie, verdict) in [
          ("lock", "broken"), ("descriptionLock", "broken"), ("folderSync", "broken"),
          ("renaming", "broken"), ("fileSync", "slow"),
        ] {
          let result = try Aimass.run(
            ["doctor", "--storage", place, "--json"],
            environment: ["LD_PRELOAD": library, "LIE": lie])
          let found = try verdicts(result)
          #expect(found[lie] == verdict, "\(lie): \(result)")
          #expect(result.status == (verdict == "slow" ? 0 : 70), "\(lie): \(result)")
          for (property, other) in found where property != lie {
            #expect(other != "broken", "\(lie): \(property): \(result)")
          }
          #expect(try FileManager.default.contentsOfDirectory(atPath: place).isEmpty)
        }
      }
    }
  }
}
