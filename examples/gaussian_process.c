/* gaussian_process.c - a latent smooth function with a squared exponential kernel and normal noise, marginalised: one Cholesky
 * factor per gradient (Rasmussen and Williams 2006, eq. 2.30). */
#include <math.h>

#include "run.h"

enum { N = 30 };

struct data {
    numc_array *x, *y;
};

static void model(numc_run *run, void *user)
{
    const struct data *data = user;
    numc_array *rho = numc_sample(run, "rho", numc_inverse_gamma(run, 5, 5));
    numc_array *alpha = numc_sample(run, "alpha", numc_half_normal(run, 1));
    numc_array *sigma = numc_sample(run, "sigma", numc_half_normal(run, 1));
    numc_array *x = numc_data(run, "x", data->x);
    numc_array *distance = numc_subtract(numc_index(x, NUMC_ALL, NUMC_NEW), numc_index(x, NUMC_NEW, NUMC_ALL));
    numc_array *kernel = numc_multiply(numc_square(alpha), numc_exp(numc_multiply(-0.5, numc_square(numc_divide(distance, rho)))));
    numc_array *noise = numc_multiply(numc_square(sigma), numc_eye(run, NUMC_FLOAT64, N, N, 0));
    numc_array *factor = numc_linalg_cholesky(numc_add(kernel, noise));
    numc_array *zero = numc_zeros(run, NUMC_FLOAT64, NUMC_SHAPE(N));
    numc_observe(run, "y", numc_multivariate_normal_cholesky(zero, factor), data->y);
}

int main(int argc, char **argv)
{
    const struct example_options options = example_read_options(argc, argv);
    const numc_mcmc_options mcmc_options = example_mcmc_options(&options);
    numc_context *context = numc_open(NULL);
    struct data data;
    data.x = numc_linspace(context, NUMC_FLOAT64, 0.0, 6.0, N);
    numc_array *noise = numc_random_normal(numc_random_key(context, 3), NUMC_FLOAT64, NUMC_SHAPE(N));
    data.y = numc_add(numc_sin(data.x), numc_multiply(0.2, noise));
    return example_run(context, numc_mcmc_new(numc_model_new(context, model, &data), &mcmc_options), &options);
}
