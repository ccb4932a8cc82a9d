/* internal.h - internal: draws whose parameters are not looked at, for distributions: theirs were held to their constraints when
 * the distribution was made, and what depends on a latent value is never an error. A bad parameter gives NaN, or the draw that
 * the nearest good one gives. */
#ifndef NUMC_RANDOM_INTERNAL_H
#define NUMC_RANDOM_INTERNAL_H

#include "array/internal.h"
#include "numc/random.h"

numc_array *numc__random_uniform(const numc_array *key, numc_dtype dtype, numc_shape shape, numc_operand low, numc_operand high);
numc_array *numc__random_bernoulli(const numc_array *key, numc_operand probability, numc_shape shape);
numc_array *numc__random_binomial(const numc_array *key, numc_operand trials, numc_operand probability, numc_dtype dtype,
                                  numc_shape shape);
numc_array *numc__random_categorical(const numc_array *key, const numc_array *logits, numc_shape shape);

#endif
