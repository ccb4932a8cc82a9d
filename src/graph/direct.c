/* direct.c - numc_scan and numc_while in dynamic mode: their bodies are called, step by step, with arrays that have values. */
#include "graph/build.h"

/* The results of one step, kept by the scope around it. */
static numc_status step_directly(numc_context *context, const char *name, numc_trace_fn callback, void *user, const numc_array *const *x,
                                 int32_t input_count, numc_array **results, int32_t output_count)
{
    NUMC_TRY(numc__check_cancelled(context));
    NUMC_TRY(numc_scope_begin(context));
    numc_scope_frame *scope = context->scope;
    for (int32_t k = 0; k < output_count; k++)
        results[k] = NULL;
    numc__trace_callback(context, callback, x, input_count, results, output_count, user);
    for (int32_t k = 0; k < output_count && context->status == NUMC_OK; k++) {
        if (results[k] == NULL)
            return numc__fail(context, NUMC_INVALID_ARGUMENT, "%s: the callback left output %d NULL", name, k);
        NUMC_TRY(numc__array_check(results[k], context, name));
        results[k] = numc__array_alias(context, results[k]);
        numc__array_move(results[k], scope->outer);
    }
    if (context->scope == scope)
        numc_scope_end(context);
    return context->status;
}

numc_status numc__same_carry(numc_context *context, const char *name, int32_t k, const numc_type *in, const numc_type *out)
{
    if (numc__type_equal(in, out))
        return NUMC_OK;
    char before[160], after[160];
    numc__type_format(before, sizeof before, in->dtype, in->rank, in->shape);
    numc__type_format(after, sizeof after, out->dtype, out->rank, out->shape);
    return numc__fail(context, in->dtype != out->dtype ? NUMC_DTYPE : NUMC_SHAPE, "%s: carry %d is %s before a step and %s after it",
                      name, k, before, after);
}

/* Carries after a step of the types they had before it. */
static numc_status next_carries(numc_context *context, const char *name, const numc_array **x, numc_array *const *results, int32_t carries)
{
    for (int32_t k = 0; k < carries; k++) {
        const numc_type in = numc__type_of(x[k]), out = numc__type_of(results[k]);
        NUMC_TRY(numc__same_carry(context, name, k, &in, &out));
        x[k] = results[k];
    }
    return NUMC_OK;
}

numc_status numc__scan_directly(numc_context *context, numc_trace_fn callback, void *user, const numc_array *const *carries,
                                 int32_t carry_count, const numc_array *const *sequences, int32_t sequence_count, int64_t length, bool reverse,
                                 numc_array **outputs, int32_t stacked)
{
    NUMC_REQUIRE(context, length <= INT32_MAX, NUMC_UNSUPPORTED, "a scan of %lld steps", (long long)length);
    size_t outs = (size_t)carry_count + (size_t)stacked;
    size_t pointers = (size_t)carry_count + (size_t)sequence_count + outs + (size_t)stacked * (size_t)length;
    const numc_array **x = numc__allocate_zero(context, pointers, sizeof *x);
    if (x == NULL)
        return context->status;
    const numc_array **slices = x + carry_count + sequence_count + outs;
    numc_array **results = (numc_array **)(uintptr_t)(x + carry_count + sequence_count);
    for (int32_t k = 0; k < carry_count; k++)
        x[k] = carries[k];
    numc_status status = context->status;
    for (int64_t t = 0; t < length && status == NUMC_OK; t++) {
        int64_t i = reverse ? length - 1 - t : t;
        for (int32_t k = 0; k < sequence_count; k++)
            x[carry_count + k] = numc__step_of(context, sequences[k], i);
        status = context->status;
        if (status == NUMC_OK)
            status = step_directly(context, "numc_scan", callback, user, x, carry_count + sequence_count, results, (int32_t)outs);
        if (status == NUMC_OK)
            status = next_carries(context, "numc_scan", x, results, carry_count);
        for (int32_t k = 0; k < stacked && status == NUMC_OK; k++)
            slices[k * length + i] = results[carry_count + k];
    }
    for (int32_t k = 0; k < carry_count + stacked && status == NUMC_OK; k++) {
        outputs[k] = k < carry_count ? numc__array_alias(context, x[k]) : numc_stack(slices + (k - carry_count) * length, (int32_t)length, 0);
        status = context->status;
    }
    numc__free(context, (void *)x, pointers * sizeof *x);
    return status;
}

numc_status numc__while_directly(numc_context *context, numc_trace_fn condition, numc_trace_fn callback, void *user,
                                  const numc_array *const *carries, int32_t count, int64_t limit, numc_array **outputs)
{
    size_t pointers = 2 * (size_t)count + 1;
    const numc_array **x = numc__allocate_zero(context, pointers, sizeof *x);
    if (x == NULL)
        return context->status;
    numc_array **results = (numc_array **)(uintptr_t)(x + count);
    for (int32_t k = 0; k < count; k++)
        x[k] = carries[k];
    numc_status status = context->status;
    for (int64_t step = 0; status == NUMC_OK; step++) {
        status = step_directly(context, "numc_while", condition, user, x, count, results, 1);
        if (status == NUMC_OK && (results[0]->dtype != NUMC_BOOL || results[0]->rank != 0))
            status = numc__fail(context, NUMC_DTYPE, "numc_while: the condition must give a 0-d bool");
        if (status != NUMC_OK || !numc_item_bool(results[0]) || context->status != NUMC_OK)
            break;
        if (limit > 0 && step >= limit)
            status = numc__fail(context, NUMC_VALUE, "numc_while: the condition still holds after %lld steps, its limit", (long long)limit);
        if (status == NUMC_OK)
            status = step_directly(context, "numc_while", callback, user, x, count, results, count);
        if (status == NUMC_OK)
            status = next_carries(context, "numc_while", x, results, count);
    }
    status = context->status;
    for (int32_t k = 0; k < count && status == NUMC_OK; k++) {
        outputs[k] = numc__array_alias(context, x[k]);
        status = context->status;
    }
    numc__free(context, (void *)x, pointers * sizeof *x);
    return status;
}
