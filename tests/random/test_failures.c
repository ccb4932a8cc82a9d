/* test_failures.c - every allocation of keys and samplers may fail. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "../base/sweep.h"
#include "numc/random.h"

static numc_array *half(const numc_array *key)
{
    static const double values[3] = {0.5, 1.5, 4};
    return numc_from_host(numc_array_context(key), NUMC_FLOAT64, NUMC_SHAPE(3), values);
}

#define SHAPE NUMC_SHAPE(2, 3)
#define SAMPLER(name, expression)                                                                  \
    static numc_array *draw_##name(const numc_array *key)                                          \
    {                                                                                              \
        return expression;                                                                         \
    }
SAMPLER(split, numc_random_split(key, 4))
SAMPLER(fold_in, numc_random_fold_in(key, 7))
SAMPLER(bits, numc_random_bits(key, NUMC_UINT32, SHAPE))
SAMPLER(uniform, numc_random_uniform(key, NUMC_FLOAT64, SHAPE, -1, half(key)))
SAMPLER(normal, numc_random_normal(key, NUMC_FLOAT64, SHAPE))
SAMPLER(normal32, numc_random_normal(key, NUMC_FLOAT32, SHAPE))
SAMPLER(exponential, numc_random_exponential(key, NUMC_FLOAT64, SHAPE))
SAMPLER(cauchy, numc_random_cauchy(key, NUMC_FLOAT64, SHAPE))
SAMPLER(laplace, numc_random_laplace(key, NUMC_FLOAT64, SHAPE))
SAMPLER(logistic, numc_random_logistic(key, NUMC_FLOAT64, SHAPE))
SAMPLER(gumbel, numc_random_gumbel(key, NUMC_FLOAT64, SHAPE))
SAMPLER(randint, numc_random_randint(key, NUMC_INT64, SHAPE, -5, 100))
SAMPLER(bernoulli, numc_random_bernoulli(key, 0.5, SHAPE))
SAMPLER(gamma, numc_random_gamma(key, half(key), NUMC_FLOAT64, SHAPE))
SAMPLER(loggamma, numc_random_loggamma(key, half(key), NUMC_FLOAT64, SHAPE))
SAMPLER(beta, numc_random_beta(key, half(key), 2, NUMC_FLOAT64, SHAPE))
SAMPLER(student_t, numc_random_student_t(key, half(key), NUMC_FLOAT64, SHAPE))
SAMPLER(poisson, numc_random_poisson(key, half(key), NUMC_FLOAT64, SHAPE))
SAMPLER(binomial, numc_random_binomial(key, 20, 0.25, NUMC_FLOAT64, SHAPE))
SAMPLER(dirichlet, numc_random_dirichlet(key, half(key), NUMC_FLOAT64, SHAPE))
SAMPLER(categorical, numc_random_categorical(key, half(key), NUMC_SHAPE(5)))

typedef struct subject {
    const char *name;
    numc_array *(*draw)(const numc_array *key);
} subject;
#define SUBJECT(name) {#name, draw_##name}
static const subject subjects[] = {
    SUBJECT(split), SUBJECT(fold_in), SUBJECT(bits), SUBJECT(uniform), SUBJECT(normal), SUBJECT(normal32), SUBJECT(exponential),
    SUBJECT(cauchy), SUBJECT(laplace), SUBJECT(logistic), SUBJECT(gumbel), SUBJECT(randint), SUBJECT(bernoulli), SUBJECT(gamma),
    SUBJECT(loggamma), SUBJECT(beta), SUBJECT(student_t), SUBJECT(poisson), SUBJECT(binomial), SUBJECT(dirichlet),
    SUBJECT(categorical),
};

static double drawn(numc_context *context, void *user)
{
    const subject *s = user;
    numc_array *x = numc_astype(s->draw(numc_random_key(context, 11)), NUMC_FLOAT64);
    return numc_item(numc_sum(x));
}

static void any_allocation_may_fail(void **state)
{
    (void)state;
    for (size_t i = 0; i < sizeof subjects / sizeof *subjects; i++) {
        subject s = subjects[i];
        sweep_allocations(s.name, drawn, &s, 3);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(any_allocation_may_fail)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
