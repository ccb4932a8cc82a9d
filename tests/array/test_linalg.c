/* test_linalg.c - products against loops, factorisations and solves by their residuals, batches, edge cases, errors. */
#include "fixture.h"

/* Well conditioned: random whole numbers plus n on the diagonal. */
static numc_array *matrix(numc_context *context, uint64_t *seed, int64_t batch, int64_t n, int64_t m)
{
    double *values = calloc((size_t)(batch * n * m), sizeof *values);
    for (int64_t i = 0; i < batch * n * m; i++)
        values[i] = (double)(next_random(seed) % 9) - 4 + (i % (n * m) % (m + 1) == 0 ? 4 * (double)n : 0);
    numc_array *x = numc_from_host(context, NUMC_FLOAT64, NUMC_SHAPE(batch, n, m), values);
    free(values);
    return x;
}

static void products_equal_loops(void **state)
{
    numc_context *context = *state;
    uint64_t seed = 11;
    for (int round = 0; round < 60; round++) {
        numc_scope(context)
        {
            int64_t n = 1 + next_random(&seed) % 6, k = 1 + next_random(&seed) % 6, m = 1 + next_random(&seed) % 6;
            numc_array *a = matrix(context, &seed, 2, n, k), *b = matrix(context, &seed, 1, k, m);
            if (next_random(&seed) % 2 == 0)
                a = numc_matrix_transpose(numc_positive(numc_matrix_transpose(numc_flip(a, NUMC_AXES(1)))));
            double *x = values_of(a), *y = values_of(b), *z = values_of(numc_matmul(a, b));
            for (int64_t s = 0; s < 2; s++)
                for (int64_t i = 0; i < n; i++)
                    for (int64_t j = 0; j < m; j++) {
                        double sum = 0;
                        for (int64_t l = 0; l < k; l++)
                            sum += x[(s * n + i) * k + l] * y[l * m + j];
                        assert_true(z[(s * n + i) * m + j] == sum); /* whole numbers: exact */
                    }
            free(x);
            free(y);
            free(z);
        }
    }
    numc_array *v = numc_arange(context, NUMC_INT32, 0, 3, 1), *a = counting(context, NUMC_INT32, NUMC_SHAPE(2, 3));
    assert_values(numc_matmul(v, v), 5);
    assert_values(numc_matmul(a, v), 5, 14);
    assert_values(numc_matmul(numc_arange(context, NUMC_INT32, 0, 2, 1), a), 3, 4, 5);
    assert_shape(numc_matmul(v, numc_zeros(context, NUMC_FLOAT64, NUMC_SHAPE(5, 4, 3, 2))), 3, (const int64_t[]){5, 4, 2});
    assert_shape(numc_matmul(numc_zeros(context, NUMC_FLOAT64, NUMC_SHAPE(5, 1, 2, 3)), numc_zeros(context, NUMC_FLOAT64, NUMC_SHAPE(4, 3, 2))),
                 4, (const int64_t[]){5, 4, 2, 2});
    assert_values(numc_matmul(numc_zeros(context, NUMC_FLOAT64, NUMC_SHAPE(1, 0)), numc_zeros(context, NUMC_FLOAT64, NUMC_SHAPE(0, 1))), 0);
    assert_values(numc_vecdot(a, v), 5, 14);
    assert_values(numc_outer(v, v), 0, 0, 0, 0, 1, 2, 0, 2, 4);
    assert_values(numc_diagonal(a), 0, 4);
    assert_values(numc_diagonal(numc_matrix_transpose(a)), 0, 4);
    assert_values(numc_diag(v), 0, 0, 0, 0, 1, 0, 0, 0, 2);
    assert_null(numc_matmul(a, a));
    assert_error(context, NUMC_SHAPE, "numc_matmul: the inner sizes 3 and 2 of shapes [2, 3] and [2, 3] differ");
    assert_ok(context);
}

/* max |x - y| <= tolerance */
static void assert_near(const numc_array *x, const numc_array *y, double tolerance)
{
    numc_array *worst = numc_max(numc_abs(numc_subtract(x, y)));
    if (!(numc_item(worst) <= tolerance))
        fail_msg("difference %.3g > %.3g %s", numc_item(worst), tolerance, numc_error_message(numc_array_context(x)));
}

static void solves_leave_small_residuals(void **state)
{
    numc_context *context = *state;
    uint64_t seed = 5;
    for (int64_t n = 1; n < 12; n++) {
        numc_scope(context)
        {
            /* backward stable: residual <= c n^2 eps |A| |x|; here |A| <= 8 n, |x| <= about 1, c taken as 20 */
            double tolerance = 20 * (double)(n * n) * 2.3e-16 * 8 * (double)n;
            numc_array *a = matrix(context, &seed, 3, n, n), *b = matrix(context, &seed, 3, n, 2);
            assert_near(numc_matmul(a, numc_linalg_solve(a, b)), b, tolerance * 4 * (double)n);
            numc_array *one = numc_index(a, NUMC_AT(1)), *vector = numc_index(b, NUMC_AT(0), NUMC_ALL, NUMC_AT(1));
            numc_array *x = numc_linalg_solve(one, vector);
            assert_shape(x, 1, &n);
            assert_near(numc_matmul(one, x), vector, tolerance * 4 * (double)n);
            assert_near(numc_matmul(one, numc_linalg_inv(one)), numc_eye(context, NUMC_FLOAT64, n, n, 0), tolerance);
            /* batches broadcast on either side */
            assert_near(numc_matmul(one, numc_linalg_solve(one, b)), b, tolerance * 4 * (double)n);
            numc_array *spd = numc_matmul(a, numc_matrix_transpose(a)), *l = numc_linalg_cholesky(spd);
            assert_near(numc_matmul(l, numc_matrix_transpose(l)), spd, tolerance * 8 * (double)(n * n));
            assert_near(numc_tril(l, 0), l, 0);
            /* the inverse is only as good as the condition of A A^T allows: at most about 100 here */
            assert_near(numc_matmul(spd, numc_linalg_cho_solve(l, b)), b, 100 * tolerance * 8 * (double)(n * n));
            numc_array *z = numc_linalg_triangular_solve(l, b);
            assert_near(numc_matmul(l, z), b, tolerance * 8 * (double)n);
            z = numc_linalg_triangular_solve(numc_matrix_transpose(l), b, .upper = true);
            assert_near(numc_matmul(numc_matrix_transpose(l), z), b, tolerance * 8 * (double)n);
            assert_near(numc_linalg_triangular_solve(l, b, .transpose = true), z, tolerance * 8 * (double)n);
            /* log |A A^T| = 2 log |A| = 2 sum log diag L */
            numc_slogdet whole = numc_linalg_slogdet(spd), half = numc_linalg_slogdet(a);
            numc_array *diagonal = numc_multiply(2, numc_sum(numc_log(numc_diagonal(l)), NUMC_AXES(-1)));
            assert_near(whole.logabsdet, diagonal, 1e-12 * (double)n);
            assert_near(numc_multiply(2, half.logabsdet), diagonal, 1e-12 * (double)n);
            assert_near(whole.sign, numc_ones_like(whole.sign), 0);
            numc_array *det = numc_linalg_det(a);
            assert_near(numc_divide(det, numc_multiply(half.sign, numc_exp(half.logabsdet))), numc_ones_like(det), 1e-11);
        }
    }
    assert_ok(context);
}

static void singular_and_indefinite(void **state)
{
    numc_context *context = *state;
    const double values[4] = {1, 2, 2, 1};
    numc_array *l = numc_linalg_cholesky(numc_from_host(context, NUMC_FLOAT64, NUMC_SHAPE(2, 2), values));
    assert_true(numc_item_bool(numc_any(numc_isnan(l))));
    numc_array *a = numc_from_host(context, NUMC_FLOAT64, NUMC_SHAPE(2, 2), values);
    assert_values(numc_linalg_det(a), -3);
    assert_values(numc_linalg_slogdet(a).sign, -1);
    numc_array *empty = numc_zeros(context, NUMC_FLOAT64, NUMC_SHAPE(0, 0));
    assert_values(numc_linalg_det(empty), 1);
    assert_values(numc_linalg_slogdet(empty).logabsdet, 0);
    numc_array *zero = numc_zeros(context, NUMC_FLOAT64, NUMC_SHAPE(2, 2));
    assert_values(numc_linalg_det(zero), 0);
    assert_values(numc_linalg_slogdet(zero).logabsdet, -INFINITY);
    assert_null(numc_linalg_cholesky(numc_zeros(context, NUMC_FLOAT64, NUMC_SHAPE(2, 3))));
    assert_error(context, NUMC_SHAPE, "cholesky(float64[2, 3]): the last two axes must be a square matrix");
    assert_null(numc_linalg_solve(a, numc_zeros(context, NUMC_FLOAT64, NUMC_SHAPE(3))));
    assert_error(context, NUMC_SHAPE, "a matrix of shape [2, 2] and a right side of shape [3] do not fit");
    assert_null(numc_linalg_inv(numc_zeros(context, NUMC_FLOAT64, NUMC_SHAPE(3))));
    assert_error(context, NUMC_SHAPE, "numc_linalg_inv: shape [3]");
}

int main(void)
{
    const struct CMUnitTest tests[] = {TEST(products_equal_loops), TEST(solves_leave_small_residuals), TEST(singular_and_indefinite)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
