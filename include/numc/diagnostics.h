/* diagnostics.h - for users: how well a Markov chain Monte Carlo run represents its target, from the draws alone.
 *
 * Definitions: Vehtari, Gelman, Simpson, Carpenter, Buerkner (2021), "Rank-normalization, folding, and localization: an
 * improved R-hat", Bayesian Analysis 16(2), with the estimator of effective sample size by Geyer's initial monotone
 * sequence that the paper's appendix gives; energy fraction: Betancourt (2016), arXiv:1604.00695.
 *
 * The functions may run on any thread, one call per context lane at a time. A result that is not defined (a value that is
 * not finite, all values equal, fewer than 4 draws per chain) is NaN, not an error. */
#ifndef NUMC_DIAGNOSTICS_H
#define NUMC_DIAGNOSTICS_H

#include "numc/base.h"

#ifdef __cplusplus
extern "C" {
#endif

/* Draws of one scalar quantity, borrowed: values[chain * chain_stride + draw * draw_stride], strides in doubles. */
typedef struct numc_draws {
    const double *values;
    int64_t chains, draws;
    int64_t chain_stride, draw_stride;
} numc_draws;

/* Chains are split in halves (a middle draw is left out of an odd number) before every estimate below. */

/* Rank-normalised split R-hat: the larger of bulk (ranks of x) and folded (ranks of |x - median|). */
NUMC_API numc_status numc_diagnostic_rhat(numc_context *context, const numc_draws *draws, double *rhat);
/* Effective sample size of the normalised ranks: how well the centre is known. */
NUMC_API numc_status numc_diagnostic_ess_bulk(numc_context *context, const numc_draws *draws, double *ess);
/* The smaller effective sample size of the 5% and the 95% quantile. */
NUMC_API numc_status numc_diagnostic_ess_tail(numc_context *context, const numc_draws *draws, double *ess);
/* Effective sample size for the mean, and for the quantile of 0 < probability < 1. */
NUMC_API numc_status numc_diagnostic_ess_mean(numc_context *context, const numc_draws *draws, double *ess);
NUMC_API numc_status numc_diagnostic_ess_quantile(numc_context *context, const numc_draws *draws,
                                                  double probability, double *ess);
/* Monte Carlo standard errors. mean: sd / sqrt(ESS of the mean); sd: delta method on the squared deviations with their own
 * ESS; quantile: half the width between the order statistics at the 16% and 84% points of the beta law of the rank. */
NUMC_API numc_status numc_diagnostic_mcse_mean(numc_context *context, const numc_draws *draws, double *error);
NUMC_API numc_status numc_diagnostic_mcse_sd(numc_context *context, const numc_draws *draws, double *error);
NUMC_API numc_status numc_diagnostic_mcse_quantile(numc_context *context, const numc_draws *draws,
                                                   double probability, double *error);
/* The quantile of all draws together: linear between order statistics at 1 + (S - 1) probability, 0 <= probability <= 1. */
NUMC_API numc_status numc_diagnostic_quantile(numc_context *context, const numc_draws *draws, double probability,
                                              double *quantile);
/* Energy fraction of missing information of one chain's energies: sum (E_i - E_(i-1))^2 / sum (E_i - mean)^2.
 * Below about 0.3 the momentum resampling explores energies poorly. NaN for NULL or no draws. */
NUMC_API double numc_diagnostic_ebfmi(const double *energy, int64_t draws, int64_t stride);

/* One row of the summary table. */
typedef struct numc_summary {
    double mean, mcse, sd;  /* mcse: of the mean; sd: of all draws, S - 1 */
    double q5, q50, q95;
    double ess_bulk, ess_tail, rhat;
} numc_summary;
NUMC_API numc_status numc_diagnostic_summary(numc_context *context, const numc_draws *draws, numc_summary *summary);

#ifdef __cplusplus
}
#endif
#endif
