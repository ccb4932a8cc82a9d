/* context.c - opening and closing a context and its lanes; the objects it owns; options structs that grow; statistics. */
#include <stdlib.h>
#include <string.h>

#if defined(__linux__)
#include <sched.h>
#endif
#include <unistd.h>

#include "base/context.h"

#define THREADS_MAX 1024 /* an option above this is taken for a mistake */

/* What numc_open allocates first: with this in hand every other failure can be told. */
typedef struct opening {
    numc_core core;
    numc_context lane;
} opening;

static void *allocate_default(void *user, void *pointer, size_t old_size, size_t size)
{
    (void)user;
    (void)old_size;
    if (size == 0) {
        free(pointer);
        return NULL;
    }
    return realloc(pointer, size);
}

/* The cores this process may run on, which a container or taskset may have made fewer than the machine has. */
static int32_t core_count(void)
{
    long count = 0;
#if defined(__linux__)
    cpu_set_t set;
    if (sched_getaffinity(0, sizeof set, &set) == 0)
        count = CPU_COUNT(&set);
#endif
    if (count < 1)
        count = sysconf(_SC_NPROCESSORS_ONLN);
    return count < 1 ? 1 : count > THREADS_MAX ? THREADS_MAX : (int32_t)count;
}

static void lane_begin(numc_context *lane, numc_core *core, numc_context *parent)
{
    memset(lane, 0, sizeof *lane);
    lane->core = core;
    lane->parent = parent;
    lane->depth = parent == NULL ? 0 : parent->depth + 1;
    lane->scope = &lane->root;
}

/* Ends the scopes still open, the arrays of the root, then what other floors keep with the lane. */
static void lane_end(numc_context *lane)
{
    while (lane->scope != &lane->root)
        numc_scope_end(lane);
    numc__scoped_end(lane, &lane->root);
    if (lane->scope_end != NULL)
        lane->scope_end(lane, &lane->root);
    for (int slot = NUMC_SLOT_COUNT - 1; slot >= 0; slot--) {
        void *state = lane->slots[slot];
        lane->slots[slot] = NULL;
        if (state != NULL && lane->slot_destroy[slot] != NULL)
            lane->slot_destroy[slot](lane, state);
    }
    while (lane->spare_scope != NULL) {
        numc_scope_frame *frame = lane->spare_scope;
        lane->spare_scope = frame->outer;
        numc__free(lane, frame, sizeof *frame);
    }
}

static numc_status options_read(numc_context *context, const numc_options *options, size_t size)
{
    numc_core *core = context->core;
    numc_options known;
    NUMC_TRY(numc__options_copy(context, &known, sizeof known, options, size, "numc_options"));
    NUMC_REQUIRE(context, known.log_level >= NUMC_LOG_NONE && known.log_level <= NUMC_LOG_DEBUG,
                 NUMC_INVALID_ARGUMENT, "numc_open: log_level %d is not a level", (int)known.log_level);
    NUMC_REQUIRE(context, known.threads >= 0 && known.threads <= THREADS_MAX, NUMC_INVALID_ARGUMENT,
                 "numc_open: threads is %d, not in 0..%d", (int)known.threads, THREADS_MAX);
    core->threads = known.threads == 0 ? core_count() : known.threads;
    core->forbid_fallback = known.forbid_fallback;
    NUMC_REQUIRE(context, (int)known.jit >= NUMC_JIT_DEFAULT && (int)known.jit <= NUMC_JIT_OFF, NUMC_INVALID_ARGUMENT,
                 "numc_open: jit %d is none of numc_jit", (int)known.jit);
    core->jit = known.jit;
    if (known.backend != NULL) {
        core->backend_name = numc__string_copy(context, known.backend);
        NUMC_TRY(context->status);
    }
    if (known.backend_path != NULL) {
        core->backend_path = numc__string_copy(context, known.backend_path);
        NUMC_TRY(context->status);
    }
    return NUMC_OK;
}

numc_context *numc_open_sized(const numc_options *options, size_t size)
{
    numc_options given;
    memset(&given, 0, sizeof given);
    if (options != NULL)
        memcpy(&given, options, size < sizeof given ? size : sizeof given);
    numc_allocate_fn allocate = given.allocate != NULL ? given.allocate : allocate_default;
    opening *both = allocate(given.allocate_user, NULL, 0, sizeof *both);
    if (both == NULL)
        return NULL;
    memset(both, 0, sizeof *both);

    numc_core *core = &both->core;
    core->allocate = allocate;
    core->allocate_user = given.allocate_user;
    core->log = given.log;
    core->log_user = given.log_user;
    core->log_level = given.log_level == NUMC_LOG_NONE ? NUMC_LOG_WARNING : given.log_level;
    core->threads = 1;
    atomic_init(&core->holds, 1);
    if (pthread_mutex_init(&core->lock, NULL) != 0) {
        allocate(given.allocate_user, both, sizeof *both, 0);
        return NULL;
    }
    if (pthread_mutex_init(&core->base_lock, NULL) != 0) {
        pthread_mutex_destroy(&core->lock);
        allocate(given.allocate_user, both, sizeof *both, 0);
        return NULL;
    }
    lane_begin(&both->lane, core, NULL);
    core->first_lane = &both->lane;
    both->lane.broken = options_read(&both->lane, options, size) != NUMC_OK;
    return &both->lane;
}

numc_context *numc_lane(numc_context *context)
{
    if (context == NULL || context->status != NUMC_OK)
        return NULL;
    numc_core *core = context->core;
    numc_context *lane = numc__allocate(context, sizeof *lane);
    if (lane == NULL)
        return NULL;
    lane_begin(lane, core, context);
    pthread_mutex_lock(&core->base_lock);
    lane->next_lane = core->lanes;
    if (core->lanes != NULL)
        core->lanes->previous_lane = lane;
    core->lanes = lane;
    context->children++;
    pthread_mutex_unlock(&core->base_lock);
    return lane;
}

static void lane_close(numc_context *lane)
{
    numc_core *core = lane->core;
    lane_end(lane);
    pthread_mutex_lock(&core->base_lock);
    if (lane->next_lane != NULL)
        lane->next_lane->previous_lane = lane->previous_lane;
    if (lane->previous_lane != NULL)
        lane->previous_lane->next_lane = lane->next_lane;
    else
        core->lanes = lane->next_lane;
    lane->parent->children += lane->children - 1;
    for (numc_context *other = core->lanes; other != NULL && lane->children > 0; other = other->next_lane) {
        if (other->parent == lane) {
            other->parent = lane->parent;
            lane->children--;
        }
    }
    pthread_mutex_unlock(&core->base_lock);
    numc__core_free(core, lane, sizeof *lane);
}

static void unlink_object(numc_core *core, numc_object *object)
{
    if (object->previous != NULL)
        object->previous->next = object->next;
    if (object->next != NULL)
        object->next->previous = object->previous;
    else
        core->slots[NUMC_SLOT_OBJECTS] = object->previous;
    object->previous = object->next = NULL;
}

void numc__object_add(numc_context *lane, numc_object *object)
{
    numc_core *core = lane->core;
    object->lane = lane;
    pthread_mutex_lock(&core->base_lock);
    numc_object *newest = core->slots[NUMC_SLOT_OBJECTS];
    object->previous = newest;
    object->next = NULL;
    if (newest != NULL)
        newest->next = object;
    core->slots[NUMC_SLOT_OBJECTS] = object;
    pthread_mutex_unlock(&core->base_lock);
}

void numc__object_remove(numc_core *core, numc_object *object)
{
    pthread_mutex_lock(&core->base_lock);
    if (object->next != NULL || core->slots[NUMC_SLOT_OBJECTS] == object)
        unlink_object(core, object);
    pthread_mutex_unlock(&core->base_lock);
}

/* Ends the objects of one lane, or all (NULL), newest first. */
static void objects_end(numc_core *core, const numc_context *lane)
{
    for (;;) {
        pthread_mutex_lock(&core->base_lock);
        numc_object *newest = core->slots[NUMC_SLOT_OBJECTS];
        while (newest != NULL && lane != NULL && newest->lane != lane)
            newest = newest->previous;
        if (newest != NULL)
            unlink_object(core, newest);
        pthread_mutex_unlock(&core->base_lock);
        if (newest == NULL)
            return;
        if (newest->destroy != NULL)
            newest->destroy(newest);
    }
}

static void slot_end(numc_core *core, int slot)
{
    void *state = core->slots[slot];
    core->slots[slot] = NULL;
    if (state != NULL && core->slot_destroy[slot] != NULL)
        core->slot_destroy[slot](core, state);
}

void numc__core_hold(numc_core *core)
{
    atomic_fetch_add_explicit(&core->holds, 1, memory_order_relaxed);
}

void numc__core_let_go(numc_core *core)
{
    if (atomic_fetch_sub_explicit(&core->holds, 1, memory_order_acq_rel) != 1)
        return;
    slot_end(core, NUMC_SLOT_ARRAYS);
    slot_end(core, NUMC_SLOT_DEVICE);
    numc__string_free(core->first_lane, core->backend_name);
    numc__string_free(core->first_lane, core->backend_path);
    pthread_mutex_destroy(&core->base_lock);
    pthread_mutex_destroy(&core->lock);
    core->allocate(core->allocate_user, (opening *)(void *)core, sizeof(opening), 0);
}

void numc_close(numc_context *context)
{
    if (context == NULL)
        return;
    numc_core *core = context->core;
    if (context->running > 0) {
        numc__fail(context, NUMC_STATE, "numc_close: a callback is at work on this lane; close when it has returned");
        return;
    }
    if (context == core->first_lane && atomic_load(&core->running) > 0) { /* by a thread that may not touch the error slot */
        numc__log(core, NUMC_LOG_ERROR, "numc_close: a sampler is at work; close when it has returned");
        return;
    }
    if (context != core->first_lane) {
        objects_end(core, context);
        lane_close(context);
        return;
    }
    objects_end(core, NULL); /* first: objects hold lanes and arrays */
    while (core->lanes != NULL)
        lane_close(core->lanes);
    lane_end(context);
    objects_end(core, NULL); /* what the ends above may have made owned again */
    pthread_mutex_lock(&core->base_lock);
    core->closing = true;
    pthread_mutex_unlock(&core->base_lock);
    for (int slot = NUMC_SLOT_COUNT - 1; slot >= 0; slot--) {
        if (core->slots[slot] != NULL && core->slot_close[slot] != NULL)
            core->slot_close[slot](core, core->slots[slot]);
        if (slot != NUMC_SLOT_ARRAYS && slot != NUMC_SLOT_DEVICE)
            slot_end(core, slot);
    }
    numc__core_let_go(core);
}

numc_status numc__options_copy(numc_context *context, void *target, size_t full, const void *source,
                               size_t size, const char *what)
{
    memset(target, 0, full);
    if (source == NULL)
        return NUMC_OK;
    const unsigned char *bytes = source;
    NUMC_REQUIRE(context, size <= NUMC_OPTIONS_LIMIT, NUMC_INVALID_ARGUMENT,
                 "%s: options of %zu bytes: a size beyond %d is not one", what, size, NUMC_OPTIONS_LIMIT);
    for (size_t i = full; i < size; i++) {
        NUMC_REQUIRE(context, bytes[i] == 0, NUMC_INVALID_ARGUMENT,
                     "%s sets an option at byte %zu that this library (version %s, %zu bytes of options) does not know",
                     what, i, numc_version(), full);
    }
    memcpy(target, source, size < full ? size : full);
    return NUMC_OK;
}

numc_status numc_statistics_get_sized(const numc_context *context, numc_statistics *statistics, size_t size)
{
    if (context == NULL || statistics == NULL)
        return NUMC_INVALID_ARGUMENT;
    numc_core *core = context->core;
    numc_statistics full = {
        .arrays_live = atomic_load_explicit(&core->arrays_live, memory_order_relaxed),
        .arrays_made = atomic_load_explicit(&core->array_serial, memory_order_relaxed),
        .bytes_live = atomic_load_explicit(&core->bytes_live, memory_order_relaxed),
        .bytes_peak = atomic_load_explicit(&core->bytes_peak, memory_order_relaxed),
        .kernels_built = atomic_load_explicit(&core->kernels_built, memory_order_relaxed),
        .kernels_run = atomic_load_explicit(&core->kernels_run, memory_order_relaxed),
        .fallbacks = atomic_load_explicit(&core->fallbacks, memory_order_relaxed),
        .bytes_downloaded = atomic_load_explicit(&core->bytes_downloaded, memory_order_relaxed),
        .bytes_uploaded = atomic_load_explicit(&core->bytes_uploaded, memory_order_relaxed),
        .programs_native = atomic_load_explicit(&core->programs_native, memory_order_relaxed),
    };
    if (__atomic_load_n(&core->slots[NUMC_SLOT_DEVICE], __ATOMIC_ACQUIRE) != NULL)
        core->device_statistics(core, &full.device);
    if (size > sizeof full)
        memset((char *)statistics + sizeof full, 0, size - sizeof full);
    memcpy(statistics, &full, size < sizeof full ? size : sizeof full);
    return NUMC_OK;
}

/* ---- the lane of a thread's callback ------------------------------------------------------------------------------------ */

static _Thread_local numc_context *acting;

numc_context *numc__acting_begin(numc_context *lane)
{
    numc_context *before = acting;
    acting = lane;
    atomic_fetch_add_explicit(&lane->core->acting, 1, memory_order_relaxed);
    return before;
}

void numc__acting_end(numc_context *lane, numc_context *before)
{
    atomic_fetch_sub_explicit(&lane->core->acting, 1, memory_order_relaxed);
    acting = before;
}

numc_context *numc__acting_find(numc_context *lane)
{
    const numc_context *upper = acting;
    while (upper != NULL && upper != lane && upper->depth > lane->depth)
        upper = upper->parent;
    return upper == lane ? acting : lane;
}
