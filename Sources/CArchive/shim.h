#ifndef CARCHIVE_SHIM_H
#define CARCHIVE_SHIM_H

#include <archive.h>
#include <archive_entry.h>

/* A cast macro, which Swift does not import. */
static inline mode_t CArchive_regular_file(void) { return AE_IFREG; }

#endif
