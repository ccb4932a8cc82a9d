/* apply.c - a graph applied to arrays, node by node through the one door: it runs when they are concrete and is written out
 * into the trace when they are not. */
#include "graph/build.h"

typedef struct numc_application_state {
    const numc_array **values;
    int32_t *uses;  /* left, by value id; outputs count as one use that is never spent */
    bool concrete;  /* arrays are then freed after their last use */
    numc_array **made;
    const numc_array **operands;
} application_state;

/* Ends an array this application made and nothing needs any more. */
static void spend(application_state *state, const numc_graph *graph, int32_t id)
{
    if (--state->uses[id] == 0 && state->concrete && graph->values[id].node >= 0)
        numc_release((numc_array *)(uintptr_t)state->values[id]);
}

static numc_status apply_node(numc_context *context, const numc_graph *graph, const numc_node *node, application_state *state)
{
    for (int32_t k = 0; k < node->input_count; k++)
        state->operands[k] = state->values[node->inputs[k]];
    if (state->concrete)
        NUMC_TRY(numc_scope_begin(context));
    numc_scope_frame *frame = context->scope;
    numc_status status = numc__bind(context, node->primitive, state->operands, node->input_count, &node->attributes,
                                    state->made, node->output_count);
    for (int32_t k = 0; k < node->output_count && status == NUMC_OK; k++) {
        int32_t id = node->first_output + k;
        if (state->concrete && state->uses[id] > 0 && numc_keep(state->made[k]) == NULL)
            status = context->status;
        state->values[id] = state->concrete && state->uses[id] == 0 ? NULL : state->made[k];
        if (status != NUMC_OK)
            state->values[id] = NULL;
    }
    if (state->concrete && context->scope == frame)
        numc_scope_end(context);
    if (status == NUMC_OK) {
        for (int32_t k = 0; k < node->input_count; k++)
            spend(state, graph, node->inputs[k]);
    }
    return status;
}

static numc_status apply(numc_context *context, const numc_graph *graph, const numc_array *const *inputs,
                         numc_array **outputs, application_state *state)
{
    for (int32_t i = 0; i < graph->value_count; i++)
        state->values[i] = i < graph->input_count ? inputs[i] : graph->values[i].constant;
    for (int32_t n = 0; n < graph->node_count; n++) {
        for (int32_t k = 0; k < graph->nodes[n].input_count; k++)
            state->uses[graph->nodes[n].inputs[k]]++;
    }
    for (int32_t i = 0; i < graph->output_count; i++)
        state->uses[graph->outputs[i]]++;
    numc_status status = NUMC_OK;
    const char *site = context->site;
    for (int32_t n = 0; n < graph->node_count && status == NUMC_OK; n++) {
        if (graph->nodes[n].site != NULL)
            context->site = graph->nodes[n].site;
        status = apply_node(context, graph, &graph->nodes[n], state);
        context->site = site;
    }
    for (int32_t i = 0; i < graph->output_count && status == NUMC_OK; i++) {
        outputs[i] = numc__array_alias(context, state->values[graph->outputs[i]]);
        status = context->status;
    }
    for (int32_t i = 0; i < graph->value_count && state->concrete; i++) {
        if (graph->values[i].node >= 0 && state->uses[i] > 0)
            numc_release((numc_array *)(uintptr_t)state->values[i]);
    }
    return status;
}

numc_status numc__graph_check_inputs(numc_context *context, const numc_graph *graph, const numc_array *const *inputs,
                                     int32_t input_count)
{
    NUMC_TRY(context->status);
    NUMC_REQUIRE(context, input_count == graph->input_count, NUMC_INVALID_ARGUMENT,
                 "the function takes %d inputs, not %d", graph->input_count, input_count);
    NUMC_REQUIRE(context, inputs != NULL || input_count == 0, NUMC_INVALID_ARGUMENT, "the list of inputs is NULL");
    for (int32_t i = 0; i < input_count; i++) {
        NUMC_REQUIRE(context, inputs[i] != NULL, NUMC_INVALID_ARGUMENT, "input %d is NULL", i);
        if (inputs[i]->live != NUMC_ARRAY_LIVE) {
            char text[160];
            numc__array_describe(text, sizeof text, inputs[i]);
            return numc__fail(context, NUMC_DEAD_ARRAY, "input %d, %s, died with its scope", i, text);
        }
        NUMC_REQUIRE(context, inputs[i]->context->core == context->core, NUMC_STATE,
                     "input %d is an array of another context; numc_to_device copies it", i);
        numc_type type = numc__type_of(inputs[i]);
        if (!numc__type_equal(&type, &graph->values[i].type)) {
            char got[160], wanted[160];
            const numc_type *want = &graph->values[i].type;
            numc__type_format(got, sizeof got, type.dtype, type.rank, type.shape);
            numc__type_format(wanted, sizeof wanted, want->dtype, want->rank, want->shape);
            return numc__fail(context, type.dtype != want->dtype ? NUMC_DTYPE : NUMC_SHAPE,
                              "input %d is %s; the function was traced for %s", i, got, wanted);
        }
    }
    return NUMC_OK;
}

numc_status numc__graph_apply(numc_context *context, const numc_graph *graph, const numc_array *const *inputs,
                              int32_t input_count, numc_array **outputs, int32_t output_count)
{
    for (int32_t i = 0; i < output_count; i++)
        outputs[i] = NULL;
    NUMC_TRY(numc__graph_check_inputs(context, graph, inputs, input_count));
    NUMC_REQUIRE(context, output_count == graph->output_count, NUMC_INVALID_ARGUMENT,
                 "the function gives %d outputs, not %d", graph->output_count, output_count);
    application_state state = {.concrete = true};
    for (int32_t i = 0; i < input_count; i++)
        state.concrete = state.concrete && inputs[i]->content != NUMC_CONTENT_TRACED;
    size_t operands = 1, made = 1, values = (size_t)graph->value_count;
    for (int32_t n = 0; n < graph->node_count; n++) {
        const numc_node *node = &graph->nodes[n];
        operands = (size_t)node->input_count > operands ? (size_t)node->input_count : operands;
        made = (size_t)node->output_count > made ? (size_t)node->output_count : made;
    }
    size_t pointers = values + operands + made, size = pointers * sizeof(void *) + values * sizeof(int32_t);
    const numc_array **block = numc__allocate_zero(context, 1, size);
    if (block == NULL)
        return context->status;
    state.values = block;
    state.operands = block + values;
    state.made = (numc_array **)(uintptr_t)(block + values + operands);
    state.uses = (int32_t *)(void *)(block + pointers);
    numc_status status = apply(context, graph, inputs, outputs, &state);
    numc__free(context, block, size);
    if (status != NUMC_OK) {
        for (int32_t i = 0; i < output_count; i++)
            outputs[i] = NULL;
    }
    return status;
}
