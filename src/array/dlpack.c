/* dlpack.c - arrays as DLPack tensors and back: who owns the memory, when it is shared and when it is copied. */
#include <string.h>

#include "array/state.h"
#include "numc/dlpack.h"

#define DATA_ALIGNMENT 64 /* of copies made for a consumer, bytes */

/* ---- dtypes ------------------------------------------------------------------------------------------------------ */

static const struct {
    numc_kind kind;
    uint8_t code;
} codes[] = {
    {NUMC_KIND_SIGNED, kDLInt}, {NUMC_KIND_UNSIGNED, kDLUInt}, {NUMC_KIND_REAL, kDLFloat}, {NUMC_KIND_BOOL, kDLBool},
    {NUMC_KIND_COMPLEX, kDLComplex},
};

static DLDataType tensor_dtype(numc_dtype dtype)
{
    DLDataType type = {.bits = (uint8_t)(8 * numc_dtype_size(dtype)), .lanes = 1};
    for (size_t i = 0; i < sizeof codes / sizeof *codes; i++) {
        if (codes[i].kind == numc_dtype_kind(dtype))
            type.code = codes[i].code;
    }
    return type;
}

/* NUMC_DTYPE_DEFAULT where there is none. */
static numc_dtype array_dtype(DLDataType type)
{
    for (size_t i = 0; i < sizeof codes / sizeof *codes; i++) {
        for (int d = 1; d < NUMC_DTYPE_COUNT && codes[i].code == type.code; d++) {
            if (numc_dtype_kind((numc_dtype)d) == codes[i].kind && 8 * numc_dtype_size((numc_dtype)d) == type.bits)
                return (numc_dtype)d;
        }
    }
    return NUMC_DTYPE_DEFAULT;
}

static numc_status options_read(numc_context *context, const char *name, const numc_dlpack_options *options,
                                numc_dlpack_options *read)
{
    NUMC_TRY(numc__options_copy(context, read, sizeof *read, options, options == NULL ? 0 : options->size, name));
    NUMC_REQUIRE(context, (unsigned)read->copy <= NUMC_DLPACK_COPY_NEVER, NUMC_INVALID_ARGUMENT,
                 "%s: %d is not a way to copy", name, (int)read->copy);
    return NUMC_OK;
}

/* ---- export ------------------------------------------------------------------------------------------------------ */

/* One block: this, shape and strides, then the data when they are a copy. */
typedef struct exported {
    union {
        DLManagedTensorVersioned versioned;
        DLManagedTensor legacy;
    } tensor;
    numc_core *core;
    numc_buffer *buffer; /* NULL: a copy */
    size_t bytes;        /* of the block */
    int64_t dimensions[];
} exported;

static void exported_end(exported *e)
{
    numc_core *core = e->core;
    numc__buffer_release(e->buffer);
    numc__core_free(core, e, e->bytes);
    numc__core_let_go(core);
}

static void versioned_delete(DLManagedTensorVersioned *self)
{
    if (self != NULL)
        exported_end(self->manager_ctx);
}

static void legacy_delete(DLManagedTensor *self)
{
    if (self != NULL)
        exported_end(self->manager_ctx);
}

/* The block with its tensor filled in, and the flags of the versioned form. */
static numc_status export(const numc_array *x, const char *name, const numc_dlpack_options *options, exported **result,
                          DLTensor *tensor, uint64_t *flags)
{
    numc_context *context = numc__acting_lane(x->context);
    NUMC_TRY(context->status);
    NUMC_TRY(numc__array_check(x, context, name));
    numc_dlpack_options given;
    NUMC_TRY(options_read(context, name, options, &given));
    char text[96];
    numc__array_describe(text, sizeof text, x);
    x = numc__array_value(x);
    NUMC_REQUIRE(context, x != NULL, NUMC_TRACE, "%s: %s has no value while it is traced", name, text);

    bool shares = false, empty = x->size == 0;
    if (x->content == NUMC_CONTENT_BUFFER && !empty && given.copy != NUMC_DLPACK_COPY_ALWAYS) {
        numc_backend_device *device = numc__array_device(context);
        if (device == NULL)
            return context->status;
        shares = device->info.unified != 0;
        if (shares)
            NUMC_TRY(numc__device_check(context, device->table.synchronize(device->device), name));
    }
    bool apart = x->content == NUMC_CONTENT_BUFFER && !shares && !empty;
    NUMC_REQUIRE(context, !apart || given.copy != NUMC_DLPACK_COPY_NEVER, NUMC_UNSUPPORTED,
                 "%s: %s has no host memory to share, and copy is NEVER", name, text);

    size_t head = sizeof(exported) + 2 * (size_t)(x->rank > 0 ? x->rank : 1) * sizeof(int64_t);
    size_t item = numc_dtype_size(x->dtype), data_bytes = shares || empty ? 0 : (size_t)x->size * item + DATA_ALIGNMENT;
    exported *e = numc__allocate(context, head + data_bytes);
    if (e == NULL)
        return context->status;
    memset(e, 0, head);
    e->core = context->core;
    e->bytes = head + data_bytes;
    void *data = NULL;
    if (shares) {
        data = (unsigned char *)x->buffer->memory + x->offset * (int64_t)item;
    } else if (!empty) {
        unsigned char *after = (unsigned char *)e + head;
        data = after + (DATA_ALIGNMENT - (uintptr_t)after % DATA_ALIGNMENT) % DATA_ALIGNMENT;
        numc_status status = numc__read(x, context, x->dtype, data);
        if (status != NUMC_OK) {
            numc__free(context, e, e->bytes);
            return status;
        }
    }
    int64_t *shape = e->dimensions, *strides = shape + (x->rank > 0 ? x->rank : 1), stride = 1;
    for (int32_t d = x->rank - 1; d >= 0; d--) {
        shape[d] = x->shape[d];
        strides[d] = shares ? x->strides[d] : stride;
        stride *= empty ? 1 : x->shape[d]; /* beside a zero the others may be any size */
    }
    if (shares) {
        atomic_fetch_add_explicit(&x->buffer->references, 1, memory_order_relaxed);
        e->buffer = x->buffer;
    }
    numc__core_hold(e->core);
    *tensor = (DLTensor){.data = data, .device = {kDLCPU, 0}, .ndim = x->rank, .dtype = tensor_dtype(x->dtype), .shape = shape,
                         .strides = strides};
    *flags = shares || (!empty && given.copy == NUMC_DLPACK_COPY_NEVER) ? DLPACK_FLAG_BITMASK_READ_ONLY
             : empty && given.copy != NUMC_DLPACK_COPY_ALWAYS ? 0 : DLPACK_FLAG_BITMASK_IS_COPIED;
    *result = e;
    return NUMC_OK;
}

numc_status numc_to_dlpack(const numc_array *x, const numc_dlpack_options *options, DLManagedTensorVersioned **out)
{
    if (out != NULL)
        *out = NULL;
    if (x == NULL)
        return NUMC_INVALID_ARGUMENT;
    NUMC_REQUIRE(x->context, out != NULL, NUMC_INVALID_ARGUMENT, "numc_to_dlpack: out is NULL");
    exported *e;
    DLTensor tensor;
    uint64_t flags;
    NUMC_TRY(export(x, "numc_to_dlpack", options, &e, &tensor, &flags));
    e->tensor.versioned = (DLManagedTensorVersioned){
        .version = {1, 1}, .manager_ctx = e, .deleter = versioned_delete, .flags = flags, .dl_tensor = tensor};
    *out = &e->tensor.versioned;
    return NUMC_OK;
}

numc_status numc_to_dlpack_legacy(const numc_array *x, const numc_dlpack_options *options, DLManagedTensor **out)
{
    if (out != NULL)
        *out = NULL;
    if (x == NULL)
        return NUMC_INVALID_ARGUMENT;
    NUMC_REQUIRE(x->context, out != NULL, NUMC_INVALID_ARGUMENT, "numc_to_dlpack_legacy: out is NULL");
    exported *e;
    DLTensor tensor;
    uint64_t flags;
    NUMC_TRY(export(x, "numc_to_dlpack_legacy", options, &e, &tensor, &flags));
    e->tensor.legacy = (DLManagedTensor){.dl_tensor = tensor, .manager_ctx = e, .deleter = legacy_delete};
    *out = &e->tensor.legacy;
    return NUMC_OK;
}

/* ---- import ------------------------------------------------------------------------------------------------------ */

static void versioned_end(void *user)
{
    DLManagedTensorVersioned *tensor = user;
    if (tensor->deleter != NULL)
        tensor->deleter(tensor);
}

static void legacy_end(void *user)
{
    DLManagedTensor *tensor = user;
    if (tensor->deleter != NULL)
        tensor->deleter(tensor);
}

/* What a tensor says, checked: memory is that of the element with the lowest address, `offset` elements before the first. */
typedef struct layout {
    numc_dtype dtype;
    int64_t size; /* 0: nothing but dtype and shape counts */
    int64_t strides[NUMC_RANK_MAXIMUM];
    int64_t offset;
    unsigned char *memory;
} layout;

static numc_status layout_of(numc_context *context, const char *name, const DLTensor *t, layout *l)
{
    NUMC_REQUIRE(context, t->device.device_type == kDLCPU, NUMC_UNSUPPORTED,
                 "%s: the tensor is on a device of type %d, only the CPU's (%d) is read", name, (int)t->device.device_type,
                 (int)kDLCPU);
    NUMC_REQUIRE(context, t->dtype.lanes == 1, NUMC_DTYPE, "%s: elements of %d lanes", name, (int)t->dtype.lanes);
    l->dtype = array_dtype(t->dtype);
    NUMC_REQUIRE(context, l->dtype != NUMC_DTYPE_DEFAULT, NUMC_DTYPE, "%s: no dtype has type code %d and %d bits", name,
                 (int)t->dtype.code, (int)t->dtype.bits);
    NUMC_TRY(numc__shape_check(context, name, (numc_shape){t->shape, t->ndim, true}));
    bool empty = false;
    for (int32_t d = 0; d < t->ndim; d++) {
        NUMC_REQUIRE(context, t->shape[d] >= 0, NUMC_SHAPE, "%s: axis %d has size %lld", name, (int)d,
                     (long long)t->shape[d]);
        empty = empty || t->shape[d] == 0;
    }
    l->size = empty ? 0 : 1;
    if (empty)
        return NUMC_OK;
    int64_t item = (int64_t)numc_dtype_size(l->dtype), low = 0, high = 0;
    for (int32_t d = t->ndim - 1; d >= 0; d--) {
        int64_t reach;
        l->strides[d] = t->strides != NULL ? t->strides[d] : l->size;
        if (t->shape[d] == 1)
            l->strides[d] = 0; /* of no account, and may be anything */
        NUMC_REQUIRE(context,
                     !__builtin_mul_overflow(l->size, t->shape[d], &l->size)
                         && !__builtin_mul_overflow(l->strides[d], t->shape[d] - 1, &reach)
                         && !__builtin_add_overflow(reach < 0 ? low : high, reach, reach < 0 ? &low : &high),
                     NUMC_MEMORY, "%s: the sizes and strides of axis %d overflow", name, (int)d);
    }
    NUMC_REQUIRE(context, t->data != NULL, NUMC_INVALID_ARGUMENT, "%s: data is NULL for a tensor that is not empty", name);
    /* addresses of the first, the lowest and the end of the highest element */
    int64_t bytes, before, after;
    uintptr_t first, lowest, end;
    NUMC_REQUIRE(context,
                 !__builtin_mul_overflow(l->size, item, &bytes) && !__builtin_mul_overflow(low, item, &before)
                     && !__builtin_mul_overflow(high, item, &after)
                     && !__builtin_add_overflow((uintptr_t)t->data, t->byte_offset, &first)
                     && !__builtin_add_overflow(first, before, &lowest) && !__builtin_add_overflow(first, after, &end)
                     && !__builtin_add_overflow(end, item, &end),
                 NUMC_MEMORY, "%s: the tensor reaches beyond any memory", name);
    l->offset = -low;
    l->memory = (unsigned char *)t->data + (int64_t)(lowest - (uintptr_t)t->data);
    return NUMC_OK;
}

/* A row-major copy in device memory. */
static numc_array *copied(numc_context *context, const char *name, const DLTensor *t, const layout *l)
{
    numc_array *y = numc__array_new_buffer(context, l->dtype, t->ndim, t->shape);
    if (y == NULL)
        return NULL;
    numc_backend_device *device = numc__array_device(context);
    numc_array source = {.content = NUMC_CONTENT_BUFFER, .dtype = l->dtype, .rank = t->ndim, .size = y->size};
    source.shape = t->shape;
    source.strides = (int64_t *)l->strides;
    source.offset = l->offset;
    size_t bytes = (size_t)y->size * numc_dtype_size(l->dtype);
    unsigned char *packed = NULL;
    const unsigned char *data = l->memory;
    if (!numc__array_is_contiguous(&source)) {
        packed = numc__allocate(context, bytes);
        if (packed == NULL)
            return NULL;
        numc__copy_strided(&source, l->memory, l->dtype, packed);
        data = packed;
    }
    int32_t status = device->table.memory_upload(device->device, y->buffer->memory, 0, data, bytes);
    atomic_fetch_add_explicit(&context->core->bytes_uploaded, bytes, memory_order_relaxed);
    numc__free(context, packed, bytes);
    return numc__device_check(context, status, name) == NUMC_OK ? y : NULL;
}

/* *owned becomes true once the array's buffer calls `end` instead of the caller. */
static numc_array *import(numc_context *context, const char *name, const DLTensor *t, uint64_t flags,
                          const numc_dlpack_options *options, void (*end)(void *user), void *user, bool *owned)
{
    numc_dlpack_options given;
    layout l;
    if (options_read(context, name, options, &given) != NUMC_OK || layout_of(context, name, t, &l) != NUMC_OK)
        return NULL;
    if (l.size == 0) {
        unsigned char zero[16] = {0};
        return numc__array_new_immediate(context, l.dtype, t->ndim, t->shape, zero);
    }
    numc_backend_device *device = numc__array_device(context);
    if (device == NULL)
        return NULL;
    bool aligned = (uintptr_t)l.memory % numc_dtype_size(numc__part_dtype(l.dtype)) == 0;
    bool computes = numc__part_dtype(l.dtype) != NUMC_FLOAT64 || device->info.float64; /* else the copy tells the error */
    bool shares = given.copy != NUMC_DLPACK_COPY_ALWAYS && device->info.unified && aligned && computes;
    if (!shares && given.copy == NUMC_DLPACK_COPY_NEVER) {
        numc__fail(context, NUMC_UNSUPPORTED, "%s: %s, and copy is NEVER", name,
                   !aligned ? "the data are not aligned to the element size" : "the device cannot compute in this memory");
        return NULL;
    }
    if (!shares)
        return copied(context, name, t, &l);
    uint64_t both = flags & (DLPACK_FLAG_BITMASK_READ_ONLY | DLPACK_FLAG_BITMASK_IS_COPIED);
    numc_buffer *buffer = numc__buffer_foreign(context, l.memory, both != DLPACK_FLAG_BITMASK_IS_COPIED, end, user);
    if (buffer == NULL)
        return NULL;
    *owned = true;
    numc_array *x = numc__array_new(context, l.dtype, t->ndim, t->shape);
    if (x == NULL) {
        numc__buffer_release(buffer);
        return NULL;
    }
    x->content = NUMC_CONTENT_BUFFER;
    x->buffer = buffer;
    x->offset = l.offset;
    for (int32_t d = 0; d < t->ndim; d++)
        x->strides[d] = l.strides[d];
    return x;
}

numc_array *numc_from_dlpack_(numc_context *context, DLManagedTensorVersioned *tensor, const numc_dlpack_options *options)
{
    const char *name = "numc_from_dlpack";
    numc_array *x = NULL;
    bool owned = false;
    if (tensor == NULL) {
        if (context != NULL)
            numc__fail(context, NUMC_INVALID_ARGUMENT, "%s: tensor is NULL", name);
        return NULL;
    }
    if (context != NULL && context->status == NUMC_OK) {
        if (tensor->version.major == 1)
            x = import(context, name, &tensor->dl_tensor, tensor->flags, options, versioned_end, tensor, &owned);
        else
            numc__fail(context, NUMC_UNSUPPORTED, "%s: version %lu.%lu of DLPack, this is for version 1", name,
                       (unsigned long)tensor->version.major, (unsigned long)tensor->version.minor);
    }
    if (!owned)
        versioned_end(tensor);
    return x;
}

numc_array *numc_from_dlpack_legacy_(numc_context *context, DLManagedTensor *tensor, const numc_dlpack_options *options)
{
    const char *name = "numc_from_dlpack_legacy";
    numc_array *x = NULL;
    bool owned = false;
    if (tensor == NULL) {
        if (context != NULL)
            numc__fail(context, NUMC_INVALID_ARGUMENT, "%s: tensor is NULL", name);
        return NULL;
    }
    if (context != NULL && context->status == NUMC_OK)
        x = import(context, name, &tensor->dl_tensor, 0, options, legacy_end, tensor, &owned);
    if (!owned)
        legacy_end(tensor);
    return x;
}
