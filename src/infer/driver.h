/* driver.h - internal: the memory of a numc_mcmc and its chains. chain.c says what a chain wants next, mcmc.c evaluates for one
 * chain per thread, lockstep.c for several chains per call; draws.c reads what they stored. */
#ifndef NUMC_INFER_DRIVER_H
#define NUMC_INFER_DRIVER_H

#include <pthread.h>
#include <stdatomic.h>

#include "infer/adaptation.h"
#include "infer/target.h"

#define NUMC_DIVERGENCES_KEPT 1000
#define NUMC_DIVERGENCE_BYTES ((size_t)4 << 20)

#define NUMC_BATCH_CHAINS 64 /* vectorised chains per call where memory is the host's */

enum { NUMC_LIFE_IDLE, NUMC_LIFE_RUNNING, NUMC_LIFE_DOOMED }; /* doomed: freed when the run ends */

/* What the evaluation in progress is for. */
typedef enum numc_chain_stage { NUMC_CHAIN_RESTS, NUMC_CHAIN_STARTS, NUMC_CHAIN_SEARCHES, NUMC_CHAIN_MOVES } numc_chain_stage;

typedef struct numc_lockstep numc_lockstep;
typedef struct numc_resident numc_resident;

/* One chain. Between transitions it is whole: `transition` counts those done, and whatever was cut short is done again
 * with the same random numbers. */
typedef struct numc_chain {
    numc_mcmc *mcmc;
    int32_t index;
    numc_context *lane;
    void *state; /* the target's; of a group of vectorised chains one, the first one's */
    bool state_open;
    numc_lockstep *group; /* vectorised: the chains it is evaluated with, or NULL */
    double accounted;     /* the group's clock when its time was last added up */
    numc_chain_stage stage;
    numc_k_u32 attempt; /* of the start in progress */
    numc_k_nuts nuts;
    numc_k_warmup warmup;
    double *memory; /* of nuts, and behind it of the metric's estimate */
    int tries; /* starting points tried in vain */
    bool placed;
    int64_t transition;
    int64_t until; /* transitions wanted by the run or step in progress */
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
    numc_k_schedule schedule; /* warmup 0 where nothing is adapted */
    double *init_positions, *init_metric; /* copies or NULL */
    int32_t chain_count;
    numc_chain *chains;
    int32_t group_count; /* vectorised chains; 0: each by itself */
    numc_lockstep *groups;
    int64_t *progress_done;
    bool answered; /* the draw callback has ended the run */
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

/* ---- chain.c ---- */

/* Starts what comes next: then the log density of the position at nuts.position_at is wanted, its gradient at gradient_at. */
numc_status numc__chain_begin(numc_chain *chain);
/* Takes it. *moved: a transition is made, adapted to and stored, and the chain rests; else another one is wanted. */
numc_status numc__chain_feed(numc_chain *chain, double log_density, bool *moved);
/* Gives up what is in progress: it is done again by the next numc__chain_begin, with the same random numbers. */
void numc__chain_rest(numc_chain *chain);
/* What it wants, by the target's own evaluation of one position: -inf where that rejects it. */
numc_status numc__chain_evaluate(numc_chain *chain, double *log_density);
/* Says why a chain found no starting point; on the thread that called, after all chains came to rest. */
numc_status numc__chain_explain_start(numc_chain *chain);
/* A transition that was made, here or on a device; start and end of the leapfrog that diverged, if one did. */
typedef struct numc_transition {
    const double *position, *start, *end;
    numc_draw_statistics statistics;
} numc_transition;
/* Checks, stores and counts it; learns from it, unless that was done where it was made. */
numc_status numc__chain_moved(numc_chain *chain, const numc_transition *transition, bool learns);
numc_status numc__chain_failed(numc_chain *chain); /* what its warm-up failed by, in words */
void numc__chain_publish(numc_chain *chain, bool warm, int64_t rows); /* the draws stored so far can be read */

/* ---- lockstep.c ---- */

/* Draws of all chains of a group that are stored in one call. */
typedef struct numc_drawn {
    double *drawn;    /* (stores, width, dimension) */
    int64_t *waiting; /* (stores, width): draw number + 1; negative: of the warm-up; 0: none waits */
    bool filled;
} numc_drawn;

/* Several chains, of which the wanted positions are evaluated together; one thread at a time. */
struct numc_lockstep {
    numc_mcmc *mcmc;
    int32_t first, count; /* chains */
    int32_t width;        /* positions per call of the target; the last group may have fewer chains */
    void *batch;          /* the target's; NULL: it evaluates one position at a time */
    bool open;
    double *positions; /* (width, dimension) */
    int32_t stores;    /* draws of a chain that are stored in one call */
    bool positions_filled;
    numc_drawn filling, sent; /* draws that will be stored; those of which the target has begun it, where it does so */
    double **rows;     /* (stores, width): where they go, for the call that stores them */
    numc_resident *resident; /* what it takes to leave the chains on the device; NULL: it cannot be done */
    bool returned;           /* from the device for good: a rejection has to be looked at one by one */
    int32_t *live;     /* (width): chains that go on, by their place in the group */
};

/* Divides the chains into groups, once. */
numc_status numc__lockstep_new(numc_mcmc *mcmc);
void numc__lockstep_free(numc_mcmc *mcmc);
/* Memory of a group, and the target's of its first chain. */
numc_status numc__lockstep_open(numc_lockstep *group);
/* Moves the chains of a group to their `until`; ends those that cannot go on. */
void numc__lockstep_run(numc_lockstep *group);
bool numc__lockstep_stores(const numc_chain *chain); /* draws of the chain wait for others, to be stored together */
numc_status numc__lockstep_store(numc_chain *chain, const double *position, bool warm, int64_t row);
void numc__lockstep_error(numc_chain *chain); /* takes over the message of the state it shares */

/* ---- resident.c ---- */

#define NUMC_LOOK 32 /* leapfrogs between two looks of the host */

/* Density and state machines are one kernel: the way there is worth it for any number of transitions. */
bool numc__resident_loops(const numc_resident *resident);
/* NULL without an error: the device or the model does not allow it, and the host moves the chains. */
numc_resident *numc__resident_new(numc_lockstep *group);
void numc__resident_free(numc_resident *resident);
/* Whether all chains have their starting points, and what they still learn can be learnt there. */
bool numc__resident_ready(const numc_lockstep *group);
/* Moves the states to the device, draws there until all chains are at their `until` or the run is halted, and takes them back.
 * NUMC_REJECT: some position was rejected by a function of the user's; the chains that are not done wait for its evaluation. */
numc_status numc__resident_run(numc_lockstep *group);

/* ---- mcmc.c ---- */

size_t numc__mcmc_state_doubles(const numc_mcmc *mcmc); /* of a chain's memory: the state's part */
size_t numc__mcmc_chain_bytes(const numc_mcmc *mcmc);   /* all of it */
size_t numc__mcmc_divergence_capacity(const numc_mcmc *mcmc);
bool numc__mcmc_halted(const numc_mcmc *mcmc); /* to be asked at each gradient */
void numc__chain_end(numc_chain *chain, numc_status status); /* and the run with it */
double numc__mcmc_seconds_now(void);
/* A chain's seconds are written by its own thread, or the caller's when it rests. */
void numc__chain_spend(numc_chain *chain, bool warm, double seconds);

/* Around what calls the target: one call at a time, where it or the user asks for that. */
static inline bool numc__mcmc_serial_begin(numc_mcmc *mcmc)
{
    const bool serial = mcmc->options.serial_callback || mcmc->target.serial;
    if (serial)
        pthread_mutex_lock(&mcmc->serial_lock);
    return serial;
}

static inline void numc__mcmc_serial_end(numc_mcmc *mcmc, bool serial)
{
    if (serial)
        pthread_mutex_unlock(&mcmc->serial_lock);
}

/* Row of a stored draw. */
static inline size_t numc__mcmc_row(const numc_mcmc *mcmc, int32_t chain, int64_t row)
{
    return (size_t)chain * (size_t)mcmc->capacity + (size_t)row;
}

#endif
