/* matrix.c - what linear algebra is written with: operands as stacks of matrices, diagonals and adjoints, refusals. */
#include <string.h>

#include "array/matrix.h"

numc_context *numc__matrix_enter(const char *name, const numc_array *a, const numc_array *b)
{
    const numc_array *both[2] = {a, b};
    numc_context *context = numc__lane_of(both, 2, name);
    return context == NULL || numc__scope_enter(context, name) != NUMC_OK ? NULL : context;
}

bool numc__matrix_leave(numc_context *context, numc_array **results, int32_t count)
{
    bool all = context->status == NUMC_OK;
    for (int32_t i = 0; i < count; i++)
        all = all && results[i] != NULL;
    for (int32_t i = 0; i + 1 < count && all; i++)
        numc__array_move(results[i], context->scope->outer);
    results[count - 1] = numc__scope_leave(context, all ? results[count - 1] : NULL);
    all = results[count - 1] != NULL;
    for (int32_t i = 0; i < count && !all; i++)
        results[i] = NULL;
    return all;
}

numc_dtype numc__matrix_dtype(numc_context *context, const char *name, const numc_array *a, const numc_array *b, bool to_float)
{
    numc_dtype dtype = numc__promote(a->dtype, b->dtype);
    if (dtype == NUMC_DTYPE_DEFAULT) {
        numc__fail(context, NUMC_DTYPE, "%s: %s and %s have no common dtype", name, numc_dtype_name(a->dtype),
                   numc_dtype_name(b->dtype));
        return dtype;
    }
    bool is_float = (numc_dtype_kind(dtype) & (NUMC_KIND_REAL | NUMC_KIND_COMPLEX)) != 0;
    return is_float || !to_float ? dtype : numc_default_float(context);
}

numc_array *numc__matrix_float(numc_context *context, const numc_array *x)
{
    bool is_float = (numc_dtype_kind(x->dtype) & (NUMC_KIND_REAL | NUMC_KIND_COMPLEX)) != 0;
    return is_float ? (numc_array *)x : numc__convert(context, x, numc_default_float(context));
}

numc_status numc__matrix_check(numc_context *context, const char *name, const numc_array *x)
{
    NUMC_REQUIRE(context, x->rank >= 2, NUMC_SHAPE, "%s: the array has rank %d, not 2 at least", name, (int)x->rank);
    return NUMC_OK;
}

numc_status numc__matrix_square(numc_context *context, const char *name, const numc_array *x)
{
    char text[256];
    NUMC_REQUIRE(context, x->rank >= 2 && x->shape[x->rank - 1] == x->shape[x->rank - 2], NUMC_SHAPE,
                 "%s: shape %s does not end in a square matrix", name, numc__shape_format(text, sizeof text, x->rank, x->shape));
    return NUMC_OK;
}

numc_array *numc__matrix_spread(numc_context *context, const numc_array *x, int32_t own, int32_t batch_rank, const int64_t *batch)
{
    int64_t shape[2 * NUMC_RANK_LIMIT];
    if (x == NULL)
        return NULL;
    for (int32_t d = 0; d < batch_rank; d++)
        shape[d] = batch[d];
    for (int32_t d = 0; d < own; d++)
        shape[batch_rank + d] = x->shape[x->rank - own + d];
    return numc__broadcast_to(context, x, batch_rank + own, shape);
}

numc_status numc__matrix_batch(numc_context *context, const char *name, const numc_array *a, const numc_array *b, int32_t *rank,
                               int64_t *shape)
{
    const int32_t ranks[2] = {a->rank - 2, b->rank - 2};
    const int64_t *const shapes[2] = {a->shape, b->shape};
    char x[256], y[256];
    NUMC_REQUIRE(context, numc__broadcast(2, ranks, shapes, rank, shape), NUMC_SHAPE,
                 "%s: the batch axes of shapes %s and %s do not broadcast", name,
                 numc__shape_format(x, sizeof x, a->rank, a->shape), numc__shape_format(y, sizeof y, b->rank, b->shape));
    return NUMC_OK;
}

numc_array *numc__matrix_lift(numc_context *context, const numc_array *x, int32_t axis)
{
    int64_t shape[NUMC_RANK_LIMIT + 1];
    if (x == NULL)
        return NULL;
    for (int32_t d = 0, k = 0; d <= x->rank; d++)
        shape[d] = d == axis ? 1 : x->shape[k++];
    return numc__reshape(context, x, x->rank + 1, shape);
}

numc_array *numc__matrix_lower(numc_context *context, const numc_array *x, int32_t axis)
{
    int64_t shape[NUMC_RANK_LIMIT];
    if (x == NULL)
        return NULL;
    for (int32_t d = 0, k = 0; d < x->rank; d++) {
        if (d != axis)
            shape[k++] = x->shape[d];
    }
    return numc__reshape(context, x, x->rank - 1, shape);
}

/* In row-major order the diagonal of an n by m matrix is every (m + 1)th element. */
numc_array *numc__matrix_diagonal(numc_context *context, const numc_array *x)
{
    if (x == NULL)
        return NULL;
    int32_t batch = x->rank - 2;
    int64_t rows = x->shape[batch], columns = x->shape[batch + 1], count = rows < columns ? rows : columns;
    int64_t shape[NUMC_RANK_LIMIT];
    memcpy(shape, x->shape, (size_t)x->rank * sizeof *shape);
    if (x->content != NUMC_CONTENT_TRACED) { /* a view: both axes step at once */
        int64_t strides[NUMC_RANK_LIMIT];
        memcpy(strides, x->strides, (size_t)x->rank * sizeof *strides);
        shape[batch] = count;
        strides[batch] = x->strides[batch] + x->strides[batch + 1];
        return numc__array_new_view(context, x, batch + 1, shape, strides, x->offset);
    }
    shape[batch] = count;
    if (x->size == 0)
        return numc__full(context, x->dtype, batch + 1, shape, 0);
    shape[batch] = rows * columns;
    numc_array *flat = numc__reshape(context, x, batch + 1, shape);
    int64_t start[NUMC_RANK_LIMIT] = {0}, step[NUMC_RANK_LIMIT];
    for (int32_t d = 0; d < batch; d++)
        step[d] = 1;
    shape[batch] = count;
    step[batch] = columns + 1;
    return numc__slice(context, flat, start, shape, step);
}

const numc_array *numc__matrix_conj(const numc_array *x)
{
    if (x == NULL || (numc_dtype_kind(x->dtype) & NUMC_KIND_COMPLEX) == 0)
        return x;
    return numc_conj(x);
}

numc_array *numc__matrix_adjoint(const numc_array *x)
{
    const numc_array *y = numc__matrix_conj(x);
    return y == NULL ? NULL : numc_matrix_transpose(y);
}

const numc_array *numc__matrix_rtol(numc_context *context, const char *name, numc_operand rtol, const numc_array *x)
{
    numc_dtype real = numc_finfo(x->dtype).dtype;
    if (rtol.kind != NUMC_OPERAND_ARRAY || rtol.value.array == NULL) {
        int64_t m = x->shape[x->rank - 2], n = x->shape[x->rank - 1];
        bool given = rtol.kind != NUMC_OPERAND_ARRAY;
        double standard = (double)(m > n ? m : n) * numc_finfo(x->dtype).eps;
        return numc_number_(context, real, given ? rtol : numc_operand_real(standard));
    }
    const numc_array *given = rtol.value.array;
    if (numc__array_own(context, given, name) != NUMC_OK)
        return NULL;
    if (!numc_isdtype(given->dtype, NUMC_KIND_SIGNED | NUMC_KIND_UNSIGNED | NUMC_KIND_REAL)) {
        numc__fail(context, NUMC_DTYPE, "%s: rtol has dtype %s, which is not real", name, numc_dtype_name(given->dtype));
        return NULL;
    }
    return numc__matrix_lift(context, numc__convert(context, given, real), given->rank);
}
