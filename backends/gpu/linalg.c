/* linalg.c - factorisations and solves: of small matrices a work group for each (of a solve, for 16 of its columns), in device memory; a
 * few large ones by blocks (blocks.c), or by the vendor's Cholesky where the runtime has one. Conditions and outcomes as numc/backend.h
 * has them. */
#include <stdio.h>

#include "gpu/internal.h"

/* Words common to all: 0 matrices; 1 rows, 2 columns; 3.. offsets, 7.. strides of each view by row and column; batch axes from 16. */
static const char cholesky_text[] = NUMC_GPU_SPLIT_TEXT
    /* right-looking: column j is finished, then taken from what lies to its right */
    "KERNEL cholesky(GLOBAL const T *a, GLOBAL T *l, WORDS)\n"
    "{\n"
    "    const int item = ITEM;\n"
    "    word n = W(1), x = W(3), y = W(4), bad = 0;\n"
    "    { SPLIT(NUMBER, 16); x += PLACE(16, 0); y += PLACE(16, 1); }\n"
    "#define L(i, j) l[y + (i) * W(9) + (j) * W(10)]\n"
    "    for (word e = item; e < n * n; e += GROUP) {\n"
    "        word i = e / n, j = e - i * n;\n"
    "        T value = i < j ? ZERO : a[x + i * W(7) + j * W(8)];\n"
    "        L(i, j) = i == j ? OF(RE(value)) : value;\n"
    "    }\n"
    "    BARRIER();\n"
    "    for (word j = 0; j < n; j++) {\n"
    "        R square = RE(L(j, j)), root;\n"
    "        if (!(square > 0 && square <= LARGEST)) {\n"
    "            bad = 1;\n"
    "            square = 1;\n"
    "        }\n"
    "        root = sqrt(square);\n"
    "        BARRIER();\n"
    "        for (word i = j + item; i < n; i += GROUP)\n"
    "            L(i, j) = i == j ? OF(root) : DIV(L(i, j), OF(root));\n"
    "        BARRIER();\n"
    "        word left = n - j - 1;\n"
    "        for (word e = item; e < left * left; e += GROUP) {\n"
    "            word i = j + 1 + e / left, k = j + 1 + e % left;\n"
    "            if (k <= i)\n"
    "                L(i, k) = SUB(L(i, k), MUL(L(i, j), CONJ(L(k, j))));\n"
    "        }\n"
    "        BARRIER();\n"
    "    }\n"
    "    for (word e = item; bad != 0 && e < n * n; e += GROUP) {\n"
    "        word i = e / n, j = e - i * n;\n"
    "        if (j <= i)\n"
    "            L(i, j) = OF(NOT_A_NUMBER);\n"
    "    }\n"
    "}\n";

/* x = inv(l) column by column in the lower triangle of w, its rows divided as they are done; then w = x' x, row by row as x's rows
 * are used up: into the upper triangle, but for the diagonal. */
static const char inverse_text[] = NUMC_GPU_SPLIT_TEXT
    "KERNEL inverse(GLOBAL const T *l, GLOBAL T *w, WORDS)\n"
    "{\n"
    "    SHARED int singular[1];\n"
    "    const int item = ITEM;\n"
    "    word n = W(1), x = W(3), y = W(4);\n"
    "    { SPLIT(NUMBER, 16); x += PLACE(16, 0); y += PLACE(16, 1); }\n"
    "#define F(i, j) l[x + (i) * W(7) + (j) * W(8)]\n"
    "#define Y(i, j) w[y + (i) * W(9) + (j) * W(10)]\n"
    "    if (item == 0)\n"
    "        singular[0] = 0;\n"
    "    BARRIER();\n"
    "    for (word i = item; i < n; i += GROUP)\n"
    "        if (!(RE(F(i, i)) < 0 || RE(F(i, i)) > 0))\n"
    "            singular[0] = 1;\n"
    "    for (word j = item; j < n; j += GROUP)\n"
    "        for (word i = j; i < n; i++) {\n"
    "            T sum = i == j ? OF(1) : ZERO;\n"
    "            for (word k = j; k < i; k++)\n"
    "                sum = SUB(sum, MUL(F(i, k), Y(k, j)));\n"
    "            Y(i, j) = DIV(sum, F(i, i));\n"
    "        }\n"
    "    BARRIER();\n"
    "    for (word i = 0; i < n; i++) {\n"
    "        for (word j = item; j < i; j += GROUP) {\n"
    "            T sum = ZERO;\n"
    "            for (word k = i; k < n; k++)\n"
    "                sum = SUB(sum, MUL(Y(k, i), Y(k, j)));\n"
    "            Y(j, i) = SUB(ZERO, sum);\n"
    "        }\n"
    "        BARRIER();\n"
    "        if (item == 0) {\n"
    "            T sum = ZERO;\n"
    "            for (word k = i; k < n; k++)\n"
    "                sum = SUB(sum, MUL(Y(k, i), Y(k, i)));\n"
    "            Y(i, i) = SUB(ZERO, sum);\n"
    "        }\n"
    "        BARRIER();\n"
    "    }\n"
    "    for (word e = item; e < n * n; e += GROUP) {\n"
    "        word i = e / n, j = e - i * n;\n"
    "        if (singular[0] != 0)\n"
    "            Y(i, j) = OF(NOT_A_NUMBER);\n"
    "        else if (j < i)\n"
    "            Y(i, j) = Y(j, i);\n"
    "    }\n"
    "}\n";

/* Around a large factorisation in place: the lower triangle is copied, and is NaN where that failed or left something else than
 * positive numbers on the diagonal, a group for each matrix. */
static const char around_text[] = NUMC_GPU_SPLIT_TEXT
    "KERNEL lower(GLOBAL const T *a, GLOBAL T *l, GLOBAL numc_e_int32 *info, WORDS)\n"
    "{\n"
    "    const word n = W(1);\n"
    "    for (word e = FIRST; e < W(0); e += STEP)\n"
    "        info[e] = 0;\n"
    "    for (word e = FIRST; e < W(0) * n * n; e += STEP) {\n"
    "        word number = e / (n * n), i = e / n % n, j = e % n;\n"
    "        SPLIT(number, 16);\n"
    "        T value = i < j ? ZERO : a[W(3) + PLACE(16, 0) + i * W(7) + j * W(8)];\n"
    "        l[W(4) + PLACE(16, 1) + i * W(9) + j * W(10)] = i == j ? OF(RE(value)) : value;\n"
    "    }\n"
    "}\n"
    "KERNEL judge(GLOBAL T *l, GLOBAL const numc_e_int32 *info, WORDS)\n"
    "{\n"
    "    SHARED int bad[1];\n"
    "    const int item = ITEM;\n"
    "    word n = W(1), y = W(4);\n"
    "    { SPLIT(NUMBER, 16); y += PLACE(16, 1); }\n"
    "    if (item == 0)\n"
    "        bad[0] = info[NUMBER] != 0;\n"
    "    BARRIER();\n"
    "    for (word i = item; i < n; i += GROUP) {\n"
    "        R root = RE(l[y + i * (W(9) + W(10))]);\n"
    "        if (!(root > 0 && root <= LARGEST))\n"
    "            bad[0] = 1;\n"
    "    }\n"
    "    BARRIER();\n"
    "    for (word e = item; bad[0] != 0 && e < n * n; e += GROUP)\n"
    "        if (e % n <= e / n)\n"
    "            l[y + e / n * W(9) + e % n * W(10)] = OF(NOT_A_NUMBER);\n"
    "}\n";

/* 13 upper, 14 transpose, 15 unit; 2 columns of x; 28 blocks of columns. x holds the right side less what is known so far. */
static const char triangular_text[] = NUMC_GPU_SPLIT_TEXT
    "KERNEL triangular(GLOBAL const T *t, GLOBAL const T *b, GLOBAL T *x, WORDS)\n"
    "{\n"
    "    SHARED int singular[1];\n"
    "    const int item = ITEM;\n"
    "    word n = W(1), number = NUMBER / W(28), column = (NUMBER - number * W(28)) * 16, p = W(3), q = W(4), r = W(5);\n"
    "    word width = W(2) - column < 16 ? W(2) - column : 16;\n"
    "    word down = W(14) != 0 ? W(8) : W(7), across = W(14) != 0 ? W(7) : W(8);\n"
    "    int backward = (W(13) != 0) != (W(14) != 0);\n"
    "    { SPLIT(number, 16); p += PLACE(16, 0); q += PLACE(16, 1); r += PLACE(16, 2); }\n"
    "#define M(i, j) t[p + (i) * down + (j) * across]\n"
    "#define X(i, j) x[r + (i) * W(11) + (column + (j)) * W(12)]\n"
    "    if (item == 0)\n"
    "        singular[0] = 0;\n"
    "    BARRIER();\n"
    "    for (word i = item; i < n; i += GROUP)\n"
    "        if (W(15) == 0 && IS_ZERO(M(i, i)))\n"
    "            singular[0] = 1;\n"
    "    for (word e = item; e < n * width; e += GROUP) {\n"
    "        word i = e / width, j = e - i * width;\n"
    "        X(i, j) = b[q + i * W(9) + (column + j) * W(10)];\n"
    "    }\n"
    "    BARRIER();\n"
    "    for (word step = 0; step < n; step++) {\n"
    "        word i = backward ? n - 1 - step : step, left = n - 1 - step, first = backward ? 0 : i + 1;\n"
    "        if (W(15) == 0 && item < width) {\n"
    "            T pivot = M(i, i);\n"
    "            X(i, item) = DIV(X(i, item), W(14) == 2 ? CONJ(pivot) : pivot);\n"
    "        }\n"
    "        BARRIER();\n"
    "        for (word e = item; e < left * width; e += GROUP) {\n"
    "            word k = first + e / width, j = e % width;\n"
    "            T factor = M(k, i);\n"
    "            X(k, j) = SUB(X(k, j), MUL(W(14) == 2 ? CONJ(factor) : factor, X(i, j)));\n"
    "        }\n"
    "        BARRIER();\n"
    "    }\n"
    "    for (word e = item; singular[0] != 0 && e < n * width; e += GROUP) {\n"
    "        word i = e / width, j = e - i * width;\n"
    "        X(i, j) = OF(NOT_A_NUMBER);\n"
    "    }\n"
    "}\n";

/* 11 stride of the permutation; 12 1: of the order there are only the pivots, counted from row -W(13). The pivot is the first of the
 * largest; a NaN on the diagonal stays. */
static const char lu_text[] = NUMC_GPU_SPLIT_TEXT
    "KERNEL lu(GLOBAL const T *a, GLOBAL T *packed, GLOBAL numc_e_int32 *order, GLOBAL T *sign, WORDS)\n"
    "{\n"
    "    SHARED R largest[GROUP];\n"
    "    SHARED word where[GROUP];\n"
    "    const int item = ITEM;\n"
    "    word n = W(1), columns = W(2), x = W(3), y = W(4), o = W(5), s = W(6), swaps = 0;\n"
    "    { SPLIT(NUMBER, 16); x += PLACE(16, 0); y += PLACE(16, 1); o += PLACE(16, 2); s += PLACE(16, 3); }\n"
    "#define P(i, j) packed[y + (i) * W(9) + (j) * W(10)]\n"
    "    for (word e = item; e < n * columns; e += GROUP) {\n"
    "        word i = e / columns, j = e - i * columns;\n"
    "        P(i, j) = a[x + i * W(7) + j * W(8)];\n"
    "    }\n"
    "    for (word i = item; W(12) == 0 && i < n; i += GROUP)\n"
    "        order[o + i * W(11)] = (numc_e_int32)i;\n"
    "    BARRIER();\n"
    "    for (word k = 0; k < n && k < columns; k++) {\n"
    "        largest[item] = -1;\n"
    "        where[item] = n;\n"
    "        for (word i = k + item; i < n; i += GROUP) {\n"
    "            T value = P(i, k);\n"
    "            R size = SIZE(value);\n"
    "            if (size != size)\n"
    "                size = i == k ? INFINITE : -1;\n"
    "            if (size > largest[item]) {\n"
    "                largest[item] = size;\n"
    "                where[item] = i;\n"
    "            }\n"
    "        }\n"
    "        BARRIER();\n"
    "        for (int width = GROUP / 2; width > 0; width /= 2) {\n"
    "            if (item < width && (largest[item + width] > largest[item]\n"
    "                                 || (largest[item + width] == largest[item] && where[item + width] < where[item]))) {\n"
    "                largest[item] = largest[item + width];\n"
    "                where[item] = where[item + width];\n"
    "            }\n"
    "            BARRIER();\n"
    "        }\n"
    "        word pivot = where[0] < n ? where[0] : k;\n"
    "        if (W(12) != 0 && item == 0)\n"
    "            order[o + k * W(11)] = (numc_e_int32)(pivot + W(13));\n"
    "        if (pivot != k) {\n"
    "            swaps++;\n"
    "            for (word j = item; j < columns; j += GROUP) {\n"
    "                T swap = P(k, j);\n"
    "                P(k, j) = P(pivot, j);\n"
    "                P(pivot, j) = swap;\n"
    "            }\n"
    "            if (W(12) == 0 && item == 0) {\n"
    "                numc_e_int32 row = order[o + k * W(11)];\n"
    "                order[o + k * W(11)] = order[o + pivot * W(11)];\n"
    "                order[o + pivot * W(11)] = row;\n"
    "            }\n"
    "        }\n"
    "        BARRIER();\n"
    "        T diagonal = P(k, k);\n"
    "        word zero = IS_ZERO(diagonal) ? 1 : 0, right = columns - k - 1;\n"
    "        for (word i = k + 1 + item; zero == 0 && i < n; i += GROUP)\n"
    "            P(i, k) = DIV(P(i, k), diagonal);\n"
    "        BARRIER();\n"
    "        for (word e = item; zero == 0 && e < (n - k - 1) * right; e += GROUP) {\n"
    "            word i = k + 1 + e / right, j = k + 1 + e % right;\n"
    "            P(i, j) = SUB(P(i, j), MUL(P(i, k), P(k, j)));\n"
    "        }\n"
    "        BARRIER();\n"
    "    }\n"
    "    if (W(12) == 0 && item == 0)\n"
    "        sign[s] = OF(swaps % 2 != 0 ? -1 : 1);\n"
    "}\n";

enum { FACTOR_WORDS = 31 };

void numc_gpu_factor_defines(numc_gpu_text *defines, uint32_t dtype)
{
    const bool wide = dtype == NUMC_FLOAT64 || dtype == NUMC_COMPLEX128;
    (void)numc_gpu_arithmetic(defines, dtype);
    numc_gpu_text_format(defines, "#define LARGEST %s\n#define NOT_A_NUMBER %s\n#define INFINITE %s\n",
                         wide ? "0x1.fffffffffffffp+1023" : "0x1.fffffep+127f",
                         wide ? "NUMC_KERNEL_NAN" : "numc_k_from_bits32(0x7fc00000u)",
                         wide ? "NUMC_KERNEL_INFINITY" : "numc_k_from_bits32(0x7f800000u)");
}

int32_t numc_gpu_factor_kernel(numc_device *device, const char *text, uint32_t dtype, const char *name, void **kernel)
{
    if (dtype < NUMC_FLOAT32)
        return numc_gpu_fail(device, NUMC_UNSUPPORTED, "factorisations need a float or complex dtype");
    numc_gpu_text defines = {.device = device};
    numc_gpu_factor_defines(&defines, dtype);
    int32_t status = defines.failed ? numc_gpu_fail(device, NUMC_MEMORY, "out of memory for the text of a program")
                                    : numc_gpu_fixed_kernel(device, text, defines.data, name, kernel);
    numc_gpu_text_end(&defines);
    return status;
}

/* The words of some views whose last `axes[v]` axes are the matrix. The batch is that of the view `by`. -1: too many batch axes. */
static int64_t factor_words(const numc_view *const *views, uint32_t view_count, uint32_t by, const int32_t *axes, int64_t *words)
{
    const numc_view *list[5];
    int32_t first[5] = {0}, batch = views[by]->rank - axes[by];
    int64_t joined[18];
    for (uint32_t v = 0; v < view_count; v++) /* the one that names the extents goes first */
        list[v] = views[v == 0 ? by : v <= by ? v - 1 : v];
    int64_t count = numc_gpu_join(list, first, view_count, batch, joined);
    memcpy(words + 16, joined, 3 * sizeof *words);
    for (uint32_t v = 0; v < view_count; v++) {
        uint32_t from = v == by ? 0 : v < by ? v + 1 : v;
        memcpy(words + 16 + 3 * (v + 1), joined + 3 * (from + 1), 3 * sizeof *words);
        words[3 + v] = views[v]->offset;
        for (int32_t d = 0; d < axes[v] && v < 3; d++)
            words[7 + 2 * v + (uint32_t)d] = views[v]->strides[batch + d];
    }
    words[0] = count;
    return count;
}

static int32_t too_many(numc_device *device, const char *slot)
{
    char message[96];
    (void)snprintf(message, sizeof message, "%s: the batch axes of these views do not join to three", slot);
    return numc_gpu_fail(device, NUMC_UNSUPPORTED, message);
}

/* Each by the vendor where its rows are in one piece, all by blocks where there is none. */
static int32_t large_cholesky(numc_device *device, const numc_view *const *views, const int64_t *words)
{
    const numc_view *l = views[1];
    const int64_t n = words[1], count = words[0];
    const bool vendor = device->runtime->potrf != NULL && words[10] == 1 && words[9] >= n;
    void *lower, *judge, *memory;
    int32_t status = numc_gpu_factor_kernel(device, around_text, l->dtype, "lower", &lower);
    if (status == NUMC_OK)
        status = numc_gpu_factor_kernel(device, around_text, l->dtype, "judge", &judge);
    if (status == NUMC_OK)
        status = numc_gpu_memory_allocate(device, (uint64_t)count * sizeof(int32_t), &memory);
    if (status != NUMC_OK)
        return status;
    const numc_view info = {.memory = memory, .dtype = NUMC_INT32};
    int32_t answer = vendor ? NUMC_OK : NUMC_UNSUPPORTED;
    status = numc_gpu_fixed_run(device, lower, (const numc_view *[]){views[0], l, &info}, 3, words, FACTOR_WORDS,
                                numc_gpu_groups(device, count * n * n), NUMC_GPU_GROUP);
    for (int64_t k = 0; k < count && status == NUMC_OK && answer == NUMC_OK; k++)
        answer = device->runtime->potrf(device->machine, l->dtype, n, numc_gpu_raw(l->memory), l->offset + k * words[24], words[9],
                                        numc_gpu_raw(memory), (uint64_t)k * sizeof(int32_t));
    if (status == NUMC_OK) /* a library that is not there says so of the first matrix */
        status = answer == NUMC_UNSUPPORTED ? numc_gpu_large_cholesky(device, views, words) : answer;
    if (status == NUMC_OK)
        status = numc_gpu_fixed_run(device, judge, (const numc_view *[]){l, &info}, 2, words, FACTOR_WORDS, (uint64_t)count,
                                    NUMC_GPU_GROUP);
    numc_gpu_memory_release(device, memory, (uint64_t)count * sizeof(int32_t));
    return status;
}

typedef int32_t factorise(numc_device *, const numc_view *const *views, const int64_t *words);

/* A square matrix in, one of its shape out. */
static int32_t square_kernel(numc_device *device, const numc_view *a, const numc_view *y, const char *slot, const char *text,
                             const char *name, factorise *large)
{
    int32_t batch = a->rank - 2;
    if (batch < 0 || a->dtype != y->dtype || y->rank != a->rank || a->shape[batch] != a->shape[batch + 1]) {
        char message[64];
        (void)snprintf(message, sizeof message, "%s: views do not fit", slot);
        return numc_gpu_fail(device, NUMC_INVALID_ARGUMENT, message);
    }
    int64_t words[FACTOR_WORDS] = {0};
    const numc_view *const views[] = {a, y};
    int64_t count = factor_words(views, 2, 1, (int32_t[]){2, 2}, words);
    if (count < 0)
        return too_many(device, slot);
    words[1] = words[2] = a->shape[batch];
    if (numc_gpu_large(words, words[1]))
        return large(device, views, words);
    void *kernel;
    int32_t status = numc_gpu_factor_kernel(device, text, a->dtype, name, &kernel);
    if (status != NUMC_OK || count == 0 || words[1] == 0)
        return status;
    return numc_gpu_fixed_run(device, kernel, views, 2, words, FACTOR_WORDS, (uint64_t)count, NUMC_GPU_GROUP);
}

int32_t numc_gpu_cholesky(numc_device *device, const numc_view *a, const numc_view *l)
{
    return square_kernel(device, a, l, "cholesky", cholesky_text, "cholesky", large_cholesky);
}

int32_t numc_gpu_cholesky_inverse(numc_device *device, const numc_view *l, const numc_view *w)
{
    if (l->dtype != NUMC_FLOAT32 && l->dtype != NUMC_FLOAT64)
        return numc_gpu_fail(device, NUMC_UNSUPPORTED, "cholesky_inverse: needs a float dtype");
    return square_kernel(device, l, w, "cholesky_inverse", inverse_text, "inverse", numc_gpu_large_inverse);
}

int32_t numc_gpu_triangular_solve(numc_device *device, const numc_view *t, const numc_view *b, const numc_view *x, uint32_t upper,
                                  uint32_t transpose, uint32_t unit)
{
    int32_t batch = x->rank - 2;
    if (batch < 0 || t->rank != x->rank || b->rank != x->rank || t->dtype != x->dtype || b->dtype != x->dtype
        || t->shape[batch] != t->shape[batch + 1] || t->shape[batch] != x->shape[batch])
        return numc_gpu_fail(device, NUMC_INVALID_ARGUMENT, "triangular_solve: views do not fit");
    int64_t words[FACTOR_WORDS] = {0};
    const numc_view *const views[] = {t, b, x};
    int64_t count = factor_words(views, 3, 2, (int32_t[]){2, 2, 2}, words);
    if (count < 0)
        return too_many(device, "triangular_solve");
    words[1] = t->shape[batch];
    words[2] = x->shape[batch + 1];
    words[13] = upper;
    words[14] = transpose;
    words[15] = unit;
    words[28] = (words[2] + 15) / 16;
    if (numc_gpu_large(words, words[1]))
        return numc_gpu_large_triangular(device, views, words);
    void *kernel;
    int32_t status = numc_gpu_factor_kernel(device, triangular_text, x->dtype, "triangular", &kernel);
    if (status != NUMC_OK || count == 0 || words[1] == 0 || words[2] == 0)
        return status;
    return numc_gpu_fixed_run(device, kernel, views, 3, words, FACTOR_WORDS, (uint64_t)(count * words[28]), NUMC_GPU_GROUP);
}

int32_t numc_gpu_lu(numc_device *device, const numc_view *a, const numc_view *lu, const numc_view *permutation,
                    const numc_view *sign)
{
    int32_t batch = a->rank - 2;
    if (batch < 0 || a->dtype != lu->dtype || lu->rank != a->rank || permutation->dtype != NUMC_INT32
        || permutation->rank != batch + 1 || sign->rank != batch || sign->dtype != a->dtype)
        return numc_gpu_fail(device, NUMC_INVALID_ARGUMENT, "lu: views do not fit");
    int64_t words[FACTOR_WORDS] = {0};
    const numc_view *const views[] = {a, lu, permutation, sign};
    int64_t count = factor_words(views, 4, 1, (int32_t[]){2, 2, 1, 0}, words);
    if (count < 0)
        return too_many(device, "lu");
    words[1] = a->shape[batch];
    words[2] = a->shape[batch + 1];
    if (numc_gpu_large(words, words[1] < words[2] ? words[1] : words[2]))
        return numc_gpu_large_lu(device, views, words);
    void *kernel;
    int32_t status = numc_gpu_factor_kernel(device, lu_text, a->dtype, "lu", &kernel);
    if (status != NUMC_OK || count == 0)
        return status;
    return numc_gpu_fixed_run(device, kernel, views, 4, words, FACTOR_WORDS, (uint64_t)count, NUMC_GPU_GROUP);
}

int32_t numc_gpu_lu_panel(numc_device *device, const numc_view *a, const numc_view *pivots, int64_t top)
{
    const int64_t words[FACTOR_WORDS] = {
        a->shape[0], a->shape[1], a->shape[2], a->offset, a->offset, pivots->offset, 0, a->strides[1], a->strides[2], a->strides[1],
        a->strides[2], pivots->strides[2], 1, top, [16] = 1, 1, a->shape[0], [21] = a->strides[0], [24] = a->strides[0],
        [27] = pivots->strides[0]};
    void *kernel;
    int32_t status = numc_gpu_factor_kernel(device, lu_text, a->dtype, "lu", &kernel);
    return status != NUMC_OK ? status
                             : numc_gpu_fixed_run(device, kernel, (const numc_view *[]){a, a, pivots, pivots}, 4, words, FACTOR_WORDS,
                                                  (uint64_t)a->shape[0], NUMC_GPU_GROUP);
}
