/* Predictive draws and pointwise log-likelihoods of models. */
#include "numc/numc.h"
#include "support.h"

/* y_i ~ N(a + b x_i, s), a and b ~ N(0, 1), s ~ half-N(1); counts k ~ Poisson(exp a); twice = 2 b. */
struct line {
    numc_array *x, *y, *k;
};

static void line(numc_run *run, void *user)
{
    const struct line *d = user;
    numc_array *a = numc_sample(run, "a", numc_normal(run, 0, 1));
    numc_array *b = numc_sample(run, "b", numc_normal(run, 0, 1));
    numc_array *s = numc_sample(run, "s", numc_half_normal(run, 1));
    numc_array *x = numc_data(run, "x", d->x);
    numc_deterministic(run, "twice", numc_multiply(b, 2));
    numc_observe(run, "y", numc_normal(run, numc_add(a, numc_multiply(b, x)), s), d->y);
    numc_observe(run, "k", numc_poisson(run, numc_exp(a)), d->k);
}

static struct line line_data(void)
{
    static const double x[] = {-1, 0, 1, 2}, y[] = {-0.6, 0.4, 1.1, 2.3};
    static const int64_t k = 2;
    return (struct line){numc_from_host(context, NUMC_FLOAT64, NUMC_SHAPE(4), x),
                         numc_from_host(context, NUMC_FLOAT64, NUMC_SHAPE(4), y),
                         numc_from_host(context, NUMC_INT64, NUMC_SCALAR, &k)};
}

static numc_predictive *predict(numc_model *model, const numc_mcmc *posterior, uint64_t seed,
                                const numc_predictive_options *options)
{
    numc_predictive *p = numc_predictive_new(model, posterior, seed, options);
    if (p == NULL)
        fail_msg("%s", numc_error_message(context));
    return p;
}

static numc_mcmc_site find(const numc_predictive *p, const char *name)
{
    numc_mcmc_site site;
    if (numc_predictive_site_find(p, name, &site) != NUMC_OK)
        fail_msg("%s", numc_error_message(context));
    return site;
}

static numc_mcmc_site drawn(const numc_mcmc *m, const char *name)
{
    numc_mcmc_site site;
    assert_int_equal(numc_mcmc_site_find(m, name, &site), NUMC_OK);
    return site;
}

static double at(const numc_mcmc_site *s, int64_t chain, int64_t draw, int64_t i)
{
    return s->values[chain * s->chain_stride + draw * s->draw_stride + i];
}

static void posterior_predictive(void **state)
{
    (void)state;
    struct line data = line_data();
    numc_model *model = numc_model_new(context, line, &data);
    numc_mcmc *mcmc = numc_mcmc_new(model, &(numc_mcmc_options){.draws = 1000});
    assert_int_equal(numc_mcmc_run(mcmc, 3), NUMC_OK);
    numc_mcmc_site a = drawn(mcmc, "a"), b = drawn(mcmc, "b"), s = drawn(mcmc, "s");
    numc_predictive *p = predict(model, mcmc, 7, &(numc_predictive_options){.threads = 1});
    assert_int_equal(numc_predictive_site_count(p), 3);
    numc_mcmc_site twice = find(p, "twice"), y = find(p, "y"), k = find(p, "k");
    assert_true(twice.deterministic && !y.deterministic && y.rank == 1 && y.shape[0] == 4 && k.rank == 0);
    assert_int_equal(y.chains, 4);
    assert_int_equal(y.draws, 1000);
    /* Standardised by the draw's own parameters, y is standard normal: mean and mean square of 16000 within 5 errors, and
     * k - exp(a) has mean 0 and variance exp(a): 3 checks, false alarm 2e-6. */
    double sum = 0, squares = 0, count = 0, expected = 0;
    const double x[] = {-1, 0, 1, 2};
    for (int64_t c = 0; c < 4; c++)
        for (int64_t d = 0; d < 1000; d++) {
            assert_true(at(&twice, c, d, 0) == 2 * at(&b, c, d, 0));
            for (int64_t i = 0; i < 4; i++) {
                double z = (at(&y, c, d, i) - at(&a, c, d, 0) - at(&b, c, d, 0) * x[i]) / at(&s, c, d, 0);
                sum += z / 16000;
                squares += z * z / 16000;
            }
            double rate = exp(at(&a, c, d, 0)), n = at(&k, c, d, 0);
            assert_true(n >= 0 && n == floor(n));
            count += n - rate;
            expected += rate;
        }
    assert_true(fabs(sum) < 5 / sqrt(16000) && fabs(squares - 1) < 5 * sqrt(2.0 / 16000));
    assert_true(fabs(count) < 5 * sqrt(expected));
    /* the same bits for other threads, other ones for another seed */
    numc_predictive *again = predict(model, mcmc, 7, &(numc_predictive_options){.threads = 3});
    numc_predictive *other = predict(model, mcmc, 8, NULL);
    numc_mcmc_site same = find(again, "y"), different = find(other, "y");
    assert_memory_equal(y.values, same.values, (size_t)(4 * y.chain_stride - 3) * sizeof(double));
    assert_true(at(&y, 0, 0, 0) != at(&different, 0, 0, 0));
    numc_predictive_free(other);
    numc_predictive_free(again);
    numc_predictive_free(p);

    /* new data: predictions at other points */
    const double points[] = {10, 20};
    struct line ahead = {numc_from_host(context, NUMC_FLOAT64, NUMC_SHAPE(2), points),
                         numc_zeros(context, NUMC_FLOAT64, NUMC_SHAPE(2)),
                         data.k};
    p = predict(numc_model_new(context, line, &ahead), mcmc, 7, NULL);
    y = find(p, "y");
    assert_int_equal(y.shape[0], 2);
    double gap = 0, slope = 0;
    for (int64_t c = 0; c < 4; c++)
        for (int64_t d = 0; d < 1000; d++) {
            gap += (at(&y, c, d, 1) - at(&y, c, d, 0)) / 4000;
            slope += at(&b, c, d, 0) / 4000;
        }
    assert_true(fabs(gap - 10 * slope) < 1);
    numc_predictive_free(p);
    numc_mcmc_free(mcmc);
}

static void log_likelihood(void **state)
{
    (void)state;
    struct line data = line_data();
    numc_model *model = numc_model_new(context, line, &data);
    numc_mcmc *mcmc = numc_mcmc_new(model, &(numc_mcmc_options){.draws = 50, .chains = 2});
    assert_int_equal(numc_mcmc_run(mcmc, 3), NUMC_OK);
    numc_predictive *p = predict(model, mcmc, 0, &(numc_predictive_options){.log_likelihood = true});
    assert_int_equal(numc_predictive_site_count(p), 2);
    numc_mcmc_site a = drawn(mcmc, "a"), b = drawn(mcmc, "b"), s = drawn(mcmc, "s"), y = find(p, "y"), k = find(p, "k");
    const double x[] = {-1, 0, 1, 2}, observed[] = {-0.6, 0.4, 1.1, 2.3};
    for (int64_t c = 0; c < 2; c++)
        for (int64_t d = 0; d < 50; d++) {
            double sd = at(&s, c, d, 0), total = 0, prior = log(2) + log(sd); /* half-normal; d s / d log s */
            for (int64_t i = 0; i < 4; i++) {
                double z = (observed[i] - at(&a, c, d, 0) - at(&b, c, d, 0) * x[i]) / sd;
                double by_hand = -0.5 * z * z - log(sd) - 0.91893853320467274;
                assert_true(fabs(at(&y, c, d, i) - by_hand) < 1e-12 * (1 + fabs(by_hand)));
                total += by_hand;
            }
            double poisson = 2 * at(&a, c, d, 0) - exp(at(&a, c, d, 0)) - log(2);
            assert_true(fabs(at(&k, c, d, 0) - poisson) < 1e-12 * (1 + fabs(poisson)));
            /* all together: with the priors, what the chain moved on; 5 terms more, each of a few roundings */
            for (int i = 0; i < 3; i++) {
                double value = at(i == 0 ? &a : i == 1 ? &b : &s, c, d, 0);
                prior += -0.5 * value * value - 0.91893853320467274;
            }
            double joint = numc_mcmc_statistics(mcmc, (int32_t)c)[d].log_density;
            assert_true(fabs(total + poisson + prior - joint) < 1e-12 * (1 + fabs(joint)));
        }
    numc_predictive_free(p);
    numc_mcmc_free(mcmc);
}

/* Everything from the priors: means of a, s and k within 5 errors (E k = exp(1/2); var = E k + exp(2) - exp(1)). */
static void prior_predictive(void **state)
{
    (void)state;
    struct line data = line_data();
    numc_predictive *p = predict(numc_model_new(context, line, &data), NULL, 5, &(numc_predictive_options){.draws = 20000});
    assert_int_equal(numc_predictive_site_count(p), 6);
    numc_mcmc_site a = find(p, "a"), s = find(p, "s"), k = find(p, "k");
    assert_int_equal(a.chains, 1);
    assert_int_equal(a.draws, 20000);
    double mean[3] = {0};
    for (int64_t d = 0; d < 20000; d++) {
        mean[0] += at(&a, 0, d, 0) / 20000;
        mean[1] += at(&s, 0, d, 0) / 20000;
        mean[2] += at(&k, 0, d, 0) / 20000;
    }
    assert_true(fabs(mean[0]) < 5 / sqrt(20000));
    assert_true(fabs(mean[1] - sqrt(2 / 3.14159265358979323846)) < 5 * sqrt((1 - 2 / 3.14159265358979323846) / 20000));
    assert_true(fabs(mean[2] - exp(0.5)) < 5 * sqrt((exp(0.5) + exp(2) - exp(1)) / 20000));
    numc_predictive_free(p);
}

static void another_shape(numc_run *run, void *user)
{
    (void)user;
    numc_plate(run, "p", 2)
        numc_sample(run, "a", numc_normal(run, 0, 1));
}

static void indexed(numc_run *run, void *user)
{
    numc_array *a = NULL;
    numc_plate(run, "group", 2) {
        a = numc_sample(run, "a", numc_normal(run, 0, 1));
    }
    numc_array *group = numc_data(run, "group_of", user);
    numc_deterministic(run, "level", numc_take(a, group, NUMC_AXIS(0)));
}

static void errors(void **state)
{
    (void)state;
    struct line data = line_data();
    numc_model *model = numc_model_new(context, line, &data);
    numc_mcmc *mcmc = numc_mcmc_new(model, &(numc_mcmc_options){.draws = 5, .warmup = 20});
    assert_null(numc_predictive_new(model, mcmc, 1, NULL));
    assert_int_equal(numc_error_status(context), NUMC_STATE);
    numc_error_clear(context);
    assert_int_equal(numc_mcmc_run(mcmc, 3), NUMC_OK);
    assert_null(numc_predictive_new(model, NULL, 1, &(numc_predictive_options){.log_likelihood = true}));
    assert_int_equal(numc_error_status(context), NUMC_INVALID_ARGUMENT);
    numc_error_clear(context);
    assert_null(numc_predictive_new(numc_model_new(context, another_shape, NULL), mcmc, 1, NULL));
    assert_int_equal(numc_error_status(context), NUMC_SHAPE);
    assert_non_null(strstr(numc_error_message(context), "site a: its shape in the posterior is [], in the model [2]"));
    numc_error_clear(context);
    numc_mcmc_free(mcmc);
    const int64_t group[] = {1, 2}; /* one past the end: data are looked at before they become inputs */
    numc_array *beyond = numc_from_host(context, NUMC_INT64, NUMC_SHAPE(2), group);
    assert_null(numc_predictive_new(numc_model_new(context, indexed, beyond), NULL, 1, NULL));
    assert_int_equal(numc_error_status(context), NUMC_INDEX);
    numc_error_clear(context);
}

static void any_allocation_may_fail(void **state)
{
    (void)state;
    const double numbers[] = {0.5, -1};
    const int64_t k = 1;
    long n = 0;
    for (;; n++) {
        failing f = failing_at(n);
        numc_context *own = numc_open(&(numc_options){.backend = "ref", .allocate = failing_allocate, .allocate_user = &f});
        if (own != NULL && numc_error_status(own) == NUMC_OK) {
            struct line data = {numc_from_host(own, NUMC_FLOAT64, NUMC_SHAPE(2), numbers),
                                numc_from_host(own, NUMC_FLOAT64, NUMC_SHAPE(2), numbers),
                                numc_from_host(own, NUMC_INT64, NUMC_SCALAR, &k)};
            numc_predictive *p = numc_predictive_new(numc_model_new(own, line, &data), NULL, 1,
                                                     &(numc_predictive_options){.draws = 2});
            assert_true((p != NULL) == (numc_error_status(own) == NUMC_OK));
        }
        numc_close(own);
        assert_int_equal(f.blocks, 0);
        assert_int_equal(f.mistakes, 0);
        if (!f.failed)
            break;
    }
    assert_true(n * failing_every() > 50);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(posterior_predictive), cmocka_unit_test(log_likelihood), cmocka_unit_test(prior_predictive),
        cmocka_unit_test(errors),               cmocka_unit_test(any_allocation_may_fail),
    };
    return cmocka_run_group_tests(tests, open_context, close_context);
}
