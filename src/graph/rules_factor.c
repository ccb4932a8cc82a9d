/* rules_factor.c - derivative rules of Cholesky, of QR, and of the factorisations by eigenvalues and singular values, batched over
 * leading axes.
 *
 * Cotangents are those of derivative.h, without conjugation. The adjoints below are written for the conjugate cotangents G, for
 * which the inner product of matrices is Re tr(G^H dA): rules conjugate on the way in and on the way out. For real matrices
 * ^H is ^T and conjugation does nothing. */
#include "graph/derivative.h"
#include "numc/linalg.h"

#define DONE(a) return (a)->context->status

static bool is_complex(const numc_array *x)
{
    return (numc_dtype_kind(x->dtype) & NUMC_KIND_COMPLEX) != 0;
}

/* All of these pass NULL on. */
static numc_array *conjugate(const numc_array *x)
{
    if (x == NULL || !is_complex(x))
        return (numc_array *)(uintptr_t)x;
    return numc_conj(x);
}
static numc_array *real_part(const numc_array *x)
{
    return x == NULL || !is_complex(x) ? (numc_array *)(uintptr_t)x : numc_real(x);
}
static numc_array *adjoint(const numc_array *x)
{
    return x == NULL ? NULL : numc_matrix_transpose(conjugate(x));
}
static numc_array *column(const numc_array *x) /* (..., N) as (..., N, 1) */
{
    return x == NULL ? NULL : numc_expand_dims(x, NUMC_AXES(-1));
}
static numc_array *row(const numc_array *x)
{
    return x == NULL ? NULL : numc_expand_dims(x, NUMC_AXES(-2));
}
static numc_array *plus(numc_array *x, numc_array *y)
{
    return x == NULL ? y : y == NULL ? x : numc_add(x, y);
}
static numc_array *with_adjoint(numc_array *x) /* x + x^H */
{
    return x == NULL ? NULL : numc_add(x, adjoint(x));
}

/* The batch axes of all operands here are equal already. */
static numc_array *product(const numc_application *a, const numc_array *x, const numc_array *y)
{
    return numc__bind1(a->context, NUMC_PRIMITIVE_MATMUL, (const numc_array *[]){x, y}, 2, NULL);
}

/* ---- Cholesky ---------------------------------------------------------------------------------------------------- */

/* l^-1 x, or l^-H x. */
static numc_array *divide_left(const numc_application *a, const numc_array *l, bool by_adjoint, const numc_array *x)
{
    const int64_t numbers[3] = {false, by_adjoint, false};
    const numc_array *inputs[2] = {by_adjoint ? conjugate(l) : l, x};
    if (inputs[0] == NULL || inputs[1] == NULL)
        return NULL;
    return numc__apply_numbers(a->context, NUMC_PRIMITIVE_TRIANGULAR_SOLVE, inputs, 2, numbers, 3);
}

/* A = L L^H: dL = L lower_half(L^-1 dA L^-H) (Murray 2016). */
numc_status numc__jvp_cholesky(const numc_application *a, const numc_array *const *dx, numc_array **dy)
{
    const numc_array *l = a->y[0];
    numc_array *left = divide_left(a, l, false, with_adjoint(numc__lower_half(dx[0])));
    dy[0] = product(a, l, numc__lower_half(divide_left(a, l, false, adjoint(left))));
    DONE(a);
}

/* L^H Lg; where Lg = U V was made of few columns (as that of L z is, by each z), (L^H U) V. */
static numc_array *from_factor(const numc_application *a, const numc_array *ybar)
{
    const numc_array *l = a->y[0], *u = numc__trace_operand(a->context, ybar, NUMC_PRIMITIVE_MATMUL, 0);
    if (u == NULL || 2 * u->shape[u->rank - 1] >= l->shape[l->rank - 1])
        return product(a, adjoint(l), conjugate(ybar));
    const numc_array *v = numc__trace_operand(a->context, ybar, NUMC_PRIMITIVE_MATMUL, 1);
    return product(a, product(a, adjoint(l), conjugate(u)), conjugate(v));
}

/* S = L^-H lower_half(L^H Lg) L^-1: Ag = lower_half(S + S^H). What Lg has above the diagonal does not count: L^H is upper triangular. */
numc_status numc__vjp_cholesky(const numc_application *a, const numc_array *const *ybar, const bool *wanted, numc_array **xbar)
{
    (void)wanted;
    const numc_array *l = a->y[0];
    numc_array *left = divide_left(a, l, true, numc__lower_half(from_factor(a, ybar[0])));
    numc_array *s = divide_left(a, l, true, adjoint(left));
    xbar[0] = conjugate(numc__lower_half(with_adjoint(s)));
    DONE(a);
}

/* W = (L L^T)^-1: dW = -(Z + Z^T) with Z = W dL L^-1, dL lower triangular. */
numc_status numc__jvp_cholesky_inverse(const numc_application *a, const numc_array *const *dx, numc_array **dy)
{
    numc_array *right = adjoint(divide_left(a, a->x[0], true, adjoint(numc_tril(dx[0], 0))));
    dy[0] = numc_negative(with_adjoint(product(a, a->y[0], right)));
    DONE(a);
}

/* G = Wg + Wg^T: Lg = -tril(W G L^-T). */
numc_status numc__vjp_cholesky_inverse(const numc_application *a, const numc_array *const *ybar, const bool *wanted, numc_array **xbar)
{
    (void)wanted;
    numc_array *right = adjoint(divide_left(a, a->x[0], false, with_adjoint((numc_array *)(uintptr_t)ybar[0])));
    xbar[0] = numc_negative(numc_tril(product(a, a->y[0], right), 0));
    DONE(a);
}

/* ---- QR ---------------------------------------------------------------------------------------------------------- */

static numc_status qr_has_derivative(const numc_application *a)
{
    const numc_array *x = a->x[0], *q = a->y[0];
    NUMC_REQUIRE(a->context, q->shape[q->rank - 1] <= x->shape[x->rank - 1], NUMC_UNSUPPORTED,
                 "no derivative of the complete qr: the added columns of q are any basis; take the reduced one");
    return NUMC_OK;
}

/* The first columns of x, as many as x has rows. */
static numc_array *square_part(const numc_array *x)
{
    return x == NULL ? NULL : numc_index(x, NUMC_ELLIPSIS, NUMC_SLICE(0, x->shape[x->rank - 2]));
}

/* x r^-1, or x r^-H, by the transposed solve. */
static numc_array *divide_right(const numc_application *a, const numc_array *x, const numc_array *r, bool by_adjoint)
{
    const int64_t numbers[3] = {true, !by_adjoint, false};
    const numc_array *inputs[2] = {by_adjoint ? conjugate(r) : r, numc_matrix_transpose(x)};
    if (inputs[0] == NULL || inputs[1] == NULL)
        return NULL;
    return numc_matrix_transpose(numc__apply_numbers(a->context, NUMC_PRIMITIVE_TRIANGULAR_SOLVE, inputs, 2, numbers, 3));
}

/* The upper triangle with its diagonal halved. */
static numc_array *upper_half(const numc_array *x)
{
    return numc_multiply(numc_add(numc_triu(x, 0), numc_triu(x, 1)), 0.5);
}

/* X = dA R^-1, C = Q^H X, W = upper_half(C + C^H): dR = W R, dQ = X - Q W. (C - W is skew, and R's diagonal stays real.)
 * Where there are more columns than rows, Q is that of the first columns, and dR = dQ^H A + Q^H dA. */
numc_status numc__jvp_qr(const numc_application *a, const numc_array *const *dx, numc_array **dy)
{
    NUMC_TRY(qr_has_derivative(a));
    const numc_array *q = a->y[0], *r = a->y[1];
    bool wide = r->shape[r->rank - 1] > r->shape[r->rank - 2];
    numc_array *x = wide ? divide_right(a, square_part(dx[0]), square_part(r), false) : divide_right(a, dx[0], r, false);
    numc_array *w = upper_half(with_adjoint(product(a, adjoint(q), x)));
    dy[0] = numc_subtract(x, product(a, q, w));
    dy[1] = wide ? numc_triu(numc_add(product(a, adjoint(dy[0]), a->x[0]), product(a, adjoint(q), dx[0])), 0) : product(a, w, r);
    DONE(a);
}

/* (Qg + Q S) R^-H with S = P + P^H, P = upper_half(m); m or qg may be NULL. */
static numc_array *from_qr(const numc_application *a, const numc_array *q, const numc_array *r, const numc_array *qg, numc_array *m)
{
    if (qg != NULL) {
        numc_array *turned = product(a, adjoint(q), qg);
        m = m == NULL ? numc_negative(turned) : numc_subtract(m, turned);
    }
    numc_array *inner = plus(product(a, q, with_adjoint(upper_half(m))), (numc_array *)(uintptr_t)qg);
    return divide_right(a, inner, r, true);
}

/* M = Rg R^H - Q^H Qg, S = P + P^H with P = upper_half(M): Ag = (Qg + Q S) R^-H. With more columns than rows R = Q^H A adds
 * A Rg^H to Qg, and Q Rg to Ag, and no more comes from R. */
numc_status numc__vjp_qr(const numc_application *a, const numc_array *const *ybar, const bool *wanted, numc_array **xbar)
{
    (void)wanted;
    NUMC_TRY(qr_has_derivative(a));
    const numc_array *x = a->x[0], *q = a->y[0], *r = a->y[1];
    numc_array *qg = conjugate(ybar[0]), *rg = conjugate(ybar[1]);
    if (r->shape[r->rank - 1] == r->shape[r->rank - 2]) {
        xbar[0] = conjugate(from_qr(a, q, r, qg, rg == NULL ? NULL : product(a, rg, adjoint(r))));
        DONE(a);
    }
    rg = rg == NULL ? NULL : numc_triu(rg, 0);
    qg = plus(qg, rg == NULL ? NULL : product(a, x, adjoint(rg)));
    numc_array *first = from_qr(a, q, square_part(r), qg, NULL);
    numc_array *rest = numc_zeros_like(numc_index(x, NUMC_ELLIPSIS, NUMC_SLICE(x->shape[x->rank - 2], NUMC_END)));
    numc_array *ag = numc_concat((const numc_array *[]){first, rest}, 2, -1);
    xbar[0] = conjugate(plus(ag, rg == NULL ? NULL : product(a, q, rg)));
    DONE(a);
}

/* ---- eigenvalues ------------------------------------------------------------------------------------------------- */

/* F_ij = 1 / (v_j - v_i), 0 on the diagonal: equal values give infinities. */
static numc_array *gaps(const numc_application *a, const numc_array *values)
{
    int64_t n = values->shape[values->rank - 1];
    numc_array *one = numc_eye_(a->context, NUMC_BOOL, n, n, 0);
    numc_array *difference = numc_subtract(row(values), column(values));
    return numc_where(one, numc_zeros_like(difference), numc_reciprocal(numc_where(one, numc_ones_like(difference), difference)));
}

/* Values and vectors of an application that may have computed the values alone. */
static numc_status with_vectors(const numc_application *a, numc_array **y)
{
    static const int64_t yes = 1;
    const numc_attributes attributes = {.count = 1, .numbers = &yes};
    if (a->output_count == 2) {
        y[0] = a->y[0];
        y[1] = a->y[1];
        return NUMC_OK;
    }
    return numc__bind(a->context, a->primitive, a->x, 1, &attributes, y, 2);
}

/* A = V D V^H, K = V^H dA V: dD = Re diag K, dV = V (F * K). */
numc_status numc__jvp_eigh(const numc_application *a, const numc_array *const *dx, numc_array **dy)
{
    numc_array *y[2];
    NUMC_TRY(with_vectors(a, y));
    numc_array *da = with_adjoint(numc__lower_half(dx[0]));
    numc_array *k = product(a, product(a, adjoint(y[1]), da), y[1]);
    dy[0] = real_part(numc_diagonal(k));
    if (a->output_count == 2)
        dy[1] = product(a, y[1], numc_multiply(gaps(a, y[0]), k));
    DONE(a);
}

/* Kg = F * (V^H Vg) + diag(Dg), S = V Kg V^H: Ag = lower_half(S + S^H). */
numc_status numc__vjp_eigh(const numc_application *a, const numc_array *const *ybar, const bool *wanted, numc_array **xbar)
{
    (void)wanted;
    numc_array *y[2], *s = NULL;
    NUMC_TRY(with_vectors(a, y));
    const numc_array *v = y[1];
    if (ybar[0] != NULL)
        s = product(a, numc_multiply(v, row(ybar[0])), adjoint(v));
    if (a->output_count == 2 && ybar[1] != NULL) {
        numc_array *kg = numc_multiply(gaps(a, y[0]), product(a, adjoint(v), conjugate(ybar[1])));
        s = plus(s, product(a, product(a, v, kg), adjoint(v)));
    }
    xbar[0] = conjugate(numc__lower_half(with_adjoint(s)));
    DONE(a);
}

/* A V = V D, K = V^-1 dA V: dD = diag K, W = V (F * K), and of each column of W what is at a right angle to that of V. */
numc_status numc__jvp_eig(const numc_application *a, const numc_array *const *dx, numc_array **dy)
{
    numc_array *y[2];
    NUMC_TRY(with_vectors(a, y));
    const numc_array *v = y[1], *da = numc_astype(dx[0], v->dtype);
    numc_array *k = numc_linalg_solve(v, product(a, da, v));
    dy[0] = numc_diagonal(k);
    if (a->output_count == 2) {
        numc_array *w = product(a, v, numc_multiply(gaps(a, y[0]), k));
        dy[1] = numc_subtract(w, numc_multiply(v, numc_sum(numc_multiply(conjugate(v), w), NUMC_AXES(-2), .keepdims = true)));
    }
    DONE(a);
}

/* Wg: of each column of Vg what is at a right angle to that of V. Kg = conj(F) * (V^H Wg) + diag(Dg): Ag = V^-H Kg V^H, of
 * which a real A takes the real part. */
numc_status numc__vjp_eig(const numc_application *a, const numc_array *const *ybar, const bool *wanted, numc_array **xbar)
{
    (void)wanted;
    numc_array *y[2], *kg = NULL;
    NUMC_TRY(with_vectors(a, y));
    const numc_array *v = y[1];
    if (ybar[0] != NULL)
        kg = numc_diag(conjugate(ybar[0]));
    if (a->output_count == 2 && ybar[1] != NULL) {
        numc_array *vg = conjugate(ybar[1]);
        numc_array *wg = numc_subtract(vg, numc_multiply(v, numc_sum(numc_multiply(conjugate(v), vg), NUMC_AXES(-2), .keepdims = true)));
        kg = plus(kg, numc_multiply(conjugate(gaps(a, y[0])), product(a, adjoint(v), wg)));
    }
    numc_array *ag = numc_linalg_solve(adjoint(v), product(a, kg, adjoint(v)));
    xbar[0] = is_complex(a->x[0]) ? conjugate(ag) : real_part(ag);
    DONE(a);
}

/* ---- singular values --------------------------------------------------------------------------------------------- */

typedef struct singular {
    const numc_array *u, *s, *vh;
    bool vectors, tall, wide; /* tall: M > K; wide: N > K */
} singular;

static numc_status singular_of(const numc_application *a, singular *f)
{
    static const int64_t reduced = 1;
    const numc_attributes attributes = {.count = 1, .numbers = &reduced};
    const numc_array *x = a->x[0];
    numc_array *y[3];
    int64_t m = x->shape[x->rank - 2], n = x->shape[x->rank - 1];
    f->vectors = a->output_count == 3;
    f->tall = m > n;
    f->wide = n > m;
    NUMC_REQUIRE(a->context, !f->vectors || a->attributes->numbers[0] == 1 || m == n, NUMC_UNSUPPORTED,
                 "no derivative of the full svd: the added vectors are any basis; take the reduced one");
    if (!f->vectors)
        NUMC_TRY(numc__bind(a->context, NUMC_PRIMITIVE_SVD, a->x, 1, &attributes, y, 3));
    f->u = f->vectors ? a->y[0] : y[0];
    f->s = f->vectors ? a->y[1] : y[1];
    f->vh = f->vectors ? a->y[2] : y[2];
    return NUMC_OK;
}

/* F_ij = 1 / (s_j^2 - s_i^2), 0 on the diagonal. */
static numc_array *square_gaps(const numc_application *a, const numc_array *s)
{
    int64_t n = s->shape[s->rank - 1];
    numc_array *one = numc_eye_(a->context, NUMC_BOOL, n, n, 0);
    numc_array *difference = numc_multiply(numc_subtract(row(s), column(s)), numc_add(row(s), column(s)));
    return numc_where(one, numc_zeros_like(difference), numc_reciprocal(numc_where(one, numc_ones_like(difference), difference)));
}

/* x - q q^H x for q with orthonormal columns. */
static numc_array *outside(const numc_application *a, const numc_array *q, numc_array *x)
{
    return numc_subtract(x, product(a, q, product(a, adjoint(q), x)));
}

/* i Im(x), as something to add; NULL of a real x. */
static numc_array *imaginary(const numc_array *x)
{
    return x == NULL || !is_complex(x) ? NULL : numc_multiply(numc_subtract(x, conjugate(x)), 0.5);
}

/* A = U S V^H, P = U^H dA V: dS = Re diag P,
 *   dU = U (F * (P S + S P^H) + i Im diag(P) / S) + (I - U U^H) dA V / S,
 *   dV = V (F * (S P + P^H S)) + (I - V V^H) dA^H U / S.
 * That what is imaginary on P's diagonal turns U alone is a choice: V's columns do not turn in their own direction. */
numc_status numc__jvp_svd(const numc_application *a, const numc_array *const *dx, numc_array **dy)
{
    singular f;
    NUMC_TRY(singular_of(a, &f));
    numc_array *v = adjoint(f.vh), *uh = adjoint(f.u), *dav = product(a, dx[0], v), *p = product(a, uh, dav);
    dy[f.vectors ? 1 : 0] = real_part(numc_diagonal(p));
    if (!f.vectors)
        DONE(a);
    numc_array *gap = square_gaps(a, f.s), *ph = adjoint(p);
    numc_array *turn = numc_multiply(gap, numc_add(numc_multiply(p, row(f.s)), numc_multiply(ph, column(f.s))));
    numc_array *spin = imaginary(numc_diagonal(p));
    if (spin != NULL)
        turn = numc_add(turn, numc_diag(numc_divide(spin, f.s)));
    dy[0] = product(a, f.u, turn);
    if (f.tall)
        dy[0] = numc_add(dy[0], numc_divide(outside(a, f.u, dav), row(f.s)));
    turn = numc_multiply(gap, numc_add(numc_multiply(p, column(f.s)), numc_multiply(ph, row(f.s))));
    numc_array *dv = product(a, v, turn);
    if (f.wide)
        dv = numc_add(dv, numc_divide(outside(a, v, product(a, adjoint(dx[0]), f.u)), row(f.s)));
    dy[2] = adjoint(dv);
    DONE(a);
}

/* With J = F * (U^H Ug), L = F * (V^H Vg), Pg = (J + J^H) S + S (L + L^H) + diag(Sg + i Im diag(U^H Ug) / S):
 * Ag = U Pg V^H + (I - U U^H) Ug S^-1 V^H + U S^-1 ((I - V V^H) Vg)^H. */
numc_status numc__vjp_svd(const numc_application *a, const numc_array *const *ybar, const bool *wanted, numc_array **xbar)
{
    (void)wanted;
    singular f;
    NUMC_TRY(singular_of(a, &f));
    const numc_array *sg = ybar[f.vectors ? 1 : 0];
    numc_array *ug = f.vectors ? conjugate(ybar[0]) : NULL, *vg = f.vectors ? adjoint(conjugate(ybar[2])) : NULL;
    numc_array *ag = sg == NULL ? NULL : product(a, numc_multiply(f.u, row(sg)), f.vh), *pg = NULL;
    numc_array *gap = ug != NULL || vg != NULL ? square_gaps(a, f.s) : NULL;
    if (ug != NULL) {
        numc_array *inner = product(a, adjoint(f.u), ug), *spin = imaginary(numc_diagonal(inner));
        pg = numc_multiply(with_adjoint(numc_multiply(gap, inner)), row(f.s));
        if (spin != NULL)
            pg = numc_add(pg, numc_diag(numc_divide(spin, f.s)));
        if (f.tall)
            ag = plus(ag, product(a, numc_divide(outside(a, f.u, ug), row(f.s)), f.vh));
    }
    if (vg != NULL) {
        numc_array *inner = numc_multiply(gap, product(a, f.vh, vg));
        pg = plus(pg, numc_multiply(with_adjoint(inner), column(f.s)));
        if (f.wide)
            ag = plus(ag, product(a, f.u, adjoint(numc_divide(outside(a, adjoint(f.vh), vg), row(f.s)))));
    }
    if (pg != NULL)
        ag = plus(ag, product(a, product(a, f.u, pg), f.vh));
    xbar[0] = conjugate(ag);
    DONE(a);
}
