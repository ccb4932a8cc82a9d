/* rules_reduce.c - derivative rules of reductions, cumulative operations and sort. */
#include <string.h>

#include "graph/derivative.h"
#include "numc/function.h"

#define DONE(a) return (a)->context->status

/* ---- reductions -------------------------------------------------------------------------------------------------- */

/* A result of the reduction put back over the reduced axes. */
static numc_array *spread(const numc_application *a, const numc_array *r)
{
    const numc_array *x = a->x[0];
    int64_t shape[NUMC_RANK_LIMIT];
    for (int32_t i = 0; i < x->rank; i++)
        shape[i] = x->shape[i];
    for (int32_t i = 0; i < a->attributes->count; i++)
        shape[a->attributes->numbers[i]] = 1;
    numc_array *kept = numc__reshape_to(a->context, r, x->rank, shape);
    if (a->attributes->count == 0)
        return kept;
    return numc__apply_numbers(a->context, NUMC_PRIMITIVE_BROADCAST, (const numc_array *[]){kept}, 1, x->shape, x->rank);
}

static numc_array *sum_as(const numc_application *a, const numc_array *x)
{
    return numc__apply_numbers(a->context, NUMC_PRIMITIVE_REDUCE_SUM, &x, 1, a->attributes->numbers, a->attributes->count);
}

numc_status numc__jvp_reduce_sum(const numc_application *a, const numc_array *const *dx, numc_array **dy)
{
    dy[0] = sum_as(a, dx[0]);
    DONE(a);
}

numc_status numc__vjp_reduce_sum(const numc_application *a, const numc_array *const *ybar, const bool *wanted, numc_array **xbar)
{
    (void)wanted;
    xbar[0] = spread(a, ybar[0]);
    DONE(a);
}

/* x shifted by one along axis, a one in front (at the end when reverse). */
static numc_array *shifted(numc_context *context, const numc_array *x, int32_t axis, bool reverse)
{
    if (x == NULL)
        return NULL;
    int32_t rank = x->rank;
    if (x->shape[axis] == 0)
        return (numc_array *)(uintptr_t)x;
    int64_t numbers[3 * NUMC_RANK_LIMIT] = {0};
    for (int32_t i = 0; i < rank; i++) {
        numbers[i] = i == axis && reverse ? 1 : 0;
        numbers[rank + i] = x->shape[i] - (i == axis);
        numbers[2 * rank + i] = 1;
    }
    numc_array *part = numc__apply_numbers(context, NUMC_PRIMITIVE_SLICE, &x, 1, numbers, 3 * rank);
    if (part == NULL)
        return NULL;
    for (int32_t i = 0; i < 3 * rank; i++)
        numbers[i] = i == axis + (reverse ? 2 * rank : 0);
    numc_array *one = numc_ones_(context, x->dtype, (numc_shape){NULL, 0, true});
    return numc__apply_numbers(context, NUMC_PRIMITIVE_PAD, (const numc_array *[]){part, one}, 2, numbers, 3 * rank);
}

/* The product of all other elements, from products before and after each: right where elements are zero, and again under
 * differentiation, since the cumulative product's rule is. */
static numc_array *others(const numc_application *a)
{
    numc_context *context = a->context;
    const numc_array *x = a->x[0];
    int64_t axes[NUMC_RANK_LIMIT], inverse[NUMC_RANK_LIMIT], shape[NUMC_RANK_LIMIT], flat[2] = {1, 1};
    bool reduced[NUMC_RANK_LIMIT] = {false};
    for (int32_t i = 0; i < a->attributes->count; i++)
        reduced[a->attributes->numbers[i]] = true;
    int32_t next = 0;
    for (int pass = 0; pass < 2; pass++) {
        for (int32_t i = 0; i < x->rank; i++) {
            if (reduced[i] != (pass == 1))
                continue;
            flat[pass] *= x->shape[i];
            inverse[i] = next;
            shape[next] = x->shape[i];
            axes[next++] = i;
        }
    }
    numc_array *rows = numc__reshape_to(context, numc__permute_by(context, x, axes), 2, flat);
    numc_array *products[2];
    for (int reverse = 0; reverse < 2; reverse++) {
        const int64_t numbers[2] = {1, reverse};
        numc_array *all = numc__apply_numbers(context, NUMC_PRIMITIVE_CUMULATIVE_PROD, (const numc_array *[]){rows}, 1, numbers, 2);
        products[reverse] = shifted(context, all, 1, reverse != 0);
    }
    numc_array *result = numc__reshape_to(context, numc_multiply(products[0], products[1]), x->rank, shape);
    return numc__permute_by(context, result, inverse);
}

numc_status numc__jvp_reduce_prod(const numc_application *a, const numc_array *const *dx, numc_array **dy)
{
    dy[0] = sum_as(a, numc_multiply(others(a), dx[0]));
    DONE(a);
}

numc_status numc__vjp_reduce_prod(const numc_application *a, const numc_array *const *ybar, const bool *wanted, numc_array **xbar)
{
    (void)wanted;
    xbar[0] = numc_multiply(others(a), spread(a, ybar[0]));
    DONE(a);
}

/* Maximum and minimum: the elements equal to the result share its slope. */
static numc_array *winners(const numc_application *a)
{
    return numc_equal(a->x[0], spread(a, a->y[0]));
}

static numc_array *winner_count(const numc_application *a, const numc_array *mask)
{
    return sum_as(a, numc_astype(mask, a->x[0]->dtype));
}

numc_status numc__jvp_reduce_max(const numc_application *a, const numc_array *const *dx, numc_array **dy)
{
    numc_array *mask = winners(a);
    dy[0] = numc_divide(sum_as(a, numc_where(mask, dx[0], 0.0)), winner_count(a, mask));
    DONE(a);
}

numc_status numc__vjp_reduce_max(const numc_application *a, const numc_array *const *ybar, const bool *wanted, numc_array **xbar)
{
    (void)wanted;
    numc_array *mask = winners(a);
    xbar[0] = numc_where(mask, spread(a, numc_divide(ybar[0], winner_count(a, mask))), 0.0);
    DONE(a);
}

/* ---- cumulative -------------------------------------------------------------------------------------------------- */

static numc_array *cumulative(const numc_application *a, int32_t primitive, const numc_array *x, bool opposite)
{
    const int64_t numbers[2] = {a->attributes->numbers[0], (a->attributes->numbers[1] != 0) != opposite};
    return numc__apply_numbers(a->context, primitive, &x, 1, numbers, 2);
}

numc_status numc__jvp_cumulative_sum(const numc_application *a, const numc_array *const *dx, numc_array **dy)
{
    dy[0] = cumulative(a, NUMC_PRIMITIVE_CUMULATIVE_SUM, dx[0], false);
    DONE(a);
}

numc_status numc__vjp_cumulative_sum(const numc_application *a, const numc_array *const *ybar, const bool *wanted,
                                     numc_array **xbar)
{
    (void)wanted;
    xbar[0] = cumulative(a, NUMC_PRIMITIVE_CUMULATIVE_SUM, ybar[0], true);
    DONE(a);
}

/* Inputs t (carry), x, p = y before, d; y_j = y_{j-1} x_j, so dy_j = dy_{j-1} x_j + p_j dx_j. */
static void product_forward_step(numc_context *context, const numc_array *const *in, int32_t input_count, numc_array **out,
                                 int32_t output_count, void *user)
{
    (void)context, (void)input_count, (void)output_count, (void)user;
    out[0] = numc_add(numc_multiply(in[0], in[1]), numc_multiply(in[2], in[3]));
    out[1] = out[0];
}

/* Backwards: s_j = ybar_j + x_{j+1} s_{j+1}, xbar_j = p_j s_j; the carry is x_{j+1} s_{j+1}. */
static void product_backward_step(numc_context *context, const numc_array *const *in, int32_t input_count, numc_array **out,
                                  int32_t output_count, void *user)
{
    (void)context, (void)input_count, (void)output_count, (void)user;
    numc_array *s = numc_add(in[3], in[0]);
    out[0] = numc_multiply(in[1], s);
    out[1] = numc_multiply(in[2], s);
}

/* Runs one of these recurrences along the axis; dividing by x instead would fail where it is zero. */
static numc_array *product_recurrence(const numc_application *a, const numc_array *d, bool backward)
{
    numc_context *context = a->context;
    const numc_array *x = a->x[0];
    int32_t axis = (int32_t)a->attributes->numbers[0];
    bool reverse = a->attributes->numbers[1] != 0;
    int64_t axes[NUMC_RANK_LIMIT], inverse[NUMC_RANK_LIMIT], shape[NUMC_RANK_LIMIT];
    axes[0] = axis;
    for (int32_t i = 0, next = 1; i < x->rank; i++) {
        if (i != axis) {
            shape[next - 1] = x->shape[i];
            axes[next++] = i;
        }
    }
    for (int32_t i = 0; i < x->rank; i++)
        inverse[axes[i]] = i;
    const numc_array *sequences[3] = {
        numc__permute_by(context, x, axes),
        numc__permute_by(context, shifted(context, a->y[0], axis, reverse), axes),
        numc__permute_by(context, d, axes),
    };
    const numc_array *carry = numc_zeros_(context, x->dtype, (numc_shape){shape, x->rank - 1, true});
    numc_array *outputs[2];
    numc_scan_options options = {.size = sizeof options, .reverse = reverse != backward};
    if (context->status != NUMC_OK ||
        numc_scan_(context, backward ? product_backward_step : product_forward_step, NULL, &carry, 1, sequences, 3,
                   outputs, 1, &options) != NUMC_OK)
        return NULL;
    return numc__permute_by(context, outputs[1], inverse);
}

numc_status numc__jvp_cumulative_prod(const numc_application *a, const numc_array *const *dx, numc_array **dy)
{
    dy[0] = product_recurrence(a, dx[0], false);
    DONE(a);
}

numc_status numc__vjp_cumulative_prod(const numc_application *a, const numc_array *const *ybar, const bool *wanted,
                                      numc_array **xbar)
{
    (void)wanted;
    xbar[0] = product_recurrence(a, ybar[0], true);
    DONE(a);
}

/* Where the running maximum was reached first: positions of new records, carried along by a running maximum (in the order of
 * the cumulation, so that it works in reverse too). */
static numc_array *record_positions(const numc_application *a)
{
    numc_context *context = a->context;
    const numc_array *x = a->x[0], *y = a->y[0];
    int32_t axis = (int32_t)a->attributes->numbers[0];
    bool reverse = a->attributes->numbers[1] != 0;
    int32_t rank = x->rank;
    int64_t numbers[1 + NUMC_RANK_LIMIT], n = x->shape[axis];
    numbers[0] = axis;
    for (int32_t i = 0; i < rank; i++)
        numbers[1 + i] = x->shape[i];
    numc_attributes attributes = {.count = 1 + rank, .numbers = numbers, .dtype = NUMC_INT64};
    numc_array *place = numc__bind1(context, NUMC_PRIMITIVE_IOTA, NULL, 0, &attributes);
    numc_array *rank_of = reverse ? numc_subtract(n - 1, place) : place;
    numc_array *before = shifted(context, y, axis, reverse);
    numc_array *record = numc_logical_or(numc_equal(rank_of, 0), numc_greater(x, before));
    numc_array *last = cumulative(a, NUMC_PRIMITIVE_CUMULATIVE_MAX, numc_where(record, rank_of, 0), false);
    return reverse ? numc_subtract(n - 1, last) : last;
}

numc_status numc__jvp_cumulative_max(const numc_application *a, const numc_array *const *dx, numc_array **dy)
{
    dy[0] = numc__gather_along(a->context, dx[0], record_positions(a), (int32_t)a->attributes->numbers[0]);
    DONE(a);
}

numc_status numc__vjp_cumulative_max(const numc_application *a, const numc_array *const *ybar, const bool *wanted,
                                     numc_array **xbar)
{
    (void)wanted;
    numc_type type = numc__type_of(a->x[0]);
    xbar[0] = numc__scatter_along(a->context, &type, record_positions(a), ybar[0], (int32_t)a->attributes->numbers[0]);
    DONE(a);
}

/* ---- sort -------------------------------------------------------------------------------------------------------- */

numc_status numc__jvp_sort(const numc_application *a, const numc_array *const *dx, numc_array **dy)
{
    dy[0] = numc__gather_along(a->context, dx[0], a->y[1], (int32_t)a->attributes->numbers[0]);
    DONE(a);
}

numc_status numc__vjp_sort(const numc_application *a, const numc_array *const *ybar, const bool *wanted, numc_array **xbar)
{
    (void)wanted;
    numc_type type = numc__type_of(a->x[0]);
    xbar[0] = numc__scatter_along(a->context, &type, a->y[1], ybar[0], (int32_t)a->attributes->numbers[0]);
    DONE(a);
}
