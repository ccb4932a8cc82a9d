/* gp_pois_regr.c - gp_pois_regr: a latent Gaussian process behind Poisson counts. */
#include "posterior.h"

struct data {
    numc_array *x, *k;
};

static void model(numc_run *run, void *user)
{
    const struct data *d = user;
    int64_t n = numc_array_size(d->x);
    numc_array *rho = numc_sample(run, "rho", numc_gamma(run, 25, 4));
    numc_array *alpha = numc_sample(run, "alpha", numc_half_normal(run, 2)), *z = NULL;
    numc_plate(run, "latent", n) {
        z = numc_sample(run, "z", numc_normal(run, 0, 1));
    }
    numc_array *x = numc_astype(numc_data(run, "x", d->x), NUMC_FLOAT64);
    numc_array *distance = numc_subtract(numc_index(x, NUMC_ALL, NUMC_NEW), numc_index(x, NUMC_NEW, NUMC_ALL));
    numc_array *kernel = numc_multiply(numc_square(alpha), numc_exp(numc_multiply(-0.5, numc_square(numc_divide(distance, rho)))));
    numc_array *factor = numc_linalg_cholesky(numc_add(kernel, numc_multiply(1e-10, numc_eye(run, NUMC_FLOAT64, n, n, 0))));
    numc_array *f = numc_deterministic(run, "f", numc_matmul(factor, z));
    numc_plate(run, "count", n) {
        numc_observe(run, "k", numc_poisson_log(run, f), d->k);
    }
}

static void prepare(numc_context *context, const numc_json *json, void *user)
{
    struct data *d = user;
    d->x = posterior_array(context, json, "x");
    d->k = posterior_array(context, json, "k");
}

static struct data data;
const posterior posteriors_gp_pois_regr[] = {
    {.folder = "gp_pois_regr-gp_pois_regr", .model = model, .data = &data, .prepare = prepare},
    {0},
};
