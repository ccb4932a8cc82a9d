/* test_model.c - sites, plates, names and handlers, a user's own handler, and every refusal with its message. */
#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include "numc/numc.h"

static numc_context *open_context(void)
{
    numc_context *context = numc_open(NULL);
    if (numc_error_status(context) != NUMC_OK)
        fail_msg("%s", numc_error_message(context));
    return context;
}

/* Runs a callback under handlers; the status, with the error left pending. */
static numc_status run(numc_context *context, numc_model_fn callback, void *user, const numc_handler *const *handlers, int32_t count)
{
    numc_model *model = numc_model_new(context, callback, user);
    assert_non_null(model);
    numc_status status = numc_model_run(model, handlers, count);
    numc_model_free(model);
    return status;
}

static double item(numc_context *context, const numc_array *x)
{
    double value = numc_item(x);
    if (numc_error_status(context) != NUMC_OK)
        fail_msg("%s", numc_error_message(context));
    return value;
}

/* ---- a model to run ------------------------------------------------------------------------------------------------------------- */

struct groups {
    numc_array *y;
};

static void grouped(numc_run *r, void *user)
{
    const struct groups *g = user;
    numc_array *mu = numc_sample(r, "mu", numc_normal(r, 0, 2));
    numc_plate(r, "group", 3) {
        numc_array *theta = numc_sample(r, "theta", numc_normal(r, mu, 1));
        numc_plate(r, "item", 4) {
            numc_observe(r, "y", numc_normal(r, theta, 0.5), g->y);
        }
        numc_deterministic(r, "double_theta", numc_multiply(theta, 2));
    }
    numc_factor(r, "weight", numc_multiply(mu, 0.125));
}

static double normal_log_density(double x, double loc, double scale)
{
    double z = (x - loc) / scale;
    return -0.5 * z * z - log(scale) - 0.91893853320467274178;
}

static void test_seed_and_record(void **unused)
{
    (void)unused;
    numc_context *context = open_context();
    double y[12];
    for (int i = 0; i < 12; i++)
        y[i] = 0.1 * i;
    struct groups g = {numc_from_host(context, NUMC_FLOAT64, NUMC_SHAPE(4, 3), y)};
    numc_record *record = numc_record_new(context), *again = numc_record_new(context);
    const numc_handler seed = numc_handler_seed(numc_random_key(context, 42));
    const numc_handler keep = numc_handler_record(record), keep_again = numc_handler_record(again);
    assert_int_equal(run(context, grouped, &g, (const numc_handler *[]){&keep, &seed}, 2), NUMC_OK);
    assert_int_equal(run(context, grouped, &g, (const numc_handler *[]){&keep_again, &seed}, 2), NUMC_OK);
    assert_int_equal(numc_record_count(record), 5);
    const char *const names[] = {"mu", "theta", "y", "double_theta", "weight"};
    for (int32_t k = 0; k < 5; k++)
        assert_string_equal(numc_record_at(record, k)->name, names[k]);
    const numc_message *theta = numc_record_find(record, "theta"), *observed = numc_record_find(record, "y");
    assert_int_equal(theta->plate_count, 1);
    assert_string_equal(theta->plates[0].name, "group");
    assert_int_equal(theta->plates[0].dim, -1);
    assert_int_equal(observed->plate_count, 2);
    assert_int_equal(observed->plates[1].dim, -2);
    assert_true(observed->observed && !theta->observed);
    assert_int_equal(numc_array_rank(theta->value), 1);
    assert_int_equal(numc_array_shape(theta->value)[0], 3);
    /* the same seed draws the same values, and the density is that of the formula */
    double t[3], t2[3], mu = item(context, numc_record_find(record, "mu")->value);
    assert_int_equal(numc_to_host(theta->value, NUMC_FLOAT64, t, sizeof t), NUMC_OK);
    assert_int_equal(numc_to_host(numc_record_find(again, "theta")->value, NUMC_FLOAT64, t2, sizeof t2), NUMC_OK);
    assert_memory_equal(t, t2, sizeof t);
    double expected = normal_log_density(mu, 0, 2) + 0.125 * mu;
    for (int j = 0; j < 3; j++) {
        expected += normal_log_density(t[j], mu, 1);
        for (int i = 0; i < 4; i++)
            expected += normal_log_density(y[3 * i + j], t[j], 0.5);
    }
    double density = item(context, numc_record_log_density(record));
    assert_true(fabs(density - expected) <= 1e-12 * fabs(expected)); /* 40 roundings of terms of like size */
    /* log density at given values */
    numc_model *model = numc_model_new(context, grouped, &g);
    const numc_named values[] = {{"mu", numc_record_find(record, "mu")->value}, {"theta", theta->value}};
    assert_true(fabs(item(context, numc_model_log_density(model, values, 2)) - expected) <= 1e-12 * fabs(expected));
    const numc_named wrong[] = {{"mu", values[0].array}, {"theta", theta->value}, {"thetta", theta->value}};
    assert_null(numc_model_log_density(model, wrong, 3));
    assert_non_null(strstr(numc_error_message(context), "thetta"));
    numc_close(context);
}

static void without_first(numc_run *r, void *user)
{
    (void)user;
    numc_sample(r, "b", numc_normal(r, 0, 1));
}
static void with_first(numc_run *r, void *user)
{
    numc_sample(r, "a", numc_normal(r, 0, 1));
    without_first(r, user);
}

static void test_sites_do_not_disturb_each_other(void **unused)
{
    (void)unused;
    numc_context *context = open_context();
    const numc_handler seed = numc_handler_seed(numc_random_key(context, 1));
    numc_record *one = numc_record_new(context), *two = numc_record_new(context);
    const numc_handler keep_one = numc_handler_record(one), keep_two = numc_handler_record(two);
    assert_int_equal(run(context, without_first, NULL, (const numc_handler *[]){&keep_one, &seed}, 2), NUMC_OK);
    assert_int_equal(run(context, with_first, NULL, (const numc_handler *[]){&keep_two, &seed}, 2), NUMC_OK);
    double b = item(context, numc_record_find(one, "b")->value);
    assert_true(b == item(context, numc_record_find(two, "b")->value));
    assert_true(b != item(context, numc_record_find(two, "a")->value));
    numc_close(context);
}

/* ---- handlers --------------------------------------------------------------------------------------------------------------------- */

static void pair(numc_run *r, void *user)
{
    (void)user;
    numc_array *x = numc_sample(r, "x", numc_normal(r, 0, 1));
    numc_sample(r, "z", numc_normal(r, x, 1));
}

static void test_condition_substitute_replay_block(void **unused)
{
    (void)unused;
    numc_context *context = open_context();
    const numc_handler seed = numc_handler_seed(numc_random_key(context, 9));
    const numc_named x_value[] = {{"x", numc_number(context, NUMC_FLOAT64, 1.5)}};
    const struct numc_named_list list = {x_value, 1};
    const numc_handler condition = numc_handler_condition(&list), substitute = numc_handler_substitute(&list);
    const numc_handler block = numc_handler_block(&list);
    numc_record *records[5];
    numc_handler keep[5];
    for (int k = 0; k < 5; k++) {
        records[k] = numc_record_new(context);
        keep[k] = numc_handler_record(records[k]);
    }
    assert_int_equal(run(context, pair, NULL, (const numc_handler *[]){&keep[0], &condition, &seed}, 3), NUMC_OK);
    assert_true(numc_record_find(records[0], "x")->observed);
    assert_true(item(context, numc_record_find(records[0], "x")->value) == 1.5);
    assert_int_equal(run(context, pair, NULL, (const numc_handler *[]){&keep[1], &substitute, &seed}, 3), NUMC_OK);
    assert_false(numc_record_find(records[1], "x")->observed);
    assert_true(item(context, numc_record_find(records[1], "x")->value) == 1.5);
    /* replay: z of the earlier run, whatever the seed */
    const numc_handler replay = numc_handler_replay(records[1]);
    const numc_handler other_seed = numc_handler_seed(numc_random_key(context, 10));
    assert_int_equal(run(context, pair, NULL, (const numc_handler *[]){&keep[2], &replay, &other_seed}, 3), NUMC_OK);
    assert_true(item(context, numc_record_find(records[2], "z")->value) == item(context, numc_record_find(records[1], "z")->value));
    /* block inside the record: x never reaches it */
    assert_int_equal(run(context, pair, NULL, (const numc_handler *[]){&keep[3], &block, &seed}, 3), NUMC_OK);
    assert_null(numc_record_find(records[3], "x"));
    assert_non_null(numc_record_find(records[3], "z"));
    /* a block outside the record does not hide from it */
    assert_int_equal(run(context, pair, NULL, (const numc_handler *[]){&block, &keep[4], &seed}, 3), NUMC_OK);
    assert_non_null(numc_record_find(records[4], "x"));
    numc_close(context);
}

struct weights {
    numc_array *mask, *scale;
};

static void weighed(numc_run *r, void *user)
{
    const struct weights *w = user;
    const numc_handler mask = numc_handler_mask(w->mask), scale = numc_handler_scale(w->scale);
    numc_with(r, &mask) {
        numc_with(r, &scale) {
            numc_plate(r, "n", 2) {
                numc_observe(r, "x", numc_normal(r, 0, 1), 1.0);
            }
        }
    }
    numc_observe(r, "plain", numc_normal(r, 0, 1), 1.0);
}

static void test_mask_and_scale(void **unused)
{
    (void)unused;
    numc_context *context = open_context();
    const bool keep_first[2] = {true, false};
    struct weights w = {numc_from_host(context, NUMC_BOOL, NUMC_SHAPE(2), keep_first), numc_number(context, NUMC_FLOAT64, 3.0)};
    numc_model *model = numc_model_new(context, weighed, &w);
    double one = normal_log_density(1, 0, 1);
    assert_true(fabs(item(context, numc_model_log_density(model, NULL, 0)) - 4 * one) <= 1e-14);
    w.scale = numc_number(context, NUMC_FLOAT64, -1.0);
    assert_null(numc_model_log_density(model, NULL, 0));
    assert_int_equal(numc_error_status(context), NUMC_VALUE);
    numc_close(context);
}

static void positive(numc_run *r, void *user)
{
    (void)user;
    numc_sample(r, "rate", numc_exponential(r, 1));
}

/* A user's handler: counts sites and doubles every value drawn for "x" after the fact is decided. */
struct counter {
    int process, finish;
};
static void count_process(numc_run *r, const numc_handler *handler, numc_message *message)
{
    struct counter *c = handler->user;
    c->process++;
    if (strcmp(message->name, "x") == 0)
        message->value = numc_number(r, NUMC_FLOAT64, 7.0);
}
static void count_finish(numc_run *r, const numc_handler *handler, numc_message *message)
{
    (void)r;
    struct counter *c = handler->user;
    c->finish++;
    assert_non_null(message->value);
}

static void test_own_handler(void **unused)
{
    (void)unused;
    numc_context *context = open_context();
    struct counter counter = {0, 0};
    const numc_handler own = {.size = sizeof own, .name = "count", .user = &counter, .process = count_process, .finish = count_finish};
    const numc_handler seed = numc_handler_seed(numc_random_key(context, 2));
    numc_record *record = numc_record_new(context);
    const numc_handler keep = numc_handler_record(record);
    assert_int_equal(run(context, pair, NULL, (const numc_handler *[]){&keep, &own, &seed}, 3), NUMC_OK);
    assert_int_equal(counter.process, 2);
    assert_int_equal(counter.finish, 2);
    assert_true(item(context, numc_record_find(record, "x")->value) == 7.0);
    numc_close(context);
}

/* ---- binding ------------------------------------------------------------------------------------------------------------------------- */

static void with_data(numc_run *r, void *user)
{
    numc_array *const *arrays = user;
    numc_array *x = numc_data(r, "x", arrays[0]);
    numc_observe(r, "y", numc_normal(r, x, 1), arrays[1]);
}

static void with_data_and_latent(numc_run *r, void *user)
{
    numc_array *const *arrays = user;
    numc_array *mu = numc_sample(r, "mu", numc_normal(r, numc_data(r, "x", arrays[0]), 1));
    numc_observe(r, "y", numc_normal(r, mu, 1), arrays[1]);
}

static void test_bind(void **unused)
{
    (void)unused;
    numc_context *context = open_context();
    numc_array *arrays[2] = {numc_number(context, NUMC_FLOAT64, 0.0), numc_number(context, NUMC_FLOAT64, 0.0)};
    numc_model *model = numc_model_new(context, with_data, arrays);
    numc_model *bound = numc_model_bind(model, "x", numc_number(context, NUMC_FLOAT64, 2.0));
    numc_model *both = numc_model_bind(bound, "y", numc_number(context, NUMC_FLOAT64, 3.0));
    assert_true(fabs(item(context, numc_model_log_density(model, NULL, 0)) - normal_log_density(0, 0, 1)) <= 1e-15);
    assert_true(fabs(item(context, numc_model_log_density(bound, NULL, 0)) - normal_log_density(0, 2, 1)) <= 1e-15);
    assert_true(fabs(item(context, numc_model_log_density(both, NULL, 0)) - normal_log_density(3, 2, 1)) <= 1e-15);
    /* samplers of a model and of those bound from it run one compiled program */
    numc_statistics before, after;
    assert_non_null(numc_mcmc_new(numc_model_new(context, with_data_and_latent, arrays), NULL));
    model = numc_model_new(context, with_data_and_latent, arrays);
    assert_non_null(numc_mcmc_new(model, NULL));
    assert_int_equal(numc_statistics_get(context, &before), NUMC_OK);
    assert_non_null(numc_mcmc_new(numc_model_bind(model, "x", numc_number(context, NUMC_FLOAT64, 5.0)), NULL));
    assert_int_equal(numc_statistics_get(context, &after), NUMC_OK);
    assert_int_equal(after.kernels_built, before.kernels_built);
    numc_close(context);
}

/* ---- refusals: each its own message ------------------------------------------------------------------------------------------------ */

static void twice(numc_run *r, void *user)
{
    (void)user;
    numc_name_begin(r, "outer");
    numc_sample(r, "x", numc_normal(r, 0, 1));
    numc_sample(r, "x", numc_normal(r, 0, 1));
    numc_name_end(r);
}
static void left_open(numc_run *r, void *user)
{
    (void)user;
    numc_plate(r, "school", 8) {
        numc_sample(r, "x", numc_normal(r, 0, 1));
        break;
    }
}
static void returns(numc_run *r, void *user)
{
    (void)user;
    numc_plate(r, "town", 8)
        return;
}
static void misfit(numc_run *r, void *user)
{
    (void)user;
    numc_array *loc = numc_zeros(r, NUMC_FLOAT64, NUMC_SHAPE(5));
    numc_plate(r, "school", 8) {
        numc_sample(r, "x", numc_normal(r, loc, 1));
    }
}
static void misfit_observation(numc_run *r, void *user)
{
    (void)user;
    numc_array *loc = numc_zeros(r, NUMC_FLOAT64, NUMC_SHAPE(5));
    numc_observe(r, "y", numc_normal(r, loc, 1), numc_zeros(r, NUMC_FLOAT64, NUMC_SHAPE(4)));
}
static void outside(numc_run *r, void *user)
{
    (void)user;
    const double values[3] = {1.0, -2.5, 3.0};
    numc_observe(r, "y", numc_exponential(r, 1), numc_from_host(r, NUMC_FLOAT64, NUMC_SHAPE(3), values));
}
static void observes_null(numc_run *r, void *user)
{
    numc_array *nothing = user;
    numc_observe(r, "y", numc_normal(r, 0, 1), nothing);
}
static void bad_parameter(numc_run *r, void *user)
{
    (void)user;
    numc_sample(r, "x", numc_normal(r, 0, -1));
}
static void bad_name(numc_run *r, void *user)
{
    (void)user;
    numc_sample(r, "x,y", numc_normal(r, 0, 1));
}
static void line_in_a_name(numc_run *r, void *user)
{
    (void)user;
    numc_sample(r, "x\xe2\x80\xa8y", numc_normal(r, 0, 1)); /* U+2028 */
}
static void complex_factor(numc_run *r, void *user)
{
    (void)user;
    numc_factor(r, "w", numc_full(r, NUMC_COMPLEX128, NUMC_SCALAR, 1.0));
}
static void complex_observation(numc_run *r, void *user)
{
    (void)user;
    numc_observe(r, "y", numc_normal(r, 0, 1), numc_full(r, NUMC_COMPLEX128, NUMC_SCALAR, 1.0));
}
static void no_seed(numc_run *r, void *user)
{
    (void)user;
    numc_sample(r, "x", numc_normal(r, 0, 1));
}
static void same_dim(numc_run *r, void *user)
{
    (void)user;
    numc_plate_at(r, "a", 2, -1) {
        numc_plate_at(r, "b", 2, -1) {
        }
    }
}

static void uncovered(numc_run *r, void *user)
{
    (void)user;
    const numc_handler validate = numc_handler_validate();
    numc_with(r, &validate) {
        numc_sample(r, "x", numc_normal(r, numc_zeros(r, NUMC_FLOAT64, NUMC_SHAPE(5)), 1));
    }
}
static void surplus(numc_run *r, void *user)
{
    (void)user;
    const numc_handler validate = numc_handler_validate();
    numc_with(r, &validate) {
        numc_plate(r, "p", 2) {
            numc_observe(r, "y", numc_normal(r, 0, 1), numc_zeros(r, NUMC_FLOAT64, NUMC_SHAPE(7, 2)));
        }
    }
}
static void plate_named_as_site(numc_run *r, void *user)
{
    (void)user;
    numc_sample(r, "p", numc_normal(r, 0, 1));
    numc_plate(r, "p", 2) {
    }
}
static void site_named_as_plate(numc_run *r, void *user)
{
    (void)user;
    numc_plate(r, "p", 2) {
        numc_sample(r, "p", numc_normal(r, 0, 1));
    }
}

/* Values that handlers supply are held to the site's shape and, observed, to its support. */
static void test_supplied_values(void **unused)
{
    (void)unused;
    numc_context *context = open_context();
    const numc_handler seed = numc_handler_seed(numc_random_key(context, 3));
    const numc_named wide[] = {{"x", numc_zeros(context, NUMC_FLOAT64, NUMC_SHAPE(4))}};
    const struct numc_named_list list = {wide, 1};
    const numc_handler substitute = numc_handler_substitute(&list);
    assert_int_equal(run(context, pair, NULL, (const numc_handler *[]){&seed, &substitute}, 2), NUMC_SHAPE);
    assert_non_null(strstr(numc_error_message(context), "site x: the value is float64[4], its distribution float64[]"));
    numc_error_clear(context);
    const numc_named negative[] = {{"rate", numc_number(context, NUMC_FLOAT64, -3.0)}};
    const struct numc_named_list negatives = {negative, 1};
    const numc_handler condition = numc_handler_condition(&negatives);
    assert_int_equal(run(context, positive, NULL, (const numc_handler *[]){&seed, &condition}, 2), NUMC_SUPPORT);
    assert_non_null(strstr(numc_error_message(context), "site rate: the observation -3 (element 0) is outside the support"));
    numc_close(context);
}

/* What is no count is refused as data, under a plate by the name that the model wrote. */
static void counted(numc_run *r, void *user)
{
    numc_plate(r, "p", 3) {
        numc_observe(r, "y", numc_poisson(r, 2), (const numc_array *)user);
    }
}
static void masked_vector(numc_run *r, void *user)
{
    const numc_distribution *three = numc_expanded(numc_gamma(r, 2, 1), NUMC_SHAPE(3));
    numc_observe(r, "y", numc_masked(numc_independent(three, 1), numc_number(r, NUMC_BOOL, 1)), (const numc_array *)user);
}

static void test_observed_counts(void **unused)
{
    (void)unused;
    static const struct {
        numc_model_fn model;
        double values[3];
        const char *message;
    } rows[] = {
        {counted, {1, INFINITY, 2}, "site y: the observation inf (element 1) is outside the support (nonnegative_integer) of poisson"},
        {counted, {1, 2, NAN}, "site y: the observation nan (element 2) is outside the support (nonnegative_integer) of poisson"},
        {counted, {0.5, 2, 3}, "site y: the observation 0.5 (element 0) is outside the support (nonnegative_integer) of poisson"},
        {masked_vector, {1, -2, 3}, "site y: the observation's event 0 is outside the support (positive) of gamma"},
    };
    numc_context *context = open_context();
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        numc_array *y = numc_from_host(context, NUMC_FLOAT64, NUMC_SHAPE(3), rows[i].values);
        assert_int_equal(run(context, rows[i].model, y, NULL, 0), NUMC_SUPPORT);
        assert_string_equal(numc_error_message(context), rows[i].message);
        numc_error_clear(context);
    }
    numc_close(context);
}

/* A number observed as a count is as good or bad as an array of it. */
static void number_counted(numc_run *r, void *user)
{
    numc_observe(r, "y", numc_poisson(r, 2), *(const double *)user);
}

static void test_observed_numbers(void **unused)
{
    (void)unused;
    numc_context *context = open_context();
    double values[2] = {2.5, 3};
    assert_int_equal(run(context, number_counted, &values[0], NULL, 0), NUMC_SUPPORT);
    assert_string_equal(numc_error_message(context), "site y: the observation 2.5 (element 0) is outside the support (nonnegative_integer) of poisson");
    numc_error_clear(context);
    assert_int_equal(run(context, number_counted, &values[1], NULL, 0), NUMC_OK);
    numc_close(context);
}

/* An observation has each element of its site, or is one for all; the distribution may be spread over it. */
struct spread {
    int64_t plates[2], loc[2], y[2]; /* from the right; 0: none */
    const char *message;             /* NULL: accepted */
    double events;                   /* normal densities added up */
};

static numc_array *zeros_of(numc_run *r, const int64_t from_right[2])
{
    int64_t shape[2] = {from_right[1], from_right[0]};
    int32_t rank = (from_right[0] > 0) + (from_right[1] > 0);
    return numc_zeros(r, NUMC_FLOAT64, ((numc_shape){shape + 2 - rank, rank, true}));
}

static void spreads(numc_run *r, void *user)
{
    const struct spread *s = user;
    if (s->plates[0] == 0) {
        numc_observe(r, "y", numc_normal(r, zeros_of(r, s->loc), 1), zeros_of(r, s->y));
    } else if (s->plates[1] == 0) {
        numc_plate(r, "p", s->plates[0])
            numc_observe(r, "y", numc_normal(r, zeros_of(r, s->loc), 1), zeros_of(r, s->y));
    } else {
        numc_plate(r, "p", s->plates[0])
            numc_plate(r, "q", s->plates[1])
                numc_observe(r, "y", numc_normal(r, zeros_of(r, s->loc), 1), zeros_of(r, s->y));
    }
}

static void test_observations_are_not_spread(void **unused)
{
    (void)unused;
#define DIFFER(is, distribution) "site y: the observation is float64" is ", its distribution float64" distribution ": they do not agree"
    struct spread rows[] = {
        {{0}, {0}, {7}, NULL, 7},           {{0}, {0}, {7, 2}, NULL, 14},        {{0}, {3}, {3}, NULL, 3},
        {{0}, {3}, {0}, NULL, 3},           {{3}, {0}, {3}, NULL, 3},            {{3}, {0}, {0}, NULL, 3},
        {{3, 2}, {3}, {3, 2}, NULL, 6},     {{3, 2}, {0}, {0}, NULL, 6},         {{3}, {0}, {3, 5}, NULL, 15},
        {{1}, {0}, {1}, NULL, 1},           {{0}, {3, 1}, {3, 5}, NULL, 15},
        {{3}, {0}, {1}, DIFFER("[1]", "[3]"), 0},
        {{1}, {0}, {5}, DIFFER("[5]", "[1]"), 0},
        {{0}, {3}, {1}, DIFFER("[1]", "[3]"), 0},
        {{0}, {3}, {1, 3}, DIFFER("[3, 1]", "[3]"), 0}, /* the column and the row */
        {{3, 2}, {0}, {3}, DIFFER("[3]", "[2, 3]"), 0},
        {{3, 2}, {0}, {3, 1}, DIFFER("[1, 3]", "[2, 3]"), 0},
        {{3, 1}, {0}, {3, 4}, DIFFER("[4, 3]", "[1, 3]"), 0},
    };
    numc_context *context = open_context();
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        numc_model *model = numc_model_new(context, spreads, &rows[i]);
        numc_array *density = numc_model_log_density(model, NULL, 0);
        if (rows[i].message == NULL) {
            double expected = rows[i].events * normal_log_density(0, 0, 1);
            if (density == NULL || fabs(numc_item(density) - expected) > 1e-13)
                fail_msg("row %zu: %g, expected %g; %s", i, numc_item(density), expected, numc_error_message(context));
        } else {
            assert_int_equal(numc_error_status(context), NUMC_SHAPE);
            assert_string_equal(numc_error_message(context), rows[i].message);
            numc_error_clear(context);
        }
    }
    numc_close(context);
}

/* A NaN behind the mask reaches neither density nor gradient. */
struct hidden {
    numc_array *mask, *y;
};
static void partly_hidden(numc_run *r, void *user)
{
    const struct hidden *h = user;
    const numc_handler mask = numc_handler_mask(h->mask);
    numc_array *mu = numc_sample(r, "mu", numc_normal(r, 0, 1));
    numc_with(r, &mask) {
        numc_observe(r, "y", numc_normal(r, mu, 1), numc_data(r, "y_data", h->y));
        numc_observe(r, "constant", numc_normal(r, mu, 1), h->y);
    }
}

static void test_masked_nan(void **unused)
{
    (void)unused;
    numc_context *context = open_context();
    const bool keep[3] = {true, false, true};
    const double y[3] = {1.0, NAN, 2.0};
    struct hidden h = {numc_from_host(context, NUMC_BOOL, NUMC_SHAPE(3), keep), numc_from_host(context, NUMC_FLOAT64, NUMC_SHAPE(3), y)};
    numc_model *model = numc_model_new(context, partly_hidden, &h);
    const numc_named mu[] = {{"mu", numc_number(context, NUMC_FLOAT64, 0.5)}};
    double expected = normal_log_density(0.5, 0, 1) + 2 * (normal_log_density(1, 0.5, 1) + normal_log_density(2, 0.5, 1));
    assert_true(fabs(item(context, numc_model_log_density(model, mu, 1)) - expected) <= 1e-13);
    numc_mcmc *mcmc = numc_mcmc_new(model, &(numc_mcmc_options){.chains = 1, .warmup = 50, .draws = 20});
    if (mcmc == NULL || numc_mcmc_run(mcmc, 1) != NUMC_OK) /* a NaN in the gradient would leave no starting point */
        fail_msg("%s", numc_error_message(context));
    numc_close(context);
}

/* Data are checked when the sampler is made, by site, parameter and value. */
static void with_scale(numc_run *r, void *user)
{
    numc_array *mu = numc_sample(r, "mu", numc_normal(r, 0, 1));
    numc_observe(r, "y", numc_normal(r, mu, numc_data(r, "sigma", user)), 1.0);
}

static void point_mass(numc_run *r, void *user)
{
    (void)user;
    numc_sample(r, "d", numc_delta(r, 1.0, 0));
}

static void test_data_are_checked(void **unused)
{
    (void)unused;
    numc_context *context = open_context();
    numc_array *bad = numc_number(context, NUMC_FLOAT64, -2.0);
    assert_null(numc_mcmc_new(numc_model_new(context, with_scale, bad), NULL));
    assert_int_equal(numc_error_status(context), NUMC_VALUE);
    assert_non_null(strstr(numc_error_message(context), "site y"));
    assert_non_null(strstr(numc_error_message(context), "scale"));
    assert_non_null(strstr(numc_error_message(context), "-2"));
    numc_error_clear(context);
    assert_null(numc_mcmc_new(numc_model_new(context, point_mass, NULL), NULL));
    assert_non_null(strstr(numc_error_message(context), "site d: a delta"));
    numc_close(context);
}

static void closes(numc_run *r, void *user)
{
    (void)user;
    numc_close(numc_run_context(r));
}

static void frees_itself(numc_run *r, void *user)
{
    (void)r;
    numc_model_free(*(numc_model **)user);
}

/* Misuse of contexts is refused: closing one at work, and arrays of another. */
static void test_contexts(void **unused)
{
    (void)unused;
    numc_context *context = open_context(), *other = open_context();
    assert_int_equal(run(context, closes, NULL, NULL, 0), NUMC_STATE);
    assert_non_null(strstr(numc_error_message(context), "at work"));
    numc_error_clear(context);
    numc_model *self = numc_model_new(context, frees_itself, &self);
    assert_int_equal(numc_model_run(self, NULL, 0), NUMC_STATE);
    assert_non_null(strstr(numc_error_message(context), "at work"));
    numc_error_clear(context);
    assert_int_equal(numc_model_run(self, NULL, 3), NUMC_INVALID_ARGUMENT);
    numc_error_clear(context);
    assert_null(numc_model_log_density(self, NULL, 3));
    assert_int_equal(numc_error_status(context), NUMC_INVALID_ARGUMENT);
    numc_error_clear(context);
    numc_array *foreign[2] = {numc_number(other, NUMC_FLOAT64, 1.0), numc_number(other, NUMC_FLOAT64, 1.0)};
    assert_int_equal(run(context, with_data, foreign, NULL, 0), NUMC_STATE);
    assert_non_null(strstr(numc_error_message(context), "another context"));
    numc_error_clear(context);
    numc_array *own[2] = {numc_number(context, NUMC_FLOAT64, 1.0), numc_number(context, NUMC_FLOAT64, 1.0)};
    assert_null(numc_model_bind(numc_model_new(context, with_data, own), "x", foreign[0]));
    assert_int_equal(numc_error_status(context), NUMC_STATE);
    numc_error_clear(context);
    /* what is made on a lane ends with it */
    numc_context *lane = numc_lane(context);
    assert_non_null(numc_mcmc_new(numc_model_new(lane, with_data_and_latent, own), NULL));
    assert_non_null(numc_record_new(lane));
    numc_close(lane);
    numc_close(other);
    numc_close(context);
}

static void test_refusals(void **unused)
{
    (void)unused;
    static const struct {
        numc_model_fn callback;
        numc_status status;
        const char *says[3];
        bool unseeded;
    } cases[] = {
        {twice, NUMC_SITE, {"outer/x", "two sites", ""}, false},
        {left_open, NUMC_SITE, {"plate school left open", "", ""}, false},
        {returns, NUMC_SITE, {"plate town left open", "", ""}, false},
        {misfit, NUMC_SHAPE, {"site x", "school", "8"}, false},
        {misfit_observation, NUMC_SHAPE, {"site y", "float64[4]", "float64[5]"}, false},
        {uncovered, NUMC_SITE, {"site x", "no plate covers", "size 5"}, false},
        {surplus, NUMC_SITE, {"site y", "2 axes", "1"}, false},
        {plate_named_as_site, NUMC_SITE, {"a plate and a site", "\"p\"", ""}, false},
        {site_named_as_plate, NUMC_SITE, {"a plate and a site", "\"p\"", ""}, false},
        {outside, NUMC_SUPPORT, {"site y", "-2.5", "element 1"}, false},
        {observes_null, NUMC_SITE, {"site y", "NULL", ""}, false},
        {bad_parameter, NUMC_VALUE, {"site x", "scale", "-1"}, false},
        {bad_name, NUMC_SITE, {"not acceptable", "comma", ""}, false},
        {line_in_a_name, NUMC_SITE, {"not acceptable", "control", ""}, false},
        {complex_factor, NUMC_DTYPE, {"factor w", "complex", ""}, false},
        {complex_observation, NUMC_DTYPE, {"complex128", "value", ""}, false},
        {no_seed, NUMC_SITE, {"site x", "seed", ""}, true},
        {same_dim, NUMC_SITE, {"plate b", "dim -1", "plate a"}, false},
    };
    for (size_t k = 0; k < sizeof cases / sizeof *cases; k++) {
        numc_context *context = open_context();
        const numc_handler seed = numc_handler_seed(numc_random_key(context, 3));
        numc_status status = run(context, cases[k].callback, NULL, (const numc_handler *[]){&seed}, cases[k].unseeded ? 0 : 1);
        const char *message = numc_error_message(context);
        if (status != cases[k].status)
            fail_msg("case %zu: status %s, \"%s\"", k, numc_status_name(status), message);
        for (int s = 0; s < 3; s++)
            if (strstr(message, cases[k].says[s]) == NULL)
                fail_msg("case %zu: \"%s\" does not say \"%s\"", k, message, cases[k].says[s]);
        numc_close(context);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_seed_and_record), cmocka_unit_test(test_sites_do_not_disturb_each_other),
        cmocka_unit_test(test_condition_substitute_replay_block), cmocka_unit_test(test_mask_and_scale),
        cmocka_unit_test(test_own_handler), cmocka_unit_test(test_bind), cmocka_unit_test(test_supplied_values),
        cmocka_unit_test(test_observed_counts), cmocka_unit_test(test_observed_numbers), cmocka_unit_test(test_observations_are_not_spread),
        cmocka_unit_test(test_masked_nan), cmocka_unit_test(test_data_are_checked), cmocka_unit_test(test_contexts), cmocka_unit_test(test_refusals),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
