/* vjp.c - reverse mode: a graph's values forward, then cotangents from its outputs back to its active inputs. */
#include <string.h>

#include "graph/derivative.h"

/* ---- what depends on what ---------------------------------------------------------------------------------------- */

/* Fills active[] of all values from active[] of the inputs; inputs and outputs are scratch as wide as the widest node. */
static numc_status propagate(numc_context *context, const numc_graph *graph, bool *active, bool *inputs, bool *outputs)
{
    for (int32_t i = graph->input_count; i < graph->value_count; i++)
        active[i] = false;
    for (int32_t n = 0; n < graph->node_count; n++) {
        const numc_node *node = &graph->nodes[n];
        const numc_rule *rule = numc__rule_of(node->primitive);
        NUMC_REQUIRE(context, rule != NULL, NUMC_INTERNAL, "primitive %s has no derivative rule",
                     numc__primitive_name(node->primitive));
        bool any = false;
        for (int32_t k = 0; k < node->input_count; k++) {
            inputs[k] = active[node->inputs[k]];
            any = any || (inputs[k] && (k > 31 || (rule->zero_operands >> k & 1u) == 0));
        }
        for (int32_t k = 0; k < node->output_count; k++)
            outputs[k] = any && rule->zero == NULL;
        if (any && numc__primitive_has_steps(node->primitive))
            NUMC_TRY(numc__activity_control(context, node, inputs, outputs));
        for (int32_t k = 0; k < node->output_count; k++) {
            int32_t id = node->first_output + k;
            active[id] = outputs[k] && numc__differentiable(graph->values[id].type.dtype);
        }
    }
    return NUMC_OK;
}

numc_status numc__graph_activity(numc_context *context, const numc_graph *graph, const bool *inputs, bool *outputs)
{
    size_t width = numc__graph_width(graph), size = ((size_t)graph->value_count + 2 * width) * sizeof(bool);
    bool *active = numc__allocate(context, size);
    if (active == NULL)
        return context->status;
    for (int32_t i = 0; i < graph->input_count; i++)
        active[i] = inputs[i] && numc__differentiable(graph->values[i].type.dtype);
    bool *scratch = active + graph->value_count;
    numc_status status = propagate(context, graph, active, scratch, scratch + width);
    for (int32_t i = 0; i < graph->output_count && status == NUMC_OK; i++)
        outputs[i] = active[graph->outputs[i]];
    numc__free(context, active, size);
    return status;
}

/* ---- forward ----------------------------------------------------------------------------------------------------- */

static numc_status forward_node(numc_tape *tape, int32_t n)
{
    numc_context *context = tape->context;
    const numc_node *node = &tape->graph->nodes[n];
    bool active = false;
    for (int32_t k = 0; k < node->input_count; k++)
        tape->operands[k] = tape->values[node->inputs[k]];
    for (int32_t k = 0; k < node->output_count; k++) {
        tape->results[k] = NULL;
        active = active || tape->active[node->first_output + k];
    }
    if (active && node->primitive == NUMC_PRIMITIVE_SCAN) {
        size_t carries = (size_t)node->attributes.numbers[0];
        tape->residuals[n] = numc__allocate_zero(context, 2 * carries, sizeof(numc_array *));
        if (tape->residuals[n] == NULL)
            return context->status;
        numc_application a = {context, node->primitive, &node->attributes, tape->operands,
                              node->input_count, NULL, node->output_count};
        NUMC_TRY(numc__scan_store(&a, tape->results, tape->residuals[n]));
    } else if (active && node->primitive == NUMC_PRIMITIVE_CUSTOM && node->attributes.numbers[0] != 0) {
        /* written out, so that what its own reverse rule gives can be differentiated forwards */
        NUMC_TRY(numc__graph_apply(context, node->attributes.graphs[0], tape->operands, node->input_count, tape->results,
                                   node->output_count));
    } else {
        NUMC_TRY(numc__bind(context, node->primitive, tape->operands, node->input_count, &node->attributes,
                            tape->results, node->output_count));
    }
    for (int32_t k = 0; k < node->output_count; k++)
        tape->values[node->first_output + k] = tape->results[k];
    return NUMC_OK;
}

numc_status numc__tape_forward(numc_tape *tape, numc_context *context, const numc_graph *graph,
                               const numc_array *const *x, const bool *active, numc_array **y)
{
    *tape = (numc_tape){.context = context, .graph = graph};
    NUMC_TRY(context->status);
    size_t width = numc__graph_width(graph), values = (size_t)graph->value_count, nodes = (size_t)graph->node_count;
    size_t pointers = 2 * values + nodes + 2 * width;
    tape->size = pointers * sizeof(void *) + (values + 2 * width) * sizeof(bool);
    tape->block = numc__allocate_zero(context, 1, tape->size);
    if (tape->block == NULL)
        return context->status;
    tape->values = tape->block;
    tape->cotangents = tape->values + values;
    tape->residuals = (numc_array ***)(void *)(tape->cotangents + values);
    tape->operands = (const numc_array **)(void *)(tape->residuals + nodes);
    tape->results = (numc_array **)(uintptr_t)(tape->operands + width);
    tape->active = (bool *)(void *)(tape->results + width);
    tape->wanted = tape->active + values;
    for (int32_t i = 0; i < graph->value_count; i++) {
        bool input = i < graph->input_count;
        tape->values[i] = (numc_array *)(uintptr_t)(input ? x[i] : numc__constant_on(context, graph->values[i].constant));
        tape->active[i] = input && numc__differentiable(graph->values[i].type.dtype) && (active == NULL || active[i]);
    }
    NUMC_TRY(propagate(context, graph, tape->active, tape->wanted, tape->wanted + width));
    const char *site = context->site;
    numc_status status = NUMC_OK;
    for (int32_t n = 0; n < graph->node_count && status == NUMC_OK; n++) {
        if (graph->nodes[n].site != NULL)
            context->site = graph->nodes[n].site;
        status = forward_node(tape, n);
    }
    context->site = site;
    NUMC_TRY(status);
    for (int32_t i = 0; i < graph->output_count; i++)
        y[i] = tape->values[graph->outputs[i]];
    return NUMC_OK;
}

/* ---- backward ---------------------------------------------------------------------------------------------------- */

static void accumulate(numc_tape *tape, int32_t id, const numc_array *cotangent)
{
    numc_array **sum = &tape->cotangents[id];
    *sum = *sum == NULL ? (numc_array *)(uintptr_t)cotangent : numc_add(*sum, cotangent);
}

static numc_status backward_elementwise(const numc_application *a, const numc_rule *rule, const numc_array *ybar,
                                        const bool *wanted, numc_array **xbar)
{
    for (int32_t k = 0; k < a->input_count; k++) {
        if (!wanted[k] || (rule->zero_operands >> k & 1u) != 0)
            continue;
        NUMC_REQUIRE(a->context, (rule->missing_operands >> k & 1u) == 0, NUMC_UNSUPPORTED,
                     "no derivative of %s in operand %d: %s", numc__primitive_name(a->primitive), k + 1, rule->missing);
        xbar[k] = rule->partial(a, k, ybar);
        NUMC_TRY(a->context->status);
    }
    return NUMC_OK;
}

numc_status numc__rule_backward(const numc_application *a, const numc_array *const *ybar, const bool *wanted, numc_array **xbar)
{
    const numc_rule *rule = numc__rule_of(a->primitive);
    return rule->partial != NULL ? backward_elementwise(a, rule, ybar[0], wanted, xbar) : rule->vjp(a, ybar, wanted, xbar);
}

static numc_status backward_node(numc_tape *tape, int32_t n, const numc_array **ybar, numc_array **xbar)
{
    numc_context *context = tape->context;
    const numc_node *node = &tape->graph->nodes[n];
    bool any = false;
    for (int32_t k = 0; k < node->output_count; k++) {
        int32_t id = node->first_output + k;
        tape->results[k] = tape->values[id];
        ybar[k] = tape->active[id] ? tape->cotangents[id] : NULL;
        any = any || ybar[k] != NULL;
    }
    if (!any)
        return NUMC_OK;
    for (int32_t k = 0; k < node->input_count; k++) {
        tape->operands[k] = tape->values[node->inputs[k]];
        tape->wanted[k] = tape->active[node->inputs[k]];
        xbar[k] = NULL;
    }
    numc_application a = {context, node->primitive, &node->attributes, tape->operands,
                          node->input_count, tape->results, node->output_count};
    if (numc__primitive_has_steps(node->primitive))
        NUMC_TRY(numc__vjp_control(&a, tape->residuals[n], ybar, tape->wanted, xbar));
    else
        NUMC_TRY(numc__rule_backward(&a, ybar, tape->wanted, xbar));
    for (int32_t k = 0; k < node->input_count; k++) {
        if (xbar[k] != NULL && tape->wanted[k])
            accumulate(tape, node->inputs[k], xbar[k]);
    }
    return context->status;
}

numc_status numc__tape_backward(numc_tape *tape, const numc_array *const *ybar, numc_array **xbar)
{
    numc_context *context = tape->context;
    const numc_graph *graph = tape->graph;
    NUMC_TRY(context->status);
    size_t width = numc__graph_width(graph), size = 2 * width * sizeof(void *);
    const numc_array **scratch = numc__allocate_zero(context, 1, size);
    if (scratch == NULL)
        return context->status;
    for (int32_t i = 0; i < graph->output_count; i++) {
        if (ybar[i] != NULL && tape->active[graph->outputs[i]])
            accumulate(tape, graph->outputs[i], ybar[i]);
    }
    const char *site = context->site;
    numc_status status = context->status;
    for (int32_t n = graph->node_count - 1; n >= 0 && status == NUMC_OK; n--) {
        if (graph->nodes[n].site != NULL)
            context->site = graph->nodes[n].site;
        status = backward_node(tape, n, scratch, (numc_array **)(uintptr_t)(scratch + width));
        context->site = site;
    }
    numc__free(context, scratch, size);
    for (int32_t i = 0; i < graph->input_count && status == NUMC_OK; i++)
        xbar[i] = tape->active[i] ? tape->cotangents[i] : NULL;
    return status;
}

void numc__tape_free(numc_tape *tape)
{
    if (tape->block == NULL)
        return;
    for (int32_t n = 0; n < tape->graph->node_count; n++) {
        if (tape->residuals[n] != NULL)
            numc__free(tape->context, tape->residuals[n],
                       2 * (size_t)tape->graph->nodes[n].attributes.numbers[0] * sizeof(numc_array *));
    }
    numc__free(tape->context, tape->block, tape->size);
    tape->block = NULL;
}

/* ---- graphs ------------------------------------------------------------------------------------------------------ */

/* With `seed` the cotangents are inputs; without, the one output has cotangent one. */
static numc_graph *vjp_trace(numc_context *context, const numc_graph *graph, const bool *active, bool seed,
                             numc_array **block)
{
    int32_t ins = graph->input_count, outs = graph->output_count;
    numc_array **x = block, **xbar = x + ins, **ybar = xbar + ins, **y = ybar + outs; /* y: outs + ins */
    numc_trace *trace = numc__trace_begin(context);
    if (trace == NULL)
        return NULL;
    for (int32_t i = 0; i < ins; i++)
        x[i] = numc__trace_input(trace, &graph->values[i].type, graph->values[i].name);
    for (int32_t i = 0; i < outs; i++) {
        const numc_type *type = numc__graph_output_type(graph, i);
        if (!numc__differentiable(type->dtype))
            continue;
        ybar[i] = seed ? numc__trace_input(trace, type, NULL)
                       : numc_ones_(context, type->dtype, (numc_shape){type->shape, type->rank, true});
    }
    numc_tape tape;
    numc_status status = numc__tape_forward(&tape, context, graph, (const numc_array *const *)x, active, y);
    if (status == NUMC_OK)
        status = numc__tape_backward(&tape, (const numc_array *const *)ybar, xbar);
    int32_t count = outs;
    for (int32_t i = 0; i < ins && status == NUMC_OK; i++) {
        const numc_type *type = &graph->values[i].type;
        if (numc__differentiable(type->dtype) && (active == NULL || active[i]))
            y[count++] = xbar[i] != NULL ? xbar[i] : numc__zeros_of(context, type);
        status = context->status;
    }
    numc__tape_free(&tape);
    if (status != NUMC_OK) {
        numc__trace_abandon(trace);
        return NULL;
    }
    return numc__trace_finish(trace, y, count, NULL, NULL);
}

static numc_graph *reverse(numc_context *context, const numc_graph *graph, const bool *active, bool seed)
{
    if (context->status != NUMC_OK)
        return NULL;
    size_t size = (3 * (size_t)graph->input_count + 2 * (size_t)graph->output_count) * sizeof(void *);
    numc_array **block = numc__allocate_zero(context, 1, size);
    if (block == NULL)
        return NULL;
    numc_graph *result = vjp_trace(context, graph, active, seed, block);
    numc__free(context, block, size);
    return result;
}

numc_graph *numc__graph_vjp(numc_context *context, const numc_graph *graph, const bool *active)
{
    return reverse(context, graph, active, true);
}

numc_graph *numc__graph_value_and_gradient(numc_context *context, const numc_graph *graph, const bool *active)
{
    if (context->status != NUMC_OK)
        return NULL;
    const numc_type *type = graph->output_count == 1 ? numc__graph_output_type(graph, 0) : NULL;
    if (type == NULL || type->rank != 0 || numc_dtype_kind(type->dtype) != NUMC_KIND_REAL) {
        char text[160] = "";
        if (type != NULL)
            numc__type_format(text, sizeof text, type->dtype, type->rank, type->shape);
        numc__fail(context, NUMC_SHAPE, "a gradient is of one 0-d real float output; the function has %d, the first %s",
                   graph->output_count, text);
        return NULL;
    }
    return reverse(context, graph, active, false);
}
