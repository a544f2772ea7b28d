#ifndef CLINUX_SHIM_H
#define CLINUX_SHIM_H

#include <fcntl.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <unistd.h>

// glibc declares these under _GNU_SOURCE only, which Swift's import of it does not set.

// Memory without a name in any file system; the descriptor is closed on exec (MFD_CLOEXEC).
static inline int CLinux_memfd_create(const char *name) {
  return (int)syscall(SYS_memfd_create, name, 1u);
}

// The flag of posix_spawn that gives the child a session of its own (POSIX_SPAWN_SETSID).
static const short CLinux_spawn_setsid = 0x80;

// The signal this process gets when the thread that started it ends (prctl takes any arguments, which
// Swift does not import).
static inline int CLinux_set_parent_death_signal(int number) {
  return prctl(PR_SET_PDEATHSIG, number);
}

// Asks for large pages, where the kernel gives them.
static inline int CLinux_advise_huge_pages(void *start, size_t bytes) {
  return (int)syscall(SYS_madvise, start, bytes, 14);
}

// Takes the pages of a range as a write would (MADV_POPULATE_WRITE, Linux 5.14).
static inline int CLinux_populate(void *start, size_t bytes) {
  return (int)syscall(SYS_madvise, start, bytes, 23);
}

// Opens a name below a folder; no link on the way is followed, and nothing leads out (openat2, Linux 5.6).
static inline int CLinux_open_beneath(int folder, const char *name, int flags) {
  // RESOLVE_BENEATH, RESOLVE_NO_SYMLINKS, RESOLVE_NO_MAGICLINKS.
  unsigned long long how[3] = {(unsigned long long)flags, 0, 0x08 | 0x04 | 0x02};
#ifdef SYS_openat2
  return (int)syscall(SYS_openat2, folder, name, how, sizeof how);
#else
  return (int)syscall(437, folder, name, how, sizeof how);
#endif
}

// Closes every descriptor from `first` on.
static inline void CLinux_close_from(unsigned first) {
#ifdef SYS_close_range
  if (syscall(SYS_close_range, first, ~0u, 0u) == 0) return;
#endif
  for (long number = sysconf(_SC_OPEN_MAX) - 1; number >= (long)first; number--) close((int)number);
}

// Takes a write lock of the open file description on the whole file (F_OFD_SETLK), or fails at once.
static inline int CLinux_lock_description(int descriptor) {
  struct flock lock = {0};
  lock.l_type = F_WRLCK;
  lock.l_whence = SEEK_SET;
  return fcntl(descriptor, 37, &lock);
}

// Turns direct writes, past the page cache, on or off (O_DIRECT); fails where the file system has none.
static inline int CLinux_set_direct(int descriptor, int on) {
  int flags = fcntl(descriptor, F_GETFL);
  if (flags < 0) return -1;
#if defined(__x86_64__) || defined(__i386__)
  const int direct = 040000;
#else
  const int direct = 0200000;
#endif
  return fcntl(descriptor, F_SETFL, on ? flags | direct : flags & ~direct);
}

// Names the calling thread for top and debuggers (PR_SET_NAME; 15 bytes are kept).
static inline void CLinux_name_thread(const char *name) { prctl(PR_SET_NAME, name, 0, 0, 0); }

// Tells the core that this is a wait, so that its twin thread gets the units (not a system call).
static inline void CLinux_pause(void) {
#if defined(__x86_64__)
  __builtin_ia32_pause();
#endif
}

#endif
