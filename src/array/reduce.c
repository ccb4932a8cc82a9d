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
    NUMC_TRY(numc__list_check(r->context, r->name, axes));
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
            r->count = numc__size_multiply(r->count, x->shape[d]);
            r->kept[d] = 1;
        }
    }
    return NUMC_OK;
}

/* Opens a scope for the steps of the reduction. An option that the function does not know is refused, not dropped. */
enum { TAKES_DTYPE = 1, TAKES_CORRECTION = 2 };
static numc_status options_apply(const reduction *r, int takes)
{
    NUMC_REQUIRE(r->context, (takes & TAKES_DTYPE) != 0 || r->options.dtype == NUMC_DTYPE_DEFAULT, NUMC_INVALID_ARGUMENT,
                 "%s: no dtype can be chosen here; numc_astype converts", r->name);
    NUMC_REQUIRE(r->context, (takes & TAKES_CORRECTION) != 0 || r->options.correction == 0, NUMC_INVALID_ARGUMENT,
                 "%s: a correction is for numc_var and numc_std", r->name);
    return NUMC_OK;
}

static bool reduce_begin(reduction *r, const char *name, const numc_array *x, const numc_reduce_options *options, int takes)
{
    numc_context *context = numc__lane_of(&x, 1, name);
    if (context == NULL)
        return false;
    r->context = context;
    r->name = name;
    r->x = x;
    return numc__options_copy(context, &r->options, sizeof r->options, options, options == NULL ? 0 : options->size, name)
               == NUMC_OK
           && options_apply(r, takes) == NUMC_OK && reduce_axes(r, r->options.axes) == NUMC_OK && numc__scope_enter(context, name) == NUMC_OK;
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

/* `count` elements of the last axis, from `start` by `step`. */
static numc_array *last_axis(numc_context *context, const numc_array *x, int64_t start, int64_t count, int64_t step)
{
    return x == NULL ? NULL : numc__slice_axis(context, x, x->rank - 1, start, count, step);
}

/* A product of complex numbers, which no kernel accumulates: the first half by the second, over and over. */
static numc_array *product_of_halves(const reduction *r, const numc_array *x)
{
    numc_context *context = r->context;
    int64_t shape[NUMC_RANK_LIMIT];
    int32_t axes[NUMC_RANK_LIMIT], rank = 0, kept = 0;
    if (x == NULL)
        return NULL;
    for (int32_t d = 0, i = 0; d < x->rank; d++) {
        if (i < r->axis_count && r->axes[i] == d) {
            i++;
        } else {
            shape[kept++] = x->shape[d];
            axes[rank++] = d;
        }
    }
    for (int32_t i = 0; i < r->axis_count; i++)
        axes[rank++] = (int32_t)r->axes[i];
    if (r->count == 0)
        return numc__full(context, x->dtype, kept, shape, 1);
    shape[kept] = r->count;
    numc_array *y = numc__reshape(context, numc__permute(context, x, axes), kept + 1, shape);
    for (int64_t n = r->count; n > 1 && y != NULL; n = (n + 1) / 2) {
        int64_t half = n / 2;
        numc_array *product = numc_multiply(last_axis(context, y, 0, half, 1), last_axis(context, y, half, half, 1));
        const numc_array *both[2] = {product, n % 2 != 0 ? last_axis(context, y, n - 1, 1, 1) : NULL};
        y = n % 2 == 0 || context->status != NUMC_OK ? product : numc_concat(both, 2, kept);
    }
    return numc__reshape(context, y, kept, shape);
}

/* Products of complex numbers up to each place of the last axis: those of neighbours' products, at the odd places, and these
 * times one number more at the even ones. */
static numc_array *products_up_to(numc_context *context, const numc_array *x)
{
    int64_t n = x == NULL ? 0 : x->shape[x->rank - 1], half = n / 2, rest = n - half;
    if (n < 2)
        return (numc_array *)(uintptr_t)x;
    numc_array *odd = products_up_to(context, numc_multiply(last_axis(context, x, 0, half, 2), last_axis(context, x, 1, half, 2)));
    if (odd == NULL)
        return NULL;
    const numc_array *first = last_axis(context, x, 0, 1, 1);
    const numc_array *even[2] = {first, rest > 1 ? numc_multiply(last_axis(context, odd, 0, rest - 1, 1),
                                                                 last_axis(context, x, 2, rest - 1, 2))
                                                 : NULL};
    const numc_array *evens = rest > 1 && context->status == NUMC_OK ? numc_concat(even, 2, x->rank - 1) : first;
    if (context->status != NUMC_OK)
        return NULL;
    /* interleave: pairs (even, odd), and the last even one when n is odd */
    const numc_array *pairs[2] = {last_axis(context, evens, 0, half, 1), odd};
    numc_array *y = context->status != NUMC_OK ? NULL : numc_stack(pairs, 2, x->rank);
    int64_t shape[NUMC_RANK_LIMIT];
    memcpy(shape, x->shape, (size_t)x->rank * sizeof *shape);
    shape[x->rank - 1] = 2 * half;
    const numc_array *parts[2] = {numc__reshape(context, y, x->rank, shape), n % 2 != 0 ? last_axis(context, evens, half, 1, 1) : NULL};
    return n % 2 == 0 || context->status != NUMC_OK ? (numc_array *)(uintptr_t)parts[0] : numc_concat(parts, 2, x->rank - 1);
}

static numc_array *cumulative_products(numc_context *context, const numc_array *x, int32_t axis)
{
    return numc_moveaxis(products_up_to(context, numc_moveaxis(x, axis, -1)), -1, axis);
}

static numc_array *accumulate(const char *name, int32_t primitive, const numc_array *x, const numc_reduce_options *options)
{
    reduction r;
    if (!reduce_begin(&r, name, x, options, TAKES_DTYPE))
        return NULL;
    numc_dtype dtype = r.options.dtype != NUMC_DTYPE_DEFAULT ? r.options.dtype : accumulator(x->dtype);
    if (!numc_isdtype(dtype, NUMC_KINDS_NUMERIC)) {
        numc__fail(r.context, NUMC_DTYPE, "%s: nothing accumulates in dtype %s", name, numc_dtype_name(dtype));
        return reduce_end(&r, NULL);
    }
    const numc_array *v = numc__cast(r.context, name, x, dtype);
    bool halves = primitive == NUMC_PRIMITIVE_REDUCE_PROD && numc__is_complex(dtype);
    return reduce_end(&r, shaped(&r, halves ? product_of_halves(&r, v) : apply(&r, primitive, v)));
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
    if (!reduce_begin(&r, name, x, options, 0))
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
    if (!reduce_begin(&r, name, x, options, 0))
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
    if (!reduce_begin(&r, "numc_count_nonzero", x, options, 0))
        return NULL;
    numc_array *marked = numc__convert(r.context, numc__convert(r.context, x, NUMC_BOOL), NUMC_INT64);
    return reduce_end(&r, shaped(&r, apply(&r, NUMC_PRIMITIVE_REDUCE_SUM, marked)));
}

static const numc_array *as_float(const reduction *r)
{
    numc_dtype dtype = r->options.dtype;
    if (dtype != NUMC_DTYPE_DEFAULT) {
        if ((numc_dtype_kind(dtype) & (NUMC_KIND_REAL | NUMC_KIND_COMPLEX)) == 0) {
            numc__fail(r->context, NUMC_DTYPE, "%s: a mean is not taken in dtype %s", r->name, numc_dtype_name(dtype));
            return NULL;
        }
        return numc__cast(r->context, r->name, r->x, dtype);
    }
    bool is_float = (numc_dtype_kind(r->x->dtype) & (NUMC_KIND_REAL | NUMC_KIND_COMPLEX)) != 0;
    return is_float ? r->x : numc__convert(r->context, r->x, numc_default_float(r->context));
}

numc_array *(numc_mean)(const numc_array *x, const numc_reduce_options *options)
{
    reduction r;
    if (!reduce_begin(&r, "numc_mean", x, options, TAKES_DTYPE))
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

/* Functions of real numbers only. The reduction ends here when it fails. */
static bool has_spread(reduction *r)
{
    numc_dtype dtype = numc__is_complex(r->options.dtype) ? r->options.dtype : r->x->dtype;
    if (!numc__is_complex(dtype))
        return true;
    numc__fail(r->context, NUMC_DTYPE, "%s is not defined for %s", r->name, numc_dtype_name(dtype));
    (void)reduce_end(r, NULL);
    return false;
}

numc_array *(numc_var)(const numc_array *x, const numc_reduce_options *options)
{
    reduction r;
    if (!reduce_begin(&r, "numc_var", x, options, TAKES_DTYPE | TAKES_CORRECTION) || !has_spread(&r))
        return NULL;
    return reduce_end(&r, shaped(&r, variance(&r)));
}

numc_array *(numc_std)(const numc_array *x, const numc_reduce_options *options)
{
    reduction r;
    if (!reduce_begin(&r, "numc_std", x, options, TAKES_DTYPE | TAKES_CORRECTION) || !has_spread(&r))
        return NULL;
    return reduce_end(&r, shaped(&r, numc_sqrt(variance(&r))));
}

/* m + log sum exp(x - m), m = max x without gradient. Where m is not finite the sum is taken of ones and the answer is m
 * itself, so neither value nor gradient meets inf - inf or 0 x inf. Of nothing: -inf. */
numc_array *(numc_logsumexp)(const numc_array *x, const numc_reduce_options *options)
{
    reduction r;
    if (!reduce_begin(&r, "numc_logsumexp", x, options, 0) || !has_spread(&r))
        return NULL;
    const numc_array *v = as_float(&r);
    int64_t shape[NUMC_RANK_LIMIT]; /* without the axes */
    int32_t rank = 0;
    for (int32_t d = 0, i = 0; d < x->rank; d++) {
        if (i < r.axis_count && r.axes[i] == d)
            i++;
        else
            shape[rank++] = x->shape[d];
    }
    if (v == NULL || r.count == 0)
        return reduce_end(&r, v == NULL ? NULL : shaped(&r, numc__full(r.context, v->dtype, rank, shape, -INFINITY)));
    numc_array *top = keep_axes(&r, apply(&r, NUMC_PRIMITIVE_REDUCE_MAX, numc__stop(r.context, v)));
    numc_array *finite = numc_isfinite(top);
    numc_array *shift = numc_where(finite, top, 0.0);
    numc_array *moved = numc_where(finite, numc_subtract(v, shift), 0.0);
    numc_array *sum = keep_axes(&r, apply(&r, NUMC_PRIMITIVE_REDUCE_SUM, numc_exp(moved)));
    numc_array *y = numc_where(finite, numc_add(numc_log(sum), shift), top);
    if (y != NULL && !r.options.keepdims)
        y = numc__reshape(r.context, y, rank, shape);
    return reduce_end(&r, y);
}

/* The axis an option names, or `absent`. A number that is no NUMC_AXIS is refused, not dropped. Negative with the error set. */
static int32_t axis_option(numc_context *context, const char *name, numc_axis axis, int64_t absent, int32_t rank)
{
    if (!axis.given && axis.value != 0) {
        numc__fail(context, NUMC_INVALID_ARGUMENT, "%s: a number where an axis belongs; write NUMC_AXIS(%lld)", name,
                   (long long)axis.value);
        return -1;
    }
    return numc__axis_normalize(context, name, axis.given ? axis.value : absent, rank);
}

/* ---- positions of extremes --------------------------------------------------------------------------------------- */

static numc_array *arg_extreme(const char *name, int32_t primitive, const numc_array *x, const numc_argmax_options *options)
{
    reduction r;
    numc_context *context = numc__lane_of(&x, 1, name);
    numc_argmax_options known;
    if (context == NULL
        || numc__options_copy(context, &known, sizeof known, options, options == NULL ? 0 : options->size, name) != NUMC_OK)
        return NULL;
    bool along = known.axis.given || known.axis.value != 0;
    if (along && axis_option(context, name, known.axis, 0, x->rank) < 0)
        return NULL;
    numc_reduce_options reduce = {.size = sizeof reduce, .keepdims = known.keepdims};
    if (along)
        reduce.axes = (numc_axes){&known.axis.value, 1, true};
    if (!reduce_begin(&r, name, x, &reduce, 0))
        return NULL;
    numc_array *y = NULL;
    if (extreme_exists(&r)) {
        const numc_array *v = x->dtype == NUMC_BOOL ? numc__convert(r.context, x, NUMC_UINT8) : x;
        int64_t flat = 0;
        if (!along)
            v = v == NULL ? NULL : numc__reshape(r.context, v, 1, &v->size);
        numc_attributes attributes = {.count = 1, .numbers = along ? r.axes : &flat};
        y = v == NULL ? NULL : numc__bind1(r.context, primitive, &v, 1, &attributes);
    }
    return reduce_end(&r, shaped(&r, y));
}

numc_array *(numc_argmax)(const numc_array *x, const numc_argmax_options *options)
{
    return arg_extreme("numc_argmax", NUMC_PRIMITIVE_ARGMAX, x, options);
}

numc_array *(numc_argmin)(const numc_array *x, const numc_argmax_options *options)
{
    return arg_extreme("numc_argmin", NUMC_PRIMITIVE_ARGMIN, x, options);
}

/* ---- along one axis ---------------------------------------------------------------------------------------------- */

/* One with `value` in place of axis d, then y. */
static numc_array *preceded(numc_context *context, const numc_array *y, int32_t d, double value)
{
    int64_t shape[NUMC_RANK_LIMIT];
    memcpy(shape, y->shape, (size_t)y->rank * sizeof *shape);
    shape[d] = 1;
    const numc_array *parts[2] = {numc__full(context, y->dtype, y->rank, shape, value), y};
    return parts[0] == NULL ? NULL : numc_concat(parts, 2, d);
}

static numc_array *cumulative(const char *name, int32_t primitive, double initial, const numc_array *x,
                              const numc_cumulative_options *options)
{
    numc_context *context = numc__lane_of(&x, 1, name);
    numc_cumulative_options known;
    if (context == NULL
        || numc__options_copy(context, &known, sizeof known, options, options == NULL ? 0 : options->size, name) != NUMC_OK)
        return NULL;
    if (!known.axis.given && known.axis.value == 0 && x->rank != 1) {
        numc__fail(context, NUMC_INVALID_ARGUMENT, "%s: an array of rank %d needs an axis", name, (int)x->rank);
        return NULL;
    }
    int32_t d = axis_option(context, name, known.axis, 0, x->rank);
    if (d < 0 || numc__scope_enter(context, name) != NUMC_OK)
        return NULL;
    const int64_t numbers[2] = {d, 0};
    numc_attributes attributes = {.count = 2, .numbers = numbers};
    numc_dtype dtype = known.dtype != NUMC_DTYPE_DEFAULT ? known.dtype : accumulator(x->dtype);
    if (dtype == NUMC_BOOL)
        numc__fail(context, NUMC_DTYPE, "%s: nothing accumulates in dtype %s", name, numc_dtype_name(dtype));
    const numc_array *v = context->status != NUMC_OK ? NULL : numc__cast(context, name, x, dtype);
    bool composed = primitive == NUMC_PRIMITIVE_CUMULATIVE_PROD && numc__is_complex(dtype);
    numc_array *y = v == NULL  ? NULL
                    : composed ? cumulative_products(context, v, d)
                               : numc__bind1(context, primitive, &v, 1, &attributes);
    return numc__scope_leave(context, y != NULL && known.include_initial ? preceded(context, y, d, initial) : y);
}

numc_array *(numc_cumulative_sum)(const numc_array *x, const numc_cumulative_options *options)
{
    return cumulative("numc_cumulative_sum", NUMC_PRIMITIVE_CUMULATIVE_SUM, 0, x, options);
}

numc_array *(numc_cumulative_prod)(const numc_array *x, const numc_cumulative_options *options)
{
    return cumulative("numc_cumulative_prod", NUMC_PRIMITIVE_CUMULATIVE_PROD, 1, x, options);
}

/* Output 0 of the sort is the values, output 1 their positions. Order among bools is that of 0 and 1. `unstable` permits
 * what no backend has a use for yet. */
static numc_array *sorted_output(const char *name, const numc_array *x, const numc_sort_options *options, int32_t which)
{
    numc_context *context = numc__lane_of(&x, 1, name);
    numc_sort_options known;
    if (context == NULL
        || numc__options_copy(context, &known, sizeof known, options, options == NULL ? 0 : options->size, name) != NUMC_OK)
        return NULL;
    int32_t d = axis_option(context, name, known.axis, -1, x->rank);
    if (d < 0 || numc__scope_enter(context, name) != NUMC_OK)
        return NULL;
    const int64_t numbers[3] = {d, known.descending, which};
    numc_attributes attributes = {.count = 2, .numbers = numbers};
    numc_array *outputs[2] = {NULL, NULL};
    const numc_array *v = numc__convert(context, x, x->dtype == NUMC_BOOL ? NUMC_UINT8 : x->dtype);
    if (v != NULL && v->content != NUMC_CONTENT_TRACED)
        attributes.count = 3; /* run at once: the other output is not asked for */
    if (v != NULL)
        (void)numc__bind(context, NUMC_PRIMITIVE_SORT, &v, 1, &attributes, outputs, 2);
    numc_array *y = outputs[which];
    return numc__scope_leave(context, which == 0 ? numc__convert(context, y, x->dtype) : y);
}

numc_array *(numc_sort)(const numc_array *x, const numc_sort_options *options)
{
    return sorted_output("numc_sort", x, options, 0);
}

numc_array *(numc_argsort)(const numc_array *x, const numc_sort_options *options)
{
    return sorted_output("numc_argsort", x, options, 1);
}

numc_array *numc_searchsorted_(const numc_array *sorted, numc_operand values, const numc_searchsorted_options *options)
{
    const char *name = "numc_searchsorted";
    const numc_array *all[3] = {sorted};
    int32_t count = 1;
    numc_searchsorted_options known;
    if (values.kind == NUMC_OPERAND_ARRAY)
        all[count++] = values.value.array;
    numc_context *context = numc__lane_of(all, count, name);
    if (context == NULL
        || numc__options_copy(context, &known, sizeof known, options, options == NULL ? 0 : options->size, name) != NUMC_OK)
        return NULL;
    if (known.sorter != NULL)
        all[count++] = known.sorter;
    context = numc__lane_of(all, count, name);
    if (context == NULL)
        return NULL;
    if (sorted->rank != 1) {
        numc__fail(context, NUMC_SHAPE, "%s: the sorted array has rank %d, not 1", name, (int)sorted->rank);
        return NULL;
    }
    if (known.sorter != NULL && (known.sorter->rank != 1 || known.sorter->size != sorted->size)) {
        char text[256];
        numc__fail(context, NUMC_SHAPE, "%s: a sorter of shape %s for %lld values", name,
                   numc__shape_format(text, sizeof text, known.sorter->rank, known.sorter->shape), (long long)sorted->size);
        return NULL;
    }
    if (numc__scope_enter(context, name) != NUMC_OK)
        return NULL;
    numc_array *y = NULL;
    const numc_array *sought = numc__operand_array(context, values, sorted);
    const numc_array *ordered = known.sorter == NULL ? sorted : numc_take_(sorted, known.sorter, (numc_axis){0, false});
    numc_dtype dtype = sought == NULL ? NUMC_DTYPE_DEFAULT : numc__promote(sorted->dtype, sought->dtype);
    if (sought != NULL && dtype == NUMC_DTYPE_DEFAULT)
        numc__fail(context, NUMC_DTYPE, "%s: %s and %s have no common dtype", name, numc_dtype_name(sorted->dtype),
                   numc_dtype_name(sought->dtype));
    dtype = dtype == NUMC_BOOL ? NUMC_UINT8 : dtype;
    if (context->status == NUMC_OK) {
        const numc_array *inputs[2] = {numc__convert(context, ordered, dtype), numc__convert(context, sought, dtype)};
        int64_t number = known.right;
        numc_attributes attributes = {.count = 1, .numbers = &number};
        y = context->status != NUMC_OK ? NULL : numc__bind1(context, NUMC_PRIMITIVE_SEARCH, inputs, 2, &attributes);
    }
    return numc__scope_leave(context, y);
}
