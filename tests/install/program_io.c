/* Built by the install test with the package numc_io alone: data from Stan JSON, draws to CmdStan CSV. */
#include <stdio.h>
#include <string.h>

#include <numc/io.h>
#include <numc/numc.h>

static numc_status normal(void *user, const double *position, double *log_density, double *gradient)
{
    double d = position[0] - *(double *)user;
    *log_density = -0.5 * d * d;
    gradient[0] = -d;
    return NUMC_OK;
}

int main(void)
{
    static const char text[] = "{\"y\": [1, 2.5], \"mu\": 3}";
    numc_context *context = numc_open(NULL);
    numc_json *json;
    numc_status status = numc_json_read_text(context, text, strlen(text), &json);
    double mu = numc_json_number(json, "mu"), sum = numc_item(numc_sum(numc_json_array(json, "y")));
    numc_mcmc *mcmc = numc_mcmc_new_density(context, 1, normal, &mu, &(numc_mcmc_options){.chains = 1, .draws = 10});
    if (status == NUMC_OK)
        status = numc_mcmc_run(mcmc, 1);
    if (status == NUMC_OK)
        status = numc_mcmc_write_csv(mcmc, "draws");
    if (status != NUMC_OK)
        fprintf(stderr, "%s\n", numc_error_message(context));
    numc_json_free(json);
    numc_close(context);
    return status != NUMC_OK || sum != 3.5;
}
