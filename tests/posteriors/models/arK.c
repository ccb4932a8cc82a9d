/* arK.c - arK: autoregression of order K, conditioned on the first K values. */
#include "posterior.h"

enum { K = 5 };

struct data {
    numc_array *y;
};

static void model(numc_run *run, void *user)
{
    const struct data *d = user;
    numc_array *alpha = numc_sample(run, "alpha", numc_normal(run, 0, 10)), *beta = NULL;
    numc_plate(run, "lag", K) {
        beta = numc_sample(run, "beta", numc_normal(run, 0, 10));
    }
    numc_array *sigma = numc_sample(run, "sigma", numc_half_cauchy(run, 2.5));
    numc_array *y = numc_data(run, "y", d->y), *mean = alpha;
    int64_t t = numc_array_size(d->y);
    for (int64_t k = 1; k <= K; k++)
        mean = numc_add(mean, numc_multiply(numc_index(beta, NUMC_AT(k - 1)), numc_index(y, NUMC_SLICE(K - k, t - k))));
    numc_plate(run, "time", t - K) {
        numc_observe(run, "y_after", numc_normal(run, mean, sigma), numc_index(d->y, NUMC_SLICE(K, NUMC_END)));
    }
}

static void prepare(numc_context *context, const numc_json *json, void *user)
{
    ((struct data *)user)->y = posterior_array(context, json, "y");
}

static struct data data;
const posterior posteriors_arK[] = {
    {.folder = "arK-arK", .model = model, .data = &data, .prepare = prepare},
    {0},
};
