/*
 * The same bits from every compilation: loops over the branch-free functions, as a backend's block functions are,
 * built for the baseline and (on x86-64) for AVX2 with FMA, against one call at a time.
 */
#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdio.h>
#include <string.h>
#include <cmocka.h>

#include "kernel/kernel.h"

#define COUNT 4099
#define NOINLINE __attribute__((noinline))

typedef void block_function(size_t n, const double *restrict x, double *restrict y);
typedef double scalar_function(double);

#if defined(__x86_64__)
#define WIDE __attribute__((target("avx2,fma"), noinline))
#endif

#define X(name, function)                                                                      \
    NOINLINE static double scalar_##name(double x) { return function(x); }                     \
    NOINLINE static void block_##name(size_t n, const double *restrict x, double *restrict y)  \
    {                                                                                          \
        for (size_t i = 0; i < n; i++)                                                         \
            y[i] = function(x[i]);                                                             \
    }
NUMC_KERNEL_VECTOR_UNARY(X)
X(sinpi, numc_k_sinpi)
X(cospi, numc_k_cospi)
X(tanpi, numc_k_tanpi)
#undef X

#ifdef WIDE
#define X(name, function)                                                                      \
    WIDE static void wide_##name(size_t n, const double *restrict x, double *restrict y)       \
    {                                                                                          \
        for (size_t i = 0; i < n; i++)                                                         \
            y[i] = function(x[i]);                                                             \
    }
NUMC_KERNEL_VECTOR_UNARY(X)
X(sinpi, numc_k_sinpi)
X(cospi, numc_k_cospi)
X(tanpi, numc_k_tanpi)
#undef X
#endif

typedef void block_function_2(size_t n, const double *restrict x, const double *restrict y, double *restrict z);
typedef double scalar_function_2(double, double);

#define LOOP_2(qualifier, prefix, name, function)                                              \
    qualifier static void prefix##_##name(size_t n, const double *restrict x, const double *restrict y, \
                                          double *restrict z)                                  \
    {                                                                                          \
        for (size_t i = 0; i < n; i++)                                                         \
            z[i] = function(x[i], y[i]);                                                       \
    }
#define X(name, function)                                                                      \
    NOINLINE static double scalar_##name(double x, double y) { return function(x, y); }        \
    LOOP_2(NOINLINE, block, name, function)
NUMC_KERNEL_VECTOR_BINARY(X)
#undef X
#ifdef WIDE
#define X(name, function) LOOP_2(WIDE, wide, name, function)
NUMC_KERNEL_VECTOR_BINARY(X)
#undef X
#endif

static const struct {
    const char *name;
    scalar_function_2 *scalar;
    block_function_2 *block;
    block_function_2 *wide;
} functions_2[] = {
#ifdef WIDE
#define X(name, function) {#name, scalar_##name, block_##name, wide_##name},
#else
#define X(name, function) {#name, scalar_##name, block_##name, block_##name},
#endif
    NUMC_KERNEL_VECTOR_BINARY(X)
#undef X
};

static const struct {
    const char *name;
    scalar_function *scalar;
    block_function *block;
    block_function *wide;
} functions[] = {
#ifdef WIDE
#define X(name, function) {#name, scalar_##name, block_##name, wide_##name},
#else
#define X(name, function) {#name, scalar_##name, block_##name, block_##name},
#endif
    NUMC_KERNEL_VECTOR_UNARY(X)
    X(sinpi, numc_k_sinpi)
    X(cospi, numc_k_cospi)
    X(tanpi, numc_k_tanpi)
#undef X
};

static double x[COUNT], y[COUNT], z[COUNT];

static int wide_machine(void)
{
#ifdef WIDE
    return __builtin_cpu_supports("avx2") && __builtin_cpu_supports("fma");
#else
    return 0;
#endif
}

static void compare(const char *name, const char *how, double x_i, double y_i, double alone, double block)
{
    int equal = (alone != alone && block != block) || memcmp(&alone, &block, sizeof alone) == 0;
    if (!equal)
        print_message("%s (%s) at %a, %a: %a alone, %a in a block\n", name, how, x_i, y_i, alone, block);
    assert_true(equal);
}

static void compare_unary(size_t f, const char *how)
{
    for (size_t i = 0; i < COUNT; i++)
        compare(functions[f].name, how, x[i], 0, functions[f].scalar(x[i]), z[i]);
}

static void compare_binary(size_t f, const char *how)
{
    for (size_t i = 0; i < COUNT; i++)
        compare(functions_2[f].name, how, x[i], y[i], functions_2[f].scalar(x[i], y[i]), z[i]);
}

/* Arguments: every kind of bit pattern, and a body from -5 to 5. */
static void test_same_bits(void **state)
{
    static const double special[] = {0.0, -0.0, 1.0, -1.0, 0.5, 0x1p-1074, -0x1p-1074, 0x1p-1022, 709.8, -745.1, 1e308};
    (void)state;
    for (size_t i = 0; i < COUNT; i++)
        x[i] = (i & 1) ? numc_k_from_bits(numc_k_bits64(1, 2, i)) : 10.0 * numc_k_sample_uniform(1, 3, i) - 5.0;
    memcpy(x, special, sizeof special);
    x[20] = NUMC_KERNEL_INFINITY;
    x[21] = -NUMC_KERNEL_INFINITY;
    x[22] = NUMC_KERNEL_NAN;
    for (size_t i = 0; i < COUNT; i++)
        y[i] = x[(i * 1021) % COUNT];
    for (size_t f = 0; f < sizeof functions / sizeof *functions; f++) {
        functions[f].block(COUNT, x, z);
        compare_unary(f, "baseline");
        if (wide_machine()) {
            functions[f].wide(COUNT, x, z);
            compare_unary(f, "AVX2");
        }
    }
    for (size_t f = 0; f < sizeof functions_2 / sizeof *functions_2; f++) {
        functions_2[f].block(COUNT, x, y, z);
        compare_binary(f, "baseline");
        if (wide_machine()) {
            functions_2[f].wide(COUNT, x, y, z);
            compare_binary(f, "AVX2");
        }
    }
    if (!wide_machine())
        print_message("no AVX2 here: only the baseline was compared\n");
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(test_same_bits)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
