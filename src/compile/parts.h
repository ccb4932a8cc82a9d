/* parts.h - internal to src/compile: what a program holds, for the passes that make it. */
#ifndef NUMC_COMPILE_PARTS_H
#define NUMC_COMPILE_PARTS_H

#include "compile/exec.h"
#include "compile/program.h"

struct numc_program {
    numc_core *core;
    _Atomic int64_t references;
    numc_ir *ir;
    bool call; /* made for numc__program_call */
    int32_t *data_inputs, data_count;       /* positions among the graph's inputs */
    int32_t *free_inputs, free_count;
    int32_t *frontier, frontier_count;      /* ir values the prologue hands to the body */
    numc_exec *prologue, *body;
    numc_arena arena;
    numc_native native; /* of the body */
    int32_t native_count; /* its functions; 0: it never gets native code */
    _Atomic int64_t calls;
    /* while it is made */
    numc_graph *graph;
    const bool *data;     /* flags of the graph's inputs, or NULL */
    bool later;           /* numc_program_options */
    int32_t *external;    /* per ir value: the number of the array that holds it, or -1; without the frontier */
    int32_t *free_values; /* the ir's values of free_inputs */
};

#endif
