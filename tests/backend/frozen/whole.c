/* whole.c - frozen, never edited to follow today's sources: a backend that fills every slot of the contract as it was on November 23, 2026,
 * built against the frozen header alone, which every later host must load and run. Its memory is behind handles, like a device's; what it
 * computes, the reference backend computes for it, whose table is one of the contract too. Its own are the ways in which a device works:
 * lists of calls kept and run again, downloads that are not waited for, counts, and functions given as text, which the compiler that
 * FROZEN_CC names makes, with the scalar kernel of the folder FROZEN_KERNEL before them. */
#ifndef _GNU_SOURCE
#define _GNU_SOURCE
#endif
#include <dlfcn.h>
#include <pthread.h>
#include <spawn.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include "backend_abi1_whole.h"

const numc_backend *numc__ref_query(uint32_t max_abi); /* the reference's numc_backend_query */

#define REF numc__ref_query(NUMC_BACKEND_ABI)
enum { MOST_VIEWS = 4, MOST_NUMBERS = 3, MOST_AXES = 32 };

typedef struct counts {
    atomic_uint_least64_t allocations, bytes_live, bytes_peak, uploads, bytes_uploaded, downloads, bytes_downloaded, copies, launches,
        recordings_run, programs_built;
} counts;

struct numc_device {
    const numc_host *host; /* first: the contract */
    numc_device *inner;    /* the reference's */
    counts counts;
};

typedef struct block {
    void *data;
    uint64_t bytes;
} block;

static void *get(const numc_host *host, uint64_t size)
{
    void *memory = size <= SIZE_MAX ? host->allocate(host->user, NULL, 0, size > 0 ? (size_t)size : 1) : NULL;
    if (memory != NULL)
        memset(memory, 0, size > 0 ? (size_t)size : 1);
    return memory;
}

static void give(const numc_host *host, void *pointer, uint64_t size)
{
    if (pointer != NULL)
        (void)host->allocate(host->user, pointer, size > 0 ? (size_t)size : 1, 0);
}

static int32_t fail(const numc_host *host, numc_status status, const char *message)
{
    return host->error(host->user, (int32_t)status, message);
}

static void count(atomic_uint_least64_t *counter, uint64_t more)
{
    (void)atomic_fetch_add_explicit(counter, more, memory_order_relaxed);
}

static char *address(const void *memory)
{
    return memory != NULL ? ((const block *)memory)->data : NULL;
}

/* ---- devices ------------------------------------------------------------------------------------------------------------- */

static int32_t device_count(const numc_host *host, int32_t *found)
{
    (void)host;
    *found = 1;
    return NUMC_OK;
}

static int32_t device_find(const numc_host *host, const char *text, int32_t *index)
{
    (void)host;
    *index = strcmp(text, "0") == 0 || strcmp(text, "0.0") == 0 ? 0 : -1;
    return NUMC_OK;
}

static int32_t device_describe(const numc_host *host, int32_t index, numc_device_info *info)
{
    const numc_device_info ours = {
        .size = info->size < sizeof ours ? info->size : sizeof ours,
        .name = "handles",
        .driver = "the reference",
        .memory_bytes = 1 << 20,
        .float64 = 1,
        .kernel_level = 3,
        .alignment = 16,
        .dialect = getenv("FROZEN_CC") != NULL && getenv("FROZEN_KERNEL") != NULL ? NUMC_DIALECT_C : 0,
    };
    if (index != 0)
        return fail(host, NUMC_INDEX, "there is one device, number 0");
    memcpy(info, &ours, ours.size);
    return NUMC_OK;
}

static int32_t device_open(const numc_host *host, int32_t index, numc_device **device)
{
    (void)index;
    numc_device *made = get(host, sizeof *made);
    *device = NULL;
    if (made == NULL)
        return fail(host, NUMC_MEMORY, "no memory for a device");
    made->host = host;
    int32_t status = REF->device_open(host, 0, &made->inner);
    if (status == NUMC_OK)
        *device = made;
    else
        give(host, made, sizeof *made);
    return status;
}

static void device_close(numc_device *device)
{
    REF->device_close(device->inner);
    give(device->host, device, sizeof *device);
}

static int32_t device_statistics(numc_device *device, numc_device_statistics *statistics)
{
    counts *c = &device->counts;
#define COUNT(name) .name = atomic_load(&c->name)
    const numc_device_statistics ours = {
        .size = statistics->size < sizeof ours ? statistics->size : sizeof ours, COUNT(allocations), COUNT(bytes_live), COUNT(bytes_peak),
        COUNT(uploads), COUNT(bytes_uploaded), COUNT(downloads), COUNT(bytes_downloaded), COUNT(copies), COUNT(launches),
        COUNT(recordings_run), COUNT(programs_built)};
#undef COUNT
    memcpy(statistics, &ours, ours.size);
    return NUMC_OK;
}

/* ---- calls, done now or kept in the list that this thread makes -------------------------------------------------------------- */

typedef struct call {
    int32_t (*now)(numc_device *device, const struct call *call);
    numc_view views[MOST_VIEWS]; /* of host memory */
    const numc_view *view[MOST_VIEWS];
    int64_t axes[MOST_VIEWS][2][MOST_AXES];
    int64_t numbers[MOST_NUMBERS];
    numc_launch *launch; /* the reference's */
    bool own;            /* made for this call alone */
    struct application *application;
    struct call *next;
} call;

/* A run of a routine: its numbers, then addresses. */
typedef struct application {
    uint64_t size;
    void (*function)(void *const *buffers, const int64_t *numbers, int64_t item);
    int64_t items;
    uint32_t numbers;
    int64_t words[];
} application;

struct numc_recording {
    numc_device *device;
    call *first, **last;
    bool broken;
};

static _Thread_local numc_recording *open_list;

static bool records(const numc_device *device)
{
    return open_list != NULL && open_list->device == device;
}

static int32_t cannot_be_kept(numc_device *device)
{
    open_list->broken = true;
    return fail(device->host, NUMC_UNSUPPORTED, "a transfer cannot be kept");
}

static void call_end(numc_device *device, const call *c)
{
    if (c->own)
        REF->launch_release(device->inner, c->launch);
    if (c->application != NULL)
        give(device->host, c->application, c->application->size);
}

/* Does a call without views, or keeps it; what it owns is given back when it has been done. */
static int32_t put_made(numc_device *device, const call *made)
{
    call *kept = records(device) ? get(device->host, sizeof *kept) : NULL;
    if (kept != NULL) {
        *kept = *made;
        *open_list->last = kept;
        open_list->last = &kept->next;
        return NUMC_OK;
    }
    int32_t status = records(device) ? fail(device->host, NUMC_MEMORY, "no memory for a call") : made->now(device, made);
    call_end(device, made);
    return status;
}

static int32_t put(numc_device *device, int32_t (*now)(numc_device *, const call *), const numc_view *const *views, const int64_t *numbers)
{
    call here, *c = &here;
    if (records(device)) {
        c = get(device->host, sizeof *c);
        if (c == NULL)
            return fail(device->host, NUMC_MEMORY, "no memory for a call");
    }
    memset(c, 0, sizeof *c);
    c->now = now;
    for (int k = 0; k < MOST_NUMBERS; k++)
        c->numbers[k] = numbers[k];
    for (int k = 0; k < MOST_VIEWS; k++) {
        if (views[k] == NULL)
            continue;
        if (views[k]->rank > MOST_AXES) {
            if (c != &here)
                give(device->host, c, sizeof *c);
            return fail(device->host, NUMC_UNSUPPORTED, "more axes than are kept");
        }
        const size_t bytes = (size_t)views[k]->rank * sizeof(int64_t);
        c->views[k] = *views[k];
        c->views[k].memory = address(views[k]->memory);
        c->views[k].shape = c->axes[k][0];
        c->views[k].strides = c->axes[k][1];
        if (bytes > 0) {
            memcpy(c->axes[k][0], views[k]->shape, bytes);
            memcpy(c->axes[k][1], views[k]->strides, bytes);
        }
        c->view[k] = &c->views[k];
    }
    if (c == &here)
        return now(device, c);
    *open_list->last = c;
    open_list->last = &c->next;
    return NUMC_OK;
}

/* parameters: of the slot; list: its views; numbers: its other operands; arguments: of the reference's slot, with V(i) and N(i). */
#define SLOT(name, parameters, list, numbers, arguments)                                                               \
    static int32_t name##_now(numc_device *device, const call *c)                                                      \
    {                                                                                                                  \
        return REF->name arguments;                                                                                    \
    }                                                                                                                  \
    static int32_t name parameters                                                                                     \
    {                                                                                                                  \
        return put(device, name##_now, (const numc_view *const[MOST_VIEWS])list, (const int64_t[MOST_NUMBERS])numbers); \
    }
#define LIST(...) {__VA_ARGS__}
#define D device->inner
#define V(i) c->view[i]
#define N(i) (int32_t)c->numbers[i]
#define U(i) (uint32_t)c->numbers[i]
#define VIEW const numc_view *

SLOT(matmul, (numc_device *device, VIEW a, VIEW b, VIEW y, const numc_matmul_options *options), LIST(a, b, y), LIST(options->accumulate),
     (D, V(0), V(1), V(2), &(numc_matmul_options){.size = sizeof(numc_matmul_options), .accumulate = U(0)}))
SLOT(cholesky, (numc_device *device, VIEW a, VIEW l), LIST(a, l), LIST(0), (D, V(0), V(1)))
SLOT(cholesky_inverse, (numc_device *device, VIEW l, VIEW w), LIST(l, w), LIST(0), (D, V(0), V(1)))
SLOT(triangular_solve, (numc_device *device, VIEW t, VIEW b, VIEW x, uint32_t upper, uint32_t transpose, uint32_t unit), LIST(t, b, x),
     LIST(upper, transpose, unit), (D, V(0), V(1), V(2), U(0), U(1), U(2)))
SLOT(lu, (numc_device *device, VIEW a, VIEW packed, VIEW permutation, VIEW sign), LIST(a, packed, permutation, sign), LIST(0),
     (D, V(0), V(1), V(2), V(3)))
SLOT(qr, (numc_device *device, VIEW a, VIEW q, VIEW r), LIST(a, q, r), LIST(0), (D, V(0), V(1), V(2)))
SLOT(eigh, (numc_device *device, VIEW a, VIEW values, VIEW vectors), LIST(a, values, vectors), LIST(0), (D, V(0), V(1), V(2)))
SLOT(eig, (numc_device *device, VIEW a, VIEW values, VIEW vectors), LIST(a, values, vectors), LIST(0), (D, V(0), V(1), V(2)))
SLOT(svd, (numc_device *device, VIEW a, VIEW u, VIEW s, VIEW vh), LIST(a, u, s, vh), LIST(0), (D, V(0), V(1), V(2), V(3)))
SLOT(gather, (numc_device *device, VIEW x, VIEW indices, int32_t axis, VIEW y), LIST(x, indices, y), LIST(axis), (D, V(0), V(1), N(0), V(2)))
SLOT(scatter, (numc_device *device, VIEW y, VIEW indices, int32_t axis, VIEW values, uint32_t mode), LIST(y, indices, values),
     LIST(axis, mode), (D, V(0), V(1), N(0), V(2), U(1)))
SLOT(cumulative, (numc_device *device, VIEW x, int32_t axis, uint32_t reduction, uint32_t reverse, VIEW y), LIST(x, y),
     LIST(axis, reduction, reverse), (D, V(0), N(0), U(1), U(2), V(1)))
SLOT(sort, (numc_device *device, VIEW x, int32_t axis, uint32_t descending, VIEW values, VIEW indices), LIST(x, values, indices),
     LIST(axis, descending), (D, V(0), N(0), U(1), V(1), V(2)))
SLOT(search, (numc_device *device, VIEW sorted, VIEW values, uint32_t right, VIEW indices), LIST(sorted, values, indices), LIST(right),
     (D, V(0), V(1), U(0), V(2)))
SLOT(fft, (numc_device *device, VIEW x, int32_t axis, int32_t direction, VIEW y), LIST(x, y), LIST(axis, direction),
     (D, V(0), N(0), N(1), V(1)))

/* ---- lists --------------------------------------------------------------------------------------------------------------- */

static void recording_release(numc_device *device, numc_recording *recording)
{
    for (call *c = recording->first, *next; c != NULL; c = next) {
        next = c->next;
        call_end(device, c);
        give(device->host, c, sizeof *c);
    }
    give(device->host, recording, sizeof *recording);
}

static int32_t recording_begin(numc_device *device)
{
    if (open_list != NULL)
        return fail(device->host, NUMC_STATE, "a list is begun in a list");
    open_list = get(device->host, sizeof *open_list);
    if (open_list == NULL)
        return fail(device->host, NUMC_MEMORY, "no memory for a list");
    open_list->device = device;
    open_list->last = &open_list->first;
    return NUMC_OK;
}

static int32_t recording_end(numc_device *device, numc_recording **recording)
{
    numc_recording *made = open_list;
    *recording = NULL;
    if (!records(device))
        return fail(device->host, NUMC_STATE, "a list is ended that was not begun");
    open_list = NULL;
    if (made->broken) {
        recording_release(device, made);
        return fail(device->host, NUMC_UNSUPPORTED, "the list holds a transfer");
    }
    *recording = made;
    return NUMC_OK;
}

static int32_t recording_run(numc_device *device, numc_recording *recording)
{
    int32_t status = NUMC_OK;
    count(&device->counts.recordings_run, 1);
    for (const call *c = recording->first; c != NULL && status == NUMC_OK; c = c->next)
        status = c->now(device, c);
    return status;
}

/* ---- memory -------------------------------------------------------------------------------------------------------------- */

static int32_t memory_allocate(numc_device *device, uint64_t bytes, void **memory)
{
    block *b = get(device->host, sizeof *b);
    *memory = NULL;
    if (b == NULL)
        return fail(device->host, NUMC_MEMORY, "no memory for a block");
    b->bytes = bytes;
    int32_t status = REF->memory_allocate(device->inner, bytes, &b->data);
    if (status != NUMC_OK) {
        give(device->host, b, sizeof *b);
        return status;
    }
    count(&device->counts.allocations, 1);
    const uint64_t live = atomic_fetch_add(&device->counts.bytes_live, bytes) + bytes;
    uint64_t peak = atomic_load(&device->counts.bytes_peak);
    while (live > peak && !atomic_compare_exchange_weak(&device->counts.bytes_peak, &peak, live))
        ;
    *memory = b;
    return NUMC_OK;
}

static void memory_release(numc_device *device, void *memory, uint64_t bytes)
{
    (void)atomic_fetch_sub(&device->counts.bytes_live, bytes);
    REF->memory_release(device->inner, address(memory), bytes);
    give(device->host, memory, sizeof(block));
}

static int32_t memory_upload(numc_device *device, void *memory, uint64_t offset, const void *host, uint64_t bytes)
{
    if (records(device))
        return cannot_be_kept(device);
    count(&device->counts.uploads, 1);
    count(&device->counts.bytes_uploaded, bytes);
    return REF->memory_upload(device->inner, address(memory), offset, host, bytes);
}

static int32_t memory_download(numc_device *device, const void *memory, uint64_t offset, void *host, uint64_t bytes)
{
    if (records(device))
        return cannot_be_kept(device);
    count(&device->counts.downloads, 1);
    count(&device->counts.bytes_downloaded, bytes);
    return REF->memory_download(device->inner, address(memory), offset, host, bytes);
}

static int32_t copy_now(numc_device *device, const call *c)
{
    count(&device->counts.copies, 1);
    return REF->memory_copy(device->inner, c->views[0].memory, (uint64_t)c->numbers[0], c->views[1].memory, (uint64_t)c->numbers[1],
                            (uint64_t)c->numbers[2]);
}

static int32_t memory_copy(numc_device *device, void *to, uint64_t to_offset, const void *from, uint64_t from_offset, uint64_t bytes)
{
    const numc_view views[2] = {{.memory = to}, {.memory = (void *)(uintptr_t)from}};
    return put(device, copy_now, (const numc_view *const[MOST_VIEWS]){&views[0], &views[1]},
               (const int64_t[MOST_NUMBERS]){(int64_t)to_offset, (int64_t)from_offset, (int64_t)bytes});
}

static int32_t synchronize(numc_device *device)
{
    return records(device) ? cannot_be_kept(device) : REF->synchronize(device->inner);
}

/* The queue is empty whenever somebody looks, so the bytes are those of the moment it begins. */
struct numc_transfer {
    void *host;
    uint64_t bytes;
    unsigned char copy[];
};

static int32_t download_begin(numc_device *device, const void *memory, uint64_t offset, void *host, uint64_t bytes,
                              numc_transfer **transfer)
{
    *transfer = NULL;
    numc_transfer *t = get(device->host, sizeof *t + bytes);
    if (t == NULL)
        return fail(device->host, NUMC_MEMORY, "no memory for a transfer");
    t->host = host;
    t->bytes = bytes;
    int32_t status = memory_download(device, memory, offset, t->copy, bytes);
    if (status == NUMC_OK)
        *transfer = t;
    else
        give(device->host, t, sizeof *t + bytes);
    return status;
}

static int32_t download_end(numc_device *device, numc_transfer *transfer)
{
    memcpy(transfer->host, transfer->copy, transfer->bytes);
    give(device->host, transfer, sizeof *transfer + transfer->bytes);
    return NUMC_OK;
}

/* ---- kernels ------------------------------------------------------------------------------------------------------------- */

struct numc_kernel {
    numc_kernel *inner;
    uint32_t buffers;
};

struct numc_launch {
    numc_launch *inner;
};

static int32_t kernel_build(numc_device *device, const numc_kernel_source *source, numc_kernel **kernel)
{
    numc_kernel *made = get(device->host, sizeof *made);
    *kernel = NULL;
    if (made == NULL)
        return fail(device->host, NUMC_MEMORY, "no memory for a kernel");
    made->buffers = source->buffer_count;
    int32_t status = REF->kernel_build(device->inner, source, &made->inner);
    if (status == NUMC_OK)
        *kernel = made;
    else
        give(device->host, made, sizeof *made);
    return status;
}

static void kernel_release(numc_device *device, numc_kernel *kernel)
{
    REF->kernel_release(device->inner, kernel->inner);
    give(device->host, kernel, sizeof *kernel);
}

/* The arguments with addresses in place of handles; *buffers is given back by the caller. */
static int32_t inside(numc_device *device, const numc_kernel *kernel, const numc_kernel_arguments *given, numc_kernel_arguments *arguments,
                      void ***buffers)
{
    *buffers = get(device->host, kernel->buffers * sizeof(void *));
    if (*buffers == NULL)
        return fail(device->host, NUMC_MEMORY, "no memory for arguments");
    for (uint32_t i = 0; i < kernel->buffers; i++)
        (*buffers)[i] = address(given->buffers[i]);
    *arguments = *given;
    arguments->buffers = *buffers;
    return NUMC_OK;
}

static int32_t launch_inner(numc_device *device, numc_kernel *kernel, const numc_kernel_arguments *given, numc_launch **launch)
{
    numc_kernel_arguments arguments;
    void **buffers;
    int32_t status = inside(device, kernel, given, &arguments, &buffers);
    if (status == NUMC_OK)
        status = REF->launch_prepare(device->inner, kernel->inner, &arguments, launch);
    give(device->host, buffers, kernel->buffers * sizeof(void *));
    return status;
}

static int32_t launch_now(numc_device *device, const call *c)
{
    count(&device->counts.launches, 1);
    return REF->launch_run(device->inner, c->launch);
}

static int32_t kernel_run(numc_device *device, numc_kernel *kernel, const numc_kernel_arguments *given)
{
    numc_launch *launch = NULL;
    int32_t status = launch_inner(device, kernel, given, &launch);
    const call made = {.now = launch_now, .launch = launch, .own = true};
    return status == NUMC_OK ? put_made(device, &made) : status;
}

static int32_t launch_prepare(numc_device *device, numc_kernel *kernel, const numc_kernel_arguments *arguments, numc_launch **launch)
{
    numc_launch *made = get(device->host, sizeof *made);
    *launch = NULL;
    if (made == NULL)
        return fail(device->host, NUMC_MEMORY, "no memory for a launch");
    int32_t status = launch_inner(device, kernel, arguments, &made->inner);
    if (status == NUMC_OK)
        *launch = made;
    else
        give(device->host, made, sizeof *made);
    return status;
}

static int32_t launch_run(numc_device *device, numc_launch *launch)
{
    const call made = {.now = launch_now, .launch = launch->inner};
    return put_made(device, &made);
}

static void launch_release(numc_device *device, numc_launch *launch)
{
    REF->launch_release(device->inner, launch->inner);
    give(device->host, launch, sizeof *launch);
}

/* ---- functions given as text --------------------------------------------------------------------------------------------- */

struct numc_routine {
    void (*function)(void *const *buffers, const int64_t *numbers, int64_t item);
    uint32_t buffers, numbers;
};

extern char **environ;

/* Whether the compiler has made a shared object of what is written to `text`. */
static bool compile(const numc_routine_source *source, const char *text, const char *object)
{
    FILE *file = fopen(text, "w");
    if (file == NULL)
        return false;
    (void)fputs("#include <stdint.h>\n#define NUMC_KERNEL_ENTRIES\n#include \"kernel/kernel.h\"\n", file);
    (void)fwrite(source->text, 1, source->text_size, file);
    if (fclose(file) != 0)
        return false;
    char *words[] = {getenv("FROZEN_CC"), "-std=gnu11", "-O1", "-w", "-ffp-contract=off", "-shared", "-fPIC", "-I", getenv("FROZEN_KERNEL"),
                     "-o", (char *)(uintptr_t)object, (char *)(uintptr_t)text, "-lm", NULL};
    pid_t child;
    int how = 1;
    return posix_spawnp(&child, words[0], NULL, NULL, words, environ) == 0 && waitpid(child, &how, 0) == child && how == 0;
}

/* The loaded object of a text, or NULL; the last one is kept for the next who has the same. Objects stay loaded. */
static void *object_of(const numc_routine_source *source)
{
    static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;
    static char *known;
    static uint64_t known_size;
    static void *object;
    const char *base = getenv("TMPDIR");
    char folder[1024], text[1040], shared[1040];
    pthread_mutex_lock(&lock);
    if (known == NULL || known_size != source->text_size || memcmp(known, source->text, known_size) != 0) {
        free(known);
        known = NULL;
        object = NULL;
        (void)snprintf(folder, sizeof folder, "%s/frozen-XXXXXX", base != NULL ? base : "/tmp");
        if (mkdtemp(folder) != NULL) {
            (void)snprintf(text, sizeof text, "%s/text.c", folder);
            (void)snprintf(shared, sizeof shared, "%s/text.so", folder);
            if (compile(source, text, shared))
                object = dlopen(shared, RTLD_NOW | RTLD_LOCAL);
            (void)unlink(text);
            (void)unlink(shared);
            (void)rmdir(folder);
        }
        known_size = source->text_size;
        known = object != NULL ? malloc(known_size) : NULL;
        if (known != NULL)
            memcpy(known, source->text, known_size);
    }
    void *found = object;
    pthread_mutex_unlock(&lock);
    return found;
}

static int32_t routine_build(numc_device *device, const numc_routine_source *source, numc_routine **routine)
{
    *routine = NULL;
    numc_routine *made = get(device->host, sizeof *made);
    if (made == NULL)
        return fail(device->host, NUMC_MEMORY, "no memory for a routine");
    void *object = object_of(source), *symbol = object != NULL ? dlsym(object, source->name) : NULL;
    if (symbol == NULL) {
        give(device->host, made, sizeof *made);
        return fail(device->host, NUMC_BACKEND, "the text of a routine cannot be compiled");
    }
    memcpy(&made->function, &symbol, sizeof symbol);
    made->buffers = source->buffer_count;
    made->numbers = source->number_count;
    count(&device->counts.programs_built, 1);
    *routine = made;
    return NUMC_OK;
}

static int32_t routine_now(numc_device *device, const call *c)
{
    const application *a = c->application;
    count(&device->counts.launches, 1);
    for (int64_t i = 0; i < a->items; i++)
        a->function((void *const *)(a->words + a->numbers), a->words, i);
    return NUMC_OK;
}

/* words: the numbers, then the buffers' addresses. */
static int32_t routine_run(numc_device *device, numc_routine *routine, void *const *buffers, const int64_t *numbers, int64_t items)
{
    _Static_assert(sizeof(void *) == sizeof(int64_t), "an address is a word");
    const uint64_t size = sizeof(application) + (routine->numbers + (uint64_t)routine->buffers) * sizeof(int64_t);
    application *a = get(device->host, size);
    if (a == NULL)
        return fail(device->host, NUMC_MEMORY, "no memory for arguments");
    *a = (application){.size = size, .function = routine->function, .items = items, .numbers = routine->numbers};
    if (routine->numbers > 0)
        memcpy(a->words, numbers, routine->numbers * sizeof *numbers);
    for (uint32_t i = 0; i < routine->buffers; i++) {
        const void *there = address(buffers[i]);
        memcpy(&a->words[routine->numbers + i], &there, sizeof there);
    }
    const call made = {.now = routine_now, .application = a};
    return put_made(device, &made);
}

static void routine_release(numc_device *device, numc_routine *routine)
{
    give(device->host, routine, sizeof *routine);
}

/* ---- whole programs: experimental, and never this build's own ------------------------------------------------------------------- */

static int32_t program_build(numc_device *device, const void *graph, void **program)
{
    (void)graph;
    *program = NULL;
    return fail(device->host, NUMC_INTERNAL, "program_build was called by a host of another build");
}

static int32_t program_run(numc_device *device, void *program, void *const *inputs, void *const *outputs)
{
    (void)program;
    (void)inputs;
    (void)outputs;
    return fail(device->host, NUMC_INTERNAL, "program_run was called by a host of another build");
}

static void program_release(numc_device *device, void *program)
{
    (void)device;
    (void)program;
}

/* ---- the table ----------------------------------------------------------------------------------------------------------- */

NUMC_API const numc_backend *numc_backend_query(uint32_t max_abi);

const numc_backend *numc_backend_query(uint32_t max_abi)
{
#define FILL(name) .name = name
    static const numc_backend table = {
        .size = sizeof table, .abi = NUMC_BACKEND_ABI, .build_id = "frozen whole", .name = "whole",
        .description = "every slot of ABI 1 as of November 23, 2026",
        FILL(device_count), FILL(device_describe), FILL(device_open), FILL(device_close), FILL(memory_allocate), FILL(memory_release),
        FILL(memory_upload), FILL(memory_download), FILL(memory_copy), FILL(synchronize), FILL(kernel_build), FILL(kernel_run),
        FILL(kernel_release), FILL(launch_prepare), FILL(launch_run), FILL(launch_release), FILL(matmul), FILL(cholesky),
        FILL(triangular_solve), FILL(lu), FILL(qr), FILL(eigh), FILL(eig), FILL(svd), FILL(gather), FILL(scatter), FILL(cumulative),
        FILL(sort), FILL(search), FILL(fft), FILL(program_build), FILL(program_run), FILL(program_release), FILL(device_find),
        FILL(routine_build), FILL(routine_run), FILL(routine_release), FILL(recording_begin), FILL(recording_end), FILL(recording_run),
        FILL(recording_release), FILL(cholesky_inverse), FILL(download_begin), FILL(download_end), FILL(device_statistics),
    };
#undef FILL
    return max_abi >= NUMC_BACKEND_ABI ? &table : NULL;
}
