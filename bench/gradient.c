/* gradient.c - `numc-bench gradient`: nanoseconds of one log density and gradient at a flat unconstrained position, through the
 * entry the sampler uses, beside the same model written by hand; the two are compared first. */
#include <math.h>
#include <stdlib.h>
#include <time.h>

#include "bench.h"
#include "native/native.h"

enum { POSITIONS = 4, ROUNDS = 101, MOST_ROUNDS = 1000, COUNTED = 100 };
#define ROUND_NS 2e5     /* a round lasts about this long, or one evaluation: less than a slice of a busy processor's time */
#define AGREEMENT 1e-10  /* relative to the largest component; the sums of 1e4 terms round to about 1e-13 */

typedef struct subject {
    const bench_model *model;
    void *data;
    const numc_target *target;
    void *chain;
    int32_t dimension;
    double *positions, *gradient, *other;
} subject;

typedef enum way { BY_NUMC, BY_HAND, BY_HAND_SINGLE, WAYS } way;

static bool evaluate(subject *s, way by, int position, double *log_density, double *gradient)
{
    const double *q = s->positions + (size_t)position * (size_t)s->dimension;
    if (by == BY_NUMC)
        return s->target->evaluate(s->target->user, s->chain, q, log_density, gradient) == NUMC_OK;
    *log_density = (by == BY_HAND ? s->model->hand : s->model->hand_single)(s->data, q, gradient);
    return true;
}

/* The greatest difference from the hand-written one, relative; NAN where an evaluation fails. */
static double disagreement(subject *s, way by)
{
    double worst = 0.0;
    for (int p = 0; p < POSITIONS; p++) {
        double mine, theirs, most = 0.0, scale = 0.0;
        if (!evaluate(s, BY_NUMC, p, &mine, s->gradient) || !evaluate(s, by, p, &theirs, s->other))
            return NAN;
        for (int32_t i = 0; i < s->dimension; i++) {
            double difference = fabs(s->gradient[i] - s->other[i]);
            if (!(difference <= most))
                most = difference;
            scale = fmax(scale, fabs(s->other[i]));
        }
        double relative = fmax(most / scale, fabs(mine - theirs) / fabs(theirs));
        if (!(relative <= worst) || isnan(most))
            worst = isnan(most) || isnan(mine) ? NAN : relative;
        if (isnan(worst))
            return NAN;
    }
    return worst;
}

static double time_batch(subject *s, way by, int64_t count)
{
    double log_density, start = bench_now();
    for (int64_t i = 0; i < count; i++)
        if (!evaluate(s, by, (int)(i % POSITIONS), &log_density, s->gradient))
            return NAN;
    return (bench_now() - start) / (double)count;
}

static int64_t batch_size(subject *s, way by)
{
    int64_t count = 1;
    for (;;) {
        double each = time_batch(s, by, count);
        for (int again = 0; again < 3; again++) /* another process may have had the processor meanwhile */
            each = fmin(each, time_batch(s, by, count));
        if (isnan(each) || each * (double)count >= ROUND_NS / 4.0)
            return isnan(each) || each >= ROUND_NS ? 1 : (int64_t)(ROUND_NS / each) + 1;
        count *= 4;
    }
}

typedef struct row {
    const char *backend;
    int32_t dimension;
    double median[WAYS], least[WAYS]; /* NAN: not measured */
    double error;               /* against the hand-written one; NAN: none */
    double allocations;         /* -1: not counted */
} row;

static bool measure(subject *s, int rounds, row *r)
{
    double times[WAYS][MOST_ROUNDS];
    int64_t counts[WAYS];
    bool has[WAYS] = {true, s->model->hand != NULL, s->model->hand_single != NULL};
    if (s->model->hand_ready != NULL && !s->model->hand_ready())
        has[BY_HAND] = false;
    r->error = NAN;
    for (way w = BY_HAND; w < WAYS; w++) {
        if (!has[w])
            continue;
        double error = disagreement(s, w);
        if (!(error <= AGREEMENT)) {
            fprintf(stderr, "numc-bench: %s: differs from the hand-written gradient by %g relative\n", s->model->name, error);
            return false;
        }
        r->error = isnan(r->error) ? error : fmax(r->error, error);
    }
    double log_density;
    if (!evaluate(s, BY_NUMC, 0, &log_density, s->gradient))
        return false;
    nanosleep(&(struct timespec){.tv_nsec = 20000000}, NULL); /* the first may load OpenBLAS, whose own threads then allocate */
    int64_t before = bench_allocations();
    for (int i = 0; i < COUNTED; i++)
        if (!evaluate(s, BY_NUMC, i % POSITIONS, &log_density, s->gradient))
            return false;
    int64_t after = bench_allocations();
    r->allocations = before < 0 ? -1.0 : (double)(after - before) / COUNTED;
    for (way w = BY_NUMC; w < WAYS; w++)
        counts[w] = has[w] ? batch_size(s, w) : 0;
    for (int k = 0; k < rounds; k++) /* interleaved: what slows the machine down meets all of them */
        for (way w = BY_NUMC; w < WAYS; w++)
            if (has[w])
                times[w][k] = time_batch(s, w, counts[w]);
    for (way w = BY_NUMC; w < WAYS; w++) {
        if (has[w])
            qsort(times[w], (size_t)rounds, sizeof times[w][0], bench_compare_doubles);
        r->median[w] = has[w] ? times[w][rounds / 2] : NAN;
        r->least[w] = has[w] ? times[w][0] : NAN;
    }
    return true;
}

static bool run_model(const bench_options *options, numc_context *context, const bench_model *model, row *r)
{
    subject s = {.model = model, .data = model->data_new()};
    if (s.data == NULL)
        return bench_fail(model->name, "out of memory");
    bool good = false;
    model->data_arrays(context, s.data);
    numc_mcmc *mcmc = numc_mcmc_new(numc_model_new(context, model->callback, s.data), &(numc_mcmc_options){.chains = 1});
    if (mcmc != NULL) {
        s.target = numc__mcmc_target(mcmc);
        s.dimension = s.target->dimension;
        s.positions = malloc(((size_t)POSITIONS + 2) * (size_t)s.dimension * sizeof(double));
        if (s.positions == NULL)
            numc_error_set(context, NUMC_MEMORY, "out of memory");
        else
            s.target->chain_open(s.target->user, context, &s.chain);
    }
    if (numc_error_status(context) == NUMC_OK) {
        s.gradient = s.positions + POSITIONS * (size_t)s.dimension;
        s.other = s.gradient + s.dimension;
        uint32_t state = 1; /* a linear congruence will do: positions within (-1/2, 1/2) */
        for (int32_t i = 0; i < POSITIONS * s.dimension; i++) {
            state = state * UINT32_C(1664525) + UINT32_C(1013904223);
            s.positions[i] = (double)state * 0x1p-32 - 0.5;
        }
        r->backend = bench_backend_name(context);
        r->dimension = s.dimension;
        good = measure(&s, options->rounds > 0 ? options->rounds : ROUNDS, r);
        s.target->chain_close(s.target->user, context, s.chain);
    }
    if (numc_error_status(context) != NUMC_OK)
        good = bench_fail(model->name, numc_error_message(context));
    free(s.positions);
    numc_mcmc_free(mcmc);
    free(s.data);
    return good;
}

static void print_time(const char *name, double value)
{
    if (isnan(value))
        printf(", \"%s\": null", name);
    else
        printf(", \"%s\": %.2f", name, value);
}

static void print_row(const bench_options *options, const bench_model *model, const row *r, bool first)
{
    if (options->json) {
        printf("%s\n  {\"model\": \"%s\", \"backend\": \"%s\", \"mode\": \"%s\", \"D\": %d", first ? "" : ",", model->name, r->backend,
               options->jit == NUMC_JIT_ON ? "native" : "interpreted", (int)r->dimension);
        print_time("ns_median", r->median[BY_NUMC]);
        print_time("ns_min", r->least[BY_NUMC]);
        print_time("hand_ns", r->median[BY_HAND]);
        print_time("hand_ns_min", r->least[BY_HAND]);
        print_time("hand_single_ns", r->median[BY_HAND_SINGLE]);
        print_time("hand_single_ns_min", r->least[BY_HAND_SINGLE]);
        if (isnan(r->error))
            printf(", \"difference\": null");
        else
            printf(", \"difference\": %.3g", r->error);
        if (r->allocations < 0.0)
            printf(", \"allocations\": null}");
        else
            printf(", \"allocations\": %g}", r->allocations);
        return;
    }
    printf("%-14s %-7s %-11s %5d", model->name, r->backend, options->jit == NUMC_JIT_ON ? "native" : "interpreted",
           (int)r->dimension);
    for (way w = BY_NUMC; w < WAYS; w++) {
        if (isnan(r->median[w]))
            printf(" %11s %11s", "-", "-");
        else
            printf(" %11.1f %11.1f", r->median[w], r->least[w]);
        if (w == BY_HAND && !isnan(r->median[w]))
            printf(" %6.2f %6.2f", r->median[BY_NUMC] / r->median[w], r->least[BY_NUMC] / r->least[w]);
        else if (w == BY_HAND)
            printf(" %6s %6s", "-", "-");
    }
    if (r->allocations < 0.0)
        printf(" %11s\n", "-");
    else
        printf(" %11g\n", r->allocations);
}

/* One mode of all models; the number of those that failed. */
static int run_mode(const bench_options *options, bool *first)
{
    numc_context *context = bench_open(options);
    if (context == NULL)
        return 1;
    int failures = 0;
    for (int k = 0; k < bench_model_count; k++) {
        row r = {.allocations = -1};
        if (!bench_wanted(options, &bench_models[k]))
            continue;
        if (run_model(options, context, &bench_models[k], &r)) {
            print_row(options, &bench_models[k], &r, *first);
            *first = false;
        } else {
            failures++;
            numc_error_clear(context);
        }
        fflush(stdout);
    }
    numc_close(context);
    return failures;
}

int bench_gradient(const bench_options *options)
{
    bench_options one = *options;
    one.threads = 1; /* a chain's gradient runs on one thread; so does the hand-written one */
    numc_compiler compiler;
    char reason[NUMC_NATIVE_REASON];
    bool compiles = numc__compiler_find(&compiler, reason), first = true;
    int failures = 0;
    if (options->json)
        printf("{\"rows\": [");
    else
        printf("%-14s %-7s %-11s %5s %11s %11s %11s %11s %6s %6s %11s %11s %11s\n", "model", "backend", "mode", "D", "ns median", "least",
               "by hand", "least", "ratio", "least", "in 1 pass", "least", "allocations");
    for (numc_jit mode = NUMC_JIT_OFF; mode >= NUMC_JIT_ON; mode--) {
        one.jit = mode;
        if (options->jit == mode || (options->jit == NUMC_JIT_DEFAULT && (mode == NUMC_JIT_OFF || compiles)))
            failures += run_mode(&one, &first);
    }
    if (options->json)
        printf("\n]}\n");
    else if (!compiles && options->jit == NUMC_JIT_DEFAULT)
        printf("interpreted only: %s\n", reason);
    return failures > 0;
}
