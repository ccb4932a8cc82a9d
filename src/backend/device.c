/* device.c - the core's one device: opened by the first call that needs it, closed with the core. */
#include <string.h>

#include "backend/internal.h"
#include "base/text.h"

static void state_close(numc_core *core, numc_backend_state *state)
{
    numc__fallback_end(state);
    if (state->open.device != NULL)
        state->plugin.device_close(state->open.device);
    numc__state_free(core, state);
}

/* As every sized struct: a backend fills what it knows of it, and says how much that is. */
static void statistics(numc_core *core, numc_device_statistics *counts)
{
    const numc_backend_state *state = core->slots[NUMC_SLOT_DEVICE];
    counts->size = sizeof *counts;
    if (state->plugin.device_statistics == NULL || state->plugin.device_statistics(state->open.device, counts) != NUMC_OK)
        memset(counts, 0, sizeof *counts);
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
        core->device_statistics = statistics;
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

/* Whether the context can be used after what failed is said here, and nowhere else: it is what the status says. A number that is
 * no status says nothing. */
numc_status numc__device_check(numc_context *context, int32_t status, const char *operation)
{
    if (status == NUMC_OK)
        return NUMC_OK;
    char text[NUMC_PLUGIN_MESSAGE_SIZE] = "", number[32] = "";
    numc_backend_state *state = __atomic_load_n(&context->core->slots[NUMC_SLOT_DEVICE], __ATOMIC_ACQUIRE);
    if (state != NULL)
        numc__host_message(state, status, text, sizeof text);
    numc_status known = (numc_status)status;
    if (!numc__status_known(status)) {
        known = NUMC_BACKEND;
        (void)numc__format(number, sizeof number, " (status %d)", (int)status);
    }
    const bool passing = known == NUMC_MEMORY || (known == NUMC_BACKEND && number[0] == '\0');
    return numc__fail(context, known, "%s: %s%s%s%s", operation, known == NUMC_DEVICE ? "the device is lost, and this context with it: " : "",
                      text[0] != '\0' ? text : numc_status_sentence(known), number, passing ? "; the context can still be used" : "");
}
