/* hierarchical.c - groups in plates: an intercept per county and one slope, non-centred, counties found by index. */
#include "run.h"

enum { COUNTIES = 12, HOUSES = 300 };

struct data {
    numc_array *county, *floor, *radon;
};

static void model(numc_run *run, void *user)
{
    const struct data *data = user;
    numc_array *mu = numc_sample(run, "mu", numc_normal(run, 0, 2));
    numc_array *tau = numc_sample(run, "tau", numc_half_normal(run, 1));
    numc_array *slope = numc_sample(run, "slope", numc_normal(run, 0, 1));
    numc_array *sigma = numc_sample(run, "sigma", numc_exponential(run, 1));
    numc_array *alpha = NULL;
    numc_plate(run, "county", COUNTIES) {
        numc_array *z = numc_sample(run, "z", numc_normal(run, 0, 1));
        alpha = numc_deterministic(run, "alpha", numc_add(mu, numc_multiply(tau, z)));
    }
    numc_plate(run, "house", HOUSES) {
        numc_array *level = numc_take(alpha, data->county, NUMC_AXIS(0));
        numc_array *mean = numc_add(level, numc_multiply(slope, numc_data(run, "floor", data->floor)));
        numc_observe(run, "radon", numc_normal(run, mean, sigma), data->radon);
    }
}

int main(int argc, char **argv)
{
    const struct example_options options = example_read_options(argc, argv);
    const numc_mcmc_options mcmc_options = example_mcmc_options(&options);
    numc_context *context = numc_open(NULL);
    numc_array *key = numc_random_split(numc_random_key(context, 7), 4);
    struct data data;
    data.county = numc_random_randint(numc_index(key, NUMC_AT(0)), NUMC_INT64, NUMC_SHAPE(HOUSES), 0, COUNTIES);
    data.floor = numc_astype(numc_random_bernoulli(numc_index(key, NUMC_AT(1)), 0.3, NUMC_SHAPE(HOUSES)), NUMC_FLOAT64);
    numc_array *effect = numc_random_normal(numc_index(key, NUMC_AT(2)), NUMC_FLOAT64, NUMC_SHAPE(COUNTIES));
    numc_array *alpha = numc_add(1.5, numc_multiply(0.4, effect));
    numc_array *noise = numc_random_normal(numc_index(key, NUMC_AT(3)), NUMC_FLOAT64, NUMC_SHAPE(HOUSES));
    data.radon = numc_add(numc_subtract(numc_take(alpha, data.county, NUMC_AXIS(0)), numc_multiply(0.7, data.floor)),
                          numc_multiply(0.75, noise));
    return example_run(context, numc_mcmc_new(numc_model_new(context, model, &data), &mcmc_options), &options);
}
