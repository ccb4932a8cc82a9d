/* matmul.c - products of matrices: the vendor's for large ones where the runtime has it, else own kernels for what the shapes ask:
 * an item per element for small ones, tiles in shared memory, a group per element for long dot products, and pieces of the inner
 * extent, added in order, where results are few and sums long (X^T r). */
#include <stdio.h>

#include "gpu/internal.h"

/* ---- numbers in text -------------------------------------------------------------------------------------------------------- */

static const char real_text[] =
    "typedef T R;\n#define ADD(a, b) ((a) + (b))\n#define SUB(a, b) ((a) - (b))\n#define MUL(a, b) ((a) * (b))\n"
    "#define DIV(a, b) ((a) / (b))\n#define ZERO ((T)0)\n#define CONJ(a) (a)\n#define RE(a) (a)\n"
    "#define IM(a) ((T)0)\n#define PAIR(re, im) (re)\n#define OF(r) ((T)(r))\n"
    "#define SIZE(a) ((a) < 0 ? -(a) : (a))\n#define IS_ZERO(a) ((a) == 0)\n#define MAC(a, b, c) fma(a, b, c)\n";
/* wrapping: by way of the unsigned type of 64 bits */
static const char whole_text[] =
    "#define ADD(a, b) ((T)((numc_k_u64)(a) + (numc_k_u64)(b)))\n#define SUB(a, b) ((T)((numc_k_u64)(a) - (numc_k_u64)(b)))\n"
    "#define MUL(a, b) ((T)((numc_k_u64)(a) * (numc_k_u64)(b)))\n#define ZERO ((T)0)\n#define MAC(a, b, c) ADD(MUL(a, b), c)\n";
/* division as Smith's: scaled by the larger part of the divisor */
static const char complex_text[] =
    "typedef struct {\n    R re, im;\n} T;\n"
    "FN T numc_g_pair(R re, R im)\n{\n    T t;\n    t.re = re;\n    t.im = im;\n    return t;\n}\n"
    "FN T numc_g_add(T a, T b)\n{\n    return numc_g_pair(a.re + b.re, a.im + b.im);\n}\n"
    "FN T numc_g_sub(T a, T b)\n{\n    return numc_g_pair(a.re - b.re, a.im - b.im);\n}\n"
    "FN T numc_g_mul(T a, T b)\n{\n    return numc_g_pair(a.re * b.re - a.im * b.im, a.re * b.im + a.im * b.re);\n}\n"
    "FN T numc_g_div(T a, T b)\n"
    "{\n"
    "    if ((b.re < 0 ? -b.re : b.re) >= (b.im < 0 ? -b.im : b.im)) {\n"
    "        R ratio = b.im / b.re, scale = b.re + b.im * ratio;\n"
    "        return numc_g_pair((a.re + a.im * ratio) / scale, (a.im - a.re * ratio) / scale);\n"
    "    } else {\n"
    "        R ratio = b.re / b.im, scale = b.re * ratio + b.im;\n"
    "        return numc_g_pair((a.re * ratio + a.im) / scale, (a.im * ratio - a.re) / scale);\n"
    "    }\n"
    "}\n"
    "#define ADD(a, b) numc_g_add(a, b)\n#define SUB(a, b) numc_g_sub(a, b)\n#define MUL(a, b) numc_g_mul(a, b)\n"
    "#define DIV(a, b) numc_g_div(a, b)\n#define ZERO numc_g_pair(0, 0)\n#define CONJ(a) numc_g_pair((a).re, -(a).im)\n"
    "#define RE(a) ((a).re)\n#define IM(a) ((a).im)\n#define PAIR(re, im) numc_g_pair(re, im)\n#define OF(r) numc_g_pair((r), 0)\n"
    "#define SIZE(a) (((a).re < 0 ? -(a).re : (a).re) + ((a).im < 0 ? -(a).im : (a).im))\n"
    "#define IS_ZERO(a) ((a).re == 0 && (a).im == 0)\n#define MAC(a, b, c) numc_g_add(numc_g_mul(a, b), c)\n";

bool numc_gpu_arithmetic(numc_gpu_text *text, uint32_t dtype)
{
    if (dtype == NUMC_FLOAT32 || dtype == NUMC_FLOAT64)
        numc_gpu_text_format(text, "typedef %s T;\n%s", numc_gpu_type(dtype), real_text);
    else if (dtype == NUMC_COMPLEX64 || dtype == NUMC_COMPLEX128) {
        numc_gpu_text_format(text, "typedef %s R;\n", numc_gpu_type(dtype == NUMC_COMPLEX64 ? NUMC_FLOAT32 : NUMC_FLOAT64));
        numc_gpu_text_add(text, complex_text, sizeof complex_text - 1);
    } else if (dtype >= NUMC_INT8 && dtype <= NUMC_UINT64)
        numc_gpu_text_format(text, "typedef %s T;\n%s", numc_gpu_type(dtype), whole_text);
    else
        return false;
    return true;
}

/* ---- kernels ------------------------------------------------------------------------------------------------------------------ */

/* Words: 0 elements of c in all; 1 rows, 2 columns, 3 inner extent; 4..6 offsets of a, b, c; 7, 8 strides of a by row and inner index,
 * 9, 10 of b by inner index and column, 11, 12 of c; 13 accumulate; 14 length of a piece of the inner extent, 15 pieces; 16 tiles of
 * rows, 17 of columns; batch axes (a, b, c) from 18. */
static const char product_text[] = NUMC_GPU_SPLIT_TEXT
    "KERNEL each(GLOBAL const T *a, GLOBAL const T *b, GLOBAL T *c, WORDS)\n"
    "{\n"
    "    for (word f = FIRST; f < W(0); f += STEP) {\n"
    "        word column = f % W(2), rest = f / W(2), row = rest % W(1), number = rest / W(1);\n"
    "        word x = W(4) + row * W(7), y = W(5) + column * W(10), z = W(6) + row * W(11) + column * W(12);\n"
    "        T sum = ZERO;\n"
    "        { SPLIT(number, 18); x += PLACE(18, 0); y += PLACE(18, 1); z += PLACE(18, 2); }\n"
    "        for (word k = 0; k < W(3); k++, x += W(8), y += W(9))\n"
    "            sum = MAC(a[x], b[y], sum);\n"
    "        c[z] = W(13) != 0 ? ADD(c[z], sum) : sum;\n"
    "    }\n"
    "}\n"
    "KERNEL pieces(GLOBAL const T *a, GLOBAL const T *b, GLOBAL T *partial, WORDS)\n"
    "{\n"
    "    for (word f = FIRST; f < W(0) * W(15); f += STEP) {\n"
    "        word piece = f / W(0), e = f - piece * W(0), column = e % W(2), rest = e / W(2), row = rest % W(1), number = rest / W(1);\n"
    "        word from = piece * W(14), to = from + W(14) < W(3) ? from + W(14) : W(3);\n"
    "        word x = W(4) + row * W(7) + from * W(8), y = W(5) + column * W(10) + from * W(9);\n"
    "        T sum = ZERO;\n"
    "        { SPLIT(number, 18); x += PLACE(18, 0); y += PLACE(18, 1); }\n"
    "        for (word k = from; k < to; k++, x += W(8), y += W(9))\n"
    "            sum = MAC(a[x], b[y], sum);\n"
    "        partial[f] = sum;\n"
    "    }\n"
    "}\n"
    "KERNEL total(GLOBAL const T *partial, GLOBAL T *c, WORDS)\n"
    "{\n"
    "    for (word f = FIRST; f < W(0); f += STEP) {\n"
    "        word column = f % W(2), rest = f / W(2), row = rest % W(1), number = rest / W(1);\n"
    "        word z = W(6) + row * W(11) + column * W(12);\n"
    "        T sum = partial[f];\n"
    "        { SPLIT(number, 18); z += PLACE(18, 2); }\n"
    "        for (word p = 1; p < W(15); p++)\n"
    "            sum = ADD(sum, partial[p * W(0) + f]);\n"
    "        c[z] = W(13) != 0 ? ADD(c[z], sum) : sum;\n"
    "    }\n"
    "}\n"
    "KERNEL dots(GLOBAL const T *a, GLOBAL const T *b, GLOBAL T *c, WORDS)\n"
    "{\n"
    "    SHARED T sums[GROUP];\n"
    "    const int item = ITEM;\n"
    "    word f = NUMBER, column = f % W(2), rest = f / W(2), row = rest % W(1), number = rest / W(1);\n"
    "    word x = W(4) + row * W(7), y = W(5) + column * W(10), z = W(6) + row * W(11) + column * W(12);\n"
    "    T sum = ZERO;\n"
    "    { SPLIT(number, 18); x += PLACE(18, 0); y += PLACE(18, 1); z += PLACE(18, 2); }\n"
    "    for (word k = item; k < W(3); k += GROUP)\n"
    "        sum = MAC(a[x + k * W(8)], b[y + k * W(9)], sum);\n"
    "    sums[item] = sum;\n"
    "    BARRIER();\n"
    "    for (int width = GROUP / 2; width > 0; width /= 2) {\n"
    "        if (item < width)\n"
    "            sums[item] = ADD(sums[item], sums[item + width]);\n"
    "        BARRIER();\n"
    "    }\n"
    "    if (item == 0)\n"
    "        c[z] = W(13) != 0 ? ADD(c[z], sums[0]) : sums[0];\n"
    "}\n";

/* 32 rows and 64 columns for a group of 128: 8 by 16 items of 4 by 4 elements each, 16 steps of the inner index at a time. */
static const char tile_text[] = NUMC_GPU_SPLIT_TEXT
    "KERNEL tiles(GLOBAL const T *a, GLOBAL const T *b, GLOBAL T *c, WORDS)\n"
    "{\n"
    "    SHARED T left[16][33];\n"
    "    SHARED T right[16][64];\n"
    "    const int item = ITEM, down = item / 16, across = item % 16;\n"
    "    word tile = NUMBER, tile_column = tile % W(17), rest = tile / W(17), tile_row = rest % W(16), number = rest / W(16);\n"
    "    word row0 = tile_row * 32, column0 = tile_column * 64, x = W(4), y = W(5), z = W(6);\n"
    "    T sum[4][4];\n"
    "    { SPLIT(number, 18); x += PLACE(18, 0); y += PLACE(18, 1); z += PLACE(18, 2); }\n"
    "    for (int i = 0; i < 4; i++)\n"
    "        for (int j = 0; j < 4; j++)\n"
    "            sum[i][j] = ZERO;\n"
    "    for (word k0 = 0; k0 < W(3); k0 += 16) {\n"
    "        for (int e = item; e < 512; e += 128) {\n"
    "            int i = W(8) == 1 ? e / 16 : e % 32, k = W(8) == 1 ? e % 16 : e / 32;\n"
    "            left[k][i] = row0 + i < W(1) && k0 + k < W(3) ? a[x + (row0 + i) * W(7) + (k0 + k) * W(8)] : ZERO;\n"
    "        }\n"
    "        for (int e = item; e < 1024; e += 128) {\n"
    "            int j = W(10) == 1 ? e % 64 : e / 16, k = W(10) == 1 ? e / 64 : e % 16;\n"
    "            right[k][j] = column0 + j < W(2) && k0 + k < W(3) ? b[y + (k0 + k) * W(9) + (column0 + j) * W(10)] : ZERO;\n"
    "        }\n"
    "        BARRIER();\n"
    "        for (int k = 0; k < 16; k++) {\n"
    "            T p[4], q[4];\n"
    "            for (int i = 0; i < 4; i++) {\n"
    "                p[i] = left[k][down + 8 * i];\n"
    "                q[i] = right[k][across + 16 * i];\n"
    "            }\n"
    "            for (int i = 0; i < 4; i++)\n"
    "                for (int j = 0; j < 4; j++)\n"
    "                    sum[i][j] = MAC(p[i], q[j], sum[i][j]);\n"
    "        }\n"
    "        BARRIER();\n"
    "    }\n"
    "    for (int i = 0; i < 4; i++)\n"
    "        for (int j = 0; j < 4; j++) {\n"
    "            word row = row0 + down + 8 * i, column = column0 + across + 16 * j, at = z + row * W(11) + column * W(12);\n"
    "            if (row < W(1) && column < W(2))\n"
    "                c[at] = W(13) != 0 ? ADD(c[at], sum[i][j]) : sum[i][j];\n"
    "        }\n"
    "}\n";

enum { PRODUCT_WORDS = 30 };

static int32_t product_kernel(numc_device *device, const char *text, uint32_t dtype, const char *name, void **kernel)
{
    numc_gpu_text defines = {.device = device};
    bool known = numc_gpu_arithmetic(&defines, dtype);
    int32_t status = !known            ? numc_gpu_fail(device, NUMC_UNSUPPORTED, "matmul: dtype not supported")
                     : defines.failed ? numc_gpu_fail(device, NUMC_MEMORY, "out of memory for the text of a program")
                                      : numc_gpu_fixed_kernel(device, text, defines.data, name, kernel);
    numc_gpu_text_end(&defines);
    return status;
}

/* ---- the vendor's ---------------------------------------------------------------------------------------------------------------- */

/* A matrix whose rows (or columns: transposed) are contiguous, and the step between rows. False: neither. */
static bool leading(const numc_view *view, int32_t batch, bool may_turn, uint32_t *transposed, int64_t *row)
{
    int64_t down = view->strides[batch], across = view->strides[batch + 1];
    int64_t rows = view->shape[batch], columns = view->shape[batch + 1];
    *transposed = 0;
    *row = down;
    if ((across == 1 || columns == 1) && (down >= columns || rows == 1)) {
        *row = down >= columns ? down : columns;
        return true;
    }
    *transposed = 1;
    *row = across;
    return may_turn && (down == 1 || rows == 1) && across >= rows;
}

/* From about 46 cubed: below, calling a library takes longer than the product. Room comes from the pool: what uses it next comes later in
 * the queue. */
static int32_t vendor(numc_device *device, const numc_view *a, const numc_view *b, const numc_view *c, uint32_t accumulate,
                      int32_t batch, const int64_t *words, int64_t count)
{
    const numc_gpu_runtime *runtime = device->runtime;
    numc_gpu_product p = {.dtype = c->dtype, .accumulate = accumulate, .m = words[1], .n = words[2], .k = words[3], .count = count,
                          .a = {numc_gpu_raw(a->memory), a->offset, 0, words[23]}, .b = {numc_gpu_raw(b->memory), b->offset, 0, words[26]},
                          .c = {numc_gpu_raw(c->memory), c->offset, 0, words[29]}};
    uint32_t turned;
    bool one_axis = words[18] == 1 && words[19] == 1; /* extents of the joined batch axes */
    if (runtime->gemm == NULL || c->dtype < NUMC_FLOAT32 || !one_axis || (double)p.m * (double)p.n * (double)p.k < 1e5
        || !leading(a, batch, true, &p.transpose_a, &p.a.row) || !leading(b, batch, true, &p.transpose_b, &p.b.row)
        || !leading(c, batch, false, &turned, &p.c.row))
        return NUMC_UNSUPPORTED;
    uint64_t bytes = 0;
    void *room = NULL;
    int32_t status = runtime->gemm_room != NULL ? runtime->gemm_room(device->machine, &p, &bytes) : NUMC_OK;
    if (status == NUMC_OK && bytes > 0)
        status = numc_gpu_memory_allocate(device, bytes, &room);
    if (status == NUMC_OK)
        status = runtime->gemm(device->machine, &p, room != NULL ? numc_gpu_raw(room) : NULL);
    numc_gpu_memory_release(device, room, bytes);
    return status;
}

/* ---- the slot -------------------------------------------------------------------------------------------------------------------- */

int32_t numc_gpu_matmul(numc_device *device, const numc_view *a, const numc_view *b, const numc_view *c,
                        const numc_matmul_options *options)
{
    int32_t batch = c->rank - 2;
    uint32_t accumulate = options != NULL && options->size >= sizeof *options && options->accumulate != 0;
    if (batch < 0 || a->rank != c->rank || b->rank != c->rank || a->dtype != c->dtype || b->dtype != c->dtype
        || a->shape[batch + 1] != b->shape[batch] || a->shape[batch] != c->shape[batch]
        || b->shape[batch + 1] != c->shape[batch + 1])
        return numc_gpu_fail(device, NUMC_INVALID_ARGUMENT, "matmul: views do not fit");
    int64_t words[PRODUCT_WORDS] = {0}, m = c->shape[batch], n = c->shape[batch + 1], inner = a->shape[batch + 1];
    const numc_view *const views[] = {a, b, c};
    int64_t count = numc_gpu_join((const numc_view *[]){c, b, a}, (int32_t[]){0, 0, 0}, 3, batch, words + 18);
    if (count < 0)
        return numc_gpu_fail(device, NUMC_UNSUPPORTED, "matmul: the batch axes of these views do not join to three");
    for (int k = 0; k < 3; k++) { /* joined by c's extents; in words a comes first */
        int64_t swap = words[21 + k];
        words[21 + k] = words[27 + k];
        words[27 + k] = swap;
    }
    int64_t total = count * m * n;
    if (total == 0)
        return NUMC_OK;
    const int64_t head[] = {total, m, n, inner, a->offset, b->offset, c->offset, a->strides[batch], a->strides[batch + 1],
                            b->strides[batch], b->strides[batch + 1], c->strides[batch], c->strides[batch + 1], accumulate};
    memcpy(words, head, sizeof head);
    int32_t status = vendor(device, a, b, c, accumulate, batch, words, count);
    if (status != NUMC_UNSUPPORTED)
        return status;
    void *kernel, *second;
    int64_t wanted = (int64_t)device->facts.units * (device->facts.serial ? 8 : 1024);
    if (m >= 24 && n >= 24 && inner >= 8) {
        words[16] = (m + 31) / 32;
        words[17] = (n + 63) / 64;
        status = product_kernel(device, tile_text, c->dtype, "tiles", &kernel);
        if (status == NUMC_OK)
            status = numc_gpu_fixed_run(device, kernel, views, 3, words, PRODUCT_WORDS, (uint64_t)(count * words[16] * words[17]),
                                        NUMC_GPU_GROUP);
        return status;
    }
    if (!device->facts.serial && inner >= 256 && total < 64 * wanted && words[8] == 1 && (words[9] == 1 || n == 1)) {
        status = product_kernel(device, product_text, c->dtype, "dots", &kernel);
        if (status == NUMC_OK)
            status = numc_gpu_fixed_run(device, kernel, views, 3, words, PRODUCT_WORDS, (uint64_t)total, NUMC_GPU_GROUP);
        return status;
    }
    if (inner >= 2048 && total < wanted) {
        words[14] = inner / (16 * wanted) + 1 > 512 ? inner / (16 * wanted) + 1 : 512;
        words[15] = (inner + words[14] - 1) / words[14];
        int64_t room = total * words[15];
        void *memory;
        status = numc_gpu_memory_allocate(device, (uint64_t)room * numc_gpu_size(c->dtype), &memory);
        if (status != NUMC_OK)
            return status;
        const numc_view partial = {.memory = memory, .dtype = c->dtype};
        status = product_kernel(device, product_text, c->dtype, "pieces", &kernel);
        if (status == NUMC_OK)
            status = product_kernel(device, product_text, c->dtype, "total", &second);
        if (status == NUMC_OK)
            status = numc_gpu_fixed_run(device, kernel, (const numc_view *[]){a, b, &partial}, 3, words, PRODUCT_WORDS,
                                        numc_gpu_groups(device, room), NUMC_GPU_GROUP);
        if (status == NUMC_OK)
            status = numc_gpu_fixed_run(device, second, (const numc_view *[]){&partial, c}, 2, words, PRODUCT_WORDS,
                                        numc_gpu_groups(device, total), NUMC_GPU_GROUP);
        numc_gpu_memory_release(device, memory, (uint64_t)room * numc_gpu_size(c->dtype));
        return status;
    }
    status = product_kernel(device, product_text, c->dtype, "each", &kernel);
    if (status == NUMC_OK)
        status = numc_gpu_fixed_run(device, kernel, views, 3, words, PRODUCT_WORDS, numc_gpu_groups(device, total), NUMC_GPU_GROUP);
    return status;
}
