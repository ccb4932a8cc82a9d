/* batch.c - vmap: a graph over arrays with one axis more. The table of batching rules, one row per primitive, and the transform. */
#include "graph/batch.h"

#include <string.h>

/* ---- the table --------------------------------------------------------------------------------------------------- */

#define ROW(upper, name) [NUMC_PRIMITIVE_##upper - NUMC_PRIMITIVE_STRUCTURAL] = numc__batch_##name

/* An application without operands is never mapped. */
static numc_status never(const numc_batching *b, numc_array **y, bool *mapped_y)
{
    (void)y, (void)mapped_y;
    return numc__fail(b->context, NUMC_INTERNAL, "%s has no operand to batch", numc__primitive_name(b->primitive));
}

static const numc_batch_rule rules[NUMC_PRIMITIVE_LIMIT - NUMC_PRIMITIVE_STRUCTURAL] = {
    [NUMC_PRIMITIVE_IOTA - NUMC_PRIMITIVE_STRUCTURAL] = never,
    ROW(BROADCAST, broadcast),
    ROW(RESHAPE, reshape),
    ROW(PERMUTE, permute),
    ROW(SLICE, slice),
    ROW(FLIP, flip),
    ROW(PAD, pad),
    ROW(CONCAT, concat),
    ROW(GATHER, gather),
    ROW(SCATTER, scatter),
    ROW(REAL, leading),
    ROW(IMAG, leading),
    ROW(COMPLEX, elementwise),
    ROW(REDUCE_SUM, shift_axes),
    ROW(REDUCE_PROD, shift_axes),
    ROW(REDUCE_MAX, shift_axes),
    ROW(REDUCE_MIN, shift_axes),
    ROW(REDUCE_ANY, shift_axes),
    ROW(REDUCE_ALL, shift_axes),
    ROW(ARGMAX, shift_axes),
    ROW(ARGMIN, shift_axes),
    ROW(CUMULATIVE_SUM, shift_axis),
    ROW(CUMULATIVE_PROD, shift_axis),
    ROW(CUMULATIVE_MAX, shift_axis),
    ROW(SORT, shift_axis),
    ROW(SEARCH, search),
    ROW(FFT, shift_axis),
    ROW(RFFT, shift_axis),
    ROW(IRFFT, shift_axis),
    ROW(MATMUL, matmul),
    ROW(CHOLESKY, leading),
    ROW(CHOLESKY_INVERSE, leading),
    ROW(TRIANGULAR_SOLVE, triangular_solve),
    ROW(LU, leading),
    ROW(QR, leading),
    ROW(EIGH, leading),
    ROW(EIG, leading),
    ROW(SVD, leading),
    ROW(STOP_GRADIENT, leading),
    ROW(COND, cond),
    ROW(SCAN, scan),
    ROW(WHILE, while),
    ROW(CUSTOM, custom),
    ROW(EXTERNAL, external),
};

numc_batch_rule numc__batch_rule_of(int32_t primitive)
{
    if (numc__primitive_is_scalar(primitive))
        return numc__scalar_info((uint32_t)primitive)->arity > 0 ? numc__batch_elementwise : NULL;
    if (primitive <= NUMC_PRIMITIVE_STRUCTURAL || primitive >= NUMC_PRIMITIVE_LIMIT)
        return NULL;
    return rules[primitive - NUMC_PRIMITIVE_STRUCTURAL];
}

/* ---- a graph applied --------------------------------------------------------------------------------------------- */

numc_status numc__batch_flags(numc_context *context, const numc_graph *graph, const bool *mapped, bool *mapped_y)
{
    size_t width = numc__graph_width(graph), size = (size_t)graph->value_count + 2 * width;
    bool *flags = numc__allocate_zero(context, size, sizeof *flags);
    if (flags == NULL)
        return context->status;
    bool *in = flags + graph->value_count, *out = in + width;
    numc_status status = NUMC_OK;
    for (int32_t i = 0; i < graph->input_count; i++)
        flags[i] = mapped[i];
    for (int32_t n = 0; n < graph->node_count && status == NUMC_OK; n++) {
        const numc_node *node = &graph->nodes[n];
        bool any = false;
        for (int32_t k = 0; k < node->input_count; k++) {
            in[k] = flags[node->inputs[k]];
            any = any || in[k];
        }
        for (int32_t k = 0; k < node->output_count; k++)
            out[k] = any;
        if (any && numc__primitive_has_steps(node->primitive))
            status = numc__batch_flags_control(context, node, in, out);
        for (int32_t k = 0; k < node->output_count; k++)
            flags[node->first_output + k] = out[k];
    }
    for (int32_t i = 0; i < graph->output_count; i++)
        mapped_y[i] = flags[graph->outputs[i]];
    numc__free(context, flags, size * sizeof *flags);
    return status;
}

typedef struct batch_state {
    const numc_array **values; /* by id */
    bool *flags;               /* by id */
    const numc_array **x;      /* of one node */
    numc_array **y;
    bool *mapped, *mapped_y;
} batch_state;

static numc_status batch_node(numc_context *context, const numc_graph *graph, int64_t size, const numc_node *node,
                              batch_state *s)
{
    bool any = false;
    for (int32_t k = 0; k < node->input_count; k++) {
        s->x[k] = s->values[node->inputs[k]];
        s->mapped[k] = s->flags[node->inputs[k]];
        any = any || s->mapped[k];
    }
    for (int32_t k = 0; k < node->output_count; k++) {
        s->y[k] = NULL;
        s->mapped_y[k] = any;
    }
    if (!any) {
        NUMC_TRY(numc__bind(context, node->primitive, s->x, node->input_count, &node->attributes, s->y, node->output_count));
    } else {
        numc_batch_rule rule = numc__batch_rule_of(node->primitive);
        NUMC_REQUIRE(context, rule != NULL, NUMC_INTERNAL, "primitive %s has no batching rule",
                     numc__primitive_name(node->primitive));
        numc_batching b = {context, node->primitive, &node->attributes, size, s->x, s->mapped, node->input_count,
                           node->output_count};
        NUMC_TRY(rule(&b, s->y, s->mapped_y));
        NUMC_TRY(context->status);
    }
    for (int32_t k = 0; k < node->output_count; k++) {
        int32_t id = node->first_output + k;
        const numc_type *type = &graph->values[id].type;
        int32_t rank = type->rank + (s->mapped_y[k] ? 1 : 0);
        NUMC_REQUIRE(context, s->y[k] != NULL && s->y[k]->rank == rank && s->y[k]->dtype == type->dtype, NUMC_INTERNAL,
                     "the batching rule of %s made something else", numc__primitive_name(node->primitive));
        s->values[id] = s->y[k];
        s->flags[id] = s->mapped_y[k];
    }
    return NUMC_OK;
}

numc_status numc__batch_apply(numc_context *context, const numc_graph *graph, int64_t size, const numc_array *const *x,
                              const bool *mapped, numc_array **y, bool *mapped_y)
{
    NUMC_TRY(context->status);
    size_t values = (size_t)graph->value_count, width = numc__graph_width(graph);
    size_t bytes = (values + 2 * width) * sizeof(void *) + (values + 2 * width) * sizeof(bool);
    const numc_array **block = numc__allocate_zero(context, 1, bytes);
    if (block == NULL)
        return context->status;
    batch_state s = {.values = block, .x = block + values};
    s.y = (numc_array **)(uintptr_t)(s.x + width);
    s.flags = (bool *)(void *)(s.y + width);
    s.mapped = s.flags + values;
    s.mapped_y = s.mapped + width;
    for (int32_t i = 0; i < graph->value_count; i++) {
        bool input = i < graph->input_count;
        s.values[i] = input ? x[i] : numc__constant_on(context, graph->values[i].constant);
        s.flags[i] = input && mapped[i];
    }
    numc_status status = context->status;
    const char *site = context->site;
    for (int32_t n = 0; n < graph->node_count && status == NUMC_OK; n++) {
        if (graph->nodes[n].site != NULL)
            context->site = graph->nodes[n].site;
        status = batch_node(context, graph, size, &graph->nodes[n], &s);
        context->site = site;
    }
    for (int32_t i = 0; i < graph->output_count && status == NUMC_OK; i++) {
        y[i] = (numc_array *)(uintptr_t)s.values[graph->outputs[i]];
        mapped_y[i] = s.flags[graph->outputs[i]];
    }
    numc__free(context, block, bytes);
    return status;
}

/* ---- graphs ------------------------------------------------------------------------------------------------------ */

numc_array *numc__batch_input(numc_trace *trace, numc_context *context, const numc_type *type, int64_t size, int32_t axis,
                              const char *name)
{
    if (axis < 0)
        return numc__trace_input(trace, type, name);
    int64_t shape[NUMC_RANK_LIMIT];
    if (type->rank >= NUMC_RANK_LIMIT) {
        numc__fail(context, NUMC_SHAPE, "vmap: an input of rank %d has no room for the batch", type->rank);
        return NULL;
    }
    for (int32_t d = 0, from = 0; d <= type->rank; d++)
        shape[d] = d == axis ? size : type->shape[from++];
    numc_type wide = {type->dtype, type->rank + 1, shape};
    return numc__trace_input(trace, &wide, name);
}

static numc_status batched_outputs(numc_context *context, const numc_graph *graph, int64_t size, const int32_t *out_axes,
                                   numc_array **y, const bool *mapped_y)
{
    for (int32_t i = 0; i < graph->output_count; i++) {
        if (out_axes[i] < 0) {
            NUMC_REQUIRE(context, !mapped_y[i], NUMC_INVALID_ARGUMENT,
                         "numc_function_vmap: output %d is another for each element of the batch, so it needs an axis", i);
            continue;
        }
        if (!mapped_y[i])
            y[i] = numc__batch_spread(context, size, y[i]);
        y[i] = numc__batch_move(context, y[i], 0, out_axes[i]);
        NUMC_TRY(context->status);
    }
    return NUMC_OK;
}

static numc_graph *vmap_trace(numc_context *context, const numc_graph *graph, int64_t size, const int32_t *in_axes,
                              const int32_t *out_axes, numc_array **block, bool *flags)
{
    int32_t ins = graph->input_count, outs = graph->output_count;
    numc_array **x = block, **y = block + ins;
    bool *mapped = flags, *mapped_y = flags + ins;
    numc_trace *trace = numc__trace_begin(context);
    if (trace == NULL)
        return NULL;
    for (int32_t i = 0; i < ins; i++) {
        x[i] = numc__batch_input(trace, context, &graph->values[i].type, size, in_axes[i], graph->values[i].name);
        mapped[i] = in_axes[i] >= 0;
    }
    for (int32_t i = 0; i < ins; i++) {
        if (mapped[i])
            x[i] = numc__batch_move(context, x[i], in_axes[i], 0);
    }
    numc_status status = numc__batch_apply(context, graph, size, (const numc_array *const *)x, mapped, y, mapped_y);
    if (status == NUMC_OK)
        status = batched_outputs(context, graph, size, out_axes, y, mapped_y);
    if (status != NUMC_OK) {
        numc__trace_abandon(trace);
        return NULL;
    }
    return numc__trace_finish(trace, y, outs, NULL, NULL);
}

numc_graph *numc__graph_vmap(numc_context *context, const numc_graph *graph, int64_t size, const int32_t *in_axes,
                             const int32_t *out_axes)
{
    if (context->status != NUMC_OK)
        return NULL;
    size_t count = (size_t)graph->input_count + (size_t)graph->output_count;
    size_t bytes = count * (sizeof(void *) + sizeof(bool));
    numc_array **block = numc__allocate_zero(context, 1, bytes);
    if (block == NULL)
        return NULL;
    numc_graph *result = vmap_trace(context, graph, size, in_axes, out_axes, block, (bool *)(void *)(block + count));
    numc__free(context, block, bytes);
    return result;
}

numc_graph *numc__batch_graph(numc_context *context, const numc_graph *graph, int64_t size, const bool *mapped,
                              const bool *mapped_y)
{
    if (context->status != NUMC_OK)
        return NULL;
    size_t count = (size_t)graph->input_count + (size_t)graph->output_count;
    int32_t *axes = numc__allocate(context, count * sizeof *axes);
    if (axes == NULL)
        return NULL;
    for (int32_t i = 0; i < graph->input_count; i++)
        axes[i] = mapped[i] ? 0 : -1;
    for (int32_t i = 0; i < graph->output_count; i++)
        axes[graph->input_count + i] = mapped_y[i] ? 0 : -1;
    numc_graph *result = numc__graph_vmap(context, graph, size, axes, axes + graph->input_count);
    numc__free(context, axes, count * sizeof *axes);
    return result;
}
