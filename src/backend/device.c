/* device.c - the core's one device: opened by the first call that needs it, closed with the core. */
#include <string.h>

#include "backend/internal.h"

static void state_close(numc_core *core, numc_backend_state *state)
{
    numc__fallback_end(state);
    if (state->open.device != NULL)
        state->plugin.device_close(state->open.device);
    numc__state_free(core, state);
}

static void slot_destroy(numc_core *core, void *slot)
{
    state_close(core, slot);
}

/* The device is opened without the core's lock, which a plugin may need through the host's functions; of two threads that
 * open at once the second closes its own again. */
static numc_backend_device *device_open(numc_context *context)
{
    numc_core *core = context->core;
    if (context->status != NUMC_OK)
        return NULL;
    numc_backend_state *state = numc__state_new(context);
    if (state == NULL)
        return NULL;
    if (numc__backend_open(context, state) != NUMC_OK || numc__fallback_fill(context, state) != NUMC_OK) {
        state_close(core, state);
        return NULL;
    }
    pthread_mutex_lock(&core->lock);
    numc_backend_state *first = core->slots[NUMC_SLOT_DEVICE];
    if (first == NULL) {
        core->slot_destroy[NUMC_SLOT_DEVICE] = slot_destroy;
        __atomic_store_n(&core->slots[NUMC_SLOT_DEVICE], (void *)state, __ATOMIC_RELEASE);
    }
    pthread_mutex_unlock(&core->lock);
    if (first != NULL) {
        state_close(core, state);
        return &first->open;
    }
    numc__log(core, NUMC_LOG_INFO, "opened %s (%s, %s) from %s", state->open.name, state->open.info.name,
              state->open.info.driver, state->open.path);
    return &state->open;
}

numc_backend_device *numc__device(numc_context *context)
{
    if (context == NULL)
        return NULL;
    numc_backend_state *state = __atomic_load_n(&context->core->slots[NUMC_SLOT_DEVICE], __ATOMIC_ACQUIRE);
    return state != NULL ? &state->open : device_open(context);
}

numc_status numc__device_check(numc_context *context, int32_t status, const char *operation)
{
    if (status == NUMC_OK)
        return NUMC_OK;
    char text[NUMC_PLUGIN_MESSAGE_SIZE] = "";
    numc_backend_state *state = __atomic_load_n(&context->core->slots[NUMC_SLOT_DEVICE], __ATOMIC_ACQUIRE);
    if (state != NULL)
        numc__host_message(state, status, text, sizeof text);
    if (!numc__status_known(status))
        return numc__fail(context, NUMC_DEVICE, "%s: %s (status %d)", operation,
                          text[0] != '\0' ? text : numc_status_sentence(NUMC_DEVICE), (int)status);
    return numc__fail(context, (numc_status)status, "%s: %s", operation,
                      text[0] != '\0' ? text : numc_status_sentence((numc_status)status));
}
