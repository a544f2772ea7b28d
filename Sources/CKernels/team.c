// A team of threads that compute the parts of one piece of work together.
//
// The leader publishes a job as one word, its number and its count of parts, and takes part 0 itself. A part
// is taken by whoever first raises its stamp to the job's number: a thread tries the part that is its own,
// which meets data it had before in its cache, and then the others, so nobody waits for a thread that sleeps.
// A stamp that was raised keeps the leader waiting until the part is done, so what the job's fields say is
// read only while they stand.

#define _GNU_SOURCE
#include "team.h"

#include <immintrin.h>
#include <pthread.h>
#include <sched.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdlib.h>

enum {
  LINE = 64,
  PARTS_BITS = 16,
  // About a millisecond: longer than what a step does on one thread alone, since to wake one that sleeps takes as
  // long as a small layer; shorter than a wait for other nodes.
  SPIN_CYCLES = 3000000,
};

typedef struct {
  _Alignas(LINE) _Atomic uint64_t job;
} Stamp;

typedef struct {
  CKernels_Team *team;
  int64_t index;
  pthread_t thread;
} Member;

struct CKernels_Team {
  // What the leader writes for a job, and all read.
  _Alignas(LINE) _Atomic uint64_t job;  // number << PARTS_BITS | parts; no parts: the end
  CKernels_PartBody body;
  void *context;
  const CKernels_Table *table;
  // What all write.
  _Alignas(LINE) _Atomic int64_t done;
  _Alignas(LINE) _Atomic int64_t sleepers;
  pthread_mutex_t lock;
  pthread_cond_t wake;
  // What nobody writes.
  _Alignas(LINE) int64_t threads;
  int64_t leastWork;
  uint64_t spin;  // cycles
  Stamp *stamps;
  Member *members;  // the leader's is unused
};

static _Thread_local CKernels_Team *threadTeam;
CKernels_Team *CKernels_threadTeam(void) { return threadTeam; }
void CKernels_setThreadTeam(CKernels_Team *team) { threadTeam = team; }
int64_t CKernels_teamThreads(const CKernels_Team *team) { return team->threads; }
int64_t CKernels_teamLeastWork(const CKernels_Team *team) { return team->leastWork; }

/// Takes a part of a job if nobody has.
static bool take(Stamp *stamp, uint64_t number) {
  uint64_t last = atomic_load_explicit(&stamp->job, memory_order_relaxed);
  while (last < number)
    if (atomic_compare_exchange_weak_explicit(&stamp->job, &last, number, memory_order_acq_rel,
                                              memory_order_relaxed))
      return true;
  return false;
}

/// Computes those parts of a job that nobody else takes, beginning with the thread's own.
static void compute(CKernels_Team *team, uint64_t job, int64_t index) {
  uint64_t number = job >> PARTS_BITS;
  int64_t parts = (int64_t)(job & ((1u << PARTS_BITS) - 1));
  for (int64_t i = 0; i < parts; i++) {
    int64_t part = (index + i) % parts;
    if (!take(&team->stamps[part], number)) continue;
    if (index) CKernels_setThreadTable(team->table);
    team->body(part, team->context);
    atomic_fetch_add_explicit(&team->done, 1, memory_order_release);
  }
}

/// Waits for another job than `last`: awake for a while, then asleep.
static uint64_t nextJob(CKernels_Team *team, uint64_t last) {
  uint64_t job, begin = __builtin_ia32_rdtsc();
  do {
    job = atomic_load_explicit(&team->job, memory_order_acquire);
    if (job != last) return job;
    _mm_pause();
  } while (__builtin_ia32_rdtsc() - begin < team->spin);
  pthread_mutex_lock(&team->lock);
  atomic_fetch_add(&team->sleepers, 1);
  while ((job = atomic_load(&team->job)) == last) pthread_cond_wait(&team->wake, &team->lock);
  atomic_fetch_sub(&team->sleepers, 1);
  pthread_mutex_unlock(&team->lock);
  return job;
}

static void *work(void *context) {
  const Member *member = context;
  pthread_setname_np(pthread_self(), "aimass-team");
  CKernels_flushDenormals();
  uint64_t job = 0;
  while ((job = nextJob(member->team, job)) & ((1u << PARTS_BITS) - 1))
    compute(member->team, job, member->index);
  return NULL;
}

/// Shows a job to all and wakes as many sleepers as can have a part.
static void publish(CKernels_Team *team, int64_t parts, int64_t wanted) {
  uint64_t number = (atomic_load_explicit(&team->job, memory_order_relaxed) >> PARTS_BITS) + 1;
  atomic_store(&team->job, number << PARTS_BITS | (uint64_t)parts);
  // Whoever is about to sleep has been counted before it looked at the job, or sees this one.
  int64_t sleepers = atomic_load(&team->sleepers);
  if (!sleepers) return;
  pthread_mutex_lock(&team->lock);
  if (wanted >= sleepers) pthread_cond_broadcast(&team->wake);
  else
    for (int64_t i = 0; i < wanted; i++) pthread_cond_signal(&team->wake);
  pthread_mutex_unlock(&team->lock);
}

__attribute__((swiftcall)) void CKernels_runTeam(CKernels_Team *team, int64_t parts,
                                                 CKernels_PartBody body, void *context) {
  if (parts < 1 || parts > team->threads) abort();
  team->body = body;
  team->context = context;
  team->table = CKernels_threadTable();
  atomic_store_explicit(&team->done, 0, memory_order_relaxed);
  publish(team, parts, parts - 1);
  // What a part itself would split, it does alone.
  CKernels_Team *outer = threadTeam;
  threadTeam = NULL;
  compute(team, atomic_load_explicit(&team->job, memory_order_relaxed), 0);
  threadTeam = outer;
  uint64_t begin = __builtin_ia32_rdtsc();
  while (atomic_load_explicit(&team->done, memory_order_acquire) < parts) {
    if (__builtin_ia32_rdtsc() - begin < team->spin) _mm_pause();
    else sched_yield();  // a thread without a core of its own may need this one
  }
}

static void freeTeam(CKernels_Team *team) {
  if (!team) return;
  free(team->stamps);
  free(team->members);
  free(team);
}

static CKernels_Team *makeTeam(int64_t threads, int64_t leastWork, bool spins) {
  CKernels_Team *team = aligned_alloc(LINE, sizeof *team);
  if (!team) return NULL;
  __builtin_memset(team, 0, sizeof *team);
  team->threads = threads;
  team->leastWork = leastWork;
  team->spin = spins ? SPIN_CYCLES : 0;
  team->stamps = aligned_alloc(LINE, (size_t)threads * sizeof *team->stamps);
  team->members = calloc((size_t)threads, sizeof *team->members);
  if (!team->stamps || !team->members || pthread_mutex_init(&team->lock, NULL) ||
      pthread_cond_init(&team->wake, NULL)) {
    freeTeam(team);
    return NULL;
  }
  for (int64_t i = 0; i < threads; i++) atomic_init(&team->stamps[i].job, 0);
  return team;
}

/// Ends and joins the first `started` members, leader included.
static void endMembers(CKernels_Team *team, int64_t started) {
  publish(team, 0, team->threads);
  for (int64_t i = 1; i < started; i++) pthread_join(team->members[i].thread, NULL);
}

int CKernels_startTeam(int64_t threads, int64_t leastWork, bool spins, CKernels_Team **made) {
  if (threads < 1 || threads >= 1 << PARTS_BITS || leastWork < 1) abort();
  CKernels_Team *team = makeTeam(threads, leastWork, spins);
  if (!team) return 12;  // ENOMEM
  // New threads inherit the mask: signals are for the leader.
  sigset_t all, before;
  sigfillset(&all);
  pthread_sigmask(SIG_SETMASK, &all, &before);
  int status = 0;
  int64_t started = 1;
  for (; started < threads; started++) {
    Member *member = &team->members[started];
    *member = (Member){.team = team, .index = started};
    if ((status = pthread_create(&member->thread, NULL, work, member))) break;
  }
  pthread_sigmask(SIG_SETMASK, &before, NULL);
  if (status) {
    endMembers(team, started);
    freeTeam(team);
    return status;
  }
  *made = team;
  return 0;
}

void CKernels_endTeam(CKernels_Team *team) {
  endMembers(team, team->threads);
  pthread_cond_destroy(&team->wake);
  pthread_mutex_destroy(&team->lock);
  freeTeam(team);
}
