/* A numc_mcmc as CmdStan CSV files, one per chain: describes each chain to csv.c. */
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "io/csv.h"
#include "numc/io.h"

typedef struct chain_reader {
    const numc_mcmc *mcmc;
    const numc_mcmc_site *sites;
    int32_t site_count, chain;
    int64_t value_count;
} chain_reader;

/* Both stores hold a draw's values site after site, row-major; after the warm-up through the sites' strides. */
static void read_row(void *user, bool warmup, int64_t row, numc_draw_statistics *statistics, double *values)
{
    const chain_reader *reader = user;
    if (warmup) {
        const double *from = numc_mcmc_warmup_values(reader->mcmc, reader->chain);
        memcpy(values, from + row * reader->value_count, (size_t)reader->value_count * sizeof *values);
        *statistics = numc_mcmc_warmup_statistics(reader->mcmc, reader->chain)[row];
        return;
    }
    for (int32_t s = 0; s < reader->site_count; s++) {
        const numc_mcmc_site *site = &reader->sites[s];
        if (site->size > 0)
            memcpy(values, site->values + reader->chain * site->chain_stride + row * site->draw_stride,
                   (size_t)site->size * sizeof *values);
        values += site->size;
    }
    *statistics = numc_mcmc_statistics(reader->mcmc, reader->chain)[row];
}

static numc_status write_chains(const numc_mcmc *mcmc, const char *prefix, const numc_mcmc_options *options,
                                const numc_mcmc_site *sites, numc_csv_site *columns, int32_t site_count, char *path,
                                size_t path_size)
{
    const char *slash = strrchr(prefix, '/');
    int64_t value_count = 0;
    for (int32_t s = 0; s < site_count; s++) {
        columns[s] = (numc_csv_site){sites[s].name, sites[s].rank, sites[s].shape};
        value_count += sites[s].size;
    }
    for (int32_t c = 0; c < options->chains; c++) {
        chain_reader reader = {mcmc, sites, site_count, c, value_count};
        numc_csv_chain chain = {
            .model = slash ? slash + 1 : prefix,
            .id = c + 1,
            .seed = numc_mcmc_seed(mcmc),
            .chains = options->chains,
            .threads = options->threads > 0 ? options->threads : 1,
            .draws = options->draws,
            .warmup = options->warmup,
            .thin = options->thin,
            .warmup_rows = numc_mcmc_warmup_count(mcmc, c),
            .rows = numc_mcmc_draw_count(mcmc, c),
            .save_warmup = options->save_warmup,
            .delta = options->target_accept,
            .gamma = options->adapt_gamma,
            .kappa = options->adapt_kappa,
            .t0 = options->adapt_t0,
            .init_buffer = options->adapt_init,
            .term_buffer = options->adapt_term,
            .window = options->adapt_window,
            .adapted = !options->no_adaptation && options->warmup > 0,
            .nuts = options->algorithm == NUMC_ALGORITHM_NUTS,
            .max_depth = options->max_tree_depth,
            .int_time = options->trajectory_steps > 0 ? options->trajectory_steps * numc_mcmc_step_size(mcmc, c)
                                                      : options->trajectory_length,
            .metric = options->metric,
            .initial_stepsize = options->step_size,
            .jitter = options->step_jitter,
            .init_radius = options->init_zero ? 0 : options->init_radius,
            .stepsize = numc_mcmc_step_size(mcmc, c),
            .dimension = numc_mcmc_dimension(mcmc),
            .inverse_metric = numc_mcmc_inverse_metric(mcmc, c),
            .warmup_seconds = numc_mcmc_seconds(mcmc, c, true),
            .sampling_seconds = numc_mcmc_seconds(mcmc, c, false),
            .sites = columns,
            .site_count = site_count,
            .value_count = value_count,
            .read = read_row,
            .user = &reader,
        };
        if (!chain.inverse_metric && chain.metric != NUMC_METRIC_UNIT)
            chain.adapted = false; /* no run has begun */
        snprintf(path, path_size, "%s_%" PRId32 ".csv", prefix, c + 1);
        numc_status status = numc__csv_write(numc_mcmc_context(mcmc), path, &chain);
        if (status != NUMC_OK)
            return status;
    }
    return NUMC_OK;
}

numc_status numc_mcmc_write_csv(const numc_mcmc *mcmc, const char *path_prefix)
{
    numc_context *context = numc_mcmc_context(mcmc);
    if (!context)
        return NUMC_INVALID_ARGUMENT;
    numc_status status = numc_error_status(context);
    if (status != NUMC_OK)
        return status;
    if (!path_prefix)
        return numc_error_set(context, NUMC_INVALID_ARGUMENT, "numc_mcmc_write_csv: path_prefix is NULL");
    numc_mcmc_options options;
    status = numc_mcmc_options_get(mcmc, &options);
    int32_t site_count = numc_mcmc_site_count(mcmc);
    size_t path_size = strlen(path_prefix) + 32;
    numc_mcmc_site *sites = malloc(((size_t)site_count + 1) * sizeof *sites);
    numc_csv_site *columns = malloc(((size_t)site_count + 1) * sizeof *columns);
    char *path = malloc(path_size);
    if (!sites || !columns || !path)
        status = numc_error_set(context, NUMC_MEMORY, "%s: out of memory", path_prefix);
    for (int32_t s = 0; s < site_count && status == NUMC_OK; s++)
        status = numc_mcmc_site_at(mcmc, s, &sites[s]);
    if (status == NUMC_OK)
        status = write_chains(mcmc, path_prefix, &options, sites, columns, site_count, path, path_size);
    free(sites);
    free(columns);
    free(path);
    return status;
}
