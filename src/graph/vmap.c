/* vmap.c - numc_function_vmap: axes and examples checked, then the transform of batch.c. */
#include "graph/function.h"

/* Axis `given` of an array of that rank; -1: unmapped. */
static numc_status read_axis(numc_context *context, const char *what, int32_t i, int64_t given, int32_t rank, int32_t *axis)
{
    *axis = -1;
    if (given == NUMC_UNMAPPED)
        return NUMC_OK;
    NUMC_REQUIRE(context, given >= -(int64_t)rank && given < rank, NUMC_INDEX,
                 "numc_function_vmap: axis %lld of %s %d is out of bounds: with the batch it has rank %d", (long long)given,
                 what, i, rank);
    *axis = (int32_t)(given < 0 ? given + rank : given);
    return NUMC_OK;
}

static numc_status read_axes(numc_context *context, const char *what, numc_axes axes, int32_t count)
{
    NUMC_REQUIRE(context, !axes.given || (axes.count == count && (axes.values != NULL || count == 0)), NUMC_INVALID_ARGUMENT,
                 "numc_function_vmap: %d axes of %ss are given, the function has %d", axes.count, what, count);
    return NUMC_OK;
}

/* The example is the function's input with one axis more at `axis`, of *size unless that is still -1. */
static numc_status check_example(numc_context *context, const numc_array *x, int32_t i, const numc_type *type, int32_t axis,
                                 int64_t *size)
{
    char got[160], wanted[160];
    bool fits = x->dtype == type->dtype && x->rank == type->rank + (axis >= 0);
    for (int32_t d = 0, from = 0; fits && d < x->rank; d++) {
        if (d != axis)
            fits = x->shape[d] == type->shape[from++];
    }
    if (!fits) {
        numc__type_format(got, sizeof got, x->dtype, x->rank, x->shape);
        numc__type_format(wanted, sizeof wanted, type->dtype, type->rank, type->shape);
        if (axis < 0)
            return numc__fail(context, x->dtype != type->dtype ? NUMC_DTYPE : NUMC_SHAPE,
                              "numc_function_vmap: example %d, unmapped, is %s; the function takes %s", i, got, wanted);
        return numc__fail(context, x->dtype != type->dtype ? NUMC_DTYPE : NUMC_SHAPE,
                          "numc_function_vmap: example %d is %s; the function takes %s, which has the batch at axis %d", i, got,
                          wanted, axis);
    }
    if (axis < 0)
        return NUMC_OK;
    NUMC_REQUIRE(context, *size < 0 || *size == x->shape[axis], NUMC_SHAPE,
                 "numc_function_vmap: example %d has %lld elements along its axis %d, the mapped ones before it have %lld", i,
                 (long long)x->shape[axis], axis, (long long)*size);
    *size = x->shape[axis];
    return NUMC_OK;
}

static numc_status prepare(numc_context *context, const numc_graph *graph, const numc_array *const *examples,
                           const numc_vmap_options *options, int32_t *in_axes, int32_t *out_axes, int64_t *size)
{
    int32_t ins = graph->input_count, outs = graph->output_count;
    NUMC_TRY(read_axes(context, "input", options->in_axes, ins));
    NUMC_TRY(read_axes(context, "output", options->out_axes, outs));
    *size = -1;
    for (int32_t i = 0; i < ins; i++) {
        const numc_type *type = numc__graph_input_type(graph, i);
        NUMC_REQUIRE(context, examples[i] != NULL, NUMC_INVALID_ARGUMENT, "numc_function_vmap: example %d is NULL", i);
        NUMC_REQUIRE(context, examples[i]->live == NUMC_ARRAY_LIVE, NUMC_DEAD_ARRAY, "numc_function_vmap: example %d is dead", i);
        NUMC_TRY(read_axis(context, "input", i, options->in_axes.given ? options->in_axes.values[i] : 0, type->rank + 1,
                           &in_axes[i]));
        NUMC_TRY(check_example(context, examples[i], i, type, in_axes[i], size));
    }
    NUMC_REQUIRE(context, *size >= 0, NUMC_INVALID_ARGUMENT, "numc_function_vmap: no input is mapped");
    const int32_t most = numc_info_capabilities().max_dimensions; /* primitives would take more, the array's users not */
    for (int32_t i = 0; i < outs; i++) {
        int32_t rank = numc__graph_output_type(graph, i)->rank + 1;
        NUMC_TRY(read_axis(context, "output", i, options->out_axes.given ? options->out_axes.values[i] : 0, rank, &out_axes[i]));
        NUMC_REQUIRE(context, out_axes[i] < 0 || rank <= most, NUMC_SHAPE,
                     "numc_function_vmap: with the batch output %d has rank %d, beyond %d", i, rank, most);
    }
    return NUMC_OK;
}

numc_function *numc_function_vmap_(numc_context *context, const numc_function *function, const numc_array *const *examples,
                                   int32_t input_count, const numc_vmap_options *options)
{
    if (context == NULL || context->status != NUMC_OK)
        return NULL;
    numc_vmap_options chosen = {0};
    if (options != NULL &&
        numc__options_copy(context, &chosen, sizeof chosen, options, options->size, "numc_vmap_options") != NUMC_OK)
        return NULL;
    if (function == NULL || input_count != function->graph->input_count || (examples == NULL && input_count > 0)) {
        numc__fail(context, NUMC_INVALID_ARGUMENT, "numc_function_vmap: the function or the list of examples is NULL, or %d are "
                   "given where it takes %d", input_count, function == NULL ? 0 : function->graph->input_count);
        return NULL;
    }
    if (numc__function_is_unfit(context, function, "numc_function_vmap"))
        return NULL;
    const numc_graph *graph = function->graph;
    size_t bytes = ((size_t)input_count + (size_t)graph->output_count) * sizeof(int32_t);
    int32_t *axes = numc__allocate(context, bytes);
    if (axes == NULL)
        return NULL;
    int64_t size;
    numc_function *result = NULL;
    if (prepare(context, graph, examples, &chosen, axes, axes + input_count, &size) == NUMC_OK)
        result = numc__function_wrap(context, numc__graph_vmap(context, graph, size, axes, axes + input_count));
    numc__free(context, axes, bytes);
    return result;
}
