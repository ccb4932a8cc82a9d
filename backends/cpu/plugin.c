/* plugin.c - the cpu backend's table, its device and its memory. Device memory is host memory; every call has run when it
 * returns. */
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include "blas.h"
#include "cpu.h"
#include "fft.h"
#include "linalg.h"
#include "numc_build.h"
#include "order.h"

static int32_t device_count(const numc_host *host, int32_t *count)
{
    (void)host;
    *count = 1;
    return NUMC_OK;
}

static const numc_blocks *best_blocks(void)
{
#if defined(NUMC_HAVE_AVX2)
    __builtin_cpu_init();
    if (__builtin_cpu_supports("avx2") && __builtin_cpu_supports("fma"))
        return numc_cpu_blocks_avx2();
#endif
    return numc_cpu_blocks_plain();
}

static int32_t device_describe(const numc_host *host, int32_t index, numc_device_info *info)
{
    if (index != 0)
        return numc_cpu_fail(host, NUMC_INDEX, "the cpu backend has one device, number 0");
    const uint64_t size = info->size;
    memset(info, 0, sizeof *info);
    info->size = size;
    static const char name[] = "host processor, block functions: ";
    const char *set = best_blocks()->name;
    memcpy(info->name, name, sizeof name - 1);
    memcpy(info->name + sizeof name - 1, set, strlen(set) + 1);
    static const char driver[] = "kernels in blocks, own linear algebra, OpenBLAS where found";
    memcpy(info->driver, driver, sizeof driver);
    const long pages = sysconf(_SC_PHYS_PAGES), page = sysconf(_SC_PAGESIZE);
    info->memory_bytes = pages > 0 && page > 0 ? (uint64_t)pages * (uint64_t)page : 0;
    info->float64 = 1;
    info->unified = 1;
    info->kernel_level = 3;
    info->alignment = 64;
    info->ordered_products = 2;
    return NUMC_OK;
}

static int32_t device_open(const numc_host *host, int32_t index, numc_device **device)
{
    *device = NULL;
    if (index != 0)
        return numc_cpu_fail(host, NUMC_INDEX, "the cpu backend has one device, number 0");
    numc_device *opened = numc_cpu_allocate(host, sizeof *opened);
    if (opened == NULL)
        return numc_cpu_fail(host, NUMC_MEMORY, "out of memory for a device");
    *opened = (numc_device){.host = host, .blocks = best_blocks()};
    int32_t status = numc_cpu_blas_new(opened);
    if (status == NUMC_OK)
        status = numc_cpu_fft_plans_new(opened);
    if (status != NUMC_OK) {
        numc_cpu_blas_free(opened);
        numc_cpu_free(host, opened, sizeof *opened);
        return status;
    }
    *device = opened;
    return NUMC_OK;
}

static void device_close(numc_device *device)
{
    if (device == NULL)
        return;
    numc_cpu_fft_plans_free(device);
    numc_cpu_blas_free(device);
    numc_cpu_free(device->host, device, sizeof *device);
}

/* The host's allocator aligns to 16 bytes; the distance to the next multiple of 64, or of a large page for a large array, is
 * kept in the four bytes before. */
enum { ALIGNMENT = 64, LARGE_PAGE = 2 << 20, LARGE_FROM = 4 << 20 };

static size_t alignment_of(uint64_t bytes)
{
    return bytes >= LARGE_FROM ? LARGE_PAGE : ALIGNMENT;
}

void numc_cpu_large_pages(void *memory, size_t bytes)
{
#if defined(MADV_HUGEPAGE)
    const uintptr_t first = ((uintptr_t)memory + LARGE_PAGE - 1) / LARGE_PAGE * LARGE_PAGE;
    const uintptr_t last = ((uintptr_t)memory + bytes) / LARGE_PAGE * LARGE_PAGE;
    if (bytes >= LARGE_FROM && last > first)
        (void)madvise((char *)memory + (first - (uintptr_t)memory), last - first, MADV_HUGEPAGE); /* a wish: it may fail */
#else
    (void)memory, (void)bytes;
#endif
}

static int32_t memory_allocate(numc_device *device, uint64_t bytes, void **memory)
{
    *memory = NULL;
    const size_t alignment = alignment_of(bytes);
    unsigned char *block = bytes > SIZE_MAX - 2 * alignment ? NULL : numc_cpu_allocate(device->host, (size_t)bytes + alignment);
    if (block == NULL)
        return numc_cpu_fail(device->host, NUMC_MEMORY, "out of memory for an array");
    /* 16 to `alignment`: there is always room before */
    const uint32_t distance = (uint32_t)(alignment - (uintptr_t)block % alignment);
    memcpy(block + distance - sizeof distance, &distance, sizeof distance);
    *memory = block + distance;
    numc_cpu_large_pages(*memory, (size_t)bytes);
    return NUMC_OK;
}

static void memory_release(numc_device *device, void *memory, uint64_t bytes)
{
    if (memory == NULL)
        return;
    unsigned char *start = memory;
    uint32_t distance;
    memcpy(&distance, start - sizeof distance, sizeof distance);
    numc_cpu_free(device->host, start - distance, (size_t)bytes + alignment_of(bytes));
}

/* As in ref: backends share the contract and nothing else. */
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

NUMC_API const numc_backend *numc_backend_query(uint32_t max_abi);

NUMC_API const numc_backend *numc_backend_query(uint32_t max_abi)
{
    static const numc_backend table = {
        .size = sizeof table,
        .abi = NUMC_BACKEND_ABI,
        .build_id = NUMC_BUILD_ID,
        .name = "cpu",
        .description = "the host's processor: vector loops, OpenBLAS, threads",
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
        .kernel_build = numc_cpu_kernel_build,
        .kernel_run = numc_cpu_kernel_run,
        .kernel_release = numc_cpu_kernel_release,
        .launch_prepare = numc_cpu_launch_prepare,
        .launch_run = numc_cpu_launch_run,
        .launch_release = numc_cpu_launch_release,
        .matmul = numc_cpu_matmul,
        .cholesky = numc_cpu_cholesky,
        .cholesky_inverse = numc_cpu_cholesky_inverse,
        .triangular_solve = numc_cpu_triangular_solve,
        .lu = numc_cpu_lu,
        .qr = numc_cpu_qr,
        .eigh = numc_cpu_eigh,
        .eig = numc_cpu_eig,
        .svd = numc_cpu_svd,
        .gather = numc_cpu_gather,
        .scatter = numc_cpu_scatter,
        .cumulative = numc_cpu_cumulative,
        .sort = numc_cpu_sort,
        .search = numc_cpu_search,
        .fft = numc_cpu_fft,
    };
    return max_abi >= NUMC_BACKEND_ABI ? &table : NULL;
}
