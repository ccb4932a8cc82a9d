/* driver.h - internal: the memory of a numc_mcmc and its chains; mcmc.c moves them, draws.c reads them. */
#ifndef NUMC_INFER_DRIVER_H
#define NUMC_INFER_DRIVER_H

#include <pthread.h>
#include <stdatomic.h>

#include "infer/adaptation.h"
#include "infer/target.h"

#define NUMC_DIVERGENCES_KEPT 1000
#define NUMC_DIVERGENCE_BYTES ((size_t)4 << 20)

enum { NUMC_LIFE_IDLE, NUMC_LIFE_RUNNING, NUMC_LIFE_DOOMED }; /* doomed: freed when the run ends */

/* One chain. Between transitions it is whole: `transition` counts those done, and whatever was cut short is done again
 * with the same random numbers. */
typedef struct numc_chain {
    numc_mcmc *mcmc;
    int32_t index;
    numc_context *lane;
    void *state; /* the target's */
    bool state_open;
    numc_k_nuts nuts;
    double *memory;
    numc_dual_averaging averaging;
    numc_metric_estimate estimate;
    double *estimate_memory;
    int32_t window; /* next window of the schedule */
    int tries; /* starting points tried in vain */
    bool placed, searches; /* searches: a step size is looked for before the next transition */
    int64_t transition;
    numc_status status; /* why it ended early */
    bool failed;        /* status is an error, its message on the lane */

    _Atomic int64_t done;                       /* = transition, for watchers */
    _Atomic int64_t warm_stored, stored;        /* rows written */
    _Atomic int64_t divergences, all_divergences; /* after warm-up; in all */
    _Atomic double seconds[2];                  /* spent after the warm-up; in it */
    _Atomic double step_size;                   /* = nuts.step_size, for watchers */
    _Atomic int64_t saturated;                  /* kept part: trees of full depth */
    int64_t warm_delivered, delivered;          /* rows given to the draw callback */
    _Atomic int64_t divergence_kept;
    int64_t *divergence_transition;
    double *divergence_positions; /* start, end per kept divergence */
} numc_chain;

struct numc_mcmc {
    numc_object object; /* first: the context's list of objects */
    numc_context *context;
    numc_target target;
    numc_mcmc_options options; /* all defaults filled in */
    int64_t warmup, draws;     /* decoded */
    int32_t kernel_metric;     /* as in kernel/nuts.h */
    numc_schedule schedule;
    double *init_positions, *init_metric; /* copies or NULL */
    int32_t chain_count;
    numc_chain *chains;
    int64_t *progress_done;
    bool ready; /* chains hold their memory */

    int64_t goal;      /* transitions per chain of the run in progress or last made */
    int64_t warm_rows; /* rows reserved for warm-up draws at the front of each chain */
    int64_t capacity;  /* rows per chain */
    double *values;    /* (chain, capacity, stored) */
    numc_draw_statistics *statistics; /* (chain, capacity) */

    atomic_int life;       /* NUMC_LIFE_...: no run begins inside a run, and a free waits for its end */
    atomic_bool moving;    /* chains are at work: what only they know is not to be read */
    atomic_bool cancelled; /* set from anywhere */
    atomic_int halt;       /* a status: chains give up at the next gradient */
    pthread_mutex_t serial_lock;
    bool serial_lock_made;
    double begin_seconds;
    uint64_t seed; /* of the last run */
};

/* Row of a stored draw. */
static inline size_t numc__mcmc_row(const numc_mcmc *mcmc, int32_t chain, int64_t row)
{
    return (size_t)chain * (size_t)mcmc->capacity + (size_t)row;
}

#endif
