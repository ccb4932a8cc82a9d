/* test_linalg.c - products against loops, factorisations and solves by their residuals, batches, edge cases, errors. */
#include "fixture.h"

/* Whole numbers from -4 to 4, plus 4 n on the diagonal: rows and columns are (weakly) diagonally dominant. */
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

/* max |x|, max of the rows' sums of |x|, sum of |x|; over a batch the largest, or all. */
static double largest(const numc_array *x)
{
    return numc_item(numc_max(numc_abs(x)));
}

static double row_norm(const numc_array *x)
{
    return numc_item(numc_max(numc_sum(numc_abs(x), NUMC_AXES(-1))));
}

static double total(const numc_array *x)
{
    return numc_item(numc_sum(numc_abs(x)));
}

/* a x = b where x was found by elimination: |a x - b| <= 8 n^2 u |a| |x|.
 *
 * The computed x solves (a + d) x = b with |d| <= 3 n u |L| |U| elementwise (Higham, Accuracy and Stability, theorem 9.4), and the row
 * sums of |L| |U| are at most 2 n - 1 times those of a diagonally dominant a (theorem 9.9). The product that checks it adds n u |a| |x|:
 * together less than 6 n^2 u, and a third for terms of second order and for pivoting. */
static void assert_solves(const numc_array *a, const numc_array *x, const numc_array *b, int64_t n)
{
    assert_near(numc_matmul(a, x), b, 8 * (double)(n * n) * 0x1p-53 * row_norm(a) * largest(x));
}

/* l x = b by substitution: (l + d) x = b with |d| <= n u |l| (theorem 8.5); as much for the product, and twice that. */
static void assert_substitutes(const numc_array *l, const numc_array *x, const numc_array *b, int64_t n)
{
    assert_near(numc_matmul(l, x), b, 4 * (double)n * 0x1p-53 * row_norm(l) * largest(x));
}

static void solves_leave_small_residuals(void **state)
{
    numc_context *context = *state;
    uint64_t seed = 5;
    const double u = 0x1p-53;
    for (int64_t n = 1; n < 12; n++) {
        numc_scope(context)
        {
            numc_array *a = matrix(context, &seed, 3, n, n), *b = matrix(context, &seed, 3, n, 2);
            assert_solves(a, numc_linalg_solve(a, b), b, n);
            numc_array *one = numc_index(a, NUMC_AT(1)), *vector = numc_index(b, NUMC_AT(0), NUMC_ALL, NUMC_AT(1));
            numc_array *x = numc_linalg_solve(one, vector);
            assert_shape(x, 1, &n);
            assert_solves(one, x, vector, n);
            assert_solves(one, numc_linalg_inv(one), numc_eye(context, NUMC_FLOAT64, n, n, 0), n);
            /* batches broadcast on either side */
            assert_solves(one, numc_linalg_solve(one, b), b, n);
            /* |L L^T - A| <= (n + 1) u |L| |L^T| (theorem 10.3), of which no element exceeds the largest of A's diagonal; the
             * product adds n u of the same: twice the sum */
            numc_array *spd = numc_matmul(a, numc_matrix_transpose(a)), *l = numc_linalg_cholesky(spd);
            assert_near(numc_matmul(l, numc_matrix_transpose(l)), spd, 2 * (double)(2 * n + 1) * u * largest(spd));
            assert_near(numc_tril(l, 0), l, 0);
            /* (A + D) x = b with |D| <= (3 n + 1) u |L| |L^T| (theorem 10.4), row sums at most n times A's largest element; the product
             * adds n^2 u: twice the sum */
            numc_array *solved = numc_linalg_cho_solve(l, b);
            assert_near(numc_matmul(spd, solved), b, 2 * (double)(4 * n * n + n) * u * largest(spd) * largest(solved));
            numc_array *z = numc_linalg_triangular_solve(l, b), *upper = numc_matrix_transpose(l);
            assert_substitutes(l, z, b, n);
            z = numc_linalg_triangular_solve(upper, b, .upper = true);
            assert_substitutes(upper, z, b, n);
            assert_substitutes(upper, numc_linalg_triangular_solve(l, b, .transpose = true), b, n);
            /* log |A A^T| = 2 log |A| = 2 sum log diag L. A factorisation of A + D has log |A + D| = log |A| + trace(A^-1 D), at most
             * the row sums of |D| times the sum of |A^-1|; D as above, n u in place of 3 n u since nothing is solved. Logs and
             * their sum add n + 4 roundings of logs that have one sign here. */
            numc_slogdet whole = numc_linalg_slogdet(spd), half = numc_linalg_slogdet(a);
            numc_array *diagonal = numc_multiply(2, numc_sum(numc_log(numc_diagonal(l)), NUMC_AXES(-1)));
            double logs = (double)(n + 4) * u * (largest(diagonal) + 1);
            double of_spd = 2 * (double)(n * n) * u * row_norm(spd) * total(numc_linalg_inv(spd)) + logs;
            double of_a = 2 * (double)(n * n) * u * row_norm(a) * total(numc_linalg_inv(a)) + logs;
            assert_near(whole.logabsdet, diagonal, 2 * of_spd);
            assert_near(numc_multiply(2, half.logabsdet), diagonal, 2 * of_a + of_spd);
            assert_near(whole.sign, numc_ones_like(whole.sign), 0);
            /* two factorisations, a product of n, an exponential */
            numc_array *det = numc_linalg_det(a);
            assert_near(numc_divide(det, numc_multiply(half.sign, numc_exp(half.logabsdet))), numc_ones_like(det),
                        2 * of_a + (double)(n + 4) * u);
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
    double *undone = values_of(numc_linalg_cho_inv(l)), *none = values_of(numc_linalg_cho_inv(zero));
    for (int i = 0; i < 4; i++)
        assert_true(isnan(undone[i]) && isnan(none[i]));
    free(undone);
    free(none);
    assert_int_equal(numc_array_size(numc_linalg_cho_inv(empty)), 0);
    assert_null(numc_linalg_cho_inv(numc_zeros(context, NUMC_FLOAT64, NUMC_SHAPE(2, 3))));
    assert_error(context, NUMC_SHAPE, "numc_linalg_cho_inv: shape [2, 3] does not end in a square matrix");
    assert_null(numc_linalg_cholesky(numc_zeros(context, NUMC_FLOAT64, NUMC_SHAPE(2, 3))));
    assert_error(context, NUMC_SHAPE, "numc_linalg_cholesky: shape [2, 3] does not end in a square matrix");
    assert_null(numc_linalg_solve(a, numc_zeros(context, NUMC_FLOAT64, NUMC_SHAPE(3))));
    assert_error(context, NUMC_SHAPE, "a matrix of shape [2, 2] and a right side of shape [3] do not fit");
    assert_null(numc_linalg_inv(numc_zeros(context, NUMC_FLOAT64, NUMC_SHAPE(3))));
    assert_error(context, NUMC_SHAPE, "numc_linalg_inv: shape [3]");
}

static void note_blas(void *user, numc_log_level level, const char *line)
{
    *(int *)user += level == NUMC_LOG_WARNING && strstr(line, "NUMC_BLAS cannot be used: /no/such/blas.so") != NULL;
}

/* A library of NUMC_BLAS that is not there is a warning, once, and the cpu backend's own loops do the work. */
static void a_blas_that_is_not_there_is_told(void **state)
{
    (void)state;
    int told = 0;
    const char *backend = getenv("NUMC_BACKEND"), *was = getenv("NUMC_BLAS");
    if (backend == NULL || strcmp(backend, "cpu") != 0)
        skip();
    char *before = was != NULL ? strdup(was) : NULL;
    setenv("NUMC_BLAS", "/no/such/blas.so", 1);
    numc_context *context = numc_open(&(numc_options){.log = note_blas, .log_user = &told});
    for (int round = 0; round < 2; round++) {
        numc_array *one = numc_eye(context, NUMC_FLOAT64, 200, 200, 0);
        assert_true(numc_item(numc_sum(numc_matmul(one, one))) == 200);
    }
    numc_close(context);
    assert_int_equal(told, 1);
    if (before != NULL)
        setenv("NUMC_BLAS", before, 1);
    else
        unsetenv("NUMC_BLAS");
    free(before);
}

int main(void)
{
    const struct CMUnitTest tests[] = {TEST(products_equal_loops), TEST(solves_leave_small_residuals), TEST(singular_and_indefinite),
                                       cmocka_unit_test(a_blas_that_is_not_there_is_told)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
