/* The MCMC driver: options, chains on threads, warm-up, storage of draws, cancelling and going on. What is sampled is a
 * numc_target; how one transition goes is kernel/nuts.h. */
#include <math.h>
#include <string.h>
#include <time.h>

#include "base/threads.h"
#include "infer/driver.h"

/* ---- options ---- */

static int64_t count_or(numc_count count, int64_t otherwise)
{
    return count == 0 ? otherwise : count <= INT64_MIN / 2 ? count - INT64_MIN : count;
}

static double number_or(double value, double otherwise)
{
    return value == 0 ? otherwise : value;
}

#define REFUSE_UNLESS(condition, ...) NUMC_REQUIRE(context, condition, NUMC_INVALID_ARGUMENT, "mcmc options: " __VA_ARGS__)

static numc_status fill_options(numc_mcmc *mcmc, numc_context *context)
{
    numc_mcmc_options *o = &mcmc->options;
    const int64_t warmup = count_or(o->warmup, 1000), draws = count_or(o->draws, 1000), init = count_or(o->adapt_init, 75);
    const int64_t term = count_or(o->adapt_term, 50), window = count_or(o->adapt_window, 25);
    const struct {
        const char *name;
        int64_t value, least, most;
    } counts[] = {{"chains", o->chains, 0, 1 << 20},
                  {"warmup", warmup, 0, 1 << 30},
                  {"draws", draws, 0, 1 << 30},
                  {"adapt_init", init, 0, 1 << 30},
                  {"adapt_term", term, 0, 1 << 30},
                  {"adapt_window", window, 1, 1 << 30},
                  {"thin", o->thin, 0, INT32_MAX},
                  {"threads", o->threads, 0, INT32_MAX},
                  {"interval", o->interval, 0, INT32_MAX},
                  {"batch", o->batch, 0, INT32_MAX},
                  {"trajectory_steps", o->trajectory_steps, 0, INT32_MAX},
                  {"max_tree_depth", o->max_tree_depth, 0, NUMC_K_NUTS_MAX_DEPTH}};
    for (size_t i = 0; i < sizeof counts / sizeof *counts; i++)
        REFUSE_UNLESS(counts[i].value >= counts[i].least && counts[i].value <= counts[i].most, "%s is %lld, not in %lld..%lld",
                      counts[i].name, (long long)counts[i].value, (long long)counts[i].least, (long long)counts[i].most);
    REFUSE_UNLESS(o->algorithm == NUMC_ALGORITHM_NUTS || o->algorithm == NUMC_ALGORITHM_HMC,
                  "algorithm %d is not one", (int)o->algorithm);
    REFUSE_UNLESS(o->metric >= NUMC_METRIC_DIAGONAL && o->metric <= NUMC_METRIC_UNIT, "metric %d is not one",
                  (int)o->metric);
    REFUSE_UNLESS(o->chain_method >= NUMC_CHAINS_PARALLEL && o->chain_method <= NUMC_CHAINS_VECTORIZED,
                  "chain_method %d is not one", (int)o->chain_method);
    const struct {
        const char *name;
        double value;
    } positive[] = {{"trajectory_length", o->trajectory_length}, {"step_size", o->step_size}, {"init_radius", o->init_radius},
                    {"adapt_gamma", o->adapt_gamma}, {"adapt_t0", o->adapt_t0}, {"adapt_kappa", o->adapt_kappa}};
    for (size_t i = 0; i < sizeof positive / sizeof *positive; i++)
        REFUSE_UNLESS(positive[i].value >= 0 && isfinite(positive[i].value), "%s is %g, not a positive number (0: the default)",
                      positive[i].name, positive[i].value);
    REFUSE_UNLESS(o->target_accept >= 0 && o->target_accept < 1, "target_accept is %g, not in (0, 1)", o->target_accept);
    REFUSE_UNLESS(o->step_jitter >= 0 && o->step_jitter <= 1, "step_jitter is %g, not in [0, 1]", o->step_jitter);
    REFUSE_UNLESS(!(o->init_zero && o->init_positions != NULL), "both init_zero and init_positions are given");
    o->chains = o->chains == 0 ? 4 : o->chains;
    o->thin = o->thin == 0 ? 1 : o->thin;
    o->interval = o->interval == 0 ? 50 : o->interval;
    o->max_tree_depth = o->max_tree_depth == 0 ? 10 : o->max_tree_depth;
    o->trajectory_length = number_or(o->trajectory_length, 2 * 3.14159265358979323846);
    o->target_accept = number_or(o->target_accept, 0.8);
    o->step_size = number_or(o->step_size, 1);
    o->init_radius = number_or(o->init_radius, 2);
    o->adapt_gamma = number_or(o->adapt_gamma, 0.05);
    o->adapt_t0 = number_or(o->adapt_t0, 10);
    o->adapt_kappa = number_or(o->adapt_kappa, 0.75);
    o->warmup = mcmc->warmup = warmup;
    o->draws = mcmc->draws = draws;
    o->adapt_init = init;
    o->adapt_term = term;
    o->adapt_window = window;
    numc__schedule_make(&mcmc->schedule, o->no_adaptation ? 0 : mcmc->warmup, init, term, window);
    mcmc->schedule.kind = o->algorithm == NUMC_ALGORITHM_NUTS ? NUMC_K_NUTS_TREE : NUMC_K_NUTS_STATIC;
    mcmc->schedule.trajectory_steps = o->trajectory_steps;
    mcmc->schedule.trajectory_length = o->trajectory_length;
    mcmc->kernel_metric = o->metric == NUMC_METRIC_UNIT ? NUMC_K_METRIC_UNIT
                          : o->metric == NUMC_METRIC_DENSE ? NUMC_K_METRIC_DENSE : NUMC_K_METRIC_DIAGONAL;
    mcmc->warm_rows = o->save_warmup ? mcmc->warmup / o->thin : 0;
    return NUMC_OK;
}

/* ---- making and freeing ---- */

static size_t metric_entries(const numc_mcmc *mcmc)
{
    return (size_t)numc_k_metric_entries(mcmc->target.dimension, mcmc->kernel_metric);
}

static int tree_depth(const numc_mcmc *mcmc)
{
    return mcmc->options.algorithm == NUMC_ALGORITHM_NUTS ? mcmc->options.max_tree_depth : 0;
}

size_t numc__mcmc_state_doubles(const numc_mcmc *mcmc)
{
    return (size_t)numc_k_nuts_doubles(mcmc->target.dimension, tree_depth(mcmc), mcmc->kernel_metric);
}

size_t numc__mcmc_chain_bytes(const numc_mcmc *mcmc)
{
    size_t estimate = (size_t)numc_k_estimate_doubles(mcmc->target.dimension, mcmc->kernel_metric);
    return (numc__mcmc_state_doubles(mcmc) + estimate) * sizeof(double);
}

size_t numc__mcmc_divergence_capacity(const numc_mcmc *mcmc)
{
    size_t each = 2 * (size_t)mcmc->target.dimension * sizeof(double) + sizeof(int64_t);
    size_t fit = NUMC_DIVERGENCE_BYTES / each;
    return fit < 1 ? 1 : fit > NUMC_DIVERGENCES_KEPT ? NUMC_DIVERGENCES_KEPT : fit;
}

static void destroy(numc_object *object)
{
    numc_mcmc *mcmc = (numc_mcmc *)(void *)object;
    numc_context *context = mcmc->context;
    size_t dimension = (size_t)mcmc->target.dimension, kept = numc__mcmc_divergence_capacity(mcmc);
    numc__lockstep_free(mcmc);
    for (int32_t c = 0; mcmc->chains != NULL && c < mcmc->chain_count; c++) {
        numc_chain *chain = &mcmc->chains[c];
        if (chain->state_open && mcmc->target.chain_close != NULL)
            mcmc->target.chain_close(mcmc->target.user, chain->lane, chain->state);
        numc_close(chain->lane);
        numc__free(context, chain->memory, numc__mcmc_chain_bytes(mcmc));
        numc__free(context, chain->divergence_transition, kept * sizeof(int64_t));
        numc__free(context, chain->divergence_positions, kept * 2 * dimension * sizeof(double));
    }
    size_t chains = (size_t)mcmc->chain_count, rows = chains * (size_t)mcmc->capacity;
    numc__free(context, mcmc->chains, chains * sizeof *mcmc->chains);
    numc__free(context, mcmc->progress_done, chains * sizeof(int64_t));
    numc__free(context, mcmc->init_positions, chains * dimension * sizeof(double));
    numc__free(context, mcmc->init_metric, metric_entries(mcmc) * sizeof(double));
    numc__free(context, mcmc->values, rows * (size_t)mcmc->target.stored * sizeof(double));
    numc__free(context, mcmc->statistics, rows * sizeof *mcmc->statistics);
    if (mcmc->serial_lock_made)
        pthread_mutex_destroy(&mcmc->serial_lock);
    if (mcmc->target.destroy != NULL)
        mcmc->target.destroy(mcmc->target.user, context);
    numc__free(context, mcmc, sizeof *mcmc);
}

void numc_mcmc_free(numc_mcmc *mcmc)
{
    if (mcmc == NULL)
        return;
    /* From a callback of a run in progress: the run is ended, and leave() below frees. */
    int running = NUMC_LIFE_RUNNING;
    atomic_store(&mcmc->cancelled, true);
    if (atomic_compare_exchange_strong(&mcmc->life, &running, NUMC_LIFE_DOOMED) || running == NUMC_LIFE_DOOMED)
        return;
    numc__object_remove(mcmc->context->core, &mcmc->object);
    destroy(&mcmc->object);
}

static double *copy_numbers(numc_context *context, const double *from, size_t count)
{
    double *to = numc__allocate(context, count * sizeof *to);
    if (to != NULL)
        memcpy(to, from, count * sizeof *to);
    return to;
}

/* Each entry finite, the diagonal positive, a dense one symmetric and positive definite. */
static numc_status check_metric(const numc_mcmc *mcmc)
{
    numc_context *context = mcmc->context;
    const double *w = mcmc->init_metric;
    size_t dimension = (size_t)mcmc->target.dimension, entries = metric_entries(mcmc);
    if (mcmc->kernel_metric == NUMC_K_METRIC_DIAGONAL) {
        for (size_t i = 0; i < dimension; i++)
            REFUSE_UNLESS(w[i] > 0 && isfinite(w[i]), "init_metric[%zu] is %g: an inverse metric is positive and finite", i, w[i]);
        return NUMC_OK;
    }
    for (size_t i = 0; i < dimension; i++) {
        for (size_t j = 0; j < dimension; j++) {
            double entry = w[i * dimension + j];
            REFUSE_UNLESS(isfinite(entry), "init_metric(%zu, %zu) is %g", i, j, entry);
            REFUSE_UNLESS(entry == w[j * dimension + i], "init_metric is not symmetric at (%zu, %zu): %g and %g", i, j, entry,
                          w[j * dimension + i]);
        }
        REFUSE_UNLESS(w[i * dimension + i] > 0, "init_metric(%zu, %zu) is %g: the diagonal is positive", i, i,
                      w[i * dimension + i]);
    }
    double *region = numc__allocate(context, 2 * entries * sizeof *region);
    if (region == NULL)
        return NUMC_MEMORY;
    memcpy(region, w, entries * sizeof *region);
    bool definite = numc_k_metric_complete(region, mcmc->target.dimension, mcmc->kernel_metric) != 0;
    numc__free(context, region, 2 * entries * sizeof *region);
    REFUSE_UNLESS(definite, "init_metric is not positive definite");
    return NUMC_OK;
}

static numc_status build(numc_mcmc *mcmc, const numc_mcmc_options *options, size_t size)
{
    numc_context *context = mcmc->context;
    NUMC_TRY(numc_error_status(context));
    NUMC_TRY(numc__options_copy(context, &mcmc->options, sizeof mcmc->options, options, size, "numc_mcmc_options"));
    NUMC_TRY(fill_options(mcmc, context));
    const numc_mcmc_options *o = &mcmc->options;
    size_t dimension = (size_t)mcmc->target.dimension, chains = (size_t)o->chains;
    if (mcmc->kernel_metric == NUMC_K_METRIC_DENSE)
        REFUSE_UNLESS(dimension <= 40000, "a dense metric of dimension %zu", dimension);
    mcmc->chains = numc__allocate_zero(context, chains, sizeof *mcmc->chains);
    if (mcmc->chains == NULL)
        return NUMC_MEMORY;
    mcmc->chain_count = o->chains;
    for (int32_t c = 0; c < o->chains; c++) {
        numc_chain *chain = &mcmc->chains[c];
        chain->mcmc = mcmc;
        chain->index = c;
        atomic_init(&chain->done, 0);
        atomic_init(&chain->warm_stored, 0);
        atomic_init(&chain->stored, 0);
        atomic_init(&chain->divergences, 0);
        atomic_init(&chain->all_divergences, 0);
        atomic_init(&chain->seconds[0], 0);
        atomic_init(&chain->seconds[1], 0);
        atomic_init(&chain->step_size, o->step_size);
        atomic_init(&chain->saturated, 0);
        atomic_init(&chain->divergence_kept, 0);
    }
    mcmc->progress_done = numc__allocate_zero(context, chains, sizeof(int64_t));
    if (mcmc->progress_done == NULL)
        return NUMC_MEMORY;
    if (o->init_positions != NULL) {
        for (size_t i = 0; i < chains * dimension; i++)
            REFUSE_UNLESS(isfinite(o->init_positions[i]), "init_positions[%zu] is %g", i, o->init_positions[i]);
        mcmc->init_positions = copy_numbers(context, o->init_positions, chains * dimension);
        NUMC_TRY(numc_error_status(context));
    }
    if (o->init_metric != NULL) {
        REFUSE_UNLESS(mcmc->kernel_metric != NUMC_K_METRIC_UNIT, "init_metric is given, but the metric is the unit");
        mcmc->init_metric = copy_numbers(context, o->init_metric, metric_entries(mcmc));
        NUMC_TRY(numc_error_status(context));
        NUMC_TRY(check_metric(mcmc));
    }
    if (pthread_mutex_init(&mcmc->serial_lock, NULL) != 0)
        return numc__fail(context, NUMC_MEMORY, "mcmc: no lock can be made");
    mcmc->serial_lock_made = true;
    if (o->chain_method == NUMC_CHAINS_VECTORIZED)
        NUMC_TRY(numc__lockstep_new(mcmc));
    mcmc->options.init_positions = NULL; /* the caller's memory is not looked at again */
    mcmc->options.init_metric = NULL;
    mcmc->options.names = NULL;
    return NUMC_OK;
}

numc_mcmc *numc__mcmc_new(numc_context *context, const numc_target *target, const numc_mcmc_options *options, size_t size)
{
    numc_mcmc *mcmc = numc_error_status(context) == NUMC_OK ? numc__allocate_zero(context, 1, sizeof *mcmc) : NULL;
    if (mcmc == NULL) {
        if (target->destroy != NULL)
            target->destroy(target->user, context);
        return NULL;
    }
    mcmc->context = context;
    mcmc->target = *target;
    mcmc->object.destroy = destroy;
    atomic_init(&mcmc->life, NUMC_LIFE_IDLE);
    atomic_init(&mcmc->moving, false);
    atomic_init(&mcmc->cancelled, false);
    atomic_init(&mcmc->halt, NUMC_OK);
    if (build(mcmc, options, size) != NUMC_OK) {
        destroy(&mcmc->object);
        return NULL;
    }
    numc__object_add(context, &mcmc->object);
    return mcmc;
}

const numc_target *numc__mcmc_target(const numc_mcmc *mcmc)
{
    return &mcmc->target;
}

numc_status numc_mcmc_memory_get(const numc_mcmc *mcmc, numc_mcmc_memory *memory)
{
    if (mcmc == NULL || memory == NULL)
        return NUMC_INVALID_ARGUMENT;
    const numc_target *target = &mcmc->target;
    uint64_t rows = (uint64_t)(mcmc->warm_rows + mcmc->draws);
    uint64_t divergences = (uint64_t)numc__mcmc_divergence_capacity(mcmc) * (2 * (uint64_t)target->dimension * sizeof(double) + sizeof(int64_t));
    *memory = (numc_mcmc_memory){0};
    if (target->memory != NULL)
        target->memory(target->user, &memory->chain, &memory->shared);
    memory->chain += numc__mcmc_chain_bytes(mcmc) + divergences;
    memory->draws = (uint64_t)mcmc->chain_count * rows * ((uint64_t)target->stored * sizeof(double) + sizeof(numc_draw_statistics));
    return NUMC_OK;
}

static bool is_halted(const void *user)
{
    return numc__mcmc_halted(user);
}

/* Memory of the chains; once. */
static numc_status open_chains(numc_mcmc *mcmc)
{
    numc_context *context = mcmc->context;
    const numc_mcmc_options *o = &mcmc->options;
    size_t kept = numc__mcmc_divergence_capacity(mcmc), dimension = (size_t)mcmc->target.dimension;
    for (int32_t c = 0; c < mcmc->chain_count && !mcmc->ready; c++) {
        numc_chain *chain = &mcmc->chains[c];
        numc_k_key none = {0, 0};
        if (chain->lane == NULL)
            chain->lane = numc_lane(context);
        if (chain->lane != NULL) {
            chain->lane->cancelled = is_halted;
            chain->lane->cancelled_user = mcmc;
        }
        if (chain->memory == NULL)
            chain->memory = numc__allocate(context, numc__mcmc_chain_bytes(mcmc));
        if (chain->divergence_transition == NULL)
            chain->divergence_transition = numc__allocate(context, kept * sizeof(int64_t));
        if (chain->divergence_positions == NULL)
            chain->divergence_positions = numc__allocate(context, kept * 2 * dimension * sizeof(double));
        NUMC_TRY(numc_error_status(context));
        if (chain->lane == NULL)
            return numc__fail(context, NUMC_MEMORY, "mcmc: no lane for chain %d", (int)c);
        bool shares = chain->group != NULL && chain->group->first != c; /* one that evaluates single positions will do */
        if (!chain->state_open && !shares && mcmc->target.chain_open != NULL) {
            numc_status status = mcmc->target.chain_open(mcmc->target.user, chain->lane, &chain->state);
            if (status != NUMC_OK) {
                numc__error_join(context, chain->lane);
                numc_error_clear(chain->lane);
                return numc__fail(context, status, "chain %d: the %s cannot be prepared: %s", (int)c, mcmc->target.noun,
                                  numc_status_sentence(status));
            }
        }
        if (shares)
            chain->state = mcmc->chains[chain->group->first].state;
        chain->state_open = !shares;
        if (chain->group != NULL)
            NUMC_TRY(numc__lockstep_open(chain->group));
        numc_k_nuts_setup(&chain->nuts, mcmc->target.dimension, tree_depth(mcmc), mcmc->kernel_metric, none);
        chain->nuts.jitter = o->step_jitter;
        chain->nuts.step_size = o->step_size;
        numc_k_estimate_clear(chain->memory + numc__mcmc_state_doubles(mcmc), mcmc->target.dimension, mcmc->kernel_metric);
        size_t entries = metric_entries(mcmc);
        for (size_t i = 0; i < entries; i++)
            chain->memory[i] = mcmc->init_metric != NULL ? mcmc->init_metric[i]
                               : mcmc->kernel_metric == NUMC_K_METRIC_DIAGONAL || i % (dimension + 1) == 0 ? 1 : 0;
        if (!numc_k_metric_complete(chain->memory, mcmc->target.dimension, mcmc->kernel_metric))
            return numc__fail(context, NUMC_INTERNAL, "mcmc: the first metric is not positive"); /* check_metric looked */
        chain->warmup = (numc_k_warmup){.averaging = {.target = o->target_accept, .gamma = o->adapt_gamma, .t0 = o->adapt_t0,
                                                      .kappa = o->adapt_kappa},
                                        .searches = !o->no_adaptation && mcmc->target.dimension > 0};
        numc_k_averaging_restart(&chain->warmup.averaging, o->step_size);
    }
    mcmc->ready = true;
    return NUMC_OK;
}

static int64_t rows_for(const numc_mcmc *mcmc, int64_t transitions)
{
    int64_t kept = transitions > mcmc->warmup ? (transitions - mcmc->warmup) / mcmc->options.thin : 0;
    return mcmc->warm_rows + kept;
}

/* Room for `rows` rows per chain; what is stored moves to the new block. */
static numc_status reserve(numc_mcmc *mcmc, int64_t rows)
{
    numc_context *context = mcmc->context;
    if (rows <= mcmc->capacity)
        return NUMC_OK;
    size_t chains = (size_t)mcmc->chain_count, stored = (size_t)mcmc->target.stored, old = (size_t)mcmc->capacity;
    double wanted = (double)chains * (double)rows * (double)(stored * sizeof(double) + sizeof(numc_draw_statistics));
    NUMC_REQUIRE(context, wanted < (double)(PTRDIFF_MAX / 2), NUMC_MEMORY, "out of memory: %lld draws of %zu numbers per chain",
                 (long long)rows, stored);
    double *values = numc__allocate(context, chains * (size_t)rows * stored * sizeof *values);
    numc_draw_statistics *statistics = numc__allocate(context, chains * (size_t)rows * sizeof *statistics);
    if (values == NULL || statistics == NULL) {
        numc__free(context, values, chains * (size_t)rows * stored * sizeof *values);
        numc__free(context, statistics, chains * (size_t)rows * sizeof *statistics);
        return numc_error_status(context);
    }
    for (size_t c = 0; c < chains && old > 0; c++) {
        memcpy(values + c * (size_t)rows * stored, mcmc->values + c * old * stored, old * stored * sizeof *values);
        memcpy(statistics + c * (size_t)rows, mcmc->statistics + c * old, old * sizeof *statistics);
    }
    numc__free(context, mcmc->values, chains * old * stored * sizeof *values);
    numc__free(context, mcmc->statistics, chains * old * sizeof *statistics);
    mcmc->values = values;
    mcmc->statistics = statistics;
    mcmc->capacity = rows;
    return NUMC_OK;
}

/* ---- one chain ---- */

double numc__mcmc_seconds_now(void)
{
    struct timespec now;
    if (clock_gettime(CLOCK_MONOTONIC, &now) != 0)
        return 0;
    return (double)now.tv_sec + 1e-9 * (double)now.tv_nsec;
}

bool numc__mcmc_halted(const numc_mcmc *mcmc)
{
    return atomic_load_explicit(&mcmc->cancelled, memory_order_relaxed) ||
           atomic_load_explicit(&mcmc->halt, memory_order_relaxed) != NUMC_OK;
}

void numc__chain_spend(numc_chain *chain, bool warm, double seconds)
{
    atomic_store_explicit(&chain->seconds[warm], atomic_load_explicit(&chain->seconds[warm], memory_order_relaxed) + seconds,
                          memory_order_relaxed);
}

void numc__chain_end(numc_chain *chain, numc_status status)
{
    numc_mcmc *mcmc = chain->mcmc;
    chain->status = status;
    chain->failed = status != NUMC_STOP && status != NUMC_CANCELLED;
    if (!chain->failed)
        numc_error_clear(chain->lane); /* of a loop that gave up */
    int expected = NUMC_OK;
    atomic_compare_exchange_strong(&mcmc->halt, &expected, (int)status);
}

/* Whatever comes next for a chain, up to and with one transition. */
static numc_status advance(numc_chain *chain)
{
    bool moved = false;
    numc_status status = numc__chain_begin(chain);
    while (status == NUMC_OK && !moved) {
        double log_density;
        status = numc__mcmc_halted(chain->mcmc) ? NUMC_CANCELLED : numc__chain_evaluate(chain, &log_density);
        if (status == NUMC_OK)
            status = numc__chain_feed(chain, log_density, &moved);
    }
    if (status != NUMC_OK)
        numc__chain_rest(chain);
    return status;
}

static void run_chain(void *user, int64_t index)
{
    numc_mcmc *mcmc = user;
    numc_chain *chain = &mcmc->chains[index];
    double since = numc__mcmc_seconds_now();
    numc_status status = NUMC_OK;
    while (chain->transition < chain->until && status == NUMC_OK) {
        bool warm = chain->transition < mcmc->warmup;
        status = advance(chain);
        if (status != NUMC_OK || chain->transition == mcmc->warmup || chain->transition == chain->until) {
            double now = numc__mcmc_seconds_now();
            numc__chain_spend(chain, warm, now - since);
            since = now;
        }
    }
    if (status != NUMC_OK)
        numc__chain_end(chain, status);
}

static void run_group(void *user, int64_t index)
{
    numc_mcmc *mcmc = user;
    numc__lockstep_run(&mcmc->groups[index]);
}

/* ---- all chains ---- */

static numc_status deliver_rows(numc_mcmc *mcmc, numc_chain *chain, bool warm)
{
    int64_t ready = atomic_load_explicit(warm ? &chain->warm_stored : &chain->stored, memory_order_acquire);
    int64_t *delivered = warm ? &chain->warm_delivered : &chain->delivered;
    for (; *delivered < ready && !mcmc->answered && atomic_load(&mcmc->life) != NUMC_LIFE_DOOMED; ++*delivered) {
        size_t row = numc__mcmc_row(mcmc, chain->index, *delivered + (warm ? 0 : mcmc->warm_rows));
        numc_mcmc_draw draw = {.chain = chain->index, .draw = *delivered, .warmup = warm,
                               .values = mcmc->values + row * (size_t)mcmc->target.stored,
                               .value_count = mcmc->target.stored, .statistics = &mcmc->statistics[row]};
        numc_status status = mcmc->options.draw(mcmc->options.draw_user, &draw);
        if (status != NUMC_OK) {
            mcmc->answered = true;
            ++*delivered;
            return status;
        }
    }
    return NUMC_OK;
}

/* Gives the callbacks what is new. Runs on the thread that called numc_mcmc_run. */
static numc_status report(numc_mcmc *mcmc, bool finished)
{
    numc_status status = NUMC_OK;
    if (mcmc->options.draw != NULL)
        for (int32_t c = 0; c < mcmc->chain_count && status == NUMC_OK; c++) {
            status = deliver_rows(mcmc, &mcmc->chains[c], true);
            if (status == NUMC_OK)
                status = deliver_rows(mcmc, &mcmc->chains[c], false);
        }
    if (mcmc->options.progress == NULL || (status != NUMC_OK && !finished))
        return status;
    numc_mcmc_progress progress = {.chains = mcmc->chain_count, .warmup = mcmc->warmup, .total = mcmc->goal,
                                   .done = mcmc->progress_done, .seconds = numc__mcmc_seconds_now() - mcmc->begin_seconds,
                                   .finished = finished};
    for (int32_t c = 0; c < mcmc->chain_count; c++) {
        mcmc->progress_done[c] = atomic_load_explicit(&mcmc->chains[c].done, memory_order_acquire);
        int64_t after = atomic_load_explicit(&mcmc->chains[c].divergences, memory_order_relaxed);
        int64_t all = atomic_load_explicit(&mcmc->chains[c].all_divergences, memory_order_relaxed);
        progress.divergences += after;
        progress.warmup_divergences += all > after ? all - after : 0;
    }
    numc_status answer = mcmc->options.progress(mcmc->options.progress_user, &progress);
    return status != NUMC_OK ? status : answer;
}

static void watch(void *user)
{
    numc_mcmc *mcmc = user;
    if (atomic_load_explicit(&mcmc->halt, memory_order_relaxed) != NUMC_OK)
        return;
    numc_status status = report(mcmc, false);
    int expected = NUMC_OK;
    if (status != NUMC_OK)
        atomic_compare_exchange_strong(&mcmc->halt, &expected, (int)status);
}

/* Keys, memory and room for all chains to reach `goal`. */
static numc_status begin(numc_mcmc *mcmc, uint64_t seed, int64_t goal)
{
    NUMC_TRY(open_chains(mcmc));
    NUMC_TRY(reserve(mcmc, rows_for(mcmc, goal)));
    mcmc->goal = goal;
    mcmc->seed = seed;
    mcmc->answered = false;
    mcmc->begin_seconds = numc__mcmc_seconds_now();
    atomic_store(&mcmc->halt, NUMC_OK);
    for (int32_t c = 0; c < mcmc->chain_count; c++) {
        numc_chain *chain = &mcmc->chains[c];
        chain->nuts.key = numc_k_nuts_fold(numc_k_key_from_seed(seed), (numc_k_u64)c);
        chain->until = chain->transition;
        chain->status = NUMC_OK;
        chain->failed = false;
        chain->tries = 0;
    }
    return NUMC_OK;
}

/* After the chains are at rest: the first failing chain's error, else why they stopped. */
static numc_status finish(numc_mcmc *mcmc)
{
    numc_context *context = mcmc->context;
    numc_status status = (numc_status)atomic_load(&mcmc->halt);
    numc_status answer = report(mcmc, true);
    if (status == NUMC_OK)
        status = answer;
    for (int32_t c = 0; c < mcmc->chain_count; c++) {
        numc_chain *chain = &mcmc->chains[c];
        atomic_store_explicit(&chain->step_size, chain->nuts.step_size, memory_order_relaxed);
        if (chain->failed) {
            if (numc_error_status(context) == NUMC_OK && !chain->placed && chain->tries > 0)
                numc__chain_explain_start(chain);
            numc__error_join(context, chain->lane);
            status = numc_error_status(context);
            numc_error_clear(chain->lane);
        }
    }
    atomic_store(&mcmc->cancelled, false);
    if (status != NUMC_OK && status != NUMC_STOP && status != NUMC_CANCELLED && numc_error_status(context) == NUMC_OK)
        numc__fail(context, status, "mcmc: a callback answered: %s", numc_status_sentence(status));
    return status;
}

static int64_t least_done(const numc_mcmc *mcmc)
{
    int64_t least = INT64_MAX;
    for (int32_t c = 0; c < mcmc->chain_count; c++)
        least = mcmc->chains[c].transition < least ? mcmc->chains[c].transition : least;
    return least;
}

static int64_t most_done(const numc_mcmc *mcmc)
{
    int64_t most = 0;
    for (int32_t c = 0; c < mcmc->chain_count; c++)
        most = mcmc->chains[c].transition > most ? mcmc->chains[c].transition : most;
    return most;
}

/* One run at a time: a second one, begun from a callback or another thread, is refused and touches nothing of the first, not
 * even the context, whose error slot is the first one's. */
static numc_status enter(numc_mcmc *mcmc, const char *function)
{
    int idle = NUMC_LIFE_IDLE;
    if (atomic_compare_exchange_strong(&mcmc->life, &idle, NUMC_LIFE_RUNNING)) {
        atomic_fetch_add(&mcmc->context->core->running, 1);
        return NUMC_OK;
    }
    numc__log(mcmc->context->core, NUMC_LOG_ERROR, "%s: this sampler is already running", function);
    return NUMC_STATE;
}

static numc_status leave(numc_mcmc *mcmc, numc_status status)
{
    int running = NUMC_LIFE_RUNNING;
    atomic_fetch_sub(&mcmc->context->core->running, 1);
    if (!atomic_compare_exchange_strong(&mcmc->life, &running, NUMC_LIFE_IDLE)) {
        atomic_store(&mcmc->life, NUMC_LIFE_IDLE);
        numc_mcmc_free(mcmc);
    }
    return status;
}

static numc_status run(numc_mcmc *mcmc, uint64_t seed)
{
    NUMC_TRY(numc_error_status(mcmc->context));
    int64_t goal = mcmc->goal, more = mcmc->draws * mcmc->options.thin;
    if (!mcmc->ready || goal == 0)
        goal = mcmc->warmup + more;
    else if (least_done(mcmc) >= goal)
        goal = (most_done(mcmc) > mcmc->warmup ? most_done(mcmc) : mcmc->warmup) + more;
    NUMC_TRY(begin(mcmc, seed, goal));
    for (int32_t c = 0; c < mcmc->chain_count; c++)
        mcmc->chains[c].until = goal;
    int32_t threads = mcmc->options.threads > 0 ? mcmc->options.threads : numc__thread_count(mcmc->context->core);
    int32_t count = mcmc->group_count > 0 ? mcmc->group_count : mcmc->chain_count;
    threads = mcmc->options.chain_method == NUMC_CHAINS_SEQUENTIAL ? 1 : threads > count ? count : threads;
    atomic_store(&mcmc->moving, true);
    numc__threads_run(mcmc->context->core, threads, count, mcmc->group_count > 0 ? run_group : run_chain, watch,
                      mcmc->options.interval, mcmc);
    atomic_store(&mcmc->moving, false);
    return finish(mcmc);
}

numc_status numc_mcmc_run(numc_mcmc *mcmc, uint64_t seed)
{
    if (mcmc == NULL)
        return NUMC_INVALID_ARGUMENT;
    NUMC_TRY(enter(mcmc, "numc_mcmc_run"));
    return leave(mcmc, run(mcmc, seed));
}

static numc_status step(numc_mcmc *mcmc, uint64_t seed, int32_t chain)
{
    numc_context *context = mcmc->context;
    NUMC_TRY(numc_error_status(context));
    NUMC_REQUIRE(context, chain >= -1 && chain < mcmc->chain_count, NUMC_INDEX, "mcmc: chain %d of %d", (int)chain,
                 (int)mcmc->chain_count);
    int64_t goal = mcmc->goal == 0 ? mcmc->warmup + mcmc->draws * mcmc->options.thin : mcmc->goal, furthest = 0;
    for (int32_t c = 0; c < mcmc->chain_count; c++)
        if ((chain < 0 || chain == c) && mcmc->chains[c].transition + 1 > furthest)
            furthest = mcmc->chains[c].transition + 1;
    if (furthest > goal) {
        /* beyond what was planned: room by doubling, so that steps stay cheap */
        goal = furthest;
        if (rows_for(mcmc, goal) > mcmc->capacity)
            NUMC_TRY(reserve(mcmc, 2 * mcmc->capacity > rows_for(mcmc, goal) ? 2 * mcmc->capacity : rows_for(mcmc, goal)));
    }
    NUMC_TRY(begin(mcmc, seed, goal));
    atomic_store(&mcmc->moving, true);
    for (int32_t c = 0; c < mcmc->chain_count; c++) {
        if (chain >= 0 && chain != c)
            continue;
        mcmc->chains[c].until = mcmc->chains[c].transition + 1;
        if (mcmc->group_count == 0)
            run_chain(mcmc, c);
        if (mcmc->chains[c].status != NUMC_OK)
            break;
    }
    for (int32_t g = 0; g < mcmc->group_count && atomic_load(&mcmc->halt) == NUMC_OK; g++)
        numc__lockstep_run(&mcmc->groups[g]);
    atomic_store(&mcmc->moving, false);
    return finish(mcmc);
}

numc_status numc_mcmc_step(numc_mcmc *mcmc, uint64_t seed, int32_t chain)
{
    if (mcmc == NULL)
        return NUMC_INVALID_ARGUMENT;
    NUMC_TRY(enter(mcmc, "numc_mcmc_step"));
    return leave(mcmc, step(mcmc, seed, chain));
}

void numc_mcmc_cancel(numc_mcmc *mcmc)
{
    if (mcmc != NULL)
        atomic_store_explicit(&mcmc->cancelled, true, memory_order_relaxed);
}
