/* The state machine as OpenCL C: only compiled, to hold src/kernel/nuts.h to the common subset of the three languages. */
#include "kernel/nuts.h"

__kernel void advance(__global double *memory, __global numc_k_nuts *states, __global const double *log_densities)
{
    size_t chain = get_global_id(0);
    numc_k_nuts state = states[chain];
    long doubles = numc_k_nuts_doubles(state.dimension, state.max_depth, state.metric);
    __global double *own = memory + (long)chain * doubles;
    int wants = numc_k_nuts_advance(&state, own, log_densities[chain]);
    if (wants == NUMC_K_NUTS_DONE)
        wants = numc_k_nuts_begin(&state, own, NUMC_K_NUTS_TREE, 1, 0);
    states[chain] = state;
}
