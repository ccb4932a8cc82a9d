/* sample.c - `numc-bench sample`: whole runs, and in a process of its own for each model the time to the first draw. */
#include <math.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "bench.h"

enum { SEED = 20261122, MOST_RUNS = 100 };

/* ---- the first draw -------------------------------------------------------------------------------------------------------- */

/* Parts, in ns: opening the context and its device; the arrays; tracing, differentiating and compiling; the first transition,
 * with the search for a start and a step size. */
typedef struct start {
    double open, arrays, compile, draw, total;
    double clock; /* at the first draw */
} start;

static bool first_draw(const bench_options *options, const bench_model *model, start *s)
{
    void *data = model->data_new(model);
    if (data == NULL)
        return bench_fail(model->name, "out of memory");
    double begin = bench_now();
    numc_context *context = bench_open(options);
    if (context == NULL) {
        model->data_free(data);
        return false;
    }
    double opened = bench_now();
    void *user = model->data_arrays(context, data);
    double ready = bench_now();
    numc_mcmc *mcmc = numc_mcmc_new(numc_model_new(context, model->callback, user), &(numc_mcmc_options){.chains = 1});
    double compiled = bench_now();
    bool good = mcmc != NULL && numc_mcmc_step(mcmc, SEED, 0) == NUMC_OK;
    s->clock = bench_now();
    *s = (start){opened - begin, ready - opened, compiled - ready, s->clock - compiled, s->clock - begin, s->clock};
    if (!good)
        bench_fail(model->name, numc_error_message(context));
    numc_close(context);
    model->data_free(data);
    return good;
}

int bench_first(const bench_options *options)
{
    int failures = 0;
    bool first = true;
    if (options->json)
        printf("{\"rows\": [");
    else
        printf("%-14s %10s %10s %10s %10s %10s   milliseconds\n", "model", "open", "arrays", "compile", "draw", "total");
    const bench_model *model;
    for (int k = 0; (model = bench_model_at(k)) != NULL; k++) {
        start s;
        if (!bench_wanted(options, model))
            continue;
        if (!first_draw(options, model, &s))
            failures++;
        else if (options->json)
            printf("%s\n  {\"model\": \"%s\", \"open_ns\": %.0f, \"arrays_ns\": %.0f, \"compile_ns\": %.0f, \"draw_ns\": %.0f, \"total_ns\": %.0f, "
                   "\"clock_ns\": %.0f}",
                   first ? "" : ",", model->name, s.open, s.arrays, s.compile, s.draw, s.total, s.clock), first = false;
        else
            printf("%-14s %10.3f %10.3f %10.3f %10.3f %10.3f\n", model->name, 1e-6 * s.open, 1e-6 * s.arrays,
                   1e-6 * s.compile, 1e-6 * s.draw, 1e-6 * s.total);
    }
    if (options->json)
        printf("\n]}\n");
    return failures > 0;
}

/* Runs `numc-bench first --json` for one model; the time since `fork` comes from the clock the two processes share. */
static bool first_in_child(const bench_options *options, const bench_model *model, start *s, double *process)
{
    const char *arguments[10] = {"numc-bench", "first", "--json", "--model", model->name};
    int pipes[2], count = 5;
    if (pipe(pipes) != 0)
        return bench_fail(model->name, "no pipe");
    if (options->backend != NULL) {
        arguments[count++] = "--backend";
        arguments[count++] = options->backend;
    }
    if (options->jit != NUMC_JIT_DEFAULT) {
        arguments[count++] = "--jit";
        arguments[count++] = options->jit == NUMC_JIT_ON ? "on" : "off";
    }
    fflush(NULL);
    double begin = bench_now();
    pid_t child = fork();
    if (child == 0) {
        dup2(pipes[1], STDOUT_FILENO);
        close(pipes[0]);
        close(pipes[1]);
        execv("/proc/self/exe", (char *const *)(uintptr_t)arguments);
        _exit(127);
    }
    close(pipes[1]);
    char text[512];
    size_t length = 0;
    for (ssize_t got = 1; got > 0 && length < sizeof text - 1;) {
        got = read(pipes[0], text + length, sizeof text - 1 - length);
        length += got > 0 ? (size_t)got : 0;
    }
    text[length] = '\0';
    close(pipes[0]);
    int status = 0;
    const char *figures = strstr(text, "\"open_ns\"");
    if (child < 0 || waitpid(child, &status, 0) != child || status != 0 || figures == NULL ||
        sscanf(figures, "\"open_ns\": %lf, \"arrays_ns\": %lf, \"compile_ns\": %lf, \"draw_ns\": %lf, \"total_ns\": %lf, \"clock_ns\": %lf",
               &s->open, &s->arrays, &s->compile, &s->draw, &s->total, &s->clock) != 6)
        return bench_fail(model->name, "the process for the first draw failed");
    *process = s->clock - begin;
    return true;
}

/* ---- runs ---------------------------------------------------------------------------------------------------------------- */

typedef struct result {
    char backend[64];
    int64_t gradients, divergences;
    double seconds, processor, least_ess, worst_rhat; /* processor: seconds of all threads */
    uint64_t native; /* programs that got native code while it ran */
} result;

static double processor_seconds(void)
{
    struct timespec t;
    clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &t);
    return (double)t.tv_sec + 1e-9 * (double)t.tv_nsec;
}

static bool run_once(const bench_options *options, const bench_model *model, uint64_t seed, result *r)
{
    void *data = model->data_new(model);
    numc_context *context = data == NULL ? NULL : bench_open(options);
    if (context == NULL) {
        model->data_free(data);
        return false;
    }
    void *user = model->data_arrays(context, data);
    numc_mcmc_options how = {.chains = options->chains, .draws = options->draws, .warmup = options->draws, .save_warmup = true};
    numc_mcmc *mcmc = numc_mcmc_new(numc_model_new(context, model->callback, user), &how);
    double begin = bench_now(), begin_processor = processor_seconds();
    bool good = mcmc != NULL && numc_mcmc_run(mcmc, seed) == NUMC_OK;
    *r = (result){.seconds = 1e-9 * (bench_now() - begin), .processor = processor_seconds() - begin_processor,
                  .least_ess = INFINITY};
    snprintf(r->backend, sizeof r->backend, "%s", bench_backend_name(context));
    for (int32_t c = 0; good && c < options->chains; c++) {
        const numc_draw_statistics *warmup = numc_mcmc_warmup_statistics(mcmc, c), *kept = numc_mcmc_statistics(mcmc, c);
        for (int64_t i = 0; i < numc_mcmc_warmup_count(mcmc, c); i++)
            r->gradients += warmup[i].n_leapfrog;
        for (int64_t i = 0; i < numc_mcmc_draw_count(mcmc, c); i++)
            r->gradients += kept[i].n_leapfrog;
    }
    for (int64_t k = 0; good && k < numc_mcmc_scalar_count(mcmc); k++) {
        numc_draws draws;
        double ess, rhat;
        good = numc_mcmc_scalar_draws(mcmc, k, &draws) == NUMC_OK && numc_diagnostic_ess_bulk(context, &draws, &ess) == NUMC_OK &&
               numc_diagnostic_rhat(context, &draws, &rhat) == NUMC_OK;
        if (good && ess < r->least_ess)
            r->least_ess = ess;
        if (good && rhat > r->worst_rhat)
            r->worst_rhat = rhat;
    }
    if (good)
        r->divergences = numc_mcmc_divergence_count(mcmc, -1);
    else
        bench_fail(model->name, numc_error_message(context));
    numc_statistics statistics;
    if (numc_statistics_get(context, &statistics) == NUMC_OK)
        r->native = statistics.programs_native;
    numc_close(context);
    model->data_free(data);
    return good;
}

static int compare_results(const void *a, const void *b)
{
    return bench_compare_doubles(&((const result *)a)->seconds, &((const result *)b)->seconds);
}

static void print_result(const bench_options *options, const bench_model *model, const result *r, const start *s, double process,
                         bool first)
{
    if (options->json)
        printf("%s\n  {\"model\": \"%s\", \"backend\": \"%s\", \"mode\": \"%s\", \"chains\": %d, \"warmup\": %lld, "
               "\"draws\": %lld, \"gradients\": %lld, \"seconds\": %.6f, \"processor_seconds\": %.6f, \"min_ess_bulk\": %.1f, \"min_ess_bulk_per_second\": %.1f, "
               "\"max_rhat\": %.4f, \"divergences\": %lld, \"open_to_first_draw_ms\": %.3f, \"process_to_first_draw_ms\": %.3f}",
               first ? "" : ",", model->name, r->backend, r->native > 0 ? "native" : "interpreted", (int)options->chains, (long long)options->draws,
               (long long)options->draws, (long long)r->gradients, r->seconds, r->processor, r->least_ess, r->least_ess / r->seconds,
               r->worst_rhat, (long long)r->divergences, 1e-6 * s->total, 1e-6 * process);
    else
        printf("%-14s %-7s %10lld %9.3f %9.3f %10.0f %10.0f %8.3f %11lld %9.2f %9.2f\n", model->name, r->backend,
               (long long)r->gradients, r->seconds, r->processor, r->least_ess, r->least_ess / r->seconds, r->worst_rhat,
               (long long)r->divergences, 1e-6 * s->total, 1e-6 * process);
}

int bench_sample(const bench_options *options)
{
    static result results[MOST_RUNS];
    int runs = options->rounds > 0 && options->rounds <= MOST_RUNS ? options->rounds : 1, failures = 0;
    bool first = true;
    if (options->json)
        printf("{\"rows\": [");
    else
        printf("%-14s %-7s %10s %9s %9s %10s %10s %8s %11s %9s %9s\n", "model", "backend", "gradients", "seconds", "processor", "min ESS",
               "ESS/s", "R-hat", "divergences", "open ms", "process ms");
    const bench_model *model;
    for (int k = 0; (model = bench_model_at(k)) != NULL; k++) {
        start s;
        double process;
        if (!bench_wanted(options, model))
            continue;
        bool good = first_in_child(options, model, &s, &process);
        for (int i = 0; good && i < runs; i++)
            good = run_once(options, model, SEED + (uint64_t)i, &results[i]);
        if (good) {
            qsort(results, (size_t)runs, sizeof results[0], compare_results);
            print_result(options, model, &results[runs / 2], &s, process, first);
            first = false;
        } else {
            failures++;
        }
        fflush(stdout);
    }
    if (options->json)
        printf("\n]}\n");
    return failures > 0;
}
