/* batch.h - internal to src/graph: what batch.c knows of a primitive. A rule applies the primitive to operands of which some have
 * one axis more, the batch, in front ("mapped"); its results then have it too. Rules are written with primitives on traced
 * arrays, so the result is a graph like any other. */
#ifndef NUMC_GRAPH_BATCH_H
#define NUMC_GRAPH_BATCH_H

#include "graph/derivative.h"

/* One application being batched; at least one operand is mapped. */
typedef struct numc_batching {
    numc_context *context;
    int32_t primitive;
    const numc_attributes *attributes;
    int64_t size;               /* of the batch */
    const numc_array *const *x; /* operands */
    const bool *mapped;         /* which of them have the batch as axis 0 */
    int32_t input_count, output_count;
} numc_batching;

/* Results into y; mapped_y[] holds true and is changed by control flow alone, whose results need not all be mapped. */
typedef numc_status (*numc_batch_rule)(const numc_batching *b, numc_array **y, bool *mapped_y);

/* NULL when the table has no row. */
numc_batch_rule numc__batch_rule_of(int32_t primitive);

#define NUMC_BATCH_RULES(X)                                                                        \
    X(elementwise) X(leading) X(shift_axes) X(broadcast) X(reshape) X(permute) X(slice) X(flip) X(pad) X(concat) X(gather) \
    X(scatter) X(shift_axis) X(search) X(matmul) X(triangular_solve) X(cond) X(scan) X(while) X(custom) X(external)
#define NUMC_DECLARE_BATCH_RULE(name)                                                              \
    numc_status numc__batch_##name(const numc_batching *b, numc_array **y, bool *mapped_y);
NUMC_BATCH_RULES(NUMC_DECLARE_BATCH_RULE)

/* ---- helpers ----------------------------------------------------------------------------------------------------- */
/* x, of which every element of the batch has the same, with the batch in front. */
numc_array *numc__batch_spread(numc_context *context, int64_t size, const numc_array *x);
/* Operand k with the batch in front. */
numc_array *numc__batch_operand(const numc_batching *b, int32_t k);
/* x with axis `from` moved to `to`. */
numc_array *numc__batch_move(numc_context *context, const numc_array *x, int32_t from, int32_t to);

/* An input of `type` with one axis more at `axis`; axis -1: as it is. */
numc_array *numc__batch_input(numc_trace *trace, numc_context *context, const numc_type *type, int64_t size, int32_t axis,
                              const char *name);

/* ---- whole graphs ------------------------------------------------------------------------------------------------ */
/* The graph on arrays: y and whether each is mapped. */
numc_status numc__batch_apply(numc_context *context, const numc_graph *graph, int64_t size, const numc_array *const *x,
                              const bool *mapped, numc_array **y, bool *mapped_y);
/* Which results numc__batch_apply gives mapped. */
numc_status numc__batch_flags(numc_context *context, const numc_graph *graph, const bool *mapped, bool *mapped_y);
/* The same of one application of control flow (batch_control.c). */
numc_status numc__batch_flags_control(numc_context *context, const numc_node *node, const bool *mapped, bool *mapped_y);
/* The batched graph, every flagged axis in front; results flagged in mapped_y are mapped, whether they vary or not. */
numc_graph *numc__batch_graph(numc_context *context, const numc_graph *graph, int64_t size, const bool *mapped,
                              const bool *mapped_y);

#endif
