/* linalg.c - matrices by the textbook loops: product, Cholesky and the inverse by it, triangular solve, LU; batched over leading axes, any strides, real
 * and complex.
 *
 * Sums of single precision are kept in double. Every element's sum runs over increasing k, whatever the strides. */
#include <complex.h>
#include <float.h>
#include <math.h>
#include <string.h>

#include "ref/ref.h"

/* ---- product ------------------------------------------------------------------------------------------------------------- */

/* One batch entry of c = a b (+ c): a is rows x inner, b inner x columns; strides in elements. */
typedef struct product {
    const void *a, *b;
    void *c;
    int64_t rows, inner, columns;
    int64_t a_row, a_column, b_row, b_column, c_row, c_column;
    bool accumulate;
} product;

#define PRODUCT(name, type, sum_type)                                                              \
    static void product_##name(const product *p)                                                   \
    {                                                                                              \
        const type *a = p->a, *b = p->b;                                                           \
        type *c = p->c;                                                                            \
        for (int64_t i = 0; i < p->rows; i++)                                                      \
            for (int64_t j = 0; j < p->columns; j++) {                                             \
                type *at = &c[i * p->c_row + j * p->c_column];                                     \
                sum_type sum = p->accumulate ? (sum_type)*at : (sum_type)0;                        \
                for (int64_t k = 0; k < p->inner; k++)                                             \
                    sum += (sum_type)a[i * p->a_row + k * p->a_column] *                           \
                           (sum_type)b[k * p->b_row + j * p->b_column];                            \
                *at = (type)sum;                                                                   \
            }                                                                                      \
    }
#define X(NAME, name, type) PRODUCT(name, type, uint64_t)
NUMC_REF_SIGNED(X)
NUMC_REF_UNSIGNED(X)
#undef X
PRODUCT(float32, float, double)
PRODUCT(float64, double, double)

/* Complex numbers as pairs: (a + ib)(c + id) = (ac - bd) + i (ad + bc), whatever is infinite. */
#define COMPLEX_PRODUCT(name, type)                                                                \
    static void product_##name(const product *p)                                                   \
    {                                                                                              \
        const type *a = p->a, *b = p->b;                                                           \
        type *c = p->c;                                                                            \
        for (int64_t i = 0; i < p->rows; i++)                                                      \
            for (int64_t j = 0; j < p->columns; j++) {                                             \
                type *at = &c[2 * (i * p->c_row + j * p->c_column)];                               \
                double re = p->accumulate ? (double)at[0] : 0.0, im = p->accumulate ? (double)at[1] : 0.0; \
                for (int64_t k = 0; k < p->inner; k++) {                                           \
                    const type *x = &a[2 * (i * p->a_row + k * p->a_column)];                      \
                    const type *y = &b[2 * (k * p->b_row + j * p->b_column)];                      \
                    re += (double)x[0] * (double)y[0] - (double)x[1] * (double)y[1];               \
                    im += (double)x[0] * (double)y[1] + (double)x[1] * (double)y[0];               \
                }                                                                                  \
                at[0] = (type)re;                                                                  \
                at[1] = (type)im;                                                                  \
            }                                                                                      \
    }
COMPLEX_PRODUCT(complex64, float)
COMPLEX_PRODUCT(complex128, double)

/* The same sums for unit columns of b and c, with the inner loop along a row of both. */
static void product_rows(const product *p)
{
    const double *a = p->a, *b = p->b;
    double *c = p->c;
    for (int64_t i = 0; i < p->rows; i++) {
        double *restrict row = c + i * p->c_row;
        if (!p->accumulate)
            memset(row, 0, (size_t)p->columns * sizeof *row);
        for (int64_t k = 0; k < p->inner; k++) {
            const double *restrict other = b + k * p->b_row;
            double factor = a[i * p->a_row + k * p->a_column];
            for (int64_t j = 0; j < p->columns; j++)
                row[j] += factor * other[j];
        }
    }
}

static void (*const products[NUMC_DTYPE_COUNT])(const product *) = {
#define X(NAME, name, type) [NUMC_##NAME] = product_##name,
    NUMC_REF_SIGNED(X) NUMC_REF_UNSIGNED(X)
#undef X
    [NUMC_FLOAT32] = product_float32,
    [NUMC_FLOAT64] = product_float64,
    [NUMC_COMPLEX64] = product_complex64,
    [NUMC_COMPLEX128] = product_complex128,
};

int32_t numc_ref_matmul(numc_device *device, const numc_view *a, const numc_view *b, const numc_view *c,
                        const numc_matmul_options *options)
{
    int32_t batch = c->rank - 2;
    if (batch < 0 || a->rank != c->rank || b->rank != c->rank || a->dtype != c->dtype || b->dtype != c->dtype ||
        a->shape[batch + 1] != b->shape[batch])
        return numc_ref_fail(device->host, NUMC_INVALID_ARGUMENT, "matmul: views do not fit");
    if (c->dtype >= NUMC_DTYPE_COUNT || products[c->dtype] == NULL)
        return numc_ref_fail(device->host, NUMC_UNSUPPORTED, "matmul: dtype not supported");
    product p = {
        .rows = a->shape[batch],
        .inner = a->shape[batch + 1],
        .columns = b->shape[batch + 1],
        .a_row = a->strides[batch],
        .a_column = a->strides[batch + 1],
        .b_row = b->strides[batch],
        .b_column = b->strides[batch + 1],
        .c_row = c->strides[batch],
        .c_column = c->strides[batch + 1],
        .accumulate = options != NULL && options->accumulate != 0,
    };
    int64_t count = numc_ref_count(c, batch);
    bool rows = c->dtype == NUMC_FLOAT64 && p.b_column == 1 && p.c_column == 1 && p.columns > 1;
    for (int64_t n = 0; n < count; n++) {
        p.a = numc_ref_at(a, numc_ref_position(a, batch, n));
        p.b = numc_ref_at(b, numc_ref_position(b, batch, n));
        p.c = numc_ref_at(c, numc_ref_position(c, batch, n));
        if (rows)
            product_rows(&p);
        else
            products[c->dtype](&p);
    }
    return NUMC_OK;
}

/* ---- factorisations ------------------------------------------------------------------------------------------------------ */

/* A matrix: element (i, j) is at[i * row + j * column]. */
#define MATRIX(type)                                                                               \
    struct {                                                                                       \
        type *at;                                                                                  \
        int64_t row, column;                                                                       \
    }
#define E(m, i, j) ((m).at[(i) * (m).row + (j) * (m).column])
#define MATRIX_OF(view, axes, n)                                                                   \
    {                                                                                              \
        (void *)numc_ref_at((view), numc_ref_position((view), (axes), (n))), (view)->strides[(axes)],      \
            (view)->strides[(axes) + 1]                                                            \
    }

/* For a real and a complex dtype: sums are of type `wide`; conjugate, real part, size for pivots (|re| + |im|, as LAPACK's).
 *
 * cholesky: a = l l' from the lower triangle of a; not positive definite: the lower triangle of l is NaN.
 * triangular: forward or backward substitution; a zero on the diagonal: the matrix of x is NaN.
 * lu: partial pivoting, the first largest entry of a column; a column of zeros is left and shows as a zero on U's diagonal. */
#define FACTORISATIONS(name, type, wide, CONJ, REAL, SIZE)                                         \
    static void cholesky_##name(const numc_view *a, const numc_view *l, int32_t batch, int64_t number)\
    {                                                                                              \
        MATRIX(const type) x = MATRIX_OF(a, batch, number);                                        \
        MATRIX(type) y = MATRIX_OF(l, batch, number);                                              \
        int64_t n = a->shape[batch];                                                               \
        bool good = true;                                                                          \
        for (int64_t j = 0; j < n; j++)                                                            \
            for (int64_t i = 0; i < n; i++) {                                                      \
                wide sum = i < j ? 0.0 : i == j ? REAL((wide)E(x, i, j)) : (wide)E(x, i, j);       \
                for (int64_t k = 0; i >= j && k < j; k++)                                          \
                    sum -= (wide)E(y, i, k) * CONJ((wide)E(y, j, k));                              \
                if (i == j) {                                                                      \
                    double square = REAL(sum);                                                     \
                    good = good && square > 0.0 && square <= DBL_MAX;                              \
                    sum = sqrt(square > 0.0 ? square : 1.0);                                       \
                } else if (i > j)                                                                  \
                    sum /= REAL((wide)E(y, j, j));                                                 \
                E(y, i, j) = (type)sum;                                                            \
            }                                                                                      \
        for (int64_t i = 0; !good && i < n; i++)                                                   \
            for (int64_t j = 0; j <= i; j++)                                                       \
                E(y, i, j) = (type)NAN;                                                            \
    }                                                                                              \
    static void triangular_##name(const numc_view *t, const numc_view *b, const numc_view *x, int32_t batch,\
                                  int64_t number, bool upper, uint32_t turn, bool unit)            \
    {                                                                                              \
        MATRIX(const type) m = MATRIX_OF(t, batch, number);                                        \
        MATRIX(const type) right = MATRIX_OF(b, batch, number);                                    \
        MATRIX(type) y = MATRIX_OF(x, batch, number);                                              \
        int64_t n = t->shape[batch], columns = x->shape[batch + 1];                                \
        bool transpose = turn != 0, conjugate = turn == 2, backward = upper != transpose, singular = false;\
        if (transpose) {                                                                           \
            int64_t swap = m.row;                                                                  \
            m.row = m.column;                                                                      \
            m.column = swap;                                                                       \
        }                                                                                          \
        for (int64_t i = 0; i < n; i++)                                                            \
            singular = singular || (!unit && E(m, i, i) == 0);                                     \
        for (int64_t step = 0; step < n; step++) {                                                 \
            int64_t i = backward ? n - 1 - step : step;                                            \
            for (int64_t j = 0; j < columns; j++) {                                                \
                wide sum = (wide)E(right, i, j);                                                   \
                for (int64_t known = 0; known < step; known++) {                                   \
                    int64_t k = backward ? n - 1 - known : known;                                  \
                    sum -= (conjugate ? CONJ((wide)E(m, i, k)) : (wide)E(m, i, k)) * (wide)E(y, k, j);\
                }                                                                                  \
                wide pivot = conjugate ? CONJ((wide)E(m, i, i)) : (wide)E(m, i, i);                \
                E(y, i, j) = (type)(unit ? sum : sum / pivot);                                     \
            }                                                                                      \
        }                                                                                          \
        for (int64_t i = 0; singular && i < n; i++)                                                \
            for (int64_t j = 0; j < columns; j++)                                                  \
                E(y, i, j) = (type)NAN;                                                            \
    }                                                                                              \
    static void lu_##name(const numc_view *a, const numc_view *lu, int32_t *order, int64_t order_stride,\
                          void *sign, int32_t batch, int64_t number)                               \
    {                                                                                              \
        MATRIX(const type) x = MATRIX_OF(a, batch, number);                                        \
        MATRIX(type) y = MATRIX_OF(lu, batch, number);                                             \
        int64_t n = a->shape[batch], columns = a->shape[batch + 1];                                \
        int swaps = 0;                                                                             \
        for (int64_t i = 0; i < n; i++) {                                                          \
            order[i * order_stride] = (int32_t)i;                                                  \
            for (int64_t j = 0; j < columns; j++)                                                  \
                E(y, i, j) = E(x, i, j);                                                           \
        }                                                                                          \
        for (int64_t k = 0; k < n && k < columns; k++) {                                           \
            int64_t pivot = k;                                                                     \
            for (int64_t i = k + 1; i < n; i++)                                                    \
                if (SIZE((wide)E(y, i, k)) > SIZE((wide)E(y, pivot, k)))                           \
                    pivot = i;                                                                     \
            if (pivot != k) {                                                                      \
                swaps++;                                                                           \
                int32_t row = order[k * order_stride];                                             \
                order[k * order_stride] = order[pivot * order_stride];                             \
                order[pivot * order_stride] = row;                                                 \
                for (int64_t j = 0; j < columns; j++) {                                            \
                    type swap = E(y, k, j);                                                        \
                    E(y, k, j) = E(y, pivot, j);                                                   \
                    E(y, pivot, j) = swap;                                                         \
                }                                                                                  \
            }                                                                                      \
            if (E(y, k, k) == 0)                                                                   \
                continue;                                                                          \
            for (int64_t i = k + 1; i < n; i++) {                                                  \
                type factor = E(y, i, k) / E(y, k, k);                                             \
                E(y, i, k) = factor;                                                               \
                for (int64_t j = k + 1; j < columns; j++)                                          \
                    E(y, i, j) -= factor * E(y, k, j);                                             \
            }                                                                                      \
        }                                                                                          \
        *(type *)sign = swaps % 2 != 0 ? -1 : 1;                                                   \
    }
#define ITSELF(x) (x)
#define COMPLEX_SIZE(x) (fabs(creal(x)) + fabs(cimag(x)))
FACTORISATIONS(float32, float, double, ITSELF, ITSELF, fabs)
FACTORISATIONS(float64, double, double, ITSELF, ITSELF, fabs)
FACTORISATIONS(complex64, float complex, double complex, conj, creal, COMPLEX_SIZE)
FACTORISATIONS(complex128, double complex, double complex, conj, creal, COMPLEX_SIZE)

typedef struct factorisations {
    void (*cholesky)(const numc_view *a, const numc_view *l, int32_t batch, int64_t number);
    void (*triangular)(const numc_view *t, const numc_view *b, const numc_view *x, int32_t batch, int64_t number, bool upper,
                       uint32_t turn, bool unit);
    void (*lu)(const numc_view *a, const numc_view *lu, int32_t *order, int64_t order_stride, void *sign, int32_t batch,
               int64_t number);
} factorisations;

#define ROW(DTYPE, name) [DTYPE] = {cholesky_##name, triangular_##name, lu_##name}
static const factorisations by_dtype[NUMC_DTYPE_COUNT] = {
    ROW(NUMC_FLOAT32, float32),
    ROW(NUMC_FLOAT64, float64),
    ROW(NUMC_COMPLEX64, complex64),
    ROW(NUMC_COMPLEX128, complex128),
};
#undef ROW

static int32_t need_float(numc_device *device, uint32_t dtype)
{
    if (dtype < NUMC_DTYPE_COUNT && by_dtype[dtype].lu != NULL)
        return NUMC_OK;
    return numc_ref_fail(device->host, NUMC_UNSUPPORTED, "factorisations need a float or complex dtype");
}

int32_t numc_ref_cholesky(numc_device *device, const numc_view *a, const numc_view *l)
{
    int32_t batch = a->rank - 2;
    if (batch < 0 || a->dtype != l->dtype || l->rank != a->rank || a->shape[batch] != a->shape[batch + 1])
        return numc_ref_fail(device->host, NUMC_INVALID_ARGUMENT, "cholesky: views do not fit");
    int32_t status = need_float(device, a->dtype);
    int64_t count = numc_ref_count(l, batch);
    for (int64_t n = 0; status == NUMC_OK && n < count; n++)
        by_dtype[a->dtype].cholesky(a, l, batch, n);
    return status;
}

/* With x = inv(l), kept in the lower triangle of w until its rows are used up: w = x' x. */
#define INVERSE(name, type)                                                                        \
    static void inverse_##name(const numc_view *l, const numc_view *w, int32_t batch, int64_t number)\
    {                                                                                              \
        MATRIX(const type) x = MATRIX_OF(l, batch, number);                                        \
        MATRIX(type) y = MATRIX_OF(w, batch, number);                                              \
        int64_t n = l->shape[batch];                                                               \
        bool good = true;                                                                          \
        for (int64_t i = 0; i < n; i++) {                                                          \
            good = good && (E(x, i, i) < 0 || E(x, i, i) > 0);                                     \
            for (int64_t j = 0; j <= i; j++) {                                                     \
                double sum = i == j ? 1.0 : 0.0;                                                   \
                for (int64_t k = j; k < i; k++)                                                    \
                    sum -= (double)E(x, i, k) * (double)E(y, k, j);                                \
                E(y, i, j) = (type)(sum / (double)E(x, i, i));                                     \
            }                                                                                      \
        }                                                                                          \
        for (int64_t i = 0; i < n; i++)                                                            \
            for (int64_t j = 0; j <= i; j++) {                                                     \
                double sum = 0.0;                                                                  \
                for (int64_t k = i; k < n; k++)                                                    \
                    sum += (double)E(y, k, i) * (double)E(y, k, j);                                \
                E(y, j, i) = good ? (type)sum : (type)NAN;                                         \
            }                                                                                      \
        for (int64_t i = 0; i < n; i++)                                                            \
            for (int64_t j = 0; j < i; j++)                                                        \
                E(y, i, j) = E(y, j, i);                                                           \
    }
INVERSE(float32, float)
INVERSE(float64, double)

int32_t numc_ref_cholesky_inverse(numc_device *device, const numc_view *l, const numc_view *w)
{
    int32_t batch = l->rank - 2;
    if (batch < 0 || l->dtype != w->dtype || w->rank != l->rank || l->shape[batch] != l->shape[batch + 1])
        return numc_ref_fail(device->host, NUMC_INVALID_ARGUMENT, "cholesky_inverse: views do not fit");
    if (l->dtype != NUMC_FLOAT32 && l->dtype != NUMC_FLOAT64)
        return numc_ref_fail(device->host, NUMC_UNSUPPORTED, "cholesky_inverse: needs a float dtype");
    int64_t count = numc_ref_count(w, batch);
    for (int64_t n = 0; n < count; n++)
        (l->dtype == NUMC_FLOAT64 ? inverse_float64 : inverse_float32)(l, w, batch, n);
    return NUMC_OK;
}

int32_t numc_ref_triangular_solve(numc_device *device, const numc_view *t, const numc_view *b,
                                  const numc_view *x, uint32_t upper, uint32_t transpose, uint32_t unit)
{
    int32_t batch = x->rank - 2;
    if (batch < 0 || t->rank != x->rank || b->rank != x->rank || t->dtype != x->dtype || b->dtype != x->dtype ||
        t->shape[batch] != t->shape[batch + 1] || t->shape[batch] != x->shape[batch])
        return numc_ref_fail(device->host, NUMC_INVALID_ARGUMENT, "triangular_solve: views do not fit");
    int32_t status = need_float(device, x->dtype);
    int64_t count = numc_ref_count(x, batch);
    for (int64_t n = 0; status == NUMC_OK && n < count; n++)
        by_dtype[x->dtype].triangular(t, b, x, batch, n, upper != 0, transpose, unit != 0);
    return status;
}

int32_t numc_ref_lu(numc_device *device, const numc_view *a, const numc_view *lu,
                    const numc_view *permutation, const numc_view *sign)
{
    int32_t batch = a->rank - 2;
    if (batch < 0 || a->dtype != lu->dtype || lu->rank != a->rank || permutation->dtype != NUMC_INT32 ||
        permutation->rank != batch + 1 || sign->rank != batch || sign->dtype != a->dtype)
        return numc_ref_fail(device->host, NUMC_INVALID_ARGUMENT, "lu: views do not fit");
    int32_t status = need_float(device, a->dtype);
    int64_t count = numc_ref_count(lu, batch);
    for (int64_t n = 0; status == NUMC_OK && n < count; n++)
        by_dtype[a->dtype].lu(
            a, lu, (void *)numc_ref_at(permutation, numc_ref_position(permutation, batch, n)),
            permutation->strides[batch], numc_ref_at(sign, numc_ref_position(sign, batch, n)), batch, n);
    return status;
}
