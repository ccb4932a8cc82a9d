/* value.c - single host values: conversion between dtypes, numbers of a call, and the promotion table. */
#include <math.h>
#include <string.h>

#include "array/state.h"

/* Every dtype that arrays have now, with its C type. */
#define NUMC_VALUE_TABLE(X)                                                                        \
    X(INT8, int8_t) X(INT16, int16_t) X(INT32, int32_t) X(INT64, int64_t) X(UINT8, uint8_t)        \
    X(UINT16, uint16_t) X(UINT32, uint32_t) X(UINT64, uint64_t)

/* Float to integer truncates; what does not fit saturates at the ends of `bits` bits, NaN is 0: what backend.h asks of a
 * backend's conversions, where C leaves it open. */
static int64_t real_to_signed(double value, int bits)
{
    double limit = ldexp(1.0, bits - 1);
    uint64_t top = UINT64_C(1) << (bits - 1);
    if (!(value > -limit))
        return value != value ? 0 : -(int64_t)(top - 1) - 1;
    return value < limit ? (int64_t)value : (int64_t)(top - 1);
}

static uint64_t real_to_unsigned(double value, int bits)
{
    if (!(value > 0))
        return 0;
    return value < ldexp(1.0, bits) ? (uint64_t)value : UINT64_MAX >> (64 - bits);
}

static void convert(numc_dtype to, unsigned char *target, numc_dtype from, const unsigned char *source)
{
    bool is_real = false;
    double real = 0;
    int64_t whole = 0; /* two's complement bits; `wide` when it is an unsigned value */
    bool wide = false;
    double imaginary = 0;
    switch (from) {
    case NUMC_BOOL:
        whole = *source != 0;
        break;
#define NUMC_X(NAME, type)                                                                         \
    case NUMC_##NAME: {                                                                            \
        type value;                                                                                \
        memcpy(&value, source, sizeof value);                                                      \
        whole = (int64_t)value;                                                                    \
        wide = NUMC_##NAME == NUMC_UINT64;                                                         \
        break;                                                                                     \
    }
        NUMC_VALUE_TABLE(NUMC_X)
#undef NUMC_X
    case NUMC_FLOAT32: {
        float value;
        memcpy(&value, source, sizeof value);
        real = (double)value;
        is_real = true;
        break;
    }
    case NUMC_FLOAT64:
        memcpy(&real, source, sizeof real);
        is_real = true;
        break;
    case NUMC_COMPLEX64: {
        float value[2];
        memcpy(value, source, sizeof value);
        real = (double)value[0];
        imaginary = (double)value[1];
        is_real = true;
        break;
    }
    case NUMC_COMPLEX128:
        memcpy(&real, source, sizeof real);
        memcpy(&imaginary, source + sizeof real, sizeof imaginary);
        is_real = true;
        break;
    default:
        break;
    }
    switch (to) {
    case NUMC_BOOL:
        *target = is_real ? real != 0 || imaginary != 0 : whole != 0;
        break;
#define NUMC_X(NAME, type)                                                                         \
    case NUMC_##NAME: {                                                                            \
        int bits = 8 * (int)sizeof(type);                                                          \
        type value = (type)(!is_real          ? whole                                              \
                            : (type)-1 > (type)0 ? (int64_t)real_to_unsigned(real, bits)           \
                                                 : real_to_signed(real, bits));                    \
        memcpy(target, &value, sizeof value);                                                      \
        break;                                                                                     \
    }
        NUMC_VALUE_TABLE(NUMC_X)
#undef NUMC_X
    case NUMC_FLOAT32: {
        float value = is_real ? (float)real : wide ? (float)(uint64_t)whole : (float)whole;
        memcpy(target, &value, sizeof value);
        break;
    }
    case NUMC_FLOAT64: {
        double value = is_real ? real : wide ? (double)(uint64_t)whole : (double)whole;
        memcpy(target, &value, sizeof value);
        break;
    }
    case NUMC_COMPLEX64: {
        float value[2] = {is_real ? (float)real : wide ? (float)(uint64_t)whole : (float)whole, (float)imaginary};
        memcpy(target, value, sizeof value);
        break;
    }
    case NUMC_COMPLEX128: {
        double value[2] = {is_real ? real : wide ? (double)(uint64_t)whole : (double)whole, imaginary};
        memcpy(target, value, sizeof value);
        break;
    }
    default:
        break;
    }
}

void numc__value_convert(numc_dtype to, void *target, numc_dtype from, const void *source)
{
    unsigned char value[16]; /* target may be source */
    memcpy(value, source, numc_dtype_size(from));
    convert(to, target, from, value);
}

void numc__convert_many(numc_dtype to, void *target, numc_dtype from, const void *source, size_t count)
{
    size_t to_size = numc_dtype_size(to), from_size = numc_dtype_size(from);
    if (to == from) {
        if (count > 0)
            memcpy(target, source, count * to_size);
        return;
    }
    for (size_t i = 0; i < count; i++)
        convert(to, (unsigned char *)target + i * to_size, from, (const unsigned char *)source + i * from_size);
}

double numc__value_real(numc_dtype dtype, const void *source)
{
    double value;
    convert(NUMC_FLOAT64, (unsigned char *)&value, dtype, source);
    return value;
}

int64_t numc__value_integer(numc_dtype dtype, const void *source)
{
    int64_t value;
    convert(NUMC_INT64, (unsigned char *)&value, dtype, source);
    return value;
}

static bool fits(numc_dtype dtype, const numc_operand *number)
{
    numc_kind kind = numc_dtype_kind(dtype);
    if (number->kind <= NUMC_OPERAND_ARRAY || number->kind > NUMC_OPERAND_UNSIGNED)
        return false;
    if (number->kind == NUMC_OPERAND_COMPLEX)
        return kind == NUMC_KIND_COMPLEX || kind == NUMC_KIND_BOOL;
    if (kind != NUMC_KIND_SIGNED && kind != NUMC_KIND_UNSIGNED)
        return true;
    unsigned bits = (unsigned)numc_dtype_size(dtype) * 8;
    if (number->kind == NUMC_OPERAND_REAL) {
        double real = number->value.real;
        double low = kind == NUMC_KIND_UNSIGNED ? 0 : -ldexp(1.0, (int)bits - 1);
        return real >= low && real < ldexp(1.0, (int)bits - (kind == NUMC_KIND_SIGNED)) && floor(real) == real;
    }
    int64_t value = number->value.integer;
    if (number->kind == NUMC_OPERAND_UNSIGNED)
        return kind == NUMC_KIND_UNSIGNED && bits == 64;
    if (kind == NUMC_KIND_UNSIGNED)
        return value >= 0 && (bits == 64 || value >> bits == 0);
    return bits == 64 || (value >= -((int64_t)1 << (bits - 1)) && value < (int64_t)1 << (bits - 1));
}

numc_status numc__number_fits(numc_context *context, const char *name, numc_dtype dtype, const numc_operand *number)
{
    if (fits(dtype, number))
        return NUMC_OK;
    if (number->kind <= NUMC_OPERAND_ARRAY || number->kind > NUMC_OPERAND_UNSIGNED)
        return numc__fail(context, NUMC_INVALID_ARGUMENT, "%s: an operand is of no known kind (%d)", name, (int)number->kind);
    if (number->kind == NUMC_OPERAND_COMPLEX)
        return numc__fail(context, NUMC_DTYPE, "%s: a complex number does not convert to %s", name, numc_dtype_name(dtype));
    if (number->kind == NUMC_OPERAND_REAL)
        return numc__fail(context, NUMC_VALUE, "%s: the number %g does not fit %s", name, number->value.real,
                          numc_dtype_name(dtype));
    if (number->kind == NUMC_OPERAND_UNSIGNED)
        return numc__fail(context, NUMC_VALUE, "%s: the number %llu does not fit %s", name,
                          (unsigned long long)number->value.integer, numc_dtype_name(dtype));
    return numc__fail(context, NUMC_VALUE, "%s: the number %lld does not fit %s", name, (long long)number->value.integer,
                      numc_dtype_name(dtype));
}

void numc__value_number(numc_dtype dtype, void *target, const numc_operand *number)
{
    if (number->kind == NUMC_OPERAND_COMPLEX)
        convert(dtype, target, NUMC_COMPLEX128, (const unsigned char *)number->value.parts);
    else if (number->kind == NUMC_OPERAND_REAL)
        convert(dtype, target, NUMC_FLOAT64, (const unsigned char *)&number->value.real);
    else
        convert(dtype, target, number->kind == NUMC_OPERAND_UNSIGNED ? NUMC_UINT64 : NUMC_INT64,
                (const unsigned char *)&number->value.integer);
}

/* ---- promotion --------------------------------------------------------------------------------------------------- */

/* The standard's table; beyond it: an integer with a float takes the float's dtype, a bool with a number the number's. */
numc_dtype numc__promote(numc_dtype a, numc_dtype b)
{
    numc_kind ka = numc_dtype_kind(a), kb = numc_dtype_kind(b);
    if (ka == NUMC_KIND_NONE || kb == NUMC_KIND_NONE)
        return NUMC_DTYPE_DEFAULT;
    if (a == b || kb == NUMC_KIND_BOOL)
        return a;
    if (ka == NUMC_KIND_BOOL)
        return b;
    size_t sa = numc_dtype_size(a), sb = numc_dtype_size(b);
    if (ka == kb)
        return sa >= sb ? a : b;
    if (ka > kb) { /* kinds are ordered: bool, signed, unsigned, real, complex */
        numc_dtype swap = a;
        a = b;
        b = swap;
        sa = numc_dtype_size(a);
        sb = numc_dtype_size(b);
        ka = numc_dtype_kind(a);
        kb = numc_dtype_kind(b);
    }
    if (kb == NUMC_KIND_UNSIGNED) { /* a is signed: the signed dtype that holds both */
        if (sa > sb)
            return a;
        return sb == 1 ? NUMC_INT16 : sb == 2 ? NUMC_INT32 : sb == 4 ? NUMC_INT64 : NUMC_DTYPE_DEFAULT;
    }
    if (kb == NUMC_KIND_COMPLEX && a == NUMC_FLOAT64)
        return NUMC_COMPLEX128;
    return b;
}

numc_dtype numc_result_dtype(numc_dtype a, numc_dtype b)
{
    return numc__promote(a, b);
}

bool numc_can_cast(numc_dtype from, numc_dtype to)
{
    /* the standard's own cells only: an integer does not cast to a float by promotion, nor a bool to a number */
    numc_kind kf = numc_dtype_kind(from), kt = numc_dtype_kind(to);
    bool integers = (kf & (NUMC_KIND_SIGNED | NUMC_KIND_UNSIGNED)) && (kt & (NUMC_KIND_SIGNED | NUMC_KIND_UNSIGNED));
    bool floats = (kf & (NUMC_KIND_REAL | NUMC_KIND_COMPLEX)) && (kt & (NUMC_KIND_REAL | NUMC_KIND_COMPLEX));
    return from == to ? kf != NUMC_KIND_NONE : (integers || floats) && numc__promote(from, to) == to;
}

numc_dtype numc_default_float(numc_context *context)
{
    if (context == NULL)
        return NUMC_DTYPE_DEFAULT;
    const numc_backend_device *device = numc__array_device(context);
    return device == NULL ? NUMC_DTYPE_DEFAULT : device->info.float64 ? NUMC_FLOAT64 : NUMC_FLOAT32;
}
