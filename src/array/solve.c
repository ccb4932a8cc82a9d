/* solve.c - systems of linear equations, inverses, pseudo-inverses, determinants: from triangular solves, LU and SVD. */
#include "array/matrix.h"

numc_array *numc__triangular(numc_context *context, const numc_array *t, const numc_array *b, bool upper, bool transpose,
                              bool unit)
{
    const int64_t numbers[3] = {upper, transpose, unit};
    numc_attributes attributes = {.count = 3, .numbers = numbers};
    const numc_array *inputs[2] = {t, b};
    if (t == NULL || b == NULL)
        return NULL;
    return numc__bind1(context, NUMC_PRIMITIVE_TRIANGULAR_SOLVE, inputs, 2, &attributes);
}

numc_status numc__solve_begin(numc_solve *s, numc_context *context, const char *name, const numc_array *a, const numc_array *b)
{
    char x[256], y[256];
    bool fits = a->rank >= 2 && a->shape[a->rank - 1] == a->shape[a->rank - 2] && b->rank >= 1
                && b->shape[b->rank == 1 ? 0 : b->rank - 2] == a->shape[a->rank - 1];
    NUMC_REQUIRE(context, fits, NUMC_SHAPE, "%s: a matrix of shape %s and a right side of shape %s do not fit", name,
                 numc__shape_format(x, sizeof x, a->rank, a->shape), numc__shape_format(y, sizeof y, b->rank, b->shape));
    numc_dtype dtype = numc__matrix_dtype(context, name, a, b, true);
    if (dtype == NUMC_DTYPE_DEFAULT)
        return context->status;
    s->vector = b->rank == 1;
    s->a = numc__convert(context, a, dtype);
    s->b = numc__convert(context, b, dtype);
    if (s->vector)
        s->b = numc__matrix_lift(context, s->b, 1);
    NUMC_TRY(context->status);
    return numc__matrix_batch(context, name, s->a, s->b, &s->batch_rank, s->batch);
}

numc_array *numc__solve_matrix(const numc_solve *s, numc_context *context, const numc_array *x)
{
    return numc__matrix_spread(context, x, 2, s->batch_rank, s->batch);
}

numc_array *numc__solve_end(const numc_solve *s, numc_context *context, numc_array *x)
{
    return s->vector && x != NULL ? numc__matrix_lower(context, x, x->rank - 1) : x;
}

numc_array *numc_linalg_triangular_solve_(const numc_array *t, const numc_array *b, const numc_triangular_options *options)
{
    const char *name = "numc_linalg_triangular_solve";
    numc_context *context = numc__matrix_enter(name, t, b);
    if (context == NULL)
        return NULL;
    numc_triangular_options known;
    numc_array *x = NULL;
    numc_solve s;
    if (numc__options_copy(context, &known, sizeof known, options, options == NULL ? 0 : options->size, name) == NUMC_OK
        && numc__solve_begin(&s, context, name, t, b) == NUMC_OK)
        x = numc__triangular(context, numc__solve_matrix(&s, context, s.a), numc__solve_matrix(&s, context, s.b), known.upper, known.transpose,
                       known.unit_diagonal);
    return numc__scope_leave(context, x == NULL ? NULL : numc__solve_end(&s, context, x));
}

/* A x = b with P A = L U: L z = P b, U x = z. */
static numc_array *general(numc_context *context, const char *name, const numc_array *a, const numc_array *right)
{
    numc_solve s;
    numc_array *factors[3];
    if (numc__solve_begin(&s, context, name, a, right) != NUMC_OK
        || numc__bind(context, NUMC_PRIMITIVE_LU, &s.a, 1, NULL, factors, 3) != NUMC_OK)
        return NULL;
    const numc_array *lu = numc__solve_matrix(&s, context, factors[0]), *b = numc__solve_matrix(&s, context, s.b), *turned = NULL;
    if (factors[1]->rank == 1 && b != NULL) {
        turned = numc__gather(context, b, factors[1], b->rank - 2);
    } else if (b != NULL) {
        const numc_array *order = numc__matrix_spread(context, factors[1], 1, s.batch_rank, s.batch);
        turned = numc_take_along_axis(b, numc__matrix_lift(context, order, s.batch_rank + 1), -2);
    }
    numc_array *z = numc__triangular(context, lu, turned, false, false, true);
    return numc__solve_end(&s, context, numc__triangular(context, lu, z, true, false, false));
}

numc_array *numc_linalg_solve(const numc_array *x1, const numc_array *x2)
{
    numc_context *context = numc__matrix_enter("numc_linalg_solve", x1, x2);
    return context == NULL ? NULL : numc__scope_leave(context, general(context, "numc_linalg_solve", x1, x2));
}

numc_array *numc_linalg_inv(const numc_array *x)
{
    const char *name = "numc_linalg_inv";
    numc_context *context = numc__matrix_enter(name, x, x);
    if (context == NULL)
        return NULL;
    const numc_array *a = numc__matrix_square(context, name, x) == NUMC_OK ? numc__matrix_float(context, x) : NULL;
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
    NUMC_TRY(numc__matrix_square(context, name, x));
    const numc_array *a = numc__matrix_float(context, x);
    numc_array *factors[3];
    if (a == NULL)
        return context->status;
    NUMC_TRY(numc__bind(context, NUMC_PRIMITIVE_LU, &a, 1, NULL, factors, 3));
    *u = numc__matrix_diagonal(context, factors[0]);
    *sign = factors[2];
    return context->status;
}

numc_array *numc_linalg_det(const numc_array *x)
{
    numc_context *context = numc__matrix_enter("numc_linalg_det", x, x);
    if (context == NULL)
        return NULL;
    numc_array *u = NULL, *sign = NULL, *y = NULL;
    if (pivots(context, "numc_linalg_det", x, &u, &sign) == NUMC_OK)
        y = numc_multiply(sign, numc_prod(u, NUMC_AXES(-1)));
    return numc__scope_leave(context, y);
}

numc_slogdet numc_linalg_slogdet(const numc_array *x)
{
    numc_array *u = NULL, *sign = NULL, *y[2] = {NULL, NULL};
    numc_context *context = numc__matrix_enter("numc_linalg_slogdet", x, x);
    if (context != NULL) {
        if (pivots(context, "numc_linalg_slogdet", x, &u, &sign) == NUMC_OK) {
            y[0] = numc_multiply(sign, numc_prod(numc_sign(u), NUMC_AXES(-1)));
            y[1] = numc_sum(numc_log(numc_abs(u)), NUMC_AXES(-1));
        }
        numc__matrix_leave(context, y, 2);
    }
    return (numc_slogdet){y[0], y[1]};
}

/* ---- the pseudo-inverse ------------------------------------------------------------------------------------------ */

/* A = U S V^H: P = V S^+ U^H, where S^+ inverts what is above rtol times the largest singular value and drops the rest. */
static numc_array *pseudo_inverse(numc_context *context, const char *name, const numc_array *a, numc_operand rtol)
{
    const numc_array *tolerance = numc__matrix_rtol(context, name, rtol, a);
    if (tolerance == NULL)
        return NULL;
    numc_svd f = numc_linalg_svd(a, .reduced = true);
    if (f.s == NULL)
        return NULL;
    numc_array *s = f.s;
    if (s->shape[s->rank - 1] > 0) {
        numc_array *above = numc_greater(s, numc_multiply(tolerance, numc_index(s, NUMC_ELLIPSIS, NUMC_SLICE(0, 1))));
        s = numc_where(above, numc_reciprocal(numc_where(above, s, 1)), 0);
    }
    if (s == NULL)
        return NULL;
    numc_array *v = numc_multiply(numc__matrix_adjoint(f.vh), numc__matrix_lift(context, s, s->rank - 1));
    return numc_matmul(v, numc__matrix_adjoint(f.u));
}

/* dP = -P dA P + P P^H dA^H (I - A P) + (I - P A) dA^H P^H P while the rank stays as it is (Golub and Pereyra 1973). */
static numc_array *pinv_moves(const numc_array *p, const numc_array *a, const numc_array *da)
{
    const numc_array *ph = numc__matrix_adjoint(p), *dah = numc__matrix_adjoint(da);
    numc_array *left = numc_matmul(p, numc_matmul(ph, dah)), *right = numc_matmul(numc_matmul(dah, ph), p);
    left = numc_subtract(left, numc_matmul(numc_matmul(left, a), p));
    right = numc_subtract(right, numc_matmul(p, numc_matmul(a, right)));
    return numc_subtract(numc_add(left, right), numc_matmul(numc_matmul(p, da), p));
}

/* Derivatives of singular vectors blow up where singular values meet, that of P does not: a traced P has its own. Operands are x
 * and, when it is an array, rtol. */
typedef struct pinv_call {
    numc_operand rtol;
    int32_t operands;
} pinv_call;

static void pinv_body(numc_context *context, const numc_array *const *inputs, int32_t input_count, numc_array **outputs,
                      int32_t output_count, void *user)
{
    (void)output_count;
    const pinv_call *call = user;
    numc_operand rtol = input_count == 2 ? numc_operand_array(inputs[1]) : call->rtol;
    outputs[0] = pseudo_inverse(context, "numc_linalg_pinv", inputs[0], rtol);
}

static void pinv_jvp(numc_context *context, const numc_array *const *inputs, int32_t input_count, numc_array **outputs,
                     int32_t output_count, void *user)
{
    (void)context, (void)input_count, (void)output_count;
    int32_t result = ((const pinv_call *)user)->operands;
    outputs[0] = pinv_moves(inputs[result], inputs[0], inputs[result + 1]);
}

static numc_array *traced_pinv(numc_context *context, const char *name, const numc_array *a, numc_operand rtol)
{
    const numc_array *inputs[2] = {a, rtol.kind == NUMC_OPERAND_ARRAY ? rtol.value.array : NULL};
    pinv_call call = {rtol, inputs[1] == NULL ? 1 : 2};
    if (inputs[1] != NULL && numc__array_own(context, inputs[1], name) != NUMC_OK)
        return NULL;
    return numc__trace_hooks()->custom(context, pinv_body, pinv_jvp, &call, inputs, call.operands);
}

numc_array *(numc_linalg_pinv)(const numc_array *x, const numc_rtol_options *options)
{
    const char *name = "numc_linalg_pinv";
    numc_context *context = numc__matrix_enter(name, x, x);
    if (context == NULL)
        return NULL;
    numc_rtol_options known;
    numc_array *y = NULL;
    if (numc__options_copy(context, &known, sizeof known, options, options == NULL ? 0 : options->size, name) == NUMC_OK
        && numc__matrix_check(context, name, x) == NUMC_OK) {
        const numc_array *a = numc__matrix_float(context, x);
        const numc_array *given = known.rtol.kind == NUMC_OPERAND_ARRAY ? known.rtol.value.array : NULL;
        bool traced = a != NULL && (a->content == NUMC_CONTENT_TRACED || numc_array_is_traced(given));
        if (traced)
            y = traced_pinv(context, name, a, known.rtol);
        else if (a != NULL)
            y = pseudo_inverse(context, name, a, known.rtol);
    }
    return numc__scope_leave(context, y);
}
