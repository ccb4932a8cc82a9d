/* plugin.c - frozen, never edited to follow today's sources: a backend of ABI 1's first day, built against the frozen header alone,
 * which every later host must load and run. It is a copy of that day's template (plain.c). FROZEN_SHORT: its table ends behind the required slots, and what lies behind its
 * end must not be read. */
#include <string.h>

#include "backend_abi1.h"

/* What is said to the host goes through this table, which a device keeps, so that a plugin needs no globals. */
struct numc_device {
    const numc_host *host; /* first: the contract */
};

static void *get(const numc_host *host, uint64_t size)
{
    return size <= SIZE_MAX ? host->allocate(host->user, NULL, 0, size > 0 ? (size_t)size : 1) : NULL;
}

static void give(const numc_host *host, void *pointer, uint64_t size)
{
    (void)host->allocate(host->user, pointer, size > 0 ? (size_t)size : 1, 0);
}

static int32_t fail(const numc_host *host, numc_status status, const char *message)
{
    return host->error(host->user, (int32_t)status, message);
}

/* ---- devices ------------------------------------------------------------------------------------------------------------- */

static int32_t device_count(const numc_host *host, int32_t *count)
{
    (void)host;
    *count = 1;
    return NUMC_OK;
}

/* The host's struct may be an older, shorter one than ours, or a newer: no byte beyond its size is written. */
static int32_t device_describe(const numc_host *host, int32_t index, numc_device_info *info)
{
    const numc_device_info ours = {
        .size = info->size,
        .name = "plain memory",
        .driver = "the host's interpreter",
        .float64 = 1,
        .unified = 1, /* memory handles are host pointers */
        .kernel_level = 3,
        .alignment = 16,
    };
    if (index != 0)
        return fail(host, NUMC_INDEX, "there is one device, number 0");
    memcpy(info, &ours, info->size < sizeof ours ? (size_t)info->size : sizeof ours);
    return NUMC_OK;
}

static int32_t device_open(const numc_host *host, int32_t index, numc_device **device)
{
    (void)index;
    *device = get(host, sizeof **device);
    if (*device == NULL)
        return fail(host, NUMC_MEMORY, "no memory for a device");
    (*device)->host = host;
    return NUMC_OK;
}

static void device_close(numc_device *device)
{
    give(device->host, device, sizeof *device);
}

/* ---- memory: every call has been done when it returns -------------------------------------------------------------------- */

static int32_t memory_allocate(numc_device *device, uint64_t bytes, void **memory)
{
    *memory = get(device->host, bytes);
    return *memory != NULL ? NUMC_OK : fail(device->host, NUMC_MEMORY, "no memory for an array");
}

static void memory_release(numc_device *device, void *memory, uint64_t bytes)
{
    give(device->host, memory, bytes);
}

static int32_t memory_upload(numc_device *device, void *memory, uint64_t offset, const void *host, uint64_t bytes)
{
    (void)device;
    if (bytes > 0)
        memcpy((char *)memory + offset, host, (size_t)bytes);
    return NUMC_OK;
}

static int32_t memory_download(numc_device *device, const void *memory, uint64_t offset, void *host, uint64_t bytes)
{
    (void)device;
    if (bytes > 0)
        memcpy(host, (const char *)memory + offset, (size_t)bytes);
    return NUMC_OK;
}

static int32_t memory_copy(numc_device *device, void *to, uint64_t to_offset, const void *from, uint64_t from_offset,
                           uint64_t bytes)
{
    (void)device;
    if (bytes > 0)
        memmove((char *)to + to_offset, (const char *)from + from_offset, (size_t)bytes);
    return NUMC_OK;
}

static int32_t synchronize(numc_device *device)
{
    (void)device;
    return NUMC_OK;
}

/* ---- kernels: a copy of the source, in one block, for the host's interpreter ---------------------------------------------- */

struct numc_kernel {
    uint64_t size;
    numc_kernel_source source;
};

/* Copies `size` bytes to where *next points, and moves it on. */
static const void *keep(char **next, const void *from, size_t size)
{
    void *to = *next;
    if (size > 0)
        memcpy(to, from, size);
    *next += (size + 7) & ~(size_t)7;
    return to;
}

static int32_t kernel_build(numc_device *device, const numc_kernel_source *source, numc_kernel **kernel)
{
    const size_t nodes = source->node_count * sizeof *source->nodes;
    const size_t dtypes = source->register_count * sizeof *source->register_dtypes;
    const size_t accesses = source->access_count * sizeof *source->accesses;
    const size_t locals = source->local_count * sizeof *source->locals;
    const uint64_t size = sizeof(numc_kernel) + nodes + dtypes + accesses + locals + 4 * 7;
    numc_kernel *made = get(device->host, size);
    *kernel = made;
    if (made == NULL)
        return fail(device->host, NUMC_MEMORY, "no memory for a kernel");
    made->size = size;
    made->source = *source;
    made->source.size = sizeof made->source; /* what we know of it */
    char *next = (char *)(made + 1);
    made->source.nodes = keep(&next, source->nodes, nodes);
    made->source.register_dtypes = keep(&next, source->register_dtypes, dtypes);
    made->source.accesses = keep(&next, source->accesses, accesses);
    made->source.locals = keep(&next, source->locals, locals);
    return NUMC_OK;
}

static int32_t kernel_run(numc_device *device, numc_kernel *kernel, const numc_kernel_arguments *arguments)
{
    return device->host->kernel_interpret(device->host->user, &kernel->source, arguments);
}

static void kernel_release(numc_device *device, numc_kernel *kernel)
{
    give(device->host, kernel, kernel->size);
}

/* ---- matrix product ------------------------------------------------------------------------------------------------------ */

static double element(const numc_view *x, int64_t at)
{
    return x->dtype == NUMC_FLOAT32 ? (double)((const float *)x->memory)[at] : ((const double *)x->memory)[at];
}

/* Position of matrix `number` of a batch over the leading `axes` axes. */
static int64_t matrix_at(const numc_view *x, int32_t axes, int64_t number)
{
    int64_t at = x->offset;
    for (int32_t d = axes; d-- > 0; number /= x->shape[d])
        at += number % x->shape[d] * x->strides[d];
    return at;
}

/* c = a b (+ c) on the last two axes. Real floats; what a slot answers with UNSUPPORTED the host does, and counts. */
static int32_t matmul(numc_device *device, const numc_view *a, const numc_view *b, const numc_view *c,
                      const numc_matmul_options *options)
{
    if (c->dtype != NUMC_FLOAT32 && c->dtype != NUMC_FLOAT64)
        return fail(device->host, NUMC_UNSUPPORTED, "matmul: only float32 and float64");
    const int32_t axes = c->rank - 2, row = axes, column = axes + 1;
    int64_t count = 1;
    for (int32_t d = 0; d < axes; d++)
        count *= c->shape[d];
    for (int64_t number = 0; number < count; number++) {
        const int64_t a0 = matrix_at(a, axes, number), b0 = matrix_at(b, axes, number), c0 = matrix_at(c, axes, number);
        for (int64_t i = 0; i < c->shape[row]; i++)
            for (int64_t j = 0; j < c->shape[column]; j++) {
                const int64_t at = c0 + i * c->strides[row] + j * c->strides[column];
                double sum = options->accumulate ? element(c, at) : 0.0;
                for (int64_t k = 0; k < a->shape[column]; k++)
                    sum += element(a, a0 + i * a->strides[row] + k * a->strides[column]) *
                           element(b, b0 + k * b->strides[row] + j * b->strides[column]);
                if (c->dtype == NUMC_FLOAT32)
                    ((float *)c->memory)[at] = (float)sum;
                else
                    ((double *)c->memory)[at] = sum;
            }
    }
    return NUMC_OK;
}

/* ---- the table ----------------------------------------------------------------------------------------------------------- */

#ifdef FROZEN_SHORT
#define NAME "short"
#define SIZE offsetof(numc_backend, cholesky)
/* Behind the end of the table. */
static int32_t never(numc_device *device, const numc_view *a, const numc_view *l)
{
    (void)a;
    (void)l;
    return fail(device->host, NUMC_INTERNAL, "a slot behind the end of the table was called");
}
#else
#define NAME "frozen"
#define SIZE sizeof(numc_backend)
#endif

NUMC_API const numc_backend *numc_backend_query(uint32_t max_abi);

const numc_backend *numc_backend_query(uint32_t max_abi)
{
    static const numc_backend table = {
        .size = SIZE,
        .abi = NUMC_BACKEND_ABI,
        .build_id = "frozen 1",
        .name = NAME,
        .description = "ABI 1 as it was",
        .device_count = device_count,
        .device_describe = device_describe,
        .device_open = device_open,
        .device_close = device_close,
        .memory_allocate = memory_allocate,
        .memory_release = memory_release,
        .memory_upload = memory_upload,
        .memory_download = memory_download,
        .memory_copy = memory_copy,
        .synchronize = synchronize,
        .kernel_build = kernel_build,
        .kernel_run = kernel_run,
        .kernel_release = kernel_release,
        .matmul = matmul,
#ifdef FROZEN_SHORT
        .cholesky = never,
#endif
    };
    return max_abi >= NUMC_BACKEND_ABI ? &table : NULL;
}
