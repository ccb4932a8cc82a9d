/* create.c - arrays from nothing: constants without memory, ranges, diagonals and triangles. */
#include <math.h>
#include <string.h>

#include "array/state.h"

static numc_status checked(numc_context *context, const char *name, numc_shape shape)
{
    if (context == NULL)
        return NUMC_INVALID_ARGUMENT;
    NUMC_TRY(context->status);
    NUMC_TRY(numc__shape_check(context, name, shape));
    for (int32_t d = 0; d < shape.count; d++) {
        char text[256];
        NUMC_REQUIRE(context, shape.values[d] >= 0, NUMC_SHAPE, "%s: shape %s has a negative size", name,
                     numc__shape_format(text, sizeof text, shape.count, shape.values));
    }
    return NUMC_OK;
}

/* A number of a call as an array: the dtype given, or the one the number's kind takes by default. */
static numc_array *number_array(numc_context *context, const char *name, numc_dtype dtype, numc_shape shape,
                                numc_operand value, bool weak)
{
    if (checked(context, name, shape) != NUMC_OK)
        return NULL;
    if (value.kind == NUMC_OPERAND_ARRAY) {
        const numc_array *x = value.value.array;
        numc_context *lane = numc__lane_of(&x, 1, name);
        if (lane == NULL)
            return NULL;
        numc_array *y = numc__convert(lane, x, dtype == NUMC_DTYPE_DEFAULT ? x->dtype : dtype);
        return y == NULL ? NULL : numc_broadcast_to(y, shape);
    }
    weak = weak && dtype == NUMC_DTYPE_DEFAULT;
    if (dtype == NUMC_DTYPE_DEFAULT)
        dtype = value.kind == NUMC_OPERAND_BOOL      ? NUMC_BOOL
                : value.kind == NUMC_OPERAND_INTEGER ? NUMC_INT64
                                                     : numc_default_float(context);
    if (dtype == NUMC_DTYPE_DEFAULT)
        return NULL;
    if (numc__number_fits(context, name, dtype, &value) != NUMC_OK)
        return NULL;
    _Alignas(16) unsigned char bytes[16] = {0};
    numc__value_number(dtype, bytes, &value);
    numc_array *x = numc__array_new_immediate(context, dtype, shape.count, shape.values, bytes);
    if (x != NULL)
        x->weak = weak;
    return x;
}

static numc_array *constant(numc_context *context, const char *name, numc_dtype dtype, numc_shape shape, int64_t value)
{
    if (checked(context, name, shape) != NUMC_OK)
        return NULL;
    if (dtype == NUMC_DTYPE_DEFAULT)
        dtype = numc_default_float(context);
    return dtype == NUMC_DTYPE_DEFAULT ? NULL : number_array(context, name, dtype, shape, numc_operand_integer(value), false);
}

numc_array *numc__full(numc_context *context, numc_dtype dtype, int32_t rank, const int64_t *shape, double value)
{
    numc_operand number = numc_operand_real(value);
    _Alignas(16) unsigned char bytes[16] = {0};
    numc__value_number(dtype, bytes, &number);
    return numc__array_new_immediate(context, dtype, rank, shape, bytes);
}

numc_array *numc_zeros_(numc_context *context, numc_dtype dtype, numc_shape shape)
{
    return constant(context, "numc_zeros", dtype, shape, 0);
}

numc_array *numc_ones_(numc_context *context, numc_dtype dtype, numc_shape shape)
{
    return constant(context, "numc_ones", dtype, shape, 1);
}

numc_array *numc_empty_(numc_context *context, numc_dtype dtype, numc_shape shape)
{
    return constant(context, "numc_empty", dtype, shape, 0);
}

numc_array *numc_full_(numc_context *context, numc_dtype dtype, numc_shape shape, numc_operand value)
{
    return number_array(context, "numc_full", dtype, shape, value, false);
}

numc_array *numc_number_(numc_context *context, numc_dtype dtype, numc_operand value)
{
    return number_array(context, "numc_number", dtype, (numc_shape){NULL, 0, true}, value, true);
}

static numc_array *like(const char *name, const numc_array *x, numc_operand value)
{
    numc_context *context = numc__lane_of(&x, 1, name);
    return context == NULL ? NULL : number_array(context, name, x->dtype, (numc_shape){x->shape, x->rank, true}, value, false);
}

numc_array *numc_zeros_like(const numc_array *x)
{
    return like("numc_zeros_like", x, numc_operand_integer(0));
}

numc_array *numc_ones_like(const numc_array *x)
{
    return like("numc_ones_like", x, numc_operand_integer(1));
}

numc_array *numc_full_like_(const numc_array *x, numc_operand value)
{
    return like("numc_full_like", x, value);
}

/* Values made on the host in double (exact to 2^53) or int64, then copied: start + i step, the last one `last` when `closed`. */
static numc_array *ramp(numc_context *context, const char *name, numc_dtype dtype, double start, double step, int64_t count,
                        bool closed, double last)
{
    if (dtype == NUMC_DTYPE_DEFAULT)
        dtype = numc_default_float(context);
    size_t item = numc_dtype_size(dtype);
    if (item == 0 || numc_dtype_kind(dtype) == NUMC_KIND_COMPLEX || dtype == NUMC_BOOL) {
        numc__fail(context, NUMC_DTYPE, "%s: not for dtype %s", name, numc_dtype_name(dtype));
        return NULL;
    }
    if (count > ((int64_t)1 << 46) / (int64_t)item) {
        numc__fail(context, NUMC_MEMORY, "%s: %lld elements are too many", name, (long long)count);
        return NULL;
    }
    size_t bytes = (size_t)count * item;
    unsigned char *values = numc__allocate(context, bytes);
    if (values == NULL)
        return NULL;
    for (int64_t i = 0; i < count; i++) {
        double value = closed && i == count - 1 ? last : start + (double)i * step;
        numc__value_convert(dtype, values + (size_t)i * item, NUMC_FLOAT64, &value);
    }
    numc_array *x = numc_from_host_(context, dtype, (numc_shape){&count, 1, true}, values);
    numc__free(context, values, bytes);
    return x;
}

numc_array *numc_arange_(numc_context *context, numc_dtype dtype, double start, double stop, double step)
{
    if (context == NULL || context->status != NUMC_OK)
        return NULL;
    double count = ceil((stop - start) / step);
    if (!isfinite(start) || !isfinite(stop) || !isfinite(step) || step == 0 || !(count < 4e18)) {
        numc__fail(context, NUMC_VALUE, "numc_arange: start %g, stop %g, step %g make no range", start, stop, step);
        return NULL;
    }
    if (count > 0) { /* integers: no element is rounded or wraps */
        const numc_operand first = numc_operand_real(start), last = numc_operand_real(start + (count - 1) * step);
        const numc_operand by = numc_operand_real(step);
        if ((floor(step) != step && numc__number_fits(context, "numc_arange", dtype, &by) != NUMC_OK)
            || numc__number_fits(context, "numc_arange", dtype, &first) != NUMC_OK
            || numc__number_fits(context, "numc_arange", dtype, &last) != NUMC_OK)
            return NULL;
    }
    return ramp(context, "numc_arange", dtype, start, step, count > 0 ? (int64_t)count : 0, false, 0);
}

numc_array *numc_linspace_(numc_context *context, numc_dtype dtype, double start, double stop, int64_t number,
                           const numc_linspace_options *options)
{
    if (context == NULL || context->status != NUMC_OK)
        return NULL;
    if (number < 0) {
        numc__fail(context, NUMC_VALUE, "numc_linspace: %lld points", (long long)number);
        return NULL;
    }
    numc_linspace_options known;
    if (numc__options_copy(context, &known, sizeof known, options, options == NULL ? 0 : options->size, "numc_linspace") != NUMC_OK)
        return NULL;
    int64_t steps = known.open_end ? number : number - 1;
    double step = steps > 0 ? (stop - start) / (double)steps : 0;
    return ramp(context, "numc_linspace", dtype, start, step, number, !known.open_end && number > 1, stop);
}

/* A diagonal as far out as any that meets no element: no sum with it overflows. */
static int64_t near_diagonal(int64_t rows, int64_t columns, int64_t diagonal)
{
    return diagonal < -rows ? -rows : diagonal > columns ? columns : diagonal;
}

/* bool[..., rows, columns]: column - row <= diagonal (or equal to it). */
static numc_array *band(numc_context *context, int64_t rows, int64_t columns, int64_t diagonal, bool equal)
{
    const int64_t shape[2] = {rows, columns};
    numc_array *row = numc__iota(context, NUMC_INT64, 2, shape, 0);
    numc_array *column = numc__iota(context, NUMC_INT64, 2, shape, 1);
    numc_array *shifted = numc_add(row, diagonal);
    return equal ? numc_equal(column, shifted) : numc_less_equal(column, shifted);
}

numc_array *numc_eye_(numc_context *context, numc_dtype dtype, int64_t rows, int64_t columns, int64_t diagonal)
{
    if (context == NULL || context->status != NUMC_OK)
        return NULL;
    if (rows < 0 || columns < 0) {
        numc__fail(context, NUMC_SHAPE, "numc_eye: %lld rows and %lld columns", (long long)rows, (long long)columns);
        return NULL;
    }
    if (dtype == NUMC_DTYPE_DEFAULT)
        dtype = numc_default_float(context);
    if (numc__size_multiply(rows, columns) > ((int64_t)1 << 46) / (int64_t)sizeof(int64_t)) { /* positions are int64 */
        numc__fail(context, NUMC_MEMORY, "numc_eye: %lld rows and %lld columns are too large", (long long)rows,
                   (long long)columns);
        return NULL;
    }
    if (dtype == NUMC_DTYPE_DEFAULT || numc_scope_begin(context) != NUMC_OK)
        return NULL;
    numc_array *y = numc_astype(band(context, rows, columns, near_diagonal(rows, columns, diagonal), true), dtype);
    return numc__scope_leave(context, y);
}

static numc_array *triangle(const char *name, const numc_array *x, int64_t diagonal, bool lower)
{
    numc_context *context = numc__lane_of(&x, 1, name);
    if (context == NULL)
        return NULL;
    if (x->rank < 2) {
        numc__fail(context, NUMC_SHAPE, "%s: the array has rank %d, not 2 at least", name, (int)x->rank);
        return NULL;
    }
    if (numc_scope_begin(context) != NUMC_OK)
        return NULL;
    /* the upper triangle from diagonal k is what the lower one up to k - 1 leaves */
    int64_t rows = x->shape[x->rank - 2], columns = x->shape[x->rank - 1];
    diagonal = near_diagonal(rows, columns, diagonal);
    numc_array *mask = band(context, rows, columns, lower ? diagonal : diagonal - 1, false);
    numc_array *zero = numc__full(context, x->dtype, 0, NULL, 0);
    numc_array *y = lower ? numc_where(mask, x, zero) : numc_where(mask, zero, x);
    return numc__scope_leave(context, y);
}

numc_array *numc_tril(const numc_array *x, int64_t diagonal)
{
    return triangle("numc_tril", x, diagonal, true);
}

numc_array *numc_triu(const numc_array *x, int64_t diagonal)
{
    return triangle("numc_triu", x, diagonal, false);
}
