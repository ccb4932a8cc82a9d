/* target.h - internal: what the MCMC driver needs to know of the thing it samples, be it a density or a model. */
#ifndef NUMC_INFER_TARGET_H
#define NUMC_INFER_TARGET_H

#include "base/context.h"
#include "base/text.h"
#include "numc/mcmc.h"

/* A stored quantity: `size` doubles at `offset` in a stored draw. */
typedef struct numc_target_site {
    const char *name;
    int32_t rank;
    const int64_t *shape;
    int64_t offset, size;
    bool deterministic;
} numc_target_site;

/* Results for several positions: of position i at [i * stride]. They hold until the next call. */
typedef struct numc_batch_results {
    const double *log_densities, *gradients;
    int64_t log_density_stride, gradient_stride;
} numc_batch_results;

typedef struct numc_batch_place {
    void *memory; /* the device's */
    int64_t offset; /* doubles */
} numc_batch_place;

struct numc_item_text; /* compile/program.h */
struct numc_calls;

/* Memory that the fields point to belongs to the target and lives until `destroy`. A function given a chain is called by one
 * thread at a time for that chain, for several chains at once unless `serial`. Optional functions may be NULL. */
typedef struct numc_target {
    void *user;
    int32_t dimension;  /* of the unconstrained position */
    int64_t stored;     /* doubles per stored draw */
    int32_t site_count; /* in the order of their offsets */
    const numc_target_site *sites;
    bool serial;
    const char *noun; /* for messages: "density", "model" */

    /* Optional: what a chain needs of its own. `lane` is the chain's and outlives it. */
    numc_status (*chain_open)(void *user, numc_context *lane, void **chain);
    void (*chain_close)(void *user, numc_context *lane, void *chain);
    /* As numc_density_fn; an error's message may be set on the chain's lane. */
    numc_status (*evaluate)(void *user, void *chain, const double *position, double *log_density, double *gradient);
    /* Writes what is stored of a draw: `stored` doubles. */
    numc_status (*store)(void *user, void *chain, numc_context *lane, const double *position, double *values);
    /* Optional, all five or none: several chains in one call, for NUMC_CHAINS_VECTORIZED. prepare is called once, before any
     * chain is made, with the number of positions per call; *stores: how many times as many a call of store takes. open and close as of a
     * chain. Of evaluate, NUMC_REJECT says that some position is rejected, to be found out one by one. store: rows[i], where what is
     * stored of position i goes, or NULL. */
    numc_status (*batch_prepare)(void *user, int32_t width, int32_t *stores);
    numc_status (*batch_open)(void *user, numc_context *lane, void **batch);
    void (*batch_close)(void *user, numc_context *lane, void *batch);
    numc_status (*batch_evaluate)(void *user, void *batch, const double *positions, numc_batch_results *results);
    numc_status (*batch_store)(void *user, void *batch, const double *positions, double *const *rows);
    /* Optional, NULL or UNSUPPORTED: begins what the next call of store will be asked for, which then waits for no more than that. */
    numc_status (*batch_send)(void *user, void *batch, const double *positions);
    /* Optional: where on the device a batch has its positions and results, (width, dimension) and (width, 1 + dimension) float64, in
     * `memory` from a double on; false: not there, or not so. launch evaluates what lies there once the calls of `before`
     * (compile/program.h; or NULL) are done, without waiting. */
    bool (*batch_device)(void *user, void *batch, numc_batch_place *positions, numc_batch_place *results);
    numc_status (*batch_launch)(void *user, void *batch, const struct numc_calls *before);
    /* Optional: the log density and gradient of one position as text that a work item of a device runs (numc_item, compile/program.h);
     * false: it is no work for one item. What the item's memories hold lives as long as the chain. */
    bool (*chain_item)(void *user, void *chain, uint32_t dialect, numc_text *text, struct numc_item_text *item);
    int32_t batch_chains; /* positions per call that suit it, at most; 0: any number */
    /* Optional: appends why `position` has no finite density or gradient, naming a site and its value. Called on the thread
     * and with the context of the sampler's caller, no chain being at work. */
    void (*explain)(void *user, void *chain, numc_context *context, const double *position, numc_text *text);
    /* Optional: what coordinate `index` of the position is part of, cut off to `size`. Any thread. */
    void (*coordinate)(void *user, int32_t index, char *name, size_t size);
    /* Optional: bytes that each chain's programs take, and of what was computed once from the data. */
    void (*memory)(void *user, uint64_t *chain, uint64_t *shared);
    /* Optional: a workspace of (q, v) -> (log density, gradient, <gradient, v>, H v) at q, H the Hessian. NULL with the error set. */
    struct numc_workspace *(*product)(void *user, numc_context *lane);
    /* Optional: called once when the sampler is freed. */
    void (*destroy)(void *user, numc_context *context);
} numc_target;

/* Takes over `target`: its destroy is called in any case, also when this fails. */
numc_mcmc *numc__mcmc_new(numc_context *context, const numc_target *target, const numc_mcmc_options *options, size_t size);
const numc_target *numc__mcmc_target(const numc_mcmc *mcmc);

#endif
