/* rows.h - internal to src/compile: one pass over a large matrix. */
#ifndef NUMC_COMPILE_ROWS_H
#define NUMC_COMPILE_ROWS_H

#include "graph/graph.h"

/* The graph with a scan over blocks of rows where it reads a matrix beyond the cache twice: in X b, then, by way of functions of
 * single rows, in X^T r. `fixed` flags inputs that stay the same over many runs, or is NULL. One more reference to the graph
 * itself where there is no such matrix. NULL with the error set. */
numc_graph *numc__graph_rows(numc_context *context, numc_graph *graph, const bool *fixed);

#endif
