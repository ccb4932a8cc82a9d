/* matrix.h - internal to src/array: what the files of linear algebra share. A matrix is the last two axes, the others a batch. */
#ifndef NUMC_ARRAY_MATRIX_H
#define NUMC_ARRAY_MATRIX_H

#include "array/state.h"
#include "numc/linalg.h"

/* The lane of one or two operands, with a scope begun on it: every function works in a scope of its own and hands its result
 * out with numc__scope_leave, several results with numc__matrix_leave. */
numc_context *numc__matrix_enter(const char *name, const numc_array *a, const numc_array *b);
/* Ends that scope; true when all results are there, else they are all NULL. */
bool numc__matrix_leave(numc_context *context, numc_array **results, int32_t count);

/* The promoted dtype (to_float: integers become the default float); NUMC_DTYPE_DEFAULT with the error set. */
numc_dtype numc__matrix_dtype(numc_context *context, const char *name, const numc_array *a, const numc_array *b, bool to_float);
/* Integers and bools as the default float. */
numc_array *numc__matrix_float(numc_context *context, const numc_array *x);
/* Refusals that name the function: rank 2 at least; square. */
numc_status numc__matrix_check(numc_context *context, const char *name, const numc_array *x);
numc_status numc__matrix_square(numc_context *context, const char *name, const numc_array *x);

/* The batch axes two matrices broadcast to; x with the batch axes `batch` before its own last `own` axes. */
numc_status numc__matrix_batch(numc_context *context, const char *name, const numc_array *a, const numc_array *b, int32_t *rank,
                               int64_t *shape);
numc_array *numc__matrix_spread(numc_context *context, const numc_array *x, int32_t own, int32_t batch_rank, const int64_t *batch);
/* x seen with one more axis of size 1 at `axis`; without the axis, which has size 1. NULL passes through. */
numc_array *numc__matrix_lift(numc_context *context, const numc_array *x, int32_t axis);
numc_array *numc__matrix_lower(numc_context *context, const numc_array *x, int32_t axis);

/* The main diagonal, a view where x is concrete; the conjugate and the conjugate transpose. NULL passes through. */
numc_array *numc__matrix_diagonal(numc_context *context, const numc_array *x);
const numc_array *numc__matrix_conj(const numc_array *x); /* x itself where it is real */
numc_array *numc__matrix_adjoint(const numc_array *x);

/* The operands of a solve: one float dtype, the right side a matrix (a vector only if its rank is 1), equal batch axes. */
typedef struct numc_solve {
    const numc_array *a, *b;
    bool vector;
    int64_t batch[NUMC_RANK_LIMIT];
    int32_t batch_rank;
} numc_solve;
numc_status numc__solve_begin(numc_solve *s, numc_context *context, const char *name, const numc_array *a, const numc_array *b);
numc_array *numc__solve_matrix(const numc_solve *s, numc_context *context, const numc_array *x); /* x in those batch axes */
numc_array *numc__solve_end(const numc_solve *s, numc_context *context, numc_array *x);
/* The primitive of that name; NULL passes through. */
numc_array *numc__triangular(numc_context *context, const numc_array *t, const numc_array *b, bool upper, bool transpose, bool unit);

/* `rtol` of a matrix of this dtype and size, as something to multiply a vector (..., K) with: the operand, or, when it is not
 * given, max(M, N) eps. NULL with the error set. */
const numc_array *numc__matrix_rtol(numc_context *context, const char *name, numc_operand rtol, const numc_array *x);

#endif
