/* blr.c - blr on sblrc and sblri: linear regression with a design matrix. */
#include "posterior.h"

struct data {
    numc_array *x, *y;
};

static void model(numc_run *run, void *user)
{
    const struct data *d = user;
    numc_array *beta = NULL, *sigma = numc_sample(run, "sigma", numc_half_normal(run, 10));
    numc_plate(run, "column", numc_array_shape(d->x)[1]) {
        beta = numc_sample(run, "beta", numc_normal(run, 0, 10));
    }
    numc_array *mean = numc_matmul(numc_data(run, "X", d->x), beta);
    numc_plate(run, "row", numc_array_shape(d->x)[0]) {
        numc_observe(run, "y", numc_normal(run, mean, sigma), d->y);
    }
}

static void prepare(numc_context *context, const numc_json *json, void *user)
{
    struct data *d = user;
    d->x = posterior_array(context, json, "X");
    d->y = posterior_array(context, json, "y");
}

static struct data data;
const posterior posteriors_blr[] = {
    {.folder = "sblrc-blr", .model = model, .data = &data, .prepare = prepare},
    {.folder = "sblri-blr", .model = model, .data = &data, .prepare = prepare},
    {0},
};
