#define _GNU_SOURCE
// The C library's own names, with and without 64: no macro may turn one into the other.
#undef _FILE_OFFSET_BITS
#include <dirent.h>
#include <dlfcn.h>
#include <errno.h>
#include <fcntl.h>
#include <linux/openat2.h>
#include <limits.h>
#include <stdarg.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/statvfs.h>
#include <sys/syscall.h>
#include <sys/types.h>
#include <unistd.h>

#include "plan.h"

// Calls are made by number wherever the kernel has them: nothing to look up, nothing to recurse.

enum { MOST_DESCRIPTORS = 4096 };
// The paths of open descriptors that are watched; one that is closed leaves its few bytes behind.
static char *_Atomic paths[MOST_DESCRIPTORS];

static const char *path_of(int descriptor) {
  return descriptor >= 0 && descriptor < MOST_DESCRIPTORS ? paths[descriptor] : NULL;
}

static void remember(int descriptor, const char *path) {
  if (descriptor >= 0 && descriptor < MOST_DESCRIPTORS)
    paths[descriptor] = path ? strdup(path) : NULL;
}

// The path of `name` in an open folder, in `room`.
static const char *whole(int folder, const char *name, char *room) {
  const char *base = folder == AT_FDCWD ? NULL : path_of(folder);
  if (!name || *name == '/' || !base) return name;
  snprintf(room, PATH_MAX, "%s/%s", base, name);
  return room;
}

static int open_file(int folder, const char *name, int flags, mode_t mode) {
  char room[PATH_MAX];
  const char *path = whole(folder, name, room);
  if (!watched(path)) return (int)syscall(SYS_openat, folder, name, flags, mode);
  struct call call = {.operation = flags & O_CREAT ? CREATE : OPEN, .path = path, .offset = flags};
  if (meet(&call)) return -1;
  int descriptor = (int)syscall(SYS_openat, folder, name, flags, mode);
  if (descriptor >= 0) remember(descriptor, path);
  leave(&call, descriptor < 0);
  return descriptor;
}

// What the C library has no name for: `openat2`. All other calls by number go on to it.
long syscall(long number, ...) {
  static long (*next)(long, ...);
  if (!next) next = (long (*)(long, ...))dlsym(RTLD_NEXT, "syscall");
  long word[6];
  va_list list;
  va_start(list, number);
  for (int i = 0; i < 6; i++) word[i] = va_arg(list, long);
  va_end(list);
  char room[PATH_MAX];
  const char *path =
    number == SYS_openat2 ? whole((int)word[0], (const char *)word[1], room) : NULL;
  if (!watched(path)) return next(number, word[0], word[1], word[2], word[3], word[4], word[5]);
  int flags = (int)((const struct open_how *)word[2])->flags;
  struct call call = {.operation = flags & O_CREAT ? CREATE : OPEN, .path = path, .offset = flags};
  if (meet(&call)) return -1;
  long descriptor = next(number, word[0], word[1], word[2], word[3]);
  if (descriptor >= 0) remember((int)descriptor, path);
  leave(&call, descriptor < 0);
  return descriptor;
}

#define MODE(flags, mode)                                     \
  mode_t mode = 0;                                            \
  if ((flags) & (O_CREAT | O_TMPFILE)) {                      \
    va_list list;                                             \
    va_start(list, flags);                                    \
    mode = va_arg(list, mode_t);                              \
    va_end(list);                                             \
  }

int open(const char *path, int flags, ...) {
  MODE(flags, mode)
  return open_file(AT_FDCWD, path, flags, mode);
}
int open64(const char *path, int flags, ...) {
  MODE(flags, mode)
  return open_file(AT_FDCWD, path, flags, mode);
}
int openat(int folder, const char *path, int flags, ...) {
  MODE(flags, mode)
  return open_file(folder, path, flags, mode);
}
int openat64(int folder, const char *path, int flags, ...) {
  MODE(flags, mode)
  return open_file(folder, path, flags, mode);
}
int creat(const char *path, mode_t mode) {
  return open_file(AT_FDCWD, path, O_CREAT | O_WRONLY | O_TRUNC, mode);
}
int creat64(const char *path, mode_t mode) {
  return open_file(AT_FDCWD, path, O_CREAT | O_WRONLY | O_TRUNC, mode);
}

// Reads or writes: `number` is the call, `offset` -1 for the descriptor's own place.
static ssize_t move(
  enum operation operation, long number, int descriptor, void *bytes, size_t count,
  off_t offset
) {
  const char *path = path_of(descriptor);
  struct call call = {.operation = operation, .path = path, .offset = offset};
  if (path) {
    if (meet(&call)) return -1;
    if (call.action == SHORTEN && count > 1) count /= 2;
  }
  ssize_t done = offset < 0 ? syscall(number, descriptor, bytes, count)
                            : syscall(number, descriptor, bytes, count, offset);
  if (path) {
    call.length = done < 0 ? 0 : (size_t)done;
    if (operation == WRITE || operation == PWRITE) call.bytes = bytes;
    leave(&call, done < 0);
  }
  return done;
}

ssize_t write(int descriptor, const void *bytes, size_t count) {
  return move(WRITE, SYS_write, descriptor, (void *)bytes, count, -1);
}
ssize_t read(int descriptor, void *bytes, size_t count) {
  return move(READ, SYS_read, descriptor, bytes, count, -1);
}
ssize_t pwrite(int descriptor, const void *bytes, size_t count, off_t offset) {
  return move(PWRITE, SYS_pwrite64, descriptor, (void *)bytes, count, offset);
}
ssize_t pwrite64(int descriptor, const void *bytes, size_t count, off64_t offset) {
  return move(PWRITE, SYS_pwrite64, descriptor, (void *)bytes, count, offset);
}
ssize_t pread(int descriptor, void *bytes, size_t count, off_t offset) {
  return move(PREAD, SYS_pread64, descriptor, bytes, count, offset);
}
ssize_t pread64(int descriptor, void *bytes, size_t count, off64_t offset) {
  return move(PREAD, SYS_pread64, descriptor, bytes, count, offset);
}

// A call on one watched path whose result is 0 or -1.
#define SIMPLE(operation_, path_, other_, offset_, call_)                       \
  do {                                                                          \
    const char *seen = (path_);                                                 \
    if (!watched(seen)) return (int)(call_);                                    \
    struct call call = {                                                        \
      .operation = operation_, .path = seen, .other = (other_), .offset = (offset_)}; \
    if (meet(&call)) return -1;                                                 \
    int result = (int)(call_);                                                  \
    leave(&call, result != 0);                                                  \
    return result;                                                              \
  } while (0)

int fsync(int descriptor) {
  SIMPLE(FSYNC, path_of(descriptor), NULL, 0, syscall(SYS_fsync, descriptor));
}
int fdatasync(int descriptor) {
  SIMPLE(FDATASYNC, path_of(descriptor), NULL, 0, syscall(SYS_fdatasync, descriptor));
}
int ftruncate(int descriptor, off_t length) {
  SIMPLE(
    FTRUNCATE, path_of(descriptor), NULL, length, syscall(SYS_ftruncate, descriptor, length));
}
int ftruncate64(int descriptor, off64_t length) {
  SIMPLE(
    FTRUNCATE, path_of(descriptor), NULL, length, syscall(SYS_ftruncate, descriptor, length));
}
int fallocate(int descriptor, int mode, off_t offset, off_t length) {
  SIMPLE(
    FALLOCATE, path_of(descriptor), NULL, offset,
    syscall(SYS_fallocate, descriptor, mode, offset, length));
}
int flock(int descriptor, int operation) {
  SIMPLE(FLOCK, path_of(descriptor), NULL, operation, syscall(SYS_flock, descriptor, operation));
}

int close(int descriptor) {
  const char *path = path_of(descriptor);
  if (!path) return (int)syscall(SYS_close, descriptor);
  struct call call = {.operation = CLOSE, .path = path};
  int stopped = meet(&call);
  remember(descriptor, NULL);
  int number = errno, result = (int)syscall(SYS_close, descriptor);
  if (stopped) {
    errno = number;
    return -1;
  }
  leave(&call, result != 0);
  return result;
}

int mkdir(const char *path, mode_t mode) {
  SIMPLE(MKDIR, path, NULL, 0, syscall(SYS_mkdirat, AT_FDCWD, path, mode));
}
int mkdirat(int folder, const char *name, mode_t mode) {
  char room[PATH_MAX];
  SIMPLE(MKDIR, whole(folder, name, room), NULL, 0, syscall(SYS_mkdirat, folder, name, mode));
}
int unlink(const char *path) {
  SIMPLE(UNLINK, path, NULL, 0, syscall(SYS_unlinkat, AT_FDCWD, path, 0));
}
int rmdir(const char *path) {
  SIMPLE(RMDIR, path, NULL, 0, syscall(SYS_unlinkat, AT_FDCWD, path, AT_REMOVEDIR));
}
int unlinkat(int folder, const char *name, int flags) {
  char room[PATH_MAX];
  SIMPLE(
    flags & AT_REMOVEDIR ? RMDIR : UNLINK, whole(folder, name, room), NULL, 0,
    syscall(SYS_unlinkat, folder, name, flags));
}
int rename(const char *from, const char *to) {
  SIMPLE(RENAME, from, to, 0, syscall(SYS_renameat2, AT_FDCWD, from, AT_FDCWD, to, 0));
}
int renameat(int from_folder, const char *from, int to_folder, const char *to) {
  char room[PATH_MAX], other[PATH_MAX];
  SIMPLE(
    RENAME, whole(from_folder, from, room), whole(to_folder, to, other), 0,
    syscall(SYS_renameat2, from_folder, from, to_folder, to, 0));
}
int renameat2(int from_folder, const char *from, int to_folder, const char *to, unsigned flags) {
  char room[PATH_MAX], other[PATH_MAX];
  SIMPLE(
    RENAME, whole(from_folder, from, room), whole(to_folder, to, other), flags,
    syscall(SYS_renameat2, from_folder, from, to_folder, to, flags));
}
int link(const char *from, const char *to) {
  SIMPLE(LINK, from, to, 0, syscall(SYS_linkat, AT_FDCWD, from, AT_FDCWD, to, 0));
}
int symlink(const char *text, const char *path) {
  SIMPLE(SYMLINK, path, text, 0, syscall(SYS_symlinkat, text, AT_FDCWD, path));
}

#if defined(__x86_64__)
enum { STATUS_OF = SYS_newfstatat };
#else
enum { STATUS_OF = SYS_fstatat };
#endif

int lstat(const char *path, struct stat *status) {
  SIMPLE(STAT, path, NULL, 0, syscall(STATUS_OF, AT_FDCWD, path, status, AT_SYMLINK_NOFOLLOW));
}
int lstat64(const char *path, struct stat64 *status) {
  SIMPLE(STAT, path, NULL, 0, syscall(STATUS_OF, AT_FDCWD, path, status, AT_SYMLINK_NOFOLLOW));
}
int stat(const char *path, struct stat *status) {
  SIMPLE(STAT, path, NULL, 0, syscall(STATUS_OF, AT_FDCWD, path, status, 0));
}
int stat64(const char *path, struct stat64 *status) {
  SIMPLE(STAT, path, NULL, 0, syscall(STATUS_OF, AT_FDCWD, path, status, 0));
}
int fstat(int descriptor, struct stat *status) {
  SIMPLE(STAT, path_of(descriptor), NULL, 0, syscall(SYS_fstat, descriptor, status));
}
int fstat64(int descriptor, struct stat64 *status) {
  SIMPLE(STAT, path_of(descriptor), NULL, 0, syscall(SYS_fstat, descriptor, status));
}
int access(const char *path, int mode) {
  SIMPLE(ACCESS, path, NULL, mode, syscall(SYS_faccessat, AT_FDCWD, path, mode));
}

// What the C library does in more than one call is left to it.
#define NEXT(name) ((__typeof__(&name))dlsym(RTLD_NEXT, #name))

int statvfs(const char *path, struct statvfs *status) {
  SIMPLE(STATVFS, path, NULL, 0, NEXT(statvfs)(path, status));
}
int statvfs64(const char *path, struct statvfs64 *status) {
  SIMPLE(STATVFS, path, NULL, 0, NEXT(statvfs64)(path, status));
}

DIR *opendir(const char *path) {
  DIR *(*next)(const char *) = NEXT(opendir);
  if (!watched(path)) return next(path);
  struct call call = {.operation = OPENDIR, .path = path};
  if (meet(&call)) return NULL;
  DIR *stream = next(path);
  if (stream) remember(dirfd(stream), path);
  leave(&call, !stream);
  return stream;
}
int closedir(DIR *stream) {
  int (*next)(DIR *) = NEXT(closedir);
  remember(dirfd(stream), NULL);
  return next(stream);
}
struct dirent *readdir(DIR *stream) {
  struct dirent *(*next)(DIR *) = NEXT(readdir);
  struct call call = {.operation = READDIR, .path = path_of(dirfd(stream))};
  if (!call.path) return next(stream);
  if (meet(&call)) return NULL;
  struct dirent *entry = next(stream);
  leave(&call, 0);
  return entry;
}
struct dirent64 *readdir64(DIR *stream) {
  struct dirent64 *(*next)(DIR *) = NEXT(readdir64);
  struct call call = {.operation = READDIR, .path = path_of(dirfd(stream))};
  if (!call.path) return next(stream);
  if (meet(&call)) return NULL;
  struct dirent64 *entry = next(stream);
  leave(&call, 0);
  return entry;
}
