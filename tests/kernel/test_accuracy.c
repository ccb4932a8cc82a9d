/*
 * Accuracy of the scalar kernel against tables made with mpmath at 60 digits (make_tables.py). Each function's largest
 * error in units in the last place is printed and held to the limit beside its name.
 */
#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdio.h>
#include <cmocka.h>

#include "kernel/kernel.h"
#include "reference_tables.h"

typedef double unary_function(double);
typedef double binary_function(double, double);
typedef double ternary_function(double, double, double);

/* The distance from |y| to the next larger double. */
static double last_place(double y)
{
    double a = fabs(y);
    if (a < 0x1p-1022)
        return 0x1p-1074;
    return numc_k_from_bits(numc_k_to_bits(a) + 1) - a;
}

struct worst {
    double ulps;
    double absolute;
    double x, y;
};

static void measure(struct worst *worst, double got, double want, double rest, double floor, double x, double y)
{
    double error = fabs((got - want) - rest);
    double ulps = error / last_place(want);
    if (got == want)
        ulps = fabs(rest) / last_place(want);
    if (error <= floor)
        return;
    if (!(ulps <= worst->ulps)) {
        worst->ulps = ulps;
        worst->absolute = error;
        worst->x = x;
        worst->y = y;
    }
}

static int report(const char *name, size_t rows, const struct worst *worst, double limit, double floor)
{
    int good = worst->ulps <= limit;
    print_message("%-18s %5zu rows: %8.3f ulp (limit %g", name, rows, worst->ulps, limit);
    if (floor > 0)
        print_message(" or %g absolute", floor);
    print_message(")%s\n", good ? "" : "  TOO LARGE");
    if (!good)
        print_message("    at (%.17g, %.17g): error %g\n", worst->x, worst->y, worst->absolute);
    return good;
}

/* numc_k_log1p_fraction where it is defined. */
static double log1p_fraction(double x)
{
    return x >= 0.0 && x <= 1.0 ? numc_k_log1p_fraction(x) : numc_k_log1p(x);
}

static const struct unary_case {
    const char *name;
    unary_function *function;
    const double (*rows)[3];
    size_t count;
    double limit;
    double floor;
} unary_cases[] = {
#define CASE(name, function, limit, floor) {#name, function, table_##name, sizeof table_##name / sizeof *table_##name, limit, floor}
    CASE(exp, numc_k_exp, 2, 0),
    CASE(exp2, numc_k_exp2, 2, 0),
    CASE(expm1, numc_k_expm1, 2, 0),
    CASE(log, numc_k_log, 2, 0),
    CASE(log1p, numc_k_log1p, 2, 0),
    CASE(log1p, log1p_fraction, 2, 0),
    CASE(log2, numc_k_log2, 2, 0),
    CASE(log10, numc_k_log10, 2, 0),
    CASE(sin, numc_k_sin, 2, 0),
    CASE(cos, numc_k_cos, 2, 0),
    CASE(tan, numc_k_tan, 4, 0),
    CASE(asin, numc_k_asin, 4, 0),
    CASE(acos, numc_k_acos, 4, 0),
    CASE(atan, numc_k_atan, 4, 0),
    CASE(sinh, numc_k_sinh, 4, 0),
    CASE(cosh, numc_k_cosh, 4, 0),
    CASE(tanh, numc_k_tanh, 4, 0),
    CASE(asinh, numc_k_asinh, 4, 0),
    CASE(acosh, numc_k_acosh, 4, 0),
    CASE(atanh, numc_k_atanh, 4, 0),
    CASE(sinpi, numc_k_sinpi, 4, 0),
    CASE(cospi, numc_k_cospi, 4, 0),
    CASE(tanpi, numc_k_tanpi, 4, 0),
    CASE(lgamma, numc_k_lgamma, 4, 0),
    CASE(digamma, numc_k_digamma, 4, 1e-15),
    CASE(trigamma, numc_k_trigamma, 8, 0),
    CASE(erf, numc_k_erf, 4, 0),
    CASE(erfc, numc_k_erfc, 4, 0),
    CASE(erfcx, numc_k_erfcx, 4, 0),
    CASE(erfinv, numc_k_erfinv, 4, 0),
    CASE(erfcinv, numc_k_erfcinv, 4, 0),
    CASE(ndtr, numc_k_ndtr, 4, 0),
    CASE(log_ndtr, numc_k_log_ndtr, 4, 0),
    CASE(ndtri, numc_k_ndtri, 4, 0),
    CASE(expit, numc_k_expit, 4, 0),
    CASE(logit, numc_k_logit, 4, 0),
    CASE(softplus, numc_k_softplus, 4, 0),
    CASE(log_expit, numc_k_log_expit, 4, 0),
    CASE(log1mexp, numc_k_log1mexp, 4, 0),
#undef CASE
};

static void test_unary(void **state)
{
    int good = 1;
    (void)state;
    for (size_t c = 0; c < sizeof unary_cases / sizeof *unary_cases; c++) {
        const struct unary_case *u = &unary_cases[c];
        struct worst worst = {0, 0, 0, 0};
        for (size_t i = 0; i < u->count; i++)
            measure(&worst, u->function(u->rows[i][0]), u->rows[i][1], u->rows[i][2], u->floor, u->rows[i][0], 0);
        good &= report(u->name, u->count, &worst, u->limit, u->floor);
    }
    assert_true(good);
}

/* Reflection: the two terms may cancel, so the error counts against the larger of them. */
static void test_gamma_negative(void **state)
{
    struct worst lgamma_worst = {0, 0, 0, 0}, digamma_worst = {0, 0, 0, 0};
    size_t count = sizeof table_lgamma_negative / sizeof *table_lgamma_negative;
    (void)state;
    for (size_t i = 0; i < count; i++) {
        const double *r = table_lgamma_negative[i];
        double scale = fmax(fabs(r[1]), fabs(numc_k_lgamma(-r[0])));
        measure(&lgamma_worst, (numc_k_lgamma(r[0]) - r[1]) + scale, scale, r[2], 1e-15, r[0], 0);
    }
    assert_true(report("lgamma (x < 0)", count, &lgamma_worst, 4, 1e-15));
    count = sizeof table_digamma_negative / sizeof *table_digamma_negative;
    for (size_t i = 0; i < count; i++) {
        const double *r = table_digamma_negative[i];
        double scale = fmax(fabs(r[1]), fabs(numc_k_digamma(-r[0])));
        measure(&digamma_worst, (numc_k_digamma(r[0]) - r[1]) + scale, scale, r[2], 1e-15, r[0], 0);
    }
    assert_true(report("digamma (x < 0)", count, &digamma_worst, 8, 1e-15));
}

/* Between the poles even orders cross zero; the terms that cancel there are at least n! 2^(n+1) in size. */
static void test_polygamma_negative(void **state)
{
    struct worst worst = {0, 0, 0, 0};
    size_t count = sizeof table_polygamma_negative / sizeof *table_polygamma_negative;
    (void)state;
    for (size_t i = 0; i < count; i++) {
        const double *r = table_polygamma_negative[i];
        double scale = numc_k_exp(numc_k_lgamma(r[0] + 1)) * numc_k_exp2(r[0] + 1);
        scale = fmax(scale, fabs(r[2]));
        measure(&worst, (numc_k_polygamma(r[0], r[1]) - r[2]) + scale, scale, r[3], 0, r[0], r[1]);
    }
    assert_true(report("polygamma (x < 0)", count, &worst, 32, 0));
}

static const struct binary_case {
    const char *name;
    binary_function *function;
    const double (*rows)[4];
    size_t count;
    double limit;
    double floor;
} binary_cases[] = {
#define CASE(name, function, limit, floor) {#name, function, table_##name, sizeof table_##name / sizeof *table_##name, limit, floor}
    CASE(pow, numc_k_pow, 2, 0),
    CASE(atan2, numc_k_atan2, 4, 0),
    CASE(hypot, numc_k_hypot, 1, 0),
    CASE(polygamma, numc_k_polygamma, 32, 0),
    CASE(betaln, numc_k_betaln, 8, 4e-15),
    CASE(logaddexp, numc_k_logaddexp, 4, 4e-16),
    CASE(xlogy, numc_k_xlogy, 3, 0),
    CASE(xlog1py, numc_k_xlog1py, 3, 0),
    /* Stated: 50 eps for parameters to 1e4 (100 ulp where the last place is half of eps), 1e-12 in the tails. */
    CASE(gammainc, numc_k_gammainc, 50, 0),
    CASE(gammaincc, numc_k_gammaincc, 50, 0),
    CASE(gammainc_tail, numc_k_gammainc, 4500, 0),
    CASE(gammaincc_tail, numc_k_gammaincc, 4500, 0),
    CASE(gammaincc_small, numc_k_gammaincc, 50, 0),
    /* Stated: 1e-10 relative or 1e-14 absolute; the difference quotients of the tables hold to 1e-40. */
    CASE(gammainc_da, numc_k_gammainc_da, 450000, 1e-40),
#undef CASE
};

static const struct ternary_case {
    const char *name;
    ternary_function *function;
    const double (*rows)[5];
    size_t count;
    double limit;
    double floor;
} ternary_cases[] = {
#define CASE(name, function, limit, floor) {#name, function, table_##name, sizeof table_##name / sizeof *table_##name, limit, floor}
    CASE(betainc, numc_k_betainc, 50, 0),
    CASE(betainc_tail, numc_k_betainc, 4500, 0),
    CASE(betainc_small, numc_k_betainc, 50, 0),
    CASE(betainc_da, numc_k_betainc_da, 450000, 1e-40),
    CASE(betainc_db, numc_k_betainc_db, 450000, 1e-40),
#undef CASE
};

static void test_ternary(void **state)
{
    int good = 1;
    (void)state;
    for (size_t c = 0; c < sizeof ternary_cases / sizeof *ternary_cases; c++) {
        const struct ternary_case *t = &ternary_cases[c];
        struct worst worst = {0, 0, 0, 0};
        for (size_t i = 0; i < t->count; i++) {
            const double *r = t->rows[i];
            measure(&worst, t->function(r[0], r[1], r[2]), r[3], r[4], t->floor, r[0], r[1]);
        }
        good &= report(t->name, t->count, &worst, t->limit, t->floor);
    }
    assert_true(good);
}

/*
 * Inverses: x from the nearest double of P(a, x) has to come back. Rounding P by half a place moves x by
 * eps P / (2 x density); the function's own error counts 50 eps of P more, and x has 8 eps of its own.
 */
static void test_inverses(void **state)
{
    double worst = 0;
    (void)state;
    for (size_t i = 0; i < sizeof table_gammainc / sizeof *table_gammainc; i++) {
        const double *r = table_gammainc[i];
        double density = r[0] * numc_k_gamma_prefix(r[0], r[1]);
        double allowed = 0x1p-52 * (8 + 50 * r[2] / density);
        double error = fabs(numc_k_gammaincinv(r[0], r[2]) / r[1] - 1);
        double q = numc_k_gammaincc(r[0], r[1]);
        double allowed_q = 0x1p-52 * (8 + 50 * q / density);
        double error_q = fabs(numc_k_gammainccinv(r[0], q) / r[1] - 1);
        worst = fmax(worst, fmax(error / allowed, error_q / allowed_q));
        if (error > allowed || error_q > allowed_q)
            print_message("gammaincinv(%.17g, %.17g): %g and %g of allowed\n", r[0], r[2], error / allowed, error_q / allowed_q);
    }
    print_message("gammaincinv: largest error %.3f of the allowed one\n", worst);
    assert_true(worst <= 1);
    worst = 0;
    for (size_t i = 0; i < sizeof table_betainc / sizeof *table_betainc; i++) {
        const double *r = table_betainc[i];
        double density = numc_k_beta_prefix(r[0], r[1], r[2], 1 - r[2]) / (1 - r[2]);
        double allowed = 0x1p-52 * (8 + 50 * r[3] / density);
        double error = fabs(numc_k_betaincinv(r[0], r[1], r[3]) / r[2] - 1);
        worst = fmax(worst, error / allowed);
        if (error > allowed)
            print_message("betaincinv(%.17g, %.17g, %.17g): %g of allowed\n", r[0], r[1], r[3], error / allowed);
    }
    print_message("betaincinv: largest error %.3f of the allowed one\n", worst);
    assert_true(worst <= 1);
}

static void test_binary(void **state)
{
    int good = 1;
    (void)state;
    for (size_t c = 0; c < sizeof binary_cases / sizeof *binary_cases; c++) {
        const struct binary_case *b = &binary_cases[c];
        struct worst worst = {0, 0, 0, 0};
        for (size_t i = 0; i < b->count; i++) {
            const double *r = b->rows[i];
            measure(&worst, b->function(r[0], r[1]), r[2], r[3], b->floor, r[0], r[1]);
        }
        good &= report(b->name, b->count, &worst, b->limit, b->floor);
    }
    assert_true(good);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_unary),
        cmocka_unit_test(test_gamma_negative),
        cmocka_unit_test(test_polygamma_negative),
        cmocka_unit_test(test_binary),
        cmocka_unit_test(test_ternary),
        cmocka_unit_test(test_inverses),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
