/* positive.c - what is computed of a positive definite matrix through its Cholesky factor: solves, the inverse, the determinant's
 * logarithm, quadratic forms.
 *
 * A derivative of these by the factor L is one of the matrix A again as soon as it has gone back through the factorisation, which
 * takes 13/3 n^3 operations and forgets that most of them cancel: log det A has the gradient inv(A), n^3 at most. So where L is what
 * numc_linalg_cholesky made of a real traced A, these functions have rules of their own by A; L is then a means of computing them, and
 * nothing flows through it. With H = lower_half(dA), dA = H + H' since the lower triangle of A is what is read:
 *   W = inv(A)          dW = -W dA W
 *   y = inv(A) b        dy = W (db - dA y)
 *   log det A           2 sum W * H
 *   b' inv(A) b         2 y . (db - H y)
 * What a rule is made of has a rule by A too, so to any order no factorisation is differentiated; W's names nothing but W, and ends it. */
#include "array/matrix.h"

enum { MATRIX, FACTOR, RIGHT };

numc_array *numc__lower_half(const numc_array *x)
{
    return numc_multiply(numc_add(numc_tril(x, 0), numc_tril(x, -1)), 0.5);
}

static numc_array *product(numc_context *context, const numc_array *x, const numc_array *y)
{
    if (x == NULL || y == NULL)
        return NULL;
    return numc__bind1(context, NUMC_PRIMITIVE_MATMUL, (const numc_array *[]){x, y}, 2, NULL);
}

static numc_array *moved(const numc_array *da) /* H + H' */
{
    numc_array *half = numc__lower_half(da);
    return half == NULL ? NULL : numc_add(half, numc_matrix_transpose(half));
}

/* ---- the functions on operands of equal batch axes --------------------------------------------------------------------------- */

#define RULE(name)                                                                                 \
    static void name(numc_context *context, const numc_array *const *in, int32_t in_count, numc_array **out, int32_t out_count, \
                     void *user)
#define UNUSED() (void)context, (void)in_count, (void)out_count, (void)user
#define BY_MATRIX(body, jvp, ...) \
    numc__trace_hooks()->custom(context, body, jvp, NULL, (const numc_array *[]){__VA_ARGS__}, \
                                (int32_t)(sizeof((const numc_array *[]){__VA_ARGS__}) / sizeof(numc_array *)))

/* L z = b, then L^H y = z */
static numc_array *solved(numc_context *context, const numc_array *l, const numc_array *b)
{
    const numc_array *z = numc__triangular(context, l, b, false, false, false);
    return z == NULL ? NULL : numc__triangular(context, numc__matrix_conj(l), z, false, true, false);
}
/* Of a complex L by two solves. */
static numc_array *inverted(numc_context *context, const numc_array *l)
{
    if (numc_dtype_kind(l->dtype) == NUMC_KIND_REAL)
        return numc__bind1(context, NUMC_PRIMITIVE_CHOLESKY_INVERSE, &l, 1, NULL);
    int64_t n = l->shape[l->rank - 1];
    numc_array *unit = numc_eye(context, l->dtype, n, n, 0);
    return solved(context, l, unit == NULL ? NULL : numc_broadcast_to(unit, ((numc_shape){l->shape, l->rank, true})));
}
RULE(inverse_body)
{
    UNUSED();
    out[0] = inverted(context, in[FACTOR]);
}
RULE(inverse_moves) /* a, l, w, da, dl */
{
    UNUSED();
    out[0] = numc_negative(product(context, product(context, in[2], moved(in[3])), in[2]));
}
static numc_array *inverse(numc_context *context, const numc_array *a, const numc_array *l)
{
    return a == NULL ? inverted(context, l) : BY_MATRIX(inverse_body, inverse_moves, a, l);
}

RULE(solve_body)
{
    UNUSED();
    out[0] = solved(context, in[FACTOR], in[RIGHT]);
}
RULE(solve_moves) /* a, l, b, y, da, dl, db */
{
    UNUSED();
    numc_array *w = inverse(context, in[MATRIX], in[FACTOR]);
    out[0] = product(context, w, numc_subtract(in[6], product(context, moved(in[4]), in[3])));
}
static numc_array *solve(numc_context *context, const numc_array *a, const numc_array *l, const numc_array *b)
{
    return a == NULL ? solved(context, l, b) : BY_MATRIX(solve_body, solve_moves, a, l, b);
}

/* log det A, and with a right side for each of its columns (log det A) + b' inv(A) b: the two in one, so that what they say about A is
 * added before a triangle of it is taken. */
static numc_array *deviance(numc_context *context, const numc_array *l, const numc_array *b)
{
    numc_array *sum = numc_multiply(numc_sum(numc_log(numc__matrix_diagonal(context, l)), NUMC_AXES(-1)), 2);
    if (b == NULL)
        return sum;
    numc_array *squares = numc_square(numc__triangular(context, l, b, false, false, false));
    return numc_add(numc_sum(squares, NUMC_AXES(-2)), numc_expand_dims(sum, NUMC_AXES(-1)));
}
RULE(deviance_body)
{
    UNUSED();
    out[0] = deviance(context, in[FACTOR], in_count > RIGHT ? in[RIGHT] : NULL);
}
RULE(deviance_moves) /* a, l, sum, da, dl; or a, l, b, sums, da, dl, db */
{
    UNUSED();
    bool right = in_count == 7;
    numc_array *half = numc__lower_half(in[right ? 4 : 3]), *w = inverse(context, in[MATRIX], in[FACTOR]);
    numc_array *sum = numc_multiply(numc_sum(numc_multiply(w, half), NUMC_AXES(-2, -1)), 2);
    if (right) {
        numc_array *y = solve(context, in[MATRIX], in[FACTOR], in[RIGHT]);
        numc_array *rest = numc_multiply(y, numc_subtract(in[6], product(context, half, y)));
        sum = numc_add(numc_multiply(numc_sum(rest, NUMC_AXES(-2)), 2), numc_expand_dims(sum, NUMC_AXES(-1)));
    }
    out[0] = sum;
}

/* ---- who asks ---------------------------------------------------------------------------------------------------------------- */

const numc_array *numc__positive_matrix(numc_context *context, const numc_array *l)
{
    if (!numc_array_is_traced(l) || numc_dtype_kind(l->dtype) != NUMC_KIND_REAL)
        return NULL;
    return numc__trace_hooks()->operand(context, l, NUMC_PRIMITIVE_CHOLESKY, 0);
}

/* *a: the matrix (NULL where rules are by the factor); true unless that failed. l is only looked at where there is a matrix. */
static bool find_matrix(numc_context *context, const numc_array **a, const numc_array **l)
{
    *a = numc__positive_matrix(context, *l);
    if (*a != NULL)
        *l = numc_stop_gradient(*l);
    return context->status == NUMC_OK;
}

numc_array *numc_linalg_cho_solve(const numc_array *cholesky, const numc_array *b)
{
    const char *name = "numc_linalg_cho_solve";
    numc_context *context = numc__matrix_enter(name, cholesky, b);
    if (context == NULL)
        return NULL;
    numc_array *x = NULL;
    const numc_array *a, *l = cholesky;
    numc_solve s;
    if (find_matrix(context, &a, &l) && numc__solve_begin(&s, context, name, l, b) == NUMC_OK) {
        l = numc__solve_matrix(&s, context, s.a);
        a = a == NULL ? NULL : numc__solve_matrix(&s, context, numc__convert(context, a, s.a->dtype));
        b = numc__solve_matrix(&s, context, s.b);
        x = context->status != NUMC_OK ? NULL : numc__solve_end(&s, context, solve(context, a, l, b));
    }
    return numc__scope_leave(context, x);
}

numc_array *numc_linalg_cho_inv(const numc_array *cholesky)
{
    const char *name = "numc_linalg_cho_inv";
    numc_context *context = numc__matrix_enter(name, cholesky, cholesky);
    if (context == NULL)
        return NULL;
    numc_array *w = NULL;
    const numc_array *a, *l = cholesky;
    if (numc__matrix_square(context, name, l) == NUMC_OK && find_matrix(context, &a, &l))
        w = (l = numc__matrix_float(context, l)) == NULL ? NULL : inverse(context, a, l);
    return numc__scope_leave(context, w);
}

numc_array *numc__positive_deviance(numc_context *context, const numc_array *l, const numc_array *b)
{
    if (l == NULL || context->status != NUMC_OK || numc_scope_begin(context) != NUMC_OK)
        return NULL;
    const numc_array *a;
    numc_array *y = NULL;
    if (find_matrix(context, &a, &l)) {
        const numc_array *inputs[3] = {a, l, b};
        y = a == NULL ? deviance(context, l, b)
                      : numc__trace_hooks()->custom(context, deviance_body, deviance_moves, NULL, inputs, b == NULL ? 2 : 3);
    }
    return numc__scope_leave(context, y);
}
