/* test_reduce.c - reductions against loops over random shapes and axes, their options, edge cases and errors. */
#include "fixture.h"

static double combine(int operation, double a, double b)
{
    return operation == 0 ? a + b : operation == 1 ? a * b : operation == 2 ? (a > b ? a : b) : (a < b ? a : b);
}

static void reductions_equal_loops(void **state)
{
    numc_context *context = *state;
    static const double start[4] = {0, 1, -INFINITY, INFINITY};
    uint64_t seed = 7;
    for (int round = 0; round < 300; round++) {
        numc_scope(context)
        {
            int32_t rank = (int32_t)(next_random(&seed) % 5);
            int64_t shape[5], order[5], axes[5], kept[5], size = 1, result_size = 1;
            bool reduced[5];
            for (int32_t d = 0; d < rank; d++) {
                shape[d] = 1 + next_random(&seed) % 5;
                order[d] = d;
                size *= shape[d];
            }
            for (int32_t d = rank - 1; d > 0; d--) { /* a random permutation makes odd strides */
                int64_t other = next_random(&seed) % (uint32_t)(d + 1), swap = order[d];
                order[d] = order[other];
                order[other] = swap;
            }
            numc_array *x = numc_permute_dims(
                numc_add(numc_remainder(counting(context, NUMC_FLOAT64, ((numc_shape){shape, rank, true})), 5), -2),
                ((numc_axes){order, rank, true}));
            if (next_random(&seed) % 2 == 0)
                x = numc_flip(x, ((numc_axes){NULL, 0, false}));
            const int64_t *now = numc_array_shape(x);
            int32_t axis_count = 0;
            for (int32_t d = 0; d < rank; d++) {
                reduced[d] = next_random(&seed) % 2 == 0;
                if (reduced[d])
                    axes[axis_count++] = next_random(&seed) % 2 == 0 ? d : d - rank;
                kept[d] = reduced[d] ? 1 : now[d];
                result_size *= kept[d];
            }
            double *values = values_of(x), *expected = malloc((size_t)result_size * sizeof *expected);
            for (int operation = 0; operation < 4; operation++) {
                for (int64_t i = 0; i < result_size; i++)
                    expected[i] = start[operation];
                for (int64_t i = 0; i < size; i++) {
                    int64_t rest = i, at = 0, step = 1;
                    for (int32_t d = rank - 1; d >= 0; d--) {
                        at += reduced[d] ? 0 : rest % now[d] * step;
                        rest /= now[d];
                        step *= kept[d];
                    }
                    expected[at] = combine(operation, expected[at], values[i]);
                }
                numc_axes which = {axes, axis_count, true};
                numc_array *y = operation == 0   ? numc_sum(x, which, .keepdims = true)
                                : operation == 1 ? numc_prod(x, which, .keepdims = true)
                                : operation == 2 ? numc_max(x, which, .keepdims = true)
                                                 : numc_min(x, which, .keepdims = true);
                assert_ok(context);
                assert_shape(y, rank, kept);
                /* whole numbers below 2^53 are exact in any order */
                assert_values_within(y, expected, result_size, 0, "reduction");
            }
            free(values);
            free(expected);
        }
    }
}

static void options_and_dtypes(void **state)
{
    numc_context *context = *state;
    numc_array *x = counting(context, NUMC_INT8, NUMC_SHAPE(2, 3));
    assert_int_equal(numc_array_dtype(numc_sum(x)), NUMC_INT64);
    assert_int_equal(numc_array_dtype(numc_sum(numc_astype(x, NUMC_UINT16))), NUMC_UINT64);
    assert_int_equal(numc_array_dtype(numc_sum(numc_astype(x, NUMC_FLOAT32))), NUMC_FLOAT32);
    assert_int_equal(numc_array_dtype(numc_sum(x, .dtype = NUMC_FLOAT32)), NUMC_FLOAT32);
    assert_int_equal(numc_array_dtype(numc_max(x)), NUMC_INT8);
    assert_int_equal(numc_array_dtype(numc_mean(x)), NUMC_FLOAT64);
    assert_values(numc_sum(x, NUMC_AXES(-1)), 3, 12);
    assert_values(numc_sum(x, NUMC_NO_AXES), 0, 1, 2, 3, 4, 5);
    assert_values(numc_mean(x, NUMC_AXES(0)), 1.5, 2.5, 3.5);
    assert_values(numc_var(x, NUMC_AXES(1)), 2.0 / 3, 2.0 / 3);
    assert_values(numc_var(x, NUMC_AXES(1), .correction = 1), 1, 1);
    assert_values(numc_std(x, NUMC_AXES(1), .correction = 1), 1, 1);
    assert_true(isnan(numc_item(numc_var(x, .correction = 6))));
    assert_values(numc_count_nonzero(x, NUMC_AXES(1)), 2, 3);
    assert_values(numc_all(x, NUMC_AXES(1)), 0, 1);
    assert_values(numc_any(x, NUMC_AXES(1)), 1, 1);
    assert_values(numc_argmax(x, NUMC_AXIS(1)), 2, 2);
    assert_values(numc_argmin(x), 0);
    assert_values(numc_argmax(x, NUMC_AXIS(0), .keepdims = true), 1, 1, 1);
    assert_shape(numc_argmax(x, NUMC_AXIS(0), .keepdims = true), 2, (const int64_t[]){1, 3});
    assert_null(numc_sum(x, NUMC_AXES(2)));
    assert_error(context, NUMC_INDEX, "numc_sum: axis 2 is out of bounds for an array of rank 2");
    assert_null(numc_sum(x, NUMC_AXES(0, -2)));
    assert_error(context, NUMC_INVALID_ARGUMENT, "axis 0 is given twice");
    struct {
        numc_reduce_options known;
        int64_t future;
    } longer = {.known.size = sizeof longer, .future = 1};
    assert_null((numc_sum)(x, &longer.known));
    assert_error(context, NUMC_INVALID_ARGUMENT, "does not know");
}

static void empty_arrays(void **state)
{
    numc_context *context = *state;
    numc_array *x = numc_zeros(context, NUMC_FLOAT64, NUMC_SHAPE(0, 3));
    assert_values(numc_sum(x, NUMC_AXES(0)), 0, 0, 0);
    assert_values(numc_prod(x), 1);
    assert_values(numc_all(x), 1);
    assert_values(numc_any(x), 0);
    assert_true(isnan(numc_item(numc_mean(x))));
    assert_values(numc_logsumexp(x, NUMC_AXES(0)), -INFINITY, -INFINITY, -INFINITY);
    assert_shape(numc_max(x, NUMC_AXES(1)), 1, (const int64_t[]){0});
    assert_null(numc_max(x, NUMC_AXES(0)));
    assert_error(context, NUMC_VALUE, "numc_max: axis 0 of float64[0, 3] is empty");
    assert_null(numc_argmin(x));
    assert_error(context, NUMC_VALUE, "numc_argmin");
    assert_ok(context);
}

static void logsumexp_meets_infinity(void **state)
{
    numc_context *context = *state;
    const double inf = INFINITY;
    const double rows[5][3] = {{-inf, -inf, -inf}, {0, -inf, 0}, {inf, 0, -inf}, {1000, 1000, 1000}, {-1000, -1001, -1002}};
    numc_array *y = numc_logsumexp(numc_from_host(context, NUMC_FLOAT64, NUMC_SHAPE(5, 3), rows), NUMC_AXES(1));
    const double expected[5] = {-inf, log(2), inf, 1000 + log(3), -1000 + log(1 + exp(-1) + exp(-2))};
    /* exp, sum of three and log: some units in the last place of a number up to 1000 */
    assert_values_within(y, expected, 5, 4e-16, "logsumexp");
}

static void nan_wins(void **state)
{
    numc_context *context = *state;
    const double values[4] = {1, NAN, 3, 2};
    numc_array *x = numc_from_host(context, NUMC_FLOAT64, NUMC_SHAPE(4), values);
    assert_true(isnan(numc_item(numc_max(x))) && isnan(numc_item(numc_min(x))));
    assert_values(numc_argmax(x, NUMC_AXIS(0)), 1);
    assert_values(numc_argsort(x, NUMC_AXIS(0)), 0, 3, 2, 1);
    assert_values(numc_argsort(x, NUMC_AXIS(0), .descending = true), 2, 3, 0, 1);
}

static void cumulative_options(void **state)
{
    numc_context *context = *state;
    const int8_t values[6] = {100, 100, 2, 3, 0, 5};
    numc_array *x = numc_from_host(context, NUMC_INT8, NUMC_SHAPE(2, 3), values), *row = numc_index(x, NUMC_AT(1));
    assert_values(numc_cumulative_sum(row), 3, 3, 8);
    assert_int_equal(numc_array_dtype(numc_cumulative_sum(row)), NUMC_INT64);
    assert_values(numc_cumulative_sum(row, .include_initial = true), 0, 3, 3, 8);
    assert_values(numc_cumulative_prod(row, .include_initial = true), 1, 3, 0, 0);
    numc_array *y = numc_cumulative_sum(x, NUMC_AXIS(0), .include_initial = true, .dtype = NUMC_FLOAT32);
    assert_values(y, 0, 0, 0, 100, 100, 2, 103, 100, 7);
    assert_shape(y, 2, (const int64_t[]){3, 3});
    assert_int_equal(numc_array_dtype(y), NUMC_FLOAT32);
    assert_int_equal(numc_array_dtype(numc_cumulative_prod(x, NUMC_AXIS(0), .include_initial = true)), NUMC_INT64);
    /* int8 wraps around: 100 + 100 - 256 */
    assert_values(numc_cumulative_sum(x, NUMC_AXIS(1), .dtype = NUMC_INT8), 100, -56, -54, 3, 3, 8);
    assert_values(numc_cumulative_sum(numc_zeros(context, NUMC_FLOAT64, NUMC_SHAPE(0)), .include_initial = true), 0);
    assert_null(numc_cumulative_sum(x));
    assert_error(context, NUMC_INVALID_ARGUMENT, "numc_cumulative_sum: an array of rank 2 needs an axis");
    assert_null(numc_cumulative_prod(x, NUMC_AXIS(2)));
    assert_error(context, NUMC_INDEX, "numc_cumulative_prod: axis 2 is out of bounds");
    assert_null(numc_sort(x, {.value = 1}));
    assert_error(context, NUMC_INVALID_ARGUMENT, "numc_sort: a number where an axis belongs; write NUMC_AXIS(1)");
    assert_null(numc_argmax(x, {.value = -1}));
    assert_error(context, NUMC_INVALID_ARGUMENT, "write NUMC_AXIS(-1)");
    assert_null(numc_sort(numc_sum(x)));
    assert_error(context, NUMC_INDEX, "numc_sort: axis -1 is out of bounds");
    assert_values((numc_sort)(row, NULL), 0, 3, 5);
    assert_values(numc_argsort(row, .descending = true, .unstable = true), 2, 0, 1);
    struct {
        numc_sort_options known;
        int64_t future;
    } longer = {.known.size = sizeof longer, .future = 1};
    assert_null((numc_argsort)(row, &longer.known));
    assert_error(context, NUMC_INVALID_ARGUMENT, "does not know");
    assert_ok(context);
}

static void order_and_scans(void **state)
{
    numc_context *context = *state;
    const int32_t values[6] = {3, 1, 2, 2, 0, 2};
    numc_array *x = numc_from_host(context, NUMC_INT32, NUMC_SHAPE(2, 3), values);
    assert_values(numc_sort(x, NUMC_AXIS(-1)), 1, 2, 3, 0, 2, 2);
    assert_values(numc_sort(x, NUMC_AXIS(0), .descending = true), 3, 1, 2, 2, 0, 2);
    assert_values(numc_argsort(x, NUMC_AXIS(1), .descending = true), 0, 2, 1, 0, 2, 1);
    assert_values(numc_cumulative_sum(x, NUMC_AXIS(1)), 3, 4, 6, 2, 2, 4);
    assert_values(numc_cumulative_sum(x, NUMC_AXIS(0)), 3, 1, 2, 5, 1, 4);
    assert_values(numc_cumulative_prod(x, NUMC_AXIS(1)), 3, 3, 6, 2, 0, 0);
    numc_array *sorted = numc_arange(context, NUMC_FLOAT64, 0, 4, 1);
    numc_array *found = numc_searchsorted(sorted, numc_from_host(context, NUMC_INT32, NUMC_SHAPE(2, 3), values));
    assert_values(found, 3, 1, 2, 2, 0, 2);
    numc_array *wanted = numc_from_host(context, NUMC_INT32, NUMC_SHAPE(2, 3), values);
    assert_values(numc_searchsorted(sorted, wanted, .right = true), 4, 2, 3, 3, 1, 3);
    numc_array *back = numc_flip(sorted, NUMC_AXES(0));
    assert_values(numc_searchsorted(back, wanted, .sorter = numc_argsort(back)), 3, 1, 2, 2, 0, 2);
    assert_null(numc_searchsorted(sorted, wanted, .sorter = wanted));
    assert_error(context, NUMC_SHAPE, "a sorter of shape [2, 3] for 4 values");
    assert_values(numc_sort(numc_greater(x, 1)), 0, 1, 1, 0, 1, 1);
    assert_int_equal(numc_array_dtype(numc_sort(numc_greater(x, 1))), NUMC_BOOL);
    assert_ok(context);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(reductions_equal_loops), TEST(options_and_dtypes), TEST(empty_arrays), TEST(logsumexp_meets_infinity),
        TEST(nan_wins),               TEST(order_and_scans),
        TEST(cumulative_options),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
