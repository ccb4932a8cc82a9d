/* ref.c - the ref backend's table: plain C on host memory, built into the core. */
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "ref/ref.h"

enum { ALIGNMENT = 64 };

static int32_t device_count(const numc_host *host, int32_t *count)
{
    (void)host;
    *count = 1;
    return NUMC_OK;
}

static int32_t device_describe(const numc_host *host, int32_t index, numc_device_info *info)
{
    if (index != 0)
        return numc_ref_fail(host, NUMC_BACKEND, "ref has one device, number 0");
    uint64_t size = info->size < sizeof *info ? info->size : sizeof *info;
    numc_device_info full = {.size = size, .float64 = 1, .unified = 1, .kernel_level = 3, .alignment = ALIGNMENT};
    (void)snprintf(full.name, sizeof full.name, "reference interpreter");
    (void)snprintf(full.driver, sizeof full.driver, "plain C");
    long pages = sysconf(_SC_PHYS_PAGES), page = sysconf(_SC_PAGESIZE);
    if (pages > 0 && page > 0)
        full.memory_bytes = (uint64_t)pages * (uint64_t)page;
    memcpy(info, &full, size);
    return NUMC_OK;
}

static int32_t device_open(const numc_host *host, int32_t index, numc_device **device)
{
    *device = NULL;
    if (index != 0)
        return numc_ref_fail(host, NUMC_BACKEND, "ref has one device, number 0");
    numc_device *made = numc_ref_allocate(host, sizeof *made);
    if (made == NULL)
        return numc_ref_fail(host, NUMC_MEMORY, "out of memory for a device");
    made->host = host;
    *device = made;
    return NUMC_OK;
}

static void device_close(numc_device *device)
{
    if (device != NULL)
        numc_ref_free(device->host, device, sizeof *device);
}

/* Blocks are aligned to 64 bytes: the start of the host's block is kept just before the memory. */
static int32_t memory_allocate(numc_device *device, uint64_t bytes, void **memory)
{
    *memory = NULL;
    if (bytes > SIZE_MAX / 2)
        return numc_ref_fail(device->host, NUMC_MEMORY, "out of memory for a buffer");
    char *block = numc_ref_allocate(device->host, (size_t)bytes + ALIGNMENT + sizeof(void *));
    if (block == NULL)
        return numc_ref_fail(device->host, NUMC_MEMORY, "out of memory for a buffer");
    char *start = block + sizeof(void *);
    start += (ALIGNMENT - (uintptr_t)start % ALIGNMENT) % ALIGNMENT;
    memcpy(start - sizeof block, &block, sizeof block);
    *memory = start;
    return NUMC_OK;
}

static void memory_release(numc_device *device, void *memory, uint64_t bytes)
{
    if (memory == NULL)
        return;
    char *block;
    memcpy(&block, (char *)memory - sizeof block, sizeof block);
    numc_ref_free(device->host, block, (size_t)bytes + ALIGNMENT + sizeof(void *));
}

static int32_t memory_upload(numc_device *device, void *memory, uint64_t offset, const void *host, uint64_t bytes)
{
    (void)device;
    if (bytes > 0)
        memmove((char *)memory + offset, host, (size_t)bytes);
    return NUMC_OK;
}

static int32_t memory_download(numc_device *device, const void *memory, uint64_t offset, void *host, uint64_t bytes)
{
    (void)device;
    if (bytes > 0)
        memmove(host, (const char *)memory + offset, (size_t)bytes);
    return NUMC_OK;
}

static int32_t memory_copy(numc_device *device, void *to, uint64_t to_offset, const void *from,
                           uint64_t from_offset, uint64_t bytes)
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

static const numc_backend table = {
    .size = sizeof(numc_backend),
    .abi = NUMC_BACKEND_ABI,
    .build_id = "built in",
    .name = "ref",
    .description = "plain C, the reference the other backends are held to",
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
    .kernel_build = numc_ref_kernel_build,
    .kernel_run = numc_ref_kernel_run,
    .kernel_release = numc_ref_kernel_release,
    .launch_prepare = numc_ref_launch_prepare,
    .launch_run = numc_ref_launch_run,
    .launch_release = numc_ref_launch_release,
    .matmul = numc_ref_matmul,
    .cholesky = numc_ref_cholesky,
    .cholesky_inverse = numc_ref_cholesky_inverse,
    .triangular_solve = numc_ref_triangular_solve,
    .lu = numc_ref_lu,
    .qr = numc_ref_qr,
    .eigh = numc_ref_eigh,
    .eig = numc_ref_eig,
    .svd = numc_ref_svd,
    .gather = numc_ref_gather,
    .scatter = numc_ref_scatter,
    .cumulative = numc_ref_cumulative,
    .sort = numc_ref_sort,
    .search = numc_ref_search,
    .fft = numc_ref_fft,
};

const numc_backend *numc__ref_query(uint32_t max_abi)
{
    return max_abi >= NUMC_BACKEND_ABI ? &table : NULL;
}
