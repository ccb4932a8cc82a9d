/* function.c - numc_function_call: compiled at its first call with concrete arrays, written out into the trace with traced ones. */
#include "compile/program.h"
#include "graph/function.h"

static void release(void *program)
{
    numc__program_release(program);
}

/* Lanes may come here at once: the first program put in place stays. */
static numc_program *program_of(numc_context *context, numc_function *function)
{
    void *program = atomic_load_explicit(&function->program, memory_order_acquire);
    if (program != NULL)
        return program;
    numc_program *made = numc__program_new(context, function->graph, NULL);
    if (made == NULL)
        return NULL;
    function->program_release = release;
    if (atomic_compare_exchange_strong(&function->program, &program, (void *)made))
        return made;
    numc__program_release(made);
    return program;
}

uint64_t numc_function_bytes(numc_context *context, numc_function *function)
{
    if (context == NULL || context->status != NUMC_OK)
        return 0;
    if (function == NULL) {
        numc__fail(context, NUMC_INVALID_ARGUMENT, "numc_function_bytes: the function is NULL");
        return 0;
    }
    if (numc__function_is_unfit(context, function, "numc_function_bytes"))
        return 0;
    numc_program *program = program_of(context, function);
    return program == NULL ? 0 : numc__program_bytes(program);
}

numc_status numc_function_call(numc_context *context, numc_function *function, const numc_array *const *inputs,
                               int32_t input_count, numc_array **outputs, int32_t output_count)
{
    for (int32_t k = 0; outputs != NULL && k < output_count; k++)
        outputs[k] = NULL;
    if (context == NULL)
        return NUMC_INVALID_ARGUMENT;
    NUMC_TRY(context->status);
    NUMC_REQUIRE(context, function != NULL, NUMC_INVALID_ARGUMENT, "numc_function_call: the function is NULL");
    if (numc__function_is_foreign(context, function, "numc_function_call"))
        return context->status;
    NUMC_REQUIRE(context, outputs != NULL || output_count == 0, NUMC_INVALID_ARGUMENT,
                 "numc_function_call: the list of outputs is NULL");
    NUMC_TRY(NUMC_AS_PART_OF(context, "numc_function_call", numc__graph_check_inputs(context, function->graph, inputs, input_count)));
    NUMC_REQUIRE(context, output_count == function->graph->output_count, NUMC_INVALID_ARGUMENT,
                 "numc_function_call: the function gives %d outputs, not %d", function->graph->output_count, output_count);
    if (function->dynamic != NULL)
        return numc__dynamic_function_call(context, function, inputs, outputs);
    for (int32_t k = 0; k < input_count; k++) {
        if (inputs[k]->content == NUMC_CONTENT_TRACED)
            return numc__graph_apply(context, function->graph, inputs, input_count, outputs, output_count);
    }
    numc_program *program = program_of(context, function);
    if (program == NULL)
        return context->status;
    return numc__program_call(context, program, inputs, input_count, outputs, output_count);
}
