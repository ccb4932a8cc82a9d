/* stub.c - backends for the tests of the loader and of the fallbacks, compiled once per flaw (STUB_...): the template of new
 * backends (examples/backend-template) with another memory.
 *
 * Its memory is deliberately not the host's: a handle must go through upload and download, or the program reads rubbish. */
#define numc_backend_query template_query
#include "../../../examples/backend-template/plain.c"
#undef numc_backend_query

#include <stdio.h>

#ifdef STUB_ROUTINES
#define NUMC_KERNEL_ENTRIES
void numc_chains_step(void *const *buffers, const int64_t *numbers, int64_t item);
#include "kernel/chains.h"
#endif

#ifndef STUB_NAME
#define STUB_NAME "good"
#endif

static int32_t two_devices(const numc_host *host, int32_t *count)
{
    (void)host;
#ifdef STUB_NO_DEVICE
    *count = 0;
#else
    *count = 2;
#endif
    return NUMC_OK;
}

static int32_t describe_stub(const numc_host *host, int32_t index, numc_device_info *info)
{
    (void)host;
    *info = (numc_device_info){.size = sizeof *info, .memory_bytes = 1 << 20, .float64 = 1, .kernel_level = 3, .alignment = 16};
    snprintf(info->name, sizeof info->name, "stub device %d", (int)index);
    snprintf(info->driver, sizeof info->driver, "test");
#ifdef STUB_ROUTINES
    info->dialect = NUMC_DIALECT_C;
#endif
    return NUMC_OK;
}

#if defined(STUB_FAILS_OPEN)
static int32_t open_stub(const numc_host *host, int32_t index, numc_device **device)
{
    (void)index;
    (void)device;
    return fail(host, NUMC_DEVICE, "the stub is out of order");
}
#define OPEN open_stub
#elif defined(STUB_NO_HOST)
/* A device that does not begin with the host's table. */
typedef struct stray {
    uint64_t other;
    numc_device device;
} stray;

static int32_t open_stray(const numc_host *host, int32_t index, numc_device **device)
{
    stray *made = get(host, sizeof *made);
    (void)index;
    if (made == NULL)
        return fail(host, NUMC_MEMORY, "no memory for a device");
    *made = (stray){.device.host = host};
    *device = (numc_device *)(void *)made;
    return NUMC_OK;
}

static void close_stray(numc_device *device)
{
    stray *made = (stray *)(void *)device;
    give(made->device.host, made, sizeof *made);
}
#define OPEN open_stray
#define CLOSE close_stray
#endif
#ifndef OPEN
#define OPEN device_open
#endif
#ifndef CLOSE
#define CLOSE device_close
#endif

/* ---- memory behind handles ----------------------------------------------------------------------------------------------- */

typedef struct block {
    char *data;
} block;

static int32_t block_allocate(numc_device *device, uint64_t bytes, void **memory)
{
    void *data;
    block *b = get(device->host, sizeof *b);
    if (b == NULL)
        return fail(device->host, NUMC_MEMORY, "no memory for a block");
    int32_t status = memory_allocate(device, bytes, &data);
    if (status != NUMC_OK) {
        give(device->host, b, sizeof *b);
        return status;
    }
    b->data = data;
    *memory = b;
    return NUMC_OK;
}

static void block_release(numc_device *device, void *memory, uint64_t bytes)
{
    memory_release(device, ((block *)memory)->data, bytes);
    give(device->host, memory, sizeof(block));
}

static int32_t block_upload(numc_device *device, void *memory, uint64_t offset, const void *host, uint64_t bytes)
{
    return memory_upload(device, ((block *)memory)->data, offset, host, bytes);
}

static int32_t block_download(numc_device *device, const void *memory, uint64_t offset, void *host, uint64_t bytes)
{
    return memory_download(device, ((const block *)memory)->data, offset, host, bytes);
}

static int32_t block_copy(numc_device *device, void *to, uint64_t to_offset, const void *from, uint64_t from_offset,
                          uint64_t bytes)
{
    return memory_copy(device, ((block *)to)->data, to_offset, ((const block *)from)->data, from_offset, bytes);
}

/* ---- kernels and products on handles ------------------------------------------------------------------------------------- */

#ifdef STUB_REFUSES_KERNELS
static int32_t refuse_kernel(numc_device *device, const numc_kernel_source *source, numc_kernel **kernel)
{
    (void)source;
    (void)kernel;
    return fail(device->host, NUMC_UNSUPPORTED, "the stub builds no kernels");
}
#define BUILD refuse_kernel
#else
#define BUILD kernel_build
#endif

static int32_t run_on_blocks(numc_device *device, numc_kernel *kernel, const numc_kernel_arguments *arguments)
{
    enum { MOST = 32 };
    void *buffers[MOST];
    numc_kernel_arguments inside = *arguments;
    if (kernel->source.buffer_count > MOST)
        return fail(device->host, NUMC_UNSUPPORTED, "too many buffers");
    for (uint32_t i = 0; i < kernel->source.buffer_count; i++)
        buffers[i] = ((block *)arguments->buffers[i])->data;
    inside.buffers = buffers;
    return kernel_run(device, kernel, &inside);
}

#ifdef STUB_HALF_LAUNCH
static int32_t launch_run(numc_device *device, numc_launch *launch)
{
    (void)device;
    (void)launch;
    return NUMC_OK;
}
#endif

/* float64 matrices without batch; the rest is left to the host. */
static int32_t multiply_blocks(numc_device *device, const numc_view *a, const numc_view *b, const numc_view *c,
                               const numc_matmul_options *options)
{
    if (c->rank != 2 || c->dtype != NUMC_FLOAT64 || options->accumulate)
        return fail(device->host, NUMC_UNSUPPORTED, "only plain float64 products");
    numc_view x = *a, y = *b, z = *c;
    x.memory = ((block *)a->memory)->data;
    y.memory = ((block *)b->memory)->data;
    z.memory = ((block *)c->memory)->data;
    int32_t status = matmul(device, &x, &y, &z, options);
#ifdef STUB_MULTIPLIES_BADLY
    for (int64_t i = 0; i < z.shape[0]; i++)
        for (int64_t j = 0; j < z.shape[1]; j++)
            ((double *)z.memory)[z.offset + i * z.strides[0] + j * z.strides[1]] += 1e-6;
#endif
    return status;
}

/* ---- routines ------------------------------------------------------------------------------------------------------------ */

#ifdef STUB_ROUTINES
/* A device that would compile C: it knows the one text there is. */
struct numc_routine {
    numc_routine_source source;
};

static int32_t routine_build(numc_device *device, const numc_routine_source *source, numc_routine **routine)
{
    if (strcmp(source->name, "numc_chains_step") != 0 || strlen(source->text) != source->text_size ||
        strstr(source->text, "numc_chains_step(void *const *buffers") == NULL)
        return fail(device->host, NUMC_UNSUPPORTED, "the stub knows no such routine");
    *routine = get(device->host, sizeof **routine);
    if (*routine == NULL)
        return fail(device->host, NUMC_MEMORY, "no memory for a routine");
    (*routine)->source = *source;
    return NUMC_OK;
}

static int32_t routine_run(numc_device *device, numc_routine *routine, void *const *buffers, const int64_t *numbers, int64_t items)
{
    enum { MOST = 16 };
    void *inside[MOST];
    if (routine->source.buffer_count > MOST)
        return fail(device->host, NUMC_UNSUPPORTED, "too many buffers");
    for (uint32_t i = 0; i < routine->source.buffer_count; i++)
        inside[i] = ((block *)buffers[i])->data;
    for (int64_t i = 0; i < items; i++)
        numc_chains_step(inside, numbers, i);
    return NUMC_OK;
}

/* The queue has run empty whenever somebody looks, so the bytes are those of the moment it begins. */
struct numc_transfer {
    void *host;
    uint64_t bytes;
    unsigned char copy[];
};

static int32_t download_begin(numc_device *device, const void *memory, uint64_t offset, void *host, uint64_t bytes,
                              numc_transfer **transfer)
{
    numc_transfer *t = get(device->host, sizeof *t + bytes);
    if (t == NULL)
        return fail(device->host, NUMC_MEMORY, "no memory for a transfer");
    t->host = host;
    t->bytes = bytes;
    *transfer = t;
    return block_download(device, memory, offset, t->copy, bytes);
}

static int32_t download_end(numc_device *device, numc_transfer *transfer)
{
    memcpy(transfer->host, transfer->copy, transfer->bytes);
    give(device->host, transfer, sizeof *transfer + transfer->bytes);
    return NUMC_OK;
}

static void routine_release(numc_device *device, numc_routine *routine)
{
    give(device->host, routine, sizeof *routine);
}
#endif

/* ---- the table ----------------------------------------------------------------------------------------------------------- */

#ifndef STUB_SIZE
#define STUB_SIZE sizeof(numc_backend)
#endif
#ifndef STUB_ABI
#define STUB_ABI NUMC_BACKEND_ABI
#endif

static const numc_backend stub_table = {
    .size = STUB_SIZE,
    .abi = STUB_ABI,
    .build_id = "stub 7",
    .name = STUB_NAME,
    .description = "a backend for tests",
    .device_count = two_devices,
    .device_describe = describe_stub,
    .device_open = OPEN,
    .device_close = CLOSE,
    .memory_allocate = block_allocate,
    .memory_release = block_release,
    .memory_upload = block_upload,
    .memory_download = block_download,
    .memory_copy = block_copy,
    .kernel_build = BUILD,
    .kernel_run = run_on_blocks,
    .kernel_release = kernel_release,
#ifndef STUB_MISSING_SLOT
    .synchronize = synchronize,
    .matmul = multiply_blocks,
#endif
#ifdef STUB_HALF_LAUNCH
    .launch_run = launch_run,
#endif
#ifdef STUB_ROUTINES
    .routine_build = routine_build,
    .routine_run = routine_run,
    .routine_release = routine_release,
    .download_begin = download_begin,
    .download_end = download_end,
#endif
};

#ifdef STUB_MISSING_SLOT
int32_t (*numc_stub_unused)(numc_device *, const numc_view *, const numc_view *, const numc_view *,
                            const numc_matmul_options *) = multiply_blocks;
#endif

#ifndef STUB_NO_SYMBOL
NUMC_API const numc_backend *numc_backend_query(uint32_t max_abi);
const numc_backend *numc_backend_query(uint32_t max_abi)
{
#ifdef STUB_SPEAKS_NONE
    return max_abi >= 1000 ? &stub_table : NULL;
#else
    (void)max_abi;
    return &stub_table;
#endif
}
#else
NUMC_API const numc_backend *numc_stub_table(void);
const numc_backend *numc_stub_table(void)
{
    return &stub_table;
}
#endif
