/* build.h - internal to src/graph: how graphs are put together, beside what graph.h tells the other floors. */
#ifndef NUMC_GRAPH_BUILD_H
#define NUMC_GRAPH_BUILD_H

#include "graph/graph.h"

/* An empty graph with one reference; NULL with the error set. */
numc_graph *numc__graph_new(numc_context *context);
/* Memory that lives as long as the graph; aligned to 16 bytes. */
void *numc__graph_memory(numc_context *context, numc_graph *graph, size_t size);
char *numc__graph_string(numc_context *context, numc_graph *graph, const char *text);
/* A copy of a type whose shape the graph owns; of attributes, whose sub-graphs are kept by the node that receives them. */
numc_status numc__graph_copy_type(numc_context *context, numc_graph *graph, const numc_type *type, numc_type *copy);
numc_status numc__graph_copy_attributes(numc_context *context, numc_graph *graph, const numc_attributes *attributes,
                                        numc_attributes *copy);
/* Room for `more` values or nodes. */
numc_status numc__graph_reserve(numc_context *context, numc_graph *graph, int32_t more_values, int32_t more_nodes);

static inline numc_type numc__type_of(const numc_array *x)
{
    return (numc_type){x->dtype, x->rank, x->shape};
}
static inline bool numc__type_equal(const numc_type *a, const numc_type *b)
{
    if (a->dtype != b->dtype || a->rank != b->rank)
        return false;
    for (int32_t i = 0; i < a->rank; i++) {
        if (a->shape[i] != b->shape[i])
            return false;
    }
    return true;
}
/* Real floats have derivatives; all other values have none. */
static inline bool numc__differentiable(numc_dtype dtype)
{
    return (numc_dtype_kind(dtype) & (NUMC_KIND_REAL | NUMC_KIND_COMPLEX)) != 0;
}

/* A graph's constant as an array of the lane, so that what is computed from it alone runs there. NULL passes through. */
static inline const numc_array *numc__constant_on(numc_context *context, const numc_array *x)
{
    return x == NULL || x->context == context ? x : numc__array_alias(context, x);
}

/* Count, types and life of the inputs of an application. */
numc_status numc__graph_check_inputs(numc_context *context, const numc_graph *graph, const numc_array *const *inputs,
                                     int32_t input_count);

/* The hook `operand`. */
const numc_array *numc__trace_operand(numc_context *context, const numc_array *x, int32_t primitive, int32_t k);
/* infer_control.c. */
numc_status numc__infer_control(numc_inference *f);
/* The hook `custom`. */
numc_array *numc__custom_apply(numc_context *context, numc_body body, numc_body jvp, void *user, const numc_array *const *inputs,
                               int32_t input_count);

numc_status numc__external_run(numc_context *context, const numc_array *const *inputs, int32_t input_count,
                               const numc_attributes *attributes, numc_array **outputs);
/* A function like `graph` with a derivative of its own: CUSTOM with this number. */
numc_graph *numc__custom_graph(numc_context *context, const numc_graph *graph, numc_graph *rule, int64_t number);

/* Element i of a sequence: a view, or the part of a traced one. */
numc_array *numc__step_of(numc_context *context, const numc_array *x, int64_t i);
/* That carry k has the type it had before a step. */
numc_status numc__same_carry(numc_context *context, const char *name, int32_t k, const numc_type *in, const numc_type *out);
/* The loops of dynamic mode (direct.c); arguments are checked, length > 0. */
numc_status numc__scan_directly(numc_context *context, numc_trace_fn callback, void *user, const numc_array *const *carries,
                                int32_t carry_count, const numc_array *const *sequences, int32_t sequence_count, int64_t length,
                                bool reverse, numc_array **outputs, int32_t stacked);
numc_status numc__while_directly(numc_context *context, numc_trace_fn condition, numc_trace_fn callback, void *user,
                                 const numc_array *const *carries, int32_t count, int64_t limit, numc_array **outputs);

/* Control flow on operands that have values. */
numc_status numc__control_run(numc_context *context, int32_t primitive, const numc_array *const *inputs,
                              int32_t input_count, const numc_attributes *attributes, numc_array **outputs,
                              int32_t output_capacity);

#endif
