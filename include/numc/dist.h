/* dist.h - for users: constraints, bijectors and distributions with batch and event shapes.
 *
 * A distribution has a batch shape (its parameters, broadcast) and an event shape; a draw has shape sample + batch + event and
 * log_prob of a value sums over the event. All objects of this header belong to the scope they are made in, like arrays, and
 * are immutable; NULL passes through with the error in the context. Constants among the parameters are checked when the
 * object is made (error VALUE naming parameter and value; those without a region must be finite); what depends on traced
 * values is never an error: log_prob is -inf outside the support, NaN where a parameter is outside its domain or NaN. The
 * selection is made on the value, so gradients outside are 0 and not NaN. Thread rule: as arrays, of one lane. */
#ifndef NUMC_DIST_H
#define NUMC_DIST_H

#include "numc/array.h"

#ifdef __cplusplus
extern "C" {
#endif

typedef struct numc_constraint numc_constraint;
typedef struct numc_bijector numc_bijector;
typedef struct numc_distribution numc_distribution;

/* ---- constraints: a region of space; event_rank says how many trailing axes one point has ------------------------------- */
NUMC_API numc_constraint *numc_constraint_real_(numc_context *context);
NUMC_API numc_constraint *numc_constraint_positive_(numc_context *context);            /* x > 0 */
NUMC_API numc_constraint *numc_constraint_nonnegative_(numc_context *context);
NUMC_API numc_constraint *numc_constraint_unit_interval_(numc_context *context);       /* 0 <= x <= 1 */
NUMC_API numc_constraint *numc_constraint_greater_than_(numc_context *context, numc_operand lower);
NUMC_API numc_constraint *numc_constraint_less_than_(numc_context *context, numc_operand upper);
NUMC_API numc_constraint *numc_constraint_interval_(numc_context *context, numc_operand lower, numc_operand upper);
NUMC_API numc_constraint *numc_constraint_simplex_(numc_context *context);             /* x >= 0, sum 1 */
NUMC_API numc_constraint *numc_constraint_ordered_(numc_context *context);             /* x_1 < x_2 < ... */
NUMC_API numc_constraint *numc_constraint_positive_ordered_(numc_context *context);
NUMC_API numc_constraint *numc_constraint_lower_cholesky_(numc_context *context);      /* lower triangular, positive diagonal */
NUMC_API numc_constraint *numc_constraint_positive_definite_(numc_context *context);   /* check only: symmetric */
NUMC_API numc_constraint *numc_constraint_boolean_(numc_context *context);             /* 0 or 1 */
NUMC_API numc_constraint *numc_constraint_integer_interval_(numc_context *context, numc_operand lower, numc_operand upper);
NUMC_API numc_constraint *numc_constraint_nonnegative_integer_(numc_context *context);
/* Moves batch axes to the event. */
NUMC_API numc_constraint *numc_constraint_independent(numc_constraint *base, int32_t event_rank);
NUMC_API int32_t numc_constraint_event_rank(const numc_constraint *constraint);
NUMC_API bool numc_constraint_is_discrete(const numc_constraint *constraint);
NUMC_API const char *numc_constraint_name(const numc_constraint *constraint); /* "interval" */
/* bool, event axes reduced. */
NUMC_API numc_array *numc_constraint_check(const numc_constraint *constraint, const numc_array *value);

/* ---- bijectors: y = f(x), smooth and invertible ------------------------------------------------------------------ */
NUMC_API numc_bijector *numc_bijector_to(const numc_constraint *constraint); /* from the real line; NULL: constraint has none */
NUMC_API numc_bijector *numc_bijector_identity_(numc_context *context);
NUMC_API numc_bijector *numc_bijector_exp_(numc_context *context);
NUMC_API numc_bijector *numc_bijector_sigmoid_(numc_context *context);
NUMC_API numc_bijector *numc_bijector_softplus_(numc_context *context);
NUMC_API numc_bijector *numc_bijector_affine_(numc_context *context, numc_operand loc, numc_operand scale); /* loc + scale x */
NUMC_API numc_bijector *numc_bijector_compose(const numc_bijector *const *parts, int32_t count); /* applied first to last */
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
NUMC_API numc_array *numc_distribution_cdf_(const numc_distribution *d, numc_operand value);
NUMC_API numc_array *numc_distribution_icdf_(const numc_distribution *d, numc_operand probability); /* NaN outside [0, 1] */
/* For authors: compares a distribution's functions with each other. Density integrates (sums) to one over the support, gradient of
 * log_prob against differences, draws inside the support and following the density, mean, variance, cdf and icdf against it,
 * the support's bijector round trip. Scalar events get all checks, others those that apply. Parameters must be concrete. OK, or
 * VALUE naming the first check that fails. A density with mass closer to an end than float64 resolves fails it. Slow. */
NUMC_API numc_status numc_distribution_check(const numc_distribution *d, uint64_t seed);

/* ---- distributions. Parameters are arrays or numbers. ------------------------------------------------------------ */
/* X(name, parameters...) with one scalar event. Densities: as the usual parametrisation named here. */
NUMC_API numc_distribution *numc_normal_(numc_context *context, numc_operand loc, numc_operand scale);
NUMC_API numc_distribution *numc_half_normal_(numc_context *context, numc_operand scale);
NUMC_API numc_distribution *numc_log_normal_(numc_context *context, numc_operand loc, numc_operand scale);
NUMC_API numc_distribution *numc_cauchy_(numc_context *context, numc_operand loc, numc_operand scale);
NUMC_API numc_distribution *numc_half_cauchy_(numc_context *context, numc_operand scale);
NUMC_API numc_distribution *numc_student_t_(numc_context *context, numc_operand degrees, numc_operand loc, numc_operand scale);
NUMC_API numc_distribution *numc_laplace_(numc_context *context, numc_operand loc, numc_operand scale);
NUMC_API numc_distribution *numc_logistic_(numc_context *context, numc_operand loc, numc_operand scale);
NUMC_API numc_distribution *numc_exponential_(numc_context *context, numc_operand rate);
NUMC_API numc_distribution *numc_gamma_(numc_context *context, numc_operand concentration, numc_operand rate);
NUMC_API numc_distribution *numc_inverse_gamma_(numc_context *context, numc_operand concentration, numc_operand scale);
NUMC_API numc_distribution *numc_beta_(numc_context *context, numc_operand a, numc_operand b);
NUMC_API numc_distribution *numc_uniform_(numc_context *context, numc_operand low, numc_operand high);
NUMC_API numc_distribution *numc_bernoulli_(numc_context *context, numc_operand probability);
NUMC_API numc_distribution *numc_bernoulli_logits_(numc_context *context, numc_operand logits);
NUMC_API numc_distribution *numc_binomial_(numc_context *context, numc_operand trials, numc_operand probability);
NUMC_API numc_distribution *numc_binomial_logits_(numc_context *context, numc_operand trials, numc_operand logits);
NUMC_API numc_distribution *numc_poisson_(numc_context *context, numc_operand rate);
NUMC_API numc_distribution *numc_poisson_log_(numc_context *context, numc_operand log_rate); /* rate = exp(log_rate) */
NUMC_API numc_distribution *numc_categorical(const numc_array *probabilities); /* (..., K) */
NUMC_API numc_distribution *numc_categorical_logits(const numc_array *logits);
NUMC_API numc_distribution *numc_dirichlet(const numc_array *concentration);   /* (..., K) */
/* loc (..., D); exactly one matrix (..., D, D). */
NUMC_API numc_distribution *numc_multivariate_normal_covariance(const numc_array *loc, const numc_array *covariance);
NUMC_API numc_distribution *numc_multivariate_normal_precision(const numc_array *loc, const numc_array *precision);
NUMC_API numc_distribution *numc_multivariate_normal_cholesky(const numc_array *loc, const numc_array *scale_tril);
NUMC_API numc_distribution *numc_delta_(numc_context *context, numc_operand value, int32_t event_rank);
/* Density 1 over a constraint, no sampler. shape: batch shape then event shape (the constraint's event rank is its tail). */
NUMC_API numc_distribution *numc_improper_uniform(const numc_constraint *support, numc_shape shape);

/* Wrappers. */
NUMC_API numc_distribution *numc_independent(const numc_distribution *base, int32_t axes); /* last batch axes join the event */
NUMC_API numc_distribution *numc_expanded(const numc_distribution *base, numc_shape batch_shape);
NUMC_API numc_distribution *numc_masked(const numc_distribution *base, const numc_array *mask); /* log_prob 0 where false */
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
