/* The MCMC driver over densities: results, determinism, going on, stopping, errors, memory. */
#include <pthread.h>

#include "support.h"

/* ---- results ---- */

/* Means within 5 Monte Carlo errors of the truth and R-hat below 1.02: with the 12 x 3 means below a false alarm has
 * probability 2e-5; the standard deviations are held to 5 of their own errors. */
static void check_normal(const numc_mcmc *mcmc)
{
    /* S = P^-1 for P = tridiag(-0.9; 2, 2.5, 3), by Cramer's rule */
    double det = 2 * (2.5 * 3 - 0.81) - 0.81 * 3;
    double variance[3] = {(2.5 * 3 - 0.81) / det, 2 * 3 / det, (2 * 2.5 - 0.81) / det};
    for (int k = 0; k < 3; k++) {
        numc_summary s;
        numc_draws draws;
        double sd_error;
        assert_int_equal(numc_mcmc_summary(mcmc, k, 1, &s), NUMC_OK);
        assert_int_equal(numc_mcmc_scalar_draws(mcmc, k, &draws), NUMC_OK);
        assert_int_equal(numc_diagnostic_mcse_sd(context, &draws, &sd_error), NUMC_OK);
        if (!(fabs(s.mean) < 5 * s.mcse && fabs(s.sd - sqrt(variance[k])) < 5 * sd_error && s.rhat < 1.02 && s.mcse < 0.06))
            fail_msg("scalar %d: mean %g mcse %g sd %g (true %g, error %g) rhat %g", k, s.mean, s.mcse, s.sd,
                     sqrt(variance[k]), sd_error, s.rhat);
    }
}

/* After 500 draws of warm-up, of which the last 50 adapt the step alone.
 *
 * Those 50: dual averaging keeps the mean m of the statistics since its restart, t draws ago, and sets
 * log step = log(10 first step) - (0.8 - m) sqrt(t) t / ((t + 10) 0.05). So 0.8 - m = 0.05 (t + 10) / t^1.5 log(10 first / last step) =
 * 0.0085 log(10 first / last) for t = 50: 0.02 for equal steps, without any error of sampling but that of the last step, which
 * wanders by a factor of e^0.8. The unit metric never restarts, t = 500: between t = 450 and 500 the mean moves by
 * 0.05 * 22.8 / 50 = 0.023 for each unit that the log step moves then. Over 240 chains of other seeds the means were 0.776 and, for
 * the unit metric, 0.797, sd 0.007 to 0.008: 5 of these, about 1e-6 for each of the 24 chains.
 *
 * The draws themselves: acceptance falls ever faster with the log step, so the average log step accepts more than 0.8 (Jensen).
 * Over 480 chains of other seeds the means were 0.84 to 0.92 by configuration, sd 0.025 at most: 0.0125 for the mean of 4 chains;
 * 5 of these beside 0.84 and 0.92. False alarm: 6e-7 for each of the 6 configurations. */
static void check_acceptance(const numc_mcmc *mcmc)
{
    double mean = 0;
    for (int32_t c = 0; c < 4; c++) {
        double last = 0;
        assert_int_equal(numc_mcmc_warmup_count(mcmc, c), 500);
        for (int i = 450; i < 500; i++)
            last += fmin(1, numc_mcmc_warmup_statistics(mcmc, c)[i].accept_stat) / 50;
        if (!(last > 0.776 - 0.035 && last < 0.797 + 0.04))
            fail_msg("chain %d: mean acceptance %g at the end of the warm-up", (int)c, last);
        for (int i = 0; i < 1000; i++)
            mean += numc_mcmc_statistics(mcmc, c)[i].accept_stat / 4000;
    }
    if (!(mean > 0.84 - 5 * 0.0125 && mean < 0.92 + 5 * 0.0125))
        fail_msg("mean acceptance %g", mean);
}

static void samples_a_correlated_normal(void **state)
{
    (void)state;
    for (int algorithm = NUMC_ALGORITHM_NUTS; algorithm <= NUMC_ALGORITHM_HMC; algorithm++)
        for (int metric = NUMC_METRIC_DIAGONAL; metric <= NUMC_METRIC_UNIT; metric++)
            for (int warmup = 60; warmup <= 500; warmup += 440) {
                subject s = {.density = density_normal, .dimension = 3};
                numc_mcmc *mcmc = make(&s, &(numc_mcmc_options){.algorithm = (numc_mcmc_algorithm)algorithm,
                                                                .metric = (numc_metric_kind)metric, .warmup = warmup,
                                                                .trajectory_length = 2, .step_jitter = 0.2,
                                                                .save_warmup = true});
                run_ok(mcmc, 17);
                check_normal(mcmc);
                if (warmup == 500)
                    check_acceptance(mcmc);
                numc_mcmc_free(mcmc);
            }
}

static void adapts_the_metric(void **state)
{
    (void)state;
    subject s = {.density = density_normal, .dimension = 3};
    numc_mcmc *mcmc = make(&s, &(numc_mcmc_options){.metric = NUMC_METRIC_DENSE});
    assert_null(numc_mcmc_inverse_metric(mcmc, 0));
    run_ok(mcmc, 3);
    double det = 2 * (2.5 * 3 - 0.81) - 0.81 * 3, variance = 0, covariance = 0;
    for (int32_t c = 0; c < 4; c++) {
        const double *w = numc_mcmc_inverse_metric(mcmc, c);
        assert_true(w[1] == w[3]);
        variance += w[0] / 4;
        covariance += w[1] / 4;
        /* 0.82 over 480 chains of other seeds, sd 8% of it: 5 sd either way */
        assert_true(numc_mcmc_step_size(mcmc, c) > 0.55 && numc_mcmc_step_size(mcmc, c) < 1.22);
    }
    /* The last window has 500 draws. A variance estimated from N independent draws has a relative sd of sqrt(2 / N), a covariance
     * at correlation r one of sqrt((1 + 1 / r^2) / N), r^2 = 2.7^2 / (6.69 * 6) here. Products of NUTS draws are worth about half as
     * many, so for the mean of 4 chains N = 4 * 250: 4.5% and 8.1% (4.2% and 7.5% over 120 runs of other seeds). 5 of them, and the
     * estimate's shrinkage of 1%: false alarm 1e-6. */
    assert_true(fabs(variance / ((2.5 * 3 - 0.81) / det) - 1) < 5 * 0.045 + 0.01);
    assert_true(fabs(covariance / (0.9 * 3 / det) - 1) < 5 * 0.081 + 0.01);
    numc_mcmc_free(mcmc);
}

/* posteriordb's reference draws: mu 4.411 +- 0.033, tau 3.602 +- 0.032 (mcse). 5 joint errors: false alarm 1e-6. */
static void samples_eight_schools(void **state)
{
    (void)state;
    static const char *const names[] = {"mu", "log_tau", "z1", "z2", "z3", "z4", "z5", "z6", "z7", "z8"};
    subject s = {.density = density_eight_schools, .dimension = 10};
    numc_mcmc *mcmc = make(&s, &(numc_mcmc_options){.names = names, .draws = 2500});
    run_ok(mcmc, 20261122);
    numc_mcmc_site mu, log_tau;
    assert_int_equal(numc_mcmc_site_find(mcmc, "mu", &mu), NUMC_OK);
    assert_int_equal(numc_mcmc_site_find(mcmc, "log_tau", &log_tau), NUMC_OK);
    assert_int_equal(mu.rank, 0);
    assert_int_equal(mu.draws, 2500);
    double *tau = malloc(10000 * sizeof *tau);
    assert_non_null(tau);
    for (int64_t c = 0; c < 4; c++)
        for (int64_t i = 0; i < 2500; i++)
            tau[c * 2500 + i] = exp(log_tau.values[c * log_tau.chain_stride + i * log_tau.draw_stride]);
    numc_summary row;
    assert_int_equal(numc_mcmc_summary(mcmc, 0, 1, &row), NUMC_OK);
    assert_true(fabs(row.mean - 4.4105) < 5 * hypot(row.mcse, 0.0331) && row.rhat < 1.01 && row.ess_bulk > 2000);
    numc_draws view = {tau, 4, 2500, 2500, 1};
    assert_int_equal(numc_diagnostic_summary(context, &view, &row), NUMC_OK);
    assert_true(fabs(row.mean - 3.6021) < 5 * hypot(row.mcse, 0.0320) && row.rhat < 1.01);
    free(tau);
    numc_mcmc_free(mcmc);
}

/* ---- the same bits ---- */

static void threads_do_not_matter(void **state)
{
    (void)state;
    subject s = {.density = density_eight_schools, .dimension = 10};
    numc_mcmc_options options = {.warmup = 150, .draws = 100, .threads = 1, .chains = 5};
    numc_mcmc *one = make(&s, &options);
    run_ok(one, 5);
    for (int threads = 2; threads <= 8; threads *= 2) {
        options.threads = threads;
        numc_mcmc *many = make(&s, &options);
        run_ok(many, 5);
        same_draws(one, many);
        numc_mcmc_free(many);
    }
    options.serial_callback = true;
    atomic_store(&s.overlapped, false);
    numc_mcmc *serial = make(&s, &options);
    run_ok(serial, 5);
    assert_false(s.overlapped);
    same_draws(one, serial);
    /* another seed, other draws */
    numc_mcmc *other = make(&s, &options);
    run_ok(other, 6);
    numc_draws x, y;
    assert_int_equal(numc_mcmc_scalar_draws(one, 0, &x), NUMC_OK);
    assert_int_equal(numc_mcmc_scalar_draws(other, 0, &y), NUMC_OK);
    assert_true(x.values[0] != y.values[0]);
    numc_mcmc_free(other);
    numc_mcmc_free(serial);
    numc_mcmc_free(one);
}

static void runs_and_steps_continue(void **state)
{
    (void)state;
    subject s = {.density = density_normal, .dimension = 3};
    numc_mcmc_options options = {.warmup = 100, .draws = 120, .chains = 2, .save_warmup = true};
    numc_mcmc *whole = make(&s, &options);
    run_ok(whole, 9);
    options.draws = 60;
    numc_mcmc *twice = make(&s, &options);
    run_ok(twice, 9);
    assert_int_equal(numc_mcmc_draw_count(twice, -1), 60);
    run_ok(twice, 9);
    same_draws(whole, twice);
    options.draws = 10;
    numc_mcmc *steps = make(&s, &options);
    for (int i = 0; i < 110; i++)
        assert_int_equal(numc_mcmc_step(steps, 9, -1), NUMC_OK);
    assert_int_equal(numc_mcmc_warmup_count(steps, 1), 100);
    assert_int_equal(numc_mcmc_draw_count(steps, 1), 10);
    for (int i = 110; i < 220; i++)
        for (int32_t c = 1; c >= 0; c--)
            assert_int_equal(numc_mcmc_step(steps, 9, c), NUMC_OK);
    same_draws(whole, steps);
    for (int32_t c = 0; c < 2; c++)
        assert_memory_equal(numc_mcmc_warmup_values(whole, c), numc_mcmc_warmup_values(steps, c), 100 * 3 * sizeof(double));
    numc_mcmc_free(whole);
    numc_mcmc_free(twice);
    numc_mcmc_free(steps);
}

static void cancelled_runs_resume(void **state)
{
    (void)state;
    subject s = {.density = density_eight_schools, .dimension = 10};
    numc_mcmc_options options = {.warmup = 100, .draws = 50, .threads = 2};
    numc_mcmc *whole = make(&s, &options);
    run_ok(whole, 11);
    long all = s.evaluations;
    /* in initialisation, step size search, warm-up, drawing */
    long events[] = {1, 7, 30, all / 3, all - 200};
    for (size_t k = 0; k < sizeof events / sizeof *events; k++) {
        subject t = {.density = density_eight_schools, .dimension = 10, .event_at = events[k]};
        numc_mcmc *mcmc = make(&t, &options);
        t.cancel = mcmc;
        assert_int_equal(numc_mcmc_run(mcmc, 11), NUMC_CANCELLED);
        assert_int_equal(numc_error_status(context), NUMC_OK);
        assert_true(t.evaluations <= events[k] + 4); /* within one gradient of each chain */
        assert_true(numc_mcmc_draw_count(mcmc, -1) < 50);
        run_ok(mcmc, 11);
        same_draws(whole, mcmc);
        numc_mcmc_free(mcmc);
    }
    /* a cancel before the run is not lost */
    numc_mcmc *mcmc = make(&s, &options);
    numc_mcmc_cancel(mcmc);
    assert_int_equal(numc_mcmc_run(mcmc, 11), NUMC_CANCELLED);
    assert_int_equal(numc_mcmc_draw_count(mcmc, 0), 0);
    numc_mcmc_free(mcmc);
    numc_mcmc_free(whole);
}

static void stops_and_errors_keep_draws(void **state)
{
    (void)state;
    subject s = {.density = density_normal, .dimension = 3, .event_at = 5000, .answer = NUMC_STOP};
    numc_mcmc_options options = {.warmup = 50, .draws = 5000, .chains = 2, .threads = 1};
    numc_mcmc *mcmc = make(&s, &options);
    assert_int_equal(numc_mcmc_run(mcmc, 1), NUMC_STOP);
    assert_int_equal(numc_error_status(context), NUMC_OK);
    assert_true(numc_mcmc_draw_count(mcmc, 0) > 100 && numc_mcmc_draw_count(mcmc, 1) == 0);
    s.event_at = s.evaluations + 30000; /* on the second chain now */
    s.answer = NUMC_VALUE;
    assert_int_equal(numc_mcmc_run(mcmc, 1), NUMC_VALUE);
    int64_t kept = numc_mcmc_draw_count(mcmc, 0) + numc_mcmc_draw_count(mcmc, 1);
    assert_true(kept > 5000);
    assert_int_equal(numc_mcmc_run(mcmc, 1), NUMC_VALUE); /* an error is pending: nothing is begun */
    expect_error(NUMC_VALUE, "the density failed: a value is outside its domain");
    run_ok(mcmc, 1);
    assert_int_equal(numc_mcmc_draw_count(mcmc, -1), 5000);
    numc_mcmc_free(mcmc);
}

/* ---- starting points ---- */

static bool nowhere(int n, const double *q, double *log_density, double *g)
{
    (void)n, (void)q, (void)log_density, (void)g;
    return false;
}

static bool not_differentiable(int n, const double *q, double *log_density, double *g)
{
    (void)q;
    *log_density = 0;
    for (int i = 0; i < n; i++)
        g[i] = i == 1 ? NAN : 0;
    return true;
}

static bool flat(int n, const double *q, double *log_density, double *g)
{
    (void)q;
    *log_density = 0;
    for (int i = 0; i < n; i++)
        g[i] = 0;
    return true;
}

static void bad_starts_are_explained(void **state)
{
    (void)state;
    subject s = {.density = nowhere, .dimension = 2};
    numc_mcmc *mcmc = make(&s, &(numc_mcmc_options){.init_radius = 0.5, .chains = 1});
    assert_int_equal(numc_mcmc_run(mcmc, 1), NUMC_INITIALIZATION);
    assert_int_equal(s.evaluations, 100);
    expect_error(NUMC_INITIALIZATION, "chain 0: no acceptable starting point in 100 tries of uniform(-0.5, 0.5)");
    numc_mcmc_free(mcmc);

    s = (subject){.density = not_differentiable, .dimension = 2};
    mcmc = make(&s, &(numc_mcmc_options){.init_zero = true, .threads = 1});
    assert_int_equal(numc_mcmc_run(mcmc, 1), NUMC_INITIALIZATION);
    assert_int_equal(s.evaluations, 1);
    expect_error(NUMC_INITIALIZATION, "coordinate 1 of the gradient is nan at q[0] = 0, q[1] = 0");
    numc_mcmc_free(mcmc);

    s = (subject){.density = flat, .dimension = 2};
    mcmc = make(&s, NULL);
    assert_int_equal(numc_mcmc_run(mcmc, 1), NUMC_INITIALIZATION);
    expect_error(NUMC_INITIALIZATION, "may be improper, or far wider than its starting points"); /* as N(0, 1e200) is */
    numc_mcmc_free(mcmc);

    const double positions[] = {0.5, 0.25, -0.5, 1};
    s = (subject){.density = density_normal, .dimension = 2};
    mcmc = make(&s, &(numc_mcmc_options){.chains = 2, .init_positions = positions, .warmup = NUMC_COUNT(0), .draws = 1,
                                         .no_adaptation = true, .step_size = 1e-9, .max_tree_depth = 1});
    assert_null(numc_mcmc_position(mcmc, 0));
    run_ok(mcmc, 1);
    for (int i = 0; i < 4; i++)
        assert_true(fabs(numc_mcmc_position(mcmc, i / 2)[i % 2] - positions[i]) < 1e-6);
    assert_true(numc_mcmc_step_size(mcmc, 0) == 1e-9);
    numc_mcmc_free(mcmc);
}

static void options_are_checked(void **state)
{
    (void)state;
    const double crooked[] = {1, 0.5, 0.25, 1}, negative[] = {1, -1}, zero[] = {0, 1}, nan[] = {1, NAN, NAN, 1},
                 infinite[] = {1, INFINITY}, indefinite[] = {1, 2, 2, 1};
    static const char *const twice[] = {"a", "a"};
    const struct {
        numc_mcmc_options options;
        const char *part;
    } bad[] = {
        {{.chains = -1}, "chains"},
        {{.thin = -2}, "thin"},
        {{.warmup = -1}, "warmup is -1, not in 0..1073741824"},
        {{.draws = -1}, "draws is -1, not in 0..1073741824"},
        {{.chains = 1 << 21}, "chains is 2097152, not in 0..1048576"},
        {{.target_accept = 1}, "target_accept"},
        {{.max_tree_depth = 21}, "max_tree_depth"},
        {{.step_size = -0.1}, "step_size"},
        {{.step_jitter = 2}, "step_jitter"},
        {{.metric = NUMC_METRIC_UNIT, .init_metric = negative}, "init_metric"},
        {{.metric = NUMC_METRIC_DENSE, .init_metric = crooked}, "not symmetric"},
        {{.metric = NUMC_METRIC_DENSE, .init_metric = nan}, "init_metric(0, 1) is nan"},
        {{.metric = NUMC_METRIC_DENSE, .init_metric = indefinite}, "not positive definite"},
        {{.init_metric = negative}, "init_metric[1] is -1"},
        {{.init_metric = zero}, "init_metric[0] is 0"},
        {{.init_metric = nan}, "init_metric[1] is nan"},
        {{.init_metric = infinite}, "init_metric[1] is inf"},
        {{.init_positions = infinite, .chains = 1}, "init_positions[1] is inf"},
        {{.adapt_gamma = -1}, "adapt_gamma is -1"},
        {{.adapt_t0 = INFINITY}, "adapt_t0 is inf"},
        {{.adapt_kappa = NAN}, "adapt_kappa is nan"},
        {{.adapt_init = -2}, "adapt_init is -2"},
        {{.adapt_term = INT64_MAX}, "adapt_term is 9223372036854775807"},
        {{.adapt_window = NUMC_COUNT(0)}, "adapt_window is 0"},
        {{.warmup = NUMC_COUNT(-3)}, "warmup is -3, not in 0.."},
        {{.init_zero = true, .init_positions = crooked}, "init_zero"},
        {{.names = twice}, "both \"a\""},
    };
    subject s = {.density = density_normal, .dimension = 2};
    for (size_t i = 0; i < sizeof bad / sizeof *bad; i++) {
        assert_null(numc_mcmc_new_density(context, 2, call, &s, &bad[i].options));
        expect_error(NUMC_INVALID_ARGUMENT, bad[i].part);
    }
    assert_null(numc_mcmc_new_density(context, 2, NULL, &s, NULL));
    expect_error(NUMC_INVALID_ARGUMENT, "NULL");
    numc_mcmc *mcmc = make(&s, NULL);
    numc_mcmc_site site;
    numc_summary row;
    char name[2] = "?";
    assert_int_equal(numc_mcmc_summary(mcmc, INT64_MAX, INT64_MAX, &row), NUMC_INDEX);
    expect_error(NUMC_INDEX, "9223372036854775807 scalars from 9223372036854775807 on, of 2");
    assert_int_equal(numc_mcmc_scalar_name(mcmc, 0, NULL, 10), 4);
    assert_int_equal(numc_mcmc_scalar_name(mcmc, 0, name, sizeof name), 4);
    assert_string_equal(name, "q");
    assert_int_equal(numc_mcmc_site_find(mcmc, "p", &site), NUMC_SITE);
    expect_error(NUMC_SITE, "no site \"p\"");
    numc_mcmc_free(mcmc);
    /* a struct from the future with something set that this library does not know; and a shorter one from the past */
    struct {
        numc_mcmc_options known;
        double more;
    } longer = {.more = 1};
    assert_null(numc_mcmc_new_density_sized(context, 2, call, &s, &longer.known, sizeof longer));
    expect_error(NUMC_INVALID_ARGUMENT, "does not know");
    mcmc = numc_mcmc_new_density_sized(context, 2, call, &s, &(numc_mcmc_options){.chains = 3}, sizeof(int32_t));
    assert_int_equal(numc_mcmc_chain_count(mcmc), 3);
    numc_mcmc_free(mcmc);
}

/* ---- calls from inside a run ---- */

typedef struct intruder {
    numc_mcmc *mcmc;
    bool frees;
    _Atomic long calls, refused;
    int64_t draws, last_draws, finished;
    density_fn density;
} intruder;

static void intrude(intruder *t)
{
    atomic_fetch_add(&t->calls, 1);
    if (t->mcmc == NULL)
        return;
    if (numc_mcmc_run(t->mcmc, 1) == NUMC_STATE && numc_mcmc_step(t->mcmc, 1, 0) == NUMC_STATE)
        atomic_fetch_add(&t->refused, 1);
    if (t->frees)
        numc_mcmc_free(t->mcmc);
}

static numc_status intruding_density(void *user, const double *q, double *log_density, double *gradient)
{
    intruder *t = user;
    intrude(t);
    return density_normal(3, q, log_density, gradient) ? NUMC_OK : NUMC_REJECT;
}

static numc_status plain_density(void *user, const double *q, double *log_density, double *gradient)
{
    (void)user;
    return density_normal(3, q, log_density, gradient) ? NUMC_OK : NUMC_REJECT;
}

/* Reads everything that may be read during a run. */
static numc_status intruding_progress(void *user, const numc_mcmc_progress *progress)
{
    intruder *t = user;
    intrude(t);
    t->finished += progress->finished;
    if (t->frees)
        return NUMC_OK;
    for (int32_t c = 0; c < progress->chains; c++) {
        int64_t draws = numc_mcmc_draw_count(t->mcmc, c), kept = numc_mcmc_divergence_kept(t->mcmc, c);
        numc_mcmc_divergence d;
        for (int64_t i = 0; i < draws; i++)
            assert_true(numc_mcmc_statistics(t->mcmc, c)[i].n_leapfrog > 0);
        for (int64_t i = 0; i < kept; i++)
            assert_true(numc_mcmc_divergence_at(t->mcmc, c, i, &d) == NUMC_OK && isfinite(d.start[0]));
        assert_true(numc_mcmc_step_size(t->mcmc, c) > 0 && numc_mcmc_seconds(t->mcmc, c, true) >= 0);
        assert_true((numc_mcmc_position(t->mcmc, c) == NULL) == !progress->finished);
        assert_true((numc_mcmc_inverse_metric(t->mcmc, c) == NULL) == !progress->finished);
    }
    assert_int_equal(numc_mcmc_not_finite_count(t->mcmc, -1), 0);
    numc_summary row;
    if (numc_mcmc_draw_count(t->mcmc, -1) > 0)
        assert_int_equal(numc_mcmc_summary(t->mcmc, 0, 1, &row), NUMC_OK);
    return NUMC_OK;
}

static numc_status intruding_draw(void *user, const numc_mcmc_draw *draw)
{
    (void)draw;
    intrude(user);
    return NUMC_OK;
}

/* A run inside a run is refused, from each callback and thread, and the run in progress is none the worse. */
static void runs_do_not_nest(void **state)
{
    (void)state;
    intruder t = {0};
    numc_mcmc_options options = {.chains = 3, .warmup = 300, .draws = 300, .threads = 2, .interval = 1};
    numc_mcmc *plain = numc_mcmc_new_density(context, 3, plain_density, NULL, &options);
    options.progress = intruding_progress;
    options.draw = intruding_draw;
    options.progress_user = options.draw_user = &t;
    numc_mcmc *mcmc = numc_mcmc_new_density(context, 3, intruding_density, &t, &options);
    assert_true(plain != NULL && mcmc != NULL);
    t.mcmc = mcmc;
    run_ok(plain, 3);
    run_ok(mcmc, 3);
    assert_int_equal(numc_error_status(context), NUMC_OK);
    assert_true(t.calls > 1000 && t.refused == t.calls && t.finished == 1);
    same_draws(plain, mcmc);
    run_ok(plain, 3); /* and they go on */
    run_ok(mcmc, 3);
    same_draws(plain, mcmc);
    assert_int_equal(numc_mcmc_step(mcmc, 3, -1), NUMC_OK);
    assert_true(t.refused == t.calls);
    numc_mcmc_free(plain);
    numc_mcmc_free(mcmc);
}

/* Freed by a callback: the run ends early, or is over, and nothing is used after its end or left behind. */
static void freed_inside_a_run(void **state)
{
    (void)state;
    for (int from = 0; from < 4; from++) { /* density, progress, draw, a step's density */
        failing f = failing_at(-1);
        numc_context *own = numc_open(&(numc_options){.allocate = failing_allocate, .allocate_user = &f});
        intruder t = {.frees = true};
        numc_mcmc_options options = {.chains = 2, .warmup = 2000, .draws = 100000, .threads = 2, .interval = 1};
        options.progress = from == 1 ? intruding_progress : NULL;
        options.draw = from == 2 ? intruding_draw : NULL;
        options.progress_user = options.draw_user = &t;
        numc_mcmc *mcmc = numc_mcmc_new_density(own, 3, from % 3 == 0 ? intruding_density : plain_density, &t, &options);
        assert_non_null(mcmc);
        long blocks = f.blocks;
        t.mcmc = mcmc;
        assert_int_equal(from == 3 ? numc_mcmc_step(mcmc, 1, -1) : numc_mcmc_run(mcmc, 1), NUMC_CANCELLED);
        assert_true(t.calls > 0 && t.refused == t.calls);
        assert_int_equal(numc_error_status(own), NUMC_OK);
        assert_true(f.blocks < blocks); /* gone before the close */
        numc_close(own);
        assert_int_equal(f.blocks, 0);
        assert_int_equal(f.mistakes, 0);
    }
}

static numc_status closing_progress(void *user, const numc_mcmc_progress *progress)
{
    (void)progress;
    numc_close(user); /* is left undone: the run goes on with the context it has */
    return NUMC_OK;
}

static void context_closed_inside_a_run(void **state)
{
    (void)state;
    numc_context *own = numc_open(NULL);
    numc_mcmc_options options = {.chains = 2, .warmup = 50, .draws = 50, .interval = 1, .progress = closing_progress, .progress_user = own};
    numc_mcmc *mcmc = numc_mcmc_new_density(own, 3, plain_density, NULL, &options);
    assert_non_null(mcmc);
    assert_int_equal(numc_mcmc_run(mcmc, 1), NUMC_OK);
    assert_int_equal(numc_mcmc_draw_count(mcmc, -1), 50);
    numc_close(own);
}

static numc_status sum_divergences(void *user, const numc_mcmc_progress *progress)
{
    int64_t *sums = user;
    sums[0] = progress->divergences;
    sums[1] = progress->warmup_divergences;
    return NUMC_OK;
}

static void progress_counts_divergences_apart(void **state)
{
    (void)state;
    int64_t sums[2] = {-1, -1}, warm = 0;
    subject s = {.density = density_funnel, .dimension = 6};
    numc_mcmc *mcmc = make(&s, &(numc_mcmc_options){.chains = 2, .target_accept = 0.6, .progress = sum_divergences,
                                                    .progress_user = sums});
    run_ok(mcmc, 4);
    for (int32_t c = 0; c < 2; c++)
        for (int64_t i = 0; i < numc_mcmc_divergence_kept(mcmc, c); i++) {
            numc_mcmc_divergence d;
            assert_int_equal(numc_mcmc_divergence_at(mcmc, c, i, &d), NUMC_OK);
            warm += d.warmup;
        }
    assert_true(warm > 0 && sums[0] > 0);
    assert_int_equal(sums[0], numc_mcmc_divergence_count(mcmc, -1));
    assert_int_equal(sums[1], warm);
    numc_mcmc_free(mcmc);
}

/* ---- what has no end ---- */

/* log density 0 in q[0], standard normal in q[1] */
static bool half_flat(int n, const double *q, double *log_density, double *g)
{
    (void)n;
    *log_density = -0.5 * q[1] * q[1];
    g[0] = 0;
    g[1] = -q[1];
    return true;
}

static void read_all(FILE *file, char *text, size_t size)
{
    rewind(file);
    text[fread(text, 1, size - 1, file)] = '\0';
}

static void runaways_are_told(void **state)
{
    (void)state;
    char text[4096];
    FILE *file = tmpfile();
    assert_non_null(file);
    subject s = {.density = half_flat, .dimension = 2};
    numc_mcmc *mcmc = make(&s, NULL);
    run_ok(mcmc, 1);
    assert_int_equal(numc_mcmc_print_summary(mcmc, file), NUMC_OK);
    read_all(file, text, sizeof text);
    fclose(file);
    assert_non_null(strstr(text, " in \"q[0]\", where the density is flat: the posterior is improper, or far wider than its starting points\n"));
    assert_null(strstr(text, "not finite"));
    numc_mcmc_free(mcmc);
    /* Leapfrogs move q[0] by e sqrt(W0) = 1e308 and q[1] by e sqrt(W1) = 0.1: soon q[0] is infinite and has a density still. */
    const double far[] = {1.7e308, 0}, metric[] = {1e308, 1e-310};
    mcmc = make(&s, &(numc_mcmc_options){.chains = 1, .init_positions = far, .init_metric = metric, .no_adaptation = true,
                                         .step_size = 1e154});
    assert_int_equal(numc_mcmc_run(mcmc, 1), NUMC_VALUE);
    expect_error(NUMC_VALUE, "unconstrained coordinate 0 (\"q[0]\") ran off to infinity: the density is improper");
    numc_mcmc_free(mcmc);
}

/* ---- what is kept ---- */

static void divergences_are_kept(void **state)
{
    (void)state;
    subject s = {.density = density_funnel, .dimension = 6};
    numc_mcmc *mcmc = make(&s, &(numc_mcmc_options){.chains = 2, .target_accept = 0.6});
    run_ok(mcmc, 4);
    int64_t sum = 0;
    for (int32_t c = 0; c < 2; c++) {
        int64_t flagged = 0, kept = 0;
        for (int64_t i = 0; i < 1000; i++)
            flagged += numc_mcmc_statistics(mcmc, c)[i].divergent;
        assert_int_equal(flagged, numc_mcmc_divergence_count(mcmc, c));
        for (int64_t i = 0; i < numc_mcmc_divergence_kept(mcmc, c); i++) {
            numc_mcmc_divergence d;
            double g[6], start;
            assert_int_equal(numc_mcmc_divergence_at(mcmc, c, i, &d), NUMC_OK);
            kept += !d.warmup;
            assert_true(d.warmup == (d.transition < 1000));
            if (!d.warmup)
                assert_true(numc_mcmc_statistics(mcmc, c)[d.transition - 1000].divergent);
            density_funnel(6, d.start, &start, g);
            assert_true(isfinite(start) && memcmp(d.start, d.end, sizeof g) != 0);
        }
        assert_int_equal(kept, flagged);
        sum += flagged;
    }
    assert_true(sum > 5);
    assert_int_equal(sum, numc_mcmc_divergence_count(mcmc, -1));
    numc_mcmc_free(mcmc);
}

static void thins_and_saves_the_warmup(void **state)
{
    (void)state;
    subject s = {.density = density_normal, .dimension = 2};
    numc_mcmc_options options = {.chains = 1, .warmup = 100, .draws = 300, .save_warmup = true};
    numc_mcmc *all = make(&s, &options);
    run_ok(all, 2);
    options.thin = 3;
    options.draws = 100;
    numc_mcmc *thin = make(&s, &options);
    run_ok(thin, 2);
    assert_int_equal(numc_mcmc_draw_count(thin, 0), 100);
    assert_int_equal(numc_mcmc_warmup_count(thin, 0), 33);
    assert_int_equal(numc_mcmc_warmup_count(all, 0), 100);
    numc_draws x, y;
    assert_int_equal(numc_mcmc_scalar_draws(all, 1, &x), NUMC_OK);
    assert_int_equal(numc_mcmc_scalar_draws(thin, 1, &y), NUMC_OK);
    for (int i = 0; i < 100; i++) {
        assert_true(y.values[i * y.draw_stride] == x.values[(3 * i + 2) * x.draw_stride]);
        assert_true(numc_mcmc_statistics(thin, 0)[i].energy == numc_mcmc_statistics(all, 0)[3 * i + 2].energy);
    }
    for (int i = 0; i < 33; i++)
        assert_true(numc_mcmc_warmup_values(thin, 0)[2 * i] == numc_mcmc_warmup_values(all, 0)[2 * (3 * i + 2)]);
    /* the step size moves during warm-up and stands still after it */
    const numc_draw_statistics *warm = numc_mcmc_warmup_statistics(all, 0), *kept = numc_mcmc_statistics(all, 0);
    assert_true(warm[3].step_size != warm[4].step_size);
    for (int i = 0; i < 300; i++)
        assert_true(kept[i].step_size == numc_mcmc_step_size(all, 0));
    numc_mcmc_free(all);
    numc_mcmc_free(thin);
}

typedef struct observer {
    pthread_t caller;
    int64_t next[4][2];
    const numc_mcmc *mcmc;
    int64_t draws, calls, finished, stop_after;
} observer;

static numc_status on_draw(void *user, const numc_mcmc_draw *draw)
{
    observer *o = user;
    assert_true(pthread_equal(o->caller, pthread_self()));
    assert_int_equal(draw->draw, o->next[draw->chain][draw->warmup]++);
    assert_int_equal(draw->value_count, 3);
    assert_true(isfinite(draw->values[0]) && draw->statistics->n_leapfrog > 0);
    o->draws++;
    return o->draws == o->stop_after ? NUMC_STOP : NUMC_OK;
}

static numc_status on_progress(void *user, const numc_mcmc_progress *progress)
{
    observer *o = user;
    assert_true(pthread_equal(o->caller, pthread_self()));
    assert_int_equal(progress->chains, 4);
    assert_int_equal(progress->warmup, 200);
    assert_int_equal(progress->total, 500);
    for (int c = 0; c < 4; c++)
        assert_true(progress->done[c] <= 500 && (!progress->finished || progress->done[c] == 500 || o->stop_after > 0));
    o->calls++;
    o->finished += progress->finished;
    return NUMC_OK;
}

static void callbacks_run_on_the_caller(void **state)
{
    (void)state;
    subject s = {.density = density_normal, .dimension = 3};
    observer o = {.caller = pthread_self()};
    numc_mcmc_options options = {.warmup = 200, .draws = 300, .threads = 2, .save_warmup = true, .progress = on_progress,
                                 .progress_user = &o, .draw = on_draw, .draw_user = &o, .interval = 1};
    numc_mcmc *mcmc = make(&s, &options);
    run_ok(mcmc, 8);
    assert_int_equal(o.draws, 4 * 500);
    assert_int_equal(o.finished, 1);
    numc_mcmc_free(mcmc);
    o = (observer){.caller = pthread_self(), .stop_after = 50};
    mcmc = make(&s, &options);
    assert_int_equal(numc_mcmc_run(mcmc, 8), NUMC_STOP);
    assert_int_equal(numc_error_status(context), NUMC_OK);
    assert_int_equal(o.finished, 1);
    assert_int_equal(o.draws, 50); /* none that was stored before the chains heard of it */
    numc_mcmc_free(mcmc);
}

static void nothing_to_sample(void **state)
{
    (void)state;
    subject s = {.density = flat, .dimension = 0};
    numc_mcmc *mcmc = make(&s, &(numc_mcmc_options){.warmup = 30, .draws = 5});
    run_ok(mcmc, 1);
    assert_int_equal(numc_mcmc_draw_count(mcmc, -1), 5);
    assert_int_equal(numc_mcmc_scalar_count(mcmc), 0);
    numc_mcmc_free(mcmc);
}

/* ---- output ---- */

static void prints_a_summary(void **state)
{
    (void)state;
    static const char *const names[] = {"alpha", "a_rather_long_name", "c"};
    subject s = {.density = density_normal, .dimension = 3};
    for (int named = 0; named < 2; named++) {
        numc_mcmc *mcmc = make(&s, &(numc_mcmc_options){.names = named ? names : NULL, .chains = 2, .draws = 200});
        FILE *file = tmpfile();
        assert_non_null(file);
        assert_int_equal(numc_mcmc_print_summary(mcmc, file), NUMC_STATE);
        expect_error(NUMC_STATE, "no draws");
        run_ok(mcmc, 2);
        assert_int_equal(numc_mcmc_print_summary(mcmc, file), NUMC_OK);
        rewind(file);
        char line[512];
        assert_non_null(fgets(line, sizeof line, file));
        char cell[10][64];
        assert_int_equal(sscanf(line, "%63s %63s %63s %63s %63s %63s %63s %63s %63s %63s", cell[0], cell[1], cell[2], cell[3],
                                cell[4], cell[5], cell[6], cell[7], cell[8], cell[9]), 10);
        assert_string_equal(cell[0], "name");
        assert_string_equal(cell[9], "rhat");
        size_t length = strlen(line);
        for (int k = 0; k < 3; k++) {
            numc_summary row;
            double mean, rhat;
            char index[16];
            snprintf(index, sizeof index, "q[%d]", k);
            assert_int_equal(numc_mcmc_summary(mcmc, k, 1, &row), NUMC_OK);
            assert_non_null(fgets(line, sizeof line, file));
            assert_int_equal(strlen(line), length);
            assert_int_equal(sscanf(line, "%63s %lf %*s %*s %*s %*s %*s %*s %*s %lf", cell[0], &mean, &rhat), 3);
            assert_string_equal(cell[0], named ? names[k] : index);
            assert_true(fabs(mean - row.mean) <= 5.1e-4 * fabs(row.mean) && fabs(rhat - row.rhat) <= 5.1e-5);
        }
        assert_non_null(fgets(line, sizeof line, file));
        assert_string_equal(line, "\n");
        assert_non_null(fgets(line, sizeof line, file));
        assert_non_null(strstr(line, "2 chains, 200 draws each; 0 divergences; 0 draws at tree depth 10; E-BFMI"));
        fclose(file);
        numc_mcmc_free(mcmc);
    }
}

static void a_full_disk_is_an_error(void **state)
{
    (void)state;
    FILE *full = fopen("/dev/full", "w");
    if (full == NULL)
        SKIP("there is no /dev/full");
    subject s = {.density = density_normal, .dimension = 3};
    numc_mcmc *mcmc = make(&s, &(numc_mcmc_options){.chains = 1, .warmup = 20, .draws = 20});
    run_ok(mcmc, 2);
    assert_int_equal(numc_mcmc_print_summary(mcmc, full), NUMC_IO);
    expect_error(NUMC_IO, "cannot be written");
    fclose(full);
    numc_mcmc_free(mcmc);
}

/* ---- memory ---- */

static void steps_do_not_allocate(void **state)
{
    (void)state;
    failing f = failing_at(-1);
    numc_context *own = numc_open(&(numc_options){.allocate = failing_allocate, .allocate_user = &f});
    subject s = {.density = density_eight_schools, .dimension = 10};
    numc_mcmc *mcmc = numc_mcmc_new_density(own, 10, call, &s, &(numc_mcmc_options){.metric = NUMC_METRIC_DENSE, .warmup = 200});
    assert_int_equal(numc_mcmc_step(mcmc, 1, -1), NUMC_OK);
    long requests = f.requests;
    for (int i = 0; i < 400; i++)
        assert_int_equal(numc_mcmc_step(mcmc, 1, -1), NUMC_OK);
    assert_int_equal(f.requests, requests);
    numc_close(own);
    assert_int_equal(f.blocks, 0);
    assert_int_equal(f.mistakes, 0);
}

static void any_allocation_may_fail(void **state)
{
    (void)state;
    static const char *const names[] = {"a", "b", "c"};
    long n = 0;
    for (;; n++) {
        failing f = failing_at(n);
        numc_context *own = numc_open(&(numc_options){.allocate = failing_allocate, .allocate_user = &f});
        if (own != NULL && numc_error_status(own) == NUMC_OK) {
            subject s = {.density = density_normal, .dimension = 3};
            numc_mcmc *mcmc = numc_mcmc_new_density(own, 3, call, &s, &(numc_mcmc_options){.chains = 2, .threads = 2, .warmup = 30,
                                                                                          .draws = 20, .names = names});
            numc_summary rows[3];
            if (mcmc != NULL && numc_mcmc_run(mcmc, 1) == NUMC_OK && numc_mcmc_run(mcmc, 1) == NUMC_OK &&
                numc_mcmc_summary(mcmc, 0, 3, rows) == NUMC_OK)
                assert_int_equal(numc_mcmc_draw_count(mcmc, -1), 40);
            else
                assert_int_equal(numc_error_status(own), NUMC_MEMORY);
        }
        numc_close(own);
        assert_int_equal(f.blocks, 0);
        assert_int_equal(f.mistakes, 0);
        if (!f.failed)
            break;
    }
    assert_true(n * failing_every() > 15);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(samples_a_correlated_normal),
        cmocka_unit_test(adapts_the_metric),
        cmocka_unit_test(samples_eight_schools),
        cmocka_unit_test(threads_do_not_matter),
        cmocka_unit_test(runs_and_steps_continue),
        cmocka_unit_test(cancelled_runs_resume),
        cmocka_unit_test(stops_and_errors_keep_draws),
        cmocka_unit_test(bad_starts_are_explained),
        cmocka_unit_test(options_are_checked),
        cmocka_unit_test(runs_do_not_nest),
        cmocka_unit_test(freed_inside_a_run),
        cmocka_unit_test(context_closed_inside_a_run),
        cmocka_unit_test(progress_counts_divergences_apart),
        cmocka_unit_test(runaways_are_told),
        cmocka_unit_test(divergences_are_kept),
        cmocka_unit_test(thins_and_saves_the_warmup),
        cmocka_unit_test(callbacks_run_on_the_caller),
        cmocka_unit_test(nothing_to_sample),
        cmocka_unit_test(prints_a_summary),
        cmocka_unit_test(a_full_disk_is_an_error),
        cmocka_unit_test(steps_do_not_allocate),
        cmocka_unit_test(any_allocation_may_fail),
    };
    return cmocka_run_group_tests(tests, open_context, close_context);
}
