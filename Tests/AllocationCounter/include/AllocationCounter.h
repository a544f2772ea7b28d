#ifndef AIMASS_ALLOCATION_COUNTER_H
#define AIMASS_ALLOCATION_COUNTER_H

// Counts heap allocations of the calling thread from here on; a program that links this has the counting
// functions in place of the C library's.
void AllocationCounter_start(void);

// Ends counting and returns the allocations since the start, those asked for by Open MPI's libraries left out.
long AllocationCounter_stop(void);

#endif
