/* dynamic.c - dynamic mode: applications run as they are recorded, and the path a callback took is differentiated at once. */
#include <string.h>

#include "graph/derivative.h"
#include "graph/recorder.h"

numc_trace *numc__dynamic_begin(numc_context *context)
{
    numc_trace *trace = numc__trace_begin(context);
    if (trace != NULL)
        trace->dynamic = true;
    return trace;
}

/* A place of the path; its index in *id. */
static numc_status add_place(numc_trace *trace, numc_array *value, bool active, int32_t *id)
{
    NUMC_TRY(numc__grow(trace->context, &trace->path, sizeof *trace->path, trace->path_count, 1, &trace->path_capacity));
    *id = trace->path_count;
    trace->path[trace->path_count++] = (numc_dynamic_value){.value = value, .active = active};
    return NUMC_OK;
}

/* Another header of x in the trace's scope: x itself may die before, or be written in place. */
static numc_array *held(numc_trace *trace, const numc_array *x)
{
    numc_array *y = numc__array_alias(trace->context, x);
    numc__array_move(y, trace->frame);
    return y;
}

numc_array *numc__dynamic_hold(numc_trace *trace, numc_array *x)
{
    if (x == NULL || x->frame == trace->frame)
        return x;
    return held(trace, x);
}

numc_array *numc__dynamic_header(numc_trace *trace, int32_t id)
{
    numc_array *value = trace->path[id].value;
    numc_type type = numc__type_of(value);
    numc_array *x = numc__array_new_traced(trace->context, trace, id, &type);
    if (x != NULL) {
        x->concrete = value;
        x->primitive = value->primitive;
    }
    return x;
}

numc_array *numc__dynamic_input(numc_trace *trace, const numc_array *value, bool active)
{
    numc_context *context = trace->context;
    if (context->status != NUMC_OK || value == NULL)
        return NULL;
    if (numc__array_value(value) == NULL) {
        char text[160];
        numc__array_describe(text, sizeof text, value);
        numc__fail(context, NUMC_TRACE, "%s has no value: dynamic mode needs values, and cannot run inside a trace without them", text);
        return NULL;
    }
    numc_array *own = held(trace, value);
    int32_t id = -1;
    if (own == NULL || add_place(trace, own, active && numc__differentiable(value->dtype), &id) != NUMC_OK ||
        numc__grow(context, &trace->inputs, sizeof *trace->inputs, trace->input_count, 1, &trace->input_capacity) != NUMC_OK)
        return NULL;
    trace->inputs[trace->input_count++] = id;
    return numc__dynamic_header(trace, id);
}

const numc_array *numc__dynamic_value(const numc_trace *trace, const numc_array *x)
{
    return x->content == NUMC_CONTENT_TRACED && x->trace == trace ? trace->path[x->value].value : x;
}

/* ---- recording --------------------------------------------------------------------------------------------------------- */

#define FEW 8

/* An application on values, one level down, in a scope of its own; its results go to the trace's scope. */
static numc_status run(numc_trace *trace, int32_t primitive, const numc_array *const *operands, int32_t input_count,
                       const numc_attributes *attributes, bool active, numc_array **results, int32_t result_capacity, int32_t *count)
{
    numc_context *context = trace->context;
    NUMC_TRY(numc_scope_begin(context));
    numc_scope_frame *scope = context->scope;
    numc__trace_set_innermost(context, trace->outer);
    numc_status status;
    if (active && primitive == NUMC_PRIMITIVE_CUSTOM && attributes->numbers[0] != 0) /* written out: see forward_node in vjp.c */
        status = numc__graph_apply(context, attributes->graphs[0], operands, input_count, results, attributes->graphs[0]->output_count);
    else
        status = numc__bind(context, primitive, operands, input_count, attributes, results, result_capacity);
    numc__trace_set_innermost(context, trace);
    *count = 0;
    for (int32_t k = 0; k < result_capacity && status == NUMC_OK && results[k] != NULL; k++) {
        numc_array *y = results[k]->frame == scope ? results[k] : numc__array_alias(context, results[k]);
        if (y == NULL)
            status = context->status;
        numc__array_move(y, trace->frame);
        results[k] = y;
        ++*count;
    }
    if (context->scope == scope)
        numc_scope_end(context);
    return status;
}

/* A node of the path, if a derivative can ask for it. */
static numc_status add_node(numc_trace *trace, int32_t primitive, const numc_array *const *inputs, const numc_array *const *operands,
                            int32_t input_count, const numc_attributes *attributes, int32_t first, int32_t output_count)
{
    numc_context *context = trace->context;
    numc_graph *graph = trace->graph;
    int32_t *ids = numc__graph_memory(context, graph, (size_t)input_count * sizeof *ids);
    if (ids == NULL)
        return context->status;
    for (int32_t k = 0; k < input_count; k++) {
        if (inputs[k] != operands[k]) {
            ids[k] = inputs[k]->value;
            continue;
        }
        numc_array *own = held(trace, operands[k]);
        if (own == NULL)
            return context->status;
        NUMC_TRY(add_place(trace, own, false, &ids[k]));
    }
    numc_node node = {.primitive = primitive, .input_count = input_count, .output_count = output_count, .inputs = ids,
                      .first_output = first};
    NUMC_TRY(numc__trace_site(trace, &node.site));
    NUMC_TRY(numc__graph_reserve(context, graph, 0, 1));
    NUMC_TRY(numc__graph_copy_attributes(context, graph, attributes, &node.attributes));
    graph->nodes[graph->node_count++] = node;
    return NUMC_OK;
}

static numc_status record(numc_trace *trace, int32_t primitive, const numc_array *const *inputs, int32_t input_count,
                          const numc_attributes *attributes, const numc_array **operands, numc_array **outputs,
                          int32_t output_capacity)
{
    numc_context *context = trace->context;
    const numc_rule *rule = numc__rule_of(primitive);
    NUMC_REQUIRE(context, rule != NULL, NUMC_INTERNAL, "primitive %s has no derivative rule", numc__primitive_name(primitive));
    bool own = false, active = false;
    for (int32_t k = 0; k < input_count; k++) {
        const numc_array *x = inputs[k];
        operands[k] = x;
        if (x->content != NUMC_CONTENT_TRACED) {
            NUMC_REQUIRE(context, x->context->core == context->core, NUMC_STATE,
                         "an array of another context in a trace; numc_to_device copies it");
            continue;
        }
        numc_trace *owner = numc__trace_of(trace, x);
        if (owner == NULL || numc__array_value(x) == NULL) {
            char text[160];
            numc__array_describe(text, sizeof text, x);
            return numc__fail(context, NUMC_TRACE,
                              owner == NULL ? "%s: %s is a value of a trace that has ended or is recorded elsewhere: a traced array may "
                                              "be used only inside the function it was made in"
                                            : "%s: %s has no value: dynamic mode needs values, and cannot run inside a trace without them",
                              numc__primitive_name(primitive), text);
        }
        if (owner != trace)
            continue;
        own = true;
        operands[k] = trace->path[x->value].value;
        active = active || (trace->path[x->value].active && (k > 31 || (rule->zero_operands >> k & 1u) == 0));
    }
    if (!own) { /* a matter of the traces around */
        numc__trace_set_innermost(context, trace->outer);
        numc_status status = numc__bind(context, primitive, inputs, input_count, attributes, outputs, output_capacity);
        numc__trace_set_innermost(context, trace);
        return status;
    }
    active = active && rule->zero == NULL;
    int32_t count = 0, first, id = -1;
    NUMC_TRY(run(trace, primitive, operands, input_count, attributes, active, outputs, output_capacity, &count));
    first = trace->path_count;
    bool wanted = false;
    for (int32_t k = 0; k < count; k++) {
        bool differentiable = active && numc__differentiable(outputs[k]->dtype);
        wanted = wanted || differentiable;
        NUMC_TRY(add_place(trace, outputs[k], differentiable, &id));
    }
    if (wanted)
        NUMC_TRY(add_node(trace, primitive, inputs, operands, input_count, attributes, first, count));
    for (int32_t k = 0; k < count; k++) {
        outputs[k] = numc__dynamic_header(trace, first + k);
        if (outputs[k] == NULL)
            return context->status;
    }
    return NUMC_OK;
}

numc_status numc__dynamic_record(numc_trace *trace, int32_t primitive, const numc_array *const *inputs, int32_t input_count,
                                 const numc_attributes *attributes, numc_array **outputs, int32_t output_capacity)
{
    numc_context *context = trace->context;
    NUMC_TRY(numc__check_cancelled(context));
    if (numc__primitive_has_steps(primitive)) /* its predicate has a value: the path is what it leads to */
        return numc__control_run(context, primitive, inputs, input_count, attributes, outputs, output_capacity);
    const numc_array *few[FEW], **operands = few;
    size_t size = (size_t)input_count * sizeof *operands;
    if (input_count > FEW) {
        operands = numc__allocate(context, size);
        if (operands == NULL)
            return context->status;
    }
    numc_status status = record(trace, primitive, inputs, input_count, attributes, operands, outputs, output_capacity);
    if (operands != few)
        numc__free(context, (void *)operands, size);
    for (int32_t k = 0; k < output_capacity && status != NUMC_OK; k++)
        outputs[k] = NULL;
    return status;
}

/* ---- derivatives --------------------------------------------------------------------------------------------------------- */

/* What both modes look at while they are at one node. */
typedef struct numc_walk {
    numc_trace *trace;
    const numc_array **x, **d; /* operands; tangents or cotangents that come in */
    numc_array **y, **e;       /* results; those that go out */
    bool *wanted;
    size_t size;
    void *block;
} walk;

static numc_status walk_begin(walk *w, numc_trace *trace)
{
    size_t width = numc__graph_width(trace->graph);
    *w = (walk){.trace = trace, .size = width * (4 * sizeof(void *) + sizeof(bool))};
    NUMC_TRY(trace->context->status);
    NUMC_REQUIRE(trace->context, numc__trace_innermost(trace->context) == trace, NUMC_TRACE, "a trace inside this one was not finished");
    w->block = numc__allocate_zero(trace->context, 1, w->size);
    if (w->block == NULL)
        return trace->context->status;
    w->x = w->block;
    w->d = w->x + width;
    w->y = (numc_array **)(uintptr_t)(w->d + width);
    w->e = w->y + width;
    w->wanted = (bool *)(void *)(w->e + width);
    for (int32_t i = 0; i < trace->path_count; i++)
        trace->path[i].cotangent = NULL;
    numc__trace_set_innermost(trace->context, trace->outer);
    return NUMC_OK;
}

static void walk_end(walk *w)
{
    if (w->block == NULL)
        return;
    numc__trace_set_innermost(w->trace->context, w->trace);
    numc__free(w->trace->context, w->block, w->size);
}

static void hold_sum(numc_trace *trace, int32_t id, numc_array *d)
{
    numc_array **sum = &trace->path[id].cotangent;
    *sum = *sum == NULL ? d : numc_add(*sum, d);
    if (*sum != NULL && (*sum)->frame == trace->context->scope) /* not what came from outside */
        numc__array_move(*sum, trace->frame);
}

static numc_status backward_node(walk *w, const numc_node *node)
{
    numc_trace *trace = w->trace;
    numc_context *context = trace->context;
    numc_dynamic_value *path = trace->path;
    bool any = false;
    for (int32_t k = 0; k < node->output_count; k++) {
        const numc_dynamic_value *y = &path[node->first_output + k];
        w->y[k] = y->value;
        w->d[k] = y->active ? y->cotangent : NULL;
        any = any || w->d[k] != NULL;
    }
    if (!any)
        return NUMC_OK;
    for (int32_t k = 0; k < node->input_count; k++) {
        w->x[k] = path[node->inputs[k]].value;
        w->wanted[k] = path[node->inputs[k]].active;
        w->e[k] = NULL;
    }
    NUMC_TRY(numc_scope_begin(context));
    const numc_application a = {context, node->primitive, &node->attributes, w->x, node->input_count, w->y, node->output_count};
    numc_status status = numc__rule_backward(&a, w->d, w->wanted, w->e);
    for (int32_t k = 0; k < node->input_count && status == NUMC_OK; k++) {
        if (w->e[k] != NULL && w->wanted[k])
            hold_sum(trace, node->inputs[k], w->e[k]);
        status = context->status;
    }
    numc_scope_end(context);
    return status;
}

numc_status numc__dynamic_backward(numc_trace *trace, const numc_array *const *outputs, const numc_array *const *ybar, int32_t output_count,
                                   numc_array **xbar)
{
    numc_context *context = trace->context;
    const numc_graph *graph = trace->graph;
    walk w;
    NUMC_TRY(walk_begin(&w, trace));
    for (int32_t i = 0; i < output_count && context->status == NUMC_OK; i++) {
        if (ybar[i] != NULL && outputs[i]->content == NUMC_CONTENT_TRACED && outputs[i]->trace == trace && trace->path[outputs[i]->value].active)
            hold_sum(trace, outputs[i]->value, (numc_array *)(uintptr_t)ybar[i]);
    }
    const char *site = context->site;
    numc_status status = context->status;
    for (int32_t n = graph->node_count - 1; n >= 0 && status == NUMC_OK; n--) {
        if (graph->nodes[n].site != NULL)
            context->site = graph->nodes[n].site;
        status = backward_node(&w, &graph->nodes[n]);
        context->site = site;
    }
    walk_end(&w);
    for (int32_t i = 0; i < trace->input_count; i++)
        xbar[i] = status == NUMC_OK && trace->path[trace->inputs[i]].active ? trace->path[trace->inputs[i]].cotangent : NULL;
    return status;
}

static numc_status forward_node(walk *w, const numc_node *node)
{
    numc_trace *trace = w->trace;
    numc_context *context = trace->context;
    numc_dynamic_value *path = trace->path;
    bool moving = false;
    for (int32_t k = 0; k < node->input_count; k++) {
        w->x[k] = path[node->inputs[k]].value;
        w->d[k] = path[node->inputs[k]].cotangent;
        moving = moving || w->d[k] != NULL;
    }
    if (!moving)
        return NUMC_OK;
    for (int32_t k = 0; k < node->output_count; k++) {
        w->y[k] = path[node->first_output + k].value;
        w->e[k] = NULL;
    }
    NUMC_TRY(numc_scope_begin(context));
    const numc_application a = {context, node->primitive, &node->attributes, w->x, node->input_count, w->y, node->output_count};
    numc_status status = numc__rule_forward(&a, w->d, w->e);
    for (int32_t k = 0; k < node->output_count && status == NUMC_OK; k++) {
        if (w->e[k] != NULL && path[node->first_output + k].active)
            hold_sum(trace, node->first_output + k, w->e[k]);
        status = context->status;
    }
    numc_scope_end(context);
    return status;
}

numc_status numc__dynamic_forward(numc_trace *trace, const numc_array *const *dx, const numc_array *const *outputs, int32_t output_count,
                                  numc_array **dy)
{
    numc_context *context = trace->context;
    const numc_graph *graph = trace->graph;
    walk w;
    NUMC_TRY(walk_begin(&w, trace));
    for (int32_t i = 0; i < trace->input_count; i++) {
        if (trace->path[trace->inputs[i]].active)
            trace->path[trace->inputs[i]].cotangent = (numc_array *)(uintptr_t)dx[i];
    }
    const char *site = context->site;
    numc_status status = context->status;
    for (int32_t n = 0; n < graph->node_count && status == NUMC_OK; n++) {
        if (graph->nodes[n].site != NULL)
            context->site = graph->nodes[n].site;
        status = forward_node(&w, &graph->nodes[n]);
        context->site = site;
    }
    walk_end(&w);
    for (int32_t i = 0; i < output_count; i++) {
        bool own = outputs[i]->content == NUMC_CONTENT_TRACED && outputs[i]->trace == trace;
        dy[i] = status == NUMC_OK && own ? trace->path[outputs[i]->value].cotangent : NULL;
    }
    return status;
}
