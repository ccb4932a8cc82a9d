/* fourier.c - Fourier transforms along one axis. Lines that fit the memory a group shares are one launch, several short ones to a
 * group; longer ones are a launch for each pass through scratch. Passes are Stockham's, of radix 4, 2 and primes up to 64; a length
 * with a larger prime goes through Bluestein's convolution of a power of two. Roots of unity are made on the device by each call, with
 * the reduction in integers (src/kernel/roots.h). The formulas are those of backends/ref/fft.c. */
#include "gpu/internal.h"

/* Scratch: `size` roots exp(-2 pi i k / size); for Bluestein the chirp (n), the line whose transform is the response (size), room for its
 * transform (size); where lines do not fit a group, twice all of them. */
enum {
    LINES,                      /* how many */
    LENGTH, SIZE,               /* n; of the transform: n, or Bluestein's power of two */
    BACKWARD,
    GIVEN, WANTED,              /* terms of a line of x, of y */
    OFFSETS, STRIDES = OFFSETS + 2, COMPONENTS = STRIDES + 2, /* of x, y; components of an element */
    INNER = COMPONENTS + 2,     /* lines inside the axis */
    BLUESTEIN,
    TOGETHER, ACROSS,           /* lines of a group; whether neighbours in memory belong to neighbouring lines */
    OUTER_AXES = 16, INNER_AXES = 25,
    PART = 34, RADIX, FROM, TO, /* of a pass: size / (what is done x radix) */
    RESPONSE,
    FACTORS, FACTOR,            /* how many, and which, of size */
    FOURIER_WORDS = NUMC_GPU_WORDS,
    FACTORS_MOST = FOURIER_WORDS - FACTOR,
};
enum { PRIME_MOST = 64, LINE_MOST = 1024, GROUP_LEAST = 512 };

/* With X_s(k) the transform of length `done` of every m-th element from s on, m = size / done, at place k m + s: the next one of
 * length done r at K is sum_j root(j K) X_(s + j m / r)(K mod done). From a to z, for `lines` of `size`, part = m / r. */
#define PASS(TYPE, FIRST_ONE, STEP_OF)                                                                                     \
    "if (radix == 4)\n"                                                                                                   \
    "    for (" TYPE " e = " FIRST_ONE "; e < lines * (size / 4); e += " STEP_OF ") {\n"                                  \
    "        " TYPE " quarter = size / 4, line = e / quarter, b = e - line * quarter, k = b / part * part;\n"             \
    "        " TYPE " at = line * size + 3 * k + b, to = line * size + b;\n"                                              \
    "        T p = a[at], q = MUL(a[at + part], roots[k]), r = MUL(a[at + 2 * part], roots[2 * k]);\n"                    \
    "        T s = MUL(a[at + 3 * part], roots[3 * k]);\n"                                                                \
    "        T even = ADD(p, r), odd = SUB(p, r), sum = ADD(q, s), apart = SUB(q, s);\n"                                  \
    "        T turned = numc_g_pair(apart.im, -apart.re);\n"                                                              \
    "        z[to] = ADD(even, sum);\n"                                                                                   \
    "        z[to + quarter] = ADD(odd, turned);\n"                                                                       \
    "        z[to + 2 * quarter] = SUB(even, sum);\n"                                                                     \
    "        z[to + 3 * quarter] = SUB(odd, turned);\n"                                                                   \
    "    }\n"                                                                                                             \
    "else\n"                                                                                                              \
    "    for (" TYPE " e = " FIRST_ONE "; e < lines * size; e += " STEP_OF ") {\n"                                        \
    "        " TYPE " line = e / size, rest = e - line * size, k = rest / part, done = size / (part * radix);\n"          \
    "        " TYPE " at = line * size + k % done * part * radix + rest - k * part, angle = 0;\n"                         \
    "        T sum = a[at];\n"                                                                                            \
    "        for (" TYPE " j = 1; j < radix; j++) {\n"                                                                    \
    "            at += part;\n"                                                                                           \
    "            angle += k * part;\n"                                                                                    \
    "            angle -= angle >= size ? size : 0;\n"                                                                    \
    "            sum = ADD(sum, MUL(a[at], roots[angle]));\n"                                                             \
    "        }\n"                                                                                                         \
    "        z[e] = sum;\n"                                                                                               \
    "    }\n"

/* The numbers of words are those of the enum above. */
static const char common_text[] = NUMC_GPU_SPLIT_TEXT
    "#define PLACES(number) word from = W(6), to = W(7), outer = (number) / W(12), inner = (number) - outer * W(12); "
    "{ SPLIT(outer, 16); from += PLACE(16, 0); to += PLACE(16, 1); } "
    "{ SPLIT(inner, 25); from += PLACE(25, 0); to += PLACE(25, 1); }\n"
    /* of a real line's transform what is not given is the conjugate, and the ends are real */
    "FN T numc_g_term(GLOBAL const R *x, word from, word k, word n, word given, word stride, word parts, int real, int backward)\n"
    "{\n"
    "    word at = (from + (k < given ? k : n - k) * stride) * parts;\n"
    "    R im = parts == 1 || (real && (k == 0 || 2 * k == n)) ? (R)0 : x[at + parts - 1];\n"
    "    return numc_g_pair(x[at], (k >= given) != backward ? -im : im);\n"
    "}\n"
    "#define TERM(k) numc_g_term(x, from, k, W(1), W(4), W(8), W(10), W(11) == 1, W(3) != 0)\n"
    "FN void numc_g_put(GLOBAL R *y, word at, word parts, T value, int backward)\n"
    "{\n"
    "    y[at * parts] = value.re;\n"
    "    if (parts == 2)\n"
    "        y[at * parts + 1] = backward ? -value.im : value.im;\n"
    "}\n"
    "#define PUT(k, value) numc_g_put(y, to + (k) * W(9), W(11), value, W(3) != 0)\n"
    /* forwards for backwards, and back */
    "#define EXCHANGED(a) numc_g_pair((a).im, (a).re)\n";

static const char lines_text[] =
    "KERNEL tables(GLOBAL T *room, WORDS)\n"
    "{\n"
    "    word n = W(1), size = W(2);\n"
    "    for (word e = FIRST; e < size; e += STEP) {\n"
    "        numc_k_root_pair root = numc_k_root(e, size);\n"
    "        room[e] = numc_g_pair((R)root.re, (R)-root.im);\n"
    "        if (W(13) == 0)\n"
    "            continue;\n"
    "        word k = e < n ? e : size - e;\n"
    "        T value = ZERO;\n"
    "        if (k < n) {\n"
    "            root = numc_k_root(k * k % (2 * n), 2 * n);\n"
    "            value = numc_g_pair((R)(root.re / size), (R)(root.im / size));\n"
    "        }\n"
    "        if (e < n)\n"
    "            room[size + e] = numc_g_pair((R)root.re, (R)-root.im);\n"
    "        room[size + n + e] = value;\n"
    "    }\n"
    "}\n"
    "KERNEL lines(GLOBAL const R *x, GLOBAL R *y, GLOBAL const T *room, WORDS)\n"
    "{\n"
    "    SHARED T front[LINE];\n"
    "    SHARED T back[LINE];\n"
    "    LOCAL T *a = front, *z = back;\n"
    "    GLOBAL const T *roots = room;\n"
    "    const int item = ITEM, n = (int)W(1), size = (int)W(2);\n"
    "    const word base = NUMBER * W(14);\n"
    "    const int lines = (int)(W(0) - base < W(14) ? W(0) - base : W(14));\n"
    "    for (int e = item; e < lines * size; e += GROUP) {\n"
    "        int line = W(15) != 0 ? e % lines : e / size, k = W(15) != 0 ? e / lines : e % size;\n"
    "        PLACES(base + line);\n"
    "        T value = ZERO;\n"
    "        if (k < n)\n"
    "            value = W(13) != 0 ? MUL(TERM(k), room[size + k]) : TERM(k);\n"
    "        a[line * size + k] = value;\n"
    "    }\n"
    "    BARRIER();\n"
    "    for (int round = 0; round <= (int)W(13); round++) {\n"
    "        int part = size;\n"
    "        for (int f = 0; f < (int)W(39); f++) {\n"
    "            const int radix = (int)W(40 + f);\n"
    "            LOCAL T *swap = a;\n"
    "            part /= radix;\n"
    PASS("int", "item", "GROUP")
    "            BARRIER();\n"
    "            a = z;\n"
    "            z = swap;\n"
    "        }\n"
    "        for (int e = item; round < (int)W(13) && e < lines * size; e += GROUP) {\n"
    "            T value = MUL(a[e], room[W(38) + e % size]);\n"
    "            a[e] = EXCHANGED(value);\n"
    "        }\n"
    "        BARRIER();\n"
    "    }\n"
    "    const int wanted = (int)W(5);\n"
    "    for (int e = item; e < lines * wanted; e += GROUP) {\n"
    "        int line = W(15) != 0 ? e % lines : e / wanted, k = W(15) != 0 ? e / lines : e % wanted;\n"
    "        PLACES(base + line);\n"
    "        T value = a[line * size + k];\n"
    "        if (W(13) != 0)\n"
    "            value = MUL(EXCHANGED(value), room[size + k]);\n"
    "        PUT(k, value);\n"
    "    }\n"
    "}\n";

static const char long_text[] =
    "KERNEL load(GLOBAL const R *x, GLOBAL T *room, WORDS)\n"
    "{\n"
    "    const word size = W(2);\n"
    "    for (word e = FIRST; e < W(0) * size; e += STEP) {\n"
    "        word line = e / size, k = e - line * size;\n"
    "        PLACES(line);\n"
    "        T value = ZERO;\n"
    "        if (k < W(1))\n"
    "            value = W(13) != 0 ? MUL(TERM(k), room[size + k]) : TERM(k);\n"
    "        room[W(37) + e] = value;\n"
    "    }\n"
    "}\n"
    "KERNEL pass(GLOBAL T *room, WORDS)\n"
    "{\n"
    "    GLOBAL const T *roots = room;\n"
    "    GLOBAL const T *a = room + W(36);\n"
    "    GLOBAL T *z = room + W(37);\n"
    "    const word lines = W(0), size = W(2), part = W(34), radix = W(35);\n"
    PASS("word", "FIRST", "STEP")
    "}\n"
    "KERNEL times(GLOBAL T *room, WORDS)\n"
    "{\n"
    "    for (word e = FIRST; e < W(0) * W(2); e += STEP) {\n"
    "        T value = MUL(room[W(36) + e], room[W(38) + e % W(2)]);\n"
    "        room[W(36) + e] = EXCHANGED(value);\n"
    "    }\n"
    "}\n"
    "KERNEL store(GLOBAL const T *room, GLOBAL R *y, WORDS)\n"
    "{\n"
    "    const word wanted = W(5);\n"
    "    for (word e = FIRST; e < W(0) * wanted; e += STEP) {\n"
    "        word line = e / wanted, k = e - line * wanted;\n"
    "        PLACES(line);\n"
    "        T value = room[W(36) + line * W(2) + k];\n"
    "        if (W(13) != 0)\n"
    "            value = MUL(EXCHANGED(value), room[W(2) + k]);\n"
    "        PUT(k, value);\n"
    "    }\n"
    "}\n";

/* Elements of a line that a group holds twice in half of what it shares. */
static int64_t line_most(const numc_device *device, uint32_t dtype)
{
    const int64_t fit = (int64_t)device->facts.local_bytes / 4 / (int64_t)numc_gpu_size(dtype);
    return fit > LINE_MOST ? LINE_MOST : fit > 128 ? fit : 128;
}

static int32_t run(numc_device *device, const char *text, const char *name, uint32_t dtype, const numc_view *const *views, uint32_t view_count,
                   const int64_t *words, uint64_t groups)
{
    numc_gpu_text defines = {.device = device};
    void *kernel;
    (void)numc_gpu_arithmetic(&defines, dtype);
    numc_gpu_text_format(&defines, "#define LINE %d\n", (int)line_most(device, dtype));
    numc_gpu_text_add(&defines, common_text, sizeof common_text - 1);
    int32_t status = defines.failed ? numc_gpu_fail(device, NUMC_MEMORY, "out of memory for the text of a program")
                                    : numc_gpu_fixed_kernel(device, text, defines.data, name, &kernel);
    numc_gpu_text_end(&defines);
    return status != NUMC_OK
               ? status
               : numc_gpu_fixed_run(device, kernel, views, view_count, words, FOURIER_WORDS, groups, NUMC_GPU_GROUP);
}

/* size and its factors, fours first. False: too long. */
static bool factorise(int64_t n, int64_t *words)
{
    int64_t rest = n, count = 0;
    for (int64_t r = 4; r <= PRIME_MOST && rest > 1; r = r == 4 ? 2 : r == 3 ? 5 : r + 1)
        for (; rest % r == 0 && count < FACTORS_MOST; rest /= r)
            words[FACTOR + count++] = r;
    words[LENGTH] = words[SIZE] = n;
    words[BLUESTEIN] = rest > 1;
    words[FACTORS] = count;
    if (rest == 1)
        return true;
    if (n >= INT64_C(1) << 31)
        return false;
    int64_t size = 1;
    for (count = 0; size < 2 * n - 1; size *= words[FACTOR + count++])
        words[FACTOR + count] = 4 * size > 2 * (2 * n - 1) ? 2 : 4;
    words[SIZE] = size;
    words[FACTORS] = count;
    return true;
}

/* Transforms words[LINES] lines of scratch at words[FROM], turn by turn with those at `other`; words[FROM] is then where they are. */
static int32_t passes(numc_device *device, uint32_t dtype, const numc_view *room, int64_t *words, int64_t other)
{
    int32_t status = NUMC_OK;
    words[PART] = words[SIZE];
    for (int64_t f = 0; f < words[FACTORS] && status == NUMC_OK; f++) {
        words[RADIX] = words[FACTOR + f];
        words[PART] /= words[RADIX];
        words[TO] = other;
        const int64_t items = words[LINES] * words[SIZE] / (words[RADIX] == 4 ? 4 : 1);
        status = run(device, long_text, "pass", dtype, (const numc_view *[]){room}, 1, words, numc_gpu_groups(device, items));
        other = words[FROM];
        words[FROM] = words[TO];
    }
    return status;
}

/* The transform of the line behind the chirp; words[RESPONSE] is then where it is. */
static int32_t respond(numc_device *device, uint32_t dtype, const numc_view *room, int64_t *words, bool in_groups)
{
    int64_t one[FOURIER_WORDS] = {[LINES] = 1, [LENGTH] = words[SIZE], [SIZE] = words[SIZE], [GIVEN] = words[SIZE], [WANTED] = words[SIZE],
                                  [STRIDES] = 1, 1, [COMPONENTS] = 2, 2, [INNER] = 1, [TOGETHER] = 1};
    const int64_t line = words[SIZE] + words[LENGTH], transformed = line + words[SIZE];
    memcpy(one + FACTORS, words + FACTORS, (FOURIER_WORDS - FACTORS) * sizeof *one);
    for (int d = 0; d < 3; d++)
        one[OUTER_AXES + d] = one[INNER_AXES + d] = 1;
    one[FROM] = one[OFFSETS] = line;
    one[OFFSETS + 1] = transformed;
    int32_t status = in_groups ? run(device, lines_text, "lines", dtype, (const numc_view *[]){room, room, room}, 3, one, 1)
                               : passes(device, dtype, room, one, transformed);
    words[RESPONSE] = in_groups ? transformed : one[FROM];
    return status;
}

static int32_t transform(numc_device *device, uint32_t dtype, const numc_view *x, const numc_view *y, const numc_view *room, int64_t *words,
                         bool in_groups)
{
    const int64_t size = words[SIZE], all = words[LINES] * size;
    int32_t status = run(device, lines_text, "tables", dtype, (const numc_view *[]){room}, 1, words, numc_gpu_groups(device, size));
    if (status == NUMC_OK && words[BLUESTEIN])
        status = respond(device, dtype, room, words, in_groups);
    if (status != NUMC_OK)
        return status;
    if (in_groups) {
        const int64_t fit = line_most(device, dtype) / size, enough = GROUP_LEAST / size > 1 ? GROUP_LEAST / size : 1;
        words[TOGETHER] = fit < enough ? fit : enough;
        words[ACROSS] = words[STRIDES] != 1;
        return run(device, lines_text, "lines", dtype, (const numc_view *[]){x, y, room}, 3, words,
                   (uint64_t)((words[LINES] + words[TOGETHER] - 1) / words[TOGETHER]));
    }
    const int64_t first = words[BLUESTEIN] ? 3 * size + words[LENGTH] : size, second = first + all;
    words[TO] = first;
    status = run(device, long_text, "load", dtype, (const numc_view *[]){x, room}, 2, words, numc_gpu_groups(device, all));
    words[FROM] = first;
    if (status == NUMC_OK)
        status = passes(device, dtype, room, words, second);
    if (status == NUMC_OK && words[BLUESTEIN]) {
        status = run(device, long_text, "times", dtype, (const numc_view *[]){room}, 1, words, numc_gpu_groups(device, all));
        if (status == NUMC_OK)
            status = passes(device, dtype, room, words, words[FROM] == first ? second : first);
    }
    if (status == NUMC_OK)
        status = run(device, long_text, "store", dtype, (const numc_view *[]){room, y}, 2, words,
                     numc_gpu_groups(device, words[LINES] * words[WANTED]));
    return status;
}

static uint32_t component_of(uint32_t dtype)
{
    return dtype == NUMC_COMPLEX64 || dtype == NUMC_FLOAT32     ? (uint32_t)NUMC_FLOAT32
           : dtype == NUMC_COMPLEX128 || dtype == NUMC_FLOAT64 ? (uint32_t)NUMC_FLOAT64
                                                               : 0;
}

int32_t numc_gpu_fft(numc_device *device, const numc_view *x, int32_t axis, int32_t direction, const numc_view *y)
{
    const uint32_t component = component_of(x->dtype);
    const bool from_real = x->dtype == component, to_real = y->dtype == component;
    if (component == 0 || component != component_of(y->dtype) || (from_real && (to_real || direction > 0)) || (to_real && direction < 0))
        return numc_gpu_fail(device, NUMC_UNSUPPORTED, "fft: dtypes not supported");
    if (axis < 0 || axis >= x->rank || x->rank != y->rank)
        return numc_gpu_fail(device, NUMC_INVALID_ARGUMENT, "fft: views do not fit");
    const int64_t n = to_real ? y->shape[axis] : x->shape[axis], terms = n / 2 + 1;
    bool fits = n >= 1 && x->shape[axis] == (to_real ? terms : n) && y->shape[axis] == (from_real ? terms : n);
    for (int32_t d = 0; d < x->rank; d++)
        fits = fits && (d == axis || x->shape[d] == y->shape[d]);
    if (!fits)
        return numc_gpu_fail(device, NUMC_INVALID_ARGUMENT, "fft: views do not fit");
    int64_t words[FOURIER_WORDS] = {
        [BACKWARD] = direction > 0, [GIVEN] = x->shape[axis], [WANTED] = y->shape[axis], [OFFSETS] = x->offset, y->offset,
        [STRIDES] = x->strides[axis], y->strides[axis], [COMPONENTS] = from_real ? 1 : 2, to_real ? 1 : 2};
    const numc_view *const views[] = {x, y};
    const int64_t outer = numc_gpu_join(views, (int32_t[]){0, 0}, 2, axis, words + OUTER_AXES);
    const int64_t inner = numc_gpu_join(views, (int32_t[]){axis + 1, axis + 1}, 2, x->rank - axis - 1, words + INNER_AXES);
    if (outer < 0 || inner < 0 || !factorise(n, words))
        return numc_gpu_fail(device, NUMC_UNSUPPORTED, outer < 0 || inner < 0 ? "fft: the axes of these views do not join to three"
                                                                             : "fft: the line is too long");
    if (outer == 0 || inner == 0)
        return NUMC_OK;
    words[LINES] = outer * inner;
    words[INNER] = inner;
    const uint32_t dtype = component == NUMC_FLOAT32 ? NUMC_COMPLEX64 : NUMC_COMPLEX128;
    const bool in_groups = words[SIZE] <= line_most(device, dtype);
    const int64_t elements = words[SIZE] + (words[BLUESTEIN] ? n + 2 * words[SIZE] : 0) + (in_groups ? 0 : 2 * words[LINES] * words[SIZE]);
    const uint64_t bytes = (uint64_t)elements * numc_gpu_size(dtype);
    void *memory;
    int32_t status = numc_gpu_memory_allocate(device, bytes, &memory);
    if (status != NUMC_OK)
        return status;
    const numc_view room = {.memory = memory, .dtype = dtype};
    status = transform(device, dtype, x, y, &room, words, in_groups);
    numc_gpu_memory_release(device, memory, bytes);
    return status;
}
