/* matrix.c - the standard's linear algebra that needs no factorisation of its own: tensordot, diagonals and traces, the cross
 * product, powers, norms. Compositions of the functions of linalg.c and reduce.c. */
#include <math.h>

#include "array/state.h"
#include "numc/linalg.h"

/* Every function works in a scope of its own and hands its result out with numc__scope_leave. */
static numc_context *enter(const char *name, const numc_array *a, const numc_array *b)
{
    const numc_array *both[2] = {a, b};
    numc_context *context = numc__lane_of(both, 2, name);
    return context == NULL || numc_scope_begin(context) != NUMC_OK ? NULL : context;
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
    numc_context *context = enter("numc_tensordot", x1, x2);
    return context == NULL ? NULL : numc__scope_leave(context, contract(context, x1, x2, axes1, axes2));
}

numc_array *numc_tensordot(const numc_array *x1, const numc_array *x2, int32_t count)
{
    numc_context *context = enter("numc_tensordot", x1, x2);
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

/* Without the columns before the diagonal, or the rows above it, it is the main one. */
static numc_array *diagonal(numc_context *context, const char *name, const numc_array *x, int64_t offset)
{
    if (x->rank < 2) {
        numc__fail(context, NUMC_SHAPE, "%s: the array has rank %d, not 2 at least", name, (int)x->rank);
        return NULL;
    }
    int32_t d = offset < 0 ? x->rank - 2 : x->rank - 1;
    int64_t n = x->shape[d], skip = offset < 0 ? (offset < -n ? n : -offset) : (offset > n ? n : offset);
    int64_t start[NUMC_RANK_LIMIT] = {0}, count[NUMC_RANK_LIMIT], step[NUMC_RANK_LIMIT];
    for (int32_t k = 0; k < x->rank; k++) {
        count[k] = x->shape[k];
        step[k] = 1;
    }
    count[d] = n - skip;
    start[d] = skip < n ? skip : 0;
    return numc_diagonal(numc__slice(context, x, start, count, step));
}

numc_array *numc_linalg_diagonal(const numc_array *x, int64_t offset)
{
    numc_context *context = enter("numc_linalg_diagonal", x, x);
    return context == NULL ? NULL : numc__scope_leave(context, diagonal(context, "numc_linalg_diagonal", x, offset));
}

numc_array *numc_linalg_trace(const numc_array *x, int64_t offset)
{
    numc_context *context = enter("numc_linalg_trace", x, x);
    if (context == NULL)
        return NULL;
    return numc__scope_leave(context, numc_sum(diagonal(context, "numc_linalg_trace", x, offset), NUMC_AXES(-1)));
}

/* ---- products and powers ----------------------------------------------------------------------------------------- */

/* (a x b)_i = a_{i+1} b_{i+2} - a_{i+2} b_{i+1}, indices mod 3. */
numc_array *numc_linalg_cross(const numc_array *x1, const numc_array *x2, int64_t axis)
{
    const char *name = "numc_linalg_cross";
    numc_context *context = enter(name, x1, x2);
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
    numc_context *context = enter(name, x, x);
    if (context == NULL)
        return NULL;
    if (x->rank < 2 || x->shape[x->rank - 1] != x->shape[x->rank - 2]) {
        char text[256];
        numc__fail(context, NUMC_SHAPE, "%s: shape %s does not end in a square matrix", name,
                   numc__shape_format(text, sizeof text, x->rank, x->shape));
        return numc__scope_leave(context, NULL);
    }
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

/* ---- norms ------------------------------------------------------------------------------------------------------- */

static numc_array *magnitude(numc_context *context, const numc_array *x)
{
    bool is_float = numc_isdtype(x->dtype, NUMC_KIND_REAL | NUMC_KIND_COMPLEX);
    return numc_abs(is_float ? x : numc__convert(context, x, numc_default_float(context)));
}

static numc_array *vector_norm(numc_context *context, const numc_array *x, double p, const numc_reduce_options *options)
{
    numc_array *a = magnitude(context, x);
    if (a == NULL)
        return NULL;
    if (p == 2)
        return numc_sqrt((numc_sum)(numc_square(a), options));
    if (p == 1)
        return (numc_sum)(a, options);
    if (p == 0)
        return numc__convert(context, (numc_count_nonzero)(a, options), a->dtype);
    if (isinf(p))
        return p > 0 ? (numc_max)(a, options) : (numc_min)(a, options);
    return numc_pow((numc_sum)(numc_pow(a, p), options), 1 / p);
}

numc_array *(numc_linalg_vector_norm)(const numc_array *x, const numc_vector_norm_options *options)
{
    const char *name = "numc_linalg_vector_norm";
    numc_context *context = enter(name, x, x);
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

/* Sums over one of the last two axes, then the extreme over the other. */
static numc_array *matrix_norm(numc_context *context, const numc_array *x, numc_matrix_order order)
{
    numc_array *a = magnitude(context, x);
    if (order == NUMC_ORDER_FROBENIUS)
        return numc_sqrt(numc_sum(numc_square(a), NUMC_AXES(-2, -1), .keepdims = true));
    bool rows = order == NUMC_ORDER_ROW || order == NUMC_ORDER_ROW_LEAST;
    bool least = order == NUMC_ORDER_COLUMN_LEAST || order == NUMC_ORDER_ROW_LEAST;
    numc_array *sums = numc_sum(a, NUMC_AXES(rows ? -1 : -2), .keepdims = true);
    return least ? numc_min(sums, NUMC_AXES(rows ? -2 : -1), .keepdims = true)
                 : numc_max(sums, NUMC_AXES(rows ? -2 : -1), .keepdims = true);
}

numc_array *(numc_linalg_matrix_norm)(const numc_array *x, const numc_matrix_norm_options *options)
{
    const char *name = "numc_linalg_matrix_norm";
    numc_context *context = enter(name, x, x);
    if (context == NULL)
        return NULL;
    numc_matrix_norm_options known;
    numc_array *y = NULL;
    if (numc__options_copy(context, &known, sizeof known, options, options == NULL ? 0 : options->size, name) == NUMC_OK) {
        if (x->rank < 2)
            numc__fail(context, NUMC_SHAPE, "%s: the array has rank %d, not 2 at least", name, (int)x->rank);
        else if ((int32_t)known.order < 0 || (int32_t)known.order > (int32_t)NUMC_ORDER_ROW_LEAST)
            numc__fail(context, NUMC_INVALID_ARGUMENT, "%s: order %d is none of numc_matrix_order", name, (int)known.order);
        else
            y = matrix_norm(context, x, known.order);
        if (y != NULL && !known.keepdims)
            y = numc_squeeze(y, NUMC_AXES(-2, -1));
    }
    return numc__scope_leave(context, y);
}
