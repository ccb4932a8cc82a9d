/* gradient.c - `numc-bench gradient`: nanoseconds of one log density and gradient at a flat unconstrained position, through the
 * entry the sampler uses, interpreted and native, beside the same model written by hand; all are compared first. Then what making
 * them costs: time to trace and compile, memory, and the product of the Hessian with a vector. */
#include <dirent.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <time.h>
#include <unistd.h>

#include "bench.h"
#include "compile/program.h"
#include "gradient.h"
#include "native/native.h"

enum { POSITIONS = 4, ROUNDS = 101, MOST_ROUNDS = 1000, COUNTED = 100, COMPILES = 9, COLD = 3, CACHED = 5 };
#define ROUND_NS 2e5     /* a round lasts about this long, or one evaluation: less than a slice of a busy processor's time */
#define LARGE_NS 3e9     /* rounds of one row end after this long */
#define AGREEMENT 1e-10  /* relative to the largest component; the sums of 1e4 terms round to about 1e-13 */

/* ---- one mode of a model ------------------------------------------------------------------------------------------------------ */

typedef struct subject {
    numc_context *context;
    void *user; /* the callback's */
    numc_mcmc *mcmc;
    const numc_target *target;
    void *chain;
    numc_workspace *product;
} subject;

typedef struct pair {
    const bench_model *model;
    void *data;
    subject modes[2]; /* interpreted, native */
    int32_t dimension;
    double *positions, *gradient, *other, *vector;
    double log_density;
} pair;

static numc_workspace *product_of(const pair *p)
{
    return p->modes[1].product != NULL ? p->modes[1].product : p->modes[0].product;
}

static bool evaluate(pair *p, bench_way by, int position, double *log_density, double *gradient)
{
    const double *q = p->positions + (size_t)position * (size_t)p->dimension;
    if (by == BENCH_INTERPRETED || by == BENCH_NATIVE) {
        const subject *s = &p->modes[by == BENCH_NATIVE];
        return s->target->evaluate(s->target->user, s->chain, q, log_density, gradient) == NUMC_OK;
    }
    if (by == BENCH_PRODUCT) {
        const void *inputs[] = {q, p->vector};
        double along;
        void *outputs[] = {log_density, gradient, &along, p->other};
        const subject *s = &p->modes[p->modes[1].product != NULL];
        return numc__workspace_run(s->context, product_of(p), inputs, outputs) == NUMC_OK;
    }
    *log_density = by == BENCH_FLOOR ? p->model->floor(p->data, q)
                                     : (by == BENCH_HAND ? p->model->hand : p->model->hand_single)(p->data, q, gradient);
    return true;
}

/* The greatest difference between two vectors, relative to the largest component of the second; NAN where there is one. */
static double difference(const double *a, const double *b, int32_t count)
{
    double most = 0.0, scale = 0.0;
    for (int32_t i = 0; i < count; i++) {
        double one = fabs(a[i] - b[i]);
        if (!(one <= most))
            most = one;
        scale = fmax(scale, fabs(b[i]));
    }
    return most / scale;
}

/* Of two ways, over all positions; NAN where an evaluation fails. */
static double disagreement(pair *p, bench_way one, bench_way other)
{
    double worst = 0.0;
    for (int k = 0; k < POSITIONS; k++) {
        double mine, theirs;
        if (!evaluate(p, one, k, &mine, p->gradient) || !evaluate(p, other, k, &theirs, p->other))
            return NAN;
        double relative = difference(p->gradient, p->other, p->dimension);
        worst = fmax(worst, isnan(relative) ? INFINITY : relative);
        relative = fabs(mine - theirs) / fabs(theirs);
        worst = fmax(worst, isnan(relative) ? INFINITY : relative);
    }
    return worst;
}

/* ---- timing -------------------------------------------------------------------------------------------------------------------- */

static double time_batch(pair *p, bench_way by, int64_t count)
{
    double start = bench_now();
    for (int64_t i = 0; i < count; i++)
        if (!evaluate(p, by, (int)(i % POSITIONS), &p->log_density, p->gradient))
            return NAN;
    return (bench_now() - start) / (double)count;
}

static int64_t batch_size(pair *p, bench_way by)
{
    int64_t count = 1;
    for (;;) {
        double each = time_batch(p, by, count);
        for (int again = 0; again < 3 && each * (double)count < 1e8; again++) /* another process may have had the processor meanwhile */
            each = fmin(each, time_batch(p, by, count));
        if (isnan(each) || each * (double)count >= ROUND_NS / 4.0)
            return isnan(each) || each >= ROUND_NS ? 1 : (int64_t)(ROUND_NS / each) + 1;
        count *= 4;
    }
}

static bool measure(pair *p, int rounds, bench_row *r)
{
    static double times[BENCH_WAYS][MOST_ROUNDS];
    int64_t counts[BENCH_WAYS];
    bool ready = p->model->hand_ready == NULL || p->model->hand_ready();
    bool has[BENCH_WAYS] = {true, p->modes[1].mcmc != NULL, p->model->hand != NULL && ready, p->model->hand_single != NULL,
                            p->model->floor != NULL && ready, product_of(p) != NULL};
    static const char *const names[] = {"interpreted", "native", "by hand", "by hand in one pass"};
    r->error = NAN;
    for (bench_way w = BENCH_HAND; w <= BENCH_SINGLE; w++) {
        if (!has[w])
            continue;
        double error = disagreement(p, BENCH_INTERPRETED, w);
        if (!(error <= AGREEMENT)) {
            fprintf(stderr, "numc-bench: %s: interpreted differs from %s by %g relative\n", p->model->name, names[w], error);
            return false;
        }
        r->error = isnan(r->error) ? error : fmax(r->error, error);
    }
    if (has[BENCH_NATIVE] && !(disagreement(p, BENCH_NATIVE, BENCH_INTERPRETED) <= 0.0)) /* NaN: an evaluation failed */
        return bench_fail(p->model->name, "native code differs from interpreted code");
    nanosleep(&(struct timespec){.tv_nsec = 20000000}, NULL); /* the first may load OpenBLAS, whose own threads then allocate */
    int64_t before = bench_allocations();
    int counted = p->model->large ? 4 : COUNTED;
    for (int i = 0; i < counted; i++)
        for (bench_way w = BENCH_INTERPRETED; w <= BENCH_NATIVE; w++)
            if (has[w] && !evaluate(p, w, i % POSITIONS, &p->log_density, p->gradient))
                return false;
    int64_t after = bench_allocations();
    r->allocations = before < 0 ? -1.0 : (double)(after - before) / counted;
    for (bench_way w = BENCH_INTERPRETED; w < BENCH_WAYS; w++)
        counts[w] = has[w] ? batch_size(p, w) : 0;
    double start = bench_now();
    int done = 0;
    for (; done < rounds && (done < 3 || bench_now() - start < LARGE_NS); done++) /* in turn: what slows the machine down meets all */
        for (bench_way w = BENCH_INTERPRETED; w < BENCH_WAYS; w++)
            if (has[w])
                times[w][done] = time_batch(p, w, counts[w]);
    for (bench_way w = BENCH_INTERPRETED; w < BENCH_WAYS; w++) {
        if (has[w])
            qsort(times[w], (size_t)done, sizeof times[w][0], bench_compare_doubles);
        r->median[w] = has[w] ? times[w][done / 2] : NAN;
        r->least[w] = has[w] ? times[w][0] : NAN;
    }
    return true;
}

/* ---- a private cache, so that what is cold is cold ------------------------------------------------------------------------- */

static char cache[4096];

static bool cache_begin(void)
{
    const char *base = getenv("TMPDIR");
    snprintf(cache, sizeof cache, "%s/numc-bench-XXXXXX", base != NULL && *base == '/' ? base : "/tmp");
    return mkdtemp(cache) != NULL && setenv("NUMC_CACHE", cache, 1) == 0;
}

static void cache_empty(void)
{
    DIR *folder = opendir(cache);
    for (struct dirent *entry; folder != NULL && (entry = readdir(folder)) != NULL;)
        if (entry->d_name[0] != '.')
            (void)unlinkat(dirfd(folder), entry->d_name, 0);
    if (folder != NULL)
        closedir(folder);
}

static void cache_end(void)
{
    cache_empty();
    (void)rmdir(cache);
}

/* ---- making ---------------------------------------------------------------------------------------------------------------------- */

/* Traces, differentiates and compiles: ns, or NAN. In the native mode all programs of the model get their code here. */
static double make(pair *p, subject *s)
{
    numc_mcmc_free(s->mcmc);
    double start = bench_now();
    numc_model *model = numc_model_new(s->context, p->model->callback, s->user);
    s->mcmc = numc_mcmc_new(model, &(numc_mcmc_options){.chains = 1});
    double time = bench_now() - start;
    numc_model_free(model);
    return s->mcmc != NULL ? time : NAN;
}

/* Of processes that were waited for, ns. */
static double children_now(void)
{
    struct rusage usage;
    (void)getrusage(RUSAGE_CHILDREN, &usage);
    return 1e9 * (double)(usage.ru_utime.tv_sec + usage.ru_stime.tv_sec) + 1e3 * (double)(usage.ru_utime.tv_usec + usage.ru_stime.tv_usec);
}

static bool open_context(const bench_options *options, pair *p, subject *s)
{
    numc_mcmc_free(s->mcmc);
    s->mcmc = NULL;
    if (s->context != NULL)
        numc_close(s->context);
    s->context = bench_open(options);
    if (s->context != NULL)
        s->user = p->model->data_arrays(s->context, p->data);
    return s->context != NULL;
}

static bool open_mode(const bench_options *options, pair *p, int mode, bench_row *r)
{
    bench_options one = *options;
    subject *s = &p->modes[mode];
    double times[COMPILES], processor[COLD];
    int count = options->quick ? 1 : COMPILES;
    one.threads = 1; /* a chain's gradient runs on one thread; so does the hand-written one */
    one.jit = mode == 0 ? NUMC_JIT_OFF : NUMC_JIT_ON;
    if (!open_context(&one, p, s))
        return false;
    if (mode == 0) {
        for (int k = 0; k < count; k++)
            times[k] = make(p, s);
        qsort(times, (size_t)count, sizeof times[0], bench_compare_doubles);
        r->compile = times[count / 2];
    } else {
        int colds = options->quick ? 1 : COLD;
        for (int k = 0; k < colds; k++) {
            if (k > 0 && !open_context(&one, p, s))
                return false;
            cache_empty();
            processor[k] = children_now();
            times[k] = make(p, s);
            processor[k] = children_now() - processor[k];
        }
        qsort(times, (size_t)colds, sizeof times[0], bench_compare_doubles);
        qsort(processor, (size_t)colds, sizeof processor[0], bench_compare_doubles);
        r->cold = times[colds / 2];
        r->cold_processor = processor[0];
        count = options->quick ? 1 : CACHED;
        for (int k = 0; k < count; k++) {
            if (!open_context(&one, p, s)) /* nothing is left of the one before but the folder */
                return false;
            times[k] = make(p, s);
        }
        qsort(times, (size_t)count, sizeof times[0], bench_compare_doubles);
        r->cached = times[count / 2];
    }
    if (s->mcmc == NULL)
        return bench_fail(p->model->name, numc_error_message(s->context));
    s->target = numc__mcmc_target(s->mcmc);
    p->dimension = s->target->dimension;
    numc_mcmc_memory memory = {0};
    (void)numc_mcmc_memory_get(s->mcmc, &memory);
    r->chain_bytes = memory.chain;
    r->shared_bytes = memory.shared;
    s->target->chain_open(s->target->user, s->context, &s->chain);
    s->product = s->target->product(s->target->user, s->context);
    if (numc_error_status(s->context) != NUMC_OK)
        return bench_fail(p->model->name, numc_error_message(s->context));
    return true;
}

static void close_mode(subject *s)
{
    if (s->context == NULL)
        return;
    numc__workspace_free(s->product);
    if (s->chain != NULL)
        s->target->chain_close(s->target->user, s->context, s->chain);
    numc_mcmc_free(s->mcmc);
    numc_close(s->context);
}

/* ---- a row ----------------------------------------------------------------------------------------------------------------------- */

static bool run_model(const bench_options *options, const bench_model *model, bool native, bench_row *r)
{
    pair p = {.model = model, .data = model->data_new(model)};
    *r = (bench_row){.model = model, .allocations = -1, .compile = NAN, .cold = NAN, .cached = NAN, .cold_processor = NAN};
    for (bench_way w = BENCH_INTERPRETED; w < BENCH_WAYS; w++)
        r->median[w] = r->least[w] = NAN;
    if (p.data == NULL)
        return false; /* said */
    cache_empty();
    bool good = open_mode(options, &p, 0, r) && (!native || open_mode(options, &p, 1, r));
    if (good) {
        p.positions = malloc(((size_t)POSITIONS + 3) * (size_t)p.dimension * sizeof(double));
        good = p.positions != NULL || bench_fail(model->name, "out of memory");
    }
    if (good) {
        p.gradient = p.positions + POSITIONS * (size_t)p.dimension;
        p.other = p.gradient + p.dimension;
        p.vector = p.other + p.dimension;
        uint32_t state = 1; /* a linear congruence will do: positions within (-1/2, 1/2) */
        for (int32_t i = 0; i < POSITIONS * p.dimension; i++) {
            state = state * UINT32_C(1664525) + UINT32_C(1013904223);
            p.positions[i] = (double)state * 0x1p-32 - 0.5;
        }
        for (int32_t i = 0; i < p.dimension; i++)
            p.vector[i] = i % 2 == 0 ? 1.0 : -0.5;
        snprintf(r->backend, sizeof r->backend, "%s", bench_backend_name(p.modes[0].context));
        r->dimension = p.dimension;
        good = measure(&p, options->quick ? 1 : options->rounds > 0 ? options->rounds : ROUNDS, r);
        for (int mode = 0; mode < 2; mode++)
            if (!good && p.modes[mode].context != NULL && numc_error_status(p.modes[mode].context) != NUMC_OK)
                (void)bench_fail(model->name, numc_error_message(p.modes[mode].context));
    }
    free(p.positions);
    close_mode(&p.modes[0]);
    close_mode(&p.modes[1]);
    model->data_free(p.data);
    return good;
}

/* ---- sampling -------------------------------------------------------------------------------------------------------------------- */

typedef struct density {
    const bench_model *model;
    void *data;
} density;

static numc_status by_hand(void *user, const double *position, double *log_density, double *gradient)
{
    const density *d = user;
    *log_density = d->model->hand(d->data, position, gradient);
    return NUMC_OK;
}

static double processor_now(void)
{
    struct timespec t;
    clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &t);
    return 1e9 * (double)t.tv_sec + (double)t.tv_nsec;
}

/* Four chains of 1000 + 1000 on one thread: ns from the start of the first transition to the last draw, and gradients; the median of
 * some runs. `hand`: the density written by hand instead of the model. */
static bool sample_once(const bench_options *options, const bench_model *model, void *data, numc_jit jit, bool hand, double *time,
                        double *processor, double *gradients)
{
    bench_options one = *options;
    one.jit = jit;
    one.threads = 1;
    numc_context *context = bench_open(&one);
    if (context == NULL)
        return false;
    numc_mcmc_options how = {.chains = 4, .threads = 1, .save_warmup = true};
    density d = {model, data};
    numc_mcmc *mcmc = hand ? numc_mcmc_new_density(context, 10, by_hand, &d, &how)
                           : numc_mcmc_new(numc_model_new(context, model->callback, model->data_arrays(context, data)), &how);
    double start = bench_now(), start_processor = processor_now();
    bool good = mcmc != NULL && numc_mcmc_run(mcmc, 20261122) == NUMC_OK;
    *time = bench_now() - start;
    *processor = processor_now() - start_processor;
    *gradients = 0.0;
    for (int32_t c = 0; good && c < 4; c++) {
        const numc_draw_statistics *warmup = numc_mcmc_warmup_statistics(mcmc, c), *kept = numc_mcmc_statistics(mcmc, c);
        for (int64_t i = 0; i < numc_mcmc_warmup_count(mcmc, c); i++)
            *gradients += (double)warmup[i].n_leapfrog;
        for (int64_t i = 0; i < numc_mcmc_draw_count(mcmc, c); i++)
            *gradients += (double)kept[i].n_leapfrog;
    }
    if (!good)
        (void)bench_fail("sampling", numc_error_message(context));
    numc_close(context);
    return good;
}

static bool run_sampling(const bench_options *options, bool native, double hand_ns, bench_sampling *s)
{
    enum { RUNS = 5 };
    const bench_model *model = bench_model_at(0);
    void *data = model->data_new(model);
    double times[4][RUNS], processor, gradients = 1.0;
    int runs = options->quick ? 1 : RUNS;
    bool good = data != NULL;
    cache_empty();
    for (int k = 0; good && k < runs; k++) {
        good = sample_once(options, model, data, NUMC_JIT_OFF, true, &times[3][k], &processor, &gradients);
        times[3][k] = processor / gradients - hand_ns;
        good = good && sample_once(options, model, data, NUMC_JIT_OFF, false, &times[0][k], &processor, &gradients);
        if (native) {
            good = good && sample_once(options, model, data, NUMC_JIT_AUTO, false, &times[2][k], &processor, &gradients);
            good = good && sample_once(options, model, data, NUMC_JIT_ON, false, &times[1][k], &processor, &gradients);
        }
    }
    model->data_free(data);
    if (!good)
        return false;
    for (int w = 0; w < 4; w++)
        qsort(times[w], (size_t)runs, sizeof(double), bench_compare_doubles);
    *s = (bench_sampling){.gradients = gradients, .interpreted = times[0][runs / 2], .native = native ? times[1][runs / 2] : NAN,
                          .automatic = native ? times[2][runs / 2] : NAN, .overhead = times[3][runs / 2]};
    return true;
}

/* ---- the command ----------------------------------------------------------------------------------------------------------------- */

static bool wanted_here(const bench_options *options, const bench_model *model, bool posteriors)
{
    if (options->model != NULL)
        return strcmp(options->model, model->name) == 0;
    return (model->folder == NULL || posteriors) && !model->device && !(options->quick && model->large);
}

int bench_gradient(const bench_options *options)
{
    numc_compiler compiler;
    char reason[NUMC_NATIVE_REASON];
    bool compiles = numc__compiler_find(&compiler, reason) && options->jit != NUMC_JIT_OFF;
    int failures = 0, count = 0;
    bool posteriors = (options->model == NULL || strchr(options->model, '-') != NULL) && bench_posteriors_found();
    static bench_row rows[64];
    static bench_sampling sampling;
    bool sampled = false;
    if (!compiles && options->jit != NUMC_JIT_OFF)
        fprintf(stderr, "numc-bench: interpreted only: %s\n", reason);
    if (!cache_begin())
        return !bench_fail("gradient", "no folder for a cache can be made");
    bench_print_begin(options);
    const bench_model *model;
    for (int k = 0; (model = bench_model_at(k)) != NULL && count < 64; k++) {
        if (!wanted_here(options, model, posteriors))
            continue;
        bool native = compiles && (!options->quick || k == 0 || options->model != NULL);
        if (run_model(options, model, native, &rows[count]))
            bench_print_row(options, &rows[count], count == 0), count++;
        else
            failures++;
        fflush(stdout);
    }
    if (count > 0 && rows[0].model == bench_model_at(0)) {
        sampled = run_sampling(options, compiles, rows[0].median[BENCH_HAND], &sampling);
        failures += !sampled;
    }
    cache_end();
    bench_print_end(options, rows, count, sampled ? &sampling : NULL);
    return failures > 0;
}
