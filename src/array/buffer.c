/* buffer.c - counted blocks of device memory from a caching pool: one per core, and a small magazine per lane that needs no lock.
 * One in-order queue per device makes it safe to hand a buffer on while earlier work still reads it. */
#include <string.h>

#include "array/state.h"

/* Four classes per doubling, so at most a fifth is unused: class 0 holds 64 bytes, class 4 (p - 6) + q holds
 * 2^p + q 2^(p-2), q = 1..4. */
static uint32_t size_class(uint64_t bytes, uint64_t *capacity)
{
    if (bytes <= 64) {
        *capacity = 64;
        return 0;
    }
    uint64_t last = bytes - 1;
    uint32_t p = 6;
    while (last >> (p + 1) != 0)
        p++;
    uint64_t q = ((last - ((uint64_t)1 << p)) >> (p - 2)) + 1;
    *capacity = ((uint64_t)1 << p) + (q << (p - 2));
    return (p - 6) * 4 + (uint32_t)q;
}

void numc__count_live(numc_core *core, uint64_t bytes)
{
    uint64_t now = atomic_fetch_add_explicit(&core->bytes_live, bytes, memory_order_relaxed) + bytes;
    uint64_t peak = atomic_load_explicit(&core->bytes_peak, memory_order_relaxed);
    while (now > peak && !atomic_compare_exchange_weak_explicit(&core->bytes_peak, &peak, now, memory_order_relaxed,
                                                                memory_order_relaxed)) {
    }
}

static void destroy(numc_array_core *shared, numc_buffer *buffer)
{
    numc_backend_device *device = atomic_load_explicit(&shared->device, memory_order_acquire);
    device->table.memory_release(device->device, buffer->memory, buffer->bytes);
    numc__core_free(shared->core, buffer, sizeof *buffer);
}

/* Everything the pool holds goes back to the device; the lock is held. */
static void pool_empty(numc_array_core *shared)
{
    for (int i = 0; i < NUMC_POOL_CLASSES; i++) {
        while (shared->pool[i] != NULL) {
            numc_buffer *buffer = shared->pool[i];
            shared->pool[i] = buffer->next;
            destroy(shared, buffer);
        }
    }
    shared->pool_bytes = 0;
}

numc_buffer *numc__buffer_new(numc_context *context, uint64_t bytes)
{
    numc_backend_device *device = numc__array_device(context);
    if (device == NULL)
        return NULL;
    numc_array_lane *lane = context->slots[NUMC_SLOT_ARRAYS];
    numc_array_core *shared = lane->shared;
    uint64_t capacity;
    uint32_t class = size_class(bytes, &capacity);
    numc_buffer *buffer = NULL;
    if (class < NUMC_MAGAZINE_CLASSES && lane->magazine[class] != NULL) {
        buffer = lane->magazine[class];
        lane->magazine[class] = buffer->next;
        lane->magazine_count[class]--;
    } else {
        pthread_mutex_lock(&shared->lock);
        buffer = shared->pool[class];
        if (buffer != NULL) {
            shared->pool[class] = buffer->next;
            shared->pool_bytes -= buffer->bytes;
        }
        pthread_mutex_unlock(&shared->lock);
    }
    if (buffer == NULL) {
        buffer = numc__allocate(context, sizeof *buffer);
        if (buffer == NULL)
            return NULL;
        void *memory = NULL;
        int32_t status = device->table.memory_allocate(device->device, capacity, &memory);
        if (status != NUMC_OK) {
            /* once more after giving back what waits for reuse */
            numc__buffer_lane_end(lane);
            pthread_mutex_lock(&shared->lock);
            bool held = shared->pool_bytes != 0;
            pool_empty(shared);
            pthread_mutex_unlock(&shared->lock);
            if (held)
                status = device->table.memory_allocate(device->device, capacity, &memory);
        }
        if (status != NUMC_OK) {
            numc__free(context, buffer, sizeof *buffer);
            numc__device_check(context, status, "allocating an array");
            return NULL;
        }
        *buffer = (numc_buffer){.core = context->core, .memory = memory, .bytes = capacity, .size_class = class, .pool = shared};
    }
    atomic_store_explicit(&buffer->references, 1, memory_order_relaxed);
    buffer->next = NULL;
    numc__count_live(context->core, buffer->bytes);
    return buffer;
}

static bool last_reference(numc_buffer *buffer)
{
    if (atomic_fetch_sub_explicit(&buffer->references, 1, memory_order_acq_rel) != 1)
        return false;
    atomic_fetch_sub_explicit(&buffer->core->bytes_live, buffer->bytes, memory_order_relaxed);
    return true;
}

/* The lock is held. */
static void pool_add(numc_array_core *shared, numc_buffer *buffer)
{
    if (shared->pool_bytes + buffer->bytes > NUMC_POOL_LIMIT) {
        destroy(shared, buffer);
        return;
    }
    buffer->next = shared->pool[buffer->size_class];
    shared->pool[buffer->size_class] = buffer;
    shared->pool_bytes += buffer->bytes;
}

numc_buffer *numc__buffer_foreign(numc_context *context, void *memory, bool shared, void (*release)(void *user), void *user)
{
    numc_backend_device *device = numc__array_device(context);
    numc_buffer *buffer = device == NULL ? NULL : numc__allocate(context, sizeof *buffer);
    if (buffer == NULL)
        return NULL;
    numc_array_lane *lane = context->slots[NUMC_SLOT_ARRAYS];
    *buffer = (numc_buffer){.core = context->core, .memory = memory, .pool = lane->shared, .shared = shared,
                            .foreign_release = release, .foreign_user = user};
    atomic_store_explicit(&buffer->references, 1, memory_order_relaxed);
    return buffer;
}

/* Work that was queued may still read the memory. */
static void foreign_end(numc_buffer *buffer)
{
    numc_backend_device *device = atomic_load_explicit(&buffer->pool->device, memory_order_acquire);
    (void)device->table.synchronize(device->device); /* a device that failed reads no more */
    void (*release)(void *user) = buffer->foreign_release;
    void *user = buffer->foreign_user;
    numc__core_free(buffer->core, buffer, sizeof *buffer);
    release(user);
}

void numc__buffer_release(numc_buffer *buffer)
{
    if (buffer == NULL || !last_reference(buffer))
        return;
    if (buffer->foreign_release != NULL) {
        foreign_end(buffer);
        return;
    }
    numc_array_core *shared = buffer->pool;
    pthread_mutex_lock(&shared->lock);
    pool_add(shared, buffer);
    pthread_mutex_unlock(&shared->lock);
}

void numc__buffer_release_lane(numc_array_lane *lane, numc_buffer *buffer)
{
    if (!last_reference(buffer))
        return;
    if (buffer->foreign_release != NULL) {
        foreign_end(buffer);
        return;
    }
    uint32_t class = buffer->size_class;
    if (class < NUMC_MAGAZINE_CLASSES && lane->magazine_count[class] < NUMC_MAGAZINE_COUNT) {
        buffer->next = lane->magazine[class];
        lane->magazine[class] = buffer;
        lane->magazine_count[class]++;
        return;
    }
    pthread_mutex_lock(&lane->shared->lock);
    pool_add(lane->shared, buffer);
    pthread_mutex_unlock(&lane->shared->lock);
}

void numc__buffer_lane_end(numc_array_lane *lane)
{
    pthread_mutex_lock(&lane->shared->lock);
    for (int i = 0; i < NUMC_MAGAZINE_CLASSES; i++) {
        while (lane->magazine[i] != NULL) {
            numc_buffer *buffer = lane->magazine[i];
            lane->magazine[i] = buffer->next;
            pool_add(lane->shared, buffer);
        }
        lane->magazine_count[i] = 0;
    }
    pthread_mutex_unlock(&lane->shared->lock);
}

void numc__buffer_core_end(numc_array_core *shared)
{
    pool_empty(shared);
}
