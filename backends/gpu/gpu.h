/* gpu.h - what the device backends share, and the one thing each supplies: a runtime, the small table below. backends/opencl and
 * backends/cuda fill it in; everything else (kernels from trees of loops, memory pool, module cache, products, order, linear
 * algebra, Fourier transforms) is written here against it, so a third runtime is one file and one meson entry.
 *
 * A plugin is the files of backends/gpu, a file that defines `numc_gpu_runtime_here`, and a static table made by NUMC_GPU_TABLE:
 *
 *     const numc_gpu_runtime numc_gpu_runtime_here = {.name = "opencl", ...};
 *     static const numc_backend table = NUMC_GPU_TABLE("opencl", "devices through OpenCL");
 *     NUMC_GPU_EXPORT const numc_backend *numc_backend_query(uint32_t max_abi) { ... &table ... }
 *
 * Conventions. A `machine` is the runtime's own opened device: context, one in-order queue, the host's table. Functions return
 * numc_status codes after host->error has the message: DEVICE when the machine is lost, MEMORY when there is no more, BACKEND when
 * something else failed in the vendor's library. Everything given to the queue runs in the order given; nothing waits but
 * download and synchronize. All functions may be called from several threads at once, but one kernel object is used by one thread
 * at a time (backends/gpu sees to it). */
#ifndef NUMC_BACKENDS_GPU_GPU_H
#define NUMC_BACKENDS_GPU_GPU_H

#include "numc/backend.h"
#include "numc_build.h"

#define NUMC_GPU_EXPORT __attribute__((visibility("default")))

typedef struct numc_gpu_facts {
    char name[128], driver[128]; /* driver: with its version; part of the key of modules on disk */
    uint64_t memory_bytes;       /* 0: unknown */
    uint64_t allocation_limit;   /* bytes of one allocation; 0: no limit of its own */
    uint32_t float64;            /* 1: double is supported */
    uint32_t units;              /* multiprocessors, compute units */
    uint32_t group_limit;        /* work items of one group, at least 128 */
    uint32_t local_bytes;        /* memory one group shares */
    uint32_t alignment;          /* of allocations, bytes */
    uint32_t argument_bytes;     /* of a kernel's arguments, all together; 0: unknown */
    uint32_t serial;             /* 1: a processor of few strong cores, where thousands of iterations cost less than a launch */
} numc_gpu_facts;

/* Row-major c (m, n) = op(a) op(b) + accumulate c, `count` times; of a dtype float or complex, where op transposes or does nothing.
 * Offsets, steps between rows (at least a row's length) and between matrices (of a and b also 0) in elements. */
typedef struct numc_gpu_matrix {
    void *raw; /* a runtime's allocation; only c's is written */
    int64_t offset, row, step;
} numc_gpu_matrix;

typedef struct numc_gpu_product {
    uint32_t dtype, transpose_a, transpose_b, accumulate;
    int64_t m, n, k, count;
    numc_gpu_matrix a, b, c;
} numc_gpu_product;

typedef struct numc_gpu_runtime {
    const char *name;    /* the backend's: in messages, in the names of cache files */
    uint32_t dialect;    /* NUMC_DIALECT_OPENCL or NUMC_DIALECT_CUDA */
    const char *options; /* given to the compiler, as text: part of the keys of the cache */

    /* Devices. Counting loads the vendor's library when it is first needed; without it the count is 0, or an error whose message
     * says what is missing. Listing allocates nothing on a device. find may be NULL: the text is then a number. */
    int32_t (*device_count)(const numc_host *host, int32_t *count);
    int32_t (*device_facts)(const numc_host *host, int32_t index, numc_gpu_facts *facts);
    int32_t (*device_find)(const numc_host *host, const char *text, int32_t *index);
    int32_t (*open)(const numc_host *host, int32_t index, void **machine); /* host lives as long as the machine */
    void (*close)(void *machine);                                          /* after the queue has run empty */

    /* Memory: raw allocations behind the pool of backends/gpu. Offsets and sizes in bytes. MEMORY when there is none left (the pool
     * then gives back what it keeps and asks once more). upload returns when the host's memory may be reused, download when it
     * is filled; copies within one allocation do not overlap. */
    int32_t (*allocate)(void *machine, uint64_t bytes, void **raw);
    void (*free)(void *machine, void *raw);
    int32_t (*upload)(void *machine, void *raw, uint64_t offset, const void *from, uint64_t bytes);
    int32_t (*download)(void *machine, const void *raw, uint64_t offset, void *to, uint64_t bytes);
    int32_t (*copy)(void *machine, void *to, uint64_t to_offset, const void *from, uint64_t from_offset, uint64_t bytes);
    int32_t (*synchronize)(void *machine);

    /* Modules: program text (zero-terminated, complete, nothing to include) compiled for this machine. A failed build leaves the
     * compiler's log in the message (its beginning). binary gives what load takes again on the same device and driver, in memory
     * of host->allocate; both may answer UNSUPPORTED, and then nothing is kept on disk. */
    int32_t (*module_build)(void *machine, const char *text, void **module);
    int32_t (*module_binary)(void *machine, void *module, void **bytes, uint64_t *size);
    int32_t (*module_load)(void *machine, const void *bytes, uint64_t size, void **module);
    void (*module_free)(void *machine, void *module); /* after its kernels */

    /* A kernel object: an entry of a module with its own arguments, kept until set again. For an argument that is device memory
     * `value` points to the raw handle (set_memory), for others to `size` bytes that are copied. enqueue: `groups` groups of
     * `group` items each, in one dimension (groups > 0). */
    int32_t (*kernel_get)(void *machine, void *module, const char *name, void **kernel);
    int32_t (*kernel_set_memory)(void *machine, void *kernel, uint32_t index, void *raw);
    int32_t (*kernel_set)(void *machine, void *kernel, uint32_t index, const void *value, uint64_t size);
    int32_t (*kernel_enqueue)(void *machine, void *kernel, uint64_t groups, uint32_t group);
    void (*kernel_free)(void *machine, void *kernel);

    /* Optional, NULL or UNSUPPORTED: the vendor's matrix product for large matrices. `room` is memory of so many bytes as gemm_room says
     * that the product is to work in, NULL where that says 0; gemm_room NULL: none. Whether there is a vendor's product for these
     * shapes is found out by gemm_room where there is one. */
    int32_t (*gemm_room)(void *machine, const numc_gpu_product *product, uint64_t *bytes);
    int32_t (*gemm)(void *machine, const numc_gpu_product *product, void *room);
    /* Optional likewise: the vendor's factorisation of one large matrix, rows of a_row elements, in place; the lower triangle is
     * read and written, and *info (device memory, int32) is not 0 where the matrix is not positive definite. */
    int32_t (*potrf)(void *machine, uint32_t dtype, int64_t n, void *a, int64_t a_offset, int64_t a_row, void *info,
                     uint64_t info_offset);
    /* Optional likewise, as a group: what the calling thread enqueues and copies between begin and end is kept, not run (numc/backend.h,
     * recording_begin). One thread records at a time, others wait in begin. Transfers and waiting answer UNSUPPORTED meanwhile. */
    int32_t (*record_begin)(void *machine);
    int32_t (*record_end)(void *machine, void **recording);
    int32_t (*record_run)(void *machine, void *recording);
    void (*record_free)(void *machine, void *recording);
    /* A download that is not waited for; read_end waits for it alone and ends it whatever it answers. */
    int32_t (*read_begin)(void *machine, const void *raw, uint64_t offset, void *to, uint64_t bytes, void **ticket);
    int32_t (*read_end)(void *machine, void *ticket);
} numc_gpu_runtime;

/* The plugin's own runtime. */
extern const numc_gpu_runtime numc_gpu_runtime_here;

/* ---- the slots (functions of backends/gpu) -------------------------------------------------------------------------------- */

int32_t numc_gpu_device_count(const numc_host *host, int32_t *count);
int32_t numc_gpu_device_describe(const numc_host *host, int32_t index, numc_device_info *info);
int32_t numc_gpu_device_find(const numc_host *host, const char *text, int32_t *index);
int32_t numc_gpu_device_open(const numc_host *host, int32_t index, numc_device **device);
void numc_gpu_device_close(numc_device *device);

int32_t numc_gpu_device_statistics(numc_device *device, numc_device_statistics *statistics);

int32_t numc_gpu_memory_allocate(numc_device *device, uint64_t bytes, void **memory);
void numc_gpu_memory_release(numc_device *device, void *memory, uint64_t bytes);
int32_t numc_gpu_memory_upload(numc_device *device, void *memory, uint64_t offset, const void *host, uint64_t bytes);
int32_t numc_gpu_memory_download(numc_device *device, const void *memory, uint64_t offset, void *host, uint64_t bytes);
int32_t numc_gpu_download_begin(numc_device *device, const void *memory, uint64_t offset, void *host, uint64_t bytes,
                                numc_transfer **transfer);
int32_t numc_gpu_download_end(numc_device *device, numc_transfer *transfer);
int32_t numc_gpu_memory_copy(numc_device *device, void *to, uint64_t to_offset, const void *from, uint64_t from_offset,
                             uint64_t bytes);
int32_t numc_gpu_synchronize(numc_device *device);

int32_t numc_gpu_kernel_build(numc_device *device, const numc_kernel_source *source, numc_kernel **kernel);
int32_t numc_gpu_kernel_run(numc_device *device, numc_kernel *kernel, const numc_kernel_arguments *arguments);
void numc_gpu_kernel_release(numc_device *device, numc_kernel *kernel);
int32_t numc_gpu_launch_prepare(numc_device *device, numc_kernel *kernel, const numc_kernel_arguments *arguments,
                                numc_launch **launch);
int32_t numc_gpu_launch_run(numc_device *device, numc_launch *launch);
void numc_gpu_launch_release(numc_device *device, numc_launch *launch);

int32_t numc_gpu_matmul(numc_device *device, const numc_view *a, const numc_view *b, const numc_view *c,
                        const numc_matmul_options *options);
int32_t numc_gpu_cholesky(numc_device *device, const numc_view *a, const numc_view *l);
int32_t numc_gpu_cholesky_inverse(numc_device *device, const numc_view *l, const numc_view *w);
int32_t numc_gpu_triangular_solve(numc_device *device, const numc_view *t, const numc_view *b, const numc_view *x, uint32_t upper,
                                  uint32_t transpose, uint32_t unit);
int32_t numc_gpu_lu(numc_device *device, const numc_view *a, const numc_view *lu, const numc_view *permutation,
                    const numc_view *sign);
int32_t numc_gpu_qr(numc_device *device, const numc_view *a, const numc_view *q, const numc_view *r);
int32_t numc_gpu_eigh(numc_device *device, const numc_view *a, const numc_view *values, const numc_view *vectors);
int32_t numc_gpu_svd(numc_device *device, const numc_view *a, const numc_view *u, const numc_view *s, const numc_view *vh);
int32_t numc_gpu_fft(numc_device *device, const numc_view *x, int32_t axis, int32_t direction, const numc_view *y);
int32_t numc_gpu_gather(numc_device *device, const numc_view *x, const numc_view *indices, int32_t axis, const numc_view *y);
int32_t numc_gpu_scatter(numc_device *device, const numc_view *y, const numc_view *indices, int32_t axis, const numc_view *values,
                         uint32_t mode);
int32_t numc_gpu_cumulative(numc_device *device, const numc_view *x, int32_t axis, uint32_t reduction, uint32_t reverse,
                            const numc_view *y);
int32_t numc_gpu_sort(numc_device *device, const numc_view *x, int32_t axis, uint32_t descending, const numc_view *values,
                      const numc_view *indices);
int32_t numc_gpu_search(numc_device *device, const numc_view *sorted, const numc_view *values, uint32_t right,
                        const numc_view *indices);

int32_t numc_gpu_routine_build(numc_device *device, const numc_routine_source *source, numc_routine **routine);
int32_t numc_gpu_routine_run(numc_device *device, numc_routine *routine, void *const *buffers, const int64_t *numbers, int64_t items);
void numc_gpu_routine_release(numc_device *device, numc_routine *routine);

int32_t numc_gpu_recording_begin(numc_device *device);
int32_t numc_gpu_recording_end(numc_device *device, numc_recording **recording);
int32_t numc_gpu_recording_run(numc_device *device, numc_recording *recording);
void numc_gpu_recording_release(numc_device *device, numc_recording *recording);

/* eig alone is the host's, counted: its results are complex whatever goes in. */
#define NUMC_GPU_TABLE(NAME, DESCRIPTION)                                                                                      \
    {                                                                                                                          \
        .size = sizeof(numc_backend), .abi = NUMC_BACKEND_ABI, .build_id = NUMC_BUILD_ID, .name = NAME, .description = DESCRIPTION,        \
        .device_count = numc_gpu_device_count, .device_describe = numc_gpu_device_describe,                                    \
        .device_open = numc_gpu_device_open, .device_close = numc_gpu_device_close, .device_find = numc_gpu_device_find,        \
        .memory_allocate = numc_gpu_memory_allocate, .memory_release = numc_gpu_memory_release,                                \
        .memory_upload = numc_gpu_memory_upload, .memory_download = numc_gpu_memory_download,                                  \
        .memory_copy = numc_gpu_memory_copy, .synchronize = numc_gpu_synchronize, .kernel_build = numc_gpu_kernel_build,        \
        .kernel_run = numc_gpu_kernel_run, .kernel_release = numc_gpu_kernel_release,                                          \
        .launch_prepare = numc_gpu_launch_prepare, .launch_run = numc_gpu_launch_run,                                          \
        .launch_release = numc_gpu_launch_release, .matmul = numc_gpu_matmul, .cholesky = numc_gpu_cholesky,                    \
        .triangular_solve = numc_gpu_triangular_solve, .lu = numc_gpu_lu, .gather = numc_gpu_gather,                            \
        .scatter = numc_gpu_scatter, .cumulative = numc_gpu_cumulative, .sort = numc_gpu_sort, .search = numc_gpu_search,       \
        .routine_build = numc_gpu_routine_build, .routine_run = numc_gpu_routine_run,                                          \
        .routine_release = numc_gpu_routine_release,                                                                           \
        .recording_begin = numc_gpu_recording_begin, .recording_end = numc_gpu_recording_end,                                  \
        .recording_run = numc_gpu_recording_run, .recording_release = numc_gpu_recording_release,                              \
        .cholesky_inverse = numc_gpu_cholesky_inverse,                                                                         \
        .qr = numc_gpu_qr, .eigh = numc_gpu_eigh, .svd = numc_gpu_svd, .fft = numc_gpu_fft,                                    \
        .download_begin = numc_gpu_download_begin, .download_end = numc_gpu_download_end,                                      \
        .device_statistics = numc_gpu_device_statistics,                                                                      \
    }

#endif
