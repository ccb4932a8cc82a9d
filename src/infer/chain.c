/* One chain by reverse communication: numc__chain_begin starts what comes next (a starting point, the search for a step size, a
 * transition), numc__chain_feed takes the log density of the position wanted. Who evaluates, and how many chains at once, is the
 * driver's business (mcmc.c, lockstep.c); draws do not depend on it. */
#include <math.h>
#include <string.h>

#include "infer/driver.h"

#define INIT_TRIES 100

/* ---- starting points ---- */

/* Index of the first coordinate of the gradient that is not finite, or -1. */
static int32_t bad_gradient(const numc_chain *chain)
{
    const double *gradient = chain->memory + numc_k_nuts_current_gradient(&chain->nuts);
    for (int32_t i = 0; i < chain->nuts.dimension; i++)
        if (!isfinite(gradient[i]))
            return i;
    return -1;
}

numc_status numc__chain_explain_start(numc_chain *chain)
{
    numc_mcmc *mcmc = chain->mcmc;
    int tries = chain->tries;
    const numc_target *target = &mcmc->target;
    numc_text text;
    numc__text_begin(&text, mcmc->context->core);
    numc__text_add(&text, "chain %d: ", (int)chain->index);
    if (mcmc->init_positions != NULL) {
        numc__text_add(&text, "init_positions is no acceptable starting point");
    } else if (mcmc->options.init_zero) {
        numc__text_add(&text, "0 is no acceptable starting point");
    } else {
        numc__text_add(&text, "no acceptable starting point in %d tries of uniform(-", tries);
        numc__text_add_double(&text, mcmc->options.init_radius);
        numc__text_add(&text, ", ");
        numc__text_add_double(&text, mcmc->options.init_radius);
        numc__text_add(&text, ")");
    }
    numc__text_add(&text, tries > 1 ? "; at the last one " : "; there ");
    int32_t bad = isfinite(chain->nuts.log_density) ? bad_gradient(chain) : -1; /* a rejection has written no gradient */
    if (bad < 0) {
        numc__text_add(&text, "the log density is ");
        numc__text_add_double(&text, chain->nuts.log_density);
    } else {
        numc__text_add(&text, "coordinate %d of the gradient is ", (int)bad);
        numc__text_add_double(&text, chain->memory[numc_k_nuts_current_gradient(&chain->nuts) + bad]);
    }
    if (target->explain != NULL)
        target->explain(target->user, chain->state, mcmc->context, chain->memory + numc_k_nuts_current(&chain->nuts), &text);
    numc_error_clear(mcmc->context); /* what explaining ran into says less than what it explains */
    numc_status status = numc__fail(mcmc->context, NUMC_INITIALIZATION, "%s", text.failed ? "out of memory" : text.data);
    numc__text_end(&text);
    return status;
}

/* The start is given, so that there is no second try. */
static bool is_given(const numc_mcmc *mcmc)
{
    return mcmc->init_positions != NULL || mcmc->options.init_zero || mcmc->target.dimension == 0;
}

/* Uniform in (-radius, radius) per coordinate, keyed by attempt; finite log density and gradient are wanted. */
static void begin_start(numc_chain *chain)
{
    const numc_mcmc *mcmc = chain->mcmc;
    size_t dimension = (size_t)mcmc->target.dimension;
    bool given = is_given(mcmc);
    double radius = mcmc->options.init_radius;
    numc_k_key start = numc_k_nuts_fold(numc_k_nuts_fold(chain->nuts.key, 0), NUMC_K_NUTS_KEY_START);
    numc_k_key key = numc_k_nuts_fold(start, chain->attempt);
    numc_k_nuts_begin(&chain->nuts, chain->memory, NUMC_K_NUTS_PLACE, 0, 0);
    double *q = chain->memory + chain->nuts.position_at;
    for (size_t i = 0; i < dimension; i++)
        q[i] = mcmc->init_positions != NULL ? mcmc->init_positions[(size_t)chain->index * dimension + i]
               : given ? 0 : radius * (2 * numc_k_nuts_uniform(key, (numc_k_u64)i) - 1);
}

/* ---- transitions ---- */

numc_status numc__chain_failed(numc_chain *chain)
{
    const char *noun = chain->mcmc->target.noun;
    const int failed = chain->warmup.failed;
    chain->warmup.failed = 0; /* the next run may try again */
    if (failed == NUMC_K_SEARCH_TOO_LARGE)
        return numc__fail(chain->lane, NUMC_INITIALIZATION,
                          "chain %d: the step size grew beyond 1e7 and the %s did not fall off: it may be improper, or far wider "
                          "than its starting points (then give init_metric or a larger step_size)",
                          (int)chain->index, noun);
    if (failed == NUMC_K_SEARCH_TOO_SMALL)
        return numc__fail(chain->lane, NUMC_INITIALIZATION,
                          "chain %d: no step size is small enough: the %s is not continuous, or its gradient is wrong",
                          (int)chain->index, noun);
    return numc__fail(chain->lane, NUMC_VALUE,
                      "chain %d, transition %lld: the variances of the warm-up draws are not finite: the %s may be "
                      "improper, or wider than 1e150",
                      (int)chain->index, (long long)chain->transition, noun);
}

static void keep_divergence(numc_chain *chain, const numc_transition *t)
{
    size_t dimension = (size_t)chain->mcmc->target.dimension;
    size_t kept = (size_t)atomic_load_explicit(&chain->divergence_kept, memory_order_relaxed);
    if (!t->statistics.divergent)
        return;
    atomic_fetch_add_explicit(&chain->all_divergences, 1, memory_order_relaxed);
    if (chain->transition >= chain->mcmc->warmup)
        atomic_fetch_add_explicit(&chain->divergences, 1, memory_order_relaxed);
    if (kept >= numc__mcmc_divergence_capacity(chain->mcmc))
        return;
    double *at = chain->divergence_positions + kept * 2 * dimension;
    memcpy(at, t->start, dimension * sizeof *at);
    memcpy(at + dimension, t->end, dimension * sizeof *at);
    chain->divergence_transition[kept] = chain->transition;
    atomic_store_explicit(&chain->divergence_kept, (int64_t)kept + 1, memory_order_release);
}

/* A point at infinity that still has a density: that is no proper distribution. */
static numc_status check_position(numc_chain *chain, const double *position)
{
    const numc_target *target = &chain->mcmc->target;
    int32_t at = 0;
    while (at < target->dimension && isfinite(position[at]))
        at++;
    if (at == target->dimension)
        return NUMC_OK;
    char name[300] = "";
    if (target->coordinate != NULL)
        target->coordinate(target->user, at, name, sizeof name);
    return numc__fail(chain->lane, NUMC_VALUE,
                      "chain %d, transition %lld: unconstrained coordinate %d%s%s%s ran off to infinity: the %s is improper",
                      (int)chain->index, (long long)chain->transition, (int)at, *name != '\0' ? " (\"" : "", name,
                      *name != '\0' ? "\")" : "", target->noun);
}

void numc__chain_publish(numc_chain *chain, bool warm, int64_t rows)
{
    atomic_store_explicit(warm ? &chain->warm_stored : &chain->stored, rows, memory_order_release);
}

/* Writes the transition just made to its row, if it is one to keep. */
static numc_status store(numc_chain *chain, const numc_transition *t)
{
    numc_mcmc *mcmc = chain->mcmc;
    bool warm = chain->transition < mcmc->warmup;
    int64_t at = warm ? chain->transition : chain->transition - mcmc->warmup, thin = mcmc->options.thin;
    if (at % thin != thin - 1 || (warm && !mcmc->options.save_warmup))
        return NUMC_OK;
    size_t row = numc__mcmc_row(mcmc, chain->index, at / thin + (warm ? 0 : mcmc->warm_rows));
    bool later = numc__lockstep_stores(chain);
    bool serial = !later && numc__mcmc_serial_begin(mcmc); /* in dynamic mode the callback runs for it */
    numc_status status = later ? numc__lockstep_store(chain, t->position, warm, at / thin)
                               : mcmc->target.store(mcmc->target.user, chain->state, chain->lane, t->position,
                                                    mcmc->values + row * (size_t)mcmc->target.stored);
    numc__mcmc_serial_end(mcmc, serial);
    if (status != NUMC_OK)
        return numc__fail(chain->lane, status, "chain %d, transition %lld: the draw cannot be stored: %s", (int)chain->index,
                          (long long)chain->transition, numc_status_sentence(status));
    mcmc->statistics[row] = t->statistics;
    if (!warm && mcmc->options.algorithm == NUMC_ALGORITHM_NUTS && t->statistics.tree_depth >= mcmc->options.max_tree_depth)
        atomic_fetch_add_explicit(&chain->saturated, 1, memory_order_relaxed);
    if (!later)
        numc__chain_publish(chain, warm, at / thin + 1);
    return NUMC_OK;
}

numc_status numc__chain_moved(numc_chain *chain, const numc_transition *t, bool learns)
{
    const numc_mcmc *mcmc = chain->mcmc;
    NUMC_TRY(check_position(chain, t->position));
    keep_divergence(chain, t);
    NUMC_TRY(store(chain, t));
    if (learns)
        numc_k_chain_learn(&mcmc->schedule, &chain->warmup, &chain->nuts, chain->memory,
                           chain->memory + numc__mcmc_state_doubles(mcmc), chain->transition);
    if (chain->warmup.failed)
        return numc__chain_failed(chain);
    chain->transition++;
    atomic_store_explicit(&chain->step_size, chain->nuts.step_size, memory_order_relaxed);
    atomic_store_explicit(&chain->done, chain->transition, memory_order_release);
    return NUMC_OK;
}

static numc_status end_transition(numc_chain *chain)
{
    const numc_k_nuts *nuts = &chain->nuts;
    numc_transition t = {.position = chain->memory + numc_k_nuts_current(nuts),
                         .statistics = {.log_density = nuts->log_density, .accept_stat = nuts->accept_stat,
                                        .step_size = nuts->step_used, .energy = nuts->energy, .tree_depth = nuts->depth,
                                        .n_leapfrog = nuts->n_leapfrog, .divergent = nuts->divergent != 0}};
    if (nuts->divergent) {
        t.start = chain->memory + numc_k_nuts_q(nuts, nuts->divergence_start);
        t.end = chain->memory + numc_k_nuts_q(nuts, nuts->divergence_end);
    }
    return numc__chain_moved(chain, &t, true);
}

/* ---- what comes next ---- */

numc_status numc__chain_begin(numc_chain *chain)
{
    if (!chain->placed) {
        chain->attempt = 0;
        chain->stage = NUMC_CHAIN_STARTS;
        begin_start(chain);
        return NUMC_OK;
    }
    numc_k_chain_begin(&chain->mcmc->schedule, &chain->warmup, &chain->nuts, chain->memory, chain->transition);
    chain->stage = chain->nuts.kind == NUMC_K_NUTS_PROBE ? NUMC_CHAIN_SEARCHES : NUMC_CHAIN_MOVES;
    return NUMC_OK;
}

numc_status numc__chain_feed(numc_chain *chain, double log_density, bool *moved)
{
    *moved = false;
    if (numc_k_nuts_advance(&chain->nuts, chain->memory, log_density) == NUMC_K_NUTS_EVALUATE)
        return NUMC_OK;
    if (chain->stage == NUMC_CHAIN_MOVES) {
        chain->stage = NUMC_CHAIN_RESTS;
        *moved = true;
        return end_transition(chain);
    }
    if (chain->stage == NUMC_CHAIN_STARTS) {
        if (isfinite(chain->nuts.log_density) && bad_gradient(chain) < 0) {
            chain->placed = true;
            return numc__chain_begin(chain);
        }
        if (++chain->attempt < (is_given(chain->mcmc) ? 1 : INIT_TRIES)) {
            begin_start(chain);
            return NUMC_OK;
        }
        chain->tries = (int)chain->attempt;
        return NUMC_INITIALIZATION;
    }
    if (numc_k_chain_probed(&chain->warmup, &chain->nuts, chain->memory, chain->transition) == NUMC_K_NUTS_EVALUATE)
        return NUMC_OK;
    return chain->warmup.failed ? numc__chain_failed(chain) : numc__chain_begin(chain);
}

void numc__chain_rest(numc_chain *chain)
{
    if (chain->stage == NUMC_CHAIN_SEARCHES && chain->warmup.searches)
        chain->nuts.step_size = chain->warmup.nominal;
    chain->stage = NUMC_CHAIN_RESTS;
}

numc_status numc__chain_evaluate(numc_chain *chain, double *log_density)
{
    numc_mcmc *mcmc = chain->mcmc;
    const numc_target *target = &mcmc->target;
    *log_density = -INFINITY;
    bool serial = numc__mcmc_serial_begin(mcmc);
    numc_status status = target->evaluate(target->user, chain->state, chain->memory + chain->nuts.position_at, log_density,
                                          chain->memory + chain->nuts.gradient_at);
    numc__mcmc_serial_end(mcmc, serial);
    if (status == NUMC_REJECT)
        *log_density = -INFINITY;
    else if (status != NUMC_OK && status != NUMC_STOP && status != NUMC_CANCELLED) {
        numc__lockstep_error(chain);
        return numc__fail(chain->lane, status, "chain %d, transition %lld: the %s failed: %s", (int)chain->index,
                          (long long)chain->transition, target->noun, numc_status_sentence(status));
    }
    return status == NUMC_REJECT ? NUMC_OK : status;
}
