/* Categorical, Dirichlet and multivariate normal against values in closed form; wrappers: shapes, densities, draws, missing
 * values; delta and improper uniform; failing allocations. */
#include "../array/fixture.h"
#include "../base/sweep.h"
#include "numc/dist.h"
#include "numc/function.h"
#include "numc/random.h"
#include "numc/special.h"

#define LOG_2PI 1.8378770664093453

static numc_array *vector(numc_context *context, int64_t n, const double *values)
{
    return numc_from_host(context, NUMC_FLOAT64, NUMC_SHAPE(n), values);
}

static numc_array *square_matrix(numc_context *context, int64_t n, const double *values)
{
    return numc_from_host(context, NUMC_FLOAT64, NUMC_SHAPE(n, n), values);
}

static void assert_shapes(const numc_distribution *d, int32_t batch_rank, int32_t event_rank, const int64_t *shape)
{
    assert_non_null(d);
    assert_int_equal(numc_distribution_batch_shape(d).count, batch_rank);
    assert_int_equal(numc_distribution_event_shape(d).count, event_rank);
    for (int32_t i = 0; i < batch_rank; i++)
        assert_int_equal(numc_distribution_batch_shape(d).values[i], shape[i]);
    for (int32_t i = 0; i < event_rank; i++)
        assert_int_equal(numc_distribution_event_shape(d).values[i], shape[batch_rank + i]);
}

static void test_categorical(void **state)
{
    numc_context *context = *state;
    const double p[] = {0.25, 0, 0.75};
    numc_distribution *d = numc_categorical(vector(context, 3, p));
    numc_array *y = numc_from_host(context, NUMC_INT64, NUMC_SHAPE(4), ((int64_t[]){0, 1, 2, 3}));
    const double logs[] = {log(0.25), -INFINITY, log(0.75), -INFINITY};
    assert_values_within(numc_distribution_log_prob(d, y), logs, 4, 1e-16, "categorical");
    assert_values_within(numc_distribution_log_prob(d, 2), logs + 2, 1, 1e-16, "categorical at a number");
    assert_int_equal(numc_distribution_dtype(d), NUMC_INT64);
    /* logits of two batch elements, values broadcast against them */
    const double logits[] = {1, 2, 3, 0, 0, -1};
    numc_distribution *two = numc_categorical_logits(numc_from_host(context, NUMC_FLOAT64, NUMC_SHAPE(2, 3), logits));
    assert_shapes(two, 1, 0, (const int64_t[]){2});
    const double s1 = exp(-2.0) + exp(-1.0) + 1, s2 = 2 + exp(-1.0);
    const double pairs[] = {-2 - log(s1), -log(s2), -log(s1), -1 - log(s2)};
    numc_array *values = numc_from_host(context, NUMC_INT64, NUMC_SHAPE(2, 1), ((int64_t[]){0, 2}));
    numc_array *got = numc_distribution_log_prob(two, values);
    assert_shape(got, 2, (const int64_t[]){2, 2});
    assert_values_within(got, pairs, 4, 4e-16, "categorical_logits");
    assert_shape(numc_distribution_sample(two, numc_random_key(context, 1), NUMC_SHAPE(5)), 2, (const int64_t[]){5, 2});
    assert_ok(context);
    assert_null(numc_categorical(vector(context, 2, ((double[]){0.5, 0.6}))));
    assert_error(context, NUMC_VALUE, "categorical: probabilities sums to 1.1, not 1");
}

/* Gradients where a probability is zero stay finite for the classes that occur. */
static void zero_class(numc_context *context, const numc_array *const *inputs, int32_t input_count, numc_array **outputs,
                       int32_t output_count, void *user)
{
    (void)context, (void)input_count, (void)output_count, (void)user;
    outputs[0] = numc_sum(numc_distribution_log_prob(numc_categorical(inputs[0]), 2));
}

static void test_categorical_gradient(void **state)
{
    numc_context *context = *state;
    const numc_array *p = vector(context, 3, ((double[]){0.25, 0, 0.75}));
    numc_array *outputs[2];
    numc_function *f = numc_function_trace(context, zero_class, NULL, &p, 1, 1);
    numc_function *gradient = numc_function_value_and_gradient(context, f);
    numc_function_call(context, gradient, &p, 1, outputs, 2);
    assert_ok(context);
    assert_values_within(outputs[1], (const double[]){0, 0, 1 / 0.75}, 3, 1e-15, "gradient");
    numc_function_free(gradient);
    numc_function_free(f);
}

static void test_dirichlet(void **state)
{
    numc_context *context = *state;
    const double a[] = {1, 2.5, 1}, x[] = {0.2, 0.5, 0.3, 0, 1, 0, 0.5, 0.6, 0.5};
    numc_distribution *d = numc_dirichlet(vector(context, 3, a));
    assert_shapes(d, 0, 1, (const int64_t[]){3});
    const double norm = lgamma(4.5) - lgamma(2.5);
    const double logs[] = {1.5 * log(0.5) + norm, norm, -INFINITY};
    assert_values_within(numc_distribution_log_prob(d, numc_from_host(context, NUMC_FLOAT64, NUMC_SHAPE(3, 3), x)), logs, 3, 1e-15,
                         "dirichlet");
    const double means[] = {1 / 4.5, 2.5 / 4.5, 1 / 4.5};
    assert_values_within(numc_distribution_mean(d), means, 3, 1e-16, "mean");
    assert_null(numc_dirichlet(vector(context, 2, ((double[]){1, -1}))));
    assert_error(context, NUMC_VALUE, "dirichlet: concentration[1] = -1 is not positive");
    assert_null(numc_dirichlet(numc_number(context, NUMC_FLOAT64, 1)));
    assert_error(context, NUMC_SHAPE, "concentration needs 1 axes");
}

/* 2 x 2 in closed form: covariance [[a, c], [c, b]] */
static double bivariate(double a, double b, double c, double x, double y)
{
    double det = a * b - c * c;
    return -0.5 * (b * x * x - 2 * c * x * y + a * y * y) / det - 0.5 * log(det) - LOG_2PI;
}

static void test_multivariate_normal(void **state)
{
    numc_context *context = *state;
    const double covariance[] = {2, 0.6, 0.6, 0.5}, loc[] = {1, -1}, x[] = {0, 0, 2.5, -3, 1, -1};
    const double det = 2 * 0.5 - 0.36, precision[] = {0.5 / det, -0.6 / det, -0.6 / det, 2 / det};
    double want[3];
    for (int i = 0; i < 3; i++)
        want[i] = bivariate(2, 0.5, 0.6, x[2 * i] - 1, x[2 * i + 1] + 1);
    numc_array *m = vector(context, 2, loc), *points = numc_from_host(context, NUMC_FLOAT64, NUMC_SHAPE(3, 2), x);
    numc_array *c = square_matrix(context, 2, covariance), *p = square_matrix(context, 2, precision);
    numc_distribution *all[3] = {numc_multivariate_normal_covariance(m, c), numc_multivariate_normal_precision(m, p),
                                 numc_multivariate_normal_cholesky(m, numc_linalg_cholesky(c))};
    for (int k = 0; k < 3; k++) {
        assert_ok(context);
        assert_shapes(all[k], 0, 1, (const int64_t[]){2});
        assert_values_within(numc_distribution_log_prob(all[k], points), want, 3, 1e-14, "multivariate normal");
        assert_values_within(numc_distribution_mean(all[k]), loc, 2, 0, "mean");
        assert_values_within(numc_distribution_variance(all[k]), (const double[]){2, 0.5}, 2, 1e-14, "variance");
        assert_shape(numc_distribution_sample(all[k], numc_random_key(context, 4), NUMC_SHAPE(5)), 2, (const int64_t[]){5, 2});
    }
    /* batches of matrices, of locations, and of values against both */
    numc_array *factors = numc_from_host(context, NUMC_FLOAT64, NUMC_SHAPE(2, 2, 2), ((double[]){1, 0, 0.5, 2, 3, 0, 0, 1}));
    numc_distribution *batch = numc_multivariate_normal_cholesky(m, factors);
    assert_shapes(batch, 1, 1, (const int64_t[]){2, 2});
    double grid[6];
    for (int i = 0; i < 3; i++) {
        grid[2 * i] = bivariate(1, 4.25, 0.5, x[2 * i] - 1, x[2 * i + 1] + 1);
        grid[2 * i + 1] = bivariate(9, 1, 0, x[2 * i] - 1, x[2 * i + 1] + 1);
    }
    numc_array *got = numc_distribution_log_prob(batch, numc_expand_dims(points, NUMC_AXES(1)));
    assert_shape(got, 2, (const int64_t[]){3, 2});
    assert_values_within(got, grid, 6, 1e-14, "batch of matrices");
    assert_shape(numc_distribution_sample(batch, numc_random_key(context, 4), NUMC_SHAPE(5)), 3, (const int64_t[]){5, 2, 2});
    assert_shapes(numc_multivariate_normal_covariance(numc_zeros(context, NUMC_FLOAT64, NUMC_SHAPE(4, 1, 2)), c), 2, 1,
                  (const int64_t[]){4, 1, 2});
    assert_ok(context);
    assert_null(numc_multivariate_normal_covariance(m, square_matrix(context, 2, (const double[]){1, 2, 2, 1})));
    assert_error(context, NUMC_VALUE, "multivariate_normal: covariance is not positive definite");
    assert_null(numc_multivariate_normal_cholesky(m, c));
    assert_error(context, NUMC_VALUE, "multivariate_normal: scale_tril is not lower triangular: 0.6 at (0, 1)");
    assert_null(numc_multivariate_normal_covariance(vector(context, 3, (const double[]){0, 0, 0}), c));
    assert_error(context, NUMC_SHAPE, "loc has 3 entries");
}

/* d/dloc = inv(S)(x - loc), summed over the values; d/dL of -log det L at x = loc is -1/diag. */
static void normal_total(numc_context *context, const numc_array *const *inputs, int32_t input_count, numc_array **outputs,
                         int32_t output_count, void *user)
{
    (void)context, (void)input_count, (void)output_count, (void)user;
    outputs[0] = numc_sum(numc_distribution_log_prob(numc_multivariate_normal_cholesky(inputs[0], inputs[1]), inputs[2]));
}

static void test_multivariate_normal_gradient(void **state)
{
    numc_context *context = *state;
    const numc_array *inputs[3] = {vector(context, 2, ((double[]){1, -1})), square_matrix(context, 2, (const double[]){2, 0, 1, 0.5}),
                                   numc_from_host(context, NUMC_FLOAT64, NUMC_SHAPE(2, 2), ((double[]){1, -1, 3, -1}))};
    numc_array *outputs[4];
    numc_function *f = numc_function_trace(context, normal_total, NULL, inputs, 3, 1);
    numc_function *gradient = numc_function_value_and_gradient(context, f);
    numc_function_call(context, gradient, inputs, 3, outputs, 4);
    assert_ok(context);
    /* inv(L)(2, 0) = (1, -2); inv(L')(1, -2) = (5/2, -4); dL = tril(inv(L') z z') - 2 / diag */
    assert_values_within(outputs[1], (const double[]){2.5, -4}, 2, 1e-14, "loc");
    assert_values_within(outputs[2], (const double[]){2.5 - 1, 0, -4, 8 - 4}, 4, 1e-14, "scale_tril");
    numc_function_free(gradient);
    numc_function_free(f);
}

/* A density of a covariance 0.5 I + A A' / n in each of the ways it may be said, or (SPELLED) by the factor alone, which is
 * differentiated as any other composition. Inputs: loc (n), A (.., n, n), values (.., n). */
enum { COVARIANCE, SCALE_TRIL, PRECISION, SPELLED, SPELLED_PRECISION, WAYS };

static void normal_ways(numc_context *context, const numc_array *const *inputs, int32_t input_count, numc_array **outputs,
                        int32_t output_count, void *user)
{
    (void)input_count, (void)output_count;
    int64_t n = numc_array_size(inputs[0]);
    numc_array *square = numc_divide(numc_matmul(inputs[1], numc_matrix_transpose(inputs[1])), (double)n), *sum;
    numc_array *matrix = numc_add(square, numc_multiply(0.5, numc_eye(context, NUMC_FLOAT64, n, n, 0)));
    numc_array *l = numc_linalg_cholesky(matrix);
    switch (*(const int *)user) {
    case COVARIANCE: sum = numc_distribution_log_prob(numc_multivariate_normal_covariance(inputs[0], matrix), inputs[2]); break;
    case SCALE_TRIL: sum = numc_distribution_log_prob(numc_multivariate_normal_cholesky(inputs[0], l), inputs[2]); break;
    case PRECISION: sum = numc_distribution_log_prob(numc_multivariate_normal_precision(inputs[0], matrix), inputs[2]); break;
    default: {
        numc_array *x = numc_expand_dims(numc_subtract(inputs[2], inputs[0]), NUMC_AXES(-1));
        numc_array *z = *(const int *)user == SPELLED ? numc_linalg_triangular_solve(l, x) : numc_matmul(numc_matrix_transpose(l), x);
        numc_array *logs = numc_sum(numc_log(numc_diagonal(l)), NUMC_AXES(-1));
        sum = numc_multiply(numc_sum(numc_square(z), NUMC_AXES(-2, -1)), -0.5);
        sum = numc_subtract(*(const int *)user == SPELLED ? numc_subtract(sum, logs) : numc_add(sum, logs), 0.5 * LOG_2PI * (double)n);
    }
    }
    outputs[0] = numc_sum(sum);
}

/* Value, gradient and the product of the Hessian with a vector agree to the rounding of n^2 terms of a matrix of condition below
 * 10, for one matrix and one vector, one matrix and many, and a batch of matrices; n = 4 is written out, 9 is a slot's, 40 recursive. */
static void test_normal_of_a_covariance(void **state)
{
    numc_context *context = *state;
    static const int64_t sizes[] = {1, 4, 9, 40};
    for (int shape = 0; shape < 3; shape++)
        for (size_t s = 0; s < sizeof sizes / sizeof *sizes; s++) {
            int64_t n = sizes[s], batch = shape == 2 ? 3 : 1;
            double *first[2] = {NULL, NULL};
            for (int way = 0; way < WAYS; way++) {
                numc_scope(context) {
                    numc_array *key = numc_random_key(context, 7);
                    const numc_array *in[6] = {numc_random_normal(key, NUMC_FLOAT64, NUMC_SHAPE(n)),
                                               numc_random_normal(numc_random_key(context, 8), NUMC_FLOAT64, NUMC_SHAPE(batch, n, n)),
                                               numc_random_normal(numc_random_key(context, 9), NUMC_FLOAT64, NUMC_SHAPE(shape == 0 ? 1 : 3, n))};
                    if (shape < 2)
                        in[1] = numc_index(in[1], NUMC_AT(0));
                    if (shape == 0)
                        in[2] = numc_index(in[2], NUMC_AT(0));
                    for (int k = 0; k < 3; k++)
                        in[3 + k] = numc_cos(in[k]);
                    numc_function *f = numc_function_trace(context, normal_ways, &way, in, 3, 1);
                    numc_function *product = numc_function_hvp(context, f), *gradient = numc_function_value_and_gradient(context, f);
                    numc_array *out[16];
                    assert_ok(context);
                    assert_int_equal(numc_function_call(context, gradient, in, 3, out, 4), NUMC_OK);
                    assert_int_equal(numc_function_call(context, product, in, 6, out + 4, numc_function_output_count(product)), NUMC_OK);
                    int32_t results = 4 + numc_function_output_count(product);
                    int64_t at = 0, total = 0;
                    for (int32_t k = 0; k < results; k++)
                        total += numc_array_size(out[k]);
                    double *all = calloc((size_t)total, sizeof *all), most = 1;
                    for (int32_t k = 0; k < results; at += numc_array_size(out[k++]))
                        assert_int_equal(numc_to_host(out[k], NUMC_FLOAT64, all + at, (size_t)numc_array_size(out[k]) * sizeof *all), NUMC_OK);
                    double **expected = &first[way == PRECISION || way == SPELLED_PRECISION];
                    for (int64_t i = 0; i < total && *expected != NULL; i++) {
                        most = fabs((*expected)[i]) > most ? fabs((*expected)[i]) : most;
                        if (!(fabs(all[i] - (*expected)[i]) <= 1e-15 * (double)(n * n + 20) * 100 * most))
                            fail_msg("way %d, shape %d, n %d, number %d: %.17g, not %.17g", way, shape, (int)n, (int)i, all[i], (*expected)[i]);
                    }
                    if (*expected == NULL)
                        *expected = all;
                    else
                        free(all);
                    numc_function_free(product);
                    numc_function_free(gradient);
                    numc_function_free(f);
                }
            }
            free(first[0]);
            free(first[1]);
        }
}

/* ---- wrappers ---------------------------------------------------------------------------------------------------------------------- */

/* Of a float32 matrix and float64 vectors: what the promoted matrix gives, to the last bit, for one matrix and for a batch. */
static void test_normal_of_two_dtypes(void **state)
{
    numc_context *context = *state;
    const double values[] = {2, 0.5, 0.5, 1, 3, -1, -1, 1.5}, locs[] = {1, 2};
    numc_array *x = vector(context, 2, (double[]){0.3, -0.7}), *loc = vector(context, 2, locs), *key = numc_random_key(context, 4);
    for (int64_t batch = 1; batch <= 2; batch++) {
        numc_shape shape = {(int64_t[]){batch, 2, 2}, 3, true};
        numc_array *matrix = numc_from_host_(context, NUMC_FLOAT64, shape, values);
        if (batch == 1)
            matrix = numc_squeeze(matrix, NUMC_AXES(0));
        numc_array *narrow = numc_astype(matrix, NUMC_FLOAT32), *widened = numc_astype(numc_linalg_cholesky(narrow), NUMC_FLOAT64);
        numc_distribution *of_two = numc_multivariate_normal_covariance(loc, narrow), *of_one = numc_multivariate_normal_cholesky(loc, widened);
        numc_array *a = numc_distribution_log_prob(of_two, x), *b = numc_distribution_log_prob(of_one, x);
        assert_non_null(a);
        assert_int_equal(numc_array_dtype(a), NUMC_FLOAT64);
        assert_true(numc_item_bool(numc_all(numc_equal(a, b))));
        assert_non_null(numc_distribution_sample(numc_multivariate_normal_precision(loc, narrow), key, NUMC_SHAPE(3)));
    }
    assert_int_equal(numc_error_status(context), NUMC_OK);
}

static void test_independent_and_expanded(void **state)
{
    numc_context *context = *state;
    numc_array *loc = vector(context, 3, ((double[]){0, 1, 2}));
    numc_distribution *base = numc_normal(context, loc, 2);
    numc_distribution *joint = numc_independent(base, 1);
    assert_shapes(joint, 0, 1, (const int64_t[]){3});
    assert_int_equal(numc_constraint_event_rank(numc_distribution_support(joint)), 1);
    double *parts = values_of(numc_distribution_log_prob(base, 0.5));
    const double total[] = {parts[0] + parts[1] + parts[2]};
    free(parts);
    numc_array *x = numc_full(context, NUMC_FLOAT64, NUMC_SHAPE(3), 0.5);
    assert_values_within(numc_distribution_log_prob(joint, x), total, 1, 1e-15, "independent");
    numc_distribution *plate = numc_expanded(joint, NUMC_SHAPE(4, 2));
    assert_shapes(plate, 2, 1, (const int64_t[]){4, 2, 3});
    assert_shape(numc_distribution_log_prob(plate, x), 2, (const int64_t[]){4, 2});
    numc_array *draws = numc_distribution_sample(plate, numc_random_key(context, 2), NUMC_SHAPE(5));
    assert_shape(draws, 4, (const int64_t[]){5, 4, 2, 3});
    double *d = values_of(draws);
    assert_true(d[0] != d[3] && d[0] != d[24]); /* copies are drawn one by one */
    free(d);
    assert_shape(numc_distribution_mean(plate), 3, (const int64_t[]){4, 2, 3});
    assert_ptr_equal(numc_expanded(base, NUMC_SHAPE(3)), base);
    assert_ptr_equal(numc_independent(base, 0), base);
    assert_shapes(numc_expanded(numc_gamma(context, 1, 2), NUMC_SHAPE(3)), 1, 0, (const int64_t[]){3});
    assert_shape(numc_distribution_cdf(numc_expanded(numc_gamma(context, 1, 2), NUMC_SHAPE(3)), 0.5), 1, (const int64_t[]){3});
    assert_ok(context);
    /* the log density of a whole is -inf as soon as one part is outside */
    numc_distribution *pair = numc_independent(numc_expanded(numc_exponential(context, 1), NUMC_SHAPE(2)), 1);
    assert_true(numc_item(numc_distribution_log_prob(pair, vector(context, 2, ((double[]){1, -1})))) == -INFINITY);
    assert_null(numc_independent(base, 2));
    assert_error(context, NUMC_SHAPE, "2 axes");
    assert_null(numc_expanded(base, NUMC_SHAPE(2)));
    assert_error(context, NUMC_SHAPE, "float64[3] of normal does not expand to float64[2]");
}

/* A shape without its numbers is an error, never read. */
static void test_missing_shapes(void **state)
{
    numc_context *context = *state;
    const numc_shape none = {NULL, 2, true};
    int64_t out[32];
    numc_distribution *base = numc_normal(context, 0, 1);
    assert_null(numc_expanded(base, none));
    assert_error(context, NUMC_INVALID_ARGUMENT, "expanded");
    assert_null(numc_expanded(base, NUMC_SHAPE(-1)));
    assert_error(context, NUMC_SHAPE, "expanded");
    assert_null(numc_improper_uniform(numc_constraint_real(context), none));
    assert_error(context, NUMC_INVALID_ARGUMENT, "improper_uniform");
    assert_null(numc_distribution_sample(base, numc_random_key(context, 1), none));
    assert_error(context, NUMC_INVALID_ARGUMENT, "distribution_sample");
    assert_null(numc_distribution_sample(base, numc_random_key(context, 1), ((numc_shape){NULL, INT32_MAX, true})));
    assert_error(context, NUMC_SHAPE, "distribution_sample");
    const numc_bijector *exponential = numc_bijector_exp(context);
    assert_int_equal(numc_bijector_forward_shape(exponential, none, out), -1);
    assert_error(context, NUMC_INVALID_ARGUMENT, "bijector_forward_shape");
    assert_int_equal(numc_bijector_backward_shape(exponential, NUMC_SHAPE(2), NULL), -1);
    assert_error(context, NUMC_INVALID_ARGUMENT, "bijector_backward_shape");
}

static void masked_total(numc_context *context, const numc_array *const *inputs, int32_t input_count, numc_array **outputs,
                         int32_t output_count, void *user)
{
    (void)context, (void)input_count, (void)output_count;
    const numc_array *const *data = user;
    numc_distribution *d = numc_masked(numc_gamma(context, inputs[0], 1), data[0]);
    outputs[0] = numc_sum(numc_distribution_log_prob(d, data[1]));
}

/* Missing values are NaN or outside the support and do not count, in the value and in the gradient. */
static void test_masked(void **state)
{
    numc_context *context = *state;
    const numc_array *data[2] = {numc_from_host(context, NUMC_BOOL, NUMC_SHAPE(3), ((bool[]){true, false, false})),
                                 vector(context, 3, ((double[]){2, NAN, -1}))};
    const numc_array *a = numc_number(context, NUMC_FLOAT64, 3);
    numc_array *outputs[2];
    numc_function *f = numc_function_trace(context, masked_total, data, &a, 1, 1);
    numc_function *gradient = numc_function_value_and_gradient(context, f);
    numc_function_call(context, gradient, &a, 1, outputs, 2);
    assert_ok(context);
    const double digamma_3 = 0.9227843350984671; /* 3/2 - Euler's constant */
    assert_values_within(outputs[0], (const double[]){2 * log(2.0) - 2 - log(2.0)}, 1, 1e-15, "masked");
    assert_values_within(outputs[1], (const double[]){log(2.0) - digamma_3}, 1, 1e-15, "masked gradient");
    numc_function_free(gradient);
    numc_function_free(f);
    numc_distribution *d = numc_masked(numc_gamma(context, 3, 1), data[0]);
    assert_shapes(d, 1, 0, (const int64_t[]){3});
    assert_true(numc_item(numc_index(numc_distribution_log_prob(d, -1), NUMC_AT(0))) == -INFINITY);
    assert_values(numc_constraint_check(numc_distribution_support(d), data[1]), 1, 1, 1);
    assert_values(numc_constraint_check(numc_distribution_support(d), vector(context, 3, ((double[]){-1, NAN, -1}))), 0, 1, 1);
    assert_null(numc_masked(numc_gamma(context, 3, 1), data[1]));
    assert_error(context, NUMC_DTYPE, "float64, not bool");
}

/* Distributions are of real numbers; their logarithm of a density too. */
static void test_complex_is_refused(void **state)
{
    numc_context *context = *state;
    const numc_complex_number i = {0, 1};
    numc_array *z = numc_number(context, NUMC_COMPLEX128, i);
    assert_null(numc_normal(context, z, 1.0));
    assert_error(context, NUMC_DTYPE, "complex128");
    assert_null(numc_normal(context, 0.0, i));
    assert_error(context, NUMC_DTYPE, "complex number");
    assert_null(numc_distribution_log_prob(numc_normal(context, 0.0, 1.0), z));
    assert_error(context, NUMC_DTYPE, "complex128");
    assert_null(numc_distribution_log_prob(numc_normal(context, 0.0, 1.0), i));
    assert_error(context, NUMC_DTYPE, "complex number");
    assert_null(numc_bijector_forward(numc_bijector_exp(context), z));
    assert_error(context, NUMC_DTYPE, "complex128");
    assert_null(numc_random_uniform(numc_random_key(context, 1), NUMC_FLOAT64, NUMC_SHAPE(2), i, 1.0));
    assert_error(context, NUMC_DTYPE, "complex number");
}

static void test_transformed(void **state)
{
    numc_context *context = *state;
    numc_array *x = vector(context, 3, ((double[]){0.3, 2, -1}));
    numc_distribution *d = numc_transformed(numc_normal(context, 0.5, 2), numc_bijector_exp(context));
    double *want = values_of(numc_distribution_log_prob(numc_log_normal(context, 0.5, 2), x));
    assert_values_within(numc_distribution_log_prob(d, x), want, 3, 1e-15, "exp of a normal");
    free(want);
    assert_string_equal(numc_constraint_name(numc_distribution_support(d)), "positive");
    /* the region of a shifted half line */
    numc_distribution *shifted = numc_transformed(numc_exponential(context, 2), numc_bijector_affine(context, 1, 3));
    const double logs[] = {-INFINITY, log(2.0) - 2.0 / 3 - log(3.0), -INFINITY};
    assert_values_within(numc_distribution_log_prob(shifted, x), logs, 3, 1e-15, "affine of an exponential");
    numc_constraint *region = numc_distribution_support(shifted);
    assert_values(numc_constraint_check(region, x), 0, 1, 0);
    numc_bijector *to = numc_bijector_to(region);
    assert_values_within(numc_bijector_forward(to, numc_zeros(context, NUMC_FLOAT64, NUMC_SCALAR)), (const double[]){4}, 1, 0, "onto");
    /* a bijector of vectors takes a batch axis into the event; one with parameters broadcasts the batch */
    numc_distribution *ordered = numc_transformed(numc_normal(context, numc_zeros(context, NUMC_FLOAT64, NUMC_SHAPE(2, 3)), 1),
                                                  numc_bijector_to(numc_constraint_ordered(context)));
    assert_shapes(ordered, 1, 1, (const int64_t[]){2, 3});
    assert_shape(numc_distribution_sample(ordered, numc_random_key(context, 1), NUMC_SHAPE(4)), 3, (const int64_t[]){4, 2, 3});
    assert_shapes(numc_transformed(numc_normal(context, 0, 1), numc_bijector_affine(context, x, 1)), 1, 0, (const int64_t[]){3});
    assert_shapes(numc_transformed(numc_normal(context, numc_zeros(context, NUMC_FLOAT64, NUMC_SHAPE(6)), 1),
                                   numc_bijector_to(numc_constraint_lower_cholesky(context))), 0, 2, (const int64_t[]){3, 3});
    assert_ok(context);
    assert_null(numc_transformed(numc_poisson(context, 1), numc_bijector_exp(context)));
    assert_error(context, NUMC_INVALID_ARGUMENT, "poisson is discrete");
}

static void test_delta_and_improper(void **state)
{
    numc_context *context = *state;
    numc_array *v = numc_from_host(context, NUMC_FLOAT64, NUMC_SHAPE(2, 3), ((double[]){0, 1, 2, 3, 4, 5}));
    numc_distribution *d = numc_delta(context, v, 1);
    assert_shapes(d, 1, 1, (const int64_t[]){2, 3});
    assert_values(numc_distribution_log_prob(d, vector(context, 3, ((double[]){3, 4, 5}))), -INFINITY, 0);
    assert_values(numc_distribution_sample(d, numc_random_key(context, 1), NUMC_SCALAR), 0, 1, 2, 3, 4, 5);
    assert_values(numc_distribution_variance(d), 0, 0, 0, 0, 0, 0);
    assert_values(numc_distribution_cdf(numc_delta(context, 1.5, 0), vector(context, 2, ((double[]){1, 1.5}))), 0, 1);
    assert_null(numc_distribution_cdf(d, vector(context, 3, ((double[]){3, 4, 5}))));
    assert_error(context, NUMC_UNSUPPORTED, "delta has no cdf of vectors");
    numc_distribution *flat = numc_improper_uniform(numc_constraint_simplex(context), NUMC_SHAPE(2, 3));
    assert_shapes(flat, 1, 1, (const int64_t[]){2, 3});
    numc_array *points = numc_from_host(context, NUMC_FLOAT64, NUMC_SHAPE(2, 3), ((double[]){0.5, 0.25, 0.25, 1, 1, 1}));
    assert_values(numc_distribution_log_prob(flat, points), 0, -INFINITY);
    assert_ok(context);
    assert_null(numc_distribution_sample(flat, numc_random_key(context, 1), NUMC_SCALAR));
    assert_error(context, NUMC_UNSUPPORTED, "improper_uniform has no sample");
    assert_null(numc_improper_uniform(numc_constraint_simplex(context), NUMC_SCALAR));
    assert_error(context, NUMC_SHAPE, "simplex");
    assert_null(numc_delta(context, v, 3));
    assert_int_equal(numc_error_status(context), NUMC_SHAPE);
}

/* Whatever allocation fails, what follows is NULL with MEMORY pending, and closing gives every block back. */
static void use_distributions(failing *allocator)
{
    numc_context *context = numc_open(&(numc_options){.backend = "ref", .allocate = failing_allocate, .allocate_user = allocator, .threads = 1});
    bool done = false;
    numc_scope(context) {
        numc_distribution *d = numc_independent(numc_expanded(numc_gamma(context, 1.5, 2), NUMC_SHAPE(2, 2)), 1);
        numc_bijector *b = numc_bijector_to(numc_distribution_support(d));
        numc_array *u = numc_bijector_backward(b, numc_distribution_sample(d, numc_random_key(context, 1), NUMC_SCALAR));
        done = numc_distribution_log_prob(d, numc_bijector_forward(b, u)) != NULL;
        numc_bijector *falling = numc_bijector_compose(
            (const numc_bijector *[]){numc_bijector_affine(context, 1, -2), numc_bijector_exp(context)}, 2);
        numc_distribution *transformed = numc_transformed(numc_normal(context, 0, 1), falling);
        done = numc_distribution_cdf(transformed, 0.5) != NULL && numc_distribution_icdf(transformed, 0.5) != NULL && done;
        done = numc_distribution_icdf(numc_poisson(context, 3.5), 0.4) != NULL && done;
        /* a refusal is VALUE, or MEMORY where its message cannot be made */
        numc_array *matrix = numc_from_host(context, NUMC_FLOAT64, NUMC_SHAPE(2, 2), ((double[]){1, 0.5, 0.25, 1}));
        numc_distribution *refused = numc_multivariate_normal_covariance(numc_zeros(context, NUMC_FLOAT64, NUMC_SHAPE(2)), matrix);
        done = refused == NULL && numc_error_status(context) == NUMC_VALUE && done;
        if (done)
            numc_error_clear(context);
    }
    assert_true(done || allocator->failed);
    if (!done && context != NULL)
        assert_int_equal(numc_error_status(context), NUMC_MEMORY);
    numc_close(context);
}

static void test_every_allocation_may_fail(void **state)
{
    (void)state;
    sweep_passes(use_distributions, 100);
}

static void test_null_flows(void **state)
{
    numc_context *context = *state;
    assert_null(numc_normal(context, 0, (numc_array *)NULL));
    assert_error(context, NUMC_INVALID_ARGUMENT, "normal: scale is NULL");
    assert_null(numc_distribution_log_prob(NULL, 1));
    assert_null(numc_distribution_mean(NULL));
    assert_null(numc_independent(NULL, 1));
    assert_null(numc_bijector_to(NULL));
    assert_string_equal(numc_distribution_name(NULL), "none");
    assert_ok(context);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(test_categorical),
        TEST(test_categorical_gradient),
        TEST(test_dirichlet),
        TEST(test_multivariate_normal),
        TEST(test_multivariate_normal_gradient),
        TEST(test_normal_of_a_covariance),
        TEST(test_normal_of_two_dtypes),
        TEST(test_independent_and_expanded),
        TEST(test_missing_shapes),
        TEST(test_masked),
        TEST(test_complex_is_refused),
        TEST(test_transformed),
        TEST(test_delta_and_improper),
        cmocka_unit_test(test_every_allocation_may_fail),
        TEST(test_null_flows),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
