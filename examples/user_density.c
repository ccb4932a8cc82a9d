/* user_density.c - the sampler on a log density and gradient of one's own, without a model: a twisted normal in two dimensions
 * (Haario et al. 1999), whose coordinates have means 0 and 0 and standard deviations 2 and sqrt(1 + 2 b^2 16). */
#include "run.h"

struct twist {
    double b;
};

/* log p(q) = -q0^2 / 8 - (q1 + b (q0^2 - 4))^2 / 2 */
static numc_status density(void *user, const double *q, double *log_density, double *gradient)
{
    const struct twist *t = user;
    double u = q[1] + t->b * (q[0] * q[0] - 4.0);
    *log_density = -q[0] * q[0] / 8.0 - 0.5 * u * u;
    gradient[0] = -q[0] / 4.0 - 2.0 * t->b * q[0] * u;
    gradient[1] = -u;
    return NUMC_OK;
}

int main(int argc, char **argv)
{
    const struct example_options options = example_read_options(argc, argv);
    numc_mcmc_options mcmc_options = example_mcmc_options(&options);
    static const char *const names[] = {"along", "across"};
    struct twist twist = {0.1};
    mcmc_options.names = names;
    numc_context *context = numc_open(NULL);
    return example_run(context, numc_mcmc_new_density(context, 2, density, &twist, &mcmc_options), &options);
}
