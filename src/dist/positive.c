/* positive.c - exponential, gamma, inverse gamma on the half line; beta and uniform on an interval.
 * Sources: Johnson, Kotz and Balakrishnan, Continuous Univariate Distributions, 2nd ed. (gamma ch. 17, exponential 19, beta 25,
 * uniform 26); incomplete gamma and beta functions as NIST DLMF 8.2.4 and 8.17.2. */
#include <math.h>

#include "dist/formulas.h"
#include "numc/special.h"
#include "random/internal.h"

static const numc_parameter_rule exponential_rules[] = {{"rate", numc_constraint_positive_, 0}};
static const numc_parameter_rule gamma_rules[] = {{"concentration", numc_constraint_positive_, 0},
                                                  {"rate", numc_constraint_positive_, 0}};
static const numc_parameter_rule inverse_gamma_rules[] = {{"concentration", numc_constraint_positive_, 0},
                                                          {"scale", numc_constraint_positive_, 0}};
static const numc_parameter_rule beta_rules[] = {{"a", numc_constraint_positive_, 0}, {"b", numc_constraint_positive_, 0}};
static const numc_parameter_rule uniform_rules[] = {{"low", NULL, 0}, {"high", NULL, 0}};

SUPPORT(positive, numc_constraint_positive(d->object.context))
SUPPORT(nonnegative, numc_constraint_nonnegative(d->object.context))
SUPPORT(unit_interval, numc_constraint_unit_interval(d->object.context))
SUPPORT(between, numc__constraint_between(d->object.context, FIRST, SECOND, false))

static numc_array *above_zero(const numc_array *x)
{
    return numc_maximum(x, 0);
}

/* ---- exponential: log b - b x ---------------------------------------------------------------------------------------------------- */

ELEMENTWISE(exponential_log_prob, x, numc_subtract(numc_log(FIRST), numc_multiply(FIRST, x)))
ELEMENTWISE(exponential_cdf, x, numc_negative(numc_expm1(numc_negative(numc_multiply(FIRST, above_zero(x))))))
ELEMENTWISE(exponential_icdf, p, numc_divide(numc_negative(numc_log1p(numc_negative(p))), FIRST))
MOMENT(exponential_mean, numc_reciprocal(FIRST))
MOMENT(exponential_variance, numc_reciprocal(numc_square(FIRST)))
SAMPLER(exponential_sample, numc_divide(numc_random_exponential(key, d->dtype, shape), FIRST))

/* ---- gamma: (a-1) log x - b x + (a log b - lgamma(a)) ---------------------------------------------------------------------------- */

static numc_array *gamma_log_prob(const numc_distribution *d, const numc_array *x)
{
    numc_array *a = numc__dist_guarded(d, 0), *b = SECOND;
    numc_array *kernel = numc_subtract(numc_multiply(numc_subtract(a, 1), numc_log(x)), numc_multiply(b, x));
    return numc_add(kernel, numc_subtract(numc_multiply(a, numc_log(b)), numc_special_gammaln(a)));
}

ELEMENTWISE(gamma_cdf, x, numc_special_gammainc(FIRST, numc_multiply(SECOND, above_zero(x))))
ELEMENTWISE(gamma_icdf, p, numc_divide(numc_special_gammaincinv(FIRST, p), SECOND))
MOMENT(gamma_mean, numc_divide(FIRST, SECOND))
MOMENT(gamma_variance, numc_divide(FIRST, numc_square(SECOND)))
SAMPLER(gamma_sample, numc_divide(numc_random_gamma(key, FIRST, d->dtype, shape), SECOND))

/* ---- inverse gamma: -(a+1) log x - b/x + (a log b - lgamma(a)) ------------------------------------------------------------------- */

static numc_array *inverse_gamma_log_prob(const numc_distribution *d, const numc_array *x)
{
    numc_array *a = numc__dist_guarded(d, 0), *b = SECOND;
    numc_array *kernel = numc_add(numc_multiply(numc_add(a, 1), numc_log(x)), numc_divide(b, x));
    return numc_subtract(numc_subtract(numc_multiply(a, numc_log(b)), numc_special_gammaln(a)), kernel);
}

ELEMENTWISE(inverse_gamma_cdf, x, numc_special_gammaincc(FIRST, numc_divide(SECOND, above_zero(x))))
/* b / y with Q(a, y) = p */
ELEMENTWISE(inverse_gamma_icdf, p, numc_divide(SECOND, numc_special_gammainccinv(FIRST, p)))
SAMPLER(inverse_gamma_sample,
        numc_multiply(SECOND, numc_exp(numc_negative(numc_random_loggamma(key, FIRST, d->dtype, shape)))))

static numc_array *inverse_gamma_mean(const numc_distribution *d)
{
    return numc_where(numc_greater(FIRST, 1), numc_divide(SECOND, numc_subtract(FIRST, 1)), (double)INFINITY);
}

static numc_array *inverse_gamma_variance(const numc_distribution *d)
{
    numc_array *a = FIRST;
    numc_array *finite = numc_divide(numc_square(numc_divide(SECOND, numc_subtract(a, 1))), numc_subtract(a, 2));
    return numc_where(numc_greater(a, 2), finite, (double)INFINITY);
}

/* ---- beta: (a-1) log x + (b-1) log(1-x) - log B(a, b) ---------------------------------------------------------------------------- */

static numc_array *beta_log_prob(const numc_distribution *d, const numc_array *x)
{
    numc_array *left = numc_special_xlogy(numc_subtract(FIRST, 1), x);
    numc_array *right = numc_special_xlog1py(numc_subtract(SECOND, 1), numc_negative(x));
    return numc_subtract(numc_add(left, right), numc_special_betaln(FIRST, SECOND));
}

ELEMENTWISE(beta_cdf, x, numc_special_betainc(FIRST, SECOND, numc_clip(x, 0.0, 1.0)))
ELEMENTWISE(beta_icdf, p, numc_special_betaincinv(FIRST, SECOND, p))
MOMENT(beta_mean, numc_divide(FIRST, numc_add(FIRST, SECOND)))
SAMPLER(beta_sample, numc_random_beta(key, FIRST, SECOND, d->dtype, shape))

/* ab / ((a+b)^2 (a+b+1)) */
static numc_array *beta_variance(const numc_distribution *d)
{
    numc_array *sum = numc_add(FIRST, SECOND);
    numc_array *shares = numc_multiply(numc_divide(FIRST, sum), numc_divide(SECOND, sum));
    return numc_divide(shares, numc_add(sum, 1));
}

/* ---- uniform ----------------------------------------------------------------------------------------------------------------------- */

static numc_array *width(const numc_distribution *d)
{
    return numc_subtract(SECOND, FIRST);
}

static numc_array *uniform_log_prob(const numc_distribution *d, const numc_array *x)
{
    (void)x;
    return numc_negative(numc_log(width(d)));
}

ELEMENTWISE(uniform_cdf, x, numc_clip(numc_divide(numc_subtract(x, FIRST), width(d)), 0.0, 1.0))
ELEMENTWISE(uniform_icdf, p, numc_add(FIRST, numc_multiply(width(d), p)))
MOMENT(uniform_mean, numc_multiply(numc_add(FIRST, SECOND), 0.5))
MOMENT(uniform_variance, numc_divide(numc_square(width(d)), 12))
SAMPLER(uniform_sample, numc__random_uniform(key, d->dtype, shape, numc_operand_array(FIRST), numc_operand_array(SECOND)))

#define CLASS(name_, support_)                                                                     \
    static const numc_distribution_class class_##name_ = {                                         \
        .size = sizeof(numc_distribution_class), .name = #name_,                                   \
        .parameter_count = (int32_t)(sizeof name_##_rules / sizeof *name_##_rules),                \
        .parameters = name_##_rules, .support = support_, .log_prob = name_##_log_prob,            \
        .sample = name_##_sample, .mean = name_##_mean, .variance = name_##_variance,              \
        .cdf = name_##_cdf, .icdf = name_##_icdf};
CLASS(exponential, nonnegative)
CLASS(gamma, positive)
CLASS(inverse_gamma, positive)
CLASS(beta, unit_interval)
CLASS(uniform, between)

MAKE_1(exponential)
MAKE_2(gamma)
MAKE_2(inverse_gamma)
MAKE_2(beta)

/* Constant bounds must be in order. */
numc_distribution *numc_uniform_(numc_context *context, numc_operand low, numc_operand high)
{
    numc_distribution *d = numc_distribution_new_(context, &class_uniform, (const numc_operand[]){low, high}, 2, NULL);
    if (d == NULL || numc_array_is_traced(FIRST) || numc_array_is_traced(SECOND))
        return d;
    numc_constraint *above = numc_constraint_greater_than(context, FIRST);
    if (above != NULL)
        above->bound_name = "low";
    if (above == NULL || numc__constraint_require(above, SECOND, "uniform", "high") != NUMC_OK)
        return NULL;
    return d;
}
