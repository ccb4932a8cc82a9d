/* fallback.c - what the host does where a plugin's slot is empty. */
#include <string.h>

#include "backend/internal.h"

void numc__fallback_fill(numc_backend_state *state)
{
    state->open.table = state->plugin;
    state->open.native_launch = state->plugin.launch_prepare != NULL;
}

void numc__fallback_end(numc_backend_state *state)
{
    (void)state;
}
