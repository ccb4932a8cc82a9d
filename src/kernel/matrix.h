/* matrix.h - products, triangular solves and factorisations of small matrices at one real dtype. Included once for each, with T, V (a
 * vector of LANES values of T, a divisor of 8), NAME(x), SQUARE_ROOT(x) and ABSOLUTE(x) defined, and INLINE and, before loops, UNROLL (of
 * constant length, to be written out), ROLL (short: not worth vectors) and INDEPENDENT. The cpu backend includes it, and programs in
 * native code hold it as text: there sizes and strides are constants of each call, CONSTANT_SIZES is defined, and the compiler gets
 * no more than it keeps.
 *
 * Strides count elements. Each element is a sum in one order, and each operation rounds: the bits are those of the textbook's loops,
 * whatever the vectors and the order of the loops. */
#include "vector.h"

enum { NAME(MOST) = 32, NAME(WIDE) = NAME(MOST) + 8 }; /* rows, columns; of a row in work memory, whole vectors */

/* `rows` (to 4) rows by `vectors` (to 3) vectors of a solution that `before` rows are known of: what is given less products with those,
 * then with each other, in place. Row r lies at y[r step], of unit column step, the ones before it at negative r; element (r, k) of the
 * triangle at t[r t_step + k t_column], that with k = r being the pivot. */
INLINE void NAME(small_rows)(int vectors, int rows, int64_t before, const T *t, int64_t t_step, int64_t t_column, T *y,
                             int64_t step, int unit)
{
    V s[4][3];
    UNROLL
    for (int r = 0; r < rows; ++r) {
        UNROLL
        for (int v = 0; v < vectors; ++v)
            s[r][v] = NAME(load)(y + r * step + v * LANES);
    }
    ROLL
    for (int64_t m = -before; m < 0; ++m) {
        V known[3];
        UNROLL
        for (int v = 0; v < vectors; ++v)
            known[v] = NAME(load)(y + m * step + v * LANES);
        UNROLL
        for (int r = 0; r < rows; ++r) {
            const V factor = NAME(spread)(t[r * t_step + m * t_column]);
            UNROLL
            for (int v = 0; v < vectors; ++v)
                s[r][v] -= factor * known[v];
        }
    }
    UNROLL
    for (int r = 0; r < rows; ++r) {
        const V pivot = NAME(spread)(t[r * (t_step + t_column)]);
        UNROLL
        for (int v = 0; v < vectors; ++v) {
            s[r][v] = unit ? s[r][v] : s[r][v] / pivot;
            NAME(store)(y + r * step + v * LANES, s[r][v]);
        }
        UNROLL
        for (int q = r + 1; q < rows; ++q) {
            const V factor = NAME(spread)(t[q * t_step + r * t_column]);
            UNROLL
            for (int v = 0; v < vectors; ++v)
                s[q][v] -= factor * s[r][v];
        }
    }
}

/* A number to 3 that has to be a constant where it is passed on. */
#ifdef CONSTANT_SIZES
#define EITHER(number, function, ...) function(number, __VA_ARGS__)
#else
#define EITHER(number, function, ...)                                                              \
    switch (number) {                                                                              \
    case 1: function(1, __VA_ARGS__); break;                                                       \
    case 2: function(2, __VA_ARGS__); break;                                                       \
    default: function(3, __VA_ARGS__); break;                                                      \
    }
#endif

/* The same for any number of vectors. */
INLINE void NAME(small_block)(int rows, int64_t vectors, int64_t before, const T *t, int64_t t_step, int64_t t_column, T *y,
                              int64_t step, int unit)
{
    const int rest = (int)(vectors % 3);
    ROLL
    for (int64_t v = rest; v < vectors; v += 3)
        NAME(small_rows)(3, rows, before, t, t_step, t_column, y + v * LANES, step, unit);
    if (rest != 0)
        EITHER(rest, NAME(small_rows), rows, before, t, t_step, t_column, y, step, unit);
}

/* l' of the first `rows` (to 4) rows and columns of a square in place, upper triangle: what is given less products of the `before` rows
 * above it, then number by number, since that is what everything waits for. False where a pivot is not positive and finite. */
INLINE int NAME(small_square)(int rows, int64_t before, T *square)
{
    enum { WIDE = NAME(WIDE) };
    T *const second = square + WIDE, *const third = second + WIDE, *const fourth = third + WIDE;
    T d00 = square[0], d01 = square[1], d02 = square[2], d03 = square[3], d11 = second[1], d12 = second[2], d13 = second[3],
      d22 = third[2], d23 = third[3], d33 = fourth[3];
    ROLL
    for (int64_t m = -before; m < 0; ++m) {
        const T *const row = square + m * WIDE;
        const T a = row[0], b = row[1], c = row[2], d = row[3];
        d00 -= a * a, d01 -= a * b, d02 -= a * c, d03 -= a * d;
        d11 -= b * b, d12 -= b * c, d13 -= b * d;
        d22 -= c * c, d23 -= c * d;
        d33 -= d * d;
    }
    int good = d00 > 0 && d00 - d00 == 0;
    square[0] = d00 = SQUARE_ROOT(d00);
    if (rows < 2)
        return good;
    square[1] = d01 /= d00, square[2] = d02 /= d00, square[3] = d03 /= d00;
    d11 -= d01 * d01, d12 -= d01 * d02, d13 -= d01 * d03;
    d22 -= d02 * d02, d23 -= d02 * d03;
    d33 -= d03 * d03;
    good &= d11 > 0 && d11 - d11 == 0;
    second[1] = d11 = SQUARE_ROOT(d11);
    if (rows < 3)
        return good;
    second[2] = d12 /= d11, second[3] = d13 /= d11;
    d22 -= d12 * d12, d23 -= d12 * d13;
    d33 -= d13 * d13;
    good &= d22 > 0 && d22 - d22 == 0;
    third[2] = d22 = SQUARE_ROOT(d22);
    if (rows < 4)
        return good;
    third[3] = d23 /= d22;
    d33 -= d23 * d23;
    good &= d33 > 0 && d33 - d33 == 0;
    fourth[3] = SQUARE_ROOT(d33);
    return good;
}

/* a = l l' for n <= MOST, from the lower triangle of a: l_ij = (a_ij - l_i0 l_j0 - l_i1 l_j1 ..) / l_jj. Rows of l have unit column step;
 * above the diagonal are zeros. A pivot that is not positive and finite: NaN in the lower triangle. Four rows of l' at a time: their
 * square, and then the rest by vectors. */
INLINE void NAME(small_cholesky)(int64_t n, const T *a, int64_t a_row, int64_t a_column, T *l, int64_t l_row)
{
    enum { WIDE = NAME(WIDE) };
    T u[NAME(MOST) * WIDE];
    const int64_t whole = (n + 3) / 4 * 4;
    int good = 1;
    ROLL
    for (int64_t i = 0; i < n; ++i) {
        ROLL
        for (int64_t j = 0; j <= i; ++j)
            u[j * WIDE + i] = a[i * a_row + j * a_column];
    }
    ROLL
    for (int64_t i = 0; i < whole; ++i)
        memset(u + i * WIDE + n, 0, (WIDE - NAME(MOST)) * sizeof(T));
    ROLL
    for (int64_t first = 0; first < n; first += 4) {
        T *const square = u + first * (WIDE + 1);
        const int64_t vectors = (n - first - 4 + LANES - 1) / LANES;
        int64_t v = 0;
        good &= NAME(small_square)((int)(n - first < 4 ? n - first : 4), first, square);
        if (n - 4 >= 3 * LANES) { /* known where n is constant: the first is then not compiled for narrow ones */
            ROLL
            for (; v + 3 <= vectors; v += 3)
                NAME(small_rows)(3, 4, first, square, 1, WIDE, square + 4 + v * LANES, WIDE, 0);
        }
        ROLL
        for (; v < vectors; ++v)
            NAME(small_rows)(1, 4, first, square, 1, WIDE, square + 4 + v * LANES, WIDE, 0);
    }
    ROLL
    for (int64_t i = 0; i < n; ++i) {
        ROLL
        for (int64_t j = 0; j <= i; ++j)
            l[i * l_row + j] = good ? u[j * WIDE + i] : (T)NAN;
        ROLL
        for (int64_t j = i + 1; j < n; ++j)
            l[i * l_row + j] = 0;
    }
}

/* x = inv(t) b for n, columns <= MOST, element (i, k) of the triangle being t[i t_row + k t_column]: forwards, upwards for an upper
 * triangle. x_i = (b_i - t_ik x_k - ..) / t_ii, the x_k in the order in which they become known. Rows of x have unit column step. A zero
 * on the diagonal: all of x is NaN. */
INLINE void NAME(small_triangular)(int64_t n, int64_t columns, const T *t, int64_t t_row, int64_t t_column, const T *b, int64_t b_row,
                                   int64_t b_column, T *x, int64_t x_row, int upwards, int unit)
{
    enum { WIDE = NAME(WIDE) };
    T y[NAME(MOST) * WIDE];
    int singular = 0;
    ROLL
    for (int64_t i = 0; i < n && !unit; ++i)
        singular |= t[i * (t_row + t_column)] == 0;
    if (upwards) { /* from the last row on */
        t += (n - 1) * (t_row + t_column);
        b += (n - 1) * b_row;
        x += (n - 1) * x_row;
        t_row = -t_row;
        t_column = -t_column;
        b_row = -b_row;
        x_row = -x_row;
    }
    if (columns == 1) {
        ROLL
        for (int64_t i = 0; i < n; ++i)
            y[i] = b[i * b_row];
        ROLL
        for (int64_t k = 0; k < n; ++k) {
            const T known = y[k] = unit ? y[k] : y[k] / t[k * (t_row + t_column)];
            const T *const along = t + k * t_column;
            INDEPENDENT
            for (int64_t i = k + 1; i < n; ++i)
                y[i] -= along[i * t_row] * known;
        }
        ROLL
        for (int64_t i = 0; i < n; ++i)
            x[i * x_row] = singular ? (T)NAN : y[i];
        return;
    }
    ROLL
    for (int64_t i = 0; i < n; ++i) {
        ROLL
        for (int64_t j = 0; j < columns; ++j)
            y[i * WIDE + j] = b[i * b_row + j * b_column];
        memset(y + i * WIDE + columns, 0, (WIDE - NAME(MOST)) * sizeof(T));
    }
    const int64_t vectors = (columns + LANES - 1) / LANES;
    int64_t i = 0;
    ROLL
    for (; i + 4 <= n; i += 4)
        NAME(small_block)(4, vectors, i, t + i * (t_row + t_column), t_row, t_column, y + i * WIDE, WIDE, unit);
    if (i < n)
        EITHER((int)(n - i), NAME(small_block), vectors, i, t + i * (t_row + t_column), t_row, t_column, y + i * WIDE, WIDE, unit);
    ROLL
    for (int64_t k = 0; k < n; ++k) {
        ROLL
        for (int64_t j = 0; j < columns; ++j)
            x[k * x_row + j] = singular ? (T)NAN : y[k * WIDE + j];
    }
}
/* `rows` (4 or 1) rows by `vectors` (to 3) vectors of a product; at: the columns where these begin. */
INLINE void NAME(small_tile)(int rows, int vectors, const int64_t *at, int64_t inner, const T *a, int64_t a_row, int64_t a_column,
                             const T *b, int64_t b_row, T *c, int64_t c_row)
{
    V s[4][3];
    UNROLL
    for (int r = 0; r < rows; ++r) {
        UNROLL
        for (int v = 0; v < vectors; ++v)
            s[r][v] = (V){0};
    }
    ROLL
    for (int64_t k = 0; k < inner; ++k) {
        UNROLL
        for (int r = 0; r < rows; ++r) {
            const V factor = NAME(spread)(a[r * a_row + k * a_column]);
            UNROLL
            for (int v = 0; v < vectors; ++v)
                s[r][v] += factor * NAME(load)(b + k * b_row + at[v]);
        }
    }
    UNROLL
    for (int r = 0; r < rows; ++r) {
        UNROLL
        for (int v = 0; v < vectors; ++v)
            NAME(store)(c + r * c_row + at[v], s[r][v]);
    }
}

INLINE void NAME(small_strip)(int vectors, int64_t first, int64_t columns, int64_t rows, int64_t inner, const T *a, int64_t a_row,
                              int64_t a_column, const T *b, int64_t b_row, T *c, int64_t c_row)
{
    int64_t at[3], i = 0;
    UNROLL
    for (int v = 0; v < 3; ++v) /* the last columns again: the same sums */
        at[v] = (first + v + 1) * LANES <= columns ? (first + v) * LANES : columns - LANES;
    ROLL
    for (; i + 4 <= rows; i += 4)
        NAME(small_tile)(4, vectors, at, inner, a + i * a_row, a_row, a_column, b, b_row, c + i * c_row, c_row);
    ROLL
    for (; i < rows; ++i)
        NAME(small_tile)(1, vectors, at, inner, a + i * a_row, a_row, a_column, b, b_row, c + i * c_row, c_row);
}

/* c = a b for sizes <= MOST, c_ij = 0 + a_i0 b_0j + a_i1 b_1j ..; rows of c have unit column step. */
INLINE void NAME(small_product)(int64_t rows, int64_t inner, int64_t columns, const T *a, int64_t a_row, int64_t a_column, const T *b,
                                int64_t b_row, int64_t b_column, T *c, int64_t c_row)
{
    T turned[NAME(MOST) * NAME(MOST)], narrow[NAME(MOST) * LANES];
    const int64_t wide = columns < LANES ? LANES : columns;
    if (b_column != 1 || columns < LANES) {
        ROLL
        for (int64_t k = 0; k < inner; ++k) {
            ROLL
            for (int64_t j = 0; j < wide; ++j)
                turned[k * wide + j] = j < columns ? b[k * b_row + j * b_column] : 0;
        }
        b = turned;
        b_row = wide;
    }
    T *const to = columns < LANES ? narrow : c;
    const int64_t to_row = columns < LANES ? LANES : c_row, vectors = (wide + LANES - 1) / LANES;
    const int rest = (int)(vectors % 3);
    ROLL
    for (int64_t v = 0; v + 3 <= vectors; v += 3)
        NAME(small_strip)(3, v, wide, rows, inner, a, a_row, a_column, b, b_row, to, to_row);
    if (rest != 0)
        EITHER(rest, NAME(small_strip), vectors - rest, wide, rows, inner, a, a_row, a_column, b, b_row, to, to_row);
    ROLL
    for (int64_t i = 0; i < rows && columns < LANES; ++i) {
        ROLL
        for (int64_t j = 0; j < columns; ++j)
            c[i * c_row + j] = narrow[i * LANES + j];
    }
}

/* P a = l u in place, rows of unit column step, by partial pivoting: the first largest of a column; order[i]: row of a that became row i.
 * A column of zeros is left. The permutation's sign. */
INLINE int NAME(factor)(int64_t rows, int64_t columns, T *m, int64_t m_row, int32_t *order, int64_t order_step)
{
    int sign = 1;
    for (int64_t i = 0; i < rows; ++i)
        order[i * order_step] = (int32_t)i;
    for (int64_t k = 0; k < rows && k < columns; ++k) {
        int64_t pivot = k;
        ROLL
        for (int64_t i = k + 1; i < rows; ++i)
            if (ABSOLUTE(m[i * m_row + k]) > ABSOLUTE(m[pivot * m_row + k]))
                pivot = i;
        T *const top = m + k * m_row;
        if (pivot != k) {
            T *const other = m + pivot * m_row;
            const int32_t number = order[k * order_step];
            order[k * order_step] = order[pivot * order_step];
            order[pivot * order_step] = number;
            sign = -sign;
            INDEPENDENT
            for (int64_t j = 0; j < columns; ++j) {
                const T swap = top[j];
                top[j] = other[j];
                other[j] = swap;
            }
        }
        if (top[k] == 0)
            continue;
        for (int64_t i = k + 1; i < rows; ++i) {
            T *const row = m + i * m_row;
            const T factor = row[k] / top[k];
            row[k] = factor;
            INDEPENDENT
            for (int64_t j = k + 1; j < columns; ++j)
                row[j] -= factor * top[j];
        }
    }
    return sign;
}
/* What the inverse of l l' begins with, l's lower triangle: x has the reciprocals of its diagonal, -l below, zeros above. False where
 * the diagonal has a zero or NaN. */
INLINE int NAME(begin_inverse)(int64_t n, const T *l, int64_t l_row, int64_t l_column, T *x, int64_t x_row)
{
    int good = 1;
    for (int64_t i = 0; i < n; ++i) {
        T *const row = x + i * x_row;
        const T *const from = l + i * l_row;
        if (l_column == 1) {
            INDEPENDENT
            for (int64_t j = 0; j < i; ++j)
                row[j] = -from[j];
        } else {
            for (int64_t j = 0; j < i; ++j)
                row[j] = -from[j * l_column];
        }
        const T pivot = from[i * l_column];
        good = good && (pivot < 0 || pivot > 0);
        row[i] = 1 / pivot;
        memset(row + i + 1, 0, (size_t)(n - i - 1) * sizeof *row);
    }
    return good;
}

/* x = inv(l) of a block begun as above, in place: row i is 1 / l_ii of itself and -l_ik times each row k < i. */
INLINE void NAME(inverse_triangle)(int64_t n, T *x, int64_t x_row)
{
    for (int64_t i = 0; i < n; ++i) {
        T *const row = x + i * x_row;
        for (int64_t k = 0; k < i; ++k) {
            const T factor = row[k];
            const T *const other = x + k * x_row;
            row[k] = factor * other[k];
            INDEPENDENT
            for (int64_t j = 0; j < k; ++j)
                row[j] += factor * other[j];
        }
        INDEPENDENT
        for (int64_t j = 0; j < i; ++j)
            row[j] *= row[i];
    }
}

/* The lower triangle of x' x, x lower triangular, in place: row i needs the rows from i on, which are still there. */
INLINE void NAME(inverse_gram)(int64_t n, T *x, int64_t x_row)
{
    for (int64_t i = 0; i < n; ++i) {
        T *const row = x + i * x_row;
        const T pivot = row[i];
        INDEPENDENT
        for (int64_t j = 0; j <= i; ++j)
            row[j] *= pivot;
        for (int64_t k = i + 1; k < n; ++k) {
            const T *const other = x + k * x_row;
            const T factor = other[i];
            INDEPENDENT
            for (int64_t j = 0; j <= i; ++j)
                row[j] += factor * other[j];
        }
    }
}

/* w = inv(l l') for n <= MOST, both triangles; NaN where the diagonal of l has a zero or NaN. */
INLINE void NAME(small_inverse)(int64_t n, const T *l, int64_t l_row, int64_t l_column, T *w, int64_t w_row)
{
    const int good = NAME(begin_inverse)(n, l, l_row, l_column, w, w_row);
    if (good) {
        NAME(inverse_triangle)(n, w, w_row);
        NAME(inverse_gram)(n, w, w_row);
    }
    ROLL
    for (int64_t i = 0; i < n; ++i) {
        ROLL
        for (int64_t j = 0; j <= i; ++j)
            w[i * w_row + j] = w[j * w_row + i] = good ? w[i * w_row + j] : (T)NAN;
    }
}
#undef EITHER
