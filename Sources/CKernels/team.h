#ifndef CKERNELS_TEAM_H
#define CKERNELS_TEAM_H

#include "include/CKernels.h"

/// A Swift closure `(Int) -> Void` that does not escape: its code and what it captured, on the caller's stack.
typedef __attribute__((swiftcall)) void (*CKernels_PartBody)(int64_t part,
                                                             __attribute__((swift_context)) void *);

/// Runs `body` once for each of `parts` parts, at most one for each thread of the team, and waits for all.
///
/// Called by Swift, whose convention passes the closure as it is: a C function pointer could not carry
/// one without an allocation. Only the thread that leads the team calls it.
__attribute__((swiftcall)) void CKernels_runTeam(CKernels_Team *team, int64_t parts,
                                                 CKernels_PartBody body, void *context);

#endif
