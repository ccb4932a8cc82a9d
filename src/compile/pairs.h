/* pairs.h - internal to src/compile: a graph without complex arithmetic. */
#ifndef NUMC_COMPILE_PAIRS_H
#define NUMC_COMPILE_PAIRS_H

#include "graph/graph.h"

/* The graph with every complex value as two real ones, but for its inputs, its outputs, and what a backend's slot reads and
 * writes: REAL and IMAG look into those, COMPLEX makes them. One more reference to the graph itself when nothing in it is
 * complex. NULL with the error set. */
numc_graph *numc__graph_pairs(numc_context *context, numc_graph *graph);

#endif
