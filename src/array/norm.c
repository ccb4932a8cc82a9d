/* norm.c - norms of vectors and matrices. */
#include <math.h>

#include "array/matrix.h"

/* |x|, real; integers as the default float. */
static numc_array *magnitude(numc_context *context, const numc_array *x)
{
    return numc_abs(numc__matrix_float(context, x));
}

/* |x|^2; |x| itself has no second derivative at 0. */
static numc_array *square_magnitude(const numc_array *x)
{
    bool is_complex = x != NULL && numc__is_complex(x->dtype);
    return is_complex ? numc_add(numc_square(numc_real(x)), numc_square(numc_imag(x))) : numc_square(x);
}

/* sqrt(sum |x|^2), of which no square overflows and none that counts vanishes: where the largest element is above `limit` or
 * below its reciprocal, all are first multiplied by a power of two, and the root by its reciprocal. */
static numc_array *root_of_squares(numc_context *context, const numc_array *given, const numc_reduce_options *options)
{
    const numc_array *x = numc__matrix_float(context, given);
    if (x == NULL)
        return NULL;
    if (x->size == 0)
        return numc_sqrt((numc_sum)(numc_abs(x), options));
    numc_reduce_options kept = *options;
    kept.keepdims = true;
    bool narrow = numc_finfo(x->dtype).dtype == NUMC_FLOAT32;
    double limit = narrow ? 0x1p60 : 0x1p500, scale = narrow ? 0x1p100 : 0x1p600;
    numc_array *most = (numc_max)(numc_abs(numc_stop_gradient(x)), &kept), *one = numc_ones_like(most);
    numc_array *above = numc_greater(most, limit), *below = numc_less(most, 1 / limit);
    numc_array *there = numc_where(above, 1 / scale, numc_where(below, scale, one));
    numc_array *back = numc_where(above, scale, numc_where(below, 1 / scale, one));
    numc_array *root = numc_multiply(numc_sqrt((numc_sum)(square_magnitude(numc_multiply(x, there)), &kept)), back);
    return options->keepdims ? root : options->axes.given ? numc_squeeze(root, options->axes) : numc_reshape(root, NUMC_SCALAR);
}

static numc_array *vector_norm(numc_context *context, const numc_array *x, double p, const numc_reduce_options *options)
{
    if (p == 2)
        return root_of_squares(context, x, options);
    numc_array *a = magnitude(context, x);
    if (a == NULL)
        return NULL;
    if (p == 1)
        return (numc_sum)(a, options);
    if (p == 0)
        return numc__convert(context, (numc_count_nonzero)(a, options), a->dtype);
    if (isinf(p) && p > 0 && a->size == 0)
        return (numc_sum)(a, options); /* the largest of nothing is 0: this is a norm */
    if (isinf(p))
        return p > 0 ? (numc_max)(a, options) : (numc_min)(a, options);
    return numc_pow((numc_sum)(numc_pow(a, p), options), 1 / p);
}

numc_array *(numc_linalg_vector_norm)(const numc_array *x, const numc_vector_norm_options *options)
{
    const char *name = "numc_linalg_vector_norm";
    numc_context *context = numc__matrix_enter(name, x, x);
    if (context == NULL)
        return NULL;
    numc_vector_norm_options known;
    numc_array *y = NULL;
    if (numc__options_copy(context, &known, sizeof known, options, options == NULL ? 0 : options->size, name) == NUMC_OK) {
        numc_reduce_options reduce = {.size = sizeof reduce, .axes = known.axes, .keepdims = known.keepdims};
        if (!known.order.given && !(known.order.value == 0))
            numc__fail(context, NUMC_INVALID_ARGUMENT, "%s: a number where an order belongs; write NUMC_ORDER", name);
        else if (isnan(known.order.value))
            numc__fail(context, NUMC_VALUE, "%s: the order is NaN", name);
        else
            y = vector_norm(context, x, known.order.given ? known.order.value : 2, &reduce);
    }
    return numc__scope_leave(context, y);
}

/* The largest or smallest along the last axis but one or the last, which stay with size 1. The largest of nothing is 0: these are
 * norms. */
static numc_array *extreme(numc_context *context, const numc_array *x, bool least, int32_t axis)
{
    if (x == NULL)
        return NULL;
    if (!least && x->shape[x->rank + axis] == 0) {
        int64_t shape[NUMC_RANK_LIMIT];
        for (int32_t d = 0; d < x->rank; d++)
            shape[d] = d == x->rank + axis ? 1 : x->shape[d];
        return numc__full(context, x->dtype, x->rank, shape, 0);
    }
    return least ? numc_min(x, NUMC_AXES(axis), .keepdims = true) : numc_max(x, NUMC_AXES(axis), .keepdims = true);
}

static numc_array *of_singular_values(numc_context *context, const numc_array *x, numc_matrix_order order)
{
    numc_array *s = numc_linalg_svdvals(x);
    numc_array *y = order == NUMC_ORDER_NUCLEAR ? numc_sum(s, NUMC_AXES(-1), .keepdims = true)
                                                : extreme(context, s, order == NUMC_ORDER_SPECTRAL_LEAST, -1);
    return y == NULL ? NULL : numc__matrix_lift(context, y, y->rank);
}

/* Each norm leaves the two axes with size 1. */
static numc_array *matrix_norm(numc_context *context, const numc_array *x, numc_matrix_order order)
{
    if (order == NUMC_ORDER_NUCLEAR || order == NUMC_ORDER_SPECTRAL || order == NUMC_ORDER_SPECTRAL_LEAST)
        return of_singular_values(context, x, order);
    if (order == NUMC_ORDER_FROBENIUS)
        return root_of_squares(context, x, &(numc_reduce_options){.size = sizeof(numc_reduce_options), .axes = NUMC_AXES(-2, -1), .keepdims = true});
    numc_array *a = magnitude(context, x);
    if (a == NULL)
        return NULL;
    bool rows = order == NUMC_ORDER_ROW || order == NUMC_ORDER_ROW_LEAST;
    bool least = order == NUMC_ORDER_COLUMN_LEAST || order == NUMC_ORDER_ROW_LEAST;
    return extreme(context, numc_sum(a, NUMC_AXES(rows ? -1 : -2), .keepdims = true), least, rows ? -2 : -1);
}

numc_array *(numc_linalg_matrix_norm)(const numc_array *x, const numc_matrix_norm_options *options)
{
    const char *name = "numc_linalg_matrix_norm";
    numc_context *context = numc__matrix_enter(name, x, x);
    if (context == NULL)
        return NULL;
    numc_matrix_norm_options known;
    numc_array *y = NULL;
    if (numc__options_copy(context, &known, sizeof known, options, options == NULL ? 0 : options->size, name) == NUMC_OK) {
        if (numc__matrix_check(context, name, x) != NUMC_OK)
            y = NULL;
        else if ((int32_t)known.order < 0 || (int32_t)known.order > (int32_t)NUMC_ORDER_SPECTRAL_LEAST)
            numc__fail(context, NUMC_INVALID_ARGUMENT, "%s: order %d is none of numc_matrix_order", name, (int)known.order);
        else
            y = matrix_norm(context, x, known.order);
        if (y != NULL && !known.keepdims)
            y = numc_squeeze(y, NUMC_AXES(-2, -1));
    }
    return numc__scope_leave(context, y);
}
