/* linalg.h - internal to the cpu backend: products and factorisations, own loops and OpenBLAS. */
#ifndef NUMC_CPU_LINALG_H
#define NUMC_CPU_LINALG_H

#include "cpu.h"

int32_t numc_cpu_matmul(numc_device *device, const numc_view *a, const numc_view *b, const numc_view *c,
                        const numc_matmul_options *options);
int32_t numc_cpu_cholesky(numc_device *device, const numc_view *a, const numc_view *l);
int32_t numc_cpu_cholesky_inverse(numc_device *device, const numc_view *l, const numc_view *w);
int32_t numc_cpu_triangular_solve(numc_device *device, const numc_view *t, const numc_view *b, const numc_view *x,
                                  uint32_t upper, uint32_t transpose, uint32_t unit);
int32_t numc_cpu_lu(numc_device *device, const numc_view *a, const numc_view *lu, const numc_view *permutation,
                    const numc_view *sign);

/* complex.c: the same of complex dtypes, whose views fit; without OpenBLAS UNSUPPORTED, but for products. */
int32_t numc_cpu_complex_matmul(numc_device *device, const numc_view *a, const numc_view *b, const numc_view *c, bool accumulate);
int32_t numc_cpu_complex_cholesky(numc_device *device, const numc_view *a, const numc_view *l);
int32_t numc_cpu_complex_triangular(numc_device *device, const numc_view *t, const numc_view *b, const numc_view *x, bool upper,
                                    uint32_t transpose, bool unit);
int32_t numc_cpu_complex_lu(numc_device *device, const numc_view *a, const numc_view *lu, const numc_view *permutation,
                            const numc_view *sign);

/* factor.c */
int32_t numc_cpu_qr(numc_device *device, const numc_view *a, const numc_view *q, const numc_view *r);
int32_t numc_cpu_eigh(numc_device *device, const numc_view *a, const numc_view *values, const numc_view *vectors);
int32_t numc_cpu_eig(numc_device *device, const numc_view *a, const numc_view *values, const numc_view *vectors);
int32_t numc_cpu_svd(numc_device *device, const numc_view *a, const numc_view *u, const numc_view *s, const numc_view *vh);

/* linalg.c. Elements of 4, 8 or 16 bytes; strides in elements. */
void numc_cpu_copy_matrix(int64_t rows, int64_t columns, int64_t size, const char *from, int64_t from_row,
                          int64_t from_column, char *to, int64_t to_row, int64_t to_column);

/* The first element of batch entry `number`, counted in row-major order over the leading `axes` axes. */
static inline char *numc_cpu_entry(const numc_view *view, int32_t axes, int64_t number)
{
    int64_t element = view->offset;
    for (int32_t d = axes - 1; d >= 0; --d) {
        element += number % view->shape[d] * view->strides[d];
        number /= view->shape[d];
    }
    return (char *)view->memory + element * (int64_t)numc_cpu_view_size(view->dtype);
}

static inline bool numc_cpu_is_complex(uint32_t dtype)
{
    return dtype == NUMC_COMPLEX64 || dtype == NUMC_COMPLEX128;
}

static inline int64_t numc_cpu_count(const numc_view *view, int32_t axes)
{
    int64_t count = 1;
    for (int32_t d = 0; d < axes; ++d)
        count *= view->shape[d];
    return count;
}

#endif
