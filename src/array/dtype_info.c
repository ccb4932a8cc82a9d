/* dtype_info.c - what a dtype is and holds: the standard's isdtype, finfo and iinfo. No arrays are involved. */
#include <float.h>

#include "numc/array.h"

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
