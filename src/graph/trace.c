/* trace.c - the recorder: traced arrays in, a graph out. Traces nest on a lane; what an inner trace uses of an outer one becomes a
 * captured input. */
#include <string.h>

#include "graph/recorder.h"

static numc_lane_traces *lane_traces(const numc_context *context)
{
    return context->slots[NUMC_SLOT_TRACE];
}

static numc_trace *innermost(const numc_context *context)
{
    numc_lane_traces *lane = lane_traces(context);
    return lane == NULL ? NULL : lane->innermost;
}

numc_trace *numc__trace_innermost(const numc_context *context)
{
    return innermost(context);
}

void numc__trace_set_innermost(const numc_context *context, numc_trace *trace)
{
    lane_traces(context)->innermost = trace;
}

bool numc__trace_is_dynamic(const numc_context *context)
{
    numc_trace *trace = innermost(context);
    return trace != NULL && trace->dynamic;
}

bool numc__trace_is_active(const numc_context *context)
{
    return innermost(context) != NULL;
}

/* ---- beginning and ending ---------------------------------------------------------------------------------------- */

static void trace_free(numc_trace *trace)
{
    numc_context *context = trace->context;
    numc__graph_release(trace->graph);
    numc__free(context, trace->inputs, (size_t)trace->input_capacity * sizeof *trace->inputs);
    numc__free(context, trace->captures, (size_t)trace->capture_capacity * sizeof *trace->captures);
    numc__free(context, trace->seen, (size_t)trace->seen_capacity * sizeof *trace->seen);
    numc__free(context, trace->path, (size_t)trace->path_capacity * sizeof *trace->path);
    numc__free(context, trace, sizeof *trace);
}

static void lane_destroy(numc_context *context, void *slot)
{
    numc_lane_traces *lane = slot;
    while (lane->innermost != NULL) {
        numc_trace *trace = lane->innermost;
        lane->innermost = trace->outer;
        trace_free(trace);
    }
    numc__free(context, lane, sizeof *lane);
}

numc_trace *numc__trace_begin(numc_context *context)
{
    if (context == NULL || context->status != NUMC_OK)
        return NULL;
    numc_lane_traces *lane = lane_traces(context);
    if (lane == NULL) {
        lane = numc__allocate_zero(context, 1, sizeof *lane);
        if (lane == NULL)
            return NULL;
        context->slots[NUMC_SLOT_TRACE] = lane;
        context->slot_destroy[NUMC_SLOT_TRACE] = lane_destroy;
    }
    int32_t depth = lane->innermost == NULL ? 1 : lane->innermost->depth + 1;
    if (depth > NUMC_NESTING_LIMIT) {
        numc__fail(context, NUMC_TRACE, "traces are nested more than %d deep: a body that calls itself is recorded without end",
                   NUMC_NESTING_LIMIT);
        return NULL;
    }
    numc_trace *trace = numc__allocate_zero(context, 1, sizeof *trace);
    if (trace == NULL)
        return NULL;
    trace->context = context;
    trace->depth = depth;
    trace->graph = numc__graph_new(context);
    if (trace->graph == NULL || numc_scope_begin(context) != NUMC_OK) {
        trace_free(trace);
        return NULL;
    }
    trace->scope_number = context->scope->number;
    trace->frame = context->scope;
    trace->serial = atomic_fetch_add_explicit(&context->core->array_serial, 1, memory_order_relaxed) + 1;
    trace->outer = lane->innermost;
    lane->innermost = trace;
    return trace;
}

/* Closes the trace and the scopes begun since; with them die its arrays. Inner traces a body left open go too. */
static void close_trace(numc_trace *trace)
{
    numc_context *context = trace->context;
    numc_lane_traces *lane = lane_traces(context);
    while (lane->innermost != trace) {
        numc_trace *left = lane->innermost;
        lane->innermost = left->outer;
        numc__array_trace_end(context, left);
        trace_free(left);
    }
    lane->innermost = trace->outer;
    while (context->scope != &context->root && context->scope->number >= trace->scope_number)
        numc_scope_end(context);
    numc__array_trace_end(context, trace);
}

void numc__trace_callback(numc_context *context, numc_trace_fn callback, const numc_array *const *inputs, int32_t input_count,
                          numc_array **outputs, int32_t output_count, void *user)
{
    atomic_fetch_add(&context->core->running, 1);
    context->running++;
    const char *operation = context->operation;
    context->operation = NULL;
    callback(context, inputs, input_count, outputs, output_count, user);
    context->operation = operation;
    context->running--;
    atomic_fetch_sub(&context->core->running, 1);
}

void numc__trace_abandon(numc_trace *trace)
{
    if (trace == NULL)
        return;
    close_trace(trace);
    trace_free(trace);
}

/* ---- values ------------------------------------------------------------------------------------------------------ */

/* A value without maker; its id in *id. */
static numc_status add_value(numc_trace *trace, const numc_type *type, int32_t *id)
{
    numc_graph *graph = trace->graph;
    NUMC_TRY(numc__graph_reserve(trace->context, graph, 1, 0));
    numc_value value = {.node = -1};
    NUMC_TRY(numc__graph_copy_type(trace->context, graph, type, &value.type));
    *id = graph->value_count;
    graph->values[graph->value_count++] = value;
    return NUMC_OK;
}

static uint64_t seen_hash(uint64_t owner, uint64_t item)
{
    uint64_t hash = (owner * UINT64_C(0x9e3779b97f4a7c15)) ^ (item * UINT64_C(0xbf58476d1ce4e5b9));
    return hash ^ (hash >> 31);
}

static numc_seen *seen_find(numc_seen *table, int32_t capacity, uint64_t owner, uint64_t item)
{
    uint64_t mask = (uint64_t)capacity - 1;
    uint64_t at = seen_hash(owner, item) & mask;
    while (table[at].value >= 0 && (table[at].owner != owner || table[at].item != item))
        at = (at + 1) & mask;
    return &table[at];
}

/* The place of a foreign array, to be filled by the caller when its value is -1. */
static numc_seen *seen_place(numc_trace *trace, uint64_t owner, uint64_t item)
{
    if (2 * (trace->seen_count + 1) > trace->seen_capacity) {
        numc_context *context = trace->context;
        int32_t target = trace->seen_capacity == 0 ? 16 : 2 * trace->seen_capacity;
        numc_seen *table = numc__allocate(context, (size_t)target * sizeof *table);
        if (table == NULL)
            return NULL;
        for (int32_t i = 0; i < target; i++)
            table[i].value = -1;
        for (int32_t i = 0; i < trace->seen_capacity; i++) {
            const numc_seen *old = &trace->seen[i];
            if (old->value >= 0)
                *seen_find(table, target, old->owner, old->item) = *old;
        }
        numc__free(context, trace->seen, (size_t)trace->seen_capacity * sizeof *trace->seen);
        trace->seen = table;
        trace->seen_capacity = target;
    }
    return seen_find(trace->seen, trace->seen_capacity, owner, item);
}

/* A concrete array becomes a constant: kept, through a header of the trace's lane when it belongs to another one. */
static numc_status constant_value(numc_trace *trace, const numc_array *x, int32_t *id)
{
    numc_context *context = trace->context;
    NUMC_REQUIRE(context, x->context->core == context->core, NUMC_STATE,
                 "an array of another context in a trace; numc_to_device copies it");
    numc_seen *place = seen_place(trace, 0, x->serial);
    if (place == NULL)
        return context->status;
    if (place->value >= 0) {
        *id = place->value;
        return NUMC_OK;
    }
    numc_array *own = x->context == context ? (numc_array *)(uintptr_t)x : numc__array_alias(context, x);
    if (own == NULL)
        return context->status;
    numc_type type = numc__type_of(x);
    NUMC_TRY(add_value(trace, &type, id));
    trace->graph->values[*id].constant = numc_keep(own);
    if (trace->graph->values[*id].constant == NULL)
        return numc__fail(context, NUMC_DEAD_ARRAY, "a constant of the trace died");
    *place = (numc_seen){.item = x->serial, .value = *id};
    trace->seen_count++;
    return NUMC_OK;
}

static numc_status captured_value(numc_trace *trace, numc_trace *owner, const numc_array *x, int32_t *id)
{
    numc_context *context = trace->context;
    numc_seen *place = seen_place(trace, owner->serial, (uint64_t)x->value);
    if (place == NULL)
        return context->status;
    if (place->value >= 0) {
        *id = place->value;
        return NUMC_OK;
    }
    NUMC_TRY(numc__grow(context, &trace->captures, sizeof *trace->captures, trace->capture_count, 1, &trace->capture_capacity));
    numc_type type = numc__type_of(x);
    NUMC_TRY(add_value(trace, &type, id));
    trace->captures[trace->capture_count++] = (numc_capture){owner, x->value, *id};
    *place = (numc_seen){.owner = owner->serial, .item = (uint64_t)x->value, .value = *id};
    trace->seen_count++;
    return NUMC_OK;
}

numc_trace *numc__trace_of(numc_trace *from, const numc_array *x)
{
    for (numc_trace *trace = from; trace != NULL; trace = trace->outer) {
        if (x->trace == trace && x->serial > trace->serial &&
            x->value < (trace->dynamic ? trace->path_count : trace->graph->value_count))
            return trace;
    }
    return NULL;
}

static numc_status value_of(numc_trace *trace, const numc_array *x, const char *operation, int32_t *id)
{
    if (x->content != NUMC_CONTENT_TRACED)
        return constant_value(trace, x, id);
    numc_trace *owner = numc__trace_of(trace, x);
    if (owner == NULL) {
        char text[160];
        numc__array_describe(text, sizeof text, x);
        return numc__fail(trace->context, NUMC_TRACE,
                          "%s: %s is a value of a trace that has ended or is recorded elsewhere: a traced array may be "
                          "used only inside the function it was made in", operation, text);
    }
    if (owner != trace)
        return captured_value(trace, owner, x, id);
    *id = x->value;
    return NUMC_OK;
}

numc_array *numc__trace_input(numc_trace *trace, const numc_type *type, const char *name)
{
    numc_context *context = trace->context;
    if (context->status != NUMC_OK)
        return NULL;
    int32_t id;
    if (numc__grow(context, &trace->inputs, sizeof *trace->inputs, trace->input_count, 1, &trace->input_capacity) != NUMC_OK ||
        add_value(trace, type, &id) != NUMC_OK)
        return NULL;
    trace->inputs[trace->input_count++] = id;
    if (name != NULL) {
        trace->graph->values[id].name = numc__graph_string(context, trace->graph, name);
        if (trace->graph->values[id].name == NULL)
            return NULL;
    }
    return numc__array_new_traced(context, trace, id, type);
}

/* ---- recording --------------------------------------------------------------------------------------------------- */

numc_status numc__trace_site(numc_trace *trace, const char **site)
{
    *site = NULL;
    const char *now = trace->context->site;
    if (now == NULL)
        return NUMC_OK;
    if (trace->site == NULL || strcmp(trace->site, now) != 0) {
        trace->site = numc__graph_string(trace->context, trace->graph, now);
        if (trace->site == NULL)
            return trace->context->status;
    }
    *site = trace->site;
    return NUMC_OK;
}

static numc_status record_node(numc_trace *trace, int32_t primitive, const numc_array *const *inputs,
                               int32_t input_count, const numc_attributes *attributes, const numc_type *types,
                               int32_t output_count, numc_array **outputs)
{
    numc_context *context = trace->context;
    numc_graph *graph = trace->graph;
    const char *name = numc__primitive_name(primitive);
    int32_t *ids = numc__graph_memory(context, graph, (size_t)input_count * sizeof *ids);
    if (ids == NULL)
        return context->status;
    for (int32_t k = 0; k < input_count; k++)
        NUMC_TRY(value_of(trace, inputs[k], name, &ids[k]));
    numc_node node = {.primitive = primitive, .input_count = input_count, .output_count = output_count, .inputs = ids};
    NUMC_TRY(numc__trace_site(trace, &node.site));
    NUMC_TRY(numc__graph_reserve(context, graph, output_count, 1));
    NUMC_TRY(numc__graph_copy_attributes(context, graph, attributes, &node.attributes));
    node.first_output = graph->value_count;
    int32_t index = graph->node_count;
    graph->nodes[graph->node_count++] = node;
    for (int32_t k = 0; k < output_count; k++) {
        numc_value value = {.node = index, .output = k};
        numc_status status = numc__graph_copy_type(context, graph, &types[k], &value.type);
        if (status != NUMC_OK) { /* a node without all its outputs may not stay */
            graph->value_count = node.first_output;
            graph->node_count = index;
            numc__graph_release(node.attributes.graphs[0]);
            numc__graph_release(node.attributes.graphs[1]);
            return status;
        }
        graph->values[graph->value_count++] = value;
    }
    for (int32_t k = 0; k < output_count; k++) {
        outputs[k] = numc__array_new_traced(context, trace, node.first_output + k, &types[k]);
        if (outputs[k] == NULL)
            return context->status;
        outputs[k]->primitive = primitive;
    }
    return NUMC_OK;
}

#define FEW 8

static numc_status record(numc_context *context, int32_t primitive, const numc_array *const *inputs,
                          int32_t input_count, const numc_attributes *attributes, numc_array **outputs,
                          int32_t output_capacity)
{
    for (int32_t k = 0; k < output_capacity; k++)
        outputs[k] = NULL;
    NUMC_TRY(context->status);
    numc_trace *trace = innermost(context);
    if (trace == NULL) {
        char text[160] = "an operand";
        for (int32_t k = input_count; k > 0; k--) {
            if (inputs[k - 1]->content == NUMC_CONTENT_TRACED)
                numc__array_describe(text, sizeof text, inputs[k - 1]);
        }
        return numc__fail(context, NUMC_TRACE,
                          "%s: %s is a value of a trace, and this lane records none: a traced array may be used only "
                          "inside the function it was made in", numc__primitive_name(primitive), text);
    }
    numc_attributes none = {0};
    if (attributes == NULL)
        attributes = &none;
    if (trace->dynamic)
        return numc__dynamic_record(trace, primitive, inputs, input_count, attributes, outputs, output_capacity);
    numc_type few_inputs[FEW], few_types[FEW];
    int64_t few_shapes[FEW][NUMC_RANK_LIMIT];
    numc_type *types = few_types, *input_types = few_inputs;
    int64_t(*shapes)[NUMC_RANK_LIMIT] = few_shapes;
    void *scratch = NULL;
    size_t size = 0;
    if (output_capacity > FEW || input_count > FEW) {
        size_t outs = (size_t)(output_capacity > 0 ? output_capacity : 1), ins = (size_t)input_count + 1;
        size = outs * (sizeof *shapes + sizeof *types) + ins * sizeof *types;
        scratch = numc__allocate(context, size);
        if (scratch == NULL)
            return context->status;
        shapes = scratch;
        types = (numc_type *)(void *)(shapes + outs);
        input_types = types + outs;
    }
    for (int32_t k = 0; k < input_count; k++)
        input_types[k] = numc__type_of(inputs[k]);
    int32_t count = 0;
    numc_status status = numc__primitive_infer(context, primitive, input_types, input_count, attributes, types, shapes,
                                               output_capacity, &count);
    if (status == NUMC_OK)
        status = record_node(trace, primitive, inputs, input_count, attributes, types, count, outputs);
    numc__free(context, scratch, size);
    if (status != NUMC_OK) {
        for (int32_t k = 0; k < output_capacity; k++)
            outputs[k] = NULL;
    }
    return status;
}

const numc_array *numc__trace_operand(numc_context *context, const numc_array *x, int32_t primitive, int32_t k)
{
    numc_trace *owner = x == NULL || x->content != NUMC_CONTENT_TRACED ? NULL : numc__trace_of(innermost(context), x);
    for (int32_t n = owner == NULL ? -1 : owner->graph->node_count - 1; n >= 0; n--) {
        const numc_node *node = &owner->graph->nodes[n];
        if (x->value < node->first_output || x->value >= node->first_output + node->output_count)
            continue;
        if (node->primitive != primitive)
            return NULL;
        if (owner->dynamic)
            return numc__dynamic_header(owner, node->inputs[k]);
        const numc_value *value = &owner->graph->values[node->inputs[k]];
        return value->constant != NULL ? value->constant : numc__array_new_traced(context, owner, node->inputs[k], &value->type);
    }
    return NULL;
}

const numc_trace_hooks *numc__trace_hooks(void)
{
    static const numc_trace_hooks hooks = {.record = record, .run_control = numc__control_run, .custom = numc__custom_apply,
                                           .operand = numc__trace_operand, .infer = numc__infer_control};
    return &hooks;
}

/* ---- the finished graph ------------------------------------------------------------------------------------------ */

/* Values that the outputs need, by id; nodes that nothing needs are left out of the graph (every primitive is pure). */
static void mark_needed(const numc_graph *graph, const int32_t *outputs, int32_t output_count, bool *needed)
{
    for (int32_t i = 0; i < output_count; i++)
        needed[outputs[i]] = true;
    for (int32_t n = graph->node_count - 1; n >= 0; n--) {
        const numc_node *node = &graph->nodes[n];
        bool live = false;
        for (int32_t k = 0; k < node->output_count; k++)
            live = live || needed[node->first_output + k];
        if (!live)
            continue;
        for (int32_t k = 0; k < node->output_count; k++)
            needed[node->first_output + k] = true;
        for (int32_t k = 0; k < node->input_count; k++)
            needed[node->inputs[k]] = true;
    }
}

/* Final ids: declared inputs, needed captures, then the rest in order of recording. Renumbers in place. */
static void renumber(numc_trace *trace, const bool *needed, int32_t *ids, numc_value *values, numc_node *nodes)
{
    numc_graph *graph = trace->graph;
    int32_t next = 0, node_count = 0;
    for (int32_t i = 0; i < graph->value_count; i++)
        ids[i] = -1;
    for (int32_t i = 0; i < trace->input_count; i++)
        ids[trace->inputs[i]] = next++;
    int32_t kept = 0;
    for (int32_t i = 0; i < trace->capture_count; i++) {
        if (!needed[trace->captures[i].inner])
            continue;
        ids[trace->captures[i].inner] = next++;
        trace->captures[kept++] = trace->captures[i];
    }
    trace->capture_count = kept;
    graph->input_count = next;
    for (int32_t i = 0; i < graph->value_count; i++) {
        bool foreign = graph->values[i].node < 0 && graph->values[i].constant == NULL;
        if (ids[i] < 0 && needed[i] && !foreign)
            ids[i] = next++;
    }
    for (int32_t n = 0; n < graph->node_count; n++) {
        numc_node node = graph->nodes[n];
        int32_t live = 0;
        for (int32_t k = 0; k < node.output_count; k++)
            live += needed[node.first_output + k];
        if (live == 0) {
            numc__graph_release(node.attributes.graphs[0]);
            numc__graph_release(node.attributes.graphs[1]);
            continue;
        }
        int32_t *inputs = (int32_t *)(uintptr_t)node.inputs; /* the arena's, written here alone */
        for (int32_t k = 0; k < node.input_count; k++)
            inputs[k] = ids[inputs[k]];
        for (int32_t k = 0; k < node.output_count; k++)
            graph->values[node.first_output + k].node = node_count;
        node.first_output = ids[node.first_output];
        nodes[node_count++] = node;
    }
    for (int32_t i = 0; i < graph->value_count; i++) {
        if (ids[i] >= 0)
            values[ids[i]] = graph->values[i];
        else
            numc_release(graph->values[i].constant);
    }
    graph->value_count = next;
    graph->node_count = node_count;
}

static numc_status finish(numc_trace *trace, numc_array *const *outputs, int32_t output_count)
{
    numc_context *context = trace->context;
    numc_graph *graph = trace->graph;
    NUMC_TRY(context->status);
    NUMC_REQUIRE(context, innermost(context) == trace, NUMC_TRACE, "a trace inside this one was not finished");
    graph->outputs = numc__graph_memory(context, graph, (size_t)output_count * sizeof *graph->outputs);
    if (graph->outputs == NULL)
        return context->status;
    for (int32_t i = 0; i < output_count; i++) {
        NUMC_REQUIRE(context, outputs[i] != NULL, NUMC_INVALID_ARGUMENT, "output %d of the traced function is NULL", i);
        if (outputs[i]->live != NUMC_ARRAY_LIVE) {
            char text[160];
            numc__array_describe(text, sizeof text, outputs[i]);
            return numc__fail(context, NUMC_DEAD_ARRAY, "output %d of the traced function, %s, died with its scope", i, text);
        }
        NUMC_TRY(value_of(trace, outputs[i], "output of the traced function", &graph->outputs[i]));
    }
    size_t values = (size_t)graph->value_count, nodes = (size_t)graph->node_count;
    bool *needed = numc__allocate_zero(context, values, sizeof *needed);
    int32_t *ids = numc__allocate(context, values * sizeof *ids);
    numc_value *new_values = numc__allocate(context, values * sizeof *new_values);
    numc_node *new_nodes = numc__allocate(context, nodes * sizeof *new_nodes);
    if (needed != NULL && ids != NULL && new_values != NULL && new_nodes != NULL) {
        mark_needed(graph, graph->outputs, output_count, needed);
        renumber(trace, needed, ids, new_values, new_nodes);
        for (int32_t i = 0; i < output_count; i++)
            graph->outputs[i] = ids[graph->outputs[i]];
        graph->output_count = output_count;
        numc__core_free(graph->core, graph->values, (size_t)graph->value_capacity * sizeof *graph->values);
        numc__core_free(graph->core, graph->nodes, (size_t)graph->node_capacity * sizeof *graph->nodes);
        graph->values = new_values;
        graph->nodes = new_nodes;
        graph->value_capacity = (int32_t)values;
        graph->node_capacity = (int32_t)nodes;
        new_values = NULL;
        new_nodes = NULL;
    }
    numc__free(context, needed, values * sizeof *needed);
    numc__free(context, ids, values * sizeof *ids);
    numc__free(context, new_values, values * sizeof *new_values);
    numc__free(context, new_nodes, nodes * sizeof *new_nodes);
    return context->status;
}

/* New headers for the captured values, in the scope around the trace. */
static numc_status hand_out(numc_trace *trace, const numc_array ***captured)
{
    numc_context *context = trace->context;
    *captured = numc__allocate(context, (size_t)trace->capture_count * sizeof **captured);
    if (*captured == NULL)
        return context->status;
    for (int32_t i = 0; i < trace->capture_count; i++) {
        const numc_capture *capture = &trace->captures[i];
        const numc_value *value = &trace->graph->values[trace->input_count + i];
        numc_array *x = numc__array_new_traced(context, capture->trace, capture->outer, &value->type);
        if (x == NULL) {
            numc__free(context, *captured, (size_t)trace->capture_count * sizeof **captured);
            *captured = NULL;
            return context->status;
        }
        if (capture->trace->dynamic) {
            x->concrete = capture->trace->path[capture->outer].value;
            (*captured)[i] = x;
            continue;
        }
        int32_t node = capture->trace->graph->values[capture->outer].node;
        x->primitive = node < 0 ? 0 : capture->trace->graph->nodes[node].primitive;
        (*captured)[i] = x;
    }
    return NUMC_OK;
}

numc_graph *numc__trace_finish(numc_trace *trace, numc_array *const *outputs, int32_t output_count,
                               const numc_array ***captured, int32_t *captured_count)
{
    if (captured != NULL) {
        *captured = NULL;
        *captured_count = 0;
    }
    numc_status status = finish(trace, outputs, output_count);
    if (status == NUMC_OK && captured == NULL && trace->capture_count > 0)
        status = numc__fail(trace->context, NUMC_TRACE,
                            "the traced function uses an array of the function around it: pass it as an input");
    close_trace(trace);
    numc_graph *graph = NULL;
    if (status == NUMC_OK && captured != NULL)
        status = hand_out(trace, captured);
    if (status == NUMC_OK) {
        if (captured != NULL)
            *captured_count = trace->capture_count;
        graph = trace->graph;
        trace->graph = NULL;
    }
    trace_free(trace);
    return graph;
}
