/* dynamic.c - `numc-bench dynamic`: a gradient in dynamic mode, where the callback runs each time, beside the compiled one. Both are
 * compared first. */
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "bench.h"

enum { POSITIONS = 4, ROUNDS = 25 };
#define ROUND_NS 2e6    /* or one evaluation */
#define AGREEMENT 1e-10 /* of the largest component: sums of 1e4 terms in another order round to about 1e-13 */

typedef struct subject {
    numc_mcmc *mcmc;
    const numc_target *target;
    void *chain;
} subject;

static bool subject_open(numc_context *context, const bench_model *model, void *user, bool dynamic, subject *s)
{
    numc_model *made = (dynamic ? numc_model_new_dynamic : numc_model_new)(context, model->callback, user);
    s->mcmc = made == NULL ? NULL : numc_mcmc_new(made, &(numc_mcmc_options){.chains = 1});
    if (s->mcmc == NULL)
        return false;
    s->target = numc__mcmc_target(s->mcmc);
    return s->target->chain_open(s->target->user, context, &s->chain) == NUMC_OK;
}

static bool evaluate(const subject *s, const double *q, double *log_density, double *gradient)
{
    return s->target->evaluate(s->target->user, s->chain, q, log_density, gradient) == NUMC_OK;
}

static bool agree(const subject *s, const double *q, int32_t dimension, double *gradients)
{
    double density[2], most = 0, scale = 1;
    for (int k = 0; k < 2; k++)
        if (!evaluate(&s[k], q, &density[k], gradients + k * dimension))
            return false;
    for (int32_t i = 0; i < dimension; i++) {
        double off = fabs(gradients[i] - gradients[dimension + i]);
        most = off <= most ? most : off;
        scale = fmax(scale, fabs(gradients[i]));
    }
    return most <= AGREEMENT * scale && fabs(density[0] - density[1]) <= AGREEMENT * (1 + fabs(density[0]));
}

/* The least time of one evaluation. */
static double least(const subject *s, const double *q, int32_t dimension, double *gradient, int rounds)
{
    double best = INFINITY, value, start = bench_now();
    if (!evaluate(s, q, &value, gradient))
        return NAN;
    int64_t count = (int64_t)(ROUND_NS / fmax(bench_now() - start, 1.0)) + 1;
    for (int r = 0; r < rounds; r++) {
        start = bench_now();
        for (int64_t i = 0; i < count; i++)
            if (!evaluate(s, q + (i % POSITIONS) * dimension, &value, gradient))
                return NAN;
        best = fmin(best, (bench_now() - start) / (double)count);
    }
    return best;
}

static bool measure(const bench_options *options, const bench_model *model, numc_context *context, void *user, bool first)
{
    subject s[2] = {{0}, {0}};
    int32_t dimension = 0;
    double *memory = NULL, times[2] = {NAN, NAN}, allocations = -1;
    bool good = subject_open(context, model, user, false, &s[0]) && subject_open(context, model, user, true, &s[1]);
    if (good) {
        dimension = s[0].target->dimension;
        memory = calloc((size_t)dimension * (POSITIONS + 2), sizeof *memory);
        good = memory != NULL;
    }
    double *gradients = good ? memory + (size_t)dimension * POSITIONS : NULL;
    for (int32_t i = 0; good && i < dimension * POSITIONS; i++)
        memory[i] = 0.5 * sin(1.0 + 3.0 * i);
    for (int k = 0; good && k < POSITIONS; k++)
        if (!agree(s, memory + k * dimension, dimension, gradients)) {
            fprintf(stderr, "numc-bench: %s: dynamic mode differs\n", model->name);
            good = false;
        }
    int rounds = options->quick ? 1 : options->rounds > 0 ? options->rounds : ROUNDS;
    for (int k = 0; good && k < 2; k++)
        times[k] = least(&s[k], memory, dimension, gradients, rounds);
    int64_t before = bench_allocations();
    double value;
    for (int i = 0; good && i < 10; i++)
        good = evaluate(&s[1], memory, &value, gradients);
    if (good && before >= 0)
        allocations = (double)(bench_allocations() - before) / 10;
    good = good && isfinite(times[0]) && isfinite(times[1]);
    if (good && options->json)
        printf("%s{\"model\": \"%s\", \"backend\": \"%s\", \"D\": %d, \"compiled_ns\": %.1f, \"dynamic_ns\": %.1f, \"allocations\": %.1f}",
               first ? "" : ",\n", model->name, bench_backend_name(context), (int)dimension, times[0], times[1], allocations);
    else if (good)
        printf("%-44s %6d %14.0f %14.0f %10.0f %12.1f\n", model->name, (int)dimension, times[0], times[1], times[1] / times[0],
               allocations);
    else if (numc_error_status(context) != NUMC_OK)
        (void)bench_fail(model->name, numc_error_message(context));
    for (int k = 0; k < 2; k++) {
        if (s[k].chain != NULL)
            s[k].target->chain_close(s[k].target->user, context, s[k].chain);
        numc_mcmc_free(s[k].mcmc);
    }
    free(memory);
    return good;
}

int bench_dynamic(const bench_options *options)
{
    bench_options one = *options;
    one.threads = 1;
    one.jit = options->jit == NUMC_JIT_DEFAULT ? NUMC_JIT_OFF : options->jit;
    bool good = true, first = true;
    if (options->json)
        puts("{\"rows\": [");
    else
        printf("%-44s %6s %14s %14s %10s %12s\n", "model", "D", "compiled ns", "dynamic ns", "ratio", "allocations");
    for (int k = 0; k < bench_simulated_count && good; k++) {
        const bench_model *model = &bench_simulated[k];
        if (options->model != NULL ? strcmp(options->model, model->name) != 0 : model->large)
            continue;
        void *data = model->data_new(model);
        numc_context *context = data == NULL ? NULL : bench_open(&one);
        good = context != NULL && measure(options, model, context, model->data_arrays(context, data), first);
        first = false;
        if (context != NULL)
            numc_close(context);
        if (data != NULL)
            model->data_free(data);
    }
    if (options->json)
        puts("]}");
    if (first && good)
        good = bench_fail(options->model, "dynamic does not measure it");
    return good ? 0 : 1;
}
