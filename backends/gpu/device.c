/* device.c - opening a device, and its memory: blocks from a caching pool over the runtime's allocations, transfers, counts. */
#include <stdio.h>
#include <stdlib.h>

#include "gpu/internal.h"

int32_t numc_gpu_device_count(const numc_host *host, int32_t *count)
{
    return numc_gpu_runtime_here.device_count(host, count);
}

int32_t numc_gpu_device_find(const numc_host *host, const char *text, int32_t *index)
{
    if (numc_gpu_runtime_here.device_find != NULL)
        return numc_gpu_runtime_here.device_find(host, text, index);
    int number = -1, length = 0;
    *index = sscanf(text, "%d%n", &number, &length) == 1 && text[length] == '\0' ? (int32_t)number : -1;
    return NUMC_OK;
}

int32_t numc_gpu_device_describe(const numc_host *host, int32_t index, numc_device_info *info)
{
    numc_gpu_facts facts;
    int32_t status = numc_gpu_runtime_here.device_facts(host, index, &facts);
    if (status != NUMC_OK)
        return status;
    uint64_t size = info->size < sizeof *info ? info->size : sizeof *info;
    numc_device_info full = {.size = size, .memory_bytes = facts.memory_bytes, .float64 = facts.float64, .kernel_level = 3,
                             .alignment = facts.alignment > 0 ? facts.alignment : 64,
                             .dialect = numc_gpu_runtime_here.dialect};
    (void)snprintf(full.name, sizeof full.name, "%s", facts.name);
    (void)snprintf(full.driver, sizeof full.driver, "%s", facts.driver);
    memcpy(info, &full, size);
    return NUMC_OK;
}

/* Iterations a single work item runs sooner than two more launches would. */
static int64_t solo_limit(const numc_gpu_facts *facts)
{
    const char *text = secure_getenv("NUMC_GPU_SOLO");
    if (text != NULL && text[0] >= '0' && text[0] <= '9')
        return strtoll(text, NULL, 10);
    return facts->serial ? 8192 : 256;
}

int32_t numc_gpu_device_open(const numc_host *host, int32_t index, numc_device **device)
{
    const numc_gpu_runtime *runtime = &numc_gpu_runtime_here;
    *device = NULL;
    numc_device *made = host->allocate(host->user, NULL, 0, sizeof *made);
    if (made == NULL)
        return host->error(host->user, NUMC_MEMORY, "out of memory for a device");
    memset(made, 0, sizeof *made);
    made->host = host;
    made->runtime = runtime;
    int32_t status = runtime->device_facts(host, index, &made->facts);
    if (status == NUMC_OK && pthread_mutex_init(&made->lock, NULL) != 0)
        status = host->error(host->user, NUMC_MEMORY, "a lock could not be made");
    if (status == NUMC_OK && pthread_mutex_init(&made->building, NULL) != 0) {
        (void)pthread_mutex_destroy(&made->lock);
        status = host->error(host->user, NUMC_MEMORY, "a lock could not be made");
    }
    if (status != NUMC_OK) {
        (void)host->allocate(host->user, made, sizeof *made, 0);
        return status;
    }
    made->group = NUMC_GPU_GROUP;
    made->solo = solo_limit(&made->facts);
    made->pool_limit = made->facts.memory_bytes > 0 ? made->facts.memory_bytes / 4 : (uint64_t)256 << 20;
    if (made->facts.group_limit < NUMC_GPU_GROUP)
        status = numc_gpu_fail(made, NUMC_BACKEND, "the device takes fewer than 128 work items in a group");
    if (status == NUMC_OK)
        status = numc_gpu_modules_begin(made);
    if (status == NUMC_OK)
        status = runtime->open(host, index, &made->machine);
    if (status != NUMC_OK) {
        numc_gpu_modules_end(made);
        (void)pthread_mutex_destroy(&made->building);
        (void)pthread_mutex_destroy(&made->lock);
        (void)host->allocate(host->user, made, sizeof *made, 0);
        return status;
    }
    *device = made;
    return NUMC_OK;
}

/* ---- the pool ---------------------------------------------------------------------------------------------------------- */

/* Four classes per doubling: class 0 holds 256 bytes, class 4 (p - 8) + q holds 2^p + q 2^(p-2), q = 1..4. */
static uint32_t class_of(uint64_t bytes, uint64_t *capacity)
{
    if (bytes <= 256) {
        *capacity = 256;
        return 0;
    }
    uint64_t last = bytes - 1;
    uint32_t p = 63 - (uint32_t)__builtin_clzll(last);
    uint64_t q = ((last - ((uint64_t)1 << p)) >> (p - 2)) + 1;
    *capacity = ((uint64_t)1 << p) + (q << (p - 2));
    return (p - 8) * 4 + (uint32_t)q;
}

/* Everything kept goes back to the runtime; the lock is held. */
static bool pool_empty(numc_device *device)
{
    bool held = device->pool_bytes > 0;
    for (int i = 0; i < NUMC_GPU_CLASSES; i++)
        while (device->pool[i] != NULL) {
            numc_gpu_block *block = device->pool[i];
            device->pool[i] = block->next;
            device->runtime->free(device->machine, block->raw);
            numc_gpu_delete(device, block, sizeof *block);
        }
    device->pool_bytes = 0;
    return held;
}

int32_t numc_gpu_memory_allocate(numc_device *device, uint64_t bytes, void **memory)
{
    uint64_t capacity;
    *memory = NULL;
    if (bytes >= UINT64_C(1) << 56 || (device->facts.allocation_limit != 0 && bytes > device->facts.allocation_limit)) {
        char message[160];
        (void)snprintf(message, sizeof message, "%llu bytes are more than the device allocates at once (%llu)",
                       (unsigned long long)bytes, (unsigned long long)device->facts.allocation_limit);
        return numc_gpu_fail(device, NUMC_MEMORY, message);
    }
    uint32_t class = class_of(bytes, &capacity);
    if (device->facts.allocation_limit != 0 && capacity > device->facts.allocation_limit)
        capacity = device->facts.allocation_limit;
    numc_gpu_block *block = numc_gpu_records(device) ? numc_gpu_record_take(device, capacity) : NULL;
    if (block == NULL) {
        pthread_mutex_lock(&device->lock);
        if ((block = device->pool[class]) != NULL && block->bytes >= bytes) {
            device->pool[class] = block->next;
            device->pool_bytes -= block->bytes;
        } else
            block = NULL;
        pthread_mutex_unlock(&device->lock);
    }
    numc_gpu_count(&device->counts.from_pool, block != NULL);
    if (block == NULL) {
        block = numc_gpu_new(device, sizeof *block);
        if (block == NULL)
            return numc_gpu_fail(device, NUMC_MEMORY, "out of memory on the host for a buffer");
        block->bytes = capacity;
        int32_t status = device->runtime->allocate(device->machine, capacity, &block->raw);
        if (status == NUMC_MEMORY) { /* once more without what the pool keeps */
            pthread_mutex_lock(&device->lock);
            bool held = pool_empty(device);
            pthread_mutex_unlock(&device->lock);
            if (held && device->runtime->synchronize(device->machine) == NUMC_OK)
                status = device->runtime->allocate(device->machine, capacity, &block->raw);
        }
        if (status != NUMC_OK) {
            numc_gpu_delete(device, block, sizeof *block);
            return status;
        }
    }
    block->next = NULL;
    numc_gpu_count(&device->counts.allocations, 1);
    uint64_t live = atomic_fetch_add_explicit(&device->counts.bytes_live, block->bytes, memory_order_relaxed) + block->bytes;
    uint64_t peak = atomic_load_explicit(&device->counts.bytes_peak, memory_order_relaxed);
    while (live > peak && !atomic_compare_exchange_weak(&device->counts.bytes_peak, &peak, live))
        ;
    *memory = block;
    return NUMC_OK;
}

/* The queue runs in order: what still uses the block runs before what uses it next. */
void numc_gpu_memory_release(numc_device *device, void *memory, uint64_t bytes)
{
    numc_gpu_block *block = memory;
    uint64_t capacity;
    if (block == NULL)
        return;
    uint32_t class = class_of(bytes, &capacity);
    (void)atomic_fetch_sub_explicit(&device->counts.bytes_live, block->bytes, memory_order_relaxed);
    if (numc_gpu_records(device)) {
        numc_gpu_record_keep(device, block);
        return;
    }
    pthread_mutex_lock(&device->lock);
    bool keep = device->pool_bytes + block->bytes <= device->pool_limit;
    if (keep) {
        block->next = device->pool[class];
        device->pool[class] = block;
        device->pool_bytes += block->bytes;
    }
    pthread_mutex_unlock(&device->lock);
    if (!keep) {
        device->runtime->free(device->machine, block->raw);
        numc_gpu_delete(device, block, sizeof *block);
    }
}

/* ---- transfers --------------------------------------------------------------------------------------------------------- */

int32_t numc_gpu_memory_upload(numc_device *device, void *memory, uint64_t offset, const void *host, uint64_t bytes)
{
    if (bytes == 0)
        return NUMC_OK;
    numc_gpu_count(&device->counts.uploads, 1);
    numc_gpu_count(&device->counts.bytes_uploaded, bytes);
    return device->runtime->upload(device->machine, numc_gpu_raw(memory), offset, host, bytes);
}

int32_t numc_gpu_memory_download(numc_device *device, const void *memory, uint64_t offset, void *host, uint64_t bytes)
{
    if (bytes == 0)
        return NUMC_OK;
    numc_gpu_count(&device->counts.downloads, 1);
    numc_gpu_count(&device->counts.bytes_downloaded, bytes);
    return device->runtime->download(device->machine, numc_gpu_raw(memory), offset, host, bytes);
}

/* A transfer is the runtime's ticket. */
int32_t numc_gpu_download_begin(numc_device *device, const void *memory, uint64_t offset, void *host, uint64_t bytes,
                                numc_transfer **transfer)
{
    void *ticket = NULL;
    numc_gpu_count(&device->counts.downloads, 1);
    numc_gpu_count(&device->counts.bytes_downloaded, bytes);
    int32_t status = device->runtime->read_begin(device->machine, numc_gpu_raw(memory), offset, host, bytes, &ticket);
    *transfer = ticket;
    return status;
}

int32_t numc_gpu_download_end(numc_device *device, numc_transfer *transfer)
{
    return device->runtime->read_end(device->machine, transfer);
}

/* Within one allocation the ranges may overlap: then by way of another one. */
int32_t numc_gpu_memory_copy(numc_device *device, void *to, uint64_t to_offset, const void *from, uint64_t from_offset,
                             uint64_t bytes)
{
    if (bytes == 0 || (to == from && to_offset == from_offset))
        return NUMC_OK;
    numc_gpu_count(&device->counts.copies, 1);
    bool overlap = to == from && to_offset < from_offset + bytes && from_offset < to_offset + bytes;
    if (!overlap)
        return device->runtime->copy(device->machine, numc_gpu_raw(to), to_offset, numc_gpu_raw(from), from_offset, bytes);
    void *between;
    int32_t status = numc_gpu_memory_allocate(device, bytes, &between);
    if (status != NUMC_OK)
        return status;
    status = device->runtime->copy(device->machine, numc_gpu_raw(between), 0, numc_gpu_raw(from), from_offset, bytes);
    if (status == NUMC_OK)
        status = device->runtime->copy(device->machine, numc_gpu_raw(to), to_offset, numc_gpu_raw(between), 0, bytes);
    numc_gpu_memory_release(device, between, bytes);
    return status;
}

int32_t numc_gpu_synchronize(numc_device *device)
{
    return device->runtime->synchronize(device->machine);
}

/* ---- counts, closing ----------------------------------------------------------------------------------------------------- */

int32_t numc_gpu_device_statistics(numc_device *device, numc_device_statistics *statistics)
{
    numc_gpu_counts *c = &device->counts;
    pthread_mutex_lock(&device->lock);
    const uint64_t kept = device->pool_bytes;
    pthread_mutex_unlock(&device->lock);
#define COUNT(name) .name = atomic_load_explicit(&c->name, memory_order_relaxed)
    const numc_device_statistics ours = {
        .size = statistics->size < sizeof ours ? statistics->size : sizeof ours, .bytes_kept = kept, COUNT(allocations), COUNT(from_pool),
        COUNT(bytes_live), COUNT(bytes_peak), COUNT(uploads), COUNT(bytes_uploaded), COUNT(downloads), COUNT(bytes_downloaded),
        COUNT(copies), COUNT(launches), COUNT(recordings_run), COUNT(programs_built), COUNT(programs_read)};
#undef COUNT
    memcpy(statistics, &ours, ours.size);
    return NUMC_OK;
}

static void log_counts(numc_device *device)
{
    numc_device_statistics c = {.size = sizeof c};
    char line[512];
    (void)numc_gpu_device_statistics(device, &c);
    (void)snprintf(line, sizeof line,
                   "%llu allocations, %llu of them from the pool, %llu bytes at most; %llu uploads (%llu bytes), %llu downloads (%llu "
                   "bytes), %llu copies, %llu launches, %llu lists run; %llu programs built, %llu read from disk",
                   (unsigned long long)c.allocations, (unsigned long long)c.from_pool, (unsigned long long)c.bytes_peak,
                   (unsigned long long)c.uploads, (unsigned long long)c.bytes_uploaded, (unsigned long long)c.downloads,
                   (unsigned long long)c.bytes_downloaded, (unsigned long long)c.copies, (unsigned long long)c.launches,
                   (unsigned long long)c.recordings_run, (unsigned long long)c.programs_built, (unsigned long long)c.programs_read);
    device->host->log(device->host->user, NUMC_LOG_DEBUG, line);
}

void numc_gpu_device_close(numc_device *device)
{
    if (device == NULL)
        return;
    (void)device->runtime->synchronize(device->machine);
    log_counts(device);
    for (int i = 0; i < NUMC_GPU_BUCKETS; i++)
        while (device->fixed[i] != NULL) {
            numc_gpu_fixed *fixed = device->fixed[i];
            device->fixed[i] = fixed->next;
            device->runtime->kernel_free(device->machine, fixed->kernel);
            numc_gpu_module_drop(device, fixed->module);
            numc_gpu_delete(device, fixed, sizeof *fixed);
        }
    (void)pool_empty(device);
    device->runtime->close(device->machine);
    numc_gpu_modules_end(device);
    (void)pthread_mutex_destroy(&device->building);
    (void)pthread_mutex_destroy(&device->lock);
    (void)device->host->allocate(device->host->user, device, sizeof *device, 0);
}
