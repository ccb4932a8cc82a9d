/* plugin.h - for the tests of the cpu backend: loads the plugin with a host table of its own, which counts allocations and runs
 * parallel_for's tasks last to first, so that a result that depends on their order shows. */
#ifndef NUMC_TESTS_CPU_PLUGIN_H
#define NUMC_TESTS_CPU_PLUGIN_H

#include <dlfcn.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "backend/device.h"

typedef struct plugin {
    void *library;
    const numc_backend *table;
    numc_device *device;
    numc_host host;
    int64_t live, calls, fail_at; /* blocks not freed; calls that allocate; the call that fails, 0: none */
    int32_t threads;
    char message[256];
} plugin;

static void *plugin_allocate(void *user, void *pointer, size_t old_size, size_t size)
{
    plugin *p = user;
    (void)old_size;
    if (size == 0) {
        p->live -= pointer != NULL;
        free(pointer);
        return NULL;
    }
    p->calls++;
    if (p->fail_at != 0 && p->calls == p->fail_at)
        return NULL;
    p->live += pointer == NULL;
    return realloc(pointer, size);
}

static void plugin_log(void *user, int32_t level, const char *line)
{
    (void)user, (void)level, (void)line;
}

static int32_t plugin_error(void *user, int32_t status, const char *message)
{
    plugin *p = user;
    snprintf(p->message, sizeof p->message, "%s", message);
    return status;
}

static int32_t plugin_thread_count(void *user)
{
    return ((plugin *)user)->threads;
}

static void plugin_parallel_for(void *user, int64_t count, numc_host_task body, void *task)
{
    (void)user;
    for (int64_t i = count; i-- > 0;)
        body(task, i);
}

static void (*plugin_scalar(void *user, uint32_t operation, uint32_t dtype))(void *, const void *const *)
{
    (void)user;
    return numc__ref_scalar_function(operation, dtype);
}

/* 0 when the plugin was loaded and its device opened. */
static inline int plugin_open(plugin *p)
{
    const char *folder = getenv("NUMC_BACKEND_PATH");
    char path[4096];
    memset(p, 0, sizeof *p);
    snprintf(path, sizeof path, "%s/numc-cpu.so", folder != NULL ? folder : ".");
    p->library = dlopen(path, RTLD_NOW | RTLD_LOCAL);
    if (p->library == NULL) {
        fprintf(stderr, "%s\n", dlerror());
        return 1;
    }
    numc_backend_query_fn query;
    void *symbol = dlsym(p->library, NUMC_BACKEND_QUERY_NAME);
    memcpy(&query, &symbol, sizeof query);
    p->threads = 1;
    p->table = query(NUMC_BACKEND_ABI);
    p->host = (numc_host){
        .size = sizeof p->host,
        .abi = NUMC_BACKEND_ABI,
        .user = p,
        .allocate = plugin_allocate,
        .log = plugin_log,
        .error = plugin_error,
        .thread_count = plugin_thread_count,
        .parallel_for = plugin_parallel_for,
        .scalar_function = plugin_scalar,
    };
    return p->table == NULL || p->table->device_open(&p->host, 0, &p->device) != NUMC_OK;
}

static inline void plugin_close(plugin *p)
{
    p->table->device_close(p->device);
}

/* xorshift64*: the tests' own random numbers, from a fixed seed. */
typedef struct rng {
    uint64_t state;
} rng;

static inline uint64_t rng_bits(rng *r)
{
    r->state ^= r->state >> 12;
    r->state ^= r->state << 25;
    r->state ^= r->state >> 27;
    return r->state * UINT64_C(0x2545f4914f6cdd1d);
}

static inline int64_t rng_below(rng *r, int64_t n)
{
    return (int64_t)((rng_bits(r) >> 33) % (uint64_t)n);
}

static inline double rng_unit(rng *r)
{
    return (double)(rng_bits(r) >> 11) * 0x1p-53;
}

#endif
