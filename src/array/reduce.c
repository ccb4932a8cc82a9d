/* reduce.c - reductions with their options, arg-reductions, cumulative functions and order. */
#include <math.h>
#include <string.h>

#include "array/state.h"

typedef struct reduction {
    numc_context *context; /* its innermost scope is the reduction's own: see reduce_end */
    const char *name;
    const numc_array *x;
    numc_reduce_options options;
    int64_t axes[NUMC_RANK_LIMIT]; /* normalised, increasing */
    int32_t axis_count;
    int64_t kept[NUMC_RANK_LIMIT]; /* x's shape with 1 on reduced axes */
    int64_t count;                 /* of elements per result */
} reduction;

static numc_status reduce_axes(reduction *r, numc_axes axes)
{
    bool flags[NUMC_RANK_LIMIT] = {false};
    const numc_array *x = r->x;
    for (int32_t i = 0; i < axes.count; i++) {
        int32_t axis = numc__axis_normalize(r->context, r->name, axes.values[i], x->rank);
        if (axis < 0)
            return r->context->status;
        NUMC_REQUIRE(r->context, !flags[axis], NUMC_INVALID_ARGUMENT, "%s: axis %d is given twice", r->name, (int)axis);
        flags[axis] = true;
    }
    r->axis_count = 0;
    r->count = 1;
    for (int32_t d = 0; d < x->rank; d++) {
        r->kept[d] = x->shape[d];
        if (flags[d] || (axes.count == 0 && !axes.given)) {
            r->axes[r->axis_count++] = d;
            r->count *= x->shape[d];
            r->kept[d] = 1;
        }
    }
    return NUMC_OK;
}

/* Opens a scope for the steps of the reduction. */
static bool reduce_begin(reduction *r, const char *name, const numc_array *x, const numc_reduce_options *options)
{
    numc_context *context = numc__lane_of(&x, 1, name);
    if (context == NULL)
        return false;
    r->context = context;
    r->name = name;
    r->x = x;
    return numc__options_copy(context, &r->options, sizeof r->options, options, options == NULL ? 0 : options->size, name)
               == NUMC_OK
           && reduce_axes(r, r->options.axes) == NUMC_OK && numc_scope_begin(context) == NUMC_OK;
}

static numc_array *reduce_end(reduction *r, numc_array *y)
{
    return numc__scope_leave(r->context, y);
}

static numc_array *apply(const reduction *r, int32_t primitive, const numc_array *x)
{
    if (x == NULL)
        return NULL;
    numc_attributes attributes = {.count = r->axis_count, .numbers = r->axes};
    numc_array *y = numc__bind1(r->context, primitive, &x, 1, &attributes);
    if (y != NULL)
        y->weak = x->weak;
    return y;
}

/* With keepdims, or where a step needs them: reduced axes of size 1 again. */
static numc_array *keep_axes(const reduction *r, numc_array *y)
{
    return numc__reshape(r->context, y, r->x->rank, r->kept);
}

static numc_array *shaped(const reduction *r, numc_array *y)
{
    return r->options.keepdims ? keep_axes(r, y) : y;
}

/* Sums: integers narrower than 64 bits accumulate in 64, bools are counted; floats keep their dtype. */
static numc_dtype accumulator(numc_dtype dtype)
{
    switch (numc_dtype_kind(dtype)) {
    case NUMC_KIND_BOOL:
    case NUMC_KIND_SIGNED:
        return NUMC_INT64;
    case NUMC_KIND_UNSIGNED:
        return NUMC_UINT64;
    default:
        return dtype;
    }
}

static numc_array *accumulate(const char *name, int32_t primitive, const numc_array *x, const numc_reduce_options *options)
{
    reduction r;
    if (!reduce_begin(&r, name, x, options))
        return NULL;
    numc_dtype dtype = r.options.dtype != NUMC_DTYPE_DEFAULT ? r.options.dtype : accumulator(x->dtype);
    return reduce_end(&r, shaped(&r, apply(&r, primitive, numc__convert(r.context, x, dtype))));
}

numc_array *(numc_sum)(const numc_array *x, const numc_reduce_options *options)
{
    return accumulate("numc_sum", NUMC_PRIMITIVE_REDUCE_SUM, x, options);
}

numc_array *(numc_prod)(const numc_array *x, const numc_reduce_options *options)
{
    return accumulate("numc_prod", NUMC_PRIMITIVE_REDUCE_PROD, x, options);
}

/* NumPy's rule: nothing has no extreme, unless there is no result to give either. */
static bool extreme_exists(const reduction *r)
{
    const numc_array *x = r->x;
    bool results = true;
    int32_t empty = -1;
    for (int32_t d = 0; d < x->rank; d++)
        results = results && r->kept[d] > 0;
    for (int32_t i = 0; i < r->axis_count; i++)
        empty = x->shape[r->axes[i]] == 0 ? (int32_t)r->axes[i] : empty;
    if (empty < 0 || !results)
        return true;
    char text[256];
    numc__type_format(text, sizeof text, x->dtype, x->rank, x->shape);
    numc__fail(r->context, NUMC_VALUE, "%s: axis %d of %s is empty, and an empty set has no extreme", r->name, (int)empty, text);
    return false;
}

static numc_array *extreme(const char *name, int32_t primitive, int32_t of_bools, const numc_array *x,
                           const numc_reduce_options *options)
{
    reduction r;
    if (!reduce_begin(&r, name, x, options))
        return NULL;
    numc_array *y = extreme_exists(&r) ? apply(&r, x->dtype == NUMC_BOOL ? of_bools : primitive, x) : NULL;
    return reduce_end(&r, shaped(&r, y));
}

numc_array *(numc_max)(const numc_array *x, const numc_reduce_options *options)
{
    return extreme("numc_max", NUMC_PRIMITIVE_REDUCE_MAX, NUMC_PRIMITIVE_REDUCE_ANY, x, options);
}

numc_array *(numc_min)(const numc_array *x, const numc_reduce_options *options)
{
    return extreme("numc_min", NUMC_PRIMITIVE_REDUCE_MIN, NUMC_PRIMITIVE_REDUCE_ALL, x, options);
}

static numc_array *logical(const char *name, int32_t primitive, const numc_array *x, const numc_reduce_options *options)
{
    reduction r;
    if (!reduce_begin(&r, name, x, options))
        return NULL;
    return reduce_end(&r, shaped(&r, apply(&r, primitive, numc__convert(r.context, x, NUMC_BOOL))));
}

numc_array *(numc_all)(const numc_array *x, const numc_reduce_options *options)
{
    return logical("numc_all", NUMC_PRIMITIVE_REDUCE_ALL, x, options);
}

numc_array *(numc_any)(const numc_array *x, const numc_reduce_options *options)
{
    return logical("numc_any", NUMC_PRIMITIVE_REDUCE_ANY, x, options);
}

numc_array *(numc_count_nonzero)(const numc_array *x, const numc_reduce_options *options)
{
    reduction r;
    if (!reduce_begin(&r, "numc_count_nonzero", x, options))
        return NULL;
    numc_array *marked = numc__convert(r.context, numc__convert(r.context, x, NUMC_BOOL), NUMC_INT64);
    return reduce_end(&r, shaped(&r, apply(&r, NUMC_PRIMITIVE_REDUCE_SUM, marked)));
}

static const numc_array *as_float(const reduction *r)
{
    bool is_float = (numc_dtype_kind(r->x->dtype) & (NUMC_KIND_REAL | NUMC_KIND_COMPLEX)) != 0;
    return is_float ? r->x : numc__convert(r->context, r->x, numc_default_float(r->context));
}

numc_array *(numc_mean)(const numc_array *x, const numc_reduce_options *options)
{
    reduction r;
    if (!reduce_begin(&r, "numc_mean", x, options))
        return NULL;
    numc_array *sum = apply(&r, NUMC_PRIMITIVE_REDUCE_SUM, as_float(&r));
    return reduce_end(&r, shaped(&r, numc_divide(sum, (double)r.count))); /* 0/0 = NaN of nothing */
}

/* sum (x - mean)^2 / (count - correction), in two passes; NaN when the divisor is not positive. */
static numc_array *variance(const reduction *r)
{
    const numc_array *x = as_float(r);
    numc_array *mean = numc_divide(keep_axes(r, apply(r, NUMC_PRIMITIVE_REDUCE_SUM, x)), (double)r->count);
    numc_array *squares = apply(r, NUMC_PRIMITIVE_REDUCE_SUM, numc_square(numc_subtract(x, mean)));
    double divisor = (double)r->count - r->options.correction;
    return numc_divide(squares, divisor > 0 ? divisor : (double)NAN);
}

numc_array *(numc_var)(const numc_array *x, const numc_reduce_options *options)
{
    reduction r;
    if (!reduce_begin(&r, "numc_var", x, options))
        return NULL;
    return reduce_end(&r, shaped(&r, variance(&r)));
}

numc_array *(numc_std)(const numc_array *x, const numc_reduce_options *options)
{
    reduction r;
    if (!reduce_begin(&r, "numc_std", x, options))
        return NULL;
    return reduce_end(&r, shaped(&r, numc_sqrt(variance(&r))));
}

/* m + log sum exp(x - m), m = max x without gradient. Where m is not finite the sum is taken of ones and the answer is m
 * itself, so neither value nor gradient meets inf - inf or 0 x inf. Of nothing: -inf. */
numc_array *(numc_logsumexp)(const numc_array *x, const numc_reduce_options *options)
{
    reduction r;
    if (!reduce_begin(&r, "numc_logsumexp", x, options))
        return NULL;
    const numc_array *v = as_float(&r);
    if (v == NULL || r.count == 0) {
        int64_t shape[NUMC_RANK_LIMIT];
        int32_t rank = 0;
        for (int32_t d = 0, i = 0; d < x->rank; d++) {
            if (i < r.axis_count && r.axes[i] == d)
                i++;
            else
                shape[rank++] = x->shape[d];
        }
        return reduce_end(&r, v == NULL ? NULL : shaped(&r, numc__full(r.context, v->dtype, rank, shape, -INFINITY)));
    }
    numc_array *top = keep_axes(&r, apply(&r, NUMC_PRIMITIVE_REDUCE_MAX, numc__stop(r.context, v)));
    numc_array *finite = numc_isfinite(top);
    numc_array *shift = numc_where(finite, top, 0.0);
    numc_array *moved = numc_where(finite, numc_subtract(v, shift), 0.0);
    numc_array *sum = keep_axes(&r, apply(&r, NUMC_PRIMITIVE_REDUCE_SUM, numc_exp(moved)));
    numc_array *y = numc_where(finite, numc_add(numc_log(sum), shift), top);
    if (y != NULL && !r.options.keepdims) {
        int64_t shape[NUMC_RANK_LIMIT];
        int32_t rank = 0;
        for (int32_t d = 0, i = 0; d < x->rank; d++) {
            if (i < r.axis_count && r.axes[i] == d)
                i++;
            else
                shape[rank++] = x->shape[d];
        }
        y = numc__reshape(r.context, y, rank, shape);
    }
    return reduce_end(&r, y);
}

/* ---- positions of extremes ------------------------------------------------------------------------------------------------- */

static numc_array *arg_extreme(const char *name, int32_t primitive, const numc_array *x, numc_axis axis, bool keepdims)
{
    reduction r;
    numc_reduce_options options = {.size = sizeof options, .keepdims = keepdims};
    if (axis.given)
        options.axes = (numc_axes){&axis.value, 1, true};
    if (!reduce_begin(&r, name, x, &options))
        return NULL;
    numc_array *y = NULL;
    if (extreme_exists(&r)) {
        const numc_array *v = x->dtype == NUMC_BOOL ? numc__convert(r.context, x, NUMC_UINT8) : x;
        int64_t flat = 0;
        if (!axis.given)
            v = v == NULL ? NULL : numc__reshape(r.context, v, 1, &v->size);
        numc_attributes attributes = {.count = 1, .numbers = axis.given ? r.axes : &flat};
        y = v == NULL ? NULL : numc__bind1(r.context, primitive, &v, 1, &attributes);
    }
    return reduce_end(&r, shaped(&r, y));
}

numc_array *numc_argmax_(const numc_array *x, numc_axis axis, bool keepdims)
{
    return arg_extreme("numc_argmax", NUMC_PRIMITIVE_ARGMAX, x, axis, keepdims);
}

numc_array *numc_argmin_(const numc_array *x, numc_axis axis, bool keepdims)
{
    return arg_extreme("numc_argmin", NUMC_PRIMITIVE_ARGMIN, x, axis, keepdims);
}

/* ---- along one axis ----------------------------------------------------------------------------------------------------------- */

static numc_array *along(const char *name, int32_t primitive, const numc_array *x, int64_t axis, int64_t number,
                         numc_dtype dtype, int32_t which, numc_dtype back)
{
    numc_context *context = numc__lane_of(&x, 1, name);
    if (context == NULL)
        return NULL;
    int32_t d = numc__axis_normalize(context, name, axis, x->rank);
    if (d < 0 || numc_scope_begin(context) != NUMC_OK)
        return NULL;
    const int64_t numbers[2] = {d, number};
    numc_attributes attributes = {.count = 2, .numbers = numbers};
    numc_array *outputs[2] = {NULL, NULL};
    const numc_array *v = numc__convert(context, x, dtype);
    if (v != NULL)
        (void)numc__bind(context, primitive, &v, 1, &attributes, outputs, primitive == NUMC_PRIMITIVE_SORT ? 2 : 1);
    numc_array *y = outputs[which];
    if (y != NULL && back != NUMC_DTYPE_DEFAULT)
        y = numc__convert(context, y, back);
    return numc__scope_leave(context, y);
}

numc_array *numc_cumulative_sum(const numc_array *x, int64_t axis)
{
    return along("numc_cumulative_sum", NUMC_PRIMITIVE_CUMULATIVE_SUM, x, axis, 0, accumulator(numc_array_dtype(x)), 0,
                 NUMC_DTYPE_DEFAULT);
}

numc_array *numc_cumulative_prod(const numc_array *x, int64_t axis)
{
    return along("numc_cumulative_prod", NUMC_PRIMITIVE_CUMULATIVE_PROD, x, axis, 0, accumulator(numc_array_dtype(x)), 0,
                 NUMC_DTYPE_DEFAULT);
}

/* Order among bools is that of 0 and 1. */
static numc_dtype ordered(const numc_array *x)
{
    return numc_array_dtype(x) == NUMC_BOOL ? NUMC_UINT8 : numc_array_dtype(x);
}

numc_array *numc_sort(const numc_array *x, int64_t axis, bool descending)
{
    return along("numc_sort", NUMC_PRIMITIVE_SORT, x, axis, descending, ordered(x), 0, numc_array_dtype(x));
}

numc_array *numc_argsort(const numc_array *x, int64_t axis, bool descending)
{
    return along("numc_argsort", NUMC_PRIMITIVE_SORT, x, axis, descending, ordered(x), 1, NUMC_DTYPE_DEFAULT);
}

numc_array *numc_searchsorted(const numc_array *sorted, const numc_array *values, bool right)
{
    const numc_array *both[2] = {sorted, values};
    numc_context *context = numc__lane_of(both, 2, "numc_searchsorted");
    if (context == NULL)
        return NULL;
    if (sorted->rank != 1) {
        numc__fail(context, NUMC_SHAPE, "numc_searchsorted: the sorted array has rank %d, not 1", (int)sorted->rank);
        return NULL;
    }
    numc_dtype dtype = numc__promote(sorted->dtype, values->dtype);
    if (dtype == NUMC_DTYPE_DEFAULT) {
        numc__fail(context, NUMC_DTYPE, "numc_searchsorted: %s and %s have no common dtype", numc_dtype_name(sorted->dtype),
                   numc_dtype_name(values->dtype));
        return NULL;
    }
    dtype = dtype == NUMC_BOOL ? NUMC_UINT8 : dtype;
    if (numc_scope_begin(context) != NUMC_OK)
        return NULL;
    const numc_array *inputs[2] = {numc__convert(context, sorted, dtype), numc__convert(context, values, dtype)};
    int64_t number = right;
    numc_attributes attributes = {.count = 1, .numbers = &number};
    numc_array *y = context->status != NUMC_OK ? NULL : numc__bind1(context, NUMC_PRIMITIVE_SEARCH, inputs, 2, &attributes);
    return numc__scope_leave(context, y);
}
