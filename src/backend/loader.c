/* loader.c - which backend a context gets. */
#include <string.h>

#include "backend/internal.h"
#include "base/text.h"
#include "numc_build.h"

numc_status numc__backend_open(numc_context *context, numc_backend_state *state)
{
    state->plugin = *numc__ref_query(NUMC_BACKEND_ABI);
    state->open.info.size = sizeof state->open.info;
    state->open.name = numc__string_copy(context, "ref:0");
    state->open.path = numc__string_copy(context, "built in");
    NUMC_TRY(context->status);
    NUMC_TRY(numc__device_check(context, state->plugin.device_describe(&state->open.host, 0, &state->open.info), "ref"));
    return numc__device_check(context, state->plugin.device_open(&state->open.host, 0, &state->open.device), "ref");
}
