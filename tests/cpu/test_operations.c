/* test_operations.c - every scalar operation at every dtype it admits, as a block, with a single operand, and as a single value:
 * the reference's bits. */
#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>

#include "backend/build.h"
#include "plugin.h"

static plugin cpu;

static void fill(rng *r, uint32_t dtype, unsigned char *memory, int64_t count, uint32_t operation, uint32_t operand)
{
    static const double special[] = {0.0, -0.0, 1.0, -1.0, 0.5, (double)INFINITY, -(double)INFINITY, (double)NAN,
                                     1e-300, -1e300, 2.0, 3.0, 1e-30, 710.0, -745.0};
    for (int64_t i = 0; i < count; i++) {
        double x = i % 4 == 0 && i / 4 < 15 ? special[(i / 4 + (int64_t)operand * 3) % 15]
                   : i % 3 == 0             ? ldexp(rng_unit(r) - 0.5, (int)rng_below(r, 40) - 20)
                                            : 6.0 * rng_unit(r) - 2.0;
        if (operation == NUMC_SCALAR_POLYGAMMA && operand == 0)
            x = (double)rng_below(r, 4);
        const float x32 = (float)x;
        uint64_t bits = rng_bits(r);
        if (rng_below(r, 2) == 0)
            bits = (uint64_t)(rng_below(r, 21) - 10);
        unsigned char *at = memory + i * (int64_t)numc_dtype_size((numc_dtype)dtype);
        switch (numc_dtype_kind((numc_dtype)dtype)) {
        case NUMC_KIND_REAL:
            if (dtype == NUMC_FLOAT64)
                memcpy(at, &x, 8);
            else
                memcpy(at, &x32, 4);
            break;
        case NUMC_KIND_BOOL: *at = (unsigned char)(bits & 1); break;
        default: memcpy(at, &bits, numc_dtype_size((numc_dtype)dtype)); break;
        }
    }
}

/* One loop of n iterations over `arity` inputs; bit k of `single` makes input k a single value. */
static void check(uint32_t operation, const char *name, uint32_t arity, uint32_t dtype, const uint32_t *operand_dtypes,
                  uint32_t result_dtype, int64_t n, uint32_t single)
{
    enum { MOST = 300 };
    static unsigned char inputs[4][MOST * 8], expected[MOST * 8], found[MOST * 8];
    rng r = {operation * 1000 + dtype * 10 + 7};
    void (*reference)(void *, const void *const *) = numc__ref_scalar_function(
        operation, operation == NUMC_SCALAR_CONVERT ? dtype | operand_dtypes[0] << 8 : dtype);
    assert_non_null(reference);
    const size_t result_size = numc_dtype_size((numc_dtype)result_dtype);
    numc_build b;
    numc_build_begin(&b, 1);
    int32_t accesses[4], registers[4] = {-1, -1, -1, -1};
    int64_t strides[5 * 2] = {0}, offsets[5] = {0};
    void *buffers[5];
    for (uint32_t k = 0; k < arity; k++) {
        fill(&r, operand_dtypes[k], inputs[k], MOST, operation, k);
        accesses[k] = numc_build_access(&b, k, operand_dtypes[k], 0);
        strides[2 * k] = single >> k & 1 ? 0 : 1;
        offsets[k] = single >> k & 1 ? 5 : 0;
        buffers[k] = inputs[k];
    }
    const int32_t out = numc_build_access(&b, arity, result_dtype, 1);
    strides[2 * arity] = 1;
    buffers[arity] = found;
    numc_build_loop(&b, NUMC_NODE_PARALLEL, 0, -1);
    for (uint32_t k = 0; k < arity; k++)
        registers[k] = numc_build_load(&b, accesses[k], -1);
    numc_build_store(&b, out, numc_build_scalar(&b, operation, dtype, result_dtype, registers[0], registers[1],
                                                registers[2], registers[3]), -1);
    numc_build_end(&b);
    numc_kernel *kernel;
    if (cpu.table->kernel_build(cpu.device, &b.source, &kernel) != NUMC_OK)
        fail_msg("%s at dtype %u: %s", name, dtype, cpu.message);
    assert_int_equal(cpu.table->kernel_run(cpu.device, kernel,
                                           &(numc_kernel_arguments){buffers, &n, offsets, strides, NULL}), NUMC_OK);
    cpu.table->kernel_release(cpu.device, kernel);
    for (int64_t i = 0; i < n; i++) {
        const void *operands[4] = {NULL, NULL, NULL, NULL};
        for (uint32_t k = 0; k < arity; k++)
            operands[k] = inputs[k] + (single >> k & 1 ? 5 : i) * (int64_t)numc_dtype_size((numc_dtype)operand_dtypes[k]);
        unsigned char *want = expected + (size_t)i * result_size, *got = found + (size_t)i * result_size;
        reference(want, operands);
        if (memcmp(want, got, result_size) == 0)
            continue;
        double x = 0.0, y = 1.0;
        if (result_dtype == NUMC_FLOAT64) {
            memcpy(&x, want, 8);
            memcpy(&y, got, 8);
        } else if (result_dtype == NUMC_FLOAT32) {
            float x32, y32;
            memcpy(&x32, want, 4);
            memcpy(&y32, got, 4);
            x = (double)x32;
            y = (double)y32;
        }
        if (x != x && y != y) /* which NaN an operation gives is not defined */
            continue;
        double a[3] = {0, 0, 0};
        for (uint32_t k = 0; k < arity && k < 3; k++)
            if (operand_dtypes[k] == NUMC_FLOAT64)
                memcpy(&a[k], operands[k], 8);
        fail_msg("%s at dtype %u, n %lld, single %u, element %lld: wants %.17g, got %.17g (%a %a %a)", name, dtype,
                 (long long)n, single, (long long)i, x, y, a[0], a[1], a[2]);
    }
}

static void operations_agree_with_the_reference(void **state)
{
    (void)state;
    static const struct {
        uint32_t operation;
        const char *name;
        uint32_t arity;
        bool selects, draws, is_bool, is_uint64;
    } table[] = {
#define ANY 0, 0
#define NUMERIC 0, 0
#define REAL 0, 0
#define FLOAT 0, 0
#define INTEGRAL 0, 0
#define BOOLEAN 0, 0
#define SELECT 1, 0
#define RANDOM 0, 1
#define SAME 0, 0
#undef BOOL
#define BOOL 1, 0
#define UINT64 0, 1
#define NODE 0, 0
#define NUMC_X(code, upper, lower, arity, operands, result) {code, #lower, arity, operands, result},
        NUMC_SCALAR_TABLE(NUMC_X)
#undef NUMC_X
    };
    static const int64_t lengths[] = {300, 1, 2, 3, 7, 8, 13};
    int checked = 0;
    for (size_t row = 0; row < sizeof table / sizeof table[0]; row++)
        for (uint32_t dtype = NUMC_BOOL; dtype <= NUMC_FLOAT64; dtype++) {
            const uint32_t operation = table[row].operation;
            for (uint32_t from = NUMC_BOOL; from <= NUMC_FLOAT64; from++) {
                if (operation != NUMC_SCALAR_CONVERT && from != dtype)
                    continue;
                if (numc__ref_scalar_function(operation, operation == NUMC_SCALAR_CONVERT ? dtype | from << 8 : dtype) == NULL)
                    continue;
                uint32_t operands[4] = {from, dtype, dtype, dtype};
                if (table[row].selects)
                    operands[0] = NUMC_BOOL;
                if (table[row].draws)
                    operands[0] = operands[1] = NUMC_UINT64;
                const uint32_t result = table[row].is_bool ? (uint32_t)NUMC_BOOL
                                        : table[row].is_uint64 ? (uint32_t)NUMC_UINT64
                                                               : dtype;
                for (size_t l = 0; l < sizeof lengths / sizeof lengths[0]; l++)
                    for (uint32_t single = 0; single < 1u << table[row].arity; single++)
                        check(operation, table[row].name, table[row].arity, dtype, operands, result, lengths[l], single);
                checked++;
            }
        }
    assert_true(checked > 400);
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
        cmocka_unit_test(operations_agree_with_the_reference),
    };
    return cmocka_run_group_tests_name("cpu_operations", tests, set_up, tear_down);
}
