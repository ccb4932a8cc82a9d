/* test_narrow.c - a device without float64 (NUMC_OPENCL_FLOAT64=0 makes one of any): arrays, gradients and chains in float32 against
 * ref and against closed forms, whole numbers and bits exactly; and what it refuses, in words. Without a device: skipped. */
#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "numc/array.h"
#include "numc/dist.h"
#include "numc/function.h"
#include "numc/linalg.h"
#include "numc/mcmc.h"
#include "numc/model.h"
#include "numc/random.h"
#include "numc/special.h"

enum { N = 1000 };

static numc_context *contexts[2]; /* ref, the device */

typedef numc_array *work(numc_context *context);

/* Both results as float32, equal to `tolerance` of the largest element. */
static void agree(work *function, double tolerance)
{
    static float answers[2][N];
    size_t count = 0;
    double largest = 0;
    for (int k = 0; k < 2; k++)
        numc_scope(contexts[k])
        {
            numc_array *result = numc_astype(function(contexts[k]), NUMC_FLOAT32);
            if (result == NULL)
                fail_msg("%s", numc_error_message(contexts[k]));
            count = (size_t)numc_array_size(result);
            assert_true(count > 0 && count <= N);
            assert_int_equal(numc_to_host(result, NUMC_FLOAT32, answers[k], count * sizeof(float)), NUMC_OK);
        }
    for (size_t i = 0; i < count; i++)
        largest = fmax(largest, fabs((double)answers[0][i]));
    for (size_t i = 0; i < count; i++)
        if (!(fabs((double)answers[0][i] - (double)answers[1][i]) <= tolerance * largest))
            fail_msg("element %zu: %.9g instead of %.9g", i, (double)answers[1][i], (double)answers[0][i]);
}

/* float32 values in [-2, 2), the same in both contexts. */
static numc_array *values(numc_context *context, numc_shape shape)
{
    static float numbers[N];
    int64_t count = 1;
    for (int32_t d = 0; d < shape.count; d++)
        count *= shape.values[d];
    for (int64_t i = 0; i < count; i++)
        numbers[i] = (float)((i * 7919) % 1021) / 256.0f - 2.0f;
    return numc_from_host(context, NUMC_FLOAT32, shape, numbers);
}

#define X(...) values(c, NUMC_SHAPE(__VA_ARGS__))

static numc_array *elements(numc_context *c)
{
    numc_array *x = X(N);
    return numc_add(numc_exp(x), numc_multiply(numc_tanh(x), numc_log1p(numc_square(x))));
}
static numc_array *special(numc_context *c)
{
    numc_array *x = X(N);
    return numc_add(numc_special_gammaln(numc_add(x, 3)), numc_add(numc_special_digamma(numc_add(x, 3)), numc_special_ndtr(x)));
}
static numc_array *sums(numc_context *c) { return numc_sum(numc_square(X(20, 50)), NUMC_AXES(0)); }
static numc_array *product(numc_context *c) { return numc_matmul(X(20, 40), numc_matrix_transpose(X(20, 40))); }
static numc_array *sorted(numc_context *c) { return numc_sort(X(N)); }
static numc_array *taken(numc_context *c) { return numc_take(X(N), numc_arange(c, NUMC_INT64, 0, N, 3), NUMC_AXIS(0)); }
static numc_array *whole(numc_context *c) { return numc_remainder(numc_multiply(numc_arange(c, NUMC_INT64, 0, N, 1), 77), 101); }
static numc_array *positive(numc_context *c) { return numc_less(0, X(N)); }
static numc_array *factor(numc_context *c)
{
    return numc_linalg_cholesky(numc_add(product(c), numc_multiply(numc_eye(c, NUMC_FLOAT32, 20, 20, 0), 100)));
}
static numc_array *incomplete(numc_context *c) { return numc_special_gammainc(3, numc_abs(X(N))); }
static numc_array *uniform(numc_context *c) { return numc_random_uniform(numc_random_key(c, 1), NUMC_FLOAT32, NUMC_SHAPE(N), 0, 1); }
static numc_array *normal(numc_context *c) { return numc_random_normal(numc_random_key(c, 2), NUMC_FLOAT32, NUMC_SHAPE(N)); }

/* OpenCL allows exp 3 ULP, tanh 5, log1p 2, lgamma what it likes; sums of 50 products round 50 times: 64 eps of the largest. */
static void arrays(void **state)
{
    (void)state;
    const double eps = 0x1p-23;
    assert_int_equal(numc_array_dtype(numc_zeros(contexts[1], NUMC_DTYPE_DEFAULT, NUMC_SHAPE(1))), NUMC_FLOAT32);
    agree(elements, 16 * eps);
    agree(special, 64 * eps);
    agree(sums, 64 * eps);
    agree(product, 64 * eps);
    agree(factor, 64 * eps);
    agree(sorted, 0);
    agree(taken, 0);
    agree(whole, 0);
    agree(positive, 0);
    agree(uniform, 0);
    agree(normal, 16 * eps);
}

/* sum(exp(a x) - a lgamma(x + 3)) */
static void function(numc_context *context, const numc_array *const *inputs, int32_t input_count, numc_array **outputs,
                     int32_t output_count, void *user)
{
    (void)context, (void)input_count, (void)output_count, (void)user;
    numc_array *curved = numc_special_gammaln(numc_add(inputs[1], 3));
    outputs[0] = numc_sum(numc_subtract(numc_exp(numc_multiply(inputs[0], inputs[1])), numc_multiply(curved, inputs[0])));
}

static numc_array *gradient(numc_context *c)
{
    const numc_array *inputs[] = {numc_full(c, NUMC_FLOAT32, NUMC_SHAPE(1), 0.5), X(N)};
    numc_array *outputs[3] = {NULL, NULL, NULL};
    numc_function *f = numc_function_trace(c, function, NULL, inputs, 2, 1), *g = numc_function_value_and_gradient(c, f);
    (void)numc_function_call(c, g, inputs, 2, outputs, 3);
    numc_array *both = numc_add(outputs[2], numc_divide(outputs[1], 4096));
    numc_function_free(f);
    numc_function_free(g);
    return both;
}

/* The gradient in a is a sum of 1000 terms below 8, divided by 4096 to weigh like the others: 64 eps of the largest again. */
static void gradients(void **state)
{
    (void)state;
    numc_statistics before, after;
    assert_int_equal(numc_statistics_get(contexts[1], &before), NUMC_OK);
    agree(gradient, 64 * 0x1p-23);
    assert_int_equal(numc_statistics_get(contexts[1], &after), NUMC_OK);
    assert_int_equal(after.fallbacks, before.fallbacks);
}

/* mu ~ N(0, 1), ten y ~ N(mu, 1) with sum 5.5: mu | y ~ N(0.5, 1 / 11). */
static void model(numc_run *run, void *user)
{
    numc_array *mu = numc_sample(run, "mu", numc_normal(run, 0, 1));
    numc_plate(run, "data", 10) numc_observe(run, "y", numc_normal(run, mu, 1), (numc_array *)user);
}

static void sample(bool vectorized)
{
    static const float y[] = {1, -1, 2, 0.5f, -0.5f, 1.5f, 0, 1, 0.25f, 0.75f};
    numc_mcmc_options options = {.chains = 4, .warmup = NUMC_COUNT(300), .draws = 500};
    options.chain_method = vectorized ? NUMC_CHAINS_VECTORIZED : NUMC_CHAINS_PARALLEL;
    numc_context *c = contexts[1];
    numc_scope(c)
    {
        numc_array *data = numc_from_host(c, NUMC_FLOAT32, NUMC_SHAPE(10), y);
        numc_model *m = numc_model_new(c, model, data);
        numc_mcmc *mcmc = numc_mcmc_new(m, &options);
        numc_summary row;
        if (numc_mcmc_run(mcmc, 7) != NUMC_OK || numc_mcmc_summary(mcmc, 0, 1, &row) != NUMC_OK)
            fail_msg("%s", numc_error_message(c));
        /* At least 300 effective draws: five standard errors are 5 * 0.3015 / sqrt(300) < 0.09, wrong for one seed in 10^6; of the
         * standard deviation 5 * 0.3015 / sqrt(600). */
        assert_true(row.ess_bulk > 300);
        assert_true(fabs(row.mean - 0.5) < 0.09);
        assert_true(fabs(row.sd - sqrt(1.0 / 11)) < 0.062);
        numc_mcmc_free(mcmc);
        numc_model_free(m);
    }
}

static void chains(void **state)
{
    (void)state;
    sample(false);
    sample(true);
}

static void refusals(void **state)
{
    (void)state;
    numc_context *c = contexts[1];
    numc_scope(c)
    {
        assert_null(numc_from_host(c, NUMC_FLOAT64, NUMC_SHAPE(3), (const double[]){1, 2, 3}));
        assert_int_equal(numc_error_status(c), NUMC_UNSUPPORTED);
        assert_non_null(strstr(numc_error_message(c), "has no float64; use float32"));
        assert_non_null(strstr(numc_error_message(c), "device opencl:0"));
        numc_error_clear(c);
        assert_null(numc_full(c, NUMC_FLOAT64, NUMC_SHAPE(3), 0.5)); /* a constant too, which needs no memory there */
        assert_int_equal(numc_error_status(c), NUMC_UNSUPPORTED);
        numc_error_clear(c);
        assert_null(numc_astype(X(3), NUMC_COMPLEX128));
        assert_int_equal(numc_error_status(c), NUMC_UNSUPPORTED);
        numc_error_clear(c);
        numc_statistics before, after; /* what has no float32 form is the host's, and counted */
        assert_int_equal(numc_statistics_get(c, &before), NUMC_OK);
        agree(incomplete, 0);
        assert_int_equal(numc_statistics_get(c, &after), NUMC_OK);
        assert_true(after.fallbacks > before.fallbacks);
    }
    numc_context *strict = numc_open(&(numc_options){.backend = "opencl", .forbid_fallback = true});
    numc_scope(strict) assert_null(incomplete(strict));
    assert_int_equal(numc_error_status(strict), NUMC_UNSUPPORTED);
    assert_non_null(strstr(numc_error_message(strict), "forbidden"));
    numc_close(strict);
}

int main(void)
{
    setenv("NUMC_OPENCL_FLOAT64", "0", 1);
    contexts[0] = numc_open(&(numc_options){.backend = "ref"});
    contexts[1] = numc_open(&(numc_options){.backend = "opencl"});
    int status = 77;
    if (numc_zeros(contexts[1], NUMC_FLOAT32, NUMC_SHAPE(1)) == NULL)
        printf("skipped: %s\n", numc_error_message(contexts[1]));
    else {
        const struct CMUnitTest tests[] = {
            cmocka_unit_test(arrays),
            cmocka_unit_test(gradients),
            cmocka_unit_test(chains),
            cmocka_unit_test(refusals),
        };
        status = cmocka_run_group_tests(tests, NULL, NULL);
    }
    numc_close(contexts[0]);
    numc_close(contexts[1]);
    return status;
}
