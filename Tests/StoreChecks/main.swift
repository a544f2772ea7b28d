// Works on folders of checkpoints through their public interface, as a trainer and its ranks would.
//
// Reads commands from the standard input, one a line, and answers each with one line of JSON. The
// tiers of `Tests/Soak` drive it, with the fault library preloaded or not.
//
//   save root= step= [ranks=2 version=1 keep=0 best=-1 space=65536]    begin, shards, commit, retain
//   prepare root=        load root= [quarantines=1]      open root= step=      examine root=
//   lock root=           verify-lock          unlock     memory
//   attempt root= step=  succeed root= step=             pin root= step= [on=1]
//
// The status is 2 for a command it does not know, and 0 at the end of the input.

import Foundation
import Glibc

// A file that may not grow is an error of `write`, as `aimass` has it.
signal(SIGXFSZ, SIG_IGN)

var answers = Answers()
while let line = readLine() {
  do {
    let answer = try answers.answer(Command(line))
    var text = try JSONSerialization.data(withJSONObject: answer, options: .sortedKeys)
    text.append(UInt8(ascii: "\n"))
    FileHandle.standardOutput.write(text)
  } catch {
    FileHandle.standardError.write(Data("store-checks: \(error)\n".utf8))
    exit(2)
  }
}
