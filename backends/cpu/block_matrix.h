/* block_matrix.h - internal to the cpu backend: matrix loops at one real dtype; those of small matrices are src/kernel's. Included once for
 * each, with T, SUFFIX, LANES (an unsigned power of two that divides 8: values per vector), and V (a vector of LANES values of T)
 * defined.
 *
 * Sums over k run in increasing k, except in `rows`, where 8 lanes take the terms k = l mod 8 and are joined as
 * ((0+4)+(2+6)) + ((1+5)+(3+7)). Products and sums are rounded separately. So the bits depend neither on the instruction
 * set nor on how the rows and columns of the result are shared out. */

#include "kernel/matrix.h"

enum { NAME(PARTS) = 8 / LANES };

/* The same join of lanes held in vectors. */
static inline T NAME(join_vectors)(const V *sum)
{
    if (NAME(PARTS) == 2) {
        const V half = sum[0] + sum[NAME(PARTS) / 2];
        return (half[0] + half[2 % LANES]) + (half[1] + half[3 % LANES]);
    }
    if (NAME(PARTS) == 4) {
        const V half = (sum[0] + sum[NAME(PARTS) / 2]) + (sum[1 % NAME(PARTS)] + sum[3 % NAME(PARTS)]);
        return half[0] + half[1];
    }
    T lane[8];
    memcpy(lane, sum, sizeof lane);
    return NAME(join)(lane);
}

static inline T NAME(dot)(int64_t n, const T *a, const T *x)
{
    T lane[8];
    V sum[NAME(PARTS)];
    memset(sum, 0, sizeof sum);
    int64_t k = 0;
    for (; k + 8 <= n; k += 8)
        for (int p = 0; p < NAME(PARTS); ++p)
            sum[p] += NAME(load)(a + k + p * LANES) * NAME(load)(x + k + p * LANES);
    memcpy(lane, sum, sizeof lane);
    for (int l = 0; k < n; ++k, ++l)
        lane[l] += a[k] * x[k];
    return NAME(join)(lane);
}

/* The same sum for n < 8, where n is known to the compiler. */
static inline T NAME(short_dot)(int64_t n, const T *a, const T *x)
{
    T lane[8] = {0};
    for (int64_t k = 0; k < n; ++k)
        lane[k] += a[k] * x[k];
    return NAME(join)(lane);
}

static void NAME(short_rows)(int64_t rows, int64_t inner, const T *a, int64_t a_row, const T *x, T *y, int64_t y_step,
                             int accumulate)
{
#define CASE(n)                                                                                    \
    case n:                                                                                        \
        for (int64_t i = 0; i < rows; ++i)                                                         \
            y[i * y_step] = (accumulate ? y[i * y_step] : 0) + NAME(short_dot)(n, a + i * a_row, x); \
        break;
    switch (inner) {
        CASE(1) CASE(2) CASE(3) CASE(4) CASE(5) CASE(6) CASE(7)
    default:
        for (int64_t i = 0; i < rows && !accumulate; ++i)
            y[i * y_step] = 0;
        break;
    }
#undef CASE
}

/* y[i] (+)= sum_k a[i a_row + k] x[k]: each row of a read once, four at a time; rows to come are fetched ahead, since the
 * hardware's prefetching starts anew with each row. */
static void NAME(rows)(int64_t rows, int64_t inner, const void *pa, int64_t a_row, const void *px, void *py, int64_t y_step,
                       int accumulate)
{
    const T *a = pa, *x = px;
    T *y = py;
    int64_t i = 0;
    if (inner < 8) {
        NAME(short_rows)(rows, inner, a, a_row, x, y, y_step, accumulate);
        return;
    }
    for (; i + 4 <= rows; i += 4) {
        const T *row = a + i * a_row;
        V sum[4][NAME(PARTS)];
        T total[4];
        memset(sum, 0, sizeof sum);
        int64_t k = 0;
        for (; k + 8 <= inner; k += 8) {
            for (int r = 0; r < 4; ++r)
                __builtin_prefetch(row + (r + 8) * a_row + k);
            for (int p = 0; p < NAME(PARTS); ++p) {
                const V factor = NAME(load)(x + k + p * LANES);
                for (int r = 0; r < 4; ++r)
                    sum[r][p] += NAME(load)(row + r * a_row + k + p * LANES) * factor;
            }
        }
        for (int p = 0; k + LANES <= inner; ++p, k += LANES)
            for (int r = 0; r < 4; ++r)
                sum[r][p] += NAME(load)(row + r * a_row + k) * NAME(load)(x + k);
        if (k == inner) {
            for (int r = 0; r < 4; ++r)
                total[r] = NAME(join_vectors)(sum[r]);
        } else {
            T lane[4][8];
            memcpy(lane, sum, sizeof lane);
            for (; k < inner; ++k)
                for (int r = 0; r < 4; ++r)
                    lane[r][k % 8] += row[r * a_row + k] * x[k];
            for (int r = 0; r < 4; ++r)
                total[r] = NAME(join)(lane[r]);
        }
        for (int r = 0; r < 4; ++r) {
            T *at = y + (i + r) * y_step;
            *at = accumulate ? *at + total[r] : total[r];
        }
    }
    for (; i < rows; ++i) {
        T *at = y + i * y_step;
        const T total = NAME(dot)(inner, a + i * a_row, x);
        *at = accumulate ? *at + total : total;
    }
}

/* y[j] (+)= sum_k x[k x_step] a[k a_row + j]: each row of a read once, eight at a time; y stays in the cache. */
static void NAME(columns)(int64_t inner, int64_t columns, const void *pa, int64_t a_row, const void *px, int64_t x_step,
                          void *py, int accumulate)
{
    enum { CHUNK = 1024 };
    for (int64_t start = 0; start < columns; start += CHUNK) {
        const int64_t width = columns - start < CHUNK ? columns - start : CHUNK;
        const T *a = (const T *)pa + start, *x = px;
        T *y = (T *)py + start;
        if (!accumulate)
            memset(y, 0, (size_t)width * sizeof *y);
        int64_t k = 0;
        for (; k + 8 <= inner; k += 8) {
            const T *row = a + k * a_row;
            V factor[8];
            T single[8];
            for (int r = 0; r < 8; ++r) {
                single[r] = x[(k + r) * x_step];
                factor[r] = NAME(spread)(single[r]);
            }
            int64_t j = 0;
            for (; j + LANES <= width; j += LANES) {
                V sum = NAME(load)(y + j);
                for (int r = 0; r < 8 && j % 8 == 0; ++r)
                    __builtin_prefetch(row + (r + 8) * a_row + j);
                for (int r = 0; r < 8; ++r)
                    sum += factor[r] * NAME(load)(row + r * a_row + j);
                memcpy(y + j, &sum, sizeof sum);
            }
            for (; j < width; ++j) {
                T sum = y[j];
                for (int r = 0; r < 8; ++r)
                    sum += single[r] * row[r * a_row + j];
                y[j] = sum;
            }
        }
        for (; k < inner; ++k) {
            const T factor = x[k * x_step];
            const T *row = a + k * a_row;
            NUMC_BLOCK_LOOP
            for (int64_t j = 0; j < width; ++j)
                y[j] += factor * row[j];
        }
    }
}

/* A tile of c: `rows` (4 or 1) by `wide` (2, 1) vectors, or for wide 0 by one column; b's and c's rows have unit step. The two
 * sizes are constants wherever this is called. */
static inline __attribute__((always_inline)) void NAME(tile)(int rows, int wide, const numc_block_product *p, int64_t i,
                                                             int64_t j)
{
    const T *a = (const T *)p->a + i * p->a_row, *b = (const T *)p->b + j;
    T *c = (T *)p->c + i * p->c_row + j;
    const int64_t a_row = p->a_row, a_column = p->a_column, b_row = p->b_row, c_row = p->c_row, inner = p->inner;
    if (wide == 0) {
        T sum[4];
        for (int r = 0; r < rows; ++r)
            sum[r] = p->accumulate ? c[r * c_row] : 0;
        for (int64_t k = 0; k < inner; ++k)
            for (int r = 0; r < rows; ++r)
                sum[r] += a[r * a_row + k * a_column] * b[k * b_row];
        for (int r = 0; r < rows; ++r)
            c[r * c_row] = sum[r];
        return;
    }
    V sum[4][2];
    for (int r = 0; r < rows; ++r)
        for (int h = 0; h < wide; ++h)
            sum[r][h] = p->accumulate ? NAME(load)(c + r * c_row + h * LANES) : NAME(spread)(0);
    for (int64_t k = 0; k < inner; ++k)
        for (int r = 0; r < rows; ++r) {
            const V factor = NAME(spread)(a[r * a_row + k * a_column]);
            for (int h = 0; h < wide; ++h)
                sum[r][h] += factor * NAME(load)(b + k * b_row + h * LANES);
        }
    for (int r = 0; r < rows; ++r)
        for (int h = 0; h < wide; ++h)
            memcpy(c + r * c_row + h * LANES, &sum[r][h], sizeof sum[r][h]);
}

#define STRIP(wide)                                                                                \
    {                                                                                              \
        int64_t i = 0;                                                                             \
        for (; i + 4 <= p->rows; i += 4)                                                           \
            NAME(tile)(4, wide, p, i, j);                                                          \
        for (; i < p->rows; ++i)                                                                   \
            NAME(tile)(1, wide, p, i, j);                                                          \
    }

/* The same where b's rows have another step, as in a b': pieces of b are laid out in a panel first. */
static void NAME(product_by_panels)(const numc_block_product *whole)
{
    enum { DEEP = 128, ACROSS = 2 * LANES };
    T panel[DEEP * ACROSS];
    for (int64_t k = 0; k < whole->inner || k == 0; k += DEEP) {
        numc_block_product piece = *whole;
        const numc_block_product *const p = &piece;
        piece.a = (const T *)whole->a + k * whole->a_column;
        piece.inner = whole->inner - k < DEEP ? whole->inner - k : DEEP;
        piece.accumulate = whole->accumulate || k > 0;
        piece.b = panel;
        piece.b_row = ACROSS;
        for (int64_t start = 0; start < whole->columns; start += ACROSS) {
            const int64_t width = whole->columns - start < ACROSS ? whole->columns - start : ACROSS;
            const T *b = (const T *)whole->b + k * whole->b_row + start * whole->b_column;
            for (int64_t w = 0; w < width; ++w)
                for (int64_t d = 0; d < piece.inner; ++d)
                    panel[d * ACROSS + w] = b[d * whole->b_row + w * whole->b_column];
            piece.c = (T *)whole->c + start;
            int64_t j = 0;
            if (width == ACROSS) {
                STRIP(2)
                continue;
            }
            for (; j + LANES <= width; j += LANES)
                STRIP(1)
            for (; j < width; ++j)
                STRIP(0)
        }
    }
}

/* c (+)= a b for any strides, in tiles where the rows of b and c are contiguous. */
static void NAME(product)(const numc_block_product *p)
{
    if (p->c_column == 1 && !p->accumulate && p->rows <= NAME(MOST) && p->inner <= NAME(MOST) && p->columns <= NAME(MOST)) {
        NAME(small_product)(p->rows, p->inner, p->columns, p->a, p->a_row, p->a_column, p->b, p->b_row, p->b_column, p->c, p->c_row);
        return;
    }
    if (p->c_column == 1 && p->b_column == 1) {
        int64_t j = 0;
        for (; j + 2 * LANES <= p->columns; j += 2 * LANES)
            STRIP(2)
        for (; j + LANES <= p->columns; j += LANES)
            STRIP(1)
        if (j < p->columns && p->columns >= LANES && !p->accumulate) { /* some columns again: the same sums */
            j = p->columns - LANES;
            STRIP(1)
            return;
        }
        for (; j < p->columns; ++j)
            STRIP(0)
        return;
    }
    if (p->c_column == 1 && p->rows > 1 && p->columns > 1) {
        NAME(product_by_panels)(p);
        return;
    }
    const T *a = p->a, *b = p->b;
    for (int64_t i = 0; i < p->rows; ++i) {
        T *row = (T *)p->c + i * p->c_row;
        for (int64_t j = 0; j < p->columns; ++j) {
            T sum = p->accumulate ? row[j * p->c_column] : 0;
            for (int64_t k = 0; k < p->inner; ++k)
                sum += a[i * p->a_row + k * p->a_column] * b[k * p->b_row + j * p->b_column];
            row[j * p->c_column] = sum;
        }
    }
}
#undef STRIP

/* l l' = a from the lower triangle of a, n by n, l's rows of unit column step. The columns of l are kept as rows in its upper
 * triangle meanwhile, so that every update runs along a row; the upper triangle is zero at the end. NaN in the lower triangle
 * where a is not positive definite. */
static void NAME(cholesky)(int64_t n, const void *pa, int64_t a_row, int64_t a_column, void *pl, int64_t l_row)
{
    const T *a = pa;
    T *l = pl;
    int good = 1;
    if (n <= NAME(MOST)) {
        NAME(small_cholesky)(n, a, a_row, a_column, l, l_row);
        return;
    }
    for (int64_t i = 0; i < n; ++i)
        for (int64_t j = 0; j <= i; ++j)
            l[i * l_row + j] = a[i * a_row + j * a_column];
    for (int64_t k = 0; k < n && good; ++k) {
        T *const column = l + k * l_row; /* l[i][k] at column[i], i > k */
        const T pivot = l[k * l_row + k];
        good = pivot > 0 && pivot - pivot == 0;
        const T root = SQUARE_ROOT(pivot);
        l[k * l_row + k] = root;
        for (int64_t i = k + 1; i < n; ++i)
            column[i] = l[i * l_row + k] = l[i * l_row + k] / root;
        for (int64_t i = k + 1; i < n; ++i) {
            const T factor = column[i];
            T *const row = l + i * l_row;
            NUMC_BLOCK_LOOP
            for (int64_t j = k + 1; j <= i; ++j)
                row[j] -= factor * column[j];
        }
    }
    for (int64_t i = 0; i < n; ++i) {
        for (int64_t j = 0; j <= i && !good; ++j)
            l[i * l_row + j] = (T)NAN;
        if (i + 1 < n)
            memset(l + i * l_row + i + 1, 0, (size_t)(n - i - 1) * sizeof *l);
    }
}

static int NAME(invert_begin)(int64_t n, const void *l, int64_t l_row, int64_t l_column, void *x, int64_t x_row)
{
    return NAME(begin_inverse)(n, l, l_row, l_column, x, x_row);
}

static void NAME(invert_triangle)(int64_t n, void *x, int64_t x_row)
{
    NAME(inverse_triangle)(n, x, x_row);
}

static void NAME(gram)(int64_t n, void *x, int64_t x_row)
{
    NAME(inverse_gram)(n, x, x_row);
}

/* One triangle is made the other, in tiles. */
static void NAME(mirror)(int64_t n, void *px, int64_t x_row, numc_block_mirror way)
{
    enum { TILE = 8 };
    T *x = px;
    const int64_t row = way == NUMC_MIRROR_UP ? x_row : 1, column = way == NUMC_MIRROR_UP ? 1 : x_row;
    for (int64_t first = 0; first < n; first += TILE)
        for (int64_t start = 0; start <= first; start += TILE)
            for (int64_t j = start; j < start + TILE && j < n; ++j)
                for (int64_t i = first > j ? first : j + 1; i < first + TILE && i < n; ++i)
                    x[j * row + i * column] = x[i * row + j * column];
}

/* row[j] -= f[0] x0[j], then f[1] x1[j] ...: four rows in one pass, each term rounded on its own. */
static inline void NAME(subtract_rows)(int64_t columns, T *row, const T *factors, const T *x, int64_t x_row, int64_t count)
{
    if (count == 4) {
        const T f0 = factors[0], f1 = factors[1], f2 = factors[2], f3 = factors[3];
        const T *x0 = x, *x1 = x + x_row, *x2 = x1 + x_row, *x3 = x2 + x_row;
        NUMC_BLOCK_LOOP
        for (int64_t j = 0; j < columns; ++j)
            row[j] = (((row[j] - f0 * x0[j]) - f1 * x1[j]) - f2 * x2[j]) - f3 * x3[j];
        return;
    }
    for (int64_t k = 0; k < count; ++k) {
        const T factor = factors[k];
        const T *other = x + k * x_row;
        NUMC_BLOCK_LOOP
        for (int64_t j = 0; j < columns; ++j)
            row[j] -= factor * other[j];
    }
}

/* x = inv(t) x in place: element (i, k) of the triangle is t[i t_row + k t_column], x has `columns` columns of unit step.
 * upwards: from the last row to the first. */
static void NAME(triangular)(int64_t n, int64_t columns, const void *pt, int64_t t_row, int64_t t_column, void *px,
                             int64_t x_row, int upwards, int unit)
{
    const T *t = pt;
    T *x = px;
    for (int64_t step = 0; step < n; ++step) {
        const int64_t i = upwards ? n - 1 - step : step;
        const int64_t first = upwards ? i + 1 : 0, last = upwards ? n : i;
        T *const row = x + i * x_row;
        if (columns == 1 && t_column == 1 && x_row == 1) {
            row[0] -= NAME(dot)(last - first, t + i * t_row + first, x + first);
        } else if (columns == 1 && t_row == 1 && x_row == 1) {
            /* the other way round: once x[i] is known, everything after it is reduced by it */
            const T value = unit ? row[0] : row[0] / t[i * t_row + i * t_column];
            const T *const along = t + i * t_column;
            row[0] = value;
            const int64_t from = upwards ? 0 : i + 1, to = upwards ? i : n;
            NUMC_BLOCK_LOOP
            for (int64_t k = from; k < to; ++k)
                x[k] -= value * along[k];
            continue;
        } else {
            for (int64_t k = first; k < last; k += 4) {
                const int64_t count = last - k < 4 ? last - k : 4;
                T factors[4];
                for (int64_t m = 0; m < count; ++m)
                    factors[m] = t[i * t_row + (k + m) * t_column];
                NAME(subtract_rows)(columns, row, factors, x + k * x_row, x_row, count);
            }
        }
        if (!unit) {
            const T pivot = t[i * t_row + i * t_column];
            NUMC_BLOCK_LOOP
            for (int64_t j = 0; j < columns; ++j)
                row[j] /= pivot;
        }
    }
}

/* x = inv(t) b for n <= MOST, some columns at a time. */
static void NAME(small_triangulars)(int64_t n, int64_t columns, const void *pt, int64_t t_row, int64_t t_column, const void *pb,
                                    int64_t b_row, int64_t b_column, void *px, int64_t x_row, int upwards, int unit)
{
    for (int64_t j = 0; j < columns; j += NAME(MOST))
        NAME(small_triangular)(n, columns - j < NAME(MOST) ? columns - j : NAME(MOST), pt, t_row, t_column,
                               (const T *)pb + j * b_column, b_row, b_column, (T *)px + j, x_row, upwards, unit);
}

static int NAME(lu)(int64_t rows, int64_t columns, void *m, int64_t m_row, int32_t *order, int64_t order_step)
{
    return NAME(factor)(rows, columns, m, m_row, order, order_step);
}

static const numc_block_matrix NAME(matrix) = {
    .rows = NAME(rows),
    .columns = NAME(columns),
    .product = NAME(product),
    .cholesky = NAME(cholesky),
    .triangular = NAME(triangular),
    .small_triangular = NAME(small_triangulars),
    .small = NAME(MOST),
    .invert_begin = NAME(invert_begin),
    .invert_triangle = NAME(invert_triangle),
    .gram = NAME(gram),
    .mirror = NAME(mirror),
    .lu = NAME(lu),
};

#undef T
#undef V
#undef SUFFIX
#undef LANES
#undef SQUARE_ROOT
#undef ABSOLUTE
