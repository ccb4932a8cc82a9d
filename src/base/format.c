/* format.c - printf-like formatting for messages and text. */
#include <stdio.h>

#include "base/text.h"

size_t numc__format_list(char *text, size_t size, const char *format, va_list list)
{
    int length = vsnprintf(text, size, format, list);
    if (length < 0) {
        text[0] = '\0';
        return 0;
    }
    return (size_t)length;
}

size_t numc__format(char *text, size_t size, const char *format, ...)
{
    va_list list;
    va_start(list, format);
    size_t length = numc__format_list(text, size, format, list);
    va_end(list);
    return length;
}
