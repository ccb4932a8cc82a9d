/* linalg.h - for users: products of matrices, factorisations, solves, norms; names are the array API standard's. What array.h
 * says of arrays, dtypes, options and errors holds here too.
 *
 * A matrix is the last two axes of an array; functions work on every matrix of a stack, and the leading axes of two operands
 * broadcast. What divides or takes roots takes integers as the default float. Sizes may be 0. Several results are all NULL
 * after an error. A factorisation that fails, or of a matrix that holds NaN or an infinity, is NaN, never an error; other
 * matrices of the stack do not notice.
 *
 * Everything here has derivatives of any order, forward and reverse, unless its comment says otherwise. */
#ifndef NUMC_LINALG_H
#define NUMC_LINALG_H

#include "numc/array.h"

#ifdef __cplusplus
extern "C" {
#endif

/* ---- products ------------------------------------------------------------------------------------------------------ */

/* (..., M, K) by (..., K, N) to (..., M, N); a 1-d operand is a row on the left, a column on the right, and its axis goes. */
NUMC_API numc_array *numc_matmul(const numc_array *x1, const numc_array *x2);
NUMC_API numc_array *numc_matrix_transpose(const numc_array *x); /* (..., M, N) to (..., N, M), a view; nothing is conjugated */
/* sum conj(x1) x2 along an axis of one size in both, the other axes broadcast: numc_vecdot(x1, x2, NUMC_AXIS(-2)). */
typedef struct numc_vecdot_options {
    size_t size;
    numc_axis axis; /* default: -1; the same one counted from the end */
} numc_vecdot_options;
NUMC_API numc_array *numc_vecdot_(const numc_array *x1, const numc_array *x2, const numc_vecdot_options *options);
/* Sum of x1 x2 over pairs of axes of one size: the last `count` of x1 with the first of x2; axes1[i] with axes2[i]. The other
 * axes of x1, then those of x2, remain. Numbers only, as numc_matmul. */
NUMC_API numc_array *numc_tensordot(const numc_array *x1, const numc_array *x2, int32_t count);
NUMC_API numc_array *numc_tensordot_axes(const numc_array *x1, const numc_array *x2, numc_axes axes1, numc_axes axes2);
NUMC_API numc_array *numc_outer(const numc_array *x1, const numc_array *x2); /* (M) and (N) to (M, N); nothing is conjugated */
/* x1 x x2 of vectors along an axis, of size 3 in both (NUMC_SHAPE otherwise); the other axes broadcast. */
NUMC_API numc_array *numc_linalg_cross(const numc_array *x1, const numc_array *x2, int64_t axis);
/* x^n, (..., N, N); n = 0 gives the identity, a negative n powers of the inverse. Integers stay integers for n >= 0. */
NUMC_API numc_array *numc_linalg_matrix_power(const numc_array *x, int64_t n);

/* ---- diagonals ----------------------------------------------------------------------------------------------------- */

NUMC_API numc_array *numc_diagonal(const numc_array *x); /* (..., M, N) to (..., min(M, N)) */
NUMC_API numc_array *numc_diag(const numc_array *x);     /* (..., N) to (..., N, N), zero off the diagonal */
/* (..., M, N) to the elements with column - row = offset, (..., K); K is 0 where there are none. */
NUMC_API numc_array *numc_linalg_diagonal(const numc_array *x, int64_t offset);
/* Their sum, as numc_sum: numc_linalg_trace(x, .offset = 1). */
typedef struct numc_trace_options {
    size_t size;
    int64_t offset;
    numc_dtype dtype; /* accumulate in this dtype */
} numc_trace_options;
NUMC_API numc_array *numc_linalg_trace(const numc_array *x, const numc_trace_options *options);

/* ---- factorisations ------------------------------------------------------------------------------------------------ */

/* L lower, x = L L^H, for Hermitian x (..., N, N), of which the lower triangle is read; NaN where x is not positive definite.
 * `.upper`: U upper, x = U^H U, and the upper triangle is read. */
typedef struct numc_cholesky_options {
    size_t size;
    bool upper;
} numc_cholesky_options;
NUMC_API numc_array *numc_linalg_cholesky(const numc_array *x, const numc_cholesky_options *options);

/* x = q r, (..., M, N), q with orthonormal columns, r upper triangular with a real diagonal of either sign. K = min(M, N):
 * q (..., M, K), r (..., K, N); `.complete`: q (..., M, M), r (..., M, N). Derivatives: where the first
 * K columns are independent (else not finite); of the complete form for M > N there are none, NUMC_UNSUPPORTED. */
typedef struct numc_qr {
    numc_array *q, *r;
} numc_qr;
typedef struct numc_qr_options {
    size_t size;
    bool complete; /* the standard's mode "complete"; default "reduced" */
} numc_qr_options;
NUMC_API numc_qr numc_linalg_qr(const numc_array *x, const numc_qr_options *options);

/* x = vectors diag(values) vectors^H for Hermitian x (..., N, N), of which the lower triangle is read: values (..., N), real, ascending;
 * column i of vectors (..., N, N) belongs to value i.
 *
 * Derivatives hold the vectors' signs or phases still, and divide by differences of eigenvalues: where two are equal their vectors are
 * any basis of their space and have no derivative, which comes out as NaN or an infinity. The values' first derivatives are
 * always finite; where values are equal, those of the values along the basis that was found. */
typedef struct numc_eigh {
    numc_array *values, *vectors;
} numc_eigh;
NUMC_API numc_eigh numc_linalg_eigh(const numc_array *x);
NUMC_API numc_array *numc_linalg_eigvalsh(const numc_array *x);

/* x vectors = vectors diag(values) for any x (..., N, N): both complex, in no particular order, the columns of vectors of norm 1. Derivatives
 * hold the vectors' phases still (each moves at a right angle to itself); equal values as above, and for those the
 * values' derivatives are not finite either, should the vectors be dependent. */
typedef struct numc_eig {
    numc_array *values, *vectors;
} numc_eig;
NUMC_API numc_eig numc_linalg_eig(const numc_array *x);
NUMC_API numc_array *numc_linalg_eigvals(const numc_array *x);

/* x = u diag(s) vh, (..., M, N), s (..., K) real, descending, K = min(M, N); u (..., M, M) and vh (..., N, N) unitary, or, `.reduced`,
 * (..., M, K) and (..., K, N). Derivatives of u and vh: of the reduced form only (of the full one of M != N NUMC_UNSUPPORTED); they hold
 * signs and the phases of vh's rows still, and are not finite where singular values are equal, or zero when M and N differ.
 * The first derivatives of s are always finite. */
typedef struct numc_svd {
    numc_array *u, *s, *vh;
} numc_svd;
typedef struct numc_svd_options {
    size_t size;
    bool reduced; /* the standard's full_matrices = False */
} numc_svd_options;
NUMC_API numc_svd numc_linalg_svd(const numc_array *x, const numc_svd_options *options);
NUMC_API numc_array *numc_linalg_svdvals(const numc_array *x);

/* ---- solves, inverses, determinants -------------------------------------------------------------------------------- */

/* y with T y = b, b (..., N, K) or, of rank 1, (N). Zeros on T's diagonal give infinities and NaN. */
typedef struct numc_triangular_options {
    size_t size;
    bool upper;         /* T is the upper triangle of t; default: the lower one */
    bool transpose;     /* T^T y = b */
    bool unit_diagonal; /* T has ones on its diagonal, whatever t has */
} numc_triangular_options;
NUMC_API numc_array *numc_linalg_triangular_solve_(const numc_array *t, const numc_array *b,
                                                   const numc_triangular_options *options);
/* y with L L^H y = b; inv(L L^H), symmetric or Hermitian, NaN where L's diagonal has a zero. Where a real L is what
 * numc_linalg_cholesky made in the same trace, their derivatives do not go back through the factorisation: the way to invert a
 * positive definite matrix, or to solve with it, that is cheapest to differentiate. Right sides as above. */
NUMC_API numc_array *numc_linalg_cho_solve(const numc_array *cholesky, const numc_array *b);
NUMC_API numc_array *numc_linalg_cho_inv(const numc_array *cholesky);
/* y with x1 y = x2 by LU with row exchanges, infinities and NaN of a singular x1; right sides as above. */
NUMC_API numc_array *numc_linalg_solve(const numc_array *x1, const numc_array *x2);
NUMC_API numc_array *numc_linalg_inv(const numc_array *x); /* (..., N, N), by solve */
/* (..., N, N) to (...), from the LU factors; 1 of an empty matrix. The derivative is the adjugate's also where x is singular, unless elimination
 * meets a zero before the last pivot: then it is not finite. */
NUMC_API numc_array *numc_linalg_det(const numc_array *x);
/* det = sign exp(logabsdet), each of shape (...), logabsdet real; of a singular matrix 0 and -inf. */
typedef struct numc_slogdet {
    numc_array *sign, *logabsdet;
} numc_slogdet;
NUMC_API numc_slogdet numc_linalg_slogdet(const numc_array *x);

/* The Moore-Penrose inverse, (..., M, N) to (..., N, M), and the rank, int64, by singular values: those up to rtol times the
 * largest count as zero. numc_linalg_pinv(x, .rtol = NUMC_OPERAND(1e-10)). The inverse's derivatives are those at constant rank,
 * and finite where singular values are equal. */
typedef struct numc_rtol_options {
    size_t size;
    numc_operand rtol; /* a number, or a real array that broadcasts to (...); default: max(M, N) eps */
} numc_rtol_options;
NUMC_API numc_array *numc_linalg_pinv(const numc_array *x, const numc_rtol_options *options);
NUMC_API numc_array *numc_linalg_matrix_rank(const numc_array *x, const numc_rtol_options *options);

/* ---- norms (real) -------------------------------------------------------------------------------------------------- */

/* (sum |x|^p)^(1/p) over the axes as one vector; p = INFINITY: the largest |x|, -INFINITY: the smallest, 0: how many are not 0.
 * numc_linalg_vector_norm(x, NUMC_AXES(0), .order = NUMC_ORDER(1)). For p = 2 no square overflows or vanishes. Of nothing the
 * norm is 0, but for p < 0: the smallest is NUMC_VALUE, the others an infinity. */
typedef struct numc_norm_order {
    double value;
    bool given;
} numc_norm_order;
typedef struct numc_vector_norm_options {
    size_t size;
    numc_axes axes; /* default: every axis */
    bool keepdims;
    numc_norm_order order; /* default: 2 */
} numc_vector_norm_options;
NUMC_API numc_array *numc_linalg_vector_norm(const numc_array *x, const numc_vector_norm_options *options);
/* Norms of (..., M, N): the root of the sum of squares; the largest or smallest sum of |x| of a column, or of a row; the sum, the
 * largest or the smallest of the singular values. The largest of none is 0, the smallest NUMC_VALUE. */
typedef enum numc_matrix_order {
    NUMC_ORDER_FROBENIUS, NUMC_ORDER_COLUMN, NUMC_ORDER_COLUMN_LEAST, NUMC_ORDER_ROW, NUMC_ORDER_ROW_LEAST, NUMC_ORDER_NUCLEAR,
    NUMC_ORDER_SPECTRAL, NUMC_ORDER_SPECTRAL_LEAST
} numc_matrix_order;
typedef struct numc_matrix_norm_options {
    size_t size;
    numc_matrix_order order; /* the standard's "fro", 1, -1, inf, -inf, "nuc", 2, -2 */
    bool keepdims;
} numc_matrix_norm_options;
NUMC_API numc_array *numc_linalg_matrix_norm(const numc_array *x, const numc_matrix_norm_options *options);

#ifndef __cplusplus
#define NUMC_VECDOT_(x1, x2, ...) numc_vecdot_(x1, x2, &(numc_vecdot_options){.size = sizeof(numc_vecdot_options), __VA_ARGS__})
#define numc_vecdot(...) NUMC_VECDOT_(__VA_ARGS__, )
#define numc_linalg_trace(...) NUMC_OPTIONS_1_(numc_linalg_trace, numc_trace_options, __VA_ARGS__, )
#define numc_linalg_cholesky(...) NUMC_OPTIONS_1_(numc_linalg_cholesky, numc_cholesky_options, __VA_ARGS__, )
#define numc_linalg_qr(...) NUMC_OPTIONS_1_(numc_linalg_qr, numc_qr_options, __VA_ARGS__, )
#define numc_linalg_svd(...) NUMC_OPTIONS_1_(numc_linalg_svd, numc_svd_options, __VA_ARGS__, )
#define NUMC_TRIANGULAR_(t, b, ...) numc_linalg_triangular_solve_(t, b, \
    &(numc_triangular_options){.size = sizeof(numc_triangular_options), __VA_ARGS__})
#define numc_linalg_triangular_solve(...) NUMC_TRIANGULAR_(__VA_ARGS__, )
#define numc_linalg_pinv(...) NUMC_OPTIONS_1_(numc_linalg_pinv, numc_rtol_options, __VA_ARGS__, )
#define numc_linalg_matrix_rank(...) NUMC_OPTIONS_1_(numc_linalg_matrix_rank, numc_rtol_options, __VA_ARGS__, )
#define NUMC_ORDER(p) ((numc_norm_order){(p), true})
#define numc_linalg_vector_norm(...) NUMC_OPTIONS_1_(numc_linalg_vector_norm, numc_vector_norm_options, __VA_ARGS__, )
#define numc_linalg_matrix_norm(...) NUMC_OPTIONS_1_(numc_linalg_matrix_norm, numc_matrix_norm_options, __VA_ARGS__, )
#endif

/* The standard has these under both names. */
#define numc_linalg_matmul numc_matmul
#define numc_linalg_matrix_transpose numc_matrix_transpose
#define numc_linalg_vecdot numc_vecdot
#define numc_linalg_tensordot numc_tensordot
#define numc_linalg_tensordot_axes numc_tensordot_axes
#define numc_linalg_outer numc_outer

#ifdef __cplusplus
}
#endif
#endif
