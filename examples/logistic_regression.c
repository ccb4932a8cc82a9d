/* logistic_regression.c - Bernoulli outcomes on K standardised columns, simulated here from known coefficients. */
#include <math.h>

#include "run.h"

enum { N = 500, K = 4 };

struct data {
    numc_array *x, *y;
};

static void model(numc_run *run, void *user)
{
    const struct data *data = user;
    numc_array *x = numc_data(run, "x", data->x);
    numc_array *alpha = numc_sample(run, "alpha", numc_normal(run, 0, 2.5));
    numc_array *beta = NULL;
    numc_plate(run, "column", K) {
        beta = numc_sample(run, "beta", numc_normal(run, 0, 2.5));
    }
    numc_array *logits = numc_add(alpha, numc_matmul(x, beta));
    numc_plate(run, "row", N) {
        numc_observe(run, "y", numc_bernoulli_logits(run, logits), data->y);
    }
}

int main(int argc, char **argv)
{
    const struct example_options options = example_read_options(argc, argv);
    const numc_mcmc_options mcmc_options = example_mcmc_options(&options);
    static const double truth[K] = {1.0, -0.5, 0.0, 2.0};
    numc_context *context = numc_open(NULL);
    numc_array *key = numc_random_split(numc_random_key(context, 2026), 2);
    struct data data;
    data.x = numc_random_normal(numc_index(key, NUMC_AT(0)), NUMC_FLOAT64, NUMC_SHAPE(N, K));
    numc_array *logits = numc_add(numc_matmul(data.x, numc_from_host(context, NUMC_FLOAT64, NUMC_SHAPE(K), truth)), -0.3);
    data.y = numc_random_bernoulli(numc_index(key, NUMC_AT(1)), numc_special_expit(logits), NUMC_SHAPE(N));
    return example_run(context, numc_mcmc_new(numc_model_new(context, model, &data), &mcmc_options), &options);
}
