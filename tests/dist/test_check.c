/* numc_distribution_check accepts the library's distributions and names what is wrong with deliberately broken ones; a user's own
 * distribution is a struct of callbacks. False-alarm rate of one accepted case below 1e-6 (KS 3e-8 per batch element). */
#include "../array/fixture.h"
#include "numc/dist.h"
#include "numc/random.h"
#include "numc/special.h"

static void accept(numc_context *context, const numc_distribution *d, const char *name)
{
    if (d == NULL || numc_distribution_check(d, 11) != NUMC_OK)
        fail_msg("%s: %s", name, numc_error_message(context));
}

static void test_accepts_scalar_events(void **state)
{
    numc_context *context = *state;
    numc_array *two = numc_from_host(context, NUMC_FLOAT64, NUMC_SHAPE(2), ((double[]){0.7, 3}));
#define ACCEPT(d)                                                                                  \
    numc_scope(context) accept(context, d, #d)
    ACCEPT(numc_normal(context, 1000, numc_multiply(two, 1e-3)));
    ACCEPT(numc_half_normal(context, two));
    ACCEPT(numc_log_normal(context, -3, two));
    ACCEPT(numc_cauchy(context, 4, two));
    ACCEPT(numc_half_cauchy(context, two));
    ACCEPT(numc_student_t(context, 3.5, two, 2));
    ACCEPT(numc_student_t(context, (double)INFINITY, two, 2));
    ACCEPT(numc_laplace(context, two, 0.2));
    ACCEPT(numc_logistic(context, -7, two));
    ACCEPT(numc_exponential(context, two));
    ACCEPT(numc_gamma(context, two, 4));
    ACCEPT(numc_inverse_gamma(context, two, 4));
    ACCEPT(numc_beta(context, two, 1.5));
    ACCEPT(numc_uniform(context, -2, two));
    ACCEPT(numc_bernoulli(context, 0.3));
    ACCEPT(numc_bernoulli_logits(context, two));
    ACCEPT(numc_binomial(context, 40, 0.3));
    ACCEPT(numc_binomial_logits(context, 300, two));
    ACCEPT(numc_poisson(context, numc_multiply(two, 20)));
    ACCEPT(numc_poisson_log(context, two));
    ACCEPT(numc_categorical(numc_from_host(context, NUMC_FLOAT64, NUMC_SHAPE(3), ((double[]){0.2, 0.5, 0.3}))));
    ACCEPT(numc_categorical_logits(numc_from_host(context, NUMC_FLOAT64, NUMC_SHAPE(2, 3), ((double[]){1, 2, 3, 0, 0, -1}))));
}

static void test_accepts_wrappers_and_vectors(void **state)
{
    numc_context *context = *state;
    numc_array *a = numc_from_host(context, NUMC_FLOAT64, NUMC_SHAPE(3), ((double[]){0.8, 2, 5}));
    numc_array *matrix = numc_from_host(context, NUMC_FLOAT64, NUMC_SHAPE(3, 3), ((double[]){4, 1, 0.5, 1, 3, -1, 0.5, -1, 2}));
    const numc_bijector *parts[2] = {numc_bijector_exp(context), numc_bijector_affine(context, 1, a)};
    ACCEPT(numc_expanded(numc_gamma(context, 2, 3), NUMC_SHAPE(2, 2)));
    ACCEPT(numc_transformed(numc_normal(context, 0.5, 0.6), numc_bijector_exp(context)));
    ACCEPT(numc_transformed(numc_normal(context, 0.5, 0.6), numc_bijector_compose(parts, 2)));
    ACCEPT(numc_transformed(numc_gamma(context, 2, 3), numc_bijector_affine(context, 1, -2)));
    ACCEPT(numc_transformed(numc_beta(context, 2, 3), numc_bijector_inverse(numc_bijector_sigmoid(context))));
    ACCEPT(numc_independent(numc_normal(context, a, 1), 1));
    ACCEPT(numc_dirichlet(a));
    ACCEPT(numc_multivariate_normal_covariance(a, matrix));
    ACCEPT(numc_multivariate_normal_precision(a, matrix));
    ACCEPT(numc_multivariate_normal_cholesky(a, numc_linalg_cholesky(matrix)));
    ACCEPT(numc_transformed(numc_independent(numc_normal(context, a, 1), 1), numc_bijector_to(numc_constraint_ordered(context))));
    assert_int_equal(numc_distribution_check(numc_improper_uniform(numc_constraint_positive(context), NUMC_SCALAR), 1), NUMC_VALUE);
    assert_error(context, NUMC_VALUE, "improper_uniform: the density integrates to");
}

/* ---- a user's own: the Kumaraswamy distribution, F(x) = 1 - (1 - x^a)^b on [0, 1] --------------------------------------------- */

static numc_constraint *unit_interval(const numc_distribution *d)
{
    return numc_constraint_unit_interval(numc_distribution_context(d));
}

static numc_constraint *positive(const numc_distribution *d)
{
    return numc_constraint_positive(numc_distribution_context(d));
}

#define A numc_distribution_parameter(d, 0)
#define B numc_distribution_parameter(d, 1)

static numc_array *log_prob(const numc_distribution *d, const numc_array *x)
{
    numc_array *log_x = numc_log(x);
    numc_array *rest = numc_special_log1mexp(numc_multiply(A, log_x)); /* log(1 - x^a) */
    numc_array *kernel = numc_add(numc_multiply(numc_subtract(A, 1), log_x), numc_multiply(numc_subtract(B, 1), rest));
    return numc_add(kernel, numc_log(numc_multiply(A, B)));
}

static numc_array *cdf(const numc_distribution *d, const numc_array *x)
{
    numc_array *inside = numc_clip(x, 0.0, 1.0);
    return numc_subtract(1, numc_pow(numc_subtract(1, numc_pow(inside, A)), B));
}

static numc_array *icdf(const numc_distribution *d, const numc_array *p)
{
    return numc_pow(numc_subtract(1, numc_pow(numc_subtract(1, p), numc_reciprocal(B))), numc_reciprocal(A));
}

static numc_array *sample(const numc_distribution *d, const numc_array *key, numc_shape shape)
{
    return icdf(d, numc_random_uniform(key, NUMC_DTYPE_DEFAULT, shape, 0, 1));
}

/* b B(1 + 1/a, b) */
static numc_array *mean(const numc_distribution *d)
{
    return numc_multiply(B, numc_exp(numc_special_betaln(numc_add(numc_reciprocal(A), 1), B)));
}

static const numc_parameter_rule rules[] = {{"a", numc_constraint_positive_, 0}, {"b", numc_constraint_positive_, 0}};
static const numc_distribution_class kumaraswamy = {
    .size = sizeof(numc_distribution_class), .name = "kumaraswamy", .parameter_count = 2, .parameters = rules,
    .support = unit_interval, .log_prob = log_prob, .sample = sample, .mean = mean, .cdf = cdf, .icdf = icdf};

static numc_array *log_prob_not_normalised(const numc_distribution *d, const numc_array *x)
{
    return numc_add(log_prob(d, x), 0.1);
}

static numc_array *log_prob_without_gradient(const numc_distribution *d, const numc_array *x)
{
    return log_prob(d, numc_stop_gradient(x));
}

static numc_array *cdf_wrong(const numc_distribution *d, const numc_array *x)
{
    return numc_square(cdf(d, x));
}

static numc_array *icdf_wrong(const numc_distribution *d, const numc_array *p)
{
    return numc_square(icdf(d, p));
}

static numc_array *sample_wrong(const numc_distribution *d, const numc_array *key, numc_shape shape)
{
    return numc_sqrt(sample(d, key, shape));
}

static numc_array *sample_outside(const numc_distribution *d, const numc_array *key, numc_shape shape)
{
    return numc_multiply(sample(d, key, shape), 2);
}

static numc_array *sample_of_one(const numc_distribution *d, const numc_array *key, numc_shape shape)
{
    (void)shape;
    return sample(d, key, NUMC_SCALAR);
}

static numc_array *mean_wrong(const numc_distribution *d)
{
    return numc_multiply(mean(d), 1.01);
}

static numc_array *variance_wrong(const numc_distribution *d)
{
    return mean(d);
}

static numc_distribution *make(numc_context *context, const numc_distribution_class *kind)
{
    return numc_distribution_new(context, kind, NULL, NUMC_OPERAND(2.5), NUMC_OPERAND(1.7));
}

static void test_own_distribution(void **state)
{
    numc_context *context = *state;
    numc_distribution *d = make(context, &kumaraswamy);
    accept(context, d, "kumaraswamy");
    assert_values_within(numc_distribution_cdf(d, 0.5), (const double[]){1 - pow(1 - pow(0.5, 2.5), 1.7)}, 1, 1e-15, "cdf");
    assert_true(numc_item(numc_distribution_log_prob(d, 1.5)) == -INFINITY);
    assert_null(numc_distribution_variance(d));
    assert_error(context, NUMC_UNSUPPORTED, "kumaraswamy has no variance");
    assert_null(numc_distribution_new(context, &kumaraswamy, NULL, NUMC_OPERAND(2.5), NUMC_OPERAND(-1)));
    assert_error(context, NUMC_VALUE, "kumaraswamy: b = -1 is not positive");
    assert_null(numc_distribution_new(context, &kumaraswamy, NULL, NUMC_OPERAND(2.5)));
    assert_error(context, NUMC_INVALID_ARGUMENT, "2 parameters are needed, 1 are given");
    numc_distribution_class empty = kumaraswamy;
    empty.log_prob = NULL;
    assert_null(make(context, &empty));
    assert_error(context, NUMC_INVALID_ARGUMENT, "kumaraswamy is not complete");
    /* inside wrappers */
    accept(context, numc_expanded(d, NUMC_SHAPE(3)), "expanded kumaraswamy");
}

static void test_finds_what_is_broken(void **state)
{
    numc_context *context = *state;
    numc_distribution_class broken;
#define FINDS(change, status, text)                                                                \
    do {                                                                                           \
        broken = kumaraswamy;                                                                      \
        change;                                                                                    \
        assert_int_equal(numc_distribution_check(make(context, &broken), 5), status);              \
        assert_error(context, status, text);                                                       \
    } while (0)
    FINDS(broken.log_prob = log_prob_not_normalised, NUMC_VALUE, "integrates to 1.10517, not 1");
    FINDS(broken.log_prob = log_prob_without_gradient, NUMC_VALUE, "the gradient of log_prob");
    FINDS(broken.cdf = cdf_wrong, NUMC_VALUE, "cdf(");
    FINDS(broken.icdf = icdf_wrong, NUMC_VALUE, "cdf(icdf(p))");
    FINDS(broken.sample = sample_wrong, NUMC_VALUE, "draws do not follow the density");
    FINDS(broken.sample = sample_outside, NUMC_VALUE, "draws lie outside the support");
    FINDS(broken.sample = sample_of_one, NUMC_SHAPE, "its sampler gave float64[]");
    FINDS(broken.mean = mean_wrong, NUMC_VALUE, "mean is");
    FINDS(broken.variance = variance_wrong, NUMC_VALUE, "variance is");
    FINDS(broken.support = positive, NUMC_VALUE, "log_prob is NaN at"); /* beyond 1 */
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(test_accepts_scalar_events),
        TEST(test_accepts_wrappers_and_vectors),
        TEST(test_own_distribution),
        TEST(test_finds_what_is_broken),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
