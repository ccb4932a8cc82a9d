/* backend_abi1_whole.h - frozen: what numc/backend.h has gained since backend_abi1.h, as of November 23, 2026 (ABI 1), for the plugin
 * whole.c: the structs that have grown, whole, and those that are new. All else is as it was there.
 *
 * Never edited. check_frozen.py holds today's headers to it: fields keep their places and types. */
#ifndef NUMC_TESTS_BACKEND_ABI1_WHOLE_H
#define NUMC_TESTS_BACKEND_ABI1_WHOLE_H

/* The shorter ones go by another name here. */
#define numc_host numc_host_first
#define numc_device_info numc_device_info_first
#define numc_backend numc_backend_first
#include "backend_abi1.h"
#undef numc_host
#undef numc_device_info
#undef numc_backend

typedef struct numc_host numc_host;
struct numc_host {
    uint64_t size;
    uint32_t abi;
    uint32_t reserved;
    void *user;
    void *(*allocate)(void *user, void *pointer, size_t old_size, size_t size);
    void (*log)(void *user, int32_t level, const char *line);
    int32_t (*error)(void *user, int32_t status, const char *message);
    int32_t (*thread_count)(void *user);
    void (*parallel_for)(void *user, int64_t count, numc_host_task body, void *task);
    int32_t (*kernel_interpret)(void *user, const numc_kernel_source *source,
                                const numc_kernel_arguments *arguments);
    void (*(*scalar_function)(void *user, uint32_t operation, uint32_t dtype))(void *result,
                                                                               const void *const *operands);
    int32_t (*kernel_emit)(void *user, const numc_kernel_source *source, uint32_t dialect,
                           const char *name, char **text, uint64_t *text_size);
    void *(*cache_find)(void *user, const char *key, uint64_t key_size, uint64_t *size);
    void (*cache_put)(void *user, const char *key, uint64_t key_size, const void *bytes, uint64_t size);
};

typedef struct numc_routine numc_routine;
typedef struct numc_recording numc_recording;
typedef struct numc_transfer numc_transfer;

typedef struct numc_device_info {
    uint64_t size;
    char name[128];
    char driver[128];
    uint64_t memory_bytes;
    uint32_t float64;
    uint32_t unified;
    uint32_t kernel_level;
    uint32_t alignment;
    uint32_t ordered_products;
    uint32_t dialect;
} numc_device_info;

typedef struct numc_routine_source {
    uint64_t size;
    const char *text;
    uint64_t text_size;
    const char *name;
    uint32_t buffer_count, number_count;
} numc_routine_source;

typedef struct numc_device_statistics {
    uint64_t size;
    uint64_t allocations, from_pool;
    uint64_t bytes_live, bytes_peak;
    uint64_t bytes_kept;
    uint64_t uploads, bytes_uploaded;
    uint64_t downloads, bytes_downloaded;
    uint64_t copies;
    uint64_t launches, recordings_run;
    uint64_t programs_built, programs_read;
} numc_device_statistics;

typedef struct numc_backend {
    uint64_t size;
    uint32_t abi;
    uint32_t reserved;
    const char *build_id;
    const char *name;
    const char *description;
    int32_t (*device_count)(const numc_host *host, int32_t *count);
    int32_t (*device_describe)(const numc_host *host, int32_t index, numc_device_info *info);
    int32_t (*device_open)(const numc_host *host, int32_t index, numc_device **device);
    void (*device_close)(numc_device *device);
    int32_t (*memory_allocate)(numc_device *device, uint64_t bytes, void **memory);
    void (*memory_release)(numc_device *device, void *memory, uint64_t bytes);
    int32_t (*memory_upload)(numc_device *device, void *memory, uint64_t offset, const void *host, uint64_t bytes);
    int32_t (*memory_download)(numc_device *device, const void *memory, uint64_t offset, void *host, uint64_t bytes);
    int32_t (*memory_copy)(numc_device *device, void *to, uint64_t to_offset, const void *from,
                           uint64_t from_offset, uint64_t bytes);
    int32_t (*synchronize)(numc_device *device);
    int32_t (*kernel_build)(numc_device *device, const numc_kernel_source *source, numc_kernel **kernel);
    int32_t (*kernel_run)(numc_device *device, numc_kernel *kernel, const numc_kernel_arguments *arguments);
    void (*kernel_release)(numc_device *device, numc_kernel *kernel);
    int32_t (*launch_prepare)(numc_device *device, numc_kernel *kernel, const numc_kernel_arguments *arguments,
                              numc_launch **launch);
    int32_t (*launch_run)(numc_device *device, numc_launch *launch);
    void (*launch_release)(numc_device *device, numc_launch *launch);
    int32_t (*matmul)(numc_device *device, const numc_view *a, const numc_view *b, const numc_view *c,
                      const numc_matmul_options *options);
    int32_t (*cholesky)(numc_device *device, const numc_view *a, const numc_view *l);
    int32_t (*triangular_solve)(numc_device *device, const numc_view *t, const numc_view *b, const numc_view *x,
                                uint32_t upper, uint32_t transpose, uint32_t unit);
    int32_t (*lu)(numc_device *device, const numc_view *a, const numc_view *lu, const numc_view *permutation,
                  const numc_view *sign);
    int32_t (*qr)(numc_device *device, const numc_view *a, const numc_view *q, const numc_view *r);
    int32_t (*eigh)(numc_device *device, const numc_view *a, const numc_view *values, const numc_view *vectors);
    int32_t (*eig)(numc_device *device, const numc_view *a, const numc_view *values, const numc_view *vectors);
    int32_t (*svd)(numc_device *device, const numc_view *a, const numc_view *u, const numc_view *s, const numc_view *vh);
    int32_t (*gather)(numc_device *device, const numc_view *x, const numc_view *indices, int32_t axis, const numc_view *y);
    int32_t (*scatter)(numc_device *device, const numc_view *y, const numc_view *indices, int32_t axis,
                       const numc_view *values, uint32_t mode);
    int32_t (*cumulative)(numc_device *device, const numc_view *x, int32_t axis, uint32_t reduction,
                          uint32_t reverse, const numc_view *y);
    int32_t (*sort)(numc_device *device, const numc_view *x, int32_t axis, uint32_t descending,
                    const numc_view *values, const numc_view *indices);
    int32_t (*search)(numc_device *device, const numc_view *sorted, const numc_view *values, uint32_t right,
                      const numc_view *indices);
    int32_t (*fft)(numc_device *device, const numc_view *x, int32_t axis, int32_t direction, const numc_view *y);
    int32_t (*program_build)(numc_device *device, const void *graph, void **program);
    int32_t (*program_run)(numc_device *device, void *program, void *const *inputs, void *const *outputs);
    void (*program_release)(numc_device *device, void *program);
    int32_t (*device_find)(const numc_host *host, const char *text, int32_t *index);
    int32_t (*routine_build)(numc_device *device, const numc_routine_source *source, numc_routine **routine);
    int32_t (*routine_run)(numc_device *device, numc_routine *routine, void *const *buffers, const int64_t *numbers, int64_t items);
    void (*routine_release)(numc_device *device, numc_routine *routine);
    int32_t (*recording_begin)(numc_device *device);
    int32_t (*recording_end)(numc_device *device, numc_recording **recording);
    int32_t (*recording_run)(numc_device *device, numc_recording *recording);
    void (*recording_release)(numc_device *device, numc_recording *recording);
    int32_t (*cholesky_inverse)(numc_device *device, const numc_view *l, const numc_view *w);
    int32_t (*download_begin)(numc_device *device, const void *memory, uint64_t offset, void *host, uint64_t bytes,
                              numc_transfer **transfer);
    int32_t (*download_end)(numc_device *device, numc_transfer *transfer);
    int32_t (*device_statistics)(numc_device *device, numc_device_statistics *statistics);
} numc_backend;

#endif
