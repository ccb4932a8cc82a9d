/* test_device.c - a device backend against ref where the work is shared by many items: every kernel takes the parallel way
 * (NUMC_GPU_SOLO=0), at sizes with several pieces, tiles, runs and groups. Whole numbers agree exactly. The name is the argument; without
 * a device the test is skipped. */
#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "numc/array.h"
#include "numc/function.h"
#include "numc/linalg.h"

enum { N = 50021, MOST = 70000 };

static numc_context *contexts[2]; /* ref, the device */
static double answers[2][MOST];

/* The same values in both contexts: whole numbers between -510 and 510. */
static numc_array *values(numc_context *context, numc_shape shape, int64_t seed)
{
    static double numbers[MOST];
    int64_t count = 1;
    for (int32_t d = 0; d < shape.count; d++)
        count *= shape.values[d];
    for (int64_t i = 0; i < count; i++)
        numbers[i] = (double)((i * 7919 + seed * 104729) % 1021 - 510);
    return numc_from_host(context, NUMC_FLOAT64, shape, numbers);
}

/* The function's result from both contexts, equal to a relative `tolerance` of the largest element. */
static void agree(numc_array *(*function)(numc_context *context), double tolerance)
{
    size_t count = 0;
    double largest = 0.0;
    for (int k = 0; k < 2; k++) {
        numc_scope(contexts[k])
        {
            numc_array *result = numc_astype(function(contexts[k]), NUMC_FLOAT64);
            if (result == NULL)
                fail_msg("%s", numc_error_message(contexts[k]));
            count = (size_t)numc_array_size(result);
            assert_true(count <= MOST);
            assert_int_equal(numc_to_host(result, NUMC_FLOAT64, answers[k], count * sizeof(double)), NUMC_OK);
        }
    }
    for (size_t i = 0; i < count; i++)
        largest = fmax(largest, fabs(answers[0][i]));
    for (size_t i = 0; i < count; i++)
        if (!(fabs(answers[0][i] - answers[1][i]) <= tolerance * largest))
            fail_msg("element %zu: %.17g instead of %.17g", i, answers[1][i], answers[0][i]);
}

#define VALUES(seed, ...) values(c, NUMC_SHAPE(__VA_ARGS__), seed)

static numc_array *sum_of_all(numc_context *c) { return numc_sum(VALUES(1, N)); }
static numc_array *first_of_largest(numc_context *c) { return numc_argmax(VALUES(2, N)); }
static numc_array *long_rows(numc_context *c) { return numc_sum(VALUES(3, 3, 9001), NUMC_AXES(1)); }
static numc_array *many_columns(numc_context *c) { return numc_max(VALUES(4, 90, 700), NUMC_AXES(0)); }
static numc_array *strided(numc_context *c) { return numc_add(VALUES(5, 130, 201), numc_matrix_transpose(VALUES(6, 201, 130))); }

static void kernels(void **state)
{
    (void)state;
    agree(sum_of_all, 0.0);
    agree(first_of_largest, 0.0);
    agree(long_rows, 0.0);
    agree(many_columns, 0.0);
    agree(strided, 0.0);
}

/* Sums of at most 9001 products below 2^18: exact in any order. */
static numc_array *tiles(numc_context *c) { return numc_matmul(VALUES(1, 70, 37), VALUES(2, 37, 101)); }
static numc_array *turned(numc_context *c) { return numc_matmul(numc_matrix_transpose(VALUES(1, 40, 70)), numc_matrix_transpose(VALUES(2, 90, 40))); }
static numc_array *few_and_long(numc_context *c) { return numc_matmul(numc_matrix_transpose(VALUES(3, 9001, 3)), VALUES(4, 9001, 2)); }
static numc_array *rows_by_vector(numc_context *c) { return numc_matmul(VALUES(5, 200, 300), VALUES(6, 300)); }
static numc_array *batches(numc_context *c) { return numc_matmul(VALUES(7, 30, 5, 6), VALUES(8, 30, 6, 7)); }

static void products(void **state)
{
    (void)state;
    agree(tiles, 0.0);
    agree(turned, 0.0);
    agree(few_and_long, 0.0);
    agree(rows_by_vector, 0.0);
    agree(batches, 0.0);
}

static numc_array *sorted(numc_context *c) { return numc_sort(VALUES(1, 3, 5003)); }
static numc_array *places(numc_context *c) { return numc_argsort(VALUES(2, 3, 5003), .descending = true); }
static numc_array *running(numc_context *c) { return numc_cumulative_sum(VALUES(3, N)); }
static numc_array *indices(numc_context *c) { return numc_remainder(numc_arange(c, NUMC_INT64, 0, 20000, 1), 17); }
static numc_array *taken(numc_context *c) { return numc_take(VALUES(4, 17, 3), indices(c), NUMC_AXIS(0)); }
static numc_array *added(numc_context *c)
{
    return numc_scatter_add(numc_zeros(c, NUMC_FLOAT64, NUMC_SHAPE(17)), indices(c), VALUES(5, 20000), 0);
}
static numc_array *found(numc_context *c) { return numc_searchsorted(numc_sort(VALUES(6, 3001)), VALUES(7, 500)); }

static void order(void **state)
{
    (void)state;
    agree(sorted, 0.0);
    agree(places, 0.0);
    agree(running, 0.0);
    agree(taken, 0.0);
    agree(added, 0.0);
    agree(found, 0.0);
}

/* Diagonally dominant matrices of 60: condition below 4, so errors are a few n eps, 60 x 2.2e-16. */
static numc_array *matrices(numc_context *c)
{
    numc_array *m = numc_divide(VALUES(1, 5, 60, 60), 65536.0);
    return numc_add(numc_add(m, numc_matrix_transpose(m)), numc_eye(c, NUMC_FLOAT64, 60, 60, 0));
}
static numc_array *factor(numc_context *c) { return numc_linalg_cholesky(matrices(c)); }
static numc_array *inverse(numc_context *c) { return numc_linalg_cho_inv(factor(c)); }
static numc_array *solution(numc_context *c) { return numc_linalg_solve(matrices(c), VALUES(2, 5, 60, 20)); }

static void factorisations(void **state)
{
    (void)state;
    agree(factor, 1e-13);
    agree(inverse, 1e-13);
    agree(solution, 1e-13);
}

/* Of more than 256, by blocks: rows and columns in no multiple of them. The same conditions, 260 x 2.2e-16. One whose last leaf is not
 * positive definite is NaN in its lower triangle; a solve with a zero on the diagonal is NaN, as on ref. */
static numc_array *large(numc_context *c)
{
    numc_array *m = numc_divide(VALUES(1, 260, 260), 262144.0);
    return numc_add(numc_add(m, numc_matrix_transpose(m)), numc_eye(c, NUMC_FLOAT64, 260, 260, 0));
}
static numc_array *large_factor(numc_context *c) { return numc_linalg_cholesky(large(c)); }
static numc_array *large_inverse(numc_context *c) { return numc_linalg_cho_inv(large_factor(c)); }
static numc_array *large_solution(numc_context *c) { return numc_linalg_solve(large(c), VALUES(2, 260, 20)); }
static numc_array *large_general(numc_context *c) /* with pivots: rows in another order */
{
    return numc_linalg_solve(numc_flip(large(c), NUMC_AXES(0)), VALUES(3, 260));
}
static numc_array *last(numc_context *c) { return numc_where(numc_less(numc_arange(c, NUMC_FLOAT64, 0, 260, 1), 255.0), 0.0, 1.0); }
static numc_array *large_indefinite(numc_context *c)
{
    numc_array *m = numc_subtract(large(c), numc_multiply(numc_eye(c, NUMC_FLOAT64, 260, 260, 0), numc_multiply(last(c), 9.0)));
    return numc_isnan(numc_linalg_cholesky(m));
}
static numc_array *large_singular(numc_context *c)
{
    numc_array *t = numc_multiply(numc_tril(large(c), 0), numc_subtract(1.0, last(c)));
    return numc_isnan(numc_linalg_triangular_solve(t, VALUES(4, 260, 3)));
}

static void large_matrices(void **state)
{
    (void)state;
    agree(large_factor, 1e-12);
    agree(large_inverse, 1e-12);
    agree(large_solution, 1e-12);
    agree(large_general, 1e-12);
    agree(large_indefinite, 0.0);
    agree(large_singular, 0.0);
}

static void too_much_memory_is_an_error_that_leaves_the_context(void **state)
{
    (void)state;
    numc_scope(contexts[1])
    {
        enum { SIDE = 1 << 19 };
        numc_array *line = numc_arange(contexts[1], NUMC_FLOAT64, 0, SIDE, 1);
        assert_null(numc_add(numc_reshape(line, NUMC_SHAPE(SIDE, 1)), line)); /* 2 TiB */
        assert_int_equal(numc_error_status(contexts[1]), NUMC_MEMORY);
        assert_non_null(strstr(numc_error_message(contexts[1]), "can still be used"));
        numc_error_clear(contexts[1]);
    }
    agree(sum_of_all, 0.0);
}

enum { ARRAYS = 600 };

static void add_all(numc_context *c, const numc_array *const *in, int32_t count, numc_array **out, int32_t outputs, void *user)
{
    (void)c, (void)outputs, (void)user;
    *out = numc_multiply(in[0], 1.0);
    for (int32_t i = 1; i < count; i++)
        *out = numc_add(*out, in[i]);
}

/* 600 addresses are more than the 4 KiB of arguments that a device has at most: such a kernel runs on the host, and that is counted. */
static void kernels_of_more_arrays_than_arguments_are_the_hosts(void **state)
{
    (void)state;
    for (int k = 0; k < 2; k++)
        numc_scope(contexts[k])
        {
            const numc_array *in[ARRAYS];
            numc_array *out = NULL;
            numc_statistics before, after;
            for (int i = 0; i < ARRAYS; i++)
                in[i] = values(contexts[k], NUMC_SHAPE(3), i);
            numc_function *function = numc_function_trace(contexts[k], add_all, NULL, in, ARRAYS, 1);
            assert_int_equal(numc_statistics_get(contexts[k], &before), NUMC_OK);
            if (numc_function_call(contexts[k], function, in, ARRAYS, &out, 1) != NUMC_OK)
                fail_msg("%s", numc_error_message(contexts[k]));
            assert_int_equal(numc_to_host(out, NUMC_FLOAT64, answers[k], 3 * sizeof(double)), NUMC_OK);
            assert_int_equal(numc_statistics_get(contexts[k], &after), NUMC_OK);
            assert_int_equal(after.fallbacks - before.fallbacks, k);
            numc_function_free(function);
        }
    assert_memory_equal(answers[0], answers[1], 3 * sizeof(double));
}

int main(int count, char **words)
{
    if (count != 2) {
        fprintf(stderr, "usage: %s BACKEND\n", words[0]);
        return 2;
    }
    setenv("NUMC_GPU_SOLO", "0", 1);
    contexts[0] = numc_open(&(numc_options){.backend = "ref"});
    contexts[1] = numc_open(&(numc_options){.backend = words[1]});
    int status = 77;
    if (numc_from_host(contexts[1], NUMC_FLOAT64, NUMC_SHAPE(2), ((const double[]){1, 2})) == NULL) { /* the first that needs the device */
        bool absent = numc_error_status(contexts[1]) == NUMC_BACKEND; /* no driver, or no device: whatever else fails is an error */
        printf("%s: %s\n", absent ? "skipped" : "failed", numc_error_message(contexts[1]));
        status = absent ? 77 : 1;
    } else {
        const struct CMUnitTest tests[] = {
            cmocka_unit_test(kernels),
            cmocka_unit_test(products),
            cmocka_unit_test(order),
            cmocka_unit_test(factorisations),
            cmocka_unit_test(large_matrices),
            cmocka_unit_test(kernels_of_more_arrays_than_arguments_are_the_hosts),
            cmocka_unit_test(too_much_memory_is_an_error_that_leaves_the_context),
        };
        status = cmocka_run_group_tests(tests, NULL, NULL);
    }
    numc_close(contexts[0]);
    numc_close(contexts[1]);
    return status;
}
