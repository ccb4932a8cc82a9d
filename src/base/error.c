/* error.c - the error slot of a lane: the first error stays, in memory that is there before anything can fail. */
#include <stdio.h>
#include <string.h>

#include "base/context.h"
#include "base/text.h"

/* Puts the name of the function at work in front, in place of one that it is made of. Returns the length that the text should have. */
static size_t name_operation(char *text, size_t size, size_t length, const char *name)
{
    static const char letters[] = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789_";
    size_t held = strlen(text), lead = 0, wide = strlen(name);
    if (strncmp(text, "numc_", 5) == 0)
        lead = strspn(text, letters);
    if (lead > 0 && text[lead] != ':' && strncmp(text + lead, " is not ", 8) != 0)
        return length; /* a sentence about another function */
    const char *gap = lead > 0 ? "" : ": ";
    size_t front = wide + strlen(gap), kept = held - lead;
    if (front + 1 > size)
        return length;
    if (front + kept + 1 > size)
        kept = size - front - 1;
    memmove(text + front, text + lead, kept);
    memcpy(text, name, wide);
    memcpy(text + wide, gap, front - wide);
    text[front + kept] = '\0';
    return length - lead + front;
}

/* Makes `message` one line, and shows where it was cut. `wanted` is the length it should have had. */
static void tidy(char message[NUMC_ERROR_MESSAGE_SIZE], size_t wanted)
{
    for (char *c = message; *c != '\0'; c++) {
        if ((unsigned char)*c < 0x20 || *c == 0x7f)
            *c = ' ';
    }
    if (wanted < NUMC_ERROR_MESSAGE_SIZE)
        return;
    size_t end = NUMC_ERROR_MESSAGE_SIZE - 4;
    while (end > 0 && ((unsigned char)message[end] & 0xc0) == 0x80) /* not inside a UTF-8 sequence */
        end--;
    memcpy(message + end, "...", 4);
}

numc_status numc__fail_list(numc_context *context, numc_status status, const char *format, va_list list)
{
    if (context == NULL)
        return status;
    if (context->status != NUMC_OK || status == NUMC_OK)
        return context->status;
    size_t start = 0;
    if (context->site != NULL)
        start = numc__format(context->message, sizeof context->message, "site %s: ", context->site);
    size_t used = start < sizeof context->message ? start : sizeof context->message - 1;
    size_t length = numc__format_list(context->message + used, sizeof context->message - used, format, list);
    if (!numc__status_known((int32_t)status) && length < sizeof context->message - used) /* a callback's own number */
        length += numc__format(context->message + used + length, sizeof context->message - used - length, " (status %d)", (int)status);
    const bool noted = context->note != NULL && (status == NUMC_SHAPE || status == NUMC_DTYPE || status == NUMC_INDEX);
    if (noted && length < sizeof context->message - used)
        length += numc__format(context->message + used + length, sizeof context->message - used - length, "%s", context->note);
    if (context->operation != NULL)
        length = name_operation(context->message + used, sizeof context->message - used, length, context->operation);
    tidy(context->message, start + length);
    context->status = status;
    numc__log(context->core, NUMC_LOG_ERROR, "%s: %s", numc_status_name(status), context->message);
    return status;
}

numc_status numc__fail(numc_context *context, numc_status status, const char *format, ...)
{
    va_list list;
    va_start(list, format);
    numc_status result = numc__fail_list(context, status, format, list);
    va_end(list);
    return result;
}

numc_status numc__error_join(numc_context *to, const numc_context *from)
{
    if (to->status == NUMC_OK && from->status != NUMC_OK) {
        memcpy(to->message, from->message, sizeof to->message);
        to->status = from->status;
    }
    return to->status;
}

numc_status numc_error_status(const numc_context *context)
{
    return context == NULL ? NUMC_MEMORY : context->status;
}

const char *numc_error_message(const numc_context *context)
{
    if (context == NULL)
        return "there is no context: it could not be allocated";
    return context->message;
}

void numc_error_clear(numc_context *context)
{
    if (context == NULL || context->broken)
        return;
    context->status = NUMC_OK;
    context->message[0] = '\0';
}

numc_status numc_error_set(numc_context *context, numc_status status, const char *format, ...)
{
    if (context == NULL)
        return NUMC_MEMORY;
    if (context->status != NUMC_OK || status == NUMC_OK)
        return context->status;
    if (format == NULL)
        return numc__fail(context, status, "%s", numc_status_sentence(status));
    va_list list;
    va_start(list, format);
    numc_status result = numc__fail_list(context, status, format, list);
    va_end(list);
    return result;
}
