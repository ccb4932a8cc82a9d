/* pass_text.h - text of native code, never compiled with the library: products of a row-major matrix with vectors, in the order that
 * numc_device_info.ordered_products states. Written into a program once for each dtype T that it multiplies, with NAME(x) and L
 * defined: L values per vector, a divisor of 8. Sizes are constants wherever these functions are called. */
typedef T NAME(vector) __attribute__((vector_size(L * sizeof(T))));
typedef T NAME(unaligned) __attribute__((vector_size(L * sizeof(T)), aligned(sizeof(T)), may_alias));

INLINE NAME(vector) NAME(at)(const T *p)
{
    return *(const NAME(unaligned) *)p;
}

INLINE T NAME(join)(const NAME(vector) *s)
{
    T l[8];
    UNROLL
    for (int k = 0; k < 8; k++)
        l[k] = s[k / L][k % L];
    return ((l[0] + l[4]) + (l[2] + l[6])) + ((l[1] + l[5]) + (l[3] + l[7]));
}

/* Four rows at once, by halves of 4 lanes: (04, 15, 26, 37), then (04 + 26, 15 + 37), then their sum. */
INLINE void NAME(join_four)(const NAME(vector) (*s)[8 / L], T *y)
{
#if defined(SHUFFLES) && L == 4
    NAME(vector) h[4];
    UNROLL
    for (int r = 0; r < 4; r++)
        h[r] = s[r][0] + s[r][1];
    const NAME(vector) a = __builtin_shufflevector(h[0], h[1], 0, 1, 4, 5) + __builtin_shufflevector(h[0], h[1], 2, 3, 6, 7);
    const NAME(vector) b = __builtin_shufflevector(h[2], h[3], 0, 1, 4, 5) + __builtin_shufflevector(h[2], h[3], 2, 3, 6, 7);
    *(NAME(unaligned) *)y = __builtin_shufflevector(a, b, 0, 2, 4, 6) + __builtin_shufflevector(a, b, 1, 3, 5, 7);
#else
    UNROLL
    for (int r = 0; r < 4; r++)
        y[r] = NAME(join)(s[r]);
#endif
}

/* Lanes of n rows; what is left of a row after whole vectors is joined by zeros. */
INLINE void NAME(lanes)(int n, numc_k_i64 inner, const T *a, numc_k_i64 a_row, const T *x, NAME(vector) (*s)[8 / L])
{
    const numc_k_i64 whole = inner & ~(numc_k_i64)7;
    UNROLL
    for (int r = 0; r < n; r++) {
        UNROLL
        for (int p = 0; p < 8 / L; p++)
            s[r][p] = (NAME(vector)){0};
    }
    UNROLL
    for (numc_k_i64 k = 0; k < whole; k += 8) {
        UNROLL
        for (int p = 0; p < 8 / L; p++) {
            const NAME(vector) f = NAME(at)(x + k + p * L);
            UNROLL
            for (int r = 0; r < n; r++)
                s[r][p] += NAME(at)(a + r * a_row + k + p * L) * f;
        }
    }
    UNROLL
    for (int p = 0; p < 8 / L; p++) {
        const numc_k_i64 from = whole + p * L;
        if (from + L <= inner) {
            const NAME(vector) f = NAME(at)(x + from);
            UNROLL
            for (int r = 0; r < n; r++)
                s[r][p] += NAME(at)(a + r * a_row + from) * f;
        } else if (from < inner) {
            UNROLL
            for (int r = 0; r < n; r++) {
                NAME(vector) e = {0}, f = {0};
                UNROLL
                for (int m = 0; m < L; m++) {
                    if (from + m < inner) {
                        e[m] = a[r * a_row + from + m];
                        f[m] = x[from + m];
                    }
                }
                s[r][p] += e * f;
            }
        }
    }
}

/* y[i] = sum_k a[i a_row + k] x[k] */
INLINE void NAME(rows)(numc_k_i64 rows, numc_k_i64 inner, const T *a, numc_k_i64 a_row, const T *x, T *y)
{
    NAME(vector) s[4][8 / L];
    numc_k_i64 i = 0;
    for (; i + 4 <= rows; i += 4) {
        NAME(lanes)(4, inner, a + i * a_row, a_row, x, s);
        NAME(join_four)(s, y + i);
    }
    for (; i < rows; i++) {
        NAME(lanes)(1, inner, a + i * a_row, a_row, x, s);
        y[i] = NAME(join)(s[0]);
    }
}

/* `wide` vectors of y over all rows. */
INLINE void NAME(strip)(int wide, numc_k_i64 rows, const T *a, numc_k_i64 a_row, const T *x, T *y)
{
    NAME(vector) s[8];
    UNROLL
    for (int w = 0; w < wide; w++)
        s[w] = NAME(at)(y + w * L);
    for (numc_k_i64 i = 0; i < rows; i++) {
        const NAME(vector) f = x[i] - (NAME(vector)){0};
        UNROLL
        for (int w = 0; w < wide; w++)
            s[w] += f * NAME(at)(a + i * a_row + w * L);
    }
    UNROLL
    for (int w = 0; w < wide; w++)
        *(NAME(unaligned) *)(y + w * L) = s[w];
}

/* y[j] = y[j] + x[0] a[j] + x[1] a[a_row + j] ... */
INLINE void NAME(columns)(numc_k_i64 rows, numc_k_i64 columns, const T *a, numc_k_i64 a_row, const T *x, T *y)
{
    const numc_k_i64 whole = columns / L, strips = whole / 8 * 8;
    for (numc_k_i64 w = 0; w < strips; w += 8)
        NAME(strip)(8, rows, a + w * L, a_row, x, y + w * L);
    if (whole > strips)
        NAME(strip)((int)(whole - strips), rows, a + strips * L, a_row, x, y + strips * L);
    for (numc_k_i64 j = whole * L; j < columns; j++) {
        T s = y[j];
        for (numc_k_i64 i = 0; i < rows; i++)
            s += x[i] * a[i * a_row + j];
        y[j] = s;
    }
}
#undef T
#undef NAME
#undef L
