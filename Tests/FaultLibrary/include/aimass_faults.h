#ifndef AIMASS_FAULTS_H
#define AIMASS_FAULTS_H

// A library to be preloaded (LD_PRELOAD) into a program whose file operations are to be watched or
// to fail. It sees the calls on paths that contain a given text, counts them by operation, lets
// chosen ones fail, and records them, with the bytes that were written, for a replay.
//
// Variables of the environment, read once at start:
//   AIMASS_FAULTS_PATH   what a path must contain; without it the library does nothing
//   AIMASS_FAULTS        faults separated by commas, each OPERATION:N:ACTION
//     OPERATION  a name of `names` in plan.c, or `any`
//     N          the N-th such call, counted from 1; `N+` for it and all later ones
//     ACTION     an error's name (EIO, ...): the call fails with it and does nothing; `close`
//                closes all the same, as Linux does. `kill-before`, `kill-after`: SIGKILL.
//                `short`: half of the bytes are written or read.
//   AIMASS_FAULTS_RANK   only in the process whose OMPI_COMM_WORLD_RANK is this
//   AIMASS_FAULTS_TRACE  a file to which one line per call is appended: operation, its number,
//                        path, second path, offset, length, place in FILE.data, result (0, or the
//                        negative error number), separated by tabs

// Writes `text` into the trace as the path of an operation called `mark`.
void aimass_faults_mark(const char *text);

#endif
