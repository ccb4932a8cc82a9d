/* text.c - a text that grows as it is written. */
#include <string.h>

#include "base/text.h"

void numc__text_begin(numc_text *text, numc_core *core)
{
    *text = (numc_text){.core = core};
}

/* Room for `extra` characters and the end; false when there is no memory. */
static bool reserve(numc_text *text, size_t extra)
{
    if (text->failed || extra > SIZE_MAX / 4 - text->size) {
        text->failed = true;
        return false;
    }
    size_t needed = text->size + extra + 1;
    if (needed <= text->capacity)
        return true;
    size_t capacity = text->capacity < 64 ? 128 : 2 * text->capacity;
    if (capacity < needed)
        capacity = needed;
    char *data = numc__core_reallocate(text->core, text->data, text->capacity, capacity);
    if (data == NULL) {
        text->failed = true;
        return false;
    }
    text->data = data;
    text->capacity = capacity;
    return true;
}

static void text_add_list(numc_text *text, const char *format, va_list list)
{
    char first[1];
    size_t room = text->capacity - text->size;
    bool there = room > 0 && !text->failed;
    size_t length = numc__format_list(there ? text->data + text->size : first, there ? room : 1, format, list);
    if (there && length < room) {
        text->size += length;
        return;
    }
    if (there)
        text->data[text->size] = '\0';
    if (reserve(text, length)) {
        numc__format_list(text->data + text->size, length + 1, format, list);
        text->size += length;
    }
}

void numc__text_add(numc_text *text, const char *format, ...)
{
    va_list list;
    va_start(list, format);
    text_add_list(text, format, list);
    va_end(list);
}

void numc__text_add_bytes(numc_text *text, const char *bytes, size_t count)
{
    if (!reserve(text, count))
        return;
    memcpy(text->data + text->size, bytes, count);
    text->size += count;
    text->data[text->size] = '\0';
}

void numc__text_add_double(numc_text *text, double value)
{
    char number[NUMC_NUMBER_TEXT_SIZE];
    numc__text_add_bytes(text, number, numc__write_double(number, value));
}

void numc__text_end(numc_text *text)
{
    numc__core_free(text->core, text->data, text->capacity);
    *text = (numc_text){.core = text->core};
}
