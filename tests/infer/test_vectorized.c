/* Vectorised chains: the same draws as chains by themselves where arithmetic is the same, going on, stopping, errors, memory. */
#include <pthread.h>

#include "infer/driver.h"
#include "kernel/chains.h"
#include "numc/function.h"
#include "numc/linalg.h"
#include "support.h"

/* Memory of the device's own: the backends that the tests name so. */
static bool is_apart(void)
{
    const char *backend = getenv("NUMC_BACKEND");
    return backend != NULL && (strstr(backend, "numc-") != NULL || strncmp(backend, "opencl", 6) == 0 || strncmp(backend, "cuda", 4) == 0);
}

/* ---- models ---- */

struct data {
    numc_array *a, *b;
    numc_function *external;
};

/* Logistic regression with 300 rows: X b of all chains is one product of matrices. */
enum { ROWS = 300, COLUMNS = 5 };

static void logistic(numc_run *run, void *user)
{
    const struct data *d = user;
    numc_array *alpha = numc_sample(run, "alpha", numc_normal(run, 0, 3)), *beta = NULL;
    numc_plate(run, "column", COLUMNS) {
        beta = numc_sample(run, "beta", numc_normal(run, 0, 1));
    }
    numc_array *eta = numc_add(alpha, numc_matmul(numc_data(run, "X", d->a), beta));
    numc_plate(run, "row", ROWS) {
        numc_observe(run, "y", numc_bernoulli_logits(run, eta), d->b);
    }
}

static struct data logistic_data(numc_context *own)
{
    double x[ROWS * COLUMNS], y[ROWS];
    for (int i = 0; i < ROWS; i++) {
        double eta = 0.3;
        for (int j = 0; j < COLUMNS; j++) {
            x[i * COLUMNS + j] = sin(1.7 * i + 2.3 * j * j + 0.1 * i * j);
            eta += 0.4 * (j - 2) * x[i * COLUMNS + j];
        }
        y[i] = eta + 2 * cos(5.1 * i) > 0;
    }
    return (struct data){.a = numc_from_host(own, NUMC_FLOAT64, NUMC_SHAPE(ROWS, COLUMNS), x),
                         .b = numc_from_host(own, NUMC_FLOAT64, NUMC_SHAPE(ROWS), y)};
}

/* ---- the same draws ---- */

/* All arithmetic is by element, or sums of 8 in the order of their lanes: the batch has the bits of single positions. */
static void elementwise_models_have_the_same_bits(void **state)
{
    (void)state;
    struct schools d = schools_data(context);
    const numc_mcmc_options kinds[] = {
        {.warmup = 120, .draws = 80, .chains = 5},
        {.warmup = 120, .draws = 80, .chains = 5, .metric = NUMC_METRIC_DENSE, .step_jitter = 0.25, .save_warmup = true},
        {.warmup = 60, .draws = 60, .chains = 3, .algorithm = NUMC_ALGORITHM_HMC, .trajectory_length = 2},
        {.warmup = NUMC_COUNT(0), .draws = 40, .chains = 3, .thin = 2, .init_zero = true, .no_adaptation = true, .step_size = 0.25},
    };
    for (size_t k = 0; k < sizeof kinds / sizeof *kinds; k++) {
        numc_mcmc_options options = kinds[k];
        numc_mcmc *parallel = sampler(eight_schools, &d, &options);
        run_ok(parallel, 3);
        options.chain_method = NUMC_CHAINS_SEQUENTIAL;
        numc_mcmc *sequential = sampler(eight_schools, &d, &options);
        run_ok(sequential, 3);
        same_draws(parallel, sequential);
        options.chain_method = NUMC_CHAINS_VECTORIZED;
        for (int32_t batch = 0; batch <= 3; batch++) { /* all, one, two and three chains per call */
            options.batch = batch;
            numc_mcmc *vectorized = sampler(eight_schools, &d, &options);
            run_ok(vectorized, 3);
            same_draws(parallel, vectorized);
            for (int32_t c = 0; c < options.chains; c++) {
                int64_t warm = numc_mcmc_warmup_count(parallel, c);
                assert_int_equal(numc_mcmc_warmup_count(vectorized, c), warm);
                assert_int_equal(warm, options.save_warmup ? 120 : 0);
                if (warm > 0)
                    assert_memory_equal(numc_mcmc_warmup_values(parallel, c), numc_mcmc_warmup_values(vectorized, c),
                                        (size_t)(warm * numc_mcmc_scalar_count(parallel)) * sizeof(double));
                assert_int_equal(numc_mcmc_divergence_count(vectorized, c), numc_mcmc_divergence_count(parallel, c));
                assert_int_equal(numc_mcmc_divergence_kept(vectorized, c), numc_mcmc_divergence_kept(parallel, c));
            }
            numc_mcmc_free(vectorized);
        }
        numc_mcmc_free(sequential);
        numc_mcmc_free(parallel);
    }
}

/* A product of matrices may add up in another order than a matrix and a vector: 300 terms, each rounded, of a gradient near 10 give
 * errors of 1e-13, and the path of one transition of some 10 steps stretches them by less than 1e3. The warm-up is left out,
 * since a step size that differs in its last bits is kept for long. */
static void products_agree_to_rounding(void **state)
{
    (void)state;
    struct data d = logistic_data(context);
    numc_mcmc_options options = {.warmup = NUMC_COUNT(0), .draws = 3, .chains = 6, .init_zero = true, .step_size = 0.1,
                                 .no_adaptation = true};
    numc_mcmc *parallel = sampler(logistic, &d, &options);
    options.chain_method = NUMC_CHAINS_VECTORIZED;
    numc_mcmc *vectorized = sampler(logistic, &d, &options);
    run_ok(parallel, 8);
    run_ok(vectorized, 8);
    for (int32_t c = 0; c < 6; c++)
        for (int64_t i = 0; i < 3; i++) {
            assert_int_equal(numc_mcmc_statistics(parallel, c)[i].n_leapfrog, numc_mcmc_statistics(vectorized, c)[i].n_leapfrog);
            for (int k = 0; k < 1 + COLUMNS; k++)
                assert_true(fabs(draw_of(parallel, c, i)[k] - draw_of(vectorized, c, i)[k]) < 1e-9);
        }
    numc_mcmc_free(vectorized);
    numc_mcmc_free(parallel);
}

/* The call keeps its shape whatever chains are done, so that longer runs, steps and threads find the same bits, products or not. */
static void runs_and_steps_continue(void **state)
{
    (void)state;
    struct data d = logistic_data(context);
    numc_mcmc_options options = {.warmup = 60, .draws = 60, .chains = 5, .batch = 3, .chain_method = NUMC_CHAINS_VECTORIZED,
                                 .threads = 1};
    numc_mcmc *whole = sampler(logistic, &d, &options);
    run_ok(whole, 9);
    options.threads = 2;
    numc_mcmc *threads = sampler(logistic, &d, &options);
    run_ok(threads, 9);
    same_draws(whole, threads);
    options.draws = 20;
    numc_mcmc *pieces = sampler(logistic, &d, &options);
    for (int i = 0; i < 30; i++)
        assert_int_equal(numc_mcmc_step(pieces, 9, -1), NUMC_OK);
    for (int i = 0; i < 10; i++)
        assert_int_equal(numc_mcmc_step(pieces, 9, i < 6 ? 4 : 1), NUMC_OK);
    assert_int_equal(numc_mcmc_draw_count(pieces, -1), 0);
    for (int i = 0; i < 3; i++)
        run_ok(pieces, 9);
    same_draws(whole, pieces);
    numc_mcmc_free(pieces);
    numc_mcmc_free(threads);
    numc_mcmc_free(whole);
}

/* ---- one position after another: densities of one's own ---- */

static void densities_have_the_same_bits(void **state)
{
    (void)state;
    const density_fn densities[] = {density_eight_schools, density_cliff, density_funnel};
    for (int k = 0; k < 3; k++) { /* the second rejects points, the third has divergences */
        subject s = {.density = densities[k], .dimension = 10};
        numc_mcmc_options options = {.warmup = 150, .draws = 100, .chains = 5};
        numc_mcmc *parallel = make(&s, &options);
        run_ok(parallel, 5);
        long single = s.evaluations;
        options.chain_method = NUMC_CHAINS_VECTORIZED;
        options.batch = k;
        options.serial_callback = k == 1;
        atomic_store(&s.overlapped, false);
        numc_mcmc *vectorized = make(&s, &options);
        run_ok(vectorized, 5);
        if (k == 1)
            assert_false(s.overlapped);
        same_draws(parallel, vectorized);
        assert_int_equal(s.evaluations, 2 * single); /* none is evaluated in vain */
        for (int32_t c = 0; c < 5; c++) {
            int64_t kept = numc_mcmc_divergence_kept(parallel, c);
            assert_int_equal(numc_mcmc_divergence_kept(vectorized, c), kept);
            for (int64_t i = 0; i < kept; i++) {
                numc_mcmc_divergence a, b;
                assert_int_equal(numc_mcmc_divergence_at(parallel, c, i, &a), NUMC_OK);
                assert_int_equal(numc_mcmc_divergence_at(vectorized, c, i, &b), NUMC_OK);
                assert_int_equal(a.transition, b.transition);
                assert_memory_equal(a.end, b.end, 10 * sizeof(double));
            }
        }
        numc_mcmc_free(vectorized);
        numc_mcmc_free(parallel);
    }
}

static void cancelled_runs_resume(void **state)
{
    (void)state;
    subject s = {.density = density_eight_schools, .dimension = 10};
    numc_mcmc_options options = {.warmup = 100, .draws = 50, .chain_method = NUMC_CHAINS_VECTORIZED};
    numc_mcmc *whole = make(&s, &options);
    run_ok(whole, 11);
    assert_true(numc_mcmc_seconds(whole, 3, true) > 0 && numc_mcmc_seconds(whole, 3, false) > 0);
    long all = s.evaluations;
    /* in initialisation, step size search, warm-up, drawing */
    long events[] = {1, 7, 30, all / 3, all - 200};
    for (size_t k = 0; k < sizeof events / sizeof *events; k++) {
        subject t = {.density = density_eight_schools, .dimension = 10, .event_at = events[k]};
        numc_mcmc *mcmc = make(&t, &options);
        t.cancel = mcmc;
        assert_int_equal(numc_mcmc_run(mcmc, 11), NUMC_CANCELLED);
        assert_int_equal(numc_error_status(context), NUMC_OK);
        assert_int_equal(t.evaluations, events[k]);
        assert_true(numc_mcmc_draw_count(mcmc, -1) < 50);
        run_ok(mcmc, 11);
        same_draws(whole, mcmc);
        numc_mcmc_free(mcmc);
    }
    numc_mcmc_free(whole);
}

static void stops_and_errors_keep_draws(void **state)
{
    (void)state;
    subject s = {.density = density_normal, .dimension = 3, .event_at = 5000, .answer = NUMC_STOP};
    numc_mcmc_options options = {.warmup = 50, .draws = 1000, .chains = 2, .chain_method = NUMC_CHAINS_VECTORIZED};
    numc_mcmc *mcmc = make(&s, &options);
    assert_int_equal(numc_mcmc_run(mcmc, 1), NUMC_STOP);
    assert_int_equal(numc_error_status(context), NUMC_OK);
    int64_t first = numc_mcmc_draw_count(mcmc, -1);
    assert_true(first > 100 && first < 1000);
    s.event_at = s.evaluations + 1000;
    s.answer = NUMC_VALUE;
    assert_int_equal(numc_mcmc_run(mcmc, 1), NUMC_VALUE);
    assert_true(numc_mcmc_draw_count(mcmc, -1) > first);
    expect_error(NUMC_VALUE, "the density failed: a value is outside its domain");
    run_ok(mcmc, 1);
    assert_int_equal(numc_mcmc_draw_count(mcmc, -1), 1000);
    numc_mcmc_free(mcmc);
}

static bool nowhere(int n, const double *q, double *log_density, double *g)
{
    (void)n, (void)q, (void)log_density, (void)g;
    return false;
}

static void options_are_checked(void **state)
{
    (void)state;
    subject s = {.density = density_normal, .dimension = 3};
    assert_null(numc_mcmc_new_density(context, 3, call, &s, &(numc_mcmc_options){.batch = -1}));
    expect_error(NUMC_INVALID_ARGUMENT, "batch is -1");
    assert_null(numc_mcmc_new_density(context, 3, call, &s, &(numc_mcmc_options){.chain_method = (numc_chain_method)3}));
    expect_error(NUMC_INVALID_ARGUMENT, "chain_method 3 is not one");
    /* more chains per call than there are chains are all of them, however many more */
    numc_mcmc *mcmc = make(&s, &(numc_mcmc_options){.chains = 4, .batch = INT32_MAX, .chain_method = NUMC_CHAINS_VECTORIZED,
                                                    .warmup = 10, .draws = 2});
    assert_int_equal(numc_mcmc_run(mcmc, 1), NUMC_OK);
    numc_mcmc_options filled;
    assert_int_equal(numc_mcmc_options_get(mcmc, &filled), NUMC_OK);
    assert_int_equal(filled.batch, INT32_MAX);
    numc_mcmc_free(mcmc);
    mcmc = make(&s, &(numc_mcmc_options){.chains = 7, .chain_method = NUMC_CHAINS_VECTORIZED}); /* of a density of one's own: all */
    assert_int_equal(numc_mcmc_options_get(mcmc, &filled), NUMC_OK);
    assert_int_equal(filled.batch, 7);
    assert_int_equal(filled.thin, 1);
    numc_mcmc_free(mcmc);
    s = (subject){.density = nowhere, .dimension = 2};
    mcmc = make(&s, &(numc_mcmc_options){.init_radius = 0.5, .chains = 3, .chain_method = NUMC_CHAINS_VECTORIZED});
    assert_int_equal(numc_mcmc_run(mcmc, 1), NUMC_INITIALIZATION);
    assert_int_equal(s.evaluations, 298); /* 99 rounds, and the first chain's last try */
    expect_error(NUMC_INITIALIZATION, "chain 0: no acceptable starting point in 100 tries of uniform(-0.5, 0.5)");
    numc_mcmc_free(mcmc);
    s = (subject){.density = density_normal, .dimension = 0};
    mcmc = make(&s, &(numc_mcmc_options){.warmup = 30, .draws = 5, .chain_method = NUMC_CHAINS_VECTORIZED});
    run_ok(mcmc, 1);
    assert_int_equal(numc_mcmc_draw_count(mcmc, -1), 5);
    numc_mcmc_free(mcmc);
}

/* ---- callbacks ---- */

typedef struct observer {
    pthread_t caller;
    int64_t next[6][2];
    int draws, calls, finished, stop_after;
    numc_mcmc *cancel;
} observer;

static numc_status on_draw(void *user, const numc_mcmc_draw *draw)
{
    observer *o = user;
    assert_true(pthread_equal(o->caller, pthread_self()));
    assert_int_equal(draw->draw, o->next[draw->chain][draw->warmup]++);
    assert_int_equal(draw->value_count, 18);
    /* theta = mu + tau z: the row is whole */
    for (int i = 0; i < 8; i++)
        assert_true(fabs(draw->values[10 + i] - draw->values[0] - draw->values[1] * draw->values[2 + i]) <
                    1e-12 * (1 + fabs(draw->values[0]) + fabs(draw->values[1] * draw->values[2 + i])));
    o->draws++;
    if (o->cancel != NULL && o->draws == 100)
        numc_mcmc_cancel(o->cancel);
    return o->draws == o->stop_after ? NUMC_STOP : NUMC_OK;
}

static numc_status on_progress(void *user, const numc_mcmc_progress *progress)
{
    observer *o = user;
    assert_true(pthread_equal(o->caller, pthread_self()));
    assert_true(progress->chains == 6 && progress->total == 500);
    o->calls++;
    o->finished += progress->finished;
    return NUMC_OK;
}

static void callbacks_see_whole_draws(void **state)
{
    (void)state;
    struct schools d = schools_data(context);
    numc_mcmc_options options = {.warmup = 200, .draws = 300, .chains = 6, .batch = 4, .save_warmup = true,
                                 .progress = on_progress, .draw = on_draw, .interval = 1,
                                 .chain_method = NUMC_CHAINS_VECTORIZED};
    numc_mcmc *first = NULL;
    for (int round = 0; round < 3; round++) { /* to the end; stopped; cancelled */
        observer o = {.caller = pthread_self(), .stop_after = round == 1 ? 500 : 0};
        options.progress_user = options.draw_user = &o;
        numc_mcmc *mcmc = sampler(eight_schools, &d, &options);
        if (round == 2)
            o.cancel = mcmc;
        numc_status status = numc_mcmc_run(mcmc, 8);
        /* all may be done before the caller looks */
        assert_true(status == NUMC_OK || status == (round == 1 ? NUMC_STOP : NUMC_CANCELLED) || round == 0);
        bool again = status != NUMC_OK && numc_mcmc_draw_count(mcmc, -1) < 300;
        if (again)
            run_ok(mcmc, 8);
        assert_int_equal(numc_error_status(context), NUMC_OK);
        for (int c = 0; c < 6 && (status == NUMC_OK || again); c++)
            assert_true(o.next[c][1] == 200 && o.next[c][0] == 300);
        assert_int_equal(o.finished, again ? 2 : 1);
        if (first == NULL) {
            first = mcmc;
            continue;
        }
        same_draws(first, mcmc);
        numc_mcmc_free(mcmc);
    }
    numc_mcmc_free(first);
}

/* ---- what some chains meet and others do not ---- */

/* -q^2 / 2, from a function that rejects q > 1, fails above `limit`, and counts. */
typedef struct oracle {
    double limit;
    _Atomic long calls;
} oracle;

static numc_status fussy(const numc_external_array *inputs, int32_t input_count, const numc_external_array *outputs,
                         int32_t output_count, char *message, size_t message_size, void *user)
{
    (void)input_count, (void)output_count;
    oracle *o = user;
    double q = *(const double *)inputs[0].data;
    atomic_fetch_add(&o->calls, 1);
    *(double *)outputs[0].data = -0.5 * q * q;
    if (q > o->limit) {
        snprintf(message, message_size, "the oracle is tired");
        return NUMC_VALUE;
    }
    return q > 1 ? NUMC_REJECT : NUMC_OK;
}

static numc_status fussy_vjp(const numc_external_array *inputs, int32_t input_count, const numc_external_array *outputs,
                             int32_t output_count, char *message, size_t message_size, void *user)
{
    (void)input_count, (void)output_count, (void)message, (void)message_size, (void)user;
    *(double *)outputs[0].data = -*(const double *)inputs[0].data * *(const double *)inputs[2].data;
    return NUMC_OK;
}

static void through_an_oracle(numc_run *run, void *user)
{
    const struct data *d = user;
    const numc_array *q = numc_sample(run, "q", numc_improper_uniform(numc_constraint_real(run), NUMC_SCALAR));
    numc_array *y = NULL;
    if (numc_function_call(numc_run_context(run), d->external, &q, 1, &y, 1) == NUMC_OK)
        numc_factor(run, "density", y);
}

static void rejections_are_one_chains_own(void **state)
{
    (void)state;
    oracle o = {.limit = INFINITY};
    const numc_array_type real = {NUMC_FLOAT64, {0}};
    struct data d = {.external = numc_function_external(context, fussy, &o, &real, 1, &real, 1, .vjp = fussy_vjp)};
    numc_mcmc_options options = {.warmup = 60, .draws = 60, .chains = 4};
    numc_mcmc *parallel = sampler(through_an_oracle, &d, &options);
    run_ok(parallel, 4);
    options.chain_method = NUMC_CHAINS_VECTORIZED;
    numc_mcmc *vectorized = sampler(through_an_oracle, &d, &options);
    run_ok(vectorized, 4);
    same_draws(parallel, vectorized);
    int64_t divergences = numc_mcmc_divergence_count(vectorized, -1);
    assert_true(divergences > 10); /* every rejected point is one */
    assert_int_equal(divergences, numc_mcmc_divergence_count(parallel, -1));
    numc_mcmc_free(vectorized);
    /* an error among the rows is the run's */
    vectorized = sampler(through_an_oracle, &d, &options);
    o.limit = 1.5;
    assert_int_equal(numc_mcmc_run(vectorized, 4), NUMC_VALUE);
    expect_error(NUMC_VALUE, "the oracle is tired");
    o.limit = INFINITY;
    run_ok(vectorized, 4);
    same_draws(parallel, vectorized);
    numc_mcmc_free(vectorized);
    numc_mcmc_free(parallel);
}

/* Halves x until it is small: as many steps as it takes, of each chain its own. */
static void is_large(numc_context *own, const numc_array *const *in, int32_t input_count, numc_array **out, int32_t output_count,
                     void *user)
{
    (void)own, (void)input_count, (void)output_count, (void)user;
    out[0] = numc_greater(in[0], 0.125);
}

static void halve(numc_context *own, const numc_array *const *in, int32_t input_count, numc_array **out, int32_t output_count,
                  void *user)
{
    (void)own, (void)input_count, (void)output_count, (void)user;
    out[0] = numc_multiply(in[0], 0.5);
    out[1] = numc_add(in[1], 1.0);
}

static void positive(numc_context *own, const numc_array *const *in, int32_t input_count, numc_array **out, int32_t output_count,
                     void *user)
{
    (void)own, (void)input_count, (void)output_count, (void)user;
    out[0] = numc_multiply(-2.0, numc_log1p(in[0]));
}

static void negative(numc_context *own, const numc_array *const *in, int32_t input_count, numc_array **out, int32_t output_count,
                     void *user)
{
    (void)own, (void)input_count, (void)output_count, (void)user;
    out[0] = numc_multiply(-0.5, numc_square(in[0]));
}

/* A density without normaliser whose logarithm is NaN below -3, with a branch, and a loop in a stored value. */
static void ways_that_part(numc_run *run, void *user)
{
    (void)user;
    const numc_array *q = numc_sample(run, "q", numc_improper_uniform(numc_constraint_real(run), NUMC_SHAPE(2)));
    const numc_array *first = numc_index(q, NUMC_AT(0));
    numc_array *y = NULL;
    if (numc_cond(numc_greater(first, 0.0), positive, negative, NULL, &first, 1, &y, 1) == NUMC_OK)
        numc_factor(run, "branch", y);
    numc_factor(run, "cut", numc_multiply(0.0, numc_log(numc_add(first, 3.0))));
    numc_factor(run, "rest", numc_multiply(-0.5, numc_sum(numc_square(q))));
    const numc_array *carries[] = {numc_abs(first), numc_zeros(run, NUMC_FLOAT64, NUMC_SCALAR)};
    numc_array *ends[2] = {NULL, NULL};
    if (numc_while(numc_run_context(run), is_large, halve, NULL, carries, 2, ends) == NUMC_OK)
        numc_deterministic(run, "halvings", ends[1]);
}

static void branches_and_loops_are_each_chains_own(void **state)
{
    (void)state;
    numc_mcmc_options options = {.warmup = 150, .draws = 100, .chains = 7, .init_radius = 6};
    numc_mcmc *parallel = sampler(ways_that_part, NULL, &options);
    run_ok(parallel, 6);
    options.chain_method = NUMC_CHAINS_VECTORIZED;
    options.batch = 4;
    numc_mcmc *vectorized = sampler(ways_that_part, NULL, &options);
    run_ok(vectorized, 6);
    same_draws(parallel, vectorized);
    bool seen[2] = {false, false};
    for (int32_t c = 0; c < 7; c++)
        for (int64_t i = 0; i < 100; i++) {
            const double *q = draw_of(vectorized, c, i);
            double steps = ceil(log2(fabs(q[0]) / 0.125));
            assert_true(q[2] == (steps > 0 ? steps : 0));
            seen[q[0] > 0] = true;
        }
    assert_true(seen[0] && seen[1]);
    numc_mcmc_free(vectorized);
    numc_mcmc_free(parallel);
}

static void impossible(numc_run *run, void *user)
{
    (void)user;
    numc_array *x = numc_sample(run, "x", numc_normal(run, 0, 1));
    numc_factor(run, "never", numc_log(numc_subtract(-1.0, numc_square(x))));
}

static void bad_starts_are_explained(void **state)
{
    (void)state;
    numc_mcmc *mcmc = sampler(impossible, NULL, &(numc_mcmc_options){.chains = 3, .chain_method = NUMC_CHAINS_VECTORIZED});
    assert_int_equal(numc_mcmc_run(mcmc, 1), NUMC_INITIALIZATION);
    expect_error(NUMC_INITIALIZATION, "chain 0: no acceptable starting point in 100 tries");
    numc_mcmc_free(mcmc);
}

/* ---- memory of the device's own ---- */

/* With memory of the host's nothing is moved. Else the positions go up and the results come down once per leapfrog of all chains;
 * and where the device takes routines only states, once, and finished transitions, from the first one on: the warm-up is there too. */
static void transfers_are_few(void **state)
{
    (void)state;
    enum { CHAINS = 6, WARMUP = 100, DRAWS = 400, DIMENSION = 10, SEARCHED = 3 * 40 }; /* leapfrogs of 3 searches, at most */
    bool apart = is_apart(), stays = apart && strstr(getenv("NUMC_BACKEND"), "numc-good") == NULL;
    struct schools d = schools_data(context);
    numc_mcmc *mcmc = sampler(eight_schools, &d, &(numc_mcmc_options){.chains = CHAINS, .warmup = WARMUP, .draws = DRAWS, .threads = 1,
                                                                .save_warmup = true, .chain_method = NUMC_CHAINS_VECTORIZED});
    assert_int_equal(numc_mcmc_step(mcmc, 5, -1), NUMC_OK); /* the host finds the starting points */
    numc_statistics before, after;
    assert_int_equal(numc_statistics_get(context, &before), NUMC_OK);
    run_ok(mcmc, 5);
    assert_int_equal(numc_statistics_get(context, &after), NUMC_OK);
    double rounds = 0, up = (double)(after.bytes_uploaded - before.bytes_uploaded),
           down = (double)(after.bytes_downloaded - before.bytes_downloaded);
    for (int32_t c = 0; c < CHAINS; c++) {
        double own = 0;
        for (int64_t i = 1; i < WARMUP; i++)
            own += numc_mcmc_warmup_statistics(mcmc, c)[i].n_leapfrog;
        for (int64_t i = 0; i < DRAWS; i++)
            own += numc_mcmc_statistics(mcmc, c)[i].n_leapfrog;
        rounds = own > rounds ? own : rounds;
    }
    const double row = CHAINS * sizeof(double);
    if (!apart) {
        assert_true(up == 0 && down == 0);
    } else if (!stays) { /* what the longest chain took, and at most 2 calls to store for each draw */
        const double most = rounds + SEARCHED, stored = 2 * (WARMUP + DRAWS);
        assert_true(up >= rounds * row * DIMENSION && up <= (most + stored) * row * DIMENSION);
        assert_true(down >= rounds * row * (DIMENSION + 1) && down <= most * row * (DIMENSION + 1) + stored * row * 18);
    } else {
        double states = CHAINS * ((double)sizeof(numc_k_chain) + 8 * (double)numc_k_nuts_doubles(DIMENSION, 10, NUMC_K_METRIC_DIAGONAL));
        double looks = ceil((rounds + SEARCHED) / 32) + 2, stored = 2 * (WARMUP + DRAWS), progress = CHAINS * (double)sizeof(numc_k_chain_progress);
        /* records: room for as many as a chain has leapfrogs in a look, at most */
        assert_true(up <= 1.1 * states + stored * row * DIMENSION + 2 * row * DIMENSION);
        assert_true(down <= 1.1 * states + looks * (progress + 32 * row * (double)numc_k_record_doubles(DIMENSION, 1)) + stored * row * 18);
        assert_true(up < 0.5 * rounds * row * DIMENSION);
    }
    numc_mcmc_free(mcmc);
}

/* Where a position is little work, and the device compiles text, density and state machines are one kernel; a product of matrices is a
 * call of the device's, and keeps them apart. */
static void small_densities_loop_on_the_device(void **state)
{
    (void)state;
    const char *backend = getenv("NUMC_BACKEND");
    struct schools d = schools_data(context);
    struct data e = logistic_data(context);
    const numc_mcmc_options options = {.chains = 3, .warmup = NUMC_COUNT(0), .draws = 2, .chain_method = NUMC_CHAINS_VECTORIZED};
    numc_mcmc *small = sampler(eight_schools, &d, &options), *large = sampler(logistic, &e, &options);
    run_ok(small, 1);
    run_ok(large, 1);
    const numc_resident *resident[] = {small->groups[0].resident, large->groups[0].resident};
    bool compiles = is_apart() && strstr(backend, "numc-") == NULL, stays = is_apart() && strstr(backend, "numc-good") == NULL;
    assert_int_equal(resident[0] != NULL && numc__resident_loops(resident[0]), compiles);
    assert_int_equal(resident[1] != NULL, stays);
    assert_false(resident[1] != NULL && numc__resident_loops(resident[1]));
    numc_mcmc_free(small);
    numc_mcmc_free(large);
}

enum { LONG = PART_OF(1500) };

/* A run cancelled in the midst of it goes on with the bits of one that was not. */
static numc_status cancels(void *user, const numc_mcmc_progress *progress)
{
    numc_mcmc **mcmc = user;
    if (!progress->finished && progress->done[0] >= LONG / 3)
        numc_mcmc_cancel(*mcmc);
    return NUMC_OK;
}

static void long_runs_resume(void **state)
{
    (void)state;
    struct schools d = schools_data(context);
    numc_mcmc *mcmc = NULL;
    numc_mcmc_options options = {.chains = 5, .warmup = 40, .draws = LONG, .interval = 1, .chain_method = NUMC_CHAINS_VECTORIZED};
    numc_mcmc *whole = sampler(eight_schools, &d, &options);
    run_ok(whole, 2);
    options.progress = cancels;
    options.progress_user = &mcmc;
    mcmc = sampler(eight_schools, &d, &options);
    numc_status status = NUMC_CANCELLED;
    while (status == NUMC_CANCELLED)
        status = numc_mcmc_run(mcmc, 2);
    assert_int_equal(status, NUMC_OK);
    same_draws(whole, mcmc);
    numc_mcmc_free(mcmc);
    numc_mcmc_free(whole);
}

/* ---- results ---- */

/* 64 chains of 200 draws; posteriordb's reference: mu 4.411 +- 0.033, tau 3.602 +- 0.032; 5 joint errors, false alarm 1e-6. */
static void samples_eight_schools(void **state)
{
    (void)state;
    STATISTICS();
    struct schools d = schools_data(context);
    numc_mcmc *mcmc = sampler(eight_schools, &d, &(numc_mcmc_options){.chains = 64, .warmup = 300, .draws = 200,
                                                                .chain_method = NUMC_CHAINS_VECTORIZED});
    run_ok(mcmc, 20261122);
    numc_summary rows[18];
    assert_int_equal(numc_mcmc_summary(mcmc, 0, 18, rows), NUMC_OK);
    assert_true(fabs(rows[0].mean - 4.4105) < 5 * hypot(rows[0].mcse, 0.0331));
    assert_true(fabs(rows[1].mean - 3.6021) < 5 * hypot(rows[1].mcse, 0.0320));
    for (int i = 0; i < 18; i++)
        assert_true(rows[i].rhat < 1.02 && rows[i].ess_bulk > 2000);
    numc_mcmc_free(mcmc);
}

/* ---- memory ---- */

static void steps_do_not_allocate(void **state)
{
    (void)state;
    if (is_apart())
        SKIP("transfers and fallbacks of a device may allocate");
    failing f = failing_at(-1);
    numc_context *own = numc_open(&(numc_options){.allocate = failing_allocate, .allocate_user = &f, .jit = NUMC_JIT_OFF});
    struct schools d = schools_data(own);
    numc_mcmc *mcmc = numc_mcmc_new(numc_model_new(own, eight_schools, &d),
                                    &(numc_mcmc_options){.warmup = 200, .chains = 8, .chain_method = NUMC_CHAINS_VECTORIZED});
    assert_int_equal(numc_mcmc_step(mcmc, 1, -1), NUMC_OK);
    long requests = f.requests;
    for (int i = 0; i < 300; i++)
        assert_int_equal(numc_mcmc_step(mcmc, 1, -1), NUMC_OK);
    assert_int_equal(f.requests, requests);
    numc_close(own);
    assert_int_equal(f.blocks, 0);
    assert_int_equal(f.mistakes, 0);
}

static void any_allocation_may_fail(void **state)
{
    (void)state;
    long told = 0;
    for (long n = 0;; n++) {
        failing f = failing_at(n);
        numc_context *own = numc_open(&(numc_options){.allocate = failing_allocate, .allocate_user = &f, .jit = NUMC_JIT_OFF});
        if (own != NULL && numc_error_status(own) == NUMC_OK) {
            struct schools d = schools_data(own);
            numc_mcmc *mcmc = numc_mcmc_new(numc_model_new(own, eight_schools, &d),
                                            &(numc_mcmc_options){.chains = 3, .batch = 2, .warmup = 20, .draws = 3,
                                                                 .max_tree_depth = 3, .chain_method = NUMC_CHAINS_VECTORIZED});
            if (mcmc != NULL && numc_mcmc_run(mcmc, 1) == NUMC_OK) {
                assert_int_equal(numc_mcmc_draw_count(mcmc, -1), 3);
            } else {
                if (!f.failed || numc_error_status(own) != NUMC_MEMORY)
                    fail_msg("request %ld failing: %s", n, numc_error_message(own));
                told++;
                /* what was made stays usable: the run begins again */
                numc_error_clear(own);
                if (mcmc != NULL && numc_mcmc_run(mcmc, 1) != NUMC_OK)
                    fail_msg("request %ld failing, then: %s", n, numc_error_message(own));
            }
        }
        numc_close(own);
        if (f.blocks != 0 || f.mistakes != 0)
            fail_msg("request %ld failing: %ld blocks left, %ld mistakes", n, (long)f.blocks, (long)f.mistakes);
        if (!f.failed)
            break;
    }
    assert_true(told > 300 / failing_every());
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(elementwise_models_have_the_same_bits),
        cmocka_unit_test(products_agree_to_rounding),
        cmocka_unit_test(runs_and_steps_continue),
        cmocka_unit_test(densities_have_the_same_bits),
        cmocka_unit_test(cancelled_runs_resume),
        cmocka_unit_test(stops_and_errors_keep_draws),
        cmocka_unit_test(options_are_checked),
        cmocka_unit_test(callbacks_see_whole_draws),
        cmocka_unit_test(rejections_are_one_chains_own),
        cmocka_unit_test(branches_and_loops_are_each_chains_own),
        cmocka_unit_test(bad_starts_are_explained),
        cmocka_unit_test(transfers_are_few),
        cmocka_unit_test(small_densities_loop_on_the_device),
        cmocka_unit_test(long_runs_resume),
        cmocka_unit_test(samples_eight_schools),
        cmocka_unit_test(steps_do_not_allocate),
        cmocka_unit_test(any_allocation_may_fail),
    };
    return cmocka_run_group_tests(tests, open_context, close_context);
}
