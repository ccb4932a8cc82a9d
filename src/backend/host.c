/* host.c - the functions the host gives to a plugin, and the states they work on. */
#include <string.h>

#include "backend/internal.h"
#include "backend/store.h"
#include "base/text.h"
#include "base/threads.h"

static void *host_allocate(void *user, void *pointer, size_t old_size, size_t size)
{
    numc_core *core = ((numc_backend_state *)user)->open.core;
    if (size == 0) {
        numc__core_free(core, pointer, old_size);
        return NULL;
    }
    return numc__core_reallocate(core, pointer, old_size, size);
}

static void host_log(void *user, int32_t level, const char *line)
{
    numc_backend_state *state = user;
    if (level >= NUMC_LOG_ERROR && level <= NUMC_LOG_DEBUG)
        numc__log(state->open.core, (numc_log_level)level, "%s: %s",
                  state->open.name != NULL ? state->open.name : "backend", line);
}

/* One message per thread: the newest replaces the thread's older one; without a free place the oldest of all goes. */
static int32_t host_error(void *user, int32_t status, const char *message)
{
    numc_backend_state *state = user;
    pthread_t self = pthread_self();
    pthread_mutex_lock(&state->lock);
    numc_plugin_message *place = &state->messages[0];
    for (size_t i = 0; i < NUMC_PLUGIN_MESSAGES; i++) {
        numc_plugin_message *other = &state->messages[i];
        if (other->order != 0 && pthread_equal(other->thread, self)) {
            place = other;
            break;
        }
        if (other->order < place->order)
            place = other;
    }
    place->thread = self;
    place->order = ++state->message_count;
    place->status = status;
    (void)numc__format(place->text, sizeof place->text, "%s", message != NULL ? message : "");
    pthread_mutex_unlock(&state->lock);
    return status;
}

void numc__host_message(numc_backend_state *state, int32_t status, char *text, size_t size)
{
    text[0] = '\0';
    pthread_mutex_lock(&state->lock);
    for (size_t i = 0; i < NUMC_PLUGIN_MESSAGES; i++) {
        numc_plugin_message *message = &state->messages[i];
        if (message->order == 0 || !pthread_equal(message->thread, pthread_self()))
            continue;
        if (message->status == status)
            (void)numc__format(text, size, "%s", message->text);
        message->order = 0;
    }
    pthread_mutex_unlock(&state->lock);
}

static int32_t host_thread_count(void *user)
{
    return numc__thread_count(((numc_backend_state *)user)->open.core);
}

static void host_parallel_for(void *user, int64_t count, numc_host_task body, void *task)
{
    numc__parallel_for(((numc_backend_state *)user)->open.core, count, body, task);
}

static int32_t host_kernel_interpret(void *user, const numc_kernel_source *source,
                                     const numc_kernel_arguments *arguments)
{
    return numc__ref_kernel_run(&((numc_backend_state *)user)->open.host, source, arguments);
}

static void (*host_scalar_function(void *user, uint32_t operation, uint32_t dtype))(void *, const void *const *)
{
    (void)user;
    return numc__ref_scalar_function(operation, dtype);
}

static void *host_cache_find(void *user, const char *key, uint64_t key_size, uint64_t *size)
{
    numc_store store;
    char reason[NUMC_NATIVE_REASON];
    numc_core *core = ((numc_backend_state *)user)->open.core;
    *size = 0;
    if (numc__store_open(&store, reason))
        return numc__store_read(core, &store, key, (size_t)key_size, size);
    numc__store_complain(core, &store, reason);
    return NULL;
}

static void host_cache_put(void *user, const char *key, uint64_t key_size, const void *bytes, uint64_t size)
{
    numc_store store;
    char reason[NUMC_NATIVE_REASON];
    if (numc__store_open(&store, reason))
        (void)numc__store_write(((numc_backend_state *)user)->open.core, &store, key, (size_t)key_size, bytes, size);
}

static void fill_host(numc_backend_state *state)
{
    state->open.host = (numc_host){
        .size = sizeof(numc_host),
        .abi = NUMC_BACKEND_ABI,
        .user = state,
        .allocate = host_allocate,
        .log = host_log,
        .error = host_error,
        .thread_count = host_thread_count,
        .parallel_for = host_parallel_for,
        .kernel_interpret = host_kernel_interpret,
        .scalar_function = host_scalar_function,
        .kernel_emit = numc__kernel_emit,
        .cache_find = host_cache_find,
        .cache_put = host_cache_put,
    };
}

numc_backend_state *numc__state_new(numc_context *context)
{
    numc_backend_state *state = numc__allocate_zero(context, 1, sizeof *state);
    if (state == NULL)
        return NULL;
    if (pthread_mutex_init(&state->lock, NULL) != 0) {
        numc__free(context, state, sizeof *state);
        numc__fail(context, NUMC_MEMORY, "a lock could not be made");
        return NULL;
    }
    state->open.core = context->core;
    fill_host(state);
    return state;
}

void numc__state_free(numc_core *core, numc_backend_state *state)
{
    if (state == NULL)
        return;
    if (state->open.name != NULL)
        numc__core_free(core, state->open.name, strlen(state->open.name) + 1);
    if (state->open.path != NULL)
        numc__core_free(core, state->open.path, strlen(state->open.path) + 1);
    pthread_mutex_destroy(&state->lock);
    numc__core_free(core, state, sizeof *state);
}
