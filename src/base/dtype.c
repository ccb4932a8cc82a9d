/* dtype.c - names, sizes and kinds of the dtypes, from their table. */
#include "numc/base.h"

static const struct {
    const char *name;
    size_t size;
    numc_kind kind;
} dtypes[NUMC_DTYPE_COUNT] = {
    {"default", 0, NUMC_KIND_NONE},
#define NUMC_X(code, upper, lower, size, kind) [code] = {#lower, size, kind},
    NUMC_DTYPE_TABLE(NUMC_X)
#undef NUMC_X
};

static size_t row(numc_dtype dtype)
{
    return (size_t)dtype < NUMC_DTYPE_COUNT ? (size_t)dtype : NUMC_DTYPE_COUNT;
}

const char *numc_dtype_name(numc_dtype dtype)
{
    size_t i = row(dtype);
    return i < NUMC_DTYPE_COUNT ? dtypes[i].name : "unknown";
}

size_t numc_dtype_size(numc_dtype dtype)
{
    size_t i = row(dtype);
    return i < NUMC_DTYPE_COUNT ? dtypes[i].size : 0;
}

numc_kind numc_dtype_kind(numc_dtype dtype)
{
    size_t i = row(dtype);
    return i < NUMC_DTYPE_COUNT ? dtypes[i].kind : NUMC_KIND_NONE;
}
