/* blas.h - internal to the cpu backend: OpenBLAS, opened at run time where something large first needs it. */
#ifndef NUMC_CPU_BLAS_H
#define NUMC_CPU_BLAS_H

#include "cpu.h"

/* CBLAS's numbers. */
enum { CBLAS_ROW_MAJOR = 101, CBLAS_NO_TRANSPOSE = 111, CBLAS_TRANSPOSE = 112, CBLAS_UPPER = 121, CBLAS_LOWER = 122,
       CBLAS_NON_UNIT = 131, CBLAS_UNIT = 132, CBLAS_LEFT = 141 };

/* The functions used, with 32-bit sizes (LP64), for float64 and float32. LAPACK's by their Fortran names. */
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

int32_t numc_cpu_blas_new(numc_device *device);
void numc_cpu_blas_free(numc_device *device);
/* NULL where there is none: own loops serve then. Thread safe; the first call may take 10 to 100 ms. */
const numc_cpu_blas_functions *numc_cpu_blas_get(numc_device *device);

#endif
