/* blas.h - internal to the cpu backend: OpenBLAS, opened at run time where something large first needs it. */
#ifndef NUMC_CPU_BLAS_H
#define NUMC_CPU_BLAS_H

#include "cpu.h"

/* CBLAS's numbers. */
enum { CBLAS_ROW_MAJOR = 101, CBLAS_COLUMN_MAJOR = 102, CBLAS_NO_TRANSPOSE = 111, CBLAS_TRANSPOSE = 112, CBLAS_ADJOINT = 113, CBLAS_UPPER = 121, CBLAS_LOWER = 122,
       CBLAS_NON_UNIT = 131, CBLAS_UNIT = 132, CBLAS_LEFT = 141 };

/* The functions used, with 32-bit sizes (LP64). LAPACK's by their Fortran names. */
typedef struct numc_cpu_blas_functions {
    void (*dgemm)(int order, int ta, int tb, int m, int n, int k, double alpha, const double *a, int lda,
                  const double *b, int ldb, double beta, double *c, int ldc);
    void (*sgemm)(int order, int ta, int tb, int m, int n, int k, float alpha, const float *a, int lda, const float *b,
                  int ldb, float beta, float *c, int ldc);
    void (*dtrsm)(int order, int side, int triangle, int ta, int diagonal, int m, int n, double alpha, const double *a,
                  int lda, double *b, int ldb);
    void (*strsm)(int order, int side, int triangle, int ta, int diagonal, int m, int n, float alpha, const float *a,
                  int lda, float *b, int ldb);
    void (*dpotrf)(const char *triangle, const int *n, double *a, const int *lda, int *info, size_t length);
    void (*spotrf)(const char *triangle, const int *n, float *a, const int *lda, int *info, size_t length);
    void (*dgetrf)(const int *m, const int *n, double *a, const int *lda, int *pivots, int *info);
    void (*sgetrf)(const int *m, const int *n, float *a, const int *lda, int *pivots, int *info);
} numc_cpu_blas_functions;

/* Complex numbers go by address and have one signature for both precisions: c for complex64, z for complex128. */
typedef struct numc_cpu_complex_blas {
    void (*gemm)(int order, int ta, int tb, int m, int n, int k, const void *alpha, const void *a, int lda, const void *b,
                 int ldb, const void *beta, void *c, int ldc);
    void (*trsm)(int order, int side, int triangle, int ta, int diagonal, int m, int n, const void *alpha, const void *a,
                 int lda, void *b, int ldb);
    void (*potrf)(const char *triangle, const int *n, void *a, const int *lda, int *info, size_t length);
    void (*getrf)(const int *m, const int *n, void *a, const int *lda, int *pivots, int *info);
} numc_cpu_complex_blas;

/* Factorisations of one dtype; matrices, values and work memory of that dtype or of its components. The pairs are of a real and
 * a complex dtype: only the one that the dtype has is there. The last arguments are the lengths of the texts. */
typedef struct numc_cpu_lapack {
    void (*geqrf)(const int *m, const int *n, void *a, const int *lda, void *tau, void *work, const int *lwork, int *info);
    void (*orgqr)(const int *m, const int *n, const int *k, void *a, const int *lda, const void *tau, void *work,
                  const int *lwork, int *info);
    void (*syevd)(const char *job, const char *triangle, const int *n, void *a, const int *lda, void *values, void *work,
                  const int *lwork, int *iwork, const int *liwork, int *info, size_t, size_t);
    void (*heevd)(const char *job, const char *triangle, const int *n, void *a, const int *lda, void *values, void *work,
                  const int *lwork, void *rwork, const int *lrwork, int *iwork, const int *liwork, int *info, size_t, size_t);
    void (*real_geev)(const char *left, const char *right, const int *n, void *a, const int *lda, void *re, void *im, void *vl,
                      const int *ldvl, void *vr, const int *ldvr, void *work, const int *lwork, int *info, size_t, size_t);
    void (*complex_geev)(const char *left, const char *right, const int *n, void *a, const int *lda, void *values, void *vl,
                         const int *ldvl, void *vr, const int *ldvr, void *work, const int *lwork, void *rwork, int *info,
                         size_t, size_t);
    void (*real_gesdd)(const char *job, const int *m, const int *n, void *a, const int *lda, void *s, void *u, const int *ldu,
                       void *vt, const int *ldvt, void *work, const int *lwork, int *iwork, int *info, size_t);
    void (*complex_gesdd)(const char *job, const int *m, const int *n, void *a, const int *lda, void *s, void *u,
                          const int *ldu, void *vt, const int *ldvt, void *work, const int *lwork, void *rwork, int *iwork,
                          int *info, size_t);
} numc_cpu_lapack;

int32_t numc_cpu_blas_new(numc_device *device);
void numc_cpu_blas_free(numc_device *device);
/* NULL where there is none: own loops serve then. Thread safe; the first call may take 10 to 100 ms. */
const numc_cpu_blas_functions *numc_cpu_blas_get(numc_device *device);
const numc_cpu_complex_blas *numc_cpu_complex_blas_get(numc_device *device, uint32_t dtype);
/* Of a float or complex dtype; NULL also where the library has no LAPACK. */
const numc_cpu_lapack *numc_cpu_lapack_get(numc_device *device, uint32_t dtype);

#endif
