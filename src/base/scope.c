/* scope.c - the stack of scopes of a lane. What a frame holds is known to src/array alone. */
#include "base/context.h"

void numc__scope_end_register(numc_context *context, numc_scope_end_fn end)
{
    context->scope_end = end;
}

void numc__scoped_add(numc_context *context, numc_scoped *object)
{
    object->next = context->scope->objects;
    context->scope->objects = object;
}

void numc__scoped_end(numc_context *context, numc_scope_frame *frame)
{
    while (frame->objects != NULL) {
        numc_scoped *object = frame->objects;
        frame->objects = object->next;
        object->destroy(context, object);
    }
}

numc_status numc_scope_begin(numc_context *context)
{
    if (context == NULL)
        return NUMC_INVALID_ARGUMENT;
    NUMC_TRY(context->status);
    numc_scope_frame *frame = context->spare_scope;
    if (frame != NULL) {
        context->spare_scope = frame->outer;
    } else {
        frame = numc__allocate(context, sizeof *frame);
        if (frame == NULL)
            return context->status;
    }
    *frame = (numc_scope_frame){.outer = context->scope, .number = ++context->scope_serial,
                                .operation = context->operation};
    context->scope = frame;
    return NUMC_OK;
}

numc_status numc__scope_enter(numc_context *context, const char *name)
{
    NUMC_TRY(numc_scope_begin(context));
    if (context->operation == NULL)
        context->operation = name;
    return NUMC_OK;
}

void numc_scope_end(numc_context *context)
{
    if (context == NULL)
        return;
    numc_scope_frame *frame = context->scope;
    if (frame == &context->root) {
        numc__fail(context, NUMC_STATE, "numc_scope_end: no scope is open");
        return;
    }
    numc__scoped_end(context, frame);
    if (context->scope_end != NULL)
        context->scope_end(context, frame);
    context->operation = frame->operation;
    context->scope = frame->outer;
    frame->outer = context->spare_scope;
    context->spare_scope = frame;
}
