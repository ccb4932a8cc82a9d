/* host.c - arrays to and from host memory, and single values. */
#include <math.h>
#include <string.h>

#include "array/state.h"

numc_array *numc_from_host_(numc_context *context, numc_dtype dtype, numc_shape shape, const void *data)
{
    if (context == NULL || context->status != NUMC_OK)
        return NULL;
    if (dtype == NUMC_DTYPE_DEFAULT)
        dtype = numc_default_float(context);
    if (numc__shape_check(context, "numc_from_host", shape) != NUMC_OK)
        return NULL;
    int64_t size = 1; /* only 0, 1, or more than 1 matters here; the header counts with care */
    for (int32_t d = 0; d < shape.count; d++)
        size = shape.values[d] <= 0 || size == 0 ? 0 : shape.values[d] > 1 ? 2 : size;
    if (data == NULL && size != 0) {
        numc__fail(context, NUMC_INVALID_ARGUMENT, "numc_from_host: data is NULL for an array that is not empty");
        return NULL;
    }
    size_t item = numc_dtype_size(dtype);
    if (size <= 1) {
        unsigned char value[16] = {0};
        if (size == 1 && item <= sizeof value)
            memcpy(value, data, item);
        if (size == 1 && dtype == NUMC_BOOL)
            value[0] = value[0] != 0;
        return numc__array_new_immediate(context, dtype, shape.count, shape.values, value);
    }
    numc_array *x = numc__array_new_buffer(context, dtype, shape.count, shape.values);
    if (x == NULL)
        return NULL;
    numc_backend_device *device = numc__array_device(context);
    uint64_t bytes = (uint64_t)x->size * item;
    int32_t status = device->table.memory_upload(device->device, x->buffer->memory, 0, data, bytes);
    atomic_fetch_add_explicit(&context->core->bytes_uploaded, bytes, memory_order_relaxed);
    return numc__device_check(context, status, "numc_from_host") == NUMC_OK ? x : NULL;
}

/* Row-major copy of a strided host block: memory is unified, or was brought over. */
void numc__copy_strided(const numc_array *x, const unsigned char *memory, numc_dtype dtype, unsigned char *target)
{
    int64_t index[NUMC_RANK_LIMIT] = {0}, at = x->offset;
    size_t from = numc_dtype_size(x->dtype), to = numc_dtype_size(dtype);
    for (int64_t i = 0; i < x->size; i++) {
        const unsigned char *source = memory + (size_t)at * from;
        if (dtype == x->dtype)
            memcpy(target, source, to);
        else
            numc__value_convert(dtype, target, x->dtype, source);
        target += to;
        for (int32_t d = x->rank - 1; d >= 0; d--) {
            at += x->strides[d];
            if (++index[d] < x->shape[d])
                break;
            at -= x->strides[d] * x->shape[d];
            index[d] = 0;
        }
    }
}

numc_status numc__read(const numc_array *x, numc_context *errors, numc_dtype dtype, void *data)
{
    numc_core *core = x->context->core;
    size_t item = numc_dtype_size(dtype), own = numc_dtype_size(x->dtype);
    if (x->content == NUMC_CONTENT_IMMEDIATE) {
        for (int64_t i = 0; i < x->size; i++)
            numc__value_convert(dtype, (unsigned char *)data + (size_t)i * item, x->dtype, x->immediate);
        return NUMC_OK;
    }
    if (x->size == 0)
        return NUMC_OK;
    numc_backend_device *device = numc__array_device(errors);
    if (device == NULL)
        return errors->status;
    atomic_fetch_add_explicit(&core->bytes_downloaded, (uint64_t)x->size * own, memory_order_relaxed);
    bool contiguous = numc__array_is_contiguous(x);
    if (device->info.unified && !(contiguous && dtype == x->dtype)) {
        NUMC_TRY(numc__device_check(errors, device->table.synchronize(device->device), "reading an array"));
        numc__copy_strided(x, x->buffer->memory, dtype, data);
        return NUMC_OK;
    }
    if (contiguous && dtype == x->dtype)
        return numc__device_check(errors,
                                  device->table.memory_download(device->device, x->buffer->memory, (uint64_t)x->offset * own,
                                                                data, (uint64_t)x->size * own),
                                  "reading an array");
    /* device memory apart: the whole stretch the view spans comes over */
    int64_t low = x->offset, high = x->offset;
    for (int32_t d = 0; d < x->rank; d++) {
        int64_t reach = x->strides[d] * (x->shape[d] - 1);
        low += reach < 0 ? reach : 0;
        high += reach > 0 ? reach : 0;
    }
    size_t bytes = (size_t)(high - low + 1) * own;
    unsigned char *stretch = numc__allocate(errors, bytes);
    if (stretch == NULL)
        return errors->status;
    numc_status status =
        numc__device_check(errors,
                           device->table.memory_download(device->device, x->buffer->memory, (uint64_t)low * own, stretch, bytes),
                           "reading an array");
    if (status == NUMC_OK) {
        numc_array shifted = {.offset = x->offset - low, .dtype = x->dtype, .rank = x->rank, .size = x->size};
        shifted.shape = x->shape;
        shifted.strides = x->strides;
        numc__copy_strided(&shifted, stretch, dtype, data);
    }
    numc__free(errors, stretch, bytes);
    return status;
}

static numc_status readable(const numc_array *x, const char *name)
{
    if (x == NULL)
        return NUMC_INVALID_ARGUMENT;
    numc_context *context = numc__acting_lane(x->context);
    NUMC_TRY(context->status);
    NUMC_TRY(numc__array_check(x, context, name));
    if (numc__array_value(x) == NULL) {
        char text[96];
        numc__array_describe(text, sizeof text, x);
        return numc__fail(context, NUMC_TRACE,
                          "%s: %s has no value while it is traced; to decide by a value use numc_where, numc_cond, numc_while or "
                          "numc_scan, or dynamic mode (numc_function_dynamic, numc_model_new_dynamic)",
                          name, text);
    }
    return numc__check_cancelled(context); /* a loop of C code may do nothing else */
}

/* Complex values only to complex and bool. */
static bool converts(numc_dtype from, numc_dtype to)
{
    return !numc__is_complex(from) || numc__is_complex(to) || to == NUMC_BOOL;
}

numc_status numc_to_host(const numc_array *x, numc_dtype dtype, void *data, size_t size)
{
    NUMC_TRY(readable(x, "numc_to_host"));
    numc_context *context = numc__acting_lane(x->context);
    x = numc__array_value(x);
    if (dtype == NUMC_DTYPE_DEFAULT)
        dtype = x->dtype;
    NUMC_REQUIRE(context, numc_dtype_size(dtype) > 0 && converts(x->dtype, dtype), NUMC_DTYPE,
                 "numc_to_host: %s does not convert to %s", numc_dtype_name(x->dtype), numc_dtype_name(dtype));
    size_t needed = (size_t)x->size * numc_dtype_size(dtype);
    NUMC_REQUIRE(context, size == needed, NUMC_INVALID_ARGUMENT,
                 "numc_to_host: %lld elements of %s are %zu bytes, the memory given has %zu", (long long)x->size,
                 numc_dtype_name(dtype), needed, size);
    NUMC_REQUIRE(context, data != NULL || size == 0, NUMC_INVALID_ARGUMENT, "numc_to_host: data is NULL");
    return numc__read(x, context, dtype, data);
}

static bool item(const numc_array *x, const char *name, numc_dtype dtype, void *value)
{
    if (readable(x, name) != NUMC_OK)
        return false;
    numc_context *context = numc__acting_lane(x->context);
    x = numc__array_value(x);
    if (x->size != 1) {
        char text[256];
        numc__type_format(text, sizeof text, x->dtype, x->rank, x->shape);
        numc__fail(context, NUMC_SHAPE, "%s: %s does not have one element", name, text);
        return false;
    }
    if (!converts(x->dtype, dtype)) {
        numc__fail(context, NUMC_DTYPE, "%s: the array is %s; numc_item_complex reads it, numc_real and numc_imag part it", name,
                   numc_dtype_name(x->dtype));
        return false;
    }
    return numc__read(x, context, dtype, value) == NUMC_OK;
}

double numc_item(const numc_array *x)
{
    double value;
    return item(x, "numc_item", NUMC_FLOAT64, &value) ? value : (double)NAN;
}

int64_t numc_item_integer(const numc_array *x)
{
    int64_t value;
    return item(x, "numc_item_integer", NUMC_INT64, &value) ? value : 0;
}

bool numc_item_bool(const numc_array *x)
{
    unsigned char value;
    return item(x, "numc_item_bool", NUMC_BOOL, &value) && value != 0;
}

numc_complex_number numc_item_complex(const numc_array *x)
{
    numc_complex_number value;
    return item(x, "numc_item_complex", NUMC_COMPLEX128, &value) ? value : (numc_complex_number){(double)NAN, (double)NAN};
}
