/* complex.c - products, Cholesky, triangular solves and LU of complex matrices: OpenBLAS, and for small products an own loop. The
 * slots in linalg.c come here for complex dtypes, after the ranks and dtypes of their views were found to fit. Without
 * OpenBLAS products use the loop at any size, and factorisations are unsupported: the host then uses its own.
 *
 * Operands of the factorisations are copied into work memory by columns, as LAPACK has them, so their strides are free. */
#include <limits.h>
#include <math.h>
#include <string.h>

#include "blas.h"
#include "linalg.h"

enum {
    OWN_MOST = 16 * 16 * 16, /* multiplications: a smaller product is not worth opening OpenBLAS for */
    MOST = INT_MAX / 2,
    SPLIT_FROM = 1 << 20, /* multiplications: below, waking threads costs more than it gains */
    SHARE_ROWS = 256      /* rows of the result per share, whatever the number of threads */
};

static const double one_wide[2] = {1.0, 0.0}, zero_wide[2] = {0.0, 0.0};
static const float one_narrow[2] = {1.0f, 0.0f}, zero_narrow[2] = {0.0f, 0.0f};

static const void *one(uint32_t dtype)
{
    return dtype == NUMC_COMPLEX128 ? (const void *)one_wide : (const void *)one_narrow;
}

/* ---- products -------------------------------------------------------------------------------------------------------------- */

typedef struct product {
    const void *a, *b;
    void *c;
    int64_t rows, inner, columns;
    int64_t a_row, a_column, b_row, b_column, c_row, c_column;
    bool accumulate;
} product;

/* Rows of c, an inner product's term at a time: sums over increasing k. */
#define DEFINE_PRODUCT(name, T)                                                                    \
    static void product_##name(const product *p)                                                   \
    {                                                                                              \
        const T *a = p->a, *b = p->b;                                                              \
        T *c = p->c;                                                                               \
        for (int64_t i = 0; i < p->rows; ++i) {                                                    \
            T *row = c + 2 * i * p->c_row;                                                         \
            for (int64_t j = 0; !p->accumulate && j < p->columns; ++j)                             \
                row[2 * j * p->c_column] = row[2 * j * p->c_column + 1] = 0;                       \
            for (int64_t k = 0; k < p->inner; ++k) {                                               \
                const T *factor = a + 2 * (i * p->a_row + k * p->a_column);                        \
                const T *other = b + 2 * k * p->b_row;                                             \
                const T re = factor[0], im = factor[1];                                            \
                for (int64_t j = 0; j < p->columns; ++j) {                                         \
                    const T *y = other + 2 * j * p->b_column;                                      \
                    T *z = row + 2 * j * p->c_column;                                              \
                    z[0] += re * y[0] - im * y[1];                                                 \
                    z[1] += re * y[1] + im * y[0];                                                 \
                }                                                                                  \
            }                                                                                      \
        }                                                                                          \
    }
DEFINE_PRODUCT(complex64, float)
DEFINE_PRODUCT(complex128, double)

/* BLAS wants one unit stride and a leading dimension no less than the extent. */
static bool layout(int64_t rows, int64_t columns, int64_t row, int64_t column, int *transpose, int *leading)
{
    const bool by_rows = column == 1 && row >= (columns > 1 ? columns : 1) && row <= MOST;
    const bool by_columns = row == 1 && column >= (rows > 1 ? rows : 1) && column <= MOST;
    *transpose = by_rows ? CBLAS_NO_TRANSPOSE : CBLAS_TRANSPOSE;
    *leading = (int)(by_rows ? row : by_columns ? column : 0);
    return by_rows || by_columns;
}

typedef struct product_work {
    const numc_cpu_complex_blas *blas; /* NULL: the own loop */
    product p;
    uint32_t dtype;
    int ta, tb, lda, ldb, ldc;
} product_work;

static void run_share(void *user, int64_t number)
{
    const product_work *w = user;
    const int64_t size = (int64_t)numc_cpu_view_size(w->dtype), first = number * SHARE_ROWS;
    product p = w->p;
    p.rows = p.rows - first < SHARE_ROWS ? p.rows - first : SHARE_ROWS;
    p.a = (const char *)p.a + first * p.a_row * size;
    p.c = (char *)p.c + first * p.c_row * size;
    const bool wide = w->dtype == NUMC_COMPLEX128;
    const void *zero = wide ? (const void *)zero_wide : (const void *)zero_narrow;
    if (w->blas != NULL)
        w->blas->gemm(CBLAS_ROW_MAJOR, w->ta, w->tb, (int)p.rows, (int)p.columns, (int)p.inner, one(w->dtype), p.a, w->lda, p.b,
                      w->ldb, p.accumulate ? one(w->dtype) : zero, p.c, w->ldc);
    else
        (wide ? product_complex128 : product_complex64)(&p);
}

int32_t numc_cpu_complex_matmul(numc_device *device, const numc_view *a, const numc_view *b, const numc_view *c, bool accumulate)
{
    const int32_t batch = c->rank - 2;
    product_work w = {.dtype = c->dtype};
    product *p = &w.p;
    *p = (product){
        .rows = a->shape[batch],
        .inner = a->shape[batch + 1],
        .columns = b->shape[batch + 1],
        .a_row = a->strides[batch],
        .a_column = a->strides[batch + 1],
        .b_row = b->strides[batch],
        .b_column = b->strides[batch + 1],
        .c_row = c->strides[batch],
        .c_column = c->strides[batch + 1],
        .accumulate = accumulate,
    };
    int tc = 0;
    const double work = (double)p->rows * (double)p->inner * (double)p->columns;
    if (work > OWN_MOST && p->rows <= MOST && p->inner <= MOST && p->columns <= MOST &&
        layout(p->rows, p->inner, p->a_row, p->a_column, &w.ta, &w.lda) &&
        layout(p->inner, p->columns, p->b_row, p->b_column, &w.tb, &w.ldb) &&
        layout(p->rows, p->columns, p->c_row, p->c_column, &tc, &w.ldc) && tc == CBLAS_NO_TRANSPOSE)
        w.blas = numc_cpu_complex_blas_get(device, c->dtype);
    const int64_t count = numc_cpu_count(c, batch), shares = (p->rows + SHARE_ROWS - 1) / SHARE_ROWS;
    const numc_host *host = device->host;
    for (int64_t number = 0; number < count; ++number) {
        p->a = numc_cpu_entry(a, batch, number);
        p->b = numc_cpu_entry(b, batch, number);
        p->c = numc_cpu_entry(c, batch, number);
        if (shares > 1 && work >= SPLIT_FROM)
            host->parallel_for(host->user, shares, run_share, &w);
        else
            for (int64_t share = 0; share < shares; ++share)
                run_share(&w, share);
    }
    return NUMC_OK;
}

/* ---- factorisations -------------------------------------------------------------------------------------------------------- */

typedef struct work {
    const numc_cpu_complex_blas *blas;
    int64_t size; /* of an element */
    size_t bytes;
    char *memory;
} work;

/* Memory for `count` elements, then `integers` ints. */
static int32_t begin(work *w, numc_device *device, uint32_t dtype, int64_t rows, int64_t columns, int64_t count, int64_t integers)
{
    w->memory = NULL;
    w->size = (int64_t)numc_cpu_view_size(dtype);
    w->blas = rows > MOST || columns > MOST ? NULL : numc_cpu_complex_blas_get(device, dtype);
    if (w->blas == NULL)
        return numc_cpu_fail(device->host, NUMC_UNSUPPORTED, "complex factorisations need OpenBLAS");
    w->bytes = (size_t)(count * w->size) + (size_t)integers * sizeof(int);
    w->memory = numc_cpu_allocate(device->host, w->bytes);
    return w->memory != NULL ? NUMC_OK : numc_cpu_fail(device->host, NUMC_MEMORY, "out of memory for a factorisation");
}

static bool is_zero(const char *at, int64_t size)
{
    return size == 16 ? ((const double *)(const void *)at)[0] == 0.0 && ((const double *)(const void *)at)[1] == 0.0
                      : ((const float *)(const void *)at)[0] == 0.0f && ((const float *)(const void *)at)[1] == 0.0f;
}

static bool is_finite(const char *at, int64_t size)
{
    return size == 16 ? isfinite(((const double *)(const void *)at)[0]) && isfinite(((const double *)(const void *)at)[1])
                      : isfinite(((const float *)(const void *)at)[0]) && isfinite(((const float *)(const void *)at)[1]);
}

static void set(char *at, int64_t size, double re, double im)
{
    if (size == 16) {
        ((double *)(void *)at)[0] = re;
        ((double *)(void *)at)[1] = im;
    } else {
        ((float *)(void *)at)[0] = (float)re;
        ((float *)(void *)at)[1] = (float)im;
    }
}

/* The matrix of a view by columns, leading dimension its rows. */
static void load(const work *w, const numc_view *a, int32_t batch, int64_t number, char *to)
{
    numc_cpu_copy_matrix(a->shape[batch + 1], a->shape[batch], w->size, numc_cpu_entry(a, batch, number), a->strides[batch + 1],
                         a->strides[batch], to, a->shape[batch], 1);
}

static void store(const work *w, const numc_view *to, int32_t batch, int64_t number, const char *from)
{
    numc_cpu_copy_matrix(to->shape[batch], to->shape[batch + 1], w->size, from, 1, to->shape[batch],
                         numc_cpu_entry(to, batch, number), to->strides[batch], to->strides[batch + 1]);
}

int32_t numc_cpu_complex_cholesky(numc_device *device, const numc_view *a, const numc_view *l)
{
    const int32_t batch = a->rank - 2;
    const int64_t n = a->shape[batch], count = numc_cpu_count(l, batch);
    work w;
    int32_t status = begin(&w, device, a->dtype, n, n, n * n, 0);
    for (int64_t number = 0; status == NUMC_OK && number < count && n > 0; ++number) {
        bool good = true;
        load(&w, a, batch, number, w.memory);
        for (int64_t j = 0; j < n; ++j) {
            char *column = w.memory + j * n * w.size;
            memset(column, 0, (size_t)(j * w.size));
            memset(column + j * w.size + w.size / 2, 0, (size_t)w.size / 2);
            for (int64_t i = j; i < n; ++i)
                good = is_finite(column + i * w.size, w.size) && good;
        }
        const int order = (int)n;
        int info = 0;
        if (good)
            w.blas->potrf("L", &order, w.memory, &order, &info, 1);
        for (int64_t j = 0; j < n && (!good || info != 0); ++j)
            for (int64_t i = j; i < n; ++i)
                set(w.memory + (j * n + i) * w.size, w.size, (double)NAN, (double)NAN);
        store(&w, l, batch, number, w.memory);
    }
    numc_cpu_free(device->host, w.memory, w.memory != NULL ? w.bytes : 0);
    return status;
}

int32_t numc_cpu_complex_triangular(numc_device *device, const numc_view *t, const numc_view *b, const numc_view *x, bool upper,
                                    uint32_t transpose, bool unit)
{
    const int32_t batch = x->rank - 2;
    const int64_t n = t->shape[batch], columns = x->shape[batch + 1], count = numc_cpu_count(x, batch);
    work w;
    int32_t status = begin(&w, device, x->dtype, n, columns, n * n + n * columns, 0);
    /* by columns is, to CBLAS's row-major order, the other triangle transposed; LAPACK's order says it plainly */
    const int way = transpose == 0 ? CBLAS_NO_TRANSPOSE : transpose == 1 ? CBLAS_TRANSPOSE : CBLAS_ADJOINT;
    for (int64_t number = 0; status == NUMC_OK && number < count && n > 0 && columns > 0; ++number) {
        char *right = w.memory + n * n * w.size;
        bool singular = false;
        load(&w, t, batch, number, w.memory);
        load(&w, b, batch, number, right);
        for (int64_t i = 0; i < n && !unit; ++i)
            singular = singular || is_zero(w.memory + i * (n + 1) * w.size, w.size);
        if (!singular)
            w.blas->trsm(CBLAS_COLUMN_MAJOR, CBLAS_LEFT, upper ? CBLAS_UPPER : CBLAS_LOWER, way,
                         unit ? CBLAS_UNIT : CBLAS_NON_UNIT, (int)n, (int)columns, one(x->dtype), w.memory, (int)n, right, (int)n);
        for (int64_t i = 0; i < n * columns && singular; ++i)
            set(right + i * w.size, w.size, (double)NAN, (double)NAN);
        store(&w, x, batch, number, right);
    }
    numc_cpu_free(device->host, w.memory, w.memory != NULL ? w.bytes : 0);
    return status;
}

/* What is not finite ends in NaN with rows in place: a search for pivots need not find one among NaN. */
int32_t numc_cpu_complex_lu(numc_device *device, const numc_view *a, const numc_view *lu, const numc_view *permutation,
                            const numc_view *sign)
{
    const int32_t batch = a->rank - 2;
    const int64_t rows = a->shape[batch], columns = a->shape[batch + 1], count = numc_cpu_count(lu, batch);
    const int64_t least = rows < columns ? rows : columns;
    work w;
    int32_t status = begin(&w, device, a->dtype, rows, columns, rows * columns, least);
    for (int64_t number = 0; status == NUMC_OK && number < count; ++number) {
        int *pivots = (int *)(void *)(w.memory + rows * columns * w.size);
        int32_t *order = (int32_t *)(void *)numc_cpu_entry(permutation, batch, number);
        const int64_t step = permutation->strides[batch];
        double s = 1.0;
        bool good = true;
        load(&w, a, batch, number, w.memory);
        for (int64_t i = 0; i < rows * columns; ++i)
            good = is_finite(w.memory + i * w.size, w.size) && good;
        for (int64_t i = 0; i < rows; ++i)
            order[i * step] = (int32_t)i;
        if (good && least > 0) {
            const int m = (int)rows, n = (int)columns;
            int info = 0;
            w.blas->getrf(&m, &n, w.memory, &m, pivots, &info);
            for (int64_t i = 0; i < least; ++i) {
                const int64_t other = pivots[i] - 1;
                const int32_t row = order[i * step];
                order[i * step] = order[other * step];
                order[other * step] = row;
                s = other == i ? s : -s;
            }
        }
        for (int64_t i = 0; i < rows * columns && !good; ++i)
            set(w.memory + i * w.size, w.size, (double)NAN, (double)NAN);
        store(&w, lu, batch, number, w.memory);
        set(numc_cpu_entry(sign, batch, number), w.size, s, 0.0);
    }
    numc_cpu_free(device->host, w.memory, w.memory != NULL ? w.bytes : 0);
    return status;
}
