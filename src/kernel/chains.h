/* One step of many chains where the log density is evaluated for all of them together: each takes its result, moves its state
 * machine (nuts.h), learns from a finished transition (warmup.h) and writes it down, begins the next, and says which position it wants.
 * Common subset of C99, OpenCL C and CUDA C; a host-side mirror of these structs moves states to a device and
 * back. Entry points of the device languages are at the end; in C a loop calls numc_k_chains_step. */
#ifndef NUMC_KERNEL_CHAINS_H
#define NUMC_KERNEL_CHAINS_H

#include "warmup.h"

/* Of one chain: all that a transition leaves behind but the block of doubles. */
typedef struct numc_k_chain {
    numc_k_nuts nuts;
    numc_k_warmup warmup;
} numc_k_chain;

/* Of one chain, what the host looks at. */
typedef struct numc_k_chain_progress {
    numc_k_i64 transition; /* number of the one in progress, or next */
    numc_k_i64 until;      /* no transition of this number is begun */
    numc_k_i64 at, end;    /* where its next record goes, and where its room for records ends */
    int wants;             /* NUMC_K_NUTS_EVALUATE: its position lies in `positions`; DONE: it rests between transitions */
    int failed;            /* of warmup.h: it rests for good */
} numc_k_chain_progress;

/* A finished transition: this head, then the position; where it diverged, the leapfrog's start and end follow. */
#define NUMC_K_RECORD_LOG_DENSITY 0
#define NUMC_K_RECORD_ENERGY 1
#define NUMC_K_RECORD_ACCEPT 2
#define NUMC_K_RECORD_STEP 3
#define NUMC_K_RECORD_LEAPFROGS 4
#define NUMC_K_RECORD_DEPTH 5
#define NUMC_K_RECORD_DIVERGENT 6
#define NUMC_K_RECORD_NEXT_STEP 7 /* the step size of the transition to come */
#define NUMC_K_RECORD_POSITION 8

NUMC_KERNEL_FN numc_k_i64 numc_k_record_doubles(int dimension, int divergent)
{
    return NUMC_K_RECORD_POSITION + (divergent ? 3 : 1) * (numc_k_i64)dimension;
}

NUMC_KERNEL_FN void numc_k__record(const numc_k_nuts *s, const NUMC_KERNEL_GLOBAL double *m, NUMC_KERNEL_GLOBAL double *r)
{
    int d = s->dimension;
    r[NUMC_K_RECORD_LOG_DENSITY] = s->log_density;
    r[NUMC_K_RECORD_ENERGY] = s->energy;
    r[NUMC_K_RECORD_ACCEPT] = s->accept_stat;
    r[NUMC_K_RECORD_STEP] = s->step_used;
    r[NUMC_K_RECORD_LEAPFROGS] = s->n_leapfrog;
    r[NUMC_K_RECORD_DEPTH] = s->depth;
    r[NUMC_K_RECORD_DIVERGENT] = s->divergent;
    r[NUMC_K_RECORD_NEXT_STEP] = s->step_size;
    r += NUMC_K_RECORD_POSITION;
    for (int i = 0; i < d; i++)
        r[i] = m[numc_k_nuts_current(s) + i];
    for (int i = 0; s->divergent && i < d; i++) {
        r[d + i] = m[numc_k_nuts_q(s, s->divergence_start) + i];
        r[2 * d + i] = m[numc_k_nuts_q(s, s->divergence_end) + i];
    }
}

/* What all chains of a call share. Shapes: chains, progress [chains]; memory [chains][doubles], of a state and then of its estimate;
 * positions [chains][dimension]; results [chains][1 + dimension], log density and gradient; records [chains][room], a chain's one behind
 * the other. A chain without room for a divergent one rests until the host has looked: what it looks at is of a size known before. */
typedef struct numc_k_chains {
    const NUMC_KERNEL_GLOBAL numc_k_schedule *schedule;
    NUMC_KERNEL_GLOBAL numc_k_chain *chains;
    NUMC_KERNEL_GLOBAL numc_k_chain_progress *progress;
    NUMC_KERNEL_GLOBAL double *memory, *positions;
    const NUMC_KERNEL_GLOBAL double *results;
    NUMC_KERNEL_GLOBAL double *records;
    numc_k_i64 doubles, state_doubles, room;
} numc_k_chains;

/* Between two looks of the host: the records before are its own. */
NUMC_KERNEL_FN void numc_k_chains_look(const numc_k_chains *all, numc_k_i64 chain, numc_k_chain_progress *p)
{
    p->at = chain * all->room;
    p->end = p->at + all->room;
}

/* One leapfrog of a chain whose states are at hand. */
NUMC_KERNEL_FN void numc_k_chains_move(const numc_k_chains *all, numc_k_i64 chain, numc_k_chain *c, numc_k_chain_progress *p)
{
    numc_k_nuts *s = &c->nuts;
    NUMC_KERNEL_GLOBAL double *m = all->memory + chain * all->doubles;
    int d = s->dimension;
    if (p->wants == NUMC_K_NUTS_EVALUATE) {
        const NUMC_KERNEL_GLOBAL double *result = all->results + chain * (1 + d);
        for (int i = 0; i < d; i++)
            m[s->gradient_at + i] = result[1 + i];
        p->wants = numc_k_nuts_advance(s, m, result[0]);
        if (p->wants == NUMC_K_NUTS_DONE && s->kind == NUMC_K_NUTS_PROBE) {
            p->wants = numc_k_chain_probed(&c->warmup, s, m, p->transition);
        } else if (p->wants == NUMC_K_NUTS_DONE) {
            numc_k_chain_learn(all->schedule, &c->warmup, s, m, m + all->state_doubles, p->transition);
            if (!c->warmup.failed) {
                numc_k__record(s, m, all->records + p->at);
                p->at += numc_k_record_doubles(d, s->divergent);
                p->transition++;
            }
        }
        p->failed = c->warmup.failed;
    }
    if (p->wants == NUMC_K_NUTS_DONE && p->transition < p->until && p->end - p->at >= numc_k_record_doubles(d, 1) && !p->failed)
        p->wants = numc_k_chain_begin(all->schedule, &c->warmup, s, m, p->transition);
    /* A chain that rests writes too: the program may have used this memory for something else. */
    numc_k_i64 at = p->wants == NUMC_K_NUTS_EVALUATE ? s->position_at : numc_k_nuts_current(s);
    for (int i = 0; i < d; i++)
        all->positions[chain * d + i] = m[at + i];
}

/* room > 0: the host has looked, and nothing moves; 0: a leapfrog, whose arguments are always the same. */
NUMC_KERNEL_FN void numc_k_chains_step(const numc_k_chains *all, numc_k_i64 chain)
{
    numc_k_chain_progress p = all->progress[chain];
    if (all->room > 0) {
        numc_k_chains_look(all, chain, &p);
    } else {
        numc_k_chain c = all->chains[chain];
        numc_k_chains_move(all, chain, &c, &p);
        all->chains[chain] = c;
    }
    all->progress[chain] = p;
}

/* Entry points for numc_backend.routine_run: item c is chain c. Offsets count doubles. */
#define NUMC_K_CHAINS_BUFFERS 7
#define NUMC_K_CHAINS_NUMBERS 5 /* after the number of items */
#if defined(NUMC_KERNEL_OPENCL) || defined(NUMC_KERNEL_CUDA)
#if defined(NUMC_KERNEL_OPENCL)
#define NUMC_K_CHAINS_ENTRY __kernel void
#define NUMC_K_CHAINS_ITEM ((numc_k_i64)get_global_id(0))
#else
#define NUMC_K_CHAINS_ENTRY extern "C" __global__ void
#define NUMC_K_CHAINS_ITEM ((numc_k_i64)blockIdx.x * blockDim.x + threadIdx.x)
#endif
#define NUMC_K_CHAINS_PARAMETERS                                                                                            \
    const NUMC_KERNEL_GLOBAL numc_k_schedule *schedule, NUMC_KERNEL_GLOBAL numc_k_chain *chains,                            \
        NUMC_KERNEL_GLOBAL numc_k_chain_progress *progress, NUMC_KERNEL_GLOBAL double *memory,                              \
        NUMC_KERNEL_GLOBAL double *positions, const NUMC_KERNEL_GLOBAL double *results, NUMC_KERNEL_GLOBAL double *records
#define NUMC_K_CHAINS_NUMBER_PARAMETERS                                                                                     \
    numc_k_i64 items, numc_k_i64 doubles, numc_k_i64 state_doubles, numc_k_i64 positions_at, numc_k_i64 results_at, numc_k_i64 room
#define NUMC_K_CHAINS_GATHERED                                                                                              \
    {schedule, chains, progress, memory, positions + positions_at, results + results_at, records, doubles, state_doubles, room}
NUMC_K_CHAINS_ENTRY numc_chains_step(NUMC_K_CHAINS_PARAMETERS, NUMC_K_CHAINS_NUMBER_PARAMETERS)
{
    const numc_k_chains all = NUMC_K_CHAINS_GATHERED;
    if (NUMC_K_CHAINS_ITEM < items)
        numc_k_chains_step(&all, NUMC_K_CHAINS_ITEM);
}
#elif defined(NUMC_KERNEL_ENTRIES)
void numc_chains_step(void *const *buffers, const int64_t *numbers, int64_t item)
{
    const numc_k_chains all = {buffers[0], buffers[1], buffers[2], buffers[3], (double *)buffers[4] + numbers[2],
                               (const double *)buffers[5] + numbers[3], buffers[6], numbers[0], numbers[1], numbers[4]};
    numc_k_chains_step(&all, item);
}
#endif

#endif
