/* test_details.c - the array standard's finer points: numbers where arrays may stand, lists of axes, exact ranges, dtype options,
 * in-place operators, inspection. Expected values are the standard's, worked out by hand. */
#include "fixture.h"

#include "numc/linalg.h"

static void ranges_are_exact(void **state)
{
    numc_context *context = *state;
    int64_t values[3];
    numc_array *x = numc_arange(context, NUMC_DTYPE_DEFAULT, INT64_MAX - 2, INT64_MAX, 1); /* not a double apart */
    assert_int_equal(numc_array_dtype(x), NUMC_INT64);
    assert_int_equal(numc_to_host(x, NUMC_INT64, values, 16), NUMC_OK);
    assert_true(values[0] == INT64_MAX - 2 && values[1] == INT64_MAX - 1);
    x = numc_arange(context, NUMC_INT64, INT64_MAX, INT64_MIN, -INT64_MAX); /* a distance of 2^64 - 1 */
    assert_int_equal(numc_array_size(x), 3);
    assert_int_equal(numc_to_host(x, NUMC_INT64, values, 24), NUMC_OK);
    assert_true(values[0] == INT64_MAX && values[1] == 0 && values[2] == -INT64_MAX);
    assert_int_equal(numc_array_size(numc_arange(context, NUMC_INT64, 5, 5, 1)), 0);
    assert_int_equal(numc_array_size(numc_arange(context, NUMC_INT64, 5, 4, 1)), 0);
    assert_int_equal(numc_array_size(numc_arange(context, NUMC_INT64, 4, 5, -1)), 0);
    assert_int_equal(numc_array_dtype(numc_arange(context, NUMC_DTYPE_DEFAULT, 0, 3.0, 1)), numc_default_float(context));
    assert_values(numc_arange(context, NUMC_UINT8, 250, 256, 2), 250, 252, 254);
    assert_values(numc_arange(context, NUMC_FLOAT32, 1, 0, -0.25), 1, 0.75, 0.5, 0.25);
    assert_values(numc_arange(context, NUMC_FLOAT64, 0, 7, 3), 0, 3, 6);
    assert_values(numc_linspace(context, NUMC_DTYPE_DEFAULT, 0, 1, 5), 0, 0.25, 0.5, 0.75, 1);
    assert_values(numc_linspace(context, NUMC_FLOAT32, 0, 1.0, 4, .open_end = true), 0, 0.25, 0.5, 0.75);
    assert_values(numc_linspace(context, NUMC_INT16, 0, -9, 4), 0, -3, -6, -9);
    assert_values(numc_linspace(context, NUMC_FLOAT64, 3, 7, 1), 3);
    assert_int_equal(numc_array_size(numc_linspace(context, NUMC_FLOAT64, 3, 7, 0)), 0);
    assert_ok(context);
    assert_null(numc_arange(context, NUMC_UINT8, 250, 257, 1));
    assert_error(context, NUMC_VALUE, "256 does not fit uint8");
    assert_null(numc_arange(context, NUMC_INT64, 0, 5, 0));
    assert_error(context, NUMC_VALUE, "make no range");
    assert_null(numc_arange(context, NUMC_INT64, INT64_MIN, INT64_MAX, 1));
    assert_error(context, NUMC_MEMORY, "too many");
    assert_null(numc_arange(context, NUMC_FLOAT64, 0, numc_ones(context, NUMC_FLOAT64, NUMC_SCALAR), 1));
    assert_error(context, NUMC_INVALID_ARGUMENT, "an array where a number belongs");
    assert_null(numc_linspace(context, NUMC_FLOAT64, numc_ones(context, NUMC_FLOAT64, NUMC_SCALAR), 1, 3));
    assert_error(context, NUMC_INVALID_ARGUMENT, "an array where a number belongs");
}

/* Long enough to be made in several pieces, or by several workers. */
static void long_ranges(void **state)
{
    numc_context *context = *state;
    enum { COUNT = 10007 };
    static double values[COUNT];
    static float singles[COUNT];
    static int64_t wholes[COUNT];
    static int16_t few[COUNT];
    assert_int_equal(numc_to_host(numc_linspace(context, NUMC_FLOAT64, -0.3, 7.1, COUNT), NUMC_FLOAT64, values, sizeof values), NUMC_OK);
    double step = (7.1 - -0.3) / (COUNT - 1);
    for (int i = 0; i < COUNT - 1; i++) {
        double scaled = (double)i * step; /* two roundings, not contracted: -std=c11 */
        assert_true(values[i] == -0.3 + scaled);
    }
    assert_true(values[COUNT - 1] == 7.1);
    assert_int_equal(numc_to_host(numc_arange(context, NUMC_FLOAT32, 0.1, 0.1 + COUNT * 0.25, 0.25), NUMC_FLOAT32, singles, sizeof singles), NUMC_OK);
    for (int i = 0; i < COUNT; i++)
        assert_true(singles[i] == (float)(0.1 + (double)i * 0.25));
    const int64_t first = INT64_MIN + 5, by = INT64_MAX / COUNT * 2;
    assert_int_equal(numc_to_host(numc_arange(context, NUMC_INT64, first, first + by * (COUNT / 2) + by * (COUNT / 2) + 1, by), NUMC_INT64, wholes, sizeof wholes), NUMC_OK);
    for (int i = 0; i < COUNT; i++)
        assert_true(wholes[i] == (int64_t)((uint64_t)first + (uint64_t)i * (uint64_t)by));
    assert_int_equal(numc_to_host(numc_arange(context, NUMC_INT16, 5000, 5000 - COUNT, -1), NUMC_INT16, few, sizeof few), NUMC_OK);
    for (int i = 0; i < COUNT; i++)
        assert_int_equal(few[i], 5000 - i);
    assert_values(numc_linspace(context, NUMC_FLOAT64, -1e308, 1e308, 3), -1e308, 0, 1e308); /* a distance beyond double */
    assert_ok(context);
}

/* uint64 holds whole numbers that int64 does not: C's unsigned numbers are exact there. */
static void numbers_beyond_int64(void **state)
{
    numc_context *context = *state;
    uint64_t values[4];
    numc_array *x = numc_full(context, NUMC_UINT64, NUMC_SHAPE(2), UINT64_MAX - 1);
    x = numc_add(x, 1u);
    assert_int_equal(numc_to_host(x, NUMC_UINT64, values, 16), NUMC_OK);
    assert_true(values[0] == UINT64_MAX);
    assert_values(numc_equal(x, UINT64_MAX), 1, 1);
    const uint64_t most = UINT64_MAX;
    assert_null(numc_arange(context, NUMC_INT64, most - 2, most, 1)); /* as doubles the ends are one */
    assert_error(context, NUMC_VALUE, "18446744073709551613 does not fit int64");
    assert_int_equal(numc_to_host(numc_arange(context, NUMC_UINT64, 0, most, most - 1), NUMC_UINT64, values, 16), NUMC_OK);
    assert_true(values[0] == 0 && values[1] == most - 1);
    assert_values(numc_arange(context, NUMC_INT64, 3, most, most), 3);
    assert_null(numc_arange(context, NUMC_INT64, -1, most, most));
    assert_error(context, NUMC_VALUE, "negative numbers and numbers beyond int64");
    assert_values(numc_subtract(UINT64_MAX, x), 0, 0);
    assert_values(numc_subtract(x, UINT64_C(0xfffffffffffffff0)), 15, 15);
    assert_values(numc_isin(x, UINT64_MAX), 1, 1);
    assert_int_equal(numc_array_dtype(numc_asarray(context, NUMC_DTYPE_DEFAULT, UINT64_MAX)), NUMC_UINT64);
    assert_int_equal(numc_array_dtype(numc_asarray(context, NUMC_DTYPE_DEFAULT, sizeof(int))), NUMC_INT64);
    assert_values(numc_multiply(numc_ones(context, NUMC_FLOAT64, NUMC_SCALAR), UINT64_C(1) << 63), 0x1p63);
    numc_array *ramp = numc_arange(context, NUMC_DTYPE_DEFAULT, UINT64_MAX - 5, UINT64_MAX, 2);
    assert_int_equal(numc_array_dtype(ramp), NUMC_UINT64);
    assert_int_equal(numc_to_host(ramp, NUMC_UINT64, values, 24), NUMC_OK);
    assert_true(values[0] == UINT64_MAX - 5 && values[2] == UINT64_MAX - 1);
    assert_int_equal(numc_to_host(numc_arange(context, NUMC_UINT64, UINT64_MAX, 5, INT64_MIN), NUMC_UINT64, values, 16), NUMC_OK);
    assert_true(values[0] == UINT64_MAX && values[1] == UINT64_MAX >> 1);
    assert_values(numc_arange(context, NUMC_FLOAT64, 0, UINT64_C(3) << 62, UINT64_C(1) << 63), 0, 0x1p63);
    assert_ok(context);
    assert_null(numc_add(numc_ones(context, NUMC_INT64, NUMC_SHAPE(2)), UINT64_MAX));
    assert_error(context, NUMC_VALUE, "18446744073709551615 does not fit int64");
    assert_null(numc_arange(context, NUMC_INT64, 0, UINT64_MAX, INT64_MAX));
    assert_error(context, NUMC_VALUE, "does not fit int64");
}

static void created_like_another(void **state)
{
    numc_context *context = *state;
    numc_array *x = counting(context, NUMC_INT16, NUMC_SHAPE(2, 2));
    assert_int_equal(numc_array_dtype(numc_zeros_like(x)), NUMC_INT16);
    assert_int_equal(numc_array_dtype(numc_zeros_like(x, NUMC_FLOAT32)), NUMC_FLOAT32);
    assert_int_equal(numc_array_dtype(numc_ones_like(x, .dtype = NUMC_BOOL)), NUMC_BOOL);
    assert_values(numc_ones_like(x), 1, 1, 1, 1);
    assert_shape(numc_empty_like(x, NUMC_UINT8), 2, (const int64_t[]){2, 2});
    assert_int_equal(numc_array_dtype(numc_empty_like(x, NUMC_UINT8)), NUMC_UINT8);
    assert_values(numc_full_like(x, 0.5, .dtype = NUMC_FLOAT64), 0.5, 0.5, 0.5, 0.5);
    assert_values(numc_full_like(x, 7), 7, 7, 7, 7);
    assert_values((numc_zeros_like)(x, NULL), 0, 0, 0, 0);
    assert_values(numc_asarray(context, NUMC_DTYPE_DEFAULT, 5), 5);
    assert_int_equal(numc_array_dtype(numc_asarray(context, NUMC_DTYPE_DEFAULT, 5)), NUMC_INT64);
    assert_int_equal(numc_array_dtype(numc_asarray(context, NUMC_DTYPE_DEFAULT, x)), NUMC_INT16);
    assert_int_equal(numc_array_dtype(numc_asarray(context, NUMC_FLOAT32, x)), NUMC_FLOAT32);
    assert_values(numc_asarray(context, NUMC_UINT8, x), 0, 1, 2, 3);
    assert_ok(context);
    assert_null(numc_full_like(x, 0.5));
    assert_error(context, NUMC_VALUE, "0.5 does not fit int16");
    assert_null(numc_full_like(x, 40000));
    assert_error(context, NUMC_VALUE, "does not fit");
}

static void common_types(void **state)
{
    numc_context *context = *state;
    numc_array *x = counting(context, NUMC_INT16, NUMC_SHAPE(2)), *weak = numc_number(context, NUMC_DTYPE_DEFAULT, 2.5);
    const numc_dtype dtypes[] = {NUMC_INT8, NUMC_UINT8};
    const numc_operand operands[] = {numc_operand_array(x), numc_operand_integer(3), numc_operand_real(0.5), numc_operand_array(weak)};
    assert_int_equal(numc_result_type(context, dtypes, 2, NULL, 0), NUMC_INT16);
    assert_int_equal(numc_result_type(context, dtypes + 1, 1, operands, 2), NUMC_INT16);
    assert_int_equal(numc_result_type(context, NULL, 0, operands, 3), numc_default_float(context));
    assert_int_equal(numc_result_type(context, (const numc_dtype[]){NUMC_FLOAT32}, 1, operands, 4), NUMC_FLOAT32);
    assert_int_equal(numc_result_type(context, (const numc_dtype[]){NUMC_BOOL}, 1, operands + 1, 1), NUMC_INT64);
    assert_int_equal(numc_result_type(context, (const numc_dtype[]){NUMC_FLOAT64, NUMC_COMPLEX64}, 2, NULL, 0), NUMC_COMPLEX128);
    assert_ok(context);
    assert_int_equal(numc_result_type(context, (const numc_dtype[]){NUMC_UINT64, NUMC_INT8}, 2, NULL, 0), NUMC_DTYPE_DEFAULT);
    assert_error(context, NUMC_DTYPE, "uint64 and int8 have no common dtype");
    assert_int_equal(numc_result_type(context, NULL, 0, operands + 1, 2), NUMC_DTYPE_DEFAULT);
    assert_error(context, NUMC_INVALID_ARGUMENT, "one array or dtype");
    assert_int_equal(numc_result_type(context, NULL, 1, NULL, 0), NUMC_DTYPE_DEFAULT);
    assert_error(context, NUMC_INVALID_ARGUMENT, "no list");
}

static void lists_of_axes(void **state)
{
    numc_context *context = *state;
    numc_array *x = counting(context, NUMC_INT32, NUMC_SHAPE(2, 3, 4));
    assert_shape(numc_moveaxis(x, NUMC_AXES(0, 1), NUMC_AXES(-1, 0)), 3, (const int64_t[]){3, 4, 2});
    assert_shape(numc_moveaxis(x, NUMC_AXES(2), NUMC_AXES(0)), 3, (const int64_t[]){4, 2, 3});
    assert_shape(numc_moveaxis(x, NUMC_NO_AXES, NUMC_NO_AXES), 3, (const int64_t[]){2, 3, 4});
    assert_shape(numc_moveaxis(x, 2, 1), 3, (const int64_t[]){2, 4, 3});
    assert_values(numc_index(numc_moveaxis(x, NUMC_AXES(0, 2), NUMC_AXES(2, 0)), NUMC_AT(1), NUMC_AT(2)), 9, 21);
    assert_shape(numc_permute_dims(x, NUMC_AXES(-1, 0, -2)), 3, (const int64_t[]){4, 2, 3});
    assert_shape(numc_expand_dims(x, NUMC_AXES(0, -1)), 5, (const int64_t[]){1, 2, 3, 4, 1});
    numc_array *line = counting(context, NUMC_INT32, NUMC_SHAPE(2, 3));
    assert_values(numc_roll(line, 1, NUMC_FLATTEN), 5, 0, 1, 2, 3, 4);
    assert_values(numc_roll(line, -7, NUMC_FLATTEN), 1, 2, 3, 4, 5, 0);
    assert_shape(numc_roll(line, 2, NUMC_FLATTEN), 2, (const int64_t[]){2, 3});
    assert_values(numc_roll(line, NUMC_SHAPE(1, 1), NUMC_AXES(0, 1)), 5, 3, 4, 2, 0, 1);
    assert_values(numc_roll(line, NUMC_SHAPE(1), NUMC_AXES(0, 1)), 5, 3, 4, 2, 0, 1);
    assert_values(numc_roll(line, NUMC_SHAPE(1, 1), NUMC_AXES(1, -1)), 1, 2, 0, 4, 5, 3);
    assert_values(numc_roll(numc_number(context, NUMC_INT32, 4), 3, NUMC_FLATTEN), 4);
    const numc_array *mixed[] = {line, numc_full(context, NUMC_FLOAT32, NUMC_SCALAR, 0.5), numc_zeros(context, NUMC_INT8, NUMC_SHAPE(0, 4))};
    assert_values(numc_concat(mixed, 3, NUMC_FLATTEN), 0, 1, 2, 3, 4, 5, 0.5);
    assert_int_equal(numc_array_dtype(numc_concat(mixed, 3, NUMC_FLATTEN)), NUMC_FLOAT32);
    assert_ok(context);
    assert_null(numc_moveaxis(x, NUMC_AXES(0, 0), NUMC_AXES(1, 2)));
    assert_error(context, NUMC_INVALID_ARGUMENT, "twice");
    assert_null(numc_moveaxis(x, NUMC_AXES(0, 1), NUMC_AXES(1)));
    assert_error(context, NUMC_SHAPE, "2 axes to 1 places");
    assert_null(numc_moveaxis(x, NUMC_AXES(3), NUMC_AXES(1)));
    assert_error(context, NUMC_INDEX, "numc_moveaxis");
    assert_null(numc_roll(x, NUMC_SHAPE(1, 2), NUMC_AXES(0, 1, 2)));
    assert_error(context, NUMC_SHAPE, "2 shifts for 3 axes");
    assert_null(numc_roll(x, NUMC_SHAPE(1), ((numc_axes){0})));
    assert_error(context, NUMC_SHAPE, "1 shifts for 0 axes");
    assert_null(numc_expand_dims(x, NUMC_AXES(0, 0)));
    assert_error(context, NUMC_INVALID_ARGUMENT, "twice");
    assert_null(numc_expand_dims(x, NUMC_AXES(5)));
    assert_error(context, NUMC_INDEX, "numc_expand_dims");
    assert_null(numc_squeeze(x, NUMC_AXES(0)));
    assert_error(context, NUMC_SHAPE, "not 1");
}

static numc_array *whole(numc_context *context, numc_dtype dtype, int64_t count, const int64_t *values)
{
    return numc_astype(numc_from_host(context, NUMC_INT64, NUMC_SHAPE(count), values), dtype);
}

static void repeats_of_their_own(void **state)
{
    numc_context *context = *state;
    numc_array *x = counting(context, NUMC_FLOAT32, NUMC_SHAPE(2, 3));
    numc_array *three = whole(context, NUMC_UINT8, 3, (const int64_t[]){2, 0, 1}), *two = whole(context, NUMC_INT32, 2, (const int64_t[]){0, 2});
    assert_values(numc_repeat(x, three, NUMC_AXIS(1)), 0, 0, 2, 3, 3, 5);
    assert_values(numc_repeat(x, two, NUMC_AXIS(-2)), 3, 4, 5, 3, 4, 5);
    assert_values(numc_repeat(x, whole(context, NUMC_INT64, 6, (const int64_t[]){0, 0, 3, 0, 1, 0}), NUMC_NO_AXIS), 2, 2, 2, 4);
    assert_values(numc_repeat(x, whole(context, NUMC_INT8, 1, (const int64_t[]){2}), NUMC_AXIS(0)), 0, 1, 2, 0, 1, 2, 3, 4, 5, 3, 4, 5);
    assert_values(numc_repeat(numc_number(context, NUMC_INT32, 7), numc_number(context, NUMC_INT32, 2), NUMC_NO_AXIS), 7, 7);
    assert_shape(numc_repeat(x, numc_zeros(context, NUMC_INT64, NUMC_SHAPE(3)), NUMC_AXIS(1)), 2, (const int64_t[]){2, 0});
    numc_array *none = numc_zeros(context, NUMC_INT64, NUMC_SHAPE(0));
    assert_shape(numc_repeat(numc_zeros(context, NUMC_BOOL, NUMC_SHAPE(2, 0)), none, NUMC_AXIS(1)), 2, (const int64_t[]){2, 0});
    assert_ok(context);
    assert_null(numc_repeat(x, two, NUMC_AXIS(1)));
    assert_error(context, NUMC_SHAPE, "2 repeats for 3 elements");
    assert_null(numc_repeat(x, whole(context, NUMC_INT64, 2, (const int64_t[]){-1, 2}), NUMC_AXIS(0)));
    assert_error(context, NUMC_VALUE, "negative");
    assert_null(numc_repeat(x, whole(context, NUMC_INT64, 2, (const int64_t[]){INT64_MAX, INT64_MAX}), NUMC_AXIS(0)));
    assert_error(context, NUMC_MEMORY, "too many");
    assert_null(numc_repeat(x, x, NUMC_NO_AXIS));
    assert_error(context, NUMC_SHAPE, "rank 2");
    assert_null(numc_repeat(x, numc_equal(two, 0), NUMC_AXIS(0)));
    assert_error(context, NUMC_DTYPE, "bool");
    assert_null(numc_repeat(x, 2, ((numc_axis){1, false})));
    assert_error(context, NUMC_INVALID_ARGUMENT, "write NUMC_AXIS(1)");
}

static void numbers_among_arrays(void **state)
{
    numc_context *context = *state;
    numc_array *x = whole(context, NUMC_INT32, 4, (const int64_t[]){1, 3, 3, 7});
    assert_values(numc_searchsorted(x, 3), 1);
    assert_int_equal(numc_array_rank(numc_searchsorted(x, 3)), 0);
    assert_values(numc_searchsorted(x, 3, .right = true), 3);
    assert_values(numc_searchsorted(x, 6.5), 3);
    assert_values(numc_searchsorted(x, NUMC_NAN), 4);
    numc_array *order = whole(context, NUMC_INT64, 4, (const int64_t[]){3, 1, 2, 0});
    assert_values(numc_searchsorted(numc_flip(x, NUMC_AXES(0)), 3, .sorter = order), 1);
    numc_array *cube = numc_reshape(numc_arange(context, NUMC_INT64, 0, 8, 1), NUMC_SHAPE(2, 1, 2, 2));
    assert_values(numc_searchsorted(x, cube), 0, 0, 1, 1, 3, 3, 3, 3);
    assert_shape(numc_searchsorted(x, cube), 4, (const int64_t[]){2, 1, 2, 2});
    assert_values(numc_isin(x, 3), 0, 1, 1, 0);
    assert_values(numc_isin(x, 3, .invert = true), 1, 0, 0, 1);
    assert_values(numc_isin(7, x), 1);
    assert_values(numc_isin(2.5, x), 0);
    assert_ok(context);
    assert_null(numc_isin_(numc_operand_integer(1), numc_operand_integer(2), NULL));
    assert_null(numc_searchsorted(cube, 3));
    assert_error(context, NUMC_SHAPE, "rank 4, not 1");
    assert_null(numc_searchsorted(whole(context, NUMC_UINT64, 1, (const int64_t[]){1}), x));
    assert_error(context, NUMC_DTYPE, "no common dtype");
    assert_values(numc_clip(x, 2, 5), 2, 3, 3, 5);
    assert_values(numc_clip(x, -NUMC_INF, 5), 1, 3, 3, 5);
    assert_int_equal(numc_array_dtype(numc_clip(x, 2, NUMC_INF)), NUMC_INT32);
    assert_values(numc_clip(x, x, numc_reshape(numc_arange(context, NUMC_INT32, 4, 6, 1), NUMC_SHAPE(2, 1))), 1, 3, 3, 4, 1, 3, 3, 5);
    const double special[3] = {NAN, -INFINITY, 0.5};
    numc_array *f = numc_from_host(context, NUMC_FLOAT64, NUMC_SHAPE(3), special);
    assert_values(numc_clip(f, -1, 0.25), NAN, -1, 0.25);
    assert_values(numc_clip(f, NUMC_NAN, 1), NAN, NAN, NAN);
    assert_ok(context);
}

static void options_that_do_not_apply(void **state)
{
    numc_context *context = *state;
    numc_array *x = counting(context, NUMC_INT8, NUMC_SHAPE(2, 2));
    assert_int_equal(numc_array_dtype(numc_mean(x, .dtype = NUMC_FLOAT32)), NUMC_FLOAT32);
    assert_int_equal(numc_array_dtype(numc_var(x, .dtype = NUMC_FLOAT32)), NUMC_FLOAT32);
    assert_int_equal(numc_array_dtype(numc_sum(x, .dtype = NUMC_INT8)), NUMC_INT8);
    assert_values(numc_var(x, .correction = 0.5), 5 / 3.5);
    assert_values(numc_var(x, .correction = 4), NAN);
    assert_values(numc_std(x, NUMC_AXES(0), .correction = 7.25), NAN, NAN);
    assert_ok(context);
    assert_null(numc_max(x, .dtype = NUMC_FLOAT32));
    assert_error(context, NUMC_INVALID_ARGUMENT, "no dtype can be chosen");
    assert_null(numc_sum(x, .correction = 1));
    assert_error(context, NUMC_INVALID_ARGUMENT, "correction");
    assert_null(numc_mean(x, .dtype = NUMC_INT32));
    assert_error(context, NUMC_DTYPE, "int32");
    assert_null(numc_cumulative_sum(numc_reshape(x, NUMC_SHAPE(-1)), .dtype = NUMC_BOOL));
    assert_error(context, NUMC_DTYPE, "bool");
}

/* A write in place makes no buffer: the memory in use stays what it was. */
static void in_place(void **state)
{
    numc_context *context = *state;
    numc_array *x = numc_add(counting(context, NUMC_FLOAT32, NUMC_SHAPE(2, 3)), 0), *old = x;
    numc_statistics before, after;
    assert_int_equal(numc_statistics_get(context, &before), NUMC_OK);
    assert_int_equal(numc_add_assign(&x, 1), NUMC_OK);
    assert_int_equal(numc_statistics_get(context, &after), NUMC_OK);
    assert_true(after.bytes_live == before.bytes_live);
    assert_true(after.kernels_run == before.kernels_run + 1);
    assert_values(x, 1, 2, 3, 4, 5, 6);
    assert_null(numc_negative(old));
    assert_error(context, NUMC_DEAD_ARRAY, "array #");
    numc_array *view = numc_index(x, NUMC_AT(0));
    assert_int_equal(numc_multiply_assign(&x, view), NUMC_OK); /* of its own memory: no write is seen through the view */
    assert_values(view, 1, 2, 3);
    assert_values(x, 1, 4, 9, 4, 10, 18);
    assert_int_equal(numc_subtract_assign(&x, x), NUMC_OK);
    assert_values(x, 0, 0, 0, 0, 0, 0);
    numc_array *kept = numc_keep(x);
    assert_int_equal(numc_subtract_assign(&x, numc_arange(context, NUMC_INT64, 0, 3, 1)), NUMC_OK);
    assert_values(kept, 0, 0, 0, 0, 0, 0);
    assert_values(x, 0, -1, -2, 0, -1, -2);
    numc_release(kept);
    assert_int_equal(numc_array_dtype(x), NUMC_FLOAT32);
    numc_array *i = counting(context, NUMC_UINT8, NUMC_SHAPE(3));
    assert_int_equal(numc_add_assign(&i, 9), NUMC_OK);
    assert_int_equal(numc_floor_divide_assign(&i, 2), NUMC_OK);
    assert_int_equal(numc_remainder_assign(&i, 3), NUMC_OK);
    assert_values(i, 1, 2, 2);
    assert_int_equal(numc_pow_assign(&i, 3), NUMC_OK);
    assert_int_equal(numc_bitwise_or_assign(&i, 16), NUMC_OK);
    assert_int_equal(numc_bitwise_and_assign(&i, 25), NUMC_OK);
    assert_int_equal(numc_bitwise_xor_assign(&i, 1), NUMC_OK);
    assert_int_equal(numc_bitwise_left_shift_assign(&i, 2), NUMC_OK);
    assert_int_equal(numc_bitwise_right_shift_assign(&i, 1), NUMC_OK);
    assert_values(i, 32, 50, 50);
    numc_array *f = numc_ones(context, NUMC_FLOAT64, NUMC_SHAPE(2, 2));
    assert_int_equal(numc_divide_assign(&f, 4), NUMC_OK);
    assert_int_equal(numc_matmul_assign(&f, numc_eye(context, NUMC_FLOAT64, 2, 2, 0)), NUMC_OK);
    assert_values(f, 0.25, 0.25, 0.25, 0.25);
    numc_array *zero = numc_number(context, NUMC_FLOAT64, 3.0), *empty = numc_zeros(context, NUMC_INT8, NUMC_SHAPE(0, 2));
    assert_int_equal(numc_add_assign(&zero, 1), NUMC_OK);
    assert_int_equal(numc_add_assign(&empty, 1), NUMC_OK);
    assert_values(zero, 4);
    assert_ok(context);
    /* refused, and nothing changed */
    assert_int_equal(numc_divide_assign(&i, 2), NUMC_DTYPE);
    assert_error(context, NUMC_DTYPE, "uint8[3] would become");
    assert_int_equal(numc_add_assign(&i, f), NUMC_SHAPE);
    assert_error(context, NUMC_SHAPE, "do not broadcast");
    assert_int_equal(numc_add_assign(&zero, f), NUMC_SHAPE);
    assert_error(context, NUMC_SHAPE, "would become float64[2, 2]");
    assert_int_equal(numc_add_assign(&i, numc_number(context, NUMC_INT16, 1)), NUMC_DTYPE);
    assert_error(context, NUMC_DTYPE, "would become int16[3]");
    assert_values(i, 32, 50, 50);
    numc_array *nothing = NULL;
    assert_int_equal(numc_add_assign(&nothing, 1), NUMC_INVALID_ARGUMENT);
    assert_int_equal(numc_matmul_assign(&f, NULL), NUMC_INVALID_ARGUMENT);
    numc_error_clear(context);
    /* an outer scope's array, written in an inner one: as numc_index_assign, the new one is the inner scope's */
    numc_array *outer = numc_add(f, 0), *escaped = outer;
    numc_scope(context) {
        assert_int_equal(numc_add_assign(&escaped, 1), NUMC_OK);
        assert_values(escaped, 1.25, 1.25, 1.25, 1.25);
    }
    assert_null(numc_negative(escaped));
    assert_error(context, NUMC_DEAD_ARRAY, "array #");
}

static void masks_of_every_rank(void **state)
{
    numc_context *context = *state;
    numc_array *x = counting(context, NUMC_INT32, NUMC_SHAPE(2, 3));
    numc_array *yes = numc_number(context, NUMC_BOOL, (bool)1), *no = numc_number(context, NUMC_BOOL, (bool)0);
    assert_shape(numc_index(x, NUMC_PICK(yes)), 3, (const int64_t[]){1, 2, 3});
    assert_shape(numc_index(x, NUMC_PICK(no)), 3, (const int64_t[]){0, 2, 3});
    numc_array *none = numc_zeros(context, NUMC_BOOL, NUMC_SHAPE(0));
    assert_shape(numc_index(x, NUMC_PICK(none)), 2, (const int64_t[]){0, 3});
    assert_shape(numc_index(x, NUMC_PICK(numc_zeros(context, NUMC_BOOL, NUMC_SHAPE(2, 0)))), 1, (const int64_t[]){0});
    numc_array *first = numc_equal(numc_arange(context, NUMC_INT32, 0, 2, 1), 1);
    assert_values(numc_index(x, NUMC_PICK(first)), 3, 4, 5);
    assert_values(numc_index_update(x, 9, NUMC_PICK(yes)), 9, 9, 9, 9, 9, 9);
    assert_values(numc_index_update(x, 9, NUMC_PICK(no)), 0, 1, 2, 3, 4, 5);
    assert_values(numc_index_update(x, 9, NUMC_PICK(none)), 0, 1, 2, 3, 4, 5);
    assert_values(numc_index_update(x, numc_arange(context, NUMC_INT8, 7, 10, 1), NUMC_PICK(first)), 0, 1, 2, 7, 8, 9);
    numc_array *values = numc_arange(context, NUMC_INT64, 10, 13, 1);
    assert_values(numc_index_update(x, values, NUMC_PICK(numc_equal(numc_remainder(x, 2), 1))), 0, 10, 2, 11, 4, 12);
    assert_ok(context);
    assert_null(numc_index(x, NUMC_PICK(numc_zeros(context, NUMC_BOOL, NUMC_SHAPE(3)))));
    assert_error(context, NUMC_INDEX, "a mask of shape [3]");
    assert_null(numc_index(x, NUMC_PICK(numc_zeros(context, NUMC_BOOL, NUMC_SHAPE(2, 3, 1)))));
    assert_error(context, NUMC_INDEX, "a mask of shape");
}

static void inspected(void **state)
{
    numc_context *context = *state;
    const numc_capabilities can = numc_info_capabilities();
    assert_true(can.boolean_indexing && can.data_dependent_shapes && can.max_dimensions == 32);
    char expected[32];
    snprintf(expected, sizeof expected, "%s:0", test_backend());
    assert_string_equal(numc_info_default_device(context), expected);
    const char *names[2] = {NULL, NULL};
    assert_int_equal(numc_info_devices(context, names, 2), 1);
    assert_string_equal(names[0], expected);
    assert_null(names[1]);
    const numc_default_dtypes defaults = numc_info_default_dtypes(context);
    assert_int_equal(defaults.real_floating, NUMC_FLOAT64);
    assert_int_equal(defaults.complex_floating, NUMC_COMPLEX128);
    assert_int_equal(defaults.integral, NUMC_INT64);
    assert_int_equal(defaults.indexing, NUMC_INT64);
    numc_dtype dtypes[13];
    assert_int_equal(numc_info_dtypes(context, 0, dtypes), 13);
    assert_int_equal(numc_info_dtypes(context, NUMC_KIND_UNSIGNED | NUMC_KIND_BOOL, dtypes), 5);
    assert_int_equal(dtypes[0], NUMC_BOOL);
    assert_int_equal(dtypes[4], NUMC_UINT64);
    numc_array *x = counting(context, NUMC_INT16, NUMC_SHAPE(2, 2));
    assert_string_equal(numc_array_device(x), expected);
    assert_null(numc_array_device(NULL));
    assert_null(numc_info_default_device(NULL));
    numc_context *other = numc_open(&(numc_options){.backend = "ref"});
    numc_array *there = numc_to_device(numc_flip(x, NUMC_AXES(1)), other);
    assert_ptr_equal(numc_array_context(there), other);
    assert_values(there, 1, 0, 3, 2);
    assert_int_equal(numc_array_dtype(there), NUMC_INT16);
    assert_values(numc_to_device(x, context), 0, 1, 2, 3);
    assert_null(numc_to_device(NULL, other));
    assert_error(other, NUMC_INVALID_ARGUMENT, "there is no array");
    numc_close(other);
    assert_ok(context);
    assert_true(NUMC_PI == acos(-1) && NUMC_E == exp(1) && isinf(NUMC_INF) && isnan(NUMC_NAN));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(long_ranges),
        TEST(numbers_beyond_int64),
        TEST(ranges_are_exact),      TEST(created_like_another), TEST(common_types),
        TEST(lists_of_axes),         TEST(repeats_of_their_own), TEST(numbers_among_arrays),
        TEST(options_that_do_not_apply), TEST(in_place),         TEST(masks_of_every_rank),
        TEST(inspected),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
