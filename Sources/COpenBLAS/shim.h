#ifndef COPENBLAS_SHIM_H
#define COPENBLAS_SHIM_H

#include <cblas.h>
#include <stddef.h>

// LAPACK is part of the library but not of its header. Fortran passes everything by address, and the
// length of each text as a hidden last argument.
void dpotrf_(
    const char *triangle, const blasint *n, double *a, const blasint *order, blasint *status,
    size_t length);
void dpotrs_(
    const char *triangle, const blasint *n, const blasint *columns, const double *a,
    const blasint *order, double *b, const blasint *orderOfB, blasint *status, size_t length);
void dsyevd_(
    const char *vectors, const char *triangle, const blasint *n, double *a, const blasint *order,
    double *values, double *work, const blasint *workSize, blasint *integers,
    const blasint *integerSize, blasint *status, size_t lengthOfVectors, size_t lengthOfTriangle);

// Swift would have to give the hidden argument.
static inline void COpenBLAS_dpotrf(
    const char *triangle, const blasint *n, double *a, const blasint *order, blasint *status) {
  dpotrf_(triangle, n, a, order, status, 1);
}
static inline void COpenBLAS_dpotrs(
    const char *triangle, const blasint *n, const blasint *columns, const double *a,
    const blasint *order, double *b, const blasint *orderOfB, blasint *status) {
  dpotrs_(triangle, n, columns, a, order, b, orderOfB, status, 1);
}
static inline void COpenBLAS_dsyevd(
    const char *vectors, const char *triangle, const blasint *n, double *a, const blasint *order,
    double *values, double *work, const blasint *workSize, blasint *integers,
    const blasint *integerSize, blasint *status) {
  dsyevd_(
      vectors, triangle, n, a, order, values, work, workSize, integers, integerSize, status, 1, 1);
}

#endif
