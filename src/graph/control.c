/* control.c - numc_cond, numc_switch, numc_scan, numc_map, numc_while and numc_fori: bodies are traced once into sub-graphs; concrete
 * operands run them at once. */
#include <string.h>

#include "graph/batch.h"
#include "numc/function.h"

/* ---- running ----------------------------------------------------------------------------------------------------- */

static numc_status run_cond(numc_context *context, const numc_array *const *inputs, int32_t input_count,
                            const numc_attributes *attributes, numc_array **outputs)
{
    bool yes = numc_item_bool(inputs[0]);
    NUMC_TRY(context->status);
    const numc_graph *graph = attributes->graphs[yes ? 0 : 1];
    return numc__graph_apply(context, graph, inputs + 1, input_count - 1, outputs, graph->output_count);
}

static numc_array *steps_of(numc_context *context, const numc_array *x, int64_t start, int64_t count);

numc_array *numc__step_of(numc_context *context, const numc_array *x, int64_t i)
{
    if (x->content == NUMC_CONTENT_TRACED) /* dynamic mode */
        return steps_of(context, x, i, 0);
    return numc__array_new_view(context, x, x->rank - 1, x->shape + 1, x->strides + 1, x->offset + i * x->strides[0]);
}

typedef struct scan_state {
    int32_t carries, sequences, constants, stacked;
    int64_t length;
    bool reverse;
    const numc_array *const *inputs;
    const numc_array **operands; /* of one step */
    numc_array **results;        /* of one step */
    numc_array **carried;        /* kept: the carries after the steps so far; NULL before the first */
    numc_array **slices;         /* kept: stacked x length */
} scan_state;

static numc_status run_step(numc_context *context, const numc_graph *graph, scan_state *state, int64_t i)
{
    int32_t at = 0;
    for (int32_t k = 0; k < state->carries; k++)
        state->operands[at++] = state->carried[k] != NULL ? state->carried[k] : state->inputs[k];
    for (int32_t k = 0; k < state->sequences; k++)
        state->operands[at++] = numc__step_of(context, state->inputs[state->carries + k], i);
    for (int32_t k = 0; k < state->constants; k++)
        state->operands[at++] = state->inputs[state->carries + state->sequences + k];
    NUMC_TRY(context->status);
    NUMC_TRY(numc__graph_apply(context, graph, state->operands, at, state->results, graph->output_count));
    for (int32_t k = 0; k < state->carries; k++) {
        numc_release(state->carried[k]);
        state->carried[k] = numc_keep(state->results[k]);
    }
    for (int32_t k = 0; k < state->stacked; k++)
        state->slices[k * state->length + i] = numc_keep(state->results[state->carries + k]);
    return context->status;
}

static numc_status run_steps(numc_context *context, const numc_graph *graph, scan_state *state, numc_array **outputs)
{
    for (int64_t step = 0; step < state->length; step++) {
        NUMC_TRY(numc_scope_begin(context));
        numc_status status = run_step(context, graph, state, state->reverse ? state->length - 1 - step : step);
        numc_scope_end(context);
        NUMC_TRY(status);
    }
    for (int32_t k = 0; k < state->carries; k++)
        outputs[k] = numc__array_alias(context, state->carried[k] != NULL ? state->carried[k] : state->inputs[k]);
    for (int32_t k = 0; k < state->stacked; k++) {
        if (state->length > 0) {
            outputs[state->carries + k] = numc_stack((const numc_array *const *)(state->slices + k * state->length),
                                                     (int32_t)state->length, 0);
        } else {
            const numc_type *type = numc__graph_output_type(graph, state->carries + k);
            int64_t shape[NUMC_RANK_LIMIT + 1] = {0};
            for (int32_t d = 0; d < type->rank; d++)
                shape[d + 1] = type->shape[d];
            outputs[state->carries + k] = numc_zeros_(context, type->dtype, (numc_shape){shape, type->rank + 1, true});
        }
    }
    return context->status;
}

static numc_status run_scan(numc_context *context, const numc_array *const *inputs, int32_t input_count,
                            const numc_attributes *attributes, numc_array **outputs)
{
    const numc_graph *graph = attributes->graphs[0];
    const int64_t *numbers = attributes->numbers;
    scan_state state = {.carries = (int32_t)numbers[0], .sequences = (int32_t)numbers[1], .length = numbers[2],
                        .reverse = numbers[3] != 0, .inputs = inputs};
    state.constants = input_count - state.carries - state.sequences;
    state.stacked = graph->output_count - state.carries;
    NUMC_REQUIRE(context, state.length <= INT32_MAX, NUMC_UNSUPPORTED, "a scan of %lld steps", (long long)state.length);
    size_t count = (size_t)graph->input_count + (size_t)graph->output_count + (size_t)state.carries +
                   (size_t)state.stacked * (size_t)state.length;
    numc_array **block = numc__allocate_zero(context, count, sizeof *block);
    if (block == NULL)
        return context->status;
    state.operands = (const numc_array **)(uintptr_t)block;
    state.results = block + graph->input_count;
    state.carried = state.results + graph->output_count;
    state.slices = state.carried + state.carries;
    numc_status status = run_steps(context, graph, &state, outputs);
    for (numc_array **kept = state.carried; kept < block + count; kept++)
        numc_release(*kept);
    numc__free(context, block, count * sizeof *block);
    return status;
}

/* One step of a while, or the test before it: the carries so far, then the constants. */
static numc_status run_while_step(numc_context *context, const numc_attributes *attributes, int64_t step, const numc_array **operands,
                                  int32_t input_count, numc_array **results, numc_array **carried, bool *more)
{
    int32_t carries = (int32_t)attributes->numbers[0];
    int64_t limit = attributes->numbers[1];
    for (int32_t k = 0; k < carries; k++)
        operands[k] = carried[k] != NULL ? carried[k] : operands[k];
    NUMC_TRY(numc__graph_apply(context, attributes->graphs[0], operands, input_count, results, 1));
    *more = numc_item_bool(results[0]);
    NUMC_TRY(context->status);
    if (!*more)
        return NUMC_OK;
    NUMC_REQUIRE(context, limit == 0 || step < limit, NUMC_VALUE, "numc_while: the condition still holds after %lld steps, its limit",
                 (long long)limit);
    NUMC_TRY(numc__graph_apply(context, attributes->graphs[1], operands, input_count, results, carries));
    for (int32_t k = 0; k < carries; k++)
        results[k] = numc_keep(results[k]);
    for (int32_t k = 0; k < carries; k++) {
        numc_release(carried[k]);
        carried[k] = results[k];
    }
    return context->status;
}

static numc_status run_while(numc_context *context, const numc_array *const *inputs, int32_t input_count,
                             const numc_attributes *attributes, numc_array **outputs)
{
    int32_t carries = (int32_t)attributes->numbers[0];
    size_t count = (size_t)input_count + 2 * (size_t)carries + 1;
    numc_array **block = numc__allocate_zero(context, count, sizeof *block);
    if (block == NULL)
        return context->status;
    const numc_array **operands = (const numc_array **)(uintptr_t)block;
    numc_array **carried = block + input_count, **results = carried + carries;
    numc_status status = NUMC_OK;
    bool more = true;
    for (int32_t k = 0; k < input_count; k++)
        operands[k] = inputs[k];
    for (int64_t step = 0; more && status == NUMC_OK; step++) {
        status = numc__check_cancelled(context);
        if (status == NUMC_OK)
            status = numc_scope_begin(context);
        if (status != NUMC_OK)
            break;
        status = run_while_step(context, attributes, step, operands, input_count, results, carried, &more);
        numc_scope_end(context);
    }
    for (int32_t k = 0; k < carries && status == NUMC_OK; k++) {
        outputs[k] = numc__array_alias(context, carried[k] != NULL ? carried[k] : inputs[k]);
        status = context->status;
    }
    for (int32_t k = 0; k < carries; k++)
        numc_release(carried[k]);
    numc__free(context, block, count * sizeof *block);
    return status;
}

static numc_status run_custom(numc_context *context, const numc_array *const *inputs, int32_t input_count,
                              const numc_attributes *attributes, numc_array **outputs)
{
    const numc_graph *graph = attributes->graphs[0];
    return numc__graph_apply(context, graph, inputs, input_count, outputs, graph->output_count);
}

numc_status numc__control_run(numc_context *context, int32_t primitive, const numc_array *const *inputs,
                              int32_t input_count, const numc_attributes *attributes, numc_array **outputs,
                              int32_t output_capacity)
{
    for (int32_t i = 0; i < output_capacity; i++)
        outputs[i] = NULL;
    numc_status status = (primitive == NUMC_PRIMITIVE_COND    ? run_cond
                          : primitive == NUMC_PRIMITIVE_SCAN  ? run_scan
                          : primitive == NUMC_PRIMITIVE_WHILE ? run_while
                          : primitive == NUMC_PRIMITIVE_CUSTOM ? run_custom
                                                               : numc__external_run)(context, inputs, input_count, attributes, outputs);
    if (status != NUMC_OK) {
        for (int32_t i = 0; i < output_capacity; i++)
            outputs[i] = NULL;
    }
    return status;
}

/* ---- tracing bodies ---------------------------------------------------------------------------------------------- */

typedef struct body {
    numc_graph *graph;
    const numc_array **captured;
    int32_t captured_count;
} body;

static void body_free(numc_context *context, body *b)
{
    numc__graph_release(b->graph);
    numc__free(context, b->captured, (size_t)b->captured_count * sizeof *b->captured);
    *b = (body){0};
}

static numc_status trace_body(numc_context *context, numc_trace_fn callback, void *user, const numc_type *types,
                              int32_t input_count, int32_t output_count, const char *what, body *result)
{
    *result = (body){0};
    size_t count = (size_t)input_count + (size_t)output_count;
    numc_array **block = numc__allocate_zero(context, count, sizeof *block);
    if (block == NULL)
        return context->status;
    numc_array **outputs = block + input_count;
    numc_trace *trace = numc__trace_begin(context);
    if (trace != NULL) {
        for (int32_t i = 0; i < input_count; i++)
            block[i] = numc__trace_input(trace, &types[i], NULL);
        if (context->status == NUMC_OK)
            numc__trace_callback(context, callback, (const numc_array *const *)block, input_count, outputs, output_count, user);
        for (int32_t i = 0; i < output_count && context->status == NUMC_OK; i++) {
            if (outputs[i] == NULL)
                numc__fail(context, NUMC_INVALID_ARGUMENT, "%s: the callback left output %d NULL", what, i);
        }
        result->graph = numc__trace_finish(trace, outputs, output_count, &result->captured, &result->captured_count);
    }
    numc__free(context, block, count * sizeof *block);
    return context->status;
}

/* The graph with further inputs: input i of the old one is input map[i] of the new one, whose types are given. */
static numc_graph *with_inputs(numc_context *context, const numc_graph *graph, const numc_type *types, int32_t count,
                               const int32_t *map)
{
    size_t pointers = (size_t)count + (size_t)graph->input_count + (size_t)graph->output_count;
    numc_array **block = numc__allocate_zero(context, pointers, sizeof *block);
    numc_trace *trace = block == NULL ? NULL : numc__trace_begin(context);
    numc_graph *result = NULL;
    if (trace != NULL) {
        numc_array **old = block + count, **outputs = old + graph->input_count;
        for (int32_t i = 0; i < count; i++)
            block[i] = numc__trace_input(trace, &types[i], NULL);
        for (int32_t i = 0; i < graph->input_count; i++)
            old[i] = block[map[i]];
        if (context->status == NUMC_OK)
            numc__graph_apply(context, graph, (const numc_array *const *)old, graph->input_count, outputs, graph->output_count);
        result = numc__trace_finish(trace, outputs, graph->output_count, NULL, NULL);
    }
    numc__free(context, block, pointers * sizeof *block);
    return result;
}

/* ---- cond -------------------------------------------------------------------------------------------------------- */

/* Both branches take the inputs, then every array either of them captured. */
static numc_status join_captures(numc_context *context, body *yes, body *no, int32_t input_count,
                                 const numc_array **operands, numc_type *types, int32_t *map, int32_t *total)
{
    int32_t count = input_count;
    for (int32_t i = 0; i < input_count; i++)
        map[i] = i;
    for (int32_t i = 0; i < yes->captured_count; i++)
        operands[count++] = yes->captured[i];
    for (int32_t i = 0; i < no->captured_count; i++) {
        int32_t at = input_count;
        while (at < count && (operands[at]->trace != no->captured[i]->trace || operands[at]->value != no->captured[i]->value))
            at++;
        if (at == count)
            operands[count++] = no->captured[i];
        map[input_count + i] = at;
    }
    for (int32_t i = 0; i < count; i++)
        types[i] = numc__type_of(operands[i]);
    numc_graph *joined = with_inputs(context, no->graph, types, count, map);
    if (joined == NULL)
        return context->status;
    numc__graph_release(no->graph);
    no->graph = joined;
    for (int32_t i = 0; i < input_count + yes->captured_count; i++)
        map[i] = i;
    joined = with_inputs(context, yes->graph, types, count, map);
    if (joined == NULL)
        return context->status;
    numc__graph_release(yes->graph);
    yes->graph = joined;
    *total = count;
    return NUMC_OK;
}

/* How a cond is spoken of in messages. */
typedef struct wording {
    const char *name, *yes, *no;
} wording;

static numc_status same_outputs(numc_context *context, const wording *words, const numc_graph *yes, const numc_graph *no)
{
    for (int32_t i = 0; i < yes->output_count; i++) {
        const numc_type *a = numc__graph_output_type(yes, i), *b = numc__graph_output_type(no, i);
        if (!numc__type_equal(a, b)) {
            char left[160], right[160];
            numc__type_format(left, sizeof left, a->dtype, a->rank, a->shape);
            numc__type_format(right, sizeof right, b->dtype, b->rank, b->shape);
            return numc__fail(context, a->dtype != b->dtype ? NUMC_DTYPE : NUMC_SHAPE,
                              "%s: output %d is %s %s and %s %s", words->name, i, left, words->yes, right, words->no);
        }
    }
    return NUMC_OK;
}

static numc_status record_cond(numc_context *context, const wording *words, const numc_array *predicate, body *yes, body *no,
                               const numc_array *const *inputs, int32_t input_count, numc_array **outputs,
                               int32_t output_count)
{
    NUMC_TRY(same_outputs(context, words, yes->graph, no->graph));
    size_t most = (size_t)input_count + (size_t)yes->captured_count + (size_t)no->captured_count + 1;
    size_t size = most * (sizeof(void *) + sizeof(numc_type) + sizeof(int32_t));
    const numc_array **operands = numc__allocate(context, size);
    if (operands == NULL)
        return context->status;
    numc_type *types = (numc_type *)(void *)(operands + most);
    int32_t *map = (int32_t *)(void *)(types + most), total = input_count;
    operands[0] = predicate;
    for (int32_t i = 0; i < input_count; i++)
        operands[i + 1] = inputs[i];
    numc_status status = NUMC_OK;
    if (yes->captured_count + no->captured_count > 0)
        status = join_captures(context, yes, no, input_count, operands + 1, types, map, &total);
    if (status == NUMC_OK) {
        numc_attributes attributes = {.graphs = {yes->graph, no->graph}};
        status = numc__bind(context, NUMC_PRIMITIVE_COND, operands, total + 1, &attributes, outputs, output_count);
    }
    numc__free(context, operands, size);
    return status;
}

static bool listed(const void *list, int32_t count)
{
    return count >= 0 && (list != NULL || count == 0);
}

/* The predicate is traced. */
static numc_status trace_cond(numc_context *context, const wording *words, const numc_array *predicate, numc_trace_fn true_body,
                              numc_trace_fn false_body, void *user, const numc_array *const *inputs, int32_t input_count,
                              numc_array **outputs, int32_t output_count)
{
    size_t size = ((size_t)input_count + 1) * sizeof(numc_type);
    numc_type *types = numc__allocate(context, size);
    if (types == NULL)
        return context->status;
    for (int32_t i = 0; i < input_count; i++)
        types[i] = numc__type_of(inputs[i]);
    body yes, no = {0};
    numc_status status = trace_body(context, true_body, user, types, input_count, output_count, words->name, &yes);
    if (status == NUMC_OK)
        status = trace_body(context, false_body, user, types, input_count, output_count, words->name, &no);
    if (status == NUMC_OK)
        status = record_cond(context, words, predicate, &yes, &no, inputs, input_count, outputs, output_count);
    body_free(context, &yes);
    body_free(context, &no);
    numc__free(context, types, size);
    return status;
}

numc_status numc_cond(const numc_array *predicate, numc_trace_fn true_body, numc_trace_fn false_body, void *user,
                      const numc_array *const *inputs, int32_t input_count, numc_array **outputs, int32_t output_count)
{
    for (int32_t i = 0; outputs != NULL && i < output_count; i++)
        outputs[i] = NULL;
    numc_context *context = numc__lane_of(&predicate, 1, "numc_cond");
    for (int32_t i = 0; predicate == NULL && inputs != NULL && i < input_count; i++) {
        if (numc_array_context(inputs[i]) != NULL)
            return numc__fail(inputs[i]->context, NUMC_INVALID_ARGUMENT, "numc_cond: the predicate is NULL");
    }
    if (context == NULL)
        return predicate == NULL || predicate->context->status == NUMC_OK ? NUMC_INVALID_ARGUMENT : predicate->context->status;
    NUMC_REQUIRE(context, true_body != NULL && false_body != NULL, NUMC_INVALID_ARGUMENT, "numc_cond: a body is NULL");
    NUMC_REQUIRE(context, listed(inputs, input_count) && listed(outputs, output_count), NUMC_INVALID_ARGUMENT,
                 "numc_cond: a list of %d inputs or %d outputs is NULL or of negative length", (int)input_count,
                 (int)output_count);
    if (input_count > 0) {
        numc_context *deeper = numc__lane_of(inputs, input_count, "numc_cond");
        if (deeper == NULL)
            return context->status != NUMC_OK ? context->status : NUMC_INVALID_ARGUMENT;
        context = deeper->depth > context->depth ? deeper : context;
    }
    NUMC_TRY(context->status);
    NUMC_REQUIRE(context, predicate->dtype == NUMC_BOOL && predicate->rank == 0, NUMC_DTYPE,
                 "numc_cond: the predicate must be a 0-d bool");
    if (numc__array_value(predicate) != NULL) {
        bool truth = numc_item_bool(predicate);
        NUMC_TRY(context->status);
        numc__trace_callback(context, truth ? true_body : false_body, inputs, input_count, outputs, output_count, user);
        for (int32_t i = 0; i < output_count && context->status == NUMC_OK; i++) {
            if (outputs[i] == NULL)
                numc__fail(context, NUMC_INVALID_ARGUMENT, "numc_cond: the callback left output %d NULL", i);
        }
        return context->status;
    }
    static const wording words = {"numc_cond", "when true", "when false"};
    return trace_cond(context, &words, predicate, true_body, false_body, user, inputs, input_count, outputs, output_count);
}

/* ---- switch: a tree of conds --------------------------------------------------------------------------------------- */

/* Bodies first .. end-1, chosen by the first of the inputs; end - first > 1 wherever a choice is made. */
typedef struct choice {
    const numc_trace_fn *bodies;
    int32_t first, end;
    void *user;
} choice;

static numc_status choose(numc_context *context, choice *all, const numc_array *const *inputs, int32_t input_count,
                          numc_array **outputs, int32_t output_count);

static void lower_half(numc_context *context, const numc_array *const *inputs, int32_t input_count, numc_array **outputs,
                       int32_t output_count, void *user)
{
    choice half = *(const choice *)user;
    half.end = half.first + (half.end - half.first) / 2;
    (void)choose(context, &half, inputs, input_count, outputs, output_count);
}

static void upper_half(numc_context *context, const numc_array *const *inputs, int32_t input_count, numc_array **outputs,
                       int32_t output_count, void *user)
{
    choice half = *(const choice *)user;
    half.first += (half.end - half.first) / 2;
    (void)choose(context, &half, inputs, input_count, outputs, output_count);
}

static numc_status choose(numc_context *context, choice *all, const numc_array *const *inputs, int32_t input_count,
                          numc_array **outputs, int32_t output_count)
{
    if (all->end - all->first == 1) {
        all->bodies[all->first](context, inputs + 1, input_count - 1, outputs, output_count, all->user);
        return context->status;
    }
    int32_t middle = all->first + (all->end - all->first) / 2;
    char yes[48], no[48];
    numc__format(yes, sizeof yes, "for an index below %d", (int)middle);
    numc__format(no, sizeof no, "from %d on", (int)middle);
    const wording words = {"numc_switch", yes, no};
    numc_array *low = numc_less(inputs[0], middle);
    if (low == NULL)
        return context->status;
    return trace_cond(context, &words, low, lower_half, upper_half, all, inputs, input_count, outputs, output_count);
}

/* As int64, in which bounds can be told; what of uint64 is beyond it is the largest. */
static numc_array *wide_index(const numc_array *index)
{
    if (index->dtype == NUMC_UINT64)
        index = numc_minimum(index, INT64_MAX);
    return numc_astype(index, NUMC_INT64);
}

numc_status numc_switch(const numc_array *index, const numc_trace_fn *bodies, int32_t body_count, void *user,
                        const numc_array *const *inputs, int32_t input_count, numc_array **outputs, int32_t output_count)
{
    for (int32_t i = 0; outputs != NULL && i < output_count; i++)
        outputs[i] = NULL;
    numc_context *context = numc__lane_of(&index, 1, "numc_switch");
    for (int32_t i = 0; index == NULL && inputs != NULL && i < input_count; i++) {
        if (numc_array_context(inputs[i]) != NULL)
            return numc__fail(inputs[i]->context, NUMC_INVALID_ARGUMENT, "numc_switch: the index is NULL");
    }
    if (context == NULL)
        return index == NULL || index->context->status == NUMC_OK ? NUMC_INVALID_ARGUMENT : index->context->status;
    NUMC_REQUIRE(context, bodies != NULL && body_count > 0, NUMC_INVALID_ARGUMENT, "numc_switch: there is no body");
    for (int32_t i = 0; i < body_count; i++)
        NUMC_REQUIRE(context, bodies[i] != NULL, NUMC_INVALID_ARGUMENT, "numc_switch: body %d is NULL", (int)i);
    NUMC_REQUIRE(context, listed(inputs, input_count) && listed(outputs, output_count), NUMC_INVALID_ARGUMENT,
                 "numc_switch: a list of %d inputs or %d outputs is NULL or of negative length", (int)input_count,
                 (int)output_count);
    if (input_count > 0) {
        numc_context *deeper = numc__lane_of(inputs, input_count, "numc_switch");
        if (deeper == NULL)
            return context->status != NUMC_OK ? context->status : NUMC_INVALID_ARGUMENT;
        context = deeper->depth > context->depth ? deeper : context;
    }
    NUMC_TRY(context->status);
    bool whole = (numc_dtype_kind(index->dtype) & NUMC_KINDS_INTEGRAL) != 0;
    NUMC_REQUIRE(context, whole && index->rank == 0, NUMC_DTYPE, "numc_switch: the index must be a 0-d integer");
    if (numc__array_value(index) != NULL || body_count == 1) {
        int64_t i = 0;
        if (body_count > 1) {
            i = numc_item_integer(wide_index(index));
            NUMC_TRY(context->status);
        }
        i = i < 0 ? 0 : i >= body_count ? body_count - 1 : i;
        numc__trace_callback(context, bodies[i], inputs, input_count, outputs, output_count, user);
        for (int32_t k = 0; k < output_count && context->status == NUMC_OK; k++) {
            if (outputs[k] == NULL)
                numc__fail(context, NUMC_INVALID_ARGUMENT, "numc_switch: body %d left output %d NULL", (int)i, k);
        }
        return context->status;
    }
    size_t size = ((size_t)input_count + 1) * sizeof(void *);
    const numc_array **operands = numc__allocate(context, size);
    if (operands == NULL)
        return context->status;
    operands[0] = wide_index(index);
    for (int32_t i = 0; i < input_count; i++)
        operands[i + 1] = inputs[i];
    choice all = {bodies, 0, body_count, user};
    numc_status status = operands[0] == NULL ? context->status : choose(context, &all, operands, input_count + 1, outputs, output_count);
    numc__free(context, operands, size);
    return status;
}

/* ---- scan -------------------------------------------------------------------------------------------------------- */

static numc_status scan_length(numc_context *context, const numc_array *const *sequences, int32_t count, int64_t *length)
{
    for (int32_t k = 0; k < count; k++) {
        NUMC_REQUIRE(context, sequences[k] != NULL, NUMC_INVALID_ARGUMENT, "numc_scan: sequence %d is NULL", k);
        NUMC_REQUIRE(context, sequences[k]->live == NUMC_ARRAY_LIVE, NUMC_DEAD_ARRAY, "numc_scan: sequence %d is dead", k);
        NUMC_REQUIRE(context, sequences[k]->rank > 0, NUMC_SHAPE, "numc_scan: sequence %d has no axis to go along", k);
        int64_t n = sequences[k]->shape[0];
        NUMC_REQUIRE(context, (k == 0 && *length == 0) || n == *length, NUMC_SHAPE,
                     "numc_scan: sequence %d has %lld elements along its first axis, %lld are expected", k, (long long)n,
                     (long long)*length);
        *length = n;
    }
    return NUMC_OK;
}

static numc_status same_carries(numc_context *context, const char *name, const numc_graph *graph, int32_t carries)
{
    for (int32_t k = 0; k < carries; k++) {
        NUMC_TRY(numc__same_carry(context, name, k, numc__graph_input_type(graph, k), numc__graph_output_type(graph, k)));
    }
    return NUMC_OK;
}

/* A scan of a graph on operands: carries, sequences, constants. */
typedef struct scan_call {
    numc_graph *graph;
    const numc_array **operands;
    int32_t carries, sequences, total, outputs;
    int64_t length;
    const numc_scan_options *options;
} scan_call;

static numc_status bind_steps(numc_context *context, const scan_call *c, numc_array **outputs)
{
    const numc_scan_options *o = c->options;
    int64_t limit = o->carry_bytes > (uint64_t)INT64_MAX ? INT64_MAX : (int64_t)o->carry_bytes;
    const int64_t numbers[NUMC_SCAN_NUMBERS] = {c->carries, c->sequences, c->length, o->reverse, 1, limit};
    numc_attributes attributes = {.count = limit > 0 ? 6 : 4, .numbers = numbers, .graphs = {c->graph}};
    return numc__bind(context, NUMC_PRIMITIVE_SCAN, c->operands, c->total, &attributes, outputs, c->outputs);
}

/* x[start : start + count], and with `count` 0 x[start]. */
static numc_array *steps_of(numc_context *context, const numc_array *x, int64_t start, int64_t count)
{
    int64_t numbers[3 * NUMC_RANK_LIMIT];
    for (int32_t d = 0; d < x->rank; d++) {
        numbers[d] = d == 0 ? start : 0;
        numbers[x->rank + d] = d == 0 ? (count == 0 ? 1 : count) : x->shape[d];
        numbers[2 * x->rank + d] = 1;
    }
    numc_array *part = numc__apply_numbers(context, NUMC_PRIMITIVE_SLICE, &x, 1, numbers, 3 * x->rank);
    return count > 0 || part == NULL ? part : numc__reshape_to(context, part, x->rank - 1, x->shape + 1);
}

/* Steps written out: `count` of them from operands whose sequences are so long. */
static numc_status write_out(numc_context *context, const scan_call *c, const numc_array *const *x, int64_t count, numc_array **outputs)
{
    int32_t stacked = c->outputs - c->carries;
    size_t pointers = (size_t)c->total + (size_t)c->outputs + (size_t)stacked * (size_t)count;
    const numc_array **in = numc__allocate_zero(context, pointers, sizeof *in);
    if (in == NULL)
        return context->status;
    numc_array **out = (numc_array **)(uintptr_t)(in + c->total);
    const numc_array **slices = in + c->total + c->outputs;
    for (int32_t k = 0; k < c->total; k++)
        in[k] = x[k];
    numc_status status = NUMC_OK;
    for (int64_t t = 0; t < count && status == NUMC_OK; t++) {
        int64_t i = c->options->reverse ? count - 1 - t : t;
        for (int32_t k = c->carries; k < c->carries + c->sequences; k++)
            in[k] = steps_of(context, x[k], i, 0);
        status = context->status;
        if (status == NUMC_OK)
            status = numc__graph_apply(context, c->graph, in, c->total, out, c->outputs);
        for (int32_t k = 0; k < c->carries; k++)
            in[k] = out[k];
        for (int32_t k = 0; k < stacked; k++)
            slices[k * count + i] = out[c->carries + k];
    }
    for (int32_t k = 0; k < c->outputs && status == NUMC_OK; k++) {
        outputs[k] = k < c->carries ? numc__array_alias(context, in[k])
                                    : numc_stack(slices + (k - c->carries) * count, (int32_t)count, 0);
        status = context->status;
    }
    numc__free(context, in, pointers * sizeof *in);
    return status;
}

/* The body of `count` steps: sequences have that axis, and so has what is stacked. */
static numc_graph *several_steps(numc_context *context, const scan_call *c, int64_t count)
{
    size_t pointers = (size_t)c->total + (size_t)c->outputs;
    numc_array **block = numc__allocate_zero(context, pointers, sizeof *block);
    numc_trace *trace = block == NULL ? NULL : numc__trace_begin(context);
    numc_graph *result = NULL;
    if (trace != NULL) {
        for (int32_t k = 0; k < c->total; k++)
            block[k] = numc__batch_input(trace, context, &c->graph->values[k].type, count,
                                         k >= c->carries && k < c->carries + c->sequences ? 0 : -1, NULL);
        numc_status status = context->status;
        if (status == NUMC_OK)
            status = write_out(context, c, (const numc_array *const *)block, count, block + c->total);
        if (status == NUMC_OK)
            result = numc__trace_finish(trace, block + c->total, c->outputs, NULL, NULL);
        else
            numc__trace_abandon(trace);
    }
    numc__free(context, block, pointers * sizeof *block);
    return result;
}

/* Turns of `unroll` steps, then the rest written out. */
static numc_status unrolled(numc_context *context, const scan_call *c, int64_t unroll, numc_array **outputs, const numc_array **in,
                            numc_array **rest)
{
    int64_t turns = c->length / unroll, left = c->length - turns * unroll, shape[NUMC_RANK_LIMIT + 1];
    bool reverse = c->options->reverse;
    for (int32_t k = 0; k < c->total; k++) {
        in[k] = c->operands[k];
        if (k < c->carries || k >= c->carries + c->sequences)
            continue;
        NUMC_REQUIRE(context, in[k]->rank < NUMC_RANK_LIMIT, NUMC_SHAPE, "numc_scan: no room to unroll a sequence of rank %d", in[k]->rank);
        const numc_array *part = left == 0 ? in[k] : steps_of(context, in[k], reverse ? left : 0, turns * unroll);
        shape[0] = turns;
        shape[1] = unroll;
        for (int32_t d = 1; d < c->operands[k]->rank; d++)
            shape[d + 1] = c->operands[k]->shape[d];
        in[k] = part == NULL ? NULL : numc__reshape_to(context, part, c->operands[k]->rank + 1, shape);
        NUMC_TRY(context->status);
    }
    scan_call turn = *c;
    turn.operands = in;
    turn.length = turns;
    turn.graph = several_steps(context, c, unroll);
    numc_status status = turn.graph == NULL ? context->status : bind_steps(context, &turn, outputs);
    numc__graph_release(turn.graph);
    for (int32_t k = c->carries; k < c->outputs && status == NUMC_OK; k++) {
        shape[0] = turns * unroll;
        for (int32_t d = 2; d < outputs[k]->rank; d++)
            shape[d - 1] = outputs[k]->shape[d];
        outputs[k] = numc__reshape_to(context, outputs[k], outputs[k]->rank - 1, shape);
        status = context->status;
    }
    if (left == 0 || status != NUMC_OK)
        return status;
    for (int32_t k = 0; k < c->total; k++)
        in[k] = k < c->carries                  ? outputs[k]
                : k < c->carries + c->sequences ? steps_of(context, c->operands[k], reverse ? 0 : turns * unroll, left)
                                                : c->operands[k];
    NUMC_TRY(context->status);
    NUMC_TRY(write_out(context, c, in, left, rest));
    for (int32_t k = 0; k < c->outputs; k++) {
        const numc_array *both[2] = {reverse ? rest[k] : outputs[k], reverse ? outputs[k] : rest[k]};
        const int64_t axis = 0;
        outputs[k] = k < c->carries ? rest[k] : numc__apply_numbers(context, NUMC_PRIMITIVE_CONCAT, both, 2, &axis, 1);
    }
    return context->status;
}

static numc_status bind_scan(numc_context *context, const body *step, const numc_array *const *carries,
                             int32_t carry_count, const numc_array *const *sequences, int32_t sequence_count,
                             int64_t length, const numc_scan_options *options, numc_array **outputs, int32_t output_count)
{
    NUMC_TRY(same_carries(context, "numc_scan", step->graph, carry_count));
    int32_t total = carry_count + sequence_count + step->captured_count, at = 0;
    size_t size = (2 * (size_t)total + (size_t)output_count) * sizeof(void *);
    const numc_array **operands = numc__allocate_zero(context, 1, size);
    if (operands == NULL)
        return context->status;
    for (int32_t k = 0; k < carry_count; k++)
        operands[at++] = carries[k];
    for (int32_t k = 0; k < sequence_count; k++)
        operands[at++] = sequences[k];
    for (int32_t k = 0; k < step->captured_count; k++)
        operands[at++] = step->captured[k];
    bool traced = false;
    for (int32_t k = 0; k < total; k++)
        traced = traced || operands[k]->content == NUMC_CONTENT_TRACED;
    const scan_call c = {step->graph, operands, carry_count, sequence_count, total, output_count, length, options};
    int64_t unroll = options->unroll < length ? options->unroll : length;
    numc_status status = !traced || unroll <= 1 ? bind_steps(context, &c, outputs)
                         : unroll == length     ? write_out(context, &c, operands, length, outputs)
                                                : unrolled(context, &c, unroll, outputs, operands + total,
                                                           (numc_array **)(uintptr_t)(operands + 2 * (size_t)total));
    for (int32_t k = 0; k < output_count && status != NUMC_OK; k++)
        outputs[k] = NULL;
    numc__free(context, operands, size);
    return status;
}

numc_status numc_scan_(numc_context *context, numc_trace_fn callback, void *user, const numc_array *const *carries,
                       int32_t carry_count, const numc_array *const *sequences, int32_t sequence_count,
                       numc_array **outputs, int32_t stacked_count, const numc_scan_options *options)
{
    if (context == NULL)
        return NUMC_INVALID_ARGUMENT;
    bool given = carry_count >= 0 && stacked_count >= 0 && carry_count <= INT32_MAX - stacked_count
                 && listed(outputs, carry_count + stacked_count);
    for (int32_t k = 0; given && k < carry_count + stacked_count; k++)
        outputs[k] = NULL;
    NUMC_TRY(context->status);
    NUMC_REQUIRE(context, callback != NULL, NUMC_INVALID_ARGUMENT, "numc_scan: the body is NULL");
    NUMC_REQUIRE(context,
                 given && listed(carries, carry_count) && listed(sequences, sequence_count)
                     && carry_count <= INT32_MAX - sequence_count,
                 NUMC_INVALID_ARGUMENT,
                 "numc_scan: a list of %d carries, %d sequences or %d + %d outputs is NULL or of a length that is not one",
                 (int)carry_count, (int)sequence_count, (int)carry_count, (int)stacked_count);
    numc_scan_options chosen = {0};
    if (options != NULL)
        NUMC_TRY(numc__options_copy(context, &chosen, sizeof chosen, options, options->size, "numc_scan_options"));
    int64_t length = chosen.length;
    NUMC_REQUIRE(context, length >= 0, NUMC_INVALID_ARGUMENT, "numc_scan: length %lld", (long long)length);
    NUMC_REQUIRE(context, chosen.unroll >= 0, NUMC_INVALID_ARGUMENT, "numc_scan: unroll %lld", (long long)chosen.unroll);
    NUMC_TRY(scan_length(context, sequences, sequence_count, &length));
    size_t count = (size_t)carry_count + (size_t)sequence_count, size = count * sizeof(numc_type);
    numc_type *types = numc__allocate(context, size);
    if (types == NULL)
        return context->status;
    for (int32_t k = 0; k < carry_count && context->status == NUMC_OK; k++) {
        if (carries[k] == NULL || carries[k]->live != NUMC_ARRAY_LIVE)
            numc__fail(context, carries[k] == NULL ? NUMC_INVALID_ARGUMENT : NUMC_DEAD_ARRAY, "numc_scan: carry %d is %s",
                       k, carries[k] == NULL ? "NULL" : "dead");
        else
            types[k] = numc__type_of(carries[k]);
    }
    for (int32_t k = 0; k < sequence_count; k++)
        types[carry_count + k] = (numc_type){sequences[k]->dtype, sequences[k]->rank - 1, sequences[k]->shape + 1};
    numc_status status = context->status;
    if (status == NUMC_OK && numc__trace_is_dynamic(context) && length > 0) {
        numc__free(context, types, size);
        return numc__scan_directly(context, callback, user, carries, carry_count, sequences, sequence_count, length, chosen.reverse, outputs,
                             stacked_count);
    }
    body step = {0};
    if (status == NUMC_OK)
        status = trace_body(context, callback, user, types, (int32_t)count, carry_count + stacked_count, "numc_scan", &step);
    if (status == NUMC_OK)
        status = bind_scan(context, &step, carries, carry_count, sequences, sequence_count, length, &chosen,
                           outputs, carry_count + stacked_count);
    body_free(context, &step);
    numc__free(context, types, size);
    return status;
}

/* Carries' types; count of them. */
static numc_status carry_types(numc_context *context, const char *name, const numc_array *const *carries, int32_t count, numc_type *types)
{
    for (int32_t k = 0; k < count; k++) {
        NUMC_REQUIRE(context, carries[k] != NULL, NUMC_INVALID_ARGUMENT, "%s: carry %d is NULL", name, k);
        NUMC_REQUIRE(context, carries[k]->live == NUMC_ARRAY_LIVE, NUMC_DEAD_ARRAY, "%s: carry %d is dead", name, k);
        types[k] = numc__type_of(carries[k]);
    }
    return NUMC_OK;
}

/* ---- map: a scan that carries nothing ------------------------------------------------------------------------------ */

numc_status numc_map_(numc_context *context, numc_trace_fn callback, void *user, const numc_array *const *sequences,
                      int32_t sequence_count, numc_array **outputs, int32_t output_count)
{
    for (int32_t k = 0; outputs != NULL && k < output_count; k++)
        outputs[k] = NULL;
    if (context == NULL)
        return NUMC_INVALID_ARGUMENT;
    NUMC_TRY(context->status);
    NUMC_REQUIRE(context, callback != NULL && sequences != NULL && sequence_count > 0 && listed(outputs, output_count),
                 NUMC_INVALID_ARGUMENT, "numc_map: the body is NULL, or a list of %d sequences or %d outputs is not one",
                 (int)sequence_count, (int)output_count);
    return NUMC_AS_PART_OF(context, "numc_map",
                           numc_scan_(context, callback, user, NULL, 0, sequences, sequence_count, outputs, output_count, NULL));
}

/* ---- while --------------------------------------------------------------------------------------------------------- */

static numc_status record_while(numc_context *context, body *condition, body *step, const numc_array *const *carries,
                                int32_t carry_count, int64_t limit, numc_array **outputs)
{
    const numc_type *truth = numc__graph_output_type(condition->graph, 0);
    NUMC_REQUIRE(context, truth->dtype == NUMC_BOOL && truth->rank == 0, NUMC_DTYPE, "numc_while: the condition must give a 0-d bool");
    NUMC_TRY(same_carries(context, "numc_while", step->graph, carry_count));
    size_t most = (size_t)carry_count + (size_t)condition->captured_count + (size_t)step->captured_count + 1;
    size_t size = most * (sizeof(void *) + sizeof(numc_type) + sizeof(int32_t));
    const numc_array **operands = numc__allocate(context, size);
    if (operands == NULL)
        return context->status;
    numc_type *types = (numc_type *)(void *)(operands + most);
    int32_t *map = (int32_t *)(void *)(types + most), total = carry_count;
    for (int32_t k = 0; k < carry_count; k++)
        operands[k] = carries[k];
    numc_status status = NUMC_OK;
    if (condition->captured_count + step->captured_count > 0)
        status = join_captures(context, condition, step, carry_count, operands, types, map, &total);
    if (status == NUMC_OK) {
        const int64_t numbers[2] = {carry_count, limit};
        numc_attributes attributes = {.count = 2, .numbers = numbers, .graphs = {condition->graph, step->graph}};
        status = numc__bind(context, NUMC_PRIMITIVE_WHILE, operands, total, &attributes, outputs, carry_count);
    }
    numc__free(context, operands, size);
    return status;
}

numc_status numc_while_(numc_context *context, numc_trace_fn condition, numc_trace_fn callback, void *user,
                        const numc_array *const *carries, int32_t carry_count, numc_array **outputs,
                        const numc_while_options *options)
{
    for (int32_t k = 0; outputs != NULL && k < carry_count; k++)
        outputs[k] = NULL;
    if (context == NULL)
        return NUMC_INVALID_ARGUMENT;
    NUMC_TRY(context->status);
    numc_while_options chosen = {0};
    if (options != NULL)
        NUMC_TRY(numc__options_copy(context, &chosen, sizeof chosen, options, options->size, "numc_while_options"));
    NUMC_REQUIRE(context, condition != NULL && callback != NULL, NUMC_INVALID_ARGUMENT, "numc_while: the condition or the body is NULL");
    NUMC_REQUIRE(context, carries != NULL && outputs != NULL && carry_count > 0, NUMC_INVALID_ARGUMENT,
                 "numc_while: a list of %d carries or outputs is NULL, or there is no carry", (int)carry_count);
    NUMC_REQUIRE(context, chosen.limit >= 0, NUMC_INVALID_ARGUMENT, "numc_while: limit %lld", (long long)chosen.limit);
    size_t size = (size_t)carry_count * sizeof(numc_type);
    numc_type *types = numc__allocate(context, size);
    if (types == NULL)
        return context->status;
    body test = {0}, step = {0};
    numc_status status = carry_types(context, "numc_while", carries, carry_count, types);
    if (status == NUMC_OK && numc__trace_is_dynamic(context)) {
        numc__free(context, types, size);
        return numc__while_directly(context, condition, callback, user, carries, carry_count, chosen.limit, outputs);
    }
    if (status == NUMC_OK)
        status = trace_body(context, condition, user, types, carry_count, 1, "numc_while", &test);
    if (status == NUMC_OK)
        status = trace_body(context, callback, user, types, carry_count, carry_count, "numc_while", &step);
    if (status == NUMC_OK)
        status = record_while(context, &test, &step, carries, carry_count, chosen.limit, outputs);
    body_free(context, &test);
    body_free(context, &step);
    numc__free(context, types, size);
    return status;
}

/* ---- fori: a scan over a range, or a while where a bound is traced --------------------------------------------------- */

typedef struct counting {
    numc_trace_fn body;
    void *user;
    const numc_array *upper;
    int32_t carries;
} counting;

/* A step of the scan: carries..., index. The body wants the index first. */
static void counted_step(numc_context *context, const numc_array *const *inputs, int32_t input_count, numc_array **outputs,
                         int32_t output_count, void *user)
{
    const counting *c = user;
    size_t size = (size_t)input_count * sizeof(void *);
    const numc_array **turned = numc__allocate(context, size);
    if (turned == NULL)
        return;
    turned[0] = inputs[input_count - 1];
    for (int32_t k = 0; k < c->carries; k++)
        turned[k + 1] = inputs[k];
    c->body(context, turned, input_count, outputs, output_count, c->user);
    numc__free(context, turned, size);
}

/* A step of the while: index, carries... */
static void counting_step(numc_context *context, const numc_array *const *inputs, int32_t input_count, numc_array **outputs,
                          int32_t output_count, void *user)
{
    const counting *c = user;
    outputs[0] = numc_add(inputs[0], 1);
    c->body(context, inputs, input_count, outputs + 1, output_count - 1, c->user);
}

static void below(numc_context *context, const numc_array *const *inputs, int32_t input_count, numc_array **outputs,
                  int32_t output_count, void *user)
{
    (void)context, (void)input_count, (void)output_count;
    outputs[0] = numc_less(inputs[0], ((const counting *)user)->upper);
}

/* A bound as a 0-d int64 array. */
static numc_array *bound_of(numc_context *context, const char *which, numc_operand bound)
{
    if (bound.kind == NUMC_OPERAND_INTEGER)
        return numc_number_(context, NUMC_INT64, bound);
    const numc_array *x = bound.kind == NUMC_OPERAND_ARRAY ? bound.value.array : NULL;
    if (x == NULL || x->live != NUMC_ARRAY_LIVE || x->rank != 0 || (numc_dtype_kind(x->dtype) & NUMC_KINDS_INTEGRAL) == 0) {
        numc__fail(context, x != NULL && x->live != NUMC_ARRAY_LIVE ? NUMC_DEAD_ARRAY : NUMC_DTYPE,
                   "numc_fori: the %s bound must be a whole number or a 0-d integer array that is alive", which);
        return NULL;
    }
    return wide_index(x);
}

static numc_status counted_loop(numc_context *context, const numc_array *lower, counting *c, const numc_array *const *carries,
                                numc_array **outputs)
{
    int64_t first = numc_item_integer(lower), end = numc_item_integer(c->upper), zero = 0;
    NUMC_TRY(context->status);
    NUMC_REQUIRE(context, first >= 0 || end <= INT64_MAX + first, NUMC_VALUE, "numc_fori: from %lld to %lld are too many steps",
                 (long long)first, (long long)end);
    int64_t numbers[2] = {zero, end > first ? end - first : 0};
    numc_attributes attributes = {.count = 2, .numbers = numbers, .dtype = NUMC_INT64};
    numc_array *range = numc__bind1(context, NUMC_PRIMITIVE_IOTA, NULL, 0, &attributes);
    const numc_array *places = numc_add(range, first);
    if (places == NULL)
        return context->status;
    return numc_scan_(context, counted_step, c, carries, c->carries, &places, 1, outputs, 0, NULL);
}

static numc_status counting_loop(numc_context *context, const numc_array *lower, counting *c, const numc_array *const *carries,
                                 numc_array **outputs)
{
    size_t count = (size_t)c->carries + 1, size = 2 * count * sizeof(void *);
    const numc_array **all = numc__allocate_zero(context, 1, size);
    if (all == NULL)
        return context->status;
    numc_array **results = (numc_array **)(uintptr_t)(all + count);
    all[0] = lower;
    for (int32_t k = 0; k < c->carries; k++)
        all[k + 1] = carries[k];
    numc_status status = numc_while_(context, below, counting_step, c, all, (int32_t)count, results, NULL);
    for (int32_t k = 0; k < c->carries && status == NUMC_OK; k++)
        outputs[k] = results[k + 1];
    numc__free(context, all, size);
    return status;
}

numc_status numc_fori_(numc_context *context, numc_operand lower, numc_operand upper, numc_trace_fn callback, void *user,
                       const numc_array *const *carries, int32_t carry_count, numc_array **outputs)
{
    for (int32_t k = 0; outputs != NULL && k < carry_count; k++)
        outputs[k] = NULL;
    if (context == NULL)
        return NUMC_INVALID_ARGUMENT;
    NUMC_TRY(context->status);
    NUMC_REQUIRE(context, callback != NULL && carries != NULL && outputs != NULL && carry_count > 0 && carry_count < INT32_MAX,
                 NUMC_INVALID_ARGUMENT, "numc_fori: the body or a list of %d carries or outputs is NULL, or there is no carry",
                 (int)carry_count);
    numc_array *first = bound_of(context, "lower", lower);
    counting c = {callback, user, first == NULL ? NULL : bound_of(context, "upper", upper), carry_count};
    if (first == NULL || c.upper == NULL)
        return context->status;
    bool known = numc__array_value(first) != NULL && numc__array_value(c.upper) != NULL;
    return NUMC_AS_PART_OF(context, "numc_fori", (known ? counted_loop : counting_loop)(context, first, &c, carries, outputs));
}
