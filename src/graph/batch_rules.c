/* batch_rules.c - batching rules of all primitives but control flow. B is the size of the batch; shapes are given without it. */
#include "graph/batch.h"

#define DONE(b) return (b)->context->status

/* ---- helpers ----------------------------------------------------------------------------------------------------- */

numc_array *numc__batch_spread(numc_context *context, int64_t size, const numc_array *x)
{
    int64_t shape[NUMC_RANK_LIMIT + 1] = {size};
    if (x == NULL)
        return NULL;
    for (int32_t d = 0; d < x->rank; d++)
        shape[d + 1] = x->shape[d];
    return numc__apply_numbers(context, NUMC_PRIMITIVE_BROADCAST, &x, 1, shape, x->rank + 1);
}

numc_array *numc__batch_operand(const numc_batching *b, int32_t k)
{
    return b->mapped[k] ? (numc_array *)(uintptr_t)b->x[k] : numc__batch_spread(b->context, b->size, b->x[k]);
}

numc_array *numc__batch_move(numc_context *context, const numc_array *x, int32_t from, int32_t to)
{
    int64_t axes[NUMC_RANK_LIMIT];
    if (x == NULL)
        return NULL;
    for (int32_t i = 0, next = 0; i < x->rank; i++) {
        next += next == from;
        axes[i] = i == to ? from : next++;
    }
    return numc__permute_by(context, x, axes);
}

static numc_array *numbers_of(const numc_batching *b, const numc_array *x, const int64_t *numbers, int32_t count)
{
    return numc__apply_numbers(b->context, b->primitive, &x, 1, numbers, count);
}

/* The batch's positions 0 .. B-1, int64, in the shape [B, 1, ...] of that rank. */
static numc_array *positions(const numc_batching *b, int32_t rank)
{
    int64_t numbers[1 + NUMC_RANK_LIMIT] = {0, b->size};
    for (int32_t d = 1; d < rank; d++)
        numbers[1 + d] = 1;
    numc_attributes attributes = {.count = 1 + rank, .numbers = numbers, .dtype = NUMC_INT64};
    return numc__bind1(b->context, NUMC_PRIMITIVE_IOTA, NULL, 0, &attributes);
}

/* ---- the primitive again ----------------------------------------------------------------------------------------- */

/* All operands get the batch. Draws too: one key for all elements gives all the same draws. */
numc_status numc__batch_elementwise(const numc_batching *b, numc_array **y, bool *mapped_y)
{
    (void)mapped_y;
    const numc_array *x[4];
    for (int32_t k = 0; k < b->input_count; k++)
        x[k] = numc__batch_operand(b, k);
    NUMC_TRY(b->context->status);
    return numc__bind(b->context, b->primitive, x, b->input_count, b->attributes, y, b->output_count);
}

/* One operand, batched over leading axes by its definition. */
numc_status numc__batch_leading(const numc_batching *b, numc_array **y, bool *mapped_y)
{
    (void)mapped_y;
    return numc__bind(b->context, b->primitive, b->x, b->input_count, b->attributes, y, b->output_count);
}

/* One operand; every number is an axis. */
numc_status numc__batch_shift_axes(const numc_batching *b, numc_array **y, bool *mapped_y)
{
    (void)mapped_y;
    int64_t numbers[NUMC_RANK_LIMIT];
    for (int32_t i = 0; i < b->attributes->count; i++)
        numbers[i] = b->attributes->numbers[i] + 1;
    y[0] = numbers_of(b, b->x[0], numbers, b->attributes->count);
    DONE(b);
}

/* One operand; the first number is an axis, the others are not. */
numc_status numc__batch_shift_axis(const numc_batching *b, numc_array **y, bool *mapped_y)
{
    (void)mapped_y;
    int64_t numbers[NUMC_RANK_LIMIT];
    for (int32_t i = 0; i < b->attributes->count; i++)
        numbers[i] = b->attributes->numbers[i] + (i == 0);
    numc_attributes attributes = *b->attributes;
    attributes.numbers = numbers;
    return numc__bind(b->context, b->primitive, b->x, 1, &attributes, y, b->output_count);
}

/* ---- shapes ------------------------------------------------------------------------------------------------------ */

/* Broadcast aligns to the right, so the operand gets ones behind the batch. */
numc_status numc__batch_broadcast(const numc_batching *b, numc_array **y, bool *mapped_y)
{
    (void)mapped_y;
    const numc_array *x = b->x[0];
    int32_t rank = b->attributes->count, missing = rank - (x->rank - 1);
    int64_t shape[NUMC_RANK_LIMIT + 1] = {b->size}, target[NUMC_RANK_LIMIT + 1] = {b->size};
    for (int32_t d = 0; d < rank; d++) {
        shape[1 + d] = d < missing ? 1 : x->shape[1 + d - missing];
        target[1 + d] = b->attributes->numbers[d];
    }
    y[0] = numbers_of(b, numc__reshape_to(b->context, x, rank + 1, shape), target, rank + 1);
    DONE(b);
}

numc_status numc__batch_reshape(const numc_batching *b, numc_array **y, bool *mapped_y)
{
    (void)mapped_y;
    int64_t shape[NUMC_RANK_LIMIT + 1] = {b->size};
    for (int32_t i = 0; i < b->attributes->count; i++)
        shape[1 + i] = b->attributes->numbers[i];
    y[0] = numbers_of(b, b->x[0], shape, b->attributes->count + 1);
    DONE(b);
}

numc_status numc__batch_permute(const numc_batching *b, numc_array **y, bool *mapped_y)
{
    (void)mapped_y;
    int64_t axes[NUMC_RANK_LIMIT + 1] = {0};
    for (int32_t i = 0; i < b->attributes->count; i++)
        axes[1 + i] = b->attributes->numbers[i] + 1;
    y[0] = numbers_of(b, b->x[0], axes, b->attributes->count + 1);
    DONE(b);
}

/* `parts` lists of one number per axis, each with its number for the batch in front. */
static int32_t per_axis(const numc_batching *b, int32_t parts, const int64_t *front, int64_t *numbers)
{
    int32_t rank = b->attributes->count / parts, at = 0;
    for (int32_t part = 0; part < parts; part++) {
        numbers[at++] = front[part];
        for (int32_t d = 0; d < rank; d++)
            numbers[at++] = b->attributes->numbers[part * rank + d];
    }
    return at;
}

numc_status numc__batch_slice(const numc_batching *b, numc_array **y, bool *mapped_y)
{
    (void)mapped_y;
    int64_t numbers[3 * (NUMC_RANK_LIMIT + 1)];
    const int64_t front[3] = {0, b->size, 1};
    int32_t count = per_axis(b, 3, front, numbers);
    y[0] = numbers_of(b, b->x[0], numbers, count);
    DONE(b);
}

numc_status numc__batch_flip(const numc_batching *b, numc_array **y, bool *mapped_y)
{
    (void)mapped_y;
    int64_t numbers[NUMC_RANK_LIMIT + 1] = {0};
    for (int32_t i = 0; i < b->attributes->count; i++)
        numbers[1 + i] = b->attributes->numbers[i];
    y[0] = numbers_of(b, b->x[0], numbers, b->attributes->count + 1);
    DONE(b);
}

/* A mapped number to pad with is selected by a mask that is padded the same way. */
numc_status numc__batch_pad(const numc_batching *b, numc_array **y, bool *mapped_y)
{
    (void)mapped_y;
    numc_context *context = b->context;
    int64_t numbers[3 * (NUMC_RANK_LIMIT + 1)];
    static const int64_t front[3] = {0, 0, 0};
    int32_t count = per_axis(b, 3, front, numbers);
    numc_array *x = numc__batch_operand(b, 0);
    if (x == NULL)
        return context->status;
    if (!b->mapped[1]) {
        y[0] = numc__apply_numbers(context, b->primitive, (const numc_array *[]){x, b->x[1]}, 2, numbers, count);
        DONE(b);
    }
    numc_array *zero = numc_zeros_(context, x->dtype, (numc_shape){NULL, 0, true});
    numc_array *padded = numc__apply_numbers(context, b->primitive, (const numc_array *[]){x, zero}, 2, numbers, count);
    numc_array *inside = numc_ones_(context, NUMC_BOOL, (numc_shape){x->shape, x->rank, true});
    numc_array *outside = numc_zeros_(context, NUMC_BOOL, (numc_shape){NULL, 0, true});
    numc_array *mask = numc__apply_numbers(context, b->primitive, (const numc_array *[]){inside, outside}, 2, numbers, count);
    if (padded == NULL || mask == NULL)
        return context->status;
    int64_t shape[NUMC_RANK_LIMIT] = {b->size};
    for (int32_t d = 1; d < padded->rank; d++)
        shape[d] = 1;
    const numc_array *column = numc__reshape_to(context, b->x[1], padded->rank, shape);
    numc_array *value = numc__apply_numbers(context, NUMC_PRIMITIVE_BROADCAST, &column, 1, padded->shape, padded->rank);
    y[0] = numc__bind1(context, NUMC_SCALAR_WHERE, (const numc_array *[]){mask, padded, value}, 3, NULL);
    DONE(b);
}

numc_status numc__batch_concat(const numc_batching *b, numc_array **y, bool *mapped_y)
{
    (void)mapped_y;
    size_t size = (size_t)b->input_count * sizeof(void *);
    const numc_array **parts = numc__allocate(b->context, size);
    if (parts == NULL)
        return b->context->status;
    for (int32_t k = 0; k < b->input_count; k++)
        parts[k] = numc__batch_operand(b, k);
    const int64_t axis = b->attributes->numbers[0] + 1;
    if (b->context->status == NUMC_OK)
        y[0] = numc__apply_numbers(b->context, b->primitive, parts, b->input_count, &axis, 1);
    numc__free(b->context, parts, size);
    DONE(b);
}

/* ---- gather, scatter, search ------------------------------------------------------------------------------------- */

/* Indices as int64. Those of uint64 that are no int64 become `beyond`, which is out of bounds too. */
static numc_array *wide_indices(const numc_array *indices, int64_t beyond)
{
    if (indices == NULL || indices->dtype != NUMC_UINT64)
        return numc_astype(indices, NUMC_INT64);
    numc_array *fits = numc_less_equal(indices, INT64_MAX);
    return numc_where(fits, numc_astype(indices, NUMC_INT64), beyond);
}

/* x [B, n, rest...] as [B n, rest...]. */
static numc_array *joined(numc_context *context, const numc_array *x)
{
    int64_t shape[NUMC_RANK_LIMIT];
    if (x == NULL)
        return NULL;
    shape[0] = x->shape[0] * x->shape[1];
    for (int32_t d = 2; d < x->rank; d++)
        shape[d - 1] = x->shape[d];
    return numc__reshape_to(context, x, x->rank - 1, shape);
}

/* Own indices for each element: elements of one long axis of B n, element b's indices moved by b n. */
static numc_array *gather_each(const numc_batching *b, int32_t axis)
{
    numc_context *context = b->context;
    const numc_array *x = b->x[0], *indices = b->x[1];
    int64_t n = x->shape[axis + 1], shape[2 * NUMC_RANK_LIMIT];
    numc_array *clamped = numc_maximum(numc_minimum(wide_indices(indices, INT64_MAX), n - 1), 0);
    numc_array *places = numc_add(numc_multiply(positions(b, indices->rank), n), clamped);
    numc_array *rows = joined(context, numc__batch_move(context, x, axis + 1, 1));
    const int64_t along = 0;
    numc_array *taken =
        numc__apply_numbers(context, NUMC_PRIMITIVE_GATHER, (const numc_array *[]){rows, places}, 2, &along, 1);
    if (taken == NULL)
        return NULL;
    /* [B, indices..., before axis..., after axis...] to [B, before..., indices..., after...] */
    int32_t picks = indices->rank - 1, at = 0;
    shape[at++] = 0;
    for (int32_t d = 0; d < axis; d++)
        shape[at++] = 1 + picks + d;
    for (int32_t d = 0; d < picks; d++)
        shape[at++] = 1 + d;
    for (int32_t d = 1 + picks + axis; d < taken->rank; d++)
        shape[at++] = d;
    return numc__permute_by(context, taken, shape);
}

numc_status numc__batch_gather(const numc_batching *b, numc_array **y, bool *mapped_y)
{
    (void)mapped_y;
    int32_t axis = (int32_t)b->attributes->numbers[0];
    if (!b->mapped[1]) {
        const int64_t along = axis + 1;
        y[0] = numc__apply_numbers(b->context, b->primitive, b->x, 2, &along, 1);
    } else if (!b->mapped[0]) {
        const int64_t along = axis;
        y[0] = numc__batch_move(b->context, numc__apply_numbers(b->context, b->primitive, b->x, 2, &along, 1), axis, 0);
    } else {
        y[0] = gather_each(b, axis);
    }
    DONE(b);
}

numc_status numc__batch_scatter(const numc_batching *b, numc_array **y, bool *mapped_y)
{
    (void)mapped_y;
    numc_context *context = b->context;
    int32_t axis = (int32_t)b->attributes->numbers[0];
    numc_array *x = numc__batch_operand(b, 0), *values = numc__batch_operand(b, 2);
    if (x == NULL || values == NULL)
        return context->status;
    if (!b->mapped[1]) {
        const int64_t numbers[2] = {axis + 1, b->attributes->numbers[1]};
        y[0] = numc__apply_numbers(context, b->primitive, (const numc_array *[]){x, b->x[1], values}, 3, numbers, 2);
        DONE(b);
    }
    /* one long axis of B n, as in gather; what was out of bounds stays so */
    int64_t n = x->shape[axis + 1];
    numc_array *wide = wide_indices(b->x[1], INT64_MAX);
    numc_array *inside = numc_logical_and(numc_greater_equal(wide, 0), numc_less(wide, n));
    numc_array *places = numc_where(inside, numc_add(numc_multiply(positions(b, 2), n), wide), -1);
    numc_array *moved = numc__batch_move(context, x, axis + 1, 1);
    numc_array *rows = joined(context, moved);
    numc_array *added = joined(context, numc__batch_move(context, values, axis + 1, 1));
    if (places == NULL || rows == NULL || added == NULL)
        return context->status;
    places = numc__reshape_to(context, places, 1, &places->size);
    const int64_t numbers[2] = {0, b->attributes->numbers[1]};
    numc_array *result =
        numc__apply_numbers(context, b->primitive, (const numc_array *[]){rows, places, added}, 3, numbers, 2);
    y[0] = numc__batch_move(context, numc__reshape_to(context, result, moved->rank, moved->shape), 1, axis + 1);
    DONE(b);
}

/* a is before v in the order of sort: NaN last. */
static numc_array *before(const numc_array *a, const numc_array *v)
{
    if (a == NULL || numc_dtype_kind(a->dtype) != NUMC_KIND_REAL)
        return numc_less(a, v);
    return numc_logical_or(numc_less(a, v), numc_logical_and(numc_isnan(v), numc_logical_not(numc_isnan(a))));
}

/* Another sorted array for each element: bisection, of all values at once. The answer lies in [low, high]; the middle is
 * before it when sorted[middle] < v, or with `right` when not v < sorted[middle]. */
static numc_array *search_each(const numc_batching *b, bool right)
{
    numc_context *context = b->context;
    const numc_array *sorted = b->x[0];
    numc_array *values = numc__batch_operand(b, 1);
    if (values == NULL)
        return NULL;
    int64_t n = sorted->shape[1], flat[2] = {b->size, 1};
    for (int32_t d = 1; d < values->rank; d++)
        flat[1] *= values->shape[d];
    numc_array *v = numc__reshape_to(context, values, 2, flat);
    numc_array *low = numc_zeros_(context, NUMC_INT64, (numc_shape){flat, 2, true});
    numc_array *high = numc_full_(context, NUMC_INT64, (numc_shape){flat, 2, true}, numc_operand_integer(n));
    for (int64_t width = n; width > 0 && context->status == NUMC_OK; width >>= 1) {
        numc_array *middle = numc_bitwise_right_shift(numc_add(low, high), 1);
        numc_array *element = numc__gather_along(context, sorted, numc_minimum(middle, n - 1), 1);
        numc_array *beyond = right ? numc_logical_not(before(v, element)) : before(element, v);
        numc_array *open = numc_less(low, high);
        beyond = numc_logical_and(beyond, open);
        numc_array *next = numc_where(beyond, numc_add(middle, 1), low);
        high = numc_where(numc_logical_and(open, numc_logical_not(beyond)), middle, high);
        low = next;
    }
    return numc__reshape_to(context, low, values->rank, values->shape);
}

numc_status numc__batch_search(const numc_batching *b, numc_array **y, bool *mapped_y)
{
    if (!b->mapped[0])
        return numc__batch_leading(b, y, mapped_y);
    y[0] = search_each(b, b->attributes->numbers[0] != 0);
    DONE(b);
}

/* ---- matrices ---------------------------------------------------------------------------------------------------- */

/* x [B, ..., M, N] as [..., B M, N] (rows) or [..., M, B N]: products with a matrix that is the same for all elements. */
static numc_array *folded(numc_context *context, const numc_array *x, bool rows)
{
    int64_t shape[NUMC_RANK_LIMIT];
    int32_t rank = x->rank - 1, axis = rows ? rank - 2 : rank - 1;
    for (int32_t d = 0; d < rank; d++)
        shape[d] = x->shape[d + 1] * (d == axis ? x->shape[0] : 1);
    return numc__reshape_to(context, numc__batch_move(context, x, 0, axis), rank, shape);
}

/* The result back: [..., B M, N] to [B, ..., M, N], or of columns. */
static numc_array *unfolded(const numc_batching *b, const numc_array *y, bool rows)
{
    int64_t shape[NUMC_RANK_LIMIT + 1];
    if (y == NULL)
        return NULL;
    int32_t rank = y->rank, axis = rows ? rank - 2 : rank - 1;
    int64_t each = b->size == 0 ? 0 : y->shape[axis] / b->size;
    if (b->size == 0) /* what the one element would have had */
        each = rows ? b->x[0]->shape[b->x[0]->rank - 2] : b->x[1]->shape[b->x[1]->rank - 1];
    for (int32_t d = 0, at = 0; d < rank; d++) {
        if (d == axis)
            shape[at++] = b->size;
        shape[at++] = d == axis ? each : y->shape[d];
    }
    return numc__batch_move(b->context, numc__reshape_to(b->context, y, rank + 1, shape), axis, 0);
}

/* A [M, N] times columns x [B, N, 1]: the rows x A' [B, M], so that nothing is turned. */
static numc_array *columns_as_rows(const numc_batching *b)
{
    const numc_array *a = b->x[0], *x = b->x[1];
    const int64_t rows[] = {b->size, x->shape[1]}, shape[] = {b->size, a->shape[0], 1};
    const numc_array *operands[] = {numc__reshape_to(b->context, x, 2, rows), numc__batch_move(b->context, a, 1, 0)};
    if (b->context->status != NUMC_OK)
        return NULL;
    return numc__reshape_to(b->context, numc__bind1(b->context, b->primitive, operands, 2, NULL), 3, shape);
}

/* One operand mapped: its batch becomes more rows, or more columns, of one product. */
numc_status numc__batch_matmul(const numc_batching *b, numc_array **y, bool *mapped_y)
{
    if (b->mapped[0] && b->mapped[1])
        return numc__batch_leading(b, y, mapped_y);
    bool rows = b->mapped[0];
    if (!rows && b->x[0]->rank == 2 && b->x[1]->rank == 3 && b->x[1]->shape[2] == 1) {
        y[0] = columns_as_rows(b);
        DONE(b);
    }
    const numc_array *x[2] = {b->x[0], b->x[1]};
    x[rows ? 0 : 1] = folded(b->context, x[rows ? 0 : 1], rows);
    NUMC_TRY(b->context->status);
    y[0] = unfolded(b, numc__bind1(b->context, b->primitive, x, 2, NULL), rows);
    DONE(b);
}

numc_status numc__batch_triangular_solve(const numc_batching *b, numc_array **y, bool *mapped_y)
{
    (void)mapped_y;
    const int64_t *numbers = b->attributes->numbers;
    const numc_array *x[2] = {b->x[0], b->x[1]};
    if (!b->mapped[0])
        x[1] = folded(b->context, x[1], false);
    else
        x[1] = numc__batch_operand(b, 1);
    NUMC_TRY(b->context->status);
    y[0] = numc__apply_numbers(b->context, b->primitive, x, 2, numbers, 3);
    if (!b->mapped[0])
        y[0] = unfolded(b, y[0], false);
    DONE(b);
}
