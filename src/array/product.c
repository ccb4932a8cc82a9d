/* product.c - products of matrices and vectors, transposes and diagonals, tensordot, the cross product, powers. */
#include "array/matrix.h"

/* ---- products ---------------------------------------------------------------------------------------------------- */

static numc_array *product(numc_context *context, const numc_array *x1, const numc_array *x2)
{
    const char *name = "numc_matmul";
    if (x1->rank == 0 || x2->rank == 0) {
        numc__fail(context, NUMC_SHAPE, "%s: operand %d has rank 0", name, x1->rank == 0 ? 1 : 2);
        return NULL;
    }
    int64_t inner = x1->shape[x1->rank - 1], rows = x2->shape[x2->rank == 1 ? 0 : x2->rank - 2];
    if (inner != rows) {
        char a[256], b[256];
        numc__fail(context, NUMC_SHAPE, "%s: the inner sizes %lld and %lld of shapes %s and %s differ", name,
                   (long long)inner, (long long)rows, numc__shape_format(a, sizeof a, x1->rank, x1->shape),
                   numc__shape_format(b, sizeof b, x2->rank, x2->shape));
        return NULL;
    }
    numc_dtype dtype = numc__matrix_dtype(context, name, x1, x2, false);
    if (dtype == NUMC_BOOL)
        numc__fail(context, NUMC_DTYPE, "%s: not defined for two arrays of bool", name);
    if (dtype == NUMC_DTYPE_DEFAULT || dtype == NUMC_BOOL)
        return NULL;
    const numc_array *a = numc__convert(context, x1, dtype), *b = numc__convert(context, x2, dtype);
    if (x1->rank == 1)
        a = numc__matrix_lift(context, a, 0);
    if (x2->rank == 1)
        b = numc__matrix_lift(context, b, 1);
    int64_t batch[NUMC_RANK_LIMIT];
    int32_t rank;
    if (a == NULL || b == NULL || numc__matrix_batch(context, name, a, b, &rank, batch) != NUMC_OK)
        return NULL;
    const numc_array *inputs[2] = {numc__matrix_spread(context, a, 2, rank, batch), numc__matrix_spread(context, b, 2, rank, batch)};
    numc_array *y = context->status != NUMC_OK ? NULL : numc__bind1(context, NUMC_PRIMITIVE_MATMUL, inputs, 2, NULL);
    if (x2->rank == 1 && y != NULL)
        y = numc__matrix_lower(context, y, y->rank - 1);
    if (x1->rank == 1 && y != NULL)
        y = numc__matrix_lower(context, y, y->rank - (x2->rank == 1 ? 1 : 2));
    return y;
}

numc_array *numc_matmul(const numc_array *x1, const numc_array *x2)
{
    numc_context *context = numc__matrix_enter("numc_matmul", x1, x2);
    return context == NULL ? NULL : numc__scope_leave(context, product(context, x1, x2));
}

/* sum conj(x1) x2 along an axis counted from the end. */
numc_array *numc_vecdot_(const numc_array *x1, const numc_array *x2, const numc_vecdot_options *options)
{
    const char *name = "numc_vecdot";
    numc_context *context = numc__matrix_enter(name, x1, x2);
    if (context == NULL)
        return NULL;
    numc_vecdot_options known;
    numc_array *y = NULL;
    if (numc__options_copy(context, &known, sizeof known, options, options == NULL ? 0 : options->size, name) != NUMC_OK)
        return numc__scope_leave(context, NULL);
    if (!known.axis.given && known.axis.value != 0) {
        numc__fail(context, NUMC_INVALID_ARGUMENT, "%s: a number where an axis belongs; write NUMC_AXIS", name);
        return numc__scope_leave(context, NULL);
    }
    int64_t axis = known.axis.given ? known.axis.value : -1;
    int32_t d1 = numc__axis_normalize(context, name, axis, x1->rank);
    int32_t d2 = d1 < 0 ? -1 : numc__axis_normalize(context, name, axis, x2->rank);
    numc_dtype dtype = d2 < 0 ? NUMC_DTYPE_DEFAULT : numc__matrix_dtype(context, name, x1, x2, false);
    if (dtype == NUMC_DTYPE_DEFAULT) {
        y = NULL;
    } else if (x1->rank - d1 != x2->rank - d2) {
        numc__fail(context, NUMC_INDEX, "%s: axis %d of ranks %d and %d is not one axis; count from the end", name, (int)axis,
                   (int)x1->rank, (int)x2->rank);
    } else if (x1->shape[d1] != x2->shape[d2]) {
        numc__fail(context, NUMC_SHAPE, "%s: the vectors have sizes %lld and %lld", name, (long long)x1->shape[d1],
                   (long long)x2->shape[d2]);
    } else {
        bool is_bool = dtype == NUMC_BOOL;
        y = numc_sum(numc_multiply(numc__matrix_conj(x1), x2), NUMC_AXES(d1 - x1->rank),
                     .dtype = is_bool ? NUMC_DTYPE_DEFAULT : dtype);
    }
    return numc__scope_leave(context, y);
}

numc_array *numc_outer(const numc_array *x1, const numc_array *x2)
{
    numc_context *context = numc__matrix_enter("numc_outer", x1, x2);
    if (context == NULL)
        return NULL;
    numc_array *y = NULL;
    if (x1->rank != 1 || x2->rank != 1)
        numc__fail(context, NUMC_SHAPE, "numc_outer: the operands have ranks %d and %d, not 1", (int)x1->rank, (int)x2->rank);
    else
        y = numc_multiply(numc__matrix_lift(context, x1, 1), x2);
    return numc__scope_leave(context, y);
}

numc_array *numc_matrix_transpose(const numc_array *x)
{
    numc_context *context = numc__matrix_enter("numc_matrix_transpose", x, x);
    if (context == NULL)
        return NULL;
    int32_t order[NUMC_RANK_LIMIT];
    numc_array *y = NULL;
    if (x->rank < 2) {
        numc__fail(context, NUMC_SHAPE, "numc_matrix_transpose: the array has rank %d, not 2 at least", (int)x->rank);
    } else {
        for (int32_t d = 0; d < x->rank; d++)
            order[d] = d;
        order[x->rank - 1] = x->rank - 2;
        order[x->rank - 2] = x->rank - 1;
        y = numc__permute(context, x, order);
    }
    return numc__scope_leave(context, y);
}

/* ---- tensordot --------------------------------------------------------------------------------------------------- */

/* x as a matrix: its free axes by the paired ones, in the order of the pairs. `shape` and `rank`: what it has free is added. */
static numc_array *as_matrix(numc_context *context, const numc_array *x, const int32_t *paired, int32_t count, bool paired_first,
                             int32_t *rank, int64_t *shape)
{
    bool taken[NUMC_RANK_LIMIT] = {false};
    int32_t order[NUMC_RANK_LIMIT], loose = x->rank - count, at = paired_first ? count : 0;
    int64_t sizes[2] = {1, 1};
    for (int32_t i = 0; i < count; i++) {
        taken[paired[i]] = true;
        order[(paired_first ? 0 : loose) + i] = paired[i];
        sizes[!paired_first] = numc__size_multiply(sizes[!paired_first], x->shape[paired[i]]);
    }
    for (int32_t d = 0; d < x->rank; d++) {
        if (taken[d])
            continue;
        order[at++] = d;
        sizes[paired_first] = numc__size_multiply(sizes[paired_first], x->shape[d]);
        shape[(*rank)++] = x->shape[d];
    }
    return numc__reshape(context, numc__permute(context, x, order), 2, sizes);
}

static numc_status pair_axes(numc_context *context, const char *name, const numc_array *const *x, const numc_axes *axes,
                             int32_t (*paired)[NUMC_RANK_LIMIT])
{
    NUMC_TRY(numc__list_check(context, name, axes[0]));
    NUMC_TRY(numc__list_check(context, name, axes[1]));
    NUMC_REQUIRE(context, axes[0].count == axes[1].count, NUMC_SHAPE, "%s: %d axes with %d", name, (int)axes[0].count,
                 (int)axes[1].count);
    for (int32_t k = 0; k < 2; k++) {
        bool seen[NUMC_RANK_LIMIT] = {false};
        for (int32_t i = 0; i < axes[k].count; i++) {
            int32_t d = numc__axis_normalize(context, name, axes[k].values[i], x[k]->rank);
            if (d < 0)
                return context->status;
            NUMC_REQUIRE(context, !seen[d], NUMC_INVALID_ARGUMENT, "%s: axis %d is given twice", name, (int)d);
            seen[d] = true;
            paired[k][i] = d;
        }
    }
    for (int32_t i = 0; i < axes[0].count; i++) {
        int64_t a = x[0]->shape[paired[0][i]], b = x[1]->shape[paired[1][i]];
        NUMC_REQUIRE(context, a == b, NUMC_SHAPE, "%s: axis %d of size %lld with axis %d of size %lld", name, (int)paired[0][i],
                     (long long)a, (int)paired[1][i], (long long)b);
    }
    int32_t rank = x[0]->rank + x[1]->rank - 2 * axes[0].count;
    NUMC_REQUIRE(context, rank <= NUMC_RANK_MAXIMUM, NUMC_SHAPE, "%s: a result of rank %d; %d is the most", name, (int)rank,
                 NUMC_RANK_MAXIMUM);
    return NUMC_OK;
}

static numc_array *contract(numc_context *context, const numc_array *x1, const numc_array *x2, numc_axes axes1, numc_axes axes2)
{
    const numc_array *x[2] = {x1, x2};
    const numc_axes axes[2] = {axes1, axes2};
    int32_t paired[2][NUMC_RANK_LIMIT], rank = 0;
    int64_t shape[NUMC_RANK_LIMIT];
    if (pair_axes(context, "numc_tensordot", x, axes, paired) != NUMC_OK)
        return NULL;
    const numc_array *left = as_matrix(context, x1, paired[0], axes1.count, false, &rank, shape);
    const numc_array *right = as_matrix(context, x2, paired[1], axes2.count, true, &rank, shape);
    return numc__reshape(context, numc_matmul(left, right), rank, shape);
}

numc_array *numc_tensordot_axes(const numc_array *x1, const numc_array *x2, numc_axes axes1, numc_axes axes2)
{
    numc_context *context = numc__matrix_enter("numc_tensordot", x1, x2);
    return context == NULL ? NULL : numc__scope_leave(context, contract(context, x1, x2, axes1, axes2));
}

numc_array *numc_tensordot(const numc_array *x1, const numc_array *x2, int32_t count)
{
    numc_context *context = numc__matrix_enter("numc_tensordot", x1, x2);
    if (context == NULL)
        return NULL;
    int64_t last[NUMC_RANK_LIMIT], first[NUMC_RANK_LIMIT];
    if (count < 0 || count > x1->rank || count > x2->rank) {
        numc__fail(context, NUMC_SHAPE, "numc_tensordot: %d axes of arrays of rank %d and %d", (int)count, (int)x1->rank,
                   (int)x2->rank);
        return numc__scope_leave(context, NULL);
    }
    for (int32_t i = 0; i < count; i++) {
        last[i] = x1->rank - count + i;
        first[i] = i;
    }
    return numc__scope_leave(context, contract(context, x1, x2, (numc_axes){last, count, true}, (numc_axes){first, count, true}));
}

/* ---- diagonals --------------------------------------------------------------------------------------------------- */

numc_array *numc_diagonal(const numc_array *x)
{
    const char *name = "numc_diagonal";
    numc_context *context = numc__matrix_enter(name, x, x);
    if (context == NULL)
        return NULL;
    return numc__scope_leave(context, numc__matrix_check(context, name, x) == NUMC_OK ? numc__matrix_diagonal(context, x) : NULL);
}

numc_array *numc_diag(const numc_array *x)
{
    numc_context *context = numc__matrix_enter("numc_diag", x, x);
    if (context == NULL)
        return NULL;
    numc_array *y = NULL;
    if (x->rank < 1) {
        numc__fail(context, NUMC_SHAPE, "numc_diag: the array has rank 0");
    } else if (x->rank == NUMC_RANK_MAXIMUM) {
        numc__fail(context, NUMC_SHAPE, "numc_diag: rank %d is beyond %d", (int)x->rank + 1, NUMC_RANK_MAXIMUM);
    } else {
        int64_t n = x->shape[x->rank - 1];
        numc_array *mask = numc_eye(context, NUMC_BOOL, n, n, 0);
        y = numc_where(mask, numc__matrix_lift(context, x, x->rank - 1), numc__full(context, x->dtype, 0, NULL, 0));
    }
    return numc__scope_leave(context, y);
}

/* Without the columns before the diagonal, or the rows above it, it is the main one. */
static numc_array *off_diagonal(numc_context *context, const char *name, const numc_array *x, int64_t offset)
{
    if (numc__matrix_check(context, name, x) != NUMC_OK)
        return NULL;
    int32_t d = offset < 0 ? x->rank - 2 : x->rank - 1;
    int64_t n = x->shape[d], skip = offset < 0 ? (offset < -n ? n : -offset) : (offset > n ? n : offset);
    return numc__matrix_diagonal(context, numc__slice_axis(context, x, d, skip < n ? skip : 0, n - skip, 1));
}

numc_array *numc_linalg_diagonal(const numc_array *x, int64_t offset)
{
    numc_context *context = numc__matrix_enter("numc_linalg_diagonal", x, x);
    return context == NULL ? NULL : numc__scope_leave(context, off_diagonal(context, "numc_linalg_diagonal", x, offset));
}

numc_array *(numc_linalg_trace)(const numc_array *x, const numc_trace_options *options)
{
    const char *name = "numc_linalg_trace";
    numc_context *context = numc__matrix_enter(name, x, x);
    if (context == NULL)
        return NULL;
    numc_trace_options known;
    numc_array *y = NULL;
    if (numc__options_copy(context, &known, sizeof known, options, options == NULL ? 0 : options->size, name) == NUMC_OK)
        y = numc_sum(off_diagonal(context, name, x, known.offset), NUMC_AXES(-1), .dtype = known.dtype);
    return numc__scope_leave(context, y);
}

/* ---- products and powers ----------------------------------------------------------------------------------------- */

/* (a x b)_i = a_{i+1} b_{i+2} - a_{i+2} b_{i+1}, indices mod 3. */
numc_array *numc_linalg_cross(const numc_array *x1, const numc_array *x2, int64_t axis)
{
    const char *name = "numc_linalg_cross";
    numc_context *context = numc__matrix_enter(name, x1, x2);
    if (context == NULL)
        return NULL;
    int32_t d1 = numc__axis_normalize(context, name, axis, x1->rank);
    int32_t d2 = d1 < 0 ? -1 : numc__axis_normalize(context, name, axis, x2->rank);
    numc_array *y = NULL;
    if (d2 < 0) {
        y = NULL;
    } else if (x1->rank - d1 != x2->rank - d2) {
        numc__fail(context, NUMC_INDEX, "%s: axis %d of ranks %d and %d is not one axis; count from the end", name, (int)axis,
                   (int)x1->rank, (int)x2->rank);
    } else if (x1->shape[d1] != 3 || x2->shape[d2] != 3) {
        numc__fail(context, NUMC_SHAPE, "%s: the vectors have sizes %lld and %lld, not 3", name, (long long)x1->shape[d1],
                   (long long)x2->shape[d2]);
    } else {
        y = numc_subtract(numc_multiply(numc_roll(x1, -1, d1), numc_roll(x2, -2, d2)),
                          numc_multiply(numc_roll(x1, -2, d1), numc_roll(x2, -1, d2)));
    }
    return numc__scope_leave(context, y);
}

numc_array *numc_linalg_matrix_power(const numc_array *x, int64_t n)
{
    const char *name = "numc_linalg_matrix_power";
    numc_context *context = numc__matrix_enter(name, x, x);
    if (context == NULL)
        return NULL;
    if (numc__matrix_square(context, name, x) != NUMC_OK)
        return numc__scope_leave(context, NULL);
    if (x->dtype == NUMC_BOOL) {
        numc__fail(context, NUMC_DTYPE, "%s: not defined for bool", name);
        return numc__scope_leave(context, NULL);
    }
    const numc_array *square = n < 0 ? numc_linalg_inv(x) : x, *y = NULL;
    if (n == 0) {
        int64_t size = x->shape[x->rank - 1];
        y = numc__broadcast_to(context, numc_eye(context, x->dtype, size, size, 0), x->rank, x->shape);
    }
    for (uint64_t left = n < 0 ? 0 - (uint64_t)n : (uint64_t)n; left > 0 && square != NULL; left >>= 1) {
        if ((left & 1) != 0)
            y = y == NULL ? square : numc_matmul(y, square);
        square = left > 1 ? numc_matmul(square, square) : square;
    }
    return numc__scope_leave(context, context->status != NUMC_OK ? NULL : (numc_array *)y);
}
