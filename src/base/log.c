/* log.c - lines for the log function of the options; without one nothing is formatted. The library itself never prints. */
#include <string.h>

#include "base/context.h"
#include "base/text.h"

void numc__log(numc_core *core, numc_log_level level, const char *format, ...)
{
    if (core->log == NULL || level > core->log_level || level == NUMC_LOG_NONE)
        return;
    char line[NUMC_ERROR_MESSAGE_SIZE];
    va_list list;
    va_start(list, format);
    numc__format_list(line, sizeof line, format, list);
    va_end(list);
    for (char *c = line; *c != '\0'; c++) {
        if ((unsigned char)*c < 0x20 || *c == 0x7f)
            *c = ' ';
    }
    core->log(core->log_user, level, line);
}
