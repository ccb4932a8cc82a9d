/* low_dim_gauss_mix.c - low_dim_gauss_mix: two normals with the labels summed out. */
#include "posterior.h"

struct data {
    numc_array *y;
};

static void model(numc_run *run, void *user)
{
    const struct data *d = user;
    numc_array *sigma = NULL;
    numc_array *mu = numc_sample(run, "mu", numc_improper_uniform(numc_constraint_ordered(run), NUMC_SHAPE(2)));
    numc_factor(run, "mu_prior", numc_sum(numc_distribution_log_prob(numc_normal(run, 0, 2), mu)));
    numc_plate(run, "component", 2) {
        sigma = numc_sample(run, "sigma", numc_half_normal(run, 2));
    }
    numc_array *theta = numc_sample(run, "theta", numc_beta(run, 5, 5));
    numc_array *y = numc_data(run, "y", d->y), *terms[2];
    for (int k = 0; k < 2; k++) {
        numc_array *weight = numc_log(k == 0 ? theta : numc_subtract(1.0, theta));
        const numc_distribution *component = numc_normal(run, numc_index(mu, NUMC_AT(k)), numc_index(sigma, NUMC_AT(k)));
        terms[k] = numc_add(weight, numc_distribution_log_prob(component, y));
    }
    numc_factor(run, "mixture", numc_sum(numc_logaddexp(terms[0], terms[1])));
}

static void prepare(numc_context *context, const numc_json *json, void *user)
{
    ((struct data *)user)->y = posterior_array(context, json, "y");
}

static struct data data;
const posterior posteriors_low_dim_gauss_mix[] = {
    {.folder = "low_dim_gauss_mix-low_dim_gauss_mix", .model = model, .data = &data, .prepare = prepare},
    {0},
};
