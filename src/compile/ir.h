/* ir.h - internal to src/compile: the graph as the passes rewrite it. Values are numbered as in a graph; nodes stay in execution
 * order. All memory is one arena freed with the ir; a failed allocation sticks (`failed`) and is looked at once, at the end. */
#ifndef NUMC_COMPILE_IR_H
#define NUMC_COMPILE_IR_H

#include "graph/graph.h"

typedef struct numc_arena_block numc_arena_block;
typedef struct numc_arena {
    numc_context *context; /* the lane that fills it; not used afterwards */
    numc_core *core;
    numc_arena_block *blocks;
} numc_arena;
void numc__arena_begin(numc_arena *arena, numc_context *context);
void *numc__arena_allocate(numc_arena *arena, size_t count, size_t size); /* zeroed; NULL with the lane's error */
void numc__arena_free(numc_arena *arena);
/* Room for one more item behind `count`, as numc__grow: `list` is the address of the pointer to the items; what it pointed to before stays in
 * the arena. */
bool numc__arena_grow(numc_arena *arena, void *list, size_t item, int32_t count, int32_t *capacity);

typedef struct numc_ir_value {
    numc_type type;
    int32_t node;         /* that makes it, or -1 */
    int32_t input;        /* index among the ir's inputs, or -1 */
    numc_array *constant; /* kept by the ir, or NULL */
    bool data;            /* depends on data inputs and constants alone */
} numc_ir_value;

typedef struct numc_ir_node {
    int32_t primitive;
    int32_t input_count, output_count;
    int32_t *inputs;
    int32_t first_output;
    const numc_attributes *attributes;
} numc_ir_node;

typedef struct numc_ir {
    numc_context *context;
    numc_arena arena;
    const numc_graph *graph; /* owner of borrowed types and attributes; kept */
    numc_ir_value *values;
    int32_t value_count, value_capacity;
    numc_ir_node *nodes;
    int32_t node_count, node_capacity;
    int32_t *inputs; /* value ids */
    int32_t input_count;
    int32_t *outputs;
    int32_t output_count;
    struct numc_ir *owned; /* irs whose attributes this one uses, linked by next_owned */
    struct numc_ir *next_owned;
    struct numc_ir_graph *owned_graphs;
    bool failed;
    /* while it is made */
    const bool *data; /* flags of the graph's inputs, or NULL */
    bool paired;      /* the graph is not the one that was given, which has complex numbers */
    int32_t removed;  /* nodes that nothing read */
} numc_ir;

/* Rewrites a graph into a new ir (the passes of NUMC_LEVEL_IR, stage.h). data: flags per input, or NULL. */
numc_ir *numc__ir_new(numc_context *context, numc_graph *graph, const bool *data);
void numc__ir_free(numc_ir *ir);

/* Appends a node as it stands; returns its first output, or -1. */
int32_t numc__ir_append(numc_ir *ir, int32_t primitive, const int32_t *inputs, int32_t input_count,
                        const numc_attributes *attributes);
int32_t numc__ir_constant(numc_ir *ir, numc_array *array); /* keeps the array */
/* An immediate of any shape; NULL when the value is not one. */
const unsigned char *numc__ir_immediate(const numc_ir *ir, int32_t value);

/* BROADCAST or RESHAPE of a value to a shape. */
int32_t numc__ir_shaped(numc_ir *ir, int32_t primitive, int32_t input, int32_t rank, const int64_t *shape);
/* The indices were made by minimum(maximum(i, a), b) with 0 <= a and b <= last: they need no bounds of their own. */
bool numc__ir_bounded(const numc_ir *ir, int32_t indices, int64_t last);
void numc__ir_own(numc_ir *ir, numc_ir *other); /* freed with it */
void numc__ir_own_graph(numc_ir *ir, numc_graph *graph); /* takes the reference, also when it fails */

/* split.c: a scan as code for all steps at once around a shorter one; outputs: one value for each of the scan's. False: the scan
 * stands as it is, or the ir failed. */
bool numc__scan_split(numc_ir *ir, const numc_attributes *attributes, const int32_t *inputs, int32_t *outputs);

/* simplify.c: an equal value already there or newly made, or -1 when the application stands as it is. Rewrites keep every
 * value that is not NaN by its bits, infinities and NaN by their meaning, except the sum of a broadcast (n x, rounded once) and
 * the sign of a zero among padded values that are added up. */
int32_t numc__simplify(numc_ir *ir, int32_t primitive, const int32_t *inputs, int32_t input_count,
                       const numc_attributes *attributes, const numc_type *type);
int32_t numc__ir_emit(numc_ir *ir, int32_t primitive, const int32_t *inputs, int32_t input_count,
                      const numc_attributes *attributes); /* simplified and shared */

static inline int64_t numc__type_size(const numc_type *type)
{
    int64_t size = 1;
    for (int32_t d = 0; d < type->rank; d++)
        size *= type->shape[d];
    return size;
}
#endif
