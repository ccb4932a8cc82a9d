/* function.h - internal: what a numc_function holds. The compiler's floor fills in the program at the first call. */
#ifndef NUMC_GRAPH_FUNCTION_H
#define NUMC_GRAPH_FUNCTION_H

#include "graph/build.h"
#include "numc/function.h"

typedef void (*numc_program_release_fn)(void *program);

struct numc_function {
    numc_object object; /* freed at close at the latest */
    numc_core *core;
    numc_graph *graph;
    _Atomic(void *) program; /* NULL until a call with concrete arrays */
    _Atomic(numc_program_release_fn) program_release;
};

/* Of another context: then an error is set. */
static inline bool numc__function_is_foreign(numc_context *context, const numc_function *function, const char *name)
{
    if (function->core == context->core)
        return false;
    numc__fail(context, NUMC_STATE, "%s: the function belongs to another context", name);
    return true;
}

/* Takes the reference of the graph; NULL passes through. */
numc_function *numc__function_wrap(numc_context *context, numc_graph *graph);

#endif
