/* fake_driver.c - a stand-in for NVIDIA's driver, for machines without a device: the functions that backends/cuda uses, over host
 * memory. What is given to a stream is kept until somebody waits for it, so that memory used again too early shows. Uses that
 * the real driver would punish are counted as mistakes. Kernels: modules that the stand-in compiler made are host code and run,
 * work item by work item; device code by the real NVRTC is taken and its launches do nothing.
 *
 * Signatures: CUDA Driver API reference manual. */
#include <dlfcn.h>
#include <elf.h>
#include <pthread.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <ucontext.h>
#include <unistd.h>

#include "../fake.h"

#define EXPORT __attribute__((visibility("default")))

typedef unsigned long long address;

EXPORT fake_cuda fake = {.devices = 2, .capability = 90, .fail_at = -1, .fail_with = 2, .memory = (size_t)1 << 30};

/* FAKE_CUDA_CAPABILITY: the devices' (90); FAKE_CUDA_REPORT: a file that is told at the end what was
 * found. */
__attribute__((constructor)) static void begin_process(void)
{
    const char *capability = getenv("FAKE_CUDA_CAPABILITY");
    if (capability != NULL)
        fake.capability = atoi(capability);
}

__attribute__((destructor)) static void end_process(void)
{
    const char *path = getenv("FAKE_CUDA_REPORT");
    FILE *file = path != NULL ? fopen(path, "w") : NULL;
    if (file == NULL)
        return;
    (void)fprintf(file, "{\"mistakes\": %ld, \"mistake\": \"%s\", \"launches\": %ld, \"graph_launches\": %ld, \"loaded\": %ld, \"contexts\": %ld}\n",
                  fake.mistakes, fake.mistake, fake.launches, fake.graph_launches, fake.loaded, fake.contexts);
    (void)fclose(file);
}

static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;
static int sticky; /* after it nothing works */
static _Thread_local void *stack[16];
static _Thread_local int depth;

enum { INVALID_VALUE = 1, OUT_OF_MEMORY = 2, NO_DEVICE = 100, INVALID_DEVICE = 101, INVALID_IMAGE = 200, INVALID_CONTEXT = 201,
       INVALID_HANDLE = 400, NOT_FOUND = 500, DEVICES = 4, RANGES = 4096, ARGUMENTS = 512, ARGUMENT_BYTES = 4096 };

static void mistake(const char *format, ...)
{
    va_list list;
    va_start(list, format);
    if (fake.mistakes++ == 0)
        (void)vsnprintf(fake.mistake, sizeof fake.mistake, format, list);
    va_end(list);
}

static bool is_final(int result)
{
    return result >= 700 && result < 720 && result != 701;
}

/* Begins a call: counts it, fails it if it is its turn; needs a context of ours to be current. */
static int begin(const char *name, bool in_context)
{
    pthread_mutex_lock(&lock);
    int result = sticky;
    if (result == 0 && fake.calls++ == fake.fail_at) {
        result = fake.fail_with;
        if (is_final(result))
            sticky = result;
    }
    if (result == 0 && in_context && depth == 0) {
        mistake("%s without a current context", name);
        result = INVALID_CONTEXT;
    }
    if (result != 0)
        pthread_mutex_unlock(&lock);
    return result;
}

static int end(int result)
{
    pthread_mutex_unlock(&lock);
    return result;
}

#define BEGIN(in_context)                                                                          \
    int begun = begin(__func__, in_context);                                                       \
    if (begun != 0)                                                                                \
        return begun

/* ---- what is alive ------------------------------------------------------------------------------------------------------- */

typedef enum kind { DEVICE_MEMORY = 1, PINNED_MEMORY } kind;
static struct range {
    kind kind;
    char *start;
    size_t size;
} ranges[RANGES];

static bool inside(kind wanted, const void *start, size_t size)
{
    for (size_t i = 0; i < RANGES; i++)
        if (ranges[i].kind == wanted && (const char *)start >= ranges[i].start &&
            (const char *)start + size <= ranges[i].start + ranges[i].size)
            return true;
    return false;
}

static struct range *range_at(kind wanted, const void *start)
{
    for (size_t i = 0; i < RANGES; i++)
        if (ranges[i].kind == wanted && ranges[i].start == start)
            return &ranges[i];
    return NULL;
}

static bool host_code; /* a module of it was loaded */

static void *range_new(kind of, size_t size)
{
    for (size_t i = 0; i < RANGES; i++)
        if (ranges[i].kind == 0) {
            void *memory = aligned_alloc(256, (size + 511) / 256 * 256);
            if (memory == NULL)
                return NULL;
            /* nobody may count on zeros; but where kernels are device code, and run nowhere, numbers must lead nowhere */
            memset(memory, fake.loaded > 0 && !host_code ? 0 : 0xa5, (size + 511) / 256 * 256);
            ranges[i] = (struct range){of, memory, size};
            return memory;
        }
    return NULL;
}

/* ---- kernels ------------------------------------------------------------------------------------------------------------- */

typedef struct dimensions {
    unsigned int x, y, z;
} dimensions;

/* What a module of host code exports (fake_compiler.c writes it). */
typedef struct indices {
    dimensions grid, block, group, item;
    void (*barrier)(void);
} indices;

typedef struct module {
    void *object; /* host code; NULL: device code */
    char *image;
    size_t size;
    struct function *functions;
} module;

typedef struct function {
    module *module;
    char name[128];
    void (*run)(void **parameters);
    int count;
    size_t sizes[ARGUMENTS];
    struct function *next;
} function;

static struct fiber {
    ucontext_t context;
    char *stack;
    bool done;
} fibers[1024];
static ucontext_t scheduler;
static unsigned int running;
static function *fiber_function;
static void **fiber_parameters;

static void at_barrier(void)
{
    (void)swapcontext(&fibers[running].context, &scheduler);
}

static void fiber_main(void)
{
    fiber_function->run(fiber_parameters);
    fibers[running].done = true;
    (void)swapcontext(&fibers[running].context, &scheduler);
}

/* All items of a group in turn, from barrier to barrier. */
static void run_group(indices *at, unsigned int items)
{
    enum { STACK = 256 << 10 };
    for (unsigned int i = 0; i < items; i++) {
        struct fiber *f = &fibers[i];
        if (f->stack == NULL)
            f->stack = malloc(STACK);
        f->done = false;
        (void)getcontext(&f->context);
        f->context.uc_stack.ss_sp = f->stack;
        f->context.uc_stack.ss_size = STACK;
        f->context.uc_link = NULL;
        makecontext(&f->context, fiber_main, 0);
    }
    for (bool alive = true; alive;) {
        unsigned int done = 0, waiting = 0;
        for (unsigned int i = 0; i < items; i++) {
            if (!fibers[i].done) {
                running = i;
                at->item.x = i;
                (void)swapcontext(&scheduler, &fibers[i].context);
            }
            done += fibers[i].done;
            waiting += !fibers[i].done;
        }
        if (done > 0 && waiting > 0)
            mistake("%s: some items of a group end, others wait at a barrier", fiber_function->name);
        alive = waiting > 0 && done == 0;
    }
}

static void run_kernel(function *f, unsigned int groups, unsigned int items, void **parameters)
{
    if (f->module->object == NULL)
        return;
    indices *at = dlsym(f->module->object, "fake_indices");
    const int *barriers = dlsym(f->module->object, "fake_barriers");
    at->grid = (dimensions){groups, 1, 1};
    at->block = (dimensions){items, 1, 1};
    at->group = at->item = (dimensions){0, 0, 0};
    at->barrier = at_barrier;
    fiber_function = f;
    fiber_parameters = parameters;
    for (unsigned int g = 0; g < groups; g++) {
        at->group.x = g;
        if (*barriers != 0)
            run_group(at, items);
        else
            for (at->item.x = 0; at->item.x < items; at->item.x++)
                f->run(parameters);
    }
}

/* ---- streams ------------------------------------------------------------------------------------------------------------- */

typedef struct task {
    enum { COPY, LAUNCH, RECORD } what;
    char *to;
    const char *from;
    size_t bytes;
    function *function;
    unsigned int groups, items;
    void *parameters[ARGUMENTS];
    uint64_t *storage;
    struct event *event;
    uint64_t number; /* RECORD: which recording of the event */
    struct task *next;
} task;

typedef struct stream {
    task *first, **last;
    struct stream *next;
    bool capturing; /* what is added is a graph's, and not to be run */
} stream;

static stream *streams;

typedef struct event {
    uint64_t recorded, done;
    stream *stream;
} event;

static void stream_run(stream *s, const event *until)
{
    if (s->capturing) {
        mistake("waiting for a stream that captures");
        return;
    }
    while (s->first != NULL) {
        task *t = s->first;
        if (t->what == COPY)
            memmove(t->to, t->from, t->bytes);
        else if (t->what == LAUNCH)
            run_kernel(t->function, t->groups, t->items, t->parameters);
        else
            t->event->done = t->number;
        s->first = t->next;
        if (s->first == NULL)
            s->last = &s->first;
        const bool reached = t->what == RECORD && t->event == until && t->number == until->recorded;
        free(t->storage);
        free(t);
        if (reached)
            return;
    }
}

/* What freeing memory does: it waits for everything. */
static void run_all(void)
{
    for (stream *s = streams; s != NULL && sticky == 0; s = s->next)
        if (!s->capturing)
            stream_run(s, NULL);
}

static task *add(stream *s)
{
    task *t = calloc(1, sizeof *t);
    if (t == NULL)
        abort();
    *s->last = t;
    s->last = &t->next;
    return t;
}

/* ---- the exported functions ---------------------------------------------------------------------------------------------- */

EXPORT int cuInit(unsigned int flags)
{
    return flags != 0 ? INVALID_VALUE : fake.init_result;
}

/* The real NVRTC asks a driver that it finds loaded for a table of its own: there is none. */
EXPORT int cuGetExportTable(const void **table, const void *identity)
{
    (void)identity;
    *table = NULL;
    return NOT_FOUND;
}

EXPORT int cuDriverGetVersion(int *version)
{
    *version = 12040;
    return 0;
}

static const struct {
    int result;
    const char *name, *text;
} errors[] = {
    {INVALID_VALUE, "CUDA_ERROR_INVALID_VALUE", "invalid argument"},
    {OUT_OF_MEMORY, "CUDA_ERROR_OUT_OF_MEMORY", "out of memory"},
    {NO_DEVICE, "CUDA_ERROR_NO_DEVICE", "no CUDA-capable device is detected"},
    {INVALID_IMAGE, "CUDA_ERROR_INVALID_IMAGE", "device kernel image is invalid"},
    {NOT_FOUND, "CUDA_ERROR_NOT_FOUND", "named symbol not found"},
    {700, "CUDA_ERROR_ILLEGAL_ADDRESS", "an illegal memory access was encountered"},
    {701, "CUDA_ERROR_LAUNCH_OUT_OF_RESOURCES", "too many resources requested for launch"},
    {719, "CUDA_ERROR_LAUNCH_FAILED", "unspecified launch failure"},
};

EXPORT int cuGetErrorName(int result, const char **text)
{
    *text = NULL;
    for (size_t i = 0; i < sizeof errors / sizeof *errors; i++)
        if (errors[i].result == result)
            *text = errors[i].name;
    return *text != NULL ? 0 : INVALID_VALUE;
}

EXPORT int cuGetErrorString(int result, const char **text)
{
    *text = NULL;
    for (size_t i = 0; i < sizeof errors / sizeof *errors; i++)
        if (errors[i].result == result)
            *text = errors[i].text;
    return *text != NULL ? 0 : INVALID_VALUE;
}

EXPORT int cuDeviceGetCount(int *count)
{
    *count = fake.devices;
    return 0;
}

EXPORT int cuDeviceGet(int *device, int ordinal)
{
    *device = ordinal;
    return ordinal >= 0 && ordinal < fake.devices ? 0 : INVALID_DEVICE;
}

EXPORT int cuDeviceGetName(char *name, int length, int device)
{
    (void)snprintf(name, (size_t)length, "Stand-in %d", device);
    return 0;
}

EXPORT int cuDeviceTotalMem_v2(size_t *bytes, int device)
{
    (void)device;
    *bytes = fake.memory;
    return 0;
}

EXPORT int cuDeviceGetAttribute(int *value, int attribute, int device)
{
    (void)device;
    *value = attribute == 1 ? 1024 : attribute == 8 ? 49152 : attribute == 16 ? 4 : attribute == 75 ? fake.capability / 10
             : attribute == 76                                                                      ? fake.capability % 10
                                                                                                    : 0;
    return 0;
}

static char contexts[DEVICES]; /* a context is the address of its device's byte; its value counts the owners */

EXPORT int cuDevicePrimaryCtxRetain(void **context, int device)
{
    BEGIN(false);
    contexts[device]++;
    fake.contexts++;
    *context = &contexts[device];
    return end(0);
}

EXPORT int cuDevicePrimaryCtxRelease_v2(int device)
{
    pthread_mutex_lock(&lock);
    if (contexts[device]-- == 0)
        mistake("a context is released that nobody has");
    fake.contexts--;
    if (contexts[device] == 0)
        sticky = 0;
    return end(0);
}

EXPORT int cuCtxPushCurrent_v2(void *context)
{
    pthread_mutex_lock(&lock); /* fails of a lost context alone */
    if (sticky != 0)
        return end(sticky);
    if ((char *)context < contexts || (char *)context >= contexts + DEVICES || *(char *)context == 0) {
        mistake("a context is made current that is not alive");
        return end(INVALID_CONTEXT);
    }
    stack[depth++] = context;
    return end(0);
}

EXPORT int cuCtxPopCurrent_v2(void **context)
{
    pthread_mutex_lock(&lock);
    if (depth == 0) {
        mistake("a context is taken from an empty stack");
        return end(INVALID_CONTEXT);
    }
    *context = stack[--depth];
    return end(0);
}

EXPORT int cuMemGetInfo_v2(size_t *free_bytes, size_t *total)
{
    pthread_mutex_lock(&lock);
    *free_bytes = fake.memory - fake.used;
    *total = fake.memory;
    return end(0);
}

EXPORT int cuMemAlloc_v2(address *memory, size_t bytes)
{
    BEGIN(true);
    if (bytes == 0)
        return end(INVALID_VALUE);
    void *got = bytes <= fake.memory - fake.used ? range_new(DEVICE_MEMORY, bytes) : NULL;
    if (got == NULL)
        return end(OUT_OF_MEMORY);
    fake.used += bytes;
    fake.allocations++;
    *memory = (address)(uintptr_t)got;
    return end(0);
}

EXPORT int cuMemFree_v2(address memory)
{
    pthread_mutex_lock(&lock);
    run_all();
    struct range *range = range_at(DEVICE_MEMORY, (void *)(uintptr_t)memory);
    if (range == NULL) {
        mistake("memory is freed that was not allocated");
        return end(INVALID_VALUE);
    }
    fake.used -= range->size;
    fake.allocations--;
    free(range->start);
    *range = (struct range){0, NULL, 0};
    return end(0);
}

EXPORT int cuMemHostAlloc(void **memory, size_t bytes, unsigned int flags)
{
    BEGIN(true);
    *memory = flags == 0 ? range_new(PINNED_MEMORY, bytes) : NULL;
    if (*memory == NULL)
        return end(OUT_OF_MEMORY);
    fake.pinned++;
    return end(0);
}

EXPORT int cuMemFreeHost(void *memory)
{
    pthread_mutex_lock(&lock);
    run_all();
    struct range *range = range_at(PINNED_MEMORY, memory);
    if (range == NULL) {
        mistake("pinned memory is freed that was not allocated");
        return end(INVALID_VALUE);
    }
    fake.pinned--;
    free(range->start);
    *range = (struct range){0, NULL, 0};
    return end(0);
}

static int transfer(stream *s, kind to_kind, void *to, kind from_kind, const void *from, size_t bytes, long *count)
{
    if (s == NULL) {
        mistake("a transfer outside the stream");
        return INVALID_HANDLE;
    }
    if (!inside(to_kind, to, bytes) || !inside(from_kind, from, bytes)) {
        mistake("a transfer of %zu bytes leaves its memory, or goes through memory that is not pinned", bytes);
        return INVALID_VALUE;
    }
    task *t = add(s);
    t->what = COPY;
    t->to = to;
    t->from = from;
    t->bytes = bytes;
    (*count)++;
    return 0;
}

EXPORT int cuMemcpyHtoDAsync_v2(address to, const void *from, size_t bytes, void *s)
{
    BEGIN(true);
    return end(transfer(s, DEVICE_MEMORY, (void *)(uintptr_t)to, PINNED_MEMORY, from, bytes, &fake.uploads));
}

EXPORT int cuMemcpyDtoHAsync_v2(void *to, address from, size_t bytes, void *s)
{
    BEGIN(true);
    return end(transfer(s, PINNED_MEMORY, to, DEVICE_MEMORY, (void *)(uintptr_t)from, bytes, &fake.downloads));
}

EXPORT int cuMemcpyDtoDAsync_v2(address to, address from, size_t bytes, void *s)
{
    BEGIN(true);
    if (to < from + bytes && from < to + bytes)
        mistake("a copy overlaps itself");
    return end(transfer(s, DEVICE_MEMORY, (void *)(uintptr_t)to, DEVICE_MEMORY, (void *)(uintptr_t)from, bytes, &fake.copies));
}

EXPORT int cuStreamCreate(void **made, unsigned int flags)
{
    BEGIN(true);
    if (flags != 1)
        mistake("the stream waits for the default stream");
    stream *s = calloc(1, sizeof *s);
    if (s == NULL)
        return end(OUT_OF_MEMORY);
    s->last = &s->first;
    s->next = streams;
    streams = s;
    fake.streams++;
    *made = s;
    return end(0);
}

EXPORT int cuStreamDestroy_v2(void *s)
{
    pthread_mutex_lock(&lock);
    if (!((stream *)s)->capturing)
        stream_run(s, NULL); /* its work is done all the same */
    for (stream **at = &streams; *at != NULL; at = &(*at)->next)
        if (*at == s) {
            *at = (*at)->next;
            break;
        }
    free(s);
    fake.streams--;
    return end(0);
}

EXPORT int cuStreamSynchronize(void *s)
{
    BEGIN(true);
    fake.waits++;
    fake.dry += ((stream *)s)->first != NULL;
    stream_run(s, NULL);
    return end(0);
}

EXPORT int cuEventCreate(void **made, unsigned int flags)
{
    BEGIN(true);
    *made = flags == 2 ? calloc(1, sizeof(event)) : NULL;
    if (*made == NULL)
        return end(OUT_OF_MEMORY);
    fake.events++;
    return end(0);
}

EXPORT int cuEventDestroy_v2(void *e)
{
    pthread_mutex_lock(&lock);
    free(e);
    fake.events--;
    return end(0);
}

EXPORT int cuEventRecord(void *e, void *s)
{
    BEGIN(true);
    task *t = add(s);
    t->what = RECORD;
    t->event = e;
    t->number = ++((event *)e)->recorded;
    ((event *)e)->stream = s;
    return end(0);
}

EXPORT int cuEventSynchronize(void *e)
{
    BEGIN(true);
    event *waited = e;
    fake.waits++;
    if (waited->done < waited->recorded) {
        stream_run(waited->stream, waited);
        fake.dry += waited->stream->first == NULL;
    }
    return end(0);
}

/* A graph is the list of its tasks; each launch adds copies of them to a stream. */
static void tasks_free(task *t)
{
    for (task *next; t != NULL; t = next) {
        next = t->next;
        free(t->storage);
        free(t);
    }
}

EXPORT int cuStreamBeginCapture_v2(void *begun_stream, int mode)
{
    BEGIN(true);
    stream *s = begun_stream;
    if (mode != 2 || s->capturing || s->first != NULL) {
        mistake("a capture begins in mode %d, or in a stream with work in it", mode);
        return end(INVALID_VALUE);
    }
    s->capturing = true;
    return end(0);
}

EXPORT int cuStreamEndCapture(void *ended_stream, void **graph)
{
    stream *s = ended_stream;
    *graph = NULL;
    int begun = begin("cuStreamEndCapture", true);
    if (begun != 0) { /* the capture ends, without a graph */
        pthread_mutex_lock(&lock);
        tasks_free(s->first);
        s->first = NULL;
        s->last = &s->first;
        s->capturing = false;
        return end(begun);
    }
    stream *kept = calloc(1, sizeof *kept);
    if (kept == NULL || !s->capturing)
        abort();
    kept->first = s->first;
    s->first = NULL;
    s->last = &s->first;
    s->capturing = false;
    fake.graphs++;
    *graph = kept;
    return end(0);
}

EXPORT int cuGraphInstantiateWithFlags(void **executable, void *graph, unsigned long long flags)
{
    BEGIN(true);
    stream *kept = calloc(1, sizeof *kept), *from = graph;
    if (kept == NULL || flags != 0)
        abort();
    kept->first = from->first;
    from->first = NULL;
    fake.graphs++;
    *executable = kept;
    return end(0);
}

EXPORT int cuGraphLaunch(void *executable, void *s)
{
    BEGIN(true);
    for (const task *t = ((stream *)executable)->first; t != NULL; t = t->next) {
        task *copied = add(s);
        *copied = *t;
        copied->next = NULL;
        copied->storage = NULL; /* the parameters stay the graph's */
    }
    fake.graph_launches++;
    return end(0);
}

EXPORT int cuGraphExecDestroy(void *executable)
{
    pthread_mutex_lock(&lock);
    run_all();
    tasks_free(((stream *)executable)->first);
    free(executable);
    fake.graphs--;
    return end(0);
}

EXPORT int cuGraphDestroy(void *graph)
{
    pthread_mutex_lock(&lock);
    tasks_free(((stream *)graph)->first);
    free(graph);
    fake.graphs--;
    return end(0);
}

/* ELF for this machine: host code; for CUDA's (190), or PTX: device code. */
EXPORT int cuModuleLoadData(void **made, const void *image)
{
    BEGIN(true);
    const Elf64_Ehdr *header = image;
    const bool elf = memcmp(image, ELFMAG, SELFMAG) == 0;
    module *m = calloc(1, sizeof *m);
    if (m == NULL)
        return end(OUT_OF_MEMORY);
    if (elf && header->e_machine != 190) {
        const size_t size = header->e_shoff + (size_t)header->e_shnum * header->e_shentsize;
        char path[] = "/tmp/fake-module-XXXXXX"; /* a name of its own: an object of a known name is not loaded again */
        const int file = mkstemp(path);
        if (file >= 0 && write(file, image, size) == (ssize_t)size)
            m->object = dlopen(path, RTLD_NOW | RTLD_LOCAL);
        if (file >= 0) {
            (void)close(file);
            (void)unlink(path);
        }
        if (m->object == NULL) {
            mistake("host code cannot be loaded: %s", dlerror());
            free(m);
            return end(INVALID_IMAGE);
        }
        host_code = true;
    } else if (!elf && strncmp(image, "//", 2) != 0) {
        free(m);
        return end(INVALID_IMAGE);
    }
    fake.modules++;
    fake.loaded++;
    *made = m;
    return end(0);
}

EXPORT int cuModuleUnload(void *unloaded)
{
    pthread_mutex_lock(&lock);
    run_all();
    module *m = unloaded;
    for (function *f = m->functions, *next; f != NULL; f = next) {
        next = f->next;
        free(f);
    }
    if (m->object != NULL)
        (void)dlclose(m->object);
    free(m);
    fake.modules--;
    return end(0);
}

EXPORT int cuModuleGetFunction(void **got, void *from, const char *name)
{
    BEGIN(true);
    module *m = from;
    char symbol[192];
    function *f = calloc(1, sizeof *f);
    if (f == NULL || strlen(name) >= sizeof f->name) {
        free(f);
        return end(OUT_OF_MEMORY);
    }
    f->module = m;
    (void)snprintf(f->name, sizeof f->name, "%s", name);
    if (m->object != NULL) {
        (void)snprintf(symbol, sizeof symbol, "fake_run_%s", name);
        void *run = dlsym(m->object, symbol);
        (void)snprintf(symbol, sizeof symbol, "fake_sizes_%s", name);
        void *sizes = dlsym(m->object, symbol);
        if (run == NULL || sizes == NULL) {
            free(f);
            return end(NOT_FOUND);
        }
        int (*list)(size_t *);
        memcpy(&f->run, &run, sizeof run);
        memcpy(&list, &sizes, sizeof sizes);
        f->count = list(f->sizes);
        size_t bytes = 0;
        for (int i = 0; i < f->count; i++)
            bytes += f->sizes[i];
        if (bytes > ARGUMENT_BYTES) /* NVRTC would not have compiled it */
            mistake("a kernel takes %zu bytes of arguments", bytes);
    }
    f->next = m->functions;
    m->functions = f;
    *got = f;
    return end(0);
}

/* The parameters are copied when the kernel is launched, as the real driver does. */
EXPORT int cuLaunchKernel(void *launched, unsigned int grid_x, unsigned int grid_y, unsigned int grid_z, unsigned int block_x,
                          unsigned int block_y, unsigned int block_z, unsigned int shared, void *s, void **parameters, void **extra)
{
    BEGIN(true);
    function *f = launched;
    if (s == NULL || grid_x == 0 || grid_y != 1 || grid_z != 1 || block_x == 0 || block_x > 1024 || block_y != 1 || block_z != 1 ||
        shared != 0 || extra != NULL) {
        mistake("a launch of %u groups of %u items", grid_x, block_x);
        return end(INVALID_VALUE);
    }
    task *t = add(s);
    t->what = LAUNCH;
    t->function = f;
    t->groups = grid_x;
    t->items = block_x;
    size_t words = 0, at = 0;
    for (int i = 0; i < f->count; i++)
        words += (f->sizes[i] + 7) / 8;
    t->storage = calloc(words > 0 ? words : 1, sizeof *t->storage);
    for (int i = 0; i < f->count; i++) {
        t->parameters[i] = &t->storage[at];
        memcpy(t->parameters[i], parameters[i], f->sizes[i]);
        at += (f->sizes[i] + 7) / 8;
    }
    fake.launches++;
    return end(0);
}
