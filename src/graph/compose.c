/* compose.c - transforms made of jvp, vjp and vmap: Jacobians, Hessians, Hessian-vector products, and linearisation at a point. */
#include "graph/batch.h"
#include "graph/function.h"

#define CONST(pointers) ((const numc_array *const *)(pointers))

static int64_t size_of(const numc_type *type)
{
    int64_t size = 1;
    for (int32_t d = 0; d < type->rank; d++)
        size *= type->shape[d];
    return size;
}

/* ---- directions: all unit vectors of several values, as one batch --------------------------------------------------- */

/* Of value `which` among `count` types (those that are floats): [N, shape], where row r is the unit vector r - first of it. */
numc_array *numc__unit_vectors(numc_context *context, const numc_type *type, int64_t first, int64_t total)
{
    int64_t size = size_of(type), shape[NUMC_RANK_LIMIT + 1] = {total};
    for (int32_t d = 0; d < type->rank; d++)
        shape[d + 1] = type->shape[d];
    return numc__reshape_to(context, numc_eye_(context, type->dtype, total, size, -first), type->rank + 1, shape);
}

/* Rows first .. first + size - 1 of directions [N, shape of y] as the block [shape of y, shape of x] or, `rows`, [x, y]. */
static numc_array *block_of(numc_context *context, const numc_array *d, const numc_type *x, int64_t first, bool rows)
{
    int64_t numbers[3 * NUMC_RANK_LIMIT], shape[2 * NUMC_RANK_LIMIT];
    if (d == NULL)
        return NULL;
    int32_t rank = d->rank, at = 0;
    const int32_t most = numc_info_capabilities().max_dimensions; /* primitives would take more, the array's users not */
    if (rank - 1 + x->rank > most) {
        numc__fail(context, NUMC_SHAPE, "a derivative of rank %d is beyond %d", rank - 1 + x->rank, most);
        return NULL;
    }
    for (int32_t i = 0; i < rank; i++) {
        numbers[i] = i == 0 ? first : 0;
        numbers[rank + i] = i == 0 ? size_of(x) : d->shape[i];
        numbers[2 * rank + i] = 1;
    }
    numc_array *part = numc__apply_numbers(context, NUMC_PRIMITIVE_SLICE, &d, 1, numbers, 3 * rank);
    for (int32_t i = 0; rows && i < x->rank; i++)
        shape[at++] = x->shape[i];
    for (int32_t i = 1; i < rank; i++)
        shape[at++] = d->shape[i];
    for (int32_t i = 0; !rows && i < x->rank; i++)
        shape[at++] = x->shape[i];
    return numc__reshape_to(context, rows ? part : numc__batch_move(context, part, 0, rank - 1), at, shape);
}

/* A derived graph (x..., directions...) -> (y..., derivatives...) at x for all unit directions: y, and derivatives with the
 * batch in front. */
static numc_status along_all(numc_context *context, const numc_graph *derived, numc_array *const *x, int32_t x_count,
                             const numc_graph *directions_of, bool of_outputs, numc_array **y, int32_t y_count, numc_array **block,
                             bool *flags, int64_t total)
{
    numc_array **in = block, **out = in + derived->input_count;
    bool *mapped = flags, *mapped_y = mapped + derived->input_count;
    int32_t at = 0;
    for (; at < x_count; at++)
        in[at] = x[at];
    int64_t first = 0;
    for (int32_t i = 0; i < (of_outputs ? directions_of->output_count : directions_of->input_count); i++) {
        const numc_type *type = of_outputs ? numc__graph_output_type(directions_of, i) : numc__graph_input_type(directions_of, i);
        if (!numc__differentiable(type->dtype))
            continue;
        mapped[at] = true;
        in[at++] = numc__unit_vectors(context, type, first, total);
        first += size_of(type);
    }
    NUMC_TRY(context->status);
    NUMC_TRY(numc__batch_apply(context, derived, total, CONST(in), mapped, out, mapped_y));
    for (int32_t i = 0; i < derived->output_count; i++) {
        y[i] = i < y_count || mapped_y[i] ? out[i] : numc__batch_spread(context, total, out[i]);
        NUMC_REQUIRE(context, i >= y_count || !mapped_y[i], NUMC_INTERNAL, "a value depends on a direction");
    }
    return context->status;
}

int64_t numc__direction_count(const numc_graph *graph, bool of_outputs)
{
    int64_t total = 0;
    for (int32_t i = 0; i < (of_outputs ? graph->output_count : graph->input_count); i++) {
        const numc_type *type = of_outputs ? numc__graph_output_type(graph, i) : numc__graph_input_type(graph, i);
        total += numc__differentiable(type->dtype) ? size_of(type) : 0;
    }
    return total;
}

/* ---- Jacobians ----------------------------------------------------------------------------------------------------- */

static int32_t floats_in(const numc_graph *graph)
{
    int32_t count = 0;
    for (int32_t i = 0; i < graph->input_count; i++)
        count += numc__differentiable(numc__graph_input_type(graph, i)->dtype);
    return count;
}

static int32_t floats_out(const numc_graph *graph)
{
    int32_t count = 0;
    for (int32_t i = 0; i < graph->output_count; i++)
        count += numc__differentiable(numc__graph_output_type(graph, i)->dtype);
    return count;
}

/* The blocks of a Jacobian, output by output, from derivatives along all directions of the inputs (forward) or outputs. */
int32_t numc__jacobian_blocks(numc_context *context, const numc_graph *graph, numc_array *const *derivatives, bool reverse, int32_t skip,
                              numc_array **result)
{
    int32_t count = 0, row = 0;
    int64_t first_row = 0;
    for (int32_t i = 0; i < graph->output_count; i++) {
        const numc_type *y = numc__graph_output_type(graph, i);
        if (!numc__differentiable(y->dtype))
            continue;
        int32_t column = 0;
        int64_t first_column = 0;
        for (int32_t j = 0; j < graph->input_count; j++) {
            const numc_type *x = numc__graph_input_type(graph, j);
            if (!numc__differentiable(x->dtype))
                continue;
            if (row >= skip)
                result[count++] = reverse ? block_of(context, derivatives[column], y, first_row, true)
                                          : block_of(context, derivatives[row], x, first_column, false);
            first_column += size_of(x);
            column++;
        }
        first_row += size_of(y);
        row++;
    }
    return count;
}

/* (x...) -> (y..., derivatives of outputs `skip` on). */
static numc_graph *jacobian_trace(numc_context *context, const numc_graph *graph, const numc_graph *derived, bool reverse,
                                  int32_t skip, numc_array **block, bool *flags)
{
    int32_t ins = graph->input_count, outs = graph->output_count;
    numc_array **x = block, **y = x + ins, **scratch = y + derived->output_count;
    numc_array **outputs = scratch + derived->input_count + derived->output_count;
    numc_trace *trace = numc__trace_begin(context);
    if (trace == NULL)
        return NULL;
    for (int32_t i = 0; i < ins; i++)
        x[i] = numc__trace_input(trace, &graph->values[i].type, graph->values[i].name);
    numc_status status = context->status;
    if (status == NUMC_OK)
        status = along_all(context, derived, x, ins, graph, reverse, y, outs, scratch, flags, numc__direction_count(graph, reverse));
    int32_t count = outs;
    if (status == NUMC_OK) {
        for (int32_t i = 0; i < outs; i++)
            outputs[i] = y[i];
        count += numc__jacobian_blocks(context, graph, y + outs, reverse, skip, outputs + outs);
        status = context->status;
    }
    if (status != NUMC_OK) {
        numc__trace_abandon(trace);
        return NULL;
    }
    return numc__trace_finish(trace, outputs, count, NULL, NULL);
}

/* Takes the reference of `derived`. */
static numc_function *jacobian(numc_context *context, const numc_graph *graph, numc_graph *derived, bool reverse, int32_t skip)
{
    if (derived == NULL)
        return NULL;
    size_t ins = (size_t)graph->input_count, outs = (size_t)graph->output_count, all_in = (size_t)derived->input_count;
    size_t all_out = (size_t)derived->output_count, blocks = (size_t)floats_in(graph) * (size_t)floats_out(graph);
    size_t pointers = ins + 2 * all_out + all_in + outs + blocks;
    size_t size = pointers * sizeof(void *) + (all_in + all_out) * sizeof(bool);
    numc_array **block = numc__allocate_zero(context, 1, size);
    numc_graph *result = NULL;
    if (block != NULL)
        result = jacobian_trace(context, graph, derived, reverse, skip, block, (bool *)(void *)(block + pointers));
    numc__free(context, block, size);
    numc__graph_release(derived);
    return numc__function_wrap(context, result);
}

static bool is_ours(numc_context *context, const numc_function *function, const char *name)
{
    if (context == NULL || context->status != NUMC_OK)
        return false;
    if (function == NULL)
        numc__fail(context, NUMC_INVALID_ARGUMENT, "%s: the function is NULL", name);
    return function != NULL && !numc__function_is_foreign(context, function, name);
}

static bool fit_for(numc_context *context, const numc_function *function, const char *name)
{
    return is_ours(context, function, name) && !numc__function_is_unfit(context, function, name);
}

numc_function *numc_function_jacobian_forward(numc_context *context, const numc_function *function)
{
    if (!is_ours(context, function, "numc_function_jacobian_forward"))
        return NULL;
    if (function->dynamic != NULL)
        return NUMC_AS_PART_OF(context, "numc_function_jacobian_forward", numc__dynamic_function_derive(context, function, NUMC_TRANSFORM_JACOBIAN_FORWARD));
    return NUMC_AS_PART_OF(context, "numc_function_jacobian_forward",
                           jacobian(context, function->graph, numc__graph_jvp(context, function->graph, NULL), false, 0));
}

numc_function *numc_function_jacobian_reverse(numc_context *context, const numc_function *function)
{
    if (!is_ours(context, function, "numc_function_jacobian_reverse"))
        return NULL;
    if (function->dynamic != NULL)
        return NUMC_AS_PART_OF(context, "numc_function_jacobian_reverse", numc__dynamic_function_derive(context, function, NUMC_TRANSFORM_JACOBIAN_REVERSE));
    return NUMC_AS_PART_OF(context, "numc_function_jacobian_reverse",
                           jacobian(context, function->graph, numc__graph_vjp(context, function->graph, NULL), true, 0));
}

/* Forward over reverse: the Jacobian of (y, gradient...) without the rows of y, which the gradient is. */
numc_function *numc_function_hessian(numc_context *context, const numc_function *function)
{
    if (!is_ours(context, function, "numc_function_hessian"))
        return NULL;
    if (function->dynamic != NULL)
        return NUMC_AS_PART_OF(context, "numc_function_hessian", numc__dynamic_function_derive(context, function, NUMC_TRANSFORM_HESSIAN));
    numc_graph *gradient = NUMC_AS_PART_OF(context, "numc_function_hessian", numc__graph_value_and_gradient(context, function->graph, NULL));
    if (gradient == NULL)
        return NULL;
    numc_function *result = jacobian(context, gradient, numc__graph_jvp(context, gradient, NULL), false, 1);
    numc__graph_release(gradient);
    return result;
}

/* ---- a direction ----------------------------------------------------------------------------------------------------- */

/* `graph` without its output `left_out`. */
static numc_graph *without_output(numc_context *context, const numc_graph *graph, int32_t left_out)
{
    size_t count = (size_t)graph->input_count + (size_t)graph->output_count;
    numc_array **block = numc__allocate_zero(context, count, sizeof *block);
    if (block == NULL)
        return NULL;
    numc_array **outputs = block + graph->input_count;
    numc_graph *result = NULL;
    numc_trace *trace = numc__trace_begin(context);
    if (trace != NULL) {
        for (int32_t i = 0; i < graph->input_count; i++)
            block[i] = numc__trace_input(trace, &graph->values[i].type, graph->values[i].name);
        numc_status status = context->status;
        if (status == NUMC_OK)
            status = numc__graph_apply(context, graph, CONST(block), graph->input_count, outputs, graph->output_count);
        for (int32_t i = left_out; i + 1 < graph->output_count; i++)
            outputs[i] = outputs[i + 1];
        if (status == NUMC_OK)
            result = numc__trace_finish(trace, outputs, graph->output_count - 1, NULL, NULL);
        else
            numc__trace_abandon(trace);
    }
    numc__free(context, block, count * sizeof *block);
    return result;
}

/* jvp of (y, gradient...) gives (y, gradient..., dy, H v...); dy is <gradient, v>. */
numc_function *numc_function_hvp(numc_context *context, const numc_function *function)
{
    if (context != NULL && context->status == NUMC_OK && function != NULL && function->dynamic != NULL) {
        if (numc__function_is_foreign(context, function, "numc_function_hvp"))
            return NULL;
        return NUMC_AS_PART_OF(context, "numc_function_hvp", numc__dynamic_function_derive(context, function, NUMC_TRANSFORM_HVP));
    }
    if (!fit_for(context, function, "numc_function_hvp"))
        return NULL;
    numc_graph *gradient = NUMC_AS_PART_OF(context, "numc_function_hvp", numc__graph_value_and_gradient(context, function->graph, NULL));
    numc_graph *both = gradient == NULL ? NULL : numc__graph_jvp(context, gradient, NULL);
    numc_graph *result = both == NULL ? NULL : without_output(context, both, gradient->output_count);
    numc__graph_release(gradient);
    numc__graph_release(both);
    return numc__function_wrap(context, result);
}

/* ---- computing again instead of keeping -------------------------------------------------------------------------------- */

/* `graph` as the one step of a scan whose operands are constants, each output stacked once. A scan keeps its carries alone, and runs
 * the step again on the way back; and a step has memory of its own only while it runs. */
static numc_graph *rematerialized(numc_context *context, const numc_graph *graph, numc_array **block)
{
    int32_t ins = graph->input_count, outs = graph->output_count;
    numc_array **outputs = block + ins;
    numc_trace *trace = numc__trace_begin(context);
    if (trace == NULL)
        return NULL;
    for (int32_t i = 0; i < ins; i++)
        block[i] = numc__trace_input(trace, &graph->values[i].type, graph->values[i].name);
    static const int64_t numbers[5] = {0, 0, 1, 0, 1};
    numc_attributes attributes = {.count = 5, .numbers = numbers, .graphs = {(numc_graph *)(uintptr_t)graph}};
    numc_status status = context->status;
    if (status == NUMC_OK)
        status = numc__bind(context, NUMC_PRIMITIVE_SCAN, CONST(block), ins, &attributes, outputs, outs);
    for (int32_t i = 0; i < outs && status == NUMC_OK; i++) {
        const numc_type *type = numc__graph_output_type(graph, i);
        outputs[i] = numc__reshape_to(context, outputs[i], type->rank, type->shape);
        status = context->status;
    }
    if (status != NUMC_OK) {
        numc__trace_abandon(trace);
        return NULL;
    }
    return numc__trace_finish(trace, outputs, outs, NULL, NULL);
}

numc_function *numc_function_rematerialize(numc_context *context, const numc_function *function)
{
    if (!fit_for(context, function, "numc_function_rematerialize"))
        return NULL;
    const numc_graph *graph = function->graph;
    if (graph->input_count == 0)
        return numc__function_wrap(context, numc__graph_keep((numc_graph *)(uintptr_t)graph)); /* there is nothing to keep */
    size_t count = (size_t)graph->input_count + (size_t)graph->output_count;
    numc_array **block = numc__allocate_zero(context, count, sizeof *block);
    numc_graph *result = block == NULL ? NULL : rematerialized(context, graph, block);
    numc__free(context, block, count * sizeof *block);
    return numc__function_wrap(context, result);
}

/* ---- linearisation ----------------------------------------------------------------------------------------------------- */

/* Values at x are computed here and now; only what depends on a tangent is recorded. */
static numc_graph *linearize(numc_context *context, const numc_graph *graph, const numc_array *const *x, numc_array **values,
                             numc_array **block)
{
    int32_t ins = graph->input_count, outs = graph->output_count;
    numc_array **dx = block, **y = dx + ins, **dy = y + outs;
    numc_scope_frame *outside = context->scope;
    numc_trace *trace = numc__trace_begin(context);
    if (trace == NULL)
        return NULL;
    for (int32_t i = 0; i < ins; i++) {
        if (numc__differentiable(graph->values[i].type.dtype))
            dx[i] = numc__trace_input(trace, &graph->values[i].type, graph->values[i].name);
    }
    numc_status status = context->status;
    if (status == NUMC_OK)
        status = numc__jvp_apply(context, graph, x, CONST(dx), y, dy);
    int32_t count = 0;
    for (int32_t i = 0; i < outs && status == NUMC_OK; i++) {
        const numc_type *type = numc__graph_output_type(graph, i);
        if (y[i]->content == NUMC_CONTENT_TRACED) /* a scan that moves gives its values with its tangents */
            y[i] = NULL;
        else
            y[i] = numc__array_alias(context, y[i]);
        if (y[i] != NULL)
            numc__array_move(y[i], outside);
        if (numc__differentiable(type->dtype))
            dy[count++] = dy[i] != NULL ? dy[i] : numc__zeros_of(context, type);
        status = context->status;
    }
    if (status != NUMC_OK) {
        numc__trace_abandon(trace);
        return NULL;
    }
    numc_graph *result = numc__trace_finish(trace, dy, count, NULL, NULL);
    bool missing = false;
    for (int32_t i = 0; i < outs; i++) {
        missing = missing || y[i] == NULL;
        if (values != NULL)
            values[i] = y[i];
    }
    if (result != NULL && values != NULL && missing &&
        numc__graph_apply(context, graph, x, ins, values, outs) != NUMC_OK) {
        numc__graph_release(result);
        return NULL;
    }
    return result;
}

numc_function *numc_function_linearize(numc_context *context, const numc_function *function, const numc_array *const *inputs,
                                       int32_t input_count, numc_array **outputs, int32_t output_count)
{
    for (int32_t i = 0; outputs != NULL && i < output_count; i++)
        outputs[i] = NULL;
    if (!fit_for(context, function, "numc_function_linearize"))
        return NULL;
    const numc_graph *graph = function->graph;
    if (numc__graph_check_inputs(context, graph, inputs, input_count) != NUMC_OK)
        return NULL;
    for (int32_t i = 0; i < input_count; i++) {
        if (inputs[i]->content == NUMC_CONTENT_TRACED) {
            numc__fail(context, NUMC_TRACE, "numc_function_linearize: input %d has no value yet: inside a trace use numc_function_jvp", i);
            return NULL;
        }
    }
    if (outputs != NULL && output_count != graph->output_count) {
        numc__fail(context, NUMC_INVALID_ARGUMENT, "the function gives %d outputs, not %d", graph->output_count, output_count);
        return NULL;
    }
    size_t size = ((size_t)graph->input_count + 2 * (size_t)graph->output_count) * sizeof(void *);
    numc_array **block = numc__allocate_zero(context, 1, size);
    if (block == NULL)
        return NULL;
    numc_graph *result = linearize(context, graph, inputs, outputs, block);
    numc__free(context, block, size);
    if (result == NULL) {
        for (int32_t i = 0; outputs != NULL && i < output_count; i++)
            outputs[i] = NULL;
    }
    return numc__function_wrap(context, result);
}
