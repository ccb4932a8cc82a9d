/* primitive.h - internal: the one table of primitives. A row is name, arity, outputs, shape rule, dtype rule; the graph floor adds
 * the derivative rules (src/graph/derivative.c) and the compiler the lowering (src/compile) by expanding the same rows.
 *
 * Every scalar operation of the backend contract is an elementwise primitive with the same name; the rest are listed here.
 * All inputs of an elementwise primitive have one shape and (exceptions: where, random) one dtype: promotion and broadcasting
 * are primitives of their own, inserted by the public functions. */
#ifndef NUMC_ARRAY_PRIMITIVE_H
#define NUMC_ARRAY_PRIMITIVE_H

#include "numc/array.h"
#include "numc/backend.h"

/* X(NAME, name, inputs (-1: any), outputs (-1: by attributes)). `numbers` below is the attribute list. */
#define NUMC_STRUCTURAL_TABLE(X)                                                                   \
    /* no input; numbers: axis, shape...; dtype: attribute. element = index along axis */          \
    X(IOTA, iota, 0, 1)                                                                            \
    /* numbers: shape; right-aligned as the standard's broadcast_to */                             \
    X(BROADCAST, broadcast, 1, 1)                                                                  \
    X(RESHAPE, reshape, 1, 1)                                                                      \
    /* numbers: axes; output axis i is input axis axes[i] */                                       \
    X(PERMUTE, permute, 1, 1)                                                                      \
    /* numbers: start[rank], count[rank], step[rank]; step >= 1, in bounds */                      \
    X(SLICE, slice, 1, 1)                                                                          \
    /* numbers: 0/1 per axis */                                                                    \
    X(FLIP, flip, 1, 1)                                                                            \
    /* inputs x, value (0-d); numbers: low[rank], interior[rank], high[rank], all >= 0 */          \
    X(PAD, pad, 2, 1)                                                                              \
    /* numbers: axis */                                                                            \
    X(CONCAT, concat, -1, 1)                                                                       \
    /* inputs x, indices (any integer dtype and rank); numbers: axis. shape: x[:axis] + indices + x[axis+1:].                \
     * Indices are clamped to [0, n-1]; callers wrap negatives and check what they can */          \
    X(GATHER, gather, 2, 1)                                                                        \
    /* inputs x, indices (1-D), values; numbers: axis, mode (0 set, 1 add); out-of-range indices are dropped */ \
    X(SCATTER, scatter, 3, 1)                                                                      \
    /* parts of complex x; complex from parts of one real dtype */                                 \
    X(REAL, real, 1, 1)                                                                            \
    X(IMAG, imag, 1, 1)                                                                            \
    X(COMPLEX, complex, 2, 1)                                                                      \
    /* numbers: axes...; reduced axes vanish */                                                    \
    X(REDUCE_SUM, reduce_sum, 1, 1)                                                                \
    X(REDUCE_PROD, reduce_prod, 1, 1)                                                              \
    X(REDUCE_MAX, reduce_max, 1, 1)                                                                \
    X(REDUCE_MIN, reduce_min, 1, 1)                                                                \
    X(REDUCE_ANY, reduce_any, 1, 1)                                                                \
    X(REDUCE_ALL, reduce_all, 1, 1)                                                                \
    /* numbers: axis (one); int64 */                                                               \
    X(ARGMAX, argmax, 1, 1)                                                                        \
    X(ARGMIN, argmin, 1, 1)                                                                        \
    /* numbers: axis, reverse */                                                                   \
    X(CUMULATIVE_SUM, cumulative_sum, 1, 1)                                                        \
    X(CUMULATIVE_PROD, cumulative_prod, 1, 1)                                                      \
    X(CUMULATIVE_MAX, cumulative_max, 1, 1)                                                        \
    /* numbers: axis, descending; outputs sorted values, int64 positions; stable, NaN last. Run at once, a third number     \
     * names the only output that is asked for; the other is zeros */                              \
    X(SORT, sort, 1, 2)                                                                            \
    /* inputs sorted (1-D), values; numbers: right */                                              \
    X(SEARCH, search, 2, 1)                                                                        \
    /* complex x, unscaled; numbers: axis, direction (-1 forward, +1 backward) */                  \
    X(FFT, fft, 1, 1)                                                                              \
    /* real x of n along the axis to the first n/2+1 terms of its forward transform; numbers: axis */ \
    X(RFFT, rfft, 1, 1)                                                                            \
    /* complex x of n/2+1 terms to the real backward transform; numbers: axis, n */                \
    X(IRFFT, irfft, 1, 1)                                                                          \
    /* last two axes, equal batch axes */                                                          \
    X(MATMUL, matmul, 2, 1)                                                                        \
    X(CHOLESKY, cholesky, 1, 1)                                                                    \
    /* lower l to inv(l l'), symmetric; real */                                                    \
    X(CHOLESKY_INVERSE, cholesky_inverse, 1, 1)                                                    \
    /* inputs t, b with equal batch axes; numbers: upper, transpose, unit */                       \
    X(TRIANGULAR_SOLVE, triangular_solve, 2, 1)                                                    \
    /* outputs packed LU, int32 permutation (row i of PA is row p[i] of A), sign (+1/-1) */        \
    X(LU, lu, 1, 3)                                                                                \
    /* (M, N); numbers: complete; outputs q, r: (M, K), (K, N) with K = min(M, N), or (M, M), (M, N) */ \
    X(QR, qr, 1, 2)                                                                                \
    /* numbers: vectors; outputs values (ascending, real), and with 1 vectors; the lower triangle is read */ \
    X(EIGH, eigh, 1, -1)                                                                           \
    /* numbers: vectors; outputs values, and with 1 vectors: complex whatever the input is */      \
    X(EIG, eig, 1, -1)                                                                             \
    /* numbers: 0 values only, 1 reduced, 2 full; outputs s (descending, real), or u, s, vh */     \
    X(SVD, svd, 1, -1)                                                                             \
    X(STOP_GRADIENT, stop_gradient, 1, 1)                                                          \
    /* inputs predicate (0-d bool), operands...; graphs: true, false; both return the same types */ \
    X(COND, cond, -1, -1)                                                                          \
    /* inputs carry..., sequences..., constants...; graph: (carry, slices, constants) -> (carry, stacked);                   \
     * numbers: carries, sequences, length, reverse[, whole: it stays a scan[, limit: bytes of carries its reverse mode      \
     * keeps, 0 any]]. outputs: final carry..., stacked... */                                      \
    X(SCAN, scan, -1, -1)                                                                          \
    /* inputs carry..., constants...; graphs: condition (0-d bool) and step, both of (carry, constants); numbers: carries,   \
     * limit (0: none). outputs: the first carries of which the condition is false */              \
    X(WHILE, while, -1, -1)                                                                        \
    /* inputs x...; graphs: a function, and a derivative of it given by its author: (x..., y..., then dx of each float input \
     * -> dy of each float output, or ybar -> xbar); numbers: 0 forward rule, 1 reverse rule, 2 reverse rule where forward      \
     * mode is the function's. Compiled as the function */                                         \
    X(CUSTOM, custom, -1, -1)                                                                      \
    /* a function in C; numbers: its address, its user's, axes of the batch in front of every operand, outputs, and dtype, rank, \
     * shape of each output of one element */                                                      \
    X(EXTERNAL, external, -1, -1)

/* Elementwise primitives keep their scalar code (1..255); structural ones follow from 256. */
typedef enum numc_primitive {
    NUMC_PRIMITIVE_NONE = 0,
    NUMC_PRIMITIVE_STRUCTURAL = 255,
#define NUMC_X(upper, lower, inputs, outputs) NUMC_PRIMITIVE_##upper,
    NUMC_STRUCTURAL_TABLE(NUMC_X)
#undef NUMC_X
    NUMC_PRIMITIVE_LIMIT
} numc_primitive;

/* The direction the slot fft is called with. */
static inline int32_t numc__fft_direction(int32_t primitive, const int64_t *numbers)
{
    return primitive == NUMC_PRIMITIVE_FFT ? (int32_t)numbers[1] : primitive == NUMC_PRIMITIVE_RFFT ? -1 : 1;
}

static inline bool numc__primitive_is_scalar(int32_t primitive)
{
    return primitive > 0 && primitive < NUMC_PRIMITIVE_STRUCTURAL;
}

/* What the graph floor runs, with as many results as its attributes say. */
static inline bool numc__primitive_is_control(int32_t primitive)
{
    return primitive == NUMC_PRIMITIVE_COND || primitive == NUMC_PRIMITIVE_SCAN || primitive == NUMC_PRIMITIVE_WHILE ||
           primitive == NUMC_PRIMITIVE_CUSTOM || primitive == NUMC_PRIMITIVE_EXTERNAL;
}
/* Its branches or steps are differentiated, and batched, where they are. */
static inline bool numc__primitive_has_steps(int32_t primitive)
{
    return primitive == NUMC_PRIMITIVE_COND || primitive == NUMC_PRIMITIVE_SCAN || primitive == NUMC_PRIMITIVE_WHILE;
}

typedef struct numc_graph numc_graph;

/* A shape and a dtype: what is known of a value while tracing. */
typedef struct numc_type {
    numc_dtype dtype;
    int32_t rank;
    const int64_t *shape;
} numc_type;

static inline bool numc__type_same_shape(const numc_type *a, const numc_type *b)
{
    if (a->rank != b->rank)
        return false;
    for (int32_t d = 0; d < a->rank; d++)
        if (a->shape[d] != b->shape[d])
            return false;
    return true;
}

/* Attributes of one application; immutable; `numbers` laid out as the table says. dtype: CONVERT's target, IOTA's, random's. */
typedef struct numc_attributes {
    int32_t count;
    const int64_t *numbers;
    numc_dtype dtype;
    numc_graph *graphs[2];
} numc_attributes;

#define NUMC_RANK_LIMIT 64
#define NUMC_SCAN_NUMBERS 6 /* at most */

/* Output types of an application. Output shapes are written to `shapes` (NUMC_RANK_LIMIT numbers each). For control flow too
 * (through numc__trace_hooks). Fails with SHAPE / DTYPE naming the primitive, shapes and dtypes. */
numc_status numc__primitive_infer(numc_context *context, int32_t primitive, const numc_type *inputs,
                                  int32_t input_count, const numc_attributes *attributes,
                                  numc_type *outputs, int64_t (*shapes)[NUMC_RANK_LIMIT],
                                  int32_t output_capacity, int32_t *output_count);
const char *numc__primitive_name(int32_t primitive);

#endif
