/* garch11.c - garch11: a volatility recurrence as a scan; the bound of beta1 depends on alpha1. */
#include "posterior.h"

struct data {
    numc_array *y;
    double sigma1;
};

struct parameters {
    numc_array *mu, *alpha0, *alpha1, *beta1;
};

/* (variance at t-1, y at t-1) -> variance at t, which is also stacked */
static void step(numc_context *context, const numc_array *const *in, int32_t input_count, numc_array **out,
                 int32_t output_count, void *user)
{
    (void)context;
    (void)input_count;
    (void)output_count;
    const struct parameters *p = user;
    numc_array *shock = numc_multiply(p->alpha1, numc_square(numc_subtract(in[1], p->mu)));
    out[0] = numc_add(numc_add(p->alpha0, shock), numc_multiply(p->beta1, in[0]));
    out[1] = out[0];
}

static void model(numc_run *run, void *user)
{
    const struct data *d = user;
    struct parameters p;
    p.mu = numc_sample(run, "mu", numc_improper_uniform(numc_constraint_real(run), NUMC_SCALAR));
    p.alpha0 = numc_sample(run, "alpha0", numc_improper_uniform(numc_constraint_positive(run), NUMC_SCALAR));
    p.alpha1 = numc_sample(run, "alpha1", numc_improper_uniform(numc_constraint_unit_interval(run), NUMC_SCALAR));
    numc_array *bound = numc_subtract(1.0, p.alpha1);
    p.beta1 = numc_sample(run, "beta1", numc_improper_uniform(numc_constraint_interval(run, 0, bound), NUMC_SCALAR));
    int64_t t = numc_array_size(d->y);
    numc_array *first = numc_number(run, NUMC_FLOAT64, d->sigma1 * d->sigma1);
    const numc_array *carries[] = {first}, *sequences[] = {numc_index(numc_data(run, "y", d->y), NUMC_SLICE(0, t - 1))};
    numc_array *scanned[2] = {NULL, NULL};
    if (numc_scan(run, step, &p, carries, 1, sequences, 1, scanned, 1) != NUMC_OK)
        return;
    const numc_array *parts[] = {numc_reshape(first, NUMC_SHAPE(1)), scanned[1]};
    numc_array *sigma = numc_sqrt(numc_concat(parts, 2, 0));
    numc_plate(run, "time", t) {
        numc_observe(run, "y_observed", numc_normal(run, p.mu, sigma), d->y);
    }
}

static void prepare(numc_context *context, const numc_json *json, void *user)
{
    struct data *d = user;
    d->y = posterior_array(context, json, "y");
    d->sigma1 = numc_json_number(json, "sigma1");
}

static struct data data;
const posterior posteriors_garch11[] = {
    {.folder = "garch-garch11", .model = model, .data = &data, .prepare = prepare},
    {0},
};
