/* pass_text.h - text of native code, never compiled with the library: products of a row-major matrix with vectors, in the order that
 * numc_device_info.ordered_products states. Written into a program once for each dtype T that it multiplies, with NAME(x), and LANES
 * values per vector V, defined. Sizes are constants wherever these functions are called. */
#include "../kernel/vector.h"

/* Of the lanes in vectors. */
INLINE T NAME(total)(const V *s)
{
    T l[8];
    UNROLL
    for (int k = 0; k < 8; k++)
        l[k] = s[k / LANES][k % LANES];
    return NAME(join)(l);
}

/* a x from column k on; what is left after whole vectors with zeros beside it. */
INLINE V NAME(products)(numc_k_i64 inner, numc_k_i64 k, const T *a, const T *x)
{
    if (k + LANES <= inner)
        return NAME(load)(a + k) * NAME(load)(x + k);
    V e = {0}, f = {0};
    UNROLL
    for (int m = 0; m < LANES; m++) {
        if (k + m < inner) {
            e[m] = a[k + m];
            f[m] = x[k + m];
        }
    }
    return e * f;
}

/* The lanes of one row. They begin with their first products: of sums that begin with zero they differ in the sign of zeros alone, of
 * which the caller leaves nothing when it adds zero at the end. */
INLINE void NAME(lanes)(numc_k_i64 inner, const T *a, const T *x, V *s)
{
    const numc_k_i64 whole = inner & ~(numc_k_i64)7;
    UNROLL
    for (int p = 0; p < 8 / LANES; p++)
        s[p] = NAME(products)(inner, p * LANES, a, x);
    UNROLL
    for (numc_k_i64 k = 8; k < whole; k += 8) {
        UNROLL
        for (int p = 0; p < 8 / LANES; p++)
            s[p] += NAME(load)(a + k + p * LANES) * NAME(load)(x + k + p * LANES);
    }
    UNROLL
    for (int p = 0; p < 8 / LANES; p++)
        if (whole > 0 && whole + p * LANES < inner)
            s[p] += NAME(products)(inner, whole + p * LANES, a, x);
}

INLINE void NAME(fetch)(const T *row, int bytes)
{
    UNROLL
    for (int w = 0; w < bytes; w += 64)
        __builtin_prefetch((const char *)row + w);
}

#if defined(SHUFFLE) && LANES == 4
/* The lanes of four rows joined at once: by halves, (04, 15, 26, 37), which is how they come, then (04 + 26, 15 + 37), then their sum. */
INLINE void NAME(four)(const V *h, T *y)
{
    const V u = SHUFFLE(h[0], h[1], 0, 1, 4, 5) + SHUFFLE(h[0], h[1], 2, 3, 6, 7);
    const V v = SHUFFLE(h[2], h[3], 0, 1, 4, 5) + SHUFFLE(h[2], h[3], 2, 3, 6, 7);
    NAME(store)(y, (SHUFFLE(u, v, 0, 2, 4, 6) + SHUFFLE(u, v, 1, 3, 5, 7)) + (T)0);
}
#endif

/* y[i] = sum_k a[i a_row + k] x[k]. Rows one after another, so that the processor sees one stream. */
INLINE void NAME(rows)(numc_k_i64 rows, numc_k_i64 inner, const T *a, numc_k_i64 a_row, const T *x, T *y)
{
    V s[8 / LANES];
    numc_k_i64 first = 0;
#if defined(SHUFFLE) && LANES == 4
    enum { ROWS = 32 };
    V h[ROWS];
    while (first + 4 <= rows) {
        const int count = (int)(rows - first < ROWS ? (rows - first) & ~(numc_k_i64)3 : ROWS);
        ROLL
        for (int i = 0; i < count; i++) {
            NAME(lanes)(inner, a + (first + i) * a_row, x, s);
            h[i] = s[0] + s[1];
        }
        ROLL
        for (int i = 0; i < count; i += 4)
            NAME(four)(h + i, y + first + i);
        first += count;
    }
#endif
    ROLL
    for (numc_k_i64 i = first; i < rows; i++) {
        NAME(lanes)(inner, a + i * a_row, x, s);
        y[i] = NAME(total)(s) + (T)0;
    }
}

/* `wide` vectors of y over all rows. Bytes of each row to come are fetched. */
INLINE void NAME(strip)(int bytes, int wide, numc_k_i64 rows, const T *a, numc_k_i64 a_row, const T *x, T *y)
{
    V s[8];
    UNROLL
    for (int w = 0; w < wide; w++)
        s[w] = NAME(load)(y + w * LANES);
    ROLL
    for (numc_k_i64 i = 0; i < rows; i++) {
        const V f = NAME(spread)(x[i]);
        NAME(fetch)(a + (i + rows) * a_row, bytes);
        UNROLL
        for (int w = 0; w < wide; w++)
            s[w] += f * NAME(load)(a + i * a_row + w * LANES);
    }
    UNROLL
    for (int w = 0; w < wide; w++)
        NAME(store)(y + w * LANES, s[w]);
}

/* What is left of the columns after whole vectors. */
INLINE void NAME(last_columns)(numc_k_i64 rows, numc_k_i64 columns, const T *a, numc_k_i64 a_row, const T *x, T *y)
{
    for (numc_k_i64 j = columns / LANES * LANES; j < columns; j++) {
        T s = y[j];
        for (numc_k_i64 i = 0; i < rows; i++)
            s += x[i] * a[i * a_row + j];
        y[j] = s;
    }
}

/* y[j] = y[j] + x[0] a[j] + x[1] a[a_row + j] ... near: where the matrix lies in a cache, as many rows to come are fetched into the first
 * level. Others are left to the processor, which knows a stream. */
INLINE void NAME(columns)(int near, numc_k_i64 rows, numc_k_i64 columns, const T *a, numc_k_i64 a_row, const T *x, T *y)
{
    const numc_k_i64 whole = columns / LANES, strips = whole / 8 * 8;
    const int vector = near ? LANES * (int)sizeof(T) : 0;
    for (numc_k_i64 w = 0; w < strips; w += 8)
        NAME(strip)(8 * vector, 8, rows, a + w * LANES, a_row, x, y + w * LANES);
    if (whole > strips)
        NAME(strip)((int)(whole - strips) * vector, (int)(whole - strips), rows, a + strips * LANES, a_row, x, y + strips * LANES);
    NAME(last_columns)(rows, columns, a, a_row, x, y);
}

#if defined(SHUFFLE) && LANES == 4
enum { NAME(SUM_LANES) = WIDE_BYTES / sizeof(T) };
typedef T NAME(sums) __attribute__((vector_size(WIDE_BYTES)));

/* t, and u where a vector is left, take x row. */
INLINE void NAME(take)(numc_k_i64 columns, const T *row, const T *x, NAME(sums) *t, V *u)
{
    const NAME(sums) f = *x - (NAME(sums)){0};
    NAME(sums) r;
    UNROLL
    for (int w = 0; w < columns / NAME(SUM_LANES); w++) {
        memcpy(&r, row + w * NAME(SUM_LANES), sizeof r);
        t[w] += f * r;
    }
    if (columns % NAME(SUM_LANES) >= LANES)
        *u += NAME(spread)(*x) * NAME(load)(row + columns / NAME(SUM_LANES) * NAME(SUM_LANES));
}
#endif

/* The columns of some rows of a narrow matrix in a cache, and the rows behind them: y[i] = sum_k a[(rows + i) a_row + k] b[k]. Side by
 * side, four rows at a time, since the sums wait for each other, however narrow they are, and the products for the second level. Sums
 * stand in the widest vectors there are, since a row is loaded twice and there are no more than two loads at a time. */
INLINE void NAME(both)(numc_k_i64 rows, numc_k_i64 next, numc_k_i64 columns, const T *a, numc_k_i64 a_row, const T *x, T *s, const T *b, T *y)
{
    const T *behind = a + rows * a_row;
#if defined(SHUFFLE) && LANES == 4
    enum { AHEAD = 16 };
    const int whole = (int)(columns / NAME(SUM_LANES)), rest = columns % NAME(SUM_LANES) >= LANES;
    numc_k_i64 done = 0;
    NAME(sums) t[8];
    V u = {0}, h[4], l[2];
    UNROLL
    for (int w = 0; w < whole; w++)
        memcpy(&t[w], s + w * NAME(SUM_LANES), sizeof t[w]);
    if (rest)
        u = NAME(load)(s + whole * NAME(SUM_LANES));
    ROLL
    for (; done + 4 <= rows && done + 4 <= next; done += 4) {
        UNROLL
        for (int k = 0; k < 4; k++) {
            NAME(fetch)(behind + (done + k + AHEAD) * a_row, (int)(columns * (numc_k_i64)sizeof(T)));
            NAME(lanes)(columns, behind + (done + k) * a_row, b, l);
            h[k] = l[0] + l[1];
        }
        NAME(four)(h, y + done);
        UNROLL
        for (int k = 0; k < 4; k++)
            NAME(take)(columns, a + (done + k) * a_row, x + done + k, t, &u);
    }
    ROLL
    for (numc_k_i64 i = done; i < rows; i++)
        NAME(take)(columns, a + i * a_row, x + i, t, &u);
    UNROLL
    for (int w = 0; w < whole; w++)
        memcpy(s + w * NAME(SUM_LANES), &t[w], sizeof t[w]);
    if (rest)
        NAME(store)(s + whole * NAME(SUM_LANES), u);
    NAME(last_columns)(rows, columns, a, a_row, x, s);
    NAME(rows)(next - done, columns, behind + done * a_row, a_row, b, y + done);
#else
    NAME(columns)(1, rows, columns, a, a_row, x, s);
    NAME(rows)(next, columns, behind, a_row, b, y);
#endif
}
