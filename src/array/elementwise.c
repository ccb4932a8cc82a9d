/* elementwise.c - elementwise functions: promotion, broadcasting and binding of one to four operands, some of them numbers. */
#include <math.h>
#include <string.h>

#include "array/eager.h"
#include "backend/complex.h"
#include "base/text.h"
#include "numc/linalg.h"

#define OPERANDS 4

bool numc__broadcast(int32_t count, const int32_t *ranks, const int64_t *const *shapes, int32_t *rank, int64_t *shape)
{
    int32_t most = 0;
    for (int32_t i = 0; i < count; i++)
        most = ranks[i] > most ? ranks[i] : most;
    *rank = most;
    for (int32_t d = 0; d < most; d++) {
        int64_t n = 1;
        for (int32_t i = 0; i < count; i++) {
            int32_t axis = d - (most - ranks[i]);
            int64_t m = axis < 0 ? 1 : shapes[i][axis];
            if (m != 1 && n != 1 && m != n)
                return false;
            n = m != 1 ? m : n;
        }
        shape[d] = n;
    }
    return true;
}

int32_t numc_broadcast_shapes(const numc_shape *shapes, int32_t count, int64_t shape[32])
{
    int64_t result[NUMC_RANK_MAXIMUM] = {0};
    int32_t rank = 0;
    if (count < 0 || shape == NULL || (shapes == NULL && count > 0))
        return -1;
    for (int32_t i = 0; i < count; i++) {
        if (shapes[i].count < 0 || shapes[i].count > NUMC_RANK_MAXIMUM || (shapes[i].values == NULL && shapes[i].count > 0))
            return -1;
        for (int32_t d = 0; d < shapes[i].count; d++) {
            if (shapes[i].values[d] < 0)
                return -1;
        }
        const int32_t ranks[2] = {rank, shapes[i].count};
        const int64_t *const both[2] = {result, shapes[i].values};
        int64_t next[NUMC_RANK_MAXIMUM];
        if (!numc__broadcast(2, ranks, both, &rank, next))
            return -1;
        memcpy(result, next, (size_t)rank * sizeof *next);
    }
    memcpy(shape, result, (size_t)rank * sizeof *shape);
    return rank;
}

/* ---- dtypes ------------------------------------------------------------------------------------------------------ */

/* bool, whole, real, complex, in this order: a number of a later kind than the arrays changes the dtype. */
static int order_of(numc_dtype dtype)
{
    switch (numc_dtype_kind(dtype)) {
    case NUMC_KIND_BOOL:
        return 0;
    case NUMC_KIND_SIGNED:
    case NUMC_KIND_UNSIGNED:
        return 1;
    case NUMC_KIND_COMPLEX:
        return 3;
    default:
        return 2;
    }
}

static int number_order(const numc_operand *operand)
{
    return operand->kind == NUMC_OPERAND_BOOL      ? 0
           : operand->kind == NUMC_OPERAND_INTEGER ? 1
           : operand->kind == NUMC_OPERAND_UNSIGNED ? 1
           : operand->kind == NUMC_OPERAND_COMPLEX ? 3
                                                   : 2;
}

static numc_dtype order_dtype(numc_context *context, int order)
{
    if (order < 2)
        return order == 0 ? NUMC_BOOL : NUMC_INT64;
    numc_dtype dtype = numc_default_float(context);
    return order == 2 || dtype == NUMC_DTYPE_DEFAULT ? dtype : numc__complex_dtype(dtype);
}

/* A dtype with a number of a later kind. */
static numc_dtype raised(numc_context *context, numc_dtype dtype, int order)
{
    return order == 3 && order_of(dtype) == 2 ? numc__complex_dtype(dtype) : order_dtype(context, order);
}

/* The dtype of operands first..count-1: arrays promoted, numbers following them. DEFAULT with the error set. */
static numc_dtype common_dtype(numc_context *context, const char *name, const numc_operand *operands, int32_t first,
                               int32_t count)
{
    numc_dtype strong = NUMC_DTYPE_DEFAULT;
    int weak = -1;
    for (int32_t i = first; i < count; i++) {
        const numc_array *x = operands[i].kind == NUMC_OPERAND_ARRAY ? operands[i].value.array : NULL;
        if (x != NULL && !x->weak) {
            numc_dtype next = strong == NUMC_DTYPE_DEFAULT ? x->dtype : numc__promote(strong, x->dtype);
            if (next == NUMC_DTYPE_DEFAULT) {
                numc__fail(context, NUMC_DTYPE, "%s: %s and %s have no common dtype", name, numc_dtype_name(strong),
                           numc_dtype_name(x->dtype));
                return next;
            }
            strong = next;
        } else {
            int order = x != NULL ? order_of(x->dtype) : number_order(&operands[i]);
            weak = order > weak ? order : weak;
        }
    }
    if (strong != NUMC_DTYPE_DEFAULT && order_of(strong) >= weak)
        return strong;
    return strong != NUMC_DTYPE_DEFAULT ? raised(context, strong, weak) : order_dtype(context, weak);
}

/* What an operation makes of a dtype it is not defined for. */
static numc_dtype admitted_dtype(numc_context *context, const char *name, const numc_scalar_info *info, numc_dtype dtype,
                                 bool to_float)
{
    bool is_float = (numc_dtype_kind(dtype) & (NUMC_KIND_REAL | NUMC_KIND_COMPLEX)) != 0;
    if ((to_float || info->operands == NUMC_OPERANDS_FLOAT) && !is_float)
        return numc_default_float(context);
    switch (info->operands) {
    case NUMC_OPERANDS_NUMERIC:
    case NUMC_OPERANDS_REAL: /* arithmetic of bools is done in int64; order among them in uint8 */
        if (dtype == NUMC_BOOL)
            return info->result == NUMC_RESULT_BOOL ? NUMC_UINT8 : NUMC_INT64;
        return dtype;
    case NUMC_OPERANDS_BOOLEAN:
        return NUMC_BOOL;
    case NUMC_OPERANDS_INTEGRAL:
        if (is_float) {
            numc__fail(context, NUMC_DTYPE, "%s is not defined for %s", name, numc_dtype_name(dtype));
            return NUMC_DTYPE_DEFAULT;
        }
        return dtype;
    default:
        return dtype;
    }
}

/* A number, or an array that is one, that must become `dtype`. */
static numc_status number_fits(numc_context *context, const char *name, const numc_operand *operand, numc_dtype dtype)
{
    numc_operand number = *operand;
    if (operand->kind == NUMC_OPERAND_ARRAY) {
        const numc_array *x = operand->value.array;
        if (!x->weak || x->content != NUMC_CONTENT_IMMEDIATE || order_of(x->dtype) >= 2)
            return NUMC_OK;
        number = x->dtype == NUMC_UINT64 ? numc_operand_unsigned((uint64_t)numc__value_integer(x->dtype, x->immediate))
                                         : numc_operand_integer(numc__value_integer(x->dtype, x->immediate));
    }
    return numc__number_fits(context, name, dtype, &number);
}

numc_array *numc__operand_array(numc_context *context, numc_operand operand, const numc_array *other)
{
    if (operand.kind == NUMC_OPERAND_ARRAY)
        return (numc_array *)operand.value.array;
    if (context->status != NUMC_OK)
        return NULL;
    int order = number_order(&operand);
    numc_dtype dtype = other == NULL                        ? order_dtype(context, order)
                       : order_of(other->dtype) >= order ? other->dtype
                                                           : raised(context, other->dtype, order);
    if (dtype == NUMC_DTYPE_DEFAULT || number_fits(context, "a number", &operand, dtype) != NUMC_OK)
        return NULL;
    _Alignas(16) unsigned char value[16] = {0};
    numc__value_number(dtype, value, &operand);
    numc_array *x = numc__array_new_immediate(context, dtype, 0, NULL, value);
    if (x != NULL)
        x->weak = true;
    return x;
}

numc_array *numc__convert(numc_context *context, const numc_array *x, numc_dtype dtype)
{
    if (x == NULL || x->dtype == dtype)
        return (numc_array *)x;
    numc_attributes attributes = {.dtype = dtype};
    return numc__bind1(context, NUMC_SCALAR_CONVERT, &x, 1, &attributes);
}

numc_array *numc__cast(numc_context *context, const char *name, const numc_array *x, numc_dtype dtype)
{
    if (x != NULL && numc__is_complex(x->dtype) && !numc__is_complex(dtype) && dtype != NUMC_BOOL) {
        numc__fail(context, NUMC_DTYPE, "%s: %s does not convert to %s; take numc_real or numc_imag", name,
                   numc_dtype_name(x->dtype), numc_dtype_name(dtype));
        return NULL;
    }
    return numc__convert(context, x, dtype);
}

bool numc__elementwise_admits(uint32_t operation, numc_dtype dtype)
{
    return numc__is_complex(dtype) ? numc__complex_admits(operation) : numc__scalar_admits(operation, dtype);
}

/* ---- the elementwise door ---------------------------------------------------------------------------------------- */

typedef struct plan {
    numc_context *context;
    const char *name;
    const numc_operand *operands;
    int32_t count, rank;
    numc_dtype dtypes[OPERANDS];
    int64_t shape[NUMC_RANK_LIMIT];
    bool weak, traced;
} plan;

static numc_status shapes_broadcast(plan *p)
{
    int32_t ranks[OPERANDS] = {0};
    const int64_t *shapes[OPERANDS] = {NULL};
    int32_t count = 0;
    for (int32_t i = 0; i < p->count; i++) {
        if (p->operands[i].kind == NUMC_OPERAND_ARRAY) {
            ranks[count] = p->operands[i].value.array->rank;
            shapes[count++] = p->operands[i].value.array->shape;
        }
    }
    if (numc__broadcast(count, ranks, shapes, &p->rank, p->shape))
        return NUMC_OK;
    char list[512];
    size_t used = 0;
    for (int32_t i = 0; i < count && used < sizeof list; i++) {
        char one[256];
        used += numc__format(list + used, sizeof list - used, i == 0 ? "%s" : i + 1 < count ? ", %s" : " and %s",
                             numc__shape_format(one, sizeof one, ranks[i], shapes[i]));
    }
    return numc__fail(p->context, NUMC_SHAPE, "%s: the shapes %s do not broadcast", p->name, list);
}

/* Lane, liveness, common shape; dtypes are the caller's. */
static numc_status plan_begin(plan *p, numc_context *context, const char *name, const numc_operand *operands, int32_t count)
{
    const numc_array *arrays[OPERANDS];
    int32_t array_count = 0;
    p->name = name;
    p->operands = operands;
    p->count = count;
    p->traced = false;
    for (int32_t i = 0; i < count; i++) {
        if (operands[i].kind == NUMC_OPERAND_ARRAY)
            arrays[array_count++] = operands[i].value.array;
    }
    if (array_count > 0) {
        numc_context *lane = numc__lane_of(arrays, array_count, name);
        if (lane == NULL)
            return context != NULL && context->status != NUMC_OK ? context->status : NUMC_STATE;
        if (context == NULL || lane->depth > context->depth)
            context = lane;
    }
    if (context == NULL)
        return NUMC_INVALID_ARGUMENT;
    NUMC_TRY(context->status);
    p->context = context;
    for (int32_t i = 0; i < array_count; i++)
        p->traced = p->traced || arrays[i]->content == NUMC_CONTENT_TRACED;
    return shapes_broadcast(p);
}

/* Operand i as an array of its dtype and the common shape. */
static const numc_array *plan_array(const plan *p, int32_t i)
{
    numc_context *context = p->context;
    const numc_operand *operand = &p->operands[i];
    const numc_array *x;
    if (operand->kind == NUMC_OPERAND_ARRAY) {
        x = numc__convert(context, operand->value.array, p->dtypes[i]);
    } else {
        _Alignas(16) unsigned char value[16] = {0};
        numc__value_number(p->dtypes[i], value, operand);
        x = numc__array_new_immediate(context, p->dtypes[i], 0, NULL, value);
    }
    return x == NULL ? NULL : numc__broadcast_to(context, x, p->rank, p->shape);
}

numc_status numc__prepare_elementwise(numc_context *context, const char *name, numc_operand *operands, int32_t count,
                                      bool to_float, const numc_array **arrays)
{
    NUMC_REQUIRE(context, count >= 1 && count <= OPERANDS, NUMC_INTERNAL, "%s: %d operands", name, (int)count);
    plan p;
    NUMC_TRY(plan_begin(&p, context, name, operands, count));
    numc_dtype dtype = common_dtype(p.context, name, operands, 0, count);
    if (dtype != NUMC_DTYPE_DEFAULT && to_float && order_of(dtype) < 2)
        dtype = numc_default_float(p.context);
    NUMC_TRY(p.context->status);
    for (int32_t i = 0; i < count; i++) {
        NUMC_TRY(number_fits(p.context, name, &operands[i], dtype));
        p.dtypes[i] = dtype;
        arrays[i] = plan_array(&p, i);
        if (arrays[i] == NULL)
            return p.context->status;
    }
    return NUMC_OK;
}

static numc_array *run_traced(const plan *p, int32_t primitive)
{
    const numc_array *arrays[OPERANDS];
    for (int32_t i = 0; i < p->count; i++) {
        arrays[i] = plan_array(p, i);
        if (arrays[i] == NULL)
            return NULL;
    }
    return numc__bind1(p->context, primitive, arrays, p->count, NULL);
}

/* target: NULL, or an array of the result's shape and dtype whose memory takes it; then nothing is returned but target. */
static numc_array *run_concrete(const plan *p, uint32_t operation, numc_dtype dtype, numc_dtype result, numc_array *target)
{
    numc_kernel_operand operands[OPERANDS];
    _Alignas(16) unsigned char values[OPERANDS][16];
    int64_t strides[OPERANDS][NUMC_RANK_LIMIT];
    bool converted = false;
    operands[0].immediate = false;
    for (int32_t i = 0; i < p->count; i++) {
        const numc_operand *operand = &p->operands[i];
        const numc_array *x = operand->kind == NUMC_OPERAND_ARRAY ? operand->value.array : NULL;
        numc_kernel_operand *o = &operands[i]; /* filled member by member: a copy would wait for the stores before it */
        if (x == NULL || x->content == NUMC_CONTENT_IMMEDIATE) {
            memset(values[i], 0, sizeof values[i]);
            if (x == NULL)
                numc__value_number(p->dtypes[i], values[i], operand);
            else
                numc__value_convert(p->dtypes[i], values[i], x->dtype, x->immediate);
            o->dtype = p->dtypes[i];
            o->immediate = true;
            o->value = values[i];
            o->memory = NULL;
            o->offset = 0;
            o->strides = NULL;
            continue;
        }
        if (x->dtype != p->dtypes[i]) {
            if (!converted && numc_scope_begin(p->context) != NUMC_OK)
                return NULL;
            converted = true;
            x = numc__convert(p->context, x, p->dtypes[i]);
            if (x == NULL) {
                numc_scope_end(p->context);
                return NULL;
            }
        }
        o->dtype = x->dtype;
        o->immediate = x->content == NUMC_CONTENT_IMMEDIATE;
        o->value = x->immediate;
        o->memory = o->immediate ? NULL : x->buffer->memory;
        o->offset = x->offset;
        o->strides = o->immediate ? x->strides : strides[i];
        int32_t lead = p->rank - x->rank;
        for (int32_t d = 0; d < p->rank && !o->immediate; d++)
            strides[i][d] = d < lead || x->shape[d - lead] == 1 ? 0 : x->strides[d - lead];
    }
    numc_array *y = target;
    if (target == NULL) {
        y = numc__eager_scalar(p->context, operation, dtype, result, p->rank, p->shape, operands, p->count);
    } else {
        const numc_kernel_operand into = numc__kernel_operand_of(target);
        if (numc__kernel_elementwise(p->context, operation, dtype, p->rank, p->shape, operands, p->count, &into) != NUMC_OK)
            y = NULL;
    }
    if (converted && target != NULL)
        numc_scope_end(p->context);
    return converted && target == NULL ? numc__scope_leave(p->context, y) : y;
}

static numc_array *elementwise(const char *name, int32_t primitive, const numc_operand *operands, int32_t count, bool to_float,
                               numc_array *target)
{
    plan p;
    if (plan_begin(&p, NULL, name, operands, count) != NUMC_OK)
        return NULL;
    const numc_scalar_info *info = numc__scalar_info((uint32_t)primitive);
    if (info->arity != count || info->operands == NUMC_OPERANDS_RANDOM || primitive == NUMC_SCALAR_CONVERT) {
        numc__fail(p.context, NUMC_INTERNAL, "%s: %s is not an elementwise function of %d operands", name,
                   numc__primitive_name(primitive), (int)count);
        return NULL;
    }
    int32_t first = info->operands == NUMC_OPERANDS_SELECT ? 1 : 0;
    numc_dtype dtype = common_dtype(p.context, name, operands, first, count);
    if (dtype != NUMC_DTYPE_DEFAULT)
        dtype = admitted_dtype(p.context, name, info, dtype, to_float);
    if (p.context->status != NUMC_OK)
        return NULL;
    for (int32_t i = 0; i < count; i++) {
        p.dtypes[i] = i < first ? NUMC_BOOL : dtype;
        if (i >= first && number_fits(p.context, name, &operands[i], dtype) != NUMC_OK)
            return NULL;
    }
    if (!numc__elementwise_admits((uint32_t)primitive, dtype)) {
        numc__fail(p.context, NUMC_DTYPE, "%s is not defined for %s", name, numc_dtype_name(dtype));
        return NULL;
    }
    numc_dtype result = info->result == NUMC_RESULT_BOOL ? NUMC_BOOL : dtype;
    p.weak = true; /* of where, the condition says nothing about the dtype of the choice */
    for (int32_t i = first; i < count; i++)
        p.weak = p.weak && (operands[i].kind != NUMC_OPERAND_ARRAY || operands[i].value.array->weak);
    if (target != NULL
        && (p.traced || result != target->dtype || p.rank != target->rank
            || memcmp(p.shape, target->shape, (size_t)p.rank * sizeof *p.shape) != 0))
        target = NULL;
    numc_array *y = p.traced ? run_traced(&p, primitive) : run_concrete(&p, (uint32_t)primitive, dtype, result, target);
    if (y != NULL && y != target)
        y->weak = p.weak;
    return y;
}

numc_array *numc__elementwise(const char *name, int32_t primitive, const numc_operand *operands, int32_t count, bool to_float)
{
    return elementwise(name, primitive, operands, count, to_float, NULL);
}

/* ---- the standard's functions ------------------------------------------------------------------------------------ */

static numc_array *unary(const char *name, int32_t primitive, const numc_array *x)
{
    numc_operand operand = numc_operand_array(x);
    return numc__elementwise(name, primitive, &operand, 1, false);
}

/* For whole numbers and bools: the value itself, or one answer for every element. */
static bool is_whole(const numc_array *x)
{
    return x != NULL && x->live == NUMC_ARRAY_LIVE && order_of(x->dtype) < 2;
}

static numc_array *same(const char *name, const numc_array *x)
{
    numc_context *context = numc__lane_of(&x, 1, name);
    return context == NULL ? NULL : numc__array_alias(context, x);
}

static numc_array *answer(const char *name, const numc_array *x, bool value)
{
    numc_context *context = numc__lane_of(&x, 1, name);
    return context == NULL ? NULL : numc__full(context, NUMC_BOOL, x->rank, x->shape, value);
}

static bool is_complex(const numc_array *x)
{
    return x != NULL && x->live == NUMC_ARRAY_LIVE && numc__is_complex(x->dtype);
}

#define UNARY(name, NAME)                                                                          \
    numc_array *numc_##name(const numc_array *x)                                                   \
    {                                                                                              \
        return unary("numc_" #name, NUMC_SCALAR_##NAME, x);                                        \
    }
#define UNARY_ROUNDING(name, NAME)                                                                 \
    numc_array *numc_##name(const numc_array *x)                                                   \
    {                                                                                              \
        return is_whole(x) ? same("numc_" #name, x) : unary("numc_" #name, NUMC_SCALAR_##NAME, x); \
    }
#define UNARY_COMPOSED(name, NAME)                                                                 \
    numc_array *numc_##name(const numc_array *x)                                                   \
    {                                                                                              \
        return is_complex(x) ? numc__complex_##name(x) : unary("numc_" #name, NUMC_SCALAR_##NAME, x); \
    }
#define UNARY_TEST(name, NAME, whole)                                                              \
    numc_array *numc_##name(const numc_array *x)                                                   \
    {                                                                                              \
        if (is_complex(x))                                                                         \
            return numc__complex_test(x, numc_##name, whole);                                      \
        return is_whole(x) ? answer("numc_" #name, x, whole) : unary("numc_" #name, NUMC_SCALAR_##NAME, x); \
    }
UNARY(negative, NEGATIVE)
UNARY_COMPOSED(abs, ABS)
UNARY_COMPOSED(sign, SIGN)
UNARY_ROUNDING(floor, FLOOR)
UNARY_ROUNDING(ceil, CEIL)
UNARY_ROUNDING(trunc, TRUNC)
UNARY(sqrt, SQRT)
UNARY(square, SQUARE)
UNARY(reciprocal, RECIPROCAL)
UNARY(exp, EXP)
UNARY(expm1, EXPM1)
UNARY(log, LOG)
UNARY(log1p, LOG1P)
UNARY(log2, LOG2)
UNARY(log10, LOG10)
UNARY(sin, SIN)
UNARY(cos, COS)
UNARY(tan, TAN)
UNARY(asin, ASIN)
UNARY(acos, ACOS)
UNARY(atan, ATAN)
UNARY(sinh, SINH)
UNARY(cosh, COSH)
UNARY(tanh, TANH)
UNARY(asinh, ASINH)
UNARY(acosh, ACOSH)
UNARY(atanh, ATANH)
UNARY_TEST(isnan, ISNAN, false)
UNARY_TEST(isinf, ISINF, false)
UNARY_TEST(isfinite, ISFINITE, true)
UNARY(logical_not, LOGICAL_NOT)
UNARY(bitwise_invert, BITWISE_INVERT)

numc_array *numc_round(const numc_array *x)
{
    return is_complex(x) ? numc__complex_round(x)
           : is_whole(x) ? same("numc_round", x)
                         : unary("numc_round", NUMC_SCALAR_ROUND, x);
}

numc_array *numc_signbit(const numc_array *x)
{
    return is_whole(x) ? (numc_less)(numc_operand_array(x), numc_operand_integer(0))
                       : unary("numc_signbit", NUMC_SCALAR_SIGNBIT, x);
}

numc_array *numc_positive(const numc_array *x)
{
    return same("numc_positive", x);
}

static numc_array *binary(const char *name, int32_t primitive, numc_operand x1, numc_operand x2)
{
    const numc_operand operands[2] = {x1, x2};
    return numc__elementwise(name, primitive, operands, 2, false);
}

#define BINARY(name, NAME)                                                                         \
    numc_array *(numc_##name)(numc_operand x1, numc_operand x2)                                    \
    {                                                                                              \
        return binary("numc_" #name, NUMC_SCALAR_##NAME, x1, x2);                                  \
    }
BINARY(add, ADD)
BINARY(subtract, SUBTRACT)
BINARY(multiply, MULTIPLY)
BINARY(divide, DIVIDE)
BINARY(floor_divide, FLOOR_DIVIDE)
BINARY(remainder, REMAINDER)

numc_array *(numc_pow)(numc_operand x1, numc_operand x2)
{
    numc_array *y = x1.kind == NUMC_OPERAND_ARRAY && is_complex(x1.value.array) ? numc__complex_power(x1.value.array, x2) : NULL;
    return y != NULL ? y : binary("numc_pow", NUMC_SCALAR_POW, x1, x2);
}

BINARY(atan2, ATAN2)
BINARY(hypot, HYPOT)
BINARY(logaddexp, LOGADDEXP)

/* Whether both are bools: the larger is their or, the smaller their and. */
static bool are_bools(numc_operand x1, numc_operand x2)
{
    const numc_operand both[2] = {x1, x2};
    for (int i = 0; i < 2; i++) {
        bool array = both[i].kind == NUMC_OPERAND_ARRAY;
        if (array ? numc_array_dtype(both[i].value.array) != NUMC_BOOL : both[i].kind != NUMC_OPERAND_BOOL)
            return false;
    }
    return true;
}

numc_array *(numc_maximum)(numc_operand x1, numc_operand x2)
{
    return binary("numc_maximum", are_bools(x1, x2) ? NUMC_SCALAR_LOGICAL_OR : NUMC_SCALAR_MAXIMUM, x1, x2);
}

numc_array *(numc_minimum)(numc_operand x1, numc_operand x2)
{
    return binary("numc_minimum", are_bools(x1, x2) ? NUMC_SCALAR_LOGICAL_AND : NUMC_SCALAR_MINIMUM, x1, x2);
}

BINARY(copysign, COPYSIGN)
BINARY(nextafter, NEXTAFTER)
BINARY(equal, EQUAL)
BINARY(not_equal, NOT_EQUAL)
BINARY(less, LESS)
BINARY(less_equal, LESS_EQUAL)
BINARY(greater, GREATER)
BINARY(greater_equal, GREATER_EQUAL)
BINARY(logical_and, LOGICAL_AND)
BINARY(logical_or, LOGICAL_OR)
BINARY(logical_xor, LOGICAL_XOR)
BINARY(bitwise_and, BITWISE_AND)
BINARY(bitwise_or, BITWISE_OR)
BINARY(bitwise_xor, BITWISE_XOR)
BINARY(bitwise_left_shift, BITWISE_LEFT_SHIFT)
BINARY(bitwise_right_shift, BITWISE_RIGHT_SHIFT)

/* ---- in place ------------------------------------------------------------------------------------------------------ */

/* The new value in place of *x: dtype and shape are kept. An array that was written in place gets a new header. */
static numc_status assign(numc_context *context, const char *name, numc_array **x, numc_array *y)
{
    numc_array *old = *x;
    if (y != NULL && y != old && (y->dtype != old->dtype || y->rank != old->rank
                                  || (y->rank > 0 && memcmp(y->shape, old->shape, (size_t)y->rank * sizeof *y->shape) != 0))) {
        char from[256], to[256];
        numc__type_format(from, sizeof from, old->dtype, old->rank, old->shape);
        numc__type_format(to, sizeof to, y->dtype, y->rank, y->shape);
        numc__fail(context, y->dtype != old->dtype ? NUMC_DTYPE : NUMC_SHAPE, "%s: %s would become %s", name, from, to);
        y = NULL;
    }
    if (y == old) {
        y = numc__array_alias(context, old);
        if (y != NULL)
            numc__array_retire(old);
    }
    y = numc__scope_leave(context, y);
    if (y != NULL && context->status == NUMC_OK)
        *x = y;
    return context->status;
}

static numc_status assign_begin(numc_array **x, numc_operand value, const char *name, numc_context **context)
{
    if (x == NULL || *x == NULL)
        return NUMC_INVALID_ARGUMENT;
    const numc_array *both[2] = {*x, value.kind == NUMC_OPERAND_ARRAY ? value.value.array : *x};
    *context = numc__lane_of(both, 2, name);
    if (*context == NULL)
        return numc_error_status((*x)->context) != NUMC_OK ? numc_error_status((*x)->context) : NUMC_STATE;
    return numc__scope_enter(*context, name);
}

static numc_status in_place(const char *name, int32_t primitive, numc_array **x, numc_operand value)
{
    numc_context *context = NULL;
    NUMC_TRY(assign_begin(x, value, name, &context));
    const numc_operand operands[2] = {numc_operand_array(*x), value};
    numc_array *target = numc__array_is_alone(context, *x) ? *x : NULL;
    return assign(context, name, x, elementwise(name, primitive, operands, 2, false, target));
}

#define IN_PLACE(name, NAME)                                                                       \
    numc_status numc_##name##_assign_(numc_array **x, numc_operand value)                          \
    {                                                                                              \
        return in_place("numc_" #name "_assign", NUMC_SCALAR_##NAME, x, value);                    \
    }
IN_PLACE(add, ADD)
IN_PLACE(subtract, SUBTRACT)
IN_PLACE(multiply, MULTIPLY)
IN_PLACE(divide, DIVIDE)
IN_PLACE(floor_divide, FLOOR_DIVIDE)
IN_PLACE(remainder, REMAINDER)
IN_PLACE(pow, POW)
IN_PLACE(bitwise_and, BITWISE_AND)
IN_PLACE(bitwise_or, BITWISE_OR)
IN_PLACE(bitwise_xor, BITWISE_XOR)
IN_PLACE(bitwise_left_shift, BITWISE_LEFT_SHIFT)
IN_PLACE(bitwise_right_shift, BITWISE_RIGHT_SHIFT)

numc_status numc_matmul_assign(numc_array **x, const numc_array *value)
{
    const char *name = "numc_matmul_assign";
    numc_context *context = NULL;
    if (value == NULL && x != NULL && *x != NULL)
        return numc_error_set((*x)->context, NUMC_INVALID_ARGUMENT, "%s: operand 2 is NULL", name);
    NUMC_TRY(assign_begin(x, numc_operand_array(value), name, &context));
    return assign(context, name, x, numc_matmul(*x, value));
}

numc_array *numc_where_(const numc_array *condition, numc_operand x1, numc_operand x2)
{
    const numc_operand operands[3] = {numc_operand_array(condition), x1, x2};
    numc_context *context = numc_array_context(condition);
    if (context != NULL && condition->dtype != NUMC_BOOL) {
        numc__fail(context, NUMC_DTYPE, "numc_where: the condition must be bool, not %s; compare, or numc_astype to bool",
                   numc_dtype_name(condition->dtype));
        return NULL;
    }
    return numc__elementwise("numc_where", NUMC_SCALAR_WHERE, operands, 3, false);
}

/* A bound that changes nothing. */
static bool is_unbounded(numc_operand bound, double infinity)
{
    return bound.kind == NUMC_OPERAND_REAL && bound.value.real == infinity;
}

numc_array *numc_clip_(const numc_array *x, numc_operand min, numc_operand max)
{
    bool ordered = x != NULL && x->live == NUMC_ARRAY_LIVE && !numc__is_complex(x->dtype);
    bool low = !(ordered && is_unbounded(min, -INFINITY)), high = !(ordered && is_unbounded(max, INFINITY));
    const numc_array *y = x;
    if (low) {
        const numc_operand operands[2] = {numc_operand_array(y), min};
        y = numc__elementwise("numc_clip", are_bools(operands[0], min) ? NUMC_SCALAR_LOGICAL_OR : NUMC_SCALAR_MAXIMUM, operands, 2, false);
    }
    if (high) {
        const numc_operand operands[2] = {numc_operand_array(y), max};
        return numc__elementwise("numc_clip", are_bools(operands[0], max) ? NUMC_SCALAR_LOGICAL_AND : NUMC_SCALAR_MINIMUM, operands, 2,
                                 false);
    }
    return y == x ? same("numc_clip", x) : (numc_array *)y;
}

numc_dtype numc_result_type(numc_context *context, const numc_dtype *dtypes, int32_t dtype_count, const numc_operand *operands,
                            int32_t operand_count)
{
    const char *name = "numc_result_type";
    numc_dtype none = NUMC_DTYPE_DEFAULT, strong = none;
    if (context == NULL || context->status != NUMC_OK)
        return none;
    if (dtype_count < 0 || operand_count < 0 || (dtypes == NULL && dtype_count > 0) || (operands == NULL && operand_count > 0)) {
        numc__fail(context, NUMC_INVALID_ARGUMENT, "%s: %d dtypes, %d operands, and no list of them", name, (int)dtype_count,
                   (int)operand_count);
        return none;
    }
    int weak = -1;
    bool found = dtype_count > 0;
    for (int32_t i = 0; i < dtype_count + operand_count; i++) {
        numc_dtype next = i < dtype_count ? dtypes[i] : none;
        if (i >= dtype_count) {
            const numc_operand *operand = &operands[i - dtype_count];
            const numc_array *x = operand->kind == NUMC_OPERAND_ARRAY ? operand->value.array : NULL;
            if (operand->kind == NUMC_OPERAND_ARRAY && numc__array_own(context, x, name) != NUMC_OK)
                return none;
            found = found || x != NULL;
            if (x == NULL || x->weak) {
                int order = x != NULL ? order_of(x->dtype) : number_order(operand);
                weak = order > weak ? order : weak;
                continue;
            }
            next = x->dtype;
        }
        numc_dtype both = strong == none ? next : numc__promote(strong, next);
        if (both == none || numc_dtype_size(both) == 0) {
            numc__fail(context, NUMC_DTYPE, "%s: %s and %s have no common dtype", name, numc_dtype_name(strong),
                       numc_dtype_name(next));
            return none;
        }
        strong = both;
    }
    if (!found) {
        numc__fail(context, NUMC_INVALID_ARGUMENT, "%s: one array or dtype at least is needed", name);
        return none;
    }
    return strong == none             ? order_dtype(context, weak)
           : order_of(strong) >= weak ? strong
                                      : raised(context, strong, weak);
}

numc_array *numc_astype(const numc_array *x, numc_dtype dtype)
{
    numc_context *context = numc__lane_of(&x, 1, "numc_astype");
    if (context == NULL)
        return NULL;
    if (dtype == NUMC_DTYPE_DEFAULT)
        dtype = numc_default_float(context);
    if (numc_dtype_size(dtype) == 0) {
        numc__fail(context, NUMC_DTYPE, "numc_astype: there are no arrays of dtype %s", numc_dtype_name(dtype));
        return NULL;
    }
    numc_array *y = numc__cast(context, "numc_astype", x, dtype);
    if (y == x)
        y = numc__array_alias(context, x);
    if (y != NULL)
        y->weak = false;
    return y;
}
