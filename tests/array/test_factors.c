/* test_factors.c - QR, eigenvalues, singular values, what is made of them and norms: residuals over sizes, dtypes, layouts and kinds of
 * matrices, in units of n eps |A|; empty and hopeless matrices; numbers known exactly; refusals.
 *
 * Residuals have to be below 30 units, n = max(M, N) and |A| the Frobenius norm: the threshold of LAPACK's own test programs, which
 * derive the order of magnitude, as Higham (Accuracy and Stability, chapter 19) does, and leave the constant to experience. */
#include "fixture.h"

enum kind { RANDOM, SINGULAR, ZERO, GRADED, LARGE, SMALL, KINDS };
static const char *const kind_names[KINDS] = {"random", "singular", "zero", "graded", "large", "small"};

static bool is_complex(numc_dtype dtype)
{
    return dtype == NUMC_COMPLEX64 || dtype == NUMC_COMPLEX128;
}

static numc_array *adjoint(const numc_array *x)
{
    return numc_matrix_transpose(is_complex(numc_array_dtype(x)) ? numc_conj(x) : x);
}

/* (2, m, n) of a kind; the imaginary parts are another matrix of it. Large and small ones are far enough from 1 that squares leave the range of the dtype. */
static numc_array *matrices(numc_context *context, uint64_t *seed, numc_dtype dtype, enum kind kind, int64_t m, int64_t n)
{
    if (is_complex(dtype)) {
        numc_dtype part = numc_finfo(dtype).dtype;
        numc_array *re = matrices(context, seed, part, kind, m, n), *im = matrices(context, seed, part, kind, m, n);
        return numc_complex(re, im);
    }
    double *values = calloc((size_t)(2 * m * n + 1), sizeof *values);
    double extreme = dtype == NUMC_FLOAT32 ? 0x1p80 : 0x1p700;
    for (int64_t i = 0; i < 2 * m * n; i++) {
        int64_t row = i / (n > 0 ? n : 1) % (m > 0 ? m : 1), column = i % n;
        double v = (double)(next_random(seed) % 2001) / 1000 - 1;
        switch (kind) {
        case SINGULAR: v = (double)(1 + row % 3) * (double)(2 - column % 3); break; /* rank 1, whole numbers */
        case ZERO: v = 0; break;
        case GRADED: v = ldexp(v, (int)(-3 * (row + column))); break;
        case LARGE: v *= extreme; break;
        case SMALL: v /= extreme; break;
        default: break;
        }
        values[i] = v;
    }
    numc_array *x = numc_astype(numc_from_host(context, NUMC_FLOAT64, NUMC_SHAPE(2, m, n), values), dtype);
    free(values);
    return x;
}

/* The same matrices in another layout: as they are, stored by columns, rows backwards in memory. */
static numc_array *laid_out(numc_array *x, uint64_t which)
{
    if (which == 1)
        return numc_matrix_transpose(numc_add(numc_matrix_transpose(x), 0));
    if (which == 2)
        return numc_flip(numc_add(numc_flip(x, NUMC_AXES(-2)), 0), NUMC_AXES(-2));
    return x;
}

typedef struct about {
    const char *what, *kind;
    int64_t m, n;
    double eps;
} about;

/* |x - y| <= 30 max(m, n) eps scale, matrix by matrix; scale a number or one for each matrix. */
static void assert_near(const about *a, const char *relation, const numc_array *x, const numc_array *y, const numc_array *scale)
{
    double n = (double)(a->m > a->n ? a->m : a->n);
    numc_array *gap = numc_linalg_matrix_norm(numc_subtract(x, y));
    numc_array *units = numc_divide(gap, numc_multiply(scale, n * a->eps));
    numc_array *fine = numc_logical_or(numc_equal(gap, 0), numc_less_equal(units, 30));
    if (!numc_item_bool(numc_all(fine)))
        fail_msg("%s of %s %lld x %lld: %s: %.3g units %s", a->what, a->kind, (long long)a->m, (long long)a->n, relation,
                 numc_item(numc_max(units)), numc_error_message(numc_array_context(x)));
}

static void assert_orthonormal(const about *a, const numc_array *q) /* columns */
{
    numc_context *context = numc_array_context(q);
    int64_t k = numc_array_shape(q)[numc_array_rank(q) - 1];
    numc_array *one = numc_ones(context, numc_finfo(numc_array_dtype(q)).dtype, NUMC_SCALAR);
    assert_near(a, "orthonormal", numc_matmul(adjoint(q), q), numc_eye(context, numc_array_dtype(q), k, k, 0), one);
}

static void check_qr(about *a, const numc_array *x, const numc_array *size)
{
    for (int complete = 0; complete < 2; complete++) {
        a->what = complete ? "complete qr" : "qr";
        numc_qr f = numc_linalg_qr(x, .complete = complete);
        int64_t k = complete ? a->m : a->m < a->n ? a->m : a->n;
        assert_shape(f.q, 3, (const int64_t[]){2, a->m, k});
        assert_shape(f.r, 3, (const int64_t[]){2, k, a->n});
        assert_near(a, "q r = x", numc_matmul(f.q, f.r), x, size);
        assert_orthonormal(a, f.q);
        assert_true(numc_item_bool(numc_all(numc_equal(numc_tril(f.r, -1), 0))));
    }
}

static void check_svd(about *a, const numc_array *x, const numc_array *size)
{
    int64_t k = a->m < a->n ? a->m : a->n;
    numc_array *alone = numc_linalg_svdvals(x);
    for (int reduced = 0; reduced < 2; reduced++) {
        a->what = reduced ? "reduced svd" : "svd";
        numc_svd f = numc_linalg_svd(x, .reduced = reduced);
        assert_shape(f.u, 3, (const int64_t[]){2, a->m, reduced ? k : a->m});
        assert_shape(f.s, 2, (const int64_t[]){2, k});
        assert_shape(f.vh, 3, (const int64_t[]){2, reduced ? k : a->n, a->n});
        numc_array *u = numc_index(f.u, NUMC_ELLIPSIS, NUMC_SLICE(0, k)), *vh = numc_index(f.vh, NUMC_ALL, NUMC_SLICE(0, k));
        numc_array *scaled = numc_multiply(u, numc_index(f.s, NUMC_ALL, NUMC_NEW));
        assert_near(a, "u s vh = x", numc_matmul(scaled, vh), x, size);
        assert_orthonormal(a, f.u);
        assert_orthonormal(a, adjoint(f.vh));
        if (k > 0) {
            assert_true(numc_item_bool(numc_all(numc_greater_equal(f.s, 0))));
            assert_true(numc_item_bool(numc_all(numc_less_equal(numc_diff(f.s), 0))));
        }
        assert_near(a, "svdvals", numc_index(alone, NUMC_ALL, NUMC_NEW), numc_index(f.s, NUMC_ALL, NUMC_NEW), size);
    }
}

static void check_eigh(about *a, const numc_array *x)
{
    if (a->m != a->n)
        return;
    numc_array *h = numc_add(x, adjoint(x)), *size = numc_linalg_matrix_norm(h);
    a->what = "eigh";
    /* the upper triangle is not read */
    numc_eigh f = numc_linalg_eigh(numc_add(numc_tril(h, 0), numc_multiply(numc_triu(numc_ones_like(h), 1), 7)));
    assert_shape(f.values, 2, (const int64_t[]){2, a->n});
    assert_near(a, "v d v^T = x", numc_matmul(numc_multiply(f.vectors, numc_index(f.values, NUMC_ALL, NUMC_NEW)), adjoint(f.vectors)), h, size);
    assert_orthonormal(a, f.vectors);
    if (a->n > 0)
        assert_true(numc_item_bool(numc_all(numc_greater_equal(numc_diff(f.values), 0))));
    numc_array *alone = numc_linalg_eigvalsh(h);
    assert_near(a, "eigvalsh", numc_index(alone, NUMC_ALL, NUMC_NEW), numc_index(f.values, NUMC_ALL, NUMC_NEW), size);
}

/* The values alone: their sums of powers, the traces, do not depend on their order. */
static void check_eig(about *a, const numc_array *x, const numc_array *size)
{
    if (a->m != a->n)
        return;
    a->what = "eig";
    numc_eig f = numc_linalg_eig(x);
    assert_shape(f.values, 2, (const int64_t[]){2, a->n});
    assert_true(is_complex(numc_array_dtype(f.values)) && is_complex(numc_array_dtype(f.vectors)));
    numc_array *z = numc_astype(x, numc_array_dtype(f.values));
    assert_near(a, "x v = v d", numc_matmul(z, f.vectors), numc_multiply(f.vectors, numc_index(f.values, NUMC_ALL, NUMC_NEW)), size);
    numc_array *lengths = numc_linalg_vector_norm(f.vectors, NUMC_AXES(-2));
    assert_true(numc_item_bool(numc_all(numc_less_equal(numc_abs(numc_subtract(lengths, 1)), 30 * (double)a->n * a->eps))));
    /* Values of defective matrices move by eps^(1/n), their sum, the trace, does not. */
    numc_array *alone = numc_sum(numc_linalg_eigvals(x), NUMC_AXES(-1)), *trace = numc_linalg_trace(z);
    assert_near(a, "sum of eigvals", numc_reshape(alone, NUMC_SHAPE(2, 1, 1)), numc_reshape(trace, NUMC_SHAPE(2, 1, 1)), size);
}

/* Solves, for a matrix with n (more than any row's sum of sizes, which makes L and U tame) added to its diagonal. */
static void check_solves(about *a, const numc_array *x)
{
    numc_context *context = numc_array_context(x);
    if (a->m != a->n)
        return;
    numc_array *one = numc_eye(context, numc_array_dtype(x), a->n, a->n, 0), *y = numc_add(x, numc_multiply(one, 2.0 * (double)a->n + 2));
    numc_array *size = numc_linalg_matrix_norm(y);
    a->what = "solve";
    numc_array *b = numc_index(x, NUMC_ALL, NUMC_ALL, NUMC_SLICE(0, 1)), *solved = numc_linalg_solve(y, b);
    assert_near(a, "y x = b", numc_matmul(y, solved), b, numc_multiply(size, numc_linalg_matrix_norm(solved)));
    numc_array *inverse = numc_linalg_inv(y);
    assert_near(a, "y inv = 1", numc_matmul(y, inverse), numc_add(one, numc_zeros_like(y)), numc_multiply(size, numc_linalg_matrix_norm(inverse)));
    a->what = "cholesky";
    numc_array *h = numc_matmul(y, adjoint(y)), *l = numc_linalg_cholesky(h), *u = numc_linalg_cholesky(h, .upper = true);
    assert_near(a, "l l^H", numc_matmul(l, adjoint(l)), h, numc_linalg_matrix_norm(h));
    assert_near(a, "u^H u", numc_matmul(adjoint(u), u), h, numc_linalg_matrix_norm(h));
    assert_true(numc_item_bool(numc_all(numc_equal(numc_triu(l, 1), 0))) && numc_item_bool(numc_all(numc_equal(numc_tril(u, -1), 0))));
    solved = numc_linalg_cho_solve(l, b);
    assert_near(a, "cho_solve", numc_matmul(h, solved), b, numc_multiply(numc_linalg_matrix_norm(h), numc_linalg_matrix_norm(solved)));
    /* log |y| from LU, and as half of log |y y^H| from Cholesky: each within n eps |y| |y^-1| and the rounding of n logs */
    a->what = "slogdet";
    numc_slogdet f = numc_linalg_slogdet(y);
    assert_int_equal(numc_array_dtype(f.logabsdet), numc_finfo(numc_array_dtype(x)).dtype);
    numc_array *other = numc_sum(numc_log(numc_abs(numc_diagonal(l))), NUMC_AXES(-1));
    numc_array *condition = numc_add(numc_multiply(size, numc_linalg_matrix_norm(inverse)), numc_abs(other));
    numc_array *log = numc_reshape(f.logabsdet, NUMC_SHAPE(2, 1, 1));
    assert_near(a, "logabsdet", log, numc_reshape(other, NUMC_SHAPE(2, 1, 1)), condition);
    if (a->n <= 5) { /* where the determinant is in the range of float32 */
        numc_array *det = numc_linalg_det(y), *again = numc_multiply(f.sign, numc_exp(f.logabsdet));
        assert_near(a, "det", numc_reshape(det, NUMC_SHAPE(2, 1, 1)), numc_reshape(again, NUMC_SHAPE(2, 1, 1)), numc_multiply(condition, numc_abs(det)));
        assert_near(a, "sign", numc_reshape(numc_abs(f.sign), NUMC_SHAPE(2, 1, 1)), numc_ones_like(log), condition);
    }
}

/* The four conditions of Penrose. The largest singular value of P is 1 / s where s is the least of x that counts, so P is
 * known to n eps |x| |P|^2: the relations of x are off by that with x on both sides, and so on. */
static void check_pinv(about *a, const numc_array *x, const numc_array *size)
{
    a->what = "pinv";
    numc_array *p = numc_linalg_pinv(x), *turned = numc_linalg_matrix_norm(p);
    numc_array *condition = numc_maximum(numc_multiply(size, turned), 1), *xp = numc_matmul(x, p), *px = numc_matmul(p, x);
    assert_shape(p, 3, (const int64_t[]){2, a->n, a->m});
    assert_near(a, "x p x = x", numc_matmul(xp, x), x, numc_multiply(size, condition));
    assert_near(a, "p x p = p", numc_matmul(px, p), p, numc_multiply(turned, condition));
    assert_near(a, "x p Hermitian", xp, adjoint(xp), condition);
    assert_near(a, "p x Hermitian", px, adjoint(px), condition);
}

static void residuals(void **state)
{
    numc_context *context = *state;
    static const int64_t sizes[][2] = {{1, 1}, {2, 2}, {3, 3}, {5, 5}, {1, 4}, {4, 1}, {3, 5}, {6, 2}, {17, 17}, {20, 7}, {7, 20}, {40, 40}};
    uint64_t seed = 3;
    static const numc_dtype dtypes[] = {NUMC_FLOAT64, NUMC_FLOAT32, NUMC_COMPLEX128, NUMC_COMPLEX64};
    for (int d = 0; d < 4; d++) {
        numc_dtype dtype = dtypes[d];
        for (size_t s = 0; s < sizeof sizes / sizeof *sizes; s++) {
            for (int kind = 0; kind < KINDS; kind++) {
                numc_scope(context)
                {
                    about a = {"", kind_names[kind], sizes[s][0], sizes[s][1], numc_finfo(dtype).eps};
                    numc_array *x = laid_out(matrices(context, &seed, dtype, (enum kind)kind, a.m, a.n), next_random(&seed) % 3);
                    numc_array *size = numc_linalg_matrix_norm(x);
                    check_qr(&a, x, size);
                    check_svd(&a, x, size);
                    check_eigh(&a, x);
                    check_eig(&a, x, size);
                    if (kind == RANDOM)
                        check_solves(&a, x);
                    if (kind < GRADED) /* elsewhere |P| |x| leaves the range, or the rank is a matter of taste */
                        check_pinv(&a, x, size);
                    numc_array *rank = numc_linalg_matrix_rank(x);
                    assert_int_equal(numc_array_dtype(rank), NUMC_INT64);
                    if (kind == ZERO || (kind == SINGULAR && !is_complex(dtype)))
                        assert_values(rank, kind == SINGULAR, kind == SINGULAR);
                    assert_ok(context);
                }
            }
        }
    }
}

static void empty_matrices(void **state)
{
    numc_context *context = *state;
    static const int64_t sizes[][3] = {{2, 0, 0}, {2, 0, 3}, {2, 3, 0}, {0, 3, 3}, {0, 2, 3}};
    for (size_t s = 0; s < sizeof sizes / sizeof *sizes; s++) {
        int64_t b = sizes[s][0], m = sizes[s][1], n = sizes[s][2];
        numc_array *x = numc_zeros(context, NUMC_FLOAT64, NUMC_SHAPE(b, m, n));
        numc_qr f = numc_linalg_qr(x);
        assert_shape(f.q, 3, (const int64_t[]){b, m, m < n ? m : n});
        assert_shape(f.r, 3, (const int64_t[]){b, m < n ? m : n, n});
        f = numc_linalg_qr(x, .complete = true);
        assert_shape(f.r, 3, (const int64_t[]){b, m, n});
        about a = {"empty", "empty", m, n, 0x1p-52};
        assert_orthonormal(&a, f.q);
        numc_svd g = numc_linalg_svd(x);
        assert_orthonormal(&a, g.u);
        assert_orthonormal(&a, g.vh);
        assert_shape(g.s, 2, (const int64_t[]){b, m < n ? m : n});
        assert_shape(numc_linalg_pinv(x), 3, (const int64_t[]){b, n, m});
        assert_shape(numc_linalg_matrix_rank(x), 1, &b);
        assert_shape(numc_linalg_matrix_norm(x, NUMC_ORDER_SPECTRAL), 1, &b);
        if (b > 0 && m * n == 0) {
            assert_values(numc_linalg_matrix_rank(x), 0, 0);
            for (int order = 0; order <= NUMC_ORDER_SPECTRAL; order++) {
                if (order != NUMC_ORDER_COLUMN_LEAST && order != NUMC_ORDER_ROW_LEAST)
                    assert_values(numc_linalg_matrix_norm(x, (numc_matrix_order)order), 0, 0);
            }
            assert_null(numc_linalg_matrix_norm(x, NUMC_ORDER_SPECTRAL_LEAST));
            assert_error(context, NUMC_VALUE, "no extreme");
        }
        if (m == n) {
            numc_eigh h = numc_linalg_eigh(x);
            assert_shape(h.vectors, 3, (const int64_t[]){b, n, n});
            numc_eig e = numc_linalg_eig(x);
            assert_shape(e.vectors, 3, (const int64_t[]){b, n, n});
            assert_shape(numc_linalg_eigvals(x), 2, (const int64_t[]){b, n});
            assert_shape(numc_linalg_eigvalsh(x), 2, (const int64_t[]){b, n});
            assert_shape(numc_linalg_cholesky(x, .upper = true), 3, (const int64_t[]){b, n, n});
            assert_shape(numc_linalg_inv(x), 3, (const int64_t[]){b, n, n});
        }
        assert_ok(context);
    }
}

/* NaN and infinities spoil their matrix, not its neighbour, and are no error. */
static void hopeless_matrices(void **state)
{
    numc_context *context = *state;
    const double values[8] = {1, INFINITY, 0, 1, 2, 1, 1, 2}, bad[8] = {1, 0, NAN, 1, 2, 1, 1, 2};
    for (int k = 0; k < 2; k++) {
        numc_array *x = numc_from_host(context, NUMC_FLOAT64, NUMC_SHAPE(2, 2, 2), k == 0 ? values : bad);
        numc_array *s = numc_linalg_svdvals(x);
        assert_true(numc_item_bool(numc_all(numc_isnan(numc_index(s, NUMC_AT(0))))));
        const double known[2] = {3, 1};
        assert_values_within(numc_index(s, NUMC_AT(1)), known, 2, 0x1p-50, "svdvals");
        if (k == 1) {
            assert_true(numc_item_bool(numc_all(numc_isnan(numc_index(numc_linalg_eigvalsh(x), NUMC_AT(0))))));
            const double ordered[2] = {1, 3};
            assert_values_within(numc_index(numc_linalg_eigvalsh(x), NUMC_AT(1)), ordered, 2, 0x1p-50, "eigvalsh");
        }
        assert_true(numc_item_bool(numc_all(numc_isnan(numc_index(numc_linalg_qr(x).r, NUMC_AT(0), NUMC_AT(1), NUMC_AT(1))))));
        assert_values(numc_linalg_matrix_rank(x), 0, 2);
        assert_true(numc_item_bool(numc_all(numc_isnan(numc_index(numc_linalg_pinv(x), NUMC_AT(0))))));
        assert_ok(context);
    }
}

static void known_numbers(void **state)
{
    numc_context *context = *state;
    /* singular values 5 and 0 of a matrix of ones and twos; a tolerance as a number and as an array, one for each matrix */
    const double values[4] = {1, 2, 2, 4}, wide[4] = {4, 0, 0, 1};
    numc_array *x = numc_from_host(context, NUMC_FLOAT64, NUMC_SHAPE(2, 2), values);
    numc_array *y = numc_from_host(context, NUMC_FLOAT64, NUMC_SHAPE(2, 2), wide);
    const double expected[4] = {0.04, 0.08, 0.08, 0.16};
    assert_values_within(numc_linalg_pinv(x), expected, 4, 0x1p-50, "pinv");
    assert_values(numc_linalg_matrix_rank(x), 1);
    assert_values(numc_linalg_matrix_rank(y), 2);
    assert_values(numc_linalg_matrix_rank(y, .rtol = NUMC_OPERAND(0.5)), 1);
    const double tolerances[2] = {0.5, 0.1};
    numc_array *rtol = numc_from_host(context, NUMC_FLOAT64, NUMC_SHAPE(2), tolerances);
    numc_array *both = numc_broadcast_to(y, NUMC_SHAPE(2, 2, 2));
    assert_values(numc_linalg_matrix_rank(both, .rtol = NUMC_OPERAND(rtol)), 1, 2);
    const double inverses[8] = {0.25, 0, 0, 0, 0.25, 0, 0, 1};
    assert_values_within(numc_linalg_pinv(both, .rtol = NUMC_OPERAND(rtol)), inverses, 8, 0x1p-50, "pinv with tolerances");
    const double five[1] = {5}, four[1] = {4}, one[1] = {1};
    assert_values_within(numc_linalg_matrix_norm(y, NUMC_ORDER_NUCLEAR), five, 1, 0x1p-50, "nuclear");
    assert_values_within(numc_linalg_matrix_norm(y, NUMC_ORDER_SPECTRAL), four, 1, 0x1p-50, "spectral");
    assert_values_within(numc_linalg_matrix_norm(y, NUMC_ORDER_SPECTRAL_LEAST), one, 1, 0x1p-50, "least");
    assert_shape(numc_linalg_matrix_norm(both, NUMC_ORDER_SPECTRAL, true), 3, (const int64_t[]){2, 1, 1});
    /* integers are taken as the default float */
    numc_array *whole = numc_astype(y, NUMC_INT32);
    assert_int_equal(numc_array_dtype(numc_linalg_svdvals(whole)), NUMC_FLOAT64);
    assert_int_equal(numc_array_dtype(numc_linalg_qr(whole).r), NUMC_FLOAT64);
    assert_values(numc_linalg_cholesky(whole), 2, 0, 0, 1);
    /* the upper triangle alone is read */
    const double half[4] = {4, 2, -9, 5};
    assert_values(numc_linalg_cholesky(numc_from_host(context, NUMC_FLOAT64, NUMC_SHAPE(2, 2), half), .upper = true), 2, 1, 0, 2);
    assert_values(numc_linalg_trace(whole), 5);
    assert_int_equal(numc_array_dtype(numc_linalg_trace(whole)), NUMC_INT64);
    assert_int_equal(numc_array_dtype(numc_linalg_trace(whole, .offset = 1, .dtype = NUMC_FLOAT32)), NUMC_FLOAT32);
    numc_array *v = counting(context, NUMC_INT32, NUMC_SHAPE(2, 3));
    assert_values(numc_vecdot(v, v, NUMC_AXIS(-2)), 9, 17, 29);
    assert_values(numc_linalg_vecdot(v, numc_index(v, NUMC_AT(0))), 5, 14);
    assert_int_equal(numc_array_dtype(numc_vecdot(v, v)), NUMC_INT32); /* promotion alone, as the standard says */
    assert_ok(context);
}

/* The root of a sum of squares that are out of range; factors of two are exact. */
static void norms_of_extreme_numbers(void **state)
{
    numc_context *context = *state;
    for (int k = 0; k < 2; k++) {
        double unit = k == 0 ? 0x1p1000 : 0x1p-1040; /* the second is subnormal; 3 and 4 times it are exact */
        const double values[4] = {3 * unit, 0, 0, -4 * unit};
        numc_array *x = numc_from_host(context, NUMC_FLOAT64, NUMC_SHAPE(2, 2), values);
        assert_values(numc_linalg_matrix_norm(x), 5 * unit);
        assert_values(numc_linalg_vector_norm(x), 5 * unit);
        assert_values(numc_linalg_vector_norm(x, NUMC_AXES(0)), 3 * unit, 4 * unit);
        float narrow = k == 0 ? 0x1p120f : 0x1p-140f;
        const float few[4] = {3 * narrow, 0, 0, -4 * narrow};
        numc_array *y = numc_from_host(context, NUMC_FLOAT32, NUMC_SHAPE(2, 2), few);
        assert_values(numc_linalg_matrix_norm(y, .keepdims = true), 5 * (double)narrow);
    }
    const double mixed[3] = {1e300, 1e-300, -1e300}, odd[3] = {INFINITY, 1, 2}, none[3] = {NAN, 1, 2};
    const double root[1] = {1.4142135623730951e300};
    numc_array *x = numc_from_host(context, NUMC_FLOAT64, NUMC_SHAPE(3), mixed);
    assert_values_within(numc_linalg_vector_norm(x), root, 1, 0x1p-51, "mixed"); /* three roundings */
    assert_values(numc_linalg_vector_norm(numc_from_host(context, NUMC_FLOAT64, NUMC_SHAPE(3), odd)), INFINITY);
    assert_values(numc_linalg_vector_norm(numc_from_host(context, NUMC_FLOAT64, NUMC_SHAPE(3), none)), NAN);
    assert_values(numc_linalg_vector_norm(numc_zeros(context, NUMC_FLOAT64, NUMC_SHAPE(3))), 0);
    assert_ok(context);
}

#define REFUSES(status, says, call)                                                                \
    do {                                                                                           \
        assert_null(call);                                                                         \
        assert_error(context, status, says);                                                       \
    } while (0)

static void refusals(void **state)
{
    numc_context *context = *state;
    numc_array *v = numc_zeros(context, NUMC_FLOAT64, NUMC_SHAPE(3)), *x = numc_zeros(context, NUMC_FLOAT64, NUMC_SHAPE(2, 3));
    REFUSES(NUMC_SHAPE, "numc_linalg_qr: the array has rank 1", numc_linalg_qr(v).q);
    REFUSES(NUMC_SHAPE, "numc_linalg_svd: the array has rank 1", numc_linalg_svd(v).s);
    REFUSES(NUMC_SHAPE, "numc_linalg_svdvals: the array has rank 1", numc_linalg_svdvals(v));
    REFUSES(NUMC_SHAPE, "numc_linalg_pinv: the array has rank 1", numc_linalg_pinv(v));
    REFUSES(NUMC_SHAPE, "numc_linalg_matrix_rank: the array has rank 1", numc_linalg_matrix_rank(v));
    REFUSES(NUMC_SHAPE, "numc_linalg_eigh: shape [2, 3]", numc_linalg_eigh(x).values);
    REFUSES(NUMC_SHAPE, "numc_linalg_eigvalsh: shape [2, 3]", numc_linalg_eigvalsh(x));
    REFUSES(NUMC_SHAPE, "numc_linalg_eig: shape [2, 3]", numc_linalg_eig(x).vectors);
    REFUSES(NUMC_SHAPE, "numc_linalg_eigvals: shape [3]", numc_linalg_eigvals(v));
    REFUSES(NUMC_DTYPE, "numc_linalg_pinv: rtol has dtype bool", numc_linalg_pinv(x, .rtol = NUMC_OPERAND(numc_equal(v, v))));
    REFUSES(NUMC_SHAPE, "numc_vecdot: the vectors have sizes 3 and 2", numc_vecdot(v, numc_zeros(context, NUMC_FLOAT64, NUMC_SHAPE(2))));
    REFUSES(NUMC_INDEX, "numc_vecdot", numc_vecdot(v, x, NUMC_AXIS(0)));
    REFUSES(NUMC_INVALID_ARGUMENT, "numc_vecdot", numc_vecdot(v, x, {-1, false}));
    numc_svd none = numc_linalg_svd(NULL);
    assert_true(none.u == NULL && none.s == NULL && none.vh == NULL);
}

int main(void)
{
    const struct CMUnitTest tests[] = {TEST(residuals), TEST(empty_matrices), TEST(hopeless_matrices), TEST(known_numbers),
                                       TEST(norms_of_extreme_numbers), TEST(refusals)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
