/* location_scale.c - distributions of x through z = (x - loc) / scale, on the line or its positive half. Each is a table of
 * formulas; in log_prob the terms that hold only parameters stand together, so that data alone is taken out of a loop.
 * Sources of the densities, distribution functions and moments: Johnson, Kotz and Balakrishnan, Continuous Univariate
 * Distributions, 2nd ed. (normal ch. 13, log-normal 14, Cauchy 16, logistic 23, Laplace 24, Student 28). */
#include <math.h>

#include "dist/formulas.h"
#include "numc/random.h"
#include "numc/special.h"

#define PI 3.141592653589793
#define HALF_LOG_2PI 0.9189385332046727
#define HALF_LOG_HALF_PI 0.22579135264472744 /* log(pi/2) / 2 */
#define LOG_PI 1.1447298858494002
#define LOG_HALF_PI 0.4515827052894549
#define LOG_2 0.6931471805599453
#define SQRT_2 1.4142135623730951

#define LOC numc__parameter(d, 0)
#define SCALE numc__parameter(d, 1)
#define HALF_SCALE numc__parameter(d, 0) /* of the half distributions */
#define DEGREES numc__parameter(d, 0)

static const numc_parameter_rule location_scale[] = {{"loc", NULL, 0}, {"scale", numc_constraint_positive_, 0}};
static const numc_parameter_rule scale_only[] = {{"scale", numc_constraint_positive_, 0}};
static const numc_parameter_rule student[] = {
    {"degrees", numc_constraint_positive_, 0}, {"loc", NULL, 0}, {"scale", numc_constraint_positive_, 0}};

static numc_constraint *positive(const numc_distribution *d)
{
    return numc_constraint_positive(d->object.context);
}

static numc_constraint *nonnegative(const numc_distribution *d)
{
    return numc_constraint_nonnegative(d->object.context);
}

/* Through 1/scale: one division for a scale that many values share, and none in a loop when it is data. */
static numc_array *over(const numc_array *x, const numc_array *scale)
{
    return numc_multiply(x, numc_reciprocal(scale));
}

static numc_array *standardized(const numc_distribution *d, const numc_array *x)
{
    return over(numc_subtract(x, LOC), SCALE);
}

/* x/scale, 0 below 0: where the distribution function of a half distribution is 0 */
static numc_array *half_standardized(const numc_distribution *d, const numc_array *x)
{
    return over(numc_maximum(x, 0), HALF_SCALE);
}

/* loc + scale z */
static numc_array *located(const numc_distribution *d, const numc_array *z)
{
    return numc_add(LOC, numc_multiply(SCALE, z));
}

static numc_array *constant_like(const numc_distribution *d, double value)
{
    return numc_full(d->object.context, d->dtype, NUMC_SCALAR, value);
}

/* -z^2/2 - (log scale + c) */
static numc_array *gaussian(const numc_array *z, const numc_array *scale, double c)
{
    return numc_subtract(numc_multiply(numc_square(z), -0.5), numc_add(numc_log(scale), c));
}

/* ---- normal, half normal, log-normal ------------------------------------------------------------------------------------------ */

static numc_array *normal_log_prob(const numc_distribution *d, const numc_array *x)
{
    return gaussian(standardized(d, x), SCALE, HALF_LOG_2PI);
}

static numc_array *half_normal_log_prob(const numc_distribution *d, const numc_array *x)
{
    return gaussian(over(x, HALF_SCALE), HALF_SCALE, HALF_LOG_HALF_PI);
}

static numc_array *log_normal_log_prob(const numc_distribution *d, const numc_array *x)
{
    numc_array *log_x = numc_log(x);
    return numc_subtract(gaussian(standardized(d, log_x), SCALE, HALF_LOG_2PI), log_x);
}

static numc_array *log_normal_mean(const numc_distribution *d)
{
    return numc_exp(numc_add(LOC, numc_multiply(numc_square(SCALE), 0.5)));
}

static numc_array *log_normal_variance(const numc_distribution *d)
{
    numc_array *square = numc_square(SCALE);
    return numc_multiply(numc_expm1(square), numc_exp(numc_add(numc_multiply(LOC, 2), square)));
}

static numc_array *log_normal_cdf(const numc_distribution *d, const numc_array *x)
{
    return numc_special_ndtr(standardized(d, numc_log(numc_maximum(x, 0))));
}

/* ---- Cauchy, half Cauchy -------------------------------------------------------------------------------------------------------- */

static numc_array *cauchy_log_prob(const numc_distribution *d, const numc_array *x)
{
    return numc_negative(numc_add(numc_log1p(numc_square(standardized(d, x))), numc_add(numc_log(SCALE), LOG_PI)));
}

static numc_array *half_cauchy_log_prob(const numc_distribution *d, const numc_array *x)
{
    numc_array *z = over(x, HALF_SCALE);
    return numc_negative(numc_add(numc_log1p(numc_square(z)), numc_add(numc_log(HALF_SCALE), LOG_HALF_PI)));
}

/* The angle of (-z, 1) over pi: no cancellation in the left tail. */
static numc_array *cauchy_cdf(const numc_distribution *d, const numc_array *x)
{
    return numc_divide(numc_atan2(1.0, numc_negative(standardized(d, x))), PI);
}

/* -cot(pi p) from the nearer end: both p and 1 - p are exact there. */
static numc_array *cauchy_icdf(const numc_distribution *d, const numc_array *p)
{
    numc_array *low = numc_less_equal(p, 0.5);
    numc_array *size = numc_reciprocal(numc_tan(numc_multiply(numc_where(low, p, numc_subtract(1, p)), PI)));
    return located(d, numc_where(low, numc_negative(size), size));
}

static numc_array *half_cauchy_cdf(const numc_distribution *d, const numc_array *x)
{
    return numc_multiply(numc_atan(half_standardized(d, x)), 2 / PI);
}

static numc_array *half_cauchy_icdf(const numc_distribution *d, const numc_array *p)
{
    numc_array *z = numc_where(numc_equal(p, 1), (double)INFINITY, numc_tan(numc_multiply(p, PI / 2)));
    return numc_multiply(HALF_SCALE, z);
}

static numc_array *not_a_number(const numc_distribution *d)
{
    return constant_like(d, NAN);
}

static numc_array *infinite(const numc_distribution *d)
{
    return constant_like(d, INFINITY);
}

/* ---- Student's t: -(v+1)/2 log(1 + z^2/v) - log(scale) - log(v)/2 - log B(v/2, 1/2) ------------------------------------------
 * As v grows this is the normal: -z^2/2 with error z^4/(4v), and the constant with error 1/(4v). So v is held below a value where
 * neither can be seen, and infinite degrees are the normal distribution. */
#define NORMAL_DEGREES 1e17

static numc_array *held(const numc_array *v)
{
    return numc_minimum(v, v->dtype == NUMC_FLOAT32 ? 1e30 : 1e150);
}

static numc_array *nearly_normal(const numc_array *v)
{
    return numc_greater(v, NORMAL_DEGREES);
}

static numc_array *student_z(const numc_distribution *d, const numc_array *x)
{
    return over(numc_subtract(x, numc__parameter(d, 1)), numc__parameter(d, 2));
}

static numc_array *student_t_log_prob(const numc_distribution *d, const numc_array *x)
{
    numc_array *v = held(DEGREES), *normal = nearly_normal(DEGREES);
    numc_array *kernel = numc_multiply(numc_multiply(numc_add(v, 1), -0.5), numc_log1p(numc_divide(numc_square(student_z(d, x)), v)));
    numc_array *some = numc_where(normal, 1.0, v);
    numc_array *constant = numc_add(numc_special_betaln(numc_multiply(some, 0.5), 0.5), numc_multiply(numc_log(some), 0.5));
    constant = numc_where(normal, HALF_LOG_2PI, constant);
    return numc_subtract(kernel, numc_add(constant, numc_log(numc__parameter(d, 2))));
}

/* I_{v/(v+z^2)}(v/2, 1/2) / 2 is the probability beyond |z|; near 0 the complement, whose argument has no cancellation. */
static numc_array *student_t_cdf(const numc_distribution *d, const numc_array *x)
{
    numc_array *z = student_z(d, x), *normal = nearly_normal(DEGREES);
    numc_array *v = numc_where(normal, 1.0, DEGREES);
    numc_array *square = numc_square(z), *half = numc_multiply(v, 0.5);
    numc_array *sum = numc_add(v, square);
    numc_array *near = numc_subtract(0.5, numc_multiply(numc_special_betainc(0.5, half, numc_divide(square, sum)), 0.5));
    numc_array *far = numc_multiply(numc_special_betainc(half, 0.5, numc_divide(v, sum)), 0.5);
    numc_array *beyond = numc_where(numc_less(square, v), near, numc_where(numc_isinf(square), 0.0, far));
    numc_array *finite = numc_where(numc_less(z, 0), beyond, numc_subtract(1, beyond));
    return numc_where(normal, numc_special_ndtr(z), finite);
}

/* The quantile of many degrees from that of the normal: z + sum g_i(z) / v^i (Abramowitz and Stegun, 26.7.5). Above 1e5 degrees the
 * next term is under (z^2/v)^5 / 500 of z: 1e-12 at the smallest p. */
#define MANY_DEGREES 1e5

static numc_array *many_degrees_icdf(const numc_array *v, const numc_array *p)
{
    static const double terms[4][5] = {
        {1.0 / 4, 1.0 / 4},
        {3.0 / 96, 16.0 / 96, 5.0 / 96},
        {-15.0 / 384, 17.0 / 384, 19.0 / 384, 3.0 / 384},
        {-945.0 / 92160, -1920.0 / 92160, 1482.0 / 92160, 776.0 / 92160, 79.0 / 92160}};
    numc_array *normal = numc_special_ndtri(p), *end = numc_isinf(normal);
    numc_array *z = numc_where(end, 0.0, normal), *square = numc_square(z), *w = numc_reciprocal(v);
    numc_array *sum = numc_zeros_like(z);
    for (int i = 3; i >= 0; i--) { /* w (g1/z + w (g2/z + ...)) */
        numc_array *g = numc_full_like(z, terms[i][i + 1]);
        for (int k = i; k >= 0; k--)
            g = numc_add(numc_multiply(g, square), terms[i][k]);
        sum = numc_multiply(w, numc_add(g, sum));
    }
    return numc_where(end, normal, numc_add(z, numc_multiply(z, sum)));
}

/* With q = min(p, 1-p): in the tail y = I^-1(v/2, 1/2)(2q) = v/(v+z^2), near 0 y = I^-1(1/2, v/2)(1-2q) = z^2/(v+z^2). */
static numc_array *student_t_icdf(const numc_distribution *d, const numc_array *p)
{
    numc_array *many = numc_greater(DEGREES, MANY_DEGREES);
    numc_array *v = numc_where(many, 1.0, DEGREES), *half = numc_multiply(v, 0.5);
    numc_array *q = numc_minimum(p, numc_subtract(1, p));
    numc_array *tail = numc_special_betaincinv(half, 0.5, numc_multiply(q, 2));
    numc_array *centre = numc_special_betaincinv(0.5, half, numc_subtract(1, numc_multiply(q, 2)));
    numc_array *far = numc_divide(numc_subtract(1, tail), tail);
    numc_array *near = numc_divide(centre, numc_subtract(1, centre));
    numc_array *size = numc_sqrt(numc_multiply(v, numc_where(numc_less(q, 0.25), far, near)));
    numc_array *finite = numc_where(numc_less(p, 0.5), numc_negative(size), size);
    numc_array *z = numc_where(many, many_degrees_icdf(numc_where(many, DEGREES, 1.0), p), finite);
    return numc_add(numc__parameter(d, 1), numc_multiply(numc__parameter(d, 2), z));
}

static numc_array *student_t_mean(const numc_distribution *d)
{
    return numc_where(numc_greater(DEGREES, 1), numc__parameter(d, 1), (double)NAN);
}

static numc_array *student_t_variance(const numc_distribution *d)
{
    numc_array *v = DEGREES;
    numc_array *finite = numc_multiply(numc_square(numc__parameter(d, 2)), numc_add(numc_divide(2, numc_subtract(v, 2)), 1)); /* v/(v-2) */
    return numc_where(numc_greater(v, 2), finite, numc_where(numc_greater(v, 1), (double)INFINITY, (double)NAN));
}

static numc_array *student_t_sample(const numc_distribution *d, const numc_array *key, numc_shape shape)
{
    numc_array *z = numc_random_student_t(key, numc_minimum(DEGREES, 1e30), d->dtype, shape);
    return numc_add(numc__parameter(d, 1), numc_multiply(numc__parameter(d, 2), z));
}

/* ---- Laplace --------------------------------------------------------------------------------------------------------------------- */

static numc_array *laplace_log_prob(const numc_distribution *d, const numc_array *x)
{
    return numc_negative(numc_add(numc_abs(standardized(d, x)), numc_add(numc_log(SCALE), LOG_2)));
}

static numc_array *laplace_cdf(const numc_distribution *d, const numc_array *x)
{
    numc_array *z = standardized(d, x);
    numc_array *beyond = numc_multiply(numc_exp(numc_negative(numc_abs(z))), 0.5);
    return numc_where(numc_less(z, 0), beyond, numc_subtract(1, beyond));
}

static numc_array *laplace_icdf(const numc_distribution *d, const numc_array *p)
{
    numc_array *low = numc_less(p, 0.5);
    numc_array *size = numc_log(numc_multiply(numc_where(low, p, numc_subtract(1, p)), 2));
    return located(d, numc_where(low, size, numc_negative(size)));
}

/* ---- logistic: z - 2 log(1 + exp z) - log scale, the same at -z ---------------------------------------------------------------------- */

/* By the z that is not positive: no inf - inf. A selection, since -|z| has no slope at 0, and this one has that of the formula. */
static numc_array *logistic_log_prob(const numc_distribution *d, const numc_array *x)
{
    numc_array *right = standardized(d, x);
    numc_array *z = numc_where(numc_greater(right, 0), numc_negative(right), right);
    return numc_subtract(numc_subtract(z, numc_multiply(numc_special_softplus(z), 2)), numc_log(SCALE));
}

/* ---- the short formulas ------------------------------------------------------------------------------------------------------------- */

MOMENT(loc_mean, LOC)
MOMENT(normal_variance, numc_square(SCALE))
MOMENT(laplace_variance, numc_multiply(numc_square(SCALE), 2))
MOMENT(logistic_variance, numc_multiply(numc_square(SCALE), PI * PI / 3))
MOMENT(half_normal_mean, numc_multiply(HALF_SCALE, 0.7978845608028654)) /* sqrt(2/pi) */
MOMENT(half_normal_variance, numc_multiply(numc_square(HALF_SCALE), 1 - 2 / PI))

ELEMENTWISE(normal_cdf, x, numc_special_ndtr(standardized(d, x)))
ELEMENTWISE(normal_icdf, p, located(d, numc_special_ndtri(p)))
ELEMENTWISE(half_normal_cdf, x, numc_special_erf(numc_divide(half_standardized(d, x), SQRT_2)))
ELEMENTWISE(half_normal_icdf, p, numc_multiply(HALF_SCALE, numc_multiply(numc_special_erfinv(p), SQRT_2)))
ELEMENTWISE(log_normal_icdf, p, numc_exp(normal_icdf(d, p)))
ELEMENTWISE(logistic_cdf, x, numc_special_expit(standardized(d, x)))
ELEMENTWISE(logistic_icdf, p, located(d, numc_special_logit(p)))

SAMPLER(normal_sample, located(d, numc_random_normal(key, d->dtype, shape)))
SAMPLER(half_normal_sample, numc_multiply(HALF_SCALE, numc_abs(numc_random_normal(key, d->dtype, shape))))
SAMPLER(log_normal_sample, numc_exp(normal_sample(d, key, shape)))
SAMPLER(cauchy_sample, located(d, numc_random_cauchy(key, d->dtype, shape)))
SAMPLER(half_cauchy_sample, numc_multiply(HALF_SCALE, numc_abs(numc_random_cauchy(key, d->dtype, shape))))
SAMPLER(laplace_sample, located(d, numc_random_laplace(key, d->dtype, shape)))
SAMPLER(logistic_sample, located(d, numc_random_logistic(key, d->dtype, shape)))

#define CLASS(name_, rules_, support_, mean_, variance_)                                           \
    static const numc_distribution_class class_##name_ = {                                         \
        .size = sizeof(numc_distribution_class), .name = #name_,                                   \
        .parameter_count = (int32_t)(sizeof rules_ / sizeof *rules_), .parameters = rules_,        \
        .support = support_, .log_prob = name_##_log_prob, .sample = name_##_sample, .mean = mean_, \
        .variance = variance_, .cdf = name_##_cdf, .icdf = name_##_icdf};
CLASS(normal, location_scale, NULL, loc_mean, normal_variance)
CLASS(half_normal, scale_only, nonnegative, half_normal_mean, half_normal_variance)
CLASS(log_normal, location_scale, positive, log_normal_mean, log_normal_variance)
CLASS(cauchy, location_scale, NULL, not_a_number, not_a_number)
CLASS(half_cauchy, scale_only, nonnegative, infinite, infinite)
CLASS(student_t, student, NULL, student_t_mean, student_t_variance)
CLASS(laplace, location_scale, NULL, loc_mean, laplace_variance)
CLASS(logistic, location_scale, NULL, loc_mean, logistic_variance)

MAKE_2(normal)
MAKE_2(log_normal)
MAKE_2(cauchy)
MAKE_2(laplace)
MAKE_2(logistic)
MAKE_1(half_normal)
MAKE_1(half_cauchy)

numc_distribution *numc_student_t_(numc_context *context, numc_operand degrees, numc_operand loc, numc_operand scale)
{
    return numc_distribution_new_(context, &class_student_t, (const numc_operand[]){degrees, loc, scale}, 3, NULL);
}
