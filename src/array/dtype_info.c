/* dtype_info.c - what a dtype is and holds (the standard's isdtype, finfo and iinfo), what a context has (its inspection calls), and
 * arrays from one context to another. */
#include <float.h>

#include "array/state.h"

bool numc_isdtype(numc_dtype dtype, int32_t kinds)
{
    return ((int32_t)numc_dtype_kind(dtype) & kinds) != 0;
}

numc_float_limits numc_finfo(numc_dtype dtype)
{
    static const numc_float_limits single = {32, FLT_EPSILON, FLT_MAX, -FLT_MAX, FLT_MIN, NUMC_FLOAT32};
    static const numc_float_limits twice = {64, DBL_EPSILON, DBL_MAX, -DBL_MAX, DBL_MIN, NUMC_FLOAT64};
    static const numc_float_limits none = {0, 0, 0, 0, 0, NUMC_DTYPE_DEFAULT};
    if (dtype == NUMC_FLOAT32 || dtype == NUMC_COMPLEX64)
        return single;
    return dtype == NUMC_FLOAT64 || dtype == NUMC_COMPLEX128 ? twice : none;
}

numc_integer_limits numc_iinfo(numc_dtype dtype)
{
    numc_integer_limits limits = {0, 0, 0, NUMC_DTYPE_DEFAULT};
    if (!numc_isdtype(dtype, NUMC_KINDS_INTEGRAL))
        return limits;
    limits.bits = (int32_t)(8 * numc_dtype_size(dtype));
    limits.dtype = dtype;
    limits.max = UINT64_MAX >> (64 - limits.bits);
    if (numc_isdtype(dtype, NUMC_KIND_SIGNED)) {
        limits.max >>= 1;
        limits.min = -(int64_t)limits.max - 1;
    }
    return limits;
}

numc_capabilities numc_info_capabilities(void)
{
    return (numc_capabilities){true, true, NUMC_RANK_MAXIMUM};
}

const char *numc_info_default_device(numc_context *context)
{
    if (context == NULL || context->status != NUMC_OK)
        return NULL;
    const numc_backend_device *device = numc__array_device(context);
    return device == NULL ? NULL : device->name;
}

const char *numc_array_device(const numc_array *x)
{
    return x == NULL || x->live != NUMC_ARRAY_LIVE ? NULL : numc_info_default_device(x->context);
}

numc_default_dtypes numc_info_default_dtypes(numc_context *context)
{
    numc_dtype real = context == NULL || context->status != NUMC_OK ? NUMC_DTYPE_DEFAULT : numc_default_float(context);
    if (real == NUMC_DTYPE_DEFAULT)
        return (numc_default_dtypes){real, real, real, real};
    return (numc_default_dtypes){real, real == NUMC_FLOAT64 ? NUMC_COMPLEX128 : NUMC_COMPLEX64, NUMC_INT64, NUMC_INT64};
}

int32_t numc_info_devices(numc_context *context, const char **names, int32_t capacity)
{
    const char *name = numc_info_default_device(context);
    if (name != NULL && names != NULL && capacity > 0)
        names[0] = name;
    return name != NULL;
}

int32_t numc_info_dtypes(numc_context *context, int32_t kinds, numc_dtype *dtypes)
{
    static const numc_dtype all[] = {NUMC_BOOL,   NUMC_INT8,   NUMC_INT16,  NUMC_INT32,   NUMC_INT64,   NUMC_UINT8,    NUMC_UINT16,
                                     NUMC_UINT32, NUMC_UINT64, NUMC_FLOAT32, NUMC_FLOAT64, NUMC_COMPLEX64, NUMC_COMPLEX128};
    numc_dtype widest = numc_info_default_dtypes(context).real_floating;
    int32_t count = 0;
    for (size_t i = 0; i < sizeof all / sizeof *all && widest != NUMC_DTYPE_DEFAULT; i++) {
        bool wide = all[i] == NUMC_FLOAT64 || all[i] == NUMC_COMPLEX128;
        if ((kinds == 0 || numc_isdtype(all[i], kinds)) && (!wide || widest == NUMC_FLOAT64)) {
            if (dtypes != NULL)
                dtypes[count] = all[i];
            count++;
        }
    }
    return count;
}

numc_array *numc_to_device_(const numc_array *x, numc_context *context)
{
    const char *name = "numc_to_device";
    if (context == NULL || context->status != NUMC_OK)
        return NULL;
    if (x != NULL && x->live == NUMC_ARRAY_LIVE && x->context->core == context->core) {
        numc_context *lane = numc__lane_of(&x, 1, name);
        return lane == NULL ? NULL : numc__array_alias(lane->depth > context->depth ? lane : context, x);
    }
    if (numc__lane_of(&x, 1, name) == NULL) {
        numc__fail(context, NUMC_INVALID_ARGUMENT, "%s: there is no array", name);
        return NULL;
    }
    size_t bytes = (size_t)x->size * numc_dtype_size(x->dtype);
    void *values = numc__allocate(context, bytes);
    if (values == NULL)
        return NULL;
    numc_array *y = NULL;
    if (numc_to_host(x, x->dtype, values, bytes) == NUMC_OK)
        y = numc_from_host_(context, x->dtype, (numc_shape){x->shape, x->rank, true}, values);
    else
        numc__fail(context, numc_error_status(x->context), "%s: %s", name, numc_error_message(x->context));
    numc__free(context, values, bytes);
    return y;
}
