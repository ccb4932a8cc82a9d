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

/* Where the matrix lies in a cache, as many rows to come are fetched into the first level. Of narrow ones `rows` fetches so many bytes,
 * since it waits for the second level anyway, and `columns` the rest. Others are left to the processor, which knows a stream. */
INLINE int NAME(share)(int near, numc_k_i64 columns)
{
    return near && columns < 8 * LANES ? (int)((columns * (numc_k_i64)sizeof(T) / 3 + 63) & ~(numc_k_i64)63) : 0;
}

INLINE void NAME(fetch)(const T *row, int from, int to)
{
    UNROLL
    for (int w = from; w < to; w += 64)
        __builtin_prefetch((const char *)row + w);
}

/* y[i] = sum_k a[i a_row + k] x[k]. Rows one after another, so that the processor sees one stream; the lanes of four are joined at
 * once: by halves, (04, 15, 26, 37), then (04 + 26, 15 + 37), then their sum. */
INLINE void NAME(rows)(int near, numc_k_i64 rows, numc_k_i64 inner, const T *a, numc_k_i64 a_row, const T *x, T *y)
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
            NAME(fetch)(a + (first + i + rows) * a_row, 0, NAME(share)(near, inner));
            NAME(lanes)(inner, a + (first + i) * a_row, x, s);
            h[i] = s[0] + s[1];
        }
        ROLL
        for (int i = 0; i < count; i += 4) {
            const V u = SHUFFLE(h[i], h[i + 1], 0, 1, 4, 5) + SHUFFLE(h[i], h[i + 1], 2, 3, 6, 7);
            const V v = SHUFFLE(h[i + 2], h[i + 3], 0, 1, 4, 5) + SHUFFLE(h[i + 2], h[i + 3], 2, 3, 6, 7);
            NAME(store)(y + first + i, (SHUFFLE(u, v, 0, 2, 4, 6) + SHUFFLE(u, v, 1, 3, 5, 7)) + (T)0);
        }
        first += count;
    }
#endif
    ROLL
    for (numc_k_i64 i = first; i < rows; i++) {
        NAME(lanes)(inner, a + i * a_row, x, s);
        y[i] = NAME(total)(s) + (T)0;
    }
}

/* `wide` vectors of y over all rows. Bytes [from, to) of each row to come are fetched. */
INLINE void NAME(strip)(int from, int to, int wide, numc_k_i64 rows, const T *a, numc_k_i64 a_row, const T *x, T *y)
{
    V s[8];
    UNROLL
    for (int w = 0; w < wide; w++)
        s[w] = NAME(load)(y + w * LANES);
    ROLL
    for (numc_k_i64 i = 0; i < rows; i++) {
        const V f = NAME(spread)(x[i]);
        NAME(fetch)(a + (i + rows) * a_row, from, to);
        UNROLL
        for (int w = 0; w < wide; w++)
            s[w] += f * NAME(load)(a + i * a_row + w * LANES);
    }
    UNROLL
    for (int w = 0; w < wide; w++)
        NAME(store)(y + w * LANES, s[w]);
}

/* y[j] = y[j] + x[0] a[j] + x[1] a[a_row + j] ... */
INLINE void NAME(columns)(int near, numc_k_i64 rows, numc_k_i64 columns, const T *a, numc_k_i64 a_row, const T *x, T *y)
{
    const numc_k_i64 whole = columns / LANES, strips = whole / 8 * 8;
    const int vector = near ? LANES * (int)sizeof(T) : 0;
    for (numc_k_i64 w = 0; w < strips; w += 8)
        NAME(strip)(0, 8 * vector, 8, rows, a + w * LANES, a_row, x, y + w * LANES);
    if (whole > strips)
        NAME(strip)(NAME(share)(near, columns), (int)(whole - strips) * vector, (int)(whole - strips), rows, a + strips * LANES, a_row, x,
                    y + strips * LANES);
    for (numc_k_i64 j = whole * LANES; j < columns; j++) {
        T s = y[j];
        for (numc_k_i64 i = 0; i < rows; i++)
            s += x[i] * a[i * a_row + j];
        y[j] = s;
    }
}
