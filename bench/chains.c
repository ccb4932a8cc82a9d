/* chains.c - `numc-bench chains`: many chains on one thread, each by itself and vectorised: time per leapfrog, of which the gradient,
 * and draws per second. Step size and metric come from a short run of four chains, so that all methods move alike. */
#include <math.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "bench.h"
#include "infer/driver.h"
#include "native/native.h"

enum { SEED = 20261122, PILOT_WARMUP = 200, PILOT_DRAWS = 20, ROUNDS = 3, MOST_DRAWS = 1000, DEPTH = BENCH_PILOT_DEPTH };
#define RUN_SECONDS 0.1 /* a run lasts about this long, or two draws of every chain */

typedef struct row {
    const char *backend;
    int32_t dimension;
    int64_t draws;         /* per chain and run */
    double leapfrog;       /* ns, of whole runs; the least of the rounds, as all times */
    double gradient;       /* ns, of calls of the target alone */
    double draws_per_second;
    double live;           /* part of the places in calls that chains still needed */
} row;

static double processor_now(void)
{
    struct timespec t;
    clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &t);
    return 1e9 * (double)t.tv_sec + (double)t.tv_nsec;
}

/* ns per position, through the entry that the method uses; positions of the chains as they stand. */
static double gradient_time(numc_mcmc *mcmc)
{
    const numc_target *target = &mcmc->target;
    size_t dimension = (size_t)target->dimension;
    int32_t width = mcmc->group_count > 0 ? mcmc->groups[0].count : mcmc->chain_count < 4 ? mcmc->chain_count : 4;
    int32_t rows = mcmc->group_count > 0 ? mcmc->groups[0].width : 1;
    double *positions = malloc((size_t)(width > rows ? width : rows) * dimension * sizeof *positions);
    double *gradient = malloc(dimension * sizeof *gradient), log_density, least = INFINITY;
    numc_batch_results results;
    bool good = positions != NULL && gradient != NULL;
    for (int32_t k = 0; good && k < width; k++)
        memcpy(positions + (size_t)k * dimension, numc_mcmc_position(mcmc, k), dimension * sizeof *positions);
    for (int32_t k = width; good && k < rows; k++)
        memcpy(positions + (size_t)k * dimension, positions, dimension * sizeof *positions);
    int64_t calls = 1;
    for (int round = 0; good && round < 12; round++) {
        double begin = processor_now();
        for (int64_t i = 0; good && i < calls; i++) {
            if (rows > 1)
                good = target->batch_evaluate(target->user, mcmc->groups[0].batch, positions, &results) == NUMC_OK;
            for (int32_t k = 0; rows == 1 && good && k < width; k++)
                good = target->evaluate(target->user, mcmc->chains[k].state, positions + (size_t)k * dimension, &log_density,
                                        gradient) == NUMC_OK;
        }
        double spent = processor_now() - begin;
        least = fmin(least, spent / (double)calls / (double)(rows > 1 ? rows : width));
        if (spent < 1e7)
            calls *= 2;
    }
    free(positions);
    free(gradient);
    return good ? least : NAN;
}

static int64_t leapfrogs(const numc_mcmc *mcmc, int64_t from, double *most)
{
    int64_t all = 0;
    *most = 0;
    for (int32_t c = 0; c < mcmc->chain_count; c++) {
        const numc_draw_statistics *s = numc_mcmc_statistics(mcmc, c);
        int64_t own = 0;
        for (int64_t i = from; i < numc_mcmc_draw_count(mcmc, c); i++)
            own += s[i].n_leapfrog;
        all += own;
        *most = fmax(*most, (double)own);
    }
    return all;
}

bool bench_fly_ahead(numc_model *model, int32_t most_chains, bench_pilot *p)
{
    numc_mcmc *mcmc = numc_mcmc_new(model, &(numc_mcmc_options){.warmup = PILOT_WARMUP, .draws = PILOT_DRAWS, .max_tree_depth = DEPTH});
    if (mcmc == NULL || numc_mcmc_run(mcmc, SEED) != NUMC_OK)
        return false;
    size_t dimension = (size_t)mcmc->target.dimension;
    p->metric = malloc(dimension * sizeof(double));
    p->positions = malloc((size_t)most_chains * dimension * sizeof(double));
    if (p->metric == NULL || p->positions == NULL)
        return false;
    memcpy(p->metric, numc_mcmc_inverse_metric(mcmc, 0), dimension * sizeof(double));
    for (int32_t c = 0; c < most_chains; c++)
        memcpy(p->positions + (size_t)c * dimension, numc_mcmc_position(mcmc, c % 4), dimension * sizeof(double));
    double most;
    p->step_size = numc_mcmc_step_size(mcmc, 0);
    p->leapfrogs = (double)leapfrogs(mcmc, 0, &most) / (4 * PILOT_DRAWS);
    p->gradient = gradient_time(mcmc);
    numc_mcmc_free(mcmc);
    return p->gradient > 0;
}

static bool measure(numc_model *model, int32_t chains, numc_chain_method method, const bench_pilot *p, int rounds, row *r)
{
    double draws = RUN_SECONDS * 1e9 / (p->gradient * p->leapfrogs * chains);
    numc_mcmc_options how = {.chains = chains, .warmup = NUMC_COUNT(0), .draws = draws < 2 ? 2 : draws > MOST_DRAWS ? MOST_DRAWS : (int64_t)draws,
                             .threads = 1, .no_adaptation = true, .step_size = p->step_size, .init_metric = p->metric,
                             .init_positions = p->positions, .chain_method = method, .max_tree_depth = DEPTH};
    numc_mcmc *mcmc = numc_mcmc_new(model, &how);
    bool good = mcmc != NULL && numc_mcmc_step(mcmc, SEED, -1) == NUMC_OK;
    *r = (row){.leapfrog = INFINITY, .draws = how.draws};
    int64_t done = 1;
    for (int k = 0; good && k < rounds; k++) {
        double begin = processor_now(), most = 0, longest = 0;
        good = numc_mcmc_run(mcmc, SEED) == NUMC_OK;
        double spent = processor_now() - begin;
        int64_t steps = leapfrogs(mcmc, done, &most), places = 0;
        for (int32_t g = 0; good && g < mcmc->group_count; g++) { /* a group works as long as its longest chain */
            const numc_lockstep *group = &mcmc->groups[g];
            longest = 0;
            for (int32_t c = group->first; c < group->first + group->count; c++) {
                int64_t own = 0;
                for (int64_t i = done; i < numc_mcmc_draw_count(mcmc, c); i++)
                    own += numc_mcmc_statistics(mcmc, c)[i].n_leapfrog;
                longest = fmax(longest, (double)own);
            }
            places += (int64_t)longest * group->width;
        }
        done = numc_mcmc_draw_count(mcmc, -1);
        if (spent / (double)steps < r->leapfrog) {
            r->leapfrog = spent / (double)steps;
            r->draws_per_second = 1e9 * (double)(how.draws - (k == 0)) * chains / spent;
        }
        r->live = places > 0 ? (double)steps / (double)places : 1;
    }
    if (good) {
        r->dimension = mcmc->target.dimension;
        r->gradient = gradient_time(mcmc);
        good = r->gradient > 0;
    }
    numc_mcmc_free(mcmc);
    return good;
}

static void print_row(const bench_options *options, const char *model, int32_t chains, const char *method, const row *r, bool first)
{
    const char *mode = options->jit == NUMC_JIT_ON ? "native" : "interpreted";
    if (options->json)
        printf("%s\n  {\"model\": \"%s\", \"backend\": \"%s\", \"mode\": \"%s\", \"D\": %d, \"chains\": %d, \"method\": \"%s\", "
               "\"draws\": %lld, \"leapfrog_ns\": %.2f, \"gradient_ns\": %.2f, \"overhead_ns\": %.2f, \"draws_per_second\": %.1f, "
               "\"live\": %.4f}",
               first ? "" : ",", model, r->backend, mode, (int)r->dimension, (int)chains, method, (long long)r->draws, r->leapfrog,
               r->gradient, r->leapfrog - r->gradient, r->draws_per_second, r->live);
    else
        printf("%-14s %-7s %-11s %5d %6d %-10s %6lld %11.1f %11.1f %9.1f %11.0f %6.2f\n", model, r->backend, mode, (int)r->dimension,
               (int)chains, method, (long long)r->draws, r->leapfrog, r->gradient, r->leapfrog - r->gradient, r->draws_per_second,
               r->live);
    fflush(stdout);
}

int bench_chains(const bench_options *options)
{
    static const char *const models[] = {"eight_schools", "logistic", "hierarchical"};
    static const int32_t all[] = {4, 64, 1024}, few[] = {3};
    static const struct {
        const char *name;
        numc_chain_method method;
    } methods[] = {{"sequential", NUMC_CHAINS_SEQUENTIAL}, {"vectorized", NUMC_CHAINS_VECTORIZED}};
    bench_options one = *options;
    numc_compiler compiler;
    char reason[NUMC_NATIVE_REASON];
    one.threads = 1;
    if (one.jit == NUMC_JIT_DEFAULT)
        one.jit = numc__compiler_find(&compiler, reason) ? NUMC_JIT_ON : NUMC_JIT_OFF;
    const int32_t *counts = options->quick ? few : all;
    int count = options->quick ? 1 : 3, failures = 0;
    bool first = true;
    if (options->json)
        printf("{\"rows\": [");
    else
        printf("%-14s %-7s %-11s %5s %6s %-10s %6s %11s %11s %9s %11s %6s\n", "model", "backend", "mode", "D", "chains", "method", "draws",
               "ns/leapfrog", "ns gradient", "overhead", "draws/s", "live");
    for (size_t m = 0; m < sizeof models / sizeof *models; m++) {
        const bench_model *model;
        for (int k = 0; (model = bench_model_at(k)) != NULL && strcmp(model->name, models[m]) != 0;)
            k++;
        if (model == NULL || !bench_wanted(options, model))
            continue;
        void *data = model->data_new(model);
        numc_context *context = data == NULL ? NULL : bench_open(&one);
        if (context == NULL) {
            if (data != NULL)
                model->data_free(data);
            failures++;
            continue;
        }
        numc_model *made = numc_model_new(context, model->callback, model->data_arrays(context, data));
        bench_pilot p = {0};
        bool good = bench_fly_ahead(made, counts[count - 1], &p);
        for (int c = 0; good && c < count; c++)
            for (size_t k = 0; good && k < sizeof methods / sizeof *methods; k++) {
                row r;
                good = measure(made, counts[c], methods[k].method, &p, options->rounds > 0 ? options->rounds : ROUNDS, &r);
                r.backend = bench_backend_name(context);
                if (good)
                    print_row(&one, model->name, counts[c], methods[k].name, &r, first);
                first = false;
            }
        if (!good) {
            bench_fail(model->name, numc_error_message(context));
            failures++;
        }
        free(p.metric);
        free(p.positions);
        numc_close(context);
        model->data_free(data);
    }
    if (options->json)
        printf("\n]}\n");
    if (first && failures == 0)
        failures += !bench_fail(options->model, "chains does not measure it");
    return failures > 0;
}
