/* Step size of a warm-up: dual averaging, and the search for a first value. */
#include <math.h>

#include "infer/adaptation.h"

void numc__dual_averaging_restart(numc_dual_averaging *a, double step)
{
    a->mu = log(10 * step);
    a->count = 0;
    a->error_mean = 0;
    a->log_step_mean = 0;
}

/* With eta = 1/(t + t0) and w = t^-kappa:
 *   s = (1 - eta) s + eta (target - accept) ; x = mu - s sqrt(t)/gamma ; xbar = (1 - w) xbar + w x */
double numc__dual_averaging_update(numc_dual_averaging *a, double accept_stat)
{
    double accept = accept_stat > 1 ? 1 : accept_stat;
    a->count += 1;
    double eta = 1 / (a->count + a->t0), weight = pow(a->count, -a->kappa);
    a->error_mean = (1 - eta) * a->error_mean + eta * (a->target - accept);
    double log_step = a->mu - a->error_mean * sqrt(a->count) / a->gamma;
    a->log_step_mean = (1 - weight) * a->log_step_mean + weight * log_step;
    return exp(log_step);
}

double numc__dual_averaging_final(const numc_dual_averaging *a)
{
    return exp(a->log_step_mean);
}

bool numc__step_search_begin(numc_step_search *search, double step)
{
    search->step = step;
    search->direction = 0;
    return step != 0 && step <= 1e7;
}

numc_search_state numc__step_search_feed(numc_step_search *search, double energy_error)
{
    double limit = log(0.8);
    if (search->direction == 0) {
        search->direction = energy_error > limit ? 1 : -1;
        return NUMC_SEARCH_GOES_ON;
    }
    if (search->direction > 0 ? !(energy_error > limit) : !(energy_error < limit))
        return NUMC_SEARCH_DONE;
    search->step *= search->direction > 0 ? 2 : 0.5;
    return search->step > 1e7 ? NUMC_SEARCH_TOO_LARGE : search->step == 0 ? NUMC_SEARCH_TOO_SMALL : NUMC_SEARCH_GOES_ON;
}
