/* linalg.h - for users: products of matrices, factorisations, solves, norms; names are the array API standard's. What array.h
 * says of arrays, dtypes, options and errors holds here too.
 *
 * A matrix is the last two axes of an array; functions work on every matrix of a stack, and the leading axes of two operands
 * broadcast. What divides or takes roots takes integers as the default float. */
#ifndef NUMC_LINALG_H
#define NUMC_LINALG_H

#include "numc/array.h"

#ifdef __cplusplus
extern "C" {
#endif

/* (..., M, K) by (..., K, N) to (..., M, N); a 1-d operand is a row on the left, a column on the right, and its axis goes. */
NUMC_API numc_array *numc_matmul(const numc_array *x1, const numc_array *x2);
NUMC_API numc_array *numc_matrix_transpose(const numc_array *x);              /* (..., M, N) to (..., N, M), a view */
NUMC_API numc_array *numc_vecdot(const numc_array *x1, const numc_array *x2); /* sum x1 x2 over the last axis */
NUMC_API numc_array *numc_outer(const numc_array *x1, const numc_array *x2);  /* (M) and (N) to (M, N) */
NUMC_API numc_array *numc_diagonal(const numc_array *x);                      /* (..., M, N) to (..., min(M, N)) */
NUMC_API numc_array *numc_diag(const numc_array *x);                          /* (..., N) to (..., N, N), zero off the diagonal */
/* L lower, x = L L^T, for symmetric x (..., N, N), of which the lower part is read; NaN where x is not positive definite. */
NUMC_API numc_array *numc_linalg_cholesky(const numc_array *x);
/* y with T y = b, b (..., N, K) or, of rank 1, (N). Zeros on T's diagonal give infinities and NaN. */
typedef struct numc_triangular_options {
    size_t size;
    bool upper;         /* T is the upper triangle of t; default: the lower one */
    bool transpose;     /* T^T y = b */
    bool unit_diagonal; /* T has ones on its diagonal, whatever t has */
} numc_triangular_options;
NUMC_API numc_array *numc_linalg_triangular_solve_(const numc_array *t, const numc_array *b,
                                                   const numc_triangular_options *options);
#ifndef __cplusplus
#define NUMC_TRIANGULAR_(t, b, ...) numc_linalg_triangular_solve_(t, b, \
    &(numc_triangular_options){.size = sizeof(numc_triangular_options), __VA_ARGS__})
#define numc_linalg_triangular_solve(...) NUMC_TRIANGULAR_(__VA_ARGS__, )
#endif
/* y with L L^T y = b; y with x1 y = x2 by LU with row exchanges, infinities and NaN of a singular x1; right sides as above. */
NUMC_API numc_array *numc_linalg_cho_solve(const numc_array *cholesky, const numc_array *b);
NUMC_API numc_array *numc_linalg_solve(const numc_array *x1, const numc_array *x2);
NUMC_API numc_array *numc_linalg_inv(const numc_array *x); /* (..., N, N), by solve */
NUMC_API numc_array *numc_linalg_det(const numc_array *x); /* (..., N, N) to (...), from the LU factors */
/* det = sign exp(logabsdet), each of shape (...); of a singular matrix 0 and -inf. Both NULL after an error. */
typedef struct numc_slogdet {
    numc_array *sign, *logabsdet;
} numc_slogdet;
NUMC_API numc_slogdet numc_linalg_slogdet(const numc_array *x);

/* Sum of x1 x2 over pairs of axes of one size: the last `count` of x1 with the first of x2; axes1[i] with axes2[i]. The other
 * axes of x1, then those of x2, remain. Numbers only, as numc_matmul. */
NUMC_API numc_array *numc_tensordot(const numc_array *x1, const numc_array *x2, int32_t count);
NUMC_API numc_array *numc_tensordot_axes(const numc_array *x1, const numc_array *x2, numc_axes axes1, numc_axes axes2);
/* (..., M, N) to the elements with column - row = offset, (..., K); K is 0 where there are none. Their sum, as numc_sum. */
NUMC_API numc_array *numc_linalg_diagonal(const numc_array *x, int64_t offset);
NUMC_API numc_array *numc_linalg_trace(const numc_array *x, int64_t offset);
/* x1 x x2 of vectors along an axis, of size 3 in both (NUMC_SHAPE otherwise); the other axes broadcast. */
NUMC_API numc_array *numc_linalg_cross(const numc_array *x1, const numc_array *x2, int64_t axis);
/* x^n, (..., N, N); n = 0 gives the identity, a negative n powers of the inverse. Integers stay integers for n >= 0. */
NUMC_API numc_array *numc_linalg_matrix_power(const numc_array *x, int64_t n);
/* (sum |x|^p)^(1/p) over the axes as one vector; p = INFINITY: the largest |x|, -INFINITY: the smallest, 0: how many are not 0.
 * numc_linalg_vector_norm(x, NUMC_AXES(0), .order = NUMC_ORDER(1)). Integers are taken as the default float. */
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
/* Norms of (..., M, N): the root of the sum of squares; the largest or smallest sum of |x| of a column, or of a row. Those of
 * singular values are not here so far. */
typedef enum numc_matrix_order {
    NUMC_ORDER_FROBENIUS, NUMC_ORDER_COLUMN, NUMC_ORDER_COLUMN_LEAST, NUMC_ORDER_ROW, NUMC_ORDER_ROW_LEAST
} numc_matrix_order;
typedef struct numc_matrix_norm_options {
    size_t size;
    numc_matrix_order order; /* the standard's "fro", 1, -1, inf, -inf */
    bool keepdims;
} numc_matrix_norm_options;
NUMC_API numc_array *numc_linalg_matrix_norm(const numc_array *x, const numc_matrix_norm_options *options);
#ifndef __cplusplus
#define NUMC_ORDER(p) ((numc_norm_order){(p), true})
#define numc_linalg_vector_norm(...) NUMC_OPTIONS_1_(numc_linalg_vector_norm, numc_vector_norm_options, __VA_ARGS__, )
#define numc_linalg_matrix_norm(...) NUMC_OPTIONS_1_(numc_linalg_matrix_norm, numc_matrix_norm_options, __VA_ARGS__, )
#endif

#ifdef __cplusplus
}
#endif
#endif
