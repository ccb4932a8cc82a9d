/* Diagnostics against values computed with numpy and scipy (make_diagnostics_table.py), and their edges. */
#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "numc/diagnostics.h"

enum { MEAN, MCSE, SD, Q5, Q50, Q95, ESS_BULK, ESS_TAIL, RHAT, ESS_MEAN, MCSE_SD, ESS_Q10, MCSE_Q10, COLUMNS };

typedef struct expected {
    int chains, draws;
    double phi, shift, stretch;
    int shape;
    uint64_t seed;
    double column[COLUMNS];
} expected;

static const expected table[] = {
#include "diagnostics_table.h"
};

/* As draws_of in the Python file, the same bits. */
static void make_draws(const expected *e, double *out)
{
    uint64_t state = e->seed;
    for (int c = 0; c < e->chains; c++) {
        double v = 0;
        for (int i = 0; i < e->draws; i++) {
            double z = -6;
            for (int k = 0; k < 12; k++) {
                state ^= state >> 12;
                state ^= state << 25;
                state ^= state >> 27;
                z += (double)((state * 2685821657736338717u) >> 11) * 0x1p-53;
            }
            v = e->phi * v + z;
            double x = v * (1 + e->stretch * c) + e->shift * c;
            out[c * e->draws + i] = e->shape == 0 ? x : e->shape == 1 ? x * x * x : floor(x);
        }
    }
}

static numc_context *context;

static int open_context(void **state)
{
    (void)state;
    context = numc_open(NULL);
    return context == NULL || numc_error_status(context) != NUMC_OK;
}

static int close_context(void **state)
{
    (void)state;
    numc_close(context);
    return 0;
}

/* Both sides add thousands of terms in different orders; rounding reaches about 1e-13 of the values, and 1e-9 where a
 * difference of autocovariances and variances is divided by a small one. */
static void near(const expected *e, int column, double value)
{
    double tolerance = 1e-9;
    if (!(fabs(value - e->column[column]) <= tolerance * (1 + fabs(e->column[column]))))
        fail_msg("seed %d column %d: %.17g instead of %.17g", (int)e->seed, column, value, e->column[column]);
}

static void agrees_with_table(void **state)
{
    (void)state;
    for (size_t k = 0; k < sizeof table / sizeof *table; k++) {
        const expected *e = &table[k];
        double *x = malloc((size_t)(e->chains * e->draws) * sizeof *x);
        assert_non_null(x);
        make_draws(e, x);
        numc_draws draws = {x, e->chains, e->draws, e->draws, 1};
        numc_summary s;
        assert_int_equal(numc_diagnostic_summary(context, &draws, &s), NUMC_OK);
        double *row[] = {&s.mean, &s.mcse, &s.sd, &s.q5, &s.q50, &s.q95, &s.ess_bulk, &s.ess_tail, &s.rhat};
        for (int c = MEAN; c <= RHAT; c++)
            near(e, c, *row[c]);
        double value;
        assert_int_equal(numc_diagnostic_ess_bulk(context, &draws, &value), NUMC_OK);
        assert_true(value == s.ess_bulk);
        assert_int_equal(numc_diagnostic_ess_tail(context, &draws, &value), NUMC_OK);
        assert_true(value == s.ess_tail);
        assert_int_equal(numc_diagnostic_rhat(context, &draws, &value), NUMC_OK);
        assert_true(value == s.rhat);
        assert_int_equal(numc_diagnostic_mcse_mean(context, &draws, &value), NUMC_OK);
        near(e, MCSE, value);
        assert_int_equal(numc_diagnostic_ess_mean(context, &draws, &value), NUMC_OK);
        near(e, ESS_MEAN, value);
        assert_int_equal(numc_diagnostic_mcse_sd(context, &draws, &value), NUMC_OK);
        near(e, MCSE_SD, value);
        assert_int_equal(numc_diagnostic_ess_quantile(context, &draws, 0.1, &value), NUMC_OK);
        near(e, ESS_Q10, value);
        assert_int_equal(numc_diagnostic_mcse_quantile(context, &draws, 0.1, &value), NUMC_OK);
        near(e, MCSE_Q10, value);
        assert_int_equal(numc_diagnostic_quantile(context, &draws, 0.5, &value), NUMC_OK);
        near(e, Q50, value);
        free(x);
    }
}

/* Strides: the same draws stored as (draw, chain, 3) with others between. */
static void follows_strides(void **state)
{
    (void)state;
    const expected *e = &table[1];
    double *x = malloc((size_t)(e->chains * e->draws) * sizeof *x);
    double *y = malloc((size_t)(e->chains * e->draws) * 3 * sizeof *y);
    assert_true(x != NULL && y != NULL);
    make_draws(e, x);
    for (int i = 0; i < e->chains * e->draws * 3; i++)
        y[i] = NAN;
    for (int c = 0; c < e->chains; c++)
        for (int i = 0; i < e->draws; i++)
            y[(i * e->chains + c) * 3 + 1] = x[c * e->draws + i];
    numc_summary a, b;
    numc_draws plain = {x, e->chains, e->draws, e->draws, 1}, strided = {y + 1, e->chains, e->draws, 3, 3 * e->chains};
    assert_int_equal(numc_diagnostic_summary(context, &plain, &a), NUMC_OK);
    assert_int_equal(numc_diagnostic_summary(context, &strided, &b), NUMC_OK);
    assert_memory_equal(&a, &b, sizeof a);
    free(x);
    free(y);
}

static void undefined_is_nan(void **state)
{
    (void)state;
    double x[40];
    numc_draws draws = {x, 2, 20, 20, 1};
    numc_summary s;
    for (int i = 0; i < 40; i++)
        x[i] = 3;
    assert_int_equal(numc_diagnostic_rhat(NULL, &draws, &s.rhat), NUMC_INVALID_ARGUMENT);
    assert_int_equal(numc_diagnostic_summary(context, &draws, &s), NUMC_OK);
    assert_true(fabs(s.mean - 3) < 1e-14 && s.sd < 1e-14 && s.q5 == 3);
    assert_true(isnan(s.rhat) && isnan(s.ess_bulk) && isnan(s.ess_tail) && isnan(s.mcse));
    x[7] = INFINITY;
    assert_int_equal(numc_diagnostic_summary(context, &draws, &s), NUMC_OK);
    assert_true(isnan(s.mean) && isnan(s.rhat) && isnan(s.q50));
    for (int i = 0; i < 40; i++)
        x[i] = i;
    draws.draws = 1;
    assert_int_equal(numc_diagnostic_summary(context, &draws, &s), NUMC_OK);
    assert_true(s.mean == 10 && isnan(s.rhat) && isnan(s.ess_bulk));
    /* two chains that each stand still at their own value have not mixed at all */
    for (int i = 0; i < 40; i++)
        x[i] = i < 20;
    draws.draws = 20;
    assert_int_equal(numc_diagnostic_summary(context, &draws, &s), NUMC_OK);
    assert_true(s.rhat > 1e6); /* infinite but for rounding */
}

static void refuses_bad_arguments(void **state)
{
    (void)state;
    double x[4] = {1, 2, 3, 4}, value;
    numc_draws draws = {x, 0, 4, 4, 1};
    assert_int_equal(numc_diagnostic_rhat(context, &draws, &value), NUMC_INVALID_ARGUMENT);
    numc_error_clear(context);
    draws.chains = 1;
    assert_int_equal(numc_diagnostic_ess_quantile(context, &draws, 1, &value), NUMC_INVALID_ARGUMENT);
    numc_error_clear(context);
    assert_int_equal(numc_diagnostic_quantile(context, &draws, 1, &value), NUMC_OK);
    assert_true(value == 4);
}

/* E-BFMI by hand: energies 1 2 4 3, mean 2.5: steps 1 + 4 + 1, squares 2.25 + 0.25 + 2.25 + 0.25. */
static void energy_fraction(void **state)
{
    (void)state;
    const double energy[] = {1, 0, 2, 0, 4, 0, 3, 0};
    assert_true(fabs(numc_diagnostic_ebfmi(energy, 4, 2) - 1.2) < 1e-15);
    assert_true(isnan(numc_diagnostic_ebfmi(NULL, 4, 1)) && isnan(numc_diagnostic_ebfmi(energy, 0, 1)));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(agrees_with_table),
        cmocka_unit_test(follows_strides),
        cmocka_unit_test(undefined_is_nan),
        cmocka_unit_test(refuses_bad_arguments),
        cmocka_unit_test(energy_fraction),
    };
    return cmocka_run_group_tests(tests, open_context, close_context);
}
