/* random.h - for users: splittable random keys and samplers on arrays.
 *
 * A key is a uint32 array of shape (2): Threefry-2x32 with 20 rounds (Salmon et al. 2011). key, split, fold_in and bits equal
 * JAX's with jax_threefry_partitionable on: element i (row-major) of a draw depends on the key and i alone. bits, uniform, randint,
 * bernoulli, normal, exponential, gamma, loggamma, poisson and binomial use only the library's own scalar mathematics in
 * float64: the same bits on every backend with float64. The others apply a backend's log, tan or exp to those and agree to
 * its rounding. `shape` is the shape of the result; parameters broadcast to it. dtype: real; NUMC_DTYPE_DEFAULT is the default
 * float (bits: uint32, randint: int64). Everything here can be traced. */
#ifndef NUMC_RANDOM_H
#define NUMC_RANDOM_H

#include "numc/array.h"

#ifdef __cplusplus
extern "C" {
#endif

NUMC_API numc_array *numc_random_key_(numc_context *context, uint64_t seed); /* (seed >> 32, seed & 0xffffffff) */
NUMC_API numc_array *numc_random_split(const numc_array *key, int64_t count); /* uint32[count, 2] */
NUMC_API numc_array *numc_random_fold_in(const numc_array *key, uint32_t data);
NUMC_API numc_array *numc_random_bits(const numc_array *key, numc_dtype dtype, numc_shape shape); /* uint8..uint64 */
NUMC_API numc_array *numc_random_uniform_(const numc_array *key, numc_dtype dtype, numc_shape shape, numc_operand low, numc_operand high);
NUMC_API numc_array *numc_random_normal(const numc_array *key, numc_dtype dtype, numc_shape shape);
NUMC_API numc_array *numc_random_exponential(const numc_array *key, numc_dtype dtype, numc_shape shape);
NUMC_API numc_array *numc_random_cauchy(const numc_array *key, numc_dtype dtype, numc_shape shape);
NUMC_API numc_array *numc_random_laplace(const numc_array *key, numc_dtype dtype, numc_shape shape);
NUMC_API numc_array *numc_random_logistic(const numc_array *key, numc_dtype dtype, numc_shape shape);
NUMC_API numc_array *numc_random_gumbel(const numc_array *key, numc_dtype dtype, numc_shape shape);
NUMC_API numc_array *numc_random_randint(const numc_array *key, numc_dtype dtype, numc_shape shape, int64_t low, int64_t high); /* [low, high) */
NUMC_API numc_array *numc_random_bernoulli_(const numc_array *key, numc_operand probability, numc_shape shape); /* bool */
NUMC_API numc_array *numc_random_gamma_(const numc_array *key, numc_operand shape_parameter, numc_dtype dtype, numc_shape shape);
NUMC_API numc_array *numc_random_loggamma_(const numc_array *key, numc_operand shape_parameter, numc_dtype dtype, numc_shape shape);
NUMC_API numc_array *numc_random_beta_(const numc_array *key, numc_operand a, numc_operand b, numc_dtype dtype, numc_shape shape);
NUMC_API numc_array *numc_random_student_t_(const numc_array *key, numc_operand degrees, numc_dtype dtype, numc_shape shape);
NUMC_API numc_array *numc_random_poisson_(const numc_array *key, numc_operand rate, numc_dtype dtype, numc_shape shape);
NUMC_API numc_array *numc_random_binomial_(const numc_array *key, numc_operand trials, numc_operand probability, numc_dtype dtype, numc_shape shape);
/* concentration: (..., K); shape: the batch shape of the result, which is shape + (K). */
NUMC_API numc_array *numc_random_dirichlet(const numc_array *key, const numc_array *concentration, numc_dtype dtype, numc_shape shape);
/* logits: (..., K), unnormalised; int64 results in 0..K-1 of the given shape. */
NUMC_API numc_array *numc_random_categorical(const numc_array *key, const numc_array *logits, numc_shape shape);
#ifndef __cplusplus
#define numc_random_key(where, seed) numc_random_key_(NUMC_CONTEXT(where), seed)
#define numc_random_uniform(key, dtype, shape, low, high) numc_random_uniform_(key, dtype, shape, NUMC_OPERAND(low), NUMC_OPERAND(high))
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
