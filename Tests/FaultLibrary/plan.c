#define _GNU_SOURCE
#include "plan.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "aimass_faults.h"

static const char *const names[OPERATIONS] = {
  "create", "open", "write", "pwrite", "fsync", "fdatasync", "close", "rename", "mkdir", "unlink",
  "rmdir", "ftruncate", "link", "symlink", "fallocate", "statvfs", "flock", "read", "pread",
  "opendir", "readdir", "stat", "access",
};

static const struct { const char *name; int number; } errors[] = {
  {"EIO", EIO}, {"ENOSPC", ENOSPC}, {"EDQUOT", EDQUOT}, {"EROFS", EROFS}, {"EACCES", EACCES},
  {"EMFILE", EMFILE}, {"ENOMEM", ENOMEM}, {"EINTR", EINTR}, {"EFBIG", EFBIG}, {"ESTALE", ESTALE},
  {"ENOLCK", ENOLCK}, {"EOPNOTSUPP", EOPNOTSUPP},
};

// `operation` is OPERATIONS for `any`.
struct fault { int operation; long number; int onwards; enum action action; int error; };

enum { MOST_FAULTS = 16 };
static struct fault faults[MOST_FAULTS];
static int fault_count;
static const char *filter;
static int trace = -1, data = -1;
static atomic_long counts[OPERATIONS + 1], data_length;

static void refuse(const char *text) {
  fprintf(stderr, "aimass-faults: cannot understand '%s'\n", text);
  _exit(125);
}

static void parse_action(struct fault *fault, const char *text) {
  if (!strcmp(text, "kill-before")) fault->action = KILL_BEFORE;
  else if (!strcmp(text, "kill-after")) fault->action = KILL_AFTER;
  else if (!strcmp(text, "short")) fault->action = SHORTEN;
  else {
    fault->action = FAIL;
    for (size_t i = 0; i < sizeof errors / sizeof *errors; i++)
      if (!strcmp(text, errors[i].name)) fault->error = errors[i].number;
    if (!fault->error) refuse(text);
  }
}

static void parse_fault(char *text) {
  char *rest, *operation = strtok_r(text, ":", &rest);
  char *number = strtok_r(NULL, ":", &rest), *action = strtok_r(NULL, ":", &rest), *end;
  if (!operation || !number || !action || fault_count == MOST_FAULTS) refuse(text);
  struct fault *fault = &faults[fault_count++];
  fault->operation = -1;
  for (int i = 0; i < OPERATIONS; i++)
    if (!strcmp(operation, names[i])) fault->operation = i;
  if (!strcmp(operation, "any")) fault->operation = OPERATIONS;
  fault->number = strtol(number, &end, 10);
  fault->onwards = *end == '+';
  if (fault->operation < 0 || fault->number < 1 || (*end && strcmp(end, "+"))) refuse(operation);
  parse_action(fault, action);
}

// A descriptor that no later exec inherits and that no program closes by accident.
static int file(const char *path, int flags) {
  int low = (int)syscall(SYS_openat, AT_FDCWD, path, O_CREAT | O_RDWR | O_CLOEXEC | flags, 0644);
  if (low < 0) refuse(path);
  int high = fcntl(low, F_DUPFD_CLOEXEC, 800);
  if (high < 0) return low;
  syscall(SYS_close, low);
  return high;
}

__attribute__((constructor)) static void start(void) {
  const char *path = getenv("AIMASS_FAULTS_PATH"), *rank = getenv("AIMASS_FAULTS_RANK");
  const char *own = getenv("OMPI_COMM_WORLD_RANK");
  if (!path || (rank && (!own || strcmp(rank, own)))) return;
  const char *plan = getenv("AIMASS_FAULTS"), *to = getenv("AIMASS_FAULTS_TRACE");
  if (plan) {
    char *rest, *copy = strdup(plan);
    for (char *part = strtok_r(copy, ",", &rest); part; part = strtok_r(NULL, ",", &rest))
      parse_fault(part);
    free(copy);
  }
  if (to) {
    char beside[PATH_MAX];
    snprintf(beside, sizeof beside, "%s.data", to);
    trace = file(to, O_APPEND);
    // Threads write where they have reserved room, in whatever order.
    data = file(beside, 0);
  }
  filter = path;
}

int watched(const char *path) { return filter && path && strstr(path, filter); }

static void end_process(void) {
  for (;;) kill(getpid(), SIGKILL);
}

static void line(
  const char *name, long number, const char *path, const char *other, long offset, size_t length,
  long place, int result
) {
  char text[2 * PATH_MAX + 200];
  int count = snprintf(
    text, sizeof text, "%s\t%ld\t%s\t%s\t%ld\t%zu\t%ld\t%d\n", name, number, path,
    other ? other : "", offset, length, place, result);
  if (count > 0 && (size_t)count < sizeof text) syscall(SYS_write, trace, text, count);
}

static void record(const struct call *call, int result) {
  if (trace < 0) return;
  long place = -1;
  if (call->bytes && !result) {
    place = atomic_fetch_add(&data_length, (long)call->length);
    syscall(SYS_pwrite64, data, call->bytes, call->length, place);
  }
  line(
    names[call->operation], call->number, call->path, call->other, call->offset, call->length,
    place, result);
}

static void mark(const char *text, const char *path) {
  if (trace >= 0) line("mark", 0, text, path, 0, 0, -1, 0);
}

int meet(struct call *call) {
  call->number = atomic_fetch_add(&counts[call->operation], 1) + 1;
  long all = atomic_fetch_add(&counts[OPERATIONS], 1) + 1;
  call->action = PASS;
  for (int i = 0; i < fault_count; i++) {
    long number = faults[i].operation == OPERATIONS ? all : call->number;
    if (faults[i].operation != OPERATIONS && faults[i].operation != (int)call->operation) continue;
    if (number < faults[i].number || (number > faults[i].number && !faults[i].onwards)) continue;
    call->action = faults[i].action;
    call->error = faults[i].error;
    break;
  }
  if (call->action == KILL_BEFORE) end_process();
  // What other threads write while a sync goes on is not promised by it.
  if (call->operation == FSYNC || call->operation == FDATASYNC) mark("begins", call->path);
  if (call->action != FAIL) return 0;
  record(call, -call->error);
  errno = call->error;
  return 1;
}

void leave(const struct call *call, int failed) {
  int number = errno;
  record(call, failed ? -number : 0);
  if (call->action == KILL_AFTER) end_process();
  errno = number;
}

void aimass_faults_mark(const char *text) { mark(text, NULL); }
