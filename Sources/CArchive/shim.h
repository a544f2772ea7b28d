#ifndef CARCHIVE_SHIM_H
#define CARCHIVE_SHIM_H

#include <archive.h>
#include <archive_entry.h>

/* Cast macros, which Swift does not import. */
static inline mode_t CArchive_regular_file(void) { return AE_IFREG; }
static inline mode_t CArchive_symbolic_link(void) { return AE_IFLNK; }

#endif
