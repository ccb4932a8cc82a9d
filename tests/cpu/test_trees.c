/* test_trees.c - random loop trees, run by the cpu backend and by the reference interpreter: every output byte must agree.
 *
 * Only operations whose bits are defined are used (arithmetic, src/kernel). The trees nest all loop kinds, with extents from
 * arguments and from registers, strided, uniform, reversed and gathered accesses, local arrays, carried registers, several
 * reductions and outputs. Seeds are fixed: no false alarms. */
#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>

#include "../base/effort.h"
#include "backend/build.h"
#include "plugin.h"

enum { BUFFERS = NUMC_BUILD_ACCESSES, DEPTH = NUMC_BUILD_DEPTH, GATHERED = 8 };

typedef struct loop_info {
    int64_t most; /* iterations at most */
    uint32_t kind;
} loop_info;

typedef struct tree {
    rng random;
    numc_build b;
    loop_info loops[DEPTH];
    int depth;
    int64_t work; /* product of the extents around */
    int64_t extents[32];
    int64_t offsets[BUFFERS], strides[BUFFERS * (DEPTH + 1)];
    int64_t sizes[BUFFERS]; /* elements per buffer */
    uint32_t buffer_dtypes[BUFFERS];
    bool shared; /* all float64 accesses lie in one buffer */
    int32_t pool_buffer;
    int part; /* top-level loops so far */
    struct {
        int64_t low, high; /* elements of its buffer it may touch */
        uint32_t loop;     /* node number of the loop around */
        int part;
        bool own, stored;  /* own: each iteration has its own element */
    } facts[BUFFERS];
    uint64_t constants[NUMC_BUILD_NODES];
    int32_t pool[5][NUMC_BUILD_REGISTERS]; /* visible registers by kind */
    int32_t pool_count[5];
    int32_t small[NUMC_BUILD_REGISTERS]; /* int64 registers with values in [0, GATHERED) */
    int32_t small_count;
    bool big;
} tree;

enum { F64, F32, I64, I32, BOOL };
static const uint32_t dtypes[5] = {NUMC_FLOAT64, NUMC_FLOAT32, NUMC_INT64, NUMC_INT32, NUMC_BOOL};

/* Every open loop still wants its last nodes. */
static bool room(const tree *t)
{
    return t->b.source.node_count + 28 + 8 * (uint32_t)t->depth < NUMC_BUILD_NODES &&
           t->b.source.register_count + 16 + 6 * (uint32_t)t->depth < NUMC_BUILD_REGISTERS;
}

static void push(tree *t, int kind, int32_t reg)
{
    t->pool[kind][t->pool_count[kind]++] = reg;
}

static int32_t constant(tree *t, int kind)
{
    int32_t reg = numc_build_constant(&t->b, dtypes[kind]);
    uint64_t *bits = &t->constants[t->b.source.constant_count - 1];
    const double x = 4.0 * rng_unit(&t->random) - 2.0;
    const float x32 = (float)x;
    const int64_t i = rng_below(&t->random, 7) - 3;
    const int32_t i32 = (int32_t)i;
    *bits = 0;
    switch (kind) {
    case F64: memcpy(bits, &x, 8); break;
    case F32: memcpy(bits, &x32, 4); break;
    case I64: memcpy(bits, &i, 8); break;
    case I32: memcpy(bits, &i32, 4); break;
    default: *bits = (uint64_t)(i & 1); break;
    }
    return reg;
}

static int32_t pick(tree *t, int kind)
{
    if (t->pool_count[kind] == 0 || rng_below(&t->random, 12) == 0) {
        int32_t reg = constant(t, kind);
        push(t, kind, reg);
        return reg;
    }
    /* recent registers more often */
    const int64_t n = t->pool_count[kind], back = rng_below(&t->random, n < 4 || rng_below(&t->random, 3) == 0 ? n : 4);
    return t->pool[kind][n - 1 - back];
}

static uint32_t loop_around(const tree *t)
{
    return t->b.open_count > 0 ? t->b.open[t->b.open_count - 1] : UINT32_MAX;
}

/* Strides for an access under the present loops. own: a distinct element for each iteration, as stores need. */
static int32_t new_access(tree *t, uint32_t dtype, bool store, bool own, bool gathered)
{
    const bool pooled = t->shared && dtype == NUMC_FLOAT64;
    if (pooled && t->pool_buffer < 0)
        t->pool_buffer = (int32_t)t->b.source.buffer_count;
    const uint32_t buffer = pooled ? (uint32_t)t->pool_buffer : t->b.source.buffer_count;
    const int32_t a = numc_build_access(&t->b, buffer, dtype, store);
    t->buffer_dtypes[buffer] = dtype;
    int64_t *strides = &t->strides[a * (DEPTH + 1)];
    int64_t low = 0, high = 0;
    memset(strides, 0, (DEPTH + 1) * sizeof *strides);
    if (own) {
        int order[DEPTH];
        for (int d = 0; d < t->depth; d++)
            order[d] = d;
        if (rng_below(&t->random, 3) == 0)
            for (int d = t->depth - 1; d > 0; d--) {
                const int64_t e = rng_below(&t->random, d + 1);
                const int swap = order[d];
                order[d] = order[e];
                order[e] = swap;
            }
        int64_t stride = rng_below(&t->random, 4) == 0 ? 2 : 1;
        if (gathered) {
            strides[DEPTH] = stride;
            high += stride * (GATHERED - 1);
            stride *= GATHERED;
        }
        for (int d = t->depth - 1; d >= 0; d--) {
            const int64_t most = t->loops[order[d]].most;
            strides[order[d]] = rng_below(&t->random, 6) == 0 ? -stride : stride;
            if (strides[order[d]] < 0)
                low -= stride * (most > 0 ? most - 1 : 0);
            else
                high += stride * (most > 0 ? most - 1 : 0);
            stride *= most > 0 ? most : 1;
        }
    } else {
        int64_t natural = 1;
        for (int d = t->depth - 1; d >= 0; d--) {
            static const int64_t choices[] = {0, 1, 2, 3, -1};
            const int64_t most = t->loops[d].most > 0 ? t->loops[d].most : 1;
            int64_t stride = rng_below(&t->random, 2) == 0 ? natural : choices[rng_below(&t->random, 5)];
            strides[d] = stride;
            if (stride < 0)
                low += stride * (most - 1);
            else
                high += stride * (most - 1);
            natural *= most;
        }
        if (gathered) {
            strides[DEPTH] = rng_below(&t->random, 3) + 1;
            high += strides[DEPTH] * (GATHERED - 1);
        }
    }
    /* in the shared buffer an access may read what an earlier top-level loop has written */
    int32_t over = -1;
    if (pooled && !own && t->b.source.access_count > 1 && rng_below(&t->random, 2) == 0) {
        over = (int32_t)rng_below(&t->random, a);
        if (!t->facts[over].stored || t->facts[over].part >= t->part || t->b.accesses[over].buffer != buffer ||
            high - low > t->facts[over].high - t->facts[over].low)
            over = -1;
    }
    const int64_t start = over >= 0 ? t->facts[over].low : t->sizes[buffer] + rng_below(&t->random, 3);
    t->offsets[a] = start - low;
    t->facts[a].low = start;
    t->facts[a].high = start + high - low;
    t->facts[a].loop = loop_around(t);
    t->facts[a].part = t->part;
    t->facts[a].own = own && !gathered;
    t->facts[a].stored = store;
    if (t->facts[a].high >= t->sizes[buffer])
        t->sizes[buffer] = t->facts[a].high + 1;
    return a;
}

static void grow(tree *t, int budget);

static void open_loop(tree *t, uint32_t kind, int64_t most, int32_t from)
{
    int32_t extent = -1;
    if (from < 0 && kind != NUMC_NODE_WHILE) {
        extent = (int32_t)t->b.source.extent_count;
        t->extents[extent] = most;
    }
    numc_build_loop(&t->b, kind, extent, from);
    t->loops[t->depth++] = (loop_info){most, kind};
    t->work *= most > 0 ? most : 1;
}

/* Registers made inside are forgotten afterwards. */
static void close_loop(tree *t, const tree *before)
{
    numc_build_end(&t->b);
    t->depth--;
    t->work = before->work;
    memcpy(t->pool_count, before->pool_count, sizeof t->pool_count);
    t->small_count = before->small_count;
}

static int64_t random_extent(tree *t)
{
    static const int64_t extents[] = {0, 1, 2, 3, 5, 7, 8, 9, 12, 16, 17, 33, 64, 100, 257, 700};
    int64_t n = extents[rng_below(&t->random, t->big && t->depth == 0 ? 16 : 11)];
    return t->work * (n > 0 ? n : 1) > 20000 ? 3 : n;
}

static void operation(tree *t)
{
    static const struct {
        uint16_t operation;
        uint8_t arity, operands, result;
    } table[] = {
        {NUMC_SCALAR_ADD, 2, F64, F64},        {NUMC_SCALAR_ADD, 2, F64, F64},
        {NUMC_SCALAR_SUBTRACT, 2, F64, F64},   {NUMC_SCALAR_MULTIPLY, 2, F64, F64},
        {NUMC_SCALAR_MULTIPLY, 2, F64, F64},   {NUMC_SCALAR_DIVIDE, 2, F64, F64},
        {NUMC_SCALAR_NEGATIVE, 1, F64, F64},   {NUMC_SCALAR_ABS, 1, F64, F64},
        {NUMC_SCALAR_SQUARE, 1, F64, F64},     {NUMC_SCALAR_SQRT, 1, F64, F64},
        {NUMC_SCALAR_EXP, 1, F64, F64},        {NUMC_SCALAR_LOG, 1, F64, F64},
        {NUMC_SCALAR_TANH, 1, F64, F64},       {NUMC_SCALAR_EXPIT, 1, F64, F64},
        {NUMC_SCALAR_LGAMMA, 1, F64, F64},     {NUMC_SCALAR_GAMMAINC, 2, F64, F64},
        {NUMC_SCALAR_MAXIMUM, 2, F64, F64},    {NUMC_SCALAR_MINIMUM, 2, F64, F64},
        {NUMC_SCALAR_FMA, 3, F64, F64},        {NUMC_SCALAR_XLOGY, 2, F64, F64},
        {NUMC_SCALAR_LESS, 2, F64, BOOL},      {NUMC_SCALAR_GREATER_EQUAL, 2, F64, BOOL},
        {NUMC_SCALAR_ADD, 2, F32, F32},        {NUMC_SCALAR_MULTIPLY, 2, F32, F32},
        {NUMC_SCALAR_EXP, 1, F32, F32},        {NUMC_SCALAR_LESS, 2, F32, BOOL},
        {NUMC_SCALAR_ADD, 2, I64, I64},        {NUMC_SCALAR_MULTIPLY, 2, I64, I64},
        {NUMC_SCALAR_FLOOR_DIVIDE, 2, I64, I64}, {NUMC_SCALAR_LESS, 2, I64, BOOL},
        {NUMC_SCALAR_ADD, 2, I32, I32},        {NUMC_SCALAR_SUBTRACT, 2, I32, I32},
        {NUMC_SCALAR_EQUAL, 2, I32, BOOL},     {NUMC_SCALAR_LOGICAL_AND, 2, BOOL, BOOL},
        {NUMC_SCALAR_LOGICAL_NOT, 1, BOOL, BOOL}, {NUMC_SCALAR_LOGICAL_OR, 2, BOOL, BOOL},
    };
    const int64_t row = rng_below(&t->random, sizeof table / sizeof table[0] + 6);
    if (row < (int64_t)(sizeof table / sizeof table[0])) {
        int32_t operands[3] = {-1, -1, -1};
        for (int k = 0; k < table[row].arity; k++)
            operands[k] = pick(t, table[row].operands);
        push(t, table[row].result,
             numc_build_scalar(&t->b, table[row].operation, dtypes[table[row].operands], dtypes[table[row].result],
                               operands[0], operands[1], operands[2], -1));
    } else if (row % 2 == 0) {
        const int kind = (int)rng_below(&t->random, 5);
        const int32_t condition = pick(t, BOOL), x = pick(t, kind), y = pick(t, kind);
        push(t, kind, numc_build_scalar(&t->b, NUMC_SCALAR_WHERE, dtypes[kind], dtypes[kind], condition, x, y, -1));
    } else {
        const int from = (int)rng_below(&t->random, 5), to = (int)rng_below(&t->random, 5);
        push(t, to, numc_build_scalar(&t->b, NUMC_SCALAR_CONVERT, dtypes[to], dtypes[to], pick(t, from), -1, -1, -1));
    }
}

static void load(tree *t)
{
    if (t->b.source.access_count + 1 >= NUMC_BUILD_ACCESSES)
        return;
    const bool gathered = t->small_count > 0 && rng_below(&t->random, 3) == 0;
    const int kind = rng_below(&t->random, 2) == 0 ? F64 : (int)rng_below(&t->random, 5);
    const bool own = !gathered && rng_below(&t->random, 2) == 0;
    const int32_t a = new_access(t, dtypes[kind], false, own, gathered);
    push(t, kind, numc_build_load(&t->b, a, gathered ? t->small[rng_below(&t->random, t->small_count)] : -1));
}

static void store(tree *t)
{
    if (t->b.source.access_count >= NUMC_BUILD_ACCESSES)
        return;
    const bool gathered = t->small_count > 0 && rng_below(&t->random, 4) == 0;
    const int kind = rng_below(&t->random, 2) == 0 ? F64 : (int)rng_below(&t->random, 5);
    const int32_t value = pick(t, kind);
    const int32_t a = new_access(t, dtypes[kind], true, true, gathered);
    numc_build_store(&t->b, a, value, gathered ? t->small[rng_below(&t->random, t->small_count)] : -1);
}

/* x = f(x) in the same elements, and a use of the old or the new x afterwards. */
static void in_place(tree *t)
{
    if (t->b.source.access_count + 3 >= NUMC_BUILD_ACCESSES || t->depth == 0)
        return;
    const int32_t x = new_access(t, NUMC_FLOAT64, false, true, false);
    const int32_t old = numc_build_load(&t->b, x, -1);
    push(t, F64, old);
    operation(t);
    const int32_t value = rng_below(&t->random, 2) == 0 ? pick(t, F64) : numc_build_f64(&t->b, NUMC_SCALAR_SQUARE, old, -1);
    if (rng_below(&t->random, 2) == 0)
        operation(t);
    const int32_t a = numc_build_access(&t->b, t->b.accesses[x].buffer, NUMC_FLOAT64, 1);
    memcpy(&t->strides[a * (DEPTH + 1)], &t->strides[x * (DEPTH + 1)], (DEPTH + 1) * sizeof t->strides[0]);
    t->offsets[a] = t->offsets[x];
    t->facts[a] = t->facts[x];
    t->facts[a].stored = true;
    numc_build_store(&t->b, a, value, -1);
    switch (rng_below(&t->random, 3)) {
    case 0: push(t, F64, numc_build_f64(&t->b, NUMC_SCALAR_ADD, old, pick(t, F64))); break;
    case 1: push(t, F64, numc_build_load(&t->b, x, -1)); break;
    default: break;
    }
}

static void index_of_loop(tree *t)
{
    if (t->depth == 0)
        return;
    const int d = (int)rng_below(&t->random, t->depth);
    const int32_t reg = numc_build_index(&t->b, d);
    push(t, I64, reg);
    if (t->loops[d].most <= GATHERED)
        t->small[t->small_count++] = reg;
}

static void parallel(tree *t, int budget)
{
    const tree before = *t;
    int32_t from = -1;
    int64_t most = random_extent(t);
    if (t->small_count > 0 && rng_below(&t->random, 4) == 0) {
        from = t->small[rng_below(&t->random, t->small_count)];
        most = GATHERED;
    }
    open_loop(t, NUMC_NODE_PARALLEL, most, from);
    grow(t, budget);
    if (room(t))
        store(t);
    close_loop(t, &before);
}

static void reduce(tree *t, int budget)
{
    const tree before = *t;
    int32_t from = -1;
    int64_t most = random_extent(t);
    if (t->small_count > 0 && rng_below(&t->random, 4) == 0) {
        from = t->small[rng_below(&t->random, t->small_count)];
        most = GATHERED;
    }
    open_loop(t, NUMC_NODE_REDUCE, most, from);
    grow(t, budget);
    const int count = 1 + (int)rng_below(&t->random, 2);
    int32_t results[2];
    int kinds[2];
    for (int k = 0; k < count; k++) {
        static const struct {
            uint16_t reduction;
            uint8_t operand, result;
        } table[] = {
            {NUMC_REDUCTION_SUM, F64, F64},    {NUMC_REDUCTION_SUM, F64, F64},    {NUMC_REDUCTION_PROD, F64, F64},
            {NUMC_REDUCTION_MAX, F64, F64},    {NUMC_REDUCTION_MIN, F64, F64},    {NUMC_REDUCTION_SUM, F32, F32},
            {NUMC_REDUCTION_SUM, I64, I64},    {NUMC_REDUCTION_MAX, I32, I32},    {NUMC_REDUCTION_ANY, BOOL, BOOL},
            {NUMC_REDUCTION_ALL, BOOL, BOOL},  {NUMC_REDUCTION_ARGMAX, F64, I64}, {NUMC_REDUCTION_ARGMIN, I32, I64},
        };
        const int64_t row = rng_below(&t->random, sizeof table / sizeof table[0]);
        kinds[k] = table[row].result;
        results[k] = numc_build_accumulate(&t->b, table[row].reduction, dtypes[table[row].operand],
                                           pick(t, table[row].operand));
    }
    close_loop(t, &before);
    for (int k = 0; k < count; k++)
        push(t, kinds[k], results[k]);
}

static void sequential(tree *t, int budget, bool endless)
{
    const tree outside = *t;
    const int count = 1 + (int)rng_below(&t->random, 3);
    int32_t carried[4];
    int kinds[4];
    for (int k = 0; k < count; k++) {
        kinds[k] = rng_below(&t->random, 3) == 0 ? I64 : F64;
        carried[k] = numc_build_carry(&t->b, pick(t, kinds[k]));
    }
    int32_t counter = -1, one = -1;
    int64_t most = random_extent(t);
    if (most > 40)
        most = 40;
    if (endless) {
        one = numc_build_constant(&t->b, NUMC_INT64);
        t->constants[t->b.source.constant_count - 1] = 1;
        int32_t zero = numc_build_constant(&t->b, NUMC_INT64);
        t->constants[t->b.source.constant_count - 1] = 0;
        counter = numc_build_carry(&t->b, zero);
    }
    const tree before = *t;
    open_loop(t, endless ? NUMC_NODE_WHILE : NUMC_NODE_SEQUENTIAL, endless ? most + 1 : most, -1);
    for (int k = 0; k < count; k++)
        push(t, kinds[k], carried[k]);
    const bool late = rng_below(&t->random, 2) == 0;
    if (endless && !late) {
        int32_t limit = numc_build_constant(&t->b, NUMC_INT64);
        t->constants[t->b.source.constant_count - 1] = (uint64_t)most;
        numc_build_continue(&t->b, numc_build_scalar(&t->b, NUMC_SCALAR_LESS, NUMC_INT64, NUMC_BOOL, counter, limit, -1, -1));
    }
    grow(t, budget);
    int32_t given[4];
    for (int k = 0; k < count; k++)
        given[k] = pick(t, kinds[k]);
    if (endless && late) {
        int32_t limit = numc_build_constant(&t->b, NUMC_INT64);
        t->constants[t->b.source.constant_count - 1] = (uint64_t)most;
        numc_build_continue(&t->b, numc_build_scalar(&t->b, NUMC_SCALAR_LESS, NUMC_INT64, NUMC_BOOL, counter, limit, -1, -1));
    }
    if (endless)
        numc_build_update(&t->b, counter,
                          numc_build_scalar(&t->b, NUMC_SCALAR_ADD, NUMC_INT64, NUMC_INT64, counter, one, -1, -1));
    for (int k = 0; k < count; k++)
        numc_build_update(&t->b, carried[k], given[k]);
    close_loop(t, &before);
    memcpy(t->pool_count, outside.pool_count, sizeof t->pool_count);
    for (int k = 0; k < count; k++)
        push(t, kinds[k], carried[k]);
}

/* Fills a local array in one loop and reads it in the next, sometimes backwards. */
static void local_array(tree *t)
{
    if (t->b.source.local_count >= 2 || t->depth + 1 >= DEPTH)
        return;
    const int32_t local = numc_build_local(&t->b, NUMC_FLOAT64, GATHERED);
    static const uint32_t kinds[] = {NUMC_NODE_SEQUENTIAL, NUMC_NODE_PARALLEL};
    tree before = *t;
    open_loop(t, kinds[rng_below(&t->random, 2)], GATHERED, -1);
    operation(t);
    load(t);
    const int32_t value = pick(t, F64);
    numc_build_local_store(&t->b, local, numc_build_index(&t->b, t->depth - 1), value);
    close_loop(t, &before);
    const int32_t seven = numc_build_constant(&t->b, NUMC_INT64);
    t->constants[t->b.source.constant_count - 1] = GATHERED - 1;
    before = *t;
    open_loop(t, NUMC_NODE_REDUCE, GATHERED, -1);
    int32_t element = numc_build_index(&t->b, t->depth - 1);
    if (rng_below(&t->random, 2) == 0)
        element = numc_build_scalar(&t->b, NUMC_SCALAR_SUBTRACT, NUMC_INT64, NUMC_INT64, seven, element, -1, -1);
    const int32_t result = numc_build_accumulate(&t->b, NUMC_REDUCTION_SUM, NUMC_FLOAT64,
                                                 numc_build_local_load(&t->b, local, element));
    close_loop(t, &before);
    push(t, F64, result);
}

static void grow(tree *t, int budget)
{
    const int64_t steps = 1 + rng_below(&t->random, 6);
    for (int64_t s = 0; s < steps && room(t); s++) {
        const int64_t choice = rng_below(&t->random, 21);
        if (choice < 4)
            load(t);
        else if (choice < 5)
            index_of_loop(t);
        else if (choice < 6)
            store(t);
        else if (choice < 7)
            in_place(t);
        else if (choice < 12 || budget <= 0 || t->depth + 1 >= DEPTH)
            operation(t);
        else if (choice < 14)
            parallel(t, budget - 1);
        else if (choice < 17)
            reduce(t, budget - 1);
        else if (choice < 19)
            sequential(t, budget - 1, false);
        else if (choice < 20)
            sequential(t, budget - 1, true);
        else
            local_array(t);
    }
}

static void make_tree(tree *t, uint64_t seed)
{
    memset(t, 0, sizeof *t);
    t->random.state = seed * UINT64_C(0x9e3779b97f4a7c15) + 1;
    t->big = rng_below(&t->random, 2) == 0;
    t->shared = rng_below(&t->random, 2) == 0;
    t->pool_buffer = -1;
    t->work = 1;
    numc_build_begin(&t->b, 3);
    const int64_t parts = 1 + rng_below(&t->random, 3);
    for (int64_t p = 0; p < parts && room(t); p++, t->part++)
        switch (rng_below(&t->random, 4)) {
        case 0:
        case 1: parallel(t, 3); break;
        case 2: reduce(t, 3); break;
        default: grow(t, 3); break;
        }
    for (int kind = 0; kind < 5; kind++) /* what is visible at the end is an output too */
        if (t->pool_count[kind] > 0 && t->b.source.access_count < NUMC_BUILD_ACCESSES &&
            t->b.source.node_count + 2 < NUMC_BUILD_NODES) {
            const int32_t a = new_access(t, dtypes[kind], true, true, false);
            numc_build_store(&t->b, a, t->pool[kind][t->pool_count[kind] - 1], -1);
        }
    /* strides were written with a row of DEPTH + 1 */
    const int64_t row = t->b.source.depth + 1;
    for (int64_t a = 0; a < (int64_t)t->b.source.access_count; a++) {
        int64_t moved[DEPTH + 1];
        memcpy(moved, &t->strides[a * (DEPTH + 1)], sizeof moved);
        for (int64_t d = 0; d < row - 1; d++)
            t->strides[a * row + d] = moved[d];
        t->strides[a * row + row - 1] = moved[DEPTH];
    }
}

static void fill(rng *r, uint32_t dtype, void *memory, int64_t count)
{
    for (int64_t i = 0; i < count; i++) {
        const double x = rng_below(r, 40) == 0 ? 0.0 : 3.0 * rng_unit(r) - 1.0;
        switch (dtype) {
        case NUMC_FLOAT64: ((double *)memory)[i] = rng_below(r, 200) == 0 ? (double)NAN : x; break;
        case NUMC_FLOAT32: ((float *)memory)[i] = (float)x; break;
        case NUMC_INT64: ((int64_t *)memory)[i] = rng_below(r, 11) - 5; break;
        case NUMC_INT32: ((int32_t *)memory)[i] = (int32_t)rng_below(r, 11) - 5; break;
        default: ((uint8_t *)memory)[i] = (uint8_t)rng_below(r, 2); break;
        }
    }
}

/* Equal bytes, or both NaN: which NaN an operation gives is not defined. */
static bool same(uint32_t dtype, const void *x, const void *y, int64_t count)
{
    const int64_t size = (int64_t)numc_dtype_size((numc_dtype)dtype);
    for (int64_t i = 0; i < count; i++) {
        const char *p = (const char *)x + i * size, *q = (const char *)y + i * size;
        if (memcmp(p, q, (size_t)size) == 0)
            continue;
        double a = 0, b = 0;
        float a32 = 0, b32 = 0;
        if (dtype == NUMC_FLOAT64) {
            memcpy(&a, p, 8);
            memcpy(&b, q, 8);
        } else if (dtype == NUMC_FLOAT32) {
            memcpy(&a32, p, 4);
            memcpy(&b32, q, 4);
            a = (double)a32;
            b = (double)b32;
        }
        if (a == a || b == b) {
            print_message("element %lld: %.17g %.17g\n", (long long)i, a, b);
            return false;
        }
    }
    return true;
}

static plugin cpu;

static void check_tree(uint64_t seed, tree *t)
{
    make_tree(t, seed);
    const numc_kernel_source *source = &t->b.source;
    void *expected[BUFFERS], *thrice[BUFFERS], *found[BUFFERS], *again[BUFFERS];
    for (uint32_t a = 0; a < source->buffer_count; a++) {
        const uint32_t dtype = t->buffer_dtypes[a];
        const size_t size = (size_t)t->sizes[a] * numc_dtype_size((numc_dtype)dtype);
        expected[a] = malloc(size);
        thrice[a] = malloc(size);
        found[a] = malloc(size);
        again[a] = malloc(size);
        fill(&t->random, dtype, expected[a], t->sizes[a]);
        memcpy(thrice[a], expected[a], size);
        memcpy(found[a], expected[a], size);
        memcpy(again[a], expected[a], size);
    }
    numc_kernel_arguments arguments = {expected, t->extents, t->offsets, t->strides, t->constants};
    if (numc__ref_kernel_run(&cpu.host, source, &arguments) != NUMC_OK)
        fail_msg("tree %llu: the reference refuses it: %s", (unsigned long long)seed, cpu.message);
    arguments.buffers = thrice; /* a kernel may change what it reads */
    for (int k = 0; k < 3; k++)
        assert_int_equal(numc__ref_kernel_run(&cpu.host, source, &arguments), NUMC_OK);

    numc_kernel *kernel;
    const int64_t live = cpu.live;
    if (cpu.table->kernel_build(cpu.device, source, &kernel) != NUMC_OK)
        fail_msg("tree %llu: refused: %s", (unsigned long long)seed, cpu.message);
    arguments.buffers = found;
    assert_int_equal(cpu.table->kernel_run(cpu.device, kernel, &arguments), NUMC_OK);
    arguments.buffers = again;
    numc_launch *launch;
    assert_int_equal(cpu.table->launch_prepare(cpu.device, kernel, &arguments, &launch), NUMC_OK);
    const int64_t calls = cpu.calls;
    for (int k = 0; k < 3; k++)
        assert_int_equal(cpu.table->launch_run(cpu.device, launch), NUMC_OK);
    assert_int_equal(cpu.calls, calls); /* running allocates nothing */
    cpu.table->launch_release(cpu.device, launch);
    cpu.table->kernel_release(cpu.device, kernel);
    assert_int_equal(cpu.live, live);
    for (uint32_t a = 0; a < source->buffer_count; a++) {
        if (!same(t->buffer_dtypes[a], expected[a], found[a], t->sizes[a]) ||
            !same(t->buffer_dtypes[a], thrice[a], again[a], t->sizes[a]))
            fail_msg("tree %llu, buffer %u differs from the reference", (unsigned long long)seed, a);
        free(expected[a]);
        free(thrice[a]);
        free(found[a]);
        free(again[a]);
    }
}

static void random_trees_agree_with_the_reference(void **state)
{
    (void)state;
    tree *t = malloc(sizeof *t);
    const char *only = getenv("NUMC_TEST_TREE");
    if (only != NULL) {
        check_tree(strtoull(only, NULL, 10), t);
    } else {
        for (uint64_t seed = 1; seed <= (uint64_t)PART_OF(2500); seed++)
            check_tree(seed, t);
    }
    free(t);
}

static void random_trees_agree_when_split_over_threads(void **state)
{
    (void)state;
    tree *t = malloc(sizeof *t);
    cpu.threads = 3;
    for (uint64_t seed = 10001; seed <= 10000 + (uint64_t)PART_OF(300); seed++)
        check_tree(seed, t);
    cpu.threads = 1;
    free(t);
}

static int set_up(void **state)
{
    (void)state;
    return plugin_open(&cpu);
}

static int tear_down(void **state)
{
    (void)state;
    plugin_close(&cpu);
    return cpu.live != 0;
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(random_trees_agree_with_the_reference),
        cmocka_unit_test(random_trees_agree_when_split_over_threads),
    };
    return cmocka_run_group_tests_name("cpu_trees", tests, set_up, tear_down);
}
