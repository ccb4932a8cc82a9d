/* Built by the install test against an installed libnumc: arrays on the backend that NUMC_BACKEND names, and a sampler. */
#include <math.h>
#include <stdio.h>

#include <numc/numc.h>

static numc_status normal(void *user, const double *position, double *log_density, double *gradient)
{
    (void)user;
    *log_density = -0.5 * position[0] * position[0];
    gradient[0] = -position[0];
    return NUMC_OK;
}

int main(void)
{
    static const double numbers[] = {1, 2, 3, 4};
    numc_context *context = numc_open(NULL);
    numc_array *x = numc_from_host(context, NUMC_FLOAT64, NUMC_SHAPE(2, 2), numbers);
    double sum = numc_item(numc_sum(numc_exp(numc_multiply(numc_matmul(x, x), 0.1))));
    double expected = exp(0.7) + exp(1.0) + exp(1.5) + exp(2.2);
    numc_mcmc *mcmc = numc_mcmc_new_density(context, 1, normal, NULL, &(numc_mcmc_options){.chains = 2, .draws = 100});
    numc_status status = numc_mcmc_run(mcmc, 1);
    if (status == NUMC_OK)
        status = numc_mcmc_print_summary(mcmc, stdout);
    if (status != NUMC_OK)
        fprintf(stderr, "%s\n", numc_error_message(context));
    else if (fabs(sum - expected) > 1e-13 * expected) /* four exponentials of at most 2 ULP each */
        fprintf(stderr, "the sum is off by %g\n", sum - expected);
    else
        printf("numc %s\n", numc_version());
    numc_close(context);
    return status != NUMC_OK || fabs(sum - expected) > 1e-13 * expected;
}
