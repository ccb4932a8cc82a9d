/* linalg.c - linear algebra over the last two axes, batched over the leading ones: products, factorisations, solves. */
#include <string.h>

#include "array/state.h"
#include "numc/linalg.h"

/* Every function works in a scope of its own and hands its result out with numc__scope_leave. */
static numc_context *enter(const char *name, const numc_array *a, const numc_array *b)
{
    const numc_array *both[2] = {a, b};
    numc_context *context = numc__lane_of(both, 2, name);
    return context == NULL || numc_scope_begin(context) != NUMC_OK ? NULL : context;
}

static numc_dtype common(numc_context *context, const char *name, const numc_array *a, const numc_array *b, bool to_float)
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

static numc_array *as_float(numc_context *context, const numc_array *x)
{
    bool is_float = (numc_dtype_kind(x->dtype) & (NUMC_KIND_REAL | NUMC_KIND_COMPLEX)) != 0;
    return is_float ? (numc_array *)x : numc__convert(context, x, numc_default_float(context));
}

/* The last two axes of x are a square matrix. */
static numc_status is_square(numc_context *context, const char *name, const numc_array *x)
{
    char text[256];
    NUMC_REQUIRE(context, x->rank >= 2 && x->shape[x->rank - 1] == x->shape[x->rank - 2], NUMC_SHAPE,
                 "%s: shape %s does not end in a square matrix", name, numc__shape_format(text, sizeof text, x->rank, x->shape));
    return NUMC_OK;
}

/* x with the batch axes `batch` before its own last `own` axes. */
static numc_array *with_batch(numc_context *context, const numc_array *x, int32_t own, int32_t batch_rank, const int64_t *batch)
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

static numc_status batch_shape(numc_context *context, const char *name, const numc_array *a, const numc_array *b, int32_t *rank,
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

/* x seen with one more axis of size 1 at `axis`. */
static numc_array *lift(numc_context *context, const numc_array *x, int32_t axis)
{
    int64_t shape[NUMC_RANK_LIMIT + 1];
    if (x == NULL)
        return NULL;
    for (int32_t d = 0, k = 0; d <= x->rank; d++)
        shape[d] = d == axis ? 1 : x->shape[k++];
    return numc__reshape(context, x, x->rank + 1, shape);
}

static numc_array *lower(numc_context *context, const numc_array *x, int32_t axis)
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
    numc_dtype dtype = common(context, name, x1, x2, false);
    if (dtype == NUMC_BOOL)
        numc__fail(context, NUMC_DTYPE, "%s: not defined for two arrays of bool", name);
    if (dtype == NUMC_DTYPE_DEFAULT || dtype == NUMC_BOOL)
        return NULL;
    const numc_array *a = numc__convert(context, x1, dtype), *b = numc__convert(context, x2, dtype);
    if (x1->rank == 1)
        a = lift(context, a, 0);
    if (x2->rank == 1)
        b = lift(context, b, 1);
    int64_t batch[NUMC_RANK_LIMIT];
    int32_t rank;
    if (a == NULL || b == NULL || batch_shape(context, name, a, b, &rank, batch) != NUMC_OK)
        return NULL;
    const numc_array *inputs[2] = {with_batch(context, a, 2, rank, batch), with_batch(context, b, 2, rank, batch)};
    numc_array *y = context->status != NUMC_OK ? NULL : numc__bind1(context, NUMC_PRIMITIVE_MATMUL, inputs, 2, NULL);
    if (x2->rank == 1 && y != NULL)
        y = lower(context, y, y->rank - 1);
    if (x1->rank == 1 && y != NULL)
        y = lower(context, y, y->rank - (x2->rank == 1 ? 1 : 2));
    return y;
}

numc_array *numc_matmul(const numc_array *x1, const numc_array *x2)
{
    numc_context *context = enter("numc_matmul", x1, x2);
    return context == NULL ? NULL : numc__scope_leave(context, product(context, x1, x2));
}

numc_array *numc_vecdot(const numc_array *x1, const numc_array *x2)
{
    numc_context *context = enter("numc_vecdot", x1, x2);
    if (context == NULL)
        return NULL;
    numc_array *y = NULL;
    if (x1->rank < 1 || x2->rank < 1 || x1->shape[x1->rank - 1] != x2->shape[x2->rank - 1])
        numc__fail(context, NUMC_SHAPE, "numc_vecdot: the last axes must exist and have one size");
    else
        y = numc_sum(numc_multiply(x1, x2), NUMC_AXES(-1));
    return numc__scope_leave(context, y);
}

numc_array *numc_outer(const numc_array *x1, const numc_array *x2)
{
    numc_context *context = enter("numc_outer", x1, x2);
    if (context == NULL)
        return NULL;
    numc_array *y = NULL;
    if (x1->rank != 1 || x2->rank != 1)
        numc__fail(context, NUMC_SHAPE, "numc_outer: the operands have ranks %d and %d, not 1", (int)x1->rank, (int)x2->rank);
    else
        y = numc_multiply(lift(context, x1, 1), x2);
    return numc__scope_leave(context, y);
}

numc_array *numc_matrix_transpose(const numc_array *x)
{
    numc_context *context = enter("numc_matrix_transpose", x, x);
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

/* ---- diagonals --------------------------------------------------------------------------------------------------- */

/* In row-major order the diagonal of an n by m matrix is every (m + 1)th element. */
static numc_array *diagonal(numc_context *context, const numc_array *x)
{
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

numc_array *numc_diagonal(const numc_array *x)
{
    numc_context *context = enter("numc_diagonal", x, x);
    if (context == NULL)
        return NULL;
    numc_array *y = NULL;
    if (x->rank < 2)
        numc__fail(context, NUMC_SHAPE, "numc_diagonal: the array has rank %d, not 2 at least", (int)x->rank);
    else
        y = diagonal(context, x);
    return numc__scope_leave(context, y);
}

numc_array *numc_diag(const numc_array *x)
{
    numc_context *context = enter("numc_diag", x, x);
    if (context == NULL)
        return NULL;
    numc_array *y = NULL;
    if (x->rank < 1) {
        numc__fail(context, NUMC_SHAPE, "numc_diag: the array has rank 0");
    } else {
        int64_t n = x->shape[x->rank - 1];
        numc_array *mask = numc_eye(context, NUMC_BOOL, n, n, 0);
        y = numc_where(mask, lift(context, x, x->rank - 1), numc__full(context, x->dtype, 0, NULL, 0));
    }
    return numc__scope_leave(context, y);
}

/* ---- factorisations and solves ----------------------------------------------------------------------------------- */

numc_array *numc_linalg_cholesky(const numc_array *x)
{
    numc_context *context = enter("numc_linalg_cholesky", x, x);
    if (context == NULL)
        return NULL;
    const numc_array *a = is_square(context, "numc_linalg_cholesky", x) == NUMC_OK ? as_float(context, x) : NULL;
    return numc__scope_leave(context, a == NULL ? NULL : numc__bind1(context, NUMC_PRIMITIVE_CHOLESKY, &a, 1, NULL));
}

static numc_array *triangular(numc_context *context, const numc_array *t, const numc_array *b, bool upper, bool transpose,
                              bool unit)
{
    const int64_t numbers[3] = {upper, transpose, unit};
    numc_attributes attributes = {.count = 3, .numbers = numbers};
    const numc_array *inputs[2] = {t, b};
    if (t == NULL || b == NULL)
        return NULL;
    return numc__bind1(context, NUMC_PRIMITIVE_TRIANGULAR_SOLVE, inputs, 2, &attributes);
}

/* The operands of a solve: one float dtype, the right side a matrix (a vector only if its rank is 1), equal batch axes. */
typedef struct solve {
    const numc_array *a, *b;
    bool vector;
    int64_t batch[NUMC_RANK_LIMIT];
    int32_t batch_rank;
} solve;

static numc_status solve_begin(solve *s, numc_context *context, const char *name, const numc_array *a, const numc_array *b)
{
    char x[256], y[256];
    bool fits = a->rank >= 2 && a->shape[a->rank - 1] == a->shape[a->rank - 2] && b->rank >= 1
                && b->shape[b->rank == 1 ? 0 : b->rank - 2] == a->shape[a->rank - 1];
    NUMC_REQUIRE(context, fits, NUMC_SHAPE, "%s: a matrix of shape %s and a right side of shape %s do not fit", name,
                 numc__shape_format(x, sizeof x, a->rank, a->shape), numc__shape_format(y, sizeof y, b->rank, b->shape));
    numc_dtype dtype = common(context, name, a, b, true);
    if (dtype == NUMC_DTYPE_DEFAULT)
        return context->status;
    s->vector = b->rank == 1;
    s->a = numc__convert(context, a, dtype);
    s->b = numc__convert(context, b, dtype);
    if (s->vector)
        s->b = lift(context, s->b, 1);
    NUMC_TRY(context->status);
    return batch_shape(context, name, s->a, s->b, &s->batch_rank, s->batch);
}

static numc_array *solve_matrix(const solve *s, numc_context *context, const numc_array *x)
{
    return with_batch(context, x, 2, s->batch_rank, s->batch);
}

static numc_array *solve_end(const solve *s, numc_context *context, numc_array *x)
{
    return s->vector && x != NULL ? lower(context, x, x->rank - 1) : x;
}

numc_array *numc_linalg_triangular_solve_(const numc_array *t, const numc_array *b, const numc_triangular_options *options)
{
    const char *name = "numc_linalg_triangular_solve";
    numc_context *context = enter(name, t, b);
    if (context == NULL)
        return NULL;
    numc_triangular_options known;
    numc_array *x = NULL;
    solve s;
    if (numc__options_copy(context, &known, sizeof known, options, options == NULL ? 0 : options->size, name) == NUMC_OK
        && solve_begin(&s, context, name, t, b) == NUMC_OK)
        x = triangular(context, solve_matrix(&s, context, s.a), solve_matrix(&s, context, s.b), known.upper, known.transpose,
                       known.unit_diagonal);
    return numc__scope_leave(context, x == NULL ? NULL : solve_end(&s, context, x));
}

/* A x = b with A = L L^T: L z = b, then L^T x = z. */
numc_array *numc_linalg_cho_solve(const numc_array *cholesky, const numc_array *b)
{
    const char *name = "numc_linalg_cho_solve";
    numc_context *context = enter(name, cholesky, b);
    if (context == NULL)
        return NULL;
    numc_array *x = NULL;
    solve s;
    if (solve_begin(&s, context, name, cholesky, b) == NUMC_OK) {
        const numc_array *l = solve_matrix(&s, context, s.a);
        const numc_array *z = triangular(context, l, solve_matrix(&s, context, s.b), false, false, false);
        x = solve_end(&s, context, triangular(context, l, z, false, true, false));
    }
    return numc__scope_leave(context, x);
}

/* A x = b with P A = L U: L z = P b, U x = z. */
static numc_array *general(numc_context *context, const char *name, const numc_array *a, const numc_array *right)
{
    solve s;
    numc_array *factors[3];
    if (solve_begin(&s, context, name, a, right) != NUMC_OK
        || numc__bind(context, NUMC_PRIMITIVE_LU, &s.a, 1, NULL, factors, 3) != NUMC_OK)
        return NULL;
    const numc_array *lu = solve_matrix(&s, context, factors[0]), *b = solve_matrix(&s, context, s.b), *turned = NULL;
    if (factors[1]->rank == 1 && b != NULL) {
        turned = numc__gather(context, b, factors[1], b->rank - 2);
    } else if (b != NULL) {
        const numc_array *order = with_batch(context, factors[1], 1, s.batch_rank, s.batch);
        turned = numc_take_along_axis(b, lift(context, order, s.batch_rank + 1), -2);
    }
    numc_array *z = triangular(context, lu, turned, false, false, true);
    return solve_end(&s, context, triangular(context, lu, z, true, false, false));
}

numc_array *numc_linalg_solve(const numc_array *x1, const numc_array *x2)
{
    numc_context *context = enter("numc_linalg_solve", x1, x2);
    return context == NULL ? NULL : numc__scope_leave(context, general(context, "numc_linalg_solve", x1, x2));
}

numc_array *numc_linalg_inv(const numc_array *x)
{
    const char *name = "numc_linalg_inv";
    numc_context *context = enter(name, x, x);
    if (context == NULL)
        return NULL;
    const numc_array *a = is_square(context, name, x) == NUMC_OK ? as_float(context, x) : NULL;
    numc_array *y = NULL;
    if (a != NULL) {
        numc_array *identity = numc_eye(context, a->dtype, a->shape[a->rank - 1], a->shape[a->rank - 1], 0);
        y = identity == NULL ? NULL : general(context, name, a, identity);
    }
    return numc__scope_leave(context, y);
}

/* The diagonal of U and the sign of the permutation. */
static numc_status pivots(numc_context *context, const char *name, const numc_array *x, numc_array **u, numc_array **sign)
{
    NUMC_TRY(is_square(context, name, x));
    const numc_array *a = as_float(context, x);
    numc_array *factors[3];
    if (a == NULL)
        return context->status;
    NUMC_TRY(numc__bind(context, NUMC_PRIMITIVE_LU, &a, 1, NULL, factors, 3));
    *u = diagonal(context, factors[0]);
    *sign = factors[2];
    return context->status;
}

numc_array *numc_linalg_det(const numc_array *x)
{
    numc_context *context = enter("numc_linalg_det", x, x);
    if (context == NULL)
        return NULL;
    numc_array *u = NULL, *sign = NULL, *y = NULL;
    if (pivots(context, "numc_linalg_det", x, &u, &sign) == NUMC_OK)
        y = numc_multiply(sign, numc_prod(u, NUMC_AXES(-1)));
    return numc__scope_leave(context, y);
}

numc_slogdet numc_linalg_slogdet(const numc_array *x)
{
    numc_slogdet result = {NULL, NULL};
    numc_context *context = enter("numc_linalg_slogdet", x, x);
    if (context == NULL)
        return result;
    numc_array *u = NULL, *sign = NULL;
    if (pivots(context, "numc_linalg_slogdet", x, &u, &sign) == NUMC_OK) {
        result.sign = numc_multiply(sign, numc_prod(numc_sign(u), NUMC_AXES(-1)));
        result.logabsdet = numc_sum(numc_log(numc_abs(u)), NUMC_AXES(-1));
    }
    numc__array_move(result.sign, context->scope->outer);
    result.logabsdet = numc__scope_leave(context, result.logabsdet);
    if (result.sign == NULL || result.logabsdet == NULL)
        result = (numc_slogdet){NULL, NULL};
    return result;
}
