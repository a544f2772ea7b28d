#include "room.h"

#include <pthread.h>
#include <stdlib.h>

static _Thread_local float *room;
static _Thread_local int64_t roomCount;
static pthread_key_t roomKey;
static pthread_once_t roomOnce = PTHREAD_ONCE_INIT;

// A thread-local has no destructor in C; a key's value has.
static void makeRoomKey(void) {
  if (pthread_key_create(&roomKey, free)) abort();
}

float *CKernels_threadRoom(int64_t count) {
  if (count <= roomCount) return room;
  if (pthread_once(&roomOnce, makeRoomKey)) abort();
  free(room);
  room = aligned_alloc(64, (size_t)((count + 15) / 16 * 64));
  if (!room || pthread_setspecific(roomKey, room)) abort();
  roomCount = count;
  return room;
}
