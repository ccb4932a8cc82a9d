/* order.c - indexing and order along one axis: gather, scatter, cumulative sums, stable sort, binary search. All deterministic: what
 * adds up adds in one order, whatever the device does at once. */
#include <stdio.h>

#include "gpu/internal.h"

/* ---- views as words ------------------------------------------------------------------------------------------------------ */

int64_t numc_gpu_join(const numc_view *const *views, const int32_t *first, uint32_t view_count, int32_t axes, int64_t *words)
{
    int64_t extents[3], strides[5][3], count = 1;
    int32_t depth = 0;
    for (int32_t d = 0; d < axes; d++) {
        int64_t extent = views[0]->shape[first[0] + d];
        count *= extent;
        if (extent == 1)
            continue;
        bool joins = depth > 0;
        for (uint32_t v = 0; v < view_count && joins; v++)
            joins = strides[v][depth - 1] == views[v]->strides[first[v] + d] * extent;
        if (!joins && depth == 3)
            return count == 0 ? 0 : -1;
        if (joins)
            extents[depth - 1] *= extent;
        else
            extents[depth++] = extent;
        for (uint32_t v = 0; v < view_count; v++)
            strides[v][depth - 1] = views[v]->strides[first[v] + d];
    }
    for (int32_t d = 0; d < 3; d++) {
        int32_t from = d - (3 - depth);
        words[d] = from < 0 ? 1 : extents[from];
        for (uint32_t v = 0; v < view_count; v++)
            words[3 * (v + 1) + (uint32_t)d] = from < 0 ? 0 : strides[v][from];
    }
    return count;
}

static bool is_integer(uint32_t dtype)
{
    return dtype >= NUMC_INT8 && dtype <= NUMC_UINT64;
}

static int32_t too_many_axes(numc_device *device, const char *slot)
{
    char message[96];
    (void)snprintf(message, sizeof message, "%s: the axes of these views do not join to three", slot);
    return numc_gpu_fail(device, NUMC_UNSUPPORTED, message);
}

/* ---- gather and scatter -------------------------------------------------------------------------------------------------- */

/* Words: 0 positions of all, 1 of the indices, 2 inner ones; 3 extent and 4 stride of the axis in x; 5.. offsets of x, indices, dense;
 * outer axes (x, dense) from 8, index axes (indices, dense) from 17, inner axes (x, dense) from 26; 35 for scatter: mode;
 * 36 values come sorted. */
static const char take_text[] = NUMC_GPU_SPLIT_TEXT
    "FN word index_at(GLOBAL const I *indices, word at)\n"
    "{\n"
    "    word index = (word)indices[at];\n" /* from 2^63 on an unsigned one is beyond every axis */
    "    return index < 0 && (I)-1 > (I)0 ? 0x7fffffffffffffff : index;\n"
    "}\n"
    "KERNEL gather(GLOBAL const T *x, GLOBAL const I *indices, GLOBAL T *y, WORDS)\n"
    "{\n"
    "    for (word f = FIRST; f < W(0); f += STEP) {\n"
    "        word inner = f % W(2), rest = f / W(2), p = rest % W(1), outer = rest / W(1);\n"
    "        word from = W(5), to = W(7), at = W(6), index;\n"
    "        { SPLIT(outer, 8); from += PLACE(8, 0); to += PLACE(8, 1); }\n"
    "        { SPLIT(p, 17); at += PLACE(17, 0); to += PLACE(17, 1); }\n"
    "        { SPLIT(inner, 26); from += PLACE(26, 0); to += PLACE(26, 1); }\n"
    "        index = index_at(indices, at);\n"
    "        index = index < 0 ? 0 : index >= W(3) ? W(3) - 1 : index;\n"
    "        y[to] = x[from + index * W(4)];\n"
    "    }\n"
    "}\n"
    /* the index of position p, -1 when it is dropped */
    "KERNEL keys(GLOBAL const I *indices, GLOBAL word *result, WORDS)\n"
    "{\n"
    "    for (word p = FIRST; p < W(1); p += STEP) {\n"
    "        word at = W(6), index;\n"
    "        { SPLIT(p, 17); at += PLACE(17, 0); }\n"
    "        index = index_at(indices, at);\n"
    "        result[p] = index < 0 || index >= W(3) ? -1 : index;\n"
    "    }\n"
    "}\n"
    /* keys in order, each with the position it came from: the first of a run of equal keys does them all */
    "KERNEL scatter(GLOBAL T *y, GLOBAL const word *key, GLOBAL const word *order, GLOBAL const T *values, WORDS)\n"
    "{\n"
    "    for (word f = FIRST; f < W(0); f += STEP) {\n"
    "        word inner = f % W(2), rest = f / W(2), p = rest % W(1), outer = rest / W(1);\n"
    "        word to = W(5), from = W(7), index = key[p];\n"
    "        if (index < 0 || (p > 0 && key[p - 1] == index))\n"
    "            continue;\n"
    "        { SPLIT(outer, 8); to += PLACE(8, 0); from += PLACE(8, 1); }\n"
    "        { SPLIT(inner, 26); to += PLACE(26, 0); from += PLACE(26, 1); }\n"
    "        T total = y[to + index * W(4)];\n"
    "        for (word q = p; q < W(1) && key[q] == index; q++) {\n"
    "            SPLIT(order[q], 17);\n"
    "            T value = values[from + PLACE(17, 1)];\n"
    "            total = W(35) == 0 ? value : ADD(total, value);\n"
    "        }\n"
    "        y[to + index * W(4)] = total;\n"
    "    }\n"
    "}\n";

enum { TAKE_WORDS = 37 };

/* The words of a gather from x (or a scatter to it), dense having the axes of the indices in place of the axis. */
static int32_t take_words(numc_device *device, const char *slot, const numc_view *x, const numc_view *indices, int32_t axis,
                          const numc_view *dense, int64_t *words)
{
    char message[96];
    if (axis < 0 || axis >= x->rank || dense->rank != x->rank - 1 + indices->rank || x->dtype != dense->dtype
        || !is_integer(indices->dtype) || numc_gpu_size(x->dtype) == 0) {
        (void)snprintf(message, sizeof message, "%s: views do not fit", slot);
        return numc_gpu_fail(device, NUMC_INVALID_ARGUMENT, message);
    }
    int32_t inner_axes = x->rank - axis - 1;
    int64_t outer = numc_gpu_join((const numc_view *[]){x, dense}, (int32_t[]){0, 0}, 2, axis, words + 8);
    int64_t positions = numc_gpu_join((const numc_view *[]){indices, dense}, (int32_t[]){0, axis}, 2, indices->rank, words + 17);
    int64_t inner = numc_gpu_join((const numc_view *[]){x, dense}, (int32_t[]){axis + 1, axis + indices->rank}, 2, inner_axes,
                                  words + 26);
    if (outer < 0 || positions < 0 || inner < 0)
        return too_many_axes(device, slot);
    words[0] = outer * positions * inner;
    words[1] = positions;
    words[2] = inner;
    words[3] = x->shape[axis];
    words[4] = x->strides[axis];
    words[5] = x->offset;
    words[6] = indices->offset;
    words[7] = dense->offset;
    if (words[0] > 0 && x->shape[axis] == 0)
        return numc_gpu_fail(device, NUMC_INDEX, "gather or scatter: the axis is empty, the indices are not");
    return NUMC_OK;
}

/* Elements that are only moved are whole numbers of their size. */
static void define_moved(numc_gpu_text *text, uint32_t dtype)
{
    static const char *const types[] = {[1] = "numc_e_uint8", [2] = "numc_e_uint16", [4] = "numc_e_uint32", [8] = "numc_e_uint64"};
    uint32_t size = numc_gpu_size(dtype);
    if (size == 16)
        numc_gpu_text_format(text, "typedef struct {\n    numc_k_u64 a, b;\n} T;\n#define ADD(a, b) (a)\n");
    else
        numc_gpu_text_format(text, "typedef %s T;\n#define ADD(a, b) (a)\n", types[size]);
}

static int32_t take_kernel(numc_device *device, uint32_t dtype, uint32_t index_dtype, bool adds, const char *name, void **kernel)
{
    numc_gpu_text defines = {.device = device};
    bool known = true;
    if (adds)
        known = numc_gpu_arithmetic(&defines, dtype);
    else
        define_moved(&defines, dtype);
    numc_gpu_text_format(&defines, "typedef %s I;\n", numc_gpu_type(index_dtype));
    int32_t status = !known           ? numc_gpu_fail(device, NUMC_UNSUPPORTED, "scatter: mode or dtype not supported")
                     : defines.failed ? numc_gpu_fail(device, NUMC_MEMORY, "out of memory for the text of a program")
                                      : numc_gpu_fixed_kernel(device, take_text, defines.data, name, kernel);
    numc_gpu_text_end(&defines);
    return status;
}

int32_t numc_gpu_gather(numc_device *device, const numc_view *x, const numc_view *indices, int32_t axis, const numc_view *y)
{
    int64_t words[TAKE_WORDS] = {0};
    void *kernel;
    int32_t status = take_words(device, "gather", x, indices, axis, y, words);
    if (status != NUMC_OK || words[0] == 0)
        return status;
    status = take_kernel(device, x->dtype, indices->dtype, false, "gather", &kernel);
    if (status == NUMC_OK)
        status = numc_gpu_fixed_run(device, kernel, (const numc_view *[]){x, indices, y}, 3, words, TAKE_WORDS,
                                    numc_gpu_groups(device, words[0]), NUMC_GPU_GROUP);
    return status;
}

/* A dense line of `count` int64 in new device memory. */
static int32_t line_new(numc_device *device, numc_view *view, int64_t *shape, const int64_t *strides, uint32_t dtype)
{
    void *memory;
    int32_t status = numc_gpu_memory_allocate(device, (uint64_t)shape[0] * numc_gpu_size(dtype), &memory);
    *view = (numc_view){.memory = status == NUMC_OK ? memory : NULL, .dtype = dtype, .rank = 1, .shape = shape, .strides = strides};
    return status;
}

static void line_end(numc_device *device, numc_view *view)
{
    if (view->memory != NULL)
        numc_gpu_memory_release(device, view->memory, (uint64_t)view->shape[0] * numc_gpu_size(view->dtype));
}

int32_t numc_gpu_scatter(numc_device *device, const numc_view *y, const numc_view *indices, int32_t axis, const numc_view *values,
                         uint32_t mode)
{
    int64_t words[TAKE_WORDS] = {0};
    void *keys, *scatter;
    if (mode > 1)
        return numc_gpu_fail(device, NUMC_UNSUPPORTED, "scatter: mode or dtype not supported");
    int32_t status = take_words(device, "scatter", y, indices, axis, values, words);
    if (status != NUMC_OK || words[0] == 0)
        return status;
    words[35] = mode;
    status = take_kernel(device, y->dtype, indices->dtype, mode == 1, "keys", &keys);
    if (status == NUMC_OK)
        status = take_kernel(device, y->dtype, indices->dtype, mode == 1, "scatter", &scatter);
    int64_t count = words[1];
    const int64_t one = 1;
    numc_view key = {.memory = NULL}, sorted = {.memory = NULL}, order = {.memory = NULL};
    if (status == NUMC_OK)
        status = line_new(device, &key, &count, &one, NUMC_INT64);
    if (status == NUMC_OK)
        status = line_new(device, &sorted, &count, &one, NUMC_INT64);
    if (status == NUMC_OK)
        status = line_new(device, &order, &count, &one, NUMC_INT64);
    if (status == NUMC_OK)
        status = numc_gpu_fixed_run(device, keys, (const numc_view *[]){indices, &key}, 2, words, TAKE_WORDS,
                                    numc_gpu_groups(device, count), NUMC_GPU_GROUP);
    if (status == NUMC_OK)
        status = numc_gpu_sort(device, &key, 0, 0, &sorted, &order);
    if (status == NUMC_OK)
        status = numc_gpu_fixed_run(device, scatter, (const numc_view *[]){y, &sorted, &order, values}, 4, words, TAKE_WORDS,
                                    numc_gpu_groups(device, words[0]), NUMC_GPU_GROUP);
    line_end(device, &key);
    line_end(device, &sorted);
    line_end(device, &order);
    return status;
}

/* ---- lines: everything that works along one axis ------------------------------------------------------------------------ */

/* The axes of views but one: their words (at 3 words and 3 for each view) and how many lines there are. */
static int64_t lines_of(const numc_view *const *views, uint32_t view_count, int32_t axis, int64_t *words)
{
    int64_t shape[2][64], strides[5][64];
    numc_view rest[5];
    const numc_view *list[5];
    int32_t first[5] = {0};
    for (uint32_t v = 0; v < view_count; v++) {
        if (views[v]->rank > 64)
            return -1;
        for (int32_t d = 0, to = 0; d < views[v]->rank; d++)
            if (d != axis) {
                shape[0][to] = views[v]->shape[d];
                strides[v][to++] = views[v]->strides[d];
            }
        rest[v] = (numc_view){.rank = views[v]->rank - 1, .shape = shape[0], .strides = strides[v]};
        list[v] = &rest[v];
    }
    return numc_gpu_join(list, first, view_count, views[0]->rank - 1, words);
}

/* Words: 0 lines, 1 length, 2 reverse, 3 and 4 offsets, 5 and 6 strides along the axis, 7 length of a piece, 8 pieces; lines (x, y)
 * from 9. COMBINE(a, b): the reduction. One item per line; where lines are few and long, pieces of them: their totals (first
 * kernel), what comes before each (second), and then the pieces as lines. */
static const char cumulative_text[] = NUMC_GPU_SPLIT_TEXT
    "#define AT(i) (W(2) != 0 ? W(1) - 1 - (i) : (i))\n"
    "KERNEL totals(GLOBAL const T *x, GLOBAL T *total, WORDS)\n"
    "{\n"
    "    for (word f = FIRST; f < W(0) * W(8); f += STEP) {\n"
    "        word line = f / W(8), from = (f - line * W(8)) * W(7), to = from + W(7) < W(1) ? from + W(7) : W(1), at = W(3);\n"
    "        { SPLIT(line, 9); at += PLACE(9, 0); }\n"
    "        T sum = x[at + AT(from) * W(5)];\n"
    "        for (word i = from + 1; i < to; i++) {\n"
    "            T next = x[at + AT(i) * W(5)];\n"
    "            sum = COMBINE(sum, next);\n"
    "        }\n"
    "        total[f] = sum;\n"
    "    }\n"
    "}\n"
    "KERNEL before(GLOBAL T *total, WORDS)\n"
    "{\n"
    "    for (word line = FIRST; line < W(0); line += STEP) {\n"
    "        T sum = total[line * W(8)];\n"
    "        for (word k = 1; k < W(8); k++) {\n"
    "            T next = total[line * W(8) + k];\n"
    "            sum = COMBINE(sum, next);\n"
    "            total[line * W(8) + k] = sum;\n"
    "        }\n"
    "    }\n"
    "}\n"
    "KERNEL pieces(GLOBAL const T *x, GLOBAL const T *total, GLOBAL T *y, WORDS)\n"
    "{\n"
    "    for (word f = FIRST; f < W(0) * W(8); f += STEP) {\n"
    "        word line = f / W(8), piece = f - line * W(8), from = piece * W(7);\n"
    "        word to = from + W(7) < W(1) ? from + W(7) : W(1), at = W(3), put = W(4);\n"
    "        { SPLIT(line, 9); at += PLACE(9, 0); put += PLACE(9, 1); }\n"
    "        T sum = x[at + AT(from) * W(5)];\n"
    "        if (piece > 0) {\n"
    "            T first = total[f - 1];\n"
    "            sum = COMBINE(first, sum);\n"
    "        }\n"
    "        y[put + AT(from) * W(6)] = sum;\n"
    "        for (word i = from + 1; i < to; i++) {\n"
    "            T next = x[at + AT(i) * W(5)];\n"
    "            sum = COMBINE(sum, next);\n"
    "            y[put + AT(i) * W(6)] = sum;\n"
    "        }\n"
    "    }\n"
    "}\n";

int32_t numc_gpu_cumulative(numc_device *device, const numc_view *x, int32_t axis, uint32_t reduction, uint32_t reverse,
                            const numc_view *y)
{
    static const char *const combine[] = {
        [NUMC_REDUCTION_SUM] = "#define COMBINE(a, b) ADD(a, b)\n",
        [NUMC_REDUCTION_PROD] = "#define COMBINE(a, b) MUL(a, b)\n",
        [NUMC_REDUCTION_MAX] = "#define COMBINE(a, b) ((a) > (b) || (a) != (a) ? (a) : (b))\n",
        [NUMC_REDUCTION_MIN] = "#define COMBINE(a, b) ((a) < (b) || (a) != (a) ? (a) : (b))\n",
    };
    if (axis < 0 || axis >= x->rank || y->rank != x->rank || x->dtype != y->dtype)
        return numc_gpu_fail(device, NUMC_INVALID_ARGUMENT, "cumulative: views do not fit");
    bool is_complex = x->dtype == NUMC_COMPLEX64 || x->dtype == NUMC_COMPLEX128;
    numc_gpu_text defines = {.device = device};
    if (reduction < NUMC_REDUCTION_SUM || reduction > (is_complex ? NUMC_REDUCTION_PROD : NUMC_REDUCTION_MIN)
        || !numc_gpu_arithmetic(&defines, x->dtype)) {
        numc_gpu_text_end(&defines);
        return numc_gpu_fail(device, NUMC_UNSUPPORTED, "cumulative: reduction or dtype not supported");
    }
    numc_gpu_text_format(&defines, "%s", combine[reduction]);
    int64_t words[18] = {0};
    int64_t lines = lines_of((const numc_view *[]){x, y}, 2, axis, words + 9), n = x->shape[axis];
    int64_t wanted = (int64_t)device->facts.units * (device->facts.serial ? 1 : 256), pieces = 1;
    if (lines > 0 && n >= 8192 && lines < wanted)
        pieces = wanted / lines + 1 < n / 2048 ? wanted / lines + 1 : n / 2048;
    if (pieces > 4096)
        pieces = 4096;
    int64_t length = n > 0 ? (n + pieces - 1) / pieces : 0;
    pieces = n > 0 ? (n + length - 1) / length : 0;
    const int64_t head[] = {lines, n, reverse, x->offset, y->offset, x->strides[axis], y->strides[axis], length, pieces};
    memcpy(words, head, sizeof head);
    void *kernels[3];
    int32_t status = lines < 0 ? too_many_axes(device, "cumulative") : NUMC_OK;
    if (status != NUMC_OK || lines == 0 || n == 0) {
        numc_gpu_text_end(&defines);
        return status;
    }
    static const char *const names[] = {"totals", "before", "pieces"};
    for (int k = 0; k < 3 && status == NUMC_OK; k++)
        status = defines.failed ? numc_gpu_fail(device, NUMC_MEMORY, "out of memory for the text of a program")
                                : numc_gpu_fixed_kernel(device, cumulative_text, defines.data, names[k], &kernels[k]);
    numc_gpu_text_end(&defines);
    int64_t room = lines * pieces;
    const int64_t one = 1;
    numc_view total = {.memory = NULL};
    if (status == NUMC_OK)
        status = line_new(device, &total, &room, &one, x->dtype);
    if (status == NUMC_OK && pieces > 1) {
        status = numc_gpu_fixed_run(device, kernels[0], (const numc_view *[]){x, &total}, 2, words, 18,
                                    numc_gpu_groups(device, room), NUMC_GPU_GROUP);
        if (status == NUMC_OK)
            status = numc_gpu_fixed_run(device, kernels[1], (const numc_view *[]){&total}, 1, words, 18,
                                        numc_gpu_groups(device, lines), NUMC_GPU_GROUP);
    }
    if (status == NUMC_OK)
        status = numc_gpu_fixed_run(device, kernels[2], (const numc_view *[]){x, &total, y}, 3, words, 18,
                                    numc_gpu_groups(device, room), NUMC_GPU_GROUP);
    line_end(device, &total);
    return status;
}

/* ---- sort and search ------------------------------------------------------------------------------------------------------ */

/* A number that orders the values of T: -0 equals +0, NaN comes last. REAL: 0 whole numbers, 32, 64. */
#define ORDER_TEXT                                                                                                         \
    "FN numc_k_u64 order_of(T value)\n"                                                                                  \
    "{\n"                                                                                                                \
    "#if REAL == 64\n"                                                                                                   \
    "    numc_k_u64 bits = numc_k_to_bits(value + 0.0);\n"                                                               \
    "    return value != value ? ~(numc_k_u64)0 : bits >> 63 ? ~bits : bits | (numc_k_u64)1 << 63;\n"                     \
    "#elif REAL == 32\n"                                                                                                 \
    "    numc_k_u32 bits = BITS32(value + 0.0f);\n"                                                                      \
    "    return value != value ? ~(numc_k_u64)0 : bits >> 31 ? (numc_k_u64)(~bits) : (numc_k_u64)bits | (numc_k_u64)1 << 31;\n" \
    "#else\n"                                                                                                            \
    "    return (T)-1 < (T)0 ? (numc_k_u64)(numc_k_i64)value ^ (numc_k_u64)1 << 63 : (numc_k_u64)value;\n"                \
    "#endif\n"                                                                                                           \
    "}\n"

/* Words: 0 lines, 1 length, 2 descending, 3..5 offsets and 6..8 strides of x, values, indices; 9 width of the runs that are sorted;
 * 10, 11: values and indices are wanted; lines (x, values, indices) from 12. Runs of 16 by insertion, then of two neighbouring runs
 * each element finds its place: its own number, and how many of the other run go before it. */
static const char sort_text[] = NUMC_GPU_SPLIT_TEXT ORDER_TEXT
    "KERNEL runs(GLOBAL const T *x, GLOBAL numc_k_u64 *key, GLOBAL word *from, WORDS)\n"
    "{\n"
    "    word runs_of_line = (W(1) + 15) / 16;\n"
    "    for (word f = FIRST; f < W(0) * runs_of_line; f += STEP) {\n"
    "        word line = f / runs_of_line, start = (f - line * runs_of_line) * 16, base = line * W(1), at = W(3);\n"
    "        word end = start + 16 < W(1) ? start + 16 : W(1);\n"
    "        { SPLIT(line, 12); at += PLACE(12, 0); }\n"
    "        for (word i = start; i < end; i++) {\n"
    "            numc_k_u64 order = order_of(x[at + i * W(6)]);\n"
    "            word k = i;\n"
    "            if (W(2) != 0 && (REAL == 0 || order != ~(numc_k_u64)0))\n"
    "                order = ~order;\n"
    "            for (; k > start && key[base + k - 1] > order; k--) {\n"
    "                key[base + k] = key[base + k - 1];\n"
    "                from[base + k] = from[base + k - 1];\n"
    "            }\n"
    "            key[base + k] = order;\n"
    "            from[base + k] = i;\n"
    "        }\n"
    "    }\n"
    "}\n"
    "KERNEL merge(GLOBAL const numc_k_u64 *key, GLOBAL const word *from, GLOBAL numc_k_u64 *to_key, GLOBAL word *to_from, WORDS)\n"
    "{\n"
    "    for (word f = FIRST; f < W(0) * W(1); f += STEP) {\n"
    "        word line = f / W(1), i = f - line * W(1), base = line * W(1);\n"
    "        word pair = i / (2 * W(9)) * (2 * W(9)), middle = pair + W(9) < W(1) ? pair + W(9) : W(1);\n"
    "        word end = middle + W(9) < W(1) ? middle + W(9) : W(1);\n"
    "        bool left = i < middle;\n"
    "        word low = left ? middle : pair, high = left ? end : middle, first = low;\n"
    "        numc_k_u64 own = key[f];\n"
    "        while (low < high) {\n"
    "            word middle_ = low + (high - low) / 2;\n"
    "            numc_k_u64 other = key[base + middle_];\n"
    "            if (left ? other < own : other <= own)\n"
    "                low = middle_ + 1;\n"
    "            else\n"
    "                high = middle_;\n"
    "        }\n"
    "        word place = left ? i + (low - first) : i - middle + low;\n"
    "        to_key[base + place] = own;\n"
    "        to_from[base + place] = from[f];\n"
    "    }\n"
    "}\n"
    "KERNEL values(GLOBAL const T *x, GLOBAL const word *from, GLOBAL T *y, WORDS)\n"
    "{\n"
    "    for (word f = FIRST; f < W(0) * W(1); f += STEP) {\n"
    "        word line = f / W(1), i = f - line * W(1);\n"
    "        SPLIT(line, 12);\n"
    "        y[W(4) + PLACE(12, 1) + i * W(7)] = x[W(3) + PLACE(12, 0) + from[f] * W(6)];\n"
    "    }\n"
    "}\n"
    "KERNEL indices(GLOBAL const word *from, GLOBAL word *y, WORDS)\n"
    "{\n"
    "    for (word f = FIRST; f < W(0) * W(1); f += STEP) {\n"
    "        word line = f / W(1), i = f - line * W(1);\n"
    "        SPLIT(line, 12);\n"
    "        y[W(5) + PLACE(12, 2) + i * W(8)] = from[f];\n"
    "    }\n"
    "}\n";

static int32_t order_kernel(numc_device *device, const char *text, uint32_t dtype, const char *name, void **kernel)
{
    char defines[256];
    int real = dtype == NUMC_FLOAT64 ? 64 : dtype == NUMC_FLOAT32 ? 32 : 0;
    (void)snprintf(defines, sizeof defines, "typedef %s T;\n#define REAL %d\n#define BITS32(x) %s\n", numc_gpu_type(dtype), real,
                   device->runtime->dialect == NUMC_DIALECT_CUDA ? "__float_as_uint(x)" : "as_uint(x)");
    return numc_gpu_fixed_kernel(device, text, defines, name, kernel);
}

int32_t numc_gpu_sort(numc_device *device, const numc_view *x, int32_t axis, uint32_t descending, const numc_view *values,
                      const numc_view *indices)
{
    if (axis < 0 || axis >= x->rank || numc_gpu_type(x->dtype)[0] == '\0'
        || (values != NULL && (values->rank != x->rank || values->dtype != x->dtype))
        || (indices != NULL && (indices->rank != x->rank || indices->dtype != NUMC_INT64)))
        return numc_gpu_fail(device, NUMC_INVALID_ARGUMENT, "sort: views do not fit");
    const numc_view *v = values != NULL ? values : x, *i = indices != NULL ? indices : x;
    int64_t words[24] = {0}, n = x->shape[axis];
    int64_t lines = lines_of((const numc_view *[]){x, v, i}, 3, axis, words + 12);
    if (lines < 0)
        return too_many_axes(device, "sort");
    if (n == 0 || lines == 0)
        return NUMC_OK;
    const int64_t head[] = {lines, n, descending, x->offset, v->offset, i->offset, x->strides[axis], v->strides[axis],
                            i->strides[axis], 16};
    memcpy(words, head, sizeof head);
    static const char *const names[] = {"runs", "merge", "values", "indices"};
    void *kernels[4];
    int32_t status = NUMC_OK;
    for (int k = 0; k < 4 && status == NUMC_OK; k++)
        status = order_kernel(device, sort_text, x->dtype, names[k], &kernels[k]);
    int64_t count = lines * n;
    const int64_t one = 1;
    numc_view key[2] = {{.memory = NULL}, {.memory = NULL}}, from[2] = {{.memory = NULL}, {.memory = NULL}};
    for (int k = 0; k < 2 && status == NUMC_OK; k++) {
        status = line_new(device, &key[k], &count, &one, NUMC_UINT64);
        if (status == NUMC_OK)
            status = line_new(device, &from[k], &count, &one, NUMC_INT64);
    }
    uint64_t groups = numc_gpu_groups(device, count);
    if (status == NUMC_OK)
        status = numc_gpu_fixed_run(device, kernels[0], (const numc_view *[]){x, &key[0], &from[0]}, 3, words, 24,
                                    numc_gpu_groups(device, lines * ((n + 15) / 16)), NUMC_GPU_GROUP);
    int now = 0;
    for (int64_t width = 16; width < n && status == NUMC_OK; width *= 2, now = 1 - now) {
        words[9] = width;
        status = numc_gpu_fixed_run(device, kernels[1],
                                    (const numc_view *[]){&key[now], &from[now], &key[1 - now], &from[1 - now]}, 4, words, 24, groups,
                                    NUMC_GPU_GROUP);
    }
    if (status == NUMC_OK && values != NULL)
        status = numc_gpu_fixed_run(device, kernels[2], (const numc_view *[]){x, &from[now], values}, 3, words, 24, groups,
                                    NUMC_GPU_GROUP);
    if (status == NUMC_OK && indices != NULL)
        status = numc_gpu_fixed_run(device, kernels[3], (const numc_view *[]){&from[now], indices}, 2, words, 24, groups,
                                    NUMC_GPU_GROUP);
    for (int k = 0; k < 2; k++) {
        line_end(device, &key[k]);
        line_end(device, &from[k]);
    }
    return status;
}

/* Words: 0 values, 1 length, 2 right, 3..5 offsets of sorted, values, indices, 6 stride of sorted; axes (values, indices) from 7. */
static const char search_text[] = NUMC_GPU_SPLIT_TEXT ORDER_TEXT
    "KERNEL search(GLOBAL const T *sorted, GLOBAL const T *values, GLOBAL word *indices, WORDS)\n"
    "{\n"
    "    for (word f = FIRST; f < W(0); f += STEP) {\n"
    "        SPLIT(f, 7);\n"
    "        numc_k_u64 order = order_of(values[W(4) + PLACE(7, 0)]);\n"
    "        word low = 0, high = W(1);\n"
    "        while (low < high) {\n"
    "            word middle = low + (high - low) / 2;\n"
    "            numc_k_u64 other = order_of(sorted[W(3) + middle * W(6)]);\n"
    "            if (W(2) != 0 ? other <= order : other < order)\n"
    "                low = middle + 1;\n"
    "            else\n"
    "                high = middle;\n"
    "        }\n"
    "        indices[W(5) + PLACE(7, 1)] = low;\n"
    "    }\n"
    "}\n";

int32_t numc_gpu_search(numc_device *device, const numc_view *sorted, const numc_view *values, uint32_t right,
                        const numc_view *indices)
{
    if (sorted->rank != 1 || sorted->dtype != values->dtype || indices->dtype != NUMC_INT64 || indices->rank != values->rank
        || numc_gpu_type(values->dtype)[0] == '\0')
        return numc_gpu_fail(device, NUMC_INVALID_ARGUMENT, "search: views do not fit");
    int64_t words[16] = {0};
    int64_t count = numc_gpu_join((const numc_view *[]){values, indices}, (int32_t[]){0, 0}, 2, values->rank, words + 7);
    if (count < 0)
        return too_many_axes(device, "search");
    if (count == 0)
        return NUMC_OK;
    const int64_t head[] = {count, sorted->shape[0], right, sorted->offset, values->offset, indices->offset, sorted->strides[0]};
    memcpy(words, head, sizeof head);
    void *kernel;
    int32_t status = order_kernel(device, search_text, values->dtype, "search", &kernel);
    if (status == NUMC_OK)
        status = numc_gpu_fixed_run(device, kernel, (const numc_view *[]){sorted, values, indices}, 3, words, 16,
                                    numc_gpu_groups(device, count), NUMC_GPU_GROUP);
    return status;
}
