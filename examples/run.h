/* run.h - what the model examples share: command line options, a progress line, the summary and CSV files. */
#ifndef EXAMPLES_RUN_H
#define EXAMPLES_RUN_H

#include <errno.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <numc/numc.h>
#ifdef HAVE_NUMC_IO
#include <numc/io.h>
#endif

struct example_options {
    int64_t chains, seed, warmup, draws;
    const char *output;
};

static int64_t example_whole_number(const char *name, const char *text)
{
    char *end;
    errno = 0;
    long long value = text == NULL ? -1 : strtoll(text, &end, 10);
    if (text == NULL || end == text || *end != '\0' || errno != 0 || value < 0) {
        fprintf(stderr, "%s needs a whole number, not %s\n", name, text == NULL ? "nothing" : text);
        exit(2);
    }
    return value;
}

static struct example_options example_read_options(int argc, char **argv)
{
    struct example_options options = {4, 1, 1000, 1000, NULL};
    const struct {
        const char *name;
        int64_t *value;
    } numbers[] = {{"--chains", &options.chains}, {"--seed", &options.seed}, {"--warmup", &options.warmup},
                   {"--draws", &options.draws}};
    for (int i = 1; i < argc; i++) {
        size_t k = 0;
        if (strcmp(argv[i], "--output") == 0 && i + 1 < argc) {
            options.output = argv[++i];
            continue;
        }
        while (k < 4 && strcmp(argv[i], numbers[k].name) != 0)
            k++;
        if (k == 4) {
            fprintf(stderr, "usage: %s [--chains N] [--seed N] [--warmup N] [--draws N] [--output PREFIX]\n", argv[0]);
            exit(strcmp(argv[i], "--help") == 0 ? 0 : 2);
        }
        *numbers[k].value = example_whole_number(argv[i], i + 1 < argc ? argv[i + 1] : NULL);
        i++;
    }
    if (options.chains < 1 || options.chains > INT32_MAX) {
        fprintf(stderr, "--chains needs a whole number from 1\n");
        exit(2);
    }
    return options;
}

static numc_status example_progress(void *user, const numc_mcmc_progress *progress)
{
    (void)user;
    int64_t done = 0, total = progress->total * progress->chains;
    for (int32_t c = 0; c < progress->chains; c++)
        done += progress->done[c];
    fprintf(stderr, "\r%3d%%  %lld of %lld transitions, %lld divergent after the warm-up, %.1f s%s",
            total > 0 ? (int)(100 * done / total) : 100, (long long)done, (long long)total, (long long)progress->divergences,
            progress->seconds, progress->finished ? "\n" : "");
    return NUMC_OK;
}

static numc_mcmc_options example_mcmc_options(const struct example_options *options)
{
    return (numc_mcmc_options){
        .chains = (int32_t)options->chains,
        .warmup = options->warmup == 0 ? NUMC_COUNT(0) : options->warmup,
        .draws = options->draws == 0 ? NUMC_COUNT(0) : options->draws,
        .progress = example_progress,
    };
}

/* Samples, prints the summary, writes the CSV files asked for, closes the context. Returns the exit status of main. */
static int example_run(numc_context *context, numc_mcmc *mcmc, const struct example_options *options)
{
    numc_status status = mcmc == NULL ? numc_error_status(context) : numc_mcmc_run(mcmc, (uint64_t)options->seed);
    if (status == NUMC_OK)
        status = numc_mcmc_print_summary(mcmc, stdout);
    if (status == NUMC_OK && options->output != NULL) {
#ifdef HAVE_NUMC_IO
        status = numc_mcmc_write_csv(mcmc, options->output);
#else
        status = numc_error_set(context, NUMC_UNSUPPORTED, "--output: built without libnumc_io (it needs Jansson)");
#endif
    }
    if (status != NUMC_OK)
        fprintf(stderr, "%s\n", numc_error_message(context));
    numc_close(context);
    return status == NUMC_OK ? 0 : 1;
}

#endif
