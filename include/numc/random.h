/* random.h - for users: splittable random keys and samplers on arrays.
 *
 * A key is a uint32 array of shape (2): Threefry-2x32 with 20 rounds (Salmon et al. 2011). key, split, fold_in and bits equal
 * JAX's with jax_threefry_partitionable on: element i (row-major) of a draw depends on the key and i alone. bits, uniform,
 * randint, bernoulli, normal, exponential, gamma, loggamma, poisson and binomial use only the library's own scalar
 * mathematics in float64: the same bits on every backend with float64. The others apply a backend's log, tan or exp to
 * those and agree to its rounding. `shape` is the shape of the result; parameters broadcast to it. dtype: real;
 * NUMC_DTYPE_DEFAULT is the default float (bits: uint32, randint: int64); another kind is NUMC_DTYPE. Everything here can
 * be traced.
 *
 * Parameters outside their domain: uniform's bounds not finite or low > high, a probability outside [0, 1], trials that are
 * not whole numbers in [0, 2^53), a row of logits that holds NaN or nothing above -inf are NUMC_VALUE where the values are
 * known. A traced one gives NaN (uniform, binomial), or a draw as of the nearest that makes sense (bernoulli: false of NaN;
 * uniform with low > high: low; categorical: any class). The other samplers give NaN. */
#ifndef NUMC_RANDOM_H
#define NUMC_RANDOM_H

#include "numc/array.h"

#ifdef __cplusplus
extern "C" {
#endif

/* ---- keys -------------------------------------------------------------------------------------------------------- */

/* uint32[2]: (seed >> 32, seed & 0xffffffff). Anything but a uint32[2] as a key is NUMC_INVALID_ARGUMENT. */
NUMC_API numc_array *numc_random_key_(numc_context *context, uint64_t seed);
/* uint32[count, 2]: a key per row, each and all apart from the key they come from. */
NUMC_API numc_array *numc_random_split(const numc_array *key, int64_t count);
/* uint32[2]: the key's child number `data`. */
NUMC_API numc_array *numc_random_fold_in(const numc_array *key, uint32_t data);

/* ---- draws of a standard form ------------------------------------------------------------------------------------ */

/* Uniform over all values of uint8 .. uint64. */
NUMC_API numc_array *numc_random_bits(const numc_array *key, numc_dtype dtype, numc_shape shape);
/* On [low, high): low + u (high - low), u a multiple of 2^-52 (float32: 2^-23) in [0, 1). low < high is not checked. */
NUMC_API numc_array *numc_random_uniform_(const numc_array *key, numc_dtype dtype, numc_shape shape, numc_operand low,
                                          numc_operand high);
/* Location 0 and scale 1, density on the real line unless said: normal exp(-x^2/2)/sqrt(2 pi); exponential exp(-x), x > 0;
 * cauchy 1/(pi (1 + x^2)); laplace exp(-|x|)/2; logistic exp(-x)/(1 + exp(-x))^2; gumbel exp(-x - exp(-x)). */
NUMC_API numc_array *numc_random_normal(const numc_array *key, numc_dtype dtype, numc_shape shape);
NUMC_API numc_array *numc_random_exponential(const numc_array *key, numc_dtype dtype, numc_shape shape);
NUMC_API numc_array *numc_random_cauchy(const numc_array *key, numc_dtype dtype, numc_shape shape);
NUMC_API numc_array *numc_random_laplace(const numc_array *key, numc_dtype dtype, numc_shape shape);
NUMC_API numc_array *numc_random_logistic(const numc_array *key, numc_dtype dtype, numc_shape shape);
NUMC_API numc_array *numc_random_gumbel(const numc_array *key, numc_dtype dtype, numc_shape shape);
/* Uniform over the integers low .. high - 1 of an integer dtype; NUMC_VALUE where they are none of it. */
NUMC_API numc_array *numc_random_randint(const numc_array *key, numc_dtype dtype, numc_shape shape, int64_t low, int64_t high);

/* ---- draws with parameters, which are not checked ---------------------------------------------------------------- */

/* bool: true with the probability. */
NUMC_API numc_array *numc_random_bernoulli_(const numc_array *key, numc_operand probability, numc_shape shape);
/* Density x^(a - 1) exp(-x) / Gamma(a), x > 0; its logarithm, which does not underflow for small a. */
NUMC_API numc_array *numc_random_gamma_(const numc_array *key, numc_operand shape_parameter, numc_dtype dtype, numc_shape shape);
NUMC_API numc_array *numc_random_loggamma_(const numc_array *key, numc_operand shape_parameter, numc_dtype dtype,
                                           numc_shape shape);
/* Density x^(a - 1) (1 - x)^(b - 1) / B(a, b), 0 < x < 1. */
NUMC_API numc_array *numc_random_beta_(const numc_array *key, numc_operand a, numc_operand b, numc_dtype dtype,
                                       numc_shape shape);
/* normal sqrt(degrees / chi^2(degrees)). */
NUMC_API numc_array *numc_random_student_t_(const numc_array *key, numc_operand degrees, numc_dtype dtype, numc_shape shape);
/* Counts as numbers of a float dtype: mass rate^k exp(-rate) / k!; successes in `trials` with the probability each. */
NUMC_API numc_array *numc_random_poisson_(const numc_array *key, numc_operand rate, numc_dtype dtype, numc_shape shape);
NUMC_API numc_array *numc_random_binomial_(const numc_array *key, numc_operand trials, numc_operand probability,
                                           numc_dtype dtype, numc_shape shape);
/* concentration: (..., K); shape: the batch shape of the result, which is shape + (K), each row a point of the simplex. */
NUMC_API numc_array *numc_random_dirichlet(const numc_array *key, const numc_array *concentration, numc_dtype dtype,
                                           numc_shape shape);
/* logits: (..., K), unnormalised; int64 results in 0..K-1 of the given shape, with probabilities softmax(logits). */
NUMC_API numc_array *numc_random_categorical(const numc_array *key, const numc_array *logits, numc_shape shape);
#ifndef __cplusplus
#define numc_random_key(where, seed) numc_random_key_(NUMC_CONTEXT(where), seed)
#define numc_random_uniform(key, dtype, shape, low, high) \
    numc_random_uniform_(key, dtype, shape, NUMC_OPERAND(low), NUMC_OPERAND(high))
#define numc_random_bernoulli(key, probability, shape) numc_random_bernoulli_(key, NUMC_OPERAND(probability), shape)
#define numc_random_gamma(key, a, dtype, shape) numc_random_gamma_(key, NUMC_OPERAND(a), dtype, shape)
#define numc_random_loggamma(key, a, dtype, shape) numc_random_loggamma_(key, NUMC_OPERAND(a), dtype, shape)
#define numc_random_beta(key, a, b, dtype, shape) numc_random_beta_(key, NUMC_OPERAND(a), NUMC_OPERAND(b), dtype, shape)
#define numc_random_student_t(key, degrees, dtype, shape) numc_random_student_t_(key, NUMC_OPERAND(degrees), dtype, shape)
#define numc_random_poisson(key, rate, dtype, shape) numc_random_poisson_(key, NUMC_OPERAND(rate), dtype, shape)
#define numc_random_binomial(key, trials, probability, dtype, shape) \
    numc_random_binomial_(key, NUMC_OPERAND(trials), NUMC_OPERAND(probability), dtype, shape)
#endif

#ifdef __cplusplus
}
#endif
#endif
