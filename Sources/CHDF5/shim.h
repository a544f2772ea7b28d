#ifndef CHDF5_SHIM_H
#define CHDF5_SHIM_H

#include <hdf5.h>

// HDF5's native types and flags are comma macros that call H5open() first; Swift cannot import them.

static inline hid_t    CHDF5_native_float(void)   { return H5T_NATIVE_FLOAT; }
static inline hid_t    CHDF5_native_double(void)  { return H5T_NATIVE_DOUBLE; }
static inline hid_t    CHDF5_native_int8(void)    { return H5T_NATIVE_INT8; }
static inline hid_t    CHDF5_native_uint8(void)   { return H5T_NATIVE_UINT8; }
static inline hid_t    CHDF5_native_int16(void)   { return H5T_NATIVE_INT16; }
static inline hid_t    CHDF5_native_uint16(void)  { return H5T_NATIVE_UINT16; }
static inline hid_t    CHDF5_native_int32(void)   { return H5T_NATIVE_INT32; }
static inline hid_t    CHDF5_native_uint32(void)  { return H5T_NATIVE_UINT32; }
static inline hid_t    CHDF5_native_int64(void)   { return H5T_NATIVE_INT64; }
static inline hid_t    CHDF5_native_uint64(void)  { return H5T_NATIVE_UINT64; }
static inline hid_t    CHDF5_c_s1(void)           { return H5T_C_S1; }
static inline unsigned CHDF5_read_only(void)      { return H5F_ACC_RDONLY; }
static inline unsigned CHDF5_exclusive(void)      { return H5F_ACC_EXCL; }
static inline unsigned CHDF5_truncate(void)       { return H5F_ACC_TRUNC; }
static inline hid_t    CHDF5_dataset_create(void) { return H5P_DATASET_CREATE; }
static inline hid_t    CHDF5_dataset_access(void) { return H5P_DATASET_ACCESS; }
static inline hid_t    CHDF5_file_access(void)    { return H5P_FILE_ACCESS; }
static inline hid_t    CHDF5_file_create(void)    { return H5P_FILE_CREATE; }
static inline hid_t    CHDF5_group_create(void)   { return H5P_GROUP_CREATE; }
static inline hid_t    CHDF5_link_create(void)    { return H5P_LINK_CREATE; }
static inline hid_t    CHDF5_link_access(void)    { return H5P_LINK_ACCESS; }

#endif
