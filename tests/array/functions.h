/* functions.h - the array standard's functions as one table of calls with fitting arguments: docs/array-api.md is made from it, and
 * the property tests run over it. A row per name of the standard, and one more where a form with lists or arrays is another path. */
#ifndef NUMC_TESTS_ARRAY_FUNCTIONS_H
#define NUMC_TESTS_ARRAY_FUNCTIONS_H

#include "numc/dlpack.h"
#include "numc/fft.h"
#include "numc/linalg.h"

/* What a row may use. x and y have one shape and dtype; `line` is 1-d and in order, `square` (3, 3), both of x's dtype. */
typedef struct given {
    numc_context *context;
    numc_dtype dtype;
    const numc_array *x, *y, *line, *square;
    const numc_array *mask, *places; /* constants: bool of x's shape; int64, 1-d, within x's last axis */
} given;

enum {
    CREATES = 1,   /* from the context, without x */
    AXIS = 2,      /* x has rank 1 at least */
    LINE = 4,      /* works on `line`, not on x */
    SQUARE = 8,    /* works on `square`, not on x */
    VALUES = 16,   /* the size of the result depends on values: not in a trace */
    NONEMPTY = 32, /* an empty axis is an error */
    MATRICES = 64, /* x has rank 2 at least */
    APART = 128    /* rounding depends on memory layout (products by BLAS) */
};

static inline numc_array *first_of(numc_status status, numc_array **results, int32_t count)
{
    return status == NUMC_OK && count > 0 ? results[0] : NULL;
}

static inline numc_array *first_unstacked(const numc_array *x)
{
    numc_array *results[64];
    int64_t n = numc_array_shape(x)[0];
    if (n > 64 || n == 0)
        return n == 0 ? numc_index(x, NUMC_SLICE(0, 0)) : NULL;
    return first_of(numc_unstack(x, 0, results, (int32_t)n), results, (int32_t)n);
}

static inline numc_array *first_broadcast(const numc_array *x, const numc_array *y)
{
    numc_array *results[2];
    return first_of(numc_broadcast_arrays((const numc_array *[]){x, y}, 2, results), results, 2);
}

static inline numc_array *first_meshed(const numc_array *x, const numc_array *y)
{
    numc_array *results[2];
    const numc_array *lines[2] = {x, y};
    return first_of(numc_meshgrid(lines, 2, results), results, 2);
}

static inline numc_array *first_nonzero(const numc_array *x)
{
    numc_array *results[32];
    int32_t rank = numc_array_rank(x);
    return first_of(numc_nonzero(x, results, rank), results, rank);
}

static inline numc_array *through_dlpack(numc_context *context, const numc_array *x)
{
    DLManagedTensorVersioned *tensor = NULL;
    return numc_to_dlpack(x, NULL, &tensor) == NUMC_OK ? numc_from_dlpack(context, tensor) : NULL;
}

#define CREATION_ROWS(X)                                                                           \
    X(arange, CREATES, numc_arange(c, g->dtype, 0, 5, 1))                                          \
    X(asarray, CREATES, numc_asarray(c, g->dtype, 1))                                              \
    X(empty, CREATES, numc_empty(c, g->dtype, NUMC_SHAPE(2, 3)))                                   \
    X(empty_like, 0, numc_empty_like(x))                                                           \
    X(eye, CREATES, numc_eye(c, g->dtype, 3, 3, 0))                                                \
    X(from_dlpack, VALUES, through_dlpack(c, x))                                                   \
    X(full, CREATES, numc_full(c, g->dtype, NUMC_SHAPE(2, 3), 1))                                  \
    X(full_like, 0, numc_full_like(x, 1))                                                          \
    X(linspace, CREATES, numc_linspace(c, g->dtype, 0, 1, 5))                                      \
    X(meshgrid, LINE, first_meshed(line, line))                                                    \
    X(ones, CREATES, numc_ones(c, g->dtype, NUMC_SHAPE(2, 3)))                                     \
    X(ones_like, 0, numc_ones_like(x))                                                             \
    X(tril, MATRICES, numc_tril(x, 0))                                                             \
    X(triu, MATRICES, numc_triu(x, 0))                                                             \
    X(zeros, CREATES, numc_zeros(c, g->dtype, NUMC_SHAPE(2, 3)))                                   \
    X(zeros_like, 0, numc_zeros_like(x))

#define DTYPE_ROWS(X) X(astype, 0, numc_astype(x, NUMC_FLOAT32))

#define ELEMENTWISE_OTHER_ROWS(X)                                                                  \
    X(conj, 0, numc_conj(x))                                                                       \
    X(imag, 0, numc_imag(x))                                                                       \
    X(real, 0, numc_real(x))                                                                       \
    X(clip, 0, numc_clip(x, numc_minimum(x, y), numc_maximum(x, y)))

#define INDEXING_ROWS(X)                                                                           \
    X(take, AXIS, numc_take(x, places, NUMC_AXIS(-1)))                                             \
    X(take_along_axis, AXIS, numc_take_along_axis(x, numc_reshape(places, line_shape(x)), -1))

#define MANIPULATION_ROWS(X)                                                                       \
    X(broadcast_arrays, 0, first_broadcast(x, y))                                                  \
    X(broadcast_to, 0, numc_broadcast_to(x, NUMC_SHAPE_OF(x)))                                     \
    X(concat, AXIS, numc_concat((const numc_array *[]){x, y}, 2, -1))                              \
    X(expand_dims, 0, numc_expand_dims(x, NUMC_AXES(0)))                                           \
    X(flip, 0, numc_flip(x, (numc_axes){0}))                                                       \
    X(moveaxis, AXIS, numc_moveaxis(x, 0, -1))                                                     \
    X(permute_dims, 0, numc_permute_dims(x, reversed_axes(x)))                                     \
    X(repeat, 0, numc_repeat(x, 2, NUMC_NO_AXIS))                                                  \
    X(reshape, 0, numc_reshape(x, flat_shape(x)))                                                  \
    X(roll, 0, numc_roll(x, 1, NUMC_FLATTEN))                                                      \
    X(squeeze, 0, numc_squeeze(x, (numc_axes){0}))                                                 \
    X(stack, 0, numc_stack((const numc_array *[]){x, y}, 2, 0))                                    \
    X(tile, 0, numc_tile(x, NUMC_SHAPE(2)))                                                        \
    X(unstack, AXIS, first_unstacked(x))

#define SEARCHING_ROWS(X)                                                                          \
    X(argmax, NONEMPTY, numc_argmax(x))                                                            \
    X(argmin, NONEMPTY, numc_argmin(x))                                                            \
    X(count_nonzero, 0, numc_count_nonzero(x))                                                     \
    X(nonzero, AXIS | VALUES, first_nonzero(x))                                                    \
    X(searchsorted, LINE, numc_searchsorted(line, y))                                              \
    X(where, 0, numc_where(mask, x, y))

#define SET_ROWS(X)                                                                                \
    X(isin, 0, numc_isin(x, line))                                                                 \
    X(unique_all, VALUES, numc_unique_all(x).values)                                               \
    X(unique_counts, VALUES, numc_unique_counts(x).counts)                                         \
    X(unique_inverse, VALUES, numc_unique_inverse(x).inverse_indices)                              \
    X(unique_values, VALUES, numc_unique_values(x))

#define SORTING_ROWS(X)                                                                            \
    X(argsort, AXIS, numc_argsort(x))                                                              \
    X(sort, AXIS, numc_sort(x))

#define STATISTICAL_ROWS(X)                                                                        \
    X(cumulative_prod, AXIS, numc_cumulative_prod(x, NUMC_AXIS(-1)))                               \
    X(cumulative_sum, AXIS, numc_cumulative_sum(x, NUMC_AXIS(-1)))                                 \
    X(max, NONEMPTY, numc_max(x))                                                                  \
    X(mean, 0, numc_mean(x))                                                                       \
    X(min, NONEMPTY, numc_min(x))                                                                  \
    X(prod, 0, numc_prod(x))                                                                       \
    X(std, 0, numc_std(x))                                                                         \
    X(sum, 0, numc_sum(x))                                                                         \
    X(var, 0, numc_var(x))

#define UTILITY_ROWS(X)                                                                            \
    X(all, 0, numc_all(x))                                                                         \
    X(any, 0, numc_any(x))                                                                         \
    X(diff, AXIS, numc_diff(x))

#define LINEAR_ROWS(X)                                                                             \
    X(matmul, SQUARE | APART, numc_matmul(square, square))                                         \
    X(matrix_transpose, MATRICES, numc_matrix_transpose(x))                                        \
    X(tensordot, SQUARE | APART, numc_tensordot(square, square, 1))                                \
    X(vecdot, AXIS | APART, numc_vecdot(x, y))

/* `square` is symmetric, positive definite and regular. */
#define LINALG_ROWS(X)                                                                             \
    X(linalg_cholesky, SQUARE, numc_linalg_cholesky(square))                                       \
    X(linalg_cross, SQUARE, numc_linalg_cross(square, square, -1))                                 \
    X(linalg_det, SQUARE, numc_linalg_det(square))                                                 \
    X(linalg_diagonal, SQUARE, numc_linalg_diagonal(square, 0))                                    \
    X(linalg_eig, SQUARE, numc_linalg_eig(square).values)                                     \
    X(linalg_eigh, SQUARE, numc_linalg_eigh(square).values)                                   \
    X(linalg_eigvals, SQUARE, numc_linalg_eigvals(square))                                         \
    X(linalg_eigvalsh, SQUARE, numc_linalg_eigvalsh(square))                                       \
    X(linalg_inv, SQUARE, numc_linalg_inv(square))                                                 \
    X(linalg_matrix_norm, SQUARE, numc_linalg_matrix_norm(square))                                 \
    X(linalg_matrix_power, SQUARE, numc_linalg_matrix_power(square, 3))                            \
    X(linalg_matrix_rank, SQUARE, numc_linalg_matrix_rank(square))                                 \
    X(linalg_outer, LINE, numc_outer(line, line))                                                  \
    X(linalg_pinv, SQUARE, numc_linalg_pinv(square))                                               \
    X(linalg_qr, SQUARE, numc_linalg_qr(square).q)                                                 \
    X(linalg_slogdet, SQUARE, numc_linalg_slogdet(square).logabsdet)                               \
    X(linalg_solve, SQUARE, numc_linalg_solve(square, square))                                     \
    X(linalg_svd, SQUARE, numc_linalg_svd(square).s)                                               \
    X(linalg_svdvals, SQUARE, numc_linalg_svdvals(square))                                         \
    X(linalg_trace, SQUARE, numc_linalg_trace(square, 0))                                          \
    X(linalg_vector_norm, SQUARE, numc_linalg_vector_norm(square))

#define FFT_ROWS(X)                                                                                \
    X(fft_fft, AXIS | NONEMPTY, numc_fft_fft(x))                                                   \
    X(fft_ifft, AXIS | NONEMPTY, numc_fft_ifft(x))                                                 \
    X(fft_fftn, AXIS | NONEMPTY, numc_fft_fftn(x))                                                 \
    X(fft_ifftn, AXIS | NONEMPTY, numc_fft_ifftn(x))                                               \
    X(fft_rfft, AXIS | NONEMPTY, numc_fft_rfft(x))                                                 \
    X(fft_irfft, AXIS | NONEMPTY, numc_fft_irfft(x, .n = NUMC_LENGTH(5)))                          \
    X(fft_rfftn, AXIS | NONEMPTY, numc_fft_rfftn(x))                                               \
    X(fft_irfftn, AXIS | NONEMPTY, numc_fft_irfftn(x, .s = NUMC_SHAPE(6)))                         \
    X(fft_hfft, AXIS | NONEMPTY, numc_fft_hfft(x, .n = NUMC_LENGTH(4)))                            \
    X(fft_ihfft, AXIS | NONEMPTY, numc_fft_ihfft(x))                                               \
    X(fft_fftfreq, CREATES, numc_fft_fftfreq(c, g->dtype, 5, 0.5))                                 \
    X(fft_rfftfreq, CREATES, numc_fft_rfftfreq(c, g->dtype, 5, 0.5))                               \
    X(fft_fftshift, 0, numc_fft_fftshift(x, (numc_axes){0}))                                       \
    X(fft_ifftshift, 0, numc_fft_ifftshift(x, (numc_axes){0}))

/* Further forms, for the tests alone: along axes, with lists, indexing, in place. */
#define FURTHER_ROWS(X)                                                                            \
    X(sum_last, AXIS, numc_sum(x, NUMC_AXES(-1), .keepdims = true))                                \
    X(prod_first, AXIS, numc_prod(x, NUMC_AXES(0)))                                                \
    X(max_last, AXIS | NONEMPTY, numc_max(x, NUMC_AXES(-1)))                                       \
    X(min_first, AXIS | NONEMPTY, numc_min(x, NUMC_AXES(0)))                                       \
    X(mean_first, AXIS, numc_mean(x, NUMC_AXES(0)))                                                \
    X(var_last, AXIS, numc_var(x, NUMC_AXES(-1), .correction = 1))                                 \
    X(all_first, AXIS, numc_all(x, NUMC_AXES(0)))                                                  \
    X(any_last, AXIS, numc_any(x, NUMC_AXES(-1), .keepdims = true))                                \
    X(count_last, AXIS, numc_count_nonzero(x, NUMC_AXES(-1)))                                      \
    X(argmax_first, AXIS | NONEMPTY, numc_argmax(x, NUMC_AXIS(0)))                                 \
    X(argmin_last, AXIS | NONEMPTY, numc_argmin(x, NUMC_AXIS(-1), .keepdims = true))               \
    X(cumulative_sum_first, AXIS, numc_cumulative_sum(x, NUMC_AXIS(0), .include_initial = true))   \
    X(sort_first, AXIS, numc_sort(x, NUMC_AXIS(0), .descending = true))                            \
    X(argsort_first, AXIS, numc_argsort(x, NUMC_AXIS(0), .descending = true))                      \
    X(roll_last, AXIS, numc_roll(x, -1, -1))                                                       \
    X(flip_last, AXIS, numc_flip(x, NUMC_AXES(-1)))                                                \
    X(repeat_last, AXIS, numc_repeat(x, 3, NUMC_AXIS(-1)))                                         \
    X(concat_flat, 0, numc_concat((const numc_array *[]){x, y}, 2, NUMC_FLATTEN))                  \
    X(stack_last, 0, numc_stack((const numc_array *[]){x, y}, 2, -1))                              \
    X(take_first, AXIS, numc_take(x, numc_zeros(c, NUMC_INT64, NUMC_SHAPE(numc_array_size(x) > 0)), NUMC_AXIS(0))) \
    X(index_steps, AXIS, numc_index(x, NUMC_ELLIPSIS, NUMC_SLICE_STEP(NUMC_END, NUMC_END, -2), NUMC_NEW)) \
    X(index_mask, VALUES, numc_index(x, NUMC_PICK(mask)))                                          \
    X(update_mask, 0, numc_index_update(x, 1, NUMC_PICK(mask)))                                    \
    X(update_steps, AXIS, numc_index_update(x, 1, NUMC_ELLIPSIS, NUMC_SLICE_STEP(NUMC_END, NUMC_END, -2))) \
    X(diff_first, AXIS, numc_diff(x, NUMC_AXIS(0), .prepend = numc_index(x, NUMC_SLICE(0, 1))))    \
    X(add_column, AXIS, numc_add(x, numc_index(y, NUMC_ELLIPSIS, NUMC_SLICE(0, 1))))               \
    X(clip_numbers, 0, numc_clip(x, 0, 1))

/* Shapes that depend on x, held for one call. */
static inline numc_shape held_shape(const numc_array *x, int kind)
{
    static _Thread_local int64_t values[32];
    int32_t rank = numc_array_rank(x);
    if (kind == 0) { /* flat */
        values[0] = numc_array_size(x);
        return (numc_shape){values, 1, true};
    }
    for (int32_t d = 0; d < rank; d++)
        values[d] = kind == 1 ? numc_array_shape(x)[d] : kind == 2 ? rank - 1 - d : d == rank - 1 ? -1 : 1;
    if (kind == 3 && numc_array_shape(x)[rank - 1] == 0)
        values[rank - 1] = 0;
    return (numc_shape){values, rank, true};
}
#define flat_shape(x) held_shape(x, 0)
#define NUMC_SHAPE_OF(x) held_shape(x, 1)
#define reversed_axes(x) held_shape(x, 2)
#define line_shape(x) held_shape(x, 3)

typedef struct function_row {
    const char *name, *group;
    int flags;
    numc_array *(*call)(const given *g);
} function_row;

#define UNPACK_                                                                                    \
    numc_context *c = g->context;                                                                  \
    const numc_array *x = g->x, *y = g->y, *line = g->line, *square = g->square, *mask = g->mask, *places = g->places; \
    (void)c, (void)x, (void)y, (void)line, (void)square, (void)mask, (void)places

#define DEFINE_ROW(name, flags, expression)                                                        \
    static numc_array *call_##name(const given *g)                                                 \
    {                                                                                              \
        UNPACK_;                                                                                   \
        return expression;                                                                         \
    }
#define DEFINE_UNARY(name) DEFINE_ROW(name, 0, numc_##name(x))
#define DEFINE_BINARY(name) DEFINE_ROW(name, 0, (numc_##name)(numc_operand_array(x), numc_operand_array(y)))

CREATION_ROWS(DEFINE_ROW)
DTYPE_ROWS(DEFINE_ROW)
NUMC_UNARY_FUNCTIONS(DEFINE_UNARY)
NUMC_BINARY_FUNCTIONS(DEFINE_BINARY)
ELEMENTWISE_OTHER_ROWS(DEFINE_ROW)
INDEXING_ROWS(DEFINE_ROW)
LINEAR_ROWS(DEFINE_ROW)
LINALG_ROWS(DEFINE_ROW)
FFT_ROWS(DEFINE_ROW)
MANIPULATION_ROWS(DEFINE_ROW)
SEARCHING_ROWS(DEFINE_ROW)
SET_ROWS(DEFINE_ROW)
SORTING_ROWS(DEFINE_ROW)
STATISTICAL_ROWS(DEFINE_ROW)
UTILITY_ROWS(DEFINE_ROW)
FURTHER_ROWS(DEFINE_ROW)

#define LIST_ROW(group, name, flags) {#name, group, flags, call_##name},
#define LIST_CREATION(name, flags, expression) LIST_ROW("creation", name, flags)
#define LIST_DTYPE(name, flags, expression) LIST_ROW("dtypes", name, flags)
#define LIST_ELEMENTWISE(name) LIST_ROW("elementwise", name, 0)
#define LIST_ELEMENTWISE_OTHER(name, flags, expression) LIST_ROW("elementwise", name, flags)
#define LIST_INDEXING(name, flags, expression) LIST_ROW("indexing", name, flags)
#define LIST_LINEAR(name, flags, expression) LIST_ROW("linear algebra", name, flags)
#define LIST_LINALG(name, flags, expression) LIST_ROW("linalg", name, flags)
#define LIST_FFT(name, flags, expression) LIST_ROW("fft", name, flags)
#define LIST_MANIPULATION(name, flags, expression) LIST_ROW("manipulation", name, flags)
#define LIST_SEARCHING(name, flags, expression) LIST_ROW("searching", name, flags)
#define LIST_SET(name, flags, expression) LIST_ROW("sets", name, flags)
#define LIST_SORTING(name, flags, expression) LIST_ROW("sorting", name, flags)
#define LIST_STATISTICAL(name, flags, expression) LIST_ROW("statistics", name, flags)
#define LIST_UTILITY(name, flags, expression) LIST_ROW("utilities", name, flags)
#define LIST_FURTHER(name, flags, expression) LIST_ROW("further", name, flags)
static const function_row function_rows[] = {
    CREATION_ROWS(LIST_CREATION) DTYPE_ROWS(LIST_DTYPE) NUMC_UNARY_FUNCTIONS(LIST_ELEMENTWISE)
    NUMC_BINARY_FUNCTIONS(LIST_ELEMENTWISE) ELEMENTWISE_OTHER_ROWS(LIST_ELEMENTWISE_OTHER) INDEXING_ROWS(LIST_INDEXING)
    LINEAR_ROWS(LIST_LINEAR) MANIPULATION_ROWS(LIST_MANIPULATION) SEARCHING_ROWS(LIST_SEARCHING) SET_ROWS(LIST_SET)
    SORTING_ROWS(LIST_SORTING) STATISTICAL_ROWS(LIST_STATISTICAL) UTILITY_ROWS(LIST_UTILITY) LINALG_ROWS(LIST_LINALG) FFT_ROWS(LIST_FFT)
    FURTHER_ROWS(LIST_FURTHER)
};
#define FUNCTION_ROW_COUNT (sizeof function_rows / sizeof *function_rows)

#endif
