/* factor_cases.h - QR, eigenvalues and singular values of one backend by their residuals; included by the test program of ref and
 * by the one of cpu, which say what is tested in `table` and `device` (host memory in both).
 *
 * The bound of every residual and of orthonormality is 30 max(M, N) eps, in units of the norm of the matrix: what LAPACK's own
 * tests allow (thresholds of 30 times n ulp), about ten times what backward stable algorithms show. Residuals are computed in
 * float64, so their own error, max(M, N) eps of float64, is within it. Vectors are not unique and are not compared. */
#ifndef NUMC_TESTS_FACTOR_CASES_H
#define NUMC_TESTS_FACTOR_CASES_H

#include <complex.h>
#include <float.h>
#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "backend/device.h"

static const numc_backend *table;
static numc_device *device;

typedef double complex number;

static number number_of(double re, double im)
{
    const union {
        double parts[2];
        number value;
    } made = {{re, im}};
    return made.value;
}

static const uint32_t dtypes[] = {NUMC_FLOAT64, NUMC_FLOAT32, NUMC_COMPLEX128, NUMC_COMPLEX64};
enum { DTYPES = 4 };

static bool is_complex(uint32_t dtype)
{
    return dtype == NUMC_COMPLEX64 || dtype == NUMC_COMPLEX128;
}

static bool is_single(uint32_t dtype)
{
    return dtype == NUMC_FLOAT32 || dtype == NUMC_COMPLEX64;
}

static uint32_t real_dtype(uint32_t dtype)
{
    return is_single(dtype) ? NUMC_FLOAT32 : NUMC_FLOAT64;
}

static uint32_t complex_dtype(uint32_t dtype)
{
    return is_single(dtype) ? NUMC_COMPLEX64 : NUMC_COMPLEX128;
}

/* ---- matrices in batches --------------------------------------------------------------------------------------------------- */

typedef struct batch {
    numc_view view;
    int64_t shape[3], strides[3];
    void *memory;
} batch;

/* How elements lie in memory. */
enum { ROWS, COLUMNS, GAPS, EVERY_SECOND, BACKWARDS, LAYOUTS };

/* `axes` 3: matrices; 2: a vector per entry, of `rows`. */
static void make(batch *m, uint32_t dtype, int32_t axes, int64_t count, int64_t rows, int64_t columns, int layout)
{
    const int64_t gap = layout == GAPS ? 3 : 0, step = layout == EVERY_SECOND ? 2 : 1;
    if (axes == 2)
        columns = 1;
    m->shape[0] = count;
    m->shape[1] = rows;
    m->shape[2] = columns;
    m->strides[0] = rows * (columns + gap) * step;
    m->strides[1] = layout == COLUMNS ? 1 : (columns + gap) * step;
    m->strides[2] = layout == COLUMNS ? rows : step;
    const int64_t all = count * m->strides[0] + 1;
    const size_t size = numc_dtype_size((numc_dtype)dtype);
    m->memory = calloc((size_t)all, size);
    assert_non_null(m->memory);
    memset(m->memory, 0x5a, (size_t)all * size);
    m->view = (numc_view){m->memory, 1, dtype, axes, m->shape, m->strides};
    if (layout == BACKWARDS && rows > 0 && columns > 0) {
        m->view.offset += (rows - 1) * m->strides[1] + (columns - 1) * m->strides[2];
        m->strides[1] = -m->strides[1];
        m->strides[2] = -m->strides[2];
    }
}

static int64_t place(const batch *m, int64_t n, int64_t i, int64_t j)
{
    return m->view.offset + n * m->strides[0] + i * m->strides[1] + (m->view.rank == 3 ? j * m->strides[2] : 0);
}

static number get(const batch *m, int64_t n, int64_t i, int64_t j)
{
    const int64_t at = place(m, n, i, j);
    switch (m->view.dtype) {
    case NUMC_FLOAT32: return ((const float *)m->memory)[at];
    case NUMC_FLOAT64: return ((const double *)m->memory)[at];
    case NUMC_COMPLEX64: return number_of(((const float *)m->memory)[2 * at], ((const float *)m->memory)[2 * at + 1]);
    default: return number_of(((const double *)m->memory)[2 * at], ((const double *)m->memory)[2 * at + 1]);
    }
}

static void set(const batch *m, int64_t n, int64_t i, int64_t j, number value)
{
    const int64_t at = place(m, n, i, j);
    switch (m->view.dtype) {
    case NUMC_FLOAT32: ((float *)m->memory)[at] = (float)creal(value); break;
    case NUMC_FLOAT64: ((double *)m->memory)[at] = creal(value); break;
    case NUMC_COMPLEX64:
        ((float *)m->memory)[2 * at] = (float)creal(value);
        ((float *)m->memory)[2 * at + 1] = (float)cimag(value);
        break;
    default:
        ((double *)m->memory)[2 * at] = creal(value);
        ((double *)m->memory)[2 * at + 1] = cimag(value);
        break;
    }
}

/* splitmix64 from a fixed seed: uniform in (-1, 1). */
static uint64_t random_state = 20261122;
static double uniform(void)
{
    uint64_t z = random_state += UINT64_C(0x9e3779b97f4a7c15);
    z = (z ^ z >> 30) * UINT64_C(0xbf58476d1ce4e5b9);
    z = (z ^ z >> 27) * UINT64_C(0x94d049bb133111eb);
    return (double)((z ^ z >> 31) >> 11) * 0x1p-52 - 1.0;
}

typedef enum kind {
    RANDOM,
    ZERO,
    IDENTITY,
    RANK_ONE,
    REPEATED,  /* diagonal of 2s and 3s under a reflection */
    TINY,      /* random times 1e-300 (1e-36 in single precision) */
    HUGE_ONES, /* and 1e300, 1e36 */
    MIXED,     /* elements of both sizes and of 1 */
    JORDAN,    /* 2 on the diagonal, 1 beside it */
    GRADED,    /* element (i, j) about 10^-(i + j) */
    KINDS
} kind;

static number element_of(kind k, bool single, bool with_imaginary, int64_t i, int64_t j, int64_t n)
{
    const double u = uniform(), v = with_imaginary ? uniform() : 0.0, small = single ? 1e-36 : 1e-300;
    switch (k) {
    case ZERO: return 0.0;
    case IDENTITY: return i == j;
    case RANK_ONE: return (double)((i % 5) + 1) * (double)((j % 5) - 2);
    case REPEATED: return (i == j ? 2.0 + (double)(i % 2) : 0.0) + (n > 0 ? 1.0 / (double)n : 0.0);
    case TINY: return small * number_of(u, v);
    case HUGE_ONES: return number_of(u, v) / small;
    case MIXED: return number_of(u, v) * ((i + 2 * j) % 3 == 0 ? small : (i + 2 * j) % 3 == 1 ? 1.0 : 1.0 / small);
    case JORDAN: return i == j ? 2.0 : j == i + 1 ? 1.0 : 0.0;
    case GRADED: return number_of(u, v) * pow(10.0, -(double)(i + j));
    default: return number_of(u, v);
    }
}

static void fill(const batch *m, kind k, bool hermitian)
{
    const uint32_t dtype = m->view.dtype;
    for (int64_t n = 0; n < m->shape[0]; n++)
        for (int64_t i = 0; i < m->shape[1]; i++)
            for (int64_t j = 0; j < m->shape[2]; j++) {
                number value = element_of(k, is_single(dtype), is_complex(dtype), i, j, m->shape[1]);
                if (hermitian && i == j)
                    value = creal(value);
                if (!hermitian || j <= i)
                    set(m, n, i, j, value);
                if (hermitian && j < i)
                    set(m, n, j, i, conj(value));
            }
}

/* ---- residuals -------------------------------------------------------------------------------------------------------------- */

/* The largest part of a matrix, 1 for zeros: everything is divided by it first, so that nothing overflows. */
static double magnitude(const batch *m, int64_t n)
{
    double largest = 0.0;
    for (int64_t i = 0; i < m->shape[1]; i++)
        for (int64_t j = 0; j < m->shape[2]; j++) {
            const number value = get(m, n, i, j);
            largest = fmax(largest, fmax(fabs(creal(value)), fabs(cimag(value))));
        }
    return largest > 0.0 ? largest : 1.0;
}

static number over(number value, double divisor)
{
    return number_of(creal(value) / divisor, cimag(value) / divisor);
}

static double norm(const batch *m, int64_t n, double unit)
{
    double sum = 0.0;
    for (int64_t i = 0; i < m->shape[1]; i++)
        for (int64_t j = 0; j < m->shape[2]; j++) {
            const double size = cabs(over(get(m, n, i, j), unit));
            sum += size * size;
        }
    return sqrt(sum);
}

static double bound(uint32_t dtype, int64_t rows, int64_t columns)
{
    const double eps = is_single(dtype) ? (double)FLT_EPSILON : DBL_EPSILON;
    return 30.0 * (double)(rows > columns ? rows : columns) * eps;
}

/* Columns (rows) orthonormal. */
static void assert_orthonormal(const batch *m, int64_t n, bool by_rows, double limit)
{
    const int64_t count = by_rows ? m->shape[1] : m->shape[2], length = by_rows ? m->shape[2] : m->shape[1];
    for (int64_t p = 0; p < count; p++)
        for (int64_t q = 0; q <= p; q++) {
            number sum = p == q ? -1.0 : 0.0;
            for (int64_t i = 0; i < length; i++)
                sum += by_rows ? get(m, n, p, i) * conj(get(m, n, q, i)) : conj(get(m, n, i, p)) * get(m, n, i, q);
            assert_true(cabs(sum) <= limit);
        }
}

static void assert_qr(uint32_t dtype, int64_t count, int64_t rows, int64_t columns, kind k, int layout, bool complete)
{
    const int64_t least = rows < columns ? rows : columns, middle = complete ? rows : least;
    batch a, q, r;
    make(&a, dtype, 3, count, rows, columns, layout);
    make(&q, dtype, 3, count, rows, middle, ROWS);
    make(&r, dtype, 3, count, middle, columns, ROWS);
    fill(&a, k, false);
    assert_int_equal(table->qr(device, &a.view, &q.view, &r.view), NUMC_OK);
    for (int64_t n = 0; n < count; n++) {
        assert_orthonormal(&q, n, false, bound(dtype, rows, columns));
        for (int64_t j = 0; j < columns; j++) { /* by columns: Householder's residuals scale with each */
            double residual = 0.0, size = 0.0, unit = 0.0;
            for (int64_t i = 0; i < rows; i++)
                unit = fmax(unit, cabs(over(get(&a, n, i, j), 4.0)));
            unit = unit > 0.0 ? unit : 1.0;
            for (int64_t i = 0; i < rows; i++) {
                const number wanted = over(get(&a, n, i, j), unit);
                number sum = -wanted;
                for (int64_t l = 0; l < middle; l++)
                    sum += get(&q, n, i, l) * over(get(&r, n, l, j), unit);
                residual += cabs(sum) * cabs(sum);
                size += cabs(wanted) * cabs(wanted);
            }
            assert_true(sqrt(residual) <= bound(dtype, rows, columns) * sqrt(size));
        }
        for (int64_t i = 0; i < middle; i++)
            for (int64_t j = 0; j <= i && j < columns; j++) {
                assert_true(i == j || get(&r, n, i, j) == 0.0);
                assert_true(cimag(get(&r, n, i, j)) == 0.0);
            }
    }
    free(a.memory);
    free(q.memory);
    free(r.memory);
}

static void assert_eigh(uint32_t dtype, int64_t count, int64_t size, kind k, int layout)
{
    batch a, values, alone, vectors;
    make(&a, dtype, 3, count, size, size, layout);
    make(&values, real_dtype(dtype), 2, count, size, 1, ROWS);
    make(&alone, real_dtype(dtype), 2, count, size, 1, ROWS);
    make(&vectors, dtype, 3, count, size, size, ROWS);
    fill(&a, k, true);
    assert_int_equal(table->eigh(device, &a.view, &values.view, &vectors.view), NUMC_OK);
    for (int64_t n = 0; n < count; n++) /* what is not read: the upper triangle, imaginary parts of the diagonal */
        for (int64_t i = 0; i < size; i++)
            for (int64_t j = i; j < size; j++)
                if (j > i || is_complex(dtype))
                    set(&a, n, i, j, j > i ? number_of(NAN, NAN) : number_of(creal(get(&a, n, i, i)), NAN));
    assert_int_equal(table->eigh(device, &a.view, &alone.view, NULL), NUMC_OK);
    for (int64_t n = 0; n < count; n++) {
        for (int64_t i = 0; i < size; i++) {
            set(&a, n, i, i, creal(get(&a, n, i, i)));
            for (int64_t j = 0; j < i; j++)
                set(&a, n, j, i, conj(get(&a, n, i, j)));
        }
        const double unit = magnitude(&a, n), limit = bound(dtype, size, size) * norm(&a, n, unit);
        double residual = 0.0;
        assert_orthonormal(&vectors, n, false, bound(dtype, size, size));
        for (int64_t l = 0; l < size; l++) {
            const double value = creal(get(&values, n, l, 0)) / unit;
            assert_true(l == 0 || creal(get(&values, n, l - 1, 0)) <= creal(get(&values, n, l, 0)));
            assert_true(fabs(creal(get(&alone, n, l, 0)) / unit - value) <= limit);
            for (int64_t i = 0; i < size; i++) {
                number sum = -value * get(&vectors, n, i, l);
                for (int64_t j = 0; j < size; j++)
                    sum += over(get(&a, n, i, j), unit) * get(&vectors, n, j, l);
                residual += cabs(sum) * cabs(sum);
            }
        }
        assert_true(sqrt(residual) <= limit);
    }
    free(a.memory);
    free(values.memory);
    free(alone.memory);
    free(vectors.memory);
}

/* The least singular value of a/unit - value: how near a matrix is for which `value` is an eigenvalue. */
static double distance_to_spectrum(const batch *a, int64_t n, double unit, number value)
{
    const int64_t size = a->shape[1];
    batch moved, s;
    make(&moved, NUMC_COMPLEX128, 3, 1, size, size, ROWS);
    make(&s, NUMC_FLOAT64, 2, 1, size, 1, ROWS);
    for (int64_t i = 0; i < size; i++)
        for (int64_t j = 0; j < size; j++)
            set(&moved, 0, i, j, over(get(a, n, i, j), unit) - (i == j ? value : 0.0));
    assert_int_equal(table->svd(device, &moved.view, NULL, &s.view, NULL), NUMC_OK);
    const double least = creal(get(&s, 0, size - 1, 0));
    free(moved.memory);
    free(s.memory);
    return least;
}

static void assert_eig(uint32_t dtype, int64_t count, int64_t size, kind k, int layout)
{
    batch a, values, alone, vectors;
    make(&a, dtype, 3, count, size, size, layout);
    make(&values, complex_dtype(dtype), 2, count, size, 1, ROWS);
    make(&alone, complex_dtype(dtype), 2, count, size, 1, ROWS);
    make(&vectors, complex_dtype(dtype), 3, count, size, size, ROWS);
    fill(&a, k, false);
    assert_int_equal(table->eig(device, &a.view, &values.view, &vectors.view), NUMC_OK);
    assert_int_equal(table->eig(device, &a.view, &alone.view, NULL), NUMC_OK);
    for (int64_t n = 0; n < count; n++) {
        const double unit = magnitude(&a, n), eps = bound(dtype, size, size), limit = eps * norm(&a, n, unit);
        double residual = 0.0;
        number trace = 0.0, other = 0.0;
        for (int64_t l = 0; l < size; l++) {
            const number value = over(get(&values, n, l, 0), unit);
            double length = 0.0;
            for (int64_t i = 0; i < size; i++) {
                number sum = -value * get(&vectors, n, i, l);
                for (int64_t j = 0; j < size; j++)
                    sum += over(get(&a, n, i, j), unit) * get(&vectors, n, j, l);
                residual += cabs(sum) * cabs(sum);
                length += cabs(get(&vectors, n, i, l)) * cabs(get(&vectors, n, i, l));
            }
            assert_true(fabs(sqrt(length) - 1.0) <= eps);
            trace += value - over(get(&a, n, l, l), unit);
            other += over(get(&alone, n, l, 0), unit) - value;
            if (size <= 8)
                assert_true(distance_to_spectrum(&a, n, unit, over(get(&alone, n, l, 0), unit)) <= limit);
        }
        assert_true(sqrt(residual) <= limit);
        assert_true(cabs(trace) <= limit); /* backward errors of norm `limit` have such traces */
        assert_true(cabs(other) <= 2.0 * limit);
    }
    free(a.memory);
    free(values.memory);
    free(alone.memory);
    free(vectors.memory);
}

static void assert_svd(uint32_t dtype, int64_t count, int64_t rows, int64_t columns, kind k, int layout, bool full)
{
    const int64_t least = rows < columns ? rows : columns;
    batch a, u, s, alone, vh;
    make(&a, dtype, 3, count, rows, columns, layout);
    make(&u, dtype, 3, count, rows, full ? rows : least, ROWS);
    make(&s, real_dtype(dtype), 2, count, least, 1, ROWS);
    make(&alone, real_dtype(dtype), 2, count, least, 1, ROWS);
    make(&vh, dtype, 3, count, full ? columns : least, columns, ROWS);
    fill(&a, k, false);
    assert_int_equal(table->svd(device, &a.view, &u.view, &s.view, &vh.view), NUMC_OK);
    assert_int_equal(table->svd(device, &a.view, NULL, &alone.view, NULL), NUMC_OK);
    for (int64_t n = 0; n < count; n++) {
        const double unit = magnitude(&a, n), eps = bound(dtype, rows, columns), limit = eps * norm(&a, n, unit);
        double residual = 0.0;
        assert_orthonormal(&u, n, false, eps);
        assert_orthonormal(&vh, n, true, eps);
        for (int64_t l = 0; l < least; l++) {
            const double value = creal(get(&s, n, l, 0));
            assert_true(value >= 0.0 && (l == 0 || value <= creal(get(&s, n, l - 1, 0))));
            assert_true(fabs(creal(get(&alone, n, l, 0)) / unit - value / unit) <= limit);
        }
        for (int64_t i = 0; i < rows; i++)
            for (int64_t j = 0; j < columns; j++) {
                number sum = -over(get(&a, n, i, j), unit);
                for (int64_t l = 0; l < least; l++)
                    sum += get(&u, n, i, l) * (creal(get(&s, n, l, 0)) / unit) * get(&vh, n, l, j);
                residual += cabs(sum) * cabs(sum);
            }
        assert_true(sqrt(residual) <= limit);
    }
    free(a.memory);
    free(u.memory);
    free(s.memory);
    free(alone.memory);
    free(vh.memory);
}

/* ---- tests ------------------------------------------------------------------------------------------------------------------ */

static const int64_t sizes[][2] = {{0, 0}, {0, 3}, {3, 0}, {1, 1}, {1, 4}, {4, 1}, {2, 2}, {3, 3}, {7, 4}, {4, 7}, {12, 12}, {30, 9}, {9, 30}};
enum { SIZES = sizeof sizes / sizeof *sizes };

static void qr_multiplies_back(void **state)
{
    (void)state;
    for (size_t d = 0; d < DTYPES; d++)
        for (size_t s = 0; s < SIZES; s++)
            for (int k = 0; k < KINDS; k++)
                for (int complete = 0; complete < 2; complete++)
                    assert_qr(dtypes[d], 2, sizes[s][0], sizes[s][1], (kind)k, (int)((s + (size_t)k) % LAYOUTS), complete != 0);
    assert_qr(NUMC_FLOAT64, 0, 3, 3, RANDOM, ROWS, false);
}

static void eigh_has_small_residuals_and_orthonormal_vectors(void **state)
{
    (void)state;
    for (size_t d = 0; d < DTYPES; d++)
        for (int64_t n = 0; n < 14; n++)
            for (int k = 0; k < KINDS; k++)
                assert_eigh(dtypes[d], 2, n, (kind)k, (int)((n + k) % LAYOUTS));
    assert_eigh(NUMC_FLOAT64, 0, 3, RANDOM, ROWS);
}

static void eig_has_small_residuals(void **state)
{
    (void)state;
    for (size_t d = 0; d < DTYPES; d++)
        for (int64_t n = 0; n < 14; n++)
            for (int k = 0; k < KINDS; k++)
                assert_eig(dtypes[d], 2, n, (kind)k, (int)((n + k) % LAYOUTS));
    assert_eig(NUMC_FLOAT64, 0, 3, RANDOM, ROWS);
}

static void svd_multiplies_back(void **state)
{
    (void)state;
    for (size_t d = 0; d < DTYPES; d++)
        for (size_t s = 0; s < SIZES; s++)
            for (int k = 0; k < KINDS; k++)
                for (int full = 0; full < 2; full++)
                    assert_svd(dtypes[d], 2, sizes[s][0], sizes[s][1], (kind)k, (int)((s + (size_t)k) % LAYOUTS), full != 0);
    assert_svd(NUMC_FLOAT64, 0, 3, 3, RANDOM, ROWS, false);
}

static void large_matrices_too(void **state)
{
    (void)state;
    static const kind kinds[] = {RANDOM, RANK_ONE, REPEATED, JORDAN};
    for (size_t d = 0; d < DTYPES; d++)
        for (size_t k = 0; k < sizeof kinds / sizeof *kinds; k++) {
            assert_qr(dtypes[d], 1, 60, 45, kinds[k], COLUMNS, k % 2 == 0);
            assert_eigh(dtypes[d], 1, 50, kinds[k], ROWS);
            assert_eig(dtypes[d], 1, 40, kinds[k], COLUMNS);
            assert_svd(dtypes[d], 1, 45, 60, kinds[k], GAPS, k % 2 == 0);
        }
}

/* Values that are known. */
static void small_cases_by_hand(void **state)
{
    (void)state;
    batch a, values, vectors, s;
    make(&a, NUMC_FLOAT64, 3, 1, 2, 2, ROWS);
    make(&values, NUMC_COMPLEX128, 2, 1, 2, 1, ROWS);
    make(&vectors, NUMC_COMPLEX128, 3, 1, 2, 2, ROWS);
    make(&s, NUMC_FLOAT64, 2, 1, 2, 1, ROWS);
    set(&a, 0, 0, 0, 0.0); /* a quarter turn: i and -i */
    set(&a, 0, 0, 1, -1.0);
    set(&a, 0, 1, 0, 1.0);
    set(&a, 0, 1, 1, 0.0);
    assert_int_equal(table->eig(device, &a.view, &values.view, &vectors.view), NUMC_OK);
    assert_true(cabs(get(&values, 0, 0, 0) + get(&values, 0, 1, 0)) <= 60 * DBL_EPSILON);
    assert_true(fabs(fabs(cimag(get(&values, 0, 0, 0))) - 1.0) <= 60 * DBL_EPSILON);
    assert_true(fabs(creal(get(&values, 0, 0, 0))) <= 60 * DBL_EPSILON);
    set(&a, 0, 0, 1, 1.0); /* now symmetric, a swap: -1 and 1; 1 and 1 */
    assert_int_equal(table->eigh(device, &a.view, &s.view, NULL), NUMC_OK);
    assert_true(fabs(creal(get(&s, 0, 0, 0)) + 1.0) <= 60 * DBL_EPSILON && fabs(creal(get(&s, 0, 1, 0)) - 1.0) <= 60 * DBL_EPSILON);
    set(&a, 0, 0, 0, 3.0); /* [3 0; 4 0]: r_00 = -5 as LAPACK's, singular values 5 and 0 */
    set(&a, 0, 0, 1, 0.0);
    set(&a, 0, 1, 0, 4.0);
    assert_int_equal(table->svd(device, &a.view, NULL, &s.view, NULL), NUMC_OK);
    assert_true(fabs(creal(get(&s, 0, 0, 0)) - 5.0) <= 300 * DBL_EPSILON && creal(get(&s, 0, 1, 0)) <= 300 * DBL_EPSILON);
    batch q, r;
    make(&q, NUMC_FLOAT64, 3, 1, 2, 2, ROWS);
    make(&r, NUMC_FLOAT64, 3, 1, 2, 2, ROWS);
    assert_int_equal(table->qr(device, &a.view, &q.view, &r.view), NUMC_OK);
    assert_true(fabs(creal(get(&r, 0, 0, 0)) + 5.0) <= 300 * DBL_EPSILON);
    free(a.memory);
    free(values.memory);
    free(vectors.memory);
    free(s.memory);
    free(q.memory);
    free(r.memory);
}

static void assert_all_nan(const batch *m, int64_t n, bool nan)
{
    for (int64_t i = 0; i < m->shape[1]; i++)
        for (int64_t j = 0; j < m->shape[2]; j++)
            assert_true(isnan(creal(get(m, n, i, j))) == nan);
}

/* NaN and infinities end in NaN for their matrix of the batch, and in no other. */
static void what_is_not_finite_gives_nan(void **state)
{
    (void)state;
    enum { N = 5 };
    static const double bad[] = {NAN, INFINITY, -INFINITY};
    for (size_t d = 0; d < DTYPES; d++)
        for (size_t b = 0; b < 3; b++)
            for (int where = 0; where < N * N; where += 4) {
                batch a, q, r, real, values, vectors;
                make(&a, dtypes[d], 3, 3, N, N, ROWS);
                make(&q, dtypes[d], 3, 3, N, N, ROWS);
                make(&r, dtypes[d], 3, 3, N, N, ROWS);
                make(&real, real_dtype(dtypes[d]), 2, 3, N, 1, ROWS);
                make(&values, complex_dtype(dtypes[d]), 2, 3, N, 1, ROWS);
                make(&vectors, complex_dtype(dtypes[d]), 3, 3, N, N, ROWS);
                fill(&a, RANDOM, true);
                const int row = where / N > where % N ? where / N : where % N, column = where / N + where % N - row;
                set(&a, 1, row, column, where % 2 == 0 || row == column || !is_complex(dtypes[d]) ? bad[b] : number_of(0.0, bad[b]));
                for (int round = 0; round < 6; round++) {
                    switch (round) {
                    case 0: assert_int_equal(table->qr(device, &a.view, &q.view, &r.view), NUMC_OK); break;
                    case 1: assert_int_equal(table->eigh(device, &a.view, &real.view, &q.view), NUMC_OK); break;
                    case 2: assert_int_equal(table->eigh(device, &a.view, &real.view, NULL), NUMC_OK); break;
                    case 3: assert_int_equal(table->svd(device, &a.view, &q.view, &real.view, &r.view), NUMC_OK); break;
                    case 4: assert_int_equal(table->svd(device, &a.view, NULL, &real.view, NULL), NUMC_OK); break;
                    default: assert_int_equal(table->eig(device, &a.view, &values.view, &vectors.view), NUMC_OK); break;
                    }
                    for (int64_t n = 0; n < 3; n++) {
                        if (round == 0 || round == 1 || round == 3)
                            assert_all_nan(&q, n, n == 1);
                        if (round == 0 || round == 3)
                            assert_all_nan(&r, n, n == 1);
                        if (round >= 1 && round <= 4)
                            assert_all_nan(&real, n, n == 1);
                        if (round == 5) {
                            assert_all_nan(&values, n, n == 1);
                            assert_all_nan(&vectors, n, n == 1);
                        }
                    }
                }
                free(a.memory);
                free(q.memory);
                free(r.memory);
                free(real.memory);
                free(values.memory);
                free(vectors.memory);
            }
}

static void views_that_do_not_fit_are_refused(void **state)
{
    (void)state;
    batch a, square, values, integers;
    make(&a, NUMC_FLOAT64, 3, 2, 4, 3, ROWS);
    make(&square, NUMC_FLOAT64, 3, 2, 4, 4, ROWS);
    make(&values, NUMC_FLOAT64, 2, 2, 4, 1, ROWS);
    make(&integers, NUMC_INT32, 3, 2, 4, 4, ROWS);
    assert_int_equal(table->qr(device, &square.view, &a.view, &square.view), NUMC_INVALID_ARGUMENT);
    assert_int_equal(table->eigh(device, &a.view, &values.view, NULL), NUMC_INVALID_ARGUMENT);
    assert_int_equal(table->eig(device, &square.view, &values.view, NULL), NUMC_INVALID_ARGUMENT); /* values must be complex */
    assert_int_equal(table->svd(device, &square.view, &square.view, &values.view, NULL), NUMC_INVALID_ARGUMENT);
    assert_int_equal(table->svd(device, &square.view, &a.view, &values.view, &square.view), NUMC_INVALID_ARGUMENT);
    assert_int_equal(table->eigh(device, &integers.view, &values.view, NULL), NUMC_UNSUPPORTED);
    free(a.memory);
    free(square.memory);
    free(values.memory);
    free(integers.memory);
}

#define FACTOR_TESTS                                                                               \
    cmocka_unit_test(qr_multiplies_back), cmocka_unit_test(eigh_has_small_residuals_and_orthonormal_vectors),      \
        cmocka_unit_test(eig_has_small_residuals), cmocka_unit_test(svd_multiplies_back),          \
        cmocka_unit_test(large_matrices_too), cmocka_unit_test(small_cases_by_hand),               \
        cmocka_unit_test(what_is_not_finite_gives_nan), cmocka_unit_test(views_that_do_not_fit_are_refused)

#endif
