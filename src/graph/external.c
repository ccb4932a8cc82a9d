/* external.c - C functions as primitives: numc_function_external, its runs on concrete arrays, its batches, and the refusal of
 * derivatives that were not given. Those that were are functions of the same kind, held by CUSTOM. */
#include "graph/external.h"

#include <string.h>

#include "graph/batch.h"
#include "graph/function.h"

#define CONST(pointers) ((const numc_array *const *)(pointers))

/* ---- calls ------------------------------------------------------------------------------------------------------- */

static uint64_t bytes_of(const numc_external_array *x)
{
    uint64_t bytes = numc_dtype_size(x->dtype);
    for (int32_t d = 0; d < x->rank; d++)
        bytes *= (uint64_t)x->shape[d];
    return bytes;
}

static numc_status call_once(numc_context *context, const int64_t *numbers, const numc_external_array *arrays, int32_t input_count,
                             int32_t output_count)
{
    char message[256] = "";
    numc_external_fn callback = (numc_external_fn)(intptr_t)numbers[NUMC_EXTERNAL_CALLBACK];
    const numc_external_array *outputs = arrays + input_count;
    numc_status status = callback(arrays, input_count, outputs, output_count, message, sizeof message,
                                  (void *)(intptr_t)numbers[NUMC_EXTERNAL_USER]);
    if (status != NUMC_OK) {
        message[sizeof message - 1] = '\0';
        return numc__fail(context, status, "numc_function_external: the function failed%s%s", message[0] != '\0' ? ": " : "", message);
    }
    for (int32_t k = 0; k < output_count; k++) {
        unsigned char *truth = outputs[k].data;
        for (uint64_t i = 0; outputs[k].dtype == NUMC_BOOL && i < bytes_of(&outputs[k]); i++)
            truth[i] = truth[i] != 0;
    }
    return NUMC_OK;
}

numc_status numc__external_call(numc_context *context, const int64_t *numbers, numc_external_array *arrays, int32_t input_count,
                                int32_t output_count)
{
    int32_t batch = (int32_t)numbers[NUMC_EXTERNAL_BATCH], count = input_count + output_count;
    int64_t size = 1;
    for (int32_t d = 0; d < batch; d++)
        size *= arrays[0].shape[d];
    for (int32_t k = 0; k < count; k++) {
        arrays[k].shape += batch;
        arrays[k].rank -= batch;
    }
    numc_status status = NUMC_OK;
    int64_t done = 0;
    for (; done < size && status == NUMC_OK; done++) {
        status = call_once(context, numbers, arrays, input_count, output_count);
        for (int32_t k = 0; k < count; k++)
            arrays[k].data = (char *)arrays[k].data + bytes_of(&arrays[k]);
    }
    for (int32_t k = 0; k < count; k++) {
        arrays[k].data = (char *)arrays[k].data - (uint64_t)done * bytes_of(&arrays[k]);
        arrays[k].shape -= batch;
        arrays[k].rank += batch;
    }
    return status;
}

static numc_status run(numc_context *context, const numc_array *const *inputs, int32_t input_count,
                       const numc_attributes *attributes, numc_array **outputs, const numc_type *types, int32_t output_count,
                       numc_external_array *arrays)
{
    for (int32_t k = 0; k < input_count + output_count; k++) {
        const numc_array *x = k < input_count ? inputs[k] : NULL;
        arrays[k] = x != NULL ? (numc_external_array){x->dtype, x->rank, x->shape, NULL}
                              : (numc_external_array){types[k - input_count].dtype, types[k - input_count].rank,
                                                      types[k - input_count].shape, NULL};
        arrays[k].data = numc__allocate(context, bytes_of(&arrays[k]) + 1);
        if (arrays[k].data == NULL)
            return context->status;
        if (x != NULL)
            NUMC_TRY(numc_to_host(numc__array_alias(context, x), x->dtype, arrays[k].data, bytes_of(&arrays[k])));
    }
    NUMC_TRY(numc__external_call(context, attributes->numbers, arrays, input_count, output_count));
    for (int32_t k = 0; k < output_count; k++) {
        const numc_external_array *y = &arrays[input_count + k];
        outputs[k] = numc_from_host_(context, y->dtype, (numc_shape){y->shape, y->rank, true}, y->data);
        NUMC_TRY(context->status);
    }
    return NUMC_OK;
}

numc_status numc__external_run(numc_context *context, const numc_array *const *inputs, int32_t input_count,
                               const numc_attributes *attributes, numc_array **outputs)
{
    int32_t output_count = (int32_t)attributes->numbers[NUMC_EXTERNAL_OUTPUTS], count = 0;
    size_t ins = (size_t)input_count, outs = (size_t)output_count;
    size_t size = outs * sizeof(int64_t[NUMC_RANK_LIMIT]) + (ins + outs) * (sizeof(numc_type) + sizeof(numc_external_array));
    int64_t(*shapes)[NUMC_RANK_LIMIT] = numc__allocate_zero(context, 1, size);
    if (shapes == NULL)
        return context->status;
    numc_type *types = (numc_type *)(void *)(shapes + outs);
    numc_external_array *arrays = (numc_external_array *)(void *)(types + ins + outs);
    for (int32_t k = 0; k < input_count; k++)
        types[k] = numc__type_of(inputs[k]);
    numc_status status = numc__primitive_infer(context, NUMC_PRIMITIVE_EXTERNAL, types, input_count, attributes, types + ins, shapes,
                                               output_count, &count);
    if (status == NUMC_OK)
        status = run(context, inputs, input_count, attributes, outputs, types + ins, output_count, arrays);
    for (int32_t k = 0; k < input_count + output_count; k++)
        if (arrays[k].data != NULL)
            numc__free(context, arrays[k].data, bytes_of(&arrays[k]) + 1);
    numc__free(context, shapes, size);
    return status;
}

/* ---- derivatives that were not given, batches ---------------------------------------------------------------------- */

static numc_status no_derivative(const numc_application *a, const char *mode, const char *field)
{
    return numc__fail(a->context, NUMC_UNSUPPORTED,
                      "a function made by numc_function_external has no derivative in %s mode: give it %s (of that function itself "
                      "there is none), or numc_function_custom_jvp a rule", mode, field);
}

numc_status numc__jvp_external(const numc_application *a, const numc_array *const *dx, numc_array **dy)
{
    (void)dx, (void)dy;
    return no_derivative(a, "forward", ".jvp");
}

numc_status numc__vjp_external(const numc_application *a, const numc_array *const *ybar, const bool *wanted, numc_array **xbar)
{
    (void)ybar, (void)wanted, (void)xbar;
    return no_derivative(a, "reverse", ".vjp");
}

numc_status numc__batch_external(const numc_batching *b, numc_array **y, bool *mapped_y)
{
    (void)mapped_y;
    numc_context *context = b->context;
    size_t pointers = (size_t)b->input_count, numbers = (size_t)b->attributes->count;
    size_t size = pointers * sizeof(void *) + numbers * sizeof(int64_t);
    numc_array **x = numc__allocate_zero(context, 1, size);
    if (x == NULL)
        return context->status;
    numc_attributes attributes = *b->attributes;
    int64_t *copy = (int64_t *)(void *)(x + pointers);
    memcpy(copy, attributes.numbers, numbers * sizeof *copy);
    copy[NUMC_EXTERNAL_BATCH]++;
    attributes.numbers = copy;
    for (int32_t k = 0; k < b->input_count; k++)
        x[k] = numc__batch_operand(b, k);
    numc_status status = context->status;
    if (status == NUMC_OK)
        status = numc__bind(context, b->primitive, CONST(x), b->input_count, &attributes, y, b->output_count);
    numc__free(context, x, size);
    return status;
}

/* ---- functions --------------------------------------------------------------------------------------------------- */

typedef struct declaration {
    const numc_array_type *inputs, *outputs;
    int32_t input_count, output_count;
    void *user;
} declaration;

/* A function, or (part 2, 3) its forward or reverse derivative: which types come in and go out. */
enum { THE_FUNCTION, FORWARD, REVERSE };

static numc_graph *external_graph(numc_context *context, const declaration *d, numc_external_fn callback, int which, numc_array **block,
                                  int64_t *numbers)
{
    int32_t count = 0, results = 0, at = NUMC_EXTERNAL_TYPES;
    numc_trace *trace = numc__trace_begin(context);
    if (trace == NULL)
        return NULL;
    for (int part = 0; part < 4; part++) { /* x, y, directions; then results */
        bool inputs = which == THE_FUNCTION ? part == 0 : part == 0 || part == (which == FORWARD ? 2 : 3);
        bool derived = which != THE_FUNCTION && part >= 2;
        if (which == THE_FUNCTION && (part == 1 || part == 2))
            continue;
        for (int32_t i = 0; i < (inputs ? d->input_count : d->output_count); i++) {
            const numc_array_type *type = inputs ? &d->inputs[i] : &d->outputs[i];
            numc_dtype dtype = type->dtype == NUMC_DTYPE_DEFAULT ? numc_default_float(context) : type->dtype;
            if (derived && !numc__differentiable(dtype))
                continue;
            if (part < 3) {
                block[count++] = numc__trace_input(trace, &(numc_type){dtype, type->shape.count, type->shape.values}, NULL);
                continue;
            }
            numbers[at++] = (int64_t)dtype;
            numbers[at++] = type->shape.count;
            for (int32_t axis = 0; axis < type->shape.count; axis++)
                numbers[at++] = type->shape.values[axis];
            results++;
        }
    }
    numbers[NUMC_EXTERNAL_CALLBACK] = (int64_t)(intptr_t)callback;
    numbers[NUMC_EXTERNAL_USER] = (int64_t)(intptr_t)d->user;
    numbers[NUMC_EXTERNAL_BATCH] = 0;
    numbers[NUMC_EXTERNAL_OUTPUTS] = results;
    const numc_attributes attributes = {.count = at, .numbers = numbers};
    numc_status status = context->status;
    if (status == NUMC_OK)
        status = numc__bind(context, NUMC_PRIMITIVE_EXTERNAL, CONST(block), count, &attributes, block + count, results);
    if (status != NUMC_OK) {
        numc__trace_abandon(trace);
        return NULL;
    }
    return numc__trace_finish(trace, block + count, results, NULL, NULL);
}

/* `graph` with a derivative; takes its reference. */
static numc_graph *with_derivative(numc_context *context, numc_graph *graph, const declaration *d, numc_external_fn callback, int which,
                                   int64_t number, numc_array **block, int64_t *numbers)
{
    if (graph == NULL || callback == NULL)
        return graph;
    numc_graph *rule = external_graph(context, d, callback, which, block, numbers);
    numc_graph *result = rule == NULL ? NULL : numc__custom_graph(context, graph, rule, number);
    numc__graph_release(rule);
    numc__graph_release(graph);
    return result;
}

static bool types_are_good(numc_context *context, const numc_array_type *types, int32_t count, const char *what)
{
    for (int32_t i = 0; i < count; i++) {
        bool good = types[i].shape.count >= 0 && types[i].shape.count <= NUMC_RANK_LIMIT &&
                    (types[i].dtype == NUMC_DTYPE_DEFAULT || numc_dtype_size(types[i].dtype) > 0);
        for (int32_t d = 0; good && d < types[i].shape.count; d++)
            good = types[i].shape.values[d] >= 0;
        if (!good) {
            numc__fail(context, NUMC_INVALID_ARGUMENT, "numc_function_external: %s %d has no such dtype or shape", what, i);
            return false;
        }
    }
    return true;
}

numc_function *numc_function_external_(numc_context *context, numc_external_fn callback, void *user, const numc_array_type *inputs,
                                       int32_t input_count, const numc_array_type *outputs, int32_t output_count,
                                       const numc_external_options *options)
{
    if (context == NULL || context->status != NUMC_OK)
        return NULL;
    if (callback == NULL || inputs == NULL || outputs == NULL || input_count < 1 || output_count < 1) {
        numc__fail(context, NUMC_INVALID_ARGUMENT, "numc_function_external: no function, or no input or output");
        return NULL;
    }
    numc_external_options known = {0};
    if ((options != NULL &&
         numc__options_copy(context, &known, sizeof known, options, options->size, "numc_external_options") != NUMC_OK) ||
        !types_are_good(context, inputs, input_count, "input") || !types_are_good(context, outputs, output_count, "output"))
        return NULL;
    const declaration d = {inputs, outputs, input_count, output_count, user};
    size_t pointers = 2 * ((size_t)input_count + (size_t)output_count), numbers = NUMC_EXTERNAL_TYPES;
    for (int32_t i = 0; i < input_count + output_count; i++)
        numbers += 2 + (size_t)(i < input_count ? inputs[i] : outputs[i - input_count]).shape.count;
    size_t size = pointers * sizeof(void *) + numbers * sizeof(int64_t);
    numc_array **block = numc__allocate_zero(context, 1, size);
    if (block == NULL)
        return NULL;
    int64_t *list = (int64_t *)(void *)(block + pointers);
    numc_graph *graph = external_graph(context, &d, callback, THE_FUNCTION, block, list);
    graph = with_derivative(context, graph, &d, known.jvp, FORWARD, 0, block, list);
    graph = with_derivative(context, graph, &d, known.vjp, REVERSE, known.jvp == NULL ? 1 : 2, block, list);
    numc__free(context, block, size);
    return numc__function_wrap(context, graph);
}
