/* header.c - array headers: a slab per core with quarantine, scopes, keep and release, lanes, what an array tells of itself. */
#include <string.h>

#include "array/state.h"
#include "base/text.h"

/* ---- state of the core and of a lane ------------------------------------------------------------------------------------ */

static void queue_add(numc_header_queue *queue, numc_array *x)
{
    x->next = NULL;
    if (queue->last != NULL)
        queue->last->next = x;
    else
        queue->first = x;
    queue->last = x;
    queue->count++;
}

static numc_array *queue_take(numc_header_queue *queue)
{
    numc_array *x = queue->first;
    queue->first = x->next;
    if (queue->first == NULL)
        queue->last = NULL;
    queue->count--;
    return x;
}

static void shape_free(numc_core *core, numc_array *x)
{
    if (x->shape != x->inline_shape && x->shape != NULL)
        numc__core_free(core, x->shape, (size_t)x->rank * 2 * sizeof *x->shape);
    x->shape = NULL;
    x->strides = NULL;
}

/* Marks the header dead and drops what it holds; the caller puts it in quarantine. */
static void bury(numc_core *core, numc_array_lane *lane, numc_array *x, numc_death death)
{
    x->live = NUMC_ARRAY_DEAD;
    x->death = (uint8_t)death;
    numc_buffer *buffer = x->buffer;
    x->buffer = NULL;
    x->trace = NULL;
    x->concrete = NULL;
    x->frame = NULL;
    x->previous = NULL;
    shape_free(core, x);
    if (buffer != NULL) {
        if (lane != NULL)
            numc__buffer_release_lane(lane, buffer);
        else
            numc__buffer_release(buffer);
    }
    atomic_fetch_sub_explicit(&core->arrays_live, 1, memory_order_relaxed);
}

static void kept_add(numc_array_core *shared, numc_array *x)
{
    x->frame = NULL;
    x->previous = NULL;
    x->next = shared->kept;
    if (x->next != NULL)
        x->next->previous = x;
    shared->kept = x;
}

static void list_remove(numc_array **first, numc_array *x)
{
    if (x->previous != NULL)
        x->previous->next = x->next;
    else
        *first = x->next;
    if (x->next != NULL)
        x->next->previous = x->previous;
    x->previous = x->next = NULL;
}

static void scope_ended(numc_context *context, numc_scope_frame *frame)
{
    numc_array_lane *lane = context->slots[NUMC_SLOT_ARRAYS];
    numc_core *core = context->core;
    for (numc_array *x = frame->first, *next; x != NULL; x = next) {
        next = x->next;
        bool last = atomic_load_explicit(&x->references, memory_order_acquire) == 1;
        if (!last) {
            pthread_mutex_lock(&lane->shared->lock);
            last = atomic_fetch_sub_explicit(&x->references, 1, memory_order_acq_rel) == 1;
            if (!last)
                kept_add(lane->shared, x);
            pthread_mutex_unlock(&lane->shared->lock);
        }
        if (last) {
            bury(core, lane, x, NUMC_DEATH_SCOPE);
            queue_add(&lane->dead, x);
        }
    }
    frame->first = NULL;
}

/* The lane goes: its dead headers wait on with the core, its kept arrays belong to the lane it came from. */
static void lane_destroy(numc_context *context, void *slot)
{
    numc_array_lane *lane = slot;
    numc_array_core *shared = lane->shared;
    numc__buffer_lane_end(lane);
    numc_context *heir = context->parent != NULL ? context->parent : context;
    pthread_mutex_lock(&shared->lock);
    if (lane->dead.first != NULL) {
        if (shared->dead.last != NULL)
            shared->dead.last->next = lane->dead.first;
        else
            shared->dead.first = lane->dead.first;
        shared->dead.last = lane->dead.last;
        shared->dead.count += lane->dead.count;
    }
    for (numc_array *x = shared->dead.first; x != NULL; x = x->next) {
        if (x->context == context)
            x->context = heir;
    }
    for (numc_array *x = shared->kept; x != NULL; x = x->next) {
        if (x->context == context)
            x->context = heir;
    }
    pthread_mutex_unlock(&shared->lock);
    numc__core_free(context->core, lane, sizeof *lane);
}

/* Arrays and kernels end with the context; memory that is exported, and so the pool, may outlive it. */
static void core_close(numc_core *core, void *slot)
{
    numc_array_core *shared = slot;
    while (shared->kept != NULL) {
        numc_array *x = shared->kept;
        list_remove(&shared->kept, x);
        bury(core, NULL, x, NUMC_DEATH_RELEASE);
    }
    numc__kernel_core_end(shared);
    while (shared->blocks != NULL) {
        numc_header_block *block = shared->blocks;
        shared->blocks = block->next;
        numc__core_free(core, block, sizeof *block);
    }
}

static void core_destroy(numc_core *core, void *slot)
{
    numc_array_core *shared = slot;
    numc__buffer_core_end(shared);
    pthread_mutex_destroy(&shared->lock);
    numc__core_free(core, shared, sizeof *shared);
}

static numc_array_core *shared_of(numc_context *context)
{
    numc_core *core = context->core;
    pthread_mutex_lock(&core->lock);
    numc_array_core *shared = core->slots[NUMC_SLOT_ARRAYS];
    if (shared == NULL) {
        shared = numc__core_allocate(core, sizeof *shared);
        if (shared != NULL) {
            memset(shared, 0, sizeof *shared);
            shared->core = core;
            if (pthread_mutex_init(&shared->lock, NULL) != 0) {
                numc__core_free(core, shared, sizeof *shared);
                shared = NULL;
            }
        }
        if (shared != NULL) {
            core->slot_close[NUMC_SLOT_ARRAYS] = core_close;
            core->slot_destroy[NUMC_SLOT_ARRAYS] = core_destroy;
            core->slots[NUMC_SLOT_ARRAYS] = shared;
        }
    }
    pthread_mutex_unlock(&core->lock);
    if (shared == NULL)
        numc__fail(context, NUMC_MEMORY, "out of memory: the state of arrays");
    return shared;
}

/* Made at first use; NULL with MEMORY set. */
static numc_array_lane *lane_state(numc_context *context)
{
    numc_array_lane *lane = context->slots[NUMC_SLOT_ARRAYS];
    if (lane != NULL)
        return lane;
    numc_array_core *shared = shared_of(context);
    if (shared == NULL)
        return NULL;
    lane = numc__allocate_zero(context, 1, sizeof *lane);
    if (lane == NULL)
        return NULL;
    lane->shared = shared;
    context->slots[NUMC_SLOT_ARRAYS] = lane;
    context->slot_destroy[NUMC_SLOT_ARRAYS] = lane_destroy;
    numc__scope_end_register(context, scope_ended);
    return lane;
}

numc_backend_device *numc__array_device(numc_context *context)
{
    numc_array_lane *lane = lane_state(context);
    if (lane == NULL)
        return NULL;
    numc_backend_device *device = atomic_load_explicit(&lane->shared->device, memory_order_acquire);
    if (device == NULL) {
        device = numc__device(context);
        if (device != NULL)
            atomic_store_explicit(&lane->shared->device, device, memory_order_release);
    }
    return device;
}

/* ---- making headers ---------------------------------------------------------------------------------------------- */

static numc_array *header_take(numc_context *context, numc_array_lane *lane)
{
    if (lane->dead.count > NUMC_QUARANTINE)
        return queue_take(&lane->dead);
    if (lane->block != NULL && lane->block_used < NUMC_BLOCK_HEADERS)
        return &lane->block->headers[lane->block_used++];
    numc_array_core *shared = lane->shared;
    numc_array *x = NULL;
    pthread_mutex_lock(&shared->lock);
    if (shared->dead.count > NUMC_QUARANTINE)
        x = queue_take(&shared->dead);
    pthread_mutex_unlock(&shared->lock);
    if (x != NULL)
        return x;
    numc_header_block *block = numc__allocate_zero(context, 1, sizeof *block);
    if (block == NULL)
        return NULL;
    pthread_mutex_lock(&shared->lock);
    block->next = shared->blocks;
    shared->blocks = block;
    pthread_mutex_unlock(&shared->lock);
    lane->block = block;
    lane->block_used = 1;
    return &block->headers[0];
}

numc_array *numc__array_new(numc_context *context, numc_dtype dtype, int32_t rank, const int64_t *shape)
{
    numc_context *acting = numc__acting_lane(context);
    if (acting != context) {
        numc__fail(acting, NUMC_STATE, "an array is made with a context that other threads use: in a callback that runs again "
                   "and again (dynamic mode) give the run, or the context the callback got, where a context is wanted");
        return NULL;
    }
    if (context->status != NUMC_OK)
        return NULL;
    numc_array_lane *lane = lane_state(context);
    if (lane == NULL)
        return NULL;
    size_t item = numc_dtype_size(dtype);
    if (item == 0) {
        numc__fail(context, NUMC_DTYPE, "there are no arrays of dtype %s", numc_dtype_name(dtype));
        return NULL;
    }
    if (rank < 0 || rank > NUMC_RANK_LIMIT) {
        numc__fail(context, NUMC_SHAPE, "rank %d is not in 0..%d", (int)rank, NUMC_RANK_LIMIT);
        return NULL;
    }
    /* sizes beyond 2^46 bytes are refused before anything overflows; a zero extent makes the others harmless */
    int64_t size = 1;
    bool empty = false, huge = false;
    for (int32_t d = 0; d < rank; d++) {
        if (shape[d] < 0) {
            char text[256];
            numc__fail(context, NUMC_SHAPE, "shape %s has a negative size",
                       numc__shape_format(text, sizeof text, rank, shape));
            return NULL;
        }
        empty = empty || shape[d] == 0;
        if (shape[d] != 0 && size > ((int64_t)1 << 46) / shape[d])
            huge = true;
        else if (shape[d] != 0)
            size *= shape[d];
    }
    if (!empty && (huge || size > ((int64_t)1 << 46) / (int64_t)item)) {
        char text[256];
        numc__fail(context, NUMC_MEMORY, "an array %s[%s is too large", numc_dtype_name(dtype),
                   numc__shape_format(text, sizeof text, rank, shape) + 1);
        return NULL;
    }
    int64_t *wide = NULL;
    if (rank > NUMC_INLINE_RANK) {
        wide = numc__allocate(context, (size_t)rank * 2 * sizeof *wide);
        if (wide == NULL)
            return NULL;
    }
    numc_array *x = header_take(context, lane);
    if (x == NULL) {
        numc__free(context, wide, (size_t)rank * 2 * sizeof *wide);
        return NULL;
    }
    x->live = NUMC_ARRAY_LIVE;
    atomic_store_explicit(&x->references, 1, memory_order_relaxed);
    x->serial = atomic_fetch_add_explicit(&context->core->array_serial, 1, memory_order_relaxed) + 1;
    atomic_fetch_add_explicit(&context->core->arrays_live, 1, memory_order_relaxed);
    x->context = context;
    x->primitive = 0;
    x->content = NUMC_CONTENT_IMMEDIATE;
    x->dtype = dtype;
    x->rank = rank;
    x->weak = false;
    x->shape = wide != NULL ? wide : x->inline_shape;
    x->strides = wide != NULL ? wide + rank : x->inline_strides;
    for (int32_t d = 0; d < rank; d++) {
        x->shape[d] = shape[d];
        x->strides[d] = 0;
    }
    x->size = empty ? 0 : size;
    x->offset = 0;
    x->buffer = NULL;
    memset(x->immediate, 0, sizeof x->immediate);
    x->trace = NULL;
    x->concrete = NULL;
    x->value = -1;
    x->site[0] = '\0';
    for (size_t i = 0; context->site != NULL && i + 1 < sizeof x->site; i++) {
        x->site[i] = context->site[i];
        x->site[i + 1] = '\0';
        if (context->site[i] == '\0')
            break;
    }
    x->frame = context->scope;
    x->previous = NULL;
    x->next = context->scope->first;
    if (x->next != NULL)
        x->next->previous = x;
    context->scope->first = x;
    return x;
}

static void unmake(numc_context *context, numc_array *x)
{
    numc_array_lane *lane = context->slots[NUMC_SLOT_ARRAYS];
    list_remove(&context->scope->first, x);
    bury(context->core, lane, x, NUMC_DEATH_SCOPE);
    queue_add(&lane->dead, x);
}

/* The device, or NULL with the error set where it does not compute in this dtype. */
static const numc_backend_device *device_for(numc_context *context, numc_dtype dtype)
{
    const numc_backend_device *device = numc__array_device(context);
    if (device == NULL || numc__part_dtype(dtype) != NUMC_FLOAT64 || device->info.float64)
        return device;
    numc__fail(context, NUMC_UNSUPPORTED, "device %s has no float64; use float32 or complex64", device->name);
    return NULL;
}

numc_array *numc__array_new_buffer(numc_context *context, numc_dtype dtype, int32_t rank, const int64_t *shape)
{
    numc_array *x = numc__array_new(context, dtype, rank, shape);
    if (x == NULL)
        return NULL;
    numc_buffer *buffer =
        device_for(context, dtype) == NULL ? NULL : numc__buffer_new(context, (uint64_t)x->size * numc_dtype_size(dtype));
    if (buffer == NULL) {
        unmake(context, x);
        return NULL;
    }
    x->content = NUMC_CONTENT_BUFFER;
    x->buffer = buffer;
    int64_t stride = 1;
    for (int32_t d = rank - 1; d >= 0; d--) {
        x->strides[d] = stride;
        stride *= x->size == 0 ? 1 : shape[d]; /* beside a zero the others may be any size */
    }
    return x;
}

numc_array *numc__array_new_view(numc_context *context, const numc_array *base, int32_t rank, const int64_t *shape,
                                 const int64_t *strides, int64_t offset)
{
    numc_array *x = numc__array_new(context, base->dtype, rank, shape);
    if (x == NULL)
        return NULL;
    x->content = base->content;
    x->weak = base->weak;
    memcpy(x->immediate, base->immediate, sizeof x->immediate);
    if (base->content == NUMC_CONTENT_BUFFER) {
        atomic_fetch_add_explicit(&base->buffer->references, 1, memory_order_relaxed);
        x->buffer = base->buffer;
        x->offset = offset;
        for (int32_t d = 0; d < rank; d++)
            x->strides[d] = strides[d];
    }
    return x;
}

numc_array *numc__array_part(numc_context *context, const numc_array *x, int which)
{
    numc_dtype part = numc__part_dtype(x->dtype);
    numc_array *y = numc__array_new(context, part, x->rank, x->shape);
    if (y == NULL)
        return NULL;
    y->content = x->content;
    y->weak = x->weak;
    if (x->content == NUMC_CONTENT_IMMEDIATE) {
        size_t item = numc_dtype_size(part);
        memcpy(y->immediate, x->immediate + (which != 0 ? item : 0), item);
        return y;
    }
    atomic_fetch_add_explicit(&x->buffer->references, 1, memory_order_relaxed);
    y->buffer = x->buffer;
    y->offset = 2 * x->offset + which;
    for (int32_t d = 0; d < x->rank; d++)
        y->strides[d] = 2 * x->strides[d];
    return y;
}

numc_array *numc__array_parts(numc_context *context, const numc_array *x)
{
    if (x->content == NUMC_CONTENT_IMMEDIATE)
        x = numc__array_contiguous(context, x);
    int64_t shape[NUMC_RANK_LIMIT + 1];
    if (x == NULL)
        return NULL;
    for (int32_t d = 0; d < x->rank; d++)
        shape[d] = x->shape[d];
    shape[x->rank] = 2;
    numc_array *y = numc__array_new(context, numc__part_dtype(x->dtype), x->rank + 1, shape);
    if (y == NULL)
        return NULL;
    atomic_fetch_add_explicit(&x->buffer->references, 1, memory_order_relaxed);
    y->content = NUMC_CONTENT_BUFFER;
    y->buffer = x->buffer;
    y->offset = 2 * x->offset;
    for (int32_t d = 0; d < x->rank; d++)
        y->strides[d] = 2 * x->strides[d];
    y->strides[x->rank] = 1;
    return y;
}

numc_array *numc__array_joined(numc_context *context, const numc_array *x)
{
    bool fits = x->content == NUMC_CONTENT_BUFFER && x->strides[x->rank - 1] == 1 && x->offset % 2 == 0;
    for (int32_t d = 0; d < x->rank - 1 && fits; d++)
        fits = x->strides[d] % 2 == 0;
    if (!fits)
        x = numc__array_contiguous(context, x);
    numc_array *y = x == NULL ? NULL : numc__array_new(context, numc__complex_dtype(x->dtype), x->rank - 1, x->shape);
    if (y == NULL)
        return NULL;
    atomic_fetch_add_explicit(&x->buffer->references, 1, memory_order_relaxed);
    y->content = NUMC_CONTENT_BUFFER;
    y->buffer = x->buffer;
    y->offset = x->offset / 2;
    for (int32_t d = 0; d < y->rank; d++)
        y->strides[d] = x->strides[d] / 2;
    return y;
}

numc_array *numc__array_new_immediate(numc_context *context, numc_dtype dtype, int32_t rank, const int64_t *shape,
                                      const void *value)
{
    numc_array *x = numc__array_new(context, dtype, rank, shape);
    if (x == NULL)
        return NULL;
    if (numc__part_dtype(dtype) == NUMC_FLOAT64 && device_for(context, dtype) == NULL) {
        unmake(context, x);
        return NULL;
    }
    memcpy(x->immediate, value, numc_dtype_size(dtype));
    return x;
}

numc_array *numc__array_new_traced(numc_context *context, numc_trace *trace, int32_t value, const numc_type *type)
{
    numc_array *x = numc__array_new(context, type->dtype, type->rank, type->shape);
    if (x != NULL) {
        x->content = NUMC_CONTENT_TRACED;
        x->trace = trace;
        x->value = value;
    }
    return x;
}

numc_array *numc__array_alias(numc_context *context, const numc_array *x)
{
    numc_array *y = numc__array_new_view(context, x, x->rank, x->shape, x->strides, x->offset);
    if (y != NULL) {
        y->primitive = x->primitive;
        y->trace = x->trace;
        y->value = x->value;
        y->concrete = x->concrete;
    }
    return y;
}

void numc__array_move(numc_array *x, numc_scope_frame *frame)
{
    if (x == NULL || x->frame == NULL || x->frame == frame)
        return;
    list_remove(&x->frame->first, x);
    x->frame = frame;
    x->next = frame->first;
    if (x->next != NULL)
        x->next->previous = x;
    frame->first = x;
}

numc_array *numc__scope_leave(numc_context *context, numc_array *y)
{
    if (y != NULL && y->frame != context->scope)
        y = numc__array_alias(context, y);
    numc__array_move(y, context->scope->outer);
    numc_scope_end(context);
    return y;
}

void numc__array_retire(numc_array *x)
{
    numc_array_lane *lane = x->context->slots[NUMC_SLOT_ARRAYS];
    list_remove(&x->frame->first, x);
    bury(x->context->core, lane, x, NUMC_DEATH_ASSIGN);
    queue_add(&lane->dead, x);
}

void numc__array_trace_end(numc_context *context, const numc_trace *trace)
{
    numc_array_lane *lane = context->slots[NUMC_SLOT_ARRAYS];
    if (lane == NULL)
        return;
    pthread_mutex_lock(&lane->shared->lock);
    for (numc_array *x = lane->shared->kept; x != NULL; x = x->next) {
        if (x->trace == trace) {
            x->live = NUMC_ARRAY_DEAD;
            x->death = NUMC_DEATH_TRACE;
            x->trace = NULL;
        }
    }
    pthread_mutex_unlock(&lane->shared->lock);
}

/* ---- keep and release -------------------------------------------------------------------------------------------- */

numc_array *numc_keep(numc_array *x)
{
    if (x == NULL || numc__array_check(x, x->context, "numc_keep") != NUMC_OK)
        return NULL;
    atomic_fetch_add_explicit(&x->references, 1, memory_order_relaxed);
    return x;
}

numc_array *numc_detach(numc_array *x)
{
    if (x == NULL || numc__array_check(x, x->context, "numc_detach") != NUMC_OK)
        return NULL;
    if (x->frame == NULL) { /* only kept already */
        atomic_fetch_add_explicit(&x->references, 1, memory_order_relaxed);
        return x;
    }
    numc_array_core *shared = x->context->core->slots[NUMC_SLOT_ARRAYS];
    pthread_mutex_lock(&shared->lock);
    list_remove(&x->frame->first, x);
    kept_add(shared, x);
    pthread_mutex_unlock(&shared->lock);
    return x;
}

void numc_release(numc_array *x)
{
    if (x == NULL)
        return;
    /* a kept array of a trace that ended is dead already but still listed */
    bool ended = x->live == NUMC_ARRAY_DEAD && x->death == NUMC_DEATH_TRACE;
    if (!ended && numc__array_check(x, x->context, "numc_release") != NUMC_OK)
        return;
    numc_core *core = x->context->core;
    numc_array_core *shared = core->slots[NUMC_SLOT_ARRAYS];
    pthread_mutex_lock(&shared->lock);
    uint32_t references = atomic_load_explicit(&x->references, memory_order_acquire);
    bool last = references == 1 && x->frame == NULL, missing = references == 1 && x->frame != NULL;
    if (!missing)
        atomic_fetch_sub_explicit(&x->references, 1, memory_order_acq_rel);
    if (last)
        list_remove(&shared->kept, x);
    pthread_mutex_unlock(&shared->lock);
    if (missing) {
        char text[96];
        numc__array_describe(text, sizeof text, x);
        numc__fail(x->context, NUMC_STATE, "numc_release: %s was not kept", text);
    }
    if (last) {
        bury(core, NULL, x, ended ? NUMC_DEATH_TRACE : NUMC_DEATH_RELEASE);
        pthread_mutex_lock(&shared->lock);
        queue_add(&shared->dead, x);
        pthread_mutex_unlock(&shared->lock);
    }
}

/* ---- lanes and dead arrays --------------------------------------------------------------------------------------- */

void numc__array_describe(char *text, size_t size, const numc_array *x)
{
    const char *name = x->primitive != 0 ? numc__primitive_name(x->primitive) : NULL;
    if (name != NULL && x->site[0] != '\0')
        numc__format(text, size, "array #%llu (%s, site %s)", (unsigned long long)x->serial, name, x->site);
    else if (name != NULL)
        numc__format(text, size, "array #%llu (%s)", (unsigned long long)x->serial, name);
    else if (x->site[0] != '\0')
        numc__format(text, size, "array #%llu (site %s)", (unsigned long long)x->serial, x->site);
    else
        numc__format(text, size, "array #%llu", (unsigned long long)x->serial);
}

numc_status numc__array_check(const numc_array *x, numc_context *context, const char *operation)
{
    static const char *const deaths[] = {
        [NUMC_DEATH_SCOPE] = "died with its scope",
        [NUMC_DEATH_RELEASE] = "was released",
        [NUMC_DEATH_ASSIGN] = "was replaced by numc_index_assign",
        [NUMC_DEATH_TRACE] = "died with its trace",
    };
    if (x->live == NUMC_ARRAY_LIVE)
        return NUMC_OK;
    if (x->live != NUMC_ARRAY_DEAD)
        return numc__fail(context, NUMC_DEAD_ARRAY, "%s: an operand is not an array", operation);
    char text[96];
    numc__array_describe(text, sizeof text, x);
    return numc__fail(context, NUMC_DEAD_ARRAY, "%s: %s %s", operation, text, deaths[x->death]);
}

numc_status numc__array_own(numc_context *context, const numc_array *x, const char *operation)
{
    NUMC_TRY(numc__array_check(x, context, operation));
    return x->context->core == context->core
               ? NUMC_OK
               : numc__fail(context, NUMC_STATE, "%s: an array belongs to another context", operation);
}

static bool is_above(const numc_context *upper, const numc_context *lower)
{
    while (lower != NULL && lower->depth > upper->depth)
        lower = lower->parent;
    return lower == upper;
}

numc_context *numc__lane_of(const numc_array *const *operands, int32_t count, const char *operation)
{
    numc_context *lane = NULL;
    bool missing = false, dead = false, unrelated = false;
    for (int32_t i = 0; i < count; i++) {
        const numc_array *x = operands[i];
        if (x == NULL) {
            missing = true;
            continue;
        }
        dead = dead || x->live != NUMC_ARRAY_LIVE;
        if (lane == NULL || x->context == lane) {
            lane = x->context;
        } else if (x->context->core != lane->core) {
            unrelated = true;
        } else if (is_above(lane, x->context)) {
            lane = x->context;
        } else if (!is_above(x->context, lane)) {
            unrelated = true;
        }
    }
    lane = lane == NULL ? NULL : numc__acting_lane(lane);
    if (lane == NULL || lane->status != NUMC_OK)
        return NULL;
    if (!missing && !dead && !unrelated)
        return lane;
    if (missing) {
        for (int32_t i = 0; i < count; i++) {
            /* a NULL made by a failure on another lane of the operands says nothing new */
            if (operands[i] != NULL && operands[i]->context->status != NUMC_OK) {
                numc__error_join(lane, operands[i]->context);
                return NULL;
            }
        }
        for (int32_t i = 0; i < count; i++) {
            if (operands[i] == NULL)
                numc__fail(lane, NUMC_INVALID_ARGUMENT, "%s: operand %d is NULL", operation, (int)i + 1);
        }
        return NULL;
    }
    for (int32_t i = 0; dead && i < count; i++)
        (void)numc__array_check(operands[i], lane, operation);
    if (unrelated)
        numc__fail(lane, NUMC_STATE, "%s: the operands belong to different contexts or to lanes of which neither "
                   "comes from the other", operation);
    return NULL;
}

/* ---- what an array tells ----------------------------------------------------------------------------------------- */

static bool alive(const numc_array *x)
{
    return x != NULL && x->live == NUMC_ARRAY_LIVE;
}

numc_dtype numc_array_dtype(const numc_array *x)
{
    return alive(x) ? x->dtype : NUMC_DTYPE_DEFAULT;
}

int32_t numc_array_rank(const numc_array *x)
{
    return alive(x) ? x->rank : -1;
}

const int64_t *numc_array_shape(const numc_array *x)
{
    return alive(x) && x->rank > 0 ? x->shape : NULL;
}

int64_t numc_array_size(const numc_array *x)
{
    return alive(x) ? x->size : -1;
}

bool numc_array_is_traced(const numc_array *x)
{
    return alive(x) && x->content == NUMC_CONTENT_TRACED;
}

numc_context *numc_array_context(const numc_array *x)
{
    return alive(x) ? x->context : NULL;
}

bool numc__array_is_contiguous(const numc_array *x)
{
    if (x->content != NUMC_CONTENT_BUFFER || x->size == 0)
        return x->content == NUMC_CONTENT_BUFFER;
    int64_t stride = 1;
    for (int32_t d = x->rank - 1; d >= 0; d--) {
        if (x->shape[d] != 1 && x->strides[d] != stride)
            return false;
        stride *= x->shape[d];
    }
    return true;
}

const char *numc__shape_format(char *text, size_t size, int32_t rank, const int64_t *shape)
{
    size_t used = numc__format(text, size, "[");
    for (int32_t d = 0; d < rank && used < size; d++)
        used += numc__format(text + used, size - used, d == 0 ? "%lld" : ", %lld", (long long)shape[d]);
    if (used < size)
        numc__format(text + used, size - used, "]");
    return text;
}

void numc__type_format(char *text, size_t size, numc_dtype dtype, int32_t rank, const int64_t *shape)
{
    size_t used = numc__format(text, size, "%s", numc_dtype_name(dtype));
    if (used < size)
        numc__shape_format(text + used, size - used, rank, shape);
}

numc_status numc__list_check(numc_context *context, const char *name, numc_shape list)
{
    NUMC_REQUIRE(context, list.count >= 0 && (list.values != NULL || list.count == 0), NUMC_INVALID_ARGUMENT,
                 list.count < 0 ? "%s: a list of %d numbers" : "%s: the values of a list of %d numbers are NULL", name,
                 (int)list.count);
    return NUMC_OK;
}

numc_status numc__shape_check(numc_context *context, const char *name, numc_shape shape)
{
    NUMC_REQUIRE(context, shape.count >= 0 && shape.count <= NUMC_RANK_MAXIMUM, NUMC_SHAPE, "%s: rank %d is not in 0..%d",
                 name, (int)shape.count, NUMC_RANK_MAXIMUM);
    return numc__list_check(context, name, shape);
}

int32_t numc__axis_normalize(numc_context *context, const char *name, int64_t axis, int32_t rank)
{
    if (axis >= -(int64_t)rank && axis < rank)
        return (int32_t)(axis < 0 ? axis + rank : axis);
    numc__fail(context, NUMC_INDEX, "%s: axis %lld is out of bounds for an array of rank %d", name, (long long)axis,
               (int)rank);
    return -1;
}
