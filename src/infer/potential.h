/* potential.h - internal: what the floors of this folder that trace models share. */
#ifndef NUMC_INFER_POTENTIAL_H
#define NUMC_INFER_POTENTIAL_H

#include "compile/program.h"

/* Compiles a graph, or takes its program from the model's cache, and binds data to it: data[i] is the array of input i, or
 * NULL where the input is not data. Takes the graph's reference; NULL with the error set. */
numc_binding *numc__graph_bind(numc_context *context, numc_program_cache *cache, numc_graph *graph,
                               const numc_array *const *data);

#endif
