/* mixture.c - a mixture of normals: which one each value comes from is summed out, and the locations are kept in order, so that
 * each component has one name. */
#include "run.h"

enum { N = 200, K = 3 };

static void model(numc_run *run, void *user)
{
    numc_array *y = numc_data(run, "y", user), *sigma = NULL;
    numc_array *weight = numc_sample(run, "weight", numc_dirichlet(numc_full(run, NUMC_FLOAT64, NUMC_SHAPE(K), 2.0)));
    numc_array *mu = numc_sample(run, "mu", numc_improper_uniform(numc_constraint_ordered(run), NUMC_SHAPE(K)));
    numc_factor(run, "mu_prior", numc_distribution_log_prob(numc_normal(run, 0, 5), mu));
    numc_plate(run, "component", K) {
        sigma = numc_sample(run, "sigma", numc_log_normal(run, 0, 0.5));
    }
    numc_array *each = numc_distribution_log_prob(numc_normal(run, mu, sigma), numc_expand_dims(y, NUMC_AXES(-1))); /* (N, K) */
    numc_factor(run, "mixture", numc_logsumexp(numc_add(numc_log(weight), each), NUMC_AXES(-1)));
}

int main(int argc, char **argv)
{
    const struct example_options options = example_read_options(argc, argv);
    const numc_mcmc_options mcmc_options = example_mcmc_options(&options);
    numc_context *context = numc_open(NULL);
    numc_array *key = numc_random_split(numc_random_key(context, 11), 2);
    static const double shares[K] = {0.5, 0.3, 0.2}, centres[K] = {-3, 0.5, 4};
    numc_array *logits = numc_log(numc_from_host(context, NUMC_FLOAT64, NUMC_SHAPE(K), shares));
    numc_array *which = numc_random_categorical(numc_index(key, NUMC_AT(0)), logits, NUMC_SHAPE(N));
    numc_array *centre = numc_take(numc_from_host(context, NUMC_FLOAT64, NUMC_SHAPE(K), centres), which, NUMC_AXIS(0));
    numc_array *noise = numc_random_normal(numc_index(key, NUMC_AT(1)), NUMC_FLOAT64, NUMC_SHAPE(N));
    numc_array *y = numc_add(centre, numc_multiply(0.8, noise));
    return example_run(context, numc_mcmc_new(numc_model_new(context, model, y), &mcmc_options), &options);
}
