/* complex.c - complex arrays: their parts, what is composed of them, and complex numbers folded on the host. */
#include <string.h>

#include "array/eager.h"
#include "backend/complex.h"

/* ---- folding ----------------------------------------------------------------------------------------------------- */

enum { HOST_VALUES = NUMC_EXPANSION_OPERATIONS + 16 };

typedef struct host_builder {
    numc_expansion base;
    int32_t count;
    bool failed;
    uint64_t values[HOST_VALUES];
} host_builder;

static int32_t host_value(host_builder *h)
{
    if (h->count == HOST_VALUES) {
        h->failed = true;
        return 0;
    }
    h->values[h->count] = 0;
    return h->count++;
}

static int32_t host_apply(numc_expansion *builder, uint32_t operation, numc_dtype dtype, int32_t count, const int32_t *operands)
{
    host_builder *h = (host_builder *)builder;
    void (*function)(void *, const void *const *) = numc__ref_scalar_function(operation, (uint32_t)dtype);
    const void *pointers[4];
    for (int32_t i = 0; i < count; i++)
        pointers[i] = &h->values[operands[i]];
    int32_t result = host_value(h);
    if (function == NULL)
        h->failed = true;
    else
        function(&h->values[result], pointers);
    return result;
}

static int32_t host_constant(numc_expansion *builder, double value)
{
    host_builder *h = (host_builder *)builder;
    int32_t result = host_value(h);
    numc__value_convert(h->base.part, &h->values[result], NUMC_FLOAT64, &value);
    return result;
}

bool numc__complex_fold(uint32_t operation, numc_dtype dtype, const numc_kernel_operand *operands, int32_t count, void *value)
{
    numc_dtype part = numc__part_dtype(dtype);
    size_t item = numc_dtype_size(part);
    host_builder h = {.base = {part, host_apply, host_constant}};
    numc_parts parts[4];
    for (int32_t i = 0; i < count; i++) {
        bool is_complex = numc__is_complex(operands[i].dtype);
        parts[i].re = host_value(&h);
        memcpy(&h.values[parts[i].re], operands[i].value, is_complex ? item : numc_dtype_size(operands[i].dtype));
        parts[i].im = is_complex ? host_value(&h) : -1;
        if (is_complex)
            memcpy(&h.values[parts[i].im], operands[i].value + item, item);
    }
    numc_parts y = numc__complex_expand(&h.base, operation, parts);
    if (h.failed)
        return false;
    if (y.im < 0) {
        memcpy(value, &h.values[y.re], 1);
        return true;
    }
    memcpy(value, &h.values[y.re], item);
    memcpy((unsigned char *)value + item, &h.values[y.im], item);
    return true;
}

/* ---- parts ------------------------------------------------------------------------------------------------------- */

static bool is_complex(const numc_array *x)
{
    return x != NULL && x->live == NUMC_ARRAY_LIVE && numc__is_complex(x->dtype);
}

static numc_array *part(const char *name, int32_t primitive, const numc_array *x)
{
    numc_context *context = numc__lane_of(&x, 1, name);
    if (context == NULL)
        return NULL;
    if (!numc__is_complex(x->dtype))
        return primitive == NUMC_PRIMITIVE_REAL ? numc__array_alias(context, x)
                                                : numc__full(context, x->dtype, x->rank, x->shape, 0);
    numc_array *y = numc__bind1(context, primitive, &x, 1, NULL);
    if (y != NULL)
        y->weak = x->weak;
    return y;
}

numc_array *numc_real(const numc_array *x)
{
    return part("numc_real", NUMC_PRIMITIVE_REAL, x);
}

numc_array *numc_imag(const numc_array *x)
{
    return part("numc_imag", NUMC_PRIMITIVE_IMAG, x);
}

numc_array *numc__complex_of(numc_context *context, const numc_array *re, const numc_array *im)
{
    const numc_array *parts[2] = {re, im};
    return re == NULL || im == NULL ? NULL : numc__bind1(context, NUMC_PRIMITIVE_COMPLEX, parts, 2, NULL);
}

numc_array *(numc_complex)(numc_operand re, numc_operand im)
{
    const char *name = "numc_complex";
    numc_operand operands[2] = {re, im};
    const numc_array *arrays[2] = {NULL, NULL};
    int32_t count = 0;
    for (int i = 0; i < 2; i++)
        if (operands[i].kind == NUMC_OPERAND_ARRAY)
            arrays[count++] = operands[i].value.array;
    numc_context *context = count == 0 ? NULL : numc__lane_of(arrays, count, name);
    if (context == NULL || numc__scope_enter(context, name) != NUMC_OK)
        return NULL;
    numc_array *y = NULL;
    if (numc__prepare_elementwise(context, name, operands, 2, true, arrays) == NUMC_OK) {
        if (numc_dtype_kind(arrays[0]->dtype) != NUMC_KIND_REAL)
            numc__fail(context, NUMC_DTYPE, "%s: the parts must be real, not %s", name, numc_dtype_name(arrays[0]->dtype));
        else
            y = numc__complex_of(context, arrays[0], arrays[1]);
    }
    return numc__scope_leave(context, y);
}

numc_array *numc_conj(const numc_array *x)
{
    numc_context *context = numc__lane_of(&x, 1, "numc_conj");
    if (context == NULL)
        return NULL;
    if (!is_complex(x))
        return numc__array_alias(context, x);
    if (numc__scope_enter(context, "numc_conj") != NUMC_OK)
        return NULL;
    numc_array *y = numc__complex_of(context, numc_real(x), numc_negative(numc_imag(x)));
    if (y != NULL)
        y->weak = x->weak;
    return numc__scope_leave(context, y);
}

/* ---- compositions ------------------------------------------------------------------------------------------------ */

numc_array *numc__complex_abs(const numc_array *x)
{
    numc_context *context = numc__acting_lane(x->context);
    if (numc_scope_begin(context) != NUMC_OK)
        return NULL;
    return numc__scope_leave(context, numc_hypot(numc_real(x), numc_imag(x)));
}

/* z / |z|, +0 of zeros. The larger part is scaled to 1 first, so that |z| neither overflows nor loses its digits. */
numc_array *numc__complex_sign(const numc_array *x)
{
    numc_context *context = numc__acting_lane(x->context);
    if (numc_scope_begin(context) != NUMC_OK)
        return NULL;
    numc_array *re = numc_real(x), *im = numc_imag(x);
    numc_array *most = numc_maximum(numc_abs(re), numc_abs(im));
    numc_array *zero = numc_equal(most, 0.0);
    numc_array *scale = numc_where(zero, 1.0, most);
    numc_array *a = numc_divide(re, scale), *b = numc_divide(im, scale);
    numc_array *r = numc_where(zero, 1.0, numc_hypot(a, b));
    a = numc_where(zero, 0.0, numc_divide(a, r));
    b = numc_where(zero, 0.0, numc_divide(b, r));
    return numc__scope_leave(context, numc__complex_of(context, a, b));
}

numc_array *numc__complex_round(const numc_array *x)
{
    numc_context *context = numc__acting_lane(x->context);
    if (numc_scope_begin(context) != NUMC_OK)
        return NULL;
    return numc__scope_leave(context, numc__complex_of(context, numc_round(numc_real(x)), numc_round(numc_imag(x))));
}

/* isnan and isinf of either part; isfinite of both. */
numc_array *numc__complex_test(const numc_array *x, numc_array *(*test)(const numc_array *), bool of_both)
{
    numc_context *context = numc__acting_lane(x->context);
    if (numc_scope_begin(context) != NUMC_OK)
        return NULL;
    numc_array *re = test(numc_real(x)), *im = test(numc_imag(x));
    return numc__scope_leave(context, of_both ? numc_logical_and(re, im) : numc_logical_or(re, im));
}

numc_array *numc__complex_power(const numc_array *x, numc_operand exponent)
{
    double n = exponent.kind == NUMC_OPERAND_INTEGER ? (double)exponent.value.integer
               : exponent.kind == NUMC_OPERAND_REAL  ? exponent.value.real
                                                     : 0.5;
    if (!(n >= -64 && n <= 64) || n != (double)(int)n || n == 0)
        return NULL;
    numc_context *context = numc__lane_of(&x, 1, "numc_pow");
    if (context == NULL || numc__scope_enter(context, "numc_pow") != NUMC_OK)
        return NULL;
    int left = n < 0 ? -(int)n : (int)n;
    const numc_array *factor = n < 0 ? numc_reciprocal(x) : x, *y = NULL;
    for (; left > 0 && context->status == NUMC_OK; left >>= 1) {
        if ((left & 1) != 0)
            y = y == NULL ? factor : numc_multiply(y, factor);
        if (left > 1)
            factor = numc_square(factor);
    }
    numc_array *result = y == x ? numc__array_alias(context, x) : (numc_array *)(uintptr_t)y;
    return numc__scope_leave(context, context->status == NUMC_OK ? result : NULL);
}
