/* tool.h - the commands of `numc`, and what they share. */
#ifndef NUMC_TOOLS_TOOL_H
#define NUMC_TOOLS_TOOL_H

#include "backend/device.h"

/* Opens a context for a tool: what the environment says, and where backends lie in a build tree beside this program.
 * backend: NULL for the environment's. NULL when out of memory (said on stderr). */
numc_context *tool_open(const char *backend);

int tool_info(int count, char **words);
int tool_check(int count, char **words);
int tool_summary(int count, char **words);

#endif
