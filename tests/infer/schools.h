/* schools.h - for tests: eight schools, non-centred, as a model, and its data. */
#ifndef NUMC_TESTS_INFER_SCHOOLS_H
#define NUMC_TESTS_INFER_SCHOOLS_H

#include "numc/model.h"

struct schools {
    numc_array *y, *sigma;
};

static inline void eight_schools(numc_run *run, void *user)
{
    const struct schools *s = user;
    numc_array *mu = numc_sample(run, "mu", numc_normal(run, 0, 5));
    numc_array *tau = numc_sample(run, "tau", numc_half_cauchy(run, 5));
    numc_plate(run, "school", 8) {
        numc_array *z = numc_sample(run, "z", numc_normal(run, 0, 1));
        numc_array *theta = numc_deterministic(run, "theta", numc_add(mu, numc_multiply(tau, z)));
        numc_observe(run, "y", numc_normal(run, theta, numc_data(run, "sigma", s->sigma)), s->y);
    }
}

static inline struct schools schools_data(numc_context *own)
{
    static const double y[] = {28, 8, -3, 7, -1, 1, 18, 12}, sigma[] = {15, 10, 16, 11, 9, 11, 10, 18};
    return (struct schools){numc_from_host(own, NUMC_FLOAT64, NUMC_SHAPE(8), y),
                            numc_from_host(own, NUMC_FLOAT64, NUMC_SHAPE(8), sigma)};
}

#endif
