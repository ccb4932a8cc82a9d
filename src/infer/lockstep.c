/* Vectorised chains: each round gathers the positions that the chains of a group want, has the target evaluate all of them in one
 * call, and feeds each chain its own. A chain goes on to its next draw at once, so chains need not be at the same draw, and those
 * that are done keep a place in the call that nobody reads: the shape of the call, and with it the bits of every row, do not depend
 * on how far the others are. */
#include <string.h>

#include "infer/driver.h"

#define LEAST_RESIDENT 8 /* transitions */

numc_status numc__lockstep_new(numc_mcmc *mcmc)
{
    const numc_target *target = &mcmc->target;
    if (mcmc->options.batch == 0)
        mcmc->options.batch = target->batch_chains > 0 ? target->batch_chains : mcmc->chain_count;
    const int32_t most = mcmc->options.batch < mcmc->chain_count ? mcmc->options.batch : mcmc->chain_count;
    int32_t groups = (mcmc->chain_count + most - 1) / most, width = (mcmc->chain_count + groups - 1) / groups;
    groups = (mcmc->chain_count + width - 1) / width;
    mcmc->groups = numc__allocate_zero(mcmc->context, (size_t)groups, sizeof *mcmc->groups);
    if (mcmc->groups == NULL)
        return NUMC_MEMORY;
    mcmc->group_count = groups;
    for (int32_t g = 0; g < groups; g++) {
        numc_lockstep *group = &mcmc->groups[g];
        *group = (numc_lockstep){.mcmc = mcmc, .first = g * width, .width = width};
        group->count = group->first + width <= mcmc->chain_count ? width : mcmc->chain_count - group->first;
        for (int32_t k = 0; k < group->count; k++)
            mcmc->chains[group->first + k].group = group;
    }
    int32_t stores = 1;
    const numc_status status = target->batch_prepare != NULL && target->dimension > 0 ? target->batch_prepare(target->user, width, &stores) : NUMC_OK;
    for (int32_t g = 0; g < groups; g++)
        mcmc->groups[g].stores = stores;
    return status;
}

void numc__lockstep_free(numc_mcmc *mcmc)
{
    numc_context *context = mcmc->context;
    for (int32_t g = 0; g < mcmc->group_count; g++) {
        numc_lockstep *group = &mcmc->groups[g];
        size_t width = (size_t)group->width, numbers = width * (size_t)mcmc->target.dimension, stores = (size_t)group->stores;
        if (group->batch != NULL) /* first: it may keep calls that name the chains' memory */
            mcmc->target.batch_close(mcmc->target.user, mcmc->chains[group->first].lane, group->batch);
        numc__resident_free(group->resident);
        numc__free(context, group->positions, numbers * sizeof(double));
        numc_drawn *const both[] = {&group->filling, &group->sent};
        for (int k = 0; k < 2; k++) {
            numc__free(context, both[k]->drawn, stores * numbers * sizeof(double));
            numc__free(context, both[k]->waiting, stores * width * sizeof *both[k]->waiting);
        }
        numc__free(context, (void *)group->rows, stores * width * sizeof *group->rows);
        numc__free(context, group->live, width * sizeof *group->live);
    }
    numc__free(context, mcmc->groups, (size_t)mcmc->group_count * sizeof *mcmc->groups);
}

numc_status numc__lockstep_open(numc_lockstep *group)
{
    numc_mcmc *mcmc = group->mcmc;
    numc_context *context = mcmc->context;
    const numc_target *target = &mcmc->target;
    numc_chain *chain = &mcmc->chains[group->first];
    size_t width = (size_t)group->width, numbers = width * (size_t)target->dimension, stores = (size_t)group->stores;
    if (group->open)
        return NUMC_OK;
    if (group->positions == NULL)
        group->positions = numc__allocate_zero(context, numbers, sizeof(double));
    numc_drawn *const both[] = {&group->filling, &group->sent};
    for (int k = 0; k < (target->batch_send != NULL ? 2 : 1); k++) {
        if (both[k]->drawn == NULL)
            both[k]->drawn = numc__allocate_zero(context, stores * numbers, sizeof(double));
        if (both[k]->waiting == NULL)
            both[k]->waiting = numc__allocate_zero(context, stores * width, sizeof *both[k]->waiting);
    }
    if (group->rows == NULL)
        group->rows = numc__allocate_zero(context, stores * width, sizeof *group->rows);
    if (group->live == NULL)
        group->live = numc__allocate_zero(context, width, sizeof *group->live);
    NUMC_TRY(numc_error_status(context));
    if (target->batch_open != NULL && target->dimension > 0 && group->batch == NULL) {
        numc_status status = target->batch_open(target->user, chain->lane, &group->batch);
        if (status != NUMC_OK) {
            numc__error_join(context, chain->lane);
            numc_error_clear(chain->lane);
            return numc__fail(context, status, "chains %d to %d: the %s cannot be prepared: %s", (int)group->first,
                              (int)(group->first + group->count - 1), target->noun, numc_status_sentence(status));
        }
    }
    group->resident = numc__resident_new(group);
    NUMC_TRY(numc_error_status(context));
    group->open = true;
    return NUMC_OK;
}

void numc__lockstep_error(numc_chain *chain)
{
    if (chain->group == NULL)
        return;
    numc_chain *owner = &chain->mcmc->chains[chain->group->first];
    if (owner == chain)
        return;
    numc__error_join(chain->lane, owner->lane);
    numc_error_clear(owner->lane);
}

/* ---- draws ---- */

bool numc__lockstep_stores(const numc_chain *chain)
{
    return chain->group != NULL && chain->group->batch != NULL;
}

/* Stores all draws that wait. They go on waiting when that fails. */
static numc_status flush(numc_lockstep *group, numc_drawn *s)
{
    numc_mcmc *mcmc = group->mcmc;
    const numc_target *target = &mcmc->target;
    const int32_t all = s->waiting != NULL ? group->stores * group->width : 0;
    bool any = false;
    for (int32_t i = 0; i < all; i++) {
        int64_t row = s->waiting[i];
        int64_t at = row < 0 ? -row - 1 : row - 1 + mcmc->warm_rows;
        group->rows[i] = row == 0 ? NULL : mcmc->values + numc__mcmc_row(mcmc, group->first + i % group->width, at) * (size_t)target->stored;
        any = any || row != 0;
    }
    if (!any)
        return NUMC_OK;
    bool serial = numc__mcmc_serial_begin(mcmc);
    numc_status status = target->batch_store(target->user, group->batch, s->drawn, group->rows);
    numc__mcmc_serial_end(mcmc, serial);
    for (int32_t i = 0; i < all && status == NUMC_OK; i++) {
        int64_t row = s->waiting[i];
        s->waiting[i] = 0;
        if (row != 0)
            numc__chain_publish(&mcmc->chains[group->first + i % group->width], row < 0, row < 0 ? -row : row);
    }
    return status;
}

static numc_status flush_all(numc_lockstep *group)
{
    NUMC_TRY(flush(group, &group->sent));
    return flush(group, &group->filling);
}

/* Those that have been sent, and sends those that fill all the room there is; stores them too where nothing can be sent. */
static numc_status send(numc_lockstep *group)
{
    numc_mcmc *mcmc = group->mcmc;
    numc_status status = NUMC_UNSUPPORTED;
    NUMC_TRY(flush(group, &group->sent));
    if (mcmc->target.batch_send != NULL) {
        bool serial = numc__mcmc_serial_begin(mcmc);
        status = mcmc->target.batch_send(mcmc->target.user, group->batch, group->filling.drawn);
        numc__mcmc_serial_end(mcmc, serial);
    }
    if (status == NUMC_UNSUPPORTED)
        return flush(group, &group->filling);
    if (status == NUMC_OK) {
        const numc_drawn sent = group->filling;
        group->filling = group->sent;
        group->sent = sent;
    }
    return status;
}

/* Rows that no chain has filled yet, and those of no chain, hold a position that the model is known to take: a loop until
 * something holds of all rows must end for them too. */
static void fill(const numc_lockstep *group, double *rows, int32_t count, const double *position, bool *filled)
{
    size_t dimension = (size_t)group->mcmc->target.dimension;
    for (int32_t k = 0; k < count && !*filled; k++)
        memcpy(rows + (size_t)k * dimension, position, dimension * sizeof *position);
    *filled = true;
}

numc_status numc__lockstep_store(numc_chain *chain, const double *position, bool warm, int64_t row)
{
    numc_lockstep *group = chain->group;
    size_t dimension = (size_t)chain->mcmc->target.dimension;
    const int32_t first = chain->index - group->first, all = group->stores * group->width;
    int32_t k = first;
    while (k < all && group->filling.waiting[k] != 0)
        k += group->width;
    if (k >= all) {
        numc_status status = send(group);
        if (status != NUMC_OK) {
            numc__lockstep_error(chain);
            return status;
        }
        k = first;
    }
    numc_drawn *s = &group->filling;
    fill(group, s->drawn, all, position, &s->filled);
    memcpy(s->drawn + (size_t)k * dimension, position, dimension * sizeof *position);
    s->waiting[k] = warm ? -(row + 1) : row + 1;
    return NUMC_OK;
}

/* ---- rounds ---- */

/* The chains that go on: live[0 .. kept) have had their turn of the round, live[next .. count) have not. Time is shared equally by the
 * chains at work: `clock` is the integral of 1 / (their number), so that what a chain has spent is a difference of two readings. */
typedef struct crew {
    int32_t kept, next, count;
    double since, clock; /* the time at which the clock was last read, and what it read */
} crew;

/* To be called before the number of chains at work changes. */
static void read_clock(crew *c)
{
    int32_t live = c->kept + c->count - c->next;
    double now = numc__mcmc_seconds_now();
    c->clock += (now - c->since) / (live > 0 ? live : 1);
    c->since = now;
}

static void spend(numc_chain *chain, const crew *c, int64_t transition)
{
    numc__chain_spend(chain, transition < chain->mcmc->warmup, c->clock - chain->accounted);
    chain->accounted = c->clock;
}

static void settle_all(numc_lockstep *group, crew *c)
{
    read_clock(c);
    for (int32_t i = 0; i < c->count; i++) {
        if (i >= c->kept && i < c->next)
            continue;
        numc_chain *chain = &group->mcmc->chains[group->first + group->live[i]];
        spend(chain, c, chain->transition);
    }
}

/* What the live chains want, in one call. */
static numc_status evaluate(numc_lockstep *group, int32_t live, numc_batch_results *results)
{
    numc_mcmc *mcmc = group->mcmc;
    const numc_target *target = &mcmc->target;
    size_t dimension = (size_t)target->dimension;
    for (int32_t i = 0; i < live; i++) {
        const numc_chain *chain = &mcmc->chains[group->first + group->live[i]];
        const double *position = chain->memory + chain->nuts.position_at;
        fill(group, group->positions, group->width, position, &group->positions_filled);
        memcpy(group->positions + (size_t)group->live[i] * dimension, position, dimension * sizeof *position);
    }
    bool serial = numc__mcmc_serial_begin(mcmc);
    numc_status status = target->batch_evaluate(target->user, group->batch, group->positions, results);
    numc__mcmc_serial_end(mcmc, serial);
    return status;
}

/* One turn of one chain with the log density it wanted; what stops it ends the run. */
static numc_status feed(numc_lockstep *group, crew *c, numc_chain *chain, double log_density)
{
    int32_t place = group->live[c->next];
    bool moved, goes_on = true;
    numc_status status = numc__chain_feed(chain, log_density, &moved);
    if (status == NUMC_OK && moved) {
        goes_on = chain->transition < chain->until;
        if (!goes_on || chain->transition == chain->mcmc->warmup) {
            read_clock(c);
            spend(chain, c, chain->transition - 1);
        }
        if (goes_on)
            status = numc__chain_begin(chain);
    }
    if (status != NUMC_OK) {
        numc__chain_end(chain, status);
        return status;
    }
    c->next++;
    if (goes_on)
        group->live[c->kept++] = place;
    return NUMC_OK;
}

static numc_status one_round(numc_lockstep *group, crew *c)
{
    numc_mcmc *mcmc = group->mcmc;
    size_t dimension = (size_t)mcmc->target.dimension;
    numc_chain *owner = &mcmc->chains[group->first];
    numc_batch_results results;
    bool together = group->batch != NULL;
    if (together) {
        numc_status status = numc__mcmc_halted(mcmc) ? NUMC_CANCELLED : evaluate(group, c->count, &results);
        together = status != NUMC_REJECT;
        if (together && status != NUMC_OK) {
            if (status != NUMC_STOP && status != NUMC_CANCELLED)
                numc__fail(owner->lane, status, "chains %d to %d: the %s failed: %s", (int)group->first,
                           (int)(group->first + group->count - 1), mcmc->target.noun, numc_status_sentence(status));
            numc__chain_end(owner, status);
            return status;
        }
        if (!together)
            numc_error_clear(owner->lane);
    }
    for (c->kept = c->next = 0; c->next < c->count;) {
        int32_t k = group->live[c->next];
        numc_chain *chain = &mcmc->chains[group->first + k];
        double log_density;
        if (together) {
            log_density = results.log_densities[k * results.log_density_stride];
            memcpy(chain->memory + chain->nuts.gradient_at, results.gradients + k * results.gradient_stride,
                   dimension * sizeof(double));
        } else {
            numc_status status = numc__mcmc_halted(mcmc) ? NUMC_CANCELLED : numc__chain_evaluate(chain, &log_density);
            if (status != NUMC_OK) {
                numc__chain_end(chain, status);
                return status;
            }
        }
        NUMC_TRY(feed(group, c, chain, log_density));
    }
    c->count = c->kept;
    c->next = c->kept; /* nobody waits */
    return NUMC_OK;
}

/* Few transitions are not worth the way to the device and back. */
static bool worthwhile(const numc_lockstep *group)
{
    for (int32_t k = 0; k < group->count; k++) {
        const numc_chain *chain = &group->mcmc->chains[group->first + k];
        if (chain->until - chain->transition >= LEAST_RESIDENT)
            return true;
    }
    return numc__resident_loops(group->resident);
}

/* Leaves the chains on the device until they are done. Those it gives back are live again. */
static numc_status leave(numc_lockstep *group, crew *c)
{
    numc_mcmc *mcmc = group->mcmc;
    settle_all(group, c);
    numc_status status = numc__resident_run(group);
    c->count = c->kept = c->next = 0;
    c->since = numc__mcmc_seconds_now();
    if (status != NUMC_OK && status != NUMC_REJECT && status != NUMC_CANCELLED && atomic_load(&mcmc->halt) == NUMC_OK) {
        numc_chain *owner = &mcmc->chains[group->first];
        numc__fail(owner->lane, status, "chains %d to %d: the %s failed: %s", (int)group->first,
                   (int)(group->first + group->count - 1), mcmc->target.noun, numc_status_sentence(status));
        numc__chain_end(owner, status);
    }
    if (status != NUMC_REJECT)
        return status;
    group->returned = true;
    numc_error_clear(mcmc->chains[group->first].lane);
    for (int32_t k = 0; k < group->count; k++) {
        numc_chain *chain = &mcmc->chains[group->first + k];
        if (chain->stage != NUMC_CHAIN_RESTS)
            group->live[c->count++] = k;
    }
    c->kept = c->next = c->count;
    return NUMC_OK;
}

void numc__lockstep_run(numc_lockstep *group)
{
    numc_mcmc *mcmc = group->mcmc;
    numc_status status = NUMC_OK;
    crew c = {.since = numc__mcmc_seconds_now()};
    for (int32_t k = 0; k < group->count && status == NUMC_OK; k++) {
        numc_chain *chain = &mcmc->chains[group->first + k];
        if (chain->transition >= chain->until)
            continue;
        status = numc__chain_begin(chain);
        chain->accounted = 0;
        group->live[c.count++] = k;
        if (status != NUMC_OK)
            numc__chain_end(chain, status);
    }
    bool stays = group->resident != NULL && worthwhile(group);
    while (c.count > 0 && status == NUMC_OK)
        status = stays && !group->returned && numc__resident_ready(group) ? leave(group, &c) : one_round(group, &c);
    if (status != NUMC_OK)
        settle_all(group, &c);
    for (int32_t k = 0; k < group->count; k++) {
        numc_chain *chain = &mcmc->chains[group->first + k];
        if (chain->stage == NUMC_CHAIN_RESTS)
            continue;
        numc__chain_rest(chain);
        if (chain->status == NUMC_OK)
            numc__chain_end(chain, NUMC_CANCELLED);
    }
    if (group->batch == NULL)
        return;
    status = flush_all(group);
    numc_chain *owner = &mcmc->chains[group->first];
    if (status != NUMC_OK && !owner->failed) {
        numc__fail(owner->lane, status, "chains %d to %d: draws cannot be stored: %s", (int)group->first,
                   (int)(group->first + group->count - 1), numc_status_sentence(status));
        numc__chain_end(owner, status);
    }
}
