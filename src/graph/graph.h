/* graph.h - internal: the traced graph, its recorder, and the transforms jvp, vjp and vmap (graph to graph over the same primitives).
 *
 * Values are numbered: inputs first (0 .. input_count-1), then constants and node outputs in order of creation; nodes are in
 * execution order. A graph is immutable once finished, shared by counting. */
#ifndef NUMC_GRAPH_GRAPH_H
#define NUMC_GRAPH_GRAPH_H

#include "array/internal.h"
#include "base/text.h"
#include "numc/function.h"

typedef struct numc_value {
    numc_type type;       /* shape owned by the graph */
    int32_t node;         /* that makes it, or -1 */
    int32_t output;       /* which output of the node */
    numc_array *constant; /* a kept concrete array, or NULL */
    const char *name;     /* inputs: their name, or NULL */
} numc_value;

typedef struct numc_node {
    int32_t primitive;
    int32_t input_count, output_count;
    const int32_t *inputs; /* value ids */
    int32_t first_output;  /* outputs are first_output + k */
    numc_attributes attributes; /* owned by the graph; sub-graphs are references */
    const char *site;      /* model site, for messages and printing; may be NULL */
} numc_node;

struct numc_graph {
    numc_core *core;
    _Atomic int64_t references;
    numc_value *values;
    int32_t value_count, value_capacity;
    numc_node *nodes;
    int32_t node_count, node_capacity;
    int32_t input_count;
    int32_t *outputs;
    int32_t output_count;
    struct numc_graph_block *blocks; /* arena for shapes, attributes, names */
};

/* The most inputs or outputs that one node has; 1 at least. */
static inline size_t numc__graph_width(const numc_graph *graph)
{
    size_t width = 1;
    for (int32_t n = 0; n < graph->node_count; n++) {
        const numc_node *node = &graph->nodes[n];
        width = (size_t)node->input_count > width ? (size_t)node->input_count : width;
        width = (size_t)node->output_count > width ? (size_t)node->output_count : width;
    }
    return width;
}

/* Types of inputs and outputs: what numc__primitive_infer needs of the sub-graphs of control flow. */
static inline const numc_type *numc__graph_input_type(const numc_graph *graph, int32_t index)
{
    return &graph->values[index].type;
}
static inline const numc_type *numc__graph_output_type(const numc_graph *graph, int32_t index)
{
    return &graph->values[graph->outputs[index]].type;
}

/* ---- recording -------------------------------------------------------------------------------------------------------------
 * begin opens a recorder on the lane (they nest); numc__trace_input makes a traced array; every bind with a traced operand of
 * this or an enclosing trace records into the innermost trace. A trace has a scope of its own: what is made in it dies with it.
 * finish closes it and returns the graph, without the nodes its outputs do not need; values of enclosing traces that the body
 * used have become extra inputs (`captured`: arrays of the outer traces, in order, appended after the declared inputs; the
 * list is freed by the caller with numc__free, captured_count pointers; NULL: captures are an error). On failure finish
 * closes the trace too and returns NULL. abandon closes it after an error. The lane that traced must outlive the graph,
 * whose constants are its arrays. */
numc_trace *numc__trace_begin(numc_context *context);
numc_array *numc__trace_input(numc_trace *trace, const numc_type *type, const char *name);
numc_graph *numc__trace_finish(numc_trace *trace, numc_array *const *outputs, int32_t output_count,
                               const numc_array ***captured, int32_t *captured_count);
void numc__trace_abandon(numc_trace *trace);
/* Runs a user's callback on the lane, which it cannot close. */
void numc__trace_callback(numc_context *context, numc_trace_fn callback, const numc_array *const *inputs, int32_t input_count,
                          numc_array **outputs, int32_t output_count, void *user);
bool numc__trace_is_active(const numc_context *context); /* whether the lane records */

/* ---- dynamic mode (dynamic.c) ------------------------------------------------------------------------------------------------
 * A trace whose arrays have values: each application runs at once and is written down as it does, so that a callback may read what it
 * computed (numc__array_value) and go where that leads; cond, switch, scan and while call their bodies. What was written down is
 * the path taken, and is differentiated there and then. Values are concrete, or belong to a dynamic trace around: then
 * what one trace computes, derivatives too, is recorded by the next, which gives higher derivatives. Ended by
 * numc__trace_abandon. */
numc_trace *numc__dynamic_begin(numc_context *context);
/* A traced array with this value, which needs none of its own scope; active: derivatives with respect to it are wanted. */
numc_array *numc__dynamic_input(numc_trace *trace, const numc_array *value, bool active);
/* The value of an array of the trace, one level down; any other array is its own. */
const numc_array *numc__dynamic_value(const numc_trace *trace, const numc_array *x);
/* x, made within the trace, for as long as the trace is open; NULL passes through. */
numc_array *numc__dynamic_hold(numc_trace *trace, numc_array *x);
/* Reverse mode: xbar of each input (NULL where it is zero), in order, from ybar of each output (NULL: zero). Forward mode: dy of each
 * output (NULL where it is zero) from dx of each input. The trace is innermost; results belong to its scope. */
numc_status numc__dynamic_backward(numc_trace *trace, const numc_array *const *outputs, const numc_array *const *ybar, int32_t output_count,
                                   numc_array **xbar);
numc_status numc__dynamic_forward(numc_trace *trace, const numc_array *const *dx, const numc_array *const *outputs, int32_t output_count,
                                  numc_array **dy);
bool numc__trace_is_dynamic(const numc_context *context); /* whether the innermost trace of the lane is */

/* ---- graphs ------------------------------------------------------------------------------------------------------ */
numc_graph *numc__graph_keep(numc_graph *graph);
void numc__graph_release(numc_graph *graph);
numc_status numc__graph_verify(numc_context *context, const numc_graph *graph);
void numc__graph_print(numc_text *text, const numc_graph *graph);
/* The end of a line: " = constant 2"; and the attributes of an application, with sub-graphs on lines of their own. */
void numc__constant_print(numc_text *text, const numc_array *constant);
void numc__attributes_print(numc_text *text, int32_t primitive, const numc_attributes *attributes, int indent);
/* Applies the graph to arrays, node by node through numc__bind: runs when they are concrete, inlines when traced. */
numc_status numc__graph_apply(numc_context *context, const numc_graph *graph, const numc_array *const *inputs,
                              int32_t input_count, numc_array **outputs, int32_t output_count);
/* Structural equality of attributes. */
bool numc__attributes_equal(const numc_attributes *a, const numc_attributes *b);
/* The same applications to the same constants (one array, or one number). */
bool numc__graph_equal(const numc_graph *a, const numc_graph *b);

/* Whether two recordings of one callback are the same; if not, `text` says where they first differ: "at site x multiply: 3, then 4". */
bool numc__graph_same(numc_context *context, const numc_graph *a, const numc_graph *b, char *text, size_t size);

/* ---- transforms -----------------------------------------------------------------------------------------------------
 * jvp: inputs (x..., dx for each active float input) -> (y..., dy for each float output).
 * vjp: inputs (x..., ybar for each float output) -> (y..., xbar for each active float input).
 * `active` has input_count flags (NULL: every float input). A primitive without a rule gives an error with its reason. */
numc_graph *numc__graph_jvp(numc_context *context, const numc_graph *graph, const bool *active);
numc_graph *numc__graph_vjp(numc_context *context, const numc_graph *graph, const bool *active);
/* (x...) -> (y, dy/dx for each active input), y 0-d: vjp with cotangent one. */
numc_graph *numc__graph_value_and_gradient(numc_context *context, const numc_graph *graph, const bool *active);
/* vmap: input i has one axis more, of `size`, at in_axes[i], output i at out_axes[i]; -1: none, for an output an error where it
 * depends on such an input. */
numc_graph *numc__graph_vmap(numc_context *context, const numc_graph *graph, int64_t size, const int32_t *in_axes,
                             const int32_t *out_axes);

#endif
