/* test_failures.c - every allocation of the special functions and their derivatives may fail, eager and compiled. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "../base/effort.h"
#include "../base/sweep.h"
#include "numc/function.h"
#include "numc/special.h"

#define FUNCTION(name, expression)                                                                 \
    static numc_array *call_##name(const numc_array *x)                                            \
    {                                                                                              \
        return expression;                                                                         \
    }
#define PLAIN(name) FUNCTION(name, numc_special_##name(x))
PLAIN(gammaln)
PLAIN(digamma)
PLAIN(trigamma)
PLAIN(erf)
PLAIN(erfc)
PLAIN(erfinv)
PLAIN(ndtr)
PLAIN(log_ndtr)
PLAIN(ndtri)
PLAIN(expit)
PLAIN(logit)
PLAIN(softplus)
PLAIN(log_expit)
FUNCTION(log1mexp, numc_special_log1mexp(numc_negative(x)))
FUNCTION(xlogy, numc_special_xlogy(x, x))
FUNCTION(xlog1py, numc_special_xlog1py(x, x))
FUNCTION(polygamma, numc_special_polygamma(3, x))
FUNCTION(betaln, numc_special_betaln(x, 2))
FUNCTION(gammainc, numc_special_gammainc(2, x))
FUNCTION(gammaincc, numc_special_gammaincc(2, x))
FUNCTION(gammaincinv, numc_special_gammaincinv(2, x))
FUNCTION(betainc, numc_special_betainc(2, 3, x))
FUNCTION(betaincinv, numc_special_betaincinv(2, 3, x))
FUNCTION(multigammaln, numc_special_multigammaln(numc_add(x, 2), 3))
FUNCTION(softmax, numc_special_softmax(x, -1))
FUNCTION(log_softmax, numc_special_log_softmax(x, -1))

typedef struct subject {
    const char *name;
    numc_array *(*call)(const numc_array *x);
    bool traced;
} subject;
#define SUBJECT(name) {#name, call_##name, false}
static const subject subjects[] = {
    SUBJECT(gammaln), SUBJECT(digamma), SUBJECT(trigamma), SUBJECT(erf), SUBJECT(erfc), SUBJECT(erfinv), SUBJECT(ndtr),
    SUBJECT(log_ndtr), SUBJECT(ndtri), SUBJECT(expit), SUBJECT(logit), SUBJECT(softplus), SUBJECT(log_expit), SUBJECT(log1mexp),
    SUBJECT(xlogy), SUBJECT(xlog1py), SUBJECT(polygamma), SUBJECT(betaln), SUBJECT(gammainc), SUBJECT(gammaincc),
    SUBJECT(gammaincinv), SUBJECT(betainc), SUBJECT(betaincinv), SUBJECT(multigammaln), SUBJECT(softmax), SUBJECT(log_softmax),
};

static void squares(numc_context *context, const numc_array *const *in, int32_t input_count, numc_array **out, int32_t output_count,
                    void *user)
{
    (void)context, (void)input_count, (void)output_count;
    out[0] = numc_sum(numc_square(((const subject *)user)->call(in[0])));
}

static double total(numc_context *context, void *user)
{
    static const double values[3] = {0.25, 0.5, 0.875};
    subject *s = user;
    const numc_array *x = numc_from_host(context, NUMC_FLOAT64, NUMC_SHAPE(3), values);
    if (!s->traced)
        return numc_item(numc_sum(s->call(x)));
    numc_function *f = numc_function_trace(context, squares, s, &x, 1, 1);
    numc_function *gradient = numc_function_value_and_gradient(context, f);
    numc_array *y[2] = {NULL, NULL};
    numc_function_call(context, gradient, &x, 1, y, 2);
    double result = numc_item(numc_add(y[0], numc_sum(y[1])));
    numc_function_free(gradient);
    numc_function_free(f);
    return result;
}

static void sweep(bool traced)
{
    for (size_t i = 0; i < sizeof subjects / sizeof *subjects; i++) {
        subject s = subjects[i];
        if (left_out((long)i + traced))
            continue;
        s.traced = traced;
        sweep_allocations(s.name, total, &s, traced ? 30 : 3);
    }
}

static void eager_allocations_may_fail(void **state)
{
    (void)state;
    sweep(false);
}

static void traced_allocations_may_fail(void **state)
{
    (void)state;
    sweep(true);
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(eager_allocations_may_fail), cmocka_unit_test(traced_allocations_may_fail)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
