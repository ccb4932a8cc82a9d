/* Built by check_backend.py against an installed libnumc: all draws of the eight schools example as bits, one number a line, and
 * what went to the host on the way to standard error. */
#define main example_main
#include "../../examples/eight_schools.c"
#undef main

#include <inttypes.h>

int main(void)
{
    static const double y[] = {28, 8, -3, 7, -1, 1, 18, 12}, sigma[] = {15, 10, 16, 11, 9, 11, 10, 18};
    numc_context *context = numc_open(NULL);
    struct schools schools = {
        numc_from_host(context, NUMC_FLOAT64, NUMC_SHAPE(8), y),
        numc_from_host(context, NUMC_FLOAT64, NUMC_SHAPE(8), sigma),
    };
    numc_model *model = numc_model_new(context, eight_schools, &schools);
    numc_mcmc *mcmc = numc_mcmc_new(model, &(numc_mcmc_options){.chains = 2, .warmup = 200, .draws = 100});
    numc_status status = mcmc != NULL ? numc_mcmc_run(mcmc, 7) : numc_error_status(context);
    for (int64_t scalar = 0; status == NUMC_OK && scalar < numc_mcmc_scalar_count(mcmc); scalar++) {
        numc_draws draws;
        status = numc_mcmc_scalar_draws(mcmc, scalar, &draws);
        for (int64_t i = 0; status == NUMC_OK && i < draws.chains * draws.draws; i++) {
            uint64_t bits;
            memcpy(&bits, &draws.values[i / draws.draws * draws.chain_stride + i % draws.draws * draws.draw_stride], sizeof bits);
            printf("%016" PRIx64 "\n", bits);
        }
    }
    numc_statistics statistics;
    if (status == NUMC_OK)
        status = numc_statistics_get(context, &statistics);
    if (status == NUMC_OK)
        fprintf(stderr, "%lld fallbacks\n", (long long)statistics.fallbacks);
    else
        fprintf(stderr, "%s\n", numc_error_message(context));
    numc_close(context);
    return status != NUMC_OK;
}
