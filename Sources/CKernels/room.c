#include "room.h"

#include "include/CKernels.h"

#include <pthread.h>
#include <stdlib.h>

typedef struct {
  float *base;
  int64_t count;
} Room;

static _Thread_local Room rooms[2];
static pthread_key_t keys[2];
static pthread_once_t once = PTHREAD_ONCE_INIT;

// A thread-local has no destructor in C; a key's value has.
static void makeKeys(void) {
  for (int i = 0; i < 2; i++)
    if (pthread_key_create(&keys[i], free)) abort();
}

static float *room(int which, int64_t count) {
  Room *r = &rooms[which];
  if (count <= r->count) return r->base;
  if (pthread_once(&once, makeKeys)) abort();
  free(r->base);
  r->base = aligned_alloc(64, (size_t)((count + 15) / 16 * 64));
  if (!r->base || pthread_setspecific(keys[which], r->base)) abort();
  r->count = count;
  return r->base;
}

float *CKernels_threadRoom(int64_t count) { return room(0, count); }
float *CKernels_threadScratch(int64_t count) { return room(1, count); }
