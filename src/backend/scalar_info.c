/* scalar_info.c - facts about scalar operations, from NUMC_SCALAR_TABLE. */
#include "backend/device.h"

const numc_scalar_info *numc__scalar_info(uint32_t operation)
{
    static const numc_scalar_info table[NUMC_SCALAR_LIMIT] = {
#define NUMC_X(code, upper, lower, arity, operands, result)                                        \
    [code] = {#lower, arity, NUMC_OPERANDS_##operands, NUMC_RESULT_##result},
        NUMC_SCALAR_TABLE(NUMC_X)
#undef NUMC_X
    };
    static const numc_scalar_info none = {"unknown operation", 0, 0, 0};
    return operation < NUMC_SCALAR_LIMIT && table[operation].arity > 0 ? &table[operation] : &none;
}

bool numc__scalar_admits(uint32_t operation, numc_dtype dtype)
{
    enum {
        INTEGERS = NUMC_KIND_SIGNED | NUMC_KIND_UNSIGNED,
        NUMBERS = INTEGERS | NUMC_KIND_REAL, /* complex ones are expanded before (complex.h) */
        EVERYTHING = NUMC_KIND_BOOL | NUMBERS
    };
    static const unsigned admitted[] = {
        [NUMC_OPERANDS_ANY] = EVERYTHING,
        [NUMC_OPERANDS_NUMERIC] = NUMBERS,
        [NUMC_OPERANDS_REAL] = INTEGERS | NUMC_KIND_REAL,
        [NUMC_OPERANDS_FLOAT] = NUMC_KIND_REAL,
        [NUMC_OPERANDS_INTEGRAL] = NUMC_KIND_BOOL | INTEGERS,
        [NUMC_OPERANDS_BOOLEAN] = NUMC_KIND_BOOL,
        [NUMC_OPERANDS_SELECT] = EVERYTHING,
        [NUMC_OPERANDS_RANDOM] = NUMC_KIND_REAL,
    };
    const numc_scalar_info *info = numc__scalar_info(operation);
    if (info->arity == 0)
        return false;
    if (operation == NUMC_SCALAR_RANDOM_BITS)
        return dtype == NUMC_UINT64;
    if (dtype == NUMC_BOOL)
        if (operation == NUMC_SCALAR_BITWISE_LEFT_SHIFT || operation == NUMC_SCALAR_BITWISE_RIGHT_SHIFT)
            return false;
    return (admitted[info->operands] & (unsigned)numc_dtype_kind(dtype)) != 0;
}
