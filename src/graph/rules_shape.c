/* rules_shape.c - derivative rules of primitives that move elements: conversion, shapes, indexing, gather and scatter. All are
 * linear in what they move, so the forward rule is the primitive itself and the reverse rule its adjoint. */
#include <string.h>

#include "graph/derivative.h"

/* ---- helpers ----------------------------------------------------------------------------------------------------- */

static numc_shape shape_of(int32_t rank, const int64_t *shape)
{
    return (numc_shape){shape, rank, true};
}

numc_array *numc__zeros_of(numc_context *context, const numc_type *type)
{
    return numc_zeros_(context, type->dtype, shape_of(type->rank, type->shape));
}

numc_array *numc__apply_numbers(numc_context *context, int32_t primitive, const numc_array *const *inputs,
                                int32_t input_count, const int64_t *numbers, int32_t count)
{
    if (context->status != NUMC_OK)
        return NULL;
    numc_attributes attributes = {.count = count, .numbers = numbers};
    return numc__bind1(context, primitive, inputs, input_count, &attributes);
}

numc_array *numc__reshape_to(numc_context *context, const numc_array *x, int32_t rank, const int64_t *shape)
{
    bool same = x != NULL && x->rank == rank;
    for (int32_t i = 0; same && i < rank; i++)
        same = x->shape[i] == shape[i];
    if (same)
        return (numc_array *)(uintptr_t)x;
    return numc__apply_numbers(context, NUMC_PRIMITIVE_RESHAPE, &x, 1, shape, rank);
}

numc_array *numc__permute_by(numc_context *context, const numc_array *x, const int64_t *axes)
{
    bool same = x != NULL;
    for (int32_t i = 0; same && i < x->rank; i++)
        same = axes[i] == i;
    if (same || x == NULL)
        return (numc_array *)(uintptr_t)x;
    return numc__apply_numbers(context, NUMC_PRIMITIVE_PERMUTE, &x, 1, axes, x->rank);
}

/* The primitive again, on tangents. */
static numc_array *same(const numc_application *a, const numc_array *const *inputs)
{
    return numc__bind1(a->context, a->primitive, inputs, a->input_count, a->attributes);
}

static const numc_array *or_zeros(const numc_application *a, const numc_array *tangent, int32_t k)
{
    return tangent != NULL ? tangent : numc__zeros_as(a->context, a->x[k]);
}

#define DONE(a) return (a)->context->status

/* Moves `axis` to the end: axes[] for PERMUTE and its inverse. */
static void to_end(int32_t rank, int32_t axis, int64_t *axes, int64_t *inverse)
{
    for (int32_t i = 0, next = 0; i < rank; i++) {
        if (i != axis)
            axes[next++] = i;
    }
    axes[rank - 1] = axis;
    for (int32_t i = 0; i < rank; i++)
        inverse[axes[i]] = i;
}

/* Positions in the flattened [outer, n] of indices [outer, m] (given with their axis last), flattened. */
static numc_array *flat_positions(numc_context *context, const numc_array *indices, int64_t n)
{
    if (indices == NULL)
        return NULL;
    int64_t m = indices->rank > 0 ? indices->shape[indices->rank - 1] : 1;
    int64_t numbers[3] = {0, m == 0 ? 0 : indices->size / m, m}; /* axis, outer, m */
    if (numbers[1] == 1)
        return numc__reshape_to(context, numc_astype(indices, NUMC_INT64), 1, &indices->size);
    numc_attributes attributes = {.count = 3, .numbers = numbers, .dtype = NUMC_INT64};
    numc_array *outer = numc__bind1(context, NUMC_PRIMITIVE_IOTA, NULL, 0, &attributes);
    numc_array *inner = numc__reshape_to(context, numc_astype(indices, NUMC_INT64), 2, numbers + 1);
    numc_array *positions = numc_add(numc_multiply(outer, n), inner);
    return numc__reshape_to(context, positions, 1, &indices->size);
}

numc_array *numc__gather_along(numc_context *context, const numc_array *x, const numc_array *indices, int32_t axis)
{
    if (x == NULL || indices == NULL)
        return NULL;
    int64_t axes[NUMC_RANK_LIMIT], inverse[NUMC_RANK_LIMIT], shape[NUMC_RANK_LIMIT];
    to_end(x->rank, axis, axes, inverse);
    numc_array *last = numc__permute_by(context, indices, axes);
    numc_array *positions = flat_positions(context, last, x->shape[axis]);
    numc_array *flat = numc__reshape_to(context, numc__permute_by(context, x, axes), 1, &x->size);
    for (int32_t i = 0; i < x->rank; i++)
        shape[i] = indices->shape[axes[i]];
    const int64_t along = 0;
    numc_array *taken =
        numc__apply_numbers(context, NUMC_PRIMITIVE_GATHER, (const numc_array *[]){flat, positions}, 2, &along, 1);
    return numc__permute_by(context, numc__reshape_to(context, taken, x->rank, shape), inverse);
}

numc_array *numc__scatter_along(numc_context *context, const numc_type *type, const numc_array *indices,
                                const numc_array *values, int32_t axis)
{
    if (indices == NULL || values == NULL)
        return NULL;
    int64_t axes[NUMC_RANK_LIMIT], inverse[NUMC_RANK_LIMIT], shape[NUMC_RANK_LIMIT], size = 1;
    to_end(type->rank, axis, axes, inverse);
    for (int32_t i = 0; i < type->rank; i++) {
        shape[i] = type->shape[axes[i]];
        size *= shape[i];
    }
    numc_array *last = numc__permute_by(context, indices, axes);
    numc_array *positions = flat_positions(context, last, type->shape[axis]);
    numc_array *flat = numc__reshape_to(context, numc__permute_by(context, values, axes), 1, &values->size);
    numc_array *zeros = numc_zeros_(context, type->dtype, shape_of(1, &size));
    const int64_t numbers[2] = {0, 1}; /* axis, add */
    numc_array *sum = numc__apply_numbers(context, NUMC_PRIMITIVE_SCATTER,
                                          (const numc_array *[]){zeros, positions, flat}, 3, numbers, 2);
    return numc__permute_by(context, numc__reshape_to(context, sum, type->rank, shape), inverse);
}

/* ---- conversion -------------------------------------------------------------------------------------------------- */

numc_status numc__jvp_convert(const numc_application *a, const numc_array *const *dx, numc_array **dy)
{
    if (numc__differentiable(a->y[0]->dtype))
        dy[0] = numc_astype(dx[0], a->y[0]->dtype);
    DONE(a);
}

numc_status numc__vjp_convert(const numc_application *a, const numc_array *const *ybar, const bool *wanted, numc_array **xbar)
{
    (void)wanted;
    bool parts = numc__is_complex(ybar[0]->dtype) && !numc__is_complex(a->x[0]->dtype);
    xbar[0] = numc_astype(parts ? numc_real(ybar[0]) : ybar[0], a->x[0]->dtype);
    DONE(a);
}

/* ---- parts of complex values: transposes without conjugation ----------------------------------------------------- */

numc_status numc__jvp_real(const numc_application *a, const numc_array *const *dx, numc_array **dy)
{
    dy[0] = same(a, dx);
    DONE(a);
}

numc_status numc__vjp_real(const numc_application *a, const numc_array *const *ybar, const bool *wanted, numc_array **xbar)
{
    (void)wanted;
    xbar[0] = numc_complex(ybar[0], 0.0);
    DONE(a);
}

numc_status numc__jvp_imag(const numc_application *a, const numc_array *const *dx, numc_array **dy)
{
    dy[0] = same(a, dx);
    DONE(a);
}

numc_status numc__vjp_imag(const numc_application *a, const numc_array *const *ybar, const bool *wanted, numc_array **xbar)
{
    (void)wanted;
    xbar[0] = numc_complex(0.0, numc_negative(ybar[0]));
    DONE(a);
}

numc_status numc__jvp_complex(const numc_application *a, const numc_array *const *dx, numc_array **dy)
{
    dy[0] = same(a, (const numc_array *[]){or_zeros(a, dx[0], 0), or_zeros(a, dx[1], 1)});
    DONE(a);
}

numc_status numc__vjp_complex(const numc_application *a, const numc_array *const *ybar, const bool *wanted, numc_array **xbar)
{
    if (wanted[0])
        xbar[0] = numc_real(ybar[0]);
    if (wanted[1])
        xbar[1] = numc_negative(numc_imag(ybar[0]));
    DONE(a);
}

/* ---- shapes ------------------------------------------------------------------------------------------------------ */

#define SAME_FORWARD(name)                                                                         \
    numc_status numc__jvp_##name(const numc_application *a, const numc_array *const *dx, numc_array **dy) \
    {                                                                                              \
        dy[0] = same(a, dx);                                                                       \
        DONE(a);                                                                                   \
    }
SAME_FORWARD(broadcast)
SAME_FORWARD(reshape)
SAME_FORWARD(permute)
SAME_FORWARD(slice)
SAME_FORWARD(flip)

/* Broadcast repeats; its adjoint sums over the new axes and those that were 1. */
numc_status numc__vjp_broadcast(const numc_application *a, const numc_array *const *ybar, const bool *wanted, numc_array **xbar)
{
    (void)wanted;
    const numc_array *x = a->x[0], *y = a->y[0];
    int64_t axes[NUMC_RANK_LIMIT];
    int32_t count = 0, lead = y->rank - x->rank;
    for (int32_t i = 0; i < y->rank; i++) {
        if (i < lead || (x->shape[i - lead] == 1 && y->shape[i] != 1))
            axes[count++] = i;
    }
    numc_array *sum = (numc_array *)(uintptr_t)ybar[0];
    if (count > 0)
        sum = numc__apply_numbers(a->context, NUMC_PRIMITIVE_REDUCE_SUM, ybar, 1, axes, count);
    if (sum != NULL && sum->rank != x->rank)
        sum = numc__reshape_to(a->context, sum, x->rank, x->shape);
    xbar[0] = sum;
    DONE(a);
}

numc_status numc__vjp_reshape(const numc_application *a, const numc_array *const *ybar, const bool *wanted, numc_array **xbar)
{
    (void)wanted;
    xbar[0] = numc__reshape_to(a->context, ybar[0], a->x[0]->rank, a->x[0]->shape);
    DONE(a);
}

numc_status numc__vjp_permute(const numc_application *a, const numc_array *const *ybar, const bool *wanted, numc_array **xbar)
{
    (void)wanted;
    int64_t inverse[NUMC_RANK_LIMIT];
    for (int32_t i = 0; i < a->attributes->count; i++)
        inverse[a->attributes->numbers[i]] = i;
    xbar[0] = numc__permute_by(a->context, ybar[0], inverse);
    DONE(a);
}

numc_status numc__vjp_slice(const numc_application *a, const numc_array *const *ybar, const bool *wanted, numc_array **xbar)
{
    (void)wanted;
    const numc_array *x = a->x[0];
    int32_t rank = x->rank;
    const int64_t *start = a->attributes->numbers, *count = start + rank, *step = count + rank;
    int64_t numbers[3 * NUMC_RANK_LIMIT];
    for (int32_t i = 0; i < rank; i++) {
        if (count[i] == 0)
            return NUMC_OK; /* nothing was taken */
        numbers[i] = start[i];
        numbers[rank + i] = step[i] - 1;
        numbers[2 * rank + i] = x->shape[i] - start[i] - (count[i] - 1) * step[i] - 1;
    }
    numc_array *zero = numc_zeros_(a->context, x->dtype, shape_of(0, NULL));
    xbar[0] = numc__apply_numbers(a->context, NUMC_PRIMITIVE_PAD, (const numc_array *[]){ybar[0], zero}, 2, numbers, 3 * rank);
    DONE(a);
}

numc_status numc__vjp_flip(const numc_application *a, const numc_array *const *ybar, const bool *wanted, numc_array **xbar)
{
    (void)wanted;
    xbar[0] = same(a, ybar);
    DONE(a);
}

numc_status numc__jvp_pad(const numc_application *a, const numc_array *const *dx, numc_array **dy)
{
    dy[0] = same(a, (const numc_array *[]){or_zeros(a, dx[0], 0), or_zeros(a, dx[1], 1)});
    DONE(a);
}

numc_status numc__vjp_pad(const numc_application *a, const numc_array *const *ybar, const bool *wanted, numc_array **xbar)
{
    const numc_array *x = a->x[0];
    int32_t rank = x->rank;
    int64_t numbers[3 * NUMC_RANK_LIMIT], axes[NUMC_RANK_LIMIT];
    for (int32_t i = 0; i < rank; i++) {
        numbers[i] = x->shape[i] == 0 ? 0 : a->attributes->numbers[i];
        numbers[rank + i] = x->shape[i];
        numbers[2 * rank + i] = a->attributes->numbers[rank + i] + 1;
        axes[i] = i;
    }
    numc_array *inner = numc__apply_numbers(a->context, NUMC_PRIMITIVE_SLICE, ybar, 1, numbers, 3 * rank);
    if (wanted[0])
        xbar[0] = inner;
    if (wanted[1]) { /* a mask: the total less the inner part would lose digits, and meet the inner part's infinities */
        const numc_array *places[2] = {numc_zeros_(a->context, NUMC_BOOL, (numc_shape){x->shape, rank, true}),
                                       numc_number_(a->context, NUMC_BOOL, numc_operand_bool(true))};
        numc_array *around = numc__bind1(a->context, NUMC_PRIMITIVE_PAD, places, 2, a->attributes);
        numc_array *given = numc_where(around, ybar[0], numc__zeros_as(a->context, ybar[0]));
        xbar[1] = numc__apply_numbers(a->context, NUMC_PRIMITIVE_REDUCE_SUM, (const numc_array *[]){given}, 1, axes, rank);
    }
    DONE(a);
}

numc_status numc__jvp_concat(const numc_application *a, const numc_array *const *dx, numc_array **dy)
{
    size_t size = (size_t)a->input_count * sizeof(void *);
    const numc_array **parts = numc__allocate(a->context, size);
    if (parts == NULL)
        return a->context->status;
    for (int32_t k = 0; k < a->input_count; k++)
        parts[k] = or_zeros(a, dx[k], k);
    if (a->context->status == NUMC_OK)
        dy[0] = same(a, parts);
    numc__free(a->context, parts, size);
    DONE(a);
}

numc_status numc__vjp_concat(const numc_application *a, const numc_array *const *ybar, const bool *wanted, numc_array **xbar)
{
    int32_t rank = a->y[0]->rank, axis = (int32_t)a->attributes->numbers[0];
    int64_t numbers[3 * NUMC_RANK_LIMIT], offset = 0;
    for (int32_t k = 0; k < a->input_count; k++) {
        const numc_array *x = a->x[k];
        for (int32_t i = 0; i < rank; i++) {
            numbers[i] = i == axis ? offset : 0;
            numbers[rank + i] = x->shape[i];
            numbers[2 * rank + i] = 1;
        }
        offset += x->shape[axis];
        if (wanted[k])
            xbar[k] = numc__apply_numbers(a->context, NUMC_PRIMITIVE_SLICE, ybar, 1, numbers, 3 * rank);
    }
    DONE(a);
}

/* ---- gather and scatter ------------------------------------------------------------------------------------------ */

numc_status numc__jvp_gather(const numc_application *a, const numc_array *const *dx, numc_array **dy)
{
    dy[0] = same(a, (const numc_array *[]){dx[0], a->x[1]});
    DONE(a);
}

/* Adds each cotangent where its element came from; gather clamps its indices, so the adjoint does too. */
numc_status numc__vjp_gather(const numc_application *a, const numc_array *const *ybar, const bool *wanted, numc_array **xbar)
{
    (void)wanted;
    const numc_array *x = a->x[0], *indices = a->x[1];
    int32_t axis = (int32_t)a->attributes->numbers[0];
    int64_t shape[NUMC_RANK_LIMIT];
    if (indices->size == 0)
        return NUMC_OK;
    for (int32_t i = 0; i < x->rank; i++)
        shape[i] = i == axis ? indices->size : x->shape[i];
    numc_array *clamped = numc_minimum(numc_maximum(indices, 0), x->shape[axis] - 1);
    const numc_array *inputs[3] = {
        numc__zeros_as(a->context, x),
        numc__reshape_to(a->context, clamped, 1, &indices->size),
        numc__reshape_to(a->context, ybar[0], x->rank, shape),
    };
    const int64_t numbers[2] = {axis, 1};
    xbar[0] = numc__apply_numbers(a->context, NUMC_PRIMITIVE_SCATTER, inputs, 3, numbers, 2);
    DONE(a);
}

numc_status numc__jvp_scatter(const numc_application *a, const numc_array *const *dx, numc_array **dy)
{
    dy[0] = same(a, (const numc_array *[]){or_zeros(a, dx[0], 0), a->x[1], or_zeros(a, dx[2], 2)});
    DONE(a);
}

/* A mask of the values that are seen in y, in the shape of values: for add those whose index is in range; for set, of these,
 * the one that was written last at its place: the positions 0, 1, ... are scattered the same way and looked up again. */
static numc_array *visible(const numc_application *a, int32_t axis, bool add)
{
    numc_context *context = a->context;
    const numc_array *indices = a->x[1], *values = a->x[2];
    int64_t n = a->x[0]->shape[axis];
    numc_array *mask;
    if (add) {
        mask = numc_logical_and(numc_greater_equal(indices, 0), numc_less(indices, n));
    } else {
        const int64_t numbers[2] = {0, indices->size}, along[2] = {0, 0};
        numc_attributes attributes = {.count = 2, .numbers = numbers, .dtype = NUMC_INT64};
        numc_array *order = numc__bind1(context, NUMC_PRIMITIVE_IOTA, NULL, 0, &attributes);
        numc_array *nobody = numc_full_(context, NUMC_INT64, shape_of(1, &n), numc_operand_integer(-1));
        numc_array *owner = numc__apply_numbers(context, NUMC_PRIMITIVE_SCATTER,
                                                (const numc_array *[]){nobody, indices, order}, 3, along, 2);
        numc_array *looked_up = numc__apply_numbers(context, NUMC_PRIMITIVE_GATHER,
                                                    (const numc_array *[]){owner, indices}, 2, along, 1);
        mask = numc_equal(looked_up, order);
    }
    int64_t shape[NUMC_RANK_LIMIT];
    for (int32_t i = 0; i < values->rank; i++)
        shape[i] = i == axis ? indices->size : 1;
    mask = numc__reshape_to(context, mask, values->rank, shape);
    return numc_broadcast_to(mask, shape_of(values->rank, values->shape));
}

numc_status numc__vjp_scatter(const numc_application *a, const numc_array *const *ybar, const bool *wanted, numc_array **xbar)
{
    int32_t axis = (int32_t)a->attributes->numbers[0];
    bool add = a->attributes->numbers[1] != 0;
    const numc_array *indices = a->x[1];
    if (wanted[0]) {
        xbar[0] = (numc_array *)(uintptr_t)ybar[0];
        if (!add)
            xbar[0] = same(a, (const numc_array *[]){ybar[0], indices, numc__zeros_as(a->context, a->x[2])});
    }
    if (wanted[2] && a->x[2]->size > 0) {
        const int64_t along = axis;
        numc_array *taken = numc__apply_numbers(a->context, NUMC_PRIMITIVE_GATHER,
                                                (const numc_array *[]){ybar[0], indices}, 2, &along, 1);
        xbar[2] = numc_where(visible(a, axis, add), taken, 0.0);
    }
    DONE(a);
}
