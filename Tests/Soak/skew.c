// For LD_PRELOAD: a wall clock that is wrong, or that jumps, and an MPI library of another name.
//
// SKEW_SECONDS is added to the wall clock; SKEW_JUMP, `AFTER:BY`, adds BY seconds more once AFTER seconds have passed.
// SKEW_LIBRARY is what MPI_Get_library_version says. Clocks that only go forward are left alone.
#define _GNU_SOURCE
#include <dlfcn.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/time.h>
#include <time.h>

static int (*real_clock)(clockid_t, struct timespec *);
static double skew, jump_after, jump_by;
static struct timespec start;

__attribute__((constructor)) static void prepare(void) {
  real_clock = (int (*)(clockid_t, struct timespec *))dlsym(RTLD_NEXT, "clock_gettime");
  real_clock(CLOCK_MONOTONIC, &start);
  const char *text = getenv("SKEW_SECONDS");
  if (text) skew = atof(text);
  text = getenv("SKEW_JUMP");
  if (text) sscanf(text, "%lf:%lf", &jump_after, &jump_by);
}

static time_t shift(void) {
  struct timespec now;
  real_clock(CLOCK_MONOTONIC, &now);
  double passed = (double)(now.tv_sec - start.tv_sec) + 1e-9 * (double)(now.tv_nsec - start.tv_nsec);
  return (time_t)(skew + (jump_by != 0 && passed >= jump_after ? jump_by : 0));
}

int clock_gettime(clockid_t clock, struct timespec *time) {
  if (!real_clock) prepare();
  int status = real_clock(clock, time);
  if (status == 0 && (clock == CLOCK_REALTIME || clock == CLOCK_REALTIME_COARSE)) time->tv_sec += shift();
  return status;
}

int gettimeofday(struct timeval *restrict time, void *restrict zone) {
  (void)zone;
  struct timespec now;
  int status = clock_gettime(CLOCK_REALTIME, &now);
  time->tv_sec = now.tv_sec;
  time->tv_usec = now.tv_nsec / 1000;
  return status;
}

time_t time(time_t *result) {
  struct timespec now;
  clock_gettime(CLOCK_REALTIME, &now);
  if (result) *result = now.tv_sec;
  return now.tv_sec;
}

int MPI_Get_library_version(char *text, int *length) {
  const char *other = getenv("SKEW_LIBRARY");
  if (!other) {
    int (*real)(char *, int *) = (int (*)(char *, int *))dlsym(RTLD_NEXT, "MPI_Get_library_version");
    return real(text, length);
  }
  strcpy(text, other);
  *length = (int)strlen(other);
  return 0;
}
