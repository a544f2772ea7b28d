#ifndef AIMASS_FAULTS_PLAN_H
#define AIMASS_FAULTS_PLAN_H

#include <stddef.h>

enum operation {
  CREATE, OPEN, WRITE, PWRITE, FSYNC, FDATASYNC, CLOSE, RENAME, MKDIR, UNLINK, RMDIR, FTRUNCATE,
  LINK, SYMLINK, FALLOCATE, STATVFS, FLOCK, READ, PREAD, OPENDIR, READDIR, STAT, ACCESS,
  OPERATIONS
};

enum action { PASS, FAIL, KILL_BEFORE, KILL_AFTER, SHORTEN };

// One call that the library watches: what it is, and what is to happen to it.
struct call {
  enum operation operation;
  const char *path, *other;
  long number;
  enum action action;
  int error;
  // For the trace.
  long offset;
  size_t length;
  const void *bytes;
};

// Whether calls on `path` are watched in this process.
int watched(const char *path);

// Counts the call and decides about it; kills the process where that is planned.
//
// Returns 1 if the call must not be made: errno is set, and it is in the trace.
int meet(struct call *call);

// Tells the trace how the call went, and kills the process where that is planned; keeps errno.
void leave(const struct call *call, int failed);

#endif
