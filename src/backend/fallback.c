/* fallback.c - what the host does where a plugin's slot is empty or answers UNSUPPORTED: download, ref, upload; on devices whose
 * memory is the host's, ref on that memory. Counted, logged once per operation, refused when the user forbids it.
 *
 * The device's table then has no holes. Kernels and launches are wrapped, because only here is known what a plugin that
 * refuses a kernel, or has no launches, needs kept: the source's counts and a decoded kernel of ref. */
#include <string.h>

#include "backend/internal.h"
#include "base/text.h"

#define OPERATIONS(X)                                                                              \
    X(kernel) X(matmul) X(cholesky) X(triangular_solve) X(lu) X(qr) X(eigh) X(eig) X(svd) X(gather) X(scatter)     \
    X(cumulative) X(sort) X(search) X(fft) X(cholesky_inverse)
typedef enum operation {
#define X(name) OPERATION_##name,
    OPERATIONS(X)
#undef X
} operation;
static const char *const operation_names[] = {
#define X(name) #name,
    OPERATIONS(X)
#undef X
};

/* A device begins with the host's table, whose user is the state. */
static numc_backend_state *state_of(const numc_device *device)
{
    const numc_host *host;
    memcpy(&host, device, sizeof host);
    return host->user;
}

static int32_t fail(numc_backend_state *state, numc_status status, const char *format, const char *what)
{
    char message[NUMC_PLUGIN_MESSAGE_SIZE];
    (void)numc__format(message, sizeof message, format, what, state->plugin.name);
    return state->open.host.error(state, (int32_t)status, message);
}

/* ---- sizes of allocations, for devices with memory of their own -------------------------------------------------- */

static int32_t allocate_and_note(numc_device *device, uint64_t bytes, void **memory)
{
    numc_backend_state *state = state_of(device);
    int32_t status = state->plugin.memory_allocate(device, bytes, memory);
    if (status != NUMC_OK)
        return status;
    pthread_mutex_lock(&state->lock);
    if (state->allocation_count == state->allocation_capacity) {
        size_t capacity = state->allocation_capacity == 0 ? 64 : 2 * state->allocation_capacity;
        size_t size = sizeof *state->allocations;
        numc_allocation *grown = numc__core_reallocate(state->open.core, state->allocations,
                                                       state->allocation_capacity * size, capacity * size);
        if (grown != NULL) {
            state->allocations = grown;
            state->allocation_capacity = capacity;
        }
    }
    bool noted = state->allocation_count < state->allocation_capacity;
    if (noted)
        state->allocations[state->allocation_count++] = (numc_allocation){*memory, bytes};
    pthread_mutex_unlock(&state->lock);
    if (noted)
        return NUMC_OK;
    state->plugin.memory_release(device, *memory, bytes);
    *memory = NULL;
    return fail(state, NUMC_MEMORY, "%s: out of memory on the host of %s", "allocation");
}

static void release_and_forget(numc_device *device, void *memory, uint64_t bytes)
{
    numc_backend_state *state = state_of(device);
    pthread_mutex_lock(&state->lock);
    for (size_t i = state->allocation_count; i-- > 0;)
        if (state->allocations[i].memory == memory) {
            state->allocations[i] = state->allocations[--state->allocation_count];
            break;
        }
    pthread_mutex_unlock(&state->lock);
    state->plugin.memory_release(device, memory, bytes);
}

static uint64_t allocation_bytes(numc_backend_state *state, const void *memory)
{
    uint64_t bytes = 0;
    pthread_mutex_lock(&state->lock);
    for (size_t i = state->allocation_count; i-- > 0;)
        if (state->allocations[i].memory == memory) {
            bytes = state->allocations[i].bytes;
            break;
        }
    pthread_mutex_unlock(&state->lock);
    return bytes;
}

/* ---- one operation on the host ----------------------------------------------------------------------------------- */

/* A whole allocation, copied to the host once however many operands lie in it. */
typedef struct mirror {
    void *memory, *host;
    uint64_t bytes;
    bool written;
} mirror;

static int32_t permitted(numc_backend_state *state, operation op, bool reference_has_it)
{
    if (!reference_has_it)
        return fail(state, NUMC_UNSUPPORTED, "%s: neither the backend '%s' nor the reference has it", operation_names[op]);
    if (state->forbid_fallback)
        return fail(state, NUMC_UNSUPPORTED,
                    "%s: the backend '%s' lacks it and running it on the host is forbidden (NUMC_FALLBACK=error)",
                    operation_names[op]);
    return NUMC_OK;
}

static void note(numc_backend_state *state, operation op)
{
    atomic_fetch_add_explicit(&state->open.core->fallbacks, 1, memory_order_relaxed);
    uint64_t bit = UINT64_C(1) << op;
    if ((atomic_fetch_or_explicit(&state->logged, bit, memory_order_relaxed) & bit) == 0)
        numc__log(state->open.core, NUMC_LOG_WARNING, "%s runs on the host: the backend '%s' lacks it (said once)",
                  operation_names[op], state->plugin.name);
}

/* The host's copy of an allocation: an earlier mirror of it, or a new one, downloaded. On unified devices the memory itself. */
static int32_t mirror_of(numc_backend_state *state, mirror *mirrors, size_t *count, void *memory, bool written, void **host)
{
    *host = memory;
    if (state->open.info.unified || memory == NULL)
        return NUMC_OK;
    for (size_t i = 0; i < *count; i++)
        if (mirrors[i].memory == memory) {
            mirrors[i].written |= written;
            *host = mirrors[i].host;
            return NUMC_OK;
        }
    uint64_t bytes = allocation_bytes(state, memory);
    void *copy = numc__core_allocate(state->open.core, (size_t)bytes);
    if (copy == NULL)
        return fail(state, NUMC_MEMORY, "%s: out of memory for a copy of an operand of '%s'", "host fallback");
    mirrors[(*count)++] = (mirror){memory, copy, bytes, written};
    *host = copy;
    atomic_fetch_add_explicit(&state->open.core->bytes_downloaded, bytes, memory_order_relaxed);
    return state->plugin.memory_download(state->open.device, memory, 0, copy, bytes);
}

/* Uploads what was written and frees the copies. */
static int32_t mirrors_end(numc_backend_state *state, mirror *mirrors, size_t count, int32_t status)
{
    for (size_t i = 0; i < count; i++) {
        if (mirrors[i].written && status == NUMC_OK) {
            status = state->plugin.memory_upload(state->open.device, mirrors[i].memory, 0, mirrors[i].host,
                                                 mirrors[i].bytes);
            atomic_fetch_add_explicit(&state->open.core->bytes_uploaded, mirrors[i].bytes, memory_order_relaxed);
        }
        numc__core_free(state->open.core, mirrors[i].host, (size_t)mirrors[i].bytes);
    }
    return status;
}

enum { VIEWS = 5 };
typedef struct call {
    mirror mirrors[VIEWS];
    size_t mirror_count;
    numc_view views[VIEWS]; /* the operands in host memory */
    const numc_view *view[VIEWS];
} call;

static int32_t enter(call *c, numc_backend_state *state, operation op, bool reference_has_it,
                     const numc_view *const *given, size_t count, unsigned written)
{
    memset(c, 0, sizeof *c);
    int32_t status = permitted(state, op, reference_has_it);
    if (status != NUMC_OK)
        return status;
    note(state, op);
    if (state->open.info.unified)
        status = state->plugin.synchronize(state->open.device);
    for (size_t i = 0; i < count && status == NUMC_OK; i++) {
        if (given[i] == NULL)
            continue;
        c->views[i] = *given[i];
        c->view[i] = &c->views[i];
        status = mirror_of(state, c->mirrors, &c->mirror_count, given[i]->memory, (written >> i & 1u) != 0,
                           &c->views[i].memory);
    }
    return status == NUMC_OK ? NUMC_OK : mirrors_end(state, c->mirrors, c->mirror_count, status);
}

/* slot: the plugin's, and when it is empty or answers UNSUPPORTED, ref's on the host. `written`: bit i for operand i of the
 * list of views. V(i): that operand in host memory. */
#define FALLBACK(slot, parameters, arguments, host_arguments, written, ...)                        \
    static int32_t slot##_or_host parameters                                                       \
    {                                                                                              \
        numc_backend_state *state = state_of(device);                                              \
        if (state->plugin.slot != NULL) {                                                          \
            int32_t direct = state->plugin.slot arguments;                                         \
            if (direct != NUMC_UNSUPPORTED || state->plugin.slot == state->reference->slot)        \
                return direct;                                                                     \
        }                                                                                          \
        const numc_view *const given[] = {__VA_ARGS__};                                            \
        call c;                                                                                    \
        int32_t status = enter(&c, state, OPERATION_##slot, state->reference->slot != NULL, given, \
                               sizeof given / sizeof *given, written);                             \
        if (status != NUMC_OK)                                                                     \
            return status;                                                                         \
        status = state->reference->slot host_arguments;                                            \
        return mirrors_end(state, c.mirrors, c.mirror_count, status);                              \
    }
#define V(i) c.view[i]
#define R state->reference_device

FALLBACK(matmul, (numc_device *device, const numc_view *a, const numc_view *b, const numc_view *y, const numc_matmul_options *options),
         (device, a, b, y, options), (R, V(0), V(1), V(2), options), 1u << 2, a, b, y)
FALLBACK(cholesky, (numc_device *device, const numc_view *a, const numc_view *l), (device, a, l), (R, V(0), V(1)), 1u << 1, a, l)
FALLBACK(cholesky_inverse, (numc_device *device, const numc_view *l, const numc_view *w), (device, l, w), (R, V(0), V(1)), 1u << 1, l, w)
FALLBACK(triangular_solve, (numc_device *device, const numc_view *t, const numc_view *b, const numc_view *x, uint32_t upper,
                            uint32_t transpose, uint32_t unit),
         (device, t, b, x, upper, transpose, unit), (R, V(0), V(1), V(2), upper, transpose, unit), 1u << 2, t, b, x)
FALLBACK(lu, (numc_device *device, const numc_view *a, const numc_view *packed, const numc_view *permutation, const numc_view *sign),
         (device, a, packed, permutation, sign), (R, V(0), V(1), V(2), V(3)), 7u << 1, a, packed, permutation, sign)
FALLBACK(qr, (numc_device *device, const numc_view *a, const numc_view *q, const numc_view *r), (device, a, q, r),
         (R, V(0), V(1), V(2)), 3u << 1, a, q, r)
FALLBACK(eigh, (numc_device *device, const numc_view *a, const numc_view *values, const numc_view *vectors),
         (device, a, values, vectors), (R, V(0), V(1), V(2)), 3u << 1, a, values, vectors)
FALLBACK(eig, (numc_device *device, const numc_view *a, const numc_view *values, const numc_view *vectors),
         (device, a, values, vectors), (R, V(0), V(1), V(2)), 3u << 1, a, values, vectors)
FALLBACK(svd, (numc_device *device, const numc_view *a, const numc_view *u, const numc_view *s, const numc_view *vh),
         (device, a, u, s, vh), (R, V(0), V(1), V(2), V(3)), 7u << 1, a, u, s, vh)
FALLBACK(gather, (numc_device *device, const numc_view *x, const numc_view *indices, int32_t axis, const numc_view *y),
         (device, x, indices, axis, y), (R, V(0), V(1), axis, V(2)), 1u << 2, x, indices, y)
FALLBACK(scatter, (numc_device *device, const numc_view *y, const numc_view *indices, int32_t axis, const numc_view *values,
                   uint32_t mode),
         (device, y, indices, axis, values, mode), (R, V(0), V(1), axis, V(2), mode), 1u, y, indices, values)
FALLBACK(cumulative, (numc_device *device, const numc_view *x, int32_t axis, uint32_t reduction, uint32_t reverse,
                      const numc_view *y),
         (device, x, axis, reduction, reverse, y), (R, V(0), axis, reduction, reverse, V(1)), 1u << 1, x, y)
FALLBACK(sort, (numc_device *device, const numc_view *x, int32_t axis, uint32_t descending, const numc_view *values,
                const numc_view *indices),
         (device, x, axis, descending, values, indices), (R, V(0), axis, descending, V(1), V(2)), 3u << 1, x, values, indices)
FALLBACK(search, (numc_device *device, const numc_view *sorted, const numc_view *values, uint32_t right, const numc_view *indices),
         (device, sorted, values, right, indices), (R, V(0), V(1), right, V(2)), 1u << 2, sorted, values, indices)
FALLBACK(fft, (numc_device *device, const numc_view *x, int32_t axis, int32_t direction, const numc_view *y),
         (device, x, axis, direction, y), (R, V(0), axis, direction, V(1)), 1u << 1, x, y)

/* ---- kernels ----------------------------------------------------------------------------------------------------- */

struct numc_kernel {
    numc_kernel *inner;     /* the plugin's; NULL when it refused */
    numc_kernel *reference; /* ref's, then */
    uint32_t buffer_count, extent_count, access_count, constant_count, depth;
    unsigned char written[]; /* by buffer */
};

static size_t kernel_size(uint32_t buffers)
{
    return sizeof(numc_kernel) + buffers;
}

static int32_t kernel_build(numc_device *device, const numc_kernel_source *source, numc_kernel **kernel)
{
    numc_backend_state *state = state_of(device);
    *kernel = NULL;
    numc_kernel *made = numc__core_allocate(state->open.core, kernel_size(source->buffer_count));
    if (made == NULL)
        return fail(state, NUMC_MEMORY, "%s: out of memory on the host of '%s'", "kernel");
    memset(made, 0, kernel_size(source->buffer_count));
    made->buffer_count = source->buffer_count;
    made->extent_count = source->extent_count;
    made->access_count = source->access_count;
    made->constant_count = source->constant_count;
    made->depth = source->depth;
    for (uint32_t i = 0; i < source->access_count; i++)
        if (source->accesses[i].writes && source->accesses[i].buffer < source->buffer_count)
            made->written[source->accesses[i].buffer] = 1;
    int32_t status = state->plugin.kernel_build(device, source, &made->inner);
    if (status == NUMC_UNSUPPORTED) {
        made->inner = NULL;
        status = permitted(state, OPERATION_kernel, true);
        if (status == NUMC_OK)
            status = state->reference->kernel_build(state->reference_device, source, &made->reference);
    }
    if (status == NUMC_OK)
        *kernel = made;
    else
        numc__core_free(state->open.core, made, kernel_size(made->buffer_count));
    return status;
}

static int32_t kernel_run_on_host(numc_backend_state *state, const numc_kernel *kernel, const numc_kernel_arguments *arguments)
{
    note(state, OPERATION_kernel);
    numc_core *core = state->open.core;
    size_t count = kernel->buffer_count, size = count * (sizeof(void *) + sizeof(mirror));
    void **buffers = numc__core_allocate(core, size);
    if (buffers == NULL)
        return fail(state, NUMC_MEMORY, "%s: out of memory on the host of '%s'", "kernel");
    mirror *mirrors = (mirror *)(void *)(buffers + count);
    size_t mirror_count = 0;
    int32_t status = state->open.info.unified ? state->plugin.synchronize(state->open.device) : NUMC_OK;
    for (size_t i = 0; i < count && status == NUMC_OK; i++)
        status = mirror_of(state, mirrors, &mirror_count, arguments->buffers[i], kernel->written[i] != 0, &buffers[i]);
    if (status == NUMC_OK) {
        numc_kernel_arguments on_host = *arguments;
        on_host.buffers = buffers;
        status = state->reference->kernel_run(state->reference_device, kernel->reference, &on_host);
    }
    status = mirrors_end(state, mirrors, mirror_count, status);
    numc__core_free(core, buffers, size);
    return status;
}

static int32_t kernel_run(numc_device *device, numc_kernel *kernel, const numc_kernel_arguments *arguments)
{
    numc_backend_state *state = state_of(device);
    return kernel->inner != NULL ? state->plugin.kernel_run(device, kernel->inner, arguments)
                                 : kernel_run_on_host(state, kernel, arguments);
}

static void kernel_release(numc_device *device, numc_kernel *kernel)
{
    if (kernel == NULL)
        return;
    numc_backend_state *state = state_of(device);
    if (kernel->inner != NULL)
        state->plugin.kernel_release(device, kernel->inner);
    else
        state->reference->kernel_release(state->reference_device, kernel->reference);
    numc__core_free(state->open.core, kernel, kernel_size(kernel->buffer_count));
}

/* ---- launches ---------------------------------------------------------------------------------------------------- */

struct numc_launch {
    int32_t (*run)(numc_device *device, numc_launch *inner); /* the plugin's; NULL: the arguments kept below */
    numc_launch *inner;
    numc_kernel *kernel;
    size_t size;
    numc_kernel_arguments arguments;
    int64_t words[];
};

/* Copies `count` words, or none when there are none (the pointer may then be NULL). */
static void *copy_words(int64_t **next, const void *from, size_t count)
{
    void *to = *next;
    if (count > 0)
        memcpy(to, from, count * sizeof **next);
    *next += count;
    return to;
}

static int32_t launch_prepare(numc_device *device, numc_kernel *kernel, const numc_kernel_arguments *arguments,
                              numc_launch **launch)
{
    _Static_assert(sizeof(void *) <= sizeof(int64_t), "a pointer fits a word");
    numc_backend_state *state = state_of(device);
    bool native = kernel->inner != NULL && state->plugin.launch_prepare != NULL;
    size_t strides = (size_t)kernel->access_count * (kernel->depth + (size_t)1);
    size_t words = native ? 0
                          : kernel->buffer_count + (size_t)kernel->extent_count + kernel->access_count + strides +
                                kernel->constant_count;
    size_t size = sizeof(numc_launch) + words * sizeof(int64_t);
    *launch = NULL;
    numc_launch *made = numc__core_allocate(state->open.core, size);
    if (made == NULL)
        return fail(state, NUMC_MEMORY, "%s: out of memory on the host of '%s'", "launch");
    *made = (numc_launch){.kernel = kernel, .size = size};
    int32_t status = NUMC_OK;
    if (native) {
        made->run = state->plugin.launch_run;
        status = state->plugin.launch_prepare(device, kernel->inner, arguments, &made->inner);
    } else {
        int64_t *next = made->words;
        void **buffers = (void **)next;
        for (uint32_t i = 0; i < kernel->buffer_count; i++)
            buffers[i] = arguments->buffers[i];
        next += kernel->buffer_count;
        made->arguments.buffers = buffers;
        made->arguments.extents = copy_words(&next, arguments->extents, kernel->extent_count);
        made->arguments.offsets = copy_words(&next, arguments->offsets, kernel->access_count);
        made->arguments.strides = copy_words(&next, arguments->strides, strides);
        made->arguments.constants = copy_words(&next, arguments->constants, kernel->constant_count);
    }
    if (status == NUMC_OK)
        *launch = made;
    else
        numc__core_free(state->open.core, made, size);
    return status;
}

static int32_t launch_run(numc_device *device, numc_launch *launch)
{
    return launch->run != NULL ? launch->run(device, launch->inner)
                               : kernel_run(device, launch->kernel, &launch->arguments);
}

static void launch_release(numc_device *device, numc_launch *launch)
{
    if (launch == NULL)
        return;
    numc_backend_state *state = state_of(device);
    if (launch->run != NULL)
        state->plugin.launch_release(device, launch->inner);
    numc__core_free(state->open.core, launch, launch->size);
}

/* ---- whole programs: nothing to fall back to --------------------------------------------------------------------- */

static int32_t program_build(numc_device *device, const void *graph, void **program)
{
    (void)graph;
    *program = NULL;
    return fail(state_of(device), NUMC_UNSUPPORTED, "%s: the backend '%s' has none", "program");
}

static int32_t program_run(numc_device *device, void *program, void *const *inputs, void *const *outputs)
{
    (void)program;
    (void)inputs;
    (void)outputs;
    return fail(state_of(device), NUMC_UNSUPPORTED, "%s: the backend '%s' has none", "program");
}

static void program_release(numc_device *device, void *program)
{
    (void)device;
    (void)program;
}

/* ---- the table --------------------------------------------------------------------------------------------------- */

numc_status numc__fallback_fill(numc_context *context, numc_backend_state *state)
{
    numc_backend *table = &state->open.table;
    *table = state->plugin;
    state->open.native_launch = table->launch_prepare != NULL;
    state->reference = numc__ref_query(NUMC_BACKEND_ABI);
    bool is_reference = table->kernel_build == state->reference->kernel_build;
    if (is_reference)
        state->reference_device = state->open.device;
    else {
        int32_t status = state->reference->device_open(&state->open.host, 0, &state->reference_device);
        if (status != NUMC_OK)
            return numc__fail(context, NUMC_MEMORY, "out of memory for the reference device");
        table->kernel_build = kernel_build;
        table->kernel_run = kernel_run;
        table->kernel_release = kernel_release;
        table->launch_prepare = launch_prepare;
        table->launch_run = launch_run;
        table->launch_release = launch_release;
        if (!state->open.info.unified) {
            table->memory_allocate = allocate_and_note;
            table->memory_release = release_and_forget;
        }
    }
    table->matmul = matmul_or_host;
    table->cholesky = cholesky_or_host;
    table->triangular_solve = triangular_solve_or_host;
    table->lu = lu_or_host;
    table->qr = qr_or_host;
    table->eigh = eigh_or_host;
    table->eig = eig_or_host;
    table->svd = svd_or_host;
    table->gather = gather_or_host;
    table->scatter = scatter_or_host;
    table->cumulative = cumulative_or_host;
    table->sort = sort_or_host;
    table->search = search_or_host;
    table->fft = fft_or_host;
    table->cholesky_inverse = cholesky_inverse_or_host;
    if (table->program_build == NULL) {
        table->program_build = program_build;
        table->program_run = program_run;
        table->program_release = program_release;
    }
    return NUMC_OK;
}

void numc__fallback_end(numc_backend_state *state)
{
    if (state->reference_device != NULL && state->reference_device != state->open.device)
        state->reference->device_close(state->reference_device);
    state->reference_device = NULL;
    numc__core_free(state->open.core, state->allocations, state->allocation_capacity * sizeof *state->allocations);
    state->allocations = NULL;
    state->allocation_count = state->allocation_capacity = 0;
}
