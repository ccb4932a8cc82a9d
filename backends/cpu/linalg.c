/* linalg.c - matrix products, Cholesky, triangular solves, LU: views, batches, and who does the work. Own loops up to about 64
 * and for products with vectors at any size (they run at the speed of memory); OpenBLAS above, where it is found.
 *
 * The bits do not depend on the number of threads: work is shared out by rows or columns of the result, in shares of a fixed
 * size, and no share's sums depend on the others. */
#include <limits.h>
#include <math.h>
#include <string.h>

#include "blas.h"
#include "linalg.h"

enum {
    OWN_MOST = 64 * 64 * 64,  /* multiplications: a smaller product is not worth opening OpenBLAS for */
    OWN_FACTOR_MOST = 96,     /* the same for factorisations */
    SPLIT_FROM = 1 << 22,     /* multiplications: below, waking threads costs more than it gains */
    SHARE_ROWS = 256,         /* rows of the result per share */
    SHARE_COLUMNS = 64
};

/* ---- products of integers ------------------------------------------------------------------------------------------------ */

/* Integers wrap. */
#define DEFINE_PRODUCT(name, T, U)                                                                 \
    static void product_##name(const numc_block_product *p)                                        \
    {                                                                                              \
        const T *a = p->a, *b = p->b;                                                              \
        T *c = p->c;                                                                               \
        for (int64_t i = 0; i < p->rows; ++i) {                                                    \
            T *row = c + i * p->c_row;                                                             \
            for (int64_t j = 0; !p->accumulate && j < p->columns; ++j)                             \
                row[j * p->c_column] = 0;                                                          \
            for (int64_t k = 0; k < p->inner; ++k) {                                               \
                const T factor = a[i * p->a_row + k * p->a_column];                                \
                const T *other = b + k * p->b_row;                                                 \
                for (int64_t j = 0; j < p->columns; ++j)                                           \
                    row[j * p->c_column] =                                                         \
                        (T)((U)row[j * p->c_column] + (U)factor * (U)other[j * p->b_column]);      \
            }                                                                                      \
        }                                                                                          \
    }
DEFINE_PRODUCT(i8, int8_t, uint32_t)
DEFINE_PRODUCT(i16, int16_t, uint32_t)
DEFINE_PRODUCT(i32, int32_t, uint32_t)
DEFINE_PRODUCT(i64, int64_t, uint64_t)
DEFINE_PRODUCT(u8, uint8_t, uint32_t)
DEFINE_PRODUCT(u16, uint16_t, uint32_t)
DEFINE_PRODUCT(u32, uint32_t, uint32_t)
DEFINE_PRODUCT(u64, uint64_t, uint64_t)

static void (*const integer_products[NUMC_DTYPE_COUNT])(const numc_block_product *) = {
    [NUMC_INT8] = product_i8,     [NUMC_INT16] = product_i16,   [NUMC_INT32] = product_i32,
    [NUMC_INT64] = product_i64,   [NUMC_UINT8] = product_u8,    [NUMC_UINT16] = product_u16,
    [NUMC_UINT32] = product_u32,  [NUMC_UINT64] = product_u64,
};

/* ---- products of floats -------------------------------------------------------------------------------------------------- */

typedef enum product_method { BY_LOOPS, BY_ROWS, BY_COLUMNS, BY_BLAS } product_method;

typedef struct product_work {
    const numc_block_matrix *matrix;
    const numc_cpu_blas_functions *blas;
    numc_block_product p;
    int64_t size; /* of an element */
    product_method method;
    int64_t share; /* rows of the result; BY_COLUMNS: columns */
} product_work;

static bool fits_int(int64_t x)
{
    return x >= 0 && x <= INT_MAX;
}

/* BLAS wants one unit stride and a leading dimension no less than the extent. */
static bool blas_layout(int64_t rows, int64_t columns, int64_t row, int64_t column, int *transpose, int *leading)
{
    if (column == 1 && row >= (columns > 1 ? columns : 1) && fits_int(row)) {
        *transpose = CBLAS_NO_TRANSPOSE;
        *leading = (int)row;
        return true;
    }
    if (row == 1 && column >= (rows > 1 ? rows : 1) && fits_int(column)) {
        *transpose = CBLAS_TRANSPOSE;
        *leading = (int)column;
        return true;
    }
    return false;
}

static void blas_product(const product_work *w, const numc_block_product *p)
{
    int ta = 0, tb = 0, tc = 0, lda = 0, ldb = 0, ldc = 0;
    (void)blas_layout(p->rows, p->inner, p->a_row, p->a_column, &ta, &lda);
    (void)blas_layout(p->inner, p->columns, p->b_row, p->b_column, &tb, &ldb);
    (void)blas_layout(p->rows, p->columns, p->c_row, p->c_column, &tc, &ldc);
    const int m = (int)p->rows, n = (int)p->columns, k = (int)p->inner;
    if (w->size == 8)
        w->blas->dgemm(CBLAS_ROW_MAJOR, ta, tb, m, n, k, 1.0, p->a, lda, p->b, ldb, p->accumulate ? 1.0 : 0.0, p->c, ldc);
    else
        w->blas->sgemm(CBLAS_ROW_MAJOR, ta, tb, m, n, k, 1.0f, p->a, lda, p->b, ldb, p->accumulate ? 1.0f : 0.0f, p->c,
                       ldc);
}

static void run_share(void *user, int64_t number)
{
    const product_work *w = user;
    numc_block_product p = w->p;
    const int64_t first = number * w->share;
    if (w->method == BY_COLUMNS) {
        p.columns = p.columns - first < w->share ? p.columns - first : w->share;
        w->matrix->columns(p.inner, p.columns, (const char *)p.b + first * w->size, p.b_row, p.a, p.a_column,
                           (char *)p.c + first * w->size, p.accumulate);
        return;
    }
    p.rows = p.rows - first < w->share ? p.rows - first : w->share;
    p.a = (const char *)p.a + first * p.a_row * w->size;
    p.c = (char *)p.c + first * p.c_row * w->size;
    if (w->method == BY_ROWS)
        w->matrix->rows(p.rows, p.inner, p.a, p.a_row, p.b, p.c, p.c_row, p.accumulate);
    else if (w->method == BY_BLAS)
        blas_product(w, &p);
    else
        w->matrix->product(&p);
}

static void real_product(numc_device *device, product_work *w)
{
    numc_block_product *p = &w->p;
    if (p->rows == 0 || p->columns == 0)
        return;
    if (p->columns == 1 && p->rows > 1 && p->a_row == 1 && p->c_row == 1) {
        /* c = a b with a's columns contiguous is c' = b' a' with a' 's rows contiguous */
        *p = (numc_block_product){p->b, p->a, p->c, 1, p->inner, p->rows, 0, p->b_row, p->a_column, 1, 0, 1, p->accumulate};
    } else if (p->rows == 1 && p->columns > 1 && p->b_row == 1 && p->b_column != 1) {
        *p = (numc_block_product){p->b, p->a, p->c, p->columns, p->inner, 1, p->b_column, 1, p->a_column, 0, p->c_column, 1,
                                  p->accumulate};
    }
    w->method = BY_LOOPS;
    if (p->columns == 1 && p->a_column == 1 && (p->b_row == 1 || p->inner == 1)) {
        w->method = BY_ROWS;
    } else if (p->rows == 1 && p->b_column == 1 && p->c_column == 1) {
        w->method = BY_COLUMNS;
    } else if ((double)p->rows * (double)p->inner * (double)p->columns > OWN_MOST) {
        int transpose, leading;
        if (p->rows >= 4 && p->columns >= 4 && p->inner >= 4 && p->c_column == 1 && fits_int(p->inner) &&
            fits_int(p->columns) && fits_int(p->rows) &&
            blas_layout(p->rows, p->inner, p->a_row, p->a_column, &transpose, &leading) &&
            blas_layout(p->inner, p->columns, p->b_row, p->b_column, &transpose, &leading) &&
            blas_layout(p->rows, p->columns, p->c_row, p->c_column, &transpose, &leading)) {
            w->blas = numc_cpu_blas_get(device);
            if (w->blas != NULL)
                w->method = BY_BLAS;
        }
    }
    const int64_t length = w->method == BY_COLUMNS ? p->columns : p->rows;
    const bool split = (double)p->rows * (double)p->inner * (double)p->columns >= SPLIT_FROM;
    w->share = w->method == BY_COLUMNS ? SHARE_COLUMNS : SHARE_ROWS;
    if (w->method != BY_BLAS && !split)
        w->share = length; /* own loops give the same bits however they are shared out */
    const int64_t shares = (length + w->share - 1) / w->share;
    const numc_host *host = device->host;
    if (split && shares > 1)
        host->parallel_for(host->user, shares, run_share, w);
    else
        for (int64_t number = 0; number < shares; ++number)
            run_share(w, number);
}

int32_t numc_cpu_matmul(numc_device *device, const numc_view *a, const numc_view *b, const numc_view *c,
                        const numc_matmul_options *options)
{
    const int32_t batch = c->rank - 2;
    if (batch < 0 || a->rank != c->rank || b->rank != c->rank || a->dtype != c->dtype || b->dtype != c->dtype ||
        a->shape[batch + 1] != b->shape[batch] || a->shape[batch] != c->shape[batch] ||
        b->shape[batch + 1] != c->shape[batch + 1])
        return numc_cpu_fail(device->host, NUMC_INVALID_ARGUMENT, "matmul: views do not fit");
    if (numc_cpu_is_complex(c->dtype))
        return numc_cpu_complex_matmul(device, a, b, c, options != NULL && options->accumulate != 0);
    product_work work = {.matrix = device->blocks->matrix(c->dtype), .size = (int64_t)numc_cpu_size(c->dtype)};
    if (work.size == 0 || (work.matrix == NULL && integer_products[c->dtype] == NULL))
        return numc_cpu_fail(device->host, NUMC_UNSUPPORTED, "matmul: dtype not supported");
    const int64_t count = numc_cpu_count(c, batch);
    for (int64_t n = 0; n < count; ++n) {
        work.p = (numc_block_product){
            .a = numc_cpu_entry(a, batch, n),
            .b = numc_cpu_entry(b, batch, n),
            .c = numc_cpu_entry(c, batch, n),
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
        if (work.matrix != NULL)
            real_product(device, &work);
        else
            integer_products[c->dtype](&work.p);
    }
    return NUMC_OK;
}

/* ---- factorisations ------------------------------------------------------------------------------------------------------ */

void numc_cpu_copy_matrix(int64_t rows, int64_t columns, int64_t size, const char *from, int64_t from_row,
                          int64_t from_column, char *to, int64_t to_row, int64_t to_column)
{
    for (int64_t i = 0; i < rows; ++i) {
        const char *source = from + i * from_row * size;
        char *target = to + i * to_row * size;
        if (from_column == 1 && to_column == 1)
            memcpy(target, source, (size_t)(columns * size));
        else if (size == 8)
            for (int64_t j = 0; j < columns; ++j)
                memcpy(target + j * to_column * 8, source + j * from_column * 8, 8);
        else if (size == 4)
            for (int64_t j = 0; j < columns; ++j)
                memcpy(target + j * to_column * 4, source + j * from_column * 4, 4);
        else
            for (int64_t j = 0; j < columns; ++j)
                memcpy(target + j * to_column * 16, source + j * from_column * 16, 16);
    }
}

static void fill_nan(int64_t rows, int64_t columns, int64_t size, char *to, int64_t row, bool lower)
{
    for (int64_t i = 0; i < rows; ++i)
        for (int64_t j = 0; j < (lower ? i + 1 : columns); ++j) {
            if (size == 8)
                ((double *)(void *)to)[i * row + j] = (double)NAN;
            else
                ((float *)(void *)to)[i * row + j] = (float)NAN;
        }
}

/* OpenBLAS takes two thirds of the time for the lower triangle by columns, which is the upper one by rows: a's triangle goes there
 * and comes back. */
static void blas_cholesky(const numc_cpu_blas_functions *blas, const numc_block_matrix *matrix, int64_t n, int64_t size, const char *a, int64_t a_row,
                          int64_t a_column, char *l, int64_t l_row)
{
    for (int64_t i = 0; i < n; ++i)
        numc_cpu_copy_matrix(1, i + 1, size, a + i * a_row * size, a_row, a_column, l + i * l_row * size, l_row, 1);
    matrix->mirror(n, l, l_row, NUMC_MIRROR_UP);
    const int order = (int)n, leading = (int)l_row;
    int info = 0;
    if (size == 8)
        blas->dpotrf("L", &order, (double *)(void *)l, &leading, &info, 1);
    else
        blas->spotrf("L", &order, (float *)(void *)l, &leading, &info, 1);
    matrix->mirror(n, l, l_row, NUMC_MIRROR_DOWN);
    for (int64_t i = 0; i < n; ++i)
        memset(l + (i * l_row + i + 1) * size, 0, (size_t)((n - i - 1) * size));
    if (info != 0)
        fill_nan(n, n, size, l, l_row, true);
}

int32_t numc_cpu_cholesky(numc_device *device, const numc_view *a, const numc_view *l)
{
    const int32_t batch = a->rank - 2;
    if (batch < 0 || a->dtype != l->dtype || l->rank != a->rank || a->shape[batch] != a->shape[batch + 1] ||
        l->strides[batch + 1] != 1)
        return numc_cpu_fail(device->host, NUMC_INVALID_ARGUMENT, "cholesky: views do not fit");
    if (numc_cpu_is_complex(a->dtype))
        return numc_cpu_complex_cholesky(device, a, l);
    const numc_block_matrix *matrix = device->blocks->matrix(a->dtype);
    if (matrix == NULL)
        return numc_cpu_fail(device->host, NUMC_UNSUPPORTED, "cholesky: needs a float or complex dtype");
    const int64_t n = a->shape[batch], size = (int64_t)numc_cpu_size(a->dtype), count = numc_cpu_count(l, batch);
    const numc_cpu_blas_functions *blas = n > OWN_FACTOR_MOST && fits_int(l->strides[batch]) ? numc_cpu_blas_get(device) : NULL;
    for (int64_t number = 0; number < count && n > 0; ++number) {
        const char *from = numc_cpu_entry(a, batch, number);
        char *to = numc_cpu_entry(l, batch, number);
        if (blas != NULL)
            blas_cholesky(blas, matrix, n, size, from, a->strides[batch], a->strides[batch + 1], to, l->strides[batch]);
        else
            matrix->cholesky(n, from, a->strides[batch], a->strides[batch + 1], to, l->strides[batch]);
    }
    return NUMC_OK;
}

/* ---- the inverse from a Cholesky factor ----------------------------------------------------------------------------------
 *
 * By halves, so that most of the work is products: with l = [a 0; b c], x = inv(l) is [inv a 0; -inv(c) b inv(a) inv c], and x' x has
 * x_a' x_a + x_b' x_b, x_c' x_b and x_c' x_c. All in place; the place above b holds what is on the way. (LAPACK's potri inverts the
 * triangle by vectors: 390 us for n = 200 where this takes 250.) */

/* c (+)= a b on blocks of one matrix whose rows lie w->p.c_row apart; `turned`: a', b' instead. */
static void block_product(product_work *w, char *c, int64_t rows, int64_t columns, const char *a, bool a_turned, const char *b, bool b_turned,
                          int64_t inner, bool accumulate)
{
    const int64_t row = w->p.c_row;
    w->p = (numc_block_product){a, b, c, rows, inner, columns, a_turned ? 1 : row, a_turned ? row : 1, b_turned ? 1 : row,
                                b_turned ? row : 1, row, 1, accumulate};
    if (w->blas != NULL)
        blas_product(w, &w->p);
    else
        w->matrix->product(&w->p);
}

enum { INVERT_LEAF = 32 };

static int64_t first_half(int64_t n)
{
    return (n / 2 + 7) / 8 * 8;
}

static void invert_by_halves(product_work *w, int64_t n, char *x)
{
    if (n <= INVERT_LEAF) {
        w->matrix->invert_triangle(n, x, w->p.c_row);
        return;
    }
    const int64_t h = first_half(n), r = n - h, row = w->p.c_row;
    char *above = x + h * w->size, *below = x + h * row * w->size, *corner = below + h * w->size;
    invert_by_halves(w, h, x);
    invert_by_halves(w, r, corner);
    block_product(w, above, h, r, x, true, below, true, h, false);
    block_product(w, below, r, h, corner, false, above, true, r, false);
    for (int64_t i = 0; i < h; ++i)
        memset(above + i * row * w->size, 0, (size_t)(r * w->size));
}

static void gram_by_halves(product_work *w, int64_t n, char *x)
{
    if (n <= INVERT_LEAF) {
        w->matrix->gram(n, x, w->p.c_row);
        return;
    }
    const int64_t h = first_half(n), r = n - h, row = w->p.c_row;
    char *above = x + h * w->size, *below = x + h * row * w->size, *corner = below + h * w->size;
    block_product(w, above, h, r, below, true, corner, false, r, false);
    gram_by_halves(w, h, x);
    gram_by_halves(w, r, corner);
    block_product(w, x, h, h, below, true, below, false, r, true);
    numc_cpu_copy_matrix(r, h, w->size, above, 1, row, below, row, 1);
}

int32_t numc_cpu_cholesky_inverse(numc_device *device, const numc_view *l, const numc_view *w)
{
    const int32_t batch = l->rank - 2;
    if (batch < 0 || l->dtype != w->dtype || w->rank != l->rank || l->shape[batch] != l->shape[batch + 1] ||
        w->strides[batch + 1] != 1)
        return numc_cpu_fail(device->host, NUMC_INVALID_ARGUMENT, "cholesky_inverse: views do not fit");
    product_work work = {.matrix = device->blocks->matrix(l->dtype), .size = (int64_t)numc_cpu_size(l->dtype)};
    if (work.matrix == NULL)
        return numc_cpu_fail(device->host, NUMC_UNSUPPORTED, "cholesky_inverse: needs a float dtype");
    const int64_t n = l->shape[batch], count = numc_cpu_count(w, batch), row = w->strides[batch];
    if (n > OWN_FACTOR_MOST && fits_int(row))
        work.blas = numc_cpu_blas_get(device);
    work.p.c_row = row;
    for (int64_t number = 0; number < count && n > 0; ++number) {
        char *to = numc_cpu_entry(w, batch, number);
        const int good = work.matrix->invert_begin(n, numc_cpu_entry(l, batch, number), l->strides[batch], l->strides[batch + 1], to, row);
        if (good) {
            invert_by_halves(&work, n, to);
            gram_by_halves(&work, n, to);
        }
        if (good)
            work.matrix->mirror(n, to, row, NUMC_MIRROR_UP);
        else
            fill_nan(n, n, work.size, to, row, false);
    }
    return NUMC_OK;
}

static bool zero_at(const char *at, int64_t size)
{
    double x;
    float x32;
    if (size == 8) {
        memcpy(&x, at, 8);
        return x == 0.0;
    }
    memcpy(&x32, at, 4);
    return x32 == 0.0f;
}

int32_t numc_cpu_triangular_solve(numc_device *device, const numc_view *t, const numc_view *b, const numc_view *x,
                                  uint32_t upper, uint32_t transpose, uint32_t unit)
{
    const int32_t batch = x->rank - 2;
    if (batch < 0 || t->rank != x->rank || b->rank != x->rank || t->dtype != x->dtype || b->dtype != x->dtype ||
        t->shape[batch] != t->shape[batch + 1] || t->shape[batch] != x->shape[batch] || x->strides[batch + 1] != 1)
        return numc_cpu_fail(device->host, NUMC_INVALID_ARGUMENT, "triangular_solve: views do not fit");
    if (numc_cpu_is_complex(x->dtype))
        return numc_cpu_complex_triangular(device, t, b, x, upper != 0, transpose, unit != 0);
    const numc_block_matrix *matrix = device->blocks->matrix(x->dtype);
    if (matrix == NULL)
        return numc_cpu_fail(device->host, NUMC_UNSUPPORTED, "triangular_solve: needs a float or complex dtype");
    const int64_t n = t->shape[batch], columns = x->shape[batch + 1], size = (int64_t)numc_cpu_size(x->dtype);
    const int64_t count = numc_cpu_count(x, batch);
    const int64_t t_row = t->strides[batch], t_column = t->strides[batch + 1];
    int flip = 0, leading = 0;
    const numc_cpu_blas_functions *blas = NULL;
    if (n > OWN_FACTOR_MOST && columns > 1 && fits_int(x->strides[batch]) && fits_int(columns) && x->strides[batch] >= columns &&
        blas_layout(n, n, t_row, t_column, &flip, &leading))
        blas = numc_cpu_blas_get(device);
    for (int64_t number = 0; number < count && n > 0 && columns > 0; ++number) {
        const char *triangle = numc_cpu_entry(t, batch, number);
        char *to = numc_cpu_entry(x, batch, number);
        if (n <= matrix->small) {
            matrix->small_triangular(n, columns, triangle, transpose ? t_column : t_row, transpose ? t_row : t_column,
                                     numc_cpu_entry(b, batch, number), b->strides[batch], b->strides[batch + 1], to,
                                     x->strides[batch], (upper != 0) != (transpose != 0), unit != 0);
            continue;
        }
        bool singular = false;
        for (int64_t i = 0; i < n && !unit; ++i)
            singular = singular || zero_at(triangle + i * (t_row + t_column) * size, size);
        if (singular) {
            fill_nan(n, columns, size, to, x->strides[batch], false);
            continue;
        }
        numc_cpu_copy_matrix(n, columns, size, numc_cpu_entry(b, batch, number), b->strides[batch], b->strides[batch + 1], to,
                    x->strides[batch], 1);
        if (blas == NULL) {
            matrix->triangular(n, columns, triangle, transpose ? t_column : t_row, transpose ? t_row : t_column, to,
                               x->strides[batch], (upper != 0) != (transpose != 0), unit != 0);
            continue;
        }
        /* a triangle stored by columns is, to BLAS, its transpose stored by rows */
        const bool turned = flip == CBLAS_TRANSPOSE;
        const int half = (upper != 0) != turned ? CBLAS_UPPER : CBLAS_LOWER;
        const int way = (transpose != 0) != turned ? CBLAS_TRANSPOSE : CBLAS_NO_TRANSPOSE;
        const int diagonal = unit ? CBLAS_UNIT : CBLAS_NON_UNIT;
        const int m = (int)n, k = (int)columns, ldx = (int)x->strides[batch];
        if (size == 8)
            blas->dtrsm(CBLAS_ROW_MAJOR, CBLAS_LEFT, half, way, diagonal, m, k, 1.0, (const double *)(const void *)triangle,
                        leading, (double *)(void *)to, ldx);
        else
            blas->strsm(CBLAS_ROW_MAJOR, CBLAS_LEFT, half, way, diagonal, m, k, 1.0f, (const float *)(const void *)triangle,
                        leading, (float *)(void *)to, ldx);
    }
    return NUMC_OK;
}

#define DEFINE_TRANSPOSE(T)                                                                        \
    static void transpose_##T(int64_t n, T *m, int64_t row)                                        \
    {                                                                                              \
        for (int64_t i = 0; i < n; ++i)                                                            \
            for (int64_t j = 0; j < i; ++j) {                                                      \
                const T swap = m[i * row + j];                                                     \
                m[i * row + j] = m[j * row + i];                                                   \
                m[j * row + i] = swap;                                                             \
            }                                                                                      \
    }
DEFINE_TRANSPOSE(double)
DEFINE_TRANSPOSE(float)

/* A search for the largest pivot need not find one among NaN: LAPACK is not asked then. */
static bool all_finite(int64_t rows, int64_t columns, int64_t size, const char *a, int64_t row, int64_t column)
{
    bool good = true;
    for (int64_t i = 0; i < rows && good; ++i)
        for (int64_t j = 0; j < columns; ++j) {
            const void *at = a + (i * row + j * column) * size;
            good = (size == 8 ? isfinite(*(const double *)at) : isfinite(*(const float *)at)) && good;
        }
    return good;
}

/* LAPACK works by columns: m holds a' on entry and is turned over afterwards. pivots: n numbers of scratch. */
static int blas_lu(const numc_cpu_blas_functions *blas, int64_t n, int64_t size, char *m, int64_t row, int32_t *order,
                   int64_t order_step, int *pivots)
{
    const int extent = (int)n, leading = (int)row;
    int info = 0, sign = 1;
    if (size == 8) {
        blas->dgetrf(&extent, &extent, (double *)(void *)m, &leading, pivots, &info);
        transpose_double(n, (double *)(void *)m, row);
    } else {
        blas->sgetrf(&extent, &extent, (float *)(void *)m, &leading, pivots, &info);
        transpose_float(n, (float *)(void *)m, row);
    }
    for (int64_t i = 0; i < n; ++i)
        order[i * order_step] = (int32_t)i;
    for (int64_t i = 0; i < n; ++i) {
        const int64_t other = pivots[i] - 1;
        if (other == i)
            continue;
        const int32_t number = order[i * order_step];
        order[i * order_step] = order[other * order_step];
        order[other * order_step] = number;
        sign = -sign;
    }
    return sign;
}

int32_t numc_cpu_lu(numc_device *device, const numc_view *a, const numc_view *lu, const numc_view *permutation,
                    const numc_view *sign)
{
    const int32_t batch = a->rank - 2;
    if (batch < 0 || a->dtype != lu->dtype || lu->rank != a->rank || permutation->dtype != NUMC_INT32 ||
        permutation->rank != batch + 1 || sign->rank != batch || sign->dtype != a->dtype || lu->strides[batch + 1] != 1)
        return numc_cpu_fail(device->host, NUMC_INVALID_ARGUMENT, "lu: views do not fit");
    if (numc_cpu_is_complex(a->dtype))
        return numc_cpu_complex_lu(device, a, lu, permutation, sign);
    const numc_block_matrix *matrix = device->blocks->matrix(a->dtype);
    if (matrix == NULL)
        return numc_cpu_fail(device->host, NUMC_UNSUPPORTED, "lu: needs a float or complex dtype");
    const int64_t rows = a->shape[batch], columns = a->shape[batch + 1], size = (int64_t)numc_cpu_size(a->dtype);
    const int64_t count = numc_cpu_count(lu, batch), row = lu->strides[batch];
    const numc_cpu_blas_functions *blas = NULL;
    int *pivots = NULL;
    if (rows == columns && rows > OWN_FACTOR_MOST && fits_int(row) && row >= columns)
        blas = numc_cpu_blas_get(device);
    if (blas != NULL) {
        pivots = numc_cpu_allocate(device->host, (size_t)rows * sizeof *pivots);
        if (pivots == NULL)
            return numc_cpu_fail(device->host, NUMC_MEMORY, "lu: out of memory");
    }
    for (int64_t number = 0; number < count; ++number) {
        char *to = numc_cpu_entry(lu, batch, number);
        const char *from = numc_cpu_entry(a, batch, number);
        int32_t *order = (int32_t *)(void *)numc_cpu_entry(permutation, batch, number);
        const int64_t a_row = a->strides[batch], a_column = a->strides[batch + 1];
        int s;
        if (blas != NULL && all_finite(rows, columns, size, from, a_row, a_column)) {
            numc_cpu_copy_matrix(rows, columns, size, from, a_column, a_row, to, row, 1);
            s = blas_lu(blas, rows, size, to, row, order, permutation->strides[batch], pivots);
        } else {
            numc_cpu_copy_matrix(rows, columns, size, from, a_row, a_column, to, row, 1);
            s = matrix->lu(rows, columns, to, row, order, permutation->strides[batch]);
        }
        void *out = numc_cpu_entry(sign, batch, number);
        if (size == 8)
            *(double *)out = s;
        else
            *(float *)out = (float)s;
    }
    numc_cpu_free(device->host, pivots, (size_t)rows * sizeof *pivots);
    return NUMC_OK;
}
