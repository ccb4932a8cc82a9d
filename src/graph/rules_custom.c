/* rules_custom.c - functions whose derivative their author gives: numc_function_custom_jvp and _vjp, and the rules of the primitive
 * that holds them. The forward rule is linear in its tangents, so reverse mode transposes it; the reverse rule has no forward mode. */
#include "graph/batch.h"
#include "graph/function.h"

#define CONST(pointers) ((const numc_array *const *)(pointers))
#define WEAKEN(array) ((numc_array *)(uintptr_t)(array))

static bool reverse_rule(const numc_attributes *attributes)
{
    return attributes->numbers[0] != 0;
}

/* ---- derivatives ------------------------------------------------------------------------------------------------- */

/* Its results again, which the compiler finds to be equal. */
static numc_status forward_of_function(const numc_application *a, const numc_array *const *dx, numc_array **dy)
{
    numc_array **y = numc__allocate_zero(a->context, (size_t)a->output_count, sizeof *y);
    if (y == NULL)
        return a->context->status;
    numc_status status = numc__jvp_apply(a->context, a->attributes->graphs[0], a->x, dx, y, dy);
    numc__free(a->context, y, (size_t)a->output_count * sizeof *y);
    return status;
}

numc_status numc__jvp_custom(const numc_application *a, const numc_array *const *dx, numc_array **dy)
{
    numc_context *context = a->context;
    const numc_graph *rule = a->attributes->graphs[1];
    if (a->attributes->numbers[0] == 2)
        return forward_of_function(a, dx, dy);
    NUMC_REQUIRE(context, !reverse_rule(a->attributes), NUMC_UNSUPPORTED,
                 "a function made by numc_function_custom_vjp has no forward mode: give it numc_function_custom_jvp instead, from "
                 "which both modes follow (numc_function_external: .jvp)");
    size_t count = (size_t)rule->input_count + (size_t)rule->output_count;
    numc_array **in = numc__allocate_zero(context, count, sizeof *in), **out = in == NULL ? NULL : in + rule->input_count;
    if (in == NULL)
        return context->status;
    int32_t at = 0, next = 0;
    for (int32_t k = 0; k < a->input_count; k++)
        in[at++] = WEAKEN(a->x[k]);
    for (int32_t k = 0; k < a->output_count; k++)
        in[at++] = a->y[k];
    for (int32_t k = 0; k < a->input_count; k++) {
        if (numc__differentiable(a->x[k]->dtype))
            in[at++] = dx[k] != NULL ? WEAKEN(dx[k]) : numc__zeros_as(context, a->x[k]);
    }
    numc_status status = context->status;
    if (status == NUMC_OK)
        status = numc__graph_apply(context, rule, CONST(in), at, out, rule->output_count);
    for (int32_t k = 0; k < a->output_count && status == NUMC_OK; k++) {
        if (numc__differentiable(a->y[k]->dtype))
            dy[k] = out[next++];
    }
    numc__free(context, in, count * sizeof *in);
    return status;
}

/* The forward rule at tangents zero, backwards: its cotangents in the tangents are those in x. */
static numc_status transpose(const numc_application *a, const numc_array *const *ybar, const bool *wanted, numc_array **xbar,
                             numc_array **block, bool *active)
{
    numc_context *context = a->context;
    const numc_graph *rule = a->attributes->graphs[1];
    numc_array **in = block, **out = in + rule->input_count, **bar = out + rule->output_count;
    numc_array **inbar = bar + rule->output_count;
    int32_t at = 0, first = a->input_count + a->output_count;
    for (int32_t k = 0; k < a->input_count; k++)
        in[at++] = WEAKEN(a->x[k]);
    for (int32_t k = 0; k < a->output_count; k++)
        in[at++] = a->y[k];
    for (int32_t k = 0; k < a->input_count; k++) {
        if (!numc__differentiable(a->x[k]->dtype))
            continue;
        active[at] = wanted[k];
        in[at++] = numc__zeros_as(context, a->x[k]);
    }
    for (int32_t k = 0, next = 0; k < a->output_count; k++) {
        if (numc__differentiable(a->y[k]->dtype))
            bar[next++] = WEAKEN(ybar[k]);
    }
    NUMC_TRY(context->status);
    numc_tape tape;
    numc_status status = numc__tape_forward(&tape, context, rule, CONST(in), active, out);
    if (status == NUMC_OK)
        status = numc__tape_backward(&tape, CONST(bar), inbar);
    numc__tape_free(&tape);
    for (int32_t k = 0; k < a->input_count && status == NUMC_OK; k++) {
        if (numc__differentiable(a->x[k]->dtype))
            xbar[k] = inbar[first++];
    }
    return status;
}

static numc_status call_reverse(const numc_application *a, const numc_array *const *ybar, numc_array **xbar, numc_array **block)
{
    numc_context *context = a->context;
    const numc_graph *rule = a->attributes->graphs[1];
    numc_array **in = block, **out = in + rule->input_count;
    int32_t at = 0, next = 0;
    for (int32_t k = 0; k < a->input_count; k++)
        in[at++] = WEAKEN(a->x[k]);
    for (int32_t k = 0; k < a->output_count; k++)
        in[at++] = a->y[k];
    for (int32_t k = 0; k < a->output_count; k++) {
        if (numc__differentiable(a->y[k]->dtype))
            in[at++] = ybar[k] != NULL ? WEAKEN(ybar[k]) : numc__zeros_as(context, a->y[k]);
    }
    NUMC_TRY(context->status);
    NUMC_TRY(numc__graph_apply(context, rule, CONST(in), at, out, rule->output_count));
    for (int32_t k = 0; k < a->input_count; k++) {
        if (numc__differentiable(a->x[k]->dtype))
            xbar[k] = out[next++];
    }
    return NUMC_OK;
}

numc_status numc__vjp_custom(const numc_application *a, const numc_array *const *ybar, const bool *wanted, numc_array **xbar)
{
    const numc_graph *rule = a->attributes->graphs[1];
    size_t pointers = 2 * (size_t)rule->input_count + 2 * (size_t)rule->output_count;
    size_t size = pointers * sizeof(void *) + (size_t)rule->input_count * sizeof(bool);
    numc_array **block = numc__allocate_zero(a->context, 1, size);
    if (block == NULL)
        return a->context->status;
    numc_status status = reverse_rule(a->attributes) ? call_reverse(a, ybar, xbar, block)
                                                     : transpose(a, ybar, wanted, xbar, block, (bool *)(void *)(block + pointers));
    numc__free(a->context, block, size);
    return status;
}

/* ---- batches ----------------------------------------------------------------------------------------------------- */

/* The rule for a batch: of a mapped input and of every output all values have the batch; the cotangent of an input that is the
 * same for all elements is the sum of theirs. */
static numc_graph *batched_rule(const numc_batching *b, numc_array **block, bool *flags)
{
    numc_context *context = b->context;
    const numc_graph *function = b->attributes->graphs[0], *rule = b->attributes->graphs[1];
    bool reverse = reverse_rule(b->attributes);
    bool *mapped = flags, *mapped_y = flags + rule->input_count;
    numc_array **x = block, **y = block + rule->input_count;
    int32_t at = 0, result = 0;
    for (int32_t k = 0; k < function->input_count; k++)
        mapped[at++] = b->mapped[k];
    while (at < rule->input_count)
        mapped[at++] = true;
    at = function->input_count + function->output_count;
    for (int32_t k = 0; k < function->input_count && !reverse; k++) {
        if (numc__differentiable(function->values[k].type.dtype))
            mapped[at++] = b->mapped[k];
    }
    numc_trace *trace = numc__trace_begin(context);
    if (trace == NULL)
        return NULL;
    for (int32_t i = 0; i < rule->input_count; i++)
        x[i] = numc__batch_input(trace, context, &rule->values[i].type, b->size, mapped[i] ? 0 : -1, NULL);
    numc_status status = numc__batch_apply(context, rule, b->size, CONST(x), mapped, y, mapped_y);
    int32_t inputs = function->input_count;
    for (int32_t k = 0; k < (reverse ? inputs : function->output_count) && status == NUMC_OK; k++) {
        const numc_type *type = reverse ? numc__graph_input_type(function, k) : numc__graph_output_type(function, k);
        if (!numc__differentiable(type->dtype))
            continue;
        if (!mapped_y[result])
            y[result] = numc__batch_spread(context, b->size, y[result]);
        if (reverse && !b->mapped[k]) {
            const int64_t axis = 0;
            y[result] = numc__apply_numbers(context, NUMC_PRIMITIVE_REDUCE_SUM, (const numc_array *[]){y[result]}, 1, &axis, 1);
        }
        result++;
        status = context->status;
    }
    if (status != NUMC_OK) {
        numc__trace_abandon(trace);
        return NULL;
    }
    return numc__trace_finish(trace, y, rule->output_count, NULL, NULL);
}

numc_status numc__batch_custom(const numc_batching *b, numc_array **y, bool *mapped_y)
{
    numc_context *context = b->context;
    const numc_graph *rule = b->attributes->graphs[1];
    size_t count = (size_t)rule->input_count + (size_t)rule->output_count, size = count * (sizeof(void *) + sizeof(bool));
    numc_array **block = numc__allocate_zero(context, 1, size);
    if (block == NULL)
        return context->status;
    numc_attributes attributes = *b->attributes;
    attributes.graphs[0] = numc__batch_graph(context, b->attributes->graphs[0], b->size, b->mapped, mapped_y);
    attributes.graphs[1] = batched_rule(b, block, (bool *)(void *)(block + count));
    numc_status status = context->status;
    if (status == NUMC_OK)
        status = numc__bind(context, b->primitive, b->x, b->input_count, &attributes, y, b->output_count);
    numc__graph_release(attributes.graphs[0]);
    numc__graph_release(attributes.graphs[1]);
    numc__free(context, block, size);
    return status;
}

/* ---- functions --------------------------------------------------------------------------------------------------- */

static numc_graph *trace_rule(numc_context *context, const numc_graph *graph, bool reverse, numc_trace_fn callback, void *user,
                              numc_array **block)
{
    const char *name = reverse ? "numc_function_custom_vjp" : "numc_function_custom_jvp";
    int32_t ins = graph->input_count, outs = graph->output_count, count = 0, results = 0;
    numc_trace *trace = numc__trace_begin(context);
    if (trace == NULL)
        return NULL;
    for (int part = 0; part < 3; part++) {
        bool of_input = part == 0 || (part == 2 && !reverse);
        for (int32_t i = 0; i < (of_input ? ins : outs); i++) {
            const numc_type *type = of_input ? numc__graph_input_type(graph, i) : numc__graph_output_type(graph, i);
            if (part < 2 || numc__differentiable(type->dtype))
                block[count++] = numc__trace_input(trace, type, NULL);
        }
    }
    for (int32_t i = 0; i < (reverse ? ins : outs); i++)
        results += numc__differentiable((reverse ? numc__graph_input_type(graph, i) : numc__graph_output_type(graph, i))->dtype);
    numc_array **outputs = block + count;
    if (context->status == NUMC_OK)
        numc__trace_callback(context, callback, CONST(block), count, outputs, results, user);
    for (int32_t i = 0, k = 0; i < (reverse ? ins : outs) && context->status == NUMC_OK; i++) {
        const numc_type *type = reverse ? numc__graph_input_type(graph, i) : numc__graph_output_type(graph, i);
        if (!numc__differentiable(type->dtype))
            continue;
        numc_type made = {0};
        if (outputs[k] != NULL)
            made = numc__type_of(outputs[k]);
        if (outputs[k] == NULL || !numc__type_equal(&made, type)) {
            char got[160] = "NULL", wanted[160];
            if (outputs[k] != NULL)
                numc__type_format(got, sizeof got, made.dtype, made.rank, made.shape);
            numc__type_format(wanted, sizeof wanted, type->dtype, type->rank, type->shape);
            numc__fail(context, NUMC_SHAPE, "%s: output %d of the derivative is %s; %s %d is %s", name, k, got,
                       reverse ? "input" : "output", i, wanted);
        }
        k++;
    }
    return numc__trace_finish(trace, outputs, results, NULL, NULL);
}

numc_array *numc__custom_apply(numc_context *context, numc_body body, numc_body jvp, void *user, const numc_array *const *inputs,
                               int32_t input_count)
{
    enum { INPUTS = 4 };
    numc_array *block[3 * (INPUTS + 1)], *y = NULL;
    if (input_count > INPUTS) {
        numc__fail(context, NUMC_INTERNAL, "a function with its own derivative takes at most %d operands here", (int)INPUTS);
        return NULL;
    }
    numc_trace *trace = numc__trace_begin(context);
    if (trace == NULL)
        return NULL;
    for (int32_t i = 0; i < input_count; i++) {
        numc_type type = numc__type_of(inputs[i]);
        block[i] = numc__trace_input(trace, &type, NULL);
    }
    if (context->status == NUMC_OK)
        body(context, CONST(block), input_count, &y, 1, user);
    numc_graph *graph = numc__trace_finish(trace, &y, 1, NULL, NULL);
    numc_graph *rule = graph == NULL ? NULL : trace_rule(context, graph, false, jvp, user, block);
    static const int64_t forward = 0;
    const numc_attributes attributes = {.count = 1, .numbers = &forward, .graphs = {graph, rule}};
    y = rule == NULL ? NULL : numc__bind1(context, NUMC_PRIMITIVE_CUSTOM, inputs, input_count, &attributes);
    numc__graph_release(graph);
    numc__graph_release(rule);
    return y;
}

static numc_graph *with_rule(numc_context *context, const numc_graph *graph, numc_graph *rule, int64_t number, numc_array **block)
{
    numc_trace *trace = numc__trace_begin(context);
    if (trace == NULL)
        return NULL;
    numc_array **outputs = block + graph->input_count;
    for (int32_t i = 0; i < graph->input_count; i++)
        block[i] = numc__trace_input(trace, &graph->values[i].type, graph->values[i].name);
    numc_attributes attributes = {.count = 1, .numbers = &number, .graphs = {numc__graph_keep((numc_graph *)(uintptr_t)graph), rule}};
    numc_status status = context->status;
    if (status == NUMC_OK)
        status = numc__bind(context, NUMC_PRIMITIVE_CUSTOM, CONST(block), graph->input_count, &attributes, outputs, graph->output_count);
    numc__graph_release(attributes.graphs[0]);
    if (status != NUMC_OK) {
        numc__trace_abandon(trace);
        return NULL;
    }
    return numc__trace_finish(trace, outputs, graph->output_count, NULL, NULL);
}

numc_graph *numc__custom_graph(numc_context *context, const numc_graph *graph, numc_graph *rule, int64_t number)
{
    size_t count = (size_t)graph->input_count + (size_t)graph->output_count;
    numc_array **block = numc__allocate_zero(context, count, sizeof *block);
    numc_graph *result = block == NULL ? NULL : with_rule(context, graph, rule, number, block);
    numc__free(context, block, count * sizeof *block);
    return result;
}
static numc_function *custom(numc_context *context, const numc_function *function, numc_trace_fn callback, void *user, bool reverse)
{
    if (context == NULL || context->status != NUMC_OK)
        return NULL;
    if (function == NULL || callback == NULL || function->graph->input_count == 0) {
        numc__fail(context, NUMC_INVALID_ARGUMENT, "%s: the function or its derivative is NULL, or it has no input",
                   reverse ? "numc_function_custom_vjp" : "numc_function_custom_jvp");
        return NULL;
    }
    if (numc__function_is_unfit(context, function, reverse ? "numc_function_custom_vjp" : "numc_function_custom_jvp"))
        return NULL;
    const numc_graph *graph = function->graph;
    size_t count = 3 * ((size_t)graph->input_count + (size_t)graph->output_count), size = count * sizeof(void *);
    numc_array **block = numc__allocate_zero(context, 1, size);
    if (block == NULL)
        return NULL;
    numc_graph *rule = trace_rule(context, graph, reverse, callback, user, block);
    numc_graph *result = rule == NULL ? NULL : numc__custom_graph(context, graph, rule, reverse);
    numc__graph_release(rule);
    numc__free(context, block, size);
    return numc__function_wrap(context, result);
}

numc_function *numc_function_custom_jvp(numc_context *context, const numc_function *function, numc_trace_fn derivative, void *user)
{
    return custom(context, function, derivative, user, false);
}

numc_function *numc_function_custom_vjp(numc_context *context, const numc_function *function, numc_trace_fn derivative, void *user)
{
    return custom(context, function, derivative, user, true);
}
