/* kilpisjarvi.c - kilpisjarvi: a line through temperatures by calendar year, uncentred. */
#include "posterior.h"

struct data {
    numc_array *x, *y;
    double alpha_mean, alpha_sd, beta_mean, beta_sd;
};

static void model(numc_run *run, void *user)
{
    const struct data *d = user;
    numc_array *alpha = numc_sample(run, "alpha", numc_normal(run, d->alpha_mean, d->alpha_sd));
    numc_array *beta = numc_sample(run, "beta", numc_normal(run, d->beta_mean, d->beta_sd));
    numc_array *sigma = numc_sample(run, "sigma", numc_improper_uniform(numc_constraint_positive(run), NUMC_SCALAR));
    numc_array *mean = numc_add(alpha, numc_multiply(beta, numc_data(run, "x", d->x)));
    numc_plate(run, "year", numc_array_size(d->y)) {
        numc_observe(run, "y", numc_normal(run, mean, sigma), d->y);
    }
}

static void prepare(numc_context *context, const numc_json *json, void *user)
{
    struct data *d = user;
    d->x = posterior_array(context, json, "x");
    d->y = posterior_array(context, json, "y");
    d->alpha_mean = numc_json_number(json, "pmualpha");
    d->alpha_sd = numc_json_number(json, "psalpha");
    d->beta_mean = numc_json_number(json, "pmubeta");
    d->beta_sd = numc_json_number(json, "psbeta");
}

static struct data data;
const posterior posteriors_kilpisjarvi[] = {
    {.folder = "kilpisjarvi_mod-kilpisjarvi", .model = model, .data = &data, .prepare = prepare},
    {0},
};
