/* test_standard.c - functions of the array API standard that compose others: values against plain loops, edges and refusals.
 * Their traces, gradients and failing allocations are also tested with all others, through subjects.h. */
#include "fixture.h"

#include "../base/sweep.h"
#include "numc/function.h"

static void assert_expected(const numc_array *x, const double *expected, int64_t size, const char *what)
{
    assert_values_within(x, expected, size, 0, what); /* small whole numbers: exact */
}

/* (2, 3, 4), backwards along every axis: negative strides. */
static numc_array *backwards(numc_context *context, numc_dtype dtype)
{
    return numc_flip(counting(context, dtype, NUMC_SHAPE(2, 3, 4)), (numc_axes){0});
}

static void tensordot_sums_over_pairs(void **state)
{
    numc_context *context = *state;
    const numc_dtype dtypes[] = {NUMC_INT32, NUMC_UINT8, NUMC_INT64, NUMC_FLOAT32, NUMC_FLOAT64};
    for (size_t k = 0; k < sizeof dtypes / sizeof *dtypes; k++) {
        numc_array *a = backwards(context, dtypes[k]), *b = counting(context, dtypes[k], NUMC_SHAPE(4, 3, 2));
        double expected[6 * 6] = {0};
        for (int i = 0; i < 2; i++)
            for (int j = 0; j < 3; j++)
                for (int m = 0; m < 3; m++)
                    for (int n = 0; n < 2; n++)
                        for (int q = 0; q < 4; q++)
                            expected[((i * 3 + j) * 3 + m) * 2 + n] +=
                                (23 - ((i * 3 + j) * 4 + q)) * (double)((q * 3 + m) * 2 + n);
        double pairs[4] = {0};
        for (int i = 0; i < 2; i++)
            for (int n = 0; n < 2; n++)
                for (int j = 0; j < 3; j++)
                    for (int q = 0; q < 4; q++)
                        pairs[i * 2 + n] += (23 - ((i * 3 + j) * 4 + q)) * (double)((q * 3 + j) * 2 + n);
        if (dtypes[k] == NUMC_UINT8) { /* wraps */
            for (int i = 0; i < 36; i++)
                expected[i] = fmod(expected[i], 256);
            for (int i = 0; i < 4; i++)
                pairs[i] = fmod(pairs[i], 256);
        }
        numc_array *one = numc_tensordot(a, b, 1);
        assert_shape(one, 4, (const int64_t[]){2, 3, 3, 2});
        assert_int_equal(numc_array_dtype(one), dtypes[k]);
        assert_expected(one, expected, 36, "tensordot 1");
        assert_expected(numc_tensordot_axes(a, b, NUMC_AXES(1, -1), NUMC_AXES(-2, 0)), pairs, 4, "tensordot pairs");
    }
    numc_array *v = counting(context, NUMC_FLOAT64, NUMC_SHAPE(2));
    assert_values(numc_tensordot(v, numc_add(v, 2), 0), 0, 0, 2, 3);
    assert_values(numc_tensordot_axes(v, numc_add(v, 2), NUMC_NO_AXES, NUMC_NO_AXES), 0, 0, 2, 3);
    assert_values(numc_tensordot(v, v, 1), 1);
    assert_values(numc_tensordot(numc_number(context, NUMC_INT32, 3), v, 0), 0, 3);
    numc_array *thin = numc_zeros(context, NUMC_FLOAT64, NUMC_SHAPE(2, 0));
    assert_values(numc_tensordot(thin, numc_matrix_transpose(thin), 1), 0, 0, 0, 0);
    assert_ok(context);
    assert_null(numc_tensordot(v, v, 2));
    assert_error(context, NUMC_SHAPE, "numc_tensordot");
    assert_null(numc_tensordot(v, v, -1));
    assert_error(context, NUMC_SHAPE, "numc_tensordot");
    assert_null(numc_tensordot(v, counting(context, NUMC_FLOAT64, NUMC_SHAPE(3)), 1));
    assert_error(context, NUMC_SHAPE, "size 2 with axis 0 of size 3");
    assert_null(numc_tensordot_axes(v, v, NUMC_AXES(1), NUMC_AXES(0)));
    assert_error(context, NUMC_INDEX, "numc_tensordot");
    numc_array *m = numc_zeros(context, NUMC_FLOAT64, NUMC_SHAPE(2, 2));
    assert_null(numc_tensordot_axes(m, m, NUMC_AXES(0, 0), NUMC_AXES(0, 1)));
    assert_error(context, NUMC_INVALID_ARGUMENT, "twice");
    assert_null(numc_tensordot_axes(m, m, NUMC_AXES(0), NUMC_AXES(0, 1)));
    assert_error(context, NUMC_SHAPE, "1 axes with 2");
    assert_null(numc_tensordot(numc_equal(v, v), numc_equal(v, v), 1));
    assert_error(context, NUMC_DTYPE, "bool");
    assert_null(numc_tensordot(NULL, NULL, 1));
    int64_t ones[17];
    for (int i = 0; i < 17; i++)
        ones[i] = 1;
    numc_array *deep = numc_ones(context, NUMC_FLOAT64, ((numc_shape){ones, 17, true}));
    assert_null(numc_tensordot(deep, deep, 0));
    assert_error(context, NUMC_SHAPE, "rank 34");
}

static void differences_along_an_axis(void **state)
{
    numc_context *context = *state;
    const double data[6] = {1, 4, 9, 2, 2, -5};
    numc_array *x = numc_from_host(context, NUMC_FLOAT64, NUMC_SHAPE(2, 3), data);
    assert_values(numc_diff(x), 3, 5, 0, -7);
    assert_values(numc_diff(x, NUMC_AXIS(0)), 1, -2, -14);
    assert_values(numc_diff(x, .n = 2), 2, -7);
    assert_values(numc_diff(numc_flip(x, NUMC_AXES(1))), -5, -3, 7, 0);
    numc_array *gone = numc_diff(x, .n = INT64_MAX);
    assert_shape(gone, 2, (const int64_t[]){2, 0});
    numc_array *edge = numc_zeros(context, NUMC_INT32, NUMC_SHAPE(2, 1));
    assert_values(numc_diff(x, .prepend = edge, .append = edge), 1, 3, 5, -9, 2, 0, -7, 5);
    assert_int_equal(numc_array_dtype(numc_diff(edge, NUMC_AXIS(0))), NUMC_INT32);
    numc_array *flags = numc_diff(numc_greater(x, 3));
    assert_int_equal(numc_array_dtype(flags), NUMC_BOOL);
    assert_values(flags, 1, 0, 0, 0);
    assert_values((numc_diff)(x, NULL), 3, 5, 0, -7);
    assert_ok(context);
    assert_null(numc_diff(x, .n = -1));
    assert_error(context, NUMC_VALUE, "-1 differences");
    assert_null(numc_diff(x, NUMC_AXIS(2)));
    assert_error(context, NUMC_INDEX, "numc_diff");
    assert_null(numc_diff(numc_number(context, NUMC_FLOAT64, 1)));
    assert_error(context, NUMC_INDEX, "numc_diff");
    assert_null(numc_diff(x, .prepend = numc_zeros(context, NUMC_FLOAT64, NUMC_SHAPE(3, 1))));
    assert_error(context, NUMC_SHAPE, "differ");
    assert_null(numc_diff((numc_array *)NULL));
}

static void several_results(void **state)
{
    numc_context *context = *state;
    numc_array *x = backwards(context, NUMC_INT16), *parts[4], *none = numc_zeros(context, NUMC_FLOAT64, NUMC_SHAPE(2, 0));
    assert_int_equal(numc_unstack(x, 1, parts, 3), NUMC_OK);
    for (int j = 0; j < 3; j++) {
        double expected[8];
        for (int i = 0; i < 2; i++)
            for (int q = 0; q < 4; q++)
                expected[i * 4 + q] = 23 - ((i * 3 + j) * 4 + q);
        assert_shape(parts[j], 2, (const int64_t[]){2, 4});
        assert_int_equal(numc_array_dtype(parts[j]), NUMC_INT16);
        assert_expected(parts[j], expected, 8, "unstack");
    }
    assert_int_equal(numc_unstack(none, 1, NULL, 0), NUMC_OK);
    assert_int_equal(numc_unstack(x, 1, parts, 4), NUMC_SHAPE);
    assert_null(parts[0]);
    assert_error(context, NUMC_SHAPE, "4 results for axis 1 of size 3");
    assert_int_equal(numc_unstack(x, 3, parts, 2), NUMC_INDEX);
    numc_error_clear(context);
    assert_int_equal(numc_unstack(x, 0, NULL, 2), NUMC_INVALID_ARGUMENT);
    numc_error_clear(context);
    assert_int_equal(numc_unstack(NULL, 0, parts, 2), NUMC_INVALID_ARGUMENT);

    const numc_array *three[3] = {counting(context, NUMC_INT32, NUMC_SHAPE(2, 1)), counting(context, NUMC_FLOAT64, NUMC_SHAPE(3)),
                                  numc_number(context, NUMC_BOOL, (bool)1)};
    assert_int_equal(numc_broadcast_arrays(three, 3, parts), NUMC_OK);
    assert_values(parts[0], 0, 0, 0, 1, 1, 1);
    assert_values(parts[1], 0, 1, 2, 0, 1, 2);
    assert_values(parts[2], 1, 1, 1, 1, 1, 1);
    assert_int_equal(numc_array_dtype(parts[0]), NUMC_INT32);
    assert_int_equal(numc_array_dtype(parts[2]), NUMC_BOOL);
    assert_int_equal(numc_broadcast_arrays(NULL, 0, NULL), NUMC_OK);
    assert_int_equal(numc_broadcast_arrays(NULL, 2, parts), NUMC_INVALID_ARGUMENT);
    three[2] = counting(context, NUMC_INT32, NUMC_SHAPE(4));
    assert_int_equal(numc_broadcast_arrays(three, 3, parts), NUMC_SHAPE);
    assert_null(parts[1]);
    assert_error(context, NUMC_SHAPE, "[2, 3] and [4]");

    assert_int_equal(numc_meshgrid(three + 1, 2, parts), NUMC_OK);
    assert_shape(parts[0], 2, (const int64_t[]){4, 3});
    assert_values(parts[0], 0, 1, 2, 0, 1, 2, 0, 1, 2, 0, 1, 2);
    assert_values(parts[1], 0, 0, 0, 1, 1, 1, 2, 2, 2, 3, 3, 3);
    assert_int_equal(numc_meshgrid(three + 1, 2, parts, .matrix = true), NUMC_OK);
    assert_shape(parts[1], 2, (const int64_t[]){3, 4});
    assert_values(parts[0], 0, 0, 0, 0, 1, 1, 1, 1, 2, 2, 2, 2);
    assert_values(parts[1], 0, 1, 2, 3, 0, 1, 2, 3, 0, 1, 2, 3);
    assert_int_equal(numc_meshgrid(three + 2, 1, parts), NUMC_OK);
    assert_values(parts[0], 0, 1, 2, 3);
    const numc_array *cube[3] = {three[1], numc_zeros(context, NUMC_FLOAT64, NUMC_SHAPE(2)), three[2]};
    assert_int_equal(numc_meshgrid(cube, 3, parts), NUMC_OK);
    assert_shape(parts[2], 3, (const int64_t[]){2, 3, 4});
    assert_values(numc_index(parts[2], NUMC_AT(1), NUMC_AT(2)), 0, 1, 2, 3);
    assert_int_equal(numc_meshgrid(three, 2, parts), NUMC_SHAPE);
    assert_error(context, NUMC_SHAPE, "rank 2, not 1");
}

static void dtypes_described(void **state)
{
    (void)state;
    assert_true(numc_isdtype(NUMC_UINT16, NUMC_KINDS_INTEGRAL));
    assert_false(numc_isdtype(NUMC_BOOL, NUMC_KINDS_NUMERIC));
    assert_true(numc_isdtype(NUMC_COMPLEX64, NUMC_KINDS_NUMERIC));
    assert_true(numc_isdtype(NUMC_BOOL, NUMC_KIND_BOOL | NUMC_KIND_REAL));
    assert_false(numc_isdtype(NUMC_DTYPE_DEFAULT, NUMC_KINDS_NUMERIC | NUMC_KIND_BOOL));
    assert_true(numc_finfo(NUMC_FLOAT64).eps == ldexp(1, -52));
    assert_true(numc_finfo(NUMC_FLOAT64).smallest_normal == ldexp(1, -1022));
    assert_true(numc_finfo(NUMC_COMPLEX64).max == ldexp(1 - ldexp(1, -24), 128));
    assert_int_equal(numc_finfo(NUMC_COMPLEX64).dtype, NUMC_FLOAT32);
    assert_int_equal(numc_finfo(NUMC_INT32).bits, 0);
    assert_true(numc_iinfo(NUMC_INT8).min == -128 && numc_iinfo(NUMC_INT8).max == 127 && numc_iinfo(NUMC_INT8).bits == 8);
    assert_true(numc_iinfo(NUMC_INT64).min == INT64_MIN && numc_iinfo(NUMC_INT64).max == INT64_MAX);
    assert_true(numc_iinfo(NUMC_UINT64).min == 0 && numc_iinfo(NUMC_UINT64).max == UINT64_MAX);
    assert_true(numc_iinfo(NUMC_UINT16).max == 65535);
    assert_int_equal(numc_iinfo(NUMC_BOOL).dtype, NUMC_DTYPE_DEFAULT);
}

static void where_not_zero(void **state)
{
    numc_context *context = *state;
    const double data[6] = {0, 2, -0.0, NAN, 0, 5};
    numc_array *x = numc_from_host(context, NUMC_FLOAT64, NUMC_SHAPE(2, 3), data), *at[2];
    assert_int_equal(numc_nonzero(x, at, 2), NUMC_OK);
    assert_int_equal(numc_array_dtype(at[0]), NUMC_INT64);
    assert_values(at[0], 0, 1, 1);
    assert_values(at[1], 1, 0, 2);
    assert_int_equal(numc_nonzero(numc_matrix_transpose(numc_flip(x, NUMC_AXES(0))), at, 2), NUMC_OK);
    assert_values(at[0], 0, 1, 2);
    assert_values(at[1], 0, 1, 0);
    assert_int_equal(numc_nonzero(numc_zeros(context, NUMC_INT8, NUMC_SHAPE(3, 0)), at, 2), NUMC_OK);
    assert_int_equal(numc_array_size(at[1]), 0);
    assert_int_equal(numc_nonzero(x, at, 1), NUMC_SHAPE);
    assert_error(context, NUMC_SHAPE, "1 results for an array of rank 2");
    assert_int_equal(numc_nonzero(numc_number(context, NUMC_INT32, 1), at, 0), NUMC_SHAPE);
    assert_error(context, NUMC_SHAPE, "rank 0");
    assert_int_equal(numc_nonzero(NULL, at, 2), NUMC_INVALID_ARGUMENT);
}

static void distinct_values(void **state)
{
    numc_context *context = *state;
    const double data[8] = {3, 0.0, NAN, -0.0, 3, NAN, -1, 3};
    numc_array *x = numc_from_host(context, NUMC_FLOAT64, NUMC_SHAPE(2, 4), data);
    numc_unique u = numc_unique_all(x);
    assert_ok(context);
    assert_values(u.values, -1, 0, 3, NAN, NAN);
    assert_values(u.indices, 6, 1, 0, 2, 5);
    assert_values(u.counts, 1, 2, 3, 1, 1);
    assert_shape(u.inverse_indices, 2, (const int64_t[]){2, 4});
    assert_values(u.inverse_indices, 2, 1, 3, 1, 2, 4, 0, 2);
    numc_unique c = numc_unique_counts(x), i = numc_unique_inverse(x);
    assert_null(c.indices);
    assert_null(c.inverse_indices);
    assert_null(i.counts);
    assert_values(c.counts, 1, 2, 3, 1, 1);
    assert_values(i.inverse_indices, 2, 1, 3, 1, 2, 4, 0, 2);
    assert_values(numc_unique_values(numc_flip(x, (numc_axes){0})), -1, 0, 3, NAN, NAN);
    assert_values(numc_unique_all(numc_number(context, NUMC_INT64, 7)).inverse_indices, 0);
    const bool flags[3] = {true, false, true};
    numc_unique b = numc_unique_all(numc_from_host(context, NUMC_BOOL, NUMC_SHAPE(3), flags));
    assert_int_equal(numc_array_dtype(b.values), NUMC_BOOL);
    assert_values(b.values, 0, 1);
    assert_values(b.indices, 1, 0);
    numc_unique e = numc_unique_all(numc_zeros(context, NUMC_UINT8, NUMC_SHAPE(0, 2)));
    assert_ok(context);
    assert_int_equal(numc_array_dtype(e.values), NUMC_UINT8);
    assert_int_equal(numc_array_size(e.values), 0);
    assert_int_equal(numc_array_dtype(e.counts), NUMC_INT64);
    assert_shape(e.inverse_indices, 2, (const int64_t[]){0, 2});

    enum { N = 500, DISTINCT = 17 }; /* against a plain loop */
    int32_t many[N];
    double counts[DISTINCT] = {0};
    uint64_t seed = 3;
    for (int k = 0; k < N; k++) {
        many[k] = (int32_t)(next_random(&seed) % DISTINCT);
        counts[many[k]]++;
    }
    u = numc_unique_all(numc_from_host(context, NUMC_INT32, NUMC_SHAPE(N), many));
    assert_expected(u.counts, counts, DISTINCT, "counts");
    double back[N];
    for (int k = 0; k < N; k++)
        back[k] = many[k];
    assert_expected(numc_take(u.values, u.inverse_indices), back, N, "values[inverse]");
    assert_null(numc_unique_values(NULL));
}

static void membership(void **state)
{
    numc_context *context = *state;
    const double data[6] = {0.0, 1, NAN, 5, 2, 7}, set[4] = {5, -0.0, NAN, 1};
    numc_array *x = numc_from_host(context, NUMC_FLOAT64, NUMC_SHAPE(2, 3), data);
    numc_array *s = numc_from_host(context, NUMC_FLOAT64, NUMC_SHAPE(2, 2), set);
    assert_values(numc_isin(x, s), 1, 1, 0, 1, 0, 0);
    assert_values(numc_isin(x, s, .invert = true), 0, 0, 1, 0, 1, 1);
    assert_values(numc_isin(numc_flip(x, NUMC_AXES(1)), s), 0, 1, 1, 0, 0, 1);
    assert_values(numc_isin(numc_number(context, NUMC_INT32, 5), s), 1);
    assert_values(numc_isin(counting(context, NUMC_UINT8, NUMC_SHAPE(3)), counting(context, NUMC_INT16, NUMC_SHAPE(2))), 1, 1, 0);
    assert_values(numc_isin(numc_greater(x, 1), numc_equal(s, 9)), 1, 1, 1, 0, 0, 0);
    assert_values(numc_isin(x, numc_zeros(context, NUMC_FLOAT64, NUMC_SHAPE(0))), 0, 0, 0, 0, 0, 0);
    assert_int_equal(numc_array_size(numc_isin(numc_zeros(context, NUMC_FLOAT64, NUMC_SHAPE(0)), s)), 0);
    assert_ok(context);
    assert_null(numc_isin(numc_zeros(context, NUMC_UINT64, NUMC_SHAPE(1)), numc_zeros(context, NUMC_INT8, NUMC_SHAPE(1))));
    assert_error(context, NUMC_DTYPE, "numc_isin");
    assert_null(numc_isin((numc_array *)NULL, s));
    numc_error_clear(context);
}

static void traces_and_crosses(void **state)
{
    numc_context *context = *state;
    numc_array *x = counting(context, NUMC_INT32, NUMC_SHAPE(2, 3, 4)), *y = numc_flip(x, NUMC_AXES(2));
    for (int64_t offset = -4; offset <= 5; offset++) {
        double expected[6], flipped[6], sums[2] = {0, 0};
        int64_t k = 0, size = 0;
        for (int b = 0; b < 2; b++)
            for (int i = 0; i < 3; i++) {
                int64_t j = i + offset;
                if (j < 0 || j > 3)
                    continue;
                expected[k] = (double)(b * 12 + i * 4 + j);
                flipped[k++] = (double)(b * 12 + i * 4 + 3 - j);
                sums[b] += (double)(b * 12 + i * 4 + j);
                size += b == 0;
            }
        assert_shape(numc_linalg_diagonal(x, offset), 2, (const int64_t[]){2, size});
        assert_expected(numc_linalg_diagonal(x, offset), expected, k, "diagonal");
        assert_expected(numc_linalg_diagonal(y, offset), flipped, k, "diagonal of flipped");
        assert_expected(numc_linalg_trace(x, offset), sums, 2, "trace");
    }
    assert_int_equal(numc_array_dtype(numc_linalg_trace(x, 0)), NUMC_INT64);
    assert_int_equal(numc_array_size(numc_linalg_diagonal(x, INT64_MIN)), 0);
    assert_int_equal(numc_array_size(numc_linalg_diagonal(x, INT64_MAX)), 0);
    assert_ok(context);
    assert_null(numc_linalg_trace(counting(context, NUMC_INT32, NUMC_SHAPE(2)), 0));
    assert_error(context, NUMC_SHAPE, "numc_linalg_trace");

    const double a[6] = {1, 2, 3, -1, 0, 2}, b[3] = {4, -5, 6};
    numc_array *u = numc_from_host(context, NUMC_FLOAT64, NUMC_SHAPE(2, 3), a), *v = numc_from_host(context, NUMC_FLOAT64, NUMC_SHAPE(3), b);
    assert_values(numc_linalg_cross(u, v, -1), 27, 6, -13, 10, 14, 5);
    assert_values(numc_linalg_cross(numc_matrix_transpose(u), numc_reshape(v, NUMC_SHAPE(3, 1)), 0), 27, 10, 6, 14, -13, 5);
    assert_null(numc_linalg_cross(u, v, 0));
    assert_error(context, NUMC_INDEX, "count from the end");
    assert_null(numc_linalg_cross(u, u, 0));
    assert_error(context, NUMC_SHAPE, "not 3");
    assert_null(numc_linalg_cross(u, v, 2));
    assert_error(context, NUMC_INDEX, "numc_linalg_cross");
}

static void powers_and_norms(void **state)
{
    numc_context *context = *state;
    const int32_t step[4] = {1, 1, 1, 0};
    numc_array *f = numc_from_host(context, NUMC_INT32, NUMC_SHAPE(2, 2), step); /* of Fibonacci's numbers */
    assert_values(numc_linalg_matrix_power(f, 10), 89, 55, 55, 34);
    assert_values(numc_linalg_matrix_power(f, 1), 1, 1, 1, 0);
    assert_values(numc_linalg_matrix_power(f, 0), 1, 0, 0, 1);
    assert_int_equal(numc_array_dtype(numc_linalg_matrix_power(f, 7)), NUMC_INT32);
    assert_values(numc_linalg_matrix_power(f, -3), -1, 2, 2, -3); /* LU of ones and zeros: exact */
    assert_ok(context);
    assert_null(numc_linalg_matrix_power(counting(context, NUMC_INT32, NUMC_SHAPE(2, 3)), 2));
    assert_error(context, NUMC_SHAPE, "square");
    assert_null(numc_linalg_matrix_power(numc_equal(f, 1), 2));
    assert_error(context, NUMC_DTYPE, "bool");

    const double data[6] = {3, -4, 0, 12, -5, 0};
    numc_array *x = numc_from_host(context, NUMC_FLOAT64, NUMC_SHAPE(3, 2), data);
    assert_values(numc_linalg_vector_norm(x, NUMC_AXES(1)), 5, 12, 5);
    assert_values(numc_linalg_vector_norm(x, NUMC_AXES(1), .order = NUMC_ORDER(1)), 7, 12, 5);
    assert_values(numc_linalg_vector_norm(x, NUMC_AXES(0), .order = NUMC_ORDER(0)), 2, 2);
    assert_values(numc_linalg_vector_norm(x, .order = NUMC_ORDER(INFINITY)), 12);
    assert_values(numc_linalg_vector_norm(x, NUMC_AXES(1), .order = NUMC_ORDER(-INFINITY)), 3, 0, 0);
    const double cubes[1] = {pow(27 + 64 + 1728 + 125, 1.0 / 3)};
    /* a sum, a power and 6 cubes, each within a few units of 2^-53 */
    assert_values_within(numc_linalg_vector_norm(x, .order = NUMC_ORDER(3)), cubes, 1, 1e-14, "order 3");
    numc_array *kept = numc_linalg_vector_norm(numc_astype(x, NUMC_INT16), .keepdims = true, .order = NUMC_ORDER(1));
    assert_shape(kept, 2, (const int64_t[]){1, 1});
    assert_int_equal(numc_array_dtype(kept), numc_default_float(context));
    assert_values(numc_linalg_vector_norm(numc_number(context, NUMC_FLOAT32, -2)), 2);
    assert_values(numc_linalg_vector_norm(numc_zeros(context, NUMC_FLOAT64, NUMC_SHAPE(0))), 0);
    assert_ok(context);
    assert_null(numc_linalg_vector_norm(x, .order = NUMC_ORDER(NAN)));
    assert_error(context, NUMC_VALUE, "NaN");
    assert_null(numc_linalg_vector_norm(x, .order = {1, false}));
    assert_error(context, NUMC_INVALID_ARGUMENT, "NUMC_ORDER");
    assert_null(numc_linalg_vector_norm(x, NUMC_AXES(2)));
    assert_error(context, NUMC_INDEX, "axis 2");

    assert_values(numc_linalg_matrix_norm(x, NUMC_ORDER_COLUMN), 16);
    assert_values(numc_linalg_matrix_norm(x, NUMC_ORDER_ROW), 12);
    assert_values(numc_linalg_matrix_norm(numc_flip(x, NUMC_AXES(0)), NUMC_ORDER_COLUMN_LEAST), 8);
    assert_values(numc_linalg_matrix_norm(x, NUMC_ORDER_ROW_LEAST), 5);
    const double root[1] = {sqrt(9 + 16 + 144 + 25)};
    assert_values_within(numc_linalg_matrix_norm(x), root, 1, 1e-15, "Frobenius"); /* an exact sum, one root */
    assert_shape(numc_linalg_matrix_norm(x, .keepdims = true), 2, (const int64_t[]){1, 1});
    assert_ok(context);
    assert_null(numc_linalg_matrix_norm(numc_index(x, NUMC_AT(0))));
    assert_error(context, NUMC_SHAPE, "rank 1");
    assert_null(numc_linalg_matrix_norm(x, (numc_matrix_order)9));
    assert_error(context, NUMC_INVALID_ARGUMENT, "order 9");
}

static void trace_sets(numc_context *context, const numc_array *const *inputs, int32_t input_count, numc_array **outputs,
                       int32_t output_count, void *user)
{
    (void)context;
    (void)input_count;
    (void)output_count;
    numc_array *at[1];
    if (*(const int *)user == 0)
        outputs[0] = numc_unique_all(inputs[0]).values;
    else
        outputs[0] = numc_nonzero(inputs[0], at, 1) == NUMC_OK ? at[0] : NULL;
}

static void traces_are_told_what_to_use(void **state)
{
    numc_context *context = *state;
    const numc_array *x = counting(context, NUMC_FLOAT64, NUMC_SHAPE(3));
    int which = 0;
    assert_null(numc_function_trace(context, trace_sets, &which, &x, 1, 1));
    assert_error(context, NUMC_TRACE, "numc_sort");
    which = 1;
    assert_null(numc_function_trace(context, trace_sets, &which, &x, 1, 1));
    assert_error(context, NUMC_TRACE, "numc_where");
}

static void the_dead_are_named(void **state)
{
    numc_context *context = *state;
    const numc_array *gone = NULL;
    numc_array *results[2] = {NULL, NULL};
    numc_scope(context) gone = counting(context, NUMC_FLOAT64, NUMC_SHAPE(2));
    const numc_array *list[2] = {numc_zeros(context, NUMC_FLOAT64, NUMC_SHAPE(2)), gone};
    assert_int_equal(numc_unstack(gone, 0, results, 2), NUMC_DEAD_ARRAY);
    assert_error(context, NUMC_DEAD_ARRAY, "numc_unstack");
    assert_int_equal(numc_broadcast_arrays(list, 2, results), NUMC_DEAD_ARRAY);
    assert_error(context, NUMC_DEAD_ARRAY, "numc_broadcast_arrays");
    assert_int_equal(numc_meshgrid(list, 2, results), NUMC_DEAD_ARRAY);
    assert_error(context, NUMC_DEAD_ARRAY, "numc_meshgrid");
    assert_int_equal(numc_nonzero(gone, results, 1), NUMC_DEAD_ARRAY);
    assert_error(context, NUMC_DEAD_ARRAY, "numc_nonzero");
    assert_null(numc_unique_all(gone).values);
    assert_error(context, NUMC_DEAD_ARRAY, "numc_unique_all");
    assert_null(numc_tensordot(list[0], gone, 1));
    assert_error(context, NUMC_DEAD_ARRAY, "numc_tensordot");
}

static double several(numc_context *context, void *user)
{
    (void)user;
    const double data[6] = {3, 0, 1, 3, 0, 2};
    numc_array *x = numc_from_host(context, NUMC_FLOAT64, NUMC_SHAPE(2, 3), data);
    numc_array *parts[3], *at[2], *wide[2], *grid[2];
    numc_unique u = numc_unique_all(x);
    double total = numc_item(numc_add(numc_sum(u.values), numc_add(numc_sum(u.indices), numc_sum(u.counts))));
    total += numc_item(numc_sum(numc_multiply(u.inverse_indices, x)));
    if (numc_unstack(x, 1, parts, 3) == NUMC_OK)
        total += 10 * numc_item(numc_sum(parts[2]));
    if (numc_nonzero(x, at, 2) == NUMC_OK)
        total += 100 * numc_item(numc_sum(at[1]));
    const numc_array *both[2] = {x, u.values == NULL ? NULL : numc_index(u.values, NUMC_SLICE(0, 3))};
    if (numc_broadcast_arrays(both, 2, wide) == NUMC_OK)
        total += 1000 * numc_item(numc_sum(wide[1]));
    const numc_array *lines[2] = {u.values, u.values};
    if (numc_meshgrid(lines, 2, grid) == NUMC_OK)
        total += 10000 * numc_item(numc_sum(grid[1]));
    return total;
}

static void allocations_may_fail(void **state)
{
    (void)state;
    sweep_allocations("several results", several, NULL, 10);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(tensordot_sums_over_pairs), TEST(differences_along_an_axis), TEST(several_results), TEST(dtypes_described),
        TEST(where_not_zero), TEST(distinct_values), TEST(membership), TEST(traces_and_crosses), TEST(powers_and_norms),
        TEST(traces_are_told_what_to_use), TEST(the_dead_are_named),
        cmocka_unit_test(allocations_may_fail),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
