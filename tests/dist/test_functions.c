/* Distribution functions, quantiles and moments that are not in the tables: through bijectors and wrappers, of classes and counts,
 * Student's t with many degrees; and what the messages for wrong constants say.
 *
 * Limits: values in closed form are compared at a few eps of 1 + |value|, stated at each check. */
#include "../array/fixture.h"
#include "numc/dist.h"
#include "numc/function.h"
#include "numc/random.h"
#include "numc/special.h"

#define EPS 0x1p-52

static numc_array *vector(numc_context *context, int64_t n, const double *values)
{
    return numc_from_host(context, NUMC_FLOAT64, NUMC_SHAPE(n), values);
}

/* got and want, element by element, within tolerance (1 + |want|) */
static void assert_same(numc_context *context, numc_array *got, numc_array *want, double tolerance, const char *what)
{
    assert_ok(context);
    double *values = values_of(want);
    assert_values_within(got, values, numc_array_size(want), tolerance, what);
    free(values);
}

/* ---- bijectors ---------------------------------------------------------------------------------------------------------------------- */

static numc_bijector *chain(const numc_bijector *first, const numc_bijector *second)
{
    const numc_bijector *parts[2] = {first, second};
    return numc_bijector_compose(parts, 2);
}

static void direction_of_traced(numc_context *context, const numc_array *const *inputs, int32_t input_count, numc_array **outputs,
                                int32_t output_count, void *user)
{
    (void)input_count, (void)output_count;
    *(numc_direction *)user = numc_bijector_direction(numc_bijector_affine(context, 1, inputs[0]));
    outputs[0] = numc_positive(inputs[0]);
}

static void test_direction(void **state)
{
    numc_context *context = *state;
    numc_bijector *up = numc_bijector_affine(context, 1, 2), *down = numc_bijector_affine(context, 1, -2);
    numc_bijector *mixed = numc_bijector_affine(context, 0, vector(context, 2, ((double[]){1, -1})));
    const struct { numc_bijector *b; numc_direction direction; } cases[] = {
        {numc_bijector_identity(context), NUMC_DIRECTION_INCREASING},
        {numc_bijector_exp(context), NUMC_DIRECTION_INCREASING},
        {numc_bijector_sigmoid(context), NUMC_DIRECTION_INCREASING},
        {numc_bijector_softplus(context), NUMC_DIRECTION_INCREASING},
        {up, NUMC_DIRECTION_INCREASING},
        {down, NUMC_DIRECTION_DECREASING},
        {mixed, NUMC_DIRECTION_EITHER},
        {numc_bijector_inverse(down), NUMC_DIRECTION_DECREASING},
        {numc_bijector_inverse(numc_bijector_exp(context)), NUMC_DIRECTION_INCREASING},
        {chain(down, numc_bijector_exp(context)), NUMC_DIRECTION_DECREASING},
        {chain(down, down), NUMC_DIRECTION_INCREASING},
        {numc_bijector_inverse(chain(numc_bijector_exp(context), down)), NUMC_DIRECTION_DECREASING},
        {chain(down, mixed), NUMC_DIRECTION_EITHER},
        {numc_bijector_to(numc_constraint_less_than(context, 3)), NUMC_DIRECTION_DECREASING},
        {numc_bijector_to(numc_constraint_interval(context, 1, 3)), NUMC_DIRECTION_INCREASING},
        {numc_bijector_to(numc_constraint_simplex(context)), NUMC_DIRECTION_NONE},
        {numc_bijector_to(numc_constraint_lower_cholesky(context)), NUMC_DIRECTION_NONE},
        {NULL, NUMC_DIRECTION_NONE}};
    assert_ok(context);
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++)
        if (numc_bijector_direction(cases[i].b) != cases[i].direction)
            fail_msg("bijector %zu: direction %d", i, (int)numc_bijector_direction(cases[i].b));
    numc_direction traced = NUMC_DIRECTION_NONE;
    const numc_array *scale = numc_number(context, NUMC_FLOAT64, -3);
    numc_function_free(numc_function_trace(context, direction_of_traced, &traced, &scale, 1, 1));
    assert_ok(context);
    assert_int_equal(traced, NUMC_DIRECTION_EITHER);
}

/* ---- transformed -------------------------------------------------------------------------------------------------------------------- */

/* exp of a normal is log-normal, a reflected exponential by hand, an affine of a normal is normal; the ends and beyond. */
static void test_transformed_functions(void **state)
{
    numc_context *context = *state;
    numc_array *y = vector(context, 8, ((double[]){-INFINITY, -1, 0, 1e-300, 0.3, 2, 1e300, INFINITY}));
    numc_array *p = vector(context, 7, ((double[]){0, 1e-12, 0.1, 0.5, 0.9, 1, 1.5}));
    numc_distribution *d = numc_transformed(numc_normal(context, 0.5, 2), numc_bijector_exp(context));
    numc_distribution *want = numc_log_normal(context, 0.5, 2);
    assert_same(context, numc_distribution_cdf(d, y), numc_distribution_cdf(want, y), 4 * EPS, "log-normal cdf");
    assert_same(context, numc_distribution_icdf(d, p), numc_distribution_icdf(want, p), 4 * EPS, "log-normal icdf");
    /* 1 / that, with 1/y = exp(-log y): loc changes its sign */
    d = numc_transformed(numc_normal(context, 0.5, 2), chain(numc_bijector_affine(context, 0, -1), numc_bijector_exp(context)));
    want = numc_log_normal(context, -0.5, 2);
    assert_same(context, numc_distribution_cdf(d, y), numc_distribution_cdf(want, y), 4 * EPS, "falling cdf");
    assert_values(numc_distribution_cdf(d, vector(context, 3, ((double[]){-1, 0, INFINITY}))), 0, 0, 1);
    assert_same(context, numc_distribution_icdf(d, vector(context, 3, ((double[]){0.1, 0.5, 1}))),
                numc_distribution_icdf(want, vector(context, 3, ((double[]){0.1, 0.5, 1}))), 16 * EPS, "falling icdf");
    /* y = 1 - 2 x, x exponential with rate 3: F(y) = exp(-3 (1 - y) / 2) below 1 */
    d = numc_transformed(numc_exponential(context, 3), numc_bijector_affine(context, 1, -2));
    const double F[] = {exp(-4.5), exp(-1.5), 1, 1}, back[] = {1 + 2 * log(0.2) / 3, 1, -INFINITY};
    assert_values_within(numc_distribution_cdf(d, vector(context, 4, ((double[]){-2, 0, 1, 2}))), F, 4, 4 * EPS, "reflected cdf");
    assert_values_within(numc_distribution_icdf(d, vector(context, 3, ((double[]){0.2, 1, 0}))), back, 3, 4 * EPS, "reflected icdf");
    assert_values_within(numc_distribution_mean(d), (const double[]){1 - 2.0 / 3}, 1, 2 * EPS, "mean");
    assert_values_within(numc_distribution_variance(d), (const double[]){4.0 / 9}, 1, 2 * EPS, "variance");
    /* one element rises, one falls */
    d = numc_transformed(numc_normal(context, 1, 2), numc_bijector_affine(context, 3, vector(context, 2, ((double[]){2, -0.5}))));
    want = numc_normal(context, vector(context, 2, ((double[]){5, 2.5})), vector(context, 2, ((double[]){4, 1})));
    assert_same(context, numc_distribution_cdf(d, 3.7), numc_distribution_cdf(want, 3.7), 4 * EPS, "mixed cdf");
    assert_same(context, numc_distribution_icdf(d, 0.3), numc_distribution_icdf(want, 0.3), 8 * EPS, "mixed icdf");
    assert_same(context, numc_distribution_mean(d), numc_distribution_mean(want), 0, "mixed mean");
    assert_same(context, numc_distribution_variance(d), numc_distribution_variance(want), 0, "mixed variance");
    /* affine maps undone and put together: x -> (x - 1)/4 -> 3 - 2 that -> 5 - that */
    numc_bijector *b = chain(numc_bijector_inverse(numc_bijector_affine(context, 1, 4)), numc_bijector_affine(context, 3, -2));
    d = numc_transformed(numc_transformed(numc_gamma(context, 2, 1), b), numc_bijector_affine(context, 5, -1));
    assert_values_within(numc_distribution_mean(d), (const double[]){5 - (3 - 2 * 0.25)}, 1, 2 * EPS, "chain mean");
    assert_values_within(numc_distribution_variance(d), (const double[]){2 * 0.25}, 1, 2 * EPS, "chain variance");
    /* y = 2 + (x - 1)/2 */
    assert_same(context, numc_distribution_cdf(d, 4.5), numc_distribution_cdf(numc_gamma(context, 2, 1), 6), 4 * EPS, "chain cdf");
    /* logit of a beta; and back again through a region with two ends */
    d = numc_transformed(numc_beta(context, 2, 3), numc_bijector_inverse(numc_bijector_sigmoid(context)));
    assert_same(context, numc_distribution_cdf(d, -0.4), numc_distribution_cdf(numc_beta(context, 2, 3), 1 / (1 + exp(0.4))),
                4 * EPS, "logit");
    d = numc_transformed(numc_logistic(context, 0, 1), numc_bijector_to(numc_constraint_interval(context, -1, 3)));
    assert_values_within(numc_distribution_cdf(d, vector(context, 6, ((double[]){-2, -1, 0, 2, 3, 4}))),
                         (const double[]){0, 0, 0.25, 0.75, 1, 1}, 6, 4 * EPS, "uniform again");
    d = numc_transformed(numc_logistic(context, 0, 1), chain(numc_bijector_sigmoid(context), numc_bijector_affine(context, 3, -4)));
    assert_values_within(numc_distribution_cdf(d, vector(context, 6, ((double[]){-2, -1, 0, 2, 3, 4}))),
                         (const double[]){0, 0, 0.25, 0.75, 1, 1}, 6, 4 * EPS, "uniform upside down");
    /* vectors: moments of affine maps */
    numc_array *loc = vector(context, 2, ((double[]){1, 2}));
    d = numc_transformed(numc_independent(numc_normal(context, loc, 1), 1), numc_bijector_affine(context, loc, -3));
    assert_values(numc_distribution_mean(d), -2, -4);
    assert_values(numc_distribution_variance(d), 9, 9);
    assert_null(numc_distribution_cdf(d, loc));
    assert_error(context, NUMC_UNSUPPORTED, "transformed has no cdf: bijector affine of independent is not a monotone map of the line");
    d = numc_transformed(numc_normal(context, 0, 1), numc_bijector_softplus(context));
    assert_null(numc_distribution_mean(d));
    assert_error(context, NUMC_UNSUPPORTED, "transformed has no mean: bijector softplus of normal is not affine");
    assert_null(numc_distribution_variance(d));
    assert_error(context, NUMC_UNSUPPORTED, "transformed has no variance");
    assert_null(numc_distribution_icdf(numc_transformed(numc_delta(context, 1.0, 0), numc_bijector_exp(context)), 0.5));
    assert_error(context, NUMC_UNSUPPORTED, "delta has no icdf");
    assert_null(numc_distribution_cdf(numc_transformed(numc_delta(context, 1.0, 0), numc_bijector_affine(context, 0, -1)), 0.5));
    assert_error(context, NUMC_UNSUPPORTED, "is not increasing");
    assert_values(numc_distribution_cdf(numc_transformed(numc_delta(context, 1.0, 0), numc_bijector_affine(context, 0, 2)), 2), 1);
}

/* d/dy of the cdf is the density, d/dscale for y = scale x of a normal is -y/scale phi(y/scale)/scale; nothing is NaN at or beyond
 * an end, in the value or in a latent scale of either sign. */
static void total_cdf(numc_context *context, const numc_array *const *inputs, int32_t input_count, numc_array **outputs,
                      int32_t output_count, void *user)
{
    (void)input_count, (void)output_count;
    numc_bijector *b = numc_bijector_affine(context, 0, inputs[0]);
    if (*(const bool *)user)
        b = chain(b, numc_bijector_exp(context));
    outputs[0] = numc_sum(numc_distribution_cdf(numc_transformed(numc_normal(context, 0, 1), b), inputs[1]));
}

static void test_transformed_gradient(void **state)
{
    numc_context *context = *state;
    static const double scales[] = {2, -2};
    for (int i = 0; i < 4; i++) {
        bool exponential = i >= 2;
        double scale = scales[i % 2], y = exponential ? exp(0.6) : 0.6;
        const numc_array *inputs[2] = {numc_number(context, NUMC_FLOAT64, scale), vector(context, 3, ((double[]){y, -1, 0}))};
        if (!exponential)
            inputs[1] = vector(context, 1, &y);
        numc_array *outputs[3];
        numc_function *f = numc_function_trace(context, total_cdf, &exponential, inputs, 2, 1);
        numc_function *gradient = numc_function_value_and_gradient(context, f);
        numc_function_call(context, gradient, inputs, 2, outputs, 3);
        assert_ok(context);
        const double phi = exp(-0.3 * 0.3 / 2) / sqrt(2 * 3.141592653589793);
        const double value = 0.5 * erfc(-0.3 / sqrt(2.0)), slope = -0.3 * phi / scale;
        const double slopes[] = {phi / 2 / (exponential ? y : 1), 0, 0};
        assert_values_within(outputs[0], &value, 1, 8 * EPS, "cdf");
        assert_values_within(outputs[1], &slope, 1, 8 * EPS, "d/dscale");
        assert_values_within(outputs[2], slopes, exponential ? 3 : 1, 8 * EPS, "d/dy");
        numc_function_free(gradient);
        numc_function_free(f);
    }
}

/* ---- wrappers ------------------------------------------------------------------------------------------------------------------------ */

static void test_wrapped_functions(void **state)
{
    numc_context *context = *state;
    numc_distribution *base = numc_gamma(context, vector(context, 2, ((double[]){2, 5})), 2);
    numc_distribution *wide = numc_expanded(base, NUMC_SHAPE(3, 2));
    numc_distribution *hidden = numc_masked(base, numc_from_host(context, NUMC_BOOL, NUMC_SHAPE(2), ((bool[]){true, false})));
    numc_distribution *joint = numc_independent(base, 1);
    const numc_distribution *all[] = {wide, hidden};
    for (int i = 0; i < 2; i++) {
        numc_shape shape = numc_distribution_batch_shape(all[i]);
        assert_same(context, numc_distribution_mean(all[i]), numc_broadcast_to(numc_distribution_mean(base), shape), 0, "mean");
        assert_same(context, numc_distribution_variance(all[i]), numc_broadcast_to(numc_distribution_variance(base), shape), 0,
                    "variance");
        assert_same(context, numc_distribution_cdf(all[i], 1.5), numc_broadcast_to(numc_distribution_cdf(base, 1.5), shape), 0, "cdf");
        assert_same(context, numc_distribution_icdf(all[i], 0.3), numc_broadcast_to(numc_distribution_icdf(base, 0.3), shape), 0, "icdf");
    }
    assert_values(numc_distribution_mean(joint), 1, 2.5);
    assert_values(numc_distribution_variance(joint), 0.5, 1.25);
    assert_null(numc_distribution_cdf(joint, vector(context, 2, ((double[]){1, 1}))));
    assert_error(context, NUMC_UNSUPPORTED, "independent has no cdf");
}

/* ---- classes and counts --------------------------------------------------------------------------------------------------------------- */

static void test_categorical_functions(void **state)
{
    numc_context *context = *state;
    numc_distribution *d = numc_categorical(vector(context, 4, ((double[]){0.125, 0.5, 0, 0.375})));
    /* mean 0.5 + 3 * 0.375 = 1.625; E k^2 = 0.5 + 9 * 0.375 = 3.875: exact in binary */
    assert_values(numc_distribution_mean(d), 1.625);
    assert_values(numc_distribution_variance(d), 3.875 - 1.625 * 1.625);
    numc_array *y = vector(context, 9, ((double[]){-INFINITY, -0.5, 0, 0.5, 1, 2, 3, INFINITY, NAN}));
    assert_values(numc_distribution_cdf(d, y), 0, 0, 0.125, 0.125, 0.625, 0.625, 1, 1, NAN);
    assert_values(numc_distribution_cdf(d, numc_from_host(context, NUMC_INT64, NUMC_SHAPE(3), ((int64_t[]){-1, 1, 7}))), 0, 0.625, 1);
    numc_array *p = vector(context, 9, ((double[]){0, 0.125, 0.126, 0.625, 0.626, 1, -0.5, 1.5, NAN}));
    assert_values(numc_distribution_icdf(d, p), 0, 0, 1, 1, 3, 3, NAN, NAN, NAN);
    /* a batch, through logits */
    const double logits[] = {0, log(2.0), log(5.0), 0, 0, 0};
    d = numc_categorical_logits(numc_from_host(context, NUMC_FLOAT64, NUMC_SHAPE(2, 3), logits));
    assert_values_within(numc_distribution_mean(d), (const double[]){12.0 / 8, 1}, 2, 4 * EPS, "mean");
    assert_values_within(numc_distribution_variance(d), (const double[]){22.0 / 8 - 2.25, 2.0 / 3}, 2, 8 * EPS, "variance");
    assert_values_within(numc_distribution_cdf(d, 1), (const double[]){3.0 / 8, 2.0 / 3}, 2, 4 * EPS, "cdf");
    assert_values(numc_distribution_icdf(d, 0.4), 2, 1);
    assert_shape(numc_distribution_cdf(d, numc_zeros(context, NUMC_FLOAT64, NUMC_SHAPE(5, 1))), 2, (const int64_t[]){5, 2});
    assert_shape(numc_distribution_icdf(d, numc_zeros(context, NUMC_FLOAT64, NUMC_SHAPE(5, 1))), 2, (const int64_t[]){5, 2});
    assert_ok(context);
}

/* icdf(F(k)) is k and that of the next double k+1, or more where F does not grow. */
static void test_counts_back(void **state)
{
    numc_context *context = *state;
    const struct { numc_distribution *d; double first, most; } cases[] = {
        {numc_poisson(context, 3.5), 0, 20}, {numc_poisson(context, 1e6), 999990, INFINITY},
        {numc_poisson_log(context, 14), 1202600, INFINITY}, {numc_binomial(context, 12, 0.4), 0, 12},
        {numc_binomial(context, 1e9, 0.25), 249999990, 1e9}, {numc_binomial_logits(context, 30, -0.5), 0, 30}};
    assert_ok(context);
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        double k[12], F[12], up[12];
        for (int j = 0; j < 12; j++)
            k[j] = cases[i].first + j;
        double *got = values_of(numc_distribution_cdf(cases[i].d, vector(context, 12, k)));
        memcpy(F, got, sizeof F);
        free(got);
        for (int j = 0; j < 12; j++)
            up[j] = nextafter(F[j], 2);
        assert_values_within(numc_distribution_icdf(cases[i].d, vector(context, 12, F)), k, 12, 0, "icdf of cdf");
        for (int j = 0; j < 12; j++)
            k[j] += 1;
        assert_values_within(numc_distribution_icdf(cases[i].d, vector(context, 12, up)), k, 12, 0, "icdf above cdf");
    }
    assert_values(numc_distribution_icdf(numc_poisson(context, 3.5), vector(context, 4, ((double[]){0, 1, -1, NAN}))), 0, INFINITY, NAN, NAN);
    assert_values(numc_distribution_icdf(numc_poisson(context, 0), 0.5), 0);
    assert_values(numc_distribution_icdf(numc_binomial(context, 7, 0.5), vector(context, 3, ((double[]){0, 1, 0.4}))), 0, 7, 3);
    assert_values(numc_distribution_icdf(numc_binomial(context, vector(context, 2, ((double[]){0, 5})), 1), 0.5), 0, 5);
    assert_shape(numc_distribution_icdf(numc_poisson(context, vector(context, 2, ((double[]){1, 2}))),
                                        numc_full(context, NUMC_FLOAT64, NUMC_SHAPE(3, 1), 0.5)), 2, (const int64_t[]){3, 2});
    assert_ok(context);
}

/* ---- Student's t towards the normal ----------------------------------------------------------------------------------------------- */

static void t_total(numc_context *context, const numc_array *const *inputs, int32_t input_count, numc_array **outputs,
                    int32_t output_count, void *user)
{
    (void)input_count, (void)output_count, (void)user;
    outputs[0] = numc_sum(numc_distribution_log_prob(numc_student_t(context, inputs[0], inputs[1], 2), 2.5));
}

static void test_infinite_degrees(void **state)
{
    numc_context *context = *state;
    numc_array *x = vector(context, 7, ((double[]){-1e6, -9, 0.5, 1, 1 + 1e-12, 30, INFINITY}));
    numc_array *p = vector(context, 6, ((double[]){0, 1e-200, 0.2, 0.5, 0.9, 1}));
    numc_distribution *t = numc_student_t(context, (double)INFINITY, 1, 2), *normal = numc_normal(context, 1, 2);
    assert_ok(context);
    assert_same(context, numc_distribution_log_prob(t, x), numc_distribution_log_prob(normal, x), 4 * EPS, "log_prob");
    assert_same(context, numc_distribution_cdf(t, x), numc_distribution_cdf(normal, x), 0, "cdf");
    assert_same(context, numc_distribution_icdf(t, p), numc_distribution_icdf(normal, p), 0, "icdf");
    assert_values(numc_distribution_mean(t), 1);
    assert_values(numc_distribution_variance(t), 4);
    /* 4000 draws: the mean is within 5 / sqrt(4000) standard errors (false-alarm rate 6e-7), all are finite */
    numc_array *draws = numc_distribution_sample(t, numc_random_key(context, 3), NUMC_SHAPE(4000));
    assert_true(numc_item_bool(numc_all(numc_isfinite(draws))));
    assert_true(fabs(numc_item(numc_mean(draws)) - 1) < 2 * 5 / sqrt(4000.0));
    /* below the change: 1e16 degrees differ from the normal by less than z^4 / 4e16 of the kernel */
    numc_distribution *many = numc_student_t(context, 1e16, 1, 2);
    numc_array *near = vector(context, 4, ((double[]){-9, 0.5, 1, 5}));
    assert_same(context, numc_distribution_log_prob(many, near), numc_distribution_log_prob(normal, near), 32 * EPS, "1e16 degrees");
    /* a batch with one infinite entry leaves the other alone */
    numc_distribution *both = numc_student_t(context, vector(context, 2, ((double[]){INFINITY, 3})), 1, 2);
    double *pair = values_of(numc_distribution_log_prob(both, 2.5));
    assert_true(fabs(pair[0] - numc_item(numc_distribution_log_prob(normal, 2.5))) < 4 * EPS);
    assert_true(pair[1] == numc_item(numc_distribution_log_prob(numc_student_t(context, 3, 1, 2), 2.5)));
    free(pair);
    /* traced: the slope in the degrees is 0, in loc z / scale */
    const numc_array *inputs[2] = {numc_number(context, NUMC_FLOAT64, (double)INFINITY), numc_number(context, NUMC_FLOAT64, 1)};
    numc_array *outputs[3];
    numc_function *f = numc_function_trace(context, t_total, NULL, inputs, 2, 1);
    numc_function *gradient = numc_function_value_and_gradient(context, f);
    numc_function_call(context, gradient, inputs, 2, outputs, 3);
    assert_ok(context);
    assert_values(outputs[1], 0);
    assert_values_within(outputs[2], (const double[]){0.375}, 1, 4 * EPS, "d/dloc");
    numc_function_free(gradient);
    numc_function_free(f);
}

/* ---- messages -------------------------------------------------------------------------------------------------------------------------- */

static void test_messages(void **state)
{
    numc_context *context = *state;
#define REFUSED(expression, text)                                                                  \
    do {                                                                                           \
        assert_null(expression);                                                                   \
        assert_error(context, NUMC_VALUE, text);                                                   \
    } while (0)
#define MATRIX(...) numc_from_host(context, NUMC_FLOAT64, NUMC_SHAPE(2, 2), ((double[]){__VA_ARGS__}))
    numc_array *two = vector(context, 2, ((double[]){0, 0}));
    REFUSED(numc_categorical(vector(context, 2, ((double[]){0.5, 0.4}))), "categorical: probabilities sums to 0.9, not 1");
    REFUSED(numc_categorical(vector(context, 2, ((double[]){1.25, -0.25}))),
            "categorical: probabilities has the entry -0.25 at 1: none may be below 0");
    REFUSED(numc_categorical(MATRIX(0.5, 0.5, 0.5, 0.500002)), "categorical: probabilities[1] sums to 1.000002, not 1");
    REFUSED(numc_multivariate_normal_covariance(two, MATRIX(1, 0.6, 0.5, 1)),
            "multivariate_normal: covariance is not symmetric at (0, 1): 0.6 and 0.5");
    REFUSED(numc_multivariate_normal_precision(two, MATRIX(1, 2, 2, 1)), "multivariate_normal: precision is not positive definite");
    REFUSED(numc_multivariate_normal_cholesky(two, MATRIX(1, 0, 2, -1)),
            "multivariate_normal: scale_tril has a diagonal that is not positive: -1 at (1, 1)");
    REFUSED(numc_multivariate_normal_cholesky(two, MATRIX(1, 0, (double)NAN, 1)), "scale_tril is not all numbers: nan at (1, 0)");
    REFUSED(numc_dirichlet(vector(context, 2, ((double[]){1, 0}))), "dirichlet: concentration[1] = 0 is not positive");
    REFUSED(numc_poisson(context, -1), "poisson: rate = -1 is not at least 0");
    REFUSED(numc_student_t(context, 0, 0, 1), "student_t: degrees = 0 is not positive");
    REFUSED(numc_uniform(context, 2, 2), "uniform: high = 2 is not above low = 2");
    REFUSED(numc_normal(context, 0, vector(context, 2, ((double[]){1, NAN}))), "normal: scale[1] = nan is not positive");
    REFUSED(numc_bernoulli(context, vector(context, 2, ((double[]){1, -0.5}))), "bernoulli: probability[1] = -0.5 is not in [0, 1]");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(test_direction),          TEST(test_transformed_functions), TEST(test_transformed_gradient),
        TEST(test_wrapped_functions),  TEST(test_categorical_functions), TEST(test_counts_back),
        TEST(test_infinite_degrees),   TEST(test_messages),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
