#ifndef CLINUX_SHIM_H
#define CLINUX_SHIM_H

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

// Names the calling thread for top and debuggers (PR_SET_NAME; 15 bytes are kept).
static inline void CLinux_name_thread(const char *name) { prctl(PR_SET_NAME, name, 0, 0, 0); }

// Tells the core that this is a wait, so that its twin thread gets the units (not a system call).
static inline void CLinux_pause(void) {
#if defined(__x86_64__)
  __builtin_ia32_pause();
#endif
}

#endif
