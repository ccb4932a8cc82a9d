/* dist.h - for users: constraints, bijectors and distributions with batch and event shapes.
 *
 * A distribution has a batch shape (its parameters, broadcast) and an event shape; a draw has shape sample + batch + event and
 * log_prob of a value sums over the event. All objects of this header belong to the scope they are made in, like arrays, and
 * are immutable; NULL passes through with the error in the context. Constants among the parameters are checked when the
 * object is made (error VALUE naming parameter and value; those without a region must be finite); what depends on traced
 * values is never an error: log_prob is -inf outside the support, NaN where a parameter is outside its domain or NaN. The
 * selection is made on the value, so gradients outside are 0 and not NaN. A value that is NaN gives NaN, but -inf where the support
 * is of counts, classes or an interval, which it is not in; one that is infinite gives -inf, in a vector maybe NaN. Each log density is
 * within 16 units of rounding of the sum of its terms' sizes. Where parameters divide it is by their reciprocals: a scale below
 * 5.6e-309, which has none, gives NaN at loc. Thread rule: as arrays, of one lane. */
#ifndef NUMC_DIST_H
#define NUMC_DIST_H

#include "numc/array.h"

#ifdef __cplusplus
extern "C" {
#endif

typedef struct numc_constraint numc_constraint;
typedef struct numc_bijector numc_bijector;
typedef struct numc_distribution numc_distribution;

/* ---- constraints: a region of space; event_rank says how many trailing axes one point has -------------------------------
 * The last two columns: what numc_bijector_to gives, and NaN is in none of them. Bounds are arrays or numbers and broadcast with the
 * value; constant bounds of an interval must be in order (VALUE). "-": no bijector, numc_bijector_to is UNSUPPORTED. */
NUMC_API numc_constraint *numc_constraint_real_(numc_context *context);          /* finite x; identity */
NUMC_API numc_constraint *numc_constraint_positive_(numc_context *context);      /* x > 0; exp */
NUMC_API numc_constraint *numc_constraint_nonnegative_(numc_context *context);   /* x >= 0; exp */
NUMC_API numc_constraint *numc_constraint_unit_interval_(numc_context *context); /* 0 <= x <= 1; sigmoid */
NUMC_API numc_constraint *numc_constraint_greater_than_(numc_context *context, numc_operand lower); /* x > lower; lower + exp(u) */
NUMC_API numc_constraint *numc_constraint_less_than_(numc_context *context, numc_operand upper);    /* x < upper; upper - exp(u) */
/* lower <= x <= upper; lower + (upper - lower) sigmoid(u) */
NUMC_API numc_constraint *numc_constraint_interval_(numc_context *context, numc_operand lower, numc_operand upper);
NUMC_API numc_constraint *numc_constraint_simplex_(numc_context *context);          /* x_k >= 0, |sum - 1| <= 1e-6; stick breaking */
NUMC_API numc_constraint *numc_constraint_ordered_(numc_context *context);          /* x_1 < x_2 < ...; x_1 = u_1, steps exp(u_k) */
NUMC_API numc_constraint *numc_constraint_positive_ordered_(numc_context *context); /* 0 < x_1 < x_2 < ...; steps exp(u_k) */
NUMC_API numc_constraint *numc_constraint_lower_cholesky_(numc_context *context);   /* lower triangular, diagonal > 0; rows, exp on it */
NUMC_API numc_constraint *numc_constraint_positive_definite_(numc_context *context); /* symmetric to 1e-6 of its largest entry; - */
NUMC_API numc_constraint *numc_constraint_boolean_(numc_context *context);          /* 0 or 1; - */
NUMC_API numc_constraint *numc_constraint_integer_interval_(numc_context *context, numc_operand lower, numc_operand upper); /* - */
NUMC_API numc_constraint *numc_constraint_nonnegative_integer_(numc_context *context); /* 0, 1, 2, ...; - */
/* Every entry of the last axes is in `base`; the base's bijector, entry by entry. */
NUMC_API numc_constraint *numc_constraint_independent(numc_constraint *base, int32_t event_rank);
NUMC_API int32_t numc_constraint_event_rank(const numc_constraint *constraint);
NUMC_API bool numc_constraint_is_discrete(const numc_constraint *constraint);
NUMC_API const char *numc_constraint_name(const numc_constraint *constraint); /* "interval" */
/* bool, event axes reduced. */
NUMC_API numc_array *numc_constraint_check(const numc_constraint *constraint, const numc_array *value);

/* ---- bijectors: y = f(x), smooth and invertible; beside each f: log |det df/dx| and the direction ------------------------
 * Those of vectors come from numc_bijector_to and have direction NONE. u, x: (..., n), s the sigmoid:
 *   simplex           z_k = s(x_k - log(K-k)), y_k = z_k prod_{j<k} (1 - z_j), k < K = n+1, y_K the rest;
 *                     sum_k log z_k (1 - z_k) prod_{j<k} (1 - z_j). x = 0 gives 1/K each.
 *   ordered           y_1 = x_1, y_k = y_{k-1} + exp(x_k); sum_{k>1} x_k
 *   positive_ordered  y_k = y_{k-1} + exp(x_k), y_0 = 0; sum x_k
 *   lower_cholesky    the lower triangle of y row by row from n = K(K+1)/2 numbers, exp on the diagonal; the sum of those there */
NUMC_API numc_bijector *numc_bijector_to(const numc_constraint *constraint); /* from the real line; NULL: constraint has none */
NUMC_API numc_bijector *numc_bijector_identity_(numc_context *context); /* x; 0; increasing */
NUMC_API numc_bijector *numc_bijector_exp_(numc_context *context);      /* exp(x); x; increasing */
NUMC_API numc_bijector *numc_bijector_sigmoid_(numc_context *context);  /* s(x) = 1/(1 + exp(-x)); log s(x) s(-x); increasing */
NUMC_API numc_bijector *numc_bijector_softplus_(numc_context *context); /* log(1 + exp(x)); log s(x); increasing */
/* loc + scale x; log |scale|; the sign of scale, which may not be 0 where it is constant (VALUE) */
NUMC_API numc_bijector *numc_bijector_affine_(numc_context *context, numc_operand loc, numc_operand scale);
/* Applied first to last; the terms add up. NULL for NULL among the parts. */
NUMC_API numc_bijector *numc_bijector_compose(const numc_bijector *const *parts, int32_t count);
/* x = f^-1(y); minus the log |det|; the same direction */
NUMC_API numc_bijector *numc_bijector_inverse(const numc_bijector *bijector);
/* How a map of the line goes. NONE: it is not one (of vectors), or not monotone. EITHER: each element has its direction, that of
 * the sign of an affine map's scale, which has both or is traced. */
typedef enum numc_direction {
    NUMC_DIRECTION_NONE = 0,
    NUMC_DIRECTION_INCREASING = 1,
    NUMC_DIRECTION_DECREASING = -1,
    NUMC_DIRECTION_EITHER = 2
} numc_direction;
NUMC_API numc_direction numc_bijector_direction(const numc_bijector *bijector);
NUMC_API numc_array *numc_bijector_forward(const numc_bijector *bijector, const numc_array *x);
NUMC_API numc_array *numc_bijector_backward(const numc_bijector *bijector, const numc_array *y); /* f^-1(y) */
/* log |det df/dx|, summed over the domain's event axes; y = f(x) may be NULL. */
NUMC_API numc_array *numc_bijector_log_det(const numc_bijector *bijector, const numc_array *x, const numc_array *y);
/* Shape of an unconstrained x for a y of `shape` (and back); returns the rank, writes at most 32 numbers. */
NUMC_API int32_t numc_bijector_backward_shape(const numc_bijector *bijector, numc_shape shape, int64_t out[32]);
NUMC_API int32_t numc_bijector_forward_shape(const numc_bijector *bijector, numc_shape shape, int64_t out[32]);

/* ---- what every distribution answers ----------------------------------------------------------------------------- */
NUMC_API const char *numc_distribution_name(const numc_distribution *d);
NUMC_API numc_shape numc_distribution_batch_shape(const numc_distribution *d);
NUMC_API numc_shape numc_distribution_event_shape(const numc_distribution *d);
NUMC_API numc_dtype numc_distribution_dtype(const numc_distribution *d); /* of its draws */
NUMC_API numc_constraint *numc_distribution_support(const numc_distribution *d);
NUMC_API numc_array *numc_distribution_sample(const numc_distribution *d, const numc_array *key, numc_shape sample_shape);
NUMC_API numc_array *numc_distribution_log_prob_(const numc_distribution *d, numc_operand value);
NUMC_API numc_array *numc_distribution_mean(const numc_distribution *d);
NUMC_API numc_array *numc_distribution_variance(const numc_distribution *d);
NUMC_API numc_array *numc_distribution_cdf_(const numc_distribution *d, numc_operand value); /* P(X <= value) */
/* The smallest x with cdf(x) >= probability, the ends of the support for 0 and 1; NaN outside [0, 1]. Of counts and classes it is a
 * float array of whole numbers, and constant: its gradient is 0. */
NUMC_API numc_array *numc_distribution_icdf_(const numc_distribution *d, numc_operand probability);
/* For authors: compares a distribution's functions with each other. Density integrates (sums) to one over the support, gradient of
 * log_prob against differences, draws inside the support and following the density, mean, variance, cdf and icdf against it,
 * the support's bijector round trip. Scalar events get all checks, others those that apply. Parameters must be concrete. OK, or
 * VALUE naming the first check that fails. A density with mass closer to an end than float64 resolves fails it. Slow. */
NUMC_API numc_status numc_distribution_check(const numc_distribution *d, uint64_t seed);

/* ---- distributions. Parameters are arrays or numbers, and broadcast. ------------------------------------------------------
 * Above each: its density p(x) (of counts: probability) where it is not 0, the domains of its parameters where they are not all
 * finite reals, its mean. z = (x - loc)/scale; "scale" is positive everywhere. All have sample, mean, variance, cdf and icdf, but
 * for what is named as lacking: asking for that is UNSUPPORTED. */
/* exp(-z^2/2) / (scale sqrt(2 pi)); mean loc */
NUMC_API numc_distribution *numc_normal_(numc_context *context, numc_operand loc, numc_operand scale);
/* sqrt(2/pi)/scale exp(-(x/scale)^2/2), x >= 0; mean scale sqrt(2/pi) */
NUMC_API numc_distribution *numc_half_normal_(numc_context *context, numc_operand scale);
/* exp(-z^2/2) / (x scale sqrt(2 pi)), z = (log x - loc)/scale, x > 0; mean exp(loc + scale^2/2) */
NUMC_API numc_distribution *numc_log_normal_(numc_context *context, numc_operand loc, numc_operand scale);
/* 1 / (pi scale (1 + z^2)); mean and variance are NaN: there are none */
NUMC_API numc_distribution *numc_cauchy_(numc_context *context, numc_operand loc, numc_operand scale);
/* 2 / (pi scale (1 + (x/scale)^2)), x >= 0; mean infinite */
NUMC_API numc_distribution *numc_half_cauchy_(numc_context *context, numc_operand scale);
/* (1 + z^2/v)^(-(v+1)/2) / (scale sqrt(v) B(v/2, 1/2)), v = degrees > 0, infinity gives the normal; mean loc, NaN for v <= 1;
 * variance infinite for 1 < v <= 2 */
NUMC_API numc_distribution *numc_student_t_(numc_context *context, numc_operand degrees, numc_operand loc, numc_operand scale);
/* exp(-|z|) / (2 scale); mean loc */
NUMC_API numc_distribution *numc_laplace_(numc_context *context, numc_operand loc, numc_operand scale);
/* exp(-z) / (scale (1 + exp(-z))^2); mean loc */
NUMC_API numc_distribution *numc_logistic_(numc_context *context, numc_operand loc, numc_operand scale);
/* rate exp(-rate x), x >= 0, rate > 0; mean 1/rate */
NUMC_API numc_distribution *numc_exponential_(numc_context *context, numc_operand rate);
/* b^a x^(a-1) exp(-b x) / Gamma(a), x > 0, a = concentration > 0, b = rate > 0; mean a/b */
NUMC_API numc_distribution *numc_gamma_(numc_context *context, numc_operand concentration, numc_operand rate);
/* b^a x^(-a-1) exp(-b/x) / Gamma(a), x > 0, a = concentration > 0, b = scale; mean b/(a-1), infinite for a <= 1 */
NUMC_API numc_distribution *numc_inverse_gamma_(numc_context *context, numc_operand concentration, numc_operand scale);
/* x^(a-1) (1-x)^(b-1) / B(a, b), 0 <= x <= 1, a > 0, b > 0; mean a/(a+b) */
NUMC_API numc_distribution *numc_beta_(numc_context *context, numc_operand a, numc_operand b);
/* 1/(high - low), low <= x <= high, low < high; mean (low + high)/2 */
NUMC_API numc_distribution *numc_uniform_(numc_context *context, numc_operand low, numc_operand high);
/* p at 1, 1-p at 0, 0 <= p = probability <= 1; mean p */
NUMC_API numc_distribution *numc_bernoulli_(numc_context *context, numc_operand probability);
NUMC_API numc_distribution *numc_bernoulli_logits_(numc_context *context, numc_operand logits); /* p = s(logits) */
/* C(n, k) p^k (1-p)^(n-k), k = 0..n, n = trials a whole number >= 0, 0 <= p = probability <= 1; mean n p. icdf searches: it costs
 * about 40 cdf */
NUMC_API numc_distribution *numc_binomial_(numc_context *context, numc_operand trials, numc_operand probability);
NUMC_API numc_distribution *numc_binomial_logits_(numc_context *context, numc_operand trials, numc_operand logits); /* p = s(logits) */
/* r^k exp(-r) / k!, k = 0, 1, ..., r = rate >= 0; mean r. icdf searches: it costs about 40 cdf */
NUMC_API numc_distribution *numc_poisson_(numc_context *context, numc_operand rate);
NUMC_API numc_distribution *numc_poisson_log_(numc_context *context, numc_operand log_rate); /* r = exp(log_rate) */
/* p_k at k = 0..K-1, p (..., K) on the simplex; mean, variance, cdf and icdf are those of the number k: mean sum k p_k */
NUMC_API numc_distribution *numc_categorical(const numc_array *probabilities);
NUMC_API numc_distribution *numc_categorical_logits(const numc_array *logits); /* p = softmax(logits) */
/* Gamma(sum a) prod x_k^(a_k - 1) / Gamma(a_k), x on the simplex, a (..., K) = concentration > 0; mean a / sum a. No cdf, icdf */
NUMC_API numc_distribution *numc_dirichlet(const numc_array *concentration);
/* exp(-(x-m)' inv(S) (x-m) / 2) / sqrt(det(2 pi S)), m (..., D) = loc; S (..., D, D) positive definite; mean m, variance the diagonal
 * of S. S is given as itself, as its inverse, or as L with S = L L', lower triangular with a positive diagonal. No cdf, icdf */
NUMC_API numc_distribution *numc_multivariate_normal_covariance(const numc_array *loc, const numc_array *covariance);
NUMC_API numc_distribution *numc_multivariate_normal_precision(const numc_array *loc, const numc_array *precision);
NUMC_API numc_distribution *numc_multivariate_normal_cholesky(const numc_array *loc, const numc_array *scale_tril);
/* All mass at `value`, whose last event_rank axes are the event: log_prob 0 there, -inf elsewhere; mean value. No icdf; cdf for
 * scalar events */
NUMC_API numc_distribution *numc_delta_(numc_context *context, numc_operand value, int32_t event_rank);
/* Density 1 over a constraint. shape: batch shape then event shape (the constraint's event rank is its tail). Only log_prob and
 * support */
NUMC_API numc_distribution *numc_improper_uniform(const numc_constraint *support, numc_shape shape);

/* Wrappers; each has what its base has, but for what is named. */
/* The last `axes` batch axes join the event: p = prod p_i; mean and variance of the entries. No cdf, icdf */
NUMC_API numc_distribution *numc_independent(const numc_distribution *base, int32_t axes);
/* Independent copies along new batch axes and those of extent 1. */
NUMC_API numc_distribution *numc_expanded(const numc_distribution *base, numc_shape batch_shape);
/* log_prob is 0 where mask (bool, broadcasts with the batch) is false; all else is the base's. */
NUMC_API numc_distribution *numc_masked(const numc_distribution *base, const numc_array *mask);
/* y = f(x), x of the base, which is not discrete: p(f^-1(y)) / |det df/dx|. cdf and icdf of scalar events through a map with a direction
 * (F(f^-1(y)), or 1 - F for a decreasing one; then a delta has none), mean and variance through affine maps, their inverses and
 * compositions. */
NUMC_API numc_distribution *numc_transformed(const numc_distribution *base, const numc_bijector *bijector);

/* ---- your own ---------------------------------------------------------------------------------------------------- */
typedef struct numc_parameter_rule {
    const char *name;
    /* The region the parameter must lie in; NULL: any real. */
    numc_constraint *(*constraint)(numc_context *context);
    int32_t event_rank; /* trailing axes that are not batch: 0 scalar, 1 vector, 2 matrix */
} numc_parameter_rule;

/* Every distribution of the library is one static object of this type. Callbacks answer NULL with an error in the context.
 * Optional callbacks are NULL: asking then is the error UNSUPPORTED naming distribution and function. The class must outlive
 * every distribution made of it; callbacks may run concurrently. */
typedef struct numc_distribution_class {
    size_t size; /* sizeof(numc_distribution_class) */
    const char *name;
    int32_t parameter_count;
    const numc_parameter_rule *parameters;
    bool discrete;
    int32_t event_rank;
    /* Event shape from the parameters, event_rank numbers; NULL when event_rank is 0, or to take the last axes of parameter 0. */
    numc_status (*event_shape)(const numc_distribution *d, int64_t *shape);
    numc_constraint *(*support)(const numc_distribution *d); /* NULL: real */
    /* Required. The value lies inside the support: for others the library puts a point inside in their place and answers -inf.
     * The result is elementwise over the batch; it may have fewer axes that broadcast. */
    numc_array *(*log_prob)(const numc_distribution *d, const numc_array *value);
    /* shape: that of the result without the event axes. It ends in the batch shape, or one that broadcasts from it. */
    numc_array *(*sample)(const numc_distribution *d, const numc_array *key, numc_shape shape);
    numc_array *(*mean)(const numc_distribution *d);
    numc_array *(*variance)(const numc_distribution *d);
    numc_array *(*cdf)(const numc_distribution *d, const numc_array *value);
    numc_array *(*icdf)(const numc_distribution *d, const numc_array *probability);
    numc_dtype value_dtype; /* of draws; default: the parameters' float dtype, int64 when discrete */
} numc_distribution_class;

NUMC_API numc_distribution *numc_distribution_new_(numc_context *context, const numc_distribution_class *kind,
                                                   const numc_operand *parameters, int32_t parameter_count, void *user);
/* For callbacks: the parameters (as given, converted to a float dtype, not yet broadcast), the user pointer, the lane. */
NUMC_API numc_array *numc_distribution_parameter(const numc_distribution *d, int32_t index);
NUMC_API void *numc_distribution_user(const numc_distribution *d);
NUMC_API numc_context *numc_distribution_context(const numc_distribution *d);

#ifndef __cplusplus
#define numc_constraint_real(where) numc_constraint_real_(NUMC_CONTEXT(where))
#define numc_constraint_positive(where) numc_constraint_positive_(NUMC_CONTEXT(where))
#define numc_constraint_nonnegative(where) numc_constraint_nonnegative_(NUMC_CONTEXT(where))
#define numc_constraint_unit_interval(where) numc_constraint_unit_interval_(NUMC_CONTEXT(where))
#define numc_constraint_greater_than(where, lower) numc_constraint_greater_than_(NUMC_CONTEXT(where), NUMC_OPERAND(lower))
#define numc_constraint_less_than(where, upper) numc_constraint_less_than_(NUMC_CONTEXT(where), NUMC_OPERAND(upper))
#define numc_constraint_interval(where, lower, upper) \
    numc_constraint_interval_(NUMC_CONTEXT(where), NUMC_OPERAND(lower), NUMC_OPERAND(upper))
#define numc_constraint_simplex(where) numc_constraint_simplex_(NUMC_CONTEXT(where))
#define numc_constraint_ordered(where) numc_constraint_ordered_(NUMC_CONTEXT(where))
#define numc_constraint_positive_ordered(where) numc_constraint_positive_ordered_(NUMC_CONTEXT(where))
#define numc_constraint_lower_cholesky(where) numc_constraint_lower_cholesky_(NUMC_CONTEXT(where))
#define numc_constraint_positive_definite(where) numc_constraint_positive_definite_(NUMC_CONTEXT(where))
#define numc_constraint_boolean(where) numc_constraint_boolean_(NUMC_CONTEXT(where))
#define numc_constraint_integer_interval(where, lower, upper) \
    numc_constraint_integer_interval_(NUMC_CONTEXT(where), NUMC_OPERAND(lower), NUMC_OPERAND(upper))
#define numc_constraint_nonnegative_integer(where) numc_constraint_nonnegative_integer_(NUMC_CONTEXT(where))
#define numc_bijector_identity(where) numc_bijector_identity_(NUMC_CONTEXT(where))
#define numc_bijector_exp(where) numc_bijector_exp_(NUMC_CONTEXT(where))
#define numc_bijector_sigmoid(where) numc_bijector_sigmoid_(NUMC_CONTEXT(where))
#define numc_bijector_softplus(where) numc_bijector_softplus_(NUMC_CONTEXT(where))
#define numc_bijector_affine(where, loc, scale) numc_bijector_affine_(NUMC_CONTEXT(where), NUMC_OPERAND(loc), NUMC_OPERAND(scale))
#define numc_distribution_log_prob(d, value) numc_distribution_log_prob_(d, NUMC_OPERAND(value))
#define numc_distribution_cdf(d, value) numc_distribution_cdf_(d, NUMC_OPERAND(value))
#define numc_distribution_icdf(d, probability) numc_distribution_icdf_(d, NUMC_OPERAND(probability))
#define numc_normal(where, loc, scale) numc_normal_(NUMC_CONTEXT(where), NUMC_OPERAND(loc), NUMC_OPERAND(scale))
#define numc_half_normal(where, scale) numc_half_normal_(NUMC_CONTEXT(where), NUMC_OPERAND(scale))
#define numc_log_normal(where, loc, scale) numc_log_normal_(NUMC_CONTEXT(where), NUMC_OPERAND(loc), NUMC_OPERAND(scale))
#define numc_cauchy(where, loc, scale) numc_cauchy_(NUMC_CONTEXT(where), NUMC_OPERAND(loc), NUMC_OPERAND(scale))
#define numc_half_cauchy(where, scale) numc_half_cauchy_(NUMC_CONTEXT(where), NUMC_OPERAND(scale))
#define numc_student_t(where, degrees, loc, scale) \
    numc_student_t_(NUMC_CONTEXT(where), NUMC_OPERAND(degrees), NUMC_OPERAND(loc), NUMC_OPERAND(scale))
#define numc_laplace(where, loc, scale) numc_laplace_(NUMC_CONTEXT(where), NUMC_OPERAND(loc), NUMC_OPERAND(scale))
#define numc_logistic(where, loc, scale) numc_logistic_(NUMC_CONTEXT(where), NUMC_OPERAND(loc), NUMC_OPERAND(scale))
#define numc_exponential(where, rate) numc_exponential_(NUMC_CONTEXT(where), NUMC_OPERAND(rate))
#define numc_gamma(where, concentration, rate) numc_gamma_(NUMC_CONTEXT(where), NUMC_OPERAND(concentration), NUMC_OPERAND(rate))
#define numc_inverse_gamma(where, concentration, scale) \
    numc_inverse_gamma_(NUMC_CONTEXT(where), NUMC_OPERAND(concentration), NUMC_OPERAND(scale))
#define numc_beta(where, a, b) numc_beta_(NUMC_CONTEXT(where), NUMC_OPERAND(a), NUMC_OPERAND(b))
#define numc_uniform(where, low, high) numc_uniform_(NUMC_CONTEXT(where), NUMC_OPERAND(low), NUMC_OPERAND(high))
#define numc_bernoulli(where, probability) numc_bernoulli_(NUMC_CONTEXT(where), NUMC_OPERAND(probability))
#define numc_bernoulli_logits(where, logits) numc_bernoulli_logits_(NUMC_CONTEXT(where), NUMC_OPERAND(logits))
#define numc_binomial(where, trials, probability) \
    numc_binomial_(NUMC_CONTEXT(where), NUMC_OPERAND(trials), NUMC_OPERAND(probability))
#define numc_binomial_logits(where, trials, logits) \
    numc_binomial_logits_(NUMC_CONTEXT(where), NUMC_OPERAND(trials), NUMC_OPERAND(logits))
#define numc_poisson(where, rate) numc_poisson_(NUMC_CONTEXT(where), NUMC_OPERAND(rate))
#define numc_poisson_log(where, log_rate) numc_poisson_log_(NUMC_CONTEXT(where), NUMC_OPERAND(log_rate))
#define numc_delta(where, value, event_rank) numc_delta_(NUMC_CONTEXT(where), NUMC_OPERAND(value), event_rank)
#define numc_distribution_new(where, kind, user, ...) \
    numc_distribution_new_(NUMC_CONTEXT(where), kind, (const numc_operand[]){__VA_ARGS__}, \
                           (int32_t)(sizeof((const numc_operand[]){__VA_ARGS__}) / sizeof(numc_operand)), user)
#endif

#ifdef __cplusplus
}
#endif
#endif
