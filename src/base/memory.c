/* memory.c - allocation through the context's realloc-shaped allocator, and copies of strings. No pools: src/array has
 * one for buffers. */
#include <string.h>

#include "base/context.h"

/* The allocator reads size 0 as "free", so an empty block is asked for as one byte. */
static size_t asked(size_t size)
{
    return size == 0 ? 1 : size;
}

void *numc__core_reallocate(numc_core *core, void *pointer, size_t old_size, size_t size)
{
    /* Past PTRDIFF_MAX no object can exist, and an allocator may do arithmetic of its own with the size. */
    if (size > (size_t)PTRDIFF_MAX)
        return NULL;
    return core->allocate(core->allocate_user, pointer, pointer == NULL ? 0 : asked(old_size), asked(size));
}

void *numc__core_allocate(numc_core *core, size_t size)
{
    return numc__core_reallocate(core, NULL, 0, size);
}

void numc__core_free(numc_core *core, void *pointer, size_t size)
{
    if (pointer != NULL)
        core->allocate(core->allocate_user, pointer, asked(size), 0);
}

void *numc__reallocate(numc_context *context, void *pointer, size_t old_size, size_t size)
{
    void *result = numc__core_reallocate(context->core, pointer, old_size, size);
    if (result == NULL)
        numc__fail(context, NUMC_MEMORY, "out of memory: %zu bytes", size);
    return result;
}

numc_status numc__grow(numc_context *context, void *list, size_t item, int32_t count, int32_t more, int32_t *capacity)
{
    NUMC_REQUIRE(context, more <= INT32_MAX / 2 - count, NUMC_MEMORY, "out of memory: a list of more than %d items", INT32_MAX / 2);
    if (count + more <= *capacity)
        return NUMC_OK;
    int32_t target = *capacity < 8 ? 16 : 2 * *capacity;
    if (target < count + more)
        target = count + more;
    void *items;
    memcpy(&items, list, sizeof items);
    items = numc__reallocate(context, items, (size_t)*capacity * item, (size_t)target * item);
    if (items == NULL)
        return context->status;
    memcpy(list, &items, sizeof items);
    *capacity = target;
    return NUMC_OK;
}

void *numc__allocate(numc_context *context, size_t size)
{
    return numc__reallocate(context, NULL, 0, size);
}

void *numc__allocate_zero(numc_context *context, size_t count, size_t size)
{
    if (size != 0 && count > SIZE_MAX / size) {
        numc__fail(context, NUMC_MEMORY, "out of memory: %zu items of %zu bytes", count, size);
        return NULL;
    }
    void *result = numc__allocate(context, count * size);
    if (result != NULL)
        memset(result, 0, count * size);
    return result;
}

void numc__free(numc_context *context, void *pointer, size_t size)
{
    numc__core_free(context->core, pointer, size);
}

char *numc__string_copy(numc_context *context, const char *text)
{
    size_t size = strlen(text) + 1;
    char *result = numc__allocate(context, size);
    if (result != NULL)
        memcpy(result, text, size);
    return result;
}

void numc__string_free(numc_context *context, char *text)
{
    if (text != NULL)
        numc__free(context, text, strlen(text) + 1);
}
