/* sets.c - where an array is not zero, its distinct values, membership: compositions of the stable sort, the scan and the
 * search. */
#include "array/state.h"

/* The positions of true in a mask of rank 1. */
static numc_array *positions(numc_context *context, const numc_array *mask)
{
    return mask == NULL ? NULL : numc__mask_positions(context, "numc_unique", mask);
}

static numc_status is_known(numc_context *context, const char *name, const numc_array *x, const char *instead)
{
    NUMC_REQUIRE(context, numc__array_value(x) != NULL, NUMC_TRACE,
                 "%s: the size of the result depends on traced values; inside a trace use %s, or dynamic mode "
                 "(numc_function_dynamic, numc_model_new_dynamic)", name, instead);
    return NUMC_OK;
}

numc_status numc_nonzero(const numc_array *x, numc_array **results, int32_t count)
{
    const char *name = "numc_nonzero";
    for (int32_t i = 0; results != NULL && i < count; i++)
        results[i] = NULL;
    numc_context *context = numc__lane_of(&x, 1, name);
    if (x == NULL)
        return NUMC_INVALID_ARGUMENT;
    if (context == NULL) /* a dead header still names its lane */
        return x->context->status != NUMC_OK ? x->context->status : NUMC_STATE;
    NUMC_TRY(is_known(context, name, x, "numc_where"));
    NUMC_REQUIRE(context, x->rank > 0, NUMC_SHAPE, "%s: the array has rank 0", name);
    NUMC_REQUIRE(context, count == x->rank, NUMC_SHAPE, "%s: %d results for an array of rank %d", name, (int)count, (int)x->rank);
    NUMC_REQUIRE(context, results != NULL, NUMC_INVALID_ARGUMENT, "%s: no place for the results", name);
    NUMC_TRY(numc__scope_enter(context, name));
    numc_array *flat = numc__reshape(context, x, 1, &x->size);
    const numc_array *mask = numc__convert(context, flat, NUMC_BOOL);
    numc_array *rest = mask == NULL ? NULL : numc__mask_positions(context, name, mask);
    for (int32_t d = x->rank - 1; d >= 0 && context->status == NUMC_OK; d--) { /* the digits of a position, last axis first */
        numc_array *quotient = d == 0 ? NULL : numc_floor_divide(rest, x->shape[d]);
        results[d] = d == 0 ? rest : numc_subtract(rest, numc_multiply(quotient, x->shape[d]));
        rest = quotient;
        numc__array_move(results[d], context->scope->outer);
    }
    numc_scope_end(context);
    for (int32_t i = 0; context->status != NUMC_OK && i < count; i++)
        results[i] = NULL;
    return context->status;
}

enum { WANT_INDICES = 1, WANT_INVERSE = 2, WANT_COUNTS = 4 };

static void out(numc_context *context, numc_array **y)
{
    if (*y != NULL && (*y)->frame != context->scope)
        *y = numc__array_alias(context, *y);
    numc__array_move(*y, context->scope->outer);
}

/* The positions that put x (1-d) in order; of complex x, by the imaginary part and then, keeping that order, by the real one. */
static numc_array *order_of(numc_context *context, const numc_array *x)
{
    if (!numc__is_complex(x->dtype))
        return numc_argsort(x);
    numc_array *by_imaginary = numc_argsort(numc_imag(x));
    numc_array *real = by_imaginary == NULL ? NULL : numc__gather(context, numc_real(x), by_imaginary, 0);
    numc_array *by_real = numc_argsort(real);
    return by_real == NULL ? NULL : numc__gather(context, by_imaginary, by_real, 0);
}

/* In sorted order a value begins where it differs from the one before; NaN differs from NaN. The order is stable, so that
 * each run begins with the element met first. */
static void find(numc_context *context, const numc_array *x, int wanted, numc_unique *u)
{
    int64_t n = x->size, one = 1, zero = 0, rest = n - 1;
    numc_array *flat = numc__reshape(context, x, 1, &n);
    if (flat == NULL)
        return;
    if (n == 0) {
        u->values = flat;
        u->indices = u->counts = numc__full(context, NUMC_INT64, 1, &zero, 0);
        u->inverse_indices = numc__full(context, NUMC_INT64, x->rank, x->shape, 0);
        return;
    }
    bool ordered = numc__is_complex(x->dtype) || (wanted & (WANT_INDICES | WANT_INVERSE)) != 0;
    numc_array *order = ordered ? order_of(context, flat) : NULL;
    numc_array *sorted = !ordered ? numc_sort(flat) : order == NULL ? NULL : numc__gather(context, flat, order, 0);
    const numc_array *starts = numc__full(context, NUMC_BOOL, 1, &one, 1);
    if (n > 1) {
        const numc_array *both[2] = {starts, numc_not_equal(numc__slice(context, sorted, &one, &rest, &one),
                                                            numc__slice(context, sorted, &zero, &rest, &one))};
        starts = context->status != NUMC_OK ? NULL : numc_concat(both, 2, 0);
    }
    numc_array *begins = context->status != NUMC_OK ? NULL : positions(context, starts);
    if (begins == NULL)
        return;
    u->values = numc__gather(context, sorted, begins, 0);
    if ((wanted & WANT_INDICES) != 0)
        u->indices = numc__gather(context, order, begins, 0);
    if ((wanted & WANT_COUNTS) != 0) { /* from each beginning to the next, the last to n */
        const numc_array *end = numc__full(context, NUMC_INT64, 1, &one, (double)n);
        rest = begins->size - 1;
        const numc_array *both[2] = {rest == 0 ? end : numc__slice(context, begins, &one, &rest, &one), end};
        const numc_array *ends = context->status != NUMC_OK ? NULL : rest == 0 ? end : numc_concat(both, 2, 0);
        u->counts = numc_subtract(ends, begins);
    }
    if ((wanted & WANT_INVERSE) != 0 && context->status == NUMC_OK) {
        numc_array *group = numc_subtract(numc_cumulative_sum(starts), 1);
        numc_array *y = numc__scatter_rows(context, numc__full(context, NUMC_INT64, 1, &n, 0), order, group);
        u->inverse_indices = numc__reshape(context, y, x->rank, x->shape);
    }
}

static numc_unique unique(const char *name, const numc_array *x, int wanted)
{
    numc_unique u = {NULL, NULL, NULL, NULL};
    const numc_unique none = u;
    numc_context *context = numc__lane_of(&x, 1, name);
    if (context == NULL || is_known(context, name, x, "numc_sort") != NUMC_OK || numc__scope_enter(context, name) != NUMC_OK)
        return none;
    find(context, x, wanted, &u);
    u.indices = (wanted & WANT_INDICES) != 0 ? u.indices : NULL;
    u.inverse_indices = (wanted & WANT_INVERSE) != 0 ? u.inverse_indices : NULL;
    u.counts = (wanted & WANT_COUNTS) != 0 ? u.counts : NULL;
    out(context, &u.values);
    out(context, &u.indices);
    out(context, &u.inverse_indices);
    out(context, &u.counts); /* of nothing, another header of the indices */
    numc_scope_end(context);
    return context->status == NUMC_OK ? u : none;
}

numc_unique numc_unique_all(const numc_array *x)
{
    return unique("numc_unique_all", x, WANT_INDICES | WANT_INVERSE | WANT_COUNTS);
}

numc_unique numc_unique_counts(const numc_array *x)
{
    return unique("numc_unique_counts", x, WANT_COUNTS);
}

numc_unique numc_unique_inverse(const numc_array *x)
{
    return unique("numc_unique_inverse", x, WANT_INVERSE);
}

numc_array *numc_unique_values(const numc_array *x)
{
    return unique("numc_unique_values", x, 0).values;
}

/* The first not below the value, in order, is the value or the value is not there. */
static numc_array *member(numc_context *context, const numc_array *x1, const numc_array *x2)
{
    numc_dtype dtype = numc__promote(x1->dtype, x2->dtype);
    if (dtype == NUMC_DTYPE_DEFAULT) {
        numc__fail(context, NUMC_DTYPE, "numc_isin: %s and %s have no common dtype", numc_dtype_name(x1->dtype),
                   numc_dtype_name(x2->dtype));
        return NULL;
    }
    if (x2->size == 0)
        return numc__full(context, NUMC_BOOL, x1->rank, x1->shape, 0);
    numc_array *values = numc__convert(context, x1, dtype), *set = numc__convert(context, x2, dtype);
    if (numc__is_complex(dtype) && set != NULL && values != NULL) {
        set = numc__reshape(context, set, 1, &x2->size);
        if (values->content == NUMC_CONTENT_TRACED || set->content == NUMC_CONTENT_TRACED)
            return numc_any(numc_equal(numc_expand_dims(values, NUMC_AXES(-1)), set), NUMC_AXES(-1));
        /* no order to search in: numbers stand for the distinct values of both */
        const numc_array *both[2] = {set, numc__reshape(context, values, 1, &x1->size)};
        numc_array *all = both[1] == NULL ? NULL : numc_concat(both, 2, 0);
        numc_unique u = {NULL, NULL, NULL, NULL};
        if (all != NULL)
            find(context, all, WANT_INVERSE, &u);
        int64_t zero = 0, one = 1;
        set = numc__slice(context, u.inverse_indices, &zero, &x2->size, &one);
        values = numc__slice(context, u.inverse_indices, &x2->size, &x1->size, &one);
        values = numc__reshape(context, values, x1->rank, x1->shape);
        x1 = values;
    }
    set = set == NULL ? NULL : numc_sort(numc__reshape(context, set, 1, &x2->size));
    numc_array *at = context->status != NUMC_OK ? NULL : numc_searchsorted(set, values);
    return at == NULL ? NULL : numc_equal(numc__gather(context, set, at, 0), values);
}

numc_array *numc_isin_(numc_operand x1, numc_operand x2, const numc_isin_options *options)
{
    const char *name = "numc_isin";
    const numc_array *arrays[2];
    int32_t count = 0;
    if (x1.kind == NUMC_OPERAND_ARRAY)
        arrays[count++] = x1.value.array;
    if (x2.kind == NUMC_OPERAND_ARRAY)
        arrays[count++] = x2.value.array;
    numc_context *context = count == 0 ? NULL : numc__lane_of(arrays, count, name);
    numc_isin_options known;
    if (context == NULL
        || numc__options_copy(context, &known, sizeof known, options, options == NULL ? 0 : options->size, name) != NUMC_OK
        || numc__scope_enter(context, name) != NUMC_OK)
        return NULL;
    const numc_array *sought = numc__operand_array(context, x1, arrays[0]), *set = numc__operand_array(context, x2, arrays[0]);
    numc_array *y = sought == NULL || set == NULL ? NULL : member(context, sought, set);
    return numc__scope_leave(context, known.invert ? numc_logical_not(y) : y);
}
