/* Models in dynamic mode: the same numbers as compiled ones, models that branch and loop in C on what they sampled against known
 * answers, errors that name the site, threads, cancelling, predictive draws, and memory. */
#include "infer/driver.h"
#include "numc/numc.h"
#include "support.h"

static numc_mcmc_site drawn(const numc_mcmc *m, const char *name)
{
    numc_mcmc_site site;
    assert_int_equal(numc_mcmc_site_find(m, name, &site), NUMC_OK);
    return site;
}

static double value_of(const numc_mcmc_site *site, int64_t chain, int64_t draw, int64_t element)
{
    return site->values[chain * site->chain_stride + draw * site->draw_stride + element];
}

/* Both samplers at some positions: the same applications on the same numbers; only sums of cotangents may be taken in another order. */
static void same_densities(numc_mcmc *one, numc_mcmc *other, double tolerance)
{
    const numc_target *t[2] = {numc__mcmc_target(one), numc__mcmc_target(other)};
    void *chain[2];
    assert_int_equal(t[0]->dimension, t[1]->dimension);
    assert_int_equal(t[0]->stored, t[1]->stored);
    assert_true(t[0]->dimension <= 32 && t[0]->stored <= 64);
    for (int k = 0; k < 2; k++)
        assert_int_equal(t[k]->chain_open(t[k]->user, context, &chain[k]), NUMC_OK);
    for (int point = 0; point < 5; point++) {
        double q[32], density[2], gradient[2][32], values[2][64];
        for (int i = 0; i < t[0]->dimension; i++)
            q[i] = sin(1.0 + 7 * point + 3 * i) * (point + 1) / 3;
        for (int k = 0; k < 2; k++) {
            if (t[k]->evaluate(t[k]->user, chain[k], q, &density[k], gradient[k]) != NUMC_OK ||
                t[k]->store(t[k]->user, chain[k], context, q, values[k]) != NUMC_OK)
                fail_msg("%s", numc_error_message(context));
        }
        ASSERT_NEAR(density[1], density[0], tolerance * (1 + fabs(density[0])));
        for (int i = 0; i < t[0]->dimension; i++)
            ASSERT_NEAR(gradient[1][i], gradient[0][i], tolerance * (1 + fabs(gradient[0][i])));
        for (int i = 0; i < t[0]->stored; i++)
            ASSERT_NEAR(values[1][i], values[0][i], tolerance * (1 + fabs(values[0][i])));
    }
    for (int k = 0; k < 2; k++)
        t[k]->chain_close(t[k]->user, context, chain[k]);
}

/* ---- eight schools --------------------------------------------------------------------------------------------------------------- */

/* The first transitions are those of the compiled model: rounding of 1e-16 grows at most tenfold in each of them. */
static void eight_schools_both_ways(void **state)
{
    (void)state;
    struct schools data = schools_data(context);
    numc_model *model[2] = {numc_model_new(context, eight_schools, &data), numc_model_new_dynamic(context, eight_schools, &data)};
    numc_mcmc *mcmc[2];
    const numc_mcmc_options options = {.chains = 2, .warmup = NUMC_COUNT(0), .draws = 8, .step_size = 0.2, .max_tree_depth = 5};
    for (int k = 0; k < 2; k++)
        mcmc[k] = sampler_of(model[k], &options);
    same_densities(mcmc[0], mcmc[1], 1e-13);
    for (int k = 0; k < 2; k++)
        run_ok(mcmc[k], 11);
    numc_mcmc_site site[2];
    for (int k = 0; k < 2; k++)
        site[k] = drawn(mcmc[k], "theta");
    for (int64_t chain = 0; chain < 2; chain++)
        for (int64_t draw = 0; draw < 8; draw++)
            for (int64_t i = 0; i < 8; i++)
                ASSERT_NEAR(value_of(&site[1], chain, draw, i), value_of(&site[0], chain, draw, i), 1e-16 * pow(10, 2 + (double)draw) * 30);
    /* other data: the model bound from a dynamic one is dynamic */
    static const double other[] = {1, 2, 3, 4, 5, 6, 7, 8};
    numc_array *y = numc_from_host(context, NUMC_FLOAT64, NUMC_SHAPE(8), other);
    same_densities(sampler_of(numc_model_bind(model[0], "y", y), NULL), sampler_of(numc_model_bind(model[1], "y", y), NULL), 1e-13);
}

/* The posterior's means, mu 4.4, tau 3.6, within 5 standard errors of some 400 effective draws (false alarm 1e-6 each); means
 * and standard deviations from 10 chains of 10000 draws. */
static void eight_schools_posterior(void **state)
{
    (void)state;
    STATISTICS();
    struct schools data = schools_data(context);
    numc_mcmc *mcmc = sampler_of(numc_model_new_dynamic(context, eight_schools, &data), &(numc_mcmc_options){.chains = 2, .warmup = 300, .draws = 400});
    run_ok(mcmc, 3);
    numc_mcmc_site mu = drawn(mcmc, "mu"), tau = drawn(mcmc, "tau");
    double sum[2] = {0, 0};
    for (int64_t chain = 0; chain < 2; chain++)
        for (int64_t draw = 0; draw < 400; draw++) {
            sum[0] += value_of(&mu, chain, draw, 0) / 800;
            sum[1] += value_of(&tau, chain, draw, 0) / 800;
        }
    ASSERT_NEAR(sum[0], 4.4, 5 * 3.3 / 20);
    ASSERT_NEAR(sum[1], 3.6, 5 * 3.2 / 20);
}

/* ---- branches and loops in C ------------------------------------------------------------------------------------------------------ */

/* A split normal: standard deviation 1 below 0 and 3 above. P(x > 0) = 3/4, mean = sqrt(2 / pi) (3 - 1),
 * variance (1 - 2 / pi) (3 - 1)^2 + 3. */
static void split_normal(numc_run *run, void *user)
{
    (void)user;
    numc_array *x = numc_sample(run, "x", numc_normal(run, 0, 3));
    if (numc_item(x) > 0)
        numc_factor(run, "side", 0);
    else
        numc_factor(run, "side", numc_multiply(numc_square(x), 1.0 / 18 - 0.5));
}

static void branch_with_known_answer(void **state)
{
    (void)state;
    STATISTICS();
    assert_null(numc_mcmc_new(numc_model_new(context, split_normal, NULL), NULL));
    expect_error(NUMC_TRACE, "numc_model_new_dynamic");
    numc_mcmc *mcmc = sampler_of(numc_model_new_dynamic(context, split_normal, NULL), &(numc_mcmc_options){.chains = 4, .warmup = 300, .draws = 3000});
    run_ok(mcmc, 5);
    numc_mcmc_site x = drawn(mcmc, "x");
    double mean = 0, square = 0, above = 0;
    for (int64_t chain = 0; chain < 4; chain++)
        for (int64_t draw = 0; draw < 3000; draw++) {
            double v = value_of(&x, chain, draw, 0);
            mean += v / 12000;
            square += v * v / 12000;
            above += (v > 0) / 12000.0;
        }
    /* 5 standard errors of 12000 draws of which a fifth at least count: 2400 (false alarm 1e-6 each) */
    double pi = acos(-1), variance = (1 - 2 / pi) * 4 + 3, error = 5 / sqrt(2400.0);
    ASSERT_NEAR(mean, 2 * sqrt(2 / pi), error * sqrt(variance));
    ASSERT_NEAR(above, 0.75, error * sqrt(0.75 * 0.25));
    ASSERT_NEAR(square - mean * mean, variance, error * 2 * variance);
}

/* y ~ N(sqrt x, 0.1), the root by Newton's steps until they stand still, in C or by numc_sqrt. */
static void root_in_c(numc_run *run, void *user)
{
    (void)user;
    const numc_array *x = numc_sample(run, "x", numc_half_normal(run, 2)), *y = numc_add(numc_multiply(x, 0.5), 0.5);
    for (double before = 0; fabs(numc_item(y) - before) > 1e-15 * numc_item(y);) {
        before = numc_item(y);
        y = numc_multiply(0.5, numc_add(y, numc_divide(x, y)));
    }
    numc_observe(run, "y", numc_normal(run, numc_deterministic(run, "root", y), 0.1), 1.3);
}

static void root_at_once(numc_run *run, void *user)
{
    (void)user;
    numc_array *x = numc_sample(run, "x", numc_half_normal(run, 2));
    numc_observe(run, "y", numc_normal(run, numc_deterministic(run, "root", numc_sqrt(x)), 0.1), 1.3);
}

static void still_moves(numc_context *where, const numc_array *const *in, int32_t input_count, numc_array **out, int32_t output_count, void *user)
{
    (void)where, (void)input_count, (void)output_count, (void)user;
    out[0] = numc_greater(numc_abs(numc_subtract(in[0], in[1])), numc_multiply(in[0], 1e-15));
}

static void newton_step(numc_context *where, const numc_array *const *in, int32_t input_count, numc_array **out, int32_t output_count, void *user)
{
    (void)where, (void)input_count, (void)output_count;
    const numc_array *x = user;
    out[0] = numc_multiply(0.5, numc_add(in[0], numc_divide(x, in[0])));
    out[1] = numc_add(in[0], 0);
}

/* The same with numc_while, which has no reverse mode when compiled. */
static void root_by_while(numc_run *run, void *user)
{
    (void)user;
    numc_array *x = numc_sample(run, "x", numc_half_normal(run, 2));
    const numc_array *carries[2] = {numc_add(numc_multiply(x, 0.5), 0.5), numc_multiply(x, 0.0)};
    numc_array *y[2] = {NULL, NULL};
    numc_while(run, still_moves, newton_step, x, carries, 2, y, .limit = 100);
    numc_observe(run, "y", numc_normal(run, numc_deterministic(run, "root", y[0]), 0.1), 1.3);
}

/* Newton's last step leaves an error of some roundings in the root, 1e-15, and the density is that times 1 / 0.1^2 off. */
static void loops_in_c(void **state)
{
    (void)state;
    const numc_mcmc_options options = {.chains = 1, .warmup = NUMC_COUNT(0), .draws = 5, .step_size = 0.1};
    numc_mcmc *wanted = sampler_of(numc_model_new(context, root_at_once, NULL), &options);
    run_ok(wanted, 17);
    const numc_model_fn models[] = {root_in_c, root_by_while};
    for (int k = 0; k < 2; k++) {
        numc_mcmc *mcmc = sampler_of(numc_model_new_dynamic(context, models[k], NULL), &options);
        same_densities(wanted, mcmc, 1e-12);
        run_ok(mcmc, 17);
        numc_mcmc_site is = drawn(mcmc, "x"), was = drawn(wanted, "x");
        for (int64_t draw = 0; draw < 5; draw++)
            ASSERT_NEAR(value_of(&is, 0, draw, 0), value_of(&was, 0, draw, 0), 1e-14 * pow(10, 2 + (double)draw));
    }
    assert_null(numc_mcmc_new(numc_model_new(context, root_by_while, NULL), NULL));
    expect_error(NUMC_UNSUPPORTED, "numc_scan");
}

/* ---- handlers, simplexes, factors --------------------------------------------------------------------------------------------------- */

static void with_handlers(numc_run *run, void *user)
{
    const struct schools *s = user;
    numc_array *mask = numc_greater(numc_data(run, "sigma", s->sigma), 10.5);
    const numc_handler masked = numc_handler_mask(mask), scaled = numc_handler_scale(numc_number(run, NUMC_FLOAT64, 0.5));
    const numc_named fixed[] = {{"given", numc_number(run, NUMC_FLOAT64, 0.25)}};
    const struct numc_named_list list = {fixed, 1};
    const numc_handler given = numc_handler_condition(&list);
    numc_array *p = numc_sample(run, "p", numc_dirichlet(numc_full(run, NUMC_FLOAT64, NUMC_SHAPE(3), 2.0)));
    numc_array *scale = numc_sample(run, "scale", numc_log_normal(run, 0, 1));
    numc_name_begin(run, "inner");
    numc_with(run, &given) {
        numc_sample(run, "given", numc_normal(run, numc_index(p, NUMC_AT(0)), 1));
    }
    numc_name_end(run);
    numc_plate(run, "school", 8) {
        numc_with(run, &masked) {
            numc_with(run, &scaled) {
                numc_observe(run, "y", numc_student_t(run, 4, numc_log(numc_index(p, NUMC_AT(1))), scale), s->y);
            }
        }
    }
    numc_factor(run, "more", numc_sum(numc_square(p)));
}

static void handlers_work(void **state)
{
    (void)state;
    struct schools data = schools_data(context);
    same_densities(sampler_of(numc_model_new(context, with_handlers, &data), NULL), sampler_of(numc_model_new_dynamic(context, with_handlers, &data), NULL),
                   1e-12);
}

/* ---- threads ------------------------------------------------------------------------------------------------------------------------- */

struct crowd {
    struct schools data;
    _Atomic int inside, most;
};

static void counted_schools(numc_run *run, void *user)
{
    struct crowd *crowd = user;
    int now = atomic_fetch_add(&crowd->inside, 1) + 1;
    for (int most = atomic_load(&crowd->most); most < now && !atomic_compare_exchange_weak(&crowd->most, &most, now);)
        ;
    /* arrays of the caller's lane alone: what is computed of them is done on the chain's */
    numc_factor(run, "nothing", numc_multiply(numc_sum(numc_square(crowd->data.sigma)), 0.0));
    eight_schools(run, &crowd->data);
    atomic_fetch_sub(&crowd->inside, 1);
}

static void chains_on_threads(void **state)
{
    (void)state;
    struct crowd crowd = {.data = schools_data(context)};
    numc_model *model = numc_model_new_dynamic(context, counted_schools, &crowd);
    double first[4][20];
    const struct {
        int32_t threads;
        bool serial;
        numc_chain_method method;
    } ways[] = {{1, false, NUMC_CHAINS_PARALLEL}, {4, false, NUMC_CHAINS_PARALLEL}, {4, true, NUMC_CHAINS_PARALLEL}, {2, false, NUMC_CHAINS_VECTORIZED}};
    numc_statistics before = {0}, after = {0};
    for (size_t way = 0; way < sizeof ways / sizeof ways[0]; way++) {
        atomic_store(&crowd.most, 0);
        numc_mcmc *mcmc = sampler_of(model, &(numc_mcmc_options){.chains = 4, .warmup = 10, .draws = 20, .threads = ways[way].threads,
                                                            .serial_callback = ways[way].serial, .chain_method = ways[way].method});
        assert_int_equal(numc_statistics_get(context, &before), NUMC_OK);
        run_ok(mcmc, 23);
        assert_int_equal(numc_statistics_get(context, &after), NUMC_OK);
        assert_true(after.arrays_live <= before.arrays_live); /* nothing was left on the caller's lane */
        if (ways[way].serial || ways[way].threads == 1)
            assert_int_equal(atomic_load(&crowd.most), 1);
        numc_mcmc_site mu = drawn(mcmc, "mu");
        for (int64_t chain = 0; chain < 4; chain++)
            for (int64_t draw = 0; draw < 20; draw++) {
                if (way == 0)
                    first[chain][draw] = value_of(&mu, chain, draw, 0);
                assert_true(first[chain][draw] == value_of(&mu, chain, draw, 0));
            }
        numc_mcmc_free(mcmc);
    }
    numc_model_free(model);
}

/* The sampler keeps what it needs of the model. */
static void model_may_go(void **state)
{
    (void)state;
    struct schools data = schools_data(context);
    numc_model *model = numc_model_new_dynamic(context, eight_schools, &data);
    static const double other[] = {1, 2, 3, 4, 5, 6, 7, 8};
    numc_array *y = numc_from_host(context, NUMC_FLOAT64, NUMC_SHAPE(8), other);
    numc_model *bound = numc_model_bind(model, "y", y);
    numc_mcmc *mcmc = sampler_of(bound, &(numc_mcmc_options){.chains = 1, .warmup = 5, .draws = 5});
    numc_model_free(model);
    numc_model_free(bound);
    run_ok(mcmc, 1);
    numc_mcmc_free(mcmc);
}

/* ---- errors and answers ---------------------------------------------------------------------------------------------------------------- */

enum { FINE, RENAMES, RESHAPES, LEAVES_OUT, ADDS, TURNS, WRONG_CONTEXT, REJECTS, STOPS, NO_DENSITY, LOOPS_IN_C, LOOPS };
struct moody {
    int mood;
    int calm; /* runs before it shows */
    numc_mcmc *mcmc;
};

static void for_ever(numc_context *where, const numc_array *const *in, int32_t input_count, numc_array **out, int32_t output_count, void *user)
{
    (void)where, (void)input_count, (void)output_count, (void)user;
    out[0] = numc_greater(in[0], -1);
}

static void goes_on(numc_context *where, const numc_array *const *in, int32_t input_count, numc_array **out, int32_t output_count, void *user)
{
    (void)where, (void)input_count, (void)output_count;
    numc_mcmc_cancel(user); /* as another thread would */
    out[0] = numc_add(in[0], 1);
}

static void moody(numc_run *run, void *user)
{
    struct moody *m = user;
    int mood = m->calm-- > 0 ? FINE : m->mood;
    if (mood != LEAVES_OUT)
        numc_sample(run, mood == RENAMES ? "somebody" : "a", numc_normal(run, 0, 1));
    numc_array *b = mood == RESHAPES ? numc_sample(run, "b", numc_normal(run, numc_zeros(run, NUMC_FLOAT64, NUMC_SHAPE(2)), 1))
                                     : numc_sample(run, "b", numc_normal(run, 0, 1));
    if (mood == ADDS)
        numc_sample(run, "extra", numc_normal(run, 0, 1));
    if (mood == WRONG_CONTEXT)
        b = numc_add(b, numc_ones(context, NUMC_FLOAT64, NUMC_SCALAR));
    if (mood == REJECTS && numc_item(b) > 0)
        numc_error_set(numc_run_context(run), NUMC_REJECT, "b is positive");
    if (mood == STOPS)
        numc_error_set(numc_run_context(run), NUMC_STOP, "enough");
    if (mood == LOOPS_IN_C) {
        const numc_array *x = numc_exp(b);
        while (numc_item(x) > 0) {
            numc_mcmc_cancel(m->mcmc);
            x = numc_add(x, 1);
        }
    }
    if (mood == LOOPS) {
        const numc_array *x = numc_exp(b);
        numc_array *y = NULL;
        numc_while(run, for_ever, goes_on, m->mcmc, &x, 1, &y);
    }
    numc_deterministic(run, mood == TURNS ? "d" : "c", b);
    if (mood == NO_DENSITY)
        numc_factor(run, "d", -INFINITY);
    else
        numc_deterministic(run, mood == TURNS ? "c" : "d", b);
}

static numc_status run_moody(int mood, int calm)
{
    struct moody m = {.mood = mood, .calm = calm};
    numc_mcmc *mcmc = sampler_of(numc_model_new_dynamic(context, moody, &m), &(numc_mcmc_options){.chains = 1, .warmup = 10, .draws = 10});
    m.mcmc = mcmc;
    numc_status status = numc_mcmc_run(mcmc, 1);
    numc_mcmc_free(mcmc);
    return status;
}

static void every_run_is_checked(void **state)
{
    (void)state;
    assert_int_equal(run_moody(FINE, 0), NUMC_OK);
    const struct {
        int mood;
        const char *says;
    } cases[] = {{RENAMES, "site somebody: the model is not the same each time it runs: statement 1 was sampled \"a\" of shape (), then sampled \"somebody\""},
                 {RESHAPES, "site b: the model is not the same each time it runs: statement 2 was sampled \"b\" of shape (), then sampled \"b\" of shape (2)"},
                 {LEAVES_OUT, "statement 1 was sampled \"a\" of shape (), then sampled \"b\""},
                 {ADDS, "statement 3 was deterministic \"c\" of shape (), then sampled \"extra\""},
                 {TURNS, "statement 3 was deterministic \"c\" of shape (), then deterministic \"d\""},
                 {WRONG_CONTEXT, "a context that other threads use"}};
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        numc_status status = run_moody(cases[i].mood, 40);
        expect_error(status, cases[i].says);
        assert_true(status == NUMC_TRACE || status == NUMC_STATE);
        struct moody m = {.mood = cases[i].mood, .calm = 1}; /* between the first two runs */
        if (cases[i].mood == WRONG_CONTEXT)
            continue;
        assert_null(numc_mcmc_new(numc_model_new_dynamic(context, moody, &m), NULL));
        expect_error(NUMC_TRACE, "the model is not the same each time it runs");
    }
}

static void answers(void **state)
{
    (void)state;
    struct moody m = {.mood = REJECTS};
    numc_mcmc *mcmc = sampler_of(numc_model_new_dynamic(context, moody, &m), &(numc_mcmc_options){.chains = 2, .warmup = 50, .draws = 100, .threads = 1});
    run_ok(mcmc, 2);
    numc_mcmc_site b = drawn(mcmc, "b");
    for (int64_t i = 0; i < 200; i++)
        assert_true(value_of(&b, i / 100, i % 100, 0) <= 0);
    numc_mcmc_free(mcmc);
    assert_int_equal(run_moody(STOPS, 40), NUMC_STOP);
    assert_int_equal(numc_error_status(context), NUMC_OK);
    m = (struct moody){.mood = STOPS};
    assert_null(numc_mcmc_new(numc_model_new_dynamic(context, moody, &m), NULL));
    expect_error(NUMC_INITIALIZATION, "answered");
}

/* Loops that never end are ended by a cancel: in C, by numc_while in dynamic mode, and compiled. */
static void endless_loops_are_cancelled(void **state)
{
    (void)state;
    assert_int_equal(run_moody(LOOPS_IN_C, 40), NUMC_CANCELLED);
    assert_int_equal(numc_error_status(context), NUMC_OK);
    assert_int_equal(run_moody(LOOPS, 40), NUMC_CANCELLED);
    assert_int_equal(numc_error_status(context), NUMC_OK);
}

static void bad_start(numc_run *run, void *user)
{
    (void)user;
    numc_array *a = numc_sample(run, "a", numc_normal(run, 0, 1));
    if (numc_item(a) == 0)
        numc_factor(run, "bad", 0);
    else
        numc_factor(run, "bad", numc_multiply(numc_square(a), -INFINITY));
}

static void a_start_without_density_is_explained(void **state)
{
    (void)state;
    numc_mcmc *mcmc = sampler_of(numc_model_new_dynamic(context, bad_start, NULL), &(numc_mcmc_options){.chains = 1});
    assert_int_equal(numc_mcmc_run(mcmc, 1), NUMC_INITIALIZATION);
    expect_error(NUMC_INITIALIZATION, "site \"bad\" has log probability -inf, with a = ");
    numc_mcmc_free(mcmc);
    /* bad data are found before: by name, once */
    struct schools data = schools_data(context);
    static const double negative[] = {15, 10, 16, -11, 9, 11, 10, 18};
    data.sigma = numc_from_host(context, NUMC_FLOAT64, NUMC_SHAPE(8), negative);
    assert_null(numc_mcmc_new(numc_model_new_dynamic(context, eight_schools, &data), NULL));
    expect_error(NUMC_VALUE, "site y");
}

/* ---- predictive ------------------------------------------------------------------------------------------------------------------------ */

/* Keys, draws and log-likelihoods are the compiled model's: samplers have the same bits wherever float64 is. */
static void predictive_both_ways(void **state)
{
    (void)state;
    struct schools data = schools_data(context);
    numc_model *model[2] = {numc_model_new(context, eight_schools, &data), numc_model_new_dynamic(context, eight_schools, &data)};
    numc_mcmc *mcmc = sampler_of(model[0], &(numc_mcmc_options){.chains = 2, .warmup = 20, .draws = 10});
    run_ok(mcmc, 5);
    for (int way = 0; way < 3; way++) {
        numc_predictive *p[2];
        for (int k = 0; k < 2; k++) {
            p[k] = numc_predictive_new(model[k], way < 2 ? mcmc : NULL, 9, &(numc_predictive_options){.log_likelihood = way == 1, .draws = way < 2 ? 0 : 20});
            if (p[k] == NULL)
                fail_msg("%s", numc_error_message(context));
        }
        int32_t count = numc_predictive_site_count(p[0]);
        assert_int_equal(count, numc_predictive_site_count(p[1]));
        assert_true(count > 0);
        for (int32_t i = 0; i < count; i++) {
            numc_mcmc_site site[2];
            for (int k = 0; k < 2; k++)
                assert_int_equal(numc_predictive_site_at(p[k], i, &site[k]), NUMC_OK);
            assert_string_equal(site[0].name, site[1].name);
            assert_int_equal(site[0].size, site[1].size);
            for (int64_t chain = 0; chain < site[0].chains; chain++)
                for (int64_t draw = 0; draw < site[0].draws; draw++)
                    for (int64_t e = 0; e < site[0].size; e++) {
                        double was = value_of(&site[0], chain, draw, e);
                        ASSERT_NEAR(value_of(&site[1], chain, draw, e), was, 1e-13 * (1 + fabs(was)));
                    }
        }
    }
}

static void branching_predictive(numc_run *run, void *user)
{
    (void)user;
    numc_array *x = numc_sample(run, "x", numc_normal(run, 0, 1));
    numc_observe(run, "sign", numc_item(x) > 0 ? numc_normal(run, 100, 1) : numc_normal(run, -100, 1), 0);
}

static void predictive_branches(void **state)
{
    (void)state;
    numc_predictive *p = numc_predictive_new(numc_model_new_dynamic(context, branching_predictive, NULL), NULL, 4, &(numc_predictive_options){.draws = 50});
    if (p == NULL)
        fail_msg("%s", numc_error_message(context));
    numc_mcmc_site x, sign;
    assert_int_equal(numc_predictive_site_find(p, "x", &x), NUMC_OK);
    assert_int_equal(numc_predictive_site_find(p, "sign", &sign), NUMC_OK);
    for (int64_t i = 0; i < 50; i++)
        assert_true((value_of(&x, 0, i, 0) > 0) == (value_of(&sign, 0, i, 0) > 0));
    struct moody m = {.mood = TURNS, .calm = 20};
    assert_null(numc_predictive_new(numc_model_new_dynamic(context, moody, &m), NULL, 4, &(numc_predictive_options){.draws = 50}));
    expect_error(NUMC_TRACE, "site d: the model is not the same each time it runs: here was \"c\"");
}

/* ---- memory ---------------------------------------------------------------------------------------------------------------------------- */

static void pass(failing *memory)
{
    context = numc_open(&(numc_options){.backend = "ref", .threads = 1, .allocate = failing_allocate, .allocate_user = memory});
    if (context == NULL)
        return;
    struct schools data = schools_data(context);
    numc_model *model = numc_model_new_dynamic(context, with_handlers, &data);
    numc_mcmc *mcmc = model == NULL ? NULL : numc_mcmc_new(model, &(numc_mcmc_options){.chains = 1, .warmup = NUMC_COUNT(0), .draws = 1, .threads = 1, .max_tree_depth = 1});
    numc_status status = mcmc == NULL ? numc_error_status(context) : numc_mcmc_run(mcmc, 1);
    numc_predictive *p = status != NUMC_OK ? NULL : numc_predictive_new(model, mcmc, 1, NULL);
    if (status == NUMC_OK && p == NULL)
        status = numc_error_status(context);
    if (!memory->failed && status != NUMC_OK)
        fail_msg("%s", numc_error_message(context));
    assert_true(status == NUMC_OK || status == NUMC_MEMORY);
    numc_close(context);
}

static void failing_allocations(void **state)
{
    (void)state;
    sweep_passes(pass, 100);
}

/* After some hundreds of evaluations thousands more keep nothing. */
static void memory_is_bounded(void **state)
{
    (void)state;
    failing memory = failing_at(-1);
    context = numc_open(&(numc_options){.threads = 1, .allocate = failing_allocate, .allocate_user = &memory});
    struct schools data = schools_data(context);
    numc_mcmc *mcmc = sampler_of(numc_model_new_dynamic(context, eight_schools, &data), NULL);
    const numc_target *t = numc__mcmc_target(mcmc);
    void *chain;
    numc_context *lane = numc_lane(context);
    assert_int_equal(t->chain_open(t->user, lane, &chain), NUMC_OK);
    long settled = 0;
    for (int i = 0; i < 3000; i++) {
        double q[10], density, gradient[10];
        for (int k = 0; k < 10; k++)
            q[k] = sin(i + 3 * k);
        assert_int_equal(t->evaluate(t->user, chain, q, &density, gradient), NUMC_OK);
        if (i == 500)
            settled = memory.blocks;
    }
    assert_int_equal(memory.blocks, settled);
    t->chain_close(t->user, lane, chain);
    numc_close(context);
    assert_int_equal(memory.blocks, 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(eight_schools_both_ways, open_context, close_context),
        cmocka_unit_test_setup_teardown(eight_schools_posterior, open_context, close_context),
        cmocka_unit_test_setup_teardown(branch_with_known_answer, open_context, close_context),
        cmocka_unit_test_setup_teardown(loops_in_c, open_context, close_context),
        cmocka_unit_test_setup_teardown(handlers_work, open_context, close_context),
        cmocka_unit_test_setup_teardown(chains_on_threads, open_context, close_context),
        cmocka_unit_test_setup_teardown(model_may_go, open_context, close_context),
        cmocka_unit_test_setup_teardown(every_run_is_checked, open_context, close_context),
        cmocka_unit_test_setup_teardown(answers, open_context, close_context),
        cmocka_unit_test_setup_teardown(endless_loops_are_cancelled, open_context, close_context),
        cmocka_unit_test_setup_teardown(a_start_without_density_is_explained, open_context, close_context),
        cmocka_unit_test_setup_teardown(predictive_both_ways, open_context, close_context),
        cmocka_unit_test_setup_teardown(predictive_branches, open_context, close_context),
        cmocka_unit_test(failing_allocations),
        cmocka_unit_test(memory_is_bounded),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
