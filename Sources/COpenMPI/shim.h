#ifndef COPENMPI_SHIM_H
#define COPENMPI_SHIM_H

#include <mpi.h>

// Open MPI spells its predefined handles as macros that cast the address of a global. Swift imports
// neither the cast nor the macro, so each handle in use has one accessor here. Accessors hold no logic.

static inline MPI_Comm       COpenMPI_comm_world(void)     { return MPI_COMM_WORLD; }
static inline MPI_Comm       COpenMPI_comm_self(void)      { return MPI_COMM_SELF; }
static inline MPI_Comm       COpenMPI_comm_null(void)      { return MPI_COMM_NULL; }
static inline MPI_Request    COpenMPI_request_null(void)   { return MPI_REQUEST_NULL; }
static inline MPI_Info       COpenMPI_info_null(void)      { return MPI_INFO_NULL; }
static inline MPI_Op         COpenMPI_op_sum(void)         { return MPI_SUM; }
static inline MPI_Op         COpenMPI_op_max(void)         { return MPI_MAX; }
static inline MPI_Op         COpenMPI_op_min(void)         { return MPI_MIN; }
static inline MPI_Datatype   COpenMPI_float(void)          { return MPI_FLOAT; }
static inline MPI_Datatype   COpenMPI_double(void)         { return MPI_DOUBLE; }
static inline MPI_Datatype   COpenMPI_int32(void)          { return MPI_INT32_T; }
static inline MPI_Datatype   COpenMPI_int64(void)          { return MPI_INT64_T; }
static inline MPI_Datatype   COpenMPI_uint8(void)          { return MPI_UINT8_T; }
static inline MPI_Datatype   COpenMPI_uint32(void)         { return MPI_UINT32_T; }
static inline MPI_Datatype   COpenMPI_uint64(void)         { return MPI_UINT64_T; }
static inline MPI_Errhandler COpenMPI_errors_return(void)  { return MPI_ERRORS_RETURN; }
static inline void          *COpenMPI_in_place(void)       { return MPI_IN_PLACE; }
static inline MPI_Status    *COpenMPI_status_ignore(void)  { return MPI_STATUS_IGNORE; }
static inline MPI_Status    *COpenMPI_statuses_ignore(void) { return MPI_STATUSES_IGNORE; }

#endif
