/* kidscore_momiq.c - kidscore_momiq: linear regression on one uncentred column. */
#include "posterior.h"

struct data {
    numc_array *score, *iq;
};

static void model(numc_run *run, void *user)
{
    const struct data *d = user;
    numc_array *beta = numc_sample(run, "beta", numc_improper_uniform(numc_constraint_real(run), NUMC_SHAPE(2)));
    numc_array *sigma = numc_sample(run, "sigma", numc_half_cauchy(run, 2.5));
    numc_array *iq = numc_data(run, "mom_iq", d->iq);
    numc_array *mean = numc_add(numc_index(beta, NUMC_AT(0)), numc_multiply(numc_index(beta, NUMC_AT(1)), iq));
    numc_plate(run, "child", numc_array_size(d->score)) {
        numc_observe(run, "kid_score", numc_normal(run, mean, sigma), d->score);
    }
}

static void prepare(numc_context *context, const numc_json *json, void *user)
{
    struct data *d = user;
    d->score = posterior_array(context, json, "kid_score");
    d->iq = posterior_array(context, json, "mom_iq");
}

int main(int argc, char **argv)
{
    static struct data data;
    const posterior p = {.folder = "kidiq-kidscore_momiq", .model = model, .data = &data, .prepare = prepare};
    return posterior_main(&p, argc, argv);
}
