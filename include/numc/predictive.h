/* predictive.h - for users: what a model says about its other quantities, given draws of its latent sites or from its priors.
 *
 * The model is traced and compiled once and then run for every draw, chains on threads. The draws depend on seed, model and
 * posterior, not on the number of threads. A result is immutable and may be read from any thread. */
#ifndef NUMC_PREDICTIVE_H
#define NUMC_PREDICTIVE_H

#include "numc/mcmc.h"

#ifdef __cplusplus
extern "C" {
#endif

typedef struct numc_predictive numc_predictive;

/* Zero is the default of every field. */
typedef struct numc_predictive_options {
    int64_t draws;       /* without a posterior: draws from the priors, in one chain; 1000 */
    bool log_likelihood; /* log probabilities of the observations, elementwise over their batch shape, instead of new draws */
    int32_t threads;     /* one per chain, at most one per core; a callback in dynamic mode runs on all of them */
} numc_predictive_options;

/* For each draw of `posterior`: the latent sites take their drawn values (a site the posterior lacks is drawn from its
 * distribution), observed sites are drawn anew from their distributions, deterministics are computed. The model may be another
 * one than was sampled, most often with other data bound, as long as the latent sites agree in shape. Without a posterior
 * (NULL) everything is drawn. The result has a site per observed, deterministic and newly drawn site, in the order of the
 * model; with log_likelihood, one per observed site. An observed site's draw has the shape of its distribution; unless
 * log_likelihood is set its value is not looked at, so that new predictors may be bound without observations of their length.
 * NULL with an error pending; the result belongs to the model's context. options may be NULL. */
NUMC_API numc_predictive *numc_predictive_new_sized(numc_model *model, const numc_mcmc *posterior, uint64_t seed,
                                                    const numc_predictive_options *options, size_t size);
static inline numc_predictive *numc_predictive_new(numc_model *model, const numc_mcmc *posterior, uint64_t seed,
                                                   const numc_predictive_options *options)
{
    return numc_predictive_new_sized(model, posterior, seed, options, sizeof(numc_predictive_options));
}
NUMC_API void numc_predictive_free(numc_predictive *predictive); /* NULL is accepted; else freed at numc_close */

/* Sites as in numc_mcmc_site; values are borrowed and hold until free. */
NUMC_API int32_t numc_predictive_site_count(const numc_predictive *predictive);
NUMC_API numc_status numc_predictive_site_at(const numc_predictive *predictive, int32_t index, numc_mcmc_site *site);
NUMC_API numc_status numc_predictive_site_find(const numc_predictive *predictive, const char *name, numc_mcmc_site *site);

#ifdef __cplusplus
}
#endif
#endif
