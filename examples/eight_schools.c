/* eight_schools.c - the smallest complete model: eight coaching effects, non-centred (Rubin 1981; Gelman et al., BDA3, 5.5). */
#include "run.h"

struct schools {
    numc_array *y, *sigma;
};

static void eight_schools(numc_run *run, void *user)
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

int main(int argc, char **argv)
{
    static const double y[] = {28, 8, -3, 7, -1, 1, 18, 12}, sigma[] = {15, 10, 16, 11, 9, 11, 10, 18};
    const struct example_options options = example_read_options(argc, argv);
    const numc_mcmc_options mcmc_options = example_mcmc_options(&options);
    numc_context *context = numc_open(NULL);
    struct schools schools = {
        numc_from_host(context, NUMC_FLOAT64, NUMC_SHAPE(8), y),
        numc_from_host(context, NUMC_FLOAT64, NUMC_SHAPE(8), sigma),
    };
    numc_model *model = numc_model_new(context, eight_schools, &schools);
    return example_run(context, numc_mcmc_new(model, &mcmc_options), &options);
}
