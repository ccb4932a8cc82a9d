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

#define DRAWS 100000

static double draws[DRAWS];

static int compare_doubles(const void *a, const void *b)
{
    double x = *(const double *)a, y = *(const double *)b;
    return (x > y) - (x < y);
}

typedef double distribution_function(double x, double a, double b);

/*
 * Kolmogorov-Smirnov: sqrt(n) D exceeds 2.694 with probability 2 exp(-2 2.694^2) = 1e-6. With steps (discrete
 * distributions of many values) the statistic only shrinks.
 */
static void check_distribution(const char *name, size_t n, distribution_function *cdf, double a, double b)
{
    double worst = 0;
    qsort(draws, n, sizeof *draws, compare_doubles);
    for (size_t i = 0; i < n; i++) {
        double below = (double)i / (double)n, above = (double)(i + 1) / (double)n;
        double f = cdf(draws[i], a, b);
        assert_true(f >= 0 && f <= 1);
        if (i == 0 || draws[i - 1] < draws[i])
            worst = fmax(worst, below - f);
        if (i + 1 == n || draws[i] < draws[i + 1])
            worst = fmax(worst, fmax(f - above, above - f));
    }
    worst *= sqrt((double)n);
    print_message("%-22s (%g, %g): sqrt(n) D = %.3f\n", name, a, b, worst);
    assert_true(worst < 2.694);
}

/* As above for continuous distributions, where both sides of each step count. */
static void check_continuous(const char *name, size_t n, distribution_function *cdf, double a, double b)
{
    double worst = 0;
    qsort(draws, n, sizeof *draws, compare_doubles);
    for (size_t i = 0; i < n; i++) {
        double f = cdf(draws[i], a, b);
        assert_true(f >= 0 && f <= 1);
        worst = fmax(worst, fmax(f - (double)i / (double)n, (double)(i + 1) / (double)n - f));
    }
    worst *= sqrt((double)n);
    print_message("%-22s (%g, %g): sqrt(n) D = %.3f\n", name, a, b, worst);
    assert_true(worst < 2.694);
}

/* Chi-square over the counts 0, 1, ... of small discrete distributions; cells of less than 10 expected are joined. */
static void check_counts(const char *name, size_t n, distribution_function *log_probability, double a, double b)
{
    double statistic = 0, expected = 0, seen = 0, total = 0, p;
    int cells = 0;
    qsort(draws, n, sizeof *draws, compare_doubles);
    for (size_t i = 0, k = 0; k < 2000; k++) {
        expected += (double)n * exp(log_probability((double)k, a, b));
        for (; i < n && draws[i] == (double)k; i++)
            seen += 1;
        if (expected >= 10 && (double)n - total - expected >= 10) {
            statistic += (seen - expected) * (seen - expected) / expected;
            total += expected;
            expected = seen = 0;
            cells++;
        }
        if (k == 1999) {
            seen += (double)(n - i);                            /* whatever lies beyond */
            expected = (double)n - total;
            if (expected > 0)
                statistic += (seen - expected) * (seen - expected) / expected;
        }
    }
    p = numc_k_gammaincc(0.5 * cells, 0.5 * statistic);
    print_message("%-22s (%g, %g): chi-square %.2f on %d, p = %.4f\n", name, a, b, statistic, cells, p);
    assert_true(cells >= 1);
    assert_true(p > 1e-6);
}

static double uniform_cdf(double x, double a, double b) { return (x - a) / (b - a); }
static double normal_cdf(double x, double a, double b) { (void)a; (void)b; return numc_k_ndtr(x); }
static double exponential_cdf(double x, double a, double b) { (void)a; (void)b; return -expm1(-x); }
static double gumbel_cdf(double x, double a, double b) { (void)a; (void)b; return exp(-exp(-x)); }
static double laplace_cdf(double x, double a, double b)
{
    (void)a;
    (void)b;
    return x < 0 ? 0.5 * exp(x) : 1 - 0.5 * exp(-x);
}
static double logistic_cdf(double x, double a, double b) { (void)a; (void)b; return numc_k_expit(x); }
static double cauchy_cdf(double x, double a, double b) { (void)a; (void)b; return 0.5 + atan(x) / NUMC_KERNEL_PI; }
static double gamma_cdf(double x, double a, double b) { (void)b; return numc_k_gammainc(a, x); }
static double log_gamma_cdf(double x, double a, double b)
{
    (void)b;
    /* where exp(x) underflows P = exp(a x) / Gamma(a+1) */
    return x < -700 ? exp(a * x - numc_k_lgamma(a + 1)) : numc_k_gammainc(a, exp(x));
}
static double beta_cdf(double x, double a, double b) { return numc_k_betainc(a, b, x); }
static double student_cdf(double x, double df, double b)
{
    double tail = 0.5 * numc_k_betainc(0.5 * df, 0.5, df / (df + x * x));
    (void)b;
    return x < 0 ? tail : 1 - tail;
}
static double poisson_cdf(double k, double rate, double b) { (void)b; return numc_k_gammaincc(k + 1, rate); }
static double binomial_cdf(double k, double n, double p) { return k >= n ? 1 : numc_k_betaincc(k + 1, n - k, p); }
static double poisson_log_probability(double k, double rate, double b)
{
    (void)b;
    return k * log(rate) - rate - numc_k_lgamma(k + 1);
}
static double binomial_log_probability(double k, double n, double p)
{
    if (k > n)
        return -NUMC_KERNEL_INFINITY;
    return numc_k_lgamma(n + 1) - numc_k_lgamma(k + 1) - numc_k_lgamma(n - k + 1) + k * log(p) + (n - k) * log1p(-p);
}
static double geometric_log_probability(double k, double p, double b) { (void)b; return k * log1p(-p) + log(p); }
static double bernoulli_log_probability(double k, double p, double b)
{
    (void)b;
    return k > 1 ? -NUMC_KERNEL_INFINITY : (k > 0 ? log(p) : log1p(-p));
}
static double cells_log_probability(double k, double count, double b)
{
    (void)b;
    return k < count ? -log(count) : -NUMC_KERNEL_INFINITY;
}

static void test_parameterless(void **state)
{
    (void)state;
#define RUN(name, function, a, b)                            \
    for (size_t i = 0; i < DRAWS; i++)                       \
        draws[i] = (double)function(20261122u, 7u, i);       \
    check_continuous(#name, DRAWS, name##_cdf, a, b);
    RUN(uniform, numc_k_sample_uniform, 0, 1)
    RUN(normal, numc_k_sample_normal, 0, 1)
    RUN(exponential, numc_k_sample_exponential, 0, 1)
    RUN(gumbel, numc_k_sample_gumbel, 0, 1)
    RUN(laplace, numc_k_sample_laplace, 0, 1)
    RUN(logistic, numc_k_sample_logistic, 0, 1)
    RUN(cauchy, numc_k_sample_cauchy, 0, 1)
    RUN(uniform, numc_k_sample_uniform32, 0, 1)
    RUN(normal, numc_k_sample_normal32, 0, 1)
#undef RUN
    for (size_t i = 0; i < DRAWS; i++)
        draws[i] = numc_k_sample_uniform_between(4, 5, i, -3, 11);
    check_continuous("uniform_between", DRAWS, uniform_cdf, -3, 11);
}

/* Neighbouring indices and neighbouring keys are not correlated: |r| sqrt(n) > 4.9 with probability 1e-6. */
static void test_correlation(void **state)
{
    (void)state;
    for (numc_k_u32 step = 0; step < 3; step++) {
        double sum = 0;
        for (numc_k_u64 i = 0; i < DRAWS; i++) {
            double other = step == 0   ? numc_k_sample_normal(9, 9, i + DRAWS)
                           : step == 1 ? numc_k_sample_normal(9, 10, i)
                                       : numc_k_sample_gamma(9, 9, i, 100) / 10 - 10;
            sum += numc_k_sample_normal(9, 9, i) * other;
        }
        print_message("correlation %u: %.3f\n", step, sum / sqrt((double)DRAWS));
        assert_true(fabs(sum / sqrt((double)DRAWS)) < 4.9);
    }
}

static void test_gamma_family(void **state)
{
    static const double shapes[] = {1e-3, 0.05, 0.5, 0.999, 1, 1.5, 7, 300, 1e6};
    static const double pairs[][2] = {{0.01, 0.02}, {0.5, 0.5}, {1, 1}, {2, 5}, {0.1, 30}, {200, 300}};
    static const double dfs[] = {0.3, 1, 2.5, 10, 500};
    (void)state;
    for (size_t k = 0; k < sizeof shapes / sizeof *shapes; k++) {
        for (size_t i = 0; i < DRAWS; i++)
            draws[i] = numc_k_sample_log_gamma(3, (numc_k_u32)k, i, shapes[k]);
        check_continuous("log_gamma", DRAWS, log_gamma_cdf, shapes[k], 0);
    }
    for (size_t k = 1; k < sizeof shapes / sizeof *shapes; k++) {
        for (size_t i = 0; i < DRAWS; i++)
            draws[i] = numc_k_sample_gamma(4, (numc_k_u32)k, i, shapes[k]);
        check_continuous("gamma", DRAWS, gamma_cdf, shapes[k], 0);
    }
    for (size_t k = 0; k < sizeof pairs / sizeof *pairs; k++) {
        for (size_t i = 0; i < DRAWS / 4; i++)
            draws[i] = numc_k_sample_beta(5, (numc_k_u32)k, i, pairs[k][0], pairs[k][1]);
        /* with tiny shapes many draws round to 0 or 1: a distribution with steps */
        (pairs[k][0] < 0.1 ? check_distribution : check_continuous)("beta", DRAWS / 4, beta_cdf, pairs[k][0], pairs[k][1]);
    }
    for (size_t k = 0; k < sizeof dfs / sizeof *dfs; k++) {
        for (size_t i = 0; i < DRAWS / 4; i++)
            draws[i] = numc_k_sample_student_t(6, (numc_k_u32)k, i, dfs[k]);
        check_continuous("student_t", DRAWS / 4, student_cdf, dfs[k], 0);
    }
}

static void test_counts(void **state)
{
    static const double rates[] = {0.01, 0.7, 3, 9.9, 10, 13, 60, 400};
    static const double large_rates[] = {1e4, 1e7, 1e12};
    static const double binomials[][2] = {{1, 0.3}, {10, 0.3}, {10, 0.9}, {100, 0.05}, {40, 0.5}, {1000, 0.2}, {1000, 0.999}};
    static const double successes[] = {0.01, 0.3, 0.5, 0.95};
    (void)state;
    for (size_t k = 0; k < sizeof rates / sizeof *rates; k++) {
        for (size_t i = 0; i < DRAWS; i++)
            draws[i] = numc_k_sample_poisson(7, (numc_k_u32)k, i, rates[k]);
        check_counts("poisson", DRAWS, poisson_log_probability, rates[k], 0);
    }
    for (size_t k = 0; k < sizeof large_rates / sizeof *large_rates; k++) {
        for (size_t i = 0; i < DRAWS / 4; i++)
            draws[i] = numc_k_sample_poisson(8, (numc_k_u32)k, i, large_rates[k]);
        check_distribution("poisson", DRAWS / 4, poisson_cdf, large_rates[k], 0);
    }
    for (size_t k = 0; k < sizeof binomials / sizeof *binomials; k++) {
        for (size_t i = 0; i < DRAWS; i++)
            draws[i] = numc_k_sample_binomial(9, (numc_k_u32)k, i, binomials[k][0], binomials[k][1]);
        check_counts("binomial", DRAWS, binomial_log_probability, binomials[k][0], binomials[k][1]);
    }
    for (size_t i = 0; i < 5000; i++)
        draws[i] = numc_k_sample_binomial(10, 1, i, 1e6, 0.7);
    check_distribution("binomial", 5000, binomial_cdf, 1e6, 0.7);
    for (size_t k = 0; k < sizeof successes / sizeof *successes; k++) {
        for (size_t i = 0; i < DRAWS; i++)
            draws[i] = numc_k_sample_geometric(11, (numc_k_u32)k, i, successes[k]);
        check_counts("geometric", DRAWS, geometric_log_probability, successes[k], 0);
        for (size_t i = 0; i < DRAWS; i++)
            draws[i] = numc_k_sample_bernoulli(12, (numc_k_u32)k, i, successes[k]);
        check_counts("bernoulli", DRAWS, bernoulli_log_probability, successes[k], 0);
    }
}

static void test_integers(void **state)
{
    (void)state;
    for (size_t i = 0; i < DRAWS; i++)
        draws[i] = (double)numc_k_sample_below64(13, 1, i, 37);
    check_counts("below64", DRAWS, cells_log_probability, 37, 0);
    for (size_t i = 0; i < DRAWS; i++)
        draws[i] = (double)numc_k_sample_below32(13, 2, i, 37);
    check_counts("below32", DRAWS, cells_log_probability, 37, 0);
    for (size_t i = 0; i < DRAWS; i++)
        draws[i] = (double)(numc_k_sample_below64(13, 3, i, NUMC_KERNEL_U64(0xc000000000000000)) >> 60);
    check_counts("below64, wide span", DRAWS, cells_log_probability, 12, 0);
    for (size_t i = 0; i < 1000; i++) {
        numc_k_i64 z = numc_k_sample_integer(13, 4, i, -5, 7);
        assert_true(z >= -5 && z < 7);
        assert_true(numc_k_sample_integer(13, 4, i, 5, 5) == 5);
        assert_true(numc_k_sample_integer(13, 4, i, INT64_MIN, INT64_MIN + 1) == INT64_MIN);
    }
    for (numc_k_u64 i = 0; i < 200; i++) {
        numc_k_key one = numc_k_key_split(21, 22, 0), two = numc_k_key_split(21, 22, 1);
        numc_k_u32 high = numc_k_bits32(one.first, one.second, i), low = numc_k_bits32(two.first, two.second, i);
        numc_k_u32 multiplier = 0x10000u % 1000;               /* JAX's formula, which cannot overflow here */
        multiplier = (multiplier * multiplier) % 1000;
        assert_int_equal(numc_k_sample_below32(21, 22, i, 1000), ((high % 1000) * multiplier + low % 1000) % 1000);
        assert_true(numc_k_sample_below64(21, 22, i, 0) == numc_k_bits64(two.first, two.second, i));
    }
}

static void test_sampler_edges(void **state)
{
    (void)state;
    assert_true(numc_k_sample_gamma(1, 2, 3, 0) == 0);
    assert_true(isnan(numc_k_sample_gamma(1, 2, 3, -1)));
    assert_true(isnan(numc_k_sample_gamma(1, 2, 3, NUMC_KERNEL_NAN)));
    assert_true(isfinite(numc_k_sample_log_gamma(1, 2, 3, 1e-300)));
    assert_true(isnan(numc_k_sample_beta(1, 2, 3, -1, 1)));
    assert_true(isnan(numc_k_sample_student_t(1, 2, 3, 0)));
    assert_true(isfinite(numc_k_sample_student_t(1, 2, 3, NUMC_KERNEL_INFINITY)));
    assert_true(numc_k_sample_poisson(1, 2, 3, 0) == 0);
    assert_true(numc_k_sample_poisson(1, 2, 3, 1e-20) == 0);
    assert_true(isnan(numc_k_sample_poisson(1, 2, 3, -1)));
    assert_true(isnan(numc_k_sample_poisson(1, 2, 3, NUMC_KERNEL_NAN)));
    assert_true(numc_k_sample_binomial(1, 2, 3, 50, 0) == 0);
    assert_true(numc_k_sample_binomial(1, 2, 3, 50, 1) == 50);
    assert_true(numc_k_sample_binomial(1, 2, 3, 0, 0.5) == 0);
    assert_true(isnan(numc_k_sample_binomial(1, 2, 3, 2.5, 0.5)));
    assert_true(isnan(numc_k_sample_binomial(1, 2, 3, 5, 1.5)));
    assert_true(numc_k_sample_geometric(1, 2, 3, 1) == 0);
    assert_true(isnan(numc_k_sample_geometric(1, 2, 3, 0)));
    assert_true(numc_k_sample_bernoulli(1, 2, 3, 1) == 1);
    assert_true(numc_k_sample_bernoulli(1, 2, 3, 0) == 0);
    assert_true(isnan(numc_k_sample_bernoulli(1, 2, 3, -0.5)));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_threefry_known_answers),
        cmocka_unit_test(test_jax_split),
        cmocka_unit_test(test_seed_and_wide_counters),
        cmocka_unit_test(test_jax_float32),
        cmocka_unit_test(test_uniform_is_top_bits),
        cmocka_unit_test(test_parameterless),
        cmocka_unit_test(test_correlation),
        cmocka_unit_test(test_gamma_family),
        cmocka_unit_test(test_counts),
        cmocka_unit_test(test_integers),
        cmocka_unit_test(test_sampler_edges),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
