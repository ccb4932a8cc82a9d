/* test_gradients.c - gradients through every factorisation but eig and through Fourier transforms on a device that may not fall back to the host, beside
 * ref's; of functions that do not depend on the signs of vectors. The name is the argument; without a device the test is skipped. */
#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>

#include <cmocka.h>

#include "numc/array.h"
#include "numc/fft.h"
#include "numc/function.h"
#include "numc/linalg.h"

enum { N = 4, BATCH = 2, ALL = BATCH * N * N };

static numc_context *contexts[2]; /* ref, the device */

/* What is looked at: a weighted sum of all elements. */
static numc_array *weighted(const numc_array *x)
{
    const int64_t count = numc_array_size(x);
    numc_array *weights = numc_add(0.5, numc_divide(numc_arange(numc_array_context(x), NUMC_FLOAT64, 0, count, 1), 8.0));
    return numc_sum(numc_multiply(numc_reshape(x, NUMC_SHAPE(count)), weights));
}

/* x + x' + 6 on the diagonal in steps of 1: definite, its eigenvalues apart. */
static numc_array *symmetric(const numc_array *x)
{
    numc_array *diagonal = numc_diag(numc_arange(numc_array_context(x), NUMC_FLOAT64, 6, 6 + N, 1));
    return numc_add(numc_add(x, numc_matrix_transpose(x)), diagonal);
}

/* v f(d) w */
static numc_array *between(const numc_array *v, const numc_array *d, const numc_array *w)
{
    return numc_matmul(numc_multiply(v, numc_expand_dims(numc_exp(numc_multiply(d, 0.25)), NUMC_AXES(1))), w);
}

static numc_array *of_eigh(const numc_array *x)
{
    const numc_eigh e = numc_linalg_eigh(symmetric(x));
    return weighted(between(e.vectors, e.values, numc_matrix_transpose(e.vectors)));
}
static numc_array *of_svd(const numc_array *x)
{
    const numc_svd s = numc_linalg_svd(symmetric(x), .reduced = true);
    return weighted(between(s.u, s.s, s.vh));
}
static numc_array *of_qr(const numc_array *x)
{
    const numc_qr f = numc_linalg_qr(symmetric(x));
    return numc_add(weighted(f.q), weighted(f.r));
}
static numc_array *of_cholesky(const numc_array *x) { return weighted(numc_linalg_cholesky(symmetric(x))); }
static numc_array *of_lu(const numc_array *x) { return weighted(numc_linalg_inv(symmetric(x))); }
static numc_array *of_fft(const numc_array *x)
{
    numc_array *y = numc_fft_rfft(numc_exp(x));
    return numc_add(weighted(numc_square(numc_real(y))), weighted(numc_exp(numc_multiply(numc_imag(y), 0.125))));
}
static numc_array *of_ifft(const numc_array *x) { return weighted(numc_square(numc_fft_irfft(numc_fft_rfft(numc_exp(x))))); }

typedef numc_array *scalar(const numc_array *x);

static void traced(numc_context *context, const numc_array *const *inputs, int32_t input_count, numc_array **outputs,
                   int32_t output_count, void *user)
{
    (void)context, (void)input_count, (void)output_count;
    scalar *const *f = user;
    outputs[0] = (*f)(inputs[0]);
}

/* Conditions below 10 and gaps of eigenvalues above 0.1 of the norm: 1e-11 of the largest is n eps times some thousands. */
static void agree(scalar *f)
{
    static double values[ALL], answers[2][ALL];
    double largest = 0.0;
    for (int i = 0; i < ALL; i++)
        values[i] = (double)((i * 37) % 23 - 11) / 32.0;
    for (int k = 0; k < 2; k++)
        numc_scope(contexts[k])
        {
            const numc_array *x = numc_from_host(contexts[k], NUMC_FLOAT64, NUMC_SHAPE(BATCH, N, N), values);
            numc_array *outputs[2] = {NULL, NULL};
            numc_function *function = numc_function_trace(contexts[k], traced, &f, &x, 1, 1);
            numc_function *gradient = numc_function_value_and_gradient(contexts[k], function);
            (void)numc_function_call(contexts[k], gradient, &x, 1, outputs, 2);
            if (numc_error_status(contexts[k]) != NUMC_OK)
                fail_msg("%s", numc_error_message(contexts[k]));
            assert_int_equal(numc_to_host(outputs[1], NUMC_FLOAT64, answers[k], sizeof answers[k]), NUMC_OK);
            numc_function_free(gradient);
            numc_function_free(function);
        }
    for (int i = 0; i < ALL; i++)
        largest = fmax(largest, fabs(answers[0][i]));
    assert_true(largest > 0.0);
    for (int i = 0; i < ALL; i++)
        if (!(fabs(answers[0][i] - answers[1][i]) <= 1e-11 * largest))
            fail_msg("element %d: %.17g instead of %.17g", i, answers[1][i], answers[0][i]);
}

static void gradients_stay_there(void **state)
{
    (void)state;
    static scalar *const functions[] = {of_eigh, of_svd, of_qr, of_cholesky, of_lu, of_fft, of_ifft};
    for (size_t i = 0; i < sizeof functions / sizeof *functions; i++)
        agree(functions[i]);
    numc_statistics statistics;
    assert_int_equal(numc_statistics_get(contexts[1], &statistics), NUMC_OK);
    assert_int_equal(statistics.fallbacks, 0);
}

int main(int count, char **arguments)
{
    contexts[0] = numc_open(&(numc_options){.backend = "ref"});
    contexts[1] = numc_open(&(numc_options){.backend = count > 1 ? arguments[1] : "opencl", .forbid_fallback = true});
    const struct CMUnitTest tests[] = {cmocka_unit_test(gradients_stay_there)};
    int status = 77;
    if (numc_zeros(contexts[1], NUMC_FLOAT32, NUMC_SHAPE(1)) == NULL)
        printf("skipped: %s\n", numc_error_message(contexts[1]));
    else
        status = cmocka_run_group_tests_name("gpu_gradients", tests, NULL, NULL);
    numc_close(contexts[0]);
    numc_close(contexts[1]);
    return status;
}
