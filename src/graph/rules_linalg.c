/* rules_linalg.c - derivative rules of the product, the triangular solve and LU, batched over leading axes. All are holomorphic:
 * for complex matrices too transposes are not conjugated. */
#include "graph/derivative.h"
#include "numc/linalg.h"

#define DONE(a) return (a)->context->status
#define T(x) numc_matrix_transpose(x)

static numc_array *sum_of(numc_array *x, numc_array *y)
{
    return x == NULL ? y : y == NULL ? x : numc_add(x, y);
}

/* The batch axes of all operands here are equal already. */
static numc_array *product(const numc_application *a, const numc_array *x, const numc_array *y)
{
    return numc__bind1(a->context, NUMC_PRIMITIVE_MATMUL, (const numc_array *[]){x, y}, 2, NULL);
}

static numc_array *solve(const numc_application *a, const numc_array *t, const numc_array *b, bool upper, bool transpose,
                         bool unit)
{
    const int64_t numbers[3] = {upper, transpose, unit};
    return numc__apply_numbers(a->context, NUMC_PRIMITIVE_TRIANGULAR_SOLVE, (const numc_array *[]){t, b}, 2, numbers, 3);
}

numc_status numc__jvp_matmul(const numc_application *a, const numc_array *const *dx, numc_array **dy)
{
    numc_array *left = dx[0] != NULL ? product(a, dx[0], a->x[1]) : NULL;
    numc_array *right = dx[1] != NULL ? product(a, a->x[0], dx[1]) : NULL;
    dy[0] = sum_of(left, right);
    DONE(a);
}

numc_status numc__vjp_matmul(const numc_application *a, const numc_array *const *ybar, const bool *wanted, numc_array **xbar)
{
    if (wanted[0])
        xbar[0] = product(a, ybar[0], T(a->x[1]));
    if (wanted[1])
        xbar[1] = product(a, T(a->x[0]), ybar[0]);
    DONE(a);
}

/* The part of T that a triangular solve reads. */
static numc_array *triangle(const numc_array *x, bool upper, bool unit)
{
    return upper ? numc_triu(x, unit) : numc_tril(x, unit ? -1 : 0);
}

/* op(T) X = B: op(T) dX = dB - op(dT) X. */
numc_status numc__jvp_triangular_solve(const numc_application *a, const numc_array *const *dx, numc_array **dy)
{
    const int64_t *n = a->attributes->numbers;
    bool upper = n[0] != 0, transpose = n[1] != 0, unit = n[2] != 0;
    numc_array *right = (numc_array *)(uintptr_t)dx[1];
    if (dx[0] != NULL) {
        numc_array *dt = triangle(dx[0], upper, unit);
        numc_array *moved = product(a, transpose ? T(dt) : dt, a->y[0]);
        right = right != NULL ? numc_subtract(right, moved) : numc_negative(moved);
    }
    dy[0] = solve(a, a->x[0], right, upper, transpose, unit);
    DONE(a);
}

/* Bbar = op(T)^-T Xbar; op(T)bar = -Bbar X^T. */
numc_status numc__vjp_triangular_solve(const numc_application *a, const numc_array *const *ybar, const bool *wanted,
                                       numc_array **xbar)
{
    const int64_t *n = a->attributes->numbers;
    bool upper = n[0] != 0, transpose = n[1] != 0, unit = n[2] != 0;
    numc_array *bbar = solve(a, a->x[0], ybar[0], upper, !transpose, unit);
    if (wanted[1])
        xbar[1] = bbar;
    if (wanted[0]) {
        const numc_array *x = a->y[0];
        numc_array *outer = transpose ? product(a, x, T(bbar)) : product(a, bbar, T(x));
        xbar[0] = numc_negative(triangle(outer, upper, unit));
    }
    DONE(a);
}

/* L of a packed LU. */
static numc_array *unit_lower(const numc_application *a, const numc_array *packed)
{
    const numc_array *x = a->x[0];
    int64_t n = x->shape[x->rank - 1];
    return numc_add(numc_tril(packed, -1), numc_eye_(a->context, x->dtype, n, n, 0));
}

/* Row numbers of the permutation as positions along the rows of x, in x's shape. */
static numc_array *row_positions(const numc_application *a)
{
    const numc_array *x = a->x[0], *permutation = a->y[1];
    int64_t shape[NUMC_RANK_LIMIT];
    for (int32_t i = 0; i < x->rank; i++)
        shape[i] = i < x->rank - 1 ? x->shape[i] : 1;
    numc_array *column = numc__reshape_to(a->context, numc_astype(permutation, NUMC_INT64), x->rank, shape);
    return numc_broadcast_to(column, (numc_shape){x->shape, x->rank, true});
}

/* Packed LU with 1 for the last pivot: F = X U^-1 has its columns but the last from the pivots before, so that a matrix whose only
 * zero pivot is the last has derivatives. */
static numc_array *without_last_pivot(const numc_application *a, const numc_array *packed)
{
    int64_t n = packed->shape[packed->rank - 1];
    numc_array *at = numc_equal(numc_arange(a->context, NUMC_INT64, 0, (double)(n * n), 1), n * n - 1);
    at = numc_reshape(at, NUMC_SHAPE(n, n));
    return numc_where(at, numc_ones_like(packed), packed);
}

/* P A = L U, P fixed: with X = L^-1 (P dA) and F = X U^-1, dL = L tril(F, -1) and dU = X - tril(F, -1) U. */
numc_status numc__jvp_lu(const numc_application *a, const numc_array *const *dx, numc_array **dy)
{
    const numc_array *packed = a->y[0];
    numc_array *l = unit_lower(a, packed), *u = numc_triu(packed, 0);
    numc_array *rows = numc__gather_along(a->context, dx[0], row_positions(a), a->x[0]->rank - 2);
    numc_array *x = solve(a, packed, rows, false, false, true);
    numc_array *f = numc_tril(T(solve(a, without_last_pivot(a, packed), T(x), true, true, false)), -1);
    dy[0] = numc_add(product(a, l, f), numc_triu(numc_subtract(x, product(a, f, u)), 0));
    DONE(a);
}

/* The adjoint, with Ubar = triu(LUbar) and Fbar = tril(L^T tril(LUbar, -1) - Ubar U^T, -1):
 * (P A)bar = L^-T (Ubar + Fbar U^-T), the last column of Fbar being zero. */
numc_status numc__vjp_lu(const numc_application *a, const numc_array *const *ybar, const bool *wanted, numc_array **xbar)
{
    (void)wanted;
    if (ybar[0] == NULL)
        return NUMC_OK;
    const numc_array *packed = a->y[0];
    numc_array *l = unit_lower(a, packed), *u = numc_triu(packed, 0), *ubar = numc_triu(ybar[0], 0);
    numc_array *fbar = numc_subtract(product(a, T(l), numc_tril(ybar[0], -1)), product(a, ubar, T(u)));
    numc_array *through = T(solve(a, without_last_pivot(a, packed), T(numc_tril(fbar, -1)), true, false, false));
    numc_array *rows = solve(a, packed, numc_add(ubar, through), false, true, true);
    numc_type type = numc__type_of(a->x[0]);
    xbar[0] = numc__scatter_along(a->context, &type, row_positions(a), rows, a->x[0]->rank - 2);
    DONE(a);
}
