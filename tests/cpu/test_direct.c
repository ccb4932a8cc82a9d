/* test_direct.c - kernels of one leaf, which the cpu backend runs without a plan, against the reference interpreter on random
 * extents and strides (turned, reversed, repeated, with gaps), with one thread and with more: results agree to the bit. */
#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>

#include "backend/build.h"
#include "plugin.h"

static plugin cpu;
static rng r = {1234};

enum { BYTES = 1 << 18, DEPTH = 4, OPERANDS = 3, TURNS = 60 };
static _Alignas(64) unsigned char inputs[OPERANDS][BYTES], expected[BYTES], found[BYTES];

static const struct {
    const char *name;
    uint32_t operation, dtype, operand, result;
    int operands;
    bool reduces;
} forms[] = {
    {"copy 8", 0, NUMC_FLOAT64, NUMC_FLOAT64, NUMC_FLOAT64, 1, false},
    {"copy 2", 0, NUMC_INT16, NUMC_INT16, NUMC_INT16, 1, false},
    {"add", NUMC_SCALAR_ADD, NUMC_FLOAT64, NUMC_FLOAT64, NUMC_FLOAT64, 2, false},
    {"add float32", NUMC_SCALAR_ADD, NUMC_FLOAT32, NUMC_FLOAT32, NUMC_FLOAT32, 2, false},
    {"subtract uint8", NUMC_SCALAR_SUBTRACT, NUMC_UINT8, NUMC_UINT8, NUMC_UINT8, 2, false},
    {"less", NUMC_SCALAR_LESS, NUMC_FLOAT64, NUMC_FLOAT64, NUMC_BOOL, 2, false},
    {"pow", NUMC_SCALAR_POW, NUMC_FLOAT64, NUMC_FLOAT64, NUMC_FLOAT64, 2, false},
    {"exp", NUMC_SCALAR_EXP, NUMC_FLOAT32, NUMC_FLOAT32, NUMC_FLOAT32, 1, false},
    {"fma", NUMC_SCALAR_FMA, NUMC_FLOAT64, NUMC_FLOAT64, NUMC_FLOAT64, 3, false},
    {"convert", NUMC_SCALAR_CONVERT, NUMC_INT16, NUMC_FLOAT32, NUMC_INT16, 1, false},
    {"where", NUMC_SCALAR_WHERE, NUMC_INT32, NUMC_INT32, NUMC_INT32, 3, false},
    {"sum", NUMC_REDUCTION_SUM, NUMC_FLOAT64, NUMC_FLOAT64, NUMC_FLOAT64, 1, true},
    {"sum float32", NUMC_REDUCTION_SUM, NUMC_FLOAT32, NUMC_FLOAT32, NUMC_FLOAT32, 1, true},
    {"prod int16", NUMC_REDUCTION_PROD, NUMC_INT16, NUMC_INT16, NUMC_INT16, 1, true},
    {"max", NUMC_REDUCTION_MAX, NUMC_FLOAT64, NUMC_FLOAT64, NUMC_FLOAT64, 1, true},
    {"min float32", NUMC_REDUCTION_MIN, NUMC_FLOAT32, NUMC_FLOAT32, NUMC_FLOAT32, 1, true},
    {"argmax", NUMC_REDUCTION_ARGMAX, NUMC_FLOAT64, NUMC_FLOAT64, NUMC_INT64, 1, true},
    {"argmin", NUMC_REDUCTION_ARGMIN, NUMC_INT32, NUMC_INT32, NUMC_INT64, 1, true},
};

static void fill(unsigned char *memory, uint32_t dtype)
{
    const int64_t size = (int64_t)numc_dtype_size((numc_dtype)dtype);
    const bool special = rng_below(&r, 4) == 0; /* few NaN, so that extremes without one are met too */
    for (int64_t i = 0; i < BYTES / size; i++) {
        const int64_t k = rng_below(&r, 2000) - 1000;
        const double x = special && k == 4 ? (double)NAN : k == 3 ? -0.0 : k == 2 ? 0.0 : (double)k * 0.037;
        const float x32 = (float)x;
        switch (dtype) {
        case NUMC_FLOAT64: memcpy(memory + i * 8, &x, 8); break;
        case NUMC_FLOAT32: memcpy(memory + i * 4, &x32, 4); break;
        case NUMC_BOOL: memory[i] = (unsigned char)(k & 1); break;
        default: memcpy(memory + i * size, &k, (size_t)size); break;
        }
    }
}

/* Strides over the extents in some order of the axes, some reversed, some 0; the offset keeps all of it in the buffer. */
static int64_t lay_out(int depth, const int64_t *extents, bool result, int reduced, int64_t *strides)
{
    int order[DEPTH];
    for (int d = 0; d < depth; d++)
        order[d] = d;
    for (int d = depth - 1; d > 0 && rng_below(&r, 2) == 0; d--) {
        const int64_t e = rng_below(&r, d + 1);
        const int swap = order[d];
        order[d] = order[e];
        order[e] = swap;
    }
    int64_t stride = rng_below(&r, 3) == 0 ? 2 : 1, offset = 5;
    for (int k = depth - 1; k >= 0; k--) {
        const int d = order[k];
        strides[d] = result && d == reduced ? 0 : !result && rng_below(&r, 6) == 0 ? 0 : stride;
        if (rng_below(&r, 8) == 0) {
            strides[d] = -strides[d];
            offset += strides[d] < 0 ? -strides[d] * (extents[d] > 0 ? extents[d] - 1 : 0) : 0;
        }
        stride *= d == reduced && result ? 1 : extents[d] > 0 ? extents[d] : 1;
    }
    return offset;
}

static void check_form(size_t f)
{
    static const int64_t sizes[] = {0, 1, 2, 7, 8, 9, 16, 17, 64, 65, 130, 600, 1100};
    int64_t extents[DEPTH], offsets[OPERANDS + 1] = {0}, strides[(OPERANDS + 1) * (DEPTH + 1)] = {0}, total = 1;
    const int depth = 1 + (int)rng_below(&r, 3);
    for (int d = 0; d < depth; d++) {
        do
            extents[d] = sizes[rng_below(&r, (int64_t)(sizeof sizes / sizeof sizes[0]))];
        while (total * (extents[d] > 0 ? extents[d] : 1) > BYTES / 64);
        total *= extents[d] > 0 ? extents[d] : 1;
    }
    numc_build b;
    numc_build_begin(&b, 1);
    const bool reduces = forms[f].reduces;
    int32_t access[OPERANDS + 1], operands[4] = {-1, -1, -1, -1};
    uint64_t constants[OPERANDS] = {0};
    void *buffers[OPERANDS + 1];
    int32_t count = 0, constant_count = 0;
    const int64_t which = reduces || rng_below(&r, 3) != 0 || forms[f].operands == 1 ? -1 : rng_below(&r, forms[f].operands);
    for (int k = 0; k < forms[f].operands; k++) {
        const uint32_t dtype = forms[f].operation == NUMC_SCALAR_WHERE && !reduces && k == 0 ? NUMC_BOOL : forms[f].operand;
        fill(inputs[k], dtype);
        if (k == which) {
            operands[k] = numc_build_constant(&b, dtype);
            memcpy(&constants[constant_count++], inputs[k], numc_dtype_size((numc_dtype)dtype));
            continue;
        }
        access[count] = numc_build_access(&b, (uint32_t)count, dtype, 0);
        buffers[count] = inputs[k];
        offsets[count] = lay_out(depth, extents, false, -1, strides + count * (depth + 1));
        operands[k] = -2 - count++;
    }
    access[count] = numc_build_access(&b, (uint32_t)count, forms[f].result, 1);
    offsets[count] = lay_out(depth, extents, true, reduces ? depth - 1 : -1, strides + count * (depth + 1));
    for (int d = 0; d < depth; d++)
        numc_build_loop(&b, reduces && d == depth - 1 ? NUMC_NODE_REDUCE : NUMC_NODE_PARALLEL, d, -1);
    for (int k = 0; k < forms[f].operands; k++)
        if (operands[k] < -1)
            operands[k] = numc_build_load(&b, access[-2 - operands[k]], -1);
    int32_t value = operands[0];
    if (reduces) {
        value = numc_build_accumulate(&b, forms[f].operation, forms[f].dtype, operands[0]);
        numc_build_end(&b);
    } else if (forms[f].operation != 0) {
        value = numc_build_scalar(&b, forms[f].operation, forms[f].dtype, forms[f].result, operands[0], operands[1],
                                  operands[2], -1);
    }
    numc_build_store(&b, access[count], value, -1);
    for (int d = 0; d < depth - reduces; d++)
        numc_build_end(&b);
    fill(expected, forms[f].result);
    memcpy(found, expected, BYTES);
    numc_kernel_arguments arguments = {buffers, extents, offsets, strides, constants};
    buffers[count] = expected;
    assert_int_equal(numc__ref_kernel_run(&cpu.host, &b.source, &arguments), NUMC_OK);
    buffers[count] = found;
    numc_kernel *kernel;
    assert_int_equal(cpu.table->kernel_build(cpu.device, &b.source, &kernel), NUMC_OK);
    const int64_t calls = cpu.calls;
    cpu.threads = 1 + (int32_t)rng_below(&r, 4);
    assert_int_equal(cpu.table->kernel_run(cpu.device, kernel, &arguments), NUMC_OK);
    if (extents[depth - 1] >= 8 || depth == 1)
        assert_int_equal(cpu.calls, calls); /* no plan, no memory */
    cpu.table->kernel_release(cpu.device, kernel);
    if (memcmp(expected, found, BYTES) != 0) {
        const size_t size = numc_dtype_size((numc_dtype)forms[f].result);
        for (size_t i = 0; i < BYTES / size; i++) {
            double x = 0, y = 0;
            float x32 = 0, y32 = 0;
            memcpy(&x, expected + i * size, size == 8 ? 8 : 0);
            memcpy(&y, found + i * size, size == 8 ? 8 : 0);
            memcpy(&x32, expected + i * size, size == 4 ? 4 : 0);
            memcpy(&y32, found + i * size, size == 4 ? 4 : 0);
            const bool nan = forms[f].result == NUMC_FLOAT64 ? x != x && y != y
                             : forms[f].result == NUMC_FLOAT32 && x32 != x32 && y32 != y32; /* whichever NaN */
            if (!nan && memcmp(expected + i * size, found + i * size, size) != 0)
                fail_msg("%s, depth %d, extents %lld %lld %lld: element %zu differs", forms[f].name, depth, (long long)extents[0],
                         (long long)(depth > 1 ? extents[1] : 0), (long long)(depth > 2 ? extents[2] : 0), i);
        }
    }
}

static void kernels_of_one_leaf_agree_with_the_reference(void **state)
{
    (void)state;
    for (int turn = 0; turn < TURNS; turn++)
        for (size_t f = 0; f < sizeof forms / sizeof forms[0]; f++)
            check_form(f);
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(kernels_of_one_leaf_agree_with_the_reference)};
    if (plugin_open(&cpu) != 0)
        return 1;
    const int failed = cmocka_run_group_tests(tests, NULL, NULL);
    plugin_close(&cpu);
    return failed != 0 || cpu.live != 0;
}
