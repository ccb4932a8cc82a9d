/* function.c - numc_function: a traced graph as an object of the user's, differentiated and printed. Calls are compiled, so
 * numc_function_call lives on the compiler's floor (src/compile/function.c). */
#include <string.h>

#include "graph/function.h"

static void destroy(numc_object *object)
{
    numc_function *function = (numc_function *)(void *)((char *)object - offsetof(numc_function, object));
    void *program = atomic_load(&function->program);
    if (program != NULL)
        function->program_release(program);
    numc__graph_release(function->graph);
    numc__dynamic_function_release(function->dynamic);
    numc__core_free(function->core, function, sizeof *function);
}

numc_function *numc__function_wrap(numc_context *context, numc_graph *graph)
{
    if (graph == NULL)
        return NULL;
    numc_function *function = numc__allocate(context, sizeof *function);
    if (function == NULL) {
        numc__graph_release(graph);
        return NULL;
    }
    *function = (numc_function){.object = {.destroy = destroy}, .core = context->core, .graph = graph};
    numc__object_add(context, &function->object);
    return function;
}

static numc_graph *trace(numc_context *context, numc_trace_fn callback, void *user, const numc_array *const *examples,
                         int32_t input_count, int32_t output_count, numc_array **inputs, numc_array **outputs)
{
    numc_trace *recorder = numc__trace_begin(context);
    if (recorder == NULL)
        return NULL;
    for (int32_t i = 0; i < input_count; i++) {
        numc_type type = numc__type_of(examples[i]);
        inputs[i] = numc__trace_input(recorder, &type, NULL);
    }
    if (context->status == NUMC_OK)
        numc__trace_callback(context, callback, (const numc_array *const *)inputs, input_count, outputs, output_count, user);
    return numc__trace_finish(recorder, outputs, output_count, NULL, NULL);
}

static bool can_run(numc_context *context, const char *name, numc_trace_fn callback, const numc_array *const *examples,
                    int32_t input_count, int32_t output_count)
{
    if (context == NULL || context->status != NUMC_OK)
        return false;
    if (callback == NULL || input_count < 0 || output_count < 0 || (examples == NULL && input_count > 0)) {
        numc__fail(context, NUMC_INVALID_ARGUMENT, "%s: no callback, no examples, or a negative count", name);
        return false;
    }
    for (int32_t i = 0; i < input_count; i++) {
        if (examples[i] == NULL || numc_array_rank(examples[i]) < 0) {
            numc__fail(context, examples[i] == NULL ? NUMC_INVALID_ARGUMENT : NUMC_DEAD_ARRAY, "%s: example %d is %s", name, i,
                       examples[i] == NULL ? "NULL" : "dead");
            return false;
        }
    }
    return true;
}

numc_function *numc_function_trace(numc_context *context, numc_trace_fn callback, void *user,
                                   const numc_array *const *examples, int32_t input_count, int32_t output_count)
{
    if (!can_run(context, "numc_function_trace", callback, examples, input_count, output_count))
        return NULL;
    size_t count = (size_t)input_count + (size_t)output_count;
    numc_array **block = numc__allocate_zero(context, count, sizeof *block);
    if (block == NULL)
        return NULL;
    numc_graph *graph =
        trace(context, callback, user, examples, input_count, output_count, block, block + input_count);
    numc__free(context, block, count * sizeof *block);
    return numc__function_wrap(context, graph);
}

numc_function *numc_function_dynamic(numc_context *context, numc_trace_fn callback, void *user,
                                     const numc_array *const *examples, int32_t input_count, int32_t output_count)
{
    if (!can_run(context, "numc_function_dynamic", callback, examples, input_count, output_count))
        return NULL;
    return numc__dynamic_function_new(context, callback, user, examples, input_count, output_count);
}

void numc_function_free(numc_function *function)
{
    if (function == NULL)
        return;
    numc__object_remove(function->core, &function->object);
    destroy(&function->object);
}

int32_t numc_function_input_count(const numc_function *function)
{
    return function == NULL ? -1 : function->graph->input_count;
}

int32_t numc_function_output_count(const numc_function *function)
{
    return function == NULL ? -1 : function->graph->output_count;
}

static numc_function *derive(numc_context *context, const numc_function *function, const char *name, numc_transform kind,
                             numc_graph *(*transform)(numc_context *, const numc_graph *, const bool *))
{
    if (context == NULL || context->status != NUMC_OK)
        return NULL;
    if (function == NULL) {
        numc__fail(context, NUMC_INVALID_ARGUMENT, "%s: the function to differentiate is NULL", name);
        return NULL;
    }
    if (numc__function_is_foreign(context, function, name))
        return NULL;
    const char *before = numc__operation_begin(context, name);
    numc_function *derivative = function->dynamic != NULL ? numc__dynamic_function_derive(context, function, kind)
                                                          : numc__function_wrap(context, transform(context, function->graph, NULL));
    numc__operation_end(context, before);
    return derivative;
}

numc_function *numc_function_jvp(numc_context *context, const numc_function *function)
{
    return derive(context, function, "numc_function_jvp", NUMC_TRANSFORM_JVP, numc__graph_jvp);
}

numc_function *numc_function_vjp(numc_context *context, const numc_function *function)
{
    return derive(context, function, "numc_function_vjp", NUMC_TRANSFORM_VJP, numc__graph_vjp);
}

numc_function *numc_function_value_and_gradient(numc_context *context, const numc_function *function)
{
    return derive(context, function, "numc_function_value_and_gradient", NUMC_TRANSFORM_GRADIENT, numc__graph_value_and_gradient);
}

size_t numc_function_format(const numc_function *function, char *text, size_t size)
{
    if (text == NULL)
        size = 0;
    if (size > 0)
        text[0] = '\0';
    if (function == NULL)
        return 0;
    numc_text buffer;
    numc__text_begin(&buffer, function->core);
    if (function->dynamic != NULL)
        numc__text_add(&buffer, "dynamic: recorded at each call\n");
    numc__graph_print(&buffer, function->graph);
    size_t length = buffer.failed ? 0 : buffer.size;
    if (size > 0 && !buffer.failed && buffer.data != NULL) {
        size_t part = length < size ? length : size - 1;
        memcpy(text, buffer.data, part);
        text[part] = '\0';
    }
    numc__text_end(&buffer);
    return length;
}
