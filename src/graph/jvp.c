/* jvp.c - forward mode: a graph's values and their tangents side by side. */
#include "graph/derivative.h"

/* dy = sum over k of (d y / d x_k) dx_k. */
static numc_status jvp_elementwise(const numc_application *a, const numc_rule *rule, const numc_array *const *dx,
                                   numc_array **dy)
{
    for (int32_t k = 0; k < a->input_count; k++) {
        if (dx[k] == NULL || (rule->zero_operands >> k & 1u) != 0)
            continue;
        NUMC_REQUIRE(a->context, (rule->missing_operands >> k & 1u) == 0, NUMC_UNSUPPORTED,
                     "no derivative of %s in operand %d: %s", numc__primitive_name(a->primitive), k + 1, rule->missing);
        numc_array *term = rule->partial(a, k, dx[k]);
        dy[0] = dy[0] == NULL ? term : numc_add(dy[0], term);
        NUMC_TRY(a->context->status);
    }
    return NUMC_OK;
}

numc_status numc__rule_forward(const numc_application *a, const numc_array *const *dx, numc_array **dy)
{
    const numc_rule *rule = numc__rule_of(a->primitive);
    if (rule->zero != NULL)
        return NUMC_OK;
    return rule->partial != NULL ? jvp_elementwise(a, rule, dx, dy) : rule->jvp(a, dx, dy);
}

static numc_status jvp_node(const numc_application *a, const numc_array *const *dx, bool moving, numc_array **y,
                            numc_array **dy)
{
    const numc_rule *rule = numc__rule_of(a->primitive);
    NUMC_REQUIRE(a->context, rule != NULL, NUMC_INTERNAL, "primitive %s has no derivative rule",
                 numc__primitive_name(a->primitive));
    if (moving && numc__primitive_has_steps(a->primitive))
        return numc__jvp_control(a, dx, y, dy);
    NUMC_TRY(numc__bind(a->context, a->primitive, a->x, a->input_count, a->attributes, y, a->output_count));
    return moving ? numc__rule_forward(a, dx, dy) : NUMC_OK;
}

static numc_status jvp_run(numc_context *context, const numc_graph *graph, const numc_array **values,
                           const numc_array **tangents, const numc_array **x, const numc_array **dx, numc_array **y,
                           numc_array **dy)
{
    for (int32_t n = 0; n < graph->node_count; n++) {
        const numc_node *node = &graph->nodes[n];
        bool moving = false;
        for (int32_t k = 0; k < node->input_count; k++) {
            x[k] = values[node->inputs[k]];
            dx[k] = tangents[node->inputs[k]];
            moving = moving || dx[k] != NULL;
        }
        for (int32_t k = 0; k < node->output_count; k++)
            y[k] = dy[k] = NULL;
        if (node->site != NULL)
            context->site = node->site;
        numc_application a = {context, node->primitive, &node->attributes, x, node->input_count, y, node->output_count};
        NUMC_TRY(jvp_node(&a, dx, moving, y, dy));
        NUMC_TRY(context->status);
        for (int32_t k = 0; k < node->output_count; k++) {
            values[node->first_output + k] = y[k];
            if (numc__differentiable(y[k]->dtype))
                tangents[node->first_output + k] = dy[k];
        }
    }
    return NUMC_OK;
}

numc_status numc__jvp_apply(numc_context *context, const numc_graph *graph, const numc_array *const *x,
                            const numc_array *const *dx, numc_array **y, numc_array **dy)
{
    NUMC_TRY(context->status);
    size_t widest = numc__graph_width(graph), values = (size_t)graph->value_count;
    size_t size = (2 * values + 4 * widest) * sizeof(void *);
    const numc_array **block = numc__allocate_zero(context, 1, size);
    if (block == NULL)
        return context->status;
    const numc_array **tangents = block + values, **scratch = tangents + values;
    for (int32_t i = 0; i < graph->value_count; i++) {
        block[i] = i < graph->input_count ? x[i] : numc__constant_on(context, graph->values[i].constant);
        tangents[i] = i < graph->input_count && numc__differentiable(graph->values[i].type.dtype) ? dx[i] : NULL;
    }
    const char *site = context->site;
    numc_status status =
        jvp_run(context, graph, block, tangents, scratch, scratch + widest,
                (numc_array **)(uintptr_t)(scratch + 2 * widest), (numc_array **)(uintptr_t)(scratch + 3 * widest));
    context->site = site;
    for (int32_t i = 0; i < graph->output_count && status == NUMC_OK; i++) {
        y[i] = (numc_array *)(uintptr_t)block[graph->outputs[i]];
        dy[i] = (numc_array *)(uintptr_t)tangents[graph->outputs[i]];
    }
    numc__free(context, block, size);
    return status;
}

static bool is_active(const numc_graph *graph, const bool *active, int32_t input)
{
    return numc__differentiable(graph->values[input].type.dtype) && (active == NULL || active[input]);
}

static numc_graph *jvp_trace(numc_context *context, const numc_graph *graph, const bool *active, numc_array **block)
{
    int32_t ins = graph->input_count, outs = graph->output_count;
    numc_array **x = block, **dx = x + ins, **y = dx + ins, **dy = y + outs;
    numc_trace *trace = numc__trace_begin(context);
    if (trace == NULL)
        return NULL;
    for (int32_t i = 0; i < ins; i++)
        x[i] = numc__trace_input(trace, &graph->values[i].type, graph->values[i].name);
    for (int32_t i = 0; i < ins; i++)
        dx[i] = is_active(graph, active, i) ? numc__trace_input(trace, &graph->values[i].type, NULL) : NULL;
    numc_status status = numc__jvp_apply(context, graph, (const numc_array *const *)x, (const numc_array *const *)dx, y, dy);
    int32_t count = outs;
    for (int32_t i = 0; i < outs && status == NUMC_OK; i++) {
        const numc_type *type = numc__graph_output_type(graph, i);
        if (numc__differentiable(type->dtype))
            y[count++] = dy[i] != NULL ? dy[i] : numc__zeros_of(context, type);
        status = context->status;
    }
    if (status != NUMC_OK) {
        numc__trace_abandon(trace);
        return NULL;
    }
    return numc__trace_finish(trace, y, count, NULL, NULL);
}

numc_graph *numc__graph_jvp(numc_context *context, const numc_graph *graph, const bool *active)
{
    if (context->status != NUMC_OK)
        return NULL;
    size_t size = (2 * (size_t)graph->input_count + 2 * (size_t)graph->output_count) * sizeof(void *);
    numc_array **block = numc__allocate_zero(context, 1, size);
    if (block == NULL)
        return NULL;
    numc_graph *result = jvp_trace(context, graph, active, block);
    numc__free(context, block, size);
    return result;
}
