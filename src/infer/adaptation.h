/* adaptation.h - internal: step size, metric and warm-up schedule, the three things a warm-up learns by. None of them knows
 * chains or targets. Formulas as in Stan's reference manual, "HMC algorithm parameters", unless said otherwise. */
#ifndef NUMC_INFER_ADAPTATION_H
#define NUMC_INFER_ADAPTATION_H

#include "base/context.h"
#include "kernel/nuts.h"

/* ---- step_size.c ---- */

/* Nesterov's dual averaging (Hoffman and Gelman 2014, 3.2). */
typedef struct numc_dual_averaging {
    double target, gamma, t0, kappa;
    double mu; /* log step size the iterates are drawn to */
    double count, error_mean, log_step_mean;
} numc_dual_averaging;

/* mu = log(10 step); forgets what was learnt. */
void numc__dual_averaging_restart(numc_dual_averaging *a, double step);
/* Takes the acceptance statistic of a transition, gives the step size of the next one. */
double numc__dual_averaging_update(numc_dual_averaging *a, double accept_stat);
/* The step size to keep after warm-up. */
double numc__dual_averaging_final(const numc_dual_averaging *a);

/* The search for a first step size: from `step`, doubles or halves it until one leapfrog's acceptance probability crosses
 * 0.8. Fed the energy error H0 - H of a leapfrog with fresh momentum at the present step. */
typedef struct numc_step_search {
    double step;
    int direction; /* 0 before the first leapfrog */
} numc_step_search;
typedef enum numc_search_state {
    NUMC_SEARCH_GOES_ON,
    NUMC_SEARCH_DONE,
    NUMC_SEARCH_TOO_LARGE, /* beyond 1e7: the density does not fall off, as far as was seen */
    NUMC_SEARCH_TOO_SMALL  /* rounded to 0 */
} numc_search_state;
/* False if there is nothing to search from: step is 0, NaN or above 1e7. */
bool numc__step_search_begin(numc_step_search *search, double step);
numc_search_state numc__step_search_feed(numc_step_search *search, double energy_error);

/* ---- metric.c ---- */

/* Mean and scatter of positions by Welford's update; kind as in kernel/nuts.h. */
typedef struct numc_metric_estimate {
    int32_t dimension, kind;
    int64_t count;
    double *mean, *scatter; /* (dimension); (dimension) or (dimension, dimension), lower half */
    double *delta;          /* (dimension) */
} numc_metric_estimate;

size_t numc__metric_estimate_doubles(int32_t dimension, int32_t kind);
void numc__metric_estimate_begin(numc_metric_estimate *e, int32_t dimension, int32_t kind, double *memory);
void numc__metric_estimate_restart(numc_metric_estimate *e);
void numc__metric_estimate_add(numc_metric_estimate *e, const double *position);
/* inverse_metric := n/(n+5) S + 1e-3 5/(n+5) I, S the sample covariance (divisor n - 1); with a single draw S is the old
 * inverse metric, with none nothing changes. */
void numc__metric_estimate_write(const numc_metric_estimate *e, double *inverse_metric);
/* Completes the metric region of a state (see kernel/nuts.h) behind its inverse metric: 1/sqrt(W), or the Cholesky factor.
 * False if W is not finite and positive (definite). */
bool numc__metric_complete(int32_t dimension, int32_t kind, double *region);

/* ---- schedule.c ---- */

#define NUMC_SCHEDULE_WINDOWS 64
/* Transitions first <= i <= ends[count - 1] feed the metric; after i = ends[k] it is updated. */
typedef struct numc_schedule {
    int64_t warmup, first;
    int32_t count;
    int64_t ends[NUMC_SCHEDULE_WINDOWS];
} numc_schedule;

/* Windows of a warm-up of `warmup` transitions with `init` before the first window, `term` after the last, the first of length
 * `window`, each later one twice as long; a window whose successor would not fit is stretched to the end. As Stan, except:
 *  - fewer than 20: no window, only the step size is adapted (as Stan);
 *  - too short for init + window + term (20..149 with the defaults): 15% before, 25% after; the middle is one window, or, from
 *    45 draws on, two of one and two thirds. (Stan adapts no metric there.)
 *  - a last window shorter than the first is joined to the one before (with the defaults: 151..174, where Stan would estimate
 *    variances from as little as one draw). */
void numc__schedule_make(numc_schedule *schedule, int64_t warmup, int64_t init, int64_t term, int64_t window);

#endif
