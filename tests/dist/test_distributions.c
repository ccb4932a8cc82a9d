/* Distributions of one scalar event against mpmath tables (make_tables.py): log_prob and its gradient in the value and every
 * parameter, cdf, icdf, moments; samplers against the cdf; supports and edges.
 *
 * Limits. log_prob is a sum of a few terms, each within a few units: 16 eps of the sum of the terms' sizes (the table's
 * magnitude). Gradients pass through digamma differences: 1e-12 of 1 + |slope|. cdf: the argument, or the complement of a
 * probability, carries up to 4 eps, which F magnifies by its condition. Up to one half that is relative, |x| f/F or the number of
 * trials, at most 901 in these tables (the normal at -30 scales): 4 (1 + 901) eps < 1e-12. Above one half it is absolute, |x| f, and
 * the subtraction from one adds a rounding: 4 eps (1 + |x| f). icdf: 1e-11 relative, of loc and of the
 * quantile, so counts are exact. The statistical tests' false-alarm rate is 1e-6 each, about 20 are made (see tests/random). */
#include "../array/fixture.h"
#include "numc/dist.h"
#include "numc/function.h"
#include "numc/random.h"
#include "reference_tables.h"

typedef numc_distribution *make_fn(numc_context *context, const numc_array *const *p);
#define DEFINE_1(name)                                                                             \
    static numc_distribution *make_##name(numc_context *context, const numc_array *const *p)       \
    {                                                                                              \
        return numc_##name(context, p[0]);                                                         \
    }
#define DEFINE_2(name)                                                                             \
    static numc_distribution *make_##name(numc_context *context, const numc_array *const *p)       \
    {                                                                                              \
        return numc_##name(context, p[0], p[1]);                                                   \
    }
#define DEFINE_3(name)                                                                             \
    static numc_distribution *make_##name(numc_context *context, const numc_array *const *p)       \
    {                                                                                              \
        return numc_##name(context, p[0], p[1], p[2]);                                             \
    }
DEFINE_2(normal)
DEFINE_1(half_normal)
DEFINE_2(log_normal)
DEFINE_2(cauchy)
DEFINE_1(half_cauchy)
DEFINE_3(student_t)
DEFINE_2(laplace)
DEFINE_2(logistic)
DEFINE_1(exponential)
DEFINE_2(gamma)
DEFINE_2(inverse_gamma)
DEFINE_2(beta)
DEFINE_2(uniform)
DEFINE_1(bernoulli)
DEFINE_1(bernoulli_logits)
DEFINE_2(binomial)
DEFINE_2(binomial_logits)
DEFINE_1(poisson)
DEFINE_1(poisson_log)

typedef struct dist_case {
    const char *name;
    make_fn *make;
    int parameters;
    bool discrete;
    const reference_row *rows;
    size_t row_count;
    const quantile_row *quantiles;
    size_t quantile_count;
    const moment_row *moments;
    size_t moment_count;
} dist_case;

#define COUNT(table) (sizeof table / sizeof *table)
#define REFERENCE(name) reference_##name, COUNT(reference_##name)
#define QUANTILE(name) quantile_##name, COUNT(quantile_##name)
#define MOMENT(name) moment_##name, COUNT(moment_##name)
#define CONTINUOUS(name, n) {#name, make_##name, n, false, REFERENCE(name), QUANTILE(name), MOMENT(name)}
#define WITHOUT_MOMENTS(name, n) {#name, make_##name, n, false, REFERENCE(name), QUANTILE(name), NULL, 0}
#define DISCRETE(name, n) {#name, make_##name, n, true, REFERENCE(name), QUANTILE(name), MOMENT(name)}
static const dist_case cases[] = {
    CONTINUOUS(normal, 2),        CONTINUOUS(half_normal, 1), CONTINUOUS(log_normal, 2),  WITHOUT_MOMENTS(cauchy, 2),
    WITHOUT_MOMENTS(half_cauchy, 1), CONTINUOUS(student_t, 3), CONTINUOUS(laplace, 2),    CONTINUOUS(logistic, 2),
    CONTINUOUS(exponential, 1),   CONTINUOUS(gamma, 2),       CONTINUOUS(inverse_gamma, 2), CONTINUOUS(beta, 2),
    CONTINUOUS(uniform, 2),       DISCRETE(bernoulli, 1),     DISCRETE(bernoulli_logits, 1), DISCRETE(binomial, 2),
    DISCRETE(binomial_logits, 2), DISCRETE(poisson, 1),       DISCRETE(poisson_log, 1)};

/* Column of a table whose rows are `width` doubles. */
static numc_array *column(numc_context *context, const void *rows, size_t count, size_t width, size_t at)
{
    double *values = malloc(count * sizeof *values);
    assert_non_null(values);
    for (size_t i = 0; i < count; i++)
        values[i] = ((const double *)rows)[i * width + at];
    numc_array *x = numc_from_host(context, NUMC_FLOAT64, NUMC_SHAPE((int64_t)count), values);
    free(values);
    return x;
}

#define WIDTH(rows) (sizeof *(rows) / sizeof(double))

static numc_distribution *make_from(numc_context *context, const dist_case *c, const void *rows, size_t count, size_t width)
{
    const numc_array *p[3] = {NULL};
    for (int k = 0; k < c->parameters; k++)
        p[k] = column(context, rows, count, width, (size_t)k);
    numc_distribution *d = c->make(context, p);
    if (d == NULL)
        fail_msg("%s: %s", c->name, numc_error_message(context));
    return d;
}

static double *checked_values(numc_context *context, const char *name, numc_array *x, size_t count)
{
    if (x == NULL)
        fail_msg("%s: %s", name, numc_error_message(context));
    assert_int_equal(numc_array_size(x), (int64_t)count);
    return values_of(x);
}

static void test_log_prob(void **state)
{
    numc_context *context = *state;
    for (size_t i = 0; i < COUNT(cases); i++) {
        const dist_case *c = &cases[i];
        numc_scope(context) {
            numc_distribution *d = make_from(context, c, c->rows, c->row_count, WIDTH(c->rows));
            assert_string_equal(numc_distribution_name(d), c->name);
            assert_int_equal(numc_distribution_batch_shape(d).count, 1);
            numc_array *x = column(context, c->rows, c->row_count, WIDTH(c->rows), 3);
            double *got = checked_values(context, c->name, numc_distribution_log_prob(d, x), c->row_count);
            for (size_t r = 0; r < c->row_count; r++) {
                const reference_row *row = &c->rows[r];
                if (!(fabs(got[r] - row->log_prob) <= 16 * 0x1p-52 * row->magnitude))
                    fail_msg("%s(%g, %g, %g) at %g: log_prob %.17g, expected %.17g", c->name, row->parameters[0],
                             row->parameters[1], row->parameters[2], row->x, got[r], row->log_prob);
            }
            free(got);
            if (c->discrete) { /* counts as integers give the same */
                double *whole = checked_values(context, c->name, numc_distribution_log_prob(d, numc_astype(x, NUMC_INT64)), c->row_count);
                double *real = checked_values(context, c->name, numc_distribution_log_prob(d, x), c->row_count);
                assert_memory_equal(whole, real, c->row_count * sizeof *whole);
                free(whole), free(real);
            }
        }
        assert_ok(context);
    }
}

static void test_cdf(void **state)
{
    numc_context *context = *state;
    for (size_t i = 0; i < COUNT(cases); i++) {
        const dist_case *c = &cases[i];
        numc_scope(context) {
            numc_distribution *d = make_from(context, c, c->rows, c->row_count, WIDTH(c->rows));
            numc_array *x = column(context, c->rows, c->row_count, WIDTH(c->rows), 3);
            double *got = checked_values(context, c->name, numc_distribution_cdf(d, x), c->row_count);
            for (size_t r = 0; r < c->row_count; r++) {
                const reference_row *row = &c->rows[r];
                double limit = row->cdf <= 0.5 ? 1e-12 * row->cdf : 4 * 0x1p-52 * (1 + fabs(row->x) * exp(row->log_prob));
                if (!(fabs(got[r] - row->cdf) <= limit))
                    fail_msg("%s(%g, %g, %g) at %g: cdf %.17g, expected %.17g", c->name, row->parameters[0],
                             row->parameters[1], row->parameters[2], row->x, got[r], row->cdf);
            }
            free(got);
        }
    }
}

static void test_icdf(void **state)
{
    numc_context *context = *state;
    for (size_t i = 0; i < COUNT(cases); i++) {
        const dist_case *c = &cases[i];
        if (c->quantile_count == 0)
            continue;
        numc_scope(context) {
            numc_distribution *d = make_from(context, c, c->quantiles, c->quantile_count, WIDTH(c->quantiles));
            numc_array *p = column(context, c->quantiles, c->quantile_count, WIDTH(c->quantiles), 3);
            double *got = checked_values(context, c->name, numc_distribution_icdf(d, p), c->quantile_count);
            for (size_t r = 0; r < c->quantile_count; r++) {
                const quantile_row *row = &c->quantiles[r];
                double loc = c->parameters == 2 ? fabs(row->parameters[0]) : 0;
                double scale = c->parameters == 1 ? 0 : row->parameters[c->parameters - 1];
                bool line = strstr("normal cauchy student_t laplace logistic", c->name) != NULL;
                double size = fabs(row->x) + (line ? loc + scale : 0);
                if (!(fabs(got[r] - row->x) <= 1e-11 * size))
                    fail_msg("%s(%g, %g, %g): icdf(%.17g) is %.17g, expected %.17g", c->name, row->parameters[0],
                             row->parameters[1], row->parameters[2], row->p, got[r], row->x);
            }
            free(got);
            /* outside [0, 1], and the ends of the support */
            const numc_array *first[3];
            for (int k = 0; k < c->parameters; k++)
                first[k] = column(context, c->quantiles, 1, WIDTH(c->quantiles), (size_t)k);
            numc_distribution *one = c->make(context, first);
            numc_array *ends = numc_from_host(context, NUMC_FLOAT64, NUMC_SHAPE(4), ((double[]){-0.1, 1.1, 0, 1}));
            double *q = checked_values(context, c->name, numc_distribution_icdf(one, ends), 4);
            if (!(isnan(q[0]) && isnan(q[1]) && !isnan(q[2]) && !isnan(q[3]) && q[2] < q[3]))
                fail_msg("%s: icdf(-0.1, 1.1, 0, 1) is %g %g %g %g", c->name, q[0], q[1], q[2], q[3]);
            double *back = checked_values(context, c->name, numc_distribution_cdf(one, numc_distribution_icdf(one, ends)), 4);
            if (!((c->discrete || fabs(back[2]) < 1e-15) && fabs(back[3] - 1) < 1e-15))
                fail_msg("%s: cdf at the ends of the support is %g, %g", c->name, back[2], back[3]);
            free(q), free(back);
        }
        assert_ok(context);
    }
}

static void test_moments(void **state)
{
    numc_context *context = *state;
    for (size_t i = 0; i < COUNT(cases); i++) {
        const dist_case *c = &cases[i];
        if (c->moment_count == 0)
            continue;
        numc_scope(context) {
            numc_distribution *d = make_from(context, c, c->moments, c->moment_count, WIDTH(c->moments));
            double *mean = checked_values(context, c->name, numc_distribution_mean(d), c->moment_count);
            double *variance = checked_values(context, c->name, numc_distribution_variance(d), c->moment_count);
            for (size_t r = 0; r < c->moment_count; r++) {
                double m = c->moments[r].mean, v = c->moments[r].variance;
                bool fine = (mean[r] == m || (isnan(m) && isnan(mean[r])) || fabs(mean[r] - m) <= 8 * 0x1p-52 * fabs(m)) &&
                            (variance[r] == v || (isnan(v) && isnan(variance[r])) || fabs(variance[r] - v) <= 16 * 0x1p-52 * v);
                if (!fine)
                    fail_msg("%s: mean %.17g (%.17g), variance %.17g (%.17g)", c->name, mean[r], m, variance[r], v);
            }
            free(mean), free(variance);
        }
    }
    const numc_array *p[2] = {numc_number(context, NUMC_FLOAT64, 1), numc_number(context, NUMC_FLOAT64, 2)};
    assert_true(isnan(numc_item(numc_distribution_mean(make_cauchy(context, p)))));
    assert_true(numc_item(numc_distribution_mean(make_half_cauchy(context, p))) == INFINITY);
    assert_ok(context);
}

/* ---- gradients ------------------------------------------------------------------------------------------------------------------ */

static void total_log_prob(numc_context *context, const numc_array *const *inputs, int32_t input_count, numc_array **outputs,
                           int32_t output_count, void *user)
{
    const dist_case *c = user;
    (void)input_count, (void)output_count;
    outputs[0] = numc_sum(numc_distribution_log_prob(c->make(context, inputs + 1), inputs[0]));
}

static void test_gradients(void **state)
{
    numc_context *context = *state;
    for (size_t i = 0; i < COUNT(cases); i++) {
        const dist_case *c = &cases[i];
        numc_scope(context) {
            const numc_array *inputs[4];
            numc_array *outputs[5];
            int32_t count = 1 + c->parameters;
            inputs[0] = column(context, c->rows, c->row_count, WIDTH(c->rows), 3);
            for (int k = 0; k < c->parameters; k++)
                inputs[k + 1] = column(context, c->rows, c->row_count, WIDTH(c->rows), (size_t)k);
            numc_function *density = numc_function_trace(context, total_log_prob, (void *)(uintptr_t)c, inputs, count, 1);
            numc_function *gradient = numc_function_value_and_gradient(context, density);
            assert_ok(context);
            numc_function_call(context, gradient, inputs, count, outputs, count + 1);
            assert_ok(context);
            for (int k = 0; k < count; k++) {
                double *got = checked_values(context, c->name, outputs[k + 1], c->row_count);
                for (size_t r = 0; r < c->row_count; r++) {
                    const reference_row *row = &c->rows[r];
                    double want = k == 0 ? row->dx : row->dp[k - 1];
                    if (!isnan(want) && !(fabs(got[r] - want) <= 1e-12 * (1 + fabs(want))))
                        fail_msg("%s(%g, %g, %g) at %g: derivative %d is %.17g, expected %.17g", c->name, row->parameters[0],
                                 row->parameters[1], row->parameters[2], row->x, k, got[r], want);
                }
                free(got);
            }
            numc_function_free(gradient);
            numc_function_free(density);
        }
        assert_ok(context);
    }
}

/* Outside the support: -inf and gradients of zero, whatever the formulas would give; a NaN value or parameter gives NaN. */
static void test_outside_and_nan(void **state)
{
    numc_context *context = *state;
    static const struct { size_t index; double p[3]; double x; } rows[] = {
        {1, {2}, -1}, {2, {0, 1}, 0}, {2, {0, 1}, -3}, {4, {2}, -1e-300}, {8, {2}, -1}, {9, {2, 1}, 0}, {10, {2, 1}, -1},
        {11, {2, 3}, -0.1}, {11, {2, 3}, 1.5}, {12, {0, 1}, 1.01}, {12, {0, 1}, -INFINITY}, {13, {0.5}, 2}, {13, {0.5}, 0.5},
        {14, {0.5}, -1}, {15, {5, 0.5}, 6}, {15, {5, 0.5}, 2.5}, {16, {5, 0.5}, -1}, {17, {2}, -1}, {17, {2}, 0.5}, {18, {2}, -2},
        /* nothing lies at infinity, and no infinity is a count */
        {9, {2, 1}, INFINITY}, {9, {0.5, 1}, INFINITY}, {9, {1, 1}, -INFINITY}, {10, {2, 1}, INFINITY}, {2, {0, 1}, INFINITY},
        {13, {0.5}, INFINITY}, {14, {0.5}, -INFINITY}, {14, {0.5}, INFINITY}, {15, {5, 0.5}, INFINITY}, {15, {5, 0.5}, -INFINITY},
        {16, {5, 0.5}, INFINITY}, {17, {2}, INFINITY}, {17, {2}, -INFINITY}, {18, {2}, INFINITY}, {18, {2}, 1.5}};
    for (size_t i = 0; i < COUNT(rows); i++) {
        const dist_case *c = &cases[rows[i].index];
        for (int variant = 0; variant <= 1 + c->parameters; variant++) { /* 0: outside; 1: NaN value; k+2: NaN parameter k */
            numc_scope(context) {
                const numc_array *inputs[4];
                numc_array *outputs[5];
                int32_t count = 1 + c->parameters;
                double inside = c->rows[0].x;
                inputs[0] = numc_number(context, NUMC_FLOAT64, variant == 0 ? rows[i].x : variant == 1 ? (double)NAN : inside);
                for (int k = 0; k < c->parameters; k++)
                    inputs[k + 1] = numc_number(context, NUMC_FLOAT64, variant == k + 2 ? (double)NAN : variant == 0 ? rows[i].p[k]
                                                                                                           : c->rows[0].parameters[k]);
                numc_function *density = numc_function_trace(context, total_log_prob, (void *)(uintptr_t)c, inputs, count, 1);
                numc_function *gradient = numc_function_value_and_gradient(context, density);
                numc_function_call(context, gradient, inputs, count, outputs, count + 1);
                assert_ok(context);
                double value = numc_item(outputs[0]);
                bool trials = strstr(c->name, "binomial") != NULL && variant == 2;
                bool whole = (c->discrete || strcmp(c->name, "uniform") == 0) && variant == 1; /* NaN is outside */
                if (variant == 0 || whole ? value != -INFINITY : !isnan(value) && !trials)
                    fail_msg("%s, variant %d: %g at %g", c->name, variant, value, rows[i].x);
                for (int k = 0; k < count && variant == 0; k++) {
                    double slope = numc_item(outputs[k + 1]);
                    if (slope != 0)
                        fail_msg("%s: slope %d outside the support is %g", c->name, k, slope);
                }
                numc_function_free(gradient);
                numc_function_free(density);
            }
        }
    }
}

/* What a parameter may be, in the order of the cases: r any real (nothing to try), + positive, p a probability, n a count of
 * trials; l and h, the ends of an interval, are tried out of order. */
static const char *const domains[COUNT(cases)] = {"r+", "+",  "r+", "r+", "+", "+r+", "r+", "r+", "+", "++",
                                                  "++", "++", "lh", "p",  "r", "np",  "nr", "+",  "r"};

static double log_prob_at(numc_context *context, const dist_case *c, const double *parameters, double x)
{
    const numc_array *inputs[4];
    numc_array *outputs[1] = {NULL};
    inputs[0] = numc_number(context, NUMC_FLOAT64, x);
    for (int k = 0; k < c->parameters; k++)
        inputs[k + 1] = numc_number(context, NUMC_FLOAT64, parameters[k]);
    numc_function *density = numc_function_trace(context, total_log_prob, (void *)(uintptr_t)c, inputs, 1 + c->parameters, 1);
    numc_function_call(context, density, inputs, 1 + c->parameters, outputs, 1);
    double value = numc_item(outputs[0]);
    numc_function_free(density);
    return value;
}

/* Every density is 0 at both infinities, whatever its formula has there, traced or not. */
static void test_infinities(void **state)
{
    numc_context *context = *state;
    static const double ends[2] = {INFINITY, -INFINITY};
    for (size_t i = 0; i < COUNT(cases); i++) {
        for (size_t r = 0; r < cases[i].row_count; r++) {
            for (int end = 0; end < 2; end++) {
                numc_scope(context) {
                    const numc_array *p[3];
                    for (int k = 0; k < cases[i].parameters; k++)
                        p[k] = numc_number(context, NUMC_FLOAT64, cases[i].rows[r].parameters[k]);
                    double traced = log_prob_at(context, &cases[i], cases[i].rows[r].parameters, ends[end]);
                    double eager = numc_item(numc_distribution_log_prob(cases[i].make(context, p), ends[end]));
                    if (!(traced == -INFINITY && eager == -INFINITY))
                        fail_msg("%s, row %zu: %g and %g at %g", cases[i].name, r, traced, eager, ends[end]);
                }
                assert_ok(context);
            }
        }
    }
}

static void logistic_density(numc_context *context, const numc_array *const *inputs, int32_t input_count, numc_array **outputs,
                             int32_t output_count, void *user)
{
    (void)input_count, (void)output_count, (void)user;
    outputs[0] = numc_distribution_log_prob(numc_logistic(context, 1.5, 2), inputs[0]);
}

/* The logistic density is even about loc; its curvature there is -1/(2 scale^2), and its slopes in the far tails -1/scale, 1/scale. */
static void test_logistic_slopes(void **state)
{
    numc_context *context = *state;
    static const struct { double x, slope, curvature; } rows[] = {
        {1.5, 0, -0.125}, {INFINITY, -0.5, 0}, {-INFINITY, 0.5, 0}, {1e9, -0.5, 0}, {-1e9, 0.5, 0}};
    for (size_t i = 0; i < COUNT(rows); i++) {
        numc_scope(context) {
            const numc_array *x = numc_number(context, NUMC_FLOAT64, rows[i].x);
            numc_array *outputs[3] = {NULL};
            numc_function *density = numc_function_trace(context, logistic_density, NULL, &x, 1, 1);
            numc_function *hessian = numc_function_hessian(context, density);
            numc_function_call(context, hessian, &x, 1, outputs, 3);
            double slope = numc_item(outputs[1]), curvature = numc_item(outputs[2]);
            if (slope != rows[i].slope || curvature != rows[i].curvature)
                fail_msg("logistic at %g: slope %g, curvature %g", rows[i].x, slope, curvature);
            numc_function_free(hessian);
            numc_function_free(density);
        }
        assert_ok(context);
    }
}

/* A traced parameter outside its domain, each in turn, gives NaN and no error; -inf where the parameter makes the support, which
 * is then empty. */
static void test_traced_parameter_outside(void **state)
{
    numc_context *context = *state;
    int tried = 0;
    for (size_t i = 0; i < COUNT(cases); i++) {
        const dist_case *c = &cases[i];
        assert_int_equal(strlen(domains[i]), c->parameters);
        for (int k = 0; k < c->parameters; k++) {
            const double *good = c->rows[0].parameters;
            double bad[2] = {-1.5, -INFINITY};
            bool empties = false;
            switch (domains[i][k]) {
            case 'r': continue;
            case 'p': bad[0] = -0.25, bad[1] = 1.5; break;
            case 'n': bad[0] = -1, bad[1] = -3.5, empties = true; break;
            case 'l': bad[0] = good[1] + 1, bad[1] = good[1] + 1e6, empties = true; break;
            case 'h': bad[0] = good[0] - 1, bad[1] = good[0] - 1e6, empties = true; break;
            default: break;
            }
            for (int b = 0; b < 2; b++) {
                numc_scope(context) {
                    double parameters[3] = {good[0], good[1], good[2]};
                    parameters[k] = bad[b];
                    double value = log_prob_at(context, c, parameters, c->rows[0].x);
                    assert_ok(context);
                    if (empties ? value != -INFINITY : !isnan(value))
                        fail_msg("%s: %g with parameter %d at %g, outside its domain", c->name, value, k, bad[b]);
                    tried++;
                }
            }
        }
    }
    assert_int_equal(tried, 2 * 23);
}

/* ---- draws ------------------------------------------------------------------------------------------------------------------------ */

#define DRAWS 20000

static int ascending(const void *a, const void *b)
{
    double x = *(const double *)a, y = *(const double *)b;
    return (x > y) - (x < y);
}

/* Kolmogorov-Smirnov; for counts at the values that occur, which only lowers the statistic. */
static void test_draws(void **state)
{
    numc_context *context = *state;
    for (size_t i = 0; i < COUNT(cases); i++) {
        const dist_case *c = &cases[i];
        numc_scope(context) {
            const numc_array *p[3];
            for (int k = 0; k < c->parameters; k++)
                p[k] = numc_number(context, NUMC_FLOAT64, c->rows[c->row_count - 1].parameters[k]);
            numc_distribution *d = c->make(context, p);
            numc_array *draws = numc_distribution_sample(d, numc_random_key(context, 300 + i), NUMC_SHAPE(DRAWS));
            assert_ok(context);
            assert_int_equal(numc_array_dtype(draws), c->discrete ? NUMC_INT64 : NUMC_FLOAT64);
            assert_true(numc_item_bool(numc_all(numc_constraint_check(numc_distribution_support(d), draws))));
            double *x = values_of(draws);
            qsort(x, DRAWS, sizeof *x, ascending);
            numc_array *sorted = numc_from_host(context, NUMC_FLOAT64, NUMC_SHAPE(DRAWS), x);
            double *F = values_of(numc_distribution_cdf(d, sorted));
            double most = 0;
            for (int n = 0; n < DRAWS; n++) {
                bool last = n == DRAWS - 1 || x[n + 1] != x[n];
                if (last)
                    most = fmax(most, fabs((double)(n + 1) / DRAWS - F[n]));
                if (!c->discrete)
                    most = fmax(most, fabs((double)n / DRAWS - F[n]));
            }
            if (!(sqrt((double)DRAWS) * most < 2.70))
                fail_msg("%s: sqrt(n) D = %g", c->name, sqrt((double)DRAWS) * most);
            free(x), free(F);
        }
        assert_ok(context);
    }
}

static void test_shapes(void **state)
{
    numc_context *context = *state;
    numc_array *loc = counting(context, NUMC_INT64, NUMC_SHAPE(3, 1));
    numc_array *scale = numc_ones(context, NUMC_FLOAT64, NUMC_SHAPE(4));
    numc_distribution *d = numc_normal(context, loc, scale);
    assert_ok(context);
    assert_int_equal(numc_distribution_batch_shape(d).count, 2);
    assert_int_equal(numc_distribution_batch_shape(d).values[0], 3);
    assert_int_equal(numc_distribution_batch_shape(d).values[1], 4);
    assert_int_equal(numc_distribution_event_shape(d).count, 0);
    assert_int_equal(numc_distribution_dtype(d), NUMC_FLOAT64);
    assert_shape(numc_distribution_sample(d, numc_random_key(context, 1), NUMC_SHAPE(2)), 3, (const int64_t[]){2, 3, 4});
    assert_shape(numc_distribution_log_prob(d, 0.5), 2, (const int64_t[]){3, 4});
    assert_shape(numc_distribution_log_prob(d, numc_zeros(context, NUMC_FLOAT64, NUMC_SHAPE(5, 1, 4))), 3, (const int64_t[]){5, 3, 4});
    assert_shape(numc_distribution_mean(d), 2, (const int64_t[]){3, 4});
    assert_shape(numc_distribution_variance(d), 2, (const int64_t[]){3, 4});
    /* a value with fewer axes than the batch, and numbers */
    numc_distribution *standard = numc_normal(context, 0, 1);
    assert_values_within(numc_distribution_log_prob(standard, 0), (const double[]){-0.9189385332046727}, 1, 1e-16, "normal at 0");
    assert_int_equal(numc_array_dtype(numc_distribution_sample(standard, numc_random_key(context, 1), NUMC_SCALAR)), NUMC_FLOAT64);
    /* float32 stays float32, with numbers for the other parameters */
    numc_array *single = numc_ones(context, NUMC_FLOAT32, NUMC_SHAPE(2));
    numc_distribution *narrow = numc_gamma(context, 2, single);
    assert_int_equal(numc_distribution_dtype(narrow), NUMC_FLOAT32);
    assert_int_equal(numc_array_dtype(numc_distribution_log_prob(narrow, single)), NUMC_FLOAT32);
    assert_int_equal(numc_array_dtype(numc_distribution_log_prob(standard, single)), NUMC_FLOAT32);
    assert_ok(context);
    assert_null(numc_distribution_log_prob(d, numc_zeros(context, NUMC_FLOAT64, NUMC_SHAPE(5))));
    assert_error(context, NUMC_SHAPE, "float64[5]");
}

static void test_parameter_errors(void **state)
{
    numc_context *context = *state;
    assert_null(numc_normal(context, 0, -1));
    assert_error(context, NUMC_VALUE, "normal: scale = -1 is not positive");
    assert_null(numc_normal(context, (double)NAN, 1));
    assert_error(context, NUMC_VALUE, "normal: loc = nan is not finite");
    assert_null(numc_gamma(context, numc_from_host(context, NUMC_FLOAT64, NUMC_SHAPE(2, 2), ((double[]){1, 2, 0, 4})), 1));
    assert_error(context, NUMC_VALUE, "gamma: concentration[1, 0] = 0 is not positive");
    assert_null(numc_bernoulli(context, 1.5));
    assert_error(context, NUMC_VALUE, "bernoulli: probability = 1.5 is not in [0, 1]");
    assert_null(numc_binomial(context, 2.5, 0.5));
    assert_error(context, NUMC_VALUE, "binomial: trials = 2.5 is not a whole number");
    assert_null(numc_uniform(context, 2, 1));
    assert_error(context, NUMC_VALUE, "uniform: high = 1 is not above low = 2");
    assert_null(numc_normal(context, numc_zeros(context, NUMC_FLOAT64, NUMC_SHAPE(2)), numc_ones(context, NUMC_FLOAT64, NUMC_SHAPE(3))));
    assert_error(context, NUMC_SHAPE, "normal");
    assert_null(numc_normal(context, (numc_array *)NULL, 1));
    assert_error(context, NUMC_INVALID_ARGUMENT, "normal: loc is NULL");
    numc_array *lows = numc_from_host(context, NUMC_FLOAT64, NUMC_SHAPE(2), ((double[]){0, 4}));
    assert_null(numc_uniform(context, lows, 3));
    assert_error(context, NUMC_VALUE, "uniform: high = 3 is not above low[1] = 4");
    numc_array *highs = numc_from_host(context, NUMC_FLOAT64, NUMC_SHAPE(3), ((double[]){5, 6, 2}));
    assert_null(numc_uniform(context, numc_reshape(lows, NUMC_SHAPE(2, 1)), highs));
    assert_error(context, NUMC_VALUE, "uniform: high[2] = 2 is not above low[1, 0] = 4");
    assert_null(numc_constraint_interval(context, 3, 2));
    assert_error(context, NUMC_VALUE, "the lower bound 3 is not below the upper bound 2");
}

/* Edges that the formulas could miss: 0 log 0, probabilities 0 and 1, rates of 0, densities at the end of the support. */
static void test_edges(void **state)
{
    numc_context *context = *state;
#define LOG_PROB(d, x) numc_item(numc_distribution_log_prob(d, x))
#define CDF(d, x) numc_item(numc_distribution_cdf(d, x))
    assert_true(LOG_PROB(numc_bernoulli(context, 0), 0) == 0);
    assert_true(LOG_PROB(numc_bernoulli(context, 0), 1) == -INFINITY);
    assert_true(LOG_PROB(numc_bernoulli(context, 1), 1) == 0);
    assert_true(LOG_PROB(numc_binomial(context, 0, 0.5), 0) == 0);
    for (int n = 1; n < 1000; n += 1 + n / 5) { /* log C(n, 0) and log C(n, n) are exactly 0 */
        assert_true(LOG_PROB(numc_binomial(context, n, 0), 0) == 0);
        assert_true(LOG_PROB(numc_binomial(context, n, 1), n) == 0);
        assert_true(LOG_PROB(numc_binomial_logits(context, n, -1000.0), 0) == 0);
    }
    assert_true(LOG_PROB(numc_binomial(context, 3, 0), 1) == -INFINITY);
    assert_true(LOG_PROB(numc_poisson(context, 0), 0) == 0);
    assert_true(LOG_PROB(numc_poisson(context, 0), 2) == -INFINITY);
    assert_true(LOG_PROB(numc_beta(context, 1, 1), 0) == 0);
    assert_true(LOG_PROB(numc_beta(context, 2, 1), 0) == -INFINITY);
    assert_true(LOG_PROB(numc_beta(context, 0.5, 1), 0) == INFINITY);
    assert_true(LOG_PROB(numc_exponential(context, 2), 0) == log(2.0));
    assert_true(LOG_PROB(numc_normal(context, 0, 1), (double)INFINITY) == -INFINITY);
    assert_true(LOG_PROB(numc_normal(context, 0, (double)INFINITY), 1) == -INFINITY);
    assert_true(CDF(numc_exponential(context, 2), -1) == 0);
    assert_true(CDF(numc_gamma(context, 2, 1), -1) == 0);
    assert_true(CDF(numc_inverse_gamma(context, 2, 1), -1) == 0);
    assert_true(CDF(numc_log_normal(context, 0, 1), -1) == 0);
    assert_true(CDF(numc_half_cauchy(context, 1), -1) == 0);
    assert_true(CDF(numc_beta(context, 2, 3), 1.5) == 1);
    assert_true(CDF(numc_uniform(context, 0, 2), 3) == 1);
    assert_true(CDF(numc_poisson(context, 2), -0.5) == 0);
    assert_true(CDF(numc_binomial(context, 4, 0.5), 4.5) == 1);
    assert_true(CDF(numc_binomial(context, 4, 0.5), -1) == 0);
    assert_true(CDF(numc_bernoulli(context, 0.25), 0.5) == 0.75);
    assert_true(CDF(numc_student_t(context, 3, 0, 1), (double)-INFINITY) == 0);
    assert_ok(context);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(test_log_prob),        TEST(test_cdf),
        TEST(test_icdf),            TEST(test_moments),
        TEST(test_gradients),       TEST(test_outside_and_nan),
        TEST(test_infinities),      TEST(test_logistic_slopes),
        TEST(test_traced_parameter_outside), TEST(test_draws),
        TEST(test_shapes),          TEST(test_parameter_errors),
        TEST(test_edges),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
