/* fourier.h - for the tests of the slot fft: transforms compared with sums in long double, in many layouts.
 *
 * Bound: the error of a line in the 2-norm, relative to the norm of the exact result. Higham (2002), theorem 24.2, gives
 * log2(n) (mu + gamma_4 (sqrt 2 + mu)) < 4 eps log2 n for radix 2 with roots good to mu <= eps; a pass of radix r <= 64 adds
 * r - 1 terms where log2 r passes of two would round, which the 2-norm of r outputs spreads by sqrt r: at most r / sqrt r <
 * 2 log2 r in place of log2 r. Bluestein runs two transforms of up to 4 n: log2 n + 2, twice. So 8 eps (log2 n + 2). */
#ifndef NUMC_TESTS_BACKEND_FOURIER_H
#define NUMC_TESTS_BACKEND_FOURIER_H

#include <float.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "numc/backend.h"

typedef enum fourier_kind { FOURIER_FORWARD, FOURIER_BACKWARD, FOURIER_FROM_REAL, FOURIER_TO_REAL, FOURIER_KINDS } fourier_kind;
/* LINES: the axis last. COLUMNS: the axis first, so that lines interleave. BACK: last, from its end. SPARSE: every third element. */
typedef enum fourier_layout { FOURIER_LINES, FOURIER_COLUMNS, FOURIER_BACK, FOURIER_SPARSE, FOURIER_LAYOUTS } fourier_layout;

/* A 3-d view of (outer, n, inner) elements, the axis in the middle; parts: components per element. */
typedef struct fourier_array {
    numc_view view;
    int64_t shape[3], strides[3];
    int32_t parts;
    size_t bytes;
} fourier_array;

static inline void fourier_make(fourier_array *a, bool wide, bool is_complex, int64_t lines, int64_t n, fourier_layout layout)
{
    const int64_t gap = layout == FOURIER_SPARSE ? 3 : 1, elements = lines * n * gap;
    *a = (fourier_array){.parts = is_complex ? 2 : 1};
    a->shape[0] = layout == FOURIER_COLUMNS ? 1 : lines;
    a->shape[1] = n;
    a->shape[2] = layout == FOURIER_COLUMNS ? lines : 1;
    a->strides[0] = n * gap;
    a->strides[1] = layout == FOURIER_COLUMNS ? lines : layout == FOURIER_BACK ? -1 : gap;
    a->strides[2] = 1;
    a->bytes = (size_t)(elements + 1) * (size_t)a->parts * (wide ? 8 : 4);
    a->view = (numc_view){.memory = calloc(1, a->bytes),
                          .offset = 1 + (layout == FOURIER_BACK ? n - 1 : 0),
                          .dtype = (uint32_t)(wide ? is_complex ? NUMC_COMPLEX128 : NUMC_FLOAT64
                                                   : is_complex ? NUMC_COMPLEX64 : NUMC_FLOAT32),
                          .rank = 3,
                          .shape = a->shape,
                          .strides = a->strides};
    if (a->view.memory == NULL)
        abort();
}

static inline void fourier_free(fourier_array *a)
{
    free(a->view.memory);
}

static inline int64_t fourier_place(const fourier_array *a, int64_t line, int64_t k)
{
    const int64_t i = a->shape[2] > 1 ? 0 : line, j = a->shape[2] > 1 ? line : 0;
    return a->parts * (a->view.offset + i * a->strides[0] + k * a->strides[1] + j * a->strides[2]);
}

static inline double fourier_get(const fourier_array *a, int64_t line, int64_t k, int32_t part)
{
    const int64_t at = fourier_place(a, line, k) + part;
    const bool wide = a->view.dtype == NUMC_FLOAT64 || a->view.dtype == NUMC_COMPLEX128;
    return part >= a->parts ? 0.0 : wide ? ((double *)a->view.memory)[at] : (double)((float *)a->view.memory)[at];
}

static inline void fourier_set(fourier_array *a, int64_t line, int64_t k, int32_t part, double x)
{
    const int64_t at = fourier_place(a, line, k) + part;
    if (a->view.dtype == NUMC_FLOAT64 || a->view.dtype == NUMC_COMPLEX128)
        ((double *)a->view.memory)[at] = x;
    else
        ((float *)a->view.memory)[at] = (float)x;
}

static uint64_t fourier_state = 20261122;

/* In (-1, 1): splitmix64 */
static inline double fourier_random(void)
{
    uint64_t z = fourier_state += UINT64_C(0x9e3779b97f4a7c15);
    z = (z ^ z >> 30) * UINT64_C(0xbf58476d1ce4e5b9);
    z = (z ^ z >> 27) * UINT64_C(0x94d049bb133111eb);
    return (double)((z ^ z >> 31) >> 11) * 0x1p-52 - 1.0;
}

static inline void fourier_fill(fourier_array *a)
{
    for (int64_t line = 0; line < a->shape[0] * a->shape[2]; line++)
        for (int64_t k = 0; k < a->shape[1]; k++)
            for (int32_t part = 0; part < a->parts; part++)
                fourier_set(a, line, k, part, fourier_random());
}

/* x and y of `lines` transforms of n. */
static inline void fourier_pair(fourier_array *x, fourier_array *y, bool wide, fourier_kind kind, int64_t lines, int64_t n,
                                fourier_layout layout)
{
    fourier_make(x, wide, kind != FOURIER_FROM_REAL, lines, kind == FOURIER_TO_REAL ? n / 2 + 1 : n, layout);
    fourier_make(y, wide, kind != FOURIER_TO_REAL, lines, kind == FOURIER_FROM_REAL ? n / 2 + 1 : n,
                 layout == FOURIER_COLUMNS ? layout : FOURIER_LINES);
    fourier_fill(x);
}

static inline int32_t fourier_direction(fourier_kind kind)
{
    return kind == FOURIER_FORWARD || kind == FOURIER_FROM_REAL ? -1 : 1;
}

static inline double fourier_bound(bool wide, int64_t n)
{
    return 8.0 * (wide ? DBL_EPSILON : (double)FLT_EPSILON) * (log2((double)n) + 2.0);
}

/* Worst error of a line of y = transform of x, over `fourier_bound`. */
static inline double fourier_error(const fourier_array *x, const fourier_array *y, bool wide, fourier_kind kind, int64_t n)
{
    const int64_t lines = x->shape[0] * x->shape[2], given = x->shape[1];
    const long double turn = 8.0L * atanl(1.0L) * (long double)fourier_direction(kind);
    long double *roots = malloc((size_t)n * 4 * sizeof *roots), *in = roots + 2 * n;
    if (roots == NULL)
        abort();
    for (int64_t k = 0; k < n; k++) {
        roots[2 * k] = cosl(turn * (long double)k / (long double)n);
        roots[2 * k + 1] = sinl(turn * (long double)k / (long double)n);
    }
    double worst = 0.0;
    for (int64_t line = 0; line < lines; line++) {
        for (int64_t k = 0; k < n; k++) {
            const bool mirrored = k >= given;
            in[2 * k] = (long double)fourier_get(x, line, mirrored ? n - k : k, 0);
            in[2 * k + 1] = (long double)fourier_get(x, line, mirrored ? n - k : k, 1) * (mirrored ? -1 : 1);
            if (kind == FOURIER_TO_REAL && (k == 0 || 2 * k == n))
                in[2 * k + 1] = 0;
        }
        long double error = 0, norm = 0;
        for (int64_t k = 0; k < y->shape[1]; k++) {
            long double re = 0, im = 0;
            for (int64_t j = 0, at = 0; j < n; j++, at = at + k >= n ? at + k - n : at + k) {
                re += in[2 * j] * roots[2 * at] - in[2 * j + 1] * roots[2 * at + 1];
                im += in[2 * j] * roots[2 * at + 1] + in[2 * j + 1] * roots[2 * at];
            }
            norm += re * re + im * im;
            re -= (long double)fourier_get(y, line, k, 0);
            im -= kind == FOURIER_TO_REAL ? im : (long double)fourier_get(y, line, k, 1);
            error += re * re + im * im;
        }
        const double ratio = (double)(sqrtl(error) / sqrtl(norm)) / fourier_bound(wide, n);
        worst = !(ratio <= worst) ? ratio : worst;
    }
    free(roots);
    return worst;
}

/* Forward and back again, n times the line: the worst error of a line over twice the bound. */
static inline double fourier_round_trip(const numc_backend *table, numc_device *device, bool wide, bool real, int64_t lines,
                                        int64_t n, fourier_layout layout, int32_t *status)
{
    fourier_array x, y, z;
    fourier_pair(&x, &y, wide, real ? FOURIER_FROM_REAL : FOURIER_FORWARD, lines, n, layout);
    fourier_make(&z, wide, !real, lines, n, layout);
    *status = table->fft(device, &x.view, 1, -1, &y.view);
    if (*status == NUMC_OK)
        *status = table->fft(device, &y.view, 1, 1, &z.view);
    double worst = 0.0;
    for (int64_t line = 0; line < lines; line++) {
        double error = 0.0, norm = 0.0;
        for (int64_t k = 0; k < n; k++)
            for (int32_t part = 0; part < z.parts; part++) {
                const double expected = fourier_get(&x, line, k, part);
                const double off = fourier_get(&z, line, k, part) / (double)n - expected;
                error += off * off;
                norm += expected * expected;
            }
        const double ratio = sqrt(error / norm) / (2.0 * fourier_bound(wide, n));
        worst = !(ratio <= worst) ? ratio : worst;
    }
    fourier_free(&x);
    fourier_free(&y);
    fourier_free(&z);
    return worst;
}

#endif
