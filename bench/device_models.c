/* device_models.c - of `numc-bench device`: gradients of models on the device and on the cpu backend, draws per second of many
 * vectorised chains on both, and NumPyro's, a child process, where there is a Python with it on a GPU. */
#include <math.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "device.h"
#include "infer/driver.h"
#include "native/native.h"

enum { SEED = 20261122, ROUNDS = 5, RESIDENT_DRAWS = 8, MOST_DRAWS = 1000, GOAL_CHAINS = 4096 };
#define ROUND_NS 2e7      /* a round of one way lasts about this long, or one gradient */
#define RUN_SECONDS 1.0   /* a timed run of chains */
#define DRAWS_BYTES 1e9   /* of a timed run, at most */
#define LIMIT_SECONDS 20.0 /* runs that would take longer are left out */
#define PILOT_SECONDS 100.0
#define QUICK_SECONDS 2.0
#define AGREEMENT 1e-9    /* relative to the largest component: sums of 1e6 terms in two orders, 1e-11 */

static const char *const names[BENCH_DEVICE_MODELS] = {"eight_schools", "logistic", "logistic_large", "hierarchical"};

/* ---- a model on both sides ---------------------------------------------------------------------------------------------------- */

typedef struct subject {
    void *data; /* arrays of a context lie in it, so each side has its own */
    numc_context *context;
    numc_model *model;
    numc_mcmc *mcmc; /* of one chain */
    const numc_target *target;
    void *chain, *batch;
} subject;

static const bench_model *model_at(const bench_sides *sides, int index)
{
    const bench_model *model;
    for (int k = 0; (model = bench_model_at(k)) != NULL && strcmp(model->name, names[index]) != 0;)
        k++;
    if (model == NULL || (sides->options->model != NULL && strcmp(sides->options->model, model->name) != 0))
        return NULL;
    return model;
}

static bool open_subject(const bench_options *options, const bench_model *model, subject *s)
{
    if ((s->data = model->data_new(model)) == NULL || (s->context = bench_open(options)) == NULL)
        return false;
    s->model = numc_model_new(s->context, model->callback, model->data_arrays(s->context, s->data));
    s->mcmc = numc_mcmc_new(s->model, &(numc_mcmc_options){.chains = 1, .chain_method = NUMC_CHAINS_VECTORIZED});
    if (s->mcmc == NULL)
        return false;
    s->target = numc__mcmc_target(s->mcmc);
    return s->target->chain_open(s->target->user, s->context, &s->chain) == NUMC_OK &&
           s->target->batch_open(s->target->user, s->context, &s->batch) == NUMC_OK;
}

static void close_both(const bench_model *model, subject both[2])
{
    for (subject *s = both; s < both + 2; s++) {
        if (s->batch != NULL)
            s->target->batch_close(s->target->user, s->context, s->batch);
        if (s->chain != NULL)
            s->target->chain_close(s->target->user, s->context, s->chain);
        numc_mcmc_free(s->mcmc);
        numc_model_free(s->model);
        if (s->context != NULL)
            numc_close(s->context);
        if (s->data != NULL)
            model->data_free(s->data);
    }
}

/* The device's side first; the host's has native code where there is a compiler. What cannot be is said in `why`. */
static bool open_both(const bench_sides *sides, const bench_model *model, subject both[2], char why[BENCH_WHY])
{
    numc_compiler compiler;
    char reason[NUMC_NATIVE_REASON];
    bench_options host = sides->host;
    host.jit = numc__compiler_find(&compiler, reason) ? NUMC_JIT_ON : NUMC_JIT_OFF;
    for (int s = 0; s < 2; s++)
        if (!open_subject(s == 0 ? sides->options : &host, model, &both[s])) {
            snprintf(why, BENCH_WHY, "%s: %s", s == 0 ? "device" : "cpu",
                     both[s].data == NULL ? "no data" : both[s].context == NULL ? "no context" : numc_error_message(both[s].context));
            return false;
        }
    return true;
}

/* ---- gradients ---------------------------------------------------------------------------------------------------------------- */

typedef enum way { THERE, HOST, RESIDENT, WAYS } way;

static double time_gradients(subject both[2], way by, const double *position, double *gradient, int64_t calls)
{
    subject *s = &both[by == HOST];
    const numc_backend_device *device = numc__device(s->context);
    double log_density, start = bench_now();
    bool good = true;
    for (int64_t i = 0; good && i < calls; i++)
        good = by == RESIDENT ? s->target->batch_launch(s->target->user, s->batch, NULL) == NUMC_OK
                              : s->target->evaluate(s->target->user, s->chain, position, &log_density, gradient) == NUMC_OK;
    good = good && device->table.synchronize(device->device) == NUMC_OK;
    return good ? (bench_now() - start) / (double)calls : (double)NAN;
}

/* The larger of both differences, relative to the density and to the gradient's largest element; NaN stays. */
static double apart(double density, const double *gradient, double wanted, const double *wanted_gradient, int32_t dimension)
{
    double most = fabs(density - wanted) / fabs(wanted), scale = 0.0;
    for (int32_t i = 0; i < dimension; i++)
        scale = fmax(scale, fabs(wanted_gradient[i]));
    for (int32_t i = 0; i < dimension; i++) {
        const double difference = fabs(gradient[i] - wanted_gradient[i]) / scale;
        most = difference <= most ? most : difference;
    }
    return most;
}

/* `stays`: so does what a batch computes where it lies. */
static bool agree(subject both[2], const double *position, double *gradients, int32_t dimension, double tolerance, bool stays)
{
    double densities[2];
    numc_batch_results r;
    for (int s = 0; s < 2; s++)
        if (both[s].target->evaluate(both[s].target->user, both[s].chain, position, &densities[s], gradients + s * dimension) != NUMC_OK)
            return false;
    const double *wanted = gradients + dimension;
    return apart(densities[0], gradients, densities[1], wanted, dimension) <= tolerance &&
           (!stays || (both[0].target->batch_evaluate(both[0].target->user, both[0].batch, position, &r) == NUMC_OK &&
                       apart(r.log_densities[0], r.gradients, densities[1], wanted, dimension) <= tolerance));
}

static bool measure_gradient(const bench_sides *sides, subject both[2], bench_device_gradient *r)
{
    const int32_t dimension = r->dimension = both[0].target->dimension;
    double *memory = calloc(3 * (size_t)dimension, sizeof *memory), *gradients = memory + dimension;
    double least[WAYS] = {(double)INFINITY, (double)INFINITY, (double)INFINITY};
    int64_t calls[WAYS];
    numc_batch_place places[2];
    const subject *s = &both[0];
    if (memory == NULL)
        return bench_fail(r->model->name, "out of memory");
    for (int32_t i = 0; i < dimension; i++)
        memory[i] = 0.2 * sin(1.0 + 3.0 * i);
    const bool stays = s->target->batch_device != NULL && s->target->batch_device(s->target->user, s->batch, &places[0], &places[1]);
    bool good = agree(both, memory, gradients, dimension, sides->info.float64 != 0 ? AGREEMENT : 1e-3, stays);
    if (!good)
        bench_fail(r->model->name, numc_error_status(s->context) != NUMC_OK ? numc_error_message(s->context)
                                                                            : "the device's gradient differs from the cpu backend's");
    for (way w = THERE; good && w < WAYS; w++) {
        if (w == RESIDENT && !stays)
            continue;
        const double each = fmin(time_gradients(both, w, memory, gradients, 1), time_gradients(both, w, memory, gradients, 1));
        calls[w] = each >= ROUND_NS ? 1 : (int64_t)(ROUND_NS / each) + 1;
        good = each > 0;
    }
    for (int round = 0; good && round < (sides->options->quick ? 1 : ROUNDS); round++)
        for (way w = THERE; w < WAYS; w++)
            if (w != RESIDENT || stays)
                least[w] = fmin(least[w], time_gradients(both, w, memory, gradients, calls[w]));
    free(memory);
    r->there = least[THERE];
    r->host = least[HOST];
    r->resident = stays ? least[RESIDENT] : (double)NAN;
    if (r->model->columns > 0)
        r->read = (double)r->model->rows * (double)r->model->columns * (sides->info.float64 != 0 ? 8 : 4) / sides->copy;
    return good;
}

int bench_device_gradients(const bench_sides *sides, bench_device_gradient *rows)
{
    int count = 0;
    for (int m = 0; m < BENCH_DEVICE_MODELS; m++) {
        const bench_model *model = model_at(sides, m);
        subject both[2] = {{0}, {0}};
        if (model == NULL)
            continue;
        bench_device_gradient *r = &rows[count++];
        *r = (bench_device_gradient){.model = model, .there = (double)NAN, .resident = (double)NAN, .host = (double)NAN, .read = (double)NAN};
        if (sides->options->quick && model->large) {
            snprintf(r->why, sizeof r->why, "left out by --quick");
            continue;
        }
        const bool good = !open_both(sides, model, both, r->why) || measure_gradient(sides, both, r);
        close_both(model, both);
        if (!good)
            return -1;
    }
    return count;
}

/* ---- chains ------------------------------------------------------------------------------------------------------------------- */

static int64_t leapfrogs(const numc_mcmc *mcmc, int64_t from)
{
    int64_t all = 0;
    for (int32_t c = 0; c < mcmc->chain_count; c++)
        for (int64_t i = from; i < numc_mcmc_draw_count(mcmc, c); i++)
            all += numc_mcmc_statistics(mcmc, c)[i].n_leapfrog;
    return all;
}

/* One side of a row: RESIDENT_DRAWS of each chain first, the fewest that stay on a device, then as many as last RUN_SECONDS.
 * *seconds: in, what the first run may take (0: unknown); out, what a draw of all chains took. seen: the log density of each chain's draw 1,
 * the first that a device makes by itself. */
static bool measure_chains(const bench_sides *sides, const subject *s, const bench_pilot *p, bench_device_chains *r, bool there, double *seconds,
                           double *seen)
{
    const double limit = sides->options->quick ? QUICK_SECONDS : LIMIT_SECONDS, wanted = sides->options->quick ? 0.1 : RUN_SECONDS;
    const double expected = *seconds * RESIDENT_DRAWS, memory = (double)sysconf(_SC_PHYS_PAGES) * (double)sysconf(_SC_PAGESIZE);
    const char *side = there ? "device" : "cpu";
    if (expected > limit) {
        snprintf(r->why + strlen(r->why), BENCH_WHY - strlen(r->why), "%s: %d draws would take about %.0f s; ", side, (int)RESIDENT_DRAWS, expected);
        *seconds = (double)INFINITY;
        return true;
    }
    numc_mcmc_options how = {.chains = r->chains, .warmup = NUMC_COUNT(0), .draws = RESIDENT_DRAWS + 1, .no_adaptation = true,
                             .step_size = p->step_size, .init_metric = p->metric, .init_positions = p->positions,
                             .chain_method = NUMC_CHAINS_VECTORIZED, .max_tree_depth = BENCH_PILOT_DEPTH};
    numc_mcmc *mcmc = numc_mcmc_new(s->model, &how);
    numc_mcmc_memory takes = {0};
    bool good = mcmc != NULL && numc_mcmc_memory_get(mcmc, &takes) == NUMC_OK;
    const double bytes = (double)takes.chain * r->chains + (double)takes.draws;
    if (good && (bytes > memory / 3 || (there && sides->info.memory_bytes > 0 && bytes > (double)sides->info.memory_bytes / 2))) {
        snprintf(r->why + strlen(r->why), BENCH_WHY - strlen(r->why), "%s: chains would take %.1f GB; ", side, 1e-9 * bytes);
        *seconds = (double)INFINITY;
        numc_mcmc_free(mcmc);
        return true;
    }
    good = good && numc_mcmc_step(mcmc, SEED, -1) == NUMC_OK; /* memory is taken here; one of the draws */
    double rate = (double)NAN, steps = (double)NAN;
    for (int run = 0; good && run < 2; run++) {
        const int64_t done = numc_mcmc_draw_count(mcmc, -1);
        double begin = bench_now();
        good = numc_mcmc_run(mcmc, SEED) == NUMC_OK;
        const double spent = 1e-9 * (bench_now() - begin);
        const int64_t made = numc_mcmc_draw_count(mcmc, -1) - done;
        *seconds = spent / (double)made;
        rate = (double)made * r->chains / spent;
        steps = (double)leapfrogs(mcmc, done) / spent;
        r->draws = there ? made : r->draws;
        const double room = DRAWS_BYTES / ((double)mcmc->target.stored * 8 * r->chains), more = fmin(fmin(wanted / *seconds, MOST_DRAWS), room);
        if (spent > wanted / 2 || more < (double)made)
            break;
        mcmc->draws = (int64_t)more; /* of the runs to come: a new sampler would compile everything again */
    }
    for (int32_t c = 0; c < r->chains; c++)
        seen[c] = good ? numc_mcmc_statistics(mcmc, c)[1].log_density : (double)NAN;
    if (!good) {
        snprintf(r->why + strlen(r->why), BENCH_WHY - strlen(r->why), "%s: %.150s; ", side, numc_error_message(s->context));
        numc_error_clear(s->context);
        *seconds = (double)INFINITY;
    }
    numc_mcmc_free(mcmc);
    *(there ? &r->there : &r->host) = rate;
    *(there ? &r->there_leapfrogs : &r->host_leapfrogs) = steps;
    return true;
}

/* Rounding, 1e-9 of a density at most, grows by a thousand in a transition, and in one chain of millions turns a decision; draws that have
 * nothing to do with one another differ by about 1. Sides that were not measured are not compared. */
static bool same_chains(const bench_device_chains *r, const double *there, const double *host)
{
    int32_t others = 0;
    char why[96];
    for (int32_t c = 0; c < r->chains; c++)
        others += fabs(there[c] - host[c]) > 1e-3;
    snprintf(why, sizeof why, "%d of %d chains do not have the cpu backend's first draws", (int)others, (int)r->chains);
    return others <= r->chains / 10 || bench_fail(r->model->name, why);
}

static bool chains_of(const bench_sides *sides, const bench_model *model, subject both[2], bench_device_chains *rows, int count)
{
    const double limit = sides->options->quick ? QUICK_SECONDS : PILOT_SECONDS;
    bench_pilot p = {0};
    const size_t most = (size_t)rows[count - 1].chains;
    double seconds[2], gradients[2], *memory = calloc(2 * (size_t)both[0].target->dimension, sizeof *memory);
    for (int s = 0; memory != NULL && s < 2; s++)
        for (int again = 0; again < 2; again++) /* the first one makes what it needs */
            gradients[s] = time_gradients(both, s == 0 ? THERE : HOST, memory, memory + both[0].target->dimension, 1);
    free(memory);
    if (memory == NULL)
        return bench_fail(model->name, "out of memory");
    /* Where a gradient is the faster; 4 chains, some 16 leapfrogs per transition. */
    const int fast = gradients[0] < gradients[1] ? 0 : 1;
    const double expected = 1e-9 * gradients[fast] * 4 * 16 * BENCH_PILOT_TRANSITIONS;
    if (expected > limit) {
        for (int c = 0; c < count; c++)
            snprintf(rows[c].why, BENCH_WHY, "its warm-up would take about %.0f s", expected);
        return true;
    }
    bool good = bench_fly_ahead(both[fast].model, rows[count - 1].chains, &p);
    if (!good)
        bench_fail(model->name, numc_error_message(both[fast].context));
    for (int s = 0; s < 2; s++)
        seconds[s] = 1e-9 * gradients[s] * p.leapfrogs;
    double *seen = malloc(2 * most * sizeof *seen);
    good = good && (seen != NULL || bench_fail(model->name, "out of memory"));
    for (int c = 0; good && c < count; c++) {
        for (size_t i = 0; i < 2 * most; i++)
            seen[i] = (double)NAN;
        for (int s = 0; good && s < 2; s++) {
            good = measure_chains(sides, &both[s], &p, &rows[c], s == 0, &seconds[s], seen + (size_t)s * most);
            seconds[s] *= c + 1 < count ? (double)rows[c + 1].chains / rows[c].chains : 1.0;
        }
        good = good && (sides->info.float64 == 0 || same_chains(&rows[c], seen, seen + most));
    }
    free(seen);
    free(p.metric);
    free(p.positions);
    return good;
}

int bench_device_chain_rows(const bench_sides *sides, bench_device_chains *rows)
{
    const int counts = sides->options->quick ? 2 : BENCH_CHAIN_COUNTS;
    int count = 0;
    for (int m = 0; m < BENCH_DEVICE_MODELS; m++) {
        const bench_model *model = model_at(sides, m);
        subject both[2] = {{0}, {0}};
        if (model == NULL || (sides->options->quick && m > 0))
            continue;
        bench_device_chains *own = rows + count;
        for (int c = 0; c < counts; c++, count++)
            own[c] = (bench_device_chains){.model = model, .chains = INT32_C(1) << 2 * c, .there = (double)NAN, .host = (double)NAN,
                                           .there_leapfrogs = (double)NAN, .host_leapfrogs = (double)NAN};
        const bool opened = open_both(sides, model, both, own->why), good = !opened || chains_of(sides, model, both, own, counts);
        for (int c = 1; !opened && c < counts; c++)
            memcpy(own[c].why, own->why, BENCH_WHY);
        close_both(model, both);
        if (!good)
            return -1;
    }
    return count;
}

/* ---- NumPyro ------------------------------------------------------------------------------------------------------------------ */

/* No single quotes: a shell is given it between such. The second run goes on from the first one's warm-up; the third is timed. */
static const char script[] =
    "import sys, time\n"
    "try:\n"
    "    import jax, numpyro\n"
    "    import numpyro.distributions as dist\n"
    "except ImportError:\n"
    "    print(\"none\")\n"
    "    sys.exit(0)\n"
    "if jax.default_backend() not in (\"gpu\", \"cuda\"):\n"
    "    print(\"host\")\n"
    "    sys.exit(0)\n"
    "numpyro.enable_x64()\n"
    "import jax.numpy as jnp\n"
    "y = jnp.array([28., 8, -3, 7, -1, 1, 18, 12])\n"
    "sigma = jnp.array([15., 10, 16, 11, 9, 11, 10, 18])\n"
    "def model():\n"
    "    mu = numpyro.sample(\"mu\", dist.Normal(0, 5))\n"
    "    tau = numpyro.sample(\"tau\", dist.HalfCauchy(5))\n"
    "    with numpyro.plate(\"school\", 8):\n"
    "        z = numpyro.sample(\"z\", dist.Normal(0, 1))\n"
    "        theta = numpyro.deterministic(\"theta\", mu + tau * z)\n"
    "        numpyro.sample(\"y\", dist.Normal(theta, sigma), obs=y)\n"
    "chains, draws = int(sys.argv[1]), 200\n"
    "mcmc = numpyro.infer.MCMC(numpyro.infer.NUTS(model, max_tree_depth=int(sys.argv[2])), num_warmup=200, num_samples=draws,\n"
    "    num_chains=chains, chain_method=\"vectorized\", progress_bar=False)\n"
    "key = jax.random.PRNGKey(1)\n"
    "for run in range(3):\n"
    "    start = time.perf_counter()\n"
    "    mcmc.run(jax.random.fold_in(key, run))\n"
    "    jax.block_until_ready(mcmc.get_samples())\n"
    "    seconds = time.perf_counter() - start\n"
    "    mcmc.post_warmup_state = mcmc.last_state\n"
    "print(\"done\", chains * draws / seconds, numpyro.__version__, jax.devices()[0].device_kind)\n";

static bool ask(const char *python, bench_numpyro *r)
{
    char command[sizeof script + 128], line[256] = "", kind[16] = "";
    snprintf(command, sizeof command, "exec \"$NUMC_BENCH_ASKED\" -W ignore -c '%s' %d %d 2>/dev/null", script, GOAL_CHAINS,
             BENCH_PILOT_DEPTH);
    FILE *answer = setenv("NUMC_BENCH_ASKED", python, 1) == 0 ? popen(command, "r") : NULL;
    if (answer == NULL)
        return false;
    while (fgets(line, sizeof line, answer) != NULL) /* the last line */
        ;
    const bool ended = pclose(answer) == 0;
    int at = 0;
    if (!ended || sscanf(line, "%15s", kind) != 1 || strcmp(kind, "none") == 0)
        return false;
    line[strcspn(line, "\n")] = '\0';
    if (strcmp(kind, "host") == 0)
        snprintf(r->why, BENCH_WHY, "NumPyro has no GPU here");
    else if (sscanf(line, "done %lf %63s %n", &r->draws_per_second, r->version, &at) == 2 && at > 0)
        snprintf(r->device, sizeof r->device, "%s", line + at);
    else
        return false;
    return true;
}

void bench_device_numpyro(bool quick, bench_numpyro *r)
{
    const char *named = getenv("NUMC_BENCH_PYTHON");
    const char *const pythons[] = {named, "python3"};
    *r = (bench_numpyro){.draws_per_second = (double)NAN};
    if (quick || (named != NULL && strcmp(named, "off") == 0)) {
        snprintf(r->why, BENCH_WHY, quick ? "left out by --quick" : "NUMC_BENCH_PYTHON is off");
        return;
    }
    snprintf(r->why, BENCH_WHY, "no python3 with NumPyro here");
    for (size_t i = 0; i < sizeof pythons / sizeof pythons[0]; i++)
        if (pythons[i] != NULL && *pythons[i] != '\0' && ask(pythons[i], r)) {
            if (!isnan(r->draws_per_second))
                r->why[0] = '\0';
            break;
        }
    if (*r->why != '\0')
        fprintf(stderr, "numc-bench: %s: nothing is compared with it\n", r->why);
}
