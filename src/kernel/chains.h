/* One step of many chains where the log density is evaluated for all of them together: each takes its result, moves its state
 * machine (nuts.h), writes down a finished transition, begins the next, and says which position it wants. No adaptation: step size
 * and metric stand. Common subset of C99, OpenCL C and CUDA C; a host-side mirror of these structs moves states to a device and
 * back. Entry points of the device languages are at the end; in C a loop calls numc_k_chains_step. */
#ifndef NUMC_KERNEL_CHAINS_H
#define NUMC_KERNEL_CHAINS_H

#include "nuts.h"

/* Of one chain, beside its state machine. */
typedef struct numc_k_chain_progress {
    numc_k_i64 transition; /* number of the one in progress, or next */
    numc_k_i64 until;      /* no transition of this number is begun */
    int wants;             /* NUMC_K_NUTS_EVALUATE: its position lies in `positions`; DONE: it rests between transitions */
    int written;           /* records since the host last looked */
} numc_k_chain_progress;

/* A finished transition: this head, then the position; where it diverged, the leapfrog's start and end follow (else undefined). */
#define NUMC_K_RECORD_LOG_DENSITY 0
#define NUMC_K_RECORD_ENERGY 1
#define NUMC_K_RECORD_ACCEPT 2
#define NUMC_K_RECORD_STEP 3
#define NUMC_K_RECORD_LEAPFROGS 4
#define NUMC_K_RECORD_DEPTH 5
#define NUMC_K_RECORD_DIVERGENT 6
#define NUMC_K_RECORD_POSITION 7

NUMC_KERNEL_FN numc_k_i64 numc_k_record_doubles(int dimension)
{
    return NUMC_K_RECORD_POSITION + 3 * (numc_k_i64)dimension;
}

/* Shapes: states, progress [chains]; memory [chains][doubles]; positions [chains][dimension]; results [chains][1 + dimension], log
 * density and gradient; records [slots][chains][record]. kind: of transitions, NUMC_K_NUTS_TREE or STATIC. There must be a slot for each
 * step between two looks of the host. */
NUMC_KERNEL_FN void numc_k_chains_step(numc_k_i64 chain, numc_k_i64 chains, numc_k_i64 doubles, int kind,
                                       NUMC_KERNEL_GLOBAL numc_k_nuts *states, NUMC_KERNEL_GLOBAL numc_k_chain_progress *progress,
                                       NUMC_KERNEL_GLOBAL double *memory, NUMC_KERNEL_GLOBAL double *positions,
                                       const NUMC_KERNEL_GLOBAL double *results, NUMC_KERNEL_GLOBAL double *records)
{
    numc_k_chain_progress p = progress[chain];
    numc_k_nuts s = states[chain];
    NUMC_KERNEL_GLOBAL double *m = memory + chain * doubles;
    int d = s.dimension;
    if (p.wants == NUMC_K_NUTS_EVALUATE) {
        const NUMC_KERNEL_GLOBAL double *result = results + chain * (1 + d);
        for (int i = 0; i < d; i++)
            m[s.gradient_at + i] = result[1 + i];
        p.wants = numc_k_nuts_advance(&s, m, result[0]);
        if (p.wants == NUMC_K_NUTS_DONE) {
            NUMC_KERNEL_GLOBAL double *r = records + (p.written * chains + chain) * numc_k_record_doubles(d);
            r[NUMC_K_RECORD_LOG_DENSITY] = s.log_density;
            r[NUMC_K_RECORD_ENERGY] = s.energy;
            r[NUMC_K_RECORD_ACCEPT] = s.accept_stat;
            r[NUMC_K_RECORD_STEP] = s.step_used;
            r[NUMC_K_RECORD_LEAPFROGS] = s.n_leapfrog;
            r[NUMC_K_RECORD_DEPTH] = s.depth;
            r[NUMC_K_RECORD_DIVERGENT] = s.divergent;
            r += NUMC_K_RECORD_POSITION;
            for (int i = 0; i < d; i++)
                r[i] = m[numc_k_nuts_current(&s) + i];
            for (int i = 0; s.divergent && i < d; i++) {
                r[d + i] = m[numc_k_nuts_q(&s, s.divergence_start) + i];
                r[2 * d + i] = m[numc_k_nuts_q(&s, s.divergence_end) + i];
            }
            p.transition++;
            p.written++;
        }
    }
    if (p.wants == NUMC_K_NUTS_DONE && p.transition < p.until)
        p.wants = numc_k_nuts_begin(&s, m, kind, (numc_k_u64)p.transition, 0);
    /* A chain that rests writes too: the program may have used this memory for something else. */
    numc_k_i64 at = p.wants == NUMC_K_NUTS_EVALUATE ? s.position_at : numc_k_nuts_current(&s);
    for (int i = 0; i < d; i++)
        positions[chain * d + i] = m[at + i];
    states[chain] = s;
    progress[chain] = p;
}

#define NUMC_K_CHAINS_BUFFERS 6
#define NUMC_K_CHAINS_NUMBERS 5 /* after the number of items */
/* Entry points for numc_backend.routine_run: item c is chain c. Offsets count doubles. */
#if defined(NUMC_KERNEL_OPENCL) || defined(NUMC_KERNEL_CUDA)
#if defined(NUMC_KERNEL_OPENCL)
__kernel void numc_chains_step(__global numc_k_nuts *states, __global numc_k_chain_progress *progress, __global double *memory,
                               __global double *positions, __global const double *results, __global double *records,
                               numc_k_i64 items, numc_k_i64 chains, numc_k_i64 doubles, numc_k_i64 kind, numc_k_i64 positions_at,
                               numc_k_i64 results_at)
{
    numc_k_i64 chain = (numc_k_i64)get_global_id(0);
#else
extern "C" __global__ void numc_chains_step(numc_k_nuts *states, numc_k_chain_progress *progress, double *memory, double *positions,
                                            const double *results, double *records, numc_k_i64 items, numc_k_i64 chains,
                                            numc_k_i64 doubles, numc_k_i64 kind, numc_k_i64 positions_at, numc_k_i64 results_at)
{
    numc_k_i64 chain = (numc_k_i64)blockIdx.x * blockDim.x + threadIdx.x;
#endif
    if (chain < items)
        numc_k_chains_step(chain, chains, doubles, (int)kind, states, progress, memory, positions + positions_at,
                           results + results_at, records);
}
#elif defined(NUMC_KERNEL_ENTRIES)
void numc_chains_step(void *const *buffers, const int64_t *numbers, int64_t item)
{
    numc_k_chains_step(item, numbers[0], numbers[1], (int)numbers[2], buffers[0], buffers[1], buffers[2],
                       (double *)buffers[3] + numbers[3], (const double *)buffers[4] + numbers[4], buffers[5]);
}
#endif

#endif
