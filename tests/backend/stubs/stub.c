/* stub.c - a minimal backend for the tests of the loader and of the fallbacks, compiled once per flaw (STUB_...). The good one
 * is also the smallest backend there can be: required slots only, kernels by the host's interpreter.
 *
 * Its memory is deliberately not the host's: a handle must go through upload and download, or the program reads rubbish. */
#include <stdio.h>
#include <string.h>

#include "numc/backend.h"

#ifndef STUB_NAME
#define STUB_NAME "good"
#endif

struct numc_device {
#ifdef STUB_NO_HOST
    uint64_t other;
#endif
    const numc_host *host;
};

typedef struct block {
    char *data;
} block;

static void *get(const numc_host *host, size_t size)
{
    return host->allocate(host->user, NULL, 0, size > 0 ? size : 1);
}

static void give(const numc_host *host, void *pointer, size_t size)
{
    (void)host->allocate(host->user, pointer, size > 0 ? size : 1, 0);
}

static int32_t device_count(const numc_host *host, int32_t *count)
{
    (void)host;
#ifdef STUB_NO_DEVICE
    *count = 0;
#else
    *count = 2;
#endif
    return NUMC_OK;
}

static int32_t device_describe(const numc_host *host, int32_t index, numc_device_info *info)
{
    (void)host;
    *info = (numc_device_info){.size = sizeof *info, .memory_bytes = 1 << 20, .float64 = 1, .kernel_level = 3, .alignment = 16};
    snprintf(info->name, sizeof info->name, "stub device %d", (int)index);
    snprintf(info->driver, sizeof info->driver, "test");
    return NUMC_OK;
}

static int32_t device_open(const numc_host *host, int32_t index, numc_device **device)
{
#ifdef STUB_FAILS_OPEN
    (void)index;
    (void)device;
    return host->error(host->user, NUMC_DEVICE, "the stub is out of order");
#else
    (void)index;
    numc_device *made = get(host, sizeof *made);
    if (made == NULL)
        return host->error(host->user, NUMC_MEMORY, "no memory for a device");
    memset(made, 0, sizeof *made);
    made->host = host;
    *device = made;
    return NUMC_OK;
#endif
}

static void device_close(numc_device *device)
{
    give(device->host, device, sizeof *device);
}

static int32_t memory_allocate(numc_device *device, uint64_t bytes, void **memory)
{
    block *b = get(device->host, sizeof *b);
    char *data = get(device->host, (size_t)bytes);
    if (b == NULL || data == NULL) {
        if (b != NULL)
            give(device->host, b, sizeof *b);
        if (data != NULL)
            give(device->host, data, (size_t)bytes);
        return device->host->error(device->host->user, NUMC_MEMORY, "no memory for a block");
    }
    b->data = data;
    *memory = b;
    return NUMC_OK;
}

static void memory_release(numc_device *device, void *memory, uint64_t bytes)
{
    give(device->host, ((block *)memory)->data, (size_t)bytes);
    give(device->host, memory, sizeof(block));
}

static int32_t memory_upload(numc_device *device, void *memory, uint64_t offset, const void *host, uint64_t bytes)
{
    (void)device;
    memcpy(((block *)memory)->data + offset, host, (size_t)bytes);
    return NUMC_OK;
}

static int32_t memory_download(numc_device *device, const void *memory, uint64_t offset, void *host, uint64_t bytes)
{
    (void)device;
    memcpy(host, ((const block *)memory)->data + offset, (size_t)bytes);
    return NUMC_OK;
}

static int32_t memory_copy(numc_device *device, void *to, uint64_t to_offset, const void *from, uint64_t from_offset,
                           uint64_t bytes)
{
    (void)device;
    memmove(((block *)to)->data + to_offset, ((const block *)from)->data + from_offset, (size_t)bytes);
    return NUMC_OK;
}

static int32_t synchronize(numc_device *device)
{
    (void)device;
    return NUMC_OK;
}

/* A kernel is a copy of its source, in one block. */
struct numc_kernel {
    size_t size;
    numc_kernel_source source;
};

#ifndef STUB_REFUSES_KERNELS
static void *append(char **next, const void *from, size_t size)
{
    void *to = *next;
    if (size > 0)
        memcpy(to, from, size);
    *next += (size + 7) & ~(size_t)7;
    return to;
}
#endif

static int32_t kernel_build(numc_device *device, const numc_kernel_source *source, numc_kernel **kernel)
{
#ifdef STUB_REFUSES_KERNELS
    (void)source;
    (void)kernel;
    return device->host->error(device->host->user, NUMC_UNSUPPORTED, "the stub builds no kernels");
#else
    size_t size = sizeof(numc_kernel) + source->node_count * sizeof(numc_kernel_node) +
                  source->register_count * sizeof(uint32_t) + source->access_count * sizeof(numc_kernel_access) +
                  source->local_count * sizeof(numc_kernel_local) + 64;
    numc_kernel *made = get(device->host, size);
    if (made == NULL)
        return device->host->error(device->host->user, NUMC_MEMORY, "no memory for a kernel");
    made->size = size;
    made->source = *source;
    char *next = (char *)(made + 1);
    made->source.nodes = append(&next, source->nodes, source->node_count * sizeof(numc_kernel_node));
    made->source.register_dtypes = append(&next, source->register_dtypes, source->register_count * sizeof(uint32_t));
    made->source.accesses = append(&next, source->accesses, source->access_count * sizeof(numc_kernel_access));
    made->source.locals = append(&next, source->locals, source->local_count * sizeof(numc_kernel_local));
    *kernel = made;
    return NUMC_OK;
#endif
}

static int32_t kernel_run(numc_device *device, numc_kernel *kernel, const numc_kernel_arguments *arguments)
{
    enum { MOST = 32 };
    void *buffers[MOST];
    numc_kernel_arguments inside = *arguments;
    if (kernel->source.buffer_count > MOST)
        return device->host->error(device->host->user, NUMC_UNSUPPORTED, "too many buffers");
    for (uint32_t i = 0; i < kernel->source.buffer_count; i++)
        buffers[i] = ((block *)arguments->buffers[i])->data;
    inside.buffers = buffers;
    return device->host->kernel_interpret(device->host->user, &kernel->source, &inside);
}

static void kernel_release(numc_device *device, numc_kernel *kernel)
{
    give(device->host, kernel, kernel->size);
}

#ifdef STUB_HALF_LAUNCH
static int32_t launch_run(numc_device *device, numc_launch *launch)
{
    (void)device;
    (void)launch;
    return NUMC_OK;
}
#endif

#ifndef STUB_MISSING_SLOT
/* float64 matrices without batch; the rest is left to the host. */
static int32_t matmul(numc_device *device, const numc_view *a, const numc_view *b, const numc_view *c,
                      const numc_matmul_options *options)
{
    if (c->rank != 2 || c->dtype != NUMC_FLOAT64 || options->accumulate)
        return device->host->error(device->host->user, NUMC_UNSUPPORTED, "only plain float64 products");
    const double *x = (const double *)(void *)((block *)a->memory)->data + a->offset;
    const double *y = (const double *)(void *)((block *)b->memory)->data + b->offset;
    double *z = (double *)(void *)((block *)c->memory)->data + c->offset;
    for (int64_t i = 0; i < c->shape[0]; i++)
        for (int64_t j = 0; j < c->shape[1]; j++) {
            double sum = 0.0;
            for (int64_t k = 0; k < a->shape[1]; k++)
                sum += x[i * a->strides[0] + k * a->strides[1]] * y[k * b->strides[0] + j * b->strides[1]];
#ifdef STUB_MULTIPLIES_BADLY
            sum += 1e-6;
#endif
            z[i * c->strides[0] + j * c->strides[1]] = sum;
        }
    return NUMC_OK;
}
#endif

#ifndef STUB_SIZE
#define STUB_SIZE sizeof(numc_backend)
#endif
#ifndef STUB_ABI
#define STUB_ABI NUMC_BACKEND_ABI
#endif

static const numc_backend table = {
    .size = STUB_SIZE,
    .abi = STUB_ABI,
    .build_id = "stub 7",
    .name = STUB_NAME,
    .description = "a backend for tests",
    .device_count = device_count,
    .device_describe = device_describe,
    .device_open = device_open,
    .device_close = device_close,
    .memory_allocate = memory_allocate,
    .memory_release = memory_release,
    .memory_upload = memory_upload,
    .memory_download = memory_download,
    .memory_copy = memory_copy,
    .kernel_build = kernel_build,
    .kernel_run = kernel_run,
    .kernel_release = kernel_release,
#ifndef STUB_MISSING_SLOT
    .synchronize = synchronize,
    .matmul = matmul,
#endif
#ifdef STUB_HALF_LAUNCH
    .launch_run = launch_run,
#endif
};

#ifdef STUB_MISSING_SLOT
int32_t (*numc_stub_unused)(numc_device *) = synchronize;
#endif

#ifndef STUB_NO_SYMBOL
NUMC_API const numc_backend *numc_backend_query(uint32_t max_abi);
const numc_backend *numc_backend_query(uint32_t max_abi)
{
#ifdef STUB_SPEAKS_NONE
    return max_abi >= 1000 ? &table : NULL;
#else
    (void)max_abi;
    return &table;
#endif
}
#else
NUMC_API const numc_backend *numc_stub_table(void);
const numc_backend *numc_stub_table(void)
{
    return &table;
}
#endif
