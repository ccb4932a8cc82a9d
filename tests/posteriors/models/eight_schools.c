/* eight_schools.c - eight schools, non-centred. */
#include "posterior.h"

struct data {
    numc_array *y, *sigma;
};

static void model(numc_run *run, void *user)
{
    const struct data *d = user;
    numc_array *mu = numc_sample(run, "mu", numc_normal(run, 0, 5));
    numc_array *tau = numc_sample(run, "tau", numc_half_cauchy(run, 5));
    numc_plate(run, "school", 8) {
        numc_array *z = numc_sample(run, "z", numc_normal(run, 0, 1));
        numc_array *theta = numc_deterministic(run, "theta", numc_add(mu, numc_multiply(tau, z)));
        numc_observe(run, "y", numc_normal(run, theta, numc_data(run, "sigma", d->sigma)), d->y);
    }
}

static void prepare(numc_context *context, const numc_json *json, void *user)
{
    struct data *d = user;
    d->y = posterior_array(context, json, "y");
    d->sigma = posterior_array(context, json, "sigma");
}

static struct data data;
const posterior posteriors_eight_schools[] = {
    {.folder = "eight_schools-eight_schools_noncentered", .model = model, .data = &data, .prepare = prepare},
    {0},
};
