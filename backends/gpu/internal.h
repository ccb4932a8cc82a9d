/* internal.h - of backends/gpu: the opened device, its memory, modules and launches, as the files here share them. */
#ifndef NUMC_BACKENDS_GPU_INTERNAL_H
#define NUMC_BACKENDS_GPU_INTERNAL_H

#include <pthread.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <string.h>

#include "gpu/gpu.h"
#include "kernel/pieces.h"

enum { NUMC_GPU_GROUP = 128, NUMC_GPU_CLASSES = 4 * 58 + 1, NUMC_GPU_BUCKETS = 256 };

/* What the host holds as `void *memory`: never an address. */
typedef struct numc_gpu_block {
    void *raw;
    uint64_t bytes; /* the class's */
    struct numc_gpu_block *next;
} numc_gpu_block;

/* A compiled program, shared by the modules in it. */
typedef struct numc_gpu_program {
    void *own; /* the runtime's */
    int32_t references;
} numc_gpu_program;

/* A text, shared by all who have the same. */
typedef struct numc_gpu_module {
    numc_gpu_program *program; /* NULL: it waits */
    char entry[32];            /* what became of NUMC_GPU_ENTRY there */
    char *text;
    uint64_t text_size, hash;
    int32_t references;
    bool alone; /* not to be compiled with others */
    struct numc_gpu_module *next, *next_waiting;
} numc_gpu_module;


/* A kernel of the texts in this folder (products, order, factorisations), found by its name. */
typedef struct numc_gpu_fixed {
    char name[96];
    numc_gpu_module *module;
    void *kernel;
    struct numc_gpu_fixed *next;
} numc_gpu_fixed;

/* Members of numc_device_statistics. */
typedef struct numc_gpu_counts {
    atomic_uint_least64_t allocations, from_pool, bytes_live, bytes_peak, uploads, bytes_uploaded, downloads, bytes_downloaded, copies,
        launches, recordings_run, programs_built, programs_read;
} numc_gpu_counts;

struct numc_device {
    const numc_host *host; /* first: the contract */
    const numc_gpu_runtime *runtime;
    void *machine;
    numc_gpu_facts facts;
    uint32_t group;       /* work items of a group */
    int64_t solo;         /* a kernel of fewer iterations runs on one work item */
    pthread_mutex_t lock; /* pool, modules, fixed kernels, and kernel objects that are not a launch's own */
    numc_gpu_block *pool[NUMC_GPU_CLASSES];
    uint64_t pool_bytes, pool_limit;
    numc_gpu_module *modules[NUMC_GPU_BUCKETS], *waiting; /* latest first */
    numc_gpu_fixed *fixed[NUMC_GPU_BUCKETS];
    pthread_mutex_t building; /* taken before `lock`: one program at a time */
    numc_pieces *pieces;
    char *prologue;           /* of an emitted kernel; prologue_size + 1 bytes */
    size_t prologue_size;
    numc_gpu_counts counts;
    atomic_uintptr_t recorder;  /* the thread that records, or 0 */
    numc_recording *recording;  /* its list */
};

static inline int32_t numc_gpu_fail(numc_device *device, numc_status status, const char *message)
{
    return device->host->error(device->host->user, (int32_t)status, message);
}

static inline void numc_gpu_count(atomic_uint_least64_t *count, uint64_t more)
{
    (void)atomic_fetch_add_explicit(count, more, memory_order_relaxed);
}

static inline void *numc_gpu_new(numc_device *device, size_t size)
{
    void *memory = device->host->allocate(device->host->user, NULL, 0, size > 0 ? size : 1);
    if (memory != NULL)
        memset(memory, 0, size);
    return memory;
}

static inline void numc_gpu_delete(numc_device *device, void *pointer, size_t size)
{
    if (pointer != NULL)
        (void)device->host->allocate(device->host->user, pointer, size > 0 ? size : 1, 0);
}

static inline void *numc_gpu_raw(const void *memory)
{
    return ((const numc_gpu_block *)memory)->raw;
}

static inline uint32_t numc_gpu_size(uint32_t dtype)
{
    static const uint8_t sizes[NUMC_DTYPE_COUNT] = {
        [NUMC_BOOL] = 1, [NUMC_INT8] = 1, [NUMC_INT16] = 2, [NUMC_INT32] = 4, [NUMC_INT64] = 8,
        [NUMC_UINT8] = 1, [NUMC_UINT16] = 2, [NUMC_UINT32] = 4, [NUMC_UINT64] = 8,
        [NUMC_FLOAT32] = 4, [NUMC_FLOAT64] = 8, [NUMC_COMPLEX64] = 8, [NUMC_COMPLEX128] = 16,
    };
    return dtype < NUMC_DTYPE_COUNT ? sizes[dtype] : 0;
}

/* ---- record.c ------------------------------------------------------------------------------------------------------------- */

/* Whether the calling thread records; then what it gives back is kept, and may be taken again. */
bool numc_gpu_records(numc_device *device);
numc_gpu_block *numc_gpu_record_take(numc_device *device, uint64_t capacity);
void numc_gpu_record_keep(numc_device *device, numc_gpu_block *block);

/* ---- module.c: text that grows -------------------------------------------------------------------------------------------- */

typedef struct numc_gpu_text {
    numc_device *device;
    char *data;
    size_t size, capacity; /* without the zero; with it */
    bool failed;
} numc_gpu_text;

void numc_gpu_text_add(numc_gpu_text *text, const char *more, size_t size);
void numc_gpu_text_format(numc_gpu_text *text, const char *format, ...) __attribute__((format(printf, 2, 3)));
void numc_gpu_text_end(numc_gpu_text *text);

/* ---- module.c ------------------------------------------------------------------------------------------------------------- */

/* The name of the one kernel in a text that may be compiled with others; emitted kernels have it. */
#define NUMC_GPU_ENTRY "numc_kernel_main"

/* The module of a text, which follows what it needs of the scalar kernel and the names of numc/backend.h's GPU dialects: from memory, from
 * disk, or compiled. note: a text of NUMC_GPU_ENTRY, compiled when its kernel is first asked for, together with what waits then. Its own
 * kernel objects come from numc_gpu_kernel; name NULL: that of a noted text. */
int32_t numc_gpu_module_get(numc_device *device, const char *text, size_t size, numc_gpu_module **module);
int32_t numc_gpu_module_note(numc_device *device, const char *text, size_t size, numc_gpu_module **module);
void numc_gpu_module_drop(numc_device *device, numc_gpu_module *module);
int32_t numc_gpu_kernel(numc_device *device, numc_gpu_module *module, const char *name, void **kernel);
/* What stands in front of every program. */
int32_t numc_gpu_modules_begin(numc_device *device);
void numc_gpu_modules_end(numc_device *device);

/* A kernel of a fixed text with macros defined before it ("#define T double\n"); it lives as long as the device. */
int32_t numc_gpu_fixed_kernel(numc_device *device, const char *text, const char *defines, const char *name, void **kernel);
/* Sets memory, then words (a struct of NUMC_GPU_WORDS words), and runs it. */
enum { NUMC_GPU_WORDS = 64 };
int32_t numc_gpu_fixed_run(numc_device *device, void *kernel, const numc_view *const *views, uint32_t view_count,
                           const int64_t *words, uint32_t word_count, uint64_t groups, uint32_t group);
uint64_t numc_gpu_groups(const numc_device *device, int64_t items); /* enough groups for so many items, within reason */

/* The C name of a dtype in the text, "numc_e_float64". */
const char *numc_gpu_type(uint32_t dtype);

/* ---- words for fixed texts (order.c) ----------------------------------------------------------------------------------------- */

/* Axes first[v] .. first[v] + axes - 1 of some views of equal extents there, joined into three: extents, then strides of each view in
 * turn, 3 words each. Returns how many positions they have; -1 where three are not enough. In text: AXES below. */
int64_t numc_gpu_join(const numc_view *const *views, const int32_t *first, uint32_t view_count, int32_t axes, int64_t *words);
/* Text: SPLIT(number, at) declares j0, j1, j2 from a position; PLACE(at, v) is their offset in view v. */
#define NUMC_GPU_SPLIT_TEXT                                                                                                \
    "#define SPLIT(number, at) word j2 = (number), j1, j0; j1 = j2 / W((at) + 2); j2 -= j1 * W((at) + 2); "                 \
    "j0 = j1 / W((at) + 1); j1 -= j0 * W((at) + 1)\n"                                                                     \
    "#define PLACE(at, v) (j0 * W((at) + 3 * (v) + 3) + j1 * W((at) + 3 * (v) + 4) + j2 * W((at) + 3 * (v) + 5))\n"
/* "#define T ..." with arithmetic on it (matmul.c): ADD, SUB, MUL, DIV of numbers, real or complex. False: no dtype with arithmetic
 * here. */
bool numc_gpu_arithmetic(numc_gpu_text *text, uint32_t dtype);

/* ---- linalg.c and blocks.c ------------------------------------------------------------------------------------------------ */

/* The arithmetic of a float or complex dtype, and its LARGEST, NOT_A_NUMBER, INFINITE; a fixed kernel with these. */
void numc_gpu_factor_defines(numc_gpu_text *defines, uint32_t dtype);
int32_t numc_gpu_factor_kernel(numc_device *device, const char *text, uint32_t dtype, const char *name, void **kernel);
/* The slot's work in place on views of three axes, a group for each matrix; pivots (number, 1, column) count from row -top. */
int32_t numc_gpu_lu_panel(numc_device *device, const numc_view *a, const numc_view *pivots, int64_t top);

/* Whether these matrices, at least so long, are few and large: then they go by blocks. Views and words as linalg.c's kernels take them. */
bool numc_gpu_large(const int64_t *words, int64_t least);
int32_t numc_gpu_large_triangular(numc_device *device, const numc_view *const *views, const int64_t *words);
int32_t numc_gpu_large_cholesky(numc_device *device, const numc_view *const *views, const int64_t *words); /* in place, in view 1 */
int32_t numc_gpu_large_inverse(numc_device *device, const numc_view *const *views, const int64_t *words);
int32_t numc_gpu_large_lu(numc_device *device, const numc_view *const *views, const int64_t *words);

#endif
