/* subjects.h - for tests: every composed array function as a function of one 3 x 4 float64 array, by name. */
#ifndef NUMC_TESTS_ARRAY_SUBJECTS_H
#define NUMC_TESTS_ARRAY_SUBJECTS_H

#include "fixture.h"

enum { ROWS = 3, COLUMNS = 4 };

typedef numc_array *(*subject)(const numc_array *x);

static numc_array *square_part(const numc_array *x) /* 3 x 3, diagonally dominant */
{
    numc_context *context = numc_array_context(x);
    return numc_add(numc_index(x, NUMC_ALL, NUMC_SLICE(0, 3)),
                    numc_multiply(numc_eye(context, NUMC_FLOAT64, ROWS, ROWS, 0), 6.0));
}

static numc_array *positive_definite(const numc_array *x)
{
    numc_array *a = square_part(x);
    return numc_matmul(a, numc_matrix_transpose(a));
}

static numc_array *picks(const numc_array *x)
{
    const int32_t values[4] = {2, 0, -1, 2};
    return numc_from_host(numc_array_context(x), NUMC_INT32, NUMC_SHAPE(4), values);
}

static numc_array *complex_matrix(const numc_array *x) /* off the real axis, and the axes' branch cuts */
{
    return numc_complex(numc_subtract(x, 1.6), numc_add(numc_flip(x, NUMC_AXES(0)), 0.25));
}

static numc_array *both_parts(const numc_array *z)
{
    return numc_subtract(numc_real(z), numc_multiply(numc_imag(z), 2.0));
}

static numc_array *assigned(const numc_array *x)
{
    numc_array *y = numc_multiply(x, x);
    numc_status status = numc_add_assign(&y, x);
    if (status == NUMC_OK)
        status = numc_multiply_assign(&y, 0.5);
    if (status == NUMC_OK)
        status = numc_subtract_assign(&y, numc_index(y, NUMC_AT(0)));
    return status == NUMC_OK ? y : NULL;
}

static numc_array *spectrum_product(const numc_array *z)
{
    return numc_multiply(z, numc_conj(z));
}

#define SUBJECTS(X)                                                                                \
    X(add_broadcast, numc_add(x, numc_index(x, NUMC_AT(0))))                                       \
    X(numbers, numc_divide(numc_multiply(2, numc_subtract(1.5, x)), 3))                            \
    X(unary_chain, numc_exp(numc_sin(numc_log(numc_sqrt(x)))))                                     \
    X(powers, numc_pow(x, numc_add(0.5, x)))                                                       \
    X(choice, numc_where(numc_greater(x, 1.0), numc_square(x), numc_negative(x)))                  \
    X(clipped, numc_clip(x, 0.8, 1.4))                                                             \
    X(mixed_dtypes, numc_multiply(numc_astype(numc_greater(x, 1.0), NUMC_INT32), x))               \
    X(sum_axis, numc_sum(numc_square(x), NUMC_AXES(0)))                                            \
    X(prod_axis, numc_prod(x, NUMC_AXES(-1), .keepdims = true))                                    \
    X(max_axis, numc_max(x, NUMC_AXES(1)))                                                         \
    X(mean_all, numc_mean(numc_square(x)))                                                         \
    X(variance, numc_var(x, NUMC_AXES(0), .correction = 1))                                        \
    X(deviation, numc_std(x, NUMC_AXES(1)))                                                        \
    X(log_sum, numc_logsumexp(x, NUMC_AXES(1)))                                                    \
    X(cumulative, numc_cumulative_sum(x, NUMC_AXIS(1)))                                            \
    X(cumulative_initial, numc_cumulative_sum(x, NUMC_AXIS(0), .include_initial = true))           \
    X(cumulative_product, numc_cumulative_prod(x, NUMC_AXIS(0)))                                   \
    X(sorted, numc_sort(x, .descending = true))                                                    \
    X(reshaped, numc_reshape(numc_matrix_transpose(x), NUMC_SHAPE(2, 6)))                          \
    X(moved, numc_moveaxis(numc_expand_dims(x, NUMC_AXES(1)), 0, -1))                              \
    X(flipped, numc_multiply(numc_flip(x, NUMC_AXES(1)), x))                                       \
    X(rolled, numc_multiply(numc_roll(x, 1, 0), x))                                                \
    X(rolled_flat, numc_multiply(numc_roll(x, 5, NUMC_FLATTEN), x))                                \
    X(rolled_axes, numc_multiply(numc_roll(x, NUMC_SHAPE(1, -2), NUMC_AXES(0, 1)), x))             \
    X(moved_axes, numc_moveaxis(numc_stack((const numc_array *[]){x, x}, 2, 0), NUMC_AXES(0, 1), NUMC_AXES(2, 0))) \
    X(joined_flat, numc_concat((const numc_array *[]){x, numc_index(numc_square(x), NUMC_AT(0))}, 2, NUMC_FLATTEN)) \
    X(repeated_each, numc_repeat(x, numc_abs(picks(x)), NUMC_AXIS(1)))                             \
    X(like_it, numc_add(numc_full_like(x, 2.5), numc_multiply(x, numc_ones_like(x))))              \
    X(in_place, assigned(x))                                                                       \
    X(tiled, numc_tile(x, NUMC_SHAPE(2, 1)))                                                       \
    X(repeated, numc_repeat(x, 2, NUMC_AXIS(1)))                                                   \
    X(stacked, numc_stack((const numc_array *[]){x, numc_square(x)}, 2, 1))                        \
    X(joined, numc_concat((const numc_array *[]){x, numc_square(x)}, 2, -1))                       \
    X(lower_part, numc_tril(x, 0))                                                                 \
    X(upper_part, numc_triu(x, 1))                                                                 \
    X(diagonal, numc_diagonal(x))                                                                  \
    X(on_diagonal, numc_diag(x))                                                                   \
    X(slices, numc_index(x, NUMC_SLICE_STEP(NUMC_END, NUMC_END, -2), NUMC_NEW, NUMC_SLICE(1, 3)))  \
    X(one_row, numc_index(x, NUMC_AT(-1)))                                                         \
    X(picked, numc_index(x, NUMC_ALL, NUMC_PICK(picks(x))))                                        \
    X(picked_pairs, numc_index(x, NUMC_PICK(picks(x)), NUMC_PICK(picks(x))))                       \
    X(picked_rows, numc_index(x, NUMC_PICK(picks(x)), NUMC_AT(1)))                                 \
    X(taken, numc_take(x, picks(x), NUMC_AXIS(1)))                                                 \
    X(taken_along, numc_take_along_axis(x, numc_argsort(x, NUMC_AXIS(1)), 1))                      \
    X(scattered, numc_scatter_add(x, picks(x), numc_square(numc_take(x, picks(x), NUMC_AXIS(0))), 0)) \
    X(updated, numc_index_update(x, numc_square(numc_index(x, NUMC_AT(0), NUMC_SLICE(0, 2))), NUMC_SLICE_STEP(2, NUMC_END, -2), \
                                 NUMC_SLICE_STEP(0, 4, 2)))                                        \
    X(updated_number, numc_index_update(x, 2, NUMC_AT(1), NUMC_SLICE(1, 3)))                       \
    X(updated_picked, numc_index_update(x, numc_multiply(2, numc_index(x, NUMC_AT(1))), NUMC_PICK(numc_index(picks(x), NUMC_SLICE(0, 2))))) \
    X(updated_mask, numc_index_update(x, numc_square(numc_index(x, NUMC_AT(0))), NUMC_PICK(numc_index(numc_greater(x, 1.2), NUMC_ALL, NUMC_AT(0))))) \
    X(product, numc_matmul(x, numc_matrix_transpose(x)))                                           \
    X(product_vector, numc_matmul(x, numc_index(x, NUMC_AT(0))))                                   \
    X(dots, numc_vecdot(x, numc_square(x)))                                                        \
    X(outer, numc_outer(numc_index(x, NUMC_AT(0)), numc_index(x, NUMC_AT(1))))                     \
    X(cholesky, numc_linalg_cholesky(positive_definite(x)))                                        \
    X(triangular, numc_linalg_triangular_solve(square_part(x), x))                                 \
    X(triangular_turned, numc_linalg_triangular_solve(square_part(x), x, .upper = true, .transpose = true)) \
    X(cho_inv, numc_linalg_cho_inv(numc_linalg_cholesky(positive_definite(x))))                    \
    X(cho_solve, numc_linalg_cho_solve(numc_linalg_cholesky(positive_definite(x)), x))             \
    X(solve, numc_linalg_solve(square_part(x), x))                                                 \
    X(inverse, numc_linalg_inv(square_part(x)))                                                    \
    X(determinant, numc_linalg_det(square_part(x)))                                                \
    X(log_determinant, numc_linalg_slogdet(square_part(x)).logabsdet)                              \
    X(differences, numc_diff(numc_square(x), NUMC_AXIS(1), .n = 2))                                \
    X(differences_joined, numc_diff(x, NUMC_AXIS(0), .prepend = numc_square(x), .append = x))      \
    X(tensor_product, numc_tensordot(x, numc_matrix_transpose(x), 1))                              \
    X(tensor_axes, numc_tensordot_axes(x, numc_expand_dims(numc_square(x), NUMC_AXES(1)), NUMC_AXES(1), NUMC_AXES(2))) \
    X(off_diagonal, numc_linalg_diagonal(x, 1))                                                    \
    X(trace_below, numc_linalg_trace(numc_square(x), -1))                                          \
    X(cross, numc_linalg_cross(x, numc_square(numc_index(x, NUMC_ALL, NUMC_SLICE(1, 2))), 0))      \
    X(matrix_cubed, numc_linalg_matrix_power(square_part(x), 3))                                   \
    X(matrix_inverse_squared, numc_linalg_matrix_power(square_part(x), -2))                        \
    X(norm, numc_linalg_vector_norm(x, NUMC_AXES(1)))                                              \
    X(norm_three, numc_linalg_vector_norm(x, NUMC_AXES(0), true, NUMC_ORDER(3)))                   \
    X(norm_largest, numc_linalg_vector_norm(x, .order = NUMC_ORDER(INFINITY)))                     \
    X(norm_matrix, numc_linalg_matrix_norm(numc_square(x)))                                        \
    X(norm_row, numc_linalg_matrix_norm(x, NUMC_ORDER_ROW))                                        \
    X(dots_columns, numc_vecdot(x, numc_square(x), NUMC_AXIS(-2)))                                 \
    X(cholesky_upper, numc_linalg_cholesky(positive_definite(x), .upper = true))                   \
    X(qr_q, numc_linalg_qr(numc_matrix_transpose(x)).q)                                            \
    X(qr_r, numc_linalg_qr(numc_matrix_transpose(x)).r)                                            \
    X(eigenvalues, numc_linalg_eigvalsh(positive_definite(x)))                                     \
    X(eigenvectors, numc_square(numc_linalg_eigh(positive_definite(x)).vectors))                   \
    X(singular_values, numc_linalg_svdvals(x))                                                     \
    X(singular_left, numc_square(numc_linalg_svd(numc_matrix_transpose(x), .reduced = true).u))    \
    X(singular_right, numc_square(numc_linalg_svd(x, .reduced = true).vh))                         \
    X(pseudo_inverse, numc_linalg_pinv(x))                                                         \
    X(norm_nuclear, numc_linalg_matrix_norm(x, NUMC_ORDER_NUCLEAR))                                \
    X(norm_spectral, numc_linalg_matrix_norm(x, NUMC_ORDER_SPECTRAL))                              \
    X(rank, numc_multiply(numc_linalg_matrix_rank(x), numc_sum(x)))                                \
    X(complex_arithmetic, both_parts(numc_divide(numc_multiply(complex_matrix(x), numc_conj(complex_matrix(x))), \
                                                 numc_add(complex_matrix(x), ((numc_complex_number){2, 0.5}))))) \
    X(complex_functions, both_parts(numc_tanh(numc_log(numc_add(numc_exp(numc_negative(complex_matrix(x))), x))))) \
    X(complex_roots, both_parts(numc_acosh(numc_sqrt(numc_asin(complex_matrix(x))))))              \
    X(complex_powers, both_parts(numc_add(numc_pow(complex_matrix(x), x), numc_pow(complex_matrix(x), -3)))) \
    X(complex_size, numc_multiply(numc_abs(complex_matrix(x)), numc_real(numc_sign(complex_matrix(x))))) \
    X(complex_moves, both_parts(numc_tril(numc_where(numc_greater(x, 1.2), numc_take(complex_matrix(x), picks(x), NUMC_AXIS(1)), x), 1))) \
    X(complex_sums, both_parts(numc_square(numc_cumulative_sum(complex_matrix(x), NUMC_AXIS(0)))))  \
    X(complex_products, both_parts(numc_add(numc_prod(complex_matrix(x), NUMC_AXES(0)), numc_mean(complex_matrix(x), NUMC_AXES(0))))) \
    X(complex_running, both_parts(numc_cumulative_prod(complex_matrix(x), NUMC_AXIS(1))))           \
    X(complex_matmul, both_parts(numc_matmul(complex_matrix(x), numc_conj(numc_matrix_transpose(complex_matrix(x)))))) \
    X(spectrum, numc_square(numc_abs(numc_fft_fft(x))))                                            \
    X(correlation, numc_fft_irfft(spectrum_product(numc_fft_rfft(x, .n = NUMC_LENGTH(7))), .n = NUMC_LENGTH(7)))   \
    X(box_spectrum, numc_real(numc_fft_ifftn(x, .s = NUMC_SHAPE(2, 5), .norm = NUMC_FFT_ORTHO)))   \
    X(half_box, numc_imag(numc_fft_rfftn(numc_square(x), .norm = NUMC_FFT_FORWARD)))               \
    X(from_half_box, numc_fft_irfftn(numc_square(x), NUMC_AXES(1, 0)))                             \
    X(hermitian, numc_multiply(numc_fft_hfft(x), numc_imag(numc_index(numc_fft_ihfft(x), NUMC_ALL, NUMC_SLICE(1, 2)))))  \
    X(members, numc_where(numc_isin(x, numc_sort(x)), numc_square(x), x))

#define DEFINE(name, expression)                                                                   \
    static numc_array *subject_##name(const numc_array *x)                                         \
    {                                                                                              \
        return expression;                                                                         \
    }
SUBJECTS(DEFINE)
#define ROW(name, expression) {#name, subject_##name},
static const struct {
    const char *name;
    subject call;
} subjects[] = {SUBJECTS(ROW)};
enum { SUBJECT_COUNT = sizeof subjects / sizeof *subjects };

static void fill(double values[ROWS * COLUMNS])
{
    uint64_t seed = 17;
    for (int i = 0; i < ROWS * COLUMNS; i++)
        values[i] = 0.5 + (next_random(&seed) % 1000) / 700.0; /* distinct, away from the kinks at 0.8, 1, 1.2, 1.4 */
}

static numc_array *input(numc_context *context, const double values[ROWS * COLUMNS])
{
    return numc_from_host(context, NUMC_FLOAT64, NUMC_SHAPE(ROWS, COLUMNS), values);
}

#endif
