/* blocks.c - factorisations and solves of a few large matrices, by halves of halves: what is left at the bottom is a work group's
 * (linalg.c), all else are products, of our tiles or the vendor's. With n the extent, halves end at multiples of LEAF rows (PANEL
 * columns of an LU), and at most n LEAF of n^3 operations are outside products. Matrices here are views of three axes: number, row, column. */
#include "gpu/internal.h"

enum { LEAF = 64, PANEL = 16, BLOCK_WORDS = 16 };

/* Copies: 0 elements; 1 rows, 2 columns; 3, 4 offsets; 5.. strides of each by number, row, column; 11 1: negative, 2: conjugate, 3: both.
 * Swaps: 0 columns of all matrices; 2 columns; 3, 4 offsets of x and of the pivots; 5.. strides of x; 8 of the pivots by number; 9 the row
 * they count from; 10 how many. Others as they say. */
static const char blocks_text[] =
    "KERNEL copies(GLOBAL const T *a, GLOBAL T *y, WORDS)\n"
    "{\n"
    "    for (word e = FIRST; e < W(0); e += STEP) {\n"
    "        word j = e % W(2), i = e / W(2) % W(1), number = e / (W(1) * W(2));\n"
    "        T value = a[W(3) + number * W(5) + i * W(6) + j * W(7)];\n"
    "        if (W(11) >= 2)\n"
    "            value = CONJ(value);\n"
    "        y[W(4) + number * W(8) + i * W(9) + j * W(10)] = W(11) % 2 != 0 ? SUB(ZERO, value) : value;\n"
    "    }\n"
    "}\n"
    "KERNEL swaps(GLOBAL T *x, GLOBAL const numc_e_int32 *pivots, WORDS)\n"
    "{\n"
    "    for (word e = FIRST; e < W(0); e += STEP) {\n"
    "        word number = e / W(2), column = W(3) + number * W(5) + e % W(2) * W(7);\n"
    "        for (word k = 0; k < W(10); k++) {\n"
    "            word other = pivots[W(4) + number * W(8) + k] - W(9);\n"
    "            if (other != k) {\n"
    "                T swap = x[column + k * W(6)];\n"
    "                x[column + k * W(6)] = x[column + other * W(6)];\n"
    "                x[column + other * W(6)] = swap;\n"
    "            }\n"
    "        }\n"
    "    }\n"
    "}\n"
    /* 0 matrices; 1 rows; 2 pivots of each; 4, 5 offsets and 6, 7 strides by number of the order and the sign; 8 of the order by row */
    "KERNEL order(GLOBAL const numc_e_int32 *pivots, GLOBAL numc_e_int32 *order, GLOBAL T *sign, WORDS)\n"
    "{\n"
    "    for (word number = FIRST; number < W(0); number += STEP) {\n"
    "        word o = W(4) + number * W(6), swaps = 0;\n"
    "        for (word i = 0; i < W(1); i++)\n"
    "            order[o + i * W(8)] = (numc_e_int32)i;\n"
    "        for (word k = 0; k < W(2); k++) {\n"
    "            word other = pivots[number * W(2) + k];\n"
    "            numc_e_int32 row = order[o + k * W(8)];\n"
    "            order[o + k * W(8)] = order[o + other * W(8)];\n"
    "            order[o + other * W(8)] = row;\n"
    "            swaps += other != k ? 1 : 0;\n"
    "        }\n"
    "        sign[W(5) + number * W(7)] = OF(swaps % 2 != 0 ? -1 : 1);\n"
    "    }\n"
    "}\n"
    "KERNEL identity(GLOBAL T *x, WORDS)\n"
    "{\n"
    "    for (word e = FIRST; e < W(0); e += STEP)\n"
    "        x[e] = e % W(2) == e / W(2) % W(1) ? OF(1) : ZERO;\n"
    "}\n"
    "KERNEL mirror(GLOBAL T *x, WORDS)\n"
    "{\n"
    "    for (word e = FIRST; e < W(0); e += STEP) {\n"
    "        word j = e % W(2), i = e / W(2) % W(1), at = W(4) + e / (W(1) * W(2)) * W(8);\n"
    "        if (j < i)\n"
    "            x[at + j * W(9) + i * W(10)] = x[at + i * W(9) + j * W(10)];\n"
    "    }\n"
    "}\n"
    /* a group for each matrix: 1 rows and 2 columns of x; 3, 4 offsets, 5.. strides of t and of x. A zero on t's diagonal: NaN in all of x */
    "KERNEL singular(GLOBAL const T *t, GLOBAL T *x, WORDS)\n"
    "{\n"
    "    SHARED int zero[1];\n"
    "    const int item = ITEM;\n"
    "    if (item == 0)\n"
    "        zero[0] = 0;\n"
    "    BARRIER();\n"
    "    for (word i = item; i < W(1); i += GROUP)\n"
    "        if (IS_ZERO(t[W(3) + NUMBER * W(5) + i * (W(6) + W(7))]))\n"
    "            zero[0] = 1;\n"
    "    BARRIER();\n"
    "    for (word e = item; zero[0] != 0 && e < W(1) * W(2); e += GROUP)\n"
    "        x[W(4) + NUMBER * W(8) + e / W(2) * W(9) + e % W(2) * W(10)] = OF(NOT_A_NUMBER);\n"
    "}\n";

/* ---- views ------------------------------------------------------------------------------------------------------------------ */

typedef struct matrix {
    numc_view view;
    int64_t shape[3], strides[3];
} matrix;

static const numc_view *of(matrix *m)
{
    m->view.rank = 3;
    m->view.shape = m->shape;
    m->view.strides = m->strides;
    return &m->view;
}

static matrix part(const matrix *m, int64_t row, int64_t rows, int64_t column, int64_t columns)
{
    matrix p = *m;
    p.view.offset += row * m->strides[1] + column * m->strides[2];
    p.shape[1] = rows;
    p.shape[2] = columns;
    return p;
}

static matrix turned(const matrix *m)
{
    matrix t = *m;
    t.shape[1] = m->shape[2];
    t.shape[2] = m->shape[1];
    t.strides[1] = m->strides[2];
    t.strides[2] = m->strides[1];
    return t;
}

/* About half of n > unit, a multiple of the unit. */
static int64_t half(int64_t n, int64_t unit)
{
    return ((n + unit - 1) / unit + 1) / 2 * unit;
}

static int64_t elements(const matrix *m)
{
    return m->shape[0] * m->shape[1] * m->shape[2];
}

/* Matrices in memory of the pool, by rows. */
static int32_t take(numc_device *device, uint32_t dtype, int64_t count, int64_t rows, int64_t columns, matrix *m)
{
    *m = (matrix){.view = {.dtype = dtype}, .shape = {count, rows, columns}, .strides = {rows * columns, columns, 1}};
    return numc_gpu_memory_allocate(device, (uint64_t)elements(m) * numc_gpu_size(dtype), &m->view.memory);
}

static void give(numc_device *device, const matrix *m)
{
    numc_gpu_memory_release(device, m->view.memory, (uint64_t)elements(m) * numc_gpu_size(m->view.dtype));
}

static int32_t run(numc_device *device, const char *name, const numc_view *const *views, uint32_t view_count, uint32_t dtype,
                   const int64_t *words, uint64_t groups)
{
    void *kernel;
    int32_t status = numc_gpu_factor_kernel(device, blocks_text, dtype, name, &kernel);
    return status != NUMC_OK ? status : numc_gpu_fixed_run(device, kernel, views, view_count, words, BLOCK_WORDS, groups, NUMC_GPU_GROUP);
}

/* Words 0 to 10 of two matrices of one shape (or, where of the first the diagonal is asked for, of as many rows). */
static void pair_words(const matrix *a, const matrix *y, int64_t *words)
{
    const int64_t pair[] = {elements(y), y->shape[1], y->shape[2], a->view.offset, y->view.offset, a->strides[0], a->strides[1],
                            a->strides[2], y->strides[0], y->strides[1], y->strides[2]};
    memcpy(words, pair, sizeof pair);
}

enum { NEGATIVE = 1, CONJUGATE = 2 };

static int32_t copied(numc_device *device, const matrix *from, const matrix *to, int64_t how)
{
    int64_t words[BLOCK_WORDS] = {[11] = how};
    matrix a = *from, y = *to;
    pair_words(&a, &y, words);
    return run(device, "copies", (const numc_view *[]){of(&a), of(&y)}, 2, y.view.dtype, words, numc_gpu_groups(device, words[0]));
}

/* c = a b, or c += a b */
static int32_t product(numc_device *device, const matrix *a, const matrix *b, const matrix *c, uint32_t accumulate)
{
    matrix left = *a, right = *b, sum = *c;
    const numc_matmul_options options = {.size = sizeof options, .accumulate = accumulate};
    return numc_gpu_matmul(device, of(&left), of(&right), of(&sum), &options);
}

/* c -= a b, by way of -b */
static int32_t subtract_product(numc_device *device, const matrix *a, const matrix *b, const matrix *c)
{
    matrix minus;
    if (elements(c) == 0)
        return NUMC_OK;
    int32_t status = take(device, b->view.dtype, b->shape[0], b->shape[1], b->shape[2], &minus);
    if (status != NUMC_OK)
        return status;
    status = copied(device, b, &minus, NEGATIVE);
    if (status == NUMC_OK)
        status = product(device, a, &minus, c, 1);
    give(device, &minus);
    return status;
}

/* ---- triangles ---------------------------------------------------------------------------------------------------------------- */

/* x = inv(t) x */
static int32_t solve(numc_device *device, const matrix *t, const matrix *x, uint32_t upper, uint32_t unit)
{
    const int64_t n = t->shape[1], columns = x->shape[2];
    if (n <= LEAF) {
        matrix leaf = *t, here = *x;
        return numc_gpu_triangular_solve(device, of(&leaf), of(&here), of(&here), upper, 0, unit);
    }
    const int64_t k = half(n, LEAF);
    const matrix corners[2] = {part(t, 0, k, 0, k), part(t, k, n - k, k, n - k)};
    const matrix halves[2] = {part(x, 0, k, 0, columns), part(x, k, n - k, 0, columns)};
    const matrix between = upper ? part(t, 0, k, k, n - k) : part(t, k, n - k, 0, k);
    const uint32_t first = upper ? 1 : 0;
    int32_t status = solve(device, &corners[first], &halves[first], upper, unit);
    if (status == NUMC_OK)
        status = subtract_product(device, &between, &halves[first], &halves[1 - first]);
    return status != NUMC_OK ? status : solve(device, &corners[1 - first], &halves[1 - first], upper, unit);
}

static int32_t judge_singular(numc_device *device, const matrix *t, const matrix *x)
{
    int64_t words[BLOCK_WORDS] = {0};
    matrix a = *t, y = *x;
    pair_words(&a, &y, words);
    return run(device, "singular", (const numc_view *[]){of(&a), of(&y)}, 2, y.view.dtype, words, (uint64_t)y.shape[0]);
}

static bool is_complex(const matrix *m)
{
    return m->view.dtype == NUMC_COMPLEX64 || m->view.dtype == NUMC_COMPLEX128;
}

/* inv(t*) b is the conjugate of inv(t') conj(b). */
static int32_t large_solve(numc_device *device, const matrix *t, const matrix *b, const matrix *x, uint32_t upper, uint32_t transpose,
                           uint32_t unit)
{
    const int64_t conjugate = transpose == 2 && is_complex(x) ? CONJUGATE : 0;
    const matrix op = transpose != 0 ? turned(t) : *t;
    int32_t status = copied(device, b, x, conjugate);
    if (status == NUMC_OK)
        status = solve(device, &op, x, transpose != 0 ? !upper : upper, unit);
    if (status == NUMC_OK && conjugate != 0)
        status = copied(device, x, x, conjugate);
    return status != NUMC_OK || unit ? status : judge_singular(device, t, x);
}

/* ---- symmetric matrices --------------------------------------------------------------------------------------------------------- */

/* The lower triangle of c += l m, and what lies above it in leaves of the diagonal. */
static int32_t add_square(numc_device *device, const matrix *l, const matrix *m, const matrix *c)
{
    const int64_t n = c->shape[1], inner = l->shape[2];
    if (n <= LEAF)
        return product(device, l, m, c, 1);
    const int64_t k = half(n, LEAF);
    const matrix l1 = part(l, 0, k, 0, inner), l2 = part(l, k, n - k, 0, inner), m1 = part(m, 0, inner, 0, k),
                 m2 = part(m, 0, inner, k, n - k), c11 = part(c, 0, k, 0, k), c21 = part(c, k, n - k, 0, k),
                 c22 = part(c, k, n - k, k, n - k);
    int32_t status = add_square(device, &l1, &m1, &c11);
    if (status == NUMC_OK)
        status = product(device, &l2, &m1, &c21, 1);
    return status != NUMC_OK ? status : add_square(device, &l2, &m2, &c22);
}

/* In place, the lower triangle: conj(l21)' = inv(l11) conj(a21)', then a22 -= l21 l21*. A leaf that is not positive definite is NaN,
 * and with it all that follows. */
static int32_t factor(numc_device *device, const matrix *l)
{
    const int64_t n = l->shape[1];
    if (n <= LEAF) {
        matrix leaf = *l;
        return numc_gpu_cholesky(device, of(&leaf), of(&leaf));
    }
    const int64_t k = half(n, LEAF), how = is_complex(l) ? CONJUGATE : 0;
    const matrix l11 = part(l, 0, k, 0, k), l21 = part(l, k, n - k, 0, k), l22 = part(l, k, n - k, k, n - k), across = turned(&l21);
    matrix minus;
    int32_t status = factor(device, &l11);
    if (status == NUMC_OK && how != 0)
        status = copied(device, &l21, &l21, how);
    if (status == NUMC_OK)
        status = solve(device, &l11, &across, 0, 0);
    if (status == NUMC_OK && how != 0)
        status = copied(device, &l21, &l21, how);
    if (status == NUMC_OK)
        status = take(device, l->view.dtype, l->shape[0], n - k, k, &minus);
    if (status != NUMC_OK)
        return status;
    const matrix minus_across = turned(&minus);
    status = copied(device, &l21, &minus, how | NEGATIVE);
    if (status == NUMC_OK)
        status = add_square(device, &l21, &minus_across, &l22);
    give(device, &minus);
    return status != NUMC_OK ? status : factor(device, &l22);
}

/* x = inv(l) where x is the identity: x21 = -x22 (l21 x11). */
static int32_t invert(numc_device *device, const matrix *l, const matrix *x)
{
    const int64_t n = l->shape[1];
    if (n <= LEAF)
        return solve(device, l, x, 0, 0);
    const int64_t k = half(n, LEAF);
    const matrix l11 = part(l, 0, k, 0, k), l21 = part(l, k, n - k, 0, k), l22 = part(l, k, n - k, k, n - k),
                 x11 = part(x, 0, k, 0, k), x21 = part(x, k, n - k, 0, k), x22 = part(x, k, n - k, k, n - k);
    matrix between;
    int32_t status = invert(device, &l11, &x11);
    if (status == NUMC_OK)
        status = invert(device, &l22, &x22);
    if (status == NUMC_OK)
        status = take(device, x->view.dtype, x->shape[0], n - k, k, &between);
    if (status != NUMC_OK)
        return status;
    status = product(device, &l21, &x11, &between, 0);
    if (status == NUMC_OK)
        status = copied(device, &between, &between, NEGATIVE);
    if (status == NUMC_OK)
        status = product(device, &x22, &between, &x21, 0);
    give(device, &between);
    return status;
}

/* The lower triangle of w = x' x, x lower: w11 = x11' x11 + x21' x21, w21 = x22' x21, w22 = x22' x22. */
static int32_t square(numc_device *device, const matrix *x, const matrix *w)
{
    const int64_t n = x->shape[1];
    if (n <= LEAF) {
        const matrix across = turned(x);
        return product(device, &across, x, w, 0);
    }
    const int64_t k = half(n, LEAF);
    const matrix x11 = part(x, 0, k, 0, k), x21 = part(x, k, n - k, 0, k), x22 = part(x, k, n - k, k, n - k),
                 w11 = part(w, 0, k, 0, k), w21 = part(w, k, n - k, 0, k), w22 = part(w, k, n - k, k, n - k), across21 = turned(&x21),
                 across22 = turned(&x22);
    int32_t status = square(device, &x11, &w11);
    if (status == NUMC_OK)
        status = add_square(device, &across21, &x21, &w11);
    if (status == NUMC_OK)
        status = product(device, &across22, &x21, &w21, 0);
    return status != NUMC_OK ? status : square(device, &x22, &w22);
}

static int32_t large_inverse(numc_device *device, const matrix *l, const matrix *w)
{
    int64_t words[BLOCK_WORDS] = {0};
    matrix x, whole = *w;
    int32_t status = take(device, l->view.dtype, l->shape[0], l->shape[1], l->shape[1], &x);
    if (status != NUMC_OK)
        return status;
    pair_words(&x, &whole, words);
    status = run(device, "identity", (const numc_view *[]){of(&x)}, 1, l->view.dtype, words, numc_gpu_groups(device, words[0]));
    if (status == NUMC_OK)
        status = invert(device, l, &x);
    if (status == NUMC_OK)
        status = square(device, &x, w);
    if (status == NUMC_OK)
        status = run(device, "mirror", (const numc_view *[]){of(&whole)}, 1, l->view.dtype, words, numc_gpu_groups(device, words[0]));
    give(device, &x);
    return status != NUMC_OK ? status : judge_singular(device, l, w);
}

/* ---- LU ------------------------------------------------------------------------------------------------------------------------- */

static int32_t swap_rows(numc_device *device, const matrix *x, const matrix *pivots, int64_t from, int64_t count, int64_t top)
{
    matrix y = *x, p = *pivots;
    const int64_t columns = y.shape[0] * y.shape[2];
    const int64_t words[BLOCK_WORDS] = {columns, y.shape[1], y.shape[2], y.view.offset, p.view.offset + from, y.strides[0], y.strides[1],
                                        y.strides[2], p.strides[0], top, count};
    return run(device, "swaps", (const numc_view *[]){of(&y), of(&p)}, 2, y.view.dtype, words, numc_gpu_groups(device, columns));
}

/* In place. `top`: the row of the whole matrix that is row 0 here, and the column; pivots count rows of the whole matrix. */
static int32_t decompose(numc_device *device, const matrix *a, const matrix *pivots, int64_t top)
{
    const int64_t rows = a->shape[1], columns = a->shape[2];
    if (columns <= PANEL) {
        matrix panel = *a, p = *pivots;
        p.view.offset += top;
        return numc_gpu_lu_panel(device, of(&panel), of(&p), top);
    }
    const int64_t k = columns > rows ? rows : half(columns, PANEL);
    const matrix left = part(a, 0, rows, 0, k), right = part(a, 0, rows, k, columns - k), l11 = part(a, 0, k, 0, k),
                 l21 = part(a, k, rows - k, 0, k), u12 = part(a, 0, k, k, columns - k), rest = part(a, k, rows - k, k, columns - k);
    int32_t status = decompose(device, &left, pivots, top);
    if (status == NUMC_OK)
        status = swap_rows(device, &right, pivots, top, k, top);
    if (status == NUMC_OK)
        status = solve(device, &l11, &u12, 0, 1);
    if (status != NUMC_OK || rows == k)
        return status;
    status = subtract_product(device, &l21, &u12, &rest);
    if (status == NUMC_OK)
        status = decompose(device, &rest, pivots, top + k);
    const int64_t more = columns - k < rows - k ? columns - k : rows - k;
    return status != NUMC_OK ? status : swap_rows(device, &l21, pivots, top + k, more, top + k);
}

static int32_t large_lu(numc_device *device, const matrix *a, const matrix *packed, const numc_view *order, const numc_view *sign,
                        const int64_t *words)
{
    const int64_t count = a->shape[0], rows = a->shape[1], columns = a->shape[2], steps = rows < columns ? rows : columns;
    matrix pivots;
    int32_t status = take(device, NUMC_INT32, count, 1, steps, &pivots);
    if (status != NUMC_OK)
        return status;
    const int64_t ends[BLOCK_WORDS] = {count, rows, steps, 0, order->offset, sign->offset, words[27], words[30], words[11]};
    status = copied(device, a, packed, 0);
    if (status == NUMC_OK)
        status = decompose(device, packed, &pivots, 0);
    if (status == NUMC_OK)
        status = run(device, "order", (const numc_view *[]){of(&pivots), order, sign}, 3, packed->view.dtype, ends,
                     numc_gpu_groups(device, count));
    give(device, &pivots);
    return status;
}

/* ---- what linalg.c asks ------------------------------------------------------------------------------------------------------------ */

enum { LARGE = 256, FEW = 64 };

bool numc_gpu_large(const int64_t *words, int64_t least)
{
    return words[0] > 0 && words[0] <= FEW && least >= LARGE && words[16] == 1 && words[17] == 1;
}

/* View v of those that the words were made of. */
static matrix whole(const numc_view *const *views, const int64_t *words, int v)
{
    const numc_view *view = views[v];
    const int32_t batch = view->rank - 2;
    return (matrix){.view = *view,
                    .shape = {words[0], view->shape[batch], view->shape[batch + 1]},
                    .strides = {words[21 + 3 * v], view->strides[batch], view->strides[batch + 1]}};
}

int32_t numc_gpu_large_triangular(numc_device *device, const numc_view *const *views, const int64_t *words)
{
    const matrix t = whole(views, words, 0), b = whole(views, words, 1), x = whole(views, words, 2);
    return large_solve(device, &t, &b, &x, words[13] != 0, (uint32_t)words[14], words[15] != 0);
}

int32_t numc_gpu_large_cholesky(numc_device *device, const numc_view *const *views, const int64_t *words)
{
    const matrix l = whole(views, words, 1);
    return factor(device, &l);
}

int32_t numc_gpu_large_inverse(numc_device *device, const numc_view *const *views, const int64_t *words)
{
    const matrix l = whole(views, words, 0), w = whole(views, words, 1);
    return large_inverse(device, &l, &w);
}

int32_t numc_gpu_large_lu(numc_device *device, const numc_view *const *views, const int64_t *words)
{
    const matrix a = whole(views, words, 0), packed = whole(views, words, 1);
    return large_lu(device, &a, &packed, views[2], views[3], words);
}
